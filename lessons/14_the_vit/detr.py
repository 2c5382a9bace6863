"""Draws detr.png: python lessons/14_the_vit/detr.py"""

from pathlib import Path

from matplotlib.figure import Figure

SHARED, OWN, FILL = "#D6E6F2", "#FBE3D0", "#F2F2F2"


def boxes(axes, texts, x=0.5, width=0.8):
    """A column of boxes from the bottom up, with arrows between them. texts: (words, colour)."""
    for i, (text, colour) in enumerate(texts):
        y = 0.05 + i * 0.18
        axes.text(
            x, y, text, ha="center", va="center", fontsize=9.5, transform=axes.transAxes,
            bbox={"boxstyle": "round,pad=0.45", "facecolor": colour, "edgecolor": "black", "linewidth": 0.8},
        )  # fmt: skip
        if i:
            axes.annotate("", (x, y - 0.05), (x, y - 0.13), xycoords="axes fraction",
                          arrowprops={"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0})  # fmt: skip


def draw():
    """The figure of the two architectures side by side."""
    figure = Figure(figsize=(9.5, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    boxes(
        left,
        (
            ("image", FILL),
            ("patches, one Linear", OWN),
            ("+ class token, + learned positions, once", OWN),
            ("ENCODER: depth × (self-attention, MLP)", SHARED),
            ("the class token, LayerNorm", OWN),
            ("Linear: one label, with cross-entropy", OWN),
        ),
    )
    boxes(
        right,
        (
            ("image", FILL),
            ("CNN: a map of features, each place a token", OWN),
            ("ENCODER: 6 × (self-attention, MLP)\n+ sin-cos positions to q and k in each", SHARED),
            ("DECODER: 6 × (100 learned object queries look\nat each other, then at the image; MLP)", OWN),
            ("100 answers: class or nothing, and a box", OWN),
            ("matched with the true objects, then the loss", OWN),
        ),
    )
    left.set_title("ViT: what is this?")
    right.set_title("DETR: which things are where?")
    for axes in (left, right):
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.axis("off")
    return figure


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=100)
