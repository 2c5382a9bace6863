"""Correct answers to lesson 20, written differently from the solution and from one another."""

import math

import numpy as np

# absorb


def nan_to_zero(largest, total, mixed, scores, values):
    """Lets -inf - (-inf) happen, and makes 0 of it."""
    new = np.maximum(largest, scores.max(axis=-1, keepdims=True))
    with np.errstate(invalid="ignore"):
        shrink, e = np.nan_to_num(np.exp(largest - new)), np.nan_to_num(np.exp(scores - new))
    return new, total * shrink + e.sum(-1)[..., None], mixed * shrink + np.einsum("...nt,...td->...nd", e, values)


def two_averages(largest, total, mixed, scores, values):
    """The tile's own three, then both sides brought down to the larger maximum."""
    own = scores.max(axis=-1, keepdims=True)
    e = np.where(own == -math.inf, 0, np.exp(scores - np.maximum(own, -1e30)))
    new = np.maximum(largest, own)
    left, right = (np.where(m == -math.inf, 0, np.exp(m - np.maximum(new, -1e30))) for m in (largest, own))
    return [new, left * total + right * e.sum(axis=-1, keepdims=True), left * mixed + right * (e @ values)]


def key_by_key(largest, total, mixed, scores, values):
    """A tile of t keys is t tiles of one."""
    for j in range(scores.shape[-1]):
        s = scores[..., j : j + 1]  # (..., n, 1)
        new = np.where(s > largest, s, largest)
        seen = new > -math.inf
        floor = np.where(seen, new, 0)
        shrink, e = np.exp(largest - floor) * seen, np.exp(s - floor) * seen
        largest, total, mixed = new, shrink * total + e, shrink * mixed + e * values[..., None, j, :]
    return largest, total, mixed


# flash_attention


def _blocks(count, size):
    return [slice(start, start + size) for start in range(0, count, size)]


def _transposed(x):
    return np.swapaxes(x, -1, -2)


def keys_outside(q, k, v, tile=64):
    """All queries at once, one block of keys after the other; the scale at the scores; r = 1 / total and the maxima are kept."""
    root = math.sqrt(q.shape[-1])
    top = np.full(q.shape[:-1], -np.inf, q.dtype)[..., None]
    total, y = np.zeros_like(top), np.zeros_like(q)
    for part in _blocks(k.shape[-2], tile):
        s = q @ _transposed(k[..., part, :]) / root
        new = np.maximum(top, s.max(-1, keepdims=True))
        c, e = np.exp(top - new), np.exp(s - new)
        top, total, y = new, c * total + e.sum(-1, keepdims=True), c * y + e @ v[..., part, :]
    r = 1 / total
    y = y * r

    def backward(dy):
        d = np.einsum("...i,...i->...", dy, y)[..., None]
        dq, dk, dv = np.zeros_like(q), np.empty_like(k), np.empty_like(v)
        for part in _blocks(k.shape[-2], tile):
            p = np.exp(q @ _transposed(k[..., part, :]) / root - top) * r
            ds = p * (dy @ _transposed(v[..., part, :]) - d) / root
            dq += ds @ k[..., part, :]
            dk[..., part, :], dv[..., part, :] = _transposed(ds) @ q, _transposed(p) @ dy
        return dq, dk, dv

    return y, backward


def two_walks(q, k, v, tile=256):
    """Averages instead of sums, merged by their levels; the backward's D is a walk of its own, over P · dP."""
    small = q * q.shape[-1] ** -0.5
    y, level = np.zeros_like(q), np.full_like(q[..., :1], -np.inf)
    for rows in _blocks(q.shape[-2], tile):
        for part in _blocks(k.shape[-2], tile):
            s = small[..., rows, :] @ _transposed(k[..., part, :])
            top = s.max(-1, keepdims=True)
            own = top + np.log(np.exp(s - top).sum(-1, keepdims=True))  # ln of the tile's own sum
            old = level[..., rows, :]
            both = np.logaddexp(old, own)
            y[..., rows, :] = np.exp(old - both) * y[..., rows, :] + np.exp(s - both) @ v[..., part, :]
            level[..., rows, :] = both

    def backward(dy):
        dq, dk, dv = (0 * x for x in (q, k, v))

        def tile_of(rows, part):
            p = np.exp(small[..., rows, :] @ _transposed(k[..., part, :]) - level[..., rows, :])
            return p, dy[..., rows, :] @ _transposed(v[..., part, :])

        for rows in _blocks(q.shape[-2], tile):
            d = 0
            for part in _blocks(k.shape[-2], tile):
                p, dp = tile_of(rows, part)
                d = d + (p * dp).sum(-1, keepdims=True)
            for part in _blocks(k.shape[-2], tile):
                p, dp = tile_of(rows, part)
                ds = p * (dp - d)
                dq[..., rows, :] += ds @ k[..., part, :]
                dk[..., part, :] += _transposed(ds) @ small[..., rows, :]
                dv[..., part, :] += _transposed(p) @ dy[..., rows, :]
        return [dq * q.shape[-1] ** -0.5, dk, dv]

    return y, backward


def whole_rows(q, k, v, tile=96):
    """A few queries with all their keys: nothing runs along, and memory grows with the keys alone."""
    scale = 1 / math.sqrt(q.shape[-1])
    y = np.zeros_like(q)

    def weights(rows):
        s = np.einsum("...id,...jd->...ij", q[..., rows, :], k) * scale
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    for rows in _blocks(q.shape[-2], tile):
        y[..., rows, :] = weights(rows) @ v

    def backward(dy):
        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        for rows in _blocks(q.shape[-2], tile):
            p, part = weights(rows), dy[..., rows, :]
            dp = part @ _transposed(v)
            ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) * scale
            dq[..., rows, :] = ds @ k
            dk += _transposed(ds) @ q[..., rows, :]
            dv += _transposed(p) @ part
        return dq, dk, dv

    return y, backward


CORRECT = {
    "absorb": [nan_to_zero, two_averages, key_by_key],
    "flash_attention": [keys_outside, two_walks, whole_rows],
}
