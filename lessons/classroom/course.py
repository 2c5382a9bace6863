"""The lessons, the learner's folder, and how far they are."""

import datetime
import importlib.util
import os
import re
import sys
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

from minivit.called import called

FOLDER = Path(__file__).parents[1]


def installed():
    """Whether the course lies where pip has put it, with the record of what was installed beside it, and not in a clone."""
    return any(FOLDER.parent.glob("minivit-*.dist-info"))


def work():
    """The learner's folder: what MINIVIT_WORK names, else work/ beside lessons/, or where the course is installed, work/ in the
    current folder, or that folder itself for whoever stands in it."""
    if named := os.environ.get("MINIVIT_WORK"):
        return Path(named)
    if not installed():
        return FOLDER.parent / "work"
    here = Path.cwd()
    return here if here.name == "work" and (here / "progress.txt").exists() else here / "work"


def import_file(path, name):
    """A Python file as a module of that name, wherever it lies and whatever it is called."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Task:
    """One thing to get right: a function, or one half of an op."""

    exercise: object
    part: str  # "forward", "backward", or "" for the whole function

    @property
    def title(self):
        return f"{self.exercise.name}, {self.part}" if self.part else self.exercise.name

    @property
    def key(self):
        return f"{self.exercise.name}.{self.part}" if self.part else self.exercise.name


@dataclass(frozen=True)
class Lesson:
    """One folder of lessons/."""

    folder: Path

    number = property(lambda self: self.folder.name[:2])
    name = property(lambda self: self.folder.name)
    title = property(lambda self: self.about.TITLE)
    file = property(lambda self: work() / f"{self.name}.py")
    notebook = property(lambda self: work() / f"{self.name}.ipynb")

    @property
    def learner_file(self):
        """What the learner writes in: the .py, or the notebook where there is none; None before they start."""
        return next((path for path in (self.file, self.notebook) if path.exists()), None)

    @cached_property
    def source(self):
        return (self.folder / "lesson.py").read_text(encoding="utf-8")

    @cached_property
    def about(self):
        """The module check.py."""
        return import_file(self.folder / "check.py", f"lessons.check_{self.name}")

    @property
    def exercises(self):
        return self.about.EXERCISES

    @property
    def checked(self):
        """The functions after which a notebook checks: the exercises, or what their checks run as well."""
        return [exercise.after or exercise.name for exercise in self.exercises]

    @property
    def tasks(self):
        return [Task(exercise, part) for exercise in self.exercises for part in exercise.parts]


@cache
def lessons():
    """Every lesson, in order."""
    return tuple(Lesson(folder) for folder in sorted(FOLDER.glob("[0-9][0-9]_*")) if (folder / "check.py").exists())


def find(text):
    """The lesson that a person means: 5, 05, 05_gelu, gelu, or the path of its file. Raises ValueError."""
    wanted = Path(str(text)).stem.lower()
    wanted = wanted.zfill(2) if wanted.isdigit() else wanted
    for lesson in lessons():
        if wanted in (lesson.number, lesson.name, lesson.name[3:]):
            return lesson
    raise ValueError(f"there is no lesson {text!r}; there are {_all_numbers()}: {called('lessons')} list")


def _all_numbers():
    """Every lesson's number, in runs: "00 to 17, 20"."""
    runs = []
    for number in (lesson.number for lesson in lessons()):
        if runs and int(number) == int(runs[-1][-1]) + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else run[0] for run in runs)


@dataclass(frozen=True)
class State:
    """How far one lesson is; one line of progress.txt: 05 passed 2 of 2, hints 1, 2026-11-22

    status   "started", "passed" or "skipped"
    hints    how many were read for the task that is open
    """

    status: str = ""
    done: int = 0
    total: int = 0
    hints: int = 0
    date: str = ""


_LINE = re.compile(r"(\d\d) (started|passed|skipped) (\d+) of (\d+), hints (\d+), (\d{4}-\d\d-\d\d)")


def _progress_file():
    return work() / "progress.txt"


def progress():
    """{number: State} of the lessons that were begun or skipped. Lines that are not understood are passed over."""
    try:
        text = _progress_file().read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    found = [_LINE.fullmatch(line.strip()) for line in text.splitlines()]
    return {m[1]: State(m[2], int(m[3]), int(m[4]), int(m[5]), m[6]) for m in found if m}


def state(lesson):
    return progress().get(lesson.number, State(total=len(lesson.tasks)))


def record(lesson, **changes):
    """Changes what is known of one lesson, and writes progress.txt."""
    from minivit.training.files import replacing

    all_states = progress()
    today = datetime.date.today().isoformat()
    all_states[lesson.number] = replace(state(lesson), **{"total": len(lesson.tasks), "date": today, **changes})
    lines = ["# How far you are in the course: python -m lessons progress. Delete a line to forget that lesson's."]
    lines += [f"{n} {s.status} {s.done} of {s.total}, hints {s.hints}, {s.date}" for n, s in sorted(all_states.items())]
    _progress_file().parent.mkdir(parents=True, exist_ok=True)
    with replacing(_progress_file()) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def record_check(lesson, results):
    """After a check: how many tasks passed, up to the first that did not; when there are more than before, hints begin anew.
    results: those of the checker, as dictionaries."""
    done = next((i for i, result in enumerate(results) if result["status"] != "passed"), len(results))
    before = state(lesson)
    status = "passed" if done == len(lesson.tasks) else before.status if before.status == "skipped" else "started"
    if (status, done) != (before.status, before.done):
        record(lesson, status=status, done=done, hints=before.hints if done <= before.done else 0)


def current(after=None):
    """The first lesson that is neither passed nor skipped, if there is one behind `after` the first of those; None at the end
    of the course."""
    states = progress()
    ahead = [x for x in lessons() if states.get(x.number, State()).status not in ("passed", "skipped")]
    return next((x for x in ahead if after and x.number > after.number), next(iter(ahead), None))
