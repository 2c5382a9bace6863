"""Data sets of images in which there are several things, each with a box around it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .datasets import normalise

NOTHING = -1  # in the place of a class: no object


@dataclass(frozen=True, repr=False)
class Scenes:
    """Labels are rows (class, cx, cy, w, h), (N, M, 5) in float32, M the most objects of an image: the box's centre, width and
    height in fractions of the image; class -1, and zeros, where there is no object. Raises ValueError for labels of another
    form, a class that there is not, or a box that has no size or leaves the image.

    test_images     (N, H, W, C), grey values or colours from 0 to 1, not normalised
    train_images    of the same kind, with labels (N, M, 5); or what `compose` makes scenes of, with a class each
    compose         (images, labels, rng) -> (images (B, H, W, C), labels (B, M, 5)); without one, the training images are scenes
    mean, std       of the training pixels, one number a channel
    """

    name: str
    classes: tuple
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    mean: tuple
    std: tuple
    compose: Callable | None = None
    reading: dict | None = None
    notes: tuple = ()

    def __post_init__(self):
        parts = [("test", self.test_images, self.test_labels)]
        parts += [] if self.compose else [("training", self.train_images, self.train_labels)]
        for part, images, labels in parts:
            if not len(images) or labels.shape[::2] != (len(images), 5) or labels.ndim != 3:
                raise ValueError(
                    f"data set {self.name!r}: its {part} part needs images, and labels (images, most objects, 5); got "
                    f"{images.shape} and {labels.shape}"
                )
            check_boxes(labels, len(self.classes), f"data set {self.name!r}, {part} part")

    def __repr__(self):
        height, width, channels = self.test_images.shape[1:]
        parts = f"{len(self.train_images):,} for training and {len(self.test_images):,} test images"
        return f"Scenes {self.name!r}: {parts}, {height} x {width} x {channels}, {len(self.classes)} classes, with boxes"

    def scenes(self, images, labels, rng):
        """(images (B, H, W, C), labels (B, M, 5)) of some of the training part: as they are, or made of them."""
        return self.compose(images, labels, rng) if self.compose else (images, labels)

    def normalise(self, images):
        """Images to mean 0 and standard deviation 1, channel by channel, by the training set's figures: what the model reads."""
        return normalise(images, self.mean, self.std)


def check_boxes(labels, classes, where):
    """Raises ValueError for the first object whose class or box cannot be."""
    label, centre, size = labels[..., 0], labels[..., 1:3], labels[..., 3:]
    there = label != NOTHING
    fits = (size > 0).all(axis=-1) & (centre - size / 2 > -1e-3).all(axis=-1) & (centre + size / 2 < 1 + 1e-3).all(axis=-1)
    wrong = np.argwhere(there & ~(fits & (label >= 0) & (label < classes) & (label == np.round(label))))
    if len(wrong):
        image, number = wrong[0]
        raise ValueError(
            f"{where}: object {number} of image {image} is {labels[image, number].tolist()}; it must be a class from 0 to "
            f"{classes - 1}, and a box (cx, cy, w, h) within the image, in fractions of it, wider and higher than 0"
        )
