"""Kernels for a CPU: the same numbers as the plain formulas on the ops' pages, computed faster.

Two things decide. Memory: a formula of twenty operations with twenty results fetches fresh memory twenty times, and in place
once or twice. And the interpreter, which lets one thread run at a time: NumPy gives it back while it computes, but to take it
again when another thread has it costs some microseconds. So an operation should be long: two threads that compute in blocks of
32,768 numbers, which would suit a core's cache, are slower than one.
"""

import ctypes
import functools
import math
import sys

import numpy as np

BLOCK = 524_288  # entries: 2 MiB of float32. 0.4 million exact GELUs on each of two threads: 2.6 ms by 32,768, 0.9 ms so
PART = 32_768  # entries: where one thread is alone, a part of all arrays stays in a core's cache


def _exponential():
    """(f, unit): exp(x) = f(x * unit). With AVX-512 NumPy computes exp2 in half of exp's time; elsewhere exp is the faster."""
    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", ())  # a browser's NumPy has none
    wide = sys.platform == "linux" and {"X86_V4", "AVX512_SKX"} & set(found)
    return (np.exp2, 1 / math.log(2)) if wide else (np.exp, 1.0)


EXP, UNIT = _exponential()


def _blockwise(x, formula):
    """(y, slope): formula(x, y, slope) fills one block after the other, with no other memory."""
    flat_x = np.ascontiguousarray(x).reshape(-1)
    flat_y, flat_slope = np.empty_like(flat_x), np.empty_like(flat_x)
    with np.errstate(over="ignore", invalid="ignore"):  # far out a polynomial is infinite and the gate 0 or 1, as it should be
        for start in range(0, x.size, BLOCK):
            block = slice(start, start + BLOCK)
            formula(flat_x[block], flat_y[block], flat_slope[block])
    return flat_y.reshape(x.shape), flat_slope.reshape(x.shape)


# P(x) = 1 / (1 + exp(-2 x q(x^2))): q from the constant up, by `python -m benchmarks.fit_gelu`
GATE = (7.978849415e-01, 3.633308441e-02, -3.259474296e-05, -5.530631748e-05, 3.964773288e-06, -1.322662899e-07, 1.756277745e-09)


def gelu_exact(x):
    """(y, slope) of exact GELU for float32, in place.

    The gate P(x) = (1 + erf(x / sqrt(2))) / 2 is written as a logistic function of a fitted polynomial; it errs by at most 3e-8,
    half of float32's rounding. Measured on 0.4 million numbers: 2.6 ms plainly, 0.9 ms so.
    """
    exponent = [-2 * UNIT * coefficient for coefficient in GATE]

    def formula(x, gate, square):
        np.multiply(x, x, out=square)
        np.multiply(square, exponent[-1], out=gate)  # -2 q(x^2) by Horner's rule
        for coefficient in exponent[-2:0:-1]:
            gate += coefficient
            gate *= square
        gate += exponent[0]
        gate *= x
        EXP(gate, out=gate)
        gate += 1
        np.divide(1, gate, out=gate)
        square *= -0.5 * UNIT
        slope = EXP(square, out=square)
        slope *= 1 / math.sqrt(2 * math.pi)  # the density p(x)
        slope *= x
        slope += gate  # P(x) + x p(x)
        gate *= x  # y = x P(x)

    return _blockwise(x, formula)


def gelu_tanh(x):
    """(y, slope) of GELU's tanh form, in place, in float32 or float64; for |x| up to 1e12."""
    c = math.sqrt(2 / math.pi)

    def formula(x, t, du):
        np.multiply(x, x, out=du)
        np.multiply(du, c * 0.044715, out=t)
        t += c
        t *= x
        np.tanh(t, out=t)
        du *= c * 3 * 0.044715
        du += c
        du *= x  # x u'
        square = t * t
        slope = np.multiply(du, np.subtract(1, square, out=square), out=du)
        slope += t
        slope += 1
        slope *= 0.5  # (1 + t + x u' (1 - t^2)) / 2
        t += 1
        t *= 0.5
        t *= x  # y = x (1 + t) / 2

    return _blockwise(x, formula)


def linear_without_blas(x, weight, bias):
    """(y, backward) of linear where NumPy has no matrix library, in a browser: there einsum, which walks along rows, takes from a
    half to a seventh of the time of @, which walks down columns."""
    inputs, outputs = weight.shape
    rows = x.reshape(-1, inputs)  # (R, in)
    y = np.einsum("ri,io->ro", rows, weight)  # (R, out)
    if bias is not None:
        y += bias

    def backward(dy):
        dy = dy.reshape(-1, outputs)  # (R, out)
        dx = np.einsum("ro,io->ri", dy, weight).reshape(x.shape)
        dweight = np.einsum("ri,ro->io", rows, dy)
        return dx, dweight, None if bias is None else dy.sum(axis=0)

    return y.reshape(*x.shape[:-1], outputs), backward


def layernorm(x, weight, bias, eps):
    """(y, backward) of layernorm. An average over a row is a product with a column of 1/D, and a sum over rows one with ones:
    NumPy computes those faster than .mean and .sum (1,600 tokens of width 64, forward and backward: 0.44 ms to 0.28 ms)."""
    width = x.shape[-1]
    rows = x.reshape(-1, width)  # (R, D)
    average = np.full((width, 1), 1 / width, dtype=x.dtype)
    xhat = rows - rows @ average
    variance = np.vecdot(xhat, xhat)[:, None] / width  # (R, 1)
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


def pick(x, index):
    """(y, backward) of pick. Backwards, bincount adds up what belongs to an entry, in float64, for one matrix (T, S) after the
    other. Measured on 200 of 50 x 50, 50 entries a row: add.at 4.6 ms, a product with the index in one-hot form 1.0 ms, this 1.0
    ms; on 96 of 197 x 197: the product 10.7 ms, this 6.1 ms."""
    *front, rows, length = x.shape
    entries = (index + length * np.arange(rows)[:, None]).reshape(-1)  # (T S), in the last two axes of x as one
    y = x.reshape(*front, rows * length).take(entries, axis=-1)  # (..., T S)

    def backward(dy):
        dy = dy.reshape(math.prod(front), len(entries))
        dx = np.empty((len(dy), rows * length), dy.dtype)
        for own, upstream in zip(dx, dy, strict=True):
            own[...] = np.bincount(entries, upstream, rows * length)
        return dx.reshape(x.shape), None

    return y.reshape(*front, *index.shape), backward


def adamw(g, applies, rates, values, m, v):
    """One step of AdamW, block by block, which needs no memory but that of g and a block. applies is True. Measured on 205,066
    parameters: 0.8 ms over the whole arrays, 0.3 ms so."""
    lr, b1, b2, eps, decay, c1, c2 = rates
    scratch = np.empty(min(PART, g.size), g.dtype)
    for start in range(0, g.size, PART):
        block = slice(start, start + PART)
        _adamw_block(g[block], lr, b1, b2, eps, decay, c1, c2, values[block], m[block], v[block], scratch[: g.size - start])


def _adamw_block(g, lr, b1, b2, eps, decay, c1, c2, values, m, v, scratch):
    if decay:
        values *= 1 - lr * decay
    m *= b1
    m += np.multiply(g, 1 - b1, out=scratch)
    v *= b2
    g *= g
    v += np.multiply(g, 1 - b2, out=scratch)
    denominator = np.sqrt(v, out=g)
    denominator /= math.sqrt(c2)
    denominator += eps
    step = np.divide(m, denominator, out=denominator)
    step *= lr / c1
    values -= step


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
