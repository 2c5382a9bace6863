"""Turned and picked by position: what the table of test_registry cannot say."""

import re

import numpy as np
import pytest

from minivit import ops
from minivit.kernels import cpu
from minivit.ops.positions import pick_plain

from ..support.plain import noncontiguous, relative_error


def rotated(x, angles):
    return ops.rotate.forward(x, angles)[0]


def test_a_quarter_turn_takes_the_first_of_each_pair_to_the_second():
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 1, 4)
    np.testing.assert_allclose(rotated(x, np.array([[np.pi / 2, 0.0]])).reshape(-1), [-2, 1, 3, 4], atol=1e-15)


def test_a_product_of_query_and_key_knows_only_how_far_apart_they_stand(rng):
    q, k, speeds = rng.standard_normal((1, 1, 1, 6)), rng.standard_normal((1, 1, 1, 6)), rng.standard_normal(3)

    def product(own, other):
        return (rotated(q, own * speeds[None]) * rotated(k, other * speeds[None])).sum()

    assert product(7, 3) == pytest.approx(product(4, 0), rel=1e-12) == pytest.approx(product(1, -3), rel=1e-12)
    assert abs(product(7, 3) - product(3, 7)) > 1e-3


def test_an_angle_that_turns_many_pairs_gets_the_sum_of_their_gradients(rng):
    x, dy, angles = rng.standard_normal((2, 3, 4, 6)), rng.standard_normal((2, 3, 4, 6)), rng.standard_normal((4, 3))
    shared = ops.rotate.forward(x, angles)[1](dy)[1]
    each = sum(ops.rotate.forward(x[b : b + 1], np.array([angles] * 3))[1](dy[b : b + 1])[1] for b in range(2))
    np.testing.assert_allclose(shared, each.sum(axis=0), rtol=1e-12)


ODD = [((2, 3, 4, 5), (4, 2)), ((2, 3, 4, 6), (3, 4)), ((2, 3, 4, 6), (1, 3, 4, 3)), ((3, 4, 6), (4, 3)), ((), (4, 3))]


@pytest.mark.parametrize("x, angles", ODD)
def test_angles_that_do_not_fit_are_named(x, angles):
    with pytest.raises(ValueError, match="rotate takes.*" + re.escape(f"{x} and {angles}")):
        ops.rotate.forward(np.zeros(x), np.zeros(angles))


INDEX = np.array([[0, 2, 2, 1, 2], [3, 3, 3, 3, 3], [1, 0, 4, 0, 1]])  # 3 rows, 5 entries


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("rows", [3, 1])
def test_pick_and_its_gradient_against_a_loop(rows, dtype, rng):
    x, dy = rng.standard_normal((2, 4, rows, 5)), rng.standard_normal((2, 4, 3, 5))
    y, backward = ops.pick.forward(x, INDEX.astype(dtype))
    dx, expected = backward(dy)[0], np.zeros(x.shape)
    for b, h, i, j in np.ndindex(dy.shape):
        assert y[b, h, i, j] == x[b, h, i % rows, INDEX[i, j]]
        expected[b, h, i % rows, INDEX[i, j]] += dy[b, h, i, j]
    np.testing.assert_allclose(dx, expected, rtol=1e-12, atol=1e-14)


PICKED = [(((2, 3), 7, 5), 4), (((2, 3), 1, 5), 4), (((), 7, 1), 4), (((), 1, 5), 0), (((0,), 7, 5), 4), (((3,), 50, 49), 50)]


@pytest.mark.parametrize("dtype, limit", [(np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("shape, keys", PICKED)
def test_the_kernel_of_pick_is_its_plain_form(shape, keys, dtype, limit, rng):
    front, rows, length = shape
    index = rng.integers(0, length, (max(rows, 7), keys))
    x, dy = (noncontiguous(rng.standard_normal((*front, *s)).astype(dtype)) for s in ((rows, length), index.shape))
    (y, backward), (expected, backward_plain) = cpu.pick(x, index), pick_plain(x, index)
    np.testing.assert_array_equal(y, expected)
    (dx, dindex), dx_plain = backward(dy), backward_plain(dy)[0]
    assert dx.dtype == dtype and dindex is None and relative_error(dx, dx_plain) < limit


def test_the_index_may_be_a_list(rng):
    x = rng.standard_normal((2, 1, 5))
    np.testing.assert_array_equal(ops.pick(x, INDEX.tolist()).numpy(), x[:, 0][:, INDEX])


def test_an_entry_that_nobody_picks_gets_nothing():
    _, backward = ops.pick.forward(np.zeros((2, 3, 7)), INDEX)
    dx, dindex = backward(np.ones((2, 3, 5)))
    assert dindex is None
    np.testing.assert_array_equal(dx[0], [[1, 1, 3, 0, 0, 0, 0], [0, 0, 0, 5, 0, 0, 0], [2, 2, 0, 0, 1, 0, 0]])


MISTAKES = {
    "an entry too far": ((2, 3, 4), INDEX, "from 0 to 4, but there are 4 entries"),
    "an entry below 0": ((2, 3, 5), INDEX - 1, "from -1 to 3, but there are 5 entries"),
    "no whole numbers": ((2, 3, 5), INDEX.astype(float), "whole numbers; got dtype float64"),
    "a mask": ((2, 3, 5), INDEX > 1, "whole numbers; got dtype bool"),
    "another number of rows": ((2, 4, 5), INDEX, r"got \(2, 4, 5\) and \(3, 5\)"),
    "an index of one axis": ((2, 3, 5), INDEX[0], r"got \(2, 3, 5\) and \(5,\)"),
    "x of one axis": ((5,), INDEX, r"got \(5,\) and \(3, 5\)"),
}


@pytest.mark.parametrize("shape, index, words", MISTAKES.values(), ids=MISTAKES.keys())
def test_an_index_that_does_not_fit_is_told(shape, index, words):
    with pytest.raises(ValueError, match=f"pick.*{words}"):
        ops.pick.forward(np.zeros(shape), index)
