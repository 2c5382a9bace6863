"""Every figure. Colours are told apart by the colour-blind and in grey print; nothing else imports matplotlib."""

import os
import warnings

import numpy as np

from ..data.augment import augmented, mixup
from ..training.files import replacing
from .output import printable

backend = os.environ.pop("MPLBACKEND", None)  # no figure here has one; matplotlib refuses to be imported if it lacks that one
try:
    import matplotlib
    from matplotlib.figure import Figure
finally:
    if backend is not None:
        os.environ["MPLBACKEND"] = backend

BLUE, ORANGE = "#0072B2", "#D55E00"  # of Okabe and Ito's colours
MOST_NAMED, MOST_DRAWN = 100, 1000  # classes of a confusion matrix
STYLE = {
    "figure.dpi": 130,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "font.size": 10,
    "text.parse_math": False,  # a $ in a name is a $
    "text.usetex": False,  # whatever the user's own settings say
}


def save(figure, path):
    """Writes the figure, with no window and no global state: the same in a terminal and in a notebook."""
    with replacing(path) as temporary, warnings.catch_warnings():
        # where the font lacks a letter stands a box, which says enough
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(temporary)


def _subplots(rows, columns, size):
    """(figure, axes as an array (rows, columns)) of that size in inches."""
    figure = Figure(figsize=size)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _short(name, length):
    """A name as it can be drawn, cut to so many characters."""
    name = printable(name)
    return name if len(name) <= length else name[: length - 1] + "…"


def _show(axis, image, limits=None):
    """An image (H, W, C), grey for one channel. limits: the numbers of black and of white; without them, the image's own
    smallest and largest."""
    image = np.asarray(image, dtype=np.float64)
    black, white = limits or (image.min(), image.max())
    image = np.clip((image - black) / max(white - black, 1e-12), 0, 1)
    axis.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=1)
    axis.set_axis_off()


@matplotlib.rc_context(STYLE)
def learning_curves(rows, test_accuracy):
    """Loss and accuracy on the training images by epoch, and the one test result. rows: the rows of metrics.csv."""
    epochs = [row["epoch"] for row in rows]
    figure, ((left, right),) = _subplots(1, 2, (9, 3.4))
    marker = "o" if len(rows) == 1 else None  # one point makes no line
    left.plot(epochs, [row["loss"] for row in rows], color=BLUE, marker=marker)
    left.set(
        title="training loss (augmented images, smoothed labels)",
        xlabel="epoch",
        ylabel="cross-entropy",
        ylim=(0, None),
    )
    right.plot(
        epochs, [100 * row["accuracy"] for row in rows], color=BLUE, marker=marker, label="training images, while learning"
    )
    right.axhline(
        100 * test_accuracy, color=ORANGE, linestyle="--", label=f"test images, at the end: {100 * test_accuracy:.1f} %"
    )
    right.set(title="accuracy", xlabel="epoch", ylabel="%", ylim=(0, 102))
    right.legend(loc="lower right", frameon=False)
    return figure


