"""As unlisted.py, for lesson 19: wrong answers that stand in no list, most of them right nearly everywhere."""

import math

import numpy as np

from minivit.backend import erf

from .unlisted_vit import any_op, listed, right

NUMBER = "19"


def gelu_with(cut=None, slope=lambda gate, x: gate + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi), kept=False, scratch=0):
    """GELU in blocks written out, with one piece exchanged."""

    def gelu_in_blocks(x, block=1024):
        flat = np.ascontiguousarray(x).reshape(-1)
        y, slopes = np.zeros_like(flat), np.zeros_like(flat)
        for part in (cut or _cut)(flat.size, block):
            gate = 0.5 * (1 + erf(flat[part] * math.sqrt(0.5)))
            y[part], slopes[part] = flat[part] * gate, slope(gate, flat[part])
        more = [np.zeros_like(flat) for _ in range(scratch)]

        def backward(dy):
            dx = dy * slopes.reshape(x.shape)
            return dx + 0 * more[0].reshape(x.shape) if kept else dx

        return y.reshape(x.shape), backward

    return gelu_in_blocks


def _cut(count, size):
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _without_a_last_single(count, size):
    found = _cut(count, size)
    return found[:-1] if len(found) > 1 and found[-1].stop - found[-1].start == 1 else found


GELU = {
    "A last block of one number is forgotten": gelu_with(_without_a_last_single),
    "Four blocks at most": gelu_with(lambda count, size: _cut(count, size)[:4]),
    "One number between the blocks is left out": gelu_with(
        lambda count, size: [slice(part.start, max(part.start + 1, part.stop - 1)) for part in _cut(count, size)]
    ),
    "The slope is that of the tanh form": gelu_with(slope=lambda gate, x: gate + 0.4 * x * np.exp(-0.5 * x * x)),
    "The slope is cut off at 1": gelu_with(slope=lambda gate, x: np.minimum(gate, 1)),
    "The bell stops at 2": gelu_with(slope=lambda gate, x: gate + x * np.exp(-0.5 * np.minimum(x * x, 4)) * 0.39894228),
    "Another array of the whole size is made": gelu_with(scratch=1),
    "Another array of the whole size is kept": gelu_with(kept=True, scratch=1),
}


def layernorm_with(spread=lambda away: (away * away).mean(-1, keepdims=True), sums=1, over=slice(None), extra=False):
    """LayerNorm in blocks written out, with one piece exchanged."""

    def layernorm_in_blocks(x, weight, bias, eps=1e-6, rows=64):
        width = x.shape[-1]
        flat = np.ascontiguousarray(x).reshape(-1, width)
        y, mean, r = np.empty_like(flat), np.empty_like(flat[:, :1]), np.empty_like(flat[:, :1])
        for part in _cut(len(flat), rows):
            mean[part] = flat[part].mean(-1, keepdims=True)
            away = flat[part] - mean[part]
            r[part] = 1 / np.sqrt(spread(away) + eps)
            y[part] = away * r[part] * weight + bias
        table = flat @ flat.T if extra else None

        def backward(dy):
            upstream = np.ascontiguousarray(dy).reshape(-1, width)
            dx, dweight, dbias = np.empty_like(flat), np.zeros_like(weight), np.zeros_like(bias)
            for n, part in enumerate(_cut(len(flat), rows)):
                xhat, g = (flat[part] - mean[part]) * r[part], upstream[part] * weight
                if n % sums == 0:
                    dweight += (upstream[part] * xhat).sum(0)
                dbias += upstream[part].sum(0)
                along = (g * xhat)[:, over].mean(-1, keepdims=True)
                dx[part] = (g - g.mean(-1, keepdims=True) - xhat * along) * r[part]
            return (dx if table is None else dx + 0 * table[:, :1]).reshape(x.shape), dweight, dbias

        return y.reshape(x.shape), backward

    return layernorm_in_blocks


LAYERNORM = {
    "The spread is the mean of the distances' sizes, squared": layernorm_with(lambda a: np.abs(a).mean(-1, keepdims=True) ** 2),
    "The variance of the first numbers only": layernorm_with(lambda a: (a * a)[:, :-1].mean(-1, keepdims=True)),
    "The variance of a block for its rows": layernorm_with(lambda a: (a * a).mean() + 0 * a[:, :1]),
    "Every other block is left out of dweight": layernorm_with(sums=2),
    "One of the means runs over all but the last column": layernorm_with(over=slice(-1)),
    "A table of all rows is kept": layernorm_with(extra=True),
}


def gelu_thread(numbers, value=lambda v: v):
    """The GELU kernel: numbers(me, n) gives a thread's indices."""

    def gelu_kernel(me, x, y, slope):
        for i in numbers(me, len(x)):
            v = value(x[i])
            gate = 0.5 * (1 + math.erf(v / math.sqrt(2)))
            y[i], slope[i] = v * gate, gate + v * math.exp(-0.5 * v * v) / math.sqrt(2 * math.pi)

    return gelu_kernel


def _mine(me, count):
    return range(me.block * me.threads + me.thread, count, me.blocks * me.threads)


