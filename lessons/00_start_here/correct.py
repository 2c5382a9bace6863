"""Other ways to write it."""

import numpy as np


def with_np_max(image):
    peak = np.max(image)
    return np.where(image == peak, image, 0)


def by_multiplying(image):
    return image * (image >= image.max())


def in_loops(image):
    peak = max(max(row) for row in image)
    left = np.zeros_like(image)
    for i, row in enumerate(image):
        for j, pixel in enumerate(row):
            if pixel == peak:
                left[i, j] = pixel
    return left


def through_argmax(image):
    peak = image.reshape(-1)[np.argmax(image)]
    left = image.copy()
    left[image < peak] = 0
    return left


CORRECT = {"brightest": [with_np_max, by_multiplying, in_loops, through_argmax]}
