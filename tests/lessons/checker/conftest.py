"""What the tests of the checker share."""

import pytest

from lessons.classroom import course
from lessons.classroom.checker import checker, mending
from lessons.classroom.pages import build

from ...support.centre import names_of


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """The search for a mistake ends by its own count, and not by the clock of a machine that does other things as well."""
    monkeypatch.setattr(mending, "PATIENCE", 60)


@pytest.fixture
def check(small):
    """check({old: new, ...}): the two results for the solution of centre with these parts of its text replaced."""
    lesson = course.find("centre")

    def run(changes=None, seed=0, front=""):
        text = build.solution(lesson.source, lesson.name)
        for old, new in (changes or {}).items():
            assert text.count(old) == 1
            text = text.replace(old, new)
        return checker.check_lesson(lesson, names_of(front + text), seed)

    return run
