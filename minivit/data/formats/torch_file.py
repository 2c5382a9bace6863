"""torch's .pth, .pt and .bin since torch 1.6: a zip with one pickle, which says how the tensors lie, and the numbers beside it.

A pickle is a program: it names functions, calls them, and changes what they return. This one is read, never executed: Python's
unpickler is not used, not even with a table of what it may import, for it still sets attributes of whatever it is given, and
takes years to hash a tuple of tuples. The interpreter below knows the few instructions that torch writes. What they may name is
in `MEANINGS`, and nothing there is torch's or Python's own: only the functions of this file.

Source: https://docs.python.org/3/library/pickletools.html, and torch/serialization.py for the zip around it.
"""

import math
from pathlib import Path

import numpy as np

from .mapped import from_bfloat16, reason
from .zipped import Archive

STORAGES = {
    **{"Double": "<f8", "Float": "<f4", "Half": "<f2", "BFloat16": "<u2", "ComplexDouble": "<c16", "ComplexFloat": "<c8"},
    **{"Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "|i1", "Byte": "|u1", "Bool": "|b1"},
}
PICKLE = 16 << 20  # bytes
INSTRUCTIONS = 250_000  # a ViT-B/16 takes 5,000; one of 40 blocks with its optimizer's state 90,000
MOST_AXES = 16
DEPTH = 32  # of dictionaries, lists and tuples in each other


class NotRead:
    """What stands beside the weights and is none: argparse's Namespace, NumPy's numbers, a dtype. Only its name is known."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"<{self.name}, not read>"


class _Storage:
    """The numbers that tensors are views of: bytes of the file, in the dtype that they have there."""

    def __init__(self, kind):
        self.kind = kind


class _Function:
    """One of this file's own, for a function that torch's pickles name."""

    def __init__(self, call):
        self.call = call


def read(path):
    """The dictionary in torch's file as it stands there, nested as it is: texts, numbers, lists, tuples, and an array for each
    tensor and parameter. What is no weights but is often saved beside them (argparse's Namespace, NumPy's scalars, a dtype) is
    there as a `NotRead`.

    No pickle is executed. The arrays are read-only views of the file, of any strides, which is mapped and not held in memory: it
    must stay as it is while they are in use. float16 stays float16; bfloat16, which NumPy lacks, becomes float32. Raises
    ValueError with the path and the fault."""
    if not Path(path).is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    try:
        archive = Archive(path)
        root = _root(archive)
        tree = _interpreted(archive.read(f"{root}data.pkl").tobytes(), _storages(archive, root))
        if not isinstance(tree, dict):
            raise ValueError("it holds no dictionary of weights; save model.state_dict()")
        _bounded(tree)
    except Exception as error:  # zipfile and zlib raise a different class for each kind of damage
        raise ValueError(f"{path} cannot be read as torch's weights: {reason(error)}") from None
    return tree


def _bounded(tree):
    """Raises ValueError for a tree that nobody could walk to its end: one within itself, or with one branch in many places."""
    waiting, seen = [(tree, 1)], 0
    while waiting:
        branch, depth = waiting.pop()
        seen += len(branch)
        if depth > DEPTH or seen > INSTRUCTIONS:
            raise ValueError(f"its dictionaries and lists are more than {DEPTH} deep, or in themselves, or in too many places")
        inner = branch.values() if type(branch) is dict else branch
        waiting += [(value, depth + 1) for value in inner if type(value) in (dict, list, tuple)]


def _root(archive):
    """The folder in the archive that all its members stand in, "archive/" or of the name that the file once had."""
    names = archive.names
    roots = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl") or name == "data.pkl"]
    if len(roots) != 1 or f"{roots[0]}constants.pkl" in names:
        raise ValueError("it is a program of TorchScript or no file of torch's; save model.state_dict() with torch.save")
    packed = [name for name in names if archive.is_compressed(name)]
    if packed:
        raise ValueError(f"{packed[0]!r:.60} is compressed, which torch never does")
    order = f"{roots[0]}byteorder"
    if order in names and archive.read(order).tobytes() != b"little":
        raise ValueError("its numbers have the highest byte first; convert it with safetensors")
    if archive.size(f"{roots[0]}data.pkl") > PICKLE:
        raise ValueError(
            f"its pickle is larger than {PICKLE >> 20} MB: it holds more than weights; save model.state_dict() alone"
        )
    return roots[0]


def _storages(archive, root):
    """The function from a pickle's persistent id to an array of one axis. Each is made once, however many tensors share it."""
    made = {}

    def storage(marker, kind, key, device, count):
        if not isinstance(kind, _Storage) or type(marker) is not str or type(key) is not str or type(count) is not int:
            raise ValueError("its pickle refers to something that is no storage of numbers")
        if (key, kind.kind) not in made:
            name, dtype = f"{root}data/{key}", np.dtype(STORAGES[kind.kind])
            if name not in archive.members:
                raise ValueError(f"it lacks the numbers {name!r:.60}")
            if archive.size(name) != count * dtype.itemsize:
                raise ValueError(f"{name!r:.60} has {archive.size(name):,} bytes, which are not {count!r:.40} of {kind.kind}")
            numbers = np.ndarray(count, dtype, archive.read(name))
            made[key, kind.kind] = from_bfloat16(numbers) if kind.kind == "BFloat16" else numbers
            made[key, kind.kind].flags.writeable = False
        array = made[key, kind.kind]
        if len(array) != count:
            raise ValueError(f"its pickle gives the storage {key!r:.60} two sizes")
        return array

    return storage


def _tensor(storage, offset, shape, strides, *_):
    """A view of the storage, which must hold as many numbers as the tensor has: no tensor grows out of a small file."""
    if not isinstance(storage, np.ndarray) or type(shape) is not tuple or type(strides) is not tuple:
        raise ValueError("a tensor is not made of a storage, an offset, a shape and strides")
    if len(shape) != len(strides) or len(shape) > MOST_AXES:
        raise ValueError(f"a tensor has {len(shape)} axes and {len(strides)} strides; at most {MOST_AXES} are read")
    if not all(type(number) is int and 0 <= number < 1 << 62 for number in (offset, *shape, *strides)):
        raise ValueError("a tensor has an offset, a shape or strides that are no sizes")
    last = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) if all(shape) else -1
    if offset + last >= len(storage) or math.prod(shape) > len(storage):
        raise ValueError(
            f"a tensor of shape {shape} is larger than its storage of {len(storage):,} numbers, or reaches beyond it"
        )
    width = storage.itemsize
    return np.ndarray(shape, storage.dtype, storage, offset * width, [stride * width for stride in strides])


