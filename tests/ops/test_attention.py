"""Attention and its heads: what the table of test_registry cannot say."""

import contextlib
import inspect
import math

import numpy as np
import pytest

from minivit import Tensor, gradients, ops
from minivit.ops.attention import attention_from_parts, attention_weights

SHAPE = (2, 3, 4, 5)  # batch, heads, tokens, head_dim
BIASES = {"none": None, "full": (2, 3, 4, 4), "by head": (3, 1, 1), "one row": (1, 4)}


def slow_attention(q, k, v, bias):
    """The specification, in plain Python: (output, weights)."""
    batch, heads, tokens, width = q.shape
    bias = np.zeros((batch, heads, tokens, tokens)) if bias is None else np.broadcast_to(bias, (batch, heads, tokens, tokens))
    y, p = np.zeros(q.shape), np.zeros((batch, heads, tokens, tokens))
    for b in range(batch):
        for h in range(heads):
            for i in range(tokens):
                products = [sum(q[b, h, i, c] * k[b, h, j, c] for c in range(width)) for j in range(tokens)]
                scores = [products[j] / math.sqrt(width) + bias[b, h, i, j] for j in range(tokens)]
                total = sum(math.exp(s) for s in scores)
                for j in range(tokens):
                    p[b, h, i, j] = math.exp(scores[j]) / total
                    y[b, h, i] += p[b, h, i, j] * v[b, h, j]
    return y, p


@pytest.fixture
def qkv(rng):
    return [rng.standard_normal(SHAPE) for _ in range(3)]


@pytest.fixture(params=BIASES.values(), ids=BIASES.keys())
def bias(request, rng):
    return None if request.param is None else rng.standard_normal(request.param)


def test_attention_against_its_specification(qkv, bias):
    np.testing.assert_allclose(ops.attention.forward(*qkv, bias)[0], slow_attention(*qkv, bias)[0], rtol=1e-12)


def test_the_weights_against_their_specification(qkv, bias):
    np.testing.assert_allclose(attention_weights(*qkv[:2], bias), slow_attention(*qkv, bias)[1], rtol=1e-12)


def test_attention_equals_its_composition_in_value_and_gradients(qkv, bias, rng):
    dy = rng.standard_normal(SHAPE)
    results = []
    for function in (ops.attention, attention_from_parts):
        tensors = [Tensor(a, requires_grad=True) for a in (*qkv, bias) if a is not None]
        y = function(*tensors)
        results.append([y.numpy(), *gradients((y * dy).sum(), tensors)])
    for fused, composed in zip(*results, strict=True):
        np.testing.assert_allclose(fused, composed, rtol=1e-10, atol=1e-13)


def test_attention_and_its_composition_take_the_same_arguments():
    assert inspect.signature(attention_from_parts) == inspect.signature(ops.attention)


