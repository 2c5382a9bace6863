"""Correct answers to lesson 04, written differently from the solution and from one another."""

import numpy as np


def by_einsum(x, weight, bias):
    """Letters for the axes; an ellipsis for those in front."""
    y = np.einsum("...i,ij->...j", x, weight) + bias

    def backward(dy):
        dx = np.einsum("...j,ij->...i", dy, weight)
        rows, slopes = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        return dx, np.einsum("ri,rj->ij", rows, slopes), np.einsum("rj->j", slopes)

    return y, backward


def by_tensordot(x, weight, bias):
    """Sums over all axes in front, named by number."""
    y = np.tensordot(x, weight, axes=1) + bias

    def backward(dy):
        front = tuple(range(x.ndim - 1))
        dweight = np.tensordot(x, dy, axes=(front, front))
        return np.tensordot(dy, weight, axes=((-1,), (1,))), dweight, dy.sum(axis=front)

    return y, backward


def row_by_row(x, weight, bias):
    """A loop over the rows, collecting outer products."""
    y = np.zeros((*x.shape[:-1], weight.shape[1]), dtype=x.dtype)
    for place in np.ndindex(x.shape[:-1]):
        y[place] = x[place] @ weight + bias

    def backward(dy):
        dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros_like(bias)
        for place in np.ndindex(x.shape[:-1]):
            dx[place] = weight @ dy[place]
            dweight += np.outer(x[place], dy[place])
            dbias += dy[place]
        return dx, dweight, dbias

    return y, backward


def bias_as_a_weight(x, weight, bias):
    """The bias as one more row of weights, whose input is always 1."""
    one = np.ones((*x.shape[:-1], 1), dtype=x.dtype)
    longer = np.concatenate([x, one], axis=-1)  # (..., in + 1)
    taller = np.concatenate([weight, bias[None]], axis=0)  # (in + 1, out)
    y = longer @ taller

    def backward(dy):
        flat = longer.reshape(-1, longer.shape[-1])
        both = flat.T @ dy.reshape(-1, dy.shape[-1])  # (in + 1, out)
        return (dy @ taller.T)[..., :-1], both[:-1], both[-1]

    return y, backward


def by_broadcasting(x, weight, bias):
    """Products of all pairs first, then sums."""
    y = (x[..., :, None] * weight).sum(axis=-2) + bias

    def backward(dy):
        pairs = x[..., :, None] * dy[..., None, :]  # (..., in, out)
        front = tuple(range(x.ndim - 1))
        return (dy[..., None, :] * weight).sum(axis=-1), pairs.sum(axis=front), dy.sum(axis=front)

    return y, backward


CORRECT = {"linear": [by_einsum, by_tensordot, row_by_row, bias_as_a_weight, by_broadcasting]}
