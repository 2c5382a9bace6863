"""Lesson 23: IoU and GIoU of boxes, matching, the loss of a set, cross-attention."""

import itertools
import math

import numpy as np

from lessons import mine
from lessons.exercise import Exercise, Mistake, Question, Term, Wrong, kind

TITLE = "DETR in miniature, against ViT"
MINUTES = 80
NEEDS = ["06", "11", "12", "14", "16"]
GOALS = [
    "You can say how well two boxes fit, and derive the slope by which a box that touches nothing finds its way.",
    "You can say why answers without an order are matched first, why greedily is wrong, and why matching has no gradient.",
    "You can write the loss of a set: a class for no object that weighs less, boxes divided by the number of objects.",
    "You can look at an image from outside, with positions in q and k and not in v, and follow each array's gradient back.",
]
PICTURE = (
    "On the left, twice, two digits and the boxes of two queries: matched greedily, the box that lies on neither "
    "digit well goes to "
    "the left one, and the box on the left digit to the right one; matched by the least sum, each goes to its own. "
    "In the middle, two "
    "lengths along a line, what both cover and what lies around both. On the right, IoU falls to 0 and stays there "
    "as a box is moved "
    "away, while GIoU goes on falling below 0."
)


def some_boxes(rng, *shape):
    """Boxes that overlap, lie apart, lie within each other."""
    return np.concatenate([rng.uniform(0.2, 0.8, (*shape, 2)), rng.uniform(0.1, 0.7, (*shape, 2))], axis=-1)


def far_from_kinks(a, b):
    """Whether no number, start or end of a box is near to one of the other's: there the slope jumps, and cannot be measured."""
    sides = [np.stack([box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2]) for box in (a, b)]  # 2 of (2, N, 2)
    apart = np.abs(sides[0][:, None] - sides[1][None]), np.abs(a - b)
    return all(part.size == 0 or part.min() > 1e-3 for part in apart)


def pairs_of_boxes(rng, count):
    """(a, b), each (count, 4), whose GIoU has a slope everywhere near."""
    while True:
        a, b = some_boxes(rng, count), some_boxes(rng, count)
        if far_from_kinks(a, b):
            return a, b


def _one(a, b):
    """(I, U, C) of two boxes, plainly."""
    lengths = []
    for axis in (0, 1):
        a0, a1 = a[axis] - a[axis + 2] / 2, a[axis] + a[axis + 2] / 2
        b0, b1 = b[axis] - b[axis + 2] / 2, b[axis] + b[axis + 2] / 2
        lengths.append((max(min(a1, b1) - max(a0, b0), 0.0), max(a1, b1) - min(a0, b0)))
    both, around = lengths[0][0] * lengths[1][0], lengths[0][1] * lengths[1][1]
    return both, a[2] * a[3] + b[2] * b[3] - both, around


def giou_of(a, b):
    both, union, around = _one(a, b)
    return both / union - (around - union) / around


# ---------------------------------------------------------------- iou

APART = np.array([0.2, 0.3, 0.1, 0.2]), np.array([0.7, 0.8, 0.2, 0.1])


def iou_cases(rng):
    return {
        "ordinary": (some_boxes(rng, 3, 7), some_boxes(rng, 3, 7)),
        "each with each": (some_boxes(rng, 5, 1), some_boxes(rng, 1, 3)),
        "one box each": (some_boxes(rng), some_boxes(rng)),
        "apart in both directions": APART,
        "apart in one direction": (np.array([0.2, 0.5, 0.1, 0.2]), np.array([0.7, 0.5, 0.2, 0.1])),
        "the same box": (np.array([0.2, 0.3, 0.1, 0.2]), np.array([0.2, 0.3, 0.1, 0.2])),
    }


def iou_spec(a, b):
    a, b = np.broadcast_arrays(a, b)
    fit = np.zeros(a.shape[:-1])
    for place in np.ndindex(fit.shape):
        both, union, _ = _one(a[place], b[place])
        fit[place] = both / union
    return fit


START = "start = np.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)  # (..., 2)"
END = "end = np.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)  # (..., 2)"
SIDE = "side = np.maximum(end - start, 0)  # (..., 2)"
BOTH = "both = side[..., 0] * side[..., 1]  # (...)"
UNION = "union = a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - both  # (...)\n    fit"
FIT = "fit = both / union"
CORNER = "start = np.maximum(a[..., :2], b[..., :2])"
CORNER_END = "end = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])"
IOU_MISTAKES = [
    Mistake(
        "The boxes were read as (x, y, w, h), corner first. The first two numbers are the centre: a box begins half "
        "its size before it.",
        f"{START}\n    {END}",
        f"{CORNER}\n    {CORNER_END}",
    ),
    Mistake(
        "The boxes were read as two corners. They are a centre, a width and a height.",
        f"{START}\n    {END}",
        "start, end = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])",
    ),
    Mistake(
        "A negative length is not cut at 0: two boxes apart in both directions then share an area, minus times minus.",
        SIDE,
        "side = end - start",
    ),
    Mistake(
        "The product is cut at 0, and not each length: two boxes apart in both directions then share an area, minus times minus.",
        f"{SIDE}\n    {BOTH}",
        "side = end - start\n    both = np.maximum(side[..., 0] * side[..., 1], 0)",
    ),
    Mistake(
        "Where the boxes do not touch, the length is taken without its sign. It is 0 there.", SIDE, "side = np.abs(end - start)"
    ),
    Mistake(
        "What both cover is counted twice in the union: A + B has it twice, so subtract it once.",
        UNION,
        UNION.replace(" - both", ""),
    ),
    Mistake(
        "Divided by the area of b alone. The union is what at least one of them covers.",
        UNION,
        "union = b[..., 2] * b[..., 3] + 0 * both\n    fit",
    ),
    Mistake(
        "Divided by the smaller of the two areas: then a box within another would fit perfectly.",
        UNION,
        "union = np.minimum(a[..., 2] * a[..., 3], b[..., 2] * b[..., 3]) + 0 * both\n    fit",
    ),
    Mistake(
        "The larger start and the smaller end are exchanged: this is the box around both, not what both cover.",
        f"{START}\n    {END}",
        "start = np.minimum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)\n"
        "    end = np.maximum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)",
    ),
    Mistake(
        "Of the lengths one adds up where they should be multiplied: an area is width times height.",
        BOTH,
        "both = side[..., 0] + side[..., 1]",
    ),
    Mistake(
        "In the union width and height are added: an area is width times height.",
        UNION,
        "union = a[..., 2] + a[..., 3] + b[..., 2] + b[..., 3] - both\n    fit",
    ),
    Mistake(
        "A box goes from its centre half its size each way. Yours goes its whole size each way.",
        f"{START}\n    {END}",
        f"{START}\n    {END}".replace(" / 2", ""),
    ),
    Mistake(
        "What both cover is made of the smaller sizes alone: it hangs on where the boxes lie, on starts and ends.",
        BOTH,
        "both = np.minimum(a[..., 2], b[..., 2]) * np.minimum(a[..., 3], b[..., 3])",
    ),
    Mistake("This is 1 − IoU, a distance. Equal boxes have the IoU 1.", FIT, "fit = 1 - both / union"),
    Mistake("", FIT, "fit = (both / union)[..., None]", step="shape"),
]

