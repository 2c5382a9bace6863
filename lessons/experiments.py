"""Small experiments, for lesson 24: trainings with a budget, the test images behind one function, a figure and a page."""

import base64
import html
import io
import json
import statistics
import time
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path

import numpy as np

from minivit import ViT, ViTConfig
from minivit.data import load
from minivit.training import Recipe, Training, accuracy, model_config, predict
from minivit.training.files import replacing

from .figures import BLUE, GREY, ORANGE, STYLE

__all__ = ["Run", "add_record", "draw", "figure", "kept", "model_and_recipe", "page", "records", "sentence", "split", "test"]
__all__ += ["train"]
KEPT = Path(__file__).parent / "24_your_own_experiment" / "results.json"
OF_TRAINING = [f.name for f in fields(Recipe) if f.name not in ("epochs", "seed", "validation", "patience", "temperature")]
OF_MODEL = [f.name for f in fields(ViTConfig)]


@dataclass(frozen=True)
class Run:
    """One training that is done: per cent of the validation images that it reads, and seconds of the processor that it took."""

    seed: int
    validation: float
    epochs: int
    seconds: float
    parameters: int
    data: str = field(repr=False, default="")
    model: object = field(repr=False, default=None)


@cache
def split(name):
    """A data set whose test images are away: of its training images three in ten, drawn once, stand in their place."""
    data = load(name)
    order = np.random.default_rng(0).permutation(len(data.train_labels))
    count = round(0.3 * len(order))
    held, kept = np.sort(order[:count]), np.sort(order[count:])
    images = data.train_images[kept]  # mean and std are those of the images that are trained on
    return replace(
        data,
        train_images=images,
        train_labels=data.train_labels[kept],
        test_images=data.train_images[held],
        test_labels=data.train_labels[held],
        mean=tuple(images.mean(axis=(0, 1, 2)).tolist()),
        std=tuple(images.std(axis=(0, 1, 2)).tolist()),
    )


def model_and_recipe(settings, epochs=1, seed=0):
    """(ViTConfig, Recipe) of one flat dictionary with fields of both and "data". Raises ValueError, with the remedy."""
    unknown = [name for name in settings if name not in (*OF_MODEL, *OF_TRAINING, "data")]
    if unknown:
        raise ValueError(f"there is no setting {unknown[0]!r}: it takes the fields of ViTConfig, {', '.join(OF_TRAINING)}, data")
    model = {name: value for name, value in settings.items() if name in OF_MODEL}
    rules = {name: value for name, value in settings.items() if name in OF_TRAINING}
    return model_config(model, split(settings["data"])), Recipe(**rules, epochs=epochs, seed=seed)


def train(settings, seed, budget):
    """One training from scratch: a Run. budget: {"epochs": 30}, or {"seconds": 3.0} of the processor, which become epochs."""
    config, recipe = model_and_recipe(settings, _epochs(settings, budget), seed)
    data, model = split(settings["data"]), ViT(config, np.random.default_rng(seed))
    started = time.process_time()
    for _ in Training(model, data, recipe).run(threads=1):
        pass
    seconds = time.process_time() - started
    found = accuracy(predict(model.eval(), data.normalise(data.test_images)), data.test_labels)
    counts = recipe.epochs, round(seconds, 2), model.num_parameters()
    return Run(seed, round(100 * found, 2), *counts, settings["data"], model)


def _epochs(settings, budget):
    if set(budget) == {"epochs"}:
        return budget["epochs"]
    if set(budget) != {"seconds"}:
        raise ValueError(f'a budget is {{"epochs": a number}} or {{"seconds": a number}}; got {budget}')
    return max(1, round(budget["seconds"] / _seconds_of_an_epoch(json.dumps(settings, sort_keys=True))))


