"""What a run leaves for reading: report.html, one page that needs nothing else, and results.json."""

import base64
import html
import json
import platform
import shlex
from dataclasses import asdict
from pathlib import Path
from string import Template

import numpy as np

from .. import __version__
from ..data.catalogue import CANVAS_SIZE, CANVASES
from ..data.fetch.sources import SOURCES
from ..models.kinds import FROM_DATA, config_of, the_kind
from ..training.files import replacing
from ..training.parallel import cores
from ..training.presets import changed, load_config, names, recipe
from .folder import read_run, write_json

FIGURES = ("test_accuracy", "calibration_error", "temperature", "seconds", "images_per_second")
NARROW = ("confusion_matrix.png", "precision_recall.png")  # they fit a phone; the others are scrolled there
OPTIONS = {"epochs": "--epochs", "lr": "--lr", "batch_size": "--batch-size", "seed": "--seed"}  # these change a preset

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title: $share</title>
<style>
:root { --paper: #fff; --ink: #1c1c1c; --soft: #595959; --line: #d5d5d5; --block: #f3f4f6; --bar: #cfe3f1; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e8e8e8; --soft: #aaa; --line: #3a3d44; --block: #22252b; --bar: #1f4a68; }
  figure div { filter: brightness(.9); }
}
* { box-sizing: border-box; }
body { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; break-after: avoid; }
.result { margin: .5rem 0; font-size: 1.15rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 0 2.5rem;
  align-items: start; }