# ---------------------------------------------------------------- giou


def giou_cases(rng):
    return {
        "ordinary": pairs_of_boxes(rng, 9),
        "one pair": pairs_of_boxes(rng, 1),
        "apart": (np.stack([APART[0]] * 2), np.stack([APART[1], APART[1] * [1, 0.4, 1, 1]])),
        "one within the other": (np.array([[0.5, 0.5, 0.8, 0.6]]), np.array([[0.45, 0.55, 0.2, 0.1]])),
        "a square": pairs_of_boxes(rng, 4),
    }


def giou_spec(a, b):
    return np.array([giou_of(*pair) for pair in zip(a, b, strict=True)])


def _areas(a, b):
    """Of each pair (I, U, C) and their slopes with respect to a, each (N, 4)."""
    found = np.array([_one(*pair) for pair in zip(a, b, strict=True)])
    slopes = np.zeros((3, *a.shape))
    for n, (one, other) in enumerate(zip(a, b, strict=True)):
        lengths = []
        for axis in (0, 1):
            sides = [(box[axis] - box[axis + 2] / 2, box[axis] + box[axis + 2] / 2) for box in (one, other)]
            (a0, a1), (b0, b1) = sides
            inner, outer = max(min(a1, b1) - max(a0, b0), 0.0), max(a1, b1) - min(a0, b0)
            touch = min(a1, b1) > max(a0, b0)
            d_inner = np.array([-float(a0 > b0), float(a1 < b1)]) * touch  # by start, by end
            d_outer = np.array([-float(a0 <= b0), float(a1 >= b1)])
            lengths.append((inner, outer, d_inner, d_outer))
        for axis in (0, 1):
            for which, slope in ((0, 2), (2, 3)):
                partner = lengths[1 - axis][0 if which == 0 else 1]
                by_start, by_end = lengths[axis][slope] * partner
                slopes[which, n, axis], slopes[which, n, axis + 2] = by_start + by_end, (by_end - by_start) / 2
        slopes[1, n, 2:] = one[3], one[2]
    slopes[1] -= slopes[0]  # U = A + B - I
    return found.T[..., None], slopes


def _giou_terms(a, b, dy):
    (both, union, around), (d_both, d_union, d_around) = _areas(a, b)
    dy = dy[:, None]
    return [
        Term("dI/U", dy * d_both / union, "what both cover grows."),
        Term("−I·dU/U²", -dy * both * d_union / union**2, "the union stands below the line of I/U, and moves too."),
        Term("dU/C", dy * d_union / around, "the union stands above the line of U/C."),
        Term("−U·dC/C²", -dy * union * d_around / around**2, "the box around both moves too."),
    ]


