"""Lesson 03: gradient checking."""

import math
from types import SimpleNamespace

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Wrong, compared

TITLE = "Gradient checking"
MINUTES = 30
NEEDS = ["02"]
GOALS = [
    "You can measure a gradient with central differences, for any function and any shape.",
    "You can say why the error of a measured slope is V-shaped, and which step is best.",
    "You can build a check that no wrong backward slips through, and name four checks that let some slip.",
]
PICTURE = (
    "Left: with logarithmic axes, the error of a measured slope against the step h is V-shaped: for "
    "central differences in float64 the bottom is near 3e-11 at h = 1e-5, for one-sided ones near 1e-8 at"
    " h = 1e-8, and in float32 near 1e-5 at h = 1e-2. Right: right backwards get errors near 1e-11, wrong"
    " ones from 1e-4 to 10, with the limit 1e-7 in the wide gap between them."
)
LIMIT = 1e-7


# Task 1: numeric_gradient

ONE_SIDED = (
    "Your difference is one-sided: its error is of order h, as it is the slope at the middle of the step and not at x. "
    "Go the same distance to both sides."
)
HALF = "Your two points lie h apart, and you divide by 2h: the slope comes out half as large. Move to both sides of x."
TWICE = "Your slopes are twice too large: from x − h to x + h the distance is not h."
SIGN = "Your slopes have the wrong sign: which of the two losses belongs to the larger x?"
DY_IGNORED = "dy is not used: you measure the slope of the plain sum of y, which is the right one only where dy is 1 everywhere."
MEAN = "Your loss is a mean of y · dy: it should be their sum, however many entries y has."
ALL_AT_ONCE = (
    "You move all entries of x at the same time, so each entry gets the slope of all of them together. Move one, keep the others."
)
ELEMENTWISE = (
    "You read each slope from the entry of y at the same place. That is right only where y_i depends on x_i alone; in softmax, "
    "LayerNorm or a matrix product each x_i reaches many entries of y: all of them belong to L."
)
DY_AFTER = "You sum y first and multiply by dy afterwards. In L each y_i has a factor of its own: multiply, and then sum."
PRECEDENCE = "Your slopes are h² times as large as they should be: a / 2 * h divides by 2, and then multiplies by h."
H_IGNORED = "The argument h is not used: the result for h = 0.1 is not a central difference with that step."
BACKWARD = "You used the function's backward. Then the check compares backward with itself, and every bug passes."
NOT_RESTORED = "After your call x is not what it was: you moved its entries in place and did not put the old values back."
DRIFT = (
    "After your call x has changed in its last digits: adding h and taking it away again rounds twice, "
    "and does not always give back the same number. Keep the old value and put that back, or work on a "
    "copy."
)
VIEW = (
    "For the function y = xᵀ, whose y is a view of x, every slope is 0: you keep y while x moves on, so both values of y are the "
    "same memory. Compute the loss, a plain number, before x moves again, or move a fresh copy each time."
)
LAYOUT = (
    "For an x that lies transposed in memory every slope is 0: reshape(-1) of such an array is a copy, "
    "and writing into it changes nothing. np.copy and np.zeros_like keep that memory order."
)
DY_CHANGED = "You changed dy. It is the caller's, and must stay as it was."


def _make(forward, backward):
    """A function of the course's kind from y = forward(x) and dx = backward(x, y, dy)."""

    def function(x):
        y = forward(x)
        return y, lambda dy: backward(x, y, dy)

    return function


def _near(found, wanted, limit=LIMIT):
    return found.shape == wanted.shape and bool(np.all(np.abs(found - wanted) <= limit * np.abs(wanted).max()))


def _measure(learner, function, x, dy, *step):
    """The learner's numeric gradient, if it is an array of the right shape, and x and dy are left as they were."""
    x_before, dy_before = x.copy(), dy.copy()
    found = learner(function, x, dy, *step)
    if not np.array_equal(x, x_before):
        raise Wrong(NOT_RESTORED if np.abs(x - x_before).max() > 1e-9 else DRIFT)
    if not np.array_equal(dy, dy_before):
        raise Wrong(DY_CHANGED)
    if not isinstance(found, np.ndarray):
        raise Wrong(f"numeric_gradient should return an array of the shape of x; it returned {type(found).__name__}.")
    if found.shape != x.shape:
        raise Wrong(f"numeric_gradient returned an array of shape {found.shape} for an x of shape {x.shape}.")
    return found


CUBE = _make(lambda x: x * x * x, lambda x, y, dy: 7 * x)  # this backward is nonsense on purpose


