"""Where copies of a data set's files are found, and what counts as one."""

import gzip
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from minivit.data import load
from minivit.data.fetch import copies

from ...support import made


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A tiny MNIST that is nowhere yet: data_dir, cache and the system's data sets are empty folders, the network is off."""
    monkeypatch.setitem(copies.SOURCES, "mnist", made.idx_source())
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(copies, "SYSTEM", tmp_path / "system")
    (tmp_path / "mine").mkdir()
    return tmp_path


def put(folder, compressed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in made.idx_files().items():
        (folder / (f"{name}.gz" if compressed else name)).write_bytes(gzip.compress(content, 1) if compressed else content)


def check(data):
    assert np.allclose(data.train_images[..., 0] * 255, made.IMAGES["train"], atol=1e-4)
    assert data.test_labels.tolist() == made.LABELS["test"].tolist() and data.name == "mnist"


@pytest.mark.parametrize("compressed", [False, True], ids=["raw", "gzipped"])
@pytest.mark.parametrize("folder", ["mine", "mine/mnist", "cache/mnist", "system/mnist"])
def test_a_copy_is_found_wherever_it_may_be(folder, compressed, places):
    put(places / folder, compressed)
    check(load("mnist", places / "mine"))


def test_a_copy_in_the_cache_or_of_the_system_needs_no_data_dir(places):
    put(places / "system" / "mnist")
    check(load("mnist"))
    put(places / "cache" / "mnist")
    assert all((places / "cache") in path.parents for path in copies.find("mnist").values())


def test_a_compressed_file_may_lack_gz_in_its_name(places):
    put(places / "mine", compressed=True)
    for path in (places / "mine").iterdir():
        path.rename(path.with_suffix(""))
    check(load("mnist", places / "mine"))


def test_each_file_may_come_from_another_place(places):
    put(places / "mine")
    put(places / "system" / "mnist", compressed=True)
    (places / "mine" / "t10k-images-idx3-ubyte").unlink()
    check(load("mnist", places / "mine"))


def test_a_data_dir_that_is_none_is_named(places):
    with pytest.raises(ValueError, match=r"no folder .*nowhere"):
        load("mnist", places / "nowhere")


@pytest.mark.parametrize(
    "change, fault",
    [
        (lambda content: content[:-1], "135 of the 136 bytes"),
        (lambda content: content + b"x", "more than the 136 bytes"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "sha256 differs"),
        (lambda content: gzip.compress(content)[:-9], "damaged or cut short"),
        (lambda content: gzip.compress(content) + b"x", "damaged or cut short"),
        (lambda content: b"", "0 of the 136 bytes"),
    ],
)
def test_a_copy_that_is_not_the_real_one_is_refused_by_its_path(change, fault, places):
    put(places / "mine")
    path = places / "mine" / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))} .*({fault}).*: delete it$"):
        load("mnist", places / "mine")


def test_no_more_is_decompressed_than_belongs_to_the_file(tmp_path):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(60 << 20), 1))
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than"):
        copies.read(tmp_path / "bomb.gz", made.file("bomb", b"x" * 1000))
    assert tracemalloc.get_traced_memory()[1] < 2 << 20
    tracemalloc.stop()


def test_a_cifar_archive_is_hashed_as_it_is_and_read(places, monkeypatch):
    content = made.tar_gz(made.cifar_members())
    monkeypatch.setitem(copies.SOURCES, "cifar10", made.cifar_source(content))
    (places / "mine" / "cifar-10-binary.tar.gz").write_bytes(content)
    data = load("cifar10", places / "mine")
    assert data.train_images.shape == (10, 32, 32, 3) and data.train_images.dtype == np.float32
    assert data.classes[0] == "airplane" and data.test_labels.tolist() == [5, 6]
    assert data.mean == pytest.approx((made.COLOURS[:10] / 255).mean(axis=(0, 1, 2)).tolist())
    assert data.std == pytest.approx((made.COLOURS[:10] / 255).std(axis=(0, 1, 2)).tolist())
    (places / "mine" / "cifar-10-binary.tar.gz").write_bytes(content + b"x")
    with pytest.raises(ValueError, match="more than"):
        load("cifar10", places / "mine")


def test_reading_writes_nothing(places):
    put(places / "mine", compressed=True)
    before = sorted(places.rglob("*"))
    load("mnist", places / "mine")
    assert sorted(places.rglob("*")) == before


def test_the_cache_is_where_it_is_expected(monkeypatch):
    monkeypatch.delenv("MINIVIT_DATA", raising=False)
    if copies.os.name != "nt":
        monkeypatch.setenv("HOME", "/home/somebody")
        assert copies.cache_folder() == Path("/home/somebody/.cache/minivit")
    else:
        monkeypatch.setenv("LOCALAPPDATA", r"C:\somebody")
        assert copies.cache_folder() == Path(r"C:\somebody\minivit")
    monkeypatch.setenv("MINIVIT_DATA", "elsewhere")
    assert copies.cache_folder() == Path("elsewhere")
