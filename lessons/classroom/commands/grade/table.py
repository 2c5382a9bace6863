"""The table of a class on the screen."""

import re

from ...screen import say, table, width
from .students import clean

NAME = 32  # letters of a student's name
MARKS = "+ right, - wrong, . not written, ? not graded"


def show(students, notes):
    rows = [("student", "points", "percent", "first thing wrong")]
    for student in students:
        points, of = student.points
        rows.append(
            (_name(student), f"{points} of {of}", f"{percent(points, of):.0f}" if of else "", clean(_first_wrong(student)))
        )
    table(rows)
    _show_tasks(students)
    notes = notes + [f"{student.name}: {note}" for student in students for note in student.notes]
    if notes:
        print()
    for note in notes:
        say(note, hanging=4)


def _show_tasks(students):
    """A column a lesson, a letter a task; as many lessons beside each other as the screen is wide."""
    lessons = list(dict.fromkeys(lesson for student in students for lesson in student.outcomes))
    names = [_name(student) for student in students]
    while lessons:
        room, here = width() - 4 - max(7, *map(len, names)), []
        while lessons and (not here or room >= len(lessons[0].tasks) + 2):
            here.append(lessons.pop(0))
            room -= max(2, len(here[-1].tasks)) + 2
        marks = [[_marks(student, lesson) for lesson in here] for student in students]
        print()
        table([("student", *(lesson.number for lesson in here)), *((name, *row) for name, row in zip(names, marks, strict=True))])
        for lesson in here:
            say(f"{lesson.number}: {', '.join(task.key for task in lesson.tasks)}", indent=2, hanging=6)
    say(MARKS, indent=2)


def _name(student):
    return student.name if len(student.name) <= NAME else student.name[: NAME - 1] + "…"


def _marks(student, lesson):
    """A letter for each task of a lesson, as MARKS says."""
    outcome = student.outcomes[lesson]
    if "course_error" in outcome:
        return "?" * len(lesson.tasks)
    if "problem" in outcome:
        return ("-" if lesson in student.files else ".") * len(lesson.tasks)
    letters = {"passed": "+", "wrong": "-"}
    found = {result["task"]: letters.get(result["status"], ".") for result in outcome["results"]}
    return "".join(found.get(task.key, ".") for task in lesson.tasks)


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
