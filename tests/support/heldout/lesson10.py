"""Lesson 10, embed_tokens and sincos_positions: answers written from the lesson's text alone."""

RIGHT = {
    "embed_tokens": """
def embed_tokens(x, cls_token, pos_embed):
    batch, count, width = x.shape
    first = np.repeat(cls_token, batch, axis=0)
    y = np.concatenate([first, x], axis=1) + pos_embed

    def backward(dy):
        dx = dy[:, 1:]
        dcls_token = dy[:, :1].sum(axis=0, keepdims=True)
        dpos_embed = dy.sum(axis=0, keepdims=True)
        return dx, dcls_token, dpos_embed

    return y, backward
""",
    "sincos_positions": """
def sincos_positions(rows, columns, dim):
    count = dim // 4
    speeds = 10000.0 ** (-np.arange(count) / (count - 1))
    row, column = np.divmod(np.arange(rows * columns), columns)
    by_column = column[:, None] * speeds
    by_row = row[:, None] * speeds
    positions = np.concatenate([np.sin(by_column), np.cos(by_column), np.sin(by_row), np.cos(by_row)], axis=1)
    return positions
""",
}

# A right answer in another form, for mistakes that RIGHT's form cannot have.
FILLED = """
def embed_tokens(x, cls_token, pos_embed):
    b, n, d = x.shape
    y = np.empty((b, n + 1, d), x.dtype)
    y[:, 0] = cls_token[0] + pos_embed[:, 0]
    y[:, 1:] = x + pos_embed[:, 1:]

    def backward(dy):
        dpos = np.zeros_like(pos_embed)
        dcls = np.zeros_like(cls_token)
        for image in range(b):
            dpos[0] += dy[image]
            dcls[0, 0] += dy[image, 0]
        return dy[:, 1:].copy(), dcls, dpos

    return y, backward
"""

WRONG = {
    "embed_tokens": [
        ("order", "[first, x]", "[x, first]", "y: the class token stands at the end"),
        ("missing term", "[first, x], axis=1) + pos_embed", "[first, x], axis=1)", "y: no positions"),
        (
            "missing term",
            None,
            FILLED.replace("cls_token[0] + pos_embed[:, 0]", "cls_token[0]"),
            "y: class token has no position",
        ),
        ("index", None, FILLED.replace("x + pos_embed[:, 1:]", "x + pos_embed[:, :-1]"), "y: patch n gets position n, not n + 1"),
        ("extra term", "axis=1) + pos_embed", "axis=1) + pos_embed + cls_token", "y: the class token is added to all tokens"),
        ("case", "[first, x]", "[cls_token, x]", "y: the class token is not repeated, right only for one image"),
        (
            "mutation",
            None,
            FILLED.replace("y[:, 1:] = x + pos_embed[:, 1:]", "x += pos_embed[:, 1:]\n    y[:, 1:] = x"),
            "y: the positions are added to x in place",
        ),
        (
            "dtype",
            "first = np.repeat(cls_token, batch, axis=0)",
            "first = np.zeros((batch, 1, width)) + cls_token",
            "y: zeros of float64 make all of it float64",
        ),
        ("index", "dx = dy[:, 1:]", "dx = dy[:, :-1]", "dx: the last token is cut off instead of the first"),
        ("shape", "dx = dy[:, 1:]", "dx = dy", "dx: the class token's row is still in it"),
        ("extra term", "dx = dy[:, 1:]", "dx = dy[:, 1:] + dy[:, :1]", "dx: the class token's gradient is added to each patch"),
        ("scale", "dx = dy[:, 1:]", "dx = dy[:, 1:] / batch", "dx: divided by the batch"),
        ("case", "dy[:, :1].sum(axis=0, keepdims=True)", "dy[:1, :1]", "dcls_token: of the first image alone"),
        ("scale", "dy[:, :1].sum(", "dy[:, :1].mean(", "dcls_token: mean over the batch"),
        ("axis", "dy[:, :1].sum(axis=0, keepdims=True)", "dy.sum(axis=(0, 1), keepdims=True)", "dcls_token: over all tokens too"),
        ("shape", "dy[:, :1].sum(axis=0, keepdims=True)", "dy[:, 0].sum(axis=0)", "dcls_token: (D,), the ones in front lost"),
        ("index", "dy[:, :1].sum(", "dy[:, 1:2].sum(", "dcls_token: the gradient of token 1"),
        ("index", "dy[:, :1].sum(", "dy[:, -1:].sum(", "dcls_token: the gradient of the last token"),
        (
            "axis",
            "dy[:, :1].sum(axis=0, keepdims=True)",
            "dy[:1].sum(axis=1, keepdims=True)",
            "dcls_token: tokens of image 0 added",
        ),
        ("scale", "dy.sum(axis=0, keepdims=True)\n        r", "dy.mean(axis=0, keepdims=True)\n        r", "dpos_embed: mean"),
        (
            "axis",
            "dy.sum(axis=0, keepdims=True)\n        r",
            "dy.sum(axis=1, keepdims=True)\n        r",
            "dpos_embed: over tokens",
        ),
        ("case", "dpos_embed = dy.sum(axis=0, keepdims=True)", "dpos_embed = dy", "dpos_embed: no sum, right only for one image"),
        ("missing term", None, FILLED.replace("dpos[0] +=", "dpos[0] ="), "dpos_embed: the last image overwrites those before"),
        (
            "index",
            None,
            FILLED.replace("dpos[0] += dy[image]", "dpos[0, 1:] += dy[image, 1:]"),
            "dpos_embed: place 0 gets nothing",
        ),
        ("index", None, FILLED.replace("range(b)", "range(1, b)"), "dpos_embed, dcls_token: the first image is left out"),
        ("dtype", None, FILLED.replace("np.zeros_like(cls_token)", "np.zeros((1, 1, d))"), "dcls_token: float64"),
        ("order", "return dx, dcls_token, dpos_embed", "return dx, dpos_embed, dcls_token", "the last two change places"),
        (
            "mutation",
            "dpos_embed = dy.sum",
            "dy[:, 0] = 0\n        dpos_embed = dy.sum",
            "dy: its first token is wiped out, so dpos_embed has nothing in place 0",
        ),
        ("scale and index", "dy[:, :1].sum(", "dy[:, 1:2].mean(", "dcls_token: the mean of token 1"),
    ],
    "sincos_positions": [
        ("scale", "/ (count - 1)", "/ count", "the last speed is not 1/10000: divided by F"),
        ("constant", "10000.0", "1000.0", "speeds go down to 1/1000"),
        ("sign", "(-np.arange", "(np.arange", "speeds go up to 10000"),
        ("case", "np.arange(rows * columns), columns", "np.arange(rows * columns), rows", "divided by rows: only square grids"),
        ("order", "row, column = np.div", "column, row = np.div", "the row's numbers come first"),
        ("order", "np.sin(by_column), np.cos(by_column)", "np.cos(by_column), np.sin(by_column)", "cosine of the column first"),
        ("wrong array", "np.cos(by_row)]", "np.cos(by_column)]", "the last part is of the column again"),
        ("index", "by_column = column[:, None]", "by_column = (column + 1)[:, None]", "columns count from 1"),
        ("scale", "by_row = row[:, None]", "by_row = 2 * np.pi * row[:, None]", "the row's angle is times 2π"),
        ("case", "10000.0 ** (-np.arange(count) / (count - 1))", "np.linspace(1, 1e-4, count)", "equal steps, not equal ratios"),
        ("shape", "count = dim // 4", "count = dim // 2", "twice as many speeds: twice as wide"),
        ("axis", "(by_row)], axis=1)", "(by_row)], axis=0).reshape(-1, dim)", "parts are stacked below each other"),
        (
            "order",
            "positions = np.concatenate([np.sin(by_column), np.cos(by_column), np.sin(by_row), np.cos(by_row)], axis=1)",
            "s = np.hstack([by_column, by_row])\n    positions = np.stack([np.sin(s), np.cos(s)], axis=-1).reshape(-1, dim)",
            "sine and cosine take turns",
        ),
    ],
}

