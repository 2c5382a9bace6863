"""Correct answers to lesson 03, written differently from the solution and from one another."""

import math

import numpy as np


def one_step_array(function, x, dy, h=1e-5):
    """Adds an array that is zero but for one entry."""
    slopes = []
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = h
        step = step.reshape(x.shape)
        above, below = function(x + step)[0], function(x - step)[0]
        slopes.append(np.sum((above - below) / (2 * h) * dy))
    return np.array(slopes).reshape(x.shape)


def in_place_and_restored(function, x, dy, h=1e-5):
    """Moves the caller's array, and puts the old value back."""

    def loss():
        y, _ = function(x)
        return float(np.vdot(y, dy))

    gradient = np.empty(x.shape)
    for place, old in np.ndenumerate(x.copy()):
        x[place] = old + h
        above = loss()
        x[place] = old - h
        gradient[place] = (above - loss()) / h / 2
        x[place] = old
    return gradient


def by_iterator(function, x, dy, h=1e-5):
    """np.nditer over a fresh result; flat copies of x."""
    gradient = np.zeros(x.shape, dtype=x.dtype)
    entries = np.nditer(gradient, flags=["multi_index"], op_flags=["readwrite"])
    for entry in entries:
        up, down = np.array(x), np.array(x)
        up[entries.multi_index] += h
        down[entries.multi_index] -= h
        difference = (function(up)[0] * dy).sum() - (function(down)[0] * dy).sum()
        entry[...] = 0.5 * difference / h
    return gradient


def flat_list(function, x, dy, h=1e-5):
    """Plain Python numbers in a list."""
    numbers = [float(value) for value in x.ravel()]

    def loss(at, step):
        moved = numbers[:]
        moved[at] += step
        y = function(np.array(moved).reshape(x.shape))[0]
        return math.fsum(a * b for a, b in zip(y.ravel().tolist(), dy.ravel().tolist(), strict=True))

    return np.array([(loss(i, h) - loss(i, -h)) / (2 * h) for i in range(len(numbers))]).reshape(x.shape)


def _central(function, x, dy, h):
    step = h * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([((function(x + s)[0] - function(x - s)[0]) * dy).sum() for s in step]).reshape(x.shape) / (2 * h)


def with_arrays(function, x, rng):
    """np.max and np.array instead of methods; normal instead of standard_normal."""
    x = np.array(x, dtype=np.float64)
    y, backward = function(x)
    dy = rng.normal(size=np.shape(y))
    yours, truth = backward(dy), _central(function, x, dy, 1e-5)
    if np.shape(yours) != np.shape(truth):
        return float("inf")
    return np.max(np.abs(yours - truth)) / np.max(np.abs(truth))


def with_loops(function, x, rng):
    """Plain loops over the entries, a uniform dy."""
    x = np.float64(x)
    dy = rng.uniform(-1, 1, function(x)[0].shape)
    dx = function(x)[1](dy)
    if dx.shape != x.shape:
        return math.inf
    truth = _central(function, x, dy, 4e-6)
    worst = largest = 0.0
    for place in np.ndindex(x.shape):
        if not math.isfinite(dx[place]):
            return math.inf
        worst = max(worst, abs(dx[place] - truth[place]))
        largest = max(largest, abs(truth[place]))
    return float(worst / largest)


def with_norms(function, x, rng):
    """The largest entry as the norm of order infinity; a scale that is never 0."""
    x = x.astype("float64")
    y, backward = function(x.copy())
    dy = 3 * rng.standard_normal(y.shape)
    dx = backward(dy)
    truth = _central(function, x, dy, 1e-5)
    if dx.shape == truth.shape:
        return np.linalg.norm((truth - dx).ravel(), np.inf) / max(np.linalg.norm(truth.ravel(), np.inf), 1e-300)
    return np.inf


CORRECT = {
    "numeric_gradient": [one_step_array, in_place_and_restored, by_iterator, flat_list],
    "check_gradient": [with_arrays, with_loops, with_norms],
}
