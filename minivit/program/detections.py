"""The end of a run that learned to find things: its test, and what that leaves in the folder."""

import html
from pathlib import Path

import numpy as np

from ..data.scenes import NOTHING
from ..models.kinds import the_kind
from ..training.average_precision import THRESHOLDS, iou, precisions
from .folder import read_run, write_json
from .output import attempt, line
from .report import after, figure_of, page_of, write_html

SHARES = {
    "AP50": "AP at an IoU of 0.5",
    "AP75": "AP at an IoU of 0.75",
    "AP": "AP, the mean from 0.5 to 0.95",
    "AP_small": "AP of the smallest third",
    "AP_medium": "AP of the middle third",
    "AP_large": "AP of the largest third",
    "number_right": "images with the right number of things",
    "set_right": "images with the right things",
}


def mistakes(found, sure, labels):
    """(answers that are wrong (N, Q), objects that were not found (N, M)): the surest answer first, each takes the object of its
    class that it lies on best, by an IoU of 0.5 or more."""
    false, missed = sure.copy(), labels[..., 0] != NOTHING
    for i in range(len(labels)):
        for q in sorted(np.flatnonzero(sure[i]), key=lambda q, i=i: -found.scores[i, q]):
            own = np.flatnonzero(missed[i] & (labels[i, :, 0] == found.classes[i, q]))
            over = iou(found.boxes[i, q], labels[i, own, 1:])
            if len(own) and over.max() >= 0.5:
                missed[i, own[over.argmax()]] = false[i, q] = False
    return false, missed


def leave_results(folder, task, model, dataset, rows, figures, threads):
    """Tests the model, and leaves results.json, the figures and report.html in the run's folder. Returns AP50."""
    tested = task.test(model, dataset, threads)
    found, sure, classes = tested["found"], tested["sure"], len(dataset.classes)
    wrong = mistakes(found, sure, dataset.test_labels)
    table = precisions(found, dataset.test_labels, classes)  # (T, 101, K)
    results = {"test_accuracy": tested["accuracy"], **figures} | {name: tested[name] for name in SHARES}
    results["per_class"] = list(_per_class(dataset, table, wrong))
    results["mistakes"] = {"wrong": int(wrong[0].sum()), "missed": int(wrong[1].sum())}
    attempt(folder.file("results.json"), lambda path: write_json(path, results))
    try:
        from . import boxes
        from .figures import save
    except Exception as error:
        print(f"no figures: matplotlib cannot be used: {type(error).__name__}: {line(error)}")
    else:
        some = [0, 5, 8]
        drawn = {
            "learning_curves.png": lambda: boxes.learning(rows, tested["accuracy"]),
            "boxes.png": lambda: boxes.answers(dataset.test_images, dataset.test_labels, found, sure, wrong, dataset.classes),
            "precision_recall.png": lambda: boxes.precision_recall(np.nanmean(table[some], axis=2), THRESHOLDS[some]),
        }
        for name, figure in drawn.items():
            attempt(folder.file(name), lambda path, figure=figure: save(figure(), path))
    attempt(folder.file("report.html"), lambda path: write_html(Path(folder.path), _page(Path(folder.path), results)))
    return tested["accuracy"]


def _per_class(dataset, table, wrong):
    label = dataset.test_labels[..., 0]
    for k, name in enumerate(dataset.classes):
        objects = int((label == k).sum())
        if objects:
            ap50, ap = float(table[0, :, k].mean()), float(table[:, :, k].mean())
            yield {"class": name, "objects": objects, "found": objects - int(wrong[1][label == k].sum()), "AP50": ap50, "AP": ap}


def _page(folder, results):
    config, rows = read_run(folder)
    name, words, done = folder.resolve().name, the_kind(config["kind"]).words, len(rows)
    share = f"{100 * results['AP50']:.1f} %"
    sentence = (
        f"After {after(done, config['recipe'].get('epochs', done))}, AP50 on the test images of {config['data']} is {share}; in "
        f"{100 * results['set_right']:.1f} % of them the model finds exactly the things that are there."
    )
    lines = [f'<tr><th scope="row">{what}<td class="share">{100 * results[key]:.1f} %' for key, what in SHARES.items()]
    shares = "<table>\n<caption>On the test images</caption>\n" + "\n".join(lines) + "\n</table>\n"
    wrong = results["mistakes"]
    told = f"{wrong['missed']:,} things were missed, {wrong['wrong']:,} answers are wrong; images with the most mistakes first."
    curve = figure_of(folder, "precision_recall.png", "Precision by recall", "How many answers are right, as more are asked for.")
    meant = (
        "<p>An answer is right if its class is, and its box fits: the IoU, the area that it shares with the thing's box divided "
        "by the area of both together, is 0.5 or more. AP50 is the share of answers that are right, its mean as more and more "
        "of the things are asked for; 100 % is perfect. It counts every answer, however unsure; found is a thing if the model is "
        "surer of it than of nothing.</p>\n"
    )
    sections = {
        "Learning": figure_of(folder, "learning_curves.png", "Learning curves", "The loss part by part, and what is found."),
        "What is found": f'{meant}<div class="columns">{curve}{shares}</div>{_classes(results["per_class"])}',
        "The worst mistakes": figure_of(folder, "boxes.png", "Boxes on test images", told),
    }
    return page_of(folder, config, results, done, f"{name}: {words} on {config['data']}", share, sentence, sections)


def _classes(rows):
    lines = ['<tr><th scope="col">class<th scope="col">found<th scope="col">AP50<th scope="col">AP']
    for row in rows:
        bar = f'<td class="bar" style="--share:{100 * row["AP50"]:.1f}%">{100 * row["AP50"]:.1f} %'
        name = html.escape(str(row["class"]))
        lines.append(
            f'<tr><th scope="row">{name}<td>{row["found"]:,} of {row["objects"]:,}{bar}<td class="share">{100 * row["AP"]:.1f} %'
        )
    return "<table>\n<caption>Class by class</caption>\n" + "\n".join(lines) + "\n</table>\n"
