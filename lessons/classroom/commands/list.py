"""The command list."""

from .. import course
from ..screen import table

HELP = "every lesson, and how far you are"
PASSED, SKIPPED, NEW = "done", "skipped", ""


def run():
    """Every lesson, with its minutes and how far you are."""
    states = course.progress()
    rows = [("", "lesson", "min", "you", "in the end")]
    rows += [(x.number, x.title, x.about.MINUTES, mark(x, states), x.about.GOALS[0]) for x in course.lessons()]
    table(rows)


def mark(lesson, states):
    """How far one lesson is, in a word or two. states: those of course.progress()."""
    state = states.get(lesson.number)
    if state is None:
        return NEW
    return {"passed": PASSED, "skipped": SKIPPED}.get(state.status) or f"{state.done} of {state.total}"
