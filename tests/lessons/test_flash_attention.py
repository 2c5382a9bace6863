"""Lesson 20's attention in the library's ViT, and its kernel on a GPU beside the learner's NumPy."""

import numpy as np
import pytest

from lessons.classroom import course
from lessons.classroom.checker import diagnose
from lessons.classroom.commands import train
from lessons.classroom.pages import build
from minivit import ViT, ViTConfig, ops
from minivit.backend import gpu_status, to_device, to_host

usable, reason = gpu_status()


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What lesson 20's solution defines."""
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    return diagnose.solution_names(course.find("20"))


def test_a_vit_with_it_gives_the_same_logits_and_gradients(names):
    assert names["in_the_vit"]() < 1e-12


def test_where_a_bias_is_in_use_the_library_says_so_and_runs_its_own(names, rng):
    sizes = dict(image_size=8, patch_size=2, channels=1, classes=3, dim=8, depth=1, heads=2, mlp_dim=16)
    model, image = ViT(ViTConfig(**sizes, relative_pos="relative"), rng), rng.standard_normal((1, 8, 8, 1), dtype=np.float32)
    without = model(image).data
    with ops.use(attention=names["flash_attention"]), pytest.warns(UserWarning, match="your attention lacks bias"):
        own = model(image).data
    np.testing.assert_array_equal(own, without)


def writes(lesson, **changes):
    """The solution as the learner's file, with parts of its text replaced."""
    text = build.solution(lesson.source, lesson.name)
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    lesson.file.write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_in_the_training_it_takes_the_place_of_lesson_11_s(mine):
    writes(course.find("11"))
    writes(course.find("20"))
    functions, _ = train._passing()
    assert functions["attention"][0].__name__ == "flash_attention"


@pytest.mark.slow
def test_while_it_is_not_right_lesson_11_s_stays(mine):
    writes(course.find("11"))
    writes(course.find("20"), **{"row_sums = (dy * y)": "row_sums = (dy * dy)"})
    functions, _ = train._passing()
    assert functions["attention"][0].__name__ == "attention"


def test_who_has_neither_is_sent_to_the_lesson_that_comes_first(mine, capsys):
    train._tell({})
    assert "lesson 11: One attention head" in capsys.readouterr().out


@pytest.mark.skipif(not usable, reason=reason)
@pytest.mark.parametrize(
    "queries, keys", [((2, 3, 5, 4), 5), ((1, 2, 65, 16), 33), ((64, 8), 32), ((2, 1, 130, 7), 1), ((1, 1, 1, 64), 100)]
)
def test_the_kernel_gives_what_numpy_gives(names, rng, queries, keys):
    q = rng.standard_normal(queries, dtype=np.float32)
    k, v = (rng.standard_normal((*queries[:-2], keys, queries[-1]), dtype=np.float32) for _ in range(2))
    y, level = names["flash_on_gpu"](*(to_device(x, "gpu") for x in (q, k, v)))
    scores = q.astype(np.float64) @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    powers = np.exp(scores)
    np.testing.assert_allclose(to_host(y), powers @ v / powers.sum(axis=-1, keepdims=True), atol=2e-6)
    np.testing.assert_allclose(to_host(level), np.log(powers.sum(axis=-1, keepdims=True)), atol=2e-6)
