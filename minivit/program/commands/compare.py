"""The command compare."""

import json
from dataclasses import MISSING, asdict, fields
from pathlib import Path

from ...models.kinds import config_of
from ...training.recipe import Recipe
from ..folder import read_json, read_run
from ..report import in_words
from . import options

RESULTS = ("test_accuracy", "AP75", "seconds", "images_per_second")


def add(commands):
    p = options.add(commands, "compare", run, help="training runs side by side, in a table and a chart")
    p.add_argument("runs", nargs="+", metavar="RUN", help="folders of runs, like runs/digits")
    p.add_argument("--out", default="compare.png", metavar="FILE.png", help="where the chart goes; default: compare.png")


def run(arguments):
    """Training runs side by side: results, what differs in their configurations, and a chart of loss and accuracy by epoch."""
    lines, rows = table(arguments.runs)
    out = options.png(arguments.out, "chart")

    from .. import figures

    figures.save(figures.comparison(rows), out)
    print("\n".join([*lines, "", f"the curves are in {out}"]))


def table(paths):
    """(the lines of a table of runs side by side, {name: rows of metrics.csv}): their results, and what differs in their
    configurations. A ValueError names a folder that is no run."""
    paths = list({Path(path).resolve(): Path(path) for path in paths}.values())
    known = [path.resolve().name for path in paths]
    titles = [str(path) if known.count(name) > 1 else name for path, name in zip(paths, known, strict=True)]
    runs = [read_run(path) for path in paths]
    columns = [_column(path, *run) for path, run in zip(paths, runs, strict=True)]
    settings = [_settings(config) for config, _ in runs]
    rows_of_all = [(name, [column[name] for column in columns]) for name in columns[0]]
    lines = [("", *titles), *((name, *(cell or "-" for cell in cells)) for name, cells in rows_of_all if any(cells))]
    if len(runs) > 1:
        every = {key: [of.get(key, "-") for of in settings] for key in dict.fromkeys(key for of in settings for key in of)}
        differ = [(key, *values) for key, values in every.items() if len(set(values)) > 1]
        lines += [(), ("what differs",), *differ] if differ else [(), ("the configurations are the same",)]
    widths = [max(len(line[i]) for line in lines if len(line) > max(i, 1)) for i in range(len(runs) + 1)]
    rows = {title: rows for title, (_, rows) in zip(titles, runs, strict=True)}
    return [_aligned(line, widths) for line in lines], rows


def _settings(config):
    """{"model.dim": "64", ...} of all that is set in a run; a setting that came after it has its default."""
    model = json.loads(json.dumps(asdict(config_of(config.get("kind", "vit"), config["model"]))))
    known = {field.name: field.default for field in fields(Recipe) if field.default is not MISSING}
    parts = {"model": model, "recipe": known | config["recipe"]}
    return {f"{part}.{key}": in_words(value) for part, of in parts.items() for key, value in of.items()}


def _column(path, config, rows):
    """What the table says about one run: None for what a run of its task does not have."""
    try:
        parameters = f"{config_of(config.get('kind', 'vit'), config['model']).num_parameters():,}"
        found = read_json(path / "results.json") if (path / "results.json").exists() else {}
        results = {name: float(found[name]) for name in RESULTS if name in found}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: config.json or results.json is damaged ({error}): train it again") from None

    def result(name, form, factor=1):
        return form.format(factor * results[name]) if name in results else "-"

    boxes = config.get("kind") == "detr"
    training, test = f"{100 * rows[-1]['accuracy']:.1f} %", result("test_accuracy", "{:.1f} %", 100)
    return {
        "data": config["data"],
        "begun from": (config.get("init") or {}).get("name"),
        "parameters": parameters,
        "epochs": str(len(rows)),
        "training loss": f"{rows[-1]['loss']:.3f}",
        "training accuracy": None if boxes else training,
        "test accuracy": None if boxes else test,
        "training, all found": training if boxes else None,
        "test AP50": test if boxes else None,
        "test AP75": result("AP75", "{:.1f} %", 100) if boxes else None,
        "seconds": result("seconds", "{:,.1f}"),
        "images/s": result("images_per_second", "{:,.0f}"),
    }


def _aligned(line, widths):
    first, *others = line or ("",)
    return "  ".join([first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=False))]).rstrip()
