"""The command hint."""

from minivit.called import called

from .. import course
from ..screen import say

HELP = "the next of three hints for the task that is open"


def run(lesson):
    """Shows the next of three hints: a nudge, the idea, the plan."""
    task, read = open_task(lesson), course.state(lesson).hints
    hints = task.exercise.hints[task.part]
    level = min(read, len(hints) - 1)
    say(f"{lesson.number} {lesson.title} · {task.title} · hint {level + 1} of {len(hints)}", "title")
    say(hints[level], indent=2, hanging=2)
    if read < len(hints):
        course.record(lesson, hints=read + 1, status=course.state(lesson).status or "started")
    if level + 1 < len(hints):
        say(f"More: {called('lessons')} hint {lesson.number}", "dim")
    else:
        say(f"That was the last one. The whole answer: {called('lessons')} solution {lesson.number} --yes", "dim")


def open_task(lesson):
    """The task that the learner works on: the first that the last check did not pass."""
    return lesson.tasks[min(course.state(lesson).done, len(lesson.tasks) - 1)]
