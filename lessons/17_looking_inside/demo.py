"""Hide or shuffle the patches of a digit, and see what two ViTs make of it: one with positions, one without.

Right and left: more and fewer patches. H hides, S shuffles, R draws other patches. Up and down: another digit.
A click on a patch hides that one alone.
"""

import numpy as np

from lessons.figures import BLUE, ORANGE
from lessons.own import trained_vit

SHARES = np.linspace(0, 1, 9)


def probabilities(model, images):
    from minivit import no_grad
    from minivit.ops import softmax

    with no_grad():
        return softmax.forward(model(images.astype(np.float32)).data)[0]


def curves(model, images, labels):
    """{kind: accuracy for each share of damaged patches}, over many digits."""
    from minivit.models import inside

    found = {}
    for kind in ("hide", "shuffle"):
        rng = np.random.default_rng(0)
        answers = [probabilities(model, inside.damaged(images, 2, share, rng, kind)).argmax(axis=-1) for share in SHARES]
        found[kind] = [100 * float((a == labels).mean()) for a in answers]
    return found


def demo(quick=False):
    import matplotlib.pyplot as plt

    from minivit.models import inside

    with_positions, mean, std, whose, data = trained_vit()
    without, mean_2, std_2, _, _ = trained_vit(2 if quick else 25, {"pos_embed": "none"})
    models = (
        (with_positions, mean, std, f"{whose}, with positions", BLUE),
        (without, mean_2, std_2, "without positions", ORANGE),
    )
    found = [curves(model, (data.test_images - m) / s, data.test_labels) for model, m, s, _, _ in models]
    state = {"digit": 4, "share": 4, "kind": "shuffle", "draw": 0, "patch": None}
    figure, (paper, bars, hide, shuffle) = plt.subplots(1, 4, figsize=(14.5, 4.4), width_ratios=(3, 4, 4, 4))

    def damage():
        image = data.test_images[state["digit"]][None]  # black is 0 before normalising; a hidden patch is mean grey
        if state["patch"] is None:
            return (
                inside.damaged(image - mean, 2, SHARES[state["share"]], np.random.default_rng(state["draw"]), state["kind"])
                + mean
            )
        row, column = state["patch"]
        image = image.copy()
        image[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = mean
        return image

    def draw():
        image = damage()
        for axes in (paper, bars, hide, shuffle):
            axes.clear()
        paper.imshow(image[0, ..., 0], cmap="gray_r", vmin=0, vmax=1)
        for line in (1.5, 3.5, 5.5):
            paper.axhline(line, color=ORANGE, linewidth=1)
            paper.axvline(line, color=ORANGE, linewidth=1)
        done = {"hide": "hidden", "shuffle": "shuffled"}[state["kind"]]
        what = "one patch hidden" if state["patch"] else f"{round(16 * SHARES[state['share']])} of 16 {done}"
        paper.set(title=f"a {data.test_labels[state['digit']]}, {what}", xticks=(), yticks=())
        for i, (model, m, s, name, colour) in enumerate(models):
            p = probabilities(model, (image - m) / s)[0]
            bars.barh(np.arange(10) + 0.4 * i - 0.2, p, 0.38, color=colour, label=f"{name}: {p.argmax()}", hatch="//" * i)
        bars.set(title="what they say", yticks=range(10), xlim=(0, 1), ylim=(11.4, -0.6), xlabel="probability")
        bars.legend(frameon=False, loc="lower right", fontsize="small")
        for axes, kind, title in ((hide, "hide", "patches hidden"), (shuffle, "shuffle", "patches shuffled")):
            for (_, _, _, name, colour), curve, style in zip(models, found, ("o-", "s--"), strict=True):
                axes.plot(16 * SHARES, curve[kind], style, color=colour, label=name)
            if kind == state["kind"] and not state["patch"]:
                axes.axvline(16 * SHARES[state["share"]], color="black", linewidth=1, linestyle=":")
            axes.axhline(10, color="grey", linewidth=0.8)
            axes.set(
                title=title,
                xlabel=f"patches of 16, all {len(data.test_images)} test digits",
                xticks=range(0, 17, 4),
                ylim=(0, 102),
            )
        hide.set_ylabel("read correctly, %")
        figure.canvas.draw_idle()

    def key(event):
        pressed = (event.key or "").lower()
        if pressed not in ("right", "left", "up", "down", "h", "s", "r"):
            return
        move = {"right": 1, "left": -1}.get(pressed, 0)
        state["share"] = int(np.clip(state["share"] + move, 0, len(SHARES) - 1))
        state["digit"] = (state["digit"] + {"up": 1, "down": -1}.get(pressed, 0)) % len(data.test_images)
        state["kind"] = {"h": "hide", "s": "shuffle"}.get(pressed, state["kind"])
        state["draw"] += pressed == "r"
        state["patch"] = None
        draw()

    def click(event):
        if event.inaxes is paper:
            state["patch"] = tuple(int(np.clip((place + 0.5) // 2, 0, 3)) for place in (event.ydata, event.xdata))
            draw()

    figure.canvas.mpl_connect("key_press_event", key)
    figure.canvas.mpl_connect("button_press_event", click)
    draw()
    return figure