figure { margin: 0 0 1.5rem; break-inside: avoid; }
figure div { overflow-x: auto; padding: .5rem; background: #fff; border: 1px solid var(--line); border-radius: .5rem; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { margin-top: .4rem; color: var(--soft); font-size: .9rem; }
table { width: 100%; border-collapse: collapse; margin-bottom: 1.5rem; font-variant-numeric: tabular-nums; }
caption { padding-bottom: .3rem; text-align: left; font-weight: 600; }
th, td { padding: .25rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
tr { break-inside: avoid; }
th { font-weight: normal; color: var(--soft); }
th[scope=col] { overflow-wrap: normal; }
th[scope=row] { min-width: 5.2rem; }
.bar, .share { white-space: nowrap; }
.bar { background: linear-gradient(var(--bar) 0 0) left / var(--share) 100% no-repeat; }
pre { overflow-x: auto; padding: .75rem 1rem; background: var(--block); border-radius: .5rem; overflow-wrap: normal; }
@media screen and (max-width: 40rem) { .wide img { max-width: 46rem; } th, td { padding: .25rem .35rem; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } pre { white-space: pre-wrap; } img { max-height: 20cm; } }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<p class="result">$sentence</p>
$sections
</main>
</body>
</html>
""")


def write_report(folder, results):
    """Writes results.json and report.html into a run's folder, from the config.json, metrics.csv and figures that lie there
    and from `results`: {"test_accuracy", "labels", "predicted", "classes", "seconds", "images_per_second"}."""
    write_results(folder, results)
    write_page(folder, results)


def write_results(folder, results):
    """results.json alone."""
    table = per_class(results["labels"], results["predicted"], results["classes"])
    write_json(Path(folder) / "results.json", _figures_of(results) | {"per_class": table})


def write_page(folder, results):
    """report.html alone."""
    folder = Path(folder)
    config, rows = read_run(folder)
    table = per_class(results["labels"], results["predicted"], results["classes"])
    write_html(folder, _page(folder, config, rows, _figures_of(results), table))


def write_html(folder, page):
    with replacing(folder / "report.html") as temporary:
        temporary.write_bytes(page.encode("utf-8", "replace"))  # a name that is not UTF-8 must not cost the whole page


def _figures_of(results):
    together = {"processes": results["processes"]} if "processes" in results else {}
    return {name: float(results[name]) for name in FIGURES if name in results} | together


def per_class(labels, predicted, classes):
    """A dictionary a class: its name, how many were right, of how many, and what the others were most often taken for."""
    labels, predicted, table = np.asarray(labels), np.asarray(predicted), []
    for i, name in enumerate(classes):
        said = np.bincount(predicted[labels == i], minlength=len(classes))
        wrong = np.where(np.arange(len(classes)) == i, 0, said)
        taken = {"taken_for": str(classes[wrong.argmax()]), "times": int(wrong.max())} if wrong.any() else {}
        table.append({"class": str(name), "right": int(said[i]), "of": int(said.sum()), **taken})
    return table


def again(config):
    """What trains the run of a config.json again: the options of `python -m minivit train`, and the TOML file that they name,
    or None if they name a preset that minivit has."""
    kind = config.get("kind", "vit")
    if "init" in config:
        began = f"init = {_toml(config['init']['name'])}  # sha256 of its weights: {config['init']['sha256']}"
        lines = [f"data = {_toml(config['data'])}", began, "", "[recipe]"]
        lines += [f"{key} = {_toml(value)}" for key, value in config["recipe"].items()]
        return ["--config", "again.toml"], "\n".join(lines)
    for name in names():
        preset = load_config(name)
        if preset["model"].get("kind", "vit") != kind:
            continue
        given = {key: config["recipe"][key] for key in OPTIONS if preset["recipe"].get(key, 0) != config["recipe"][key]}
        try:
            own = {key: value for key, value in preset["model"].items() if key != "kind"}
            model = asdict(config_of(kind, {key: config["model"].get(key) for key in FROM_DATA} | own))
            wanted = asdict(recipe(changed(preset["recipe"], given)))
        except (ValueError, TypeError):
            continue  # a preset that does not fit this data
        model = json.loads(json.dumps(model))  # tuples as lists, as the file has them; what it lacks came later, and is default
        same = preset["data"] == config["data"] and model == model | config["model"]
        if same and wanted == wanted | config["recipe"]:
            parts = [part for key in given for part in (OPTIONS[key], str(config["recipe"][key]))]
            return ["--config", name, *parts], None
    lines = [f"data = {_toml(config['data'])}"]
    for part, skipped in (("model", FROM_DATA), ("recipe", ())):
        values = {key: value for key, value in config[part].items() if key not in skipped and value is not None}
        values = {"kind": kind} | values if part == "model" and kind != "vit" else values
        lines += ["", f"[{part}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return ["--config", "again.toml"], "\n".join(lines)


def sized(config):
    """The option that gives images the size that they had, or no option where they have it anyway."""
    data, (height, width) = config["data"], config["model"]["image_size"]
    asked = (config.get("reading") or {}).get("resized") or data.endswith(".npz") or "init" in config
    if data in CANVASES:
        asked = height != CANVAS_SIZE
    elif data in SOURCES and "init" not in config:
        asked = (height, width) != SOURCES[data].shape[:2]
    return ["--image-size", str(height)] if asked and height == width else []


def _toml(value):
    return json.dumps(value, ensure_ascii=False)  # numbers, words, lists, true and false are written alike in both


def _page(folder, config, rows, results, table):
    name, data, done = folder.resolve().name, config["data"], len(rows)
    words = the_kind(config.get("kind", "vit")).words
    right, of = sum(row["right"] for row in table), sum(row["of"] for row in table)
    share, planned = f"{100 * results['test_accuracy']:.1f} %", config["recipe"].get("epochs", done)
    epochs = after(done, planned)
    sentence = f"After {epochs}, the model gets {right:,} of {of:,} test images of {data} right: {share}."
    if "calibration_error" in results:
        off = f"{100 * results['calibration_error']:.1f} points"
        sentence += f" How sure it says it is differs by {off} from how often it is right (expected calibration error)."
    first, last = rows[0], rows[-1]
    curves = f"Epoch {first['epoch']:.0f}: training loss {first['loss']:.3f}, accuracy {100 * first['accuracy']:.1f} %. "
    curves += f"Epoch {last['epoch']:.0f}: {last['loss']:.3f} and {100 * last['accuracy']:.1f} %."
    worst = max(table, key=lambda row: row.get("times", 0))
    confused = f"most often, {worst['class']} was taken for {worst['taken_for']}" if "times" in worst else "no mistake"
    mistakes = f"{of - right:,} mistakes" if of - right != 1 else "1 mistake"
    wide = figure_of(folder, "learning_curves.png", "Learning curves", curves + f" Test accuracy {share}.", curves)
    matrix = figure_of(folder, "confusion_matrix.png", "Confusion matrix", f"{right} of {of} right; {confused}.")
    shown = figure_of(
        folder,
        "predictions.png",
        "Test images with the model's answers",
        f"{mistakes}, the surest first; then the least sure of each class.",
    )
    looks = figure_of(
        folder, "rollout.png", "What reaches the class token", "Through all blocks, over a test image of each class."
    )
    looks += figure_of(
        folder, "attention.png", "Where the class token looks", "Head by head in the last block, over test images."
    )
    sections = {
        "Learning": wide,
        "Class by class": f'<div class="columns">{matrix}{_classes(table)}</div>',
        "The worst mistakes": shown + looks,
    }
    return page_of(folder, config, results, done, f"{name}: {words} on {data}", share, sentence, sections)


def after(done, planned):
    return f"{done} epoch{'s' * (done != 1)}" + (f" of {planned}, where it stopped" if done != planned else "")


def page_of(folder, config, results, done, title, share, sentence, sections):
    """The page of a run of so many epochs: its title, the result, and sections {heading: HTML}; then how it was trained, and
    what trains it again."""
    versions = {"minivit": __version__, "python": platform.python_version(), "numpy": np.__version__}
    environment = versions | {"platform": platform.platform(), "cores": cores()} | config.get("environment", {})
    speed = f"{results['images_per_second']:,.0f} images/s"
    spent = {"epochs": done, "time": f"{results['seconds']:,.1f} s", "throughput": speed} | _together(results.get("processes"))
    began = table_of("Began from", config["init"]) if "init" in config else ""
    tables = [began + table_of("Model", config["model"]), table_of("Recipe", config["recipe"])]
    tables.append(table_of("Time", spent) + table_of("Environment", environment))
    options, toml = again(config)
    options += sized(config)
    command = shlex.join(["python", "-m", "minivit", "train", *options, "--out", str(folder)])
    file = f"<p>Save this as again.toml:</p>\n<pre>{html.escape(toml)}</pre>\n<p>and run:</p>\n" if toml else ""
    sections = sections | {
        "Configuration": f'<div class="columns">{"".join(f"<div>{each}</div>" for each in tables)}</div>',
        "Train it again": f"{file}<pre>{html.escape(command)}</pre>",
    }
    return PAGE.substitute(
        title=html.escape(title),
        share=share,
        sentence=html.escape(sentence),
        sections="\n".join(f"<section>\n<h2>{what}</h2>\n{body}\n</section>" for what, body in sections.items() if body),
    )


def _together(processes):
    """Rows about the processes that trained together, if there were several."""
    if not processes:
        return {}
    machines = ", ".join(f"{count} on {name}" for name, count in processes["machines"].items())
    told = {"processes": machines, "sum of gradients": processes["sum"]}
    times = processes.get("seconds_an_epoch", {})
    return told | {f"{kind}, an epoch": f"{seconds:,.2f} s" for kind, seconds in times.items()}


def figure_of(folder, file, what, about, caption=None):
    """The picture of that name within the page, or nothing if the run left none."""
    if not (folder / file).is_file():
        return ""
    data = base64.b64encode((folder / file).read_bytes()).decode()
    what, about, caption = (html.escape(text) for text in (what, about, caption or about))
    wide = "" if file in NARROW else f' class="wide" tabindex="0" role="region" aria-label="{what}"'
    return (
        f'<figure><div{wide}><img alt="{what}. {about}" src="data:image/png;base64,{data}"></div>\n'
        f"<figcaption>{what}. {caption}</figcaption></figure>\n"
    )


def _classes(table):
    lines = ['<tr><th scope="col">class<th scope="col">right<th scope="col">share<th scope="col">most often taken for']
    for row in table:
        share = f"{100 * row['right'] / row['of']:.1f}" if row["of"] else ""
        bar = f'<td class="bar" style="--share:{share}%">{share} %' if share else "<td>none to test"
        taken = f"{row['taken_for']} ({row['times']:,} time{'s' * (row['times'] != 1)})" if "times" in row else ""
        right = f"<td>{row['right']:,} of {row['of']:,}"
        lines.append(f'<tr><th scope="row">{html.escape(row["class"])}{right}{bar}<td>{html.escape(taken)}')
    return "<table>\n<caption>Right, class by class</caption>\n" + "\n".join(lines) + "\n</table>\n"


def table_of(caption, values):
    lines = [f'<tr><th scope="row">{html.escape(k)}<td>{html.escape(in_words(v))}' for k, v in values.items()]
    return f"<table>\n<caption>{html.escape(caption)}</caption>\n" + "\n".join(lines) + "\n</table>\n"


def in_words(value):
    """A setting as a person writes it."""
    return " x ".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)
