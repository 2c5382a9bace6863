"""Larger batches, as many processes want them: python -m benchmarks.batches

Trains the preset digits with 2 and 4 times its batch for as many epochs, so with 1/2 and 1/4 of the updates. By the linear rule
(Goyal et al. 2017, arXiv 1706.02677) k times the batch takes k times the learning rate, warmed up over the same epochs; beside it
the rate as it was, and sqrt(k) times it, which was derived for Adam (Malladi et al. 2022, arXiv 2205.10287). Prints a table and
writes benchmarks/results/batches.json; some six minutes of one core.
"""

import argparse
import json
import statistics

from minivit.data import load
from minivit.training.files import replacing
from minivit.training.presets import load_config

from .accuracy import RESULTS, one_run

PATH = RESULTS / "batches.json"
CASES = ((1, 1), (2, 2), (4, 4), (4, 2), (4, 1))  # times the batch, times the rate


def changed(settings, batch, rate):
    """The settings of a preset with so many times its batch, and so many times its rate."""
    rules = settings["recipe"]
    return settings | {"recipe": rules | {"batch_size": batch * rules["batch_size"], "lr": rate * rules["lr"]}}


def told(row):
    runs = ", ".join(f"{accuracy:.1f}" for accuracy in row["accuracies"])
    return f"batch {row['batch_size']:4}, rate {row['lr']:g}: {statistics.mean(row['accuracies']):5.1f} %   ({runs})"


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batches", description=__doc__.partition("\n")[0])
    parser.add_argument("--config", default="digits", metavar="NAME", help="a preset or a TOML file; default: digits")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="how many seeds, from 0; default: 3")
    arguments = parser.parse_args(argv)
    settings = load_config(arguments.config)
    dataset, rows = load(settings["data"]), []
    for batch, rate in CASES:
        case = changed(settings, batch, rate)
        rows.append({name: case["recipe"][name] for name in ("batch_size", "lr")})
        rows[-1]["accuracies"] = [one_run(dataset, case, seed)[0]["accuracy"] for seed in range(arguments.seeds)]
        print(told(rows[-1]), flush=True)
    with replacing(PATH) as temporary:
        temporary.write_text(json.dumps({"config": arguments.config, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(f"written to {PATH}")


if __name__ == "__main__":
    main()
