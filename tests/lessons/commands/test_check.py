"""python -m lessons check."""

import re

from lessons.classroom import course


def test_a_lesson_that_passes_is_remembered_and_the_next_is_named(learner):
    learner.solves("01")
    code, out = learner.says("check", "01")
    assert code == 0 and "ok   double" in out and "start 02" in out and "quiz 01" in out
    assert re.search(r"(?m)^01 passed 1 of 1, hints 0, \d{4}-\d\d-\d\d$", (learner.work / "progress.txt").read_text())


def test_a_wrong_answer_is_told_with_its_task_the_place_to_read_and_what_is_next(learner):
    learner.solves("02", changes={"g = dy * weight": "g = dy"})
    code, out = learner.says("check", "02")
    assert code == 1
    for words in ["task 2 of 2 · centre, backward", "ok   centre, forward", "NO   dx", "What this looks like", "γ was left out"]:
        assert words in out
    assert 'Read  lesson 02, "The gradient"' in out and "hint 02 · check 02 --plot" in out


def test_check_plot_draws_yours_the_right_one_and_the_difference(learner):
    learner.solves("02", changes={"g = dy * weight": "g = dy"})
    code, out = learner.says("check", "02", "--plot")
    assert code == 1 and "work/02_centre_check.png" in out
    assert (learner.work / "02_centre_check.png").read_bytes()[:4] == b"\x89PNG"


def test_check_plot_of_a_right_answer_says_that_there_is_nothing_to_draw(learner):
    learner.solves("01")
    code, out = learner.says("check", "01", "--plot")
    assert code == 0 and "Nothing to draw" in out


def test_a_lesson_that_is_broken_after_passing_is_open_again(learner):
    learner.solves("01")
    learner.says("check", "01")
    learner.solves("01", changes={"2 * x": "3 * x"})
    assert learner.says("check", "01")[0] == 1 and course.current().number == "01"


def test_after_a_lesson_comes_the_next_one_even_for_somebody_who_began_in_the_middle(learner):
    learner.solves("02")
    assert "Next   python -m lessons start 03" in learner.says("check", "02")[1]
    learner.solves("03")
    assert "Next   python -m lessons start 01" in learner.says("check", "03")[1]
