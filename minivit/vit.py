"""The Vision Transformer of "An Image is Worth 16x16 Words" (arXiv 2010.11929).

B batch, H W C image, P patch, N = (H/P)(W/P) patches, T = N + 1 tokens, D width, h heads, d = D / h, M MLP width, K classes
"""

import math
from dataclasses import dataclass

import numpy as np

from . import ops
from .engine import Tensor
from .nn import Block, Dropout, LayerNorm, Linear, Module, xavier_uniform, zeros

# Table 1 of the paper, and Ti and S of DeiT (arXiv 2012.12877):
#           depth    D    MLP  heads
SIZES = {
    "Ti": (12, 192, 768, 3),
    "S": (12, 384, 1536, 6),
    "B": (12, 768, 3072, 12),
    "L": (24, 1024, 4096, 16),
    "H": (32, 1280, 5120, 16),
}
PRESETS = ("Ti/16", "S/16", "B/32", "B/16", "L/32", "L/16", "H/14")
CHOICES = {
    "pool": ("cls", "mean"),
    "pos_embed": ("learned", "sincos2d", "none"),
    "stem": ("patch", "conv"),
    "activation": ("gelu", "gelu_tanh"),
}


def _whole(number):
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


@dataclass(frozen=True)
class ViTConfig:
    """Every size of a ViT. Raises ValueError, with the remedy, for sizes that do not fit together.

    image_size, patch_size   pixels, one number or (height, width)
    dim, depth, heads        D, the number of blocks, h
    mlp_dim                  M, the width inside the MLP
    pool                     what the head reads: the class token ("cls"), or the mean of all tokens ("mean", no class token)
    pos_embed                "learned", "sincos2d" (fixed sines and cosines), or "none"
    pos_embed_std            of the learned positions at the start. 0.02 suits long training; with few images and steps, a larger
                             one spares the model finding out where each patch was: see configs/digits.toml
    stem                     "patch" cuts the image itself; "conv" is the hybrid: a few convolutions first (see ConvStem)
    activation               "gelu", exact, or "gelu_tanh", as in the paper's own code
    representation_size      a number puts the paper's tanh layer of that width in front of the head
    dropout                  rate, after embed_tokens, proj, fc1 (past its GELU) and fc2
    drop_path                rate at the last block, growing linearly from 0 at the first
    """

    image_size: int | tuple
    patch_size: int | tuple
    channels: int
    classes: int
    dim: int
    depth: int
    heads: int
    mlp_dim: int
    pool: str = "cls"
    pos_embed: str = "learned"
    pos_embed_std: float = 0.02
    stem: str = "patch"
    activation: str = "gelu"
    representation_size: int | None = None
    dropout: float = 0.0
    drop_path: float = 0.0

    def __post_init__(self):
        for name in ("image_size", "patch_size"):
            value = getattr(self, name)
            value = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
            if len(value) != 2 or not all(_whole(n) for n in value):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be one or two whole numbers above 0")
            object.__setattr__(self, name, value)
        for name in ("channels", "classes", "dim", "depth", "heads", "mlp_dim", "representation_size"):
            value = getattr(self, name)
            optional = name == "representation_size" and value is None
            if not optional and not _whole(value):
                raise ValueError(f"{name} is {value!r}; it must be a whole number above 0")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(choices)}")
        for name in ("dropout", "drop_path"):
            rate = getattr(self, name)
            if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
                raise ValueError(f"{name} is {rate!r}; a rate is at least 0 and below 1")
        std = self.pos_embed_std
        if isinstance(std, bool) or not isinstance(std, int | float) or not 0 <= std < math.inf:
            raise ValueError(f"pos_embed_std is {std!r}; a standard deviation is a number that is not negative")
        self._check_fit()

    def _check_fit(self):
        (height, width), (p, q), dim = self.image_size, self.patch_size, self.dim
        if height % p or width % q:
            raise ValueError(
                f"patches of {p} x {q} do not divide images of {height} x {width}: "
                f"resize the images to {max(1, round(height / p)) * p} x {max(1, round(width / q)) * q}, or change patch_size"
            )
        if dim % self.heads:
            raise ValueError(
                f"{self.heads} heads do not divide dim {dim}: take dim {-(-dim // self.heads) * self.heads}, or other heads"
            )
        if self.pos_embed == "sincos2d" and dim % 4:
            raise ValueError(f"sincos2d positions need a dim that is a multiple of 4; got {dim}")
        if self.stem == "conv" and (p != q or p < 2 or p & (p - 1) or dim % p):
            raise ValueError(
                f'stem="conv" halves {p} x {q} patches to 1 x 1 and doubles its width to dim: '
                f"patch_size must be a power of 2 that divides dim {dim}"
            )

    @classmethod
    def preset(cls, name, **changes):
        """One of the paper's models by name, "B/16", for 224 x 224 RGB images and 1000 classes; `changes` replace fields."""
        if name not in PRESETS:
            raise ValueError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
        size, _, patch = name.partition("/")
        depth, dim, mlp_dim, heads = SIZES[size]
        fields = {"image_size": 224, "patch_size": int(patch), "channels": 3, "classes": 1000}
        fields |= {"dim": dim, "depth": depth, "heads": heads, "mlp_dim": mlp_dim}
        return cls(**fields | changes)

    @property
    def grid(self):
        """(H/P, W/P): how many patches down and across."""
        return self.image_size[0] // self.patch_size[0], self.image_size[1] // self.patch_size[1]

    @property
    def tokens(self):
        """T: the patches, and the class token if there is one."""
        return math.prod(self.grid) + (self.pool == "cls")

    @property
    def patch_length(self):
        """How many numbers patch_embed reads a token: P P C, or the stem's D."""
        return self.dim if self.stem == "conv" else math.prod(self.patch_size) * self.channels

    def stem_layers(self):
        """(height, width, channels in, channels out) of each convolution of the hybrid's stem; none without one."""
        if self.stem == "patch":
            return []
        halvings = self.patch_size[0].bit_length() - 1  # of a power of 2
        widths = [self.dim >> (halvings - i) for i in range(halvings + 1)]  # D/P, ..., D/2, D
        (height, width), inputs, layers = self.image_size, self.channels, []
        for i, outputs in enumerate(widths):
            shrink = max(0, i - 1)
            layers.append((height >> shrink, width >> shrink, inputs, outputs))
            inputs = outputs
        return layers

    def num_parameters(self):
        """How many numbers the model learns, by formula: no model is built."""
        D, M = self.dim, self.mlp_dim
        stem = sum(9 * inputs * outputs + outputs for _, _, inputs, outputs in self.stem_layers())
        embedding = (self.patch_length + 1) * D + (self.pool == "cls") * D + (self.pos_embed == "learned") * self.tokens * D
        block = 4 * D + (D + 1) * 3 * D + (D + 1) * D + (D + 1) * M + (M + 1) * D
        width = self.representation_size or D
        pre_logits = (D + 1) * width if self.representation_size else 0
        return stem + embedding + self.depth * block + 2 * D + pre_logits + (width + 1) * self.classes

    def multiply_adds(self):
        """Multiply-adds of the matrix products of one image's forward pass, q k^T and p v included; FLOPs are twice that."""
        D, M, T = self.dim, self.mlp_dim, self.tokens
        stem = sum(height * width * 9 * inputs * outputs for height, width, inputs, outputs in self.stem_layers())
        block = T * (4 * D * D + 2 * D * M) + 2 * T * T * D
        width = self.representation_size or D
        head = (D * width if self.representation_size else 0) + width * self.classes
        return stem + math.prod(self.grid) * self.patch_length * D + self.depth * block + head


