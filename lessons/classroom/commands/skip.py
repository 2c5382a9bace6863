"""The command skip."""

from .. import course
from ..screen import say
from . import home

HELP = "go on without a lesson"


def run(lesson):
    """Goes on without this lesson. You can come back at any time."""
    if course.state(lesson).status == "passed":
        say(f"{lesson.number} {lesson.title} is passed already: nothing to skip.")
        return
    course.record(lesson, status="skipped")
    say(f"{lesson.number} {lesson.title} is skipped. Later lessons use the course's own code in its place.")
    home.run()
