"""LayerNorm: every token brought to mean 0 and variance 1, then scaled and shifted."""

from ..backend import array_module
from ..engine import op


@op
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
    xp = array_module(x)
    width = x.shape[-1]
    centred = x - x.mean(axis=-1, keepdims=True)  # (..., D)
    variance = xp.einsum("...d,...d->...", centred, centred)[..., None] / width  # (..., 1)
    r = 1 / xp.sqrt(variance + eps)
    xhat = centred * r

    def backward(dy):
        rows = dy.reshape(-1, width)  # (R, D)
        dbias = rows.sum(axis=0)
        dweight = xp.einsum("rd,rd->d", rows, xhat.reshape(-1, width))
        g = dy * weight
        average_g = g.mean(axis=-1, keepdims=True)
        average_gx = xp.einsum("...d,...d->...", g, xhat)[..., None] / width
        return r * (g - average_g - xhat * average_gx), dweight, dbias

    return xhat * weight + bias, backward
