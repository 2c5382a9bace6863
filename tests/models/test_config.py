"""ViTConfig: the paper's table, counts by formula, and sizes that do not fit together."""

import copy
import dataclasses
import itertools
import math
import pickle

import numpy as np
import pytest

from minivit import ViT, ViTConfig, ops
from minivit.models.config import PRESETS, preset_name
from minivit.models.vit import sincos2d

from ..support.plain import SMALL, small_config

# preset: patch, depth, D, MLP, heads, parameters, multiply-adds in G; at 224 x 224 x 3 and 1000 classes
TABLE = {
    "Ti/16": (16, 12, 192, 768, 3, 5_717_416, 1.254),
    "S/16": (16, 12, 384, 1536, 6, 22_050_664, 4.599),
    "B/32": (32, 12, 768, 3072, 12, 88_224_232, 4.409),
    "B/16": (16, 12, 768, 3072, 12, 86_567_656, 17.564),
    "L/32": (32, 24, 1024, 4096, 16, 306_535_400, 15.378),
    "L/16": (16, 24, 1024, 4096, 16, 304_326_632, 61.555),
    "H/14": (14, 32, 1280, 5120, 16, 632_045_800, 167.295),
}


def test_the_table_has_every_preset():
    assert set(TABLE) == set(PRESETS)


@pytest.mark.parametrize("name", TABLE)
def test_a_presets_sizes_parameters_and_multiply_adds(name):
    patch, depth, dim, mlp_dim, heads, parameters, giga = TABLE[name]
    config = ViTConfig.preset(name)
    assert (config.image_size, config.patch_size, config.channels, config.classes) == ((224, 224), (patch, patch), 3, 1000)
    assert (config.depth, config.dim, config.mlp_dim, config.heads) == (depth, dim, mlp_dim, heads)
    assert config.num_parameters() == parameters
    assert f"{config.multiply_adds() / 1e9:.3f}" == f"{giga:.3f}"


def test_changes_replace_fields_of_a_preset():
    config = ViTConfig.preset("B/16", image_size=384, classes=10, depth=1)
    assert (config.image_size, config.classes, config.depth, config.dim) == ((384, 384), 10, 1, 768)
    assert config.tokens == 24 * 24 + 1


def test_an_unknown_preset_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match=r"B/17.*B/16"):
        ViTConfig.preset("B/17")


CHOICES = itertools.product(
    [dict(pool="cls"), dict(pool="mean")],
    [dict(pos_embed=p) for p in ("learned", "sincos2d", "none")],
    [
        dict(stem="patch"),
        dict(stem="conv", image_size=(8, 12), patch_size=4),
        dict(stem="conv", image_size=(8, 12), patch_size=2),
    ],
    [dict(representation_size=None), dict(representation_size=7)],
)
CHANGES = [pool | positions | stem | head for pool, positions, stem, head in CHOICES]
CHANGES += [dict(depth=1), dict(depth=3), dict(classes=1), dict(image_size=9, patch_size=3), dict(channels=1, mlp_dim=5)]


@pytest.mark.parametrize("changes", CHANGES, ids=lambda c: " ".join(map(str, c.values())))
def test_the_formula_counts_what_the_built_model_has(changes, rng):
    config = small_config(**changes)
    assert ViT(config, rng).num_parameters() == config.num_parameters()


@pytest.mark.parametrize("changes", CHANGES, ids=lambda c: " ".join(map(str, c.values())))
def test_multiply_adds_count_every_matrix_product_of_a_forward_pass(changes, rng, monkeypatch):
    config = small_config(**changes)
    counted = []

    def counting(op, count):
        forward = op.forward

        def spy(*arrays, **options):
            y, backward = forward(*arrays, **options)
            counted.append(count(y, *arrays))
            return y, backward

        monkeypatch.setattr(op, "forward", spy)

    counting(ops.linear, lambda y, x, weight, bias: y.size * len(weight))
    counting(ops.self_attention, lambda y, qkv: 2 * y.size * qkv.shape[1])
    counting(ops.conv2d, lambda y, x, weight, bias: y.size * math.prod(weight.shape[:3]))
    ViT(config, rng)(np.zeros((1, *config.image_size, config.channels), np.float32))
    assert config.multiply_adds() == sum(counted)


def test_sizes_are_one_number_or_two():
    config = small_config(image_size=12, patch_size=(2, 3))
    assert (config.image_size, config.patch_size, config.grid, config.tokens) == ((12, 12), (2, 3), (6, 4), 25)
    assert small_config(image_size=[6, 9]).image_size == (6, 9)


def test_a_config_cannot_be_changed_and_equals_its_like():
    assert small_config() == small_config()
    with pytest.raises(AttributeError):
        small_config().dim = 16


