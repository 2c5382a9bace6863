"""The Vision Transformer: its forward pass, its state, its stages, and that it learns."""

import math

import numpy as np
import pytest

from minivit import Tensor, ViT, ViTConfig, gradients, no_grad, ops, optim

from ..support import plain
from ..support.plain import small_config, small_vit


@pytest.fixture
def images(rng):
    return rng.standard_normal((3, 6, 9, 2))


LABELS = np.array([4, 0, 2])

VARIANTS = {
    "as in the paper": {},
    "tanh GELU": dict(activation="gelu_tanh"),
    "mean pool": dict(pool="mean"),
    "no positions": dict(pos_embed="none"),
    "MLP head": dict(representation_size=7),
    "four heads": dict(heads=4),
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())
def test_the_logits_and_attention_against_plain_numpy(changes, images, rng):
    model = small_vit(rng, **changes)
    logits, attention = model(images, return_attention=True)
    expected, expected_attention = plain.vit(images, model.state_dict(), model.config)
    np.testing.assert_allclose(logits.numpy(), expected, rtol=1e-9, atol=1e-12)
    assert len(attention) == model.config.depth
    for found, weights in zip(attention, expected_attention, strict=True):
        np.testing.assert_allclose(found, weights, rtol=1e-9)
        np.testing.assert_allclose(found.sum(axis=-1), 1)


def test_asking_for_the_attention_does_not_change_the_logits(images, rng):
    model = small_vit(rng)
    np.testing.assert_array_equal(model(images).numpy(), model(images, return_attention=True)[0].numpy())


def test_fixed_positions_are_added_to_the_patches_and_not_to_the_class_token(images, rng):
    model = small_vit(rng, pos_embed="sincos2d")
    stages = {name: x.numpy() for name, x in model.stages(images)}
    patches = stages["embed_tokens"][:, 1:] - stages["patch_embed"]
    np.testing.assert_allclose(patches[0], plain_sincos2d(model), atol=1e-12)
    np.testing.assert_allclose(stages["embed_tokens"][:, 0], np.repeat(model.cls_token.data[0], 3, axis=0))


