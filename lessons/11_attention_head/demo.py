"""Why scores are divided by the root of d: the softmax of random scores, with and without.

Up and down arrow, or the slider: the length d of queries and keys. Space: new random queries and keys.
"""

import numpy as np

from lessons.figures import BLUE, ORANGE

TOKENS = 17
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


def looks(seed, width, scaled):
    """(weights p (17,), slopes p(1 - p)) of one query for 17 keys."""
    rng = np.random.default_rng(seed)
    q, k = rng.standard_normal(WIDTHS[-1])[:width], rng.standard_normal((TOKENS, WIDTHS[-1]))[:, :width]
    scores = k @ q / (np.sqrt(width) if scaled else 1)
    p = np.exp(scores - scores.max())
    p /= p.sum()
    return p, p * (1 - p)


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.widgets import Slider

    figure, panels = plt.subplots(2, 2, figsize=(12, 6.4), layout="none")
    figure.subplots_adjust(left=0.07, right=0.98, top=0.86, bottom=0.2, hspace=0.42, wspace=0.16)
    state = {"seed": 0}
    slider = Slider(figure.add_axes((0.2, 0.06, 0.6, 0.04)), "d", 0, len(WIDTHS) - 1, valinit=6, valstep=1, color=BLUE)

    def draw():
        width = WIDTHS[int(slider.val)]
        for column, (scaled, colour, name) in enumerate(((False, ORANGE, "not divided"), (True, BLUE, "divided by √d"))):
            p, slopes = looks(state["seed"], width, scaled)
            for axes, values, limit, what in (
                (panels[0, column], p, 1, f"weights, {name}: the largest is {p.max():.2f}"),
                (panels[1, column], slopes, 0.26, f"slopes p(1 − p), {name}: together {slopes.sum():.2f}"),
            ):
                axes.clear()
                axes.bar(range(TOKENS), values, color=colour, hatch=None if scaled else "//", edgecolor="white")
                axes.set(ylim=(0, limit), title=what, xticks=range(0, TOKENS, 4))
        panels[1, 0].set_xlabel("token that is looked at")
        panels[1, 1].set_xlabel("token that is looked at")
        figure.suptitle(
            f"one query, {TOKENS} keys, d = {width}: scores of size about √{width} = {np.sqrt(width):.3g}", fontsize=14
        )
        slider.valtext.set_text(f"{width}")
        figure.canvas.draw_idle()

    def press(event):
        if event.key in ("up", "down"):
            slider.set_val(min(len(WIDTHS) - 1, max(0, slider.val + (1 if event.key == "up" else -1))))
        elif event.key == " ":
            state["seed"] += 1
            draw()

    slider.on_changed(lambda value: draw())
    figure.canvas.mpl_connect("key_press_event", press)
    figure.slider = slider  # a widget that nobody keeps stops working
    draw()
    return figure
