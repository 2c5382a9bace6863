"""Vision Transformers of timm with random weights, small, and the ViTConfig that each of them is."""

import functools

import numpy as np
import pytest

from minivit import ViTConfig

SIZES = dict(image_size=(32, 24), patch_size=8, channels=3, classes=5, dim=32, depth=2, heads=2, mlp_dim=48)  # 4 x 3 patches
THEIRS = dict(img_size=(32, 24), patch_size=8, num_classes=5, embed_dim=32, depth=2, num_heads=2, mlp_ratio=1.5)
# {name: (fields of ViTConfig, arguments of timm's VisionTransformer)}
MODELS = {
    "plain": ({}, {}),
    "eps": (dict(eps=1e-5), dict(eps=1e-5)),
    "gelu_tanh": (dict(activation="gelu_tanh"), dict(act_layer="gelu_tanh")),
    "distilled": (dict(dist_token=True), dict(distilled=True)),
    "mean": (dict(pool="mean"), dict(global_pool="avg", class_token=False, fc_norm=False)),
    "mean, then norm": (dict(pool="mean", fc_norm=True), dict(global_pool="avg", class_token=False)),
    "patches": (dict(pool="patches"), dict(global_pool="avg", fc_norm=False)),
    "patches, then norm": (dict(pool="patches", fc_norm=True), dict(global_pool="avg")),
    "class token, then norm": (dict(fc_norm=True), dict(fc_norm=True)),
    "registers": (dict(registers=4), dict(reg_tokens=4, no_embed_class=True)),
    "registers with positions": (dict(registers=4), dict(reg_tokens=4)),
    "registers and patches": (
        dict(registers=3, pool="patches", fc_norm=True),
        dict(reg_tokens=3, no_embed_class=True, global_pool="avg"),
    ),
    "no class position": (dict(layer_scale=0.1), dict(init_values=0.1, no_embed_class=True)),
    "layer_scale": (dict(layer_scale=0.1), dict(init_values=0.1)),
    "qk_norm": (dict(qk_norm=True, eps=1e-5), dict(qk_norm=True, eps=1e-5)),
    "swiglu": (dict(activation="swiglu", mlp_dim=96), dict(swiglu=True, mlp_ratio=4)),  # 64 hidden, gate and value 128
    "clip": (dict(norm_pre=True, activation="quick_gelu", eps=1e-5), dict(pre_norm=True, act_layer="quick_gelu", eps=1e-5)),
    "dinov2": (
        dict(registers=4, layer_scale=0.1, activation="swiglu", mlp_dim=96),
        dict(reg_tokens=4, no_embed_class=True, init_values=0.1, swiglu=True, mlp_ratio=4),
    ),
}


def config_of(name):
    return ViTConfig(**SIZES | MODELS[name][0])


@functools.cache
def timm():
    """The library; without it the test is skipped. It imports torchvision, whose compiled part may be of another torch: two names
    of it are then declared, which no ViT calls."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; this test compares with timm")
    try:
        import torchvision  # noqa: F401
    except ImportError:
        pass
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    return pytest.importorskip("timm", reason="timm is not installed; this test compares with it")


def built(distilled=False, swiglu=False, eps=1e-6, **arguments):
    """timm's module with these arguments, in float64, all its numbers drawn at random, since zeros and ones hide mistakes."""
    layers, models = timm().layers, timm().models
    import torch

    kind = models.deit.VisionTransformerDistilled if distilled else models.vision_transformer.VisionTransformer
    if swiglu:
        arguments |= dict(mlp_layer=layers.SwiGLUPacked, act_layer=torch.nn.SiLU)
    model = kind(norm_layer=functools.partial(layers.LayerNorm, eps=eps), **THEIRS | arguments).double().eval()
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.from_numpy(0.2 * rng.standard_normal(parameter.shape))
    return model


def model_of(name, **arguments):
    return built(**MODELS[name][1] | arguments)


def logits_of(model, images):
    """Of timm's module, for images (B, H, W, C)."""
    import torch

    with torch.no_grad():
        return model(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()


def in_our_names(state, config):
    """timm's state, NumPy arrays by name, as minivit's for that configuration: linear layers are (in, out), a patch is flattened
    (row, column, channel), a class token without a position has zero for one, and a register's position is added to it."""
    ours = {}
    for name, value in state.items():
        if name == "patch_embed.proj.weight":
            value = value.transpose(2, 3, 1, 0).reshape(-1, len(value))  # (D, C, P, P) to (P*P*C, D)
        elif value.ndim == 2:
            value = value.T
        ours[name.replace("patch_embed.proj", "patch_embed")] = value
    ours.setdefault("patch_embed.bias", np.zeros(config.dim))  # CLIP's has none
    front, patches, registers = config.tokens - config.registers, np.prod(config.grid), config.registers
    positions = ours["pos_embed"]
    if positions.shape[1] == patches:
        positions = np.concatenate([np.zeros((1, front - patches, config.dim)), positions], axis=1)
    elif registers:
        first = positions.shape[1] - patches - registers
        ours["reg_token"] = ours["reg_token"] + positions[:, first : first + registers]
        positions = np.delete(positions, range(first, first + registers), axis=1)
    return ours | {"pos_embed": positions}
