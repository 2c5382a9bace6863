"""The folder work/ beside lessons/: a file that is run from it finds the course."""

import os
import shutil
import subprocess
import sys

import pytest

from lessons.classroom import cli, course

from ..support.learner import go_to
from ..support.small_course import RIGHT, ROOT, build_course

LOOK = "import minivit, lessons\nprint(minivit.HERE, lessons.__file__)\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of its own: lessons/, work/ with its two helpers, and a minivit that does little but say where it lies."""
    folder = build_course(tmp_path / "project")
    (folder / "minivit").mkdir()
    for name in ("_former.py", "called.py"):
        shutil.copy(ROOT / "minivit" / name, folder / "minivit")
    (folder / "minivit" / "__init__.py").write_text("HERE = 'the real one'\n")
    go_to(monkeypatch, folder)
    monkeypatch.delenv("MINIVIT_WORK", raising=False)
    assert cli.main(["start", "02"]) == 0
    yield folder
    course.lessons.cache_clear()


def python(*arguments, cwd, path=""):
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


def test_a_file_that_is_run_from_its_own_folder_finds_minivit_and_lessons(project):
    (project / "work" / "look.py").write_text(LOOK)
    done = python("look.py", cwd=project / "work")
    assert done.stderr == "" and done.stdout.split() == ["the", "real", "one", str(project / "lessons" / "__init__.py")]


def test_a_file_that_is_run_from_the_project_finds_them_too(project):
    (project / "work" / "look.py").write_text(LOOK)
    done = python("work/look.py", cwd=project)
    assert done.stderr == "" and done.stdout.startswith("the real one")


def test_a_file_in_a_folder_elsewhere_finds_them_too(project, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "elsewhere"))
    assert cli.main(["start", "02"]) == 0
    (tmp_path / "elsewhere" / "look.py").write_text(LOOK)
    done = python(tmp_path / "elsewhere" / "look.py", cwd=tmp_path)
    assert done.stderr == "" and done.stdout.startswith("the real one")


def test_a_helper_is_mended_when_the_project_has_moved_and_a_file_of_the_learner_s_stays(project):
    (project / "work" / "lessons.py").write_text("mine = 1\n")
    helper = project / "work" / "minivit.py"
    helper.write_text(helper.read_text().replace(str(project), "/somewhere/else"))
    assert cli.main(["start", "02"]) == 0
    assert str(project) in helper.read_text() and (project / "work" / "lessons.py").read_text() == "mine = 1\n"


def test_the_course_can_be_run_from_the_folder_work(project):
    """There, -m lessons runs the helper work/lessons.py."""
    shutil.rmtree(project / "minivit")
    shutil.copytree(ROOT / "minivit", project / "minivit", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "work" / "02_centre.py").write_text("import numpy as np\n" + RIGHT)
    done = python("-m", "lessons", "check", "02", cwd=project / "work")
    assert done.stderr == "" and done.returncode == 0, done.stdout + done.stderr
    assert "02_centre.py" in done.stdout and "all 2 tasks" in done.stdout
