"""The command evaluate."""

from dataclasses import replace

import numpy as np

from ...called import called
from ...data import load
from ...data.scenes import Scenes
from ...training.calibration import temperature_of
from ...training.tasks import kind_of_task
from ..detections import SHARES, mistakes
from ..output import printable
from ..report import per_class
from . import options


def add(commands):
    p = options.add(commands, "evaluate", run, help="test a trained model, class by class", shared=True)
    options.add_model(p)
    p.add_argument("--threads", type=int, metavar="N", help="of each process; default: one a core")
    options.add_device(p)
    p.add_argument(
        "--data",
        metavar="NAME",
        help="another data set, folder or .npz, whose classes the model knows by name; default: what it was trained on",
    )
    options.add_data_dir(p)


def run(arguments):
    """Tests a trained model on the test images of the data that it was trained on, or of others that show the same things.
    Started several times by mpiexec, each process tests its share of them."""
    processes = options.processes(arguments)
    model, about = options.trained_model(arguments)
    data = arguments.data or about.get("data")
    if data is None:
        raise ValueError(
            f"{arguments.model} names no data to be tested on: name some of its classes with --data; "
            f"`{called('minivit')} train --data FOLDER --init {arguments.model}` trains and tests it on yours; "
            f"`{called('minivit')} predict` asks it about pictures"
        )
    config = model.config
    dataset = options.in_turn(arguments, lambda: load(data, arguments.data_dir, config.image_size, config.channels))
    dataset = _as_learned(dataset, about, arguments.model, arguments.data is not None)
    tested = kind_of_task(type(model.config), dataset).test(model, dataset, processes, temperature_of(about))
    size = f"{model.num_parameters():,} parameters"
    print(f"{arguments.model}: {size}, {len(dataset.test_labels):,} test images of {dataset.name}\n")
    if "found" in tested:
        return _of_boxes(tested, dataset)
    rows = per_class(dataset.test_labels, tested["predicted"], dataset.classes)
    rows = [row for row in rows if row["of"] or not arguments.data]  # of a thousand that the model knows, the data show a few
    width = _width(row["class"] for row in rows)
    print(f"{'class':{width}}  right             most often taken for")
    for row in rows:
        taken = f"{printable(row['taken_for'])} ({row['times']} times)" if "times" in row else ""
        share = f"{100 * row['right'] / row['of']:.1f} %" if row["of"] else "none to test"
        print(f"{printable(row['class']):{width}}  {row['right']:3} of {row['of']:3}  {share:>8}  {taken}".rstrip())
    print(f"\nhow sure it is differs by {100 * tested['calibration_error']:.1f} points from how often it is right")
    print(f"test accuracy {100 * tested['accuracy']:.1f} %")


def _as_learned(dataset, about, name, others):
    """The data set with the classes of the model, and the mean and std by which it learned. others: it may show a few of them."""
    known = {name: label for label, name in enumerate(about["classes"])}
    unknown = [name for name in dataset.classes if name not in known]
    few = others and not unknown and not isinstance(dataset, Scenes)
    if list(dataset.classes) != about["classes"] and not few:
        raise ValueError(
            f"{name} knows the classes {_listed(about['classes'])}, which are not those of {dataset.name} "
            f"({_listed(unknown or dataset.classes)}): evaluate another model, or name other data with --data"
        )
    found = {"mean": tuple(about["mean"]), "std": tuple(about["std"]), "classes": tuple(about["classes"])}
    if few:
        number = np.array([known[name] for name in dataset.classes])
        found |= {"train_labels": number[dataset.train_labels], "test_labels": number[dataset.test_labels]}
    return replace(dataset, **found)


def _listed(names):
    return ", ".join(map(printable, names[:12])) + (", ..." if len(names) > 12 else "")


def _width(names):
    """Of the column that they stand in."""
    return max([8, *(len(printable(name)) for name in names)])


def _of_boxes(tested, dataset):
    """What a model finds, class by class."""
    _, missed = mistakes(tested["found"], tested["sure"], dataset.test_labels)
    label = dataset.test_labels[..., 0]
    width = _width(dataset.classes)
    print(f"{'class':{width}}  found")
    for k, name in enumerate(dataset.classes):
        objects = int((label == k).sum())
        share = f"{100 * (1 - missed[label == k].mean()):.1f} %" if objects else "none to test"
        print(f"{printable(name):{width}}  {objects - int(missed[label == k].sum()):3} of {objects:3}  {share:>8}")
    print()
    for name, what in SHARES.items():
        print(f"{what:40}{100 * tested[name]:5.1f} %")
