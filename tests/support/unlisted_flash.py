"""As unlisted.py, for lesson 20: wrong answers that stand in no list, most of them right nearly everywhere."""

import math

import numpy as np

from .unlisted_vit import any_op, listed, right

NUMBER = "20"


def absorb_with(before=lambda *given: given, after=lambda found, given: found):
    """absorb with its arguments, or its results, changed."""
    return lambda *given: after(right(NUMBER, "absorb")(*before(*given)), given)


def absorb_tile(change):
    """absorb with another tile: change(scores, values)."""
    return absorb_with(lambda largest, total, mixed, scores, values: (largest, total, mixed, *change(scores, values)))


def _capped(largest, total, mixed, scores, values):
    return largest, total, mixed, np.minimum(scores, 700), values


def _never_lowest(largest, total, mixed, scores, values):
    return np.where(largest == -math.inf, scores.dtype.type(-1000), largest), total, mixed, scores, values


def _rounded_factor(found, given):
    """Drops what has shrunk below a thousandth."""
    keep = np.exp(np.where(given[0] == -math.inf, 0, given[0] - found[0])) > 1e-3
    return found[0], found[1] - np.where(keep, 0, given[1] * 1e-4).astype(found[1].dtype), found[2]


def _first_twice(scores, values):
    return scores[..., [0, *range(scores.shape[-1])]], values[..., [0, *range(values.shape[-2])], :]


def _without_the_last(scores, values):
    count = max(1, scores.shape[-1] - 1)
    return scores[..., :count], values[..., :count, :]


def _total_from_2(largest, total, mixed, scores, values):
    return largest, np.maximum(total, 2).astype(total.dtype), mixed, scores, values


ABSORB = {
    "Scores are capped at 700": absorb_with(_capped),
    "The maximum begins at minus 1000": absorb_with(_never_lowest),
    "Forgets what has shrunk a lot": absorb_with(after=_rounded_factor),
    "The first key of a tile is counted twice": absorb_tile(_first_twice),
    "The last key of a tile is lost": absorb_tile(_without_the_last),
    "The values come in reverse": absorb_tile(lambda scores, values: (scores, values[..., ::-1, :])),
    "The total is at least 2": absorb_with(_total_from_2),
    "The maximum is a little too high": absorb_with(after=lambda f, given: (f[0] + f[0].dtype.type(0.1), f[1], f[2])),
    "The maximum is always float64": absorb_with(after=lambda f, given: (f[0].astype(np.float64), f[1], f[2])),
    "A small epsilon in the total": absorb_with(after=lambda f, given: (f[0], f[1] + f[1].dtype.type(1e-5), f[2])),
    "Rows that saw nothing get a total of 1": absorb_with(after=lambda f, given: (f[0], np.where(f[1] == 0, 1, f[1]), f[2])),
}


def flash_with(queries=None, keys=None, change=None, row_sums=None, begin=-math.inf):
    """Flash attention written out, with one piece exchanged."""

    def cut(count, size):
        return [slice(start, start + size) for start in range(0, count, size)]

    def flash_attention(q, k, v, tile=64):
        scale = q.dtype.type(1 / math.sqrt(q.shape[-1]))
        y, level = np.empty_like(q), np.empty_like(q[..., :1])
        blocks = (queries or cut)(q.shape[-2], tile), (keys or cut)(k.shape[-2], tile)

        def scores(rows, columns):
            found = q[..., rows, :] @ k[..., columns, :].swapaxes(-1, -2) * scale
            return change(found, rows, columns) if change else found

        y[...], level[...] = 0, 0
        for rows in blocks[0]:
            top, total, mixed = np.full_like(level[..., rows, :], begin), 0, 0
            for columns in blocks[1]:
                s = scores(rows, columns)
                new = np.maximum(top, s.max(axis=-1, keepdims=True))
                e, c = np.exp(s - new), np.exp(top - new)
                top, total, mixed = new, c * total + e.sum(axis=-1, keepdims=True), c * mixed + e @ v[..., columns, :]
            y[..., rows, :], level[..., rows, :] = mixed / total, top + np.log(total)

        def backward(dy):
            dq, dk, dv = (np.zeros_like(x) for x in (q, k, v))
            d = (row_sums or (lambda dy, y: (dy * y).sum(axis=-1, keepdims=True)))(dy, y)
            for rows in blocks[0]:
                for columns in blocks[1]:
                    p = np.exp(scores(rows, columns) - level[..., rows, :])
                    dv[..., columns, :] += p.swapaxes(-1, -2) @ dy[..., rows, :]
                    ds = p * (dy[..., rows, :] @ v[..., columns, :].swapaxes(-1, -2) - d[..., rows, :]) * scale
                    dq[..., rows, :] += ds @ k[..., columns, :]
                    dk[..., columns, :] += ds.swapaxes(-1, -2) @ q[..., rows, :]
            return dq, dk, dv

        return y, backward

    return flash_attention


