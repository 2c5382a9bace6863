import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Term

TITLE = "LayerNorm"
MINUTES = 40
NEEDS = ["07"]
GOALS = [
    "You can show why a deep stack needs its numbers brought back to scale.",
    "You can say what mean, variance, γ and β of a LayerNorm are, which axis they belong to, and what ε is for.",
    "You can derive its gradient along three roads: directly, through the mean, and through the variance.",
    "You can say why two directions are missing from that gradient, and check it by hand.",
]
PICTURE = (
    "Left: a handwritten zero as eight rows of pixels, whose means and spreads differ, and below it the same rows after "
    "LayerNorm, all with mean 0 and spread 1. Right: for one row, three strips of bars, the terms of dx that come directly, "
    "through the mean (eight equal bars) and through the variance, and their sum, with dots for the learner's dx at "
    "the bars' ends."
)


# The arguments: rows of known spreads, from 0.1 (where eps shows) to 2, each with a mean of its own


def _arguments(rng, *shape, spreads=(0.1, 2)):
    width = shape[-1]
    rows = rng.standard_normal((math.prod(shape[:-1]), width))
    rows = (rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True)
    spread = rng.permutation(np.geomspace(*spreads, len(rows)))[:, None]
    x = rng.uniform(-1, 1, (len(rows), 1)) + spread * rows
    weight = rng.uniform(0.5, 2, width) * rng.choice((-1, 1), width)
    return x.reshape(shape), weight, rng.standard_normal(width)


def cases(rng):
    zero, outlier = (_arguments(rng, *shape, spreads=(0.5, 2)) for shape in ((3, 5), (2, 16)))
    zero[1][1] = 0.0
    outlier[0][1, 6] += 20 * outlier[0][1].std()  # its x̂ is near 3.8, as far as a row of 16 can go
    return {
        "ordinary": _arguments(rng, 3, 4, 5),  # no axis of 2: a factor 2 is a slip in the calculus, and not a sum
        "batch of 1": _arguments(rng, 1, 3, 5),
        "an extra axis": _arguments(rng, 2, 2, 3, 5),
        "one axis fewer": _arguments(rng, 3, 5),
        "a single row, (D,)": _arguments(rng, 5, spreads=(1, 1)),
        "a square": _arguments(rng, 4, 4, 4),
        "eps = 0.001": (*_arguments(rng, 3, 5), 1e-3),
        "a weight of 0": zero,
        "a row with an outlier": outlier,
    }


def _far(rng):
    """Rows around 300,000. Their numbers are multiples of 2^-20 and four in a row, so that the mean is exact in whatever
    order they are added, and so are the distances from it: only who squares the numbers themselves loses digits."""
    x, weight, bias = _arguments(rng, 5, 4, spreads=(0.5, 1))
    return 3e5 + np.round(x * 2**20) / 2**20, weight, bias


def extreme(rng):
    x, weight, bias = _arguments(rng, 2, 3, 5)
    constant = x.copy()
    constant[0, 1], constant[1, 2] = 3.0, 0.0
    return {
        "a constant row": (constant, weight, bias),
        "numbers around 10,000": (1e4 * x, weight, bias),
        "rows with a spread of 0.01": _arguments(rng, 2, 3, 5, spreads=(0.01, 0.01)),  # too steep for measured slopes
        "rows with a mean of 300,000 and a spread of 1": _far(rng),
    }


def _large(rng):
    return _arguments(rng, 16, 65, 64)


def spec(x, weight, bias, eps=1e-6):
    width = x.shape[-1]
    y = np.empty_like(x)
    for row in np.ndindex(x.shape[:-1]):
        values = [float(value) for value in x[row]]
        mean = sum(values) / width
        variance = sum((value - mean) ** 2 for value in values) / width
        for i in range(width):
            y[(*row, i)] = (values[i] - mean) / math.sqrt(variance + eps) * weight[i] + bias[i]
    return y


# The terms of the gradients


