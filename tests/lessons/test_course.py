"""Which lesson is meant, and how far somebody is."""

import re

import pytest

from lessons.classroom import course

from ..support.small_course import LESSONS


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "text",
    ["2", "02", 2, "centre", "Centre", "02_centre", "work/02_centre.py", "/elsewhere/02_centre.ipynb", "lessons/02_centre/"],
)
def test_a_lesson_is_found_by_number_name_and_path(text):
    assert course.find(text).name == "02_centre"


@pytest.mark.parametrize("text", ["7", "99", "attention", "", "02_centre_old", "2x", "-"])
def test_an_unknown_lesson_is_a_mistake_in_usage(learner, text):
    code, out = learner.says("start", text) if text != "-" else learner.says("start", "--", "-")
    assert code == 2 and "there is no lesson" in out and "01 to 03" in out and "python -m lessons list" in out


def test_numbers_that_have_no_lesson_yet_are_left_out(monkeypatch):
    there = tuple(
        course.Lesson(course.FOLDER / name) for name in ("00_zero", "01_one", "02_two", "05_five", "07_seven", "08_eight")
    )
    monkeypatch.setattr(course, "lessons", lambda: there)
    with pytest.raises(ValueError, match="there is no lesson '03'; there are 00 to 02, 05, 07 to 08: "):
        course.find("03")


def test_the_real_lessons_are_numbered_and_found():
    names = [lesson.name for lesson in course.lessons()]
    assert names == sorted(names) and len({name[:2] for name in names}) == len(names)
    assert course.find("gelu").number == "05"


def test_a_command_without_a_lesson_means_the_one_that_you_are_at(learner):
    learner.says("skip", "01")
    assert "02_centre.py" in learner.says("start")[1]


def test_a_broken_line_of_progress_does_not_cost_the_others(learner):
    file = learner.work / "progress.txt"
    file.write_bytes(b"01 passed 1 of 1, hints 2, 2026-01-02\nnonsense \xff\n02 passed\n03 skipped 0 of 1, hints 0, 2026-01-03")
    assert re.search(r"01 +Double +5 +done", learner.says("list")[1])
    learner.says("hint", "02")
    text = file.read_text(encoding="utf-8")
    assert "01 passed 1 of 1, hints 2, 2026-01-02\n" in text and "03 skipped 0 of 1, hints 0, 2026-01-03\n" in text
    assert "02 started 0 of 2, hints 1," in text


def test_the_small_course_is_as_the_machinery_wants_it(small):
    assert [lesson.name for lesson in course.lessons()] == list(LESSONS)
