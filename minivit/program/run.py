"""One training run as a person meets it: a progress bar, a folder of results, a summary."""

import csv
import json
import os
import platform
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import __version__
from ..backend import to_device, to_host
from ..engine import no_grad
from ..models.vit import ViT
from ..ops import softmax
from ..training.checkpoint import load_checkpoint, save_arrays, save_model
from ..training.files import Lock, replacing
from ..training.loop import Training, accuracy, predict
from .report import write_report

CHECKPOINT = "checkpoint.npz"
OF_A_RUN = (CHECKPOINT, "config.json", "metrics.csv", "model.npz")  # one of these files in a folder tells that it is a run's


class RunFolder:
    """runs/NAME. An earlier run of that name is renamed to NAME-1, NAME-2, ...; this happens at the first write, so that
    a run that never completes an epoch leaves everything as it was. resume=True goes on in the folder that is there.
    Raises ValueError while another process writes there, and for a file or a folder that holds something else than a run."""

    def __init__(self, path, resume=False):
        self.path = Path(path)
        self.ready = False
        if self.path.name in ("", ".."):
            raise ValueError(
                f"{str(path)!r} cannot be the folder of a run, since an earlier one is renamed: name a new one, like runs/digits"
            )
        if os.path.lexists(self.path) and not (self.path.is_dir() and self._is_of_a_run()):
            raise ValueError(f"{path} is there already and is no run: choose another folder with --out")
        self.lock = Lock(self.path.with_name(f".{self.path.name}.lock"))
        if resume or self.lock.path.exists():
            self._take_lock()
            self.ready = resume

    def _is_of_a_run(self):
        names = {path.name for path in self.path.iterdir() if not path.name.startswith(".")}  # what a kill left half written
        return not names or not names.isdisjoint(OF_A_RUN)

    def _take_lock(self):
        if self.lock.file is None and not self.lock.take():
            raise ValueError(f"another process is training in {self.path}: wait for it, or choose another folder with --out")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.lock.free()

    def file(self, name):
        """The path of a file in the folder, which is made, and the earlier one renamed, when this is called first."""
        if not self.ready:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            if os.path.lexists(self.path):
                number = 1
                while os.path.lexists(older := self.path.with_name(f"{self.path.name}-{number}")):
                    number += 1
                self.path.rename(older)
                print(f"the earlier {self.path} is now {older}")
            self.path.mkdir()
            self.ready = True
        return self.path / name

    def write_json(self, name, value):
        with replacing(self.file(name)) as temporary:
            temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")

    def write_csv(self, name, rows):
        with replacing(self.file(name)) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def train_run(dataset, config, recipe, path, threads=None, device="cpu", resume=False):
    """Trains a ViT, leaves its folder, prints the summary, and returns the test accuracy. resume=True goes on from the folder's
    checkpoint, to the same numbers as if it had never been interrupted.

    Ctrl-C ends the training and keeps the last complete epoch. Raises ValueError if the loss stops being a number, after
    saving the last complete epoch, or if another process is training in the same folder."""
    with RunFolder(path, resume) as folder:
        return _train_in(folder, dataset, config, recipe, threads, device, resume)


def _train_in(folder, dataset, config, recipe, threads, device, resume):
    model = ViT(config, np.random.default_rng(recipe.seed)).to(device)
    training = Training(model, dataset, recipe)
    about = {"data": dataset.name, "classes": dataset.classes, "mean": dataset.mean, "std": dataset.std}
    count = len(training.labels)
    _announce(dataset, model, len(training.held[1]), device)
    rows, good, before = [], None, 0.0
    if resume:
        state, kept = load_checkpoint(folder.path / CHECKPOINT)
        training.load_state_dict(state)
        rows, good, before = kept["rows"], training.result(), kept["seconds"]
        print(f"going on after epoch {len(rows)} of {recipe.epochs}")
    started = time.perf_counter() - before

    def write():
        if not folder.file("config.json").exists():
            folder.write_json("config.json", _description(about, config, recipe))
        save_model(folder.file("model.npz"), model, about, good)
        folder.write_csv("metrics.csv", rows)

    bar = tqdm(total=recipe.epochs * count, unit=" images", unit_scale=True, disable=None, dynamic_ncols=True, leave=False)
    stopped = None
    try:
        with bar:
            for progress in training.run(threads):
                _show(bar, progress, recipe.epochs, count)
                if progress.complete:
                    seconds = time.perf_counter() - started
                    good, rows = training.result(), [*rows, metrics_row(progress, seconds)]
                    write()
                    save_arrays(folder.file(CHECKPOINT), training.state_dict(), {"rows": rows, "seconds": seconds})
    except KeyboardInterrupt:
        stopped = f"stopped by Ctrl-C: the model is that of epoch {len(rows)} of {recipe.epochs}"
    except ValueError as error:
        kept = f"{folder.path / 'model.npz'} holds epoch {len(rows)}" if rows else "no epoch was complete, so nothing was written"
        raise ValueError(f"{error}; {kept}") from None
    seconds = time.perf_counter() - started
    if stopped:
        print(stopped if rows else "stopped by Ctrl-C before the first epoch was complete: nothing was written")
        if rows:
            print(f"go on with: python -m minivit train --resume {folder.path}")
    if not rows:
        return None
    if not stopped and len(rows) < recipe.epochs:
        print(f"stopped after epoch {len(rows)}: for {recipe.patience} epochs the validation accuracy did not rise")
    model.load_state_dict(good)
    write()  # Ctrl-C, or the end of the process, may have come between two files
    result, predicted = _report(model.eval(), dataset, rows, folder)
    results = {"test_accuracy": result, "labels": dataset.test_labels, "predicted": predicted, "classes": dataset.classes}
    results |= {"seconds": seconds, "images_per_second": len(rows) * count / seconds}
    write_report(folder.path, results)
    _summary(result, folder, rows, seconds, count)
    return result


