"""Correct answers to lesson 23, written differently from the solution and from one another."""

import itertools

import numpy as np

from lessons import mine

# ---------------------------------------------------------------- iou


def corners(box):
    """(x0, y0, x1, y1), each (...)."""
    cx, cy, w, h = np.moveaxis(box, -1, 0)
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def iou_by_corners(a, b):
    """Eight numbers, each with a name."""
    ax0, ay0, ax1, ay1 = corners(a)
    bx0, by0, bx1, by1 = corners(b)
    width = (np.minimum(ax1, bx1) - np.maximum(ax0, bx0)).clip(0)
    height = (np.minimum(ay1, by1) - np.maximum(ay0, by0)).clip(0)
    both = width * height
    return both / ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - both)


def iou_by_distance(a, b):
    """What both cover along an axis: half of both sizes together less the distance, and no more than either size."""
    far = np.abs(a[..., :2] - b[..., :2])
    side = np.minimum((a[..., 2:] + b[..., 2:]) / 2 - far, np.minimum(a[..., 2:], b[..., 2:]))
    both = np.where(side > 0, side, 0).prod(axis=-1)
    return both / (a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - both)


def iou_by_loops(a, b):
    """One pair after the other."""
    a, b = np.broadcast_arrays(a, b)
    fit = np.empty(a.shape[:-1], a.dtype)
    for place in np.ndindex(fit.shape):
        both = 1.0
        for axis in (0, 1):
            one, other = a[place], b[place]
            start = max(one[axis] - one[axis + 2] / 2, other[axis] - other[axis + 2] / 2)
            end = min(one[axis] + one[axis + 2] / 2, other[axis] + other[axis + 2] / 2)
            both = both * max(end - start, 0)
        fit[place] = both / (a[place][2] * a[place][3] + b[place][2] * b[place][3] - both)
    return fit


# ---------------------------------------------------------------- giou


def giou_axis_by_axis(a, b):
    """x and y one after the other, with a small table of slopes for each."""
    lengths = []
    for axis in (0, 1):
        a0, a1 = a[:, axis] - a[:, axis + 2] / 2, a[:, axis] + a[:, axis + 2] / 2
        b0, b1 = b[:, axis] - b[:, axis + 2] / 2, b[:, axis] + b[:, axis + 2] / 2
        inner = np.minimum(a1, b1) - np.maximum(a0, b0)
        lengths.append((np.maximum(inner, 0), np.maximum(a1, b1) - np.minimum(a0, b0), a1 < b1, a0 > b0, inner > 0))
    (ix, cx, *_), (iy, cy, *_) = lengths
    both, around = ix * iy, cx * cy
    union = a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - both

    def backward(dy):
        slope_i, slope_a = dy * (1 / union + both / union**2 - 1 / around), dy * (1 / around - both / union**2)
        slope_c = -dy * union / around**2
        da, db = np.empty_like(a), np.empty_like(b)
        for axis, (other_i, other_c) in enumerate(((iy, cy), (ix, cx))):
            _, _, a_ends, a_starts, touch = lengths[axis]
            di, dc = slope_i * other_i * touch, slope_c * other_c
            for gradient, box, ends, starts in ((da, a, a_ends, a_starts), (db, b, ~a_ends, ~a_starts)):
                end, start = np.where(ends, di, dc), -np.where(starts, di, dc)
                gradient[:, axis] = end + start
                gradient[:, axis + 2] = (end - start) / 2 + slope_a * box[:, 3 - axis]
        return da, db

    return both / union - (around - union) / around, backward


def giou_by_masks(a, b):
    """Masks as numbers, 1 and 0, in the place of np.where."""
    half = np.array([[-0.5], [0.5]], a.dtype)
    a_sides, b_sides = (box[:, None, :2] + half * box[:, None, 2:] for box in (a, b))  # (N, 2, 2): start and end of x and y
    a_in = np.stack([a_sides[:, 0] > b_sides[:, 0], a_sides[:, 1] < b_sides[:, 1]], axis=1).astype(a.dtype)
    inner = a_in * a_sides + (1 - a_in) * b_sides
    outer = (1 - a_in) * a_sides + a_in * b_sides
    i, c = np.maximum(inner[:, 1] - inner[:, 0], 0), outer[:, 1] - outer[:, 0]
    both, around = i.prod(axis=1), c.prod(axis=1)
    union = a[:, 2:].prod(axis=1) + b[:, 2:].prod(axis=1) - both
    sign = np.array([[-1], [1]], a.dtype)

    def backward(dy):
        d_union = dy * (1 / around - both / union**2)
        di = (dy / union - d_union)[:, None] * i[:, ::-1] * (i > 0)
        dc = (-dy * union / around**2)[:, None] * c[:, ::-1]
        found = []
        for box, own in ((a, a_in), (b, 1 - a_in)):
            sides = sign * (own * di[:, None] + (1 - own) * dc[:, None])  # (N, 2, 2)
            size = (half * sides).sum(axis=1) + d_union[:, None] * box[:, [3, 2]]
            found.append(np.concatenate([sides.sum(axis=1), size], axis=1))
        return found

    return both / union + union / around - 1, backward


