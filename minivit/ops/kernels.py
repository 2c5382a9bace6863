"""Kernels: the same numbers as the plain formula in an op's file, computed faster on a CPU. (DESIGN: the op says what, a
kernel says how fast.) A test holds each to its plain form.

NumPy computes one operation at a time over the whole array. A formula of twenty operations on megabytes then moves every
byte through the memory twenty times. Done block by block, each small enough for a core's own cache, the memory is touched
once.
"""

import math

import numpy as np

BLOCK = 32768  # entries: 128 KiB of float32, a quarter of a megabyte with a scratch block beside it


def gelu_exact_blocks(x):
    """(y, slope) of exact GELU for float32, blockwise and in place.

    erf is Abramowitz and Stegun 7.1.26: erf(z) = 1 - (a1 t + ... + a5 t^5) exp(-z^2), t = 1 / (1 + 0.3275911 z), z >= 0.
    With z = |x| / sqrt(2) its exponential is exp(-x^2 / 2), the one in the density that the slope needs: one exp serves both.
    """
    flat_x = np.ascontiguousarray(x).reshape(-1)
    flat_y, flat_slope = np.empty_like(flat_x), np.empty_like(flat_x)
    t_scratch, e_scratch = np.empty(min(BLOCK, x.size), x.dtype), np.empty(min(BLOCK, x.size), x.dtype)
    for start in range(0, x.size, BLOCK):
        block = flat_x[start : start + BLOCK]
        gate, tail = (
            flat_y[start : start + BLOCK],
            flat_slope[start : start + BLOCK],
        )  # the outputs serve as scratch first
        t, e = t_scratch[: len(block)], e_scratch[: len(block)]
        np.abs(block, out=t)
        t *= 0.3275911 * math.sqrt(0.5)
        t += 1
        np.divide(1, t, out=t)
        np.multiply(block, block, out=e)
        e *= -0.5
        np.exp(e, out=e)
        np.multiply(t, 0.5 * 1.061405429, out=tail)  # half of 1 - erf(z), by Horner's rule
        for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            tail += 0.5 * coefficient
            tail *= t
        tail *= e
        np.subtract(0.5, tail, out=tail)
        np.copysign(tail, block, out=gate)
        gate += 0.5  # the probability P(x)
        e *= 1 / math.sqrt(2 * math.pi)
        np.multiply(block, e, out=tail)
        tail += gate  # the slope P(x) + x p(x)
        gate *= block  # y = x P(x)
    return flat_y.reshape(x.shape), flat_slope.reshape(x.shape)


def gelu_tanh_blocks(x):
    """(y, slope) of GELU's tanh form, blockwise and in place, in float32 or float64."""
    flat_x = np.ascontiguousarray(x).reshape(-1)
    flat_y, flat_slope = np.empty_like(flat_x), np.empty_like(flat_x)
    scratch = np.empty(min(BLOCK, x.size), x.dtype)
    c = math.sqrt(2 / math.pi)
    for start in range(0, x.size, BLOCK):
        block = flat_x[start : start + BLOCK]
        t, s = flat_y[start : start + BLOCK], flat_slope[start : start + BLOCK]
        du = scratch[: len(block)]
        np.multiply(block, block, out=du)
        np.multiply(du, c * 0.044715, out=t)
        t += c
        t *= block
        np.tanh(t, out=t)
        du *= c * 3 * 0.044715
        du += c
        du *= block  # x u'
        np.multiply(t, t, out=s)
        np.subtract(1, s, out=s)
        s *= du
        s += t
        s += 1
        s *= 0.5  # (1 + t + x u' (1 - t^2)) / 2
        t += 1
        t *= 0.5
        t *= block
    return flat_y.reshape(x.shape), flat_slope.reshape(x.shape)
