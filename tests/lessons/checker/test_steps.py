"""The checker, step by step, on a small op: each wrong answer stops at its own step, with its own sentence."""

import linecache
import re
from types import SimpleNamespace

import numpy as np
import pytest

from lessons.classroom import course
from lessons.classroom.checker import calling, checker, loading, speed
from lessons.classroom.pages import build

CENTRED = "centred = x - x.mean(-1, keepdims=True)"
Y = "y = centred * weight"
G = "g = dy * weight"
DX = "dx = g - g.mean(-1, keepdims=True)"
DWEIGHT = "dweight = (dy * centred).sum(tuple(range(dy.ndim - 1)))"
RETURN = "return dx, dweight"


def names_of(text):
    return loading.load("answer.py", text)


@pytest.fixture
def check(small):
    """check({old: new, ...}): the two results for the solution of centre with these parts of its text replaced."""
    lesson = course.find("centre")

    def run(changes=None, seed=0, front=""):
        text = build.solution(lesson.source, lesson.name)
        for old, new in (changes or {}).items():
            assert text.count(old) == 1
            text = text.replace(old, new)
        return checker.check_lesson(lesson, names_of(front + text), seed)

    return run


def told(result):
    """Everything that the learner reads of what is wrong."""
    return " / ".join([*(" ".join(part for part in row if part) for row in result.rows[-1:]), *result.details, *result.looks])


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


# the note on speed

SLOW = """
    y = np.empty_like(x)
    for place in np.ndindex(x.shape[:-1]):
        y[place] = (x[place] - x[place].mean()) * weight
"""


def test_a_slow_answer_passes_with_a_note(check):
    forward, backward = check({Y: SLOW})
    assert (forward.status, backward.status) == ("passed", "passed")
    assert "right, and slow" in backward.notes[0] and "is the loop in line " in backward.notes[0]
    assert "for place in np.ndindex" in linecache.getlines("answer.py")[int(re.search(r"line (\d+)", backward.notes[0])[1]) - 1]


def test_a_slow_answer_without_a_loop_is_not_told_of_one(monkeypatch):
    namespace = names_of("def slow(x):\n    return x ** 3.0\n\ndef quick(x):\n    return x * x * x\n")
    learner = SimpleNamespace(function=namespace["slow"], namespace=namespace)
    seconds, now = {"slow": 0.1, "quick": 0.002}, [0.0]
    monkeypatch.setattr(speed, "perf_counter", lambda: now[0])

    def run(function):
        now[0] += seconds[function.__name__]

    note = speed.speed_note(learner, namespace["quick"], run)
    assert re.fullmatch(r"right, and slow: yours takes \d+ ms where 2.0 ms are enough", note)
    seconds["slow"] = 0.015
    assert speed.speed_note(learner, namespace["quick"], run) is None


def test_a_fast_answer_has_no_note(check):
    assert not any(result.notes for result in check())


# an exercise with a check of its own, and a plain function


def checked(number, text):
    return checker.check_lesson(course.find(number), names_of(text))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "text, status, step, words",
    [
        ("def word(): return 'yes'", "passed", "", "it has three letters"),
        ("def word(): return 'no'", "wrong", "check", "the word has 2 letters"),
        ("def word(): return 5", "wrong", "check", "Put it between quotes."),
        ("def word(): raise NotImplementedError", "not started", "start", ""),
        ("def word(): return 1 / 0", "wrong", "run", "ZeroDivisionError"),
        ("def word(): exit()", "wrong", "run", "calls exit()"),
        ("def word(what): return what", "wrong", "run", "missing 1 required positional argument"),
        ("", "wrong", "missing", "no function word"),
    ],
)
def test_an_exercise_with_a_check_of_its_own(text, status, step, words):
    (result,) = checked("word", text)
    assert (result.status, result.step) == (status, step)
    assert words in told(result)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "text, status, words",
    [
        ("def double(x): return x + x", "passed", ""),
        ("double = lambda x: 2 * x", "passed", ""),
        ("class Double:\n    def __call__(self, x): return 2 * x\ndouble = Double()", "passed", ""),
        ("def double(x): return x * x", "wrong", "That is the square."),
        ("def double(x): pass", "wrong", "is a `return` missing?"),
        ("def double(x): return x, x", "wrong", "gives 2 things (ndarray, ndarray) / give one array, the result"),
        ("def double(x): return 2 * x,", "wrong", "is there a comma at the end of a line?"),
        ("def double(x): return x + x, None", "wrong", "gives 2 things (ndarray, NoneType)"),
        ("def double(x): return [x, double]", "wrong", "is a list, and should be an array"),
        (
            "def double(x): return triple(x)\ndef triple(x): raise NotImplementedError",
            "wrong",
            "calls triple, which is not written",
        ),
        ("def double(x): return list(x)", "wrong", "is a list, and should be an array"),
        ("def double(x): return 2 * x.sum()", "wrong", "got (), want (2, 3)"),
        ("def double(x): return 2 * x * (x * x * x * x + 1) / (x * x * x * x + 1)", "wrong", "not finite"),
        ("def double(x): raise NotImplementedError", "not started", ""),
    ],
)
def test_a_plain_function(text, status, words):
    (result,) = checked("double", text)
    assert result.status == status, told(result)
    assert words in told(result)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "head, words",
    [
        ("x, eps=1e-5", "the argument eps is 1e-05 by default / in the lesson's line with def it stands as eps=1e-06"),
        ("x, eps", "the argument eps has no default"),
    ],
)
def test_a_default_of_the_lesson_s_stays_as_it_is(head, words):
    space = {}
    exec(f"def theirs({head}): pass\ndef lesson_s(x, eps=1e-6): pass\ndef other(x, e=1e-5): pass", space)
    with pytest.raises(calling.Stop) as stop:
        calling.keeps_defaults(space["theirs"], space["lesson_s"])
    assert words in f"{stop.value.text} / {stop.value.details[0]}"
    calling.keeps_defaults(space["lesson_s"], space["lesson_s"])
    calling.keeps_defaults(space["other"], space["lesson_s"])


