"""What a learner's op needs of memory, for few tokens and for many."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from lessons.classroom.checker.calling import Stop
from lessons.classroom.checker.memory import fits, grows_with_tokens


def one_array(rng, tokens):
    return (rng.standard_normal((tokens, 2)),)


def needs(op, part):
    """What is told of an op of one array (T, 2)."""
    learner = SimpleNamespace(forward=lambda given: op(*given), call=lambda function, arguments: function(*arguments))
    return grows_with_tokens(learner, one_array, np.random.default_rng(0), part)


def op_with(forward=lambda x: None, kept=lambda x: None, backward=lambda x: None):
    """y = 2 x, with something more that is made in forward, kept for backward, or made in backward."""

    def double(x):
        forward(x)
        more = kept(x)

        def double_backward(dy):
            backward(x)
            return 2 * dy if more is None else 2 * dy + 0 * more[:, :2]

        return 2 * x, double_backward

    return double


def table(x):
    return x @ x.T  # (T, T)


@pytest.mark.parametrize("part", ["forward", "backward"])
def test_memory_in_proportion_to_the_tokens_is_told(part):
    told = needs(op_with(), part)
    assert told.startswith("512 tokens: 0.0 MiB, 2,048 tokens: 0.0 MiB")


@pytest.mark.parametrize(
    "where, part, words",
    [
        ("forward", "forward", "what forward needs grows"),
        ("kept", "forward", "what forward keeps for backward grows"),
        ("backward", "backward", "what backward needs grows"),
    ],
)
def test_a_table_of_all_pairs_is_found_where_it_is_made(where, part, words):
    with pytest.raises(Stop) as stop:
        needs(op_with(**{where: table}), part)
    assert stop.value.step == "memory" and words in stop.value.text
    assert "16.0 MiB" in stop.value.note and "is there a table of all pairs?" in stop.value.details[0]


def test_a_table_in_the_other_half_is_not_this_half_s():
    assert needs(op_with(backward=table), "forward") and needs(op_with(forward=table), "backward")


def test_what_was_traced_before_goes_on():
    assert not tracemalloc.is_tracing()
    needs(op_with(), "forward")
    assert not tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        needs(op_with(), "forward")
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def fitting(op, part, limit):
    """What is told of an op of one array of 64 KiB, which may need so many times its memory."""
    learner = SimpleNamespace(forward=lambda given: op(*given), call=lambda function, arguments: function(*arguments))
    return fits(learner, one_array(np.random.default_rng(0), 8192), limit, part)


@pytest.mark.parametrize("part", ["forward", "backward"])
def test_a_result_and_little_more_fits(part):
    assert fitting(op_with(), part, 1.5).startswith("1.0 times that of the first argument")


@pytest.mark.parametrize(
    "where, part, words",
    [
        ("forward", "forward", "what forward needs"),
        ("kept", "forward", "what forward"),
        ("backward", "backward", "what backward needs"),
    ],
)
def test_what_is_more_does_not(where, part, words):
    with pytest.raises(Stop) as stop:
        fitting(op_with(**{where: lambda x: np.tile(x, 2)}), part, 1.5)
    assert stop.value.step == "memory" and words in stop.value.text
    assert "limit 1.5" in stop.value.note and "out=" in stop.value.details[0]
