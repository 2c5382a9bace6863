"""Larger batches, as many processes want them: python -m benchmarks.batches

Trains the preset digits with 2 and 4 times its batch for as many epochs, so with 1/2 and 1/4 of the steps, and by the linear rule
(Goyal et al. 2017, arXiv 1706.02677) 2 and 4 times its learning rate, warmed up over the same epochs. Prints a table, the preset
itself first, as `python -m benchmarks.accuracy` measured it, and writes benchmarks/results/batches.json; some minutes.
"""

import argparse
import json
import statistics

from minivit.data import load
from minivit.training.files import replacing
from minivit.training.presets import load_config

from .accuracy import RESULTS, one_run

PATH = RESULTS / "batches.json"
CONFIG, TIMES, SEEDS = "digits", (2, 4), 3


def changed(settings, times):
    """The settings of a preset with so many times its batch, and so many times its rate."""
    rules = settings["recipe"]
    return settings | {"recipe": rules | {"batch_size": times * rules["batch_size"], "lr": times * rules["lr"]}}


def row_of(settings, accuracies):
    return {name: settings["recipe"][name] for name in ("batch_size", "lr")} | {"accuracies": accuracies}


def told(row):
    """A line of the table."""
    accuracies = ", ".join(f"{accuracy:.1f}" for accuracy in row["accuracies"])
    mean = statistics.mean(row["accuracies"])
    return f"batch {row['batch_size']:4}, rate {row['lr']:.3f}   {accuracies}   mean {mean:.1f} %"


def main(argv=None):
    argparse.ArgumentParser(prog="python -m benchmarks.batches", description=__doc__.partition("\n")[0]).parse_args(argv)
    settings = load_config(CONFIG)
    kept = json.loads((RESULTS / f"accuracy-{CONFIG}.json").read_text(encoding="utf-8"))["runs"][:SEEDS]
    rows, dataset = [row_of(settings, [run["accuracy"] for run in kept])], load(settings["data"])
    print(told(rows[0]), flush=True)
    for times in TIMES:
        case = changed(settings, times)
        rows.append(row_of(case, [one_run(dataset, case, seed)[0]["accuracy"] for seed in range(SEEDS)]))
        print(told(rows[-1]), flush=True)
        with replacing(PATH) as temporary:
            temporary.write_text(json.dumps({"config": CONFIG, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(f"written to {PATH}")


if __name__ == "__main__":
    main()
