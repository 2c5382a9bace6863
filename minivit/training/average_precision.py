"""Average precision, the figure by which detectors are compared, by the rules of the COCO benchmark (Lin et al. 2014, arXiv
1405.0312). On host arrays.

Take the answers of one class in all images, the surest first. An answer is right if its box lies on that of an object of its
class, by an IoU of at least a threshold, and no surer one has taken that object. After each answer,

    precision = right answers / answers so far        recall = right answers / objects

The average precision is the mean over the 101 recalls 0, 0.01, ..., 1 of the highest precision at that recall or beyond, 0 where
that recall is never reached; then the mean over the classes. AP50 and AP75 have the thresholds 0.5 and 0.75; AP is the mean over
the thresholds 0.5, 0.55, ..., 0.95.
"""

from typing import NamedTuple

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)


class Found(NamedTuple):
    """What a model found: scores (N, Q), classes (N, Q), boxes (N, Q, 4), each (cx, cy, w, h) in fractions of the image."""

    scores: np.ndarray
    classes: np.ndarray
    boxes: np.ndarray


def iou(a, b):
    """Intersection over union, (..., 4) and (..., 4), broadcast, to (...,)."""
    start = np.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)
    end = np.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)
    both = np.maximum(end - start, 0).prod(axis=-1)
    return both / (a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - both)


def precisions(found, labels, classes, thresholds=THRESHOLDS, areas=(0, np.inf)):
    """The precision at each threshold, recall and class, (T, 101, K), NaN for a class of which there is no object.

    labels  (N, M, 5), rows (class, cx, cy, w, h), class -1 where there is none
    areas   objects that are smaller or larger, in fractions of the image, do not count: who finds one is neither right nor wrong,
            nor is who finds nothing with a box of such a size
    """
    table = np.full((len(thresholds), len(RECALLS), classes), np.nan)
    for label in range(classes):
        touched = (found.classes == label).any(axis=1) | (labels[..., 0] == label).any(axis=1)  # nothing comes from the others
        images = zip(*(part[touched] for part in (*found, labels)), strict=True)
        rows = [_of_image(*image, label, np.asarray(thresholds), areas) for image in images]
        objects = sum(count for *_, count in rows)
        if objects:
            scores = np.concatenate([scores for scores, *_ in rows])
            right, ignored = (np.concatenate([row[i] for row in rows], axis=1) for i in (1, 2))  # (T, answers)
            order = np.argsort(-scores, kind="stable")
            for t in range(len(thresholds)):
                counted = ~ignored[t, order]
                table[t, :, label] = _curve(right[t, order][counted], objects)
    return table


def _of_image(scores, guessed, boxes, labels, label, thresholds, areas):
    """Of one class in one image: (scores (A,) of the answers, right (T, A), ignored (T, A), how many objects count)."""
    answers = np.flatnonzero(guessed == label)
    answers = answers[np.argsort(-scores[answers], kind="stable")]
    objects = labels[labels[:, 0] == label, 1:].astype(np.float64)  # (G, 4)
    outside = ~_within(objects, areas)
    objects, outside = objects[np.argsort(outside, kind="stable")], np.sort(outside)  # those that count come first
    boxes = boxes[answers].astype(np.float64)
    overlap = iou(boxes[:, None], objects[None])  # (A, G)
    right = np.zeros((len(thresholds), len(answers)), bool)
    ignored = np.repeat(~_within(boxes, areas)[None], len(thresholds), axis=0)
    taken, every = np.zeros((len(thresholds), len(objects)), bool), np.arange(len(thresholds))
    for a in range(len(answers) if len(objects) else 0):
        fits = ~taken & (overlap[a] >= np.minimum(thresholds, 1 - 1e-10)[:, None])  # (T, G)
        counted = fits & ~outside
        fits = np.where(counted.any(axis=1, keepdims=True), counted, fits)
        best = len(objects) - 1 - np.where(fits, overlap[a], -1)[:, ::-1].argmax(axis=1)  # of equal ones, the last
        one = fits.any(axis=1)
        taken[every[one], best[one]] = True
        right[:, a], ignored[one, a] = one & ~outside[best], outside[best[one]]
    return scores[answers], right, ignored, int((~outside).sum())


def _within(boxes, areas):
    area = boxes[..., 2] * boxes[..., 3]
    return (area >= areas[0]) & (area <= areas[1])


def _curve(right, objects):
    """The highest precision at each recall or beyond, (101,)."""
    hits = np.cumsum(right)
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    at = np.searchsorted(hits / objects, RECALLS, side="left")
    return np.where(at < len(hits), precision[np.minimum(at, len(hits) - 1)], 0) if len(hits) else np.zeros(len(RECALLS))


def summary(found, labels, classes):
    """{"AP", "AP50", "AP75"}, each from 0 to 1, the mean over the classes that have objects; and AP for the smallest third of the
    objects, the middle and the largest, "AP_small", "AP_medium", "AP_large"."""
    table = precisions(found, labels, classes)
    result = {"AP": table, "AP50": table[0], "AP75": table[5]}
    there = labels[labels[..., 0] >= 0]
    area = there[:, 3].astype(np.float64) * there[:, 4]
    cuts = [0, *np.quantile(area, [1 / 3, 2 / 3], method="nearest"), np.inf]  # sizes of objects: no third is empty
    for name, low, high in zip(("small", "medium", "large"), cuts[:-1], cuts[1:], strict=True):
        result[f"AP_{name}"] = precisions(found, labels, classes, areas=(low, high))
    return {name: float(np.nanmean(values)) for name, values in result.items()}
