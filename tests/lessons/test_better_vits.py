"""Lesson 22's solutions beside the library's ops, and the learner's ViT with a part in it beside the library's."""

import json
import statistics

import numpy as np
import pytest

from lessons import mine as own
from lessons.classroom import course
from lessons.classroom.checker import diagnose
from lessons.classroom.commands import train
from lessons.classroom.pages import build
from minivit import ViT, ViTConfig, ops

PARTS = {
    "plain": {},
    "overlap": {"stem": "overlap"},
    "t2t": {"stem": "t2t"},
    "relative": {"relative_pos": "relative"},
    "rope": {"relative_pos": "rope"},
    "layer_scale": {"layer_scale": 0.1},
}


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What lesson 22's solution defines, with the course's own of the earlier lessons."""
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    return diagnose.solution_names(course.find("22"))


def test_rotate_is_the_library_s_with_angles_that_are_not_learned(names, rng):
    x, angles = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((5, 2))
    (y, backward), (y0, backward0) = names["rotate"](x, angles), ops.rotate.forward(x, angles)
    dy = rng.standard_normal(y.shape)
    np.testing.assert_allclose(y, y0, atol=1e-14)
    np.testing.assert_allclose(backward(dy)[0], backward0(dy)[0], atol=1e-14)


def test_biased_attention_is_the_library_s(names, rng):
    given = *(rng.standard_normal((2, 3, 5, 4)) for _ in range(3)), rng.standard_normal((3, 5, 5))
    (y, backward), (y0, backward0) = names["biased_attention"](*given), ops.attention.forward(*given)
    dy = rng.standard_normal(y.shape)
    np.testing.assert_allclose(y, y0, atol=1e-13)
    for found, wanted in zip(backward(dy), backward0(dy), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("part", PARTS)
def test_the_learner_s_vit_with_a_part_is_the_library_s(names, rng, part):
    sizes = own.Sizes(*names["DIGITS"])
    parameters = names["better_parameters"](sizes, part, rng)
    for p in parameters.values():
        p.data = p.data.astype(np.float64) + 0.1 * rng.standard_normal(p.data.shape)
    config = ViTConfig(*names["DIGITS"], **PARTS[part])
    model = ViT(config, np.random.default_rng(0), dtype=np.float64)
    model.load_state_dict({name: p.data for name, p in parameters.items()})
    images, labels = rng.standard_normal((3, 8, 8, 1)), np.array([3, 1, 4])

    logits = names["better_vit"](parameters, images, sizes, part)
    own.op(own.cross_entropy)(logits, labels).backward()
    wanted = model(images)
    ops.cross_entropy(wanted, labels).backward()
    near = 1e-6 if part == "rope" else 1e-12  # the lesson's angles are float32
    np.testing.assert_allclose(logits.data, wanted.data, atol=near)
    for name, p in model.named_parameters():
        np.testing.assert_allclose(parameters[name].grad, p.grad, atol=near, err_msg=name)
    assert names["step_cost"](part) == config.multiply_adds()


def test_the_figures_in_the_text_are_those_that_are_kept():
    lesson = course.find("22")
    compared = course.import_file(lesson.folder / "compared.py", "lessons.compared")
    kept = json.loads(compared.FILE.read_text(encoding="utf-8"))
    assert all(len(numbers) == len(compared.SEEDS) for numbers in kept.values())
    for part, numbers in kept.items():
        row = "#     {:20} {:.1f} ± {:.1f}".format(part, *compared.mean_and_deviation(numbers))
        assert row in lesson.source


def test_the_figures_of_registers_are_those_that_are_kept():
    lesson = course.find("22")
    kept = json.loads((lesson.folder / "registers.json").read_text(encoding="utf-8"))
    for count, runs in kept.items():
        mean, deviation = (f([run["accuracy"] for run in runs]) for f in (statistics.mean, statistics.stdev))
        longest, looks = (
            statistics.mean(run[name] for run in runs) for name in ("longest token over the median", "looks at registers")
        )
        told = f"{looks:.1f} %" if count != "0" else ""
        name = count if count != "0" else "none"
        row = f"#     {name:13}{f'{mean:.1f} ± {deviation:.1f}':18}{longest:<33.1f}{told}".rstrip()
        assert row in lesson.source


def test_what_no_vit_calls_by_itself_is_not_swapped_in(mine):
    lesson = course.find("22")
    lesson.file.write_text(build.solution(lesson.source, lesson.name), encoding="utf-8")
    assert train._passing() == ({}, [])
