"""The checker rejects wrong answers that are in no list: it must not need to have seen a mistake before."""

import pytest

from lessons import mine
from lessons.classroom import course
from lessons.classroom.commands.verify.proof import first_wrong

from ...support import (
    unlisted,
    unlisted_better,
    unlisted_detr,
    unlisted_device,
    unlisted_flash,
    unlisted_fused,
    unlisted_pretrained,
    unlisted_vit,
)

SETS = (
    unlisted,
    unlisted_vit,
    unlisted_better,
    unlisted_detr,
    unlisted_flash,
    unlisted_device,
    unlisted_fused,
    unlisted_pretrained,
)
WRONG = {number: of for answers in SETS for number, of in answers.WRONG.items()}
RIGHT = {number: of for answers in SETS[1:] for number, of in answers.RIGHT.items()}
ANSWERS = [
    pytest.param(number, name, function, id=f"{number}-{name}-{function.__name__}")
    for number, exercises in WRONG.items()
    for name, functions in exercises.items()
    for function in functions
]


@pytest.fixture(autouse=True)
def no_learner():
    """`mine` is the course's own."""
    with mine.of_the_course():
        yield


@pytest.mark.slow
@pytest.mark.parametrize("number, name, function", ANSWERS)
def test_a_wrong_answer_is_rejected(number, name, function):
    lesson = course.find(number)
    exercise = next(exercise for exercise in lesson.exercises if exercise.name == name)
    for seed in range(3):
        assert first_wrong(lesson, exercise, {name: function}, seed) is not None, function.__doc__


@pytest.mark.slow_of("14-vit", "16-train_vit", "20", "22-compare")
@pytest.mark.parametrize("number, name", [(number, name) for number, of in RIGHT.items() for name in of])
def test_the_same_without_its_mistake_is_accepted(number, name):
    lesson = course.find(number)
    exercise = next(exercise for exercise in lesson.exercises if exercise.name == name)
    assert first_wrong(lesson, exercise, {name: RIGHT[number][name]}) is None


def test_there_are_many_and_each_says_what_is_wrong():
    functions = [function for exercises in WRONG.values() for listed in exercises.values() for function in listed]
    assert len(set(functions)) == len(functions) >= 100
    assert all(function.__doc__ and "\n" not in function.__doc__ for function in functions)
