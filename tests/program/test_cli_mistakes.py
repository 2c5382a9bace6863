"""python -m minivit for somebody who makes a mistake: exit code 2, one line that names the value, no traceback, and every
file as it was."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from minivit.program.cli import main
from minivit.training.checkpoint import save_model

from ..support.tiny import ENVIRONMENT, TOML, tiny_vit

TRAIN = ["train", "--config", "tiny.toml"]
ABOUT = {"data": "digits", "classes": list("0123456789"), "mean": [0.3], "std": [0.4]}
ODD = {"data": 5, "classes": 10, "mean": "grey", "std": [None]}  # what another program may have written


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder: tiny.toml, a picture, an earlier run in runs/tiny, and models that are not what they seem."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TOML)
    (tmp_path / "latin.toml").write_bytes(b'data = "\xff\xfe"\n')
    (tmp_path / "broken.toml").write_text("[model\n")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "empty").mkdir()
    Image.linear_gradient("L").resize((8, 8)).save("picture.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "cut.png").write_bytes((tmp_path / "picture.png").read_bytes()[:50])
    (tmp_path / "runs" / "tiny").mkdir(parents=True)
    save_model("runs/tiny/model.npz", tiny_vit(), ABOUT)
    content = (tmp_path / "runs" / "tiny" / "model.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    (tmp_path / "garbage.npz").write_bytes(b"garbage" * 50)
    (tmp_path / "empty.npz").write_bytes(b"")
    for name, value in ODD.items():
        save_model(f"{name}.npz", tiny_vit(), ABOUT | {name: value})
    save_model("cats.npz", tiny_vit(), ABOUT | {"data": "cats"})
    save_model("silent.npz", tiny_vit())
    images, labels = np.zeros((2, 8, 8, 3), np.uint8), np.arange(2)
    np.savez("coloured.npz", train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    more = tiny_vit(classes=20)
    more.head.bias.data[15] = 1
    save_model("more.npz", more, ABOUT)
    save_model("more_named.npz", more, ABOUT | {"classes": [str(i) for i in range(20)]})
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def complaint(capsys, *arguments):
    """The one line on stderr with which the command ends."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as ended:
        code = ended.code
    err = capsys.readouterr().err
    assert code == 2
    assert err.endswith("\n") and err.count("\n") == 1, f"one line, not:\n{err}"
    return err