def check_numeric(learner, namespace, rng):
    x, dy = rng.uniform(0.5, 2, (2, 3)), rng.standard_normal((2, 3))
    _of_cubes(learner, x, dy)
    yield "central differences of the sum of y · dy, x left as it was"
    _by_a_small_step(learner, x, dy)
    _of_shares(learner, x, dy)
    yield "functions in which each entry of x reaches many of y"
    _of_views_and_sums(learner, x, dy, rng)
    _of_any_shape(learner, rng)
    yield "any shape, views, and arrays that lie transposed in memory"


def _of_cubes(learner, x, dy, h=0.1):
    """Cubes show the kind of difference exactly, as (x + h)³ − (x − h)³ is 2h (3x² + h²)."""
    found = _measure(learner, CUBE, x, dy, h)
    central = 3 * x**2 + h**2
    for sentence, slopes in (
        (ONE_SIDED, (central + 3 * x * h) * dy),
        (ONE_SIDED, (central - 3 * x * h) * dy),
        (HALF, (central + 3 * x * h) * dy / 2),
        (HALF, (central - 3 * x * h) * dy / 2),
        (TWICE, 2 * central * dy),
        (SIGN, -central * dy),
        (DY_IGNORED, central),
        (MEAN, central * dy / dy.size),
        (ALL_AT_ONCE, np.full(x.shape, (central * dy).sum())),
        (BACKWARD, 7 * x),
        (PRECEDENCE, central * dy * h**2),
        (H_IGNORED, 3 * x**2 * dy),
    ):
        if _near(found, slopes, 1e-6 if sentence is H_IGNORED else 1e-9):
            raise Wrong(sentence)
    if not _near(found, central * dy, 1e-9):
        worst = np.unravel_index(np.abs(found - central * dy).argmax(), x.shape)
        raise Wrong(
            f"For y = x³, h = 0.1, x = {x[worst]:.4f} and dy = {dy[worst]:.4f}, the central difference: "
            f"{compared(found[worst], (central * dy)[worst])}."
        )


def _by_a_small_step(learner, x, dy):
    if not _near(_measure(learner, CUBE, x, dy), 3 * x**2 * dy):
        raise Wrong(
            "With h = 0.1 your slopes of x³ are right, but not with the step that is used when none is given: leave it at 1e-5."
        )

    steps = []
    _measure(learner, _make(lambda x: steps.append(x.copy()) or x, lambda x, y, dy: 7 * x), x, dy)
    largest = max((float(np.abs(moved - x).max()) for moved in steps), default=0.0)
    if not abs(largest - 1e-5) < 1e-7:
        raise Wrong(f"{DEFAULT_STEP}\nyours moves an entry by {largest:.3g}")


def _of_shares(learner, x, dy):
    """Each entry of x reaches every y of its row."""
    shares = _make(lambda x: x / x.sum(axis=-1, keepdims=True), lambda x, y, dy: 7 * x)
    total = x.sum(axis=-1, keepdims=True)
    wanted = (dy - (dy * x / total).sum(axis=-1, keepdims=True)) / total
    found = _measure(learner, shares, x, dy)
    if np.abs(found).max() < LIMIT:
        raise Wrong(DY_AFTER)
    if any(_near(found, (1 / total - n * x / total**2) * dy, 1e-6) for n in (1, x.shape[-1])):
        raise Wrong(ELEMENTWISE)
    if not _near(found, wanted):
        raise Wrong(
            "Right for y = x³, wrong for shares of a row, where each x_i reaches every y_i of its row: is the "
            "whole sum of y · dy in L?"
        )


def _of_views_and_sums(learner, x, dy, rng):
    """y is a view of x, or smaller than x; and an entry of x is 0."""
    found = _measure(learner, _make(lambda x: x.T, lambda x, y, dy: dy.T), x, (turned := rng.standard_normal((3, 2))))
    if not _near(found, turned.T):
        raise Wrong(VIEW if not found.any() else "Wrong for y = xᵀ: y has another shape than x there, and dy has the shape of y.")
    shorter = _make(lambda x: (x + x * x).sum(axis=0), lambda x, y, dy: 7 * x)
    x[0, 0] = 0.0
    first = _measure(learner, shorter, x, dy[0])
    if not _near(first, (1 + 2 * x) * dy[0]):
        raise Wrong(
            MEAN if _near(first, 2 * (1 + 2 * x) * dy[0]) else "Wrong where y has fewer entries than x, or an entry of x is 0."
        )
    if np.shares_memory(first, _measure(learner, shorter, x, dy[0])):
        raise Wrong("Two calls returned the same array, so the second has overwritten the result of the first: make a new one.")


