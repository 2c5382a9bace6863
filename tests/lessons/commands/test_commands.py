"""python -m lessons: where you are, start, hint, quiz, solution, reset, skip, progress, notebook, and the exit codes."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from lessons import show
from lessons.classroom import cli, course
from lessons.classroom.commands import hint, quiz

from ...support.learner import flat, go_to
from ...support.small_course import CENTRE_CHECK, LESSONS, ROOT, build_course

# which lesson


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "text",
    ["2", "02", 2, "centre", "Centre", "02_centre", "work/02_centre.py", "/elsewhere/02_centre.ipynb", "lessons/02_centre/"],
)
def test_a_lesson_is_found_by_number_name_and_path(text):
    assert course.find(text).name == "02_centre"


@pytest.mark.parametrize("text", ["7", "99", "attention", "", "02_centre_old", "2x", "-"])
def test_an_unknown_lesson_is_a_mistake_in_usage(learner, text):
    code, out = learner.says("start", text) if text != "-" else learner.says("start", "--", "-")
    assert code == 2 and "there is no lesson" in out and "01 to 03" in out and "python -m lessons list" in out


def test_the_real_lessons_are_numbered_and_found():
    names = [lesson.name for lesson in course.lessons()]
    assert names == sorted(names) and len({name[:2] for name in names}) == len(names)
    assert course.find("gelu").number == "05"


# where you are


def test_without_a_command_it_says_where_you_are_and_what_is_next(learner):
    code, out = learner.says()
    assert code == 0 and "3 lessons. 0 done." in out and "Next: 01 Double, 5 minutes." in out and "start 01" in out
    learner.says("start", "01")
    assert "check 01" in learner.says()[1] and "work/01_double.py" in learner.says()[1]


def test_after_the_last_lesson_it_says_what_to_train(learner):
    for number in ("01", "02", "03"):
        learner.solves(number)
        assert learner.says("check", number)[0] == 0
    assert "train --mine" in learner.says()[1]
    assert "3 of 3 lessons done" in learner.says("progress")[1]


def test_the_list_names_every_lesson_and_how_far_you_are(learner):
    learner.solves("01")
    learner.says("check", "01")
    learner.solves("02", changes={"g = dy * weight": "g = 2 * dy"})
    learner.says("check", "02")
    learner.says("skip", "03")
    code, out = learner.says("list")
    assert code == 0
    for row in [r"01 +Double +5 +done +You can double", r"02 +Centre +10 +1 of 2 ", r"03 +Word +5 +skipped "]:
        assert re.search(row, out), out


def test_a_command_without_a_lesson_means_the_one_that_you_are_at(learner):
    learner.says("skip", "01")
    assert "02_centre.py" in learner.says("start")[1]


# start, reset


def test_start_writes_the_stub_and_says_what_is_next(learner):
    code, out = learner.says("start", "02")
    assert code == 0 and "work/02_centre.py" in out and "check 02" in out and "watch 02" in out
    assert "YOUR CODE" in learner.file.read_text(encoding="utf-8")
    assert "It builds on 01, which you have not finished" in out


def test_start_never_overwrites(learner):
    learner.writes("mine")
    code, out = learner.says("start", "02")
    assert code == 0 and "it stays as it is" in out and "reset 02" in flat(out) and learner.file.read_text() == "mine"


def test_start_makes_the_folder(learner, monkeypatch, tmp_path):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "a" / "b"))
    assert learner.says("start", "02")[0] == 0 and (tmp_path / "a" / "b" / "02_centre.py").exists()


def test_reset_keeps_every_version_as_a_backup(learner):
    for text in ("first", "second", "third"):
        learner.writes(text)
        code, out = learner.says("reset", "02")
        assert code == 0 and "Yours is kept as" in out
    assert [learner.work.joinpath(f"02_centre.backup-{i}.py").read_text() for i in (1, 2, 3)] == ["first", "second", "third"]
    assert "YOUR CODE" in learner.file.read_text(encoding="utf-8")


def test_reset_makes_the_lesson_open_again(learner):
    learner.solves("01")
    learner.says("check", "01")
    learner.says("reset", "01")
    assert course.current().number == "01" and course.state(course.find("01")).done == 0


def test_after_a_lesson_comes_the_next_one_even_for_somebody_who_began_in_the_middle(learner):
    learner.solves("02")
    assert "Next   python -m lessons start 03" in learner.says("check", "02")[1]
    learner.solves("03")
    assert "Next   python -m lessons start 01" in learner.says("check", "03")[1]


def test_a_folder_that_cannot_be_written_is_said(learner, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "file"))
    code, out = learner.says("start", "02")
    assert code == 2 and out.startswith("lessons: ") and len(out.splitlines()) == 1


# check and progress


def test_a_lesson_that_passes_is_remembered_and_the_next_is_named(learner):
    learner.solves("01")
    code, out = learner.says("check", "01")
    assert code == 0 and "ok   double" in out and "start 02" in out and "quiz 01" in out
    assert re.search(r"(?m)^01 passed 1 of 1, hints 0, \d{4}-\d\d-\d\d$", (learner.work / "progress.txt").read_text())


def test_a_wrong_answer_is_told_with_its_task_the_place_to_read_and_what_is_next(learner):
    learner.solves("02", changes={"g = dy * weight": "g = dy"})
    code, out = learner.says("check", "02")
    assert code == 1
    for words in ["task 2 of 2 · centre, backward", "ok   centre, forward", "NO   dx", "What this looks like", "γ was left out"]:
        assert words in out
    assert 'Read  lesson 02, "The gradient"' in out and "hint 02 · check 02 --plot" in out


def test_check_plot_draws_yours_the_right_one_and_the_difference(learner):
    learner.solves("02", changes={"g = dy * weight": "g = dy"})
    code, out = learner.says("check", "02", "--plot")
    assert code == 1 and "work/02_centre_check.png" in out
    assert (learner.work / "02_centre_check.png").read_bytes()[:4] == b"\x89PNG"


def test_check_plot_of_a_right_answer_says_that_there_is_nothing_to_draw(learner):
    learner.solves("01")
    code, out = learner.says("check", "01", "--plot")
    assert code == 0 and "Nothing to draw" in out


def test_a_broken_line_of_progress_does_not_cost_the_others(learner):
    file = learner.work / "progress.txt"
    file.write_bytes(b"01 passed 1 of 1, hints 2, 2026-01-02\nnonsense \xff\n02 passed\n03 skipped 0 of 1, hints 0, 2026-01-03")
    assert re.search(r"01 +Double +5 +done", learner.says("list")[1])
    learner.says("hint", "02")
    text = file.read_text(encoding="utf-8")
    assert "01 passed 1 of 1, hints 2, 2026-01-02\n" in text and "03 skipped 0 of 1, hints 0, 2026-01-03\n" in text
    assert "02 started 0 of 2, hints 1," in text


def test_a_lesson_that_is_broken_after_passing_is_open_again(learner):
    learner.solves("01")
    learner.says("check", "01")
    learner.solves("01", changes={"2 * x": "3 * x"})
    assert learner.says("check", "01")[0] == 1 and course.current().number == "01"


def test_skip_goes_on_and_a_skipped_lesson_can_still_be_passed(learner):
    code, out = learner.says("skip", "01")
    assert code == 0 and "is skipped" in out and "Next: 02" in out
    learner.solves("01", changes={"2 * x": "3 * x"})
    learner.says("check", "01")
    assert course.state(course.find("01")).status == "skipped"
    learner.solves("01")
    learner.says("check", "01")
    assert course.state(course.find("01")).status == "passed"


def test_skip_does_not_forget_that_a_lesson_was_passed(learner):
    learner.solves("01")
    learner.says("check", "01")
    learner.says("skip", "01")
    assert course.state(course.find("01")).status == "passed"


# hints


def test_hints_advance_and_stay_at_the_last(learner):
    told = [learner.says("hint", "02")[1] for _ in range(4)]
    for out, word, level in zip(told, ["Nudge", "Idea", "Plan", "Plan"], [1, 2, 3, 3], strict=True):
        assert f"{word} of forward." in out and f"hint {level} of 3" in out
    assert "solution 02 --yes" in told[-1] and "solution" not in told[0]


def test_hints_begin_again_when_a_task_passes_and_not_before(learner):
    learner.says("hint", "02")
    learner.says("hint", "02")
    learner.says("start", "02")
    learner.says("check", "02")
    assert "Plan of forward." in learner.says("hint", "02")[1]
    learner.solves("02", changes={"g = dy * weight": "g = 2 * dy"})
    learner.says("check", "02")
    assert "Nudge of backward." in learner.says("hint", "02")[1]
    learner.says("check", "02")
    assert "Idea of backward." in learner.says("hint", "02")[1]


# solution


def test_the_solution_is_refused_before_passing_and_shown_with_yes(learner):
    code, out = learner.says("solution", "02")
    assert code == 2 and "not passed yet" in out and "hint 02" in out and "dweight" not in out
    code, out = learner.says("solution", "02", "--yes")
    assert code == 0 and "dweight = (dy * centred)" in out and "BEGIN" not in out


def test_the_solution_is_shown_after_passing(learner):
    learner.solves("01")
    learner.says("check", "01")
    code, out = learner.says("solution", "01")
    assert code == 0 and "return 2 * x" in out


def test_the_solution_can_be_written_as_the_file_and_what_was_there_is_kept(learner):
    learner.writes("mine")
    assert learner.says("solution", "02", "--write")[0] == 2 and learner.file.read_text() == "mine"
    code, out = learner.says("solution", "02", "--yes", "--write")
    assert code == 0 and "Yours is kept as" in out and "Run it: python" in flat(out)
    assert (learner.work / "02_centre.backup-1.py").read_text() == "mine"
    assert learner.says("check", "02")[0] == 0
    assert course.state(course.find("02")).status == "passed"


# demo and picture


@pytest.mark.parametrize(
    "name, words",
    [("nowhere/demo", "there is no folder"), ("demo.txt", "as PNG or, if it moves, as GIF")],
)
def test_a_demo_that_cannot_be_saved_is_told_before_it_runs(learner, tmp_path, name, words):
    code, out = learner.says("demo", "02", "--save", str(tmp_path / name))  # 02 has no demo.py: running it would be another error
    assert code == 2 and words in flat(out)


def test_a_picture_of_what_is_not_written_names_the_function_and_the_check(tmp_path):
    path = tmp_path / "02_centre.py"
    path.write_text("def centre(x):\n    raise NotImplementedError\n\ndef picture():\n    return centre(1)\n")
    names = {"__file__": str(path)}
    exec(compile(path.read_text(), str(path), "exec"), names)
    with pytest.raises(SystemExit) as told:
        show(names["picture"])
    assert str(told.value) == "centre is not written yet, line 2 of 02_centre.py: python -m lessons check 02"


# quiz


def test_no_letter_is_right_for_most_questions():
    questions = [question for lesson in course.lessons() for question in lesson.about.QUIZ]
    right = [next(k for k, answer in quiz.lettered(q).items() if answer == q.answers[q.right]) for q in questions]
    assert len(questions) > 60 and max(map(right.count, "abcd")) < 0.4 * len(questions)


@pytest.mark.parametrize(
    "typed, score, words",
    [
        (["b", "a"], "2 of 2 right.", ["Yes. Two and two make four."]),
        (["a", "C "], "0 of 2 right.", ["It is b. Two and two", "It is a. Nothing"]),
        (["x", "", "ab", "b", "a"], "2 of 2 right.", ["type one of a, b, or q to stop"]),
        (["b", "q"], "1 of 2 right.", []),
        ([], "0 of 2 right.", []),
    ],
    ids=["right", "wrong", "other keys", "stopped", "end of input"],
)
def test_the_quiz(learner, monkeypatch, typed, score, words):
    answers = iter(typed)

    def ask(prompt):
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", ask)
    code, out = learner.says("quiz", "01")
    assert code == 0 and score in out and all(word in out for word in words)


def test_ctrl_c_ends_without_a_traceback(learner, monkeypatch):
    def interrupted(prompt):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert learner.says("quiz", "01")[0] == 130


# the notebook


def notebook_with(learner, answer, *more):
    """The learner's notebook of lesson 02: the course's, with `answer` in the cell of the exercise, and more cells."""
    learner.says("notebook", "02")
    path = learner.work / "02_centre.ipynb"
    book = json.loads(path.read_text(encoding="utf-8"))
    cell = next(cell for cell in book["cells"] if "".join(cell["source"]).startswith("def centre"))
    cell["source"] = textwrap.dedent(answer).splitlines(keepends=True)
    book["cells"] += [{"cell_type": "code", "source": source, "metadata": {}, "outputs": []} for source in more]
    path.write_text(json.dumps(book), encoding="utf-8")
    return path


RIGHT = """\
def centre(x, weight):
    centred = x - x.mean(-1, keepdims=True)

    def backward(dy):
        g = dy * weight
        return g - g.mean(-1, keepdims=True), (dy * centred).sum(tuple(range(dy.ndim - 1)))

    return centred * weight, backward
