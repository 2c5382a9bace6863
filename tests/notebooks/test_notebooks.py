"""Every lesson's notebook under "Run all", unsolved and solved, in a kernel of its own; where nbclient is installed."""

import sysconfig
from pathlib import Path

import pytest

from lessons.classroom import course
from lessons.classroom.pages import build

from ..support.small_course import ROOT

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

INSTALLED = any(Path(sysconfig.get_path("purelib")).glob("minivit-*.dist-info"))


@pytest.fixture
def run_all(tmp_path, monkeypatch):
    """run_all(lesson, code): [(a code cell's text, what it printed, how many pictures it drew)] of its notebook in an empty
    folder; an error in a cell is raised here. What is installed is what is tried, else the clone."""
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("PYTHONPATH", "" if INSTALLED else str(ROOT))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # the products are small, and others may be at work beside this

    def run(lesson, code):
        text = build.notebook(lesson.source, lesson.number, lesson.name, lesson.checked, code)
        book = nbformat.reads(text, as_version=4)
        nbformat.validate(book)
        client = nbclient.NotebookClient(
            book, timeout=200, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute()
        return [_seen(cell) for cell in book.cells if cell.cell_type == "code"]

    return run


def _seen(cell):
    printed = "".join(out.text for out in cell.outputs if out.output_type == "stream" and out.name == "stdout")
    pictures = [out for out in cell.outputs if out.output_type == "display_data" and "image/png" in out.data]
    return cell.source, printed, len(pictures)


LESSONS = pytest.mark.parametrize("lesson", course.lessons(), ids=lambda lesson: lesson.name)


AT_THE_END = {  # what a fresh notebook of these says in the end, where others say that a function is not written yet
    "00": "No picture yet: there is no 'imgae' here",  # the line to mend
    "01": "",  # it draws what the eight lines should give
    "18": "No picture yet: Refused: NumPy was asked for the numbers of an array on the device",  # code that is to be mended
}


@LESSONS
def test_a_fresh_notebook_runs_to_its_end_and_says_what_is_not_written_yet(lesson, run_all):
    cells = run_all(lesson, build.unsolved)
    checks = [printed for source, printed, _ in cells if source.startswith("check(")]
    assert checks and all("not started" in text or "NO" in text for text in checks)
    said, pictures = cells[-1][1:]
    assert AT_THE_END.get(lesson.number, "is not written yet. Write it in its cell") in " ".join(said.split())
    assert pictures == (lesson.number == "01")


@LESSONS
def test_a_solved_notebook_passes_every_check_and_draws_its_picture(lesson, run_all):
    cells = run_all(lesson, build.solved)
    checks = [printed for source, printed, _ in cells if source.startswith("check(")]
    assert "NO" not in checks[-1] and "not started" not in checks[-1] and "this notebook" in checks[-1]
    assert course.state(lesson).status == "passed"
    assert cells[-1][2] == 1