def _of_any_shape(learner, rng):
    for shape in ((2, 3, 2), (1,)):
        x, dy = rng.uniform(0.5, 2, shape), rng.standard_normal(shape)
        if not _near(_measure(learner, CUBE, x, dy), 3 * x**2 * dy):
            raise Wrong(f"Right for an x of shape (2, 3), wrong for shape {shape}: every entry of every axis has a slope.")
    x, dy = rng.uniform(0.5, 2, (2, 3)).T, rng.standard_normal((3, 2))
    found = _measure(learner, CUBE, x, dy)
    if not _near(found, 3 * x**2 * dy):
        raise Wrong(LAYOUT if not found.any() else "Wrong for an x that lies transposed in memory: go over its entries by index.")


DEFAULT_STEP = "The step that is used when none is given should stay 1e-5."


def _slopes(function, x, dy, h=1e-5):
    """Central differences, written for the wrong checkers below."""
    slopes = []
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = h
        slopes.append(((function(x + step)[0] - function(x - step)[0]) * dy).sum() / (2 * h))
    return np.array(slopes).reshape(x.shape)


def _one_sided(function, x, dy, h=1e-5):
    gradient = np.zeros(x.shape)
    start = (function(x)[0] * dy).sum()
    for place in np.ndindex(x.shape):
        moved = x.copy()
        moved[place] += h
        gradient[place] = ((function(moved)[0] * dy).sum() - start) / h
    return gradient


def _in_place(back):
    """Moves the entries of x itself; back(x, place, old, h) is how it puts them back."""

    def numeric_gradient(function, x, dy, h=1e-5):
        gradient = np.zeros(x.shape)
        for place in np.ndindex(x.shape):
            old = x[place]
            x[place] = old + h
            above = (function(x)[0] * dy).sum()
            x[place] -= 2 * h
            below = (function(x)[0] * dy).sum()
            gradient[place] = (above - below) / (2 * h)
            back(x, place, old, h)
        return gradient

    return numeric_gradient


def _not_restored(x, place, old, h):
    pass


def _added_back(x, place, old, h):
    x[place] += h


def _keeps_y(function, x, dy, h=1e-5):
    gradient, moved = np.zeros(x.shape), x.copy()
    for place in np.ndindex(x.shape):
        moved[place] = x[place] + h
        above = function(moved)[0]
        moved[place] = x[place] - h
        below = function(moved)[0]
        gradient[place] = ((above - below) * dy).sum() / (2 * h)
        moved[place] = x[place]
    return gradient


def _flat(function, x, dy, h=1e-5):
    gradient = np.zeros_like(x)
    slopes = gradient.reshape(-1)
    for i, place in enumerate(np.ndindex(x.shape)):
        step = np.zeros(x.shape)
        step[place] = h
        slopes[i] = ((function(x + step)[0] - function(x - step)[0]) * dy).sum() / (2 * h)
    return gradient


def _vectorised(function, x, dy, h=1e-5):
    if function(x)[0].shape != x.shape:
        return np.zeros(x.shape)
    return (function(x + h)[0] - function(x - h)[0]) * dy / (2 * h)


# Task 2: check_gradient

