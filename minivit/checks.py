"""Numbers that come from outside: what each may be, and one sentence for what it may not. NumPy's numbers are numbers; they are
given back as Python's, so that JSON can hold them. True and False are none."""

import math
import numbers


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
