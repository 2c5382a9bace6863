"""The plain commands of the course: where you are, start, hint, quiz, solution, reset, skip, progress, notebook."""

import random
import re
import shutil
import sys

from minivit.training.files import replacing

from .. import course
from ..pages import build
from ..pages.diagram import diagram
from ..screen import ends, say, shown, styled, table, writable

PASSED, SKIPPED, STARTED, NEW = "done", "skipped", "begun", ""


def home():
    """Where you are, and what to do next: three lines."""
    lesson, states = course.current(), course.progress()
    done = sum(s.status == "passed" for s in states.values())
    if lesson is None:
        say("You have done every lesson of this course. The Vision Transformer that you wrote:", "title")
        last = [x for x in course.lessons() if x.name.endswith("_train_it")]
        table(
            [(f"python {shown(x.file)} digits", "train it, your own code all the way down") for x in last]
            + [
                ("python -m lessons progress", "look at it, part by part, and at the page about it"),
                ("python -m lessons export my_vit", "take it home as a package"),
                ("python -m lessons train --mine", "the library's ViT with your functions in it"),
            ]
        )
        return
    say(f"minivit: write a Vision Transformer yourself, {len(course.lessons())} lessons. {done} done.", "title")
    say(f"Next: {lesson.number} {lesson.title}, {lesson.about.MINUTES} minutes. {lesson.about.GOALS[0]}")
    if lesson.learner_file:
        say(f"Write in {shown(lesson.learner_file)}, then: python -m lessons check {lesson.number}")
    else:
        say(f"Begin with: python -m lessons start {lesson.number}")


def mark(lesson, states):
    state = states.get(lesson.number)
    if state is None:
        return NEW
    return {"passed": PASSED, "skipped": SKIPPED}.get(state.status) or f"{state.done} of {state.total}"


def list_lessons():
    """Every lesson, with its time and how far you are."""
    states = course.progress()
    rows = [("", "lesson", "min", "you", "in the end")]
    rows += [(x.number, x.title, x.about.MINUTES, mark(x, states), x.about.GOALS[0]) for x in course.lessons()]
    table(rows)


def start(lesson, printed=True):
    """Writes the learner's file, if there is none."""
    path = lesson.file
    path.parent.mkdir(parents=True, exist_ok=True)
    _shims(path.parent)
    if lesson.learner_file == lesson.notebook:
        say(f"You do this lesson in {shown(lesson.notebook)}; no other file is written.")
    elif path.exists():
        say(f"{shown(path)} is there already; it stays as it is. (python -m lessons reset {lesson.number} begins again)")
    else:
        _write(path, build.stub(lesson.source, lesson.name))
        if course.state(lesson).status not in ("passed", "skipped"):
            course.record(lesson, status="started")
        say(f"Your file: {shown(path)}", "title")
    missing = [n for n in lesson.about.NEEDS if course.progress().get(n, course.State()).status != "passed"]
    if missing:
        say(f"It builds on {' and '.join(missing)}, which you have not finished: you can go on all the same.")
    say("It holds the lesson to read and the places to write. Open it in an editor; then")
    say(f"python -m lessons check {lesson.number}   is it right?", indent=2)
    say(f"python -m lessons watch {lesson.number}   the same, at every save", indent=2)


_SHIM = '''"""Written by `python -m lessons start`: lets the files in this folder find {name} when you run them from here."""

import runpy
import sys

sys.modules.pop("{name}", None)
sys.path.insert(0, {project!r})
if __name__ == "__main__":
    runpy.run_module("{name}", run_name="__main__")
else:
    import {name}  # noqa: F401
'''


def _shims(folder):
    """A file run from an editor looks for imports beside itself and not in the project: these two send it there."""
    for name in ("minivit", "lessons"):
        text = _SHIM.format(name=name, project=str(course.FOLDER.parent.resolve()))
        path = folder / f"{name}.py"
        there = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
        if there is None or (there != text and there.startswith(text.partition("\n")[0])):  # ours, but the project has moved
            _write(path, text)


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def reset(lesson):
    """The lesson's file as at the beginning; what was there is kept beside it."""
    path = lesson.file
    _keep(lesson)
    _write(path, build.stub(lesson.source, lesson.name))
    course.record(lesson, status="started", done=0, hints=0)
    say(f"{shown(path)} is as at the beginning.")


def _keep(lesson):
    """Copies the learner's file beside itself, if there is one. Raises ValueError where they work in a notebook."""
    path = lesson.file
    if lesson.learner_file == lesson.notebook:
        raise ValueError(
            f"you do this lesson in {shown(lesson.notebook)}: rename it, and `notebook {lesson.number}` makes a new one"
        )
    if path.exists():
        number = 1
        while (backup := path.with_name(f"{path.stem}.backup-{number}.py")).exists():
            number += 1
        shutil.copy2(path, backup)
        say(f"Yours is kept as {shown(backup)}")


def open_task(lesson):
    """The task that the learner works on: the first that the last check did not pass."""
    return lesson.tasks[min(course.state(lesson).done, len(lesson.tasks) - 1)]


