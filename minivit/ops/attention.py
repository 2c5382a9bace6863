"""Attention, and how the width of a token is split into heads and merged again."""

import math

from ..backend import array_module
from ..engine import op, unbroadcast
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
    xp = array_module(q)
    scale = 1 / math.sqrt(q.shape[-1])
    p = (q * scale) @ k.swapaxes(-1, -2)  # (B, h, T, T)
    if bias is not None:
        p += bias
    p -= p.max(axis=-1, keepdims=True)
    xp.exp(p, out=p)
    p /= p.sum(axis=-1, keepdims=True)
    y = p @ v  # (B, h, T, d)

    def backward(dy):
        dv = p.swapaxes(-1, -2) @ dy
        ds = dy @ v.swapaxes(-1, -2)  # (B, h, T, T), dp so far
        ds -= xp.einsum("...d,...d->...", dy, y)[..., None]
        ds *= p
        dbias = None if bias is None else unbroadcast(ds, bias.shape)
        dq = ds @ (k * scale)
        dk = ds.swapaxes(-1, -2) @ (q * scale)
        return dq, dk, dv, dbias

    return y, backward


@attention.composed_of(softmax)
def attention_from_parts(q, k, v, bias=None):
    """The same in separate ops: what runs while softmax is somebody else's."""
    scores = matmul(q, transpose(k, axes=(0, 1, 3, 2))) * (1 / math.sqrt(q.shape[-1]))  # (B, h, T, T)
    return matmul(softmax(scores if bias is None else scores + bias), v)


def attention_weights(q, k, bias=None):
    """p of `attention`, (B, h, T, T), for arrays; computed beside the op for whoever wants to look at it."""
    scores = (q @ k.swapaxes(-1, -2)) * (1 / math.sqrt(q.shape[-1]))
    return softmax.forward(scores if bias is None else scores + bias)[0]


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
        dqkv = array_module(dq).stack([dq, dk, dv])  # (3, B, h, T, d)
        return dqkv.transpose(1, 3, 0, 2, 4).reshape(batch, tokens, columns)

    return (q, k, v), backward


@op
def merge_heads(x):
    """(B, h, T, d) to (B, T, D), D = h d: each token's heads side by side.   dx = dy split again."""
    batch, heads, tokens, width = x.shape

    def backward(dy):
        return dy.reshape(batch, tokens, heads, width).transpose(0, 2, 1, 3)

    return x.transpose(0, 2, 1, 3).reshape(batch, tokens, heads * width), backward
