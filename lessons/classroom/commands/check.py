"""The command check."""

import tempfile
from pathlib import Path

from minivit.called import called

from .. import course, report, writing
from ..checker import sandbox
from ..screen import say, shown
from . import home

HELP = "is it right? and if not, what is wrong"


def arguments(parser):
    parser.add_argument("--plot", action="store_true", help="draw yours, the right values and the difference")


def run(lesson, plot=False):
    """Checks your file and stops at the first thing that is wrong."""
    path = lesson.learner_file
    if path is None:
        say(f"{lesson.number} {lesson.title} is not started: {called('lessons')} start {lesson.number}")
        return 3
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        arrays = Path(folder) / "arrays.npz"
        outcome = sandbox.check_file(lesson, path, arrays_to=arrays if plot else None)
        code = report.lesson(lesson, outcome, shown(path))
        for other in writing.shadowing(path.parent):
            what = f"{shown(other)} has the name of a module that Python, or a library, needs: give it another name."
            say(f"{what} The check runs all the same; python {shown(path)} may not.", indent=2)
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
            f"Next   {called('lessons')} {verb} {following.number}   {following.title}, {following.about.MINUTES} minutes",
            indent=2,
        )
    else:
        home.run()


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
