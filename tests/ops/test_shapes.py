"""Reshape, transpose, concatenate, getitem, broadcast_to: what the table of test_registry cannot say."""

import numpy as np
import pytest

from minivit import Tensor, gradients, ops


def test_an_entry_taken_several_times_receives_every_gradient():
    """A gradient written by assignment would keep only the last."""
    _, backward = ops.getitem.forward(np.zeros((3, 2)), np.array([1, 1, 0, 1]))
    dy = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [8.0, 80.0]])
    assert backward(dy).tolist() == [[4, 40], [11, 110], [0, 0]]


def test_a_list_is_an_index_with_repetitions_too():
    _, backward = ops.getitem.forward(np.zeros(3), [2, 2])
    assert backward(np.array([1.0, 5.0])).tolist() == [0, 0, 6]


def test_repeated_pairs_add_up():
    _, backward = ops.getitem.forward(np.zeros((2, 2)), (np.array([0, 0]), np.array([1, 1])))
    assert backward(np.array([1.0, 5.0])).tolist() == [[0, 6], [0, 0]]


def test_tensors_reshape_and_transpose_like_arrays(rng):
    x = rng.standard_normal((2, 3, 5))
    tensor = Tensor(x)
    assert np.array_equal(tensor.reshape(5, -1).numpy(), x.reshape(5, -1))
    assert np.array_equal(tensor.reshape((6, 5)).numpy(), x.reshape(6, 5))
    assert np.array_equal(tensor.transpose().numpy(), x.T)
    assert np.array_equal(tensor.transpose(1, 0, 2).numpy(), x.transpose(1, 0, 2))
    assert np.array_equal(tensor[1, :, ::2].numpy(), x[1, :, ::2])


def test_concatenate_takes_tensors_and_arrays(rng):
    a, b = Tensor(rng.standard_normal((2, 3)), requires_grad=True), rng.standard_normal((2, 2))
    y = ops.concatenate(a, b, axis=1)
    weight = rng.standard_normal((2, 5))
    (found,) = gradients((y * weight).sum(), [a])
    np.testing.assert_array_equal(found, weight[:, :3])


def test_concatenate_sends_each_array_its_own_part(rng):
    _, backward = ops.concatenate.forward(np.zeros((1, 2)), np.zeros((3, 2)), np.zeros((2, 2)))
    dy = rng.standard_normal((6, 2))
    for part, expected in zip(backward(dy), (dy[:1], dy[1:4], dy[4:]), strict=True):
        np.testing.assert_array_equal(part, expected)


def test_broadcast_to_sums_over_its_repetitions():
    _, backward = ops.broadcast_to.forward(np.zeros((1, 3)), (2, 4, 3))
    assert backward(np.ones((2, 4, 3))).tolist() == [[8, 8, 8]]


def test_an_index_out_of_range_is_an_error():
    with pytest.raises(IndexError):
        ops.getitem(Tensor(np.zeros(3)), 3)
