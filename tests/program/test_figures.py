"""Every figure draws, whatever the results are; and nothing but drawing imports matplotlib."""

import itertools
import re
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from minivit.data import Dataset
from minivit.program import figures, looks

from ..support.tiny import ENVIRONMENT, tiny_recipe

rng = np.random.default_rng(0)
DIGITS = tuple("0123456789")
LONG = ("a rather long name of a class", "b", "another name that goes on for quite a while")


def row(epoch, loss=1.0, accuracy=0.5):
    return {"epoch": epoch, "loss": loss, "accuracy": accuracy}


def sure_of(predicted, classes):
    """Probabilities (N, K) whose largest is at `predicted`."""
    return np.eye(classes, dtype=np.float32)[predicted] * 0.9 + 0.1 / classes


def attention(images, heads, tokens):
    weights = rng.random((images, heads, tokens, tokens)).astype(np.float32)
    return weights / weights.sum(axis=-1, keepdims=True)


LABELS = np.arange(30) % 10
IMAGES = rng.random((30, 8, 8, 1)).astype(np.float32)
COLOUR = rng.random((30, 8, 6, 3)).astype(np.float32)


def augmented(images, classes, **recipe):
    labels = np.arange(len(images)) % len(classes)
    dataset = Dataset("random", classes, images, labels, images, labels, (0.5,), (0.3,))
    return figures.augmented_samples(dataset, tiny_recipe(**recipe))


