"""safetensors: 8 bytes of length, the lowest first; a JSON header of that length; then the numbers, one array after another.

Source: https://huggingface.co/docs/safetensors, "Format".
"""

import json
import math
from pathlib import Path

import numpy as np

from .mapped import from_bfloat16, mapped, reason

DTYPES = {  # NumPy's, of the same bytes
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "BOOL": "|b1"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1"},
}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items() if name != "BF16"}
LENGTH = 8  # bytes in front of the header
HEADER = 8 << 20  # bytes; a model of 40,000 arrays has less
TEXTS = "__metadata__"
MOST_AXES = 32


def read(path):
    """({name: array}, the metadata as a dictionary of texts) of a .safetensors file.

    The arrays are read-only views of the file, which is mapped and not held in memory: it must stay as it is while they are in
    use. Their dtype is the file's, float16 too; bfloat16, which NumPy lacks, becomes float32. Raises ValueError with the path
    and the fault."""
    if not Path(path).is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    try:
        data = mapped(path)
        header, texts, start = _header(data)
        views = _views(header, data[start:])
    except RecursionError:
        raise ValueError(f"{path} is no safetensors file, or it is damaged: its header is nested too deeply") from None
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is no safetensors file, or it is damaged: {reason(error)}") from None
    return {name: from_bfloat16(view) if header[name]["dtype"] == "BF16" else view for name, view in views.items()}, texts


def _header(data):
    """(the entries by name, the metadata, where the numbers begin)"""
    length = int.from_bytes(data[:LENGTH].tobytes(), "little")
    if len(data) < LENGTH or not 2 <= length <= min(len(data) - LENGTH, HEADER):
        raise ValueError(f"its header would be {length:,} bytes long, in a file of {len(data):,}; at most {HEADER:,} are read")
    try:
        header = json.loads(data[LENGTH : LENGTH + length].tobytes().decode(), object_pairs_hook=_unique)
    except json.JSONDecodeError:
        raise ValueError("its header is no JSON") from None
    if not isinstance(header, dict):
        raise ValueError("its header is no dictionary")
    texts = header.pop(TEXTS, {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"its {TEXTS} is no dictionary of texts")
    return header, texts, LENGTH + length


def _unique(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in its header")
    return found


def _views(header, data):
    """{name: view of `data`}, if the arrays fill it from end to end, none over another."""
    places = {name: _place(name, entry) for name, entry in header.items()}
    reached = 0
    for name, (start, end, *_) in sorted(places.items(), key=lambda place: place[1][:2]):
        if start != reached:
            raise ValueError(f"{name!r:.60} begins at byte {start:,} of the numbers, where {reached:,} is next")
        reached = end
    if reached != len(data):
        raise ValueError(f"its arrays have {reached:,} bytes, {len(data):,} are there")
    return {name: np.ndarray(shape, dtype, data, start) for name, (start, end, shape, dtype) in places.items()}


def _place(name, entry):
    """(first byte, the one after the last, shape, dtype) of an entry of the header."""
    try:
        dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        counts = [start, end, *shape]
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"{name!r:.60} does not have a dtype, a shape and two data_offsets") from None
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{name!r:.60} is of dtype {dtype!r:.60}; those that are read are {', '.join(DTYPES)}")
    if not all(type(count) is int and 0 <= count < 1 << 62 for count in counts) or len(shape) > MOST_AXES:
        raise ValueError(f"{name!r:.60} has a shape or data_offsets that are no sizes: {counts!r:.60}")
    needed = np.dtype(DTYPES[dtype]).itemsize * math.prod(shape)
    if end - start != needed:
        raise ValueError(f"{name!r:.60} is {dtype} of shape {shape!r:.60}, {needed:,} bytes, but has {end - start:,}")
    return start, end, tuple(shape), DTYPES[dtype]


def write(path, arrays, metadata=None):
    """Writes {name: array} and a dictionary of texts to `path`, which is final: who wants the old file or the new one and never
    half of either gives the path of a temporary one. Raises ValueError for a name, a dtype or a text that the format lacks,
    before anything is written; OSError where no file can be."""
    texts = dict(metadata or {})
    if not all(isinstance(word, str) for item in texts.items() for word in item):
        raise ValueError("the metadata of a safetensors file must be texts by name, nothing else")
    header, end = {TEXTS: texts} if texts else {}, 0
    # the widest numbers first: each array then begins at a multiple of its own width
    ordered = sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize)
    for name, array in ordered:
        if not isinstance(name, str) or name == TEXTS:
            raise ValueError(f"{name!r:.60} cannot be the name of an array in a safetensors file")
        if array.dtype.newbyteorder("<") not in NAMES:
            raise ValueError(f"{name!r:.60} is {array.dtype}, which a safetensors file does not hold")
        entry = {"dtype": NAMES[array.dtype.newbyteorder("<")], "shape": array.shape, "data_offsets": (end, end + array.nbytes)}
        header[name], end = entry, end + array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(LENGTH, "little") + text)
        for _, array in ordered:
            file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
