"""Training presets: one TOML file each, with a data set, the sizes of a model ([model], fields of its kind's configuration;
`kind` names another kind than the ViT) and how to train it ([recipe], fields of Recipe). The sizes that the data decides
(image_size, channels, classes) are left to it. With `init`, a pretrained model to begin from, there is no [model], and of the
[recipe] what suits fine-tuning may be left out."""

import math
import tomllib
from dataclasses import fields
from pathlib import Path

from ...data.paths import at_home
from ...models.kinds import config_of, settings_of
from ..files import read_text
from ..recipe import Recipe

HERE = Path(__file__).parent


def names():
    """The presets that come with minivit."""
    return sorted(path.stem for path in HERE.glob("*.toml"))


def load_config(name):
    """The TOML file of a preset, or at a path, as a dictionary: {"data": ..., "model": {...}, "recipe": {...}}.
    Raises ValueError, with what is known, for a file that is missing, is no TOML, or sets something unknown."""
    path = at_home(name) if str(name).endswith(".toml") else HERE / f"{name}.toml"
    if not path.is_file():
        raise ValueError(f"there is no preset or TOML file {str(name)!r}; the presets, without .toml, are {', '.join(names())}")
    try:
        config = tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, UnicodeError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from None
    parts = ("model", "recipe")
    for key, value in config.items():
        if key not in ("data", "init", *parts) or (key in parts) != isinstance(value, dict):
            raise ValueError(f"{path}: {key!r} is not expected there; a preset has data = NAME, init = RUN, [model] and [recipe]")
    try:
        known = {"model": ["kind", *settings_of(config.get("model", {}).get("kind", "vit"))[0]]}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    known["recipe"] = [f.name for f in fields(Recipe)]
    for key in parts:
        unknown = [name for name in config.get(key, {}) if name not in known[key]]
        if unknown:
            raise ValueError(f"{path}: [{key}] has no setting {unknown[0]!r}; it has {', '.join(sorted(known[key]))}")
    return {"data": "digits", "model": {}, "recipe": {}} | config


def model_config(settings, dataset):
    """The configuration of a preset's [model] for the images of `dataset`. A ValueError names a size that neither gives."""
    _, height, width, channels = dataset.test_images.shape
    kind = settings.get("kind", "vit")
    found = dict(image_size=(height, width), channels=channels, classes=len(dataset.classes))
    found |= {name: value for name, value in settings.items() if name != "kind"}
    missing = [name for name in settings_of(kind)[1] if name not in found]
    if missing:
        raise ValueError(f"the preset's [model] lacks {', '.join(missing)}")
    config = config_of(kind, found)
    if (config.image_size, config.channels, config.classes) != ((height, width), channels, len(dataset.classes)):
        raise ValueError(
            f"image_size, channels and classes are decided by the data: leave them out of [model] ({dataset.name} has "
            f"{height} x {width}, {channels} and {len(dataset.classes)})"
        )
    return config


def fitting_patch(height, width):
    """The patch size, one number that divides both, that comes nearest to 8 patches down and across: for data without a
    preset. Raises ValueError where every one of them makes more than 1,024 patches."""
    sizes = [p for p in range(1, min(height, width) + 1) if height % p == 0 and width % p == 0]
    best = min(sizes, key=lambda p: abs(math.log(height * width / (64 * p * p))))
    if height * width > 1024 * best * best:
        raise ValueError(
            f"no patch size divides images of {height} x {width} into 1,024 patches or fewer: resize the images "
            "(--image-size 64 does that with a folder's)"
        )
    return best


def fitting_detr(dataset):
    """{"patch_size", "num_queries"} of a DETR for Scenes without a preset: cells of a power of 2, as near to 8 down and across as
    may be, and twice as many queries as an image has objects. Raises ValueError where there are fewer cells than objects."""
    (height, width), most = dataset.test_images.shape[1:3], dataset.test_labels.shape[1]
    sizes = [p for p in (2, 4, 8, 16, 32, 64, 128) if height % p == 0 and width % p == 0]
    if not sizes:
        raise ValueError(
            f"images of {height} x {width} cannot be halved: resize them (--image-size 64 does that with a folder's)"
        )
    patch = min(sizes, key=lambda p: abs(math.log(height * width / (64 * p * p))))
    cells = height * width // patch**2
    if most >= cells:
        raise ValueError(f"an image has up to {most} objects, and {cells} cells are too few for them: take a larger --image-size")
    return {"patch_size": patch, "num_queries": min(max(6, 2 * most), cells)}


def changed(settings, given):
    """A preset's [recipe] with the settings that are given. Its temperature holds for the recipe as it is, whatever the seed."""
    kept = {name: value for name, value in settings.items() if name != "temperature" or given.keys() <= {"seed"}}
    return kept | given


def recipe(settings):
    """The Recipe of a preset's [recipe]. A ValueError names what is missing."""
    missing = [f for f in ("epochs", "batch_size", "lr") if f not in settings]
    if missing:
        raise ValueError(f"the preset's [recipe] lacks {', '.join(missing)}")
    return Recipe(**settings)
