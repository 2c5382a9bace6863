"""A learner, in a course of three small lessons."""

import functools
import os
import re
import sys
import textwrap

import pytest

from lessons import cli, course, sandbox

from ..support.small_course import ROOT, build_course

OF_THE_COURSE = re.compile(r"lessons[\\/]\w+\.py|Traceback")


def flat(text):
    """Lines that were wrapped, as one."""
    return " ".join(text.split())


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A folder with lessons/, to be read only."""
    return build_course(tmp_path_factory.mktemp("course"))


def go_to(monkeypatch, folder):
    """Makes folder/lessons the course, in this process and in those that it starts."""
    monkeypatch.setattr(course, "FOLDER", folder / "lessons")
    monkeypatch.setattr(sandbox, "__file__", str(folder / "lessons" / "sandbox.py"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    monkeypatch.setenv("COLUMNS", "80")
    # Python knows a stale .pyc by the second and the size alone: two versions of check.py may share both.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.chdir(folder)
    course.lessons.cache_clear()


@pytest.fixture
def small(built, tmp_path, monkeypatch):
    """The small course, with a folder for the learner's files that is empty."""
    go_to(monkeypatch, built)
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    yield built
    course.lessons.cache_clear()


class Learner:
    """Somebody at the command line of the small course."""

    def __init__(self, work, capsys, monkeypatch):
        self.work, self.capsys, self.monkeypatch = work, capsys, monkeypatch
        self.file = work / "02_centre.py"

    def writes(self, text, name="02_centre.py"):
        path = self.work / name
        path.write_bytes(text) if isinstance(text, bytes) else path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def solves(self, lesson, **changes):
        """Writes the solution, with parts of its text replaced."""
        from lessons import build

        lesson = course.find(lesson)
        text = build.solution(lesson.source, lesson.name)
        for old, new in changes.get("changes", {}).items():
            assert old in text
            text = text.replace(old, new)
        return self.writes(text, f"{lesson.name}.py")

    def passes(self, *lessons, changes=None):
        """Writes the solutions and notes that they are passed; returns the last file."""
        for name in lessons:
            path, lesson = self.solves(name, changes=changes or {}), course.find(name)
            course.record(lesson, status="passed", done=len(lesson.tasks))
        return path

    def says(self, *arguments):
        """(exit code, what is printed) of a command. Whatever happens, nobody sees a traceback or a file of the course."""
        self.capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
        out, err = self.capsys.readouterr()
        assert not OF_THE_COURSE.search(out + err), out + err
        return code, out + err

    def has_so_many_seconds(self, seconds):
        self.monkeypatch.setattr(sandbox, "check_file", functools.partial(sandbox.check_file, seconds=seconds))


@pytest.fixture
def mine(tmp_path, capsys, monkeypatch):
    """A learner of the real course who has passed nothing yet."""
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    return Learner(tmp_path / "work", capsys, monkeypatch)


@pytest.fixture
def learner(small, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Learner(tmp_path / "work", capsys, monkeypatch)
