"""Softmax, log_softmax, cross_entropy: what the table of test_registry cannot say."""

import math

import numpy as np
import pytest

from minivit import Tensor, gradcheck, gradients, ops
from minivit.backend import to_device, to_host

EXTREME = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_does_not_overflow(dtype):
    p, backward = ops.softmax.forward(EXTREME.astype(dtype))
    np.testing.assert_allclose(p, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]], rtol=1e-6)
    assert np.isfinite(backward(np.ones_like(p))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_softmax_stays_finite_where_softmax_rounds_to_zero(dtype):
    y, backward = ops.log_softmax.forward(EXTREME.astype(dtype))
    np.testing.assert_allclose(y[0], [0, -2e4, -1e4])
    assert np.isfinite(backward(np.ones_like(y))).all()


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_probabilities_sum_to_one_along_the_axis(axis, rng):
    p, _ = ops.softmax.forward(rng.standard_normal((2, 3, 5)), axis=axis)
    np.testing.assert_allclose(p.sum(axis=axis), 1)


def test_a_gradient_of_equal_entries_vanishes(rng):
    """Raising all probabilities together is impossible: this is why gradcheck draws its upstream gradient."""
    p, backward = ops.softmax.forward(rng.standard_normal((2, 3)))
    np.testing.assert_allclose(backward(np.ones_like(p)), 0, atol=1e-15)


def slow_cross_entropy(logits, labels, smoothing):
    total = 0.0
    batch, classes = logits.shape
    for row, label in zip(logits, labels, strict=True):
        normaliser = sum(math.exp(z) for z in row)
        for k, z in enumerate(row):
            target = smoothing / classes + (1 - smoothing if k == label else 0)
            total -= target * math.log(math.exp(z) / normaliser)
    return total / batch


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_cross_entropy_against_a_plain_loop(smoothing, rng):
    logits, labels = rng.standard_normal((3, 5)), np.array([4, 0, 2])
    loss, _ = ops.cross_entropy.forward(logits, labels, label_smoothing=smoothing)
    assert loss == pytest.approx(slow_cross_entropy(logits, labels, smoothing), rel=1e-12)


def test_cross_entropy_is_its_composition_with_log_softmax(rng):
    logits, labels = Tensor(rng.standard_normal((3, 5)), requires_grad=True), np.array([4, 4, 2])
    composed = -(ops.log_softmax(logits)[np.arange(3), labels].mean())
    fused = ops.cross_entropy(logits, labels)
    assert float(fused.data) == pytest.approx(float(composed.data), rel=1e-12)
    np.testing.assert_allclose(gradients(fused, [logits])[0], gradients(composed, [logits])[0], atol=1e-15)


def test_equal_logits_lose_ln_k():
    assert ops.cross_entropy.forward(np.full((2, 7), 3.0), np.array([0, 6]))[0] == pytest.approx(math.log(7), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_extreme_logits_is_finite(dtype):
    loss, backward = ops.cross_entropy.forward(EXTREME.astype(dtype), np.array([1, 0, 2]))
    assert loss == pytest.approx((2e4 + math.log(3) + 2e4 + math.log(2)) / 3, rel=1e-6)
    assert np.isfinite(backward(np.ones((), dtype))[0]).all()


def test_labels_may_be_a_list_and_of_any_whole_type(rng):
    logits = rng.standard_normal((3, 5))
    expected = ops.cross_entropy.forward(logits, np.array([4, 0, 2]))[0]
    assert ops.cross_entropy.forward(logits, [4, 0, 2])[0] == expected
    assert ops.cross_entropy.forward(logits, np.array([4, 0, 2], np.uint8))[0] == expected


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_soft_labels_with_a_single_one_a_row_are_the_hard_ones(smoothing, dtype, rng, device):
    logits, labels = (to_device(a, device) for a in (rng.standard_normal((3, 5)).astype(dtype), np.array([4, 0, 2])))
    hard, hard_backward = ops.cross_entropy.forward(logits, labels, smoothing)
    soft, soft_backward = ops.cross_entropy.forward(logits, to_device(np.eye(5)[[4, 0, 2]], device), smoothing)
    assert soft.dtype == dtype and float(soft) == pytest.approx(float(hard), rel=1e-6)
    dy = to_device(np.ones((), dtype), device)
    (dlogits, of_targets), (expected, _) = soft_backward(dy), hard_backward(dy)
    assert dlogits.dtype == dtype and of_targets is None
    np.testing.assert_allclose(to_host(dlogits), to_host(expected), atol=1e-7)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_linear_in_the_soft_labels(smoothing, rng, device):
    """So mixing labels, as mixup does, mixes losses."""
    logits = to_device(rng.standard_normal((3, 5)), device)
    first, second = (np.eye(5)[labels] for labels in ([4, 0, 2], [4, 1, 3]))
    ends = [float(ops.cross_entropy.forward(logits, to_device(end, device), smoothing)[0]) for end in (first, second)]
    mixed = ops.cross_entropy.forward(logits, to_device(0.7 * first + 0.3 * second, device), smoothing)[0]
    assert float(mixed) == pytest.approx(0.7 * ends[0] + 0.3 * ends[1], rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_of_soft_labels_has_the_dtype_of_the_logits(dtype, rng, device):
    logits = to_device(rng.standard_normal((3, 5)).astype(dtype), device)
    for other in (np.float32, np.float64):
        targets = to_device(np.full((3, 5), 0.2, other), device)
        loss, backward = ops.cross_entropy.forward(logits, targets, 0.1)
        assert loss.dtype == dtype and backward(to_device(np.ones((), dtype), device))[0].dtype == dtype


def test_the_gradient_by_soft_labels_is_the_measured_slope_whatever_the_row(rng, device):
    targets = to_device(np.array([[0, 1, 0, 0, 0], [0.5, 0, 0, 0.5, 0], [0.2] * 5]), device)

    def loss(logits):
        y, backward = ops.cross_entropy.forward(logits, targets.astype(logits.dtype), 0.1)
        return y, lambda dy: backward(dy)[0]

    report = gradcheck(loss, to_device(rng.standard_normal((3, 5)), device))
    assert report, str(report)


def test_soft_labels_that_want_a_gradient_are_an_error(rng):
    logits, targets = (Tensor(a, requires_grad=True) for a in (rng.standard_normal((3, 5)), np.full((3, 5), 0.2)))
    with pytest.raises(ValueError, match="None for argument 1, labels"):
        gradients(ops.cross_entropy(logits, targets), [logits, targets])


def test_soft_labels_are_left_as_they_were(rng, device):
    targets = to_device(np.full((3, 5), 0.2), device)
    loss, backward = ops.cross_entropy.forward(to_device(rng.standard_normal((3, 5)), device), targets, 0.1)
    backward(loss)
    assert (to_host(targets) == 0.2).all()


def changed(row, *values):
    targets = np.full((3, 5), 0.2)
    targets[row, : len(values)] = values
    return targets


@pytest.mark.parametrize(
    "targets, message",
    [
        (changed(1, 0.9), r"targets\[1\] sums to 1.7 .*probabilities"),
        (changed(2, 1.2, -0.8), r"targets\[2\] sums to 1 .*smallest entry is -0.8"),
        (changed(0, math.nan), r"targets\[0\] sums to nan"),
        (changed(0, math.inf), r"targets\[0\] sums to inf"),
        (np.full((3, 4), 0.25), r"3 rows of 5 .*\(3, 4\)"),
        (np.full((2, 5), 0.2), r"3 rows of 5 .*\(2, 5\)"),
        (np.eye(5, dtype=int)[:3], r"3 whole numbers.*\(3, 5\)"),
    ],
)
def test_wrong_soft_labels_are_named(targets, message):
    with pytest.raises(ValueError, match=message):
        ops.cross_entropy.forward(np.zeros((3, 5)), targets)


def test_soft_labels_may_be_off_by_the_rounding_of_float32(rng):
    targets = rng.random((3, 1000), dtype=np.float32)
    targets /= targets.sum(axis=-1, keepdims=True)
    assert math.isfinite(ops.cross_entropy.forward(np.zeros((3, 1000), np.float32), targets)[0])


@pytest.mark.parametrize(
    "labels, message",
    [
        (np.array([0, 5, 9]), r"labels\[1\] is 5.* 0 to 4"),
        (np.array([0, 1, -1]), r"labels\[2\] is -1.* 0 to 4"),
        (np.array([0, 1]), r" 3 .*\(2,\)"),
        (np.array([[0, 1, 2]]), r" 3 .*\(1, 3\)"),
        (np.array([0.0, 1.0, 2.0]), "float64"),
    ],
)
def test_wrong_labels_are_named(labels, message):
    with pytest.raises(ValueError, match=message):
        ops.cross_entropy.forward(np.zeros((3, 5)), labels)
