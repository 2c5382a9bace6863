"""python -m lessons grade: what a teacher gets for a class, however its students' files behave."""

import contextlib
import csv
import inspect
import io
import itertools
import json
import os

import pytest

from lessons.classroom import course
from lessons.classroom.checker import sandbox
from lessons.classroom.cli import main
from lessons.classroom.commands.grade import likeness
from lessons.classroom.pages import build

pytestmark = pytest.mark.slow

GELU = course.find("05")
RIGHT = build.solution(GELU.source, GELU.name)
HALF = RIGHT.replace("dx = dy * (gate + x * density)", "dx = dy * gate")  # forward right, backward wrong
STUB = build.stub(GELU.source, GELU.name)
NOTEBOOK = build.notebook(RIGHT, GELU.number, GELU.name, ["gelu"])

CLASS = {
    "anna/05_gelu.py": RIGHT,
    "ben/05_gelu.py": HALF,
    "carla/work/05_gelu.py": STUB,
    "dora/05_gelu.ipynb": NOTEBOOK,
    "emil/notes.txt": "no time this week",
    "emil/05_GELU-1.py": RIGHT,
    "emil/work/minivit.py": "what start leaves there",
    "fatma/05_gelu.py": RIGHT,
    "fatma/05_gelu.ipynb": "{}",
    "=SUM(A1)/05_gelu.py": "from lessons import mine\n\n\ndef gelu(x):\n    return mine.gelu(x)\n",
    "hangs/05_gelu.py": "while True:\n    pass\n",
    "crashes/05_gelu.py": "import os\n\nos._exit(3)\n",
    "prints/05_gelu.py": "while True:\n    print('x' * 1000)\n",
    "latin/05_gelu.py": "# Lösung\n".encode("latin-1"),
    "writes/05_gelu.py": "from pathlib import Path\n\nPath('a').touch()\nPath(__file__).write_text('')\n" + RIGHT,
    ".git/05_gelu.py": RIGHT,
    "__MACOSX/05_gelu.py": RIGHT,
}


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


