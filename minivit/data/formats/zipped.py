"""A zip archive that nobody trusts: what its members say of themselves is held against the file before anything is read."""

import struct
import zipfile
import zlib

import numpy as np

from .mapped import mapped

LIST = 4 << 20  # bytes of the list of members
MOST = 10_000  # members
SMALL = 64 << 20  # bytes that compressed members may always unpack to together; above it,
RATIO = 8  # so many bytes for each of the file: weights hardly shrink, a trap unpacks to thousands
LOCAL = struct.Struct("<4s2xHH8xLLHH")  # in front of a member: mark, flags, method, both sizes, lengths of name and extra field


class Archive:
    """`names` are the members' names. Members are read-only uint8 arrays: views of the mapped file, but for compressed ones.

    Raises ValueError for members that overlap, leave the file, are encrypted, share a name, or lie about their size; for more
    of them than weights have; and for what would unpack to far more than its own size."""

    def __init__(self, path):
        self.data = mapped(path)
        with open(path, "rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("the list of members at its end is missing: it is no zip, or cut short; get it anew")
            with zipfile.ZipFile(_Bounded(file)) as archive:
                infos, end = archive.infolist(), archive.start_dir
        if len(infos) > MOST:
            raise ValueError(f"it has {len(infos):,} members; weights have at most {MOST:,}")
        self.members = {info.filename: (info, self._start(info)) for info in infos}
        if len(self.members) < len(infos):
            raise ValueError("two of its members have the same name")
        for info, start in sorted(self.members.values(), key=lambda member: member[1], reverse=True):
            if start + info.compress_size > end:
                raise ValueError(f"{info.filename!r:.60} overlaps with what follows it")
            end = info.header_offset
        unpacked = sum(info.file_size for info in infos if info.compress_type)
        if unpacked > max(SMALL, RATIO * len(self.data)):
            raise ValueError(f"its {len(self.data):,} bytes claim to unpack to {unpacked:,}: that is no data but a trap")

    @property
    def names(self):
        return list(self.members)

    def is_compressed(self, name):
        return self.members[name][0].compress_type != zipfile.ZIP_STORED

    def size(self, name):
        return self.members[name][0].file_size

    def read(self, name):
        """The bytes of a member. Raises ValueError if they do not agree with its checksum."""
        info, start = self.members[name]
        content = self.data[start : start + info.compress_size]
        if self.is_compressed(name):
            content = _inflated(content, info)
        if zlib.crc32(content) != info.CRC:
            raise ValueError(f"{name!r:.60} is damaged: its checksum does not agree")
        return content

    def _start(self, info):
        """Where the member's bytes begin."""
        name, header = f"{info.filename!r:.60}", self.data[info.header_offset :][: LOCAL.size].tobytes()
        if info.header_offset < 0 or len(header) < LOCAL.size or not header.startswith(b"PK\3\4"):
            raise ValueError(f"{name} is not where the list of members says")
        _, flags, method, packed, unpacked, name_length, extra_length = LOCAL.unpack(header)
        if (flags | info.flag_bits) & 1:
            raise ValueError(f"{name} is encrypted")
        if method != info.compress_type or method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed in a way that weights are not")
        later = flags & 8 or 0xFFFFFFFF in (packed, unpacked)  # the sizes stand elsewhere
        if not later and (packed, unpacked) != (info.compress_size, info.file_size):
            raise ValueError(f"{name} lies about its size")
        if method == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise ValueError(f"{name} lies about its size")
        return info.header_offset + LOCAL.size + name_length + extra_length


class _Bounded:
    """The file for zipfile, which would take any list of members into memory."""

    def __init__(self, file):
        self.seek, self.tell, self.file = file.seek, file.tell, file

    def read(self, size=-1):
        data = self.file.read(LIST + 1 if size < 0 else min(size, LIST + 1))
        if len(data) > LIST:
            raise ValueError("its list of members is longer than that of any weights")
        return data


def _inflated(content, info):
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    data = unpack.decompress(content, info.file_size + 1)  # one more than it claims, to see a lie
    if len(data) != info.file_size or not unpack.eof:
        raise ValueError(f"{info.filename!r:.60} lies about its size")
    return np.frombuffer(data, np.uint8)
