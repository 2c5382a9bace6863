"""Tiny files of every format that is read, made here, and damage done to them."""

import gzip
import hashlib
import io
import struct
import tarfile

import numpy as np
from PIL import Image

from minivit.data.fetch.sources import CIFAR10, DIGITS, File, Source

RNG = np.random.default_rng(0)
IMAGES = {"train": RNG.integers(0, 256, (6, 4, 5), np.uint8), "test": RNG.integers(0, 256, (3, 4, 5), np.uint8)}
LABELS = {"train": np.array([0, 1, 2, 0, 1, 9], np.uint8), "test": np.array([2, 1, 0], np.uint8)}
COLOURS = RNG.integers(0, 256, (12, 32, 32, 3), np.uint8)  # CIFAR's, 2 a member


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_files():
    """{name: bytes} of a tiny MNIST."""
    return {
        "train-images-idx3-ubyte": idx(IMAGES["train"]),
        "train-labels-idx1-ubyte": idx(LABELS["train"]),
        "t10k-images-idx3-ubyte": idx(IMAGES["test"]),
        "t10k-labels-idx1-ubyte": idx(LABELS["test"]),
    }


def file(name, content, archive=False):
    return File(name, len(content), hashlib.sha256(content).hexdigest(), archive)


def idx_source(addresses=()):
    files = tuple(file(name, content) for name, content in idx_files().items())
    return Source(6, 3, (4, 5, 1), DIGITS, "none", files, tuple(addresses))


def cifar_members(name="cifar10"):
    """{member: bytes}: two records each."""
    from minivit.data.formats.cifar import MEMBERS

    members = {}
    for i, member in enumerate(MEMBERS[name]):
        extra = b"\x07" if name == "cifar100" else b""  # the coarse label
        pixels = COLOURS[2 * i : 2 * i + 2].transpose(0, 3, 1, 2)
        members[member] = b"".join(extra + bytes([i + j]) + pixels[j].tobytes() for j in range(2))
    return members


def tar(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tar_gz(members):
    return gzip.compress(tar(members), 1)


def cifar_source(content, addresses=()):
    files = (file("cifar-10-binary.tar.gz", content, archive=True),)
    return Source(10, 2, (32, 32, 3), CIFAR10, "none", files, tuple(addresses))


def arrays(**changes):
    """What an .npz file holds."""
    made = {f"{part}_{what}": of[part] for part in ("train", "test") for what, of in (("images", IMAGES), ("labels", LABELS))}
    return made | changes


def npz(compressed=True, **changes):
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays(**changes))
    return buffer.getvalue()


def npy(header, data=b"", version=(1, 0)):
    """A member of an .npz file, its header made by hand."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<I", len(text)) + text + data


def picture(image, format="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format)
    return buffer.getvalue()


def photographs():
    """{what it is: a PIL image} of several shapes: waves and noise in whole numbers, the same on every machine."""
    rng, found = np.random.default_rng(7), {}
    shapes = {
        "wide": (427, 640),
        "odd": (211, 301),
        "tall": (333, 100),
        "exact": (224, 224),
        "small": (40, 51),
        "large": (900, 701),
    }
    for name, (high, wide) in shapes.items():
        y, x = np.mgrid[:high, :wide]
        waves = np.stack([x * 5 + y * 3, x * y // 7, rng.integers(0, 256, (high, wide))], axis=-1) % 256
        found[name] = Image.fromarray(waves.astype(np.uint8))
    return found | {"grey": found["odd"].convert("L")}


def class_folders(path, per_class=5, names=("cats", "dogs")):
    """Grey images 6 high and 8 wide, black at the edge; class k is brighter than class k - 1."""
    for k, name in enumerate(names):
        (path / name).mkdir(parents=True)
        for i in range(per_class):
            image = np.zeros((6, 8), np.uint8)
            image[2:4, 2:6] = 60 + 60 * k + i
            (path / name / f"{i}.png").write_bytes(picture(image))
    return path


def damaged(content, count, rng, header=None):
    """`count` damaged copies of some bytes: cut short, bits turned and bytes replaced in the first `header` (None: anywhere),
    pieces removed, doubled and zeroed, something appended."""
    header = min(header or len(content), len(content))
    for i in range(count):
        copy, at = bytearray(content), int(rng.integers(header))
        length = int(rng.integers(1, 9))
        kind = i % 8
        if kind == 0:
            del copy[int(rng.integers(len(content))) :]
        elif kind in (1, 2):
            copy[at] ^= 1 << int(rng.integers(8))
        elif kind == 3:
            copy[at : at + length] = rng.bytes(length)
        elif kind == 4:
            copy[at : at + length] = b"\xff" * length
        elif kind == 5:
            copy[at : at + length] = bytes(length)
        elif kind == 6:
            del copy[at : at + length]
        else:
            copy[at:at] = rng.bytes(length)
        yield bytes(copy)
