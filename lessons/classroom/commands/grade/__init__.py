"""python -m lessons grade: checks the files of a class, one folder a student. Every task that is right is one point.

Each file is checked in a process of its own, in a new copy of the student's lesson files, which is thrown away: nothing that a
file does reaches the student's folder, or the next check. The copy holds no progress.txt, so that `mine` gives the course's own
functions: a mistake in one lesson costs no point in another.
"""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from minivit.training.files import replacing

from ... import course
from ...checker import sandbox
from ...report import detail, task_result
from ...screen import row, say, table, writable

NAME = 32  # letters of a student's name in the table on the screen
FORMULA = ("=", "+", "-", "@")  # what a spreadsheet takes for the beginning of one


def grade(folder, lessons=None, csv=None, gradescope=None):
    """Checks the files in a folder; returns 0 if everything could be graded, however much is wrong, and 4 if the course itself
    has an error. lessons: "04,05", or None for every lesson that anyone has a file of."""
    for path in filter(None, (csv, gradescope)):
        _writable_file(Path(path).absolute())
    asked = _asked(lessons)
    students, notes = _students(Path(folder), submission=bool(gradescope and asked))
    if gradescope and len(students) > 1:
        names = ", ".join(student.name for student in students[:3]) + (", ..." if len(students) > 3 else "")
        raise ValueError(f"Gradescope's results.json is about one student, and {folder} holds {len(students)}: {names}")
    wanted = asked or [lesson for lesson in course.lessons() if any(lesson in student.files for student in students)]
    graded, errors = _usable(wanted)
    for student, lesson in tqdm(
        [(student, lesson) for student in students for lesson in graded], unit=" files", delay=2, leave=False, disable=None
    ):
        found = student.outcomes[lesson] = _outcome(student, lesson)
        if "course_error" in found:
            errors.setdefault(lesson, found["course_error"])
    _show(students, notes)
    if csv:
        _write_csv(csv, students, graded)
    if gradescope:
        _write_gradescope(gradescope, students[0], notes)
    for lesson, text in errors.items():
        say(f"The course itself has an error in lesson {lesson.number}; this is nobody's mistake. Please report it:", "NO")
        print(writable(text))
    return 4 if errors else 0


def _writable_file(path):
    """Raises ValueError before everything was checked in vain."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file to write")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} into")


def _asked(text):
    """The lessons of a list such as "04,05", in the course's order; [] for None."""
    if text is None:
        return []
    found = {course.find(part.strip()) for part in text.split(",") if part.strip()}
    if not found:
        raise ValueError("which lessons? They are written like this: --lessons 04,05")
    return sorted(found, key=lambda lesson: lesson.number)


def _usable(lessons):
    """(the lessons whose check.py can be read, {lesson: traceback} of the others)."""
    usable, errors = [], {}
    for lesson in lessons:
        try:
            lesson.tasks  # noqa: B018
            usable.append(lesson)
        except Exception:
            errors[lesson] = traceback.format_exc()
    return usable, errors


# who handed in what


@dataclass
class _Student:
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
                marks[_column(lesson, task)] = None if "course_error" in outcome else int(results.get(task.key, False))
        return marks

    @property
    def points(self):
        """(points, of how many)."""
        marks = [mark for mark in self.marks.values() if mark is not None]
        return sum(marks), len(marks)


def _column(lesson, task):
    return f"{lesson.number} {task.key}"


def _clean(text):
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
    unknown = sorted(_clean(path.name) for path in beside if path.name not in known and ".backup-" not in path.name)
    if unknown:
        notes.append(f"not looked at, as no lesson's file has that name: {', '.join(unknown)}")
    return _Student(" ".join(_clean(folder.resolve().name).split()), files, notes)


def _students(folder, submission):
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
            notes.append(f"{_clean(path.name)} is a link to another place, and is not followed")
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


# checking