def giou_by_both_roads(a, b):
    """The gradient of one box, as a function; the other box's is the same with the two exchanged."""

    def parts(one, other):
        one0, one1 = one[:, :2] - one[:, 2:] / 2, one[:, :2] + one[:, 2:] / 2
        other0, other1 = other[:, :2] - other[:, 2:] / 2, other[:, :2] + other[:, 2:] / 2
        i = np.clip(np.minimum(one1, other1) - np.maximum(one0, other0), 0, None)
        return one0, one1, other0, other1, i, np.maximum(one1, other1) - np.minimum(one0, other0)

    def slope(one, other, dy):
        one0, one1, other0, other1, i, c = parts(one, other)
        big_i, big_c = i[:, 0] * i[:, 1], c[:, 0] * c[:, 1]
        big_u = one[:, 2] * one[:, 3] + other[:, 2] * other[:, 3] - big_i
        di = (1 / big_u + big_i / big_u**2 - 1 / big_c)[:, None] * i[:, [1, 0]] * (i > 0)
        dc = (-big_u / big_c**2)[:, None] * c[:, [1, 0]]
        end, start = di * (one1 < other1) + dc * (one1 >= other1), -di * (one0 > other0) - dc * (one0 <= other0)
        size = (end - start) / 2 + (1 / big_c - big_i / big_u**2)[:, None] * one[:, [3, 2]]
        return np.hstack([end + start, size]) * dy[:, None]

    *_, i, c = parts(a, b)
    big_i, big_c = i.prod(axis=1), c.prod(axis=1)
    big_u = a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - big_i
    return big_i / big_u - 1 + big_u / big_c, lambda dy: (slope(a, b, dy), slope(b, a, dy))


# ---------------------------------------------------------------- matching_cost


def cost_by_loops(p, boxes, classes, truth):
    """Row by row, column by column."""
    cost = np.empty((len(boxes), len(truth)), boxes.dtype)
    for q in range(len(boxes)):
        for m in range(len(truth)):
            fit, _ = giou_axis_by_axis(boxes[q : q + 1], truth[m : m + 1])
            cost[q, m] = -p[q, classes[m]] + 5 * np.abs(boxes[q] - truth[m]).sum() - 2 * fit[0]
    return cost


def cost_by_repeating(p, boxes, classes, truth):
    """All pairs as long lists, and a reshape at the end."""
    queries, objects = len(boxes), len(truth)
    one, other = np.repeat(boxes, objects, axis=0), np.tile(truth, (queries, 1))
    fit, _ = giou_by_masks(one, other)
    flat = 5 * np.abs(one - other).sum(axis=1) - 2 * fit
    return flat.reshape(queries, objects) - np.take(p, classes, axis=1)


def cost_object_by_object(p, boxes, classes, truth):
    """A column for each object."""
    cost = np.zeros((len(boxes), len(truth)), boxes.dtype)
    for m, (k, box) in enumerate(zip(classes, truth, strict=True)):
        fit, _ = giou_by_both_roads(boxes, np.repeat(box[None], len(boxes), axis=0))
        cost[:, m] = 5 * np.abs(boxes - box).sum(axis=1) - p[:, k] - 2 * fit
    return cost


# ---------------------------------------------------------------- match


def match_by_loop(cost):
    """The best so far."""
    queries, objects = cost.shape
    best, least = (), np.inf
    for way in itertools.permutations(range(queries), objects):
        total = sum(cost[q, m] for m, q in enumerate(way))
        if total < least:
            best, least = way, total
    return np.array(best, dtype=int)


def match_by_recursion(cost):
    """The first object takes each query in turn, and the rest are matched among those that are left."""

    def cheapest(m, free):
        if m == cost.shape[1]:
            return 0.0, []
        found = []
        for q in free:
            rest, queries = cheapest(m + 1, [other for other in free if other != q])
            found.append((float(cost[q, m]) + rest, [q, *queries]))
        return min(found)

    return np.array(cheapest(0, list(range(len(cost))))[1], dtype=int)


def match_by_subsets(cost):
    """Dynamic programming over the sets of queries that are taken."""
    best = {frozenset(): (0.0, [])}
    for m in range(cost.shape[1]):
        more = {}
        for taken, (total, which) in best.items():
            for q in set(range(len(cost))) - taken:
                found = total + float(cost[q, m]), [*which, q]
                key = taken | {q}
                more[key] = min(more.get(key, found), found)
        best = more
    return np.array(min(best.values())[1], dtype=int)