FIGURES = {
    "curves of one epoch": lambda: figures.learning_curves([row(1)], 0.5),
    "curves of many epochs": lambda: figures.learning_curves([row(i, 2.3 / i, 1 - 1 / i) for i in range(1, 161)], 0.972),
    "curves, nothing right": lambda: figures.learning_curves([row(1, accuracy=0.0), row(2, accuracy=0.0)], 0.0),
    "curves, all right": lambda: figures.learning_curves([row(1, 0.0, 1.0), row(2, 0.0, 1.0)], 1.0),
    "confusion, all right": lambda: figures.confusion_matrix(LABELS, LABELS, DIGITS),
    "confusion, all wrong": lambda: figures.confusion_matrix(LABELS, (LABELS + 1) % 10, DIGITS),
    "confusion of one image": lambda: figures.confusion_matrix(LABELS[:1], LABELS[:1], DIGITS),
    "confusion, long names": lambda: figures.confusion_matrix(np.array([0, 1, 2]), np.array([2, 1, 2]), LONG),
    "confusion, 40 classes": lambda: figures.confusion_matrix(
        np.arange(40), np.arange(40)[::-1], [f"class {i}" for i in range(40)]
    ),
    "confusion, 250 classes": lambda: figures.confusion_matrix(
        np.arange(250), np.arange(250)[::-1], [f"class {i}" for i in range(250)]
    ),
    "predictions, all right": lambda: figures.predictions(IMAGES, LABELS, sure_of(LABELS, 10), DIGITS),
    "predictions, all wrong": lambda: figures.predictions(IMAGES, LABELS, sure_of((LABELS + 1) % 10, 10), DIGITS),
    "predictions of one image": lambda: figures.predictions(IMAGES[:1], LABELS[:1], sure_of(LABELS[:1], 10), DIGITS),
    "predictions, colour": lambda: figures.predictions(COLOUR, LABELS, sure_of(LABELS, 10), DIGITS),
    "predictions, long names": lambda: figures.predictions(IMAGES, LABELS % 3, sure_of(LABELS[::-1] % 3, 3), LONG),
    "predictions, blank images": lambda: figures.predictions(0 * IMAGES, LABELS, sure_of(LABELS, 10), DIGITS),
    "attention": lambda: looks.class_token_attention(IMAGES[:5], attention(5, 4, 17), (4, 4), ["said 3"] * 5),
    "attention, one image and head": lambda: looks.class_token_attention(IMAGES[:1], attention(1, 1, 5), (2, 2), ["said 3"]),
    "attention, colour, oblong": lambda: looks.class_token_attention(COLOUR[:2], attention(2, 3, 13), (4, 3), ["said 3"] * 2),
    "looked at, ten classes": lambda: looks.looked_at(IMAGES[:10], attention(1, 10, 4)[0], LONG[:1] * 10),
    "looked at, twelve": lambda: looks.looked_at(IMAGES[:12], attention(1, 12, 4)[0], ["3"] * 12),
    "looked at, colour, oblong": lambda: looks.looked_at(COLOUR[:2], attention(1, 2, 5)[0], ["a", "b"]),
    "attention, one patch": lambda: looks.class_token_attention(IMAGES[:2], attention(2, 2, 2), (1, 1), LONG[:2]),
    "augmented, not at all": lambda: augmented(IMAGES, DIGITS),
    "augmented": lambda: augmented(IMAGES, DIGITS, shift=2),
    "augmented, one image": lambda: augmented(IMAGES[:1], DIGITS, shift=1, flip=True, mixup=0.4),
    "augmented, colour": lambda: augmented(COLOUR, DIGITS, flip=True),
    "augmented, blank images": lambda: augmented(0 * IMAGES, DIGITS, shift=1),
    "augmented, long names": lambda: augmented(IMAGES, LONG, shift=1, mixup=1.0),
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.slow_of("attention", "augmented", "confusion", "looked", "predictions")
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_and_saved_as_a_png(name, tmp_path):
    figures.save(FIGURES[name](), tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.format == "PNG" and min(picture.size) > 100
        assert len(np.unique(np.asarray(picture.convert("L")))) > 2, "something is drawn"


CROWDED = ["confusion, long names", "predictions, long names", "predictions of one image", "attention, one patch"]
CROWDED += ["augmented", "augmented, one image", "augmented, long names"]


@pytest.mark.slow_of("augmented", "predictions, ")
@pytest.mark.parametrize("name", CROWDED)
@pytest.mark.filterwarnings("error::UserWarning")  # matplotlib's, when no room is left
def test_nothing_that_is_written_sticks_out_of_the_figure(name):
    figure = FIGURES[name]()
    figure.draw_without_rendering()
    shown = [axis for axis in figure.axes if axis.axison]
    texts = [axis.title for axis in figure.axes] + [
        label for axis in shown for label in axis.get_xticklabels() + axis.get_yticklabels()
    ]
    texts += [figure._suptitle] if figure.get_suptitle() else []
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text().strip()]
    width, height = figure.bbox.size
    assert not [text for text, box in boxes if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["predictions, long names", "augmented, long names"])
def test_long_names_do_not_run_into_one_another(name):
    figure = FIGURES[name]()
    figure.draw_without_rendering()
    boxes = [axis.title.get_window_extent() for axis in figure.axes if axis.get_title()]
    assert not [1 for box, right in itertools.pairwise(boxes[:8]) if box.x1 > right.x0]


def test_one_epoch_can_be_seen():
    left, _ = figures.learning_curves([row(1)], 0.5).axes
    assert left.lines[0].get_marker() not in ("None", "", None)


def test_no_tick_stands_at_half_an_epoch():
    for rows in ([row(1)], [row(1), row(2)]):
        for axes in figures.learning_curves(rows, 0.5).axes:
            assert all(tick == round(tick) for tick in axes.get_xticks())


def test_images_set_aside_have_a_curve_of_their_own():
    rows = [row(1, accuracy=0.4) | {"validation": 0.3}, row(2, accuracy=0.6) | {"validation": 0.5}]
    curves = {line.get_label(): list(line.get_ydata()) for line in figures.learning_curves(rows, 0.45).axes[1].lines}
    assert curves["images set aside"] == [30, 50] and curves["training images, while learning"] == [40, 60]


def test_saving_closes_the_figure_and_leaves_no_temporary(tmp_path):
    before = plt.get_fignums()
    figures.save(figures.learning_curves([row(1)], 0.5), tmp_path / "figure.png")
    assert plt.get_fignums() == before and [path.name for path in tmp_path.iterdir()] == ["figure.png"]


def test_drawing_changes_no_setting_of_matplotlib():
    before = dict(plt.rcParams)
    figures.learning_curves([row(1)], 0.5)
    assert dict(plt.rcParams) == before


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


def test_the_confusion_matrix_counts_every_pair_of_what_it_was_and_what_was_said():
    figure = figures.confusion_matrix(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]), ("a", "b"))
    written = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert written == {(0, 0): "1", (1, 0): "2", (1, 1): "1"}  # (column, row)
    assert titles(figure) == ["2 of 4 test images right"]


