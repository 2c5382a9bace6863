"""Memory that is read before anything was written into it: np.empty gives whatever was there, often zeros, and then a wrong
answer is right by luck. While `filled` runs something, np.empty gives nan."""

import contextlib
from unittest import mock

import numpy as np

from .calling import Stop, as_tuple, names_used

MAKERS = ("empty", "empty_like")


def _with_nan(make):
    def made(*arguments, **options):
        array = make(*arguments, **options)
        if array.dtype.kind in "fc":
            array.fill(np.nan)
        return array

    return made


@contextlib.contextmanager
def filled():
    with contextlib.ExitStack() as stack:
        for name in MAKERS:
            stack.enter_context(mock.patch.object(np, name, _with_nan(getattr(np, name))))
        yield


def is_read(learner, run, found):
    """Raises Stop if run() gives nan where `found`, what it gave before, has numbers, once np.empty is full of nan."""
    if not set(MAKERS) & set(names_used(learner.function)):
        return
    with filled():
        again = run()
    for now, before in zip(as_tuple(again), as_tuple(found), strict=False):
        comparable = getattr(now, "dtype", None) is not None and now.dtype.kind == "f" and np.shape(now) == np.shape(before)
        if comparable and np.any(np.isnan(now) & ~np.isnan(before)):
            advice = "np.empty makes an array with whatever was in that memory: write every entry, or begin with np.zeros"
            raise Stop("repeat", f"some entries are read and were never written{learner.where}", details=[advice])
