"""Correct answers to lesson 11, written differently from the solution and from one another."""

import math

import numpy as np

from lessons import mine


def by_einsum(q, k, v):
    """Letters: i looks at j."""
    root = math.sqrt(q.shape[-1])
    s = np.einsum("...id,...jd->...ij", q, k) / root
    p = np.exp(s - s.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)

    def backward(dy):
        dp = np.einsum("...id,...jd->...ij", dy, v)
        ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) / root
        dq, dk = np.einsum("...ij,...jd->...id", ds, k), np.einsum("...ij,...id->...jd", ds, q)
        return dq, dk, np.einsum("...ij,...id->...jd", p, dy)

    return np.einsum("...ij,...jd->...id", p, v), backward


def scaled_queries(q, k, v):
    """Scales the queries and not the scores; the row average from y and dy."""
    scale = q.shape[-1] ** -0.5
    small = q * scale
    p, _ = mine.softmax(small @ np.swapaxes(k, -1, -2))
    y = p @ v

    def backward(dy):
        row = (dy * y).sum(axis=-1, keepdims=True)
        ds = p * (dy @ np.swapaxes(v, -1, -2) - row)
        return scale * (ds @ k), np.swapaxes(ds, -1, -2) @ small, np.swapaxes(p, -1, -2) @ dy

    return y, backward


def token_by_token(q, k, v):
    """A loop over the tokens that look."""
    count, d = q.shape[-2:]
    scale = 1 / math.sqrt(d)
    rows = []
    for i in range(count):
        s = (q[..., i, None, :] * k).sum(axis=-1) * scale  # (..., T)
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        rows.append(e / e.sum(axis=-1, keepdims=True))
    y = np.stack([(p[..., None] * v).sum(axis=-2) for p in rows], axis=-2)

    def backward(dy):
        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        for i, p in enumerate(rows):
            g = dy[..., i, None, :]  # (..., 1, d)
            dv += p[..., None] * g
            dp = (g * v).sum(axis=-1)  # (..., T)
            ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) * scale
            dq[..., i, :] = (ds[..., None] * k).sum(axis=-2)
            dk += ds[..., None] * q[..., i, None, :]
        return [dq, dk, dv]

    return y, backward


CORRECT = {"attention": [by_einsum, scaled_queries, token_by_token]}
