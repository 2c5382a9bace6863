"""A second kind of model: a classifier of two linear layers, which knows nothing of patches, tokens or attention."""

from dataclasses import dataclass

import numpy as np

from minivit import ops
from minivit.models.kinds import Kind
from minivit.nn import Linear, Module

TOML = """\
data = "digits"
[model]
kind = "mlp"
hidden = 12
[recipe]
epochs = 4
batch_size = 256
lr = 3e-3
shift = 1
ema = 0.9
"""


@dataclass(frozen=True)
class MLPConfig:
    image_size: tuple
    channels: int
    classes: int
    hidden: int
    activation: str = "gelu"

    def __post_init__(self):
        object.__setattr__(self, "image_size", tuple(self.image_size))

    @property
    def pixels(self):
        return self.image_size[0] * self.image_size[1] * self.channels

    def num_parameters(self):
        return (self.pixels + 1) * self.hidden + (self.hidden + 1) * self.classes


class MLPClassifier(Module):
    def __init__(self, config, rng, dtype=np.float32):
        self.config = config
        self.fc1 = Linear(config.pixels, config.hidden, rng, dtype)
        self.fc2 = Linear(config.hidden, config.classes, rng, dtype)

    def __call__(self, images, rng=None):
        return self.fc2(ops.gelu(self.fc1(images.reshape(len(images), -1))))


MLP = Kind(MLPConfig, MLPClassifier, "an MLP", lambda config: f"{config.pixels} pixels, {config.hidden} hidden numbers")
