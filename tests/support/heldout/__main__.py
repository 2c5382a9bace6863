"""Counts what the checker says of the held-out answers: python -m tests.support.heldout [NUMBER ...] [--all, each by itself]"""

import os
import sys
import tempfile
from collections import Counter

from lessons.classroom import course
from lessons.classroom.checker import diagnose, mending
from lessons.classroom.commands.verify.proof import first_wrong

from . import numbers, right, wrong
from .judging import judged

# What is said must be true however busy or fast the machine is: more is found here than a learner waits for
mending.PATIENCE, mending.SECONDS = 1000, 2 * mending.SECONDS


def verdicts(number):
    """(answer, "named" | "unnamed" | "false" | "accepted", what was said) for each wrong answer of a lesson."""
    lesson = course.find(number)
    for answer in wrong(number):
        exercise = next(exercise for exercise in lesson.exercises if exercise.name == answer.exercise)
        names = answer.names()
        result = first_wrong(lesson, exercise, {}, 0, names)
        yield (answer, *judged(answer, result, lesson, exercise, names), bool(result) and result.task.endswith("backward"))


def refused(number):
    """(answer, why) for each right answer of a lesson that is rejected or scolded."""
    lesson = course.find(number)
    lesson.__dict__.pop("about", None)  # a wrong answer may have changed what its check holds, and the solution
    diagnose._solution_with.cache_clear()
    for answer in right(number):
        exercise = next(exercise for exercise in lesson.exercises if exercise.name == answer.exercise)
        result = first_wrong(lesson, exercise, {}, 0, answer.names())
        if result is not None:
            yield answer, (result.step, result.rows[-1:], result.details, result.looks)


def main(chosen, every):
    total, backward, right_ones, refusals = Counter(), Counter(), 0, 0
    for number in chosen or numbers():
        counts = Counter()
        for answer, verdict, said, gradient in verdicts(number):
            counts[verdict] += 1
            backward[verdict] += gradient
            if every or verdict in ("false", "accepted"):
                print(f"{verdict:9}{answer.id}  {' and '.join(answer.cause)}: {answer.comment}\n         {said}")
        for answer, why in refused(number):
            refusals += 1
            print(f"refused  {answer.id}  {why}")
        right_ones += len(right(number))
        total += counts
        print(f"lesson {number}: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common()), flush=True)
    for what, counts in (("wrong answers", total), ("of them wrong gradients", backward)):
        count = max(1, counts.total())
        told = ", ".join(f"{n} {verdict} ({100 * n / count:.0f} %)" for verdict, n in counts.most_common())
        print(f"{count} {what}: {told}")
    print(f"{right_ones} right answers: {refusals} refused")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as empty:
        os.environ["MINIVIT_WORK"] = empty
        main([argument for argument in sys.argv[1:] if argument != "--all"], "--all" in sys.argv)
