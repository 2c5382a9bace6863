"""The figure and the table of the variants: differences to the base, made from the results alone, as far as there are any."""

import math

import matplotlib
from matplotlib.figure import Figure

from lessons.figures import BLUE, GREY, ORANGE, STYLE

LEAST_SEEDS = 3  # of a point that is drawn
EDGE = -11  # points: what lies further to the left is written there, or all others would be one spot
LOOKS = {"epochs": (BLUE, "o", "equal epochs", -0.16), "time": (ORANGE, "s", "equal CPU time", 0.16)}


def figure(study, results):
    """A panel a data set, a row a variant: the mean difference and its standard error, for both budgets. What would need another
    scale, the models without learned positions, stands in panels below. None if nothing has seeds enough."""
    drawn = {(name, data, budget): study.difference(results, name, data, budget)
             for data in study.epochs for budget in study.budgets for name in study.names(data)}  # fmt: skip
    drawn = {key: found for key, found in drawn.items() if found and found[2] >= LEAST_SEEDS and key[0] != study.base}
    sets = [data for data in study.epochs if any(key[1] == data for key in drawn)]
    if not sets:
        return None
    *groups, last = study.parts.items()
    above, below = _rows([*groups, ("finer patches alone", {study.extra: {}})], drawn), _rows([last], drawn)
    halves = [rows for rows in (above, below) if rows]
    with matplotlib.rc_context({**STYLE, "figure.dpi": 100, "axes.spines.left": False}):
        made = Figure(figsize=(3.2 + 4.2 * len(sets), 1.6 + 0.24 * sum(map(len, halves))))
        panels = made.subplots(len(halves), len(sets), squeeze=False, sharey="row", height_ratios=[len(h) + 1 for h in halves])
        for rows, line in zip(halves, panels, strict=True):
            for data, axes in zip(sets, line, strict=True):
                _panel(axes, rows, data, drawn, EDGE if rows is above else -math.inf)
            line[0].set_yticks(range(len(rows)), [text for _, text in rows])
            for (name, _), label in zip(rows, line[0].get_yticklabels(), strict=True):
                label.set(fontweight="normal" if name else "bold", color="black" if name else GREY)
        for data, axes in zip(sets, panels[0], strict=True):
            axes.set_title(f"{data}, {study.epochs[data]} epochs: base {_base(study, results, data)}")
        for axes in panels[-1]:
            axes.set_xlabel("points of test accuracy more than the base\n(± one standard error of the mean difference)")
        marks = {label: mark for axes in panels.flat for mark, label in zip(*axes.get_legend_handles_labels(), strict=True)}
        made.legend(marks.values(), marks.keys(), loc="outside lower center", ncols=2, frameon=False)
        return made


def _rows(groups, drawn):
    """Headings (None, text) and variants (name, name), from above, of what is drawn."""
    rows = []
    for title, names in groups:
        found = [(name, name) for name in names if any(key[0] == name for key in drawn)]
        rows += [(None, title), *found] if found else []
    return rows


def _panel(axes, rows, data, drawn, edge):
    places = {name: i for i, (name, _) in enumerate(rows) if name}
    for budget, (colour, marker, label, lower) in LOOKS.items():
        points = [(*drawn[name, data, budget], y + lower) for name, y in places.items() if (name, data, budget) in drawn]
        near = [point for point in points if point[0] >= edge]
        for mean, error, _, y in (point for point in points if point[0] < edge):
            axes.text(edge, y, f"← −{-mean:.0f} ± {error:.0f}", color=colour, va="center")
            axes.set_xlim(left=edge)
        if near:
            means, errors, _, ys = zip(*near, strict=True)
            axes.errorbar(means, ys, xerr=errors, color=colour, marker=marker, markersize=4, linestyle="", capsize=2, label=label)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)


def _base(study, results, data):
    found = results.of(study.base, f"{data}, epochs")
    return f"{sum(found) / len(found):.1f} %" if found else "not run"


def table(study, results):
    """The same in Markdown, with the CPU time of a step in that of the base's; below it, what is missing."""
    heads = [f"{data}, equal {budget}" for data in study.epochs for budget in study.budgets]
    lines = ["| | step of the base's time | " + " | ".join(heads) + " |", "|---|---:|" + "---:|" * len(heads)]
    bases = [_base(study, results, data) for data in study.epochs for _ in study.budgets]
    lines.append(f"| {study.base} | 1 | " + " | ".join(bases) + " |")
    for title, names in {**study.parts, "finer patches alone": {study.extra: {}}}.items():
        lines.append(f"| **{title}** |" + " |" * (1 + len(heads)))
        for name in names:
            cells = [_cell(study, results, name, data, budget) for data in study.epochs for budget in study.budgets]
            times = " / ".join(_times(study, results, name, data) for data in study.epochs)
            lines.append(f"| {name} | {times} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_missing(study, results)])


def _cell(study, results, name, data, budget):
    if name not in study.names(data):
        return ""
    found = study.difference(results, name, data, budget)
    if found is None:
        return "not run"
    mean, error, count = found
    few = f" ({count} seeds)" if count < 5 else ""
    step = results.find(name, f"{data}, step", 0)
    return f"{mean:+.1f} ± {error:.1f}{few}" + (f", {step['epochs']} epochs" if budget == "time" else "")


def _times(study, results, name, data):
    if name not in study.names(data):
        return "-"
    step = results.find(name, f"{data}, step", 0)
    return f"{step['step'] / step['base_step']:.1f}" if step else "?"


def _missing(study, results):
    """A sentence for each data set and budget of which not all was run: what is missing, seed by seed."""
    jobs = study.jobs()
    for x in dict.fromkeys(job[1] for job in jobs):
        planned = [job for job in jobs if job[1] == x]
        missing = [job for job in planned if results.find(*job) is None]
        if missing:
            seeds_of = {}
            for seed in dict.fromkeys(job[2] for job in missing):
                seeds_of.setdefault(_of_seed(planned, missing, seed), []).append(seed)
            which = "; ".join(f"of seed {', '.join(map(str, seeds))} {names}" for names, seeds in seeds_of.items())
            yield f"{x}: {len(missing)} of {len(planned)} were not run: {which}."


def _of_seed(planned, missing, seed):
    names, some = ([name for name, _, s in jobs if s == seed] for jobs in (planned, missing))
    return "all" if len(some) == len(names) else ", ".join(some)
