"""All that is seen of a function: what it gives in every case of its exercise, beside what is right. What is said of a mistake
has to agree with it, the outputs and gradients that are right included."""

import contextlib
from functools import cached_property

import numpy as np

from . import diagnose
from .calling import Silence, as_tuple, cast
from .switches import Endless

CLOSE = 1e-7  # of the largest entry: nearer than that, two arrays are the same answer
FLOOD = 100_000  # characters printed in one run: a print in a loop, which may go on for as long as the check may last


def _leaves(value):
    """Everything that was returned, one after the other."""
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def equal(a, b):
    """Whether two results are the same answer."""
    if isinstance(a, np.ndarray | np.generic | float | int) and isinstance(b, np.ndarray | np.generic | float | int):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
            return False
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if not a.size:
            return True
        largest = np.abs(b).max()
        if not np.isfinite(largest):
            return np.array_equal(a, b, equal_nan=True)
        return bool(np.abs(a - b).max() <= CLOSE * max(largest, 1e-30))
    return type(a) is type(b) and bool(np.all(a == b))


def upstream(outputs):
    """An upstream gradient for each output, another number in each entry."""
    dy = [np.cos(np.arange(y.size) * 1.7 + 0.3).reshape(y.shape) for y in outputs]
    for array in dy:
        array.flags.writeable = False
    return dy


class Quiet(Silence):
    """Silence for one run, which ends when it prints without end."""

    count = 0

    def write(self, text):
        self.count += len(text)
        if self.count > FLOOD:
            raise Endless
        return len(text)


def attempted(run):
    """What run() returns, with all that it prints left out; None where it stops with an error."""
    try:
        with np.errstate(all="ignore"), contextlib.redirect_stdout(Quiet()):
            return run()
    except (Exception, SystemExit, Endless):
        return None


class Given:
    """One case: its arguments, and an upstream gradient for each output."""

    def __init__(self, arguments, is_op, backward):
        self.arguments, self.is_op, self.backward = cast(arguments, np.float64), is_op, backward

    def forward(self, function):
        """What it returns; None where it stops with an error."""
        return attempted(lambda: function(*self.arguments))

    def results(self, function, out=None):
        """All that the function gives here; None where it stops with an error. out: what it returned, if that is known."""
        return attempted(lambda: self._results(function(*self.arguments) if out is None else out))

    def _results(self, out):
        if not self.is_op:
            return _leaves(out)
        y, backward = out
        outputs = as_tuple(y)
        return [*outputs, *(as_tuple(backward(*upstream(outputs))) if self.backward else ())]


def right_ones(found, wanted):
    """Of each result, whether it is right; None where there are not as many."""
    if found is None or len(found) != len(wanted):
        return None
    return [equal(a, b) for a, b in zip(found, wanted, strict=True)]


class Evidence:
    """What the learner's function gives, and the course's own, case by case. part: "forward", "backward" or "" for all."""

    def __init__(self, lesson, exercise, part, namespace, seed):
        rng = np.random.default_rng((seed, int(lesson.number)))
        self.lesson, self.exercise, self.namespace = lesson, exercise, namespace
        self.cases = [Given(a, bool(exercise.gradients), part != "forward") for a in exercise.cases(rng).values()]

    @cached_property
    def wanted(self):
        function = diagnose.solution_names(self.lesson)[self.exercise.name]
        return [case.results(function) for case in self.cases]

    @cached_property
    def found(self):
        return [case.results(self.namespace[self.exercise.name]) for case in self.cases]

    @cached_property
    def right(self):
        return [right_ones(a, b) for a, b in zip(self.found, self.wanted, strict=True)]

    def agrees(self, function):
        """Whether a mistake may be the learner's: wherever it shows, theirs shows the same; and where it does not, theirs may be
        wrong in a second way. 1 and how many results it explains; 0 where it may not be."""
        explained = 1
        for case, found, wanted, right in zip(self.cases, self.found, self.wanted, self.right, strict=True):
            made = case.results(function)
            if made is None or found is None or right is None:
                if found is not None and right is not None and made is None and all(right):
                    return 0
                continue
            shows, same = right_ones(made, wanted), right_ones(made, found)
            if shows is None or same is None:
                continue
            if any(not s and not a for s, a in zip(shows, same, strict=True)):
                return 0
            explained += sum(a and not s for s, a in zip(shows, same, strict=True))
        return explained

    def again(self, i, terms):
        """The terms of a gradient and the i-th result, for the ordinary case with other numbers; None where there is none."""
        case, found, wanted = self.cases[0], self.found[0], self.wanted[0]
        if found is None or i >= len(found) or np.shape(found[i]) != np.shape(wanted[i]):
            return None
        count = len(found) - len(self.exercise.gradients)
        return terms(*case.arguments, *upstream(wanted[:count])), np.asarray(found[i], np.float64)

    def elsewhere(self, i, names):
        """(wrong, truth, {name: another right array}) of the i-th result, for each case in which it is wrong beyond rounding; at
        least 0-dimensional arrays. names: of all results, None for what is not compared."""
        told = []
        for found, wanted, right in zip(self.found, self.wanted, self.right, strict=True):
            if right is not None and not right[i] and np.shape(found[i]) == np.shape(wanted[i]):
                others = {
                    name: np.asarray(w, np.float64)
                    for j, (name, w) in enumerate(zip(names, wanted, strict=True))
                    if name and j != i
                }
                told.append((np.asarray(found[i], np.float64), np.asarray(wanted[i], np.float64), others))
        return told
