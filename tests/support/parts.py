"""Every part of a ViT that a word of ViTConfig chooses, and a model small enough to try them all."""

import numpy as np

from minivit import ViT, ViTConfig
from minivit.data.datasets import Dataset

SIZES = dict(image_size=(8, 12), patch_size=4, channels=2, classes=5, dim=8, depth=3, heads=2, mlp_dim=12)  # 2 x 3 patches
PARTS = {
    "conv": dict(stem="conv"),
    "overlap": dict(stem="overlap"),
    "t2t": dict(stem="t2t"),
    "shifted": dict(stem="shifted"),
    "progressive": dict(stem="progressive"),
    "sincos2d": dict(pos_embed="sincos2d"),
    "no positions": dict(pos_embed="none"),
    "relative": dict(relative_pos="relative"),
    "irpe": dict(relative_pos="irpe"),
    "peg": dict(relative_pos="peg"),
    "rope": dict(relative_pos="rope"),
    "rope_mixed": dict(relative_pos="rope_mixed"),
    "mean": dict(pool="mean"),
    "sequence": dict(pool="sequence"),
    "patches": dict(pool="patches"),
    "cls_and_patches": dict(pool="cls_and_patches"),
    "gelu_tanh": dict(activation="gelu_tanh"),
    "quick_gelu": dict(activation="quick_gelu"),
    "swiglu": dict(activation="swiglu"),
    "layer_scale": dict(layer_scale=0.1),
    "qk_norm": dict(qk_norm=True),
    "lsa": dict(lsa=True),
    "registers": dict(registers=4),
    "class_blocks": dict(class_blocks=2),
    "MLP head": dict(representation_size=7),
    "dist_token": dict(dist_token=True),
    "norm_pre": dict(norm_pre=True),
    "fc_norm": dict(fc_norm=True),
    "eps": dict(eps=0.1),
}
POOLS = {"mean", "sequence", "patches", "cls_and_patches"}  # other than the class token
APART = {"class_blocks": POOLS | {"dist_token"}, "dist_token": POOLS | {"MLP head", "fc_norm"}, "cls_and_patches": {"fc_norm"}}


def go_together(first, second):
    """Whether two choices are of two fields, and make sense in one model."""
    apart = first in APART.get(second, ()) or second in APART.get(first, ())
    return not set(PARTS[first]) & set(PARTS[second]) and not apart


PAIRS = [(a, b) for i, a in enumerate(PARTS) for b in list(PARTS)[i + 1 :] if go_together(a, b)]


def config_with(*parts, **changes):
    chosen = {field: value for part in parts for field, value in PARTS[part].items()}
    return ViTConfig(**SIZES | chosen | changes)


def model_with(*parts, dtype=np.float64, seed=0, **changes):
    """Such a model, all its numbers drawn at random, since zeros hide mistakes."""
    rng = np.random.default_rng(seed)
    model = ViT(config_with(*parts, **changes), rng, dtype)
    for parameter in model.parameters():
        parameter.data[...] += (0.1 * rng.standard_normal(parameter.shape)).astype(dtype)
    return model


def some_images(count=3, seed=1, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal((count, 8, 12, 2)).astype(dtype)


def made_up_data(train=8, test=4):
    """A data set of noise."""
    rng = np.random.default_rng(2)
    images, labels = rng.random((train + test, 8, 12, 2), np.float32), rng.integers(5, size=train + test)
    classes = tuple("abcde")
    return Dataset("noise", classes, images[:train], labels[:train], images[train:], labels[train:], (0.5, 0.5), (0.3, 0.3))
