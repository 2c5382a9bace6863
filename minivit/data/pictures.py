"""A person's picture, made into what a model reads."""

from dataclasses import dataclass

import numpy as np

from .ink import NoDigit
from .opening import upright
from .photographs import read_as_trained, resized
from .roads import ROADS

SHADES = " .:-=+*#%@"


@dataclass(frozen=True)
class Prepared:
    """A picture made ready for a model: image (H, W, C) with values 0 to 1; notes, what was done; steps, [(what it is, an array
    (h, w), (h, w, 1) or (h, w, 3))] from the picture to the image, to be looked at."""

    image: np.ndarray
    notes: list
    steps: list


def prepare(path, config, data, reading=None):
    """`prepared` of the picture in a file; with the `reading` of a model that learned from a folder, as the pictures there were
    read. Raises ValueError, with the path, for a file that cannot be read, and for a picture in which there is no digit, or more
    than one."""
    picture, size = _opened(path)
    if reading is not None:
        image, notes = read_as_trained(path, config, reading)
        return Prepared(image, notes, [("the picture", _seen(picture)), ("what the model sees", image)])
    try:
        return prepared(picture, config, data, size)
    except NoDigit as error:
        raise ValueError(f"{path}: {error}") from None


def prepared(picture, config, data, size=None):
    """A person's picture, upright and in RGBA, made ready as the images of the data set `data` were, on which a model of this
    configuration was trained: a Prepared.

    Digits on paper: the ink is found, cut out, and written as the data set's digits are. Clothes: found against what is behind
    them, cut out, light on dark. All others, photographs and folders of one's own: the middle, resized. A picture that is an
    image of the data set, also enlarged, is read as it is. Raises NoDigit where there is no digit, or more than one."""
    size = size or picture.size  # of the file
    road = ROADS.get(data)
    if road is None:
        image, notes = _plain(picture, config.image_size, config.channels, size)
        steps = []
    elif (exact := _exact(picture, road.size)) is not None:
        image, notes = _plain(exact, road.size, 1, size)
        notes[0] += ", read as they are"
        steps = []
        if image.max() == image.min():
            raise NoDigit("there is nothing on it: it is one colour all over")
    else:
        image, done, steps = road.prepare(picture)
        notes = [f"{size[0]} x {size[1]} pixels", *done]
    image = np.ascontiguousarray(image if image.ndim == 3 else image[..., None], dtype=np.float32)
    if road is not None:
        image = np.repeat(image, config.channels, axis=2)  # (H, W, C): grey, also for a model that reads colours
    if image.shape[:2] != config.image_size:  # so were the data set's images when the model learned from them
        image = resized(image[None], config.image_size)[0]
        notes.append(f"resized to {config.image_size[1]} x {config.image_size[0]}")
    return Prepared(image, notes, [("the picture", _seen(picture)), *steps, ("what the model sees", image)])


def read_image(path, config, reading=None):
    """(image of the model's size (H, W, C) with values 0 to 1, notes on what was done to the file), the middle of the picture.

    With the `reading` of a model that learned from a folder, as the pictures there were read. Else grey if the model reads one
    channel, and then inverted if its edge is lighter than its middle tone, since the data sets are light on dark; resized with
    averaging. Raises ValueError for a file that is missing or no image."""
    if reading is not None:
        return read_as_trained(path, config, reading)
    picture, size = _opened(path)
    return _plain(picture, config.image_size, config.channels, size)


def _opened(path):
    """(the picture in a file, upright, in RGBA; its width and height, which may be larger than what was decoded)."""
    picture, size = upright(path)
    return picture.convert("RGBA"), size


def _plain(picture, image_size, channels, size):
    from PIL import Image

    white = Image.new("RGBA", picture.size, "white")
    whole = Image.alpha_composite(white, picture)  # what is transparent is paper
    notes = [f"{size[0]} x {size[1]} pixels"]
    height, width = image_size
    middle = _middle(*picture.size, width, height)
    if middle != (0, 0, *picture.size):
        whole = whole.crop(middle)
        notes.append("the middle")
    pixels = np.asarray(whole.convert("L" if channels == 1 else "RGB"), dtype=np.float32) / 255
    if channels == 1:
        notes.append("grey")
        edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        if np.median(edge) > 0.5:
            pixels = 1 - pixels
            notes.append("inverted to light on dark")
    if pixels.shape[:2] != (height, width):
        bands = [Image.fromarray(band) for band in np.moveaxis(np.atleast_3d(pixels), 2, 0)]
        pixels = np.stack([np.asarray(band.resize((width, height), Image.Resampling.BOX)) for band in bands], axis=-1)
        notes.append(f"resized to {width} x {height}")
    if pixels.max() == pixels.min():
        notes.append("one colour all over")
    return np.atleast_3d(pixels).astype(np.float32), notes


def _middle(width, height, wanted_width, wanted_height):
    """The largest box (left, top, right, bottom) of the wanted shape in the middle of a picture."""
    share = min(width / wanted_width, height / wanted_height)
    wide, high = (max(1, min(whole, round(share * part))) for whole, part in ((width, wanted_width), (height, wanted_height)))
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high


def _exact(picture, size):
    """The picture at the data set's own size, if it has that, or is such an image enlarged, in blocks or smoothly; else None."""
    from PIL import Image

    if picture.size == size[::-1]:
        return picture
    if picture.width * size[0] != picture.height * size[1] or picture.width < size[1]:
        return None
    looked_at = picture.convert("RGB")
    looked_at.thumbnail((256, 256))
    values = np.asarray(looked_at, dtype=np.float32)
    small = looked_at.resize(size[::-1], Image.Resampling.BOX)
    for way in (Image.Resampling.NEAREST, Image.Resampling.BICUBIC):
        off = np.abs(np.asarray(small.resize(looked_at.size, way), dtype=np.float32) - values)
        if off.sum() <= 0.16 * np.abs(values - np.median(values, axis=(0, 1))).sum():
            return picture.resize(size[::-1], Image.Resampling.BOX)
    return None


def _seen(picture):
    """The picture on white, small enough to be drawn, (h, w, 3)."""
    from PIL import Image

    whole = Image.alpha_composite(Image.new("RGBA", picture.size, (200, 200, 200)), picture).convert("RGB")
    whole.thumbnail((600, 600))
    return np.asarray(whole, dtype=np.float32) / 255


def sketch(image):
    """The image in characters, two a pixel, darker ones for brighter pixels; none for images too wide for a terminal."""
    if image.shape[1] > 32:
        return []
    levels = (image.mean(axis=-1).clip(0, 1) * (len(SHADES) - 1)).round().astype(int)
    return ["".join(SHADES[level] * 2 for level in row) for row in levels]
