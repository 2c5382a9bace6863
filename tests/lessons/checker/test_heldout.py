"""Answers of people who saw the lessons' texts alone: each wrong one is rejected, none gets a name that is not true, and most get
one; right ones, however they are written, are accepted.

What is counted over all lessons is in the slow leg: python -m tests.support.heldout prints it, lesson by lesson.
"""

from collections import Counter
from functools import cache

import pytest

from lessons.classroom import course
from tests.support import heldout
from tests.support.heldout.__main__ import refused, verdicts

pytestmark = pytest.mark.slow

NAMED_GRADIENTS, NAMED = 0.85, 0.80  # of the wrong gradients, and of all wrong answers, at least so many by name


@pytest.fixture(autouse=True)
def no_learner(tmp_path, monkeypatch):
    """`mine` is the course's own."""
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))


@cache
def found(number):
    """What is said of a lesson's wrong answers, which takes a while: the tests share it."""
    return list(verdicts(number))


@pytest.mark.parametrize("number", heldout.numbers())
def test_wrong_answers_are_rejected_and_no_name_is_false(number):
    bad = [f"{verdict} {answer.id} ({answer.comment}): {said}" for answer, verdict, said, _ in found(number)
           if verdict in ("false", "accepted")]  # fmt: skip
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("number", heldout.numbers())
def test_right_answers_are_accepted_and_not_scolded(number):
    assert not [(answer.id, why) for answer, why in refused(number)]


def test_most_are_named():
    told = [entry for number in heldout.numbers() for entry in found(number)]
    of_all = Counter(verdict for _, verdict, *_ in told)
    of_gradients = Counter(verdict for _, verdict, _, gradient in told if gradient)
    assert of_all["named"] >= NAMED * of_all.total(), of_all
    assert of_gradients["named"] >= NAMED_GRADIENTS * of_gradients.total(), of_gradients


def test_there_are_as_many_as_the_course_promises():
    assert sum(len(heldout.wrong(number)) for number in heldout.numbers()) >= 600
    assert sum(len(heldout.right(number)) for number in heldout.numbers()) >= 150
    assert {lesson.number for lesson in course.lessons()} == set(heldout.numbers())
