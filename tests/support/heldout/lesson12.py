"""Lesson 12, split_heads, merge_heads and self_attention: answers written from the lesson's text alone."""

RIGHT = {
    "split_heads": """
def split_heads(qkv, heads):
    batch, tokens, width = qkv.shape
    d = width // 3 // heads
    five = qkv.reshape(batch, tokens, 3, heads, d)
    q, k, v = five.transpose(2, 0, 3, 1, 4)

    def backward(dq, dk, dv):
        stacked = np.stack([dq, dk, dv])
        dqkv = stacked.transpose(1, 3, 0, 2, 4).reshape(qkv.shape)
        return dqkv

    return (q, k, v), backward
""",
    "merge_heads": """
def merge_heads(x):
    batch, heads, tokens, d = x.shape
    merged = x.transpose(0, 2, 1, 3).reshape(batch, tokens, heads * d)

    def backward(dy):
        dx = dy.reshape(batch, tokens, heads, d).transpose(0, 2, 1, 3)
        return dx

    return merged, backward
""",
    "self_attention": """
def self_attention(x, qkv_weight, qkv_bias, proj_weight, proj_bias, heads):
    qkv, qkv_backward = mine.linear(x, qkv_weight, qkv_bias)
    (q, k, v), split_backward = split_heads(qkv, heads)
    seen, attention_backward = mine.attention(q, k, v)
    merged, merge_backward = merge_heads(seen)
    y, proj_backward = mine.linear(merged, proj_weight, proj_bias)

    def backward(dy):
        dmerged, dproj_weight, dproj_bias = proj_backward(dy)
        dseen = merge_backward(dmerged)
        dq, dk, dv = attention_backward(dseen)
        dqkv = split_backward(dq, dk, dv)
        dx, dqkv_weight, dqkv_bias = qkv_backward(dqkv)
        return dx, dqkv_weight, dqkv_bias, dproj_weight, dproj_bias, None

    return y, backward
""",
}

# Right answers in another form, for mistakes that RIGHT's form cannot have.
SLICED = """
def split_heads(qkv, heads):
    b, t, width = qkv.shape
    dim = width // 3
    d = dim // heads

    def part(start):
        return np.stack([qkv[:, :, start + h * d : start + (h + 1) * d] for h in range(heads)], axis=1)

    def backward(dq, dk, dv):
        dqkv = np.zeros_like(qkv)
        for which, grad in enumerate((dq, dk, dv)):
            for h in range(heads):
                begin = which * dim + h * d
                dqkv[:, :, begin : begin + d] = grad[:, h]
        return dqkv

    return (part(0), part(dim), part(2 * dim)), backward
"""

SIDE_BY_SIDE = """
def merge_heads(x):
    heads, d = x.shape[1], x.shape[-1]
    merged = np.concatenate([x[:, h] for h in range(heads)], axis=-1)

    def backward(dy):
        dx = np.zeros_like(x)
        for h in range(heads):
            dx[:, h] = dy[:, :, h * d : (h + 1) * d]
        return dx

    return merged, backward
"""

