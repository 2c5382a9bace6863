"""Figures of what a model looks at, and of what it has become inside; drawn as all figures are, see figures.py."""

import math

import matplotlib
import numpy as np

from .figures import BLUE, ORANGE, STYLE, shorter, show, subplots


@matplotlib.rc_context(STYLE)
def class_token_attention(images, attention, grid, titles):
    """Where the class token looks, head by head in the last block: a row an image. images (n, H, W, C), attention
    (n, h, T, T), or of class attention (n, h, 1, T), with the class token first and the patches last, grid (rows, columns) of
    them."""
    count, heads = attention.shape[:2]
    seen = attention[:, :, 0, -math.prod(grid) :]  # (n, h, N)
    figure, axes = subplots(count, heads + 1, (max(4.0, 1.35 * (heads + 1) + 0.6), 1.35 * count + 0.7))
    brightest = seen.max()
    for image, weights, title, row in zip(images, seen, titles, axes, strict=True):
        show(row[0], image)
        row[0].set_title(shorter(title, 14), fontsize=9)
        for head, axis in enumerate(row[1:]):
            maps = axis.imshow(weights[head].reshape(grid), cmap="viridis", vmin=0, vmax=brightest)
            axis.set_axis_off()
            axis.set_title(f"head {head + 1}", fontsize=9)
    figure.colorbar(maps, ax=axes, shrink=0.6, label="share of the attention")
    figure.suptitle("where the class token looks (last block)", fontsize=11)
    return figure


@matplotlib.rc_context(STYLE)
def looked_at(images, maps, titles):
    """Images (n, H, W, C), and below each the same with a map over its patches laid over it: the brighter, the more. maps
    (n, rows, columns); each has its own scale. At most ten columns."""
    columns = min(10, len(images))
    rows = -(-len(images) // columns)
    figure, axes = subplots(2 * rows, columns, (max(3.0, 1.15 * columns), 2.5 * rows + 0.4))
    for axis in axes.flat:
        axis.set_axis_off()
    for n, (image, values, title) in enumerate(zip(images, maps, titles, strict=True)):
        above, below = axes[2 * (n // columns) :, n % columns][:2]
        show(above, image)
        above.set_title(shorter(title, 12), fontsize=8)
        show(below, image)
        extent = (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5)
        below.imshow(values, cmap="viridis", alpha=0.6, extent=extent, interpolation="bilinear")
    figure.suptitle("what reaches the class token (attention rollout)", fontsize=11)
    return figure


@matplotlib.rc_context(STYLE)
def heat_maps(image, maps, titles, limits=(None, None)):
    """The image (H, W, C), and maps over its patches beside it. limits: of the scale; without them each map has its own."""
    figure, (axes,) = subplots(1, 1 + len(maps), (3.6 * (1 + len(maps)), 3.5))
    show(axes[0], image)
    axes[0].set_title("the picture")
    for axis, values, title in zip(axes[1:], maps, titles, strict=True):
        aspect = (image.shape[0] / len(values)) / (image.shape[1] / len(values[0]))
        shown = axis.imshow(values, cmap="viridis", aspect=aspect, vmin=limits[0], vmax=limits[1])
        axis.set(title=title, xticks=(), yticks=())
        figure.colorbar(shown, ax=axis, shrink=0.8)
    return figure


@matplotlib.rc_context(STYLE)
def damage_curves(shares, found):
    """Probability of the answer against the share of patches that were hidden or shuffled: mean, smallest and largest draw.
    found: {kind: (shares, draws)}."""
    figure, ((axis,),) = subplots(1, 1, (5, 3.5))
    names = {"hide": "made grey", "shuffle": "shuffled among each other"}
    for (kind, rows), (colour, marker, line) in zip(found.items(), ((BLUE, "o", "-"), (ORANGE, "s", "--")), strict=True):
        axis.plot(100 * shares, 100 * rows.mean(axis=1), color=colour, marker=marker, linestyle=line, label=names[kind])
        axis.fill_between(100 * shares, 100 * rows.min(axis=1), 100 * rows.max(axis=1), color=colour, alpha=0.15)
    draws = next(iter(found.values())).shape[1]
    title = f"mean, smallest and largest of {draws} draws"
    axis.set(xlabel="patches, %", ylabel="probability of the answer, %", ylim=(0, 102), title=title)
    axis.legend(frameon=False)
    return figure


@matplotlib.rc_context(STYLE)
def attention_distances(distances, everywhere):
    """A point for each head, block by block: how far it looks, in pixels. distances: a list of (h,); everywhere: the distance of
    a head that looks at all patches alike."""
    figure, ((axis,),) = subplots(1, 1, (5, 3.5))
    for block, heads in enumerate(distances, start=1):
        axis.plot([block] * len(heads), heads, "o", color=BLUE, alpha=0.7)
    axis.plot(
        range(1, len(distances) + 1),
        [heads.mean() for heads in distances],
        color=ORANGE,
        linestyle="--",
        label="mean of the heads",
    )
    axis.axhline(everywhere, color="black", linewidth=1, linestyle=":", label="a head that looks everywhere alike")
    top = 1.3 * max(everywhere, *(heads.max() for heads in distances))
    axis.set(xlabel="block", ylabel="mean distance, pixels", ylim=(0, top), xticks=range(1, len(distances) + 1))
    axis.legend(frameon=False)
    return figure


@matplotlib.rc_context(STYLE)
def position_maps(similar, grid):
    """For each patch a map of how similar its position is to all others: similar (N, N). At most 8 x 8 maps are drawn."""
    rows, columns = (np.unique(np.linspace(0, size - 1, min(size, 8)).round().astype(int)) for size in grid)
    figure, axes = subplots(len(rows), len(columns), (0.75 * len(columns) + 1.4, 0.75 * len(rows) + 0.7))
    for row, line in zip(rows, axes, strict=True):
        for column, axis in zip(columns, line, strict=True):
            shown = axis.imshow(similar[row * grid[1] + column].reshape(grid), cmap="viridis", vmin=similar.min(), vmax=1)
            axis.set(xticks=(), yticks=())
    figure.colorbar(shown, ax=axes, shrink=0.7, label="cosine")
    figure.suptitle("similarity of positions", fontsize=11)
    return figure


@matplotlib.rc_context(STYLE)
def filter_tiles(filters):
    """Filters (count, P, Q, C) as small numbered pictures on one scale: grey is 0 where they have three colours, white where
    they have another number of channels, whose mean is drawn."""
    columns = min(8, len(filters))
    rows = -(-len(filters) // columns)
    figure, axes = subplots(rows, columns, (max(4.0, 0.95 * columns), 1.1 * rows + 0.9))
    limit = np.abs(filters).max()
    for axis in axes.flat[len(filters) :]:
        axis.set_axis_off()
    for number, (axis, one) in enumerate(zip(axes.flat, filters, strict=False), start=1):
        if one.shape[-1] == 3:
            axis.imshow(0.5 + one / (2 * limit))
        else:
            shown = axis.imshow(one.mean(axis=-1), cmap="PuOr", vmin=-limit, vmax=limit)
        axis.set(xticks=(), yticks=())
        axis.set_title(number, fontsize=8)
        axis.spines[:].set_visible(True)
    if filters.shape[-1] != 3:
        figure.colorbar(shown, ax=axes, shrink=0.8)
    figure.suptitle("principal filters, the largest first", fontsize=11)
    return figure
