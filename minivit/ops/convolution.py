"""Convolution and max pooling through unfolded patches: what the hybrid ViT's stem is made of.

Unfolding lays every window that the kernel meets into a row; a convolution is then one matrix product.
"""

from .. import kernels
from ..backend import array_module
from ..checks import whole
from ..engine import op


def _windows(x, size, stride):
    """Every size x size window of x, as a view: (B, H, W, C) to (B, H', W', C, size, size)."""
    return array_module(x).lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]


def _add_windows(d_windows, shape, stride):
    """The backward of `_windows`: overlapping windows add up. One slice for each place in the window, size * size in all."""
    dx = array_module(d_windows).zeros(shape, dtype=d_windows.dtype)
    rows, columns, size = d_windows.shape[1], d_windows.shape[2], d_windows.shape[-1]
    for i in range(size):
        for j in range(size):
            dx[:, i : i + stride * rows : stride, j : j + stride * columns : stride] += d_windows[..., i, j]
    return dx


def _check(name, x, size, stride, padding=0):
    """(stride, padding), if such a window fits into the images x."""
    if x.ndim != 4:
        raise ValueError(f"{name} takes images (batch, height, width, channels); got shape {x.shape}")
    stride, padding = whole(f"{name}: stride", stride), whole(f"{name}: padding", padding, least=0)
    height, width = x.shape[1] + 2 * padding, x.shape[2] + 2 * padding
    if size > height or size > width:
        raise ValueError(f"{name}: a window of {size} x {size} does not fit into {height} x {width} (padding included)")
    return stride, padding


@op
def conv2d(x, weight, bias, stride=1, padding=0):
    """Convolution (as all frameworks mean it: correlation) of images (B, H, W, C) with K kernels: weight (size, size, C, K),
    bias (K,) or None, to (B, H', W', K) with H' = (H + 2 padding - size) // stride + 1.

        y[b, i, j, k] = bias[k] + sum over u, v, c of x[b, i*stride + u, j*stride + v, c] * weight[u, v, c, k]

    With the windows as rows, (B H' W', size size C), this is a linear layer, and so are its gradients; dx adds up again what
    the unfolding had copied.
    """
    if weight.ndim != 4 or weight.shape[0] != weight.shape[1] or x.shape[-1:] != weight.shape[2:3]:
        raise ValueError(
            f"conv2d: images of shape {x.shape} are read by square kernels, (size, size, {x.shape[-1]} channels, kernels); "
            f"weight has shape {weight.shape}"
        )
    stride, padding = _check("conv2d", x, len(weight), stride, padding)
    return kernels.run(conv2d_plain, x, weight, bias, stride, padding)


def conv2d_plain(x, weight, bias, stride, padding):
    """(y, backward), with the windows unfolded."""
    size, _, channels, outputs = weight.shape
    padded = array_module(x).pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = _windows(padded, size, stride).transpose(0, 1, 2, 4, 5, 3)  # (B, H', W', size, size, C)
    batch, rows, columns = windows.shape[:3]
    unfolded = windows.reshape(batch * rows * columns, size * size * channels)  # (B H' W', size size C)
    flat = weight.reshape(-1, outputs)

    def backward(dy):
        dy = dy.reshape(-1, outputs)  # (B H' W', K)
        d_windows = (dy @ flat.T).reshape(batch, rows, columns, size, size, channels).transpose(0, 1, 2, 5, 3, 4)
        dx = _add_windows(d_windows, padded.shape, stride)[:, padding : padding + x.shape[1], padding : padding + x.shape[2]]
        return dx, (unfolded.T @ dy).reshape(weight.shape), None if bias is None else dy.sum(axis=0)

    y = unfolded @ flat if bias is None else unfolded @ flat + bias
    return y.reshape(batch, rows, columns, outputs), backward


@op
def max_pool2d(x, size, stride=None):
    """The largest entry of every size x size window, channel by channel: (B, H, W, C) to (B, H', W', C); stride defaults
    to size, so that windows do not overlap.   dx: each dy goes to the entry that was the largest, the first of equal ones."""
    size = whole("max_pool2d: size", size)
    stride, _ = _check("max_pool2d", x, size, size if stride is None else stride)
    return kernels.run(max_pool2d_plain, x, size, stride)


def max_pool2d_plain(x, size, stride):
    """(y, backward), by the place of the largest in each window."""
    xp = array_module(x)
    windows = _windows(x, size, stride)  # (B, H', W', C, size, size)
    flat = windows.reshape(*windows.shape[:4], size * size)
    largest = flat.argmax(axis=-1)[..., None]  # (B, H', W', C, 1)

    def backward(dy):
        chosen = largest == xp.arange(size * size)
        return _add_windows((chosen * dy[..., None]).reshape(windows.shape), x.shape, stride)

    return xp.take_along_axis(flat, largest, axis=-1)[..., 0], backward
