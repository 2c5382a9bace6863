"""`minivit` or `python -m minivit`, interrupted by Ctrl-C while its modules are still being read: one line and no traceback."""

import sys

from .called import in_console


def tell(kind, error, traceback):
    if issubclass(kind, KeyboardInterrupt):
        print("minivit: stopped", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


if in_console() or ("-m", "minivit") in zip(sys.orig_argv, sys.orig_argv[1:], strict=False):
    sys.excepthook = tell