UNUSUAL = {
    "embed_tokens": [
        FILLED,
        """
def embed_tokens(x, cls_token, pos_embed):
    y = np.pad(x, ((0, 0), (1, 0), (0, 0)))
    y[:, :1] = cls_token
    y += pos_embed

    def backward(dy):
        dpos_embed = np.add.reduce(dy, axis=0)[np.newaxis]
        return dy[:, 1:], dpos_embed[:, :1], dpos_embed  # the class token's is a view of the positions'

    return y, backward
""",
        """
def embed_tokens(x, cls_token, pos_embed):
    b, n, d = x.shape
    put = np.eye(n + 1, n, -1, dtype=x.dtype)  # patch n to place n + 1
    front = np.zeros((n + 1, 1), x.dtype)
    front[0] = 1
    y = put @ x + front @ cls_token + pos_embed

    def backward(dy):
        one = np.ones(b, dy.dtype)
        return put.T @ dy, np.einsum("b,btd,to->od", one, dy, front)[None], np.einsum("b,btd->td", one, dy)[None]

    return y, backward
""",
        """
def embed_tokens(x, cls_token, pos_embed):
    class Back:
        def __call__(self, dy):
            head, tail = np.split(dy, [1], axis=1)
            sums = [sum(part[1:], start=part[0].copy())[None] for part in (head, dy)]
            return (tail, *sums)

    token = np.broadcast_to(cls_token, (len(x), 1, x.shape[-1]))
    return np.hstack((token + pos_embed[:, :1], x + pos_embed[:, 1:])), Back()
""",
    ],
    "sincos_positions": [
        """
def sincos_positions(rows, columns, dim):
    f = dim // 4
    omega = np.logspace(0, -4, f).tolist()
    table = []
    for r in range(rows):
        for c in range(columns):
            table.append([g(p * w) for p, g in ((c, np.sin), (c, np.cos), (r, np.sin), (r, np.cos)) for w in omega])
    return np.array(table)
""",
        """
def sincos_positions(rows, columns, dim):
    speeds = np.geomspace(1, 1e-4, dim // 4)
    turn = lambda n: np.exp(1j * np.arange(n)[:, None] * speeds)
    of_column = np.broadcast_to(turn(columns)[None], (rows, columns, dim // 4))
    of_row = np.broadcast_to(turn(rows)[:, None], (rows, columns, dim // 4))
    return np.concatenate([of_column.imag, of_column.real, of_row.imag, of_row.real], axis=-1).reshape(-1, dim)
""",
        """
def sincos_positions(rows, columns, dim):
    quarter = dim // 4
    positions = np.empty((rows, columns, 4, quarter))
    angle = np.multiply.outer(np.arange(max(rows, columns)), np.exp(-np.log(10000) * np.linspace(0, 1, quarter)))
    positions[:, :, 0] = np.sin(angle[:columns])
    positions[:, :, 1] = np.sin(angle[:columns] + np.pi / 2)
    positions[:, :, 2] = np.sin(angle[:rows])[:, None]
    positions[:, :, 3] = np.sin(angle[:rows] + np.pi / 2)[:, None]
    return positions.reshape(rows * columns, dim)
""",
    ],
}
