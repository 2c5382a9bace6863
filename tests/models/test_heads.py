"""What pretrained models differ in: what the head reads, where LayerNorms stand, and their eps. Each in plain NumPy."""

import numpy as np
import pytest

from minivit import ViT
from minivit.nn import LayerNorm, quick_gelu

from ..support.parts import PARTS, config_with, model_with, some_images
from ..support.plain import layernorm


def stages_of(model):
    return {name: x.data for name, x in model.stages(some_images())}


# Pooling. Tokens: class token, 4 registers, 2 x 3 patches


def test_the_mean_of_the_patches_beside_a_class_token():
    model = model_with("patches", "registers")
    stages = stages_of(model)
    assert stages["norm"].shape == (3, 1 + 4 + 6, 8) and model.cls_token.shape == (1, 1, 8)
    np.testing.assert_allclose(stages["pool"], stages["norm"][:, 5:].mean(axis=1), rtol=1e-12)


def test_the_class_token_in_front_of_the_mean_of_the_patches():
    stages = stages_of(model_with("cls_and_patches", "registers"))
    tokens = stages["norm"]
    np.testing.assert_allclose(stages["pool"], np.concatenate([tokens[:, 0], tokens[:, 5:].mean(axis=1)], axis=1), rtol=1e-12)


@pytest.mark.parametrize("parts, shapes", [((), [("head", 16, 5)]), (("MLP head",), [("pre_logits", 16, 7), ("head", 7, 5)])])
def test_what_reads_both_is_twice_as_wide(parts, shapes):
    state = model_with("cls_and_patches", *parts).state_dict()
    assert [(name, *state[f"{name}.weight"].shape) for name, *_ in shapes] == shapes


# A distillation token


def test_the_distillation_token_stands_behind_the_class_token_with_a_position():
    model = model_with("dist_token", "registers")
    stages, positions = stages_of(model), model.pos_embed.data
    assert positions.shape == (1, 2 + 6, 8) and stages["registers"].shape == (3, 2 + 4 + 6, 8)
    for place, token in enumerate((model.cls_token, model.dist_token)):
        expected = np.broadcast_to(token.data[0, 0] + positions[0, place], (3, 8))
        np.testing.assert_allclose(stages["registers"][:, place], expected, rtol=1e-12)
    np.testing.assert_allclose(stages["embed_tokens"][:, 2:], stages["patch_embed"] + positions[:, 2:], rtol=1e-12)


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_logits_are_the_mean_of_two_heads_each_with_its_token(training):
    model = model_with("dist_token").train(training)
    stages, state = stages_of(model), model.state_dict()
    heads = [(place, state[f"{head}.weight"], state[f"{head}.bias"]) for place, head in enumerate(("head", "head_dist"))]
    by_head = [stages["norm"][:, place] @ weight + bias for place, weight, bias in heads]
    np.testing.assert_allclose(stages["head"], (by_head[0] + by_head[1]) / 2, rtol=1e-12)


def test_both_heads_start_at_zero_and_the_two_tokens_differ():
    """Were both zero, two tokens without positions would stay the same for ever."""
    state = ViT(config_with("dist_token"), 0).state_dict()
    assert not state["head.weight"].any() and not state["head_dist.weight"].any()
    assert not state["cls_token"].any() and state["dist_token"].all()


# Where LayerNorms stand


def normalised(x, state, name):
    return layernorm(x, state[f"{name}.weight"], state[f"{name}.bias"])


@pytest.mark.parametrize("pool", ["cls", "mean", "patches", "sequence"])
def test_fc_norm_normalises_what_is_pooled_and_not_the_tokens(pool):
    model = model_with("fc_norm", pool=pool)
    stages, state = stages_of(model), model.state_dict()
    assert "norm" not in stages and not [name for name in state if name.startswith("norm.")]
    np.testing.assert_allclose(stages["fc_norm"], normalised(stages["pool"], state, "fc_norm"), rtol=1e-9)
    np.testing.assert_allclose(stages["head"], stages["fc_norm"] @ state["head.weight"] + state["head.bias"], rtol=1e-9)
    np.testing.assert_array_equal(model.forward_features(some_images()).data, stages["blocks.2"])


def test_behind_the_choice_of_the_class_token_it_is_the_plain_model():
    model, plain = model_with("fc_norm"), model_with()
    plain.load_state_dict({name.replace("fc_norm", "norm"): value for name, value in model.state_dict().items()})
    np.testing.assert_allclose(model(some_images()).data, plain(some_images()).data, rtol=1e-9)


def test_norm_pre_normalises_all_tokens_before_the_first_block():
    model = model_with("norm_pre", "registers")
    stages, state = stages_of(model), model.state_dict()
    np.testing.assert_allclose(stages["norm_pre"], normalised(stages["registers"], state, "norm_pre"), rtol=1e-9)
    np.testing.assert_array_equal(stages["blocks.0"], model.blocks[0](stages["norm_pre"]).data)


# Numbers


@pytest.mark.parametrize("part", sorted(PARTS))
def test_eps_is_that_of_every_layernorm(part):
    model = model_with(part, **{"eps": 0.25} | PARTS[part])
    norms = [module for _, module in model.modules() if isinstance(module, LayerNorm)]
    assert {module.eps for module in norms} == {model.config.eps} and len(norms) >= 7


def test_layernorm_adds_its_eps_to_the_variance(rng):
    x, norm = rng.standard_normal((2, 3, 5)), LayerNorm(5, np.float64, eps=0.5)
    expected = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 0.5)
    np.testing.assert_allclose(norm(x).data, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype, most", [(np.float64, 1e-15), (np.float32, 5e-7)])
def test_quick_gelu_is_its_formula(dtype, most):
    x = np.linspace(-30, 30, 1001)
    y = quick_gelu(x.astype(dtype)).data
    assert y.dtype == dtype
    np.testing.assert_allclose(y, x / (1 + np.exp(-1.702 * x)), rtol=most, atol=2 * most)


def test_the_mlp_bends_by_it():
    model, x = model_with("quick_gelu"), np.random.default_rng(0).standard_normal((2, 7, 8))
    state, mlp = model.blocks[1].mlp.state_dict(), model.blocks[1].mlp
    hidden = x @ state["fc1.weight"] + state["fc1.bias"]
    expected = hidden / (1 + np.exp(-1.702 * hidden)) @ state["fc2.weight"] + state["fc2.bias"]
    np.testing.assert_allclose(mlp(x).data, expected, rtol=1e-9)
