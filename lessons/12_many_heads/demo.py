"""Where each head of a trained ViT looks: choose a patch of a digit, and see its weights in every head of every block.

Click a patch of the digit, or move with the arrow keys; 0 is the class token. Space: the next digit.
"""

import numpy as np

from lessons.figures import ORANGE
from lessons.own import trained_vit


def demo(quick=False):
    import matplotlib.pyplot as plt

    from minivit import no_grad

    model, mean, std, whose, data = trained_vit()
    blocks, heads = model.config.depth, model.config.heads
    figure = plt.figure(figsize=(12, 6.4))
    left, right = figure.subfigures(1, 2, width_ratios=(2, 3))
    digit = left.subplots()
    maps = right.subplots(blocks, heads)
    state = {"image": 3, "token": 11}

    def draw():
        image = data.test_images[state["image"]][None]
        with no_grad():
            logits, attention = model((image - mean) / std, return_attention=True)
        token = state["token"]
        digit.clear()
        digit.imshow(image[0, ..., 0], cmap="gray_r")
        if token:
            row, column = divmod(token - 1, 4)
            digit.add_patch(plt.Rectangle((2 * column - 0.5, 2 * row - 0.5), 2, 2, fill=False, edgecolor=ORANGE, linewidth=4))
        who = f"patch {token - 1}" if token else "the class token"
        digit.set(title=f"{whose}: {logits.data.argmax()}; looking: {who}", xticks=(), yticks=())
        for block in range(blocks):
            for head in range(heads):
                weights = attention[block][0, head, token]  # (T,)
                axes = maps[block, head]
                axes.clear()
                axes.imshow(weights[1:].reshape(4, 4), cmap="viridis", vmin=0, vmax=max(0.3, weights.max()))
                if token:
                    column, row = (token - 1) % 4, (token - 1) // 4
                    axes.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2))
                axes.set(title=f"block {block + 1}, head {head + 1}", xticks=(), yticks=())
                axes.title.set_fontsize("small")
        figure.canvas.draw_idle()

    def press(event):
        step = {"up": -4, "down": 4, "left": -1, "right": 1}.get(event.key, 0)
        if event.key == "0":
            state["token"] = 0
        elif event.key == " ":
            state["image"] = (state["image"] + 1) % len(data.test_images)
        elif step:
            state["token"] = min(16, max(1, state["token"] + step)) if state["token"] else 1
        draw()

    def click(event):
        if event.inaxes is digit:
            column, row = (int(np.clip((place + 0.5) // 2, 0, 3)) for place in (event.xdata, event.ydata))
            state["token"] = 1 + 4 * row + column
            draw()

    figure.canvas.mpl_connect("key_press_event", press)
    figure.canvas.mpl_connect("button_press_event", click)
    draw()
    return figure
