"""Encoder blocks of other parts than the plain one's: LayerScale, QK-norm, LSA, SwiGLU, relative positions, class attention;
and in front of them, registers. A model that names none of them has plain blocks, see nn.Block.

Each part is chosen by a field of ViTConfig; at the end stand what they ask of each other (`check`), and what they cost.
"""

import functools
import math

import numpy as np

from .. import ops
from ..engine import Tensor
from ..nn import MLP, Attention, Block, Dropout, LayerNorm, Linear, Module
from .positions import IN_ATTENTION, PEG, POSITIONS, tokens_in_blocks


class LayerScale(Module):
    """y = gamma * x, a number for each channel, all `start` at first: a block that changes x little can be stacked deep.
    (CaiT, arXiv 2103.17239, section 2: 0.1 for 18 blocks, 1e-5 for 24, 1e-6 for more.)"""

    def __init__(self, dim, start, dtype):
        self.gamma = Tensor(np.full(dim, start, dtype), requires_grad=True)

    def __call__(self, x):
        return x * self.gamma


def swiglu_width(mlp_dim):
    """Of SwiGLU's three matrices, so that they hold about as many numbers as the MLP's two: 2/3 of it, a multiple of 8. Each
    multiple of 8 is the width of some mlp_dim: h of 3 h / 2."""
    return 8 * max(1, round(mlp_dim / 12))


class SwiGLU(Module):
    """An MLP with a gate, (silu(x W1) * x W2) W3, in the place of GELU's (arXiv 2002.05202). fc1 holds W1 and W2, one beside the
    other: (B, T, D) to (B, T, 2 hidden); fc2 is W3."""

    def __init__(self, dim, mlp_dim, rng, dtype=np.float32, dropout=0.0):
        self.hidden = swiglu_width(mlp_dim)
        self.fc1 = Linear(dim, 2 * self.hidden, rng, dtype, parts=2)
        self.fc2 = Linear(self.hidden, dim, rng, dtype)
        self.dropout = Dropout(dropout)

    def __call__(self, x, rng=None):
        x = self.fc1(x)  # (B, T, 2 hidden)
        x = ops.silu(x[..., : self.hidden]) * x[..., self.hidden :]  # (B, T, hidden)
        return self.dropout(self.fc2(self.dropout(x, rng)), rng)  # (B, T, D)


class ChosenAttention(Attention):
    """Self-attention whose scores know more than q k^T / sqrt(d); (B, T, D) to (B, T, D).

    qk_norm         q and k are normalised, a head each, so that scores cannot grow without bound (ViT-22B, arXiv 2302.05442)
    lsa             locality self-attention (arXiv 2112.13492, section 3.2): no token looks at itself, and sqrt(d) becomes a
                    temperature that is learned for each head
    relative_pos    see positions.py
    """

    def __init__(self, config, rng, dtype, dropout):
        super().__init__(config.dim, config.heads, rng, dtype, dropout)
        width = config.dim // config.heads
        if config.qk_norm:
            self.q_norm, self.k_norm = (LayerNorm(width, dtype, config.eps) for _ in range(2))
        if config.relative_pos in IN_ATTENTION:
            self.rel_pos = IN_ATTENTION[config.relative_pos](config, rng, dtype)
        if config.lsa:
            self.temperature = Tensor(np.full((config.heads, 1, 1), math.sqrt(width), dtype), requires_grad=True)
            self.others = Tensor(~np.eye(tokens_in_blocks(config), dtype=bool))  # (T, T): True attends
        self.config = config

    def __call__(self, x, rng=None, attention=None):
        q, k, v = ops.split_heads(self.qkv(x), heads=self.heads)  # 3 of (B, h, T, d)
        bias = None
        if self.config.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.config.lsa:
            q = q * (math.sqrt(q.shape[-1]) / self.temperature)  # the op divides by sqrt(d)
        if self.config.relative_pos in IN_ATTENTION:
            q, k, bias = self.rel_pos(q, k)
        if self.config.lsa:
            bias = self.others if bias is None else ops.where(self.others, bias, -math.inf)
        y = attend(q, k, v, bias, attention)  # (B, h, T, d)
        return self.dropout(self.proj(ops.merge_heads(y)), rng)  # (B, T, D)


