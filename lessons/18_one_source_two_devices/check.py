"""Lesson 18: one source, two devices."""

import contextlib
import linecache
import math
import time
from collections import Counter
from unittest import mock

import numpy as np

from lessons.device import IMPLICIT, MIXED, Queue, Refused, host, pretended, put
from lessons.exercise import Exercise, Mistake, Question, Wrong, kind, same, worst_entry
from minivit.backend import array_module, gpu_status, to_device, to_host

TITLE = "One source, two devices"
MINUTES = 35
NEEDS = ["06", "07", "15"]
GOALS = [
    "You can say what a GPU is good at, what a launch costs, and from which size of array it pays.",
    "You can write a function that runs on NumPy's arrays and on CuPy's, from one source.",
    "You can read copies and waits off a training loop, and take them out.",
    "You can time work on a device, and say what an unsynchronised clock measures.",
]
PICTURE = (
    "Three panels. Left, two timelines of host and device in microseconds: above, nobody waits, six launches follow one "
    "another and six kernels run without a gap, 89 in all; below, with a wait after each, there is a gap before each kernel, "
    "168 in all. Middle, bars for one epoch of 45 steps: 225 copies and 135 waits for the careless one, 5 and 2 for yours. "
    "Right, time against the size of an array, both axes in powers: the host rises from 1 microsecond, the device stays at 5 "
    "up to a hundred thousand numbers; they cross near 5,000, between the 2,048 numbers of 32 digits and the 9.7 million of "
    "ViT-B/16 with 64 images."
)

# ---------------------------------------------------------------- what a copy or a wait is called

FLOAT = (
    "A Python number is made of an array of the device: by float(), int(), .item() or a function of math. It cannot be known "
    "before all work so far is done, so the host waits. Leave it an array of one number; xp has these functions too."
)
BOOL = (
    "Python decides by a number of the device: if, while, and, or, not, or its own max and min. The host must know the number "
    "first, so it waits. xp.maximum, xp.minimum and xp.where decide on the device."
)
GET = (
    "Numbers are fetched to the host here (.get(), to_host, .tolist()), which waits and copies. The work belongs where they are."
)
PRINT = "A number of the device is printed or written into a text: the host waits to know it."
MASK = (
    "Entries are picked with a mask, x[mask]. How many there are decides the shape of the result, so the host waits to learn it. "
    "To count them, add the mask up; to choose entry by entry there is xp.where."
)
COUNT = "nonzero, unique and their like have a result as long as something is found, so the host waits to learn how long."
INDEX = (
    "An index that lies in the host's memory travels to the device each time (np.arange, a list, a range, an order that was "
    "drawn there). Make it where the others are, or send it once."
)
ASARRAY = "Each call sends an array to the device. It could be made there by xp, or be sent once, before."
SYNCHRONIZE = "To synchronize is to wait: that is for clocks, not for training."
COSTS = {
    "float": FLOAT,
    "bool": BOOL,
    "get": GET,
    "print": PRINT,
    "mask": MASK,
    "count": COUNT,
    "index": INDEX,
    "asarray": ASARRAY,
    "synchronize": SYNCHRONIZE,
}
WRITTEN = "It changes an array that it was given on the device. CuPy says nothing then; NumPy's arrays were closed for writing."
AWAY = "A result is not where the arguments are: a plain number, or an array of the host's. It belongs beside them on the device."
DTYPE = "float32 does not stay float32: an array made without a dtype is float64, and pulls everything along with it."
NAMED = (
    "A device is called by its name here, so it runs there only. The array decides: array_module of an argument, and xp.asarray."
)
DIFFERS = "On the device it gives other numbers than on the host."


def _line(event):
    text = linecache.getline(event.file, event.line).strip()
    return f"line {event.line}:  {text}" if text else f"line {event.line}"


def _told(events):
    """A line for each place in the file, and how often."""
    counted = Counter(map(_line, events))
    return [f"{line}   ({times} times)" if times > 1 else line for line, times in counted.items()]


def _complain(events, sentences=COSTS):
    """Raises Wrong for the first copy or wait."""
    if events:
        raise Wrong("\n".join([sentences[events[0].what], *_told(e for e in events if e.what == events[0].what)]))


@contextlib.contextmanager
def _refusals(function):
    """What a device refuses, as a sentence, with the learner's line; or that there is none of that name."""
    try:
        yield
    except Exception as error:
        if str(error) == gpu_status()[1] or (isinstance(error, ImportError) and error.name == "cupy"):
            raise Wrong(NAMED) from None
        cause = error
        while cause and not isinstance(cause, Refused):  # NumPy may have made an error of its own of it
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise
        file = getattr(getattr(function, "__code__", None), "co_filename", "")
        number = next((n for name, n in reversed(_frames(error)) if name == file), 0)
        text = linecache.getline(file, number).strip()
        raise Wrong("\n".join([str(cause), *([f"line {number}:  {text}"] if text else [])])) from None


def _frames(error):
    step, found = error.__traceback__, []
    while step:
        found.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    return found


def _closed(given):
    """The arguments with arrays that nobody may write into."""
    made = [np.array(value) if isinstance(value, np.ndarray) else value for value in given]
    for value in made:
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return made


def _on_device(function, names, given, stays=(), learners=None):
    """(results of the function on the stand-in as the host's arrays, whether each lay on the device, what it cost). stays: the
    places of arguments that stay on the host; learners: the function whose lines are told, if it is another."""
    with pretended() as counted:
        there = [put(v) if isinstance(v, np.ndarray) and i not in stays else v for i, v in enumerate(given)]
        with _refusals(learners or function):
            found = _results(function(*there), names)
        cupy = array_module(put(np.zeros(1)))
        where = [array_module(value) is cupy for value in found]
        for before, after in zip(given, there, strict=True):  # CuPy's arrays cannot be closed for writing
            if isinstance(before, np.ndarray) and not np.array_equal(before, host(after)):
                raise Wrong(WRITTEN)
        return [np.array(host(value)) for value in found], where, counted


