"""Training: the loop and its recipe, presets, checkpoints, and a batch in pieces over the cores."""

from .checkpoint import load_model, save_model
from .loop import LOG_EVERY, Progress, Training, accuracy, piece_size, predict, train
from .presets import load_config, model_config
from .recipe import Recipe

__all__ = [
    "LOG_EVERY",
    "Progress",
    "Recipe",
    "Training",
    "accuracy",
    "load_config",
    "load_model",
    "model_config",
    "piece_size",
    "predict",
    "save_model",
    "train",
]
