"""Better encoder blocks, registers and pooling: each does what its name says, and nothing else."""

import math

import numpy as np
import pytest

from minivit import ViT, gradients
from minivit.models.encoder import SwiGLU, swiglu_width

from ..support.parts import config_with, model_with, some_images
from ..support.plain import attention_layer, layernorm, softmax


def stages_of(model, images=None):
    return {name: x.data for name, x in model.stages(some_images() if images is None else images)}


# In a block


def test_layer_scale_multiplies_what_each_part_adds():
    model = model_with("layer_scale")
    block, x = model.blocks[0], np.random.default_rng(0).standard_normal((2, 7, 8))
    middle = x + block.ls1.gamma.data * block.attn(block.norm1(x)).data
    expected = middle + block.ls2.gamma.data * block.mlp(block.norm2(middle)).data
    np.testing.assert_allclose(block(x).data, expected, rtol=1e-12)


def test_layer_scale_starts_at_the_number_that_is_given():
    state = ViT(config_with(layer_scale=0.03), 0).state_dict()
    gammas = [name for name in state if "gamma" in name]
    assert gammas == [f"blocks.{i}.{ls}.gamma" for i in range(3) for ls in ("ls1", "ls2")]
    assert all((state[name] == np.float32(0.03)).all() and state[name].shape == (8,) for name in gammas)


def plain_swiglu(x, state):
    hidden = x @ state["fc1.weight"] + state["fc1.bias"]
    gate, value = np.split(hidden, 2, axis=-1)
    return gate / (1 + np.exp(-gate)) * value @ state["fc2.weight"] + state["fc2.bias"]


def test_swiglu_is_its_formula():
    mlp, x = model_with("swiglu").blocks[1].mlp, np.random.default_rng(0).standard_normal((2, 7, 8))
    assert isinstance(mlp, SwiGLU) and mlp.fc1.weight.shape == (8, 2 * 8)
    np.testing.assert_allclose(mlp(x).data, plain_swiglu(x, mlp.state_dict()), rtol=1e-10)


@pytest.mark.parametrize("mlp_dim, hidden", [(6144, 4096), (3072, 2048), (768, 512), (128, 88), (12, 8), (1, 8)])
def test_swiglu_is_two_thirds_as_wide_in_eights(mlp_dim, hidden):
    assert swiglu_width(mlp_dim) == hidden


def test_every_multiple_of_8_is_the_width_of_some_swiglu():
    """So that every pretrained model's is: DINOv2's giant has 4096."""
    assert all(swiglu_width(3 * hidden // 2) == hidden for hidden in range(8, 8193, 8))


def normalised_attention(x, state, heads):
    """Attention in which q and k of each head are normalised, in plain NumPy: (output, weights)."""
    q, k, v = np.split(x @ state["qkv.weight"] + state["qkv.bias"], 3, axis=-1)
    q, k, v = (part.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2) for part in (q, k, v))  # 3 of (B, h, T, d)
    q, k = (layernorm(part, state[f"{name}.weight"], state[f"{name}.bias"]) for part, name in ((q, "q_norm"), (k, "k_norm")))
    p = softmax(q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1]))
    merged = (p @ v).swapaxes(1, 2).reshape(x.shape)
    return merged @ state["proj.weight"] + state["proj.bias"], p


def test_qk_norm_normalises_each_head_of_q_and_k():
    attn, x, seen = model_with("qk_norm").blocks[0].attn, np.random.default_rng(0).standard_normal((2, 7, 8)), []
    expected, weights = normalised_attention(x, attn.state_dict(), 2)
    np.testing.assert_allclose(attn(x, None, seen).data, expected, rtol=1e-9)
    np.testing.assert_allclose(seen[0], weights, rtol=1e-9)
    assert attn.state_dict()["q_norm.weight"].shape == (4,)


