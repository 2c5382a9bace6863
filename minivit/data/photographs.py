"""A picture of any size becomes one of the size that a model reads: its shorter side is resized, and the middle is cut out; where
there are boxes, the whole of it is squeezed, so that nothing is lost and fractions stay fractions.

How a folder's pictures were read is kept beside the data, and with a model that learned from them, as a dictionary, `reading`
(a pretrained model's says other things: see preparation.py):

    resized   whether they were brought to another size than their own
    grey      whether they were made grey, also for a model that reads colours; may be missing: if it reads one channel
    whole     whether that was done without cutting anything away; may be missing: false
    inverted  whether dark on light was made light on dark: for all of them or for none
    span      [low, high], the numbers that are black and white in files of whole numbers or floats; None where there were none
"""

import math

import numpy as np

from . import preparation
from .opening import decode, quiet, shades, span


def fitted(picture, height, width, channels, whole=False):
    """uint8 (H, W, C) of a picture that `decode` gives, or, for one in mode F, float32 (H, W, 1) with its own numbers."""
    from PIL import Image, ImageOps

    kind = _filter((picture.height, picture.width), (height, width))
    if picture.size != (width, height):
        picture = picture.resize((width, height), kind) if whole else ImageOps.fit(picture, (width, height), kind)
    if picture.mode == "F":
        return np.array(picture)[..., None]
    if picture.mode == "RGBA":  # what is transparent is paper
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return np.array(picture.convert("L" if channels == 1 else "RGB")).reshape(height, width, channels)


def _filter(old, new):
    """Pillow's filter from one (height, width) to another: where both sides shrink, pixels are averaged."""
    from PIL.Image import Resampling

    return Resampling.BOX if min(old[0] / new[0], old[1] / new[1]) > 1 else Resampling.BILINEAR


def resized(images, size):
    """Images (N, H, W, C) squeezed or stretched to size (height, width), in float32; where they shrink, pixels are averaged."""
    from PIL import Image

    kind = _filter(images.shape[1:3], size)
    bands = np.moveaxis(images.astype(np.float32, copy=False), 3, 1).reshape(-1, *images.shape[1:3])  # (N C, H, W)
    made = np.stack([np.asarray(Image.fromarray(band).resize(size[::-1], kind)) for band in bands])
    return np.ascontiguousarray(np.moveaxis(made.reshape(len(images), -1, *size), 1, 3))


def read_fitted(path, height, width, channels):
    """The same from a file; to be called in `quiet()`. Raises ValueError as opening.upright does."""
    return fitted(decode(path, 2 * max(height, width))[0], height, width, channels)


def edges_are_light(images):
    """Whether most of the grey images (N, H, W, 1) are light along their edge: dark on light."""
    edge = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)[..., 0]
    return bool((np.median(edge, axis=1) > 127.5).mean() > 0.5)


def checked(reading):
    """The reading, or None where there is none. Raises ValueError for what is none, as another program may have written it."""
    if reading is None:
        return None
    if preparation.is_one(reading):
        return preparation.checked(reading)
    limits = reading.get("span") if isinstance(reading, dict) else ()
    numbers = isinstance(limits, list | tuple) and len(limits) == 2 and all(isinstance(x, int | float) for x in limits)
    if (limits is not None and not (numbers and -math.inf < limits[0] < limits[1] < math.inf)) or not all(
        isinstance({"whole": False, "grey": False, **reading}.get(name), bool)
        for name in ("resized", "inverted", "whole", "grey")
    ):
        raise ValueError(f"how its pictures were read is told as {reading!r:.60}, which is no such thing: train it again")
    return reading


def read_as_trained(path, config, reading):
    """(image of the model's size (H, W, C) with values 0 to 1, notes on what was done to the file) as the pictures of the folder
    were read that the model learned from. Raises ValueError as opening.upright does, or for a reading that is none."""
    reading = checked(reading)
    if preparation.is_one(reading):
        return preparation.read(path, config, reading)
    (height, width), whole = config.image_size, reading.get("whole", False)
    grey = config.channels == 1 or reading.get("grey", False)
    with quiet():
        picture, size = decode(path, 2 * max(height, width))
        if picture.mode == "F":
            picture = shades(picture, reading["span"] or span([picture]))
        pixels = fitted(picture, height, width, 1 if grey else config.channels, whole)
    notes = [f"{size[0]} x {size[1]} pixels", *(["grey"] if grey else [])]
    if grey and reading["inverted"]:
        pixels = 255 - pixels
        notes.append("inverted, as the training pictures were")
    if size != (width, height):
        middle = not whole and abs(size[0] * height - size[1] * width) >= max(size) * max(height, width) / 50
        notes.append(f"{'the middle of it ' if middle else ''}resized to {width} x {height}")
    if pixels.max() == pixels.min():
        notes.append("one colour all over")
    image = np.divide(pixels, np.float32(255), dtype=np.float32)
    return np.broadcast_to(image, (height, width, config.channels)), notes
