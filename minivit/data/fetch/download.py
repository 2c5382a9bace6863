"""Downloads, resumed where they broke off and checked before they count."""

import os
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from zlib import crc32

from .copies import CHUNK, verify

TIMEOUT = 20  # seconds without a byte
SLACK = 1 << 20  # bytes that compression may add at most


def download(file, addresses, folder):
    """The path of `file`, fetched into `folder` from the first address that has it. Until it is complete and verified it is
    a .part file, from which the next attempt goes on. Raises ConnectionError with what every address said."""
    folder.mkdir(parents=True, exist_ok=True)
    path, faults = folder / file.remote_name, []
    for address in addresses:
        # one .part an address, since each mirror compresses in its own way
        part = folder / f"{file.remote_name}.{crc32(address.encode()):08x}.part"
        try:
            _fetch_and_verify(address + file.remote_name, part, file)
            os.replace(part, path)
            return path
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            faults.append(f"{address}: {str(reason) or type(reason).__name__}")
    raise ConnectionError("; ".join(faults))


def _fetch_and_verify(url, part, file):
    restarted = False
    while True:
        resumed = fetch(url, part, file.name, file.size + SLACK)
        try:
            return verify(part, file)
        except ValueError:
            part.unlink()
            if restarted or not resumed:
                raise ValueError("what it gave is not the file that is expected: its size or its sha256 differs") from None
            restarted = True  # the older piece may be to blame: once more from the beginning


def fetch(url, part, name, most, urlopen=urllib.request.urlopen):
    """Appends to the file `part` what is missing of what the address gives, `most` bytes at most, as often as the connection ends
    while something still arrives; name: for the bar of progress. Returns whether it went on from an older piece.

    A server that says by an ETag which version it sends is held to it: of another one the whole is fetched.
    Raises OSError or HTTPException, or ValueError for more bytes."""
    while True:
        before = _size(part)
        try:
            _fetch(url, part, name, most, urlopen)
            _version(part).unlink(missing_ok=True)
            return bool(before)
        except (OSError, HTTPException):
            if _size(part) <= before:  # as long as something arrives, it is worth going on
                raise


def _version(part):
    """The file that keeps, beside a part, the ETag of the version that it is of."""
    return part.with_name(f"{part.name}.etag")


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _fetch(url, part, name, most, urlopen):
    """The same, once. Raises OSError if the connection fails or ends too early."""
    from tqdm import tqdm

    have, version = _size(part), _version(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and version.is_file():
        headers["If-Range"] = version.read_text(encoding="latin-1")
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if have and error.code == 416:  # there is no such range: `part` is complete, or is of something else
            return
        raise
    with response, open(part, "ab") as output:
        if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            output.truncate(0)  # the server starts at the beginning
            have = 0
            version.unlink(missing_ok=True)
            if response.headers.get("ETag", "").startswith('"'):  # not a weak one, of the same meaning but other bytes
                version.write_text(response.headers["ETag"], encoding="latin-1")
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        with tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=name, file=sys.stderr, disable=None) as bar:
            while piece := response.read(CHUNK):
                have += len(piece)
                if have > most:
                    output.truncate(0)  # nothing to go on from
                    raise ValueError(f"it sends more than {most - SLACK:,} bytes")
                output.write(piece)
                bar.update(len(piece))
        if total is not None and have < total:
            raise ConnectionError(f"the connection ended after {have:,} of {total:,} bytes")
