"""Draw a digit, and watch what a ViT thinks, and where its class token looks. It is yours, if work/my_vit.npz is there.

Draw with the left mouse button; the right one rubs out. Space: a digit of the test set. Delete: an empty canvas.
Plus and minus: a thicker or thinner pen. Without a mouse: arrow keys move the pen, enter puts ink.
"""

import numpy as np

from lessons.figures import BLUE, ORANGE
from lessons.own import trained_vit

FINE = 64  # the canvas; eight of its pixels make one of the model's
# A 7 with a bar, as most of the data are, for a picture without a mouse
STROKES = (
    ((20, 4), (50, 4)),
    ((50, 4), (40, 30), (22, 59)),
    ((25, 32), (50, 32)),
)


def written(canvas):
    """(64, 64) to the model's (1, 8, 8, 1), on the road of `minivit predict`: cut to the ink, set upright, with the strokes of
    the data set, summed."""
    from minivit.data import as_digits

    rows, columns = (np.flatnonzero((canvas > 0.4).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((1, 8, 8, 1), np.float32)
    image = as_digits(canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])[0]
    return image[None, :, :, None].astype(np.float32)


def put_ink(canvas, x, y, pen, ink=1.0):
    """A soft round dot at (x, y), in pixels of the canvas."""
    rows, columns = np.mgrid[:FINE, :FINE]
    dot = np.clip(pen + 1 - np.hypot(columns - x, rows - y), 0, 1)
    canvas[...] = np.maximum(canvas, dot) if ink else np.minimum(canvas, 1 - dot)


def demo(quick=False):
    import matplotlib.pyplot as plt

    from minivit import no_grad
    from minivit.ops import softmax

    model, mean, std, whose, data = trained_vit()
    canvas = np.zeros((FINE, FINE))
    state = {"pen": 4.0, "pressed": 0, "last": None, "cursor": [32, 32], "test": -1, "given": None}
    figure, (paper, seen, bars, looks) = plt.subplots(1, 4, figsize=(13, 4))

    def draw():
        image = written(canvas) if state["given"] is None else state["given"][None]
        with no_grad():
            logits, attention = model((image - mean) / std, return_attention=True)
        p = softmax.forward(logits.data)[0][0]
        for axes in (paper, seen, bars, looks):
            axes.clear()
        paper.imshow(canvas, cmap="gray_r", vmin=0, vmax=1)
        paper.plot(*state["cursor"], "+", color=ORANGE, markersize=9)
        paper.set(title="draw here", xticks=(), yticks=(), xlim=(-0.5, FINE - 0.5), ylim=(FINE - 0.5, -0.5))
        seen.imshow(image[0, ..., 0], cmap="gray_r", vmin=0, vmax=1)
        seen.set(title="what it gets: 8 × 8", xticks=(), yticks=())
        best = int(p.argmax())
        bars.barh(range(10), p, color=[ORANGE if k == best else BLUE for k in range(10)])
        for k in range(10):
            inside = p[k] > 0.8  # no room to the right of it
            place = {"x": p[k] - 0.02, "ha": "right", "color": "white"} if inside else {"x": p[k] + 0.02, "color": "black"}
            bars.text(y=k, s=f"{100 * p[k]:.0f} %", va="center", **place)
        bars.set(
            title=f"it says {best}" if canvas.any() else "nothing there yet",
            yticks=range(10),
            xlim=(0, 1),
            xticks=(0, 0.5, 1),
            ylim=(9.6, -0.6),
            box_aspect=1,  # as high as the pictures beside it
        )
        where = attention[-1][0, :, 0, 1:].mean(axis=0).reshape(4, 4)  # of the last block, over its heads
        looks.imshow(where, cmap="viridis", vmin=0)
        looks.set(title="where it looks", xticks=(), yticks=())
        figure.suptitle(f"{whose}: draw a digit of any size, and it reads", fontsize=14)
        figure.canvas.draw_idle()

    def line_to(x, y):
        start, state["given"] = state["last"] or (x, y), None
        for part in np.linspace(0, 1, int(np.hypot(x - start[0], y - start[1]) // 2) + 2):
            put_ink(
                canvas, start[0] + part * (x - start[0]), start[1] + part * (y - start[1]), state["pen"], state["pressed"] != 3
            )
        state["last"], state["cursor"] = (x, y), [x, y]

    def press(event):
        if event.inaxes is paper:
            state.update(pressed=event.button, last=None)
            line_to(event.xdata, event.ydata)
            draw()

    def move(event):
        if state["pressed"] and event.inaxes is paper:
            line_to(event.xdata, event.ydata)
            draw()

    def release(event):
        state.update(pressed=0, last=None)

    def key(event):
        step = {"left": (-3, 0), "right": (3, 0), "up": (0, -3), "down": (0, 3)}.get(event.key)
        if step:
            state["cursor"] = [int(np.clip(c + s, 0, FINE - 1)) for c, s in zip(state["cursor"], step, strict=True)]
        elif event.key == "enter":
            put_ink(canvas, *state["cursor"], state["pen"])
            state["given"] = None
        elif event.key in ("delete", "backspace"):
            canvas[...], state["given"] = 0, None
        elif event.key == " ":
            state["test"] = (state["test"] + 1) % len(data.test_images)
            state["given"] = data.test_images[state["test"]]  # read as it is, until somebody draws on it
            canvas[...] = np.kron(state["given"][..., 0], np.ones((8, 8)))
        elif event.key in ("+", "-"):
            state["pen"] = float(np.clip(state["pen"] + (0.5 if event.key == "+" else -0.5), 1, 8))
        draw()

    for name, handler in (("button_press", press), ("motion_notify", move), ("button_release", release), ("key_press", key)):
        figure.canvas.mpl_connect(f"{name}_event", handler)
    if plt.get_backend().lower() == "agg":  # nobody can draw on a picture: a 7 is drawn for it
        for stroke in STROKES:
            state["last"] = None
            for place in stroke:
                line_to(*place)
    draw()
    return figure
