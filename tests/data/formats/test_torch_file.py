"""torch's files: a dictionary as it stands there, with arrays for tensors; whatever else a pickle could do is refused by name."""

import argparse
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest

from minivit.data.formats import torch_file

from ...support import torch_files as made
from ...support.torch_files import Raw, call, named, storage, tensor

NUMBERS = np.random.default_rng(3).standard_normal(10).astype(np.float32)
FLOATS = storage("0", "Float", 10)


@pytest.fixture
def read(tmp_path):
    """read(bytes): what is in a file of these."""

    def read(content):
        (tmp_path / "a.pth").write_bytes(content)
        return torch_file.read(tmp_path / "a.pth")

    return read


def test_a_tensor_is_a_view_of_its_storage_from_an_offset_in_strides(read):
    tree = read(made.saved({"a": tensor(FLOATS, (2, 3), (1, 2), 4), "b": tensor(FLOATS, (10,), (1,))}, NUMBERS))
    assert np.array_equal(tree["a"], NUMBERS[4:].reshape(3, 2).T) and np.array_equal(tree["b"], NUMBERS)
    assert np.shares_memory(tree["a"], tree["b"]) and tree["a"].dtype == np.float32


def test_the_file_is_mapped_and_cannot_be_written_through(read):
    a = read(made.saved({"a": tensor(FLOATS, (10,), (1,))}, NUMBERS))["a"]
    base = a
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap) and not a.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        a[0] = 0


@pytest.mark.parametrize("kind", "f8 f4 f2 c8 c16 i8 i4 i2 i1 u1 b1".split())
def test_every_dtype_stays_what_it_is(read, kind):
    array = np.arange(3).astype(kind)
    name = {np.dtype(dtype): name for name, dtype in torch_file.STORAGES.items() if name != "BFloat16"}[array.dtype]
    found = read(made.saved({"a": tensor(storage("0", name, 3), (3,), (1,))}, array))["a"]
    assert found.dtype == array.dtype and np.array_equal(found, array)


def test_bfloat16_becomes_float32_once_for_all_who_share_it(read):
    numbers = np.float32([1.5, -2.0, 0.15625, np.inf])
    half, upper = storage("0", "BFloat16", 4), (numbers.view("u4") >> 16).astype("u2")
    tree = read(made.saved({"a": tensor(half, (4,), (1,)), "b": tensor(half, (2, 2), (1, 2))}, upper))
    assert tree["a"].dtype == np.float32 and np.array_equal(tree["a"], numbers)
    assert np.array_equal(tree["b"], numbers.reshape(2, 2).T) and np.shares_memory(tree["a"], tree["b"])


def test_a_checkpoint_stays_nested_and_what_is_no_weights_keeps_its_name(read):
    weight = tensor(FLOATS, (5, 2), (2, 1))
    tree = read(
        made.saved(
            {
                "model": {"w": call("torch._utils._rebuild_parameter", weight, True, call("collections.OrderedDict"))},
                "epoch": 3,
                "best": call("numpy._core.multiarray.scalar", call("numpy.dtype", "f8"), call("_codecs.encode", "\0", "latin1")),
                "args": Raw(named("argparse.Namespace") + b")\x81" + made.say({"lr": 0.1}) + b"b"),
                "shape": call("torch.Size", (3, 4)),
                "optimizer": {"state": {0: {"step": 1.5}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999)}]},
            },
            NUMBERS,
        )
    )
    assert np.array_equal(tree["model"]["w"], NUMBERS.reshape(5, 2))
    assert repr(tree["args"]) == "<argparse.Namespace, not read>" and tree["best"].name == "numpy._core.multiarray.scalar"
    assert tree["epoch"] == 3 and tree["shape"] == (3, 4)
    assert tree["optimizer"] == {"state": {0: {"step": 1.5}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999)}]}


def test_newer_pickles_are_read_too(read):
    tree = {"a": [1, -5, 1 << 40, 2.5, None, True, "é" * 300, (), (1, 2), b"b"], "b": {"c": False}}
    for protocol in (2, 3, 4, 5):
        content = pickle.dumps(tree, protocol).replace(b"c_codecs\nencode\n", b"ctorch\ndevice\n")
        found = read(made.zipped({"data.pkl": content}))
        assert found["a"][:9] == tree["a"][:9] and found["b"] == tree["b"]


# What is refused, and why


SIZES = [
    ((11,), (1,), 0),  # more than there is
    ((10,), (1,), 1),
    ((2, 6), (6, 1), 0),
    ((3, 3), (4, 1), 0),  # nine numbers, the last one outside
    ((100,), (0,), 0),  # one number a hundred times
    ((1 << 40, 1 << 40), (0, 0), 0),
    ((0,), (1,), 11),
    ((1,), (1 << 50,), 10),
]


