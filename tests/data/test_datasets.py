"""The embedded digits are the real ones, split as make_digits says; and a data set that makes no sense is refused."""

import hashlib
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minivit.data import load, make_digits
from minivit.data.datasets import stratified_test_mask

from ..support.tiny import few_digits


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def test_there_are_1437_digits_to_learn_from_and_360_to_be_tested_on(digits):
    assert digits.train_images.shape == (1437, 8, 8, 1) and digits.train_labels.shape == (1437,)
    assert digits.test_images.shape == (360, 8, 8, 1) and digits.test_labels.shape == (360,)


def test_images_are_float32_and_labels_are_int64(digits):
    assert digits.train_images.dtype == digits.test_images.dtype == np.float32
    assert digits.train_labels.dtype == digits.test_labels.dtype == np.int64


def test_grey_values_run_from_0_to_1_in_steps_of_a_sixteenth(digits):
    values = np.unique(np.concatenate([digits.train_images.ravel(), digits.test_images.ravel()]))
    assert np.array_equal(values, np.arange(17) / 16)


def test_the_classes_are_the_ten_digits_in_order(digits):
    assert digits.classes == tuple("0123456789")


def test_each_class_has_its_share_of_the_test_images_to_within_one(digits):
    everything = np.bincount(np.concatenate([digits.train_labels, digits.test_labels]))
    assert np.all(np.abs(np.bincount(digits.test_labels) - everything * 360 / 1797) < 1)


def test_no_image_is_in_both_parts(digits):
    train = {image.tobytes() for image in digits.train_images}
    test = {image.tobytes() for image in digits.test_images}
    assert len(train) == 1437 and len(test) == 360 and not train & test


def test_mean_and_standard_deviation_are_those_of_the_training_pixels(digits):
    pixels = digits.train_images.astype(np.float64)
    assert digits.mean == pytest.approx([pixels.mean()], rel=1e-5)
    assert digits.std == pytest.approx([pixels.std()], rel=1e-5)


def test_normalised_training_images_have_mean_0_and_standard_deviation_1(digits):
    images = digits.normalise(digits.train_images)
    assert abs(images.mean()) < 1e-5 and abs(images.std() - 1) < 1e-5


def test_normalising_keeps_float32(digits):
    assert digits.normalise(digits.test_images).dtype == np.float32


def test_normalising_takes_each_channel_by_its_own_figures():
    grey = few_digits()
    colour = replace(
        grey,
        train_images=grey.train_images.repeat(2, -1),
        test_images=grey.test_images.repeat(2, -1),
        mean=(0.0, 1.0),
        std=(1.0, 2.0),
    )
    images = colour.normalise(colour.test_images)
    assert np.array_equal(images[..., 0], grey.test_images[..., 0])
    assert np.array_equal(images[..., 1], (grey.test_images[..., 0] - 1) / 2)


def test_the_stored_pixels_and_labels_have_not_changed():
    with np.load(Path(make_digits.__file__).with_name("digits.npz"), allow_pickle=False) as file:
        digest = hashlib.sha256(b"".join(file[name].tobytes() for name in sorted(file.files))).hexdigest()
    assert digest == "b4ed4d1c7781124e785bf82f2f228fd8c174131e592aefe7228430535043d425"


def test_the_stored_split_is_the_one_that_make_digits_draws_from_its_source(tmp_path, monkeypatch):
    sklearn = importlib.util.find_spec("sklearn")
    if sklearn is None:
        pytest.skip("the source, sklearn/datasets/data/digits.csv.gz, is in scikit-learn, which is not installed here")
    stored = Path(make_digits.__file__).with_name("digits.npz")
    monkeypatch.setattr(make_digits, "__file__", str(tmp_path / "make_digits.py"))
    make_digits.main(Path(sklearn.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz")
    with np.load(stored) as old, np.load(tmp_path / "digits.npz") as new:
        assert sorted(old.files) == sorted(new.files) and all(np.array_equal(old[name], new[name]) for name in old.files)


def test_a_stratified_mask_gives_each_class_its_share_and_rounds_the_largest_remainders_up():
    labels = np.repeat([0, 1, 2], [5, 3, 2])  # of 4 test images their shares are 2.0, 1.2 and 0.8
    mask = stratified_test_mask(labels, 4, np.random.default_rng(0))
    assert np.bincount(labels[mask]).tolist() == [2, 1, 1]


def test_a_stratified_mask_draws_the_same_images_for_the_same_seed_and_others_for_another():
    labels = np.repeat(np.arange(10), 20)
    masks = [stratified_test_mask(labels, 40, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert np.array_equal(masks[0], masks[1]) and not np.array_equal(masks[0], masks[2])


def test_another_file_than_the_digits_is_refused_as_a_source(tmp_path):
    (tmp_path / "digits.csv.gz").write_bytes(b"something else")
    with pytest.raises(SystemExit, match="sha256"):
        make_digits.main(tmp_path / "digits.csv.gz")


def test_an_unknown_data_set_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(ValueError, match=r"no data set 'cats'.*digits"):
        load("cats")


def test_a_name_that_is_no_text_is_refused_like_an_unknown_one():
    with pytest.raises(ValueError, match="no data set"):
        load(["digits"])


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_empty_part_is_refused_by_name(part):
    digits = few_digits()
    empty = {f"{part}_images": digits.train_images[:0], f"{part}_labels": digits.train_labels[:0]}
    with pytest.raises(ValueError, match=f"'digits'.* {part} part is empty"):
        replace(digits, **empty)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_that_is_no_class_is_refused_with_its_place_and_value(part, label):
    digits = few_digits()
    labels = getattr(digits, f"{part}_labels").copy()
    labels[3] = label
    with pytest.raises(ValueError, match=rf"{part} part: labels\[3\] is {label}, but with 10 classes a label is 0 to 9"):
        replace(digits, **{f"{part}_labels": labels})


def test_images_without_a_channel_axis_are_refused_with_their_shape():
    digits = few_digits()
    with pytest.raises(ValueError, match=r"\(N, height, width, channels\); got \(40, 8, 8\)"):
        replace(digits, train_images=digits.train_images[..., 0])


def test_one_label_too_few_is_refused():
    digits = few_digits()
    with pytest.raises(ValueError, match="train part: labels must be 40 whole numbers"):
        replace(digits, train_labels=digits.train_labels[1:])


def test_labels_that_are_not_whole_numbers_are_refused():
    digits = few_digits()
    with pytest.raises(ValueError, match="float64"):
        replace(digits, test_labels=digits.test_labels.astype(np.float64))


def test_a_data_set_prints_its_sizes_and_not_its_pixels():
    assert repr(load("digits")) == "Dataset 'digits': 1,437 training and 360 test images, 8 x 8 x 1, 10 classes"
