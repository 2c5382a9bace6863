"""Gradient flow by layer, before the first step of training: no norm, post-norm and pre-norm, side by side.

Left, the size of the numbers after each block; in the middle, of the gradient that comes back to it; right, of the gradient
of its first weights. Right or up arrow: four blocks more. Left or down arrow: four fewer.
"""

import numpy as np

from lessons.figures import BLUE, GREY, ORANGE
from minivit import ops
from minivit.data import load

WIDTH, IMAGES, SEEDS = 64, 64, 3
ONE, ZERO = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
STYLES = {  # where the norm stands: how it is drawn, and what a block computes
    "no norm": (ORANGE, "s", "x + f(x)"),
    "post-norm": (GREY, "^", "norm(x + f(x))"),
    "pre-norm": (BLUE, "o", "x + f(norm(x))"),
}


def flow(kind, depth, seed=0):
    """Of each block: the spread of its output, the length of dx at its input and of its first weights' gradient."""
    rng = np.random.default_rng(seed)
    digits = load("digits")
    x = digits.normalise(digits.train_images[:IMAGES]).reshape(IMAGES, WIDTH)  # (64, 64): one row a digit
    spreads, kept = [], []
    for _ in range(depth):
        first, second = (rng.normal(0, WIDTH**-0.5, (WIDTH, WIDTH)).astype(np.float32) for _ in range(2))
        h, back_norm = ops.layernorm.forward(x, ONE, ZERO) if kind == "pre-norm" else (x, None)
        h, back_first = ops.linear.forward(h, first, ZERO)
        h, back_gelu = ops.gelu.forward(h)
        h, back_second = ops.linear.forward(h, second, ZERO)
        x = x + h
        if kind == "post-norm":
            x, back_norm = ops.layernorm.forward(x, ONE, ZERO)
        spreads.append(float(x.std()))
        kept.append((back_norm, back_first, back_gelu, back_second))

    back_last = None
    if kind == "pre-norm":  # a last norm, after all blocks
        x, back_last = ops.layernorm.forward(x, ONE, ZERO)
    head = rng.normal(0, WIDTH**-0.5, (WIDTH, 10)).astype(np.float32)
    logits, back_head = ops.linear.forward(x, head, np.zeros(10, np.float32))  # (64, 10)
    _, back_loss = ops.cross_entropy.forward(logits, digits.train_labels[:IMAGES])

    dlogits = back_loss(np.ones((), np.float32))
    dx = back_head(dlogits[0] if isinstance(dlogits, tuple) else dlogits)[0]  # (64, 64)
    if back_last:
        dx = back_last(dx)[0]
    streams, lengths = [], []
    for back_norm, back_first, back_gelu, back_second in reversed(kept):
        if kind == "post-norm":
            dx = back_norm(dx)[0]
        dh, dweight, _ = back_first(back_gelu(back_second(dx)[0]))
        dx = dx + (back_norm(dh)[0] if kind == "pre-norm" else dh)
        streams.append(float(np.linalg.norm(dx)))
        lengths.append(float(np.linalg.norm(dweight)))
    return np.array(spreads), np.array(streams[::-1]), np.array(lengths[::-1])


def demo(quick=False):
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(12, 5), layout="constrained")
    state = {"depth": 12 if quick else 24}
    what = (
        ("the numbers, forward", (0.5, 1e5)),
        ("their gradient, backward", (0.01, 1e4)),
        ("gradient of the weights", (0.1, 1e5)),
    )

    def draw():
        depth = state["depth"]
        for axes, (title, limits) in zip(panels, what, strict=True):
            axes.clear()
            axes.set(yscale="log", xlim=(0.5, depth + 0.5), ylim=limits, xlabel="block", title=title)
            axes.grid(alpha=0.3)
        for kind, (colour, marker, block) in STYLES.items():
            runs = [flow(kind, depth, seed) for seed in range(1 if quick else SEEDS)]
            for axes, sizes in zip(panels, zip(*runs, strict=True), strict=True):
                mean = np.exp(np.mean(np.log(sizes), axis=0))  # of the logarithms: one wild run does not hide the others
                axes.plot(np.arange(1, depth + 1), mean, color=colour, marker=marker, markevery=max(1, depth // 8))
        figure.suptitle(f"{depth} blocks with random weights, on digits")
        figure.canvas.draw_idle()

    def press(event):
        change = {"right": 4, "up": 4, "left": -4, "down": -4}.get(event.key, 0)
        depth = min(48, max(4, state["depth"] + change))
        if depth != state["depth"]:
            state["depth"] = depth
            draw()

    draw()
    labels = [f"{kind}: {block}" for kind, (_, _, block) in STYLES.items()]
    figure.legend(panels[0].lines, labels, loc="outside lower center", ncols=3)
    figure.canvas.mpl_connect("key_press_event", press)
    return figure
