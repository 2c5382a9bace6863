"""Looking inside a ViT: what its attention, its positions, its filters and its answers tell. Plain NumPy on host arrays."""

import math

import numpy as np

from ..ops import patchify, unpatchify


def attention_rollout(attentions):
    """How much of each token's start is in each token's end: attention (B, h, T, T) of every block to (B, T, T).

        A_l = (mean over heads of attention_l + 1) / 2, its rows adding up to 1
        rollout = A_L ... A_2 A_1

    The 1 is the road past attention (residual). Row 0 is the class token's. (Abnar and Zuidema 2020, arXiv 2005.00928.)
    With class attention the last blocks have but the class token's row, (B, h, 1, T), and the others do not know it, (B, h, T-1,
    T-1): a token that does not look in a block stays what it was.
    Raises ValueError for an empty list.
    """
    if not attentions:
        raise ValueError("attention_rollout needs the attention of at least one block; model(images, return_attention=True)")
    count = attentions[-1].shape[-1]
    rollout = np.eye(count, dtype=attentions[0].dtype)
    for attention in attentions:
        rows, columns = attention.shape[-2:]
        first = count - columns if rows == columns else 0  # of the tokens that look: all, all but the class token, or that alone
        mixed = np.zeros((len(attention), count, count), attention.dtype)
        mixed[:, first : first + rows, count - columns :] = attention.mean(axis=1)
        mixed += np.eye(count, dtype=attention.dtype)  # (B, T, T)
        rollout = mixed / mixed.sum(axis=-1, keepdims=True) @ rollout  # (B, T, T)
    return rollout


def attention_distance(attention, grid, patch_size):
    """How far each head looks, in pixels: the mean distance between the centres of patches, weighted with attention
    (B, h, T, T), over all images and all patches that look. grid: (rows, columns) of patches; patch_size: P or (rows, columns).
    Returns (h,). The class token, if there is one, is left out, and weights are made to add up to 1 without it.
    (Dosovitskiy et al. 2020, arXiv 2010.11929, Figure 7, right.) Raises ValueError for the row of class attention, (B, h, 1, T).
    """
    count = math.prod(grid)
    if attention.shape[-2] < count:
        raise ValueError(
            f"attention_distance: of {count} patches only {attention.shape[-2]} tokens look in this block; in class attention "
            "no patch does: leave the last class_blocks out"
        )
    high, wide = patch_size if isinstance(patch_size, tuple) else (patch_size, patch_size)
    places = np.stack(np.divmod(np.arange(count), grid[1]), axis=1) * (high, wide)  # (N, 2), in pixels
    apart = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=-1))  # (N, N)
    among = attention[:, :, -count:, -count:]  # (B, h, N, N)
    among = among / among.sum(axis=-1, keepdims=True)
    return (among * apart).sum(axis=-1).mean(axis=(0, 2))


def position_similarity(pos_embed, grid):
    """Cosine of the positions of all patches with each other: pos_embed (1, T, D) to (N, N). Row n is a map of patch n over
    the grid. The class token's position is left out. (ViT, Figure 7, centre.)"""
    positions = pos_embed[0, -math.prod(grid) :]  # (N, D)
    positions = positions / np.maximum(np.linalg.norm(positions, axis=1, keepdims=True), 1e-12)
    return positions @ positions.T


def patch_filters(weight, patch_size, count=16):
    """The first principal components of the patch embedding's filters: weight (P*P*C, D) to (count, P, P, C) at most, the one
    with the largest share first. (ViT, Figure 7, left.) A component may as well point the other way, and libraries differ in
    that: here its largest entry is positive."""
    high, wide = patch_size if isinstance(patch_size, tuple) else (patch_size, patch_size)
    components, _, _ = np.linalg.svd(weight, full_matrices=False)  # (P*P*C, min(P*P*C, D))
    components *= np.sign(np.take_along_axis(components, np.abs(components).argmax(axis=0)[None], axis=0))
    return components.T[:count].reshape(-1, high, wide, weight.shape[0] // (high * wide))


def occlusion(probabilities, image, patch_size, fill=0.0):
    """The probability of the model's answer while each patch in turn is hidden: filled with one colour. No colour is neutral:
    what is put there can speak for another class, so compare two.

    probabilities   a function from images (B, H, W, C) to (B, K)
    image           (H, W, C), normalised
    fill            what stands in a hidden patch, normalised too: a number or (C,); 0 is the mean of the training images
    Returns (class, its probability for the whole image, an array (rows, columns) of it with that patch hidden).
    (Zeiler and Fergus 2014, arXiv 1311.2901, for one patch at a time.)
    """
    patches = patchify.forward(image[None], patch_size)[0]  # (1, N, P*P*C)
    count = patches.shape[1]
    hidden = np.repeat(patches, count, axis=0)  # (N, N, P*P*C): row n will miss patch n
    hidden[np.arange(count), np.arange(count)] = np.resize(fill, patches.shape[2])  # channels run fastest in a patch
    given = np.concatenate([image[None], unpatchify.forward(hidden, patch_size, image.shape[:2])[0]])
    found = probabilities(given)  # (1 + N, K)
    answer = int(found[0].argmax())
    high = patch_size[0] if isinstance(patch_size, tuple) else patch_size
    return answer, float(found[0, answer]), found[1:, answer].reshape(image.shape[0] // high, -1)


def damaged(images, patch_size, share, rng, kind):
    """The images (B, H, W, C) with a share of their patches hidden (kind "hide": set to 0) or exchanged among each other
    ("shuffle": each of them moves, if there are two); each image its own patches, drawn from rng."""
    if kind not in ("hide", "shuffle"):
        raise ValueError(f"kind is {kind!r}; it must be 'hide' or 'shuffle'")
    patches = patchify.forward(images, patch_size)[0].copy()  # (B, N, P*P*C)
    count = patches.shape[1]
    for one in patches:
        chosen = rng.permutation(count)[: round(share * count)]
        one[chosen] = 0 if kind == "hide" else one[np.roll(chosen, 1)]
    return unpatchify.forward(patches, patch_size, images.shape[1:3])[0]
