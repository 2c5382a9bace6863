"""python -m minivit train | evaluate | predict | compare | info"""

import argparse
import functools
import json
import os
import sys
from pathlib import Path

import numpy as np

from .. import __version__
from ..backend import gpu_status
from ..data import load
from ..data.datasets import normalise
from ..models.config import PRESETS, ViTConfig
from ..ops import softmax
from ..training.checkpoint import load_model
from ..training.loop import accuracy, predict
from ..training.presets import fitting_patch, load_config, model_config, names, recipe
from .commands import info


def main(argv=None):
    """Runs one command; returns the exit code: 0, 2 for a mistake of the user's (a sentence says which), 130 for Ctrl-C."""
    arguments = parser().parse_args(argv)
    try:
        arguments.command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: python -m minivit info | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, OSError) as error:
        print(f"minivit: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        print(f"minivit: not enough memory: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("minivit: stopped", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    """One line for a mistake, and no usage in front of it."""

    def error(self, message):
        self.exit(2, f"minivit: {message}; see {self.prog} --help\n")


def parser():
    top = _Parser(
        prog="python -m minivit",
        description="A Vision Transformer written by hand: train it, test it, try it on a picture, look inside.",
        epilog="Start with: python -m minivit train      Each command explains itself: python -m minivit train --help",
    )
    top.add_argument("--version", action="version", version=f"minivit {__version__}")
    whole_names = functools.partial(_Parser, allow_abbrev=False)  # --data must never pass for --data-dir
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=whole_names)

    p = commands.add_parser(
        "train", help="train a ViT on handwritten digits, in half a minute on two cores", description=_train.__doc__
    )
    p.add_argument(
        "--config",
        metavar="NAME",
        help=f"a preset ({', '.join(names())}) or a TOML file; default: that of the data, or digits",
    )
    p.add_argument("--data", metavar="NAME", help="a data set (python -m minivit data), a folder or .npz; default: the preset's")
    _add_data_dir(p)
    p.add_argument("--epochs", type=int, metavar="N", help="passes over the training images; default: the preset's")
    p.add_argument("--lr", type=float, metavar="X", help="peak learning rate; default: the preset's")
    p.add_argument("--batch-size", type=int, metavar="N", help="images a step; default: the preset's")
    p.add_argument("--seed", type=int, metavar="N", help="of everything random; the same seed gives the same numbers; default: 0")
    p.add_argument("--out", metavar="FOLDER", help="where the results go; default: runs/NAME. An earlier run is renamed")
    p.add_argument("--threads", type=int, metavar="N", help="default: one a core; the same numbers for any N")
    p.add_argument("--resume", metavar="RUN", help="go on with an interrupted run, to the numbers that it would have had")
    _add_device(p)
    p.set_defaults(command=_train)

    p = commands.add_parser("evaluate", help="test a trained model, class by class", description=_evaluate.__doc__)
    _add_model(p)
    p.add_argument("--threads", type=int, metavar="N", help="default: one a core")
    _add_device(p)
    _add_data_dir(p)
    p.set_defaults(command=_evaluate)

    p = commands.add_parser("predict", help="what a trained model says to your pictures", description=_predict.__doc__)
    p.add_argument("images", nargs="+", metavar="IMAGE", help="image files: PNG, JPEG, ...")
    _add_model(p)
    _add_device(p)
    p.set_defaults(command=_predict)

    p = commands.add_parser("explain", help="look inside a trained model while it reads a picture", description=_explain.__doc__)
    p.add_argument("image", metavar="IMAGE", help="an image file: PNG, JPEG, ...")
    _add_model(p)
    _add_device(p)
    p.add_argument("--out", metavar="FOLDER", help="where the figures go; default: explain-IMAGE, beside you")
    p.set_defaults(command=_explain)

    p = commands.add_parser("compare", help="training runs side by side, in a table and a chart", description=_compare.__doc__)
    p.add_argument("runs", nargs="+", metavar="RUN", help="folders of runs, like runs/digits")
    p.add_argument("--out", default="compare.png", metavar="FILE.png", help="where the chart goes; default: compare.png")
    p.set_defaults(command=_compare)

    p = commands.add_parser("data", help="the data sets: which there are, what is in one of them", description=_data.__doc__)
    p.add_argument("name", nargs="?", metavar="NAME", help="a data set, a folder or .npz; without it: the table of all")
    _add_data_dir(p)
    p.add_argument("--figure", nargs="?", const="", metavar="FILE", help="draw samples as training sees them; default: NAME.png")
    p.set_defaults(command=_data)

    p = commands.add_parser(
        "info", help="the paper's models: sizes, cost, and the shape after every stage", description=_info.__doc__
    )
    p.add_argument("preset", nargs="?", metavar="PRESET", help=f"one of {', '.join(PRESETS)}; without it: the table of all")
    p.set_defaults(command=_info)
    return top


def _add_model(p):
    p.add_argument("--model", default="runs/digits", metavar="RUN", help="a run's folder or a model.npz; default: runs/digits")


def _add_data_dir(p):
    p.add_argument("--data-dir", metavar="DIR", help="a folder with data on this machine, looked in before the cache")


def _add_device(p):
    p.add_argument(
        "--device",
        choices=("auto", "cpu", "gpu"),
        default="auto",
        help="auto takes a GPU if one is usable; default: auto",
    )


def _device(choice):
    usable, reason = gpu_status() if choice != "cpu" else (False, "")
    if choice == "gpu" and not usable:
        raise ValueError(reason)
    return "gpu" if usable else "cpu"


def _model(arguments):
    path = Path(arguments.model)
    model, about = load_model(path / "model.npz" if path.is_dir() or not path.suffix else path)
    model.to(_device(arguments.device))
    missing = [name for name in ("data", "classes", "mean", "std") if name not in about]
    if missing or len(about["classes"]) != model.config.classes:
        what = ", ".join(missing) or "a name for every class"
        raise ValueError(f"{path} does not say what it was trained on ({what}): train one with `python -m minivit train`")
    return model, about


def _train(arguments):
    """Trains a Vision Transformer and leaves its weights, figures and numbers in a folder. Ctrl-C stops it and keeps the last
    complete epoch."""
    from .run import train_run

    if arguments.threads is not None and arguments.threads < 1:
        raise ValueError(f"threads is {arguments.threads}; it must be at least 1")
    given = {name: getattr(arguments, name) for name in ("epochs", "lr", "batch_size", "seed")}
    given = {name: value for name, value in given.items() if value is not None}
    if arguments.resume:
        if given or any((arguments.out, arguments.config, arguments.data)):
            raise ValueError("--resume goes on as the run began: beside it only --threads, --device and --data-dir make sense")
        path = Path(arguments.resume)
        dataset, model, how = _begun(path, arguments.data_dir)
    else:
        name = arguments.config
        if name is None:
            name = arguments.data if arguments.data in names() else "digits"
        config = load_config(name)
        dataset = load(arguments.data or config["data"], arguments.data_dir)
        if arguments.config is None and config["data"] != dataset.name:
            config["model"]["patch_size"] = fitting_patch(*dataset.train_images.shape[1:3])
        model, how = model_config(config["model"], dataset), recipe(config["recipe"] | given)
        path = Path(arguments.out or f"runs/{Path(name).stem}")
    device, resume = _device(arguments.device), bool(arguments.resume)
    train_run(dataset, model, how, path, threads=arguments.threads, device=device, resume=resume)


def _begun(path, data_dir):
    """(data set, ViTConfig, Recipe) of the run in a folder."""
    try:
        begun = json.loads((path / "config.json").read_text(encoding="utf-8"))
        data, model, how = begun["data"], ViTConfig(**begun["model"]), recipe(begun["recipe"])
    except (OSError, KeyError, TypeError, json.JSONDecodeError):
        raise ValueError(f"{path} holds no run that can go on: its config.json is missing or damaged") from None
    return load(data, data_dir), model, how


def _evaluate(arguments):
    """Tests a trained model on the test images of the data that it was trained on."""
    model, about = _model(arguments)
    dataset = load(about["data"], arguments.data_dir)
    if about["classes"] != list(dataset.classes):
        raise ValueError(
            f"{arguments.model} knows the classes {', '.join(about['classes'][:12])}, which are not those of {dataset.name}: "
            "evaluate another model"
        )
    labels = dataset.test_labels
    logits = predict(model, dataset.normalise(dataset.test_images), threads=arguments.threads)
    predicted = logits.argmax(axis=1)
    print(f"{arguments.model}: {model.num_parameters():,} parameters, {len(labels)} test images of {dataset.name}\n")
    print("class     right             most often taken for")
    for i, name in enumerate(dataset.classes):
        of_class = predicted[labels == i]
        wrong = np.bincount(of_class[of_class != i], minlength=len(dataset.classes))
        taken = f"{dataset.classes[wrong.argmax()]} ({wrong.max()} times)" if wrong.any() else ""
        share = f"{100 * (of_class == i).mean():.1f} %" if len(of_class) else "none to test"
        print(f"{name:8}  {(of_class == i).sum():3} of {len(of_class):3}  {share:>8}  {taken}".rstrip())
    print(f"\ntest accuracy {100 * accuracy(logits, labels):.1f} %")


def _predict(arguments):
    """What a trained model says to image files of any size: turned to grey if the model reads grey, inverted if dark on light
    (the digits are light on dark), and resized."""
    from ..data.pictures import read_image, sketch

    model, about = _model(arguments)
    images = [read_image(path, model.config) for path in arguments.images]
    for path, (image, notes) in zip(arguments.images, images, strict=True):
        logits = predict(model, normalise(image[None], about["mean"], about["std"]))
        probabilities = softmax.forward(logits)[0][0]
        print(f"{path}: {about['classes'][probabilities.argmax()]}   ({', '.join(notes)})")
        for line in sketch(image):
            print(f"    {line}")
        for i in np.argsort(-probabilities)[:5]:
            print(f"  {about['classes'][i]:>10}  {100 * probabilities[i]:5.1f} %  {'#' * round(40 * probabilities[i])}".rstrip())


def _compare(arguments):
    """Training runs side by side: results, what differs in their configurations, and a chart of loss and accuracy by epoch."""
    from .report import compare

    lines, rows = compare(arguments.runs)
    out = Path(arguments.out)
    if out.suffix.lower() != ".png" or not out.absolute().parent.is_dir():
        raise ValueError(f"the chart cannot go to {str(out)!r}: name a .png file in a folder that exists")

    from . import figures

    figures.save(figures.comparison(rows), out)
    print("\n".join([*lines, "", f"the curves are in {out}"]))


def _data(arguments):
    """Lists the data sets; of one, shows how many images of each class there are, and the moments of its training pixels."""
    from ..data import listing

    if arguments.name is None:
        if arguments.figure is not None:
            raise ValueError("--figure draws one data set: name it, before --figure")
        print("\n".join(listing.table(arguments.data_dir)))
        print("\none of them: python -m minivit data digits; training on it: python -m minivit train --data NAME")
        return
    path = Path(arguments.figure or f"{Path(arguments.name).stem}.png")
    if arguments.figure is not None and (path.suffix.lower() != ".png" or not path.absolute().parent.is_dir()):
        raise ValueError(f"the figure cannot go to {str(path)!r}: name a .png file in a folder that exists")
    dataset = load(arguments.name, arguments.data_dir)
    print("\n".join(listing.summary(dataset)))
    if arguments.figure is not None:
        from . import figures

        preset = next((name for name in names() if load_config(name)["data"] == dataset.name), "digits")
        figures.save(figures.augmented_samples(dataset, recipe(load_config(preset)["recipe"])), path)
        print(f"\nsamples, augmented as preset {preset} does: {path}")


def _info(arguments):
    """The models of the paper with exact parameters and multiply-adds; for one of them, the shape after every stage of a real
    forward pass on one 224 x 224 image, with time and memory."""
    info.stages(arguments.preset) if arguments.preset else info.table()


def _explain(arguments):
    """Looks inside a trained model while it reads one picture: where its heads look, what counts when it is hidden, how far
    attention reaches, what positions and filters have become. Leaves figures in a folder."""
    from .commands.explain import explain

    model, about = _model(arguments)
    out = arguments.out or f"explain-{Path(arguments.image).stem}"
    explain(model, about, arguments.image, out, arguments.model)
