"""Arithmetic, entry by entry, with NumPy's broadcasting.

Each docstring gives y and, for an upstream gradient dy, the gradient of every input: the derivative times dy. Where
broadcasting used an input several times, the `op` wrapper sums its gradient back to the input's shape.
"""

import math

import numpy as np

from ..backend import array_module
from ..engine import op


@op(broadcasts=True)
def add(a, b):
    """y = a + b.   da = dy,  db = dy."""

    def backward(dy):
        return dy, dy

    return a + b, backward


@op(broadcasts=True)
def subtract(a, b):
    """y = a - b.   da = dy,  db = -dy."""

    def backward(dy):
        return dy, -dy

    return a - b, backward


@op(broadcasts=True)
def multiply(a, b):
    """y = a * b.   da = dy * b,  db = dy * a."""

    def backward(dy):
        return dy * b, dy * a

    return a * b, backward


@op(broadcasts=True)
def divide(a, b):
    """y = a / b.   da = dy / b,  db = -dy * a / b^2 = -da * y."""
    y = a / b

    def backward(dy):
        da = dy / b
        return da, -da * y

    return y, backward


@op
def negative(x):
    """y = -x.   dx = -dy."""

    def backward(dy):
        return -dy

    return -x, backward


@op
def abs(x):
    """y = |x|.   dx = dy * sign(x), 0 at 0."""

    def backward(dy):
        return dy * array_module(x).sign(x)

    return array_module(x).abs(x), backward


@op(broadcasts=True)
def power(x, exponent):
    """y = x^n.   dx = dy * n * x^(n-1),  dn = dy * y * ln x, 0 where x is 0; a plain number n has no gradient.

    Whole numbers n from -3 to 3 are written as products, since NumPy computes `x ** 3` with a logarithm, tens of times slower.
    """
    y = _power(x, exponent)

    def backward(dy):
        xp = array_module(dy)
        if isinstance(exponent, int | float):
            return dy * (exponent * _power(x, exponent - 1)) if exponent else xp.zeros_like(x)
        with np.errstate(divide="ignore", invalid="ignore"):  # x = 0, or a logarithm that nobody asked for
            dx = dy * xp.where(exponent == 0, 0, exponent * x ** (exponent - 1))
            return dx, dy * (y * _ln(x))

    return y, backward


def _ln(x):
    """ln x, and 0 at 0."""
    if isinstance(x, int | float):
        return math.log(x) if x > 0 else 0.0 if x == 0 else math.nan
    xp = array_module(x)
    return xp.log(xp.where(x == 0, 1, x))


def _power(x, n):
    if isinstance(n, int | float) and n < 0:
        return 1 / _power(x, -n)
    if isinstance(n, int | float) and n in (0, 1, 2, 3):
        return (array_module(x).ones_like(x), x, x * x, x * x * x)[int(n)]
    return x**n


@op
def exp(x):
    """y = e^x.   dx = dy * y."""
    y = array_module(x).exp(x)

    def backward(dy):
        return dy * y

    return y, backward


@op
def log(x):
    """y = ln x.   dx = dy / x."""

    def backward(dy):
        return dy / x

    return array_module(x).log(x), backward


@op
def sqrt(x):
    """y = x^(1/2).   dx = dy / (2 y)."""
    y = array_module(x).sqrt(x)

    def backward(dy):
        return dy / (2 * y)

    return y, backward


@op(broadcasts=True, keeps=("mask",))
def where(mask, a, b):
    """y = a where the mask is True, else b.   da = dy where True, db = dy where False; zero elsewhere."""
    xp = array_module(a if hasattr(a, "dtype") else b)

    def backward(dy):
        return None, xp.where(mask, dy, 0), xp.where(mask, 0, dy)

    return xp.where(mask, a, b), backward


@op(broadcasts=True)
def maximum(a, b):
    """y = the larger of a and b.   dy goes to the larger; where they are equal, half of it to each."""
    xp = array_module(a if hasattr(a, "strides") else b)

    def backward(dy):
        share = xp.where(a == b, 0.5, a > b).astype(dy.dtype)
        return dy * share, dy * (1 - share)

    return xp.maximum(a, b), backward


@op(broadcasts=True)
def minimum(a, b):
    """y = the smaller of a and b = -max(-a, -b).   dy goes to the smaller; where they are equal, half of it to each."""
    y, backward = maximum.function(-a, -b)
    return -y, backward


@op
def clip(x, min=None, max=None):
    """y = x, but at least min and at most max.   dx = dy where x is between them, 0 outside."""
    xp = array_module(x)

    def backward(dy):
        inside = True if min is None else x >= min
        return dy * (inside if max is None else inside & (x <= max))

    return xp.clip(x, min, max), backward
