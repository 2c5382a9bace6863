"""The table of a class on the screen."""

import re

from ...screen import say, table
from .students import clean

NAME = 32  # letters of a student's name


def show(students, notes):
    rows = [("student", "points", "percent", "first thing wrong")]
    for student in students:
        points, of = student.points
        name = student.name if len(student.name) <= NAME else student.name[: NAME - 1] + "…"
        rows.append((name, f"{points} of {of}", f"{percent(points, of):.0f}" if of else "", clean(_first_wrong(student))))
    table(rows)
    notes = notes + [f"{student.name}: {note}" for student in students for note in student.notes]
    if notes:
        print()
    for note in notes:
        say(note, hanging=4)


def percent(points, of):
    return 100 * points / of


def _first_wrong(student):
    """One sentence, or "" if all is right."""
    for lesson, outcome in student.outcomes.items():
        if "course_error" in outcome:
            return f"{lesson.number}: not graded, an error of the course itself"
        if "problem" in outcome:
            return f"{lesson.number}: {_sentence(outcome['problem'])}{at(outcome)}"
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


def at(found):
    return f" (line {found['line']})" if found["line"] else ""
