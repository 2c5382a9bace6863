"""What an op is given and what it returns, looked at: every mistake is told in the words of the op's signature."""

import numpy as np

from .backend import array_module
from .checks import choice

registry = {}  # every op by its name; ops/__init__.py fills it
OTHER_WORDS = {"dim": "axis", "dims": "axes", "keepdim": "keepdims"}  # PyTorch's, and NumPy's, which are minivit's

INSTEAD = {  # words of NumPy and PyTorch for what is called otherwise here
    "tensor.reshape(shape)": "view flatten ravel squeeze unsqueeze expand_dims",
    "tensor.transpose(axes), all of them in their new order": "permute swapaxes moveaxis t mT",
    "minivit.ops.concatenate(a, b, axis=0)": "cat stack hstack vstack",
    "minivit.ops.max(tensor)": "amax",
    "minivit.ops.broadcast_to(tensor, shape)": "expand repeat tile",
    "a @ b": "dot mm bmm einsum tensordot",
    "Tensor(tensor.data.astype(dtype))": "astype float double half",
    "model.to(device) before, or minivit.backend.to_device": "to cpu cuda",
}


def remedy(name):
    """What to write instead of a function or method of that name."""
    if name in registry:
        return f"minivit.ops.{name}(tensor) records it"
    found = next((remedy for remedy, names in INSTEAD.items() if name in names.split()), "tensor.numpy() for its array")
    return f"use {found}"


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
    if len(args) < 2 and all(value is True or value is False for name, value in options.items() if name in op.choices):
        return args, options  # nearly always
    args, options = bound(op, args, options)
    tables = [op.choices.get(name) for name in op.signature.parameters]
    return [a if t is None else choice(f"{op.name}: an option", a, t) for a, t in zip(args, tables, strict=True)], options


def as_arrays(op, args, floats):
    """The arguments as arrays. `floats`: the floating-point arrays of the Tensors among them, which share one dtype.

    Floating-point arrays that need no gradient take the dtype of the Tensors; in an op that broadcasts, or takes constants, whole
    numbers, NumPy's scalars and lists do too. What the op keeps is left alone; Python's numbers change no dtype anyway. A list in
    the first place of any op becomes an array. Raises ValueError for Tensors of two dtypes, for arrays of another library or
    device, and for what is no number.
    """
    if any(x.dtype is not floats[0].dtype and x.dtype != floats[0].dtype for x in floats):
        dtypes = " and ".join(str(x.dtype) for x in floats)
        raise ValueError(f"{op.name}: the Tensors are {dtypes}: make them alike, x.data.astype(np.float32) for instance")
    names, arrays, dtype = op.names, [], floats[0].dtype if floats else None
    for i, a in enumerate(args):
        if type(a) is np.ndarray and a.dtype is dtype:  # nearly always
            arrays.append(a)
            continue
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
    if (isinstance(a, int | float) and dtype is None) or (a is None and not op.broadcasts):
        return a
    if not (op.broadcasts or op.constants) and (dtype is None or dtype.kind != "f"):
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


def checked_pair(returned, name):
    """What an op's function returned, if it is (output, backward); a ValueError says what came instead."""
    if isinstance(returned, tuple) and len(returned) == 2 and callable(returned[1]):
        return returned
    kind = type(returned).__name__
    raise ValueError(f"{name} must return two things, its output and its backward function; it returned {kind}")


def argument_name(signature, i):
    """The name of positional argument i; those of *arrays are numbered."""
    parameters = list(signature.parameters.values())
    first = parameters[0]
    return f"{first.name}[{i}]" if first.kind is first.VAR_POSITIONAL else parameters[i].name


def check_gradient(op, i, gradient, shape, dtype):
    """A gradient has the shape and the dtype of what it is the gradient of."""
    found = (getattr(gradient, "shape", None), getattr(gradient, "dtype", None))
    if found == (shape, dtype):
        return
    argument = argument_name(op.signature, i)
    if gradient is None:
        raise ValueError(f"{op.name}: backward returned None for argument {i}, {argument}, which requires a gradient")
    raise ValueError(
        f"{op.name}: backward returned {type(gradient).__name__} of shape {found[0]} and dtype {found[1]} for argument {i}, "
        f"{argument}, which has shape {shape} and dtype {dtype}"
    )
