"""The miniatures of better ViTs: fair comparisons, what a partial study says, and models on larger images."""

import re

import numpy as np
import pytest

from lessons.classroom import course
from lessons.miniatures import __main__ as miniatures
from lessons.miniatures import charts, difference_charts, resolution, runs, studies, variants
from minivit import ViT, ViTConfig
from minivit.data import load
from minivit.training.presets import load_config, model_config

STUDY = variants.Variants()


def kept(tmp_path, *found):
    """Results that hold these accuracies: {(variant, "data set, budget"): of seed 0, 1, ...}."""
    results = runs.Results("variants", tmp_path)
    for (name, x), accuracies in dict(found).items():
        results.runs += [{"group": name, "x": x, "seed": seed, "accuracy": a} for seed, a in enumerate(accuracies)]
    return results


BASE = ("base", "digits, epochs"), (96.0, 97.0, 95.0)
BETTER = ("t2t", "digits, epochs"), (97.0, 97.5, 97.5)
ALONE = ("peg alone", "digits, epochs"), (80.0, 85.0, 84.0)


# What is kept


@pytest.mark.parametrize("name", ["layer_scale", "resolution"])
def test_the_lesson_shows_the_figure_and_every_number_of_the_table(name):
    source = course.find("22").source
    table = charts.table(studies.BETTER[name], runs.Results(name, runs.FOLDER))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert f"](../miniatures/{name}.png)" in source and len(rows) == 3
    for row in rows:
        assert re.search(r"(?m)^#     " + r" {2,}".join(map(re.escape, row)) + "$", source), row


def test_all_was_run_on_digits_and_on_clothes_with_three_seeds():
    results = runs.Results("variants", runs.FOLDER)
    assert not [job for job in STUDY.jobs() if (job[1].startswith("digits") or job[2] < 3) and results.find(*job) is None]


# What is compared


@pytest.mark.parametrize("data", variants.EPOCHS)
def test_every_variant_is_one_change_of_the_preset_that_builds(data):
    fields, dataset = load_config(data)["model"], load(data)
    configs = {name: model_config(fields | variants.changes(data, name), dataset) for name in STUDY.names(data)}
    assert len({*configs.values()}) == len(configs)
    assert all(config.multiply_adds() > 0 and config.num_parameters() > 0 for config in configs.values())
    assert {c.depth for c in configs.values()} == {fields["depth"]} and {c.dim for c in configs.values()} == {fields["dim"]}


def test_all_have_the_same_seeds_and_no_training_is_planned_twice():
    jobs = STUDY.jobs()
    assert len(jobs) == len(set(jobs))
    for x in ("digits, epochs", "fashion-mini, epochs"):
        data = x.split(",")[0]
        for name in STUDY.names(data):
            assert [seed for n, where, seed in jobs if (n, where) == (name, x)] == list(range(STUDY.seeds(data, name)))
    assert ("base", "digits, time", 0) not in jobs  # which would be the same training once more
    measured = [i for i, job in enumerate(jobs) if job[1] == "digits, step"]
    assert max(measured) < min(i for i, job in enumerate(jobs) if job[1] == "digits, time")


def test_a_variant_gets_as_many_epochs_as_fit_into_the_time_of_the_base(tmp_path, monkeypatch):
    trained, results = [], runs.Results("variants", tmp_path)
    monkeypatch.setattr(variants, "step_cpu_seconds", lambda data, models: [0.010, 0.016])
    monkeypatch.setattr(variants, "train_once", lambda *args, threads: trained.append((args, threads)) or {"accuracy": 9.0})
    STUDY.answer(results, "t2t", "digits, step", 0)
    STUDY.answer(results, "t2t", "digits, time", 3)
    STUDY.answer(results, "t2t", "digits, epochs", 3)
    assert results.find("t2t", "digits, step", 0)["epochs"] == 18  # of 30: 18 x 16 ms < 30 x 10 ms < 19 x 16 ms
    model = {"stem": "t2t"}
    assert trained == [(("digits", 3, 18 * 12, model), 1), (("digits", 3, 30 * 12, model), 1)]


