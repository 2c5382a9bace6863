"""Trains this Vision Transformer on handwritten digits and tests it: python train.py --help."""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from vit import mine

HERE = Path(__file__).parent


def load_digits():
    """((images, labels) to train on, (images, labels) to test on): images (N, 8, 8, 1), float32 from 0 to 1."""
    with np.load(HERE / "digits.npz", allow_pickle=False) as file:
        return [
            (file[f"{part}_images"][..., None].astype(np.float32) / 16, file[f"{part}_labels"].astype(np.int64))
            for part in ("train", "test")
        ]


class Watched(dict):
    """The parameters by name; training walks over their values twice a step, and each walk moves the progress on."""

    def begin(self, steps):
        self.walks, self.all, self.started, self.shown = 0, 2 * steps, time.perf_counter(), 0
        return self

    def values(self):
        self.walks += 1
        percent = 100 * self.walks // self.all
        if percent >= self.shown + 5:
            self.shown = percent
            print(f"  {percent:3} %  {time.perf_counter() - self.started:5.1f} s", flush=True)
        return super().values()


def main(argv=None):
    parser = argparse.ArgumentParser(description="Trains a Vision Transformer on 1,437 handwritten digits; tests on 360 others.")
    sizes, recipe, pos_embed_std = mine.RUNS["digits"]
    parser.add_argument("--epochs", type=int, default=recipe["epochs"], metavar="N", help=f"default: {recipe['epochs']}")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, order and shifts; default: 0")
    parser.add_argument("--images", type=int, metavar="N", help="train on the first N digits only, for a quick try")
    parser.add_argument("--out", default="weights.npz", metavar="FILE", help="where the weights go; default: weights.npz")
    arguments = parser.parse_args(argv)
    if arguments.epochs < 1 or (arguments.images is not None and arguments.images < 1):
        parser.error("--epochs and --images must be 1 or more")
    if arguments.seed < 0:
        parser.error("--seed must be 0 or more")
    out = Path(arguments.out).with_suffix(".npz")
    if not out.absolute().parent.is_dir():
        parser.error(f"there is no folder {out.parent} for --out: make it first")

    (images, labels), test = load_digits()
    images, labels = images[: arguments.images], labels[: arguments.images]
    sizes = mine.Sizes(*sizes)
    parameters = mine.vit_parameters(sizes, np.random.default_rng(arguments.seed), pos_embed_std)
    print(f"{mine.count_parameters(sizes):,} parameters, {len(images):,} digits, {arguments.epochs} epochs")
    watched = Watched(parameters).begin(arguments.epochs * -(-len(images) // 128))
    rng = np.random.default_rng((arguments.seed, 1))
    losses, mean, std = mine.train_vit(watched, sizes, images, labels, rng, **recipe | {"epochs": arguments.epochs})
    accuracy = mine.evaluate_vit(parameters, sizes, *test, mean, std)
    run = {"parameters": parameters, "losses": losses, "test_accuracy": accuracy, "mean": mean, "std": std}
    mine.keep(run | {"sizes": sizes, "data": "digits", "classes": list("0123456789")}, out)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}; test accuracy {100 * accuracy:.1f} %; weights in {out}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nstopped; no weights were written")
