"""Lesson 11: one attention head."""

import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Term

TITLE = "One attention head"
MINUTES = 45
NEEDS = ["06", "10"]
GOALS = [
    "You can explain attention as an average whose weights the tokens compute from each other: query, key, value.",
    "You can derive why scores are divided by the root of d, and what happens to gradients if they are not.",
    "You can derive the gradients of attention entry by entry, and write them as matrix products.",
    "You can say over which axis the softmax runs, and why its square table hides that mistake.",
]
PICTURE = (
    "Top left a handwritten 3 cut into 16 patches, beside it a 16 by 16 table of attention weights. Below, three "
    "maps of 4 by 4: "
    "where patches 2, 5 and 13 look. Right, a chart: the largest of 17 attention weights grows from 0.2 to above 0.9 with the "
    "length of the vectors when scores are not divided by the root of d, and stays near 0.24 when they are."
)


def cases(rng):
    def given(*shape):
        return tuple(rng.standard_normal(shape) for _ in range(3))

    return {
        "ordinary": given(3, 5, 7),
        "one image": given(1, 3, 5),
        "several heads at once": given(2, 2, 3, 4),
        "no batch at all": given(4, 3),
        "two tokens": given(2, 2, 3),
        "a square": given(2, 4, 4),
    }


def extreme(rng):
    q, k, v = (rng.standard_normal((2, 3, 5)) for _ in range(3))
    return {"scores of several thousand": (100 * q, 100 * k, v), "all queries equal to zero": (0 * q, k, v)}


def spec(q, k, v):
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    d = q.shape[-1]
    for place in np.ndindex(q.shape[:-2]):
        for i in range(q.shape[-2]):
            scores = [sum(q[place][i, c] * k[place][j, c] for c in range(d)) / math.sqrt(d) for j in range(k.shape[-2])]
            powers = [math.exp(s - max(scores)) for s in scores]
            for j, power in enumerate(powers):
                y[place][i] += power / sum(powers) * v[place][j]
    return y


def parts_of(q, k, v, dy):
    """(p, dp, the row averages, the scale) of the right answer."""
    scale = 1 / math.sqrt(q.shape[-1])
    scores = q @ k.swapaxes(-1, -2) * scale
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    dp = dy @ v.swapaxes(-1, -2)
    return p, dp, (p * dp).sum(axis=-1, keepdims=True), scale


def _terms_dq(q, k, v, dy):
    p, dp, average, scale = parts_of(q, k, v, dy)
    return [
        Term("(P·dP)K/√d", (p * dp) @ k * scale, "every score of the row meets its key."),
        Term(
            "−(P·average of dP)K/√d", -(p * average) @ k * scale, "the weights of a row add up to 1, so each score acts on all."
        ),
    ]


def _terms_dk(q, k, v, dy):
    p, dp, average, scale = parts_of(q, k, v, dy)
    return [
        Term("(P·dP)ᵀQ/√d", (p * dp).swapaxes(-1, -2) @ q * scale, "a key meets the query of everyone who looks at it."),
        Term(
            "−(P·average of dP)ᵀQ/√d",
            -(p * average).swapaxes(-1, -2) @ q * scale,
            "the weights of a row add up to 1, so each score acts on all.",
        ),
    ]


def _terms_dv(q, k, v, dy):
    p = parts_of(q, k, v, dy)[0]
    return [Term("Pᵀ·dY", p.swapaxes(-1, -2) @ dy, "a value hears from everyone who looked at it, as much as they looked.")]


