"""Files of weights that are damaged, lie, or want something run: {label: bytes} for each format, 200 or more; of large ones, the
function that makes the bytes. A label that begins with "damaged" may still hold something that makes sense; every other one must
be refused."""

import io
import json
import pickletools
import struct
import zlib

import numpy as np

from . import made, torch_files
from .torch_files import Raw, call, named, storage, tensor

W = np.random.default_rng(3).standard_normal((4, 6)).astype(np.float32)
FLOATS = storage("0", "Float", 24)
RUN = "touch OWNED"


def all_kinds():
    return {"safetensors": safetensors, "torch": torch, "npz": npz}


def labelled(kind, contents):
    return {f"{kind} {i}": content for i, content in enumerate(contents)}


# safetensors


def text(header, length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(header) if length is None else length).to_bytes(8, "little") + header + W.tobytes()


def safetensors():
    entry = {"dtype": "F32", "shape": [4, 6], "data_offsets": [0, 96]}
    good = text({"w": entry})
    wrong = {
        "dtype": ["f32", "F8_E5M2", "", None, 4, ["F32"], {}, "O", "F64", "F16", "__reduce__"],
        "shape": [
            None,
            "46",
            24,
            [],
            [4],
            [4, 7],
            [4, -6],
            [-4, -6],
            [4.0, 6],
            [True, 24],
            [[4, 6]],
            [1 << 62, 1 << 62],
            [10**400],
        ]
        + [[1] * 40, [0, 1 << 61], [4, 6, 0], {"4": 6}, [1 << 40] * 32, ["4", "6"], [None]],
        "data_offsets": [
            None,
            [],
            [0],
            [0, 96, 96],
            [0, 95],
            [0, 97],
            [1, 97],
            [-96, 0],
            [96, 0],
            [0.0, 96.0],
            [0, 1 << 62],
            "ab",
        ]
        + [[1 << 62, (1 << 62) + 96], [0, 10**400], [False, 96], [[0], [96]], {"0": 96}, [96, 192]],
    }
    others = {
        "overlap": [{"w": entry, "v": entry}, {"w": entry, "v": {**entry, "data_offsets": [48, 144]}}],
        "hole": [{"w": {**entry, "data_offsets": [4, 100]}}, {"w": {**entry, "shape": [4], "data_offsets": [0, 16]}}],
        "header": [[], 3, "w", None, {"w": None}, {"w": []}, {"w": {}}, {"w": {"w": entry}}, {"w": entry, "__metadata__": entry}],
        "metadata": [{"w": entry, "__metadata__": value} for value in (1, [], "text", {"a": 1}, {"a": {}}, {"a": None})],
    }
    bombs = [b"[" * (8 << 20), b'{"a":' * (1 << 20), b'{"w":' + b"9" * (1 << 20) + b"}", b"{" + b" " * (9 << 20), b"\xff" * 99]
    bombs += [b'{"w":1e999999}', b'{"w":NaN}', json.dumps({"w": entry}).encode("utf-16"), b'{"w":{},"w":{}}', b"{}", b""]
    lengths = [0, 1, 2, 7, 56, 200, 1 << 20, 1 << 31, 1 << 32, 1 << 53, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
    return {
        **labelled("cut", (good[:end] for end in range(0, len(good), 3))),
        **labelled("longer", (good + bytes(more) for more in (1, 8, 96, 1 << 20))),
        **labelled("length", (text({"w": entry}, length=length) for length in lengths)),
        **labelled("bomb", (text(bomb) for bomb in bombs)),
        "50,000 arrays at one place": lambda: text({str(i): entry for i in range(50_000)}),
        **{f"{key} {value!r:.40}": text({"w": {**entry, key: value}}) for key, values in wrong.items() for value in values},
        **{f"{kind} {i}": text(header) for kind, headers in others.items() for i, header in enumerate(headers)},
        **labelled("damaged", made.damaged(good, 80, np.random.default_rng(7), header=len(good) - W.nbytes)),
    }


# torch

NAMES = """
os.system os.popen os.execv os.remove posix.system nt.system subprocess.Popen subprocess.check_output builtins.eval
builtins.exec builtins.compile builtins.getattr builtins.setattr builtins.__import__ builtins.open __builtin__.eval
__builtin__.apply importlib.import_module runpy.run_path pty.spawn shutil.rmtree socket.socket pickle.loads _pickle.loads
marshal.loads types.FunctionType types.CodeType operator.attrgetter operator.methodcaller functools.partial functools.reduce
copyreg._reconstructor numpy.load numpy.frombuffer numpy.core.multiarray.fromfile numpy.testing._private.utils.runstring
torch.load torch.hub.load torch.storage._load_from_bytes torch.jit.load torch.nn.modules.linear.Linear
torch._utils._rebuild_qtensor torch._tensor._rebuild_from_type_v2 argparse.ArgumentParser argparse._sys
collections.namedtuple collections.abc.sys minivit.save minivit.data.formats.torch_file.read
""".split()


def torch():
    rng = np.random.default_rng(7)
    weights = {"w": tensor(FLOATS, (4, 6), (6, 1)), "epoch": 3, "args": call("argparse.Namespace")}
    good, pickle = torch_files.saved(weights, W), torch_files.pickled(weights)
    doubled = b")" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(100))
    lists = b"]" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(100))
    inside = lambda *raw: torch_files.saved({"w": Raw(b"".join(raw))}, W)  # noqa: E731
    rebuild = "torch._utils._rebuild_tensor_v2"
    odd = {
        "reduce of a text": [torch_files.say(RUN), torch_files.say(("a",)), b"R"],
        "reduce of a tensor": [weights["w"], b")R"],
        "reduce of a storage": [FLOATS, b")R"],
        "reduce of a storage's kind": [named("torch.FloatStorage"), torch_files.say((1 << 40,)), b"R"],
        "reduce without arguments": [named(rebuild), b"NR"],
        "reduce with many arguments": [named(rebuild), b"(", b"N" * 400_000, b"tR"],
        "a long size again and again": [b"(", b"K\1" * 90_000, b"tq\0", (named("torch.Size") + b"h\0\x85R") * 30_000],
        "a tensor of many axes": [b"(", b"K\1" * 90_000, b"tq\0", call(rebuild, FLOATS, 0, Raw(b"h\0"), Raw(b"h\0"))],
        "attributes of a function": [named(rebuild), torch_files.say({"__code__": 1}), b"b"],
        "attributes of a type": [named("collections.OrderedDict"), torch_files.say({"__init__": 1}), b"b"],
        "slots": [named(rebuild), torch_files.say((None, {"__defaults__": (1,)})), b"b"],
        "items of a function": [named(rebuild), torch_files.say("a"), b"Ns"],
        "appending to a text": [torch_files.say("a"), b"Na"],
        "keys that take years": [b"}", doubled, b"Ns"],
        "keys that are lists": [b"}]Ns"],
        "keys that are tensors": [b"}", weights["w"], b"Ns"],
        "a shape that takes years to print": [call(rebuild, FLOATS, 0, Raw(doubled), (1,), False, None)],
        "an offset that takes years": [call(rebuild, FLOATS, Raw(doubled), (1,), (1,), False, None)],
        "a storage's size that takes years": [
            b"(X\7\0\0\0storage",
            named("torch.FloatStorage"),
            b"X\1\0\0\0000N",
            doubled,
            b"tQ",
        ],
        "branches without number": [lists],
        "a list in itself": [b"]q\0h\0a"],
        "lists in lists": [b"]" * 200_000, b"a" * 199_999],
        "tuples in tuples": [b")", b"\x85" * 400_000],
        "dictionaries in dictionaries": [b"}" + b"X\1\0\0\0a}" * 60_000, b"s" * 60_000],
        "marks": [b"(" * 499_000],
        "more instructions than weights have": [b"N" * 5_000_000],
        "an index of the memo": [b"Nr\xff\xff\xff\xffj\xff\xff\xff\xfe"],
        "a text of 4 GB": [b"X\xff\xff\xff\xff"],
        "a text of 2^62 bytes": [b"\x8d", struct.pack("<Q", 1 << 62)],
        "bytes of 2^62": [b"\x8e", struct.pack("<Q", 1 << 62)],
        "a bytearray of 2^62": [b"\x96", struct.pack("<Q", 1 << 62)],
        "a number of 2 GB": [b"\x8b", struct.pack("<i", (1 << 31) - 1)],
        "a number of -1 bytes": [b"\x8b", struct.pack("<i", -1)],
        "a number of 4 MB": [b"\x8b", struct.pack("<i", 4 << 20), b"\1" * (4 << 20)],
        "a number of a million digits": [b"I" + b"9" * 1_000_000 + b"\n"],
        "a long number of a million digits": [b"L" + b"9" * 1_000_000 + b"L\n"],
        "a frame of 2^62": [b"\x95", struct.pack("<Q", 1 << 62)],
        "an extension": [b"\x82\1"],
        "a persistent text": [b"P0\n"],
        "a persistent number": [b"K\1Q"],
        "a persistent tuple of two": [torch_files.say(("storage", "0")), b"Q"],
        "no storage's kind": [torch_files.say(("storage", "Float", "0", "cpu", 24)), b"Q"],
        "a tensor of a text": [call(rebuild, "0", 0, (1,), (1,), False, None)],
        "a tensor of a tensor's parameter": [call("torch._utils._rebuild_parameter", "0", True, None)],
        "an old instance": [b"(ios\nsystem\n"],
        "an old object": [b"(cos\nsystem\no"],
        "dots": [torch_files.say("collections"), torch_files.say("OrderedDict.__init__.__globals__"), b"\x93"],
        "dots from torch": [torch_files.say("torch._utils"), torch_files.say("_rebuild_tensor_v2.__globals__"), b"\x93"],
        "a name with spaces": [b"ctorch._utils _rebuild_tensor_v2\n\n"],
        "a name that is a number": [b"K\1K\1\x93"],
        "a chain of getattr": [call("builtins.getattr", Raw(call("builtins.getattr", "a", "__class__")), "__base__")],
    }
    known = {instruction.code for instruction in pickletools.opcodes}
    sizes = [((25,), (1,), 0), ((24,), (1,), 1), ((4, 7), (7, 1), 0), ((24,), (2,), 0), ((25,), (0,), 0), ((1 << 40,), (0,), 0)]
    sizes += [
        ((1 << 62,) * 9, (0,) * 9, 0),
        ((-1,), (1,), 0),
        ((2,), (-1,), 9),
        ((2,), (1,), -1),
        ((2.5,), (1,), 0),
        ((2,), (1, 1), 0),
    ]
    sizes += [((1,) * 40, (1,) * 40, 0), ("4", (1,), 0), ((4,), None, 0), ((1,), (1,), 10**90), ((True,), (1,), 0), ([4], [1], 0)]
    counts = [0, 23, 25, -24, 1 << 31, 1 << 62, 10**90, 24.0, "24", None, True, (24,)]
    return {
        **{f"planted {name}": torch_files.saved({"w": call(name, RUN)}, W) for name in NAMES},
        **{f"named {name}": torch_files.saved({"w": named(name)}, W) for name in NAMES[::3]},
        **{f"odd: {label}": inside(*raw) for label, raw in odd.items()},
        **labelled("unknown byte", (inside(bytes([code])) for code in range(0, 256, 7) if chr(code) not in known)),
        **{f"size {i}": torch_files.saved({"w": tensor(FLOATS, *size)}, W) for i, size in enumerate(sizes)},
        **{f"count {n!r}": torch_files.saved({"w": tensor(storage("0", "Float", n), (4,), (1,))}, W) for n in counts},
        **labelled(
            "cut pickle",
            (torch_files.zipped({"data.pkl": pickle[:end], "data/0": W.tobytes()}) for end in range(0, len(pickle), 8)),
        ),
        **labelled("cut", (good[:end] for end in range(0, len(good), 40))),
        **zips({"archive/data.pkl": pickle, "archive/data/0": W.tobytes()}),
        **labelled("damaged", made.damaged(good, 80, rng)),
        **labelled(
            "damaged pickle", (torch_files.zipped({"data.pkl": p, "data/0": W.tobytes()}) for p in made.damaged(pickle, 80, rng))
        ),
    }


