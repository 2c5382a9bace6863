"""One training run: the files it leaves, what it never overwrites, and how it ends early."""

import contextlib
import csv
import io
import json
import re
from dataclasses import asdict

import numpy as np
import pytest

import minivit.program.run
import minivit.training.loop
import minivit.training.prediction
from minivit.data import augment
from minivit.program.folder import RunFolder
from minivit.program.run import train_run
from minivit.training.checkpoint import load_model
from minivit.training.detection import Detection
from minivit.training.loop import accuracy, predict
from minivit.training.task import Classification

from ..support.detection import some_scenes, tiny_detr
from ..support.tiny import few_digits, same_state, tiny_config, tiny_recipe, tiny_vit

FILES = {
    "config.json",
    "metrics.csv",
    "model.npz",
    "learning_curves.png",
    "confusion_matrix.png",
    "predictions.png",
    "attention.png",
    "rollout.png",
    "checkpoint.npz",
    "report.html",
    "results.json",
}


@pytest.fixture(scope="module")
def digits():
    return few_digits()


@pytest.fixture(scope="module")
def finished(digits, tmp_path_factory):
    """(folder, test accuracy, all that was printed) of a run of 3 epochs; to be read only."""
    path = tmp_path_factory.mktemp("runs") / "digits"
    with contextlib.redirect_stdout(io.StringIO()) as out:
        result = train_run(digits, tiny_config(), tiny_recipe(epochs=3), path)
    return path, result, out.getvalue()


@pytest.fixture
def no_figures(monkeypatch):
    """Figures take half a second a run, and most tests here do not look at them."""
    monkeypatch.setattr("minivit.program.results.draw", lambda *arguments: None)


def rows_of(folder):
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def epochs_trained(digits, epochs, of):
    """The state after the first `epochs` of `of` epochs."""
    model = tiny_vit()
    for progress in minivit.training.loop.train(model, digits, tiny_recipe(epochs=of), 1):
        if progress.epoch == epochs and progress.complete:
            return model.state_dict()


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# what a run leaves


def test_the_folder_has_exactly_the_files_that_the_issue_lists(finished):
    assert {path.name for path in finished[0].iterdir()} == FILES


@pytest.mark.slow
def test_a_model_without_class_token_has_no_figure_of_its_attention(digits, tmp_path, capsys):
    train_run(digits, tiny_config(pool="mean"), tiny_recipe(epochs=1), tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES - {"attention.png", "rollout.png"}
    printed = capsys.readouterr().out
    assert "attention.png" not in printed and "rollout.png" not in printed


@pytest.mark.slow
def test_a_model_of_other_parts_leaves_the_same_files(digits, tmp_path):
    """Class attention has rows of one token, and registers stand between the class token and the patches."""
    parts = dict(depth=3, stem="t2t", relative_pos="rope", layer_scale=0.1, lsa=True, registers=2, class_blocks=1)
    train_run(digits, tiny_config(**parts), tiny_recipe(epochs=1), tmp_path / "run")
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES


def test_the_saved_model_has_the_accuracy_that_the_run_returned(finished, digits):
    model, _ = load_model(finished[0] / "model.npz")
    assert accuracy(predict(model, digits.normalise(digits.test_images)), digits.test_labels) == finished[1]


def test_the_saved_model_is_that_of_the_last_epoch(finished, digits):
    assert same_state(load_model(finished[0] / "model.npz")[0].state_dict(), epochs_trained(digits, 3, of=3))


def test_the_saved_model_knows_its_data_its_classes_and_how_to_normalise(finished, digits):
    about = load_model(finished[0] / "model.npz")[1]
    normal = {"mean": list(digits.mean), "std": list(digits.std)}
    assert about == {"data": "digits", "classes": list("0123456789"), **normal, "temperature": 1.0}


def test_metrics_csv_has_a_row_an_epoch(finished):
    rows = rows_of(finished[0])
    assert list(rows[0]) == ["epoch", "step", "lr", "loss", "accuracy", "images_per_second", "seconds"]
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "3"), ("2", "6"), ("3", "9")]


def test_metrics_csv_holds_numbers_only(finished):
    assert all(np.isfinite(float(value)) for row in rows_of(finished[0]) for value in row.values())


