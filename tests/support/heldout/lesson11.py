"""Lesson 11, one attention head: answers written from the lesson's text alone."""

RIGHT = {
    "attention": """
def attention(q, k, v):
    scale = 1 / math.sqrt(q.shape[-1])
    s = q @ k.swapaxes(-1, -2) * scale
    p, softmax_backward = mine.softmax(s)
    y = p @ v

    def backward(dy):
        dv = p.swapaxes(-1, -2) @ dy
        dp = dy @ v.swapaxes(-1, -2)
        ds = softmax_backward(dp)
        dq = ds @ k * scale
        dk = ds.swapaxes(-1, -2) @ q * scale
        return dq, dk, dv

    return y, backward
""",
}

# A right answer without mine.softmax, for mistakes inside it.
BY_HAND = """
def attention(q, k, v):
    root = math.sqrt(q.shape[-1])
    s = np.einsum("...id,...jd->...ij", q, k) / root
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    y = np.einsum("...ij,...jd->...id", p, v)

    def backward(dy):
        dv = np.einsum("...ij,...id->...jd", p, dy)
        dp = np.einsum("...id,...jd->...ij", dy, v)
        ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) / root
        dq = np.einsum("...ij,...jd->...id", ds, k)
        dk = np.einsum("...ij,...id->...jd", ds, q)
        return dq, dk, dv

    return y, backward
"""

