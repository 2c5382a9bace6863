"""Correct answers to lesson 19, written differently from the solution and from one another."""

import math

import numpy as np

from minivit.backend import erf

# gelu_in_blocks


def _cut(count, size):
    return [slice(start, start + size) for start in range(0, count, size)]


def slope_made_again(x, block=4096):
    """Keeps x alone: backward makes the slope again, block by block."""
    flat = x.reshape(-1)
    y = np.zeros_like(flat)
    for part in _cut(flat.size, block):
        y[part] = flat[part] * (1 + erf(flat[part] / math.sqrt(2))) / 2

    def backward(dy):
        upstream, dx = dy.reshape(-1), np.zeros_like(flat)
        for part in _cut(flat.size, block):
            v = flat[part]
            bell = np.exp(v * v / -2) / math.sqrt(math.tau)
            dx[part] = upstream[part] * ((1 + erf(v / math.sqrt(2))) / 2 + v * bell)
        return dx.reshape(x.shape)

    return y.reshape(x.shape), backward


def small_results(x, block=4096):
    """New arrays for the steps of a block, copied into place: they are small."""
    y, slope = np.empty(x.size, x.dtype), np.empty(x.size, x.dtype)
    row = np.ravel(x)
    for start in range(0, x.size, block):
        some = row[start : start + block]
        gate = 0.5 + 0.5 * erf(some * 0.7071067811865476)
        y[start : start + block] = some * gate
        slope[start : start + block] = gate + some * np.exp(-0.5 * some**2) * 0.3989422804014327
    return y.reshape(x.shape), lambda dy: np.multiply(slope.reshape(x.shape), dy)


def one_scratch(x, block=4096):
    """One piece of scratch paper, used for every block; the slope first."""
    flat = np.ascontiguousarray(x).ravel()
    y, slope, scratch = np.empty_like(flat), np.empty_like(flat), np.empty_like(flat[:block])
    for part in _cut(flat.size, block):
        v = flat[part]
        t = scratch[: v.size]
        np.divide(v, math.sqrt(2), out=t)
        gate = erf(t)
        gate += 1
        gate /= 2
        np.exp(np.negative(np.square(t, out=t), out=t), out=t)  # (x / √2)² is x² / 2
        t *= v
        t /= math.sqrt(2 * math.pi)
        np.add(gate, t, out=slope[part])
        np.multiply(gate, v, out=y[part])

    def backward(dy):
        dx = np.empty_like(x, order="C")
        return np.multiply(dy, slope.reshape(x.shape), out=dx)

    return y.reshape(x.shape), backward


# layernorm_in_blocks


def with_einsum(x, weight, bias, eps=1e-6, rows=100):
    """Sums by einsum, and everything of a block in new small arrays."""
    width = x.shape[-1]
    flat = x.reshape(-1, width)
    y, kept = np.empty_like(flat, order="C"), []
    for part in _cut(len(flat), rows):
        mean = np.einsum("nd->n", flat[part])[:, None] / width
        away = flat[part] - mean
        r = (np.einsum("nd,nd->n", away, away)[:, None] / width + eps) ** -0.5
        y[part] = away * r * weight + bias
        kept.append((part, mean, r))

    def backward(dy):
        upstream, dx = dy.reshape(-1, width), np.empty_like(flat, order="C")
        dweight, dbias = np.zeros_like(weight), np.zeros_like(bias)
        for part, mean, r in kept:
            xhat, g = (flat[part] - mean) * r, upstream[part] * weight
            dx[part] = r * (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True))
            dweight += np.einsum("nd,nd->d", upstream[part], xhat)
            dbias += np.einsum("nd->d", upstream[part])
        return dx.reshape(x.shape), dweight, dbias

    return y.reshape(x.shape), backward


def nothing_kept(x, weight, bias, eps=1e-6, rows=100):
    """Keeps nothing but x: backward measures mean and spread again."""
    width = x.shape[-1]
    flat = x.reshape(-1, width)

    def normalised(part):
        away = flat[part] - flat[part].mean(axis=1, keepdims=True)
        sigma = np.sqrt(np.square(away).mean(axis=1, keepdims=True) + eps)
        return away / sigma, sigma

    y = np.concatenate([normalised(part)[0] * weight + bias for part in _cut(len(flat), rows)]) if len(flat) <= rows else None
    if y is None:
        y = np.empty(flat.shape, x.dtype)
        for part in _cut(len(flat), rows):
            y[part] = normalised(part)[0] * weight + bias

    def backward(dy):
        dx, sums = np.empty(flat.shape, x.dtype), np.zeros((2, width), x.dtype)
        for part in _cut(len(flat), rows):
            upstream = dy.reshape(-1, width)[part]
            xhat, sigma = normalised(part)
            sums += (upstream * xhat).sum(0), upstream.sum(0)
            g = upstream * weight
            g -= g.mean(axis=1, keepdims=True) + xhat * (g * xhat).mean(axis=1, keepdims=True)
            dx[part] = g / sigma
        return dx.reshape(x.shape), sums[0], sums[1]

    return y.reshape(x.shape), backward