def test_with_lsa_no_token_looks_at_itself_and_each_head_has_its_temperature():
    attn, x, seen = model_with("lsa").blocks[0].attn, np.random.default_rng(0).standard_normal((2, 7, 8)), []
    state, tau = attn.state_dict(), np.array([0.7, 3.0])
    attn.temperature.data[...] = tau.reshape(2, 1, 1)
    attn(x, None, seen)
    q, k, _ = np.split(x @ state["qkv.weight"] + state["qkv.bias"], 3, axis=-1)
    for head in range(2):
        mine = slice(4 * head, 4 * head + 4)
        scores = q[..., mine] @ k[..., mine].swapaxes(-1, -2) / tau[head]
        scores[:, range(7), range(7)] = -np.inf
        np.testing.assert_allclose(seen[0][:, head], softmax(scores), rtol=1e-9)


def test_the_temperature_starts_at_the_root_of_a_heads_width():
    """Then it is plain attention but for the diagonal."""
    temperature = ViT(config_with("lsa"), 0).blocks[0].attn.temperature
    np.testing.assert_array_equal(temperature.data, np.full((2, 1, 1), 2, np.float32))
    assert temperature.requires_grad


@pytest.mark.parametrize("parts", [("lsa", "relative"), ("lsa", "irpe"), ("lsa", "rope"), ("lsa", "qk_norm")], ids=" and ".join)
def test_lsa_beside_others_still_looks_at_others_only_and_all_take_part(parts):
    model = model_with(*parts)
    logits, attention = model(some_images(), return_attention=True)
    gradients(logits.sum(), model.parameters())  # a parameter that takes no part is an error
    for weights in attention:
        assert not weights[:, :, range(7), range(7)].any()
        np.testing.assert_allclose(weights.sum(axis=-1), 1)


@pytest.mark.parametrize("parts", [("relative",), ("irpe",), ("lsa",), ("rope",), ("class_blocks",)], ids=" and ".join)
def test_the_weights_that_are_shown_are_those_that_are_used(parts):
    """With v of each token one number for all, and that of the first token 1: attention's output is the weight of it."""
    block = model_with(*parts).blocks[-1]
    attn, seen, x = block.attn, [], np.random.default_rng(0).standard_normal((1, 7, 8))
    attn.proj.weight.data, attn.proj.bias.data = np.eye(8), np.zeros(8)
    if parts == ("class_blocks",):
        attn.v.weight.data[...] = attn.v.bias.data[...] = 0
        attn.v.weight.data[0] = 1
    else:
        attn.qkv.weight.data[:, 16:] = attn.qkv.bias.data[16:] = 0
        attn.qkv.weight.data[0, 16:] = 1
    x[0, :, 0] = np.eye(7)[0]
    y = attn(x, None, seen).data  # (1, T, D)
    np.testing.assert_allclose(y[0, :, [0, 4]], seen[0][0, :, :, 0], rtol=1e-9)


# Class attention


def test_the_class_token_comes_for_the_last_blocks_and_the_patches_then_stay():
    model = model_with("class_blocks", depth=4)
    stages = stages_of(model)
    assert [stages[name].shape[1] for name in ("embed_tokens", "blocks.0", "blocks.1", "blocks.2", "blocks.3")] == [6, 6, 6, 7, 7]
    np.testing.assert_array_equal(stages["blocks.2"][:, 1:], stages["blocks.1"])
    np.testing.assert_array_equal(stages["blocks.3"][:, 1:], stages["blocks.1"])
    assert (stages["blocks.3"][:, 0] != stages["blocks.2"][:, 0]).all()
    assert model.pos_embed.shape == (1, 6, 8) and model.config.tokens == 7
    assert [name for name in model.state_dict() if "cls_token" in name] == ["blocks.2.cls_token"]


def test_a_class_token_without_a_position_starts_small_and_not_at_zero():
    """LayerNorm divides by its length: at zero its gradient is a thousand times as large, and clipping shrinks all others."""
    token = ViT(config_with("class_blocks", dim=64), 0).blocks[1].cls_token.data
    assert 0.01 < token.std() < 0.03