@pytest.mark.parametrize("data", variants.EPOCHS)
def test_the_steps_of_an_epoch_are_those_of_the_preset(data):
    batch_size = load_config(data)["recipe"]["batch_size"]
    assert variants.STEPS[data] == -(-len(load(data).train_labels) // batch_size)


def test_steps_are_timed_by_the_processor_s_clock(monkeypatch):
    model = {"depth": 1, "dim": 8, "heads": 2, "mlp_dim": 8}
    ticks = iter([0.0, 0.5, 1.0, 1.1, 2.0, 2.3, 3.0, 3.4])  # a step of each, twice
    monkeypatch.setattr(runs.time, "process_time", lambda: next(ticks))
    assert runs.step_cpu_seconds("digits", [model, model | {"depth": 2}], rounds=2) == pytest.approx([0.3, 0.1])


# What is shown


def test_a_difference_is_that_of_the_same_seeds(tmp_path):
    mean, error, count = STUDY.difference(kept(tmp_path, BASE, BETTER), "t2t", "digits", "epochs")
    apart = np.array([1.0, 0.5, 2.5])
    assert (mean, error, count) == pytest.approx((apart.mean(), apart.std(ddof=1) / np.sqrt(3), 3))


def test_seeds_that_the_base_lacks_do_not_count(tmp_path):
    more = BETTER[0], (97.0, 97.5, 97.5, 50.0)
    assert STUDY.difference(kept(tmp_path, BASE, more), "t2t", "digits", "epochs")[2] == 3


def test_one_seed_is_no_difference(tmp_path):
    assert STUDY.difference(kept(tmp_path, BASE, (BETTER[0], (97.0,))), "t2t", "digits", "epochs") is None


def test_the_table_shows_what_was_run_and_says_what_was_not(tmp_path):
    table = STUDY.table(kept(tmp_path, BASE, BETTER))
    assert "| base | 1 | 96.0 % | 96.0 % | not run | not run |" in table
    assert "| t2t | ? / ? | +1.3 ± 0.6 (3 seeds) | not run | not run | not run |" in table
    missing = next(line for line in table.splitlines() if line.startswith("digits, epochs"))
    assert missing.startswith("digits, epochs: 119 of 125 were not run: of seed 0, 1, 2 overlap, conv, ")
    assert missing.endswith("; of seed 3, 4 all.") and "fashion-mini, time: 119 of 119 were not run" in table


def test_the_figure_draws_only_what_has_seeds_enough(tmp_path):
    few = ("peg", "digits, epochs"), (97.0, 97.5)
    made = STUDY.figure(kept(tmp_path, BASE, BETTER, few, ALONE))
    rows = [[label.get_text() for label in axes.get_yticklabels()] for axes in made.axes]
    assert rows == [["what a token sees", "t2t"], ["without learned positions", "peg alone"]]


def test_what_lies_far_off_is_written_at_the_edge_and_leaves_the_others_their_room(tmp_path):
    far = ("progressive", "digits, epochs"), (30.0, 33.0, 36.0)
    (axes,) = STUDY.figure(kept(tmp_path, BASE, BETTER, far)).axes
    assert [text.get_text() for text in axes.texts] == ["← −63 ± 2"] and axes.get_xlim()[0] == difference_charts.EDGE
    assert len(axes.containers) == 1  # BETTER


def test_nothing_is_drawn_of_nothing(tmp_path):
    assert STUDY.figure(kept(tmp_path, BASE, (BETTER[0], (97.0, 97.0)))) is None
    assert miniatures.study("variants", tmp_path, limit=0).startswith("| | step") and not list(tmp_path.glob("*.png"))


def test_the_kept_results_are_a_part_of_the_study_and_the_figure_shows_them():
    results, jobs = runs.Results("variants"), set(STUDY.jobs())
    keys = [(run["group"], run["x"], run["seed"]) for run in results.runs]
    assert set(keys) <= jobs and len(set(keys)) == len(keys)
    assert (STUDY.figure(results) is not None) == results.path.with_suffix(".png").exists()


def test_kept_runs_nothing(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(miniatures, "study", lambda name, limit: f"{name}, at most {limit}" if name == "variants" else None)
    assert miniatures.main(["variants", "resolution", "--kept"]) == 0
    shown = capsys.readouterr().out
    assert "variants, at most 0" in shown and "not all of it was run" in shown


# Larger images


def tiny(**changes):
    sizes = dict(image_size=(4, 6), patch_size=2, channels=1, classes=3, dim=8, depth=1, heads=2, mlp_dim=8)
    model = ViT(ViTConfig(**sizes | changes), 1)
    model.head.weight.data = np.random.default_rng(2).standard_normal((8, 3)).astype(np.float32)
    return model


def test_a_picture_is_resized_linearly_between_the_middles_of_its_pixels():
    slope = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1) + np.zeros((1, 3, 1, 1), np.float32)
    larger = resolution.resized(slope, (3, 8))
    np.testing.assert_allclose(larger[0, 1, :, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], atol=1e-6)
    np.testing.assert_array_equal(resolution.resized(slope, (3, 4)), slope)


@pytest.mark.parametrize("changes", resolution.POSITIONS.values(), ids=resolution.POSITIONS)
def test_a_model_at_its_own_size_is_the_same_and_at_another_reads_larger_images(changes):
    model, images = tiny(**changes), np.random.default_rng(3).standard_normal((2, 4, 6, 1)).astype(np.float32)
    same, larger = resolution.at_size(model, (4, 6)), resolution.at_size(model, (8, 10))
    np.testing.assert_array_equal(same(images).data, model(images).data)
    assert larger(resolution.resized(images, (8, 10))).shape == (2, 3) and larger.config.grid == (4, 5)


@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_learned_positions_are_resized_as_a_picture_and_the_class_token_keeps_its_own(pool):
    model = tiny(pool=pool, pos_embed_std=1.0)
    first = int(pool == "cls")
    before, after = model.pos_embed.data, resolution.at_size(model, (8, 12)).pos_embed.data
    np.testing.assert_array_equal(after[:, :first], before[:, :first])
    np.testing.assert_array_equal(after[:, [first, -1]], before[:, [first, -1]])  # the corners
    between = 0.75 * before[0, first] + 0.25 * before[0, first + 1]
    np.testing.assert_allclose(after[0, first + 1], between, atol=1e-6)


def test_a_table_of_relative_positions_has_no_entries_for_a_larger_grid():
    with pytest.raises(ValueError, match="relative_position_bias_table"):
        resolution.at_size(tiny(relative_pos="relative"), (8, 12))


def test_one_training_answers_for_every_size(tmp_path, monkeypatch):
    def small(*args, images, **options):
        return runs.train_network(*args, model={"depth": 1, "dim": 16, "mlp_dim": 16}, images=64, **options)

    monkeypatch.setattr(resolution, "train_network", lambda config, seed, steps, model, **o: small(config, seed, steps, **o))
    found = resolution.at_every_size("RoPE", 0, steps=1)
    assert [*found] == [28, 42, 56] and all(0 <= run["accuracy"] <= 100 for run in found.values())
    calls = []
    study = studies.Sizes("s", "?", "", ("a",), (28, 42, 56), 2, lambda *job: calls.append(job) or found, "x")
    monkeypatch.setitem(miniatures.ALL, "s", study)
    assert miniatures.study("s", tmp_path, limit=1) is None and calls == [("a", 0)]
    assert miniatures.study("s", tmp_path).startswith("|") and calls == [("a", 0), ("a", 1)]
    assert len(runs.Results("s", tmp_path).of("a", 56)) == 2


# LayerScale


def test_the_deep_models_differ_in_layer_scale_alone(monkeypatch):
    asked = []
    monkeypatch.setattr(studies, "train_once", lambda *args, **options: asked.append(args) or {"accuracy": 1.0})
    for group in studies.BETTER["layer_scale"].groups:
        studies.layer_scale(group, 24, 0)
    starts = [model.pop("layer_scale") for *_, model in asked]
    assert starts == [None, 0.1, 1e-5] and all(args == asked[0] for args in asked)
