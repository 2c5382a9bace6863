"""Correct answers to lesson 09, written differently from the solution and from one another."""

import numpy as np

from lessons import mine


def cut_by_slices(images, patch_size):
    """One patch after the other, by its corner."""
    p, (_, height, width, _) = patch_size, images.shape
    corners = [(y, x) for y in range(0, height, p) for x in range(0, width, p)]
    patches = np.stack([images[:, y : y + p, x : x + p].reshape(len(images), -1) for y, x in corners], axis=1)

    def backward(dy):
        dimages = np.zeros_like(images)
        for n, (y, x) in enumerate(corners):
            dimages[:, y : y + p, x : x + p] = dy[:, n].reshape(len(images), p, p, -1)
        return dimages

    return patches, backward


def cut_by_einsum(images, patch_size):
    """The transposition by letters."""
    batch, height, width, channels = images.shape
    shape = batch, height // patch_size, patch_size, width // patch_size, patch_size, channels
    patches = np.einsum("bricjk->brcijk", images.reshape(shape)).reshape(batch, -1, patch_size**2 * channels)

    def backward(dy):
        cut = dy.reshape(batch, shape[1], shape[3], patch_size, patch_size, channels)
        return np.einsum("brcijk->bricjk", cut).reshape(images.shape)

    return patches, backward


def cut_by_numbers(images, patch_size):
    """Cuts the pixels' addresses once, and uses them as indices both ways."""
    batch, height, width, channels = images.shape
    rows, columns = height // patch_size, width // patch_size
    address = np.arange(height * width * channels).reshape(rows, patch_size, columns, patch_size, channels)
    address = address.swapaxes(1, 2).reshape(rows * columns, -1)
    patches = images.reshape(batch, -1)[:, address]

    def backward(dy):
        flat = np.zeros((batch, height * width * channels), dy.dtype)
        flat[:, address] = dy
        return flat.reshape(images.shape)

    return patches, backward


def glue_by_slices(patches, patch_size, height, width):
    """Each patch into its square."""
    p, channels = patch_size, patches.shape[-1] // patch_size**2
    images = np.empty((len(patches), height, width, channels), patches.dtype)
    for n in range(patches.shape[1]):
        y, x = n // (width // p) * p, n % (width // p) * p
        images[:, y : y + p, x : x + p] = patches[:, n].reshape(-1, p, p, channels)
    return images


def glue_by_stacking(patches, patch_size, height, width):
    """Patches beside one another to bands, bands under one another to pictures."""
    across = width // patch_size
    squares = patches.reshape(*patches.shape[:2], patch_size, patch_size, -1)
    bands = [np.concatenate([squares[:, r * across + c] for c in range(across)], axis=2) for r in range(height // patch_size)]
    return np.concatenate(bands, axis=1)


def glue_by_einsum(patches, patch_size, height, width):
    """The transposition by letters."""
    grid = patches.reshape(len(patches), height // patch_size, width // patch_size, patch_size, patch_size, -1)
    return np.einsum("brcijk->bricjk", grid).reshape(len(patches), height, width, -1)


def embed_in_a_chain(images, weight, bias, patch_size):
    """The same chain, with mine.patchify written out by slices."""
    patches, back_cut = cut_by_slices(images, patch_size)
    tokens, back_linear = mine.linear(patches, weight, bias)

    def backward(dy):
        first, *others = back_linear(dy)
        return back_cut(first), *others, None

    return tokens, backward


def embed_as_convolution(images, weight, bias, patch_size):
    """A window of P by P that moves on by P, as sums over its pixels."""
    p, (batch, height, width, channels) = patch_size, images.shape
    kernel = weight.reshape(p, p, channels, -1)
    grid = images.reshape(batch, height // p, p, width // p, p, channels)
    tokens = np.einsum("bricjk,ijkd->brcd", grid, kernel) + bias

    def backward(dy):
        slopes = dy.reshape(tokens.shape)
        dimages = np.einsum("brcd,ijkd->bricjk", slopes, kernel).reshape(images.shape)
        dweight = np.einsum("bricjk,brcd->ijkd", grid, slopes).reshape(weight.shape)
        return dimages, dweight, slopes.sum(axis=(0, 1, 2)), None

    return tokens.reshape(batch, -1, len(bias)), backward


def embed_by_hand(images, weight, bias, patch_size):
    """Without mine.linear."""
    patches, back_cut = cut_by_numbers(images, patch_size)

    def backward(dy):
        rows, slopes = patches.reshape(-1, len(weight)), dy.reshape(-1, len(bias))
        return [back_cut(dy @ weight.T), rows.T @ slopes, slopes.sum(axis=0), None]

    return patches @ weight + bias, backward


CORRECT = {
    "patchify": [cut_by_slices, cut_by_einsum, cut_by_numbers],
    "unpatchify": [glue_by_slices, glue_by_stacking, glue_by_einsum],
    "patch_embed": [embed_in_a_chain, embed_as_convolution, embed_by_hand],
}
