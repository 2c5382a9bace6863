"""A data set in batches."""

from ..backend import array_module
from ..checks import generator, whole


def batches(images, labels, batch_size, rng=None):
    """(images, labels) of `batch_size` at a time, the last batch with what is left; in random order if `rng`, a numpy
    Generator, is given, else as they stand. Every image comes once. Of arrays on a GPU, only the indices travel."""
    batch_size = whole("batch_size", batch_size, 1)
    if len(images) != len(labels):
        raise ValueError(f"there are {len(images)} images and {len(labels)} labels; each image has one")
    return _batches(images, labels, batch_size, rng if rng is None else generator("rng", rng))


def _batches(images, labels, batch_size, rng):
    order = None if rng is None else rng.permutation(len(images))
    for start in range(0, len(images), batch_size):
        chosen = slice(start, start + batch_size)
        if order is not None:
            chosen = array_module(images).asarray(order[chosen])
        yield images[chosen], labels[chosen]