GELU_KERNEL = {
    "Thread 0 does everything": gelu_thread(lambda me, n: range(n) if me.thread == 0 else ()),
    "The first thread of the first block does nothing": gelu_thread(lambda me, n: [i for i in _mine(me, n) if i]),
    "Two rounds at most": gelu_thread(lambda me, n: list(_mine(me, n))[:2]),
    "Indices from the end by negative numbers": gelu_thread(lambda me, n: [i - n for i in _mine(me, n)]),
    "Counts in floats": gelu_thread(lambda me, n: [float(i) for i in _mine(me, n)]),
    "Twice the stride": gelu_thread(lambda me, n: range(me.block * me.threads + me.thread, n, 2 * me.blocks * me.threads)),
    "Odd blocks skip the last number": gelu_thread(lambda me, n: list(_mine(me, n - me.block % 2))),
    "Numbers above 1 are cut off": gelu_thread(_mine, lambda v: min(v, np.float32(1))),
}


def sum_with(first=True, between=lambda round: True, last=True, rounds=lambda me: me.threads // 2, result=lambda me: 0):
    """The sum of a block, with a barrier left out or a piece exchanged."""

    def block_sum(me, value):
        me.shared[me.thread] = value
        if first:
            yield
        half, number = rounds(me), 0
        while half:
            if me.thread < half:
                me.shared[me.thread] += me.shared[me.thread + half]
            if between(number):
                yield
            half, number = half // 2, number + 1
        total = me.shared[result(me)]
        if last:
            yield
        return total

    return block_sum


def _alone_with_barriers(me, value):
    me.shared[me.thread] = value
    yield
    total = value
    for place in range(me.threads):
        if place != me.thread:
            total += me.shared[place]
    yield
    return total


def _warps_of_two(me, value):
    """Lets the last two threads go without a barrier."""
    me.shared[me.thread] = value
    yield
    half = me.threads // 2
    while half:
        if me.thread < half:
            me.shared[me.thread] += me.shared[me.thread + half]
        if half > 2:
            yield
        half //= 2
    total = me.shared[0]
    yield
    return total


def _leaves_early(me, value):
    me.shared[me.thread] = value
    yield
    half = me.threads // 2
    while half:
        if me.thread >= half:
            return 0.0
        me.shared[me.thread] += me.shared[me.thread + half]
        yield
        half //= 2
    return me.shared[0]


BLOCK_SUM = {
    "No barrier in the second round": sum_with(between=lambda n: n != 1),
    "A barrier in every other round": sum_with(between=lambda n: n % 2 == 0),
    "No barrier at either end": sum_with(first=False, last=False),
    "The sum is read from place 1 by odd threads": sum_with(result=lambda me: min(me.thread % 2, me.threads - 1)),
    "A barrier for the even threads twice": sum_with(
        between=lambda n: True, rounds=lambda me: me.threads // 2 - (me.threads == 8)
    ),
    "Everybody adds up all numbers": _alone_with_barriers,
    "No barriers in the last rounds": _warps_of_two,
    "Threads leave when they have nothing to add": _leaves_early,
}


def row_with(center=lambda mean: mean, write=lambda me: me.thread == 0, limit=lambda width: width, away=None, total=0.0):
    """The LayerNorm kernel, with a piece exchanged."""

    def layernorm_kernel(me, x, weight, bias, eps, y, mean, r):
        width, start, add = len(weight), me.block * len(weight), right(NUMBER, "block_sum")
        own = range(me.thread, limit(width), me.threads)
        parts = total
        for i in own:
            parts += x[start + i]
        middle = center((yield from add(me, parts)) / width)
        squares = 0.0
        for i in own:
            squares += abs(x[start + i] - middle) if away else (x[start + i] - middle) ** 2
        scale = 1 / math.sqrt((yield from add(me, squares)) / width + eps)
        for i in range(me.thread, width, me.threads):
            y[start + i] = (x[start + i] - middle) * scale * weight[i] + bias[i]
        if write(me):
            mean[me.block], r[me.block] = middle, scale

    return layernorm_kernel


LAYERNORM_KERNEL = {
    "The mean is rounded": row_with(lambda mean: np.float32(round(float(mean), 2))),
    "The mean is in half precision": row_with(lambda mean: np.float32(np.float16(mean))),
    "Even threads write": row_with(write=lambda me: me.thread % 2 == 0),
    "Nobody writes the last row's": row_with(write=lambda me: me.thread == 0 and me.block < me.blocks - 1),
    "Only the first eight columns count": row_with(limit=lambda width: min(width, 8)),
    "The sum begins at 1": row_with(total=1.0),
    "Distances are not squared": row_with(away=True),
}

WRONG = {
    NUMBER: {
        "gelu_in_blocks": [*any_op(NUMBER, "gelu_in_blocks"), *listed(GELU)],
        "layernorm_in_blocks": [*any_op(NUMBER, "layernorm_in_blocks"), *listed(LAYERNORM)],
        "gelu_kernel": listed(GELU_KERNEL),
        "block_sum": listed(BLOCK_SUM),
        "layernorm_kernel": listed(LAYERNORM_KERNEL),
    }
}
RIGHT = {
    NUMBER: {
        "gelu_in_blocks": gelu_with(),
        "layernorm_in_blocks": layernorm_with(),
        "gelu_kernel": gelu_thread(_mine),
        "block_sum": sum_with(),
        "layernorm_kernel": row_with(),
    }
}
