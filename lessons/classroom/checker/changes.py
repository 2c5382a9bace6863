"""What may be exchanged for what: for each operation of a function, the small changes that people make by mistake, and how each
is told. A change that mends a learner's function is the mistake in it, undone; one that brings the solution to the learner's
numbers is the mistake itself.

cause    one word for what was wrong: "sign", "axis", "extra term" ... what undoes it is told, never what to write
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from .grammar import COMPARISONS

CAUSES = {"extra term": 0, "missing term": 0, "sign": 1, "axis": 2, "order": 3, "transposed": 4, "scale": 5, "index": 6}
FIRST, NEXT, LAST = range(3)  # one operation for its counterpart; another name or number; something added
GROUPS = (
    "sum mean median max min prod std var|maximum minimum|argmax argmin|floor ceil round|sin cos|sqrt square|any all|zeros ones"
)
TWINS = {name: [other for other in twins.split() if other != name] for twins in GROUPS.split("|") for name in twins.split()}
OVER_AXES = "sum mean max min std var prod argmax argmin any all cumsum concatenate stack softmax norm"
MOVES = "transpose swapaxes moveaxis"
PLAIN = "reshape astype int float len range zeros empty ones full arange array asarray zip enumerate isinstance list tuple"


@dataclass
class Change:
    """One exchange. act takes the place of the slot's plain operation."""

    place: int
    cause: str
    act: object
    rank: int
    text: str  # "the sign in front of `a`": what the sentence is made of
    also: tuple = ()  # (place, act) of other slots that it needs
    other: str = ""  # the name that is taken in the place of one


def is_number(value):
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def is_array(value):
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiu"


def is_quantity(value):
    return is_number(value) or is_array(value)


def _factor(value):
    """The word for a factor: an array is one of the formula's, a number is a scale."""
    return "factor" if np.size(value) > 1 else "scale"


def _short(slot):
    text = " ".join(slot.text.split())
    return f"`{text}`" if len(text) < 70 else f"`{text[:64]} …`"


def _fits(a, b, keep):
    """Whether a and b can meet and leave the shape of `keep`."""
    try:
        return np.broadcast_shapes(np.shape(a), np.shape(b)) == np.shape(keep)
    except ValueError:
        return False


def changes_of(slots):
    """Every single change, those that are made most often first."""
    found = []
    for place, slot in enumerate(slots):
        if slot.seen is None:
            continue
        make = _OF[slot.kind]
        for cause, rank, text, act, *other in make(slot, *(slot.seen[0] if slot.seen else ())):
            found.append(Change(place, cause, act, rank, text, (), *other))
        if slot.kind == "binary":
            found += _brackets(slots, place)
    found += _everywhere(slots, found)
    return sorted(found, key=lambda change: (change.rank, CAUSES.get(change.cause, 9)))


def _everywhere(slots, found):
    """A name that stands several times in a line, exchanged wherever it stands there."""
    places, acts = {}, {}
    for place, slot in enumerate(slots):
        if slot.kind == "name" and slot.seen is not None:
            places.setdefault((slot.line, slot.text), []).append(place)
    for change in found:
        slot = slots[change.place]
        if change.cause == "wrong array" and slot.kind == "name" and len(places[slot.line, slot.text]) > 1:
            acts.setdefault((slot.line, slot.text, change.other), []).append(change)
    for several in acts.values():
        first, *more = several
        if more:
            yield Change(
                first.place, first.cause, first.act, NEXT, first.text, tuple((c.place, c.act) for c in more), first.other
            )


def _others(slot, like=None):
    """(place in the scope, name, value) of quantities that are seen from here, and are no sizes that stand for themselves."""
    for i, name in enumerate(slot.scope):
        value = slot.around.get(name)
        if is_quantity(value) and value is not like:
            yield i, name, value


