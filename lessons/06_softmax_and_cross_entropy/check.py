import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Term

TITLE = "Softmax and cross-entropy"
MINUTES = 35
NEEDS = ["05"]
GOALS = [
    "You can turn scores into probabilities without overflow, and say why the row's largest score is what to subtract.",
    "You can derive softmax's Jacobian entry by entry, and its product with dy without forming it.",
    "You can explain cross-entropy as surprise, and why the first loss of a classifier should be ln K.",
    "You can derive (p − t) / B, and say why softmax and cross-entropy are better written as one function.",
]
PICTURE = (
    "Four panels. A handwritten 5 of 8 x 8 pixels; its scores for the ten digits, highest for 9; the probabilities, 0.58 for "
    "the 9 and 0.21 for the 5, beside the target, nearly 1 for the 5; and the push on each score: strongly up for the 5, down "
    "for the 9, a little down for the 3, close to nothing for the rest."
)


# softmax


def _softmax_cases(rng):
    def draw(*shape):
        return 1.5 * rng.standard_normal(shape)

    with_zeros = draw(2, 4)
    with_zeros[0, 1] = with_zeros[1, 3] = 0.0
    return {
        "ordinary": (draw(3, 5, 7),),
        "batch of 1": (draw(1, 5),),
        "one axis": (draw(5),),
        "a square": (draw(4, 4),),
        "along axis 0": (draw(3, 5), 0),
        "scores of exactly 0 among others": (with_zeros,),
    }


def _softmax_spec(x, axis=-1):
    p = np.empty_like(x)
    rows, results = np.moveaxis(x, axis, -1), np.moveaxis(p, axis, -1)
    for place in np.ndindex(rows.shape[:-1]):
        row = [float(v) for v in rows[place]]
        largest = max(row)
        total = sum(math.exp(v - largest) for v in row)
        for i, v in enumerate(row):
            results[(*place, i)] = math.exp(v - largest) / total
    return p


def _softmax_terms(x, *axis_and_dy):
    axis, dy = (-1, *axis_and_dy)[-2:]
    p = _softmax_spec(x, axis)
    return [
        Term("p·dy", p * dy, "a score raises its own exponential, and with it its own p."),
        Term(
            "−p·Σ(dy·p)",
            -p * (dy * p).sum(axis=axis, keepdims=True),
            "every score is part of the sum below all p of its row, so it lowers them all.",
        ),
    ]


def _softmax_symbols(x, axis=-1):
    return {"K": x.shape[axis], "B": x.shape[0]} if x.ndim > 1 and axis == -1 else {"K": x.shape[axis]}


def _sigmoid(x, axis=-1):
    s = 1 / (1 + np.exp(-x))

    def backward(dy):
        return dy * s * (1 - s)

    return s, backward


def _no_exponential(x, axis=-1):
    total = x.sum(axis=axis, keepdims=True)
    y = x / total

    def backward(dy):
        return (dy - (dy * y).sum(axis=axis, keepdims=True)) / total

    return y, backward


def _log_softmax(x, axis=-1):
    shifted = x - x.max(axis=axis, keepdims=True)
    y = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))

    def backward(dy):
        return dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)

    return y, backward


EXP = "e = np.exp(x - x.max(axis=axis, keepdims=True))"
P = "p = e / e.sum(axis=axis, keepdims=True)"
MEAN = "weighted_mean = (dy * p).sum(axis=axis, keepdims=True)"
DX = "dx = p * (dy - weighted_mean)"

