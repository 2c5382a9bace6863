"""The command doctor."""

import importlib.metadata
import os
import platform
import sys

from minivit.called import called

from .. import course
from ..screen import row, say, shown
from . import demo

HELP = "is this machine ready?"
PYTHON, NUMPY = (3, 11), 2


def run():
    """Looks at Python, NumPy, matplotlib, the terminal, the folder for your files, and the GPU, if any."""
    say("Is this machine ready?", "title")
    found = [_python(), _package("numpy", NUMPY), _package("matplotlib", 3), _package("tqdm", 4), _folder()]
    _optional()
    good = all(found)
    say(f"Ready: {called('lessons')}" if good else "Mend what says NO, and run this again.", "title")
    return 0 if good else 1


def _python():
    good = sys.version_info >= PYTHON
    row("ok" if good else "NO", f"Python {platform.python_version()}", sys.executable)
    if not good:
        say(f"The course needs Python {'.'.join(map(str, PYTHON))} or later: python.org/downloads", indent=7)
    return good


def _package(name, major):
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        row("NO", f"{name} is not installed")
        what = name if course.installed() else "-r requirements.txt"
        say(f"{sys.executable} -m pip install {what}", indent=7)
        return False
    good = int(version.split(".")[0]) >= major
    row("ok" if good else "NO", f"{name} {version}")
    if not good:
        say(f"The course needs {name} {major} or later: {sys.executable} -m pip install --upgrade {name}", indent=7)
    return good


def _folder():
    folder = course.work()
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    good = there.is_dir() and os.access(there, os.W_OK)
    row("ok" if good else "NO", f"your files: {shown(folder)}", "can be written" if good else "cannot be written")
    if not good:
        say("Choose another folder: set the environment variable MINIVIT_WORK to it.", indent=7)
    return good


def _optional():
    encoding = getattr(sys.stdout, "encoding", "") or ""
    unicode = "γ" if "utf" in encoding.lower() else "no Greek letters: γ is written gamma"
    row("ok", "the terminal", f"{encoding}, {unicode}")
    reason = demo.no_window()
    row("--" if reason else "ok", "windows for demos", f"{reason}: demo NN --save FILE writes a picture" if reason else "")
    from minivit.backend import gpu_status

    usable, reason = gpu_status()
    row("ok" if usable else "--", "a GPU (not needed)", "usable" if usable else reason)
    if not usable:
        say(f"Colab and Kaggle lend one for nothing: {called('lessons')} notebook 18 says how, and runs there.", indent=7)
