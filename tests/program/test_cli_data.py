"""python -m minivit data, and train --data."""

import re

import numpy as np
import pytest

from minivit.data.fetch import copies
from minivit.program import figures
from minivit.program.cli import main

from ..support import made
from ..support.tiny import TOML


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """printed("data", ...): what the command prints, in an empty working folder, with an empty cache and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(copies, "SYSTEM", tmp_path / "system")

    def command(*arguments):
        assert main(list(arguments)) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return command


def test_data_lists_every_data_set_with_its_numbers_and_its_place(printed, tmp_path):
    out = printed("data")
    assert re.search(r"^digits +1,437 +360 +8 x 8 x 1 +10 +CC BY 4\.0 +comes with minivit$", out, re.MULTILINE)
    assert re.search(r"^fashion-mini +4,000 +1,000 +28 x 28 x 1 +10 +MIT +comes with minivit$", out, re.MULTILINE)
    for name in ("mnist", "fashion-mnist", "cifar10", "cifar100"):
        assert re.search(rf"^{name} .*downloaded on request into {re.escape(str(tmp_path / 'cache' / name))}$", out, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


def test_data_lists_where_a_copy_is(printed, tmp_path):
    (tmp_path / "mine").mkdir()
    for name in made.idx_files():
        (tmp_path / "mine" / f"{name}.gz").write_bytes(b"not opened")
    assert re.search(r"^mnist .* mine$", printed("data", "--data-dir", "mine"), re.MULTILINE)


def test_data_of_one_counts_its_classes_and_gives_its_moments(printed):
    out = printed("data", "fashion-mini")
    assert len(re.findall(r"^\S.* +400 +100$", out, re.MULTILINE)) == 10
    assert re.search(r"^all +4,000 +1,000$", out, re.MULTILINE)
    assert "28 x 28, 1 channel\n" in out and "mean 0.2888; standard deviation 0.3538\n" in out


def test_data_of_a_folder_counts_its_classes(printed, tmp_path):
    made.class_folders(tmp_path / "pets")
    assert re.search(r"^cats  +4 +1\ndogs  +4 +1\n", printed("data", "pets"), re.MULTILINE)


def test_a_figure_is_drawn_only_if_it_is_asked_for(printed, tmp_path, monkeypatch):
    printed("data", "digits")
    assert list(tmp_path.iterdir()) == []

    asked = []
    monkeypatch.setattr(figures, "augmented_samples", lambda dataset, recipe: asked.append((dataset.name, recipe)), raising=False)
    monkeypatch.setattr(figures, "save", lambda figure, path: asked.append(str(path)))
    assert "digits.png" in printed("data", "digits", "--figure")
    assert "my.png" in printed("data", "digits", "--figure", "my.png")
    (first, recipe), path, _, other = asked
    assert (first, path, other) == ("digits", "digits.png", "my.png") and recipe.shift == 1


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["data", "cats"], "'cats'.*digits, fashion-mini"),
        (["data", "--figure"], "name it"),
        (["data", "digits", "--figure", "none/my.png"], "my.png"),
        (["data", "digits", "--figure", "my.txt"], "my.txt"),
        (["data", "--data-dir", "nowhere"], "nowhere"),
        (["data", "mnist", "--data-dir", "nowhere"], "nowhere"),
        (["data", "mnist"], "mnist is not on this machine.*train-images-idx3-ubyte.gz.*need no network"),
        (["data", "bad.npz"], "bad.npz"),
        (["data", "empty"], "class folders"),
        (["train", "--data", "cats"], "'cats'"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(copies, "SYSTEM", tmp_path / "system")
    monkeypatch.setitem(copies.SOURCES, "mnist", made.idx_source(["http://127.0.0.1:9/"]))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "bad.npz").write_bytes(b"garbage")
    (tmp_path / "empty").mkdir()
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert re.match("minivit: ", lines[-1]) and re.search(named, lines[-1])
    assert len(lines) == 1 or lines[:-1] == [f"minivit: downloading mnist into {tmp_path / 'cache' / 'mnist'}"]


@pytest.mark.slow
def test_a_model_is_trained_on_data_of_one_s_own(printed, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 4
    images = (rng.uniform(0, 0.2, (80, 8, 8)) + labels[:, None, None] / 4).astype(np.float32)
    np.savez("my.npz", train_images=images[:60], train_labels=labels[:60], test_images=images[60:], test_labels=labels[60:])
    (tmp_path / "tiny.toml").write_text(TOML)
    out = printed("train", "--config", "tiny.toml", "--data", "my.npz", "--device", "cpu")
    assert "60 training and 20 test images" in out and "test accuracy" in out
    assert "20 test images" in printed("evaluate", "--model", "runs/tiny", "--device", "cpu")
