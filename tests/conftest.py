"""Fixtures that all tests share."""

import os

import numpy as np
import pytest

from .support.plain import DEVICES

if os.environ.get("MINIVIT_EXACT_MEMORY") and "gpu" in DEVICES:
    import cupy

    cupy.cuda.set_allocator(None)  # memory of its own for each array: an address sanitizer then sees reads past its end


# Some seconds each on two cores, or many of one kind: README's test command leaves them to .ci/run
SLOW = (
    "test_unlisted.py::test_a_wrong_answer_is_rejected[19-",
    "test_unlisted.py::test_a_wrong_answer_is_rejected[20-",
    "test_unlisted.py::test_a_wrong_answer_is_rejected[22-",
    "test_unlisted.py::test_a_wrong_answer_is_rejected[23-",
    "test_unlisted.py::test_a_wrong_answer_is_rejected[13-block",
    "test_unlisted.py::test_a_wrong_answer_is_rejected[16-train_vit",
    "test_unlisted.py::test_the_same_without_its_mistake_is_accepted[14-vit]",
    "test_unlisted.py::test_the_same_without_its_mistake_is_accepted[16-train_vit]",
    "test_resume.py::test_killed_at_random_moments",
    "test_benchmarks.py::test_a_drawing_is_the_same",
    "test_benchmarks.py::test_the_kept_vit_reads_digits",
    "test_grade.py::test_it_ends_well_however_much",
    "test_detections.py::test_one_training_is_repeatable",
    "test_detection.py::test_it_learns_a_scene_by_heart",
    "test_checkpoint.py::test_a_damaged_byte_is_found",
    "test_damage.py::test_images",
    "test_damage.py::test_npz",
    "test_damage.py::test_cifar_archives",
    "test_train.py::test_with_all_lessons_done",
    "test_train.py::test_lists_that_the_check_takes",
    "test_detection_run.py",
    "test_outside.py::test_a_training_that_nobody_reads_leaves_its_results[>",
    "test_outside.py::test_a_training_that_nobody_reads_leaves_its_results[2>",
    "test_outside.py::test_a_figure_that_fails_costs_itself_and_nothing_else[MemoryError",
    "test_outside.py::test_a_figure_of_an_earlier_state",
    "test_outside.py::test_figures_need_no_backend[nonsense]",
    "test_outside.py::test_classes_of_any_name_are_trained_and_tested_in_any_locale[C]",
    "test_outside.py::test_pictures_and_folders_of_any_name",
    "test_outside.py::test_classes_of_any_name_are_trained_and_tested_in_any_locale[io]",
    "test_outside.py::test_classes_of_any_name_are_trained_and_tested_in_any_locale[ascii]",
    "test_figures.py::test_every_figure_is_drawn_and_saved_as_a_png[confusion, 250 classes]",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if any(slow in item.nodeid for slow in SLOW):
            item.add_marker("slow")


def pytest_generate_tests(metafunc):
    """A test that takes `device` runs on each that is usable here: "cpu", and "gpu" where CuPy has one."""
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", DEVICES)


@pytest.fixture
def rng():
    return np.random.default_rng(2010_11929)
