"""The command grade: checks the files of a class, one folder a student. Every task that is right is one point.

Each file is checked in a process of its own, in a new copy of the student's lesson files, which is thrown away: nothing that a
file does reaches the student's folder, or the next check. The copy holds no progress.txt, so that `mine` gives the course's own
functions: a mistake in one lesson costs no point in another.
"""

import contextlib
import shutil
import tempfile
import traceback
from pathlib import Path

from tqdm import tqdm

from ... import course
from ...checker import sandbox
from ...screen import say, writable
from . import likeness as alike
from .files import write_csv, write_gradescope
from .students import students_in
from .table import show

HELP = "check a class: one folder a student"


def arguments(parser):
    parser.add_argument("folder", help="holds one folder a student, or the files of one")
    parser.add_argument("--lessons", metavar="LIST", help="such as 04,05; default: every lesson that anyone has a file of")
    parser.add_argument("--csv", metavar="FILE", help="the table, one row a student")
    parser.add_argument(
        "--likeness", action="store_true", help="list pairs of files that are alike: a hint for a talk, no verdict"
    )
    parser.add_argument("--gradescope", metavar="FILE", help="results.json for one student, as Gradescope wants it")


def run(folder, lessons, csv, gradescope, likeness):
    """Checks the files of a class, each in a process of its own, in a temporary copy, with a time limit and, where the system
    offers one, a memory limit. These guard against accidents, not against malice: grade strangers' code in a container."""
    for path in filter(None, (csv, gradescope)):
        _writable_file(Path(path).absolute())
    asked = _asked(lessons)
    students, notes = students_in(Path(folder), submission=bool(gradescope and asked))
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
    show(students, notes)
    if likeness:
        alike.show(students)
    if csv:
        write_csv(csv, students, graded)
    if gradescope:
        write_gradescope(gradescope, students[0], notes)
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
