"""Every part that a word of ViTConfig chooses, and every pair of them: gradients, training, files, counts, refusals."""

import math
from dataclasses import asdict

import numpy as np
import pytest

from minivit import ViT, ViTConfig, gradients, no_grad, ops, optim
from minivit.backend import to_device, to_host
from minivit.engine import Op
from minivit.models import tokens
from minivit.training.checkpoint import load_model, save_arrays, save_model
from minivit.training.loop import Training
from minivit.training.recipe import Recipe

from ..support.parts import APART, PAIRS, PARTS, SIZES, config_with, made_up_data, model_with, some_images
from ..support.tiny import same_state

each_part = pytest.mark.parametrize("part", PARTS)
DATA, RECIPE = made_up_data(), Recipe(epochs=2, batch_size=8, lr=1e-3)


# Gradients


@each_part
def test_the_gradient_of_every_parameter_is_the_numeric_one(part, monkeypatch):
    """In a random direction for each parameter: the loss a little further on, less the loss a little back. Progressive sampling
    has two rounds here: from the third on, a place's gradient ends at its last offset, on purpose (see test_parts_parity.py)."""
    monkeypatch.setattr(tokens.Progressive, "ROUNDS", 2)
    model, images, rng = model_with(part), some_images(2), np.random.default_rng(3)
    upstream = rng.standard_normal((2, 5))
    found = gradients((model(images) * upstream).sum(), model.parameters())

    def loss():
        with no_grad():
            return float((model(images).data * upstream).sum())

    step = 1e-5
    for (name, parameter), gradient in zip(model.named_parameters(), found, strict=True):
        direction, kept = rng.standard_normal(parameter.shape), parameter.data
        parameter.data = kept + step * direction
        further = loss()
        parameter.data = kept - step * direction
        numeric = (further - loss()) / (2 * step)
        parameter.data = kept
        assert (gradient * direction).sum() == pytest.approx(numeric, rel=1e-5, abs=1e-7), name


@each_part
def test_float32_stays_float32(part):
    model, images = model_with(part, dtype=np.float32), some_images(dtype=np.float32)
    logits = model(images)
    assert logits.dtype == np.float32
    found = gradients(ops.cross_entropy(logits, np.array([0, 3, 1])), model.parameters())
    assert {g.dtype for g in found} == {np.dtype(np.float32)}


@each_part
def test_every_device_computes_the_same(part, device):
    model, images, labels = model_with(part), some_images(), np.array([0, 3, 1])

    def computed():
        logits = model(to_device(images, model.device))
        found = gradients(ops.cross_entropy(logits, to_device(labels, model.device)), model.parameters())
        return [to_host(a) for a in (logits.data, *found)]

    here = computed()
    model.to(device)
    for found, expected in zip(computed(), here, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * max(1, abs(expected).max()))


# Learning


@pytest.mark.slow
@each_part
def test_steps_of_training_lower_the_loss(part):
    model, images, labels = ViT(config_with(part), 0), some_images(8, dtype=np.float32), np.arange(8) % 5
    optimizer, losses = optim.AdamW(model, lr=3e-3, weight_decay=0.0), []
    for _ in range(25):
        loss = ops.cross_entropy(model(images), labels)
        losses.append(loss.item())
        optimizer.step(gradients(loss, model.parameters()))
    assert losses[0] == pytest.approx(math.log(5), abs=1e-6)
    assert losses[-1] < 0.8 * losses[0]


def saved_and_loaded(model, path):
    save_model(path, model)
    return load_model(path)[0]


def ends_alike(config):
    """A run, and another that stops after its first epoch and goes on in a new model: both end alike. Returns the model."""
    whole = Training(ViT(config, 0), DATA, RECIPE)
    first = Training(ViT(config, 0), DATA, RECIPE)
    for _ in whole.run(1):
        pass
    next(first.run(1))
    rest = Training(ViT(config, 9), DATA, RECIPE)
    rest.load_state_dict(first.state_dict())
    for _ in rest.run(1):
        pass
    assert same_state(rest.state_dict(), whole.state_dict())
    return whole.model


