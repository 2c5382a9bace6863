"""The command data."""

from pathlib import Path

import numpy as np

from ...called import called
from ...data import load
from ...data.scenes import Scenes
from ...training.presets import load_config, names, recipe
from . import options


def add(commands):
    p = options.add(commands, "data", run, help="the data sets: which there are, what is in one of them")
    p.add_argument("name", nargs="?", metavar="NAME", help="a data set, a folder or .npz; without it: the table of all")
    options.add_data_dir(p)
    options.add_image_size(p)
    p.add_argument("--figure", nargs="?", const="", metavar="FILE", help="draw samples as training sees them; default: NAME.png")


def run(arguments):
    """Lists the data sets; of one, shows how many images of each class there are, the moments of its training pixels, and what
    of a folder was passed over."""
    from ...data import listing

    if arguments.name is None:
        if arguments.figure is not None:
            raise ValueError("--figure draws one data set: name it, before --figure")
        if arguments.image_size is not None:
            raise ValueError("--image-size is of the pictures of one folder: name it")
        print("\n".join(listing.table(arguments.data_dir)))
        print(f"\none of them: {called('minivit')} data digits; training on it: {called('minivit')} train --data NAME")
        return
    path = None
    if arguments.figure is not None:
        path = options.png(arguments.figure or f"{Path(arguments.name).stem}.png", "figure")
    dataset = load(arguments.name, arguments.data_dir, arguments.image_size)
    print("\n".join(listing.summary(dataset)))
    if path is not None and isinstance(dataset, Scenes):
        from .. import boxes, figures

        figures.save(boxes.samples(dataset, np.random.default_rng(0)), path)
        print(f"\nscenes as training sees them: {path}")
    elif path is not None:
        from .. import figures

        preset = next((name for name in names() if load_config(name)["data"] == dataset.name), "digits")
        figures.save(figures.augmented_samples(dataset, recipe(load_config(preset)["recipe"])), path)
        print(f"\nsamples, augmented as preset {preset} does: {path}")
