"""python -m lessons, without a command, and list."""

import re


def test_without_a_command_it_says_where_you_are_and_what_is_next(learner):
    code, out = learner.says()
    assert code == 0 and "3 lessons. 0 done." in out and "Next: 01 Double, 5 minutes." in out and "start 01" in out
    learner.says("start", "01")
    assert "check 01" in learner.says()[1] and "work/01_double.py" in learner.says()[1]


def test_after_the_last_lesson_it_says_what_to_train(learner):
    for number in ("01", "02", "03"):
        learner.solves(number)
        assert learner.says("check", number)[0] == 0
    assert "train --mine" in learner.says()[1]
    assert "3 of 3 lessons done" in learner.says("progress")[1]


def test_the_list_names_every_lesson_and_how_far_you_are(learner):
    learner.solves("01")
    learner.says("check", "01")
    learner.solves("02", changes={"g = dy * weight": "g = 2 * dy"})
    learner.says("check", "02")
    learner.says("skip", "03")
    code, out = learner.says("list")
    assert code == 0
    for row in [r"01 +Double +5 +done +You can double", r"02 +Centre +10 +1 of 2 ", r"03 +Word +5 +skipped "]:
        assert re.search(row, out), out
