"""Names, numbers, indices, conditions, loops, and what is assigned or returned."""

import itertools
import math

import numpy as np

from .exchange import FIRST, LAST, NEXT, fits, is_array, is_number, is_quantity, neighbours, others, short, turn, with_factor
from .switches import COMPARISONS

NUMBERS = (0, 1, 2, 3, 4, 0.5, -1, math.pi, math.sqrt(2), math.sqrt(2 * math.pi), math.sqrt(2 / math.pi), 0.044715, 1.702, math.e)
SMALL = (1e-8, 1e-6, 1e-5, 1e-12, 1e-3, 0.9, 0.999, 0.99, 10.0, 1e4, 255.0)


def number(slot, c):
    text = f"the number {slot.text}"
    if slot.context == "axis":
        for n in range(-4, 4):
            if n != c:
                yield "axis", FIRST, f"the axis {slot.text}", lambda s, value, n=n: n
        return
    if slot.context == "index":
        for n in dict.fromkeys((c - 1, c + 1, -c, 0, 1, -1, 2, None)):
            if n != c:
                yield "index", FIRST, f"the number {slot.text}", lambda s, value, n=n: n
        return
    near = (c + 1, c - 1, -c, 2 * c, c / 2, c * c, math.sqrt(abs(c)), 1 / c if c else 1)
    for n in dict.fromkeys((*near, *NUMBERS, *SMALL)):
        if n != c and not (isinstance(c, int) and abs(c) < 10 < n):  # sizes and exponents stay small
            if isinstance(c, int) and n == int(n):
                n = int(n)
            yield "constant", NEXT, text, lambda s, value, n=n: n
    for i, name, value in others(slot):
        if is_number(value) or (is_array(value) and value.size < 1000):
            cause = "option" if is_number(value) else "wrong array"
            yield cause, NEXT, f"{text} stands where `{name}` belongs", lambda s, value, i=i: s[i]()


def default(slot, c):
    for n in dict.fromkeys((*NUMBERS, *SMALL)):
        if isinstance(c, int | float) and n != c:
            yield (
                "constant", NEXT, f"the default of {slot.context}",
                lambda s, value, n=n, d=slot.node.value: n if isinstance(value, int | float) and value == d else value,
            )  # fmt: skip


def name(slot, value):
    text = f"`{slot.text}` is not what belongs here"
    for i, name in enumerate(slot.scope):
        other = slot.around.get(name)
        if name == slot.text or other is value or other is None:
            continue
        same_kind = (is_array(value) and is_array(other) and value.ndim == other.ndim) or (is_number(value) and is_number(other))
        if same_kind or (not is_quantity(value) and type(other) is type(value)):
            yield "wrong array", NEXT, text, lambda s, value, i=i: s[i](), name
    if is_array(value):
        yield "alias", FIRST, f"`{slot.text}` is used as it is, and written into: others still need it", lambda s, v: v().copy()
        if value.ndim >= 2:
            yield "transposed", LAST, f"`{slot.text}` has to be transposed here", lambda s, v: turn(v())
        yield "sign", LAST, f"the sign of `{slot.text}`", lambda s, v: -v()
        yield "factor", LAST, f"the factor `{slot.text}` does not belong here", lambda s, v: np.ones_like(v())
        yield "factor", LAST, f"the power of `{slot.text}`", lambda s, v: v() * v()
        for axis in range(-value.ndim, 0):
            for act in (_summed(axis), _averaged(axis)):
                yield "axis", LAST, f"`{slot.text}` is to be summed or averaged first", act
    if isinstance(value, int) and not isinstance(value, bool):
        for n in (-1, 1):
            yield "index", LAST, f"`{slot.text}` is off by one here", lambda s, v, n=n: v() + n


def _summed(axis):
    return lambda s, v: v().sum(axis=axis, keepdims=True)


def _averaged(axis):
    return lambda s, v: v().mean(axis=axis, keepdims=True)


def compare(slot, a, b):
    compare = COMPARISONS[type(slot.node.ops[0])]
    for other in COMPARISONS.values():
        yield "case", FIRST, f"the comparison {short(slot)}", lambda s, a, b, other=other: other(a, b)
    for n in (-1, 1):
        if isinstance(b, int):
            yield (
                "index",
                NEXT,
                f"the limit in {short(slot)} is off by one",
                lambda s, a, b, n=n: compare(a, b + n),
            )


def turned(slot, a):
    yield "transposed", FIRST, f"{short(slot)} should not be transposed", lambda s, a: a


