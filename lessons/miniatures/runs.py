"""One training from scratch for a miniature, and the file that keeps what came out of it."""

import json
import math
import statistics
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from minivit import ops
from minivit.data import load
from minivit.models.hybrid import Conv3x3
from minivit.models.vit import ViT
from minivit.nn import Linear, Module
from minivit.training.files import replacing
from minivit.training.loop import Training, accuracy, predict
from minivit.training.presets import load_config, model_config, recipe

FOLDER = Path(__file__).parent


class SmallCNN(Module):
    """What the ViT is compared with: three 3 x 3 convolutions, a 2 x 2 max pooling after the second and the third, a Linear."""

    def __init__(self, image_size, channels, classes, rng, dtype=np.float32):
        self.config = SimpleNamespace(tokens=image_size**2 // 4, classes=classes)
        widths = (channels, 16, 32, 64)
        self.convs = [Conv3x3(i, o, rng, dtype) for i, o in pairwise(widths)]
        self.head = Linear((image_size // 4) ** 2 * 64, classes, rng, dtype)
        self.head.weight.data[...] = 0

    def __call__(self, x, rng=None):
        for i, conv in enumerate(self.convs):
            x = conv(x)  # (B, H, W, C)
            if i:
                x = ops.max_pool2d(x, 2)  # (B, H/2, W/2, C)
        return self.head(x.reshape((len(x), -1)))  # (B, K)


def part_of(dataset, count):
    """The data set with only `count` training images, every class with its share, the same ones for every model."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(dataset.train_labels))
    turn = np.empty(len(order))
    for label in np.unique(dataset.train_labels):
        members = order[dataset.train_labels[order] == label]
        turn[members] = np.arange(len(members)) / len(members)
    chosen = np.sort(np.argsort(turn, kind="stable")[:count])
    return replace(dataset, train_images=dataset.train_images[chosen], train_labels=dataset.train_labels[chosen])


def train_network(config, seed, steps, model=None, changes=None, images=None, kind="vit", threads=None):
    """(network, data set, {"seconds", "cpu_seconds": of training, "epochs", "parameters"}) after so many steps of a preset with
    changes. Nobody has read the test images yet.

    config   the preset from which model and recipe come; model and changes replace some of their fields
    images   how many training images; None: all
    kind     "vit" or "cnn"
    threads  one a core by default. Seconds of CPU time are comparable with one alone: threads that wait for each other use some
    """
    settings = load_config(config)
    dataset = load(settings["data"])
    dataset = dataset if images is None else part_of(dataset, images)
    rules = settings["recipe"] | (changes or {}) | {"seed": seed}
    rules["epochs"] = math.ceil(steps / math.ceil(len(dataset.train_labels) / rules["batch_size"]))
    rng = np.random.default_rng(seed)
    if kind == "cnn":
        size, channels = dataset.train_images.shape[2:]
        network = SmallCNN(size, channels, len(dataset.classes), rng)
    else:
        network = ViT(model_config(settings["model"] | (model or {}), dataset), rng)
    training = Training(network, dataset, recipe(rules))
    started, started_cpu = time.perf_counter(), time.process_time()
    for _ in training.run(threads):
        pass
    figures = {"seconds": round(time.perf_counter() - started, 2), "cpu_seconds": round(time.process_time() - started_cpu, 2)}
    return network, dataset, figures | {"epochs": rules["epochs"], "parameters": network.num_parameters()}


def percent_right(network, dataset, threads=None):
    """Of the test images, which are read here and nowhere else."""
    logits = predict(network, dataset.normalise(dataset.test_images), threads=threads)
    return round(100 * accuracy(logits, dataset.test_labels), 2)


def train_once(*args, threads=None, **options):
    """{"accuracy": percent of the test images, and the figures of train_network} after one training."""
    network, dataset, figures = train_network(*args, threads=threads, **options)
    return {"accuracy": percent_right(network, dataset, threads)} | figures


def step_seconds(config, model, rounds=5):
    """The median time of a training step of a preset with changes."""
    settings = load_config(config)
    dataset = part_of(load(settings["data"]), settings["recipe"]["batch_size"])
    network = ViT(model_config(settings["model"] | model, dataset), np.random.default_rng(0))
    taken = []
    training = Training(network, dataset, recipe(settings["recipe"] | {"epochs": rounds + 1}))
    started = time.perf_counter()
    for _ in training.run():
        taken.append(time.perf_counter() - started)
        started = time.perf_counter()
    return statistics.median(taken[1:])


def step_cpu_seconds(config, models, rounds=20):
    """The CPU time of a training step of a preset with each of these changes, on one thread: steps of all models in turn, so that
    what else the machine does hits all alike, and of each the fastest, which was hit least."""
    settings = load_config(config)
    dataset = part_of(load(settings["data"]), settings["recipe"]["batch_size"])  # one batch, so that an epoch is a step
    rules = recipe(settings["recipe"] | {"epochs": rounds})
    networks = [ViT(model_config(settings["model"] | model, dataset), np.random.default_rng(0)) for model in models]
    runs, fastest = [Training(network, dataset, rules).run(threads=1) for network in networks], [math.inf] * len(models)
    for _ in range(rounds):
        for i, run in enumerate(runs):
            started = time.process_time()
            next(run)
            fastest[i] = min(fastest[i], time.process_time() - started)
    return fastest


class Results:
    """The runs of one miniature in its JSON file: each is a dictionary, found again by its group, x and seed."""

    def __init__(self, name, folder=FOLDER):
        self.path = Path(folder) / f"{name}.json"
        self.runs = json.loads(self.path.read_text())["runs"] if self.path.exists() else []

    def find(self, group, x, seed):
        key = group, x, seed
        return next((run for run in self.runs if (run["group"], run["x"], run["seed"]) == key), None)

    def add(self, group, x, seed, found):
        """Keeps one run, and writes the file."""
        self.runs.append({"group": group, "x": x, "seed": seed, **found})
        lines = ",\n".join(f"  {json.dumps(run)}" for run in self.runs)
        with replacing(self.path) as temporary:
            temporary.write_text(f'{{"runs": [\n{lines}\n]}}\n')

    def of(self, group, x, what="accuracy"):
        """The figures of all seeds."""
        return [run[what] for run in self.runs if (run["group"], run["x"]) == (group, x) and what in run]

    def mean(self, group, x, what="accuracy"):
        return statistics.mean(self.of(group, x, what))

    def spread(self, group, x):
        """The standard deviation over the seeds."""
        found = self.of(group, x)
        return statistics.stdev(found) if len(found) > 1 else 0.0
