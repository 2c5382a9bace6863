"""One place decides what a name of a model means: a run, a file of minivit's, weights of others, or a name on the hub."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import minivit
from minivit.data.fetch import hub
from minivit.training.checkpoint import save_model
from minivit.training.pretrained import knows_its_classes, load_pretrained, open_model

from ..support.tiny import same_state, tiny_vit

FIXTURES = Path(__file__).parents[1] / "models" / "fixtures"  # tiny models in other libraries' files


def test_a_run_and_a_file_of_ours_are_opened_as_ever(tmp_path):
    model = tiny_vit()
    save_model(tmp_path / "model.npz", model, {"data": "digits"})
    (tmp_path / "config.json").write_text("{}")  # as a run has it
    for name in (tmp_path, tmp_path / "model.npz", tmp_path / "model", str(tmp_path)):
        opened, about = open_model(name)
        assert same_state(opened.state_dict(), model.state_dict()) and about == {"data": "digits"}


@pytest.mark.parametrize("name", ["timm", "hf-vit", "vit-jax", "vit-jax/model.npz", "timm/model.safetensors"])
def test_what_others_saved_is_recognised(name):
    if name == "timm/model.safetensors":
        assert (FIXTURES / name).is_file()
    model, about = open_model(FIXTURES / name)
    assert len(about["recognised"]) == 3 and about["recognised"][2].startswith("pictures: ")
    assert len(about["classes"]) == model.config.classes == 5 and len(about["mean"]) == len(about["std"]) == 3
    assert about["reading"]["resample"] in ("bicubic", "bilinear") and knows_its_classes(model)


def test_classes_are_named_by_the_file_or_by_their_numbers():
    assert load_pretrained(FIXTURES / "timm")[1]["classes"][0] == "owl"
    assert load_pretrained(FIXTURES / "vit-jax")[1]["classes"] == [f"class {i}" for i in range(5)]


def test_a_thousand_classes_without_names_are_imagenets():
    model, about = load_pretrained(FIXTURES / "vit-jax", classes=1000)
    assert about["classes"][:2] == ["tench", "goldfish"] and not knows_its_classes(model)


def test_the_package_loads_it_so_and_saves_it_with_all_that_was_said(tmp_path):
    model, about = minivit.load_pretrained(FIXTURES / "timm")
    minivit.save(tmp_path / "mine.npz", model, about)
    again, told = open_model(tmp_path / "mine.npz")
    assert same_state(again.state_dict(), model.state_dict()) and told == about


def test_an_npz_of_ours_that_is_damaged_is_told_as_ours(tmp_path):
    (tmp_path / "model.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match="no model that minivit saved"):
        open_model(tmp_path / "model.npz")


def test_a_run_that_has_no_model_yet_is_no_weights_of_others(tmp_path):
    np.savez(tmp_path / "checkpoint.npz", a=np.zeros(2))
    with pytest.raises(ValueError, match="there is no model at"):
        open_model(tmp_path)


def test_a_preparation_that_cannot_be_followed_is_told_with_the_file(tmp_path):
    shutil.copytree(FIXTURES / "hf-vit", tmp_path / "vit")
    (tmp_path / "vit" / "preprocessor_config.json").write_text('{"do_rescale": false}')
    with pytest.raises(ValueError, match=r"model\.safetensors: preprocessor_config\.json"):
        load_pretrained(tmp_path / "vit")


def test_a_name_on_the_hub_is_fetched_and_nothing_else_is(tmp_path, monkeypatch):
    asked = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "fetched", lambda name: asked.append(name) or FIXTURES / "timm" / "model.safetensors")
    assert open_model("timm/tiny")[1]["layout"] == "timm" and asked == ["timm/tiny"]
    for path in ("runs/digits", "work/my_vit.npz", "nothing.npz", tmp_path / "a" / "b"):
        with pytest.raises(ValueError, match="there is no model"):
            open_model(path)
    assert asked == ["timm/tiny"]
