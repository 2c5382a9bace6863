"""One training run as a person meets it: a progress bar, a folder of results, a summary."""

import math
import platform
import shlex
import time
from contextlib import suppress
from dataclasses import asdict

import numpy as np
from tqdm import tqdm

from .. import __version__
from ..called import called
from ..models.kinds import build, kind_of, the_kind
from ..training.checkpoint import load_checkpoint, save_arrays, save_model
from ..training.loop import Training
from ..training.parallel import pieces_of, processes_of
from ..training.presets import names
from . import results
from .folder import CHECKPOINT, RunFolder
from .output import unbreakable
from .together import patient

SECONDS_BETWEEN = 5  # two states of a training on features, whose files take longer than an epoch
HANDWRITING = ("digits", "mnist")


def train_run(dataset, config, recipe, path, threads=None, device="cpu", resume=False, task=None, start=None):
    """Trains a model of that configuration, leaves its folder, prints the summary, and returns the test accuracy. resume=True
    goes on from the folder's checkpoint, to the same numbers as if it had never been interrupted. task: as in Training. start:
    the Start of a fine-tuning. threads: or the Processes that train together; process 0 has the folder, and does the talking.

    Ctrl-C ends the training and keeps the last complete epoch. Raises ValueError if the loss stops being a number, after
    saving the last complete epoch, or if another process is training in the same folder."""
    processes = processes_of(threads)
    if processes.rank:
        return _take_part(dataset, config, recipe, processes, device, task, start)
    with RunFolder(path, resume) as folder, unbreakable():
        run = _Run(folder, dataset, config, recipe, processes, device, task, start)
        if resume:
            run.go_on()
        if processes.size > 1:
            _meet(processes, run.training)
        stopped = run.train()
        return run.finish(stopped)


def _training(dataset, config, recipe, device, task, start):
    """The Training of a new model, or of that which `start` has."""
    pretrained = start and start.model
    model = (pretrained or build(config, np.random.default_rng(recipe.seed))).to(device)
    return Training(model, dataset, recipe, task)


def _meet(processes, training):
    """Begins, or goes on, from where the training of process 0 is. Raises ValueError if some have other images."""
    processes.compare("training images", [training.images, training.labels])
    processes.put(training)


def _take_part(dataset, config, recipe, processes, device, task, start):
    """What each process but the first does in a run: its share of the training and of the test."""
    training = _training(dataset, config, recipe, device, task, start)
    _meet(processes, training)
    with suppress(KeyboardInterrupt), patient(processes):
        for _ in training.run(processes):
            pass
    if training.epoch:
        processes.put(training.model)
        training.task.test(training.model.eval(), dataset, processes, recipe.temperature)


