"""Every lesson in the page: its stub, its solution, and a mistake in each gradient, answered as on a laptop."""

import contextlib
import io
import re

import pytest

from lessons.classroom import course, report
from lessons.classroom.checker import worker
from lessons.classroom.pages import build

LESSONS = [pytest.param(lesson, id=lesson.name) for lesson in course.lessons()]
GRADIENTS = [pytest.param(x, e, id=f"{x.number}-{e.name}") for x in course.lessons() for e in x.exercises if e.gradients]


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_solution_passes(shared, lesson):
    code, said = shared.call(["check", lesson.number], {f"{lesson.name}.py": build.solution(lesson.source, lesson.name)})
    assert code == 0, said
    assert said.count("  ok   ") >= len(lesson.tasks)


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_stub_is_not_started(shared, lesson):
    code, said = shared.call(["check", lesson.number], {f"{lesson.name}.py": build.stub(lesson.source, lesson.name)})
    if "# INSTEAD" in lesson.source:
        assert code in (1, 3), said
    else:
        assert code == 3 and "--   not started" in said, said


def named(said):
    """What the mistake is called: all that follows the rows of the check."""
    return [
        line for line in re.split(r"(?m)^  What this looks like$", said)[-1].splitlines() if not re.search(r"error|\de-\d", line)
    ]


def solved_up_to(lesson, exercise):
    """The learner's file with the answers up to this exercise's: what comes later is not started, and takes no time."""
    blocks, code = [], build.solved
    for cell, block in zip(build.cells(lesson.source), build.stub_blocks(lesson.source, lesson.name), strict=True):
        blocks.append(f"# %%\n{code(cell.text)}\n" if cell.kind == "code" else block)
        code = build.unsolved if build.is_checked(cell.text, [exercise.name]) else code
    return "\n".join(blocks)


@pytest.mark.parametrize("lesson, exercise", GRADIENTS)
def test_a_listed_mistake_gets_its_sentence_word_for_word(shared, lesson, exercise, tmp_path, monkeypatch):
    mistake = next(m for m in exercise.mistakes if m.old and m.says)
    wrong = solved_up_to(lesson, exercise).replace(mistake.old, mistake.new)
    code, said = shared.call(["check", lesson.number], {f"{lesson.name}.py": wrong})
    assert code == 1, said

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    lesson.file.write_text(wrong, encoding="utf-8")
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        outcome = worker.outcome(lesson.number, str(lesson.file))
        report.lesson(lesson, {**outcome, "printed": ""}, f"work/{lesson.name}.py")
    assert named(said) == named(here.getvalue())
    assert " ".join(mistake.says.split()) in " ".join(said.split())
