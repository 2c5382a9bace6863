"""What all files of weights share: the file as an array of its bytes, which the system reads where it is looked at; bfloat16, the
dtype that NumPy lacks; and what an error says."""

import mmap
import os

import numpy as np


def mapped(path):
    """The bytes of a file as a read-only uint8 array. The file is mapped, not held in memory, where the system can do that.
    Raises OSError."""
    if not os.path.getsize(path):
        return np.empty(0, np.uint8)  # an empty file cannot be mapped
    try:
        return np.asarray(np.memmap(path, np.uint8, "r"))
    except OSError:  # some network drives
        data = np.fromfile(path, np.uint8)
        data.flags.writeable = False
        return data


def let_go(array):
    """Tells the system that what was read so far of the mapped file behind `array` need not stay in memory, where it would be
    counted beside a copy. Read again, it comes again."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        array.madvise(mmap.MADV_DONTNEED)


def from_bfloat16(bits):
    """float32 of the same shape, exactly: bfloat16, here as uint16, is the upper half of a float32."""
    numbers = bits.astype(np.uint32)
    numbers <<= 16
    return numbers.view(np.float32)


def reason(error):
    """What an error says, in one short line: NumPy's and zipfile's may repeat what they were given."""
    line = (str(error) or type(error).__name__).splitlines()[0]
    return line if len(line) <= 300 else f"{line[:300]}…"
