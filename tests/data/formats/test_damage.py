"""Damaged and malicious files of every format: a ValueError that names the file, or a data set that makes sense; within two
seconds, with little memory, and nothing written."""

import gzip
import io
import pickle
import struct
import sys
import time
import zipfile
import zlib

import numpy as np
import pytest

from minivit.data import Dataset
from minivit.data.fetch import copies
from minivit.data.formats import cifar, folder, idx, npz

from ...support import made

COUNT = 240
SECONDS, MEGABYTES = 2, 500


def megabytes():
    """The most memory that this process has ever had."""
    resource = pytest.importorskip("resource")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def endure(read, path, variants, at_least=COUNT):
    """Writes each variant to `path` and reads it; returns how many were refused."""
    refused = tried = 0
    before, files = megabytes(), sorted(path.parent.rglob("*"))
    for variant in variants:
        path.write_bytes(variant)
        tried, started = tried + 1, time.perf_counter()
        try:
            made_sense(read(path))
        except ValueError as error:
            assert path.name in str(error) and "\n" not in str(error), error
            refused += 1
        assert time.perf_counter() - started < SECONDS
    assert tried >= at_least and megabytes() - before < MEGABYTES
    assert sorted(path.parent.rglob("*")) == sorted({*files, path})
    return refused


def made_sense(result):
    if isinstance(result, Dataset):
        for images, labels in ((result.train_images, result.train_labels), (result.test_images, result.test_labels)):
            assert images.ndim == 4 and images.dtype == np.float32 and len(images) == len(labels) > 0
            assert np.all((images >= 0) & (images <= 1)) and labels.max() < len(result.classes)
    elif isinstance(result, tuple):
        assert result[0].shape == (10, 32, 32, 3) and result[2].shape == (2, 32, 32, 3) and len(result[1]) == 10
    else:
        assert isinstance(result, np.ndarray) and result.ndim == 3


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_idx(tmp_path, rng):
    content = made.idx(made.IMAGES["train"])
    variants = [*made.damaged(content, COUNT, rng, header=16), content[:4] + struct.pack(">3I", 1 << 31, 1 << 31, 4)]
    refused = endure(lambda path: idx.parse(path.read_bytes(), path, 3), tmp_path / "a-idx3-ubyte", variants)
    assert refused > 0.8 * COUNT


@pytest.mark.slow
def test_compressed_idx(tmp_path, rng):
    content = made.idx(made.IMAGES["train"])
    file = made.file("a-idx3-ubyte", content)
    variants = [*made.damaged(gzip.compress(content), COUNT, rng), gzip.compress(bytes(200 << 20), 1)]
    endure(lambda path: idx.parse(copies.read(path, file), path, 3), tmp_path / "a.gz", variants)


@pytest.mark.slow
def test_cifar_archives(tmp_path, rng):
    members = made.cifar_members()
    plain, whole = made.tar(members), made.tar_gz(members)
    test = "cifar-10-batches-bin/test_batch.bin"
    variants = [
        *made.damaged(whole, COUNT // 2, rng),
        *(gzip.compress(v, 0) for v in made.damaged(plain, COUNT // 2, rng, header=512)),
        made.tar_gz(members | {"../" * 8 + "tmp/evil": b"x", "/evil": b"x"}),
        made.tar_gz({"../" + name: content for name, content in members.items()}),
        gzip.compress(plain[: -1 << 10] + bytes(300 << 20), 1),
        made.tar_gz(members | {test: bytes(100 << 20)}),
        made.tar_gz({name + "\0": content for name, content in members.items()}),
    ]
    # a link, an absurd size, and a long name that would take everything
    for kind, size in ((b"2", 6146), (b"0", 8**11 - 1), (b"L", 8**11 - 1), (b"x", 8**11 - 1)):
        header = bytearray(plain[:512])
        header[124:136], header[156:157] = f"{size:011o}\0".encode(), kind
        header[148:156] = b" " * 8
        header[148:156] = f"{sum(header):06o}\0 ".encode()
        variants.append(gzip.compress(bytes(header) + plain[512:], 1))
    endure(lambda path: cifar.read(path, "cifar10", 12), tmp_path / "a.tar.gz", variants)


class Evil:
    def __reduce__(self):
        return print, ("this must never be run",)


def zipped(headers_and_data, level=zipfile.ZIP_DEFLATED):
    """An .npz file of hand-made members, {name: bytes}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", level) as archive:
        for name, content in headers_and_data.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


@pytest.mark.slow
def test_npz(tmp_path, rng, capsys):
    with zipfile.ZipFile(io.BytesIO(made.npz())) as archive:
        members = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
    name = "train_images"
    bad = [
        made.npy(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}", b"x" * 100, version)
        for kind in ("|u1", "<f8", "|O", "<U1000000", "|V0", "<U0", "[('a', '|O')]", "nonsense")
        for shape in ("(6, 4, 5)", "(1000000000, 1000, 1000)", "(-6, 4, 5)", "(0, 1000000000000, 5)", "()", "(True, 2, 50)", "6")
        for version in ((1, 0), (2, 0))
    ]
    bad += [
        made.npy("(" * 9000),
        made.npy("[" * 60000),
        made.npy("{'descr'"),
        b"\x93NUMPY\x02\0\xff\xff\xff\xff",
        pickle.dumps(Evil()),
        b"",
    ]
    variants = [
        *made.damaged(made.npz(), COUNT // 2, rng),
        *made.damaged(made.npz(compressed=False), COUNT // 2, rng),
        *(zipped(members | {name: content}) for content in bad),
        *(zipped(members | {name: v}) for v in made.damaged(members[name], COUNT // 2, rng, header=128)),
        zipped(members | {name: members[name] + bytes(300 << 20)}),
        zipped(members | {"../" * 9 + "evil": b"x"}),
        zipped(members, zipfile.ZIP_LZMA),
        made.npz(train_images=np.array([Evil()], object)),
        made.npz(classes=np.array([Evil()], object)),
    ]
    endure(npz.read, tmp_path / "a.npz", variants)
    assert capsys.readouterr().out == ""


def png_of_size(content, width, height):
    """The PNG file with another size in its header, and the right checksum."""
    header = struct.pack(">II", width, height) + content[24:29]
    return content[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + content[33:]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # PIL's, of odd metadata
def test_images(tmp_path, rng):
    made.class_folders(tmp_path / "train", per_class=1)
    made.class_folders(tmp_path / "test", per_class=1)
    image = np.zeros((6, 8, 3), np.uint8)
    image[2:4, 2:5] = 200, 100, 50
    png, jpeg = made.picture(image), made.picture(image, "JPEG")
    variants = [
        *made.damaged(png, COUNT, rng),
        *made.damaged(jpeg, COUNT, rng),
        *(
            png_of_size(png, *size)
            for size in ((0, 8), (1 << 31, 1 << 31), (65535, 65535), (2800, 2900), (8000, 8000), (1, 1 << 23))
        ),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"GIF89a\x08\0\x08\0\0\0\0;",
    ]
    for name in ("train/cats/0.png", "train/dogs/0.png"):
        before = (tmp_path / name).read_bytes()
        refused = endure(lambda path: folder.read(tmp_path), tmp_path / name, variants)
        assert refused > 100
        (tmp_path / name).write_bytes(before)
