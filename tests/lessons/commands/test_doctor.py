"""python -m lessons doctor: what is there, what is not, and what to do then."""

import importlib.metadata
import os

import pytest

from lessons.classroom.commands import doctor

from ...support.learner import flat


@pytest.fixture
def versions(monkeypatch):
    """versions(name=None or "1.2"): that package is not there, or in that version."""

    def make(**changes):
        real = importlib.metadata.version

        def version(name):
            if name not in changes:
                return real(name)
            if changes[name] is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return changes[name]

        monkeypatch.setattr(importlib.metadata, "version", version)

    return make


def test_where_the_tests_run_the_course_runs(learner):
    code, out = learner.says("doctor")
    assert code == 0 and "NO " not in out and "Ready: python -m lessons" in out
    for words in [
        "Python 3.",
        "numpy 2.",
        "matplotlib 3.",
        "tqdm 4.",
        "your files: work",
        "can be written",
        "a GPU (not needed)",
    ]:
        assert words in out
    assert all(len(line) <= 80 for line in out.splitlines() if line.startswith("  ok   a GPU"))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"matplotlib": None}, ["NO   matplotlib is not installed", "pip install -r requirements.txt"]),
        ({"numpy": "1.26.4"}, ["NO   numpy 1.26.4", "needs numpy 2 or later", "pip install --upgrade numpy"]),
    ],
    ids=["missing", "old"],
)
def test_a_package_that_is_missing_or_old_is_said_with_the_command_that_mends_it(learner, versions, changes, words):
    versions(**changes)
    code, out = learner.says("doctor")
    assert code == 1 and "Mend what says NO" in out and all(word in out or word in flat(out) for word in words)


def test_an_old_python_is_said(learner, monkeypatch):
    monkeypatch.setattr(doctor, "PYTHON", (99, 0))
    code, out = learner.says("doctor")
    assert code == 1 and "NO   Python 3." in out and "needs Python 99.0 or later" in out


def test_a_folder_that_cannot_be_written_is_said(learner, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    code, out = learner.says("doctor")
    assert code == 1 and "cannot be written" in out and "MINIVIT_WORK" in out


def test_a_screen_without_a_toolkit_opens_no_window_and_is_told(learner, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.setattr("matplotlib.pyplot.get_backend", lambda: "agg")
    assert "--   windows for demos" in learner.says("doctor")[1]
    code, out = learner.says("demo", "02")
    assert code == 2 and "tkinter" in out and "--save demo" in flat(out)


def test_no_screen_and_no_gpu_are_no_reason_to_stop(learner, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.setattr("minivit.backend.gpu_status", lambda: (False, "there is none"))
    code, out = learner.says("doctor")
    assert code == 0 and "--   windows for demos" in out and "--save FILE" in out and "there is none" in out


def test_whoever_has_no_gpu_is_told_where_to_get_one_for_nothing(learner, monkeypatch):
    monkeypatch.setattr("minivit.backend.gpu_status", lambda: (False, "there is none"))
    assert "Colab and Kaggle lend one for nothing: python -m lessons notebook 18" in flat(learner.says("doctor")[1])
    monkeypatch.setattr("minivit.backend.gpu_status", lambda: (True, "GPU: a card"))
    assert "Kaggle" not in learner.says("doctor")[1]
