"""Lesson 03, Gradient checking: answers written from the lesson's text alone."""

RIGHT = {
    "numeric_gradient": """
def numeric_gradient(function, x, dy, h=1e-5):
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += h
        down[place] -= h
        gradient[place] = ((function(up)[0] * dy).sum() - (function(down)[0] * dy).sum()) / (2 * h)
    return gradient
""",
    "check_gradient": """
def check_gradient(function, x, rng):
    x = np.asarray(x, dtype=np.float64)
    y, backward = function(x)
    dy = rng.standard_normal(y.shape)
    given = backward(dy)
    if np.shape(given) != x.shape:
        return math.inf
    measured = numeric_gradient(function, x, dy)
    error = np.abs(given - measured).max() / np.abs(measured).max()
    return error
""",
}

WRONG = {
    "numeric_gradient": [
        ("scale", "/ (2 * h)", "/ h", "every slope is twice as large"),
        ("order", "/ (2 * h)", "/ 2 * h", "halved and then multiplied by h"),
        ("sign", "up[place] += h\n        down[place] -= h", "up[place] -= h\n        down[place] += h", "up goes down"),
        (
            "step",
            "((function(up)[0] * dy).sum() - (function(down)[0] * dy).sum()) / (2 * h)",
            "((function(up)[0] * dy).sum() - (function(x)[0] * dy).sum()) / h",
            "one-sided: wrong by about h times the second derivative",
        ),
        ("wrong array", "function(down)", "function(x)", "half of the way, over the whole of it: half the slope"),
        (
            "factor",
            "(function(up)[0] * dy).sum() - (function(down)[0] * dy).sum()",
            "function(up)[0].sum() - function(down)[0].sum()",
            "dy is left out",
        ),
        ("factor", "(function(down)[0] * dy).sum()", "function(down)[0].sum()", "dy is left out on one side"),
        ("option", "    gradient = np", "    h = 1e-5\n    gradient = np", "h is ignored"),
        (
            "mutation",
            """
        up, down = x.copy(), x.copy()
        up[place] += h
        down[place] -= h
        gradient[place] = ((function(up)[0] * dy).sum() - (function(down)[0] * dy).sum()) / (2 * h)
""",
            """
        x[place] += h
        above = (function(x)[0] * dy).sum()
        x[place] -= 2 * h
        gradient[place] = (above - (function(x)[0] * dy).sum()) / (2 * h)
        x[place] += h
""",
            "moves the caller's x, and back only up to rounding",
        ),
        ("index", "up[place] += h\n        down[place] -= h", "up += h\n        down -= h", "all entries move at once"),
        (
            "wrong array",
            "    gradient = np",
            "    return function(x)[1](dy)\n    gradient = np",
            "returns what backward says, and measures nothing",
        ),
        ("case", "np.ndindex(x.shape)", "range(len(x))", "moves whole rows: right only for one axis"),
        (
            "step",
            "    for place in np.ndindex(x.shape):\n        up, down = x.copy(), x.copy()",
            "    up, down = x.copy(), x.copy()\n    for place in np.ndindex(x.shape):",
            "an entry that was moved is not moved back",
        ),
        (
            "factor",
            "up[place] += h\n        down[place] -= h",
            "up[place] *= 1 + h\n        down[place] *= 1 - h",
            "steps of x times h",
        ),
        (
            "scale",
            "(function(up)[0] * dy).sum() - (function(down)[0] * dy).sum()",
            "((function(up)[0] - function(down)[0]) * dy).mean()",
            "mean",
        ),
        ("shape", "return gradient", "return gradient.ravel()", "one long row"),
    ],
    "check_gradient": [
        ("dtype", "np.asarray(x, dtype=np.float64)", "np.asarray(x)", "float32 stays float32: its noise hides the slopes"),
        ("constant", "rng.standard_normal(y.shape)", "np.ones(y.shape)", "dy of ones: a term can hide"),
        ("sign", "np.abs(given - measured)", "(given - measured)", "negative differences are never seen"),
        (
            "scale",
            "np.abs(given - measured).max()",
            "np.abs(given - measured).mean()",
            "the mean difference hides one wrong entry",
        ),
        (
            "order",
            "np.abs(given - measured).max() / np.abs(measured).max()",
            "(np.abs(given - measured) / np.abs(measured)).max()",
            "divides entry by entry: near 0 rounding raises a false alarm",
        ),
        ("step", "    if np.shape(given) != x.shape:\n        return math.inf\n", "", "shapes are not compared"),
        ("factor", " / np.abs(measured).max()", "", "not divided by the largest: depends on the size of the gradient"),
        ("wrong array", "/ np.abs(measured)", "/ np.abs(given)", "divided by the largest of backward's gradient"),
        ("extreme", "np.abs(given - measured).max()", "np.nanmax(np.abs(given - measured))", "nan is passed over"),
        (
            "extreme",
            "np.abs(given - measured).max()",
            "max(0.0, *np.abs(given - measured).ravel())",
            "Python's max loses a nan",
        ),
        ("option", "rng.standard_normal", "np.random.default_rng(0).standard_normal", "rng is ignored"),
        ("case", "rng.standard_normal(y.shape)", "rng.standard_normal(x.shape)", "dy like x: right only if y has its shape"),
        ("constant", "return math.inf", "return 0.0", "a wrong shape counts as right"),
        (
            "sign",
            "/ np.abs(measured).max()",
            "/ measured.max()",
            "the largest with its sign: wrong where all slopes are negative",
        ),
        (
            "wrong array",
            "numeric_gradient(function, x, dy)",
            "numeric_gradient(function, x, rng.standard_normal(y.shape))",
            "another dy",
        ),
        ("index", "np.abs(given - measured).max()", "np.abs(given - measured).ravel()[0]", "only the first entry is compared"),
        ("scale", "np.abs(measured).max()", "np.abs(measured).sum()", "divided by the sum: smaller, the more entries there are"),
    ],
}

