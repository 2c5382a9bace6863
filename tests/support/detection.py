"""A DETR small enough for tests, and scenes for it."""

import numpy as np

from minivit.data.scenes import Scenes
from minivit.models.detr import DETR
from minivit.models.detr_config import DETRConfig

SIZES = dict(image_size=(8, 12), patch_size=2, channels=1, classes=3, dim=8, depth=1, heads=2, mlp_dim=12, num_queries=5)

TOML = """\
data = "canvases"
[model]
kind = "detr"
patch_size = 8
dim = 8
depth = 1
heads = 2
mlp_dim = 8
num_queries = 4
[recipe]
epochs = 3
batch_size = 512
lr = 3e-3
validation = 0.1
ema = 0.9
"""


def tiny_detr(seed=0, dtype=np.float32, **changes):
    return DETR(DETRConfig(**SIZES | changes), seed, dtype)


def some_labels(rng, batch=2, most=3, classes=3):
    """Labels (B, M, 5): in image i, i + 1 objects; the others are not there."""
    labels = np.zeros((batch, most, 5), np.float32)
    labels[..., 0] = -1
    for i in range(batch):
        for j in range(i + 1):
            labels[i, j] = rng.integers(classes), *rng.uniform(0.3, 0.7, 2), *rng.uniform(0.1, 0.5, 2)
    return labels


def some_scenes(rng, count=4):
    """A data set whose images are noise, with objects that nobody can see."""
    images, labels = rng.random((count, 8, 12, 1), dtype=np.float32), some_labels(rng, count, most=count)
    return Scenes("noise", ("a", "b", "c"), images, labels, images, labels, (0.5,), (0.3,))
