"""A folder of photographs on the command line: train, evaluate, predict, data."""

import json
import os
import re
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

import minivit.program.run
from minivit import ViTConfig
from minivit.data.formats import folder
from minivit.data.photographs import read_as_trained
from minivit.program import results
from minivit.program.cli import main
from minivit.training.checkpoint import load_model, save_model

from ..support import made
from ..support.tiny import TOML, tiny_vit


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """printed("train", ...): what the command prints, in an empty working folder, with an empty cache and no figures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(results, "draw", lambda *arguments: None)

    def command(*arguments):
        assert main(list(arguments)) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return command


def refused(capsys, *arguments):
    capsys.readouterr()
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1, err
    return out + err


def photos(path, per_class=5, names=("cats", "dogs")):
    """Reddish and bluish pictures of several sizes."""
    rng = np.random.default_rng(0)
    for k, name in enumerate(names):
        for i in range(per_class):
            (path / name).mkdir(parents=True, exist_ok=True)
            image = rng.integers(0, 60, (30, 40 + i, 3), np.uint8)
            image[..., k] += 120
            Image.fromarray(image).save(path / name / f"IMG {i}.jpg")
    return path


TRAIN = ["train", "--epochs", "2", "--device", "cpu"]


def test_the_first_line_says_the_size_and_the_next_ones_what_to_know(printed, tmp_path):
    photos(tmp_path / "my photos")
    (tmp_path / "my photos" / "cats" / "a.heic").write_bytes(b"x")
    out = printed(*TRAIN, "--data", "my photos").splitlines()
    size = r"8 training and 2 test images, resized to 64 x 64, patch 8 \(--image-size N changes that\), 2 classes"
    assert re.search(size, out[0]) and out[1] == "1 file skipped: 1 .heic"
    assert out[2].startswith("few images to learn from: cats has 4, dogs has 4.") and "pretrained" in out[2]
    assert out[3].startswith("ViT: 65 tokens")
    assert (tmp_path / "runs" / "my photos" / "model.npz").exists()


def test_data_and_train_say_the_same_of_a_folder(printed, tmp_path, capsys):
    photos(tmp_path / "pets")
    (tmp_path / "pets" / "dogs" / "b.webp").write_bytes(b"x")
    told = [line for line in printed("data", "pets").splitlines() if "skipped" in line or "b.webp" in line]
    assert len(told) == 2 and all(line in printed(*TRAIN, "--data", "pets") for line in told)
    assert "images of 32 x 32, 3 channels" in printed("data", "pets", "--image-size", "32")
    (tmp_path / "pets" / "owls").mkdir()
    assert refused(capsys, "data", "pets") == refused(capsys, *TRAIN, "--data", "pets")


@pytest.mark.slow
def test_what_is_to_be_tried_next_is_of_this_data_and_works(printed, tmp_path):
    photos(tmp_path / "my photos")
    out = printed(*TRAIN, "--data", "my photos")
    lines = out.partition("try next")[2]
    assert "handwriting" not in lines and "digits" not in lines and "a picture of your own" in lines
    (accuracy,) = re.findall(r"^test accuracy .*$", out, re.MULTILINE)
    evaluate = shlex.split(re.search(r"minivit (evaluate .*?)   ", lines)[1])
    assert accuracy in printed(*evaluate)
    predict = shlex.split(re.search(r"minivit (predict .*?)  ", lines)[1])
    shutil.copy(tmp_path / "my photos" / "cats" / "IMG 4.jpg", "IMAGE.png")
    assert "44 x 30 pixels, the middle of it resized to 64 x 64" in printed(*predict)
    assert "your own handwriting" in printed(*TRAIN) and "--config digits-conv" in printed(*TRAIN)


def test_the_report_trains_it_again_with_the_same_size(printed, tmp_path, monkeypatch):
    photos(tmp_path / "pets")
    printed(*TRAIN, "--data", "pets", "--image-size", "32")
    page = (tmp_path / "runs" / "pets" / "report.html").read_text()
    assert "handwriting" not in page
    toml, command = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert command.split("minivit ")[1].split(" --out")[0] == "train --config again.toml --image-size 32"
    (tmp_path / "again.toml").write_text(toml.replace("&quot;", '"'))
    printed("train", "--config", "again.toml", "--image-size", "32", "--out", "runs/again")
    first, again = (load_model(tmp_path / "runs" / name)[0].state_dict() for name in ("pets", "again"))
    assert all(np.array_equal(first[name], again[name]) for name in first)


@pytest.mark.slow
def test_a_run_is_never_renamed_for_another_data_set(printed, tmp_path):
    printed(*TRAIN)
    photos(tmp_path / "here" / "pets")
    photos(tmp_path / "there" / "pets", names=("red", "blue"))
    (tmp_path / "my.npz").write_bytes(made.npz())
    printed(*TRAIN, "--data", "here/pets")
    printed(*TRAIN, "--data", "my.npz")
    assert "runs/pets_2" in printed(*TRAIN, "--data", "there/pets")
    printed(*TRAIN, "--data", "here/pets/")
    assert sorted(os.listdir("runs")) == ["digits", "my", "pets", "pets-1", "pets_2"]
    named = {path.name: json.loads((path / "config.json").read_text())["data"] for path in (tmp_path / "runs").iterdir()}
    assert [os.path.basename(os.path.dirname(named[name])) for name in ("pets", "pets-1", "pets_2")] == ["here", "here", "there"]


def test_the_folder_one_stands_in_has_a_name_too(printed, tmp_path, monkeypatch):
    photos(tmp_path / "pets")
    monkeypatch.chdir(tmp_path / "pets")
    printed(*TRAIN, "--data", ".", "--out", "../runs/x")
    monkeypatch.chdir(tmp_path)
    assert json.loads((tmp_path / "runs" / "x" / "config.json").read_text())["data"] == str(tmp_path / "pets")


def test_predict_reads_a_picture_as_the_training_s_were_read(printed, tmp_path):
    """Dark on light, all of them: a picture that is light on dark is inverted too, and not looked at for itself."""
    for k, name in enumerate(("cats", "dogs")):
        (tmp_path / "ink" / name).mkdir(parents=True)
        for i in range(4):
            image = np.full((8, 8), 250, np.uint8)
            image[3 * k : 3 * k + 3, 3:5] = 10 * i
            Image.fromarray(image).save(tmp_path / "ink" / name / f"{i}.png")
    printed(*TRAIN, "--data", "ink")
    _, about = load_model("runs/ink")
    assert about["reading"] == {"resized": False, "grey": True, "inverted": True, "span": None}
    Image.new("L", (8, 8), 5).save("dark.png")
    out = printed("predict", "dark.png", "--model", "runs/ink")
    assert "8 x 8 pixels, grey, inverted, as the training pictures were, one colour all over" in out and "@@" in out


def test_grey_pictures_are_grey_for_a_model_that_reads_colours_too(tmp_path):
    Image.new("RGB", (8, 8), (200, 40, 40)).save(tmp_path / "red.png")
    reading = {"resized": False, "grey": True, "inverted": True, "span": None}
    config = ViTConfig(image_size=8, patch_size=4, channels=3, classes=2, dim=4, depth=1, heads=1, mlp_dim=4)
    image, notes = read_as_trained(tmp_path / "red.png", config, reading)
    grey = 255 - np.array(Image.new("RGB", (1, 1), (200, 40, 40)).convert("L"))[0, 0]
    assert image.shape == (8, 8, 3) and notes[1:3] == ["grey", "inverted, as the training pictures were"]
    np.testing.assert_allclose(image, grey / 255, rtol=1e-6)


def test_predict_reads_whole_numbers_by_the_range_of_the_training_s(printed, tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for i in range(3):
            scan = np.zeros((8, 8), np.uint16)
            scan[2, 2:] = 3000
            Image.fromarray(scan).save(tmp_path / "scans" / name / f"{i}.tif")
    printed(*TRAIN, "--data", "scans")
    assert load_model("runs/scans")[1]["reading"]["span"] == [0, 4095]
    Image.fromarray(np.full((8, 8), 250, np.uint16)).save("dim.tif")
    out = printed("predict", "dim.tif", "--model", "runs/scans")  # for itself, its one number would be white
    assert "    " + "." * 16 in out.splitlines()


@pytest.mark.parametrize(
    "reading",
    [5, [], {}, {"resized": True}, {"resized": 1, "inverted": False}, {"resized": True, "inverted": False, "span": [2, 1]}],
)
def test_a_model_with_an_odd_reading_is_refused(tmp_path, monkeypatch, capsys, reading):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (8, 8), 40).save("picture.png")
    about = {"data": "digits", "classes": list("0123456789"), "mean": [0.3], "std": [0.4], "reading": reading}
    save_model("odd.npz", tiny_vit(), about)
    assert "odd.npz: how its pictures were read is told as" in refused(capsys, "predict", "picture.png", "--model", "odd.npz")


def test_an_interrupted_run_goes_on_with_the_same_pictures_and_decodes_none(printed, tmp_path, monkeypatch):
    photos(tmp_path / "pets")
    printed("train", "--epochs", "4", "--device", "cpu", "--data", "pets", "--out", "whole")
    saved, save = [], minivit.program.run.save_arrays

    def interrupted(path, *arguments):
        saved.append(path)
        if len(saved) == 2:
            raise KeyboardInterrupt
        return save(path, *arguments)

    monkeypatch.setattr(minivit.program.run, "save_arrays", interrupted)
    printed("train", "--epochs", "4", "--device", "cpu", "--data", "pets")
    monkeypatch.setattr(minivit.program.run, "save_arrays", save)
    monkeypatch.setattr(folder, "read_fitted", None)  # not to be reached
    assert "resized to 64 x 64" in printed("train", "--resume", "runs/pets")
    first, again = (load_model(name)[0].state_dict() for name in ("whole", "runs/pets"))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert "2 test images" in printed("evaluate", "--model", "runs/pets")


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["train", "--data", "pets", "--image-size", "0"], "image_size is 0"),
        (["train", "--data", "pets", "--image-size", "9999"], "at most 1024"),
        (["train", "--data", "pets", "--image-size", "61"], "resize"),
        (["train", "--image-size", "64"], "digits has images of 8 x 8, not 64 x 64"),
        (["train", "--resume", "runs/x", "--image-size", "64"], "--resume goes on as the run began"),
        (["data", "--image-size", "64"], "name it"),
        (["train", "--config", "tiny.toml", "--data", "pets", "--image-size", "30"], "30"),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path, monkeypatch, capsys, arguments, named):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    photos(tmp_path / "pets")
    (tmp_path / "tiny.toml").write_text(TOML)
    assert named in refused(capsys, *arguments)
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_decoded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "pets")
    monkeypatch.setattr(folder, "read_fitted", None)  # not to be reached

    def full(dir=None):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("minivit.program.folder.TemporaryFile", full)
    for more in ([], ["--out", "results/pets"]):
        told = refused(capsys, *TRAIN, "--data", "pets", *more)
        assert f"nothing can be written in {tmp_path} (No space left on device): choose another folder with --out" in told
