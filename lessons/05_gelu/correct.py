"""Correct answers, written in other ways than the solution. The checker must accept every one of them."""

import math

import numpy as np

from minivit.backend import erf


def gelu_slope_kept(x):
    """Everything in the forward; backward keeps only the slope."""
    e = erf(x * math.sqrt(0.5))
    slope = 0.5 + 0.5 * e + x * np.exp(-(x**2) / 2) * (1 / math.sqrt(2 * math.pi))
    y = 0.5 * x + 0.5 * x * e

    def backward(dy):
        return slope * dy

    return y, backward


def gelu_in_loops(x):
    """Entry by entry, with Python's own math."""
    y = np.empty_like(x)
    for place in np.ndindex(*x.shape):
        value = float(x[place])
        y[place] = value * (1 + math.erf(value / 2**0.5)) / 2

    def backward(dy):
        dx = np.empty_like(x)
        for place in np.ndindex(*x.shape):
            value = float(x[place])
            below = (1 + math.erf(value / 2**0.5)) / 2
            dx[place] = float(dy[place]) * (below + value * math.exp(-value * value / 2) / math.sqrt(math.tau))
        return dx

    return y, backward


def gelu_two_terms(x):
    """The two terms of the gradient one by one; the gate by the complement, 1 - Φ(-x), with math.erfc."""
    above = np.array([0.5 * math.erfc(v / math.sqrt(2)) for v in x.ravel().tolist()], dtype=x.dtype).reshape(x.shape)
    gate = 1 - above

    def backward(dy):
        through_the_gate = np.multiply(gate, dy)
        bell = np.exp(np.square(x) * -0.5) * 0.3989422804014327
        of_the_gate = np.multiply(dy, bell) * x
        return np.add(through_the_gate, of_the_gate)

    return np.multiply(gate, x), backward


def gelu_erf_of_magnitude(x):
    """x Φ(x) = relu(x) - |x| times the tail beyond |x|; the gradient from the same tail."""
    size = np.abs(x)
    tail = (1 - erf(size / math.sqrt(2))) / 2
    y = np.maximum(x, 0) - size * tail

    def backward(dy):
        gate = np.where(x > 0, 1 - tail, tail)
        return dy * gate + dy * x * np.exp(-size * size / 2) / math.sqrt(2 * math.pi)

    return y, backward


CORRECT = {"gelu": [gelu_slope_kept, gelu_in_loops, gelu_two_terms, gelu_erf_of_magnitude]}
