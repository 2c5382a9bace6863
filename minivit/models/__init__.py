"""The models: the plain Vision Transformer, the hybrid with convolutions in front, the parts of better ones, and DETR."""

from . import inside
from .config import PRESETS, SIZES, ViTConfig
from .detr import DETR
from .detr_config import DETRConfig
from .kinds import KINDS, Kind
from .vit import ViT, sincos2d

__all__ = ["DETR", "KINDS", "PRESETS", "SIZES", "DETRConfig", "Kind", "ViT", "ViTConfig", "inside", "sincos2d"]