SOFTMAX_MISTAKES = [
    # backward
    Mistake(
        "This is the diagonal of the Jacobian only. The entries of a row share one sum, so every score moves every p of its row.",
        old=DX,
        new="dx = dy * p * (1 - p)",
    ),
    Mistake(
        "The factor p_j in front is missing: both ∂p_i/∂x_j and ∂p_j/∂x_j contain p_j. A dy of ones would not show it: "
        "the bracket is then 0.",
        old=DX,
        new="dx = dy - weighted_mean",
    ),
    Mistake(
        "dy is summed without its weights. In Σ_i dy_i · p_i each dy_i counts as much as its probability.",
        old=MEAN,
        new="weighted_mean = dy.sum(axis=axis, keepdims=True)",
    ),
    Mistake(
        "The plain mean of dy was subtracted. The mean that belongs here is weighted by the probabilities; they are equal "
        "only if all p are.",
        old=MEAN,
        new="weighted_mean = dy.mean(axis=axis, keepdims=True)",
    ),
    Mistake(
        "Σ_i dy_i · p_i was added. It comes from the slopes −p_i · p_j: raising one score lowers the others.",
        old=DX,
        new="dx = p * (dy + weighted_mean)",
    ),
    Mistake(
        "dy does not occur in this. p · (1 − p) is how each probability moves with its own score; the chain rule needs "
        "dy of the whole row as well.",
        old=DX,
        new="dx = p * (1 - p)",
    ),
    Mistake(
        "dy · p was summed over the whole array. Rows know nothing of one another: the sum runs over one row.",
        old=MEAN,
        new="weighted_mean = (dy * p).sum()",
    ),
    Mistake(
        "dy · p was summed along the first axis, over the batch. The sum runs along the axis on which p comes to 1.",
        old=MEAN,
        new="weighted_mean = (dy * p).sum(axis=0, keepdims=True)",
    ),
    Mistake(
        "The gradient treats the sum below the fraction as if it stood still. Every score is part of it, which gives the "
        "second term, −p_j · Σ_i dy_i · p_i.",
        old=DX,
        new="dx = p * dy",
    ),
    Mistake(
        "p is squared in the second term. In ∂p_i/∂x_j = −p_i · p_j the p_i goes with dy_i into the sum, "
        "and p_j stands once outside.",
        old=DX,
        new="dx = p * (dy - p * dy.sum(axis=axis, keepdims=True))",
    ),
    Mistake(
        "Σ_i dy_i · p_i lacks the factor p_j: a score with a small p moves the others little. Both terms contain p_j.",
        old=DX,
        new="dx = p * dy - weighted_mean",
    ),
    Mistake(
        "dy was weighted by the scores x. The slopes −p_i · p_j contain probabilities.",
        old=MEAN,
        new="weighted_mean = (dy * x).sum(axis=axis, keepdims=True)",
    ),
    # forward
    Mistake(
        "The whole array comes to 1. Each row on its own should: the sum runs along one axis, and keeps it with length 1.",
        old=P,
        new="p = e / e.sum()",
    ),
    Mistake(
        "The whole array comes to 1. Each row on its own should: the sum runs along one axis, and keeps it with length 1.",
        old=f"{EXP}\n    {P}",
        new="p = np.exp(x) / np.exp(x).sum()",
    ),
    Mistake(
        "Top and bottom of the fraction were shifted by different numbers. The shift only cancels if it stands in both.",
        old=P,
        new="p = np.exp(x) / e.sum(axis=axis, keepdims=True)",
    ),
    Mistake(
        "The scores were divided by their maximum. Only a difference leaves the probabilities as they are: subtract.",
        old=EXP,
        new="e = np.exp(x / x.max(axis=axis, keepdims=True))",
    ),
    Mistake(
        "The maximum was taken along one axis and the sum along the last: `axis` belongs to both.",
        old=P,
        new="p = e / e.sum(axis=-1, keepdims=True)",
    ),
    Mistake(
        "The probabilities come to 1 along the first axis, over the batch. They should along `axis`: the classes of one image.",
        old=P,
        new="p = e / e.sum(axis=0, keepdims=True)",
    ),
    Mistake(
        "This is the sigmoid of each score by itself. Its values do not come to 1, and no class knows of the others.",
        function=_sigmoid,
    ),
    Mistake(
        "The scores were divided by their own sum. Without the exponential, negative scores give negative probabilities.",
        function=_no_exponential,
    ),
    Mistake("This is the logarithm of the probabilities. Here the probabilities themselves are wanted.", function=_log_softmax),
    Mistake(
        "`axis` has no effect: the probabilities come to 1 along the last axis, whichever one was asked for.",
        old=f"{EXP}\n    {P}",
        new="""e = np.exp(x - x.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)""",
    ),
    Mistake(
        "`axis` has no effect on the gradient: dy · p is summed along the last axis, whichever one was asked for.",
        old=MEAN,
        new="weighted_mean = (dy * p).sum(axis=-1, keepdims=True)",
    ),
    # what the checker's own steps name
    Mistake("", old=EXP, new="e = np.exp(x)", step="finite"),
    Mistake("", old=EXP, new="e = np.exp(x - x.max())", step="finite"),
    Mistake("", old=EXP, new="e = np.exp(x - x.mean(axis=axis, keepdims=True))", step="finite"),
    Mistake("", old=P, new="p = e / e.sum(axis=axis)", step="run"),
    Mistake("", old=MEAN, new="weighted_mean = (dy * p).sum(axis=axis)", step="run"),
]