def _mean(array):
    return array.mean(axis=-1, keepdims=True)


def _normalised(x, eps):
    sigma = np.sqrt(_mean((x - _mean(x)) ** 2) + eps)
    return (x - _mean(x)) / sigma, sigma


def terms_dx(x, weight, bias, *eps_and_dy):
    eps, dy = (1e-6, *eps_and_dy)[-2:]
    xhat, sigma = _normalised(x, eps)
    g = weight * dy
    return [
        Term("γ·dy/σ", g / sigma, "The direct road: y follows its own x, with the factor γ/σ."),
        Term("−mean(γ·dy)/σ", np.broadcast_to(-_mean(g) / sigma, x.shape), "µ depends on every x in the row."),
        Term("−x̂·mean(γ·dy·x̂)/σ", -xhat * _mean(g * xhat) / sigma, "σ depends on every x in the row, most on those far from µ."),
    ]


def _over_rows(array):
    return array.reshape(-1, array.shape[-1]).sum(axis=0)


def terms_dweight(x, weight, bias, *eps_and_dy):
    eps, dy = (1e-6, *eps_and_dy)[-2:]
    why = "One γ serves all rows, so what every row says about it adds up."
    return [Term("Σ over rows of dy·x̂", _over_rows(dy * _normalised(x, eps)[0]), why)]


def terms_dbias(x, weight, bias, *eps_and_dy):
    dy = eps_and_dy[-1]
    return [Term("Σ over rows of dy", _over_rows(dy), "One β serves all rows, so what every row says about it adds up.")]


