"""A second kind of model goes through the loop, the run's folder, the checkpoint and the commands, which none of them knows."""

import json

import numpy as np
import pytest
from PIL import Image

from minivit.models.kinds import KINDS
from minivit.program.cli import main
from minivit.training.checkpoint import load_model, save_model

from ..support.mlp import MLP, TOML, MLPClassifier, MLPConfig
from ..support.tiny import kill_in_epoch, same_state, tiny_vit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """mlp.toml, a picture, runs/mlp, and runs/killed, the same run killed in its third epoch; to be read only."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "mlp.toml").write_text(TOML)
    Image.linear_gradient("L").resize((8, 8)).save(folder / "picture.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setitem(KINDS, "mlp", MLP)
        assert main(["train", "--config", "mlp.toml"]) == 0
    kill_in_epoch(3, "train", "--config", "mlp.toml", "--out", "runs/killed", cwd=folder)
    return folder


@pytest.fixture(autouse=True)
def known(folder, monkeypatch):
    monkeypatch.setitem(KINDS, "mlp", MLP)
    monkeypatch.chdir(folder)


def test_its_run_has_every_file_but_the_attention_it_has_not(folder):
    names = {path.name for path in (folder / "runs/mlp").iterdir()}
    assert {"model.npz", "results.json", "report.html", "predictions.png", "checkpoint.npz"} <= names
    assert "attention.png" not in names
    assert json.loads((folder / "runs/mlp/config.json").read_text())["kind"] == "mlp"


def test_killed_and_resumed_it_ends_in_the_same_weights(folder):
    assert main(["train", "--resume", "runs/killed"]) == 0
    first, second = (load_model(f"runs/{name}")[0].state_dict() for name in ("mlp", "killed"))
    assert same_state(first, second)


def test_it_comes_back_as_what_it_was(folder):
    model, about = load_model("runs/mlp")
    assert isinstance(model, MLPClassifier) and model.config == MLPConfig((8, 8), 1, 10, hidden=12)
    assert about["data"] == "digits" and "kind" not in about


def test_it_is_evaluated_and_predicts(capsys):
    assert main(["evaluate", "--model", "runs/mlp"]) == 0
    assert "910 parameters" in capsys.readouterr().out
    assert main(["predict", "picture.png", "--model", "runs/mlp"]) == 0
    assert "picture.png: " in capsys.readouterr().out


def test_it_is_compared_with_others(capsys):
    assert main(["compare", "runs/mlp", "runs/killed", "--out", "both.png"]) == 0
    assert "910" in capsys.readouterr().out


def test_its_page_says_what_it_is_and_how_to_train_it_again(folder):
    page = (folder / "runs/mlp/report.html").read_text(encoding="utf-8")
    assert "mlp: an MLP on digits" in page and "kind = &quot;mlp&quot;" in page


def test_what_it_has_not_is_told_in_a_sentence(capsys):
    assert main(["explain", "picture.png", "--model", "runs/mlp"]) == 2
    assert "runs/mlp is a MLPClassifier, which has no attention to look into: explain reads a ViT" in capsys.readouterr().err


def test_info_tells_a_saved_model_of_any_kind(capsys):
    assert main(["info", "runs/mlp"]) == 0
    out = capsys.readouterr().out
    assert "MLPClassifier: 64 pixels, 12 hidden numbers" in out and "910 parameters" in out


@pytest.mark.parametrize("command", [["evaluate", "--model", "runs/mlp"], ["train", "--resume", "runs/killed"]], ids=str)
def test_a_kind_that_is_not_known_is_named_with_those_that_are(command, monkeypatch, capsys):
    monkeypatch.delitem(KINDS, "mlp")
    assert main(command) == 2
    assert "there is no kind of model 'mlp'; there is vit" in capsys.readouterr().err


def test_in_a_preset_too(monkeypatch, capsys):
    monkeypatch.delitem(KINDS, "mlp")
    assert main(["train", "--config", "mlp.toml"]) == 2
    assert "mlp.toml: there is no kind of model 'mlp'" in capsys.readouterr().err


def test_a_model_of_no_kind_cannot_be_saved(tmp_path, monkeypatch):
    monkeypatch.delitem(KINDS, "mlp")
    model = MLPClassifier(MLPConfig((8, 8), 1, 10, 12), np.random.default_rng(0))
    with pytest.raises(ValueError, match="MLPConfig is of no kind that can be saved"):
        save_model(tmp_path / "model.npz", model)
    assert not list(tmp_path.iterdir())


def test_a_file_that_names_no_kind_is_a_vit_s(tmp_path):
    """As every file that was saved before there was a second kind."""
    save_model(tmp_path / "model.npz", tiny_vit())
    with np.load(tmp_path / "model.npz") as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(str(arrays["about.json"]))
    del about["kind"]
    np.savez(tmp_path / "model.npz", **arrays | {"about.json": np.array(json.dumps(about))})
    assert same_state(load_model(tmp_path / "model.npz")[0].state_dict(), tiny_vit().state_dict())