MISTAKES = {
    # the command itself
    "an unknown command": (["trian"], "trian"),
    "an unknown option": ([*TRAIN, "--colour", "red"], "--colour"),
    "a word too many": ([*TRAIN, "extra"], "extra"),
    "predict without a picture": (["predict"], "IMAGE"),
    "a word for a number": ([*TRAIN, "--epochs", "many"], "many"),
    "the beginning of another option": (["evaluate", "--model", "runs/tiny", "--dat", "digits"], "--dat digits"),
    # presets
    "an unknown preset": (["train", "--config", "nosuch"], "'nosuch'.*digits"),
    "a missing toml": (["train", "--config", "nosuch.toml"], "nosuch.toml"),
    "a folder as toml": (["train", "--config", "folder.toml"], "folder.toml"),
    "a folder as preset": (["train", "--config", "empty"], "empty"),
    "a broken toml": (["train", "--config", "broken.toml"], "broken.toml"),
    "a toml that is not utf-8": (["train", "--config", "latin.toml"], "latin.toml"),
    "no preset at all": (["train", "--config", ""], "preset"),
    "an unknown model of the paper": (["info", "X/16"], "'X/16'.*B/16"),
    "a model of the paper for larger images": (["info", "vit_base_patch16_384"], "'vit_base_patch16_384'.*B/16"),
    # numbers
    "no epochs": ([*TRAIN, "--epochs", "0"], "epochs is 0"),
    "fewer than no epochs": ([*TRAIN, "--epochs", "-1"], "epochs is -1"),
    "a learning rate of nan": ([*TRAIN, "--lr", "nan"], "lr is nan"),
    "a learning rate of inf": ([*TRAIN, "--lr", "inf"], "lr is inf"),
    "a learning rate of 0": ([*TRAIN, "--lr", "0"], "lr is 0"),
    "a batch of none": ([*TRAIN, "--batch-size", "0"], "batch_size is 0"),
    "a negative seed": ([*TRAIN, "--seed", "-1"], r"seed.*-1"),
    "no threads": ([*TRAIN, "--threads", "0"], "threads is 0; it must be at least 1$"),
    "no threads to evaluate": (["evaluate", "--model", "runs/tiny", "--threads", "0"], "threads is 0"),
    "a loss that is not a number": ([*TRAIN, "--lr", "1e30"], "stopped being a number at step .*nothing was written"),
    # where the results go
    "the top folder": ([*TRAIN, "--out", "/"], "^(?!.*epoch).*folder"),
    "this folder": ([*TRAIN, "--out", "."], "^(?!.*epoch).*folder"),
    "the folder above": ([*TRAIN, "--out", "runs/.."], "^(?!.*epoch).*folder"),
    "no folder at all": ([*TRAIN, "--out", ""], "^(?!.*epoch).*folder"),
    "no run to go on with": (["train", "--resume", ""], "holds no run that can go on"),
    "a folder in a file": ([*TRAIN, "--out", "text.png/run"], "^(?!.*epoch).*text.png"),
    "a name too long": ([*TRAIN, "--out", "x" * 300], "xxx"),
    # models
    "no model": (["evaluate"], "runs/digits.*python -m minivit train"),
    "a folder without model": (["evaluate", "--model", "empty"], "empty"),
    "an empty model": (["evaluate", "--model", "empty.npz"], "empty.npz"),
    "a model cut short": (["evaluate", "--model", "cut.npz"], "cut.npz"),
    "garbage": (["predict", "picture.png", "--model", "garbage.npz"], "garbage.npz"),
    "a text as model": (["evaluate", "--model", "tiny.toml"], "tiny.toml"),
    "a model of unknown data": (["evaluate", "--model", "cats.npz"], "'cats'"),
    "a model that does not know its data": (["evaluate", "--model", "silent.npz"], "silent.npz"),
    "a model that does not know its classes": (["predict", "picture.png", "--model", "silent.npz"], "silent.npz"),
    "coloured images for a model of grey ones": (["evaluate", "--model", "runs/tiny", "--data", "coloured.npz"], "1 channel"),
    "classes that the model does not know": (
        ["evaluate", "--model", "runs/tiny", "--data", "fashion-mini"],
        r"not those of fashion-mini \(T-shirt/top, ",
    ),
    "a model of more classes than it names": (["predict", "picture.png", "--model", "more.npz"], "more.npz"),
    "a model of more classes than its data": (["evaluate", "--model", "more_named.npz"], "more_named.npz|20"),
    **{f"a model with odd {name}": (["evaluate", "--model", f"{name}.npz"], rf"{name}\.npz.*{name}") for name in ODD},
    # pictures
    "a missing picture": (["predict", "nosuch.png", "--model", "runs/tiny"], "nosuch.png"),
    "a folder as picture": (["predict", "empty", "--model", "runs/tiny"], "empty is a folder: name image files"),
    "an empty picture": (["predict", "empty.png", "--model", "runs/tiny"], "empty.png"),
    "a text as picture": (["predict", "text.png", "--model", "runs/tiny"], "text.png"),
    "a picture cut short": (["predict", "cut.png", "--model", "runs/tiny"], "cut.png"),
    "one bad picture among good ones": (["predict", "picture.png", "text.png", "--model", "runs/tiny"], "text.png"),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_that_names_it_and_changes_nothing(mistake, folder, capsys):
    arguments, named = MISTAKES[mistake]
    before = contents(folder)
    assert re.search(named, complaint(capsys, *arguments).strip())
    assert contents(folder) == before


def test_good_pictures_are_answered_beside_a_bad_one_which_is_told_at_the_end(folder, capsys):
    assert main(["predict", "text.png", "picture.png", "--model", "runs/tiny"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("picture.png: ") and err.startswith("minivit: text.png is no image") and err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="nothing is forbidden to this user")
def test_a_folder_that_must_not_be_written_is_named(folder, capsys):
    (folder / "locked").mkdir(mode=0o555)
    assert "locked" in complaint(capsys, *TRAIN, "--out", "locked/run")


def test_a_gpu_that_there_is_not_is_told_with_the_remedy(folder, capsys, monkeypatch):
    monkeypatch.setattr(
        "minivit.program.commands.options.gpu_status", lambda: (False, "no GPU is used: CuPy is not installed; pip install it")
    )
    assert "CuPy is not installed; pip install" in complaint(capsys, *TRAIN, "--device", "gpu")


def test_weights_of_another_architecture_are_told_by_the_name_of_what_does_not_fit(folder, capsys):
    with np.load("runs/tiny/model.npz") as file:
        arrays = {name: file[name] for name in file.files}
    np.savez("other.npz", **arrays | {"head.bias": np.zeros(9, np.float32)})
    message = complaint(capsys, "evaluate", "--model", "other.npz")
    assert "other.npz" in message and "head.bias" in message


def process(folder, arguments, **options):
    command = [sys.executable, "-m", "minivit", *arguments]
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, text=True, **options)


def test_a_process_ends_with_code_2_and_one_line(folder):
    done = process(folder, ["evaluate", "--model", "nosuch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = done.communicate()
    assert (done.returncode, out) == (2, "") and err.startswith("minivit: ") and err.count("\n") == 1


def test_a_loss_that_is_not_a_number_is_told_in_one_line_by_a_process_too(folder):
    done = process(folder, [*TRAIN, "--lr", "1e30"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, err = done.communicate()
    assert done.returncode == 2 and err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("arguments", [["info"], ["evaluate", "--model", "runs/tiny"]], ids=["info", "evaluate"])
def test_a_reader_who_has_seen_enough_is_no_mistake(folder, arguments):
    """As with `python -m minivit info | head -1`."""
    done = process(folder, arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    done.stdout.close()
    assert done.stderr.read() == ""
    done.stderr.close()
    done.wait()
