"""As unlisted.py, for lesson 21: wrong answers that stand in no list, most of them right nearly everywhere."""

import numpy as np

from .unlisted_vit import listed, right

NUMBER = "21"


def then(name, change):
    """An exercise with its result changed: change(result, *arguments)."""
    return lambda *given: change(right(NUMBER, name)(*given), *given)


def before(name, change):
    """An exercise of other arguments than those that it was given."""
    return lambda *given: right(NUMBER, name)(*change(*given))


def _first_output_turned(weight, kernel):
    changed = weight.copy()
    changed[:, 0] = kernel[0].transpose(2, 1, 0).ravel()
    return changed


KERNEL = {
    "Only the first output is turned": then("patch_weight", _first_output_turned),
    "The channels are rolled by one": before("patch_weight", lambda kernel: (np.roll(kernel, 1, axis=1),)),
    "Rows alone are upside down": before("patch_weight", lambda kernel: (kernel[:, :, ::-1],)),
    "The outputs come in reverse": then("patch_weight", lambda weight, kernel: weight[:, ::-1]),
    "Divided by the pixels of a patch": then("patch_weight", lambda weight, kernel: weight / kernel[0, 0].size),
    "Channels first, but for grey": before(
        "patch_weight", lambda k: (k.reshape(len(k), *k.shape[2:], k.shape[1]).transpose(0, 3, 1, 2),)
    ),
}


def mapped(change):
    """to_minivit with its parameters changed: change(parameters, config) writes into a copy."""

    def to_minivit(weights, config):
        parameters, heads, eps = right(NUMBER, "to_minivit")(weights, config)
        parameters = {name: array.copy() for name, array in parameters.items()}
        change(parameters, config)
        return parameters, heads, eps

    return to_minivit


def _last_block(name, turn):
    def change(parameters, config):
        last = f"blocks.{config['num_hidden_layers'] - 1}.{name}"
        parameters[last] = turn(parameters[last])

    return change


def _swap(first, second):
    def change(parameters, config):
        parameters[first], parameters[second] = parameters[second], parameters[first]

    return change


