"""The machine that the figures are of. Figures of two processors stand beside each other, under their names."""

import datetime
import os
import platform
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np  # its OpenBLAS is the one that is looked at
from threadpoolctl import threadpool_info

__all__ = ["about", "blas", "full_name", "name_of", "processor"]


def processor():
    """The model's name, as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        found = ""
    return found or platform.processor() or platform.machine()


def blas():
    """What multiplies NumPy's matrices: "SkylakeX kernels of OpenBLAS 0.3.31"."""
    library = next((one for one in threadpool_info() if one["user_api"] == "blas"), None)
    if library is None:  # Apple's Accelerate, for instance, shows nothing
        return np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    name = {"openblas": "OpenBLAS", "mkl": "MKL"}.get(library["internal_api"], library["internal_api"])
    name += " " + ".".join((library["version"] or "").split(".")[:3])
    kernels = library.get("architecture")
    return (f"{kernels} kernels of {name}" if kernels else name).strip()


def about(threads):
    """The entry "machine" of the results."""
    found = {"processor": processor(), "blas": blas(), "cores": os.cpu_count(), "threads": threads}
    found |= {"measured": datetime.date.today().isoformat(), "python": platform.python_version()}
    return found | {name: version(name) for name in ("numpy", "torch", "jax") if find_spec(name)}


def name_of(machine):
    """Under which its results are kept: a newer version of a library replaces the older one's figures."""
    return machine.get("gpu") or f"{machine['processor']}, {machine['blas'].partition(' of ')[0]}"


def full_name(machine):
    threads = f"{machine['threads']} thread{'s' if machine['threads'] > 1 else ''}"
    return machine.get("gpu") or f"{machine['processor']}, {machine['blas']}, {threads}"
