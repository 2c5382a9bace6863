"""A model of the hub by its name, against a server on this machine: fetched once, held to what it was, never from elsewhere."""

import hashlib

import numpy as np
import pytest

from minivit.data.fetch import hub

from .test_download import DEAD, Server

NAME = "some-one/vit_tiny.v1"
CONTENT = np.random.default_rng(5).bytes(30_000)
CONFIG = b'{"architecture": "vit_tiny"}'
ADDRESS = f"/{NAME}/resolve/main/"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The hub, on this machine and over http; the cache is empty."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    server = Server()
    monkeypatch.setattr(hub, "HUB", server.address.rstrip("/"))
    monkeypatch.setattr(hub, "SCHEMES", ("http",))
    server.files[ADDRESS + "model.safetensors"], server.files[ADDRESS + "config.json"] = CONTENT, CONFIG
    yield server
    server.http.shutdown()
    server.http.server_close()


def test_weights_and_what_describes_them_come_once(server, tmp_path, capsys):
    path = hub.fetched(NAME)
    assert path == tmp_path / "cache" / "hub" / "some-one" / "vit_tiny.v1" / "model.safetensors"
    assert path.read_bytes() == CONTENT and path.with_name("config.json").read_bytes() == CONFIG
    told = capsys.readouterr().err
    assert "first use, not verified" in told and f"downloading {NAME} into {path.parent}" in told
    asked = len(server.requests)
    assert hub.fetched(NAME) == path and len(server.requests) == asked and capsys.readouterr().err == ""
    assert sorted(file.name for file in path.parent.iterdir()) == ["SHA256SUMS", "config.json", "model.safetensors"]


def test_a_download_that_broke_off_goes_on_where_it_was(server):
    server.breaks[ADDRESS + "model.safetensors"] = 2
    assert hub.fetched(NAME).read_bytes() == CONTENT
    assert [wanted for path, wanted in server.requests if path.endswith("safetensors")] == [None, "bytes=15000-", "bytes=22500-"]


def test_a_part_of_an_older_version_is_not_continued(server, tmp_path):
    server.etag = '"first"'
    folder = tmp_path / "cache" / "hub" / "some-one" / "vit_tiny.v1"
    folder.mkdir(parents=True)
    (folder / "model.safetensors.part").write_bytes(b"x" * 1000)
    (folder / "model.safetensors.part.etag").write_text('"older"')
    assert hub.fetched(NAME).read_bytes() == CONTENT
    assert not list(folder.glob("*.part*"))


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_file_that_is_not_what_it_was_is_refused(server, file):
    path = hub.fetched(NAME).with_name(file)
    path.write_bytes(b"y" + path.read_bytes()[1:])
    with pytest.raises(ValueError, match=f"{file} is not what it was, its sha256 differs: delete"):
        hub.fetched(NAME)


def test_a_known_hash_is_held_to_at_the_first_use(server, monkeypatch, capsys):
    monkeypatch.setitem(hub.KNOWN, NAME, "0" * 64)
    with pytest.raises(ValueError, match="its sha256 differs"):
        hub.fetched(NAME)
    monkeypatch.setitem(hub.KNOWN, NAME, hashlib.sha256(CONTENT).hexdigest())
    assert hub.fetched(NAME).read_bytes() == CONTENT and "not verified" not in capsys.readouterr().err


def test_no_address_leads_to_one_without_encryption(server, monkeypatch):
    monkeypatch.setattr(hub, "SCHEMES", ("https",))
    server.moved[ADDRESS + "config.json"] = server.address + "elsewhere"
    server.files["/elsewhere"] = CONFIG
    with pytest.raises(ValueError, match="elsewhere, which is not https"):
        hub.fetched(NAME)
    server.moved[ADDRESS + "config.json"] = "file:///etc/hostname"
    with pytest.raises(ValueError, match="is not allowed"):
        hub.fetched(NAME)
    assert [path for path, _ in server.requests] == [ADDRESS + "config.json"] * 2


def test_an_address_may_lead_on(server):
    server.moved[ADDRESS + "model.safetensors"] = server.address + "store/1"
    server.files["/store/1"] = CONTENT
    assert hub.fetched(NAME).read_bytes() == CONTENT


def test_it_asks_the_hub_over_https():
    assert hub.HUB.startswith("https://") and hub.SCHEMES == ("https",)


def test_a_model_without_safetensors_is_refused_in_one_line(server):
    del server.files[ADDRESS + "model.safetensors"]
    with pytest.raises(ValueError, match=r"could not be downloaded \(Not Found\)"):
        hub.fetched(NAME)


def test_offline_one_line_has_the_address_and_where_to_put_the_file(tmp_path, server, monkeypatch):
    monkeypatch.setattr(hub, "HUB", DEAD.rstrip("/"))
    with pytest.raises(ValueError, match="could not be downloaded") as caught:
        hub.fetched(NAME)
    message, folder = str(caught.value), tmp_path / "cache" / "hub" / "some-one" / "vit_tiny.v1"
    assert "\n" not in message and f"{DEAD}{NAME}/resolve/main/model.safetensors" in message and str(folder) in message
    (folder / "model.safetensors").write_bytes(CONTENT)  # as it says
    assert hub.fetched(NAME) == folder / "model.safetensors"


@pytest.mark.parametrize(
    "name",
    [
        "../x/y",
        "a/..",
        "a/../b",
        "..",
        "a",
        "a/",
        "/b",
        "a/b/c",
        ".a/b",
        "a/.b",
        "a/b..c",
        "a/b.",
        "a b/c",
        "a/b\n",
        "ä/b",
        "a\\b/c",
    ]
    + ["a/b%2e", "a/" + "b" * 97, "runs/digits", "work/mine", "a/b.npz", "a/b.safetensors", "", None, 3],
)
def test_what_is_no_name_is_no_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not hub.is_name(name)
    with pytest.raises(ValueError, match="is no model's name: OWNER/NAME"):
        hub.fetched(name)


def test_a_folder_that_is_there_is_a_path_and_no_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hub.is_name("timm/vit") and hub.is_name("google/vit-base-patch16-224")
    (tmp_path / "timm").mkdir()
    assert not hub.is_name("timm/vit")
