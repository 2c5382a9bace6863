"""A file of weights, or a folder with one: safetensors, torch's, or NumPy's .npz, told apart by what is in it."""

import json
import os
from pathlib import Path

from ..paths import at_home
from . import npz_weights, safetensors, torch_file
from .mapped import reason
from .zipped import Archive

WHOLE = ("model.safetensors", "pytorch_model.bin", "model.npz")  # of a folder, the first that is there
INDEX = ".index.json"
SHARDED = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".npz")
SIDECARS = {"config": "config.json", "preprocessor": "preprocessor_config.json"}
LARGEST_TEXT = 8 << 20  # bytes of a JSON file
MOST_SHARDS = 1000
NO_WEIGHTS = {  # what a file that is often taken for weights begins with
    b"version https://git-lfs": "a pointer of Git LFS in place of the weights: fetch them with `git lfs pull`",
    b"<!doctype": "a web page and no weights: download the file itself",
    b"<html": "a web page and no weights: download the file itself",
    b"\x89hdf": "of Keras or HDF5, which is not read: convert it with safetensors",
    b"\x80": "a bare pickle, as torch wrote before version 1.6, which is not read: convert it with safetensors, or load it with "
    "torch and save it anew",
}


def read_weights(path):
    """(tree, about) of a file of weights, of a folder that holds one, or of a model.safetensors.index.json with its shards.

    tree: {name: array}; in torch's files it is nested as it stands there, {"model": {name: array}, "epoch": 3, "args": …}.
    Arrays are read-only views of the mapped file in the dtype that they have there, float16 too; bfloat16 becomes float32. Names
    are the file's own: "blocks.0.attn.qkv.weight", or "params/Transformer/encoderblock_0/…" in an .npz.

    about: {"path": the file that was read, or the index of its shards, as a Path,
            "format": "safetensors", "torch" or "npz",
            "metadata": the texts in a safetensors header, else {},
            "config": the dictionary in config.json beside it (Hugging Face's, or timm's), or None,
            "preprocessor": the dictionary in preprocessor_config.json beside it, or None,
            "size": bytes, of all shards together}

    Nothing in a file is ever executed. Raises ValueError with the path, the fault, and what to do."""
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise ValueError(f"weights are read from a path; got {type(path).__name__}: {path!r:.60}")
    path = at_home(path)
    path = _the_file(path) if path.is_dir() else path
    if not path.is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    about = {key: _json(path.with_name(name)) if path.with_name(name).is_file() else None for key, name in SIDECARS.items()}
    try:
        tree, more = _sharded(path) if path.name.endswith(INDEX) else _whole(path)
    except OSError as error:
        raise ValueError(f"{error.filename or path} cannot be read: {error.strerror or error}") from None
    return tree, {"path": path, **more, **about}


def _the_file(folder):
    """The file of weights in a folder."""
    for name in (*WHOLE, *SHARDED):
        if (folder / name).is_file():
            return folder / name
    found = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and file.is_file())
    if not found:
        raise ValueError(f"{folder} has no file of weights: none that ends in {', '.join(SUFFIXES)}")
    if len(found) > 1:
        names = ", ".join(file.name for file in found[:6]) + (" …" if len(found) > 6 else "")
        raise ValueError(f"{folder} has {len(found)} files of weights, {names}: name one of them")
    return found[0]


def _whole(path):
    """(tree, {format, metadata, size}) of one file."""
    with open(path, "rb") as file:
        begin = file.read(64)
    more = {"metadata": {}, "size": path.stat().st_size}
    if begin[8:9] == b"{":  # the length of a header stands before it: safetensors
        tree, more["metadata"] = safetensors.read(path)
        return tree, {"format": "safetensors", **more}
    for mark, what in NO_WEIGHTS.items():
        if begin.lstrip().lower().startswith(mark):
            raise ValueError(f"{path} is {what}")
    if begin[:2] != b"PK":  # not a zip
        raise ValueError(f"{path} is no file of weights, or it is damaged: neither safetensors, nor torch's, nor NumPy's .npz")
    try:
        names = Archive(path).names
    except Exception as error:  # zipfile raises a different class for each kind of damage
        raise ValueError(f"{path} is no file of weights, or it is damaged: {reason(error)}") from None
    if names and all(name.endswith(".npy") for name in names):
        return npz_weights.read(path), {"format": "npz", **more}
    return torch_file.read(path), {"format": "torch", **more}


def _sharded(path):
    """The same of several files, which an index names: {"weight_map": {name: its file}}."""
    places = _json(path).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(shard, str) for shard in places.values()):
        raise ValueError(f'{path} does not say in which file each array is: "weight_map", a dictionary of texts')
    shards = {}
    for name, shard in places.items():
        shards.setdefault(shard, []).append(name)
    if not 0 < len(shards) <= MOST_SHARDS:
        raise ValueError(f"{path} names {len(shards):,} files; 1 to {MOST_SHARDS:,} are read")
    tree, about, size = {}, {}, 0
    for shard, names in shards.items():
        if shard != Path(shard).name or "\\" in shard or ":" in shard or shard in ("", ".", ".."):
            raise ValueError(f"{path} names the file {shard!r:.60}, which is not one in its own folder")
        if not path.with_name(shard).is_file():
            raise ValueError(f"{path} names the file {shard!r:.60}, which is not there: get it too")
        arrays, about = _whole(path.with_name(shard))
        missing = [name for name in names if name not in arrays]
        if missing:
            raise ValueError(f"{path.with_name(shard)} lacks {missing[0]!r:.60}, which {path.name} looks for there")
        tree |= {name: arrays[name] for name in names}
        size += about["size"]
    return tree, {**about, "metadata": {}, "size": size}


def _json(path):
    """The dictionary in a JSON file."""
    try:
        if path.stat().st_size > LARGEST_TEXT:
            raise ValueError(f"it has {path.stat().st_size:,} bytes; at most {LARGEST_TEXT:,} are read")
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise ValueError("it holds no dictionary")
    except (ValueError, RecursionError, OSError) as error:
        raise ValueError(f"{path} is damaged, mend it or take it away: {reason(error)}") from None
    return found
