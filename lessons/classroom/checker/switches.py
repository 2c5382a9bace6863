"""What a function's source asks at every operation once it was taken apart: the operation that stands there, or a change."""

import ast
import contextlib
import math
import operator
from dataclasses import dataclass, field

OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow,
    ast.MatMult: operator.matmul, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
COMPARISONS = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
MAKERS = "arange zeros ones empty full eye identity linspace repeat tile range".split()
LARGE = 200_000  # entries of an array, while a change is active
STEPS = 5  # times the operations of the function as it is: beyond it a change has made a loop endless


class Endless(BaseException):
    """A change has made a loop endless, or the search takes too long; no `except Exception` of the learner's may keep it."""


@dataclass
class Slot:
    """One place in the source at which something may be exchanged."""

    kind: str  # which method of Switches it calls
    node: ast.AST
    scope: tuple  # names that can be seen from here
    context: str = ""  # "index" and "axis" for numbers that are no quantities
    text: str = ""  # as it is written
    inner: int = 0  # 1 in a function, 2 in a function in it: in a backward
    seen: tuple = None  # operands at the first visit
    around: dict = field(default_factory=dict)  # values of the names, at the first visit
    plain: object = None  # the operator
    parts: dict = field(default_factory=dict)  # of an operation with two sides: how each is written
    sides: tuple = ()  # and the places of the slots that its sides are, None for what is none

    @property
    def line(self):
        return self.node.lineno


class Switches:
    """What the source that was taken apart calls."""

    def __init__(self, slots):
        self.slots, self.active, self.noting = slots, {}, False
        self.steps, self.enough = 0, 1000  # operations so far, and how many are too many

    def tick(self):
        self.steps += 1
        if self.active and self.steps > self.enough:
            raise Endless

    def on(self, k):
        if self.noting:
            self.slots[k].seen = ()
        return k not in self.active

    def __call__(self, k, scope, /, *operands, **keywords):
        """What stands at slot k, or the active change of it. Names, and the two sides of an operation, come as functions: a
        change may do without them."""
        self.tick()
        change = self.active.get(k)
        if self.noting:
            self._note(self.slots[k], scope, operands, keywords)
        if self.active and self.slots[k].kind == "call" and _is_large(*operands):
            raise Endless
        result = (change or self.slots[k].plain)(scope, *operands, **keywords)
        if self.active and getattr(result, "size", 0) > LARGE:
            raise Endless
        return result

    @staticmethod
    def _note(slot, scope, operands, keywords):
        if slot.seen is not None:
            return
        slot.seen = tuple(o() if slot.kind in ("binary", "name") else o for o in operands), keywords
        for name, value in zip(slot.scope, scope, strict=True):
            with contextlib.suppress(NameError):  # it has no value yet
                slot.around[name] = value()


def _is_large(function, *arguments):
    """Whether this call would make an array that is far too large."""
    if getattr(function, "__name__", "") not in MAKERS:
        return False
    sizes = [n for a in arguments for n in (a if isinstance(a, tuple | list) else [a]) if isinstance(n, int | float)]
    return math.prod(max(1, abs(n)) for n in sizes) > LARGE


def unchanged(scope, value):
    return value


def called(scope, function, /, *arguments, **keywords):
    return function(*arguments, **keywords)
