"""Small experiments: what is equal in them, when test images are read, and that what lesson 24 tells is what was kept."""

import json
import re

import numpy as np
import pytest

from lessons import experiments
from lessons.classroom import course
from lessons.classroom.checker import diagnose
from lessons.experiments import Run, kept, model_and_recipe, page, sentence, split, train
from minivit.data import load

LESSON = course.find("24")
TINY = {"data": "digits", "patch_size": 4, "dim": 8, "depth": 1, "heads": 2, "mlp_dim": 8, "batch_size": 128, "lr": 4e-3}


@pytest.fixture(scope="module")
def names():
    return diagnose.solution_names(LESSON)


def test_validation_images_are_training_images_that_nobody_is_trained_on():
    whole, parts = load("digits"), split("digits")
    both = np.concatenate([parts.train_images, parts.test_images])
    assert len(parts.test_images) == 431 and len(both) == len(whole.train_images)
    assert {image.tobytes() for image in both} == {image.tobytes() for image in whole.train_images}
    np.testing.assert_allclose(parts.normalise(parts.train_images).mean(), 0, atol=1e-4)


def test_a_run_is_the_same_again_with_its_seed_and_another_with_another():
    first, again, other = (train(TINY, seed, {"epochs": 1}) for seed in (3, 3, 4))
    weights, same, others = (run.model.state_dict()["head.weight"] for run in (first, again, other))
    assert np.array_equal(weights, same) and not np.array_equal(weights, others)
    assert (first.validation, first.epochs, first.seed) == (again.validation, 1, 3)


def test_test_images_are_read_by_the_model_of_each_run():
    runs, data = [train(TINY, seed, {"epochs": 1}) for seed in (0, 1)], load("digits")
    images = (data.test_images - np.float32(split("digits").mean)) / np.float32(split("digits").std)
    answers = [run.model(images).data.argmax(axis=-1) for run in runs]
    wanted = [round(100 * float((answer == data.test_labels).mean()), 2) for answer in answers]
    assert experiments.test(runs) == pytest.approx(wanted, abs=0.3)  # one image, where two logits are as good as equal


def test_seconds_become_epochs_one_number_for_all_seeds(monkeypatch):
    monkeypatch.setattr(experiments, "_seconds_of_an_epoch", lambda text: 0.25 if json.loads(text)["depth"] == 1 else 0.5)
    assert train(TINY, 0, {"seconds": 0.5}).epochs == 2
    assert train(TINY | {"depth": 2}, 0, {"seconds": 0.5}).epochs == 1


@pytest.mark.parametrize("settings, words", [({"heds": 2}, "no setting 'heds'"), ({"heads": 3}, "3 heads"), ({"lr": -1}, "lr")])
def test_settings_that_make_no_model_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        model_and_recipe(TINY | settings)


def test_a_budget_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="a budget is"):
        train(TINY, 0, {"steps": 3})


def test_the_sentence_says_whether_the_difference_is_larger_than_the_noise():
    row = {"name": "B", "difference": -0.4, "margin": 1.25, "verdict": "cannot tell"}
    unsure = sentence(row, "A", 5)
    assert '"B" reads 0.4 points fewer than "A"' in unsure and "from −1.6 to +0.8" in unsure and "5 seeds cannot tell" in unsure
    sure = sentence(row | {"difference": 3.0, "verdict": "better"}, "A", 5)
    assert '3.0 points more than "A"' in sure and "that is better, and larger than the noise" in sure


def test_an_experiment_ends_in_a_page_of_its_own_results(names, tmp_path, monkeypatch):
    def quick(settings, seed, budget):
        return Run(seed, 80.0 + seed + 5 * settings["depth"], budget["epochs"], 1.0, 99, "digits")

    monkeypatch.setitem(names, "train", quick)
    monkeypatch.setitem(names, "test", lambda runs: [70.0 + run.seed for run in runs])
    plan = {"question": "Is <deeper> better?", "expected": "It is.", "base": TINY, "budget": {"epochs": 2}, "seeds": [0, 1, 2]}
    plan |= {"variants": {"one": {}, "two": {"depth": 2}}}
    for times in (1, 2):
        text = names["experiment"]("mine", plan, tmp_path).read_text(encoding="utf-8")
        assert (
            "Is &lt;deeper&gt; better?" in text
            and "&quot;two&quot; reads 5.0 points more than &quot;one&quot;" in text
            and "It is." in text
        )
        assert (
            "&quot;two&quot; has the best mean" in text
            and "two: depth = 2" in text
            and "71.0 ± 0.6 %" in text
            and text.count("data:image/png") == 1
        )
        assert ("first time" in text) == (times == 1) and ("holds 2 experiments" in text) == (times == 2)
    first, second = experiments.records(tmp_path / "24_results.json")
    assert first == second and first["scores"] == {"one": [85.0, 86.0, 87.0], "two": [90.0, 91.0, 92.0]}


@pytest.mark.parametrize("name", ["positions", "pooling", "patches"])
def test_the_kept_results_are_those_of_the_lesson_s_plans(names, name):
    record = kept(name)
    assert record["plan"] == names["IDEAS"][name] and page(record, names["summary"](record)).count("<td>better") >= 0
    assert all(len(scores) == len(record["plan"]["seeds"]) for scores in record["scores"].values())


@pytest.mark.parametrize("name", ["positions", "patches"])
def test_the_tables_of_the_lesson_are_made_of_the_kept_results(names, name):
    for row in names["summary"](kept(name)):
        cells = f"{row['mean']:.1f} ± {row['error']:.1f}", f"{row['difference']:+.1f} ± {row['margin']:.1f}".replace("-", "−")
        line = rf"(?m)^#     {re.escape(row['name'])} +{re.escape(cells[0])}"
        line += rf" +{re.escape(cells[1])} +{row['verdict']}" if row["verdict"] else " +baseline"
        assert re.search(line, LESSON.source), (row["name"], cells)


def test_the_table_of_the_verdict_is_student_s(names):
    for count, factor in names["T95"].items():
        freedom = count - 1  # the density of t, up to a factor, over u with t = tan(u): all of t from 0 on is u below π / 2
        u = np.linspace(0, np.pi / 2, 200_001)[:-1]
        density = (1 + np.tan(u) ** 2 / freedom) ** (-(freedom + 1) / 2) / np.cos(u) ** 2
        inside = density[u <= np.arctan(factor)].sum() / density.sum()
        assert inside == pytest.approx(0.95, abs=8e-4), count
