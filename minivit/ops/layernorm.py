"""LayerNorm: every token brought to mean 0 and variance 1, then scaled and shifted."""

from .. import kernels
from ..backend import array_module
from ..checks import number
from ..engine import op


@op(constants=True)
def layernorm(x, weight, bias, eps=1e-6):
    """Normalises the last axis of x, (..., D); weight and bias are (D,). (Ba, Kiros and Hinton 2016, arXiv 1607.06450.)

        mean = average of the row,  variance = average of (x - mean)^2,  r = 1 / sqrt(variance + eps)
        xhat = (x - mean) * r,      y = xhat * weight + bias

    weight and bias serve every row, so their gradients are sums over all rows:

        dbias = sum over rows of dy        dweight = sum over rows of dy * xhat

    To x there are three roads. Let g = dy * weight, the gradient of xhat.
      1. Directly: xhat grows by r for each unit of x, which gives r * g.
      2. Through the mean: raising one x raises the mean of its row by 1/D and lowers every xhat of the row by r / D:
         together -r * average(g).
      3. Through the variance: raising one x raises the variance by 2 (x - mean) / D, and r falls by r^3 / 2 for each unit
         of variance, so every xhat of the row changes by its own (x - mean) times that: together -r * xhat * average(g * xhat).

        dx = r * (g - average(g) - xhat * average(g * xhat))

    Kept for backward: xhat and r.
    """
    if weight.shape != x.shape[-1:] or bias.shape != x.shape[-1:]:
        raise ValueError(f"layernorm: x ends in {x.shape[-1:]}, but weight has shape {weight.shape} and bias {bias.shape}")
    return kernels.run(layernorm_plain, x, weight, bias, number("eps", eps))


def layernorm_plain(x, weight, bias, eps):
    """(y, backward), line by line as above."""
    xp, rows = array_module(x), tuple(range(x.ndim - 1))
    centred = x - x.mean(axis=-1, keepdims=True)
    r = 1 / xp.sqrt((centred * centred).mean(axis=-1, keepdims=True) + eps)  # (..., 1)
    xhat = centred * r

    def backward(dy):
        g = dy * weight
        average, average_gx = g.mean(axis=-1, keepdims=True), (g * xhat).mean(axis=-1, keepdims=True)
        return r * (g - average - xhat * average_gx), (dy * xhat).sum(axis=rows), dy.sum(axis=rows)

    return xhat * weight + bias, backward
