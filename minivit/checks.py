"""What comes from outside: what each number may be, and one sentence for what it may not. NumPy's numbers are numbers, and are
given back as Python's, so that JSON can hold them; True and False are none."""

import math
import sys

import numpy as np

from .backend import array_module

YES_OR_NO = {False: False, True: True}  # of `choice`


def plain(value):
    """NumPy's number as the Python number that it is; anything else as it is."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def shown(value):
    """A value for a sentence: NumPy's numbers without their type, and nothing over a line."""
    text = repr(plain(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def whole(name, value, least=1, most=math.inf):
    """A whole number as an int. A ValueError says which numbers may stand there."""
    found = plain(value)
    is_whole = isinstance(found, int) and not isinstance(found, bool)
    if is_whole and least <= found <= most:
        return found
    limits = f"at least {least}" + (f" and at most {most:,}" if most < math.inf else "")
    raise ValueError(f"{name} is {shown(value)}; it must be {limits if is_whole else f'a whole number, {limits}'}")


def number(name, value, above=None, below=math.inf, most=math.inf):
    """A finite number, a float or an int, that is not negative (above `above`, if that is given), below `below` and at most
    `most`. A ValueError says which numbers may stand there."""
    found = plain(value)
    real = (
        isinstance(found, int | float) and not isinstance(found, bool) and abs(found) <= sys.float_info.max
    )  # no NaN, no infinity
    if real and found >= 0 and (above is None or found > above) and found < below and found <= most:
        return found
    limits = "that is not negative" if above is None else f"above {above}"
    limits = f"that is at least 0 and below {below}" if below < math.inf else limits
    limits = f"that is at least 0 and at most {most}" if most < math.inf else limits
    raise ValueError(f"{name} is {shown(value)}; it must be a number {limits}")


def pair(name, value):
    """One or two whole numbers above 0, a size or (height, width), as a tuple of two."""
    try:
        first, second = value if isinstance(value, tuple | list) else (value, value)
        return whole(name, first), whole(name, second)
    except ValueError:
        raise ValueError(f"{name} is {shown(value)}; it must be one or two whole numbers above 0") from None


def choice(name, value, choices):
    """choices[value]; a ValueError lists them."""
    try:
        return choices[value]
    except (KeyError, TypeError):
        raise ValueError(f"{name} is {shown(value)}; choose one of {', '.join(map(str, choices))}") from None


def random_numbers(rng):
    """A numpy Generator: the one that is given, or one that begins at an int, a seed, or at several."""
    try:
        if rng is not None and not isinstance(rng, bool):
            return np.random.default_rng(rng)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"random numbers come from a Generator, np.random.default_rng(0), or an int as its seed; got {shown(rng)}")


def generator(name, rng):
    """A numpy Generator, or a ValueError."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"{name} is {shown(rng)}; it must be a numpy Generator, like np.random.default_rng(0)")
    return rng


def check_labels(labels, batch, classes):
    """Labels are whole numbers from 0 to classes - 1, one an image; otherwise a ValueError names the first that is not."""
    labels = np.asarray(labels)
    if labels.shape != (batch,) or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be {batch} whole numbers, one an image; got shape {labels.shape} and dtype {labels.dtype}")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise ValueError(f"labels[{wrong[0]}] is {labels[wrong[0]]}, but with {classes} classes a label is 0 to {classes - 1}")


def check_targets(targets, batch, classes):
    """Targets (batch, classes) are probabilities, a row an image; otherwise a ValueError names the first row that is not."""
    if targets.shape != (batch, classes):
        raise ValueError(f"targets must be {batch} rows of {classes} probabilities, one row an image; got shape {targets.shape}")
    sums = targets.sum(axis=-1, dtype=np.float64)
    wrong = np.flatnonzero(~(np.abs(sums - 1) <= 1e-4) | (targets < 0).any(axis=-1))  # written so that NaN is wrong
    if len(wrong):
        row = wrong[0]
        raise ValueError(
            f"targets[{row}] sums to {sums[row]:g} and its smallest entry is {targets[row].min():g}; a row of targets is "
            "probabilities: none is negative, and their sum is 1"
        )


def check_answers(labels, batch, classes):
    """(labels as an array, whether they are soft), looked at if they are in the computer's memory: asking a GPU would wait."""
    if array_module(labels) is not np:
        return labels, labels.dtype.kind == "f"
    labels = np.asarray(labels)
    soft = labels.ndim == 2 and labels.dtype.kind == "f"
    (check_targets if soft else check_labels)(labels, batch, classes)
    return labels, soft


def check_index(name, index, length):
    """The index as an array of whole numbers from 0 to length - 1, looked at if it is in the computer's memory."""
    index = np.asarray(index) if array_module(index) is np else index
    if index.dtype.kind not in "iu":
        raise ValueError(f"{name}: an index holds whole numbers; got dtype {index.dtype}")
    if array_module(index) is np and index.size and not 0 <= index.min() <= index.max() < length:
        raise ValueError(f"{name}: the index goes from {index.min()} to {index.max()}, but there are {length} entries, from 0 on")
    return index
