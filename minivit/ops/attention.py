"""Attention, and how the width of a token is split into heads and merged again."""

import math

import numpy as np

from ..backend import array_module
from ..engine import op, unbroadcast
from ..kernels.cpu import attention_blocks
from ..kernels.cuda_attention import WIDEST, attention_tiles
from .linear import matmul
from .shapes import transpose
from .softmax import softmax


@op
def attention(q, k, v, bias=None):
    """Scaled dot-product attention (Vaswani et al. 2017, arXiv 1706.03762, equation 1): q, k, v and the output are
    (B, h, T, d). Each token asks with its q, is compared with every k, and receives the average of the v, weighted by p.

        s = q k^T / sqrt(d) + bias      (B, h, T, T), the scores; bias may be smaller and is broadcast
        p = softmax(s)                  each row sums to 1
        y = p v                         (B, h, T, d)

    Backwards through the three lines:

        dv = p^T dy         dp = dy v^T
        ds = p * (dp - rowsum(dp * p))                                          softmax's backward
        dq = ds k / sqrt(d)     dk = ds^T q / sqrt(d)     dbias = ds, summed to its shape

    rowsum(dp * p) = rowsum(dy * y), since both are sum_ij dy_j p_i v_ij over a row; the right side is d / T the work.
    """
    if q.ndim != 4:
        raise ValueError(f"attention takes (batch, heads, tokens, head_dim); q has shape {q.shape}: see split_heads")
    if bias is None and q.shape == k.shape == v.shape and q.size:
        if array_module(q) is np:
            return attention_blocks(q, k, v)
        if q.shape[-1] <= WIDEST:
            return attention_tiles(q, k, v)
    return attention_plain(q, k, v, bias)


def attention_plain(q, k, v, bias=None):
    """The same (y, backward), line by line as above; p is kept for backward."""
    xp = array_module(q)
    scale = 1 / math.sqrt(q.shape[-1])
    p = attention_weights(q, k, bias)  # (B, h, T, T)
    y = p @ v  # (B, h, T, d)

    def backward(dy):
        dv = p.swapaxes(-1, -2) @ dy
        ds = dy @ v.swapaxes(-1, -2)  # (B, h, T, T), dp so far
        ds -= xp.einsum("...d,...d->...", dy, y)[..., None]
        ds *= p
        dbias = None if bias is None else unbroadcast(ds, bias.shape)
        return ds @ (k * scale), ds.swapaxes(-1, -2) @ (q * scale), dv, dbias

    return y, backward


def attention_weights(q, k, bias=None):
    """p of `attention`, (B, h, T, T), for arrays: also for whoever wants to look at it."""
    scores = (q @ k.swapaxes(-1, -2)) * (1 / math.sqrt(q.shape[-1]))
    return softmax.forward(scores if bias is None else scores + bias)[0]


@attention.composed_of(softmax)
def attention_from_parts(q, k, v, bias=None):
    """The same in separate ops: what runs while softmax is somebody else's."""
    scores = matmul(q, transpose(k, axes=(0, 1, 3, 2))) * (1 / math.sqrt(q.shape[-1]))  # (B, h, T, T)
    return matmul(softmax(scores if bias is None else scores + bias), v)


@op
def split_heads(qkv, heads):
    """(B, T, 3D) to q, k, v, each (B, h, T, d) with d = D / h.

    The 3D columns are q, then k, then v, and each of them head by head. A head's columns become an axis of their own, which
    then moves in front of the tokens: a reshape alone would give the right shape with the wrong numbers.
    Backward undoes the moves: dq, dk and dv go back to their columns.
    """
    batch, tokens, columns = qkv.shape
    if columns % (3 * heads):
        raise ValueError(f"split_heads: {columns} columns cannot be 3 times {heads} heads of equal width")
    q, k, v = qkv.reshape(batch, tokens, 3, heads, -1).transpose(2, 0, 3, 1, 4)  # 3 of (B, h, T, d)

    def backward(dq, dk, dv):
        shared = _one_array(dq, dk, dv)
        dqkv = array_module(dq).stack([dq, dk, dv], axis=2).transpose(0, 3, 2, 1, 4) if shared is None else shared
        return dqkv.reshape(batch, tokens, columns)  # from (B, T, 3, h, d)

    return (q, k, v), backward


def _one_array(dq, dk, dv):
    """The array (B, T, 3, h, d) of which dq, dk and dv, each (B, h, T, d), are the three views, as attention's kernel makes
    them; None if they are not. It saves copying them together."""
    base = getattr(dq, "base", None)
    if getattr(base, "ndim", 0) != 5:
        return None
    views = base.transpose(2, 0, 3, 1, 4) if base.shape[2] == 3 else ()

    def place(g):
        return g.shape, g.strides, g.ctypes.data if array_module(g) is np else g.data.ptr

    return base if [place(g) for g in (dq, dk, dv)] == [place(g) for g in views] else None


@op
def merge_heads(x):
    """(B, h, T, d) to (B, T, D), D = h d: each token's heads side by side.   dx = dy split again."""
    batch, heads, tokens, width = x.shape

    def backward(dy):
        return dy.reshape(batch, tokens, heads, width).transpose(0, 2, 1, 3)

    return x.transpose(0, 2, 1, 3).reshape(batch, tokens, heads * width), backward
