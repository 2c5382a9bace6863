"""The training loop: batches, loss, gradients, update; and evaluation."""

import math
import time
from dataclasses import dataclass, fields

import numpy as np

from . import ops
from .backend import array_module, to_device, to_host
from .data import batches, shift
from .data.datasets import normalise
from .engine import no_grad
from .optim import AdamW, warmup_cosine
from .parallel import pieces, sum_of_gradients, workers

LOG_EVERY = 50  # steps; and at the end of every epoch
PIECE_TOKENS = 1600  # how many tokens a thread computes at once: their activations should stay in a core's cache


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. Raises ValueError for a number that makes no sense.

    epochs           passes over the training images, batch_size of them a step
    lr               the peak, above 0, reached after `warmup` of all steps (a fraction), then half a cosine down to final_lr
    weight_decay     of AdamW, on the weights of linear layers and convolutions
    label_smoothing  of the cross-entropy
    shift            augmentation: each image moves by up to so many pixels
    clip_norm        the largest global norm of a gradient; 0 does not clip
    seed             of everything random: weights, order, augmentation, dropout
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float = 0.05
    warmup: float = 0.05
    final_lr: float = 1e-5
    label_smoothing: float = 0.0
    shift: int = 0
    clip_norm: float = 1.0
    seed: int = 0

    def __post_init__(self):
        for field in fields(self):
            value, kinds = getattr(self, field.name), int if field.type is int else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value < math.inf:
                kind = "whole number" if field.type is int else "number"
                raise ValueError(f"{field.name} is {value!r}; it must be a {kind} that is not negative")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be a whole number above 0")
        if self.lr == 0:
            raise ValueError(f"lr is {self.lr}; a learning rate is a number above 0, often between 1e-4 and 3e-3")
        if self.label_smoothing >= 1:
            raise ValueError(f"label_smoothing is {self.label_smoothing}; it must be at least 0 and below 1")
        if self.warmup >= 1:
            raise ValueError(f"warmup is {self.warmup}; it is the fraction of all steps that warm up, at least 0 and below 1")


@dataclass(frozen=True)
class Progress:
    """Where a training run is: the figures of the current epoch up to this step, and whether the epoch is complete."""

    epoch: int  # from 1
    step: int  # of the whole run, from 1
    loss: float
    accuracy: float  # of the training images, as augmented, while the weights were changing
    lr: float
    images_per_second: float
    fraction: float  # of the epoch
    complete: bool


def piece_size(batch_size, tokens):
    """How many images a piece of the batch holds on a CPU: at least two pieces a batch, of about PIECE_TOKENS tokens or fewer.
    It must not depend on the number of threads, or the rounding of the gradients would. Cores beyond the pieces stay idle. On
    a GPU a batch is one piece."""
    return min(math.ceil(batch_size / 2), max(1, PIECE_TOKENS // tokens))


def train(model, dataset, recipe, threads=None):
    """Trains `model` in place on the training part of `dataset`; a generator of Progress, every LOG_EVERY steps and at the
    end of every epoch. Whoever stops iterating stops the training.

    Random numbers come from Generators seeded by (seed, 0, epoch) for the order of the images, (seed, 1, step) for the
    augmentation and (seed, 2, step, piece) for dropout. So the same recipe gives the same weights, bit for bit, on the same
    machine, with any number of threads (by default one a core).

    Raises ValueError at the next log line after a loss or a gradient was not a number; from that step on nothing was updated.
    """
    images_there, labels_there, mean, std = (
        to_device(np.asarray(array), model.device)
        for array in (dataset.train_images, dataset.train_labels, np.float32(dataset.mean), np.float32(dataset.std))
    )
    parameters = model.parameters()
    optimizer = AdamW(model, recipe.lr, weight_decay=recipe.weight_decay, clip_norm=recipe.clip_norm)
    count = len(labels_there)
    total = recipe.epochs * math.ceil(count / recipe.batch_size)
    warmup = math.ceil(recipe.warmup * total)
    step, first_bad_step = 0, array_module(images_there).zeros((), np.int64)
    model.train()
    with workers(threads if model.device == "cpu" else 1) as run:  # a GPU takes one piece after the other
        for epoch in range(1, recipe.epochs + 1):
            seen, correct, loss_sum, started = 0, 0, 0.0, time.perf_counter()
            order = np.random.default_rng((recipe.seed, 0, epoch))
            for images, labels in batches(images_there, labels_there, recipe.batch_size, order):
                optimizer.lr = warmup_cosine(step, total, recipe.lr, warmup, recipe.final_lr)
                images = shift(images, recipe.shift, np.random.default_rng((recipe.seed, 1, step)))
                images = normalise(images, mean, std)
                with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not a number is told below, once
                    loss, hits, grads = _loss_and_gradients(model, parameters, images, labels, recipe, step, run)
                    step += 1
                    first_bad_step = _first_bad(first_bad_step, loss, step)
                    first_bad_step = _first_bad(first_bad_step, optimizer.step(grads, unless=first_bad_step), step)
                seen, correct, loss_sum = seen + len(images), correct + hits, loss_sum + loss * len(images)
                complete = seen == count
                if not (complete or step % LOG_EVERY == 0):
                    continue
                if not first_bad_step and not optimizer.finite():
                    first_bad_step = step
                if first_bad_step:
                    raise ValueError(
                        f"the loss stopped being a number at step {int(first_bad_step)} (epoch {epoch} of {recipe.epochs}): "
                        f"lower the learning rate, which is {recipe.lr:g}, or look for broken images"
                    )
                speed = seen / (time.perf_counter() - started)
                loss, right = float(loss_sum) / seen, int(correct) / seen
                yield Progress(epoch, step, loss, right, optimizer.lr, speed, seen / count, complete)


def _first_bad(first_bad_step, value, step):
    """`step`, if the value is no finite number and all before were, on the value's device."""
    xp = array_module(value)
    return xp.where((first_bad_step == 0) & ~xp.isfinite(value), step, first_bad_step)


def _loss_and_gradients(model, parameters, images, labels, recipe, step, run):
    """(mean loss, number of right answers, gradients in the order of the parameters) of one batch, piece by piece."""

    def loss_of(numbered):
        number, piece = numbered
        logits = model(images[piece], rng=np.random.default_rng((recipe.seed, 2, step, number)))
        loss = ops.cross_entropy(logits, labels[piece], label_smoothing=recipe.label_smoothing)
        hits = (logits.data.argmax(axis=-1) == labels[piece]).sum()
        return loss * ((piece.stop - piece.start) / len(images)), hits

    size = piece_size(recipe.batch_size, model.config.tokens) if model.device == "cpu" else len(images)
    cut = pieces(len(images), size)
    grads, results = sum_of_gradients(run, loss_of, list(enumerate(cut)), parameters)
    return sum(loss for loss, _ in results), sum(hits for _, hits in results), grads


@no_grad()
def predict(model, images, batch_size=128, threads=None):
    """The model's logits for normalised images (N, H, W, C), as a NumPy array (N, K), in evaluation mode."""
    if not len(images):
        return np.zeros((0, model.config.classes), np.float32)
    was_training = model.training
    model.eval()
    try:
        with workers(threads if model.device == "cpu" else 1) as run:
            cut = pieces(len(images), batch_size)
            logits = run(lambda piece: to_host(model(to_device(images[piece], model.device)).data), cut)
    finally:
        model.train(was_training)
    return np.concatenate(logits)


def accuracy(logits, labels):
    """The fraction of rows whose largest logit is at the label."""
    return float((logits.argmax(axis=-1) == labels).mean())
