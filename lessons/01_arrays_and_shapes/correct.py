"""Other ways to write it, three for each puzzle."""

import math

import numpy as np


def patch_in_two_cuts(image, row, column, size):
    rows = image[size * row :][:size]
    return rows[:, size * column :][:, :size]


def patch_in_loops(image, row, column, size):
    top, left = row * size, column * size
    return np.array([[image[top + i, left + j] for j in range(size)] for i in range(size)])


def patch_from_the_grid(image, row, column, size):
    height, width = image.shape
    grid = image.reshape(height // size, size, width // size, size)
    return grid[row, :, column]


def average_by_sum(images):
    return images.sum(axis=0) / len(images)


def average_in_a_loop(images):
    total = np.zeros_like(images[0])
    for image in images:
        total = total + image
    return total / len(images)


def average_einsum(images):
    return np.einsum("bhw->hw", images) / images.shape[0]


def gaps_short(positions):
    return positions - positions[:, None]


def gaps_in_loops(positions):
    return np.array([[there - here for there in positions] for here in positions])


def gaps_subtract_outer(positions):
    return np.subtract.outer(positions, positions).T


def gaps_tiled(positions):
    tokens = len(positions)
    return np.tile(positions, (tokens, 1)) - np.repeat(positions, tokens).reshape(tokens, tokens)


def rows_with_none(weights):
    return weights / weights.sum(axis=-1)[:, None]


def rows_turned(weights):
    return (weights.T / weights.T.sum(axis=0)).T


def rows_in_a_loop(weights):
    return np.stack([row / row.sum() for row in weights])


def strip_hstack(images):
    return np.hstack(list(images))


def strip_swapped(images):
    return np.swapaxes(images, 0, 1).reshape(images.shape[1], -1)


def strip_in_a_loop(images):
    batch, height, width = images.shape
    strip = np.empty((height, batch * width), dtype=images.dtype)
    for b in range(batch):
        strip[:, b * width : (b + 1) * width] = images[b]
    return strip


def blend_einsum(weights, values):
    return np.einsum("tn,nd->td", weights, values)


def blend_broadcast(weights, values):
    return (weights[:, :, None] * values[None]).sum(axis=1)


def blend_in_loops(weights, values):
    return np.array([sum(w * v for w, v in zip(row, values, strict=True)) for row in weights])


def blend_turned(weights, values):
    return (values.T @ weights.T).T


def picked_take_along_axis(scores, labels):
    return np.take_along_axis(scores, labels[:, None], axis=1)[:, 0]


def picked_in_a_loop(scores, labels):
    return np.array([row[label] for row, label in zip(scores, labels, strict=True)])


def picked_with_a_mask(scores, labels):
    mask = np.arange(scores.shape[1]) == labels[:, None]
    return scores[mask]


def picked_diagonal(scores, labels):
    return np.diagonal(scores[:, labels]).copy()


def scaled_by_power(scores, width):
    return scores * width**-0.5


def scaled_in_the_dtype(scores, width):
    return scores / np.sqrt(scores.dtype.type(width))


def scaled_copy(scores, width):
    scaled = scores.copy()
    scaled /= math.sqrt(width)
    return scaled


CORRECT = {
    "one_patch": [patch_in_two_cuts, patch_in_loops, patch_from_the_grid],
    "average_image": [average_by_sum, average_in_a_loop, average_einsum],
    "gap_table": [gaps_short, gaps_in_loops, gaps_subtract_outer, gaps_tiled],
    "rows_sum_to_one": [rows_with_none, rows_turned, rows_in_a_loop],
    "side_by_side": [strip_hstack, strip_swapped, strip_in_a_loop],
    "blend": [blend_einsum, blend_broadcast, blend_in_loops, blend_turned],
    "picked": [picked_take_along_axis, picked_in_a_loop, picked_with_a_mask, picked_diagonal],
    "scale_scores": [scaled_by_power, scaled_in_the_dtype, scaled_copy],
}
