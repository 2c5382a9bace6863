"""Ten scores, their probabilities, the gradient p − t, and the loss as a curve over one of the scores.

Left and right arrow: choose a score. Up and down arrow: move it. + and -: raise and lower the temperature; 1: back to 1.
Enter: from the start again, as an animation: first the right score climbs, then the temperature falls.
"""

import numpy as np

LABEL = 5
SCORES = np.array([0.4, -1.4, 0.2, 2.3, -3.0, 2.8, -1.7, -1.8, 0.8, 3.8])  # a network's, for a 5 that looks like a 9
STEPS = 16


def demo(quick=False):
    """Four panels that follow the scores and the temperature."""
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    from lessons.figures import BLUE, GREY, ORANGE, lay_out_once
    from minivit.ops import log_softmax, softmax

    classes = np.arange(len(SCORES))
    target = (classes == LABEL).astype(float)
    curve_at = np.linspace(-9, 12, 106)
    state = {"scores": SCORES.copy(), "chosen": LABEL, "temperature": 1.0, "by hand": False}

    climb = [(score, 1.0) for score in np.linspace(-4, 11, STEPS)]
    cool = [(SCORES[LABEL], temperature) for temperature in np.geomspace(8, 0.2, STEPS)]
    path = climb[::6][1:3] + cool[::6][1:3] if quick else climb + cool

    figure, ((scores, chances), (pushes, loss)) = plt.subplots(2, 2, figsize=(11, 6.6), layout="constrained")
    colours = [BLUE if k == LABEL else GREY for k in classes]
    score_bars = scores.bar(classes, SCORES, color=colours)
    chance_bars = chances.bar(classes, target, color=colours)
    chances.bar(classes, target, color="none", edgecolor="black", linewidth=1.5)
    push_bars = pushes.bar(classes, target, color=colours)
    (marker,) = scores.plot([LABEL], [0], "v", color=ORANGE, markersize=10, clip_on=False)
    (curve,) = loss.plot(curve_at, curve_at, color=BLUE, linewidth=2)
    (tangent,) = loss.plot([0, 1], [0, 1], color=ORANGE, linewidth=3)
    (point,) = loss.plot([0], [0], "o", color=ORANGE, markersize=9)
    for axis in (scores, chances, pushes):
        axis.set_xticks(classes)
        axis.axhline(0, color="black", linewidth=0.6)
    scores.set_ylim(-9, 13)
    chances.set_ylim(0, 1.05)
    loss.set(xlim=(-9, 12), ylim=(-0.4, 14))

    def losses(rows):
        return -log_softmax.forward(rows / state["temperature"])[0][:, LABEL]

    def show():
        x, chosen, temperature = state["scores"], state["chosen"], state["temperature"]
        p = softmax.forward(x / temperature)[0]
        slope = (p - target) / temperature
        now = losses(x[None])[0]
        for bars, heights in ((score_bars, x), (chance_bars, p), (push_bars, slope)):
            for bar, height in zip(bars, heights, strict=True):
                bar.set_height(height)
        marker.set_data([chosen], [max(x[chosen], 0) + 1.1])
        rows = np.repeat(x[None], len(curve_at), axis=0)
        rows[:, chosen] = curve_at
        curve.set_data(curve_at, losses(rows))
        point.set_data([x[chosen]], [min(now, loss.get_ylim()[1])])
        reach = np.array([-2.5, 2.5])
        tangent.set_data(x[chosen] + reach, now + slope[chosen] * reach)
        limit = max(1.05, 1.1 * np.abs(slope).max())
        pushes.set_ylim(-limit, limit)
        scores.set_title(f"scores, temperature {temperature:.2f}")
        chances.set_title(f"p and target: p of the {LABEL} is {p[LABEL]:.3f}")
        pushes.set_title(f"gradient {'p − t' if abs(temperature - 1) < 0.005 else '(p − t) / temperature'}")
        loss.set_title(f"loss {now:.2f} over the score of {chosen}")

    def frame(number):
        if not state["by hand"]:
            score, state["temperature"] = path[number]
            state["scores"], state["chosen"] = SCORES.copy(), LABEL
            state["scores"][LABEL] = score
            show()

    def pressed(event):
        if event.key == "enter":
            state["by hand"] = False
            animation.frame_seq = animation.new_frame_seq()
            return
        if event.key not in ("left", "right", "up", "down", "+", "=", "-", "1"):
            return
        state["by hand"] = True
        chosen = state["chosen"]
        if event.key in ("left", "right"):
            state["chosen"] = (chosen + (1 if event.key == "right" else -1)) % len(SCORES)
        elif event.key in ("up", "down"):
            state["scores"][chosen] = np.clip(state["scores"][chosen] + (0.5 if event.key == "up" else -0.5), -9, 12)
        elif event.key == "1":
            state["temperature"] = 1.0
        else:
            state["temperature"] = float(np.clip(state["temperature"] * (0.8 if event.key == "-" else 1.25), 0.1, 100))
        show()
        figure.canvas.draw_idle()

    frame(0)
    lay_out_once(figure)
    figure.canvas.mpl_connect("key_press_event", pressed)
    animation = FuncAnimation(figure, frame, frames=len(path), interval=250, init_func=lambda: None)
    return animation
