"""Correct answers to lesson 21, written differently from the solution and from one another."""

import math

import numpy as np

# patch_weight


def weight_by_einsum(kernel):
    """The axes by their letters."""
    dim, channels, rows, columns = kernel.shape
    return np.einsum("dcij->ijcd", kernel).reshape(rows * columns * channels, dim)


def weight_output_first(kernel):
    """Each output's row in the right order first, and the whole turned at the end."""
    return np.moveaxis(kernel, 1, 3).reshape(kernel.shape[0], -1).T


def weight_pixel_by_pixel(kernel):
    """A block of C rows for each pixel of a patch."""
    rows, columns = kernel.shape[2:]
    return np.concatenate([kernel[:, :, i, j].T for i in range(rows) for j in range(columns)])


# to_minivit

OWN = [("norm1", "layernorm_before"), ("attn.proj", "attention.output.dense"), ("norm2", "layernorm_after")]
OWN += [("mlp.fc1", "intermediate.dense"), ("mlp.fc2", "output.dense")]


def map_name_by_name(weights, config):
    """A walk over their names; q, k and v wait until all three are there."""
    found, waiting = {}, {}
    for name, array in weights.items():
        stem, _, kind = name.removeprefix("vit.").rpartition(".")
        array = np.ascontiguousarray(array.T) if array.ndim == 2 else array
        if stem.startswith("encoder.layer."):
            number, part = stem.removeprefix("encoder.layer.").split(".", 1)
            if part.startswith("attention.attention."):
                waiting[number, kind, part.rsplit(".", 1)[1]] = array
            else:
                own = next(own for own, theirs in OWN if theirs == part)
                found[f"blocks.{number}.{own}.{kind}"] = array
        elif array.ndim == 4:
            found["patch_embed.weight"] = weight_by_einsum(array)
        elif kind in ("cls_token", "position_embeddings"):
            found["pos_embed" if kind.startswith("p") else kind] = array
        else:
            other = {"embeddings.patch_embeddings.projection": "patch_embed", "layernorm": "norm", "classifier": "head"}
            found[f"{other[stem]}.{kind}"] = array
    for number, kind in {key[:2] for key in waiting}:
        three = [waiting[number, kind, part] for part in ("query", "key", "value")]
        found[f"blocks.{number}.attn.qkv.{kind}"] = np.concatenate(three, axis=three[0].ndim - 1)
    return found, config["num_attention_heads"], config["layer_norm_eps"]


def map_stacked_then_turned(weights, config):
    """q, k and v one below the other as they are, (3D, D), and then transposed; a list for the result."""
    found = {"cls_token": weights["vit.embeddings.cls_token"], "pos_embed": weights["vit.embeddings.position_embeddings"]}
    patches = "vit.embeddings.patch_embeddings.projection"
    pairs = [(patches, "patch_embed"), ("vit.layernorm", "norm"), ("classifier", "head")]
    for i in range(config["num_hidden_layers"]):
        pairs += [(f"vit.encoder.layer.{i}.{theirs}", f"blocks.{i}.{own}") for own, theirs in OWN]
        inner = f"vit.encoder.layer.{i}.attention.attention"
        for kind in ("weight", "bias"):
            stacked = np.concatenate([weights[f"{inner}.{part}.{kind}"] for part in ("query", "key", "value")])
            found[f"blocks.{i}.attn.qkv.{kind}"] = stacked.T
    for theirs, own in pairs:
        weight = weights[f"{theirs}.weight"]
        found[f"{own}.weight"] = weight_output_first(weight) if weight.ndim == 4 else weight.transpose()
        found[f"{own}.bias"] = weights[f"{theirs}.bias"].copy()
    return [found, config["num_attention_heads"], config["layer_norm_eps"]]


def map_into_empty_arrays(weights, config):
    """Empty arrays of the right shapes first, then filled; the number of blocks is counted from the names."""
    depth = sum(name.endswith("layernorm_before.bias") for name in weights)
    found = {"cls_token": weights["vit.embeddings.cls_token"], "pos_embed": weights["vit.embeddings.position_embeddings"]}
    theirs = {f"blocks.{i}.{own}": f"vit.encoder.layer.{i}.{name}" for i in range(depth) for own, name in OWN}
    theirs |= {"norm": "vit.layernorm", "head": "classifier"}
    for own, name in theirs.items():
        for kind in ("weight", "bias"):
            array = weights[f"{name}.{kind}"]
            found[f"{own}.{kind}"] = np.empty(array.shape[::-1], array.dtype)
            found[f"{own}.{kind}"][...] = np.swapaxes(array, 0, -1)
    for i in range(depth):
        for kind in ("weight", "bias"):
            q = weights[f"vit.encoder.layer.{i}.attention.attention.query.{kind}"]
            dim = q.shape[0]
            made = np.empty((*q.shape[1:], 3 * dim), q.dtype)
            for n, part in enumerate(("query", "key", "value")):
                made[..., n * dim : (n + 1) * dim] = weights[f"vit.encoder.layer.{i}.attention.attention.{part}.{kind}"].T
            found[f"blocks.{i}.attn.qkv.{kind}"] = made
    name = "vit.embeddings.patch_embeddings.projection"
    found["patch_embed.weight"] = weight_pixel_by_pixel(weights[f"{name}.weight"])
    found["patch_embed.bias"] = weights[f"{name}.bias"]
    return found, int(config["num_attention_heads"]), float(config["layer_norm_eps"])


# resize_matrix


def keys(t):
    """Keys' curve by its powers."""
    a, t = -0.75, abs(t)
    if t < 1:
        return 1 - (a + 3) * t**2 + (a + 2) * t**3
    return a * (-4 + 8 * t - 5 * t**2 + t**3) if t < 2 else 0.0


