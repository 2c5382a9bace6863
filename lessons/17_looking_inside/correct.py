"""Correct answers to lesson 17, written differently from the solution and from one another."""

import numpy as np


def rollout_by_einsum(attentions):
    """Half identity, half mean, multiplied by einsum from the first block on."""
    count = attentions.shape[-1]
    one = np.identity(count, attentions.dtype)
    product = np.repeat(one[None], attentions.shape[1], axis=0)
    for block in attentions:
        half = 0.5 * np.einsum("bhij->bij", block) / block.shape[1] + 0.5 * one
        product = np.einsum("bik,bkj->bij", half, product)
    return product


def rollout_by_rows(attentions):
    """Divides the rows of I + A by their sums, and multiplies from the last block on."""
    mixed = attentions.mean(axis=2) + np.eye(attentions.shape[-1], dtype=attentions.dtype)  # (L, B, T, T)
    mixed /= mixed.sum(axis=-1, keepdims=True)
    product = mixed[-1]
    for one in mixed[-2::-1]:
        product = product @ one
    return product


def distance_by_loops(attention, rows, columns, patch_size):
    """A loop over the patches that look."""
    centres = np.array([(r, c) for r in range(rows) for c in range(columns)], dtype=attention.dtype) * patch_size
    total = 0
    for i, centre in enumerate(centres):
        apart = np.linalg.norm(centres - centre, axis=1).astype(attention.dtype)
        weights = attention[:, :, 1 + i, 1:]
        total = total + (weights @ apart / weights.sum(axis=-1)).mean(axis=0)
    return total / len(centres)


def distance_by_complex_numbers(attention, rows, columns, patch_size):
    """A place as one complex number: its distance to another is an absolute value."""
    places = (np.arange(rows)[:, None] * 1j + np.arange(columns)).ravel() * patch_size
    apart = np.abs(places[:, None] - places).astype(attention.dtype)
    among = attention[..., 1:, 1:]
    looked = np.einsum("bhij,ij->bhi", among, apart) / among.sum(axis=-1)
    return looked.mean(axis=-1).mean(axis=0)


def similarity_divided_after(pos_embed):
    """Dot products first, then both lengths, from the diagonal."""
    dots = pos_embed[0, 1:] @ pos_embed[0, 1:].T
    length = np.sqrt(np.diag(dots))
    return dots / length[:, None] / length


def similarity_by_norm(pos_embed):
    """NumPy's norm, and einsum."""
    p = pos_embed[0][1:]
    p = p / np.linalg.norm(p, axis=-1)[:, None]
    return np.einsum("nd,md->nm", p, p)


def rollout_of_each_image(attentions):
    """One image at a time, with NumPy's product of many matrices."""
    one = np.eye(attentions.shape[-1], dtype=attentions.dtype)
    tables = (attentions.sum(axis=2) / attentions.shape[2] + one) / 2
    found = [np.linalg.multi_dot([one, *image[::-1], one]) for image in tables.swapaxes(0, 1)]
    return np.array(found)


def distance_of_weights_and_sums(attention, rows, columns, patch_size):
    """All sums of weights times distances, over the sums of the weights."""
    y, x = np.indices((rows, columns)).reshape(2, -1)
    apart = (((y - y[:, None]) ** 2 + (x - x[:, None]) ** 2) ** 0.5 * patch_size).astype(attention.dtype)
    patches = np.delete(np.delete(attention, 0, axis=-1), 0, axis=-2)
    return np.mean((patches * apart).sum(-1) / patches.sum(-1), axis=(0, 2))


def similarity_entry_by_entry(pos_embed):
    """Two loops."""
    vectors = list(pos_embed[0, 1:])
    length = np.linalg.norm
    return np.array([[p @ q / (length(p) * length(q)) for q in vectors] for p in vectors], dtype=pos_embed.dtype)


CORRECT = {
    "attention_rollout": [rollout_by_einsum, rollout_by_rows, rollout_of_each_image],
    "attention_distance": [distance_by_loops, distance_by_complex_numbers, distance_of_weights_and_sums],
    "position_similarity": [similarity_divided_after, similarity_by_norm, similarity_entry_by_entry],
}
