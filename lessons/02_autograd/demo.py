"""Back-propagation, one step at a time: the values run forwards through a graph of 12 nodes, then the gradients come back.
Right arrow: one step on. Left arrow: one step back. Home and End: first and last step.
The node h is used twice: watch it wait until both gradients have arrived."""

# name: (formula, inputs, its value, the factor of each input)
OPS = {
    "m": ("w · x", ("w", "x"), lambda w, x: w * x, lambda w, x: (x, w)),
    "h": ("m · m", ("m",), lambda m: m * m, lambda m: (2 * m,)),
    "k": ("v · h", ("v", "h"), lambda v, h: v * h, lambda v, h: (h, v)),
    "s": ("h + k", ("h", "k"), lambda h, k: h + k, lambda h, k: (1, 1)),
    "z": ("s + b", ("s", "b"), lambda s, b: s + b, lambda s, b: (1, 1)),
    "d": ("z - t", ("z", "t"), lambda z, t: z - t, lambda z, t: (1, -1)),
    "L": ("d · d", ("d",), lambda d: d * d, lambda d: (2 * d,)),
}
LEAVES = {"x": 1, "w": 2, "v": -0.5, "b": 1, "t": 1}
CONSTANTS = ("t",)  # the target: nobody wants its gradient
PLACES = {
    "x": (0, 3.2), "w": (0, 1.6), "m": (1.3, 2.4), "h": (2.6, 2.4), "v": (2.6, 0.5), "k": (3.9, 1.1), "s": (5.2, 2.4),
    "b": (5.2, 0.5), "z": (6.5, 2.4), "t": (6.5, 0.5), "d": (7.8, 2.4), "L": (9.1, 2.4),
}  # fmt: skip
WIDTH, HEIGHT = 0.98, 0.86


def number(value):
    return f"{value:g}".replace("-", "\u2212")


def in_brackets(value):
    return f"({number(value)})" if value < 0 else number(value)


def steps():
    """What is known at each step: a list of (values, what arrived, active node, arrows in use, caption)."""
    values, arrived = dict(LEAVES), {}
    found = [
        (
            dict(values),
            {},
            None,
            {},
            "The graph of a small loss, L. Known so far: the leaves.\nRight arrow: the values run forwards.",
        )
    ]

    def note(active, arrows, caption):
        copy = {name: list(parts) for name, parts in arrived.items()}
        found.append((dict(values), copy, active, arrows, caption))

    for name, (formula, inputs, function, _) in OPS.items():
        given = [values[i] for i in inputs]
        values[name] = function(*given)
        sign = formula.split()[1]
        both = given if len(given) == 2 else given * 2
        sum_of = f"{number(both[0])} {sign} {in_brackets(both[1])}"
        caption = f"Forwards: {name} = {formula} = {sum_of} = {number(values[name])}"
        note(name, [(i, name) for i in inputs], caption + "\nAn op needs only its own inputs.")

    arrived["L"] = [1]
    note("L", [], "Now backwards. Nudge L, and L moves by as much:\nits own gradient is dL = 1.")
    for name in reversed(OPS):
        _, inputs, _, factors = OPS[name]
        dy = sum(arrived[name])
        arrows, said = [], []
        for source, factor in zip(inputs, factors(*(values[i] for i in inputs)), strict=True):
            if source in CONSTANTS:
                said.append(f"{source} is a constant and gets nothing")
                continue
            arrived.setdefault(source, []).append(dy * factor)
            arrows.append((source, name))
            said.append(f"{source} gets {number(dy)} · {in_brackets(factor)} = {number(dy * factor)}")
        caption = f"Backwards: {name} hands on its {number(dy)}.  " + ",  ".join(said) + "."
        if name == "s":
            caption += "\nBut h must wait: k uses it too, and has not handed anything back yet."
        elif name == "k":
            caption += f"\nNow both have arrived at h, and roads add: 4 + {in_brackets(-2)} = 2. h may hand on."
        else:
            caption += "\nEach op multiplies what arrived by its own factors."
        note(name, arrows, caption)
    caption = "One walk back, and every leaf that wants one has its gradient.\n"
    note(None, [], caption + "Check one: w = 2.01 instead of 2 gives L = 4.0806: 0.08 more, the factor 8.")
    return found


