"""Images as a model reads them."""

import numpy as np

from ..backend import array_module
from ..engine import Tensor


def as_read(images, config, dtype):
    """Images (B, H, W, C) as a Tensor of the model's dtype. Raises ValueError, with the remedy, unless they are floating-point
    arrays or Tensors, of the sizes that the model's configuration has in image_size and channels."""
    expected = (*config.image_size, config.channels)
    shape = images.shape if isinstance(images, Tensor | np.ndarray) or array_module(images) is not np else None
    if shape is None:
        raise ValueError(
            f"this model reads arrays of NumPy, CuPy, or Tensors; got {type(images).__name__}: give np.asarray of it"
        )
    if len(shape) != 4 or tuple(shape[1:]) != expected:
        sizes = ", ".join(map(str, expected))
        raise ValueError(f"this model reads images of shape (batch, {sizes}); got {shape}: {_remedy(shape, expected)}")
    if images.dtype.kind != "f":
        raise ValueError(f"images must be floating-point numbers, normalised as in training; got {images.dtype}")
    x = images if isinstance(images, Tensor) else Tensor(images)
    if x.dtype == dtype:
        return x
    if x.requires_grad:
        raise ValueError(f"the images are {x.dtype} and require a gradient, and the model is {dtype}: make them {dtype}")
    return Tensor(x.data.astype(dtype))


def _remedy(shape, expected):
    """What is wrong with the shape of images, and nothing else."""
    height, width, channels = expected
    if len(shape) == 3 and tuple(shape) == expected:
        return "put a batch axis in front, images[None]"
    if len(shape) == 3 and channels == 1 and tuple(shape[1:]) == expected[:2]:
        return "put an axis for the one channel behind, images[..., None]"
    if len(shape) != 4:
        return "there must be four axes"
    if tuple(shape[1:]) == (channels, height, width):
        return "the channels come last, images.transpose(0, 2, 3, 1)"
    wrong = [f"resize them to {height} x {width} pixels"] if tuple(shape[1:3]) != (height, width) else []
    wrong += [f"give {channels} channel(s), not {shape[3]}"] if shape[3] != channels else []
    return ", and ".join(wrong)
