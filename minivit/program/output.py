"""What is printed, wherever it goes: to a terminal that cannot show an é, to nobody, or onto a full disk."""

import os
import sys
import unicodedata
from contextlib import contextmanager, suppress


def prepare():
    """From here on no print fails for a character that stdout or stderr cannot show, nor because it is closed (`>&-`)."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  it lasts as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def forget(stream):
    """Nobody reads this stream any more: what is still in its buffer, and all that follows, goes nowhere."""
    with suppress(OSError, ValueError, AttributeError):  # a stream without a file of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Unbreakable:
    """A stream that forgets what cannot be written, when the reader has gone or the disk is full."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            encoding = self.stream.encoding or "ascii"
            self.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except (OSError, ValueError):  # ValueError: it is closed
            forget(self.stream)
        return len(text)

    def flush(self):
        try:
            self.stream.flush()
        except (OSError, ValueError):
            forget(self.stream)

    def __getattr__(self, name):
        return getattr(self.stream, name)


@contextmanager
def unbreakable():
    """In its body no print raises: hours of training must not be lost because nobody reads what it says."""
    prepare()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(Unbreakable, before)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def printable(text):
    """The text without what no terminal and no font can show: control characters, and halves of characters, which stand for
    the bytes of a file name that is not UTF-8."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in str(text))


def line(error):
    """An exception in one line; of the system's, the file and what happened."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return printable(f"{error.filename}: {error.strerror}")
    return printable(" ".join(str(error).split("\n"))) or type(error).__name__


def attempt(path, write):
    """write(path), and whether it did. If it fails, whatever with, that is said in a line, and no older file stays there, which
    would be of something else."""
    try:
        write(path)
    except Exception as error:
        print(f"{path} could not be written: {type(error).__name__}: {line(error)}")
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return False
    return True
