"""Weights in NumPy's .npz, as Google gives its Vision Transformers away: a zip with an .npy for each array, "head/kernel.npy"."""

import io
import math
from pathlib import Path

import numpy as np

from .mapped import from_bfloat16, reason
from .zipped import Archive

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
LONGEST = 1 << 10  # bytes of an array's header; numpy writes 128


def read(path):
    """{name: array} of an .npz file. Arrays are read-only views of the mapped file, which must stay as it is while they are in
    use; compressed ones are held in memory. bfloat16, which NumPy writes as two bytes of no meaning, becomes float32. No pickle
    is executed. Raises ValueError with the path and the fault."""
    if not Path(path).is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    try:
        archive = Archive(path)
        return {name.removesuffix(".npy"): _array(name, archive.read(name)) for name in archive.names}
    except Exception as error:  # zipfile, zlib and numpy raise a different class for each kind of damage
        raise ValueError(f"{path} cannot be read as weights in NumPy's format: {reason(error)}") from None


def _array(name, data):
    header = io.BytesIO(data[:LONGEST].tobytes())
    try:
        shape, fortran, dtype = HEADERS[np.lib.format.read_magic(header)](header, max_header_size=LONGEST)
    except Exception:  # Python's parser raises a different class for each kind of damage, a MemoryError for many brackets
        raise ValueError(f"{name!r:.60} has a damaged header, or one that no weights have") from None
    bfloat16 = dtype == np.dtype("V2")
    if dtype.kind not in "biufcU" and not bfloat16:  # O: Python's objects, a pickle, which could run anything
        raise ValueError(f"{name!r:.60} holds {dtype}, and no numbers")
    if not all(type(size) is int and 0 <= size < 1 << 62 for size in shape):
        raise ValueError(f"{name!r:.60} has a shape that is none")
    if math.prod(shape) * dtype.itemsize != len(data) - header.tell():
        raise ValueError(f"{name!r:.60}: its header, {dtype} {shape!r:.60}, does not fit its {len(data):,} bytes")
    array = np.ndarray(shape, "<u2" if bfloat16 else dtype, data, header.tell(), order="F" if fortran else "C")
    return from_bfloat16(array) if bfloat16 else array
