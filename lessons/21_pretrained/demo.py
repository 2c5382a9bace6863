"""The library's small model in your ViT, with one slip at a time in the mapping; and positions on larger and smaller grids.
Right and left arrow: the next slip, or the one before. Up and down: more patches along a side, or fewer.
C: another one of the numbers of each position."""

import numpy as np

from lessons import mine
from lessons.figures import BLUE, GREY, ORANGE
from lessons.own import trained_vit

SIDES = (2, 3, 4, 5, 6, 8, 12, 16)
OLD = 4  # patches along a side of the ViT for digits


def runs():
    """[(name, logits of the first image, how far all are from the library's)], the right one first; and the library's logits."""
    small = mine.fixture()
    right = mine.to_minivit(small["weights"], small["config"])
    found = []
    for name, (parameters, heads, eps) in ({"no slip": right} | mine.slips(*right)).items():
        logits = mine.own_vit(parameters, small["images"].astype(parameters["cls_token"].dtype), heads, eps)
        found.append((name, logits[0], mine.apart(logits, small["logits"])))
    return found, small["logits"][0]


def draw(figure, panels, found, library, positions, state):
    logits, how_far, before, after = panels
    for axes in panels:
        axes.clear()
    name, own, apart = found[state["slip"]]
    places = np.arange(len(library))
    logits.bar(places, library, color=GREY, alpha=0.5, label="the library's")
    logits.vlines(places, library, own, color=ORANGE, linewidth=2)
    logits.plot(places, own, "o", color=ORANGE, markersize=8, label="yours")
    logits.axhline(0, color="black", linewidth=0.8)
    logits.set(xticks=places, xlabel="class", ylim=(-4, 4), title=f"{state['slip'] + 1} of {len(found)}: {name}")
    logits.legend(frameon=False, loc="lower left", ncols=2)

    for place, (_, _, other) in enumerate(found):
        shown = place == state["slip"]
        how_far.barh(place, max(other, 1e-16), left=1e-17, color=(ORANGE if place else BLUE) if shown else "#dddddd")
    how_far.set(xscale="log", xlim=(1e-17, 10), xticks=(1e-15, 1e-10, 1e-5, 1), ylim=(len(found) - 0.5, -0.5))
    how_far.set(yticks=range(len(found)), yticklabels=[name for name, _, _ in found])
    how_far.tick_params(axis="y", labelsize="small")
    how_far.set_title(f"off by {apart:.0e} of the largest logit".replace("e-", "e−"))

    side, number = SIDES[state["side"]], state["number"]
    resized = mine.resize_positions(positions, (OLD, OLD), (side, side))
    limit = np.abs(positions[0, 1:, number]).max() * 1.2
    for axes, table, count in ((before, positions, OLD), (after, resized, side)):
        axes.imshow(table[0, 1:, number].reshape(count, count), cmap="PuOr", vmin=-limit, vmax=limit)
        axes.set(xticks=(), yticks=())
    before.set_title(f"number {number} of the positions, {OLD} × {OLD}")
    after.set_title(f"for {side} × {side} patches")
    token = (positions[0, 0, number], resized[0, 0, number])
    after.set_xlabel(f"the class token's: {token[0]:.3f} before, {token[1]:.3f} after".replace("-", "−"))


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    found, library = runs()
    positions = trained_vit()[0].state_dict()["pos_embed"]  # (1, 17, D)
    figure, panels = plt.subplots(2, 2, figsize=(11.5, 7), layout="constrained", width_ratios=(1.5, 1), squeeze=False)
    panels = panels[0, 0], panels[1, 0], panels[0, 1], panels[1, 1]
    state = {"slip": 0, "side": 4, "number": 0}

    def show(slip):
        state["slip"] = max(0, min(len(found) - 1, slip))
        draw(figure, panels, found, library, positions, state)

    def press(event):
        if event.key in ("right", "left"):
            show(state["slip"] + (1 if event.key == "right" else -1))
        elif event.key in ("up", "down"):
            state["side"] = int(np.clip(state["side"] + (1 if event.key == "up" else -1), 0, len(SIDES) - 1))
            show(state["slip"])
        elif event.key in ("c", "C"):
            state["number"] = (state["number"] + 1) % positions.shape[2]
            show(state["slip"])
        else:
            return
        figure.canvas.draw_idle()

    def wait_for_keys(event):
        """In a window nothing moves by itself; saved, all the slips follow one another."""
        figure.canvas.mpl_disconnect(waiting)
        animation.pause()

    animation = FuncAnimation(figure, show, frames=3 if quick else len(found), interval=1500, init_func=lambda: show(0))
    animation.still = 2
    waiting = figure.canvas.mpl_connect("draw_event", wait_for_keys)
    figure.canvas.mpl_connect("key_press_event", press)
    return animation
