"""The small op that tests of the checker spoil: the lines of its solution that they exchange, and what is then said."""

from lessons.classroom.checker import loading

CENTRED = "centred = x - x.mean(-1, keepdims=True)"
Y = "y = centred * weight"
G = "g = dy * weight"
DX = "dx = g - g.mean(-1, keepdims=True)"
DWEIGHT = "dweight = (dy * centred).sum(tuple(range(dy.ndim - 1)))"
RETURN = "return dx, dweight"


def names_of(text):
    """What a learner's file defines."""
    return loading.load("answer.py", text)


def told(result):
    """Everything that the learner reads of what is wrong."""
    return " / ".join([*(" ".join(part for part in row if part) for row in result.rows[-1:]), *result.details, *result.looks])
