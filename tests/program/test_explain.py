"""python -m minivit explain: its figures for every kind of model, and its mistakes."""

import numpy as np
import pytest
from PIL import Image

from minivit.models.config import ViTConfig
from minivit.models.vit import ViT
from minivit.program.cli import main
from minivit.training.checkpoint import save_arrays, save_model

ALL = {"picture.png", "rollout.png", "heads.png", "occlusion.png", "damage.png", "distance.png", "positions.png", "filters.png"}
OTHER_PARTS = ["mean", "no positions", "sin-cos", "t2t", "progressive", "sequence", "registers", "class blocks", "distilled"]
OTHER_PARTS += ["cls_and_patches", "patches"]


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30), dtype=np.uint8)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def model_file(folder, **changes):
    sizes = {"image_size": (8, 12), "patch_size": 4, "channels": 1, "classes": 3, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12}
    model = ViT(ViTConfig(**sizes | changes), np.random.default_rng(0))
    about = {"data": "made up", "classes": ["a", "b", "c"], "mean": [0.5], "std": [0.25]}
    save_model(folder / "model.npz", model, about)
    return folder / "model.npz"


@pytest.mark.slow_of(*OTHER_PARTS)
@pytest.mark.parametrize(
    "changes, missing",
    [
        ({}, set()),
        ({"stem": "conv"}, {"filters.png"}),
        ({"pool": "mean"}, {"rollout.png", "heads.png"}),
        ({"pos_embed": "none"}, {"positions.png"}),
        ({"pos_embed": "sincos2d"}, set()),
        ({"stem": "t2t"}, {"filters.png"}),
        ({"stem": "progressive", "relative_pos": "irpe"}, {"filters.png"}),
        ({"pool": "sequence", "registers": 3}, {"rollout.png", "heads.png"}),
        ({"registers": 3, "lsa": True, "relative_pos": "rope"}, set()),
        ({"class_blocks": 1, "registers": 2, "relative_pos": "peg"}, set()),
        ({"dist_token": True, "registers": 2, "norm_pre": True}, set()),
        ({"pool": "cls_and_patches", "registers": 2}, set()),
        ({"pool": "patches", "fc_norm": True}, {"rollout.png", "heads.png"}),
    ],
    ids=["plain", "hybrid", *OTHER_PARTS],
)
def test_every_figure_that_fits_the_model_is_drawn(tmp_path, picture, capsys, changes, missing):
    out = tmp_path / "inside"
    assert main(["explain", str(picture), "--model", str(model_file(tmp_path, **changes)), "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == ALL - missing
    told = capsys.readouterr().out
    assert "the model says" in told and all(name in told for name in ALL - missing)
    assert told.count("  no ") == len({"rollout.png", "positions.png", "filters.png"} & missing)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes, words",
    [
        ({"class_blocks": 1}, "without the last blocks, in which no patch looks"),
        ({"pool": "sequence"}, "this model reads a weighted mean of all patches"),
        ({"pool": "patches"}, "this model reads the mean of all patches"),
        ({"stem": "shifted"}, "this model has the stem 'shifted' in front of them"),
    ],
    ids=str,
)
def test_what_cannot_be_drawn_of_a_model_of_other_parts_is_said(tmp_path, picture, capsys, changes, words):
    main(["explain", str(picture), "--model", str(model_file(tmp_path, **changes)), "--out", str(tmp_path / "inside")])
    assert words in capsys.readouterr().out


def test_info_and_predict_tell_of_a_model_of_other_parts(tmp_path, picture, capsys):
    path = str(model_file(tmp_path, stem="t2t", registers=3, class_blocks=1))
    assert main(["info", path]) == 0
    assert (
        "10 tokens of width 8, 2 blocks, 2 heads; stem t2t, registers 3, class_blocks 1, images of 8 x 12"
        in capsys.readouterr().out
    )
    assert main(["predict", str(picture), "--model", path]) == 0
    assert "33.3 %" in capsys.readouterr().out


@pytest.mark.slow
def test_figures_of_another_model_do_not_stay_and_other_files_do(tmp_path, picture):
    out = tmp_path / "inside"
    main(["explain", str(picture), "--model", str(model_file(tmp_path)), "--out", str(out)])
    (out / "notes.txt").write_text("mine")
    other = model_file(tmp_path, pool="mean", pos_embed="none")
    main(["explain", str(picture), "--model", str(other), "--out", str(out)])
    assert {path.name for path in out.iterdir()} == ALL - {"rollout.png", "heads.png", "positions.png"} | {"notes.txt"}


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_computed(tmp_path, picture, capsys):
    (tmp_path / "taken").write_text("mine")
    assert main(["explain", str(picture), "--model", str(model_file(tmp_path)), "--out", str(tmp_path / "taken" / "sub")]) == 2
    out, told = capsys.readouterr()
    assert "cannot be made" in told and "--out" in told and "the model says" not in out


def test_a_checkpoint_is_told_from_a_model(tmp_path, picture, capsys):
    save_arrays(tmp_path / "checkpoint.npz", {"a": np.zeros(2)}, {"rows": []})
    assert main(["explain", str(picture), "--model", str(tmp_path / "checkpoint.npz")]) == 2
    assert f"is a checkpoint of a run and no model: name the run's folder, {tmp_path}" in capsys.readouterr().err


def test_a_file_in_the_way_is_told_and_left_alone(tmp_path, picture, capsys):
    (tmp_path / "taken").write_text("mine")
    assert main(["explain", str(picture), "--model", str(model_file(tmp_path)), "--out", str(tmp_path / "taken")]) == 2
    assert "is a file" in capsys.readouterr().err and (tmp_path / "taken").read_text() == "mine"


def test_what_is_no_picture_is_told(tmp_path, capsys):
    assert main(["explain", str(tmp_path / "none.png"), "--model", str(model_file(tmp_path))]) == 2
    assert "there is no file" in capsys.readouterr().err