WRONG = {
    "attention": [
        ("scale", "1 / math.sqrt(q.shape[-1])", "1 / q.shape[-1]", "y: divided by d, not by its root"),
        ("scale", "1 / math.sqrt(q.shape[-1])", "math.sqrt(q.shape[-1])", "y: times the root of d"),
        ("scale", "1 / math.sqrt(q.shape[-1])", "1 / math.sqrt(q.shape[-2])", "y: the root of T for that of d"),
        ("constant", "math.sqrt(q.shape[-1])", "int(math.sqrt(q.shape[-1]))", "y: the root is rounded down"),
        ("constant", "1 / math.sqrt(q.shape[-1])", "1 / 8", "y: the root of 64, whatever d is"),
        ("dtype", "1 / math.sqrt(q.shape[-1])", "1 / np.sqrt(q.shape[-1])", "y: the root is a float64, and all becomes it"),
        ("scale", "mine.softmax(s)", "mine.softmax(s / scale)", "y: the scale is undone before the softmax"),
        ("scale", "y = p @ v", "p = p * scale\n    y = p @ v", "y: the weights too are divided by the root of d"),
        ("axis", "mine.softmax(s)", "mine.softmax(s, axis=0)", "y: the weights add up to 1 over the first axis"),
        ("case", "mine.softmax(s)", "mine.softmax(s, axis=2)", "y: softmax along axis 2, the last of a batch only"),
        ("transposed", "s = q @ k.swapaxes(-1, -2)", "s = k @ q.swapaxes(-1, -2)", "y: the table of scores is transposed"),
        ("transposed", "y = p @ v", "y = p.swapaxes(-1, -2) @ v", "y: the weights are transposed"),
        ("case", "q @ k.swapaxes(-1, -2)", "q @ k.T", "y: .T turns all axes round, right only for two"),
        ("wrong array", "y = p @ v", "y = p @ k", "y: an average of the keys"),
        ("wrong array", "y = p @ v", "y = s @ v", "y: the scores for the weights, no softmax"),
        (
            "mutation and scale",
            "s = q @ k.swapaxes(-1, -2) * scale",
            "q *= scale\n    s = q @ k.swapaxes(-1, -2)",
            "q is scaled in place, and so dk twice",
        ),
        ("extreme", None, BY_HAND.replace("np.exp(s - s.max(axis=-1, keepdims=True))", "np.exp(s)"), "y: exp overflows"),
        (
            "extreme",
            None,
            BY_HAND.replace("s.max(axis=-1, keepdims=True)", "s.max()"),
            "y: one maximum for all rows, a row far below it becomes 0 / 0",
        ),
        ("axis", None, BY_HAND.replace("/ e.sum(axis=-1, keepdims=True)", "/ e.sum()"), "y: all weights of all rows add up to 1"),
        ("constant", None, BY_HAND.replace("np.exp(s -", "2 ** (s -"), "y: powers of 2 for powers of e"),
        (
            "extra term",
            "    p, soft",
            "    s = s + np.tri(s.shape[-1], dtype=s.dtype)\n    p, soft",
            "y: earlier tokens are preferred",
        ),
        ("wrong array", "dv = p.swap", "dv = softmax_backward(p).swap", "dv: the softmax's gradient of P instead of P"),
        ("wrong array", "swapaxes(-1, -2) @ dy", "swapaxes(-1, -2) @ y", "dv: y for dy"),
        ("scale", "dv = p.swapaxes(-1, -2) @ dy", "dv = p.swapaxes(-1, -2) @ dy * scale", "dv: scaled, though V never was"),
        ("factor", "dv = p.swapaxes(-1, -2) @ dy", "dv = dy.copy()", "dv: dy as it came, without the weights"),
        (
            "axis",
            None,
            BY_HAND.replace('"...ij,...id->...jd", p, dy', '"...ij,...jd->...jd", p, dy'),
            "dv: each value hears itself",
        ),
        ("wrong array", "dp = dy @ v.", "dp = dy @ k.", "dp: K for V, so dq and dk are wrong"),
        ("wrong array", "dp = dy @ v.", "dp = (dy - y) @ v.", "dp: y is taken off dy, as if it were a target"),
        ("transposed", "dp = dy @ v.swapaxes(-1, -2)", "dp = v @ dy.swapaxes(-1, -2)", "dp: transposed, dq and dk are wrong"),
        ("factor", "dp = dy @ v.swapaxes(-1, -2)", "dp = p * (dy @ v.swapaxes(-1, -2))", "dp: P once too often"),
        ("step", "ds = softmax_backward(dp)", "ds = dp", "ds: the softmax is left out on the way back"),
        ("step", "ds = softmax_backward(dp)", "ds = softmax_backward(softmax_backward(dp))", "ds: through the softmax twice"),
        ("missing term", "softmax_backward(dp)", "p * (1 - p) * dp", "ds: only a weight's slope by its own score"),
        ("factor", None, BY_HAND.replace("(p * dp).sum", "dp.sum"), "ds: the row's sum without its weights"),
        ("factor", None, BY_HAND.replace("(p * dp).sum", "dp.mean"), "ds: the plain mean of the row, not weighted"),
        ("sign", None, BY_HAND.replace("(dp - (p * dp)", "(dp + (p * dp)"), "ds: the row's average is added"),
        ("factor", None, BY_HAND.replace("ds = p * (dp", "ds = (dp"), "ds: the P in front is left out"),
        (
            "factor",
            None,
            BY_HAND.replace("ds = p * (dp", "ds = e * (dp"),
            "ds: the exponentials in front, not divided by their sum",
        ),
        ("axis", None, BY_HAND.replace("(p * dp).sum(axis=-1, k", "(p * dp).sum(axis=-2, k"), "ds: averages of the columns"),
        (
            "shape",
            None,
            BY_HAND.replace("(p * dp).sum(axis=-1, keepdims=True)", "(p * dp).sum(axis=-1)"),
            "ds: keepdims lost, each row's average lands in a column",
        ),
        ("axis", None, BY_HAND.replace("(p * dp).sum(axis=-1, keepdims=True)", "(p * dp).sum()"), "ds: one sum for all rows"),
        ("wrong array", None, BY_HAND.replace("(p * dp).sum", "(s * dp).sum"), "ds: dp weighted with the scores"),
        (
            "sign and axis",
            None,
            BY_HAND.replace("(dp - (p * dp).sum(axis=-1", "(dp + (p * dp).sum(axis=-2"),
            "ds: the columns' averages, and added",
        ),
        ("scale", "dq = ds @ k * scale", "dq = ds @ k", "dq: 1/√d left out"),
        ("scale", "@ q * scale", "@ q", "dk: 1/√d left out"),
        ("scale", "@ q * scale", "@ (q * scale) * scale", "dk: 1/√d twice, the query was scaled before"),
        ("scale", "dq = ds @ k * scale", "dq = ds @ k * scale / q.shape[-2]", "dq: a mean over the keys, not a sum"),
        ("wrong array", "dq = ds @ k", "dq = ds @ q", "dq: Q for K"),
        ("wrong array", "swapaxes(-1, -2) @ q", "swapaxes(-1, -2) @ k", "dk: K for Q"),
        ("wrong array", "swapaxes(-1, -2) @ q", "swapaxes(-1, -2) @ v", "dk: V for Q"),
        ("transposed", "dq = ds @ k", "dq = ds.swapaxes(-1, -2) @ k", "dq: dS is transposed"),
        ("transposed", "dk = ds.swapaxes(-1, -2) @ q", "dk = ds @ q", "dk: dS is not transposed"),
        ("wrong array", "dq = ds @ k", "dq = dp @ k", "dq: dP for dS"),
        ("wrong array", "dk = ds.swap", "dk = dp.swap", "dk: dP for dS"),
        ("wrong array", "dk = ds.swap", "dk = p.swap", "dk: P for dS"),
        ("sign", "dk = ds.swap", "dk = -ds.swap", "dk: the wrong sign"),
        ("scale and transposed", "dk = ds.swapaxes(-1, -2) @ q * scale", "dk = ds @ q", "dk: dS as it is, and not scaled"),
        ("wrong array and scale", "dq = ds @ k * scale", "dq = dp @ k * scale * scale", "dq: dP for dS, and scaled twice"),
        ("extra term", "return dq, dk, dv", "return dq, dk + dv, dv", "dk: the value's gradient is in it, as if K were V"),
        ("order", "return dq, dk, dv", "return dk, dq, dv", "dq and dk change places"),
        ("order", "return dq, dk, dv", "return dv, dk, dq", "dv comes first"),
        ("shape", "return dq, dk, dv", "return dq, dk, dv.sum(axis=0, keepdims=True)", "dv: added up over the batch"),
        ("mutation", "dq = ds @ k * scale", "k *= scale\n        dq = ds @ k", "backward scales k in place"),
        (
            "alias",
            None,
            BY_HAND.replace("ds = p * (dp", "ds = p\n        ds *= (dp"),
            "the kept P is overwritten with dS: a second backward is wrong",
        ),
        ("dtype", "ds = softmax_backward(dp)", "ds = softmax_backward(dp).astype(np.float64)", "dq and dk: float64"),
        ("not started", "ds = softmax_backward(dp)", "raise NotImplementedError", "backward: only dv and dp are written"),
    ],
}

