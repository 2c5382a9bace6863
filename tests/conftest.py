"""Fixtures that all tests share."""

import os
import signal

import numpy as np
import pytest

from .support.plain import DEVICES

# The background job of a shell ignores it, and so would every program that a test interrupts
signal.signal(signal.SIGINT, signal.default_int_handler)

if os.environ.get("MINIVIT_EXACT_MEMORY") and "gpu" in DEVICES:
    import cupy

    cupy.cuda.set_allocator(None)  # memory of its own for each array: an address sanitizer then sees reads past its end


# Some seconds each on two cores, or many of one kind: README's test command leaves them to .ci/run
SLOW = (
    *(
        f"test_every_figure_is_drawn_and_saved_as_a_png[{kind}"
        for kind in ("augmented", "confusion", "predictions", "looked", "attention")
    ),
    "test_figures.py::test_flipped_images",
    "test_parts.py::test_steps_of_training_lower_the_loss",
    "test_unlisted.py::test_a_wrong_answer_is_rejected",
    "test_unlisted.py::test_the_same_without_its_mistake_is_accepted[20",
    "test_unlisted.py::test_the_same_without_its_mistake_is_accepted[22-compare",
    "test_verify.py::test_what_is_wrong_is_found_and_said[",
    "test_explain.py::test_figures_of_another_model_do_not_stay",
    "test_explain.py::test_what_cannot_be_drawn_of_a_model_of_other_parts_is_said[",
    "test_screen.py::test_greek_of_the_learner",
    "test_cli_folder.py::test_what_is_to_be_tried_next",
    "test_cli_folder.py::test_a_run_is_never_renamed",
    "test_cli_data.py::test_a_model_is_trained_on_data",
    "test_finetune.py::test_it_is_evaluated_as_it_was_tested",
    "test_finetune.py::test_ctrl_c",
    "test_run.py::test_a_model_without_class_token",
    "test_notebook.py::test_what_people_add",
    "test_watch.py::test_a_file",
    "test_watch.py::test_when_a_lesson_is_right",
    "test_calibration.py::test_the_temperature_that_was_used_is_found_again",
    "test_benchmarks.py::test_whole_steps_run_quickly[small",
    "test_benchmarks.py::test_every_processor_keeps",
    "test_attention_blocks.py::test_with_another_number_of_keys_too",
    "test_grade.py",
    "test_former.py::test_what_a_file_of_the_last_release_imports_is_still_there",
    "test_heldout.py",
    "test_scaling.py::test_processes_here_are_measured_beside_the_model",
    "test_gradcheck.py::test_a_right_op_is_never_flagged_over_fifty_seeds",
    "test_unlisted.py::test_the_same_without_its_mistake_is_accepted[14-vit]",
    "test_unlisted.py::test_the_same_without_its_mistake_is_accepted[16-train_vit]",
    "lessons/site/test_training.py::test_it_tells_every_step_and_after_each_epoch_how_many_test_digits_are_right",
    "test_accidents.py::test_a_loop_without_end_is_stopped_and_told_with_the_line_it_was_at[outside",
    "test_accidents.py::test_a_loop_without_end_is_stopped_and_told_with_the_line_it_was_at[with everything caught",
    "test_accidents.py::test_an_error_in_the_function_is_told_with_its_line",
    "test_accidents.py::test_a_file_that_does_not_run_is_told_with_its_line",
    "test_accidents.py::test_a_file_that_is_no_utf_8",
    "test_accidents.py::test_a_result_of_the_wrong_kind_is_named",
    "test_surroundings.py::test_a_long_import_costs_none",
    "test_engine.py::test_fifty_thousand_ops_are_discarded",
    "test_folder.py::test_thousands_of_files_take_moments",
    "test_folder.py::test_two_processes_fill_the_cache",
    "test_folder.py::test_ctrl_c_while_decoding",
    "test_readers.py::test_npz_whose_header_claims_another_size",
    "test_damage.py::test_compressed_idx",
    "test_kinds.py",
    "test_run.py::test_a_model_of_other_parts_leaves_the_same_files",
    "test_train.py::test_a_function_that_is_half_right",
    "test_export.py::test_of_somebody_who_has_passed_nothing",
    "test_outside.py::test_a_training_that_nobody_reads_leaves_its_results[|",
    "test_outside.py::test_a_figure_that_fails_costs_itself_and_nothing_else[OSError",
    "test_watch.py::test_enter_does_nothing",
    "test_watch.py::test_an_editor_that_renames_over_the_file_is_seen",
    "test_watch.py::test_ctrl_c",
    "test_resume.py::test_killed_at_random_moments",
    "test_benchmarks.py::test_a_drawing_is_the_same",
    "test_benchmarks.py::test_the_kept_vit_reads_digits",
    "test_detections.py::test_one_training_is_repeatable",
    "test_detection.py::test_it_learns_a_scene_by_heart",
    "test_checkpoint.py::test_a_damaged_byte_is_found",
    "program/test_pretrained.py::test_explain_draws_what_fits",
    "test_preparation.py::test_every_picture_is_what_the_library_makes_of_it_bit_for_bit[timm, ",
    "test_preparation.py::test_every_picture_is_what_the_library_makes_of_it_bit_for_bit[torchvision",
    "test_preparation.py::test_every_picture_is_what_the_library_makes_of_it_bit_for_bit[Hugging Face]",
    "test_torch_file.py::test_everything_that_torch_saves",
    "test_safetensors.py::test_what_its_own_package",
    "test_hostile.py::test_all_of_a_kind",
    "test_damage.py::test_images",
    "test_damage.py::test_npz",
    "test_damage.py::test_cifar_archives",
    "test_train.py::test_with_all_lessons_done",
    "test_train.py::test_without_mine_it_is_the_library_s",
    "test_train.py::test_lists_that_the_check_takes",
    "test_detection_run.py",
    "test_finetune.py::test_killed_and_resumed_it_ends_in_the_same_weights[features",
    "test_finetune.py::test_what_the_report_says_trains_it_again",
    "test_outside.py::test_a_training_that_nobody_reads_leaves_its_results[>",
    "test_outside.py::test_a_training_that_nobody_reads_leaves_its_results[2>",
    "test_outside.py::test_a_figure_that_fails_costs_itself_and_nothing_else[MemoryError",
    "test_outside.py::test_a_figure_that_fails_costs_itself_and_nothing_else[ValueError",
    "test_outside.py::test_a_figure_of_an_earlier_state",
    "test_outside.py::test_figures_need_no_backend",
    "test_outside.py::test_classes_of_any_name_are_trained_and_tested_in_any_locale[C]",
    "test_outside.py::test_pictures_and_folders_of_any_name",
    "test_outside.py::test_classes_of_any_name_are_trained_and_tested_in_any_locale[io]",
    "test_outside.py::test_classes_of_any_name_are_trained_and_tested_in_any_locale[ascii]",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[cls_and_patches",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[class blocks",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[progressive",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[patches",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[mean",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[no positions",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[sin-cos",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[t2t",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[sequence",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[registers",
    "test_explain.py::test_every_figure_that_fits_the_model_is_drawn[distilled",
    "test_figures.py::test_nothing_that_is_written_sticks_out_of_the_figure[augmented, ",
    "test_figures.py::test_nothing_that_is_written_sticks_out_of_the_figure[predictions, ",
    "test_figures.py::test_long_names_do_not_run",
    "test_figures.py::test_nothing_that_is_written_sticks_out_of_the_figure[augmented]",
    "test_outside.py::test_what_cannot_be_printed_is_told_once[data digits]",
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
