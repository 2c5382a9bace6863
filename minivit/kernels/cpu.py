"""Kernels for a CPU: the same numbers as the plain formulas on the ops' pages, computed faster.

NumPy computes one operation at a time over the whole array. A formula of twenty operations on megabytes then moves every
byte through the memory twenty times. Done block by block, each small enough for a core's own cache, the memory is touched
once.
"""

import ctypes
import functools
import math

import numpy as np

BLOCK = 32768  # entries: 128 KiB of float32; input, outputs and scratch, four such blocks, stay in a core's second-level cache


def _blockwise(x, formula):
    """(y, slope): formula(x, y, slope, scratch) fills one block after the other; y and slope may serve as scratch before."""
    flat_x = np.ascontiguousarray(x).reshape(-1)
    flat_y, flat_slope = np.empty_like(flat_x), np.empty_like(flat_x)
    scratch = np.empty(min(BLOCK, x.size), x.dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # far out a polynomial is infinite and its tanh 1, as it should be
        for start in range(0, x.size, BLOCK):
            block = slice(start, min(start + BLOCK, x.size))
            formula(flat_x[block], flat_y[block], flat_slope[block], scratch[: block.stop - start])
    return flat_y.reshape(x.shape), flat_slope.reshape(x.shape)


# P(x) = (1 + tanh(x q(x^2))) / 2: q from the constant up, by `python -m benchmarks.fit_gelu`
GATE = (7.978849415e-01, 3.633308441e-02, -3.259474296e-05, -5.530631748e-05, 3.964773288e-06, -1.322662899e-07, 1.756277745e-09)


def gelu_exact(x):
    """(y, slope) of exact GELU for float32, blockwise and in place.

    The gate P(x) = (1 + erf(x / sqrt(2))) / 2 is written as a tanh, NumPy's cheapest function here, of a fitted polynomial; it
    errs by at most 3e-8, half of float32's rounding. Measured on 0.4 million numbers: 2.6 ms plainly, 1.3 ms so.
    """

    def formula(x, gate, slope, square):
        np.multiply(x, x, out=square)
        np.multiply(square, GATE[-1], out=gate)  # q(x^2) by Horner's rule
        for coefficient in GATE[-2:0:-1]:
            gate += coefficient
            gate *= square
        gate += GATE[0]
        gate *= x
        np.tanh(gate, out=gate)
        gate *= 0.5
        gate += 0.5
        square *= -0.5
        density = np.exp(square, out=square)
        density *= 1 / math.sqrt(2 * math.pi)
        np.multiply(density, x, out=slope)
        slope += gate  # P(x) + x p(x)
        gate *= x  # y = x P(x)

    return _blockwise(x, formula)


def gelu_tanh(x):
    """(y, slope) of GELU's tanh form, blockwise and in place, in float32 or float64; for |x| up to 1e12."""
    c = math.sqrt(2 / math.pi)

    def formula(x, t, slope, du):
        np.multiply(x, x, out=du)
        np.multiply(du, c * 0.044715, out=t)
        t += c
        t *= x
        np.tanh(t, out=t)
        du *= c * 3 * 0.044715
        du += c
        du *= x  # x u'
        np.multiply(t, t, out=slope)
        np.subtract(1, slope, out=slope)
        slope *= du
        slope += t
        slope += 1
        slope *= 0.5  # (1 + t + x u' (1 - t^2)) / 2
        t += 1
        t *= 0.5
        t *= x  # y = x (1 + t) / 2

    return _blockwise(x, formula)


SCORES = 65536  # entries of a block of attention scores: 256 KiB of float32, and as much again for their gradient
KEEP = 64  # up to so many tokens the exponentials are kept for backward; beyond, they are computed again


def _score_blocks(batch, heads, tokens):
    """(images, heads, queries) as slices: blocks of at most about SCORES scores. Many images at once if a whole image fits,
    else some queries of one head."""
    per_image = heads * tokens * tokens
    if per_image <= SCORES:
        group = SCORES // per_image
        return [(slice(i, i + group), slice(None), slice(None)) for i in range(0, batch, group)]
    rows = max(1, SCORES // tokens)
    starts = range(0, tokens, rows)
    return [(slice(i, i + 1), slice(j, j + 1), slice(r, r + rows)) for i in range(batch) for j in range(heads) for r in starts]


def attention(q, k, v, bias=None):
    """(y, backward) of attention without bias. The T x T scores exist one block at a time, in the cache, and are never
    normalised: with e = exp(scores) and r = 1 / rowsum(e), y = (e v) r divides T x d numbers instead of T x T. Backward
    computes e again from q and k, so that memory grows with T and not with T^2; for few tokens it is kept, being small.

    bias must be None. exp needs no row maxima while all scores of a block are within +-30, which two flat passes tell faster
    than one maximum for each short row. y lies so that merge_heads need not copy it; backward may be given three arrays to fill.
    Measured forward and backward, with splitting and merging the heads: 32 images of 50 tokens, D 64, from 2.3 ms to 1.8 ms;
    at 1,024 tokens 0.8 MB beyond inputs, output and gradients, where one matrix of scores for 4 heads is 17 MB.
    """
    batch, heads, tokens, width = q.shape
    scale, dtype = 1 / math.sqrt(width), q.dtype
    blocks = _score_blocks(batch, heads, tokens)
    y = np.empty((batch, tokens, heads, width), dtype).transpose(0, 2, 1, 3)  # (B, h, T, d)
    r = np.empty((batch, heads, tokens, 1), dtype)
    kept = np.empty((batch, heads, tokens, tokens), dtype) if tokens <= KEEP else None
    ones = np.ones((tokens, 1), dtype)

    def exponentials(i, j, rows):
        s = np.matmul(q[i, j, rows], k[i, j].swapaxes(-1, -2), out=None if kept is None else kept[i, j, rows])
        s *= scale
        if not (s.max() < 30 and s.min() > -30):
            s -= s.max(axis=-1, keepdims=True)
        return np.exp(s, out=s)

    for i, j, rows in blocks:
        e = exponentials(i, j, rows)
        np.divide(1, e @ ones, out=r[i, j, rows])
        part = np.matmul(e, v[i, j], out=y[i, j, rows])
        part *= r[i, j, rows]

    def backward(dy, out=None):
        dq, dk, dv = out if out is not None else np.empty((3, batch, heads, tokens, width), dtype)  # 3 of (B, h, T, d)
        for i, j, rows in blocks:
            e = exponentials(i, j, rows) if kept is None else kept[i, j, rows]
            dyr = dy[i, j, rows] * r[i, j, rows]
            ds = dyr @ v[i, j].swapaxes(-1, -2)
            ds -= np.einsum("...d,...d->...", dyr, y[i, j, rows])[..., None]
            ds *= e
            ds *= scale
            np.matmul(ds, k[i, j], out=dq[i, j, rows])
            if rows.start:
                dk[i, j] += ds.swapaxes(-1, -2) @ q[i, j, rows]
                dv[i, j] += e.swapaxes(-1, -2) @ dyr
            else:
                np.matmul(ds.swapaxes(-1, -2), q[i, j, rows], out=dk[i, j])
                np.matmul(e.swapaxes(-1, -2), dyr, out=dv[i, j])
        return dq, dk, dv, None

    return y, backward


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


def layernorm(x, weight, bias, eps):
    """(y, backward) of layernorm. An average over a row is a product with a column of 1/D, and a sum over rows one with ones:
    NumPy computes those faster than .mean and .sum (1,600 tokens of width 64, forward and backward: 0.44 ms to 0.28 ms)."""
    width = x.shape[-1]
    rows = x.reshape(-1, width)  # (R, D)
    average = np.full((width, 1), 1 / width, dtype=x.dtype)
    xhat = rows - rows @ average
    variance = np.einsum("rd,rd->r", xhat, xhat)[:, None] / width  # (R, 1)
    r = 1 / np.sqrt(variance + eps)
    xhat *= r
    y = xhat * weight
    y += bias

    def backward(dy):
        dy = dy.reshape(-1, width)  # (R, D)
        ones = np.ones(len(dy), dtype=dy.dtype)
        product = dy * xhat
        dbias, dweight = ones @ dy, ones @ product
        average_gx = product @ (weight[:, None] / width)  # (R, 1), the average of dy * weight * xhat
        dx = dy * weight
        dx -= dx @ average
        dx -= np.multiply(xhat, average_gx, out=product)
        dx *= r
        return dx.reshape(x.shape), dweight, dbias

    return y.reshape(x.shape), backward


def adamw(g, applies, rates, values, m, v):
    """One step of AdamW, which needs no memory but that of g. applies is True."""
    lr, b1, b2, eps, decay, c1, c2 = rates
    if decay:
        values *= 1 - lr * decay
    m *= b1
    m += (1 - b1) * g
    v *= b2
    g *= g
    v += (1 - b2) * g
    denominator = np.sqrt(v, out=g)
    denominator /= math.sqrt(c2)
    denominator += eps
    np.divide(m, denominator, out=denominator)
    denominator *= lr / c1
    values -= denominator


@functools.cache
def keep_freed_memory():
    """Asks the C library (glibc; elsewhere nothing happens) to keep freed arrays for the next step, for the whole process.

    By default arrays of megabytes go back to the system when freed and are faulted in again, page by page and zeroed, at
    every step. Measured on the reference training step: 158 ms with the default, 129 ms with this.
    """
    M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from malloc.h; an older glibc takes no more than 32 MiB for the second
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    raised = mallopt(M_MMAP_THRESHOLD, 2**31 - 1) or mallopt(M_MMAP_THRESHOLD, 2**25)
    return bool(raised and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