ONES = (
    "Your upstream gradient is all ones. The outputs of softmax always add up to 1, and those of a "
    "normalisation to 0, so with ones the true gradient is zero: rounding noise is compared with nothing,"
    " and a lost factor or term leaves no trace."
)
CONSTANT = (
    "Your upstream gradient has the same value everywhere, which hides what ones hide: softmax and "
    "LayerNorm bugs. Draw each entry."
)
ONE_OUTPUT = (
    "Your upstream gradient is zero but for one entry: then only one entry of y is looked at, and bugs in the others pass."
)
TWO_DRAWS = (
    "You draw two upstream gradients. backward and the numeric gradient must get the same dy, or they answer different questions."
)
FLOAT32 = (
    "The function runs in float32: its 7 digits leave an error near 1e-2 after the division by 2h, so "
    "right backwards raise a false alarm. Turn x into float64 first."
)
FEW_ENTRIES = "Not every entry of x is moved, and a bug may sit in any of them: one wrong row, one wrong corner."
TOO_SMALL = "Your step h is too small: rounding errs by about ε/h, far above the limit, so right backwards raise a false alarm."
TOO_LARGE = (
    "Your step h is too large: the curvature errs by about h², far above the limit, so right backwards raise a false alarm."
)
CHECK_ONE_SIDED = "Your differences are one-sided, with an error of order h: right backwards raise a false alarm."
SHAPE = (
    "A backward that returned shape (1, 4) for an x of shape (4,) passed: NumPy broadcasts the two and "
    "subtracts them without complaint. Compare the shapes first."
)
DY_SHAPE = "Right backwards raise a false alarm where y has another shape than x: dy is drawn in the shape of y."
NO_BACKWARD = "backward is never called: then no backward can be found wrong."
ABSOLUTE = (
    "You return the difference itself, not divided by the largest entry of the numeric gradient: tiny "
    "gradients then always pass, and large ones never."
)
NO_ABS = "The differences keep their sign: where all are negative, so is the largest of them, and it is below any limit."
SUM = "You add the differences up, so the error grows with the number of entries: the docstring asks for the largest."
AVERAGE = (
    "You take the mean of the differences: one wrong entry among a million would not be seen. The docstring asks for the largest."
)
BY_ENTRY = (
    "You divide entry by entry: an entry of the gradient that is nearly zero divides rounding noise by "
    "nearly nothing, and raises a false alarm. Divide once, by the largest entry."
)
SIGNED_SCALE = (
    "The largest entry that you divide by keeps its sign: where the largest in size is negative, you "
    "divide by another one, or by a negative number."
)
BY_YOURS = (
    "You divide by the largest entry of backward's gradient. If that is the wrong one, it is no measure: "
    "divide by the numeric one."
)
NAN = (
    "A backward that returned nan in one entry passed. Every comparison with nan is False, so some ways to find the largest "
    "difference pass over it: a gradient that is not a number is wrong, and the error must not be below the limit."
)
NORMS = (
    "You compare lengths of whole arrays: one wrong entry among a million would hardly be seen. The "
    "docstring asks for largest entries."
)
VERDICT = (
    "check_gradient should return the error, a number, and not the verdict True or False: the caller compares it with the limit."
)


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _softmax_backward(x, y, dy):
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


def _normalise(x):
    return (x - x.mean(axis=-1, keepdims=True)) / x.std(axis=-1, keepdims=True)


def _normalise_backward(x, y, dy, last=1.0):
    mean = dy.mean(axis=-1, keepdims=True)
    return (dy - mean - last * y * (dy * y).mean(axis=-1, keepdims=True)) / x.std(axis=-1, keepdims=True)


def _changed(array, place, factor):
    array = array.copy()
    array[place] *= factor
    return array


def twins(rng):
    """(the bug, a right function, the same with the bug, x): all the planted bugs."""
    x, data, weight = rng.uniform(0.5, 2, (3, 4)), rng.standard_normal((3, 4)), rng.standard_normal((4, 4))
    square, squared = (lambda x: x * x), (lambda x, y, dy: 2 * x * dy)
    plus, one_row = (lambda b: data + b), (lambda b: data[:1] + b)
    sine, product = np.sin, (lambda x: x @ weight)
    warm = lambda x: _softmax(x / 2)  # noqa: E731
    tiny, large = (lambda x: 1e-8 * x * x), (lambda x: 1e6 * x * x)
    listed = (
        ("a wrong sign", square, squared, lambda x, y, dy: -2 * x * dy, x),
        ("0.01 % too large", square, squared, lambda x, y, dy: 2.0002 * x * dy, x),
        ("dy ignored", sine, lambda x, y, dy: np.cos(x) * dy, lambda x, y, dy: np.cos(x), x),
        ("one wrong entry", large, lambda x, y, dy: 2e6 * x * dy, lambda x, y, dy: _changed(2e6 * x * dy, (-1, -1), 1.2), x),
        ("one entry that is nan", square, squared, lambda x, y, dy: _changed(2 * x * dy, (1, 2), np.nan), x),
        ("one row too small", square, squared, lambda x, y, dy: _changed(2 * x * dy, 1, 0.5), x),
        ("a tiny gradient, halved", tiny, lambda x, y, dy: 2e-8 * x * dy, lambda x, y, dy: 1e-8 * x * dy, x),
        ("a bias with only the first row of the batch", plus, lambda x, y, dy: dy.sum(axis=0), lambda x, y, dy: dy[0], x[0]),
        ("a bias with an axis too many", one_row, lambda x, y, dy: dy.sum(axis=0), lambda x, y, dy: dy, x[0]),
        ("a weight not transposed", product, lambda x, y, dy: dy @ weight.T, lambda x, y, dy: dy @ weight, x),
        ("softmax, only the diagonal", _softmax, _softmax_backward, lambda x, y, dy: dy * y * (1 - y), x),
        ("softmax of x/2, the 1/2 lost", warm, lambda x, y, dy: _softmax_backward(x, y, dy) / 2, _softmax_backward, x),
        (
            "normalisation, the last term lost",
            _normalise,
            _normalise_backward,
            lambda x, y, dy: _normalise_backward(x, y, dy, 0),
            x,
        ),
    )
    return [(bug, _make(f, right), _make(f, wrong), x) for bug, f, right, wrong, x in listed]


