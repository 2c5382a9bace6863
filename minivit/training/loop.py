"""The training loop: batches, loss, gradients, update."""

import math
import time
from dataclasses import dataclass

import numpy as np

from ..backend import array_module, to_device, to_host
from ..data import batches
from ..optim import AdamW, warmup_cosine
from .finetune import Halves, OnFeatures, stay_the_same
from .guard import Guard
from .parallel import added, pieces_of, processes_of, sum_of_gradients, workers
from .prediction import accuracy, predict
from .recipe import Recipe
from .tasks import task_of
from .weights import KeptWeights

__all__ = ["LOG_EVERY", "Progress", "Recipe", "Training", "accuracy", "predict", "train"]

LOG_EVERY = 50  # steps; and at the end of every epoch


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
    parts: dict | None = None  # the terms of the loss by name, where the task tells them


def train(model, dataset, recipe, threads=None):
    """Trains `model` in place on the training part of `dataset`; a generator of Progress, every LOG_EVERY steps and at the
    end of every epoch. Whoever stops iterating stops the training. See Training, which can also be saved and go on."""
    return Training(model, dataset, recipe).run(threads)


class Training:
    """A training run that can be stopped after any epoch, saved, and continued to the same numbers.

        training = Training(model, dataset, recipe)
        for progress in training.run(threads): ...
        training.state_dict(), training.load_state_dict(state)

    task: what is learned (see task.py); without one, what the kind of the model is for.

    Random numbers come from Generators seeded by (seed, 0, epoch) for the order of the images, (seed, 1, step) for the
    augmentation, (seed, 2, step, piece) for dropout and (seed, 3) for the images set aside. So the same recipe gives the same
    weights, bit for bit, on the same machine, with any number of threads and processes, and after any number of interruptions.

    A Training keeps views of the model's parameters: move the model to its device before.
    """

    def __init__(self, model, dataset, recipe, task=None):
        if not isinstance(recipe, Recipe):
            raise ValueError(
                f"a training takes a Recipe, like Recipe(epochs=1, batch_size=64, lr=1e-3); got {type(recipe).__name__}"
            )
        self.model, self.recipe = model, recipe
        self.halves = None if recipe.unfreeze == "all" else Halves(model, recipe.unfreeze)  # freezes what is not trained
        self.reads_features = self.halves is not None and task is None and stay_the_same(recipe)
        self.network = self.halves.above() if self.reads_features else model  # what the loss is computed with
        if task is None:
            task = OnFeatures(dataset, recipe) if self.reads_features else task_of(model, dataset, recipe)
        self.task = task.to(model.device)
        self.parameters = model.trained_parameters()
        rules = dict(weight_decay=recipe.weight_decay, clip_norm=recipe.clip_norm, layer_decay=recipe.layer_decay)
        self.optimizer = AdamW(model, recipe.lr, **rules)
        self.weights = KeptWeights(self.optimizer, recipe.ema, recipe.patience)
        self.epoch, self.step = 0, 0  # how many are done
        chosen, self.held = set_aside(dataset, recipe)
        self.images, self.labels = (to_device(np.asarray(a), model.device) for a in chosen)
        self.steps_per_epoch = math.ceil(len(self.labels) / recipe.batch_size)

    def run(self, threads=None, log_every=LOG_EVERY):
        """A generator of Progress, from where the training is to its end; `threads` is one a core by default, or the Processes
        that train together (distributed.py), in each of which this runs. A log line, a Progress, comes every log_every steps.

        Raises ValueError at the next log line after a loss or a gradient was not a number; from that step on nothing was
        updated."""
        self.processes = processes_of(threads)
        self.optimizer.agreed = self.processes.agreed
        if self.reads_features and self.images.ndim == 4:
            self._compute_features()
        with workers(self.processes, self.model.device) as run:
            while self.epoch < self.recipe.epochs and not self.weights.out_of_patience:
                (self.halves or self.model).train()
                yield from self._epoch(run, log_every)

    def _compute_features(self):
        """Features in the place of the images, once."""

        def features(images):
            return to_device(self.halves.features(self.task.dataset.normalise(images), self.processes), self.model.device)

        held, labels = self.held
        self.images, self.held = features(self.images), (features(held) if len(labels) else held, labels)

    def _epoch(self, run, log_every):
        recipe, count = self.recipe, len(self.labels)
        total = recipe.epochs * self.steps_per_epoch
        warmup = math.ceil(recipe.warmup * total)
        seen, right, loss_sum, parts, started = 0, 0, 0.0, {}, time.perf_counter()
        guard = Guard(array_module(self.labels))
        order = np.random.default_rng((recipe.seed, 0, self.epoch + 1))
        for images, labels in batches(self.images, self.labels, recipe.batch_size, order):
            self.optimizer.lr = warmup_cosine(self.step, total, recipe.lr, warmup, recipe.final_lr)
            images, truth = self.task.batch(images, labels, np.random.default_rng((recipe.seed, 1, self.step)))
            with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not a number is told below, once
                loss, hits, terms, grads = self._loss_and_gradients(images, truth, run)
                self.step += 1
                guard.look(loss, self.step)
                norm = self.optimizer.step(grads, unless=guard.step)
                guard.look(norm, self.step)
            self.weights.move_average(self.step)
            seen, right, loss_sum = seen + len(images), right + hits, loss_sum + loss * len(images)
            parts = {name: parts.get(name, 0.0) + term * len(images) for name, term in terms.items()}
            complete = seen == count
            if not (complete or self.step % log_every == 0):
                continue
            guard.check(self.optimizer, self.step, self.epoch + 1, recipe)
            if complete:
                self.processes.end_epoch(self.epoch + 1, [group.values for group in self.optimizer.groups])
            speed = seen / (time.perf_counter() - started)
            loss, share, validation = float(loss_sum) / seen, int(right) / seen, self._validate() if complete else None
            self.epoch += complete
            epoch, terms = self.epoch + (not complete), {name: float(term) / seen for name, term in parts.items()} or None
            yield Progress(epoch, self.step, loss, share, self.optimizer.lr, speed, seen / count, complete, validation, terms)

    def _loss_and_gradients(self, images, truth, run):
        """(mean loss, number of right answers, terms of the loss by name, gradients in the order of the parameters) of one batch,
        piece by piece."""
        recipe, network = self.recipe, self.network

        def loss_of(numbered):
            number, piece = numbered
            rng = np.random.default_rng((recipe.seed, 2, self.step, number))
            loss, hits, *told = self.task.loss(network, images[piece], tuple(part[piece] for part in truth), rng)
            share, parts = (piece.stop - piece.start) / len(images), told[0] if told else {}
            return loss * share, hits, {name: part.data.astype(np.float64) * share for name, part in parts.items()}

        cut = pieces_of(network, recipe.batch_size, len(images), recipe.accumulate, run.processes.size)
        grads, results = sum_of_gradients(run, loss_of, list(enumerate(cut)), self.parameters)
        losses, hits, parts = zip(*results, strict=True)
        terms = {name: added(one[name] for one in parts) for name in parts[0]}
        return added(losses), added(hits), terms, grads

    def _validate(self):
        """The score on the images set aside, or None; the weights are kept if it is the best so far."""
        images, labels = self.held
        if not len(labels):
            return None
        with self.weights.averaged():
            score = self.processes.agreed(self.task.score(self.network, images, labels, self.processes))
            self.weights.judge(score)
        return score

    def result(self):
        """The weights that count, by name as host arrays: the best if there is patience, else the average if there is one,
        else those of the last step."""
        with self.weights.that_count():
            return self.model.state_dict()

    # what a checkpoint holds beside the model's weights

    def _arrays(self):
        """{name: array} of what the rest of the run depends on, as it lies in memory; the counters are not among them."""
        arrays = self._frozen()
        for i, group in enumerate(self.optimizer.groups):
            arrays |= {f"weights.{i}": group.values} | {f"moments.{i}.{j}": m for j, m in enumerate(group.moments)}
        return arrays | self.weights.named_buffers()

    def _frozen(self):
        """{name: array} of what the model has and this run does not train: another model's weights, for instance."""
        return {f"frozen.{name}": p.data for name, p in self.model.named_parameters() if not p.requires_grad}

    def state_dict(self):
        """Everything that the rest of the run depends on, as host arrays by name: weights, moments, average, best, counters."""
        counters = self.epoch, self.step, self.optimizer.steps, self.weights.waited, self.weights.best_score
        arrays = {name: np.array(to_host(array)) for name, array in self._arrays().items()}
        return arrays | {"counters": np.array(counters, np.float64)}

    def load_state_dict(self, state):
        """Goes on from such a state. Raises ValueError if it is one of another model or recipe."""
        own = self._arrays()
        shapes = {name: array.shape for name, array in own.items()} | {"counters": (5,)}
        if {name: array.shape for name, array in state.items()} != shapes:
            raise ValueError("this checkpoint is of another model or another recipe")
        for name, array in own.items():
            array[...] = array_module(array).asarray(state[name])
        self.weights.put([group.values for group in self.optimizer.groups])
        epoch, step, steps, waited, self.weights.best_score = state["counters"].tolist()
        self.epoch, self.step, self.optimizer.steps, self.weights.waited = int(epoch), int(step), int(steps), int(waited)


def set_aside(dataset, recipe):
    """((images, labels) to train on, (images, labels) set aside to watch the training), drawn from the training images."""
    images, labels = dataset.train_images, np.asarray(dataset.train_labels)
    count = round(recipe.validation * len(images))
    if recipe.validation and not 0 < count < len(images):
        raise ValueError(f"validation is {recipe.validation}: of {len(images)} training images that sets {count} aside")
    if not count:
        return (images, labels), (images[:0], labels[:0])
    order = np.random.default_rng((recipe.seed, 3)).permutation(len(images))
    kept, aside = np.sort(order[count:]), order[:count]
    return (images[kept], labels[kept]), (images[aside], labels[aside])
