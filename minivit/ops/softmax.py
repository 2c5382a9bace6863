"""From scores to probabilities: softmax, its logarithm, and the cross-entropy loss of a classifier."""

import numpy as np

from ..backend import array_module
from ..engine import op
from . import cuda


def _softmax(x, axis):
    """softmax(x) = softmax(x - c) for any number c; with the largest entry as c, exp cannot overflow."""
    xp = array_module(x)
    e = xp.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@op
def softmax(x, axis=-1):
    """p_i = exp(x_i) / sum_j exp(x_j) along one axis.

    dp_i / dx_j = p_i (1 if i = j else 0) - p_i p_j: raising one score raises its own probability and lowers all others.
    Summed over i with the upstream gradient:

        dx_j = sum_i dy_i dp_i/dx_j = p_j * (dy_j - sum_i dy_i p_i)
    """
    if array_module(x) is not np and axis in (-1, x.ndim - 1) and x.size:
        return cuda.softmax(x)
    p = _softmax(x, axis)

    def backward(dy):
        return p * (dy - (dy * p).sum(axis=axis, keepdims=True))

    return p, backward


@op
def log_softmax(x, axis=-1):
    """y_i = x_i - ln sum_j exp(x_j), which stays exact where softmax would round to 0.

    dx_j = dy_j - p_j * sum_i dy_i,   p = softmax(x) = exp(y)
    """
    xp = array_module(x)
    shifted = x - x.max(axis=axis, keepdims=True)
    y = shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))

    def backward(dy):
        return dy - xp.exp(y) * dy.sum(axis=axis, keepdims=True)

    return y, backward


def check_labels(labels, batch, classes):
    """Labels are whole numbers from 0 to classes - 1, one an image; otherwise a ValueError names the first that is not."""
    labels = np.asarray(labels)
    if labels.shape != (batch,) or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be {batch} whole numbers, one an image; got shape {labels.shape} and dtype {labels.dtype}")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise ValueError(f"labels[{wrong[0]}] is {labels[wrong[0]]}, but with {classes} classes a label is 0 to {classes - 1}")


@op
def cross_entropy(logits, labels, label_smoothing=0.0):
    """The mean over the batch of -sum_k t_k ln p_k, with p = softmax(logits): logits (B, K), labels (B,) of whole numbers.

    t is the target distribution: 1 - s + s/K for the label and s/K for every other class, s = label_smoothing
    (Szegedy et al. 2016, arXiv 1512.00567). Softmax and logarithm in one, the gradient becomes the plainest of all:

        d loss / d logits = (p - t) / B

    Labels given as a host array are checked: a ValueError names the first that is no class.
    """
    batch, classes = logits.shape
    xp = array_module(logits)
    if array_module(labels) is np:
        check_labels(labels, batch, classes)
        labels = xp.asarray(labels)
    if xp is not np:
        return cuda.cross_entropy(logits, labels, label_smoothing)
    rows = xp.arange(batch)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))  # (B, K)
    loss = -(1 - label_smoothing) * log_p[rows, labels].mean()
    if label_smoothing:
        loss = loss - label_smoothing * log_p.mean()

    def backward(dy):
        p = xp.exp(log_p)
        p -= label_smoothing / classes
        p[rows, labels] -= 1 - label_smoothing
        return p * (dy / batch), None

    return loss, backward
