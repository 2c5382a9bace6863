"""A zip archive whose members are where it says and as large as it says, or a ValueError."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from minivit.data.formats import zipped
from minivit.data.formats.weights import read_weights

from ...support import hostile, torch_files

GOOD = torch_files.zipped({"a.npy": b"a" * 40, "b.npy": b"b" * 40}, folder="")
LOCAL, LISTED = GOOD.index(b"PK\3\4"), GOOD.index(b"PK\1\2")


@pytest.fixture
def archive(tmp_path):
    """archive(bytes): the Archive in a file of these."""

    def archive(content):
        (tmp_path / "a.zip").write_bytes(content)
        return zipped.Archive(tmp_path / "a.zip")

    return archive


def changed(*changes):
    copy = bytearray(GOOD)
    for at, content in changes:
        copy[at : at + len(content)] = content
    return bytes(copy)


def test_members_are_views_of_the_file(archive):
    found = archive(GOOD)
    assert found.names == ["a.npy", "b.npy"] and found.size("a.npy") == 40 and not found.is_compressed("a.npy")
    assert found.read("b.npy").tobytes() == b"b" * 40 and np.shares_memory(found.read("b.npy"), found.data)


def test_packed_members_are_unpacked(archive):
    found = archive(torch_files.zipped({"a.npy": b"a" * 4000}, folder="", method=8))
    assert found.is_compressed("a.npy") and found.read("a.npy").tobytes() == b"a" * 4000


@pytest.mark.parametrize("claimed", [10, 3999, 4001, 50_000])
def test_a_packed_member_that_lies_about_its_size(archive, claimed):
    content = zlib.compress(b"a" * 4000, wbits=-15)
    with pytest.raises(ValueError, match="'0a' lies about its size"):
        archive(hostile.packed("a", 1, content, claimed)).read("0a")


def test_a_plain_member_of_two_sizes(archive):
    size = struct.pack("<I", 41)
    with pytest.raises(ValueError, match=r"'a\.npy' lies about its size"):
        archive(changed((LOCAL + 22, size), (LISTED + 24, size)))


def test_two_members_of_one_name(archive):
    with pytest.raises(ValueError, match="two of its members have the same name"):
        archive(GOOD.replace(b"b.npy", b"a.npy"))


def test_more_members_or_a_longer_list_than_weights_have(archive, monkeypatch):
    monkeypatch.setattr(zipped, "LIST", 80)
    with pytest.raises(ValueError, match="list of members is longer"):
        archive(GOOD)
    monkeypatch.setattr(zipped, "LIST", 4000)
    monkeypatch.setattr(zipped, "MOST", 1)
    with pytest.raises(ValueError, match="it has 2 members; weights have at most 1"):
        archive(GOOD)


@pytest.mark.parametrize("format", ["safetensors", "torch", "npz"])
def test_a_file_is_not_held_in_memory(tmp_path, format):
    from .test_weights import put

    path = put(tmp_path / "a", format, w=np.ones((2000, 2000), np.float32))
    read_weights(path)
    tracemalloc.start()
    tree, about = read_weights(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert tree["w"].shape == (2000, 2000) and about["size"] > 16_000_000 and most < 6_000_000
