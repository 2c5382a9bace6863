"""The loop takes a task; the parts that it is made of, each for itself."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import minivit
from minivit import ops, optim
from minivit.training import prediction
from minivit.training.guard import Guard
from minivit.training.loop import Training, set_aside
from minivit.training.prediction import predict, predictor
from minivit.training.task import Classification
from minivit.training.weights import KeptWeights

from ..support.tiny import ENVIRONMENT, few_digits, same_state, tiny_recipe, tiny_vit


@pytest.fixture(scope="module")
def digits():
    return few_digits()


# a task of one's own: how bright is the image?


class Brightness:
    """Regression: the first logit is to be the mean of the image."""

    def to(self, device):
        return self

    def batch(self, images, labels, rng):
        return images, (images.mean(axis=(1, 2, 3)),)

    def loss(self, model, images, truth, rng):
        (bright,) = truth
        off = model(images, rng=rng)[:, 0] - bright
        return (off * off).mean(), (np.abs(off.data) < 0.05).sum()

    def score(self, model, images, labels, threads=None):
        return -float(np.abs(predict(model, images, threads=threads)[:, 0] - images.mean(axis=(1, 2, 3))).mean())


def test_the_loop_learns_what_the_task_says(digits):
    training = Training(tiny_vit(), digits, tiny_recipe(epochs=60, lr=1e-2, validation=0.25), Brightness())
    progress = [p for p in training.run(1) if p.complete]
    assert progress[-1].loss < 0.2 * progress[0].loss and progress[-1].validation > progress[0].validation
    assert progress[-1].accuracy > progress[0].accuracy


def test_a_task_of_one_s_own_goes_on_after_an_interruption_too(digits):
    recipe = tiny_recipe(epochs=4, ema=0.9)
    whole = Training(tiny_vit(), digits, recipe, Brightness())
    list(whole.run(1))
    first, second = (Training(tiny_vit(seed=s), digits, recipe, Brightness()) for s in (0, 5))
    next(p for p in first.run(1) if p.epoch == 2)
    second.load_state_dict(first.state_dict())
    list(second.run(2))
    assert same_state(whole.state_dict(), second.state_dict())


def test_without_a_task_it_is_classification(digits):
    first, second = Training(tiny_vit(), digits, tiny_recipe()), None
    second = Training(tiny_vit(), digits, tiny_recipe(), Classification(digits, tiny_recipe()))
    list(first.run(1)), list(second.run(1))
    assert same_state(first.state_dict(), second.state_dict())


# classification


@pytest.mark.parametrize("mixup", [0.0, 0.5])
def test_a_batch_is_normalised_and_the_truth_has_the_labels_and_what_the_loss_is_computed_from(digits, mixup):
    task = Classification(digits, tiny_recipe(mixup=mixup))
    images, (labels, targets) = task.batch(digits.train_images, digits.train_labels, np.random.default_rng(0))
    assert np.array_equal(labels, digits.train_labels) and targets.shape == ((40, 10) if mixup else (40,))
    assert mixup or np.array_equal(images, digits.normalise(digits.train_images))


def test_the_loss_is_the_cross_entropy_and_right_is_the_largest_logit(digits):
    model, task = tiny_vit(seed=3), Classification(digits, tiny_recipe(label_smoothing=0.1))
    model.head.bias.data[:] = np.arange(10)
    images = digits.normalise(digits.train_images)
    loss, right = task.loss(model, images, (digits.train_labels, digits.train_labels), np.random.default_rng(0))
    logits = predict(model, images)
    assert float(loss.data) == pytest.approx(
        float(ops.cross_entropy.forward(logits, digits.train_labels, label_smoothing=0.1)[0]), rel=1e-6
    )
    assert right == (logits.argmax(axis=1) == digits.train_labels).sum() == (digits.train_labels == 9).sum()


def test_the_test_says_what_predict_says(digits):
    model = tiny_vit(seed=3)
    tested = Classification.test(model, digits, threads=2)
    logits = predict(model, digits.normalise(digits.test_images))
    assert np.array_equal(tested["predicted"], logits.argmax(axis=1))
    assert tested["accuracy"] == (tested["predicted"] == digits.test_labels).mean()
    np.testing.assert_allclose(tested["probabilities"].sum(axis=1), 1, rtol=1e-6)


# the weights that are kept


class Optimizer:
    """What KeptWeights reads of an optimizer: a group with one parameter, which is a view of its buffer."""

    def __init__(self, *values):
        self.values = np.array(values, np.float32)
        self.parameters = [SimpleNamespace(data=self.values[:], shape=self.values.shape)]
        self.groups = [self]

    def parts(self):
        return [slice(0, len(self.values))]


def test_the_best_weights_come_back_and_the_model_s_own_stay():
    own = Optimizer(1.0, 2.0)
    weights = KeptWeights(own, decay=0.0, patience=2)
    weights.judge(0.5)
    own.values[:] = 7
    weights.judge(0.4)
    with weights.that_count():
        assert own.values.tolist() == [1, 2]
    assert own.values.tolist() == [7, 7]
    assert not weights.out_of_patience
    weights.judge(0.5)  # as good is not better
    assert weights.out_of_patience


def test_after_an_error_the_model_has_its_own_weights_too():
    own = Optimizer(1.0)
    weights = KeptWeights(own, decay=0.5, patience=0)
    own.values[:] = 3
    with pytest.raises(KeyError), weights.averaged():
        assert own.values.tolist() == [1]
        raise KeyError
    assert own.values.tolist() == [3]


def test_the_average_forgets_its_beginning_faster_than_its_decay():
    own = Optimizer(0.0)
    weights = KeptWeights(own, decay=0.999, patience=0)
    own.values[:] = 1
    weights.move_average(1)
    assert weights.average[0][0] == pytest.approx(1 - 2 / 11)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_copied_training_goes_on_by_itself_to_the_same_numbers(digits, epochs):
    """Its parameters are copies, which have left the buffers of their optimizer."""
    recipe = tiny_recipe(epochs=4, ema=0.9, validation=0.25, patience=4)
    whole = Training(tiny_vit(), digits, recipe)
    next(p for p in whole.run(1) if p.epoch == epochs)
    twin = copy.deepcopy(whole)
    assert same_state(twin.result(), whole.result())
    before = whole.state_dict()
    list(twin.run(1))
    assert same_state(whole.state_dict(), before), "the first one did not move"
    list(whole.run(1))
    assert same_state(twin.state_dict(), whole.state_dict()) and same_state(twin.result(), whole.result())
    assert not same_state(whole.state_dict(), before)


def test_a_training_of_a_part_goes_on_with_the_part_that_is_frozen(digits):
    def begin(seed):
        model = tiny_vit(seed=seed)
        model.patch_embed.freeze()
        return Training(model, digits, tiny_recipe(epochs=3, ema=0.9))

    whole, second = begin(0), begin(5)
    next(p for p in whole.run(1) if p.epoch == 1)
    second.load_state_dict(whole.state_dict())
    list(whole.run(1)), list(second.run(1))
    assert same_state(second.result(), whole.result())
    assert np.array_equal(whole.model.patch_embed.weight.data, tiny_vit(seed=0).patch_embed.weight.data)


def test_what_is_no_recipe_is_told(digits):
    with pytest.raises(ValueError, match=r"takes a Recipe.*got dict"):
        Training(tiny_vit(), digits, {"epochs": 1})


# the guard


def test_the_guard_remembers_the_first_step_that_was_no_number():
    guard = Guard(np)
    for step, value in enumerate([1.0, np.inf, np.nan, 2.0], start=1):
        guard.look(np.float64(value), step)
    assert guard.step == 2


def test_the_guard_finds_an_update_that_ruined_the_weights():
    model = tiny_vit()
    optimizer, guard = optim.AdamW(model), Guard(np)
    guard.check(optimizer, 5, 1, tiny_recipe())
    model.head.bias.data[0] = np.nan
    with pytest.raises(ValueError, match=r"at step 5 \(epoch 1 of 2\)"):
        guard.check(optimizer, 5, 1, tiny_recipe())


# the images set aside, and the pool of a predictor


def test_every_training_image_is_kept_or_set_aside(digits):
    (images, labels), (aside, _) = set_aside(digits, tiny_recipe(validation=0.25))
    assert (len(images), len(labels), len(aside)) == (30, 30, 10)
    assert {i.tobytes() for i in (*images, *aside)} == {i.tobytes() for i in digits.train_images}


def test_a_predictor_opens_its_threads_once_and_gives_what_predict_gives(digits, monkeypatch):
    opened, workers = [], prediction.workers
    monkeypatch.setattr(prediction, "workers", lambda *given: opened.append(given) or workers(*given))
    model, images = tiny_vit(seed=3).train(), digits.normalise(digits.test_images)
    with predictor(model, batch_size=7, threads=2) as logits:
        found = [logits(images), logits(images[:3]), logits(images[:0])]
    assert opened == [(2, "cpu")] and model.training
    assert [len(part) for part in found] == [20, 3, 0]
    assert np.array_equal(found[0], predict(model, images, batch_size=7))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_no_numbers_are_no_answer(digits, value):
    model = tiny_vit()
    model.head.bias.data[0] = value
    with pytest.raises(ValueError, match=r"outputs are not numbers .* for 20 of 20 images"):
        predict(model, digits.normalise(digits.test_images))


# what the training must not know


def test_training_data_and_models_import_neither_the_program_nor_matplotlib():
    for room in ("training", "data", "models"):
        for path in (Path(minivit.__file__).parent / room).rglob("*.py"):
            statements = re.findall(r"^\s*(?:from|import) [^#\n]*", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert not [s for s in statements if re.search(r"\bprogram\b|matplotlib", s)], path


def test_threadpoolctl_is_imported_only_when_threads_are():
    code = "import sys, minivit.training.loop; print('threadpoolctl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("logits, labels", [((0, 3), (0,)), ((3,), (3,)), ((3, 2), (1,)), ((3, 2), (3, 1))])
def test_an_accuracy_of_nothing_or_of_other_shapes_is_refused(logits, labels):
    with pytest.raises(ValueError, match="accuracy takes logits"):
        prediction.accuracy(np.zeros(logits), np.zeros(labels, int))
