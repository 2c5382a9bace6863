"""The training loop: batches, loss, gradients, update; and evaluation."""

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from .. import ops
from ..backend import array_module, to_device, to_host
from ..data import augment, batches
from ..data.datasets import normalise
from ..engine import no_grad
from ..optim import AdamW, warmup_cosine
from .parallel import pieces, sum_of_gradients, workers

LOG_EVERY = 50  # steps; and at the end of every epoch
PIECE_TOKENS = 1600  # how many tokens a thread computes at once: their activations should stay in a core's cache


@dataclass(frozen=True)
class Progress:
    """Where a training run is: the figures of the current epoch up to this step, and whether the epoch is complete."""

    epoch: int  # from 1
    step: int  # of the whole run, from 1
    loss: float
    accuracy: float  # of the training images, as augmented, while the weights were changing; of mixed images, no figure to trust
    lr: float
    images_per_second: float
    fraction: float  # of the epoch
    complete: bool
    validation: float | None = None  # accuracy on the images set aside, at the end of an epoch; None without any


def piece_size(batch_size, tokens, accumulate=1):
    """How many images a piece of the batch holds on a CPU: at least two pieces a batch, of about PIECE_TOKENS tokens or fewer.
    It must not depend on the number of threads, or the rounding of the gradients would. Cores beyond the pieces stay idle. On
    a GPU a batch is `accumulate` pieces."""
    return min(math.ceil(batch_size / max(2, accumulate)), max(1, PIECE_TOKENS // tokens))


def train(model, dataset, recipe, threads=None):
    """Trains `model` in place on the training part of `dataset`; a generator of Progress, every LOG_EVERY steps and at the
    end of every epoch. Whoever stops iterating stops the training. See Training, which can also be saved and go on."""
    return Training(model, dataset, recipe).run(threads)


class Training:
    """A training run that can be stopped after any epoch, saved, and continued to the same numbers.

        training = Training(model, dataset, recipe)
        for progress in training.run(threads): ...
        training.state_dict(), training.load_state_dict(state)

    Random numbers come from Generators seeded by (seed, 0, epoch) for the order of the images, (seed, 1, step) for the
    augmentation, (seed, 2, step, piece) for dropout and (seed, 3) for the images set aside. So the same recipe gives the same
    weights, bit for bit, on the same machine, with any number of threads, and after any number of interruptions.

    A Training keeps views of the model's parameters: move the model to its device before.
    """

    def __init__(self, model, dataset, recipe):
        self.model, self.recipe = model, recipe
        self.parameters = model.parameters()
        self.optimizer = AdamW(model, recipe.lr, weight_decay=recipe.weight_decay, clip_norm=recipe.clip_norm)
        groups = self.optimizer.groups
        self.average = [group.values.copy() for group in groups] if recipe.ema else []
        self.best = [group.values.copy() for group in groups] if recipe.patience else []
        self.best_accuracy, self.waited = -1.0, 0
        self.epoch, self.step = 0, 0  # how many are done
        self.classes = len(dataset.classes)
        images, labels = dataset.train_images, np.asarray(dataset.train_labels)
        aside = round(recipe.validation * len(images))
        if recipe.validation and not 0 < aside < len(images):
            raise ValueError(f"validation is {recipe.validation}: of {len(images)} training images that sets {aside} aside")
        order = np.random.default_rng((recipe.seed, 3)).permutation(len(images)) if aside else np.arange(len(images))
        self.held = dataset.normalise(images[order[:aside]]), labels[order[:aside]]
        kept = np.sort(order[aside:])
        chosen = (images[kept], labels[kept]) if aside else (images, labels)
        figures = np.float32(dataset.mean), np.float32(dataset.std)
        self.images, self.labels, *self.figures = (to_device(np.asarray(a), model.device) for a in (*chosen, *figures))
        self.steps_per_epoch = math.ceil(len(self.labels) / recipe.batch_size)

    def run(self, threads=None):
        """A generator of Progress, from where the training is to its end; `threads` is one a core by default.

        Raises ValueError at the next log line after a loss or a gradient was not a number; from that step on nothing was
        updated."""
        recipe, self.threads = self.recipe, threads
        with workers(threads if self.model.device == "cpu" else 1) as run:  # a GPU takes one piece after the other
            while self.epoch < recipe.epochs and not self._out_of_patience():
                self.model.train()
                yield from self._epoch(run)

    def _out_of_patience(self):
        return bool(self.recipe.patience) and self.waited >= self.recipe.patience

    def _epoch(self, run):
        recipe, count, xp = self.recipe, len(self.labels), array_module(self.labels)
        total = recipe.epochs * self.steps_per_epoch
        warmup = math.ceil(recipe.warmup * total)
        seen, correct, loss_sum, started = 0, 0, 0.0, time.perf_counter()
        first_bad_step = xp.zeros((), np.int64)
        order = np.random.default_rng((recipe.seed, 0, self.epoch + 1))
        for images, labels in batches(self.images, self.labels, recipe.batch_size, order):
            self.optimizer.lr = warmup_cosine(self.step, total, recipe.lr, warmup, recipe.final_lr)
            images, targets = self._augmented(images, labels)
            with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not a number is told below, once
                loss, hits, grads = self._loss_and_gradients(images, labels, targets, run)
                self.step += 1
                first_bad_step = _first_bad(first_bad_step, loss, self.step)
                norm = self.optimizer.step(grads, unless=first_bad_step)
                first_bad_step = _first_bad(first_bad_step, norm, self.step)
            self._move_average()
            seen, correct, loss_sum = seen + len(images), correct + hits, loss_sum + loss * len(images)
            complete = seen == count
            if not (complete or self.step % LOG_EVERY == 0):
                continue
            if not first_bad_step and not self.optimizer.finite():
                first_bad_step = self.step
            if first_bad_step:
                raise ValueError(
                    f"the loss stopped being a number at step {int(first_bad_step)} (epoch {self.epoch + 1} of {recipe.epochs}): "
                    f"lower the learning rate, which is {recipe.lr:g}, or look for broken images"
                )
            speed = seen / (time.perf_counter() - started)
            loss, right, validation = float(loss_sum) / seen, int(correct) / seen, self._validate() if complete else None
            self.epoch += complete
            epoch = self.epoch + (not complete)
            yield Progress(epoch, self.step, loss, right, self.optimizer.lr, speed, seen / count, complete, validation)

    def _augmented(self, images, labels):
        """(images, targets): moved, mirrored, normalised and mixed; targets are the labels themselves unless mixed."""
        recipe, rng = self.recipe, np.random.default_rng((self.recipe.seed, 1, self.step))
        images = augment.shift(images, recipe.shift, rng)
        if recipe.flip:
            images = augment.flip(images, rng)
        images = normalise(images, *self.figures)
        return augment.mixup(images, labels, self.classes, recipe.mixup, rng) if recipe.mixup else (images, labels)

    def _loss_and_gradients(self, images, labels, targets, run):
        """(mean loss, number of right answers, gradients in the order of the parameters) of one batch, piece by piece."""
        recipe, model = self.recipe, self.model

        def loss_of(numbered):
            number, piece = numbered
            logits = model(images[piece], rng=np.random.default_rng((recipe.seed, 2, self.step, number)))
            loss = ops.cross_entropy(logits, targets[piece], label_smoothing=recipe.label_smoothing)
            hits = (logits.data.argmax(axis=-1) == labels[piece]).sum()
            return loss * ((piece.stop - piece.start) / len(images)), hits

        on_cpu = model.device == "cpu"
        size = piece_size(recipe.batch_size, model.config.tokens, recipe.accumulate)
        cut = pieces(len(images), size if on_cpu else math.ceil(len(images) / recipe.accumulate))
        grads, results = sum_of_gradients(run, loss_of, list(enumerate(cut)), self.parameters)
        return sum(loss for loss, _ in results), sum(hits for _, hits in results), grads

    # the average of the weights, and the best ones

    def _move_average(self):
        """average = decay * average + (1 - decay) * weights; at the start the decay is smaller, or the average would be that
        of the random weights for long."""
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        for average, group in zip(self.average, self.optimizer.groups, strict=False):
            average += (1 - decay) * (group.values - average)

    @contextmanager
    def _weights(self, buffers):
        """Runs its body with these weights in the model, and puts its own back. No buffers: the model's own."""
        own = [group.values.copy() for group in self.optimizer.groups] if buffers else []
        for group, values in zip(self.optimizer.groups, buffers, strict=False):
            group.values[...] = values
        try:
            yield
        finally:
            for group, values in zip(self.optimizer.groups, own, strict=False):
                group.values[...] = values

    def result(self):
        """The weights that count, by name as host arrays: the best if there is patience, else the average if there is one,
        else those of the last step."""
        with self._weights((self.best if self.best_accuracy >= 0 else []) or self.average):
            return self.model.state_dict()

    def _validate(self):
        """The accuracy on the images set aside, or None; and whether it is the best so far."""
        images, labels = self.held
        if not len(labels):
            return None
        with self._weights(self.average):
            found = accuracy(predict(self.model, images, threads=self.threads), labels)
            if found > self.best_accuracy:
                self.best_accuracy, self.waited = found, 0
                for best, group in zip(self.best, self.optimizer.groups, strict=False):
                    best[...] = group.values
            else:
                self.waited += 1
        return found

    # what a checkpoint holds beside the model's weights

    def state_dict(self):
        """Everything that the rest of the run depends on, as host arrays by name: weights, moments, average, best, counters."""
        arrays = {}
        for i, group in enumerate(self.optimizer.groups):
            arrays |= {f"weights.{i}": group.values} | {f"moments.{i}.{j}": m for j, m in enumerate(group.moments)}
        arrays |= {f"average.{i}": a for i, a in enumerate(self.average)} | {f"best.{i}": b for i, b in enumerate(self.best)}
        counters = self.epoch, self.step, self.optimizer.steps, self.waited, self.best_accuracy
        return {name: np.array(to_host(array)) for name, array in arrays.items()} | {"counters": np.array(counters, np.float64)}

    def load_state_dict(self, state):
        """Goes on from such a state. Raises ValueError if it is one of another model or recipe."""
        own = self.state_dict()
        if set(state) != set(own) or any(state[name].shape != own[name].shape for name in own):
            raise ValueError("this checkpoint is of another model or another recipe")
        xp = array_module(self.optimizer.groups[0].values)
        for i, group in enumerate(self.optimizer.groups):
            group.values[...] = xp.asarray(state[f"weights.{i}"])
            for j, moment in enumerate(group.moments):
                moment[...] = xp.asarray(state[f"moments.{i}.{j}"])
        for name, buffers in (("average", self.average), ("best", self.best)):
            for i, buffer in enumerate(buffers):
                buffer[...] = xp.asarray(state[f"{name}.{i}"])
        epoch, step, steps, waited, self.best_accuracy = state["counters"].tolist()
        self.epoch, self.step, self.optimizer.steps, self.waited = int(epoch), int(step), int(steps), int(waited)


def _first_bad(first_bad_step, value, step):
    """`step`, if the value is no finite number and all before were, on the value's device."""
    xp = array_module(value)
    return xp.where((first_bad_step == 0) & ~xp.isfinite(value), step, first_bad_step)


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
