"""minivit: a Vision Transformer that you can read to the bottom."""

from . import ops, optim
from .engine import Tensor, gradients, no_grad, op
from .gradcheck import gradcheck
from .vit import ViT, ViTConfig

__version__ = "0.1.0"
__all__ = ["Tensor", "ViT", "ViTConfig", "gradcheck", "gradients", "no_grad", "op", "ops", "optim"]
