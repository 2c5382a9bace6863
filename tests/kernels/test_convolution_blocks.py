"""Convolution along a line of pixels and pooling by views, some images at a time, held to the plain forms."""

import tracemalloc

import numpy as np
import pytest

from minivit import ops
from minivit.kernels import ON_CPU, cpu_convolution
from minivit.ops.convolution import conv2d_plain, max_pool2d_plain

LIMIT = {np.float32: 3e-6, np.float64: 1e-14}
# (B, H, W, C), size, kernels, padding, and GROUP: how many entries the buffers of a group of images may have
CONVOLUTIONS = {
    "all images in one group": ((4, 5, 7, 2), 3, 6, 1, 10**6),
    "groups of two, the last of one": ((5, 5, 7, 2), 3, 6, 1, 2500),
    "an image larger than a group": ((3, 5, 7, 2), 3, 6, 1, 1),
    "one channel": ((3, 6, 5, 1), 3, 4, 1, 1),
    "more channels than kernels": ((3, 6, 5, 7), 3, 2, 1, 1),
    "no padding": ((3, 6, 5, 2), 3, 4, 0, 1),
    "padding 2": ((3, 6, 5, 2), 3, 4, 2, 1),
    "an even window": ((3, 6, 5, 2), 2, 4, 0, 1),
    "an even window, padding 1": ((3, 6, 5, 2), 2, 4, 1, 1),
    "5 x 5, padding 1": ((5, 4, 7, 2), 5, 3, 1, 4000),
    "5 x 5, padding 2": ((3, 6, 4, 2), 5, 3, 2, 1),
    "padding higher than the image": ((3, 2, 5, 2), 5, 3, 4, 1),
    "a window as large as the image": ((3, 4, 4, 2), 4, 3, 0, 1),
}
# (B, H, W, C), size, stride, GROUP
POOLINGS = {
    "all images in one group": ((4, 6, 8, 3), 2, 2, 10**6),
    "groups of two, the last of one": ((5, 6, 8, 3), 2, 2, 300),
    "an image larger than a group": ((3, 6, 8, 3), 2, 2, 1),
    "rows and columns that no window reaches": ((3, 7, 5, 2), 2, 2, 1),
    "overlapping": ((3, 6, 7, 2), 3, 2, 1),
    "overlapping at every pixel": ((3, 4, 5, 2), 2, 1, 1),
    "gaps between the windows": ((3, 7, 8, 2), 2, 3, 1),
    "windows of one pixel": ((3, 3, 4, 2), 1, 1, 1),
    "windows of one pixel, gaps": ((3, 3, 4, 2), 1, 2, 1),
    "one window": ((3, 5, 5, 2), 5, 5, 1),
    "one window, that could step by less": ((3, 5, 5, 2), 5, 1, 1),
    "windows of 256 pixels": ((1, 17, 18, 2), 16, 1, 1),
}


def convolutions(rng, shape, size, kernels, padding, dtype=np.float32):
    """x, weight, bias, and dy."""
    results = [n + 2 * padding - size + 1 for n in shape[1:3]]
    drawn = [shape, (size, size, shape[-1], kernels), (kernels,), (shape[0], *results, kernels)]
    return [rng.standard_normal(shape).astype(dtype) for shape in drawn]


def scattered(a):
    """The same numbers, lying in another order."""
    return np.asfortranarray(a[..., ::-1])[..., ::-1]


def assert_the_same_convolution(x, weight, bias, dy, padding):
    (y, backward), (expected_y, expected_backward) = (
        form(x, weight, bias, 1, padding) for form in (cpu_convolution.conv2d, conv2d_plain)
    )
    found, expected = [y, *backward(dy)], [expected_y, *expected_backward(dy)]
    if bias is None:
        assert found.pop() is None and expected.pop() is None
    for f, e in zip(found, expected, strict=True):
        assert f.dtype == x.dtype and f.shape == e.shape
        assert np.abs(f - e).max() <= LIMIT[x.dtype.type] * max(1, np.abs(e).max())


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("shape, size, kernels, padding, group", CONVOLUTIONS.values(), ids=CONVOLUTIONS.keys())
def test_the_line_gives_what_the_unfolded_windows_give(monkeypatch, rng, shape, size, kernels, padding, group, dtype):
    monkeypatch.setattr(cpu_convolution, "GROUP", group)
    x, weight, bias, dy = convolutions(rng, shape, size, kernels, padding, dtype)
    assert_the_same_convolution(x, weight, bias, dy, padding)
    assert_the_same_convolution(x, weight, None, dy, padding)
    assert_the_same_convolution(*map(scattered, (x, weight, bias, dy)), padding)


@pytest.mark.parametrize("group, expected", [(10**6, [5]), (2500, [2, 2, 1]), (1, [1, 1, 1, 1, 1])])
def test_the_groups_above_are_cut_as_their_names_say(group, expected):
    """An image of 5 x 7 pixels has, with its zeros, 6 x 8 times so many entries: channels, kernels, three rows' products."""
    entries = cpu_convolution._entries((6, 8), 2, 6, 3)
    assert entries == 6 * 8 * (2 + 6 + 3 * 6)
    assert [g.stop - g.start for g in cpu_convolution._groups(5, entries, group)[1]] == expected


def test_what_stands_in_one_image_does_not_reach_another(rng):
    """A NaN in the second of three images on one line, and no trace of it in the results of the others."""
    x, weight, bias, dy = convolutions(rng, (3, 5, 7, 2), 3, 6, 1)
    x[1], dy[1] = np.nan, np.nan
    y, backward = cpu_convolution.conv2d(x, weight, bias, 1, 1)
    dx = backward(dy)[0]
    for a in (y, dx):
        assert np.isfinite(a[[0, 2]]).all() and np.isnan(a[1]).all()