def item(slot, value, index):
    text = f"the index in {short(slot)}"
    several = index if isinstance(index, tuple) else (index,)
    if is_array(value):
        yield "index", NEXT, text, lambda s, v, i: v
        if isinstance(index, int):
            yield "index", NEXT, f"{short(slot)} is one of several, and all of them count", lambda s, v, i: v.sum(axis=0)
    for place, one in enumerate(several):
        for other in _near_index(one):
            new = (*several[:place], other, *several[place + 1 :])
            new = new if isinstance(index, tuple) else new[0]
            yield "index", NEXT, text, lambda s, v, i, new=new: v[new]
    if isinstance(index, tuple) and len(index) == 2:
        yield "transposed", NEXT, f"row and column in {short(slot)} have changed places", lambda s, v, i: v[i[::-1]]


def _near_index(one):
    if isinstance(one, int) and not isinstance(one, bool):
        yield from (one - 1, one + 1)
        yield slice(None)
    elif isinstance(one, slice):
        for start, stop in itertools.product(_near(one.start), _near(one.stop)):
            if (start, stop) != (one.start, one.stop):
                yield slice(start, stop, one.step)
        if one.step not in (None, 1):
            yield slice(one.start, one.stop)
        yield slice(one.start, one.stop, -1)
        if isinstance(one.start, int) and isinstance(one.stop, int):
            yield slice(one.start - 1, one.stop - 1, one.step)
            yield slice(one.start + 1, one.stop + 1, one.step)


def _near(end):
    if end is None:
        return (None, 1, -1)
    if not isinstance(end, int):
        return (end,)
    return dict.fromkeys((end, end - 1, end + 1, None, -end))


def test(slot, value):
    yield "case", NEXT, f"the condition {short(slot)}", lambda s, value: True
    yield "case", NEXT, f"the condition {short(slot)}", lambda s, value: False
    if isinstance(value, bool | np.bool_):
        yield "case", NEXT, f"the condition {short(slot)}", lambda s, value: not value


def value(slot, value):
    words = short(slot)
    if not is_quantity(value):
        return
    yield "sign", NEXT, f"the sign of {words}", lambda s, v: -v
    if is_array(value) and value.ndim >= 2:
        yield "transposed", NEXT, f"{words} has to be transposed", lambda s, v: turn(v)
        for axis in range(value.ndim):
            yield "axis", LAST, f"a sum is missing in {words}", lambda s, v, axis=axis: v.sum(axis=axis)
            yield "axis", LAST, f"a mean is missing in {words}", lambda s, v, axis=axis: v.mean(axis=axis)
    if is_array(value):
        yield "alias", FIRST, f"{words} is no copy, and what is written into one is written into both", lambda s, v: v.copy()
    yield "step", LAST, f"a root is missing in {words}", lambda s, v: np.sqrt(v)
    yield "step", LAST, f"a square is missing in {words}", lambda s, v: v * v
    yield from with_factor(slot, value, words, lambda act: act)
    for i, name, other in others(slot, value):
        if fits(value, other, value):
            yield "missing term", LAST, f"a term is missing or one too many in {words}: `{name}`", lambda s, v, i=i: v + s[i]()
            yield "missing term", LAST, f"a term is missing or one too many in {words}: `{name}`", lambda s, v, i=i: v - s[i]()


def results(slot, value):
    count = len(value)
    for order in itertools.permutations(range(count)) if count <= 3 else neighbours(range(count)):
        if tuple(order) != tuple(range(count)):
            yield (
                "order",
                FIRST,
                "the results are in the wrong order",
                lambda s, value, order=order: tuple(value[i] for i in order),
            )


def statement(slot, *nothing):
    yield "step", NEXT, f"{short(slot)} should not be there", None


def loop(slot, value):
    if isinstance(value, range | list | tuple):
        yield "order", NEXT, f"the order of the loop over {short(slot)}", lambda s, v: v[::-1]
        yield "index", NEXT, f"the loop over {short(slot)} takes one too many", lambda s, v: v[1:]
        yield "index", NEXT, f"the loop over {short(slot)} takes one too many", lambda s, v: v[:-1]
    if isinstance(value, range):
        for a, b in ((0, 1), (-1, 0), (1, 1), (-1, -1)):
            act = lambda s, v, a=a, b=b: range(v.start + a * v.step, v.stop + b * v.step, v.step)  # noqa: E731
            yield "index", NEXT, f"the range of the loop over {short(slot)}", act
