"""Fine-tuning: the new head, what is trained and what is not, features that are computed once, and the same numbers again."""

import math
from dataclasses import replace

import numpy as np
import pytest

from minivit import ViT, gradients, models, ops
from minivit.data import Dataset
from minivit.engine import _topological_order
from minivit.models import DETR, DETRConfig
from minivit.training import finetune
from minivit.training.checkpoint import save_model
from minivit.training.finetune import Halves
from minivit.training.loop import Training

from ..support.pretrained_fixtures import FOLDER
from ..support.tiny import few_digits, same_state, tiny_config, tiny_recipe, tiny_vit

ABOUT = {"mean": [0.25], "std": [0.5]}
WAYS = [dict(unfreeze=0), dict(unfreeze=1), dict(unfreeze=1, shift=1), dict(unfreeze="all", layer_decay=0.5)]


@pytest.fixture(scope="module")
def digits():
    return few_digits()


def taught(rng, dtype=np.float32, **changes):
    """A tiny ViT of two blocks, no weight of which is 0."""
    model = tiny_vit(dtype=dtype, **{"depth": 2} | changes)
    for p in model.parameters():
        p.data = p.data + 0.1 * rng.standard_normal(p.shape).astype(dtype)
    return model


def trained_names(model):
    return [name for name, p in model.named_parameters() if p.requires_grad]


def run(model, dataset, recipe, threads=1):
    training = Training(model, dataset, recipe)
    return training, [p for p in training.run(threads) if p.complete]


# what it begins from


def test_the_new_head_is_zero_and_all_other_weights_are_those_it_begins_from(digits, rng):
    model = taught(rng, classes=7, representation_size=5)
    begun = finetune.start("runs/x", model, ABOUT, digits)
    own, before = begun.model.state_dict(), model.state_dict()
    assert own["head.weight"].shape == (5, 10) and not own["head.weight"].any() and not own["head.bias"].any()
    assert all(np.array_equal(own[name], before[name]) for name in own if not name.startswith("head"))
    assert (begun.mean, begun.std, begun.init["name"]) == ((0.25,), (0.5,), "runs/x")


def test_the_first_loss_is_ln_k(digits, rng):
    begun = finetune.start("x", taught(rng, classes=3), ABOUT, digits)
    _, progress = run(begun.model, digits, tiny_recipe(epochs=1, batch_size=40, unfreeze=0))
    assert progress[0].loss == pytest.approx(math.log(10), abs=1e-6)


def test_the_hash_is_of_names_and_numbers_whatever_their_order(rng):
    state = taught(rng).state_dict()
    assert finetune.sha256_of(dict(reversed(state.items()))) == finetune.sha256_of(state)
    changed = state | {"norm.bias": np.nextafter(state["norm.bias"], np.float32(9))}
    renamed = {name.replace("norm.bias", "norm.b"): array for name, array in state.items()}
    assert len({finetune.sha256_of(s) for s in (state, changed, renamed)}) == 3


@pytest.mark.parametrize(
    "model, sentence",
    [
        (dict(channels=3), "has grey images, and x reads coloured ones: begin from another model"),
        (dict(image_size=12), "has images of 8 x 8, and x reads 12 x 12: bring them to that size"),
    ],
    ids=["channels", "size"],
)
def test_images_that_it_cannot_read_are_refused(model, sentence, digits):
    with pytest.raises(ValueError, match=sentence):
        finetune.start("x", tiny_vit(**model), ABOUT, digits)


@pytest.mark.parametrize("about", [{}, {"mean": [0.1]}, ABOUT | {"std": "grey"}, ABOUT | {"mean": [0.1, 0.2]}], ids=str)
def test_a_file_that_does_not_say_how_its_images_were_normalised_is_refused(about, tmp_path):
    path = save_model(tmp_path / "model.npz", tiny_vit(), about)
    with pytest.raises(ValueError, match=r"model\.npz does not say by which (mean|std)"):
        finetune.opened(path)


