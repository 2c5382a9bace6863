"""python -m minivit: what each command prints, for somebody who uses it as intended."""

import csv
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from minivit import ViTConfig
from minivit.data import load
from minivit.models.config import PRESETS
from minivit.program.cli import main
from minivit.program.commands import info
from minivit.program.parser import Parser
from minivit.training import prediction

from ..support.tiny import ENVIRONMENT, TOML

ACCURACY = re.compile(r"^test accuracy \d+\.\d %$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder with tiny.toml and, trained from it by a process of its own, runs/tiny; to be read only."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "tiny.toml").write_text(TOML)
    (folder / "train.txt").write_text(run(folder, "train", "--config", "tiny.toml"))
    digits = load("digits")
    for i in range(3):
        Image.fromarray((digits.test_images[i, ..., 0] * 255).astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def run(folder, *arguments):
    """What a process of its own prints, started in `folder` as a person would."""
    command = [sys.executable, "-m", "minivit", *arguments]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def printed(folder, monkeypatch, capsys):
    """printed("info", ...): what the command prints, run in this process, in the working folder."""
    monkeypatch.chdir(folder)

    def command(*arguments):
        assert main(list(arguments)) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return command


# train


def test_train_prints_the_test_accuracy_in_a_line_of_its_own(folder):
    assert len(ACCURACY.findall((folder / "train.txt").read_text())) == 1


def test_train_leaves_its_files_in_a_folder_named_after_the_preset(folder):
    assert {"config.json", "metrics.csv", "model.npz", "learning_curves.png"} <= {
        path.name for path in (folder / "runs/tiny").iterdir()
    }


def test_train_without_a_terminal_prints_lines_and_no_bar(folder):
    out = (folder / "train.txt").read_text()
    assert "\r" not in out and "epoch 1/1" in out


def test_what_is_to_be_tried_next_works_as_it_is_printed(folder, printed):
    lines = (folder / "train.txt").read_text().splitlines()
    (line,) = [line for line in lines if "minivit evaluate" in line]
    assert ACCURACY.search(printed(*line.split("minivit ")[1].split("     ")[0].split()))


def arrays_after(out, *arguments):
    assert main(["train", "--config", "tiny.toml", "--out", str(out), *arguments]) == 0
    with np.load(out / "model.npz") as file:
        return {name: file[name].tobytes() for name in file.files}


@pytest.fixture
def no_figures(monkeypatch):
    """Figures take half a second a run."""
    monkeypatch.setattr("minivit.program.results.draw", lambda *arguments: None)


@pytest.mark.usefixtures("no_figures")
def test_the_same_seed_twice_gives_the_same_arrays_and_another_seed_others(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    first, again, other = (arrays_after(tmp_path / str(i), "--seed", seed) for i, seed in enumerate(["7", "7", "8"]))
    assert first == again and first != other


@pytest.mark.usefixtures("no_figures")
def test_the_number_of_threads_does_not_change_the_numbers(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    one, two = (arrays_after(tmp_path / threads, "--threads", threads) for threads in ["1", "2"])
    assert one == two


@pytest.mark.usefixtures("no_figures")
def test_options_take_precedence_over_the_preset(tmp_path, printed):
    printed(
        "train", "--config", "tiny.toml", "--epochs", "2", "--batch-size", "500", "--lr", "1e-3", "--out", str(tmp_path / "run")
    )
    with open(tmp_path / "run" / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["3", "6"]  # 1437 images, 500 a step


@pytest.mark.usefixtures("no_figures")
def test_a_batch_larger_than_the_data_set_trains(tmp_path, printed):
    assert "test accuracy" in printed("train", "--config", "tiny.toml", "--batch-size", "100000", "--out", str(tmp_path / "run"))


@pytest.mark.usefixtures("no_figures")
def test_a_folder_may_have_spaces_and_umlauts_in_its_name(tmp_path, printed):
    printed("train", "--config", "tiny.toml", "--out", str(tmp_path / "my runs" / "übung 1"))
    assert (tmp_path / "my runs" / "übung 1" / "model.npz").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_keeps_the_last_complete_epoch_and_ends_cleanly(tmp_path):
    (tmp_path / "long.toml").write_text(TOML.replace("epochs = 1", "epochs = 100000"))
    code = (
        "import signal, sys; from minivit.program.cli import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "train", "--config", str(tmp_path / "long.toml"), "--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if (tmp_path / "run" / "metrics.csv").exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert re.search(r"stopped by Ctrl-C: the model is that of epoch \d+ of 100000", out) and ACCURACY.search(out)
    assert main(["evaluate", "--model", str(tmp_path / "run")]) == 0


# evaluate


def test_evaluate_gives_the_accuracy_that_training_ended_with(folder, printed):
    assert (
        ACCURACY.search(printed("evaluate", "--model", "runs/tiny"))[0] == ACCURACY.search((folder / "train.txt").read_text())[0]
    )


def test_evaluate_has_a_line_for_every_class_and_counts_every_image(printed):
    lines = re.findall(r"^(\d) +(\d+) of +(\d+) ", printed("evaluate", "--model", "runs/tiny"), re.MULTILINE)
    assert [name for name, _, _ in lines] == list("0123456789")
    assert sum(int(count) for _, _, count in lines) == 360


@pytest.mark.parametrize("model", ["runs/tiny", "runs/tiny/", "runs/tiny/model.npz", "./runs/../runs/tiny"])
def test_a_model_may_be_named_by_its_folder_or_its_file(printed, model):
    assert "test accuracy" in printed("evaluate", "--model", model)


# predict


def test_predict_has_an_answer_with_probabilities_for_each_picture_in_their_order(printed):
    out = printed("predict", "0.png", "2.png", "1.png", "--model", "runs/tiny")
    assert re.findall(r"^(\d\.png): \d ", out, re.MULTILINE) == ["0.png", "2.png", "1.png"]
    assert len(re.findall(r"^ +\d +\d+\.\d %", out, re.MULTILINE)) == 3 * 5


def test_predict_answers_with_the_most_probable_class_and_sorts_the_others(printed):
    out = printed("predict", "0.png", "--model", "runs/tiny")
    shares = re.findall(r"^ +(\d) +(\d+\.\d) %", out, re.MULTILINE)
    assert re.match(r"0\.png: (\d)", out)[1] == shares[0][0]
    assert [float(share) for _, share in shares] == sorted((float(share) for _, share in shares), reverse=True)


def test_predict_says_what_was_done_to_the_picture(printed, tmp_path):
    page = Image.new("RGB", (300, 200), "white")
    page.paste("black", (100, 50, 120, 150))
    page.save(tmp_path / "page.png")
    said = "300 x 200 pixels, inverted to light on dark, cut to 20 x 100 around the ink, set upright"
    assert said in printed("predict", str(tmp_path / "page.png"), "--model", "runs/tiny")


def test_predict_names_no_class_where_there_is_no_digit(folder, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(folder)
    Image.new("RGB", (30, 20), "white").save(tmp_path / "page.png")
    assert main(["predict", str(tmp_path / "page.png"), "--model", "runs/tiny"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == f"minivit: {tmp_path / 'page.png'}: there is no ink on it: it is one colour all over\n"


def test_predict_shows_how_it_read_in_a_figure_that_it_names(printed, monkeypatch, tmp_path):
    model, pictures = os.path.abspath("runs/tiny"), [os.path.abspath(f"{i}.png") for i in range(2)]
    monkeypatch.chdir(tmp_path)
    out = printed("predict", *pictures, "--model", model, "--show")
    assert "predict-0.png shows how they were read, step by step" in out
    with Image.open("predict-0.png") as figure:
        assert figure.width > 300


def test_many_pictures_are_predicted_in_one_pool_of_threads(printed, monkeypatch):
    opened, workers = [], prediction.workers
    monkeypatch.setattr(prediction, "workers", lambda *given: opened.append(given) or workers(*given))
    printed("predict", "0.png", "1.png", "2.png", "--model", "runs/tiny")
    assert len(opened) == 1


# info


def test_info_lists_the_paper_s_models_with_exact_parameters_and_multiply_adds(printed):
    out = printed("info")
    for name in PRESETS:
        config = ViTConfig.preset(name)
        assert re.search(rf"^{name} .* {config.num_parameters():,} +{config.multiply_adds() / 1e9:.3f} G$", out, re.MULTILINE)


def test_info_of_ti_16_has_its_exact_numbers(printed):
    assert re.search(r"^Ti/16 .* 5,717,416 +1\.254 G$", printed("info"), re.MULTILINE)


def test_info_of_one_preset_shows_the_shape_after_every_stage(printed):
    out = printed("info", "Ti/16")
    stages = re.findall(r"^([a-z_.\d]+) +(\d[\d x]*?) +\d+\.\d+$", out, re.MULTILINE)
    assert stages[:4] == [
        ("image", "224 x 224 x 3"),
        ("patchify", "196 x 768"),
        ("patch_embed", "196 x 192"),
        ("embed_tokens", "197 x 192"),
    ]
    assert stages[4:-3] == [(f"blocks.{i}", "197 x 192") for i in range(12)]
    assert stages[-3:] == [("norm", "197 x 192"), ("pool", "192"), ("head", "1000")]
    assert "5,717,416" in out and "1.254 G multiply-adds" in out


# help


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"], ["predict"], ["info"]], ids=str)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and err == "" and "usage: python -m minivit" in out


def test_the_first_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert all(command in out for command in ("train", "evaluate", "predict", "info"))


def test_another_command_line_tells_its_mistakes_with_the_same_parser(capsys):
    top = Parser(prog="python -m lessons")
    top.add_commands().add_parser("check").add_argument("--number", type=int)
    for arguments in (["chekc"], ["check", "--number", "x"], ["check", "--num", "3"], []):
        with pytest.raises(SystemExit) as ended:
            top.parse_args(arguments)
        err = capsys.readouterr().err
        assert ended.value.code == 2 and err.startswith("lessons: ") and err.count("\n") == 1 and "--help" in err


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and re.match(r"minivit \d+\.\d+", capsys.readouterr().out)


def test_without_a_command_the_help_is_printed(capsys):
    assert main([]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.startswith("usage: ") and "Start with: python -m minivit train." in " ".join(out.split())


def test_info_understands_a_preset_as_others_spell_it(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    drawn = []
    monkeypatch.setattr(info, "stages", drawn.append)
    assert [main(["info", name]) for name in ("b16", "vit_tiny_patch16_224", "ViT-L/32")] == [0, 0, 0]
    assert drawn == ["B/16", "Ti/16", "L/32"]