class _Run:
    """A training, the rows of its metrics.csv, and `good`, the weights of the last complete epoch."""

    def __init__(self, folder, dataset, config, recipe, processes, device, task, start):
        self.folder, self.dataset, self.config, self.recipe, self.processes = folder, dataset, config, recipe, processes
        self.start, self.training = start, _training(dataset, config, recipe, device, task, start)
        self.model = self.training.model
        self.count = len(self.training.labels)
        self.rows, self.good, self.seconds, self.written = [], None, 0.0, -math.inf
        self._announce(device)

    def _announce(self, device):
        dataset, config, aside = self.dataset, self.config, len(self.training.held[1])
        count, tests = len(dataset.train_images), len(dataset.test_images)
        size = " x ".join(map(str, config.image_size))
        if dataset.reading and dataset.reading.get("resized"):
            patch = f", patch {config.patch_size[0]}" if hasattr(config, "patch_size") else ""
            advice = "" if self.folder.ready else " (--image-size N changes that)"  # what goes on stays as it is
            size = f"resized to {size}{patch}{advice}"
        print(f"{dataset.name}: {count:,} training and {tests:,} test images, {size}, {config.classes} classes")
        for note in dataset.notes:
            print(note)
        if aside:
            print(f"{aside:,} of the training images are set aside for validation")
        sizes = the_kind(kind_of(config)).describe(config)
        print(
            f"{type(self.model).__name__}: {sizes}, {self.model.num_parameters():,} parameters, on the {device.upper()}",
            flush=True,
        )
        if self.processes.size > 1:
            self._announce_processes()
        if self.start:
            self._announce_start()

    def _announce_processes(self):
        processes, batch = self.processes, min(self.recipe.batch_size, self.count)
        machines = ", ".join(f"{count} on {name}" for name, count in processes.machines.items())
        threads = f"{processes.threads} thread{'s' * (processes.threads != 1)}"
        print(f"{processes.size} processes train it together, {machines}, each with {threads}", flush=True)
        pieces = len(pieces_of(self.model, self.recipe.batch_size, batch, self.recipe.accumulate, processes.size))
        if pieces < processes.size:
            print(f"a batch has work for only {pieces} of them, a piece each: raise --batch-size, or start fewer")

    def _announce_start(self):
        count, unfreeze = sum(p.size for p in self.training.parameters), self.recipe.unfreeze
        blocks = f"the last {unfreeze} blocks and the head" if unfreeze != 1 else "the last block and the head"
        what = {"all": "everything", 0: "the head alone"}.get(unfreeze, blocks)
        once = "; what the rest makes of an image is computed once" if self.training.reads_features else ""
        name, sha256 = self.start.init["name"], self.start.init["sha256"]
        print(f"it begins from {name} (sha256 of its weights {sha256[:12]}...), with a new head")
        print(f"trained is {what}, {count:,} parameters{once}", flush=True)

    def go_on(self):
        state, kept = load_checkpoint(self.folder.path / CHECKPOINT)
        self.training.load_state_dict(state)
        self.rows, self.good, self.seconds = kept["rows"], self.training.result(), kept["seconds"]
        print(f"going on after epoch {len(self.rows)} of {self.recipe.epochs}")

    def train(self):
        """Trains to the end, and leaves the weights, the metrics and the checkpoint of every complete epoch. Returns whether
        Ctrl-C came."""
        epochs, started = self.recipe.epochs, time.perf_counter() - self.seconds
        bar = tqdm(total=epochs * self.count, unit=" images", unit_scale=True, disable=None, dynamic_ncols=True, leave=False)
        try:
            with bar, patient(self.processes):
                for progress in self.training.run(self.processes):
                    _show(bar, progress, epochs, self.count, self.training.task, self.rows)
                    if progress.complete:
                        self.seconds = time.perf_counter() - started
                        self.good, self.rows = self.training.result(), [*self.rows, metrics_row(progress, self.seconds)]
                        if self._due():
                            self._write()
                            about = {"rows": self.rows, "seconds": self.seconds}
                            save_arrays(self.folder.file(CHECKPOINT), self.training.state_dict(), about)
                            self.written = time.perf_counter()
        except KeyboardInterrupt:
            return True
        except ValueError as error:
            if self.rows:
                self._write()
            nothing = "no epoch was complete, so nothing was written"
            kept = f"{self.folder.path / 'model.npz'} holds epoch {len(self.rows)}" if self.rows else nothing
            raise ValueError(f"{error}; {kept}") from None
        finally:
            self.seconds = time.perf_counter() - started
        return False

    def _due(self):
        """Whether to write the files of this epoch: always; but on features, where an epoch takes a blink, now and then."""
        last = len(self.rows) == self.recipe.epochs
        return last or not self.training.reads_features or time.perf_counter() - self.written > SECONDS_BETWEEN

    def _write(self):
        dataset = self.dataset
        about = {"data": dataset.name, "classes": dataset.classes, "mean": dataset.mean, "std": dataset.std}
        if dataset.reading:
            about["reading"] = dataset.reading
        about["temperature"] = self.recipe.temperature
        if self.start:
            about["init"] = self.start.init
        if not self.folder.file("config.json").exists():
            model = {"kind": kind_of(self.config), "model": asdict(self.config)}
            environment = {"minivit": __version__, "python": platform.python_version(), "numpy": np.__version__}
            self.folder.write_json("config.json", about | model | {"recipe": asdict(self.recipe), "environment": environment})
        save_model(self.folder.file("model.npz"), self.model, about, self.good)
        self.folder.write_csv("metrics.csv", self.rows)

    def finish(self, stopped):
        """The test, the results and the summary; the test accuracy, or None if no epoch was complete."""
        done, epochs, path = len(self.rows), self.recipe.epochs, self.folder.path
        if stopped and done:
            print(f"stopped by Ctrl-C: the model is that of epoch {done} of {epochs}")
            print(f"go on with: {called('minivit')} train --resume {path}")
        elif stopped:
            print("stopped by Ctrl-C before the first epoch was complete: nothing was written")
        if not done:
            return None
        if not stopped and done < epochs:
            measure, patience = self.training.task.measure, self.recipe.patience
            print(f"stopped after epoch {done}: for {patience} epochs the {measure} on the images set aside did not rise")
        self.model.load_state_dict(self.good)
        if self.processes.size > 1:
            self.processes.put(self.model)
        self._write()  # Ctrl-C, or the end of the process, may have come between two files
        speed = done * self.count / self.seconds
        figures = {"seconds": self.seconds, "images_per_second": speed, "temperature": self.recipe.temperature}
        if self.processes.size > 1:
            figures["processes"] = self.processes.described()
        task, model = self.training.task, self.model.eval()
        result = results.leave_results(self.folder, task, model, self.dataset, self.rows, figures, self.processes)
        print(f"trained {done} epoch{'s' * (done != 1)} in {self.seconds:.0f} s, {speed:,.0f} images/s")
        print(f"test {task.measure} {100 * result:.1f} %")
        _say_what_is_there(self.folder, self.dataset.name)
        if not self.folder.file("results.json").exists():
            raise ValueError(f"the model is there; for its results, {called('minivit')} evaluate --model {path}")
        return result