class Graded:
    """One run of the command: its exit code, what it printed, and the rows of its CSV by student."""

    def __init__(self, folder):
        printed, out = io.StringIO(), folder.parent / "out.csv"
        with contextlib.redirect_stdout(printed):
            self.code = main(["grade", str(folder), "--csv", str(out)])
        self.printed = " ".join(printed.getvalue().split())
        with open(out, encoding="utf-8", newline="") as file:
            self.rows = {row["student"]: row for row in csv.DictReader(file)}
        self.files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class above, graded by somebody who stands in its folder and is at work as one of them; to be read only."""
    folder = write(tmp_path_factory.mktemp("grade") / "class", CLASS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "SECONDS", 4)
        patch.setenv("COLUMNS", "100")
        patch.setenv("MINIVIT_WORK", str(folder / "=SUM(A1)"))
        patch.chdir(folder)
        return Graded(folder)


@pytest.fixture
def refused(capsys):
    """refused("grade", ...): the sentence with which bad usage ends."""

    def command(*arguments):
        assert main([str(argument) for argument in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        return err

    return command


@pytest.fixture
def instantly(monkeypatch):
    """Every file passes without being run."""

    def check_file(lesson, path, work):
        return {"results": [result(task.key, task.title) for task in lesson.tasks], "printed": ""}

    def result(task, title):
        return dict(task=task, title=title, status="passed", rows=[], details=[], looks=[], notes=[], line=None)

    monkeypatch.setattr(sandbox, "check_file", check_file)


# points


def test_it_ends_well_however_much_the_students_have_wrong(graded):
    assert graded.code == 0


def test_every_task_has_a_column_and_is_one_point(graded):
    expected = {"05 gelu.forward": "1", "05 gelu.backward": "0", "points": "1", "of": "2", "percent": "50.0"}
    assert graded.rows["ben"] == {"student": "ben", **expected}


@pytest.mark.parametrize("student", ["anna", "dora"])
def test_all_right_is_all_points_in_a_python_file_and_in_a_notebook(graded, student):
    assert graded.rows[student]["percent"] == "100.0"


def test_the_screen_says_what_is_wrong_first(graded):
    assert "ben 1 of 2 50 05 gelu, backward: dx (error" in graded.printed
    assert "The gate was treated as if it stood still." in graded.printed


def test_files_are_found_in_a_subfolder_work_too(graded):
    assert "carla 0 of 2 0 05 gelu, forward: not started" in graded.printed


def test_who_handed_in_nothing_has_no_point(graded):
    assert "emil 0 of 2 0 05: there is no 05_gelu.py" in graded.printed


def test_code_under_another_name_is_not_looked_at_and_it_is_said(graded):
    assert "emil: not looked at, as no lesson's file has that name: 05_GELU-1.py" in graded.printed


def test_of_a_python_file_and_a_notebook_the_python_file_counts_and_it_is_said(graded):
    assert graded.rows["fatma"]["points"] == "2"
    assert "fatma: there are 05_gelu.py and 05_gelu.ipynb: 05_gelu.py counts" in graded.printed


def test_a_name_that_looks_like_a_formula_is_text_in_a_spreadsheet(graded):
    assert "'=SUM(A1)" in graded.rows and "=SUM(A1)" not in graded.rows


def test_functions_of_other_lessons_are_the_course_s_own_whatever_the_student_passed(tmp_path, capsys):
    files = {
        "05_gelu.py": RIGHT + "\n\nfrom lessons import mine\n\nmine.linear\n",
        "04_linear.py": "1 / 0\n",
        "progress.txt": "04 passed 2 of 2, hints 0, 2026-11-22\n",
    }
    assert main(["grade", str(write(tmp_path / "anna", files)), "--lessons", "05"]) == 0
    assert "anna     2 of 2" in capsys.readouterr().out


def test_borrowing_the_function_that_the_lesson_asks_for_is_no_answer(graded):
    assert graded.rows["'=SUM(A1)"]["05 gelu.forward"] == "0"
    assert "mine.gelu is what this lesson has you write" in graded.printed


def test_hidden_folders_and_those_of_a_zip_file_are_no_students(graded):
    assert len(graded.rows) == len({name.split("/")[0] for name in CLASS}) - 2


# files that misbehave


@pytest.mark.parametrize(
    "student, sentence",
    [
        ("hangs", "your code did not finish within 4 seconds"),
        ("crashes", "your code crashed Python itself"),
        ("prints", "your code printed more than a million characters"),
        ("latin", "the file is not UTF-8 text: line 1 holds the byte 0xf6"),
    ],
)
def test_a_file_that_cannot_be_checked_has_no_point_and_a_sentence(graded, student, sentence):
    assert graded.rows[student]["points"] == "0" and f"{student} 0 of 2 0 05: " in graded.printed
    assert sentence in graded.printed


def test_what_a_file_writes_does_not_land_in_the_student_s_folder(graded):
    assert graded.rows["writes"]["points"] == "2"
    assert graded.files == {name: content if isinstance(content, bytes) else content.encode() for name, content in CLASS.items()}


def test_links_out_of_the_folder_are_not_followed(tmp_path, capsys, instantly):
    write(tmp_path, {"class/anna/05_gelu.py": RIGHT, "class/ben/notes.txt": "", "other/05_gelu.py": RIGHT})
    try:
        (tmp_path / "class/ben/05_gelu.py").symlink_to(tmp_path / "class/anna/05_gelu.py")
        (tmp_path / "class/carla").symlink_to(tmp_path / "other")
    except OSError:
        pytest.skip("this system lets us make no links")
    assert main(["grade", str(tmp_path / "class")]) == 0
    out = capsys.readouterr().out
    assert "ben: 05_gelu.py is a link to another place" in out and "carla is a link to another place" in out
    assert "ben      0 of 2" in out


# which folder, which lessons


def test_a_folder_may_hold_the_files_of_one_student(tmp_path, capsys, instantly):
    assert main(["grade", str(write(tmp_path / "anna", {"05_gelu.py": RIGHT}))]) == 0
    assert "anna     2 of 2" in capsys.readouterr().out


def test_the_lessons_can_be_chosen(tmp_path, capsys, instantly):
    write(tmp_path, {"anna/05_gelu.py": RIGHT, "anna/00_start_here.py": ""})
    assert main(["grade", str(tmp_path), "--lessons", "05"]) == 0
    assert "anna     2 of 2" in capsys.readouterr().out


def test_an_empty_folder_is_told_what_was_expected(tmp_path, refused):
    assert "it should hold one folder a student" in refused("grade", tmp_path)


def test_a_folder_that_is_not_there_is_bad_usage(tmp_path, refused):
    assert "there is no folder" in refused("grade", tmp_path / "class")


@pytest.mark.parametrize("lessons, sentence", [("05,99", "there is no lesson '99'"), (",", "--lessons 04,05")])
def test_lessons_that_are_not_there_are_bad_usage(tmp_path, refused, lessons, sentence):
    assert sentence in refused("grade", write(tmp_path, {"anna/05_gelu.py": RIGHT}), "--lessons", lessons)


def test_where_nothing_can_be_written_is_said_before_anything_is_checked(tmp_path, refused):
    write(tmp_path, {"anna/05_gelu.py": RIGHT})
    assert "to write out.csv into" in refused("grade", tmp_path, "--csv", tmp_path / "nowhere" / "out.csv")


# Gradescope


def gradescope(folder, *arguments):
    out = folder.parent / "results.json"
    assert main(["grade", str(folder), *arguments, "--gradescope", str(out)]) == 0
    return json.loads(out.read_text(encoding="utf-8"))


def test_gradescope_gets_a_test_for_every_task_with_the_message_of_the_check(tmp_path):
    results = gradescope(write(tmp_path / "ben", {"05_gelu.py": "print('hello <b>')\n" + HALF}))
    right, wrong = results["tests"]
    assert (results["score"], results["output_format"], results["test_output_format"]) == (1, "text", "text")
    assert (right["name"], right["score"], right["max_score"], right["status"]) == ("05 gelu.forward", 1, 1, "passed")
    assert (wrong["name"], wrong["score"], wrong["max_score"], wrong["status"]) == ("05 gelu.backward", 0, 1, "failed")
    assert "NO   dx" in wrong["output"] and "The gate was treated as if it stood still." in wrong["output"]
    assert "hello <b>" in results["output"] and "\033" not in wrong["output"]


def test_gradescope_gets_zero_points_for_a_submission_without_the_file(tmp_path):
    results = gradescope(write(tmp_path / "ben", {"my_gelu.py": RIGHT}), "--lessons", "05")
    assert results["score"] == 0 and "there is no 05_gelu.py" in results["tests"][0]["output"]


def test_gradescope_is_for_one_student(tmp_path, refused):
    write(tmp_path, {"anna/05_gelu.py": RIGHT, "ben/05_gelu.py": RIGHT})
    assert "holds 2: anna, ben" in refused("grade", tmp_path, "--gradescope", tmp_path / "results.json")


# an error of the course


def test_an_error_of_the_course_is_said_and_counts_against_nobody(tmp_path, monkeypatch, capsys, instantly):
    write(tmp_path / "class", {"anna/05_gelu.py": RIGHT, "ben/05_gelu.py": RIGHT})
    right, checked = sandbox.check_file, []

    def broken_once(lesson, path, work):
        checked.append(path)
        return {"course_error": "Traceback ...", "printed": ""} if len(checked) == 1 else right(lesson, path, work)

    monkeypatch.setattr(sandbox, "check_file", broken_once)
    assert main(["grade", str(tmp_path / "class"), "--csv", str(tmp_path / "out.csv")]) == 4
    assert "an error in lesson 05; this is nobody's mistake" in capsys.readouterr().out
    anna, ben = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert anna == "anna,,,0,0," and ben == "ben,1,1,2,2,100.0"


def test_the_learner_s_own_folder_is_as_before(tmp_path, monkeypatch, instantly):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "mine"))
    here = os.getcwd()
    main(["grade", str(write(tmp_path / "anna", {"05_gelu.py": RIGHT}))])
    assert (os.environ["MINIVIT_WORK"], os.getcwd()) == (str(tmp_path / "mine"), here)


# task by task


def test_the_table_shows_each_task(graded):
    assert "05: gelu.forward, gelu.backward + right, - wrong, . not written, ? not graded" in graded.printed
    tasks = graded.printed.partition("student 05 ")[2]
    for student, marks in {"anna": "++", "ben": "+-", "carla": "..", "emil": "..", "hangs": "--"}.items():
        assert f"{student} {marks} " in tasks


def test_many_lessons_stand_below_each_other_where_the_screen_is_narrow(tmp_path, capsys, instantly, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    write(tmp_path, {f"anna/{lesson.name}.py": "" for lesson in course.lessons()} | {"ben/05_gelu.py": RIGHT})
    assert main(["grade", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("student  ") > 2 and all(len(line) <= 60 for line in out.splitlines())
    assert all(f"\n  {lesson.number}: {lesson.tasks[0].key}" in out for lesson in course.lessons())


# likeness


RENAMED = """
import numpy

