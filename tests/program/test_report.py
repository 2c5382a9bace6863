"""report.html, results.json and the comparison of runs: complete, self-contained, and safe whatever the names are."""

import json
import re
import shlex
from dataclasses import asdict
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from minivit.data import load
from minivit.program import figures
from minivit.program.cli import main
from minivit.program.commands.compare import table as compare
from minivit.program.report import again, per_class, sized, write_report
from minivit.training.presets import changed, load_config, model_config, recipe

from ..support.tiny import tiny_config, tiny_recipe

FIGURES = ("learning_curves.png", "confusion_matrix.png", "predictions.png", "attention.png")
HOSTILE = '<script src="http://x">alert(1)</script>&"\''
CLASSES = ("cat", HOSTILE, "dog")
LABELS, PREDICTED = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 1, 1, 2, 1, 0])


def results(**changes):
    found = dict(test_accuracy=2 / 6, labels=LABELS, predicted=PREDICTED, classes=CLASSES, seconds=61.2, images_per_second=3045.4)
    return found | changes


def make_run(folder, figures=FIGURES, model=None, how=None, data="digits"):
    """A run's folder as train leaves it, with pictures of one pixel."""
    folder.mkdir(parents=True)
    config = {"data": data, "model": asdict(model or tiny_config()), "recipe": asdict(how or tiny_recipe())}
    config["environment"] = {"minivit": "0.0.7", "python": "3.11.1", "numpy": "2.2.2"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    rows = ["1,2.302585,0.1,", "2,1.25,0.625,"]
    (folder / "metrics.csv").write_text("\n".join(["epoch,loss,accuracy,validation", *rows, ""]))
    for name in figures:
        Image.new("L", (1, 1)).save(folder / name)
    return folder


class Page(HTMLParser):
    """The tags of a page, and all of its text."""

    def __init__(self, folder):
        super().__init__()
        self.tags, self.text, self.source = [], "", (folder / "report.html").read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for found, attributes in self.tags if found == tag]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("runs") / "a<b>&c", data="digits & <b>co</b>")
    write_report(folder, results())
    return Page(folder)


# the page


def test_the_page_needs_nothing_from_outside(page):
    assert not re.search(r"https?:|url\(|@import|<link|<script|<iframe", page.source.replace(escape(HOSTILE), ""), re.IGNORECASE)
    links = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href", "srcset")]
    assert len(links) == 4 and all(link.startswith("data:image/png;base64,") for link in links)
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}


def test_names_from_outside_are_text_and_never_tags(page):
    assert HOSTILE not in page.source and HOSTILE in page.text
    assert "a<b>&c: a Vision Transformer on digits & <b>co</b>" in page.text
    assert not page.all("script") and not page.all("b")
    assert all(name in ("class", "scope", "style", "alt", "src", "tabindex", "role", "aria-label", "lang", "charset", "name",
                        "content", "http-equiv") for _, attributes in page.tags for name in attributes)  # fmt: skip


def test_every_figure_has_an_alternative_text_of_its_own(page):
    texts = [image["alt"] for image in page.all("img")]
    assert len(set(texts)) == 4 and all(len(text) > 30 for text in texts)


def test_the_page_can_be_read_in_the_dark_on_a_phone_and_on_paper(page):
    assert "prefers-color-scheme: dark" in page.source and "@media print" in page.source
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")


@pytest.mark.parametrize(
    "text",
    [
        "After 2 epochs, the model gets 2 of 6 test images of digits & <b>co</b> right: 33.3 %.",
        "Epoch 1: training loss 2.303, accuracy 10.0 %. Epoch 2: 1.250 and 62.5 %.",
        "61.2 s",
        "3,045 images/s",
        "patch_size4 x 4",
        "representation_sizenone",
        "batch_size16",
        "minivit0.0.7",
        "numpy2.2.2",
        "platform",
        "cores",
        "none to test",
        f"cat1 of 425.0 %{HOSTILE} (2 times)",
    ],
)
def test_the_page_says(page, text):
    assert text in re.sub(r"\n", "", page.text)


def test_a_run_that_stopped_early_says_so(tmp_path):
    folder = make_run(tmp_path / "run", how=tiny_recipe(epochs=9))
    write_report(folder, results())
    assert "After 2 epochs of 9, where it stopped, the model" in Page(folder).text


@pytest.mark.parametrize("missing", FIGURES)
def test_a_figure_that_the_run_did_not_leave_is_left_out(tmp_path, missing):
    folder = make_run(tmp_path / "run", figures=[name for name in FIGURES if name != missing])
    write_report(folder, results())
    assert len(Page(folder).all("img")) == len(Page(folder).all("figure")) == 3


def test_without_any_figure_no_heading_stands_alone(tmp_path):
    write_report(make_run(tmp_path / "run", figures=()), results())
    assert "worst mistakes" not in Page(tmp_path / "run").text and "cat" in Page(tmp_path / "run").text


