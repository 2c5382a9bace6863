"""Calls: another function, another axis, arguments that have changed places, or a call too many.

A change of a call gets the scope, the function and what the function is given: its first names end in `/`, as a keyword of the
call may have any name.
"""

import itertools

import numpy as np

from .exchange import FIRST, NEXT, is_array, is_quantity, neighbours, short, with_factor

ALIKE = (
    "sum mean median max min prod std var|maximum minimum|argmax argmin|floor ceil round|sin cos|sqrt square|any all|zeros ones"
)
TWINS = {name: [other for other in twins.split() if other != name] for twins in ALIKE.split("|") for name in twins.split()}
OVER_AXES = "sum mean max min std var prod argmax argmin any all cumsum concatenate stack softmax norm".split()
MOVES = "transpose swapaxes moveaxis".split()
JOINS = "concatenate stack hstack vstack".split()
PLAIN = (  # no steps of a computation: nobody leaves them out, or puts in one too many
    "reshape astype int float len range zeros empty ones full arange array asarray zip enumerate isinstance list tuple".split()
)


def call(slot, function, *arguments):
    keywords = slot.seen[1]
    name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
    of_array = isinstance(owner, np.ndarray)
    subject = owner if of_array else arguments[0] if arguments else None
    text = short(slot)
    for twin in TWINS.get(name, ()):
        if hasattr(owner if of_array else np, twin):
            cause = "scale" if {name, twin} == {"sum", "mean"} else "wrong function"
            yield cause, FIRST, f"`{name}` is not what belongs here: {text}", _as(twin, of_array)
    if name in OVER_AXES:
        yield from _axes(slot, subject, arguments, keywords, of_array)
    if name in MOVES and arguments:
        yield from _moved(text, arguments, of_array)
    yield from _keywords(text, keywords)
    if name not in PLAIN and is_quantity(subject):
        back = (lambda s, f, /, *a, **kw: f.__self__) if of_array else (lambda s, f, /, *a, **kw: a[0])
        yield "step", NEXT, f"`{name}` does not belong here: {text}", back
        if is_array(subject):
            yield from with_factor(slot, subject, f"what {name} gets in {text}", lambda act: _on_subject(act, of_array))
    for i, j in itertools.combinations(range(len(arguments)), 2):
        if name not in MOVES and type(arguments[i]) is type(arguments[j]):
            yield "order", NEXT, f"two arguments have changed places in {text}", _swapped(i, j)
    if name in JOINS and len(arguments) == 1 and isinstance(subject, list | tuple) and len(subject) > 1:
        yield "order", NEXT, f"the parts of {text} are in another order", lambda s, f, a, /, **kw: f(a[::-1], **kw)


def _keywords(text, keywords):
    for keyword, value in keywords.items():
        if isinstance(value, bool):
            cause = "axis" if keyword == "keepdims" else "option"
            yield cause, FIRST, f"{keyword} in {text}", _negated(keyword)
        elif keyword not in ("axis", "dtype", "key"):
            yield "option", NEXT, f"{keyword} in {text}", _without(keyword)


def _negated(keyword):
    return lambda s, f, /, *a, **kw: f(*a, **{**kw, keyword: not kw[keyword]})


def _without(keyword):
    return lambda s, f, /, *a, **kw: f(*a, **{name: value for name, value in kw.items() if name != keyword})


def _as(twin, of_array):
    if of_array:
        return lambda s, f, /, *a, **kw: getattr(f.__self__, twin)(*a, **kw)
    return lambda s, f, /, *a, **kw: getattr(np, twin)(*a, **kw)


def _on_subject(act, of_array):
    if of_array:
        return lambda s, f, /, *a, **kw: getattr(act(s, f.__self__), f.__name__)(*a, **kw)
    return lambda s, f, first, /, *a, **kw: f(act(s, first), *a, **kw)


def _swapped(i, j):
    def act(s, f, /, *a, **kw):
        a = list(a)
        a[i], a[j] = a[j], a[i]
        return f(*a, **kw)

    return act


def _axes(slot, subject, arguments, keywords, of_array):
    if not isinstance(subject, np.ndarray):
        return
    place = 0 if of_array else 1
    given = keywords["axis"] if "axis" in keywords else arguments[place] if len(arguments) > place else None
    text = f"the axis in {short(slot)}"
    front = lambda x: tuple(range(x.ndim - 1))  # noqa: E731
    axes = [
        *range(-1, -subject.ndim - 1, -1),
        None,
        front,
        *range(subject.ndim),
        *[tuple(range(k)) for k in range(2, subject.ndim)],
        (-2, -1),
    ]
    for axis in axes:
        if callable(axis) or axis != given:
            yield "axis", FIRST, text, _along(axis, place, "axis" in keywords, of_array)
    if not keywords.get("keepdims"):
        for axis in range(-1, -subject.ndim - 1, -1):
            yield "axis", FIRST, text, _along(axis, place, "axis" in keywords, of_array, keepdims=True)
        yield "axis", NEXT, f"keepdims in {short(slot)}", lambda s, f, /, *a, **kw: f(*a, **{**kw, "keepdims": True})


def _along(axis, place, by_name, of_array, **more):
    def act(s, f, /, *a, **kw):
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
    orders = itertools.permutations(axes) if len(axes) <= 4 else neighbours(axes)
    for order in orders:
        if order != axes:
            given = (order,) if whole else order
            act = lambda s, f, *a, given=given: f(*a[: len(first)], *given)  # noqa: E731
            yield "transposed", FIRST, f"the order of the axes in {text}", act
    back = (lambda s, f, *a: f.__self__) if of_array else (lambda s, f, *a: a[0])
    yield "transposed", FIRST, f"the axes should stay where they are: {text}", back
