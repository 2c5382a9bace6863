"""What a file of weights is: the ViTConfig that its names and shapes tell, with config.json beside it, and in words."""

import json
import math
from dataclasses import dataclass, field, fields

from ..checks import pair, plain, shown
from .config import ViTConfig

# d = D / h is 64 in nearly every model; these have 16 heads: so400m, H, g and G
SIXTEEN = (1152, 1280, 1408, 1664)
ACTIVATIONS = {
    **dict.fromkeys(("gelu", "gelu_erf", "GELU"), "gelu"),
    **dict.fromkeys(("gelu_new", "gelu_tanh", "gelu_pytorch_tanh"), "gelu_tanh"),
    **dict.fromkeys(("quick_gelu", "quickgelu"), "quick_gelu"),
}
KNOWN_TYPES = ("vit", "deit", "vit_mae", "dinov2", "dinov2_with_registers", "clip", "clip_vision_model")
# layout: (how it resizes positions, eps of its LayerNorms, activation)
HABITS = {
    "timm": ("timm", 1e-6, "gelu"),
    "Hugging Face": ("bicubic", 1e-12, "gelu"),
    "torchvision": ("torchvision", 1e-6, "gelu"),
    "DeiT": ("bicubic", 1e-6, "gelu"),
    "DeiT3": ("bicubic", 1e-6, "gelu"),
    "MAE": ("bicubic", 1e-6, "gelu"),
    "DINO": ("dino", 1e-6, "gelu"),
    "DINOv2": ("dino", 1e-6, "gelu"),
    "Google": ("google", 1e-6, "gelu_tanh"),
    "CLIP": ("timm", 1e-5, "quick_gelu"),
    "Hugging Face's CLIP": ("bicubic", 1e-5, "quick_gelu"),
}


@dataclass
class Sizes:
    """The model to build, and how the file's positions and tokens come into it."""

    config: ViTConfig
    grid: tuple  # of the file's positions
    front: int  # positions that stand in front of the patches'
    way: str  # in which they are resized
    registers: list  # our names of the tokens that become registers
    folded: set  # names in the file that have no place of their own
    new_head: bool
    about: dict = field(default_factory=dict)


def sizes_of(found, about, changes):
    """Sizes, from a layouts.Found, read_weights's about, and the fields of ViTConfig that are to be replaced. Raises ValueError
    for what does not fit together or cannot be told."""
    config, has = _spoken(about["config"] or _own(about)), set(found.sources)
    if wrong := [name for name in changes if name not in {f.name for f in fields(ViTConfig)}]:
        ViTConfig(**{wrong[0]: None})  # which says what ViTConfig has
    layout = _flavour(found, about, config)
    way, eps, activation = HABITS[layout]
    assumed = []
    new = _trunk(found)
    if "activation" not in new:
        new["activation"] = _activation(config, activation, "norm_pre.weight" in has, changes, assumed)
    new["eps"] = _eps(config, eps, layout, has, assumed)
    new["heads"] = _heads(found, config, new["dim"], changes, assumed)
    new["pool"] = _pool(found, config, new["dim"], has)
    kept = found.linear("head")[1] if "head.weight" in has else None
    new["classes"] = kept or changes.get("classes") or 1000
    # DeiT's distillation token is a register to a model that has no head for it
    registers = [name for name in ("dist_token", "reg_token") if name in has and not (name == "dist_token" and new["dist_token"])]
    new["registers"] = sum(found.shapes(name)[0][-2] for name in registers)
    first = ("cls_token" in has) + ("dist_token" in has)
    fronts = dict.fromkeys((first, 0, ("cls_token" in has) + new["dist_token"] + new["registers"]))
    grid, front = _grid(found, config, new, fronts, changes, assumed)
    new["image_size"] = tuple(count * side for count, side in zip(grid, new["patch_size"], strict=True))
    if "register_tokens" in found.marks or config.get("model_type") == "dinov2_with_registers":
        way = "timm"
    sizes = ViTConfig(**new | changes)
    made = Sizes(sizes, grid, front, way, registers, {*registers} - {"reg_token"}, kept is None or sizes.classes != kept)
    made.about = _about(made, found, layout, assumed, kept, config)
    return made