def zips(members):
    """Zip archives of these members that are packed, encrypted, or lie about where they are and how large."""
    good, name = torch_files.zipped(members, folder=""), next(iter(members))
    first, second, end = good.index(b"PK\1\2"), good.rindex(b"PK\1\2"), good.index(b"PK\5\6")
    large, huge = struct.pack("<2I", 1 << 31, 1 << 31), struct.pack("<I", 0xFFFFFFF0)

    def changed(*changes):
        copy = bytearray(good)
        for at, content in changes:
            copy[at : at + len(content)] = content
        return bytes(copy)

    twins = torch_files.zipped({name: members[name], "twin1.npy": b"", "twin2.npy": b""}, folder="")
    return {
        "zip: a size in the list": changed((second + 20, large)),
        "zip: a size in front of a member": changed((18, large)),
        "zip: both sizes": changed((first + 20, large), (18, large)),
        "zip: a place beyond the file": changed((second + 42, huge)),
        "zip: the place of another": changed((second + 42, bytes(4))),
        "zip: a checksum": changed((second + 16, bytes(4))),
        "zip: packed in the list": changed((second + 10, b"\x08")),
        "zip: packed in both": changed((first + 10, b"\x08"), (8, b"\x08")),
        "zip: lzma": changed((first + 10, b"\x0e"), (8, b"\x0e")),
        "zip: encrypted": changed((first + 8, b"\1")),
        "zip: encrypted in front of a member": changed((6, b"\1")),
        "zip: a long name": changed((26, b"\xff\xff")),
        "zip: a long extra field": changed((28, b"\xff\xff")),
        "zip: a list of 4 GB": changed((end + 12, huge)),
        "zip: a list beyond the file": changed((end + 16, huge)),
        "zip: no mark": changed((0, b"PK\3\5")),
        "zip: two of one name": twins.replace(b"twin2", b"twin1"),
        "damaged zip: 65,535 members": changed((end + 8, b"\xff\xff\xff\xff")),
        "zip: 12,000 members": lambda: packed(name, 12_000, b"", 0),
        "zip: a bomb": lambda: packed(name, 1),
        "zip: many bombs": lambda: packed(name, 20),
        "zip: a bomb that claims less": lambda: packed(name, 1, claimed=1000),
        "zip: a bomb that claims 4 GB": lambda: packed(name, 1, claimed=0xFFFFFF00),
        "zip: one bomb, named 2,000 times": lambda: packed(name, 2000, places=1),
        "zip: a list of 26 MB": lambda: packed(name, 400, b"", 0, comment=bytes(65_000)),
    }


