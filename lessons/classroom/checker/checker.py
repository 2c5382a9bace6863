"""Checks what a learner wrote, step by step, and stops at the first thing that is wrong.

In this order: is it there and begun; does it run; does it leave its inputs alone; the number and order of its results; their
shape; their dtype; are they finite; the values, against a slow specification; the gradient, against slopes measured in
float64, then float32 against float64; other shapes and memory layouts; a note on speed. A wrong backward over a forward that
overwrote its input looks wrong for no visible reason: that is why the order matters.
"""

import contextlib
import time
from dataclasses import dataclass, field

import numpy as np

from minivit.gradcheck import LIMIT_FLOAT32, LIMIT_FLOAT64, relative_error

from ...exercise import Wrong
from . import diagnose, sentences
from .calling import LAYOUTS, Learner, Stop, are_finite, arrays, as_tuple, cast, is_array_like, keeps_float32, names_used
from .slopes import gradient_of, run_backward, slopes

LIMIT_VALUE = 1e-9
NOTICEABLE, SLOW = 0.02, 10  # seconds, and times the course's own: from here on the note on speed


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
    found = {exercise.name: check_exercise(lesson, exercise, namespace, seed) for exercise in lesson.exercises}
    wrong = {name: result for name, results in found.items() for result in results if result.status == "wrong"}
    for name, result in wrong.items():
        for other in names_used(namespace.get(name)):
            if other != name and other in wrong:
                result.looks.insert(0, f"It calls {other}, which is wrong as well: mend {other} first.")
    return [result for results in found.values() for result in results]


def check_exercise(lesson, exercise, namespace, seed=0):
    """One Result for each task of one exercise: a backward waits until its forward is right."""
    results = []
    for task in (task for task in lesson.tasks if task.exercise is exercise):
        result = Result(task.key, task.title)
        if results and results[-1].status != "passed":
            result.status = "waiting"
        else:
            _run(lesson, task, namespace, seed, result)
        results.append(result)
    return results


def _run(lesson, task, namespace, seed, result):
    try:
        check = _Check(lesson, task.exercise, namespace, seed, result)
        result.line = check.learner.line(task.part)
        if task.exercise.check:
            check.own()
        elif task.part == "backward":
            check.backward()
        else:
            check.forward()
    except Stop as stop:
        result.status = "not started" if stop.step == "start" else "wrong"
        result.step, result.line, result.arrays = stop.step, stop.line or result.line, stop.arrays
        result.details, result.looks = stop.details, stop.looks
        if result.status == "wrong":
            result.rows.append(("NO", stop.text, stop.note))


def forward_and_backward(function, arguments):
    """Both halves of an op once, for timing."""
    y, backward = function(*arguments)
    return backward(*[np.ones_like(out) for out in as_tuple(y)])


