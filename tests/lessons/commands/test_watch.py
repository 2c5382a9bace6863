"""python -m lessons watch: a check at every save, and keys."""

import os
import select
import signal
import subprocess
import sys
import threading
import time

import pytest

from lessons.classroom import course
from lessons.classroom.checker import sandbox
from lessons.classroom.commands import check
from lessons.classroom.commands import watch as watching

from ...support.learner import flat

RIGHT = "def double(x):\n    return 2 * x\n"
WRONG = "def double(x):\n    return 3 * x\n"


class Watch:
    """watch() of lesson 01 in a thread; `seen` holds when it checked, and what it found in the file."""

    def __init__(self, path, monkeypatch):
        self.path, self.seen, self.error = path, [], None
        monkeypatch.setattr(check, "run", lambda lesson: self.seen.append((time.monotonic(), path.read_text())))

    def run(self, seconds):
        try:
            watching.run(course.find("01"), seconds=seconds)
        except BaseException as error:
            self.error = error

    def __enter__(self):
        self.thread = threading.Thread(target=self.run, args=[1.8], daemon=True)
        self.thread.start()
        self.until(1)
        return self

    def __exit__(self, *error):
        self.thread.join(10)
        assert not self.thread.is_alive() and self.error is None

    def until(self, count):
        end = time.monotonic() + 2
        while len(self.seen) < count and time.monotonic() < end:
            time.sleep(0.01)
        assert len(self.seen) == count


@pytest.fixture
def watch(learner, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    learner.writes(WRONG, "01_double.py")
    return Watch(learner.work / "01_double.py", monkeypatch)


def test_every_save_is_checked_within_half_a_second_and_nothing_else(watch):
    with watch:
        for count, text in [(2, RIGHT), (3, WRONG + "#")]:
            saved = time.monotonic()
            watch.path.write_text(text)
            watch.until(count)
            assert watch.seen[-1][0] - saved < 0.5 and watch.seen[-1][1] == text
    assert len(watch.seen) == 3


@pytest.mark.slow
def test_a_file_that_is_deleted_and_comes_back_is_checked_again(watch):
    with watch:
        watch.path.unlink()
        time.sleep(0.5)
        assert len(watch.seen) == 1 and watch.thread.is_alive()
        watch.path.write_text(RIGHT)
        watch.until(2)


@pytest.mark.slow
def test_a_file_that_is_gone_is_said(watch, capsys):
    with watch:
        watch.path.unlink()
        time.sleep(0.5)
    assert any(word in capsys.readouterr().out for word in ("gone", "deleted", "not there"))


@pytest.mark.slow
def test_an_editor_that_renames_over_the_file_is_seen(watch):
    with watch:
        other = watch.path.with_name("other.tmp")
        other.write_text(RIGHT)
        os.replace(other, watch.path)
        watch.until(2)


@pytest.mark.slow
def test_a_file_deleted_while_it_is_checked_ends_nothing(watch, monkeypatch):
    monkeypatch.setattr(check, "run", lambda lesson: (watch.seen.append((0, "")), watch.path.unlink(missing_ok=True)))
    with watch:
        time.sleep(0.3)
        assert watch.thread.is_alive()
        watch.path.write_text(RIGHT)
        watch.until(2)


@pytest.mark.slow
def test_a_file_deleted_before_it_is_read_is_no_error_of_the_course(learner):
    lesson = course.find("01")
    outcome = sandbox.check_file(lesson, learner.work / "01_double.py")
    assert "course_error" not in outcome


def test_watch_prints_the_check_and_the_keys(learner, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    learner.writes(WRONG, "01_double.py")
    assert watching.run(course.find("01"), seconds=1) == 0
    out = capsys.readouterr().out
    assert "Every entry is 1.5 times the right one" in out and "watching work/01_double.py" in out and "q quit" in out


def test_watch_of_a_lesson_that_is_not_begun_begins_it(learner, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert watching.run(course.find("01"), seconds=1) == 0
    assert (learner.work / "01_double.py").exists() and "not started" in capsys.readouterr().out


START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from lessons.classroom.cli import main
sys.exit(main(["watch", "01"]))
"""


def test_an_empty_line_stands_before_what_is_watched(learner, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    learner.writes(WRONG, "01_double.py")
    watching.run(course.find("01"), seconds=0.1)
    assert "\n\nwatching work/" in capsys.readouterr().out


def on_a_terminal(learner, small, keys):
    """What `python -m lessons watch 01` writes on a terminal of its own while these keys are pressed, each when its words are
    there, and its exit code. A text in place of a key is saved as the learner's file."""
    pty = pytest.importorskip("pty")
    import termios

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    environment = {**os.environ, "MINIVIT_WORK": str(learner.work), "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        [sys.executable, "-c", START], cwd=small, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    out, keys, end = b"", list(keys), time.monotonic() + 15
    while process.poll() is None and time.monotonic() < end:
        if select.select([ours], [], [], 0.05)[0]:
            out += os.read(ours, 65536)
        if keys and keys[0][0] in out:
            key = keys.pop(0)[1]
            if key == "Ctrl-C":
                process.send_signal(signal.SIGINT)
            elif isinstance(key, str):
                learner.writes(key, "01_double.py")
            else:
                os.write(ours, key)
    process.kill()
    code = process.wait()
    after = termios.tcgetattr(theirs)
    while select.select([ours], [], [], 0.05)[0]:
        out += os.read(ours, 65536)
    os.close(ours)
    os.close(theirs)
    assert after[3] == before[3], "the terminal is left as it was found"
    return code, out.decode()


def test_the_keys_on_a_terminal(learner, small):
    learner.writes(WRONG, "01_double.py")
    keys = [(b"q quit", b"h"), (b"Nudge of double.", b"l"), (b"You can say a word.", b"x"), (b"in the end", b"q")]
    code, out = on_a_terminal(learner, small, keys)
    assert code == 0 and "Nudge of double." in out and "Traceback" not in out


@pytest.mark.slow
def test_ctrl_c_ends_watch_cleanly(learner, small):
    learner.writes(WRONG, "01_double.py")
    code, out = on_a_terminal(learner, small, [(b"q quit", "Ctrl-C")])
    assert code in (0, 130) and "Traceback" not in out


@pytest.mark.slow
def test_when_a_lesson_is_right_enter_goes_on_to_the_next_and_begins_it(learner, small):
    learner.writes(WRONG, "01_double.py")
    keys = [(b"q quit", RIGHT), (b"Press Enter", b"\n"), (b"centre, forward", b"q")]
    code, out = on_a_terminal(learner, small, keys)
    assert code == 0 and "Press Enter to go on to 02 Centre." in flat(out)
    assert (learner.work / "02_centre.py").exists()


@pytest.mark.slow
def test_enter_does_nothing_while_a_lesson_is_not_right(learner, small):
    learner.writes(WRONG, "01_double.py")
    code, out = on_a_terminal(learner, small, [(b"q quit", b"\n"), (b"q quit", b"l"), (b"in the end", b"q")])
    assert code == 0 and "Press Enter" not in out and not (learner.work / "02_centre.py").exists()


def test_without_a_terminal_the_command_is_said_that_watches_the_next(learner, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    learner.writes(RIGHT, "01_double.py")
    assert watching.run(course.find("01"), seconds=0.1) == 0
    out = capsys.readouterr().out
    assert "To watch the next one: python -m lessons watch 02" in out and "Enter" not in out


def test_after_the_last_lesson_nothing_is_offered(learner, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    learner.passes("01", "02", "03")
    assert watching.run(course.find("03"), seconds=0.1) == 0
    assert "watch the next" not in capsys.readouterr().out
