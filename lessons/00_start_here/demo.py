"""From an image to tokens: a digit, the patches that it is cut into, and each patch as a row of numbers.

Keys: left and right show another digit, up and down make the patches larger and smaller.
"""

import numpy as np


def cut(image, size):
    """The patches of an (8, 8) image, row by row: (N, size, size)."""
    steps = range(0, len(image), size)
    return np.stack([image[row : row + size, column : column + size] for row in steps for column in steps])


def demo(quick=False):
    import matplotlib.pyplot as plt

    from minivit.data import load

    data = load("digits")
    images, labels = data.test_images[..., 0], data.test_labels  # (360, 8, 8)
    sizes = (1, 2, 4, 8)
    figure = plt.figure(figsize=(12, 5), layout="constrained")
    shown = {"digit": 2, "size": 1}

    def draw():
        image, label, size = images[shown["digit"]], labels[shown["digit"]], sizes[shown["size"]]
        patches = cut(image, size)
        grid = len(image) // size
        figure.clear()
        left, middle, right = figure.subfigures(1, 3, width_ratios=(4, 5, 3))

        axes = left.subplots()
        left.suptitle(f"an image of a {label}")
        axes.imshow(image, cmap="cividis", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[], xlabel="8 x 8 pixels")

        middle.suptitle("cut into patches")
        for axes, patch in zip(middle.subplots(grid, grid, squeeze=False).flat, patches, strict=True):
            axes.imshow(patch, cmap="cividis", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
        middle.supxlabel(f"{len(patches)} of {size} x {size} pixels", fontsize=plt.rcParams["axes.labelsize"])

        right.suptitle("each a token")
        axes = right.subplots()
        axes.imshow(patches.reshape(len(patches), -1), cmap="cividis", vmin=0, vmax=1, aspect="auto")
        axes.set(xticks=[], yticks=[], xlabel=f"{size * size} numbers", ylabel="tokens, one a row")

    def press(event):
        move = {"left": ("digit", -1), "right": ("digit", 1), "down": ("size", -1), "up": ("size", 1)}.get(event.key)
        if move is None:
            return
        name, step = move
        if name == "digit":
            shown["digit"] = (shown["digit"] + step) % len(images)
        else:
            shown["size"] = min(max(shown["size"] + step, 0), len(sizes) - 1)
        draw()
        figure.canvas.draw_idle()

    draw()
    figure.canvas.mpl_connect("key_press_event", press)
    return figure