def _on_gpu(function, given, stays=()):
    """The results of the function on a real GPU, as the host's arrays; None where there is none."""
    if not gpu_status()[0]:
        return None
    there = [to_device(v, "gpu") if isinstance(v, np.ndarray) and i not in stays else v for i, v in enumerate(given)]
    return [np.asarray(to_host(value)) for value in function(*there)]


def _alike(names, found, wanted, limit, sentence):
    """Raises Wrong with the worst entry where arrays differ by more than this part of the largest entry."""
    for name, own, right in zip(names, found, wanted, strict=True):
        own, right = np.asarray(own, np.float64), np.asarray(right, np.float64)
        if own.shape != right.shape:
            raise Wrong(f"{name} has another shape on the device: {own.shape}, and {right.shape} on the host.")
        if not np.all(np.abs(own - right) <= limit * np.abs(right).max(initial=1e-30)):
            raise Wrong("\n".join([sentence, *worst_entry(name, own, right, "wanted")]))


def _results(found, names):
    if not isinstance(found, tuple | list) or len(found) != len(names):
        raise Wrong(f"Wanted are {len(names)} results: {', '.join(names)}. Yours gives {kind(found)}.")
    return list(found)


def _values(function, names, cases, right, slips):
    """The results on the host against the right ones, for several arguments; slips(*given): {sentence: what a known slip gives},
    which must fit all that was found, what was right included."""
    every, wrong = [], None
    for given in cases:
        with _refusals(function):
            found, wanted = _results(function(*_closed(given)), names), right(*given)
        if any(array_module(value) is not np for value in found):
            raise Wrong(NAMED)
        for name, own, truth in zip(names, found, wanted, strict=True):
            if np.shape(own) != np.shape(truth):
                raise Wrong(f"{name} has the shape {np.shape(own)}, and should have {np.shape(truth)}.")
        every.append((given, found))
        if wrong is None and not _equal(found, wanted):
            wrong = found, wanted
    if wrong is None:
        return
    with np.errstate(all="ignore"):
        known = [(found, slips(*given)) for given, found in every]
        for sentence in known[0][1]:
            if all(_equal(found, slip[sentence]) for found, slip in known):
                raise Wrong(sentence)
    _alike(names, *wrong, 1e-6, "On the host it gives other numbers than it should.")


def _equal(found, wanted):
    return all(same(np.asarray(own, np.float64), np.asarray(its, np.float64)) for own, its in zip(found, wanted, strict=True))


def _keeps(names, found, counts):
    """counts: the places of what need not be float32."""
    for place, (name, value) in enumerate(zip(names, found, strict=True)):
        if place not in counts and getattr(value, "dtype", None) != np.float32:
            raise Wrong(f"{DTYPE}\n{name} is {kind(value)}")


def _both(function, names, given, counts=()):
    """What both devices give for float32; yields sentences. counts: the places of what need not be float32."""
    rough = [v.astype(np.float32) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v for v in given]
    on_host = _results(function(*_closed(rough)), names)
    on_device, where, counted = _on_device(function, names, rough)
    _complain(counted.events)
    if not all(where):
        raise Wrong(f"{AWAY}\n{', '.join(name for name, there in zip(names, where, strict=True) if not there)}")
    _alike(names, on_device, on_host, 1e-5, DIFFERS)
    yield f"runs on the stand-in for a device: {counted}"
    for results in (on_host, on_device):
        _keeps(names, results, counts)
    yield "float32 stays float32, on both"
    on_gpu = _on_gpu(function, rough)
    if on_gpu is not None:
        _alike(names, on_gpu, on_host, 1e-4, DIFFERS)
        yield f"the same on the {gpu_status()[1]}"


# ---------------------------------------------------------------- softmax_loss

LOSS_NAMES = ("loss", "slopes")


def right_softmax_loss(logits, labels):
    """The loss and its slopes, where the logits are."""
    xp = array_module(logits)
    wanted = (labels[:, None] == xp.arange(logits.shape[-1])).astype(logits.dtype)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))
    return -(log_p * wanted).sum() / len(labels), (xp.exp(log_p) - wanted) / len(labels)


def _known_losses(logits, labels):
    """{sentence: what a known slip gives}."""
    loss, slopes = right_softmax_loss(logits, labels)
    count, e = len(labels), np.exp(logits)
    return {
        SLIP_SUM: (loss * count, slopes),
        SLIP_SLOPES: (loss, slopes * count),
        SLIP_BOTH: (loss * count, slopes * count),
        SLIP_P: (loss, e / e.sum(axis=-1, keepdims=True) / count),
        SLIP_SIGN: (-loss, slopes),
    }


def check_softmax_loss(function, namespace, rng):
    cases = [(2 * rng.standard_normal((size, 4)), rng.integers(4, size=size)) for size in (5, 3)]
    _values(function, LOSS_NAMES, cases, right_softmax_loss, _known_losses)
    logits, labels = cases[0]
    if not all(np.all(np.isfinite(value)) for value in function(*_closed((1e4 * logits, labels)))):
        raise Wrong(OVERFLOW)
    yield "right on the host: loss and slopes, for ordinary and for large scores"
    yield from _both(function, LOSS_NAMES, (logits, labels))


