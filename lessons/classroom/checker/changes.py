"""What may be exchanged for what: for each operation of a function, the small changes that people make by mistake, and how each
is told. A change that mends a learner's function is the mistake in it, undone; one that brings the solution to the learner's
numbers is the mistake itself.

cause    one word for what was wrong: "sign", "axis", "extra term" ... what undoes it is told, never what to write
"""

from dataclasses import dataclass

from . import exchanged_calls, exchanged_sums, exchanged_values
from .exchange import NEXT

CAUSES = {
    "alias": -1,
    "extra term": 0,
    "missing term": 0,
    "sign": 1,
    "axis": 2,
    "order": 3,
    "transposed": 4,
    "scale": 5,
    "index": 6,
}


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


def changes_of(slots):
    """Every single change, those that are made most often first."""
    found = []
    for place, slot in enumerate(slots):
        if slot.seen is None:
            continue
        listed = [*_OF[slot.kind](slot, *(slot.seen[0] if slot.seen else ()))]
        if slot.kind == "binary":
            listed += exchanged_sums.brackets(slots, place)
        for cause, rank, text, act, *more in listed:
            other, also = (*more, *("", ())[len(more) :])
            found.append(Change(place, cause, act, rank, text, also, other))
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


_OF = {"binary": exchanged_sums.binary, "minus": exchanged_sums.minus, "call": exchanged_calls.call}
for kind in ("number", "default", "name", "compare", "turned", "item", "test", "value", "results", "statement", "loop"):
    _OF[kind] = getattr(exchanged_values, kind)
