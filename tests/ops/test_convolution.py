"""Convolution and pooling against plain loops."""

import re

import numpy as np
import pytest

from minivit import ops


def slow_conv2d(x, weight, bias, stride, padding):
    batch, height, width, channels = x.shape
    size, kernels = len(weight), weight.shape[-1]
    padded = np.zeros((batch, height + 2 * padding, width + 2 * padding, channels))
    padded[:, padding : padding + height, padding : padding + width] = x
    rows, columns = (height + 2 * padding - size) // stride + 1, (width + 2 * padding - size) // stride + 1
    y = np.zeros((batch, rows, columns, kernels))
    for b, i, j, k in np.ndindex(y.shape):
        window = padded[b, i * stride : i * stride + size, j * stride : j * stride + size]
        y[b, i, j, k] = (window * weight[..., k]).sum() + bias[k]
    return y


@pytest.mark.parametrize("size, stride, padding", [(3, 1, 0), (3, 1, 1), (2, 2, 0), (3, 2, 2), (1, 3, 0)])
def test_conv2d_against_a_loop(size, stride, padding, rng):
    x, weight, bias = rng.standard_normal((2, 4, 7, 3)), rng.standard_normal((size, size, 3, 5)), rng.standard_normal(5)
    y, _ = ops.conv2d.forward(x, weight, bias, stride=stride, padding=padding)
    np.testing.assert_allclose(y, slow_conv2d(x, weight, bias, stride, padding), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("size, stride", [(2, None), (2, 1), (3, 2), (1, 2)])
def test_max_pool2d_against_a_loop(size, stride, rng):
    x = rng.standard_normal((2, 5, 7, 3))
    y, _ = ops.max_pool2d.forward(x, size, stride)
    step = stride or size
    assert y.shape == (2, (5 - size) // step + 1, (7 - size) // step + 1, 3)
    for b, i, j, c in np.ndindex(y.shape):
        assert y[b, i, j, c] == x[b, i * step : i * step + size, j * step : j * step + size, c].max()


def test_an_entry_that_is_the_largest_of_several_windows_receives_all_their_gradients():
    x = np.zeros((1, 3, 3, 1))
    x[0, 1, 1, 0] = 1.0
    _, backward = ops.max_pool2d.forward(x, 2, 1)
    dx = backward(np.array([1.0, 2.0, 4.0, 8.0]).reshape(1, 2, 2, 1))
    assert dx[0, 1, 1, 0] == 15
    assert dx.sum() == 15


def test_the_first_of_equal_entries_receives_the_gradient():
    _, backward = ops.max_pool2d.forward(np.zeros((1, 2, 2, 1)), 2)
    assert backward(np.full((1, 1, 1, 1), 3.0)).reshape(-1).tolist() == [3, 0, 0, 0]


def test_pixels_that_no_window_reaches_get_no_gradient():
    _, backward = ops.max_pool2d.forward(np.arange(15.0).reshape(1, 3, 5, 1), 2)
    dx = backward(np.ones((1, 1, 2, 1)))
    assert dx[0, 2].sum() == 0 and dx[0, :, 4].sum() == 0


def test_conv2d_names_the_channels_that_differ():
    with pytest.raises(ValueError, match=re.escape("(1, 5, 5, 4)") + ".*4 channels.*" + re.escape("(2, 2, 3, 6)")):
        ops.conv2d.forward(np.zeros((1, 5, 5, 4)), np.zeros((2, 2, 3, 6)), np.zeros(6))


def test_a_window_that_does_not_fit_is_named_with_the_padding():
    with pytest.raises(ValueError, match=r"conv2d.* 5 x 5 .* 4 x 6"):
        ops.conv2d.forward(np.zeros((1, 2, 4, 1)), np.zeros((5, 5, 1, 1)), np.zeros(1), padding=1)
    with pytest.raises(ValueError, match=r"max_pool2d.* 3 x 3 .* 2 x 4"):
        ops.max_pool2d.forward(np.zeros((1, 2, 4, 1)), 3)
