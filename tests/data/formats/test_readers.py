"""IDX, CIFAR's archives and .npz files: tiny files with known pixels."""

import warnings
import zipfile

import numpy as np
import pytest

from minivit.data import load
from minivit.data.formats import cifar, idx, npz

from ...support import made


@pytest.fixture
def npz_file(tmp_path):
    """npz_file(train_images=..., ...): the path of an .npz file with these changes."""

    def write(**changes):
        (tmp_path / "my.npz").write_bytes(made.npz(**changes))
        return tmp_path / "my.npz"

    return write


# IDX


def test_idx_gives_the_array_that_was_written():
    for array, axes in ((made.IMAGES["train"], 3), (made.LABELS["train"], 1)):
        parsed = idx.parse(made.idx(array), "file", axes)
        assert parsed.dtype == np.uint8 and np.array_equal(parsed, array)


@pytest.mark.parametrize(
    "content, fault",
    [
        (b"", "no IDX file"),
        (b"\x89PNG....", "no IDX file"),
        (b"\0\0\x0d\x03" + bytes(12), "type 0x0d"),
        (b"\0\0\x08\x01" + bytes(12), "1 axes; 3 are expected"),
        (b"\0\0\x08\x03" + bytes(5), "cut short"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "4294967295 x 4294967295 x 4294967295 bytes, 0 are there"),
        (made.idx(made.IMAGES["test"])[:-1], "3 x 4 x 5 bytes, 59 are there"),
        (made.idx(made.IMAGES["test"]) + b"x", "61 are there"),
    ],
)
def test_idx_that_is_not_as_long_as_its_header_says_is_refused(content, fault):
    with pytest.raises(ValueError, match=f"^the file.*{fault}"):
        idx.parse(content, "the file", 3)


# CIFAR