UNUSUAL = {
    "attention": [
        BY_HAND,
        """
def attention(q, k, v):
    q = q / math.sqrt(q.shape[-1])  # a new array: the scale goes with the queries
    kt = np.moveaxis(k, -1, -2)
    p, back = mine.softmax(np.matmul(q, kt), -1)

    def backward(dy):
        ds = back(np.matmul(dy, np.moveaxis(v, -1, -2)))
        dq = np.matmul(ds, k)
        dq /= math.sqrt(k.shape[-1])
        turned = lambda a: np.moveaxis(a, -2, -1)
        return dq, np.matmul(turned(ds), q), np.matmul(turned(p), dy)

    return np.matmul(p, v), backward
""",
        """
def attention(q, k, v):
    shape = q.shape
    t, d = shape[-2:]
    q, k, v = (a.reshape(-1, t, d) for a in (q, k, v))
    fourth = d**-0.25  # half of the root for the queries, half for the keys
    p = np.empty((len(q), t, t), q.dtype)
    for n in range(len(q)):
        for i in range(t):
            score = (k[n] * fourth) @ (q[n, i] * fourth)
            weight = np.exp(score - score.max())
            p[n, i] = weight / weight.sum()

    def backward(dy):
        dy = dy.reshape(-1, t, d)
        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        for n in range(len(q)):
            for i in range(t):
                dp = v[n] @ dy[n, i]
                ds = p[n, i] * (dp - dp @ p[n, i]) * fourth**2
                dv[n] += p[n, i][:, None] * dy[n, i]
                dq[n, i] = ds @ k[n]
                dk[n] += ds[:, None] * q[n, i]
        return dq.reshape(shape), dk.reshape(shape), dv.reshape(shape)

    return np.stack([p[n] @ v[n] for n in range(len(q))]).reshape(shape), backward
""",
        """
def attention(q, k, v):
    T = lambda a: a.swapaxes(-1, -2)
    scale = q.shape[-1] ** -0.5
    p, _ = mine.softmax(T(k @ T(q)) * scale)
    y = p @ v

    def backward(dy):
        # the row's average of dP is the dot product of dy and y: Σ p_ij (dy_i · v_j) = dy_i · y_i
        average = (dy * y).sum(-1, keepdims=True)
        ds = p * (dy @ T(v) - average)
        ds *= scale
        return [ds @ k, T(ds) @ q, T(p) @ dy]

    return y, backward
""",
        """
def attention(q, k, v):
    turn = (*range(k.ndim - 2), k.ndim - 1, k.ndim - 2)
    root = q.shape[-1] ** 0.5
    p, through_softmax = mine.softmax(np.matmul(q, k.transpose(turn)) / root, axis=q.ndim - 1)
    y = np.empty_like(v)
    np.matmul(p, v, out=y)

    def product(a, b):
        def backward(dc):
            return dc @ b.transpose(turn), a.transpose(turn) @ dc

        return backward

    def backward(dy):
        dp, dv = product(p, v)(dy)
        dq, dkt = product(q, k.transpose(turn))(through_softmax(dp) / root)
        return dq, dkt.transpose(turn), dv

    return y, backward
""",
        """
def attention(q, k, v):
    class Head:
        scale = 1 / math.sqrt(q.shape[-1])

        def __init__(self):
            s = self.scale * (q[..., :, None, :] * k[..., None, :, :]).sum(-1)
            top = np.max(s, -1)[..., None]
            self.p = np.exp(s - top - np.log(np.exp(s - top).sum(-1))[..., None])

        def forward(self):
            return (self.p[..., None] * v[..., None, :, :]).sum(-2)

        def __call__(self, dy):
            dp = (dy[..., :, None, :] * v[..., None, :, :]).sum(-1)
            jacobian = self.p[..., None] * (np.eye(dp.shape[-1], dtype=dp.dtype) - self.p[..., None, :])
            ds = (dp[..., None, :] @ jacobian.swapaxes(-1, -2))[..., 0, :] * self.scale
            dq = (ds[..., None] * k[..., None, :, :]).sum(-2)
            dk = (ds[..., None] * q[..., :, None, :]).sum(-3)
            return dq, dk, (self.p[..., None] * dy[..., :, None, :]).sum(-3)

    head = Head()
    return head.forward(), head
""",
        """
def attention(q, k, v):
    scores = q @ k.swapaxes(-2, -1)
    scores /= math.sqrt(q.shape[-1])
    scores -= scores.max(-1, keepdims=True)
    np.exp(scores, out=scores)
    total = scores.sum(-1, keepdims=True)
    y = scores @ v / total

    def backward(dy):
        dy_shared = dy / total
        dv = scores.swapaxes(-2, -1) @ dy_shared
        ds = scores * (dy_shared @ v.swapaxes(-2, -1) - np.einsum("...c,...c->...", dy_shared, y)[..., None])
        ds = ds / math.sqrt(k.shape[-1])
        return ds @ k, (q.swapaxes(-2, -1) @ ds).swapaxes(-2, -1), dv

    return y, backward
""",
        """
def attention(q, k, v):
    c = math.sqrt(1 / q.shape[-1])
    p, back = mine.softmax(c * (q @ k.swapaxes(-1, -2)))
    return p @ v, lambda dy: (
        c * back(dy @ v.swapaxes(-1, -2)) @ k,
        c * back(dy @ v.swapaxes(-1, -2)).swapaxes(-1, -2) @ q,
        p.swapaxes(-1, -2) @ dy,
    )
""",
    ],
}
