"""The command predict."""

from collections import Counter
from pathlib import Path

import numpy as np

from ...data.datasets import normalise
from ...data.opening import NAMES
from ...data.paths import at_home
from ...models.detr import DETR
from ...ops import softmax
from ...training.calibration import temperature_of
from ...training.detection import found_in
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
    found, cut out and brought to the data's strokes; of a photograph the middle is resized. A DETR draws a box around each thing
    that it finds, in boxes-IMAGE.png, beside you."""
    from ...data.pictures import prepare, sketch

    model, about = options.trained_model(arguments)
    classes = [printable(name) for name in about["classes"]]
    read, refused = [], []
    for path in arguments.images:
        try:
            read.append((path, prepare(at_home(path), model.config, about.get("data"), about.get("reading"))))
        except ValueError as error:  # the others are answered all the same
            refused.append(str(error))
    if read and isinstance(model, DETR):
        answers = _boxes(model, about, read, classes)
    elif read:
        images = np.stack([picture.image for _, picture in read])
        logits = predict(model, normalise(images, about["mean"], about["std"]))
        probabilities = softmax.forward(logits / temperature_of(about))[0]
        for (path, picture), found in zip(read, probabilities, strict=True):
            print(f"{path}: {classes[found.argmax()]}   ({', '.join(picture.notes)})")
            for line in sketch(picture.image):
                print(f"    {line}")
            best = np.argsort(-found)[:5]
            width = max(10, *(len(classes[i]) for i in best))
            for i in best:
                print(f"  {classes[i]:>{width}}  {100 * found[i]:5.1f} %  {'#' * round(40 * found[i])}".rstrip())
        answers = [f"{classes[found.argmax()]}, {100 * found.max():.1f} %" for found in probabilities]
    if read and arguments.show:
        _show(read, answers)
    if refused:
        raise ValueError("; ".join(refused))


def _boxes(model, about, read, classes):
    """Prints what a DETR finds in each picture, and draws it. Returns how many things those are, in words."""
    from .. import boxes
    from ..figures import save

    images = np.stack([picture.image for _, picture in read])
    found, sure = found_in(predict(model, normalise(images, about["mean"], about["std"])))
    (height, width), answers, drawn = model.config.image_size, [], Counter()
    for i, (path, picture) in enumerate(read):
        own = type(found)(*(part[i] for part in found))
        things = sorted(np.flatnonzero(sure[i]), key=lambda q, own=own: -own.scores[q])
        answers.append(f"{len(things) or 'no'} thing{'s' * (len(things) != 1)} found")
        print(f"{path}: {answers[-1]}   ({', '.join(picture.notes)})")
        for q in things:
            cx, cy, w, h = own.boxes[q] * (width, height, width, height)
            share = f"{100 * own.scores[q]:5.1f} %"
            print(f"  {classes[own.classes[q]]:>10}  {share}  {w:.1f} x {h:.1f} pixels around ({cx:.1f}, {cy:.1f})")
        name = Path(path).stem
        drawn[name] += 1  # a/1.png and b/1.png
        out = Path(f"boxes-{name}{f'-{drawn[name]}' if drawn[name] > 1 else ''}.png")
        save(boxes.one_picture(picture.image, own, sure[i], classes, Path(path).name), out)
        print(f"  drawn in {out}")
    return answers


def _show(read, answers):
    from .. import reading
    from ..figures import save

    rows = [(Path(path).name, picture.steps, said) for (path, picture), said in zip(read[:MOST_DRAWN], answers, strict=False)]
    out = Path(f"predict-{Path(read[0][0]).stem}.png")
    save(reading.steps(rows), out)
    print(f"\n{out} shows how {'they were' if len(rows) > 1 else 'it was'} read, step by step")
