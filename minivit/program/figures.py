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

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # of Okabe and Ito's colours
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


def subplots(rows, columns, size):
    """(figure, axes as an array (rows, columns)) of that size in inches."""
    figure = Figure(figsize=size)
    return figure, figure.subplots(rows, columns, squeeze=False)


def shorter(name, length):
    """A name as it can be drawn, cut to so many characters."""
    name = printable(name)
    return name if len(name) <= length else name[: length - 1] + "…"


def show(axis, image, limits=None):
    """An image (H, W, C), grey for one channel. limits: the numbers of black and of white; without them, the image's own
    smallest and largest."""
    image = np.asarray(image, dtype=np.float64)
    black, white = limits or (image.min(), image.max())
    image = np.clip((image - black) / max(white - black, 1e-12), 0, 1)
    axis.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=1)
    axis.set_axis_off()


@matplotlib.rc_context(STYLE)
def learning_curves(rows, test_accuracy):
    """Loss and accuracy on the training images by epoch, accuracy on those that were set aside, if any were, and the one test
    result. rows: the rows of metrics.csv."""
    epochs = [row["epoch"] for row in rows]
    figure, ((left, right),) = subplots(1, 2, (9, 3.4))
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
    if "validation" in rows[0]:
        held = [100 * row["validation"] for row in rows]
        right.plot(epochs, held, color=GREEN, linestyle="-.", marker=marker, label="images set aside")
    right.axhline(
        100 * test_accuracy, color=ORANGE, linestyle="--", label=f"test images, at the end: {100 * test_accuracy:.1f} %"
    )
    right.set(title="accuracy", xlabel="epoch", ylabel="%", ylim=(0, 102))
    right.legend(loc="lower right", frameon=False)
    whole_epochs(left, right)
    return figure


def whole_epochs(*axes):
    """No tick stands at half an epoch, also where there is but one."""
    for axis in axes:
        low, high = axis.get_xlim()
        if high - low < 1:
            axis.set_xticks([round((low + high) / 2)])
        else:
            axis.xaxis.get_major_locator().set_params(integer=True)


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
    names = [shorter(name, 16) for name in classes]
    size = 2.2 + 0.36 * min(len(names), MOST_NAMED) + 0.08 * max(map(len, names))
    figure, ((axis,),) = subplots(1, 1, (size, size))
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
    names = [shorter(name, 9) for name in classes]
    rows = -(-len(order) // columns)
    figure, axes = subplots(rows, columns, (max(3.0, 1.25 * columns), 1.62 * rows + 0.6))
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, i in zip(axes.flat, order, strict=False):
        show(axis, images[i])
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
def comparison(runs):
    """Training loss and accuracy by epoch of several runs: {name: the rows of its metrics.csv}. Every run has a colour and a
    line style; 28 are different."""
    colours = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
    names = [printable(name if len(name) <= 70 else f"…{name[-69:]}") for name in runs]
    columns = max(1, min(len(names), 1100 // (100 + 14 * max(map(len, names)))))  # pixels of a line and of the widest letters
    figure, ((left, right),) = subplots(1, 2, (9, 3.4 + 0.22 * -(-len(names) // columns)))
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
    names = [shorter(name, 9) for name in dataset.classes]
    rows, columns = min(5, len(chosen)), 1 + len(versions)
    figure, axes = subplots(rows, columns, (1.25 * columns, (1.62 if alpha else 1.45) * rows + 0.6))
    limits = images.min(), images.max()
    for i, row in enumerate(axes):
        show(row[0], images[i], limits)
        row[0].set_title("as it is:\n" + names[labels[i]], fontsize=8, color=BLUE)
        for axis, (version, targets) in zip(row[1:], versions, strict=True):
            show(axis, version[i], limits)
            shares = [f"{names[k]}: {100 * targets[i, k]:.0f} %" for k in np.argsort(-targets[i])[:2] if targets[i, k] >= 0.005]
            axis.set_title("\n".join(shares) if alpha else names[labels[i]], fontsize=8)
    made = [f"shift up to {recipe.shift}"] * bool(recipe.shift) + ["flip"] * recipe.flip
    for name, unit in (("rotate", "°"), ("thickness", ""), ("contrast", "")):
        made += [f"{name} up to {getattr(recipe, name):g}{unit}"] * bool(getattr(recipe, name))
    made += [f"mixup {alpha:g}"] * bool(alpha)
    figure.suptitle(f"training images, augmented: {', '.join(made) or 'not at all'}", fontsize=11)
    return figure
