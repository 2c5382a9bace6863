"""Connected pieces of ink, and which of them are one digit."""

from itertools import pairwise

import numpy as np


def grown(mask, steps):
    """The mask with so many pixels more on every side."""
    for _ in range(steps):
        padded = np.pad(mask, 1)
        rows = padded[:-2] | padded[1:-1] | padded[2:]
        mask = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return mask


def blobs(mask):
    """(labels (H, W), 0 where the mask is not; how many). Pixels that touch, at a corner too, have one label."""
    starts, ends, rows = [], [], []
    for y, row in enumerate(np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)):
        first, last = np.flatnonzero(row == 1), np.flatnonzero(row == -1)
        starts += first.tolist()
        ends += last.tolist()
        rows += [y] * len(first)
    parent = list(range(len(starts)))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    above = 0  # the first run of the row above that may still touch
    for i, y in enumerate(rows):
        while above < i and (rows[above] < y - 1 or (rows[above] == y - 1 and ends[above] < starts[i])):
            above += 1
        j = above
        while j < i and rows[j] == y - 1 and starts[j] <= ends[i]:
            parent[root(j)] = root(i)
            j += 1
    labels, numbers = np.zeros(mask.shape, np.int32), {}
    for i, y in enumerate(rows):
        labels[y, starts[i] : ends[i]] = numbers.setdefault(root(i), len(numbers) + 1)
    return labels, len(numbers)


class Piece:
    """A blob: its pixels' number, and its box."""

    def __init__(self, label, rows, columns):
        self.label, self.area = label, len(rows)
        self.top, self.bottom, self.left, self.right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        self.height, self.width = self.bottom - self.top, self.right - self.left
        self.size = max(self.height, self.width)

    def gap(self, other):
        """(across, down): how far the boxes are apart; below 0 where they overlap."""
        across = max(self.left, other.left) - min(self.right, other.right)
        return across, max(self.top, other.top) - min(self.bottom, other.bottom)


def pieces_of(mask, reach=1):
    """(labels (H, W), [Piece]) of the mask; what is no more than 2 `reach` pixels apart is one."""
    labels, count = blobs(grown(mask, reach))
    where = np.nonzero(labels * mask)
    order = np.argsort(labels[where], kind="stable")
    rows, columns = where[0][order], where[1][order]
    bounds = np.searchsorted(labels[where][order], np.arange(1, count + 2))
    return labels, [Piece(i + 1, rows[a:b], columns[a:b]) for i, (a, b) in enumerate(pairwise(bounds))]


def without_ring(mask):
    """The mask without what runs around nearly the whole picture, if a digit's worth of ink is within."""
    labels, pieces = pieces_of(mask)
    height, width = mask.shape
    for ring in pieces:
        large = ring.height > 0.75 * height and ring.width > 0.75 * width and ring.area < 0.3 * ring.height * ring.width
        if large and any(p is not ring and p.size > 0.07 * max(height, width) and p.area > 20 for p in pieces):
            return mask & (labels != ring.label)
    return mask


def one_digit(ink, refusal):
    """(the ink (h, w) of the one digit, nothing else's, cut to it; its box (left, top, right, bottom)). ink (H, W), about 1 in a
    stroke. Raises refusal(sentence) where there is no digit, or more than one."""
    mask = ink > 0.45
    labels, pieces = pieces_of(mask)
    pieces = _without_surroundings(pieces)
    if not pieces:
        raise refusal("there is no ink on it")
    main = max(pieces, key=lambda p: p.area * p.size)
    if main.size < 5 or main.area < 6:
        raise refusal("there is no ink on it that could be a digit, only specks")
    if sum(0.4 * main.size < p.size for p in pieces) > 12 or (len(pieces) > 40 and main.area < 0.2 * sum(p.area for p in pieces)):
        raise refusal("there are too many marks on it to find a digit among them")
    several = [p for p in pieces if p is not main and _another(main, p)]
    if several:
        raise refusal(f"there are {len(several) + 1} things on it, side by side: cut it to one digit")
    kept = [main]
    for piece in sorted(pieces, key=lambda p: -p.area):
        if piece is not main and _belongs(main, piece):
            kept.append(piece)
    left, top = min(p.left for p in kept), min(p.top for p in kept)
    right, bottom = max(p.right for p in kept), max(p.bottom for p in kept)
    if right - left > 1.9 * (bottom - top):
        raise refusal("what is on it is far wider than a digit: cut it to one")
    own = np.isin(labels, [p.label for p in kept])
    return np.where(own, ink, 0)[top:bottom, left:right], (int(left), int(top), int(right), int(bottom))


def _without_surroundings(pieces):
    """Without what is drawn around something of a digit's size: a circle, a frame."""

    def around(outer, inner):
        inside = outer.left < inner.left and outer.right > inner.right and outer.top < inner.top and outer.bottom > inner.bottom
        return inside and inner.size > 0.3 * outer.size and outer.area < 0.4 * outer.width * outer.height

    return [p for p in pieces if not any(around(p, other) for other in pieces if other is not p)]


def _another(main, piece):
    """Whether a piece is a digit of its own: about as tall, and clearly apart. The bar of a 5 or 7, and the parts of a broken
    stroke, are small or near."""
    across, down = main.gap(piece)
    tall = piece.height > 0.5 * main.height
    beside = across > 0.1 * main.height and tall
    below = down > 0.2 * main.height and tall and across < 0
    return bool(beside or below)


def _belongs(main, piece):
    """Whether a smaller piece is a part of the digit: large enough to be a stroke, and near."""
    across, down = main.gap(piece)
    near = max(across, down) < 0.22 * main.size
    return bool(
        near and (piece.size > 0.22 * main.size or (max(across, down) < 0.06 * main.size and piece.area > 0.02 * main.area))
    )
