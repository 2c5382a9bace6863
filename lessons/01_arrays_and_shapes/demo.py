"""Eight lines of array code at work, cell by cell: what goes in on the left, what comes out on the right.

Equal colours are equal numbers, so that you see where each number goes. Keys: left and right go from line to line, space
pauses.
"""

import numpy as np

A = np.arange(6).reshape(2, 3)
COLUMN, ROW = np.array([[0], [10], [20]]), np.array([1, 2, 3, 4])
SQUARE = np.array([[1, 3], [4, 1]])
IMAGES = np.arange(1, 9).reshape(2, 2, 2)
TABLE = np.arange(12).reshape(3, 4)

STEPS = [  # (the line, what is remarkable about it, the arrays that go in, what comes out)
    ("a.T", "turns: [i, j] becomes [j, i]", {"a": A}, A.T),
    ("a.reshape(3, 2)", "refills, in the order of reading", {"a": A}, A.reshape(3, 2)),
    ("a.sum(axis=0)", "axis 0 disappears", {"a": A}, A.sum(axis=0)),
    ("a.sum(axis=1, keepdims=True)", "axis 1 stays, with size 1", {"a": A}, A.sum(axis=1, keepdims=True)),
    ("column + row", "both are stretched", {"column": COLUMN, "row": ROW}, COLUMN + ROW),
    (
        "x / x.sum(axis=1)",
        "silent on a square: the rows do not sum to 1",
        {"x": SQUARE, "sum": SQUARE.sum(axis=1)},
        SQUARE / SQUARE.sum(1),
    ),
    (
        "images.reshape(2, 4)",
        "not side by side: refilled, without being turned first",
        {"images[0]": IMAGES[0], "images[1]": IMAGES[1]},
        IMAGES.reshape(2, 4),
    ),
    ("x[[0, 1, 2], [2, 0, 3]]", "one entry of each row", {"x": TABLE}, TABLE[[0, 1, 2], [2, 0, 3]]),
]


def draw_array(axes, name, values, low, high):
    """The array as cells with their numbers, its name and shape above."""
    cells = values[None, :] if values.ndim == 1 else values
    axes.imshow(cells, cmap="cividis", vmin=low, vmax=high)
    middle = (low + high) / 2
    for (i, j), value in np.ndenumerate(cells):
        axes.text(
            j, i, f"{value:.3g}", ha="center", va="center", fontsize="x-large", color="white" if value < middle else "black"
        )
    axes.set(xticks=np.arange(-0.5, cells.shape[1]), yticks=np.arange(-0.5, cells.shape[0]), xticklabels=[], yticklabels=[])
    axes.grid(color="white", linewidth=2)
    axes.tick_params(length=0)
    axes.set_title(f"{name}\n{values.shape}")


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    figure = plt.figure(figsize=(11, 5), layout="constrained")
    shown = {"step": -1, "paused": False}  # the first frame makes it 0
    hold = 1 if quick else 5  # frames for which a line stays

    def draw():
        line, remark, inputs, output = STEPS[shown["step"]]
        arrays = [*inputs.values(), output]
        low, high = min(a.min() for a in arrays), max(a.max() for a in arrays)
        figure.clear()
        figure.suptitle(f"{shown['step'] + 1} of {len(STEPS)}:  {line}\n{remark}")
        panels = figure.subplots(1, len(arrays), squeeze=False)[0]
        for axes, (name, values) in zip(panels, [*inputs.items(), ("result", output)], strict=True):
            draw_array(axes, name, values, low, high)

    def advance(frame):
        if frame % hold == 0 and not shown["paused"]:
            shown["step"] = (shown["step"] + 1) % len(STEPS)
            draw()

    def press(event):
        if event.key == " ":
            shown["paused"] = not shown["paused"]
        elif event.key in ("left", "right"):
            shown["paused"] = True
            shown["step"] = (shown["step"] + (1 if event.key == "right" else -1)) % len(STEPS)
            draw()
            figure.canvas.draw_idle()

    figure.canvas.mpl_connect("key_press_event", press)
    return FuncAnimation(figure, advance, frames=4 if quick else hold * len(STEPS), init_func=lambda: None, interval=800)
