"""Canvases: one to three digits, or clothes, on one ground, and the boxes around them. Made while training goes on, from the data
sets that come with minivit, so that no canvas is seen twice."""

import functools

import numpy as np

from .datasets import moments
from .scenes import NOTHING, Scenes

MOST = 3  # objects on a canvas
HEIGHTS = tuple(range(8, 15))  # pixels of an object's frame
TRIES = 30  # places that are tried for an object, until one is free
FAINT = 0.2  # of the brightest: what is darker is no part of an object
TESTS = 1000


def canvases(dataset, name, size):
    """The Scenes of size x size canvases from a Dataset of single things. Training canvases are made of its training images, test
    canvases, 1,000 of them and always the same, of its test images."""
    if size < HEIGHTS[-1] + 2:
        raise ValueError(f"canvases of {size} x {size} are too small for objects of {HEIGHTS[-1]} pixels: take 24 or more")
    compose = functools.partial(canvas, size=size)
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(dataset.test_images), size=TESTS)
    test_images, test_labels = compose(dataset.test_images[chosen], dataset.test_labels[chosen], rng)
    mean, std = moments(compose(dataset.train_images[:TESTS], dataset.train_labels[:TESTS], rng)[0])
    train = dataset.train_images, dataset.train_labels
    return Scenes(name, dataset.classes, *train, test_images, test_labels, mean, std, compose)


def canvas(things, labels, rng, size):
    """As many canvases as things (B, h, w, C): (images (B, size, size, C), labels (B, 3, 5)). Canvas i shows thing i, and none,
    one or two others of the same batch, each in a random height. No two frames overlap; a box touches the thing itself."""
    batch, channels = len(things), things.shape[3]
    images, found = np.zeros((batch, size, size, channels), np.float32), np.zeros((batch, MOST, 5), np.float32)
    found[..., 0] = NOTHING
    count = rng.integers(1, MOST + 1, batch)
    which = np.concatenate([np.arange(batch)[:, None], rng.integers(batch, size=(batch, MOST - 1))], axis=1)  # (B, 3)
    heights = rng.choice(HEIGHTS, (batch, MOST))
    tops_and_lefts = rng.random((batch, MOST, TRIES, 2))
    frames = np.full((batch, MOST, 4), -2 * size)  # top, left, bottom, right of what is there already
    for j in range(MOST):
        high = heights[:, j]
        places = (tops_and_lefts[:, j] * (size + 1 - high)[:, None, None]).astype(int)  # (B, tries, 2)
        ends = places + high[:, None, None]
        apart = (ends[:, :, None] <= frames[:, None, :, :2]) | (places[:, :, None] >= frames[:, None, :, 2:])
        free = apart.any(axis=-1).all(axis=-1) & (j < count)[:, None]  # (B, tries)
        first = free.argmax(axis=1)
        for height in HEIGHTS:
            rows = np.flatnonzero((high == height) & free.any(axis=1))
            shown = resized(things[which[rows, j]], height)
            for row, thing in zip(rows, shown, strict=True):
                top, left = places[row, first[row]]
                images[row, top : top + height, left : left + height] = thing
                frames[row, j] = top, left, top + height, left + height
                found[row, j] = labels[which[row, j]], *_box(thing, top, left, size)
    return images, found


def _box(thing, top, left, size):
    """(cx, cy, w, h) around what is bright, in fractions of a canvas."""
    bright = thing.max(axis=-1) > FAINT * thing.max()
    (y0, y1), (x0, x1) = (np.flatnonzero(bright.any(axis=axis))[[0, -1]] + (0, 1) for axis in (1, 0))
    y0, y1, x0, x1 = y0 + top, y1 + top, x0 + left, x1 + left
    return (x0 + x1) / 2 / size, (y0 + y1) / 2 / size, (x1 - x0) / size, (y1 - y0) / size


def resized(things, height):
    """Square things (B, h, h, C) at another height: each new pixel a mean of those around its place."""
    rows = _weights(things.shape[1], height)
    return np.einsum("ih,bhwc,jw->bijc", rows, things, rows, optimize=True)


@functools.cache
def _weights(old, new):
    """(new, old): linear between neighbours, over more of them where it shrinks."""
    scale = old / new
    places = (np.arange(new) + 0.5) * scale - 0.5
    weights = np.maximum(1 - np.abs(places[:, None] - np.arange(old)) / max(1, scale), 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
