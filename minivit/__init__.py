"""minivit: a Vision Transformer that you can read to the bottom."""

from . import _former as _former
from . import _start as _start
from . import data, models, ops, optim, training
from .engine import Tensor, gradients, no_grad, op
from .gradcheck import gradcheck
from .models import ViT, ViTConfig

__version__ = "0.1.0"
__all__ = ["Tensor", "ViT", "ViTConfig", "data", "gradcheck", "gradients", "models", "no_grad", "op", "ops", "optim", "training"]
