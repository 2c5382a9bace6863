"""A ViT in timm's names and shapes: every number finds its place, timm loads it and gives the same logits; what it lacks is
refused."""

import functools
import json

import numpy as np
import pytest

import minivit
from minivit import ViT
from minivit.data.formats import safetensors
from minivit.models.detr import DETR
from minivit.models.detr_config import DETRConfig
from minivit.training.exported import _described, to_timm

from ..support.parts import PARTS, config_with, model_with, some_images
from ..support.plain import relative_error
from ..support.timm_models import MODELS, config_of, in_our_names, logits_of, timm

# parts of a ViT that timm's class has no place for
LACKING = {"conv", "overlap", "t2t", "shifted", "progressive", "relative", "irpe", "peg", "rope", "rope_mixed"}
LACKING |= {"sequence", "cls_and_patches", "lsa", "class_blocks", "MLP head"}


def drawn(config, seed=0):
    """A model, all its numbers drawn at random, since zeros and ones hide mistakes."""
    model, rng = ViT(config, seed, np.float64), np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.data[...] += 0.2 * rng.standard_normal(parameter.shape)
    return model.eval()


def in_timm(path):
    """timm's module that the file describes, with the file's weights."""
    layers, models = timm().layers, timm().models
    from safetensors.torch import load_file

    described = json.loads(safetensors.read(path)[1]["timm"])
    kind = getattr(models.deit if "Distilled" in described["architecture"] else models, described["architecture"])
    norm = functools.partial(layers.LayerNorm, eps=described["norm_eps"])
    mlp = getattr(layers, described["mlp_layer"])
    model = kind(**described["model_args"], norm_layer=norm, mlp_layer=mlp).double().eval()
    model.load_state_dict(load_file(path), strict=True)
    return model


# With timm


@pytest.mark.parametrize("name", MODELS)
def test_timm_loads_what_is_saved_and_gives_the_same_logits(name, tmp_path):
    model, images = drawn(config_of(name)), np.random.default_rng(1).standard_normal((3, 32, 24, 3))
    path = minivit.save(tmp_path / "model.safetensors", model, layout="timm")
    assert relative_error(logits_of(in_timm(path), images), model(images).data) < 1e-10


@pytest.mark.parametrize("part", sorted(set(PARTS) - LACKING))
def test_each_part_that_timm_has_is_taken_there(part, tmp_path):
    model = model_with(part).eval()
    path = minivit.save(tmp_path / "model.safetensors", model, layout="timm")
    assert relative_error(logits_of(in_timm(path), some_images()), model(some_images()).data) < 1e-10


# Without


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("clip", "dinov2") and "registers" not in name])
def test_every_number_comes_back_from_there(name):
    """But for those that go where others are: a class token's position beside registers, CLIP's bias."""
    model = drawn(config_of(name))
    back = in_our_names(to_timm(model)[0], model.config)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(back[key], value, err_msg=key)


def test_a_pixel_meets_the_weight_that_it_met():
    """The patch embedding as a convolution: (D, C, P, Q), here of 4 x 3 patches with 2 channels."""
    model = model_with(patch_size=(4, 3))
    kernel = to_timm(model)[0]["patch_embed.proj.weight"]
    assert kernel.shape == (8, 2, 4, 3)
    images, patch = some_images(), (slice(4, 8), slice(3, 6))  # of the second row and column
    expected = np.einsum("bpqc,dcpq->bd", images[:, *patch], kernel) + model.patch_embed.bias.data
    found = dict(model.stages(images))["patch_embed"].data[:, 4 + 1]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_linear_layers_are_turned_and_vectors_are_not():
    model = model_with()
    arrays, own = to_timm(model)[0], model.state_dict()
    for name in ("blocks.1.attn.qkv", "blocks.0.mlp.fc1", "head"):
        np.testing.assert_array_equal(arrays[f"{name}.weight"], own[f"{name}.weight"].T)
        np.testing.assert_array_equal(arrays[f"{name}.bias"], own[f"{name}.bias"])


