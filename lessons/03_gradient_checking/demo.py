"""A measured slope under the magnifying glass: on the left the curve, its tangent, and the secant through x ± h, zoomed in as
h shrinks; on the right the V-curve of the error, with a ring at this h. It plays by itself in float32 until a key is pressed.
Keys: left and right change h, up and down the precision (float16, float32, float64)."""

import numpy as np

DTYPES = ("float16", "float32", "float64")
LOWEST = {"float16": -4.5, "float32": -9.0, "float64": -16.5}  # the smallest log10 of h
X, TRUE = 1.0, np.e - 1  # of f(x) = e^x - x


def _values(points, dtype):
    """f at the points, with every number kept in that precision."""
    points = np.asarray(points).astype(dtype)
    return points.astype(np.float64), (np.exp(points) - points).astype(np.float64)


def _slope(h, dtype):
    """The measured slope, and its relative error."""
    _, (high, low) = _values([X + h, X - h], dtype)
    slope = (high - low) / (2 * h)
    return slope, max(abs(slope / TRUE - 1), 1e-13)


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    from lessons.figures import BLUE, GREY, ORANGE, PURPLE, lay_out_once

    colours = dict(zip(DTYPES, (PURPLE, ORANGE, BLUE), strict=True))
    state = {"log": 0.0, "dtype": "float32"}
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")

    for dtype, style in zip(DTYPES, (":", "--", "-"), strict=True):
        steps = 10.0 ** np.arange(LOWEST[dtype], 0.01, 0.125)
        right.loglog(steps, [_slope(h, dtype)[1] for h in steps], style, color=colours[dtype], linewidth=2, label=dtype)
    (ring,) = right.loglog([1], [1], "o", color="black", markersize=11, markerfacecolor="none", markeredgewidth=2.5)
    right.axhline(1e-7, color=GREY, linewidth=1)
    right.text(1, 1.3e-7, "limit 1e-7", color=GREY, ha="right", va="bottom")
    right.set(xlabel="step h", ylabel="relative error of the slope", title="h too small   |   h too large", ylim=(1e-13, 10))
    right.legend(loc="lower left")

    # Everything on the left is relative to the point (x, f(x)) and in units of h, so that it stays sharp at any zoom.
    window = np.linspace(-2, 2, 1001)
    (curve,) = left.plot(window, window, linewidth=2, label="curve, as it is stored")
    left.plot(window, TRUE * window, color=GREY, linestyle="--", label="tangent: true slope")
    (secant,) = left.plot(window, window, color="black", linewidth=1.5, label="secant: measured slope")
    (ends,) = left.plot([-1, 1], [0, 0], "o", color="black")
    left.set(
        xlim=(-2, 2), ylim=(-5, 8), xlabel="distance from x, in steps of h", ylabel="f(x + distance) - f(x), over h", title=" \n "
    )
    legend = left.legend(loc="upper left")
    lay_out_once(figure)

    def draw():
        h, dtype = 10.0 ** state["log"], state["dtype"]
        slope, error = _slope(h, dtype)
        _, (middle,) = _values([X], dtype)
        _, stored = _values(X + window * h, dtype)
        points, heights = _values([X - h, X + h], dtype)
        heights = (heights - middle) / h
        curve.set_ydata((stored - middle) / h)
        curve.set_color(colours[dtype])
        legend.legend_handles[0].set_color(colours[dtype])
        ends.set_data((points - X) / h, heights)
        secant.set_ydata(heights.mean() + slope * window)
        ring.set_data([h], [error])
        left.set_title(f"{dtype}, h = {h:.1e}\nmeasured {slope:.8f}, true {TRUE:.8f}")
        figure.canvas.draw_idle()
        return ()

    def play(log):
        state["log"] = log
        return draw()

    def on_key(event):
        if event.key not in ("left", "right", "up", "down"):
            return
        animation.pause()
        if event.key in ("up", "down"):
            place = DTYPES.index(state["dtype"]) + (1 if event.key == "up" else -1)
            state["dtype"] = DTYPES[min(max(place, 0), len(DTYPES) - 1)]
        else:
            state["log"] += 0.25 if event.key == "right" else -0.25
        state["log"] = min(max(state["log"], LOWEST[state["dtype"]]), 0.0)
        draw()

    frames = (0.0, -1.0, -2.5, -7.0) if quick else np.arange(0, -8.1, -1 / 3)
    animation = FuncAnimation(figure, play, frames=frames, interval=450, init_func=lambda: ())
    figure.canvas.mpl_connect("key_press_event", on_key)
    return animation