def _announce(dataset, model, aside, device):
    config, count = model.config, len(dataset.train_images)
    size = " x ".join(map(str, config.image_size))
    print(f"{dataset.name}: {count:,} training and {len(dataset.test_images):,} test images, {size}, {config.classes} classes")
    if aside:
        print(f"{aside:,} of the training images are set aside for validation")
    print(
        f"ViT: {config.tokens} tokens of width {config.dim}, {config.depth} blocks, {config.heads} heads, "
        f"{model.num_parameters():,} parameters, on the {device.upper()}"
    )


def _show(bar, progress, epochs, count):
    """The live line; without a terminal, a line of its own every tenth of the epochs."""
    bar.set_description(f"epoch {progress.epoch}/{epochs}", refresh=False)
    bar.set_postfix_str(f"loss {progress.loss:.3f}, accuracy {100 * progress.accuracy:.1f} %", refresh=False)
    done = (progress.epoch - 1) * count + progress.fraction * count
    bar.update(round(done) - bar.n)
    if bar.disable and progress.complete and (progress.epoch % max(1, epochs // 10) == 0 or progress.epoch == 1):
        print(
            f"epoch {progress.epoch}/{epochs}  loss {progress.loss:.3f}  accuracy {100 * progress.accuracy:.1f} %  "
            f"{progress.images_per_second:,.0f} images/s",
            flush=True,
        )


def metrics_row(progress, seconds):
    """A row of metrics.csv: the figures of an epoch, so many seconds after the beginning."""
    aside = {} if progress.validation is None else {"validation": round(progress.validation, 6)}
    return {
        "epoch": progress.epoch,
        "step": progress.step,
        "lr": f"{progress.lr:.6g}",
        "loss": round(progress.loss, 6),
        "accuracy": round(progress.accuracy, 6),
        **aside,
        "images_per_second": round(progress.images_per_second, 1),
        "seconds": round(seconds, 3),
    }


def _description(about, config, recipe):
    environment = {"minivit": __version__, "python": platform.python_version(), "numpy": np.__version__}
    return {**about, "model": asdict(config), "recipe": asdict(recipe), "environment": environment}


def _report(model, dataset, rows, folder):
    """(the test accuracy, the predicted classes); and the figures in the folder."""

    from . import figures  # matplotlib takes half a second to import: only when it is needed

    images, labels = dataset.normalise(dataset.test_images), dataset.test_labels
    logits = predict(model, images)
    result = accuracy(logits, labels)
    probabilities = softmax.forward(logits)[0]
    predicted = probabilities.argmax(axis=1)
    figures.save(figures.learning_curves(rows, result), folder.file("learning_curves.png"))
    figures.save(figures.confusion_matrix(labels, predicted, dataset.classes), folder.file("confusion_matrix.png"))
    figures.save(figures.predictions(dataset.test_images, labels, probabilities, dataset.classes), folder.file("predictions.png"))
    if model.config.pool == "cls":
        some = [int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)[:5]]
        with no_grad():
            _, attention = model(to_device(images[some], model.device), return_attention=True)
        titles = [f"said {dataset.classes[predicted[i]]}" for i in some]
        figure = figures.class_token_attention(dataset.test_images[some], to_host(attention[-1]), model.config.grid, titles)
        figures.save(figure, folder.file("attention.png"))
    return result, predicted


def _summary(result, folder, rows, seconds, count):
    print(f"trained {len(rows)} epochs in {seconds:.0f} s, {len(rows) * count / seconds:,.0f} images/s")
    print(f"test accuracy {100 * result:.1f} %")
    print(f"\n{folder.path}/ has")
    for name, what in (
        ("report.html", "all of it on one page"),
        ("results.json", "the result, class by class"),
        ("learning_curves.png", "loss and accuracy by epoch"),
        ("confusion_matrix.png", "what was taken for what"),
        ("predictions.png", "test images, the mistakes first"),
        ("attention.png", "where the class token looks"),
        ("model.npz", "the weights, for evaluate and predict"),
        ("metrics.csv", "the figures of every epoch"),
        (CHECKPOINT, "from which an interrupted run goes on"),
        ("config.json", "everything needed to train it again"),
    ):
        if folder.file(name).exists():
            print(f"  {name:22}{what}")
    print("\ntry next")
    for command, what in (
        (f"evaluate --model {folder.path}", "class by class"),
        (f"predict IMAGE.png --model {folder.path}", "your own handwriting"),
        ("train --config digits-conv", "the hybrid, with convolutions in front"),
        ("info B/16", "the paper's model, stage by stage"),
    ):
        print(f"  python -m minivit {command:{len(str(folder.path)) + 28}}{what}")
