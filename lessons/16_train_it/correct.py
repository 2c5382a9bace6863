"""Correct answers to lesson 16, written differently from the solution and from one another."""

import math

import numpy as np

from lessons import mine


def shift_into_zeros(images, pixels, rng):
    """Copies the part that stays."""
    shifted = np.zeros_like(images)
    _, height, width, _ = images.shape
    for i in range(len(images)):
        y, x = (int(n) for n in rng.integers(-pixels, pixels + 1, 2))
        rows, columns = slice(max(0, y), height + min(0, y)), slice(max(0, x), width + min(0, x))
        shifted[i, rows, columns] = images[i, max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    return shifted


def shift_by_indices(images, pixels, rng):
    """Rows and columns as indices into the padded images."""
    batch, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))
    top, left = rng.integers(0, 2 * pixels, (2, batch, 1), endpoint=True)
    rows, columns = top + np.arange(height), left + np.arange(width)
    return padded[np.arange(batch)[:, None, None], rows[:, :, None], columns[:, None]]


def shift_by_rolling(images, pixels, rng):
    """Rolls a padded image, where only zeros can come round."""
    inside = slice(pixels, -pixels or None)
    moved = []
    for image in images:
        move = tuple(rng.integers(-pixels, pixels + 1, 2))
        framed = np.pad(image, ((pixels, pixels), (pixels, pixels), (0, 0)))
        moved.append(np.roll(framed, move, (0, 1))[inside, inside])
    return np.array(moved)


def _loop(batches):
    """A training loop with its own way to take batches: batches(order, size)."""

    def train(parameters, sizes, images, labels, rng, epochs=70, batch_size=128, lr=4e-3, weight_decay=0.05,
              label_smoothing=0.1, shift=1):  # fmt: skip
        names = train.__globals__
        loss_of = names["smoothed_loss"](label_smoothing)
        mean, std = images.mean(), images.std()
        adam = names["mine"].AdamW(parameters, weight_decay)
        total = epochs * len(batches(np.arange(len(images)), batch_size))
        losses, step = [], 0
        for _ in range(epochs):
            for some in batches(rng.permutation(len(images)), batch_size):
                seen = (names["random_shift"](images[some], shift, rng) - mean) / std
                loss = loss_of(names["mine"].vit(parameters, seen.astype(np.float32), sizes), labels[some])
                for p in parameters.values():
                    p.grad = None
                loss.backward()
                adam.step(names["mine"].warmup_cosine(step, total, lr, math.ceil(total * 0.05), 1e-5))
                step += 1
                losses.append(loss.data.item())
        return [losses, float(mean), float(std)]

    return train


def _in_slices(order, size):
    return [order[start : start + size] for start in range(0, len(order), size)]


def _by_splitting(order, size):
    return np.split(order, range(size, len(order), size))


def _by_counting(order, size):
    return [order[n * size : (n + 1) * size] for n in range(-(-len(order) // size))]


def random_shift(images, pixels, rng):
    """What the loops above use when nothing stands in for it."""
    return shift_by_indices(images, pixels, rng)


def smoothed_loss(label_smoothing):
    """As in the lesson."""
    return mine.op(lambda logits, labels: mine.cross_entropy(logits, labels, label_smoothing))


def evaluate_by_list(parameters, sizes, images, labels, mean, std):
    """A list of comparisons."""
    right = []
    for start in range(0, len(images), 100):
        part = (images[start : start + 100] - mean) / std
        right.append(mine.vit(parameters, part, sizes).data.argmax(axis=1) == labels[start : start + 100])
    return float(np.concatenate(right).mean())


def evaluate_by_logits(parameters, sizes, images, labels, mean, std):
    """All logits first."""
    parts = np.array_split(images, max(1, math.ceil(len(images) / 200)))
    logits = np.concatenate([mine.vit(parameters, (part - mean) / std, sizes).data for part in parts])
    return np.mean(np.argmax(logits, axis=-1) == labels)


def evaluate_by_counting(parameters, sizes, images, labels, mean, std):
    """Normalises everything before, and counts with sum."""
    ready, count = (images - mean) / std, 0
    for start in range(0, len(ready), 256):
        answers = mine.vit(parameters, ready[start : start + 256], sizes).data.argmax(-1)
        count += np.count_nonzero(answers == labels[start : start + 256])
    return count / len(labels)


in_slices, by_splitting, by_counting = _loop(_in_slices), _loop(_by_splitting), _loop(_by_counting)
CORRECT = {
    "random_shift": [shift_into_zeros, shift_by_indices, shift_by_rolling],
    "train_vit": [in_slices, by_splitting, by_counting],
    "evaluate_vit": [evaluate_by_list, evaluate_by_logits, evaluate_by_counting],
}
