"""Nothing at all is an input too: every op and every model takes a batch of 0 images, or says why it cannot."""

import numpy as np
import pytest

from minivit import Tensor, gradients, ops

from ..support.cases import CASES, build
from ..support.plain import as_tuple, is_float_array, small_config, small_vit

NO_BATCH = "linear-one row/getitem-row/getitem-pairs/getitem-mask/getitem-repeated indices/where-a and b broadcast".split("/")
NO_BATCH += ["getitem-ellipsis and new axis"]
REDUCED = "max-all/mean-all/max-axes, keepdims/mean-axes/mean-keepdims".split("/")


def without_images(case):
    """A case's arguments with the first axis of each array that has the batch in front cut down to nothing."""
    args, options = build(case)
    arrays = [a for a in args if is_float_array(a)]
    most = max(a.ndim for a in arrays)
    batch = next(a.shape[0] for a in arrays if a.ndim == most) if most else None
    large = [isinstance(a, np.ndarray) and a.ndim == most and most and a.shape[0] == batch for a in args]
    return [a[:0] if cut else a for a, cut in zip(args, large, strict=True)], options


def possible(case):
    others = "cross_entropy concatenate reshape broadcast_to sample_bilinear".split()
    return str(case) not in NO_BATCH + REDUCED and case.op not in others


@pytest.mark.parametrize("case", [case for case in CASES if possible(case)], ids=str)
def test_an_op_of_no_images_gives_no_images_and_gradients_of_nothing(case):
    args, options = without_images(case)
    if all(not is_float_array(a) or a.size for a in args):
        pytest.skip("a number")
    leaves = [Tensor(a, requires_grad=True) if is_float_array(a) else a for a in args]
    outputs = as_tuple(getattr(ops, case.op)(*leaves, **options))
    wanted = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    loss = sum((ops.sum(y) for y in outputs[1:]), ops.sum(outputs[0]))
    for leaf, gradient in zip(wanted, gradients(loss, wanted), strict=True):
        assert gradient.shape == leaf.shape and np.isfinite(gradient).all()


@pytest.mark.parametrize(
    "changes", [{}, dict(pool="mean"), dict(stem="conv", patch_size=2, image_size=(6, 8)), dict(representation_size=7)]
)
def test_a_model_of_no_images_gives_no_logits(changes, rng):
    config = small_config(**changes)
    model = small_vit(rng, **changes)
    images = np.zeros((0, *config.image_size, config.channels))
    logits, attention = model(images, return_attention=True)
    assert logits.shape == (0, 5) and [a.shape for a in attention] == [(0, 2, config.tokens, config.tokens)] * 2
    grads = gradients(logits.sum(), model.parameters())
    assert all((g == 0).all() for g in grads)


def test_dropout_of_no_images_is_none(rng):
    model = small_vit(rng, dropout=0.5, drop_path=0.5)
    assert model(np.zeros((0, 6, 9, 2)), rng=0).shape == (0, 5)


@pytest.mark.parametrize("tokens", [(0, 4), (4, 0), (0, 0)], ids=str)
def test_attention_of_no_queries_or_no_keys(tokens, rng):
    q, k, v = (Tensor(rng.standard_normal((2, 3, n, 5)), requires_grad=True) for n in (tokens[0], tokens[1], tokens[1]))
    y = ops.attention(q, k, v)
    assert y.shape == q.shape and (y.numpy() == 0).all()
    assert [g.shape for g in gradients(y.sum(), [q, k, v])] == [q.shape, k.shape, v.shape]


EMPTY = {
    "max of nothing": (lambda: ops.max(np.zeros((0, 3)), axis=0), "no number"),
    "mean of nothing": (lambda: ops.mean(np.zeros((2, 0)), axis=1), "no number"),
    "mean of all of nothing": (lambda: Tensor(np.zeros(0)).mean(), "no number"),
    "the loss of no images": (lambda: ops.cross_entropy(np.zeros((0, 5)), np.zeros(0, int)), "at least one"),
    "the loss of no classes": (lambda: ops.cross_entropy(np.zeros((2, 0)), np.zeros(2, int)), "at least one"),
}


@pytest.mark.parametrize("call, words", EMPTY.values(), ids=EMPTY.keys())
def test_where_nothing_has_no_answer_that_is_said(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_sum_of_nothing_is_zero_and_the_maximum_along_another_axis_is_empty():
    assert float(ops.sum(np.zeros((0, 3)))) == 0
    assert ops.max(np.zeros((0, 3)), axis=1).shape == (0,)
    assert ops.softmax(np.zeros((0, 3))).shape == (0, 3) and ops.softmax(np.zeros((2, 0))).shape == (2, 0)
