"""The ink of a digit, written as a data set's digits are: in their box, with their strokes, in their greys."""

import numpy as np

FINE = 128  # pixels of the longer side while strokes are made thicker or thinner
# The bitmaps behind the data set `digits`
AREA = 0.305  # of 32 x 32 pixels are ink: the mean over the training images, from which no digit's own mean is far
BOX = 20  # pixels that the wider digits are wide, of 32
STRETCH = 1.5  # a narrow digit is made wider by as much, at most
# MNIST
STROKE = 2.2, 3.6  # pixels of 28, between which a stroke's thickness is left as it is


def as_digits(ink):
    """(image (8, 8) from 0 to 1, notes, steps) of ink (h, w), as the forms behind the data set `digits` were read.

    Its bitmaps have 32 x 32 pixels. A digit fills 20 x 32 of them, and is stretched to that; it is sheared until its leftmost
    points at the top and at the bottom stand one above the other; and its strokes were thinned or thickened until about AREA of
    all pixels were ink, whatever the digit. Each grey is the sum of 4 x 4 pixels."""
    upright = sheared(_large(ink))
    written, change = _with_strokes(upright, lambda mask: _boxed_area(mask) - AREA)
    box = written.getbbox()
    small = np.asarray(written.crop(box).resize(_box(box), _resampling().BOX)) > 127
    page = np.zeros((32, 32), np.float32)
    left = (32 - small.shape[1]) // 2
    page[:, left : left + small.shape[1]] = small
    image = page.reshape(8, 4, 8, 4).mean(axis=(1, 3))
    return image, ["set upright", *change, "8 x 8 sums"], [("upright", upright), ("32 x 32", page)]


def as_mnist(ink):
    """(image (28, 28) from 0 to 1, notes, steps) of ink (h, w), as LeCun made MNIST: the longer side has 20 pixels, in greys, and
    the centre of the ink's mass is that of the image. Strokes far thinner or thicker than there are brought to STROKE."""
    large = _large(ink)
    low, high = (width * FINE / 20 for width in STROKE)

    def off(mask):
        width = _stroke_width(mask)
        return width - low if width < low else max(0.0, width - high)

    written, change = _with_strokes(large, off)
    cut = written.crop(written.getbbox())
    size = tuple(max(1, round(side * 20 / max(cut.size))) for side in cut.size)
    small = np.asarray(cut.resize(size, _resampling().BOX), dtype=np.float32) / 255
    place = []
    for axis, side in enumerate(small.shape):
        mass = float((small.sum(axis=1 - axis) * (np.arange(side) + 0.5)).sum() / max(small.sum(), 1e-6))
        place.append(int(np.clip(round(14 - mass), 0, 28 - side)))
    image = np.zeros((28, 28), np.float32)
    image[place[0] : place[0] + small.shape[0], place[1] : place[1] + small.shape[1]] = small
    return image, [*change, "20 of 28 pixels high or wide, its mass in the middle"], [("its strokes", large)]


def sheared(mask):
    """The mask with its rows shifted evenly, until the leftmost ink of the lowest rows is as far left as that of the highest."""
    from PIL import Image

    dark = mask > 0.4
    rows = np.flatnonzero(dark.any(axis=1))
    depth = max(1, len(rows) // 16)
    above, below = (np.flatnonzero(dark[part].any(axis=0)).min() for part in (rows[:depth], rows[-depth:]))
    slope = float(np.clip((below - above) / max(rows[-1] - rows[0], 1), -0.6, 0.6))
    height, width = mask.shape
    margin = int(abs(slope) * height) + 1
    page = Image.new("L", (width + 2 * margin, height))
    page.paste(_image(mask), (margin, 0))
    rule = (1, slope, -slope * height / 2, 0, 1, 0)
    return np.asarray(page.transform(page.size, Image.Transform.AFFINE, rule, _resampling().BILINEAR), dtype=np.float32) / 255


def _with_strokes(mask, off):
    """(the mask as an image of 0 and 255, notes), grown or shrunk pixel by pixel until off(image), below 0 for too thin and
    above 0 for too thick, is nearest to 0."""
    from PIL import ImageFilter

    image = _image(np.pad(mask > 0.4, FINE // 3).astype(np.float32))
    distance = off(image)
    grow = distance < 0
    change = ImageFilter.MaxFilter(3) if grow else ImageFilter.MinFilter(3)
    steps = 0
    for _ in range(FINE // 3 - 1):
        following = image.filter(change)
        now = off(following) if following.getbbox() else -distance
        if distance == 0 or ((now < 0) != grow and abs(now) >= abs(distance)):
            break
        image, distance, steps = following, now, steps + 1
        if (now < 0) != grow:
            break
    return image, [f"strokes made {'thicker' if grow else 'thinner'}"] * bool(steps)


def _stroke_width(image):
    """Twice the area by the length of the edge, in pixels."""
    from PIL import ImageFilter

    dark, inner = (np.asarray(each) > 127 for each in (image, image.filter(ImageFilter.MinFilter(3))))
    return 2 * dark.sum() / max(int((dark & ~inner).sum()), 1)


def _box(box):
    """(width, height) that a box (left, top, right, bottom) has within 20 x 32."""
    width, height = box[2] - box[0], box[3] - box[1]
    return max(2, 2 * round(min(BOX, STRETCH * 32 * width / height) / 2)), 32


def _boxed_area(image):
    """The share of 32 x 32 pixels that will be ink."""
    box = image.getbbox()
    width, height = _box(box)
    return (np.asarray(image.crop(box)) > 127).mean() * width * height / 1024


def _large(ink):
    """The ink (h, w) from 0 to 1, its longer side FINE pixels."""
    scale = FINE / max(ink.shape)
    size = tuple(max(1, round(side * scale)) for side in ink.shape[::-1])
    return np.asarray(_image(ink).resize(size, _resampling().BICUBIC), dtype=np.float32) / 255


def _image(values):
    from PIL import Image

    return Image.fromarray((np.asarray(values) * 255).clip(0, 255).round().astype(np.uint8))


def _resampling():
    from PIL import Image

    return Image.Resampling
