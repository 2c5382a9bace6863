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

    def __init__(self, config, rng, dtype, patch=None):
        self.convs = [Conv3x3(inputs, outputs, rng, dtype) for _, _, inputs, outputs in self.layers(config, patch)]

    def __call__(self, x):
        x = self.convs[0](x)
        for conv in self.convs[1:]:
            x = ops.max_pool2d(conv(x), 2)
        return x

    @staticmethod
    def check(config):
        p, q = config.patch_size
        if p != q or p < 2 or p & (p - 1) or config.dim % p:
            raise ValueError(
                f'stem="{config.stem}" halves {p} x {q} patches to 1 x 1 and doubles its width to dim: '
                f"patch_size must be a power of 2 that divides dim {config.dim}"
            )

    @staticmethod
    def features(config):
        return config.dim

    @staticmethod
    def layers(config, patch=None):
        """(height, width, channels in, channels out) of each convolution; patch: P, if it is to be another than the config's."""
        halvings = (patch or config.patch_size[0]).bit_length() - 1  # of a power of 2
        widths = [config.dim >> (halvings - i) for i in range(halvings + 1)]  # D/P, ..., D/2, D
        (height, width), inputs, layers = config.image_size, config.channels, []
        for i, outputs in enumerate(widths):
            shrink = max(0, i - 1)
            layers.append((height >> shrink, width >> shrink, inputs, outputs))
            inputs = outputs
        return layers

    @classmethod
    def multiply_adds(cls, config, patch=None):
        return sum(height * width * 9 * inputs * outputs for height, width, inputs, outputs in cls.layers(config, patch))