def test_class_attention_is_the_first_row_of_attention_to_all():
    block = model_with("class_blocks").blocks[-1]
    state, x, seen = block.attn.state_dict(), np.random.default_rng(0).standard_normal((2, 7, 8)), []
    for part in ("weight", "bias"):
        state[f"qkv.{part}"] = np.concatenate([state[f"{name}.{part}"] for name in "qkv"], axis=-1)
    expected, weights = attention_layer(x, state, "", 2)
    np.testing.assert_allclose(block.attn(x, None, seen).data, expected[:, :1], rtol=1e-9)
    np.testing.assert_allclose(seen[0], weights[:, :, :1], rtol=1e-9)


def test_a_class_block_adds_to_the_class_token_alone_twice():
    block, x = model_with("class_blocks", "layer_scale").blocks[-1], np.random.default_rng(0).standard_normal((2, 7, 8))
    first = x[:, :1] + block.ls1.gamma.data * block.attn(block.norm1(x)).data
    first = first + block.ls2.gamma.data * block.mlp(block.norm2(first)).data
    np.testing.assert_allclose(block(x).data, np.concatenate([first, x[:, 1:]], axis=1), rtol=1e-12)


def test_the_last_blocks_are_cheaper():
    assert (
        config_with(class_blocks=2).multiply_adds() < config_with(class_blocks=1).multiply_adds() < config_with().multiply_adds()
    )


# Registers


@pytest.mark.parametrize("parts, first", [((), 1), (("mean",), 0), (("class_blocks",), 0)], ids=["cls", "mean", "class blocks"])
def test_registers_stand_behind_the_class_token_and_in_front_of_the_patches_without_positions(parts, first):
    model = model_with("registers", *parts)
    stages = stages_of(model)
    before, after = stages["embed_tokens"], stages["registers"]
    np.testing.assert_array_equal(after[:, :first], before[:, :first])
    np.testing.assert_array_equal(after[:, first : first + 4], np.repeat(model.reg_token.data, 3, axis=0))
    np.testing.assert_array_equal(after[:, first + 4 :], before[:, first:])
    assert model.reg_token.shape == (1, 4, 8) and model.pos_embed.shape == (1, 6 + first, 8)


@pytest.mark.parametrize("pool", ["mean", "sequence"])
def test_registers_do_not_reach_the_pooled_mean(pool):
    model = model_with("registers", pool)
    stages = stages_of(model)
    patches = stages["norm"][:, 4:]
    expected = patches.mean(axis=1) if pool == "mean" else model.attention_pool(patches).data
    np.testing.assert_allclose(stages["pool"], expected, rtol=1e-12)
    assert stages["norm"].shape == (3, 4 + 6, 8)


def test_what_a_register_holds_matters_to_the_answer_all_the_same():
    model = model_with("registers", "mean")
    (found,) = gradients(model(some_images()).sum(), [model.reg_token])
    assert (found != 0).all()


# Pooling


def test_sequence_pooling_is_a_mean_with_weights_of_its_own():
    model = model_with("sequence")
    x, w = np.random.default_rng(0).standard_normal((2, 6, 8)), model.attention_pool.weight.data
    for image, pooled in zip(x, model.attention_pool(x).data, strict=True):
        weights = softmax((image @ w)[:, 0])
        np.testing.assert_allclose(pooled, weights @ image, rtol=1e-12)
    stages = stages_of(model)
    np.testing.assert_array_equal(stages["pool"], model.attention_pool(stages["norm"]).data)
    assert model.cls_token is None and stages["norm"].shape == (3, 6, 8)


def test_equal_weights_make_it_the_mean():
    model = model_with("sequence")
    model.attention_pool.weight.data[...] = 0
    stages = stages_of(model)
    np.testing.assert_allclose(stages["pool"], stages["norm"].mean(axis=1), rtol=1e-12)
