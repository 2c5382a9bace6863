"""A DETR from the command line: trained, killed and resumed, tested, asked, looked into."""

import json

import numpy as np
import pytest
from PIL import Image

from minivit.data.canvases import canvases
from minivit.data.datasets import Dataset
from minivit.data.scenes import Scenes
from minivit.program import boxes
from minivit.program.cli import main
from minivit.program.commands import evaluate
from minivit.program.detections import SHARES, mistakes
from minivit.training.average_precision import Found
from minivit.training.checkpoint import load_model

from ..data.formats.test_coco import content, write
from ..support.detection import TOML
from ..support.tiny import kill_in_epoch, same_state

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """detr.toml, a picture, runs/detr, and runs/killed, the same run killed in its second epoch; to be read only."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "detr.toml").write_text(TOML)
    Image.linear_gradient("L").resize((32, 32)).save(folder / "picture.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "--config", "detr.toml"]) == 0
    kill_in_epoch(2, "train", "--config", "detr.toml", "--out", "runs/killed", cwd=folder)
    return folder


@pytest.fixture(autouse=True)
def there(folder, monkeypatch):
    monkeypatch.chdir(folder)


def test_its_run_has_what_a_detection_leaves(folder):
    names = {path.name for path in (folder / "runs/detr").iterdir()}
    assert {"boxes.png", "precision_recall.png", "learning_curves.png", "report.html", "results.json", "model.npz"} <= names
    assert not {"confusion_matrix.png", "predictions.png", "rollout.png"} & names


def test_results_and_report_tell_the_same(folder):
    results = json.loads((folder / "runs/detr/results.json").read_text())
    page = (folder / "runs/detr/report.html").read_text()
    assert results["test_accuracy"] == results["AP50"] and f"{100 * results['AP50']:.1f} %" in page
    assert sum(row["objects"] for row in results["per_class"]) == 1979
    assert "AP of the smallest third" in page and "--config again.toml" in page


def test_each_term_of_the_loss_is_a_column(folder):
    first, *rows = (folder / "runs/detr/metrics.csv").read_text().splitlines()
    assert "loss_class,loss_box,loss_giou" in first and "validation" in first and len(rows) == 3


def test_killed_and_resumed_it_ends_in_the_same_weights():
    assert main(["train", "--resume", "runs/killed"]) == 0
    first, second = (load_model(f"runs/{name}")[0].state_dict() for name in ("detr", "killed"))
    assert same_state(first, second)


def test_evaluate_tells_what_is_found_class_by_class(capsys):
    assert main(["evaluate", "--model", "runs/detr"]) == 0
    said = capsys.readouterr().out
    assert "of 218" in said and "AP at an IoU of 0.75" in said and "images with the right things" in said


def test_predict_draws_a_box_around_each_thing(tmp_path, folder, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(folder / "picture.png"), "--model", str(folder / "runs/detr")]) == 0
    assert "found   (32 x 32 pixels" in capsys.readouterr().out
    assert Image.open(tmp_path / "boxes-picture.png").size[0] > 300


def test_explain_shows_where_the_queries_look(tmp_path, folder, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["explain", str(folder / "picture.png"), "--model", str(folder / "runs/detr")]) == 0
    assert "query 4:" in capsys.readouterr().out and (tmp_path / "explain-picture/queries.png").stat().st_size > 10_000


def test_info_and_data_know_it(capsys):
    assert main(["info", "runs/detr"]) == 0 and main(["data", "canvases"]) == 0
    said = capsys.readouterr().out
    assert "DETR: 16 cells of width 8, 1 + 2 blocks, 2 heads, 4 queries, two_stage" in said
    assert "a test image shows 1 to 3 things, 2.0 on average" in said


@pytest.fixture(scope="module")
def shapes(folder):
    """A folder of pictures with boxes, 40 x 30, and runs/shapes, a DETR that learned from it as nobody said how."""
    write(folder / "shapes", content(5))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "--data", "shapes", "--image-size", "16", "--epochs", "1"]) == 0
    return folder


def test_a_folder_of_boxes_is_trained_on_without_a_word_about_how(shapes):
    config = json.loads((shapes / "runs/shapes/config.json").read_text())
    model = config["model"]
    assert config["kind"] == "detr" and (model["patch_size"], model["num_queries"]) == ([2, 2], 6)
    assert config["reading"]["whole"] and config["classes"] == ["dog", "cat"]


def test_who_goes_on_is_not_told_how_to_change_the_size(shapes, capsys):
    assert main(["train", "--resume", "runs/shapes"]) == 0
    said = capsys.readouterr().out
    assert "resized to 16 x 16, patch 2, 2 classes" in said and "--image-size" not in said and "trained 1 epoch in" in said


def test_predict_reads_a_picture_whole_as_the_folder_s_were(shapes, capsys):
    assert main(["predict", "shapes/images/0.png", "shapes/images/1.png", "--model", "runs/shapes", "--show"]) == 0
    said = capsys.readouterr().out
    assert "(40 x 30 pixels, resized to 16 x 16)" in said and "predict-0.png shows how they were read" in said


def test_two_pictures_of_one_name_are_drawn_in_two_files(shapes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures = [tmp_path / name / "picture.png" for name in ("a", "b")]
    for picture in pictures:
        picture.parent.mkdir()
        Image.open(shapes / "picture.png").save(picture)
    assert main(["predict", *map(str, pictures), "--model", str(shapes / "runs/detr")]) == 0
    assert {path.name for path in tmp_path.glob("*.png")} == {"boxes-picture.png", "boxes-picture-2.png"}


def test_compare_says_what_is_found_in_the_place_of_accuracy(shapes, tmp_path, capsys):
    assert main(["compare", "runs/detr", "runs/shapes", "--out", str(tmp_path / "chart.png")]) == 0
    said = capsys.readouterr().out
    share = 100 * json.loads((shapes / "runs/detr/results.json").read_text())["AP50"]
    assert f"{share:.1f} %" in next(line for line in said.splitlines() if line.startswith("test AP50"))
    assert "accuracy" not in said and "test AP75" in said


MISMATCHED = [
    (["train", "--config", "detr.toml", "--data", "digits"], "a DETR looks for things in boxes, and digits has none"),
    (["train", "--config", "digits", "--data", "canvases"], "in an image of canvases are several things"),
    (["train", "--config", "detr.toml", "--image-size", "20"], "cells of 8 x 8 do not divide images of 20 x 20"),
]


@pytest.mark.parametrize("arguments, sentence", MISMATCHED)
def test_what_does_not_go_together_is_a_sentence(arguments, sentence, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "new")]) == 2
    assert sentence in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_mistakes_are_counted_the_surest_answer_first():
    """Both answers lie on the one object; the surer takes it. The other object is missed."""
    box, other = [0.3, 0.3, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2]
    labels = np.array([[[1, *box], [2, *other], [-1, 0, 0, 0, 0]]])
    found = Found(np.array([[0.6, 0.9, 0.8]]), np.array([[1, 1, 0]]), np.array([[box, box, other]]))
    false, missed = mistakes(found, np.array([[True, True, False]]), labels)
    assert false.tolist() == [[True, False, False]] and missed.tolist() == [[False, True, False]]


def test_the_columns_of_evaluate_stand_below_one_another(capsys):
    images, labels = np.zeros((2, 8, 8, 1), np.float32), np.array([[[k, 0.5, 0.5, 0.2, 0.2]] for k in (0, 1)])
    data = Scenes("d", ("dog", "a very long name of a class"), images, labels, images, labels, (0.5,), (0.3,))
    found = Found(np.full((2, 1), 0.9), np.zeros((2, 1), int), labels[..., 1:])
    evaluate._of_boxes({"found": found, "sure": np.ones((2, 1), bool)} | dict.fromkeys(SHARES, 0.5), data)
    head, *rows = capsys.readouterr().out.splitlines()[:3]
    assert {row.index(" of   1") for row in rows} == {head.index("found") + 3} and rows[0].endswith("100.0 %")


def test_figures_are_drawn_whatever_the_classes_are_called(rng):
    names, images, labels = ("$x_1$", "a very long name of a class"), rng.random((9, 8, 8, 1), np.float32), np.arange(9) % 2
    data = canvases(Dataset("d", names, images, labels, images, labels, (0.5,), (0.3,)), "canvases", 24)
    nothing = np.zeros((len(data.test_images), 4), bool), data.test_labels[..., 0] >= 0
    found = Found(np.full((1000, 4), 0.5), np.ones((1000, 4), int), np.full((1000, 4, 4), 0.5))
    for figure in (
        boxes.samples(data, rng),
        boxes.answers(data.test_images, data.test_labels, found, ~nothing[0], nothing, data.classes),
        boxes.one_picture(data.test_images[0], Found(*(part[0] for part in found)), ~nothing[0][0], data.classes, "it.png"),
    ):
        figure.canvas.draw()


@pytest.mark.parametrize("height, width", [(8, 24), (24, 8)])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_few_pictures_have_no_empty_axes_beside_them_and_no_title_that_is_cut_off(count, height, width, rng):
    images, labels = np.zeros((count, height, width, 3), np.float32), np.tile([0, 0.5, 0.5, 0.2, 0.2], (count, 1, 1))
    data = Scenes("/a/long/way/to/the/pictures", ("dog",), images, labels, images, labels, (0.5,), (0.3,))
    found = Found(np.full((count, 4), 0.5), np.zeros((count, 4), int), np.full((count, 4, 4), 0.5))
    wrong = np.zeros((count, 4), bool), np.ones((count, 1), bool)
    for figure in (boxes.samples(data, rng), boxes.answers(images, labels, found, wrong[0], wrong, data.classes)):
        figure.draw_without_rendering()
        title, pictures = figure._suptitle.get_window_extent(), [axis for axis in figure.axes if axis.images]
        assert title.x0 >= 0 and title.x1 <= figure.bbox.x1 and len(pictures) == count
        assert not any(axis.axison for axis in figure.axes)
        assert all(axis.get_window_extent().y1 <= title.y0 for axis in pictures)
