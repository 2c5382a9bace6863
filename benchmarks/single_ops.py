"""One op at a time, forward and backward, in minivit and in PyTorch: a step for the worker. Every input gets its gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from .devices import Processor, TorchGPU

QUERIES = 100  # of cross-attention, as in DETR
OUT_IN = ((0, 1, 2), (1, 0))  # x as it is, and PyTorch's weight of a linear layer
NCHW, OIHW = (0, 3, 1, 2), (3, 2, 0, 1)  # from minivit's (B, H, W, C) and (size, size, C, K)


@dataclass(frozen=True)
class Case:
    """Functions of the sizes s (_sizes): shapes(s) of the inputs, in minivit's layout; ours(ops, s, *arrays), (y, backward); and
    theirs(F, s, *tensors), y. axes: PyTorch's order of the axes of the first inputs, where it differs."""

    shapes: Callable
    ours: Callable
    theirs: Callable
    axes: tuple = ()


def _sizes(config):
    names = {"B": "batch", "T": "tokens", "D": "dim", "M": "mlp_dim", "h": "heads", "K": "classes", "image": "image"}
    sizes = {short: config[name] for short, name in names.items()}
    labels = np.random.default_rng(1).integers(0, config["classes"], config["batch"])
    return SimpleNamespace(
        **sizes, d=config["dim"] // config["heads"], P2C=config["patch"] ** 2 * config["channels"], labels=labels
    )


def _linear(inputs, outputs):
    """Of widths named as in _sizes."""

    def shapes(s):
        a, b = inputs(s), outputs(s)
        return [(s.B, s.T, a), (a, b), (b,)]

    return Case(shapes, lambda ops, s, *a: ops.linear.forward(*a), lambda F, s, *a: F.linear(*a), OUT_IN)


def _gelu(approximate):
    return Case(
        lambda s: [(s.B, s.T, s.M)],
        lambda ops, s, x: ops.gelu.forward(x, approximate=approximate),
        lambda F, s, x: F.gelu(x, approximate="tanh" if approximate else "none"),
    )


def _conv(shrink, inputs, outputs):
    return Case(
        lambda s: [(s.B, s.image // shrink, s.image // shrink, inputs), (3, 3, inputs, outputs), (outputs,)],
        lambda ops, s, *a: ops.conv2d.forward(*a, padding=1),
        lambda F, s, *a: F.conv2d(*a, padding=1),
        (NCHW, OIHW),
    )


def _attention(shapes):
    """Of q, k, v (B, h, T, d), and a bias, PyTorch's attn_mask."""
    return Case(shapes, lambda ops, s, *a: ops.attention.forward(*a), lambda F, s, *a: F.scaled_dot_product_attention(*a))


def _self_attention_in_torch(F, s, qkv):
    q, k, v = qkv.reshape(s.B, s.T, 3, s.h, s.d).permute(2, 0, 3, 1, 4)  # 3 of (B, h, T, d)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(s.B, s.T, s.D)


STEP = {  # of the reference training step, in its order
    "patch_embed": _linear(lambda s: s.P2C, lambda s: s.D),
    "layernorm": Case(
        lambda s: [(s.B, s.T, s.D), (s.D,), (s.D,)],
        lambda ops, s, *a: ops.layernorm.forward(*a),
        lambda F, s, x, weight, bias: F.layer_norm(x, (s.D,), weight, bias, eps=1e-6),
    ),
    "qkv": _linear(lambda s: s.D, lambda s: 3 * s.D),
    "attention": Case(  # from the fused q, k, v to the merged heads
        lambda s: [(s.B, s.T, 3 * s.D)], lambda ops, s, qkv: ops.self_attention.forward(qkv, heads=s.h), _self_attention_in_torch
    ),
    "proj": _linear(lambda s: s.D, lambda s: s.D),
    "fc1": _linear(lambda s: s.D, lambda s: s.M),
    "gelu_tanh": _gelu(approximate=True),
    "gelu_exact": _gelu(approximate=False),
    "fc2": _linear(lambda s: s.M, lambda s: s.D),
    "cross_entropy": Case(
        lambda s: [(s.B, s.K)],
        lambda ops, s, x: ops.cross_entropy.forward(x, s.labels),
        lambda F, s, x: F.cross_entropy(x, s.labels),
    ),
}
BEYOND = {  # of the hybrid, of models with a relative position bias, and of DETR
    "conv2d 1 to 16": _conv(1, 1, 16),
    "conv2d 16 to 32": _conv(1, 16, 32),
    "conv2d 32 to 64": _conv(2, 32, 64),
    "max_pool2d": Case(
        lambda s: [(s.B, s.image, s.image, 32)],
        lambda ops, s, x: ops.max_pool2d.forward(x, size=2),
        lambda F, s, x: F.max_pool2d(x, 2),
        (NCHW,),
    ),
    "attention, bias": _attention(lambda s: [*[(s.B, s.h, s.T, s.d)] * 3, (1, s.h, s.T, s.T)]),
    "cross-attention": _attention(lambda s: [(s.B, s.h, QUERIES, s.d), *[(s.B, s.h, s.T, s.d)] * 2]),
}
ALONE = {"attention, no bias": _attention(lambda s: [(s.B, s.h, s.T, s.d)] * 3)}  # to compare the one with a bias to
CASES = STEP | BEYOND | ALONE


def minivit(name, config):
    from minivit import ops
    from minivit.backend import to_device
    from minivit.kernels.cpu import keep_freed_memory

    keep_freed_memory()
    case, s, rng = CASES[name], _sizes(config), np.random.default_rng(0)
    s.labels = to_device(s.labels, config["device"])
    arrays = [to_device(rng.standard_normal(shape, dtype=np.float32), config["device"]) for shape in case.shapes(s)]
    y, _ = case.ours(ops, s, *arrays)
    dy = to_device(rng.standard_normal(y.shape, dtype=np.float32), config["device"])

    def step():
        return case.ours(ops, s, *arrays)[1](dy)

    return step


def torch(name, config):
    """Images lie in memory as NCHW or as NHWC: as is faster here."""
    import torch

    torch.set_num_threads(1)
    if NCHW not in CASES[name].axes:
        return _step_in_torch(name, config, torch.contiguous_format)
    steps = [_step_in_torch(name, config, layout) for layout in (torch.contiguous_format, torch.channels_last)]
    clock = TorchGPU() if config["device"] == "gpu" else Processor()
    return min(steps, key=lambda step: min(clock.seconds(step, 5)))


def _step_in_torch(name, config, layout):
    import torch
    from torch.nn import functional as F

    case, s, rng = CASES[name], _sizes(config), np.random.default_rng(0)
    device = "cuda" if config["device"] == "gpu" else "cpu"
    s.labels = torch.from_numpy(s.labels).to(device)

    def draw(shape, axes):
        tensor = torch.from_numpy(np.asarray(rng.standard_normal(shape, dtype=np.float32))).to(device)
        tensor = tensor.permute(axes) if axes else tensor
        return tensor.contiguous(memory_format=layout if len(axes) == 4 else torch.contiguous_format)

    shapes = case.shapes(s)
    inputs = [draw(shape, axes).requires_grad_() for shape, axes in zip(shapes, (*case.axes, *[()] * len(shapes)), strict=False)]
    y = case.theirs(F, s, *inputs)
    image = NCHW in case.axes
    dy = draw(y.permute(0, 2, 3, 1).shape if image else y.shape, NCHW if image else ())

    def step():
        return torch.autograd.grad(case.theirs(F, s, *inputs), inputs, dy)

    return step
