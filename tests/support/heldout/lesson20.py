"""Lesson 20, Flash attention: answers written from the lesson's text alone."""

RIGHT = {
    "absorb": """
def absorb(largest, total, mixed, scores, values):
    new = np.maximum(largest, scores.max(axis=-1, keepdims=True))
    safe = np.where(np.isneginf(new), 0, new)
    e = np.exp(scores - safe)
    shrink = np.exp(largest - safe)
    total = shrink * total + e.sum(axis=-1, keepdims=True)
    mixed = shrink * mixed + e @ values
    return new, total, mixed
""",
    "flash_attention": """
def flash_attention(q, k, v, tile=TILE):
    scale = 1 / math.sqrt(q.shape[-1])
    y, level = np.empty_like(q), np.empty_like(q[..., :1])
    for rows in tiles(q.shape[-2], tile):
        queries = q[..., rows, :]
        largest, total = np.full_like(queries[..., :1], -np.inf), np.zeros_like(queries[..., :1])
        mixed = np.zeros_like(queries)
        for columns in tiles(k.shape[-2], tile):
            scores = (queries @ k[..., columns, :].swapaxes(-1, -2)) * scale
            largest, total, mixed = absorb(largest, total, mixed, scores, v[..., columns, :])
        y[..., rows, :] = mixed / total
        level[..., rows, :] = largest + np.log(total)

    def backward(dy):
        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        average = (dy * y).sum(axis=-1, keepdims=True)
        for rows in tiles(q.shape[-2], tile):
            own, upstream = q[..., rows, :], dy[..., rows, :]
            for columns in tiles(k.shape[-2], tile):
                keys = k[..., columns, :]
                p = np.exp((own @ keys.swapaxes(-1, -2)) * scale - level[..., rows, :])
                dp = upstream @ v[..., columns, :].swapaxes(-1, -2)
                ds = p * (dp - average[..., rows, :])
                dv[..., columns, :] += p.swapaxes(-1, -2) @ upstream
                dq[..., rows, :] += (ds @ keys) * scale
                dk[..., columns, :] += (ds.swapaxes(-1, -2) @ own) * scale
        return dq, dk, dv

    return y, backward
""",
}
START = "largest, total = np.full_like(queries[..., :1], -np.inf), np.zeros_like(queries[..., :1])"
RESTART = f"    for rows in tiles(q.shape[-2], tile):\n        queries = q[..., rows, :]\n        {START}\n"
GO_ON = f"    queries = q[..., :tile, :]\n    {START}\n" + RESTART.replace(f"        {START}\n", "")
FRESH = "    def backward(dy):\n        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)\n"
ONCE = "    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)\n\n    def backward(dy):\n"
SOFT = "p = np.exp((own @ keys.swapaxes(-1, -2)) * scale - level[..., rows, :])"
SUM = "average = (dy * y).sum(axis=-1, keepdims=True)"
BOTH = "total = shrink * total + e.sum(axis=-1, keepdims=True)\n    mixed = shrink * mixed + e @ values"
WRONG = {
    "absorb": [
        ("factor", "shrink * mixed", "shrink * shrink * mixed", "mixed: brought down twice"),
        ("wrong array", "return new,", "return safe,", "largest: 0 is kept where nothing has been seen, not -inf"),
        (
            "mutation",
            BOTH,
            "total *= shrink\n    total += e.sum(axis=-1, keepdims=True)\n    mixed = shrink * mixed + e @ values",
            "total is written over",
        ),
        (
            "missing term",
            "np.maximum(largest, scores.max(axis=-1, keepdims=True))",
            "scores.max(axis=-1, keepdims=True)",
            "largest: of the new tile alone",
        ),
        ("axis", "scores.max(axis=-1, keepdims=True)", "scores.max(keepdims=True)", "largest: one for all rows"),
        ("missing term", BOTH, BOTH.replace("shrink * mixed + ", ""), "mixed: the tiles before are forgotten"),
        ("sign", "np.exp(largest - safe)", "np.exp(safe - largest)", "the old sums are made larger"),
        ("extreme", "np.where(np.isneginf(new), 0, new)", "new", "-inf - -inf is nan where nothing is seen"),
        ("order", "return new, total, mixed", "return total, new, mixed", "largest and total exchanged"),
        ("scale", "e.sum(axis=-1, keepdims=True)", "e.mean(axis=-1, keepdims=True)", "total: the mean of the tile"),
        ("wrong array", "mixed + e @ values", "mixed + (e / total) @ values", "mixed: weights already divided by what is so far"),
        ("case", "np.isneginf(new), 0, new)", "new < 0, 0, new)", "scores far below 0 all become 0"),
        ("index", "e @ values", "e[..., :-1] @ values[..., :-1, :]", "mixed: the tile's last value is left out"),
    ],
    "flash_attention": [
        ("scale", "(ds @ keys) * scale", "(ds @ keys)", "dq: not divided by the root of d"),
        ("scale", "@ own) * scale", "@ own) * scale * scale", "dk: divided by the root of d twice"),
        ("missing term", "dv[..., columns, :] +=", "dv[..., columns, :] =", "dv: of the last block of queries alone"),
        ("missing term", "dq[..., rows, :] +=", "dq[..., rows, :] =", "dq: of the last block of keys alone"),
        ("case", "average[..., rows, :]", "(p * dp).sum(axis=-1, keepdims=True)", "dq, dk: D of the tile, right with one tile"),
        ("sign", "(dp - average", "(dp + average", "dq, dk: D is added"),
        ("index", "average[..., rows, :]", "average[..., : p.shape[-2], :]", "dq, dk: D of the first block of queries"),
        ("factor", "ds = p * (dp", "ds = (dp", "dq, dk: not multiplied by p"),
        ("wrong array", "p.swapaxes(-1, -2) @ upstream", "p.swapaxes(-1, -2) @ y[..., rows, :]", "dv: y for dy"),
        ("wrong array", "@ own) * scale", "@ upstream) * scale", "dk: dy for q"),
        ("wrong array", "(ds @ keys)", "(dp @ keys)", "dq: the gradient of p for that of the scores"),
        ("wrong array", "dv[..., columns, :] += p.swap", "dv[..., columns, :] += ds.swap", "dv: ds for p"),
        ("scale", SUM, "average = (dy * y).mean(axis=-1, keepdims=True)", "dq, dk: D is a mean"),
        ("axis", SUM, "average = (dy * y).sum(axis=(-2, -1), keepdims=True) + 0 * level", "dq, dk: D sums over the tokens too"),
        ("wrong array", SUM, "average = (dy * q).sum(axis=-1, keepdims=True)", "dq, dk: D from q, not y"),
        ("alias", FRESH, ONCE, "dq, dk, dv: what an earlier backward gave is still in them"),
        ("extreme", SOFT, "p = np.exp((own @ keys.swapaxes(-1, -2)) * scale) / np.exp(level[..., rows, :])", "p: overflows"),
        ("order", "return dq, dk, dv", "return dk, dq, dv", "dq and dk exchanged"),
        ("factor", "+ np.log(total)", "+ total", "level: the logarithm is forgotten, so backward is wrong"),
        (
            "missing term",
            "largest + np.log(total)",
            "np.log(total)",
            "level: the largest score is left out, so backward is wrong",
        ),
        (
            "scale",
            "scale = 1 / math.sqrt(q.shape[-1])",
            "scale = 1 / math.sqrt(k.shape[-2])",
            "divided by the root of the tokens",
        ),
        ("alias", RESTART, GO_ON, "y: largest and total go on from one block of queries to the next"),
        ("extreme", START, START.replace("-np.inf", "0"), "y: begins with 0, wrong where all scores are far below"),
        ("mutation", SUM, "dy *= y\n        average = dy.sum(axis=-1, keepdims=True)", "dy is written over"),
        ("sign and scale", "(ds @ keys) * scale", "(ds @ keys) * -1", "dq: the sign turned and the root of d forgotten"),
        ("index", "dk[..., columns, :] +=", "dk[..., rows, :] +=", "dk: put where the queries stand"),
        ("wrong array", "upstream @ v[..., columns, :]", "upstream @ keys", "dq, dk: k for v in dp"),
    ],
}
UNUSUAL = {
    "absorb": [
        """
def absorb(largest, total, mixed, scores, values):
    top = np.concatenate([largest, scores], axis=-1).max(axis=-1, keepdims=True)
    base = np.maximum(top, np.finfo(scores.dtype).min)
    weights = np.exp(np.concatenate([largest, scores], axis=-1) - base)
    old, e = weights[..., :1], weights[..., 1:]
    return [top, old * total + np.einsum("...t->...", e)[..., None], old * mixed + np.matmul(e, values)]
""",
        """
def absorb(largest, total, mixed, scores, values):
    new, both = largest.copy(), np.concatenate([mixed, total], axis=-1)
    for t in range(scores.shape[-1]):
        score = scores[..., t : t + 1]
        higher = np.maximum(new, score)
        base = np.where(higher == -np.inf, np.zeros_like(higher), higher)
        row = np.concatenate([values[..., t : t + 1, :], np.ones_like(values[..., t : t + 1, :1])], axis=-1)
        both = np.exp(new - base) * both + np.exp(score - base) * row
        new = higher
    return new, both[..., -1:], both[..., :-1]
""",
    ],
    "flash_attention": [
        """
def flash_attention(q, k, v, tile=TILE):
    scaled = q * (1 / math.sqrt(q.shape[-1]))
    y, level = np.empty_like(q), np.empty_like(q[..., :1])
    cut = [np.s_[..., part, :] for part in tiles(k.shape[-2], tile)]
    blocks = [np.s_[..., part, :] for part in tiles(q.shape[-2], tile)]
    for rows in blocks:
        state = np.full_like(level[rows], -np.inf), np.zeros_like(level[rows]), np.zeros_like(y[rows])
        for columns in cut:
            state = absorb(*state, np.einsum("...id,...jd->...ij", scaled[rows], k[columns]), v[columns])
        np.divide(state[2], state[1], out=y[rows])
        level[rows] = state[0] + np.log(state[1])

    def backward(dy):
        dq, dk, dv = (np.zeros_like(x) for x in (q, k, v))
        mean = np.einsum("...d,...d->...", dy, y)[..., None]
        for columns in cut:
            for rows in blocks:
                p = np.exp(np.einsum("...id,...jd->...ij", scaled[rows], k[columns]) - level[rows])
                dv[columns] += np.einsum("...ij,...id->...jd", p, dy[rows])
                p *= np.einsum("...id,...jd->...ij", dy[rows], v[columns]) - mean[rows]
                dq[rows] += p @ k[columns]
                dk[columns] += np.einsum("...ij,...id->...jd", p, scaled[rows])
        dq *= 1 / math.sqrt(q.shape[-1])
        return [dq, dk, dv]

    return y, backward
""",
        """
def flash_attention(q, k, v, tile=TILE):
    root = np.sqrt(q.shape[-1]).astype(q.dtype)
    pairs = [(rows, columns) for rows in tiles(q.shape[-2], tile) for columns in tiles(k.shape[-2], tile)]
    scores = lambda rows, columns: q[..., rows, :] @ np.swapaxes(k[..., columns, :], -1, -2) / root
    largest, total, mixed = np.full_like(q[..., :1], -np.inf), np.zeros_like(q[..., :1]), np.zeros_like(q)
    for rows, columns in pairs:
        kept = [x[..., rows, :] for x in (largest, total, mixed)]
        for x, new in zip(kept, absorb(*kept, scores(rows, columns), v[..., columns, :])):
            x[...] = new
    y = mixed / total
    level = largest + np.log(total)

    def backward(dy):
        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        D = (dy * y).sum(-1, keepdims=True)
        for rows, columns in reversed(pairs):
            p = np.exp(scores(rows, columns) - level[..., rows, :])
            dv[..., columns, :] += np.swapaxes(np.swapaxes(dy[..., rows, :], -1, -2) @ p, -1, -2)
            ds = p * (dy[..., rows, :] @ np.swapaxes(v[..., columns, :], -1, -2) - D[..., rows, :]) / root
            dq[..., rows, :] += ds @ k[..., columns, :]
            dk[..., columns, :] += np.swapaxes(ds, -1, -2) @ q[..., rows, :]
        return dq, dk, dv

    return y, backward
""",
    ],
}
