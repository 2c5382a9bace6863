"""Attention, and how the width of a token is split into heads and merged again."""

import math

from .. import kernels
from ..backend import array_module
from ..checks import whole
from ..engine import Tensor, op, unbroadcast
from .arithmetic import where
from .linear import matmul
from .shapes import transpose
from .softmax import softmax


@op
def attention(q, k, v, bias=None):
    """Scaled dot-product attention (Vaswani et al. 2017, arXiv 1706.03762, equation 1): q, k, v and the output are
    (B, h, T, d). Each token asks with its q, is compared with every k, and receives the average of the v, weighted by p.

        s = q k^T / sqrt(d) + bias      (B, h, T, T), the scores; bias may be smaller and is broadcast
        p = softmax(s)                  each row sums to 1; one whose scores are all -inf has nothing to look at, and p = 0
        y = p v                         (B, h, T, d)

    k and v may have another number of tokens than q. A bias of True and False is a mask, which has no gradient: True attends,
    False is -inf.

    Backwards through the three lines:

        dv = p^T dy         dp = dy v^T
        ds = p * (dp - rowsum(dp * p))                                          softmax's backward
        dq = ds k / sqrt(d)     dk = ds^T q / sqrt(d)     dbias = ds, summed to its shape

    rowsum(dp * p) = rowsum(dy * y), since both are sum_ij dy_j p_i v_ij over a row; the right side is d / T the work.
    """
    if q.ndim != 4 or k.ndim != 4 or q.shape[:2] + q.shape[3:] != k.shape[:2] + k.shape[3:] or k.shape[:3] != v.shape[:3]:
        raise ValueError(
            "attention takes q, k and v of shape (batch, heads, tokens, head_dim), alike but for the tokens of q; "
            f"got {q.shape}, {k.shape} and {v.shape}: see split_heads"
        )
    return kernels.run(attention_plain, q, k, v, _as_bias(bias, q, k))


def _is_mask(bias):
    return bias is not None and bias.dtype.kind == "b"


def _in_numbers(bias, dtype):
    """What is added to the scores: a mask as 0 and -inf, any other bias as it is."""
    return array_module(bias).where(bias, 0, -math.inf).astype(dtype) if _is_mask(bias) else bias


def _as_bias(bias, q, k):
    """The bias as an array that is broadcast to the scores, in q's dtype unless it is a mask."""
    if bias is None:
        return None
    xp, scores = array_module(q), (*q.shape[:3], k.shape[2])
    bias = xp.asarray(bias)
    sizes = zip(bias.shape[::-1], scores[::-1], strict=False)
    if bias.ndim > 4 or any(own not in (1, size) for own, size in sizes):
        raise ValueError(f"attention: a bias of shape {bias.shape} is not broadcast to the scores, {scores}")
    return bias if _is_mask(bias) else bias.astype(q.dtype, copy=False)


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
        dbias = None if bias is None or _is_mask(bias) else unbroadcast(ds, bias.shape)
        return ds @ (k * scale), ds.swapaxes(-1, -2) @ (q * scale), dv, dbias

    return y, backward


def attention_weights(q, k, bias=None):
    """p of `attention`, (B, h, T, T), for arrays: also for whoever wants to look at it."""
    scores = (q @ k.swapaxes(-1, -2)) * (1 / math.sqrt(q.shape[-1]))
    if bias is None:
        return softmax.forward(scores)[0]
    scores = scores + _in_numbers(_as_bias(bias, q, k), q.dtype)
    blocked = _blocked(scores)
    return softmax.forward(array_module(q).where(blocked, 0, scores))[0] * ~blocked


def _blocked(scores):
    """True for the rows of scores that are -inf all over, (B, h, T, 1)."""
    return (scores == -math.inf).all(axis=-1, keepdims=True)


@attention.composed_of(softmax)
def attention_from_parts(q, k, v, bias=None):
    """The same in separate ops: what runs while softmax is somebody else's."""
    scores = matmul(q, transpose(k, axes=(0, 1, 3, 2))) * (1 / math.sqrt(q.shape[-1]))  # (B, h, T, T)
    if bias is None:
        return matmul(softmax(scores), v)
    if not (isinstance(bias, Tensor) and bias.dtype.kind == "f"):
        bias = _in_numbers(_as_bias(bias.data if isinstance(bias, Tensor) else bias, scores.data, k), scores.dtype)
    scores = scores + bias
    blocked = _blocked(scores.data)
    return matmul(softmax(where(blocked, 0.0, scores)) * ~blocked, v)


@op
def split_heads(qkv, heads):
    """(B, T, 3D) to q, k, v, each (B, h, T, d) with d = D / h.

    The 3D columns are q, then k, then v, and each of them head by head. A head's columns become an axis of their own, which
    then moves in front of the tokens: a reshape alone would give the right shape with the wrong numbers.
    Backward undoes the moves: dq, dk and dv go back to their columns.
    """
    batch, tokens, columns, width = _sizes("split_heads", qkv, heads)
    q, k, v = qkv.reshape(batch, tokens, 3, heads, width).transpose(2, 0, 3, 1, 4)  # 3 of (B, h, T, d)

    def backward(dq, dk, dv):
        dqkv = array_module(dq).stack([dq, dk, dv], axis=2)  # (B, h, 3, T, d)
        return dqkv.transpose(0, 3, 2, 1, 4).reshape(batch, tokens, columns)  # from (B, T, 3, h, d)

    return (q, k, v), backward


def _sizes(name, qkv, heads):
    """(B, T, 3D, d), if the columns are 3 times so many heads."""
    if qkv.ndim != 3 or qkv.shape[-1] % (3 * whole(f"{name}: heads", heads)):
        raise ValueError(f"{name}: shape {qkv.shape} is not (batch, tokens, 3 times {heads} heads of equal width)")
    return *qkv.shape, qkv.shape[-1] // (3 * heads)


@op
def merge_heads(x):
    """(B, h, T, d) to (B, T, D), D = h d: each token's heads side by side.   dx = dy split again."""
    if x.ndim != 4:
        raise ValueError(f"merge_heads takes (batch, heads, tokens, head_dim); got shape {x.shape}")
    batch, heads, tokens, width = x.shape

    def backward(dy):
        return dy.reshape(batch, tokens, heads, width).transpose(0, 2, 1, 3)

    return x.transpose(0, 2, 1, 3).reshape(batch, tokens, heads * width), backward


@op
def self_attention(qkv, heads):
    """merge_heads(attention(split_heads(qkv, heads))), in one: (B, T, 3D) to (B, T, D). (ViT, equations 5 to 7.)

    A kernel then reads q, k and v where they lie, and writes their gradients into the columns of dqkv.
    """
    _sizes("self_attention", qkv, heads)
    return kernels.run(self_attention_plain, qkv, heads)


def self_attention_plain(qkv, heads):
    """The same (y, backward) as a chain of the three."""
    (q, k, v), unsplit = split_heads.forward(qkv, heads)
    y, attend = attention.forward(q, k, v)
    merged, unmerge = merge_heads.forward(y)

    def backward(dy):
        dq, dk, dv, _ = attend(unmerge(dy))
        return unsplit(dq, dk, dv)

    return merged, backward


@self_attention.composed_of(split_heads, attention, merge_heads)
def self_attention_from_parts(qkv, heads):
    """The same in separate ops: what runs while one of them, or a part of theirs, is somebody else's."""
    q, k, v = split_heads(qkv, heads=heads)  # 3 of (B, h, T, d)
    return merge_heads(attention(q, k, v))
