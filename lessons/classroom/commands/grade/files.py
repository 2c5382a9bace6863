"""The grades on file: a table for a spreadsheet, and results.json for Gradescope."""

import contextlib
import csv
import io
import json

from minivit.training.files import replacing

from ...report import detail, task_result
from ...screen import row, say
from .students import clean, column
from .table import at, percent

FORMULA = ("=", "+", "-", "@")  # what a spreadsheet takes for the beginning of one


def write_csv(path, students, lessons):
    """One row a student. A task that an error of the course kept from being checked is left empty, and is not counted."""
    columns = [column(lesson, task) for lesson in lessons for task in lesson.tasks]
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["student", *columns, "points", "of", "percent"])
        for student in students:
            points, of = student.points
            name = f"'{student.name}" if student.name.startswith(FORMULA) else student.name
            writer.writerow([name, *student.marks.values(), points, of, f"{percent(points, of):.1f}" if of else ""])
    say(f"Written: {path}")


def write_gradescope(path, student, notes):
    """What Gradescope calls results.json: gradescope-autograders.readthedocs.io, Autograder Specifications."""
    points, of = student.points
    said = [f"{points} of {of} tasks are right.", *notes, *student.notes]
    for lesson, outcome in student.outcomes.items():
        if outcome["printed"].strip():
            said.append(f"\nWhat the file of lesson {lesson.number} printed:\n{outcome['printed'].rstrip()}")
    results = {
        "score": points,
        "output": clean("\n".join(said)),
        "output_format": "text",
        "test_output_format": "text",
        "tests": [_test(student, lesson, i) for lesson in student.outcomes for i in range(len(lesson.tasks))],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    say(f"Written: {path}")


def _test(student, lesson, i):
    """One task. Without a score where it could not be checked."""
    name = column(lesson, lesson.tasks[i])
    mark = student.marks[name]
    score = {} if mark is None else {"score": mark, "max_score": 1}
    message = _message(lesson, student.outcomes[lesson], i)
    return {"name": name, **score, "status": "passed" if mark else "failed", "output": clean(message)}


def _message(lesson, outcome, i):
    """What the learner is told of a task, as `check` says it."""
    if "course_error" in outcome:
        return f"The course itself has an error in lesson {lesson.number}; this is not your mistake. Please tell your teacher."
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        if "problem" in outcome:
            row("NO", f"this file could not be checked{at(outcome)}")
            for line in outcome["problem"]:
                detail(line)
        else:
            task_result(outcome["results"][i])
    return text.getvalue().rstrip("\n")
