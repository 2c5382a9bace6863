"""What a lesson's check.py is written in: exercises, the terms of their gradients, known mistakes, and the quiz."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from .classroom import course
from .classroom.checker.diagnose import planted_names, same, worst_entry
from .classroom.checker.sentences import compared, kind

__all__ = [
    "Exercise",
    "Mistake",
    "Question",
    "Term",
    "Wrong",
    "check_of",
    "compared",
    "kind",
    "same",
    "solution_with",
    "worst_entry",
]


def check_of(number):
    """The module check.py of another lesson, for what the checks of two lessons share."""
    return course.find(number).about


def solution_with(number, mistake):
    """{name: what it is}: all that the solution of a lesson defines with this mistake written into it."""
    return planted_names(course.find(number), mistake)


class Wrong(Exception):
    """Raised by an exercise's own check: the sentence that the learner reads."""


@dataclass(frozen=True)
class Term:
    """One summand of a gradient, as it stands in the right formula.

    formula   how it is written: "−mean(γ·dy)/σ"
    value     the array, of the gradient's shape
    why       one sentence on where it comes from, shown when it is missing: "µ depends on every x in the row."
    """

    formula: str
    value: object
    why: str


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, executable: the solution with `old` replaced by `new`, or a function of its own.

    says       the sentence for whoever makes it: what is wrong and why, never the line to write
    old, new   a part of the solution's text, found there exactly once, and what stands in its place
    function   instead of old and new: the wrong version in full
    step       where a step of the checker names it by itself ("inputs", "shape", "dtype", "finite", ...): then `says` may be ""
    """

    says: str
    old: str = ""
    new: str = ""
    function: Callable | None = None
    step: str = ""


@dataclass(frozen=True)
class Question:
    """One question of the quiz: the right answer is answers[right], and `because` explains it."""

    text: str
    answers: tuple
    right: int
    because: str

    def lettered(self):
        """{letter: answer}, the answers in an order that looks random and is the same each time."""
        count = len(self.answers)
        return dict(zip("abcdefgh", random.Random(self.text).sample(self.answers, count), strict=False))

    @property
    def letter(self):
        """The letter of the right answer."""
        return next(letter for letter, answer in self.lettered().items() if answer == self.answers[self.right])


@dataclass(frozen=True)
class Exercise:
    """A function that the learner writes, and how it is checked.

    name        of the function in the learner's file
    cases       cases(rng) gives {label: arguments}; the first is the ordinary one, with distinct small sizes. Floating-point
                arrays come in float64; the checker casts them
    spec        the same in slow, plain loops: spec(*arguments) gives the output, or a tuple of outputs
    gradients   the names of what backward returns, in order: ("dx", "dweight", "dbias"). Without them it is a plain function.
                None stands for an argument that has no gradient, like labels
    outputs     the names of the results, where there are several: ("weight", "m", "v")
    extreme     extreme(rng) gives {label: arguments} where a careless version is not finite
    terms       {"dx": function(*arguments, dy) that gives the list of Terms}
    large       large(rng) gives the arguments for the note on speed, a few milliseconds' work
    memory      memory(rng, tokens) gives the arguments for so many tokens, where what forward and backward need of memory must
                grow in proportion to them, and not with their square. The results are compared with those of the course's own
    room        room(rng) gives arguments, and how many times the memory of the first one each half may need for them:
                (arguments, {"forward": 2.5, "backward": 1.5}). The results are compared with those of the course's own
    symbols     symbols(*arguments) gives the sizes by letter, {"B": 2, "D": 5}: how a wrong factor is named
    mistakes    at least six where there are gradients
    hints       three for each task: {"forward": (…, …, …), "backward": (…, …, …)}, or {"": (…, …, …)} for a plain function
    read        for each task, like hints, the heading in the lesson that explains it
    check       instead of cases and spec: check(function, namespace, rng), a generator that yields a sentence for each thing
                that it found right and raises Wrong for the first that is not
    after       a function that the lesson gives further down and the check runs: in a notebook the check comes after it
    dtype       False before dtypes are taught: a result that becomes float64 is then a remark, and no failure
    whole       True where the results are used as indices: then they are whole numbers, and no floats like 3.0
    library     the op of minivit.ops that this is, if it is one: they are held equal, and where the course's ViT calls it, this
                can take its place
    """

    name: str
    cases: Callable | None = None
    spec: Callable | None = None
    gradients: tuple = ()
    outputs: tuple = ()
    extreme: Callable | None = None
    large: Callable | None = None
    memory: Callable | None = None
    room: Callable | None = None
    terms: dict = field(default_factory=dict)
    symbols: Callable | None = None
    mistakes: tuple | list = ()
    hints: dict = field(default_factory=dict)
    read: dict = field(default_factory=dict)
    check: Callable | None = None
    after: str = ""
    dtype: bool = True
    whole: bool = False
    library: str = ""

    @property
    def parts(self):
        """Its tasks: forward and backward of an op, or the function itself."""
        return ("forward", "backward") if self.gradients else ("",)
