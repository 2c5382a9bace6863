"""Convolution and max pooling through unfolded patches: what the hybrid ViT's stem is made of.

Unfolding lays every window that the kernel meets into a row; a convolution is then one matrix product.
"""

from itertools import product

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


def _padded(x, padding):
    """x with so many rows and columns of zeros around every image."""
    around = (padding, padding)
    return array_module(x).pad(x, ((0, 0), around, around, (0, 0)))


def _inside(x, padding):
    """x without them."""
    return x[:, padding : x.shape[1] - padding, padding : x.shape[2] - padding]


def _unfolded(x, size, stride, padding):
    """(windows, fold): every window, (B, H', W', size, size, C), and the function that turns their gradients into dx."""
    padded = _padded(x, padding)
    windows = _windows(padded, size, stride).transpose(0, 1, 2, 4, 5, 3)  # (B, H', W', size, size, C)
    shape, padded_shape = windows.shape, padded.shape

    def fold(d_windows):
        d_windows = d_windows.reshape(shape).transpose(0, 1, 2, 5, 3, 4)  # (B, H', W', C, size, size)
        return _inside(_add_windows(d_windows, padded_shape, stride), padding)

    return windows, fold


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
def unfold(x, size, stride=1, padding=0):
    """Every size x size window of images (B, H, W, C) as a row: (B, H' W', size size C), H' as in conv2d, what is outside the
    image being 0. The windows stand row by row, each flattened in the order (row, column, channel). T2T's soft split of an
    image, or of tokens as a picture, into tokens that overlap (Yuan et al. 2021, arXiv 2101.11986, section 3.1).

    With stride = size and no padding this is patchify. dx: what was copied into several windows gets the sum of their gradients.
    Raises ValueError if the window does not fit into the image.
    """
    size = whole("unfold: size", size)
    windows, fold = _unfolded(x, size, *_check("unfold", x, size, stride, padding))
    batch, rows, columns = windows.shape[:3]
    return windows.reshape(batch, rows * columns, size * size * x.shape[-1]), fold


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
    windows, fold = _unfolded(x, size, stride, padding)
    batch, rows, columns = windows.shape[:3]
    unfolded = windows.reshape(batch * rows * columns, size * size * channels)  # (B H' W', size size C)
    flat = weight.reshape(-1, outputs)

    def backward(dy):
        dy = dy.reshape(-1, outputs)  # (B H' W', K)
        return fold(dy @ flat.T), (unfolded.T @ dy).reshape(weight.shape), None if bias is None else dy.sum(axis=0)

    y = unfolded @ flat if bias is None else unfolded @ flat + bias
    return y.reshape(batch, rows, columns, outputs), backward


@op
def depthwise_conv2d(x, weight, bias, padding=0):
    """Convolution of each channel with a kernel of its own: images (B, H, W, C), weight (size, size, C), bias (C,) or None, to
    (B, H', W', C), H' = H + 2 padding - size + 1. (The position encoding generator of Chu et al. 2021, arXiv 2102.10882.)

        y[b, i, j, c] = bias[c] + sum over u, v of x[b, i + u, j + v, c] * weight[u, v, c]

    For each place (u, v) in the window, y adds x, shifted by it and read through a frame of H' x W', times one weight a channel.
    So the frame at (u, v) of dx adds dy * weight[u, v], and dweight[u, v] is the sum, over images, rows and columns, of the frame
    at (u, v) of x times dy.
    """
    square = weight.ndim == 3 and len(weight) == weight.shape[1]
    if not square or x.shape[-1:] != weight.shape[2:] or (bias is not None and bias.shape != weight.shape[2:]):
        raise ValueError(
            f"depthwise_conv2d: images of shape {x.shape} are read by a square kernel a channel, (size, size, {x.shape[-1]} "
            f"channels); weight has shape {weight.shape}, and bias, a number a channel, {None if bias is None else bias.shape}"
        )
    size = len(weight)
    _, padding = _check("depthwise_conv2d", x, size, 1, padding)
    xp, padded = array_module(x), _padded(x, padding)
    batch, height, width, channels = padded.shape
    rows, columns = height - size + 1, width - size + 1
    frames = [((u, v), (slice(None), slice(u, u + rows), slice(v, v + columns))) for u, v in product(range(size), repeat=2)]

    y = xp.zeros((batch, rows, columns, channels), dtype=x.dtype)
    for place, frame in frames:
        y += padded[frame] * weight[place]

    def backward(dy):
        dx, dweight = xp.zeros_like(padded), xp.empty_like(weight)
        for place, frame in frames:
            dx[frame] += dy * weight[place]
            dweight[place] = xp.einsum("bijc,bijc->c", padded[frame], dy)
        return _inside(dx, padding), dweight, None if bias is None else dy.sum(axis=(0, 1, 2))

    return y if bias is None else y + bias, backward


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
