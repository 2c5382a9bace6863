"""How well a preset does: python -m benchmarks.accuracy --config digits

Trains once for each seed and tests on the test images; --folds instead cross-validates on the training images alone, which
is how a preset's settings are chosen. Prints a table and writes benchmarks/results/accuracy-NAME.json after every run, and the
figures of every epoch of seed 0 as metrics-NAME.csv. Seconds are those of the clock; where others use the machine too, the CPU
time tells more.
"""

import argparse
import csv
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minivit.data import load
from minivit.data.scenes import Scenes
from minivit.models.kinds import build
from minivit.ops import softmax
from minivit.program.detections import SHARES
from minivit.program.run import metrics_row
from minivit.training.calibration import best_temperature, calibration_error
from minivit.training.files import replacing
from minivit.training.loop import Training, accuracy, predict
from minivit.training.presets import load_config, model_config, recipe

RESULTS = Path(__file__).parent / "results"


def folds(dataset, count):
    """`count` data sets: in each, one part of the training images, with every class's share, plays the test images."""
    labels = dataset.train_labels
    fold = np.empty(len(labels), dtype=int)
    rng = np.random.default_rng(0)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        fold[members] = np.arange(len(members)) % count
    for i in range(count):
        held_out = fold == i
        yield replace(
            dataset,
            train_images=dataset.train_images[~held_out],
            train_labels=labels[~held_out],
            test_images=dataset.train_images[held_out],
            test_labels=labels[held_out],
        )


def one_run(dataset, settings, seed):
    """({"seed", "accuracy", "seconds", "cpu_seconds"}, the rows of metrics.csv, the logits (N, K) of the test images) of one
    training from scratch; of a detection {"seed", "AP50", "AP75", ...} and no logits."""
    rules = recipe(settings["recipe"] | {"seed": seed})
    model = build(model_config(settings["model"], dataset), np.random.default_rng(seed))
    training, rows = Training(model, dataset, rules), []
    started, started_cpu = time.perf_counter(), time.process_time()
    for progress in tqdm(training.run(), leave=False, disable=None):
        if progress.complete:
            rows.append(metrics_row(progress, time.perf_counter() - started))
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
    spent = {"seconds": round(seconds, 1), "cpu_seconds": round(cpu_seconds, 1)}
    model.load_state_dict(training.result())
    if isinstance(dataset, Scenes):
        tested = training.task.test(model, dataset)
        shares = {name: round(100 * tested[name], 2) for name in SHARES}
        return {"seed": seed, **shares, **spent}, rows, None
    logits = predict(model, dataset.normalise(dataset.test_images))
    result = accuracy(logits, dataset.test_labels)
    return {"seed": seed, "accuracy": round(100 * result, 2), **spent}, rows, logits


def write_metrics(path, rows):
    """The figures of every epoch as a CSV file."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def calibration(logits, labels, temperature, folds):
    """What a temperature does to the expected calibration error, in lines. On folds the best one is found, on all of them
    together; test images only measure."""
    if folds:
        temperature = best_temperature(np.concatenate(logits), np.concatenate(labels))
        yield f"the likelihood is best at temperature = {temperature:g} in the preset's [recipe]"
    for t in dict.fromkeys((1.0, temperature)):
        errors = [calibration_error(softmax.forward(one / t)[0], truth) for one, truth in zip(logits, labels, strict=True)]
        yield f"temperature {t:g}: expected calibration error {100 * statistics.mean(errors):.1f} points, the mean of the runs"


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.partition("\n")[0])
    parser.add_argument("--config", default="digits", metavar="NAME", help="a preset or a TOML file; default: digits")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="how many seeds, from 0; default: 5")
    parser.add_argument("--image-size", type=int, metavar="N", help="of canvases; default: 32")
    parser.add_argument("--folds", type=int, metavar="N", help="cross-validate on the training images in N folds instead")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    settings = load_config(arguments.config)
    dataset = load(settings["data"], image_size=arguments.image_size)
    if arguments.folds and isinstance(dataset, Scenes):
        parser.error("canvases are made of all training things: set some aside with validation in the preset's [recipe]")
    jobs = enumerate(folds(dataset, arguments.folds)) if arguments.folds else ((seed, dataset) for seed in range(arguments.seeds))
    name = Path(arguments.config).stem + (f"-{arguments.image_size}" if arguments.image_size else "")
    measures = ("AP50", "AP75", "AP") if isinstance(dataset, Scenes) else ("accuracy",)
    what = "fold" if arguments.folds else "seed"
    print(f"{name}: {what}, {', '.join(measures)}, seconds, seconds of CPU time")
    path = RESULTS / f"accuracy-{name}{'-folds' if arguments.folds else ''}.json"
    runs, logits, labels = [], [], []
    for seed, data in jobs:
        run, rows, said = one_run(data, settings, seed)
        runs.append(run)
        logits.append(said)
        labels.append(data.test_labels)
        if seed == 0 and not arguments.folds:
            write_metrics(RESULTS / f"metrics-{name}.csv", rows)
        shares = "   ".join(f"{run[m]:.2f} %" for m in measures)
        print(f"  {what} {seed}   {shares}   {run['seconds']:.1f} s   {run['cpu_seconds']:.1f} s", flush=True)
        kept = {"config": settings, "runs": runs, "mean": statistics.mean(run[measures[0]] for run in runs)}
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for m in measures:
        found = [run[m] for run in runs]
        print(f"  {m}: mean {statistics.mean(found):.2f} %, standard deviation {statistics.pstdev(found):.2f}")
    if not isinstance(dataset, Scenes):
        for line in calibration(logits, labels, recipe(settings["recipe"]).temperature, arguments.folds):
            print(f"  {line}")
    print(f"  written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
