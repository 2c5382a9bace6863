"""The command predict."""

from pathlib import Path

import numpy as np

from ...data.datasets import normalise
from ...data.opening import NAMES
from ...data.paths import at_home
from ...ops import softmax
from ...training.calibration import temperature_of
from ...training.prediction import predict
from ..output import printable
from . import options

MOST_DRAWN = 12  # pictures in one figure


def add(commands):
    p = options.add(commands, "predict", run, help="what a trained model says to your pictures")
    p.add_argument("images", nargs="+", metavar="IMAGE", help=f"image files: {NAMES}")
    options.add_model(p)
    options.add_device(p)
    p.add_argument("--show", action="store_true", help="draw how each was read, step by step, in predict-IMAGE.png, beside you")


def run(arguments):
    """What a trained model says to image files of any size. Each is prepared as the model's data were made: of a digit the ink is
    found, cut out and brought to the data's strokes; of a photograph the middle is resized."""
    from ...data.pictures import prepare, sketch

    model, about = options.trained_model(arguments)
    classes = [printable(name) for name in about["classes"]]
    read, refused = [], []
    for path in arguments.images:
        try:
            read.append((path, prepare(at_home(path), model.config, about["data"], about.get("reading"))))
        except ValueError as error:  # the others are answered all the same
            refused.append(str(error))
    if read:
        images = np.stack([picture.image for _, picture in read])
        logits = predict(model, normalise(images, about["mean"], about["std"]))
        probabilities = softmax.forward(logits / temperature_of(about))[0]
        for (path, picture), found in zip(read, probabilities, strict=True):
            print(f"{path}: {classes[found.argmax()]}   ({', '.join(picture.notes)})")
            for line in sketch(picture.image):
                print(f"    {line}")
            for i in np.argsort(-found)[:5]:
                print(f"  {classes[i]:>10}  {100 * found[i]:5.1f} %  {'#' * round(40 * found[i])}".rstrip())
        if arguments.show:
            _show(read, probabilities, classes)
    if refused:
        raise ValueError("; ".join(refused))


def _show(read, probabilities, classes):
    from .. import reading
    from ..figures import save

    rows = [
        (Path(path).name, picture.steps, f"{classes[found.argmax()]}, {100 * found.max():.1f} %")
        for (path, picture), found in zip(read[:MOST_DRAWN], probabilities, strict=False)
    ]
    out = Path(f"predict-{Path(read[0][0]).stem}.png")
    save(reading.steps(rows), out)
    print(f"\n{out} shows how {'they were' if len(rows) > 1 else 'it was'} read, step by step")