@pytest.mark.parametrize(
    "parts, count, alone",
    [
        ((), 1 + 6, False),
        (("sincos2d",), 6, True),  # a class token's fixed position is zero: there is nothing to keep
        (("no positions",), 6, True),
        (("mean",), 6, True),
        (("registers",), 6, True),
        (("dist_token",), 2 + 6, False),
        (("dist_token", "no positions"), 2 + 6, False),  # timm's class always has them
    ],
    ids=str,
)
def test_positions_are_of_the_patches_alone_where_timm_s_models_are_so(parts, count, alone):
    arrays, described = to_timm(model_with(*parts))
    assert arrays["pos_embed"].shape == (1, count, 8) and described["model_args"]["no_embed_class"] is alone


def test_the_model_itself_stays_as_it_was():
    model = drawn(config_of("clip"))
    before = model.state_dict()
    to_timm(model)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_other_weights_can_stand_in_the_place_of_the_models(tmp_path):
    model, other = model_with(), model_with(seed=7)
    path = minivit.save(tmp_path / "model.safetensors", model, state=other.state_dict(), layout="timm")
    np.testing.assert_array_equal(safetensors.read(path)[0]["head.weight"], other.head.weight.data.T)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(dtype, tmp_path):
    model = model_with("norm_pre", "no positions", dtype=dtype)
    path = minivit.save(tmp_path / "model.safetensors", model, layout="timm")
    assert {array.dtype for array in safetensors.read(path)[0].values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("dim", [6, 10, 14, 98])
def test_timm_computes_the_width_of_the_mlp_from_its_ratio(dim):
    """int(dim * ratio), where 98 * (55 / 98) is a little less than 55."""
    for width in range(1, 200):
        config = config_with(dim=dim, mlp_dim=width)
        described = _described(config, False)
        assert int(dim * described["model_args"]["mlp_ratio"]) == width


def test_what_else_is_known_stands_in_the_metadata(tmp_path):
    model = model_with("registers")
    path = minivit.save(tmp_path / "model.safetensors", model, {"classes": ["a", "b"], "mean": np.float32(0.5)}, layout="timm")
    texts = safetensors.read(path)[1]
    about = json.loads(texts["minivit"])
    assert (about["kind"], about["classes"], about["mean"]) == ("vit", ["a", "b"], 0.5)
    assert minivit.ViTConfig(**about["config"]) == model.config
    assert texts["format"] == "pt" and json.loads(texts["timm"])["model_args"]["reg_tokens"] == 4


# Refusals


@pytest.mark.parametrize("part", sorted(LACKING))
def test_a_part_that_timm_lacks_is_refused_by_name_and_nothing_is_written(part, tmp_path):
    ((field, value),) = PARTS[part].items()
    with pytest.raises(ValueError, match=f"timm's VisionTransformer has no {field}=.*{value}"):
        minivit.save(tmp_path / "model.safetensors", model_with(part), layout="timm")
    assert not list(tmp_path.iterdir())


def test_registers_beside_a_distillation_token_are_refused():
    with pytest.raises(ValueError, match="no registers beside dist_token"):
        to_timm(model_with("registers", "dist_token"))


def test_a_model_of_another_kind_is_refused():
    model = DETR(
        DETRConfig(
            image_size=16, patch_size=8, channels=1, classes=3, dim=8, depth=1, decoder_depth=1, heads=2, mlp_dim=8, num_queries=2
        )
    )
    with pytest.raises(ValueError, match='layout="timm" is for a ViT; got a DETR'):
        to_timm(model)


@pytest.mark.parametrize("layout", ["torchvision", "", True, ["timm"]])
def test_a_layout_that_there_is_not_is_refused(layout, tmp_path):
    with pytest.raises(ValueError, match=r"layout is .*; choose one of None, timm"):
        minivit.save(tmp_path / "model.safetensors", model_with(), layout=layout)


def test_a_name_that_others_read_needs_a_layout(tmp_path):
    with pytest.raises(ValueError, match=r'model\.safetensors is read by other libraries: add layout="timm"'):
        minivit.save(tmp_path / "model.safetensors", model_with())


def test_the_ending_is_added(tmp_path):
    assert minivit.save(tmp_path / "model", model_with(), layout="timm").name == "model.safetensors"