def _symbols(x, weight, bias, eps=1e-6):
    return {"D": x.shape[-1], "R": x.size // x.shape[-1], "B": x.shape[0]}


# What people get wrong: pieces of the solution, and what stands there instead

MEAN = "mean = x.mean(axis=-1, keepdims=True)"
CENTRED = "centred = x - mean"
VARIANCE = "variance = (centred * centred).mean(axis=-1, keepdims=True)"
SIGMA = "sigma = np.sqrt(variance + eps)"
XHAT = "xhat = centred / sigma"
Y = "y = xhat * weight + bias"
STATISTICS = f"{MEAN}  # (..., 1)\n    {CENTRED}  # (..., D)\n    {VARIANCE}"
DWEIGHT = "dweight = (dy * xhat).sum(axis=shared)"
DBIAS = "dbias = dy.sum(axis=shared)"
G = "g = dy * weight"
ONES = "along_ones = g.mean(axis=-1, keepdims=True)"
ALONG = "along_xhat = (g * xhat).mean(axis=-1, keepdims=True)"
MEANS = f"{ONES}  # (..., 1)\n        {ALONG}"
DX = "dx = (g - along_ones - xhat * along_xhat) / sigma"
RETURN = "return dx, dweight, dbias"


def _statistics(axis):
    return STATISTICS.replace("axis=-1", f"axis={axis}")


MISTAKES = [
    Mistake(
        "The variance is E[x²] − µ². On paper that is right; but where the mean is large, two large and nearly equal numbers are "
        "subtracted, and what is left has lost its digits. Take the mean off first.",
        old=VARIANCE,
        new="variance = (x * x).mean(axis=-1, keepdims=True) - mean * mean",
    ),
    # dx: a road that is missing or runs the wrong way
    Mistake(
        "Only the direct road was taken, as if µ and σ were fixed numbers. Both were computed from x, "
        "so each of them is a second and a third way for x to reach y.",
        old=DX,
        new="dx = g / sigma",
    ),
    Mistake(
        "The direct road is missing: besides moving µ and σ, each x moves its own x̂, by 1/σ for each unit.",
        old=DX,
        new="dx = (0 - along_ones - xhat * along_xhat) / sigma",
    ),
    Mistake(
        "The road through the mean is missing. Raising one x raises µ, and that lowers every x̂ of the row.",
        old=DX,
        new="dx = (g - xhat * along_xhat) / sigma",
    ),
    Mistake(
        "The road through the variance is missing. Moving one x changes σ, and every x̂ of the row is divided by it.",
        old=DX,
        new="dx = (g - along_ones) / sigma",
    ),
    Mistake(
        "The road through the mean has the wrong sign: µ is subtracted in x̂, so a larger µ makes every x̂ smaller.",
        old=DX,
        new="dx = (g + along_ones - xhat * along_xhat) / sigma",
    ),
    Mistake(
        "The road through the variance has the wrong sign: σ is what x̂ is divided by, and the slope of 1/σ is −1/σ².",
        old=DX,
        new="dx = (g - along_ones + xhat * along_xhat) / sigma",
    ),
    Mistake(
        "The road through the variance has a factor 2 too many: the 2 from the squares meets the 1/2 from the root, and they "
        "cancel.",
        old=DX,
        new="dx = (g - along_ones - 2 * xhat * along_xhat) / sigma",
    ),
    Mistake(
        "The road through the variance has a factor 1/2 too many: the 1/2 from the root meets the 2 from the squares, and they "
        "cancel.",
        old=DX,
        new="dx = (g - along_ones - xhat * along_xhat / 2) / sigma",
    ),
    Mistake(
        "x̂ was changed after it was made: *= and += work on the same array, and backward remembers that one. y is a new array.",
        old=Y,
        new="y = xhat\n    y *= weight\n    y += bias",
    ),
    Mistake("x̂ is missing from dweight: γ multiplies x̂, so its slope is x̂.", old=DWEIGHT, new="dweight = dy.sum(axis=shared)"),
    # dx: γ
    Mistake(
        "Only the direct road was taken, and γ is missing on it. What reaches x̂ is γ·dy, and µ and σ were computed from x too.",
        old=DX,
        new="dx = dy / sigma",
    ),
    Mistake(
        "γ is in dx twice: γ·dy has it already, and all three roads start there.",
        old=DX,
        new="dx = weight * (g - along_ones - xhat * along_xhat) / sigma",
    ),
    Mistake(
        "γ is left out of dx. What reaches x̂ is not dy: y = γ·x̂ + β, so by the chain rule it is γ·dy, in all three terms.",
        old=G,
        new="g = dy",
    ),
    Mistake(
        "γ is multiplied on at the very end, after the means. On the way back γ comes first, before the row is averaged: "
        "mean(γ·dy) is not γ·mean(dy).",
        old=f"{G}  # (..., D), the gradient of xhat\n        {MEANS}  # (..., 1)\n        {DX}",
        new="along_ones = dy.mean(axis=-1, keepdims=True)\n"
        "        along_xhat = (dy * xhat).mean(axis=-1, keepdims=True)\n"
        "        dx = weight * (dy - along_ones - xhat * along_xhat) / sigma",
    ),
    Mistake(
        "γ is there in the direct term and missing in the two means. All three roads start at the gradient of x̂, which is γ·dy.",
        old=MEANS,
        new="along_ones = dy.mean(axis=-1, keepdims=True)\n        along_xhat = (dy * xhat).mean(axis=-1, keepdims=True)",
    ),
    # dx: σ
    Mistake(
        "The factor 1/σ is left out of dx: x̂ is x − µ divided by σ, so each of the three slopes is divided by σ too.",
        old=DX,
        new="dx = g - along_ones - xhat * along_xhat",
    ),
    Mistake(
        "dx is divided by the variance where σ, its root, belongs: the slope of x̂ by x is 1/σ.",
        old=DX,
        new="dx = (g - along_ones - xhat * along_xhat) / (sigma * sigma)",
    ),
    Mistake(
        "dx is multiplied by σ instead of divided by it. In a row with a large spread, moving one x by 1 changes little in y.",
        old=DX,
        new="dx = (g - along_ones - xhat * along_xhat) * sigma",
    ),
    Mistake(
        "Only the last term is divided by σ: are there brackets missing? All three roads bring the factor 1/σ.",
        old=DX,
        new="dx = g - along_ones - xhat * along_xhat / sigma",
    ),
    # dx: the means
    Mistake(
        "The term through the mean has a sum over the row where the mean belongs: µ moves by only 1/D for each unit of one x.",
        old=ONES,
        new="along_ones = g.sum(axis=-1, keepdims=True)",
    ),
    Mistake(
        "The term through the variance has a sum over the row where the mean belongs: v is an average, "
        "so one x has only 1/D of a say in it.",
        old=ALONG,
        new="along_xhat = (g * xhat).sum(axis=-1, keepdims=True)",
    ),
    Mistake(
        "Both means are sums: D times too large. µ and v are averages, and one x has only 1/D of a say in them.",
        old=MEANS,
        new="along_ones = g.sum(axis=-1, keepdims=True)\n        along_xhat = (g * xhat).sum(axis=-1, keepdims=True)",
    ),
    Mistake(
        "The means in dx run over the batch axis. µ and σ belong to one row, so the roads through them stay inside the row: "
        "average over the last axis.",
        old=MEANS,
        new="along_ones = g.mean(axis=0, keepdims=True)\n        along_xhat = (g * xhat).mean(axis=0, keepdims=True)",
    ),
    Mistake(
        "The means in dx run over the whole array. Each row has a µ and a σ of its own, so each row needs two means of its own.",
        old=MEANS,
        new="along_ones = g.mean()\n        along_xhat = (g * xhat).mean()",
    ),
    Mistake(
        "In the term through the variance, the mean is of γ·dy alone. It has to be of γ·dy·x̂: "
        "a change of σ moves each x̂ in proportion to that x̂.",
        old=ALONG,
        new="along_xhat = along_ones",
    ),
    Mistake(
        "In the term through the variance, the factor x̂ in front of the mean is missing: "
        "an x far from µ changes σ much, and an x at µ not at all.",
        old=DX,
        new="dx = (g - along_ones - along_xhat) / sigma",
    ),
    Mistake(
        "In the term through the variance, the factor in front of the mean is x where x̂ belongs: µ must be taken off, and "
        "σ divided by.",
        old=DX,
        new="dx = (g - along_ones - x * along_xhat) / sigma",
    ),
    Mistake(
        "The term through the variance is written with x − µ where x̂ belongs, so two factors 1/σ are lost.",
        old=DX,
        new="dx = (g - along_ones - centred * (g * centred).mean(axis=-1, keepdims=True)) / sigma",
    ),
    # dweight and dbias
    Mistake(
        "dweight is made with x. What γ multiplies in the forward is x̂, the normalised row.",
        old=DWEIGHT,
        new="dweight = (dy * x).sum(axis=shared)",
    ),
    Mistake(
        "dweight is made with x − µ. What γ multiplies is x̂, which is also divided by σ.",
        old=DWEIGHT,
        new="dweight = (dy * centred).sum(axis=shared)",
    ),
    Mistake(
        "dweight has a factor γ too many. γ enters the gradient of what it multiplies; its own gradient has only dy and x̂.",
        old=DWEIGHT,
        new="dweight = (dy * weight * xhat).sum(axis=shared)",
    ),
    Mistake(
        "dweight is an average over the rows. Every row uses the same γ, so what the rows say adds up; "
        "if the loss is a mean, dy has the division in it already.",
        old=DWEIGHT,
        new="dweight = (dy * xhat).mean(axis=shared)",
    ),
    Mistake(
        "dbias is an average over the rows. Every row uses the same β, so what the rows say adds up; "
        "if the loss is a mean, dy has the division in it already.",
        old=DBIAS,
        new="dbias = dy.mean(axis=shared)",
    ),
    Mistake(
        "dbias has a factor γ too many. β is added after γ has been multiplied on, so dy reaches it unchanged.",
        old=DBIAS,
        new="dbias = (dy * weight).sum(axis=shared)",
    ),
    Mistake(
        "dweight and dbias have changed places. The gradients come in the order of the arguments: x, weight, bias.",
        old=RETURN,
        new="return dx, dbias, dweight",
    ),
    # forward
    Mistake(
        "The variance is divided by D − 1. That is for guessing from a sample; LayerNorm wants the variance of just these "
        "D numbers, their plain average of squares.",
        old=VARIANCE,
        new="variance = (centred * centred).sum(axis=-1, keepdims=True) / (x.shape[-1] - 1)",
    ),
    Mistake(
        "ε is added after the root. It belongs to the variance, inside the root: σ = √(v + ε). "
        "For rows with a small spread, this is another number.",
        old=SIGMA,
        new="sigma = np.sqrt(variance) + eps",
    ),
    Mistake(
        "The row is divided by its variance. Only division by σ, the root of it, brings the variance to 1.",
        old=SIGMA,
        new="sigma = variance + eps",
    ),
    Mistake(
        "Mean and variance are taken over the batch axis, as in BatchNorm. LayerNorm looks along the last axis: each "
        "row by itself.",
        old=STATISTICS,
        new=_statistics("0"),
    ),
    Mistake(
        "Mean and variance are taken over the whole array, one pair for all rows. Each row needs its own: average over "
        "the last axis only.",
        old=STATISTICS,
        new=_statistics("None"),
    ),
    Mistake(
        "Mean and variance are taken over all tokens of a picture together. Each token is a row with a mean and a "
        "variance of its own.",
        old=STATISTICS,
        new=_statistics("tuple(range(1, x.ndim))"),
    ),
    Mistake(
        "The mean is not subtracted from the row: x̂ = (x − µ)/σ. The spread is right, and every row still has its old "
        "mean, over σ.",
        old=XHAT,
        new="xhat = x / sigma",
    ),
    Mistake(
        "The variance is the mean of x², without µ taken off first. It is the average squared distance from the mean.",
        old=VARIANCE,
        new="variance = (x * x).mean(axis=-1, keepdims=True)",
    ),
    Mistake(
        "The bias is multiplied by γ as well: it was added too early. First x̂ times γ, then plus β.",
        old=Y,
        new="y = (xhat + bias) * weight",
    ),
    Mistake(
        "β is missing from y: after the factor γ, each column is shifted by its own β.",
        old=Y,
        new="y = xhat * weight",
    ),
    Mistake(
        "γ is missing from y: before β is added, each column is multiplied by its own γ.",
        old=Y,
        new="y = xhat + bias",
    ),
    Mistake(
        "ε is missing under the root. It keeps σ above 0: a row whose numbers are all equal has variance 0, and would be divided "
        "by 0.",
        old=SIGMA,
        new="sigma = np.sqrt(variance)",
    ),
    Mistake("ε is not the eps that is passed in (1e-6 if nothing is).", old=SIGMA, new="sigma = np.sqrt(variance + 1e-5)"),
    # what a step of the checker says by itself
    Mistake("", old=MEAN, new="mean = x.mean(axis=-1)", step="run"),
    Mistake("", old=CENTRED, new="centred = x\n    centred -= mean", step="inputs"),
    Mistake("", old=G, new="dy *= weight\n        g = dy", step="inputs"),
    Mistake("", old=SIGMA, new="sigma = np.sqrt(variance + np.float64(eps))", step="dtype"),
    Mistake("", old=DWEIGHT, new="dweight = (dy * xhat).sum(axis=0)", step="shape"),
    Mistake("", old=DBIAS, new="dbias = dy.sum(axis=-1)", step="shape"),
    Mistake("", old=RETURN, new="return dweight, dx, dbias", step="order"),
    Mistake("", old=RETURN, new="return dx", step="count"),
    Mistake("", old="shared = tuple(range(dy.ndim - 1))", new="shared = (0, 1)", step="shape"),
]

EXERCISES = [
    Exercise(
        name="layernorm",
        cases=cases,
        spec=spec,
        gradients=("dx", "dweight", "dbias"),
        extreme=extreme,
        large=_large,
        terms={"dx": terms_dx, "dweight": terms_dweight, "dbias": terms_dbias},
        symbols=_symbols,
        mistakes=MISTAKES,
        hints={
            "forward": (
                "Everything happens inside one row, and a row lies along the last axis. Which numbers do you need from each row?",
                "Four steps: the mean; the distance of each number from it; the average of the squared distances; "
                "its root, with eps added before the root is taken. What you divide by has one number for each row, "
                "so keep that axis with size 1.",
                "Give each step a name, and try it on the row (9, 1, 15, 7) of the lesson: mean 8, sigma 5, normalised "
                "(0.2, -1.4, 1.4, -0.2). Keep the normalised row and sigma: backward needs both. At the end, multiply "
                "by weight and add bias; "
                "they have shape (D,) and fit onto the last axis by themselves.",
            ),
            "backward": (
                "weight and bias are shared by all rows, so their gradients are sums. For dx, count the roads: where "
                "does x enter "
                "the forward besides the place where you see it?",
                "First bring dy past the factor γ: that is the gradient of x̂. Each of the three roads starts there. "
                "Two of them pass through a number "
                "that the whole row shares, so they contain an average over the row.",
                "dweight sums dy times x̂ over every axis but the last, dbias sums dy; a tuple of axes made from "
                "dy.ndim serves any "
                "number of them. For dx compute two numbers for each row, both averages over the last axis with that "
                "axis kept: "
                "one of the gradient of x̂, one of it times x̂. Subtract the first; subtract x̂ times the second; "
                "divide everything by sigma. "
                "The worked row of the lesson gives 0.552, -0.264, -0.336, 0.048.",
            ),
        },
        read={"forward": "What LayerNorm does", "backward": "Three roads from x to y"},
        library="layernorm",
    )
]

QUIZ = [
    Question(
        "x has shape (B, T, D) = (32, 65, 64). How many means does one LayerNorm compute?",
        ("64, one for each column", "2,080, one for each row", "32, one for each picture", "one"),
        1,
        "Every row of 64 numbers has its own mean: 32 · 65 = 2,080. weight and bias are what there is for each column, "
        "64 of each.",
    ),
    Question(
        "A row is (9, 1, 15, 7). You add 100 to all four numbers. What happens to y?",
        ("It grows by 100", "It grows by 100/σ", "Nothing", "It becomes almost constant"),
        2,
        "µ grows by 100 too, and x − µ stays. That is why dx, in every row, adds up to zero.",
    ),
    Question(
        "All γ are 1, and you test your backward with dy all ones. It returns zeros for dx. What have you learned?",
        (
            "That dx is right",
            "That a factor 1/σ is missing",
            "Very little: zero is right here, and many wrong backwards give it too",
            "That the forward is wrong",
        ),
        2,
        "γ·dy is all ones. Its part along the ones is all of it, and nothing is left. A backward without the third "
        "road gives "
        "zero too, and so does one that always returns zeros. Use a random dy and random γ.",
    ),
    Question(
        "Which entry of a row has the largest effect on σ, for the same small move?",
        ("The largest number", "The one furthest from the mean", "All the same, 1/D", "The first"),
        1,
        "∂σ/∂x = x̂/D: it grows with the distance from the mean, on either side. 1/D is the effect on µ.",
    ),
    Question(
        "In which case does LayerNorm give another answer for your picture?",
        (
            "It shares the batch with other pictures",
            "It is alone, after training with batches of 128",
            "All its tokens are multiplied by 5",
            "In none of these, but for a trace of ε",
        ),
        3,
        "A row is normalised by itself, in training and afterwards; other pictures do not enter. A factor of 5 multiplies "
        "x − µ and σ alike; only ε keeps the answer from being exactly the same. (BatchNorm would notice the first two.)",
    ),
]
