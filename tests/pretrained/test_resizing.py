"""Positions for another grid are each library's own, by its own code, and a model at another resolution answers as it does."""

import numpy as np
import pytest

from minivit.models.pretrained import load_pretrained
from minivit.models.resize import resized

lib = pytest.importorskip("tests.support.libraries", reason="needs timm, transformers, torchvision, safetensors and torch")
torch = lib.torch
GRIDS = [((14, 14), (24, 24)), ((14, 14), (7, 7)), ((14, 14), (20, 30)), ((24, 24), (14, 14)), ((37, 37), (16, 16))]
GRIDS += [((14, 14), (3, 5)), ((4, 7), (9, 5)), ((5, 5), (5, 8))]
SQUARE = [grids for grids in GRIDS if grids[0][0] == grids[0][1] and grids[1][0] == grids[1][1]]


def given(old):
    return np.random.default_rng(3).standard_normal((old[0] * old[1], 6))


def map_of(positions, old):
    """(N, D) to torch's (1, D, H, W)."""
    return torch.from_numpy(positions).reshape(1, *old, -1).permute(0, 3, 1, 2)


def rows_of(grid):
    return grid[0].permute(1, 2, 0).reshape(-1, grid.shape[1]).numpy()


def holds(found, expected):
    assert found.shape == expected.shape and np.abs(found - expected).max() < 1e-13


@pytest.mark.parametrize("old, new", GRIDS)
def test_timms(old, new):
    p = given(old)
    theirs = lib.timm.layers.resample_abs_pos_embed(torch.from_numpy(p)[None], list(new), list(old), num_prefix_tokens=0)
    # timm computes in float32
    assert np.abs(resized(p, old, new, "timm") - theirs[0].numpy()).max() < 1e-5
    exact = torch.nn.functional.interpolate(map_of(p, old), new, mode="bicubic", antialias=True)
    holds(resized(p, old, new, "timm"), rows_of(exact))


@pytest.mark.parametrize("old, new", GRIDS)
def test_hugging_faces(old, new):
    p = given(old)
    holds(resized(p, old, new, "bicubic"), rows_of(torch.nn.functional.interpolate(map_of(p, old), new, mode="bicubic")))


@pytest.mark.parametrize("old, new", SQUARE)
def test_torchvisions(old, new):
    p, name = given(old), "encoder.pos_embedding"
    state = {name: torch.from_numpy(np.concatenate([p[:1], p]))[None]}
    theirs = lib.torchvision.models.vision_transformer.interpolate_embeddings(new[0] * 16, 16, state)[name]
    holds(resized(p, old, new, "torchvision"), theirs[0, 1:].numpy())


@pytest.mark.parametrize("old, new", GRIDS)
def test_dinos(old, new):
    p = given(old)
    scale = tuple((n + 0.1) / o for n, o in zip(new, old, strict=True))
    theirs = torch.nn.functional.interpolate(map_of(p, old), scale_factor=scale, mode="bicubic")
    holds(resized(p, old, new, "dino"), rows_of(theirs))


@pytest.mark.parametrize("old, new", GRIDS)
def test_googles(old, new):
    zoom = pytest.importorskip("scipy.ndimage").zoom  # which vit_jax and big_vision call
    p = given(old)
    theirs = zoom(p.reshape(*old, -1), (new[0] / old[0], new[1] / old[1], 1), order=1)
    holds(resized(p, old, new, "google"), theirs.reshape(-1, p.shape[1]))


@pytest.mark.parametrize("size", [(64, 64), (40, 56), (16, 16)])
def test_a_model_of_hugging_face_at_another_resolution(tmp_path, size):
    hf = lib.transformers
    sizes = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96, image_size=32, patch_size=8)
    theirs = lib.unequal(hf.ViTForImageClassification(hf.ViTConfig(**sizes, num_labels=7)))
    ours, about = load_pretrained(lib.save(theirs, tmp_path), dtype=np.float64, image_size=size)
    assert "positions resized from 4 x 4" in about["recognised"][1]
    images = np.random.default_rng(7).standard_normal((2, *size, 3))
    expected = lib.answers(theirs, images, lambda model, x: model(pixel_values=x, interpolate_pos_encoding=True).logits)[0]
    assert np.abs(ours(images).data - expected).max() < 1e-10 * np.abs(expected).max()


def test_registers_with_positions_of_timm_keep_them_at_another_resolution(tmp_path):
    args = dict(patch_size=8, embed_dim=64, depth=2, num_heads=1, num_classes=7, reg_tokens=4)
    theirs = lib.unequal(lib.Timm(img_size=32, **args))
    larger = lib.Timm(img_size=48, **args).eval()
    state = lib.state(theirs)
    larger.load_state_dict(lib.timm.models.vision_transformer.checkpoint_filter_fn(dict(state), larger))
    ours, _ = load_pretrained(lib.save(theirs, tmp_path), dtype=np.float64, image_size=48)
    images = np.random.default_rng(7).standard_normal((2, 48, 48, 3))
    expected = lib.answers(larger, images)[0]
    assert np.abs(ours(images).data - expected).max() < 1e-5 * np.abs(expected).max()  # timm resizes in float32
