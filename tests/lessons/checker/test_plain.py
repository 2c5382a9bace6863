"""A plain function, and an exercise with a check of its own."""

import numpy as np
import pytest

from lessons.classroom import course
from lessons.classroom.checker import calling, checker

from ...support.centre import names_of, told


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


@pytest.mark.usefixtures("small")
def test_a_check_of_an_exercise_s_own_runs_again_and_finds_what_was_kept():
    (result,) = checked("word", "def word(seen=[]):\n    seen.append(1)\n    return 'yes' if len(seen) < 2 else 'no'")
    assert result.status == "wrong" and "when all is called again" in told(result) and "a default argument" in told(result)


def test_before_dtypes_are_taught_float64_is_a_remark(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    lesson = course.find("01")
    exercise = next(exercise for exercise in lesson.exercises if exercise.name == "average_image")
    (result,) = checker.check_exercise(lesson, exercise, {"average_image": lambda images: images.mean(axis=0) * np.float64(1)})
    assert result.status == "passed" and "float32 does not stay float32" in result.notes[0]