@pytest.mark.parametrize(
    "parts", [(part,) for part in PARTS] + [pytest.param(pair, marks=pytest.mark.slow) for pair in PAIRS], ids=" and ".join
)
def test_each_part_and_pair_trains_is_saved_and_resumed_and_is_counted(parts, tmp_path, monkeypatch):
    config, images = config_with(*parts, dropout=0.1, drop_path=0.1), some_images(2, dtype=np.float32)
    model = ends_alike(config).eval()
    logits, attention = model(images, return_attention=True)
    assert np.isfinite(logits.data).all() and len(attention) == config.depth
    same = saved_and_loaded(model, tmp_path / "model.npz")
    assert same.config == config
    np.testing.assert_array_equal(same(images).data, logits.data)
    assert model.num_parameters() == config.num_parameters()
    assert config.multiply_adds() == products_of(model, monkeypatch)


def products_of(model, monkeypatch):
    """The multiply-adds that one image's forward pass makes, counted by the ops that multiply matrices."""
    counted = []

    def counting(op, count):
        forward = op.forward

        def spy(*arrays, **options):
            y, backward = forward(*arrays, **options)
            counted.append(count(y, *arrays))
            return y, backward

        monkeypatch.setattr(op, "forward", spy)

    counting(ops.linear, lambda y, x, weight, bias: y.size * len(weight))
    counting(ops.matmul, lambda y, a, b: y.size * a.shape[-1])
    counting(ops.self_attention, lambda y, qkv: 2 * y.size * qkv.shape[1])
    counting(ops.attention, lambda y, q, k, v, bias=None: 2 * y.size * k.shape[2])
    counting(ops.conv2d, lambda y, x, weight, bias: y.size * math.prod(weight.shape[:3]))
    counting(ops.depthwise_conv2d, lambda y, x, weight, bias: y.size * math.prod(weight.shape[:2]))
    model(some_images(1, dtype=np.float32))
    return sum(counted)


def test_everything_at_once():
    config = config_with("t2t", "rope_mixed", "swiglu", "layer_scale", "qk_norm", "lsa", "registers", "class_blocks", "MLP head")
    model = ends_alike(config)
    assert model.num_parameters() == config.num_parameters()


def test_a_model_without_patches_that_are_squares_takes_what_does_not_need_them():
    for part in set(PARTS) - {"conv", "overlap", "t2t", "progressive"}:
        model = model_with(part, patch_size=(4, 3))
        assert model(some_images()).shape == (3, 5)


# The plain model


def test_a_file_that_was_saved_before_the_parts_existed_is_a_plain_model(tmp_path):
    model = model_with()
    later = ("relative_pos", "layer_scale", "qk_norm", "lsa", "registers", "class_blocks")
    later += ("dist_token", "norm_pre", "fc_norm", "eps")
    sizes = {name: value for name, value in asdict(model.config).items() if name not in later}
    save_arrays(tmp_path / "old.npz", model.state_dict(), {"config": sizes})
    loaded, _ = load_model(tmp_path / "old.npz")
    assert loaded.config == model.config == ViTConfig(**sizes)
    np.testing.assert_array_equal(loaded(some_images()).data, model(some_images()).data)


