"""Dropout and drop_path: what the table of test_registry cannot say."""

import numpy as np
import pytest

from minivit import ops

each = pytest.mark.parametrize("op", [ops.dropout, ops.drop_path], ids=lambda op: op.name)


@each
def test_an_int_seed_gives_the_same_mask_again(op):
    x = np.ones((20, 3, 5))
    first = op.forward(x, 0.5, 3)[0]
    np.testing.assert_array_equal(first, op.forward(x, 0.5, 3)[0])
    assert not np.array_equal(first, op.forward(x, 0.5, 4)[0])


@each
def test_a_generator_moves_on_from_call_to_call(op):
    x, generator = np.ones((20, 3, 5)), np.random.default_rng(3)
    assert not np.array_equal(op.forward(x, 0.5, generator)[0], op.forward(x, 0.5, generator)[0])


@each
def test_float32_and_float64_see_the_same_mask(op):
    x = np.ones((20, 3, 5))
    single, double = op.forward(x.astype(np.float32), 0.5, 3)[0], op.forward(x, 0.5, 3)[0]
    np.testing.assert_array_equal(single, double)


@each
def test_the_gradient_passes_where_the_number_did(op, rng):
    x, dy = rng.uniform(1, 2, (20, 3)), rng.standard_normal((20, 3))
    y, backward = op.forward(x, 0.4, 3)
    np.testing.assert_allclose(backward(dy), dy * (y / x), rtol=1e-12)


@each
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_expectation_is_kept(op, rate):
    """Of 40,000 independent entries the mean is within 5 standard deviations of 1."""
    y, _ = op.forward(np.ones((40_000, 1)), rate, 7)
    assert set(np.unique(y).round(12)) == {0.0, round(1 / (1 - rate), 12)}
    assert abs(y.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / 40_000)


@each
def test_rate_zero_changes_nothing(op, rng):
    x = rng.standard_normal((2, 3))
    np.testing.assert_array_equal(op.forward(x, 0.0, 1)[0], x)


def test_drop_path_drops_whole_images():
    y, _ = ops.drop_path.forward(np.ones((50, 3, 5)), 0.5, 2)
    by_image = y.reshape(50, -1)
    assert (by_image == by_image[:, :1]).all()
    assert 10 < (by_image[:, 0] == 0).sum() < 40


def test_dropout_drops_single_entries():
    y, _ = ops.dropout.forward(np.ones((50, 3, 5)), 0.5, 2)
    assert len(np.unique((y == 0).reshape(50, -1).sum(axis=1))) > 2


@each
@pytest.mark.parametrize("rate", [1.0, -0.1, 1.5])
def test_a_rate_outside_of_zero_to_one_is_named(op, rate):
    with pytest.raises(ValueError, match=f"rate is {rate}; .* 0 .* 1"):
        op.forward(np.ones((2, 3)), rate, 1)
