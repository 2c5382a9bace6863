"""The end of a run: its test, and what that leaves in the folder. Numbers first and each figure for itself, so that a full disk,
a missing font or a broken matplotlib costs the one figure and nothing else."""

import math

import numpy as np

from ..backend import to_device, to_host
from ..engine import no_grad
from ..models import inside
from ..models.vit import ViT
from ..training.detection import Detection
from . import detections
from .output import attempt, line, printable
from .report import write_page, write_results


def leave_results(folder, task, model, dataset, rows, figures, threads):
    """Tests the model, and leaves results.json, the figures and report.html in the run's folder. figures: {"seconds",
    "images_per_second", "temperature"} of the training. Returns the score; what cannot be written is told in a line."""
    if isinstance(task, Detection):
        return detections.leave_results(folder, task, model, dataset, rows, figures, threads)
    tested = task.test(model, dataset, threads, figures["temperature"])
    results = {"labels": dataset.test_labels, "predicted": tested["predicted"], "classes": dataset.classes}
    results |= {"test_accuracy": tested["accuracy"], "calibration_error": tested["calibration_error"], **figures}
    attempt(folder.file("results.json"), lambda path: write_results(folder.path, results))
    draw(folder, model, dataset, rows, tested)
    attempt(folder.file("report.html"), lambda path: write_page(folder.path, results))
    return tested["accuracy"]


def draw(folder, model, dataset, rows, tested):
    """The figures of a classification."""
    try:
        from . import figures, looks  # matplotlib takes half a second to import: only when it is needed
    except Exception as error:
        print(f"no figures: matplotlib cannot be used: {type(error).__name__}: {line(error)}")
        return
    labels, predicted, classes = dataset.test_labels, tested["predicted"], dataset.classes
    drawn = {
        "learning_curves.png": lambda: figures.learning_curves(rows, tested["accuracy"]),
        "confusion_matrix.png": lambda: figures.confusion_matrix(labels, predicted, classes),
        "predictions.png": lambda: figures.predictions(dataset.test_images, labels, tested["probabilities"], classes),
    }
    if isinstance(model, ViT) and model.config.reads_cls_token:
        drawn["rollout.png"] = lambda: _rollout(looks, model, dataset, predicted)
        drawn["attention.png"] = lambda: _attention(looks, model, dataset, predicted)
    for name, figure in drawn.items():
        attempt(folder.file(name), lambda path, figure=figure: figures.save(figure(), path))


def _looks(model, dataset, classes):
    """(places of a test image of each of the first so many classes, the attention in each block, on the host)."""
    labels = dataset.test_labels
    some = [int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)[:classes]]
    with no_grad():
        images = dataset.normalise(dataset.test_images[some])
        _, attention = model(to_device(images, model.device), return_attention=True)
    return some, [to_host(weights) for weights in attention]


def _rollout(looks, model, dataset, predicted):
    some, attention = _looks(model, dataset, classes=20)
    patches = math.prod(model.config.grid)
    maps = inside.attention_rollout(attention)[:, 0, -patches:].reshape(-1, *model.config.grid)
    return looks.looked_at(dataset.test_images[some], maps, [printable(dataset.classes[predicted[i]]) for i in some])


def _attention(looks, model, dataset, predicted):
    some, attention = _looks(model, dataset, classes=5)
    titles = [f"said {printable(dataset.classes[predicted[i]])}" for i in some]
    return looks.class_token_attention(dataset.test_images[some], attention[-1], model.config.grid, titles)
