"""The command watch: a check at every save."""

import os
import sys
import time

from minivit.called import called

from ..screen import say, shown
from . import check, hint, start
from . import list as lessons_list

HELP = "check at every save"
KEYS = "h hint · l list · c check · q quit"


def run(lesson, seconds=None):
    """Checks your file at every save. Keys: h hint, l list, c check, q quit."""
    # It never goes on to another lesson by itself. `seconds` ends it, for tests.
    if lesson.learner_file is None:
        start.run(lesson)
    path, seen, started = lesson.learner_file, None, time.monotonic()
    with Keys() as keys:
        while seconds is None or time.monotonic() - started < seconds:
            saved = _saved(path)
            if saved != seen:
                seen = saved
                _clear()
                if saved is None:
                    say(f"{shown(path)} is gone. Save it again, or: {called('lessons')} reset {lesson.number}")
                else:
                    check.run(lesson)
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
                hint.run(lesson) if pressed == "h" else lessons_list.run()
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


class Keys:
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
