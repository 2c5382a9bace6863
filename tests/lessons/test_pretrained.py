"""Lesson 21: the library's small model in the learner's ViT, what every slip does to it, and the numbers of its text."""

import json
import re

import numpy as np
import pytest

from lessons.classroom import course
from lessons.classroom.checker import diagnose
from lessons.miniatures import runs, studies
from minivit import ViT, ViTConfig

from ..support import lesson21_fixture

TOLERANCE = 1e-10  # of the largest logit, in float64
HARMLESS = {"extra", "dtype", "three", "other eps"}  # another error, nothing at all, or the small model's own ε


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What lesson 21's solution defines, with the course's own of the earlier lessons."""
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    return diagnose.solution_names(course.find("21"))


def test_the_own_vit_gives_the_library_s_logits(names):
    runs = names["three_runs"]()
    assert len(runs) == 3 and max(runs.values()) < 1e-13


def test_every_slip_is_seen_in_float64_and_epsilon_only_there(names):
    found = names["differences"]()
    slips = {name: apart for name, apart in found.items() if not name.startswith("none")}
    assert len(slips) == 9 and min(slips.values()) > 1e-7
    assert found["none, in float64"] < 1e-13 < 1e-8 < found["none, in float32"] < 1e-5
    assert slips.pop("ε = 1e-6") < 1e-5 and min(slips.values()) > 0.1


def test_the_lesson_shows_every_number_of_the_slips(names):
    source = course.find("21").source
    for name, apart in names["differences"]().items():
        shown = re.search(rf"(?m)^#     {re.escape(name)} +(\d\.\de-\d\d)$", source)
        if name == "none, in float32":  # rounding, which is another one on another processor
            assert 1 / 4 < float(shown[1]) / apart < 4
        elif name != "none, in float64":
            assert shown and shown[1] == f"{apart:.1e}", name


def test_the_lesson_counts_arrays_and_numbers_right(names):
    vit, source = diagnose.solution_names(course.find("14")), course.find("21").source
    sizes = vit["Sizes"](224, 16, 3, 1000, 768, 12, 12, 3072)
    count = vit["count_parameters"](sizes)
    assert f"{count:,} numbers, {4 * count / 1e6:.0f} MB" in source
    assert f"= {len(vit['parameter_shapes'](sizes))} come out" in source


def _wrong_mappings():
    about = course.find("21").about
    keys = {sentence: key for key, sentence in about.MAP.items()}
    listed = [m for m in about.MAP_MISTAKES if keys[m.says] not in HARMLESS]
    return listed + [mistake for mistake in about.KERNEL_MISTAKES if mistake.says]


def test_the_lesson_shows_the_figure_of_fine_tuning_and_every_number_of_its_table():
    source = course.find("21").source
    table = studies.BETTER["finetune"].table(runs.Results("finetune")).partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert "](../miniatures/finetune.png)" in source and len(rows) == 3
    for row in rows:
        assert re.search(r"(?m)^#     " + r" {2,}".join(map(re.escape, row)) + "$", source), row


@pytest.mark.parametrize("mistake", _wrong_mappings(), ids=lambda mistake: mistake.says[:40])
def test_every_listed_wrong_mapping_raises_or_changes_the_logits_or_the_weights_that_came_in(names, mistake):
    planted, small = diagnose.planted_names(course.find("21"), mistake), names["fixture"]()
    weights = dict(small["weights"])
    try:
        logits = names["own_vit"](*_in_order(planted["to_minivit"](weights, small["config"]), small["images"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return
    assert names["apart"](logits, small["logits"]) > TOLERANCE or weights.keys() != small["weights"].keys()


def _in_order(mapped, images):
    parameters, heads, eps = mapped
    return parameters, images, heads, eps


def test_the_library_s_vit_with_the_mapped_weights_gives_the_same(names):
    small = names["fixture"]()
    parameters, heads, _ = names["to_minivit"](small["weights"], small["config"])
    sizes = dict(image_size=(24, 16), patch_size=8, channels=3, classes=9, dim=20, depth=2, heads=heads, mlp_dim=28)
    model = ViT(ViTConfig(**sizes), np.random.default_rng(0), np.float64)
    model.load_state_dict(parameters)
    logits = model(small["images"]).data
    np.testing.assert_allclose(names["own_vit"](parameters, small["images"], heads, 1e-6), logits, rtol=0, atol=1e-13)


@pytest.mark.slow
def test_digits_on_another_grid_need_resized_positions(names):
    read = names["read_on_other_grids"]((4, 5))
    resized, repeated = (read[how] for how in ("positions resized", "repeated in reading order"))
    assert resized[0] == repeated[0] > 0.95 and resized[1] > 0.6 > 0.2 > repeated[1]


def written(folder, weights, dtype="F32"):
    """A folder as Hugging Face writes it, of a model for images of 16 x 16."""
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, array in weights.items():
        data = array.astype("<f4").tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    head = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + body)
    config = dict(num_hidden_layers=1, num_attention_heads=2, layer_norm_eps=1e-12, image_size=16)
    config["id2label"] = {str(k): f"thing {k}" for k in range(5)}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    wants = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.6, 0.7]}
    (folder / "preprocessor_config.json").write_text(json.dumps(wants), encoding="utf-8")
    return config, wants


def test_a_folder_of_hugging_face_s_answers_with_names(names, tmp_path, rng):
    weights, _ = course.find("21").about.small_model(rng, 6, 8, 1, 2, 1e-12, patch=8)
    config, wants = written(tmp_path, weights)
    picture = rng.integers(0, 256, (20, 31, 3)).astype(np.uint8)
    answers = names["answers"](tmp_path, picture, count=5)
    image = names["prepare"](picture, 18, (16, 16), *(np.array(wants[f"image_{name}"]) for name in ("mean", "std")))[None]
    parameters, heads, eps = names["to_minivit"](weights, config)
    logits = names["own_vit"](parameters, image, heads, eps)[0]
    assert [name for name, _ in answers] == [f"thing {k}" for k in np.argsort(-logits)]
    assert sum(probability for _, probability in answers) == pytest.approx(1)


def test_numbers_of_another_kind_are_refused_by_name(names, tmp_path, rng):
    written(tmp_path, {"head.bias": rng.standard_normal(3)}, dtype="BF16")
    with pytest.raises(ValueError, match=r"head\.bias has numbers of the type BF16, and this reader knows float32"):
        names["read_safetensors"](tmp_path / "model.safetensors")


@pytest.mark.slow
def test_the_kept_logits_are_the_library_s():
    for package in ("torch", "transformers", "torchvision"):
        pytest.importorskip(package)
    made = lesson21_fixture.arrays()
    with np.load(lesson21_fixture.FIXTURE) as kept:
        assert set(kept.files) == set(made)
        for name in set(made) - {"config.json"}:
            np.testing.assert_allclose(kept[name], made[name], rtol=0, atol=1e-12, err_msg=name)
        assert json.loads(str(kept["config.json"])) == json.loads(str(made["config.json"]))
