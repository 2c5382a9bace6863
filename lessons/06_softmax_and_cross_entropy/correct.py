"""Correct answers, written in other ways than the solution. The checker must accept every one of them."""

import numpy as np


def softmax_with_the_table(x, axis=-1):
    """Forms the whole Jacobian, K x K for each row."""
    rows = np.moveaxis(x, axis, -1)
    e = np.exp(rows - np.max(rows, axis=-1, keepdims=True))
    p = e / np.sum(e, axis=-1)[..., None]

    def backward(dy):
        own = np.einsum("...i,ij->...ij", p, np.eye(p.shape[-1], dtype=p.dtype))
        jacobian = own - np.einsum("...i,...j->...ij", p, p)
        return np.moveaxis(np.einsum("...i,...ij->...j", np.moveaxis(dy, axis, -1), jacobian), -1, axis)

    return np.moveaxis(p, -1, axis), backward


def softmax_in_loops(x, axis=-1):
    """Row by row, score by score."""
    p = np.zeros_like(x)
    rows, chances = np.moveaxis(x, axis, -1), np.moveaxis(p, axis, -1)  # chances is a view into p
    for place in np.ndindex(*rows.shape[:-1]):
        largest = max(rows[place])
        total = sum(np.exp(score - largest) for score in rows[place])
        for i, score in enumerate(rows[place]):
            chances[(*place, i)] = np.exp(score - largest) / total

    def backward(dy):
        dx = np.zeros_like(x)
        above, below = np.moveaxis(dy, axis, -1), np.moveaxis(dx, axis, -1)
        for place in np.ndindex(*rows.shape[:-1]):
            row = chances[place]
            for j in range(len(row)):
                for i in range(len(row)):
                    slope = row[i] * (1 - row[i]) if i == j else -row[i] * row[j]
                    below[(*place, j)] += above[(*place, i)] * slope
        return dx

    return p, backward


def softmax_by_logarithms(x, axis=-1):
    """p = exp(x - ln sum exp x), and the two terms of the gradient one by one."""
    log_sum = np.logaddexp.reduce(x, axis=axis, keepdims=True)
    p = np.exp(x - log_sum)

    def backward(dy):
        weighted = p * dy
        return weighted - p * weighted.sum(axis=axis, keepdims=True)

    return p, backward


def softmax_row_function(x, axis=-1):
    """One row at a time through apply_along_axis."""

    def one_row(row):
        e = np.exp(row - row.max())
        return e / e.sum()

    p = np.apply_along_axis(one_row, axis, x)

    def backward(dy):
        mean = np.expand_dims(np.sum(p * dy, axis=axis), axis)
        return np.multiply(np.subtract(dy, mean), p)

    return p, backward


def cross_entropy_by_index(logits, labels, label_smoothing=0.0):
    """The label's logarithm picked by index; the smoothing as a mean over all entries."""
    batch, classes = logits.shape
    rows = np.arange(batch)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    loss = -(1 - label_smoothing) * log_p[rows, labels].mean() - label_smoothing * log_p.mean()

    def backward(dy):
        dlogits = np.exp(log_p) - label_smoothing / classes
        dlogits[rows, labels] -= 1 - label_smoothing
        return dlogits / batch * dy, None

    return loss, backward


def cross_entropy_by_log_sum(logits, labels, label_smoothing=0.0):
    """The loss as the mean of ln sum exp(x) minus the mean score under the target: no log_p at all."""
    batch, classes = logits.shape
    t = np.eye(classes, dtype=logits.dtype)[labels] * (1 - label_smoothing) + label_smoothing / classes
    log_sum = np.logaddexp.reduce(logits, axis=1)
    loss = np.mean(log_sum - np.einsum("bk,bk->b", t, logits))

    def backward(dy):
        p = np.exp(logits - log_sum[:, None])
        return dy * p / batch - dy * t / batch, None

    return loss, backward


def cross_entropy_in_loops(logits, labels, label_smoothing=0.0):
    """Image by image, class by class."""
    batch, classes = logits.shape
    p, t = np.zeros_like(logits), np.zeros_like(logits)
    total = 0.0
    for b in range(batch):
        largest = float(max(logits[b]))
        below = sum(np.exp(float(score) - largest) for score in logits[b])
        for k in range(classes):
            log_p = float(logits[b, k]) - largest - np.log(below)
            t[b, k] = label_smoothing / classes + (1 - label_smoothing) * (labels[b] == k)
            p[b, k] = np.exp(log_p)
            total -= float(t[b, k]) * log_p

    def backward(dy):
        dlogits = np.empty_like(logits)
        for b in range(batch):
            for k in range(classes):
                dlogits[b, k] = float(dy) * (float(p[b, k]) - float(t[b, k])) / batch
        return dlogits, None

    return logits.dtype.type(total / batch), backward


def cross_entropy_through_log_softmax(logits, labels, label_smoothing=0.0):
    """Backwards in two steps: through the sum with t, then through the logarithm of softmax. Gives a 0-d array."""
    batch, classes = logits.shape
    t = np.where(np.arange(classes) == labels[:, None], 1 - label_smoothing, 0) + label_smoothing / classes
    t = t.astype(logits.dtype)
    largest = logits.max(axis=1)[:, None]
    log_p = logits - largest - np.log(np.exp(logits - largest).sum(axis=1))[:, None]

    def backward(dy):
        dlog_p = -t * dy / batch
        return dlog_p - np.exp(log_p) * dlog_p.sum(axis=1, keepdims=True), None

    return np.array(-np.einsum("bk,bk->", t, log_p) / batch, dtype=logits.dtype), backward


CORRECT = {
    "softmax": [softmax_with_the_table, softmax_in_loops, softmax_by_logarithms, softmax_row_function],
    "cross_entropy": [
        cross_entropy_by_index,
        cross_entropy_by_log_sum,
        cross_entropy_in_loops,
        cross_entropy_through_log_softmax,
    ],
}
