"""Figures of a detection: things in their boxes. Colours are told apart by the colour-blind, and by their lines in grey print."""

import textwrap
from pathlib import Path

import matplotlib
import numpy as np

from ..data.scenes import NOTHING
from ..training.average_precision import RECALLS
from .figures import BLUE, GREEN, ORANGE, STYLE, Figure, shorter, show, subplots, whole_epochs

LIMITS = (0, 1)  # black and white: an image in which there is nothing is not stretched into noise
QUERIES = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9")


def draw_box(axis, box, size, color, text="", style="-", below=False):
    """A box (cx, cy, w, h), in fractions of an image of size (height, width) that `show` has drawn on the axis."""
    height, width = size
    cx, cy, w, h = box * np.array([width, height, width, height])
    frame = matplotlib.patches.Rectangle((cx - w / 2 - 0.5, cy - h / 2 - 0.5), w, h, fill=False, edgecolor=color)
    frame.set(linewidth=1.5, linestyle=style)
    axis.add_patch(frame)
    if text:
        inside = cy + h / 2 > 0.92 * height if below else cy - h / 2 < 0.08 * height  # beyond that edge it would be cut off
        place = cy + h / 2 - 0.5 if below else cy - h / 2 - 0.5
        across, side = (min(cx + w / 2, width) - 0.5, "right") if cx > 0.6 * width else (max(cx - w / 2, 0) - 0.5, "left")
        ground = dict(facecolor="black", alpha=0.6, pad=0.5, linewidth=0)
        axis.text(
            across,
            place,
            text,
            color="white",
            fontsize=7,
            ha=side,
            va="top" if below != inside else "bottom",
            clip_on=True,
            bbox=ground,
        )


def truth(axis, image, labels, classes, color=GREEN, style="--"):
    """An image (H, W, C) and its objects, labels (M, 5)."""
    show(axis, image, LIMITS)
    for row in labels[labels[:, 0] != NOTHING]:
        draw_box(axis, row[1:], image.shape[:2], color, shorter(classes[int(row[0])], 9), style, below=True)


