"""The command evaluate."""

from dataclasses import replace

from ...called import called
from ...data import load
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
    options.add_data_dir(p)


def run(arguments):
    """Tests a trained model on the test images of the data that it was trained on. Started several times by mpiexec, each process
    tests its share of them."""
    threads = options.threads(arguments)
    model, about = options.trained_model(arguments)
    if "data" not in about:
        raise ValueError(
            f"{arguments.model} names no data to be tested on: "
            f"`{called('minivit')} train --data FOLDER --init {arguments.model}` trains and tests it on yours; "
            f"`{called('minivit')} predict` asks it about pictures"
        )
    dataset = options.in_turn(arguments, lambda: load(about["data"], arguments.data_dir, model.config.image_size))
    dataset = replace(dataset, mean=tuple(about["mean"]), std=tuple(about["std"]))  # those by which the model learned
    if about["classes"] != list(dataset.classes):
        raise ValueError(
            f"{arguments.model} knows the classes {', '.join(about['classes'][:12])}, which are not those of {dataset.name}: "
            "evaluate another model"
        )
    tested = kind_of_task(type(model.config), dataset).test(model, dataset, threads, temperature_of(about))
    print(f"{arguments.model}: {model.num_parameters():,} parameters, {len(dataset.test_labels)} test images of {dataset.name}\n")
    if "found" in tested:
        return _of_boxes(tested, dataset)
    print("class     right             most often taken for")
    for row in per_class(dataset.test_labels, tested["predicted"], dataset.classes):
        taken = f"{printable(row['taken_for'])} ({row['times']} times)" if "times" in row else ""
        share = f"{100 * row['right'] / row['of']:.1f} %" if row["of"] else "none to test"
        print(f"{printable(row['class']):8}  {row['right']:3} of {row['of']:3}  {share:>8}  {taken}".rstrip())
    print(f"\nhow sure it is differs by {100 * tested['calibration_error']:.1f} points from how often it is right")
    print(f"test accuracy {100 * tested['accuracy']:.1f} %")


def _of_boxes(tested, dataset):
    """What a model finds, class by class."""
    _, missed = mistakes(tested["found"], tested["sure"], dataset.test_labels)
    label = dataset.test_labels[..., 0]
    print("class     found")
    for k, name in enumerate(dataset.classes):
        objects = int((label == k).sum())
        share = f"{100 * (1 - missed[label == k].mean()):.1f} %" if objects else "none to test"
        print(f"{printable(name):8}  {objects - int(missed[label == k].sum()):3} of {objects:3}  {share:>8}")
    print()
    for name, what in SHARES.items():
        print(f"{what:40}{100 * tested[name]:5.1f} %")
