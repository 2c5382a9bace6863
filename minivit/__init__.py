"""minivit: a Vision Transformer that you can read to the bottom."""

import importlib

from . import _former as _former
from . import _start as _start
from . import models, ops, optim
from .engine import Tensor, gradients, no_grad, op
from .gradcheck import gradcheck
from .models import ViT, ViTConfig

__version__ = "0.1.0"
__all__ = [
    "Tensor",
    "ViT",
    "ViTConfig",
    "data",
    "gradcheck",
    "gradients",
    "load",
    "load_pretrained",
    "models",
    "no_grad",
    "op",
    "ops",
    "optim",
]
__all__ += ["save", "training"]

LATER = {  # read when they are asked for: whoever only computes does not wait for them
    "data": (".data", None),
    "training": (".training", None),
    "checkpoint": (".training.checkpoint", None),
    "load": (".training.checkpoint", "load_model"),
    "load_pretrained": (".training.pretrained", "load_pretrained"),
    "save": (".training.checkpoint", "save_model"),
}


def __getattr__(name):
    if name not in LATER:
        raise AttributeError(f"module 'minivit' has no attribute {name!r}; it has {', '.join(__all__)}")
    module, inside = LATER[name]
    module = importlib.import_module(module, __name__)
    return getattr(module, inside) if inside else module


def __dir__():
    return sorted(__all__)
