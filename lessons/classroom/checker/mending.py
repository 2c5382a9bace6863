"""Finds the mistake in a function by undoing it: each small change of the learner's own code is tried, and the one that makes
every number right is what was wrong. Where none does, the solution is changed until it gives the learner's numbers.

What is told is true of all that was seen: a change is only named if with it every output and gradient of every case is right.
"""

import time
from itertools import combinations

import numpy as np

from ..pages import build
from . import diagnose
from .changes import changes_of
from .evidence import Evidence, attempted, right_ones
from .exchange import LAST
from .grammar import Switchable
from .named import Named
from .switches import Endless

SECONDS = 0.5  # for an exercise's own check, which is run for each change
PATIENCE = 4  # seconds on the clock, on however busy a machine: nobody waits longer for the names of one check
LONG = 300_000  # operations of one check
SINGLE, PAIRS = 1600, 400  # changes that are tried


class Patience:
    """The seconds that are left for searching in one check, all its exercises together: they are part of the learner's seconds,
    and a file with many mistakes must not run out of them."""

    def __init__(self):
        self.left = PATIENCE


class Search(Evidence):
    """For one function that is compared with the course's own, case by case. ends: when the search is given up."""

    def __init__(self, ends, *known):
        super().__init__(*known)
        self.ends = ends
        wrong = [i for i, right in enumerate(self.right) if right is None or not all(right)]
        self.at = wrong[0] if wrong else None  # the case that is looked at first
        self.outputs = len(self.exercise.outputs) or 1

    def taken_apart(self, namespace, text=None, given=""):
        """run(case, *changes) of a function in whose source these changes are made; and all single changes, with their slots."""
        apart = Switchable(self.exercise.name, namespace, text, given)
        first = self.cases[self.at]
        apart.note(lambda: first.results(apart.function))
        again = first.backward and first.is_op and not apart.in_place  # else a change may spoil what the forward has left
        kept = first.forward(apart.function) if again else None

        def run(case, *changes):
            if time.perf_counter() > self.ends:
                raise Endless
            out = kept if case is first and all(apart.slots[c.place].inner > 1 for c in changes) else None
            return apart.with_changes(lambda: case.results(apart.function, out), *changes)

        return run, changes_of(apart.slots)[:SINGLE], apart.slots

    def mends(self, run, *changes):
        """Whether these changes make right what is wrong, and nothing wrong that is right, in every case."""
        mended = False
        for case, wanted, before in zip(self.cases, self.wanted, self.right, strict=True):
            now, was = right_ones(run(case, *changes), wanted), before or [False]
            if now and all(now):
                mended |= not all(was)
            elif before is not None and (now is None or any(a and not b for a, b in zip(before, now, strict=True))):
                return False
        return mended

    def mend(self):
        """Named sentences for what is wrong, [] where nothing is found. First what is exchanged often, in the learner's code and
        then in the solution; then what is added; then two changes at once."""
        case, wanted, before = self.cases[self.at], self.wanted[self.at], self.right[self.at]
        given = build.solution(self.lesson.source, self.lesson.name)
        run, changes, slots = self.taken_apart(self.namespace, given=given)
        some = []  # changes that make one of several results right

        def single(chosen):
            for change in chosen:
                now = right_ones(run(case, change), wanted)
                if now and all(now):
                    if self.mends(run, change):
                        return [change]
                elif now and before and now != before and all(b or not a for a, b in zip(before, now, strict=True)):
                    some.append((change, now))
            return None

        plain = [c for c in changes if c.rank < LAST]
        added = [c for c in changes if c.rank == LAST]
        if case.backward and before and all(before[: self.outputs]):  # the forward is right: what only it uses is not tried again
            added = [c for c in added if slots[c.place].inner > 1]
        inner = [c for c in plain if slots[c.place].inner > 1] or plain
        for search in (
            lambda: single(plain),
            self.in_the_solution,
            lambda: single(added),
            lambda: self._two(run, some),
            lambda: self._pair(run, inner, case, wanted),
        ):
            if found := search():
                if isinstance(found[0], Named):
                    return found
                return _told([(change, slots[change.place]) for change in found])
        return []

    def _two(self, run, some):
        """Two changes of which each makes some of the results right; both together make all."""
        for (one, now_one), (two, now_two) in combinations(some[:60], 2):
            both = all(a or b for a, b in zip(now_one, now_two, strict=True))
            if one.place != two.place and both and self.mends(run, one, two):
                return [one, two]
        return None

    def _pair(self, run, changes, case, wanted):
        """The two changes that mend it together, those that are made most often first."""
        tried = 0
        for total in range(2 * len(changes)):
            for i in range(max(0, total - len(changes) + 1), (total + 1) // 2):
                one, two = changes[i], changes[total - i]
                if one.place != two.place:
                    tried += 1
                    now = right_ones(run(case, one, two), wanted)
                    if now and all(now) and self.mends(run, one, two):
                        return [one, two]
            if tried > PAIRS:
                return None
        return None

    def in_the_solution(self):
        """[A sentence] for the change of the solution that gives what the learner's function gives, in every case; or None."""
        found = self.found[self.at]
        if found is None:
            return None
        text = build.solution(self.lesson.source, self.lesson.name)
        run, changes, _ = self.taken_apart(diagnose.solution_names(self.lesson), text)
        for change in changes:
            now = right_ones(run(self.cases[self.at], change), found)
            if (
                now
                and all(now)
                and all(_alike(run(case, change), theirs) for case, theirs in zip(self.cases, self.found, strict=True))
            ):
                cause = INVERSE.get(change.cause, change.cause)
                return [Named(IN_THE_SOLUTION[cause], cause)] if cause in IN_THE_SOLUTION else None
        return None


def _alike(a, b):
    """Whether a case says nothing against two functions being the same: b, the learner's, is None where it stops."""
    return b is None or all(right_ones(a, b) or [False])


def _own_check(lesson, exercise, namespace, seed):
    """The change with which an exercise's own check passes, or None."""
    apart = Switchable(exercise.name, namespace, given=build.solution(lesson.source, lesson.name))

    def passes():
        rng = np.random.default_rng((seed, int(lesson.number)))
        return attempted(lambda: list(exercise.check(apart.function, apart.names, rng))) is not None

    started = time.process_time()
    apart.note(passes)
    once = time.process_time() - started
    apart.switches.enough = LONG  # what is right goes on where what is wrong was stopped
    for change in changes_of(apart.slots):
        slot = apart.slots[change.place]
        # what is only counted comes right by luck: to one sum lead many numbers and factors
        if (slot.kind, change.cause) == ("number", "constant") or (change.rank, change.cause) == (LAST, "scale"):
            continue
        if time.process_time() - started + once > SECONDS:
            return None
        if apart.with_changes(passes, change):
            return [(change, slot)]
    return None


INVERSE = {"extra term": "missing term", "missing term": "extra term"}
IN_THE_SOLUTION = {  # only what can hardly be anything else
    "missing term": "It is as if one term were missing.",
    "extra term": "It is as if one term were too many.",
    "factor": "It is as if one factor were missing, or one too many.",
    "axis": "It is as if one sum, mean or maximum ran along another axis.",
    "transposed": "It is as if one array were transposed, or should be and is not.",
}


def found_in(lesson, exercise, part, namespace, seed, patience):
    """Named sentences for what is wrong with the learner's function, [] where nothing is found."""
    started = time.perf_counter()
    try:
        if exercise.check:
            return _told(_own_check(lesson, exercise, namespace, seed))
        search = Search(started + patience.left, lesson, exercise, part, namespace, seed)
        return search.mend() if search.at is not None else []
    except (Exception, Endless):  # a name is a help and no more: where none can be looked for, the worst entry is told
        return []
    finally:
        patience.left -= time.perf_counter() - started


def _told(changes):
    """Sentences for the changes that mend a function together, each with its line; [] for none."""
    if not changes:
        return []
    if len(changes) == 1:
        ((change, slot),) = changes
        text = f"With one change in line {slot.line} every number here is right: {change.text}."
        return [Named(text, change.cause, line=slot.line)]
    lines = " and ".join(dict.fromkeys(f"line {slot.line}" for _, slot in changes))
    told = [Named(f"Two things are wrong, and with both changed, in {lines}, every number here is right:", "two")]
    return told + [Named(f"line {slot.line}: {change.text}.", change.cause, line=slot.line) for change, slot in changes]
