"""safetensors: arrays by name as they were written, mapped; a header that does not fit the file to the byte is refused."""

import json

import numpy as np
import pytest

from minivit.data.formats import safetensors

ARRAYS = {
    "odd": np.arange(3, dtype=np.uint8),
    "w": np.random.default_rng(3).standard_normal((2, 3)).astype(np.float32),
    "half": np.float16([[1.5], [2.5]]),
    "scalar": np.array(7, np.int64),
    "none": np.zeros((0, 3)),
    "yes": np.array([True, False]),
}


def made(header, numbers=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + numbers


def entry(dtype="F32", shape=(2,), start=0, end=8):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.fixture
def read(tmp_path):
    """read(bytes): what is in a file of these."""

    def read(content):
        (tmp_path / "a.safetensors").write_bytes(content)
        return safetensors.read(tmp_path / "a.safetensors")

    return read


def same(found, arrays):
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape, name
        assert np.array_equal(found[name], array), name


def test_what_is_written_is_read_again(tmp_path):
    safetensors.write(tmp_path / "a.safetensors", ARRAYS, {"format": "np", "classes": "[1, 2]"})
    found, texts = safetensors.read(tmp_path / "a.safetensors")
    same(found, ARRAYS)
    assert texts == {"format": "np", "classes": "[1, 2]"}
    assert all(array.flags.aligned and not array.flags.writeable for array in found.values())


def test_arrays_of_any_order_in_memory_are_written(tmp_path):
    w = ARRAYS["w"]
    safetensors.write(tmp_path / "a.safetensors", {"turned": w.T, "big": w.astype(">f4"), "every": w[:, ::2]})
    same(safetensors.read(tmp_path / "a.safetensors")[0], {"turned": w.T, "big": w, "every": w[:, ::2]})


def test_the_file_is_mapped_and_its_metadata_may_be_missing(read):
    found, texts = read(made({"a": entry()}, np.float32([1, 2]).tobytes()))
    base = found["a"]
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap) and found["a"].tolist() == [1, 2] and texts == {}


def test_numbers_that_begin_anywhere_are_read(read):
    header = json.dumps({"a": entry("U8", [1], 0, 1), "b": entry("F32", [2], 1, 9)}).encode()
    for spaces in range(8):
        found, _ = read(made(header + b" " * spaces, b"\1" + np.float32([1.5, 2]).tobytes()))
        assert found["b"].tolist() == [1.5, 2] and (found["b"] * 2).tolist() == [3, 4]


def test_bfloat16_becomes_float32(read):
    numbers = np.float32([1.5, -2, 0.15625, np.inf])
    found, _ = read(made({"a": entry("BF16", [2, 2])}, (numbers.view("u4") >> 16).astype("u2").tobytes()))
    assert found["a"].dtype == np.float32 and np.array_equal(found["a"], numbers.reshape(2, 2))


@pytest.mark.parametrize(
    "content, fault",
    [
        (b"", "0 bytes long, in a file of 0"),
        (b"\0" * 8, "0 bytes long"),
        (made({"a": entry()}, bytes(8), 1 << 62), "4,611,686,018,427,387,904 bytes long"),
        (made({"a": entry()}, bytes(8), 500), "500 bytes long"),
        (made(b"{" + b" " * (9 << 20) + b"}"), "at most 8,388,608 are read"),
        (made(b"not JSON"), "no JSON"),
        (made(b"\xff\xfe{}"), "utf-8"),
        (made(b"[" * 100_000), "nested too deeply"),
        (made([1]), "no dictionary"),
        (made({"__metadata__": {"a": 1}}), "no dictionary of texts"),
        (made(b'{"a":1,"a":2}'), "a name stands twice"),
        (made({"a": 3}), "does not have a dtype, a shape and two data_offsets"),
        (made({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}, bytes(8)), "two data_offsets"),
        (made({"a": entry("F8_E4M3", [8])}, bytes(8)), "of dtype 'F8_E4M3'; those that are read are F64"),
        (made({"a": entry(["F32"])}, bytes(8)), "of dtype"),
        (made({"a": entry(shape=[-2])}, bytes(8)), "no sizes"),
        (made({"a": entry(shape=[2.0])}, bytes(8)), "no sizes"),
        (made({"a": entry(shape=[True, 2])}, bytes(8)), "no sizes"),
        (made({"a": entry(shape=[1] * 33 + [2])}, bytes(8)), "no sizes"),
        (made({"a": entry(shape=[1 << 61, 0, 1 << 61], end=0)}), "too"),
        (made({"a": entry(shape=[1 << 40])}, bytes(8)), "4,398,046,511,104 bytes, but has 8"),
        (made({"a": entry(start=8, end=0)}, bytes(8)), "but has -8"),
        (made({"a": entry(), "b": entry(start=4, end=12)}, bytes(12)), "begins at byte 4 of the numbers, where 8 is next"),
        (made({"a": entry(), "b": entry()}, bytes(8)), "begins at byte 0"),
        (made({"a": entry(), "b": entry(start=12, end=20)}, bytes(20)), "begins at byte 12"),
        (made({"a": entry()}, bytes(9)), "8 bytes, 9 are there"),
        (made({"a": entry()}, bytes(7)), "8 bytes, 7 are there"),
    ],
    ids=lambda value: value if isinstance(value, str) else "content",
)
def test_a_header_that_does_not_fit_is_refused(read, content, fault):
    with pytest.raises(ValueError, match=rf"a\.safetensors is no safetensors file, or it is damaged: .*{fault}"):
        read(content)


@pytest.mark.parametrize(
    "arrays, texts, fault",
    [
        ({"a": np.array(["text"])}, {}, "'a' is <U4, which a safetensors file does not hold"),
        ({"a": np.array([None])}, {}, "'a' is object"),
        ({"__metadata__": np.ones(2)}, {}, "'__metadata__' cannot be the name"),
        ({3: np.ones(2)}, {}, "3 cannot be the name"),
        ({"a": np.ones(2)}, {"epoch": 3}, "must be texts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_format_lacks_is_refused_before_a_file_is_there(tmp_path, arrays, texts, fault):
    with pytest.raises(ValueError, match=fault):
        safetensors.write(tmp_path / "a.safetensors", {"b": np.ones(2)} | arrays, texts)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"there is no file '.*a\.safetensors'"):
        safetensors.read(tmp_path / "a.safetensors")


# Beside its own package


@pytest.mark.slow
def test_what_its_own_package_reads_and_writes(tmp_path):
    package = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    safetensors.write(tmp_path / "a.safetensors", ARRAYS, {"format": "np"})
    same(package.load_file(tmp_path / "a.safetensors"), ARRAYS)
    package.save_file(ARRAYS, tmp_path / "b.safetensors", {"format": "pt"})
    found, texts = safetensors.read(tmp_path / "b.safetensors")
    same(found, ARRAYS)
    assert texts == {"format": "pt"}


@pytest.mark.slow
def test_what_its_own_package_writes_of_torch_s_bfloat16(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    package = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    base = torch.randn(4, 6)
    tensors = {"b": base.bfloat16(), "t": base.T.contiguous(), "s": base[1:3, ::2].contiguous(), "z": torch.tensor(3.5)}
    package.save_file(tensors, tmp_path / "a.safetensors")
    same(safetensors.read(tmp_path / "a.safetensors")[0], {name: tensor.float().numpy() for name, tensor in tensors.items()})
