"""What all code in one process shares: names of Python's and of NumPy's, and settings. A learner's file that changes them would
change the check as well; so settings are put back, and changed names are told."""

import builtins
import contextlib
import functools
import itertools
import json
import math
import os
import re
import sys
import time
import warnings

import numpy as np

from .loading import Problem

OURS = ("minivit", "lessons")


def _modules():
    """{name: module} of what the checks and their libraries call by name."""
    own = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in OURS and module}
    return own | {
        module.__name__: module for module in (builtins, math, time, itertools, functools, json, np, np.random, np.linalg)
    }


class Names:
    """The functions and classes of these modules as they were, to find and undo what has taken their place."""

    def __init__(self):
        self.modules = _modules()
        self.kept = [
            (module, name, attribute, value)
            for name, module in self.modules.items()
            for attribute, value in list(vars(module).items())
            if callable(value) and not attribute.startswith("_")
        ]

    def put_back(self):
        """Undoes what was changed; gives the names of it."""
        gone = [name for name, module in self.modules.items() if sys.modules.get(name) is not module]
        sys.modules.update({name: self.modules[name] for name in gone})
        changed = [entry for entry in self.kept if vars(entry[0]).get(entry[2]) is not entry[3]]
        for module, _, attribute, value in changed:
            setattr(module, attribute, value)
        return gone + list(dict.fromkeys(_written(name, attribute) for _, name, attribute, _ in changed))

    def expect_unchanged(self, text):
        """Puts names back, and raises Problem if there was one to put back. text: of the file that may have done it."""
        if changed := self.put_back():
            if len(changed) > 1:
                advice = "are: they belong to Python and its libraries, and the check needs them too. Choose names of your own"
            else:
                advice = "is: it belongs to Python or its libraries, and the check needs it too. Choose a name of your own"
            told = f"your file changes what {' and '.join(changed[:3])} {advice}"
            raise Problem([told], _line_of(changed[0].rpartition(".")[2], text))


def _line_of(name, text):
    """The line that gives the name another value, or deletes it, if one is seen to."""
    lines = enumerate(text.splitlines(), 1)
    return next((i for i, line in lines if re.search(rf"\b{name}['\"\]]* *=[^=]|\bdel .*\b{name}\b", line)), None)


def _written(module, attribute):
    """A name as it stands in people's code."""
    return attribute if module == "builtins" else f"{module.replace('numpy', 'np')}.{attribute}"


@contextlib.contextmanager
def settings_kept():
    """Leaves the settings of Python and NumPy as they were, whatever runs inside: one that turns warnings into errors, or lets
    functions call themselves a million times deep, is for whoever sets it."""
    depth, folder, numpy_errors, printing = sys.getrecursionlimit(), os.getcwd(), np.geterr(), np.get_printoptions()
    with warnings.catch_warnings():
        try:
            yield
        finally:
            sys.setrecursionlimit(depth)
            os.chdir(folder)
            np.seterr(**numpy_errors)
            np.set_printoptions(**printing)
