"""IDX, the format of MNIST's files: two zero bytes, the type (8: bytes), the number of axes; then the length of each axis, 4
bytes, the highest first; then the numbers, the last axis running fastest."""

import math
import struct

import numpy as np


def parse(data, name, axes):
    """The array of whole numbers from 0 to 255 in the bytes `data`, with so many axes; a view that cannot be written to.
    `name` stands in a ValueError, raised unless the header and the number of bytes agree."""
    if len(data) < 4 or data[:2] != b"\0\0":
        raise ValueError(f"{name} is no IDX file: it does not begin with two zero bytes, a type and a number of axes")
    if data[2] != 8:
        raise ValueError(f"{name}: IDX of type {data[2]:#04x}; only bytes, type 0x08, are read")
    if data[3] != axes:
        raise ValueError(f"{name}: IDX with {data[3]} axes; {axes} are expected")
    start = 4 + 4 * axes
    if len(data) < start:
        raise ValueError(f"{name} is cut short: its header has {start} bytes, the file {len(data)}")
    shape = struct.unpack(f">{axes}I", data[4:start])
    if math.prod(shape) != len(data) - start:  # exact, whatever the header claims: these are Python's numbers
        raise ValueError(
            f"{name} is damaged: its header tells of {' x '.join(map(str, shape))} bytes, {len(data) - start:,} are there"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
