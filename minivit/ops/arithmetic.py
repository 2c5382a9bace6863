"""Arithmetic, entry by entry, with NumPy's broadcasting. This file also gives Tensor its operators: +, -, *, /, **.

Each docstring gives y and, for an upstream gradient dy, the gradient of every input: the derivative times dy. Where
broadcasting used an input several times, the `op` wrapper sums its gradient back to the input's shape.
"""

from ..backend import array_module
from ..engine import Tensor, op


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
def power(x, exponent):
    """y = x^n for a number n.   dx = dy * n * x^(n-1).

    Whole exponents from -3 to 3 are written as products, since NumPy computes `x ** 3` with a logarithm, tens of times slower.
    """

    if getattr(exponent, "shape", ()) != ():
        raise ValueError(f"power: the exponent must be a number; got {type(exponent).__name__}: use exp(log(x) * y) for arrays")

    def backward(dy):
        return dy * (exponent * _power(x, exponent - 1)) if exponent else array_module(x).zeros_like(x)

    return _power(x, exponent), backward


def _power(x, n):
    if n < 0:
        return 1 / _power(x, -n)
    if n in (0, 1, 2, 3):
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


@op(broadcasts=True)
def where(mask, a, b):
    """y = a where the mask is True, else b.   da = dy where True, db = dy where False; zero elsewhere."""
    xp = array_module(a if hasattr(a, "dtype") else b)

    def backward(dy):
        return None, xp.where(mask, dy, 0), xp.where(mask, 0, dy)

    return xp.where(mask, a, b), backward


Tensor.__add__ = lambda self, other: add(self, other)
Tensor.__radd__ = lambda self, other: add(other, self)
Tensor.__sub__ = lambda self, other: subtract(self, other)
Tensor.__rsub__ = lambda self, other: subtract(other, self)
Tensor.__mul__ = lambda self, other: multiply(self, other)
Tensor.__rmul__ = lambda self, other: multiply(other, self)
Tensor.__truediv__ = lambda self, other: divide(self, other)
Tensor.__rtruediv__ = lambda self, other: divide(other, self)
Tensor.__neg__ = lambda self: negative(self)
Tensor.__pow__ = lambda self, exponent: power(self, exponent)
