"""Lesson 21: the weights of somebody else's ViT in yours, positions for another grid, a photograph as a model wants it."""

import itertools
import math
import numbers

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Wrong, kind, same, solution_with

TITLE = "A pretrained ViT"
MINUTES = 50
NEEDS = ["08", "09", "12", "14"]
GOALS = [
    "You can read a file of weights that another library has written into your own ViT, and prove that the logits are the same.",
    "You can name the slips that change the answer and raise no error, and say why programs are compared in float64.",
    "You can fit positions to another grid with two small matrices, and derive their entries.",
    "You can prepare a photograph as a model wants it, and say what each step is for.",
]
PICTURE = (
    "Left, the logits of nine classes: a grey bar from the library for each, and an orange dot from the own ViT on the "
    "end of each bar. "
    "Middle, a bar for each slip on a scale of powers of ten: no slip below 1e-15, float32 below and a wrong epsilon "
    "above 1e-6, all "
    "others near 1. Right, digits read over the side of the grid: both lines begin at 4 patches with nearly all digits. With "
    "positions resized it is about three quarters from 5 patches on; with the old ones repeated in reading order it falls "
    "to what "
    "guessing gives."
)

# ---------------------------------------------------------------- patch_weight


def kernel_cases(rng):
    shapes = {
        "ordinary": (5, 3, 2, 2),
        "grey": (4, 1, 3, 3),
        "one output": (1, 2, 3, 3),
        "patches of one pixel": (4, 3, 1, 1),
        "as many of everything": (3, 3, 3, 3),
    }
    return {label: (rng.standard_normal(shape),) for label, shape in shapes.items()}


def kernel_spec(kernel):
    dim, channels, size, _ = kernel.shape
    weight = np.zeros((size * size * channels, dim))
    for d, c, i, j in np.ndindex(kernel.shape):
        weight[(i * size + j) * channels + c, d] = kernel[d, c, i, j]
    return weight


MOVED = "moved = kernel.transpose(2, 3, 1, 0)  # (P, P, C, D)"
JOINED = "weight = moved.reshape(-1, len(kernel))  # (P·P·C, D)"
KERNEL = {
    "channels": "Here all of red comes first in a patch, then all of green. In your ViT "
    "the three numbers of a pixel stay together: row, column, channel.",
    "turned": "Rows and columns of a patch are exchanged: the row changes slowest, then the column, then the channel.",
    "reshape": "A reshape alone moves no number: the output would still change slowest. It has to change fastest.",
    "between": "Here the channel stands between row and column. It should change fastest: row, column, channel.",
    "column": "Here the column changes slowest. The order is row, column, channel.",
    "both": "The channels come first, and rows and columns are exchanged. The order is row, column, channel.",
    "blue": "Red and blue are exchanged: channel 0 of the kernel is channel 0 of the picture.",
    "flip": "The kernel is turned upside down. What libraries call a convolution takes the kernel as it is.",
}
KERNEL_MISTAKES = [
    Mistake(KERNEL["channels"], f"{MOVED}\n    {JOINED}", "weight = kernel.reshape(len(kernel), -1).T"),
    Mistake(KERNEL["turned"], MOVED, "moved = kernel.transpose(3, 2, 1, 0)"),
    Mistake(KERNEL["reshape"], MOVED, "moved = kernel"),
    Mistake(KERNEL["reshape"], MOVED, "moved = kernel.transpose(0, 2, 3, 1)"),
    Mistake(KERNEL["between"], MOVED, "moved = kernel.transpose(2, 1, 3, 0)"),
    Mistake(KERNEL["column"], MOVED, "moved = kernel.transpose(3, 1, 2, 0)"),
    Mistake(KERNEL["both"], MOVED, "moved = kernel.transpose(1, 3, 2, 0)"),
    Mistake(KERNEL["blue"], MOVED, "moved = kernel[:, ::-1].transpose(2, 3, 1, 0)"),
    Mistake(KERNEL["flip"], MOVED, "moved = kernel[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)"),
    Mistake("", JOINED, "weight = moved.reshape(len(kernel), -1)", step="shape"),
    Mistake("", JOINED, "weight = moved.reshape(-1, len(kernel)) * np.float64(1)", step="dtype"),
]

# ---------------------------------------------------------------- to_minivit

