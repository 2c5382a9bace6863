"""The hybrid: a few convolutions in front of the tokens."""

from .. import ops
from ..nn import Module, xavier_uniform, zeros


class Conv3x3(Module):
    """A 3 x 3 convolution that keeps height and width, with ReLU."""

    def __init__(self, inputs, outputs, rng, dtype):
        self.weight = xavier_uniform(rng, (3, 3, inputs, outputs), dtype)
        self.bias = zeros(outputs, dtype)

    def __call__(self, x):
        return ops.relu(ops.conv2d(x, self.weight, self.bias, padding=1))


class ConvStem(Module):
    """The hybrid's stem: convolutions in front of the tokens, so that a token knows its neighbours (ViT section 3.1,
    "Hybrid Architecture"; small and trained from the start as in compact transformers, arXiv 2104.05704).
    One convolution at full size, then one and a 2 x 2 max pooling for each halving: (B, H, W, C) to (B, H/P, W/P, D)."""

    def __init__(self, config, rng, dtype):
        self.convs = [Conv3x3(inputs, outputs, rng, dtype) for _, _, inputs, outputs in config.stem_layers()]

    def __call__(self, x):
        x = self.convs[0](x)
        for conv in self.convs[1:]:
            x = ops.max_pool2d(conv(x), 2)
        return x
