"""`use`, which puts somebody else's op in the place of the library's, and what it says when that does not fit."""

import inspect
import warnings
from contextlib import contextmanager

import numpy as np

from ..arguments import checked_pair, registry
from ..engine import Op

swappable = "patchify linear gelu softmax cross_entropy layernorm embed_tokens attention split_heads merge_heads".split()


@contextmanager
def use(**functions):
    """`with use(layernorm=mine): ...` runs `mine`, an Op or a function that returns (output, backward), wherever the
    library calls layernorm, in every thread of the process. An op that fuses a replaced one takes its slower, separate
    form meanwhile. A replacement that lacks an option in use is named in a warning, and the library's own runs.

    Raises ValueError for a name that cannot be replaced, or for something that is no function.
    """
    for name, function in functions.items():
        if name not in swappable:
            raise ValueError(f"{name!r} cannot be replaced; these can: {', '.join(swappable)}")
        if not callable(function):
            raise ValueError(f"{name}= takes a function that returns (output, backward); got {type(function).__name__}")
    before = {name: registry[name].replacement for name in functions}
    try:
        for name, function in functions.items():
            registry[name].replacement = Replacement(registry[name], function)
        yield
    finally:
        for name, replacement in before.items():
            registry[name].replacement = replacement


class Replacement:
    """Somebody's function, called like the op's `forward`: what it takes is handed to it, what it returns is looked at."""

    def __init__(self, op, function):
        self.op, self.function = op, function.forward if isinstance(function, Op) else function
        self.parameters = inspect.signature(function).parameters

    def __call__(self, *arrays, **options):
        op = self.op
        bound = op.signature.bind(*arrays, **options)
        bound.apply_defaults()
        given = bound.arguments
        accepted = op.options if any(p.kind is p.VAR_KEYWORD for p in self.parameters.values()) else self.parameters
        positional = [value for name, value in given.items() if name not in op.options]
        named = {name: value for name, value in given.items() if name in accepted and name in op.options}
        lacking = sorted(name for name, default in op.options.items() if name not in named and not _same(given[name], default))
        if lacking:
            missing = ", ".join(lacking)
            warnings.warn(f"your {op.name} lacks {missing}, which is in use here; the library's runs instead", stacklevel=3)
            return op.forward(*arrays, **options)
        y, backward = checked_pair(self.function(*positional, **named), f"your {op.name}")
        expected = {a.dtype for a in arrays if getattr(getattr(a, "dtype", None), "kind", "") == "f"}
        for output in y if isinstance(y, tuple) else (y,):
            found = getattr(output, "dtype", type(output).__name__)
            if len(expected) == 1 and found not in expected:
                raise ValueError(
                    f"your {op.name} returned {found} for inputs of {expected.pop()}: write plain numbers with math.sqrt, "
                    "not np.sqrt, which makes everything float64"
                )
        return y, backward


def _same(value, default):
    """Whether an option has its default value; an array never has."""
    return value is default or (np.isscalar(value) and value == default)
