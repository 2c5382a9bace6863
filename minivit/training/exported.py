"""A model in another library's names and shapes, so that it goes on there: timm's VisionTransformer.

timm's linear layers are (out, in), its patch embedding is a convolution, (D, C, P, P), and three things that it has no place for
are added to what is added to them anyway, which changes logits by rounding at most:

    registers have no positions here, and the class token beside them has none there (no_embed_class): its own goes into cls_token
    fixed positions, and none (zeros), become learned ones
    with norm_pre there is no patch_embed.bias: it goes into the positions of the patches
"""

import math

import numpy as np

from ..backend import to_host
from ..models.encoder import swiglu_width
from ..models.vit import ViT

PLAIN = {"stem": "patch", "relative_pos": "none", "lsa": False, "class_blocks": 0, "representation_size": None}


def to_timm(model, state=None):
    """(arrays by timm's names, {"architecture": the class in timm, "model_args": its arguments, ...}) of a ViT, or of `state` in
    the place of its weights. Raises ValueError, and names the part, for a model that timm's class cannot be."""
    if not isinstance(model, ViT):
        raise ValueError(f'layout="timm" is for a ViT; got a {type(model).__name__}')
    config = model.config
    if other := _not_there(config):
        raise ValueError(f"timm's VisionTransformer has no {other}: save this model without a layout, as .npz")
    arrays = dict(model.state_dict() if state is None else state)
    no_embed_class = _move_positions(arrays, model)
    arrays = {_name(key): _in_shape(key, value, config) for key, value in arrays.items()}
    return arrays, _described(config, no_embed_class)


def _not_there(config):
    """The first part of a model that timm's class has not, as it is written in ViTConfig; or None."""
    for name, plain in PLAIN.items():
        if getattr(config, name) != plain:
            return f"{name}={getattr(config, name)!r}"
    if config.pool in ("sequence", "cls_and_patches"):
        return f'pool="{config.pool}"'
    if config.dist_token and config.registers:
        return "registers beside dist_token"
    return None


def _move_positions(arrays, model):
    """Makes pos_embed what timm has there. Returns whether it is of the patches alone."""
    config, patches = model.config, math.prod(model.config.grid)
    front = config.has_cls_token + config.dist_token
    positions = arrays.get("pos_embed")
    if positions is None:  # not learned, and so no parameter
        fixed = next((tensor for name, tensor in model.named_tensors() if name == "pos_embed"), None)
        shape, dtype = (1, front + patches, config.dim), arrays["patch_embed.bias"].dtype
        positions = np.zeros(shape, dtype) if fixed is None else to_host(fixed.data)
    positions = positions.copy()  # (1, front + N, D)
    if config.norm_pre:
        positions[:, front:] += arrays.pop("patch_embed.bias")
    alone = not config.dist_token and (config.registers > 0 or not positions[:, :front].any())
    if alone and front:
        arrays["cls_token"] = arrays["cls_token"] + positions[:, :front]
        positions = positions[:, front:]  # (1, N, D)
    arrays["pos_embed"] = positions
    return alone


def _name(key):
    return key.replace("patch_embed.", "patch_embed.proj.")


def _in_shape(key, value, config):
    if key == "patch_embed.weight":
        p, q = config.patch_size
        return value.reshape(p, q, config.channels, config.dim).transpose(3, 2, 0, 1)  # (P*Q*C, D) to (D, C, P, Q)
    return value.T if value.ndim == 2 else value  # (in, out) to (out, in)


def _described(config, no_embed_class):
    """The class and its arguments; norm_layer and mlp_layer are made of the two that JSON cannot say."""
    c, gated = config, config.activation == "swiglu"
    arguments = {
        **{"img_size": c.image_size, "patch_size": c.patch_size, "in_chans": c.channels, "num_classes": c.classes},
        **{"embed_dim": c.dim, "depth": c.depth, "num_heads": c.heads, "mlp_ratio": _ratio(c, gated)},
        **{"global_pool": "token" if c.pool == "cls" else "avg", "class_token": c.has_cls_token, "fc_norm": c.fc_norm},
        **{"no_embed_class": no_embed_class, "reg_tokens": c.registers, "pre_norm": c.norm_pre, "qk_norm": c.qk_norm},
        **{"init_values": c.layer_scale, "act_layer": "silu" if gated else c.activation},
    }
    return {
        "architecture": "VisionTransformerDistilled" if c.dist_token else "VisionTransformer",
        "model_args": arguments,
        "norm_eps": c.eps,
        "mlp_layer": "SwiGLUPacked" if gated else "Mlp",
    }


def _ratio(config, gated):
    """timm computes int(dim * mlp_ratio): that number, whatever rounding does to it."""
    width = 2 * swiglu_width(config.mlp_dim) if gated else config.mlp_dim
    ratio = width / config.dim
    return ratio if int(config.dim * ratio) == width else math.nextafter(ratio, math.inf)