WRONG = {
    "split_heads": [
        (
            "axis",
            "tokens, 3, heads, d)\n    q, k, v = five.transpose(2, 0, 3, 1, 4)",
            "tokens, heads, 3, d)\n    q, k, v = five.transpose(3, 0, 2, 1, 4)",
            "columns taken head by head, then q, k, v",
        ),
        (
            "axis",
            "tokens, 3, heads, d)\n    q, k, v = five.transpose(2, 0, 3, 1, 4)",
            "tokens, 3, d, heads)\n    q, k, v = five.transpose(2, 0, 4, 1, 3)",
            "every heads-th column goes to a head, not d neighbours",
        ),
        (
            "step",
            "five.transpose(2, 0, 3, 1, 4)",
            "np.moveaxis(five, 2, 0).reshape(3, batch, heads, tokens, d)",
            "only a reshape",
        ),
        ("shape", "five.transpose(2, 0, 3, 1, 4)", "five.transpose(2, 0, 1, 3, 4)", "tokens before heads"),
        ("order", "q, k, v = five", "q, v, k = five", "k and v change places"),
        ("option", None, SLICED.replace("d = dim // heads", "heads = 2\n    d = dim // heads"), "two heads, always"),
        (
            "scale",
            "return (q, k, v), backward",
            "return (q / np.sqrt(d).astype(q.dtype), k, v), backward",
            "q: scaled already here",
        ),
        ("index", None, SLICED.replace("part(2 * dim)", "part(dim)"), "v: the columns of k"),
        ("index", None, SLICED.replace("start + h * d : start + (h + 1) * d", "start + h : start + h + d"), "heads overlap"),
        ("order", "np.stack([dq, dk, dv])", "np.stack([dv, dk, dq])", "dqkv: v's gradient in q's columns"),
        ("wrong array", "np.stack([dq, dk, dv])", "np.stack([dq, dk, dk])", "dqkv: dk in the columns of v"),
        (
            "axis",
            "stacked.transpose(1, 3, 0, 2, 4)",
            "stacked.transpose(2, 0, 3, 1, 4)",
            "dqkv: the forward's order of axes again",
        ),
        ("axis", "stacked.transpose(1, 3, 0, 2, 4)", "stacked.transpose(1, 3, 2, 0, 4)", "dqkv: head by head, each with q, k, v"),
        ("step", "stacked.transpose(1, 3, 0, 2, 4)", "stacked", "dqkv: reshaped, not transposed back"),
        (
            "step",
            "dqkv = stacked.transpose(1, 3, 0, 2, 4).reshape(qkv.shape)",
            "dqkv = stacked.transpose(1, 3, 0, 2, 4)",
            "dqkv: 5 axes",
        ),
        ("shape", "np.stack([dq, dk, dv])", "np.stack([dq + dk + dv] * 3)", "dqkv: the sum of all three in each third"),
        ("index", None, SLICED.replace("which * dim + h * d", "which * d + h * dim"), "dqkv: dim and d change roles"),
        ("index", None, SLICED.replace("in range(heads):", "in range(1, heads):"), "dqkv: head 0 gets no gradient"),
        ("dtype", None, SLICED.replace("np.zeros_like(qkv)", "np.zeros(qkv.shape)"), "dqkv: float64"),
        ("mutation", None, SLICED.replace("np.zeros_like(qkv)", "qkv"), "dqkv is written into qkv"),
    ],
    "merge_heads": [
        ("step", "x.transpose(0, 2, 1, 3).reshape", "x.reshape", "merged: only a reshape"),
        ("axis", "x.transpose(0, 2, 1, 3)", "x.transpose(0, 2, 3, 1)", "merged: the heads' numbers take turns"),
        ("shape", "tokens, heads * d)", "heads * d, tokens)", "merged: tokens come last"),
        (
            "order",
            None,
            SIDE_BY_SIDE.replace("x[:, h] for h in range(heads)", "x[:, -h] for h in range(heads)"),
            "merged: after head 0 the others come backwards",
        ),
        ("step", "dy.reshape(batch, tokens, heads, d).transpose(0, 2, 1, 3)", "dy.reshape(x.shape)", "dx: not transposed back"),
        (
            "axis",
            "dy.reshape(batch, tokens, heads, d).transpose(0, 2, 1, 3)",
            "dy.reshape(batch, tokens, d, heads).transpose(0, 3, 1, 2)",
            "dx: every heads-th number goes to a head",
        ),
        ("shape", "heads, d).transpose(0, 2, 1, 3)", "heads, d)", "dx: tokens before heads"),
        ("scale", "        return dx", "        return dx / heads", "dx: a mean over the heads"),
        ("wrong array", "dy.reshape(", "merged.reshape(", "dx: the merged numbers themselves"),
        ("case", "dy.reshape(batch,", "dy.reshape(1,", "dx: only for one image"),
        ("index", None, SIDE_BY_SIDE.replace("h * d : (h + 1) * d", "h : h + d"), "dx: heads read overlapping columns"),
        (
            "index",
            None,
            SIDE_BY_SIDE.replace("for h in range(heads):", "for h in range(heads - 1):"),
            "dx: last head gets nothing",
        ),
        ("dtype", None, SIDE_BY_SIDE.replace("np.zeros_like(x)", "np.zeros(x.shape)"), "dx: float64"),
        ("mutation", None, SIDE_BY_SIDE.replace("dx = np.zeros_like(x)", "dx = x"), "dx is written into x"),
        (
            "alias",
            None,
            SIDE_BY_SIDE.replace(
                "    def backward(dy):\n        dx =", "    dx = np.zeros_like(x)\n\n    def backward(dy):\n        _ ="
            ),
            "dx: one buffer for all calls of backward",
        ),
    ],
    "self_attention": [
        ("option", "split_heads(qkv, heads)", "split_heads(qkv, 1)", "y: one head, whatever heads says"),
        ("wrong array", "mine.attention(q, k, v)", "mine.attention(q, k, k)", "y: averages of keys"),
        ("order", "mine.attention(q, k, v)", "mine.attention(k, q, v)", "y: keys look for queries"),
        ("scale", "seen, att", "q = q / q.shape[-1] ** 0.5\n    seen, att", "y: scores are divided by the root of d twice"),
        (
            "scale",
            "    seen, att",
            "    q = q * q.shape[-1] ** 0.5 / x.shape[-1] ** 0.5\n    seen, att",
            "y: the root of D for the root of D / heads",
        ),
        ("extra term", "    return y, backward", "    return x + y, backward", "y: x is added, which is the block's job"),
        ("step", "merge_heads(seen)", "(seen.reshape(x.shape), lambda d: d.reshape(seen.shape))", "y: heads merged by a reshape"),
        ("missing term", "mine.linear(x, qkv_weight, qkv_bias)", "mine.linear(x, qkv_weight, 0 * qkv_bias)", "y: no qkv_bias"),
        ("order", "dq, dk, dv = attention", "dk, dq, dv = attention", "dqkv: dq and dk change places"),
        ("order", "split_backward(dq, dk, dv)", "split_backward(dv, dk, dq)", "dqkv: v's gradient in q's columns"),
        ("missing term", "split_backward(dq, dk, dv)", "split_backward(dq, dk, 0 * dv)", "dqkv: no gradient through the values"),
        ("missing term", "split_backward(dq, dk, dv)", "split_backward(0 * dq, 0 * dk, dv)", "dqkv: none through the weights"),
        (
            "extra term",
            "return dx, dqkv_weight",
            "return dx + dy, dqkv_weight",
            "dx: dy is added, as if there were a road past it",
        ),
        (
            "step",
            "dseen = merge_backward(dmerged)",
            "dseen = dmerged.reshape(seen.shape)",
            "dseen: reshaped, not transposed back",
        ),
        ("step", "attention_backward(dseen)", "attention_backward(merge_backward(dy))", "dseen: the projection is skipped"),
        (
            "wrong array",
            "dqkv = split_backward(dq, dk, dv)",
            "dqkv = split_backward(dq, dk, dv)\n        dproj_weight = np.einsum('bti,bto->io', x, dy)",
            "dproj_weight: x for the merged heads",
        ),
        (
            "order",
            "dqkv_weight, dqkv_bias, dproj_weight, dproj_bias, None",
            "dproj_weight, dproj_bias, dqkv_weight, dqkv_bias, None",
            "the projection's gradients come before those of qkv",
        ),
        (
            "scale",
            "dqkv_bias, dproj_weight, dproj_bias, None",
            "dqkv_bias / len(x), dproj_weight, dproj_bias, None",
            "dqkv_bias: mean",
        ),
    ],
}

