"""Which array library an array belongs to, and the few functions that NumPy and CuPy spell differently.

Every op starts with `xp = array_module(x)` and then writes `xp.exp(x)`: NumPy for an array in the computer's memory, CuPy
for one on a GPU. There is no global "current device": the array decides.
"""

import functools
import math
import sys

import numpy as np

INSTALL_CUPY = 'pip install "cupy-cuda13x[ctk]" for CUDA 13, or "cupy-cuda12x[ctk]" for CUDA 12'


def array_module(x):
    """The library that `x` belongs to: `cupy` for a CuPy array, else `numpy`. CuPy is never imported here: whoever holds
    one of its arrays has imported it already."""
    if type(x).__module__.partition(".")[0] == "cupy":
        return sys.modules["cupy"]
    return np


def to_device(x, device):
    """`x` as an array on `device`, "cpu" or "gpu". An array that is there already comes back as it is, uncopied."""
    if device == "cpu":
        return to_host(x)
    if device != "gpu":
        raise ValueError(f'the device is {device!r}; it can be "cpu" or "gpu"')
    usable, reason = gpu_status()
    if not usable:
        raise ValueError(reason)
    return sys.modules["cupy"].asarray(x)


def to_host(x):
    """`x` as a NumPy array; a CuPy array is copied from the GPU, which waits until the GPU has computed it."""
    return x.get() if array_module(x) is not np else np.asarray(x)


@functools.cache
def gpu_status():
    """(usable, one line that says why or why not). A driver without CUDA's libraries shows only when a kernel is
    compiled and a matrix is multiplied, so both are tried, once."""
    try:
        import cupy
    except ImportError:
        return False, f"no GPU is used: CuPy is not installed; {INSTALL_CUPY}"
    try:
        probe = cupy.ones((2, 2), dtype=np.float32)
        total = float(((probe + 1) @ probe).sum())
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    except Exception as error:  # a missing driver, a missing library: CuPy raises a different class for each
        first_line = (str(error).splitlines() or [""])[0]
        return False, (
            f"no GPU is used: CuPy is installed but fails with {type(error).__name__}: {first_line}; "
            f"check that nvidia-smi lists a GPU, then {INSTALL_CUPY}"
        )
    if total != 16.0:
        return False, f"no GPU is used: {name} computed 16 as {total}; reinstall the driver and CuPy ({INSTALL_CUPY})"
    return True, f"GPU: {name}"


def add_at(x, index, values):
    """x[index] += values in place, where an index that occurs k times receives k additions."""
    array_module(x).add.at(x, index, values)


def erf(x):
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, elementwise; the dtype is kept."""
    if array_module(x) is np:
        return host_erf(x)
    from cupyx.scipy.special import erf as device_erf

    return device_erf(x)


def host_erf(x):
    """The error function of a NumPy array; the dtype is kept.

    float64 takes Python's own `math.erf`, entry by entry: exact, and slow enough to be kept for checking.
    float32 takes Abramowitz and Stegun 7.1.26, one exp and a polynomial of degree 5: off by at most 1.5e-7, and rounding.
    """
    if x.dtype == np.float64:
        return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), dtype=np.float64)
    magnitude = np.abs(x)
    t = 1 / (1 + 0.3275911 * magnitude)
    polynomial = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return np.copysign(1 - polynomial * np.exp(-magnitude * magnitude), x)