def _v_of_the_first_token(qkv):
    return np.concatenate([qkv[..., : 2 * qkv.shape[-1] // 3], qkv[..., : qkv.shape[-1] // 3]], axis=-1)


def _scaled_queries(qkv):
    changed = qkv.copy()
    changed[..., : qkv.shape[-1] // 3] /= 2
    return changed


MAP = {
    "Only the last block's proj is not transposed": mapped(_last_block("attn.proj.weight", lambda w: w.T)),
    "The last block's values are its queries": mapped(_last_block("attn.qkv.weight", _v_of_the_first_token)),
    "The scale is put into the queries": mapped(_last_block("attn.qkv.weight", _scaled_queries)),
    "The query's bias is lost": mapped(_last_block("attn.qkv.bias", lambda b: b * (np.arange(len(b)) >= len(b) // 3))),
    "The class token is zero": mapped(lambda p, config: p["cls_token"].fill(0)),
    "The positions are in reverse": mapped(lambda p, config: p.update(pos_embed=p["pos_embed"][:, ::-1])),
    "The class token has its position in it": mapped(lambda p, config: p["cls_token"].__iadd__(p["pos_embed"][:, :1])),
    "The last norm is the last block's": mapped(lambda p, config: p.update({"norm.weight": p["blocks.0.norm2.weight"]})),
    "The head's bias is the patches'": mapped(
        lambda p, config: p.update({"head.bias": p["patch_embed.bias"][: len(p["head.bias"])]})
    ),
    "Norms begin at 1": mapped(lambda p, config: p["blocks.0.norm1.weight"].fill(1)),
    "One name with a point too many": mapped(lambda p, config: p.update({"head.weight.": p.pop("head.weight")})),
    "Heads as a text": then("to_minivit", lambda found, *_: (found[0], str(found[1]), found[2])),
    "Twelve heads if they fit": then(
        "to_minivit", lambda f, w, config: (f[0], 12 if config["hidden_size"] % 12 == 0 else f[1], f[2])
    ),
    "Eps is squared": then("to_minivit", lambda found, *_: (found[0], found[1], found[2] ** 2)),
    "Eps is at least 1e-6": then("to_minivit", lambda found, *_: (found[0], found[1], max(found[2], 1e-6))),
    "Heads and eps exchanged": then("to_minivit", lambda found, *_: (found[0], found[2], found[1])),
}


def _sharper(matrix, new, old):
    return (1.1 * matrix - 0.1 / old) if old > 1 else matrix


MATRIX = {
    "Mirrored where the number of places stays": then("resize_matrix", lambda m, new, old: m if new != old else m[::-1]),
    "Small weights are left out": then("resize_matrix", lambda m, new, old: np.where(np.abs(m) < 0.02, 0, m)),
    "Negative weights are cut": then("resize_matrix", lambda m, new, old: np.maximum(m, 0) / np.maximum(m, 0).sum(1)[:, None]),
    "Mirrored": then("resize_matrix", lambda m, new, old: m[::-1]),
    "Sharper than it was": then("resize_matrix", _sharper),
    "Float32": then("resize_matrix", lambda m, new, old: m.astype(np.float32)),
    "The last row is the last place": then("resize_matrix", lambda m, new, old: np.vstack([m[:-1], np.eye(old)[-1:]])),
    "A ratio with 0.1 in it": lambda new, old: _other_ratio(new, old, old / (new + 0.1)),
    "A ratio of whole numbers": lambda new, old: _other_ratio(new, old, old / new if new < old else 1 / max(1, new // old)),
    "The free number is one half": lambda new, old: _other_ratio(new, old, old / new, a=-0.5),
}


def _other_ratio(new, old, ratio, a=-0.75):
    matrix = np.zeros((new, old))
    for i in range(new):
        centre = (i + 0.5) * ratio - 0.5
        for place in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            t = abs(centre - place)
            inner, outer = ((a + 2) * t - (a + 3)) * t * t + 1, a * (t - 1) * (t - 2) ** 2
            matrix[i, min(max(place, 0), old - 1)] += inner if t <= 1 else outer if t < 2 else 0
    return matrix


POSITIONS = {
    "Scaled by the number of patches": then(
        "resize_positions", lambda r, p, grid, new: r * r.dtype.type((grid[0] * grid[1] / (new[0] * new[1])) ** 0.5)
    ),
    "The class token's position is added to all": then(
        "resize_positions", lambda r, *_: np.concatenate([r[:, :1], r[:, 1:] + r[:, :1]], axis=1)
    ),
    "The first patch stays as it is": then("resize_positions", lambda r, p, *_: np.concatenate([p[:, :2], r[:, 2:]], axis=1)),
    "The grid is mirrored": then("resize_positions", lambda r, *_: np.concatenate([r[:, :1], r[:, :0:-1]], axis=1)),
    "The channels are mirrored": then("resize_positions", lambda r, *_: r[..., ::-1]),
    "Rounded": then("resize_positions", lambda r, *_: np.round(r, 4)),
    "One axis is left out": then("resize_positions", lambda r, *_: r[0]),
    "Rows and columns of the new grid exchanged": before("resize_positions", lambda p, grid, new: (p, grid, new[::-1])),
    "Always float32": then("resize_positions", lambda r, *_: r.astype(np.float32)),
}


def _whites(prepared, picture, short, size, mean, std):
    return np.minimum(prepared, ((1 - mean) / std * 0.98).astype(prepared.dtype))


def _green_first(picture, short, size, mean, std):
    return picture[..., [1, 0, 2]], short, size, mean, std


PREPARE = {
    "White is cut": then("prepare", _whites),
    "Red and green are exchanged": before("prepare", _green_first),
    "Mirrored": then("prepare", lambda x, *_: x[:, ::-1]),
    "One pixel too far down": before("prepare", lambda p, *rest: (np.roll(p, -2, axis=0), *rest)),
    "The short side is one too long": before("prepare", lambda p, short, *rest: (p, short + 1, *rest)),
    "The mean of green for all": before("prepare", lambda p, s, size, mean, std: (p, s, size, 0 * mean + mean[1], std)),
    "Deviations are rounded": before("prepare", lambda p, s, size, mean, std: (p, s, size, mean, np.round(std, 2))),
    "Made grey": before("prepare", lambda p, *rest: (np.repeat(p.mean(-1, keepdims=True), 3, -1).astype(np.uint8), *rest)),
    "Always float32": then("prepare", lambda x, *_: x.astype(np.float32)),
    "A picture as a batch of one": then("prepare", lambda x, *_: x[None]),
}

WRONG = {
    NUMBER: {
        "patch_weight": listed(KERNEL),
        "to_minivit": listed(MAP),
        "resize_matrix": listed(MATRIX),
        "resize_positions": listed(POSITIONS),
        "prepare": listed(PREPARE),
    }
}
RIGHT = {
    NUMBER: {
        "patch_weight": before("patch_weight", lambda kernel: (kernel,)),
        "to_minivit": mapped(lambda parameters, config: None),
        "resize_matrix": lambda new, old: _other_ratio(new, old, old / new),
        "resize_positions": then("resize_positions", lambda r, *_: r),
        "prepare": then("prepare", lambda x, *_: x),
    }
}