UNUSUAL = {
    "split_heads": [
        SLICED,
        """
def split_heads(qkv, heads):
    thirds = np.split(qkv, 3, axis=-1)
    out = tuple(np.array(np.split(third, heads, axis=-1)).swapaxes(0, 1) for third in thirds)

    def backward(*grads):
        rows = [np.concatenate(list(np.moveaxis(grad, 1, 0)), axis=-1) for grad in grads]
        return np.concatenate(rows, axis=-1)

    return out, backward
""",
        """
def split_heads(qkv, heads):
    b, t, width = qkv.shape
    parts = np.einsum("btshd->sbhtd", qkv.reshape(b, t, 3, heads, -1))
    return (parts[0], parts[1], parts[2]), lambda *d: np.einsum("sbhtd->btshd", np.asarray(d)).reshape(b, t, width)
""",
    ],
    "merge_heads": [
        SIDE_BY_SIDE,
        """
def merge_heads(x):
    b, h, t, d = x.shape
    merged = np.empty((b, t, h * d), x.dtype)
    merged.reshape(b, t, h, d)[...] = np.swapaxes(x, 1, 2)  # the reshape is a view

    def backward(dy):
        return np.ascontiguousarray(np.rollaxis(dy.reshape(b, t, h, d), 2, 1))

    return merged, backward
""",
        """
def merge_heads(x):
    class Undo:
        def __init__(self, shape):
            self.pieces = shape[1]

        def __call__(self, dy):
            return np.stack(np.split(dy, self.pieces, axis=2), axis=1)

    return np.dstack([np.asarray(head) for head in np.moveaxis(x, 1, 0)]), Undo(x.shape)
""",
    ],
    "self_attention": [
        """
def self_attention(x, qkv_weight, qkv_bias, proj_weight, proj_bias, heads):
    backs = []

    def run(function, *given):
        out, back = function(*given)
        backs.insert(0, back)
        return out

    seen = run(mine.attention, *run(split_heads, run(mine.linear, x, qkv_weight, qkv_bias), heads))
    y = run(mine.linear, run(merge_heads, seen), proj_weight, proj_bias)

    def backward(dy):
        proj, merge, attend, split, linear = backs
        d, *of_proj = proj(dy)
        return (*linear(split(*attend(merge(d)))), *of_proj, None)

    return y, backward
""",
        """
def self_attention(x, qkv_weight, qkv_bias, proj_weight, proj_bias, heads):
    dim = x.shape[-1]
    d = dim // heads
    y = np.zeros_like(x) + proj_bias
    kept = []
    for h in range(heads):  # one head at a time, with its own columns of the weights and rows of the projection
        columns = [slice(part * dim + h * d, part * dim + (h + 1) * d) for part in range(3)]
        rows = slice(h * d, (h + 1) * d)
        (q, bq), (k, bk), (v, bv) = (mine.linear(x, qkv_weight[:, c], qkv_bias[c]) for c in columns)
        out, attend = mine.attention(q, k, v)
        y = y + out @ proj_weight[rows]
        kept.append((columns, rows, (bq, bk, bv), out, attend))

    def backward(dy):
        dx, dw, db, dp = np.zeros_like(x), np.zeros_like(qkv_weight), np.zeros_like(qkv_bias), np.zeros_like(proj_weight)
        for columns, rows, backs, out, attend in kept:
            dp[rows] = np.tensordot(out, dy, ((0, 1), (0, 1)))
            for column, back, grad in zip(columns, backs, attend(dy @ proj_weight[rows].T)):
                gx, dw[:, column], db[column] = back(grad)
                dx += gx
        return dx, dw, db, dp, dy.sum((0, 1)), None

    return y, backward
""",
        """
def self_attention(x, qkv_weight, qkv_bias, proj_weight, proj_bias, heads):
    b, t, dim = x.shape
    weights, biases = np.split(qkv_weight, 3, axis=1), np.split(qkv_bias, 3)
    cut = lambda a: a.reshape(b, t, heads, dim // heads).swapaxes(1, 2)
    glue = lambda a: a.swapaxes(1, 2).reshape(b, t, dim)
    q, k, v = (cut(x @ w + c) for w, c in zip(weights, biases))
    seen, back = mine.attention(q, k, v)
    merged = glue(seen)

    def backward(dy):
        grads = [glue(g) for g in back(cut(dy @ proj_weight.T))]
        dx = sum(g @ w.T for g, w in zip(grads, weights))
        dw = np.hstack([np.einsum("bti,bto->io", x, g) for g in grads])
        db = np.hstack([np.einsum("bto->o", g) for g in grads])
        return dx, dw, db, np.einsum("bti,bto->io", merged, dy), np.einsum("bto->o", dy), None

    return merged @ proj_weight + proj_bias, backward
""",
    ],
}
