"""Lesson 14, count_parameters, vit_parameters, pick_class_token and vit: answers written from the lesson's text alone."""

RIGHT = {
    "count_parameters": """
def count_parameters(sizes):
    d, m = sizes.dim, sizes.mlp_dim
    tokens = (sizes.image_size // sizes.patch_size) ** 2 + 1
    embedding = sizes.patch_size**2 * sizes.channels * d + d
    added = d + tokens * d
    attention = d * 3 * d + 3 * d + d * d + d
    two_layers = d * m + m + m * d + d
    norms = 2 * 2 * d
    last = 2 * d + d * sizes.classes + sizes.classes
    count = embedding + added + sizes.depth * (attention + two_layers + norms) + last
    return count
""",
    "vit_parameters": """
def vit_parameters(sizes, rng, pos_embed_std=0.02):
    parameters = {}
    for name, shape in parameter_shapes(sizes).items():
        if name == "pos_embed":
            array = rng.normal(0, pos_embed_std, shape)
        elif name == "cls_token" or name == "head.weight" or name.endswith(".bias"):
            array = np.zeros(shape)
        elif "norm" in name:
            array = np.ones(shape)
        else:
            inputs, outputs = shape
            if "qkv" in name:
                outputs = outputs // 3
            limit = math.sqrt(6 / (inputs + outputs))
            array = rng.uniform(-limit, limit, shape)
        parameters[name] = mine.Tensor(array.astype(np.float32), requires_grad=True)
    return parameters
""",
    "pick_class_token": """
def pick_class_token(x):
    y = x[:, 0]

    def backward(dy):
        dx = np.zeros_like(x)
        dx[:, 0] = dy
        return dx

    return y, backward
""",
    "vit": """
def vit(parameters, images, sizes):
    patch_embed, embed_tokens, block, layernorm, pick, linear = vit_parts()
    p = parameters
    x = patch_embed(images, p["patch_embed.weight"], p["patch_embed.bias"], sizes.patch_size)
    x = embed_tokens(x, p["cls_token"], p["pos_embed"])
    for i in range(sizes.depth):
        x = block(x, *[p[f"blocks.{i}.{name}"] for name in BLOCK], sizes.heads)
    x = layernorm(x, p["norm.weight"], p["norm.bias"])
    logits = linear(pick(x), p["head.weight"], p["head.bias"])
    return logits
""",
}