def plain_sincos2d(model):
    """(N, D) by its definition: for each patch sin and cos of its column, then of its row, at D/4 frequencies."""
    dim = model.config.dim
    frequencies = [10000 ** (-i / (dim // 4 - 1)) for i in range(dim // 4)]
    rows, columns = model.config.grid
    return np.array(
        [
            [f(place * w) for place in (column, row) for f in (math.sin, math.cos) for w in frequencies]
            for row in range(rows)
            for column in range(columns)
        ]
    )


def test_mean_pool_has_no_class_token_and_averages_all_patches(images, rng):
    model = small_vit(rng, pool="mean")
    stages = {name: x.numpy() for name, x in model.stages(images)}
    assert model.cls_token is None and "cls_token" not in model.state_dict()
    assert model.pos_embed.shape == (1, 9, 8)
    np.testing.assert_allclose(stages["pool"], stages["norm"].mean(axis=1))
    assert stages["norm"].shape[1] == 9


# State


def test_the_state_has_exactly_the_names_and_shapes_of_the_design(rng):
    D, M, K, T, patch = 8, 12, 5, 10, 12
    block = {
        "norm1.weight": (D,),
        "norm1.bias": (D,),
        "attn.qkv.weight": (D, 3 * D),
        "attn.qkv.bias": (3 * D,),
        "attn.proj.weight": (D, D),
        "attn.proj.bias": (D,),
        "norm2.weight": (D,),
        "norm2.bias": (D,),
        "mlp.fc1.weight": (D, M),
        "mlp.fc1.bias": (M,),
        "mlp.fc2.weight": (M, D),
        "mlp.fc2.bias": (D,),
    }
    expected = {"cls_token": (1, 1, D), "pos_embed": (1, T, D), "patch_embed.weight": (patch, D), "patch_embed.bias": (D,)}
    expected |= {f"blocks.{i}.{name}": shape for i in range(2) for name, shape in block.items()}
    expected |= {"norm.weight": (D,), "norm.bias": (D,), "head.weight": (D, K), "head.bias": (K,)}
    state = small_vit(rng).state_dict()
    assert {name: array.shape for name, array in state.items()} == expected
    assert list(state) == [name for name, _ in small_vit(rng).named_parameters()]


def test_a_variant_adds_or_drops_only_its_own_names(rng):
    base = set(small_vit(rng).state_dict())
    assert base ^ set(small_vit(rng, pool="mean").state_dict()) == {"cls_token"}
    assert base ^ set(small_vit(rng, pos_embed="sincos2d").state_dict()) == {"pos_embed"}
    assert base ^ set(small_vit(rng, pos_embed="none").state_dict()) == {"pos_embed"}
    assert base ^ set(small_vit(rng, representation_size=7).state_dict()) == {"pre_logits.weight", "pre_logits.bias"}


def test_a_state_saved_and_loaded_gives_the_same_logits(images, rng):
    first, second = small_vit(rng), small_vit(rng)
    assert not np.array_equal(first(images).numpy(), second(images).numpy())
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(first(images).numpy(), second(images).numpy())


# The start


@pytest.mark.parametrize("changes", [{}, dict(pool="mean"), dict(representation_size=7)], ids=str)
def test_the_first_loss_is_ln_k(changes, images, rng):
    model = ViT(small_config(**changes), rng)
    assert float(ops.cross_entropy(model(images), LABELS).data) == pytest.approx(math.log(5), abs=1e-6)


def test_the_learned_positions_start_small(rng):
    config = ViTConfig(image_size=32, patch_size=4, channels=3, classes=10, dim=128, depth=1, heads=2, mlp_dim=8)
    positions = ViT(config, rng).pos_embed.data
    assert positions.shape == (1, 65, 128)
    assert positions.std() == pytest.approx(0.02, rel=0.05)
    assert abs(positions.mean()) < 0.001


@pytest.mark.parametrize("std", [0.5, 1.0])
def test_the_spread_of_the_learned_positions_can_be_chosen(std, rng):
    config = ViTConfig(32, 4, channels=3, classes=10, dim=128, depth=1, heads=2, mlp_dim=8, pos_embed_std=std)
    assert ViT(config, rng).pos_embed.data.std() == pytest.approx(std, rel=0.05)


def test_one_seed_gives_one_model(rng):
    a, b = (ViT(small_config(), np.random.default_rng(4)).state_dict() for _ in range(2))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_float32_and_float64_models_of_one_seed_agree(images):
    single, double = (ViT(small_config(), np.random.default_rng(4), dtype) for dtype in (np.float32, np.float64))
    for model in (single, double):
        model.head.weight.data[...] = 0.5 - np.arange(40).reshape(8, 5) % 3
    assert {p.dtype for p in single.parameters()} == {np.dtype(np.float32)}
    for name, array in double.state_dict().items():
        np.testing.assert_array_equal(single.state_dict()[name], array.astype(np.float32))
    y32, y64 = single(images), double(images)
    assert (y32.dtype, y64.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(y32.numpy(), y64.numpy(), atol=2e-5)
    for a, b in zip(
        *(gradients(ops.cross_entropy(y, LABELS), m.parameters()) for y, m in ((y32, single), (y64, double))), strict=True
    ):
        assert a.dtype == np.float32 and plain.relative_error(a, b) < 1e-5


# Stages


def test_the_stages_and_their_shapes(images, rng):
    shapes = [(name, x.shape) for name, x in small_vit(rng, representation_size=7).stages(images)]
    assert shapes == [
        ("image", (3, 6, 9, 2)),
        ("patchify", (3, 9, 12)),
        ("patch_embed", (3, 9, 8)),
        ("embed_tokens", (3, 10, 8)),
        ("blocks.0", (3, 10, 8)),
        ("blocks.1", (3, 10, 8)),
        ("norm", (3, 10, 8)),
        ("pool", (3, 8)),
        ("pre_logits", (3, 7)),
        ("head", (3, 5)),
    ]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_stages_from_a_block_on_are_those_of_the_whole(number, images, rng):
    model = small_vit(rng, depth=2)
    whole = dict(model.stages(images))
    tokens = whole["embed_tokens" if number == 0 else f"blocks.{number - 1}"]
    rest = dict(model.stages_from(number, tokens))
    assert list(rest) == list(whole)[-len(rest) :] and len(rest) == 5 - number
    assert all(np.array_equal(x.data, whole[name].data) for name, x in rest.items())


def test_the_stages_of_a_convolutional_stem(rng):
    model = small_vit(rng, stem="conv", image_size=(8, 12), patch_size=4)
    shapes = {name: x.shape for name, x in model.stages(rng.standard_normal((3, 8, 12, 2)))}
    assert (shapes["stem"], shapes["patchify"], shapes["head"]) == ((3, 2, 3, 8), (3, 6, 8), (3, 5))


def test_ti_16_for_real(rng):
    config = ViTConfig.preset("Ti/16")
    model = ViT(config, rng)
    assert model.num_parameters() == config.num_parameters() == 5_717_416
    with no_grad():
        shapes = {name: x.shape for name, x in model.stages(rng.standard_normal((1, 224, 224, 3), dtype=np.float32))}
    assert shapes["patchify"] == (1, 196, 768)
    assert shapes["embed_tokens"] == shapes["blocks.11"] == (1, 197, 192)
    assert (shapes["pool"], shapes["head"]) == ((1, 192), (1, 1000))


# Images


@pytest.mark.parametrize("shape", [(3, 9, 6, 2), (3, 6, 9, 3), (6, 9, 2), (3, 2, 6, 9)], ids=str)
def test_images_of_another_size_are_an_error_with_both_shapes(shape, rng):
    with pytest.raises(ValueError) as error:
        small_vit(rng)(np.zeros(shape))
    assert "6, 9, 2" in str(error.value) and str(shape) in str(error.value)


def test_bytes_are_no_images(rng):
    with pytest.raises(ValueError, match="uint8"):
        small_vit(rng)(np.zeros((3, 6, 9, 2), np.uint8))


def test_images_of_another_precision_are_converted(images, rng):
    assert small_vit(rng, dtype=np.float32)(images).dtype == np.float32


def test_the_gradient_reaches_the_pixels(images, rng):
    """What a saliency map needs."""
    pixels = Tensor(images, requires_grad=True)
    (found,) = gradients(small_vit(rng)(pixels).sum(), [pixels])
    assert found.shape == images.shape and (found != 0).all()


# Dropout


@pytest.mark.parametrize("rates", [dict(dropout=0.1), dict(drop_path=0.1)], ids=str)
def test_rates_need_random_numbers_in_training_mode_and_none_in_evaluation(rates, images, rng):
    model = small_vit(rng, **rates)
    with pytest.raises(ValueError, match=r"0.1.*rng"):
        model(images)
    model(images, rng=np.random.default_rng(0))
    model.eval()
    np.testing.assert_array_equal(model(images).numpy(), model(images, rng=np.random.default_rng(0)).numpy())


def test_evaluation_is_the_model_without_dropout(images):
    dropping, plain_one = (small_vit(np.random.default_rng(4), **rates) for rates in (dict(dropout=0.5, drop_path=0.5), {}))
    np.testing.assert_array_equal(dropping.eval()(images).numpy(), plain_one(images).numpy())


def test_the_same_generator_seed_drops_the_same(images, rng):
    model = small_vit(rng, dropout=0.3, drop_path=0.3)
    first, second, other = (model(images, rng=np.random.default_rng(seed)).numpy() for seed in (1, 1, 2))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_the_drop_path_rate_grows_from_zero_to_its_value_at_the_last_block(rng):
    model = small_vit(rng, depth=5, drop_path=0.4)
    assert [block.drop_path.rate for block in model.blocks] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


# Learning


@pytest.mark.parametrize("changes", [{}, dict(pool="mean", pos_embed="sincos2d")], ids=["cls", "mean, sincos2d"])
def test_a_vit_learns_32_random_images_by_heart(changes, rng):
    model = ViT(small_config(dim=16, heads=4, mlp_dim=24, **changes), rng)
    images, labels = rng.standard_normal((32, 6, 9, 2), dtype=np.float32), rng.integers(5, size=32)
    optimizer = optim.AdamW(model, lr=5e-3, weight_decay=0.0)
    for _ in range(120):
        logits = model(images)
        optimizer.step(gradients(ops.cross_entropy(logits, labels), model.parameters()))
    assert (model(images).numpy().argmax(axis=-1) == labels).all()


# What people are used to from elsewhere


def test_a_seed_is_as_good_as_a_generator_and_without_either_the_seed_is_0():
    state = ViT(small_config(), np.random.default_rng(3)).state_dict()
    for model, same in ((ViT(small_config(), 3), True), (ViT(small_config(), np.int64(3)), True), (ViT(small_config()), False)):
        assert all(np.array_equal(state[name], value) for name, value in model.state_dict().items()) is same


def test_forward_features_are_the_tokens_that_the_head_reads(rng):
    model = small_vit(rng)
    images = rng.standard_normal((2, 6, 9, 2))
    features = model.forward_features(images)
    assert features.shape == (2, model.config.tokens, 8)
    np.testing.assert_array_equal(model.head(features[:, 0]).numpy(), model(images).numpy())


SHAPES = {
    "channels first": ((3, 2, 6, 9), r"\(3, 2, 6, 9\): the channels come last, images.transpose\(0, 2, 3, 1\)$"),
    "one image": ((6, 9, 2), r"a batch axis in front, images\[None\]$"),
    "another size": ((3, 8, 9, 2), "resize them to 6 x 9 pixels$"),
    "other channels": ((3, 6, 9, 1), r"give 2 channel\(s\), not 1$"),
    "both": ((3, 8, 8, 3), r"resize them to 6 x 9 pixels, and give 2 channel\(s\), not 3$"),
    "a row": ((5,), "there must be four axes$"),
}


@pytest.mark.parametrize("shape, words", SHAPES.values(), ids=SHAPES.keys())
def test_of_images_that_do_not_fit_only_what_is_wrong_is_said(shape, words, rng):
    with pytest.raises(ValueError, match=words):
        small_vit(rng)(np.zeros(shape))


def test_grey_images_without_their_axis_are_told_how_to_get_it(rng):
    with pytest.raises(ValueError, match=r"images\[..., None\]$"):
        small_vit(rng, channels=1)(np.zeros((3, 6, 9)))


@pytest.mark.parametrize("value", ["no", None, 2], ids=repr)
def test_return_attention_is_true_or_false(value, rng):
    with pytest.raises(ValueError, match="return_attention"):
        small_vit(rng)(np.zeros((1, 6, 9, 2)), return_attention=value)
