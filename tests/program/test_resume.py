"""An interrupted run goes on to the numbers that it would have had: after kill -9 at any moment, and with other threads. And two
runs never write into one folder."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from minivit.program import cli
from minivit.program.folder import RunFolder
from minivit.program.lock import Lock
from minivit.program.run import train_run
from minivit.training.checkpoint import load_checkpoint, load_model
from minivit.training.loop import Training

from ..support.tiny import ENVIRONMENT, few_digits, same_state, tiny_config, tiny_recipe, tiny_vit, toml

KILLS = 25
EVERYTHING = dict(epochs=6, shift=1, ema=0.9, validation=0.25, patience=5, label_smoothing=0.1, accumulate=3)
TOML = toml(40, 256, "dropout = 0.1\n", shift=1, ema=0.95, validation=0.1, patience=40)


@pytest.fixture(scope="module")
def digits():
    return few_digits()


def interrupted(digits, recipe, epochs, threads=1):
    """A Training that ran so many epochs, was saved, and was loaded into another model."""
    first = Training(tiny_vit(), digits, recipe)
    for progress in first.run(threads):
        if progress.complete and progress.epoch == epochs:
            break
    second = Training(tiny_vit(seed=9), digits, recipe)
    second.load_state_dict(first.state_dict())
    return second


@pytest.mark.parametrize("epochs", [1, 3, 5])
@pytest.mark.parametrize("changes", [{"epochs": 6}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("threads", [1, 3])
def test_it_ends_in_the_same_weights_bit_for_bit(digits, changes, epochs, threads):
    recipe = tiny_recipe(**changes)
    whole = Training(tiny_vit(), digits, recipe)
    figures = [(p.step, p.loss, p.accuracy, p.validation) for p in whole.run(1)]
    rest = interrupted(digits, recipe, epochs)
    assert [(p.step, p.loss, p.accuracy, p.validation) for p in rest.run(threads)] == figures[epochs:]
    assert same_state(rest.state_dict(), whole.state_dict())
    assert same_state(rest.result(), whole.result())


def test_a_state_of_another_model_is_refused(digits):
    state = Training(tiny_vit(), digits, tiny_recipe()).state_dict()
    with pytest.raises(ValueError, match="another model or another recipe"):
        Training(tiny_vit(depth=2), digits, tiny_recipe()).load_state_dict(state)
    with pytest.raises(ValueError, match="another model or another recipe"):
        Training(tiny_vit(), digits, tiny_recipe(ema=0.9)).load_state_dict(state)


# real processes


def start(folder, *arguments):
    command = [sys.executable, "-m", "minivit", "train", *arguments]
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process):
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(folder, the weights of a run that nobody killed, its seconds)."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.toml").write_text(TOML)
    started = time.perf_counter()
    finish(start(folder, "--config", "tiny.toml", "--out", "run"))
    return load_model(folder / "run" / "model.npz")[0].state_dict(), time.perf_counter() - started


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9")
def test_killed_at_random_moments_and_resumed_it_ends_in_the_same_weights(whole, tmp_path):
    weights, seconds = whole
    (tmp_path / "tiny.toml").write_text(TOML)
    moments, kills = random.Random(0), 0
    begin = ("--config", "tiny.toml", "--out", "run")
    while kills < KILLS:
        begun = (tmp_path / "run" / "checkpoint.npz").exists()
        process = start(tmp_path, *(("--resume", "run") if begun else begin), "--threads", str(1 + kills % 2))
        try:
            process.wait(moments.uniform(0.2, 0.4) + moments.random() * seconds / KILLS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
    finish(start(tmp_path, *(("--resume", "run") if (tmp_path / "run" / "checkpoint.npz").exists() else begin)))
    assert same_state(load_model(tmp_path / "run" / "model.npz")[0].state_dict(), weights)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("run")] == ["run"]


# the folder


def test_a_second_run_in_the_same_folder_is_refused_while_the_first_lasts(tmp_path):
    with RunFolder(tmp_path / "run") as first:
        first.file("model.npz").write_text("of the first")
        with pytest.raises(ValueError, match=r"another process is training in .*run"):
            RunFolder(tmp_path / "run")
    RunFolder(tmp_path / "run").file("model.npz")
    assert (tmp_path / "run-1" / "model.npz").read_text() == "of the first"


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path):
    program = f"from minivit.program.lock import Lock; import os; assert Lock(r'{tmp_path / '.run.lock'}').take(); os._exit(1)"
    subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT)
    assert (tmp_path / ".run.lock").exists()
    lock = Lock(tmp_path / ".run.lock")
    assert lock.take()
    lock.free()
    assert not list(tmp_path.iterdir())


def test_in_a_browser_which_has_no_locks_a_run_takes_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", None)
    lock = Lock(tmp_path / ".run.lock")
    assert lock.take()
    lock.free()


def test_a_full_disk_leaves_the_last_good_checkpoint(digits, tmp_path, monkeypatch):
    real, calls = np.savez, []

    def savez(path, **arrays):
        calls.append(path)
        if len(calls) > 5:  # two files an epoch: in the third
            path.write_bytes(b"half of it")
            raise OSError(28, "No space left on device")
        real(path, **arrays)

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(OSError, match="No space left"):
        train_run(digits, tiny_config(), tiny_recipe(epochs=5), tmp_path / "run")
    _, about = load_checkpoint(tmp_path / "run" / "checkpoint.npz")
    assert len(about["rows"]) == 2
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("--resume", "nowhere"), "holds no run that can go on"),
        (("--resume", "run", "--epochs", "9"), "beside it only --threads"),
        (("--resume", "run"), "there is no checkpoint"),
    ],
)
def test_what_cannot_go_on_is_told_in_a_sentence(digits, tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minivit.program.results.draw", lambda *arguments: None)
    train_run(digits, tiny_config(), tiny_recipe(epochs=1), tmp_path / "run")
    (tmp_path / "run" / "checkpoint.npz").unlink()
    capsys.readouterr()
    assert cli.main(["train", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_a_model_under_the_name_of_a_checkpoint_is_refused(digits, tmp_path, monkeypatch):
    monkeypatch.setattr("minivit.program.results.draw", lambda *arguments: None)
    train_run(digits, tiny_config(), tiny_recipe(epochs=1), tmp_path / "run")
    (tmp_path / "run" / "model.npz").replace(tmp_path / "run" / "checkpoint.npz")
    with pytest.raises(ValueError, match=r"checkpoint\.npz is no checkpoint that minivit saved"):
        train_run(digits, tiny_config(), tiny_recipe(epochs=1), tmp_path / "run", resume=True)
