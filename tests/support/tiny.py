"""What the tests of training share: a few real digits, a ViT small enough to train in a blink, and a TOML file of both."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from minivit import ViT, ViTConfig
from minivit.data import load
from minivit.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
}  # of a new process
MODEL = dict(patch_size=4, dim=8, depth=1, heads=2, mlp_dim=8)
RECIPE = dict(epochs=2, batch_size=16, lr=3e-3)


def toml(epochs=1, batch_size=64, more="", **recipe):
    """A preset of a tiny ViT on digits. more: lines for its model."""
    model = "".join(f"{name} = {value}\n" for name, value in MODEL.items())
    settings = {"epochs": epochs, "batch_size": batch_size, "lr": "3e-3"} | recipe
    return f'data = "digits"\n[model]\n{model}{more}[recipe]\n' + "".join(f"{k} = {v}\n" for k, v in settings.items())


TOML = toml()


KILLED = """
import os, sys
from minivit.models.kinds import KINDS
from minivit.program.cli import main
from minivit.training.loop import Training
from tests.support.mlp import MLP

KINDS["mlp"] = MLP
run, last = Training.run, int(sys.argv.pop(1))

def killed(self, threads=None):
    for progress in run(self, threads):
        if progress.epoch == last:
            os._exit(9)
        yield progress

Training.run = killed
main(sys.argv[1:])
"""


def kill_in_epoch(epoch, *arguments, cwd):
    """Runs a command of minivit in a new process, which ends at once, as by kill -9, in that epoch of its training."""
    command = [sys.executable, "-c", KILLED, str(epoch), *arguments]
    assert subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True).returncode == 9


def few_digits(train=40, test=20):
    """The digits with only so many images in each part."""
    digits = load("digits")
    return replace(
        digits,
        train_images=digits.train_images[:train],
        train_labels=digits.train_labels[:train],
        test_images=digits.test_images[:test],
        test_labels=digits.test_labels[:test],
    )


def tiny_config(**changes):
    return ViTConfig(**dict(image_size=8, channels=1, classes=10) | MODEL | changes)


def tiny_vit(seed=0, dtype=np.float32, **changes):
    return ViT(tiny_config(**changes), np.random.default_rng(seed), dtype)


def tiny_recipe(**changes):
    return Recipe(**RECIPE | changes)


def same_state(first, second):
    """Whether two state dictionaries hold the same names and the same numbers, to the last bit."""
    return list(first) == list(second) and all(first[name].tobytes() == second[name].tobytes() for name in first)
