"""Random shifts, held to a slow loop that moves one pixel at a time."""

import numpy as np
import pytest

from minivit.data import shift

rng = np.random.default_rng(0)
IMAGES = rng.uniform(1, 2, (6, 5, 7, 2)).astype(np.float32)  # nowhere 0, so that what moved in from outside shows


def moved(image, down, right):
    """`image` (H, W, C) moved by whole pixels, pixel by pixel; 0 where nothing came from."""
    result = np.zeros_like(image)
    height, width, _ = image.shape
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                result[i, j] = image[i - down, j - right]
    return result


def moves_of(image, result, furthest):
    """Every (down, right) up to `furthest` that makes `result` of `image`."""
    steps = range(-furthest, furthest + 1)
    return [(down, right) for down in steps for right in steps if np.array_equal(moved(image, down, right), result)]


def test_0_pixels_change_nothing():
    assert np.array_equal(shift(IMAGES, 0, np.random.default_rng(0)), IMAGES)


@pytest.mark.parametrize("pixels", [1, 2, 4])
def test_every_image_is_moved_whole_and_never_further_than_asked(pixels):
    for image, result in zip(IMAGES, shift(IMAGES, pixels, np.random.default_rng(0)), strict=True):
        assert len(moves_of(image, result, furthest=pixels)) == 1


def test_all_the_moves_are_drawn_up_to_the_furthest_in_both_directions():
    many = np.repeat(IMAGES[:1], 300, axis=0)
    moves = {moves_of(IMAGES[0], result, furthest=1)[0] for result in shift(many, 1, np.random.default_rng(0))}
    assert moves == {(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)}


def test_each_image_of_a_batch_moves_its_own_way():
    same = np.repeat(IMAGES[:1], 20, axis=0)
    results = shift(same, 2, np.random.default_rng(0))
    assert len({result.tobytes() for result in results}) > 5


def test_what_moves_in_from_outside_is_black():
    results = shift(IMAGES, 3, np.random.default_rng(0))
    assert np.all((results == 0) | (results >= 1)) and np.any(results == 0)


def test_the_same_seed_moves_the_same_way_and_another_seed_another_way():
    first, again, other = (shift(IMAGES, 2, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_the_dtype_is_kept(dtype):
    assert shift(IMAGES.astype(dtype), 1, np.random.default_rng(0)).dtype == dtype


def test_the_images_given_are_left_as_they_were():
    before = IMAGES.copy()
    shift(IMAGES, 1, np.random.default_rng(0))[...] = -1
    assert np.array_equal(IMAGES, before)


def test_a_move_as_large_as_the_image_still_works():
    results = shift(IMAGES, 9, np.random.default_rng(1))
    assert results.shape == IMAGES.shape and any(not result.any() for result in results)
