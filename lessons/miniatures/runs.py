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


def train_once(config, seed, steps, model=None, changes=None, images=None, kind="vit"):
    """{"accuracy": percent of the test images, "seconds": of training} after so many steps of a preset with changes.

    config   the preset from which model and recipe come; model and changes replace some of their fields
    images   how many training images; None: all
    kind     "vit" or "cnn"
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
    training, started = Training(network, dataset, recipe(rules)), time.perf_counter()
    for _ in training.run():
        pass
    seconds = time.perf_counter() - started
    found = accuracy(predict(network, dataset.normalise(dataset.test_images)), dataset.test_labels)
    return {"accuracy": round(100 * found, 2), "seconds": round(seconds, 2), "parameters": network.num_parameters()}


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