class _Check:
    """The steps for one function of the learner's."""

    def __init__(self, lesson, exercise, namespace, seed, result):
        self.lesson, self.exercise, self.result = lesson, exercise, result
        self.learner = Learner(lesson, exercise, namespace)
        self.rng = np.random.default_rng((seed, int(lesson.number)))

    def ok(self, text, note=""):
        self.result.rows.append(("ok", text, note))

    # the forward half of an op, or a plain function

    def forward(self):
        cases = self.exercise.cases(self.rng)
        (ordinary, given), *others = cases.items()
        y = self.value(given, ordinary, loud=True)
        self.dtypes(given)
        self.ok("runs, leaves its inputs alone, right shape and dtype")
        with self.unless_wrong_anyway(lambda: self.compare(y, given, ordinary)):
            for label, extreme in self.extreme_cases():
                y_extreme = self.value(extreme, label)
                are_finite(y_extreme, "the result", label)
                self.compare(y_extreme, extreme, label)
        self.ok("the values", "against a slow specification in plain loops")
        for label, other in others:
            self.compare(self.value(other, label), other, label)
        for label, layout in LAYOUTS.items():
            self.compare(self.value(given, label, layout=layout), given, label)
        if others:
            self.ok("other shapes", ", ".join(label for label, _ in others))
        if not self.learner.is_op:
            self.speed(lambda function, arguments: function(*arguments))

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

    def extreme_cases(self):
        return (self.exercise.extreme(self.rng) if self.exercise.extreme else {}).items()

    def value(self, given, label, loud=False, layout=tuple):
        """What the learner's function gives, as a tuple of arrays of the right shapes."""
        self.learner.where = "" if loud else f" ({label})"
        y, _ = self.learner.forward(layout(cast(given, np.float64)), loud)
        wanted = as_tuple(self.exercise.spec(*given))
        if not is_array_like(wanted[0]):
            return (y,)
        wanted = [np.asarray(w) for w in wanted]

        def known(i, found):
            return diagnose.known_mistake(self.lesson, self.exercise, found, wanted[i], self.output_of(given, i))

        if len(wanted) == 1 and isinstance(y, tuple) and len(y) == 1:
            advice = "is there a comma at the end of a line? It makes a tuple of what stands in front of it"
            raise Stop("kind", f"the result is a tuple with one thing in it{self.learner.where}", details=[advice])
        names = self.exercise.outputs or _names(len(wanted))
        return arrays(y, wanted, names, known, self.learner.where, summed="sum or average")

    def output_of(self, given, i):
        """Of a function: its i-th output for these arguments."""
        return lambda function: self.outputs_of(function, given)[i]

    def outputs_of(self, function, given):
        out = function(*cast(given, np.float64))
        return as_tuple(out[0] if self.learner.is_op else out)

    def dtypes(self, given):
        if any(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in given):
            y, y64 = (self.learner.forward(cast(given, dtype))[0] for dtype in (np.float32, np.float64))
            y, y64 = (as_tuple(found) for found in (y, y64))
            for found, found64 in zip(y, y64, strict=True):
                keeps_float32(found, found64, "the result")

    def compare(self, y, given, label):
        wanted = as_tuple(self.exercise.spec(*given))
        if not is_array_like(wanted[0]):
            if y != wanted:
                raise Stop("value", f"the result ({label})", details=[f"yours {y[0]!r}, wanted {wanted[0]!r}"])
            return
        names = ("y" if self.learner.is_op else "result",) if len(wanted) == 1 else self.exercise.outputs or _names(len(wanted))

        def agreement(function):
            """How many of a listed mistake's outputs are the learner's: one output alone may come from several mistakes."""
            return sum(diagnose.same(*map(np.asarray, pair)) for pair in zip(self.outputs_of(function, given), y, strict=True))

        rights = {name: np.asarray(want, dtype=np.float64) for want, name in zip(wanted, names, strict=True)}
        for i, found in reversed(list(enumerate(y))):  # in (weight, m, v) a wrong v makes a wrong weight too
            name, found = names[i], np.asarray(found, dtype=np.float64)
            want = rights[name]
            if diagnose.largest(relative_error(found, want)) > LIMIT_VALUE:
                known = diagnose.known_mistake(self.lesson, self.exercise, found, want, self.output_of(given, i), agreement)
                others = {other: array for other, array in rights.items() if other != name}
                looks = [known or diagnose.by_relation(found, want, others)]
                self.differs("value", name, label, found, want, "wanted", LIMIT_VALUE, looks)

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

    # the backward half

    def backward(self):
        (ordinary, given), *others = self.exercise.cases(self.rng).items()
        self.gradients(given, ordinary, first=True)
        for label, other in others:
            self.gradients(other, label)
        self.gradients(self.exercise.cases(self.rng)[ordinary], "other numbers")  # nothing may be kept from call to call
        self.ok("other shapes", ", ".join(label for label, _ in others))
        self.speed(forward_and_backward)

    def gradients(self, given, label, first=False):
        """Backward against slopes for one case: every entry of every gradient."""
        names = self.exercise.gradients
        where = self.learner.where = "" if first else f" ({label})"
        y = as_tuple(self.learner.forward(cast(given, np.float64))[0])
        upstream = [np.array(self.rng.standard_normal(np.shape(out), dtype=np.float32), dtype=np.float64) for out in y]
        wanted = [value if name else None for name, value in zip(names, given, strict=False)]

        def known(i, found):
            return diagnose.known_mistake(self.lesson, self.exercise, found, wanted[i], gradient_of(given, upstream, i))

        returned = run_backward(self.learner, given, upstream, np.float64, loud=first)
        found = arrays(returned, wanted, [name or "None" for name in names], known, where)
        found32 = as_tuple(run_backward(self.learner, given, upstream, np.float32))
        places = [i for i, name in enumerate(names) if name]
        for i in places:
            keeps_float32(found32[i], found[i], names[i])
        if first:
            self.ok("runs, leaves dy alone, right shapes and dtypes")
            with self.unless_wrong_anyway(lambda: self.compare_gradients(found, given, upstream, label, first)):
                self.finite_gradients()
        else:
            self.compare_gradients(found, given, upstream, label, first)
        for i in places:
            rough = diagnose.largest(relative_error(found32[i], np.asarray(found[i])))
            if rough > LIMIT_FLOAT32:
                advice = "right in float64, too rough in float32: are two large, nearly equal numbers subtracted?"
                raise Stop("float32", f"{names[i]} in float32{where}", f"error {rough:.2g}, limit {LIMIT_FLOAT32:g}", [advice])
        for name, layout in LAYOUTS.items():
            other = as_tuple(run_backward(self.learner, given, upstream, np.float64, layout=layout))
            if not all(diagnose.same(np.asarray(other[i]), np.asarray(found[i])) for i in places):
                advice = "the numbers are the same, and only lie elsewhere: is there a ravel with an order, np.empty, or .data?"
                raise Stop("cases", f"another answer for {name}", details=[advice])
        larger = as_tuple(run_backward(self.learner, given, [-2 * dy for dy in upstream], np.float64))
        if not all(diagnose.same(np.asarray(larger[i]), -2 * np.asarray(found[i])) for i in places):
            advice = "twice the dy gives twice the gradient, and -dy its opposite: is something clipped, or its sign taken?"
            raise Stop("cases", "the gradient is not proportional to dy", details=[advice])

    def compare_gradients(self, found, given, upstream, label, first):
        names = self.exercise.gradients
        places = [i for i, name in enumerate(names) if name]
        truths = {i: slopes(self.learner, cast(given, np.float64), i, upstream) for i in places}
        errors = {i: diagnose.largest(relative_error(found[i], truths[i])) for i in places}
        for i in places:
            if first and errors[i] <= LIMIT_FLOAT64:
                self.ok(names[i], f"error {errors[i]:.0e}, limit {LIMIT_FLOAT64:g}")
        for i in places:
            if errors[i] > LIMIT_FLOAT64:
                self.wrong_gradient(i, found, truths, given, upstream, label)

    def finite_gradients(self):
        for label, given in self.extreme_cases():
            y, backward = self.learner.forward(cast(given, np.float64))
            dy = cast([np.ones(np.shape(out)) for out in as_tuple(y)], np.float64)
            returned = self.learner.call(backward, dy)
            for name, value in zip(self.exercise.gradients, as_tuple(returned), strict=True):
                if name:
                    are_finite((value,), name, label)

    def wrong_gradient(self, i, returned, truths, given, upstream, label):
        """Stops with the name of the mistake: from the list, from the formula's terms, or from a plain relation."""
        name, truth, found = self.exercise.gradients[i], truths[i], np.asarray(returned[i], dtype=np.float64)

        def agreement(function):
            """How much of a listed mistake is as the learner's: one gradient alone may come from several, or from a wrong y."""
            y, _ = function(*cast(given, np.float64))
            right = all(map(diagnose.same, as_tuple(y), as_tuple(self.learner.forward(cast(given, np.float64))[0])))
            return right + sum(diagnose.same(gradient_of(given, upstream, j)(function), np.asarray(returned[j])) for j in truths)

        lines = []
        if name in self.exercise.terms:
            symbols = self.exercise.symbols(*given) if self.exercise.symbols else {}
            lines = diagnose.by_terms(name, self.exercise.terms[name](*given, *upstream), found, symbols)
        known = diagnose.known_mistake(self.lesson, self.exercise, found, truth, gradient_of(given, upstream, i), agreement)
        if known:
            looks = [*lines[:1], known]
        else:
            others = {self.exercise.gradients[j]: array for j, array in truths.items() if j != i}
            looks = lines or [diagnose.by_relation(found, truth, others)]
        self.differs("gradient", name, label, found, truth, "numeric", LIMIT_FLOAT64, looks)

    # what is left

    def own(self):
        """An exercise with a check of its own."""
        try:
            with np.errstate(all="ignore"):
                for sentence in self.exercise.check(self.learner.function, self.learner.namespace, self.rng):
                    self.ok(sentence)
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

    def speed(self, run):
        """A note, never a failure."""
        if not self.exercise.large:
            return
        given = cast(self.exercise.large(np.random.default_rng(0)), np.float32)
        seconds = []
        for function in (diagnose.solution_names(self.lesson)[self.exercise.name], self.learner.function):
            started = time.perf_counter()
            self.learner.call(run, (function, given))
            seconds.append(time.perf_counter() - started)
        reference, theirs = seconds
        if theirs > NOTICEABLE and theirs > SLOW * reference:
            self.result.notes.append(
                f"right, and slow: yours takes {1e3 * theirs:.0f} ms where {1e3 * reference:.1f} ms are enough: "
                "is there a Python loop over rows or entries?"
            )


def _names(count):
    return ("the result",) if count == 1 else tuple(f"result {i + 1}" for i in range(count))
