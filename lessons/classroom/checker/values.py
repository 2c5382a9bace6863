"""The forward half of an op, or a plain function: its values against a slow specification."""

import copy

import numpy as np

from minivit.gradcheck import relative_error

from . import diagnose, unwritten
from .calling import LAYOUTS, Stop, are_finite, arrays, as_tuple, cast, is_array_like, keeps_float32
from .repeats import same_each_time
from .steps import Steps

LIMIT_VALUE = 1e-9


class Values(Steps):
    """The steps for what the function gives."""

    def run(self):
        cases = self.exercise.cases(self.rng)
        (ordinary, given), *others = cases.items()
        y = self.value(given, ordinary, loud=True)
        same_each_time(self, given, self.exercise.cases(copy.deepcopy(self.rng))[ordinary])
        self.ok("runs, leaves its inputs alone, right shape")
        with self.unless_wrong_anyway(lambda: self.compare(y, given, ordinary)):
            for label, extreme in self.extreme_cases():
                y_extreme = self.value(extreme, label)
                are_finite(y_extreme, "the result", label)
                self.compare(y_extreme, extreme, label)
        self.ok("the values", "against a slow specification in plain loops")
        self.dtypes(given)
        self.are_whole(y)
        for label, other in others:
            self.compare(self.value(other, label), other, label)
        for label, layout in LAYOUTS.items():
            self.compare(self.value(given, label, layout=layout), given, label)
        if others:
            self.ok("other shapes", ", ".join(label for label, _ in others))
        self.memory("forward", ("y",), lambda function, arguments: function(*arguments)[0])
        if not self.learner.is_op:
            self.speed(lambda function, arguments: function(*arguments))

    def value(self, given, label, loud=False, layout=tuple):
        """What the learner's function gives, as a tuple of arrays of the right shapes."""
        self.learner.where = "" if loud else f" ({label})"
        arguments = layout(cast(given, np.float64))
        y, _ = self.learner.forward(arguments, loud)
        unwritten.is_read(self.learner, lambda: self.learner.forward(arguments)[0], y)
        wanted = as_tuple(self.exercise.spec(*given))
        if not is_array_like(wanted[0]):
            return (y,)
        wanted = [np.asarray(w) for w in wanted]

        def known(i, found):
            return self.listed(found, wanted[i], self.output_of(given, i))

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
                try:
                    keeps_float32(found, found64, "the result")
                except Stop as stop:
                    if self.exercise.dtype:
                        raise
                    self.result.notes.append(f"right, and {stop.text}: what that means comes in lesson 01, puzzle 8")

    def are_whole(self, y):
        """Where the results are used as indices: no floats."""
        for name, found in zip(self.exercise.outputs or _names(len(y)), y, strict=True):
            if self.exercise.whole and np.asarray(found).dtype.kind not in "iu":
                advice = (
                    "an index looks something up, and 3.0 looks up nothing: np.zeros and / give floats, np.zeros(..., int) and //"
                )
                raise Stop("dtype", f"{name} holds floats, and should hold whole numbers", details=[f"{advice} whole numbers"])

    def compare(self, y, given, label):
        wanted = as_tuple(self.exercise.spec(*given))
        if not is_array_like(wanted[0]):
            if y != wanted:
                raise Stop("value", f"the result ({label})", details=[f"yours {y[0]!r}, wanted {wanted[0]!r}"])
            return
        names = ("y" if self.learner.is_op else "result",) if len(wanted) == 1 else self.exercise.outputs or _names(len(wanted))

        rights = {name: np.asarray(want, dtype=np.float64) for want, name in zip(wanted, names, strict=True)}
        for i, found in reversed(list(enumerate(y))):  # in (weight, m, v) a wrong v makes a wrong weight too
            name, found = names[i], np.asarray(found, dtype=np.float64)
            want = rights[name]
            if diagnose.largest(relative_error(found, want)) > LIMIT_VALUE:
                known = self.listed(found, want, self.output_of(given, i))
                others = {other: array for other, array in rights.items() if other != name}
                elsewhere = self.evidence.elsewhere(i, names)
                looks = [known or diagnose.by_relation(found, want, others, elsewhere)]
                self.differs("value", name, label, found, want, "wanted", LIMIT_VALUE, looks)


def _names(count):
    return ("the result",) if count == 1 else tuple(f"result {i + 1}" for i in range(count))
