"""What the course writes into the learner's folder: files whole or not at all, and what was there as a backup."""

import shutil

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

import runpy
import sys

sys.modules.pop("{name}", None)
sys.path.insert(0, {project!r})
if __name__ == "__main__":
    runpy.run_module("{name}", run_name="__main__")
else:
    import {name}  # noqa: F401
'''


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
