"""How far apart two tokens stand: rotate, which turns queries and keys by their positions, and pick, which looks up a number for
each pair of tokens."""

from .. import kernels
from ..backend import add_at, array_module
from ..checks import check_index
from ..engine import op, unbroadcast


@op
def rotate(x, angles):
    """Rotary positions (Su et al. 2021, arXiv 2104.09864, section 3.2; for images Heo et al. 2024, arXiv 2403.13298): x is
    (B, h, T, d), angles (T, d/2), or (h, T, d/2), or broadcast to that. The pair (x[2i], x[2i+1]) of each token is turned by its
    angle a:

        y[2i] = x[2i] cos a - x[2i+1] sin a        y[2i+1] = x[2i] sin a + x[2i+1] cos a

    The scalar product of two pairs turned by a and by b is that of one turned by a - b with the other as it was: with angles that
    grow along the image, q k^T sees how far apart two tokens stand, and not where.

    Read as a complex number, first + i second, a pair is multiplied by e^(ia). Backward turns back; and since dy/da = iy, that is
    (-y[2i+1], y[2i]), the angles get

        dx = dy e^(-ia)        da = y[2i] dy[2i+1] - y[2i+1] dy[2i] = imaginary part of conj(y) dy, summed to their shape

    Raises ValueError if d is odd or the shapes do not fit.
    """
    full = (*x.shape[1:3], x.shape[3] // 2) if x.ndim == 4 else ()
    sizes = zip(angles.shape[::-1], full[::-1], strict=False)
    if not full or x.shape[-1] % 2 or angles.ndim > 3 or any(own not in (1, size) for own, size in sizes):
        raise ValueError(
            "rotate takes x (batch, heads, tokens, an even width) and angles (heads, tokens, width / 2), or what is broadcast to "
            f"that; got {x.shape} and {angles.shape}"
        )
    xp = array_module(x)
    angles = angles.astype(x.dtype, copy=False)
    turn = xp.cos(angles) + 1j * xp.sin(angles)

    def pairs(x):
        return xp.ascontiguousarray(x).view(turn.dtype)  # (B, h, T, d/2)

    y = pairs(x) * turn

    def backward(dy):
        dy = pairs(dy)
        return (dy * turn.conj()).view(x.dtype), unbroadcast((y.conj() * dy).imag, angles.shape)

    return y.view(x.dtype), backward


@op
def pick(x, index):
    """y[..., i, j] = x[..., i, index[i, j]]: x (..., T, L) and an index (T, S) of whole numbers from 0 to L - 1 to (..., T, S). x
    may have one row that serves every i, (..., 1, L).

    With index[i, j] the number of the distance from token j to token i, it makes of a table (h, 1, L), which learns a number for
    each head and distance, the bias of attention (Liu et al. 2021, arXiv 2103.14030, section 3.2); and of the products of the
    queries with a vector for each distance, (B, h, T, L), its contextual form (Wu et al. 2021, arXiv 2107.14222).

        dx[..., i, l] = the sum of dy[..., i, j] over all j with index[i, j] = l        and over all i too, if x has one row

    Raises ValueError if the index holds no whole numbers or does not fit to x; if it is a host array, also if it leaves x.
    """
    index = check_index("pick", index, x.shape[-1] if x.ndim else 0)
    if index.ndim != 2 or x.ndim < 2 or x.shape[-2] not in (1, len(index)):
        raise ValueError(
            f"pick takes x (..., T, L) or (..., 1, L), and an index of shape (T, S) for its rows; got {x.shape} and {index.shape}"
        )
    index = array_module(x).asarray(index, dtype=int)
    return kernels.run(pick_plain, x, index)


def pick_plain(x, index):
    """(y, backward), by an index for each axis: an entry that is picked k times receives k gradients."""
    xp = array_module(x)
    row = xp.arange(len(index))[:, None] % x.shape[-2]  # (T, 1); 0 for all if x has one row

    def backward(dy):
        dx = xp.zeros_like(x)
        add_at(dx, (..., row, index), dy)
        return dx, None

    return x[..., row, index], backward
