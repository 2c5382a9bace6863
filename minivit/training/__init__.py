"""Training: the loop, its recipe and its task, presets, checkpoints, and a batch in pieces over cores and processes."""

from .checkpoint import load_model, save_model
from .detection import Detection, found_in, set_loss
from .loop import LOG_EVERY, Progress, Training, accuracy, predict, train
from .parallel import gradients_of, piece_size
from .prediction import predictor
from .presets import load_config, model_config
from .recipe import Recipe
from .task import Classification

__all__ = [
    "LOG_EVERY",
    "Classification",
    "Detection",
    "Progress",
    "Recipe",
    "Training",
    "accuracy",
    "found_in",
    "gradients_of",
    "load_config",
    "load_model",
    "model_config",
    "piece_size",
    "predict",
    "predictor",
    "save_model",
    "set_loss",
    "train",
]
