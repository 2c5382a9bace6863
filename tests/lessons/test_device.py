"""The stand-in for a GPU: it refuses, copies and waits where CuPy does; its clock; and lesson 18's functions on both."""

import itertools
import math
import sys

import numpy as np
import pytest

from lessons.classroom import course
from lessons.classroom.checker import diagnose
from lessons.classroom.commands.verify.proof import first_wrong
from lessons.device import Queue, Refused, host, pretended, put
from minivit.backend import array_module, gpu_status, to_device, to_host

usable, reason = gpu_status()
gpu = pytest.mark.skipif(not usable, reason=reason)

# x (3, 4), mask (3, 4), labels (3,) and loss () on the device; row (4,), table (3, 4) and index (3,) on the host
REFUSED = [
    "x + row",
    "row + x",
    "x * np.array(2.0)",
    "x @ table.T",
    "table @ x.T",
    "x == table",
    "xp.where(mask, row, x)",
    "xp.concatenate([x, table])",
    "xp.stack([x, table])",
    "np.asarray(x)",
    "np.array([loss, loss])",
    "np.float32(loss)",
    "table[labels]",
    "table[labels[0]]",
    "table.__setitem__((np.arange(3), labels), 1)",
    "x - [1, 2, 3, 4]",
    "x.sum(where=mask)",
    "xp.exp(x, where=mask)",
    "xp.max(x, initial=0)",
    "range(labels[0])",
]
LACKING = ["xp.errstate()", "xp.block([x])", "xp.vecdot(x, x)"]
FREE = [
    "np.exp(x)",
    "np.sum(x, axis=0)",
    "np.where(mask, x, 0)",
    "np.zeros_like(x)",
    "np.linalg.norm(x)",
    "xp.add.at(x.copy(), labels, 1)",
    "np.add.reduce(x)",
    "np.float64(2) * x",
    "x[xp.arange(3), labels]",
    "x[labels[0]]",
    "x[:, None]",
    "x.var(axis=0)",
    "xp.take_along_axis(x, labels[:, None], 1)",
    "xp.asarray([loss, loss])",
    "xp.stack([loss, loss])",
    "xp.full(3, row[0])",
    "xp.array(3.0)",
    "xp.asarray(x)",
    "xp.minimum(1, loss)",
    "xp.clip(x, 0, loss)",
    "x.T.reshape(-1)",
    "loss**0.5",
    "len(x)",
    "list(x)",
    "sum(x)",
    "xp.allclose(x, x)",
    "xp.sum(table)",
]
COPIES = {  # to the device, and their bytes
    "xp.asarray(row)": 16,
    "xp.array(row)": 16,
    "xp.asarray([1.0, 2.0])": 16,
    "x[index]": 24,
    "x[[0, 2]]": 16,
    "x[range(3), labels]": 24,
}
WAITS = [
    "float(loss)",
    "int(loss)",
    "loss.item()",
    "math.sqrt(loss)",
    "bool(loss)",
    "max(loss, loss)",
    "f'{loss:.3f}'",
    "str(x)",
    "x.tolist()",
    "x.get()",
    "xp.asnumpy(x)",
    "x[mask]",
    "x[: labels[1]]",
    "xp.nonzero(mask)",
    "xp.where(mask)",
    "xp.argwhere(mask)",
    "xp.cuda.Device().synchronize()",
]


def names_on(xp, place):
    """What the expressions are about; place(array) puts one on the device."""
    x = place(np.arange(12, dtype=np.float32).reshape(3, 4))
    there = {"x": x, "mask": x > 3, "labels": place(np.array([0, 2, 1])), "loss": x.sum()}
    row, table = np.arange(4, dtype=np.float32), np.ones((3, 4), np.float32)
    return {"np": np, "math": math, "xp": xp, "row": row, "table": table, "index": np.array([0, 2, 1])} | there


@pytest.fixture
def names():
    with pretended() as traffic:
        found = names_on(sys.modules["cupy"], put)
        traffic.events.clear()
        yield found | {"traffic": traffic}


@pytest.fixture
def cupy_s():
    return names_on(pytest.importorskip("cupy"), lambda array: to_device(array, "gpu"))


def value_of(expression, names):
    return eval(expression, dict(names))


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_refused(expression, names):
    with pytest.raises((TypeError, IndexError)):
        value_of(expression, names)


@gpu
@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_refused_is_refused_by_cupy(expression, cupy_s):
    with pytest.raises((TypeError, IndexError)):
        value_of(expression, cupy_s)


@pytest.mark.parametrize("expression", LACKING)
def test_what_cupy_lacks(expression, names):
    with pytest.raises(AttributeError, match="CuPy has no"):
        value_of(expression, names)


@gpu
@pytest.mark.parametrize("expression", LACKING)
def test_what_is_said_to_be_lacking_cupy_lacks(expression, cupy_s):
    with pytest.raises(AttributeError):
        value_of(expression, cupy_s)


@pytest.mark.parametrize("expression", FREE)
def test_what_neither_copies_nor_waits(expression, names):
    value_of(expression, names)
    assert not names["traffic"].events


@pytest.mark.parametrize("expression", COPIES)
def test_what_travels_to_the_device(expression, names):
    value_of(expression, names)
    (event,) = names["traffic"].events
    assert event.up == COPIES[expression] and names["traffic"].copies == [event] and not names["traffic"].waits


@pytest.mark.parametrize("expression", WAITS)
def test_what_waits(expression, names):
    value_of(expression, names)
    (event,) = names["traffic"].events
    assert not event.up and names["traffic"].waits == [event]


