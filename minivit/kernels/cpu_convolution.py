"""Convolution and max pooling for a CPU: the same numbers as on the ops' page, with no unfolded copy of the batch.

Both work on a few images at a time, so that all their passes run in a core's own cache.

Convolution lays the pixels of these images in one line: after every row `padding` pixels of zeros, after every image `padding`
rows of zeros. Whoever steps out of an image, in any direction, then meets zeros, so that the place (u, v) of the window is one
and the same distance along the line for every pixel, and convolution is a correlation in one dimension. Where a row's windows
would not fit into the image, results are computed that nobody reads: one in 14 or so of images of 28 x 28.
"""

import math

import numpy as np

GROUP = 262_144  # entries of the buffers of a group of images: 1 MiB of float32, a core's second-level cache
POOLED = 1_048_576  # entries of images pooled at once: fewer, longer calls, since threads wait for the interpreter at each


def _groups(batch, entries, most):
    """The batch as slices of so many images, of `entries` each, as `most` allows, and at least one."""
    images = min(batch, max(1, most // entries))
    return images, [slice(start, min(start + images, batch)) for start in range(0, batch, images)]


class _Line:
    """A buffer for `images` images, pixel after pixel on a grid of (rows, columns), each pixel a row of `channels` numbers; in
    front of them zeros for windows of `size` that begin `before` rows and columns early."""

    def __init__(self, images, grid, channels, size, before, dtype):
        self.grid, self.size, self.start = grid, size, before * (grid[1] + 1)
        self.pixels = np.zeros((self.start + self.steps(images) * size + (size - 1 - before) * (grid[1] + 1), channels), dtype)

    def steps(self, images):
        """How many steps of `size` pixels cover these images."""
        return math.ceil(images * math.prod(self.grid) / self.size)

    def lay(self, images):
        """Puts these images on the line; all else on it is 0."""
        batch, height, width, channels = images.shape
        end = self.start + batch * math.prod(self.grid)
        self.pixels[self.start : end].reshape(batch, *self.grid, channels)[:, :height, :width] = images
        self.pixels[end:] = 0

    def body(self, images):
        """The pixels themselves, by their phase: (size, steps, C); the phase r has the pixels r, r + size, r + 2 size, ..."""
        steps = self.steps(images)
        pixels = self.pixels[self.start : self.start + steps * self.size]
        return pixels.reshape(steps, self.size, -1).swapaxes(0, 1)

    def windows(self, images):
        """What the window's row u sees from every pixel: (u, phase, steps, size C), as a view. `size` pixels beside one another
        are a row of a matrix already, and the next row, `size` pixels on, does not overlap it: BLAS takes it as it lies."""
        entry, channels = self.pixels.itemsize, self.pixels.shape[1]
        pixel = channels * entry
        shape = self.size, self.size, self.steps(images), self.size * channels
        strides = self.grid[1] * pixel, pixel, self.size * pixel, entry
        return np.ndarray(shape, self.pixels.dtype, self.pixels, strides=strides)  # which checks that it stays within


def _correlate(line, rows, parts, y, bias=None):
    """Fills y, (images, H', W', K), with the correlation of the line with rows, (u, 1, size C, K), by way of parts,
    (u, steps, size, K): a product for each row of the window, and their sum."""
    images, height, width, kernels = y.shape
    used = parts[:, : line.steps(images)]
    np.matmul(line.windows(images), rows, out=used.swapaxes(1, 2))
    used = used.reshape(line.size, -1)[:, : images * math.prod(line.grid) * kernels]
    first, *others, last = used.reshape(line.size, images, line.grid[0], -1)  # each (images, H + padding, (W + padding) K)
    for other in others:
        first += other
    y = y.reshape(images, height, width * kernels)
    np.add(first[:, :height, : width * kernels], last[:, :height, : width * kernels], out=y)
    if bias is not None:
        y += np.tile(bias, width)


def _entries(grid, channels, kernels, size):
    """How many entries the buffers of one image have: its line, dy's, and the products for each row of the window."""
    return math.prod(grid) * (channels + kernels + size * max(channels, kernels))


def worth_it(images, weight, padding):
    """Whether these shapes, at stride 1, are faster in a line than unfolded, as measured. A pixel of the line that is no result
    costs a multiplication for each kernel, and to unfold a result costs as much as some 20. One image whose buffers are beyond
    every cache, as with 3 channels, 64 kernels and 224 x 224 pixels, goes twice as slowly in a line."""
    (_, height, width, channels), (size, _, _, kernels) = images, weight
    grid = height + padding, width + padding
    results = (height + 2 * padding - size + 1) * (width + 2 * padding - size + 1)
    in_vain = math.prod(grid) - results
    return size > 1 and kernels * in_vain <= 20 * results and _entries(grid, channels, kernels, size) <= 16 * GROUP


def conv2d(x, weight, bias, stride, padding):
    """(y, backward) of conv2d; stride must be 1, size at least 2, and padding less than size.

    y is the line correlated with the kernels. Backward correlates dy's line, whose grid is the same, with the kernels turned
    round, which gives dx; and dweight[u] = windows[u]^T dy, where dy's zeros take out what is no window.
    Kept for backward: x, where the plain form keeps the unfolded windows, size * size times as much.
    """
    (batch, height, width, channels), size, kernels, dtype = x.shape, len(weight), weight.shape[-1], x.dtype
    rest = size - 1 - padding  # the padding of dy under which its convolution is as large as x
    grid = height + padding, width + padding
    images, groups = _groups(batch, _entries(grid, channels, kernels, size), GROUP)

    def line_of(channels, before):
        return _Line(images, grid, channels, size, before, dtype)

    def parts_of(line, kernels):
        return np.empty((size, line.steps(images), size, kernels), dtype)

    y = np.empty((batch, height + padding - rest, width + padding - rest, kernels), dtype)
    line, rows = line_of(channels, padding), weight.reshape(size, 1, size * channels, kernels)
    parts = parts_of(line, kernels)
    for group in groups:
        line.lay(x[group])
        _correlate(line, rows, parts, y[group], bias)

    def backward(dy):
        dx, dweight, dbias = np.empty(x.shape, dtype), np.zeros(rows.shape, dtype), np.zeros(kernels, dtype)
        x_line, dy_line = line_of(channels, padding), line_of(kernels, rest)
        parts = parts_of(dy_line, channels)
        ones = np.ones(len(dy_line.pixels), dtype)
        turned = weight[::-1, ::-1].swapaxes(2, 3).reshape(size, 1, size * kernels, channels)
        for group in groups:
            n = group.stop - group.start
            x_line.lay(x[group])
            dy_line.lay(dy[group])
            dweight += (x_line.windows(n).swapaxes(2, 3) @ dy_line.body(n)).sum(axis=1, keepdims=True)
            dbias += ones @ dy_line.pixels
            _correlate(dy_line, turned, parts, dx[group])
        return dx, dweight.reshape(weight.shape), None if bias is None else dbias

    return y, backward


def _places(x, axis, size, stride, count):
    """What `count` windows see along one axis of x, place by place: `size` views."""
    before = (slice(None),) * axis
    return [x[(*before, slice(i, i + stride * (count - 1) + 1, stride))] for i in range(size)]


def max_pool2d(x, size, stride):
    """(y, backward) of max_pool2d for windows of up to 256 pixels: views of x are compared, one for each place in a window.

    Kept for backward: the place of the largest in its window, a byte for each y.
    """
    batch, height, width, channels = x.shape
    rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
    images, groups = _groups(batch, height * width * channels, POOLED)
    y = np.empty((batch, rows, columns, channels), x.dtype)
    place = np.empty(y.shape, np.uint8)
    tall = np.empty((images, rows, width, channels), x.dtype)
    scratch = np.empty((2, images, rows, columns, channels), bool)

    def views(images):
        return [view for row in _places(images, 1, size, stride, rows) for view in _places(row, 2, size, stride, columns)]

    for group in groups:
        n = group.stop - group.start
        _largest(_places(x[group], 1, size, stride, rows), tall[:n])
        _largest(_places(tall[:n], 2, size, stride, columns), y[group])
        _first(views(x[group]), y[group], place[group], *scratch[:, :n])

    def backward(dy):
        covered = stride == size and (rows * size, columns * size) == (height, width)
        dx = np.empty(x.shape, dy.dtype) if covered else np.zeros(x.shape, dy.dtype)
        for group in groups:
            for number, view in enumerate(views(dx[group])):
                if stride < size:
                    view += dy[group] * (place[group] == number)
                else:
                    np.multiply(dy[group], place[group] == number, out=view)
        return dx

    return y, backward


def _largest(views, out):
    """Fills out with the largest of the views, entry by entry."""
    np.maximum(views[0], views[-1], out=out)
    for view in views[1:-1]:
        np.maximum(out, view, out=out)


def _first(views, y, place, missing, differs):
    """Fills place with the number of the view that has the largest, y: the first of equal ones, as argmax has it, for which a NaN
    is the largest of all. Counted are the views, from the first on, up to which it was not found; the last need not be asked."""
    nan = np.isnan(y, out=differs).any()
    missing[...] = True
    place[...] = 0
    for view in views[:-1]:
        missing &= np.not_equal(view, y, out=differs)
        if nan:
            missing &= view == view
        place += missing.view(np.uint8)