def test_a_report_is_replaced_and_leaves_no_temporary(tmp_path):
    folder = make_run(tmp_path / "run")
    write_report(str(folder), results())
    write_report(folder, results(seconds=7))
    assert {path.name for path in folder.iterdir()} == {*FIGURES, "config.json", "metrics.csv", "report.html", "results.json"}
    assert "7.0 s" in Page(folder).text


def test_all_right_and_one_mistake_are_told_in_good_english(tmp_path):
    folder = make_run(tmp_path / "run")
    write_report(folder, results(predicted=LABELS, test_accuracy=1.0))
    assert "6 of 6 right; no mistake." in Page(folder).text and "0 mistakes" in Page(folder).text
    write_report(folder, results(predicted=np.array([0, 0, 0, 2, 1, 1])))
    assert "1 mistake," in Page(folder).text and "dog (1 time)" in Page(folder).text


# results.json


def test_results_json_has_the_results_as_numbers(tmp_path):
    folder = make_run(tmp_path / "run")
    write_report(folder, results(test_accuracy=np.float32(0.5)))
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert (found["test_accuracy"], found["seconds"], found["images_per_second"]) == (0.5, 61.2, 3045.4)
    assert found["per_class"] == per_class(LABELS, PREDICTED, CLASSES)


def test_the_calibration_error_is_in_the_results_and_on_the_page(tmp_path):
    folder = make_run(tmp_path / "run")
    write_report(folder, results(calibration_error=0.012, temperature=0.5))
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert (found["calibration_error"], found["temperature"]) == (0.012, 0.5)
    assert "differs by 1.2 points from how often it is right" in Page(folder).text


def test_per_class_counts_right_ones_and_the_most_frequent_mistake():
    assert per_class(LABELS, PREDICTED, CLASSES) == [
        {"class": "cat", "right": 1, "of": 4, "taken_for": HOSTILE, "times": 2},
        {"class": HOSTILE, "right": 1, "of": 2, "taken_for": "cat", "times": 1},
        {"class": "dog", "right": 0, "of": 0},
    ]


# the command that makes it again


def config_of(name, **changes):
    digits, preset = load("digits"), load_config(name)
    described = {"data": "digits", "model": asdict(model_config(preset["model"], digits))}
    return json.loads(json.dumps(described | {"recipe": asdict(recipe(changed(preset["recipe"], changes)))}))


@pytest.mark.parametrize("name", ["digits", "digits-conv"])
def test_a_preset_is_named_with_the_options_that_differ(name):
    assert again(config_of(name)) == (["--config", name], None)
    options = ["--epochs", "3", "--batch-size", "64", "--seed", "7"]
    assert again(config_of(name, epochs=3, batch_size=64, seed=7)) == (["--config", name, *options], None)


LATER = ("relative_pos", "layer_scale", "qk_norm", "lsa", "registers", "class_blocks")


def without_later(config):
    """A run's config.json as it was before these settings existed."""
    return config | {"model": {key: value for key, value in config["model"].items() if key not in LATER}}


@pytest.mark.parametrize("name", ["digits", "digits-conv"])
def test_a_run_that_is_older_than_some_settings_is_still_that_of_its_preset(name):
    assert again(without_later(config_of(name))) == (["--config", name], None)
    changed_one = without_later(config_of(name))
    changed_one["model"]["depth"] += 1
    assert again(changed_one)[0] == ["--config", "again.toml"]


def test_what_no_preset_has_becomes_a_toml_file_of_the_same_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = config_of("digits", shift=0, lr=1e-5)
    options, toml = again(config)
    assert options == ["--config", "again.toml"]
    (tmp_path / "again.toml").write_text(toml, encoding="utf-8")
    loaded = load_config("again.toml")
    model, how = model_config(loaded["model"], load(loaded["data"])), recipe(loaded["recipe"])
    assert json.loads(json.dumps([asdict(model), asdict(how)])) == [config["model"], config["recipe"]]


def test_the_folder_in_the_command_is_quoted_for_a_shell(tmp_path):
    folder = make_run(tmp_path / "my runs; x")
    write_report(folder, results())
    line = Page(folder).text.split("and run:")[1].strip()
    assert shlex.split(line) == ["python", "-m", "minivit", "train", "--config", "again.toml", "--out", str(folder)]