def _sizes(slot):
    """Lengths of axes of the arrays around, and products of them, in words."""
    arrays = [v for v in slot.around.values() if is_array(v)]
    sizes = {
        n for v in arrays for n in (*v.shape, v.size // v.shape[-1] if v.ndim and v.shape[-1] and slot.kind == "value" else 1)
    }
    return sorted(n for n in sizes if n > 2)


def _binary(slot, a, b):
    op, text = type(slot.node.op).__name__, _short(slot)
    left, right = (_part(slot, side) for side in ("left", "right"))
    if op in ("Add", "Sub") and isinstance(a, int) and isinstance(b, int):
        yield "index", FIRST, f"the sign in front of {right} in {text}", _flip_sum(op)
        yield "index", FIRST, f"{right} does not belong into {text}", lambda s, a, b: a()
        yield "index", FIRST, f"{left} does not belong into {text}", lambda s, a, b: b()
        yield "index", NEXT, f"{text} is off by one", lambda s, a, b: (a() + b() if op == "Add" else a() - b()) + 1
        yield "index", NEXT, f"{text} is off by one", lambda s, a, b: (a() + b() if op == "Add" else a() - b()) - 1
    elif op in ("Add", "Sub") and is_quantity(a) and is_quantity(b):
        yield "sign", FIRST, f"the sign in front of {right} in {text}", _flip_sum(op)
        yield "extra term", FIRST, f"{right} does not belong into {text}", lambda s, a, b: a()
        yield (
            "extra term",
            FIRST,
            f"{left} does not belong into {text}",
            (lambda s, a, b: b()) if op == "Add" else (lambda s, a, b: -b()),
        )
        for side, value, part in ((0, a, left), (1, b, right)):
            yield from _with_factor(slot, value, part, lambda act, side=side, op=op: _on_side(act, side, op))
    elif op in ("Mult", "Div") and is_quantity(a) and is_quantity(b):
        other = (lambda s, a, b: a() / b()) if op == "Mult" else (lambda s, a, b: a() * b())
        yield _factor(b), FIRST, f"it is divided where it should be multiplied, or the other way round: {text}", other
        yield _factor(b), FIRST, f"the factor {'1/' if op == 'Div' else ''}{right} is one too many in {text}", lambda s, a, b: a()
        alone = (lambda s, a, b: b()) if op == "Mult" else (lambda s, a, b: 1 / b())
        yield _factor(a), FIRST, f"the factor {left} is one too many in {text}", alone
        if op == "Div":
            yield "order", NEXT, f"what is above and below the line in {text} have changed places", lambda s, a, b: b() / a()
        if is_number(b):
            for words, power in (("square root", 0.5), ("square", 2.0)):
                act = (lambda s, a, b, p=power: a() * b() ** p) if op == "Mult" else (lambda s, a, b, p=power: a() / b() ** p)
                yield "scale", FIRST, f"{right} is the wrong power in {text}", act
    elif op == "MatMult":
        turned = "one side of the @ has to be turned"
        yield "transposed", FIRST, f"{turned}: {text}", lambda s, a, b: _turn(a()) @ b()
        yield "transposed", FIRST, f"{turned}: {text}", lambda s, a, b: a() @ _turn(b())
        yield "transposed", FIRST, f"both sides of the @ have to be turned: {text}", lambda s, a, b: _turn(a()) @ _turn(b())
        yield "order", FIRST, f"the two sides of the @ have changed places: {text}", lambda s, a, b: b() @ a()
        yield "transposed", NEXT, f"the product has to be turned: {text}", lambda s, a, b: _turn(a() @ b())
        for turn_a, turn_b in ((0, 1), (1, 0), (1, 1)):
            act = lambda s, a, b, ta=turn_a, tb=turn_b: (_turn(b()) if tb else b()) @ (_turn(a()) if ta else a())  # noqa: E731
            yield "transposed", NEXT, f"the two sides of the @ are in the wrong order or not turned: {text}", act
    elif op == "Pow":
        for power in (0.5, 1, 2, 3, -0.5, -1, -1.5, -2, -3):
            yield "factor", FIRST, f"the power in {text}", lambda s, a, b, p=power: a() ** p
        if is_number(a):
            yield "constant", FIRST, f"the base {left}", lambda s, a, b: np.exp(b())
    elif op in ("FloorDiv", "Mod"):
        yield "index", FIRST, f"the division in {text}", lambda s, a, b: a() / b()
        yield "index", FIRST, f"the division in {text}", lambda s, a, b: -(-a() // b())
        yield "index", FIRST, f"{text}: // and % have changed places", lambda s, a, b: a() // b() if op == "Mod" else a() % b()


def _brackets(slots, place):
    """A factor that stands at one term of a sum and belongs to all, or the other way round."""
    slot = slots[place]
    op = type(slot.node.op).__name__
    if op in ("Add", "Sub"):
        for term in _terms(slots, place):
            if term is not None and type(slots[term].node.op).__name__ in ("Mult", "Div") and slots[term].seen:
                over, kept = type(slots[term].node.op).__name__ == "Div", []
                text = f"brackets are missing: the factor in {_short(slots[term])} belongs to all of {_short(slot)}"
                yield Change(place, "factor", _outer(op, over, kept), FIRST, text, ((term, _take(kept)),))
                if not over:
                    yield Change(place, "factor", _outer(op, over, kept), FIRST, text, ((term, _take(kept, first=True)),))
    elif op in ("Mult", "Div"):
        for side in (0, 1) if op == "Mult" else (0,):
            inner = slot.sides[side] if slot.sides else None
            for total in _sums(slots, inner):
                for end in (0, 1):
                    kept = []
                    text = f"the factor in {_short(slot)} belongs to one term alone"
                    give = _take(kept, first=side == 1)
                    inside = _one_end(type(slots[total].node.op).__name__, end, op == "Div", kept)
                    yield Change(place, "factor", give, FIRST, text, ((total, inside),))


def _sums(slots, place):
    """The places of a sum and of the sums that are its terms."""
    if place is None or slots[place].kind != "binary" or type(slots[place].node.op).__name__ not in ("Add", "Sub"):
        return []
    return [place, *[found for side in slots[place].sides for found in _sums(slots, side)]]


def _terms(slots, place):
    """The places of the terms of a sum, None for those that are no operation."""
    for side in slots[place].sides:
        if side is not None and slots[side].kind == "binary" and type(slots[side].node.op).__name__ in ("Add", "Sub"):
            yield from _terms(slots, side)
        else:
            yield side


def _take(kept, first=False):
    return lambda s, a, b: (kept.append((a if first else b)()), (b if first else a)())[1]


def _outer(op, over, kept):
    def act(s, a, b):
        kept.clear()
        value = a() + b() if op == "Add" else a() - b()
        return value / kept[-1] if over else value * kept[-1]

    return act


def _one_end(op, end, over, kept):
    def act(s, a, b):
        sides = [a(), b()]
        sides[end] = sides[end] / kept[-1] if over else sides[end] * kept[-1]
        return sides[0] + sides[1] if op == "Add" else sides[0] - sides[1]

    return act


def _flip_sum(op):
    return (lambda s, a, b: a() - b()) if op == "Add" else (lambda s, a, b: a() + b())


def _on_side(act, side, op):
    def changed(s, a, b):
        left, right = a(), b()
        left, right = (act(s, left), right) if side == 0 else (left, act(s, right))
        return left + right if op == "Add" else left - right

    return changed


def _part(slot, side):
    """The words of one side of an operation; it stands in the slot's text, by its place."""
    text = " ".join((slot.parts.get(side) or f"the {side} side").split())
    return f"`{text}`" if len(text) < 50 else f"`{text[:44]} …`"


def _with_factor(slot, value, words, wrap):
    """value times or divided by something that can be seen from here."""
    for i, name, other in _others(slot, value):
        if _fits(value, other, value):
            cause = _factor(other)
            times, over = lambda s, v, i=i: v * s[i](), lambda s, v, i=i: v / s[i]()
            missing = f"a factor {{}} is missing at {words}"
            yield cause, LAST, missing.format(f"`{name}`"), wrap(times)
            yield cause, LAST, missing.format(f"1/`{name}`"), wrap(over)
    sizes = _sizes(slot)
    for size in (*sizes, 2, *[math.sqrt(n) for n in sizes if slot.kind == "value"]):
        yield "scale", LAST, f"the scale of {words}", wrap(lambda s, v, size=size: v * size)
        yield "scale", LAST, f"the scale of {words}", wrap(lambda s, v, size=size: v / size)


def _turn(array):
    return array.swapaxes(-1, -2)


def _minus(slot, a):
    yield "sign", FIRST, f"the sign of {_short(slot)}", lambda s, a: a


NUMBERS = (0, 1, 2, 3, 4, 0.5, -1, math.pi, math.sqrt(2), math.sqrt(2 * math.pi), math.sqrt(2 / math.pi), 0.044715, 1.702, math.e)
SMALL = (1e-8, 1e-6, 1e-5, 1e-12, 1e-3, 0.9, 0.999, 0.99, 10.0, 1e4, 255.0)


def _number(slot, c):
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
    for i, name, value in _others(slot):
        if is_number(value) or (is_array(value) and value.size < 1000):
            cause = "option" if is_number(value) else "wrong array"
            yield cause, NEXT, f"{text} stands where `{name}` belongs", lambda s, value, i=i: s[i]()


def _default(slot, c):
    for n in dict.fromkeys((*NUMBERS, *SMALL)):
        if isinstance(c, int | float) and n != c:
            yield (
                "constant", NEXT, f"the default of {slot.context}",
                lambda s, value, n=n, d=slot.node.value: n if isinstance(value, int | float) and value == d else value,
            )  # fmt: skip


def _name(slot, value):
    text = f"`{slot.text}` is not what belongs here"
    for i, name in enumerate(slot.scope):
        other = slot.around.get(name)
        if name == slot.text or other is value or other is None:
            continue
        same_kind = (is_array(value) and is_array(other) and value.ndim == other.ndim) or (is_number(value) and is_number(other))
        if same_kind or (not is_quantity(value) and type(other) is type(value)):
            yield "wrong array", NEXT, text, lambda s, value, i=i: s[i](), name
    if is_array(value):
        if value.ndim >= 2:
            yield "transposed", LAST, f"`{slot.text}` has to be turned here", lambda s, v: _turn(v())
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


def _call(slot, function, *arguments):
    keywords = slot.seen[1]
    name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
    of_array = isinstance(owner, np.ndarray)
    text = _short(slot)
    for twin in TWINS.get(name, ()):
        if hasattr(owner if of_array else np, twin):
            cause = "scale" if {name, twin} == {"sum", "mean"} else "wrong function"
            yield cause, FIRST, f"`{name}` is not what belongs here: {text}", _as(twin, of_array)
    if name in OVER_AXES.split():
        yield from _axes(slot, name, owner if of_array else arguments[0] if arguments else None, arguments, keywords, of_array)
    if name in MOVES.split() and arguments:
        yield from _moved(text, arguments, of_array)
    for keyword, value in keywords.items():
        if isinstance(value, bool):
            cause = "axis" if keyword == "keepdims" else "option"
            yield cause, FIRST, f"{keyword} in {text}", lambda s, f, *a, k=keyword, **kw: f(*a, **{**kw, k: not kw[k]})
        elif keyword not in ("axis", "dtype"):
            yield (
                "option",
                NEXT,
                f"{keyword} in {text}",
                lambda s, f, *a, k=keyword, **kw: f(*a, **{n: v for n, v in kw.items() if n != k}),
            )
    subject = owner if of_array else arguments[0] if arguments else None
    if is_quantity(subject):
        back = (lambda s, f, *a, **kw: f.__self__) if of_array else (lambda s, f, *a, **kw: a[0])
        if name not in PLAIN.split():
            yield "step", NEXT, f"`{name}` does not belong here: {text}", back
        if is_array(subject) and name not in PLAIN.split():
            inner = f"what {name} gets in {text}"
            yield from _with_factor(slot, subject, inner, lambda act: _on_subject(act, of_array))
    for i, j in itertools.combinations(range(len(arguments)), 2):
        if name not in MOVES.split() and type(arguments[i]) is type(arguments[j]):
            yield "order", NEXT, f"two arguments have changed places in {text}", _swapped(i, j)
    if (
        len(arguments) == 1
        and isinstance(arguments[0], list | tuple)
        and len(arguments[0]) > 1
        and name in ("concatenate", "stack", "hstack", "vstack")
    ):
        yield "order", NEXT, f"the parts of {text} are in another order", lambda s, f, a, **kw: f(a[::-1], **kw)


def _as(twin, of_array):
    if of_array:
        return lambda s, f, *a, **kw: getattr(f.__self__, twin)(*a, **kw)
    return lambda s, f, *a, **kw: getattr(np, twin)(*a, **kw)


def _on_subject(act, of_array):
    if of_array:
        return lambda s, f, *a, **kw: getattr(act(s, f.__self__), f.__name__)(*a, **kw)
    return lambda s, f, first, *a, **kw: f(act(s, first), *a, **kw)


def _swapped(i, j):
    def act(s, f, *a, **kw):
        a = list(a)
        a[i], a[j] = a[j], a[i]
        return f(*a, **kw)

    return act


def _axes(slot, name, subject, arguments, keywords, of_array):
    if not isinstance(subject, np.ndarray):
        return
    place = 0 if of_array else 1
    given = keywords["axis"] if "axis" in keywords else arguments[place] if len(arguments) > place else None
    text = f"the axis in {_short(slot)}"
    front = lambda x: tuple(range(x.ndim - 1))  # noqa: E731
    others = [
        *range(-1, -subject.ndim - 1, -1),
        None,
        front,
        *range(subject.ndim),
        *[tuple(range(k)) for k in range(2, subject.ndim)],
        (-2, -1),
    ]
    for axis in others:
        if callable(axis) or axis != given:
            yield "axis", FIRST, text, _along(axis, place, "axis" in keywords, of_array)
    if not keywords.get("keepdims"):
        for axis in range(-1, -subject.ndim - 1, -1):
            yield "axis", FIRST, text, _along(axis, place, "axis" in keywords, of_array, keepdims=True)
        yield "axis", NEXT, f"keepdims in {_short(slot)}", lambda s, f, *a, **kw: f(*a, **{**kw, "keepdims": True})


def _along(axis, place, by_name, of_array, **more):
    def act(s, f, *a, **kw):
        along = axis(f.__self__ if of_array else a[0]) if callable(axis) else axis
        if by_name or len(a) <= place:
            return f(*a, **{**kw, "axis": along, **more})
        return f(*a[:place], along, *a[place + 1 :], **{**kw, **more})

    return act


def _moved(text, arguments, of_array):
    first = () if of_array else arguments[:1]
    axes = arguments[len(first) :]
    whole = len(axes) == 1 and isinstance(axes[0], tuple)
    axes = axes[0] if whole else axes
    if not all(isinstance(n, int) for n in axes):
        return
    count = len(axes)
    orders = itertools.permutations(axes) if count <= 4 else _neighbours(axes)
    for order in orders:
        if order != axes:
            act = (
                (lambda s, f, *a, o=order: f(*a[: len(first)], o))
                if whole
                else (lambda s, f, *a, o=order: f(*a[: len(first)], *o))
            )
            yield "transposed", FIRST, f"the order of the axes in {text}", act
    yield (
        "transposed",
        FIRST,
        f"the axes should stay where they are: {text}",
        (lambda s, f, *a: f.__self__) if of_array else (lambda s, f, *a: a[0]),
    )


def _neighbours(axes):
    for i, j in itertools.combinations(range(len(axes)), 2):
        order = list(axes)
        order[i], order[j] = order[j], order[i]
        yield tuple(order)


def _compare(slot, a, b):
    compare = COMPARISONS[type(slot.node.ops[0])]
    for other in COMPARISONS.values():
        yield "case", FIRST, f"the comparison {_short(slot)}", lambda s, a, b, other=other: other(a, b)
    for n in (-1, 1):
        if isinstance(b, int):
            yield (
                "index",
                NEXT,
                f"the limit in {_short(slot)} is off by one",
                lambda s, a, b, n=n: compare(a, b + n),
            )


def _turned(slot, a):
    yield "transposed", FIRST, f"{_short(slot)} should not be turned", lambda s, a: a


def _item(slot, value, index):
    text = f"the index in {_short(slot)}"
    several = index if isinstance(index, tuple) else (index,)
    if is_array(value):
        yield "index", NEXT, text, lambda s, v, i: v
        if isinstance(index, int):
            yield "index", NEXT, f"{_short(slot)} is one of several, and all of them count", lambda s, v, i: v.sum(axis=0)
    for place, one in enumerate(several):
        for other in _near_index(one):
            new = (*several[:place], other, *several[place + 1 :])
            new = new if isinstance(index, tuple) else new[0]
            yield "index", NEXT, text, lambda s, v, i, new=new: v[new]
    if isinstance(index, tuple) and len(index) == 2:
        yield "transposed", NEXT, f"row and column in {_short(slot)} have changed places", lambda s, v, i: v[i[::-1]]


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


def _test(slot, value):
    yield "case", NEXT, f"the condition {_short(slot)}", lambda s, value: True
    yield "case", NEXT, f"the condition {_short(slot)}", lambda s, value: False
    if isinstance(value, bool | np.bool_):
        yield "case", NEXT, f"the condition {_short(slot)}", lambda s, value: not value


def _value(slot, value):
    words = _short(slot)
    if not is_quantity(value):
        return
    yield "sign", NEXT, f"the sign of {words}", lambda s, v: -v
    if is_array(value) and value.ndim >= 2:
        yield "transposed", NEXT, f"{words} has to be turned", lambda s, v: _turn(v)
        for axis in range(value.ndim):
            yield "axis", LAST, f"a sum is missing in {words}", lambda s, v, axis=axis: v.sum(axis=axis)
            yield "axis", LAST, f"a mean is missing in {words}", lambda s, v, axis=axis: v.mean(axis=axis)
    if is_array(value):
        yield "alias", LAST, f"{words} is the very array that came in, and no copy", lambda s, v: v.copy()
    yield "step", LAST, f"a root is missing in {words}", lambda s, v: np.sqrt(v)
    yield "step", LAST, f"a square is missing in {words}", lambda s, v: v * v
    yield from _with_factor(slot, value, words, lambda act: act)
    for i, name, other in _others(slot, value):
        if _fits(value, other, value):
            yield "missing term", LAST, f"a term is missing in {words}: `{name}`", lambda s, v, i=i: v + s[i]()
            yield "missing term", LAST, f"a term is missing in {words}: `{name}`", lambda s, v, i=i: v - s[i]()


def _results(slot, value):
    count = len(value)
    for order in itertools.permutations(range(count)) if count <= 3 else _neighbours(range(count)):
        if tuple(order) != tuple(range(count)):
            yield (
                "order",
                FIRST,
                "the results are in the wrong order",
                lambda s, value, order=order: tuple(value[i] for i in order),
            )


def _statement(slot, *nothing):
    yield "step", NEXT, f"{_short(slot)} should not be there", None


def _loop(slot, value):
    if isinstance(value, range | list | tuple):
        yield "order", NEXT, f"the order of the loop over {_short(slot)}", lambda s, v: v[::-1]
        yield "index", NEXT, f"the loop over {_short(slot)} takes one too many", lambda s, v: v[1:]
        yield "index", NEXT, f"the loop over {_short(slot)} takes one too many", lambda s, v: v[:-1]
    if isinstance(value, range):
        for a, b in ((0, 1), (-1, 0), (1, 1), (-1, -1)):
            act = lambda s, v, a=a, b=b: range(v.start + a * v.step, v.stop + b * v.step, v.step)  # noqa: E731
            yield "index", NEXT, f"the range of the loop over {_short(slot)}", act


_OF = {
    "binary": _binary, "minus": _minus, "number": _number, "default": _default, "name": _name, "call": _call, "compare": _compare,
    "turned": _turned, "item": _item, "test": _test, "value": _value, "results": _results, "statement": _statement, "loop": _loop,
}  # fmt: skip
