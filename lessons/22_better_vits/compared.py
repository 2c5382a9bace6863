"""Draws compared.png out of compared.json: PYTHONPATH=. python lessons/22_better_vits/compared.py

Where compared.json is missing, it is made first, with the learner's functions that pass: five seeds each, ten minutes.
"""

import json
import math
from pathlib import Path

from matplotlib.figure import Figure

from lessons import mine
from lessons.figures import BLUE, GREY, ORANGE

FILE = Path(__file__).with_name("compared.json")
PARTS = ("plain", "overlap", "t2t", "relative", "rope", "layer_scale")
MORE = "t2t, as many steps"  # and so three times the multiplications
SEEDS = (0, 1, 2, 3, 4)
STEPS = 300  # of the plain ViT: what they cost is the budget


def run(seeds=SEEDS):
    """{part: the accuracy for each seed}, at equal multiplications; T2T once more, at equal steps."""
    found = {part: [] for part in (*PARTS, MORE)}
    for seed in seeds:
        for part in PARTS:
            found[part].append(mine.train_part(part, seed, STEPS * mine.step_cost("plain") // mine.step_cost(part)))
        found[MORE].append(mine.train_part("t2t", seed, STEPS))
    return found


def mean_and_deviation(numbers):
    """In per cent."""
    mean = sum(numbers) / len(numbers)
    return 100 * mean, 100 * math.sqrt(sum((x - mean) ** 2 for x in numbers) / (len(numbers) - 1))


def draw(found):
    """Means with their deviations as bars, the seeds as points."""
    figure = Figure(figsize=(8.5, 3.8), layout="constrained")
    axes = figure.subplots()
    for place, (part, numbers) in enumerate(found.items()):
        mean, deviation = mean_and_deviation(numbers)
        colour, marker = (ORANGE, "s") if part == MORE else (BLUE, "o")
        axes.errorbar(place, mean, deviation, fmt=marker, color=colour, markersize=8, capsize=5)
        beside = [place + 0.15 + 0.07 * numbers[:i].count(x) for i, x in enumerate(numbers)]  # equal ones side by side
        axes.plot(beside, [100 * x for x in numbers], ".", color=GREY)
    mean, _ = mean_and_deviation(found["plain"])
    axes.axhline(mean, color=GREY, linewidth=0.8, linestyle="--")
    axes.set_xticks(range(len(found)), [part.replace(", ", ",\n") for part in found])
    axes.set(
        ylabel="read correctly, %", title=f"digits set aside, a small ViT, {STEPS} steps or what they cost; {len(SEEDS)} seeds"
    )
    return figure


if __name__ == "__main__":
    if not FILE.exists():
        FILE.write_text(json.dumps(run(), indent=1) + "\n", encoding="utf-8")
    results = json.loads(FILE.read_text(encoding="utf-8"))
    for part, numbers in results.items():
        print("{:20} {:5.1f} ± {:.1f}".format(part, *mean_and_deviation(numbers)))
    draw(results).savefig(FILE.with_suffix(".png"), dpi=120)
