"""python -m lessons hint, solution."""

from lessons.classroom import course

from ...support.learner import flat


def test_hints_advance_and_stay_at_the_last(learner):
    told = [learner.says("hint", "02")[1] for _ in range(4)]
    for out, word, level in zip(told, ["Nudge", "Idea", "Plan", "Plan"], [1, 2, 3, 3], strict=True):
        assert f"{word} of forward." in out and f"hint {level} of 3" in out
    assert "solution 02 --yes" in told[-1] and "solution" not in told[0]


def test_hints_begin_again_when_a_task_passes_and_not_before(learner):
    learner.says("hint", "02")
    learner.says("hint", "02")
    learner.says("start", "02")
    learner.says("check", "02")
    assert "Plan of forward." in learner.says("hint", "02")[1]
    learner.solves("02", changes={"g = dy * weight": "g = 2 * dy"})
    learner.says("check", "02")
    assert "Nudge of backward." in learner.says("hint", "02")[1]
    learner.says("check", "02")
    assert "Idea of backward." in learner.says("hint", "02")[1]


def test_the_solution_is_refused_before_passing_and_shown_with_yes(learner):
    code, out = learner.says("solution", "02")
    assert code == 2 and "not passed yet" in out and "hint 02" in out and "dweight" not in out
    code, out = learner.says("solution", "02", "--yes")
    assert code == 0 and "dweight = (dy * centred)" in out and "BEGIN" not in out


def test_the_solution_is_shown_after_passing(learner):
    learner.solves("01")
    learner.says("check", "01")
    code, out = learner.says("solution", "01")
    assert code == 0 and "return 2 * x" in out


def test_the_solution_can_be_written_as_the_file_and_what_was_there_is_kept(learner):
    learner.writes("mine")
    assert learner.says("solution", "02", "--write")[0] == 2 and learner.file.read_text() == "mine"
    code, out = learner.says("solution", "02", "--yes", "--write")
    assert code == 0 and "Yours is kept as" in out and "Run it: python" in flat(out)
    assert (learner.work / "02_centre.backup-1.py").read_text() == "mine"
    assert learner.says("check", "02")[0] == 0
    assert course.state(course.find("02")).status == "passed"
