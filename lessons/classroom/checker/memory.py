"""What a learner's op needs of memory. For few tokens and for many: a table of all pairs grows with their square, and shows.
Beside its first argument: what is done in blocks needs its results and little more."""

import tracemalloc

import numpy as np

from .calling import Stop, as_tuple, cast

FEW, MANY = 512, 2048  # tokens
PROPORTIONAL = 1.5 * MANY / FEW  # a table of all pairs grows (MANY / FEW)² times


def grows_with_tokens(learner, memory, rng, part):
    """A note for an op that needs memory in proportion to its tokens; stops for another. memory: of the exercise."""
    few, many = (_needs(learner, cast(memory(rng, tokens), np.float32), part) for tokens in (FEW, MANY))
    for what, (small, large) in {name: (few[name], many[name]) for name in few}.items():
        if large > PROPORTIONAL * small:
            advice = f"{MANY // FEW} times the tokens need {large / small:.0f} times the memory: is there a table of all pairs?"
            raise Stop("memory", f"{what} grows with the square of the tokens", _told(small, large), [advice])
    return _told(*(max(needs.values()) for needs in (few, many)))


def fits(learner, given, limit, part):
    """A note for an op, half of which needs no more than `limit` times the memory of its first argument; stops for another."""
    given = cast(given, np.float32)
    what, most = max(_needs(learner, given, part).items(), key=lambda entry: entry[1])
    times = most / given[0].nbytes
    if times > limit:
        advice = "an operation without out= takes a new array: is it one of the whole size, or is more kept than backward needs?"
        note = f"{times:.1f} times the memory of the first argument, limit {limit:g}"
        raise Stop("memory", f"{what} is too much", note, [advice])
    return f"{times:.1f} times that of the first argument, limit {limit:g}"


def _told(small, large):
    return f"{FEW:,} tokens: {small / 2**20:.1f} MiB, {MANY:,} tokens: {large / 2**20:.1f} MiB"


def _needs(learner, given, part):
    """{what: bytes beside the arguments}, of one half of the op."""
    tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        y, backward = learner.forward(given)
        kept, most = tracemalloc.get_traced_memory()
        if part == "forward":
            return {"what forward keeps for backward": kept - before, "what forward needs": most - before}
        dy = cast([np.ones(np.shape(out)) for out in as_tuple(y)], np.float32)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        gradients = learner.call(backward, dy)
        _, most = tracemalloc.get_traced_memory()
        del gradients
        return {"what backward needs": most - before}
    finally:
        if not tracing:
            tracemalloc.stop()
