"""The check where no process can be started, as in a browser: in this one, interrupted when its time is over."""

import _thread
import threading

import pytest

from lessons.classroom import course
from lessons.classroom.checker import sandbox

from .test_accidents import RIGHT


@pytest.fixture
def check(learner, monkeypatch):
    """check(text, seconds): the outcome of lesson 02's file."""
    monkeypatch.setattr("sys.platform", "emscripten")
    alarms = []

    def clock(seconds):
        while alarms:
            alarms.pop().cancel()
        if seconds:
            alarms.append(threading.Timer(seconds, _thread.interrupt_main))
            alarms[0].start()

    monkeypatch.setattr(sandbox, "clock", clock)

    def run(text, seconds=20):
        learner.writes(text)
        lesson = course.find("02")
        return sandbox.check_file(lesson, lesson.file, seconds)

    yield run
    clock(0)


def test_a_right_file_passes_and_what_it_prints_is_kept(check):
    found = check(RIGHT + "\nprint('hello')\n")
    assert [result["status"] for result in found["results"]] == ["passed", "passed"] and found["printed"] == "hello\n"


def test_a_loop_without_end_is_told_with_its_line(check):
    found = check(RIGHT.replace("    centred =", "    while True:\n        x = x + 0\n    centred ="), seconds=1)
    assert found["problem"][0] == "your code did not finish within 1 seconds: a loop without end, or much too slow?"
    assert found["line"] in (4, 5) and found["problem"][1].startswith(f"it was at line {found['line']}:  ")


def test_whoever_interrupts_themselves_is_told_so(check):
    found = check(RIGHT.replace("    centred =", "    raise KeyboardInterrupt\n    centred ="))
    assert found["problem"] == ["your code stops Python with KeyboardInterrupt: take that out"]
