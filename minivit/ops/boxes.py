"""giou: how well one box lies on another. A box is (cx, cy, w, h), its centre, width and height, of any unit."""

from ..backend import array_module
from ..engine import op


@op(broadcasts=True)
def giou(a, b):
    """The generalised intersection over union of boxes a and b, (..., 4) each, to (...,). (Rezatofighi et al. 2019, arXiv
    1902.09630, equation 2 and algorithm 1.)

        I  the area that both cover          U = A + B - I  the area that one of them covers, A = w h of a, B of b
        C  the area of the smallest box around both

        y = I / U - (C - U) / C = I / U + U / C - 1          1 if they are one box, towards -1 if they are far apart

    I / U is 0 for all boxes that do not touch; the second term still tells those which way to go. With dU = dA + dB - dI:

        dy/dI = 1/U + I/U^2 - 1/C        dy/dA = dy/dB = 1/C - I/U^2        dy/dC = -U/C^2

    I = i_x i_y, where i = min(ends) - max(starts), or 0 if that is negative; C = c_x c_y, where c = max(ends) - min(starts).
    So dI/di_x = i_y, dC/dc_x = c_y. Along each axis the smaller end bounds i and the larger one c, and so do the starts the
    other way round. At last, end = centre + size / 2 and start = centre - size / 2:

        dcentre = dstart + dend        dsize = (dend - dstart) / 2, plus dA/dw = h

    Where ends or starts are equal, a's bounds c and b's bounds i. Raises ValueError if the last axis is not 4 long.
    """
    if not a.ndim or not b.ndim or a.shape[-1] != 4 or b.shape[-1] != 4:
        raise ValueError(f"giou takes boxes (..., 4), each (cx, cy, w, h); got shapes {a.shape} and {b.shape}")
    xp = array_module(a)
    a_start, a_end = _sides(a)
    b_start, b_end = _sides(b)
    i = xp.maximum(xp.minimum(a_end, b_end) - xp.maximum(a_start, b_start), 0)  # (..., 2)
    c = xp.maximum(a_end, b_end) - xp.minimum(a_start, b_start)
    both, around = i[..., 0] * i[..., 1], c[..., 0] * c[..., 1]
    one = a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - both

    def backward(dy):
        d_i = (dy * (1 / one + both / one**2 - 1 / around))[..., None] * i[..., ::-1] * (i > 0)
        d_c = (dy * -one / around**2)[..., None] * c[..., ::-1]
        d_area = (dy * (1 / around - both / one**2))[..., None]

        def of(box, end_bounds_i, start_bounds_i):
            end = xp.where(end_bounds_i, d_i, d_c)
            start = -xp.where(start_bounds_i, d_i, d_c)
            return xp.concatenate([start + end, (end - start) / 2 + d_area * box[..., :1:-1]], axis=-1)

        a_is_inside = a_end < b_end, a_start > b_start
        return of(a, *a_is_inside), of(b, *(~inside for inside in a_is_inside))

    return both / one + one / around - 1, backward


def _sides(box):
    """(left and top, right and bottom), (..., 2) each."""
    return box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2
