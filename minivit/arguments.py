"""What an op may be given, and what its function then receives: every mistake is told in the words of the op's signature."""

import numpy as np

from .backend import array_module
from .checks import choice

OTHER_WORDS = {"dim": "axis", "dims": "axes", "keepdim": "keepdims"}  # PyTorch's, and NumPy's, which are minivit's


def bound(op, args, options):
    """(args, options) with every argument that has a place in its place. Raises TypeError where they do not fit the signature."""
    try:
        found = op.signature.bind(*args, **options)
    except TypeError as error:
        word = next((f"; what is {w} elsewhere is {own} here" for w, own in OTHER_WORDS.items() if w in options), "")
        raise TypeError(f"{op.name}{op.signature}: {error}{word}") from None
    found.apply_defaults()
    return found.args, found.kwargs


def chosen(op, args, options):
    """(args, options) with each option that has a table of choices looked up there. Raises ValueError for what is none."""
    if not op.choices:
        return args, options
    args, options = bound(op, args, options)
    tables = [op.choices.get(name) for name in op.signature.parameters]
    return [a if t is None else choice(f"{op.name}: an option", a, t) for a, t in zip(args, tables, strict=True)], options


def as_arrays(op, args, floats):
    """The arguments as arrays. `floats`: the floating-point arrays of the Tensors among them, which share one dtype.

    Floating-point arrays that need no gradient take the dtype of the Tensors; in an op that broadcasts, whole numbers, NumPy's
    scalars and lists do too. What the op keeps is left alone, and Python's numbers change no dtype anyway. A list in the first
    place of any op becomes an array. Raises ValueError for Tensors of two dtypes, for arrays of another library or device, and
    for what is no number.
    """
    if len({x.dtype for x in floats}) > 1:
        dtypes = " and ".join(str(x.dtype) for x in floats)
        raise ValueError(f"{op.name}: the Tensors are {dtypes}: make them alike, x.data.astype(np.float32) for instance")
    names, arrays = list(op.signature.parameters), []
    for i, a in enumerate(args):
        if hasattr(a, "__array__") and not isinstance(a, np.ndarray | np.generic) and array_module(a) is np:
            kind = f"{type(a).__module__}.{type(a).__name__}"
            raise ValueError(f"{op.name} takes arrays of NumPy or CuPy; got a {kind}: give np.asarray of it")
        if i == 0 and isinstance(a, list) and names[0] != "arrays":
            a = np.asarray(a, dtype=floats[0].dtype if floats else None)
        if floats and names[min(i, len(names) - 1)] not in op.keeps:
            a = _constant(op, a, floats[0])
        arrays.append(a)
    return arrays


def _constant(op, a, like):
    """`a` in the dtype of the array `like`, and a list or one number on its device too; no array travels unasked."""
    dtype = getattr(a, "dtype", None)
    if isinstance(a, int | float) and dtype is None:
        return a
    if not op.broadcasts and (dtype is None or dtype.kind != "f"):
        return a
    given, a = type(a).__name__, np.asarray(a) if dtype is None else a
    if a.dtype == like.dtype:
        return a
    if a.dtype.kind not in "fiub":
        raise ValueError(f"{op.name} takes Tensors, arrays and numbers; got {given} of dtype {a.dtype}")
    xp = array_module(like)
    if xp is not array_module(a) and given == "ndarray" and a.ndim:
        raise ValueError(f'{op.name}: an array of the other device is beside the Tensors: minivit.backend.to_device(x, "gpu")')
    return xp.asarray(a, dtype=like.dtype)
