"""Sums, products, powers and @: a sign, a term or a factor that is wrong, the sides of a product, brackets that are missing."""

import numpy as np

from .exchange import FIRST, NEXT, factor_word, is_number, is_quantity, short, turn, with_factor


def binary(slot, a, b):
    op, text = type(slot.node.op).__name__, short(slot)
    left, right = (_part(slot, side) for side in ("left", "right"))
    if op in ("Add", "Sub") and isinstance(a, int) and isinstance(b, int):
        yield from _sum_of_integers(op, text, left, right)
    elif op in ("Add", "Sub") and is_quantity(a) and is_quantity(b):
        yield from _sum(slot, op, text, left, right, a, b)
    elif op in ("Mult", "Div") and is_quantity(a) and is_quantity(b):
        yield from _product(op, text, left, right, a, b)
    elif op == "MatMult":
        yield from _matrix_product(text)
    elif op == "Pow":
        for power in (0.5, 1, 2, 3, -0.5, -1, -1.5, -2, -3):
            yield "factor", FIRST, f"the power in {text}", lambda s, a, b, p=power: a() ** p
        if is_number(a):
            yield "constant", FIRST, f"the base {left}", lambda s, a, b: np.exp(b())
    elif op in ("FloorDiv", "Mod"):
        yield "index", FIRST, f"the division in {text}", lambda s, a, b: a() / b()
        yield "index", FIRST, f"the division in {text}", lambda s, a, b: -(-a() // b())
        yield "index", FIRST, f"{text}: // and % have changed places", lambda s, a, b: a() // b() if op == "Mod" else a() % b()


def _sum_of_integers(op, text, left, right):
    yield "index", FIRST, f"the sign in front of {right} in {text}", _flip_sum(op)
    yield "index", FIRST, f"{right} does not belong in {text}", lambda s, a, b: a()
    yield "index", FIRST, f"{left} does not belong in {text}", lambda s, a, b: b()
    for n in (1, -1):
        off = lambda s, a, b, n=n: (a() + b() if op == "Add" else a() - b()) + n  # noqa: E731
        yield "index", NEXT, f"{text} is off by one", off


def _sum(slot, op, text, left, right, a, b):
    alone = (lambda s, a, b: b()) if op == "Add" else (lambda s, a, b: -b())
    yield "sign", FIRST, f"the sign in front of {right} in {text}", _flip_sum(op)
    yield "extra term", FIRST, f"{right} does not belong in {text}", lambda s, a, b: a()
    yield "extra term", FIRST, f"{left} does not belong in {text}", alone
    for side, value, part in ((0, a, left), (1, b, right)):
        yield from with_factor(slot, value, part, lambda act, side=side: _on_side(act, side, op))


def _product(op, text, left, right, a, b):
    other = (lambda s, a, b: a() / b()) if op == "Mult" else (lambda s, a, b: a() * b())
    yield factor_word(b), FIRST, f"it is divided where it should be multiplied, or the other way round: {text}", other
    too_many = f"the factor {'1/' if op == 'Div' else ''}{right} is one too many in {text}"
    yield factor_word(b), FIRST, too_many, lambda s, a, b: a()
    alone = (lambda s, a, b: b()) if op == "Mult" else (lambda s, a, b: 1 / b())
    yield factor_word(a), FIRST, f"the factor {left} is one too many in {text}", alone
    if op == "Div":
        yield "order", NEXT, f"numerator and denominator of {text} have changed places", lambda s, a, b: b() / a()
    if is_number(b):
        for power in (0.5, 2.0):
            act = (lambda s, a, b, p=power: a() * b() ** p) if op == "Mult" else (lambda s, a, b, p=power: a() / b() ** p)
            yield "scale", FIRST, f"{right} is the wrong power in {text}", act


def _matrix_product(text):
    one_side = "one side of the @ has to be transposed"
    yield "transposed", FIRST, f"{one_side}: {text}", lambda s, a, b: turn(a()) @ b()
    yield "transposed", FIRST, f"{one_side}: {text}", lambda s, a, b: a() @ turn(b())
    yield "transposed", FIRST, f"both sides of the @ have to be transposed: {text}", lambda s, a, b: turn(a()) @ turn(b())
    yield "order", FIRST, f"the two sides of the @ have changed places: {text}", lambda s, a, b: b() @ a()
    yield "transposed", NEXT, f"the product has to be transposed: {text}", lambda s, a, b: turn(a() @ b())
    for turn_a, turn_b in ((0, 1), (1, 0), (1, 1)):
        act = lambda s, a, b, ta=turn_a, tb=turn_b: (turn(b()) if tb else b()) @ (turn(a()) if ta else a())  # noqa: E731
        yield "transposed", NEXT, f"the two sides of the @ are in the wrong order or not transposed: {text}", act


def brackets(slots, place):
    """A factor that stands at one term of a sum and belongs to all, or the other way round."""
    slot = slots[place]
    op = type(slot.node.op).__name__
    if op in ("Add", "Sub"):
        for term in _terms(slots, place):
            if term is not None and type(slots[term].node.op).__name__ in ("Mult", "Div") and slots[term].seen:
                over, kept = type(slots[term].node.op).__name__ == "Div", []
                text = f"brackets are missing: the factor in {short(slots[term])} belongs to all of {short(slot)}"
                yield "factor", FIRST, text, _outer(op, over, kept), "", ((term, _take(kept)),)
                if not over:
                    yield "factor", FIRST, text, _outer(op, over, kept), "", ((term, _take(kept, first=True)),)
    elif op in ("Mult", "Div"):
        for side in (0, 1) if op == "Mult" else (0,):
            for total in _sums(slots, slot.sides[side]):
                for end in (0, 1):
                    kept = []
                    text = f"the factor in {short(slot)} belongs to one term alone"
                    give = _take(kept, first=side == 1)
                    inside = _one_end(type(slots[total].node.op).__name__, end, op == "Div", kept)
                    yield "factor", FIRST, text, give, "", ((total, inside),)


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
    """Takes a factor out of its product, and keeps it for another place."""

    def act(s, a, b):
        factor, rest = (a, b) if first else (b, a)
        kept.append(factor())
        return rest()

    return act


def _outer(op, over, kept):
    """The kept factor at all of a sum."""

    def act(s, a, b):
        kept.clear()
        value = a() + b() if op == "Add" else a() - b()
        return value / kept[-1] if over else value * kept[-1]

    return act


def _one_end(op, end, over, kept):
    """The kept factor at one side of a sum."""

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


def minus(slot, a):
    yield "sign", FIRST, f"the sign of {short(slot)}", lambda s, a: a
