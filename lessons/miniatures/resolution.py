"""A model that was trained on small images, tested on larger ones: the same patches, and more of them.

The images have nothing more to show, since they are the same, enlarged: what is asked is whether positions still say what they
said. The things in them are larger than any that were trained on, which costs every kind of positions alike.
"""

from dataclasses import replace

import numpy as np

from minivit import ops
from minivit.models.vit import ViT

from .runs import percent_right, train_network

SIZES = (28, 42, 56)
STEPS = 640  # 20 epochs
POSITIONS = {
    "learned, resized": {"pos_embed": "learned"},
    "sin-cos": {"pos_embed": "sincos2d"},
    "RoPE": {"pos_embed": "none", "relative_pos": "rope"},
    "mixed RoPE": {"pos_embed": "none", "relative_pos": "rope_mixed"},
}


def resized(pictures, size):
    """Pictures (B, H, W, C) at another size (height, width), linear between the four pixels around each place."""
    axes = [(np.arange(new) + 0.5) * old / new - 0.5 for new, old in zip(size, pictures.shape[1:3], strict=True)]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(1, -1, 2).astype(pictures.dtype)  # (1, H W, 2)
    places = np.broadcast_to(places, (len(pictures), *places.shape[1:]))
    read = ops.sample_bilinear.forward(pictures, places)[0]  # (B, H W, C)
    return read.reshape(len(pictures), *size, pictures.shape[3])


def at_size(model, size):
    """The model for images of another size, one number or (height, width): a ViT of that size with the same weights, of which
    learned positions are resized as a picture; the class token keeps its own. Positions that are not learned are computed for
    the larger grid. Raises ValueError if other weights depend on the size, as a table of relative positions does."""
    larger = ViT(replace(model.config, image_size=size), 0, model.head.weight.dtype)
    state = model.state_dict()
    if "pos_embed" in state:
        positions = state["pos_embed"]  # (1, 1 + N, D)
        first = positions.shape[1] - model.config.grid[0] * model.config.grid[1]
        picture = positions[:, first:].reshape(1, *model.config.grid, -1)  # (1, H/P, W/P, D)
        patches = resized(picture, larger.config.grid).reshape(1, -1, positions.shape[2])
        state["pos_embed"] = np.concatenate([positions[:, :first], patches], axis=1)
    larger.load_state_dict(state)
    return larger


def at_every_size(group, seed, steps=STEPS, images=None):
    """{size: {"accuracy": percent of the test images at that size}} after one training; with the first size what it took."""
    model, dataset, figures = train_network("fashion-mini", seed, steps, POSITIONS[group], images=images, threads=1)
    found = {SIZES[0]: {"accuracy": percent_right(model, dataset, 1)} | figures}
    for size in SIZES[1:]:
        enlarged = replace(dataset, test_images=resized(dataset.test_images.astype(np.float32), (size, size)))
        found[size] = {"accuracy": percent_right(at_size(model, size), enlarged, 1)}
    return found