def matrix_of_all_pairs(new, old):
    """The distances of all places, with two more beyond each edge whose columns are added to the outermost."""
    centres = (2 * np.arange(new) + 1) * old / (2 * new) - 0.5  # (new,)
    wide = np.vectorize(keys, otypes=[float])(centres[:, None] - np.arange(-2, old + 2))  # (new, old + 4)
    matrix = wide[:, 2 : old + 2].copy()
    matrix[:, 0] += wide[:, :2].sum(axis=1)
    matrix[:, -1] += wide[:, old + 2 :].sum(axis=1)
    return matrix


def matrix_with_add_at(new, old):
    """All rows at once, a neighbour at a time."""
    matrix, rows = np.zeros((new, old)), np.arange(new)
    centres = (rows + 0.5) * (old / new) - 0.5
    below = np.floor(centres)
    for offset in (-1, 0, 1, 2):
        weights = [keys(t) for t in below + offset - centres]
        np.add.at(matrix, (rows, np.clip(below + offset, 0, old - 1).astype(int)), weights)
    return matrix


def matrix_of_columns(new, old):
    """Column k is what becomes of a row of numbers that is 1 at k and 0 elsewhere."""
    columns = []
    for one in np.eye(old):
        padded = np.pad(one, 2, mode="edge")
        values = []
        for i in range(new):
            centre = (i + 0.5) * old / new + 1.5  # in the padded row
            first = math.floor(centre) - 1
            values.append(sum(padded[first + n] * keys(centre - first - n) for n in range(4)))
        columns.append(values)
    return np.array(columns).T


# resize_positions


def positions_by_einsum(pos_embed, grid, new_grid):
    """All axes by their letters."""
    old = pos_embed[0, 1:].reshape(grid[0], grid[1], -1)
    rows, columns = matrix_with_add_at(new_grid[0], grid[0]), matrix_with_add_at(new_grid[1], grid[1])
    new = np.einsum("ia,jb,abd->ijd", rows, columns, old, optimize=True)
    resized = np.empty((1, 1 + new_grid[0] * new_grid[1], pos_embed.shape[2]), pos_embed.dtype)
    resized[:, 0], resized[0, 1:] = pos_embed[:, 0], new.reshape(-1, pos_embed.shape[2])
    return resized


def positions_by_kron(pos_embed, grid, new_grid):
    """Both matrices as one large one, (N', N)."""
    every = np.kron(matrix_of_all_pairs(new_grid[0], grid[0]), matrix_of_all_pairs(new_grid[1], grid[1]))
    return np.concatenate([pos_embed[0, :1], (every @ pos_embed[0, 1:]).astype(pos_embed.dtype)])[None]


def positions_number_by_number(pos_embed, grid, new_grid):
    """A picture for each of the D numbers."""
    rows, columns = matrix_of_columns(new_grid[0], grid[0]), matrix_of_columns(new_grid[1], grid[1])
    new = [rows @ pos_embed[0, 1:, d].reshape(grid) @ columns.T for d in range(pos_embed.shape[2])]
    whole = np.stack([np.append(pos_embed[0, 0, d], one) for d, one in enumerate(new)], axis=-1)
    return whole.astype(pos_embed.dtype)[np.newaxis]


# prepare


def _resized(picture, height, width):
    from PIL import Image

    return np.array(Image.fromarray(np.ascontiguousarray(picture)).resize((width, height), Image.Resampling.BICUBIC))


def prepare_by_cases(picture, short, size, mean, std):
    """Higher than wide, or not; channel by channel."""
    height, width, _ = picture.shape
    if height < width:
        small = _resized(picture, short, int(short * width / height))
    else:
        small = _resized(picture, int(short * height / width), short)
    top = round((small.shape[0] - size[0]) / 2.0)
    left = round((small.shape[1] - size[1]) / 2.0)
    small = small[top:, left:][: size[0], : size[1]]
    result = np.empty((*size, 3), mean.dtype)
    for c in range(3):
        result[..., c] = (small[..., c] / mean.dtype.type(255) - mean[c]) / std[c]
    return result


def prepare_with_a_table(picture, short, size, mean, std):
    """There are only 256 numbers: what becomes of each, for each colour, is looked up."""
    height, width = picture.shape[:2]
    shorter = min(height, width)
    small = _resized(picture, height * short // shorter, width * short // shorter)
    table = (np.arange(256, dtype=mean.dtype)[:, None] / 255 - mean) / std  # (256, 3)
    top, left = (round((have - want) / 2) for have, want in zip(small.shape, size, strict=False))
    crop = small[top : top + size[0], left : left + size[1]]
    return np.stack([table[crop[..., c], c] for c in range(3)], axis=2)


def prepare_multiplied_out(picture, short, size, mean, std):
    """One factor and one summand for each colour."""
    ratio = short / min(picture.shape[:2])
    new = [short if side == min(picture.shape[:2]) else math.floor(side * ratio + 1e-9) for side in picture.shape[:2]]
    small = _resized(picture, *new).astype(mean.dtype)
    rows, columns = ((have - want) / 2 for have, want in zip(new, size, strict=True))
    small = small[round(rows) : round(rows) + size[0], round(columns) : round(columns) + size[1]]
    return small * (1 / (255 * std)) - mean / std


CORRECT = {
    "patch_weight": [weight_by_einsum, weight_output_first, weight_pixel_by_pixel],
    "to_minivit": [map_name_by_name, map_stacked_then_turned, map_into_empty_arrays],
    "resize_matrix": [matrix_of_all_pairs, matrix_with_add_at, matrix_of_columns],
    "resize_positions": [positions_by_einsum, positions_by_kron, positions_number_by_number],
    "prepare": [prepare_by_cases, prepare_with_a_table, prepare_multiplied_out],
}
