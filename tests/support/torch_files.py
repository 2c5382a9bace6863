"""torch's files, made without torch: the instructions of a pickle, and the zip around it."""

import io
import struct
import zipfile

import numpy as np

KINDS = {"<f4": "Float", "<f8": "Double", "<f2": "Half", "<i8": "Long", "<i4": "Int", "|u1": "Byte", "<u2": "BFloat16"}


class Raw(bytes):
    """Instructions as they are."""


def say(value):
    """The instructions that put a value on the stack."""
    match value:
        case Raw():
            return value
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            size = value.bit_length() // 8 + 1
            return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case np.ndarray():
            raise TypeError("an array needs a storage: tensor()")
        case tuple():
            return b"(" + b"".join(map(say, value)) + b"t"
        case list():
            return b"](" + b"".join(map(say, value)) + b"e"
        case dict():
            return b"}(" + b"".join(say(key) + say(item) for key, item in value.items()) + b"u"


def named(name):
    """The function or class "module.name"."""
    module, _, name = name.rpartition(".")
    return Raw(f"c{module}\n{name}\n".encode())


def call(name, *arguments):
    return Raw(named(name) + say(arguments) + b"R")


def storage(key, kind, count):
    return Raw(say(("storage", named(f"torch.{kind}Storage"), key, "cpu", count)) + b"Q")


def tensor(numbers, shape, strides, offset=0):
    """A view of a storage."""
    return call("torch._utils._rebuild_tensor_v2", numbers, offset, shape, strides, False, call("collections.OrderedDict"))


def pickled(value):
    return b"\x80\x02" + say(value) + b"."


def zipped(members, folder="archive", method=zipfile.ZIP_STORED):
    """A zip file of {name: bytes}, as bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}" if folder else name), content, method)
    return buffer.getvalue()


def saved(tree, *storages):
    """What torch.save would write of a tree that was made of the functions above; the storages are arrays, "0", "1" and so on."""
    numbers = {f"data/{key}": np.ascontiguousarray(array).tobytes() for key, array in enumerate(storages)}
    return zipped({"data.pkl": pickled(tree), "byteorder": b"little", **numbers, "version": b"3\n"})


def state(arrays):
    """The same of a plain {name: array}."""
    tree = {}
    for key, (name, array) in enumerate(arrays.items()):
        strides = tuple(int(np.prod(array.shape[axis + 1 :])) for axis in range(array.ndim))
        tree[name] = tensor(storage(str(key), KINDS[array.dtype.str], array.size), array.shape, strides)
    return saved(tree, *arrays.values())