def _parameter(tensor, *_):
    if not isinstance(tensor, np.ndarray):
        raise ValueError("a parameter is no tensor")
    return tensor


def _size(sizes):
    if type(sizes) is not tuple:
        raise ValueError("a torch.Size is no tuple")
    return sizes


ASIDE = (  # what torch and its users save beside weights, by the names that Python 2 and 3 and NumPy 1 and 2 have for it
    "argparse Namespace/numpy dtype/numpy ndarray/numpy.core.multiarray scalar/numpy._core.multiarray scalar/"
    "numpy.core.multiarray _reconstruct/numpy._core.multiarray _reconstruct/_codecs encode/torch device/collections Counter/"
    "torch float64/torch float32/torch float16/torch bfloat16/torch int64/torch int32/torch int16/torch int8/torch uint8/"
    "torch bool"
).split("/")
MEANINGS = {  # "module name": what stands for it here
    "collections OrderedDict": _Function(lambda: {}),
    "torch Size": _Function(_size),
    "torch._utils _rebuild_tensor": _Function(_tensor),
    "torch._utils _rebuild_tensor_v2": _Function(_tensor),
    "torch._utils _rebuild_parameter": _Function(_parameter),
    "torch._utils _rebuild_parameter_with_state": _Function(_parameter),
    **{f"torch {kind}Storage": _Storage(kind) for kind in STORAGES},
    **{name: NotRead(name.replace(" ", ".")) for name in ASIDE},
}