def test_config_json_has_all_that_is_needed_to_train_it_again(finished):
    config = json.loads((finished[0] / "config.json").read_text(encoding="utf-8"))
    assert config["data"] == "digits"
    assert config["model"] == json.loads(json.dumps(asdict(tiny_config())))
    assert config["recipe"] == asdict(tiny_recipe(epochs=3))


def test_config_json_says_with_which_versions_it_was_trained(finished):
    config = json.loads((finished[0] / "config.json").read_text(encoding="utf-8"))
    assert config["environment"]["numpy"] == np.__version__
    assert {"minivit", "python"} <= set(config["environment"])


def test_the_summary_says_accuracy_parameters_and_where_the_files_are(finished):
    folder, result, out = finished
    assert f"\ntest accuracy {100 * result:.1f} %\n" in out
    assert f"{tiny_config().num_parameters():,} parameters" in out
    assert str(folder) in out and all(name in out for name in FILES)


@pytest.mark.usefixtures("no_figures")
def test_the_test_at_the_end_has_as_many_threads_as_the_training(digits, tmp_path, monkeypatch):
    used, workers = [], minivit.training.prediction.workers
    monkeypatch.setattr(minivit.training.prediction, "workers", lambda *given: used.append(given) or workers(*given))
    train_run(digits, tiny_config(), tiny_recipe(epochs=1), tmp_path / "run", threads=3)
    assert [threads.threads for threads, _ in used] == [3]


@pytest.mark.parametrize(("task", "measure"), [(Classification, "accuracy"), (Detection, "AP50")])
def test_what_is_found_on_images_set_aside_is_told_epoch_by_epoch_and_kept(
    digits, tmp_path, monkeypatch, capsys, rng, task, measure
):
    dataset, config = (digits, tiny_config()) if task is Classification else (some_scenes(rng), tiny_detr().config)
    scores = iter([0.25, 0.5, 0.75])
    monkeypatch.setattr(task, "score", lambda *arguments: next(scores))
    monkeypatch.setattr(
        "minivit.program.results.leave_results", lambda folder, *others: folder.write_json("results.json", {}) or 0.0
    )
    train_run(dataset, config, tiny_recipe(epochs=3, validation=0.25), tmp_path / "run")
    assert re.findall(rf"\nepoch .*, {measure} (.*) % set aside", capsys.readouterr().out) == ["25.0", "50.0", "75.0"]
    assert [row["validation"] for row in rows_of(tmp_path / "run")] == ["0.25", "0.5", "0.75"]


# an earlier folder


@pytest.mark.parametrize("what", ["a folder", "a file", "a link to nowhere"])
def test_what_is_no_run_is_never_renamed(digits, tmp_path, what):
    if what == "a folder":
        (tmp_path / "work").mkdir()
        (tmp_path / "work" / "thesis.txt").write_text("mine")
    elif what == "a file":
        (tmp_path / "work").write_text("mine")
    else:
        (tmp_path / "work").symlink_to("nowhere")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="is there already and is no run: choose another folder with --out"):
        train_run(digits, tiny_config(), tiny_recipe(epochs=1), tmp_path / "work")
    assert contents(tmp_path) == before and [path.name for path in tmp_path.iterdir()] == ["work"]


@pytest.mark.usefixtures("no_figures")
def test_an_earlier_folder_is_renamed_and_never_overwritten(digits, tmp_path, capsys):
    earlier = []
    for name in ("digits-1", "digits-2"):
        train_run(digits, tiny_config(), tiny_recipe(epochs=1, seed=len(earlier)), tmp_path / "digits")
        earlier.append((name, contents(tmp_path / "digits")))
    train_run(digits, tiny_config(), tiny_recipe(epochs=1, seed=5), tmp_path / "digits")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits", "digits-1", "digits-2"]
    assert all(contents(tmp_path / name) == files for name, files in earlier)
    assert f"the earlier {tmp_path / 'digits'} is now {tmp_path / 'digits-2'}" in capsys.readouterr().out


def test_nothing_is_touched_before_the_first_write(tmp_path):
    (tmp_path / "digits").mkdir()
    RunFolder(tmp_path / "digits")
    RunFolder(tmp_path / "new" / "digits")
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