UNUSUAL = {
    "numeric_gradient": [
        """
def numeric_gradient(function, x, dy, h=1e-5):
    def loss(place, step):
        moved = np.array(x)
        moved[place] = moved[place] + step
        return np.vdot(function(moved)[0], dy)

    slopes = [(loss(place, h) - loss(place, -h)) / (2 * h) for place in np.ndindex(x.shape)]
    return np.reshape(slopes, x.shape)
""",
        """
def numeric_gradient(function, x, dy, h=1e-5):
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([((function(x + e)[0] - function(x - e)[0]) * dy).sum() / h / 2 for e in steps]).reshape(x.shape)
""",
        """
def numeric_gradient(function, x, dy, h=1e-5):
    x = x.copy()
    gradient = np.empty_like(x)
    for place, was in np.ndenumerate(x.copy()):
        x[place] = was + h
        gradient[place] = np.sum(function(x.copy())[0] * dy)
        x[place] = was - h
        gradient[place] -= np.sum(function(x.copy())[0] * dy)
        x[place] = was
    return gradient * (0.5 / h)
""",
    ],
    "check_gradient": [
        """
def check_gradient(function, x, rng):
    x = x.astype(float)
    y, step_back = function(x)
    dy = rng.normal(size=np.shape(y))
    mine, theirs = numeric_gradient(function, x, dy), np.asarray(step_back(dy))
    if mine.shape == theirs.shape:
        return float(np.linalg.norm((theirs - mine).ravel(), np.inf) / np.linalg.norm(mine.ravel(), np.inf))
    return float("inf")
""",
        """
def check_gradient(function, x, rng):
    x = np.array(x, np.float64)
    y, backward = function(x.copy())
    dy = rng.standard_normal(y.shape)
    gradient = backward(dy.copy())
    if getattr(gradient, "shape", None) != x.shape:
        return np.inf
    measured = numeric_gradient(function, x, dy)
    return np.max(np.abs(gradient - measured) / np.max(np.abs(measured)))
""",
    ],
}
