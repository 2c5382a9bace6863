"""A lottery without prizes: again and again two groups are drawn from thirty runs of one and the same model. Five judges say
whether one group is better; whoever says so is wrong, and is counted. The last judge is your own verdict, once it is right.

It plays by itself. Right and left arrow: one seed more or fewer a group, from 3 to 10, and counted anew. Space: stop and go on.
"""

import numpy as np

from lessons import mine
from lessons.experiments import kept
from lessons.figures import BLUE, GREY, ORANGE, lay_out_once


def apart(a, b):
    """What somebody says who takes a difference of one point for one."""
    return "cannot tell" if abs(b - a) < 1 else "better" if b > a else "worse"


def two_errors(a, b):
    difference, error = mine.paired_difference(a, b)
    return "cannot tell" if abs(difference) <= 2 * error else "better" if difference > 0 else "worse"


JUDGES = {
    "one seed of each,\n1 point is enough": lambda a, b: apart(a[0], b[0]),
    "the best of each,\n1 point is enough": lambda a, b: apart(max(a), max(b)),
    "the means,\n1 point is enough": lambda a, b: apart(np.mean(a), np.mean(b)),
    "pairs, two\nstandard errors": two_errors,
    "verdict, pairs\nand T95": lambda a, b: mine.verdict(a, b),
}


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    runs = kept("same")["scores"]["the same"]
    state = {"seeds": 5, "rng": np.random.default_rng(24), "draws": 0, "wrong": np.zeros(len(JUDGES)), "plays": True}
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 5), width_ratios=(4, 5))

    def draw_lots(count):
        for _ in range(count):
            chosen = state["rng"].choice(len(runs), 2 * state["seeds"], replace=False)
            a, b = ([runs[i] for i in part] for part in np.split(chosen, 2))
            said = [judge(a, b) for judge in JUDGES.values()]
            state["wrong"] += [answer != "cannot tell" for answer in said]
            state["draws"] += 1
        return a, b, said

    def play(count):
        if not state["plays"]:
            return
        a, b, said = draw_lots(count)
        for axes in (left, right):
            axes.clear()
        for x, group, colour, mark in ((0, a, BLUE, "o"), (1, b, ORANGE, "s")):
            mean, error = mine.mean_and_error(group)
            left.plot([x - 0.12] * len(group), group, ".", color=colour, markersize=10)
            left.errorbar(x + 0.12, mean, error, fmt=mark, color=colour, capsize=7)
        for pair in zip(a, b, strict=True):
            left.plot((-0.12, 0.88), pair, color=GREY, alpha=0.4, linewidth=0.8)
        left.set(xlim=(-0.6, 1.6), ylim=(min(runs) - 1, max(runs) + 1), xticks=(0, 1), xticklabels=("group A", "group B"))
        left.set(title=f"{state['seeds']} seeds each, of one model", ylabel="validation accuracy, %")
        places, shares = range(len(JUDGES)), 100 * state["wrong"] / state["draws"]
        right.barh(places, shares, color=[BLUE if share <= 7 else ORANGE for share in shares], height=0.55)
        for place, share, answer in zip(places, shares, said, strict=True):
            right.text(share + 1, place, f"{share:.0f} %   now: {answer}", va="center")
        right.axvline(5, color=GREY, linestyle="--", linewidth=1)
        right.set(xlim=(0, 118), ylim=(len(JUDGES) - 0.5, -0.5), yticks=places, yticklabels=JUDGES, xticks=range(0, 101, 20))
        right.set(xlabel="found a difference where there is none, % of all draws", title=f"{state['draws']} draws")
        figure.canvas.draw_idle()

    def press(event):
        change = {"right": 1, "left": -1}.get(event.key, 0)
        if event.key == " ":
            state["plays"] = not state["plays"]
        if change:
            state["seeds"] = min(10, max(3, state["seeds"] + change))
            state.update({"draws": 0, "wrong": np.zeros(len(JUDGES)), "plays": True})

    play(1)
    lay_out_once(figure)
    figure.canvas.mpl_connect("key_press_event", press)
    counts = [1] * 6 + [20] * 5 if quick else [1] * 12 + [5] * 12 + [20] * 40
    return FuncAnimation(figure, play, frames=counts, interval=400, init_func=lambda: ())
