"""How a model is trained, as numbers."""

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Recipe:
    """Raises ValueError for a number that makes no sense.

    epochs           passes over the training images, batch_size of them a step
    lr               the peak, above 0, reached after `warmup` of all steps (a fraction), then half a cosine down to final_lr
    weight_decay     of AdamW, on the weights of linear layers and convolutions
    label_smoothing  of the cross-entropy
    shift            augmentation: each image moves by up to so many pixels
    flip             augmentation: each image is mirrored left to right with probability 1/2
    mixup            augmentation: alpha of the Beta distribution by which two images and their labels are mixed; 0 does not mix
    clip_norm        the largest global norm of a gradient; 0 does not clip
    accumulate       a batch is computed in at least so many parts, one after another, whose gradients add up: less memory, the
                     same update
    ema              the exponential moving average of the weights, which is what is tested and kept: its decay a step; 0 has none
    validation       the fraction of the training images that is set aside to watch the training; never the test images
    patience         stops after so many epochs in which the validation accuracy did not rise, with the best weights; 0 does not
    seed             of everything random: weights, order, augmentation, dropout
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float = 0.05
    warmup: float = 0.05
    final_lr: float = 1e-5
    label_smoothing: float = 0.0
    shift: int = 0
    flip: bool = False
    mixup: float = 0.0
    clip_norm: float = 1.0
    accumulate: int = 1
    ema: float = 0.0
    validation: float = 0.0
    patience: int = 0
    seed: int = 0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is bool:
                if not isinstance(value, bool):
                    raise ValueError(f"{field.name} is {value!r}; it must be true or false")
                continue
            kinds = int if field.type is int else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value < math.inf:
                kind = "whole number" if field.type is int else "number"
                raise ValueError(f"{field.name} is {value!r}; it must be a {kind} that is not negative")
        for name in ("epochs", "batch_size", "accumulate"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be a whole number above 0")
        if self.lr == 0:
            raise ValueError(f"lr is {self.lr}; a learning rate is a number above 0, often between 1e-4 and 3e-3")
        for name in ("label_smoothing", "ema", "validation"):
            if getattr(self, name) >= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 0 and below 1")
        if self.warmup >= 1:
            raise ValueError(f"warmup is {self.warmup}; it is the fraction of all steps that warm up, at least 0 and below 1")
        if self.patience and not self.validation:
            raise ValueError("patience waits for the validation accuracy: set validation too, to 0.1 for instance")
