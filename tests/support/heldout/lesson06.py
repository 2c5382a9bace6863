"""Lesson 06, Softmax and cross-entropy: answers written from the lesson's text alone."""

RIGHT = {
    "softmax": """
def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    p = e / e.sum(axis=axis, keepdims=True)

    def backward(dy):
        dx = p * (dy - (dy * p).sum(axis=axis, keepdims=True))
        return dx

    return p, backward
""",
    "cross_entropy": """
def cross_entropy(logits, labels, label_smoothing=0.0):
    batch, classes = logits.shape
    t = targets(labels, classes, label_smoothing, logits.dtype)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -(t * log_p).sum() / batch

    def backward(dy):
        dlogits = (np.exp(log_p) - t) / batch * dy
        return dlogits, None

    return loss, backward
""",
}

WRONG = {
    "softmax": [
        ("extreme", "x - x.max(axis=axis, keepdims=True)", "x", "p: no shift, large scores overflow"),
        ("extreme", "x.max(axis=axis, keepdims=True)", "x.max()", "p: shifted by the whole array's maximum: a low row is 0 / 0"),
        ("extreme", "x.max(axis=axis", "x.mean(axis=axis", "p: shifted by the mean: scores far above it overflow"),
        ("extreme", "x.max(axis=axis", "x.min(axis=axis", "p: shifted by the smallest: nothing is kept from overflow"),
        (
            "extreme",
            "x - x.max(axis=axis, keepdims=True)",
            "np.clip(x, -80, 80)",
            "p: scores are clipped, large ones become equal",
        ),
        ("option", "e.sum(axis=axis", "e.sum(axis=-1", "p: the sum ignores axis"),
        ("axis", "x.max(axis=axis", "x.max(axis=0", "p: the maximum along axis 0: entries of one sum are shifted unequally"),
        ("axis", "e.sum(axis=axis, keepdims=True)", "e.sum()", "p: the whole array comes to 1"),
        ("shape", "e.sum(axis=axis, keepdims=True)", "e.sum(axis=axis)", "p: the sums lose their axis"),
        ("sign", "x - x.max(axis=axis, keepdims=True)", "x.max(axis=axis, keepdims=True) - x", "p: the largest score gets least"),
        ("constant", "np.exp(x - x", "np.exp2(x - x", "p: powers of 2, not of e"),
        ("wrong array", "e.sum(axis=axis", "e.max(axis=axis", "p: divided by the largest, not by the sum"),
        (
            "extra term",
            "p = e / e.sum(axis=axis, keepdims=True)",
            "p = e / (e.sum(axis=axis, keepdims=True) + 1e-3)",
            "p: 0.001 below",
        ),
        (
            "mutation",
            "e = np.exp(x - x.max(axis=axis, keepdims=True))",
            "x -= x.max(axis=axis, keepdims=True)\n    e = np.exp(x)",
            "x is shifted in place",
        ),
        ("dtype", "np.exp(x - x", "np.exp(np.float64(x) - x", "p: float32 scores give float64"),
        ("step", "    p = e /", "    e = np.exp(e)\n    p = e /", "p: the exponential is taken twice"),
        ("missing term", "(dy - (dy * p).sum(axis=axis, keepdims=True))", "dy", "dx: the weighted mean is left out"),
        ("factor", "p * (dy - (dy * p)", "(dy - (dy * p)", "dx: the factor p is left out in front"),
        ("factor", "(dy * p).sum", "dy.sum", "dx: the mean is not weighted: p is left out in the sum"),
        ("factor", "(dy * p).sum", "p.sum", "dx: dy is left out in the sum, which is 1"),
        ("factor", "p * (dy", "p * p * (dy", "dx: p twice in front"),
        ("factor", "p * (dy - (dy * p)", "p * dy - ((dy * p)", "dx: p is left out before the weighted mean"),
        ("factor", "p * (dy - (dy * p)", "p * (dy - p * (dy * p)", "dx: p once too often before the mean"),
        ("factor", "p * (dy - (dy * p)", "p * (dy - dy * (dy * p)", "dx: dy once too often before the mean"),
        ("scale", "(dy * p).sum(", "(dy * p).mean(", "dx: the weighted sum is divided by K"),
        ("sign", "(dy - (dy", "(dy + (dy", "dx: the weighted mean is added"),
        ("sign", "dx = p * (dy", "dx = -p * (dy", "dx: its sign"),
        ("axis", "(dy * p).sum(axis=axis", "(dy * p).sum(axis=0", "dx: summed along axis 0"),
        ("option", "(dy * p).sum(axis=axis", "(dy * p).sum(axis=-1", "dx: the sum ignores axis"),
        ("axis", "(dy * p).sum(axis=axis, keepdims=True)", "(dy * p).sum()", "dx: summed over the whole array"),
        ("shape", "(dy * p).sum(axis=axis, keepdims=True)", "(dy * p).sum(axis=axis)", "dx: the sum loses its axis"),
        ("wrong array", "(dy * p)", "(dy * e)", "dx: e in place of p in the sum"),
        ("wrong array", "dx = p * (dy", "dx = e * (dy", "dx: e in place of p in front"),
        ("wrong array", "(dy * p)", "(p * p)", "dx: p in place of dy in the sum"),
        ("wrong array", "p * (dy - (dy", "p * (p - (dy", "dx: p in place of dy, outside the sum"),
        ("wrong array", "dx = p * (dy - (dy", "dx = dy * (p - (dy", "dx: p and dy exchanged"),
        ("wrong array", "dx = p * (dy", "dx = x * (dy", "dx: x in place of p in front"),
        ("wrong array", "(dy * p).sum(", "(dy * p).max(", "dx: the largest, not the sum"),
        (
            "case",
            "(dy * p).sum(axis=axis, keepdims=True)",
            'np.einsum("bk,bk->b", dy, p)[:, None]',
            "dx: right only for two axes, and the last",
        ),
        (
            "case",
            "(dy * p).sum(axis=axis, keepdims=True)",
            "(dy * p).reshape(-1, p.shape[-1]).sum(axis=1).reshape(*p.shape[:-1], 1)",
            "dx: rows of the last axis, whatever axis says",
        ),
        (
            "mutation and factor",
            "dx = p * (dy - (dy * p).sum(axis=axis, keepdims=True))",
            "dx = dy\n        dx -= (dy * p).sum(axis=axis, keepdims=True)",
            "dx: written into dy, and without p in front",
        ),
        (
            "mutation",
            "dx = p * (dy - (dy * p).sum(axis=axis, keepdims=True))",
            "dy *= p\n        dx = dy - p * dy.sum(axis=axis, keepdims=True)",
            "dy is multiplied in place",
        ),
        (
            "alias",
            "dx = p * (dy - (dy * p).sum(axis=axis, keepdims=True))",
            "dx = p\n        dx *= dy - (dy * p).sum(axis=axis, keepdims=True)",
            "dx: written into p, the output",
        ),
        ("dtype", "dx = p * (dy", "dx = p.astype(np.float64) * (dy", "dx: float64 for float32"),
        ("index", "(dy * p).sum(", "(dy * p)[..., :-1].sum(", "dx: the last class is left out of the sum"),
        ("sign and factor", "p * (dy - (dy * p)", "p * (dy + p * (dy * p)", "dx: the mean is added, with p once too often"),
    ],
    "cross_entropy": [
        ("sign", "-(t * log_p)", "(t * log_p)", "loss: the minus sign is lost"),
        ("scale", "-(t * log_p).sum() / batch", "-(t * log_p).sum()", "loss: the sum over the batch, not the mean"),
        ("scale", "-(t * log_p).sum() / batch", "-(t * log_p).mean()", "loss: the mean over the classes too"),
        (
            "extreme",
            "shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))",
            "np.log(np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True))",
            "loss: the logarithm of a probability that was rounded to 0",
        ),
        ("extreme", "logits - logits.max(axis=1, keepdims=True)", "logits", "loss: no shift, large scores overflow"),
        ("extreme", "logits.max(axis=1, keepdims=True)", "logits.max()", "loss: shifted by the whole array's maximum"),
        ("axis", "np.exp(shifted).sum(axis=1, keepdims=True)", "np.exp(shifted).sum(axis=0)", "loss: summed over the batch"),
        ("option", "label_smoothing, logits", "0.0, logits", "label_smoothing is ignored"),
        (
            "option",
            "-(t * log_p).sum() / batch",
            "-log_p[np.arange(batch), labels].sum() / batch",
            "loss: without the smoothing that the gradient has",
        ),
        (
            "wrong array",
            "(t * log_p).sum() / batch",
            "log_p.max(axis=1).sum() / batch",
            "loss: of the largest score, not of the label's",
        ),
        ("wrong array", "shifted - np.log", "logits - np.log", "loss: the maximum is missing on one side"),
        (
            "missing term",
            "shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))",
            "shifted",
            "loss: no logarithm of the sum",
        ),
        ("constant", "np.log(", "np.log2(", "loss: the logarithm to base 2"),
        ("scale", "-(t * log_p).sum() / batch", "-(t * log_p).sum() / classes", "loss: divided by the classes, not by the batch"),
        (
            "dtype",
            "-(t * log_p).sum() / batch",
            "np.float64(-(t * log_p).sum() / batch)",
            "loss: float64, whatever the logits are",
        ),
        ("shape", "-(t * log_p).sum() / batch", "-(t * log_p).sum(axis=1)", "loss: one number for each image"),
        ("wrong array", "-(t * log_p)", "-(np.exp(log_p) * log_p)", "loss: the entropy of p, the truth does not occur"),
        (
            "step",
            "    shifted =",
            "    logits = np.exp(logits - logits.max(axis=1, keepdims=True))\n"
            "    logits = logits / logits.sum(axis=1, keepdims=True)\n    shifted =",
            "softmax twice: probabilities in place of scores",
        ),
        (
            "mutation",
            "shifted = logits - logits.max(axis=1, keepdims=True)",
            "shifted = np.subtract(logits, logits.max(axis=1, keepdims=True), out=logits)",
            "the logits are shifted in place",
        ),
        ("sign", "(np.exp(log_p) - t)", "(t - np.exp(log_p))", "dlogits: t - p"),
        ("scale", "(np.exp(log_p) - t) / batch", "(np.exp(log_p) - t)", "dlogits: without 1 / B"),
        ("scale", "(np.exp(log_p) - t) / batch", "(np.exp(log_p) - t) / batch**2", "dlogits: 1 / B twice"),
        ("scale", "(np.exp(log_p) - t) / batch", "(np.exp(log_p) - t) / logits.size", "dlogits: divided by B · K"),
        ("scale", "(np.exp(log_p) - t) / batch", "(np.exp(log_p) - t) / classes", "dlogits: divided by K, not by B"),
        ("factor", " / batch * dy", " / batch", "dlogits: dy is left out"),
        ("factor", " / batch * dy", " / batch * dy * dy", "dlogits: dy twice"),
        ("factor", " / batch * dy", " / batch * loss * dy", "dlogits: the loss as a factor"),
        ("order", " / batch * dy", " / (batch * dy)", "dlogits: divided by dy"),
        ("order", "(np.exp(log_p) - t) / batch * dy", "np.exp(log_p) - t / batch * dy", "dlogits: only t is divided, and has dy"),
        ("wrong array", "np.exp(log_p) - t", "log_p - t", "dlogits: the logarithm in place of p"),
        ("wrong array", "np.exp(log_p) - t", "np.exp(shifted) - t", "dlogits: exponentials that were never divided by their sum"),
        ("wrong array", "np.exp(log_p) - t", "np.exp(log_p) - np.exp(t)", "dlogits: exp(t) in place of t"),
        (
            "option",
            "np.exp(log_p) - t",
            "np.exp(log_p) - np.eye(classes, dtype=logits.dtype)[labels]",
            "dlogits: targets without smoothing",
        ),
        ("missing term", "np.exp(log_p) - t", "np.exp(log_p)", "dlogits: the truth is left out"),
        ("missing term", "np.exp(log_p) - t", "-t", "dlogits: p is left out"),
        ("factor", "(np.exp(log_p) - t)", "t * (np.exp(log_p) - t)", "dlogits: only the label's score is pushed"),
        ("factor", "(np.exp(log_p) - t)", "np.exp(log_p) * (np.exp(log_p) - t)", "dlogits: p as a factor in front"),
        (
            "step",
            "dlogits = (np.exp(log_p) - t) / batch * dy",
            "p = np.exp(log_p)\n        g = (p - t) / batch * dy\n        dlogits = p * (g - (g * p).sum(axis=1, keepdims=True))",
            "dlogits: p - t once more through softmax's backward",
        ),
        ("step", "(np.exp(log_p) - t)", "-t / np.exp(log_p)", "dlogits: the gradient of p, not yet through softmax"),
        ("factor", "(np.exp(log_p) - t)", "-t * (1 - np.exp(log_p))", "dlogits: only the diagonal of softmax's slopes"),
        ("scale", "np.exp(log_p) - t", "np.exp(log_p) - t * (1 - label_smoothing)", "dlogits: t is scaled by 1 - s once more"),
        (
            "index",
            "dlogits = (np.exp(log_p) - t) / batch * dy",
            "p = np.exp(log_p)\n        p[:, labels] -= 1\n        dlogits = p / batch * dy",
            "dlogits: 1 is taken from the columns of all labels, in every row",
        ),
        ("axis", "np.exp(log_p) - t", "np.exp(log_p) - t.mean(axis=0)", "dlogits: the mean target in every row"),
        ("order", "dlogits, None", "None, dlogits", "the gradient stands in the labels' place"),
        (
            "alias",
            "(np.exp(log_p) - t)",
            "np.subtract(np.exp(log_p), t, out=t)",
            "dlogits: written into the kept t: a second call is wrong",
        ),
        (
            "alias",
            "(np.exp(log_p) - t)",
            "(np.exp(log_p, out=log_p) - t)",
            "dlogits: the kept log_p becomes p: a second call is wrong",
        ),
        ("dtype", " / batch * dy", " / np.float64(batch) * dy", "dlogits: float64 for float32"),
        ("extra term", "np.exp(log_p) - t", "np.exp(log_p) - t + log_p.mean()", "dlogits: a mean of log p is added"),
        ("sign and scale", "(np.exp(log_p) - t) / batch", "(t - np.exp(log_p))", "dlogits: t - p, and without 1 / B"),
        (
            "case",
            "np.exp(log_p) - t",
            "np.abs(np.exp(log_p) - t) * np.where(t > 0, t.dtype.type(-1), 1)",
            "dlogits: right only without smoothing",
        ),
        ("transposed", "(np.exp(log_p) - t) / batch * dy", "((np.exp(log_p) - t) / batch * dy).T", "dlogits: turned, (K, B)"),
    ],
}

