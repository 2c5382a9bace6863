"""Weights that others trained, at the command line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minivit
from minivit.data.datasets import normalise
from minivit.data.preparation import read
from minivit.program.cli import main
from minivit.training.prediction import predict

FIXTURES = Path(__file__).parents[1] / "models" / "fixtures"  # tiny models in other libraries' files
TIMM = str(FIXTURES / "timm")


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def test_predict_says_once_what_it_recognised_and_gives_the_best_classes(photo, capsys):
    model, about = minivit.load_pretrained(TIMM)
    logits = predict(model, normalise(read(photo, model.config, about["reading"])[0][None], about["mean"], about["std"]))[0]
    best = about["classes"][logits.argmax()]
    assert main(["predict", photo, photo, "--model", TIMM]) == 0
    told = capsys.readouterr().out
    assert (
        told.startswith("layout timm: patches of 4 x 4, width 8") and told.count("layout timm") == told.count("pictures: ") == 1
    )
    headline = f"{photo}: {best}   (30 x 20 pixels, shorter side to 13, bicubic, the middle 12 x 12)"
    assert told.count(headline) == 2
    chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert f"{best:>10}  {100 * chances.max():5.1f} %" in told and told.count(" %") == 10


def test_long_names_stand_in_one_column(photo, tmp_path, capsys):
    model, about = minivit.load_pretrained(TIMM)
    about["classes"][2] = "an owl of the kind that nobody has ever seen"
    minivit.save(tmp_path / "mine.npz", model, about)
    assert main(["predict", photo, "--model", str(tmp_path / "mine.npz")]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if " %" in line]
    assert len({line.index(" %") for line in lines}) == 1 and len(lines) == 5


@pytest.mark.slow
def test_explain_draws_what_fits(photo, tmp_path):
    assert main(["explain", photo, "--model", TIMM, "--out", str(tmp_path / "inside")]) == 0
    assert {"rollout.png", "occlusion.png", "positions.png"} <= {path.name for path in (tmp_path / "inside").iterdir()}


def test_info_tells_what_it_is(capsys):
    assert main(["info", TIMM]) == 0
    told = capsys.readouterr().out
    for words in (
        ": safetensors, ",
        "layout timm: ",
        "options: ",
        "pictures: ",
        " parameters; classes: owl, tram, fern, ... and 2",
    ):
        assert words in told


def test_evaluate_says_what_to_do(capsys):
    assert main(["evaluate", "--model", TIMM]) == 2
    told = capsys.readouterr().err
    assert "names no data to be tested on: name some of its classes with --data" in told
    assert f"`python -m minivit train --data FOLDER --init {TIMM}`" in told


def test_evaluate_takes_a_folder_of_some_classes_by_their_names(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    model, about = minivit.load_pretrained(TIMM)
    right, rng = 0, np.random.default_rng(0)
    for name in ("tram", "owl"):  # of the model's five they are the second and the first
        for part in ("train", "test"):
            (tmp_path / "mine" / part / name).mkdir(parents=True)
            for i in range(3):
                pixels = rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)  # of the model's size: nothing is resized
                Image.fromarray(pixels).save(tmp_path / "mine" / part / name / f"{i}.png")
                logits = predict(model, normalise(pixels[None] / np.float32(255), about["mean"], about["std"]))[0]
                right += part == "test" and about["classes"][logits.argmax()] == name
    assert main(["evaluate", "--model", TIMM, "--data", str(tmp_path / "mine")]) == 0
    told = capsys.readouterr().out
    assert f"test accuracy {100 * right / 6:.1f} %" in told and right
    assert "owl" in told and " of   3" in told and "fern" not in told.split("most often taken for")[1].split("\n")[0]


def test_a_backbone_without_a_head_says_what_to_do(photo, tmp_path, capsys):
    model, about = minivit.load_pretrained(TIMM, classes=3)
    minivit.save(tmp_path / "mine.npz", model, about)
    assert main(["predict", photo, "--model", str(tmp_path / "mine.npz")]) == 2
    assert "has no head that was trained" in capsys.readouterr().err


def test_what_is_no_weights_is_told_in_one_line(photo, tmp_path, capsys):
    (tmp_path / "weights.safetensors").write_bytes(b"hello")
    shutil.copy(photo, tmp_path / "weights.pth")
    for name in ("weights.safetensors", "weights.pth", "none.pth"):
        assert main(["predict", photo, "--model", str(tmp_path / name)]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and name in told


def test_the_cost_of_looking_into_a_large_model_is_bounded():
    from minivit import ViTConfig
    from minivit.program.commands.explain import DRAWS, FEW, SHARES, _plan

    assert _plan(ViTConfig.preset("Ti/16")) == ((16, 16), DRAWS)
    for large in (ViTConfig.preset("B/16"), ViTConfig.preset("L/16", image_size=384)):
        (high, wide), draws = _plan(large)
        windows = large.image_size[0] // high * (large.image_size[1] // wide)
        assert 2 * windows + 2 * len(SHARES) * draws <= FEW and large.grid[0] * 16 % high == 0


def test_info_downloads_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    assert main(["info", "some-one/tiny"]) == 2
    assert "there is no preset 'some-one/tiny'" in capsys.readouterr().err and not (tmp_path / "cache").exists()
    place = tmp_path / "cache" / "hub" / "some-one" / "tiny"
    shutil.copytree(TIMM, place)
    assert main(["info", "some-one/tiny"]) == 0
    assert "layout timm" in capsys.readouterr().out


def test_a_saved_one_that_says_too_little_is_refused(photo, tmp_path, capsys):
    model, about = minivit.load_pretrained(TIMM)
    for key in ("classes", "mean", "std"):
        minivit.save(tmp_path / "mine.npz", model, {name: value for name, value in about.items() if name != key})
        assert main(["predict", photo, "--model", str(tmp_path / "mine.npz")]) == 2
        assert f"({key})" in capsys.readouterr().err
