"""The data sets by their names, and the embedded part of Fashion-MNIST."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from minivit.data import load, make_fashion_mini
from minivit.data.fetch import copies
from minivit.data.fetch.sources import CIFAR100, SOURCES

EMBEDDED = ("digits", "fashion-mini", "canvases", "canvases-clothes")


@pytest.fixture(scope="module")
def clothes():
    return load("fashion-mini")


def test_fashion_mini_has_400_and_100_images_of_each_of_ten_classes(clothes):
    assert clothes.train_images.shape == (4000, 28, 28, 1) and clothes.test_images.shape == (1000, 28, 28, 1)
    assert np.bincount(clothes.train_labels).tolist() == [400] * 10 and np.bincount(clothes.test_labels).tolist() == [100] * 10
    assert clothes.train_images.dtype == np.float32 and clothes.train_labels.dtype == np.int64
    assert clothes.train_images.min() == 0 and clothes.train_images.max() == 1
    assert clothes.classes[0] == "T-shirt/top" and clothes.classes[9] == "ankle boot"


def test_grey_images_have_equal_channels_for_a_model_that_reads_colours(clothes):
    coloured = load("fashion-mini", channels=3)
    assert coloured.test_images.shape == (1000, 28, 28, 3) and coloured.train_images.strides[3] == 0  # no copy
    np.testing.assert_array_equal(coloured.test_images, clothes.test_images.repeat(3, axis=3))
    assert coloured.mean == clothes.mean * 3 and coloured.std == clothes.std * 3
    assert load("fashion-mini", channels=1).train_images.shape == (4000, 28, 28, 1)


def test_no_image_of_fashion_mini_comes_twice(clothes):
    images = [*clothes.train_images, *clothes.test_images]
    assert len({image.tobytes() for image in images}) == 5000


def test_normalised_clothes_have_mean_0_and_standard_deviation_1(clothes):
    images = clothes.normalise(clothes.train_images).astype(np.float64)
    assert abs(images.mean()) < 1e-5 and abs(images.std() - 1) < 1e-5


def test_the_stored_clothes_have_not_changed_and_are_small():
    path = Path(make_fashion_mini.__file__).with_name("fashion-mini.npz")
    with np.load(path, allow_pickle=False) as file:
        digest = hashlib.sha256(b"".join(file[name].tobytes() for name in sorted(file.files))).hexdigest()
    assert digest == "73466d62c958c3b937eddb19aa223a5bd21dc6e32ee052d02e9a99663ef9422a"
    assert path.stat().st_size < 2.5e6
    licence = path.with_name("LICENSE-fashion-mini.txt").read_text(encoding="utf-8")
    assert "2017 Zalando SE" in licence and "Permission is hereby granted" in licence


def copy_of(name):
    """The folder of a whole copy on this machine, of the system's or in the cache; else the test is skipped."""
    paths = copies.find(name, os.environ.get("MINIVIT_TEST_DATA"))
    if None in paths.values():
        pytest.skip(f"there is no copy of {name} on this machine")
    return next(iter(paths.values())).parent


def test_the_stored_clothes_are_those_that_make_fashion_mini_draws(tmp_path, monkeypatch):
    folder = copy_of("fashion-mnist")
    stored = Path(make_fashion_mini.__file__).with_name("fashion-mini.npz")
    monkeypatch.setattr(make_fashion_mini, "__file__", str(tmp_path / "make_fashion_mini.py"))
    make_fashion_mini.main(folder)
    with np.load(stored) as old, np.load(tmp_path / "fashion-mini.npz") as new:
        assert sorted(old.files) == sorted(new.files) and all(np.array_equal(old[name], new[name]) for name in old.files)


@pytest.mark.parametrize("name, mean, std", [("mnist", 0.1307, 0.3081), ("fashion-mnist", 0.2860, 0.3530)])
def test_a_whole_copy_has_the_published_size_and_moments(name, mean, std):
    data = load(name, copy_of(name))
    assert data.train_images.shape == (60_000, 28, 28, 1) and data.test_images.shape == (10_000, 28, 28, 1)
    assert (round(data.mean[0], 4), round(data.std[0], 4)) == (mean, std)
    if name == "mnist":
        assert np.bincount(data.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_drawing_takes_so_many_of_each_class_and_the_same_for_the_same_seed():
    labels = np.random.default_rng(0).integers(0, 10, 500)
    first, again, other = (make_fashion_mini.draw(labels, 5, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.bincount(labels[first]).tolist() == [5] * 10 and np.all(np.diff(first) > 0)
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_every_source_is_complete():
    for name, source in SOURCES.items():
        assert len(source.classes) == (100 if name == "cifar100" else 10) == len(set(source.classes))
        assert bool(source.files) == bool(source.addresses) == (name not in EMBEDDED)
        assert all(address.startswith("https://") and address.endswith("/") for address in source.addresses)
        assert all(len(bytes.fromhex(file.sha256)) == 32 for file in source.files)
    assert list(CIFAR100) == sorted(CIFAR100)


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_catalogue_tells_the_real_sizes_of_what_comes_with_minivit(name):
    data, source = load(name), SOURCES[name]
    assert (len(data.train_images), len(data.test_images)) == (source.train, source.test)
    assert data.test_images.shape[1:] == source.shape and data.classes == source.classes


@pytest.mark.parametrize("name", ["cats", "", "Digits", "mnist.csv", None, 3])
def test_another_name_is_refused_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"no data set .*digits, fashion-mini, canvases.*folder.*npz"):
        load(name)


def test_images_are_resized_where_another_size_is_asked_for(clothes):
    small = load("fashion-mini", image_size=14)
    means = clothes.train_images.reshape(4000, 14, 2, 14, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(small.train_images, means, atol=1e-6)
    assert small.test_images.shape == (1000, 14, 14, 1) and small.train_images.dtype == np.float32
    assert small.mean[0] == pytest.approx(small.train_images.mean(), abs=1e-6) and small.classes == clothes.classes
    assert load("fashion-mini", image_size=28).std == clothes.std


def test_enlarged_they_are_linear_between_the_middles_of_pixels():
    digits = load("digits")
    large = load("digits", image_size=(16, 8)).test_images
    assert large.shape == (360, 16, 8, 1)
    np.testing.assert_allclose(large[:, 1], 0.75 * digits.test_images[:, 0] + 0.25 * digits.test_images[:, 1], atol=1e-6)


def test_more_pixels_than_memory_should_hold_are_refused():
    with pytest.raises(ValueError, match="the images of digits would take 719 GB at 10000 x 10000: ask for fewer pixels"):
        load("digits", image_size=10_000)
