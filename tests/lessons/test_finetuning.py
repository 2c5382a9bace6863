"""The miniature of fine-tuning: the same few images for every way, classes that the model has not seen, and what is kept."""

import numpy as np
import pytest

from lessons.miniatures import finetuning, runs, studies
from minivit.data import load

STUDY = studies.BETTER["finetune"]


@pytest.fixture(scope="module")
def new():
    return finetuning.of_classes(load("fashion-mini"), finetuning.NEW)


def test_the_halves_share_no_class_and_together_are_all():
    assert sorted((*finetuning.BEFORE, *finetuning.NEW)) == list(range(10))


def test_a_half_has_its_classes_alone_numbered_from_0(new):
    assert new.classes == ("dress", "coat", "shirt", "bag", "ankle boot")
    assert np.bincount(new.train_labels).tolist() == [400] * 5 and np.bincount(new.test_labels).tolist() == [100] * 5
    whole = load("fashion-mini")
    bags = new.train_images[new.train_labels == 3]
    assert np.array_equal(bags, whole.train_images[whole.train_labels == 8])


def test_a_larger_count_has_the_images_of_a_smaller_and_another_seed_has_others(new):
    ten, many, others = (finetuning.few(new, *which) for which in ((10, 0), (25, 0), (10, 1)))
    assert np.bincount(ten.train_labels).tolist() == [10] * 5 and np.bincount(many.train_labels).tolist() == [25] * 5
    known = {image.tobytes() for image in many.train_images}
    assert {image.tobytes() for image in ten.train_images} <= known
    assert not {image.tobytes() for image in others.train_images} <= known


@pytest.mark.parametrize("way", finetuning.WAYS)
def test_every_way_learns_the_new_classes_and_leaves_what_it_began_from(way):
    before = finetuning.untrained(finetuning.of_classes(load("fashion-mini"), finetuning.BEFORE), 7)
    state = before.state_dict()
    model, dataset = finetuning.learned(way, 10, 3, before=lambda seed: before, steps=1)
    assert model.config.classes == len(dataset.classes) == 5 and model.head.weight.data.any()
    assert all(np.array_equal(array, state[name]) for name, array in before.state_dict().items())
    assert np.array_equal(model.patch_embed.weight.data, state["patch_embed.weight"]) == (way == "head alone")


def test_all_of_it_was_run():
    results = runs.Results("finetune")
    assert STUDY.seeds == 5 and not [job for job in STUDY.jobs() if results.find(*job) is None]
    assert results.path.with_suffix(".png").stat().st_size > 5000


def test_the_table_has_the_differences_with_the_same_seed(tmp_path):
    results = runs.Results("finetune", tmp_path)
    for way, accuracies in {"all of it": (80.0, 83.0), "from scratch": (79.0, 80.0, 10.0)}.items():
        results.runs += [{"group": way, "x": 10, "seed": seed, "accuracy": a} for seed, a in enumerate(accuracies)]
    lines = STUDY.table(results).splitlines()
    assert lines[-2:] == ["head alone, less from scratch: not run", "all of it, less from scratch: +2.0 ± 1.0 with 10"]
