"""Batches: every image once, in the order that a Generator draws."""

import numpy as np
import pytest

from minivit.data import batches

IMAGES = np.arange(10.0)[:, None, None, None] * np.ones((1, 2, 2, 1))  # image i is filled with i
LABELS = np.arange(10) + 100


def labels_of(*arguments):
    return [labels.tolist() for _, labels in batches(IMAGES, LABELS, *arguments)]


def in_one_row(batches_of_labels):
    return [label for batch in batches_of_labels for label in batch]


def test_every_image_comes_exactly_once():
    drawn = in_one_row(labels_of(3, np.random.default_rng(0)))
    assert sorted(drawn) == LABELS.tolist()


def test_every_image_keeps_its_label():
    for images, labels in batches(IMAGES, LABELS, 3, np.random.default_rng(0)):
        assert np.array_equal(images[:, 0, 0, 0] + 100, labels)


def test_the_last_batch_takes_what_is_left():
    assert [len(batch) for batch in labels_of(4, np.random.default_rng(0))] == [4, 4, 2]


def test_a_batch_larger_than_the_data_set_is_the_whole_data_set():
    assert [len(batch) for batch in labels_of(64)] == [10]


def test_without_a_generator_the_order_is_kept():
    assert in_one_row(labels_of(4)) == LABELS.tolist()


def test_the_order_is_the_permutation_that_the_generator_draws():
    expected = LABELS[np.random.default_rng(7).permutation(10)].tolist()
    assert in_one_row(labels_of(4, np.random.default_rng(7))) == expected


def test_the_next_pass_with_the_same_generator_has_another_order():
    rng = np.random.default_rng(0)
    assert in_one_row(labels_of(4, rng)) != in_one_row(labels_of(4, rng))


def test_images_keep_their_shape_and_dtype():
    images, _ = next(batches(IMAGES.astype(np.float32), LABELS, 3, np.random.default_rng(0)))
    assert images.shape == (3, 2, 2, 1) and images.dtype == np.float32


def test_the_data_set_itself_is_left_as_it_was():
    images, labels = IMAGES.copy(), LABELS.copy()
    list(batches(images, labels, 3, np.random.default_rng(0)))
    assert np.array_equal(images, IMAGES) and np.array_equal(labels, LABELS)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_size_below_one_is_refused(size):
    with pytest.raises(ValueError, match=f"batch_size is {size}; it must be at least 1"):
        next(batches(IMAGES, LABELS, size))


@pytest.mark.parametrize("size", [2.0, np.float64(2), "2", None, True])
def test_a_batch_size_that_is_no_whole_number_is_refused_at_once(size):
    with pytest.raises(ValueError, match=r"batch_size is .* must be a whole number"):
        batches(IMAGES, LABELS, size)


def test_numpy_s_whole_numbers_are_batch_sizes():
    assert [len(labels) for _, labels in batches(IMAGES, LABELS, np.int64(len(LABELS)))] == [len(LABELS)]


def test_a_seed_is_no_generator():
    with pytest.raises(ValueError, match=r"rng is 0; it must be a numpy Generator"):
        batches(IMAGES, LABELS, 2, rng=0)


def test_images_without_labels_are_refused():
    with pytest.raises(ValueError, match="each image has one"):
        batches(IMAGES, LABELS[:-1], 2)