G_BOTH = "d_both = dy * (1 / union + both / union**2 - 1 / around)  # (N,)"
G_AREA = "d_area = dy * (1 / around - both / union**2)  # (N,)"
G_AROUND = "d_around = dy * (-union / around**2)  # (N,)"
G_I = "d_i = d_both[..., None] * i[..., ::-1] * (i > 0)  # (N, 2)"
G_C = "d_c = d_around[..., None] * c[..., ::-1]  # (N, 2)"
G_INNER = "inner_end, inner_start = a_end < b_end, a_start > b_start  # (N, 2) each"
G_A = "da = from_sides(a, np.where(inner_start, -d_i, -d_c), np.where(inner_end, d_i, d_c), d_area)"
G_B = "db = from_sides(b, np.where(inner_start, -d_c, -d_i), np.where(inner_end, d_c, d_i), d_area)"
G = "g = both / union + union / around - 1  # (N,)"
G_SMALL = "i = np.maximum(np.minimum(a_end, b_end) - np.maximum(a_start, b_start), 0)  # (N, 2)"
G_LARGE = "c = np.maximum(a_end, b_end) - np.minimum(a_start, b_start)  # (N, 2)"
G_SIDES_A = "a_start, a_end = a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2  # (N, 2) each"
G_SIDES_B = "b_start, b_end = b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2  # (N, 2) each"
GIOU_MISTAKES = [
    Mistake(
        "The sign of the second term is wrong: what lies around both and in neither makes the fit worse.",
        G,
        "g = both / union + (around - union) / around",
    ),
    Mistake(
        "The second term is missing: this is IoU, which is flat where boxes do not touch.", G, "g = both / union + 0 * around"
    ),
    Mistake("The second term alone: I / U is missing.", G, "g = union / around - 1"),
    Mistake("What is left over is divided by U and not by C.", G, "g = both / union - (around - union) / union"),
    Mistake("This is 1 − GIoU, the loss. GIoU itself is 1 for equal boxes.", G, "g = 2 - both / union - union / around"),
    Mistake(
        "Negative lengths are not cut at 0: two boxes apart in both directions then share an area.",
        G_SMALL,
        "i = np.minimum(a_end, b_end) - np.maximum(a_start, b_start)",
    ),
    Mistake(
        "The boxes were read as (x, y, w, h), corner first. The first two numbers are the centre.",
        f"{G_SIDES_A}\n    {G_SIDES_B}",
        "a_start, a_end = a[..., :2], a[..., :2] + a[..., 2:]\n    b_start, b_end = b[..., :2], b[..., :2] + b[..., 2:]",
    ),
    Mistake(
        "c was computed with the inner sides: it goes from the smaller start to the larger end.",
        G_LARGE,
        "c = np.abs(np.minimum(a_end, b_end) - np.maximum(a_start, b_start))",
    ),
    Mistake("C − U is not divided by C.", G, "g = both / union - (around - union)"),
    Mistake(
        "C is the area of the smallest box around both, from the smaller start to the larger end, and not A + B.",
        G,
        "around = union + both\n    g = both / union + union / around - 1",
    ),
    # backward
    Mistake(
        "The sign of GIoU's gradient is wrong in both boxes.",
        f"{G_A}\n        {G_B}",
        f"{G_A.replace('da =', 'da = -')}\n        {G_B.replace('db =', 'db = -')}",
    ),
    Mistake(
        "The box around both is forgotten: C moves with the outer sides, and its slope is −U/C².",
        G_AROUND,
        "d_around = 0 * dy * around",
    ),
    Mistake(
        "The union is taken for fixed in both fractions: dU = dA + dB − dI, so I and A are in it.",
        f"{G_BOTH}\n        {G_AREA}",
        "d_both = dy / union\n        d_area = 0 * dy",
    ),
    Mistake(
        "In ∂g/∂I the last summand is missing: I makes the union smaller, and U stands above C, so −1/C.",
        G_BOTH,
        "d_both = dy * (1 / union + both / union**2)",
    ),
    Mistake(
        "In ∂g/∂I the middle summand is missing: I makes the union smaller below the line of I/U, so + I/U².",
        G_BOTH,
        "d_both = dy * (1 / union - 1 / around)",
    ),
    Mistake(
        "Of ∂g/∂I there is only 1/U: I is in the union too, which stands below I and above C.", G_BOTH, "d_both = dy / union"
    ),
    Mistake(
        "In ∂g/∂A one summand is missing: A is in the union below I, −I/U², and in that above C, 1/C.",
        G_AREA,
        "d_area = dy / around",
    ),
    Mistake(
        "In ∂g/∂A one summand is missing: A is in the union below I, −I/U², and in that above C, 1/C.",
        G_AREA,
        "d_area = -dy * both / union**2",
    ),
    Mistake(
        "The areas A and B were forgotten: they are in the union, so a size also counts by 1/C − I/U² times the other size.",
        G_AREA,
        "d_area = 0 * dy",
    ),
    Mistake(
        "The slope of an area is the other side: i_x's is i_y. Yours takes its own.",
        f"{G_I}\n        {G_C}",
        "d_i = d_both[..., None] * i * (i > 0)\n        d_c = d_around[..., None] * c",
    ),
    Mistake("The slope of i_x is i_y, the other side: yours takes its own.", G_I, "d_i = d_both[..., None] * i * (i > 0)"),
    Mistake("The slope of c_x is c_y, the other side: yours takes its own.", G_C, "d_c = d_around[..., None] * c"),
    Mistake(
        "a and b have changed places: the smaller end bounds what both cover, and only the box that has it moves i.",
        f"{G_INNER}\n        {G_A}\n        {G_B}",
        "inner_end, inner_start = a_end >= b_end, a_start <= b_start\n        " + G_A + "\n        " + G_B,
    ),
    Mistake(
        "The ends have changed places: i stops at the smaller end, so a's is in i where a_end < b_end.",
        G_INNER,
        "inner_end, inner_start = a_end >= b_end, a_start > b_start",
    ),
    Mistake(
        "The starts have changed places: i begins at the larger start, so a's is in i where a_start > b_start.",
        G_INNER,
        "inner_end, inner_start = a_end < b_end, a_start <= b_start",
    ),
    Mistake(
        "b's ends and starts are chosen as a's are. It is the other way round: where a's is in i, b's is in c.",
        G_B,
        "db = from_sides(b, np.where(inner_start, -d_i, -d_c), np.where(inner_end, d_i, d_c), d_area)",
    ),
    Mistake(
        "db is −da. That is right for the centres, which only their distance tells apart, and not for the sizes.",
        G_B,
        "db = -da",
    ),
    Mistake(
        "A start that is not in i is in c: yours has no slope there.",
        G_A,
        "da = from_sides(a, np.where(inner_start, -d_i, 0), np.where(inner_end, d_i, d_c), d_area)",
    ),
    Mistake(
        "An end that is not in i is in c: yours has no slope there.",
        G_A,
        "da = from_sides(a, np.where(inner_start, -d_i, -d_c), np.where(inner_end, d_i, 0), d_area)",
    ),
    Mistake(
        "The starts of b have the sign of the ends: a start that grows makes a length shorter.",
        G_B,
        "db = from_sides(b, np.where(inner_start, d_c, d_i), np.where(inner_end, d_c, d_i), d_area)",
    ),
    Mistake(
        "The starts have the sign of the ends: a start that grows makes a length shorter.",
        G_A,
        "da = from_sides(a, np.where(inner_start, d_i, d_c), np.where(inner_end, d_i, d_c), d_area)",
    ),
    Mistake(
        "Where i was cut at 0 it has no slope: boxes that do not touch along an axis may move a little, and it stays 0.",
        G_I,
        "d_i = d_both[..., None] * i[..., ::-1]",
    ),
    Mistake("dy is not in the slope of C: each of the three slopes is times dy.", G_AROUND, "d_around = -union / around**2"),
    Mistake(
        "dy is not in the slope of A: each of the three slopes is times dy.", G_AREA, "d_area = 1 / around - both / union**2"
    ),
    Mistake(
        "dy is not in the slope of I: each of the three slopes is times dy.",
        G_BOTH,
        "d_both = 1 / union + both / union**2 - 1 / around",
    ),
    Mistake(
        "dy is not used.",
        f"{G_BOTH}\n        {G_AREA}\n        {G_AROUND}",
        f"{G_BOTH}\n        {G_AREA}\n        {G_AROUND}\n        "
        "d_both, d_area, d_around = d_both / dy, d_area / dy, d_around / dy",
    ),
    Mistake("Only a gets a gradient, b has none. Both are in it.", G_B, "db = np.zeros_like(b)"),
    Mistake("", "        return da, db\n", "        return da\n", step="count"),
]

# ---------------------------------------------------------------- matching_cost


def probabilities(rng, *shape):
    p = rng.uniform(0.1, 1, shape)
    return p / p.sum(axis=-1, keepdims=True)


def cost_cases(rng):
    there = some_boxes(rng, 3)
    return {
        "ordinary": (probabilities(rng, 5, 4), some_boxes(rng, 5), np.array([2, 0]), some_boxes(rng, 2)),
        "two of one class": (probabilities(rng, 4, 3), some_boxes(rng, 4), np.array([1, 1, 0]), some_boxes(rng, 3)),
        "one object": (probabilities(rng, 3, 6), some_boxes(rng, 3), np.array([4]), some_boxes(rng, 1)),
        "answers that fit": (probabilities(rng, 3, 4), there * rng.uniform(0.95, 1.05, (3, 4)), np.array([0, 2]), there[:2]),
        "no object": (probabilities(rng, 3, 6), some_boxes(rng, 3), np.zeros(0, int), np.zeros((0, 4))),
        "as many objects as queries": (probabilities(rng, 3, 4), some_boxes(rng, 3), np.array([2, 1, 0]), some_boxes(rng, 3)),
    }


def cost_spec(p, boxes, classes, truth):
    cost = np.zeros((len(boxes), len(truth)))
    for q, m in np.ndindex(cost.shape):
        apart = sum(abs(boxes[q, k] - truth[m, k]) for k in range(4))
        cost[q, m] = -p[q, classes[m]] + 5 * apart - 2 * giou_of(boxes[q], truth[m])
    return cost