def test_the_scale_is_one_over_the_root_of_the_head_dim_whatever_the_heads():
    """One large score of 4 = 2 * 2 over sqrt(4) is 2, and its weight e^2 / (e^2 + 1)."""
    q, k = np.zeros((1, 3, 2, 4)), np.zeros((1, 3, 2, 4))
    q[0, :, 0, 0] = k[0, :, 0, 0] = 2.0
    weights = attention_weights(q, k)
    np.testing.assert_allclose(weights[0, :, 0, 0], math.exp(2) / (math.exp(2) + 1))
    v = np.zeros((1, 3, 2, 4))
    v[0, :, 0] = 1.0
    np.testing.assert_allclose(ops.attention.forward(q, k, v)[0][0, :, 0], math.exp(2) / (math.exp(2) + 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_scores_stay_finite(dtype, rng):
    q, k, v = (rng.standard_normal(SHAPE).astype(dtype) * scale for scale in (1e3, 1e3, 1))
    y, backward = ops.attention.forward(q, k, v)
    assert np.isfinite(y).all()
    assert all(np.isfinite(g).all() for g in backward(np.ones_like(y))[:3])


def test_a_bias_of_minus_infinity_hides_a_token(qkv):
    q, k, v = qkv
    hide_last = np.array([0, 0, 0, -np.inf])
    shown = ops.attention.forward(q, k[:, :, :3], v[:, :, :3])[0]
    np.testing.assert_allclose(ops.attention.forward(q, k, v, hide_last)[0], shown, rtol=1e-12)


def test_split_heads_against_a_slow_loop(rng):
    batch, tokens, heads, width = 2, 4, 3, 5
    qkv = rng.standard_normal((batch, tokens, 3 * heads * width))
    parts, _ = ops.split_heads.forward(qkv, heads=heads)
    for part, found in enumerate(parts):
        assert found.shape == (batch, heads, tokens, width)
        for b in range(batch):
            for t in range(tokens):
                for h in range(heads):
                    for c in range(width):
                        assert found[b, h, t, c] == qkv[b, t, part * heads * width + h * width + c]


def test_merge_heads_undoes_split_heads(rng):
    qkv = rng.standard_normal((2, 4, 18))
    parts, _ = ops.split_heads.forward(qkv, heads=3)
    merged = [ops.merge_heads.forward(part)[0] for part in parts]
    np.testing.assert_array_equal(np.concatenate(merged, axis=-1), qkv)


def test_split_heads_names_the_numbers_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(2, 4, 20\) is not .* 3 heads"):
        ops.split_heads.forward(np.zeros((2, 4, 20)), heads=3)


# Masks


def three(rng, dtype=np.float64, keys=4):
    return [Tensor(rng.standard_normal((2, 3, n, 5)).astype(dtype), requires_grad=True) for n in (4, keys, keys)]


def blocked_row(dtype=np.float64):
    """A causal mask of numbers, whose second query may see nothing."""
    bias = np.where(np.tri(4, dtype=bool), 0, -np.inf).astype(dtype)
    bias[1] = -np.inf
    return bias


@pytest.mark.parametrize("parts", [False, True], ids=["in one", "from parts"])
@pytest.mark.parametrize("of", ["bias", "Tensor", "mask"])
def test_a_query_that_may_see_nothing_gets_nothing_and_the_others_what_they_would_get(of, parts, rng):
    q, k, v = three(rng)
    bias = blocked_row()
    given = {"bias": bias, "Tensor": Tensor(bias, requires_grad=True), "mask": bias == 0}[of]
    with ops.use(softmax=softmax_of_somebody) if parts else contextlib.nullcontext():
        y = ops.attention(q, k, v, given)
        found = gradients((y * y).sum(), [q, k, v])
    assert (y.numpy()[:, :, 1] == 0).all() and all(np.isfinite(g).all() for g in found)
    assert (found[0][:, :, 1] == 0).all()
    for row in (0, 2, 3):
        own = [q.data[:, :, row : row + 1], k.data[:, :, : row + 1], v.data[:, :, : row + 1]]
        np.testing.assert_allclose(y.numpy()[:, :, row : row + 1], ops.attention.forward(*own)[0], rtol=1e-12)


def test_a_token_that_may_not_look_at_itself_looks_at_the_others_by_a_bias_that_learns(rng):
    q, k, v = three(rng)
    learned = rng.standard_normal((3, 4, 4))
    bias = Tensor(np.where(np.eye(4, dtype=bool), -np.inf, learned), requires_grad=True)
    y = ops.attention(q, k, v, bias)
    dbias = gradients((y * y).sum(), [bias])[0]
    for i in range(4):
        others = [j for j in range(4) if j != i]
        own, keys, values = q.data[:, :, i : i + 1], k.data[:, :, others], v.data[:, :, others]
        shown = ops.attention.forward(own, keys, values, learned[:, i : i + 1, others])
        np.testing.assert_allclose(y.numpy()[:, :, i : i + 1], shown[0], rtol=1e-12)
        assert (dbias[:, i, i] == 0).all() and (dbias[:, i, others] != 0).all()


def softmax_of_somebody(x, axis=-1):
    return ops.softmax.forward(x, axis)


def test_a_mask_of_true_and_false_is_a_bias_of_nothing_and_minus_infinity(rng):
    q, k, v = three(rng, keys=6)
    mask = rng.random((4, 6)) < 0.6
    mask[:, 0] = True
    as_bias = ops.attention(q, k, v, np.where(mask, 0.0, -np.inf)).numpy()
    for given in (mask, Tensor(mask), mask.tolist()):
        np.testing.assert_array_equal(ops.attention(q, k, v, given).numpy(), as_bias)
    hidden = Tensor(np.where(mask.any(axis=0)[:, None], v.data, 1e9), requires_grad=True)
    np.testing.assert_array_equal(ops.attention(q, k, hidden, mask).numpy(), as_bias)


@pytest.mark.parametrize("shape", [(4, 4), (2, 1, 1, 4), (3, 1, 4), (1, 4), ()], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_a_bias_of_another_dtype_beside_float32_changes_no_dtype(shape, dtype, rng):
    q, k, v = three(rng, np.float32)
    y = ops.attention(q, k, v, np.zeros(shape, dtype))
    assert y.dtype == np.float32
    assert {g.dtype for g in gradients(y.sum(), [q, k, v])} == {np.dtype(np.float32)}
    np.testing.assert_allclose(y.numpy(), ops.attention(q, k, v).numpy(), atol=1e-6)


def test_attention_weights_of_a_row_that_sees_nothing_are_all_zero(rng):
    q, k, _ = (t.data for t in three(rng))
    p = ops.attention_weights(q, k, blocked_row())
    np.testing.assert_allclose(p.sum(axis=-1)[..., [0, 2, 3]], 1)
    assert (p[:, :, 1] == 0).all()
