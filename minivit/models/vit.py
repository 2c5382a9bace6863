"""The Vision Transformer of "An Image is Worth 16x16 Words" (arXiv 2010.11929), the equations of its section 3.1:

    (1)  z_0  = [x_class; x_1 E; ...; x_N E] + E_pos        the stages patchify, patch_embed, embed_tokens
    (2)  z'_l = attention(LN(z_{l-1})) + z_{l-1}            blocks.0, blocks.1, ...; each is an nn.Block
    (3)  z_l  = MLP(LN(z'_l)) + z'_l
    (4)  y    = LN(z_L), of which the class token           norm, pool; and from y the head makes the logits

All else here is an option of ViTConfig, explained in config.py.

B batch, H W C image, P patch, N = (H/P)(W/P) patches, T = N + 1 tokens, D width, h heads, d = D / h, M MLP width, K classes
"""

import math

import numpy as np

from .. import ops
from ..checks import YES_OR_NO, choice, random_numbers, whole
from ..engine import Tensor
from ..nn import Dropout, LayerNorm, Linear, Module, zeros
from .config import ViTConfig
from .counting import Shapes
from .encoder import block_kinds, learned, registers, with_registers
from .heads import SequencePool, mean_of_heads, pooled, width, zero_head
from .images import as_read
from .positions import sincos2d
from .tokens import STEMS


class ViT(Module):
    """The model: `ViT(config, rng)` draws its weights from a numpy Generator, or from a seed; the head starts at zero, so that
    every class is equally likely at first and the first loss is ln K.

        logits = model(images)                        (B, H, W, C) to (B, K)
        logits, attention = model(images, return_attention=True)      and for each block an array (B, h, T, T), or of class
                                                                      attention (B, h, 1, T)
        for name, x in model.stages(images): ...      every stage on the way

    Raises ValueError for images of another size, and in training mode for a dropout rate above 0 without `rng`.
    """

    def __init__(self, config, rng=0, dtype=np.float32):
        if not isinstance(config, ViTConfig):
            raise ValueError(f"ViT takes a ViTConfig, ViT(ViTConfig.preset('Ti/16')); got {type(config).__name__}")
        if not hasattr(rng, "standard_normal"):
            rng = np.random.default_rng(whole("the seed of ViT", rng, least=0))
        self.config = config
        dim = config.dim
        if config.stem != "patch":
            self.stem = STEMS[config.stem](config, rng, dtype)
        self.patch_embed = Linear(config.patch_length, dim, rng, dtype)
        first = config.has_cls_token and not config.class_blocks  # with class blocks the first of them brings the class token
        self.cls_token = zeros((1, 1, dim), dtype) if first else None
        if config.dist_token:
            self.dist_token = learned((1, 1, dim), rng, dtype)
        self.pos_embed = self._positions(rng, dtype)
        if config.registers:
            self.reg_token = registers(config, rng, dtype)
        self.dropout = Dropout(config.dropout)
        if config.norm_pre:
            self.norm_pre = LayerNorm(dim, dtype, config.eps)
        rates = np.linspace(0, config.drop_path, config.depth)
        self.blocks = [
            kind(dim, config.heads, config.mlp_dim, rng, dtype, config.activation, config.dropout, float(rate), config.eps)
            for kind, rate in zip(block_kinds(config), rates, strict=True)  # nn.Block, unless other parts are asked for
        ]
        if config.fc_norm:
            self.fc_norm = LayerNorm(dim, dtype, config.eps)
        else:
            self.norm = LayerNorm(dim, dtype, config.eps)
        self.attention_pool = SequencePool(dim, rng, dtype) if config.pool == "sequence" else None
        if config.representation_size:
            self.pre_logits = Linear(width(config), config.representation_size, rng, dtype)
        self.head = zero_head(config, rng, dtype)
        if config.dist_token:
            self.head_dist = zero_head(config, rng, dtype)

    def _positions(self, rng, dtype):
        """(1, N+1, D), with no class token (1, N, D), with DeiT's two (1, N+2, D); or None. A class token's fixed one is zero."""
        config, first = self.config, 0 if self.cls_token is None else 1 + self.config.dist_token
        if config.pos_embed == "none":
            return None
        shape = (1, first + math.prod(config.grid), config.dim)
        if config.pos_embed == "learned":
            positions = config.pos_embed_std * rng.standard_normal(shape)
            return Tensor(positions.astype(dtype), requires_grad=True)
        fixed = np.zeros(shape, dtype)
        fixed[0, first:] = sincos2d(config.grid, config.dim)
        return Tensor(fixed)

    def stages(self, images, rng=None, attention=None):
        """(name, Tensor) after every stage of the forward pass, the image first and the logits last. A list given as
        `attention` receives each block's weights."""
        config, x = self.config, as_read(images, self.config, self.head.weight.dtype)
        rng = None if rng is None else random_numbers(rng)  # one Generator for all layers
        yield "image", x  # (B, H, W, C)
        p, q = config.patch_size
        if config.stem != "patch":
            x, p, q = self.stem(x), 1, 1  # (B, H/P, W/P, F), a pixel a patch
            yield "stem", x
        x = ops.patchify(x, patch_size=p if p == q else (p, q))  # (B, N, P*P*C)
        yield "patchify", x
        x = self.patch_embed(x)  # (B, N, D)
        yield "patch_embed", x
        if config.dist_token:
            x = ops.embed_tokens(x, self.dist_token, None)  # (B, 1+N, D)
        x = self.dropout(ops.embed_tokens(x, self.cls_token, self.pos_embed), rng)  # (B, T, D)
        yield "embed_tokens", x
        if config.registers:
            x = with_registers(x, self.reg_token, math.prod(config.grid))
            yield "registers", x
        if config.norm_pre:
            x = self.norm_pre(x)
            yield "norm_pre", x
        yield from self.stages_from(0, x, rng, attention)

    def stages_from(self, number, x, rng=None, attention=None):
        """The same from block `number` on, which reads the tokens x (B, T, D); `depth` begins with the last LayerNorm."""
        config = self.config
        for i, block in enumerate(self.blocks[number:], start=number):
            x = block(x, rng, attention)
            yield f"blocks.{i}", x
        if not config.fc_norm:
            x = self.norm(x)
            yield "norm", x
        x = pooled(x, config, self.attention_pool)  # (B, D), in the paper x[:, 0]
        yield "pool", x
        if config.fc_norm:
            x = self.fc_norm(x)
            yield "fc_norm", x
        if config.representation_size:
            x = ops.tanh(self.pre_logits(x))  # (B, R)
            yield "pre_logits", x
        yield "head", self.logits(x)  # (B, K)

    def logits(self, x):
        """What the head, or DeiT's two, make of what they read."""
        return mean_of_heads(x, self.head, self.head_dist) if self.config.dist_token else self.head(x)

    def forward_features(self, images, rng=None):
        """The tokens (B, T, D) that the head reads from, after the last LayerNorm unless fc_norm puts that behind the pooling."""
        last = f"blocks.{self.config.depth - 1}" if self.config.fc_norm else "norm"
        return next(x for name, x in self.stages(images, rng) if name == last)

    def __call__(self, images, rng=None, return_attention=False):
        attention = [] if choice("return_attention", return_attention, YES_OR_NO) else None
        for _, x in self.stages(images, rng, attention):
            pass
        return (x, attention) if return_attention else x


def _num_parameters(config):
    """How many numbers the model learns, counted from its parts; no memory is taken for its weights."""
    return ViT(config, Shapes()).num_parameters()


ViTConfig.num_parameters = _num_parameters
