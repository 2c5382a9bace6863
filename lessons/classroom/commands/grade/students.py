"""Who handed in what: the students of a folder, and the file that counts for each lesson."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from ... import course


@dataclass
class Student:
    """What one student handed in, and how each file was found."""

    name: str
    files: dict  # {lesson: file}
    notes: list  # what the teacher should know of the files
    outcomes: dict = field(default_factory=dict)  # {lesson: what sandbox.check_file found}

    @property
    def marks(self):
        """{"05 gelu.forward": 1 if it is right, 0 if not, None if an error of the course kept it from being checked}."""
        marks = {}
        for lesson, outcome in self.outcomes.items():
            results = {result["task"]: result["status"] == "passed" for result in outcome.get("results", [])}
            for task in lesson.tasks:
                marks[column(lesson, task)] = None if "course_error" in outcome else int(results.get(task.key, False))
        return marks

    @property
    def points(self):
        """(points, of how many)."""
        marks = [mark for mark in self.marks.values() if mark is not None]
        return sum(marks), len(marks)


def column(lesson, task):
    return f"{lesson.number} {task.key}"


def clean(text):
    """Without what could move a terminal's cursor, or is no letter at all."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def _inside(path, folder):
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _student(folder):
    """A .py comes before a notebook, and the folder itself before its subfolder work/."""
    files, notes = {}, []
    for lesson in course.lessons():
        names = [f"{place}{lesson.name}{suffix}" for suffix in (".py", ".ipynb") for place in ("", "work/")]
        there = [name for name in names if os.path.isfile(folder / name)]
        own = [name for name in there if _inside(folder / name, folder)]
        notes += [f"{name} is a link to another place, and is not followed" for name in there if name not in own]
        if len(own) > 1:
            notes.append(f"there are {' and '.join(own)}: {own[0]} counts")
        if own:
            files[lesson] = folder / own[0]
    known = {f"{lesson.name}{suffix}" for lesson in course.lessons() for suffix in (".py", ".ipynb")}
    known |= {"minivit.py", "lessons.py"}  # what `start` leaves in work/
    beside = [
        p for place in (folder, folder / "work") if place.is_dir() for p in place.iterdir() if p.suffix in (".py", ".ipynb")
    ]
    unknown = sorted(clean(path.name) for path in beside if path.name not in known and ".backup-" not in path.name)
    if unknown:
        notes.append(f"not looked at, as no lesson's file has that name: {', '.join(unknown)}")
    return Student(" ".join(clean(folder.resolve().name).split()), files, notes)


def students_in(folder, submission):
    """(the students, notes). submission: the folder is what one student handed in, even if no file has the right name."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    here, below, notes = _student(folder), [], []
    for path in sorted(folder.iterdir(), key=lambda path: path.name.casefold()):
        if not os.path.isdir(path) or path.name.startswith((".", "__")):  # __pycache__, __MACOSX
            continue
        if _inside(path, folder):
            below.append(_student(path))
        else:
            notes.append(f"{clean(path.name)} is a link to another place, and is not followed")
    if here.files:
        others = [student.name for student in below if student.name != "work" and student.files]
        if others:
            notes.append(
                f"{next(iter(here.files.values())).name} lies in {folder} itself, so all of it is one student's, "
                f"and these folders are not looked into: {', '.join(others)}"
            )
        return [here], notes
    if any(student.files for student in below):
        return below, notes
    if submission:
        return [here], notes
    raise ValueError(
        f"no lesson's file was found in {folder}: it should hold one folder a student, and in these, or in a subfolder work/, "
        "files named as the course names them (anna/05_gelu.py or anna/05_gelu.ipynb), or the files of one student directly"
    )
