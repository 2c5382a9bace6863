"""What a soft split reads of a digit, the biases that a small ViT has learned for each step, and RoPE's scores over distance.

Up and down: larger and smaller windows. Right and left: another token. Space: the next block's biases. B: RoPE's base.
"""

import numpy as np

from lessons.figures import BLUE, GREY, ORANGE
from lessons.own import digits_vit

SIZES = (2, 3, 5)  # of windows at a distance of 2 pixels
BASES = (2, 100, 10000)
TABLE = "blocks.{}.attn.rel_pos.relative_position_bias_table"


def tables(model):
    """For each block the biases (heads, 7, 7) of a grid of 4 × 4, the one who looks in the middle: above it is what is above."""
    config, state = model.config, model.state_dict()
    found = [state[TABLE.format(i)][:49].reshape(7, 7, config.heads) for i in range(config.depth)]
    return [table[::-1, ::-1].transpose(2, 0, 1) for table in found]  # a step goes from the one who is looked at


def scores(base, width=32, count=16):
    """The score of two equal vectors, 0 to count − 1 columns apart."""
    speeds = base ** (-np.arange(width // 4) / (width // 4))  # (d/4,)
    return (1 + np.cos(np.arange(count)[:, None] * speeds).mean(axis=1)) / 2  # half of the pairs know rows only


def demo(quick=False):
    import matplotlib.pyplot as plt

    from minivit.ops import unfold

    model, data = digits_vit(2 if quick else 30, relative_pos="relative", pos_embed="none")
    learned = tables(model)
    heads = len(learned[0])
    image = data.train_images[3][None]  # (1, 8, 8, 1)
    figure = plt.figure(figsize=(12, 6.6))
    top, bottom = figure.subfigures(2, 1)
    digit, window, rope = top.subplots(1, 3, width_ratios=(1, 1, 1.9))
    maps = bottom.subplots(1, heads)
    state = {"size": 1, "token": 6, "block": 0, "base": 1}

    def draw():
        size, (row, column) = SIZES[state["size"]], divmod(state["token"], 4)
        frame = (size - 1) // 2
        windows = unfold.forward(image, size, 2, frame)[0]  # (1, 16, size size)
        for axes in (digit, window, rope, *maps):
            axes.clear()
            axes.set(xticks=(), yticks=())
        digit.axis("off")
        digit.imshow(np.pad(image[0, ..., 0], 2), cmap="gray_r", extent=(-2.5, 9.5, 9.5, -2.5))
        for r, c in np.ndindex(4, 4):
            chosen = (r, c) == (row, column)
            corner = 2 * c - frame - 0.5, 2 * r - frame - 0.5
            style = {"edgecolor": ORANGE, "linewidth": 4, "zorder": 3} if chosen else {"edgecolor": BLUE, "linewidth": 0.8}
            digit.add_patch(plt.Rectangle(corner, size, size, fill=False, **style))
        digit.set_title(f"16 windows of {size} × {size}")
        window.imshow(windows[0, state["token"]].reshape(size, size), cmap="gray_r", vmin=0, vmax=1)
        window.set_title(f"token {state['token']} reads {size * size} numbers")
        base = BASES[state["base"]]
        rope.plot(scores(base), "o-", color=BLUE)
        rope.axhline(0.5, color=GREY, linewidth=0.8)
        rope.set(title=f"RoPE, base {base}: score of equal vectors", xlabel="columns apart", ylim=(0, 1.05))
        rope.set(xticks=range(0, 16, 3), yticks=(0, 0.5, 1))
        biases = learned[state["block"]]
        limit = max(float(np.abs(table).max()) for table in learned)
        for head, axes in enumerate(maps):
            shown = axes.imshow(biases[head], cmap="PuOr", vmin=-limit, vmax=limit)
            axes.add_patch(plt.Rectangle((2.5, 2.5), 1, 1, fill=False, edgecolor="black", linewidth=2))
            axes.set_title(f"head {head + 1}")
        if figure.axes[-1].get_label() != "<colorbar>":
            bottom.colorbar(shown, ax=list(maps), shrink=0.8)
        bottom.suptitle(f"block {state['block'] + 1}: what is added to the score of a patch, seen from the square in the middle")
        figure.canvas.draw_idle()

    def press(event):
        if event.key in ("up", "down"):
            state["size"] = int(np.clip(state["size"] + (1 if event.key == "up" else -1), 0, len(SIZES) - 1))
        elif event.key in ("right", "left"):
            state["token"] = (state["token"] + (1 if event.key == "right" else -1)) % 16
        elif event.key == " ":
            state["block"] = (state["block"] + 1) % len(learned)
        elif event.key in ("b", "B"):
            state["base"] = (state["base"] + 1) % len(BASES)
        else:
            return
        draw()

    figure.canvas.mpl_connect("key_press_event", press)
    draw()
    return figure