@pytest.mark.parametrize(
    "changes, numbers",
    [
        (dict(image_size=(7, 9)), ("2 x 3", "7 x 9", "8 x 9")),
        (dict(patch_size=4), ("4 x 4", "6 x 9", "8 x 8")),
        (dict(heads=3), ("dim 8", "3 heads", "9")),
        (dict(dim=6, pos_embed="sincos2d"), ("4", "6")),
        (dict(stem="conv"), ("patch_size", "8")),
        (dict(stem="conv", image_size=6, patch_size=3), ("patch_size", "8")),
        (dict(dropout=1.0), ("dropout", "1.0")),
        (dict(drop_path=-0.1), ("drop_path", "-0.1")),
        (dict(depth=0), ("depth", "0")),
        (dict(dim=8.0), ("dim", "8.0")),
        (dict(classes=-2), ("classes", "-2")),
        (dict(mlp_dim="12"), ("mlp_dim", "12")),
        (dict(image_size=(6, 9, 2)), ("image_size", "(6, 9, 2)")),
        (dict(image_size=6.0), ("image_size", "6.0")),
        (dict(image_size=None), ("image_size", "None")),
        (dict(heads=(2,)), ("heads", "(2,)")),
        (dict(representation_size=(3, 4)), ("representation_size", "(3, 4)")),
        (dict(representation_size=0), ("representation_size", "0")),
        (dict(pool="max"), ("pool", "max", "cls", "mean")),
        (dict(pos_embed="rope"), ("pos_embed", "rope", "sincos2d")),
        (dict(stem="deep"), ("stem", "deep", "conv")),
        (dict(activation="relu"), ("activation", "relu", "gelu_tanh")),
    ],
    ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_sizes_that_do_not_fit_are_an_error_that_names_them(changes, numbers):
    with pytest.raises(ValueError) as error:
        ViTConfig(**SMALL | changes)
    for number in numbers:
        assert number in str(error.value)


# Fixed positions


def test_every_place_has_positions_of_its_own():
    positions = sincos2d((5, 7), 16)
    assert positions.shape == (35, 16)
    assert len(np.unique(positions.round(9), axis=0)) == 35


def test_one_half_says_the_column_and_the_other_the_row():
    grid = sincos2d((5, 7), 16).reshape(5, 7, 16)
    assert (grid[:, :, :8] == grid[:1, :, :8]).all()
    assert (grid[:, :, 8:] == grid[:, :1, 8:]).all()


def test_all_positions_have_the_same_length():
    np.testing.assert_allclose((sincos2d((5, 7), 16) ** 2).sum(axis=1), 8)


def test_the_similarity_of_two_places_depends_on_their_distance_only():
    """sin a sin b + cos a cos b = cos(a - b)."""
    grid = sincos2d((5, 7), 16).reshape(5, 7, 16)
    assert grid[0, 0] @ grid[1, 2] == pytest.approx(grid[3, 4] @ grid[4, 6])
    assert grid[0, 0] @ grid[0, 1] > grid[0, 0] @ grid[0, 2]


def test_a_dim_of_four_has_one_frequency():
    assert np.isfinite(sincos2d((2, 3), 4)).all()


@pytest.mark.parametrize(
    "wrong, own",
    [
        ("num_classes", "classes"),
        ("img_size", "image_size"),
        ("embed_dim", "dim"),
        ("num_heads", "heads"),
        ("mlp_ratio", "mlp_dim"),
    ],
)
def test_a_field_by_its_name_elsewhere_is_answered_with_ours(wrong, own):
    with pytest.raises(ValueError, match=f"no field '{wrong}'; here that is {own}"):
        ViTConfig.preset("Ti/16", **{wrong: 4})


def test_a_field_that_is_nowhere_is_answered_with_all():
    with pytest.raises(ValueError, match=r"no field 'colour'; it has image_size, .*drop_path"):
        ViTConfig(colour=3)


def test_configs_are_copied_pickled_and_replaced(rng):
    config = small_config(dropout=0.1)
    assert copy.deepcopy(config) == config == pickle.loads(pickle.dumps(config))
    assert dataclasses.replace(config, depth=5) == small_config(dropout=0.1, depth=5)


@pytest.mark.parametrize(
    "spelled, preset",
    [
        ("B/16", "B/16"),
        ("b16", "B/16"),
        ("b_16", "B/16"),
        ("ViT-B/16", "B/16"),
        ("vit_b_16", "B/16"),
        ("ViT-L-32", "L/32"),
        ("vit_base_patch16_224", "B/16"),
        ("vit_large_patch16_224.augreg_in21k", "L/16"),
        ("google/vit-base-patch16-224-in21k", "B/16"),
        ("deit_tiny_patch16_224", "Ti/16"),
        ("s16", "S/16"),
        ("vit_huge_patch14_224", "H/14"),
    ],
)
def test_a_preset_is_understood_as_others_spell_it(spelled, preset):
    assert preset_name(spelled) == preset and ViTConfig.preset(spelled) == ViTConfig.preset(preset)


@pytest.mark.parametrize("name", ["b17", "vit_base_patch16_384", "web16", "runs/b16", "16", "", "vit", "xvit_b_16"])
def test_a_name_that_means_no_preset_of_ours_stays_unknown(name):
    assert preset_name(name) == name
    with pytest.raises(ValueError, match="there is no preset"):
        ViTConfig.preset(name)