# cross-entropy


def _cross_entropy_cases(rng):
    def draw(batch, classes):
        return 1.5 * rng.standard_normal((batch, classes)), rng.integers(0, classes, batch)

    return {
        "ordinary": (*draw(3, 5), 0.2),
        "no smoothing": draw(3, 5),
        "batch of 1": draw(1, 5),
        "a square": (*draw(4, 4), 0.1),
        "two classes": draw(3, 2),
    }


def _targets(labels, classes, label_smoothing):
    t = np.full((len(labels), classes), label_smoothing / classes)
    for row, label in enumerate(labels):
        t[row, label] += 1 - label_smoothing
    return t


def _cross_entropy_spec(logits, labels, label_smoothing=0.0):
    batch, classes = logits.shape
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        largest = max(float(v) for v in row)
        log_sum = math.log(sum(math.exp(float(v) - largest) for v in row))
        for k in range(classes):
            target = label_smoothing / classes + (1 - label_smoothing if k == label else 0)
            total -= target * (float(row[k]) - largest - log_sum)
    return np.float64(total / batch)


def _cross_entropy_terms(logits, labels, *smoothing_and_dy):
    label_smoothing, dy = (0.0, *smoothing_and_dy)[-2:]
    batch, classes = logits.shape
    return [
        Term("p·dy/B", _softmax_spec(logits) * dy / batch, "it comes from ln Σ exp(x), whose slope is p."),
        Term(
            "−t·dy/B",
            -_targets(labels, classes, label_smoothing) * dy / batch,
            "it comes from −t_k · x_k: a higher score for the target lowers the loss.",
        ),
    ]


def _softmax_twice(logits, labels, label_smoothing=0.0):
    batch, classes = logits.shape
    t = np.full((batch, classes), label_smoothing / classes, dtype=logits.dtype)
    t[np.arange(batch), labels] += 1 - label_smoothing
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    log_q = p - np.log(np.exp(p).sum(axis=1, keepdims=True))

    def backward(dy):
        dp = (np.exp(log_q) - t) * (dy / batch)
        return p * (dp - (dp * p).sum(axis=1, keepdims=True)), None

    return -(t * log_q).sum() / batch, backward


def _smoothed_without_the_label(logits, labels, label_smoothing=0.0):
    batch, classes = logits.shape
    t = np.full((batch, classes), label_smoothing / (classes - 1), dtype=logits.dtype)
    t[np.arange(batch), labels] = 1 - label_smoothing
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    def backward(dy):
        return (np.exp(log_p) - t) * (dy / batch), None

    return -(t * log_p).sum() / batch, backward


def _never_smoothed(logits, labels, label_smoothing=0.0):
    batch, _ = logits.shape
    rows = np.arange(batch)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    def backward(dy):
        dlogits = np.exp(log_p)
        dlogits[rows, labels] -= 1
        return dlogits * (dy / batch), None

    return -log_p[rows, labels].sum() / batch, backward


