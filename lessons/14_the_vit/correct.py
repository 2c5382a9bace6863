"""Correct answers to lesson 14, written differently from the solution and from one another."""

import math

import numpy as np

from lessons import mine


def count_by_shapes(sizes):
    """Adds up the library's shapes."""
    import minivit

    return minivit.ViTConfig(**vars(sizes)).num_parameters()


def count_by_hand(sizes):
    """The formula in one line for each part."""
    d, m, p = sizes.dim, sizes.mlp_dim, sizes.patch_size
    n = (sizes.image_size // p) ** 2
    block = 4 * d * d + 2 * d * m + 4 * d + 4 * d + m + d  # four and two matrices; norms; biases
    return p * p * sizes.channels * d + d + d + (n + 1) * d + sizes.depth * block + 2 * d + d * sizes.classes + sizes.classes


def count_by_list(sizes):
    """A list of (inputs, outputs) of the Linears, and the rest."""
    d, m = sizes.dim, sizes.mlp_dim
    linears = [(sizes.patch_size**2 * sizes.channels, d), (d, sizes.classes)]
    linears += sizes.depth * [(d, 3 * d), (d, d), (d, m), (m, d)]
    tokens = 2 + (sizes.image_size // sizes.patch_size) ** 2
    return sum(a * b + b for a, b in linears) + tokens * d + (2 * sizes.depth + 1) * 2 * d


SHAPES = {
    "embed": lambda s: {
        "cls_token": (1, 1, s.dim),
        "pos_embed": (1, (s.image_size // s.patch_size) ** 2 + 1, s.dim),
        "patch_embed.weight": (s.patch_size**2 * s.channels, s.dim),
        "patch_embed.bias": (s.dim,),
    },
    "block": lambda s: {
        "norm1.weight": (s.dim,),
        "norm1.bias": (s.dim,),
        "attn.qkv.weight": (s.dim, 3 * s.dim),
        "attn.qkv.bias": (3 * s.dim,),
        "attn.proj.weight": (s.dim, s.dim),
        "attn.proj.bias": (s.dim,),
        "norm2.weight": (s.dim,),
        "norm2.bias": (s.dim,),
        "mlp.fc1.weight": (s.dim, s.mlp_dim),
        "mlp.fc1.bias": (s.mlp_dim,),
        "mlp.fc2.weight": (s.mlp_dim, s.dim),
        "mlp.fc2.bias": (s.dim,),
    },
}


def _all_shapes(sizes):
    found = dict(SHAPES["embed"](sizes))
    for i in range(sizes.depth):
        found |= {f"blocks.{i}.{name}": shape for name, shape in SHAPES["block"](sizes).items()}
    last = {"norm.weight": (sizes.dim,), "norm.bias": (sizes.dim,), "head.weight": (sizes.dim, sizes.classes)}
    return found | last | {"head.bias": (sizes.classes,)}


def _made(values):
    """The Tensors of a function from (name, shape) to first values."""

    def parameters(sizes, rng, pos_embed_std=0.02):
        arrays = {name: values(name, shape, rng, pos_embed_std) for name, shape in _all_shapes(sizes).items()}
        return {name: mine.Tensor(np.asarray(a, np.float32), requires_grad=True) for name, a in arrays.items()}

    return parameters


def _by_name(name, shape, rng, std):
    if name == "pos_embed":
        return rng.normal(0, std, shape)
    if len(shape) != 2 or name == "head.weight":
        return np.full(shape, float("norm" in name and "weight" in name))
    parts = 3 if "qkv" in name else 1
    return (2 * rng.random(shape) - 1) * math.sqrt(6 / (shape[0] + shape[1] / parts))


def _three_matrices(name, shape, rng, std):
    """qkv as three matrices side by side."""
    if "qkv.weight" in name:
        return np.concatenate([_by_name("proj.weight", (shape[0], shape[0]), rng, std) for _ in range(3)], axis=1)
    return _by_name(name, shape, rng, std)


def _from_the_library(sizes, rng, pos_embed_std=0.02):
    """The library's first values."""
    from minivit import ViT, ViTConfig

    model = ViT(ViTConfig(**vars(sizes), pos_embed_std=pos_embed_std), rng)
    return {name: mine.Tensor(array, requires_grad=True) for name, array in model.state_dict().items()}


by_name, three_matrices, from_the_library = _made(_by_name), _made(_three_matrices), _from_the_library


def pick_by_take(x):
    """np.take, and one-hot rows going back."""

    def backward(dy):
        return dy[:, None] * (np.arange(x.shape[1]) == 0).astype(dy.dtype)[:, None]

    return np.take(x, 0, axis=1), backward


def pick_by_padding(x):
    """Zeros behind."""

    def backward(dy):
        return np.pad(dy[:, None], ((0, 0), (0, x.shape[1] - 1), (0, 0)))

    return x[:, 0, :].copy(), backward


def pick_by_concatenation(x):
    """dy in front of zeros."""

    def backward(dy):
        return np.concatenate([dy[:, None], np.zeros_like(x[:, 1:])], axis=1)

    return x[:, :1].reshape(len(x), -1), backward


def _names(i):
    return [f"blocks.{i}.{name}" for name in SHAPES["block"](_ONE)]


class _ONE:
    dim = mlp_dim = 1


def vit_with_its_own_ops(parameters, images, sizes):
    """Each op made on the spot."""
    p = parameters
    x = mine.op(mine.patch_embed)(images, p["patch_embed.weight"], p["patch_embed.bias"], sizes.patch_size)
    x = mine.op(mine.embed_tokens)(x, p["cls_token"], p["pos_embed"])
    for i in range(sizes.depth):
        x = mine.op(mine.block)(x, *(p[name] for name in _names(i)), sizes.heads)
    x = mine.op(mine.layernorm)(x, p["norm.weight"], p["norm.bias"])
    return mine.op(mine.linear)(mine.op(pick_by_padding)(x), p["head.weight"], p["head.bias"])


def vit_norm_after_picking(parameters, images, sizes):
    """Picks the class token before the last norm, which treats every token alone."""
    p = parameters
    patches, _ = mine.patchify(images, sizes.patch_size)
    x = mine.op(mine.linear)(patches, p["patch_embed.weight"], p["patch_embed.bias"])
    x = mine.op(mine.embed_tokens)(x, p["cls_token"], p["pos_embed"])
    for i in range(sizes.depth):
        x = mine.op(mine.block)(x, *(p[name] for name in _names(i)), sizes.heads)
    x = mine.op(pick_by_take)(x)
    x = mine.op(mine.layernorm)(x, p["norm.weight"], p["norm.bias"])
    return mine.op(mine.linear)(x, p["head.weight"], p["head.bias"])


def vit_by_recursion(parameters, images, sizes):
    """Block after block by a function that calls itself."""
    p, block = parameters, mine.op(mine.block)

    def after(i):
        if i < 0:
            x = mine.op(mine.patch_embed)(images, p["patch_embed.weight"], p["patch_embed.bias"], sizes.patch_size)
            return mine.op(mine.embed_tokens)(x, p["cls_token"], p["pos_embed"])
        return block(after(i - 1), *(p[name] for name in _names(i)), sizes.heads)

    x = mine.op(mine.layernorm)(after(sizes.depth - 1), p["norm.weight"], p["norm.bias"])
    return mine.op(mine.linear)(mine.op(pick_by_concatenation)(x), p["head.weight"], p["head.bias"])


CORRECT = {
    "count_parameters": [count_by_shapes, count_by_hand, count_by_list],
    "vit_parameters": [by_name, three_matrices, from_the_library],
    "pick_class_token": [pick_by_take, pick_by_padding, pick_by_concatenation],
    "vit": [vit_with_its_own_ops, vit_norm_after_picking, vit_by_recursion],
}
for function, name in ((by_name, "by_name"), (three_matrices, "three_matrices")):
    function.__name__ = name
