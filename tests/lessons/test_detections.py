"""The miniature of DETR: what one training gives, and what a partial study shows."""

import re
from dataclasses import replace

import numpy as np
import pytest

from lessons.classroom import course
from lessons.miniatures import detections, runs
from minivit.data import load

STUDY = detections.Detections()
SMALL = dict(patch_size=8, dim=8, depth=1, decoder_depth=1, heads=2, mlp_dim=8)


def kept(folder, **runs_of):
    """Results with a run for every seed, given its last AP50, of a start, given its first word."""
    results = runs.Results("detr", folder)
    for group in STUDY.groups:
        for seed, last in enumerate(runs_of.get(group.split()[0].rstrip(":"), ())):
            found = np.linspace(0, last, len(detections.LOOKS)).tolist()
            seconds = [(10.0 + seed) * epoch for epoch in detections.LOOKS]  # seed 0 was disturbed least
            results.add(group, detections.RATE, seed, {"cpu_seconds": seconds, "ap50": found})
    return results


@pytest.mark.slow
def test_one_training_is_repeatable_and_is_looked_at_on_its_way(monkeypatch):
    scenes = load("canvases")
    few = replace(scenes, train_images=scenes.train_images[:30], train_labels=scenes.train_labels[:30])
    monkeypatch.setattr(detections, "load", lambda name: few)
    monkeypatch.setitem(detections.STARTS, "small", SMALL | {"queries": "anchors", "denoising": 2})
    first, again = (detections.one_training("small", 0, epochs=5) for _ in range(2))
    assert first["ap50"] == again["ap50"] and len(first["ap50"]) == 2  # after epochs 2 and 4
    assert len(first["cpu_seconds"]) == 2 and 0 <= first["cpu_seconds"][0] <= first["cpu_seconds"][1]


def test_one_seed_of_every_start_comes_before_the_next_seed():
    assert [seed for *_, seed in STUDY.jobs()] == [0] * 8 + [1] * 8 + [2] * 8
    assert {group for group, *_ in STUDY.jobs()[:4]} == set(detections.STARTS)


def test_the_table_gives_the_mean_and_the_extremes_and_says_how_much_is_missing(tmp_path):
    table = STUDY.table(kept(tmp_path, two=(0.9, 0.7), learned=(0.28,)))
    assert "| two stages | 600 | 45.7 (40.0 to 51.4) | 80.0 (70.0 to 90.0) | not run | 2 |" in table
    assert "| learned: DETR | 600 | 16.0 | 28.0 | not run | 1 |" in table
    assert "anchors" not in table and table.endswith("21 of 24 trainings are missing")


def test_the_figure_shows_the_mean_of_what_was_run_and_of_how_many_seeds(tmp_path):
    (axes,) = STUDY.figure(kept(tmp_path, two=(0.7, 0.8, 0.9), learned=(0.25,))).axes
    assert {line.get_xdata()[-1] for line in axes.lines} == {600}
    assert {line.get_label(): line.get_ydata()[-1] for line in axes.lines} == {
        "learned: DETR (1 seed)": pytest.approx(25),
        "two stages (3 seeds)": pytest.approx(80),
    }


def test_the_lesson_shows_the_figure_and_every_number_of_the_table():
    source = course.find("23").source
    table = STUDY.table(runs.Results("detr", runs.FOLDER)).partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert "](../miniatures/detr.png)" in source and len(rows) == 4
    for row in rows:
        assert re.search(r"(?m)^#     " + r" {2,}".join(map(re.escape, row)) + "$", source), row


def test_nothing_is_drawn_of_nothing(tmp_path):
    assert STUDY.figure(kept(tmp_path)) is None and STUDY.table(kept(tmp_path)).endswith("24 of 24 trainings are missing")


def test_the_kept_results_are_a_part_of_the_study_and_the_figure_shows_them():
    results, jobs = runs.Results("detr"), set(STUDY.jobs())
    keys = [(run["group"], run["x"], run["seed"]) for run in results.runs]
    assert set(keys) <= jobs and len(set(keys)) == len(keys)
    assert bool(keys) == results.path.with_suffix(".png").exists()
