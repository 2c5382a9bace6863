"""Noise that regularises: dropout and drop_path. Both take their random numbers from a Generator on the host, so that a
CPU and a GPU see the same ones, and neither does anything at rate 0."""

import numpy as np

from ..backend import array_module
from ..checks import number, random_numbers
from ..engine import op


def _mask(shape, rate, rng, like):
    """1 / (1 - rate) where kept, 0 where dropped, so that the expected value stays what it was."""
    rate = number("rate", rate, below=1)
    keep = random_numbers(rng).random(shape, dtype=np.float32) >= rate  # a Generator passes through default_rng
    return array_module(like).asarray(keep.astype(like.dtype) / (1 - rate))


@op
def dropout(x, rate, rng):
    """Every entry is zeroed with probability `rate`, and the others divided by 1 - rate (Srivastava et al. 2014).
    y = x * m,  dx = dy * m,  m = 1 / (1 - rate) with probability 1 - rate, else 0. rng is a Generator, or an int: the same int
    gives the same mask again. Raises ValueError unless 0 <= rate < 1."""
    m = _mask(x.shape, rate, rng, x)

    def backward(dy):
        return dy * m

    return x * m, backward


@op
def drop_path(x, rate, rng):
    """Dropout of whole images: x (B, ...) is what a block adds to the residual stream, and with probability `rate` an
    image skips the block (stochastic depth, Huang et al. 2016, arXiv 1603.09382).   y = x * m,  dx = dy * m, m (B, 1, ...)."""
    if not x.ndim:
        raise ValueError("drop_path takes an array (batch, ...); got a single number")
    m = _mask((len(x),) + (1,) * (x.ndim - 1), rate, rng, x)

    def backward(dy):
        return dy * m

    return x * m, backward
