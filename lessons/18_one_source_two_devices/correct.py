"""Correct answers to lesson 18, written differently from the solution and from one another."""

import numpy as np

from minivit.backend import array_module, to_host

# softmax_loss


def by_comparing(logits, labels):
    """No index at all: a table of True and False."""
    xp = array_module(labels)
    classes = xp.arange(logits.shape[-1])  # (K,)
    wanted = labels[:, None] == classes  # (B, K)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_total = xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))
    log_p = shifted - log_total
    loss = -xp.where(wanted, log_p, 0).sum(axis=-1).mean()
    return loss, (xp.exp(log_p) - wanted) / logits.dtype.type(len(labels))


def numpy_asks(logits, labels):
    """np. wherever there is an array to ask."""
    e = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    p = e / np.sum(e, axis=-1, keepdims=True)
    slopes = np.copy(p)
    rows = np.cumsum(np.ones_like(labels)) - 1  # (B,)
    slopes[rows, labels] -= 1
    shifted = logits - logits.max(axis=-1, keepdims=True)
    right = np.take_along_axis(shifted, labels[:, None], axis=-1)
    return [np.mean(np.log(np.sum(e, axis=-1)) - right[:, 0]), slopes / len(labels)]


def by_adding(logits, labels):
    """The one is taken off with add.at."""
    xp = array_module(logits)
    largest = logits.max(axis=-1)
    e = xp.exp(logits - largest[..., None])
    total = e.sum(axis=-1)
    slopes = e / (total * len(labels))[:, None]
    rows = xp.arange(logits.shape[0])
    xp.add.at(slopes, (rows, labels), -1 / len(labels))
    return (largest + xp.log(total) - logits[rows, labels]).sum() / len(labels), slopes


# step


def with_where(weight, bias, images, labels, lr, clip=1.0):
    """The factor chosen by where."""
    xp = array_module(weight)
    scores = xp.matmul(images, weight) + bias
    loss, slopes = softmax_loss(scores, labels)  # noqa: F821
    gradients = [images.T @ slopes, xp.sum(slopes, axis=0)]
    norm = sum((g**2).sum() for g in gradients) ** 0.5
    factor = xp.where(norm > clip, clip / xp.where(norm > clip, norm, 1), 1).astype(weight.dtype)
    weight, bias = (p - lr * (factor * g) for p, g in zip((weight, bias), gradients, strict=True))
    return weight, bias, loss, xp.count_nonzero(scores.argmax(axis=1) == labels)


def with_norms_of_norms(weight, bias, images, labels, lr, clip=1.0):
    """The norm of both, joined into one long array."""
    xp = array_module(images)
    scores = images.dot(weight) + bias[None]
    loss, slopes = softmax_loss(scores, labels)  # noqa: F821
    dweight, dbias = images.swapaxes(0, 1) @ slopes, slopes.sum(axis=0)
    norm = xp.linalg.norm(xp.concatenate([dweight.reshape(-1), dbias]))
    shrink = 1 / xp.maximum(norm / clip, 1)
    return [weight - lr * (dweight * shrink), bias - lr * (dbias * shrink), loss, xp.sum(xp.argmax(scores, axis=-1) == labels)]


def with_one_table(weight, bias, images, labels, lr, clip=1.0):
    """Weight and bias as one table, with a column of ones beside the images."""
    xp = array_module(bias)
    both = xp.concatenate([weight, bias[None]])  # (D + 1, K)
    wider = xp.concatenate([images, xp.ones((len(images), 1), images.dtype)], axis=1)  # (B, D + 1)
    scores = wider @ both
    loss, slopes = softmax_loss(scores, labels)  # noqa: F821
    slope = wider.T @ slopes
    norm = xp.sqrt(xp.square(slope).sum())
    both = both - lr * slope * xp.minimum(1, clip / xp.maximum(norm, 1e-12))
    hits = (xp.argmax(scores, axis=-1) == labels).astype(loss.dtype).sum()
    return both[:-1], both[-1], loss, hits


# epoch


def shuffled_at_home(weight, bias, images, labels, rng, lr, batch_size):
    """Put into order on the host, sent as a whole, and cut there."""
    xp = array_module(weight)
    order = rng.permutation(len(images))
    images, labels = xp.asarray(images[order]), xp.asarray(labels[order])
    losses, hits = xp.zeros(()), xp.zeros(())
    for start in range(0, len(images), batch_size):
        here = slice(start, start + batch_size)
        weight, bias, loss, right = step(weight, bias, images[here], labels[here], lr)  # noqa: F821
        losses += loss * len(labels[here])
        hits += right
    return [weight, bias, (losses / len(images)).item(), float(hits / len(images))]


def lists_of_arrays(weight, bias, images, labels, rng, lr, batch_size):
    """Keeps the arrays of all steps, and puts them together at the end."""
    xp = array_module(bias)
    count, order = len(labels), xp.array(rng.permutation(len(labels)))
    images, labels, losses, hits = xp.array(images), xp.array(labels), [], []
    start = 0
    while start < count:
        chosen = order[start : start + batch_size]
        weight, bias, *found = step(weight, bias, images[chosen], labels[chosen], lr)  # noqa: F821
        losses.append(found[0] * chosen.size)
        hits.append(found[1])
        start += batch_size
    return weight, bias, sum(to_host(xp.stack(losses)).tolist()) / count, int(xp.stack(hits).sum()) / count


def both_in_one(weight, bias, images, labels, rng, lr, batch_size):
    """The two numbers come back as one array."""
    xp = array_module(weight)
    count = len(images)
    order = xp.asarray(rng.permutation(count))
    images, labels = xp.asarray(images)[order], xp.asarray(labels)[order]
    told = xp.zeros(2, weight.dtype)
    for start in range(0, count, batch_size):
        x, t = images[start : start + batch_size], labels[start : start + batch_size]
        weight, bias, loss, hits = step(weight, bias, x, t, lr)  # noqa: F821
        told = told + xp.stack([loss * len(t), hits.astype(loss.dtype)])
    mean, share = (to_host(told) / count).tolist()
    return weight, bias, mean, share


# seconds_of


def warm_twice(function, clock, synchronize, repeats=10):
    """Two calls before, to be sure."""
    function()
    function()
    synchronize()
    begun, left = clock(), repeats
    while left:
        function()
        left -= 1
    synchronize()
    return (clock() - begun) / repeats


def waits_more(function, clock, synchronize, repeats=10):
    """Waits before the first call as well, and looks at the clock more often than needed."""
    synchronize()
    clock()
    function()
    synchronize()
    before = clock()
    [function() for _ in range(repeats)]
    synchronize()
    after = clock()
    return np.float64(after - before) / repeats


def a_function_inside(function, clock, synchronize, repeats=10):
    """One helper for both."""

    def calls(count):
        for _ in range(count):
            function()
        synchronize()
        return clock()

    return -(calls(1) - calls(repeats)) / repeats


CORRECT = {
    "softmax_loss": [by_comparing, numpy_asks, by_adding],
    "step": [with_where, with_norms_of_norms, with_one_table],
    "epoch": [shuffled_at_home, lists_of_arrays, both_in_one],
    "seconds_of": [warm_twice, waits_more, a_function_inside],
}
