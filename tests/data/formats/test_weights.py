"""read_weights: told apart by what is in a file, one file of a folder, shards, and the files beside it."""

import json
import zipfile

import numpy as np
import pytest

from minivit.data.formats import safetensors, zipped
from minivit.data.formats.weights import read_weights

from ...support import torch_files

W = np.random.default_rng(3).standard_normal((2, 3)).astype(np.float32)
FORMATS = ("safetensors", "torch", "npz")


def put(path, format="safetensors", **arrays):
    """Writes a file of weights."""
    arrays = arrays or {"head/kernel": W}
    if format == "safetensors":
        safetensors.write(path, arrays, {"format": "np"})
    elif format == "torch":
        path.write_bytes(torch_files.state(arrays))
    else:
        with open(path, "wb") as file:
            np.savez(file, **arrays)
    return path


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "npz", "weights"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_format_is_told_by_the_content_whatever_the_suffix(tmp_path, format, suffix):
    path = put(tmp_path / f"vit.{suffix}", format)
    tree, about = read_weights(str(path))
    assert list(tree) == ["head/kernel"] and np.array_equal(tree["head/kernel"], W)
    assert about == {
        "path": path,
        "format": format,
        "metadata": {"format": "np"} if format == "safetensors" else {},
        "config": None,
        "preprocessor": None,
        "size": path.stat().st_size,
    }


def test_files_beside_it_come_with_it(tmp_path):
    put(tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes(b'\xef\xbb\xbf{"num_attention_heads": 3}')
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.5, 0.5, 0.5]}')
    _, about = read_weights(tmp_path)
    assert about["config"] == {"num_attention_heads": 3} and about["preprocessor"] == {"image_mean": [0.5, 0.5, 0.5]}


BROKEN = [("{", "Expecting"), ("[1]", "holds no dictionary"), ("[" * 100_000, "recursion"), ("\xff", "")]


@pytest.mark.parametrize("text, fault", BROKEN, ids=["cut", "list", "deep", "bytes"])
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_broken_file_beside_it_is_an_error(tmp_path, name, text, fault):
    put(tmp_path / "model.safetensors")
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=rf"{name} is damaged, mend it or take it away: .*{fault}"):
        read_weights(tmp_path)


# A folder


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "model.npz"])
def test_the_usual_name_is_read_of_a_folder_with_more(tmp_path, name):
    put(tmp_path / name)
    (tmp_path / "training_args.bin").write_bytes(b"\x80\x02.")
    assert read_weights(tmp_path)[1]["path"] == tmp_path / name


def test_one_file_of_any_name_is_read_and_of_two_none(tmp_path):
    with pytest.raises(ValueError, match=r"has no file of weights: none that ends in \.safetensors, \.pth"):
        read_weights(tmp_path)
    put(tmp_path / "deit.pth", "torch")
    assert read_weights(tmp_path)[1]["format"] == "torch"
    put(tmp_path / "dino.pth", "torch")
    with pytest.raises(ValueError, match=r"has 2 files of weights, deit\.pth, dino\.pth: name one of them"):
        read_weights(tmp_path)


# Shards


@pytest.fixture
def shards(tmp_path):
    """shards(weight_map): the index of two files, "a" in one.safetensors and "b" in two.safetensors."""
    put(tmp_path / "one.safetensors", a=W)
    put(tmp_path / "two.safetensors", b=W + 1)

    def write(places):
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
        return tmp_path / "model.safetensors.index.json"

    return write


def test_shards_are_one(shards, tmp_path):
    index = shards({"a": "one.safetensors", "b": "two.safetensors"})
    for path in (index, tmp_path):
        tree, about = read_weights(path)
        assert np.array_equal(tree["a"], W) and np.array_equal(tree["b"], W + 1) and about["path"] == index
        assert about["format"] == "safetensors"
        assert about["size"] == sum((tmp_path / f"{name}.safetensors").stat().st_size for name in ("one", "two"))


