"""A walk through the blocks of a small trained ViT: the tokens on the road, and what attention and MLP add to them.

Left and right arrow: one half block back or on. Space: the next digit.
"""

import numpy as np

from lessons.figures import BLUE, ORANGE
from lessons.own import digits_vit


def halves(model, images):
    """[(name, what is added, the road after it)] for each half block, and the road at the start; arrays (B, T, D)."""
    from minivit import no_grad

    with no_grad():
        stages = dict(model.stages(images))
        road = stages["embed_tokens"]
        found = [("class token and positions", None, road.data)]
        for i, block in enumerate(model.blocks):
            for name, branch in (
                ("attention", lambda x, b=block: b.attn(b.norm1(x))),
                ("MLP", lambda x, b=block: b.mlp(b.norm2(x))),
            ):
                added = branch(road)
                road = road + added
                found.append((f"block {i + 1}, {name}", added.data, road.data))
    return found


def demo(quick=False):
    import matplotlib.pyplot as plt

    model, data = digits_vit(1 if quick else 14, depth=4, dim=32, mlp_dim=64)
    figure, panels = plt.subplots(1, 4, figsize=(12, 5), width_ratios=(3, 4, 4, 3))
    state = {"step": 3, "image": 0}

    def draw():
        image = data.test_images[state["image"]][None]
        walk = halves(model, data.normalise(image))
        name, added, road = walk[state["step"]]
        limit = np.abs(walk[-1][2][0]).max()
        for axes in panels:
            axes.clear()
        panels[0].imshow(image[0, ..., 0], cmap="gray_r")
        panels[0].set(title="the digit", xticks=(), yticks=())
        nothing = np.zeros_like(road[0])
        limit_added = 1.0 if added is None else np.quantile(np.abs(added), 0.99)
        for axes, tokens, most, title in (
            (panels[1], nothing if added is None else added[0], limit_added, f"what is added, up to {limit_added:.1f}"),
            (panels[2], road[0], limit, f"the road after it, up to {limit:.1f}"),
        ):
            axes.imshow(tokens, cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
            axes.set(title=title, xticks=(), yticks=(), ylabel="tokens")
        sizes = [float(r.std()) for _, _, r in walk]
        panels[3].plot(sizes, range(len(walk)), color=BLUE, marker="o")
        panels[3].plot(sizes[state["step"]], state["step"], "s", markersize=14, markerfacecolor="none", markeredgecolor=ORANGE,
                       markeredgewidth=3)  # fmt: skip
        panels[3].set(title="spread of the road", ylim=(len(walk) - 0.5, -0.5), xlim=(0, None), ylabel="half blocks, downwards")
        figure.suptitle(f"{state['step']} of {len(walk) - 1}: {name}", fontsize=14)
        figure.canvas.draw_idle()

    def press(event):
        step = {"right": 1, "left": -1}.get(event.key, 0)
        state["step"] = min(2 * model.config.depth, max(0, state["step"] + step))
        if event.key == " ":
            state["image"] = (state["image"] + 1) % len(data.test_images)
        draw()

    figure.canvas.mpl_connect("key_press_event", press)
    draw()
    return figure