@pytest.mark.parametrize("name, images", [("cifar10", 12), ("cifar100", 4)])
def test_cifar_s_planes_become_channels_and_its_last_label_byte_the_label(name, images, tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(made.tar_gz(made.cifar_members(name)))
    train_images, train_labels, test_images, test_labels = cifar.read(tmp_path / "a.tar.gz", name, images)
    assert np.array_equal(np.concatenate([train_images, test_images]), made.COLOURS[:images])
    assert train_images.shape == (images - 2, 32, 32, 3) and train_images.dtype == np.uint8
    assert [*train_labels, *test_labels] == [i + j for i in range(images // 2) for j in range(2)]


def test_cifar_s_members_may_come_in_any_order_among_others_that_are_passed_over(tmp_path):
    members = {"../../evil.sh": b"rm", "/etc/evil": b"x", "cifar-10-batches-bin/readme.html": b"<html>"}
    members |= dict(reversed(made.cifar_members().items()))
    (tmp_path / "a.tar.gz").write_bytes(made.tar_gz(members))
    train_images, *_ = cifar.read(tmp_path / "a.tar.gz", "cifar10", 12)
    assert np.array_equal(train_images, made.COLOURS[:10])
    assert [path.name for path in tmp_path.rglob("*")] == ["a.tar.gz"]


def test_a_cifar_archive_that_lacks_a_member_or_has_too_much_is_refused(tmp_path):
    path, members = tmp_path / "a.tar.gz", made.cifar_members()
    last = list(members)[-1]
    for changed, fault in (
        ({name: content for name, content in members.items() if name != last}, f"lacks {last}"),
        (members | {last: members[last][:3073]}, "it has 11, not 12"),
        (members | {last: members[last][:-1]}, "not a number of records of 3,073"),
        (members | {last: b""}, "not a number of records"),
        (members | {"bomb": bytes(50 << 20)}, "more than it should"),
    ):
        path.write_bytes(made.tar_gz(changed))
        with pytest.raises(ValueError, match=rf"a\.tar\.gz.*{fault}"):
            cifar.read(path, "cifar10", 12)
    path.write_bytes(made.tar(members))
    with pytest.raises(ValueError, match=r"a\.tar\.gz.*[Nn]ot a gzip"):
        cifar.read(path, "cifar10", 12)


# npz


def test_npz_gives_images_from_0_to_1_and_numbers_as_class_names(npz_file):
    data = load(str(npz_file()))
    assert data.train_images.shape == (6, 4, 5, 1) and data.train_images.dtype == np.float32
    assert np.allclose(data.test_images[..., 0] * 255, made.IMAGES["test"], atol=1e-4)
    assert data.test_labels.tolist() == [2, 1, 0] and data.test_labels.dtype == np.int64
    assert data.classes == tuple("0123456789") and data.name == str(npz_file().resolve())


def test_npz_takes_floats_colours_and_class_names(npz_file):
    floats = {f"{part}_images": images[..., None].repeat(3, -1) / 255 for part, images in made.IMAGES.items()}
    data = npz.read(npz_file(**floats, classes=[f"class {i}" for i in range(10)]))
    assert data.train_images.dtype == np.float32 and data.train_images.shape == (6, 4, 5, 3)
    assert data.classes[9] == "class 9" and len(data.mean) == 3


def test_a_fortran_ordered_array_is_read_in_its_order(npz_file):
    data = npz.read(npz_file(train_images=np.asfortranarray(made.IMAGES["train"])))
    assert np.allclose(data.train_images[..., 0] * 255, made.IMAGES["train"], atol=1e-4)


@pytest.mark.parametrize(
    "changes, fault",
    [
        (dict(train_images=np.array([{"a": 1}], object)), "pickle"),
        (dict(classes=np.array(["a"] * 10, object)), "pickle"),
        (dict(train_images=made.IMAGES["train"].astype(np.float32)), "floats must be from 0 to 1"),
        (dict(train_images=np.full((6, 4, 5), np.nan, np.float32)), "nan"),
        (dict(train_images=made.IMAGES["train"].astype(np.int32)), "int32"),
        (dict(train_images=made.IMAGES["train"][0]), r"\(4, 5\)"),
        (dict(train_images=np.zeros((6, 0, 5), np.uint8)), r"\(6, 0, 5\)"),
        (dict(train_images=np.zeros((0, 4, 5), np.uint8), train_labels=np.zeros(0, int)), "train part is empty"),
        (dict(train_images=made.IMAGES["train"][:, :3]), "differ in size"),
        (dict(train_labels=made.LABELS["train"][:-1]), "labels must be 6"),
        (dict(train_labels=made.LABELS["train"] * 1.0), "float64"),
        (dict(train_labels=np.array([0, 0, 0, 0, 0, 1 << 62])), "4611686018427387904"),
        (dict(train_labels=np.array([0, 0, 0, 0, 0, -1])), r"labels\[5\] is -1"),
        (dict(classes=["only one"]), r"labels\[1\] is 1"),
        (dict(classes=np.arange(10)), "classes must be"),
    ],
)
def test_npz_with_something_else_than_images_and_labels_is_refused(changes, fault, npz_file):
    with pytest.raises(ValueError, match=rf"my\.npz.*{fault}"):
        npz.read(npz_file(**changes))


def test_npz_that_is_missing_or_lacks_an_array_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no file .*none\.npz"):
        load(str(tmp_path / "none.npz"))
    np.savez(tmp_path / "half.npz", train_images=made.IMAGES["train"])
    with pytest.raises(ValueError, match=r"half\.npz.*lacks train_labels, test_images, test_labels; it has train_images"):
        load("half.npz", tmp_path)


@pytest.mark.slow
def test_npz_whose_header_claims_another_size_than_its_member_has_is_refused_before_it_is_read(tmp_path, monkeypatch):
    for data, fault in ((b"x" * 99, "does not fit"), (b"x" * 101, "does not fit"), (bytes(80 << 20), "claims 83,")):
        with zipfile.ZipFile(tmp_path / "my.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in npz.ARRAYS:
                archive.writestr(f"{name}.npy", made.npy("{'descr': '|u1', 'fortran_order': False, 'shape': (5, 4, 5)}", data))
        monkeypatch.setattr(np, "frombuffer", None)  # not to be reached
        with pytest.raises(ValueError, match=rf"my\.npz.*train_images\.npy.*{fault}"):
            npz.read(tmp_path / "my.npz")


def test_a_channel_that_never_changes_has_nothing_to_be_divided_by(npz_file):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = npz.read(npz_file(train_images=np.full((6, 4, 5), 51, np.uint8)))
    assert data.mean == pytest.approx((0.2,)) and data.std == (1.0,)
