"""How a program was called, so that the commands that it advises can be typed as they stand."""

import os
import sys

CONSOLE = {"minivit": "minivit", "lessons": "minivit-lessons"}  # the console commands that come with an installation


def called(program):
    """How to call "minivit" or "lessons": "minivit" where a console command runs, else "python -m minivit"."""
    return CONSOLE[program] if in_console() else f"python -m {program}"


def in_console():
    """Whether a console command runs: in this process or, by MINIVIT_CALLED, in the one that started it."""
    name = os.path.basename(sys.argv[0] if sys.argv else "").lower().removesuffix(".exe")
    return name in CONSOLE.values() or os.environ.get("MINIVIT_CALLED") == "console"
