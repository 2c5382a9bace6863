"""A matrix product as rows that meet columns, and the way back: on the left how one entry of y is made, on the right what the
same entry of dy adds to dx, dweight and dbias. The gradients show what is collected up to this entry; after the last they are
whole. It plays by itself until a key is pressed. Keys: right and left go on and back by one entry, down and up by a row."""

import numpy as np

from lessons.figures import lay_out_once

X = np.array([[1, 2, 0], [3, 0, -1], [0, 1, 1], [-2, 1, 2]])
WEIGHT = np.array([[1, 0, -1, 2], [2, -1, 0, 1], [0, 3, 1, -1]])
BIAS = np.array([1, -1, 0, 2])
DY = np.array([[1, 2, -1, -2], [-1, 1, 2, 1], [2, -2, -1, 1], [1, -2, 1, 3]])
SCALE = 12  # of the colours


class _Matrix:
    """Numbers in coloured squares, some of them framed."""

    def __init__(self, axes, shape, name):
        from matplotlib.patches import Rectangle

        self.image = axes.imshow(np.zeros(shape), cmap="PuOr", vmin=-SCALE, vmax=SCALE)
        self.texts = [[axes.text(j, i, "", ha="center", va="center") for j in range(shape[1])] for i in range(shape[0])]
        self.frame = axes.add_patch(Rectangle((0, 0), 1, 1, fill=False, edgecolor="black", linewidth=4))
        axes.set(xticks=[], yticks=[], title=name)

    def show(self, values, row=None, column=None):
        """Frames one entry, a whole row or a whole column: what is None runs over all."""
        self.image.set_data(values)
        for texts, numbers in zip(self.texts, values, strict=True):
            for text, number in zip(texts, numbers, strict=True):
                text.set_text(f"{number}")
                text.set_color("white" if abs(number) > 0.6 * SCALE else "black")
        rows, columns = values.shape
        self.frame.set_xy((-0.5 if column is None else column - 0.5, -0.5 if row is None else row - 0.5))
        self.frame.set_width(columns if column is None else 1)
        self.frame.set_height(rows if row is None else 1)


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    (rows, inputs), outputs = X.shape, WEIGHT.shape[1]
    figure = plt.figure(figsize=(13, 7), layout="constrained")
    halves = figure.subfigures(1, 2)
    shown, captions = {}, []
    sets = (
        ("Forward: a row meets a column", ("weight", "bias", "x", "y")),
        ("Backward: one entry of dy, and where it goes", ("dweight", "dbias", "dx", "dy")),
    )
    for half, (title, names) in zip(halves, sets, strict=True):
        half.suptitle(title + "\n \n \n ")
        captions.append(half)
        grid = half.add_gridspec(3, 2, width_ratios=(inputs, outputs), height_ratios=(inputs, 1, rows))
        cells = (grid[0, 1], grid[1, 1], grid[2, 0], grid[2, 1])
        shapes = ((inputs, outputs), (1, outputs), (rows, inputs), (rows, outputs))
        for name, cell, shape in zip(names, cells, shapes, strict=True):
            shown[name] = _Matrix(half.add_subplot(cell), shape, name)
    y = X @ WEIGHT + BIAS
    state = {"row": 0, "column": 0}

    def draw():
        r, j = state["row"], state["column"]
        shown["weight"].show(WEIGHT, column=j)
        shown["bias"].show(BIAS[None], column=j)
        shown["x"].show(X, row=r)
        shown["y"].show(y, r, j)
        so_far = np.where(np.arange(DY.size).reshape(DY.shape) <= r * outputs + j, DY, 0)  # in reading order
        shown["dy"].show(DY, r, j)
        shown["dx"].show(so_far @ WEIGHT.T, row=r)
        shown["dweight"].show(X.T @ so_far, column=j)
        shown["dbias"].show(so_far.sum(axis=0)[None], column=j)
        products = " + ".join(f"{a}·({b})" if b < 0 else f"{a}·{b}" for a, b in zip(X[r], WEIGHT[:, j], strict=True))
        captions[0].suptitle(f"{sets[0][0]}\ny[{r}, {j}] = {products} + bias {BIAS[j]} = {y[r, j]}\n \n ")
        row, column = ", ".join(map(str, X[r])), ", ".join(map(str, WEIGHT[:, j]))
        captions[1].suptitle(
            f"{sets[1][0]}\ndy[{r}, {j}] = {DY[r, j]} adds {DY[r, j]} · ({column}) to row {r} of dx,\n"
            f"{DY[r, j]} · ({row}) to column {j} of dweight, {DY[r, j]} to dbias[{j}]\n "
        )
        figure.canvas.draw_idle()
        return ()

    def play(entry):
        state["row"], state["column"] = divmod(int(entry), outputs)
        return draw()

    def on_key(event):
        steps = {"left": -1, "right": 1, "up": -outputs, "down": outputs}
        if event.key not in steps:
            return
        animation.pause()
        entry = state["row"] * outputs + state["column"] + steps[event.key]
        play(min(max(entry, 0), rows * outputs - 1))

    draw()
    lay_out_once(figure)
    frames = (0, 5, 10, 15) if quick else range(rows * outputs)
    animation = FuncAnimation(figure, play, frames=frames, interval=900, init_func=lambda: ())
    figure.canvas.mpl_connect("key_press_event", on_key)
    return animation
