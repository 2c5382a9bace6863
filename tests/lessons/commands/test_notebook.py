"""python -m lessons notebook, and check() in one."""

import json
import re
import textwrap

import pytest

from lessons.classroom import course
from lessons.classroom.commands import hint

from ...support.small_course import RIGHT


def notebook_with(learner, answer, *more):
    """The learner's notebook of lesson 02: the course's, with `answer` in the cell of the exercise, and more cells."""
    learner.says("notebook", "02")
    path = learner.work / "02_centre.ipynb"
    book = json.loads(path.read_text(encoding="utf-8"))
    cell = next(cell for cell in book["cells"] if "".join(cell["source"]).startswith("def centre"))
    cell["source"] = textwrap.dedent(answer).splitlines(keepends=True)
    book["cells"] += [{"cell_type": "code", "source": source, "metadata": {}, "outputs": []} for source in more]
    path.write_text(json.dumps(book), encoding="utf-8")
    return path


def test_the_notebook_is_written_and_never_overwritten(learner):
    code, out = learner.says("notebook", "02")
    path = learner.work / "02_centre.ipynb"
    assert code == 0 and "work/02_centre.ipynb" in out and json.loads(path.read_text(encoding="utf-8"))["nbformat"] == 4
    path.write_text("mine")
    code, out = learner.says("notebook", "02")
    assert code == 2 and "may hold your work" in out and path.read_text() == "mine"


def test_the_notebook_can_go_elsewhere(learner, tmp_path):
    assert learner.says("notebook", "02", "--out", tmp_path / "x" / "y.ipynb")[0] == 0
    assert (tmp_path / "x" / "y.ipynb").exists()


def test_a_learner_s_notebook_is_checked(learner):
    learner.says("notebook", "02")
    assert learner.says("check", "02")[0] == 3
    notebook_path = learner.work / "02_centre.ipynb"
    notebook_path.unlink()
    notebook_with(learner, RIGHT)
    code, out = learner.says("check", "02")
    assert code == 0 and "02_centre.ipynb" in out


def test_a_learner_s_notebook_that_is_wrong_is_told(learner):
    notebook_with(learner, RIGHT.replace("g = dy * weight", "g = dy"))
    code, out = learner.says("check", "02")
    assert code == 1 and "γ was left out of dx." in out


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\n",
        "!echo hello\n",
        "%%time\nx = 1\n",
        "from lessons import check, show\n",
        "# try it\ncheck('02')\n",
    ],
)
def test_what_people_add_to_a_notebook_does_no_harm(learner, cell):
    notebook_with(learner, RIGHT, cell)
    code, out = learner.says("check", "02")
    assert code == 0, out


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}'])
def test_a_notebook_that_is_none_is_the_learner_s_problem_and_told(learner, text):
    learner.writes(text, "02_centre.ipynb")
    code, out = learner.says("check", "02")
    assert code == 1 and "notebook" in out


def in_a_notebook(learner, capsys, answer):
    from lessons import check

    capsys.readouterr()
    namespace = {"check": check}
    exec(compile("import numpy as np\n" + textwrap.dedent(answer) + '\ncheck("02")\n', "<cell>", "exec"), namespace)
    return capsys.readouterr().out


def test_check_in_a_notebook_checks_what_its_cells_define(learner, capsys):
    out = in_a_notebook(learner, capsys, RIGHT)
    assert "all 2 tasks" in out and "this notebook" in out
    assert course.state(course.find("02")).status == "passed"
    out = in_a_notebook(learner, capsys, RIGHT.replace("g = dy * weight", "g = dy"))
    assert "γ was left out of dx." in out
    assert "not started" in in_a_notebook(learner, capsys, "def centre(x, weight):\n    raise NotImplementedError")


def test_an_error_in_a_notebook_is_told_without_a_traceback(learner, capsys):
    out = in_a_notebook(learner, capsys, "def centre(x, weight):\n    return centerd")
    assert "there is no 'centerd' here" in out and "Traceback" not in out and not re.search(r"line \d+: *\n", out)


def test_in_a_notebook_the_open_task_is_the_first_that_is_not_right(learner, capsys):
    from lessons import check

    lesson = course.find("01")
    lesson.about.EXERCISES.append(course.find("03").exercises[0])
    exec('def double(x):\n    raise NotImplementedError\n\ndef word():\n    return "yes"\n\ncheck("01")', {"check": check})
    assert hint.open_task(lesson).title == "double"


def test_a_loop_without_end_in_a_notebook_is_told_with_its_line(learner):
    notebook_with(learner, "def centre(x, weight):\n    while True:\n        x = x + 0\n")
    learner.has_so_many_seconds(1)
    code, out = learner.says("check", "02")
    assert code == 1 and re.search(r"it was at line \d+:  (while True:|x = x \+ 0)", out)
