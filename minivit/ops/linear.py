"""Matrix products: matmul, and linear, the layer that holds nearly all of a Transformer's weights."""

from .. import kernels
from ..backend import array_module
from ..engine import op, unbroadcast


@op(constants=True)
def matmul(a, b):
    """y = a @ b: (..., n, k) @ (..., k, m) to (..., n, m). The axes in front broadcast.

    y[i, j] = sum_k a[i, k] b[k, j], so a[i, k] reaches the loss through row i of y, each entry times b[k, j]:

        da = dy @ b^T        db = a^T @ dy        summed over what broadcasting repeated
    """
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError(
            f"matmul multiplies matrices, of two axes or more; got shapes {a.shape} and {b.shape}: reshape the vector first"
        )

    def backward(dy):
        return unbroadcast(dy @ b.swapaxes(-1, -2), a.shape), unbroadcast(a.swapaxes(-1, -2) @ dy, b.shape)

    return a @ b, backward


@op(constants=True)
def linear(x, weight, bias):
    """y = x @ weight + bias: (..., in) to (..., out), with weight (in, out) and bias (out,). bias may be None.

    Every row of x, of every image and token, meets the same weight and bias; their gradients are sums over all rows:

        dx = dy @ weight^T        dweight = sum over rows of x^T dy        dbias = sum over rows of dy

    The sum over rows is one matrix product on x and dy with all their rows under each other.
    """
    if weight.ndim != 2 or x.shape[-1:] != weight.shape[:1] or (bias is not None and bias.shape != weight.shape[1:]):
        raise ValueError(
            f"linear: x has shape {x.shape}, and its last axis must be the weight's first, {weight.shape[:1]} of {weight.shape}; "
            f"bias, one number a column, has shape {None if bias is None else bias.shape}"
        )
    return kernels.run(linear_plain, x, weight, bias)


def linear_plain(x, weight, bias):
    inputs, outputs = weight.shape
    rows = x.reshape(-1, inputs)  # (R, in), R = all axes but the last
    y = rows @ weight  # (R, out)
    if bias is not None:
        y += bias

    def backward(dy):
        dy = dy.reshape(-1, outputs)  # (R, out)
        dx = (dy @ weight.T).reshape(x.shape)
        dweight = rows.T @ dy
        ones = array_module(dy).ones(len(dy), dtype=dy.dtype)  # a product with ones sums faster than .sum(0)
        return dx, dweight, None if bias is None else ones @ dy

    return y.reshape(*x.shape[:-1], outputs), backward