SCALE = "scale = 1 / math.sqrt(q.shape[-1])"
SCORES = "scores = (q @ k.swapaxes(-1, -2)) * scale  # (..., T, T)"
SOFTMAX = "p, softmax_backward = mine.softmax(scores)  # (..., T, T)"
Y = "y = p @ v  # (..., T, d)"
DV = "dv = p.swapaxes(-1, -2) @ dy  # (..., T, d)"
DP = "dp = dy @ v.swapaxes(-1, -2)  # (..., T, T)"
DS = "ds = softmax_backward(dp)  # (..., T, T)"
DQ = "dq = (ds @ k) * scale  # (..., T, d)"
DK = "dk = (ds.swapaxes(-1, -2) @ q) * scale  # (..., T, d)"
MISTAKES = [
    # forward
    Mistake(
        "The scores are not divided by √d. Their size then grows with d, one token takes everything, and no gradient comes back.",
        SCALE,
        "scale = 1.0",
    ),
    Mistake(
        "The scores are divided by d and not by its root: a dot product of d random numbers has the size √d.",
        SCALE,
        "scale = 1 / q.shape[-1]",
    ),
    Mistake("The scores are multiplied by √d instead of divided.", SCALE, "scale = math.sqrt(q.shape[-1])"),
    Mistake(
        "The root is that of the number of tokens. It belongs to d, the length of a query: that many products are added up.",
        SCALE,
        "scale = 1 / math.sqrt(q.shape[-2])",
    ),
    Mistake(
        "The softmax runs down the columns. A row belongs to the token that looks, and it is the row that must add up to 1.",
        SOFTMAX,
        "p, softmax_backward = mine.softmax(scores, axis=-2)",
    ),
    Mistake(
        "Keys ask and queries answer: the table of scores is transposed. Row i must hold the scores of query i with every key.",
        SCORES,
        "scores = (k @ q.swapaxes(-1, -2)) * scale",
    ),
    Mistake("The softmax is missing: scores can be negative, and do not add up to 1.", Y, "y = scores @ v"),
    Mistake("What is averaged are the keys. Keys are there to be found; what is handed over are the values.", Y, "y = p @ k"),
    Mistake(
        "The weights are used transposed: token i receives by what others think of it. It should be by what it thinks of them.",
        Y,
        "y = p.swapaxes(-1, -2) @ v",
    ),
    Mistake(
        "Queries are compared with queries. They are compared with keys: what one looks for, with what can be found.",
        SCORES,
        "scores = (q @ q.swapaxes(-1, -2)) * scale",
    ),
    Mistake(
        "The root of d came after the softmax: it makes the output smaller, and the weights as sharp as without it. It belongs "
        "to the scores.",
        f"{SCORES}\n    {SOFTMAX}\n    {Y}",
        "scores = q @ k.swapaxes(-1, -2)\n    p, softmax_backward = mine.softmax(scores)\n    y = (p @ v) * scale",
    ),
    Mistake(
        "Queries are compared with values. They are compared with keys.", SCORES, "scores = (q @ v.swapaxes(-1, -2)) * scale"
    ),
    Mistake("", SCALE, "scale = 1 / np.sqrt(q.shape[-1])", step="dtype"),
    Mistake("", SCORES, "scores = (q @ k) * scale", step="run"),
    # backward
    Mistake(
        "dV uses P where Pᵀ belongs: the gradient goes to those who looked. It belongs to those who were looked at.",
        DV,
        "dv = p @ dy",
    ),
    Mistake(
        "P is left out of dV: a value hears from each token in proportion to its weight.",
        DV,
        "dv = np.broadcast_to(dy.sum(axis=-2, keepdims=True), v.shape).copy()",
    ),
    Mistake(
        "dV is a plain copy of dY: values were mixed on their way up, so their gradients must be mixed on the way down.",
        DV,
        "dv = dy.copy()",
    ),
    Mistake(
        "The softmax was passed by: ds is not dp. Its backward stands between the weights and the scores.",
        DS,
        "ds = dp",
    ),
    Mistake(
        "The average of the row is missing from the softmax's gradient: weights add up to 1, so if one gets "
        "more, all others get less.",
        DS,
        "ds = p * dp",
    ),
    Mistake(
        "Only the diagonal of the softmax's slopes is used, p(1 − p). A score also moves the other weights of its row.",
        DS,
        "ds = p * (1 - p) * dp",
    ),
    Mistake(
        "The average of dP was taken down the columns. It belongs to the row: that is what the softmax made add up to 1.",
        DS,
        "ds = p * (dp - (p * dp).sum(axis=-2, keepdims=True))",
    ),
    Mistake("The average of dP is a plain mean. It is weighted with P.", DS, "ds = p * (dp - dp.mean(axis=-1, keepdims=True))"),
    Mistake(
        "dP does not use V: how much a weight matters depends on the value it brings.",
        DP,
        "dp = np.broadcast_to(dy.sum(axis=-1, keepdims=True), p.shape)",
    ),
    Mistake(
        "From dP its plain sum along the row is taken off. It is the sum of P · dP: an average, weighted with P.",
        DS,
        "ds = p * (dp - dp.sum(axis=-1, keepdims=True))",
    ),
    *(
        Mistake(
            f"{names} multiplied by √d where the forward divides: the same factor 1/√d comes back.", f"{DQ}\n        {DK}", new
        )
        for names, new in (
            ("dQ is", "dq = (ds @ k) / scale\n        dk = (ds.swapaxes(-1, -2) @ q) * scale"),
            ("dK is", "dq = (ds @ k) * scale\n        dk = (ds.swapaxes(-1, -2) @ q) / scale"),
            ("dQ and dK are", "dq = (ds @ k) / scale\n        dk = (ds.swapaxes(-1, -2) @ q) / scale"),
        )
    ),
    Mistake("In dQ the factor 1/√d is missing: it was in the forward, so it comes back too.", DQ, "dq = ds @ k"),
    Mistake("In dK the factor 1/√d is missing: it was in the forward, so it comes back too.", DK, "dk = ds.swapaxes(-1, -2) @ q"),
    Mistake("dK uses dS where its transpose belongs: the sum runs over those who look, the rows.", DK, "dk = (ds @ q) * scale"),
    Mistake("dQ uses dS transposed: query i meets the scores of row i.", DQ, "dq = (ds.swapaxes(-1, -2) @ k) * scale"),
    Mistake("dQ is made from the queries. The slope of q·k by q is k.", DQ, "dq = (ds @ q) * scale"),
    Mistake("dK is made from the keys. The slope of q·k by k is q.", DK, "dk = (ds.swapaxes(-1, -2) @ k) * scale"),
    Mistake("dQ has the factor 1/√d twice.", DQ, "dq = (ds @ k) * scale * scale"),
    Mistake("dK has the factor 1/√d twice.", DK, "dk = (ds.swapaxes(-1, -2) @ q) * scale * scale"),
    Mistake("are the results in the right order?", "return dq, dk, dv", "return dk, dq, dv"),
    Mistake("", "return dq, dk, dv", "return dq, dk", step="count"),
    Mistake("", DS, "dy *= 1.0\n        ds = softmax_backward(dp)", step="inputs"),
]

