"""Probabilities that can be trusted: the error of calibration, and the one temperature that lowers it."""

import numpy as np
import pytest

from minivit import ops
from minivit.training.calibration import best_temperature, calibration_error, temperature_of


def test_the_error_is_how_far_sureness_and_right_answers_are_apart():
    """Four answers that are 90 % sure, of which three are right: 15 points; two that are 60 % sure, both right: 40 points."""
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.4, 0.6]] * 2)
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert calibration_error(probabilities, labels) == pytest.approx((4 * 0.15 + 2 * 0.4) / 6)


def test_answers_that_are_right_as_often_as_they_are_sure_have_no_error():
    assert calibration_error(np.array([[0.75, 0.25]] * 4), np.array([0, 0, 0, 1])) == pytest.approx(0)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


@pytest.mark.slow
@pytest.mark.parametrize("true", [0.5, 1.0, 2.0])
def test_the_temperature_that_was_used_is_found_again(true):
    """Labels are drawn from softmax(logits / true): that is the temperature of the largest likelihood."""
    rng = np.random.default_rng(0)
    logits = 3 * rng.standard_normal((20000, 4))
    noise = rng.gumbel(size=logits.shape)
    labels = (logits / true + noise).argmax(axis=1)
    found = best_temperature(logits, labels)
    assert found == pytest.approx(true, rel=0.05)
    after, before = (calibration_error(ops.softmax.forward(logits / t)[0], labels) for t in (found, 1))
    assert after < 0.015 and (true == 1 or after < before)


def test_a_file_without_a_temperature_has_1():
    assert temperature_of({}) == 1 and temperature_of({"temperature": 0.58}) == 0.58


@pytest.mark.parametrize("value", [0, -1, "1", None, True, float("nan"), float("inf")])
def test_a_temperature_that_makes_no_sense_is_told(value):
    with pytest.raises(ValueError, match=r"the model's temperature is .*; it must be a number above 0"):
        temperature_of({"temperature": value})
