"""The commands check and watch."""

import os
import sys
import tempfile
import time
from pathlib import Path

from .. import course, report
from ..checker import sandbox
from ..screen import say, shown
from . import start as commands


def check(lesson, plot=False):
    """Checks the learner's file, prints what it finds, remembers how far they are; returns the exit code."""
    path = lesson.learner_file
    if path is None:
        say(f"{lesson.number} {lesson.title} is not started: python -m lessons start {lesson.number}")
        return 3
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        arrays = Path(folder) / "arrays.npz"
        outcome = sandbox.check_file(lesson, path, arrays_to=arrays if plot else None)
        code = report.lesson(lesson, outcome, shown(path))
        if plot:
            _plot(arrays, path.with_name(f"{path.stem}_check.png"))
    results = outcome.get("results", [])
    if results:
        course.record_check(lesson, results)
    if code == 0:
        _after(lesson)
    return code


def _after(lesson):
    print()
    if lesson.file.exists():
        say(f"Look   python {shown(lesson.file)}   draws your picture", indent=2)
    say(f"Then   quiz {lesson.number} · demo {lesson.number}", indent=2)
    following = course.current(after=lesson)
    if following:
        verb = "check" if following.learner_file else "start"
        say(
            f"Next   python -m lessons {verb} {following.number}   {following.title}, {following.about.MINUTES} minutes", indent=2
        )
    else:
        commands.home()


def _plot(arrays, to):
    if not arrays.exists():
        say("Nothing to draw: a picture is made when values or a gradient are wrong.", indent=2)
        return
    import numpy as np

    from ... import figures

    with np.load(arrays) as saved:
        label = next(name for name in saved if name not in ("name", "yours"))
        figure = figures.beside(str(saved["name"]), saved["yours"], saved[label], label)
    figure.savefig(to, dpi=110)
    say(f"Drawn: {shown(to)} (yours, the {label} one, and the difference)", indent=2)


KEYS = "h hint · l list · c check · q quit"


def watch(lesson, seconds=None):
    """Checks at every save until q is pressed. Never goes on to another lesson by itself. `seconds` ends it, for tests."""
    if lesson.learner_file is None:
        commands.start(lesson)
    path, seen, started = lesson.learner_file, None, time.monotonic()
    with _Keys() as keys:
        while seconds is None or time.monotonic() - started < seconds:
            saved = _saved(path)
            if saved != seen:
                seen = saved
                _clear()
                if saved is None:
                    say(f"{shown(path)} is gone. Save it again, or: python -m lessons reset {lesson.number}")
                else:
                    check(lesson)
                print()
                say(f"watching {shown(path)}   {KEYS}", "dim")
                sys.stdout.flush()
            pressed = keys.pressed(0.2)
            if pressed in ("q", "\x03", "\x04"):
                return 0
            if pressed == "c":
                seen = None
            elif pressed in ("h", "l"):
                print()
                commands.hint(lesson) if pressed == "h" else commands.list_lessons()
                sys.stdout.flush()
    return 0


def _saved(path):
    try:
        stat = os.stat(path)
        return stat.st_mtime_ns, stat.st_size
    except (OSError, TypeError):  # between an editor's delete and its rename
        return None


def _clear():
    if sys.stdout.isatty():
        print("\033[2J\033[H", end="")


class _Keys:
    """Single key presses, where there is a keyboard."""

    def __enter__(self):
        self.saved = None
        if sys.stdin is None or not sys.stdin.isatty():
            self.pressed = lambda seconds: time.sleep(seconds)
            return self
        try:
            import msvcrt
        except ImportError:
            import termios
            import tty

            self.saved = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
            self.pressed = self._posix
        else:
            self.msvcrt = msvcrt
            self.pressed = self._windows
        return self

    def __exit__(self, *error):
        if self.saved:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.saved)

    @staticmethod
    def _posix(seconds):
        import select

        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return os.read(sys.stdin.fileno(), 1).decode(errors="replace").lower() if ready else None

    def _windows(self, seconds):
        time.sleep(seconds)
        return self.msvcrt.getwch().lower() if self.msvcrt.kbhit() else None
