"""Pictures that were decoded once, kept in the cache folder: a file an entry, the oldest removed beyond a bound."""

import hashlib
import os
import time
from contextlib import suppress

import numpy as np

from .copies import cache_folder

VERSION = 1  # of how pictures become arrays: entries of another are not found
MOST_BYTES = 2 << 30
MOST_ENTRIES = 64
DAY = 24 * 3600  # seconds after which a file that was half written when its process was killed is removed


def folder():
    return cache_folder() / "pictures"


def key(*described):
    """The name of an entry for what is described: texts, numbers, lists of these."""
    return hashlib.sha256(repr((VERSION, described)).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def load(name, arrays):
    """{name: array} of an entry, or None if there is none that can be read: it is then to be made again."""
    from ..formats.npz import read_arrays

    path = folder() / f"{name}.npz"
    try:
        found = read_arrays(path, arrays)
    except (ValueError, OSError):
        return None
    with suppress(OSError):
        os.utime(path)  # the one that was not used for the longest time is removed first
    return found


def store(name, arrays):
    """Keeps an entry, whole or not at all. Returns "" or why it cannot be kept, which is no reason to stop."""
    if sum(array.nbytes for array in arrays.values()) > MOST_BYTES:
        return f"they take more than {MOST_BYTES / 1e9:.0f} GB"
    path = folder() / f"{name}.npz"
    temporary = path.with_name(f".{os.getpid()}-{name}.npz")  # two processes may be at it
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(temporary, **arrays)
        os.replace(temporary, path)
        _trim(path)
    except OSError as error:
        return f"{path.parent}: {error.strerror or error}"
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return ""


def _trim(newest):
    """Removes the oldest entries beyond the bounds, and what a killed process has left half written."""
    entries = []
    for path in newest.parent.iterdir():
        with suppress(OSError):  # another process may be trimming
            status = path.stat()
            if path.name.startswith("."):
                if time.time() - status.st_mtime > DAY:
                    path.unlink()
            elif path.suffix == ".npz":
                entries.append((path != newest, -status.st_mtime_ns, path, status.st_size))
    total = 0
    for number, (_, _, path, size) in enumerate(sorted(entries)):
        total += size
        if total > MOST_BYTES or number >= MOST_ENTRIES:
            with suppress(OSError):
                path.unlink()