def test_a_detr_is_nothing_to_begin_from(tmp_path):
    sizes = dict(patch_size=4, dim=8, depth=1, decoder_depth=1, heads=2, mlp_dim=8, num_queries=3)
    path = save_model(tmp_path / "detr.npz", DETR(DETRConfig(image_size=16, channels=1, classes=3, **sizes), 0), ABOUT)
    with pytest.raises(ValueError, match=r"detr\.npz is a DETR: fine-tuning begins from a ViT"):
        finetune.opened(path)


@pytest.mark.parametrize("unfreeze, epochs", [(None, 100), (0, 100), (2, 40), ("all", 40)])
def test_the_recipe_suits_what_is_trained_unless_it_is_given(unfreeze, epochs):
    given = {} if unfreeze is None else {"unfreeze": unfreeze}
    assert finetune.recipe_of(given)["epochs"] == epochs and finetune.recipe_of(given | {"epochs": 3})["epochs"] == 3


# what is trained


def test_the_head_alone_or_the_last_blocks_and_all_behind_them_are_trained(rng):
    parts = dict(registers=2, pool="sequence", representation_size=5, relative_pos="rope_mixed", stem="overlap")
    model = taught(rng, **parts)
    names = [name for name, _ in model.named_parameters()]
    Halves(model, 0)
    assert trained_names(model) == ["head.weight", "head.bias"]
    Halves(model, 1)
    assert trained_names(model) == names[names.index("blocks.1.norm1.weight") :]
    Halves(model, 2)
    assert trained_names(model) == names[names.index("blocks.0.norm1.weight") :]


@pytest.mark.parametrize("unfreeze", [0, 1, 2])
def test_nothing_of_what_is_frozen_is_recorded(unfreeze, rng):
    model, images = taught(rng), rng.standard_normal((3, 8, 8, 1)).astype(np.float32)
    halves = Halves(model, unfreeze)
    features = halves.features(images, threads=1)
    whole, above = (ops.cross_entropy(logits, np.array([4, 0, 2])) for logits in (model(images), halves.above()(features)))
    names = [[node.op.name for node in _topological_order(loss._node)] for loss in (whole, above)]
    assert sorted(names[0]) == sorted(names[1]) and "patchify" not in names[0]
    assert names[0].count("self_attention") == unfreeze


@pytest.mark.parametrize("unfreeze", [0, 1, 2])
@pytest.mark.parametrize("parts", [{}, dict(class_blocks=1, registers=2), dict(pool="mean", representation_size=5)], ids=str)
def test_features_and_the_trained_part_give_the_logits_and_the_gradients_of_the_whole(unfreeze, parts, rng):
    model, images, labels = taught(rng, np.float64, **parts), rng.standard_normal((3, 8, 8, 1)), np.array([4, 0, 2])
    halves = Halves(model, unfreeze)
    logits = model(images), halves.above()(halves.features(images, threads=1))
    np.testing.assert_allclose(logits[0].data, logits[1].data, rtol=1e-12)
    whole, above = (gradients(ops.cross_entropy(x, labels), model.trained_parameters()) for x in logits)
    for a, b in zip(whole, above, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("unfreeze", [0, 1])
@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir() if path.is_dir()))
def test_weights_of_every_layout_are_cut_in_two_alike(name, unfreeze, rng):
    model, _ = models.pretrained.load_pretrained(FOLDER / name, dtype=np.float64, heads=2)
    finetune.start(name, model, {"mean": [0.5] * 3, "std": [0.5] * 3}, coloured(rng))
    for head in (getattr(model, name, None) for name in ("head", "head_dist")):
        if head is not None:
            assert head.weight.shape[1] == 4 and not head.weight.data.any()
            head.weight.data = rng.standard_normal(head.weight.shape)
    halves, images = Halves(model, unfreeze), rng.standard_normal((3, 12, 12, 3))
    features = halves.features(images, threads=1)
    np.testing.assert_allclose(halves.above()(features).data, model(images).data, rtol=1e-12)
    assert len(features) == 3 and ("head_dist.weight" in trained_names(model)) == model.config.dist_token


def coloured(rng):
    images, labels = rng.random((4, 12, 12, 3), np.float32), np.arange(4)
    return Dataset("coloured", tuple("abcd"), images, labels, images, labels, (0.5,) * 3, (0.2,) * 3)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_only_what_is_trained_changes(way, digits, rng):
    model = taught(rng)
    before = model.state_dict()
    run(model, digits, tiny_recipe(**way))
    changed = [name for name, array in model.state_dict().items() if not np.array_equal(array, before[name])]
    assert changed == trained_names(model)


