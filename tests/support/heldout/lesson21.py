"""Lesson 21, A pretrained ViT: answers written from the lesson's text alone."""

RIGHT = {
    "patch_weight": """
def patch_weight(kernel):
    dim = kernel.shape[0]
    weight = kernel.transpose(2, 3, 1, 0).reshape(-1, dim)
    return weight
""",
    "to_minivit": """
def to_minivit(weights, config):
    parameters = {
        "cls_token": weights["vit.embeddings.cls_token"],
        "pos_embed": weights["vit.embeddings.position_embeddings"],
    }

    def take(theirs, ours):
        for kind in ("weight", "bias"):
            array = weights[f"{theirs}.{kind}"]
            parameters[f"{ours}.{kind}"] = patch_weight(array) if array.ndim == 4 else array.T

    for theirs, ours in ONCE.items():
        take(theirs, ours)
    for i in range(config["num_hidden_layers"]):
        source, target = f"vit.encoder.layer.{i}", f"blocks.{i}"
        for theirs, ours in IN_A_BLOCK.items():
            take(f"{source}.{theirs}", f"{target}.{ours}")
        parts = [f"{source}.attention.attention.{name}" for name in ("query", "key", "value")]
        parameters[f"{target}.attn.qkv.weight"] = np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1)
        parameters[f"{target}.attn.qkv.bias"] = np.concatenate([weights[f"{part}.bias"] for part in parts])
    heads, eps = config["num_attention_heads"], config["layer_norm_eps"]
    return parameters, heads, eps
""",
    "resize_matrix": """
def resize_matrix(new, old):
    matrix = np.zeros((new, old))
    for i in range(new):
        center = (i + 0.5) * old / new - 0.5
        base = math.floor(center)
        for place in range(base - 1, base + 3):
            there = min(max(place, 0), old - 1)
            matrix[i, there] += keys_weight(center - place)
    return matrix
""",
    "resize_positions": """
def resize_positions(pos_embed, grid, new_grid):
    (rows, columns), (new_rows, new_columns) = grid, new_grid
    dim = pos_embed.shape[-1]
    token, patches = pos_embed[:, :1], pos_embed[0, 1:]
    picture = patches.reshape(rows, columns, dim).transpose(2, 0, 1)
    larger = resize_matrix(new_rows, rows) @ picture @ resize_matrix(new_columns, columns).T
    flat = larger.transpose(1, 2, 0).reshape(1, new_rows * new_columns, dim)
    resized = np.concatenate([token, flat], axis=1)
    return resized.astype(pos_embed.dtype)
""",
    "prepare": """
def prepare(picture, short, size, mean, std):
    height, width = picture.shape[:2]
    if height <= width:
        new_height, new_width = short, short * width // height
    else:
        new_height, new_width = short * height // width, short
    smaller = resized(picture, new_height, new_width)
    top = round((new_height - size[0]) / 2)
    left = round((new_width - size[1]) / 2)
    cropped = smaller[top : top + size[0], left : left + size[1]]
    return (cropped.astype(mean.dtype) / 255 - mean) / std
""",
}
QKV = 'np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1)'
TABLE = "    smaller = resized(picture, new_height, new_width)\n"
SCALED = "(cropped.astype(mean.dtype) / 255 - mean) / std"
BIASES = 'np.concatenate([weights[f"{part}.bias"] for part in parts])'
WRONG = {
    "patch_weight": [
        ("transposed", "transpose(2, 3, 1, 0)", "transpose(3, 2, 1, 0)", "rows and columns of a patch exchanged"),
        ("order", "kernel.transpose", "kernel[:, ::-1].transpose", "blue for red"),
        ("shape", "reshape(-1, dim)", "reshape(dim, -1)", "(D, P·P·C) with the numbers in disorder"),
        ("index", "kernel.transpose", "kernel[:, :, ::-1, ::-1].transpose", "turned by half a turn, as a true convolution would"),
        ("dtype", "    return weight", "    return weight.astype(np.float64)", "float32 becomes float64"),
        (
            "case",
            "kernel.transpose(2, 3, 1, 0)",
            "kernel.mean(axis=1, keepdims=True).transpose(2, 3, 1, 0)",
            "right for one channel",
        ),
    ],
    "to_minivit": [
        ("transposed", "else array.T", "else array", "proj, fc1, fc2, head: not transposed"),
        ("order", '("query", "key", "value")', '("query", "value", "key")', "k and v exchanged"),
        (
            "option",
            'config["num_attention_heads"]',
            'parameters["cls_token"].shape[-1] // 64 or 1',
            "heads: D / 64, not what config says",
        ),
        ("constant", 'config["layer_norm_eps"]', "1e-6", "eps: the course's own, not what config says"),
        ("transposed", QKV, 'np.concatenate([weights[f"{part}.weight"] for part in parts], axis=1)', "q, k, v: not transposed"),
        (
            "transposed",
            QKV,
            'np.concatenate([weights[f"{part}.weight"].T for part in parts]).reshape(-1, 3 * parameters["cls_token"].shape[-1])',
            "q, k, v: one below the other, then reshaped",
        ),
        ("order", "return parameters, heads, eps", "return parameters, eps, heads", "heads and eps exchanged"),
        ("index", 'range(config["num_hidden_layers"])', 'range(1, config["num_hidden_layers"])', "the first block is left out"),
        (
            "mutation",
            'array = weights[f"{theirs}.{kind}"]',
            'array = weights.pop(f"{theirs}.{kind}")',
            "weights: taken out of the dictionary",
        ),
        ("wrong array", BIASES, 'np.concatenate([weights[f"{parts[0]}.bias"] for part in parts])', "biases: query's three times"),
        ("order", BIASES, 'np.stack([weights[f"{part}.bias"] for part in parts], axis=1).ravel()', "biases: q, k, v in turns"),
        (
            "index",
            'source, target = f"vit.encoder.layer.{i}"',
            'source, target = f"vit.encoder.layer.{0}"',
            "each block gets the first one's",
        ),
        (
            "index",
            'weights["vit.embeddings.position_embeddings"]',
            'weights["vit.embeddings.position_embeddings"][:, 1:]',
            "pos_embed: without the class token's",
        ),
    ],
    "resize_matrix": [
        ("index", "range(base - 1, base + 3)", "range(base - 1, base + 2)", "only three neighbours"),
        ("missing term", "matrix[i, there] +=", "matrix[i, there] =", "of the weights that fall together the last one stays"),
        ("index", "min(max(place, 0), old - 1)", "min(place, old - 1)", "place -1 is the last one"),
        ("scale", "(i + 0.5) * old / new - 0.5", "i * (old - 1) / max(new - 1, 1)", "aligned corners, another convention"),
        ("scale", "* old / new - 0.5", "* new / old - 0.5", "the ratio upside down"),
        ("index", "math.floor(center)", "int(center)", "cuts towards zero"),
        (
            "wrong array",
            "keys_weight(center - place)",
            "keys_weight(center - there)",
            "the distance to the repeated edge's place",
        ),
        ("missing term", "(i + 0.5) * old / new - 0.5", "i * old / new", "both halves are forgotten"),
        ("dtype", "    return matrix", "    return matrix.astype(np.float32)", "float32 for float64"),
        (
            "case",
            "            there =",
            "            if not 0 <= place < old:\n                continue\n            there =",
            "at the edge weights are dropped",
        ),
        ("transposed", "    return matrix", "    return matrix.T", "(old, new)"),
        (
            "case",
            "(center - place)",
            "((center - place) / max(1, old / new)) / max(1, old / new)",
            "wrong where it gets smaller: a wider curve",
        ),
    ],
    "resize_positions": [
        (
            "case",
            "reshape(rows, columns, dim).transpose(2, 0, 1)",
            "reshape(columns, rows, dim).transpose(2, 1, 0)",
            "right for square grids",
        ),
        ("dtype", "resized.astype(pos_embed.dtype)", "resized", "float32 becomes float64"),
        ("order", "[token, flat]", "[flat, token]", "the class token stands at the end"),
        ("transposed", "larger.transpose(1, 2, 0)", "larger.transpose(2, 1, 0)", "patches column by column"),
        (
            "wrong array",
            "[token, flat]",
            "[flat.mean(axis=1, keepdims=True), flat]",
            "the class token's position is the patches' mean",
        ),
        ("missing term", "[token, flat]", "[np.zeros_like(token), flat]", "no position for the class token"),
        (
            "order",
            "columns).T",
            "columns).T[:, ::-1]",
            "the columns from right to left",
        ),
        (
            "index",
            "pos_embed[:, :1], pos_embed[0, 1:]",
            "pos_embed[:, -1:], pos_embed[0, :-1]",
            "takes the last one for the class token's",
        ),
        ("shape", "larger.transpose(1, 2, 0).reshape(", "larger.reshape(", "channels are not brought back behind"),
    ],
    "prepare": [
        ("order", TABLE, f"    picture = picture[: size[0] * 2, : size[1] * 2]\n{TABLE}", "cropped before it is resized"),
        ("index", "short, short * width // height", "short, -(-short * width // height)", "the other side is rounded up"),
        ("index", "left = round((new_width - size[1]) / 2)", "left = 0", "cropped from the left edge"),
        ("order", SCALED, "((cropped.astype(mean.dtype) - mean) / std) / 255", "divided by 255 last"),
        ("constant", "/ 255", "/ 256", "divided by 256"),
        ("order", "/ 255 - mean)", "[..., ::-1] / 255 - mean)", "blue for red"),
        ("index", "round((new_width - size[1]) / 2)", "(new_width - size[1] + 1) // 2", "left: a half always goes up"),
        ("case", "if height <= width:", "if height > width:", "the long side gets the length"),
        ("dtype", "cropped.astype(mean.dtype)", "cropped.astype(np.float64)", "float32 becomes float64"),
        ("order", "resized(picture, new_height, new_width)", "resized(picture, new_width, new_height)", "width before height"),
        ("factor", "- mean) / std", "- mean) / std**2", "divided by the variance"),
        ("option", "- mean) / std", "- 0.5) / 0.5", "mean and std are ignored"),
        (
            "case",
            "top : top + size[0], left : left + size[1]",
            "top : top + size[0], left : left + size[0]",
            "right for square crops",
        ),
    ],
}
UNUSUAL = {
    "patch_weight": [
        """
def patch_weight(kernel):
    return np.einsum("dcij->ijcd", kernel).reshape(kernel[0].size, len(kernel))
""",
        """
def patch_weight(kernel):
    return np.moveaxis(kernel, 1, -1).reshape(kernel.shape[0], -1).T
""",
    ],
    "to_minivit": [
        """
def to_minivit(weights, config):
    names = dict(ONCE)
    for i in range(config["num_hidden_layers"]):
        names.update((f"vit.encoder.layer.{i}.{a}", f"blocks.{i}.{b}") for a, b in IN_A_BLOCK.items())
    made = {"cls_token": weights["vit.embeddings.cls_token"], "pos_embed": weights["vit.embeddings.position_embeddings"]}
    for name, array in weights.items():
        base, _, kind = name.rpartition(".")
        if base.endswith("attention.query"):
            prefix = base.removesuffix("query")
            rows = np.concatenate([weights[prefix + part + "." + kind] for part in "query key value".split()])
            made["blocks.{}.attn.qkv.{}".format(name.split(".")[3], kind)] = rows.T
        elif base in names:
            made[names[base] + "." + kind] = np.array(patch_weight(array) if array.ndim > 2 else array.T)
    return [made, int(config["num_attention_heads"]), float(config["layer_norm_eps"])]
""",
    ],
    "resize_matrix": [
        """
def resize_matrix(new, old):
    center = (np.arange(new) * 2 + 1) * old / (2 * new) - 0.5
    places = np.floor(center).astype(int)[:, None] + np.arange(-1, 3)
    weights = keys_weight(places - center[:, None])
    matrix = np.zeros((new, old))
    np.add.at(matrix, (np.arange(new)[:, None], places.clip(0, old - 1)), weights)
    return matrix
""",
        """
def resize_matrix(new, old):
    center = (np.arange(new) + 0.5) * (old / new) - 0.5
    wide = keys_weight(center[:, None] - np.arange(-2, old + 2))
    inner = wide[:, 2:-2].copy()
    inner[:, 0] += wide[:, :2].sum(axis=1)
    inner[:, -1] += wide[:, -2:].sum(axis=1)
    return inner
""",
    ],
    "resize_positions": [
        """
def resize_positions(pos_embed, grid, new_grid):
    R, C = (resize_matrix(new, old) for new, old in zip(new_grid, grid))
    picture = pos_embed[:, 1:].reshape(*grid, -1)
    patches = np.einsum("ir,jc,rcd->ijd", R, C, picture, optimize=True)
    result = np.empty((1, 1 + new_grid[0] * new_grid[1], pos_embed.shape[2]), pos_embed.dtype)
    result[:, 0] = pos_embed[:, 0]
    result[0, 1:] = patches.reshape(-1, pos_embed.shape[2])
    return result
""",
        """
def resize_positions(pos_embed, grid, new_grid):
    both = np.kron(resize_matrix(new_grid[0], grid[0]), resize_matrix(new_grid[1], grid[1])).astype(pos_embed.dtype)
    return np.insert(both @ pos_embed[0, 1:], 0, pos_embed[0, 0], axis=0)[np.newaxis]
""",
    ],
    "prepare": [
        """
def prepare(picture, short, size, mean, std):
    sides = picture.shape[0], picture.shape[1]
    sides = [short if side == min(sides) else int(short * side / min(sides)) for side in sides]
    window = tuple(slice(a := round((side - s) / 2), a + s) for side, s in zip(sides, size))
    pixels = resized(picture, *sides)[window].astype(mean.dtype)
    pixels /= 255
    pixels -= mean
    pixels /= std
    return pixels
""",
    ],
}
