"""How many drawn digits a model reads: python -m benchmarks.drawings --model runs/digits

Digits drawn by the second hand, on which nothing was tuned, kind by kind; --hand first is the one that predicting was tuned on.
"""

import argparse

import numpy as np

from minivit.data.datasets import normalise
from minivit.data.ink import NoDigit
from minivit.data.pictures import prepared
from minivit.ops import softmax
from minivit.training.checkpoint import load_model
from minivit.training.prediction import predict

from . import first, second

HANDS = {"first": first, "second": second}


def drawings(hand, each, seed=0):
    """[(kind, digit, picture)]: `each` drawings of every digit in every kind, the same for the same seed."""
    kinds = HANDS[hand].KINDS
    return [
        (kind, digit, HANDS[hand].drawing(digit, kind, np.random.default_rng((seed, number, digit, i))))
        for number, kind in enumerate(kinds)
        for digit in range(10)
        for i in range(each)
    ]


def answers(model, about, pictures):
    """(what the model says to each picture, or -1 where none was named; how sure it is)."""
    images, named = [], np.ones(len(pictures), bool)
    for i, picture in enumerate(pictures):
        try:
            images.append(prepared(picture.convert("RGBA"), model.config, about["data"]).image)
        except NoDigit:
            images.append(np.zeros((*model.config.image_size, model.config.channels), np.float32))
            named[i] = False
    logits = predict(model, normalise(np.stack(images), about["mean"], about["std"])) / about.get("temperature", 1)
    found = softmax.forward(logits)[0]
    return np.where(named, found.argmax(axis=1), -1), found.max(axis=1)


def table(cases, said):
    """[(kind, right, of)], and all of them."""
    right = np.array([answer == digit for (_, digit, _), answer in zip(cases, said, strict=True)])
    kinds = np.array([kind for kind, _, _ in cases])
    rows = [(kind, int(right[kinds == kind].sum()), int((kinds == kind).sum())) for kind in dict.fromkeys(kinds.tolist())]
    return [*rows, ("all", int(right.sum()), len(right))]


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drawings", description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="runs/digits", metavar="RUN", help="a run or a model.npz; default: runs/digits")
    parser.add_argument("--hand", default="second", choices=HANDS, help="who draws; default: second")
    parser.add_argument("--each", type=int, default=2, metavar="N", help="drawings of each digit in each kind; default: 2")
    arguments = parser.parse_args()
    model, about = load_model(arguments.model)
    cases = drawings(arguments.hand, arguments.each)
    said, sure = answers(model, about, [picture for _, _, picture in cases])
    for kind, right, of in table(cases, said):
        print(f"{kind:18} {right:4} of {of:4}  {100 * right / of:5.1f} %")
    wrong = np.array([answer not in (-1, digit) for (_, digit, _), answer in zip(cases, said, strict=True)])
    print(f"not answered: {(said < 0).sum()}; wrong and more than 80 % sure: {(wrong & (sure > 0.8)).sum()}")


if __name__ == "__main__":
    main()
