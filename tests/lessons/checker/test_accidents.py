"""What happens to beginners, through `python -m lessons check`: each accident has a sentence that helps and, where there is one,
the right line, and nobody ever sees a traceback or a file of the course (`learner.says` holds every answer to that)."""

import re
import sys

import pytest

from ...support.learner import flat

RIGHT = """\
import numpy as np

def centre(x, weight):
    centred = x - x.mean(-1, keepdims=True)
    def backward(dy):
        g = dy * weight
        return g - g.mean(-1, keepdims=True), (dy * centred).sum(tuple(range(dy.ndim - 1)))
    return centred * weight, backward
"""


def expect(learner, text, code, line, *words, seconds=10):
    learner.writes(text)
    learner.has_so_many_seconds(seconds)
    found, out = learner.says("check", "02")
    assert found == code, out
    for word in words:
        assert word in flat(out), out
    place = re.search(r"02_centre\.py(?::(\d+))?$", out, re.MULTILINE)
    assert place and place[1] == (str(line) if line else None), out
    assert all(len(row) <= 80 for row in out.splitlines()), out
    return out


IN_THE_FUNCTION = {
    "recursion": ("return centre(x, weight)", "calls itself without end"),
    "printing in a loop": ("for i in range(10**7): print('x' * 70)", "printed more than a million characters"),
    "exit": ("exit()", "calls exit()"),
    "sys.exit": ("import sys; sys.exit(1)", "ends Python before it can be checked"),
    "input": ("n = input('which axis? ')", "input() waits for somebody to type"),
    "in place": ("x -= x.mean(-1, keepdims=True)", "writes into an array that it was given", "x = x - m, not x -= m"),
    "huge": ("table = np.ones(10**12)", "more memory than the check allows", "look at the shapes"),
    "huge beyond counting": ("table = np.ones(10**20)", "more memory than the check allows", "look at the shapes"),
    "growing": ("while True: kept.append(np.empty(10**7))", "more memory than the check allows"),
    "misspelt": ("return centerd * weight", "there is no 'centerd' here: did you mean 'centred'?"),
    "another of a kind": ("row1 = x; return row2", "there is no 'row2' here: is it spelled right"),
    "unknown": ("return zzzz", "there is no 'zzzz' here"),
    "a module that was not imported": ("math.sqrt(2)", "there is no 'math' here: is import math missing at the top"),
    "a function without its module": ("maximum(x, 0)", "there is no 'maximum' here: did you mean 'np.maximum'?"),
    "used too early": ("early = early + 1", "early is used before it has a value", "is an `else` missing?"),
    "unknown in a module": ("np.maen(x)", "module 'numpy' has no attribute 'maen'"),
    "shapes that do not fit": ("x + np.zeros(7)", "two shapes do not fit each other", "(2,3,5) (7,)"),
    "shapes that do not multiply": ("x @ np.zeros((7, 2))", "@ needs the last axis of the left", "of the right: 5 and 7"),
    "a function in square brackets": ("np.exp[x]; max[x]", "which is called with round brackets"),
    "an array in round brackets": ("x(0)", "looked up with square brackets"),
    "a list where an array should be": ("[1, 2] - [1, 1]", "a list does no arithmetic"),
    "a list's mean": ("[1, 2].mean()", "'list' object has no attribute 'mean'. An array has it"),
    "no such key": ("{1: 2}[3]", "nothing stands under 3 in this dictionary"),
    "a negative power": ("10 ** -np.arange(3)", "the base should be a float"),
    "division by zero": ("1 / 0", "ZeroDivisionError"),
    "a size that is a float": ("x.reshape(6, 10 / 2)", "a whole number is needed here", "// gives a whole number"),
    "a place that is a float": ("x[: 4 / 2]", "a whole number is needed here"),
    "a reshape to fewer": ("x.reshape(2, 3, 4)", "the array has 30 numbers, and the shape (2, 3, 4) holds 24"),
    "a reshape that leaves a rest, -1 in front": ("x.reshape(-1, 7)", "with -1 in front it would need a multiple of 7"),
    "axes in a list": ("x.sum(axis=[0, 1])", "several axes are given as a tuple"),
    "Python's own max": ("max(x)", "an array has x.max()"),
    "a reshape that leaves a rest": ("x.reshape(4, -1)", "(4, -1) does not come out even: 30 is no multiple of 4"),
    "putting together without repeating": (
        "np.concatenate([np.ones((1, 1, 5)), x], axis=1)", "repeats nothing", "along axis 0 they have 1 and 2",
    ),
    "values that do not fit the index": ("np.add.at(x.copy(), [0, 0], x[0].T)", "that of array[index]"),
    "a stack of slices, one of them over the end": ("np.stack([x[0], x[1, :2]])", "np.stack needs arrays of one shape"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_THE_FUNCTION)
def test_an_error_in_the_function_is_told_with_its_line(learner, name):
    line, *words = IN_THE_FUNCTION[name]
    if "memory" in words[0]:
        pytest.importorskip("resource", reason="this system limits no memory")
    text = f"import numpy as np\n\ndef centre(x, weight):\n    centred, kept = x, []\n    {line}\n"
    out = expect(learner, text, 1, 5, "task 1 of 2", f"line 5: {line}"[:50], *words)
    assert "NO   stops with an error" in out or "NO   changes an array that it was given" in out
    assert "PrintedTooMuch" not in out


OUTSIDE = {
    "raises": ("np.zeros(3)[7]", 3, "line 3: np.zeros(3)[7]", "index 7 is out of bounds"),
    "exit": ("exit()", 3, "calls exit()"),
    "input": ("n = input()", 3, "input() waits for somebody to type"),
    "import": ("import numppy", 3, "No module named 'numppy'"),
    "prints": ("for i in range(10**7): print('x' * 70)", 3, "printed more than a million characters"),
    "not written yet": ("raise NotImplementedError", 3, "runs code that is not written yet", '__name__ == "__main__"'),
    "no colon": ("def centre(x, weight)", 3, "Python does not understand this line: expected ':'"),
    "bracket": ("y = np.sum((np.ones(3))", 3, "'(' was never closed"),
    "quotes of a word processor": ("name = “x”", 3, "invalid character '“'"),
    "tabs and spaces": ("if True:\n        x = 1\n\tx = 2", 5, "tabs, others with spaces: use four spaces"),
    "indentation": ("if True:\n    x = 1\n   x = 2", 5, "the indentation is not right", "four spaces per level"),
    "no block": ("def f():\nx = 1", 4, "the indentation is not right", "expected an indented block"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTSIDE)
def test_a_file_that_does_not_run_is_told_with_its_line(learner, name):
    text, line, *words = OUTSIDE[name]
    out = expect(learner, f"import numpy as np\n\n{text}\n", 1, line, "your file does not run", *words)
    assert "task" not in out and "PrintedTooMuch" not in out


def test_the_caret_stands_under_the_place_that_python_does_not_understand(learner):
    out = expect(learner, "def centre(x, weight):\n    y = = x\n", 1, 2)
    code, caret = out.rstrip().splitlines()[-2:]
    assert code.strip() == "y = = x" and code[caret.index("^")] == "=" and caret.index("^") > code.index("=")


@pytest.mark.slow_of("outside", "with everything caught")
@pytest.mark.parametrize(
    "text, line",
    [
        ("def centre(x, weight):\n    while True:\n        x = x + 0\n", (2, 3)),
        ("n = 0\nwhile True:\n    n += 1\n", (2, 3)),
        (
            "def centre(x, weight):\n    while True:\n        try:\n            x = x + 0\n        except:\n            pass\n",
            (2, 4),
        ),
    ],
    ids=["in the function", "outside", "with everything caught"],
)
def test_a_loop_without_end_is_stopped_and_told_with_the_line_it_was_at(learner, text, line):
    learner.writes(text)
    learner.has_so_many_seconds(1)
    code, out = learner.says("check", "02")
    assert code == 1
    assert "did not finish within 1 seconds" in flat(out) and "a loop without end" in out
    at = int(re.search(r"it was at line (\d+):  ", out)[1])
    assert line[0] <= at <= line[1] and f"02_centre.py:{at}\n" in out


@pytest.mark.parametrize("code", [0, 1])
def test_os_exit_is_told(learner, code):
    expect(
        learner, f"import os\n\ndef centre(x, weight):\n    os._exit({code})\n", 1, None, "your file does not run", "your code"
    )


def test_of_what_is_printed_without_end_little_is_shown(learner):
    learner.writes("for i in range(10**7): print('x' * 70)\n")
    code, out = learner.says("check", "02")
    assert code == 1 and "the rest of what your code printed is not shown" in out and len(out) < 10_000


def test_a_few_prints_are_shown_once_and_do_no_harm(learner):
    out = expect(learner, RIGHT.replace("    centred =", "    print('in centre', x.shape)\n    centred ="), 0, None)
    assert out.count("in centre") == 1 and out.startswith("in centre (2, 3, 5)\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "text, line, word",
    [
        ("# a\n# für x\n".encode("latin-1"), 2, "line 2 holds the byte 0xfc"),
        ("x = 1\n".encode("utf-16"), None, "looks like UTF-16"),
        ("x = 1\n".encode("utf-16-le"), None, "looks like UTF-16"),
        (b"x = 1\n\0\0\0", None, "UTF-16 or binary"),
    ],
    ids=["latin-1", "UTF-16", "UTF-16 without a mark", "NUL"],
)
def test_a_file_that_is_no_utf_8_is_told_how_to_save_it(learner, text, line, word):
    expect(learner, text, 1, line, word, "save the file as UTF-8")


@pytest.mark.parametrize("change", [lambda t: b"\xef\xbb\xbf" + t, lambda t: t.replace(b"\n", b"\r\n")], ids=["BOM", "CRLF"])
def test_a_file_as_windows_saves_it_is_right(learner, change):
    expect(learner, change(RIGHT.encode()), 0, None, "centre, forward", "centre, backward")


RETURNS = {
    "None": ("pass", "centre gives None", "is the line missing that returns the output and backward?"),
    "only y": ("return x", "centre gives an array of shape (2, 3, 5)", "return two things"),
    "three": ("return x, x, lambda dy: dy", "centre gives 3 things (ndarray, ndarray, function)", "return two things"),
    "a list": ("return [1, 2], lambda dy: dy", "the result is a list, and should be an array", "np.array(...) makes one"),
    "a Python float": ("return float(x.sum()), lambda dy: dy", "the shape of the result", "got (), want (2, 3, 5)"),
    "a Python int": ("return 3, lambda dy: dy", "the result is a Python number, and should be an array"),
    "a text": ("return 'y', lambda dy: dy", "the result is a str, and should be an array"),
    "nothing in the tuple": ("return None, lambda dy: dy", "the result is None", "is a `return` missing?"),
    "objects": ("return np.frompyfunc(lambda a: 1.5 * a, 1, 1)(x), lambda dy: dy", "the result"),
    "texts": ("return np.full(x.shape, 'a'), lambda dy: dy", "the result"),
    "complex numbers": ("return (x - x.mean(-1, keepdims=True)) * weight + 0j, lambda dy: dy", "the result", "complex"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RETURNS)
def test_a_result_of_the_wrong_kind_is_named(learner, name):
    text, *words = RETURNS[name]
    expect(learner, f"import numpy as np\ndef centre(x, weight):\n    {text}\n", 1, 2, *words)


def test_a_function_of_another_name_is_missed(learner):
    expect(learner, RIGHT.replace("centre", "center"), 1, None, "your file has no function centre", "python -m lessons reset 02")


def test_a_number_in_place_of_the_function_is_named(learner):
    expect(learner, "centre = 3\n", 1, None, "centre is a Python number, and should be a function")


def test_a_function_with_too_few_arguments_is_told_how_many_it_is_given(learner):
    expect(learner, "def centre(x):\n    return x\n", 1, 1, "centre is called with 2 arguments, and cannot take them")


def test_an_empty_file_is_told_what_it_lacks(learner):
    expect(learner, "", 1, None, "your file has no function centre", "python -m lessons reset 02")


def test_a_stub_is_not_started(learner):
    learner.says("start", "02")
    code, out = learner.says("check", "02")
    assert code == 3 and "not started" in out and "YOUR CODE" in out


def test_a_lesson_without_a_file_is_not_started(learner):
    code, out = learner.says("check", "02")
    assert code == 3 and "python -m lessons start 02" in out


def test_a_seed_of_the_learner_s_changes_nothing(learner):
    expect(learner, "import numpy as np\nnp.random.seed(0)\n" + RIGHT, 0, None)


def test_a_function_defined_twice_is_the_last_one(learner):
    expect(learner, "def centre(x, weight):\n    return None\n\n" + RIGHT, 0, None)


def test_an_answer_above_the_stub_that_is_still_there_is_pointed_out(learner):
    text = RIGHT + "\n\ndef centre(x, weight):\n    raise NotImplementedError\n"
    learner.writes(text)
    code, out = learner.says("check", "02")
    assert code in (1, 3) and "twice" in out and "3" in out and "11" in out


@pytest.mark.parametrize(
    "text",
    [
        "raise KeyboardInterrupt",
        "import sys; sys.stdout = None",
        "import sys; sys.stdout.close()",
    ],
)
def test_even_that_shows_no_traceback(learner, text):
    learner.writes(f"{text}\n{RIGHT}")
    code, _ = learner.says("check", "02")
    assert code in (0, 1)


def test_a_thread_that_never_ends_does_not_hold_up_the_verdict(learner):
    thread = "import threading, time\nthreading.Thread(target=lambda: time.sleep(60)).start()\n"
    expect(learner, thread + RIGHT, 0, None, seconds=1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rules for names")
def test_a_folder_may_have_umlauts_and_spaces_in_its_name(learner, tmp_path, monkeypatch):
    learner.work = tmp_path / "meine Übungen"
    learner.work.mkdir()
    monkeypatch.setenv("MINIVIT_WORK", str(learner.work))
    expect(learner, "def centre(x, weight):\n    return 1 / 0, None\n", 1, 2, "ZeroDivisionError")


def test_the_file_may_read_what_lies_in_the_folder_it_is_run_from(learner, tmp_path):
    (tmp_path / "here.txt").write_text("here")
    expect(learner, "assert open('here.txt').read() == 'here'\n" + RIGHT, 0, None)
