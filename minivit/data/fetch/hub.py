"""A pretrained model by its name on the model hub, OWNER/NAME: its safetensors file and what describes it, in the cache.

Nothing is fetched unless such a name is given, from no other place, and only over https. What was fetched once is known by its
sha256 ever after: of a model in KNOWN by the one that stands there, of others by the one of the first time.
"""

import hashlib
import os
import re
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from ..formats.weights import INDEX, SIDECARS, SUFFIXES
from .copies import cache_folder
from .download import SLACK, fetch

HUB = "https://huggingface.co"
SCHEMES = ("https",)  # which an address may have, also one that another leads to
WEIGHTS = "model.safetensors"
MOST = {WEIGHTS: 8 << 30, **dict.fromkeys(SIDECARS.values(), 8 << 20)}  # bytes
PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?")  # of OWNER/NAME
KNOWN = {}  # "OWNER/NAME": sha256 of its model.safetensors
SUMS = "SHA256SUMS"  # as sha256sum writes and checks it
OF_A_PATH = (*SUFFIXES, INDEX)
FOLDERS_OF_OURS = ("runs", "work")  # a run that is not there is no model of somebody called "runs"


def is_name(name):
    """Whether a text is OWNER/NAME, and no path: neither it nor a folder OWNER is there, and it has no suffix of weights."""
    owner, _, rest = name.partition("/") if isinstance(name, str) else ("", "", "")
    if not (PART.fullmatch(owner) and PART.fullmatch(rest)) or ".." in name or name.endswith(OF_A_PATH):
        return False
    return owner not in FOLDERS_OF_OURS and not Path(owner).exists()


def fetched(name):
    """The path of the model.safetensors of OWNER/NAME in the cache, config.json and the like beside it; downloaded if it is not
    there. Raises ValueError for what is no such name, for a model that cannot be had, with what to do, and for a file that is not
    what it was."""
    if not is_name(name):
        raise ValueError(f"{name!r:.100} is no model's name: OWNER/NAME, of letters, digits, '.', '_' and '-'")
    path = place(name)
    if not path.is_file():
        _download(name, path.parent)
    _verify(name, path.parent)
    return path


def place(name):
    """The path of a model in the cache, whether it is there or not."""
    owner, _, rest = name.partition("/")
    return cache_folder() / "hub" / owner / rest / WEIGHTS


def _download(name, folder):
    """Fetches what describes the model, where there is such a file, then the weights: once there, all is."""
    addresses = {file: f"{HUB}/{name}/resolve/main/{file}" for file in MOST}
    print(f"minivit: downloading {name} into {folder}", file=sys.stderr)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in (*SIDECARS.values(), WEIGHTS):
            part = folder / f"{file}.part"
            try:
                fetch(addresses[file], part, file, MOST[file] + SLACK, _opener().open)
            except urllib.error.HTTPError as error:
                if error.code != 404 or file == WEIGHTS:
                    raise
                continue
            os.replace(part, folder / file)
    except (OSError, HTTPException, ValueError) as error:
        reason = str(getattr(error, "reason", None) or error) or type(error).__name__
        raise ValueError(
            f"{name} is not on this machine and could not be downloaded ({reason}). Put {addresses[WEIGHTS]} and the config.json "
            f"beside it into {folder}, or give the path of a file"
        ) from None


def _verify(name, folder):
    """Holds the files to their sha256, and keeps it of those that are new. A hash of weights is of the file's bytes."""
    sums = folder / SUMS
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    kept = {file: digest for digest, _, file in (line.partition("  ") for line in lines)}
    found = {file: _sha256(folder / file) for file in MOST if (folder / file).is_file()}
    for file, digest in found.items():
        expected = KNOWN.get(name) if file == WEIGHTS and name in KNOWN else kept.get(file)
        if expected not in (None, digest):
            raise ValueError(f"{folder / file} is not what it was, its sha256 differs: delete {folder} to fetch the model anew")
    if kept != found:
        sums.write_text("".join(f"{digest}  {file}\n" for file, digest in found.items()), encoding="utf-8", newline="\n")
        if WEIGHTS not in kept and name not in KNOWN:
            print(f"minivit: {name}: first use, not verified; from now on its sha256 must be {found[WEIGHTS]}", file=sys.stderr)


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _NoOtherScheme(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, request, file, code, message, headers, address):
        if address.partition(":")[0].lower() not in SCHEMES:
            raise urllib.error.URLError(f"{request.full_url} leads to {address:.100}, which is not {' or '.join(SCHEMES)}")
        return super().redirect_request(request, file, code, message, headers, address)


def _opener():
    return urllib.request.build_opener(_NoOtherScheme)
