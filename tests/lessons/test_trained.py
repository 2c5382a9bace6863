"""The ViT that demos and lessons look into is not trained on the spot: the learner's own, else the one that is kept."""

import numpy as np
import pytest

from lessons.classroom import trained
from minivit.training import accuracy, load_config, model_config, predict, save_model


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    return tmp_path


def test_the_course_s_vit_is_the_preset_digits_and_reads_them():
    model, mean, std, whose, data = trained.trained_vit()
    assert whose == "the course's ViT" and not model.training
    assert model.config == model_config(load_config("digits")["model"], data)
    logits = predict(model, ((data.test_images - mean) / std).astype(np.float32))
    assert accuracy(logits, data.test_labels) > 0.95


def test_the_course_s_vit_is_a_small_file():
    assert trained.KEPT.stat().st_size < 250_000


def test_the_learner_s_own_comes_first(work):
    model, *_ = trained.trained_vit()
    model.head.bias.data[:] = 7
    save_model(work / "my_vit.npz", model, {"losses": [2.3], "test_accuracy": 0.9, "mean": [0.3], "std": [0.4]})
    model, mean, std, whose, _ = trained.trained_vit()
    assert whose == "your ViT" and (mean, std) == (0.3, 0.4) and (model.head.bias.data == 7).all()


def test_another_model_is_trained_on_the_spot():
    model, _, _, whose, _ = trained.trained_vit(1, {"pos_embed": "none"})
    assert whose == "a ViT, trained just now" and model.config.pos_embed == "none"
