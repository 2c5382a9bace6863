"""Saving and loading, without pickle: a model, one .npz file with the weights and, as JSON text, everything needed to use
them; and a checkpoint, from which a training run goes on."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..models.config import ViTConfig
from ..models.vit import ViT
from .files import replacing

ABOUT = "about.json"


def save_model(path, model, about=None, state=None):
    """Writes the weights of `model`, or `state` in their place, its configuration, and `about`, a dictionary of JSON values
    (the classes' names, the mean of the pixels, ...)."""
    save_arrays(path, state or model.state_dict(), {"config": asdict(model.config), **(about or {})})


def save_arrays(path, arrays, about):
    """Writes arrays by name and a dictionary of JSON values in one file: the new one or the old one, never half of either."""
    with replacing(path) as temporary:
        np.savez(temporary, **arrays, **{ABOUT: np.array(json.dumps(about))})


def load_arrays(path):
    """(arrays, about) of such a file. Raises whatever numpy, zipfile and json raise for a damaged one."""
    with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:  # np.load alone leaves a bad file open
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(str(arrays.pop(ABOUT)))


def load_checkpoint(path):
    """(arrays, about) of a run's checkpoint. Raises ValueError, with what to do, if it is missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no checkpoint at {path}: this run completed no epoch, or is no run; start it anew")
    try:
        return load_arrays(path)
    except Exception:  # zipfile, numpy and json raise a different class for each kind of damage
        raise ValueError(f"{path} is no checkpoint that minivit saved, or it is damaged: start the run anew") from None


def load_model(path):
    """(model in evaluation mode, the dictionary saved with it). Raises ValueError, with the path and what to do, if the file
    is missing, is no such file, is damaged, or holds weights that do not fit its own configuration."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no model at {path}: train one with `python -m minivit train`, or name its model.npz")
    refusal = f"{path} is no model that minivit saved, or it is damaged: train again, or use another copy"
    try:
        state, about = load_arrays(path)
        sizes = about.pop("config", None)
        config = sizes and ViTConfig(**sizes)
    except Exception:  # zipfile, numpy and json raise a different class for each kind of damage
        raise ValueError(refusal) from None
    if not config:
        raise ValueError(f"{path} is a checkpoint of a run and no model: name the run's folder, {path.parent}")
    if not state or any(array.dtype not in (np.float32, np.float64) for array in state.values()):
        raise ValueError(refusal)
    try:
        model = ViT(config, np.random.default_rng(0), dtype=next(iter(state.values())).dtype)
        model.load_state_dict(state)
    except (ValueError, MemoryError) as error:
        raise ValueError(f"{path}: {error}") from None
    return model.eval(), about
