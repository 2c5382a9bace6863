"""Correct answers to lesson 10, written differently from the solution and from one another."""

import math

import numpy as np


def into_an_empty_array(x, cls_token, pos_embed):
    """An array of the right size, filled."""
    batch, count, dim = x.shape
    y = np.empty((batch, count + 1, dim), x.dtype)
    y[:, 0] = cls_token[0, 0]
    y[:, 1:] = x
    y += pos_embed

    def backward(dy):
        return dy[:, 1:].copy(), dy[:, :1].sum(axis=0, keepdims=True), dy.sum(axis=0)[None]

    return y, backward


def image_by_image(x, cls_token, pos_embed):
    """A loop over the batch."""
    y = np.stack([np.vstack([cls_token[0], image]) + pos_embed[0] for image in x])

    def backward(dy):
        dpos = np.zeros_like(pos_embed)
        for one in dy:
            dpos[0] += one
        return np.stack([one[1:] for one in dy]), dpos[:, 0:1], dpos

    return y, backward


def by_repeating(x, cls_token, pos_embed):
    """Repeats the class token with np.repeat, and adds the positions in two parts."""
    first = np.repeat(cls_token, len(x), axis=0) + pos_embed[:, :1]
    y = np.concatenate((first, x + pos_embed[:, 1:]), axis=1)

    def backward(dy):
        dfirst, dx = np.split(dy, [1], axis=1)
        dcls = dfirst.sum(axis=0, keepdims=True)
        return [dx, dcls, np.concatenate([dcls, dx.sum(axis=0, keepdims=True)], axis=1)]

    return y, backward


def by_meshgrid(rows, columns, dim):
    """Two grids of places."""
    speeds = np.geomspace(1, 1e-4, dim // 4)
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    down, across = row.reshape(-1, 1) * speeds, column.reshape(-1, 1) * speeds
    return np.hstack([np.sin(across), np.cos(across), np.sin(down), np.cos(down)])


def by_loops(rows, columns, dim):
    """Number by number."""
    count = dim // 4
    speeds = [math.exp(-math.log(10000) * f / (count - 1)) for f in range(count)]
    lines = []
    for r in range(rows):
        for c in range(columns):
            parts = [[f(place * s) for s in speeds] for place in (c, r) for f in (math.sin, math.cos)]
            lines.append(np.concatenate(parts))
    return np.array(lines)


def by_complex_numbers(rows, columns, dim):
    """A point on a circle is a complex number."""
    count = dim // 4
    speeds = 10000.0 ** (-np.arange(count) / (count - 1))
    result = np.empty((rows, columns, dim))
    across, down = (np.exp(1j * np.arange(n)[:, None] * speeds) for n in (columns, rows))
    result[..., : dim // 2] = np.concatenate([across.imag, across.real], axis=1)
    result[..., dim // 2 :] = np.concatenate([down.imag, down.real], axis=1)[:, None]
    return result.reshape(-1, dim)


CORRECT = {
    "embed_tokens": [into_an_empty_array, image_by_image, by_repeating],
    "sincos_positions": [by_meshgrid, by_loops, by_complex_numbers],
}