def _trunk(found):
    """The fields that shapes and names alone tell."""
    has = set(found.sources)
    (source, _), *_ = found.sources["patch_embed.weight"]
    kernel = found.shapes("patch_embed.weight")[0]
    if len(kernel) != 4:
        raise ValueError(f"its patch embedding has shape {kernel}: it must be a convolution, whose patches have sides")
    if "/" in source:  # Google's (P, P, C, D)
        patch, (channels, dim) = kernel[:2], kernel[2:]
    else:  # (D, C, P, P)
        patch, (dim, channels) = kernel[2:], kernel[:2]
    depth = _depth(has)
    if not depth or not {"blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.weight"} <= has:
        raise ValueError("it has no blocks with an MLP: use another copy, or take a plain Vision Transformer")
    wide, hidden = found.linear("blocks.0.mlp.fc1")[1], found.linear("blocks.0.mlp.fc2")[0]
    new = {"patch_size": patch, "channels": channels, "dim": dim, "depth": depth, "mlp_dim": wide}
    if wide == 2 * hidden:
        if hidden % 8:
            raise ValueError(f"its SwiGLU is {hidden} wide, and minivit's is a multiple of 8")
        new |= {"activation": "swiglu", "mlp_dim": hidden * 3 // 2}
    if "pre_logits.weight" in has:
        new["representation_size"] = found.linear("pre_logits")[1]
    new |= {"norm_pre": "norm_pre.weight" in has, "fc_norm": "fc_norm.weight" in has, "dist_token": "head_dist.weight" in has}
    new |= {"qk_norm": "blocks.0.attn.q_norm.weight" in has, "layer_scale": 1e-5 if "blocks.0.ls1.gamma" in has else None}
    return new


def _depth(has):
    """How many blocks there are, numbered without a gap."""
    numbers = sorted({int(name.split(".")[1]) for name in has if name.startswith("blocks.")})
    for number, expected in zip(numbers, range(len(numbers)), strict=True):
        if number != expected:
            raise ValueError(f"it has block {number}, and no block {expected}: use another copy")
    return len(numbers)


def _flavour(found, about, config):
    """Which of those that share timm's names wrote the file."""
    marks, has = found.marks, set(found.sources)
    if found.layout != "timm" or "timm" in config:
        return found.layout
    stem = about["path"].stem.lower()
    if "gamma_" in marks:
        return "DeiT3"
    if {"register_tokens", ".w12."} & marks or ("the mask token" in found.left_out and "decoder_" not in marks):
        return "DINOv2"
    if "DINO's projection head" in found.left_out or "teacher" in marks or stem.startswith("dino"):
        return "DINOv2" if "blocks.0.ls1.gamma" in has else "DINO"
    if "decoder_" in marks or ("fc_norm.weight" in has and "model" in marks):
        return "MAE"
    return "DeiT" if "model" in marks else "timm"


def _own(about):
    """What minivit.save(…, layout="timm") wrote into the file itself, or None."""
    try:
        return json.loads(about["metadata"]["timm"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def _spoken(config):
    """What config.json says, Hugging Face's or timm's, in one manner; {} for another program's."""
    if not isinstance(config, dict):
        return {}
    if "architecture" in config or "pretrained_cfg" in config:
        args = config.get("model_args") or {}
        cfg = config.get("pretrained_cfg") or {}
        size = args.get("img_size") or (cfg.get("input_size") or [None, None, None])[1:]
        said = {"timm": str(config.get("architecture", "")), "heads": args.get("num_heads"), "image_size": size}
        said |= {"pool": args.get("global_pool", config.get("global_pool")), "activation": args.get("act_layer")}
        said["eps"] = config.get("norm_eps")
        return said | {"classes": config.get("label_names")}
    if not {"model_type", "hidden_size", "architectures"} & set(config):
        return {}
    kind = config.get("model_type")
    if kind is not None and kind not in KNOWN_TYPES:
        raise ValueError(f"config.json says model_type {shown(kind)}, which minivit's ViT is not; it is {', '.join(KNOWN_TYPES)}")
    inner = config.get("vision_config") if isinstance(config.get("vision_config"), dict) else config
    said = {"model_type": kind, "heads": inner.get("num_attention_heads"), "image_size": inner.get("image_size")}
    said |= {"activation": inner.get("hidden_act"), "eps": inner.get("layer_norm_eps"), "dim": inner.get("hidden_size")}
    names = config.get("id2label")
    if isinstance(names, dict):
        said["classes"] = [names.get(str(i)) for i in range(len(names))]
    return said


def _activation(config, activation, clip, changes, assumed):
    said = config.get("activation")
    if "quickgelu" in config.get("timm", ""):
        return "quick_gelu"
    if said is not None:
        if not isinstance(said, str) or said not in ACTIVATIONS:
            raise ValueError(
                f"config.json says activation {shown(said)}; minivit has {', '.join(dict.fromkeys(ACTIVATIONS.values()))}"
            )
        return ACTIVATIONS[said]
    if clip and "timm" not in config and "activation" not in changes:
        assumed.append(f"activation {activation}, as CLIP's models differ")
    return activation


def _eps(config, eps, layout, has, assumed):
    if config.get("eps") is not None:
        return config["eps"]
    if layout == "timm" and "norm_pre.weight" in has:
        return 1e-5
    if layout == "Hugging Face":
        eps = 1e-6 if "blocks.0.ls1.gamma" in has else eps
        assumed.append(f"eps {eps:g}")
    return eps


def _heads(found, config, dim, changes, assumed):
    """h, which no shape of a fused q, k, v tells: a wrong number gives wrong answers without any error."""
    source = found.sources["blocks.0.attn.qkv.weight"][0] if "blocks.0.attn.qkv.weight" in found.sources else ("", None)
    if "/" in source[0]:
        return found.shapes("blocks.0.attn.qkv.weight")[0][1]  # Google's (D, h, d)
    if config.get("heads") is not None:
        return config["heads"]
    if "blocks.0.attn.q_norm.weight" in found.sources:
        return dim // found.shapes("blocks.0.attn.q_norm.weight")[0][0]
    if "heads" in changes:
        return changes["heads"]
    if dim not in SIXTEEN and dim % 64:
        raise ValueError(f"nothing says how many heads share its width of {dim}: name them, heads={max(1, dim // 64)}")
    heads = 16 if dim in SIXTEEN else dim // 64
    assumed.append(f"{heads} heads")
    return heads


def _pool(found, config, dim, has):
    said = config.get("pool")
    if said not in (None, "", "token", "avg"):
        raise ValueError(
            f"config.json says global_pool {shown(said)}; minivit's ViT takes the class token, or the mean of the patches"
        )
    if "cls_token" not in has:
        return "mean"
    reads = found.linear("pre_logits" if "pre_logits.weight" in has else "head")[0] if "head.weight" in has else dim
    if reads == 2 * dim:
        return "cls_and_patches"
    return "patches" if said == "avg" or (said is None and "fc_norm.weight" in has) else "cls"


def _grid(found, config, new, fronts, changes, assumed):
    """((rows, columns) of the patches that the positions are for, how many positions stand in front of them)."""
    patch = new["patch_size"]
    if "pos_embed" not in found.sources:
        if found.layout != "Google":
            raise ValueError("it has no learned positions, pos_embed: minivit has no way to tell where its patches stand")
        new["pos_embed"] = "sincos2d"
        size = pair("image_size", changes.get("image_size", 224))
        assumed.append("fixed positions of sines and cosines")
        return (size[0] // patch[0], size[1] // patch[1]), 0
    rows = found.shapes("pos_embed")[0][-2]
    sides = [(math.isqrt(max(rows - n, 0)),) * 2 for n in fronts]
    for grid in (_grid_of(config.get("image_size"), patch), *sides, _grid_of(changes.get("image_size"), patch)):
        if grid and (front := [n for n in fronts if rows - n == math.prod(grid)]):
            return grid, front[0]
    raise ValueError(f"it has {rows} positions, for no square of patches: say image_size=(height, width) as it was trained")


def _grid_of(size, patch):
    """(rows, columns) of the patches of images of that size, or None if it is none."""
    try:
        high, wide = pair("image_size", plain(size))
        return high // patch[0], wide // patch[1]
    except ValueError:
        return None


def _about(made, found, layout, assumed, kept, config):
    """What load_pretrained tells beside the model."""
    c = made.config
    size = (
        f"layout {layout}: patches of {c.patch_size[0]} x {c.patch_size[1]}, width {c.dim}, {c.depth} blocks, {c.heads} heads, "
        f"images of {c.image_size[0]} x {c.image_size[1]}, {c.classes} classes"
    )
    usual = {f.name: f.default for f in fields(ViTConfig)}
    always = ("pool", "activation", "eps")
    names = "layer_scale qk_norm registers dist_token norm_pre fc_norm representation_size pos_embed".split()
    options = [*always, *(name for name in names if getattr(c, name) != usual[name])]
    lines = [f"options: {', '.join(f'{name} {getattr(c, name)}' for name in options)}"]
    if assumed:
        lines.append(f"assumed: {', '.join(assumed)}")
    if made.new_head:
        lines.append("a new head, of zeros" + (f", in the place of one for {kept} classes" if kept else ": it had none"))
    if made.grid != c.grid:
        lines.append(f"positions resized from {made.grid[0]} x {made.grid[1]} to {c.grid[0]} x {c.grid[1]}, as {layout} does")
    if found.left_out:
        lines.append(f"left out: {', '.join(found.left_out)}")
    told = {"layout": layout, "recognised": [size, "; ".join(lines)]}
    return told | ({"classes": config["classes"]} if not made.new_head and _are_names(config.get("classes"), c.classes) else {})


def _are_names(names, count):
    """Whether they are so many texts, and not the LABEL_0, LABEL_1, ... that Hugging Face writes where there are none."""
    texts = isinstance(names, list) and len(names) == count and all(isinstance(name, str) for name in names)
    return texts and not all(name.startswith("LABEL_") for name in names)
