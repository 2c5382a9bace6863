"""DETR against the clock: where a query begins decides how long it learns.

The same model, the same canvases, the same number of steps; AP50 on canvases of training digits that were set aside, at several
moments of each training, over the CPU time that the training had taken by then, on one thread. Looking takes no part in the time.
All seeds of a start compute the same, so its time is that of the seed which others on the machine disturbed least.
"""

import statistics
import time
from dataclasses import replace

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from lessons.figures import BLUE, GREEN, ORANGE, PURPLE, STYLE
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
EPOCHS, LOOKS, ASIDE = 60, (2, 4, 6, 8, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60), 5  # one in five digits is set aside


def one_training(start, seed, epochs=EPOCHS):
    """{"cpu_seconds", "ap50": a list each, at every moment of LOOKS, "accuracy": the last AP50 in percent}."""
    settings = load_config("detr-digits")
    data = load(settings["data"])
    aside = np.arange(len(data.train_images)) % ASIDE == 0
    held = data.train_images[aside], data.train_labels[aside]
    data = replace(data, train_images=data.train_images[~aside], train_labels=data.train_labels[~aside])
    model = build(model_config(settings["model"] | STARTS[start], data), np.random.default_rng(seed))
    rules = recipe(settings["recipe"] | {"seed": seed, "epochs": epochs})
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


def least_disturbed(runs):
    """The CPU seconds of the run that took the fewest."""
    return min((run["cpu_seconds"] for run in runs), key=lambda seconds: seconds[-1])


class Detections:
    """The study: one figure, one table."""

    name = "detr"
    question = "How long does a DETR learn, and what did the field do about it?"
    paper = "DETR, arXiv 2005.12872; DAB-DETR, 2201.12329; DN-DETR, 2203.01305; Deformable DETR, 2010.04159"
    whole, seeds = False, 3
    groups, xs = tuple(STARTS), (EPOCHS,)

    def jobs(self):
        return [(group, EPOCHS, seed) for seed in range(self.seeds) for group in reversed(self.groups)]

    def answer(self, results, group, x, seed):
        results.add(group, x, seed, one_training(group, seed, x))

    def runs(self, results, group):
        return [run for run in results.runs if run["group"] == group]

    def figure(self, results):
        """AP50 over CPU seconds: the mean of the seeds, and from the worst to the best of them. None if nothing was run."""
        if not results.runs:
            return None
        with rc_context({**STYLE, "figure.dpi": 100}):
            made = Figure(figsize=(7.2, 4.2))
            axes = made.subplots()
            for group, color, style in zip(self.groups, (BLUE, ORANGE, GREEN, PURPLE), (":", "-.", "--", "-"), strict=True):
                if runs := self.runs(results, group):
                    found = 100 * np.array([run["ap50"] for run in runs])
                    seconds = least_disturbed(runs)
                    axes.plot(
                        seconds,
                        found.mean(axis=0),
                        color=color,
                        linestyle=style,
                        label=f"{group} ({len(runs)} seed{'s' * (len(runs) != 1)})",
                    )
                    axes.fill_between(seconds, found.min(axis=0), found.max(axis=0), color=color, alpha=0.15, linewidth=0)
            axes.set(xlabel="seconds of CPU time, one thread", ylabel="AP50 on canvases set aside, %", ylim=(0, 102))
            axes.set(title="one to three digits on 32 × 32 pixels, six queries")
            axes.grid(alpha=0.3)
            axes.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.66))
            return made

    def table(self, results):
        lines = ["| a query begins | CPU seconds | AP50 half way | at the end | seeds |", "|---|---|---|---|---|"]
        for group in self.groups:
            if runs := self.runs(results, group):
                half = [100 * run["ap50"][LOOKS.index(EPOCHS // 2)] for run in runs]
                last = [100 * run["ap50"][-1] for run in runs]
                shown = (
                    f"{statistics.mean(x):.1f}" + (f" ({min(x):.1f} to {max(x):.1f})" if len(x) > 1 else "") for x in (half, last)
                )
                lines.append(f"| {group} | {least_disturbed(runs)[-1]:.0f} | {' | '.join(shown)} | {len(runs)} |")
        missing = len(self.jobs()) - sum(len(self.runs(results, group)) for group in self.groups)
        return "\n".join(lines) + (f"\n\n{missing} of {len(self.jobs())} trainings are missing" if missing else "")
