"""Augmentation: small changes, drawn anew for every image of every batch. `rng` is always a numpy Generator: its numbers are
drawn on the host and travel once, so that a GPU sees the same images as a CPU."""

import numpy as np

from ..backend import array_module
from ..checks import check_labels, generator, number, whole

FURTHEST = 1_000_000  # pixels; no image is larger


def _check(images, rng):
    shape = getattr(images, "shape", None)
    if shape is None or len(shape) != 4:
        found = type(images).__name__ if shape is None else f"shape {tuple(shape)}"
        raise ValueError(f"images must be an array (batch, height, width, channels); got {found}")
    generator("rng", rng)


def _check_floats(name, images, rng):
    _check(images, rng)
    if images.dtype.kind != "f":
        raise ValueError(f"{name} needs images of floating-point numbers; got dtype {images.dtype}")


def shift(images, pixels, rng):
    """Moves each image of (B, H, W, C) by its own whole number of pixels, from -`pixels` to +`pixels`, down and across.
    What moves in from outside is 0, black. This is the random crop of an image padded with so many zeros on every side."""
    pixels = whole("shift", pixels, 0, FURTHEST)
    _check(images, rng)
    if pixels == 0:
        return images
    xp = array_module(images)
    batch, height, width, _ = images.shape
    margin = min(pixels, max(height, width))  # an image that moves further is out of sight all the same
    padded = xp.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    starts = xp.asarray(np.clip(rng.integers(0, 2 * pixels + 1, (batch, 2)) - pixels, -margin, margin) + margin)
    rows = starts[:, :1] + xp.arange(height)  # (B, H), the row of `padded` that each row comes from
    columns = starts[:, 1:] + xp.arange(width)  # (B, W)
    return padded[xp.arange(batch)[:, None, None], rows[:, :, None], columns[:, None, :]]


def flip(images, rng):
    """Mirrors each image of (B, H, W, C) left to right with probability 1/2: for photographs. A mirrored 3 is no digit."""
    _check(images, rng)
    xp = array_module(images)
    mirrored = xp.asarray(rng.random(len(images)) < 0.5)
    return xp.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def rotate(images, degrees, rng):
    """Turns each image of (B, H, W, C) about its centre by its own angle, from -`degrees` to +`degrees`. A pixel is the mean of
    the four between which it comes to lie, each by its nearness; what turns in from outside is 0."""
    degrees = number("rotate", degrees)
    _check_floats("rotate", images, rng)
    if degrees == 0:
        return images
    xp = array_module(images)
    batch, height, width, _ = images.shape
    angle = np.radians(rng.uniform(-degrees, degrees, batch))
    cos, sin = (xp.asarray(turn(angle)).reshape(-1, 1, 1) for turn in (np.cos, np.sin))
    y, x = xp.arange(height).reshape(-1, 1) - (height - 1) / 2, xp.arange(width) - (width - 1) / 2
    rows, columns = cos * y - sin * x + (height - 1) / 2, sin * y + cos * x + (width - 1) / 2  # (B, H, W), where each comes from
    top, left = xp.floor(rows), xp.floor(columns)
    padded = xp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    turned = xp.zeros_like(images)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        near = (1 - abs(rows - top - down)) * (1 - abs(columns - left - right))
        i = xp.clip(top + down + 1, 0, height + 1).astype(np.int64)
        j = xp.clip(left + right + 1, 0, width + 1).astype(np.int64)
        turned += near[..., None].astype(images.dtype) * padded[xp.arange(batch)[:, None, None], i, j]
    return turned


def thickness(images, amount, rng):
    """Makes the light strokes of each image of (B, H, W, C) thicker or thinner, by its own share t from -`amount` to +`amount`:

        x + t (largest - x) where t > 0,    x + |t| (smallest - x) where t < 0

    of a pixel x, and the largest and smallest of itself and its four neighbours. At 1 a stroke grows by a pixel on each side."""
    amount = number("thickness", amount)
    _check_floats("thickness", images, rng)
    if amount == 0:
        return images
    xp = array_module(images)
    t = xp.asarray(rng.uniform(-amount, amount, len(images)).reshape(-1, 1, 1, 1)).astype(images.dtype)
    padded = xp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    largest = smallest = images
    for near in (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]):
        largest, smallest = xp.maximum(largest, near), xp.minimum(smallest, near)
    return images + xp.maximum(t, 0) * (largest - images) + xp.maximum(-t, 0) * (smallest - images)


def contrast(images, amount, rng):
    """Raises the values of each image of (B, H, W, C), from 0 to 1, to a power of its own between 1 / (1 + `amount`) and
    1 + `amount`: the greys become lighter or darker, black and white stay."""
    amount = number("contrast", amount)
    _check_floats("contrast", images, rng)
    if amount == 0:
        return images
    xp = array_module(images)
    power = np.exp(rng.uniform(-1, 1, len(images)) * np.log1p(amount)).reshape(-1, 1, 1, 1)
    return images ** xp.asarray(power).astype(images.dtype)


def augmented(images, recipe, rng):
    """The images (B, H, W, C) changed as a Recipe says, but for mixup. What is 0 there draws nothing from rng."""
    images = shift(images, recipe.shift, rng)
    images = flip(images, rng) if recipe.flip else images
    for change, amount in ((rotate, recipe.rotate), (thickness, recipe.thickness), (contrast, recipe.contrast)):
        images = change(images, amount, rng) if amount else images
    return images


def mixup(images, labels, classes, alpha, rng):
    """(images, targets): each image of (B, H, W, C) mixed with a partner from the same batch, and so their labels
    (Zhang et al. 2018, arXiv 1710.09412). With l drawn from Beta(alpha, alpha) for each image, and e its label as a row of
    zeros with a single one:

        image = l image_i + (1 - l) image_j,    target = l e_i + (1 - l) e_j

    labels (B,) of whole numbers; targets (B, classes) in float32, what cross_entropy takes for labels. The partners are a
    permutation of the batch: each image is a partner once. A small alpha mixes most images hardly at all, 1 mixes in all
    shares alike; 0 mixes nothing. Labels given as a host array are checked.
    """
    alpha = number("alpha of mixup", alpha)
    classes = whole("classes", classes, 1)
    _check_floats("mixup", images, rng)
    xp, batch = array_module(images), len(images)
    if array_module(labels) is np:
        check_labels(labels, batch, classes)
        labels = xp.asarray(labels)
    one_hot = (labels[:, None] == xp.arange(classes)).astype(np.float32)
    if alpha == 0:
        return images, one_hot
    drawn = xp.asarray(np.stack([rng.beta(alpha, alpha, batch), rng.permutation(batch)]))  # together: one copy to a GPU
    share, partner = drawn[0], drawn[1].astype(np.int64)

    def mixed(x):
        own = share.astype(x.dtype).reshape(batch, *[1] * (x.ndim - 1))
        return own * x + (1 - own) * x[partner]

    return mixed(images), mixed(one_hot)