NOT_FROM_RNG = "Your dy does not come from rng: rng decides what is drawn, so that a check can be done again, or with another dy."


class _Repeating:
    """A generator that draws the same numbers each time."""

    def __getattr__(self, name):
        return getattr(np.random.default_rng(5), name)


def _error(learner, function, x, rng):
    found = learner(function, x.astype(np.float32), rng)
    if isinstance(found, bool | np.bool_):
        raise Wrong(VERDICT)
    if not isinstance(found, int | float | np.number | np.ndarray) or np.size(found) != 1:
        what = f"an array of shape {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise Wrong(f"check_gradient should return one number; it returned {what}.")
    return float(np.reshape(found, ()))


def _spy(learner, rng, seed=0):
    """What the learner's checker does with y = a · x: the x it tries, the dy it gives to backward."""
    seen = SimpleNamespace(xs=[], dys=[], x=rng.uniform(0.5, 2, (2, 3)).astype(np.float32))
    factor = rng.uniform(1, 2, (2, 3))

    def function(x):
        seen.xs.append(x.copy())

        def backward(dy):
            seen.dys.append(np.array(dy))
            return factor * dy

        return factor * x, backward

    _error(learner, function, seen.x, np.random.default_rng(seed))
    return seen


def _reason(learner, rng):
    """What the checker does that no check should do, or None."""
    seen = _spy(learner, rng)
    if any(x.dtype == np.float32 for x in seen.xs):
        return FLOAT32
    if not seen.dys:
        return NO_BACKWARD
    dy = seen.dys[-1]
    if np.ptp(dy) == 0:
        return ONES if dy.flat[0] == 1 else CONSTANT
    if np.count_nonzero(dy) == 1:
        return ONE_OUTPUT
    again, other = (_spy(learner, rng, s).dys[-1] for s in (0, 1))
    if np.array_equal(dy, other) or not np.array_equal(dy, again):
        return NOT_FROM_RNG
    steps = np.array([x - seen.x for x in seen.xs if x.shape == seen.x.shape])
    moved = np.abs(steps).max(axis=0)
    if np.any(moved == 0):
        return f"{FEW_ENTRIES} Yours moves {np.count_nonzero(moved)} of {moved.size}."
    if np.abs(steps).max() < 1e-7:
        return TOO_SMALL
    if np.abs(steps).max() > 1e-4:
        return TOO_LARGE
    if np.any(steps.max(axis=0) <= 0) or np.any(steps.min(axis=0) >= 0):
        return CHECK_ONE_SIDED
    right = twins(np.random.default_rng(0))[0][1]
    if (
        not _error(learner, right, seen.x, np.random.default_rng(0)) < LIMIT
        and _error(learner, right, seen.x, _Repeating()) < LIMIT
    ):
        return TWO_DRAWS
    return _formula(learner, rng)


