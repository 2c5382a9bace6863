"""Hostile files of weights: none runs anything, each is refused with a sentence, within two seconds and 500 MB."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from minivit.data.formats.weights import read_weights

from ...support import hostile

ROOT = Path(__file__).parents[3]
SECONDS, COUNT = 2, 200


@pytest.mark.slow
@pytest.mark.parametrize("kind", hostile.all_kinds())
def test_all_of_a_kind(kind, tmp_path):
    if not Path("/proc/self/statm").is_file():
        pytest.skip("this system limits no memory")
    variants, files = hostile.all_kinds()[kind](), tmp_path / "files"
    files.mkdir()
    names = {f"{i:04}.weights": label for i, label in enumerate(variants)}
    for name, content in zip(names, variants.values(), strict=True):
        (files / name).write_bytes(content() if callable(content) else content)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.endure", files], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(lines) == len(variants) >= COUNT, (done.stderr, lines[-1:])
    for line in lines:
        label, said = names[line["name"]], line["said"]
        assert line["seconds"] < SECONDS, (label, line)
        assert not line["done"], (label, line)
        assert said is not None or label.startswith("damaged"), f"{label} was read"
        assert said is None or (line["name"] in said and "\n" not in said and len(said) < 500), (label, line)
        assert said is None or not any(word in said for word in ("MemoryError", "allocate", "memory")), (label, line)
    assert sorted(files.iterdir()) == [files / name for name in names] and not (ROOT / "OWNED").exists()


@pytest.mark.parametrize("kind", hostile.all_kinds())
def test_some_of_a_kind(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.weights"
    refused = [c for label, c in hostile.all_kinds()[kind]().items() if not label.startswith("damaged") and not callable(c)]
    for content in refused[::20]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.weights"):
            read_weights(path)
    assert list(tmp_path.iterdir()) == [path]