@pytest.mark.parametrize(
    "places, fault",
    [
        ({"a": "../one.safetensors"}, "not one in its own folder"),
        ({"a": "/etc/one.safetensors"}, "not one in its own folder"),
        ({"a": "..\\one.safetensors"}, "not one in its own folder"),
        ({"a": "C:one.safetensors"}, "not one in its own folder"),
        ({"a": ".."}, "not one in its own folder"),
        ({"a": ""}, "not one in its own folder"),
        ({"a": "three.safetensors"}, "not there: get it too"),
        ({"b": "one.safetensors"}, "lacks 'b', which model.safetensors.index.json looks for there"),
        ({"a": 1}, "weight_map"),
        ({}, "names 0 files"),
        ([], "weight_map"),
    ],
)
def test_an_index_that_leads_elsewhere(shards, places, fault):
    with pytest.raises(ValueError, match=fault):
        read_weights(shards(places))


# Google's .npz


def test_arrays_of_an_npz_are_mapped_and_compressed_ones_too_are_read(tmp_path):
    path = put(tmp_path / "B_16.npz", "npz", **{"params/head/kernel": W, "turned": np.asfortranarray(W), "step": np.array(3)})
    tree, _ = read_weights(path)
    base = tree["params/head/kernel"]
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap) and np.array_equal(tree["turned"], W) and tree["step"] == 3
    with open(path, "wb") as file:
        np.savez_compressed(file, w=W)
    found = read_weights(path)[0]["w"]
    assert np.array_equal(found, W) and not found.flags.writeable


def test_bfloat16_of_an_npz_becomes_float32(tmp_path):
    numbers = np.float32([1.5, -2, 0.15625])
    path = put(tmp_path / "a.npz", "npz", w=(numbers.view("u4") >> 16).astype("u2").view("V2"))
    assert np.array_equal(read_weights(path)[0]["w"], numbers)


def test_a_model_that_minivit_saved_is_read_too(tmp_path):
    import minivit

    config = minivit.ViTConfig(image_size=8, patch_size=4, channels=1, classes=3, dim=6, depth=1, heads=2, mlp_dim=5)
    model = minivit.ViT(config, np.random.default_rng(0))
    minivit.save(tmp_path / "model.npz", model)
    tree, _ = read_weights(tmp_path)
    assert all(np.array_equal(tree[name], array) for name, array in model.state_dict().items())


# What is no file of weights


@pytest.mark.parametrize(
    "content, fault",
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a pointer of Git LFS .* `git lfs pull`"),
        (b"\n<!DOCTYPE html><html>", "is a web page"),
        (b"\x89HDF\r\n\x1a\n", "is of Keras or HDF5"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "before version 1.6.* convert it with safetensors"),
        (b"", "no file of weights"),
        (b"hello", "no file of weights"),
        (torch_files.state({"w": W})[:-30], "cut short; get it anew"),
        (torch_files.zipped({"w.npy": b"\x93NUMPY\1\0"}), "cannot be read as weights in NumPy's format"),
        (torch_files.zipped({"readme.txt": b"hello"}), "no file of torch's"),
    ],
    ids=lambda value: value if isinstance(value, str) else "content",
)
def test_what_is_often_taken_for_weights(tmp_path, content, fault):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.pth .*{fault}"):
        read_weights(tmp_path / "a.pth")


@pytest.mark.parametrize("path, fault", [(3, "got int: 3"), ("", "got str"), (None, "NoneType"), ("nowhere.pth", "no file")])
def test_no_path(path, fault):
    with pytest.raises(ValueError, match=fault):
        read_weights(path)


def test_python_s_objects_in_an_npz(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, w=np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"'w\.npy' holds object, and no numbers"):
        read_weights(path)


def test_what_unpacks_to_far_more_than_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(zipped, "SMALL", 50_000)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(3):
            archive.writestr(f"{i}.npy", bytes(20_000))
    with pytest.raises(ValueError, match="claim to unpack to 60,000: that is no data but a trap"):
        read_weights(tmp_path / "a.npz")