def row_by_row(x, weight, bias, eps=1e-6, rows=1):
    """Blocks of one row, whatever is asked for, with Welford's running mean and squares in Python numbers for short rows."""
    width = x.shape[-1]
    flat = x.reshape(-1, width)
    y, mean, r = np.empty(flat.shape, x.dtype), np.empty(len(flat), x.dtype), np.empty(len(flat), x.dtype)
    for n, row in enumerate(flat):
        center, squares = 0.0, 0.0
        for count, value in enumerate(row.tolist(), 1):
            step = value - center
            center += step / count
            squares += step * (value - center)
        mean[n], r[n] = center, 1 / math.sqrt(squares / width + eps)
        y[n] = (row - mean[n]) * r[n] * weight + bias

    def backward(dy):
        upstream, dx = dy.reshape(-1, width), np.empty(flat.shape, x.dtype)
        dweight, dbias = np.zeros_like(weight), np.zeros_like(bias)
        for n, row in enumerate(flat):
            xhat, g = (row - mean[n]) * r[n], weight * upstream[n]
            dx[n] = (g - g.mean() - xhat * (g @ xhat / width)) * r[n]
            dweight += upstream[n] * xhat
            dbias += upstream[n]
        return dx.reshape(x.shape), dweight, dbias

    return y.reshape(x.shape), backward


# gelu_kernel


def _gelu(v):
    gate = math.erfc(-v / math.sqrt(2)) / 2
    return v * gate, gate + v * math.exp(-v * v / 2) / math.sqrt(math.tau)


def while_loop(me, x, y, slope):
    i = me.thread + me.threads * me.block
    while i < len(x):
        y[i], slope[i] = _gelu(x[i])
        i += me.threads * me.blocks


def in_rounds(me, x, y, slope):
    """All threads do the same number of rounds, and look before they touch anything."""
    everybody = me.blocks * me.threads
    for lap in range(len(x) // everybody + 1):
        i = lap * everybody + me.block * me.threads + me.thread
        if i < len(x):
            result = _gelu(x[i])
            slope[i] = result[1]
            y[i] = result[0]


def in_pieces(me, x, y, slope):
    """A piece of neighbours for each thread, the last one shorter: right, and slow to fetch on a GPU."""
    piece = -(-len(x) // (me.blocks * me.threads))
    first = (me.block * me.threads + me.thread) * piece
    for i in range(first, min(first + piece, len(x))):
        y[i], slope[i] = _gelu(x[i])


# block_sum


def neighbours_first(me, value):
    """Distances 1, 2, 4, …"""
    me.shared[me.thread] = value
    step = 1
    while step < me.threads:
        yield
        if me.thread % (2 * step) == 0:
            me.shared[me.thread] = me.shared[me.thread] + me.shared[me.thread + step]
        step *= 2
    yield
    total = me.shared[0]
    yield
    return total


def barrier_first(me, value):
    """Waits at the beginning for those who still read the sum before, instead of at the end."""
    half, mine = me.threads, value
    yield
    me.shared[me.thread] = mine
    while half > 1:
        yield
        half //= 2
        if me.thread < half:
            mine += me.shared[me.thread + half]
            me.shared[me.thread] = mine
    yield
    return me.shared[0]


def recursive(me, value):
    me.shared[me.thread] = value
    yield

    def rounds(half):
        if half:
            if me.thread < half:
                me.shared[me.thread] += me.shared[half + me.thread]
            yield
            yield from rounds(half // 2)

    yield from rounds(me.threads >> 1)
    result = me.shared[0]
    yield
    return result


# layernorm_kernel


def _two_sums_of(me, value):
    return (yield from recursive(me, value))


def distances_kept(me, x, weight, bias, eps, y, mean, r):
    """The thread's numbers stay in its own list, its registers, from the first loop to the last."""
    width = len(weight)
    own = [x[me.block * width + i] for i in range(me.thread, width, me.threads)]
    center = (yield from recursive(me, sum(own, 0.0))) / width
    own = [number - center for number in own]
    variance = (yield from recursive(me, sum((d * d for d in own), 0.0))) / width
    scale = (variance + eps) ** -0.5
    for i, distance in zip(range(me.thread, width, me.threads), own, strict=True):
        y[me.block * width + i] = bias[i] + weight[i] * (distance * scale)
    if me.thread == me.threads - 1:
        mean[me.block] = center
        r[me.block] = scale


def shifted(me, x, weight, bias, eps, y, mean, r):
    """One walk, with E[d²] − E[d]² of the distances d from the row's first number: nothing large is left to cancel."""
    width, first = len(weight), len(weight) * me.block
    base, total, squares = x[first], 0.0, 0.0
    for i in range(me.thread, width, me.threads):
        d = x[first + i] - base
        total, squares = total + d, squares + d * d
    total = (yield from _two_sums_of(me, total)) / width
    squares = (yield from _two_sums_of(me, squares)) / width
    scale = 1 / math.sqrt(squares - total * total + eps)
    for i in range(me.thread, width, me.threads):
        y[first + i] = (x[first + i] - base - total) * scale * weight[i] + bias[i]
    if not me.thread:
        mean[me.block], r[me.block] = base + total, scale


def while_loops(me, x, weight, bias, eps, y, mean, r):
    start, end, total = me.block * len(weight), (me.block + 1) * len(weight), 0.0
    i = start + me.thread
    while i < end:
        total += x[i]
        i += me.threads
    total = yield from barrier_first(me, total)
    center, squares, i = total / len(weight), 0.0, start + me.thread
    while i < end:
        squares += (x[i] - center) ** 2
        i += me.threads
    squares = yield from barrier_first(me, squares)
    sigma = math.sqrt(squares / len(weight) + eps)
    if me.thread == 0:
        mean[me.block] = center
    if me.thread == 0:
        r[me.block] = 1 / sigma
    i = start + me.thread
    while i < end:
        y[i] = (x[i] - center) / sigma * weight[i - start] + bias[i - start]
        i += me.threads


CORRECT = {
    "gelu_in_blocks": [slope_made_again, small_results, one_scratch],
    "layernorm_in_blocks": [with_einsum, nothing_kept, row_by_row],
    "gelu_kernel": [while_loop, in_rounds, in_pieces],
    "block_sum": [neighbours_first, barrier_first, recursive],
    "layernorm_kernel": [distances_kept, shifted, while_loops],
}
