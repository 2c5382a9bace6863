"""A roofline on which functions slide to the right and up as their steps are fused, one after the other.
Right arrow: one step more is fused. Left arrow: one fewer. Home and end: nothing fused, everything.
F: the next function. G: under the roof of a small GPU (an NVIDIA T4, by its data sheet), or of this machine again."""

import numpy as np

from lessons.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, lay_out_once

# each step: (what it does, arrays read, arrays written), of the size of x and of 4 bytes a number. Small ones, one a row, count 0
FUNCTIONS = {
    "GELU (tanh)": (
        ORANGE,
        "o",
        [
            ("x · x", 2, 1),
            ("· 0.0357", 1, 1),
            ("+ 0.798", 1, 1),
            ("· x", 2, 1),
            ("tanh", 1, 1),
            ("+ 1", 1, 1),
            ("/ 2", 1, 1),
            ("· x", 2, 1),
        ],
    ),
    "LayerNorm": (
        BLUE,
        "s",
        [("mean", 1, 0), ("x − µ", 1, 1), ("square", 1, 1), ("mean", 1, 0), ("/ σ", 1, 1), ("· γ", 1, 1), ("+ β", 1, 1)],
    ),
    "softmax": (PURPLE, "^", [("max", 1, 0), ("− max", 1, 1), ("exp", 1, 1), ("sum", 1, 0), ("/ sum", 1, 1)]),
}
T4 = 320e9, 8.1e12  # bytes and float32 operations a second: NVIDIA's data sheet of the T4


def this_machine(quick):
    """(bytes a second of a copy, operations a second of a matrix product), measured."""
    import time

    def fastest(function, *arguments):
        found = []
        for _ in range(2 if quick else 10):
            started = time.perf_counter()
            function(*arguments)
            found.append(time.perf_counter() - started)
        return min(found)

    large = np.ones(1_000_000 if quick else 8_000_000, np.float32)
    square = np.ones((256, 256) if quick else (1024, 1024), np.float32)
    copied = 2 * large.nbytes / fastest(np.copyto, np.empty_like(large), large)
    return copied, 2 * len(square) ** 3 / fastest(np.matmul, square, square)


def moved(steps, fused):
    """Bytes for each number where the first `fused` steps after the first are one with it: x in, their last result out."""
    first = 8 if fused else 4 * sum(steps[0][1:])
    return first + 4 * sum(read + written for _, read, written in steps[fused + 1 :])


