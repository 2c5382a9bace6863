"""Learned positions for another grid of patches: two small matrices, so that each of them is a weighted mean of old ones.

    new = rows @ old @ columns^T        rows (H', H), old (H, W, D), columns (W', W)

Libraries weight differently, and a model answers as its authors' did only with their weights:

    "timm"          cubic (a = -1/2), wider where the grid shrinks, cut at the edges: Pillow's; DINOv2 with registers too
    "bicubic"       cubic (a = -3/4), edges repeated: Hugging Face, DeiT, MAE
    "torchvision"   the same, and corners stay on corners
    "dino"          the same as "bicubic", as if the new grid were larger by 0.1: DINO, DINOv2
    "google"        linear, and corners stay on corners: vit_jax and big_vision
"""

import numpy as np

WAYS = ("timm", "bicubic", "torchvision", "dino", "google")


def cubic(t, a):
    """Keys's kernel (1981), which is 1 at 0, and 0 at every other whole number and beyond 2."""
    t = np.abs(t)
    near, far = ((a + 2) * t - (a + 3)) * t * t + 1, (((t - 5) * t + 8) * t - 4) * a
    return np.where(t < 1, near, np.where(t < 2, far, 0.0))


def weights(old, new, way):
    """(new, old), float64: how much of each old place is in each new one; every row sums to 1."""
    if way == "timm":
        return _widened(old, new)
    if way in ("torchvision", "google"):
        centres = np.arange(new) * ((old - 1) / max(new - 1, 1))
    else:
        centres = (np.arange(new) + 0.5) * (old / (new + 0.1 if way == "dino" else new)) - 0.5
    first = np.floor(centres).astype(int)
    matrix = np.zeros((new, old))
    for place in range(-1, 3):  # of four neighbours; of the linear kernel's, two are 0
        t = centres - (first + place)
        w = np.maximum(1 - np.abs(t), 0) if way == "google" else cubic(t, -0.75)
        np.add.at(matrix, (np.arange(new), np.clip(first + place, 0, old - 1)), w)
    return matrix


def _widened(old, new):
    """Where the grid shrinks, the kernel grows with it, so that no old place is passed over."""
    ratio = old / new
    scale = max(ratio, 1.0)
    centres = (np.arange(new)[:, None] + 0.5) * ratio  # (H', 1)
    places = np.arange(old) + 0.5  # (H,)
    low = np.maximum((centres - 2 * scale + 0.5).astype(int), 0)
    high = np.minimum((centres + 2 * scale + 0.5).astype(int), old)
    inside = (np.arange(old) >= low) & (np.arange(old) < high)  # (H', H)
    matrix = np.where(inside, cubic((places - centres) / scale, -0.5), 0.0)
    return matrix / matrix.sum(axis=1, keepdims=True)


def resized(positions, old, new, way):
    """Positions (H W, D) of the grid `old`, (H, W), for the grid `new`: (H' W', D), float64. Raises ValueError for a way that is
    not in WAYS."""
    if way not in WAYS:
        raise ValueError(f"positions are resized in one of the ways {', '.join(WAYS)}; got {way!r}")
    grid = np.asarray(positions, np.float64).reshape(*old, -1)  # (H, W, D)
    if old == new:
        return grid.reshape(-1, grid.shape[-1])
    rows, columns = (weights(*sizes, way) for sizes in zip(old, new, strict=True))
    grid = np.tensordot(rows, grid, 1)  # (H', W, D)
    grid = columns @ grid  # (H', W', D)
    return grid.reshape(-1, grid.shape[-1])