# ---------------------------------------------------------------- set_loss


def loss_by_cross_entropy(logits, boxes, classes, truth, which, no_object=0.5):
    """Lesson 06's cross-entropy, query by query, each with its weight."""
    queries, kinds = logits.shape
    target, weight = np.full(queries, kinds - 1), np.full(queries, no_object, logits.dtype)
    target[which], weight[which] = classes, 1
    parts = [mine.cross_entropy(logits[q : q + 1], target[q : q + 1]) for q in range(queries)]
    total, objects = weight.sum(), len(truth)
    off = boxes[which] - truth
    fit, fit_backward = giou_by_masks(boxes[which], truth)
    loss = sum(w * part for w, (part, _) in zip(weight, parts, strict=True)) / total
    loss = loss + (5 * np.abs(off).sum() + 2 * (1 - fit).sum()) / objects

    def backward(dy):
        rows = []
        for w, (_, back) in zip(weight, parts, strict=True):
            given = back(np.asarray(dy * w / total, logits.dtype))
            rows.append((given[0] if isinstance(given, tuple) else given)[0])
        dboxes = np.zeros_like(boxes)
        slope = fit_backward(np.full(objects, -2 / objects, boxes.dtype) * dy)[0]
        np.add.at(dboxes, which, np.sign(off) * (5 * dy / objects) + slope)
        return np.stack(rows), dboxes, None, None, None, None

    return loss, backward


def loss_by_hot_rows(logits, boxes, classes, truth, which, no_object=0.5):
    """Targets as rows of zeros and ones, from the beginning."""
    hot = np.zeros_like(logits)
    hot[:, -1] = 1
    hot[which] = np.eye(logits.shape[1], dtype=logits.dtype)[classes]
    weight = np.where(hot[:, -1:] == 1, logits.dtype.type(no_object), logits.dtype.type(1))
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    log_p = logits - logits.max(axis=1, keepdims=True) - np.log(e.sum(axis=1, keepdims=True))
    off = boxes[which] - truth
    fit, slopes = giou_axis_by_axis(boxes[which], truth)
    loss = -(weight * hot * log_p).sum() / weight.sum() + 5 / len(off) * np.abs(off).sum() + 2 * (1 - fit).mean()

    def backward(dy):
        picked = np.zeros((len(boxes), len(off)), boxes.dtype)
        picked[which, np.arange(len(off))] = 1
        found = 5 * np.sign(off) - 2 * slopes(np.ones(len(off), boxes.dtype))[0]
        return dy * weight * (p - hot) / weight.sum(), picked @ found * (dy / len(off)), None, None, None, None

    return loss, backward


def loss_in_order(logits, boxes, classes, truth, which, no_object=0.5):
    """The queries with an object first, then the others."""
    others = np.setdiff1d(np.arange(len(logits)), which)
    order = np.concatenate([which, others]).astype(int)
    target = np.concatenate([classes, np.full(len(others), logits.shape[1] - 1)]).astype(int)
    weight = np.concatenate([np.ones(len(which)), np.full(len(others), no_object)]).astype(logits.dtype)
    rows, place = logits[order], np.arange(len(order))
    shifted = rows - rows.max(axis=1)[:, None]
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    surprise = log_sum - shifted[place, target]
    fit, slopes = giou_by_both_roads(boxes[which], truth)
    boxes_apart = np.abs(boxes[which] - truth)
    loss = np.average(surprise, weights=weight) + (5 * boxes_apart.sum() - 2 * (fit - 1).sum()) / len(truth)

    def backward(dy):
        p = np.exp(shifted - log_sum[:, None])
        p[place, target] -= 1
        dlogits, dboxes = np.empty_like(logits), np.zeros_like(boxes)
        dlogits[order] = p * (weight / weight.sum() * dy)[:, None]
        away = np.where(boxes[which] > truth, 5, -5).astype(boxes.dtype)
        dboxes[which] = (away - 2 * slopes(np.ones_like(fit))[0]) * (dy / len(truth))
        return [dlogits, dboxes, None, None, None, None]

    return loss.astype(logits.dtype), backward


# ---------------------------------------------------------------- cross_attention


