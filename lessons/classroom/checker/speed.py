"""A note on speed for an answer that is right, where it is far slower than the course's own: never a failure."""

import ast
import inspect
import textwrap
from time import perf_counter

from .calling import names_used

NOTICEABLE, SLOW = 0.02, 10  # seconds, and times the course's own
LOOPS = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)
HIDDEN = ("vectorize", "apply_along_axis", "apply_over_axes", "frompyfunc", "fromiter", "map")  # loops by another name


def speed_note(learner, reference, run):
    """The note, or None. run(function) runs one of the two: both are timed here and now, on the same machine. What seems slow is
    timed twice: a machine that does something else for a moment is no mistake of the learner's."""
    seconds = {}
    for _ in range(2):
        for function in (reference, learner.function):
            started = perf_counter()
            run(function)
            seconds[function] = min(seconds.get(function, 1e9), perf_counter() - started)
        theirs, ours = seconds[learner.function], seconds[reference]
        if theirs <= NOTICEABLE or theirs <= SLOW * ours:
            return None
    note = f"right, and slow: yours takes {1e3 * theirs:.0f} ms where {1e3 * ours:.1f} ms are enough"
    line = first_loop(learner.function, learner.namespace)
    return f"{note}: is the loop in line {line} one over rows or entries?" if line else note


def first_loop(function, namespace):
    """The line of the first loop in a function, or in those of the same file that it calls; None without one."""
    todo, seen = [function], set()
    while todo:
        function = todo.pop(0)
        if id(function) in seen:
            continue
        seen.add(id(function))
        try:
            lines, first = inspect.getsourcelines(function)
            tree = ast.parse(textwrap.dedent("".join(lines)))
        except (OSError, TypeError, SyntaxError):  # no function of Python's, or one whose text is not at hand
            continue
        found = [node.lineno for node in ast.walk(tree) if _is_loop(node)]
        if found:
            return first + min(found) - 1
        others = (namespace.get(name) for name in names_used(function))
        todo += [other for other in others if getattr(other, "__globals__", None) is namespace]
    return None


def _is_loop(node):
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", getattr(node.func, "id", None)) in HIDDEN
    return isinstance(node, LOOPS)
