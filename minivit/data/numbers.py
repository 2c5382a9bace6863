"""Numbers that people give: each has a range, and NumPy's numbers are numbers."""

import math
import sys

import numpy as np


def plain(value):
    """NumPy's number as the Python number that it is; anything else as it is."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def whole(name, value, least=0, most=None):
    """A whole number as an int. A ValueError says which numbers may stand there."""
    found = plain(value)
    is_whole = isinstance(found, int) and not isinstance(found, bool)
    if not is_whole or found < least or (most is not None and found > most):
        limits = f"at least {least}" + ("" if most is None else f" and at most {most:,}")
        raise ValueError(f"{name} is {shown(value)}; it must be {limits if is_whole else f'a whole number, {limits}'}")
    return found


def number(name, value, above=None, below=math.inf):
    """A finite number from 0 (or above `above`) that is below `below`, as a float or an int. A ValueError says which
    numbers may stand there."""
    found = plain(value)
    ok = isinstance(found, int | float) and not isinstance(found, bool)
    ok = ok and abs(found) <= sys.float_info.max  # not NaN, not infinite, and no int beyond all floats
    if not ok or found < 0 or (above is not None and found <= above) or found >= below:
        limits = "that is not negative" if above is None else f"above {above}"
        limits = limits if below == math.inf else f"that is at least 0 and below {below}"
        raise ValueError(f"{name} is {shown(value)}; it must be a number {limits}")
    return found


def shown(value):
    """A value for a sentence: NumPy's numbers without their type, and nothing over a line."""
    text = repr(plain(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def generator(name, rng):
    """A numpy Generator, or a ValueError."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"{name} is {shown(rng)}; it must be a numpy Generator, like np.random.default_rng(0)")
    return rng
