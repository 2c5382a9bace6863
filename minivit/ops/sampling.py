"""sample_bilinear: images read between their pixels, at places that can be learned."""

from ..backend import add_at, array_module
from ..engine import op


def _between(places, length):
    """Where places lie along an axis of so many pixels: (the pixel before, the one after, how far between the two, inside).
    Places outside are moved to the border. The pixel before the last one is the last to be a pixel before."""
    xp = array_module(places)
    moved = xp.clip(places, 0, length - 1)
    before = xp.minimum(xp.floor(xp.fmax(moved, 0)), max(length - 2, 0))  # fmax: a place that is no number reads some pixel
    index = before.astype(int)
    return index, xp.minimum(index + 1, length - 1), moved - before, moved == places


@op
def sample_bilinear(x, places):
    """x (B, H, W, C), read at places (B, N, 2), each (row, column) in pixels and of any fraction, to (B, N, C). (Jaderberg et al.
    2015, arXiv 1506.02025, equations 5 to 7; for a ViT's tokens Yue et al. 2021, arXiv 2108.01684.)

    With a, b, c, d the four pixels around a place, a and b above, c and d below, and with s the part of the way from the upper
    row to the lower and t from the left column to the right:

        upper = (1-t) a + t b        lower = (1-t) c + t d        y = (1-s) upper + s lower

    Backwards, each of the four pixels gets dy times its weight, (1-s) (1-t) for a, and a pixel that several places read gets the
    sum. A place changes y by the slopes along the two axes, and its gradient is a sum over the channels:

        drow = sum of dy * (lower - upper)        dcolumn = sum of dy * ((1-s) (b - a) + s (d - c))

    A place outside the image is moved to the border, and has no slope across it. On a whole row or column the slope is that
    towards the next one, on the last that from the one before.
    Raises ValueError if the shapes do not fit, or if places are no floating-point numbers.
    """
    if x.ndim != 4 or places.shape[::2] != (len(x), 2) or places.ndim != 3 or places.dtype.kind != "f":
        raise ValueError(
            "sample_bilinear takes images (batch, height, width, channels) and floating-point places (batch, number, 2); "
            f"got {x.shape}, and {places.shape} of dtype {places.dtype}"
        )
    xp, (batch, height, width, channels) = array_module(x), x.shape
    top, bottom, s, row_inside = _between(places[..., 0], height)  # each (B, N)
    left, right, t, column_inside = _between(places[..., 1], width)
    first = xp.arange(batch)[:, None] * height  # the number of an image's first row
    corners = [(first + row) * width + column for row in (top, bottom) for column in (left, right)]
    pixels = x.reshape(batch * height * width, channels)
    a, b, c, d = (xp.take(pixels, corner, axis=0) for corner in corners)  # each (B, N, C)
    s, t = s[..., None], t[..., None]
    upper, lower = (1 - t) * a + t * b, (1 - t) * c + t * d
    down, along = lower - upper, (1 - s) * (b - a) + s * (d - c)

    def backward(dy):
        dx = xp.zeros(x.size, dtype=dy.dtype)  # entry by entry, since NumPy adds whole pixels at a third of the speed
        for corner, weight in zip(corners, ((1 - s) * (1 - t), (1 - s) * t, s * (1 - t), s * t), strict=True):
            entries = corner[..., None] * channels + xp.arange(channels)  # (B, N, C)
            add_at(dx, entries.reshape(-1), (weight * dy).reshape(-1))
        slopes = (dy * down).sum(axis=-1) * row_inside, (dy * along).sum(axis=-1) * column_inside
        return dx.reshape(x.shape), xp.stack(slopes, axis=-1)

    return (1 - s) * upper + s * lower, backward
