"""The models: the plain Vision Transformer, the hybrid with convolutions in front, and the parts of better ones."""

from . import inside
from .config import PRESETS, SIZES, ViTConfig
from .kinds import KINDS, Kind
from .vit import ViT, sincos2d

__all__ = ["KINDS", "PRESETS", "SIZES", "Kind", "ViT", "ViTConfig", "inside", "sincos2d"]
