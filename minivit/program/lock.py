"""A lock on a folder that ends with its process."""

import os
import sys
from contextlib import suppress
from pathlib import Path


class Lock:
    """A file that one process at a time can hold. The system lets go of it when the process ends, however it ends.

    lock = Lock(path)
    lock.take()        False if another process holds it
    lock.free()
    """

    def __init__(self, path):
        self.path, self.file = Path(path), None

    def take(self):
        self.file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115  it stays open as long as it is held
        try:
            _lock(self.file)
        except OSError:
            self.file.close()
            self.file = None
            return False
        if not self._is_at_path():  # whoever held it before has just removed it, and others may be making it anew
            self.file.close()
            return self.take()
        return True

    def _is_at_path(self):
        with suppress(FileNotFoundError):
            return os.path.samestat(os.stat(self.path), os.fstat(self.file.fileno()))
        return False

    def free(self):
        if self.file:
            with suppress(OSError):  # Windows removes no open file: there it stays, empty and free
                self.path.unlink()
            self.file.close()
            self.file = None


def _lock(file):
    if sys.platform == "emscripten":  # in a browser there is one process, and no lock
        return
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
