"""Canvases: what lies on them, and where their boxes are; scenes whose labels cannot be."""

from dataclasses import replace

import numpy as np
import pytest

from minivit.data import load
from minivit.data.canvases import canvas, resized
from minivit.data.canvases import canvases as canvases_of
from minivit.data.scenes import Scenes


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def canvases():
    return load("canvases")


def made(digits, seed=0, size=32):
    return canvas(digits.train_images[:20], digits.train_labels[:20], np.random.default_rng(seed), size)


def test_the_same_seed_makes_the_same_canvases_and_another_one_others(digits):
    (images, labels), (again, same), (other, _) = made(digits), made(digits), made(digits, seed=1)
    assert images.tobytes() == again.tobytes() and labels.tobytes() == same.tobytes() and images.tobytes() != other.tobytes()
    assert images.shape == (20, 32, 32, 1) and images.dtype == labels.dtype == np.float32 and labels.shape == (20, 3, 5)


def test_canvas_i_shows_thing_i_and_up_to_two_others(digits):
    _, labels = made(digits)
    assert labels[:, 0, 0].tolist() == digits.train_labels[:20].tolist()
    assert set((labels[..., 0] >= 0).sum(axis=1).tolist()) == {1, 2, 3}
    assert (labels[labels[..., 0] < 0] == [-1, 0, 0, 0, 0]).all()


def test_a_box_touches_what_is_bright_on_all_sides(digits):
    images, labels = made(digits)
    for image, rows in zip(images, labels, strict=True):
        for _, cx, cy, w, h in 32 * rows[rows[:, 0] >= 0]:
            left, top, right, bottom = (round(float(x)) for x in (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2))
            bright = image[top:bottom, left:right, 0] > 0.2 * image[top:bottom, left:right].max()
            assert bright[0].any() and bright[-1].any() and bright[:, 0].any() and bright[:, -1].any()
            assert 2 <= right - left <= 14 and 2 <= bottom - top <= 14


def test_no_two_boxes_overlap(digits):
    for rows in made(digits)[1]:
        covered = np.zeros((32, 32), int)
        for _, cx, cy, w, h in 32 * rows[rows[:, 0] >= 0]:
            covered[round(float(cy - h / 2)) : round(float(cy + h / 2)), round(float(cx - w / 2)) : round(float(cx + w / 2))] += 1
        assert covered.max() == 1


def test_test_canvases_are_always_the_same(canvases):
    assert load("canvases").test_images.tobytes() == canvases.test_images.tobytes() and len(canvases.test_images) == 1000


def test_training_things_and_test_things_stay_apart(digits, rng):
    """The one are grey here, the others white."""
    grey, white = np.full_like(digits.train_images, 0.5), np.ones_like(digits.test_images)
    data = canvases_of(replace(digits, train_images=grey, test_images=white), "canvases", 32)
    images, _ = data.scenes(data.train_images[:50], data.train_labels[:50], rng)
    np.testing.assert_allclose(images.max(axis=(1, 2, 3)), 0.5, rtol=1e-6)
    np.testing.assert_allclose(data.test_images.max(axis=(1, 2, 3)), 1, rtol=1e-6)


def test_canvases_may_be_larger_and_not_too_small():
    assert load("canvases", image_size=40).test_images.shape == (1000, 40, 40, 1)
    with pytest.raises(ValueError, match="canvases of 12 x 12 are too small for objects of 14 pixels"):
        load("canvases", image_size=12)
    with pytest.raises(ValueError, match="canvases are square; got image_size 32 x 40"):
        load("canvases", image_size=(32, 40))


def test_resizing_keeps_an_even_grey_even_and_its_own_size_as_it_is(rng):
    grey = np.full((2, 8, 8, 1), 0.3, np.float32)
    for height in (5, 8, 13):
        np.testing.assert_allclose(resized(grey, height), 0.3, rtol=1e-6)
    things = rng.random((2, 8, 8, 1), dtype=np.float32)
    np.testing.assert_allclose(resized(things, 8), things, rtol=1e-6)


WRONG = [
    ([2, 0.5, 0.5, 0.2, 0.2], "it must be a class from 0 to 1"),
    ([0.5, 0.5, 0.5, 0.2, 0.2], "it must be a class from 0 to 1"),
    ([0, 0.5, 0.5, 0.0, 0.2], "wider and higher than 0"),
    ([0, 0.95, 0.5, 0.2, 0.2], "within the image"),
    ([0, np.nan, 0.5, 0.2, 0.2], "within the image"),
]


@pytest.mark.parametrize("row, sentence", WRONG)
def test_an_object_that_cannot_be_is_named(row, sentence):
    images, labels = np.zeros((3, 4, 6, 1), np.float32), np.zeros((3, 2, 5), np.float32)
    labels[..., 0] = -1
    labels[1, 1] = row
    with pytest.raises(ValueError, match=f"data set 'mine', training part: object 1 of image 1 is .*{sentence}"):
        Scenes("mine", ("a", "b"), images, labels, images, np.where(np.isnan(labels), -1, 0 * labels - 1), (0.5,), (0.3,))


def test_labels_of_another_form_are_refused():
    images = np.zeros((3, 4, 6, 1), np.float32)
    with pytest.raises(ValueError, match=r"labels \(images, most objects, 5\); got \(3, 4, 6, 1\) and \(3, 2, 4\)"):
        Scenes("mine", ("a", "b"), images, np.zeros((3, 2, 5)), images, np.zeros((3, 2, 4)), (0.5,), (0.3,))
