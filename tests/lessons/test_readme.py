"""What README and lessons/README.md show of a check is what it says."""

import re

import pytest

from lessons.classroom import cli, course
from lessons.classroom.pages import build

ROOT = course.FOLDER.parent
RIGHT, WRONG = "(g - along_ones - xhat * along_xhat)", "(g - xhat * along_xhat)"


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """The lines of the check of a LayerNorm whose gradient lacks the road through the mean."""
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    lesson = course.find("08")
    solution = build.solution(lesson.source, lesson.name)
    assert solution.count(RIGHT) == 1
    lesson.file.write_text(solution.replace(RIGHT, WRONG), encoding="utf-8")
    assert cli.main(["check", "08"]) == 1
    return lines(capsys.readouterr().out)


def lines(text):
    """The lines of a check without the path, and without the rounding errors, which differ between machines."""
    text = re.sub(r"error \de-\d\d", "error", re.sub(r"\S*08_layernorm.py:\d+", "", text))
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("readme, begins", [("README.md", "  NO   dx"), ("lessons/README.md", "08 LayerNorm")])
def test_the_check_that_is_shown(said, readme, begins):
    text = (ROOT / readme).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    block = next(block for block in blocks if block.startswith(begins))
    shown = lines(block)
    start = said.index(shown[0])
    assert said[start : start + len(shown)] == shown
