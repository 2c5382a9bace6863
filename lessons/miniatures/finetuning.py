"""Few images of new classes: what a ViT is worth that was trained on others before.

The clothes in two halves, each with clothes for above and with shoes: a model is trained on five classes, all of their training
images, and is then to learn the other five from 10, 25 or 100 images each. Three ways: its new head alone; all of it; and, from
scratch, a model of the same sizes that has seen nothing. With one seed all three have the same images, drawn for that seed, and
the test images of the other five classes are read once, at the end.

What it shows, of models as small as these: after the same steps, all of it is a little better than from scratch with 10 and with
25 images of each class, which is beyond two standard errors with 25 alone, and with 100 no better; the head alone, which takes a
tenth of the time, is worse. Five classes of small grey clothes teach little of what the other five need.

The rates were chosen with another seed, on training images of the other five classes that nothing was trained on. So was the
split: with the first five classes before and the last five after them, having learned others was worth nothing with that seed.
"""

import copy
import functools
from dataclasses import replace

import numpy as np

from minivit.data import load
from minivit.models.vit import ViT
from minivit.training.finetune import start
from minivit.training.loop import Training
from minivit.training.presets import load_config, model_config
from minivit.training.recipe import Recipe

from .runs import percent_right

DATA = "fashion-mini"
BEFORE = (0, 1, 2, 5, 7)  # T-shirt/top, trouser, pullover, sandal, sneaker
NEW = (3, 4, 6, 8, 9)  # dress, coat, shirt, bag, ankle boot
MODEL = dict(dim=48, depth=2, mlp_dim=96)  # half the preset's, as is fit for few images
IMAGES = (10, 25, 100)  # of each class
STEPS, EPOCHS_BEFORE = 200, 40
COMMON = dict(batch_size=50, shift=1, flip=True, label_smoothing=0.1)
WAYS = {
    "head alone": dict(batch_size=50, lr=1e-2, weight_decay=0.0, unfreeze=0),
    "all of it": COMMON | dict(lr=1e-3, layer_decay=0.75),
    "from scratch": COMMON | dict(lr=2e-3),
}


def of_classes(dataset, chosen):
    """The data set with these classes alone, which are numbered from 0 on."""
    parts = {}
    for part in ("train", "test"):
        images, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
        there = np.isin(labels, chosen)
        parts |= {f"{part}_images": images[there], f"{part}_labels": np.searchsorted(chosen, labels[there])}
    return replace(dataset, classes=tuple(dataset.classes[k] for k in chosen), **parts)


def few(dataset, count, seed):
    """The data set with `count` training images of each class, drawn for that seed; a larger count has those of a smaller too."""
    order = np.random.default_rng(seed).permutation(len(dataset.train_labels))
    chosen = np.concatenate([order[dataset.train_labels[order] == k][:count] for k in range(len(dataset.classes))])
    return replace(dataset, train_images=dataset.train_images[chosen], train_labels=dataset.train_labels[chosen])


def untrained(dataset, seed):
    return ViT(model_config(load_config(DATA)["model"] | MODEL, dataset), np.random.default_rng(seed))


@functools.lru_cache(1)
def pretrained(seed, epochs=EPOCHS_BEFORE):
    """A model that was trained on the five classes of BEFORE."""
    dataset = of_classes(load(DATA), BEFORE)
    model = untrained(dataset, seed)
    _train(model, dataset, load_config(DATA)["recipe"] | {"seed": seed, "epochs": epochs})
    return model


def _train(model, dataset, settings):
    for _ in Training(model, dataset, Recipe(**settings)).run(threads=1):
        pass


def learned(way, count, seed, before=pretrained, settings=None, steps=STEPS):
    """(model, data set) after one way of learning the new classes."""
    dataset = few(of_classes(load(DATA), NEW), count, seed)
    rules = WAYS[way] | (settings or {}) | {"seed": seed}
    rules["epochs"] = -(-steps // -(-len(dataset.train_labels) // rules["batch_size"]))
    if way == "from scratch":
        model = untrained(dataset, seed)
    else:
        begun = start("five classes", copy.deepcopy(before(seed)), {"mean": dataset.mean, "std": dataset.std}, dataset)
        model = begun.model
    _train(model, dataset, rules)
    return model.eval(), dataset


def finetuned(way, count, seed):
    """{"accuracy": percent of the test images of the new classes}."""
    return {"accuracy": percent_right(*learned(way, count, seed), threads=1)}
