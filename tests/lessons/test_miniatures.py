"""python -m lessons.miniatures: what was run is kept, what is missing is run, and the lessons quote what the files say."""

import json
import re
import shutil

import pytest

from lessons.classroom import course
from lessons.miniatures import __main__ as miniatures
from lessons.miniatures import charts, runs, studies

QUOTED_IN = {"patch_size": "09", "positions": "10", "pooling": "10", "depth_width": "14", "data_size": "16"}


@pytest.mark.parametrize("name", studies.STUDIES)
def test_the_lesson_shows_the_figure_and_every_number_of_the_table(name):
    source = course.find(QUOTED_IN[name]).source
    table = charts.table(studies.STUDIES[name], runs.Results(name, runs.FOLDER))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert f"](../miniatures/{name}.png)" in source and (runs.FOLDER / f"{name}.png").stat().st_size > 5000
    for row in rows:
        assert re.search(r"(?m)^#     " + r" {2,}".join(re.escape(cell) for cell in row) + "$", source), row


@pytest.mark.parametrize("name", studies.STUDIES)
def test_everything_was_run_with_several_seeds_and_drawn(name, tmp_path, monkeypatch):
    study = studies.STUDIES[name]
    shutil.copy(runs.FOLDER / f"{name}.json", tmp_path)
    monkeypatch.setattr(runs, "train_once", lambda *a, **k: pytest.fail("this was run before"))
    assert study.seeds >= 3 and miniatures.study(name, tmp_path).startswith("|")
    assert (tmp_path / f"{name}.png").exists()


def test_what_was_run_is_not_run_again(tmp_path, monkeypatch):
    calls = []
    small = studies.Study("small", "?", "", ("a", "b"), (1, 2), 2, lambda *job: calls.append(job) or {"accuracy": 50.0}, "x")
    monkeypatch.setitem(miniatures.ALL, "small", small)
    assert miniatures.study("small", tmp_path, limit=3) is None and len(calls) == 3
    assert "| 2 | 50.0 ± 0.0 | 50.0 ± 0.0 |" in miniatures.study("small", tmp_path)
    assert sorted(calls) == sorted(small.jobs()) and len(set(calls)) == 8
    json.loads((tmp_path / "small.json").read_text(encoding="utf-8"))


def test_one_training_is_short_and_repeatable():
    first = runs.train_once("digits", 0, 3, {"depth": 1, "dim": 16, "heads": 2, "mlp_dim": 16}, images=64)
    again = runs.train_once("digits", 0, 3, {"depth": 1, "dim": 16, "heads": 2, "mlp_dim": 16}, images=64)
    assert 0 <= first["accuracy"] == again["accuracy"] <= 100 and first["parameters"] == again["parameters"]


def test_the_small_cnn_trains_too():
    assert 0 <= runs.train_once("digits", 0, 2, images=64, kind="cnn")["accuracy"] <= 100


def test_a_name_that_is_none_is_told(capsys):
    assert miniatures.main(["poolling"]) == 2
    assert "there is no miniature 'poolling'; there are patch_size" in capsys.readouterr().err
