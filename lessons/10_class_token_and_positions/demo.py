"""What positions tell: how similar the chosen place is to every other, with sin-cos positions, random ones, and none.

Click a patch, or move with the arrow keys. Page up and page down: a finer or a coarser grid.
"""

import numpy as np

from lessons.figures import ORANGE

KINDS = ("sin-cos", "random, as learning starts", "none: all equal")
DIM = 64


def positions(kind, grid):
    """(N, D) vectors for the places of a square grid."""
    from minivit.models import sincos2d

    if kind == KINDS[0]:
        return sincos2d((grid, grid), DIM)
    if kind == KINDS[1]:
        return np.random.default_rng(0).standard_normal((grid * grid, DIM))
    return np.ones((grid * grid, DIM))


def demo(quick=False):
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(12, 5))
    state = {"grid": 14, "row": 4, "column": 9}

    def draw():
        grid, row, column = state["grid"], state["row"], state["column"]
        for axes, kind in zip(panels, KINDS, strict=True):
            vectors = positions(kind, grid)
            vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            similar = (vectors @ vectors[row * grid + column]).reshape(grid, grid)
            axes.clear()
            shown = axes.imshow(similar, cmap="viridis", vmin=0, vmax=1)
            axes.plot(column, row, "s", markersize=160 / grid, markerfacecolor="none", markeredgecolor=ORANGE, markeredgewidth=3)
            axes.set(title=kind, xticks=(), yticks=())
        figure.suptitle(f"the place in row {row}, column {column} of {grid} × {grid}: how similar are the others?", fontsize=14)
        if not figure.bar:
            figure.bar = figure.colorbar(shown, ax=panels, shrink=0.7, label="cosine similarity")
        figure.canvas.draw_idle()

    def move(row, column):
        last = state["grid"] - 1
        state.update(row=min(last, max(0, row)), column=min(last, max(0, column)))
        draw()

    def press(event):
        step = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}.get(event.key)
        if step:
            move(state["row"] + step[0], state["column"] + step[1])
        elif event.key in ("pageup", "pagedown"):
            state["grid"] = min(28, max(4, state["grid"] + (2 if event.key == "pageup" else -2)))
            move(state["row"], state["column"])

    def click(event):
        if event.inaxes in panels:
            move(round(event.ydata), round(event.xdata))

    figure.bar = None
    draw()
    figure.canvas.mpl_connect("key_press_event", press)
    figure.canvas.mpl_connect("button_press_event", click)
    return figure