LINEARS = ("attn.proj", "mlp.fc1", "mlp.fc2", "head")
THEIRS = {
    "norm1": "layernorm_before",
    "attn.proj": "attention.output.dense",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


def small_model(rng, dim, mlp, depth, heads, eps, channels=3, patch=2, classes=5):
    """(weights, config) with the names and shapes of Hugging Face's, for four patches."""

    def both(name, *shape):
        return {f"{name}.weight": rng.standard_normal(shape), f"{name}.bias": rng.standard_normal(shape[0])}

    weights = {"vit.embeddings.cls_token": rng.standard_normal((1, 1, dim))}
    weights["vit.embeddings.position_embeddings"] = rng.standard_normal((1, 5, dim))
    weights |= both("vit.embeddings.patch_embeddings.projection", dim, channels, patch, patch)
    for i in range(depth):
        layer = f"vit.encoder.layer.{i}"
        for part in ("query", "key", "value"):
            weights |= both(f"{layer}.attention.attention.{part}", dim, dim)
        weights |= both(f"{layer}.attention.output.dense", dim, dim)
        weights |= both(f"{layer}.intermediate.dense", mlp, dim) | both(f"{layer}.output.dense", dim, mlp)
        weights |= both(f"{layer}.layernorm_before", dim) | both(f"{layer}.layernorm_after", dim)
    weights |= both("vit.layernorm", dim) | both("classifier", classes, dim)
    config = {"hidden_size": dim, "intermediate_size": mlp, "num_hidden_layers": depth, "num_attention_heads": heads}
    config |= {"layer_norm_eps": eps, "patch_size": patch, "num_channels": channels, "image_size": 2 * patch}
    return weights, config


def in_minivit(weights, config):
    """{name: array}: what to_minivit should give, written out."""
    found = {
        "cls_token": weights["vit.embeddings.cls_token"],
        "pos_embed": weights["vit.embeddings.position_embeddings"],
        "patch_embed.weight": kernel_spec(weights["vit.embeddings.patch_embeddings.projection.weight"]),
        "patch_embed.bias": weights["vit.embeddings.patch_embeddings.projection.bias"],
    }
    for i in range(config["num_hidden_layers"]):
        layer = f"vit.encoder.layer.{i}"
        for own, theirs in THEIRS.items():
            found[f"blocks.{i}.{own}.weight"] = np.swapaxes(weights[f"{layer}.{theirs}.weight"], 0, -1)
            found[f"blocks.{i}.{own}.bias"] = weights[f"{layer}.{theirs}.bias"]
        q, k, v = _parts(weights, i, "weight")
        found[f"blocks.{i}.attn.qkv.weight"] = np.concatenate([q, k, v]).T  # (3D, D) and then (D, 3D)
        found[f"blocks.{i}.attn.qkv.bias"] = np.concatenate(_parts(weights, i, "bias"))
    return found | {
        "norm.weight": weights["vit.layernorm.weight"],
        "norm.bias": weights["vit.layernorm.bias"],
        "head.weight": weights["classifier.weight"].T,
        "head.bias": weights["classifier.bias"],
    }


def _parts(weights, i, which):
    return [weights[f"vit.encoder.layer.{i}.attention.attention.{part}.{which}"] for part in ("query", "key", "value")]


MAP = {
    "three": "to_minivit should give three things: the dictionary of parameters, heads, eps.",
    "missing": "A parameter of lesson 14 is missing, or is called otherwise.",
    "extra": "There is an array too many: a name that your ViT does not have.",
    "transposed": "This matrix is not transposed: theirs is (out, in), yours (in, out).",
    "square": "q, k and v stand side by side, and are not transposed. They are square, so no shape tells.",
    "some": "Of q, k and v not all are transposed. They are square, so no shape tells.",
    "reshape": "A reshape gives a matrix the right shape and moves no number. Transposing moves them.",
    "order": "q, k and v are in another order. Lesson 12 cuts the columns into q, k, v.",
    "q and k": "q and k have changed places. Who looks and who is looked at would be exchanged: q, k, v.",
    "heads": "The columns are sorted by head: q, k and v of head 0, then those of head 1. All of q comes first, then all "
    "of k, then v.",
    "stacked": "q, k and v stand one below the other, (3D, D). Side by side they are (D, 3D).",
    "bias order": "The three biases are in another order than their weights should be: q, k, v.",
    "bias zero": "This bias is zero here. Theirs has one, and it is not.",
    "other": "These are the numbers of another parameter.",
    "blocks": "These are the numbers of another block: each has its own.",
    "turned around": "A LayerNorm's weight and bias have changed places.",
    "array": "A parameter is not an array.",
    "patch": "The patch embedding's weight is not what patch_weight makes of the kernel.",
    "shape": "A parameter has another shape than in lesson 14.",
    "value": "A parameter does not have the numbers that it should.",
    "dtype": "float32 does not stay float32.",
    "heads64": "heads was computed from the width: D / 64 is a habit of many models and no rule. The config says it.",
    "width": "heads is how many there are, and not how many numbers each has.",
    "layers": "heads is the number of blocks here: the config has both.",
    "how many": "heads is not the config's num_attention_heads.",
    "eps": "eps is 1e-6, yours of lesson 08. This model was trained with the one in its config. Only float64 shows the "
    "difference.",
    "other eps": "eps is not the config's layer_norm_eps.",
    "changed": "The dictionary of weights that came in is changed: others still read it. Only the new one is yours to fill.",
    "logits": "The arrays are right, but own_vit does not give the library's logits. Was it changed? reset gives the "
    "lesson's again.",
}


def check_map(function, namespace, rng):
    cases = {
        "ordinary": small_model(rng, 12, 8, 2, 3, 1e-12),
        "other sizes": small_model(rng, 4, 9, 3, 1, 1e-5, channels=1, patch=3, classes=2),
        "64 numbers a head, one": small_model(rng, 64, 5, 1, 4, 1e-12, patch=1),
        "as wide everywhere": small_model(rng, 6, 6, 1, 2, 1e-6, classes=6),
    }
    for label, (weights, config) in cases.items():
        for array in weights.values():
            array.flags.writeable = False
        theirs = dict(weights)
        parameters, heads, eps = _three(function(theirs, dict(config)))
        if any(theirs.get(name) is not array for name, array in weights.items()) or len(theirs) != len(weights):
            raise Wrong(MAP["changed"])
        _same_parameters(parameters, weights, config, label)
        _same_numbers(heads, eps, config, label)
        if label == "ordinary":
            single = {name: array.astype(np.float32) for name, array in weights.items()}
            changed = [name for name, array in _three(function(single, config))[0].items() if array.dtype != np.float32]
            if changed:
                raise Wrong(f"{MAP['dtype']}\n{changed[0]}")
            yield "names, shapes, numbers; float32 stays float32"
    yield "heads and eps from the config"
    small = solution_with("21", Mistake(""))["fixture"]()
    parameters, heads, eps = function(small["weights"], small["config"])
    _same_parameters(parameters, small["weights"], small["config"], "the library's small model")
    logits = namespace["own_vit"](parameters, small["images"], heads, eps)
    difference = np.abs(logits - small["logits"]).max() / np.abs(small["logits"]).max()
    if not difference < 1e-10:
        raise Wrong(f"{MAP['logits']}\ndifference {difference:.1e} of the largest logit")
    yield f"the library's small model in your own ViT: logits differ by {difference:.0e} of the largest"


def _three(given):
    if not isinstance(given, tuple | list) or len(given) != 3 or not isinstance(given[0], dict):
        raise Wrong(f"{MAP['three']}\nyours gives {kind(given)}")
    return given


def _same_parameters(parameters, weights, config, label):
    wanted = in_minivit(weights, config)
    if missing := [name for name in wanted if name not in parameters]:
        raise Wrong(f"{MAP['missing']}\n{missing[0]} ({len(missing)} of {len(wanted)} missing; {label})")
    if extra := [name for name in parameters if name not in wanted]:
        raise Wrong(f"{MAP['extra']}\n{extra[0]} ({label})")
    for name, want in wanted.items():
        found = parameters[name]
        if not isinstance(found, np.ndarray):
            raise Wrong(f"{MAP['array']}\n{name} is {kind(found)}")
        if found.shape == want.shape and np.array_equal(found, want):
            continue
        told = f"{name}, {found.shape}, want {want.shape} ({label})"
        raise Wrong(f"{MAP[_slip(name, found, wanted, weights, config)]}\n{told}")


def _slip(name, found, wanted, weights, config):
    """The key of the sentence for a wrong parameter."""
    want = wanted[name]

    def is_(array):
        return found.shape == array.shape and same(found, array)

    if ".attn.qkv." in name:
        block, which = int(name.split(".")[1]), name.split(".")[-1]
        return _slip_of_three(found, *_parts(weights, block, which), config["num_attention_heads"])
    if name == "patch_embed.weight":
        return "patch"
    if want.ndim == 2 and is_(want.T):
        return "transposed"
    others = [other for other, array in wanted.items() if other != name and is_(array)]
    others += [other for other, array in wanted.items() if other != name and array.ndim == 2 and is_(array.T)]
    if any(other.split(".")[2:] == name.split(".")[2:] for other in others if other.startswith("blocks.")):
        return "blocks"
    if others:
        part, _, which = name.rpartition(".")
        turned = others[0] == f"{part}.{'bias' if which == 'weight' else 'weight'}"
        return "turned around" if turned else "other"
    if found.shape != want.shape:
        return "shape"
    if want.ndim == 2 and is_(want.T.reshape(want.shape)):
        return "reshape"
    return "bias zero" if name.endswith("bias") and not found.any() else "value"


def _slip_of_three(found, q, k, v, heads):
    def is_(array):
        return found.shape == array.shape and same(found, array)

    orders = {"q and k": (k, q, v), **{f"order {i}": order for i, order in enumerate(itertools.permutations((q, k, v)))}}
    if q.ndim == 1:
        if not found.any():
            return "bias zero"
        alike = next((name for name, order in orders.items() if is_(np.concatenate(order))), None)
        if alike:
            return "bias order"
        return "heads" if is_(np.stack([x.reshape(heads, -1) for x in (q, k, v)], axis=1).ravel()) else "value"
    for name, order in orders.items():
        if is_(np.concatenate([x.T for x in order], axis=1)):
            return name.split(" ")[0] if name.startswith("order") else name
    if is_(np.concatenate([q, k, v], axis=1)):
        return "square"
    if any(is_(np.concatenate(mixed, axis=1)) for mixed in itertools.product((q, q.T), (k, k.T), (v, v.T))):
        return "some"
    rows = np.concatenate([q, k, v])  # (3D, D)
    if is_(rows.reshape(len(q), -1)) or is_(np.concatenate([q.T, k.T, v.T]).reshape(len(q), -1)):
        return "reshape"
    if found.shape == rows.shape:
        return "stacked"
    by_head = np.stack([x.reshape(heads, -1, len(q)) for x in (q, k, v)], axis=1).reshape(-1, len(q)).T
    if is_(by_head):
        return "heads"
    return "shape" if found.shape != by_head.shape else "value"


def _same_numbers(heads, eps, config, label):
    wanted, dim = config["num_attention_heads"], config["hidden_size"]
    if not isinstance(heads, numbers.Integral) or heads != wanted:
        by_habit = heads in (dim // 64, dim / 64, max(1, dim // 64))
        names = {dim // wanted: "width", config["num_hidden_layers"]: "layers"}
        name = "heads64" if by_habit else names.get(heads, "how many") if isinstance(heads, numbers.Integral) else "how many"
        raise Wrong(f"{MAP[name]}\nyours {heads!r}, wanted {wanted}, with D = {dim} ({label})")
    if eps != config["layer_norm_eps"]:
        raise Wrong(f"{MAP['eps' if eps == 1e-6 else 'other eps']}\nyours {eps!r}, wanted {config['layer_norm_eps']!r} ({label})")


HEADS, EPS = 'heads = config["num_attention_heads"]', 'eps = config["layer_norm_eps"]'
ONE = 'parameters[f"blocks.{i}.{own}.{kind}"] = weights[f"{layer}.{theirs}.{kind}"].T'
HEAD = 'parameters[f"{own}.weight"] = weights[f"{theirs}.weight"].T  # the kernel\'s is replaced below'
BIAS = 'parameters[f"{own}.bias"] = weights[f"{theirs}.bias"]'
PARTS = '("query", "key", "value")'
THREE = f'three = [weights[f"{{layer}}.attention.attention.{{part}}.{{kind}}"].T for part in {PARTS}]'
FUSED = 'parameters[f"blocks.{i}.attn.qkv.{kind}"] = np.concatenate(three, axis=-1)  # (D, 3D) or (3D,)'
PATCH = 'parameters["patch_embed.weight"] = patch_weight(kernel)'
LAYER = 'layer = f"vit.encoder.layer.{i}"'
FUSED_BY_HEAD = (
    'sorted_ = [t.reshape(*t.shape[:-1], config["num_attention_heads"], -1) for t in three]\n'
    '            parameters[f"blocks.{i}.attn.qkv.{kind}"] = np.stack(sorted_, axis=-2).reshape(*three[0].shape[:-1], -1)'
)
MAP_MISTAKES = [
    Mistake(MAP["transposed"], ONE, ONE.removesuffix(".T")),
    Mistake(MAP["transposed"], ONE, f'{ONE.removesuffix(".T")}\n                if "fc" in own:\n                    {ONE}'),
    Mistake(MAP["transposed"], HEAD, HEAD.partition(".T ")[0]),
    Mistake(
        MAP["reshape"],
        ONE,
        f'{ONE}\n                if "fc" in own and kind == "weight":\n                    '
        'w = weights[f"{layer}.{theirs}.weight"]\n                    '
        'parameters[f"blocks.{i}.{own}.weight"] = w.reshape(w.shape[::-1])',
    ),
    Mistake(MAP["square"], THREE, THREE.replace("].T for", "] for")),
    Mistake(MAP["some"], FUSED, f"three[2] = three[2].T\n            {FUSED}"),
    Mistake(MAP["q and k"], THREE, THREE.replace(PARTS, '("key", "query", "value")')),
    Mistake(MAP["order"], THREE, THREE.replace(PARTS, '("value", "key", "query")')),
    Mistake(MAP["order"], THREE, THREE.replace(PARTS, '("query", "value", "key")')),
    Mistake(
        MAP["bias order"],
        THREE,
        THREE.replace(PARTS, f'({PARTS} if kind == "weight" else ("key", "query", "value"))'),
    ),
    Mistake(MAP["heads"], FUSED, FUSED_BY_HEAD),
    Mistake(MAP["stacked"], FUSED, FUSED.replace("axis=-1", "axis=0")),
    Mistake(MAP["reshape"], FUSED, FUSED.replace("(three, axis=-1)", "(three).reshape(*three[0].shape[:-1], -1)")),
    Mistake(MAP["bias zero"], FUSED, f'{FUSED}\n        parameters[f"blocks.{{i}}.attn.qkv.bias"] = 0 * np.hstack(three)'),
    Mistake(MAP["blocks"], LAYER, 'layer = "vit.encoder.layer.0"'),
    Mistake(MAP["other"], ONE, ONE.replace("blocks.{i}.{own}", "blocks.{i}.{dict(norm1='norm2', norm2='norm1').get(own, own)}")),
    Mistake(
        MAP["turned around"],
        BIAS,
        f'{BIAS}\n        if own == "norm":\n            w, b = parameters["norm.weight"], parameters["norm.bias"]\n'
        '            parameters["norm.weight"], parameters["norm.bias"] = b, w',
    ),
    Mistake(MAP["patch"], PATCH, 'parameters["patch_embed.weight"] = kernel.reshape(len(kernel), -1).T'),
    Mistake(MAP["patch"], PATCH, "pass"),
    Mistake(MAP["missing"], BIAS, f'{BIAS}\n        parameters.pop("head.bias", None)'),
    Mistake(MAP["missing"], 'for i in range(config["num_hidden_layers"]):', 'for i in range(config["num_hidden_layers"] - 1):'),
    Mistake(MAP["missing"], 'parameters[f"{own}.weight"] = weights', 'parameters[f"{own}.kernel"] = weights'),
    Mistake(MAP["extra"], PATCH, f'{PATCH}\n    parameters["patch_embed.proj.weight"] = kernel'),
    Mistake(MAP["changed"], PATCH, f"{PATCH}\n    weights.pop('vit.embeddings.cls_token')"),
    Mistake(MAP["dtype"], PATCH, f"{PATCH}.astype(np.float64)"),
    Mistake(MAP["heads64"], HEADS, 'heads = config["hidden_size"] // 64'),
    Mistake(MAP["heads64"], HEADS, 'heads = config["hidden_size"] / 64'),
    Mistake(MAP["heads64"], HEADS, 'heads = max(1, config["hidden_size"] // 64)'),
    Mistake(MAP["width"], HEADS, 'heads = config["hidden_size"] // config["num_attention_heads"]'),
    Mistake(MAP["layers"], HEADS, 'heads = config["num_hidden_layers"]'),
    Mistake(MAP["how many"], HEADS, "heads = 12"),
    Mistake(MAP["eps"], EPS, "eps = 1e-6"),
    Mistake(MAP["other eps"], EPS, "eps = 1e-12"),
    Mistake(MAP["three"], "return parameters, heads, eps", "return parameters"),
]

# ---------------------------------------------------------------- resize_matrix


def matrix_cases(rng):
    return {
        "ordinary": (5, 3),
        "twice as many": (4, 2),
        "fewer": (3, 5),
        "the same": (4, 4),
        "from one place": (3, 1),
        "to one place": (1, 4),
        "14 to 24": (24, 14),
        "24 to 14": (14, 24),
    }


def _weight(t):
    a, t = -0.75, abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0


def matrix_spec(new, old):
    matrix = np.zeros((new, old))
    for i in range(new):
        centre = (2 * i + 1) * old / (2 * new) - 0.5
        for place in range(-3, old + 3):  # all that could be near enough
            matrix[i, max(0, min(place, old - 1))] += _weight(centre - place)
    return matrix


CENTRE = "centre = (i + 0.5) * old / new - 0.5"
AROUND = "for place in range(math.floor(centre) - 1, math.floor(centre) + 3):"
ADDED = "matrix[i, min(max(place, 0), old - 1)] += keys_weight(centre - place)"
MATRIX = {
    "aligned": "The ends meet here, aligned corners: (old − 1)/(new − 1). A place is as wide as any other, and its middle "
    "lies half a "
    "place inside.",
    "halves": "The two halves are missing: the middle of a place is half its width behind its beginning. Everything is "
    "moved to one side.",
    "half": "The second half is missing: old places are counted from the middle of the first, so half an old place has to go.",
    "ratio": "The ratio is upside down. More new places lie closer together: old / new.",
    "int": "int cuts towards zero, and −1/4 becomes 0. The neighbours begin below the floor, and that of −1/4 is −1.",
    "round": "The neighbours are counted from the nearest place. Two must lie on each side: from the floor.",
    "line": "Only two neighbours are used. There are four: two on each side.",
    "three": "One of the four neighbours is left out, or all are shifted: from floor − 1 to floor + 2, both included.",
    "equals": "At the edge several weights fall on one old place, and the last one wins: = where they should add up.",
    "wrapped": "What lies beyond one edge is taken from the other: a negative index counts from the end. The outermost "
    "place is repeated.",
    "dropped": "What lies beyond the edge is left out, and the row does not add up to 1. The outermost place is repeated.",
    "renormalised": "What lies beyond the edge is left out and the rest made larger. This library repeats the outermost place.",
    "linear": "These are the weights of a straight line, 1 − distance. keys_weight gives those of the smooth curve.",
    "distance": "The distance is measured from the floor, a whole number. It is measured from the centre.",
    "nearest": "Only the nearest place is used. There are four neighbours.",
    "wide": "The curve was made wider, so that it averages. This library's resize of positions does not, even where there "
    "are fewer.",
}
MATRIX_MISTAKES = [
    Mistake(MATRIX["aligned"], CENTRE, "centre = i * (old - 1) / max(new - 1, 1)"),
    Mistake(MATRIX["halves"], CENTRE, "centre = i * old / new"),
    Mistake(MATRIX["half"], CENTRE, "centre = (i + 0.5) * old / new"),
    Mistake(MATRIX["ratio"], CENTRE, "centre = (i + 0.5) * new / old - 0.5"),
    Mistake(MATRIX["int"], AROUND, "for place in range(int(centre) - 1, int(centre) + 3):"),
    Mistake(MATRIX["round"], AROUND, "for place in range(round(centre) - 1, round(centre) + 3):"),
    Mistake(MATRIX["line"], AROUND, "for place in range(math.floor(centre), math.floor(centre) + 2):"),
    Mistake(MATRIX["three"], AROUND, "for place in range(math.floor(centre) - 1, math.floor(centre) + 2):"),
    Mistake(MATRIX["three"], AROUND, "for place in range(math.floor(centre), math.floor(centre) + 3):"),
    Mistake(MATRIX["three"], AROUND, "for place in range(math.floor(centre) - 2, math.floor(centre) + 2):"),
    Mistake(MATRIX["equals"], ADDED, ADDED.replace("+=", "=")),
    Mistake(MATRIX["wrapped"], ADDED, "matrix[i, place % old] += keys_weight(centre - place)"),
    Mistake(MATRIX["dropped"], ADDED, f"if 0 <= place < old:\n                {ADDED}"),
    Mistake(
        MATRIX["renormalised"], ADDED, f"if 0 <= place < old:\n                {ADDED}\n        matrix[i] /= matrix[i].sum()"
    ),
    Mistake(MATRIX["linear"], ADDED, "matrix[i, min(max(place, 0), old - 1)] += max(0, 1 - abs(centre - place))"),
    Mistake(MATRIX["distance"], ADDED, "matrix[i, min(max(place, 0), old - 1)] += keys_weight(math.floor(centre) - place)"),
    Mistake(MATRIX["nearest"], AROUND, "for place in [math.floor(centre + 0.5)]:\n            centre = place"),
    Mistake(
        MATRIX["wide"],
        f"{AROUND}\n            {ADDED}",
        "wide = max(1, old / new)\n"
        "        for place in range(math.floor(centre - 2 * wide), math.floor(centre + 2 * wide) + 1):\n"
        "            matrix[i, min(max(place, 0), old - 1)] += keys_weight((centre - place) / wide)\n"
        "        matrix[i] /= matrix[i].sum()",
    ),
    Mistake("", "return matrix", "return matrix.T", step="shape"),
    Mistake("", ADDED, "matrix[i, place] += keys_weight(centre - place)", step="run"),
]

# ---------------------------------------------------------------- resize_positions


def position_cases(rng):
    def given(grid, new_grid, dim):
        return rng.standard_normal((1, 1 + grid[0] * grid[1], dim)), grid, new_grid

    return {
        "ordinary": given((2, 3), (5, 4), 7),
        "higher than wide": given((4, 2), (5, 3), 3),
        "smaller": given((4, 5), (3, 2), 6),
        "the same grid": given((2, 3), (2, 3), 4),
        "one row": given((1, 4), (2, 3), 5),
        "a square": given((3, 3), (4, 4), 5),
    }


def position_spec(pos_embed, grid, new_grid):
    dim = pos_embed.shape[2]
    rows, columns = (matrix_spec(new, old) for new, old in zip(new_grid, grid, strict=True))
    result = np.zeros((1, 1 + new_grid[0] * new_grid[1], dim))
    result[0, 0] = pos_embed[0, 0]
    for i, j in np.ndindex(*new_grid):
        for k, m in np.ndindex(*grid):
            result[0, 1 + i * new_grid[1] + j] += rows[i, k] * columns[j, m] * pos_embed[0, 1 + k * grid[1] + m]
    return result


APART = "token, patches = pos_embed[:, :1], pos_embed[0, 1:]  # (1, 1, D), (N, D)"
MATRICES = "rows, columns = (resize_matrix(new, old) for new, old in zip(new_grid, grid, strict=True))"
CHANNELS = "channels = patches.reshape(*grid, -1).transpose(2, 0, 1)  # (D, rows, columns)"
LARGER = "larger = (rows @ channels @ columns.T).transpose(1, 2, 0)  # (new rows, new columns, D)"
BACK = "larger = larger.reshape(1, -1, pos_embed.shape[-1]).astype(pos_embed.dtype)  # (1, N', D)"
TOGETHER = "resized = np.concatenate([token, larger], axis=1)  # (1, 1+N', D)"
POSITIONS = {
    "last": "The last position was left out of the grid in place of the class token's. The class token is token 0.",
    "end": "The class token's position stands at the end. It is the first.",
    "zero": "The class token's position is lost. It is no part of the grid, and stays as it is.",
    "mean": "The class token's position was changed. It is no part of the grid, and stays as it is.",
    "with": "The class token was resized with the patches. It has no place in the image: only the patches lie on the grid.",
    "read": "Rows and columns of the old grid are exchanged. Patches come in reading order: all columns of row 0 first.",
    "written": "Your new positions come column by column. They should be in reading order: all columns of row 0 first.",
    "reshape": "The channels were brought to the front by a reshape, which moves no number. It takes a transposition.",
    "back": "The channels were brought back by a reshape, which moves no number. It takes a transposition.",
    "inverse": "The matrices were made for the way back, and transposed: their rows do not add up to 1.",
    "one axis": "The positions were resized as one line of N places. They lie on a grid: along each axis by itself.",
    "rows": "Only the rows were resized with weights: the columns are taken as they come.",
    "columns": "Only the columns were resized with weights: the rows are taken as they come.",
    "same": "Both axes were resized alike. Each has its own old and new number of places.",
}
POSITION_MISTAKES = [
    Mistake(POSITIONS["last"], APART, "token, patches = pos_embed[:, -1:], pos_embed[0, :-1]"),
    Mistake(POSITIONS["last"], APART, "token, patches = pos_embed[:, :1], pos_embed[0, :-1]"),
    Mistake(POSITIONS["end"], TOGETHER, "resized = np.concatenate([larger, token], axis=1)"),
    Mistake(POSITIONS["zero"], TOGETHER, "resized = np.concatenate([0 * token, larger], axis=1)"),
    Mistake(POSITIONS["mean"], TOGETHER, "resized = np.concatenate([larger.mean(axis=1, keepdims=True), larger], axis=1)"),
    Mistake(
        POSITIONS["with"],
        f"{MATRICES}\n    {CHANNELS}\n    {LARGER}\n    {BACK}\n    {TOGETHER}",
        "every = resize_matrix(1 + new_grid[0] * new_grid[1], 1 + len(patches))\n"
        "    resized = (every @ pos_embed[0]).astype(pos_embed.dtype)[None]",
    ),
    Mistake(
        POSITIONS["one axis"],
        f"{MATRICES}\n    {CHANNELS}\n    {LARGER}",
        "larger = resize_matrix(new_grid[0] * new_grid[1], len(patches)) @ patches",
    ),
    Mistake(POSITIONS["read"], CHANNELS, "channels = patches.reshape(*grid[::-1], -1).transpose(2, 1, 0)"),
    Mistake(POSITIONS["written"], LARGER, "larger = (rows @ channels @ columns.T).transpose(2, 1, 0)"),
    Mistake(POSITIONS["reshape"], CHANNELS, "channels = patches.reshape(-1, *grid)"),
    Mistake(POSITIONS["back"], LARGER, "larger = rows @ channels @ columns.T"),
    Mistake(POSITIONS["inverse"], MATRICES, "rows, columns = (resize_matrix(old, new).T for new, old in zip(new_grid, grid))"),
    Mistake(
        POSITIONS["rows"],
        LARGER,
        "nearest = np.arange(new_grid[1]) * grid[1] // new_grid[1]\n"
        "    larger = (rows @ channels[:, :, nearest]).transpose(1, 2, 0)",
    ),
    Mistake(
        POSITIONS["columns"],
        LARGER,
        "nearest = np.arange(new_grid[0]) * grid[0] // new_grid[0]\n"
        "    larger = (channels[:, nearest] @ columns.T).transpose(1, 2, 0)",
    ),
    Mistake("", LARGER, "larger = (columns @ channels @ rows.T).transpose(1, 2, 0)", step="run"),
    Mistake("", LARGER, "larger = (rows @ channels @ columns).transpose(1, 2, 0)", step="run"),
    Mistake("", ".astype(pos_embed.dtype)  # (1, N', D)", "", step="dtype"),
    Mistake("", TOGETHER, "resized = larger", step="shape"),
]

# ---------------------------------------------------------------- prepare


def picture_cases(rng):
    def given(height, width, short, size):
        picture = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        return picture, short, size, rng.uniform(0.3, 0.6, 3), rng.uniform(0.2, 0.4, 3)

    # where half a pixel is left over, it goes up for one number and down for another, at the upper edge as at the left one
    return {
        "ordinary": given(22, 37, 17, (12, 10)),
        "higher than wide": given(41, 23, 15, (9, 12)),
        "nothing to crop": given(16, 24, 8, (8, 12)),
        "enlarged": given(9, 12, 16, (13, 16)),
        "a square": given(20, 20, 12, (8, 8)),
    }


def picture_spec(picture, short, size, mean, std):
    from PIL import Image

    height, width = picture.shape[:2]
    new = short, math.floor(short * width / height)
    if height > width:
        new = math.floor(short * height / width), short
    small = np.array(Image.fromarray(picture).resize(new[::-1], Image.Resampling.BICUBIC), dtype=np.float64)
    top, left = round((new[0] - size[0]) / 2), round((new[1] - size[1]) / 2)
    result = np.zeros((*size, 3))
    for i, j, c in np.ndindex(*size, 3):
        result[i, j, c] = (small[top + i, left + j, c] / 255 - mean[c]) / std[c]
    return result


SIDES = "new = [short * side // min(sides) for side in sides]  # the short side becomes short"
SMALL = "small = resized(picture, *new)"
CORNER = "top, left = (round((have - want) / 2) for have, want in zip(new, size, strict=True))"
CROP = "cropped = small[top : top + size[0], left : left + size[1]]  # (height, width, 3)"
RESULT = "prepared = (cropped.astype(mean.dtype) / 255 - mean) / std"
PREPARE = {
    "long": "The long side was given the length, and the crop reaches over the edge. It is the short side that has it.",
    "round": "The long side was rounded to the nearest. It is rounded down.",
    "squeezed": "The picture was squeezed to the size of the crop: its form is lost. Resize the short side, then crop.",
    "square": "Both sides were made short. The picture keeps its form: the long side stays longer.",
    "only": "The picture was cropped and not resized: the model would see a small piece of it.",
    "before": "The crop comes before the resize. First the whole picture is made smaller, then its middle is cut out.",
    "corner": "The crop was taken at the upper left corner. It is taken from the middle.",
    "lower": "The crop was taken at the lower right corner. It is taken from the middle.",
    "half": "The crop is off by a pixel where half a pixel is left over: Python's round decides, half to even.",
    "sides": "Height and width were exchanged for resized: the picture is squeezed into the other form.",
    "turned": "Rows and columns of the crop's corner are exchanged: the upper edge comes from the heights, the left one "
    "from the widths.",
    "255": "The division by 255 is missing. Mean and deviation are for numbers from 0 to 1.",
    "256": "It is divided by 256. White is 255, and should become 1.",
    "late": "The mean was subtracted before the division by 255. It is a mean of numbers from 0 to 1.",
    "no mean": "The mean was not subtracted.",
    "no std": "It was not divided by the deviation.",
    "exchanged": "Mean and deviation are exchanged.",
    "times": "It was multiplied by the deviation: what spreads little has to be stretched, so divide.",
    "variance": "It was divided by the square of the deviation.",
    "added": "The mean was added. It is subtracted, so that numbers lie around 0.",
    "grey": "One mean and one deviation were used for all colours. Each of red, green and blue has its own.",
    "own": "The mean and the deviation are those of this picture. They are the training pictures', the same for all.",
    "blue": "Red and blue are exchanged. The picture comes as red, green, blue, and so does the mean.",
    "mean's blue": "The means are in the order blue, green, red. Nothing was to be turned around.",
    "one": "The picture was brought to −1 ... 1, whatever mean and deviation were given.",
}


def crop_first(picture, short, size, mean, std):
    """The middle with the form of the crop, as large as it fits, then resized to the crop."""
    resized = solution_with("21", Mistake(""))["resized"]
    height, width = picture.shape[:2]
    factor = min(height / size[0], width / size[1])
    tall, wide = int(size[0] * factor), int(size[1] * factor)
    top, left = (height - tall) // 2, (width - wide) // 2
    small = resized(picture[top : top + tall, left : left + wide], *size)
    return (small.astype(mean.dtype) / 255 - mean) / std


PREPARE_MISTAKES = [
    Mistake(PREPARE["long"], SIDES, "new = [short * side // max(sides) for side in sides]"),
    Mistake(PREPARE["round"], SIDES, "new = [round(short * side / min(sides)) for side in sides]"),
    Mistake(PREPARE["squeezed"], f"{SMALL}\n    {CORNER}\n    {CROP}", "cropped = resized(picture, *size)"),
    Mistake(PREPARE["square"], SIDES, "new = [short, short]"),
    Mistake(PREPARE["only"], f"{SIDES}\n    {SMALL}", "small, new = picture, sides"),
    Mistake(PREPARE["before"], function=crop_first),
    Mistake(PREPARE["corner"], CORNER, "top, left = 0, 0"),
    Mistake(PREPARE["lower"], CORNER, "top, left = new[0] - size[0], new[1] - size[1]"),
    Mistake(PREPARE["half"], CORNER, "top, left = ((have - want) // 2 for have, want in zip(new, size, strict=True))"),
    Mistake(PREPARE["half"], CORNER, "top, left = (-((want - have) // 2) for have, want in zip(new, size, strict=True))"),
    *(
        Mistake(PREPARE["half"], CORNER, f"{CORNER}\n    {edge} = (new[{axis}] - size[{axis}]{more}) // 2")
        for axis, edge in enumerate(("top", "left"))
        for more in ("", " + 1")
    ),
    Mistake(PREPARE["sides"], SMALL, "small = resized(picture, *new[::-1])"),
    Mistake(PREPARE["turned"], CORNER, CORNER.replace("top, left", "left, top")),
    Mistake(PREPARE["255"], RESULT, "prepared = (cropped.astype(mean.dtype) - mean) / std"),
    Mistake(PREPARE["256"], RESULT, RESULT.replace("255", "256")),
    Mistake(PREPARE["late"], RESULT, "prepared = (cropped.astype(mean.dtype) - mean) / 255 / std"),
    Mistake(PREPARE["no mean"], RESULT, "prepared = cropped.astype(mean.dtype) / 255 / std"),
    Mistake(PREPARE["no std"], RESULT, "prepared = cropped.astype(mean.dtype) / 255 - mean"),
    Mistake(PREPARE["exchanged"], RESULT, "prepared = (cropped.astype(mean.dtype) / 255 - std) / mean"),
    Mistake(PREPARE["times"], RESULT, "prepared = (cropped.astype(mean.dtype) / 255 - mean) * std"),
    Mistake(PREPARE["variance"], RESULT, "prepared = (cropped.astype(mean.dtype) / 255 - mean) / std**2"),
    Mistake(PREPARE["added"], RESULT, "prepared = (cropped.astype(mean.dtype) / 255 + mean) / std"),
    Mistake(PREPARE["grey"], RESULT, "prepared = (cropped.astype(mean.dtype) / 255 - mean.mean()) / std.mean()"),
    Mistake(
        PREPARE["own"],
        RESULT,
        "x = cropped.astype(mean.dtype) / 255\n    prepared = (x - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))",
    ),
    Mistake(PREPARE["blue"], RESULT, RESULT.replace("cropped.", "cropped[..., ::-1].")),
    Mistake(PREPARE["mean's blue"], RESULT, "prepared = (cropped.astype(mean.dtype) / 255 - mean[::-1]) / std[::-1]"),
    Mistake(PREPARE["one"], RESULT, "prepared = cropped.astype(mean.dtype) / 255 * 2 - 1"),
    Mistake("", RESULT, RESULT + "\n    prepared = prepared.transpose(2, 0, 1)", step="shape"),
    Mistake("", RESULT, "prepared = (cropped / 255 - mean) / std", step="dtype"),
    Mistake("", CROP, "cropped = small[top : top + size[1], left : left + size[0]]", step="shape"),
]

EXERCISES = [
    Exercise(
        name="patch_weight",
        cases=kernel_cases,
        spec=kernel_spec,
        mistakes=KERNEL_MISTAKES,
        hints={
            "": (
                "Four axes: output, channel, row, column. In which order must they stand before three of them are joined?",
                "Row, column, channel, output. A transposition takes the numbers of the old axes, in the new order; rows "
                "are axis 2.",
                "Then one reshape: as many columns as there are outputs, and -1 for the rows. The example's column is 1 5 "
                "2 6 3 7 4 8.",
            )
        },
        read={"": "A kernel is a matrix"},
    ),
    Exercise(
        name="to_minivit",
        check=check_map,
        mistakes=MAP_MISTAKES,
        hints={
            "": (
                "Two loops, one over ONCE and one over the blocks with IN_A_BLOCK in it. Which arrays are Linears, and "
                "which are not?",
                "A matrix with two axes is transposed; .T leaves an array with one axis as it is. The kernel goes through "
                "patch_weight. "
                "query, key and value are the only ones that are joined, in each block, once for the weights and once for the "
                "biases.",
                "The names are f-strings with the number of the block in them, and .weight or .bias behind. np.concatenate along "
                "the last axis "
                "lays matrices side by side, and biases one behind the other. heads and eps are two look-ups in config.",
            )
        },
        read={"": "From their names to yours"},
        after="own_vit",
    ),
    Exercise(
        name="resize_matrix",
        cases=matrix_cases,
        spec=matrix_spec,
        mistakes=MATRIX_MISTAKES,
        hints={
            "": (
                "One row for each new place. Where is its middle, in old places?",
                "math.floor gives the old place to the left of it. With the one before that and two after, there are four. Each "
                "brings keys_weight of its distance.",
                "Before a place is used as an index, bring it into 0 ... old - 1 with min and max. The weight belongs to "
                "the distance "
                "before that. Add with +=. From 2 to 4 the first row is 283/256 and -27/256.",
            )
        },
        read={"": "Another grid"},
    ),
    Exercise(
        name="resize_positions",
        cases=position_cases,
        spec=position_spec,
        mistakes=POSITION_MISTAKES,
        hints={
            "": (
                "Set the class token's position aside, and put it back in front at the end.",
                "The rest is a grid with D numbers at each place. With the D in front, a matrix on the left mixes rows, "
                "and a transposed "
                "one on the right mixes columns.",
                "From (rows, columns, D) to the front: axis 2 first. From the front back: axes 1, 2, 0. Then a reshape to "
                "(1, N', D), "
                "the dtype, and np.concatenate along axis 1.",
            )
        },
        read={"": "Rows and columns"},
    ),
    Exercise(
        name="prepare",
        cases=picture_cases,
        spec=picture_spec,
        mistakes=PREPARE_MISTAKES,
        hints={
            "": (
                "Four steps, in the order of the lesson. Which new height and width go to resized?",
                "The short side becomes short; the other one short times long over the short side, rounded down, which is "
                "what // does. "
                "The crop begins at half of what is left over.",
                "Two slices cut the crop out, for rows and columns. Make it a float of mean's dtype before the division. "
                "mean and std "
                "have three numbers and fit the last axis.",
            )
        },
        read={"": "A photograph"},
        after="resized",
    ),
]

QUIZ = [
    Question(
        "You forget to transpose attn.proj. What happens?",
        ("A shape error", "Other logits, and no error", "The same logits", "An error in the head"),
        1,
        "It is square, (D, D), so the product works out. Its numbers stand in other places.",
    ),
    Question(
        "A file has D = 768 and says nothing about heads. Can you read the number of heads from the shapes of the arrays?",
        ("Yes, from qkv", "Yes, from proj", "No: all shapes are the same for any number of heads", "It makes no difference"),
        2,
        "Heads are a way of cutting the columns. The config says how many; 768 / 64 is a guess, and usually right.",
    ),
    Question(
        "Your logits differ from the library's by 3e-6 of the largest, both in float32. Is your ViT right?",
        ("Yes", "No", "Compare in float64: rounding would be 1e-15 there", "Compare on more images"),
        2,
        "In float32 a wrong ε hides behind rounding. In float64 a difference of 1e-6 is a mistake.",
    ),
    Question(
        "Positions of 14 × 14 patches for 24 × 24. What becomes of the class token's?",
        ("It is resized too", "It stays", "It is set to 0", "It becomes the mean"),
        1,
        "It has no place on the grid.",
    ),
    Question(
        "The model answers, and is right a little less often than its paper says. Where do you look first?",
        ("At the learning rate", "At the preparation of the pictures", "At the number of heads", "At the names of the classes"),
        1,
        "With wrong weights it would hardly be right at all. Wrong colours, a wrong crop or a wrong mean cost a few per "
        "cent, quietly.",
    ),
]
