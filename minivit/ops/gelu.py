"""The functions that bend: relu, tanh, sigmoid, silu, and GELU, the one inside every MLP of the Transformer."""

import math

from .. import kernels
from ..backend import array_module, erf
from ..engine import op


@op
def relu(x):
    """y = max(x, 0).   dx = dy where x > 0, else 0."""
    xp = array_module(x)

    def backward(dy):
        return dy * (x > 0)

    return xp.maximum(x, 0), backward


@op
def tanh(x):
    """y = tanh x.   dx = dy * (1 - y^2)."""
    y = array_module(x).tanh(x)

    def backward(dy):
        return dy * (1 - y * y)

    return y, backward


def _logistic(x):
    return 0.5 * (1 + array_module(x).tanh(0.5 * x))


@op
def sigmoid(x):
    """y = 1 / (1 + exp(-x)), between 0 and 1.   dx = dy * y (1 - y).

    Computed as (1 + tanh(x / 2)) / 2, which is the same and cannot overflow; in float32 it rounds to 0 below -17.
    """
    y = _logistic(x)

    def backward(dy):
        return dy * (y * (1 - y))

    return y, backward


@op
def silu(x):
    """y = x s(x), where s is the sigmoid (Hendrycks and Gimpel 2016, arXiv 1606.08415; others call it swish): the gate
    in SwiGLU. Since s' = s (1 - s), the product rule gives

        dx = dy * (s + x s (1 - s)) = dy * (s + y (1 - s))

    Kept for backward: the bracket, and not x.
    """
    s = _logistic(x)
    y = x * s
    slope = s + y * (1 - s)

    def backward(dy):
        return dy * slope

    return y, backward


@op(choices={"approximate": {False: False, True: True, "none": False, "tanh": True}})
def gelu(x, approximate=False):
    """The Gaussian error linear unit: x times the probability that a standard normal number is below x.
    (Hendrycks and Gimpel 2016, arXiv 1606.08415.)

        y = x * P(x),   P(x) = (1 + erf(x / sqrt(2))) / 2,   p(x) = P'(x) = exp(-x^2 / 2) / sqrt(2 pi)

        dx = dy * (P(x) + x * p(x))                                             by the product rule

    approximate=True, or "tanh", is the tanh form of the same paper, which the ViT paper's code uses; they differ by up to 5e-4:

        y = x * (1 + t) / 2,   t = tanh(u),   u = sqrt(2 / pi) * (x + 0.044715 x^3)

        dx = dy * ((1 + t) / 2 + x * (1 - t^2) / 2 * u'),   u' = sqrt(2 / pi) * (1 + 3 * 0.044715 x^2)

    Kept for backward: the slope, the bracket that multiplies dy, and not x.
    """
    y, slope = kernels.run(gelu_tanh if approximate else gelu_exact, x)

    def backward(dy):
        return dy * slope

    return y, backward


def gelu_exact(x):
    """(y, slope), plainly."""
    xp = array_module(x)
    gate = 0.5 * (1 + erf(x * math.sqrt(0.5)))
    return x * gate, gate + x * xp.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))


def gelu_tanh(x):
    """(y, slope) of the tanh form, plainly."""
    c, square = math.sqrt(2 / math.pi), x * x
    t = array_module(x).tanh(x * (c * (1 + 0.044715 * square)))
    gate = 0.5 * (1 + t)
    return x * gate, gate + x * (0.5 * (1 - t * t)) * (c * (1 + 3 * 0.044715 * square))