OVERFLOW = "With scores of ±10,000 it is not finite: the largest score of each row is subtracted first."
SLIP_SUM = "The loss is a sum. It is the mean over the batch."
SLIP_SLOPES = "The slopes are B times too large: the loss is a mean, so each image has 1/B of them."
SLIP_BOTH = "Loss and slopes are those of a sum. The mean divides both by B."
SLIP_P = "The slopes are the probabilities alone. Where the right class stands, 1 is taken off (lesson 06)."
SLIP_SIGN = "The loss has the wrong sign: it is minus the logarithm of a probability."
MODULE = "xp = array_module(logits)"
ROWS = "rows = xp.arange(len(labels))"
E = "e = xp.exp(shifted)"
LOSS = "loss = (xp.log(total[:, 0]) - shifted[rows, labels]).mean()"
WANTED = "wanted = xp.zeros(logits.shape, logits.dtype)"
ONE = "wanted[rows, labels] = 1"
SLOPES = "slopes = (e / total - wanted) / len(labels)"
LOSS_MISTAKES = [
    Mistake(INDEX, ROWS, "rows = np.arange(len(labels))"),
    Mistake(INDEX, ROWS, "rows = list(range(len(labels)))"),
    Mistake(IMPLICIT, MODULE, "xp = np"),
    Mistake(ASARRAY, ROWS, "rows = xp.asarray(np.arange(len(labels)))"),
    Mistake(IMPLICIT, WANTED, "wanted = np.zeros(logits.shape, logits.dtype)"),
    Mistake(
        IMPLICIT,
        f"{WANTED}  # (B, K), 1 for the right class\n    {ONE}",
        "wanted = np.eye(logits.shape[-1], dtype=logits.dtype)[labels]",
    ),
    Mistake(
        MIXED,
        f"{WANTED}  # (B, K), 1 for the right class\n    {ONE}",
        "wanted = (labels[:, None] == np.arange(logits.shape[-1])).astype(logits.dtype)",
    ),
    Mistake(MIXED, SLOPES, "slopes = (e / total - wanted) / np.array(len(labels), logits.dtype)"),
    Mistake(FLOAT, LOSS, f"{LOSS}\n    loss = float(loss)"),
    Mistake(FLOAT, LOSS, f"{LOSS}\n    loss = loss.item()"),
    Mistake(FLOAT, LOSS, f"{LOSS}\n    loss = xp.asarray(float(loss), dtype=logits.dtype)"),
    Mistake(BOOL, LOSS, f'{LOSS}\n    if not xp.isfinite(loss):\n        raise ValueError("no number")'),
    Mistake(PRINT, LOSS, f"{LOSS}\n    str(loss)"),
    Mistake(
        GET,
        MODULE,
        "xp = np\n    logits, labels = (x.get() if hasattr(x, 'get') else x for x in (logits, labels))",
    ),
    Mistake(
        MASK,
        LOSS,
        "right = labels[:, None] == xp.arange(logits.shape[-1])\n    loss = (xp.log(total[:, 0]) - shifted[right]).mean()",
    ),
    Mistake(
        COUNT,
        ONE,
        "wanted[xp.nonzero(labels[:, None] == xp.arange(logits.shape[-1]))] = 1",
    ),
    Mistake(NAMED, MODULE, 'logits, labels = to_device(logits, "gpu"), to_device(labels, "gpu")\n    xp = array_module(logits)'),
    Mistake(DTYPE, WANTED, "wanted = xp.zeros(logits.shape)"),
    Mistake(SLIP_SUM, LOSS, LOSS.replace(".mean()", ".sum()")),
    Mistake(SLIP_SLOPES, SLOPES, "slopes = e / total - wanted"),
    Mistake(SLIP_P, SLOPES, "slopes = e / total / len(labels)"),
    Mistake(
        SLIP_SIGN,
        LOSS,
        LOSS.replace("(xp.log(total[:, 0]) - shifted[rows, labels])", "(shifted[rows, labels] - xp.log(total[:, 0]))"),
    ),
    Mistake(OVERFLOW, "shifted = logits - logits.max(axis=-1, keepdims=True)", "shifted = logits - 0"),
    Mistake("", E, "logits -= 0\n    e = xp.exp(shifted)", step="inputs"),
]

# ---------------------------------------------------------------- step

STEP_NAMES = ("weight", "bias", "loss", "hits")


def right_step(weight, bias, images, labels, lr, clip=1.0, norm_of=None):
    """A step, on both devices; norm_of(dweight, dbias, norm) gives two other factors, for known slips."""
    xp = array_module(images)
    logits = images @ weight + bias
    loss, slopes = right_softmax_loss(logits, labels)
    dweight, dbias = images.T @ slopes, slopes.sum(axis=0)
    norm = xp.sqrt((dweight * dweight).sum() + (dbias * dbias).sum())
    shrink = norm_of(dweight, dbias, norm) if norm_of else (clip / xp.maximum(norm, clip),) * 2
    hits = (logits.argmax(axis=-1) == labels).sum()
    return weight - lr * shrink[0] * dweight, bias - lr * shrink[1] * dbias, loss, hits


def _step_cases(rng):
    """[arguments]: one that is clipped, one that is not and where all images are read right, one image."""
    made = []
    for size, scale, clip in ((7, 3.0, 0.5), (6, 0.5, 100.0), (1, 1.0, 1.0)):
        images, labels = scale * rng.standard_normal((size, 5)), rng.integers(4, size=size)
        weight, bias = rng.standard_normal((5, 4)), rng.standard_normal(4)
        if clip > 1:
            labels = (images @ weight + bias).argmax(axis=-1)
        made.append((weight, bias, images, labels, 0.3, clip))
    return made


@contextlib.contextmanager
def _calling(function, namespace, **others):
    """The function with the course's own in place of what it calls: each task is checked by itself."""
    with mock.patch.dict(namespace, others), mock.patch.dict(getattr(function, "__globals__", namespace), others):
        yield


def _known_steps(*given):
    """{sentence: what a known slip gives}."""
    weight, bias, images, labels, lr, clip = given

    def limited(top):
        return clip / np.maximum(top, clip)

    slope = right_softmax_loss(images @ weight + bias, labels)[1]
    number = [np.clip(g, -clip, clip) for g in (images.T @ slope, slope.sum(axis=0))]
    _, _, loss, hits = right_step(*given)
    logits = images @ weight + bias
    up = right_step(*given[:4], -lr, clip)
    return {
        STEP_NOT_CLIPPED: right_step(*given, norm_of=lambda w, b, n: (1.0, 1.0)),
        STEP_ALWAYS: right_step(*given, norm_of=lambda w, b, n: (clip / n, clip / n)),
        STEP_TWO_NORMS: right_step(
            *given, norm_of=lambda w, b, n: (limited(math.sqrt((w * w).sum())), limited(math.sqrt((b * b).sum())))
        ),
        STEP_SQUARE: right_step(*given, norm_of=lambda w, b, n: (limited(n * n),) * 2),
        STEP_LARGER: right_step(*given, norm_of=lambda w, b, n: (clip / np.minimum(n, clip),) * 2),
        STEP_UPSIDE: right_step(*given, norm_of=lambda w, b, n: (np.maximum(n, clip) / clip,) * 2),
        STEP_EACH: (weight - lr * number[0], bias - lr * number[1], loss, hits),
        STEP_UPHILL: (*up[:2], loss, hits),
        STEP_SHARE: (*right_step(*given)[:3], hits / len(labels)),
        STEP_MISSES: (*right_step(*given)[:3], len(labels) - hits),
        STEP_COLUMNS: (*right_step(*given)[:3], _by_columns(logits, labels)),
    }


