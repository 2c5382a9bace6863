"""Files that are either the old one or the new one, never half of either."""

import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path):
    """`with replacing(path) as temporary: ...` writes `temporary`, in the same folder, and renames it to `path` at the end.
    If something fails on the way, `path` stays what it was and nothing is left behind."""
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")  # the suffix stays: numpy and matplotlib read the format from it
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