def _show(bar, progress, epochs, count, task, rows):
    """The live line; without a terminal, a line of its own every tenth of the epochs. What was found on images set aside stands
    until the next epoch has its own."""
    parts = ", ".join(f"{name} {value:.2f}" for name, value in (progress.parts or {}).items())
    loss, share = f"loss {progress.loss:.3f}" + (f" ({parts})" if parts else ""), f"{task.right} {100 * progress.accuracy:.1f} %"
    found = progress.validation if progress.complete or not rows else rows[-1].get("validation")
    aside = "" if found is None else f", {task.measure} {100 * found:.1f} % set aside"
    bar.set_description(f"epoch {progress.epoch}/{epochs}", refresh=False)
    bar.set_postfix_str(f"{loss}, {share}{aside}", refresh=False)
    done = (progress.epoch - 1) * count + progress.fraction * count
    bar.update(round(done) - bar.n)
    if bar.disable and progress.complete and (progress.epoch % max(1, epochs // 10) == 0 or progress.epoch == 1):
        print(
            f"epoch {progress.epoch}/{epochs}  {loss}  {share}{aside}  {progress.images_per_second:,.0f} images/s",
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
        **{f"loss_{name}": round(value, 6) for name, value in (progress.parts or {}).items()},
        "images_per_second": round(progress.images_per_second, 1),
        "seconds": round(seconds, 3),
    }


def _say_what_is_there(folder, data):
    print(f"\n{folder.path}/ has")
    for name, what in (
        ("report.html", "all of it on one page"),
        ("results.json", "the result, class by class"),
        ("learning_curves.png", "the loss, and how much was right, by epoch"),
        ("confusion_matrix.png", "what was taken for what"),
        ("predictions.png", "test images, the mistakes first"),
        ("boxes.png", "test images with boxes, the most mistakes first"),
        ("precision_recall.png", "how sure it may be asked for more"),
        ("rollout.png", "where it looks, class by class"),
        ("attention.png", "the same, head by head"),
        ("model.npz", "the weights, for evaluate and predict"),
        ("metrics.csv", "the figures of every epoch"),
        (CHECKPOINT, "from which an interrupted run goes on"),
        ("config.json", "everything needed to train it again"),
    ):
        if folder.file(name).exists():
            print(f"  {name:22}{what}")
    print("\ntry next")
    model = f"--model {shlex.quote(str(folder.path))}"
    hybrid = f"{data}-conv"
    lines = [
        (f"evaluate {model}", "class by class"),
        (f"predict IMAGE.png {model}", "your own handwriting" if data in HANDWRITING else "a picture of your own"),
        (f"explain IMAGE.png {model}", "where it looks in a picture of your own"),
        *([(f"train --config {hybrid}", "the hybrid, with convolutions in front")] if hybrid in names() else []),
        ("info B/16", "the paper's model, stage by stage"),
    ]
    for command, what in lines:
        print(f"  {called('minivit')} {command:{len(model) + 20}}{what}")
