"""The task of finding things: its loss, told slowly; pieces of a batch; what is refused."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from minivit import gradients, ops
from minivit.backend import to_device, to_host
from minivit.data import load
from minivit.engine import Tensor
from minivit.training.detection import Detection, found_in, matching_cost, set_loss
from minivit.training.loop import Training
from minivit.training.recipe import Recipe
from minivit.training.tasks import task_of

from ..support.detection import some_labels, some_scenes, tiny_detr
from ..support.tiny import few_digits, same_state, tiny_vit

RECIPE = Recipe(epochs=2, batch_size=4, lr=1e-3, clip_norm=0.1)


@pytest.fixture
def answers(rng):
    """(logits (B, Q, K + 1), boxes (B, Q, 4), labels (B, M, 5)), batch 2, queries 5, classes 3, objects 1 and 2 of at most 3."""
    return rng.standard_normal((2, 5, 4)), rng.uniform(0.2, 0.6, (2, 5, 4)), some_labels(rng).astype(np.float64)


def softmax(row):
    e = np.exp(row - row.max())
    return e / e.sum()


def giou(a, b):
    return float(ops.giou.forward(np.asarray(a), np.asarray(b))[0])


def test_the_cost_is_that_of_the_paper_and_nothing_for_what_is_not_there(answers):
    logits, boxes, labels = answers
    cost = matching_cost(logits, boxes, labels)
    for b, q, m in np.ndindex(2, 5, 3):
        k, box = int(labels[b, m, 0]), labels[b, m, 1:]
        expected = -softmax(logits[b, q])[k] + 5 * np.abs(boxes[b, q] - box).sum() - 2 * giou(boxes[b, q], box) if k >= 0 else 0
        assert cost[b, q, m] == pytest.approx(expected), (b, q, m)


def test_the_loss_is_what_a_slow_loop_says(answers):
    logits, boxes, labels = answers
    which = np.array([[4, 0, 1], [2, 3, 0]])
    terms = set_loss(Tensor(logits, True), Tensor(boxes, True), labels, which, objects=3)
    of_class = weights = of_box = of_giou = 0.0
    for b in range(2):
        target = {int(which[b, m]): labels[b, m] for m in range(3) if labels[b, m, 0] >= 0}
        for q in range(5):
            weight, k = (1, int(target[q][0])) if q in target else (0.5, 3)
            of_class, weights = of_class - weight * np.log(softmax(logits[b, q])[k]), weights + weight
            if q in target:
                of_box += 5 * np.abs(boxes[b, q] - target[q][1:]).sum() / 3
                of_giou += 2 * (1 - giou(boxes[b, q], target[q][1:])) / 3
    expected = {"class": of_class / weights, "box": of_box, "giou": of_giou}
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


@pytest.mark.parametrize("queries, denoising", [("two_stage", 0), ("anchors", 2)])
def test_a_batch_in_pieces_has_the_loss_and_the_gradients_of_the_whole(queries, denoising, rng, monkeypatch):
    """Image 0 has one object and image 3 has four: the pieces do not weigh alike."""
    monkeypatch.setattr("minivit.training.detection.SHAKE", 0.0)  # what is drawn is drawn for a piece
    monkeypatch.setattr("minivit.training.detection.OTHER_CLASS", 0.0)
    data = some_scenes(rng)
    model, task = tiny_detr(queries=queries, denoising=denoising, dtype=np.float64), Detection(data, RECIPE)
    images, truth = task.batch(data.train_images, data.train_labels, rng)
    images, truth = images.astype(np.float64), tuple(part.astype(np.float64) for part in truth)
    whole, _, terms = task.loss(model, images, truth, np.random.default_rng(0))
    expected = gradients(whole, model.parameters())
    total, summed = 0.0, [0.0] * len(expected)
    for piece in (slice(0, 1), slice(1, 4)):
        loss, *_ = task.loss(model, images[piece], tuple(part[piece] for part in truth), np.random.default_rng(0))
        share = (piece.stop - piece.start) / 4
        total += loss.item() * share
        summed = [a + share * b for a, b in zip(summed, gradients(loss, model.parameters()), strict=True)]
    assert total == pytest.approx(whole.item()) == pytest.approx(sum(term.item() for term in terms.values()))
    for (name, _), found, own in zip(model.named_parameters(), summed, expected, strict=True):
        np.testing.assert_allclose(found, own, atol=1e-9, err_msg=name)


def test_each_term_reaches_progress(rng):
    training = Training(tiny_detr(), some_scenes(rng), RECIPE)
    progress = [p for p in training.run(1) if p.complete][-1]
    assert list(progress.parts) == ["class", "box", "giou"] and sum(progress.parts.values()) == pytest.approx(progress.loss)


@pytest.mark.slow
def test_it_learns_a_scene_by_heart(rng):
    training = Training(tiny_detr(), some_scenes(rng), replace(RECIPE, epochs=80, lr=1e-2, clip_norm=1.0))
    progress = [p for p in training.run(1) if p.complete]
    assert progress[-1].loss < 0.5 * progress[0].loss and progress[-1].accuracy > progress[0].accuracy


@pytest.mark.parametrize("threads", [1, 2])
def test_interrupted_and_on_any_number_of_threads_it_ends_in_the_same_weights(rng, threads):
    data, recipe = some_scenes(rng), replace(RECIPE, epochs=3, batch_size=4, accumulate=2, ema=0.9)
    options = dict(queries="anchors", denoising=1)
    whole = Training(tiny_detr(**options), data, recipe)
    list(whole.run(1))
    first, second = (Training(tiny_detr(seed=s, **options), data, recipe) for s in (0, 5))
    next(p for p in first.run(threads) if p.epoch == 1)
    second.load_state_dict(first.state_dict())
    list(second.run(threads))
    assert same_state(whole.state_dict(), second.state_dict())


def test_a_mirrored_scene_has_mirrored_boxes(rng):
    data = some_scenes(rng)
    task = Detection(data, replace(RECIPE, flip=True))
    images, (labels, each) = task.batch(data.train_images, data.train_labels, np.random.default_rng(1))
    mirrored = [not np.array_equal(a, b) for a, b in zip(images, data.normalise(data.train_images), strict=True)]
    assert 0 < sum(mirrored) < 4 and each[0] == 10 / 4
    for i, there in enumerate(mirrored):
        expected, own = labels[i].copy(), data.train_labels[i]
        np.testing.assert_array_equal(images[i], data.normalise(data.train_images[i : i + 1])[0, :, :: -1 if there else 1])
        expected[: i + 1, 1] = 1 - own[: i + 1, 1] if there else own[: i + 1, 1]
        np.testing.assert_array_equal(labels[i], expected)


def test_what_a_query_says_and_whether_it_says_something():
    logits = np.log([[[0.2, 0.5, 0.3], [0.1, 0.3, 0.6]]])
    found, sure = found_in(np.concatenate([logits, np.full((1, 2, 4), 0.5)], axis=-1))
    assert found.classes.tolist() == [[1, 1]] and sure.tolist() == [[True, False]]
    np.testing.assert_allclose(found.scores, [[0.5, 0.3]])


def test_the_test_counts_images_with_the_right_things(rng):
    data = some_scenes(rng)
    model = tiny_detr()
    said = np.full((4, 5, 8), -9.0, np.float32)
    said[..., 3] = 0  # no object
    for i in range(4):
        for j in range(i + 1):
            said[i, j, int(data.test_labels[i, j, 0])] = 9
            said[i, j, 4:] = data.test_labels[i, j, 1:]
    said[3, 0, :4] = -9, -9, -9, 9  # one is missed
    answer = SimpleNamespace(data=said)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minivit.training.detection.predict", lambda model, images, threads=None: answer.data)
        result = Detection.test(model, data)
    assert result["set_right"] == result["number_right"] == 0.75
    assert 0.7 < result["accuracy"] == result["AP50"] < 1


def test_the_loss_is_the_same_on_each_device(device, rng):
    data = some_scenes(rng)
    losses = []
    for where in ("cpu", device):
        model, task = tiny_detr().to(where), Detection(data, RECIPE).to(where)
        images, truth = task.batch(
            to_device(data.train_images, where), to_device(data.train_labels, where), np.random.default_rng(0)
        )
        loss, hits, _ = task.loss(model, images, truth, np.random.default_rng(0))
        losses.append((float(to_host(loss.data)), int(hits)))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_model_and_data_that_do_not_go_together_are_refused(rng):
    with pytest.raises(ValueError, match="in an image of noise are several things, each in a box: that is for a DETR"):
        task_of(tiny_vit(), some_scenes(rng), RECIPE)
    with pytest.raises(ValueError, match="a DETR looks for things in boxes, and digits has none: take canvases"):
        task_of(tiny_detr(), few_digits(), RECIPE)


def test_augmentation_that_would_leave_the_boxes_behind_is_refused():
    with pytest.raises(ValueError, match="shift is 2, which is for images without boxes: leave it at 0"):
        Detection(load("canvases"), replace(RECIPE, shift=2))


def test_images_set_aside_in_which_there_is_nothing_give_no_score(rng):
    data = some_scenes(rng)
    nothing = np.full_like(data.train_labels, -1)
    with pytest.raises(ValueError, match="there is no object in the 4 images that were set aside: raise validation"):
        Detection(data, RECIPE).score(tiny_detr().eval(), data.train_images, nothing)
