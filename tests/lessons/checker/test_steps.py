"""The checker, step by step, on a small op: each wrong answer stops at its own step, with its own sentence."""

import pytest

from lessons.classroom import course
from lessons.classroom.checker import checker
from lessons.classroom.pages import build

from ...support.centre import CENTRED, DWEIGHT, DX, RETURN, G, Y, names_of, told

# right answers


@pytest.mark.parametrize("seed", range(5))
def test_the_solution_passes_with_every_seed(check, seed):
    forward, backward = check(seed=seed)
    assert forward.status == backward.status == "passed"
    assert all(mark == "ok" for mark, _, _ in forward.rows + backward.rows)


def test_what_was_found_right_is_listed(check):
    forward, backward = check()
    text = " / ".join(f"{text} {note}" for _, text, note in forward.rows + backward.rows)
    for words in ["leaves its inputs alone", "the values", "dx error", "dweight error", "limit 1e-07", "a square", "batch of 1"]:
        assert words in text


@pytest.mark.parametrize(
    "changes",
    [
        {CENTRED: "centred = x - np.average(x, axis=-1)[..., None]"},
        {DWEIGHT: "dweight = np.einsum('nd,nd->d', dy.reshape(-1, dy.shape[-1]), centred.reshape(-1, dy.shape[-1]))"},
        {RETURN: "return [dx, dweight]"},
        {DX: "dx = np.ascontiguousarray((g.T - g.T.mean(0)).T)"},
        {Y: "y = np.empty(x.shape, x.dtype)\n    y[...] = centred * weight"},
    ],
    ids=["average", "einsum", "a list of gradients", "transposed there and back", "filled in"],
)
def test_a_right_answer_written_another_way_passes(check, changes):
    assert [result.status for result in check(changes)] == ["passed", "passed"]


# start, count, order


def test_what_is_not_written_is_not_started_and_the_backward_waits(check):
    forward, backward = check({CENTRED: "raise NotImplementedError"})
    assert (forward.status, forward.step, backward.status) == ("not started", "start", "waiting")


def test_a_function_that_calls_one_that_is_not_written_is_not_called_unwritten_itself(check):
    front = "def later(x):\n    raise NotImplementedError\n"
    forward, _ = check({CENTRED: "centred = later(x)"}, front=front)
    assert (forward.status, forward.step, forward.line) == ("wrong", "run", 2)
    assert "calls later, which is not written yet" in told(forward) and "write later next (line 2)" in told(forward)
    forward, backward = check({G: "g = later(dy)"}, front=front)
    assert (forward.status, backward.status, backward.line) == ("passed", "wrong", 2)


def test_a_backward_that_is_not_written_is_not_started(check):
    forward, backward = check({G: "raise NotImplementedError"})
    assert (forward.status, backward.status) == ("passed", "not started")


def test_the_backward_waits_while_the_forward_is_wrong(check):
    forward, backward = check({Y: "y = 2 * centred * weight"})
    assert (forward.status, backward.status, backward.rows) == ("wrong", "waiting", [])


