"""Attention on a CPU, in blocks: the T x S scores of T queries and S keys exist one block at a time, in a core's cache, and are
never normalised. With e = exp(scores) and r = 1 / rowsum(e), y = (e v) r divides T x d numbers instead of T x S. Backward
computes e again from q and k, so that memory grows with T and not with T^2; for few keys it is kept, being small.

exp needs no row maxima where all scores are moderate, and the row sums, which are wanted anyway, tell: one that is neither huge
nor tiny was summed without overflow or loss. Only a block with another is computed again, below its row maxima.
"""

import math

import numpy as np

from ..engine import unbroadcast
from .cpu import EXP, UNIT

SCORES = 350_000  # entries of a block of scores, 1.3 MiB of float32, and as much again for their gradient
PRODUCT = 58_000  # of a block that are one matrix product, see _blocks
KEEP = 64  # up to so many keys the exponentials are kept for backward
MODERATE = 2.0**60  # a row sum between 1 / MODERATE and MODERATE is trusted


def _blocks(batch, heads, tokens, keys):
    """([(images, heads)], [queries]), all slices: blocks of at most about SCORES scores. Many images at once if a whole image
    fits; else some heads of one image at a time, their queries in parts of equal length.

    With head_dim 16 the product of PRODUCT scores has just less than a million multiplications, up to which OpenBLAS multiplies
    without copying first (1,025 tokens, forward and backward: 16 ms, and 23 ms with a few more queries a part). Several such
    products are one call, in which other threads can have the interpreter.
    """
    images = SCORES // (heads * tokens * keys)
    if images:
        return [(part, slice(None)) for part in _slices(batch, images)], [slice(0, tokens)]
    rows = math.ceil(tokens / math.ceil(tokens / max(1, PRODUCT // keys)))
    together = math.ceil(heads / math.ceil(heads * rows * keys / SCORES))
    return [(slice(i, i + 1), j) for i in range(batch) for j in _slices(heads, together)], _slices(tokens, rows)


def _slices(count, size):
    """Slices of `size` that cut `count`."""
    return [slice(i, i + size) for i in range(0, count, size)]


def _part(bias, *block):
    """Where the bias of a block stands: an axis of length 1 serves all."""
    return tuple(slice(None) if size == 1 else part for size, part in zip(bias.shape, block, strict=False))


def attention(q, k, v, bias=None):
    """(y, backward) of attention; bias is None, an array of q's dtype, or a mask, whose gradient is None. y lies so that
    merge_heads need not copy it; backward may be given three arrays to fill."""
    (batch, heads, tokens, width), keys, dtype = q.shape, k.shape[2], q.dtype
    scale, unit = dtype.type(1 / math.sqrt(width)), dtype.type(UNIT)
    groups, parts = _blocks(batch, heads, tokens, keys)
    dense = np.ascontiguousarray if len(parts) > 1 else np.asarray  # what several parts read is worth a copy
    y = np.empty((batch, tokens, heads, width), dtype).transpose(0, 2, 1, 3)  # (B, h, T, d)
    r = np.empty((batch, heads, tokens, 1), dtype)
    kept = np.empty((batch, heads, tokens, keys), dtype) if keys <= KEEP else None
    ones = np.ones((keys, 1), dtype)
    learns = bias is not None and bias.dtype != bool
    if bias is not None:
        given, bias = bias.shape, bias.reshape((1,) * (4 - bias.ndim) + bias.shape)
        bias = bias if learns else np.where(bias, 0, -np.inf).astype(dtype)
    lowered = {}  # {(image, head, query) of a block's first score: its row maxima}, where the scores are not moderate

    def scores(i, j, rows, columns):
        factor = scale * unit if bias is None else scale
        s = np.matmul(q[i, j, rows] * factor, columns, out=None if kept is None else kept[i, j, rows])
        if bias is not None:
            s += bias[_part(bias, i, j, rows)]
            s *= unit
        return s

    def exponentials(i, j, rows, columns):
        s = scores(i, j, rows, columns)
        if lowered and (i.start, j.start, rows.start) in lowered:
            s -= lowered[i.start, j.start, rows.start]
        return EXP(s, out=s)

    def exponentials_and_sums(i, j, rows, columns):
        e = exponentials(i, j, rows, columns)
        sums = e @ ones  # (..., T, 1)
        if not (sums.min() > 1 / MODERATE and sums.max() < MODERATE):
            lowered[i.start, j.start, rows.start] = _row_maxima(scores(i, j, rows, columns))
            e = exponentials(i, j, rows, columns)
            sums = e @ ones
            sums[sums == 0] = np.inf  # a query that may look at nothing: r = 0
        return e, sums

    with np.errstate(over="ignore", invalid="ignore"):
        for i, j in groups:
            columns, values = dense(k[i, j].swapaxes(-1, -2)), dense(v[i, j])
            for rows in parts:
                e, sums = exponentials_and_sums(i, j, rows, columns)
                np.divide(1, sums, out=r[i, j, rows])
                part = np.matmul(e, values, out=y[i, j, rows])
                part *= r[i, j, rows]

    def backward(dy, out=None):
        dq, dk, dv = out if out is not None else (np.empty((*x.shape[:3], width), dtype) for x in (q, k, v))
        dbias = np.empty_like(bias) if learns else None
        for i, j in groups:
            columns, values = dense(k[i, j].swapaxes(-1, -2)), dense(v[i, j].swapaxes(-1, -2))  # (..., d, S)
            own = k[i, j] * scale
            dk_sum, dv_sum = (dk[i, j], dv[i, j]) if len(parts) == 1 else np.empty((2, *own.shape), dtype)
            for rows in parts:
                e = exponentials(i, j, rows, columns) if kept is None else kept[i, j, rows]
                dyr = dy[i, j, rows] * r[i, j, rows]
                ds = dyr @ values
                ds -= np.einsum("...d,...d->...", dyr, y[i, j, rows])[..., None]
                ds *= e
                if learns:
                    _add_to_bias(dbias, ds, i, j, rows)
                np.matmul(ds, own, out=dq[i, j, rows])
                _add_product(ds.swapaxes(-1, -2), q[i, j, rows] * scale, dk_sum, rows.start == 0)
                _add_product(e.swapaxes(-1, -2), dyr, dv_sum, rows.start == 0)
            if len(parts) > 1:
                dk[i, j], dv[i, j] = dk_sum, dv_sum
        return dq, dk, dv, dbias.reshape(given) if learns else None

    return y, backward


def _add_product(a, b, total, first):
    """total += a b, or the first time total = a b."""
    if first:
        np.matmul(a, b, out=total)
    else:
        total += a @ b


def _add_to_bias(dbias, ds, *block):
    """Adds a block's ds to its place; where no block came before it, that is the first value."""
    place = dbias[_part(dbias, *block)]
    if any(part.start for size, part in zip(dbias.shape, block, strict=False) if size == 1):
        place += unbroadcast(ds, place.shape)
    else:
        place[...] = unbroadcast(ds, place.shape)


def _row_maxima(s):
    """(..., T, 1); 0 for a row that is -inf all over, which stays so."""
    largest = s.max(axis=-1, keepdims=True)
    return np.where(largest == -np.inf, 0, largest)


def self_attention(qkv, heads):
    """(y, backward) of self_attention: attention's kernel reads q, k and v where they lie, in the columns of qkv, and writes
    their gradients into the columns of dqkv, so that nothing is split, merged or copied."""
    batch, tokens, columns = qkv.shape
    shape = batch, tokens, 3, heads, columns // (3 * heads)  # (B, T, 3, h, d)
    y, attend = attention(*qkv.reshape(shape).transpose(2, 0, 3, 1, 4))  # from 3 of (B, h, T, d)

    def backward(dy):
        dqkv = np.empty(shape, qkv.dtype)
        attend(dy.reshape(batch, tokens, heads, -1).transpose(0, 2, 1, 3), out=dqkv.transpose(2, 0, 3, 1, 4))
        return dqkv.reshape(qkv.shape)

    return y.transpose(0, 2, 1, 3).reshape(batch, tokens, -1), backward
