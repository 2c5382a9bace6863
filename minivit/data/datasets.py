"""Data sets: images as float32 arrays (N, H, W, C), labels as whole numbers, and a test set that stays apart."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..backend import array_module
from ..ops.softmax import check_labels

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Dataset:
    """Raises ValueError for an empty part, or for a label that is no class.

    train_images, test_images   (N, H, W, C), grey values or colours from 0 to 1, not normalised
    train_labels, test_labels   (N,) whole numbers; label i is classes[i]
    mean, std                   of the training pixels, one number a channel
    """

    name: str
    classes: tuple
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    mean: tuple
    std: tuple

    def __post_init__(self):
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if not len(images):
                raise ValueError(f"data set {self.name!r}: its {part} part is empty; it needs at least one image")
            if images.ndim != 4:
                raise ValueError(f"data set {self.name!r}: images must be (N, height, width, channels); got {images.shape}")
            try:
                check_labels(labels, len(images), len(self.classes))
            except ValueError as error:
                raise ValueError(f"data set {self.name!r}, {part} part: {error}") from None

    def normalise(self, images):
        """Images to mean 0 and standard deviation 1, channel by channel, by the training set's figures: what the model reads."""
        return normalise(images, self.mean, self.std)


def normalise(images, mean, std):
    """(images - mean) / std in float32, channel by channel."""
    xp = array_module(images)
    return (images - xp.asarray(mean, np.float32)) / xp.asarray(std, np.float32)


def _digits():
    """1,797 handwritten digits of 8 x 8 pixels (Alpaydin and Kaynak 1998, CC BY 4.0), split into 1,437 and 360."""
    with np.load(HERE / "digits.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for part in ("train", "test"):
        arrays[f"{part}_images"] = (arrays[f"{part}_images"].astype(np.float32) / 16)[..., None]  # (N, 8, 8, 1)
        arrays[f"{part}_labels"] = arrays[f"{part}_labels"].astype(np.int64)
    pixels = arrays["train_images"]
    return Dataset("digits", tuple("0123456789"), **arrays, mean=(float(pixels.mean()),), std=(float(pixels.std()),))


LOADERS = {"digits": _digits}


def load(name):
    """The data set of that name; a ValueError lists the names."""
    if not isinstance(name, str) or name not in LOADERS:
        raise ValueError(f"there is no data set {name!r}; there is {', '.join(LOADERS)}")
    return LOADERS[name]()