def _by_columns(logits, labels):
    return (logits.argmax(axis=0)[: len(labels)] == labels[: logits.shape[1]]).sum()


def check_step(function, namespace, rng):
    cases = _step_cases(rng)
    with _calling(function, namespace, softmax_loss=right_softmax_loss):
        _values(function, STEP_NAMES, cases, right_step, _known_steps)
        weight, _, images, *rest = cases[0]
        sure = np.zeros_like(weight), np.array([1e4, 0, 0, 0]), images, np.zeros(len(images), int), *rest[1:]
        if not all(np.all(np.isfinite(a)) for a in function(*_closed(sure))):
            raise Wrong(STEP_STILL)
        yield "right on the host: clipped, not clipped, for one image, and where there is no gradient"
        yield from _both(function, STEP_NAMES, cases[0], counts=(3,))
        on_device, _, counted = _on_device(function, STEP_NAMES, cases[1])
        _complain(counted.events)
        _alike(STEP_NAMES, on_device, right_step(*cases[1]), 1e-6, DIFFERS)
        yield "nobody waits, whether it is clipped or not"


STEP_STILL = "Where there is no gradient its norm is 0, and something is divided by it."
STEP_NOT_CLIPPED = "The gradients are not clipped: where their norm is larger than clip, both shrink to it."
STEP_ALWAYS = "The gradients are scaled to the norm clip even where they are smaller. Only what is longer is shortened."
STEP_TWO_NORMS = "Each gradient is clipped by a norm of its own. It is one norm, over all numbers of both."
STEP_SQUARE = "The root is missing: the norm is the root of the sum of the squares."
STEP_LARGER = "It is the wrong way round: the smaller one of norm and clip stands below the line, so short gradients grow."
STEP_UPSIDE = "The factor is upside down: long gradients become longer."
STEP_EACH = "Each number is clipped by itself. That turns the direction; a factor for all keeps it (lesson 15)."
STEP_UPHILL = "The step goes uphill: the gradient is subtracted."
STEP_SHARE = "hits is a share. How many are right is a whole number; the epoch divides, once."
STEP_MISSES = "hits counts the images that were read wrong."
STEP_COLUMNS = "argmax runs over the images. The answer for an image is the place of the largest score in its row."
NORM = "norm = xp.sqrt((dweight * dweight).sum() + (dbias * dbias).sum())"
SHRINK = "shrink = clip / xp.maximum(norm, clip)"
HITS = "hits = (logits.argmax(axis=-1) == labels).sum()"
CALL = "loss, slopes = softmax_loss(logits, labels)"
RETURN = "return weight - lr * shrink * dweight, bias - lr * shrink * dbias, loss, hits"
STEP_MISTAKES = [
    Mistake(FLOAT, NORM, "norm = math.sqrt((dweight * dweight).sum() + (dbias * dbias).sum())"),
    Mistake(FLOAT, NORM, f"{NORM}\n    norm = float(norm)"),
    Mistake(FLOAT, CALL, f"{CALL}\n    loss = float(loss)"),
    Mistake(FLOAT, HITS, f"{HITS}\n    hits = int(hits)"),
    Mistake(FLOAT, RETURN, RETURN.replace("loss, hits", "loss.item(), hits")),
    Mistake(BOOL, SHRINK, "shrink = clip / norm if norm > clip else 1.0"),
    Mistake(BOOL, SHRINK, "shrink = 1.0\n    if norm > clip:\n        shrink = clip / norm"),
    Mistake(BOOL, SHRINK, "shrink = clip / max(norm, clip)"),
    Mistake(MASK, HITS, "hits = xp.asarray(len(labels[logits.argmax(axis=-1) == labels]))"),
    Mistake(MASK, HITS, "hits = xp.ones_like(labels)[logits.argmax(axis=-1) == labels].sum()"),
    Mistake(COUNT, HITS, "hits = xp.asarray(len(xp.nonzero(logits.argmax(axis=-1) == labels)[0]))"),
    Mistake(BOOL, HITS, "hits = xp.asarray(sum(1 for right in logits.argmax(axis=-1) == labels if right))"),
    Mistake(
        GET,
        HITS,
        "read = logits.argmax(axis=-1)\n    hits = xp.asarray(sum(a == b for a, b in zip(read.tolist(), labels.tolist())))",
    ),
    Mistake(IMPLICIT, HITS, "hits = (np.asarray(logits).argmax(axis=-1) == labels).sum()"),
    Mistake(MIXED, "logits = images @ weight + bias", "logits = images @ weight + np.ones(len(labels))[:, None] * bias"),
    Mistake(PRINT, CALL, f'{CALL}\n    f"loss {{loss:.3f}}"'),
    Mistake(SYNCHRONIZE, CALL, f"{CALL}\n    if xp is not np:\n        xp.cuda.Device().synchronize()"),
    Mistake(ASARRAY, SHRINK, "lr = xp.asarray([lr], dtype=weight.dtype)\n    shrink = clip / xp.maximum(norm, clip)"),
    Mistake(STEP_NOT_CLIPPED, SHRINK, "shrink = 1.0"),
    Mistake(STEP_ALWAYS, SHRINK, "shrink = clip / norm"),
    Mistake(STEP_STILL, SHRINK, "shrink = xp.where(norm > clip, 1, norm / norm) * clip / xp.maximum(norm, clip)"),
    Mistake(
        STEP_TWO_NORMS,
        f"{NORM}\n    {SHRINK}",
        "norms = [xp.sqrt((g * g).sum()) for g in (dweight, dbias)]\n"
        "    dweight, dbias = (g * (clip / xp.maximum(n, clip)) for g, n in zip((dweight, dbias), norms))\n    shrink = 1",
    ),
    Mistake(STEP_SQUARE, NORM, "norm = (dweight * dweight).sum() + (dbias * dbias).sum()"),
    Mistake(STEP_LARGER, SHRINK, "shrink = clip / xp.minimum(norm, clip)"),
    Mistake(STEP_UPSIDE, SHRINK, "shrink = xp.maximum(norm, clip) / clip"),
    Mistake(STEP_EACH, SHRINK, "dweight, dbias = (xp.clip(g, -clip, clip) for g in (dweight, dbias))\n    shrink = 1"),
    Mistake(STEP_UPHILL, RETURN, "return weight + lr * shrink * dweight, bias + lr * shrink * dbias, loss, hits"),
    Mistake(STEP_SHARE, HITS, HITS.replace(".sum()", ".mean()")),
    Mistake(STEP_MISSES, HITS, HITS.replace("==", "!=")),
    Mistake(
        "",
        RETURN,
        "weight -= lr * shrink * dweight\n    bias -= lr * shrink * dbias\n    return weight, bias, loss, hits",
        step="inputs",
    ),
]