UNUSUAL = {
    "softmax": [
        """
def softmax(x, axis=-1):
    largest = np.max(x, axis, keepdims=True)
    logs = x - largest
    logs = logs - np.log(np.exp(logs).sum(axis, keepdims=True))
    p = np.exp(logs)
    return p, lambda dy: dy * p - p * np.expand_dims(np.add.reduce(dy * p, axis=axis), axis)
""",
        """
def softmax(x, axis=-1):
    moved = np.moveaxis(x, axis, -1)
    p = np.empty_like(moved)
    for place in np.ndindex(moved.shape[:-1]):
        e = np.exp(moved[place] - max(moved[place]))
        p[place] = e / sum(e)

    def backward(dy):
        dy, dx = np.moveaxis(dy, axis, -1), np.empty_like(p)
        for place in np.ndindex(p.shape[:-1]):
            jacobian = np.diag(p[place]) - np.outer(p[place], p[place])
            dx[place] = jacobian.T @ dy[place]
        return np.moveaxis(dx, -1, axis)

    return np.moveaxis(p, -1, axis), backward
""",
        """
def softmax(x, axis=-1):
    def along(function, values):
        return np.swapaxes(function(np.swapaxes(values, axis, -1))[..., None], axis, -1)

    e = np.array(x)
    e -= along(lambda rows: rows.max(-1), x)
    np.exp(e, out=e)
    e /= along(lambda rows: rows.sum(-1), e)

    def backward(dy):
        pulled = dy * e
        pulled -= e * along(lambda rows: np.einsum("...k->...", rows), pulled)
        return pulled

    return e, backward
""",
        """
def softmax(x, axis=-1):
    class Softmax:
        def __init__(self):
            e = np.exp(x - np.amax(x, axis=axis, keepdims=True))
            self.p = np.divide(e, np.sum(e, axis=axis, keepdims=True))

        def backward(self, dy):
            centred = dy - np.sum(np.multiply(self.p, dy), axis=axis, keepdims=True)
            return np.multiply(self.p, centred)

    made = Softmax()
    return made.p, made.backward
""",
    ],
    "cross_entropy": [
        """
def cross_entropy(logits, labels, label_smoothing=0.0):
    p, softmax_backward = softmax(logits)
    t = targets(labels, logits.shape[1], label_smoothing, logits.dtype)
    top = logits.max(axis=1)
    log_sum = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    loss = (log_sum - np.einsum("bk,bk->b", t, logits)).mean()
    return loss, lambda dy: [(p - t) * (dy / len(logits)), None]
""",
        """
def cross_entropy(logits, labels, label_smoothing=0.0):
    batch, classes = logits.shape
    rows, share = np.arange(batch), label_smoothing / classes
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    right = log_p[rows, labels].mean()
    loss = -(1 - label_smoothing) * right - share * log_p.sum(axis=1).mean()

    def backward(dy):
        dlogits = np.exp(log_p) - share
        dlogits[rows, labels] -= 1 - label_smoothing
        dlogits *= dy / batch
        return dlogits, None

    return logits.dtype.type(loss), backward
""",
        """
def cross_entropy(logits, labels, label_smoothing=0.0):
    batch, classes = logits.shape
    t = targets(labels, classes, label_smoothing, logits.dtype)
    log_p, loss = np.empty_like(logits), logits.dtype.type(0)
    for b, row in enumerate(logits):
        log_p[b] = row - row.max() - np.log(sum(np.exp(row - row.max())))
        loss -= t[b] @ log_p[b] / batch

    def backward(dy):
        dlogits = np.zeros_like(logits)
        for b in range(batch):
            for k in range(classes):
                dlogits[b, k] = -dy / batch * (t[b, k] - np.exp(log_p[b, k]))
        return (dlogits, None)

    return loss, backward
""",
    ],
}
