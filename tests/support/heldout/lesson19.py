"""Lesson 19, Fused kernels: answers written from the lesson's text alone."""

RIGHT = {
    "gelu_in_blocks": """
def gelu_in_blocks(x, block=BLOCK):
    flat = np.ascontiguousarray(x).reshape(-1)
    y, slope = np.empty_like(flat), np.empty_like(flat)
    for part in blocks(len(flat), block):
        own, a, b = flat[part], y[part], slope[part]
        np.divide(own, math.sqrt(2), out=a)
        a[...] = erf(a)
        a += 1
        a /= 2
        np.multiply(own, own, out=b)
        b *= -0.5
        np.exp(b, out=b)
        b /= math.sqrt(2 * math.pi)
        b *= own
        b += a
        a *= own

    def backward(dy):
        return dy * slope.reshape(x.shape)

    return y.reshape(x.shape), backward
""",
    "layernorm_in_blocks": """
def layernorm_in_blocks(x, weight, bias, eps=1e-6, rows=ROWS):
    width = x.shape[-1]
    flat = np.ascontiguousarray(x).reshape(-1, width)
    y, mean, r = np.empty_like(flat), np.empty_like(flat[:, :1]), np.empty_like(flat[:, :1])
    for part in blocks(len(flat), rows):
        own = y[part]
        mean[part] = flat[part].mean(axis=-1, keepdims=True)
        np.subtract(flat[part], mean[part], out=own)
        r[part] = 1 / np.sqrt((own * own).mean(axis=-1, keepdims=True) + eps)
        own *= r[part]
        own *= weight
        own += bias

    def backward(dy):
        upstream = np.ascontiguousarray(dy).reshape(-1, width)
        dx, dweight, dbias = np.empty_like(flat), np.zeros_like(weight), np.zeros_like(bias)
        for part in blocks(len(flat), rows):
            xhat = (flat[part] - mean[part]) * r[part]
            dweight += (upstream[part] * xhat).sum(axis=0)
            dbias += upstream[part].sum(axis=0)
            g = upstream[part] * weight
            xhat *= (g * xhat).mean(axis=-1, keepdims=True)
            g -= g.mean(axis=-1, keepdims=True)
            g -= xhat
            dx[part] = g * r[part]
        return dx.reshape(x.shape), dweight, dbias

    return y.reshape(x.shape), backward
""",
    "gelu_kernel": """
def gelu_kernel(me, x, y, slope):
    first = me.block * me.threads + me.thread
    for i in range(first, len(x), me.threads * me.blocks):
        y[i], slope[i] = gelu_of(x[i])
""",
    "block_sum": """
def block_sum(me, value):
    me.shared[me.thread] = value
    yield
    half = me.threads // 2
    while half > 0:
        if me.thread < half:
            me.shared[me.thread] = me.shared[me.thread] + me.shared[me.thread + half]
        yield
        half //= 2
    total = me.shared[0]
    yield
    return total
""",
    "layernorm_kernel": """
def layernorm_kernel(me, x, weight, bias, eps, y, mean, r):
    width = len(weight)
    start = me.block * width
    columns = range(me.thread, width, me.threads)
    part = 0.0
    for c in columns:
        part += x[start + c]
    center = (yield from block_sum(me, part)) / width
    squares = 0.0
    for c in columns:
        squares += (x[start + c] - center) ** 2
    scale = 1 / math.sqrt((yield from block_sum(me, squares)) / width + eps)
    for c in columns:
        y[start + c] = (x[start + c] - center) * scale * weight[c] + bias[c]
    if me.thread == 0:
        mean[me.block] = center
        r[me.block] = scale
""",
}
GELU_BACK, ADD = "return dy * slope.reshape(x.shape)", "me.shared[me.thread] = me.shared[me.thread] + me.shared[me.thread + half]"
ROOT = "1 / np.sqrt((own * own).mean(axis=-1, keepdims=True) + eps)"
MADE = "dx, dweight, dbias = np.empty_like(flat), np.zeros_like(weight), np.zeros_like(bias)"
WEIGHT, SCALE = "dweight += (upstream[part] * xhat).sum(axis=0)", "xhat *= (g * xhat).mean(axis=-1, keepdims=True)"
FROM_WEIGHT = """dweight += (upstream[part] * xhat).sum(axis=0)
            dbias += upstream[part].sum(axis=0)
            g = upstream[part] * weight
            xhat *= (g * xhat).mean(axis=-1, keepdims=True)
"""
LATE_WEIGHT = """dbias += upstream[part].sum(axis=0)
            g = upstream[part] * weight
            xhat *= (g * xhat).mean(axis=-1, keepdims=True)
            dweight += (upstream[part] * xhat).sum(axis=0)
"""
WRONG = {
    "gelu_in_blocks": [
        (
            "order",
            "b += a\n        a *= own",
            "a *= own\n        b += a",
            "slope: y is added for the gate, overwritten too early",
        ),
        ("wrong array", GELU_BACK, "return dy * y.reshape(x.shape)", "dx: y for the slope"),
        ("factor", "        b *= own\n", "", "slope: the bell is not multiplied by x"),
        ("missing term", "        b += a\n", "", "slope: the gate is left out"),
        ("constant", "math.sqrt(2 * math.pi)", "2.5", "slope: a rounded root of 2 pi"),
        (
            "index",
            "blocks(len(flat), block)",
            "blocks(len(flat) // block * block, block)",
            "the last, shorter block is never done",
        ),
        (
            "alias",
            GELU_BACK,
            "shaped = slope.reshape(x.shape)\n        shaped *= dy\n        return shaped",
            "dx: lies in the slope's memory, a second backward is wrong",
        ),
        ("mutation", GELU_BACK, "dy *= slope.reshape(x.shape)\n        return dy", "dx: dy is written over"),
        ("scale", "b *= -0.5", "b *= -1", "slope: x² is not halved"),
        ("option", "blocks(len(flat), block)", "blocks(len(flat), len(flat) or 1)", "one block as large as x: block is ignored"),
        ("shape", GELU_BACK, "return dy.reshape(-1) * slope", "dx: flat, not of the shape of x"),
        ("sign", "b += a", "b -= a", "slope: the gate is subtracted"),
        (
            "alias",
            "y, slope = np.empty_like(flat), np.empty_like(flat)",
            "y = slope = np.empty_like(flat)",
            "y and slope: one array",
        ),
        ("mutation", "np.divide(own, math.sqrt(2), out=a)", "own /= math.sqrt(2)\n        a[...] = own", "x is written over"),
    ],
    "layernorm_in_blocks": [
        ("missing term", "dweight += (", "dweight[:] = (", "dweight: the last block alone"),
        ("missing term", "dbias += ", "dbias[:] = ", "dbias: the last block alone"),
        ("factor", WEIGHT, "dweight += (upstream[part] * weight * xhat).sum(axis=0)", "dweight: the weight once too often"),
        ("factor", "dbias += upstream[part].sum", "dbias += (upstream[part] * r[part]).sum", "dbias: r has no place there"),
        ("factor", "dx[part] = g * r[part]", "dx[part] = g", "dx: not multiplied by r"),
        ("factor", "dx[part] = g * r[part]", "dx[part] = g * r[part] ** 2", "dx: r once too often"),
        ("sign", "g -= xhat", "g += xhat", "dx: the term of the variance is added"),
        ("missing term", "            g -= g.mean(axis=-1, keepdims=True)\n", "", "dx: the mean's share is left out"),
        ("wrong array", SCALE, "xhat *= (upstream[part] * xhat).mean(axis=-1, keepdims=True)", "dx: dy for g in the second mean"),
        ("axis", "g -= g.mean(axis=-1, keepdims=True)", "g -= g.mean(axis=0)", "dx: the mean over the block's rows"),
        ("scale", SCALE, "xhat *= (g * xhat).sum(axis=-1, keepdims=True)", "dx: a sum for the second mean"),
        ("order", FROM_WEIGHT, LATE_WEIGHT, "dweight: made after xhat was multiplied in place"),
        ("order", ROOT, "1 / (np.sqrt((own * own).mean(axis=-1, keepdims=True)) + eps)", "y: eps stands outside of the root"),
        ("scale", ROOT, "1 / np.sqrt((own * own).sum(axis=-1, keepdims=True) / (width - 1) + eps)", "y: divided by D - 1"),
        (
            "extreme",
            ROOT,
            "1 / np.sqrt((flat[part] ** 2).mean(axis=-1, keepdims=True) - mean[part] ** 2 + eps)",
            "y: E[x²] - mean², the difference of two large numbers",
        ),
        ("alias", MADE, "dx, dweight, dbias = y, np.zeros_like(weight), np.zeros_like(bias)", "dx: lies in the memory of y"),
        ("mutation", "g = upstream[part] * weight", "g = upstream[part]\n            g *= weight", "dx: dy is written over"),
        (
            "index",
            "(flat[part] - mean[part]) * r[part]\n",
            "(flat[part] - mean[part]) * r[0]\n",
            "dx, dweight: r of the first row",
        ),
        ("option", "keepdims=True) + eps", "keepdims=True) + 1e-6", "y: eps is ignored"),
        ("order", "own *= weight\n        own += bias", "own += bias\n        own *= weight", "y: the bias is multiplied too"),
        (
            "sign and factor",
            "dx[part] = g * r[part]",
            "dx[part] = -g * r[part] ** 2",
            "dx: the sign turned, and r once too often",
        ),
        (
            "wrong array",
            "xhat = (flat[part] - mean[part]) * r[part]",
            "xhat = y.reshape(-1, width)[part] + 0",
            "dx, dweight: y for xhat, right only for weight 1 and bias 0",
        ),
    ],
    "gelu_kernel": [
        ("order", "y[i], slope[i] =", "slope[i], y[i] =", "y and slope exchanged"),
        ("index", "me.threads * me.blocks)", "me.threads)", "goes on to numbers of the neighbouring block"),
        ("index", "range(first, len(x),", "range(first, len(x) - 1,", "the last number is never done"),
        ("index", "me.block * me.threads + me.thread", "me.block * me.blocks + me.thread", "the blocks are not blocks apart"),
        (
            "step",
            "for i in range(first, len(x), me.threads * me.blocks):",
            "for i in [first] if first < len(x) else []:",
            "one round",
        ),
        ("index", "gelu_of(x[i])", "gelu_of(x[first])", "each round takes the first number again"),
    ],
    "block_sum": [
        (
            "step",
            "    yield\n    return total",
            "    return total",
            "no barrier after reading: the next sum is written too early",
        ),
        ("step", "value\n    yield\n", "value\n", "no barrier after the parts are written"),
        ("index", "while half > 0", "while half > 1", "the last pair is not added"),
        ("case", f"{ADD}\n        yield\n", f"{ADD}\n            yield\n", "the barrier is inside the if"),
        ("index", "total = me.shared[0]", "total = me.shared[me.thread]", "each thread reads its own place"),
        ("index", "if me.thread < half:", "if me.thread <= half:", "one thread too many adds, and reads what lies behind"),
    ],
    "layernorm_kernel": [
        ("case", "if me.thread == 0:", "if me.thread == me.block:", "mean and r: written only by blocks with such a thread"),
        ("factor", "r[me.block] = scale", "r[me.block] = 1 / scale", "r: the deviation and not 1 over it"),
        ("scale", "(me, squares)) / width + eps", "(me, squares)) / (width - 1) + eps", "divided by D - 1"),
        ("index", "start = me.block * width", "start = me.block * me.threads", "rows begin after as many numbers as threads"),
        ("step", "    if me.thread == 0:\n", "    if True:\n", "mean and r: written by all threads"),
        ("wrong array", "squares += (x[start + c] - center) ** 2", "squares += x[start + c] ** 2", "the mean is not taken off"),
        ("index", "weight[c] + bias[c]", "weight[me.thread] + bias[me.thread]", "y: weight and bias of the first round"),
    ],
}
UNUSUAL = {
    "gelu_in_blocks": [
        """
def gelu_in_blocks(x, block=BLOCK):
    y = np.empty(x.size, x.dtype)
    slope = y.copy()
    source, start = np.ravel(x), 0
    while start < x.size:
        part = np.s_[start : start + block]
        own = source[part]
        gate = 0.5 + 0.5 * erf(own * x.dtype.type(math.sqrt(0.5)))
        np.multiply(own, gate, out=y[part])
        slope[part] = gate + own * np.exp(-(own**2) / 2) / math.sqrt(2 * math.pi)
        start += block
    y.shape = slope.shape = x.shape
    return y, lambda dy: np.multiply(slope, dy)
""",
    ],
    "layernorm_in_blocks": [
        """
def layernorm_in_blocks(x, weight, bias, eps=1e-6, rows=ROWS):
    flat, y, kept = x.reshape(-1, x.shape[-1]), np.empty(x.shape, x.dtype), []
    for part in blocks(len(flat), rows):
        mean = flat[part].mean(-1)[:, None]
        r = (flat[part].var(-1)[:, None] + eps) ** -0.5
        kept.append((part, mean, r))
        y.reshape(flat.shape)[part] = (flat[part] - mean) * (r * weight) + bias

    def backward(dy):
        up, dx = dy.reshape(flat.shape), np.empty(flat.shape, x.dtype)
        dweight, dbias = np.zeros_like(weight), np.zeros_like(bias)
        for part, mean, r in kept:
            xhat = (flat[part] - mean) * r
            dweight[...] += np.einsum("rd,rd->d", up[part], xhat)
            dbias[...] += np.einsum("rd->d", up[part])
            g = up[part] * weight
            slant = np.einsum("rd,rd->r", g, xhat)[:, None] / x.shape[-1]
            dx[part] = r * (g - g.mean(-1)[:, None] - slant * xhat)
        return [dx.reshape(dy.shape), dweight, dbias]

    return y, backward
""",
    ],
    "gelu_kernel": [
        """
def gelu_kernel(me, x, y, slope):
    i = me.thread * me.blocks + me.block
    while i < len(x):
        both = gelu_of(x[i])
        y[i] = both[0]
        slope[i] = both[1]
        i += me.blocks * me.threads
""",
    ],
    "block_sum": [
        """
def block_sum(me, value):
    near = 1
    me.shared[me.thread] = value
    yield
    while near < me.threads:
        if me.thread % (2 * near) == 0:
            me.shared[me.thread] += me.shared[me.thread + near]
        near *= 2
        yield
    total = me.shared[0]
    yield
    return total
""",
    ],
    "layernorm_kernel": [
        """
def layernorm_kernel(me, x, weight, bias, eps, y, mean, r):
    size = len(weight)

    def mine():
        return ((c, me.block * size + c) for c in range(me.thread, size, me.threads))

    middle = yield from block_sum(me, sum((x[i] for _, i in mine()), 0.0))
    middle /= size
    spread = yield from block_sum(me, math.fsum((x[i] - middle) * (x[i] - middle) for _, i in mine()))
    by = (spread / size + eps) ** -0.5
    if not me.thread:
        mean[me.block], r[me.block] = middle, by
    for c, i in mine():
        y[i] = bias[c] + weight[c] * by * (x[i] - middle)
""",
    ],
}
