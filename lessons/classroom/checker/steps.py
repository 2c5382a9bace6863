"""What the two halves of a check share: the learner's function, what was found of it so far, and how it ends."""

import contextlib
import copy
import time
from functools import cached_property

import numpy as np

from minivit.gradcheck import relative_error

from ...exercise import Wrong
from . import diagnose, sentences
from .calling import Learner, Stop, as_tuple, cast
from .evidence import Evidence
from .memory import FEW, fits, grows_with_tokens
from .speed import speed_note

QUICK = 0.1  # seconds: a check of an exercise's own that takes less is repeated


def backward_alone(function, arguments):
    """The gradients under an upstream gradient that is another one in each entry."""
    y, backward = function(*arguments)
    return backward(*[np.cos(np.arange(out.size, dtype=out.dtype)).reshape(out.shape) for out in as_tuple(y)])


def forward_and_backward(function, arguments):
    """Both halves of an op once, for timing."""
    y, backward = function(*arguments)
    return backward(*[np.ones_like(out) for out in as_tuple(y)])


class Steps:
    """The steps for one function of the learner's."""

    def __init__(self, lesson, exercise, namespace, seed, result):
        self.lesson, self.exercise, self.result, self.seed = lesson, exercise, result, seed
        self.learner = Learner(lesson, exercise, namespace)
        self.rng = np.random.default_rng((seed, int(lesson.number)))

    @cached_property
    def evidence(self):
        part = self.result.task.partition(".")[2]
        return Evidence(self.lesson, self.exercise, part, self.learner.namespace, self.seed)

    @property
    def solution(self):
        """The course's own function."""
        return diagnose.solution_names(self.lesson)[self.exercise.name]

    def ok(self, text, note=""):
        self.result.rows.append(("ok", text, note))

    @staticmethod
    def differs(step, name, label, found, truth, against, limit, looks):
        """Stops: the values of `name` are wrong."""
        raise Stop(
            step,
            name if label == "ordinary" else f"{name} ({label})",
            f"error {diagnose.largest(relative_error(found, truth)):.2g}, limit {limit:g}",
            details=diagnose.worst_entry(name, found, truth, against),
            looks=[text for text in looks if text],
            arrays={"name": name, "yours": found, against: truth},
        )

    def listed(self, found, truth, answer):
        """The sentence of the listed mistake that gives this array, and agrees with everything else; or None."""
        return diagnose.known_mistake(self.lesson, self.exercise, found, truth, answer, self.evidence.agrees)

    def extreme_cases(self):
        return (self.exercise.extreme(self.rng) if self.exercise.extreme else {}).items()

    @staticmethod
    @contextlib.contextmanager
    def unless_wrong_anyway(compare):
        """For the extreme cases: where ordinary values are wrong too, that is the better thing to say."""
        try:
            yield
        except Stop:
            compare()
            raise
        compare()

    def own(self):
        """An exercise with a check of its own; a quick one three times: the same again, then with other numbers."""
        same, started = copy.deepcopy(self.rng), time.process_time()
        for sentence in self.own_check(self.rng):
            self.ok(sentence)
        if time.process_time() - started < QUICK:
            try:
                list(self.own_check(same))
            except Stop as stop:
                looks = [*stop.looks, "The first time all was right: something is kept from call to call. " + sentences.KEPT]
                raise Stop(
                    stop.step, f"{stop.text}, when all is called again", stop.note, stop.details, looks, stop.line
                ) from None
            list(self.own_check(self.rng))

    def own_check(self, rng):
        """What the exercise's check found right; stops for what is not."""
        try:
            with np.errstate(all="ignore"):
                yield from self.exercise.check(self.learner.function, self.learner.namespace, rng)
        except Wrong as wrong:
            first, *rest = str(wrong).split("\n")
            raise Stop("check", "not right yet", details=rest, looks=[first]) from None
        except NotImplementedError as error:
            self.learner.not_started(error)
        except (Exception, SystemExit) as error:
            if sentences.frames_of(error, self.learner.namespace):
                self.learner.stop_for(error)
            what = f"the check could not use what {self.exercise.name} gave: {type(error).__name__}: {error}"
            raise Stop("run", what) from None

    def memory(self, part, names, run):
        """Where the exercise asks for it: what it gives for many tokens or a large array, and how much memory it takes.
        run(function, arguments) gives the arrays of these names."""
        if self.exercise.memory:
            self.as_the_course(self.exercise.memory(self.rng, FEW), f"{FEW} tokens", part, names, run)
            note = grows_with_tokens(self.learner, self.exercise.memory, self.rng, part)
            self.ok("memory in proportion to the tokens", note)
        if self.exercise.room:
            given, limits = self.exercise.room(self.rng)
            self.as_the_course(given, "a large array", part, names, run)
            self.ok("memory", fits(self.learner, given, limits[part], part))

    def as_the_course(self, given, label, part, names, run):
        """The same as the course's own function, where plain loops and slopes would take too long."""
        given = cast(given, np.float64)
        step = "value" if part == "forward" else "gradient"
        wanted = as_tuple(run(self.solution, given))
        found = as_tuple(self.learner.call(run, (self.learner.function, given)))
        for i, name in enumerate(names):
            if not diagnose.same(found[i], wanted[i]):

                def answer(wrong, i=i):
                    return as_tuple(run(wrong, given))[i]

                known = self.listed(found[i], wanted[i], answer)
                self.differs(step, name, label, found[i], wanted[i], "wanted", diagnose.SAME, [known])

    def speed(self, run):
        """A note, never a failure."""
        if not self.exercise.large:
            return
        given = cast(self.exercise.large(np.random.default_rng(0)), np.float32)
        if note := speed_note(self.learner, self.solution, lambda function: self.learner.call(run, (function, given))):
            self.result.notes.append(note)