WRONG = {
    "count_parameters": [
        ("missing term", "added = d + tokens * d", "added = tokens * d", "the class token is not counted"),
        ("index", ") ** 2 + 1", ") ** 2", "the class token has no position"),
        ("case", "d, m = sizes.dim, sizes.mlp_dim", "d, m = sizes.dim, 4 * sizes.dim", "M is taken as 4D"),
        ("missing term", "last = 2 * d + ", "last = ", "the last norm is not counted"),
        ("missing term", "d * 3 * d + 3 * d + d * d + d", "d * 3 * d + d * d + d", "qkv has no bias"),
        ("case", "sizes.channels * d", "3 * d", "three channels, always"),
        ("order", "norms) + last", "norms + last)", "the head is counted in every block"),
        ("factor", "d * 3 * d + 3 * d", "sizes.heads * (d * 3 * d + 3 * d)", "each head has a qkv weight of the whole width"),
        ("scale", "norms = 2 * 2 * d", "norms = 2 * d", "one norm a block"),
        ("constant", "    return count", "    return 86_567_656", "the number for B/16, whatever the sizes"),
        ("factor", "sizes.patch_size**2 * sizes", "sizes.patch_size * sizes", "a patch has P numbers, not P squared"),
    ],
    "vit_parameters": [
        ("scale", "outputs = outputs // 3", "outputs = outputs", "qkv: out is 3D"),
        ("case", 'if "qkv" in name:', 'if "attn" in name:', "proj: out is D / 3"),
        ("constant", "math.sqrt(6 / ", "math.sqrt(2 / ", "weights: a is the standard deviation, not the limit"),
        ("missing term", "(inputs + outputs)", "inputs", "weights: in alone under the root"),
        ("step", "math.sqrt(6 / (inputs + outputs))", "6 / (inputs + outputs)", "weights: the root is left out"),
        ("missing term", "rng.uniform(-limit, limit, shape)", "rng.uniform(0, limit, shape)", "weights: none is negative"),
        (
            "step",
            "rng.uniform(-limit, limit, shape)",
            "rng.normal(0, limit, shape)",
            "weights: normal numbers, not equally likely",
        ),
        ("option", "pos_embed_std, shape)", "0.02, shape)", "pos_embed: the std is ignored"),
        ("scale", "pos_embed_std, shape)", "pos_embed_std**2, shape)", "pos_embed: the variance for the std"),
        ("case", ' or name == "head.weight"', "", "head: random, not zeros"),
        ("constant", "np.ones(shape)", "np.zeros(shape)", "norms: their weights start at 0"),
        (
            "constant",
            'elif name == "cls_token" or',
            'elif name == "cls_token":\n            array = np.ones(shape)\n        elif',
            "cls: ones",
        ),
        ("case", 'elif "norm" in name', 'elif "blocks" in name and "norm" in name', "the last norm is treated as a Linear"),
        (
            "option",
            "    parameters = {}",
            "    parameters, rng = {}, np.random.default_rng(0)",
            "rng is ignored, always the same numbers",
        ),
        (
            "alias",
            "outputs = outputs // 3",
            "outputs, rng = outputs // 3, np.random.default_rng(0)",
            "from qkv on, every block the same numbers",
        ),
        (
            "index",
            "array = rng.uniform(-limit, limit, shape)",
            'array = np.tile(rng.uniform(-limit, limit, (inputs, outputs)), 3 if "qkv" in name else 1)',
            "qkv: one matrix three times, so q = k = v",
        ),
    ],
    "pick_class_token": [
        ("index", "y = x[:, 0]", "y = x[:, -1]", "y: the last token"),
        ("axis", "y = x[:, 0]", "y = x[0]", "y: all tokens of the first image"),
        ("shape", "y = x[:, 0]", "y = x[:, :1]", "y: the axis of tokens is still there"),
        ("wrong array", "y = x[:, 0]", "y = x.mean(axis=1)", "y: the mean of all tokens"),
        ("index", "dx[:, 0] = dy", "dx[:, 1] = dy", "dx: in the place of the first patch"),
        ("extra term", "dx[:, 0] = dy", "dx[:] = dy[:, None]", "dx: every token gets dy"),
        ("scale", "dx[:, 0] = dy", "dx[:, 0] = dy / x.shape[1]", "dx: divided by T"),
        ("shape", "return dx", "return dy[:, None]", "dx: (B, 1, D), the other tokens are missing"),
        ("wrong array", "dx[:, 0] = dy", "dx[:, 0] = y", "dx: y for dy"),
        ("dtype", "np.zeros_like(x)", "np.zeros(x.shape)", "dx: float64"),
        ("extra term", "np.zeros_like(x)", "np.ones_like(x)", "dx: 1 for all other tokens"),
        ("mutation", "dx = np.zeros_like(x)", "dx = x\n        dx[:, 1:] = 0", "x is wiped out and handed back"),
        ("extra term", "np.zeros_like(x)", "x.copy()", "dx: the other tokens themselves stay in it"),
        ("case", "dx[:, 0] = dy", "dx[0, 0] = dy[0]", "dx: only the first image gets its gradient"),
        (
            "alias",
            "def backward(dy):\n        dx = np.zeros_like(x)\n        dx[:, 0] = dy",
            "dx = np.zeros_like(x)\n\n    def backward(dy):\n        dx[:, 0] += dy",
            "dx: a second backward adds to the first",
        ),
    ],
    "vit": [
        ("index", "range(sizes.depth)", "range(sizes.depth - 1)", "the last block is left out"),
        ("index", 'f"blocks.{i}.{name}"', 'f"blocks.0.{name}"', "block 0 every time"),
        ("order", "range(sizes.depth)", "reversed(range(sizes.depth))", "the blocks from the last to the first"),
        ("step", "        x = block(", "        y = block(", "the output of the blocks is thrown away"),
        (
            "wrong array",
            'p["norm.weight"], p["norm.bias"]',
            'p[f"blocks.{i}.norm2.weight"], p[f"blocks.{i}.norm2.bias"]',
            "the last norm with the weights of the last block's second",
        ),
        ("wrong array", "for name in BLOCK], sizes.heads", "for name in BLOCK], sizes.depth", "depth for heads"),
        (
            "step",
            '    x = layernorm(x, p["norm.weight"]',
            '        x = layernorm(x, p["norm.weight"]',
            "the last norm after every block",
        ),
        ("order", "for name in BLOCK]", "for name in sorted(BLOCK)]", "the block's parameters in alphabetical order"),
        ("step", "linear(pick(x),", "linear(pick(x).data,", "the graph is cut before the head"),
        ("scale", "patch_embed(images,", "patch_embed(images / 255,", "images are divided by 255"),
        (
            "step",
            "    return logits",
            "    softmax = mine.op(mine.softmax)\n    return softmax(logits)",
            "a softmax on the logits, cross_entropy has its own",
        ),
        (
            "missing term",
            'embed_tokens(x, p["cls_token"], p["pos_embed"])',
            'embed_tokens(x, p["cls_token"], 0 * p["pos_embed"].data)',
            "no positions",
        ),
        ("option", "sizes.patch_size)", "4)", "the patch size is always 4"),
        ("wrong array", 'p["norm.weight"], p["norm.bias"]', 'p["norm.bias"], p["norm.weight"]', "the last norm: weight and bias"),
        (
            "missing term",
            'linear(pick(x), p["head.weight"], p["head.bias"])',
            'linear(pick(x), p["head.weight"], np.zeros(sizes.classes))',
            "the head has no bias",
        ),
    ],
}

