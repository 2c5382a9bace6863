"""Data sets in words: the lines of `python -m minivit data`."""

import numpy as np

from .fetch import copies
from .fetch.sources import SOURCES
from .scenes import NOTHING, Scenes


def where(name, data_dir=None):
    """Where the files of a data set are, in words."""
    if not SOURCES[name].files:
        return "comes with minivit"
    found = copies.find(name, data_dir)
    if None not in found.values():
        return str(next(iter(found.values())).parent)
    return f"downloaded on request into {copies.cache_folder() / name}"


def table(data_dir=None):
    """A line for every data set that has a name."""
    yield "name             training    test  size         classes  licence       where"
    for name, source in SOURCES.items():
        size = " x ".join(map(str, source.shape))
        yield (
            f"{name:15}  {source.train:8,}  {source.test:6,}  {size:11}  {len(source.classes):7}  {source.licence:12}  "
            f"{where(name, data_dir)}"
        )


def summary(dataset):
    """How many images of each class, the moments of the training pixels, and what a person should know of them."""
    height, width, channels = dataset.test_images.shape[1:]
    order = "" if height == width else " (height x width)"
    yield f"{dataset.name}: images of {height} x {width}{order}, {channels} {'channel' if channels == 1 else 'channels'}\n"
    counts = [_of_each(labels, len(dataset.classes)) for labels in (dataset.train_labels, dataset.test_labels)]
    width = max(5, *map(len, dataset.classes))
    yield f"{'class':{width}}  training    test"
    for name, train, test in zip(dataset.classes, *counts, strict=True):
        yield f"{name:{width}}  {train:8,}  {test:6,}"
    yield f"{'all':{width}}  {counts[0].sum():8,}  {counts[1].sum():6,}"
    yield f"\nmean {', '.join(f'{x:.4f}' for x in dataset.mean)}; standard deviation {', '.join(f'{x:.4f}' for x in dataset.std)}"
    if dataset.notes:
        yield "\n" + "\n".join(dataset.notes)
    if isinstance(dataset, Scenes):
        found = (dataset.test_labels[..., 0] != NOTHING).sum(axis=1)
        own = "under training are the single images of which canvases are made as it goes on, under test the things on canvases"
        yield f"\n{own if dataset.compose else 'counted are things in their boxes'}; a test image shows {_between(found)}"


def _between(numbers):
    """How many things there are in an image."""
    low, high = int(numbers.min()), int(numbers.max())
    if low == high:
        return f"{low} thing{'s' * (low != 1)}"
    return f"{low} to {high} things, {numbers.mean():.1f} on average"


def _of_each(labels, classes):
    """How many there are of each class: images, or objects in them."""
    labels = labels[..., 0] if labels.ndim == 3 else labels
    return np.bincount(labels[labels != NOTHING].astype(int), minlength=classes)