"""


def test_the_notebook_is_written_and_never_overwritten(learner):
    code, out = learner.says("notebook", "02")
    path = learner.work / "02_centre.ipynb"
    assert code == 0 and "work/02_centre.ipynb" in out and json.loads(path.read_text(encoding="utf-8"))["nbformat"] == 4
    path.write_text("mine")
    code, out = learner.says("notebook", "02")
    assert code == 2 and "may hold your work" in out and path.read_text() == "mine"


def test_the_notebook_can_go_elsewhere(learner, tmp_path):
    assert learner.says("notebook", "02", "--out", tmp_path / "x" / "y.ipynb")[0] == 0
    assert (tmp_path / "x" / "y.ipynb").exists()


def test_a_learner_s_notebook_is_checked(learner):
    learner.says("notebook", "02")
    assert learner.says("check", "02")[0] == 3
    notebook_path = learner.work / "02_centre.ipynb"
    notebook_path.unlink()
    notebook_with(learner, RIGHT)
    code, out = learner.says("check", "02")
    assert code == 0 and "02_centre.ipynb" in out


def test_a_learner_s_notebook_that_is_wrong_is_told(learner):
    notebook_with(learner, RIGHT.replace("g = dy * weight", "g = dy"))
    code, out = learner.says("check", "02")
    assert code == 1 and "γ was left out of dx." in out


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\n",
        "!echo hello\n",
        "%%time\nx = 1\n",
        "from lessons import check, show\n",
        "# try it\ncheck('02')\n",
    ],
)
def test_what_people_add_to_a_notebook_does_no_harm(learner, cell):
    notebook_with(learner, RIGHT, cell)
    code, out = learner.says("check", "02")
    assert code == 0, out


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}'])
def test_a_notebook_that_is_none_is_the_learner_s_problem_and_told(learner, text):
    learner.writes(text, "02_centre.ipynb")
    code, out = learner.says("check", "02")
    assert code == 1 and "notebook" in out


def in_a_notebook(learner, capsys, answer):
    from lessons import check

    capsys.readouterr()
    namespace = {"check": check}
    exec(compile("import numpy as np\n" + textwrap.dedent(answer) + '\ncheck("02")\n', "<cell>", "exec"), namespace)
    return capsys.readouterr().out


def test_check_in_a_notebook_checks_what_its_cells_define(learner, capsys):
    out = in_a_notebook(learner, capsys, RIGHT)
    assert "all 2 tasks" in out and "this notebook" in out
    assert course.state(course.find("02")).status == "passed"
    out = in_a_notebook(learner, capsys, RIGHT.replace("g = dy * weight", "g = dy"))
    assert "γ was left out of dx." in out
    assert "not started" in in_a_notebook(learner, capsys, "def centre(x, weight):\n    raise NotImplementedError")


def test_an_error_in_a_notebook_is_told_without_a_traceback(learner, capsys):
    out = in_a_notebook(learner, capsys, "def centre(x, weight):\n    return centerd")
    assert "there is no 'centerd' here" in out and "Traceback" not in out and not re.search(r"line \d+: *\n", out)


def test_in_a_notebook_the_open_task_is_the_first_that_is_not_right(learner, capsys):
    from lessons import check

    lesson = course.find("01")
    lesson.about.EXERCISES.append(course.find("03").exercises[0])
    exec('def double(x):\n    raise NotImplementedError\n\ndef word():\n    return "yes"\n\ncheck("01")', {"check": check})
    assert hint.open_task(lesson).title == "double"


def test_a_loop_without_end_in_a_notebook_is_told_with_its_line(learner):
    notebook_with(learner, "def centre(x, weight):\n    while True:\n        x = x + 0\n")
    learner.has_so_many_seconds(1)
    code, out = learner.says("check", "02")
    assert code == 1 and re.search(r"it was at line \d+:  (while True:|x = x \+ 0)", out)


# exit codes


def test_an_error_of_the_course_itself_is_exit_code_4(tmp_path, monkeypatch, capsys):
    folder = build_course(tmp_path / "course")
    (folder / "lessons" / "02_centre" / "check.py").write_text(CENTRE_CHECK.replace("TITLE,", "TITLE,, "))
    go_to(monkeypatch, folder)
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "02_centre.py").write_text(RIGHT)
    assert cli.main(["check", "02"]) == 4
    out = capsys.readouterr().out
    assert "The course itself has an error in lesson 02; this is not your mistake." in " ".join(out.split())
    assert "SyntaxError" in out
    course.lessons.cache_clear()


@pytest.mark.parametrize("command", ["start", "hint", "quiz", "list"])
def test_an_error_of_the_course_is_exit_code_4_in_every_command(tmp_path, monkeypatch, capsys, command):
    folder = build_course(tmp_path / "course")
    (folder / "lessons" / "02_centre" / "check.py").write_text("1 / 0\n")
    go_to(monkeypatch, folder)
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    try:
        assert cli.main([command] if command == "list" else [command, "02"]) == 4
    finally:
        course.lessons.cache_clear()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["chekc", "02"], "invalid choice"),
        (["check", "02", "--plt"], "unrecognized arguments"),
        (["check", "02", "03"], "unrecognized arguments"),
        (["train", "--epochs", "many"], "invalid int value"),
        (["notebook", "02", "--out"], "expected one argument"),
    ],
    ids=str,
)
def test_bad_usage_is_one_line_and_exit_code_2(learner, arguments, words):
    code, out = learner.says(*arguments)
    assert code == 2 and words in out and out.startswith("lessons: ") and len(out.splitlines()) == 1


COMMANDS = "list start check watch hint quiz demo solution reset skip progress notebook train grade verify doctor".split()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_its_exit_codes(learner, command):
    code, out = learner.says(command, "--help")
    assert code == 0 and f"python -m lessons {command}" in out and "4 an error of the course itself" in " ".join(out.split())


def test_the_first_help_names_every_command(learner):
    code, out = learner.says("--help")
    assert code == 0 and all(re.search(rf"(?m)^    {command} ", out) for command in COMMANDS)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_reader_that_has_seen_enough_is_no_error(small):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "lessons", "list"], cwd=small, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == ""


# the folder work/ beside lessons/

LOOK = "import minivit, lessons\nprint(minivit.HERE, lessons.__file__)\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of its own: lessons/, work/ with its two helpers, and a minivit that does little but say where it lies."""
    folder = build_course(tmp_path / "project")
    (folder / "minivit").mkdir()
    shutil.copy(ROOT / "minivit" / "_former.py", folder / "minivit")
    (folder / "minivit" / "__init__.py").write_text("HERE = 'the real one'\n")
    go_to(monkeypatch, folder)
    monkeypatch.delenv("MINIVIT_WORK", raising=False)
    assert cli.main(["start", "02"]) == 0
    yield folder
    course.lessons.cache_clear()