def _minus_p(logits, labels, label_smoothing=0.0):
    batch, classes = logits.shape
    t = np.full((batch, classes), label_smoothing / classes, dtype=logits.dtype)
    t[np.arange(batch), labels] += 1 - label_smoothing
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)

    def backward(dy):
        dp = -t * (dy / batch)
        return p * (dp - (dp * p).sum(axis=1, keepdims=True)), None

    return -(t * p).sum() / batch, backward


SHIFTED = "shifted = logits - logits.max(axis=1, keepdims=True)"
LOG_P = "log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))"
LOSS = "loss = -(t * log_p).sum() / batch"
DLOGITS = "dlogits = (p - t) * (dy / batch)"

CROSS_ENTROPY_MISTAKES = [
    # backward
    Mistake(
        "The factor 1/B is missing. The loss is the mean over the batch, so each image has a share of 1/B in it.",
        old=DLOGITS,
        new="dlogits = (p - t) * dy",
    ),
    Mistake(
        "The factor 1/B is in it twice. The loss is the mean over the batch, so each image has a share of 1/B in it, once.",
        old=DLOGITS,
        new="dlogits = (p - t) * (dy / batch / batch)",
    ),
    Mistake(
        "It is divided by K, the number of classes. The loss is a mean over the B images.",
        old=DLOGITS,
        new="dlogits = (p - t) * (dy / logits.shape[1])",
    ),
    Mistake(
        "A tiny number is added inside the logarithm: then no surprise is ever larger than its logarithm. Take the logarithm of "
        "softmax on paper first.",
        old=LOG_P,
        new="log_p = np.log(np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True) + 1e-12)",
    ),
    Mistake(
        "This is p − t alone. The mean gives each image a share of 1/B, and the chain rule multiplies by dy.",
        old=DLOGITS,
        new="dlogits = p - t",
    ),
    Mistake(
        "An exponential stands where p belongs: it is not divided by its row's sum yet, so it does not come to 1.",
        old=DLOGITS,
        new="dlogits = (np.exp(shifted) - t) * (dy / batch)",
    ),
    Mistake(
        "This is divided by B · K. The loss is a mean over the B images; over the K classes it is a sum.",
        old=DLOGITS,
        new="dlogits = (p - t) * (dy / (batch * classes))",
    ),
    Mistake(
        "Everything has the wrong sign: this is t − p, the way that the scores should go. The gradient points the other way, "
        "and gradient descent goes against it.",
        old=DLOGITS,
        new="dlogits = (t - p) * (dy / batch)",
    ),
    Mistake(
        "dy does not occur in this. It is one number, and usually 1, but a loss may be scaled or added to another.",
        old=DLOGITS,
        new="dlogits = (p - t) / batch",
    ),
    Mistake(
        "The targets are missing. Without −t every score is pushed down, and no picture's label plays a part.",
        old=DLOGITS,
        new="dlogits = p * (dy / batch)",
    ),
    Mistake(
        "Only the targets are here. Each score is also part of the sum in ln Σ exp(x), whose slope is p.",
        old=DLOGITS,
        new="dlogits = -t * (dy / batch)",
    ),
    Mistake(
        "The logarithm of p stands where p belongs. The slope of ln Σ exp(x) is the probability itself.",
        old=DLOGITS,
        new="dlogits = (log_p - t) * (dy / batch)",
    ),
    Mistake(
        "softmax's backward was applied on top. p − t is with respect to the scores already: softmax's slope is contained in it.",
        old=DLOGITS,
        new="""dp = (p - t) * (dy / batch)
        dlogits = p * (dp - (dp * p).sum(axis=1, keepdims=True))""",
    ),
    Mistake(
        "This is −t/p, the gradient with respect to the probabilities. The road back through softmax to the scores is missing.",
        old=DLOGITS,
        new="dlogits = -t / p * (dy / batch)",
    ),
    Mistake(
        "The gradient takes 1 off at the label, as without smoothing. The loss was computed with t, "
        "so the gradient has t as well.",
        old=DLOGITS,
        new="dlogits = (p - targets(labels, classes, 0.0, logits.dtype)) * (dy / batch)",
    ),
    # forward
    Mistake(
        "This is softmax applied twice: the probabilities went through softmax once more. The function takes scores, and has "
        "the only softmax in it.",
        function=_softmax_twice,
    ),
    Mistake(
        "The mean runs over all B · K entries. It is a sum over the classes, and a mean over the images only.",
        old=LOSS,
        new="loss = -(t * log_p).mean()",
    ),
    Mistake(
        "The surprises were added up over the batch. Their mean is wanted, so that the loss does not grow with the batch.",
        old=LOSS,
        new="loss = -(t * log_p).sum()",
    ),
    Mistake(
        "The minus sign is missing. Logarithms of probabilities are negative; surprise is minus that.",
        old=LOSS,
        new="loss = (t * log_p).sum() / batch",
    ),
    Mistake(
        "This gives the label 1 − s and shares s among the others only. Here all K classes get s/K, the label too: t is given.",
        function=_smoothed_without_the_label,
    ),
    Mistake(
        "label_smoothing has no effect: only the label's own logarithm is counted. The loss takes all of t, which is given.",
        function=_never_smoothed,
    ),
    Mistake(
        "The sum of exponentials runs down the batch. Each image has its own K scores: the sum runs along its row.",
        old=LOG_P,
        new="log_p = shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))",
    ),
    Mistake(
        "The sum of exponentials runs over the whole array. Each image has its own K scores: the sum runs along its row.",
        old=LOG_P,
        new="log_p = shifted - np.log(np.exp(shifted).sum())",
    ),
    Mistake(
        "The score is not shifted, but the sum of exponentials is: ln p has the same maximum subtracted in both.",
        old=LOG_P,
        new="log_p = logits - np.log(np.exp(shifted).sum(axis=1, keepdims=True))",
    ),
    Mistake("The logarithm is missing: this is minus the probability of the target. Surprise is −ln p.", function=_minus_p),
    # what the checker's own steps name
    Mistake("", old=SHIFTED, new="shifted = logits", step="finite"),
    Mistake("", old=SHIFTED, new="shifted = logits - logits.max()", step="finite"),
    Mistake(
        "",
        old=LOG_P,
        new="log_p = np.log(np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True))",
        step="finite",
    ),
    Mistake("", old=LOSS, new="loss = -(t * log_p).sum(axis=1) / batch", step="shape"),
]