@matplotlib.rc_context(STYLE)
def confusion_matrix(labels, predicted, classes):
    """How often each class (row) was taken for each other (column). Of more than MOST_NAMED classes only some are named, and
    no numbers are written; of more than MOST_DRAWN nothing could be seen, which is a ValueError."""
    if len(classes) > MOST_DRAWN:
        raise ValueError(f"a confusion matrix of {len(classes):,} classes shows nothing; {MOST_DRAWN:,} are the most")
    few = len(classes) <= MOST_NAMED
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (labels, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [_short(name, 16) for name in classes]
    size = 2.2 + 0.36 * min(len(names), MOST_NAMED) + 0.08 * max(map(len, names))
    figure, ((axis,),) = _subplots(1, 1, (size, size))
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.argwhere(counts) if few else ():
        axis.text(j, i, counts[i, j], ha="center", va="center", fontsize=8, color="white" if shares[i, j] > 0.5 else "black")
    ticks = range(0, len(classes), -(-len(classes) // MOST_NAMED))
    names = [names[i] for i in ticks]
    axis.set_xticks(ticks, names, rotation=90 if max(map(len, names)) > 2 else 0)
    axis.set_yticks(ticks, names)
    axis.spines[:].set_visible(True)
    axis.set(title=f"{np.trace(counts)} of {len(labels)} test images right", xlabel="the model said", ylabel="it was")
    return figure


@matplotlib.rc_context(STYLE)
def predictions(images, labels, probabilities, classes, count=24):
    """Test images with what the model said and how sure it was: the wrong ones first, the surest of them leading; then of each
    class the right one that it was least sure of, the next ones, and so on."""
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = predicted == labels
    rank = np.zeros(len(labels), dtype=int)  # of a right one among those of its class, the least sure first
    for label in np.unique(labels[right]):
        own = np.flatnonzero(right & (labels == label))
        rank[own[np.argsort(sure[own])]] = np.arange(len(own))
    order = np.lexsort((np.where(right, labels, -sure), rank, right))[:count]
    columns = min(8, len(order))
    names = [_short(name, 9) for name in classes]
    rows = -(-len(order) // columns)
    figure, axes = _subplots(rows, columns, (max(3.0, 1.25 * columns), 1.62 * rows + 0.6))
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, i in zip(axes.flat, order, strict=False):
        _show(axis, images[i])
        wrong = predicted[i] != labels[i]
        said = f"{names[predicted[i]]}  {100 * sure[i]:.0f} %"
        axis.set_title(
            f"NO: {said}\nit is {names[labels[i]]}" if wrong else f"{said}\n",
            fontsize=8,
            color=ORANGE if wrong else "black",
        )
    mistakes = int((predicted != labels).sum())
    figure.suptitle(f"test images, the mistakes first ({mistakes})" if mistakes else "test images, all right", fontsize=11)
    return figure


@matplotlib.rc_context(STYLE)
def class_token_attention(images, attention, grid, titles):
    """Where the class token looks, head by head in the last block: a row an image. images (n, H, W, C), attention
    (n, h, T, T) with the class token first, grid (rows, columns) of the patches."""
    count, heads = attention.shape[:2]
    figure, axes = _subplots(count, heads + 1, (max(4.0, 1.35 * (heads + 1) + 0.6), 1.35 * count + 0.7))
    brightest = attention[:, :, 0, 1:].max()
    for image, weights, title, row in zip(images, attention, titles, axes, strict=True):
        _show(row[0], image)
        row[0].set_title(_short(title, 14), fontsize=9)
        for head, axis in enumerate(row[1:]):
            maps = axis.imshow(weights[head, 0, 1:].reshape(grid), cmap="viridis", vmin=0, vmax=brightest)
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
    figure, axes = _subplots(2 * rows, columns, (max(3.0, 1.15 * columns), 2.5 * rows + 0.4))
    for axis in axes.flat:
        axis.set_axis_off()
    for n, (image, values, title) in enumerate(zip(images, maps, titles, strict=True)):
        above, below = axes[2 * (n // columns) :, n % columns][:2]
        _show(above, image)
        above.set_title(_short(title, 12), fontsize=8)
        _show(below, image)
        extent = (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5)
        below.imshow(values, cmap="viridis", alpha=0.6, extent=extent, interpolation="bilinear")
    figure.suptitle("what reaches the class token (attention rollout)", fontsize=11)
    return figure


@matplotlib.rc_context(STYLE)
def comparison(runs):
    """Training loss and accuracy by epoch of several runs: {name: the rows of its metrics.csv}. Every run has a colour and a
    line style; 28 are different."""
    colours = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
    names = [printable(name if len(name) <= 70 else f"…{name[-69:]}") for name in runs]
    columns = max(1, min(len(names), 1100 // (100 + 14 * max(map(len, names)))))  # pixels of a line and of the widest letters
    figure, ((left, right),) = _subplots(1, 2, (9, 3.4 + 0.22 * -(-len(names) // columns)))
    for i, rows in enumerate(runs.values()):
        epochs = [row["epoch"] for row in rows]
        style = dict(color=colours[i % 7], linestyle=("-", "--", "-.", ":")[i % 4], marker="o" if len(rows) == 1 else None)
        left.plot(epochs, [row["loss"] for row in rows], **style)
        right.plot(epochs, [100 * row["accuracy"] for row in rows], **style)
    for axis in (left, right):
        axis.xaxis.get_major_locator().set_params(integer=True)
    left.set(title="training loss", xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
    right.set(title="accuracy on the training images, while learning", xlabel="epoch", ylabel="%", ylim=(0, 102))
    figure.legend(
        left.lines,
        [f" {name}" for name in names],  # with the space, since matplotlib leaves out names that begin with _
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=9,
        handlelength=3.5,  # long enough to tell the styles apart
    )
    return figure


@matplotlib.rc_context(STYLE)
def augmented_samples(dataset, recipe, seed=0):
    """What the model sees of a few training images: a row an image, first as it is, then seven versions that the recipe's
    augmentation makes of it, each mixed with another image of a batch."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(dataset.train_images))[: recipe.batch_size]
    images, labels = dataset.train_images[chosen], dataset.train_labels[chosen]
    alpha = recipe.mixup
    versions = [mixup(augmented(images, recipe, rng), labels, len(dataset.classes), alpha, rng) for _ in range(7)]
    names = [_short(name, 9) for name in dataset.classes]
    rows, columns = min(5, len(chosen)), 1 + len(versions)
    figure, axes = _subplots(rows, columns, (1.25 * columns, (1.62 if alpha else 1.45) * rows + 0.6))
    limits = images.min(), images.max()
    for i, row in enumerate(axes):
        _show(row[0], images[i], limits)
        row[0].set_title("as it is:\n" + names[labels[i]], fontsize=8, color=BLUE)
        for axis, (version, targets) in zip(row[1:], versions, strict=True):
            _show(axis, version[i], limits)
            shares = [f"{names[k]}: {100 * targets[i, k]:.0f} %" for k in np.argsort(-targets[i])[:2] if targets[i, k] >= 0.005]
            axis.set_title("\n".join(shares) if alpha else names[labels[i]], fontsize=8)
    made = [f"shift up to {recipe.shift}"] * bool(recipe.shift) + ["flip"] * recipe.flip
    for name, unit in (("rotate", "°"), ("thickness", ""), ("contrast", "")):
        made += [f"{name} up to {getattr(recipe, name):g}{unit}"] * bool(getattr(recipe, name))
    made += [f"mixup {alpha:g}"] * bool(alpha)
    figure.suptitle(f"training images, augmented: {', '.join(made) or 'not at all'}", fontsize=11)
    return figure


@matplotlib.rc_context(STYLE)
def heat_maps(image, maps, titles, limits=(None, None)):
    """The image (H, W, C), and maps over its patches beside it. limits: of the scale; without them each map has its own."""
    figure, (axes,) = _subplots(1, 1 + len(maps), (3.6 * (1 + len(maps)), 3.5))
    _show(axes[0], image)
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
    figure, ((axis,),) = _subplots(1, 1, (5, 3.5))
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
    figure, ((axis,),) = _subplots(1, 1, (5, 3.5))
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
    figure, axes = _subplots(len(rows), len(columns), (0.75 * len(columns) + 1.4, 0.75 * len(rows) + 0.7))
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
    figure, axes = _subplots(rows, columns, (max(4.0, 0.95 * columns), 1.1 * rows + 0.9))
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
