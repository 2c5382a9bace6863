"""The mistake in a learner's own code is found by undoing it, and told with its line."""

import linecache
import textwrap

import numpy as np
import pytest

from lessons.classroom import course
from lessons.classroom.checker import checker, loading, mending
from lessons.classroom.checker.changes import changes_of
from lessons.classroom.checker.evidence import Evidence
from lessons.classroom.checker.grammar import Switchable
from lessons.classroom.checker.switches import Endless

LINEAR = """\
def linear(x, weight, bias):
    y = x @ weight + bias

    def backward(dy):
        rows = dy.reshape(-1, dy.shape[-1])
        dx = dy @ weight.T
        dweight = x.reshape(-1, x.shape[-1]).T @ rows
        dbias = rows.sum(axis=0)
        return dx, dweight, dbias

    return y, backward
"""

# what is changed: the causes that are told, and the lines
MENDED = {
    "a sign": ({"dbias = rows": "dbias = -rows"}, [("sign", 8)]),
    "an extra term": ({"dy @ weight.T": "dy @ weight.T + x"}, [("extra term", 6)]),
    "a factor": ({"dy @ weight.T": "dy @ weight.T * x"}, [("factor", 6)]),
    "a mean": ({"rows.sum": "rows.mean"}, [("scale", 8)]),
    "another array": ({".T @ rows": ".T @ y.reshape(rows.shape)"}, [("wrong array", 7)]),
    "an index": ({"rows.sum(axis=0)": "rows[1:].sum(axis=0)"}, [("index", 8)]),
    "two in two lines": ({"rows.sum": "rows.mean", "dx = dy @": "dx = -dy @"}, [("scale", 8), ("sign", 6)]),
    "nothing that is known": ({"dx = dy @ weight.T": "dx = np.tanh(dy @ weight.T) + 0.3"}, []),
}


def names(changes):
    """What a learner's file with this linear defines."""
    text = LINEAR
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return loading.load("<a learner's linear>", f"import numpy as np\n{text}")


def found(changes):
    lesson = course.find("04")
    told = mending.found_in(lesson, lesson.exercises[0], "backward", names(changes), 0, mending.Patience())
    return [(sentence.kind, sentence.about["line"] - 1) for sentence in told if sentence.kind != "two"]


@pytest.mark.parametrize("name", MENDED)
def test_what_mends_the_code_is_what_is_wrong(name):
    changes, wanted = MENDED[name]
    assert sorted(found(changes)) == sorted(wanted)


def test_a_name_that_stands_several_times_in_its_line_is_told_by_its_place():
    lesson = course.find("04")
    wrong = names({"dx = dy @": "dx = (y - y + y) @"})
    (told,) = mending.found_in(lesson, lesson.exercises[0], "backward", wrong, 0, mending.Patience())
    assert "line 7" in told and ("the first `y` is not" in told or "the third `y` is not" in told)


def test_a_right_function_has_nothing_to_mend():
    assert found({}) == []


def test_all_searches_of_one_check_share_its_seconds(monkeypatch):
    seconds, now, left = (3.0, 2.0), [0.0], []

    class Slow:
        def __init__(self, ends, lesson, exercise, *known):
            self.at, self.took = 0, seconds[len(left)]
            left.append(ends - now[0])

        def mend(self):
            now[0] += self.took
            return []

    monkeypatch.setattr(mending, "Search", Slow)
    monkeypatch.setattr(mending.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(mending, "PATIENCE", 4)
    wrong = "import numpy as np\n\ndef one_patch(*given): return np.zeros(3)\n\ndef gap_table(*given): return np.zeros(3)\n"
    checker.check_lesson(course.find("01"), loading.load("<two that are wrong>", wrong))
    assert left == [4, 1]


def apart(text, name="f"):
    text = textwrap.dedent(text)
    names = loading.load("<a function taken apart>", text)
    return Switchable(name, names), names


def test_taken_apart_it_gives_what_it_gave():
    made, names = apart(
        """
        import numpy as np

        def helper(x, axis=-1):
            return x.mean(axis=axis, keepdims=True)

        def f(x, scale=2.0):
            total = 0 * x
            for i in range(3):
                total += (x - helper(x)) ** i if i else np.where(x > 0, x, -x)
            def inner(dy):
                return [dy[..., ::-1] * value for value in (scale, -1)]
            return total, inner
        """
    )
    x = np.arange(6.0).reshape(2, 3) - 2
    for found, wanted in zip(made.function(x), names["f"](x), strict=True):
        if callable(found):
            np.testing.assert_array_equal(found(x), wanted(x))
        else:
            np.testing.assert_array_equal(found, wanted)


def test_arguments_of_any_name_are_taken_apart():
    made, _ = apart(
        """
        def g(s=0, f=0, k=0, scope=0, function=0): return s - f + k - scope + function
        def f(x): return g(s=x, f=1, k=2, scope=3, function=4)
        """
    )
    assert made.note(lambda: made.function(5)) == 7
    changes = [change for change in changes_of(made.slots) if made.slots[change.place].kind == "call"]
    assert [made.with_changes(lambda: made.function(5), change) for change in changes] == [2, 8, 5, 10, 3]  # one left out


def test_functions_are_taken_apart_in_the_order_in_which_they_are_called():
    helpers = "".join(f"def {name}(x):\n    return x\n" for name in "dbca")
    made, _ = apart("def f(x):\n    x = a(x)\n    x = b(x)\n    x = c(x)\n    return d(x)\n" + helpers)
    assert list(dict.fromkeys(slot.line for slot in made.slots)) == [2, 3, 4, 5, 13, 9, 11, 7]  # each time: so is what is told


def test_a_change_that_makes_a_loop_endless_is_left():
    made, _ = apart(
        """
        def f(n):
            while n > 0:
                n = n - 1
            return n
        """
    )
    made.note(lambda: made.function(5))
    minus = next(change for change in changes_of(made.slots) if change.text.startswith("the sign in front of"))
    with pytest.raises(Endless):
        made.with_changes(lambda: made.function(5), minus)
    assert made.function(5) == 0


def test_without_source_there_is_nothing_to_take_apart():
    names = {}
    exec("def f(x):\n    return x\n", names)
    linecache.clearcache()
    with pytest.raises(ValueError):
        Switchable("f", names)


def test_a_mistake_that_something_right_contradicts_is_not_the_learner_s():
    lesson = course.find("04")
    dx, both = ({"dx = dy @": "dx = -dy @"}, {"dx = dy @": "dx = -dy @", "rows.sum": "rows.mean"})

    def agrees(mistake, learner):
        return Evidence(lesson, lesson.exercises[0], "backward", names(learner), 0).agrees(names(mistake)["linear"])

    assert agrees(dx, dx) and agrees(dx, both)  # theirs is wrong in a second way
    assert not agrees(both, dx)  # their dbias is right