def test_the_plain_model_draws_the_weights_that_it_always_drew():
    model, rng = ViT(config_with(), 4), np.random.default_rng(4)

    def drawn(inputs, outputs, parts=1):
        limit = math.sqrt(6 / (inputs + outputs // parts))
        return rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)

    expected = {"patch_embed.weight": drawn(32, 8), "pos_embed": (0.02 * rng.standard_normal((1, 7, 8))).astype(np.float32)}
    for i in range(3):
        layers = (("attn.qkv", 8, 24, 3), ("attn.proj", 8, 8, 1), ("mlp.fc1", 8, 12, 1), ("mlp.fc2", 12, 8, 1))
        expected |= {f"blocks.{i}.{name}.weight": drawn(*sizes) for name, *sizes in layers}
    state = model.state_dict()
    for name, weight in expected.items():
        np.testing.assert_array_equal(state[name], weight, err_msg=name)


def test_the_plain_model_calls_the_ops_that_it_always_called(monkeypatch):
    called, call = [], Op.__call__
    monkeypatch.setattr(Op, "__call__", lambda op, *args, **options: called.append(op.name) or call(op, *args, **options))
    ViT(config_with(depth=1), 0)(some_images())
    block = "layernorm linear self_attention linear add layernorm linear gelu linear add"
    assert called == f"patchify linear embed_tokens {block} layernorm getitem linear".split()


# Refusals


@pytest.mark.parametrize("first, second", [(a, b) for a, others in APART.items() for b in sorted(others)])
def test_what_makes_no_sense_in_one_model_is_refused(first, second):
    with pytest.raises(ValueError, match=f"{first}|{second}"):
        config_with(first, second)


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(class_blocks=1, pool="mean"), ("class_blocks", 'pool="cls"')),
        (dict(class_blocks=1, pool="sequence"), ("class_blocks", 'pool="cls"')),
        (dict(class_blocks=3), ("3 class_blocks of 3 blocks", "fewer")),
        (dict(class_blocks=-1), ("class_blocks", "at least 0")),
        (dict(registers=-1), ("registers", "at least 0")),
        (dict(registers=True), ("registers", "True")),
        (dict(layer_scale=0.0), ("layer_scale", "above 0")),
        (dict(qk_norm="yes"), ("qk_norm", "False, True")),
        (dict(lsa=2), ("lsa", "False, True")),
        (dict(lsa=True, image_size=4, pool="mean"), ("lsa", "smaller patches")),
        (dict(relative_pos="swin"), ("relative_pos", "rope_mixed")),
        (dict(relative_pos="rope", heads=4), ("multiple of 4", "8 / 4 = 2")),
        (dict(relative_pos="rope_mixed", heads=4), ("multiple of 4", "8 / 4 = 2")),
        (dict(stem="overlap", patch_size=(4, 3)), ("square patches", "4 x 3")),
        (dict(stem="overlap", patch_size=1), ("at least 2 x 2", "1 x 1")),
        (dict(stem="t2t", patch_size=(4, 3)), ("square patches", "4 x 3")),
        (dict(stem="t2t", image_size=(9, 12), patch_size=3), ("t2t", "2, 4, 7, 8, 16", "3")),
        (dict(stem="t2t", image_size=56, patch_size=7), ("7 x 7 tokens", "not 8 x 8", "patch_size")),
        (dict(stem="shifted", patch_size=1), ("half a patch", "at least 2")),
        (dict(stem="progressive", patch_size=(4, 3)), ("progressive", "power of 2")),
        (dict(activation="silu"), ("activation", "swiglu")),
        (dict(pool="attention"), ("pool", "sequence")),
        (dict(dist_token=True, pool="mean"), ("dist_token", 'pool="cls"', 'got pool="mean"')),
        (dict(dist_token=True, class_blocks=1), ("dist_token", "class_blocks=0", "got class_blocks=1")),
        (dict(dist_token=True, representation_size=7), ("dist_token", "representation_size=7", "other head only")),
        (dict(dist_token=True, fc_norm=True), ("fc_norm", "one vector", "dist_token")),
        (dict(fc_norm=True, pool="cls_and_patches"), ("fc_norm", "one vector", "cls_and_patches")),
        (dict(dist_token=1.5), ("dist_token", "False, True")),
        (dict(norm_pre="clip"), ("norm_pre", "False, True")),
        (dict(fc_norm=None), ("fc_norm", "False, True")),
        (dict(eps=0), ("eps", "above 0")),
        (dict(eps=float("nan")), ("eps", "above 0")),
        (dict(eps="1e-6"), ("eps", "'1e-6'")),
        (dict(eps=True), ("eps", "True")),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_with_the_reason(changes, words):
    with pytest.raises(ValueError) as error:
        ViTConfig(**SIZES | changes)
    assert all(word in str(error.value) for word in words), str(error.value)
