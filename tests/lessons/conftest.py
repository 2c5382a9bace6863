"""A learner, in the real course or in one of three small lessons."""

import pytest

from lessons.classroom import course

from ..support.learner import Learner, go_to
from ..support.small_course import build_course


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A folder with lessons/, to be read only."""
    return build_course(tmp_path_factory.mktemp("course"))


@pytest.fixture
def small(built, tmp_path, monkeypatch):
    """The small course, with a folder for the learner's files that is empty."""
    go_to(monkeypatch, built)
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    yield built
    course.lessons.cache_clear()


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