def _formula(learner, rng):
    """The sentence for a wrong way to make one number of two arrays, read off backwards that are wrong by a known difference."""
    factor, x = rng.uniform(1, 2, (2, 3)), rng.uniform(0.5, 2, (2, 3))
    delta = np.array([[2.0, 0, 0], [0, -5.0, 0]])
    found, probes = [], []
    for seed in range(6):
        for sign in (1, -1):
            dys = []

            def backward(x, y, dy, sign=sign, dys=dys):
                dys.append(np.array(dy))
                return factor * dy + sign * delta

            found.append(_error(learner, _make(lambda x: factor * x, backward), x, np.random.default_rng(seed)))
            truth = factor * dys[-1]
            probes.append((truth, sign * delta, truth + sign * delta))
    size = lambda a: np.abs(a).max()  # noqa: E731
    right = [float(size(d) / size(t)) for t, d, _ in probes]
    if np.allclose(found, right, rtol=1e-6, atol=0):
        return None
    for sentence, formula in (
        (ABSOLUTE, lambda t, d, dx: size(d)),
        (NO_ABS, lambda t, d, dx: d.max() / size(t)),
        (NO_ABS, lambda t, d, dx: -d.min() / size(t)),
        (NO_ABS, lambda t, d, dx: d.max() / t.max()),
        (NO_ABS, lambda t, d, dx: abs(d.sum()) / size(t)),
        (SUM, lambda t, d, dx: np.abs(d).sum() / size(t)),
        (SUM, lambda t, d, dx: np.abs(d).sum()),
        (SUM, lambda t, d, dx: np.abs(d).sum() / np.abs(t).sum()),
        (AVERAGE, lambda t, d, dx: np.abs(d).mean() / size(t)),
        (AVERAGE, lambda t, d, dx: np.abs(d).mean()),
        (BY_ENTRY, lambda t, d, dx: size(d / t)),
        (BY_ENTRY, lambda t, d, dx: size(d / dx)),
        (BY_ENTRY, lambda t, d, dx: size(d / (np.abs(t) + np.abs(dx)))),
        (BY_ENTRY, lambda t, d, dx: size(d / np.maximum(np.abs(t), np.abs(dx)))),
        (SIGNED_SCALE, lambda t, d, dx: size(d) / t.max()),
        (BY_YOURS, lambda t, d, dx: size(d) / size(dx)),
        (NORMS, lambda t, d, dx: np.linalg.norm(d) / np.linalg.norm(t)),
        (NORMS, lambda t, d, dx: np.linalg.norm(d) / (np.linalg.norm(t) + np.linalg.norm(dx))),
        (NORMS, lambda t, d, dx: np.linalg.norm(d)),
    ):
        if np.allclose(found, [formula(*probe) for probe in probes], rtol=1e-6, atol=1e-9):
            return sentence
    worst = int(np.argmax(np.abs(np.subtract(found, right))))
    truth, difference, _ = probes[worst]
    return (
        f"With a largest difference of {size(difference):.3f} and a largest entry of {size(truth):.3f}, the error: "
        f"{compared(found[worst], right[worst])}."
    )


def _some(bugs):
    return "; ".join(bugs[:4]) + (f"; and {len(bugs) - 4} more" if len(bugs) > 4 else "")


def check_check(learner, namespace, rng):
    """Scored by twins: a bug counts as caught if the right twin passes and the wrong one does not."""
    caught, missed, alarms, of_right = [], [], [], []
    for bug, right, wrong, x in twins(rng):
        seed = int(rng.integers(1000))
        ours = _error(learner, right, x, np.random.default_rng(seed))
        theirs = _error(learner, wrong, x, np.random.default_rng(seed))
        of_right.append(ours)
        (caught if ours < LIMIT and not theirs < LIMIT else alarms if not ours < LIMIT else missed).append(bug)
    reason = _reason(learner, rng)
    if reason is None and missed == ["a bias with an axis too many"]:
        reason = SHAPE
    if reason is None and missed == ["one entry that is nan"]:
        reason = NAN
    if reason is None and alarms and all("bias" in bug for bug in alarms):
        reason = DY_SHAPE
    if not (reason or missed or alarms):
        _, _, wrong, x = next(twin for twin in twins(rng) if twin[0] == "a bias with an axis too many")
        if not math.isinf(_error(learner, wrong, x, rng)):
            raise Wrong("For a gradient of the wrong shape the docstring asks for math.inf, which no limit lets pass.")
    if reason or missed or alarms:
        numeric = namespace.get("numeric_gradient")
        if numeric and "numeric_gradient" in getattr(getattr(learner, "__code__", None), "co_names", ()):
            try:
                list(check_numeric(numeric, namespace, np.random.default_rng(0)))
            except Wrong:
                raise Wrong("Your check_gradient uses numeric_gradient, which is not right yet: task 1 comes first.") from None
        lines = [reason or f"Look at the {'bugs that it missed' if missed else 'false alarms'}: what do they have in common?"]
        lines.append(
            f"your checker tells {len(caught)} of {len(caught) + len(missed) + len(alarms)} planted bugs from their right twins"
        )
        if missed:
            lines.append(f"missed: {_some(missed)}")
        if alarms:
            lines.append(f"false alarm at the right twin of: {_some(alarms)}")
        raise Wrong("\n".join(lines))
    yield f"passes all {len(of_right)} right backwards (largest error {max(of_right):.0e})"
    yield f"catches all {len(caught)} planted bugs"