EXERCISES = [
    Exercise(
        name="attention",
        cases=cases,
        spec=spec,
        gradients=("dq", "dk", "dv"),
        extreme=extreme,
        large=lambda rng: tuple(rng.standard_normal((16, 4, 65, 32)) for _ in range(3)),
        terms={"dq": _terms_dq, "dk": _terms_dk, "dv": _terms_dv},
        symbols=lambda q, k, v: {"T": q.shape[-2], "d": q.shape[-1], **({"B": q.shape[0]} if q.ndim == 3 else {})},
        mistakes=MISTAKES,
        hints={
            "forward": (
                "Three lines, one for each of S, P and Y. Write the shapes beside them first.",
                "Queries times keys transposed, over the root of the length of a query; softmax along each row; "
                "weights times values. "
                "mine.softmax returns two things: keep both.",
                "Transpose with swapaxes(-1, -2), so that any axes in front stay where they are. math.sqrt of "
                "the last size of q keeps "
                "float32. Check it with the two tokens of the lesson: 5.0 and 4.4.",
            ),
            "backward": (
                "Go through the three lines from the last to the first. Each matrix product has two gradients, "
                "each with the other "
                "factor transposed.",
                "From y = p v: one product gives dv, another gives dp. From the softmax: its own backward turns "
                "dp into ds. From the "
                "scores: one product gives dq, another dk, and both carry the scale.",
                "Which one is transposed? Look at the indices: dv sums over those who look, so p is transposed; "
                "dk sums over them as "
                "well, so ds is transposed; dq sums over those who are looked at, so ds is not. With the lesson's numbers: "
                "dv = 1.25 and 9.75, dq = -0.824 and -3.955, dk = 7.95 and -7.95.",
            ),
        },
        read={"forward": "From an average to attention", "backward": "Four gradients, one after the other"},
        library="attention",
    )
]

QUIZ = [
    Question(
        "P has shape (T, T). What adds up to 1?",
        ("Every column", "Every row", "The whole table", "The diagonal"),
        1,
        "A row holds the weights of one token that looks, and softmax runs along it.",
    ),
    Question(
        "Queries and keys have 64 random entries of variance 1. How large is a typical dot product, before dividing?",
        ("1", "8", "64", "4,096"),
        1,
        "Its variance is 64, and the root of that is 8. Divided by 8 it is of size 1.",
    ),
    Question(
        "One weight of a row is 0.999. What comes back to the queries and keys of that row?",
        ("A large gradient", "Almost nothing", "A gradient for the largest weight only", "nan"),
        1,
        "Every slope of the softmax contains p(1 − p) or p times another p: all are nearly 0. The head can no "
        "longer change its mind.",
    ),
    Question(
        "A token that nobody looks at: which gradients does it get?",
        (
            "None at all",
            "For its value and its key nearly none, for its query an ordinary one",
            "For its query none, for the others ordinary ones",
            "All as usual",
        ),
        1,
        "dv and dk sum over those who look, with weights p that are nearly 0. Its own query still looks at others.",
    ),
    Question(
        "You double the number of tokens. The table of weights needs",
        ("the same memory", "twice the memory", "four times the memory", "sixteen times the memory"),
        2,
        "It has T · T entries.",
    ),
]
