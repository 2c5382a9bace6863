"""The module `cupy` of the stand-in: NumPy's functions for arrays of the pretended device, but for those that CuPy lacks."""

from types import ModuleType, SimpleNamespace

import numpy as np

from .arrays import ABSENT, VIEWS, DeviceArray, compute
from .traffic import NOW, count

COUNTED = {"nonzero", "flatnonzero", "argwhere", "unique", "bincount"}  # how many there are decides the shape: the host must know
REDUCTIONS = {"sum", "mean", "max", "min", "var", "std", "prod", "any", "all", "argmax", "argmin"}
MADE = "zeros ones empty full arange eye identity linspace tri".split()
LACKING = set(
    "block errstate seterr geterr vecdot matvec vecmat unstack frompyfunc einsum_path geomspace insert nditer ndenumerate matrix "
    "memmap isnat spacing nanpercentile nanquantile".split()
)


class _Pretended(ModuleType):
    """The module `cupy`: NumPy's functions for arrays of the device, but for those that CuPy lacks."""

    def __getattr__(self, name):
        theirs = getattr(np, name, None)
        if name in LACKING or theirs is None or name.startswith("__"):
            raise AttributeError(ABSENT.format(name), name=name, obj=self)
        return theirs if isinstance(theirs, type) or not callable(theirs) else _Function(theirs)


class _Function:
    """One of NumPy's functions, or a ufunc with its methods, for arrays of the device."""

    def __init__(self, theirs):
        self.theirs, self.__name__ = theirs, theirs.__name__

    def __call__(self, *arguments, **options):
        name = self.__name__
        if name in COUNTED or (name == "where" and len(arguments) == 1):
            count("count", down=4)
        if name in REDUCTIONS and arguments and isinstance(arguments[0], np.ndarray):
            return self.theirs(*arguments, **options)  # CuPy leaves it to NumPy: nothing travels
        return compute(self.theirs, arguments, options, launches=name not in VIEWS)

    def __getattr__(self, method):
        if not isinstance(self.theirs, np.ufunc) or method not in ("at", "reduce"):
            raise AttributeError(ABSENT.format(f"{self.__name__}.{method}"), name=method, obj=self)
        return lambda *arguments, **options: DeviceArray.__array_ufunc__(None, self.theirs, method, *arguments, **options)


def _asarray(x, dtype=None, copy=False, **_):
    """The array on the device: one that is there already stays, one of the host's travels."""
    if isinstance(x, tuple | list) and x and all(isinstance(part, DeviceArray) for part in x):
        return compute(np.stack, (x,), {"dtype": dtype})
    if isinstance(x, DeviceArray):
        return x if not copy and dtype in (None, x.dtype) else compute(np.array, (x,), {"dtype": dtype})
    numbers = np.array(x, dtype=dtype)
    if numbers.ndim:  # a single number goes along with the launch
        count("asarray", up=numbers.nbytes)
    return DeviceArray(numbers)


def _drawn(seed=None):
    """Random numbers of the device: others than NumPy's, from the same seed too."""
    host = np.random.default_rng(None if seed is None else (seed, 1))
    names = ("permutation", "standard_normal", "normal", "uniform", "random", "integers", "shuffle")
    draw = {name: _on_device(getattr(host, name), drawn=1) for name in names}
    draw |= {"rand": _on_device(lambda *shape: host.random(shape), drawn=1)}
    return SimpleNamespace(**draw, randn=_on_device(lambda *shape: host.standard_normal(shape), drawn=1))


def _on_device(function, drawn=0):
    def run(*arguments, **options):
        NOW[-1].drawn += drawn
        return compute(function, arguments, options)

    return run


def _get(x):
    return x.get() if isinstance(x, DeviceArray) else np.asarray(x)


def _synchronize():
    count("synchronize")


def _made():
    cupy, stream = _Pretended("cupy"), SimpleNamespace(synchronize=_synchronize)
    for name in MADE:
        setattr(cupy, name, _on_device(getattr(np, name)))
    cupy.ndarray, cupy.asarray, cupy.ascontiguousarray, cupy.asnumpy = DeviceArray, _asarray, _asarray, _get
    cupy.array = lambda x, dtype=None, copy=True: _asarray(x, dtype, copy=True)
    cupy.get_array_module = lambda *arrays: cupy if any(isinstance(x, DeviceArray) for x in arrays) else np
    cupy.linalg, cupy.random = _Pretended("cupy.linalg"), _drawn()
    cupy.linalg.norm = _Function(np.linalg.norm)
    cupy.random.default_rng = cupy.random.RandomState = _drawn
    cupy.random.seed = lambda seed: None
    cupy.cuda = SimpleNamespace(
        Device=lambda number=0: stream, get_current_stream=lambda: stream, Stream=SimpleNamespace(null=stream), stream=stream
    )
    return cupy


CUPY = _made()
