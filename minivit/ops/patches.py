"""From images to tokens: patchify, its inverse, and embed_tokens, which adds the class token and the positions."""

from ..backend import array_module
from ..checks import pair
from ..engine import op


def _cut(images, patch_size):
    """(B, H, W, C) to (B, N, P*P*C)."""
    if images.ndim != 4:
        raise ValueError(f"images have four axes, (batch, height, width, channels); got shape {images.shape}")
    batch, height, width, channels = images.shape
    p, q = pair("patch_size", patch_size)
    if height % p or width % q:
        raise ValueError(
            f"patches of {p} x {q} do not divide an image of {height} x {width}: "
            f"resize the image to {max(1, round(height / p)) * p} x {max(1, round(width / q)) * q}, or choose another patch size"
        )
    grid = images.reshape(batch, height // p, p, width // q, q, channels)
    grid = grid.transpose(0, 1, 3, 2, 4, 5)  # (B, H/P, W/P, P, P, C): the two of the grid, then the two within a patch
    return grid.reshape(batch, (height // p) * (width // q), p * q * channels)


def _join(patches, image_size, patch_size, channels):
    """(B, N, P*P*C) to (B, H, W, C)."""
    (height, width), (p, q) = pair("image_size", image_size), pair("patch_size", patch_size)
    grid = patches.reshape(len(patches), height // p, width // q, p, q, channels)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(len(patches), height, width, channels)


@op
def patchify(images, patch_size):
    """(B, H, W, C) to (B, N, P*P*C): the images cut into N = (H/P) (W/P) patches, row by row, each patch flattened in the
    order (row, column, channel). (Dosovitskiy et al. 2020, arXiv 2010.11929, section 3.1.) patch_size is P, or (rows, columns).

    Every pixel goes to one place, so backward puts every gradient back: unpatchify.
    Raises ValueError if the patches do not divide the image.
    """
    patches = _cut(images, patch_size)

    def backward(dy):
        return _join(dy, images.shape[1:3], patch_size, images.shape[-1])

    return patches, backward


@op
def unpatchify(patches, patch_size, image_size):
    """(B, N, P*P*C) to (B, H, W, C), image_size = H or (H, W): patchify undone, and its backward is patchify.
    Raises ValueError if that many patches of that length do not make such an image."""
    if patches.ndim != 3:
        raise ValueError(f"unpatchify takes patches (batch, patches, numbers); got shape {patches.shape}")
    _, count, length = patches.shape
    (height, width), (p, q) = pair("image_size", image_size), pair("patch_size", patch_size)
    if height % p or width % q or count != (height // p) * (width // q) or length % (p * q):
        raise ValueError(
            f"{count} patches of {length} numbers, {p} x {q} pixels each, do not make an image of {height} x {width}"
        )

    def backward(dy):
        return _cut(dy, patch_size)

    return _join(patches, image_size, patch_size, length // (p * q)), backward


@op
def embed_tokens(x, cls_token, pos_embed):
    """The class token in front, then a position added to every token: x (B, N, D), cls_token (1, 1, D) and
    pos_embed (1, 1+N, D) to (B, 1+N, D). (ViT, equation 1.) cls_token may be None: no token in front, pos_embed (1, N, D).
    pos_embed may be None: nothing is added.

        dx = dy without its first token        dcls_token = dy's first token, summed over the batch
        dpos_embed = dy, summed over the batch
    """
    if x.ndim != 3 or (cls_token is not None and cls_token.shape != (1, 1, x.shape[-1])):
        raise ValueError(
            f"embed_tokens takes tokens (batch, patches, D) and a cls_token (1, 1, D), or None; got {x.shape} and "
            f"{None if cls_token is None else cls_token.shape}"
        )
    xp = array_module(x)
    batch, count, width = x.shape
    first = 0 if cls_token is None else 1
    if pos_embed is not None and pos_embed.shape != (1, first + count, width):
        raise ValueError(
            f"embed_tokens: pos_embed must be (1, {first + count}, {width}), one position a token; got {pos_embed.shape}"
        )
    y = xp.empty((batch, first + count, width), dtype=x.dtype)
    y[:, first:] = x
    if first:
        y[:, :1] = cls_token
    if pos_embed is not None:
        y += pos_embed

    def backward(dy):
        summed = dy.sum(axis=0, keepdims=True)  # (1, 1+N, D)
        return dy[:, first:], summed[:, :1] if first else None, None if pos_embed is None else summed

    return y, backward