@gpu
@pytest.mark.parametrize("expression", [*FREE, *COPIES, *WAITS])
def test_cupy_gives_the_same_values_in_the_same_place(expression, cupy_s):
    wanted = value_of(expression, cupy_s)
    with pretended():
        found = value_of(expression, names_on(sys.modules["cupy"], put))
    for own, theirs in zip(*[v if isinstance(v, list | tuple) else [v] for v in (found, wanted)], strict=True):
        there = type(theirs).__module__ == "cupy"
        assert (type(own).__module__ == "cupy") == there
        if there or isinstance(theirs, np.ndarray):
            own, theirs = host(own), to_host(theirs)
            assert own.shape == theirs.shape and own.dtype == theirs.dtype
            np.testing.assert_allclose(own, theirs, rtol=1e-6)


def test_an_event_knows_the_line_of_whoever_called():
    with pretended() as traffic:
        code = compile("\n\nfloat(loss)", "learner.py", "exec")
        exec(code, {"__name__": "learner", "loss": put(np.ones(()))})
    assert (traffic.events[0].file, traffic.events[0].line, traffic.events[0].what) == ("learner.py", 3, "float")


def test_a_view_shares_its_numbers_and_a_launch_is_counted():
    with pretended() as traffic:
        x = put(np.zeros((2, 3)))
        x.T[0] += 1
        assert host(x).tolist() == [[1, 0, 0], [1, 0, 0]]
        before = traffic.launches
        x.reshape(-1)[None].swapaxes(0, 1)
        assert traffic.launches == before
        x + x
        assert traffic.launches == before + 1


def test_cupy_is_the_stand_in_s_only_as_long_as_it_lasts():
    before = sys.modules.get("cupy")
    with pretended():
        assert array_module(put(np.ones(2))) is sys.modules["cupy"] is not before
    assert sys.modules.get("cupy") is before


def test_whether_there_is_a_gpu_is_asked_of_the_real_cupy():
    gpu_status.cache_clear()
    with pretended():
        assert gpu_status() == (usable, reason)


def test_what_it_cost_is_told():
    with pretended() as traffic:
        x = array_module(put(np.ones(2))).asarray(np.ones(1000))
        float((x + x)[0])
    assert str(traffic) == "2 copies (8.0 kB), 1 wait, 1 launch"


def test_a_read_only_refusal_names_its_reason():
    with pretended(), pytest.raises(Refused, match="meets one on the device"):
        put(np.ones(2)) + np.ones(2)


# the clock


def test_the_host_goes_on_while_the_device_works():
    queue = Queue(cost=1)
    queue.launch(5)
    queue.launch(5)
    assert queue.clock() == 2 and queue.kernels == [(0, 1, 1, 6), (1, 2, 6, 11)]
    queue.synchronize()
    assert queue.clock() == 11
    queue.synchronize()
    assert queue.clock() == 11


def test_a_wait_leaves_the_device_without_work():
    queue = Queue(cost=1)
    for _ in range(2):
        queue.launch(5)
        queue.synchronize()
    assert queue.clock() == 12


# the lesson


@pytest.fixture
def solution(tmp_path, monkeypatch):
    """What lesson 18's solution defines."""
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    return diagnose.solution_names(course.find("18"))


def test_the_figures_that_the_lesson_quotes(solution):
    careless, own = (solution["traffic"](solution[name]) for name in ("careless_epoch", "epoch"))
    assert [len(careless.copies), len(careless.waits)] == [225, 135]
    assert [len(own.copies), len(own.waits)] == [5, 2]
    small, large = (1e6 * np.array(solution["times"](n)) for n in (2_048, 2_048_000))
    np.testing.assert_allclose([*small, *large], [2.6, 5.1, 1639, 56], rtol=0.02)
    assert np.argmin(np.abs(np.subtract(*solution["times"](np.arange(1, 10_000))))) == pytest.approx(5_161, abs=3)


def test_a_timeline_without_waits_has_no_gap(solution):
    kernels = solution["timeline"](wait=False).kernels
    assert all(end == pytest.approx(start) for (*_, end), (_, _, start, _) in itertools.pairwise(kernels))


@gpu
def test_the_solution_runs_on_cupy(solution, rng):
    images, labels = rng.standard_normal((9, 5), dtype=np.float32), rng.integers(3, size=9)
    given = np.zeros((5, 3), np.float32), np.zeros(3, np.float32)
    on_host = solution["epoch"](*given, images, labels, np.random.default_rng(0), 0.5, 4)
    there = [to_device(array, "gpu") for array in given]
    on_device = solution["epoch"](*there, images, labels, np.random.default_rng(0), 0.5, 4)
    for own, theirs in zip(on_host, on_device, strict=True):
        np.testing.assert_allclose(to_host(theirs), own, rtol=1e-5, atol=1e-6)


@gpu
def test_the_check_uses_the_gpu_as_well(solution):
    lesson = course.find("18")
    exercise = lesson.exercises[0]

    def other_numbers(logits, labels):
        """Right on the host and on the stand-in."""
        loss, slopes = solution["softmax_loss"](logits, labels)
        return loss, slopes + 0.1 * (array_module(logits).__name__ == "cupy" and hasattr(array_module(logits), "RawKernel"))

    assert first_wrong(lesson, exercise, {}) is None
    assert "other numbers" in first_wrong(lesson, exercise, {"softmax_loss": other_numbers}).looks[0]