COST = "cost = -p[:, classes] + 5 * apart - 2 * fit  # (Q, M)"
COST_MISTAKES = [
    Mistake("GIoU's sign is wrong: a good fit must lower the cost.", COST, "cost = -p[:, classes] + 5 * apart + 2 * fit"),
    Mistake(
        "The sign of the probability is wrong: a query that is sure of the class must cost less.",
        COST,
        "cost = p[:, classes] + 5 * apart - 2 * fit",
    ),
    Mistake(
        "The logarithm of the probability belongs to the loss. In the cost stands the probability itself.",
        COST,
        "cost = -np.log(p[:, classes]) + 5 * apart - 2 * fit",
    ),
    Mistake(
        "The classes are missing: two queries on one digit differ in what they call it.",
        COST,
        "cost = 0 * p[:, classes] + 5 * apart - 2 * fit",
    ),
    Mistake("The boxes' distance is missing.", COST, "cost = -p[:, classes] + 0 * apart - 2 * fit"),
    Mistake("GIoU is missing.", COST, "cost = -p[:, classes] + 5 * apart + 0 * fit"),
    Mistake("The weights 5 and 2 are missing or exchanged.", COST, "cost = -p[:, classes] + apart - fit"),
    Mistake("The weights 5 and 2 are missing or exchanged.", COST, "cost = -p[:, classes] + 2 * apart - 5 * fit"),
    Mistake(
        "The distance is squared. It is the sum of what the numbers differ by, without their sign.",
        "apart = np.abs(one - other).sum(axis=-1)  # (Q, M)",
        "apart = ((one - other) ** 2).sum(axis=-1)",
    ),
    Mistake(
        "The distance is a mean over the four numbers of a box. It is their sum.",
        "apart = np.abs(one - other).sum(axis=-1)  # (Q, M)",
        "apart = np.abs(one - other).mean(axis=-1)",
    ),
    Mistake(
        "The probability of each query's likeliest class was taken. What counts is that of the object's own class.",
        COST,
        "cost = -p.max(axis=1, keepdims=True) + 5 * apart - 2 * fit",
    ),
    Mistake(
        'The probability of "no object" was taken. What counts is that of the object\'s own class.',
        COST,
        "cost = -p[:, -1:] + 5 * apart - 2 * fit",
    ),
    Mistake(
        "The number of the object was taken for its class: object m has the class classes[m].",
        COST,
        "cost = -p[:, : len(classes)] + 5 * apart - 2 * fit",
    ),
    Mistake(
        "This is IoU in the place of GIoU: to IoU all boxes that do not touch are equally bad.",
        COST,
        "cost = -p[:, classes] + 5 * apart - 2 * iou(one, other)",
    ),
    Mistake(
        "The distance is the root of a sum of squares. It is the sum of what the numbers differ by, without their sign.",
        "apart = np.abs(one - other).sum(axis=-1)  # (Q, M)",
        "apart = np.sqrt(((one - other) ** 2).sum(axis=-1))",
    ),
    Mistake(
        "The differences are added with their signs, and cancel. Each is taken without its sign first, then they are added.",
        "apart = np.abs(one - other).sum(axis=-1)  # (Q, M)",
        "apart = np.abs((one - other).sum(axis=-1))",
    ),
    Mistake(
        "Only the centres are compared. Widths and heights count too: the sum runs over cx, cy, w, h.",
        "apart = np.abs(one - other).sum(axis=-1)  # (Q, M)",
        "apart = np.abs(one - other)[..., :2].sum(axis=-1)",
    ),
    Mistake("", COST, "cost = (-p[:, classes] + 5 * apart - 2 * fit).T", step="shape"),
]

# ---------------------------------------------------------------- match

GREEDY = (
    "This is greedy: each object in turn takes the cheapest query that is still free. That can be dear for the "
    "last ones; what is "
    "wanted is the least sum."
)
TAKEN = "Two objects have the same query. Each query answers for one object at most."
MATCH = {
    "kind": "match gives an array of whole numbers, for each object the number of its query.",
    "greedy": GREEDY,
    "taken": TAKEN,
    "surest": "This goes greedily by the cheapest pairs of all. What is wanted is the least sum.",
    "dear": "This is the dearest assignment, not the cheapest.",
    "inverse": "This says for each query its object. What is wanted is for each object its query.",
    "backwards": GREEDY,
    "order": "Only assignments in which the queries' numbers rise were tried: object 0 may have query 4, and object 1 query 2.",
    "other": "There is an assignment whose sum of costs is smaller.",
    "changed": "The costs were changed. They belong to the caller.",
}


def _greedy(cost, order=None):
    free, which = set(range(len(cost))), {}
    for m in order if order is not None else range(cost.shape[1]):
        which[m] = min(free, key=lambda q: cost[q, m])
        free -= {which[m]}
    return [which[m] for m in range(cost.shape[1])]


def _by_pairs(cost):
    which = {}
    for flat in np.argsort(cost, axis=None):
        q, m = np.unravel_index(flat, cost.shape)
        if m not in which and q not in which.values():
            which[int(m)] = int(q)
    return [which[m] for m in range(cost.shape[1])]


def _ways(cost):
    """{how one may choose: the queries of the objects}."""
    queries, objects = cost.shape
    assignments = list(itertools.permutations(range(queries), objects))
    rising = list(itertools.combinations(range(queries), objects))

    def total(way):
        return sum(float(cost[q, m]) for m, q in enumerate(way))

    return {
        "right": min(assignments, key=total),
        "greedy": _greedy(cost),
        "backwards": _greedy(cost, reversed(range(objects))),
        "surest": _by_pairs(cost),
        "taken": cost.argmin(axis=0).tolist(),
        "dear": max(assignments, key=total),
        "order": min(rising, key=total),
    }


def check_match(function, namespace, rng):
    cases = [np.array([[0.0, 0.1], [0.2, 9.0]]), np.array([[0.1, 0.0], [9.0, 0.2]]), np.array([[0.3], [0.1], [0.2]])]
    cases += [rng.uniform(0, 5, shape) for shape in ((5, 3), (6, 3), (4, 4), (5, 2), (6, 4), (3, 3), (4, 1)) for _ in range(6)]
    cases += [rng.uniform(-2, 0, (4, 3)), rng.uniform(1e6, 2e6, (4, 3))]  # -p - 2 GIoU is below 0; no number is large enough
    found = [_queries(function, cost) for cost in cases]
    ways = [_ways(cost) for cost in cases]
    for cost, own, way in zip(cases, found, ways, strict=True):
        if own != list(way["right"]):
            alike = [name for name in way if all(own == list(way[name]) for own, way in zip(found, ways, strict=True))]
            name = (alike or ["taken" if len(set(own)) < len(own) else "other"])[0]
            table = "\n".join("   ".join(f"{x:5.2f}" for x in row) for row in cost)
            sums = [sum(cost[q, m] for m, q in enumerate(which)) for which in (own, way["right"])]
            told = f"yours {own}, sum {sums[0]:.2f}; cheapest {list(way['right'])}, sum {sums[1]:.2f}"
            raise Wrong(f"{MATCH[name]}\n{table}\n{told}")
    yield "least sum of costs, no query twice"
    empty = function(np.zeros((4, 0)))
    if np.shape(empty) != (0,):
        raise Wrong(f"without objects there is nothing to match: an empty array (0,)\nyours gives {kind(empty)}")
    single = rng.uniform(0, 5, (5, 3)).astype(np.float32)
    if _queries(function, single) != list(_ways(single)["right"]):
        raise Wrong(MATCH["other"])
    yield "no objects, float32 costs"


def _queries(function, cost):
    """What the learner's function gives, as a list of numbers of queries; Wrong if it is none."""
    kept = cost.copy()
    given = function(cost)
    if not np.array_equal(cost, kept):
        raise Wrong(MATCH["changed"])
    queries, objects = cost.shape
    found = np.asarray(given)
    if found.shape != (objects,) or found.dtype.kind not in "iu" or (objects and not 0 <= found.min() <= found.max() < queries):
        inverse = found.dtype.kind in "iu" and found.shape == (queries,) and queries != objects
        raise Wrong(f"{MATCH['inverse' if inverse else 'kind']}\nfor costs {cost.shape} yours gives {given!r:.80}")
    return found.tolist()


