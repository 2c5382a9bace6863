"""DETR in miniature: a Transformer that is asked for all objects of an image at once. (Carion et al. 2020, arXiv 2005.12872.)

B batch, H W C image, P pixels a cell, N = (H/P)(W/P) cells, D width, h heads, d = D / h, Q queries, K classes

What is ViT's: attention, MLP, LayerNorm, pre-norm blocks. What is not: a small CNN in the place of patches; positions that are
added to q and k in every block, and never to v; a decoder, whose tokens are no pieces of the image but questions, Q of them, and
each answers with a class, or "no object", and a box. A box is (cx, cy, w, h), in fractions of the image.
"""

import math
from typing import NamedTuple

import numpy as np

from .. import ops
from ..backend import array_module
from ..checks import YES_OR_NO, choice, random_numbers
from ..engine import Tensor
from ..nn import MLP, LayerNorm, Linear, Module
from .detr_config import DETRConfig
from .encoder import attend, in_heads, learned
from .hybrid import ConvStem
from .images import as_read

FARTHEST = math.log(999)  # of the logits of a box, so that it can be corrected again


def sine(places, dim):
    """Places (..., 2), from 0 to 1, as (..., D): a quarter of the numbers each sin and cos of x and of y, at angles 4 pi x times
    20^(-n / (D/4))."""
    xp = array_module(places)
    speed = 4 * math.pi / 20 ** (xp.arange(dim // 4, dtype=places.dtype) / (dim // 4))  # (D/4,)
    angles = [places[..., axis, None] * speed for axis in (0, 1)]  # 2 of (..., D/4)
    return xp.concatenate([f(a) for a in angles for f in (xp.sin, xp.cos)], axis=-1)


def logit(p):
    """The x of which sigmoid(x) is p, for p from 0.001 to 0.999; what lies beyond is moved there."""
    xp = array_module(p)
    p = xp.clip(p, 1e-3, 1 - 1e-3)
    return xp.log(p / (1 - p))


def surest(scores, count):
    """The places of the largest scores of each row, the largest first, without sorting them all: (B, N) to (B, count)."""
    xp, scores, found = array_module(scores), scores.copy(), []
    for _ in range(count):
        found.append(scores.argmax(axis=1))
        scores[xp.arange(len(scores)), found[-1]] = -1  # below every probability
    return xp.stack(found, axis=1)


class MultiheadAttention(Module):
    """Attention with q, k and v from where one likes, (B, Q, D), (B, N, D), (B, N, D) to (B, Q, D): self-attention if all are of
    the same tokens, cross-attention if k and v are the image's."""

    def __init__(self, dim, heads, rng, dtype):
        self.heads = heads
        self.q, self.k, self.v, self.proj = (Linear(dim, dim, rng, dtype) for _ in range(4))

    def __call__(self, q, k, v, mask=None, attention=None):
        """mask (Q, N), a Tensor: True where a query may look. A list `attention` receives the weights, (B, h, Q, N)."""
        parts = self.q(q), self.k(k), self.v(v)
        q, k, v = (in_heads(part, self.heads) for part in parts)  # (B, h, Q, d), 2 of (B, h, N, d)
        return self.proj(ops.merge_heads(attend(q, k, v, mask, attention)))  # (B, Q, D)


class EncoderBlock(Module):
    """ViT's block, but for the positions, (N, D), which it is told anew: x + attention, then x + MLP."""

    def __init__(self, config, rng, dtype):
        dim = config.dim
        self.norm1, self.attn = LayerNorm(dim, dtype), MultiheadAttention(dim, config.heads, rng, dtype)
        self.norm2, self.mlp = LayerNorm(dim, dtype), MLP(dim, config.mlp_dim, rng, dtype)

    def __call__(self, x, pos):
        v = self.norm1(x)
        q = k = v + pos
        x = x + self.attn(q, k, v)
        return x + self.mlp(self.norm2(x))


class DecoderBlock(Module):
    """The queries x (B, Q, D), at positions query_pos, look at each other, so that no two answer with the same object; then at
    the image, memory (B, N, D) at pos."""

    def __init__(self, config, rng, dtype):
        dim = config.dim
        self.norm1, self.self_attn = LayerNorm(dim, dtype), MultiheadAttention(dim, config.heads, rng, dtype)
        self.norm2, self.cross_attn = LayerNorm(dim, dtype), MultiheadAttention(dim, config.heads, rng, dtype)
        self.norm3, self.mlp = LayerNorm(dim, dtype), MLP(dim, config.mlp_dim, rng, dtype)

    def __call__(self, x, query_pos, memory, pos, mask=None, attention=None):
        v = self.norm1(x)
        q = k = v + query_pos
        x = x + self.self_attn(q, k, v, mask)
        x = x + self.cross_attn(self.norm2(x) + query_pos, memory + pos, memory, attention=attention)
        return x + self.mlp(self.norm3(x))


class BoxHead(Module):
    """What is to be added to the logits of a box: an MLP with ReLU, (..., D) to (..., 4), zero at the start."""

    def __init__(self, dim, rng, dtype):
        self.fc1, self.fc2, self.fc3 = (Linear(dim, out, rng, dtype) for out in (dim, dim, 4))
        self.fc3.weight.data = np.zeros_like(self.fc3.weight.data)

    def __call__(self, x):
        return self.fc3(ops.relu(self.fc2(ops.relu(self.fc1(x)))))


class Answers(NamedTuple):
    """Logits (B, Q, K + 1), of which the last is "no object", and boxes (B, Q, 4)."""

    logits: Tensor
    boxes: Tensor


class DETR(Module):
    """The model: `DETR(config, rng)` draws its weights from a numpy Generator, or from a seed.

        found = model(images)                         (B, H, W, C) to (B, Q, K + 5): logits and box of each query
        layers, proposals = model.layers(images)      Answers of every decoder block; of every cell, or None
        for name, x in model.stages(images): ...      every stage on the way

    Raises ValueError for images of another size, or a configuration of another model.
    """

    def __init__(self, config, rng=0, dtype=np.float32):
        if not isinstance(config, DETRConfig):
            raise ValueError(f"DETR takes a DETRConfig; got {type(config).__name__}")
        rng = random_numbers(rng)
        self.config, dim, classes = config, config.dim, config.classes + 1
        self.backbone = ConvStem(config, rng, dtype)
        self.encoder = [EncoderBlock(config, rng, dtype) for _ in range(config.depth)]
        self.encoder_norm = LayerNorm(dim, dtype)
        self.decoder = [DecoderBlock(config, rng, dtype) for _ in range(config.decoder_depth)]
        self.norm = LayerNorm(dim, dtype)
        self.class_embed, self.bbox_embed = Linear(dim, classes, rng, dtype), BoxHead(dim, rng, dtype)
        self.query_embed = learned((1, config.num_queries, dim), rng, dtype, std=1 if config.queries == "learned" else 0.02)
        if config.queries == "anchors":
            anchors = np.concatenate([rng.uniform(-1, 1, (config.num_queries, 2)), np.full((config.num_queries, 2), -1)], axis=1)
            self.anchors = Tensor(anchors.astype(dtype), requires_grad=True)  # logits
        if config.queries != "learned":
            self.ref_point1, self.ref_point2 = Linear(2 * dim, dim, rng, dtype), Linear(dim, dim, rng, dtype)
        if config.queries == "two_stage":
            self.enc_class_embed, self.enc_bbox_embed = Linear(dim, classes, rng, dtype), BoxHead(dim, rng, dtype)
        if config.denoising:
            self.label_embed = learned((config.classes, dim), rng, dtype, std=1)
        rows, columns = config.grid
        y, x = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij")
        centres = np.stack([x, y], axis=-1).reshape(-1, 2).astype(dtype)  # (N, 2)
        self.pos = Tensor(sine(centres, dim))  # (N, D)
        self.cells = Tensor(np.concatenate([logit(centres), np.full_like(centres, -1)], axis=1))  # (N, 4), logits of boxes

    def stages(self, images, attention=None, noised=None):
        """(name, what is there) after every stage: Tensors, the boxes from which the queries start ("start"), and Answers, of the
        encoder's cells ("proposals") and of each decoder block.

        attention   a list, which receives where the queries look in each block, (B, h, Q, N)
        noised      (classes (B, G, M), boxes (B, G, M, 4)): G groups of M queries more, behind the others, each with
                    a class and a box to begin from. They see the image and their own group, and nobody sees them
        """
        config, x = self.config, as_read(images, self.config, self.norm.weight.dtype)
        yield "image", x
        x = self.backbone(x)  # (B, H/P, W/P, D)
        yield "backbone", x
        x = ops.reshape(x, shape=(x.shape[0], config.tokens, config.dim))  # (B, N, D)
        for i, block in enumerate(self.encoder):
            x = block(x, self.pos)
            yield f"encoder.{i}", x
        memory, proposals = self.encoder_norm(x), None
        yield "encoder_norm", memory
        if config.queries == "two_stage":
            logits = self.enc_bbox_embed(memory) + self.cells
            proposals = Answers(self.enc_class_embed(memory), ops.sigmoid(logits))
            yield "proposals", proposals
        x, reference = self._start(memory, proposals)  # (B, Q, D), and the logits of boxes (B, Q, 4) or None
        mask = None
        if noised is not None:
            x, reference, mask = self._beside(x, reference, *noised)
        if reference is not None:
            yield "start", ops.sigmoid(reference)
        for i, block in enumerate(self.decoder):
            query_pos = self.query_embed if reference is None else self._query_pos(reference.data)  # (B, Q, D)
            x = block(x, query_pos, memory, self.pos, mask, attention)
            seen = self.norm(x)
            logits = self.bbox_embed(seen) if reference is None else self.bbox_embed(seen) + reference
            if reference is not None:  # which the next block corrects; no gradient goes back through it
                reference = Tensor(array_module(logits.data).clip(logits.data, -FARTHEST, FARTHEST))
            yield f"decoder.{i}", Answers(self.class_embed(seen), ops.sigmoid(logits))

    def _start(self, memory, proposals):
        """The queries' contents and references at the start."""
        config, batch, xp = self.config, memory.shape[0], array_module(memory.data)
        shape = (batch, config.num_queries, config.dim)
        content = ops.broadcast_to(self.query_embed, shape=shape)
        if config.queries == "learned":  # the paper's begin at zero; but these are normalised before each part, not behind it
            return content, None
        if config.queries == "anchors":
            return content, ops.broadcast_to(self.anchors, shape=(*shape[:2], 4))
        sureness = ops.softmax.forward(proposals.logits.data)[0][..., :-1].max(axis=-1)  # (B, N)
        best, rows = surest(sureness, config.num_queries), xp.arange(batch)[:, None]  # (B, Q), (B, 1)
        return content + memory[rows, best], Tensor(logit(proposals.boxes.data[rows, best]))

    def _beside(self, x, reference, classes, boxes):
        """Contents, references and a mask (Q + G M, Q + G M) with the noised queries behind the others."""
        xp, (batch, groups, objects), queries = array_module(boxes), classes.shape, x.shape[1]
        content = ops.reshape(self.label_embed[classes], shape=(batch, groups * objects, -1))
        start = logit(boxes).reshape(batch, groups * objects, 4)
        group = xp.concatenate([xp.zeros(queries, int), xp.repeat(xp.arange(groups) + 1, objects)])
        mask = Tensor(group[:, None] == group[None])
        return ops.concatenate(x, content, axis=1), ops.concatenate(reference, start, axis=1), mask

    def _query_pos(self, reference):
        """An MLP of the sines of a box's centre and of its size: logits (B, Q, 4) to (B, Q, D)."""
        boxes, dim = ops.sigmoid.forward(reference)[0], self.config.dim
        sines = array_module(boxes).concatenate([sine(boxes[..., :2], dim), sine(boxes[..., 2:], dim)], axis=-1)  # (B, Q, 2D)
        return self.ref_point2(ops.relu(self.ref_point1(sines)))

    def layers(self, images, noised=None):
        """([Answers of each decoder block], those of the encoder's cells or None): what the loss is computed from."""
        stages = dict(self.stages(images, noised=noised))
        return [stages[f"decoder.{i}"] for i in range(len(self.decoder))], stages.get("proposals")

    def __call__(self, images, rng=None, return_attention=False):
        attention = [] if choice("return_attention", return_attention, YES_OR_NO) else None
        for _, found in self.stages(images, attention):
            pass
        found = ops.concatenate(*found, axis=-1)  # (B, Q, K + 5)
        return (found, attention) if return_attention else found


def _num_parameters(config):
    """How many numbers the model learns."""
    return DETR(config).num_parameters()


DETRConfig.num_parameters = _num_parameters
