"""The picture of what the benchmarks found."""

import matplotlib
from matplotlib.figure import Figure

from minivit.program.figures import BLUE, ORANGE, STYLE, save


def draw(found, path):
    """Left: a training step in every peer. Middle: each op beside PyTorch's. Right: growth with the number of tokens."""
    with matplotlib.rc_context(STYLE | {"text.parse_math": True}):  # powers of ten on the axes
        figure = Figure(figsize=(13, 3.8))
        left, middle, right = figure.subplots(1, 3)
        gpu = found.get("machine", {}).get("gpu")
        _steps(left, found.get("step", {}).get("tanh", {}), gpu)
        _ops(middle, found.get("ops", {}), gpu)
        _growth(right, found.get("growth", {}).get("T", []))
        save(figure, path)


def _steps(axis, peers, gpu):
    names = sorted(peers, key=lambda name: -peers[name]["ms"])
    values = [peers[name]["ms"] for name in names]
    axis.barh(names, values, color=[BLUE if name == "minivit" else "0.65" for name in names])
    for i, value in enumerate(values):
        axis.text(value, i, f" {value:.{0 if value >= 10 else 2}f} ms", va="center", fontsize=9)
    axis.set(title="one training step (less is faster)", xlabel=f"ms on {gpu}" if gpu else "ms", xscale="log")
    axis.set_xlim(min(values, default=100) / 6, 8 * max(values, default=100))


def _ops(axis, ops, gpu):
    names = list(ops)[::-1]
    values = [ops[name]["ratio"] for name in names]
    axis.barh(names, values, color=[BLUE if value >= 1 else ORANGE for value in values])
    axis.axvline(1, color="black", linewidth=0.8)
    threads = "" if gpu else ", one thread"
    axis.set(title=f"each op: PyTorch's time / minivit's{threads}", xlabel="above 1: minivit is faster")


def _growth(axis, rows):
    for peer, colour, marker in (("minivit", BLUE, "o"), ("PyTorch", ORANGE, "s")):
        points = [(row["size"], row[peer]["ms"]) for row in rows if peer in row]
        if points:
            axis.plot(*zip(*points, strict=True), color=colour, marker=marker, label=peer)
    axis.set(title="a training step as tokens grow (batch 8)", xlabel="tokens", ylabel="ms", xscale="log", yscale="log")
    if rows:
        axis.set_xticks([row["size"] for row in rows], [f"{row['size']:,}" for row in rows])
        low, high = axis.get_ylim()
        ticks = [t for t in (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000) if low / 2 <= t <= 2 * high]
        axis.set_yticks(ticks, [f"{t:,}" for t in ticks])
        axis.minorticks_off()
        axis.legend(frameon=False)