def python(*arguments, cwd, path=""):
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


def test_a_file_that_is_run_from_its_own_folder_finds_minivit_and_lessons(project):
    (project / "work" / "look.py").write_text(LOOK)
    done = python("look.py", cwd=project / "work")
    assert done.stderr == "" and done.stdout.split() == ["the", "real", "one", str(project / "lessons" / "__init__.py")]


def test_a_file_that_is_run_from_the_project_finds_them_too(project):
    (project / "work" / "look.py").write_text(LOOK)
    done = python("work/look.py", cwd=project)
    assert done.stderr == "" and done.stdout.startswith("the real one")


def test_a_file_in_a_folder_elsewhere_finds_them_too(project, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "elsewhere"))
    assert cli.main(["start", "02"]) == 0
    (tmp_path / "elsewhere" / "look.py").write_text(LOOK)
    done = python(tmp_path / "elsewhere" / "look.py", cwd=tmp_path)
    assert done.stderr == "" and done.stdout.startswith("the real one")


def test_a_helper_is_mended_when_the_project_has_moved_and_a_file_of_the_learner_s_stays(project):
    (project / "work" / "lessons.py").write_text("mine = 1\n")
    helper = project / "work" / "minivit.py"
    helper.write_text(helper.read_text().replace(str(project), "/somewhere/else"))
    assert cli.main(["start", "02"]) == 0
    assert str(project) in helper.read_text() and (project / "work" / "lessons.py").read_text() == "mine = 1\n"


def test_the_course_can_be_run_from_the_folder_work(project):
    """There, -m lessons runs the helper work/lessons.py."""
    shutil.rmtree(project / "minivit")
    shutil.copytree(ROOT / "minivit", project / "minivit", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "work" / "02_centre.py").write_text("import numpy as np\n" + RIGHT)
    done = python("-m", "lessons", "check", "02", cwd=project / "work")
    assert done.stderr == "" and done.returncode == 0, done.stdout + done.stderr
    assert "02_centre.py" in done.stdout and "all 2 tasks" in done.stdout


def test_the_small_course_is_as_the_machinery_wants_it(small):
    assert [lesson.name for lesson in course.lessons()] == list(LESSONS)
