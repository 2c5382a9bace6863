"""From image to patches to tokens: the same picture with other patch sizes, and with its patches shuffled.

Up and down arrow, or the slider: larger and smaller patches. Space: shuffle the patches, and put them back. N: the next image.
"""

import numpy as np

from lessons.figures import BLUE, ORANGE

SIZES = (1, 2, 4, 7, 14, 28)
TITLES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.widgets import Slider

    from minivit.data import load
    from minivit.ops import patchify, unpatchify

    data = load("fashion-mini")
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 5.2), layout="none")
    figure.subplots_adjust(left=0.02, right=0.97, bottom=0.24, top=0.85, wspace=0.12)
    state = {"size": 7, "shuffle": False, "image": int(np.flatnonzero(data.train_labels == 9)[0])}
    slider = Slider(figure.add_axes((0.2, 0.1, 0.6, 0.05)), "patch size", 0, len(SIZES) - 1, valinit=3, valstep=1, color=BLUE)

    def draw():
        size, number = state["size"], state["image"]
        image = data.train_images[number][None]  # (1, 28, 28, 1)
        patches = patchify.forward(image, size)[0]  # (1, N, P·P)
        count = patches.shape[1]
        order = np.random.default_rng(0).permutation(count) if state["shuffle"] else np.arange(count)
        seen = unpatchify.forward(patches[:, order], size, 28)[0]
        for axes in (left, middle, right):
            axes.clear()
            axes.set(xticks=(), yticks=())
        left.imshow(image[0, ..., 0], cmap="gray_r")
        left.set_title(f"the image: {TITLES[data.train_labels[number]]}")
        middle.imshow(seen[0, ..., 0], cmap="gray_r")
        if size > 1:
            for line in np.arange(size, 28, size) - 0.5:
                middle.axhline(line, color=ORANGE, linewidth=1)
                middle.axvline(line, color=ORANGE, linewidth=1)
        middle.set_title(f"{count} patches of {size} × {size}" + (", shuffled" if state["shuffle"] else ""))
        right.imshow(patches[0, order], cmap="gray_r", aspect="auto", interpolation="nearest")
        right.set_title(f"{count} patches as rows of {size * size} numbers")
        right.set_ylabel("patch")
        figure.suptitle(f"every token looks at every token: {count} × {count} = {count * count:,} pairs", fontsize=14)
        slider.valtext.set_text(f"{size} × {size}")
        figure.canvas.draw_idle()

    def choose(value):
        state["size"] = SIZES[int(value)]
        draw()

    def press(event):
        if event.key in ("up", "down"):
            slider.set_val(min(len(SIZES) - 1, max(0, slider.val + (1 if event.key == "up" else -1))))
        elif event.key == " ":
            state["shuffle"] = not state["shuffle"]
            draw()
        elif event.key in ("n", "N"):
            state["image"] = (state["image"] + 1) % len(data.train_images)
            draw()

    slider.on_changed(choose)
    figure.canvas.mpl_connect("key_press_event", press)
    figure.slider = slider  # a widget that nobody keeps stops working
    draw()
    return figure
