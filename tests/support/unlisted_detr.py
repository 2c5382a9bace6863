"""As unlisted.py, for lesson 23: wrong answers that stand in no list, most of them right nearly everywhere."""

import numpy as np

from .unlisted_vit import any_op, listed, right

NUMBER = "23"


def iou_with(change):
    """iou of other boxes than those that it was given."""
    return lambda a, b: right(NUMBER, "iou")(*change(a, b))


def iou_then(change):
    """iou with its result changed."""
    return lambda a, b: change(right(NUMBER, "iou")(a, b), a, b)


IOU = {
    "Forgets the heights": iou_with(lambda a, b: (a, np.concatenate([b[..., :3], a[..., 3:] + 0 * b[..., 3:]], axis=-1))),
    "Width and height exchanged in one of them": iou_with(lambda a, b: (a, b[..., [0, 1, 3, 2]])),
    "x and y exchanged in one of them": iou_with(lambda a, b: (a[..., [1, 0, 2, 3]], b)),
    "Rounded": iou_then(lambda fit, a, b: np.round(fit, 3)),
    "Never quite 1": iou_then(lambda fit, a, b: fit * 0.9999),
    "Counts boxes that fit badly as apart": iou_then(lambda fit, a, b: np.where(fit < 0.05, 0, fit)),
}


def cost_with(change):
    """matching_cost with its result changed."""
    return lambda p, boxes, classes, truth: change(
        right(NUMBER, "matching_cost")(p, boxes, classes, truth), p, boxes, classes, truth
    )


COST = {
    "Each object's cheapest query costs nothing": cost_with(lambda c, *_: c - c.min(axis=0, keepdims=True, initial=9)),
    "No object counts too": cost_with(lambda c, p, *_: c + 0.01 * p[:, -1:]),
    "The weights of x and y alone": cost_with(lambda c, p, b, k, t: c - 5 * np.abs(b[:, None, 2:] - t[None, :, 2:]).sum(axis=-1)),
    "The class of the first object for all": cost_with(lambda c, p, b, k, t: c + p[:, k] - p[:, k[:1]] if len(k) else c),
    "Costs below zero are cut": cost_with(lambda c, *_: np.maximum(c, 0)),
}


def match_with(change):
    """match of other costs than those that it was given."""
    return lambda cost: right(NUMBER, "match")(change(np.array(cost)))


def match_then(change):
    """match with its result changed."""
    return lambda cost: change(right(NUMBER, "match")(cost), cost)


MATCH = {
    "By squares": match_with(lambda cost: cost**2),
    "By the dearest pair of an assignment": match_with(lambda cost: np.exp(6 * cost)),
    "By ranks": match_with(lambda cost: cost.argsort(axis=0).argsort(axis=0).astype(float)),
    "Only the first five queries are asked": match_with(lambda cost: np.where(np.arange(len(cost))[:, None] < 5, cost, 99)),
    "The first two objects exchanged": match_then(lambda which, cost: np.concatenate([which[:2][::-1], which[2:]])),
    "Fractions": match_then(lambda which, cost: which + 0.0),
    "Backwards": match_then(lambda which, cost: which[::-1]),
}

WRONG = {
    NUMBER: {
        "iou": listed(IOU),
        "giou": any_op(NUMBER, "giou"),
        "matching_cost": listed(COST),
        "match": listed(MATCH),
        "set_loss": any_op(NUMBER, "set_loss"),
        "cross_attention": any_op(NUMBER, "cross_attention"),
    }
}
RIGHT = {
    NUMBER: {
        "iou": iou_then(lambda fit, a, b: fit),
        "matching_cost": cost_with(lambda c, *_: c),
        "match": match_then(lambda which, cost: which),
    }
}
