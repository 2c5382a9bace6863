"""Training in the page: a generator that the page's worker walks, a step at a time, and what the trained model says to a drawing.

A lesson's network is trained by the functions of the learner's file; everything else by minivit, as on a laptop. Whoever stops
walking keeps the model of the last complete epoch.
"""

import contextlib
import dataclasses
import functools
import inspect
import io
import math
import time

import numpy as np

from minivit import ViT, ViTConfig, no_grad
from minivit.data import load
from minivit.models.inside import attention_rollout
from minivit.ops import softmax
from minivit.training import Training, load_config, model_config
from minivit.training.prediction import accuracy, predict
from minivit.training.presets import recipe

from ...own import mine
from .. import course
from ..checker import loading, sandbox, sentences, worker
from ..trained import EPOCHS
from .pausing import paused

SIDE = 64  # pixels of a drawing, a side
_kept = {"reader": None, "epoch": 0}  # of the model trained last: reader(image (1, 8, 8, 1)) gives (logits, attention or None)


def train(what, seconds):
    """Trains "vit", the preset digits, or what lesson "07" or "16" does. Returns {"code", "text"}, as a command does.

    Yields {"step", "steps", "epoch", "epochs", "loss", "accuracy", "speed", "read"}: the loss of this step; the accuracy on the
    test digits where it is new, else None; images a second; and `read` of the drawing that came last by send(), where that is
    new. After a drawing it yields {"read"} alone. seconds: a step is interrupted after so many; 0: never.
    """
    lesson = None if what == "vit" else course.find(what)
    printed, file, names, ink, problem = io.StringIO(), None, {}, None, None
    began, worked = time.perf_counter(), 0.0
    with contextlib.redirect_stdout(worker.Printed(printed)):
        try:
            if lesson is not None:
                file = str(lesson.file), loading.read(lesson.file)
                names = loading.load(*file)
            steps = {"vit": _library, "07": _mlp, "16": _vit}[what](names, file)
            while report := _next(steps, seconds):
                worked += time.perf_counter() - began
                said = read(ink) if ink is not None and report["accuracy"] is not None else None
                fresh = yield report | {"speed": report.pop("seen") / worked, "read": said}
                while fresh is not None:  # a drawing is answered at once
                    ink = fresh
                    fresh = yield {"read": read(ink)}
                began = time.perf_counter()
        except loading.Problem as found:
            problem = found.lines
        except KeyboardInterrupt as late:
            if lesson is None or time.perf_counter() - began < 0.9 * seconds:
                raise
            problem = worker.too_slow(seconds, worker.line_of(late, file[0]), file[1])["problem"]
        except Exception as error:
            if lesson is None:
                raise
            problem = _told(error, names)
    text = "\n".join(filter(None, [printed.getvalue().rstrip(), *(problem or ())]))
    return {"code": int(problem is not None), "text": text}


def read(ink):
    """What the model trained last says to ink, SIDE * SIDE numbers from 0 to 255, row by row: {"image": the 64 greys that it
    gets, "probabilities": 10, "looks": by attention rollout, how much of each of the 16 patches reaches the class token, or None
    where there is no attention, "epoch": after how many}. None where nothing is drawn, or nothing was trained."""
    canvas = np.array(ink, np.float32).reshape(SIDE, SIDE) / 255
    if _kept["reader"] is None or canvas.max(initial=0) <= 0.4:
        return None
    image = _written()(canvas)
    logits, attention = _kept["reader"](image)
    return {
        "image": image.ravel().tolist(),
        "probabilities": softmax.forward(np.asarray(logits, np.float64))[0][0].tolist(),
        "looks": None if attention is None else attention_rollout(attention)[0, 0, 1:].tolist(),
        "epoch": _kept["epoch"],
    }


@functools.cache
def _written():
    """How demo 16 makes a digit of the data set out of a drawing."""
    return course.import_file(course.find("16").folder / "demo.py", "lessons.demo_16").written


def _next(steps, seconds):
    with sandbox.interrupting(seconds):
        return next(steps, None)


def _told(error, names):
    """An error of the learner's code in a sentence, with its line."""
    frames = sentences.frames_of(error, names)
    if isinstance(error, NotImplementedError) and frames:
        return [f"{frames[-1][1].f_code.co_name} is not written yet: write it and check it first."]
    sentence, _, where = sentences.of_error(error, names)
    return [*where, sentence]


def _report(step, steps, epochs, loss, share, seen):
    epoch = math.ceil(step * epochs / steps)
    return {"step": step, "steps": steps, "epoch": epoch, "epochs": epochs, "loss": loss, "accuracy": share, "seen": seen}


