"""What the page's worker calls, here in the Python of this machine."""

import pytest

from lessons.classroom import course
from lessons.classroom.checker import sandbox
from lessons.classroom.pages import build
from lessons.classroom.site import inside

LESSON = course.find("00")
FILE = f"{LESSON.name}.py"
SOLUTION = build.solution(LESSON.source, LESSON.name)


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sandbox, "SECONDS", sandbox.SECONDS)
    monkeypatch.setattr(inside, "_known", {})
    return tmp_path / "work"


def test_a_check_says_what_it_says_on_a_laptop_and_changes_progress_alone(work):
    inside.put({FILE: SOLUTION})
    answer = inside.command(["check", "00"], 30)
    assert answer["code"] == 0 and "  ok   brightest" in answer["text"]
    changed = inside.changed()
    assert list(changed["files"]) == ["progress.txt"] and changed["pictures"] == {}
    assert inside.changed()["files"] == {}  # the page has it by now


def test_files_that_the_page_has_no_more_are_gone_and_one_that_is_the_same_is_not_written_again(work):
    inside.put({FILE: "x = 1\n", "01_arrays_and_shapes.py": "y = 1\n"})
    written = (work / FILE).stat().st_mtime_ns
    inside.put({FILE: "x = 1\n"})
    assert [path.name for path in work.iterdir()] == [FILE] and (work / FILE).stat().st_mtime_ns == written


def test_one_cell_runs_with_the_names_of_those_in_front_of_it(work):
    first = '# %%\na = 1\nif __name__ == "__main__":\n    print("first")\n'
    inside.put({FILE: f"{first}\n# %% [markdown]\n# text\n\n# %%\nprint(a, __name__)\n"})
    assert inside.run("00", 1, 5) == {"code": 0, "text": "1 __main__"}
    assert inside.run("00", 0, 5) == {"code": 0, "text": "first"}


@pytest.mark.parametrize(
    "code, says",
    [
        ("1 / 0", "line 5:  1 / 0\nsomething is divided by 0 here"),
        ("x = (", "'(' was never closed"),
        ("exit()", "your code calls exit() or quit()"),
        ("raise SystemExit('brightest is not written yet')", "brightest is not written yet"),
    ],
)
def test_an_error_in_a_cell_is_told_with_its_line(work, code, says):
    inside.put({FILE: f"# %%\na = 1\n\n# %%\n{code}\n"})
    answer = inside.run("00", 1, 5)
    assert answer["code"] == 1 and says in answer["text"] and "Traceback" not in answer["text"]


def test_the_picture_of_a_right_file_is_handed_over(work):
    inside.put({FILE: SOLUTION})
    last = sum(cell.kind == "code" for cell in build.cells(LESSON.source)) - 1
    assert inside.run("00", last, 60)["code"] == 0
    assert inside.changed()["pictures"][f"{LESSON.name}.png"].startswith(b"\x89PNG") and not list(work.glob("*.png"))
