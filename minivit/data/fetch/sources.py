"""What is known of each data set that has a name: its files and where they can be had, its classes, its licence."""

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """name      without .gz for IDX files, which may be compressed: every mirror compresses them in its own way
    size      bytes of what is hashed
    sha256    of an archive as it is, of an IDX file decompressed
    archive   a .tar.gz, whose name is complete"""

    name: str
    size: int
    sha256: str
    archive: bool = False

    @property
    def remote_name(self):
        return self.name if self.archive else f"{self.name}.gz"


@dataclass(frozen=True)
class Source:
    """train, test   numbers of images
    shape         (height, width, channels)
    classes       label i is classes[i]
    files         File, none for what comes with minivit; of IDX files: training images and labels, test images and labels
    addresses     folders on the web, the first to be tried first"""

    train: int
    test: int
    shape: tuple
    classes: tuple
    licence: str
    files: tuple = ()
    addresses: tuple = ()


def _idx_files(*digests):
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    sizes = (47_040_016, 60_008, 7_840_016, 10_008)
    return tuple(File(name, size, digest) for name, size, digest in zip(names, sizes, digests, strict=True))


DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
CIFAR10 = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
CIFAR100 = tuple(
    name.replace("_", " ")
    for name in (
        "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle "
        "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish "
        "forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle "
        "mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine "
        "possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar "
        "sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale "
        "willow_tree wolf woman worm"
    ).split()
)

SOURCES = {
    "digits": Source(1437, 360, (8, 8, 1), DIGITS, "CC BY 4.0"),
    "fashion-mini": Source(4000, 1000, (28, 28, 1), CLOTHES, "MIT"),
    "canvases": Source(1437, 1000, (32, 32, 1), DIGITS, "CC BY 4.0"),  # one to three to find on each
    "canvases-clothes": Source(4000, 1000, (32, 32, 1), CLOTHES, "MIT"),
    "mnist": Source(
        60_000,
        10_000,
        (28, 28, 1),
        DIGITS,
        "CC BY-SA 3.0",
        _idx_files(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    ),
    "fashion-mnist": Source(
        60_000,
        10_000,
        (28, 28, 1),
        CLOTHES,
        "MIT",
        _idx_files(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        (
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
    ),
    "cifar10": Source(
        50_000,
        10_000,
        (32, 32, 3),
        CIFAR10,
        "none stated",
        (
            File(
                "cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                archive=True,
            ),
        ),
        ("https://www.cs.toronto.edu/~kriz/",),
    ),
    "cifar100": Source(
        50_000,
        10_000,
        (32, 32, 3),
        CIFAR100,
        "none stated",
        (
            File(
                "cifar-100-binary.tar.gz",
                168_513_733,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
                archive=True,
            ),
        ),
        ("https://www.cs.toronto.edu/~kriz/",),
    ),
}
