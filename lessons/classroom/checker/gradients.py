"""The backward half of an op: each entry of each gradient against slopes that are measured."""

import numpy as np

from minivit.gradcheck import LIMIT_FLOAT32, LIMIT_FLOAT64, relative_error

from . import diagnose
from .calling import LAYOUTS, Stop, are_finite, arrays, as_tuple, cast, keeps_float32
from .slopes import gradient_of, run_backward, slopes
from .steps import Steps, backward_alone, forward_and_backward

ROUNDED = 1e-9  # float64 rounds to 1e-13 where numbers are well apart, float32 to some 1e-8


class Gradients(Steps):
    """The steps for what backward gives."""

    @property
    def places(self):
        """Of what backward returns, those that are gradients and not None."""
        return [i for i, name in enumerate(self.exercise.gradients) if name]

    def run(self):
        (ordinary, given), *others = self.exercise.cases(self.rng).items()
        self.gradients(given, ordinary, first=True)
        for label, other in others:
            self.gradients(other, label)
        self.gradients(self.exercise.cases(self.rng)[ordinary], "other numbers")  # nothing may be kept from call to call
        self.ok("other shapes", ", ".join(label for label, _ in others))
        self.memory("backward", self.exercise.gradients, backward_alone)
        self.speed(forward_and_backward)

    def gradients(self, given, label, first=False):
        """One case: what kind of thing backward gives, its values, and what must stay the same about them."""
        names = self.exercise.gradients
        where = self.learner.where = "" if first else f" ({label})"
        y = as_tuple(self.learner.forward(cast(given, np.float64))[0])
        upstream = [np.array(self.rng.standard_normal(np.shape(out), dtype=np.float32), dtype=np.float64) for out in y]
        wanted = [value if name else None for name, value in zip(names, given, strict=False)]

        def known(i, found):
            return self.listed(found, wanted[i], gradient_of(given, upstream, i))

        returned = run_backward(self.learner, given, upstream, np.float64, loud=first)
        found = arrays(returned, wanted, [name or "None" for name in names], known, where)
        if first:
            self.ok("runs, leaves dy alone, right shapes")
            with self.unless_wrong_anyway(lambda: self.compare_gradients(found, given, upstream, label, first)):
                self.finite_gradients()
        else:
            self.compare_gradients(found, given, upstream, label, first)
        found32 = as_tuple(run_backward(self.learner, given, upstream, np.float32))
        for i in self.places:
            keeps_float32(found32[i], found[i], names[i])
        self.precise(found, found32, where)
        self.consistent(found, given, upstream)

    def precise(self, found, found32, where):
        """The same in float32 as in float64, as far as float32 goes."""
        for i in self.places:
            rough = diagnose.largest(relative_error(found32[i], np.asarray(found[i])))
            if rough > LIMIT_FLOAT32:
                advice = "right in float64, too rough in float32: are two large, nearly equal numbers subtracted?"
                note = f"error {rough:.2g}, limit {LIMIT_FLOAT32:g}"
                raise Stop("float32", f"{self.exercise.gradients[i]} in float32{where}", note, [advice])

    def consistent(self, found, given, upstream):
        """The same for arrays that lie otherwise in memory, and in proportion to dy."""
        for name, layout in LAYOUTS.items():
            other = as_tuple(run_backward(self.learner, given, upstream, np.float64, layout=layout))
            if not all(diagnose.same(np.asarray(other[i]), np.asarray(found[i])) for i in self.places):
                advice = "the numbers are the same, and only lie elsewhere: is there a ravel with an order, np.empty, or .data?"
                raise Stop("cases", f"another answer for {name}", details=[advice])
        larger = as_tuple(run_backward(self.learner, given, [-3 * dy for dy in upstream], np.float64))
        off = max(diagnose.largest(relative_error(larger[i], -3 * np.asarray(found[i]))) for i in self.places)
        if off > diagnose.SAME:
            advice = "three times the dy gives three times the gradient, -dy its opposite: is something clipped, or a sign taken?"
            raise Stop("cases", "the gradient is not proportional to dy", details=[advice])
        if off > ROUNDED:
            advice = "something on the way is float32: an astype, a dtype=, or a number of np.float32"
            raise Stop("float32", "given float64, the gradient is only as exact as float32", details=[advice])

    def compare_gradients(self, found, given, upstream, label, first):
        """Each entry of each gradient against its slope; after the first case only where they differ from the solution's."""
        if not first and self.as_the_solution(found, given, upstream):
            return
        truths = {i: slopes(self.learner, cast(given, np.float64), i, upstream) for i in self.places}
        errors = {i: diagnose.largest(relative_error(found[i], truths[i])) for i in self.places}
        for i in self.places:
            if first and errors[i] <= LIMIT_FLOAT64:
                self.ok(self.exercise.gradients[i], f"error {errors[i]:.0e}, limit {LIMIT_FLOAT64:g}")
        for i in self.places:
            if errors[i] > LIMIT_FLOAT64:
                self.wrong_gradient(i, found, truths, given, upstream, label)

    def as_the_solution(self, found, given, upstream):
        """Whether these are the solution's gradients, whose every case is measured in the proof of the course."""
        _, backward = self.solution(*cast(given, np.float64))
        wanted = as_tuple(backward(*cast(upstream, np.float64)))
        return all(diagnose.largest(relative_error(found[i], wanted[i])) <= LIMIT_FLOAT64 for i in self.places)

    def finite_gradients(self):
        """No gradient overflows where a careless version does."""
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
        count = len(as_tuple(self.learner.forward(cast(given, np.float64))[0]))
        lines = self.by_terms(i, count, given, upstream, found, label) if name in self.exercise.terms else []
        known = self.listed(found, truth, gradient_of(given, upstream, i))
        if known:
            looks = [*lines[:1], known]
        else:
            others = {self.exercise.gradients[j]: array for j, array in truths.items() if j != i}
            elsewhere = self.evidence.elsewhere(count + i, [None] * count + list(self.exercise.gradients))
            looks = lines or [diagnose.by_relation(found, truth, others, elsewhere)]
        self.differs("gradient", name, label, found, truth, "numeric", LIMIT_FLOAT64, looks)

    def by_terms(self, i, count, given, upstream, found, label):
        """The lines on the terms of the formula, if with other numbers they are the same: a factor that changes is none."""
        name, symbols = self.exercise.gradients[i], self.exercise.symbols(*given) if self.exercise.symbols else {}
        terms = self.exercise.terms[name]
        lines = diagnose.by_terms(name, terms(*given, *upstream), found, symbols)
        again = self.evidence.again(count + i, terms) if label == "ordinary" and lines else None
        return lines if again is None or lines == diagnose.by_terms(name, *again, symbols) else []
