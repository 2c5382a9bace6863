"""Images read between their pixels: what the table of test_registry cannot say."""

import math

import numpy as np
import pytest

from minivit import ops


@pytest.fixture
def x(rng):
    return rng.standard_normal((2, 4, 5, 3))


def read(x, *places, dy=None):
    """What both images give at the same places, and with dy, a number for each place, (dx, dplaces)."""
    y, backward = ops.sample_bilinear.forward(x, np.broadcast_to(np.array(places, x.dtype), (len(x), len(places), 2)))
    return y if dy is None else backward(np.broadcast_to(np.array(dy, x.dtype)[:, None], y.shape))


def test_at_a_whole_row_and_column_it_is_the_pixel(x):
    every = list(np.ndindex(4, 5))
    np.testing.assert_array_equal(read(x, *every), x.reshape(2, 20, 3))


def test_rows_come_before_columns_and_the_nearer_pixel_weighs_more(x):
    expected = 0.75 * (0.9 * x[:, 1, 3] + 0.1 * x[:, 1, 4]) + 0.25 * (0.9 * x[:, 2, 3] + 0.1 * x[:, 2, 4])
    np.testing.assert_allclose(read(x, (1.25, 3.1))[:, 0], expected, rtol=1e-12)


def test_each_image_has_places_of_its_own(x):
    y, _ = ops.sample_bilinear.forward(x, np.array([[[1.0, 2.0]], [[3.0, 0.0]]]))
    np.testing.assert_array_equal(y[:, 0], [x[0, 1, 2], x[1, 3, 0]])


OUTSIDE = [((-7, 2.5), (0, 2.5)), ((9, 2.5), (3, 2.5)), ((1.5, -0.1), (1.5, 0)), ((1.5, 4.1), (1.5, 4))]


@pytest.mark.parametrize("outside, border", OUTSIDE)
def test_a_place_outside_reads_the_border_and_is_not_moved_across_it(outside, border, x):
    np.testing.assert_array_equal(read(x, outside), read(x, border))
    _, dplaces = read(x, outside, dy=[1])
    across = 0 if outside[0] != border[0] else 1
    assert (dplaces[..., across] == 0).all() and (dplaces[..., 1 - across] != 0).all()


def test_a_pixel_gets_the_sum_of_what_all_places_around_it_give(x):
    dx, _ = read(x, (1.5, 2.5), (1.5, 2.5), (1.0, 2.0), dy=[4, 8, 16])
    expected = np.zeros((4, 5))
    expected[1:3, 2:4] = 0.25 * (4 + 8)
    expected[1, 2] += 16
    np.testing.assert_array_equal(dx, np.broadcast_to(expected[:, :, None], x.shape))


def test_on_a_whole_row_or_column_the_slope_is_that_towards_the_next_and_on_the_last_that_from_the_one_before(x):
    _, dplaces = read(x, (1, 2), (0, 0), (3, 4), dy=[1, 1, 1])
    row, column = np.diff(x.sum(axis=-1), axis=1), np.diff(x.sum(axis=-1), axis=2)
    np.testing.assert_allclose(dplaces[..., 0], np.stack([row[:, 1, 2], row[:, 0, 0], row[:, 2, 4]], axis=1), rtol=1e-12)
    np.testing.assert_allclose(dplaces[..., 1], np.stack([column[:, 1, 2], column[:, 0, 0], column[:, 3, 3]], axis=1), rtol=1e-12)


def test_in_an_image_of_one_pixel_a_place_has_no_slope(rng):
    x = rng.standard_normal((2, 1, 1, 3))
    _, dplaces = read(x, (0, 0), (0.3, -0.3), dy=[1, 1])
    assert (read(x, (0, 0), (0.3, -0.3)) == x[:, 0]).all() and (dplaces == 0).all()


@pytest.mark.parametrize("place", [(math.nan, 1.5), (1.5, math.nan)])
def test_a_place_that_is_no_number_gives_no_number_and_no_error(place, x):
    assert np.isnan(read(x, place)).all()


@pytest.mark.parametrize("shape", [(0, 4, 5, 3), (2, 4, 5, 0)], ids=str)
def test_no_images_and_no_channels_give_nothing(shape):
    y, backward = ops.sample_bilinear.forward(np.zeros(shape), np.ones((shape[0], 7, 2)))
    dx, dplaces = backward(y)
    assert (y.shape, dx.shape, dplaces.shape) == ((shape[0], 7, shape[3]), shape, (shape[0], 7, 2))


@pytest.mark.parametrize("places", [np.zeros((3, 7, 2)), np.zeros((2, 7, 3)), np.zeros((2, 2)), np.zeros((2, 7, 2), int)])
def test_places_that_do_not_fit_are_named(places, x):
    with pytest.raises(ValueError, match=r"sample_bilinear.*floating-point places \(batch, number, 2\)") as error:
        ops.sample_bilinear.forward(x, places)
    assert f"{places.shape} of dtype {places.dtype}" in str(error.value)


def test_images_that_have_not_four_axes_are_named():
    with pytest.raises(ValueError, match=r"got \(2, 4, 5\)"):
        ops.sample_bilinear.forward(np.zeros((2, 4, 5)), np.zeros((2, 7, 2)))
