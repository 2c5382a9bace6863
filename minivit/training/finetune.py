"""Fine-tuning: a ViT that was trained on other images learns new classes, from its head downwards.

    unfreeze = 0      the head alone, on features that are computed once: seconds
    unfreeze = 2      the last two blocks too, and what stands behind them
    unfreeze = "all"  everything

What lies below is frozen: nothing of it is kept for a backward, none runs, and it drops nothing, as in evaluation. Where no image
is augmented, what it gives is the same in every epoch, and is kept in memory instead of the images.

B batch, T tokens, D width, K classes
"""

import hashlib
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from ..checks import pair
from ..engine import Tensor
from ..models.heads import zero_head
from ..models.vit import ViT
from ..nn import Module
from .prediction import accuracy, predict
from .pretrained import open_model
from .task import Classification

# How long and how fast, by what is trained, where nobody says otherwise
RECIPES = {
    "head": dict(epochs=100, batch_size=128, lr=1e-2, weight_decay=0.0),
    "blocks": dict(epochs=40, batch_size=64, lr=1e-3),
    "all": dict(epochs=40, batch_size=64, lr=1e-3, layer_decay=0.75),
}
CHANGES_IMAGES = "shift flip rotate thickness contrast mixup".split()  # settings of a Recipe that draw every image anew


class Start(NamedTuple):
    """What a fine-tuning begins from. model: with its new head; init: {"name", "sha256" of its weights}, for the run's folder;
    mean, std: by which it has its images normalised."""

    model: ViT
    init: dict
    mean: tuple
    std: tuple


def opened(name, image_size=None):
    """(a pretrained ViT, what is known about it), whatever `name` names: a run's folder or its model.npz, weights that others
    trained, or OWNER/NAME of such on the model hub; see open_model. image_size: another than it was trained at. Raises
    ValueError, with what to do, for what is none, or does not say how its images are normalised."""
    model, about = open_model(name, **({} if image_size is None else {"image_size": image_size}))
    if not isinstance(model, ViT):
        raise ValueError(f"{name} is a {type(model).__name__}: fine-tuning begins from a ViT")
    if image_size is not None and model.config.image_size != pair("image_size", image_size):
        size = " x ".join(map(str, model.config.image_size))
        raise ValueError(f"{name} reads images of {size}, to which others are brought: leave --image-size out")
    for key in ("mean", "std"):
        value = about.get(key)
        right = isinstance(value, list | tuple) and len(value) == model.config.channels
        if not right or not all(isinstance(x, int | float) for x in value):
            raise ValueError(f"{name} does not say by which {key} its images were normalised: name a run that minivit trained")
    return model, about


def start(name, model, about, dataset):
    """The Start on a data set: the opened model itself, with a new head at zero for its classes. Raises ValueError for images of
    other channels or another size than the model reads."""
    (height, width, channels), config = dataset.train_images.shape[1:], model.config
    if channels != config.channels:
        kinds = {1: "grey", 3: "coloured"}
        theirs, own = (kinds.get(count, f"{count}-channel") for count in (channels, config.channels))
        raise ValueError(f"{dataset.name} has {theirs} images, and {name} reads {own} ones: begin from another model")
    if (height, width) != config.image_size:
        size = " x ".join(map(str, config.image_size))
        raise ValueError(f"{dataset.name} has images of {height} x {width}, and {name} reads {size}: bring them to that size")
    init = {"name": str(name), "sha256": sha256_of(model.state_dict())}
    dtype, model.config = model.head.weight.dtype, replace(config, classes=len(dataset.classes))
    for head in ["head", *(["head_dist"] if config.dist_token else [])]:
        setattr(model, head, zero_head(model.config, np.random.default_rng(0), dtype))
    return Start(model, init, tuple(about["mean"]), tuple(about["std"]))


def sha256_of(state):
    """Of weights by name: of each in the order of the names its name, dtype, shape and numbers. Whatever file they came from."""
    found = hashlib.sha256()
    for name in sorted(state):
        array = np.ascontiguousarray(state[name])
        found.update(f"{name} {array.dtype} {array.shape}\n".encode())
        found.update(array)
    return found.hexdigest()


def recipe_of(settings):
    """The settings of a fine-tuning's recipe: those that are given, and for the others what suits the part that is trained."""
    unfreeze = str(settings.get("unfreeze", 0))
    part = {"0": "head", "all": "all"}.get(unfreeze, "blocks")
    return {"unfreeze": unfreeze} | RECIPES[part] | settings


class Halves:
    """A ViT cut in two: what is frozen, and what is trained. Freezes the first, and thaws the second."""

    def __init__(self, model, unfreeze):
        if not isinstance(model, ViT):
            raise ValueError(
                f'unfreeze is {unfreeze}: only a ViT is trained in part; set it to "all" for a {type(model).__name__}'
            )
        if unfreeze > model.config.depth:
            raise ValueError(
                f'unfreeze is {unfreeze}, and the model has {model.config.depth} blocks: take at most so many, or "all"'
            )
        self.model, self.unfreeze = model, unfreeze
        model.freeze()
        for part in self._trained_parts():
            part.freeze(False)

    def _trained_parts(self):
        """The head's linear layers, or the last blocks and every Module behind them."""
        parts = list(vars(self.model).items())
        names = [name for name, _ in parts]
        if not self.unfreeze:
            return [part for name, part in parts if name.startswith("head")]
        behind = [part for name, part in parts[names.index("blocks") + 1 :] if isinstance(part, Module)]
        return [*self.model.blocks[-self.unfreeze :], *behind]

    def train(self):
        """Training mode for what is trained, evaluation mode for the rest."""
        self.model.eval()
        for part in self._trained_parts():
            part.train()

    def features(self, images, threads=None):
        """What the frozen part makes of normalised images (N, H, W, C), a host array: the tokens (N, T, D) in front of the first
        trained block, or, of the head alone, what it reads, (N, D)."""
        return predict(_Below(self.model, self.unfreeze), images, threads=threads)

    def above(self):
        """The trained part as a model: such features to logits."""
        return _Above(self.model, self.unfreeze)


class _Below(Module):
    """Images (B, H, W, C) to features, (B, T, D) or (B, D). Goes a stage further than it must, which costs little, once."""

    def __init__(self, model, unfreeze):
        self.model, self.config = model, model.config
        self.stop = f"blocks.{self.config.depth - unfreeze}" if unfreeze else "head"

    def __call__(self, images, rng=None):
        for (_, x), (name, _) in pairwise(self.model.stages(images)):
            if name == self.stop:
                return x


class _Above(Module):
    """Features to logits (B, K)."""

    def __init__(self, model, unfreeze):
        self.model, self.unfreeze = model, unfreeze
        config, tokens = model.config, model.config.tokens if unfreeze else 1  # how much work there is for the threads
        self.config = SimpleNamespace(tokens=tokens, dim=config.dim, classes=config.classes)

    def __call__(self, features, rng=None):
        if not self.unfreeze:
            return self.model.logits(Tensor(features))
        for _, x in self.model.stages_from(self.model.config.depth - self.unfreeze, Tensor(features), rng):
            pass
        return x


class OnFeatures(Classification):
    """Classification of features in the place of images: there is nothing to augment or to normalise."""

    def batch(self, features, labels, rng):
        return features, (labels, labels)

    def score(self, model, features, labels, threads=None):
        return accuracy(predict(model, features, threads=threads), labels)


def stay_the_same(recipe):
    """Whether an image is the same in every epoch, so that its features are."""
    return not any(getattr(recipe, name) for name in CHANGES_IMAGES)