@pytest.mark.parametrize("path", ["/", ".", ".."])
def test_a_folder_that_cannot_be_renamed_is_refused_before_any_training(path):
    with pytest.raises(ValueError, match="folder"):
        RunFolder(path)


# Ctrl-C


def interrupted_at(monkeypatch, epoch, complete):
    """Ctrl-C arrives in that epoch: at its end, after the log line, or at its beginning, before anything of it is done."""
    real = minivit.training.loop.Training.run

    def run(self, threads=None):
        for progress in real(self, threads):
            if progress.epoch == epoch and not complete:
                raise KeyboardInterrupt
            yield progress
            if progress.epoch == epoch:
                raise KeyboardInterrupt

    monkeypatch.setattr(minivit.training.loop.Training, "run", run)


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(("epoch", "complete"), [(2, True), (3, False)])
def test_ctrl_c_keeps_the_last_complete_epoch(digits, tmp_path, monkeypatch, capsys, epoch, complete):
    interrupted_at(monkeypatch, epoch, complete)
    train_run(digits, tiny_config(), tiny_recipe(epochs=5), tmp_path / "run")
    assert same_state(load_model(tmp_path / "run" / "model.npz")[0].state_dict(), epochs_trained(digits, 2, of=5))
    assert len(rows_of(tmp_path / "run")) == 2
    out = capsys.readouterr().out
    assert "Ctrl-C: the model is that of epoch 2 of 5" in out and "\ntest accuracy " in out


def test_ctrl_c_before_the_first_epoch_is_complete_leaves_everything_as_it_was(digits, tmp_path, monkeypatch, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.npz").write_text("an earlier one")
    interrupted_at(monkeypatch, 1, complete=False)
    assert train_run(digits, tiny_config(), tiny_recipe(), tmp_path / "run") is None
    assert contents(tmp_path) == {(tmp_path / "run" / "model.npz").relative_to(tmp_path): b"an earlier one"}
    assert "nothing was written" in capsys.readouterr().out


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize(
    "owner, name", [(minivit.program.run, "save_model"), (RunFolder, "write_csv")], ids=["model.npz", "metrics.csv"]
)
def test_ctrl_c_while_a_file_is_written_still_leaves_model_and_metrics_of_one_epoch(
    digits, tmp_path, monkeypatch, epoch, owner, name
):
    real, calls = getattr(owner, name), []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == epoch:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(owner, name, interrupted)
    result = train_run(digits, tiny_config(), tiny_recipe(epochs=4), tmp_path / "run")
    if result is None:  # all or nothing
        assert epoch == 1 and not (tmp_path / "run").exists()
    else:
        state = load_model(tmp_path / "run" / "model.npz")[0].state_dict()
        assert same_state(state, epochs_trained(digits, len(rows_of(tmp_path / "run")), of=4))


# a loss that is not a number


@pytest.fixture
def broken_from_step(monkeypatch):
    """broken_from_step(5): from step 5 on, the images are not numbers."""

    def plant(step):
        real, calls = augment.shift, []

        def shift(images, pixels, rng):
            calls.append(None)
            return real(images, pixels, rng) * (np.nan if len(calls) >= step else 1)

        monkeypatch.setattr(augment, "shift", shift)

    return plant


def test_a_nan_keeps_the_last_good_weights_and_says_so(digits, tmp_path, broken_from_step):
    expected = epochs_trained(digits, 2, of=5)
    broken_from_step(8)  # 3 steps an epoch: in the third
    with pytest.raises(ValueError, match=r"at step 8 \(epoch 3 of 5\).*model.npz holds epoch 2"):
        train_run(digits, tiny_config(), tiny_recipe(epochs=5), tmp_path / "run")
    assert same_state(load_model(tmp_path / "run" / "model.npz")[0].state_dict(), expected)
    assert len(rows_of(tmp_path / "run")) == 2


def test_a_nan_in_the_first_epoch_leaves_everything_as_it_was(digits, tmp_path, broken_from_step):
    broken_from_step(1)
    with pytest.raises(ValueError, match=r"at step 1 .*nothing was written"):
        train_run(digits, tiny_config(), tiny_recipe(), tmp_path / "run")
    assert not list(tmp_path.iterdir())
