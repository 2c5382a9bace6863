"""The note on speed: for an answer that is right and slow, with the line of its loop."""

import linecache
import re
from types import SimpleNamespace

from lessons.classroom.checker import speed

from ...support.centre import Y, names_of

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
