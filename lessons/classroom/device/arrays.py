"""Arrays on a pretended device: they refuse what CuPy's refuse. Their numbers lie in a NumPy array."""

import operator
import sys

import numpy as np

from .traffic import count, launch

MIXED = (
    "An array in the host's memory meets one on the device, and CuPy refuses. np.zeros, np.arange, np.array and np.random make "
    "theirs in the host's memory; xp.zeros, xp.arange and xp.asarray make them where the others are."
)
IMPLICIT = (
    "NumPy was asked for the numbers of an array on the device: by np.asarray or np.array, or because it stands as an index in "
    "an array of NumPy's, from np.zeros or np.eye. CuPy makes no such copy unasked. Which array was made in the wrong memory? "
    "xp makes its own where the others are."
)
FOREIGN = "CuPy takes arrays of its own and plain numbers here. A list or tuple of numbers is no array: xp.asarray makes one."
ABSENT = "CuPy has no {}: write it with functions that both libraries have."


class Refused(TypeError):
    """What CuPy would refuse."""


def _numbers(value, index=False):
    """The host's side of an argument: arrays of the device by their numbers, in lists and tuples too. index: host arrays pass,
    but they travel."""
    if isinstance(value, DeviceArray):
        return value._numbers
    if isinstance(value, tuple | list) and any(isinstance(part, DeviceArray | np.ndarray) for part in value):
        return type(value)(_numbers(part, index) for part in value)
    if isinstance(value, np.ndarray) and not index:
        raise Refused(MIXED)
    return value


def _device(value):
    """What NumPy computed, on the device: single numbers too are arrays there, of shape ()."""
    if isinstance(value, tuple | list):
        return type(value)(map(_device, value))
    return DeviceArray(np.asarray(value)) if isinstance(value, np.ndarray | np.generic | bool) else value


def compute(function, arguments, options, launches=1):
    """function(*arguments) with the numbers, its result on the device."""
    out = options.pop("out", None)
    out = out[0] if isinstance(out, tuple) else out
    if out is not None and not isinstance(out, DeviceArray):
        raise Refused(MIXED)
    if unknown := {"where", "initial", "correction"} & set(options):
        raise Refused(f"CuPy's {function.__name__} takes no {min(unknown)}=: xp.where(mask, a, b) chooses entry by entry.")
    launch(launches)
    given, options = [_numbers(a) for a in arguments], {name: _numbers(value) for name, value in options.items()}
    if out is None:
        return _device(function(*given, **options))
    function(*given, out=out._numbers, **options)
    return out


VIEWS = set(
    "reshape transpose swapaxes ravel squeeze view expand_dims broadcast_to moveaxis diagonal shape ndim size result_type".split()
)
METHODS = VIEWS | set(
    "all any argmax argmin argsort astype clip conj copy cumprod cumsum dot fill flatten max mean min prod ptp put repeat round "
    "sort std sum take trace var".split()
)
ATTRIBUTES = {"shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides", "flags"}


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array on the pretended device. array_module gives the pretended cupy for it."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers):
        self._numbers = numbers

    def __getattr__(self, name):
        if name in ATTRIBUTES:
            return getattr(self._numbers, name)
        if name == "T":
            return DeviceArray(self._numbers.T)
        if name == "nonzero":
            return lambda: sys.modules["cupy"].nonzero(self)
        if name not in METHODS:
            raise AttributeError(ABSENT.format(f"array.{name}"), name=name, obj=self)
        method = getattr(np.ndarray, name)
        return lambda *arguments, **options: compute(method, (self, *arguments), options, launches=name not in VIEWS)

    # what makes the host wait, because it wants to know a number

    def _read(self, what):
        count(what, down=self._numbers.nbytes)
        return self._numbers

    def get(self):
        return self._read("get").copy()

    def item(self, *place):
        return self._read("float").item(*place)

    def tolist(self):
        return self._read("get").tolist()

    def __float__(self):
        return float(self._read("float"))

    def __int__(self):
        return int(self._read("float"))

    def __complex__(self):
        return complex(self._read("float"))

    def __bool__(self):
        return bool(self._read("bool"))

    def __format__(self, how):
        return format(self._read("print"), how)

    def __str__(self):
        return str(self._read("print"))

    def __repr__(self):
        return repr(self._read("print"))

    def __array__(self, dtype=None, copy=None):
        raise Refused(IMPLICIT)

    # NumPy's protocols: np.exp(x) and np.sum(x) ask the array who computes them

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if method not in ("__call__", "at") and (method, ufunc) not in (("reduce", np.add), ("reduce", np.multiply)):
            raise Refused(ABSENT.format(f"{ufunc.__name__}.{method}"))
        if any(isinstance(value, tuple | list) for value in inputs) and method != "at":
            raise Refused(FOREIGN)
        return compute(getattr(ufunc, method), inputs, options)

    def __array_function__(self, function, types, arguments, options):
        cupy = sys.modules["cupy"]
        owner = cupy.linalg if function.__module__ == "numpy.linalg" else cupy
        return getattr(owner, function.__name__)(*arguments, **options)

    def __len__(self):
        return len(self._numbers)

    def __iter__(self):
        return (self[place] for place in range(len(self)))

    def _place(self, index):
        """The index with numbers; what it costs is counted."""
        parts = index if isinstance(index, tuple) else (index,)
        for part in parts:
            if isinstance(part, slice):
                for end in (part.start, part.stop, part.step):
                    if isinstance(end, DeviceArray):
                        end._read("float")
                continue
            if isinstance(part, np.ndarray | list | range):
                count("index", up=np.asarray(_numbers(part, index=True)).nbytes)
            if isinstance(part, DeviceArray | np.ndarray) and part.dtype == bool:
                count("mask", down=4)
        if any(isinstance(part, DeviceArray | np.ndarray | list | range) for part in parts):
            launch()
        made = tuple(_of_slice(part) if isinstance(part, slice) else _numbers(part, index=True) for part in parts)
        return made if isinstance(index, tuple) else made[0]

    def __getitem__(self, index):
        return _device(self._numbers[self._place(index)])

    def __setitem__(self, index, value):
        launch()
        self._numbers[self._place(index)] = _numbers(value)


DeviceArray.__module__, DeviceArray.__name__ = "cupy", "ndarray"


def _of_slice(part):
    ends = (None if end is None else operator.index(getattr(end, "_numbers", end)) for end in (part.start, part.stop, part.step))
    return slice(*ends)
