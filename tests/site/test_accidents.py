"""What happens to beginners, in the page: each accident has a sentence, Python is there again, and nothing written is lost."""

import re

import pytest

from lessons.classroom import course
from lessons.classroom.pages import build

from ..support.site import Visitor

LESSON = course.find("04")
HEAD = "def linear(x, weight, bias):\n"
SOLUTION = build.solution(LESSON.source, LESSON.name)
PLACE = next(m for m in re.finditer(r'def linear\([^)]*\):\n(?:    """.*?"""\n)?', SOLUTION, re.DOTALL))
LINE = SOLUTION[: PLACE.end()].count("\n") + 1


def with_line(code):
    """The solution with this code at the beginning of its function."""
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    return SOLUTION[: PLACE.end()] + lines + SOLUTION[PLACE.end() :]


ACCIDENTS = {  # code, what is said, the line that is told
    "endless": ("while True: pass", "did not finish within 2 seconds", LINE),
    "endless, everything caught": (
        "while True:\n    try: n = 1\n    except Exception: pass",
        "did not finish within 2 seconds",
        LINE,
    ),
    "endless, and deaf": (
        "while True:\n    try:\n        while True: n = 1\n    except BaseException: pass",
        "did not finish within 2 seconds",
        None,
    ),
    "endless in C": ("sum(range(10**12))", "did not finish within 2 seconds", None),
    "recursion": ("return linear(x, weight, bias)", "calls itself without end", LINE),
    "gigabytes": ("np.ones(10**12)", "more memory than the check allows", LINE),
    "exit": ("exit()", "calls exit()", LINE),
    "os._exit": ("import os; os._exit(0)", "ended Python before the check was done", None),
    "a flood": ("for i in range(10**7): print('x' * 70)", "printed more than a million characters", LINE),
    "input": ("n = input()", "input() waits for somebody to type", LINE),
}


@pytest.fixture(scope="module")
def learner(browser, address):
    """Somebody in the middle of lesson 04, with a limit of two seconds for a check."""
    with browser.new_context() as context:
        visitor = Visitor(context, address).at(f"{LESSON.name}/index.html?limit=2")
        yield visitor
        assert visitor.foreign() == [] and visitor.wrong == []


@pytest.mark.parametrize("code, says, line", ACCIDENTS.values(), ids=ACCIDENTS)
def test_an_accident_is_answered_and_nothing_is_lost(learner, code, says, line):
    text = with_line(code)
    learner.write(text)
    learner.ready()
    said = " ".join(learner.click("Check").split())
    assert says in said
    if line:
        assert f"{LESSON.name}.py:{line}" in said or f"line {line}:" in said
    learner.ready()
    assert learner.files()[f"{LESSON.name}.py"] == text == learner.page.evaluate("minivit.text()")


CHECK_WITHOUT_LIMIT = """() => {
    const files = {"04_linear.py": minivit.text()};
    minivit.python.call("command", [["check", "04"], 600], {files}).then((answer) => (window.ended = answer));
}"""


def test_a_button_stops_what_runs(learner):
    learner.write(with_line("while True: pass"))
    learner.ready()
    learner.page.evaluate(CHECK_WITHOUT_LIMIT)
    learner.page.get_by_role("button", name="Stop").click()
    learner.ready()
    assert learner.page.evaluate("window.ended") == {"stopped": True}


def test_memory_that_grew_is_given_back_by_a_new_python(learner):
    learner.write(with_line("kept = []\nwhile True: kept.append(np.ones(10**7))"))
    starts = learner.ready().page.evaluate("minivit.python.starts")
    said = learner.click("Check")
    assert "more memory than the check allows" in " ".join(said.split()) or "did not finish" in said
    learner.ready()
    assert learner.page.evaluate("minivit.python.starts") > starts
