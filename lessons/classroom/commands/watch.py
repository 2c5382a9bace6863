"""The command watch: a check at every save."""

import os
import sys
import time

from minivit.called import called

from .. import course
from ..screen import say, shown
from . import check, hint, start
from . import list as lessons_list

HELP = "check at every save"
KEYS = "h hint · l list · c check · q quit"
ENTER = ("\r", "\n")


def run(lesson, seconds=None):
    """Checks your file at every save. Keys: h hint, l list, c check, q quit; when it is right, Enter goes on to the next."""
    # It never goes on to another lesson by itself. `seconds` ends it, for tests.
    end = None if seconds is None else time.monotonic() + seconds
    with Keys() as keys:
        while lesson:
            if lesson.learner_file is None:
                start.run(lesson)
            lesson = _watch(lesson, keys, end)
    return 0


def _watch(lesson, keys, end):
    """Checks one lesson's file until somebody quits; gives the lesson that they go on to, or None."""
    path, seen, following = lesson.learner_file, None, None
    while end is None or time.monotonic() < end:
        saved = _saved(path)
        if saved != seen:
            seen = saved
            following = _look(lesson, path, saved, keys)
        pressed = keys.pressed(0.2)
        if pressed in ("q", "\x03", "\x04"):
            return None
        if pressed == "c":
            seen = None
        elif pressed in ENTER and following:
            return following
        elif pressed in ("h", "l"):
            print()
            hint.run(lesson) if pressed == "h" else lessons_list.run()
            sys.stdout.flush()
    return None


def _look(lesson, path, saved, keys):
    """Checks once and says what can be done; the lesson that Enter goes on to, if this one is right and there is another."""
    _clear()
    code = None
    if saved is None:
        say(f"{shown(path)} is gone. Save it again, or: {called('lessons')} reset {lesson.number}")
    else:
        code = check.run(lesson)
    following = course.current(after=lesson) if code == 0 else None
    print()
    if following and keys.there:
        say(f"Press Enter to go on to {following.number} {following.title}.", "title")
    elif following:
        say(f"To watch the next one: {called('lessons')} watch {following.number}")
    say(f"watching {shown(path)}   {KEYS}", "dim")
    sys.stdout.flush()
    return following


def _saved(path):
    try:
        stat = os.stat(path)
        return stat.st_mtime_ns, stat.st_size
    except (OSError, TypeError):  # between an editor's delete and its rename
        return None


def _clear():
    if sys.stdout.isatty():
        print("\033[2J\033[H", end="")


class Keys:
    """Single key presses, where there is a keyboard."""

    def __enter__(self):
        self.saved = None
        self.there = sys.stdin is not None and sys.stdin.isatty()
        if not self.there:
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
