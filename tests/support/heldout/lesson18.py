"""Lesson 18, One source, two devices: answers written from the lesson's text alone."""

RIGHT = {
    "softmax_loss": """
def softmax_loss(logits, labels):
    xp = array_module(logits)
    rows = xp.arange(len(labels))
    shifted = logits - logits.max(axis=-1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=-1, keepdims=True)
    loss = (np.log(total[:, 0]) - shifted[rows, labels]).mean()
    wanted = np.zeros_like(logits)
    wanted[rows, labels] = 1
    slopes = (e / total - wanted) / len(labels)
    return loss, slopes
""",
    "step": """
def step(weight, bias, images, labels, lr, clip=1.0):
    xp = array_module(weight)
    logits = images @ weight + bias
    loss, slopes = softmax_loss(logits, labels)
    dweight, dbias = images.T @ slopes, slopes.sum(axis=0)
    norm = np.sqrt((dweight * dweight).sum() + (dbias * dbias).sum())
    shrink = clip / xp.maximum(norm, clip)
    hits = (logits.argmax(axis=-1) == labels).sum()
    return weight - lr * shrink * dweight, bias - lr * shrink * dbias, loss, hits
""",
    "epoch": """
def epoch(weight, bias, images, labels, rng, lr, batch_size):
    xp, count = array_module(weight), len(images)
    images, labels = xp.asarray(images), xp.asarray(labels)
    order = xp.asarray(rng.permutation(count))
    total, right = 0, 0
    for start in range(0, count, batch_size):
        here = order[start : start + batch_size]
        weight, bias, loss, hits = step(weight, bias, images[here], labels[here], lr)
        total = total + loss * len(here)
        right = right + hits
    return weight, bias, float(total) / count, int(right) / count
""",
    "seconds_of": """
def seconds_of(function, clock, synchronize, repeats=10):
    function()
    synchronize()
    start = clock()
    for _ in range(repeats):
        function()
    synchronize()
    return (clock() - start) / repeats
""",
}
WANTED = "wanted = np.zeros_like(logits)"
FIRST = "    function()\n    synchronize()\n    start = clock()\n"
LAST = "        function()\n    synchronize()\n    return (clock() - start) / repeats"
WRONG = {
    "softmax_loss": [
        ("scale", " / len(labels)\n", "\n", "slopes: of the sum and not of the mean"),
        ("case", WANTED, "wanted = np.zeros(logits.shape, logits.dtype)", "right only on the host: zeros in its memory"),
        ("dtype", WANTED, "wanted = xp.zeros(logits.shape)", "slopes: float32 becomes float64"),
        ("sign", "(e / total - wanted)", "(wanted - e / total)", "slopes: uphill"),
        (
            "mutation",
            "shifted = logits - logits.max",
            "shifted = logits\n    shifted -= logits.max",
            "the logits are written over",
        ),
        ("extreme", "shifted = logits - logits.max(axis=-1, keepdims=True)", "shifted = logits", "exp overflows"),
        ("case", ").mean()\n", ").mean().item()\n", "loss: waits, a Python number for an array"),
        ("case", "rows = xp.arange", "rows = np.arange", "right only on the host: the index is copied at each call"),
        (
            "axis",
            "logits.max(axis=-1, keepdims=True)",
            "logits.max(axis=0, keepdims=True)",
            "the columns' maximum: may underflow",
        ),
    ],
    "step": [
        ("missing term", " + (dbias * dbias).sum())", ")", "norm: the bias's gradient is left out"),
        ("case", "xp.maximum(norm, clip)", "max(norm, clip)", "Python's max has an if inside: waits"),
        ("option", "clip / xp.maximum(norm, clip)", "1.0 / xp.maximum(norm, 1.0)", "clip is ignored"),
        ("factor", "bias - lr * shrink * dbias", "bias - lr * dbias", "bias: its gradient is not clipped"),
        ("scale", "== labels).sum()", "== labels).mean()", "hits: the share and not the number"),
        ("extreme", "clip / xp.maximum(norm, clip)", "clip / norm", "short gradients are made longer, 0 is divided by"),
        ("dtype", "weight - lr * shrink", "weight - np.float64(lr) * shrink", "weight: becomes float64, on the host"),
        (
            "mutation",
            "return weight - lr * shrink * dweight",
            "weight -= lr * shrink * dweight\n    return weight",
            "weight written over",
        ),
        (
            "wrong array",
            "(logits.argmax(axis=-1) == labels)",
            "(slopes.argmin(axis=-1) != labels)",
            "hits: counts those read wrong",
        ),
    ],
    "epoch": [
        ("scale", "loss * len(here)", "loss * batch_size", "mean loss: the last batch counts as full"),
        ("wrong array", "labels[here]", "labels[start : start + batch_size]", "labels in the file's order"),
        ("index", "range(0, count, batch_size)", "range(0, count - batch_size + 1, batch_size)", "the last batch is dropped"),
        ("case", "loss * len(here)", "float(loss) * len(here)", "waits in every step"),
        ("case", "xp.asarray(rng.permutation(count))", "rng.permutation(count)", "the order is copied in pieces, in every step"),
        ("option", "rng.permutation(count)", "np.random.default_rng(0).permutation(count)", "rng is ignored"),
        (
            "step",
            "        weight, bias, loss, hits = step(",
            "        new_weight, new_bias, loss, hits = step(",
            "the steps are lost",
        ),
        ("shape", "float(total) / count", "total / count", "mean loss: still an array, not a Python number"),
        (
            "order",
            "float(total) / count, int(right) / count",
            "int(right) / count, float(total) / count",
            "loss and share exchanged",
        ),
        ("wrong array", "int(right) / count", "int(hits) / len(here)", "share: of the last batch alone"),
    ],
    "seconds_of": [
        ("step", FIRST, "    synchronize()\n    start = clock()\n", "the call that compiles is measured too"),
        ("step", FIRST, "    function()\n    start = clock()\n", "the queue is not empty when the clock starts"),
        (
            "step",
            LAST,
            "        function()\n    return (clock() - start) / repeats",
            "the queue is not empty when the clock stops",
        ),
        (
            "step",
            LAST,
            "        function()\n        synchronize()\n    return (clock() - start) / repeats",
            "waits after each call",
        ),
        (
            "scale",
            "(clock() - start) / repeats",
            "(clock() - start) / (repeats + 1)",
            "the first call is counted, though not measured",
        ),
        ("index", "range(repeats)", "range(repeats - 1)", "one call too few"),
        ("option", "range(repeats)", "range(10)", "repeats is ignored where it calls"),
        (
            "order",
            LAST,
            "        function()\n    end = clock()\n    synchronize()\n    return (end - start) / repeats",
            "reads the clock, then waits",
        ),
        ("sign", "(clock() - start)", "(start - clock())", "a negative time"),
    ],
}
UNUSUAL = {
    "softmax_loss": [
        """
def softmax_loss(logits, labels):
    xp = array_module(logits)
    classes = xp.arange(logits.shape[-1])
    wanted = (labels[:, None] == classes).astype(logits.dtype)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -(wanted * logp).sum() / len(labels), (np.exp(logp) - wanted) / len(labels)
""",
    ],
    "step": [
        """
def step(weight, bias, images, labels, lr, clip=1.0):
    logits = images @ weight + bias
    loss, slopes = softmax_loss(logits, labels)
    down = images.T @ slopes, slopes.sum(axis=0)
    squares = sum((g**2).sum() for g in down)
    shrink = np.minimum(clip / np.sqrt(np.maximum(squares, 1e-30)), 1)
    hits = (logits.argmax(axis=-1) == labels).sum()
    return *(p - g * (shrink * lr) for p, g in zip((weight, bias), down)), loss, hits
""",
    ],
    "epoch": [
        """
def epoch(weight, bias, images, labels, rng, lr, batch_size):
    xp, count = array_module(weight), len(images)
    order = rng.permutation(count)
    images, labels = xp.asarray(images[order]), xp.asarray(labels[order])
    losses, right = [], []
    for start in range(0, count, batch_size):
        x, t = images[start : start + batch_size], labels[start : start + batch_size]
        weight, bias, loss, hits = step(weight, bias, x, t, lr)
        losses.append(loss * len(x))
        right.append(hits)
    return weight, bias, (sum(losses) / count).item(), sum(right).item() / count
""",
    ],
    "seconds_of": [
        """
def seconds_of(function, clock, synchronize, repeats=10):
    def until_done(times):
        while times:
            function()
            times -= 1
        synchronize()
        return clock()

    return (-until_done(1) + until_done(repeats)) / repeats
""",
    ],
}