def sincos2d(grid, dim):
    """Fixed positions, (N, D): a quarter of the numbers each sin and cos of the column and of the row, at frequencies from 1
    down to 1/10000, as in Vaswani et al. 2017, section 3.5, for two axes."""
    rows, columns = np.meshgrid(np.arange(grid[0]), np.arange(grid[1]), indexing="ij")
    frequencies = 1 / 10000 ** (np.arange(dim // 4) / max(1, dim // 4 - 1))  # (D/4,)
    angles = [axis.reshape(-1, 1) * frequencies for axis in (columns, rows)]  # 2 of (N, D/4)
    return np.concatenate([f(a) for a in angles for f in (np.sin, np.cos)], axis=1)


class Conv3x3(Module):
    """A 3 x 3 convolution that keeps height and width, with ReLU."""

    def __init__(self, inputs, outputs, rng, dtype):
        self.weight = xavier_uniform(rng, (3, 3, inputs, outputs), dtype)
        self.bias = zeros(outputs, dtype)

    def __call__(self, x):
        return ops.relu(ops.conv2d(x, self.weight, self.bias, padding=1))


class ConvStem(Module):
    """The hybrid's stem: convolutions in front of the tokens, so that a token knows its neighbours (ViT section 3.1,
    "Hybrid Architecture"; small and trained from the start as in compact transformers, arXiv 2104.05704).
    One convolution at full size, then one and a 2 x 2 max pooling for each halving: (B, H, W, C) to (B, H/P, W/P, D)."""

    def __init__(self, config, rng, dtype):
        self.convs = [Conv3x3(inputs, outputs, rng, dtype) for _, _, inputs, outputs in config.stem_layers()]

    def __call__(self, x):
        x = self.convs[0](x)
        for conv in self.convs[1:]:
            x = ops.max_pool2d(conv(x), 2)
        return x


class ViT(Module):
    """The model: `ViT(config, rng)` draws its weights from a numpy Generator; the head starts at zero, so that every class
    is equally likely at first and the first loss is ln K.

        logits = model(images)                        (B, H, W, C) to (B, K)
        logits, attention = model(images, return_attention=True)      and for each block an array (B, h, T, T)
        for name, x in model.stages(images): ...      every stage on the way

    Raises ValueError for images of another size, and in training mode for a dropout rate above 0 without `rng`.
    """

    def __init__(self, config, rng, dtype=np.float32):
        self.config = config
        dim = config.dim
        if config.stem == "conv":
            self.stem = ConvStem(config, rng, dtype)
        self.patch_embed = Linear(config.patch_length, dim, rng, dtype)
        self.cls_token = zeros((1, 1, dim), dtype) if config.pool == "cls" else None
        self.pos_embed = self._positions(rng, dtype)
        self.dropout = Dropout(config.dropout)
        rates = np.linspace(0, config.drop_path, config.depth)
        self.blocks = [
            Block(dim, config.heads, config.mlp_dim, rng, dtype, config.activation, config.dropout, float(rate)) for rate in rates
        ]
        self.norm = LayerNorm(dim, dtype)
        if config.representation_size:
            self.pre_logits = Linear(dim, config.representation_size, rng, dtype)
        self.head = Linear(config.representation_size or dim, config.classes, rng, dtype)
        self.head.weight.data[...] = 0

    def _positions(self, rng, dtype):
        """(1, T, D), or None. The class token's fixed position is zero."""
        config = self.config
        if config.pos_embed == "none":
            return None
        if config.pos_embed == "learned":
            positions = config.pos_embed_std * rng.standard_normal((1, config.tokens, config.dim))
            return Tensor(positions.astype(dtype), requires_grad=True)
        fixed = np.zeros((1, config.tokens, config.dim), dtype)
        fixed[0, config.pool == "cls" :] = sincos2d(config.grid, config.dim)
        return Tensor(fixed)

    def _check(self, images):
        expected = (*self.config.image_size, self.config.channels)
        shape = getattr(images, "shape", None)
        if shape is None or len(shape) != 4 or tuple(shape[1:]) != expected:
            raise ValueError(
                f"this model reads images of shape (batch, {', '.join(map(str, expected))}); got {shape}: "
                f"resize them to {expected[0]} x {expected[1]} pixels, and put {expected[2]} channel(s) on the last axis"
            )
        if images.dtype.kind != "f":
            raise ValueError(f"images must be floating-point numbers, normalised as in training; got {images.dtype}")

    def stages(self, images, rng=None, attention=None):
        """(name, Tensor) after every stage of the forward pass, the image first and the logits last. A list given as
        `attention` receives each block's weights."""
        self._check(images)
        x = images if isinstance(images, Tensor) else Tensor(images)
        rng = None if rng is None else np.random.default_rng(rng)  # from an int too, one Generator for all layers
        dtype = self.head.weight.dtype
        if x.dtype != dtype:
            if x.requires_grad:
                raise ValueError(f"the images are {x.dtype} and require a gradient, and the model is {dtype}: make them {dtype}")
            x = Tensor(x.data.astype(dtype))
        yield "image", x  # (B, H, W, C)
        if self.config.stem == "conv":
            x = self.stem(x)  # (B, H/P, W/P, D)
            yield "stem", x
            x = ops.patchify(x, patch_size=1)  # (B, N, D)
        else:
            p, q = self.config.patch_size
            x = ops.patchify(x, patch_size=p if p == q else (p, q))  # (B, N, P*P*C)
        yield "patchify", x
        x = self.patch_embed(x)  # (B, N, D)
        yield "patch_embed", x
        x = self.dropout(ops.embed_tokens(x, self.cls_token, self.pos_embed), rng)  # (B, T, D)
        yield "embed_tokens", x
        for i, block in enumerate(self.blocks):
            x = block(x, rng, attention)
            yield f"blocks.{i}", x
        x = self.norm(x)
        yield "norm", x
        x = x[:, 0] if self.config.pool == "cls" else x.mean(axis=1)  # (B, D)
        yield "pool", x
        if self.config.representation_size:
            x = ops.tanh(self.pre_logits(x))  # (B, R)
            yield "pre_logits", x
        yield "head", self.head(x)  # (B, K)

    def __call__(self, images, rng=None, return_attention=False):
        attention = [] if return_attention else None
        for _, x in self.stages(images, rng, attention):
            pass
        return (x, attention) if return_attention else x
