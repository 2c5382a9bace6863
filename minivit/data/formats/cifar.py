"""CIFAR's binary archives: records of a label (CIFAR-100: a coarse one, then the fine one that is used here) and 3,072 pixels,
the red ones first, then green and blue, row by row."""

import numpy as np

MEMBERS = {  # the last one holds the test images
    "cifar10": (*(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)), "cifar-10-batches-bin/test_batch.bin"),
    "cifar100": ("cifar-100-binary/train.bin", "cifar-100-binary/test.bin"),
}
PIXELS = 3 * 32 * 32
SLACK = 2 << 20  # bytes for tar's headers and the small text files beside the images


class _Bounded:
    """A stream that refuses to give more than `left` bytes."""

    def __init__(self, stream, left):
        self.stream, self.left = stream, left

    def read(self, size):
        piece = self.stream.read(min(size, self.left + 1))
        self.left -= len(piece)
        if self.left < 0:
            raise ValueError("it decompresses to more than it should")
        return piece


def read(path, name, images):
    """(train_images, train_labels, test_images, test_labels) from the .tar.gz at `path`: images uint8 (N, 32, 32, 3),
    labels int64. name: cifar10 or cifar100; images: how many there must be in all.

    The archive is read from its beginning to its end and nothing is extracted: a member is known by its name, or passed
    over. Raises ValueError, with the path, for anything else than so many records."""
    import gzip
    import tarfile

    record = PIXELS + (2 if name == "cifar100" else 1)
    parts = {}
    try:
        with gzip.open(path) as raw, tarfile.open(fileobj=_Bounded(raw, images * record + SLACK), mode="r|") as archive:
            for member in archive:
                if member.name not in MEMBERS[name]:
                    continue
                if not member.isreg() or member.name in parts:
                    raise ValueError(f"{member.name} is no plain file, or is there twice")
                if member.size % record or not 0 < member.size <= images * record:
                    raise ValueError(f"{member.name} has {member.size:,} bytes, not a number of records of {record:,}")
                data = archive.extractfile(member).read()
                if len(data) != member.size:
                    raise ValueError(f"{member.name} is cut short")
                parts[member.name] = _images_and_labels(data, record)
    except Exception as error:  # gzip, zlib and tarfile raise a different class for each kind of damage
        raise ValueError(f"{path} is no archive of {name}, or it is damaged: {error}") from None
    missing = [member for member in MEMBERS[name] if member not in parts]
    count = sum(len(labels) for _, labels in parts.values())
    if missing or count != images:
        raise ValueError(f"{path} lacks {missing[0] if missing else f'images: it has {count:,}, not {images:,}'}")
    *train, test = (parts.pop(member) for member in MEMBERS[name])
    pixels, labels = zip(*train, strict=True)
    return np.concatenate(pixels), np.concatenate(labels), *test


def _images_and_labels(data, record):
    table = np.frombuffer(data, np.uint8).reshape(-1, record)
    planes = table[:, -PIXELS:].reshape(-1, 3, 32, 32)
    return planes.transpose(0, 2, 3, 1).copy(), table[:, -PIXELS - 1].astype(np.int64)
