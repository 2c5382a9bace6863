"""Saving and loading a model: one .npz file with the weights and, as JSON text, everything needed to use them. No pickle."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .files import replacing
from .vit import ViT, ViTConfig

ABOUT = "about.json"


def save_model(path, model, about=None):
    """Writes the weights of `model`, its configuration, and `about`, a dictionary of JSON values (the classes' names, the
    mean of the pixels, ...)."""
    text = json.dumps({"config": asdict(model.config), **(about or {})})
    with replacing(path) as temporary:
        np.savez(temporary, **model.state_dict(), **{ABOUT: np.array(text)})


def load_model(path):
    """(model in evaluation mode, the dictionary saved with it). Raises ValueError, with the path and what to do, if the file
    is missing, is no such file, is damaged, or holds weights that do not fit its own configuration."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no model at {path}: train one with `python -m minivit train`, or name its model.npz")
    refusal = f"{path} is no model that minivit saved, or it is damaged: train again, or use another copy"
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:  # np.load alone leaves a bad file open
            state = {name: file[name] for name in file.files}
        about = json.loads(str(state.pop(ABOUT)))
        config = ViTConfig(**about.pop("config"))
    except Exception:  # zipfile, numpy and json raise a different class for each kind of damage
        raise ValueError(refusal) from None
    if not state or any(array.dtype not in (np.float32, np.float64) for array in state.values()):
        raise ValueError(refusal)
    try:
        model = ViT(config, np.random.default_rng(0), dtype=next(iter(state.values())).dtype)
        model.load_state_dict(state)
    except (ValueError, MemoryError) as error:
        raise ValueError(f"{path}: {error}") from None
    return model.eval(), about
