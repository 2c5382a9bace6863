"""The command predict."""

import numpy as np

from ...data.datasets import normalise
from ...data.opening import NAMES
from ...data.paths import at_home
from ...ops import softmax
from ...training.prediction import predict
from ..output import printable
from . import options


def add(commands):
    p = options.add(commands, "predict", run, help="what a trained model says to your pictures")
    p.add_argument("images", nargs="+", metavar="IMAGE", help=f"image files: {NAMES}")
    options.add_model(p)
    options.add_device(p)


def run(arguments):
    """What a trained model says to image files of any size: turned to grey if the model reads grey, inverted if dark on light
    (the digits are light on dark), and resized; by a model that learned from a folder, as the pictures there were read."""
    from ...data.pictures import read_image, sketch

    model, about = options.trained_model(arguments)
    classes = [printable(name) for name in about["classes"]]
    images, notes = zip(
        *(read_image(at_home(path), model.config, about.get("reading")) for path in arguments.images), strict=True
    )
    logits = predict(model, normalise(np.stack(images), about["mean"], about["std"]))
    for path, image, done, found in zip(arguments.images, images, notes, softmax.forward(logits)[0], strict=True):
        print(f"{path}: {classes[found.argmax()]}   ({', '.join(done)})")
        for line in sketch(image):
            print(f"    {line}")
        for i in np.argsort(-found)[:5]:
            print(f"  {classes[i]:>10}  {100 * found[i]:5.1f} %  {'#' * round(40 * found[i])}".rstrip())
