"""What a token may see at the start: better ways from the image to the tokens than cutting it into patches.

A stem, chosen by the word `stem` of ViTConfig, is a Module that makes of images (B, H, W, C) a picture of features
(B, H/P, W/P, F), and patch_embed makes a token of each place. Beside it stand what it asks of the sizes (`check`), how many
features a place has (`features`), and the multiply-adds of its matrix products and convolutions for an image.
"""

import math

import numpy as np

from .. import ops
from ..backend import array_module
from ..engine import Tensor
from ..nn import MLP, Block, LayerNorm, Linear, Module
from .hybrid import ConvStem


def _square(config, least=2):
    p, q = config.patch_size
    if p != q or p < least:
        raise ValueError(
            f'stem="{config.stem}" needs square patches of at least {least} x {least} pixels; patch_size is {p} x {q}: '
            'choose another, or stem="patch"'
        )
    return p


class Overlap(Module):
    """One overlapping soft split: windows of 2P - 1 pixels at a distance of P, zero beyond the border, in the place of patches
    that end where the next begin. With patch_embed behind it, it is a convolution of that size and stride.
    (PVT v2, arXiv 2106.13797, section 3.2.)    (B, H, W, C) to (B, H/P, W/P, (2P-1)^2 C)."""

    def __init__(self, config, rng, dtype):
        self.patch, self.grid = config.patch_size[0], config.grid

    def __call__(self, images):
        return _split(images, 2 * self.patch - 1, self.patch, self.patch // 2, self.grid)

    check = staticmethod(_square)

    @staticmethod
    def features(config):
        return (2 * config.patch_size[0] - 1) ** 2 * config.channels

    @staticmethod
    def multiply_adds(config):
        return 0


def _split(picture, size, stride, padding, grid):
    """The soft split: (B, H, W, C) to (B, rows, columns, size size C), windows that overlap where stride < size."""
    windows = ops.unfold(picture, size=size, stride=stride, padding=padding)  # (B, rows columns, size size C)
    return ops.reshape(windows, shape=(windows.shape[0], *grid, windows.shape[2]))


class TokenTransformer(Module):
    """A small Transformer of one head between two splits: tokens of `inputs` numbers to `width`. Since the widths differ, what
    goes past attention is v: x = v + proj(attention(q, k, v)), then x + MLP(norm(x)), the MLP as wide as the token."""

    def __init__(self, inputs, width, rng, dtype, eps):
        self.norm1 = LayerNorm(inputs, dtype, eps)
        self.qkv = Linear(inputs, 3 * width, rng, dtype, parts=3)
        self.proj = Linear(width, width, rng, dtype)
        self.norm2 = LayerNorm(width, dtype, eps)
        self.mlp = MLP(width, width, rng, dtype)

    def __call__(self, x):
        q, k, v = ops.split_heads(self.qkv(self.norm1(x)), heads=1)  # 3 of (B, 1, N, width)
        x = ops.merge_heads(v) + self.proj(ops.merge_heads(ops.attention(q, k, v)))  # (B, N, width)
        return x + self.mlp(self.norm2(x))


# {P: (size, stride, padding) of each split}
SPLITS = {
    2: ((3, 1, 1), (3, 2, 1)),
    4: ((3, 2, 1), (3, 2, 1)),
    7: ((7, 4, 2), (3, 2, 1)),
    8: ((7, 4, 2), (3, 2, 1)),
    16: ((7, 4, 2), (3, 2, 1), (3, 2, 1)),
}


class T2T(Module):
    """Tokens to tokens (arXiv 2101.11986, section 3.1): soft splits, one after another, and between them a small Transformer on
    the tokens, which are then a picture again: (B, H, W, C) to (B, H/P, W/P, 9 width). Which splits a patch size stands for is
    in SPLITS: 16 is the paper's; with 7, an image of 28 pixels becomes 4 x 4 tokens."""

    def __init__(self, config, rng, dtype):
        self.splits = self.layers(config)
        width, inputs = self.width(config), [count for *_, count in self.splits[:-1]]
        self.transformers = [TokenTransformer(count, width, rng, dtype, config.eps) for count in inputs]

    def __call__(self, x):
        for i, (grid, split, _) in enumerate(self.splits):
            x = _split(x, *split, grid)  # (B, rows, columns, size size C)
            if i < len(self.transformers):
                tokens = ops.reshape(x, shape=(x.shape[0], math.prod(grid), x.shape[3]))
                tokens = self.transformers[i](tokens)  # (B, rows columns, width)
                x = ops.reshape(tokens, shape=(x.shape[0], *grid, tokens.shape[2]))
        return x

    @staticmethod
    def width(config):
        return 64 if config.patch_size[0] >= 16 else 32

    @classmethod
    def layers(cls, config):
        """((rows, columns), (size, stride, padding), numbers a window) of each split."""
        sizes, channels, layers = config.image_size, config.channels, []
        for size, stride, padding in SPLITS[config.patch_size[0]]:
            sizes = tuple((length + 2 * padding - size) // stride + 1 for length in sizes)
            layers.append((sizes, (size, stride, padding), size * size * channels))
            channels = cls.width(config)
        return layers

    @classmethod
    def check(cls, config):
        patch = _square(config)
        if patch not in SPLITS:
            raise ValueError(f'stem="t2t" has splits for patches of {", ".join(map(str, SPLITS))} pixels; got {patch}')
        rows, columns = cls.layers(config)[-1][0]
        if (rows, columns) != config.grid:
            raise ValueError(
                f'stem="t2t": the splits for patches of {patch} make {rows} x {columns} tokens of this image, and not '
                f"{config.grid[0]} x {config.grid[1]}: choose another patch_size or image_size"
            )

    @classmethod
    def features(cls, config):
        return cls.layers(config)[-1][2]

    @classmethod
    def multiply_adds(cls, config):
        width, total = cls.width(config), 0
        for grid, _, inputs in cls.layers(config)[:-1]:
            tokens = math.prod(grid)
            total += tokens * (3 * inputs * width + 3 * width * width) + 2 * tokens * tokens * width
        return total


class Shifted(Module):
    """Shifted patch tokenization (arXiv 2112.13492, section 3.1): the image, and four copies of it that are shifted by half a
    patch along the diagonals, one behind the other in the channels; then cut into patches and normalised, so that a patch sees
    half of each neighbour. (B, H, W, C) to (B, H/P, W/P, 5 P P C)."""

    def __init__(self, config, rng, dtype):
        self.grid, (p, q) = config.grid, config.patch_size
        self.patch_size, self.half = p if p == q else (p, q), (p // 2, q // 2)
        self.norm = LayerNorm(self.features(config), dtype, config.eps)

    def __call__(self, images):
        height, width = images.shape[1:3]
        high, wide = self.half
        framed = _framed(images, high, wide)
        corners = ((high, wide), (0, 0), (0, 2 * wide), (2 * high, 0), (2 * high, 2 * wide))  # the first is the image itself
        copies = [framed[:, i : i + height, j : j + width] for i, j in corners]
        patches = ops.patchify(ops.concatenate(*copies, axis=3), patch_size=self.patch_size)  # (B, N, 5 P P C)
        return ops.reshape(self.norm(patches), shape=(patches.shape[0], *self.grid, patches.shape[2]))

    @staticmethod
    def check(config):
        if min(config.patch_size) < 2:
            raise ValueError('stem="shifted" shifts by half a patch: patch_size must be at least 2')

    @staticmethod
    def features(config):
        return 5 * math.prod(config.patch_size) * config.channels

    @staticmethod
    def multiply_adds(config):
        return 0


def _framed(images, high, wide):
    """The images with `high` rows and `wide` columns of zeros on each side."""
    for axis, count in ((1, high), (2, wide)):
        shape = [count if i == axis else length for i, length in enumerate(images.shape)]
        border = array_module(images.data).zeros(shape, images.dtype)
        images = ops.concatenate(border, images, border, axis=axis)
    return images


class Progressive(Module):
    """Progressive sampling (PS-ViT, arXiv 2108.01684, section 3.1): tokens that move to where there is something to see. A few
    convolutions make features F, twice as fine as the grid; the places p start on the grid, and in each of 4 rounds

        x = F(p) + W_pos p + x          F(p): the features, sampled between four pixels; x from the round before
        x = Block(x)                    a plain encoder block
        p = p + W_o x                   but not after the last; W_o is zero at the start

    The gradient of a place goes to the offset that moved it there last and no further. (B, H, W, C) to (B, H/P, W/P, D).
    The rounds are blocks beside the model's own `depth`.
    """

    ROUNDS = 4

    def __init__(self, config, rng, dtype):
        dim, self.grid = config.dim, config.grid
        self.convs = ConvStem(config, rng, dtype, patch=config.patch_size[0] // 2)
        self.pos = Linear(2, dim, rng, dtype)
        self.blocks = [Block(dim, config.heads, config.mlp_dim, rng, dtype, eps=config.eps) for _ in range(self.ROUNDS)]
        self.offsets = [Linear(dim, 2, rng, dtype) for _ in range(self.ROUNDS - 1)]
        for offset in self.offsets:
            offset.weight.data = np.zeros_like(offset.weight.data)
        grid = np.stack(np.meshgrid(*map(np.arange, self.grid), indexing="ij"), axis=-1)  # (rows, columns, 2)
        self.places = Tensor((2 * grid.reshape(1, -1, 2) + 0.5).astype(dtype))  # (1, N, 2): between the four pixels of a patch
        self.scale = Tensor(np.array([1 / rows for rows in self.grid], dtype))  # pixels of F to -1 ... 1

    def __call__(self, images):
        features = self.convs(images)  # (B, 2H/P, 2W/P, D)
        batch, *_, dim = features.shape
        places, x = ops.broadcast_to(self.places, shape=(batch, *self.places.shape[1:])), None  # (B, N, 2)
        for i, block in enumerate(self.blocks):
            seen = ops.sample_bilinear(features, places) + self.pos(places * self.scale - 1)  # (B, N, D)
            x = block(seen if x is None else seen + x)
            if i < len(self.offsets):
                places = self.offsets[i](x) + places.data
        return ops.reshape(x, shape=(batch, *self.grid, dim))

    @staticmethod
    def check(config):
        ConvStem.check(config)

    @staticmethod
    def features(config):
        return config.dim

    @classmethod
    def multiply_adds(cls, config):
        D, N, M = config.dim, math.prod(config.grid), config.mlp_dim
        block = N * (4 * D * D + 2 * D * M) + 2 * N * N * D
        places = 2 * N * D * (cls.ROUNDS + cls.ROUNDS - 1)  # W_pos in each round, W_o in all but the last
        return ConvStem.multiply_adds(config, config.patch_size[0] // 2) + cls.ROUNDS * block + places


STEMS = {"conv": ConvStem, "overlap": Overlap, "t2t": T2T, "shifted": Shifted, "progressive": Progressive}