def _outcome(student, lesson):
    """What checking a student's file of a lesson found: as sandbox.check_file says it, if there is a file."""
    if lesson not in student.files:
        return _problem(f"there is no {lesson.name}.py")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for path in student.files.values():
            with contextlib.suppress(OSError):
                shutil.copyfile(path, Path(folder, path.name))
        copy = Path(folder, student.files[lesson].name)
        if not copy.exists():
            return _problem(f"{copy.name} cannot be read")
        return sandbox.check_file(lesson, copy, work=folder)


def _problem(sentence):
    return {"problem": [sentence], "line": None, "printed": ""}


# on the screen


def _show(students, notes):
    rows = [("student", "points", "percent", "first thing wrong")]
    for student in students:
        points, of = student.points
        name = student.name if len(student.name) <= NAME else student.name[: NAME - 1] + "…"
        rows.append((name, f"{points} of {of}", f"{_percent(points, of):.0f}" if of else "", _clean(_first_wrong(student))))
    table(rows)
    notes = notes + [f"{student.name}: {note}" for student in students for note in student.notes]
    if notes:
        print()
    for note in notes:
        say(note, hanging=4)


def _percent(points, of):
    return 100 * points / of


def _first_wrong(student):
    """One sentence, or "" if all is right."""
    for lesson, outcome in student.outcomes.items():
        if "course_error" in outcome:
            return f"{lesson.number}: not graded, an error of the course itself"
        if "problem" in outcome:
            return f"{lesson.number}: {_sentence(outcome['problem'])}{_at(outcome)}"
        for result in outcome["results"]:
            if result["status"] != "passed":
                return f"{lesson.number} {result['title']}: {_reason(result)}"
    return ""


def _reason(result):
    if result["status"] == "not started":
        return "not started"
    _, text, note = result["rows"][-1]
    why = result["looks"][-1] if result["looks"] else _sentence(result["details"])
    return text + (f" ({note})" if note else "") + (f": {why}" if why else "")


def _sentence(lines):
    """The first that is more than a line of the student's code."""
    return next((line for line in lines if not re.match(r"line \d+:  ", line)), "")


def _at(found):
    return f" (line {found['line']})" if found["line"] else ""


# on file


def _write_csv(path, students, lessons):
    """One row a student. A task that an error of the course kept from being checked is left empty, and is not counted."""
    columns = [_column(lesson, task) for lesson in lessons for task in lesson.tasks]
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["student", *columns, "points", "of", "percent"])
        for student in students:
            points, of = student.points
            name = f"'{student.name}" if student.name.startswith(FORMULA) else student.name
            percent = f"{_percent(points, of):.1f}" if of else ""
            writer.writerow([name, *student.marks.values(), points, of, percent])
    say(f"Written: {path}")


def _write_gradescope(path, student, notes):
    """What Gradescope calls results.json: gradescope-autograders.readthedocs.io, Autograder Specifications."""
    points, of = student.points
    said = [f"{points} of {of} tasks are right.", *notes, *student.notes]
    for lesson, outcome in student.outcomes.items():
        if outcome["printed"].strip():
            said.append(f"\nWhat the file of lesson {lesson.number} printed:\n{outcome['printed'].rstrip()}")
    results = {
        "score": points,
        "output": _clean("\n".join(said)),
        "output_format": "text",
        "test_output_format": "text",
        "tests": [_test(student, lesson, i) for lesson in student.outcomes for i in range(len(lesson.tasks))],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    say(f"Written: {path}")


def _test(student, lesson, i):
    """One task. Without a score where it could not be checked."""
    name = _column(lesson, lesson.tasks[i])
    mark = student.marks[name]
    score = {} if mark is None else {"score": mark, "max_score": 1}
    message = _message(lesson, student.outcomes[lesson], i)
    return {"name": name, **score, "status": "passed" if mark else "failed", "output": _clean(message)}


def _message(lesson, outcome, i):
    """What the learner is told of a task, as `check` says it."""
    if "course_error" in outcome:
        return f"The course itself has an error in lesson {lesson.number}; this is not your mistake. Please tell your teacher."
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        if "problem" in outcome:
            row("NO", f"this file could not be checked{_at(outcome)}")
            for line in outcome["problem"]:
                detail(line)
        else:
            task_result(outcome["results"][i])
    return text.getvalue().rstrip("\n")
