"""How each data set was made, done again to a person's picture."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .ink import NoDigit, find_ink, on_paper
from .strokes import as_digits, as_mnist


@dataclass(frozen=True)
class Road:
    """size (height, width) of the data set's images; prepare(picture in RGBA) gives (image (H, W), notes, steps) or raises
    NoDigit."""

    size: tuple
    prepare: Callable


def digit(write):
    def prepare(picture):
        ink, box, notes = find_ink(picture)
        image, more, steps = write(ink)
        cut = f"cut to {box[2] - box[0]} x {box[3] - box[1]} around the ink"
        return image, [*notes, cut, *more], [("its ink", ink), *steps]

    return prepare


def garment(picture):
    """As Fashion-MNIST's photographs were made: cut to the garment, the longer side 28 pixels, in the middle, and in negative
    where it lay on white."""
    from PIL import Image

    picture = picture.copy()
    picture.thumbnail((480, 480), Image.Resampling.BOX)
    pixels, notes = on_paper(np.asarray(picture, dtype=np.float32) / 255)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    behind = np.median(edge, axis=0)
    there = np.abs(pixels - behind).max(axis=-1) > 0.08
    rows, columns = (np.flatnonzero(there.mean(axis=axis) > 0.01) for axis in (1, 0))
    if not len(rows) or not len(columns):
        raise NoDigit("there is nothing on it: it is one colour all over")
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    grey = pixels[top:bottom, left:right] @ np.array([0.299, 0.587, 0.114], np.float32)
    dark = 0.299 * behind[0] + 0.587 * behind[1] + 0.114 * behind[2]
    if dark > 0.5:
        grey, dark, notes = 1 - grey, 1 - dark, [*notes, "inverted to light on dark"]
    grey = np.where(there[top:bottom, left:right], grey, 0)
    scale = 28 / max(grey.shape)
    size = tuple(max(1, round(side * scale)) for side in grey.shape[::-1])
    small = np.asarray(Image.fromarray(grey.astype(np.float32)).resize(size, Image.Resampling.BOX))
    image = np.zeros((28, 28), np.float32)
    y, x = (28 - small.shape[0]) // 2, (28 - small.shape[1]) // 2
    image[y : y + small.shape[0], x : x + small.shape[1]] = small.clip(0, 1)
    return image, [*notes, f"cut to {right - left} x {bottom - top}", "28 x 28, in the middle"], [("what is on it", grey)]


ROADS = {
    "digits": Road((8, 8), digit(as_digits)),
    "mnist": Road((28, 28), digit(as_mnist)),
    "fashion-mini": Road((28, 28), garment),
    "fashion-mnist": Road((28, 28), garment),
}
