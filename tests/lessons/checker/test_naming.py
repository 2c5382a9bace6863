"""Sentences for a wrong array and for a wrong shape, by themselves."""

import numpy as np
import pytest

from lessons.classroom.checker import diagnose
from lessons.classroom.checker.sentences import of_error, shape_advice
from lessons.exercise import Term

SHAPES = {
    ((2, 3, 5), (5,)): "sum over axes 0 and 1",
    ((4, 2, 3, 5), (5,)): "sum over axes 0, 1 and 2",
    ((3, 5), (5,)): "sum over axis 0",
    ((5,), ()): "sum over axis 0",
    ((2, 3, 5), (1, 3, 5)): "sum over axis 0, with keepdims=True",
    ((2, 3, 5), (1, 1, 5)): "sum over axes 0 and 1, with keepdims=True",
    ((2, 1), (2, 5)): "the size is 1 along axis 1: was it summed",
    ((5, 3), (3, 5)): "the same axes in another order",
    ((2, 5, 3), (2, 3, 5)): "the same axes in another order",
    ((2, 3), (2, 3, 1)): "keepdims=True keeps it",
    ((3,), (3, 5)): "an axis is gone that should be there",
    ((), (3, 5)): "an axis is gone that should be there",
    ((15,), (3, 5)): "is a reshape missing?",
    ((3, 5), (15,)): "is a reshape missing?",
    ((2, 7), (3, 5)): "",
    ((0,), (3, 5)): "",
    ((2, 4, 5), (2, 3, 5)): "one too many along axis 1",
    ((2, 3, 5), (2, 4, 5)): "one too few along axis 1",
    ((2, 1, 5), (2, 5)): "an axis of size 1 too many: a slice",
    ((5, 5), (4, 4)): "one too many along axes 0 and 1",
    ((3, 5), (4, 4)): "",
    ((1, 5), (5,)): "an axis of size 1 too many",
    ((1, 1, 5), (5,)): "an axis of size 1 too many",
}


@pytest.mark.parametrize("got, want", SHAPES, ids=str)
def test_a_wrong_shape_has_advice(got, want):
    assert SHAPES[got, want] in shape_advice(got, want)
    assert SHAPES[got, want] or not shape_advice(got, want)


def test_advice_leaves_open_how_an_axis_goes_where_it_may_be_a_mean():
    assert shape_advice((2, 3), (3,), summed="sum or average") == "sum or average over axis 0"


def test_advice_names_shapes_that_can_be_reached_by_following_it(rng):
    for got, want in [((2, 3, 5), (5,)), ((2, 3, 5), (1, 3, 5)), ((4, 2, 3, 5), (5,)), ((5,), ())]:
        axes = tuple(int(c) for c in shape_advice(got, want) if c.isdigit())
        assert rng.random(got).sum(axes, keepdims="keepdims" in shape_advice(got, want)).shape == want


def test_an_error_inside_a_function_that_is_checked_by_itself_is_shown_where_that_was_called():
    names = {}
    exec(compile("def part(x):\n    return x @ x\n\n\ndef whole(x):\n    return part(x)\n", "f.py", "exec"), names)
    with pytest.raises(ValueError, match="matmul") as caught:
        names["whole"](np.ones((2, 3)))
    sentence, line, _ = of_error(caught.value, names, {"part": names["part"]})
    assert line == 6 and sentence.startswith("in part, which is called here: @ needs the last axis")
    sentence, line, _ = of_error(caught.value, names)
    assert line == 2 and sentence.startswith("@ needs the last axis")


@pytest.fixture
def two(rng):
    """Two terms of shape (2, 5)."""
    return [Term("first", rng.standard_normal((2, 5)), "Why one."), Term("second", rng.standard_normal((2, 5)), "Why two.")]


def lines(terms, *factors, symbols=None):
    wrong = sum(c * t.value for c, t in zip(factors, terms, strict=True))
    return diagnose.by_terms("dx", terms, wrong, symbols or {"B": 2, "D": 5})


