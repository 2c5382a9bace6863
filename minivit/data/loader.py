"""A data set in batches."""

from ..backend import array_module


def batches(images, labels, batch_size, rng=None):
    """(images, labels) of `batch_size` at a time, the last batch with what is left; in random order if `rng`, a numpy
    Generator, is given, else as they stand. Every image comes once. Of arrays on a GPU, only the indices travel."""
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
    order = None if rng is None else rng.permutation(len(images))
    for start in range(0, len(images), batch_size):
        chosen = slice(start, start + batch_size)
        if order is not None:
            chosen = array_module(images).asarray(order[chosen])
        yield images[chosen], labels[chosen]
