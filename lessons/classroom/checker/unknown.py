"""Names that a learner's file does not know: what was meant, or what is missing at the top."""

import contextlib
import difflib
import re
from types import ModuleType


def of_a_name(error, text, frame):
    """What to say of a name that is not there, or not yet; None for other errors."""
    if isinstance(error, UnboundLocalError):
        name = (re.findall(r"'(\w+)'", text) or ["a name"])[0]
        return (
            f"{name} is used before it has a value. A name that a function assigns, also by +=, is the function's own: "
            "give the new value a new name. If branches of an `if` give it its value: is an `else` missing?"
        )
    if isinstance(error, NameError) and getattr(error, "name", None):
        if line := _import_of(error.name):
            return f"there is no {error.name!r} here: is  {line}  missing at the top of the file?"
        names = {**frame.f_globals, **frame.f_locals} if frame else {}
        known = {n for n, value in names.items() if not n.startswith("_") and not isinstance(value, ModuleType)}
        others = {n for n in known if re.sub(r"\d", "", n) != re.sub(r"\d", "", error.name)}  # fc1 is no misspelt fc2
        near = difflib.get_close_matches(error.name, sorted(others), n=1) or _in_a_module(error.name, names)
        return f"there is no {error.name!r} here" + (
            f": did you mean {near[0]!r}?" if near else ": is it spelled right, and made before?"
        )
    return None


SHORT = {"np": "numpy", "plt": "matplotlib.pyplot", "xp": "numpy"}  # modules by the names that people give them
TAUGHT = ("math", "random", "time", "itertools", "functools", "collections", "json", "sys", "os", "re", "copy", "statistics")


def _import_of(name):
    """The line that makes the name of a module known; '' for what is no module's."""
    if name in SHORT:
        return f"import {SHORT[name]} as {name}"
    if name == "mine":
        return "from lessons import mine"
    return f"import {name}" if name in (*TAUGHT, "numpy") else ""


def _in_a_module(name, names):
    """[the name in a module that the file knows, or in `mine`] for a function that is written without it."""
    return [f"{short}.{name}" for short in ("np", "math", "mine") if _offers(names.get(short), name)][:1]


def _offers(module, name):
    with contextlib.suppress(Exception):  # `mine` reads the learner's file of another lesson, which may not even run
        return hasattr(module, name)
    return False