@pytest.mark.parametrize("shape, strides, offset", SIZES, ids=str)
def test_a_tensor_larger_than_its_storage(read, shape, strides, offset):
    with pytest.raises(ValueError, match="larger than its storage of 10 numbers"):
        read(made.saved({"a": tensor(FLOATS, shape, strides, offset)}, NUMBERS))


@pytest.mark.parametrize(
    "shape, strides, offset",
    [((-1,), (1,), 0), ((2,), (-1,), 5), ((2,), (1,), -1), ((2.0,), (1,), 0), ((True,), (1,), 0), ((1 << 70,), (0,), 0)],
    ids=str,
)
def test_sizes_that_are_none(read, shape, strides, offset):
    with pytest.raises(ValueError, match="no sizes"):
        read(made.saved({"a": tensor(FLOATS, shape, strides, offset)}, NUMBERS))


@pytest.mark.parametrize("kind, count", [("Float", 9), ("Double", 10), ("Float", 1 << 60), ("Float", -10)])
def test_a_storage_that_lies_about_its_size(read, kind, count):
    with pytest.raises(ValueError, match="'archive/data/0' has 40 bytes"):
        read(made.saved({"a": tensor(storage("0", kind, count), (2,), (1,))}, NUMBERS))


@pytest.mark.parametrize("key", ["1", "../data/0", "/etc/passwd", ""])
def test_a_storage_that_is_not_there(read, key):
    with pytest.raises(ValueError, match="lacks the numbers"):
        read(made.saved({"a": tensor(storage(key, "Float", 10), (2,), (1,))}, NUMBERS))


NAMES = "os.system posix.system builtins.eval builtins.getattr __builtin__.eval subprocess.Popen torch.load numpy.load"
NAMES += " torch.Tensor torch.storage._load_from_bytes torch.nn.modules.linear.Linear argparse.ArgumentParser"


@pytest.mark.parametrize("name", NAMES.split())
def test_whatever_else_a_pickle_names_is_refused_with_its_name(read, name):
    from_stack = Raw(b"".join(map(made.say, name.rpartition(".")[::2])) + b"\x93")
    for instructions in (named(name), call(name, "touch owned"), from_stack):
        with pytest.raises(ValueError, match=f"it names '{name}'"):
            read(made.saved({"a": instructions}))


def test_a_name_with_dots_is_no_way_around(read):
    for name in ("OrderedDict.__init__.__globals__", "OrderedDict.fromkeys"):
        with pytest.raises(ValueError, match=r"it names 'collections\.OrderedDict\."):
            read(made.saved({"a": Raw(made.say("collections") + made.say(name) + b"\x93")}))


@pytest.mark.parametrize(
    "instructions",
    [
        made.say("text") + made.say(("a",)) + b"R",  # a text is called
        made.say("text") + made.say({}) + b"b",  # and given attributes
        FLOATS + made.say(()) + b"R",  # and a storage
        named("torch._utils._rebuild_tensor_v2") + made.say({"__code__": 1}) + b"b",
        named("torch._utils._rebuild_tensor_v2") + made.say((1,)) + b"R",
        named("torch.Size") + made.say("text") + b"R",
        named("torch.Size") + made.say([(1,)]) + b"R",
        call("torch._utils._rebuild_tensor_v2", FLOATS, 0, (1,), (1,), *"56789"),
        made.say(1) + b"a",  # appended to a dictionary
        b"h\x63",  # a memo that nobody wrote
        b"0" * 9,
    ],
)
def test_calls_of_what_is_no_function_and_other_odd_instructions(read, instructions):
    with pytest.raises(ValueError, match=r"damaged at byte|not made of|a torch\.Size is no tuple|the instruction POP") as refused:
        read(made.saved({"a": Raw(instructions)}, NUMBERS))
    assert "\n" not in str(refused.value)


def test_a_key_that_takes_years_to_hash(read):
    doubled = made.say(()) + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
    with pytest.raises(ValueError, match="no text and no whole number"):
        read(made.saved({"a": {Raw(doubled): 1}}))


@pytest.mark.parametrize("content", [b"]" * 50 + b"a" * 49, b"]" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(60))])
def test_a_tree_that_nobody_can_walk(read, content):
    with pytest.raises(ValueError, match=r"deep, or in themselves"):
        read(made.saved({"a": Raw(content)}))


def test_branches_without_number_that_are_not_deep(read):
    with pytest.raises(ValueError, match="in too many places"):
        read(made.saved({"a": Raw(b"]" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(24)))}))


def test_a_storage_of_two_sizes(read):
    with pytest.raises(ValueError, match="gives the storage '0' two sizes"):
        read(made.saved({"a": tensor(FLOATS, (2,), (1,)), "b": tensor(storage("0", "Float", 9), (2,), (1,))}, NUMBERS))