WAYS = "assignments = np.array(list(itertools.permutations(range(queries), objects)), dtype=int)  # (A, M)"
TOTAL = "total = cost[assignments, np.arange(objects)].sum(axis=1)  # (A,)"
CHEAPEST = "which = assignments[total.argmin()]  # (M,)"
ALL_OF_IT = f"{WAYS}\n    {TOTAL}\n    {CHEAPEST}"
MATCH_MISTAKES = [
    Mistake(
        GREEDY,
        ALL_OF_IT,
        "free, which = list(range(queries)), np.zeros(objects, int)\n    for m in range(objects):\n"
        "        which[m] = min(free, key=lambda q: cost[q, m])\n        free.remove(which[m])",
    ),
    Mistake(TAKEN, ALL_OF_IT, "which = cost.argmin(axis=0)"),
    Mistake(
        MATCH["surest"],
        ALL_OF_IT,
        "left, which = cost.astype(float), np.zeros(objects, int)\n    for _ in range(objects):\n"
        "        q, m = np.unravel_index(left.argmin(), left.shape)\n        which[m] = q\n"
        "        left[q], left[:, m] = np.inf, np.inf",
    ),
    Mistake(MATCH["dear"], CHEAPEST, "which = assignments[total.argmax()]"),
    Mistake(
        TAKEN,
        WAYS,
        "assignments = np.array(list(itertools.product(range(queries), repeat=objects)), dtype=int).reshape(-1, objects)",
    ),
    Mistake(
        MATCH["order"],
        WAYS,
        "assignments = np.array(list(itertools.combinations(range(queries), objects)), dtype=int).reshape(-1, objects)",
    ),
    Mistake(
        MATCH["inverse"],
        CHEAPEST,
        "best = assignments[total.argmin()]\n    which = np.full(queries, -1)\n    which[best] = np.arange(objects)",
    ),
    Mistake(MATCH["kind"], CHEAPEST, "which = total.min()"),
]

# ---------------------------------------------------------------- set_loss


def loss_cases(rng):
    def given(queries, classes, which, no_object=0.5):
        objects = len(which)
        logits, boxes = rng.standard_normal((queries, classes + 1)), some_boxes(rng, queries)
        boxes[which], truth = pairs_of_boxes(rng, objects)
        return logits, boxes, rng.integers(classes, size=objects), truth, np.array(which), no_object

    ordinary = np.sort(rng.choice(7, 3, replace=False))[[2, 0, 1]]  # other queries each time, never in their order
    return {
        "ordinary": given(7, 4, ordinary),
        "one object": given(3, 2, [1]),
        "one query": given(1, 3, [0]),
        "as many objects as queries": given(3, 5, [2, 0, 1]),
        "no object weighs a tenth": given(5, 3, [4, 1], 0.1),
        "a square": given(4, 3, [3, 1, 0, 2]),
    }


def loss_extreme(rng):
    logits, boxes, *others = loss_cases(rng)["ordinary"]
    return {"logits of ±10,000": (np.where(logits > 0, 1e4, -1e4), boxes, *others)}