# (what is changed, the task, the step, words of the sentence)
STOPS = {
    "missing": ({"def centre": "def center"}, "forward", "missing", "no function centre"),
    "raises": ({CENTRED: "centred = x - x.mean(-1)"}, "forward", "run", "two shapes do not fit", "(2,3,5) (2,3)"),
    "raises in backward": ({G: "g = dy @ dy"}, "backward", "run", "@ needs the last axis of the left", "of the right: 5 and 3"),
    "backward of two arguments": (
        {"backward(dy)": "backward(dy, x)"}, "backward", "run", "backward is called with 1 argument, and cannot take it",
    ),
    "in place": ({CENTRED: "centred = x\n    centred -= x.mean(-1, keepdims=True)"}, "forward", "inputs", "x = x - m"),
    "dy in place": ({G: "g = dy\n        g *= weight"}, "backward", "inputs", "writes into an array that it was given"),
    "only y": ({"return y, backward": "return y"}, "forward", "count", "return two things"),
    "nothing": ({"return y, backward": "pass"}, "forward", "count", "gives None", "is the line missing that returns the output"),
    "y, backward and more": ({"return y, backward": "return y, y, backward"}, "forward", "count", "gives 3 things"),
    "backward called": ({"return y, backward": "return y, backward(y)"}, "forward", "count", "return two things"),
    "one gradient": ({RETURN: "return dx"}, "backward", "count", "give 2 results: dx, dweight"),
    "no gradient": ({RETURN: "pass"}, "backward", "count", "gives None", "is a `return` missing? give 2 results"),
    "a pair for y": (
        {"return y, backward": "return (y, backward), backward"}, 
        "forward", "count", "gives 2 things", "the pair (output, backward)",
    ),
    "a pair for a gradient": ({RETURN: "return dx, (dweight, None)"}, "backward", "kind", "dweight is 2 things"),
    "three gradients": ({RETURN: "return dx, dweight, None"}, "backward", "count", "gives 3 things"),
    "order": ({RETURN: "return dweight, dx"}, "backward", "order", "give them as dx, dweight"),
    "one is None": ({RETURN: "return dx, None"}, "backward", "kind", "dweight is None", "is a `return` missing?"),
    "one is a list": ({RETURN: "return dx, list(dweight)"}, "backward", "kind", "dweight is a list", "np.array"),
    "no sum": ({DWEIGHT: "dweight = dy * centred"}, "backward", "shape", "got (2, 3, 5), want (5,)", "sum over axes 0 and 1"),
    "sum over one": (
        {DWEIGHT: "dweight = (dy * centred).sum(0)"}, "backward", "shape", "got (3, 5), want (5,)", "sum over axis 0",
    ),
    "sum over all": ({DWEIGHT: "dweight = (dy * centred).sum()"}, "backward", "shape", "got (), want (5,)", "an axis is gone"),
    "keepdims": (
        {DWEIGHT: "dweight = (dy * centred).sum((0, 1), keepdims=True)"}, "backward", "shape", "got (1, 1, 5), want (5,)",
    ),
    "dx transposed": ({DX: "dx = (g - g.mean(-1, keepdims=True)).T"}, "backward", "shape", "the same axes in another order"),
    "dx flat": ({DX: "dx = (g - g.mean(-1, keepdims=True)).ravel()"}, "backward", "shape", "is a reshape missing?"),
    "float64 in forward": ({Y: "y = centred * weight * np.sqrt(1.0)"}, "forward", "dtype", "is float64", "math.sqrt(2)"),
    "float64 in backward": ({DX: DX + " * np.float64(1)"}, "backward", "dtype", "dx is float64", "dtype=x.dtype"),
    "float16 in both": ({Y: "y = (centred * weight).astype(np.float16)"}, "forward", "value", "is a float16 number"),
    "0/0 in forward": (
        {Y: "s = x.std(-1, keepdims=True)\n    y = centred / s * s * weight"}, "forward", "finite", "for a constant row",
    ),
    "0/0 in backward": (
        {DX: "s = x.std(-1, keepdims=True)\n        dx = (g - g.mean(-1, keepdims=True)) / s * s"}, 
        "backward", "finite", "dx is not finite",
    ),
    "value": ({Y: "y = centred * weight + 0.5"}, "forward", "value", "worst entry y[", "yours", "wanted", "30 of 30 entries"),
    "value, a factor": ({Y: "y = 2 * centred * weight"}, "forward", "value", "Every entry is 2 times the right one"),
    "value, a sign": ({Y: "y = -centred * weight"}, "forward", "value", "It has the wrong sign everywhere."),
    "value, zero": ({Y: "y = 0 * centred * weight"}, "forward", "value", "Every entry is zero."),
    "value, named": ({CENTRED: "centred = x"}, "forward", "value", "The mean stays in."),
    "value, one entry": (
        {Y: "y = centred * weight\n    y[(-1,) * y.ndim] += 1"},
        "forward", "value", "worst entry y[1, 2, 4]", "1 of 30 entries is wrong",
    ),
    "only for a square": (
        {Y: "y = centred * weight * (2 if x.shape[-1] == x.shape[-2] else 1)"}, "forward", "value", "y (a square)",
    ),
    "only for an extra axis": (
        {"x.mean(-1, keepdims=True)\n": "x.mean(2 if x.ndim > 2 else 1, keepdims=True)\n"},
        "forward", "value", "y (an extra axis)",
    ),
    "only for batches of 1": ({Y: "y = (centred * weight).squeeze()"}, "forward", "shape", "(batch of 1)", "an axis of size 1"),
    "gradient only for a square": (
        {DX: "dx = g - g.mean(0 if dy.shape[0] == dy.shape[-1] else -1, keepdims=True)"}, "backward", "gradient", "dx (a square)",
    ),
    "gradient only for a batch of 1": ({DX: DX + " * min(2, dy.shape[0]) / 2"}, "backward", "gradient", "dx (batch of 1)"),
    "gradient only for an extra axis": (
        {DWEIGHT: "dweight = (dy * centred).sum((0, 1))"}, "backward", "shape", "dweight (an extra axis)", "sum over axis 0",
    ),
    "repeat": (
        {DWEIGHT: DWEIGHT + "\n        centred[...] = 0"}, "backward", "repeat", "another answer when it is called twice",
    ),
    "counts its calls": (
        {Y: Y + "\n    calls = [0]", DX: "calls[0] += 1\n        dx = (g - g.mean(-1, keepdims=True)) * calls[0]"},
        "backward", "repeat", "another answer",
    ),
    "views in forward": ({CENTRED: CENTRED + " * (x.strides[-1] == x.itemsize)"}, "forward", "value", "with gaps in memory"),
    "views in backward": ({DX: DX + " * (dy.strides[-1] == dy.itemsize)"}, "backward", "cases", "arrays with gaps in memory"),
    "transposed in forward": (
        {CENTRED: "x = x.ravel(order='K').reshape(x.shape)\n    " + CENTRED}, "forward", "value", "y (transposed arrays)",
    ),
    "transposed in backward": (
        {G: "g = dy.ravel(order='K').reshape(dy.shape) * weight"}, "backward", "cases", "another answer for transposed arrays",
    ),
    "remembers the last forward only": (
        {CENTRED: CENTRED + "\n    centre.last = centred", DWEIGHT: DWEIGHT.replace("centred", "centre.last")},
        "backward", "repeat", "once the forward has run on other numbers", "each must keep what is its own",
    ),
    "a shape in place": (
        {CENTRED: f"x.shape = (*x.shape, 1)\n    x = x[..., 0]\n    {CENTRED}"},
        "forward", "inputs", "changes the shape of an array that it was given", "x.reshape(...) makes a new array",
    ),
    "the shape of dy in place": (
        {G: "dy.shape = (*dy.shape, 1)\n        dy = dy[..., 0]\n        g = dy * weight"},
        "backward", "inputs", "changes the shape",
    ),
    "a value only at extreme inputs": (
        {Y: "y = centred * weight + (centred == 0)"}, "forward", "value", "y (a constant row)", "yours 1, wanted 0",
    ),
    "wrong everywhere and not finite at extreme inputs": (
        {Y: "y = 2 * centred / (centred != 0) * weight"}, "forward", "value", "Every entry is 2 times the right one",
    ),
    "a gradient that is clipped": (
        {G: "g = np.clip(dy, -3, 3) * weight"}, "backward", "cases", "not proportional to dy", "is something clipped",
    ),
    "rough in float32": (
        {G: "g = ((dy * weight) + np.array(1000, dy.dtype)) - np.array(1000, dy.dtype)"}, "backward", "float32", "dx in float32",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPS)
def test_each_mistake_stops_at_its_own_step(check, name):
    changes, part, step, *words = STOPS[name]
    results = check(changes)
    result = results[part == "backward"]
    assert (result.status, result.step) == ("wrong", step), told(result)
    if part == "backward":
        assert results[0].status == "passed", told(results[0])
    for word in words:
        assert word in told(result)


def test_the_line_of_an_error_is_that_of_the_learner_s_code(check):
    forward, _ = check({CENTRED: "centred = x - x.mean(-1)"}, front="# one line more\n")
    text = build.solution(course.find("centre").source, "02_centre").splitlines()
    assert forward.line == 2 + text.index(f"    {CENTRED}")


def test_the_forward_is_looked_at_before_the_backward_and_inputs_before_values(check):
    forward, _ = check({CENTRED: "centred = x\n    centred -= 5", DX: "dx = 7 * g"})
    assert forward.step == "inputs"


# the gradient: what is named

DY_TERM, MEAN_TERM = "The first term", "The second term"
NAMED = {
    "the second term is missing": ({DX: "dx = g + 0"}, "dx = 1·[γ·dy] + 0·[−mean(γ·dy)]", f"{MEAN_TERM} is missing: µ depends"),
    "the first term is missing": ({DX: "dx = -g.mean(-1, keepdims=True) + 0 * g"}, "0·[γ·dy]", f"{DY_TERM} is missing: It goes"),
    "a wrong sign": ({DX: "dx = g + g.mean(-1, keepdims=True)"}, "−1·[−mean(γ·dy)]", f"{MEAN_TERM} has the wrong sign: µ"),
    "a sum for a mean": ({DX: "dx = g - g.sum(-1, keepdims=True)"}, "5·[−mean(γ·dy)]", "D = 5 times the right one (a sum where"),
    "a root": ({DX: "dx = g - g.mean(-1, keepdims=True) * np.sqrt(5).astype(g.dtype)"}, f"{MEAN_TERM} is √D = √5 times"),
    "one over a root": ({DX: "dx = g - g.mean(-1, keepdims=True) / np.sqrt(5).astype(g.dtype)"}, "is 1/√D = 1/√5 of the right"),
    "minus D": ({DX: "dx = g + g.sum(-1, keepdims=True)"}, f"{MEAN_TERM} is minus D = 5 times"),
    "both": ({DX: "dx = 3.5 * g + g.mean(-1, keepdims=True)"}, f"{DY_TERM} is 3.5 times", f"{MEAN_TERM} has the wrong sign"),
    "another factor": ({DX: "dx = 0.7 * g - g.mean(-1, keepdims=True)"}, "0.7·[γ·dy]", f"{DY_TERM} is 0.7 times the right one"),
    "zero": ({DX: "dx = 0 * g"}, "dx is zero everywhere."),
    "a mean for a sum": (
        {DWEIGHT: "dweight = (dy * centred).sum(tuple(range(1, dy.ndim - 1))).mean(0)"},
        "0.5·[sum of dy·(x − µ)]", "The term is 0.5 times the right one: Every row",
    ),
    "a listed mistake": ({G: "g = dy"}, "γ was left out of dx."),
    "a listed mistake in dweight": ({DWEIGHT: DWEIGHT.replace("centred", "x")}, "γ meets the centred numbers, not x."),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_a_wrong_gradient_is_named(check, name):
    changes, *words = NAMED[name]
    for seed in range(3):
        forward, backward = check(changes, seed)
        assert (forward.status, backward.status, backward.step) == ("passed", "wrong", "gradient"), told(backward)
        for word in words:
            assert word in " / ".join(backward.looks)


def test_where_nothing_is_recognised_the_worst_entry_is_told_and_no_name(check):
    text = "g - g.mean(-1, keepdims=True) + 4 * (np.arange(g.size).reshape(g.shape) == g.size - 1)"
    spoilt = f"spoilt = eval('lambda g: {text}')\n"  # its text is in no file: there is nothing to search
    _, backward = check({DX: "dx = spoilt(g)"}, front=f"import numpy as np\n{spoilt}")
    assert backward.step == "gradient" and not backward.looks
    assert "worst entry dx[1, 2, 4]" in told(backward) and "1 of 30 entries is wrong" in told(backward)


def test_a_gradient_of_the_right_shape_that_is_no_number_is_counted(check):
    _, backward = check({DX: DX + "\n        dx[..., 3:] = np.nan"})
    assert (backward.status, backward.step) == ("wrong", "gradient")
    assert backward.looks[0] == "12 of 30 entries are not numbers (nan or inf)."
    assert "`dx[..., 3:] = np.nan` should not be there" in backward.looks[1]


def test_of_two_wrong_gradients_the_first_is_told_and_what_is_right_is_listed(check):
    _, backward = check({DX: "dx = 3 * g"})
    assert backward.rows[-2][:2] == ("ok", "dweight") and backward.rows[-1][1] == "dx"
    _, backward = check({DX: "dx = 3 * g", DWEIGHT: DWEIGHT + " * 2"})
    assert backward.rows[-1][1] == "dx"


def test_the_arrays_of_a_wrong_gradient_are_kept_for_the_plot(check):
    _, backward = check({DX: "dx = 3 * g"})
    assert backward.arrays["name"] == "dx" and backward.arrays["yours"].shape == backward.arrays["numeric"].shape == (2, 3, 5)
    assert "arrays" not in backward.as_dict()


def test_a_function_that_calls_a_wrong_one_is_not_blamed_alone():
    lesson = course.find("09")
    text = build.solution(lesson.source, lesson.name)
    right = "pixels = grid.transpose(0, 1, 3, 2, 4, 5)  # (B, H/P, P, W/P, P, C)"
    assert text.count(right) == 1
    results = checker.check_lesson(lesson, names_of(text.replace(right, "pixels = grid")))
    patchify, unpatchify = results[1], results[2]
    assert (patchify.status, unpatchify.status) == ("wrong", "wrong")
    assert patchify.looks[0] == "It calls unpatchify, which is wrong as well: mend unpatchify first."
    assert not any("It calls" in text for text in unpatchify.looks)
