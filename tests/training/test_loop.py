"""The training loop: the first loss, learning by heart, the same numbers again, and what happens when a loss is not a number."""

import math
from dataclasses import replace

import numpy as np
import pytest

from minivit.training.loop import LOG_EVERY, Training, accuracy, predict, train
from minivit.training.recipe import Recipe

from ..support.tiny import few_digits, same_state, tiny_recipe, tiny_vit


@pytest.fixture(scope="module")
def digits():
    return few_digits()


def trained(dataset, recipe, threads=1, **changes):
    """(the model, every Progress) after training to the end."""
    model = tiny_vit(seed=recipe.seed, **changes)
    return model, list(train(model, dataset, recipe, threads))


# learning


def test_the_first_loss_is_ln_10(digits):
    _, progress = trained(digits, tiny_recipe(epochs=1, batch_size=40))
    assert progress[0].step == 1 and progress[0].loss == pytest.approx(math.log(10), abs=1e-6)


def test_32_real_digits_are_learnt_by_heart():
    digits = few_digits(train=32)
    model, _ = trained(digits, tiny_recipe(epochs=80, batch_size=32, lr=1e-2), patch_size=2, dim=16, mlp_dim=32, depth=2)
    logits = predict(model, digits.normalise(digits.train_images))
    assert accuracy(logits, digits.train_labels) == 1.0


def test_training_lowers_the_loss(digits):
    _, progress = trained(digits, tiny_recipe(epochs=20))
    assert progress[-1].loss < progress[0].loss - 0.2


@pytest.mark.parametrize(
    "changes", [{"dropout": 0.2}, {"drop_path": 0.3, "depth": 2}, {"stem": "conv"}, {"pool": "mean"}], ids=str
)
def test_every_kind_of_model_trains(digits, changes):
    model, progress = trained(digits, tiny_recipe(), **changes)
    assert all(np.isfinite(array).all() for array in model.state_dict().values())
    assert progress[-1].epoch == 2


def test_all_of_the_recipe_together_trains(digits):
    _, progress = trained(digits, tiny_recipe(label_smoothing=0.1, shift=1, clip_norm=0.1, warmup=0.5, weight_decay=0.0))
    assert math.isfinite(progress[-1].loss)


# the same numbers again


