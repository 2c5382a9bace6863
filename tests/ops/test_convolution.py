"""Convolution and pooling against plain loops."""

import itertools
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


@pytest.mark.parametrize("size", [1, 2, 3])
def test_unfold_with_the_stride_of_its_size_is_patchify(size, rng):
    x = rng.standard_normal((2, 3 * size, 2 * size, 5))
    (rows, fold), (patches, join) = ops.unfold.forward(x, size, stride=size), ops.patchify.forward(x, size)
    np.testing.assert_array_equal(rows, patches)
    np.testing.assert_array_equal(fold(patches), join(patches))


@pytest.mark.parametrize("size, stride, padding", [(3, 1, 1), (3, 2, 1), (7, 4, 2), (2, 3, 0)])
def test_unfold_against_slices(size, stride, padding, rng):
    x = rng.standard_normal((2, 9, 7, 3))
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    places = list(itertools.product(*(range(0, n + 2 * padding - size + 1, stride) for n in (9, 7))))
    rows, _ = ops.unfold.forward(x, size, stride=stride, padding=padding)
    assert rows.shape == (2, len(places), size * size * 3)
    for number, (i, j) in enumerate(places):
        np.testing.assert_array_equal(rows[:, number], padded[:, i : i + size, j : j + size].reshape(2, -1))


def test_a_pixel_gets_a_gradient_from_every_window_that_sees_it():
    """3 x 3 windows with stride 2 on 5 x 5 pixels: the middle one is seen by all four, its neighbours by two or one."""
    rows, fold = ops.unfold.forward(np.zeros((1, 5, 5, 1)), 3, stride=2)
    np.testing.assert_array_equal(fold(np.ones_like(rows))[0, :, :, 0], np.outer([1, 1, 2, 1, 1], [1, 1, 2, 1, 1]))


@pytest.mark.parametrize("size, padding", [(3, 1), (2, 0), (1, 2), (3, 4)])
def test_depthwise_conv2d_is_conv2d_with_a_kernel_that_looks_at_one_channel_only(size, padding, rng):
    x, weight, bias = rng.standard_normal((2, 4, 7, 3)), rng.standard_normal((size, size, 3)), rng.standard_normal(3)
    diagonal = np.zeros((size, size, 3, 3))
    diagonal[..., range(3), range(3)] = weight
    (y, own), (expected, full) = (
        ops.depthwise_conv2d.forward(x, weight, bias, padding=padding),
        ops.conv2d.forward(x, diagonal, bias, padding=padding),
    )
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)
    dy = rng.standard_normal(y.shape)
    (dx, dweight, dbias), (dx_full, dweight_full, dbias_full) = own(dy), full(dy)
    np.testing.assert_allclose(dx, dx_full, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(dweight, dweight_full[..., range(3), range(3)], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dbias, dbias_full, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("weight", [(3, 3, 5), (3, 2, 4), (3, 3, 1, 4), (3, 3)], ids=str)
def test_depthwise_conv2d_names_the_kernels_that_do_not_fit(weight):
    with pytest.raises(ValueError, match="depthwise_conv2d.*4 channels.*" + re.escape(str(weight))):
        ops.depthwise_conv2d.forward(np.zeros((1, 5, 5, 4)), np.zeros(weight), None)


def test_depthwise_conv2d_names_a_bias_that_does_not_fit():
    with pytest.raises(ValueError, match=r"depthwise_conv2d.*bias.*\(1,\)"):
        ops.depthwise_conv2d.forward(np.zeros((1, 5, 5, 4)), np.zeros((3, 3, 4)), np.zeros(1))


def test_other_windows_that_do_not_fit_are_named_too():
    with pytest.raises(ValueError, match=r"unfold.* 5 x 5 .* 4 x 6"):
        ops.unfold.forward(np.zeros((1, 2, 4, 1)), 5, padding=1)
    with pytest.raises(ValueError, match=r"depthwise_conv2d.* 3 x 3 .* 2 x 4"):
        ops.depthwise_conv2d.forward(np.zeros((1, 2, 4, 1)), np.zeros((3, 3, 1)), None)
    with pytest.raises(ValueError, match="unfold takes images"):
        ops.unfold.forward(np.zeros((2, 9, 4)), 3)
    for options in (dict(size=0), dict(size=2, stride=0), dict(size=2, padding=-1)):
        with pytest.raises(ValueError, match=r"unfold: .* must be at least"):
            ops.unfold.forward(np.zeros((1, 5, 5, 1)), **options)