EXERCISES = [
    Exercise(
        name="softmax",
        cases=_softmax_cases,
        spec=_softmax_spec,
        gradients=("dx",),
        extreme=lambda rng: {
            "scores of ±10,000": (np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]]),),
            "a row far below another": (np.array([[1e4, 9999.0, 9998.0], [-1e4, -9999.0, -9998.0]]),),
        },
        terms={"dx": _softmax_terms},
        symbols=_softmax_symbols,
        large=lambda rng: (rng.standard_normal((50, 10, 10)),),
        mistakes=SOFTMAX_MISTAKES,
        hints={
            "forward": (
                "Exponentials, then divide by their sum. What can go wrong when a score is 1000?",
                "Adding the same number to all scores of a row changes nothing. Which number makes the largest exponent 0?",
                "Take the largest score of each row, with keepdims=True so that it stretches over its row, subtract it, take the "
                "exponential, and divide by the sum along the same axis, again with keepdims=True.",
            ),
            "backward": (
                "Each score is part of the sum below every probability of its row. By how many roads does it reach the loss?",
                "Add up the roads: p_j times dy_j for the own one, and −p_j times the sum of dy_i · p_i for all. Take p_j out.",
                "First the mean of dy in each row, weighted by p, as an array whose `axis` has length 1. Subtract it from dy, "
                "and multiply what is left by p.",
            ),
        },
        read={"forward": "Only differences count", "backward": "The gradient, without the table"},
        library="softmax",
    ),
    Exercise(
        name="cross_entropy",
        cases=_cross_entropy_cases,
        spec=_cross_entropy_spec,
        gradients=("dlogits", None),
        extreme=lambda rng: {
            "logits of ±10,000": (np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]]), np.array([1, 1])),
            "a row far below another": (np.array([[1e4, 9999.0, 9998.0], [-1e4, -9999.0, -9998.0]]), np.array([0, 2]), 0.1),
        },
        terms={"dlogits": _cross_entropy_terms},
        symbols=lambda logits, labels, label_smoothing=0.0: {"B": logits.shape[0], "K": logits.shape[1]},
        large=lambda rng: (rng.standard_normal((256, 40)), rng.integers(0, 40, 256), 0.1),
        mistakes=CROSS_ENTROPY_MISTAKES,
        hints={
            "forward": (
                "Do not take the logarithm of finished probabilities: some of them are rounded to 0. What does the logarithm of "
                "a fraction become?",
                "ln p is the shifted score minus the logarithm of the sum of the shifted exponentials. The loss is the mean "
                "over the images of −Σ_k t_k · ln p_k.",
                "Subtract each row's largest score. Subtract the logarithm of the row's sum of exponentials: that is log_p. "
                "Multiply by t entry by entry, sum everything, change the sign, and divide by the number of images.",
            ),
            "backward": (
                "What you said, minus what is true. And how large is one image's share in the mean?",
                "The gradient of one image is p − t. p is not stored, but its logarithm is.",
                "Get p back with the exponential of log_p, subtract the targets, multiply by dy and divide by the number of "
                "images. dy is one number.",
            ),
        },
        read={"forward": "The logarithm of softmax", "backward": "Two gradients that cancel"},
        library="cross_entropy",
    ),
]

