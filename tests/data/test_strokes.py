"""A digit's ink is written as the data sets' digits are: their box, their slant, their strokes."""

import numpy as np
import pytest

from minivit.data import load
from minivit.data.strokes import AREA, as_digits, as_mnist, sheared

DIGITS = load("digits").train_images[..., 0]


def ring(size=60, pen=6):
    y, x = np.mgrid[:size, : size * 2 // 3]
    far = np.hypot((y - size / 2 + 0.5) / 1.5, x - size / 3 + 0.5)
    return (np.abs(far - size / 3 + pen / 2) < pen / 2).astype(np.float32)


def test_the_training_images_are_as_is_said_here():
    """What as_digits does is read off them: the share of ink, the height, the width of the wide ones."""
    assert abs(DIGITS.mean() - AREA) < 0.005 and DIGITS.mean(axis=(1, 2)).std() < 0.035
    assert ((DIGITS[:, 0].sum(axis=1) > 0) & (DIGITS[:, 7].sum(axis=1) > 0)).mean() > 0.99
    assert DIGITS[:, :, [0, 7]].mean() < 0.01


@pytest.mark.parametrize("pen", [1, 3, 6, 12])
def test_strokes_of_any_pen_become_as_thick_as_the_data_set_s(pen):
    image, notes, _ = as_digits(ring(pen=pen))
    assert image.shape == (8, 8) and abs(image.mean() - AREA) < 0.03
    assert notes[1] == ("strokes made thinner" if pen == 12 else "strokes made thicker")


def test_a_digit_fills_the_height_and_20_of_32_pixels_of_the_width():
    image = as_digits(ring())[0]
    assert image[0].sum() > 0 and image[7].sum() > 0 and image[:, 0].sum() == image[:, 7].sum() == 0
    assert (image[:, 1].sum() > 0) and (image[:, 6].sum() > 0)


def test_each_grey_is_a_count_of_16_pixels():
    image = as_digits(ring())[0]
    assert np.array_equal(image * 16, np.round(image * 16))


def test_a_one_stays_narrow():
    image = as_digits(np.ones((60, 4), np.float32))[0]
    assert image[:, [0, 1, 6, 7]].sum() == 0 and abs(image.mean() - AREA) < 0.05


@pytest.mark.parametrize("slope", [-0.3, 0.0, 0.3])
def test_a_slanted_stroke_is_set_upright(slope):
    y, x = np.mgrid[:100, :80]
    slanted = (np.abs(x - 40 - slope * (y - 50)) < 4).astype(np.float32)
    dark = sheared(slanted) > 0.5
    left = [np.flatnonzero(row).min() for row in dark[5:-5]]
    assert np.ptp(left) <= 4


def test_mnist_s_digits_are_20_pixels_high_with_their_mass_in_the_middle():
    image, _, _ = as_mnist(np.ones((50, 10), np.float32))
    rows, columns = (np.flatnonzero(image.sum(axis=axis)) for axis in (1, 0))
    assert image.shape == (28, 28) and np.ptp(rows) + 1 == 20
    for axis, _ in enumerate((rows, columns)):
        assert abs((image.sum(axis=1 - axis) * (np.arange(28) + 0.5)).sum() / image.sum() - 14) <= 0.5


@pytest.mark.parametrize("pen, told", [(1, "thicker"), (8, ""), (18, "thinner")])
def test_mnist_s_strokes_are_changed_where_they_are_far_from_its_own(pen, told):
    notes = as_mnist(ring(size=60, pen=pen))[1]
    assert notes[:-1] == ([f"strokes made {told}"] if told else [])