def _weighted(logits, classes, which, no_object):
    """(p, targets as rows of zeros and ones, weights over their sum)."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    target, weight = np.full(len(logits), logits.shape[1] - 1), np.full(len(logits), float(no_object))
    target[which], weight[which] = classes, 1.0
    return p, np.eye(logits.shape[1])[target], (weight / weight.sum())[:, None]


def loss_spec(logits, boxes, classes, truth, which, no_object=0.5):
    queries, objects = len(logits), len(truth)
    target = {int(q): m for m, q in enumerate(which)}
    of_class = weights = of_boxes = 0.0
    for q in range(queries):
        row = [float(z) - float(logits[q].max()) for z in logits[q]]
        log_sum = math.log(sum(math.exp(z) for z in row))
        weight, k = (1.0, int(classes[target[q]])) if q in target else (no_object, len(row) - 1)
        of_class, weights = of_class - weight * (row[k] - log_sum), weights + weight
        if q in target:
            m = target[q]
            apart = sum(abs(float(boxes[q, k] - truth[m, k])) for k in range(4))
            of_boxes += (5 * apart + 2 * (1 - giou_of(boxes[q], truth[m]))) / objects
    return np.array(of_class / weights + of_boxes)


def _dlogits_terms(logits, boxes, classes, truth, which, no_object, dy):
    p, hot, share = _weighted(logits, classes, which, no_object)
    return [
        Term("w·p/Σw", dy * share * p, "raising a score raises its own probability at the cost of all others."),
        Term("−w·t/Σw", -dy * share * hot, "the target's own score should rise."),
    ]


def _dboxes_terms(logits, boxes, classes, truth, which, no_object, dy):
    apart, fit = np.zeros_like(boxes), np.zeros_like(boxes)
    answered = boxes[which]
    apart[which] = dy * 5 / len(truth) * np.sign(answered - truth)
    fit[which] = sum(term.value for term in _giou_terms(answered, truth, np.full(len(truth), -2 * dy / len(truth))))
    return [
        Term("5·sign(b − t)/M", apart, "each number of a box is drawn towards its true one."),
        Term("−2·dGIoU/M", fit, "the loss has 1 − GIoU in it."),
    ]


TARGET = "target[which] = classes\n"
WEIGHT = "weight = np.full(queries, no_object, logits.dtype)  # (Q,)\n    weight[which] = 1"
SHARE = "share = weight / weight.sum()  # (Q,)"
SHIFTED = "shifted = logits - logits.max(axis=1, keepdims=True)  # (Q, K+1)"
ANSWERED = "answered = boxes[which]  # (M, 4)"
OF_CLASS = "of_class = -(share * log_p[np.arange(queries), target]).sum()"
OF_BOX = "of_box = 5 * np.abs(answered - truth).sum() / objects"
OF_GIOU = "of_giou = 2 * (1 - fit).sum() / objects"
HOT = "hot = np.eye(logits.shape[1], dtype=logits.dtype)[target]  # (Q, K+1)"
DLOGITS = "dlogits = dy * share[:, None] * (np.exp(log_p) - hot)  # (Q, K+1)"
SLOPE = "slope = -2 * dy / objects"
DBOXES = "dboxes[which] = dy * 5 / objects * np.sign(answered - truth) + dfit"
ZERO = "dboxes = np.zeros_like(boxes)  # (Q, 4)"
LOSS = "loss = of_class + of_box + of_giou"
NOT_DIVIDED = (
    "The terms of the boxes are not divided by the number of objects: an image with three would pull three times as hard."
)
LOSS_MISTAKES = [
    Mistake(
        'The queries without an object are left out of the classes: they are to say "no object", or they will say anything.',
        WEIGHT,
        "weight = np.zeros(queries, logits.dtype)\n    weight[which] = 1",
    ),
    Mistake(
        '"No object" weighs as much as an object. Most queries say it; with weight 1 it drowns the others.',
        WEIGHT,
        "weight = np.ones(queries, logits.dtype)",
    ),
    Mistake(
        "The weights have changed places: a query with an object weighs 1, one without weighs no_object.",
        WEIGHT,
        "weight = np.ones(queries, logits.dtype)\n    weight[which] = no_object",
    ),
    Mistake('The classes of the objects are no targets yet: every query is told to say "no object".', TARGET, "_ = classes\n"),
    Mistake(
        "The logarithm is missing: the loss of a class is −ln p, not −p.", OF_CLASS, OF_CLASS.replace("log_p", "np.exp(log_p)")
    ),
    Mistake(
        NOT_DIVIDED, f"{OF_BOX}\n    {OF_GIOU}", "of_box = 5 * np.abs(answered - truth).sum()\n    of_giou = 2 * (1 - fit).sum()"
    ),
    Mistake(
        "The terms of the boxes are divided by the number of queries. Only those with an object count: divide by the objects.",
        f"{OF_BOX}\n    {OF_GIOU}",
        "of_box = 5 * np.abs(answered - truth).sum() / queries\n    of_giou = 2 * (1 - fit).sum() / queries",
    ),
    Mistake(
        "GIoU's sign is wrong: a better fit must be a smaller loss, 1 − GIoU.", OF_GIOU, "of_giou = 2 * (1 + fit).sum() / objects"
    ),
    Mistake(
        "The classes' term is divided by the number of queries. Divide by the sum of the weights.",
        SHARE,
        "share = weight / queries",
    ),
    Mistake(
        "The classes' term is divided by the number of objects. All queries are in it: divide by the sum of their weights.",
        SHARE,
        "share = weight / objects",
    ),
    Mistake("The classes' term is not divided by the sum of the weights.", SHARE, "share = weight"),
    Mistake(
        "The boxes are compared in the order of the queries. Object m is answered by query which[m].",
        ANSWERED,
        "answered = boxes[: len(truth)]",
    ),
    Mistake(
        "The classes went to the first queries. Object m's class is the target of query which[m].",
        TARGET,
        "target[: len(classes)] = classes\n",
    ),
    Mistake(
        "The distance is a mean over the four numbers of a box. It is their sum.",
        OF_BOX,
        "of_box = 5 * np.abs(answered - truth).mean(axis=1).sum() / objects",
    ),
    Mistake(
        "The distance is squared. It is the sum of what the numbers differ by, without their sign.",
        OF_BOX,
        "of_box = 5 * ((answered - truth) ** 2).sum() / objects",
    ),
    Mistake("The term of GIoU is missing.", LOSS, "loss = of_class + of_box"),
    Mistake("The term of the boxes' distance is missing.", LOSS, "loss = of_class + of_giou"),
    Mistake("The term of the classes is missing.", LOSS, "loss = of_box + of_giou"),
    Mistake("", SHIFTED, "shifted = logits", step="finite"),
    # backward
    Mistake(
        'dlogits lacks the weights: "no object" weighs less in the loss, so in its gradient too.',
        DLOGITS,
        "dlogits = dy * (np.exp(log_p) - hot) / queries",
    ),
    Mistake("dlogits has the wrong sign: it is p − t.", DLOGITS, "dlogits = dy * share[:, None] * (hot - np.exp(log_p))"),
    Mistake("The targets are missing in dlogits: it is p − t.", DLOGITS, "dlogits = dy * share[:, None] * np.exp(log_p)"),
    Mistake(
        'The targets of dlogits are those of the objects only: queries without one have "no object" as theirs.',
        HOT,
        "hot = np.zeros_like(logits)\n        hot[which, classes] = 1",
    ),
    Mistake("GIoU's gradient has the wrong sign: the loss has 1 − GIoU in it.", SLOPE, "slope = 2 * dy / objects"),
    Mistake("The gradient of GIoU lacks its weight 2.", SLOPE, "slope = -dy / objects"),
    Mistake(
        "The gradient of the boxes is not divided by the number of objects.",
        f"{DBOXES}",
        "dboxes[which] = dy * 5 * np.sign(answered - truth) + dfit * objects",
    ),
    Mistake(
        "The slope of |x| is its sign, not x itself.", DBOXES, "dboxes[which] = dy * 5 / objects * (answered - truth) + dfit"
    ),
    Mistake(
        "The sign of b − t is the other way round.", DBOXES, "dboxes[which] = dy * 5 / objects * np.sign(truth - answered) + dfit"
    ),
    Mistake("GIoU's part of dboxes is missing.", DBOXES, "dboxes[which] = dy * 5 / objects * np.sign(answered - truth)"),
    Mistake("The distance's part of dboxes is missing.", DBOXES, "dboxes[which] = dfit"),
    Mistake(
        "The gradient went to the first rows of dboxes. It belongs to the queries that answered.",
        DBOXES,
        "dboxes[: len(truth)] = dy * 5 / objects * np.sign(answered - truth) + dfit",
    ),
    Mistake("dy is not used in dlogits.", DLOGITS, "dlogits = share[:, None] * (np.exp(log_p) - hot)"),
    Mistake("dy is not used in GIoU's part of dboxes.", SLOPE, "slope = -2 / objects + 0 * dy"),
    Mistake(
        "dy is not used in the distance's part of dboxes.",
        DBOXES,
        "dboxes[which] = 5 / objects * np.sign(answered - truth) + dfit",
    ),
    Mistake("dlogits has ln p in it. Its slope has p: it is p − t.", DLOGITS, "dlogits = dy * share[:, None] * (log_p - hot)"),
    Mistake("dy is not used.", f"{DLOGITS}\n", "dlogits = share[:, None] * (np.exp(log_p) - hot)\n        dy = 1.0\n"),
    Mistake("", "        return dlogits, dboxes, None, None, None, None\n", "        return dlogits, dboxes\n", step="count"),
]

# ---------------------------------------------------------------- cross_attention


def looking_cases(rng):
    def given(batch, queries, cells, dim, heads):
        arrays = [
            rng.standard_normal(shape)
            for shape in ((batch, queries, dim), (batch, queries, dim), (batch, cells, dim), (cells, dim))
        ]
        return *arrays, *(rng.standard_normal((dim, dim)) / math.sqrt(dim) for _ in range(3)), heads

    return {
        "ordinary": given(3, 5, 7, 6, 2),
        "one image": given(1, 2, 3, 4, 2),
        "one head": given(2, 3, 5, 4, 1),
        "one query": given(2, 1, 4, 6, 3),
        "a square": given(4, 4, 4, 4, 2),
    }


def looking_spec(x, x_pos, memory, memory_pos, q_weight, k_weight, v_weight, heads):
    batch, queries, dim = x.shape
    cells, d = memory.shape[1], dim // heads
    y = np.zeros(x.shape)
    for b, h, i in np.ndindex(batch, heads, queries):
        own = slice(h * d, (h + 1) * d)
        q = (x[b, i] + x_pos[b, i]) @ q_weight[:, own]
        keys = [(memory[b, j] + memory_pos[j]) @ k_weight[:, own] for j in range(cells)]
        values = [memory[b, j] @ v_weight[:, own] for j in range(cells)]
        scores = [float(sum(q[c] * k[c] for c in range(d))) / math.sqrt(d) for k in keys]
        powers = [math.exp(s - max(scores)) for s in scores]
        for power, v in zip(powers, values, strict=True):
            y[b, i, own] += power / sum(powers) * v
    return y


def _dmemory_terms(x, x_pos, memory, memory_pos, q_weight, k_weight, v_weight, heads, dy):
    none = np.zeros(x.shape[-1])

    def split(z):
        return z.reshape(*z.shape[:2], heads, -1).transpose(0, 2, 1, 3)

    q, _ = mine.linear(x + x_pos, q_weight, none)
    k, k_backward = mine.linear(memory + memory_pos, k_weight, none)
    v, v_backward = mine.linear(memory, v_weight, none)
    _, backward = mine.attention(split(q), split(k), split(v))
    _, dk, dv = backward(split(dy))
    return [
        Term("through k", k_backward(mine.merge_heads(dk)[0])[0], "the cells are looked at."),
        Term("through v", v_backward(mine.merge_heads(dv)[0])[0], "and what they hold is handed over."),
    ]


Q_LINE = "q, q_backward = mine.linear(x + x_pos, q_weight, none)  # (B, Q, D)"
K_LINE = "k, k_backward = mine.linear(memory + memory_pos, k_weight, none)  # (B, N, D)"
V_LINE = "v, v_backward = mine.linear(memory, v_weight, none)  # (B, N, D)"
LOOK = "looked, attention_backward = mine.attention(split(q, heads), split(k, heads), split(v, heads))  # (B, h, Q, d)"
MERGE = "y, merge_backward = mine.merge_heads(looked)  # (B, Q, D)"
DMEMORY = "dmemory = dplaced + dgiven  # (B, N, D)"
DPOS = "dmemory_pos = dplaced.sum(axis=0)  # (N, D)"
DXPOS = "dx_pos = dx  # (B, Q, D)"
DQ = "dx, dq_weight, _ = q_backward(mine.merge_heads(dq)[0])"
DK = "dplaced, dk_weight, _ = k_backward(mine.merge_heads(dk)[0])"
DV = "dgiven, dv_weight, _ = v_backward(mine.merge_heads(dv)[0])"
LOOKING_MISTAKES = [
    Mistake(
        "The positions are added to v too. What is handed over is what there is, not where it is: v gets none.",
        V_LINE,
        "v, v_backward = mine.linear(memory + memory_pos, v_weight, none)",
    ),
    Mistake(
        "The cells' positions are missing in k: the queries cannot ask where something is.",
        K_LINE,
        "k, k_backward = mine.linear(memory + 0 * memory_pos, k_weight, none)",
    ),
    Mistake("The queries' positions are missing in q.", Q_LINE, "q, q_backward = mine.linear(x + 0 * x_pos, q_weight, none)"),
    Mistake(
        "The weights of k and v have changed places.",
        f"{K_LINE}\n    {V_LINE}",
        "k, k_backward = mine.linear(memory + memory_pos, v_weight, none)\n    v, v_backward = mine.linear(memory, "
        "k_weight, none)",
    ),
    Mistake(
        "The weights of q and k have changed places.",
        f"{Q_LINE}\n    {K_LINE}",
        "q, q_backward = mine.linear(x + x_pos, k_weight, none)\n    k, k_backward = mine.linear(memory + memory_pos, "
        "q_weight, none)",
    ),
    Mistake(
        "The positions are added after the product with the weights. They belong to what is multiplied: (m + p) W.",
        K_LINE,
        "k, k_backward = mine.linear(memory, k_weight, none)\n    k = k + memory_pos",
    ),
    Mistake(
        "This is self-attention: the queries look at each other. k and v come from memory.",
        f"{K_LINE}\n    {V_LINE}",
        "k, k_backward = mine.linear(x + x_pos, k_weight, none)\n    v, v_backward = mine.linear(x, v_weight, none)",
    ),
    Mistake("There is but one head: each has D/h numbers of q, k and v to itself.", LOOK, LOOK.replace("heads)", "1)")),
    Mistake(
        "The heads were cut by a reshape alone: that mixes heads and tokens. split moves the axis too.",
        LOOK,
        "cut = [z.reshape(len(z), heads, z.shape[1], -1) for z in (q, k, v)]\n    looked, attention_backward = "
        "mine.attention(*cut)",
    ),
    Mistake(
        "The heads were put side by side by a reshape alone: that mixes heads and queries. merge_heads moves the axis first.",
        MERGE,
        "y, merge_backward = looked.reshape(x.shape), lambda dy: split(dy, heads)",
    ),
    # backward
    *(
        Mistake(
            f"The heads of d{name} were put side by side by a reshape alone: that mixes heads and tokens. merge_heads moves the "
            "axis first.",
            line,
            line.replace(f"mine.merge_heads(d{name})[0]", f"d{name}.reshape({like}.shape)"),
        )
        for name, line, like in (("q", DQ, "x"), ("k", DK, "memory"), ("v", DV, "memory"))
    ),
    Mistake("The road through v is missing in dmemory: the cells are looked at, and handed over.", DMEMORY, "dmemory = dplaced"),
    Mistake("The road through k is missing in dmemory: the cells are handed over, and looked at.", DMEMORY, "dmemory = dgiven"),
    Mistake("", DPOS, "dmemory_pos = dplaced", step="shape"),
    Mistake(
        "dmemory_pos is a mean over the batch. All images share the positions, and what they say adds up.",
        DPOS,
        "dmemory_pos = dplaced.mean(axis=0)",
    ),
    Mistake(
        "dmemory_pos comes from the first image only. All images share the positions: their gradients add up.",
        DPOS,
        "dmemory_pos = dplaced[0]",
    ),
    Mistake(
        "dmemory_pos has the road through v in it. Positions are in k only.", DPOS, "dmemory_pos = (dplaced + dgiven).sum(axis=0)"
    ),
    Mistake(
        "dx_pos is zero. x and its position are in the same sum, so they get the same gradient.",
        DXPOS,
        "dx_pos = np.zeros_like(dx)",
    ),
    Mistake("dmemory is a mean of its two roads. They add up.", DMEMORY, "dmemory = (dplaced + dgiven) / 2"),
    Mistake(
        "The gradients of k and v have changed places on their way back.",
        f"{DK}\n        {DV}",
        "dplaced, dk_weight, _ = k_backward(mine.merge_heads(dv)[0])\n        dgiven, dv_weight, _ = "
        "v_backward(mine.merge_heads(dk)[0])",
    ),
    Mistake(
        "",
        "        return dx, dx_pos, dmemory, dmemory_pos, dq_weight, dk_weight, dv_weight, None\n",
        "        return dx, dx_pos, dmemory, dmemory_pos, dq_weight, dk_weight, dv_weight\n",
        step="count",
    ),
]

EXERCISES = [
    Exercise(
        name="iou",
        cases=iou_cases,
        spec=iou_spec,
        mistakes=IOU_MISTAKES,
        hints={
            "": (
                "Where does each box begin, and where does it end? From that, what both cover, axis by axis.",
                "The larger start, the smaller end; the difference, cut at 0. x and y can be computed at once: the first two "
                "numbers and "
                "the last two are slices.",
                "An area is the product of two lengths. For the union add both areas and take away what was counted twice. The "
                "example has "
                "0.06 and 0.1.",
            )
        },
        read={"": "A box is four numbers"},
    ),
    Exercise(
        name="giou",
        cases=giou_cases,
        spec=giou_spec,
        gradients=("da", "db"),
        terms={"da": _giou_terms, "db": lambda a, b, dy: _giou_terms(b, a, dy)},
        symbols=lambda a, b: {"N": len(a)},
        mistakes=GIOU_MISTAKES,
        hints={
            "forward": (
                "As iou, and one length more along each axis.",
                "The box around both goes from the smaller start to the larger end. It needs no cut at 0.",
                "I / U + U / C − 1 is the same as the formula with the two fractions, and shorter.",
            ),
            "backward": (
                "First the three slopes of the areas I, A (the same as B's) and C; they are in the lesson.",
                "Then from areas to lengths: each length has the other one as its slope. i has none where it was cut at 0.",
                "Then from lengths to ends and starts: np.where with the condition a_end < b_end says whose end it is. "
                "from_sides, "
                "which stands below, does the rest. In the example a's centre gets 3.2 along x.",
            ),
        },
        read={"forward": "A fit with a slope", "backward": "A fit with a slope"},
        after="from_sides",
        library="giou",
    ),
    Exercise(
        name="matching_cost",
        cases=cost_cases,
        spec=cost_spec,
        mistakes=COST_MISTAKES,
        hints={
            "": (
                "Three tables of Q × M: a probability, a distance, a fit.",
                "An axis of size 1 in the right place, [:, None] and [None], lets NumPy make a table of each query with each "
                "object.",
                "p with the objects' classes as an index of its columns gives the first table. giou takes pairs, "
                "(N, 4): np.broadcast_to brings both to (Q, M, 4), a reshape to (−1, 4), and its result goes back to (Q, M). A "
                "giou that counts its axes from the end takes (Q, M, 4) as they are. The lower, the better: mind the signs.",
            )
        },
        read={"": "Questions instead of a class token"},
    ),
    Exercise(
        name="match",
        check=check_match,
        mistakes=MATCH_MISTAKES,
        hints={
            "": (
                "How many assignments are there, and what does each cost?",
                "itertools.permutations(range(Q), M) gives, for each assignment, the query of object 0, of object 1, ... Each "
                "costs a sum "
                "of M entries of the table.",
                "As an array (A, M) they can index the rows of the table, with np.arange(M) for the columns: (A, M) costs. A "
                "sum, and the "
                "smallest. With M = 0 there is one assignment, an empty one.",
            )
        },
        read={"": "The nearest first is wrong"},
    ),
    Exercise(
        name="set_loss",
        cases=loss_cases,
        spec=loss_spec,
        gradients=("dlogits", "dboxes", None, None, None, None),
        extreme=loss_extreme,
        terms={"dlogits": _dlogits_terms, "dboxes": _dboxes_terms},
        symbols=lambda logits, boxes, classes, truth, which, no_object: {
            "Q": len(logits),
            "K": logits.shape[1] - 1,
            "M": len(truth),
        },
        mistakes=LOSS_MISTAKES,
        hints={
            "forward": (
                "What is the target of each query, and what does it weigh? Then lesson 06, and the boxes that answered.",
                'Everything begins as "no object"; which says where to write the classes and the weights 1. Subtract each row\'s '
                "largest "
                "logit before exp.",
                "boxes[which] are the answers in the order of the objects. Three terms: one over the sum of the weights, two "
                "over M. The "
                "example's first term is ln 2.",
            ),
            "backward": (
                "dlogits is lesson 06's, row by row times weight over sum of weights. dboxes is zero but for the queries that "
                "answered.",
                "|x| has the slope sign(x). For the other term give giou's backward what the loss makes of its result: minus 2 "
                "over M, "
                "times dy.",
                "np.sign gives the signs. Write the sum of both terms into the rows `which` of an array of zeros: no two are "
                "alike, so "
                "nothing is lost.",
            ),
        },
        read={"forward": "The loss of a set", "backward": "The loss of a set"},
    ),
    Exercise(
        name="cross_attention",
        cases=looking_cases,
        spec=looking_spec,
        gradients=("dx", "dx_pos", "dmemory", "dmemory_pos", "dq_weight", "dk_weight", "dv_weight", None),
        terms={"dmemory": _dmemory_terms},
        symbols=lambda x, x_pos, memory, *others: {"B": len(x), "Q": x.shape[1], "N": memory.shape[1]},
        mistakes=LOOKING_MISTAKES,
        hints={
            "forward": (
                "Three linears, one attention, one merge. What goes into each of the three?",
                "x and x_pos belong together, memory and memory_pos too; but v is made of memory alone. split, below, cuts "
                "into heads.",
                "mine.attention takes q (B, h, Q, d) with k and v (B, h, N, d) as it is. Each of the five gives a result and a "
                "backward: "
                "keep both.",
            ),
            "backward": (
                "The chain backwards: merge, attention, then the three linears.",
                "attention's backward gives dq, dk, dv in heads; mine.merge_heads brings each back to (B, T, D). Each linear "
                "gives the "
                "gradient of what went into it, and of its weight.",
                "memory went into two of them: add. memory_pos went into one, and all images share it: sum over the batch. x "
                "and x_pos "
                "went into one sum: the same gradient for both.",
            ),
        },
        read={"forward": "Looking at the image from outside", "backward": "Looking at the image from outside"},
        after="split",
    ),
]

QUIZ = [
    Question(
        "Two boxes do not touch. What is the slope of IoU, and of GIoU?",
        ("both 0", "IoU's is 0, GIoU's is not", "GIoU's is 0, IoU's is not", "neither is 0"),
        1,
        "Nothing is covered by both, and a small move does not change that. The box around both changes with every move.",
    ),
    Question(
        'Six queries, two objects. How many queries should say "no object"?',
        ("none", "2", "4", "that depends on the costs"),
        2,
        'Each object gets exactly one query. The others have "no object" as their target, with a lower weight.',
    ),
    Question(
        "Why does match have no backward?",
        (
            "It would be slow",
            "Its result is a choice, which a small change of the costs does not move",
            "The library has one",
            "It is never used",
        ),
        1,
        'The slope of "which" is 0 wherever it exists. The gradient flows through the losses of the chosen pairs.',
    ),
    Question(
        "Greedy matching gives each object the cheapest free query. What can go wrong?",
        (
            "A query is used twice",
            "An object gets none",
            "The last object gets a dear one, and the sum is not the least",
            "Nothing",
        ),
        2,
        "The first choice may take away what the second needs more.",
    ),
    Question(
        "In cross-attention, which arrays get the positions of the cells?",
        ("q and k", "k", "k and v", "all three"),
        1,
        "q has the queries' own positions; k has the cells'; v has none.",
    ),
]
