"""The command info: what the paper's models are made of, in numbers."""

import time
import tracemalloc

import numpy as np

from ...called import called
from ...data.fetch import hub
from ...data.paths import at_home
from ...engine import no_grad
from ...models.config import PRESETS, ViTConfig, preset_name
from ...models.kinds import kind_of, the_kind
from ...models.vit import ViT
from ...training.pretrained import open_model
from ..output import printable
from . import options


def add(commands):
    p = options.add(commands, "info", run, help="the paper's models: sizes, cost, and the shape after every stage")
    known = ", ".join(PRESETS)
    p.add_argument(
        "name",
        nargs="?",
        metavar="PRESET",
        help=f"one of {known}, or a run's folder, or pretrained weights; without it: the table of all",
    )


def run(arguments):
    """The models of the paper with exact parameters and multiply-adds; for one of them, the shape after every stage of a real
    forward pass on one 224 x 224 image, with time and memory. Of a run or a model.npz, its sizes; of
    pretrained weights, a file, a folder, or OWNER/NAME that was downloaded, what was recognised."""
    if arguments.name is None:
        table()
    elif arguments.name not in PRESETS and (at_home(arguments.name).exists() or _was_fetched(arguments.name)):
        saved(arguments.name)
    else:
        stages(preset_name(arguments.name))


def _was_fetched(name):
    """Whether it is a model of the hub that is in the cache: a preset that does not exist, X/16, is nothing to be downloaded."""
    return hub.is_name(name) and hub.place(name).is_file()


def table():
    """Prints the sizes and costs of all presets."""
    print("at 224 x 224 pixels, 3 channels, 1000 classes; multiply-adds are for one image, FLOPs are twice that\n")
    print("model   tokens  blocks  width    MLP  heads   parameters  multiply-adds")
    for name in PRESETS:
        c = ViTConfig.preset(name)
        print(
            f"{name:6}  {c.tokens:6}  {c.depth:6}  {c.dim:5}  {c.mlp_dim:5}  {c.heads:5}  {c.num_parameters():11,}  "
            f"{c.multiply_adds() / 1e9:11.3f} G"
        )
    print(f"\none of them, stage by stage: {called('minivit')} info B/16")


def saved(path):
    """Prints what a saved model is, and on what it was trained."""
    model, about = open_model(path)
    if {"recognised", "format", "size", "classes"} <= about.keys():
        print(f"{path}: {about['format']}, {about['size'] / 1e6:,.1f} MB")
        print("\n".join(printable(line) for line in about["recognised"]))
        print(f"{_parameters(model)}; classes: {printable(_some(about['classes']))}")
        return
    sizes = the_kind(kind_of(model.config)).describe(model.config)
    print(f"{path}: {type(model).__name__}: {sizes}, images of {' x '.join(map(str, model.config.image_size))} pixels")
    print(f"{_parameters(model)}; trained on {printable(about.get('data', 'data that it does not name'))}")


def _some(classes):
    return ", ".join(classes[:3]) + (f", ... and {len(classes) - 3:,} more" if len(classes) > 3 else "")


def _parameters(model):
    """How many numbers it has, and how many of them are trained, if others are frozen."""
    every, trained = model.num_parameters(), sum(p.size for p in model.trained_parameters())
    return f"{every:,} parameters" + (f", of which {trained:,} are trained" if trained != every else "")


def stages(preset):
    """Prints the shape after every stage of one model, on one image."""
    config = ViTConfig.preset(preset)
    print(f"{preset}: drawing {config.num_parameters():,} random weights ...", flush=True)
    tracemalloc.start()
    model = ViT(config, np.random.default_rng(0)).eval()
    weights, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    image = np.random.default_rng(1).standard_normal((1, *config.image_size, config.channels), dtype=np.float32)
    started = time.perf_counter()
    print("\nstage           shape               seconds")
    with no_grad():
        for name, x in model.stages(image):
            print(f"{name:14}  {' x '.join(map(str, x.shape[1:])):18}  {time.perf_counter() - started:7.3f}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(
        f"\n{config.multiply_adds() / 1e9:.3f} G multiply-adds; {weights / 1e6:,.0f} MB of weights, "
        f"{(peak - weights) / 1e6:,.0f} MB more at the peak"
    )
