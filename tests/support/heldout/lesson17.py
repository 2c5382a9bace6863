"""Lesson 17, Looking inside: answers written from the lesson's text alone."""

RIGHT = {
    "attention_rollout": """
def attention_rollout(attentions):
    tokens = attentions.shape[-1]
    mixed = (attentions.mean(axis=2) + np.eye(tokens, dtype=attentions.dtype)) / 2
    rollout = mixed[0]
    for later in mixed[1:]:
        rollout = later @ rollout
    return rollout
""",
    "attention_distance": """
def attention_distance(attention, rows, columns, patch_size):
    n = np.arange(rows * columns)
    y, x = n // columns, n % columns
    down, right = y[:, None] - y, x[:, None] - x
    far = (patch_size * np.sqrt(down**2 + right**2)).astype(attention.dtype)
    seen = attention[:, :, 1:, 1:]
    seen = seen / seen.sum(axis=-1, keepdims=True)
    distance = (seen * far).sum(axis=-1).mean(axis=(0, 2))
    return distance
""",
    "position_similarity": """
def position_similarity(pos_embed):
    p = pos_embed[0, 1:]
    length = np.sqrt((p * p).sum(axis=-1, keepdims=True))
    unit = p / length
    return unit @ unit.T
""",
}
HALF = "(attentions.mean(axis=2) + np.eye(tokens, dtype=attentions.dtype)) / 2"
ADDED = "attentions += np.eye(tokens, dtype=attentions.dtype)\n    mixed = attentions.mean(axis=2) / 2"
POOLED = "distance = (attention[:, :, 1:, 1:] * far).sum(axis=(0, 2, 3)) / attention[:, :, 1:, 1:].sum(axis=(0, 2, 3))"
WRONG = {
    "attention_rollout": [
        ("scale", "dtype=attentions.dtype)) / 2", "dtype=attentions.dtype))", "rows add up to 2, to 4, to 8"),
        ("transposed", "later @ rollout", "later.swapaxes(-1, -2) @ rollout", "the later blocks are transposed"),
        ("index", "mixed[1:]", "mixed[1:-1]", "the last block is left out"),
        ("step", "in mixed[1:]", "in mixed", "the first block is multiplied in twice"),
        ("index", "attentions.mean(axis=2)", "attentions[:, :, 0]", "only the first head"),
        ("constant", HALF, "0.9 * attentions.mean(axis=2) + 0.1 * np.eye(tokens, dtype=attentions.dtype)", "not half and half"),
        ("dtype", "np.eye(tokens, dtype=attentions.dtype)", "np.eye(tokens)", "float32 becomes float64"),
        ("mutation", f"mixed = {HALF}", ADDED, "the attentions are written over"),
        (
            "order and transposed",
            "later @ rollout",
            "rollout @ later.swapaxes(-1, -2)",
            "the earlier block on the left, and the later one transposed",
        ),
        ("extra term", "later @ rollout", "later @ rollout + rollout", "the road past is added a second time"),
        ("factor", "later @ rollout", "later * rollout", "multiplied number by number"),
        ("case", "later @ rollout", "later @ rollout[:1]", "every image is mixed with the first one's blocks"),
    ],
    "attention_distance": [
        ("case", "n // columns, n % columns", "n // rows, n % rows", "right only for square grids"),
        ("axis", "seen.sum(axis=-1, keepdims=True)", "seen.sum(axis=-2, keepdims=True)", "columns made to add up to 1"),
        ("step", "seen = seen / seen.sum(axis=-1, keepdims=True)", "seen = seen + 0", "rows are not divided by their sum"),
        ("extra term", "np.sqrt(down**2 + right**2)", "(abs(down) + abs(right))", "streets for the crow's flight"),
        ("scale", "(patch_size * np", "(np", "in patches and not in pixels"),
        ("index", "attention[:, :, 1:, 1:]", "attention[:, :, :-1, :-1]", "the last patch is left out, not the class token"),
        ("index", "mean(axis=(0, 2))", "mean(axis=2)[0]", "the first image alone"),
        ("order", "distance = (seen * far).sum(axis=-1).mean(axis=(0, 2))", POOLED, "divided after the sum over patches"),
        ("mutation", "seen = seen / seen.sum", "seen /= seen.sum", "the attention is written over"),
        ("scale", "mean(axis=(0, 2))", "sum(axis=2).mean(axis=0) / (rows * columns + 1)", "the class token counts in the mean"),
        ("factor", "np.sqrt(down**2 + right**2)", "(down**2 + right**2)", "squared distances"),
        ("axis", ".mean(axis=(0, 2))", ".mean(axis=(0, 1))", "one for each patch, over the heads"),
    ],
    "position_similarity": [
        ("index", "pos_embed[0, 1:]", "pos_embed[0, :-1]", "the last patch is left out, not the class token"),
        ("axis", "(p * p).sum(axis=-1, keepdims=True)", "(p * p).sum(axis=0, keepdims=True)", "each channel's length"),
        ("factor", "unit @ unit.T", "unit @ p.T", "only one of the two is divided by its length"),
        (
            "extra term",
            "p = pos_embed[0, 1:]",
            "p = pos_embed[0, 1:]\n    p = p - p.mean(axis=0)",
            "the mean position is taken off",
        ),
        (
            "factor",
            "np.sqrt((p * p).sum(axis=-1, keepdims=True))",
            "(p * p).sum(axis=-1, keepdims=True)",
            "the root is forgotten",
        ),
        ("constant", "p / length", "p / (length + 1e-3)", "something is added to the length"),
        ("mutation", "unit = p / length", "p /= length\n    unit = p", "the positions are written over"),
        ("case", "unit @ unit.T", "np.abs(unit @ unit.T)", "opposite directions come out as the same"),
        ("scale", "unit @ unit.T", "unit @ unit.T / p.shape[1]", "divided by D once more"),
        ("shape", "unit @ unit.T", "(unit @ unit.T)[None]", "(1, N, N) for (N, N)"),
    ],
}
UNUSUAL = {
    "attention_rollout": [
        """
def attention_rollout(attentions):
    import functools

    def mixed(one):
        m = one.mean(1) / 2
        i = np.arange(m.shape[-1])
        m[:, i, i] += 0.5
        return m

    return functools.reduce(lambda r, a: np.einsum("bik,bkj->bij", a, r), map(mixed, attentions))
""",
        """
def attention_rollout(attentions):
    blocks, images, heads, tokens, _ = attentions.shape
    found = []
    for b in range(images):
        r = np.identity(tokens, attentions.dtype)
        for block in range(blocks - 1, -1, -1):
            r = (r @ attentions[block, b].sum(axis=0) / heads + r) * 0.5
        found.append(r)
    return np.array(found)
""",
    ],
    "attention_distance": [
        """
def attention_distance(attention, rows, columns, patch_size):
    centre = np.array([complex(i, j) for i in range(rows) for j in range(columns)]) * patch_size
    far = np.abs(centre[:, np.newaxis] - centre)
    seen = attention[..., 1:, 1:]
    each = np.einsum("bhij,ij->bhi", seen, far) / np.einsum("bhij->bhi", seen)
    return np.average(np.average(each, axis=-1), axis=0).astype(attention.dtype)
""",
        """
def attention_distance(attention, rows, columns, patch_size):
    images, heads = attention.shape[:2]
    total = [0.0] * heads
    for h in range(heads):
        for b in range(images):
            for i in range(rows * columns):
                row = attention[b, h, 1 + i, 1:]
                far = [math.hypot(i // columns - j // columns, i % columns - j % columns) for j in range(len(row))]
                total[h] += patch_size * float(row @ np.array(far)) / float(row.sum())
    return np.array(total, attention.dtype) / (images * rows * columns)


import math
""",
    ],
    "position_similarity": [
        """
def position_similarity(pos_embed):
    dots = pos_embed[0, 1:] @ pos_embed[0, 1:].T
    root = np.sqrt(np.diagonal(dots))
    return dots / np.outer(root, root)
""",
        """
def position_similarity(pos_embed):
    unit = [p / np.linalg.norm(p) for p in pos_embed.squeeze(0)][1:]
    return np.inner(unit, unit)
""",
    ],
}
