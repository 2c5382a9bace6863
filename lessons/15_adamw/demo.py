"""Optimizers on their way down a stretched valley, step by step: SGD, SGD with momentum, Adam.

Right and left arrow: one step on or back. Up and down arrow: larger and smaller learning rates. Space: a steeper valley.
"""

import numpy as np

from lessons.figures import BLUE, GREEN, GREY, ORANGE

STEEP = (5, 20, 80)


def paths(factor, steep, steps=80):
    """{name: path (steps + 1, 2)} in the valley (x² + steep y²) / 2; factor multiplies the learning rates."""
    found = {}
    for name, rate in (("SGD", 0.02), ("SGD with momentum", 0.01), ("Adam", 0.2)):
        place, m, v = np.array([-4.0, 1.6]), np.zeros(2), np.zeros(2)
        path = [place]
        for t in range(1, steps + 1):
            gradient = place * np.array([1.0, steep])
            if name == "Adam":
                m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
                step = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            else:
                m = gradient + (0.9 * m if "momentum" in name else 0)
                step = m
            place = np.clip(place - factor * rate * step, -50, 50)
            path.append(place)
        found[name] = np.array(path)
    return found


def demo(quick=False):
    import matplotlib.pyplot as plt

    figure, (valley, losses) = plt.subplots(1, 2, figsize=(12, 5.4), width_ratios=(3, 2))
    state = {"step": 25, "factor": 1.0, "steep": 1}

    def draw():
        steep = STEEP[state["steep"]]
        for axes in (valley, losses):
            axes.clear()
        x, y = np.meshgrid(np.linspace(-5, 2, 120), np.linspace(-2.4, 2.4, 120))
        valley.contour(x, y, np.sqrt((x * x + steep * y * y) / 2), levels=10, colors=GREY, linewidths=0.6)
        looks = zip(
            paths(state["factor"], steep).items(), ((ORANGE, "s", "-"), (GREEN, "^", "--"), (BLUE, "o", "-.")), strict=True
        )
        for (name, path), (colour, marker, line) in looks:
            done = path[: state["step"] + 1]
            valley.plot(*done.T, color=colour, marker=marker, markersize=4, linewidth=1, linestyle=line)
            loss = (path**2 @ np.array([1.0, steep])) / 2
            losses.plot(loss[: state["step"] + 1], color=colour, marker=marker, markevery=8, linestyle=line, label=name)
        valley.plot(0, 0, "k*", markersize=14)
        valley.set(xlim=(-5, 2), ylim=(-2.4, 2.4), title=f"{steep} times steeper across than along")
        losses.set(yscale="log", ylim=(1e-4, 1e4), xlim=(0, 80), xlabel="step", title="loss")
        losses.legend(loc="upper right", frameon=False)
        figure.suptitle(f"step {state['step']}, learning rates × {state['factor']:.2g}", fontsize=14)
        figure.canvas.draw_idle()

    def press(event):
        if event.key in ("left", "right"):
            state["step"] = min(80, max(0, state["step"] + (1 if event.key == "right" else -1)))
        elif event.key in ("up", "down"):
            state["factor"] = float(np.clip(state["factor"] * (1.25 if event.key == "up" else 0.8), 0.05, 20))
        elif event.key == " ":
            state["steep"] = (state["steep"] + 1) % len(STEEP)
        draw()

    figure.canvas.mpl_connect("key_press_event", press)
    draw()
    return figure
