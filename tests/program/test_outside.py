"""The world around a run: names in any bytes, a terminal that cannot show them, nobody who reads, a full disk, a matplotlib that
is broken. Whatever of it comes after the training, the results are there and the exit code is 0."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from minivit.program import figures
from minivit.program.cli import main
from minivit.training.checkpoint import save_model

from ..support import made
from ..support.tiny import ENVIRONMENT, TOML, tiny_vit

FIGURES = {"learning_curves.png", "confusion_matrix.png", "predictions.png", "rollout.png", "attention.png"}
RESULTS = {"results.json", "report.html", "model.npz", "metrics.csv", "config.json", "checkpoint.npz"}
NAMES = [b"caf\xe9", "日本語".encode(), b"$\\frac$_^", b"two\nlines"]  # the first is no UTF-8
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # Python takes all names and all output for ASCII
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such names, streams and signals")


@pytest.fixture
def folder(tmp_path, tmp_path_factory, monkeypatch):
    """The working folder, with tiny.toml; the cache is elsewhere."""
    monkeypatch.setenv("MINIVIT_DATA", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TOML)
    return tmp_path


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr("minivit.program.results.draw", lambda *arguments: None)


def class_folders(folder):
    """Classes whose names nobody expects."""
    for k, name in enumerate(NAMES):
        path = os.path.join(os.fsencode(folder), b"classes", name)
        os.makedirs(path)
        for i in range(5):
            image = np.zeros((8, 8), np.uint8)
            image[2:6, 2:6] = 60 * (k + 1)
            with open(os.path.join(path, b"%d.png" % i), "wb") as file:
                Image.fromarray(image).save(file, "PNG")


def process(folder, *arguments, environment=(), shell=""):
    """A finished process of `python -m minivit`, its output as text; shell: redirections."""
    command = ["sh", "-c", f'exec "$@" {shell}', "sh", sys.executable, "-m", "minivit", *arguments]
    environment = ENVIRONMENT | {"MINIVIT_DATA": os.environ["MINIVIT_DATA"]} | dict(environment)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def left(folder):
    return {path.name for path in (folder / "runs/tiny").iterdir()}


# names, and terminals that cannot show them


@pytest.mark.slow
@posix
@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, ASCII], ids=["io", "C", "ascii"])
def test_classes_of_any_name_are_trained_and_tested_in_any_locale(folder, environment):
    class_folders(folder)
    done = process(folder, "train", "--config", "tiny.toml", "--data", "classes", environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert left(folder) == RESULTS | FIGURES and "test accuracy" in done.stdout
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("few images")]
    assert told.count(" has 4") == 4, "in one line"
    tested = process(folder, "evaluate", environment=ASCII, shell="--model runs/tiny")
    assert (tested.returncode, tested.stderr) == (0, ""), "in another locale the classes are the same"
    resumed = process(folder, "train", "--resume", "runs/tiny")
    assert (resumed.returncode, resumed.stderr) == (0, "")


@pytest.mark.slow
@posix
def test_pictures_and_folders_of_any_name_are_read_and_explained(folder):
    class_folders(folder)
    picture = os.path.join(b"classes", NAMES[0], b"0.png")
    assert process(folder, "train", "--config", "tiny.toml", "--out", "übung").returncode == 0
    for command in (["predict"], ["explain", "--out", "explained"]):
        done = process(folder, *command, picture, "--model", "übung", environment=ASCII)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("no_figures")
def test_a_folder_is_found_behind_a_tilde_that_the_shell_has_left(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert main(["train", "--config=~/tiny.toml", "--out=~/mine"]) == 0
    assert main(["evaluate", "--model=~/mine"]) == 0
    assert main(["compare", "~/mine", "--out=~/chart.png"]) == 0
    made.class_folders(folder / "pets")
    assert main(["data", "~/pets"]) == main(["data", "pets", "--data-dir=~"]) == 0
    assert {path.name for path in folder.iterdir()} == {"tiny.toml", "mine", "chart.png", "pets"}


# nobody reads


@pytest.mark.slow
@posix
@pytest.mark.parametrize("shell", [">&-", ">&- 2>&- <&-", ">/dev/full", "2>/dev/full", "| head -1; exit 0"])
def test_a_training_that_nobody_reads_leaves_its_results(folder, shell):
    done = process(folder, "train", "--config", "tiny.toml", shell=shell)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert left(folder) == RESULTS | FIGURES


@pytest.mark.slow_of("data digits")
@posix
@pytest.mark.parametrize("command", [["info"], ["data", "digits"]], ids=" ".join)
def test_what_cannot_be_printed_is_told_once(folder, command):
    done = process(folder, *command, shell=">/dev/full")
    assert done.returncode == 2 and done.stderr.startswith("minivit: ") and done.stderr.count("\n") == 1
    assert (process(folder, *command, shell=">&-").returncode, process(folder, *command, shell=">&- 2>&-").returncode) == (0, 0)


@posix
@pytest.mark.parametrize("shell", ["2>&-", "2>/dev/full"])
def test_a_mistake_that_cannot_be_told_is_still_a_mistake(folder, shell):
    assert process(folder, "evaluate", "--model", "nosuch", shell=shell).returncode == 2


# matplotlib, and the disk


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense"])
def test_figures_need_no_backend(folder, backend):
    command = [sys.executable, "-m", "minivit", "train", "--config", "tiny.toml"]
    done = subprocess.run(command, env=ENVIRONMENT | {"MPLBACKEND": backend}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and left(folder) == RESULTS | FIGURES


def test_without_matplotlib_there_are_results(folder):
    code = "import sys; sys.modules['matplotlib'] = None; from minivit.program.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "train", "--config", "tiny.toml"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and left(folder) == RESULTS
    assert "no figures: matplotlib cannot be used" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("bad\nglyph"), MemoryError()], ids=repr)
def test_a_figure_that_fails_costs_itself_and_nothing_else(folder, monkeypatch, capsys, error):
    def broken(*arguments):
        raise error

    monkeypatch.setattr(figures, "confusion_matrix", broken)
    assert main(["train", "--config", "tiny.toml"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and left(folder) == RESULTS | FIGURES - {"confusion_matrix.png"}
    lines = [line for line in out.splitlines() if "confusion_matrix.png" in line]
    assert len(lines) == 1 and "could not be written" in lines[0] and type(error).__name__ in lines[0]


def test_a_disk_that_is_full_after_the_training_keeps_the_numbers(folder, monkeypatch, capsys):
    def full(figure, path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(figures, "save", full)
    assert main(["train", "--config", "tiny.toml"]) == 0
    assert left(folder) == RESULTS
    assert capsys.readouterr().out.count("could not be written") == 5
    assert json.loads((folder / "runs/tiny/results.json").read_text())["test_accuracy"] > 0


@pytest.mark.usefixtures("no_figures")
def test_results_that_cannot_be_written_are_still_printed(folder, monkeypatch, capsys):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("minivit.program.results.write_results", full)
    assert main(["train", "--config", "tiny.toml"]) == 2
    out, err = capsys.readouterr()
    assert "\ntest accuracy " in out and "evaluate --model" in err


@pytest.mark.slow
def test_a_figure_of_an_earlier_state_does_not_pass_for_one_of_the_end(folder, monkeypatch):
    assert main(["train", "--config", "tiny.toml"]) == 0
    monkeypatch.setattr(figures, "predictions", lambda *arguments: 1 / 0)
    assert main(["train", "--resume", "runs/tiny"]) == 0
    assert "predictions.png" not in left(folder)
    assert "predictions.png" not in (folder / "runs/tiny/report.html").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("error")
def test_letters_that_no_font_has_are_drawn_as_boxes_and_without_a_warning(tmp_path):
    figures.save(figures.confusion_matrix(np.array([0, 1]), np.array([0, 1]), ("日本", "\udce9\x07")), tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()


# weights that are no numbers


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("command", ["evaluate", "predict a.png", "explain a.png --out out"])
def test_a_model_whose_weights_are_no_numbers_names_no_class(folder, capsys, command, value):
    Image.linear_gradient("L").resize((8, 8)).save("a.png")
    model = tiny_vit()
    model.head.bias.data[3] = value
    save_model("ruined", model, {"data": "digits", "classes": list("0123456789"), "mean": [0.3], "std": [0.4]})
    assert main([*command.split(), "--model", "ruined"]) == 2
    out, err = capsys.readouterr()
    assert "the model's outputs are not numbers" in err and err.count("\n") == 1
    assert "test accuracy" not in out and " %" not in out


# files as other programs write them


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_toml_file_may_begin_with_a_byte_order_mark(folder, encoding):
    (folder / "tiny.toml").write_text(TOML, encoding=encoding, newline="\r\n")
    assert main(["train", "--config", "tiny.toml"]) == 0


@pytest.mark.usefixtures("no_figures")
def test_a_run_s_files_may_have_been_saved_by_an_editor_of_windows(folder, capsys):
    assert main(["train", "--config", "tiny.toml"]) == 0
    for name in ("config.json", "metrics.csv", "results.json"):
        path = folder / "runs/tiny" / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert main(["compare", "runs/tiny"]) == 0
    assert main(["train", "--resume", "runs/tiny"]) == 0


# where nothing can be written


@pytest.mark.parametrize("out", ["locked/run", "locked/a/b", "locked"])
def test_a_place_that_cannot_be_written_is_told_before_the_training(folder, monkeypatch, capsys, out):
    (folder / "locked").mkdir()
    access = os.access
    closed = folder / "locked" if "/" in out else folder
    monkeypatch.setattr(os, "access", lambda path, mode: os.path.abspath(path) != str(closed) and access(path, mode))
    assert main(["train", "--config", "tiny.toml", "--out", out]) == 2
    out, err = capsys.readouterr()
    assert "epoch" not in out and err == f"minivit: nothing can be written in {closed}: choose another folder with --out\n"


# Ctrl-C


@posix
@pytest.mark.parametrize("seconds", [0.05, 0.25])
def test_ctrl_c_while_the_modules_are_read_leaves_no_traceback(folder, seconds):
    code = "import signal, runpy, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell may ignore it
    begun = folder / "begun"  # Python itself has started, which a busy machine takes its time for
    (folder / "sitecustomize.py").write_text(f"{code}; open({str(begun)!r}, 'w').close()")
    environment = ENVIRONMENT | {"PYTHONPATH": f"{folder}{os.pathsep}{ENVIRONMENT['PYTHONPATH']}"}
    command = [sys.executable, "-m", "minivit", "train", "--config", "tiny.toml", "--epochs", "100000"]
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not begun.exists() and running.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode in (0, 130, -signal.SIGINT) and "Traceback" not in err