# compare


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """printed("a", "b"): the lines that `minivit compare a b` prints, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        assert main(["compare", *map(str, arguments)]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return [re.split(r"  +", line) for line in out.splitlines()]

    return command


def test_the_table_has_results_and_only_the_settings_that_differ(tmp_path, printed):
    write_report(make_run(tmp_path / "a"), results())
    make_run(tmp_path / "b", model=tiny_config(dim=12), how=tiny_recipe(seed=5))
    parameters = [f"{tiny_config(dim=dim).num_parameters():,}" for dim in (8, 12)]
    assert printed("a", "b") == [
        ["", "a", "b"],
        ["data", "digits", "digits"],
        ["parameters", *parameters],
        ["epochs", "2", "2"],
        ["training loss", "1.250", "1.250"],
        ["training accuracy", "62.5 %", "62.5 %"],
        ["test accuracy", "33.3 %", "-"],
        ["seconds", "61.2", "-"],
        ["images/s", "3,045", "-"],
        [""],
        ["what differs"],
        ["model.dim", "8", "12"],
        ["recipe.seed", "0", "5"],
        [""],
        ["the curves are in compare.png"],
    ]
    with Image.open(tmp_path / "compare.png") as picture:
        assert picture.format == "PNG"


def test_a_single_run_and_the_same_run_twice_have_one_column(tmp_path, printed):
    make_run(tmp_path / "a")
    once = printed("a", "--out", "one.png")
    assert once[0] == ["", "a"] and len(once) == 11 and (tmp_path / "one.png").exists()
    assert printed("a", tmp_path / "a", "--out", "one.png") == once


def test_two_runs_of_the_same_name_are_told_apart_by_their_paths(tmp_path, printed):
    for name in ("x/a", "y/a", "b"):
        make_run(tmp_path / name)
    lines = printed("x/a", "b", "y/a")
    assert [part.replace("\\", "/") for part in lines[0]] == ["", "x/a", "b", "y/a"]
    assert ["the configurations are the same"] in lines


def test_settings_that_came_later_do_not_make_an_older_run_differ(printed, tmp_path):
    old = json.loads((make_run(tmp_path / "a") / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "a" / "config.json").write_text(json.dumps(without_later(old)), encoding="utf-8")
    make_run(tmp_path / "b")
    assert ["the configurations are the same"] in printed("a", "b")


def test_columns_stand_under_their_names(tmp_path):
    lines, _ = compare([make_run(tmp_path / name) for name in ("a-rather-long-name-of-a-run", "b")])
    assert len({len(line) for line in lines[:9]}) == 1


DAMAGES = {
    "no such folder": ("nosuch", None, ""),
    "no metrics": ("a", "metrics.csv", None),
    "empty metrics": ("a", "metrics.csv", "epoch,loss,accuracy\n"),
    "a word in metrics": ("a", "metrics.csv", "epoch,loss,accuracy\n1,x,1\n"),
    "no json": ("a", "config.json", "{"),
    "a list": ("a", "config.json", "[]"),
    "no model": ("a", "config.json", '{"data": "digits", "recipe": {}}'),
    "another model": ("a", "config.json", '{"data": "digits", "recipe": {}, "model": {"depth": 1}}'),
    "results cut short": ("a", "results.json", '{"test_'),
    "results in words": ("a", "results.json", '{"seconds": "long"}'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_that_is_no_run_is_told_in_one_sentence(tmp_path, monkeypatch, capsys, damage):
    monkeypatch.chdir(tmp_path)
    named, file, text = DAMAGES[damage]
    make_run(tmp_path / "a")
    make_run(tmp_path / "b")
    if file and text is None:
        (tmp_path / "a" / file).unlink()
    elif file:
        (tmp_path / "a" / file).write_text(text)
    assert main(["compare", "b", named]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"minivit: {named}") and err.count("\n") == 1
    assert not (tmp_path / "compare.png").exists()


@pytest.mark.parametrize("out", ["chart", "chart.pdf", "nosuch/chart.png", ""])
def test_a_chart_that_cannot_be_written_is_told_in_one_sentence(tmp_path, capsys, out):
    assert main(["compare", str(make_run(tmp_path / "a")), "--out", out]) == 2
    assert re.fullmatch(r"minivit: the chart cannot go to .*\n", capsys.readouterr().err)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "names",
    [["a"], ["_x", "$b", "50 % {c}"], [f"runs/{i}/a-rather-long-name" for i in range(8)], ["x" * 300, "b"], list("abcdefgh" * 3)],
    ids=["one", "odd", "many", "long", "24"],
)
def test_the_legend_of_the_chart_names_every_run_and_fits(names):
    rows = [{"epoch": i, "loss": 2 / i, "accuracy": 1 - 1 / i} for i in range(1, 5)]
    names = [f"{name}{i}" for i, name in enumerate(names)]
    figure = figures.comparison(dict.fromkeys(names, rows))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == len(names)
    box, (width, height) = legend.get_window_extent(), figure.bbox.size
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    assert min(axis.get_window_extent().height for axis in figure.axes) > 0.4 * 3.4 * figure.dpi
    styles = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(styles) == len(names)


@pytest.mark.parametrize(
    "data, size, option", [("canvases", 40, ["--image-size", "40"]), ("canvases", 32, []), ("digits", 8, [])]
)
def test_canvases_of_another_size_than_usual_are_asked_for(data, size, option):
    assert sized({"data": data, "model": {"image_size": [size, size]}}) == option
