"""Lesson 22, Better ViTs: answers written from the lesson's text alone."""

RIGHT = {
    "soft_split": """
def soft_split(x, size, stride, padding):
    batch, height, width, channels = x.shape
    framed = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    down = (height + 2 * padding - size) // stride + 1
    across = (width + 2 * padding - size) // stride + 1
    places = [(i * stride, j * stride) for i in range(down) for j in range(across)]
    windows = np.stack([framed[:, i : i + size, j : j + size].reshape(batch, -1) for i, j in places], axis=1)

    def backward(dy):
        dframed = np.zeros_like(framed)
        for n, (i, j) in enumerate(places):
            one = dy[:, n].reshape(batch, size, size, channels)
            dframed[:, i : i + size, j : j + size] += one
        dx = dframed[:, padding : padding + height, padding : padding + width]
        return dx, None, None, None

    return windows, backward
""",
    "relative_index": """
def relative_index(rows, columns):
    n = np.arange(rows * columns)
    r, c = n // columns, n % columns
    down = r[:, None] - r + rows - 1
    right = c[:, None] - c + columns - 1
    index = down * (2 * columns - 1) + right
    entries = (2 * rows - 1) * (2 * columns - 1)
    return index, entries
""",
    "position_bias": """
def position_bias(table, index):
    bias = table[index].transpose(2, 0, 1)

    def backward(dy):
        dtable = np.zeros_like(table)
        np.add.at(dtable, index, dy.transpose(1, 2, 0))
        return dtable, None

    return bias, backward
""",
    "biased_attention": """
def biased_attention(q, k, v, bias):
    scale = 1 / math.sqrt(q.shape[-1])
    scores = (q @ k.swapaxes(-1, -2)) * scale + bias
    p, softmax_backward = mine.softmax(scores)
    y = p @ v

    def backward(dy):
        dv = p.swapaxes(-1, -2) @ dy
        ds = softmax_backward(dy @ v.swapaxes(-1, -2))
        dq = (ds @ k) * scale
        dk = (ds.swapaxes(-1, -2) @ q) * scale
        dbias = ds.sum(axis=0)
        return dq, dk, dv, dbias

    return y, backward
""",
    "axial_angles": """
def axial_angles(rows, columns, width):
    speeds = 100.0 ** (-4 * np.arange(width // 4) / width)
    n = np.arange(rows * columns)
    y, x = n // columns, n % columns
    turned = np.concatenate([x[:, None] * speeds, y[:, None] * speeds], axis=1)
    angles = np.concatenate([np.zeros((1, width // 2)), turned])
    return angles
""",
    "rotate": """
def rotate(x, angles):
    cos, sin = np.cos(angles), np.sin(angles)
    a, b = x[..., 0::2], x[..., 1::2]
    y = np.empty_like(x)
    y[..., 0::2] = a * cos - b * sin
    y[..., 1::2] = a * sin + b * cos

    def backward(dy):
        da, db = dy[..., 0::2], dy[..., 1::2]
        dx = np.empty_like(x)
        dx[..., 0::2] = da * cos + db * sin
        dx[..., 1::2] = db * cos - da * sin
        return dx, None

    return y, backward
""",
    "layer_scale": """
def layer_scale(x, gamma):
    y = x * gamma

    def backward(dy):
        dx = dy * gamma
        dgamma = (dy * x).sum(axis=(0, 1))
        return dx, dgamma

    return y, backward
""",
    "part_parameters": """
def part_parameters(sizes, part, rng):
    arrays = {}
    for i in range(sizes.depth):
        if part == "relative":
            _, entries = relative_index(grid(sizes), grid(sizes))
            table = 0.02 * rng.standard_normal((entries + 3, sizes.heads))
            arrays[f"blocks.{i}.attn.rel_pos.relative_position_bias_table"] = table
        if part == "layer_scale":
            for name in ("ls1", "ls2"):
                arrays[f"blocks.{i}.{name}.gamma"] = np.full(sizes.dim, 0.1)
    return {name: mine.Tensor(array.astype(np.float32), requires_grad=True) for name, array in arrays.items()}
""",
    "compare": """
def compare(parts, seeds, budget, cost, train):
    if len(set(seeds)) < 3:
        raise ValueError(f"{len(set(seeds))} different seeds were given, and a comparison needs at least 3: give more")
    results = {}
    for part in parts:
        steps = int(budget // cost(part))
        scores = [train(part, seed, steps) for seed in seeds]
        mean = sum(scores) / len(scores)
        deviation = math.sqrt(sum((s - mean) ** 2 for s in scores) / (len(scores) - 1))
        results[part] = mean, deviation
    return results
""",
}
ADD_AT = "np.add.at(dtable, index, dy.transpose(1, 2, 0))"
SCORES, DBIAS = "scores = (q @ k.swapaxes(-1, -2)) * scale + bias", "dbias = ds.sum(axis=0)"
IN_Q = "q *= scale\n    scores = q @ k.swapaxes(-1, -2) + bias"
GAMMA, DGAMMA = "np.full(sizes.dim, 0.1)", "dgamma = (dy * x).sum(axis=(0, 1))"
NORMAL = "0.02 * rng.standard_normal((entries + 3, sizes.heads))"
TURNED_BACK = "dx[..., 0::2] = da * cos + db * sin\n        dx[..., 1::2] = db * cos - da * sin"
OVERWRITTEN = """dx[...] = dy
        dx[..., 0::2] = dx[..., 0::2] * cos + dx[..., 1::2] * sin
        dx[..., 1::2] = dx[..., 1::2] * cos - dx[..., 0::2] * sin"""
