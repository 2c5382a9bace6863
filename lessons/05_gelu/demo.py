"""Random numbers rain on the bell curve. Those below x keep the gate open; the average output is GELU.

Left and right arrow: move x (the animation stops). Up arrow: draw new numbers. Down arrow: let it run again.
"""

import math

import numpy as np

DRAWS = 300


def demo(quick=False):
    """x travels from -3 to 3: how many draws lie below it, what comes out on average, and the tangent of GELU there."""
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    from lessons.figures import BLUE, GREY, ORANGE, lay_out_once
    from minivit.ops import gelu

    grid = np.linspace(-4, 4, 401)
    curve, _ = gelu.forward(grid)
    bell = np.exp(-0.5 * grid * grid) / math.sqrt(2 * math.pi)
    rng = np.random.default_rng(0)
    state = {"x": -3.0, "by hand": False, "draws": None, "heights": None}

    def draw_numbers():
        z = rng.standard_normal(DRAWS)
        state["draws"] = z
        state["heights"] = rng.uniform(0, np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))  # under the bell, like rain

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    there = np.linspace(-3, 3, 21)
    path = np.concatenate([there, there[-2:0:-1]])  # and back
    path = path[[0, 8, 13, 20]] if quick else path

    def show(x):
        z, heights = state["draws"], state["heights"]
        below = z < x
        left.clear()
        left.plot(grid, bell, color="black")
        left.fill_between(grid, bell, where=grid <= x, color=BLUE, alpha=0.25)
        left.scatter(z[below], heights[below], color=BLUE, s=14, marker="o", label=f"below x: {below.sum()}, x is kept")
        left.scatter(z[~below], heights[~below], color=GREY, s=20, marker="x", label=f"above: {(~below).sum()}, 0 instead")
        left.axvline(x, color="black", linewidth=1)
        probability = 0.5 * (1 + math.erf(x / math.sqrt(2)))
        left.set(title=f"x = {x:.2f}: the gate Φ(x) = {probability:.3f}", xlim=(-4, 4), ylim=(0, 0.56), yticks=[])
        left.legend(loc="upper left", ncols=1)

        y, pull = gelu.forward(np.array([x]))
        slope = float(pull(np.ones(1))[0])
        right.clear()
        right.plot(grid, np.maximum(grid, 0), color=GREY, linestyle="--", label="relu")
        right.plot(grid, curve, color=BLUE, linewidth=2, label="GELU")
        reach = np.array([-1.2, 1.2]) / math.hypot(1, slope)
        right.plot(x + reach, y[0] + slope * reach, color=ORANGE, linewidth=3, label=f"slope {slope:.3f}")
        right.plot([x], y, "o", color=ORANGE, markersize=9)
        right.plot([x], [x * below.mean()], "kx", markersize=9, label=f"average of {DRAWS} games: {x * below.mean():.3f}")
        right.set(title=f"GELU = x · Φ(x) = {y[0]:.3f}", xlim=(-4, 4), ylim=(-0.8, 4.2))
        right.legend(loc="upper left")

    def frame(number):
        if not state["by hand"]:
            state["x"] = float(path[number])
            show(state["x"])

    def pressed(event):
        step = {"left": -0.1, "right": 0.1}.get(event.key)
        if step:
            state["by hand"] = True
            state["x"] = min(3.5, max(-3.5, round(state["x"] + step, 2)))
        elif event.key == "up":
            draw_numbers()
        elif event.key == "down":
            state["by hand"] = False
            return
        else:
            return
        show(state["x"])
        figure.canvas.draw_idle()

    draw_numbers()
    frame(0)
    lay_out_once(figure)
    figure.canvas.mpl_connect("key_press_event", pressed)
    animation = FuncAnimation(figure, frame, frames=len(path), interval=200, init_func=lambda: None)
    animation.still = 2 if quick else 13  # x = 0.9: here the average and the tangent can be seen
    return animation