@cache
def _seconds_of_an_epoch(text):
    """Measured once for each settings, so that all seeds get the same number of epochs: the median of some."""
    settings = json.loads(text)
    config, recipe = model_and_recipe(settings, epochs=9)
    training = Training(ViT(config, np.random.default_rng(0)), split(settings["data"]), recipe)
    taken, started = [], time.process_time()
    for progress in training.run(threads=1):
        if progress.complete:
            taken.append(time.process_time() - started)
            started = time.process_time()
    return statistics.median(taken)


def test(runs):
    """[per cent of the test images] that the model of each Run reads. To be called once, when all else is decided."""
    found = []
    for run in runs:
        data = replace(load(run.data), mean=split(run.data).mean, std=split(run.data).std)
        found.append(round(100 * accuracy(predict(run.model, data.normalise(data.test_images)), data.test_labels), 2))
    return found


def records(path=KEPT):
    """The experiments in a file, from the first to the last: dictionaries, see lesson 24."""
    return json.loads(Path(path).read_text(encoding="utf-8")) if Path(path).exists() else []


def add_record(path, record):
    """Writes one more into the file."""
    with replacing(Path(path)) as temporary:
        text = ",\n".join(json.dumps(one, ensure_ascii=False) for one in [*records(path), record])
        temporary.write_text(f"[\n{text}\n]\n", encoding="utf-8")


def kept(name):
    """The kept experiment of that name, run with the course's solution."""
    return next(record for record in records() if record["name"] == name)


def sentence(row, baseline, count):
    """What an honest person says of one comparison. row: see `summary` in lesson 24; count: how many seeds."""
    name, difference, margin = row["name"], row["difference"], row["margin"]
    more = f"{abs(difference):.1f} points {'more' if difference >= 0 else 'fewer'}"
    interval = f"the 95 % interval runs from {difference - margin:+.1f} to {difference + margin:+.1f}".replace("-", "−")
    if row["verdict"] == "cannot tell":
        return (
            f'"{name}" reads {more} than "{baseline}", but {interval}, with 0 inside: {count} seeds cannot tell the two apart. '
            f"A difference would have had to be larger than {margin:.1f} points to be seen here."
        )
    return f'"{name}" reads {more} than "{baseline}", and {interval}: that is {row["verdict"]}, and larger than the noise.'


def figure(record, rows):
    """Left, every seed, the means and their standard errors; right, differences from the first variant, with 95 % intervals."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**STYLE, "figure.dpi": 100}):
        made = Figure(figsize=(9.5, 1.7 + 0.55 * len(rows)))
        draw(*made.subplots(1, 2, width_ratios=(5, 4)), record, rows)
    return made


def draw(left, right, record, rows):
    """The two panels of figure(), in any figure: the first variant on top."""
    places = range(len(rows))
    for scores in zip(*record["scores"].values(), strict=True):
        left.plot(scores, places, color=GREY, linewidth=0.7, alpha=0.5, marker=".", markersize=5)
    means, errors = ([row[what] for row in rows] for what in ("mean", "error"))
    left.errorbar(means, places, xerr=errors, fmt="o", color=BLUE, capsize=5, markersize=7, zorder=3)
    for axes in (left, right):
        axes.set(yticks=places, yticklabels=[row["name"] for row in rows], ylim=(len(rows) - 0.5, -0.5))
    right.tick_params(labelleft=False)
    left.set(xlabel="validation accuracy, %", title=f"{len(record['plan']['seeds'])} seeds; mean ± standard error")
    right.axvline(0, color=GREY, linestyle="--", linewidth=1)
    for place, row in enumerate(rows[1:], 1):
        unsure = row["verdict"] == "cannot tell"
        colour, mark = (ORANGE, "s") if unsure else (BLUE, "o")
        right.errorbar(row["difference"], place, xerr=row["margin"], fmt=mark, color=colour, capsize=5, markersize=7)
        right.annotate(row["verdict"], (row["difference"], place), (0, 9), textcoords="offset points", ha="center", color=colour)
    right.margins(x=0.2)
    right.set(xlabel=f"points more than {rows[0]['name']}", title="paired differences; 95 % intervals")


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{question}</title>
<style>body {{ font: 17px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
img {{ max-width: 100% }} table {{ border-collapse: collapse }} .wide {{ overflow-x: auto }}
td, th {{ padding: .3rem .7rem; border-bottom: 1px solid #ccc; text-align: right }}
td {{ white-space: nowrap }} td:first-child, th:first-child {{ text-align: left }}
.verdict {{ border-left: 4px solid #0072B2; padding-left: 1rem }}</style></head><body>
<h1>{question}</h1>
<p>Expected before the first run: {expected}</p>
<h2>Is the difference larger than the noise?</h2>
<div class="verdict">{verdicts}</div>
<img alt="{alt}" src="data:image/png;base64,{picture}">
<div class="wide"><table><tr><th>variant</th><th>accuracy, % ± standard error</th><th>difference ± 95 % margin</th>
<th>verdict</th><th>epochs</th><th>seconds a run</th></tr>
{rows}</table></div>
<h2>The test images</h2>
<p>{test}</p>
<h2>What was equal, and what was not</h2>
<p>{fair}</p>
<ul>{changes}</ul>
<h2>What this does not say</h2>
<p>{limits}</p>
</body></html>
"""