@pytest.mark.parametrize("changes", [{}, {"dropout": 0.2, "drop_path": 0.2}], ids=["plain", "with dropout"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_same_seed_gives_the_same_weights_bit_for_bit_with_any_number_of_threads(digits, threads, changes):
    recipe = tiny_recipe(shift=1)
    first, _ = trained(digits, recipe, threads=1, **changes)
    again, _ = trained(digits, recipe, threads=threads, **changes)
    assert same_state(first.state_dict(), again.state_dict())


def test_the_same_weights_in_the_beginning_learn_otherwise_with_another_seed(digits):
    states = []
    for seed in (0, 1):
        model = tiny_vit(seed=0)
        list(train(model, digits, tiny_recipe(seed=seed), 1))
        states.append(model.state_dict())
    assert not same_state(*states)


# what a log line says


def test_a_log_line_comes_at_the_end_of_every_epoch(digits):
    _, progress = trained(digits, tiny_recipe(epochs=3))
    assert [(p.epoch, p.step, p.fraction, p.complete) for p in progress] == [
        (1, 3, 1.0, True),
        (2, 6, 1.0, True),
        (3, 9, 1.0, True),
    ]


def test_a_log_line_comes_every_50_steps_too():
    _, progress = trained(few_digits(train=120), tiny_recipe(epochs=2, batch_size=2))
    assert LOG_EVERY == 50
    assert [(p.epoch, p.step, p.complete) for p in progress] == [(1, 50, False), (1, 60, True), (2, 100, False), (2, 120, True)]
    assert progress[0].fraction == pytest.approx(100 / 120)


def test_a_log_line_gives_a_loss_an_accuracy_a_rate_and_a_speed(digits):
    for p in trained(digits, tiny_recipe())[1]:
        assert 0 < p.loss < 10 and 0 <= p.accuracy <= 1 and p.lr > 0 and p.images_per_second > 0


def test_the_learning_rate_ends_at_final_lr(digits):
    _, progress = trained(digits, tiny_recipe(epochs=5, final_lr=1e-4))
    assert progress[-1].lr == pytest.approx(1e-4)


def test_whoever_stops_iterating_stops_the_training(digits):
    model = tiny_vit()
    steps = train(model, digits, tiny_recipe(epochs=1000), 1)
    next(steps)
    steps.close()
    reached = model.state_dict()
    assert not list(steps) and same_state(model.state_dict(), reached)


# a loss that is not a number


def with_nan_at_step(digits, recipe, step):
    """`digits` with a broken image, which the recipe's order reads at that step of the first epoch."""
    order = np.random.default_rng((recipe.seed, 0, 1)).permutation(len(digits.train_images))
    images = digits.train_images.copy()
    images[order[(step - 1) * recipe.batch_size]] = np.nan
    return replace(digits, train_images=images)


def test_a_nan_stops_at_the_next_log_line_and_names_the_step_at_which_it_began():
    recipe = tiny_recipe(batch_size=2)
    dataset = with_nan_at_step(few_digits(train=120), recipe, step=53)
    steps = train(tiny_vit(), dataset, recipe, 1)
    assert next(steps).step == 50
    with pytest.raises(ValueError, match=r"stopped being a number at step 53 \(epoch 1 of 2\).*learning rate, which is 0.003"):
        next(steps)


def test_after_a_nan_the_weights_are_those_of_the_last_good_step():
    recipe = tiny_recipe(batch_size=2)
    model, digits = tiny_vit(), few_digits(train=120)
    with pytest.raises(ValueError):
        list(train(model, with_nan_at_step(digits, recipe, step=7), recipe, 1))
    good = tiny_vit()
    assert next(Training(good, digits, recipe).run(1, log_every=6)).step == 6
    assert same_state(model.state_dict(), good.state_dict())


def test_a_learning_rate_far_too_high_stops_with_finite_weights(digits):
    model = tiny_vit()
    with pytest.raises(ValueError, match="stopped being a number at step"):
        list(train(model, digits, tiny_recipe(epochs=5, lr=1e30, warmup=0.0), 1))
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


def test_an_update_that_ruins_the_weights_is_found_before_its_epoch_counts_as_complete(digits):
    """The loss of the last step was still a number: it was computed before the update."""
    with pytest.raises(ValueError, match="stopped being a number at step 1 "):
        list(train(tiny_vit(), digits, tiny_recipe(epochs=1, batch_size=40, lr=1e39), 1))


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_nan_is_told_once_and_not_by_numpy_as_well(digits):
    with pytest.raises(ValueError, match="stopped being a number"):
        list(train(tiny_vit(), digits, tiny_recipe(epochs=5, lr=1e30, warmup=0.0), 1))


# predict and accuracy


@pytest.mark.parametrize("batch_size", [1, 7, 20, 128])
def test_predict_gives_the_model_s_logits_whatever_the_batch_size(digits, batch_size):
    model, _ = trained(digits, tiny_recipe())
    images = digits.normalise(digits.test_images)
    logits = predict(model, images, batch_size=batch_size, threads=2)
    assert np.allclose(logits, model.eval()(images).data, atol=1e-6) and logits.shape == (20, 10)


def test_predict_drops_nothing(digits):
    model, _ = trained(digits, tiny_recipe(), dropout=0.5)
    images = digits.normalise(digits.test_images)
    assert np.array_equal(predict(model, images), predict(model.eval(), images))


@pytest.mark.parametrize("training", [True, False])
def test_predict_leaves_the_model_in_the_mode_in_which_it_was(digits, training):
    model = tiny_vit().train(training)
    predict(model, digits.normalise(digits.test_images))
    assert all(module.training is training for _, module in model.modules())


def test_predict_leaves_the_mode_as_it_was_even_when_it_fails():
    model = tiny_vit().train()
    with pytest.raises(ValueError, match="reads images of shape"):
        predict(model, np.zeros((2, 3, 3, 1), np.float32))
    assert model.training


def test_predict_of_no_images_is_no_logits():
    assert predict(tiny_vit(), np.zeros((0, 8, 8, 1), np.float32)).shape == (0, 10)


def test_accuracy_is_the_share_of_rows_whose_largest_logit_is_at_the_label():
    assert accuracy(np.array([[1, 2], [3, 0], [0, 1], [5, 4]]), np.array([1, 0, 0, 1])) == 0.5


# the recipe and the threads


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch_size", -1),
        ("lr", 0.0),
        ("lr", math.nan),
        ("lr", math.inf),
        ("label_smoothing", 1.0),
        ("label_smoothing", -0.1),
        ("warmup", 1.0),
        ("shift", -1),
        ("seed", -1),
        ("weight_decay", -0.1),
        ("clip_norm", -1.0),
        ("final_lr", math.nan),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused_by_name_and_value(setting, value):
    with pytest.raises(ValueError, match=f"{setting}.*{value}"):
        Recipe(**dict(epochs=1, batch_size=8, lr=1e-3) | {setting: value})


def test_no_threads_are_refused(digits):
    with pytest.raises(ValueError, match="threads is 0"):
        next(train(tiny_vit(), digits, tiny_recipe(), threads=0))


# parts of a batch, average weights, images set aside


def test_a_batch_in_more_parts_is_the_same_update(digits):
    # in float64: Adam divides a gradient by its own size, so where it is 0, as that of the keys' bias, rounding alone moves
    recipes = (tiny_recipe(epochs=1, accumulate=k) for k in (1, 5))
    whole, parts = (trained(digits, recipe, dtype=np.float64)[0].state_dict() for recipe in recipes)
    assert max(np.abs(whole[name] - parts[name]).max() for name in whole) < 1e-12


def test_the_average_is_that_of_a_plain_loop(digits):
    training = Training(tiny_vit(), digits, tiny_recipe(epochs=2, ema=0.9))
    expected, t = training.model.state_dict(), 0
    original = training.optimizer.step

    def step(*arguments, **options):
        nonlocal t
        norm = original(*arguments, **options)
        t += 1
        decay = min(0.9, (1 + t) / (10 + t))
        for name, value in training.model.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value
        return norm

    training.optimizer.step = step
    for _ in training.run(1):
        pass
    found = training.result()
    assert max(np.abs(found[name] - expected[name]).max() for name in found) < 1e-5
    assert not same_state(found, training.model.state_dict())


def test_the_images_set_aside_are_never_trained_on_and_the_test_images_never_read(digits):
    data = replace(digits, test_images=np.full_like(digits.test_images, np.nan))
    training = Training(tiny_vit(), data, tiny_recipe(validation=0.25))
    held, kept = training.held[0], np.asarray(training.images)
    assert len(held) == 10 and len(kept) == 30
    assert not {image.tobytes() for image in held} & {image.tobytes() for image in kept}
    figures = [p.validation for p in training.run(1) if p.complete]
    assert all(0 <= figure <= 1 for figure in figures)


def test_patience_ends_the_training_and_keeps_the_best(digits, monkeypatch):
    figures = iter([0.5, 0.7, 0.7, 0.6, 0.9])
    monkeypatch.setattr("minivit.training.task.accuracy", lambda logits, labels: next(figures))
    training = Training(tiny_vit(), digits, tiny_recipe(epochs=9, validation=0.25, patience=2))
    states = [training.model.state_dict() for p in training.run(1) if p.complete]
    assert len(states) == 4  # two epochs after the second nothing was better
    assert same_state(training.result(), states[1])


def test_patience_without_images_set_aside_is_refused():
    with pytest.raises(ValueError, match="set validation too"):
        tiny_recipe(patience=3)


def test_so_few_images_cannot_be_set_aside(digits):
    with pytest.raises(ValueError, match="sets 0 aside"):
        Training(tiny_vit(), digits, tiny_recipe(validation=0.001))
