"""The downloader, against a server on this machine that may be cut off, lie, or not be there."""

import gzip
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from minivit.data import load
from minivit.data.fetch import copies, download

from ...support import made


class Server:
    """files       {path: bytes}
    breaks      {path: how many answers are cut off in the middle}
    ranges      whether it can start in the middle
    cut         whether every answer from the beginning is cut off in the middle
    moved       {path: the address to which it leads}
    etag        the version that it says it sends, or None
    requests    [(path, its Range header or None)]"""

    def __init__(self):
        self.files, self.breaks, self.ranges, self.cut, self.requests = {}, {}, True, False, []
        self.moved, self.etag = {}, None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, request):
        wanted = request.headers.get("Range")
        self.requests.append((request.path, wanted))
        if request.path in self.moved:
            request.send_response(302)
            request.send_header("Location", self.moved[request.path])
            request.send_header("Content-Length", "0")
            return request.end_headers()
        content = self.files.get(request.path)
        if content is None:
            return request.send_error(404)
        ranges = self.ranges and request.headers.get("If-Range") in (None, self.etag)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and ranges else 0
        if start and start >= len(content):
            return request.send_error(416)
        request.send_response(206 if start else 200)
        if self.etag:
            request.send_header("ETag", self.etag)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        body = content[start:]
        if self.breaks.get(request.path, 0) > 0:
            self.breaks[request.path] -= 1
            body = body[: len(body) // 2]
        elif self.cut and not start:
            body = body[: len(body) // 2]
        request.wfile.write(body)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


CONTENT = np.random.default_rng(3).bytes(50_000)
FILE = made.file("numbers", CONTENT)
PACKED = gzip.compress(CONTENT)
DEAD = "http://127.0.0.1:9/"  # nobody listens at the port "discard"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_compressed_is_verified_and_gets_its_name(server, tmp_path):
    server.files["/numbers.gz"] = PACKED
    path = download.download(FILE, [server.address], tmp_path / "cache")
    assert path == tmp_path / "cache" / "numbers.gz" and copies.read(path, FILE) == CONTENT
    assert names(tmp_path / "cache") == ["numbers.gz"] and len(server.requests) == 1


def test_a_download_that_broke_off_goes_on_where_it_was(server, tmp_path):
    server.files["/numbers.gz"], server.breaks["/numbers.gz"] = PACKED, 2
    copies.verify(download.download(FILE, [server.address], tmp_path), FILE)
    half = len(PACKED) // 2
    assert [wanted for _, wanted in server.requests] == [None, f"bytes={half}-", f"bytes={half + (len(PACKED) - half) // 2}-"]
    assert names(tmp_path) == ["numbers.gz"]


def test_a_download_goes_on_in_another_session(server, tmp_path, monkeypatch):
    server.files["/numbers.gz"] = PACKED
    with monkeypatch.context() as patch:
        patch.setattr(download, "verify", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            download.download(FILE, [server.address], tmp_path)
    (part,) = tmp_path.iterdir()
    part.write_bytes(PACKED[:1000])
    copies.verify(download.download(FILE, [server.address], tmp_path), FILE)
    assert server.requests[-1] == ("/numbers.gz", "bytes=1000-") and names(tmp_path) == ["numbers.gz"]
    part.write_bytes(PACKED)  # complete, but never renamed: the server has nothing to add
    copies.verify(download.download(FILE, [server.address], tmp_path), FILE)


def test_a_server_that_cannot_go_on_starts_anew(server, tmp_path):
    server.files["/numbers.gz"], server.breaks["/numbers.gz"], server.ranges = PACKED, 1, False
    copies.verify(download.download(FILE, [server.address], tmp_path), FILE)
    assert len(server.requests) == 2


def test_an_older_piece_of_something_else_costs_one_more_attempt(server, tmp_path):
    server.files["/numbers.gz"], server.breaks["/numbers.gz"] = PACKED, 1
    with pytest.raises(ConnectionError):
        download.download(FILE, [server.address + "none/"], tmp_path)
    assert names(tmp_path) == []
    server.files["/numbers.gz"] = b"x" * len(PACKED)
    server.breaks["/numbers.gz"] = 1

    def repaired(path, wanted, verify=download.verify):
        server.files["/numbers.gz"] = PACKED
        return verify(path, wanted)

    download.verify, original = repaired, download.verify
    try:
        copies.verify(download.download(FILE, [server.address], tmp_path), FILE)
    finally:
        download.verify = original
    assert [wanted is None for _, wanted in server.requests[1:]] == [True, False, True]


@pytest.mark.parametrize(
    "first",
    [None, b"", b"<html>not found</html>", PACKED[:-1], PACKED + b"x", gzip.compress(CONTENT[:-1] + b"x"), bytes(2 << 20)],
    ids=["missing", "empty", "a page", "cut", "longer", "other bytes", "far too long"],
)
def test_what_the_first_address_has_wrong_the_second_has_right(first, server, tmp_path):
    server.files["/second/numbers.gz"] = PACKED
    if first is not None:
        server.files["/first/numbers.gz"] = first
    addresses = [DEAD, server.address + "first/", server.address + "second/"]
    copies.verify(download.download(FILE, addresses, tmp_path), FILE)
    assert "numbers.gz" in names(tmp_path) and all(path.stat().st_size <= len(PACKED) for path in tmp_path.iterdir())


def test_a_wrong_file_is_never_given_the_name_of_the_right_one(server, tmp_path):
    server.files["/numbers.gz"] = gzip.compress(CONTENT[:-1] + b"x")
    with pytest.raises(ConnectionError, match=re.escape(server.address) + ".*not the file that is expected.*sha256"):
        download.download(FILE, [server.address], tmp_path)
    assert names(tmp_path) == []


def test_a_server_that_always_breaks_off_is_given_up(server, tmp_path):
    server.files["/numbers.gz"], server.breaks["/numbers.gz"], server.ranges = PACKED, 1000, False
    with pytest.raises(ConnectionError, match="ended after"):
        download.download(FILE, [server.address], tmp_path)
    assert len(server.requests) == 2


def test_a_server_that_breaks_off_and_then_ends_wrong_is_given_up(server, tmp_path):
    server.files["/numbers.gz"], server.cut = b"x" * len(PACKED), True
    with pytest.raises(ConnectionError, match="not the file"):
        download.download(FILE, [server.address], tmp_path)
    assert [wanted is None for _, wanted in server.requests] == [True, False, True, False]


def test_a_server_that_sends_without_end_is_not_listened_to(server, tmp_path):
    server.files["/numbers.gz"] = bytes(3 << 20)
    with pytest.raises(ConnectionError, match="sends more than 50,000 bytes"):
        download.download(FILE, [server.address], tmp_path)
    assert all(path.stat().st_size == 0 for path in tmp_path.iterdir())


def test_a_data_set_is_downloaded_once_and_found_afterwards(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(copies.SOURCES, "mnist", made.idx_source([DEAD, server.address]))
    monkeypatch.setattr(copies, "SYSTEM", tmp_path / "system")
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    for name, content in made.idx_files().items():
        server.files[f"/{name}.gz"] = gzip.compress(content)
    first, again = load("mnist"), load("mnist")
    assert np.array_equal(first.train_images, again.train_images) and len(server.requests) == 4
    assert names(tmp_path) == ["cache"] and names(tmp_path / "cache") == ["mnist"]
    assert names(tmp_path / "cache" / "mnist") == sorted(f"{name}.gz" for name in made.idx_files())
    assert capsys.readouterr().err == f"minivit: downloading mnist into {tmp_path / 'cache' / 'mnist'}\n"


def test_offline_one_line_tells_what_is_missing_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(copies.SOURCES, "mnist", made.idx_source([DEAD]))
    monkeypatch.setattr(copies, "SYSTEM", tmp_path / "system")
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "t10k-labels-idx1-ubyte").write_bytes(made.idx(made.LABELS["test"]))
    with pytest.raises(ValueError, match="not on this machine") as caught:
        load("mnist", tmp_path / "mine")
    message = str(caught.value)
    assert "\n" not in message and DEAD in message and "digits and fashion-mini need no network" in message
    assert "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz into" in message
    assert str(tmp_path / "cache" / "mnist") in message and "--data-dir" in message


def test_a_cache_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(copies.SOURCES, "mnist", made.idx_source([DEAD]))
    monkeypatch.setattr(copies, "SYSTEM", tmp_path / "system")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "file"))
    with pytest.raises(ValueError, match=r"mnist is not on this machine.*file"):
        load("mnist")
