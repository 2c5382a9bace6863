"""Data sets: images as float32 arrays (N, H, W, C), labels as whole numbers, and a test set that stays apart."""

from dataclasses import dataclass

import numpy as np

from ..backend import array_module
from ..checks import check_labels


@dataclass(frozen=True, repr=False)
class Dataset:
    """Raises ValueError for an empty part, for a label that is no class, or for a mean or std that is no number.

    train_images, test_images   (N, H, W, C), grey values or colours from 0 to 1, not normalised
    train_labels, test_labels   (N,) whole numbers; label i is classes[i]
    mean, std                   of the training pixels, one number a channel
    reading                     how a picture becomes one of these images, if a folder says it (see photographs.py)
    notes                       what a person should know of them before training, a sentence each
    """

    name: str
    classes: tuple
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    mean: tuple
    std: tuple
    reading: dict | None = None
    notes: tuple = ()

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
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all() and np.min(self.std) > 0):
            raise ValueError(f"data set {self.name!r}: mean {self.mean} and std {self.std} must be numbers, and std above 0")

    def __repr__(self):
        height, width, channels = self.train_images.shape[1:]
        parts = f"{len(self.train_images):,} training and {len(self.test_images):,} test images"
        return f"Dataset {self.name!r}: {parts}, {height} x {width} x {channels}, {len(self.classes)} classes"

    def normalise(self, images):
        """Images to mean 0 and standard deviation 1, channel by channel, by the training set's figures: what the model reads."""
        return normalise(images, self.mean, self.std)


def normalise(images, mean, std):
    """(images - mean) / std in float32, channel by channel."""
    xp = array_module(images)
    return (images - xp.asarray(mean, np.float32)) / xp.asarray(std, np.float32)


def moments(images):
    """(mean, std) of the channels of (N, H, W, C), two tuples of floats, summed in float64. A channel that never changes has
    nothing to be divided by: its std is given as 1."""
    total, squares = np.zeros(images.shape[-1]), np.zeros(images.shape[-1])
    for start in range(0, len(images), 1000):  # in pieces: a float64 copy of everything would double the memory
        pixels = images[start : start + 1000].reshape(-1, images.shape[-1]).astype(np.float64)
        total += pixels.sum(axis=0)
        squares += (pixels**2).sum(axis=0)
    count = images.size / images.shape[-1]
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return tuple(mean.tolist()), tuple(np.where(std > 1e-6, std, 1).tolist())


def from_pixels(name, classes, train_images, train_labels, test_images, test_labels, **more):
    """A Dataset of images (N, H, W) or (N, H, W, C), whole numbers from 0 to 255 (uint8) or float32 from 0 to 1, and labels of
    any whole numbers; mean and std are those of the training images. `more`: other fields of
    Dataset, by name. Raises ValueError as Dataset does."""
    parts = []
    for images, labels in ((train_images, train_labels), (test_images, test_labels)):
        if images.dtype == np.uint8:
            images = np.divide(images, np.float32(255), dtype=np.float32)
        parts += [images[..., None] if images.ndim == 3 else images, labels.astype(np.int64)]
    mean, std = moments(parts[0]) if parts[0].size else ((0.0,), (1.0,))  # Dataset refuses an empty part by name
    return Dataset(name, tuple(classes), *parts, mean=mean, std=std, **more)


def stratified_test_mask(labels, count, rng):
    """True for `count` images, drawn so that each class keeps its share; the classes with the largest remainders round up."""
    shares = np.bincount(labels) * count / len(labels)
    counts = shares.astype(int)
    counts[np.argsort(counts - shares, kind="stable")[: count - counts.sum()]] += 1
    mask = np.zeros(len(labels), dtype=bool)
    for label, n in enumerate(counts):
        mask[rng.permutation(np.flatnonzero(labels == label))[:n]] = True
    return mask
