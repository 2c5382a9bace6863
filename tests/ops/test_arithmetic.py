"""Arithmetic: what the table of test_registry cannot say."""

import numpy as np
import pytest

from minivit import Tensor, gradients, ops


def test_where_sends_each_gradient_to_the_side_that_was_taken():
    _, backward = ops.where.forward(np.array([True, False, True]), np.zeros(3), np.ones(3))
    none, da, db = backward(np.array([5.0, 6.0, 7.0]))
    assert none is None
    assert da.tolist() == [5, 0, 7]
    assert db.tolist() == [0, 6, 0]


@pytest.mark.parametrize("exponent", [-3, -2, -1, 1, 2, 3, 2.0])
def test_a_small_whole_exponent_takes_negative_numbers(exponent, rng):
    x = -rng.uniform(0.5, 2, (2, 3))
    np.testing.assert_allclose(ops.power.forward(x, exponent)[0], x**exponent, rtol=1e-14)


def test_x_cubed_does_not_call_numpys_slow_power(rng):
    class NoPower(np.ndarray):
        def __pow__(self, exponent):
            raise AssertionError("x ** 3 is 78 times slower than x * x * x")

    y, backward = ops.power.forward(rng.standard_normal((2, 3)).view(NoPower), 3)
    backward(np.asarray(y))


@pytest.mark.parametrize("exponent", [1, 2, 3])
def test_the_slope_of_a_power_at_zero(exponent):
    _, backward = ops.power.forward(np.zeros(2), exponent)
    assert backward(np.ones(2)).tolist() == [float(exponent == 1)] * 2


def test_x_to_the_power_of_zero_is_constant_at_zero_too():
    _, backward = ops.power.forward(np.array([0.0, 2.0]), 0)
    assert backward(np.ones(2)).tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_beside_a_tensor_keep_its_dtype(dtype, rng):
    x = Tensor(rng.uniform(1, 2, (2, 3)).astype(dtype), requires_grad=True)
    y = ((2.5 * x + 1) / 3 - 0.5) ** 2 - 1 / x
    assert y.dtype == dtype
    assert gradients(y.sum(), [x])[0].dtype == dtype