def _whole_tiles(count, size):
    """Forgets a last tile of a single token."""
    found = [slice(start, start + size) for start in range(0, count, size)]
    return found[:-1] if len(found) > 1 and count - found[-1].start == 1 else found


def _overlapping(count, size):
    """The last tile is filled up with tokens of the one before."""
    return [slice(min(start, max(0, count - size)), start + size) for start in range(0, count, size)]


def _at_most(many):
    return lambda count, size: [slice(start, start + size) for start in range(0, count, size)][:many]


def _in_memory(part):
    """The right answer, which makes a table of all pairs and throws it away."""

    def flash_attention(q, k, v, *tile):
        def table():
            return float((q @ k.swapaxes(-1, -2)).ravel()[0]) * 0

        y, attend = right(NUMBER, "flash_attention")(q, k, v, *tile)
        if part == "forward":
            table()
            return y, attend
        if part == "kept":
            pairs = q @ k.swapaxes(-1, -2)
            return y, lambda dy: (attend(dy), pairs)[0]

        def backward(dy):
            table()
            return attend(dy)

        return y, backward

    return flash_attention


def _tiles_of_128(row_sums_of_the_tile=False, rescaled=True):
    """Takes no other tile than 128: right as long as there is one."""

    def flash_attention(q, k, v, tile=None):
        scale, total, y = q.dtype.type(1 / math.sqrt(q.shape[-1])), 0, np.zeros_like(q)
        blocks = [slice(start, start + 128) for start in range(0, k.shape[-2], 128)]
        top = np.full_like(q[..., :1], -math.inf)
        for columns in blocks:
            s = q @ k[..., columns, :].swapaxes(-1, -2) * scale
            new = np.maximum(top, s.max(axis=-1, keepdims=True))
            c, e = np.exp(top - new), np.exp(s - new)
            top, total, y = new, c * total + e.sum(axis=-1, keepdims=True), (c if rescaled else 1) * y + e @ v[..., columns, :]
        y = y / total

        def backward(dy):
            dq, dk, dv = (np.zeros_like(x) for x in (q, k, v))
            for columns in blocks:
                p = np.exp(q @ k[..., columns, :].swapaxes(-1, -2) * scale - top) / total
                dp = dy @ v[..., columns, :].swapaxes(-1, -2)
                ds = p * (dp - (p * dp if row_sums_of_the_tile else dy * y).sum(axis=-1, keepdims=True)) * scale
                dq += ds @ k[..., columns, :]
                dk[..., columns, :], dv[..., columns, :] = ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ dy
            return dq, dk, dv

        return y, backward

    return flash_attention


FLASH = {
    "Tiles of 128 only, the accumulator not rescaled": _tiles_of_128(rescaled=False),
    "Tiles of 128 only, D of the tile": _tiles_of_128(row_sums_of_the_tile=True),
    "A last tile of one key is forgotten": flash_with(keys=_whole_tiles),
    "The last tile of keys overlaps the one before": flash_with(keys=_overlapping),
    "The last tile of queries overlaps, and adds twice in backward": flash_with(queries=_overlapping),
    "Two tiles of keys at most": flash_with(keys=_at_most(2)),
    "Three tiles of queries at most": flash_with(queries=_at_most(3)),
    "The maximum begins at 0": flash_with(begin=0.0),
    "Scores stop at 80": flash_with(change=lambda s, rows, columns: np.minimum(s, 80)),
    "The diagonal tile is scaled once more": flash_with(change=lambda s, rows, columns: s * (1 - 0.5 * (rows == columns))),
    "Scores are centred in each tile": flash_with(change=lambda s, rows, columns: s - s.max(axis=-1, keepdims=True)),
    "D of the first head for all": flash_with(
        row_sums=lambda dy, y: 0 * y[..., :1] + (dy * y).sum(-1, keepdims=True)[..., :1, :1]
    ),
    "D without the last number of the vectors": flash_with(row_sums=lambda dy, y: (dy * y)[..., :-1].sum(-1, keepdims=True)),
    "D of absolute values": flash_with(row_sums=lambda dy, y: np.abs(dy * y).sum(-1, keepdims=True)),
    "D of the transposed product": flash_with(row_sums=lambda dy, y: (dy[..., ::-1, :] * y).sum(-1, keepdims=True)),
    "Makes a table in the forward": _in_memory("forward"),
    "Keeps a table for the backward": _in_memory("kept"),
    "Makes a table in the backward": _in_memory("backward"),
}

WRONG = {NUMBER: {"absorb": listed(ABSORB), "flash_attention": [*any_op(NUMBER, "flash_attention"), *listed(FLASH)]}}
RIGHT = {NUMBER: {"absorb": absorb_with(), "flash_attention": flash_with()}}