def page(record, rows, times_read=1):
    """One HTML file of an experiment, the figure inside it. times_read: how often test images were read so far, all in all."""
    plan, baseline, count = record["plan"], rows[0]["name"], len(record["plan"]["seeds"])
    figure(record, rows).savefig(image := io.BytesIO(), format="png", dpi=130)
    told = [sentence(row, baseline, count) for row in rows[1:]]
    cells = [_cells(row, record["cost"][row["name"]], baseline) for row in rows]
    chosen, mean, error = record["test"]
    ((what, how_much),) = plan["budget"].items()
    spent = f"{how_much} seconds of the processor" if what == "seconds" else f"{how_much} epochs"
    times = "This is the first time that they were read." if times_read == 1 else (
        f"Your file holds {times_read} experiments that have read them: the more often, the less their figure is worth."
    )  # fmt: skip
    limits = (
        f"It speaks of this model, this data and this budget. The bars hold the noise of {count} seeds, and not that of other "
        f"images. Comparisons made here: {len(told)}. Of twenty without any difference, about one comes out as better or worse "
        "all the same."
    )
    return PAGE.format(
        question=html.escape(plan["question"]),
        expected=html.escape(plan["expected"]),
        verdicts="".join(f"<p>{html.escape(text)}</p>" for text in told),
        alt=html.escape("Every seed, means and paired differences. " + " ".join(told)),
        picture=base64.b64encode(image.getvalue()).decode(),
        rows="\n".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in cells),
        test=html.escape(
            f'"{chosen}" has the best mean on the validation images. Its {count} runs read {mean:.1f} ± {error:.1f} % of the '
            f"test images (mean ± standard error). {times}"
        ),
        fair=html.escape(
            f"{spent} for each of {len(rows) * count} trainings; the same {count} seeds for every variant, and each of them "
            f"counts. Trained on seven in ten of the training images of {plan['base']['data']}, compared on the rest of them."
        ),
        changes="".join(f"<li>{html.escape(_changes(*one))}</li>" for one in plan["variants"].items()),
        limits=html.escape(limits),
    )


def _changes(name, changes):
    """What a variant changes in the base, in words."""
    return f"{name}: {', '.join(f'{field} = {value}' for field, value in changes.items()) or 'the base as it is'}"


def _cells(row, cost, baseline):
    """One line of the table, as texts."""
    first = row["name"] == baseline
    difference = "" if first else f"{row['difference']:+.1f} ± {row['margin']:.1f}".replace("-", "−")
    accuracy_of = f"{row['mean']:.1f} ± {row['error']:.1f}"
    return row["name"], accuracy_of, difference, row["verdict"] or "baseline", f"{cost['epochs']}", f"{cost['seconds']:.1f}"
