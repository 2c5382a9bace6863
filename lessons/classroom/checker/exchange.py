"""What all exchanges share: how near a change lies, what is seen from where it is made, and the factors that may be missing."""

import itertools
import math

import numpy as np

FIRST, NEXT, LAST = range(3)  # one operation for its counterpart; another name or number; something added


def is_number(value):
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def is_array(value):
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiu"


def is_quantity(value):
    return is_number(value) or is_array(value)


def factor_word(value):
    """The word for a factor: an array is one of the formula's, a number is a scale."""
    return "factor" if np.size(value) > 1 else "scale"


def short(slot):
    """What stands at the slot, for a sentence."""
    text = " ".join(slot.text.split())
    return f"`{text}`" if len(text) < 70 else f"`{text[:64]} …`"


def fits(a, b, keep):
    """Whether a and b can meet and leave the shape of `keep`."""
    try:
        return np.broadcast_shapes(np.shape(a), np.shape(b)) == np.shape(keep)
    except ValueError:
        return False


def others(slot, like=None):
    """(place in the scope, name, value) of each quantity that can be seen from here, and is not `like` itself."""
    for i, name in enumerate(slot.scope):
        value = slot.around.get(name)
        if is_quantity(value) and value is not like:
            yield i, name, value


def sizes(slot):
    """The lengths of the axes of all arrays that can be seen from here; for a whole value also how many rows they have."""
    arrays = [value for value in slot.around.values() if is_array(value)]
    found = {length for array in arrays for length in array.shape}
    if slot.kind == "value":
        found |= {math.prod(array.shape[:-1]) for array in arrays}
    return sorted(n for n in found if n > 2)  # 1 changes nothing, and 2 is tried anyway


def with_factor(slot, value, words, wrap):
    """The value times, or divided by, something that can be seen from here. wrap(act) puts act(scope, value) in its place."""
    for i, name, other in others(slot, value):
        if fits(value, other, value):
            cause = factor_word(other)
            times, over = lambda s, v, i=i: v * s[i](), lambda s, v, i=i: v / s[i]()
            missing = f"a factor {{}} is missing at {words}"
            yield cause, LAST, missing.format(f"`{name}`"), wrap(times)
            yield cause, LAST, missing.format(f"1/`{name}`"), wrap(over)
    lengths = sizes(slot)
    for size in (*lengths, 2, *[math.sqrt(n) for n in lengths if slot.kind == "value"]):
        yield "scale", LAST, f"the scale of {words}", wrap(lambda s, v, size=size: v * size)
        yield "scale", LAST, f"the scale of {words}", wrap(lambda s, v, size=size: v / size)


def turn(array):
    return array.swapaxes(-1, -2)


def neighbours(axes):
    """All orders of the axes in which two have changed places."""
    for i, j in itertools.combinations(range(len(axes)), 2):
        order = list(axes)
        order[i], order[j] = order[j], order[i]
        yield tuple(order)
