"""Answers that people gave who saw the lessons' texts alone, and neither the lists of mistakes nor the checker: wrong ones, each
with its true cause, and right ones written in unusual ways.

A file a lesson: RIGHT {exercise: source}, WRONG {exercise: [(cause, old, new, what is wrong)]}, where `old` is the part of the
right source in whose place `new` stands, or None where `new` is the whole source; UNUSUAL {exercise: [source]}.

    python -m tests.support.heldout [NUMBER ...]      counts what the checker says of them, lesson by lesson
"""

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lessons.classroom import course
from lessons.classroom.checker import loading
from lessons.classroom.pages import build

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Answer:
    """One answer to one exercise. cause: the words of the true cause, () for a right one."""

    number: str
    exercise: str
    place: int
    source: str
    cause: tuple = ()
    comment: str = ""
    right: str = ""  # the right answer that it was made from

    @property
    def id(self):
        return f"{self.number}-{self.exercise}-{self.place}"

    def file(self):
        """The lines of a learner's file: the solution of the lesson, in which this answer stands last."""
        lesson = course.find(self.number)
        return [*build.solution(lesson.source, lesson.name).split("\n"), "", *self.source.strip().split("\n")]

    def names(self):
        """The names of the learner's file."""
        return loading.load(f"<{'wrong' if self.cause else 'right'} {self.id}>", "\n".join(self.file()))


def numbers():
    """The lessons of which there are answers."""
    return sorted(path.stem[-2:] for path in FOLDER.glob("lesson[0-9][0-9].py"))


def _changed(right, old, new):
    if old is None:
        return new
    if right.count(old) != 1:
        raise ValueError(f"{old!r} occurs {right.count(old)} times in the right answer")
    return right.replace(old, new)


@cache
def wrong(number):
    """The wrong answers of a lesson."""
    told = importlib.import_module(f"{__name__}.lesson{number}")
    return [
        Answer(
            number,
            name,
            place,
            _changed(told.RIGHT.get(name, ""), old, new),
            tuple(cause.split(" and ")),
            comment,
            told.RIGHT.get(name, ""),
        )
        for name, entries in told.WRONG.items()
        for place, (cause, old, new, comment) in enumerate(entries)
    ]


@cache
def right(number):
    """The right answers of a lesson: the plain ones, and those written in unusual ways."""
    told = importlib.import_module(f"{__name__}.lesson{number}")
    sources = {name: [source, *told.UNUSUAL.get(name, [])] for name, source in told.RIGHT.items()}
    return [Answer(number, name, place, text) for name, listed in sources.items() for place, text in enumerate(listed)]
