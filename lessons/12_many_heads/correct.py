"""Correct answers to lesson 12, written differently from the solution and from one another."""

import numpy as np

from lessons import mine


def split_by_slices(qkv, heads):
    """Head by head, from its columns."""
    batch, tokens, columns = qkv.shape
    d = columns // (3 * heads)

    def columns_of(which, head):
        start = (which * heads + head) * d
        return slice(start, start + d)

    q, k, v = (np.stack([qkv[..., columns_of(w, h)] for h in range(heads)], axis=1) for w in range(3))

    def backward(dq, dk, dv):
        dqkv = np.empty((batch, tokens, columns), dq.dtype)
        for which, gradient in enumerate((dq, dk, dv)):
            for head in range(heads):
                dqkv[..., columns_of(which, head)] = gradient[:, head]
        return dqkv

    return (q, k, v), backward


def split_in_two_steps(qkv, heads):
    """First into three, then each into heads; given as a list."""
    batch, tokens, _ = qkv.shape
    parts = [np.swapaxes(part.reshape(batch, tokens, heads, -1), 1, 2) for part in np.split(qkv, 3, axis=-1)]

    def backward(dq, dk, dv):
        return np.concatenate([np.swapaxes(g, 1, 2).reshape(batch, tokens, -1) for g in (dq, dk, dv)], axis=-1)

    return parts, backward


def split_by_einsum(qkv, heads):
    """Letters for the axes."""
    batch, tokens, columns = qkv.shape
    parts = np.einsum("btwhd->wbhtd", qkv.reshape(batch, tokens, 3, heads, -1))

    def backward(*gradients):
        return np.einsum("wbhtd->btwhd", np.array(gradients)).reshape(batch, tokens, columns)

    return (parts[0], parts[1], parts[2]), backward


def merge_by_concatenation(x):
    """Heads side by side."""

    def backward(dy):
        return np.stack(np.split(dy, x.shape[1], axis=-1), axis=1)

    return np.concatenate([x[:, h] for h in range(x.shape[1])], axis=-1), backward


def merge_by_loops(x):
    """Token by token."""
    batch, heads, tokens, d = x.shape
    merged = np.empty((batch, tokens, heads * d), x.dtype)
    for t in range(tokens):
        merged[:, t] = x[:, :, t].reshape(batch, -1)

    def backward(dy):
        dx = np.empty(x.shape, dy.dtype)
        for t in range(tokens):
            dx[:, :, t] = dy[:, t].reshape(batch, heads, d)
        return dx

    return merged, backward


def merge_by_einsum(x):
    """Letters for the axes."""
    batch, heads, tokens, d = x.shape

    def backward(dy):
        return np.einsum("bthd->bhtd", dy.reshape(batch, tokens, heads, d))

    return np.einsum("bhtd->bthd", x).reshape(batch, tokens, heads * d), backward


def _layer(split, merge):
    def layer(x, qkv_weight, qkv_bias, proj_weight, proj_bias, heads):
        qkv, back_qkv = mine.linear(x, qkv_weight, qkv_bias)
        queries, back_split = split(qkv, heads)
        looked, back_attention = mine.attention(*queries)
        merged, back_merge = merge(looked)
        y, back_proj = mine.linear(merged, proj_weight, proj_bias)

        def backward(dy):
            dmerged, *dproj = back_proj(dy)
            return *back_qkv(back_split(*back_attention(back_merge(dmerged)))), *dproj, None

        return y, backward

    return layer


def head_by_head(x, qkv_weight, qkv_bias, proj_weight, proj_bias, heads):
    """Three Linears for each head, and the projection in parts that are summed."""
    dim = x.shape[-1]
    d = dim // heads
    y, backs = proj_bias, []
    for h in range(heads):
        columns = [slice(which * dim + h * d, which * dim + (h + 1) * d) for which in range(3)]
        made = [mine.linear(x, np.ascontiguousarray(qkv_weight[:, c]), qkv_bias[c]) for c in columns]
        looked, back = mine.attention(*(array for array, _ in made))
        rows = slice(h * d, (h + 1) * d)
        y = y + looked @ proj_weight[rows]
        backs.append((columns, rows, looked, back, [b for _, b in made]))

    def backward(dy):
        dx, dqkv_weight, dqkv_bias = np.zeros_like(x), np.zeros_like(qkv_weight), np.zeros_like(qkv_bias)
        dproj_weight = np.zeros_like(proj_weight)
        for columns, rows, looked, back, back_linears in backs:
            dproj_weight[rows] = looked.reshape(-1, d).T @ dy.reshape(-1, dim)
            for c, gradient, back_linear in zip(columns, back(dy @ proj_weight[rows].T), back_linears, strict=True):
                part, dqkv_weight[:, c], dqkv_bias[c] = back_linear(gradient)
                dx += part
        return dx, dqkv_weight, dqkv_bias, dproj_weight, dy.sum(axis=(0, 1)), None

    return y, backward


by_slices, in_two_steps = _layer(split_by_slices, merge_by_concatenation), _layer(split_in_two_steps, merge_by_einsum)
by_slices.__name__, in_two_steps.__name__ = "by_slices", "in_two_steps"

CORRECT = {
    "split_heads": [split_by_slices, split_in_two_steps, split_by_einsum],
    "merge_heads": [merge_by_concatenation, merge_by_loops, merge_by_einsum],
    "self_attention": [by_slices, in_two_steps, head_by_head],
}
