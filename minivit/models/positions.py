"""Where two patches stand to each other, as attention may know it: relative positions, beside the learned ones of each place or
in their stead. A token is told its place once, at the start; these tell it how far it is to each other one, in every block.

A part, chosen by the word `relative_pos` of ViTConfig, is called with q and k, (B, h, T, d), and gives (q, k, bias): those with
the places in them, and what is added to the scores, or None. PEG is no such part, but a Module on tokens. Beside each stand what
it asks of the sizes (`check`) and the multiply-adds of its matrix products in one block.

The class token and registers stand in front of the patches and have no place: they are not turned, and what they look at, or
what looks at them, has table entries of its own.
"""

import math

import numpy as np

from .. import ops
from ..engine import Tensor
from ..nn import Module, zeros


def sincos2d(grid, dim):
    """Fixed positions, (N, D): a quarter of the numbers each sin and cos of the column and of the row, at frequencies from 1
    down to 1/10000, as in Vaswani et al. 2017, section 3.5, for two axes."""
    rows, columns = np.meshgrid(np.arange(grid[0]), np.arange(grid[1]), indexing="ij")
    frequencies = 1 / 10000 ** (np.arange(dim // 4) / max(1, dim // 4 - 1))  # (D/4,)
    angles = [axis.reshape(-1, 1) * frequencies for axis in (columns, rows)]  # 2 of (N, D/4)
    return np.concatenate([f(a) for a in angles for f in (np.sin, np.cos)], axis=1)


def tokens_in_blocks(config):
    """How many tokens there are in a block in which the patches look at each other."""
    return config.tokens - (config.class_blocks > 0)


def _in_front(config):
    """How many of them stand in front of the patches."""
    return tokens_in_blocks(config) - math.prod(config.grid)


def _places(config):
    """(row, column) of each token, (T, 2); (0, 0) in front of the patches."""
    grid = np.stack(np.meshgrid(*map(np.arange, config.grid), indexing="ij"), axis=-1).reshape(-1, 2)  # (N, 2)
    return np.concatenate([np.zeros((_in_front(config), 2), grid.dtype), grid])


def _index(config, code, others):
    """(T, T): for the patches i and j the code of (rows, columns) from j to i; for the tokens in front one of `others`: seen
    from them, seen by them, and among themselves."""
    places, front = _places(config), _in_front(config)
    index = code(places[:, None] - places[None])  # (T, T)
    index[:front], index[:, :front], index[:front, :front] = others
    return Tensor(index)


class Positions(Module):
    """What most of these parts have in common: they ask nothing of the sizes, and multiply no matrices."""

    @staticmethod
    def check(config):
        pass

    @staticmethod
    def multiply_adds(config):
        return 0


class RelativeBias(Positions):
    """A learned number for each head and distance of two patches, added to their score (Swin, arXiv 2103.14030, section 3.2):

        s_ij = q_i k_j / sqrt(d) + table[(rows, columns) from j to i, head]

    The table has (2H - 1)(2W - 1) rows for a grid of H x W patches, and three more if tokens stand in front of them (BEiT, arXiv
    2106.08254): from those, to those, and among those.
    """

    def __init__(self, config, rng, dtype):
        rows, columns = config.grid
        count = (2 * rows - 1) * (2 * columns - 1)
        entries = count + (3 if _in_front(config) else 0)
        table = 0.02 * rng.standard_normal((entries, config.heads))
        self.relative_position_bias_table = Tensor(table.astype(dtype), requires_grad=True)

        def code(apart):
            return (apart[..., 0] + rows - 1) * (2 * columns - 1) + apart[..., 1] + columns - 1

        self.index = _index(config, code, (count, count + 1, count + 2))

    def __call__(self, q, k):
        table = self.relative_position_bias_table  # (L, h)
        table = ops.reshape(ops.transpose(table), shape=(table.shape[1], 1, table.shape[0]))
        return q, k, ops.pick(table, self.index.data)  # (h, T, T)


def bucket(distance):
    """iRPE's piecewise function of a distance, -3 ... 3: near ones each their own, far ones together, in logarithms.

        g(x) = round(x) for |x| <= a, else sign(x) min(b, round(a + (b - a) ln(|x| / a) / ln(c / a)))

    with a, b, c = 1.9, 3.8, 15.2, cut to a whole number."""
    a, b, c = 1.9, 3.8, 15.2
    size = np.abs(distance)
    far = a + (b - a) * np.log(np.maximum(size, a) / a) / math.log(c / a)
    return (np.sign(distance) * np.where(size <= a, size, np.minimum(b, far.round()))).astype(int)


class ContextualBias(Positions):
    """iRPE, contextual, on the keys (arXiv 2107.14222, section 3.2, the product method): a learned vector for each bucket of
    distances, shared by the heads, which the query asks as it asks the key:

        s_ij = (q_i k_j + q_i r_b(i, j)) / sqrt(d)          b: 7 x 7 buckets of (rows, columns), see `bucket`

    All that concerns the tokens in front of the patches is one bucket more. The vectors start at zero.
    """

    def __init__(self, config, rng, dtype):
        self.lookup_table_weight = zeros((config.dim // config.heads, self.buckets(config)), dtype)  # (d, L)

        def code(apart):
            return (bucket(apart[..., 0]) + 3) * 7 + bucket(apart[..., 1]) + 3

        self.index = _index(config, code, (49, 49, 49))

    def __call__(self, q, k):
        scores = ops.matmul(q, self.lookup_table_weight) * (1 / math.sqrt(q.shape[-1]))  # (B, h, T, L)
        return q, k, ops.pick(scores, self.index.data)  # (B, h, T, T)

    @staticmethod
    def buckets(config):
        return 49 + (_in_front(config) > 0)

    @classmethod
    def multiply_adds(cls, config):
        return tokens_in_blocks(config) * config.dim * cls.buckets(config)


class RoPE(Positions):
    """Rotary positions in two directions (RoPE-ViT, arXiv 2403.13298, "axial"): pairs of q's and k's numbers are turned by angles
    that grow with the place, half of the pairs with the column and half with the row. A product of two turned vectors depends on
    the difference of their angles, so scores know distances and no places.

        angle = place * 100^(-4 n / d)       n = 0 ... d/4 - 1
    """

    def __init__(self, config, rng, dtype):
        width, places = config.dim // config.heads, _places(config)
        speed = 100 ** (-np.arange(width // 4) / (width // 4))  # (d/4,)
        angles = [places[:, axis, None] * speed for axis in (1, 0)]  # 2 of (T, d/4)
        self.angles = Tensor(np.concatenate(angles, axis=1).astype(dtype))  # (T, d/2)

    def __call__(self, q, k):
        return ops.rotate(q, self.angles), ops.rotate(k, self.angles), None

    @staticmethod
    def check(config):
        if config.dim // config.heads % 4:
            raise ValueError(
                f'relative_pos="{config.relative_pos}" turns pairs in two directions: a head\'s width, dim / heads, must be a '
                f"multiple of 4; got {config.dim} / {config.heads} = {config.dim // config.heads}"
            )


class MixedRoPE(Positions):
    """Rotary positions whose directions are learned (RoPE-ViT, arXiv 2403.13298, "mixed"), for each head and block:

        angle = column * freqs[0] + row * freqs[1]          freqs (2, h, d/2)

    At the start, pairs 0 ... d/4 - 1 look along one direction, drawn for each head, and the others at a right angle to it, at
    speeds of 10^(-4 n / d).
    """

    def __init__(self, config, rng, dtype):
        width = config.dim // config.heads
        speed = 10 ** (-np.arange(width // 4) / (width // 4))  # (d/4,)
        turn = rng.uniform(0, 2 * math.pi, (config.heads, 1)) + np.repeat([0, math.pi / 2], width // 4)  # (h, d/2)
        freqs = np.tile(speed, 2) * np.stack([np.cos(turn), np.sin(turn)])  # (2, h, d/2)
        self.freqs = Tensor(freqs.astype(dtype), requires_grad=True)
        places = _places(config)[:, ::-1].T  # (2, T): column, row
        self.places = Tensor(places[:, None, :, None].astype(dtype))  # (2, 1, T, 1)

    def __call__(self, q, k):
        freqs = ops.reshape(self.freqs, shape=(2, q.shape[1], 1, -1))
        angles = (self.places * freqs).sum(axis=0)  # (h, T, d/2)
        return ops.rotate(q, angles), ops.rotate(k, angles), None

    check = RoPE.check


class PEG(Positions):
    """The position encoding generator (CPVT, arXiv 2102.10882, section 3.3), behind the first block: the patches as a picture,
    and x + a 3 x 3 convolution of it, each channel by itself. Zeros beyond the border tell a patch how near it is. (B, T, D)
    to (B, T, D); tokens in front of the patches pass untouched."""

    def __init__(self, config, rng, dtype):
        self.grid = config.grid
        self.weight = Tensor(rng.uniform(-1 / 3, 1 / 3, (3, 3, config.dim)).astype(dtype), requires_grad=True)
        self.bias = zeros(config.dim, dtype)

    def __call__(self, x):
        front = x.shape[1] - math.prod(self.grid)
        patches = x[:, front:] if front else x  # (B, N, D)
        picture = ops.reshape(patches, shape=(x.shape[0], *self.grid, x.shape[2]))
        picture = ops.depthwise_conv2d(picture, self.weight, self.bias, padding=1)  # (B, H/P, W/P, D)
        patches = patches + ops.reshape(picture, shape=patches.shape)
        return ops.concatenate(x[:, :front], patches, axis=1) if front else patches

    @staticmethod
    def multiply_adds(config):
        """Of the model, since it stands behind one block only."""
        return math.prod(config.grid) * 9 * config.dim


IN_ATTENTION = {"relative": RelativeBias, "irpe": ContextualBias, "rope": RoPE, "rope_mixed": MixedRoPE}
POSITIONS = IN_ATTENTION | {"peg": PEG}
