"""DETR against the clock: where a query begins decides how long it learns.

The same model, the same canvases, the same number of steps; AP50 on canvases of training digits that were set aside, at several
moments of each training, over the CPU time that the training had taken by then, on one thread. Looking takes no part in the time.
All runs of a start compute the same, so its time is that of the one which others on the machine disturbed least. The learning
rate is that of detr-digits, and once more a third of it.
"""

import statistics
import time
from dataclasses import replace

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from lessons.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, STYLE
from minivit.data import load
from minivit.models.kinds import build
from minivit.training.loop import Training
from minivit.training.presets import load_config, model_config, recipe
from minivit.training.tasks import task_of

STARTS = {
    "learned: DETR": {"queries": "learned"},
    "anchors": {"queries": "anchors"},
    "anchors and denoising": {"queries": "anchors", "denoising": 3},
    "two stages": {"queries": "two_stage"},
}
RATE, THIRD = "rate of detr-digits", "a third of it"
EPOCHS, LOOKS, ASIDE = 60, (2, 4, 6, 8, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60), 5  # one in five digits is set aside


def one_training(start, seed, slower=1, epochs=EPOCHS):
    """{"cpu_seconds", "ap50": a list each, at every moment of LOOKS, "accuracy": the last AP50 in percent}; the preset's learning
    rate is divided by `slower`."""
    settings = load_config("detr-digits")
    data = load(settings["data"])
    aside = np.arange(len(data.train_images)) % ASIDE == 0
    held = data.train_images[aside], data.train_labels[aside]
    data = replace(data, train_images=data.train_images[~aside], train_labels=data.train_labels[~aside])
    model = build(model_config(settings["model"] | STARTS[start], data), np.random.default_rng(seed))
    rate = settings["recipe"]["lr"] / slower
    rules = recipe(settings["recipe"] | {"lr": rate, "validation": 0, "seed": seed, "epochs": epochs})
    training, task = Training(model, data, rules), task_of(model, data, rules)
    taken, started, seconds, found = 0.0, time.process_time(), [], []
    for progress in training.run(threads=1):
        if progress.complete and progress.epoch in LOOKS:
            taken += time.process_time() - started
            seconds.append(round(taken, 1))
            found.append(round(task.score(model, *held, threads=1), 4))
            model.train()
            started = time.process_time()
    return {"cpu_seconds": seconds, "ap50": found, "accuracy": round(100 * found[-1], 2), "parameters": model.num_parameters()}


class Detections:
    """The study: one figure, one table."""

    name = "detr"
    question = "How long does a DETR learn, and what did the field do about it?"
    paper = "DETR, arXiv 2005.12872; DAB-DETR, 2201.12329; DN-DETR, 2203.01305; Deformable DETR, 2010.04159"
    whole, seeds = False, 3
    groups, xs = tuple(STARTS), (RATE, THIRD)

    def jobs(self):
        return [(group, x, seed) for seed in range(self.seeds) for x in self.xs for group in reversed(self.groups)]

    def answer(self, results, group, x, seed):
        results.add(group, x, seed, one_training(group, seed, 3 if x == THIRD else 1))

    def runs(self, results, group, *xs):
        return [run for run in results.runs if run["group"] == group and run["x"] in (xs or self.xs)]

    def seconds(self, results, group):
        """The CPU seconds, at every moment of LOOKS, of the run of this start that took the fewest."""
        return min((run["cpu_seconds"] for run in self.runs(results, group)), key=lambda seconds: seconds[-1])

    def figure(self, results):
        """AP50 over CPU seconds: the mean of the seeds, and from the worst to the best of them. None if nothing was run."""
        lines = [*zip(self.groups, (RATE,) * 4, (BLUE, ORANGE, GREEN, PURPLE), (":", "-.", "--", "-"), strict=True)]
        lines = [("learned: DETR", THIRD, GREY, (0, (1, 3))), *lines]
        lines = [line for line in lines if self.runs(results, *line[:2])]
        if not lines:
            return None
        with rc_context({**STYLE, "figure.dpi": 100}):
            made = Figure(figsize=(7.2, 4.4))
            axes = made.subplots()
            for group, x, color, style in lines:
                found = 100 * np.array([run["ap50"] for run in self.runs(results, group, x)])
                seconds, slower = self.seconds(results, group), " at a third of the rate" if x == THIRD else ""
                label = f"{group}{slower} ({len(found)} seed{'s' * (len(found) != 1)})"
                axes.plot(seconds, found.mean(axis=0), color=color, linestyle=style, label=label)
                axes.fill_between(seconds, found.min(axis=0), found.max(axis=0), color=color, alpha=0.15, linewidth=0)
            axes.set(xlabel="seconds of CPU time, one thread", ylabel="AP50 on canvases set aside, %", ylim=(0, 102))
            axes.set(title="one to three digits on 32 × 32 pixels, six queries")
            axes.grid(alpha=0.3)
            made.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
            return made

    def table(self, results):
        heads = ("a query begins", "CPU seconds", "AP50 half way", "at the end", "at a third of the rate", "seeds")
        lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for group in self.groups:
            if self.runs(results, group):
                cells = (RATE, LOOKS.index(EPOCHS // 2)), (RATE, -1), (THIRD, -1)
                shown = [self._shown(results, group, x, i) for x, i in cells]
                seeds = max(len(self.runs(results, group, x)) for x in self.xs)
                lines.append(f"| {group} | {self.seconds(results, group)[-1]:.0f} | {' | '.join(shown)} | {seeds} |")
        missing = len(self.jobs()) - sum(len(self.runs(results, group)) for group in self.groups)
        return "\n".join(lines) + (f"\n\n{missing} of {len(self.jobs())} trainings are missing" if missing else "")

    def _shown(self, results, group, x, i):
        """The mean of AP50 at moment i of LOOKS, and its extremes."""
        found = [100 * run["ap50"][i] for run in self.runs(results, group, x)]
        if not found:
            return "not run"
        return f"{statistics.mean(found):.1f}" + (f" ({min(found):.1f} to {max(found):.1f})" if len(found) > 1 else "")