@pytest.mark.parametrize("unfreeze", [0, 1])
def test_what_is_frozen_drops_nothing(unfreeze, rng):
    model = taught(rng, dropout=0.5, drop_path=0.5)
    Halves(model, unfreeze).train()
    assert not model.training and not model.dropout.training and not model.blocks[0].mlp.dropout.training
    assert model.blocks[1].drop_path.training is bool(unfreeze) and model.head.training


def test_more_blocks_than_there_are_are_refused_with_their_number(digits):
    with pytest.raises(ValueError, match='unfreeze is 3, and the model has 2 blocks: take at most so many, or "all"'):
        Training(tiny_vit(depth=2), digits, tiny_recipe(unfreeze=3))


@pytest.mark.parametrize("value", ["some", "-1", "", -1, 1.5, True, None])
def test_what_is_no_part_of_a_model_is_refused(value):
    with pytest.raises(ValueError, match="unfreeze is "):
        tiny_recipe(unfreeze=value)


# features


def test_features_are_computed_once(digits, rng, monkeypatch):
    stages, seen = ViT.stages, []
    monkeypatch.setattr(ViT, "stages", lambda self, x, *rest: seen.append(len(x)) or stages(self, x, *rest))
    training = Training(taught(rng), digits, tiny_recipe(epochs=3, unfreeze=1, validation=0.25))
    assert next(p for p in training.run(1) if p.complete).epoch == 1
    assert [p.epoch for p in training.run(1) if p.complete] == [2, 3]
    assert sum(seen) == 40 and training.images.shape == (30, 5, 8)


@pytest.mark.parametrize("changes", [dict(shift=1), dict(flip=True), dict(mixup=0.2), dict(contrast=0.1)], ids=str)
def test_where_every_epoch_sees_other_images_nothing_is_kept(changes, digits):
    training, _ = run(tiny_vit(), digits, tiny_recipe(unfreeze=0, **changes))
    assert not training.reads_features and training.images.shape == (40, 8, 8, 1)


@pytest.mark.parametrize("unfreeze", [0, 1])
def test_training_on_features_is_training_on_images(unfreeze, digits, rng, monkeypatch):
    start, states = taught(rng, np.float64).state_dict(), []
    for same in (True, False):
        monkeypatch.setattr("minivit.training.loop.stay_the_same", lambda recipe, same=same: same)
        model = tiny_vit(dtype=np.float64, depth=2)
        model.load_state_dict(start)
        training, _ = run(
            model, replace(digits, train_images=digits.train_images.astype(np.float64)), tiny_recipe(unfreeze=unfreeze)
        )
        assert training.reads_features is same
        states.append(model.state_dict())
    assert max(np.abs(states[0][name] - states[1][name]).max() for name in start) < 1e-6  # images are normalised in float32


def test_the_score_on_images_set_aside_is_that_of_the_whole_model(digits, rng):
    training, progress = run(taught(rng), digits, tiny_recipe(unfreeze=1, validation=0.25))
    whole = Training(training.model, digits, tiny_recipe(validation=0.25))
    assert whole.task.score(whole.model, *whole.held, 1) == progress[-1].validation


# the same numbers again


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_interrupted_it_ends_in_the_same_weights_bit_for_bit(way, threads, digits, rng):
    start = taught(rng, dropout=0.1)
    recipe = tiny_recipe(epochs=4, ema=0.9, validation=0.25, patience=3, **way)

    def begun():
        model = ViT(start.config, 0)
        model.load_state_dict(start.state_dict())
        return Training(model, digits, recipe)

    whole, first, second = begun(), begun(), Training(ViT(tiny_config(depth=2, dropout=0.1), 9), digits, recipe)
    for _ in whole.run(1):
        pass
    for progress in first.run(1):
        if progress.complete and progress.epoch == 2:
            break
    second.load_state_dict(first.state_dict())
    for _ in second.run(threads):
        pass
    assert same_state(second.state_dict(), whole.state_dict()) and same_state(second.result(), whole.result())
