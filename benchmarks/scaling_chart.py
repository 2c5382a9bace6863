"""The picture of what the model of many processes says."""

import matplotlib
from matplotlib.figure import Figure

from minivit import ViTConfig
from minivit.program.figures import BLUE, ORANGE, STYLE, save

from . import scaling
from .sections.processes import at_rate, jobs, links

COUNTS = [1 << i for i in range(scaling.MOST.bit_length())]
LOOKS = {"ordered": (BLUE, "o", "ordered"), "halving": (ORANGE, "s", "Allreduce")}
LINES = ("-", ":")  # of the slowest network and of the fastest
A_PROCESS = 4  # pieces, of weak scaling
WHICH = "B/16"


def draw(found, path):
    """Left: the same batch over more processes. Middle: a batch that grows with them. Right: the smallest batch that pays, by how
    fast a process is."""
    every, networks = jobs(found), sorted(links(found).items(), key=lambda pair: pair[1].bandwidth)
    extremes = [networks[0], networks[-1]][: len(networks)]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(12, 3.8))
        left, middle, right = figure.subplots(1, 3)
        job = every.get(WHICH) or list(every.values())[-1]
        for line, (network, link) in zip(LINES, extremes, strict=False):
            for way, (colour, marker, name) in LOOKS.items():
                look = {"color": colour, "marker": marker, "linestyle": line, "markersize": 4}
                label = f"{name}, {network}"
                left.plot(COUNTS, [scaling.speed_up(job, link, p, job.batch, way) for p in COUNTS], label=label, **look)
                shares = [100 * scaling.speed_up(job, link, p, A_PROCESS * job.images * p, way) / p for p in COUNTS]
                middle.plot(COUNTS, shares, label=label, **look)
        left.plot(COUNTS, COUNTS, color="0.6", linewidth=1, label="each as much as the first")
        left.set(title=f"{WHICH}, {job.batch:,} images a step: times as fast", yscale="log")
        _ticks(left.yaxis, COUNTS[::2])
        left.legend(frameon=False, fontsize=7.5)
        middle.set(title=f"{WHICH}, {A_PROCESS * job.images} images a process: % of the time not lost", ylim=(0, 105))
        _smallest(right, job, *networks[len(networks) // 2])
        for axis in (left, middle, right):
            axis.set_xscale("log")
            _ticks(axis.xaxis, COUNTS[::2])
            axis.set_xlabel("processes")
            axis.minorticks_off()
        save(figure, path)


def _ticks(axis, values):
    axis.set_ticks(values, [f"{value:,}" for value in values])


def _smallest(axis, job, network, link):
    config = ViTConfig.preset(WHICH)
    for rate, way, colour, marker in ((None, "ordered", BLUE, "o"), (1000, "ring", "black", "D"), (20_000, "ring", ORANGE, "s")):
        faster = at_rate(job, config, rate) if rate else job
        points = [(p, batch) for p in COUNTS[1:] if (batch := scaling.smallest_batch(faster, link, p, way))]
        label = f"{rate:,} GFLOP/s a process, {way}" if rate else f"a core as here, {way}"
        if points:
            axis.plot(*zip(*points, strict=True), color=colour, marker=marker, markersize=4, label=label)
    share = f"{100 * scaling.PAYS:.0f} % are not lost"
    axis.set(title=f"{WHICH}, {network}:\nthe smallest batch with which {share}", yscale="log", ylim=(10, 1e6))
    _ticks(axis.yaxis, [10, 100, 1000, 10_000, 100_000, 1_000_000])
    axis.legend(frameon=False, fontsize=7.5)
