"""python -m lessons train --mine: the library's training with the learner's own functions in it, on few digits and a tiny ViT."""

import pytest

import minivit.data
import minivit.training.presets
from lessons.classroom import course
from lessons.classroom.pages import build
from minivit import ops

from ...support.learner import flat
from ...support.tiny import MODEL, RECIPE, few_digits

BEGINS = "def gelu(x):\n"
IN_TRAINING = "x.shape[-1] == 24"  # no array of the check is so wide


@pytest.fixture
def mine(mine, monkeypatch):
    """Few digits, a tiny model, and a learner."""
    config = {"data": "digits", "model": MODEL | {"mlp_dim": 24}, "recipe": RECIPE | {"epochs": 9}}
    few = few_digits()
    monkeypatch.setattr(minivit.training.presets, "load_config", lambda name: config)
    monkeypatch.setattr(minivit.data, "load", lambda name: few)
    yield mine
    assert all(ops.registry[name].replacement is None for name in ops.swappable)


def gelu(mine, old, new):
    """The learner's gelu: the solution, with a part of its text replaced. Returns its text."""
    lesson = course.find("gelu")
    text = build.solution(lesson.source, lesson.name)
    assert text.count(old) == 1
    return mine.writes(text.replace(old, new), f"{lesson.name}.py").read_text(encoding="utf-8")


def trains(mine, *arguments):
    return mine.says("train", "--epochs", "1", "--out", "out", *arguments)


def test_a_function_that_passes_runs_in_the_training(mine, tmp_path):
    gelu(mine, BEGINS, f"{BEGINS}    if {IN_TRAINING}:\n        print('my own gelu')\n")
    code, out = trains(mine, "--mine")
    assert code == 0 and "my own gelu" in out
    assert "1 of 10 are yours" in out and "1 of 10 parts of this ViT were your own code." in out
    assert any(line.startswith("  gelu ") and "yours" in line and "the library's" in line for line in out.splitlines())
    assert "lesson 04: Linear" in out and "epoch 1/1" in out
    assert (tmp_path / "out" / "metrics.csv").exists() and (tmp_path / "out" / "model.npz").exists()


def test_an_error_in_training_is_told_with_the_line_of_the_learner_s_file(mine):
    text = gelu(mine, BEGINS, f"{BEGINS}    if {IN_TRAINING}:\n        x = x / missing\n")
    code, out = trains(mine, "--mine")
    line = 1 + text.splitlines().index("        x = x / missing")
    assert code == 2 and f"work/05_gelu.py:{line}: there is no 'missing' here" in flat(out)


@pytest.mark.slow
def test_a_function_that_is_half_right_stays_out(mine):
    gelu(
        mine,
        "    return y, backward",
        f"    if {IN_TRAINING}:\n        print('my own gelu')\n    return y, lambda dy: 2 * backward(dy)",
    )
    code, out = trains(mine, "--mine")
    assert code == 0 and "0 of 10 are yours" in out and "lesson 05: GELU" in out and "my own gelu" not in out


@pytest.mark.slow
def test_lists_that_the_check_takes_for_several_results_train_too(mine):
    lesson = course.find("12")
    text = build.solution(lesson.source, lesson.name).replace("return (q, k, v), backward", "return [q, k, v], backward")
    assert "[q, k, v]" in mine.writes(text, f"{lesson.name}.py").read_text(encoding="utf-8")
    lesson = course.find("04")
    text = build.solution(lesson.source, lesson.name).replace("return dx, dweight, dbias", "return [dx, dweight, dbias]")
    assert "[dx, dweight, dbias]" in mine.writes(text, f"{lesson.name}.py").read_text(encoding="utf-8")
    code, out = trains(mine, "--mine")
    assert code == 0 and "3 of 10 parts of this ViT were your own code." in out


@pytest.mark.slow
def test_without_mine_it_is_the_library_s(mine):
    gelu(mine, BEGINS, f"{BEGINS}    if {IN_TRAINING}:\n        print('my own gelu')\n")
    code, out = trains(mine)
    assert code == 0 and "epoch 1/1" in out and "my own gelu" not in out and "are yours" not in out


@pytest.mark.slow
def test_with_all_lessons_done_every_op_is_the_learner_s(mine):
    mine.passes(*(lesson.number for lesson in course.lessons()))
    code, out = trains(mine, "--mine")
    assert code == 0 and "10 of 10 parts of this ViT were your own code." in out
