"""Files that are either the old one or the new one, never half of either; and texts as others' programs write them."""

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