def test_of_more_classes_than_can_be_seen_there_is_no_confusion_matrix():
    """Its pixels alone would fill the memory of a computer, and so end the process that has just trained."""
    with pytest.raises(ValueError, match="5,000 classes shows nothing"):
        figures.confusion_matrix(np.arange(5000), np.arange(5000), [str(i) for i in range(5000)])


def test_the_wrong_predictions_come_first_and_the_surest_of_them_leads_then_the_least_sure_of_each_class():
    labels = np.array([0, 0, 0, 0, 1, 1])
    first = np.array([0.9, 0.4, 0.2, 0.6, 0.3, 0.1])
    figure = figures.predictions(IMAGES[:6], labels, np.stack([first, 1 - first], axis=1), ("a", "b"))
    shown = [title.strip() for title in titles(figure)]
    assert shown[:2] == ["NO: b  80 %\nit is a", "NO: b  60 %\nit is a"]
    assert shown[2:] == ["a  60 %", "b  70 %", "a  90 %", "b  90 %"]


def test_no_more_predictions_are_shown_than_asked_for():
    assert len(titles(figures.predictions(IMAGES, LABELS, sure_of(LABELS, 10), DIGITS, count=5))) == 5


def test_the_attention_of_the_class_token_is_shown_patch_by_patch_as_the_image_lies():
    weights = np.zeros((1, 1, 7, 7), np.float32)
    weights[0, 0, 0, 1:] = [0, 1, 2, 3, 4, 5]
    figure = looks.class_token_attention(IMAGES[:1], weights, (2, 3), ["said 3"])
    assert np.asarray(figure.axes[1].images[0].get_array()).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_images_of_any_range_are_shown_from_their_darkest_to_their_brightest():
    figure = figures.predictions(IMAGES[:1] * 300 - 150, LABELS[:1], sure_of(LABELS[:1], 10), DIGITS)
    shown = figure.axes[0].images[0].get_array()
    assert shown.min() == 0 and shown.max() == 1


def shown(figure):
    """The pictures of a figure of augmented images, row by row."""
    pictures = [np.asarray(axis.images[0].get_array()) for axis in figure.axes]
    return [pictures[i : i + 8] for i in range(0, len(pictures), 8)]


def test_each_row_of_augmented_images_starts_with_the_image_as_it_is():
    originals = [image[..., 0] - IMAGES.min() for image in IMAGES]
    for first, *versions in shown(augmented(IMAGES, DIGITS, shift=2)):
        assert min(np.abs(first * np.ptp(IMAGES) - image).max() for image in originals) < 0.01
        assert len({version.tobytes() for version in versions}) > 3, "the versions differ"


def test_without_augmentation_all_versions_are_the_image():
    for first, *versions in shown(augmented(IMAGES, DIGITS)):
        assert all(np.array_equal(first, version) for version in versions)


@pytest.mark.slow
def test_flipped_images_are_the_image_or_its_mirror_image():
    for first, *versions in shown(augmented(IMAGES, DIGITS, flip=True)):
        mirrored = [np.array_equal(first[:, ::-1], version) for version in versions]
        assert all(other or np.array_equal(first, version) for other, version in zip(mirrored, versions, strict=True))


def test_mixed_images_say_whose_shares_they_have():
    figure = augmented(IMAGES, DIGITS, mixup=1.0)
    written = [re.findall(r"(\d): (\d+) %", title) for title in titles(figure) if "as it is" not in title]
    assert len(written) == 35 and {len(shares) for shares in written} <= {1, 2}
    assert all(abs(sum(int(share) for _, share in shares) - 100) <= 1 for shares in written)


@pytest.mark.parametrize("module", ["minivit", "minivit.program.cli", "minivit.training.loop", "minivit.program.run"])
def test_importing_does_not_import_matplotlib_or_cupy_or_pillow(module):
    code = f"import sys, {module}; print([name for name in ('matplotlib', 'cupy', 'PIL', 'torch') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