def looking_by_einsum(x, x_pos, memory, memory_pos, q_weight, k_weight, v_weight, heads):
    """All in letters."""
    dim = x.shape[-1]
    cut = [weight.reshape(dim, heads, -1) for weight in (q_weight, k_weight, v_weight)]
    placed, asked = memory + memory_pos, x + x_pos
    q, k, v = (np.einsum("btc,chd->bhtd", z, w) for z, w in zip((asked, placed, memory), cut, strict=True))
    scale = (dim // heads) ** -0.5
    p, softmax_backward = mine.softmax(np.einsum("bhqd,bhnd->bhqn", q, k) * scale)
    y = np.einsum("bhqn,bhnd->bqhd", p, v).reshape(x.shape)

    def backward(dy):
        dlooked = dy.reshape(*x.shape[:2], heads, -1)
        ds = softmax_backward(np.einsum("bqhd,bhnd->bhqn", dlooked, v)) * scale
        dq, dk = np.einsum("bhqn,bhnd->bhqd", ds, k), np.einsum("bhqn,bhqd->bhnd", ds, q)
        dv = np.einsum("bhqn,bqhd->bhnd", p, dlooked)
        dasked, dplaced, dgiven = (np.einsum("bhtd,chd->btc", d, w) for d, w in zip((dq, dk, dv), cut, strict=True))
        weights = [np.einsum("btc,bhtd->chd", z, d).reshape(dim, dim) for z, d in ((asked, dq), (placed, dk), (memory, dv))]
        return dasked, dasked.copy(), dplaced + dgiven, dplaced.sum(axis=0), *weights, None

    return y, backward


def looking_head_by_head(x, x_pos, memory, memory_pos, q_weight, k_weight, v_weight, heads):
    """A loop over the heads, each with its columns of the weights."""
    width = x.shape[-1] // heads
    parts = [slice(h * width, (h + 1) * width) for h in range(heads)]
    asked, placed = x + x_pos, memory + memory_pos
    found = [mine.attention(asked @ q_weight[:, s], placed @ k_weight[:, s], memory @ v_weight[:, s]) for s in parts]

    def backward(dy):
        dasked, dplaced, dgiven = np.zeros_like(x), np.zeros_like(memory), np.zeros_like(memory)
        weights = [np.zeros_like(weight) for weight in (q_weight, k_weight, v_weight)]
        for s, (_, back) in zip(parts, found, strict=True):
            dq, dk, dv = back(np.ascontiguousarray(dy[..., s]))
            dasked += dq @ q_weight[:, s].T
            dplaced += dk @ k_weight[:, s].T
            dgiven += dv @ v_weight[:, s].T
            for weight, z, d in zip(weights, (asked, placed, memory), (dq, dk, dv), strict=True):
                weight[:, s] = np.tensordot(z, d, axes=((0, 1), (0, 1)))
        return dasked, dasked, dplaced + dgiven, dplaced.sum(axis=0), *weights, None

    return np.concatenate([y for y, _ in found], axis=-1), backward


def looking_by_matrices(x, x_pos, memory, memory_pos, q_weight, k_weight, v_weight, heads):
    """Without the functions of earlier lessons."""
    batch, _, dim = x.shape
    width = dim // heads

    def cut(z):
        return z.reshape(batch, -1, heads, width).swapaxes(1, 2)

    def joined(z):
        return z.swapaxes(1, 2).reshape(batch, -1, dim)

    asked, placed = x + x_pos, memory + memory_pos[None]
    q, k, v = cut(asked @ q_weight), cut(placed @ k_weight), cut(memory @ v_weight)
    root = width**0.5
    scores = q @ k.swapaxes(2, 3) / root
    e = np.exp(scores - scores.max(axis=3, keepdims=True))
    p = e / e.sum(axis=3, keepdims=True)

    def backward(dy):
        dlooked = cut(dy)
        dp = dlooked @ v.swapaxes(2, 3)
        ds = p * (dp - (p * dp).sum(axis=3, keepdims=True)) / root
        dq, dk, dv = joined(ds @ k), joined(ds.swapaxes(2, 3) @ q), joined(p.swapaxes(2, 3) @ dlooked)
        dmemory_pos = (dk @ k_weight.T).sum(axis=0)
        weights = [(z.swapaxes(1, 2) @ d).sum(axis=0) for z, d in ((asked, dq), (placed, dk), (memory, dv))]
        dx = dq @ q_weight.T
        return dx, dx, dk @ k_weight.T + dv @ v_weight.T, dmemory_pos, *weights, None

    return joined(p @ v), backward


CORRECT = {
    "iou": [iou_by_corners, iou_by_distance, iou_by_loops],
    "giou": [giou_axis_by_axis, giou_by_masks, giou_by_both_roads],
    "matching_cost": [cost_by_loops, cost_by_repeating, cost_object_by_object],
    "match": [match_by_loop, match_by_recursion, match_by_subsets],
    "set_loss": [loss_by_cross_entropy, loss_by_hot_rows, loss_in_order],
    "cross_attention": [looking_by_einsum, looking_head_by_head, looking_by_matrices],
}