def _first_entry_only(function, x, rng):
    x = x.astype(np.float64)
    y, backward = function(x)
    dy = rng.standard_normal(y.shape)
    place = (0,) * x.ndim
    step = np.zeros(x.shape)
    step[place] = 1e-5
    measured = ((function(x + step)[0] - function(x - step)[0]) * dy).sum() / 2e-5
    return abs(backward(dy)[place] - measured) / abs(measured) if backward(dy).shape == x.shape else math.inf


def _one_sided_check(function, x, rng):
    x = x.astype(np.float64)
    y, backward = function(x)
    dy = rng.standard_normal(y.shape)
    measured = _one_sided(function, x, dy)
    dx = backward(dy)
    return math.inf if dx.shape != x.shape else np.abs(dx - measured).max() / np.abs(measured).max()


def _norm_check(function, x, rng):
    x = x.astype(np.float64)
    y, backward = function(x)
    dy = rng.standard_normal(y.shape)
    dx, measured = backward(dy), _slopes(function, x, dy)
    return math.inf if dx.shape != x.shape else np.linalg.norm(dx - measured) / np.linalg.norm(measured)


EXERCISES = [
    Exercise(
        name="numeric_gradient",
        check=check_numeric,
        mistakes=[
            Mistake(ONE_SIDED, function=_one_sided),
            Mistake(HALF, old="for step in (h, -h):", new="for step in (h, 0):"),
            Mistake(TWICE, old="losses[1]) / (2 * h)", new="losses[1]) / h"),
            Mistake(SIGN, old="(losses[0] - losses[1])", new="(losses[1] - losses[0])"),
            Mistake(DY_IGNORED, old="losses.append((y * dy).sum())", new="losses.append(y.sum())"),
            Mistake(MEAN, old="losses.append((y * dy).sum())", new="losses.append((y * dy).mean())"),
            Mistake(ALL_AT_ONCE, old="moved[place] += step", new="moved += step"),
            Mistake(ELEMENTWISE, function=_vectorised),
            Mistake(ELEMENTWISE, old="losses.append((y * dy).sum())", new="losses.append((y * dy)[place])"),
            Mistake(DY_AFTER, old="losses.append((y * dy).sum())", new="losses.append(y.sum() * dy[place])"),
            Mistake(PRECEDENCE, old="losses[1]) / (2 * h)", new="losses[1]) / 2 * h"),
            Mistake(H_IGNORED, function=lambda function, x, dy, h=1e-5: _slopes(function, x, dy)),
            Mistake(DEFAULT_STEP, function=lambda function, x, dy, h=1e-4: _slopes(function, x, dy, h)),
            Mistake(BACKWARD, function=lambda function, x, dy, h=1e-5: function(x)[1](dy)),
            Mistake(NOT_RESTORED, function=_in_place(_not_restored)),
            Mistake(DRIFT, function=_in_place(_added_back)),
            Mistake(VIEW, function=_keeps_y),
            Mistake(LAYOUT, function=_flat),
        ],
        hints={
            "": (
                "Begin with one entry. Which two numbers do you need to measure its slope, and what must be the same in both?",
                "Each of the two numbers is a loss: the function at a moved x, times dy, summed. Only one entry of x "
                "differs, once by +h and once by −h. The caller's x must survive, so move a copy.",
                "Go over all index tuples of x (np.ndindex gives them for any number of axes). For each: two copies "
                "of x, one moved up and one down at that index; two losses; their difference over the distance "
                "between the two points, into the result at that index.",
            )
        },
        read={"": "From one slope to a gradient"},
    ),
    Exercise(
        name="check_gradient",
        check=check_check,
        mistakes=[
            Mistake(NOT_FROM_RNG, old="dy = rng.standard_normal(y.shape)", new="dy = np.random.standard_normal(y.shape)"),
            Mistake(ONES, old="dy = rng.standard_normal(y.shape)", new="dy = np.ones(y.shape)"),
            Mistake(CONSTANT, old="dy = rng.standard_normal(y.shape)", new="dy = np.full(y.shape, rng.standard_normal())"),
            Mistake(
                ONE_OUTPUT,
                old="dy = rng.standard_normal(y.shape)",
                new="dy = np.zeros(y.shape)\n    dy.flat[rng.integers(dy.size)] = 1",
            ),
            Mistake(TWO_DRAWS, old="dx = backward(dy)", new="dx = backward(rng.standard_normal(y.shape))"),
            Mistake(FLOAT32, old="x = x.astype(np.float64)", new="x = x.copy()"),
            Mistake(FEW_ENTRIES, function=_first_entry_only),
            Mistake(TOO_SMALL, old="numeric_gradient(function, x, dy)\n", new="numeric_gradient(function, x, dy, 1e-12)\n"),
            Mistake(TOO_LARGE, old="numeric_gradient(function, x, dy)\n", new="numeric_gradient(function, x, dy, 1e-2)\n"),
            Mistake(CHECK_ONE_SIDED, function=_one_sided_check),
            Mistake(SHAPE, old="if dx.shape != x.shape:", new="if dx.size != x.size:"),
            Mistake(DY_SHAPE, old="dy = rng.standard_normal(y.shape)", new="dy = rng.standard_normal(x.shape)"),
            Mistake(NO_BACKWARD, old="dx = backward(dy)", new="dx = numeric_gradient(function, x, dy, 2e-5)"),
            Mistake(ABSOLUTE, old="np.abs(dx - measured).max() / np.abs(measured).max()", new="np.abs(dx - measured).max()"),
            Mistake(NO_ABS, old="np.abs(dx - measured).max() /", new="(dx - measured).max() /"),
            Mistake(SUM, old="np.abs(dx - measured).max() /", new="np.abs(dx - measured).sum() /"),
            Mistake(AVERAGE, old="np.abs(dx - measured).max() /", new="np.abs(dx - measured).mean() /"),
            Mistake(
                BY_ENTRY,
                old="np.abs(dx - measured).max() / np.abs(measured).max()",
                new="(np.abs(dx - measured) / np.abs(measured)).max()",
            ),
            Mistake(SIGNED_SCALE, old="/ np.abs(measured).max()", new="/ measured.max()"),
            Mistake(BY_YOURS, old="/ np.abs(measured).max()", new="/ np.abs(dx).max()"),
            Mistake(NORMS, function=_norm_check),
            Mistake(
                VERDICT,
                old="np.abs(dx - measured).max() / np.abs(measured).max()",
                new="bool(np.abs(dx - measured).max() < 1e-7 * np.abs(measured).max())",
            ),
        ],
        hints={
            "": (
                "You need the same gradient twice, from two sources: what backward says, and what is measured. What "
                "do both need as input?",
                "Both need the same random dy, of the shape of y, and an x in float64. Then it is a question of "
                "making one number out of two arrays: see the heading One number for the verdict.",
                "In this order: x in float64; call the function; draw dy; ask backward; leave with math.inf if the "
                "shape is not that of x; measure with your first function; largest difference without sign, over the "
                "largest measured entry without sign.",
            )
        },
        read={"": "One number for the verdict"},
    ),
]

