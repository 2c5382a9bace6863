"""Copies of a data set's files on this machine: where they may lie, and whether they are the real ones."""

import hashlib
import os
from pathlib import Path

from ..paths import at_home
from .sources import SOURCES

SYSTEM = Path("/usr/share/datasets")  # of Debian's dataset-* packages
CHUNK = 1 << 20  # bytes


def cache_folder():
    """Where downloads go, one folder a data set: MINIVIT_DATA if that is set, else the user's cache."""
    if os.environ.get("MINIVIT_DATA"):
        return at_home(os.environ["MINIVIT_DATA"])
    if os.name == "nt" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"]) / "minivit"
    return at_home("~/.cache/minivit")


def find(name, data_dir=None):
    """{File: path, or None where there is no copy} of the data set `name`. Looks in data_dir/name and data_dir, in the cache
    and among the system's data sets; IDX files may be compressed. Nothing is opened."""
    folders = [cache_folder() / name, SYSTEM / name]
    if data_dir is not None:
        data_dir = at_home(data_dir)
        if not data_dir.is_dir():
            raise ValueError(f"there is no folder {str(data_dir)!r} to find data in")
        folders = [data_dir / name, data_dir, *folders]  # MNIST and Fashion-MNIST name their files alike
    found = {}
    for file in SOURCES[name].files:
        candidates = [folder / written for folder in folders for written in dict.fromkeys((file.name, file.remote_name))]
        found[file] = next((path for path in candidates if path.is_file()), None)
    return found


def chunks(path, file):
    """The bytes of the copy at `path`, decompressed unless it is an archive, in pieces. Raises ValueError with the path, at
    the end at the latest, if they are not those of `file`; never decompresses more than belong to it."""
    import gzip
    import zlib

    digest, left = hashlib.sha256(), file.size
    with open(path, "rb") as raw:
        compressed = not file.archive and raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if compressed else raw
        while True:
            try:
                piece = stream.read(min(CHUNK, left + 1))  # + 1 shows whether more follows
            except (OSError, EOFError, zlib.error) as error:
                raise ValueError(f"{path} is damaged or cut short ({error}): delete it") from None
            if not piece:
                break
            left -= len(piece)
            if left < 0:
                raise ValueError(f"{path} holds more than the {file.size:,} bytes of {file.name}: delete it")
            digest.update(piece)
            yield piece
    if left:
        raise ValueError(f"{path} holds {file.size - left:,} of the {file.size:,} bytes of {file.name}: delete it")
    if digest.hexdigest() != file.sha256:
        raise ValueError(f"{path} is not the {file.name} that is expected, its sha256 differs: delete it")


def verify(path, file):
    """Raises ValueError if the copy at `path` is not `file`."""
    for _ in chunks(path, file):
        pass


def read(path, file):
    """The verified bytes of a copy, decompressed."""
    return b"".join(chunks(path, file))
