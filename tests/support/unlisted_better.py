"""As unlisted.py, for lesson 22: wrong answers that stand in no list, most of them right nearly everywhere."""

import math

import numpy as np

from lessons import mine

from .unlisted_vit import any_op, listed, right

NUMBER = "22"


def split_with(change):
    """soft_split with other arguments than those that it was given."""
    return lambda x, size, stride, padding: right(NUMBER, "soft_split")(x, *change(x, size, stride, padding))


def split_same(x, size, stride, padding):
    """Frames as much as keeps the size of the image, whatever is asked for."""
    return right(NUMBER, "soft_split")(x, size, stride, (size - 1) // 2 if padding else 0)


def index_with(change):
    """relative_index with its result changed."""
    return lambda rows, columns: change(*right(NUMBER, "relative_index")(rows, columns), rows, columns)


INDEX = {
    "Counts from 1": index_with(lambda index, entries, h, w: (index + 1, entries)),
    "Counts backwards": index_with(lambda index, entries, h, w: (entries - 1 - index, entries)),
    "Knows square grids only": index_with(lambda index, entries, h, w: (index, entries if h == w else 4 * h * w)),
    "One entry for rows and columns of zero steps": index_with(lambda i, e, h, w: (np.where(i == e // 2, 0, i), e)),
    "Each pair has an entry of its own": index_with(lambda i, e, h, w: (np.arange(i.size).reshape(i.shape), i.size)),
    "Whole numbers as fractions": index_with(lambda index, entries, h, w: (index * 1.01, entries)),
    "One entry too many": index_with(lambda index, entries, h, w: (index, entries + 1)),
}


def angles_with(change):
    """axial_angles with its result changed."""
    return lambda rows, columns, width: change(right(NUMBER, "axial_angles")(rows, columns, width), rows, columns, width)


ANGLES = {
    "In halves of turns": angles_with(lambda a, h, w, d: a * math.pi),
    "Backwards": angles_with(lambda a, h, w, d: -a),
    "Places from 0 to 1": angles_with(lambda a, h, w, d: a / max(h, w)),
    "Centred on the image": angles_with(lambda a, h, w, d: np.concatenate([a[:1], a[1:] - a[1:].mean(axis=0)])),
    "The fastest speed last": angles_with(lambda a, h, w, d: a.reshape(len(a), 2, -1)[..., ::-1].reshape(a.shape)),
    "The class token as the first patch of the second row": angles_with(lambda a, h, w, d: np.concatenate([a[-w:][:1], a[1:]])),
}


def rotate_other_half(x, angles):
    """Leaves the second half of the pairs, that of the rows, as it is."""
    angles = np.where(np.arange(angles.shape[1]) < (angles.shape[1] + 1) // 2, angles, 0).astype(angles.dtype)
    return right(NUMBER, "rotate")(x, angles)


def rotate_but_the_first(x, angles):
    """Never turns the first token, which is the class token only in a ViT."""
    return right(NUMBER, "rotate")(x, np.concatenate([0 * angles[:1], angles[1:]]))


def rotate_small_angles(x, angles):
    """Takes a for the sine of a."""
    y, backward = right(NUMBER, "rotate")(x, angles)
    first, second = x[..., 0::2], x[..., 1::2]
    y = np.stack([first * np.cos(angles) - second * angles, first * angles + second * np.cos(angles)], axis=-1)
    return y.reshape(x.shape), backward


def parameters_with(change):
    """part_parameters with each Tensor changed: change(name, array, rng)."""

    def part_parameters(sizes, part, rng):
        found = right(NUMBER, "part_parameters")(sizes, part, rng)
        return {name: mine.Tensor(change(name, tensor.data, rng), requires_grad=True) for name, tensor in found.items()}

    return part_parameters


def _first_blocks(name, array, rng):
    return np.ones_like(array) if name.startswith("blocks.0") and "gamma" in name else array


PARAMETERS = {
    "gamma is random": parameters_with(lambda n, a, rng: rng.uniform(0, 0.2, a.shape).astype(a.dtype) if "gamma" in n else a),
    "gamma is 1 in the first block": parameters_with(_first_blocks),
    "The table is larger at the start": parameters_with(lambda n, a, rng: 5 * a),
    "The table is nowhere negative": parameters_with(lambda n, a, rng: abs(a)),
    "Everything is float16": parameters_with(lambda n, a, rng: a.astype(np.float16)),
    "The table is transposed": parameters_with(lambda n, a, rng: a.T),
}


def compare_with(
    results=lambda found: found, seeds=lambda part, seeds: seeds, steps=lambda part, budget, cost: budget // cost(part)
):
    """compare with one piece exchanged."""

    def compare(parts, all_seeds, budget, cost, train):
        if len(set(all_seeds)) < 3:
            raise ValueError
        found = {}
        for part in parts:
            runs = np.array([train(part, seed, steps(part, budget, cost)) for seed in seeds(part, all_seeds)])
            found[part] = runs.mean(), runs.std(ddof=1)
        return results(found)

    return compare


COMPARE = {
    "Leaves the worst part out": compare_with(lambda found: dict(sorted(found.items(), key=lambda f: f[1])[1:])),
    "Adds the mean to the first part's": compare_with(lambda f: {p: (m + 1e-6, s) for p, (m, s) in f.items()}),
    "The seeds are counted anew for each part": compare_with(seeds=lambda part, seeds: range(len(seeds))),
    "Other seeds for what costs more": compare_with(seeds=lambda part, seeds: [s + (part == "wide") for s in seeds]),
    "The budget is spent twice by the second part": compare_with(steps=lambda p, b, cost: b // cost(p) * (1 + (p == "wide"))),
    "At least 20 steps for everybody": compare_with(steps=lambda part, budget, cost: max(20, budget // cost(part))),
    "One deviation for all": compare_with(lambda f: {p: (m, next(iter(f.values()))[1]) for p, (m, s) in f.items()}),
}
SPLIT = {
    "Never moves by more than 1": split_with(lambda x, size, stride, padding: (size, 1, padding)),
    "The frame is one wider": split_with(lambda x, size, stride, padding: (size, stride, padding + 1)),
    "The frame is 1 at most": split_with(lambda x, size, stride, padding: (size, stride, min(padding, 1))),
}

WRONG = {
    NUMBER: {
        "soft_split": [*any_op(NUMBER, "soft_split", linear=True), *listed(SPLIT), split_same],
        "relative_index": listed(INDEX),
        "position_bias": any_op(NUMBER, "position_bias", linear=True),
        "biased_attention": any_op(NUMBER, "biased_attention"),
        "axial_angles": listed(ANGLES),
        "rotate": [*any_op(NUMBER, "rotate"), rotate_other_half, rotate_but_the_first, rotate_small_angles],
        "layer_scale": any_op(NUMBER, "layer_scale"),
        "part_parameters": listed(PARAMETERS),
        "compare": listed(COMPARE),
    }
}
RIGHT = {NUMBER: {"part_parameters": parameters_with(lambda n, a, rng: a), "compare": compare_with()}}