def _keep(reader, epoch):
    _kept.update(reader=reader, epoch=epoch)


def _library(names, file):
    """The preset digits, with a schedule of EPOCHS epochs."""
    settings, data = load_config("digits"), load("digits")
    rules = recipe(settings["recipe"] | {"epochs": EPOCHS})
    model = ViT(model_config(settings["model"], data), np.random.default_rng(rules.seed))
    training, test_images, count = Training(model, data, rules), data.normalise(data.test_images), len(data.train_images)
    _keep(_reader(model.config, model.state_dict(), data.normalise), 0)
    before = total = 0.0  # images of this epoch and their losses: a Progress tells the mean of its epoch so far
    for progress in training.run(log_every=1):
        seen = round(progress.fraction * count)
        loss, before, total = (progress.loss * seen - total) / (seen - before), seen, progress.loss * seen
        share = None
        if progress.complete:
            before = total = 0.0
            share = accuracy(predict(model, test_images), data.test_labels)
            _keep(_reader(model.config, model.state_dict(), data.normalise), progress.epoch)
        steps = rules.epochs * training.steps_per_epoch
        yield _report(progress.step, steps, rules.epochs, loss, share, (progress.epoch - 1) * count + seen)


def _reader(config, state, normalise):
    """Reads with the library's ViT and these weights."""
    model = ViT(config, np.random.default_rng(0))
    model.load_state_dict(state)
    model.eval()

    def reader(image):
        with no_grad():
            logits, attention = model(normalise(image), return_attention=True)
        return logits.data, attention

    return reader


def _mlp(names, file):
    """Lesson 07: first_run, with its numbers as they stand in the learner's file."""
    train = paused(names, *file, "train")
    chosen = {name: p.default for name, p in inspect.signature(names["first_run"]).parameters.items()}
    data, rng = load("digits"), np.random.default_rng(chosen["seed"])
    images, test_images = names["normalise"](data.train_images, data.test_images)
    parameters = names["initial_parameters"](rng, 64, chosen["hidden"], 10)
    epochs, batch_size = chosen["epochs"], chosen["batch_size"]
    steps = epochs * math.ceil(len(images) / batch_size)

    def reader(image):
        kept = [type(parameters[0])(array) for array in arrays]
        return names["forward"](kept, names["normalise"](data.train_images, image)[1]).data, None

    step = known = 0
    arrays = [np.array(p.data) for p in parameters]
    _keep(reader, 0)
    training = (images, data.train_labels), (test_images, data.test_labels)
    for local in train(parameters, *training, epochs, chosen["lr"], batch_size, rng):
        losses, shares, share = local.get("losses", ()), local.get("accuracies", ()), None
        if len(losses) == step and len(shares) == known:
            continue  # a turn of another loop
        step = len(losses)
        if len(shares) > known:
            known, share = len(shares), float(shares[-1])
            arrays = [np.array(p.data) for p in parameters]
            _keep(reader, known)
        seen = min(step * batch_size, epochs * len(images))
        yield _report(step, steps, epochs, float(losses[-1]), share, seen)


def _vit(names, file):
    """Lesson 16: train_on("digits"), with fewer epochs."""
    train = paused(names, *file, "train_vit")
    numbers, rules, pos_embed_std = names["RUNS"]["digits"]
    data, sizes = load("digits"), mine.Sizes(*numbers)
    parameters = mine.vit_parameters(sizes, np.random.default_rng(0), pos_embed_std)
    per_epoch, step = math.ceil(len(data.train_images) / 128), 0
    steps = EPOCHS * per_epoch

    def keep(mean, std, epoch):
        state = {name: np.array(p.data) for name, p in parameters.items()}
        config = ViTConfig(**dataclasses.asdict(sizes))
        _keep(_reader(config, state, lambda image: ((image - mean) / std).astype(np.float32)), epoch)

    mean, std = float(data.mean[0]), float(data.std[0])
    keep(mean, std, 0)
    rules = rules | {"epochs": EPOCHS}
    for local in train(parameters, sizes, data.train_images, data.train_labels, np.random.default_rng((0, 1)), **rules):
        losses, share = local.get("losses", ()), None
        if len(losses) == step:
            continue  # a turn of another loop
        step = len(losses)
        if step % per_epoch == 0:
            mean, std = float(local.get("mean", mean)), float(local.get("std", std))
            share = float(names["evaluate_vit"](parameters, sizes, data.test_images, data.test_labels, mean, std))
            keep(mean, std, step // per_epoch)
        seen = min(step * 128, EPOCHS * len(data.train_images))
        yield _report(step, steps, EPOCHS, float(losses[-1]), share, seen)
