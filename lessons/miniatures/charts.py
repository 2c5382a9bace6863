"""The figure and the table of a miniature, made from its results alone."""

import matplotlib
from matplotlib.figure import Figure

from lessons.figures import BLUE, GREEN, ORANGE, PURPLE, STYLE

LOOKS = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", "-."), (PURPLE, "D", ":"))


def shown(x):
    return f"{x:g}" if x < 1 else f"{x:,}"


def figure(study, results):
    """Accuracy over x with one line a group, the standard deviation over the seeds as bars."""
    with matplotlib.rc_context({**STYLE, "figure.dpi": 100}):
        made = Figure(figsize=(7.2, 4.2))
        axes = made.subplots()
        if study.name == "patch_size":
            _cost(made, axes, study, results)
            return made
        for group, (colour, marker, line) in zip(study.groups, LOOKS, strict=False):
            xs = [x for x in study.xs if results.of(group, x)]
            means = [results.mean(group, x) for x in xs]
            spreads = [results.spread(group, x) for x in xs]
            axes.errorbar(xs, means, spreads, color=colour, marker=marker, linestyle=line, capsize=4, label=group)
        if study.log:
            axes.set_xscale("log")
        axes.set_xticks(study.xs, [shown(x) for x in study.xs])
        axes.minorticks_off()
        axes.set(xlabel=study.axis, ylabel="test accuracy, %", title=study.title)
        axes.grid(alpha=0.3)
        if len(study.groups) > 1:
            axes.legend(frameon=False)
        return made


def _cost(made, axes, study, results):
    """Accuracy on the left axis, the time of a step on the right one."""
    xs = [x for x in study.xs if results.of("accuracy", x)]
    axes.errorbar(
        xs,
        [results.mean("accuracy", x) for x in xs],
        [results.spread("accuracy", x) for x in xs],
        color=BLUE,
        marker="o",
        capsize=4,
        label="accuracy (left)",
    )
    axes.set(xscale="log", xlabel=study.axis, ylabel="test accuracy, %", title=study.title)
    axes.set_xticks(study.xs, [f"{x}\n{(28 // x) ** 2} patch{'es' * (x < 28)}" for x in study.xs])
    axes.minorticks_off()
    times = axes.twinx()
    times.spines["right"].set_visible(True)
    milliseconds = [1000 * results.mean("one step", x, "step_seconds") for x in study.xs]
    times.plot(study.xs, milliseconds, color=ORANGE, marker="s", linestyle="--", label="one training step (right)")
    times.set(yscale="log", ylabel="milliseconds a step")
    made.legend(*(a + b for a, b in zip(axes.get_legend_handles_labels(), times.get_legend_handles_labels(), strict=True)),
                loc="outside lower center", ncols=2, frameon=False)  # fmt: skip


def table(study, results):
    """The same figures in Markdown: mean and standard deviation over the seeds."""
    if study.name == "patch_size":
        lines = ["| patch | tokens | one step | test accuracy |", "|---:|---:|---:|---:|"]
        for x in study.xs:
            found = results.of("accuracy", x)
            accuracy = f"{results.mean('accuracy', x):.1f} ± {results.spread('accuracy', x):.1f} %" if found else "not run"
            seconds = results.mean("one step", x, "step_seconds")
            lines.append(f"| {x} | {(28 // x) ** 2 + 1} | {1000 * seconds:.0f} ms | {accuracy} |")
        return "\n".join(lines)
    lines = [f"| {study.axis} | " + " | ".join(study.groups) + " |", "|---:|" + "---:|" * len(study.groups)]
    for x in study.xs:
        cells = [f"{results.mean(g, x):.1f} ± {results.spread(g, x):.1f}" if results.of(g, x) else "" for g in study.groups]
        lines.append(f"| {shown(x)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