from lessons import mine
from minivit.backend import erf
import math


def gelu(values):
    '''What I wrote all by myself.'''
    half = (0.5
            * (1 + erf(values / math.sqrt(2))))
    result = values * half  # the gate

    def go_back(upstream):
        bell = numpy.exp(-0.5 * values * values) / math.sqrt(2 * math.pi)
        answer = upstream * (half + values * bell)
        return answer

    return result, go_back
"""
OWN = """
import math

import numpy as np
from minivit.backend import erf


def bell(x):
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def gelu(x):
    area = np.array([0.5 + 0.5 * math.erf(v / 2**0.5) for v in x.ravel()], dtype=x.dtype).reshape(x.shape)
    return x * area, lambda dy: dy * area + dy * x * bell(x)
"""


def alike(capsys, folder, files):
    assert main(["grade", str(write(folder, files)), "--lessons", "05", "--likeness"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    return out[out.index("Alike:") :]


def test_a_file_with_other_names_and_another_layout_is_alike_and_it_is_a_hint_only(tmp_path, capsys, instantly):
    said = alike(
        capsys,
        tmp_path,
        {
            "anna/05_gelu.py": RIGHT,
            "ben/05_gelu.py": RENAMED + "\n\ndef picture():\n    return 'another'\n",
            "carla/05_gelu.py": OWN,
        },
    )
    assert said.startswith("Alike: 1 pair of files This is a hint for a talk, and never a verdict")
    assert "05 100 % anna and ben, and both like the course's own answer" in said and "carla" not in said


def test_what_the_lesson_gives_and_what_is_not_written_is_alike_for_nobody(tmp_path, capsys, instantly):
    said = alike(capsys, tmp_path, {"anna/05_gelu.py": STUB, "ben/05_gelu.py": STUB, "carla/05_gelu.py": RIGHT})
    assert said.startswith("Alike: 0 pairs of files")


def test_alike_and_unlike_the_course_s_own_is_said_without_it(tmp_path, capsys, instantly):
    said = alike(capsys, tmp_path, {"anna/05_gelu.py": OWN, "ben/05_gelu.py": OWN.replace("area", "share").replace("bell", "b")})
    assert "05 100 % anna and ben" in said and "course's own" not in said


def test_files_that_python_cannot_read_are_named_and_a_notebook_is_compared(tmp_path, capsys, instantly):
    files = {
        "anna/05_gelu.ipynb": NOTEBOOK,
        "ben/05_gelu.py": RIGHT,
        "carla/05_gelu.py": "def gelu(:",
        "dora/05_gelu.py": b"\xff",
    }
    said = alike(capsys, tmp_path, files)
    assert "100 % anna and ben" in said and "cannot read them: carla: 05_gelu, dora: 05_gelu" in said


def test_nobody_is_compared_unless_it_is_asked_for(graded):
    assert "Alike" not in graded.printed


@pytest.mark.parametrize("lesson", course.lessons(), ids=lambda lesson: lesson.name)
def test_right_answers_written_another_way_are_not_alike(lesson):
    versions = course.import_file(lesson.folder / "correct.py", f"lessons.correct_{lesson.name}").CORRECT
    count = min(map(len, versions.values()))
    texts = ["\n".join(_as(name, functions[i]) for name, functions in versions.items()) for i in range(count)]
    words = [likeness.written(lesson, text) for text in [*texts, build.solution(lesson.source, lesson.name)]]
    assert all(likeness.likeness(a, b) < 0.65 for a, b in itertools.combinations(words, 2))


def _as(name, function):
    source = inspect.getsource(function)
    return source.replace(f"def {function.__name__}(", f"def {name}(") if source.startswith("def ") else ""