def draw(figure, panels, state, roofs):
    roof, chain = panels
    bandwidth, most = roofs[state["roof"]]
    for axes in panels:
        axes.clear()
    intensity = np.geomspace(0.03, 300, 300)
    roof.plot(intensity, np.minimum(most, bandwidth * intensity) / 1e9, color="black")
    roof.axvline(most / bandwidth, color=GREY, linestyle=":")
    roof.text(most / bandwidth, 0.13, " from here on the core\n is the limit", color=GREY, va="bottom", fontsize="small")
    roof.text(0.35, bandwidth * 0.13 / 1e9, f"memory: {bandwidth / 1e9:.0f} GB/s", fontsize="small", va="top")
    roof.text(280, most / 1e9 * 1.15, f"the core: {most / 1e9:,.0f} billion/s", ha="right", fontsize="small")
    for name, (colour, marker, steps) in FUNCTIONS.items():
        path = [len(steps) / moved(steps, n) for n in range(state[name] + 1)]
        heights = [min(most, bandwidth * place) / 1e9 for place in path]
        roof.plot(path, heights, color=colour, alpha=0.5)
        roof.plot(path[:1], heights[:1], marker, color=colour, fillstyle="none")
        roof.plot(path[-1:], heights[-1:], marker, color=colour, markersize=11, label=name)
    product = 2 * 768 / 8  # a linear layer of ViT-B/16, many tokens: 2 · 768 operations for a number in and a number out
    roof.plot([product], [min(most, bandwidth * product) / 1e9], "D", color=GREEN, label="matrix product")
    roof.set(xscale="log", yscale="log", xlim=(0.03, 300), ylim=(0.1, max(3000, 8 * most / 1e9)))
    roof.set(xlabel="operations for each byte moved", ylabel="billion operations a second, at most")
    roof.set_title("under the roof of " + ("a T4" if state["roof"] else "this machine"))
    roof.legend(frameon=False, loc="upper left")

    name = state["function"]
    colour, _, steps = FUNCTIONS[name]
    fused = state[name]
    for place, (what, read, written) in enumerate(steps):
        inside = fused and place <= fused
        chain.text(0, -place, what, ha="center", va="center", color="white" if inside else "black",
                   bbox={"boxstyle": "round", "fc": colour if inside else "white", "ec": colour})  # fmt: skip
        if not inside:
            _arrows(chain, -place, read, written)
    if fused:
        chain.plot([-0.55, 0.55, 0.55, -0.55, -0.55], [0.45, 0.45, -fused - 0.45, -fused - 0.45, 0.45], color=colour, linewidth=2)
        _arrows(chain, -fused / 2, 1, 1)
    chain.text(-1.6, 0.75, "in memory", ha="center", color=GREY)
    chain.text(1.6, 0.75, "in memory", ha="center", color=GREY)
    chain.set(xlim=(-2.2, 2.2), ylim=(-7.6, 1.1))
    chain.axis("off")
    before, now = moved(steps, 0), moved(steps, fused)
    chain.set_title(f"{name}: {now} bytes a number" + (f", {before / now:.1f} times fewer" if fused else ""))


def _arrows(axes, height, read, written):
    """Arrays that come in on the left, and go out on the right."""
    for n in range(read):
        y = height + 0.12 * (2 * n - read + 1)
        axes.annotate("", (-0.65, y), (-1.6, y), arrowprops={"arrowstyle": "->", "color": GREY})
    for _ in range(written):
        axes.annotate("", (1.6, height), (0.65, height), arrowprops={"arrowstyle": "->", "color": GREY})


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    figure, panels = plt.subplots(1, 2, figsize=(11.5, 5.6), width_ratios=(1.5, 1))
    roofs = [this_machine(quick), T4]
    names = list(FUNCTIONS)
    state = {"roof": 0, "function": names[0], **dict.fromkeys(names, 0)}
    ends = [0]
    for name in names:
        ends.append(ends[-1] + len(FUNCTIONS[name][2]))

    def show(frame):
        """Saved: one function after the other is fused, step by step."""
        at = max(n for n in range(len(names)) if frame >= ends[n])
        for n, name in enumerate(names):
            state[name] = min(max(0, frame - ends[n]), len(FUNCTIONS[name][2]) - 1)
        state["function"] = names[at]
        draw(figure, panels, state, roofs)

    def press(event):
        name, key = state["function"], (event.key or "").lower()
        last = len(FUNCTIONS[name][2]) - 1
        if key == "f":
            state["function"] = names[(names.index(name) + 1) % len(names)]
        elif key == "g":
            state["roof"] = 1 - state["roof"]
        elif key in ("right", "left", "home", "end"):
            moves = {"right": state[name] + 1, "left": state[name] - 1, "home": 0, "end": last}
            state[name] = max(0, min(last, moves[key]))
        else:
            return
        draw(figure, panels, state, roofs)
        figure.canvas.draw_idle()

    def wait_for_keys(event):
        """In a window nothing moves by itself; saved, all the steps follow one another."""
        figure.canvas.mpl_disconnect(waiting)
        animation.pause()

    show(0)
    lay_out_once(figure)
    animation = FuncAnimation(figure, show, frames=2 if quick else ends[-1], interval=1000, init_func=lambda: show(0))
    animation.still = 1 if quick else ends[1] + 4
    waiting = figure.canvas.mpl_connect("draw_event", wait_for_keys)
    figure.canvas.mpl_connect("key_press_event", press)
    return animation
