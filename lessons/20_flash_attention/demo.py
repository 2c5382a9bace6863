"""Tiles walk over a table of scores, and what is kept of one row changes with each of them.
Right arrow: one tile on. Left arrow: one back. Down and up: the next block of rows, or the one before.
M: with the accumulator rescaled, or as people forget it."""

import math

import numpy as np

from lessons.figures import BLUE, GREY, ORANGE

SIDE, TILE = 16, 4  # tokens, and queries and keys of a tile


def table():
    """(scores (16, 16), values (16,)): 16 patches of a digit, alike and near each other; a value is the ink of a patch."""
    from minivit.data import load

    image = load("digits").train_images[10]  # (8, 8, 1)
    ink = image.reshape(4, 2, 4, 2).mean(axis=(1, 3)).reshape(SIDE).astype(np.float64)  # (16,)
    places = np.indices((4, 4)).reshape(2, SIDE).T  # (16, 2)
    apart = ((places[:, None] - places) ** 2).sum(axis=-1)  # (16, 16)
    return 6 * np.outer(ink, ink) - 0.5 * apart, ink


def walk(scores, values, rescaled):
    """For one row, after each tile: (largest, what it shrank by, total, mixed)."""
    largest, total, mixed, found = -math.inf, 0.0, 0.0, []
    for start in range(0, SIDE, TILE):
        tile = slice(start, start + TILE)
        new = max(largest, scores[tile].max())
        shrink, e = math.exp(largest - new), np.exp(scores[tile] - new)
        total = shrink * total + e.sum()
        mixed = (shrink if rescaled else 1.0) * mixed + e @ values[tile]
        largest = new
        found.append((largest, shrink, total, mixed))
    return found


def draw(figure, panels, scores, values, step, rescaled):
    board, row_of, sums, average = panels
    block, tile = divmod(step, SIDE // TILE)
    row = TILE * block + 1
    states = walk(scores[row], values, rescaled)
    right = walk(scores[row], values, True)[-1]
    largest, shrink, total, mixed = states[tile]
    for axes in panels:
        axes.clear()

    seen = np.full_like(scores, np.nan)
    seen[: TILE * block] = scores[: TILE * block]
    seen[TILE * block : TILE * (block + 1), : TILE * (tile + 1)] = scores[TILE * block : TILE * (block + 1), : TILE * (tile + 1)]
    board.imshow(seen, cmap="viridis", vmin=scores.min(), vmax=scores.max(), alpha=0.35)
    only = np.full_like(scores, np.nan)
    here = slice(TILE * block, TILE * (block + 1)), slice(TILE * tile, TILE * (tile + 1))
    only[here] = scores[here]
    board.imshow(only, cmap="viridis", vmin=scores.min(), vmax=scores.max())
    x, y = TILE * tile - 0.5, TILE * block - 0.5
    board.plot([x, x + TILE, x + TILE, x, x], [y, y, y + TILE, y + TILE, y], color=ORANGE, linewidth=4)
    board.axhline(row, color=ORANGE, linestyle=":", linewidth=1.5)
    ticks = np.arange(0, SIDE + 1, TILE) - 0.5
    board.set(xticks=ticks, yticks=ticks, xticklabels=(), yticklabels=(), xlim=(-0.5, 15.5), ylim=(15.5, -0.5))
    board.grid(color=GREY, linewidth=0.5)
    board.set(xlabel="keys", ylabel="queries", title="in memory: the framed tile, 16 of 256 scores")

    ends = np.arange(TILE, SIDE + 1, TILE) - 0.5
    shown = TILE * (tile + 1)
    row_of.plot(np.arange(shown), scores[row, :shown], "o", color=GREY)
    row_of.step([-0.5, *ends[: tile + 1]], [states[0][0], *(s[0] for s in states[: tile + 1])], color=BLUE)
    row_of.set(xlim=(-0.5, 15.5), ylim=(scores.min() - 0.3, scores.max() + 0.5), xticks=ticks, xticklabels=())
    row_of.grid(axis="x", color="#dddddd", linewidth=0.8)
    row_of.set_title(f"the dotted row: largest so far m = {largest:.2f}".replace("-", "−"))

    old_total = states[tile - 1][2] * shrink if tile else 0.0
    old_mixed = states[tile - 1][3] * (shrink if rescaled else 1.0) if tile else 0.0
    for place, (old, now) in enumerate(((old_total, total), (old_mixed, mixed))):
        sums.barh(place, old, color=BLUE, label="what was there" if place else None)
        sums.barh(place, now - old, left=old, color=ORANGE, hatch="//", edgecolor="white", label="this tile" if place else None)
        sums.text(now + 0.1, place, f"{now:.2f}", va="center")
    wide = max(s[2] for r in range(1, SIDE, TILE) for s in walk(scores[r], values, True)) * 1.25
    sums.set(yticks=(0, 1), yticklabels=("total ℓ", "mixed a"), xlim=(0, wide), ylim=(1.6, -0.6))
    sums.legend(frameon=False, loc="lower right")
    told = f"what was there shrinks by e^(m − m′) = {shrink:.2f}" if tile else "nothing was there before"
    sums.set_title(told if rescaled or not tile else f"ℓ shrinks by e^(m − m′) = {shrink:.2f}, but a does not")

    average.plot(ends[: tile + 1], [s[3] / s[2] for s in states[: tile + 1]], "s--", color=ORANGE)
    average.axhline(right[3] / right[2], color=GREY, linewidth=1)
    average.text(15.4, right[3] / right[2], "softmax of the whole row", ha="right", va="bottom", color=GREY, fontsize="small")
    average.set(xlim=(-0.5, 15.5), ylim=(0, max(1.0, *(s[3] / s[2] for s in states)) * 1.05), xticks=ticks, xticklabels=())
    average.grid(axis="x", color="#dddddd", linewidth=0.8)
    average.set_title(f"average so far a / ℓ = {mixed / total:.3f}")
    figure.suptitle("every tile once, no tile kept" if rescaled else "the mistake: the accumulator is not rescaled")


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    scores, values = table()
    figure, panels = plt.subplots(2, 2, figsize=(11, 6.6), layout="constrained", width_ratios=(1, 1.15))
    board, row_of, sums, average = panels[0, 0], panels[0, 1], panels[1, 0], panels[1, 1]
    across, last = SIDE // TILE, (SIDE // TILE) ** 2 - 1
    state = {"step": 0, "rescaled": True}

    def show(step):
        state["step"] = max(0, min(last, step))
        draw(figure, (board, row_of, sums, average), scores, values, state["step"], state["rescaled"])

    def press(event):
        moves = {"right": 1, "left": -1, "down": across, "up": -across, "m": 0, "M": 0}
        if event.key in moves:
            state["rescaled"] ^= event.key in ("m", "M")
            show(state["step"] + moves[event.key])
            figure.canvas.draw_idle()

    def wait_for_keys(event):
        """In a window nothing moves by itself; saved, all the steps follow one another."""
        figure.canvas.mpl_disconnect(waiting)
        animation.pause()

    animation = FuncAnimation(figure, show, frames=3 if quick else last + 1, interval=1200, init_func=lambda: show(0))
    animation.still = 2 if quick else 14
    waiting = figure.canvas.mpl_connect("draw_event", wait_for_keys)
    figure.canvas.mpl_connect("key_press_event", press)
    return animation