# ---------------------------------------------------------------- epoch

EPOCH_NAMES = ("weight", "bias", "mean loss", "share")
RATE, SIZE = 0.5, 4


def _epoch_case(rng, count=22):
    images, labels = rng.standard_normal((count, 5)).astype(np.float32), rng.integers(3, size=count)
    return np.zeros((5, 3), np.float32), rng.standard_normal(3).astype(np.float32), images, labels


def right_epoch(weight, bias, images, labels, order, size, last=None):
    """([weight, bias, mean loss, share], [loss of each batch], [its size])."""
    losses, hits, sizes = [], 0, []
    for start in range(0, len(order), size)[:last]:
        chosen = order[start : start + size]
        weight, bias, loss, right = right_step(weight, bias, images[chosen], labels[chosen], RATE)
        losses, hits, sizes = [*losses, float(loss)], hits + int(right), [*sizes, len(chosen)]
    mean = sum(a * b for a, b in zip(losses, sizes, strict=True)) / len(images)
    return [weight, bias, mean, hits / len(images)], losses, sizes


def _known_epochs(case, seed):
    """{sentence: what a known slip gives}."""
    images = case[2]
    order = np.random.default_rng(seed).permutation(len(images))
    right, losses, _ = right_epoch(*case, order, SIZE)
    weight, bias, mean, share = right
    cut, *_ = right_epoch(*case, order, SIZE, last=len(images) // SIZE)
    straight, *_ = right_epoch(*case, np.arange(len(images)), SIZE)
    return {
        EPOCH_MEANS: (weight, bias, sum(losses) / len(losses), share),
        EPOCH_SUM: (weight, bias, mean * len(images), share),
        EPOCH_LAST_LOSS: (weight, bias, losses[-1], share),
        EPOCH_COUNT: (weight, bias, mean, share * len(images)),
        EPOCH_STEPS: (weight, bias, mean, share * len(images) / len(losses)),
        EPOCH_CUT: cut,
        EPOCH_ORDER: straight,
        EPOCH_LOST: (*case[:2], *_standing(case, order)),
    }


def _standing(case, order):
    """(mean loss, share) where every step begins at the same weights."""
    weight, bias, images, labels = case
    _, _, loss, hits = right_step(weight, bias, images[order], labels[order], RATE)
    return float(loss), int(hits) / len(images)


def check_epoch(function, namespace, rng):
    seed, case = int(rng.integers(1000)), _epoch_case(rng)
    order = np.random.default_rng(seed).permutation(len(case[2]))
    wanted, *_ = right_epoch(*case, order, SIZE)
    with _calling(function, namespace, step=right_step):
        one_left = _epoch_case(rng, 2 * SIZE + 1)
        alone = np.random.default_rng(seed).permutation(2 * SIZE + 1)

        def on_host(weight, bias, images, labels):
            return function(weight, bias, images, labels, np.random.default_rng(seed), RATE, SIZE)

        with _refusals(function):
            found = _results(on_host(*_closed(case)), EPOCH_NAMES)
        if any(array_module(value) is not np for value in found):
            raise Wrong(NAMED)
        _epoch_values(found, wanted, _known_epochs(case, seed))
        found = _results(on_host(*_closed(one_left)), EPOCH_NAMES)
        _epoch_values(found, right_epoch(*one_left, alone, SIZE)[0], _known_epochs(one_left, seed))
        yield "right on the host: every image once, in the order drawn, the last batch smaller"
        yield from _on_the_device(function, case, seed, wanted)
        on_gpu = _on_gpu(on_host, case, stays=(2, 3))
        if on_gpu is not None:
            _alike(EPOCH_NAMES, on_gpu, wanted, 1e-4, DIFFERS)
            yield f"the same on the {gpu_status()[1]}"


def _epoch_values(found, wanted, slips):
    if any(not np.allclose(np.asarray(a, np.float64), b, rtol=1e-4, atol=1e-5) for a, b in zip(found, wanted, strict=True)):
        for sentence, slip in slips.items():
            if all(
                np.shape(a) == np.shape(b) and np.allclose(np.asarray(a, np.float64), b, rtol=1e-4, atol=1e-5)
                for a, b in zip(found, slip, strict=True)
            ):
                raise Wrong(sentence)
        _alike(EPOCH_NAMES, found, wanted, 1e-4, "On the host it gives other numbers than it should.")


def _on_the_device(function, case, seed, wanted):
    """The epoch on the stand-in, with few and with many steps: copies and waits must not become more."""
    costs = []
    for size in (11, SIZE, 2):

        def run(weight, bias, images, labels, size=size):
            return function(weight, bias, images, labels, np.random.default_rng(seed), RATE, size)

        found, where, counted = _on_device(run, EPOCH_NAMES, case, stays=(2, 3), learners=function)
        costs.append(counted)
        if size == SIZE:
            if where[2] or where[3]:
                raise Wrong(EPOCH_ARRAYS)
            if not (where[0] and where[1]):
                raise Wrong(f"{AWAY}\nweight and bias stay where they were")
            if not np.allclose(found[0], wanted[0], rtol=1e-3, atol=1e-4):
                raise Wrong(EPOCH_DICE if counted.drawn else DIFFERS)
            _alike(EPOCH_NAMES, found, wanted, 1e-4, DIFFERS)
    few, middle, many = costs
    more = Counter(map(_key, many.events)) - Counter(map(_key, few.events))
    if len(many.events) > len(few.events):
        grown = [event for event in many.events if _key(event) in more]
        _complain(sorted(grown, key=lambda event: event.what == "asarray"), EPOCH_COSTS)
    sent = sum(event.up for event in many.events)
    most = sum(a.nbytes for a in case[2:]) + 8 * len(case[2]) + 64
    if sent > 1.25 * most or len(middle.copies) > 8:
        raise Wrong(f"{EPOCH_TWICE}\n{middle}")
    yield f"on the stand-in, 2 steps: {few}"
    yield f"and 11 steps, with as many copies and waits: {many}"


def _key(event):
    return event.what, event.file, event.line


IN_THE_LOOP = "In the loop: so it costs as much again in every step. "
EPOCH_COSTS = {
    **COSTS,
    "float": IN_THE_LOOP + FLOAT,
    "bool": IN_THE_LOOP + BOOL,
    "get": IN_THE_LOOP + GET,
    "print": IN_THE_LOOP + PRINT,
    "index": IN_THE_LOOP + INDEX,
    "asarray": IN_THE_LOOP
    + "Images, labels or order are sent to the device batch by batch. Send each as a whole, before the loop.",
    "synchronize": IN_THE_LOOP + SYNCHRONIZE,
}
EPOCH_MEANS = (
    "The mean loss is the mean of the batches' means. The last batch is smaller: each loss counts as often as its batch has "
    "images."
)
EPOCH_SUM = "The loss is a sum over all images. Wanted is its mean."
EPOCH_LAST_LOSS = "The mean loss is that of the last batch."
EPOCH_COUNT = "The share is a count: divide it by the number of images."
EPOCH_STEPS = "The share is divided by the number of steps. It is a share of the images."
EPOCH_CUT = (
    "The images that are left over at the end are dropped: the last batch is smaller, and belongs to the epoch all the same."
)
EPOCH_ORDER = "The images come as they stand. The order is the one that the rng draws: its permutation of N."
EPOCH_LOST = "Every step begins at the weights that came in: those that step gives back are the next one's."
EPOCH_ARRAYS = (
    "Mean loss and share come back as arrays of the device. At the end of the epoch, and only there, they become numbers."
)
EPOCH_DICE = (
    "On the device the images come in another order than on the host: other random numbers. Draw the order on the host, with "
    "the rng that is passed in, and send it."
)
EPOCH_TWICE = "More travels than needs to: images, labels and order once over, the two numbers back."
SENT = "images, labels, order = (xp.asarray(x) for x in (images, labels, rng.permutation(len(images))))"
SENT_BUT_ORDER = "images, labels, order = xp.asarray(images), xp.asarray(labels), rng.permutation(len(images))"
CHOSEN = "chosen = order[start : start + batch_size]"
STEP = "weight, bias, loss, hits = step(weight, bias, images[chosen], labels[chosen], lr)"
ADD = "loss_sum = loss_sum + loss * len(chosen)"
BACK = "mean_loss, share = float(loss_sum) / len(images), int(right) / len(images)"
RANGE = "for start in range(0, len(images), batch_size):"
BATCH = "images[chosen], labels[chosen]"
BODY = f"{SENT}\n    loss_sum, right = 0, 0\n    {RANGE}\n        {CHOSEN}  # (B,)\n        {STEP}"
EPOCH_MISTAKES = [
    Mistake(EPOCH_COSTS["float"], ADD, "loss_sum = loss_sum + float(loss) * len(chosen)"),
    Mistake(EPOCH_COSTS["float"], ADD, "loss_sum = loss_sum + loss.item() * len(chosen)"),
    Mistake(EPOCH_COSTS["float"], "right = right + hits", "right = right + int(hits)"),
    Mistake(
        EPOCH_COSTS["get"],
        ADD,
        "loss_sum = loss_sum + (loss.get() if hasattr(loss, 'get') else loss) * len(chosen)",
    ),
    Mistake(EPOCH_COSTS["bool"], ADD, f'if xp.isnan(loss):\n            raise ValueError("no number")\n        {ADD}'),
    Mistake(EPOCH_COSTS["print"], ADD, f'f"loss {{loss:.3f}}"\n        {ADD}'),
    Mistake(
        EPOCH_COSTS["asarray"],
        BODY,
        BODY.replace(SENT, "order = rng.permutation(len(images))").replace(
            BATCH, "xp.asarray(images[chosen]), xp.asarray(labels[chosen])"
        ),
    ),
    Mistake(
        EPOCH_COSTS["asarray"],
        BODY,
        BODY.replace(SENT, SENT_BUT_ORDER).replace(CHOSEN, "chosen = xp.asarray(order[start : start + batch_size])"),
    ),
    Mistake(EPOCH_COSTS["index"], SENT, SENT_BUT_ORDER),
    Mistake(EPOCH_COSTS["get"], CHOSEN, "chosen = order[start : start + batch_size].tolist()"),
    Mistake(EPOCH_COSTS["synchronize"], ADD, f"if xp is not np:\n            xp.cuda.Device().synchronize()\n        {ADD}"),
    Mistake(
        EPOCH_DICE,
        SENT,
        "images, labels = xp.asarray(images), xp.asarray(labels)\n"
        "    order = rng.permutation(len(images)) if xp is np else xp.random.permutation(len(images))",
    ),
    Mistake(EPOCH_ARRAYS, BACK, "mean_loss, share = loss_sum / len(images), right / len(images)"),
    Mistake(MIXED, SENT, "images, labels, order = (np.asarray(x) for x in (images, labels, rng.permutation(len(images))))"),
    Mistake(EPOCH_MEANS, f"{ADD}\n", "loss_sum = loss_sum + loss * len(images) / -(-len(images) // batch_size)\n"),
    Mistake(EPOCH_SUM, BACK, "mean_loss, share = float(loss_sum), int(right) / len(images)"),
    Mistake(EPOCH_LAST_LOSS, BACK, "mean_loss, share = float(loss), int(right) / len(images)"),
    Mistake(EPOCH_COUNT, BACK, "mean_loss, share = float(loss_sum) / len(images), int(right)"),
    Mistake(EPOCH_STEPS, BACK, "mean_loss, share = float(loss_sum) / len(images), int(right) / -(-len(images) // batch_size)"),
    Mistake(EPOCH_CUT, RANGE, "for start in range(0, len(images) - batch_size + 1, batch_size):"),
    Mistake(EPOCH_ORDER, "rng.permutation(len(images))", "np.arange(len(images))"),
    Mistake(EPOCH_LOST, STEP, "_, _, loss, hits = step(weight, bias, images[chosen], labels[chosen], lr)"),
]

# ---------------------------------------------------------------- seconds_of

NO_SYNC = (
    "The clock is read while the device is still at work: this is how long it took to hand the orders over. Wait until it is "
    "done before you look."
)
NOT_EMPTY = (
    "When the clock starts, the device has still the first call to do, and its time is counted with the rest. Wait before you "
    "look."
)
COMPILED = "The first call is among those that are measured: it compiles its kernels. Call once before, outside."
EACH_TIME = (
    "There is a wait after each call. Then the launches are no longer hidden behind the work, and you measure something else "
    "than a training does. Wait once, after the last."
)
NOT_DIVIDED = "That is how long all calls took together. Divide by how many there were."
WRONG_CLOCK = "The time does not come from the clock that was passed in: does your code use another?"
WRONG_COUNT = "What is divided by is not the number of calls that were measured: the one before them does not count."
BACKWARDS = "The time is negative: later minus earlier."
NEVER = "function is never called while the clock runs."
HAND_COST, COMPILE = 5e-6, 0.25


class _Work:
    """A function whose calls take time on a Queue: the first one compiles. Notes every call, wait and look at the clock."""

    def __init__(self, kernels, seconds, fetch=0.0):
        self.queue, self.kernels, self.seconds, self.events, self.fetch = Queue(HAND_COST), kernels, seconds, [], fetch

    def __call__(self):
        if "call" not in self.events:
            self.queue.now += COMPILE
        self.events.append("call")
        for _ in range(self.kernels):
            self.queue.launch(self.seconds)

    def clock(self):
        self.events.append("look")
        return self.queue.clock()

    def synchronize(self):
        self.events.append("wait")
        self.queue.synchronize()
        self.queue.now += self.fetch


def check_seconds(function, namespace, rng):
    for what, kernels, seconds, repeats in (
        ("a step of 20 kernels that take 200 µs each", 20, 2e-4, 10),
        ("one kernel of 3 ms, called four times", 1, 3e-3, 4),
        ("500 kernels of 1 µs, where handing over takes longer than the work", 500, 1e-6, 3),
        ("a single call", 3, 1e-3, 1),
    ):
        work = _Work(kernels, seconds)
        found = function(work, work.clock, work.synchronize, repeats)
        if not isinstance(found, int | float | np.floating):
            raise Wrong(f"One number of seconds is wanted, and this is {kind(found)}.")
        wanted = HAND_COST + kernels * repeats * seconds if seconds > HAND_COST else HAND_COST * kernels * repeats + seconds
        wanted /= repeats
        if not math.isclose(found, wanted, rel_tol=1e-6):
            raise Wrong(f"{_why(work, found, wanted, repeats)}\n{what}: yours {1e3 * found:.4g} ms, right {1e3 * wanted:.4g} ms")
        if _each(work.events):
            raise Wrong(EACH_TIME)
        yield what
    took = function(lambda: time.sleep(1e-4), time.perf_counter, lambda: None, 3)
    yield f"and on the host's own clock: {1e3 * took:.2f} ms for a tenth of a millisecond's sleep"


def _between(events):
    """What happened between the looks that count: the last two."""
    looks = [i for i, event in enumerate(events) if event == "look"]
    return events[looks[-2] + 1 : looks[-1]] if len(looks) > 1 else []


def _each(events):
    return _between(events).count("wait") > 1


def _why(work, found, wanted, repeats):
    """The sentence for a wrong time, from what was seen."""
    events = work.events
    looks = [i for i, event in enumerate(events) if event == "look"]
    if len(looks) < 2:
        return WRONG_CLOCK
    measured = events[looks[0] : looks[-1]]
    calls = measured.count("call")
    if calls == 0:
        return NEVER
    if found < 0:
        return BACKWARDS
    if "call" not in events[: looks[0]] and len(looks) == 2:
        return COMPILED
    if events[looks[-1] - 1] != "wait" and len(looks) == 2:
        return NO_SYNC
    if math.isclose(found, wanted * repeats, rel_tol=1e-6) and repeats > 1:
        return NOT_DIVIDED
    if len(looks) > 2 or measured.count("wait") > 1:
        return EACH_TIME
    if events[looks[0] - 1] != "wait":
        return NOT_EMPTY
    return WRONG_COUNT


WARM = "function()\n    synchronize()\n    start = clock()"
LOOP = "for _ in range(repeats):\n        function()\n    synchronize()\n    seconds = (clock() - start) / repeats"
SECONDS_MISTAKES = [
    Mistake(NO_SYNC, LOOP, LOOP.replace("    synchronize()\n", "")),
    Mistake(
        NO_SYNC,
        LOOP,
        "for _ in range(repeats):\n        function()\n    stop = clock()\n    synchronize()\n    seconds = (stop - start) / "
        "repeats",
    ),
    Mistake(NOT_EMPTY, WARM, "function()\n    start = clock()"),
    Mistake(COMPILED, WARM, "synchronize()\n    start = clock()"),
    Mistake(COMPILED, WARM, "start = clock()\n    function()\n    synchronize()"),
    Mistake(
        EACH_TIME,
        LOOP,
        "for _ in range(repeats):\n        function()\n        synchronize()\n    seconds = (clock() - start) / repeats",
    ),
    Mistake(
        EACH_TIME,
        LOOP,
        "total = 0\n    for _ in range(repeats):\n        start = clock()\n        function()\n        synchronize()\n"
        "        total += clock() - start\n    seconds = total / repeats",
    ),
    Mistake(NOT_DIVIDED, LOOP, LOOP.replace(" / repeats", "")),
    Mistake(WRONG_COUNT, LOOP, LOOP.replace(" / repeats", " / (repeats + 1)")),
    Mistake(WRONG_CLOCK, f"{WARM}\n    {LOOP}", f"{WARM}\n    {LOOP}".replace("clock()", "time.perf_counter()")),
    Mistake(BACKWARDS, LOOP, LOOP.replace("(clock() - start)", "(start - clock())")),
    Mistake(
        NEVER,
        LOOP,
        "stop = clock()\n    for _ in range(repeats):\n        function()\n    synchronize()\n    seconds = (stop - start) / "
        "repeats",
    ),
]

EXERCISES = [
    Exercise(
        "softmax_loss",
        check=check_softmax_loss,
        mistakes=LOSS_MISTAKES,
        hints={
            "": (
                "Go through it line by line and ask: is there an array among the arguments? Where there is none, who decides "
                "in whose memory the result is made?",
                "Two lines make an array out of sizes alone, one makes a Python number, and one would be fine but reads "
                "better if it is like the others. One more line on top gives a name to the library of logits.",
                "array_module takes any of the arrays. Then np becomes xp: where rows and wanted are made it has to, for exp "
                "and log it may. float goes: an array of one number is what is asked for.",
            )
        },
        read={"": "The array decides"},
    ),
    Exercise(
        "step",
        check=check_step,
        mistakes=STEP_MISTAKES,
        hints={
            "": (
                "Four lines want to know a number: a function of math, an if, a mask, and one that says so. What does the "
                "section above give for each?",
                "The root is there in xp as well. The if becomes a division by the larger one of two. Comparing gives an "
                "array of True and False, and those can be added up.",
                "norm: the same line with xp in front of sqrt. The three lines with the factor become one: clip over xp's "
                "maximum of norm and clip, without any if. hits: compare, then .sum(), with no square brackets. And loss "
                "stays as it came.",
            )
        },
        read={"": "Nobody waits"},
    ),
    Exercise(
        "epoch",
        check=check_epoch,
        mistakes=EPOCH_MISTAKES,
        hints={
            "": (
                "Three parts: what goes over before the first step, the loop, what comes back after the last. Which arrays go "
                "over?",
                "Images, labels and the order, each with xp.asarray, where xp is the library of weight. In the loop a slice "
                "of the order picks images and labels: nothing travels. Two sums grow on the device.",
                "As lesson 07's epoch, with these differences: the order is sent; loss times the size of its batch is added "
                "to a sum that begins at the plain number 0, and so are the hits; float and int come once each, below the "
                "loop, before the division by the number of images.",
            )
        },
        read={"": "Travel once"},
    ),
    Exercise(
        "seconds_of",
        check=check_seconds,
        mistakes=SECONDS_MISTAKES,
        hints={
            "": (
                "There are three rules above, in the order in which you need them.",
                "What comes before the first look at the clock: one call, and something that makes sure it is over. What "
                "comes before the second look: all the calls, and the same again.",
                "Call; wait; look; call as often as asked in a loop; wait, after the loop and not in it; look again. The "
                "difference, divided by the number of calls in the loop.",
            )
        },
        read={"": "A clock that tells the truth"},
    ),
]

QUIZ = [
    Question(
        "for x, t in batches: loss = step(xp.asarray(x), xp.asarray(t)); total += float(loss). How often does somebody wait "
        "in an epoch of 100 steps?",
        ("Never", "Once, at the end", "100 times", "300 times"),
        2,
        "float waits in every step. asarray copies, twice a step, which costs as well, but the host need not know any number "
        "for it.",
    ),
    Question(
        "x is on the device. Which of these makes an array in the host's memory?",
        ("np.zeros_like(x)", "np.exp(x)", "np.zeros(len(x))", "x.mean()"),
        2,
        "It has a plain number for its argument: there is no array that could be asked where. The others have x.",
    ),
    Question(
        "Somebody measures 80 µs for a step of a large ViT on a GPU, whatever the size of the batch. What do you say?",
        (
            "A GPU does everything at once, so that is possible",
            "The clock was read before the device was done",
            "The first call was measured",
            "The batch was not sent to the device",
        ),
        1,
        "That is the time for handing over the orders. With synchronize before the second look, it grows with the batch.",
    ),
    Question(
        "Why does x[x > 0] wait, and xp.where(x > 0, x, 0) not?",
        (
            "where is compiled, and an index is not",
            "The first has to know how many are above 0: that is its shape",
            "The mask is copied to the host, to be read there",
            "Both wait",
        ),
        1,
        "The host needs the shape before it can hand over the next kernel. With where, the shape is that of x, which it knows.",
    ),
    Question(
        "A model of 2,048 numbers between its layers is slower on the GPU than on the CPU. What helps?",
        ("A faster GPU", "Fewer waits only", "More numbers at once: a larger batch", "float64"),
        2,
        "Each launch costs 5 µs, however little there is to do. A batch 100 times as large takes hardly longer; so would "
        "fewer, larger kernels.",
    ),
]
