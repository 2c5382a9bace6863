"""What the tests share: slow, plain NumPy forms of the ViT's parts, written from the paper and not from minivit, in float64;
and small helpers for arrays."""

import math

import numpy as np

from minivit import ViT, ViTConfig
from minivit.backend import array_module, gpu_status, to_device, to_host

DEVICES = ("cpu", "gpu") if gpu_status()[0] else ("cpu",)  # what the tests with a `device` run on

SMALL = dict(image_size=(6, 9), patch_size=(2, 3), channels=2, classes=5, dim=8, depth=2, heads=2, mlp_dim=12)


def small_config(**changes):
    """A ViT in which every size differs from every other one it could be confused with: 3 x 3 patches of 12 numbers."""
    return ViTConfig(**SMALL | changes)


def small_vit(rng, dtype=np.float64, **changes):
    """Such a ViT, its head and class token drawn at random, since zeros hide mistakes."""
    model = ViT(small_config(**changes), rng, dtype=dtype)
    for _, parameter in model.named_parameters():
        parameter.data[...] += (0.1 * rng.standard_normal(parameter.shape)).astype(dtype)
    return model


def layernorm(x, weight, bias, eps=1e-6):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * weight + bias


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention_layer(x, state, prefix, heads):
    """(B, T, D) to (the layer's output, the weights p (B, h, T, T)), one head at a time."""
    width = x.shape[-1]
    d = width // heads
    qkv = x @ state[prefix + "qkv.weight"] + state[prefix + "qkv.bias"]
    outputs, weights = [], []
    for head in range(heads):
        q, k, v = (qkv[..., part * width + head * d : part * width + (head + 1) * d] for part in range(3))
        p = softmax(np.einsum("btd,bsd->bts", q, k) / math.sqrt(d))
        outputs.append(p @ v)
        weights.append(p)
    merged = np.concatenate(outputs, axis=-1)
    return merged @ state[prefix + "proj.weight"] + state[prefix + "proj.bias"], np.stack(weights, axis=1)


def block(x, state, prefix, heads, activation=gelu):
    """Pre-norm: the residual stream x itself is never normalised."""
    normed = layernorm(x, state[prefix + "norm1.weight"], state[prefix + "norm1.bias"])
    update, weights = attention_layer(normed, state, prefix + "attn.", heads)
    x = x + update
    hidden = layernorm(x, state[prefix + "norm2.weight"], state[prefix + "norm2.bias"])
    hidden = activation(hidden @ state[prefix + "mlp.fc1.weight"] + state[prefix + "mlp.fc1.bias"])
    return x + hidden @ state[prefix + "mlp.fc2.weight"] + state[prefix + "mlp.fc2.bias"], weights


def patchify(images, p, q):
    batch, height, width, _ = images.shape
    return np.array(
        [[images[b, i : i + p, j : j + q].ravel() for i in range(0, height, p) for j in range(0, width, q)] for b in range(batch)]
    )


def vit(images, state, config):
    """(logits, one array of attention weights a block) of the ViT, from its state_dict."""
    activation = gelu_tanh if config.activation == "gelu_tanh" else gelu
    x = patchify(images, *config.patch_size) @ state["patch_embed.weight"] + state["patch_embed.bias"]
    if config.pool == "cls":
        x = np.concatenate([np.repeat(state["cls_token"], len(x), axis=0), x], axis=1)
    x = x + state.get("pos_embed", 0)
    attention = []
    for i in range(config.depth):
        x, weights = block(x, state, f"blocks.{i}.", config.heads, activation)
        attention.append(weights)
    x = layernorm(x, state["norm.weight"], state["norm.bias"])
    x = x[:, 0] if config.pool == "cls" else x.mean(axis=1)
    if config.representation_size:
        x = np.tanh(x @ state["pre_logits.weight"] + state["pre_logits.bias"])
    return x @ state["head.weight"] + state["head.bias"], attention


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


def on(device, value):
    """The value, if it is an array, or a tuple that holds some, with them on that device."""
    if isinstance(value, tuple):
        return tuple(on(device, part) for part in value)
    return to_device(value, device) if isinstance(value, np.ndarray) else value


def is_float_array(value):
    return hasattr(value, "dtype") and hasattr(value, "strides") and value.dtype.kind == "f"


def cast(args, dtype):
    """The arguments with their floating-point arrays in `dtype`."""
    return tuple(a.astype(dtype) if is_float_array(a) else a for a in args)


def upstream_like(rng, outputs):
    """A random upstream gradient for each output, in its dtype."""
    return tuple(array_module(y).asarray(rng.standard_normal(np.shape(y))).astype(y.dtype) for y in outputs)


def noncontiguous(x):
    """The same numbers with gaps between them in memory, and the axes stored in another order."""
    if not x.ndim:
        return x
    xp = array_module(x)
    spaced = xp.asfortranarray(xp.repeat(x, 2, axis=-1))[..., ::2]
    assert (spaced == x).all()
    return spaced


def relative_error(found, truth):
    """The largest difference over the largest entry of the truth."""
    found, truth = np.asarray(to_host(found), np.float64), np.asarray(to_host(truth), np.float64)
    assert found.shape == truth.shape, (found.shape, truth.shape)
    return float(np.abs(found - truth).max(initial=0)) / (float(np.abs(truth).max(initial=0)) or 1.0)