QUIZ = [
    Question(
        "You halve the step h of a central difference, on the right arm of the V. What happens to the error?",
        ("It halves.", "It becomes a quarter.", "It doubles.", "It stays: the error comes from rounding."),
        1,
        "On the right arm the error is M h²/6, from the curvature: half the h, a quarter of the error. On the"
        " left arm, where rounding rules, it would double.",
    ),
    Question(
        "Why must the upstream gradient dy be random, and not all ones?",
        (
            "Random numbers average the rounding errors away.",
            "With ones the loss is the plain sum of y, and some functions keep that sum constant: their wrong "
            "gradients look right.",
            "backward divides by dy, and a division by 1 hides nothing.",
            "Ones are stored as integers.",
        ),
        1,
        "Shares and softmax add up to 1, normalised rows to 0. Then the true gradient for dy = 1 is zero, and"
        " so is that of many wrong formulas.",
    ),
    Question(
        "A friend checks in float32 with h = 1e-7, 'for more accuracy'. What does the check say about a right backward?",
        (
            "Error near 1e-14, as h² is 1e-14.",
            "Error near 1e-7, the precision of float32.",
            "Error of about 1 or more: the step is lost in rounding.",
            "Nothing: NumPy refuses such a small step.",
        ),
        2,
        "ε/h = 1.2e-7 / 1e-7 is about 1. Between 2 and 4 the numbers of float32 lie 2.4e-7 apart, so there x + h is x itself, "
        "and the slope comes out as 0.",
    ),
    Question(
        "Your checker reports 3e-4 for a backward with a million entries. It is right, isn't it? The number is small.",
        (
            "Yes: errors below 1e-3 are rounding.",
            "No: in float64 a right backward comes out near 1e-10, so something is wrong, perhaps by 0.03 % or in"
            " one small entry.",
            "One cannot say without the learning rate.",
            "Yes, if the loss goes down.",
        ),
        1,
        "Between right (about 1e-10) and wrong there are many empty decades. 3e-4 is not noise: a constant "
        "with too few digits, say, or an eps in the wrong place.",
    ),
]
