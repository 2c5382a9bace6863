"""python -m minivit train --init: a run that begins from another's weights is a run as any, and says what it began from."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minivit.data import load
from minivit.program.cli import main
from minivit.training.checkpoint import load_model, save_model
from minivit.training.finetune import sha256_of
from minivit.training.loop import Training

from ..support.pretrained_fixtures import FOLDER as WEIGHTS
from ..support.tiny import TOML, kill_in_epoch, same_state, tiny_vit

ACCURACY = re.compile(r"^test accuracy (\d+\.\d) %$", re.MULTILINE)
TUNE = ["train", "--data", "fashion-mini", "--init", "runs/tiny"]
SLOWER = (
    TOML.replace("[model]", "[nothing]").split("[nothing]")[0] + 'init = "runs/tiny"\n[recipe]\nepochs = 4\nbatch_size = 500\n'
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder with runs/tiny, of digits, and runs/fashion-mini-tuned, begun from it; to be read only."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "tiny.toml").write_text(TOML)
    (folder / "slower.toml").write_text(SLOWER + "unfreeze = 1\nshift = 1\nlr = 1e-3\nlayer_decay = 0.5\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("minivit.program.results.draw", lambda *arguments: None)
        assert main(["train", "--config", "tiny.toml"]) == 0
        assert main([*TUNE, "--epochs", "3"]) == 0
        pixels = load("fashion-mini").test_images[0, ..., 0]
        Image.fromarray((255 * pixels).astype(np.uint8)).save("picture.png")
    return folder


@pytest.fixture
def printed(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("minivit.program.results.draw", lambda *arguments: None)

    def command(*arguments):
        assert main([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    return command


def test_it_says_what_it_begins_from_and_what_is_trained(printed, tmp_path):
    out = printed(*TUNE, "--epochs", "1", "--unfreeze", "1", "--out", tmp_path / "run")
    sha256 = sha256_of(load_model("runs/tiny")[0].state_dict())
    assert f"it begins from runs/tiny (sha256 of its weights {sha256[:12]}...), with a new head" in out
    assert "trained is the last block and the head, 570 parameters; what the rest makes of an image is computed once" in out
    assert "4,000 training and 1,000 test images, 8 x 8, 10 classes" in out


def test_config_json_and_the_model_know_what_it_began_from(folder):
    config = json.loads((folder / "runs/fashion-mini-tuned/config.json").read_text())
    before, about = load_model(folder / "runs/tiny")
    model, own = load_model(folder / "runs/fashion-mini-tuned")
    assert config["init"] == own["init"] == {"name": "runs/tiny", "sha256": sha256_of(before.state_dict())}
    assert (own["mean"], own["std"]) == (about["mean"], about["std"])  # by which the frozen part learned to see
    assert own["classes"] == list(load("fashion-mini").classes)
    states = model.state_dict(), before.state_dict()
    assert {name for name in states[0] if not np.array_equal(states[0][name], states[1][name])} == {"head.weight", "head.bias"}


def test_the_report_and_the_comparison_say_it_too(folder, printed, tmp_path):
    page = (folder / "runs/fashion-mini-tuned/report.html").read_text(encoding="utf-8")
    assert "Began from" in page and "<td>runs/tiny" in page and "init = &quot;runs/tiny&quot;" in page
    out = printed("compare", "runs/tiny", "runs/fashion-mini-tuned", "--out", tmp_path / "both.png")
    assert re.search(r"^begun from +- +runs/tiny$", out, re.MULTILINE) and re.search(
        r"^recipe.unfreeze +all +0$", out, re.MULTILINE
    )


@pytest.mark.slow
def test_it_is_evaluated_as_it_was_tested_and_predicts_and_explains(printed, tmp_path):
    again = ACCURACY.search(printed("evaluate", "--model", "runs/fashion-mini-tuned"))[1]
    results = json.loads(Path("runs/fashion-mini-tuned/results.json").read_text())
    assert float(again) == pytest.approx(100 * results["test_accuracy"], abs=0.051)
    assert "28 x 28 pixels, read as they are, grey, resized to 8 x 8" in printed(
        "predict", "picture.png", "--model", "runs/fashion-mini-tuned"
    )
    assert "picture.png" in printed("explain", "picture.png", "--model", "runs/fashion-mini-tuned", "--out", tmp_path)


@pytest.mark.slow
def test_what_the_report_says_trains_it_again(folder, printed, tmp_path):
    page = (folder / "runs/fashion-mini-tuned/report.html").read_text(encoding="utf-8")
    toml, command = (re.sub("&quot;", '"', text) for text in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL))
    (tmp_path / "again.toml").write_text(toml)
    arguments = shlex.split(command.replace("again.toml", str(tmp_path / "again.toml")))[3:-1]
    printed(*arguments, tmp_path / "run")
    first, second = (load_model(path)[0].state_dict() for path in ("runs/fashion-mini-tuned", tmp_path / "run"))
    assert same_state(first, second)


@pytest.mark.slow_of("features")
@pytest.mark.parametrize("how", [[*TUNE, "--epochs", "4"], ["train", "--config", "slower.toml"]], ids=["features", "images"])
def test_killed_and_resumed_it_ends_in_the_same_weights(how, folder, printed, tmp_path):
    printed(*how, "--out", tmp_path / "whole")
    kill_in_epoch(3, *how, "--out", str(tmp_path / "killed"), cwd=folder)
    printed("train", "--resume", tmp_path / "killed", "--threads", "1")
    (first, about), (second, of_resumed) = (load_model(tmp_path / name) for name in ("whole", "killed"))
    assert same_state(first.state_dict(), second.state_dict()) and about == of_resumed


@pytest.mark.slow
def test_ctrl_c_keeps_the_last_complete_epoch_though_not_every_epoch_was_written(printed, tmp_path, monkeypatch):
    real = Training.run

    def run(self, threads=None):
        for progress in real(self, threads):
            yield progress
            if progress.complete and progress.epoch == 3:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Training, "run", run)
        out = printed(*TUNE, "--epochs", "5", "--out", tmp_path / "run")
    assert "the model is that of epoch 3 of 5" in out and len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 4
    printed("train", "--resume", tmp_path / "run")
    printed(*TUNE, "--epochs", "5", "--out", tmp_path / "whole")
    assert same_state(*(load_model(tmp_path / name)[0].state_dict() for name in ("run", "whole")))


def test_a_folder_s_pictures_are_read_at_the_size_of_the_model(printed, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    for k, name in enumerate(("dark", "light")):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(5):
            Image.new("L", (30, 20 + i), 100 * k + 10 * i).save(tmp_path / "mine" / name / f"{i}.png")
    out = printed("train", "--data", tmp_path / "mine", "--init", "runs/tiny", "--epochs", "2", "--out", tmp_path / "run")
    assert "resized to 8 x 8" in out and "test accuracy" in out
    assert "test accuracy" in printed("evaluate", "--model", tmp_path / "run")


def test_weights_of_others_are_begun_from_too_and_at_another_size(printed, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    for k, name in enumerate(("red", "green")):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(5):
            colour = tuple(60 + 10 * i if c == k else 0 for c in range(3))
            Image.new("RGB", (30, 20), colour).save(tmp_path / "mine" / name / f"{i}.png")
    more = ["--epochs", "2", "--image-size", "16", "--out", tmp_path / "run"]
    out = printed("train", "--data", tmp_path / "mine", "--init", WEIGHTS / "timm", *more)
    assert out.startswith("layout timm") and "resized to 16 x 16" in out and "it begins from" in out
    model, about = load_model(tmp_path / "run")
    assert (model.config.image_size, about["mean"], about["classes"]) == ((16, 16), [0.485, 0.456, 0.406], ["green", "red"])
    assert "test accuracy" in printed("evaluate", "--model", tmp_path / "run")
    assert "red" in printed("predict", tmp_path / "mine" / "red" / "4.png", "--model", tmp_path / "run")


def test_grey_images_are_learned_by_a_model_that_reads_colours(printed, folder, tmp_path):
    save_model(tmp_path / "colour.npz", tiny_vit(channels=3), {"mean": [0.4, 0.5, 0.6], "std": [0.2] * 3})
    printed("train", "--data", "digits", "--init", tmp_path / "colour.npz", "--epochs", "3", "--out", tmp_path / "run")
    printed("train", "--resume", tmp_path / "run")
    assert "test accuracy" in printed("evaluate", "--model", tmp_path / "run")
    assert "8 x 8" in printed("predict", folder / "picture.png", "--model", tmp_path / "run")


MISTAKES = {
    "no data": (["train", "--init", "runs/tiny"], "name what runs/tiny is to learn"),
    "beside resume": (["train", "--init", "runs/tiny", "--resume", "runs/tiny"], "--resume goes on as the run began"),
    "unfreeze beside resume": (["train", "--unfreeze", "1", "--resume", "runs/tiny"], "--resume goes on as the run began"),
    "nothing to begin from": (
        ["train", "--config", "tiny.toml", "--unfreeze", "1"],
        "unfreeze is 1, and nothing here was trained before",
    ),
    "no such model": (["train", "--data", "digits", "--init", "nosuch"], "there is no model at nosuch"),
    "too many blocks": ([*TUNE, "--unfreeze", "2"], "unfreeze is 2, and the model has 1 blocks"),
    "a word": ([*TUNE, "--unfreeze", "some"], "unfreeze is 'some'"),
    "a model of its own": ([*TUNE, "--config", "tiny.toml"], r"leave out \[model\], which tiny.toml has"),
    "another size": ([*TUNE, "--image-size", "28"], "reads images of 8 x 8"),
    "colours for a grey model": (
        ["train", "--data", "coloured.npz", "--init", "runs/tiny"],
        "coloured.npz has coloured images, and runs/tiny reads grey ones",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_a_sentence(mistake, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    images, labels = np.zeros((2, 8, 8, 3), np.uint8), np.arange(2)
    np.savez("coloured.npz", train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    arguments, sentence = MISTAKES[mistake]
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert re.search(sentence, err) and err.count("\n") == 1
