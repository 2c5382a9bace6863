"""`mine`: the learner's own functions in other lessons, or the course's."""

import os

import pytest

from lessons import own

RIGHT = "def double(x):\n    return 2 * x\n"
WRONG = "def double(x):\n    return 3 * x\n"


@pytest.fixture
def mine(learner):
    """`mine`, freshly imported."""
    return own._Mine()


def test_mine_is_the_course_s_until_the_lesson_is_passed_then_the_learner_s(learner, mine):
    learner.writes("def double(x):\n    return x + x  # the learner's\n", "01_double.py")
    assert mine.double(3) == 6 and mine.double.__globals__["__name__"] != "01_double"
    assert learner.says("check", "01")[0] == 0
    assert mine.double(3) == 6 and mine.double.__globals__["__name__"] == "01_double"
    assert repr(mine) == "mine: double (yours)"


def test_mine_is_read_again_after_a_save(learner, mine):
    path = learner.writes(RIGHT, "01_double.py")
    learner.says("check", "01")
    first = mine.double
    assert mine.double is first
    path.write_text("def double(x):\n    return 'new'\n")
    os.utime(path, ns=(1, 1))
    assert mine.double(1) == "new"


def test_inside_of_the_course_nothing_is_the_learner_s(learner, mine):
    learner.writes(RIGHT, "01_double.py")
    learner.says("check", "01")
    theirs = mine.double
    with mine.of_the_course():
        assert mine.double is not theirs
    assert mine.double is theirs


def test_mine_of_a_skipped_lesson_is_the_course_s(learner, mine):
    learner.writes(WRONG, "01_double.py")
    learner.says("skip", "01")
    assert mine.double(3) == 6
    assert repr(mine) == "mine: double (the course's)"


def test_mine_of_what_no_lesson_defines_is_an_attribute_error(mine):
    with pytest.raises(AttributeError, match="no lesson defines nothing_like_that"):
        _ = mine.nothing_like_that


def test_mine_of_a_file_that_no_longer_runs_says_which(learner, mine):
    path = learner.writes(RIGHT, "01_double.py")
    learner.says("check", "01")
    path.write_text("def double(x:\n")
    with pytest.raises(ValueError, match=r"01_double.py: Python does not understand this line"):
        _ = mine.double


def test_mine_of_a_function_that_is_gone_from_the_learner_s_file_says_so(learner, mine):
    path = learner.solves("02")
    assert learner.says("check", "02")[0] == 0
    path.write_text(path.read_text(encoding="utf-8").replace("def helper", "def renamed"), encoding="utf-8")
    try:
        assert mine.helper() == "right"
    except (AttributeError, ValueError) as error:
        assert "helper" in str(error) and "02_centre.py" in str(error)


def test_a_learner_s_file_can_use_what_it_wrote_in_another_lesson(learner):
    learner.writes(RIGHT, "01_double.py")
    assert learner.says("check", "01")[0] == 0
    learner.writes("from lessons import mine\n\n\ndef word():\n    return 'yes' if mine.double(2) == 4 else 5\n", "03_word.py")
    assert learner.says("check", "03")[0] == 0