def attend(q, k, v, bias, attention):
    """ops.attention; bias, or a mask, is a Tensor or None. Its weights are appended to `attention`, if that is a list."""
    if attention is not None:
        attention.append(ops.attention_weights(q.data, k.data, None if bias is None else bias.data))
    return ops.attention(q, k, v) if bias is None else ops.attention(q, k, v, bias)


def in_heads(x, heads):
    """(B, T, D) to (B, h, T, d): what ops.merge_heads undoes."""
    batch, tokens, dim = x.shape
    return ops.transpose(ops.reshape(x, shape=(batch, tokens, heads, dim // heads)), axes=(0, 2, 1, 3))


class ClassAttention(Module):
    """Attention in which the class token alone asks (CaiT, arXiv 2103.17239, section 3): (B, T, D) to (B, 1, D), q from the first
    token, k and v from all. Its weights are a row, (B, h, 1, T), and it costs about a third of self-attention."""

    def __init__(self, config, rng, dtype, dropout):
        dim, self.heads = config.dim, config.heads
        self.q, self.k, self.v, self.proj = (Linear(dim, dim, rng, dtype) for _ in range(4))
        self.qk_norm = config.qk_norm
        if config.qk_norm:
            self.q_norm, self.k_norm = (LayerNorm(dim // self.heads, dtype, config.eps) for _ in range(2))
        self.dropout = Dropout(dropout)

    def __call__(self, x, rng=None, attention=None):
        parts = self.q(x[:, :1]), self.k(x), self.v(x)
        q, k, v = (in_heads(part, self.heads) for part in parts)  # (B, h, 1, d), 2 of (B, h, T, d)
        if self.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        y = attend(q, k, v, None, attention)  # (B, h, 1, d)
        return self.dropout(self.proj(ops.merge_heads(y)), rng)  # (B, 1, D)


def _as_it_is(x):
    return x


class ChosenBlock(Module):
    """x + ls1(attention(norm1(x))), then x + ls2(mlp(norm2(x))), then PEG behind the first block: nn.Block with the parts that
    the config names, in its places. `number` counts the blocks from 0."""

    attention = ChosenAttention

    def __init__(self, config, number, dim, heads, mlp_dim, rng, dtype, activation, dropout, drop_path, eps):
        self.norm1 = LayerNorm(dim, dtype, eps)
        self.attn = self.attention(config, rng, dtype, dropout)
        self.norm2 = LayerNorm(dim, dtype, eps)
        gated = activation == "swiglu"
        self.mlp = SwiGLU(dim, mlp_dim, rng, dtype, dropout) if gated else MLP(dim, mlp_dim, rng, dtype, activation, dropout)
        self.ls1 = self.ls2 = self.peg = _as_it_is
        if config.layer_scale:
            self.ls1, self.ls2 = (LayerScale(dim, config.layer_scale, dtype) for _ in range(2))
        if config.relative_pos == "peg" and number == 0:
            self.peg = PEG(config, rng, dtype)
        self.drop_path = Dropout(drop_path, ops.drop_path)

    def __call__(self, x, rng=None, attention=None):
        x = x + self.drop_path(self.ls1(self.attn(self.norm1(x), rng, attention)), rng)
        x = x + self.drop_path(self.ls2(self.mlp(self.norm2(x), rng)), rng)
        return self.peg(x)


def learned(shape, rng, dtype, std=0.02):
    """Learned tokens at the start: normal random numbers of that standard deviation."""
    return Tensor((std * rng.standard_normal(shape)).astype(dtype), requires_grad=True)


class ClassBlock(ChosenBlock):
    """A block of class attention: the class token, which stands first, looks at all; the other tokens stay as they are. The
    first of these blocks brings it: (B, N, D) to (B, 1 + N, D). Relative positions and lsa are not for it: it has no place."""

    attention = ClassAttention

    def __init__(self, config, number, dim, heads, mlp_dim, rng, dtype, *others):
        super().__init__(config, number, dim, heads, mlp_dim, rng, dtype, *others)
        self.cls_token = None
        if number == config.depth - config.class_blocks:  # not zero, as it has no position, and LayerNorm divides by its length
            self.cls_token = learned((1, 1, dim), rng, dtype)

    def __call__(self, x, rng=None, attention=None):
        if self.cls_token is not None:
            x = ops.embed_tokens(x, self.cls_token, None)  # (B, T, D)
        first = x[:, :1] + self.drop_path(self.ls1(self.attn(self.norm1(x), rng, attention)), rng)  # (B, 1, D)
        first = first + self.drop_path(self.ls2(self.mlp(self.norm2(first), rng)), rng)
        return ops.concatenate(first, x[:, 1:], axis=1)  # (B, T, D)


def block_kinds(config):
    """For each block the class that it is of: nn.Block, unless the config names other parts."""
    if not (config.layer_scale or config.qk_norm or config.lsa or config.class_blocks) and (
        config.relative_pos == "none" and config.activation != "swiglu"
    ):
        return [Block] * config.depth
    kinds = [ChosenBlock] * (config.depth - config.class_blocks) + [ClassBlock] * config.class_blocks
    return [functools.partial(kind, config, number) for number, kind in enumerate(kinds)]


def registers(config, rng, dtype):
    """A few learned tokens without positions, (1, R, D): room for what the model wants to remember about the image as a whole,
    which otherwise takes the place of dull patches; nobody reads them at the end (arXiv 2309.16588)."""
    return learned((1, config.registers, config.dim), rng, dtype)


def with_registers(x, reg_token, patches):
    """(B, T, D) with the registers (1, R, D) in front of the last `patches` tokens: (B, T + R, D)."""
    first = x.shape[1] - patches
    tokens = ops.broadcast_to(reg_token, shape=(x.shape[0], *reg_token.shape[1:]))
    before = [x[:, :first]] if first else []
    return ops.concatenate(*before, tokens, x[:, first:] if first else x, axis=1)


def check(config):
    """Raises ValueError for parts that do not go together."""
    c = config
    if c.relative_pos != "none":
        POSITIONS[c.relative_pos].check(c)
    if c.class_blocks and c.pool != "cls":
        raise ValueError(f'class_blocks are for a class token: take pool="cls", or class_blocks=0; got pool="{c.pool}"')
    if c.class_blocks >= c.depth:
        raise ValueError(
            f"{c.class_blocks} class_blocks of {c.depth} blocks leave none in which the patches look at each other: "
            "take fewer, or more depth"
        )
    if c.lsa and tokens_in_blocks(c) < 2:
        raise ValueError("lsa lets no token look at itself, and there is but one: take smaller patches, or lsa=False")


def multiply_adds(config):
    """Of all blocks, for one image."""
    c, D, T = config, config.dim, tokens_in_blocks(config)
    mlp = 3 * D * swiglu_width(c.mlp_dim) if c.activation == "swiglu" else 2 * D * c.mlp_dim
    block = T * (4 * D * D + mlp) + 2 * T * T * D
    if c.relative_pos in IN_ATTENTION:
        block += POSITIONS[c.relative_pos].multiply_adds(c)
    last = 2 * c.tokens * D * D + 2 * D * D + mlp + 2 * c.tokens * D  # k and v of all, q and proj of one
    once = PEG.multiply_adds(c) if c.relative_pos == "peg" else 0
    return (c.depth - c.class_blocks) * block + c.class_blocks * last + once