IN_DY = "dy[..., 0::2], dy[..., 1::2] = da * cos + db * sin, db * cos - da * sin\n        dx = dy"
WRONG = {
    "soft_split": [
        ("missing term", "j : j + size] += one", "j : j + size] = one", "dx: each window wipes out those before"),
        ("index", "dframed[:, padding : padding + height, padding :", "dframed[:, :height, padding :", "dx: rows with the frame"),
        (
            "transposed",
            "dy[:, n].reshape(batch, size, size, channels)",
            "dy[:, n].reshape(batch, size, size, channels).swapaxes(1, 2)",
            "dx: rows and columns of each window exchanged",
        ),
        (
            "order",
            "for i in range(down) for j in range(across)",
            "for j in range(across) for i in range(down)",
            "column by column",
        ),
        (
            "scale",
            "dx = dframed[",
            "dframed /= max(1, size // stride) ** 2\n        dx = dframed[",
            "dx: a mean over the windows, not a sum",
        ),
        ("constant", "(0, 0)))", '(0, 0)), mode="edge")', "the frame repeats the edge and is not zero"),
        ("shape", "padding : padding + width]", ":]", "dx: the frame's columns are still there"),
        ("alias", "dframed = np.zeros_like(framed)", "dframed = framed", "dx: added to the image's own numbers"),
        ("case", "(width + 2 * padding - size) // stride + 1", "down", "right only for square images"),
    ],
    "relative_index": [
        ("sign", "c[:, None] - c +", "c - c[:, None] +", "the step to the right has the opposite sign"),
        ("case", "down * (2 * columns - 1)", "down * (2 * rows - 1)", "right only for square grids"),
        ("missing term", "right = c[:, None] - c + columns - 1", "right = c[:, None] - c", "columns count from below 0"),
        ("transposed", "down * (2 * columns - 1) + right", "right * (2 * rows - 1) + down", "the table runs column by column"),
        (
            "scale",
            "(2 * rows - 1) * (2 * columns - 1)\n    return",
            "(2 * rows) * (2 * columns)\n    return",
            "entries: too many",
        ),
        ("case", "n // columns, n % columns", "n // rows, n % rows", "rows for columns: right only for square grids"),
        ("sign and transposed", "down * (2 * columns - 1) + right", "(down * (2 * columns - 1) + right).T", "j minus i for both"),
    ],
    "position_bias": [
        ("transposed", "dy.transpose(1, 2, 0)", "dy.transpose(2, 1, 0)", "dtable: i and j exchanged"),
        ("index", ADD_AT, "dtable[index] += dy.transpose(1, 2, 0)", "dtable: of equal entries only the last pair stays"),
        ("transposed", "table[index].transpose(2, 0, 1)", "table[index].T", "bias: i and j exchanged"),
        (
            "scale",
            ADD_AT,
            ADD_AT + "\n        dtable /= np.maximum(np.bincount(index.ravel(), minlength=len(table)), 1)[:, None]",
            "dtable: a mean over the pairs, not a sum",
        ),
        ("shape", "dy.transpose(1, 2, 0)", "dy.reshape(*index.shape, -1)", "dtable: reshaped for transposed"),
        ("shape", "table[index].transpose(2, 0, 1)", "table[index].reshape(-1, *index.shape)", "bias: reshaped for transposed"),
        ("dtype", "np.zeros_like(table)", "np.zeros(table.shape)", "dtable: float32 becomes float64"),
        ("mutation", "dtable = np.zeros_like(table)", "dtable = table", "dtable: added into the table itself"),
        ("axis", ADD_AT, "np.add.at(dtable, index, dy.sum(axis=0)[..., None])", "dtable: summed over the heads"),
        ("sign", ADD_AT, "np.subtract.at(dtable, index, dy.transpose(1, 2, 0))", "dtable: subtracted"),
        ("case", ADD_AT, "np.add.at(dtable, index, dy[:1].transpose(1, 2, 0))", "dtable: of the first head, for all"),
        ("index", ADD_AT, "np.add.at(dtable, np.triu(index), dy.transpose(1, 2, 0))", "dtable: the lower half goes to entry 0"),
    ],
    "biased_attention": [
        ("scale", DBIAS, "dbias = ds.mean(axis=0)", "dbias: a mean over the images"),
        ("axis", DBIAS, "dbias = ds.sum(axis=1)", "dbias: summed over the heads"),
        ("case", DBIAS, "dbias = ds[0]", "dbias: right only for one image"),
        ("scale", DBIAS, "dbias = ds.sum(axis=0) * scale", "dbias: divided by the root of d"),
        ("wrong array", DBIAS, "dbias = (dy @ v.swapaxes(-1, -2)).sum(axis=0)", "dbias: dp for ds"),
        (
            "wrong array",
            DBIAS,
            "dbias = (p * (dy @ v.swapaxes(-1, -2))).sum(axis=0)",
            "dbias: the softmax's mean is not taken off",
        ),
        ("transposed", DBIAS, "dbias = ds.sum(axis=0).swapaxes(-1, -2)", "dbias: i and j exchanged"),
        ("shape", DBIAS, "dbias = ds.sum(axis=0, keepdims=True)", "dbias: a batch axis too many"),
        (
            "sign and axis",
            DBIAS,
            "dbias = -ds.sum(axis=0).mean(axis=-1, keepdims=True) + 0 * ds[0]",
            "dbias: sign, and keys averaged",
        ),
        ("sign", DBIAS, "dbias = -ds.sum(axis=0)", "dbias: the sign turned"),
        ("order", SCORES, "scores = (q @ k.swapaxes(-1, -2) + bias) * scale", "y: the bias is divided by the root of d too"),
        ("order", "y = p @ v\n", "y = (p + bias) @ v\n", "y: the bias is added a second time, after the softmax"),
        ("extra term", DBIAS, "dbias = (ds + p).sum(axis=0)", "dbias: the weights are added"),
        ("mutation and scale", SCORES, IN_Q, "q is written over, and dk divided by the root of d twice"),
        ("option", " * scale + bias", " * scale + 0 * bias", "y: the bias is ignored"),
    ],
    "axial_angles": [
        ("order", "[x[:, None] * speeds, y[:, None] * speeds]", "[y[:, None] * speeds, x[:, None] * speeds]", "the row first"),
        ("constant", "100.0 **", "10000.0 **", "the base of the language models"),
        ("scale", "(-4 * np", "(-2 * np", "speeds: the root of what they should be"),
        ("index", "n = np.arange(rows * columns)", "n = np.arange(rows * columns) + 1", "every patch is pushed one place on"),
        ("case", "n // columns, n % columns", "n // rows, n % rows", "right only for square grids"),
        ("sign", "(-4 * np.arange", "(4 * np.arange", "speeds: grow and do not shrink"),
        ("index", "np.zeros((1, width // 2)), turned]", "turned[:1] + 1, turned]", "the class token is turned"),
        (
            "index",
            "np.arange(width // 4) / width",
            "np.arange(1, width // 4 + 1) / width",
            "speeds: the first one, 1, is left out",
        ),
        (
            "order",
            "np.concatenate([x[:, None] * speeds, y[:, None] * speeds], axis=1)",
            "np.stack([x[:, None] * speeds, y[:, None] * speeds], axis=2).reshape(len(n), -1)",
            "column and row in turns, not in halves",
        ),
        ("dtype", "    return angles", "    return angles.astype(np.float32)", "float32 for float64"),
    ],
    "rotate": [
        ("sign", TURNED_BACK, TURNED_BACK.replace("+ db", "- db").replace("- da", "+ da"), "dx: turned on, not back"),
        ("sign", "da * cos + db * sin", "da * cos - db * sin", "dx: the first of each pair"),
        ("sign", "db * cos - da * sin", "db * cos + da * sin", "dx: the second of each pair"),
        ("order", TURNED_BACK, OVERWRITTEN, "dx: the second formula reads the first's new numbers"),
        ("wrong array", "da, db = dy[..., 0::2], dy[..., 1::2]", "da, db = dy[..., 0::2], b", "dx: x' for dy'"),
        ("mutation", TURNED_BACK, IN_DY, "dx: dy is written over"),
        ("factor", "db * cos - da * sin", "db - da * sin", "dx: a cosine is left out"),
        ("index", "da, db = dy[..., 0::2], dy[..., 1::2]", "da, db = np.split(dy, 2, axis=-1)", "dx: pairs i with i + d/2"),
        (
            "wrong array",
            "dx[..., 0::2] = da * cos + db * sin",
            "dx[..., 0::2] = da * sin + db * cos",
            "dx: cosine and sine exchanged",
        ),
        ("missing term", "db * cos - da * sin", "db * cos", "dx: what the first of each pair brings is left out"),
        ("shape", "return dx, None", "return dx", "backward: only dx, not the pair"),
        ("index", "a, b = x[..., 0::2], x[..., 1::2]", "a, b = np.split(x, 2, axis=-1)", "y: pairs i with i + d/2"),
        ("sign", "a * sin + b * cos", "b * cos - a * sin", "y: the second of each pair"),
        ("mutation", "y = np.empty_like(x)", "a, b, y = a.copy(), b.copy(), x", "y: x is written over"),
        ("alias", "dx = np.empty_like(x)\n", "dx = y\n", "dx: lies in the memory of y"),
        (
            "case",
            "cos, sin = np.cos(angles), np.sin(angles)",
            "cos, sin = np.cos(angles[:1]), np.sin(angles[:1])",
            "the first place for all",
        ),
    ],
    "layer_scale": [
        ("index", DGAMMA, "dgamma = (dy * x).sum(axis=1)[0]", "dgamma: of the first image alone"),
        ("wrong array", DGAMMA, "dgamma = (dy * y).sum(axis=(0, 1))", "dgamma: y for x"),
        ("scale", DGAMMA, "dgamma = (dy * x).sum(axis=1).mean(axis=0)", "dgamma: a mean over the images"),
        ("factor", DGAMMA, "dgamma = dy.sum(axis=(0, 1))", "dgamma: x is left out"),
        ("wrong array", "dx = dy * gamma", "dx = dy * x", "dx: x for gamma"),
        ("extra term", "dx = dy * gamma", "dx = dy * gamma + dy", "dx: the road past is added"),
        ("order", "return dx, dgamma", "return dgamma, dx", "dx and dgamma exchanged"),
        ("axis", DGAMMA, "dgamma = (dy * x).sum(axis=(0, 2))[: len(gamma)]", "dgamma: one for each token"),
        ("mutation", "dx = dy * gamma", "dx = dy\n        dx *= gamma", "dx: dy is written over, and dgamma is wrong after it"),
    ],
    "part_parameters": [
        ("constant", GAMMA, "np.ones(sizes.dim)", "gamma: 1 at first, the plain block"),
        ("index", "entries + 3,", "entries,", "table: the class token's three entries are missing"),
        ("index", "in range(sizes.depth)", "in range(1, sizes.depth + 1)", "blocks are counted from 1"),
        ("scale", NORMAL, "math.sqrt(0.02) * rng.standard_normal((entries + 3, sizes.heads))", "table: variance 0.02"),
        ("transposed", NORMAL, f"({NORMAL}).T", "table: (heads, entries + 3)"),
        ("constant", NORMAL, "rng.uniform(-0.02, 0.02, (entries + 3, sizes.heads))", "table: not a normal distribution"),
        ("missing term", '("ls1", "ls2")', '("ls1",)', "gamma: none for the MLP"),
        ("option", NORMAL, NORMAL.replace("rng", "np.random.default_rng(0)"), "table: rng ignored, all blocks begin alike"),
        ("option", "requires_grad=True", "requires_grad=part != 'layer_scale'", "gamma: is not trained"),
        ("case", 'if part == "layer_scale"', 'if part != "relative"', "any other part gets gammas too"),
    ],
    "compare": [
        ("case", "if len(set(seeds)) < 3", "if len(seeds) < 3", "the same seed three times is let in"),
        ("scale", "/ (len(scores) - 1)", "/ len(scores)", "deviation: divided by n"),
        ("index", "int(budget // cost(part))", "round(budget / cost(part))", "steps: rounded up at times"),
        ("wrong array", "cost(part))", "cost(parts[0]))", "steps: what the first part's cost pays for"),
        ("wrong array", "mean = sum(scores) / len(scores)", "mean = max(scores)", "mean: the best seed"),
        ("scale", "/ (len(scores) - 1))", "/ (len(scores) - 1) / len(scores))", "deviation: the error of the mean"),
        ("order", "= mean, deviation", "= deviation, mean", "mean and deviation exchanged"),
        ("index", "for seed in seeds]", "for seed in sorted(set(seeds))[:3]]", "only three of the seeds"),
        ("dtype", "int(budget // cost(part))", "budget / cost(part)", "steps: not a whole number"),
        (
            "alias",
            "train(part, seed, steps) for seed in seeds]",
            "train(part, seed + len(results), steps) for seed in seeds]",
            "other seeds for each part",
        ),
    ],
}
UNUSUAL = {
    "soft_split": [
        """
def soft_split(x, size, stride, padding):
    framed = np.pad(x, [(0, 0), (padding,) * 2, (padding,) * 2, (0, 0)])
    _, height, width, channels = framed.shape
    views = np.lib.stride_tricks.sliding_window_view(framed, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    down, across = views.shape[1:3]
    windows = views.transpose(0, 1, 2, 4, 5, 3).reshape(len(x), down * across, -1)

    def backward(dy):
        parts = dy.reshape(len(x), down, across, size, size, channels)
        back = np.zeros((len(x), height, width, channels), dy.dtype)
        for i in range(size):
            for j in range(size):
                here = np.s_[:, i : i + stride * down : stride, j : j + stride * across : stride]
                back[here] += parts[:, :, :, i, j]
        return [back[:, padding : height - padding, padding : width - padding], None, None, None]

    return windows, backward
""",
    ],
    "relative_index": [
        """
def relative_index(rows, columns):
    places = [(r, c) for r in range(rows) for c in range(columns)]
    number = lambda r, c: (r + rows - 1) * (2 * columns - 1) + c + columns - 1
    return np.array([[number(r - s, c - d) for s, d in places] for r, c in places]), (4 * rows - 2) * (2 * columns - 1) // 2
""",
    ],
    "position_bias": [
        """
def position_bias(table, index):
    def backward(dy):
        used = np.equal.outer(np.arange(len(table)), index).astype(dy.dtype)
        return np.einsum("lij,hij->lh", used, dy), None

    return np.take(table.T, index, axis=1), backward
""",
        """
def position_bias(table, index):
    flat = index.ravel()

    def backward(dy):
        columns = [np.bincount(flat, weights=head.ravel(), minlength=len(table)) for head in dy]
        return (np.stack(columns, axis=-1).astype(table.dtype), None)

    return np.moveaxis(table[index], -1, 0), backward
""",
    ],
    "biased_attention": [
        """
def biased_attention(q, k, v, bias):
    root = math.sqrt(q.shape[-1])
    s = np.einsum("bhid,bhjd->bhij", q, k) / root + bias[None]
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    y = np.einsum("bhij,bhjd->bhid", p, v)

    def backward(dy):
        ds = p * (np.einsum("bhid,bhjd->bhij", dy, v) - (dy * y).sum(-1)[..., None])
        dq, dk = np.einsum("bhij,bhjd->bhid", ds, k) / root, np.einsum("bhij,bhid->bhjd", ds, q) / root
        return [dq, dk, np.einsum("bhij,bhid->bhjd", p, dy), np.einsum("bhij->hij", ds)]

    return y, backward
""",
    ],
    "axial_angles": [
        """
def axial_angles(rows, columns, width):
    angles = np.zeros((1 + rows * columns, width // 2))
    board = angles[1:].reshape(rows, columns, 2, width // 4)
    speeds = np.array([10 ** (-8 * n / width) for n in range(width // 4)])
    board[:, :, 0] = np.multiply.outer(np.arange(columns), speeds)
    board[:, :, 1] = np.multiply.outer(np.arange(rows), speeds)[:, None]
    return angles
""",
    ],
    "rotate": [
        """
def rotate(x, angles):
    turn = np.exp(1j * angles)

    def by(factor, z):
        pairs = np.ascontiguousarray(z).reshape(*z.shape[:-1], -1, 2)
        turned = (pairs[..., 0] + 1j * pairs[..., 1]) * factor
        return np.stack([turned.real, turned.imag], axis=-1).reshape(z.shape).astype(z.dtype)

    return by(turn, x), lambda dy: (by(turn.conj(), dy), None)
""",
        """
def rotate(x, angles):
    def turned(z, sign):
        cos, sin = (np.repeat(f(angles), 2, axis=-1).astype(z.dtype) for f in (np.cos, np.sin))
        other = z.reshape(*z.shape[:-1], -1, 2)[..., ::-1] * np.array([-sign, sign], z.dtype)
        return z * cos + other.reshape(z.shape) * sin

    return turned(x, 1), lambda dy: (turned(dy, -1), None)
""",
    ],
    "layer_scale": [
        """
def layer_scale(x, gamma):
    return np.einsum("btc,c->btc", x, gamma), lambda dy: [np.multiply(gamma, dy), np.einsum("btc,btc->c", x, dy)]
""",
    ],
    "part_parameters": [
        """
def part_parameters(sizes, part, rng):
    blocks = [f"blocks.{i}." for i in range(sizes.depth)]
    side = 2 * grid(sizes) - 1

    def first_values():
        if part == "relative":
            for block in blocks:
                yield block + "attn.rel_pos.relative_position_bias_table", rng.normal(0, 0.02, (side * side + 3, sizes.heads))
        elif part == "layer_scale":
            yield from ((f"{block}{ls}.gamma", [0.1] * sizes.dim) for ls in ("ls1", "ls2") for block in blocks)

    return {name: mine.Tensor(np.array(values, np.float32), requires_grad=True) for name, values in first_values()}
""",
    ],
    "compare": [
        """
def compare(parts, seeds, budget, cost, train):
    seeds = tuple(seeds)
    if len({*seeds}) <= 2:
        raise ValueError("fewer than 3 different seeds: give three or more")
    table = {part: np.array([train(part, s, math.floor(budget / cost(part))) for s in seeds]) for part in parts}
    return {part: (row.mean(), row.std(ddof=1)) for part, row in table.items()}
""",
    ],
}
