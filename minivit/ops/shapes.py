"""Moving numbers without changing them: reshape, transpose, concatenate, getitem, broadcast_to.

Each backward moves the gradients the other way, and adds them where a number was used more than once.
"""

from numpy.lib.array_utils import normalize_axis_tuple

from ..backend import add_at, array_module
from ..engine import op, unbroadcast


@op
def reshape(x, shape):
    """y = x in another shape with as many entries; one length may be -1.   dx = dy in x's shape."""

    def backward(dy):
        return dy.reshape(x.shape)

    return x.reshape(shape), backward


@op
def transpose(x, axes=None):
    """y = x with its axes in the given order, y.shape[i] = x.shape[axes[i]]; None reverses them.
    dx = dy with the order undone."""
    axes = tuple(range(x.ndim))[::-1] if axes is None else normalize_axis_tuple(axes, x.ndim)
    if len(axes) != x.ndim:
        raise ValueError(f"transpose takes all {x.ndim} axes of shape {x.shape} in their new order; got {axes}")
    inverse = tuple(axes.index(i) for i in range(x.ndim))

    def backward(dy):
        return dy.transpose(inverse)

    return x.transpose(axes), backward


@op(constants=True)
def concatenate(*arrays, axis=0):
    """y = the arrays one after another along an axis.   Each receives its own part of dy."""
    if any(isinstance(array, list | tuple) for array in arrays):
        raise ValueError("concatenate takes the arrays one by one: concatenate(a, b, axis=0), not concatenate([a, b])")
    if not arrays:
        raise ValueError("concatenate takes the arrays one by one: concatenate(a, b, axis=0); got none")
    (axis,) = normalize_axis_tuple(axis, arrays[0].ndim)
    ends, end = [], 0
    for array in arrays:
        end += array.shape[axis]
        ends.append(end)

    def backward(dy):
        return tuple(array_module(dy).split(dy, ends[:-1], axis=axis))

    return array_module(arrays[0]).concatenate(arrays, axis=axis), backward


@op
def getitem(x, index):
    """y = x[index].   dx = 0 everywhere, and dy added at the index: an entry taken k times receives k gradients."""
    parts = index if isinstance(index, tuple) else (index,)
    basic = all(part is None or part is Ellipsis or isinstance(part, int | slice) for part in parts)

    def backward(dy):
        dx = array_module(x).zeros_like(x)
        if basic:  # no entry can occur twice
            dx[index] = dy
        else:
            add_at(dx, index, dy)
        return dx

    return x[index], backward


@op
def broadcast_to(x, shape):
    """y = x repeated to `shape` by NumPy's rules.   dx = dy summed over the repetitions."""

    def backward(dy):
        return unbroadcast(dy, x.shape)

    return array_module(x).broadcast_to(x, shape), backward
