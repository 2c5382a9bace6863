"""Checks what a learner wrote, step by step, and stops at the first thing that is wrong.

In this order: is it there and begun; does it run; does it leave its inputs alone; the number and order of its results; their
shape; are they finite; the values, against a slow specification; the gradient, against slopes measured in float64; their
dtype, then float32 against float64; other shapes and memory layouts; a note on speed. A wrong backward over a forward that
overwrote its input looks wrong for no visible reason: that is why the order matters.
"""

from dataclasses import dataclass, field

from . import diagnose, mending
from .calling import Stop, keeps_defaults, names_used
from .gradients import Gradients
from .named import Named
from .values import Values

SEARCHED = ("value", "gradient", "shape", "check", "run", "cases")  # the steps at which the learner's own code is searched
UNSURE = ("zero", "nearly", "not finite")  # what such a sentence says can have many causes


@dataclass
class Result:
    """How one task went. status: "passed", "wrong", "not started", or "waiting" for another task to be right."""

    task: str
    title: str
    status: str = "passed"
    step: str = ""  # at which it stopped
    rows: list = field(default_factory=list)  # (mark, text, note): what was looked at, the last one wrong
    details: list = field(default_factory=list)
    looks: list = field(default_factory=list)  # "what this looks like"
    notes: list = field(default_factory=list)
    line: int | None = None
    arrays: dict = field(default_factory=dict)  # yours and the right one, where they differ

    def as_dict(self):
        return {name: value for name, value in vars(self).items() if name != "arrays"}


def check_lesson(lesson, namespace, seed=0):
    """One Result for each task of the lesson. namespace: the names of the learner's file."""
    patience = mending.Patience()
    found = {exercise.name: check_exercise(lesson, exercise, namespace, seed, patience) for exercise in lesson.exercises}
    wrong = {name: result for name, results in found.items() for result in results if result.status == "wrong"}
    for name, result in wrong.items():
        for other in names_used(namespace.get(name)):
            if other != name and other in wrong:
                result.looks.insert(0, f"It calls {other}, which is wrong as well: mend {other} first.")
    return [result for results in found.values() for result in results]


def check_exercise(lesson, exercise, namespace, seed=0, patience=None):
    """One Result for each task of one exercise: a backward waits until its forward is right."""
    results, patience = [], patience or mending.Patience()
    for task in (task for task in lesson.tasks if task.exercise is exercise):
        result = Result(task.key, task.title)
        if results and results[-1].status != "passed":
            result.status = "waiting"
        else:
            _run(lesson, task, namespace, seed, result, patience)
        results.append(result)
    return results


def _run(lesson, task, namespace, seed, result, patience):
    try:
        steps = (Gradients if task.part == "backward" else Values)(lesson, task.exercise, namespace, seed, result)
        result.line = steps.learner.line(task.part)
        steps.own() if task.exercise.check else steps.run()
        if task.part != "backward":
            keeps_defaults(steps.learner.function, diagnose.solution_names(lesson).get(task.exercise.name))
    except Stop as stop:
        result.status = "not started" if stop.step == "start" else "wrong"
        result.step, result.line, result.arrays = stop.step, stop.line or result.line, stop.arrays
        result.details, result.looks = stop.details, stop.looks
        if result.status == "wrong":
            result.rows.append(("NO", stop.text, stop.note))
            named = any(isinstance(look, Named) and look.kind not in UNSURE for look in result.looks)
            endless = isinstance(stop.__context__, RecursionError)  # every run of a search would go as deep again
            if stop.step in SEARCHED and not named and not endless:
                found = mending.found_in(lesson, task.exercise, task.part, namespace, seed, patience)
                if found:  # then it is known why it is nearly right
                    result.looks = [look for look in result.looks if getattr(look, "kind", "") != "nearly"] + found
