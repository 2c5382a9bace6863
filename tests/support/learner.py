"""Somebody who takes the course, real or small, at the command line."""

import functools
import os
import re
import sys
import textwrap

from lessons.classroom import cli, course
from lessons.classroom.checker import sandbox
from lessons.classroom.pages import build

from .small_course import ROOT

OF_THE_COURSE = re.compile(r"lessons[\\/](classroom[\\/])?[\w\\/]+\.py|Traceback")


def flat(text):
    """Lines that were wrapped, as one."""
    return " ".join(text.split())


def go_to(monkeypatch, folder):
    """Makes folder/lessons the course, in this process and in those that it starts."""
    monkeypatch.setattr(course, "FOLDER", folder / "lessons")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    monkeypatch.setenv("COLUMNS", "80")
    # Python knows a stale .pyc by the second and the size alone: two versions of check.py may share both.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.chdir(folder)
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
