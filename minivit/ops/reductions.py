"""Sum, mean and maximum over some axes. `axis=None` takes all of them; `keepdims=True` leaves each as an axis of size 1.

Backward of a reduction spreads: every entry that went into a result receives that result's gradient.
"""

import math

from numpy.lib.array_utils import normalize_axis_tuple

from ..backend import array_module
from ..checks import YES_OR_NO
from ..engine import op

KEEPDIMS = {"keepdims": YES_OR_NO}


def _axes(x, axis):
    """The reduced axes as a tuple of non-negative ints."""
    return normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)


def _not_empty(name, x, axes):
    if any(x.shape[a] == 0 for a in axes) and all(n for i, n in enumerate(x.shape) if i not in axes):
        raise ValueError(f"{name} over axes {axes} of shape {x.shape}: there is no number to take it of")


def _kept(x, axes):
    """The shape of the result with keepdims=True."""
    return tuple(1 if i in axes else n for i, n in enumerate(x.shape))


@op(choices=KEEPDIMS)
def sum(x, axis=None, keepdims=False):
    """y = sum of x over the axes.   dx = dy, spread over them."""
    axes = _axes(x, axis)

    def backward(dy):
        return array_module(dy).broadcast_to(dy.reshape(_kept(x, axes)), x.shape)

    return x.sum(axis=axes, keepdims=keepdims), backward


@op(choices=KEEPDIMS)
def mean(x, axis=None, keepdims=False):
    """y = sum of x over the axes / n, for n entries in each sum.   dx = dy / n, spread over them."""
    axes = _axes(x, axis)
    _not_empty("mean", x, axes)
    n = math.prod(x.shape[a] for a in axes)

    def backward(dy):
        return array_module(dy).broadcast_to((dy / n).reshape(_kept(x, axes)), x.shape)

    return x.mean(axis=axes, keepdims=keepdims), backward


@op(choices=KEEPDIMS)
def max(x, axis=None, keepdims=False):
    """y = the largest entry of x over the axes.   dx = dy at the largest entry, 0 elsewhere; k equal ones get dy / k each."""
    axes = _axes(x, axis)
    _not_empty("max", x, axes)
    largest = x.max(axis=axes, keepdims=True)

    def backward(dy):
        at_largest = (x == largest).astype(x.dtype)
        return at_largest * (dy.reshape(largest.shape) / at_largest.sum(axis=axes, keepdims=True))

    return largest if keepdims else largest.squeeze(axes), backward