def test_a_tree_within_itself(read):
    with pytest.raises(ValueError, match="in themselves"):
        read(made.zipped({"data.pkl": b"\x80\x02}q\0X\1\0\0\0ah\0s."}))


def test_a_pickle_that_never_ends(read, monkeypatch):
    monkeypatch.setattr(torch_file, "INSTRUCTIONS", 1000)
    with pytest.raises(ValueError, match="more than 1,000 instructions"):
        read(made.saved({"a": Raw(b"(" * 2000)}))


@pytest.mark.parametrize(
    "members, fault",
    [
        ({"data.pkl": made.pickled({}), "constants.pkl": b""}, "TorchScript"),
        ({"other.pkl": made.pickled({})}, "no file of torch's"),
        ({"data.pkl": made.pickled({}), "byteorder": b"big"}, "highest byte first"),
        ({"data.pkl": made.pickled([1])}, "no dictionary"),
        ({"data.pkl": made.pickled(tensor(FLOATS, (10,), (1,))), "data/0": NUMBERS.tobytes()}, "no dictionary"),
        ({"data.pkl": b""}, "pickle"),
        ({"data.pkl": b"\x80\x02}"}, "pickle exhausted"),
        ({"data.pkl": bytes(17 << 20)}, "larger than 16 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_file_of_weights(read, members, fault):
    with pytest.raises(ValueError, match=rf"a\.pth cannot be read as torch's weights: .*{fault}"):
        read(made.zipped(members))


def test_compressed_encrypted_overlapping_and_lying_members(read):
    content = made.saved({"a": tensor(FLOATS, (10,), (1,))}, NUMBERS)
    members = {"data.pkl": made.pickled({}), "data/0": bytes(1000)}
    with pytest.raises(ValueError, match="compressed"):
        read(made.zipped(members, method=8))
    flags = [content.index(b"PK\3\4") + 6, content.index(b"PK\1\2") + 8]
    for place in flags:
        with pytest.raises(ValueError, match="encrypted"):
            read(content[:place] + b"\1" + content[place + 1 :])
    twins = made.saved({}, NUMBERS, NUMBERS)
    second = twins.rindex(b"PK\1\2", 0, twins.rindex(b"archive/data/1"))
    with pytest.raises(ValueError, match=r"'archive/data/\d' overlaps"):  # the second begins where the first one does
        read(twins[: second + 42] + struct.pack("<I", twins.index(b"archive/data/0") - 30) + twins[second + 46 :])
    with pytest.raises(ValueError, match="lies about its size"):
        read(twins[: second + 20] + struct.pack("<2I", 41, 41) + twins[second + 28 :])
    numbers = content.index(NUMBERS.tobytes())
    with pytest.raises(ValueError, match=r"'archive/data/0' is damaged: its checksum"):
        read(content[:numbers] + bytes([content[numbers] ^ 1]) + content[numbers + 1 :])


# Beside torch itself


@pytest.mark.slow
def test_everything_that_torch_saves_is_what_torch_loads(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    base = torch.randn(4, 6)
    tensors = {"base": base, "row": base[1], "transposed": base.T, "sliced": base[1:3, ::2], "scalar": torch.tensor(3.5)}
    for kind in "bfloat16 float16 float64 int64 int32 int16 int8 uint8 bool complex64".split():
        tensors[kind] = torch.arange(6).reshape(2, 3).to(getattr(torch, kind))
    tensors |= {"parameter": torch.nn.Parameter(torch.ones(2)), "empty": torch.zeros(0, 3)}
    tensors["channels last"] = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    model, moment = torch.nn.Linear(3, 2), torch.randn(2, 3)
    optimizer = {"state": {0: {"exp_avg": moment, "step": 1}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999)}]}
    tree = {"model": OrderedDict(tensors), "linear": model.state_dict(), "optimizer": optimizer, "epoch": 3}
    tree |= {"args": argparse.Namespace(lr=0.1), "best": np.float64(3), "device": torch.device("cpu"), "dtype": torch.float16}
    for protocol in (2, 4):
        torch.save(tree, tmp_path / "a.pth", pickle_protocol=protocol)
        found = torch_file.read(tmp_path / "a.pth")
        for name, value in tensors.items():
            array = value.detach().float().numpy() if value.dtype == torch.bfloat16 else value.detach().numpy()
            assert found["model"][name].dtype == array.dtype and np.array_equal(found["model"][name], array), name
        assert np.array_equal(found["linear"]["weight"], model.weight.detach().numpy())
        assert np.array_equal(found["optimizer"]["state"][0].pop("exp_avg"), moment.numpy())
        assert found["optimizer"] == {"state": {0: {"step": 1}}, "param_groups": optimizer["param_groups"]}
        assert np.shares_memory(found["model"]["base"], found["model"]["sliced"]) and found["epoch"] == 3
