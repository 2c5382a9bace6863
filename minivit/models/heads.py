"""What is read of the tokens behind the last block, and by whom: poolings beside the plain one, which takes the class token.

Pretrained models differ here. Their tokens stand in this order, timm's: class token, distillation token, registers, patches.

    pool               read
    "cls"              the class token
    "patches"          the mean of the patches, beside a class token that nobody reads (MAE, arXiv 2111.06377, fine-tuned)
    "cls_and_patches"  the class token and that mean, one behind the other, 2D numbers (DINOv2's linear head, arXiv 2304.07193)
    "mean"             the mean of the patches; there is no class token
    "sequence"         a mean with weights of its own, of the patches; there is no class token

No pooling reads a register. `fc_norm` puts the last LayerNorm behind the pooling, where it normalises the one vector that the
head reads. `norm_pre` puts another one in front of the first block (CLIP, arXiv 2103.00020). `dist_token` is a second class token
with a head of its own, which DeiT (arXiv 2012.12877) trains by a teacher's answers; logits are the mean of both heads, here in
training too.
"""

import math

import numpy as np

from .. import ops
from ..nn import Linear, Module, xavier_uniform

WITH_CLASS_TOKEN = ("cls", "patches", "cls_and_patches")


class SequencePool(Module):
    """y = softmax(x w)^T x: a mean of the tokens whose weights the model gives itself, (B, N, D) to (B, D).
    (Compact transformers, arXiv 2104.05704, section 3.2.)"""

    def __init__(self, dim, rng, dtype):
        self.weight = xavier_uniform(rng, (dim, 1), dtype)

    def __call__(self, x):
        weights = ops.softmax(ops.transpose(ops.matmul(x, self.weight), axes=(0, 2, 1)))  # (B, 1, N)
        return ops.matmul(weights, x)[:, 0]


def pooled(x, config, attention_pool=None):
    """What the head reads of the tokens (B, T, D): (B, D), or of class token and patches (B, 2D), or for two heads (B, 2, D)."""
    if config.pool == "cls":
        return x[:, :2] if config.dist_token else x[:, 0]
    front = x.shape[1] - math.prod(config.grid)
    patches = x[:, front:] if front else x  # (B, N, D)
    if config.pool == "sequence":
        return attention_pool(patches)
    mean = patches.mean(axis=1)
    return ops.concatenate(x[:, 0], mean, axis=1) if config.pool == "cls_and_patches" else mean


def width(config):
    """How many numbers a head reads."""
    return config.dim * (2 if config.pool == "cls_and_patches" else 1)


def zero_head(config, rng, dtype):
    """A linear layer to the logits whose weights start at zero."""
    head = Linear(config.representation_size or width(config), config.classes, rng, dtype)
    head.weight.data = np.zeros_like(head.weight.data)
    return head


def mean_of_heads(x, head, head_dist):
    """(B, 2, D) to (B, K): the class token to its head, the distillation token to its own."""
    return (head(x[:, 0]) + head_dist(x[:, 1])) * 0.5


def check(config):
    """Raises ValueError for parts that do not go together."""
    c = config
    if c.dist_token and (c.pool != "cls" or c.class_blocks):
        had = f"class_blocks={c.class_blocks}" if c.class_blocks else f'pool="{c.pool}"'
        raise ValueError(
            'dist_token stands beside the class token from the first block on, and each has its head: it needs pool="cls" and '
            f"class_blocks=0; got {had}"
        )
    if c.dist_token and c.representation_size:
        raise ValueError(
            f"dist_token has a head of its own, and representation_size={c.representation_size} would put a layer in front of "
            "the other head only: leave one of them out"
        )
    if c.fc_norm and (c.dist_token or c.pool == "cls_and_patches"):
        had = "dist_token" if c.dist_token else 'pool="cls_and_patches"'
        raise ValueError(f"fc_norm normalises one vector behind the pooling, and with {had} the head reads two: fc_norm=False")


def multiply_adds(config):
    """Of the pooling and all that stands behind it, for one image."""
    D, R = width(config), config.representation_size
    pool = 2 * math.prod(config.grid) * config.dim if config.pool == "sequence" else 0
    return pool + (D * R if R else 0) + (R or D) * config.classes * (2 if config.dist_token else 1)