UNUSUAL = {
    "count_parameters": [
        """
def count_parameters(sizes):
    from collections import Counter

    def linear(inputs, outputs):
        return (inputs + 1) * outputs

    d, m = sizes.dim, sizes.mlp_dim
    grid = sizes.image_size // sizes.patch_size
    block = Counter(norms=4 * d, qkv=linear(d, 3 * d), proj=linear(d, d), fc1=linear(d, m), fc2=linear(m, d))
    outside = [linear(sizes.patch_size**2 * sizes.channels, d), d * (grid * grid + 2), 2 * d, linear(d, sizes.classes)]
    return sum(outside) + sizes.depth * sum(block.values())
""",
        """
def count_parameters(sizes):
    d, m, k, p = sizes.dim, sizes.mlp_dim, sizes.classes, sizes.patch_size
    n = (sizes.image_size * sizes.image_size) // (p * p)
    return d * (p * p * sizes.channels + n + k + 5 + sizes.depth * (4 * d + 2 * m + 9)) + sizes.depth * m + k
""",
    ],
    "vit_parameters": [
        """
def vit_parameters(sizes, rng, pos_embed_std=0.02):
    def zeros(shape):
        return np.zeros(shape)

    def glorot(shape, parts=1):
        a = (6 / (shape[0] + shape[1] / parts)) ** 0.5
        return (2 * rng.random(shape) - 1) * a

    rules = (
        ("pos_embed", lambda shape: pos_embed_std * rng.standard_normal(shape)),
        ("cls_token", zeros),
        ("head.weight", zeros),
        ("bias", zeros),
        ("norm.weight", np.ones),
        ("norm1.weight", np.ones),
        ("norm2.weight", np.ones),
        ("qkv.weight", functools.partial(glorot, parts=3)),
        ("", glorot),
    )
    return {
        name: mine.Tensor(next(rule for end, rule in rules if name.endswith(end))(shape).astype("f4"), requires_grad=True)
        for name, shape in parameter_shapes(sizes).items()
    }
""",
        """
def vit_parameters(sizes, rng, pos_embed_std=0.02):
    parameters = {}
    for name, shape in parameter_shapes(sizes).items():
        *path, last = name.split(".")
        array = np.zeros(shape, np.float32)
        if last == "pos_embed":
            array += rng.normal(scale=pos_embed_std, size=shape)
        elif last == "weight" and path[-1].startswith("norm"):
            array += 1
        elif last == "weight" and path != ["head"]:
            for part in np.split(array, 3 if path[-1] == "qkv" else 1, axis=1):  # q, k and v one after the other
                part[...] = rng.uniform(-1, 1, part.shape) * math.sqrt(6 / sum(part.shape))
        parameters[name] = mine.Tensor(array.astype(np.float32), requires_grad=True)
    return parameters
""",
    ],
    "pick_class_token": [
        """
def pick_class_token(x):
    b, t, d = x.shape
    one = np.zeros(t, x.dtype)
    one[0] = 1
    return np.einsum("btd,t->bd", x, one), lambda dy: np.einsum("bd,t->btd", dy, one)
""",
        """
def pick_class_token(x):
    first, others = np.split(x, [1], axis=1)

    def backward(dy):
        return np.concatenate([dy[:, np.newaxis], others - others], axis=1)

    return np.squeeze(first, axis=1), backward
""",
        """
def pick_class_token(x):
    def backward(dy):
        return np.pad(dy[:, None, :], ((0, 0), (0, x.shape[1] - 1), (0, 0)))

    return x.take(0, axis=1), backward
""",
    ],
    "vit": [
        """
def vit(parameters, images, sizes):
    patch_embed, embed_tokens, block, layernorm, pick, linear = vit_parts()

    def of(prefix, *names):
        return [parameters[prefix + name] for name in names]

    tokens = patch_embed(images, *of("patch_embed.", "weight", "bias"), sizes.patch_size)
    tokens = embed_tokens(tokens, *of("", "cls_token", "pos_embed"))
    through = lambda x, i: block(x, *of(f"blocks.{i}.", *BLOCK), sizes.heads)
    tokens = functools.reduce(through, range(sizes.depth), tokens)
    answer = layernorm(pick(tokens), *of("norm.", "weight", "bias"))  # each row by itself, so picking may come first
    return linear(answer, *of("head.", "weight", "bias"))
""",
        """
def vit(parameters, images, sizes):
    names = iter(parameters)  # they stand in the order of parameter_shapes
    take = lambda count: [parameters[next(names)] for _ in range(count)]
    patch_embed, embed_tokens, block, layernorm, pick, linear = vit_parts()
    cls_token, pos_embed, weight, bias = take(4)
    x = embed_tokens(patch_embed(images, weight, bias, sizes.patch_size), cls_token, pos_embed)
    left = sizes.depth
    while left:
        x, left = block(x, *take(len(BLOCK)), sizes.heads), left - 1
    return linear(pick(layernorm(x, *take(2))), *take(2))
""",
    ],
}
