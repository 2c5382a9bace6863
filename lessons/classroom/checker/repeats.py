"""A function gives the same for the same numbers, whatever it was called with before: nothing may be kept from call to call, and
nothing that was given away may be written into."""

import numpy as np

from . import diagnose, sentences
from .calling import Stop, as_tuple, cast, is_array_like


def copied(value):
    """What was given, as it is now."""
    return [np.array(v) if is_array_like(v) else None for v in as_tuple(value)]


def still(value, then):
    """Whether what was given is as it was then."""
    pairs = list(zip(as_tuple(value), then, strict=False))
    return all(
        kept is None or (is_array_like(v) and np.array_equal(v, kept, equal_nan=np.asarray(v).dtype.kind == "f"))
        for v, kept in pairs
    )


def same_each_time(steps, given, other):
    """Stops for a function whose answer for `other` depends on earlier calls, or whose earlier answers change."""
    learner = steps.learner
    first = cast(given, np.float64)
    y, _ = learner.forward(first)
    then = copied(y)
    if not right(steps, y, given):
        return  # wrong from the first: others say how
    again, _ = learner.forward(cast(other, np.float64))
    if not still(y, then):
        advice = "each call must make arrays of its own: one that is kept outside the function is written over by the next call"
        raise Stop("repeat", "a result changes when the function is called again", details=[advice])
    if not right(steps, again, other):
        once_more, _ = learner.forward(cast(given, np.float64))
        if not still(again, then) and still(once_more, then):
            label = "other numbers"
            steps.compare(steps.value(other, label), other, label)  # right for some numbers and wrong for others, each time
        _stop("on other numbers")
    if [np.shape(a) for a in given] == [np.shape(a) for a in other]:
        for array, numbers in zip(first, other, strict=True):  # the same arrays, with other numbers in them
            if isinstance(array, np.ndarray):
                array.flags.writeable = True
                array[...] = numbers
                array.flags.writeable = False
        numbers = tuple(a if isinstance(a, np.ndarray) else b for a, b in zip(first, other, strict=True))
        if not right(steps, learner.forward(numbers)[0], other):
            _stop("on the same arrays with other numbers in them")


def right(steps, y, given):
    """Whether an answer is that of the specification."""
    for found, want in zip(as_tuple(y), as_tuple(steps.exercise.spec(*given)), strict=False):
        if not is_array_like(want):
            if found != want:
                return False
            continue
        found, want = np.asarray(found), np.asarray(want)
        if found.dtype.kind not in "fiub" or not diagnose.same(found.astype(np.float64), want.astype(np.float64)):
            return False
    return True


def _stop(where):
    what = f"another answer when it is called again, {where}"
    raise Stop("repeat", what, details=["something is kept from call to call. " + sentences.KEPT])
