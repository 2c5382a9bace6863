"""A GPU's threads in plain Python: what a kernel computes, what is counted, and every fault that is found."""

import numpy as np
import pytest

from lessons.threads import Fault, Traffic, launch


def given(*shape):
    """An input, from 1 upwards."""
    array = 1 + np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    array.flags.writeable = False
    return array


def double(me, x, y):
    for i in range(me.block * me.threads + me.thread, len(x), me.blocks * me.threads):
        y[i] = 2 * x[i]


def turn(me, x, y):
    """Each block's numbers in reverse order, by way of shared memory."""
    i = me.block * me.threads + me.thread
    me.shared[me.thread] = x[i]
    yield
    y[i] = me.shared[me.threads - 1 - me.thread]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("blocks, threads", [(1, 1), (2, 3), (3, 2), (5, 4)])
def test_each_thread_finds_its_numbers(blocks, threads, backwards):
    x, y = given(3, 4), np.zeros((3, 4), np.float32)
    traffic = launch(double, blocks, threads, (x, y), backwards=backwards)
    np.testing.assert_array_equal(y, 2 * x)
    assert traffic == Traffic(reads=12, writes=12, barriers=0, busiest=0)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_barrier_waits_for_all_of_a_block(backwards):
    x, y = given(6), np.zeros(6, np.float32)
    traffic = launch(turn, 2, 3, (x, y), shared=3, backwards=backwards)
    np.testing.assert_array_equal(y, [3, 2, 1, 6, 5, 4])
    assert traffic == Traffic(reads=6, writes=6, barriers=1, busiest=1)


def test_numbers_are_passed_as_they_are_and_float32_stays():
    x, y = given(2), np.zeros(2, np.float32)

    def scaled(me, x, factor, y):
        made = x[me.thread] * factor
        assert type(made) is np.float32
        y[me.thread] = made

    launch(scaled, 1, 2, (x, 0.5, y))
    np.testing.assert_array_equal(y, [0.5, 1])


def no_barrier(me, x, y):
    i = me.block * me.threads + me.thread
    me.shared[me.thread] = x[i]
    y[i] = me.shared[0]
    if False:
        yield


def in_a_branch(me, x, y):
    if me.thread < 2:
        yield
    y[me.block * me.threads + me.thread] = 0.0


def two_places(me, x, y):
    if me.thread == 1:
        yield
    else:
        yield


def plain(change):
    """A kernel without barriers: change(me, x, y)."""
    return lambda me, x, y: change(me, x, y)


def _writes(index, value=0.0):
    return plain(lambda me, x, y: y.__setitem__(index(me), value))


FAULTS = {
    "reads behind the end": (
        plain(lambda me, x, y: x[6 + me.thread]),
        "bounds",
        "thread 0 of block 0 reads x[6], and it has 6 numbers",
    ),
    "reads before the beginning": (plain(lambda me, x, y: x[me.thread - 1]), "bounds", "reads x[-1]"),
    "writes behind the end": (_writes(lambda me: 7), "bounds", "writes y[7]"),
    "a float as an index": (plain(lambda me, x, y: x[me.thread / 1]), "index", "one whole number"),
    "a slice as an index": (plain(lambda me, x, y: x[:2]), "index", "one whole number"),
    "writes an input": (plain(lambda me, x, y: x.__setitem__(0, 1.0)), "input", "x is an input"),
    "writes an array": (_writes(lambda me: me.thread, np.zeros(2)), "value", "writes ndarray"),
    "writes a double": (_writes(lambda me: me.thread, np.float64(1)), "double", "writes a float64 into y[0], which is float32"),
    "shared memory that is empty": (plain(lambda me, x, y: me.shared[1]), "empty", "shared[1], where nobody"),
    "a number that all write": (_writes(lambda me: 0), "race", "thread 1 of block 0 writes y[0], which thread 0 wrote"),
    "a number of each block": (
        _writes(lambda me: me.thread),
        "race",
        "of block 1 writes y[0], which thread 0 of block 0 wrote too",
    ),
    "read after a write": (
        no_barrier,
        "race",
        "thread 1 of block 0 reads shared[0], which thread 0 wrote, with no barrier between",
    ),
    "a barrier in a branch": (in_a_branch, "barrier", "a barrier of block 0 is reached by threads 0 to 1, and never by thread 2"),
    "two barriers for one": (two_places, "barrier", "wait at different barriers"),
}


@pytest.mark.parametrize("kernel, kind, words", FAULTS.values(), ids=FAULTS.keys())
def test_what_a_gpu_does_in_silence_is_said(kernel, kind, words):
    with pytest.raises(Fault) as fault:
        launch(kernel, 2, 3, (given(6), np.zeros(6, np.float32)), shared=3)
    assert fault.value.kind == kind and words in str(fault.value)


def test_a_write_after_a_read_is_a_race_too():
    def quick(me, x, y):
        y[me.thread] = 1.0
        yield
        y[(me.thread + 1) % 3] + 0
        y[me.thread] = 2.0

    with pytest.raises(Fault, match=r"thread 1 of block 0 writes y\[1\], which thread 0 read, with no barrier between"):
        launch(quick, 1, 3, (given(3), np.zeros(3, np.float32)))


def test_a_race_gives_what_the_order_of_the_threads_makes_of_it():
    def last_wins(me, y):
        y[0] = float(me.thread)

    found = []
    for backwards in (False, True):
        y = np.zeros(1, np.float32)
        launch(last_wins, 1, 4, (y,), backwards=backwards, careful=False)
        found.append(y.item())
    assert found == [3, 0]


def test_what_yields_inside_is_reached_by_yield_from():
    def waits(me):
        yield

    def kernel(me, y):
        yield waits(me)

    with pytest.raises(Fault, match="yields generator: what waits inside another function is called with yield from"):
        launch(kernel, 1, 2, (np.zeros(2, np.float32),))


def test_each_block_has_shared_memory_of_its_own():
    def kernel(me, y):
        if me.block == 0:
            me.shared[me.thread] = 1.0
        y[me.block * me.threads + me.thread] = me.shared[me.thread]

    with pytest.raises(Fault, match=r"thread 0 of block 1 reads shared\[0\], where nobody of its block has written"):
        launch(kernel, 2, 2, (np.zeros(4, np.float32),), shared=2)


def test_an_array_with_gaps_is_refused():
    with pytest.raises(ValueError, match="ascontiguousarray"):
        launch(double, 1, 1, (given(4)[::2], np.zeros(2, np.float32)))
