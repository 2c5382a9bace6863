"""What a learner's backward returns, and the slopes that it must equal."""

import numpy as np

from minivit.gradcheck import slopes as measured

from . import unwritten
from .calling import Stop, arguments_fit, as_tuple, cast, is_array_like
from .repeats import copied, still


def run_backward(learner, given, upstream, dtype, loud=False, layout=tuple):
    """What backward returns for dy = upstream. loud: it is also called again, before and after a forward on other numbers, and
    Stop is raised if its answer changes."""
    arguments = layout(cast(given, dtype))
    y, backward = learner.forward(arguments)
    for out in as_tuple(y):
        if isinstance(out, np.ndarray):
            out.flags.writeable = False
    dy = layout(cast(upstream, dtype))
    arguments_fit(backward, dy, "backward")
    before = copied(y)
    returned = learner.call(backward, dy, loud)
    if not still(y, before):
        advice = "a gradient lies in the memory of y: others still need y, so give the gradient an array of its own"
        raise Stop("inputs", "backward writes into the output", details=[advice])
    returned = tuple(returned) if isinstance(returned, list) else returned
    if loud:
        unwritten.is_read(learner, lambda: learner.call(learner.forward(arguments)[1], dy), returned)
        kept = copied(returned)
        learner.call(backward, cast([-2 * value for value in upstream], dtype))
        if not still(returned, kept):
            advice = (
                "each call must make arrays of its own: one that is kept outside the function is written over by the next call"
            )
            raise Stop("repeat", "a gradient changes when backward is called again", details=[advice])
        if not _agree(returned, learner.call(backward, dy)):
            advice = "it changes something that it remembers: each call must start from what the forward left"
            raise Stop("repeat", "backward gives another answer when it is called twice", details=[advice])
        learner.forward(cast([0.7 * a if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in given], dtype))
        if not _agree(returned, learner.call(backward, dy)):
            advice = "a network calls this function many times before the first backward: each must keep what is its own"
            raise Stop("repeat", "backward gives another answer once the forward has run on other numbers", details=[advice])
    return returned


def slopes(learner, arguments, i, upstream):
    """The measured slope of every entry of argument i; the loss is the sum of outputs times upstream."""

    def loss(moved):
        y, _ = learner.forward((*arguments[:i], moved, *arguments[i + 1 :]))
        return sum(float((out * dy).sum()) for out, dy in zip(as_tuple(y), upstream, strict=True))

    return measured(loss, arguments[i])


def gradient_of(given, upstream, i):
    """Of a function: the i-th thing that its backward returns."""

    def answer(function):
        _, backward = function(*cast(given, np.float64))
        return as_tuple(backward(*cast(upstream, np.float64)))[i]

    return answer


def _agree(a, b):
    """Whether two answers are the same, where that can be said at all: what they are is looked at next."""
    try:
        pairs = zip(as_tuple(a), as_tuple(b), strict=True)
        return all(np.array_equal(x, y, equal_nan=True) for x, y in pairs if is_array_like(x) and is_array_like(y))
    except (TypeError, ValueError):
        return True