def packed(name, count, content=None, claimed=70 << 20, places=None, comment=b""):
    """A zip archive of `count` members, "0name" and so on, of 70 MB each once unpacked, which lie at `places` places."""
    checksum = zlib.crc32(bytes(70 << 20)) if content is None else 0
    content = zlib.compress(bytes(70 << 20), 9, wbits=-15) if content is None else content
    sizes = struct.pack("<HHH3L", 8, 0, 0, checksum, len(content), claimed)
    member = b"PK\3\4" + struct.pack("<HH", 20, 0) + sizes + struct.pack("<HH", len(name), 0) + name.encode() + content
    places = places or count
    listed = b""
    for i in range(count):
        own = f"{i}{name}".encode()
        rest = struct.pack("<5HLL", len(own), 0, len(comment), 0, 0, 0, i % places * len(member))
        listed += b"PK\1\2" + struct.pack("<HHH", 20, 20, 0) + sizes + rest + own + comment
    return member * places + listed + b"PK\5\6" + struct.pack("<4H2LH", 0, 0, count, count, len(listed), len(member) * places, 0)


# NumPy's .npz


def npz():
    rng = np.random.default_rng(7)
    buffer = io.BytesIO()
    np.save(buffer, W)
    good = buffer.getvalue()
    shapes = [
        "(4, 6)",
        "(4, 7)",
        "(1000000000, 1000, 1000)",
        "(-4, -6)",
        "(0, 1000000000000)",
        "()",
        "(True, 24)",
        "24",
        "(4.0, 6)",
    ]
    kinds = ["<f8", "|O", "<U1000000", "|V0", "|V4", "<U0", "[('a', '|O')]", "nonsense", "<M8[s]", "|S4"]
    headers = [f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}" for kind in kinds for shape in shapes]
    headers += [
        "(" * 9000,
        "[" * 60_000,
        "{'descr'",
        "{}",
        "__import__('os').system('touch OWNED')",
        "1" * 9999,
        "-" * 9999,
        "{" * 9999,
    ]
    bad = [made.npy(header, W.tobytes(), version) for header in headers for version in ((1, 0), (2, 0))]
    bad += [
        made.npy(headers[0], W.tobytes(), (3, 0)),
        b"\x93NUMPY\2\0\xff\xff\xff\xff",
        b"\x93NUMPY\1\0\xff\xff",
        b"\x93NUMPY",
        b"",
    ]
    bad += [torch_files.pickled({"w": call("os.system", RUN)}), good[:-1], good + b"\0"]
    long = "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)" + ", 'shape': (0,)" * 600 + "}"
    whole = torch_files.zipped({"w.npy": good, "v.npy": good}, folder="")
    return {
        **labelled("array", (torch_files.zipped({"w.npy": good, "v.npy": content}, folder="") for content in bad)),
        **labelled("cut", (whole[:end] for end in range(0, len(whole), 40))),
        **zips({"w.npy": good, "v.npy": good}),
        "5,000 long headers": lambda: torch_files.zipped({f"{i}.npy": made.npy(long) for i in range(5000)}, folder=""),
        **labelled("damaged", made.damaged(whole, 80, rng)),
        **labelled("damaged packed", made.damaged(torch_files.zipped({"w.npy": good}, folder="", method=8), 40, rng)),
        **labelled(
            "damaged array", (torch_files.zipped({"w.npy": a}, folder="") for a in made.damaged(good, 80, rng, header=128))
        ),
    }