def complete(name, parts):
    """Whether everything that will arrive at this node has arrived."""
    return name == "L" or len(parts) == sum(name in inputs for _, inputs, _, _ in OPS.values())


def draw(axes, step, total, state):
    from matplotlib.patches import FancyBboxPatch

    from lessons.figures import BLUE, GREY, ORANGE

    values, arrived, active, arrows, caption = state
    backwards = bool(arrived)
    axes.clear()
    axes.set(xlim=(-0.7, 9.8), ylim=(-1.25, 4.35))
    axes.axis("off")
    for name, (_, inputs, _, _) in OPS.items():
        for source in inputs:
            lit = (source, name) in arrows
            start, end = (PLACES[name], PLACES[source]) if lit and backwards else (PLACES[source], PLACES[name])
            colour = (ORANGE if backwards else BLUE) if lit else GREY
            arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 3 if lit else 1, "mutation_scale": 18}
            gap = shortened(start, end)
            axes.annotate("", gap[1], gap[0], arrowprops=arrow | {"shrinkA": 0, "shrinkB": 0}, zorder=1)
    for name, (x, y) in PLACES.items():
        parts = arrived.get(name, [])
        edge = ORANGE if name == active and backwards else BLUE if name == active else GREY
        style = "--" if parts and not complete(name, parts) else "-"
        corner = (x - WIDTH / 2 + 0.08, y - HEIGHT / 2 + 0.08)
        box = FancyBboxPatch(corner, WIDTH - 0.16, HEIGHT - 0.16, boxstyle="round,pad=0.08", facecolor="white", zorder=3)
        box.set(edgecolor=edge, linestyle=style, linewidth=3 if name == active else 1.2)
        axes.add_patch(box)
        title = f"{name} = {OPS[name][0]}" if name in OPS else f"{name} (constant)" if name in CONSTANTS else name
        if y < 1:  # below, where no arrow leaves
            axes.text(x, y - HEIGHT / 2 - 0.06, title, ha="center", va="top", fontsize="small", zorder=4)
        else:
            axes.text(x, y + HEIGHT / 2 + 0.05, title, ha="center", va="bottom", fontsize="small", zorder=4)
        known = number(values[name]) if name in values else "?"
        axes.text(x, y + 0.19, known, ha="center", va="center", color=BLUE, weight="bold", fontsize="large", zorder=4)
        if parts:
            text = f"d{name} = {number(sum(parts))}" + ("" if complete(name, parts) else " …")
            axes.text(x, y - 0.2, text, ha="center", va="center", color=ORANGE, weight="bold", zorder=4)
    axes.text(1.2, 4.3, "above: the value", color=BLUE, weight="bold", va="top")
    axes.text(3.9, 4.3, "below: the gradient", color=ORANGE, weight="bold", va="top")
    axes.text(9.7, 4.3, f"step {step} of {total}", ha="right", va="top", color=GREY)
    axes.text(4.55, -0.85, caption, ha="center", va="center", linespacing=1.4)


def shortened(start, end):
    """The part of the line between two nodes that lies outside their boxes."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    share = min((WIDTH / 2 + 0.04) / abs(dx) if dx else 9, (HEIGHT / 2 + 0.04) / abs(dy) if dy else 9)
    return (start[0] + share * dx, start[1] + share * dy), (end[0] - share * dx, end[1] - share * dy)


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    states = steps()
    last = len(states) - 1
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    shown = 0

    def show(step):
        nonlocal shown
        shown = max(0, min(last, step))
        draw(axes, shown, last, states[shown])
        return axes.get_children()

    def press(event):
        where = {"right": shown + 1, "left": shown - 1, "home": 0, "end": last}.get(event.key)
        if where is not None:
            show(where)
            figure.canvas.draw_idle()

    def wait_for_keys(event):
        """In a window nothing moves by itself; saved, all the steps follow one another."""
        figure.canvas.mpl_disconnect(waiting)
        animation.pause()

    frames = [0, 7, 13, last] if quick else [step for step in range(last + 1) for _ in range(2)]  # time to read
    animation = FuncAnimation(figure, show, frames=frames, interval=750, blit=False)
    waiting = figure.canvas.mpl_connect("draw_event", wait_for_keys)
    figure.canvas.mpl_connect("key_press_event", press)
    return animation