def hint(lesson):
    """The next of three hints for the open task."""
    task, read = open_task(lesson), course.state(lesson).hints
    hints = task.exercise.hints[task.part]
    level = min(read, len(hints) - 1)
    say(f"{lesson.number} {lesson.title} · {task.title} · hint {level + 1} of {len(hints)}", "title")
    say(hints[level], indent=2, hanging=2)
    if read < len(hints):
        course.record(lesson, hints=read + 1, status=course.state(lesson).status or "started")
    if level + 1 < len(hints):
        say(f"More: python -m lessons hint {lesson.number}", "dim")
    else:
        say(f"That was the last one. The whole answer: python -m lessons solution {lesson.number} --yes", "dim")


def lettered(question):
    """{letter: answer}, the answers in an order that looks random and is the same each time."""
    count = len(question.answers)
    return dict(zip("abcdefgh", random.Random(question.text).sample(question.answers, count), strict=False))


def quiz(lesson):
    """The questions, one after the other; returns how many were right."""
    questions = lesson.about.QUIZ
    right = 0
    for i, question in enumerate(questions):
        say(f"{i + 1} of {len(questions)}  {question.text}", "title", hanging=8)
        answers = lettered(question)
        letters = "".join(answers)
        for letter, answer in answers.items():
            say(f"{letter}  {answer}", indent=2, hanging=5)
        right_one = next(letter for letter in letters if answers[letter] == question.answers[question.right])
        given = _ask(letters)
        if given is None:
            print()
            break
        if given == right_one:
            right += 1
            say(f"Yes. {question.because}", indent=2, hanging=2)
        else:
            say(f"It is {right_one}. {question.because}", indent=2, hanging=2)
        print()
    say(f"{right} of {len(questions)} right.")


def _ask(letters):
    while True:
        try:
            given = input(writable(f"  {' '.join(letters)} ? ")).strip().lower()
        except EOFError:
            return None
        if given in letters and len(given) == 1:
            return given
        if given == "q":
            return None
        say(f"type one of {', '.join(letters)}, or q to stop", indent=2)


def solution(lesson, yes, write=False):
    """The course's own answer, after passing or when asked for twice; shown, or written as the learner's file."""
    if course.state(lesson).status != "passed" and not yes:
        raise ValueError(
            f"lesson {lesson.number} is not passed yet: a hint may be enough (python -m lessons hint {lesson.number}). "
            f"To see the answer all the same: python -m lessons solution {lesson.number} --yes"
        )
    if write:
        _keep(lesson)
        lesson.file.parent.mkdir(parents=True, exist_ok=True)
        _shims(lesson.file.parent)
        _write(lesson.file, build.solution(lesson.source, lesson.name))
        say(f"{shown(lesson.file)} is the course's own answer now. Run it: python {shown(lesson.file)}")
        return
    for cell in build.cells(lesson.source):
        if cell.kind == "code" and "# BEGIN SOLUTION" in cell.text:
            print(writable(build.solved(cell.text)) + "\n")


def skip(lesson):
    """Goes on without this lesson; later lessons use the course's own functions."""
    if course.state(lesson).status == "passed":
        say(f"{lesson.number} {lesson.title} is passed already: nothing to skip.")
        return
    course.record(lesson, status="skipped")
    say(f"{lesson.number} {lesson.title} is skipped. Later lessons use the course's own code in its place.")
    home()


def show_progress():
    """One line a lesson, the Vision Transformer with the learner's own parts marked, and in the end a page about it."""
    states = course.progress()
    done = 0
    for lesson in course.lessons():
        state = states.get(lesson.number, course.State())
        total = len(lesson.tasks)
        done += state.status == "passed"
        filled = total if state.status == "passed" else min(state.done, total)
        bar = "█" * filled + "░" * (total - filled)
        ends(f"  {lesson.number}  {lesson.title:36.36} {writable(bar):12} {mark(lesson, states):8}", state.date)
    say(f"{done} of {len(course.lessons())} lessons done.", "title")
    _show_diagram()
    say(f"Your files and progress.txt are in {shown(course.work())}.")
    _write_page(states)


def _show_diagram():
    lines, own, parts = diagram()
    if lines:
        print()
        say(f"The Vision Transformer: {own} of {parts} parts are your own code.", "title")
        for line in lines:
            print(styled(f"  {line}", "ok") if re.search(r" yours\b", line) else f"  {line}".rstrip())
        print()


def _write_page(states):
    """The page of somebody who has trained their own ViT."""
    from .. import trained
    from ..pages.certificate import write_page

    lesson = next((x for x in course.lessons() if any(e.name == "train_vit" for e in x.exercises)), None)
    if lesson is None or states.get(lesson.number, course.State()).status != "passed":
        return
    if not trained.saved_file().exists():
        say(f"Train your own ViT, and there will be a page about it: python {shown(lesson.file)} digits")
        return
    page = course.work() / "my_vit.html"
    write_page(page, *trained.saved_vit())
    say(f"Your ViT, its training and your code on one page, to keep or to print: {shown(page)}")


def notebook(lesson, out=None):
    """Writes the lesson as a notebook."""
    from pathlib import Path

    path = Path(out) if out else lesson.notebook
    if path.exists():
        raise ValueError(f"{shown(path)} is there already and may hold your work: rename it, or give another name with --out")
    _write(path, build.notebook(lesson.source, lesson.number, lesson.name, [e.name for e in lesson.exercises]))
    say(f"Written: {shown(path)}. Open it in Jupyter, VS Code or Colab; each exercise is followed by its check.")


def print_error(error):
    print(writable(f"lessons: {error}"), file=sys.stderr)
