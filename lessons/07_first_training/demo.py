"""A training run, to walk through: what 16 hidden units look for, the loss, and what the network makes of five test digits.

Left and right arrow: one snapshot back or on. Home and end: before and after training. Space: let it run, or stop it.
"""

import numpy as np

HIDDEN, EPOCHS, RATE, BATCH = 16, 20, 0.2, 32
SNAPSHOTS = 36


def training():
    """(losses, steps, snapshots, data): snapshots holds the four arrays after each of `steps`, closer together at the start."""
    from minivit import Tensor, ops
    from minivit.data import batches, load

    data, rng = load("digits"), np.random.default_rng(0)
    images = data.normalise(data.train_images).reshape(-1, 64)
    arrays = (0.05 * rng.standard_normal((64, HIDDEN)), np.zeros(HIDDEN), np.zeros((HIDDEN, 10)), np.zeros(10))
    parameters = [Tensor(array.astype(np.float32), requires_grad=True) for array in arrays]
    total = EPOCHS * -(-len(images) // BATCH)
    steps = np.unique(np.round(np.geomspace(1, total + 1, SNAPSHOTS + 8) - 1).astype(int))[-SNAPSHOTS:]
    steps[0] = 0
    losses, snapshots = [], []
    for _ in range(EPOCHS):
        for some, labels in batches(images, data.train_labels, BATCH, rng):
            if len(losses) in steps:
                snapshots.append([parameter.data.copy() for parameter in parameters])
            for parameter in parameters:
                parameter.grad = None
            weight1, bias1, weight2, bias2 = parameters
            hidden = ops.gelu(ops.linear(some, weight1, bias1))
            loss = ops.cross_entropy(ops.linear(hidden, weight2, bias2), labels)
            loss.backward()
            losses.append(float(loss))
            for parameter in parameters:
                parameter.data = parameter.data - RATE * parameter.grad
    snapshots.append([parameter.data.copy() for parameter in parameters])
    return losses, steps, snapshots, data


def probabilities(snapshot, images):
    """What the network of that snapshot says about images (B, 64): (B, 10)."""
    from minivit import ops

    weight1, bias1, weight2, bias2 = snapshot
    hidden = ops.gelu.forward(images @ weight1 + bias1)[0]
    return ops.softmax.forward(hidden @ weight2 + bias2)[0]


def tiles(weight):
    """The columns of a weight (64, 16), each as a picture of 8 x 8, in four rows of four with gaps between."""
    pictures = np.pad(weight.T.reshape(4, 4, 8, 8), ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    return pictures.transpose(0, 2, 1, 3).reshape(36, 36)  # (row, column, 9, 9) to (row, 9, column, 9)


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    from lessons.figures import BLUE, GREY, ORANGE, lay_out_once

    losses, steps, snapshots, data = training()
    if quick:
        few = [0, 12, 24, len(snapshots) - 1]
        steps, snapshots = steps[few], [snapshots[i] for i in few]
    images = data.normalise(data.test_images).reshape(-1, 64)
    said = np.array([probabilities(snapshot, images) for snapshot in snapshots])  # (snapshots, 360, 10)
    right = said.argmax(axis=-1) == data.test_labels  # (snapshots, 360)
    accuracy = right.mean(axis=1)
    by_difficulty = np.argsort(-right.sum(axis=0), kind="stable")
    learned = by_difficulty[right[-1][by_difficulty]]
    chosen = [*learned[[20, 180, -20, -2]], by_difficulty[-1]]  # from easy to hopeless

    figure, (weights_axes, loss_axes, digit_axes, bar_axes) = plt.subplots(
        1, 4, figsize=(12, 5), layout="constrained", width_ratios=(6, 6, 1.1, 5)
    )
    limit = 0.8 * max(np.abs(snapshot[0]).max() for snapshot in snapshots)
    weights = weights_axes.imshow(tiles(snapshots[-1][0]), cmap="PuOr", vmin=-limit, vmax=limit)
    weights_axes.set_title(f"weight1: what {HIDDEN} units look for")
    weights_axes.axis("off")

    smooth = np.convolve(np.pad(losses, 4, mode="edge"), np.ones(9) / 9, mode="valid")  # the mean over 9 steps around each
    loss_axes.plot(np.arange(len(losses)) + 1, smooth, color=BLUE, alpha=0.5)
    loss_axes.axhline(np.log(10), color=GREY, linestyle="--")
    loss_axes.annotate("ln 10", (len(losses), np.log(10) + 0.03), ha="right")
    (dot,) = loss_axes.plot([1], [smooth[0]], "o", color=ORANGE, markersize=11, clip_on=False)
    loss_axes.set(xscale="log", xlabel="step", ylabel="loss", ylim=(0, 2.6))
    title = loss_axes.set_title("")

    strip = np.concatenate([np.pad(data.test_images[i, :, :, 0], ((2, 0), (0, 0))) for i in chosen])  # (5 · 10, 8)
    digit_axes.imshow(strip, cmap="gray_r", aspect="auto")
    digit_axes.axis("off")
    rows = []
    for i, floor in zip(chosen, range(4, -1, -1), strict=True):
        bars = bar_axes.bar(range(10), np.zeros(10), bottom=floor, color=GREY)
        bar_axes.axhline(floor, color="black", linewidth=0.8)
        rows.append((i, bars, bar_axes.text(9.8, floor + 0.3, "", ha="left")))
    bar_axes.set(title="its answers (blue: the label)", xlim=(-0.6, 12.2), ylim=(0, 5), xticks=range(10), yticks=[])
    bar_axes.spines["left"].set_visible(False)

    state = {"shown": 0, "next": 0, "running": True}

    def show(frame):
        state["shown"], state["next"] = frame, (frame + 1) % len(snapshots)
        weights.set_data(tiles(snapshots[frame][0]))
        step = steps[frame]
        dot.set_data([step + 1], [smooth[min(step, len(smooth) - 1)]])
        title.set_text(f"step {step}: {accuracy[frame]:.0%} of the test right")
        for i, bars, verdict in rows:
            p, label = said[frame, i], data.test_labels[i]
            undecided = np.ptp(p) < 1e-6
            for digit, bar in enumerate(bars):
                bar.set_height(0.8 * p[digit])
                bar.set_color(BLUE if digit == label else ORANGE if digit == p.argmax() and not undecided else GREY)
            verdict.set_text("?" if undecided else "right" if p.argmax() == label else "wrong")
        return []

    def press(event):
        frame, last = state["shown"], len(snapshots) - 1
        target = {"left": max(frame - 1, 0), "right": min(frame + 1, last), "home": 0, "end": last}.get(event.key)
        if target is not None:
            state["running"] = False
            animation.pause()
            show(target)
            figure.canvas.draw_idle()
        elif event.key == " ":
            state["running"] = not state["running"]
            (animation.resume if state["running"] else animation.pause)()

    show(len(snapshots) - 1)  # the widest texts, for the layout, which then stays: frames are drawn faster
    lay_out_once(figure)
    show(0)
    state["next"] = 0
    figure.canvas.mpl_connect("key_press_event", press)
    animation = FuncAnimation(
        figure,
        lambda _: show(state["next"]),
        frames=len(snapshots),
        init_func=lambda: [],
        interval=250,
        blit=False,
    )
    return animation