def test_how_large_a_block_is_by_default_is_a_matter_of_taste():
    space = {}
    exec("def theirs(x, block=8): pass\ndef lesson_s(x, block=64): pass", space)
    calling.keeps_defaults(space["theirs"], space["lesson_s"])


# nothing is kept from call to call


@pytest.mark.parametrize(
    "changes, step, words",
    [
        ({Y: f"y = KEPT.setdefault(x.shape, {Y[4:]})"}, "repeat", "another answer when it is called again, on other numbers"),
        ({Y: f"y = KEPT.setdefault(id(x), {Y[4:]})"}, "repeat", "another answer when it is called again, on"),
        ({Y: f"_, y = KEPT.setdefault(id(x), (x, {Y[4:]}))"}, "repeat", "on the same arrays with other numbers in them"),
        ({Y: f"y = KEPT.setdefault(x.shape, np.empty_like(x))\n    y[...] = {Y[4:]}"}, "repeat", "a result changes when"),
        (
            {RETURN: "kept = KEPT.setdefault(x.shape, np.empty_like(x))\n        kept[...] = dx\n        return kept, dweight"},
            "repeat",
            "a gradient changes when backward is called again",
        ),
    ],
)
def test_what_is_kept_from_call_to_call_is_found(check, changes, step, words):
    wrong = next(result for result in check(changes, front="KEPT = {}\n") if result.status == "wrong")
    assert wrong.step == step and words in told(wrong)


@pytest.mark.usefixtures("small")
def test_a_check_of_an_exercise_s_own_runs_again_and_finds_what_was_kept():
    (result,) = checked("word", "def word(seen=[]):\n    seen.append(1)\n    return 'yes' if len(seen) < 2 else 'no'")
    assert result.status == "wrong" and "when all is called again" in told(result) and "a default argument" in told(result)


def test_what_is_wrong_for_some_numbers_alone_is_not_said_to_be_kept(check):
    sometimes = "y = centred * weight * (1 + (FIRST[0] != x.ravel()[0] if FIRST else FIRST.append(x.ravel()[0]) or 0))"
    forward, _ = check({Y: sometimes}, front="FIRST = []\n")
    assert forward.status == "wrong" and "kept" not in told(forward) and "value" in forward.step


@pytest.mark.parametrize(
    "changes, part",
    [
        ({Y: "y = np.empty(x.shape, x.dtype)\n    y[..., 1:] = (centred * weight)[..., 1:]"}, 0),
        ({DX: "dx = np.empty_like(g)\n        dx += g - g.mean(-1, keepdims=True)"}, 1),
    ],
    ids=["forward", "backward"],
)
def test_memory_that_was_never_written_is_told_even_where_it_holds_zeros(check, changes, part):
    assert "some entries are read and were never written" in told(check(changes)[part])


def test_before_dtypes_are_taught_float64_is_a_remark(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    lesson = course.find("01")
    exercise = next(exercise for exercise in lesson.exercises if exercise.name == "average_image")
    (result,) = checker.check_exercise(lesson, exercise, {"average_image": lambda images: images.mean(axis=0) * np.float64(1)})
    assert result.status == "passed" and "float32 does not stay float32" in result.notes[0]
