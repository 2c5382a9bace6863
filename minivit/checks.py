"""What comes from outside: what each number may be, and one sentence for what it may not. NumPy's numbers are numbers; they are
given back as Python's, so that JSON can hold them. True and False are none."""

import math
import numbers

import numpy as np

from .backend import array_module

YES_OR_NO = {False: False, True: True}  # of `choice`


def whole(name, value, least=1):
    """`value` as an int. Raises ValueError if it is no whole number, or below `least`."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= least:
        return int(value)
    limit = {0: "that is not negative", 1: "above 0"}.get(least, f"of at least {least}")
    raise ValueError(f"{name} is {value!r}; it must be a whole number {limit}")


def number(name, value, least=0.0, most=math.inf, below=math.inf):
    """`value` as an int or a float. Raises ValueError if it is not finite, outside least ... most, or not below `below`."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if real and least <= value <= most and value < below:  # a NaN is not
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    upper = f"below {below:g}" if below < math.inf else f"at most {most:g}"
    limit = f"at least {least:g} and {upper}" if min(below, most) < math.inf else f"a number of at least {least:g}"
    limit = "a number that is not negative" if limit == "a number of at least 0" else limit
    raise ValueError(f"{name} is {value!r}; it must be {limit}")


def pair(name, value):
    """One or two whole numbers above 0, a size or (height, width), as a tuple of two."""
    try:
        first, second = value if isinstance(value, tuple | list) else (value, value)
        return whole(name, first), whole(name, second)
    except ValueError:
        raise ValueError(f"{name} is {value!r}; it must be one or two whole numbers above 0") from None


def choice(name, value, choices):
    """choices[value]; a ValueError lists them."""
    try:
        return choices[value]
    except (KeyError, TypeError):
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(repr, choices))}") from None


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
