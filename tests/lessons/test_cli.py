"""The command line: exit codes, bad usage, help."""

import os
import re
import subprocess
import sys

import pytest

from lessons.classroom import cli, course
from lessons.classroom.commands import NAMES

from ..support.learner import go_to
from ..support.small_course import CENTRE_CHECK, RIGHT, build_course


def test_an_error_of_the_course_itself_is_exit_code_4(tmp_path, monkeypatch, capsys):
    folder = build_course(tmp_path / "course")
    (folder / "lessons" / "02_centre" / "check.py").write_text(CENTRE_CHECK.replace("TITLE,", "TITLE,, "))
    go_to(monkeypatch, folder)
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "02_centre.py").write_text(RIGHT)
    assert cli.main(["check", "02"]) == 4
    out = capsys.readouterr().out
    assert "The course itself has an error in lesson 02; this is not your mistake." in " ".join(out.split())
    assert "SyntaxError" in out
    course.lessons.cache_clear()


@pytest.mark.parametrize("command", ["start", "hint", "quiz", "list"])
def test_an_error_of_the_course_is_exit_code_4_in_every_command(tmp_path, monkeypatch, capsys, command):
    folder = build_course(tmp_path / "course")
    (folder / "lessons" / "02_centre" / "check.py").write_text("1 / 0\n")
    go_to(monkeypatch, folder)
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    try:
        assert cli.main([command] if command == "list" else [command, "02"]) == 4
    finally:
        course.lessons.cache_clear()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["chekc", "02"], "invalid choice"),
        (["check", "02", "--plt"], "unrecognized arguments"),
        (["check", "02", "03"], "unrecognized arguments"),
        (["train", "--epochs", "many"], "invalid int value"),
        (["notebook", "02", "--out"], "expected one argument"),
    ],
    ids=str,
)
def test_bad_usage_is_one_line_and_exit_code_2(learner, arguments, words):
    code, out = learner.says(*arguments)
    assert code == 2 and words in out and out.startswith("lessons: ") and len(out.splitlines()) == 1


COMMANDS = (
    "list start check watch hint quiz demo solution reset skip progress notebook train export grade site verify doctor".split()
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_its_exit_codes(learner, command):
    code, out = learner.says(command, "--help")
    assert code == 0 and f"python -m lessons {command}" in out and "4 an error of the course itself" in " ".join(out.split())


def test_the_first_help_names_every_command(learner):
    assert NAMES == COMMANDS
    code, out = learner.says("--help")
    assert code == 0 and all(re.search(rf"(?m)^    {command} ", out) for command in COMMANDS)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_reader_that_has_seen_enough_is_no_error(small):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "lessons", "list"], cwd=small, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == ""
