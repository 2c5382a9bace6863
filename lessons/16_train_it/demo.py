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


def reduced(canvas):
    """(64, 64) to the model's (1, 8, 8, 1): means of blocks, as the data set was made."""
    blocks = canvas.reshape(8, FINE // 8, 8, FINE // 8).mean(axis=(1, 3))  # (8, 8)
    return np.minimum(1, 1.35 * blocks)[None, :, :, None].astype(np.float32)


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
    state = {"pen": 4.0, "pressed": 0, "last": None, "cursor": [32, 32], "test": -1}
    figure, (paper, seen, bars, looks) = plt.subplots(1, 4, figsize=(13, 4))

    def draw():
        image = reduced(canvas)
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
        figure.suptitle(f"{whose}: draw large, from top to bottom, and it reads", fontsize=14)
        figure.canvas.draw_idle()

    def line_to(x, y):
        start = state["last"] or (x, y)
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
        elif event.key in ("delete", "backspace"):
            canvas[...] = 0
        elif event.key == " ":
            state["test"] = (state["test"] + 1) % len(data.test_images)
            canvas[...] = np.kron(data.test_images[state["test"], ..., 0], np.ones((8, 8))) / 1.35
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
