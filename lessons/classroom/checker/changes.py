"""What may be exchanged for what: for each operation of a function, the small changes that people make by mistake, and how each
is told. A change that mends a learner's function is the mistake in it, undone; one that brings the solution to the learner's
numbers is the mistake itself.
"""

from dataclasses import dataclass, replace

from . import exchanged_calls, exchanged_sums, exchanged_values
from .exchange import NEXT

FIRST_OF_A_RANK = {  # of equal rank, the smallest is tried first; a cause that is not here comes last
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
ORDINALS = ("first", "second", "third", "fourth", "fifth")


@dataclass
class Change:
    """One exchange."""

    place: int  # of its slot
    cause: str  # one word for what was wrong: "sign", "axis", "extra term"
    rank: int  # FIRST, NEXT or LAST
    text: str  # "the sign in front of `a`": what the sentence is made of. It tells the place, never what to write
    act: object  # takes the place of the slot's plain operation
    other: str = ""  # the name that is taken in the place of one
    also: tuple = ()  # (place, act) of other slots that it needs


def changes_of(slots):
    """Every single change, those that are made most often first."""
    found = []
    for place, slot in enumerate(slots):
        if slot.seen is None:
            continue
        listed = [*_OF[slot.kind](slot, *(slot.seen[0] if slot.seen else ()))]
        if slot.kind == "binary":
            listed += exchanged_sums.brackets(slots, place)
        found += [Change(place, *one) for one in listed]
    found = [_told_apart(change, slots) for change in found] + list(_everywhere(slots, found))
    return sorted(found, key=lambda change: (change.rank, FIRST_OF_A_RANK.get(change.cause, 9)))


def _told_apart(change, slots):
    """The change, with a word for which of them it is where a name stands several times in a line."""
    slot, name = slots[change.place], f"`{slots[change.place].text}`"
    alike = [other for other in slots if other.kind == "name" and (other.line, other.text) == (slot.line, slot.text)]
    if slot.kind != "name" or len(alike) < 2 or not change.text.startswith(name):
        return change
    place = sorted(other.node.col_offset for other in alike).index(slot.node.col_offset)
    return replace(change, text=f"the {ORDINALS[place]} {change.text}") if place < len(ORDINALS) else change


def _everywhere(slots, found):
    """A name that stands several times in a line, exchanged wherever it stands there."""
    places, alike = {}, {}
    for place, slot in enumerate(slots):
        if slot.kind == "name" and slot.seen is not None:
            places.setdefault((slot.line, slot.text), []).append(place)
    for change in found:
        slot = slots[change.place]
        if change.cause == "wrong array" and slot.kind == "name" and len(places[slot.line, slot.text]) > 1:
            alike.setdefault((slot.line, slot.text, change.other), []).append(change)
    for first, *more in alike.values():
        if more:
            yield replace(first, rank=NEXT, also=tuple((change.place, change.act) for change in more))


_OF = {"binary": exchanged_sums.binary, "minus": exchanged_sums.minus, "call": exchanged_calls.call}
for kind in ("number", "default", "name", "compare", "turned", "item", "test", "value", "results", "statement", "loop"):
    _OF[kind] = getattr(exchanged_values, kind)