TERMS = {
    (1, 0): ["dx = 1·[first] + 0·[second]", "The second term is missing: Why two."],
    (0, 1): ["dx = 0·[first] + 1·[second]", "The first term is missing: Why one."],
    (1, -1): ["dx = 1·[first] + −1·[second]", "The second term has the wrong sign: Why two."],
    (1, 5): [
        "dx = 1·[first] + 5·[second]",
        "The second term is D = 5 times the right one (a sum where a mean belongs?): Why two.",
    ],
    (0.2, 1): [
        "dx = 0.2·[first] + 1·[second]",
        "The first term is 1/D = 1/5 of the right one (a mean where a sum belongs?): Why one.",
    ],
    (0.5, 1): ["dx = 0.5·[first] + 1·[second]", "The first term is 0.5 times the right one: Why one."],
    (1, 5**0.5): ["dx = 1·[first] + 2.236·[second]", "The second term is √D = √5 times the right one: Why two."],
    (1, 5**-0.5): ["dx = 1·[first] + 0.4472·[second]", "The second term is 1/√D = 1/√5 of the right one: Why two."],
    (1, -0.2): None,
    (1, 0.3): ["dx = 1·[first] + 0.3·[second]", "The second term is 0.3 times the right one: Why two."],
    (0, 0): ["dx is zero everywhere."],
    (1, 1): [],
}  # fmt: skip


@pytest.mark.parametrize("factors", TERMS, ids=str)
def test_the_factor_of_each_term_is_told(two, factors):
    found = lines(two, *factors)
    if TERMS[factors] is None:
        assert found[1].startswith("The second term is minus 1/D = 1/5 of the right one (a mean where a sum belongs?)")
    else:
        assert found == TERMS[factors]


def test_what_is_no_sum_of_the_terms_is_not_named(two, rng):
    assert diagnose.by_terms("dx", two, rng.standard_normal((2, 5)), {}) == []


def test_terms_that_cannot_be_told_apart_are_not_named(two):
    same = [two[0], Term("twice", 2 * two[0].value, "")]
    assert diagnose.by_terms("dx", same, 5 * two[0].value, {}) == []


def test_what_is_no_number_is_not_named_by_terms(two):
    assert diagnose.by_terms("dx", two, np.full((2, 5), np.nan), {}) == []


def test_terms_are_broadcast_to_the_shape_of_the_gradient(rng):
    terms = [Term("a", rng.standard_normal((2, 5)), ""), Term("b", rng.standard_normal((2, 1)), "")]
    assert diagnose.by_terms("dx", terms, terms[0].value + 0 * terms[1].value, {})[1].startswith("The second term is missing")


def relation(wrong, truth, **others):
    return diagnose.by_relation(wrong, truth, others) or ""


def test_relations_to_the_right_answer_are_told(rng):
    truth, square = rng.standard_normal((2, 5)), rng.standard_normal((4, 4))
    assert relation(0 * truth, truth) == "Every entry is zero."
    assert relation(-truth, truth) == "It has the wrong sign everywhere."
    assert relation(2.5 * truth, truth).startswith("Every entry is 2.5 times the right one")
    assert relation(square.T, square) == "It is the transpose of the right one."
    assert "These are the values of dy" in relation(truth + 1, truth, dy=truth + 1)
    assert relation(np.where(truth > 9, truth, np.nan), truth) == "10 of 10 entries are not numbers (nan or inf)."
    assert relation(truth + rng.standard_normal((2, 5)), truth) == ""


def test_relations_do_not_trip_over_small_and_empty_arrays():
    assert relation(np.array([2.0]), np.array([1.0])) == ""
    assert relation(np.array(2.0), np.array(1.0)) == ""
    assert "zero" in relation(np.zeros(3), np.zeros(3)) or relation(np.zeros(3), np.zeros(3)) == ""
    assert relation(np.ones(3), np.zeros(3)) == ""


@pytest.mark.parametrize("shape, place", [((2, 3), "dx[1, 2]"), ((4,), "dx[3]"), ((), "dx")])
def test_the_worst_entry_is_told_by_its_place(shape, place):
    truth = np.ones(shape)
    wrong = truth.copy()
    wrong[(-1,) * len(shape)] = 3
    told = diagnose.worst_entry("dx", wrong, truth, "numeric")
    assert told[0] == f"worst entry {place}: yours 3, numeric 1"
    assert told[1:] == ([f"1 of {wrong.size} entries is wrong"] if shape else [])


@pytest.mark.parametrize("text", ["first, second, third, fourth = np.zeros((3, 4))", "first, second = np.zeros((3, 4))"])
def test_an_array_that_is_taken_apart_into_another_number_of_names(text):
    with pytest.raises(ValueError) as caught:
        exec(text, {"np": np})
    sentence, _, _ = of_error(caught.value, {})
    assert "to unpack (expected" in sentence and "along its first axis" in sentence