def find_class(name):
    """What stands here for "module name". A dotted name, as any other that is not in the table, is refused."""
    if name not in MEANINGS:
        raise ValueError(
            f"it names {name.replace(' ', '.')!r:.100}, which no weights need and which is not run; save model.state_dict() "
            "alone, or convert it with safetensors"
        )
    return MEANINGS[name]


def _interpreted(pickle, storage):
    """What the pickle describes. `storage` makes an array out of a persistent id."""
    machine = _Machine(storage)
    for number, (instruction, argument, position) in enumerate(_instructions(pickle)):
        if number == INSTRUCTIONS:
            raise ValueError(f"its pickle has more than {INSTRUCTIONS:,} instructions: it holds more than weights")
        try:
            machine.do(instruction.name, argument)
        except (IndexError, KeyError, TypeError):
            raise ValueError(f"its pickle is damaged at byte {position:,}, {instruction.name}") from None
    return machine.stack.pop()


def _instructions(pickle):
    from pickletools import genops  # it takes a pickle to pieces and runs none

    try:
        yield from genops(pickle)
    except Exception as error:  # of one class or another for each kind of damage
        raise ValueError(f"its pickle is damaged: {reason(error)}") from None


class _Machine:
    """The stack of a pickle, the marks on it, and the memo of values that come again."""

    def __init__(self, storage):
        self.stack, self.marks, self.memo, self.storage = [], [], {}, storage

    def do(self, instruction, argument):
        stack = self.stack
        match instruction:
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINUNICODE8" | "BINSTRING" | "SHORT_BINSTRING":
                stack.append(argument)
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINBYTES" | "SHORT_BINBYTES":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[instruction])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[instruction]())
            case "MARK":
                self.marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(self.taken(self.marks.pop())))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self.taken(len(stack) - int(instruction[-1]))))
            case "APPEND" | "APPENDS":
                self.extend(self.taken(len(stack) - 1 if instruction == "APPEND" else self.marks.pop()))
            case "SETITEM" | "SETITEMS":
                self.update(self.taken(len(stack) - 2 if instruction == "SETITEM" else self.marks.pop()))
            case "GLOBAL":
                stack.append(find_class(argument))
            case "STACK_GLOBAL":
                stack.append(find_class(" ".join(self.taken(len(stack) - 2))))
            case "REDUCE" | "NEWOBJ":
                stack.append(self.called(*self.taken(len(stack) - 2)))
            case "BUILD":  # gives an object its state: none of weights' objects needs it
                stack.pop()
                self.needs(dict, NotRead)
            case "BINPERSID":
                stack.append(self.storage(*self.arguments(stack.pop(), 5)))
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                raise ValueError(f"its pickle has the instruction {instruction}, which no weights need")

    def taken(self, start):
        """The values from `start` on, taken off the stack."""
        if not 0 <= start <= len(self.stack):
            raise IndexError
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def needs(self, *types):
        """The value on top, if it is of one of the types."""
        if type(self.stack[-1]) not in types:
            raise TypeError
        return self.stack[-1]

    def extend(self, values):
        top = self.needs(list, NotRead)
        if type(top) is list:
            top.extend(values)

    def update(self, items):
        top = self.needs(dict, NotRead)
        if len(items) % 2:
            raise TypeError
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str and not (type(key) is int and abs(key) < 1 << 60):  # others can take years to hash
                raise ValueError("a key of its dictionaries is no text and no whole number")
            if type(top) is dict:
                top[key] = value

    def called(self, function, arguments):
        if type(function) is NotRead:
            return function
        if type(function) is not _Function:
            raise TypeError
        return function.call(*self.arguments(arguments, 8))

    def arguments(self, values, most):
        """A tuple that is short, as it is copied with each call."""
        if type(values) is not tuple or len(values) > most:
            raise TypeError
        return values
