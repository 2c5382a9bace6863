"""Weights that others trained, read into a ViT: `model, about = load_pretrained("vit.safetensors")`.

Names and shapes decide first (layouts.py), then what config.json beside the file says, and at last what nearly all models have
in common, which is said where it was assumed (recognised.py). Only when everything fits is an array read; each goes to its place,
one after the other.
"""

import math

import numpy as np

from ..data.formats.mapped import let_go
from ..data.formats.weights import read_weights
from . import layouts
from .counting import Shapes
from .recognised import sizes_of
from .resize import resized
from .vit import ViT

MAY_LACK = ("patch_embed.bias", ".attn.qkv.bias", "head.bias")  # the libraries can leave these out: zero
STRIP = 128  # columns
HEADS = ("head.weight", "head.bias", "head_dist.weight", "head_dist.bias")


def load_pretrained(path, *, dtype=np.float32, **changes):
    """(a ViT in evaluation mode, about) from a file of weights, or a folder with one, in the layout of timm, Hugging Face,
    torchvision, DeiT, DINO, MAE, Google (vit_jax, big_vision) or CLIP. `changes` replace fields of its ViTConfig: with another
    image_size the learned positions are resized as its authors' library does, with other classes the head is a new one, of zeros.

    about, beside what data.formats.weights.read_weights says:
        layout         whose names the file has: "timm"
        recognised     lines of text: layout and sizes, and the options, with what had to be assumed
        classes        names of the classes, where the file's config.json has them and the head is the file's
    Raises ValueError, with the path and what to do, for a file that cannot be read, is no ViT, or is one with a part that minivit
    has not; before any of its arrays is copied.
    """
    tree, about = read_weights(path)
    try:
        found = layouts.recognise(tree)
        sizes = sizes_of(found, about, changes)
        model = ViT(sizes.config, Shapes(dtype), dtype).eval()
        fresh = _check(model, found, sizes)
        tree.clear()
        _fill(model, found, sizes, fresh)
    except ValueError as error:
        raise ValueError(f"{about['path']}: {error}") from None
    except (LookupError, TypeError, AttributeError, ArithmeticError, MemoryError):  # for shapes and texts that no library writes
        raise ValueError(f"{about['path']}: its arrays do not have the axes of a Vision Transformer: use another copy") from None
    return model, about | sizes.about


def _check(model, found, sizes):
    """The names of the parameters that stay zero, as the file has none for them. Raises ValueError unless all others fit."""
    own = {name: parameter.shape for name, parameter in model.named_parameters()}
    fresh = {name for name in HEADS if name in own and (sizes.new_head or name not in found.sources)}
    fresh |= {name for name in own if name not in found.sources and name.endswith(MAY_LACK)}
    given = {*found.sources} - {*HEADS} if sizes.new_head else {*found.sources}
    if surplus := sorted(given - {*own} - sizes.folded):
        name = surplus[0]
        source = found.sources[name][0][0]
        given_as = f"{source} of shape {found.arrays[source].shape}{_others(surplus)}"
        raise ValueError(f"minivit's ViT has no place for {given_as}: take a plain Vision Transformer of {found.layout}")
    if missing := sorted({*own} - given - fresh - ({"reg_token"} if sizes.registers else set())):
        raise ValueError(f"it lacks {missing[0]}, as minivit calls it{_others(missing)}: use another copy")
    for name in own.keys() - fresh - {"pos_embed", "reg_token"}:
        shape, expected = found.shape(name), own[name]
        if shape != expected and (math.prod(shape) != math.prod(expected) or not name.endswith("token")):
            raise ValueError(
                f"{found.sources[name][0][0]} has shape {shape} as minivit writes it, but a ViT of these sizes has {expected}"
            )
    count = sum(found.shapes(name)[0][-2] for name in sizes.registers)
    if count != sizes.config.registers:
        raise ValueError(f"it has {count} registers, and {sizes.config.registers} were asked for: leave registers as they are")
    for name in given:
        for source, _ in found.sources[name]:
            if found.arrays[source].dtype.kind != "f":
                raise ValueError(f"{source} is {found.arrays[source].dtype}: take weights that are not quantised")
    return fresh


def _others(names):
    return f", and {len(names) - 1} more" if len(names) > 1 else ""


def _fill(model, found, sizes, fresh):
    def read(source, index):
        return found.arrays[source] if index is None else found.arrays[source][index]

    positions, extra = _positions(model, found, sizes, read)
    for name, parameter in model.named_parameters():
        if name == "pos_embed":
            array = positions.astype(parameter.dtype)
        elif name == "reg_token":
            array = extra.astype(parameter.dtype)
        elif name in fresh:
            continue
        else:
            array = _side_by_side(found.turned(name, read), parameter.shape, parameter.dtype)
        parameter.data = array
        for source, _ in found.sources.get(name, ()):
            let_go(found.arrays[source])


def _side_by_side(parts, shape, dtype):
    """The parts along the last axis of a new array, a strip at a time: several times faster for what is transposed."""
    array, end = np.empty(shape, dtype), 0
    for part in parts:
        for start in range(0, part.shape[-1], STRIP):
            strip = part[..., start : start + STRIP]
            array[..., end + start : end + start + strip.shape[-1]] = strip
        end += part.shape[-1]
    return array


def _positions(model, found, sizes, read):
    """(learned positions for the model's grid, or None, registers with their own added, or None), float64. A token in front of
    the patches that has no position in the file gets zeros."""
    config, dim = model.config, model.config.dim
    tokens = [np.asarray(read(*found.sources[name][0]), np.float64).reshape(1, -1, dim) for name in sizes.registers]
    registers = np.concatenate(tokens, axis=1) if tokens else None  # (1, R, D)
    if "pos_embed" not in found.sources:
        return None, registers
    rows = np.asarray(read(*found.sources["pos_embed"][0]), np.float64).reshape(-1, dim)
    rows, patches = rows[: sizes.front], rows[sizes.front :]
    if sizes.grid != config.grid:
        patches = resized(patches, sizes.grid, config.grid, sizes.way)
    first = config.has_cls_token + config.dist_token
    front = np.zeros((first, dim))
    front[: len(rows)] = rows[:first]
    behind = rows[first:]
    if len(behind):
        registers[0, : len(behind)] += behind
    return np.concatenate([front, patches])[None], registers
