"""python -m lessons start, reset, skip."""

from lessons.classroom import course

from ...support.learner import flat


def test_start_writes_the_stub_and_says_what_is_next(learner):
    code, out = learner.says("start", "02")
    assert code == 0 and "work/02_centre.py" in out and "check 02" in out and "watch 02" in out
    assert "YOUR CODE" in learner.file.read_text(encoding="utf-8")
    assert "It builds on 01, which you have not finished" in out


def test_several_lessons_that_it_builds_on_are_a_list(learner, monkeypatch):
    monkeypatch.setattr(course.find("02").about, "NEEDS", ["01", "01", "01"])
    assert "It builds on 01, 01 and 01, which you have not finished" in flat(learner.says("start", "02")[1])


def test_start_never_overwrites(learner):
    learner.writes("mine")
    code, out = learner.says("start", "02")
    assert code == 0 and "it stays as it is" in out and "reset 02" in flat(out) and learner.file.read_text() == "mine"


def test_start_makes_the_folder(learner, monkeypatch, tmp_path):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "a" / "b"))
    assert learner.says("start", "02")[0] == 0 and (tmp_path / "a" / "b" / "02_centre.py").exists()


def test_a_folder_that_cannot_be_written_is_said(learner, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "file"))
    code, out = learner.says("start", "02")
    assert code == 2 and out.startswith("lessons: ") and len(out.splitlines()) == 1


def test_reset_keeps_every_version_as_a_backup(learner):
    for text in ("first", "second", "third"):
        learner.writes(text)
        code, out = learner.says("reset", "02")
        assert code == 0 and "Yours is kept as" in out
    assert [learner.work.joinpath(f"02_centre.backup-{i}.py").read_text() for i in (1, 2, 3)] == ["first", "second", "third"]
    assert "YOUR CODE" in learner.file.read_text(encoding="utf-8")


def test_reset_makes_the_lesson_open_again(learner):
    learner.solves("01")
    learner.says("check", "01")
    learner.says("reset", "01")
    assert course.current().number == "01" and course.state(course.find("01")).done == 0


def test_skip_goes_on_and_a_skipped_lesson_can_still_be_passed(learner):
    code, out = learner.says("skip", "01")
    assert code == 0 and "is skipped" in out and "Next: 02" in out
    learner.solves("01", changes={"2 * x": "3 * x"})
    learner.says("check", "01")
    assert course.state(course.find("01")).status == "skipped"
    learner.solves("01")
    learner.says("check", "01")
    assert course.state(course.find("01")).status == "passed"


def test_skip_does_not_forget_that_a_lesson_was_passed(learner):
    learner.solves("01")
    learner.says("check", "01")
    learner.says("skip", "01")
    assert course.state(course.find("01")).status == "passed"
