"""Files that are either the old one or the new one, never half of either; texts as others' programs write them; and a lock that
ends with its process."""

import codecs
import os
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path):
    """`with replacing(path) as temporary: ...` writes `temporary`, in the same folder, and renames it to `path` at the end.
    If something fails on the way, `path` stays what it was and nothing is left behind; an OSError names `path`."""
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")  # the suffix stays: numpy and matplotlib read the format from it
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.filename in (temporary, str(temporary)):
            raise type(error)(error.errno, error.strerror, str(path)) from None
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_text(path):
    """The text of a file in UTF-8, or in UTF-16 if it says so: Windows' programs put a byte-order mark in front of either.
    Raises UnicodeError for other bytes."""
    data = Path(path).read_bytes()
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if utf16 else "utf-8-sig").replace("\r\n", "\n")


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
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
