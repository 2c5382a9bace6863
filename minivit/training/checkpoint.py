"""Saving and loading, without pickle: a model, one .npz file with the weights and, as JSON text, everything needed to use
them; and a checkpoint, from which a training run goes on."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..called import called
from ..checks import choice, plain
from ..data.formats import safetensors
from ..data.paths import at_home
from ..models.kinds import build, config_of, kind_of, the_kind
from .exported import to_timm
from .files import replacing

CHECKPOINT = "checkpoint.npz"  # in the folder of a run, which may have no model yet
ABOUT = "about.json"
OWN = ("config", "kind")  # what the file itself says about the model
LAYOUTS = {None: ".npz", "timm": ".safetensors"}


def save_model(path, model, about=None, state=None, layout=None):
    """Writes the weights of `model`, or `state` in their place, its kind and configuration, and `about`, a dictionary of JSON
    values (the classes' names, the mean of the pixels, ...). Returns the path of the file, which ends in .npz.
    layout="timm" writes a .safetensors file instead, with the weights of a ViT as timm names and shapes them (see exported.py);
    the rest stands in its metadata, as JSON, and under "timm" which class it is and its arguments.
    Raises ValueError for a path where no file can be, for a value that JSON does not have, and names its key, or for a model that
    the layout has no names for."""
    path = _to_write(path, choice("layout", layout, LAYOUTS))
    taken = [key for key in OWN if key in (about or {})]
    if taken:
        raise ValueError(f"about[{taken[0]!r}] is taken by the model's own: give it another name")
    config = getattr(model, "config", None)
    if config is None:
        raise ValueError(f"{type(model).__name__} is no model that can be saved: it has no .config")
    about = {"config": asdict(config), "kind": kind_of(config), **(about or {})}
    if layout == "timm":
        arrays, described = to_timm(model, state)
        texts = {"format": "pt", "timm": json.dumps(described), "minivit": _as_text(about)}
        with replacing(path) as temporary:
            safetensors.write(temporary, arrays, texts)
    else:
        save_arrays(path, state or model.state_dict(), about)
    return path


def _to_write(path, suffix):
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise ValueError(f"a model is saved under a path, like 'mymodel.npz'; got {type(path).__name__}: {path!r:.60}")
    path = at_home(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file, like {path / 'model.npz'}")
    if path.suffix == ".safetensors" != suffix:
        raise ValueError(f'{path.name} is read by other libraries: add layout="timm", or name a file that ends in {suffix}')
    if path.suffix != suffix:
        path = path.with_name(f"{path.name}{suffix}")  # as numpy.savez does
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {str(path.parent)!r} for {path.name}: make it first")
    return path


def save_arrays(path, arrays, about):
    """Writes arrays by name and a dictionary of JSON values in one file: the new one or the old one, never half of either."""
    text = _as_text(about)
    with replacing(path) as temporary:
        np.savez(temporary, **arrays, **{ABOUT: np.array(text)})


def _as_text(about):
    try:
        return json.dumps(_as_json(about, "about"))
    except RecursionError:
        raise ValueError("about refers to itself, which JSON cannot say") from None


def _as_json(value, where):
    """The value with Python's numbers and lists for NumPy's. `where` stands in the ValueError for one that JSON does not have."""
    value = value.tolist() if isinstance(value, np.ndarray) else plain(value)
    if isinstance(value, dict):
        for key in value:
            if not isinstance(plain(key), str | int | float | bool | None):
                raise ValueError(f"{where} has the key {key!r}, a {type(key).__name__}: a key must be a text")
        return {plain(key): _as_json(item, f"{where}[{plain(key)!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if not isinstance(value, str | int | float | bool | None):
        raise ValueError(
            f"{where} is of type {type(value).__name__}: it must be text, numbers, or lists and dictionaries of these"
        )
    return value


def load_arrays(path):
    """(arrays, about) of such a file. Raises whatever numpy, zipfile and json raise for a damaged one."""
    with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:  # np.load alone leaves a bad file open
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(str(arrays.pop(ABOUT)))


def load_checkpoint(path):
    """(arrays, {"rows": of metrics.csv, "seconds": so far}) of a run's checkpoint. Raises ValueError, with what to do, if it is
    missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no checkpoint at {path}: this run completed no epoch, or is no run; start it anew")
    try:
        arrays, about = load_arrays(path)
        return arrays, about | {"rows": list(about["rows"]), "seconds": float(about["seconds"])}
    except Exception:  # zipfile, numpy and json raise a different class for each kind of damage
        raise ValueError(f"{path} is no checkpoint that minivit saved, or it is damaged: start the run anew") from None


def load_model(path):
    """(model in evaluation mode, the dictionary saved with it) from a file, which may be named without its .npz, or from the
    model.npz in a run's folder. Raises ValueError, with the path and what to do, if the file is missing, is no such file, is
    damaged, or holds weights that do not fit its own configuration."""
    path = _to_read(path)
    refusal = f"{path} is no model that minivit saved, or it is damaged: train again, or use another copy"
    try:
        state, about = load_arrays(path)
        sizes, kind = about.pop("config", None), about.pop("kind", "vit")
    except Exception:  # zipfile, numpy and json raise a different class for each kind of damage
        raise ValueError(refusal) from None
    if not sizes:
        raise ValueError(f"{path} is a checkpoint of a run and no model: name the run's folder, {path.parent}")
    try:
        the_kind(kind)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    try:
        config = config_of(kind, sizes)
    except Exception:  # sizes that are no dictionary, or named otherwise, or that do not fit together
        raise ValueError(refusal) from None
    if not state or any(array.dtype not in (np.float32, np.float64) for array in state.values()):
        raise ValueError(refusal)
    try:
        model = build(config, np.random.default_rng(0), dtype=next(iter(state.values())).dtype)
        model.load_state_dict(state)
    except (ValueError, MemoryError) as error:
        raise ValueError(f"{path}: {error}") from None
    return model.eval(), about


def _to_read(path):
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"a model is loaded from a path; got {type(path).__name__}: {path!r:.60}")
    path = at_home(path)
    candidates = [path / "model.npz"] if path.is_dir() else [path, path.with_name(f"{path.name}.npz")] if path.name else []
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise ValueError(f"there is no model at {path}: train one with `{called('minivit')} train`, or name its model.npz")
    return found