def test_an_upstream_gradient_that_is_one_number_everywhere(rng):
    """As .sum() gives it: a view whose strides are all 0."""
    x, weight, bias, dy = convolutions(rng, (3, 5, 7, 2), 3, 6, 1)
    assert_the_same_convolution(x, weight, bias, np.broadcast_to(dy[0, 0, 0, 0], dy.shape), 1)


def test_a_convolution_keeps_no_windows_and_changes_nothing_that_it_was_given(rng):
    arrays = convolutions(rng, (32, 28, 28, 8), 3, 8, 1)
    copies = [a.copy() for a in arrays]
    x, weight, bias, dy = arrays
    tracemalloc.start()
    y, backward = ops.conv2d.forward(x, weight, bias, padding=1)
    kept = tracemalloc.get_traced_memory()[0] - y.nbytes
    backward(dy)
    peak = tracemalloc.get_traced_memory()[1] - y.nbytes - x.nbytes
    tracemalloc.stop()
    assert kept < 10_000 and peak < 3 * x.nbytes  # the windows unfolded are 9 times x
    for a, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(a, copy)


@pytest.mark.parametrize(
    "shape, size, kernels, stride, padding, served",
    [
        ((2, 28, 28, 1), 3, 16, 1, 1, True),
        ((2, 14, 14, 32), 3, 64, 1, 1, True),
        ((2, 5, 6, 2), 3, 4, 1, 2, True),
        ((2, 28, 28, 1), 3, 16, 2, 1, False),  # windows that leave pixels out
        ((2, 5, 6, 2), 3, 4, 1, 3, False),  # windows of zeros alone
        ((2, 5, 6, 2), 1, 4, 1, 0, False),  # a linear layer as it is
        ((2, 7, 7, 2), 7, 4, 1, 0, False),  # one result from a line of 49
        ((1, 99, 98, 16), 3, 32, 1, 1, True),
        ((1, 224, 224, 3), 3, 64, 1, 1, False),  # an image beyond every cache
        ((0, 5, 6, 2), 3, 4, 1, 2, False),
        ((2, 5, 6, 0), 3, 4, 1, 2, False),
        ((2, 5, 6, 2), 3, 0, 1, 2, False),
    ],
)
def test_which_convolutions_are_served(shape, size, kernels, stride, padding, served):
    weight = np.zeros((size, size, shape[-1], kernels))
    serves, kernel = ON_CPU["conv2d_plain"]
    assert bool(serves(np.zeros(shape), weight, np.zeros(kernels), stride, padding)) == served
    assert not serves(np.zeros(shape, np.int64), weight.astype(np.int64), None, stride, padding)
    assert not serves(np.zeros(shape, np.float32), weight, None, stride, padding)
    assert kernel is cpu_convolution.conv2d


def assert_the_same_pooling(x, size, stride, dy):
    with np.errstate(invalid="ignore"):
        (y, backward), (expected_y, expected_backward) = (
            form(x, size, stride) for form in (cpu_convolution.max_pool2d, max_pool2d_plain)
        )
        dx, expected = backward(dy), expected_backward(dy)
    assert y.dtype == dx.dtype == x.dtype
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_allclose(dx, expected, rtol=LIMIT[x.dtype.type], atol=LIMIT[x.dtype.type])


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("shape, size, stride, group", POOLINGS.values(), ids=POOLINGS.keys())
def test_pooling_by_views_gives_what_argmax_gives(monkeypatch, rng, shape, size, stride, group, dtype):
    """Of distinct numbers, of few numbers, so that many are equal, and with NaN, which is the largest of all."""
    monkeypatch.setattr(cpu_convolution, "POOLED", group)
    distinct = rng.standard_normal(shape).astype(dtype)
    equal = rng.integers(-1, 2, shape).astype(dtype)
    zeros = np.where(rng.random(shape) < 0.5, 0.0, -0.0).astype(dtype)
    some_nan, all_nan = np.where(rng.random(shape) < 0.3, np.nan, equal).astype(dtype), np.full(shape, np.nan, dtype)
    infinite = np.where(rng.random(shape) < 0.5, -np.inf, np.inf).astype(dtype)
    results = [(n - size) // stride + 1 for n in shape[1:3]]
    dy = rng.standard_normal((shape[0], *results, shape[-1])).astype(dtype)
    for x in (distinct, equal, zeros, some_nan, all_nan, infinite):
        assert_the_same_pooling(x, size, stride, dy)
        assert_the_same_pooling(scattered(x), size, stride, scattered(dy))


def test_the_poolings_above_are_in_groups_too():
    assert [g.stop - g.start for g in cpu_convolution._groups(5, 6 * 8 * 3, 300)[1]] == [2, 2, 1]


def test_pooling_keeps_a_byte_for_each_result(rng):
    x = rng.standard_normal((32, 28, 28, 8), dtype=np.float32)
    tracemalloc.start()
    y, backward = ops.max_pool2d.forward(x, 2)
    kept = tracemalloc.get_traced_memory()[0] - y.nbytes - y.size
    tracemalloc.stop()
    assert kept < 10_000
    assert backward(y).shape == x.shape


def test_which_poolings_are_served(rng):
    serves, kernel = ON_CPU["max_pool2d_plain"]
    x = rng.standard_normal((1, 20, 20, 1))
    assert serves(x, 16, 1) and not serves(x, 17, 1)  # a byte counts the places of 16 x 16
    assert not serves(x[:0], 2, 2) and not serves(x.astype(np.int64), 2, 2)
    assert kernel is cpu_convolution.max_pool2d
    np.testing.assert_array_equal(ops.max_pool2d.forward(x, 17, 1)[0], max_pool2d_plain(x, 17, 1)[0])
