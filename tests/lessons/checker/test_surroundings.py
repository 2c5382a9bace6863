"""A learner's file shares a process with the check: what it changes for everybody is put back or told, and is never an error of
the course."""

import math
import sys
import warnings

import numpy as np
import pytest

from lessons.classroom import course
from lessons.classroom.checker import loading, surroundings, worker
from lessons.classroom.pages import build

from ...support.learner import flat

TORN = {
    "a function of NumPy's": ("np.random.default_rng = None", "np.random.default_rng"),
    "one of math's": ("import math\nmath.sqrt = abs", "math.sqrt"),
    "one of Python's": ("import builtins\ndel builtins.len", "len"),
    "a whole library": ("import sys\nsys.modules['numpy'] = None", "numpy"),
}


@pytest.mark.parametrize("name", TORN)
def test_a_name_that_others_need_is_put_back_and_told_with_its_line(name):
    line, told = TORN[name]
    before, names = np.random.default_rng, surroundings.Names()
    text = f"import numpy as np\n{line}\n"
    loading.load("answer.py", text)
    with pytest.raises(loading.Problem) as found:
        names.expect_unchanged(text)
    assert f"your file changes what {told} is" in found.value.lines[0]
    assert found.value.line == len(text.splitlines())
    assert np.random.default_rng is before and math.sqrt(4) == len("ab") == 2 and sys.modules["numpy"] is np
    names.expect_unchanged(text)


def test_new_names_and_those_that_only_python_uses_inside_are_no_matter():
    names = surroundings.Names()
    np.of_the_learner = 3
    names.expect_unchanged("")
    del np.of_the_learner


def test_settings_are_put_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sys.getrecursionlimit(), np.geterr(), np.get_printoptions()
    with surroundings.settings_kept():
        loading.load(
            "answer.py",
            "import os, sys, warnings\nimport numpy as np\nsys.setrecursionlimit(10**6)\nos.chdir('/')\nnp.seterr(all='raise')\n"
            "np.set_printoptions(precision=1)\nwarnings.simplefilter('error')\n",
        )
    assert (sys.getrecursionlimit(), np.geterr(), np.get_printoptions()) == before
    assert str(tmp_path) in str(tmp_path.cwd())
    with warnings.catch_warnings(record=True):
        warnings.warn("no error", stacklevel=1)


def outcome(learner, text):
    path = learner.writes(text, "02_centre.py")
    return worker.outcome("02", path)


def solved():
    lesson = course.find("02")
    return build.solution(lesson.source, lesson.name)


KINDS = {
    "async def": (lambda t: t.replace("def centre", "async def centre"), "a plain def runs at once"),
    "an async backward": (lambda t: t.replace("def backward", "async def backward"), "a plain def runs at once"),
    "yield": (lambda t: t.replace("return y, backward", "yield y, backward"), "return gives the result at once"),
    "a class": (lambda t: t + "\nclass centre:\n    pass\n", "centre is a class, and should be a function"),
    "a matrix": (lambda t: t.replace("return y, backward", "return y[0].view(np.matrix), backward"), "should be a plain array"),
    "a masked array": (lambda t: t.replace("return y, b", "return np.ma.masked_array(y), b"), "should be a plain array"),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_function_or_no_array_is_told(learner, name):
    change, words = KINDS[name]
    assert change(solved()) != solved()
    found = outcome(learner, change(solved()))
    assert "course_error" not in found
    assert words in str(found)


def test_strict_settings_are_no_mistake(learner):
    strict = "import numpy as np\nnp.seterr(all='raise')\nimport warnings\nwarnings.simplefilter('error')\n"
    assert {result["status"] for result in outcome(learner, strict + solved())["results"]} == {"passed"}


def test_what_breaks_the_check_itself_is_no_error_of_the_course_if_the_solution_passes(learner, monkeypatch):
    from lessons.classroom.checker import checker

    honest = checker.check_lesson

    def broken(lesson, namespace):
        if "odd" in namespace:
            raise TypeError("what is this?")
        return honest(lesson, namespace)

    monkeypatch.setattr(checker, "check_lesson", broken)
    found = outcome(learner, solved() + "\nodd = True\n")
    assert found["problem"][0] == "the check cannot go on with what your file gives: TypeError: what is this?"
    monkeypatch.setattr(checker, "check_lesson", lambda lesson, namespace: 1 / 0)
    assert "ZeroDivisionError" in outcome(learner, solved())["course_error"]


# files of the learner's with the names of Python's own


def test_a_file_named_like_a_module_of_python_s_does_no_harm_and_is_told(learner):
    for name in ("random", "numpy", "math"):
        learner.writes("raise SystemExit('the wrong one')\n", f"{name}.py")
    learner.writes("import math, random\nassert random.random() < 1 and math.sqrt(4) == 2\n" + solved())
    code, out = learner.says("check", "02")
    assert code == 0, out
    assert "random.py has the name of a module that Python, or a library, needs" in flat(out)


def test_a_file_of_the_learner_s_own_can_be_imported(learner):
    learner.writes("def mean(x): return x.mean(-1, keepdims=True)\n", "my_help.py")
    learner.writes("from my_help import mean\n" + solved().replace("x.mean(-1, keepdims=True)", "mean(x)"))
    assert learner.says("check", "02")[0] == 0


@pytest.mark.slow
def test_a_long_import_costs_none_of_the_learner_s_seconds(learner):
    learner.writes("import time\ntime.sleep(2)\n", "large_library.py")
    learner.has_so_many_seconds(1.5)
    learner.writes("import large_library\n" + solved())
    code, out = learner.says("check", "02")
    assert code == 0, out
    learner.has_so_many_seconds(0.5)
    learner.writes("import time\ntime.sleep(60)\n" + solved())
    assert "it was at line 2: time.sleep(60)" in flat(learner.says("check", "02")[1])


def test_the_clock_counts_what_the_process_gets_and_is_patient_on_a_busy_machine(monkeypatch):
    now, armed = {"computed": 0.0, "passed": 0.0}, []
    monkeypatch.setattr(worker, "process_time", lambda: now["computed"])
    monkeypatch.setattr(worker, "monotonic", lambda: now["passed"])
    monkeypatch.setattr(worker.faulthandler, "dump_traceback_later", lambda seconds, **options: armed.append(seconds))
    clock = worker.Clock(10, None)
    clock.start()
    for computed, passed, left in ((1, 20, 9), (2, 35, 5), (9.5, 36, 0.5)):
        now.update(computed=computed, passed=passed)
        clock._arm()
        assert armed[-1] == left
    clock.stop()
    assert (clock.computing, clock.waiting) == (0.5, 4)
