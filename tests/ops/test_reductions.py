"""Sum, mean, max: what the table of test_registry cannot say."""

import numpy as np
import pytest

from minivit import Tensor, gradients, ops


def test_equal_largest_entries_share_the_gradient():
    _, backward = ops.max.forward(np.array([[3.0, 1.0, 3.0], [0.0, 2.0, 1.0]]), axis=1)
    assert backward(np.array([1.0, 4.0])).tolist() == [[0.5, 0, 0.5], [0, 4, 0]]


def test_mean_divides_by_the_entries_of_all_reduced_axes(rng):
    x = rng.standard_normal((2, 3, 5))
    _, backward = ops.mean.forward(x, axis=(0, 2))
    np.testing.assert_allclose(backward(np.ones(3)), np.full(x.shape, 1 / 10))


@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_tensors_have_reductions_as_methods(name, rng):
    x = rng.standard_normal((2, 3, 5))
    found = getattr(Tensor(x), name)(axis=(0, -1), keepdims=True)
    np.testing.assert_array_equal(found.numpy(), getattr(x, name)(axis=(0, 2), keepdims=True))


@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_a_reduction_of_a_single_number_is_that_number(name):
    x = Tensor(3.0, requires_grad=True)
    y = getattr(x, name)()
    assert float(y.data) == 3.0
    assert gradients(y, [x])[0] == 1.0
