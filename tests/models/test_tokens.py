"""Better tokens: what a token sees at the start, and what it does not."""

import numpy as np
import pytest

from minivit import Tensor, ViT, ViTConfig, gradients, ops
from minivit.models.tokens import SPLITS, T2T

from ..support.parts import SIZES, config_with, model_with, some_images
from ..support.plain import patchify


def seen_by(model, token):
    """Which pixels a token of patch_embed depends on, (8, 12)."""
    pixels = Tensor(some_images(1), requires_grad=True)
    tokens = next(x for name, x in model.stages(pixels) if name == "patch_embed")
    (found,) = gradients((tokens[0, token] * np.arange(1.0, 9)).sum(), [pixels])
    return (found[0] != 0).any(axis=-1)


def rectangle(rows, columns):
    seen = np.zeros((8, 12), bool)
    seen[slice(*rows), slice(*columns)] = True
    return seen


# The grid is 2 x 3 patches of 4 x 4 pixels; token 4 is the middle one of the lower row: rows 4 to 7, columns 4 to 7
SEEN = {
    "a patch": ((), (4, 8), (4, 8)),
    "overlap: 7 pixels, 2 more before and 1 behind": (("overlap",), (2, 8), (2, 9)),
    "shifted: half of each neighbour": (("shifted",), (2, 8), (2, 10)),
}


@pytest.mark.parametrize("parts, rows, columns", SEEN.values(), ids=SEEN)
def test_a_token_sees_its_window_and_no_more(parts, rows, columns):
    np.testing.assert_array_equal(seen_by(model_with(*parts), 4), rectangle(rows, columns))


@pytest.mark.parametrize("part", ["t2t", "progressive", "conv"])
def test_a_token_sees_more_than_its_patch(part):
    seen = seen_by(model_with(part), 4)
    assert seen[rectangle((4, 8), (4, 8))].all() and seen.sum() > 16
    if part != "conv":
        assert seen.any(axis=0).all(), "attention reaches every column"


def test_overlapping_windows_are_a_convolution():
    model, images = model_with("overlap"), some_images()
    tokens = dict(model.stages(images))["patch_embed"].data  # (B, N, D)
    weight = model.patch_embed.weight.data.reshape(7, 7, 2, 8)
    picture = ops.conv2d(images, weight, model.patch_embed.bias, stride=4, padding=2).data  # (B, 2, 3, D)
    np.testing.assert_allclose(tokens, picture.reshape(3, 6, 8), rtol=1e-12)


@pytest.mark.parametrize("patch", range(2, 8))
def test_overlapping_windows_are_as_many_as_patches(patch):
    config = config_with("overlap", image_size=(2 * patch, 3 * patch), patch_size=patch)
    model = model_with("overlap", image_size=config.image_size, patch_size=patch)
    images = np.random.default_rng(0).standard_normal((1, *config.image_size, 2))
    assert dict(model.stages(images))["stem"].shape == (1, 2, 3, (2 * patch - 1) ** 2 * 2)


def test_a_shifted_patch_is_five_patches_in_the_channels():
    """Of the image whose border is two pixels of zeros: cut where the image is, and two pixels further in each diagonal."""
    model, images = model_with("shifted"), some_images()
    framed = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    copies = [framed[:, i : i + 8, j : j + 12] for i, j in ((2, 2), (0, 0), (0, 4), (4, 0), (4, 4))]
    x = patchify(np.concatenate(copies, axis=-1), 4, 4)  # (B, N, 5 P P C)
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    x = x * model.stem.norm.weight.data + model.stem.norm.bias.data
    np.testing.assert_allclose(dict(model.stages(images))["patchify"].data, x, rtol=1e-9, atol=1e-12)


# Tokens to tokens


@pytest.mark.parametrize("patch", SPLITS)
def test_the_splits_of_each_patch_size_make_the_grid(patch):
    size = 28 if patch == 7 else 4 * patch
    config = ViTConfig(**SIZES | dict(image_size=size, patch_size=patch, stem="t2t"))
    assert T2T.layers(config)[-1][0] == config.grid == (4, 4)


def test_between_two_splits_the_tokens_are_transformed_and_v_goes_past_attention():
    """With all else at zero, what leaves the small Transformer is v of the tokens that enter it."""
    transformer = model_with("t2t").stem.transformers[0]
    for layer in (transformer.proj, transformer.mlp.fc2):
        layer.weight.data[...] = layer.bias.data[...] = 0
    x = np.random.default_rng(0).standard_normal((2, 5, 18))
    v = transformer.qkv(transformer.norm1(x)).data[..., 64:]
    np.testing.assert_allclose(transformer(x).data, v, rtol=1e-12)


def test_the_paper_splits_three_times_with_a_width_of_64():
    config = ViTConfig.preset("Ti/16", stem="t2t")
    assert [grid for grid, *_ in T2T.layers(config)] == [(56, 56), (28, 28), (14, 14)]
    assert (T2T.width(config), config.patch_length) == (64, 9 * 64)


# Progressive sampling


def places_of(model, monkeypatch):
    """The places that each round samples at, (B, N, 2)."""
    seen, forward = [], ops.sample_bilinear.forward
    monkeypatch.setattr(ops.sample_bilinear, "forward", lambda x, places: seen.append(places) or forward(x, places))
    model(some_images(2))
    return seen


def test_without_offsets_every_round_samples_the_regular_grid(monkeypatch):
    """In the middle of the four features that lie on a patch."""
    model = model_with("progressive")
    for offset in model.stem.offsets:
        offset.weight.data[...] = offset.bias.data[...] = 0
    grid = [(row, column) for row in (0.5, 2.5) for column in (0.5, 2.5, 4.5)]
    places = places_of(model, monkeypatch)
    assert len(places) == 4
    for found in places:
        np.testing.assert_array_equal(found, [grid, grid])


def test_each_round_moves_the_places_by_its_offset_from_where_they_were(monkeypatch):
    model = model_with("progressive")
    for i, offset in enumerate(model.stem.offsets):
        offset.weight.data[...], offset.bias.data[...] = 0, (0.25 + i, -0.5)
    first, second, third, fourth = places_of(model, monkeypatch)
    np.testing.assert_allclose(second - first, np.broadcast_to((0.25, -0.5), first.shape))
    np.testing.assert_allclose(third - second, np.broadcast_to((1.25, -0.5), first.shape))
    np.testing.assert_allclose(fourth - third, np.broadcast_to((2.25, -0.5), first.shape))


def test_four_rounds_by_their_formula_with_a_gradient_that_ends_at_a_places_last_offset():
    stem, images = model_with("progressive").stem, some_images()
    features = stem.convs(images)  # (B, 4, 6, D)
    grid = [(row, column) for row in (0.5, 2.5) for column in (0.5, 2.5, 4.5)]
    places, x = Tensor(np.array([grid] * 3)), 0.0
    for i, block in enumerate(stem.blocks):
        x = block(ops.sample_bilinear(features, places) + stem.pos(places * np.array([2 / 4, 2 / 6]) - 1) + x)
        if i < 3:
            places = Tensor(places.data) + stem.offsets[i](x)
    found = ops.reshape(stem(images), shape=x.shape)
    np.testing.assert_allclose(found.data, x.data, rtol=1e-10)
    upstream = np.random.default_rng(4).standard_normal(x.shape)
    for a, b in zip(*(gradients((y * upstream).sum(), stem.parameters()) for y in (found, x)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10 * abs(b).max())


def test_at_the_start_nothing_has_moved():
    assert not any(offset.weight.data.any() or offset.bias.data.any() for offset in ViT(config_with("progressive")).stem.offsets)