def grid(images, count, title):
    """(figure, so many axes) with room for pictures of this shape, six a row, below a title that is as wide as they are."""
    columns = min(6, count)
    rows, (height, width) = -(-count // columns), images.shape[1:3]
    lines = textwrap.wrap(title, 25 * columns)
    size = 1.9 * columns, 2.0 * min(max(height / width, 0.5), 2) * rows + 0.2 * len(lines) + 0.2
    figure, axes = subplots(rows, columns, size)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.suptitle("\n".join(lines), fontsize=10)
    return figure, axes.flat[:count]


@matplotlib.rc_context(STYLE)
def samples(dataset, rng, count=12):
    """Scenes as training sees them, with their objects."""
    images, labels = dataset.scenes(dataset.train_images[: 4 * count], dataset.train_labels[: 4 * count], rng)
    figure, axes = grid(images, min(count, len(images)), f"{shorter(Path(dataset.name).name, 40)}: scenes as training sees them")
    for axis, image, objects in zip(axes, images, labels, strict=False):
        truth(axis, image, objects, dataset.classes)
    return figure


@matplotlib.rc_context(STYLE)
def answers(images, labels, found, sure, wrong, classes, count=18):
    """Test images with what was found (blue; orange and NO, if wrong) and what is there and was not found (green, dashed); those
    with the most mistakes first. wrong: (what was found and is not there (N, Q), what is there and was not found (N, M))."""
    false, missed = wrong
    order = np.argsort(-(false.sum(axis=1) + missed.sum(axis=1)), kind="stable")[:count]
    mistakes = int(false.sum() + missed.sum())
    title = f"test images, the most mistakes first ({mistakes:,} in all): blue, found; orange, wrong; green dashes, missed"
    figure, axes = grid(images, len(order), title)
    for axis, i in zip(axes, order, strict=True):
        truth(axis, images[i], labels[i][missed[i]], classes)
        for q in np.flatnonzero(sure[i]):
            said = f"{shorter(classes[found.classes[i, q]], 9)} {100 * found.scores[i, q]:.0f} %"
            color = ORANGE if false[i, q] else BLUE
            draw_box(axis, found.boxes[i, q], images[i].shape[:2], color, f"NO: {said}" if false[i, q] else said)
    return figure


@matplotlib.rc_context(STYLE)
def precision_recall(precision, thresholds):
    """Precision by recall at some thresholds of IoU: precision (T, 101), the mean over the classes."""
    figure, ((axis,),) = subplots(1, 1, (4.8, 3.6))
    for curve, threshold, color, style in zip(precision, thresholds, QUERIES, ("-", "--", "-.", ":"), strict=False):
        label = f"IoU of {threshold:g} or more: AP {100 * curve.mean():.1f} %"
        axis.plot(100 * RECALLS, 100 * curve, color=color, linestyle=style, label=label)
    axis.set(title="precision by recall, the mean over the classes", xlabel="recall, %", ylabel="precision, %", ylim=(0, 103))
    axis.legend(loc="best", frameon=False, fontsize=9)
    return figure


@matplotlib.rc_context(STYLE)
def learning(rows, score):
    """The loss, part by part, and in how many images all was found, by epoch."""
    epochs, marker = [row["epoch"] for row in rows], "o" if len(rows) == 1 else None
    figure, ((left, right),) = subplots(1, 2, (9, 3.4))
    parts = [name for name in rows[0] if name.startswith("loss_")]
    for name, color, style in zip(["loss", *parts], ("black", *QUERIES), ("-", "--", "-.", ":"), strict=False):
        left.plot(
            epochs, [row[name] for row in rows], color=color, linestyle=style, marker=marker, label=name.replace("loss_", "")
        )
    left.set(title="training loss, and its parts", xlabel="epoch", ylim=(0, None))
    left.legend(frameon=False)
    right.plot(
        epochs, [100 * row["accuracy"] for row in rows], color=BLUE, marker=marker, label="images with all found, while learning"
    )
    if "validation" in rows[0]:
        held = [100 * row["validation"] for row in rows]
        right.plot(epochs, held, color=GREEN, linestyle="-.", marker=marker, label="AP50 on images set aside")
    right.axhline(100 * score, color=ORANGE, linestyle="--", label=f"AP50 on the test images: {100 * score:.1f} %")
    right.set(title="what is found", xlabel="epoch", ylabel="%", ylim=(0, 102))
    right.legend(loc="best", frameon=False, fontsize=8)
    whole_epochs(left, right)
    return figure


@matplotlib.rc_context(STYLE)
def one_picture(image, found, sure, classes, title):
    """One picture with what was found in it; found and sure of this picture alone."""
    figure = Figure(figsize=(4.2, 4.4))
    axis = figure.subplots()
    show(axis, image, LIMITS)
    for number, q in enumerate(np.flatnonzero(sure)):
        text = f"{shorter(classes[found.classes[q]], 16)} {100 * found.scores[q]:.0f} %"
        draw_box(axis, found.boxes[q], image.shape[:2], QUERIES[number % len(QUERIES)], text)
    axis.set_title(title, fontsize=9)
    return figure


@matplotlib.rc_context(STYLE)
def where_queries_look(image, attention, boxes, names):
    """For each query a row: the image with its box after every block, then where it looks in each block. attention: of each block
    (h, Q, rows, columns); boxes: [(Q, 4) at the start, if there is a start, and after every block]."""
    queries, blocks = len(names), len(attention)
    figure, axes = subplots(queries, 1 + blocks, (2.1 * (1 + blocks) + 0.4, 2.05 * queries + 0.6))
    size = image.shape[:2]
    for q, row in enumerate(axes):
        show(row[0], image, LIMITS)
        for step, of_all in enumerate(boxes):
            last = step == len(boxes) - 1
            draw_box(row[0], of_all[q], size, QUERIES[0] if last else QUERIES[1], style="-" if last else (":", "--")[step % 2])
        row[0].set_title(names[q], fontsize=8, loc="left")
        for axis, weights in zip(row[1:], attention, strict=True):
            show(axis, image, LIMITS)
            seen = weights[:, q].mean(axis=0)  # (rows, columns)
            extent = (-0.5, size[1] - 0.5, size[0] - 0.5, -0.5)
            axis.imshow(seen, cmap="viridis", alpha=0.65, extent=extent, vmin=0, vmax=max(seen.max(), 1e-9))
    for block, axis in enumerate(axes[0][1:]):
        axis.set_title(f"block {block + 1} looks at", fontsize=8)
    figure.suptitle("dotted and dashed, orange: the box on its way; blue: the answer", fontsize=9)
    return figure