QUIZ = [
    Question(
        "To all scores of one image 100 is added. What happens to its probabilities?",
        (
            "They are multiplied by exp(100)",
            "The largest comes closer to 1",
            "Nothing",
        ),
        2,
        "Top and bottom of the fraction are both multiplied by exp(100). Only differences between scores count. "
        "Multiplying the scores would bring the largest closer to 1.",
    ),
    Question(
        "x has shape (4, 4), and the sum of the exponentials is taken without keepdims=True. What happens?",
        (
            "NumPy raises an error, because (4, 4) and (4,) do not fit",
            "It runs, and column j is divided by the sum of row j",
            "It runs and is right: NumPy knows which axis was summed",
        ),
        1,
        "A shape (4,) is laid along the last axis, so every entry of column j is divided by the sum of row j. On a square "
        "array nothing complains.",
    ),
    Question(
        "A check of softmax's backward uses a dy of ones. A learner's backward returns only zeros. What does the check say?",
        (
            "Passed: with a dy of ones the right gradient is zero",
            "Failed: a gradient is never zero everywhere",
            "Failed: the right gradient is then p",
        ),
        0,
        "With a dy of ones the loss is the sum of the probabilities, which is always 1. So its gradient is zero, and the check "
        "is blind. A random dy is not.",
    ),
    Question(
        "An untrained network for ten classes has a first loss of 6.9. What does that say?",
        (
            "All is well, training will lower it",
            "It gives the right class about one chance in a thousand: something is wrong before training has begun",
            "There are about 1000 images in the batch",
        ),
        1,
        "Who knows nothing should give each of ten classes one chance in ten, and be surprised by ln 10 = 2.30. 6.9 = ln 1000: "
        "the net is sure of itself, and wrong. The loss is a mean, so the batch's size does not matter.",
    ),
    Question(
        "For one image p = (0.7, 0.2, 0.1), and the label is the first class. What is the gradient with respect to the scores?",
        (
            "(−0.3, 0.2, 0.1)",
            "(0.3, −0.2, −0.1)",
            "(0.21, 0, 0)",
        ),
        0,
        "p − t = (0.7 − 1, 0.2, 0.1). Gradient descent goes against it: the first score rises, the others fall. "
        "The second answer is t − p, the push itself; the third is p · (1 − p) of the label.",
    ),
]
