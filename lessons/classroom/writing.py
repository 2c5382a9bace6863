"""What the course writes into the learner's folder: files whole or not at all, and what was there as a backup."""

import shutil
import sys

from minivit.training.files import replacing

from . import course
from .screen import say, shown


def write(path, text):
    """Writes a file whole, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def keep_backup(lesson):
    """Copies the learner's file beside itself, if there is one. Raises ValueError where they work in a notebook."""
    path = lesson.file
    if lesson.learner_file == lesson.notebook:
        raise ValueError(
            f"you do this lesson in {shown(lesson.notebook)}: rename it, and `notebook {lesson.number}` makes a new one"
        )
    if path.exists():
        number = 1
        while (backup := path.with_name(f"{path.stem}.backup-{number}.py")).exists():
            number += 1
        shutil.copy2(path, backup)
        say(f"Yours is kept as {shown(backup)}")


_HELPER = '''"""Written by `python -m lessons start`: lets the files in this folder find {name} when you run them from here."""

import os
import runpy
import sys

here = os.path.dirname(os.path.abspath(__file__))  # goes last: a random.py in it would take the place of Python's own
sys.path[:] = [{project!r}, *(path for path in sys.path if os.path.abspath(path) != here), here]
sys.modules.pop("{name}", None)
if __name__ == "__main__":
    runpy.run_module("{name}", run_name="__main__")
else:
    import {name}  # noqa: F401
'''


def shadowing(folder):
    """The files of a folder that take the place of a module of Python's or of a library, for what is run from there."""
    taken = sys.stdlib_module_names | {"numpy", "matplotlib", "tqdm", "threadpoolctl", "cupy", "PIL", "scipy", "torch"}
    return sorted(path for path in folder.glob("*.py") if path.stem in taken)


def write_helpers(folder):
    """A file run from an editor looks for imports beside itself and not in the project: these two send it there. What is
    installed is found without them."""
    if course.installed():
        return
    for name in ("minivit", "lessons"):
        text = _HELPER.format(name=name, project=str(course.FOLDER.parent.resolve()))
        path = folder / f"{name}.py"
        there = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
        if there is None or (there != text and there.startswith(text.partition("\n")[0])):  # ours, but the project has moved
            write(path, text)
