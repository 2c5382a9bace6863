"""Attention in blocks, held to the plain form that keeps the whole matrix of scores."""

import tracemalloc

import numpy as np
import pytest

from minivit import ops
from minivit.kernels import cpu, cpu_attention
from minivit.kernels.cpu_attention import KEEP, PRODUCT, SCORES, attention
from minivit.ops.attention import attention_plain, self_attention_plain

LIMIT = {np.float32: 2e-6, np.float64: 1e-13}
SHAPES = {  # (batch, heads, queries, head_dim)
    "one token": (2, 3, 1, 5),
    "few tokens, kept": (2, 3, 7, 5),
    "the last that are kept": (2, 1, KEEP, 3),
    "the first that are computed again": (2, 1, KEEP + 1, 3),
    "several blocks of images": (29, 3, KEEP + 1, 2),
    "an image larger than a block": (2, 7, 231, 3),
    "a head larger than a block": (1, 8, 300, 3),
    "kept, in blocks of a head": (2, 17, KEEP, 2),
}
BIASES = {  # its shape, from (batch, heads, queries, keys)
    "for every score": lambda B, h, T, S: (B, h, T, S),
    "the same for all images": lambda B, h, T, S: (1, h, T, S),
    "with no axis for the images": lambda B, h, T, S: (h, T, S),
    "the same for all heads": lambda B, h, T, S: (B, 1, T, S),
    "of the keys": lambda B, h, T, S: (B, 1, 1, S),
    "of the queries": lambda B, h, T, S: (T, 1),
    "one number": lambda B, h, T, S: (),
}


def draw(rng, shape, dtype, scale=1.0, keys=None):
    """q, k, v as the strided views that split_heads gives, and an upstream gradient as merge_heads gives it. keys: how many, if
    not as many as queries."""
    batch, heads, tokens, width = shape
    longest = max(tokens, keys or 0)
    qkv = (scale * rng.standard_normal((batch, longest, 3 * heads * width))).astype(dtype)
    (q, k, v), _ = ops.split_heads.forward(qkv, heads=heads)
    dy = rng.standard_normal((batch, tokens, heads, width)).astype(dtype).transpose(0, 2, 1, 3)
    return q[:, :, :tokens], k[:, :, : keys or tokens], v[:, :, : keys or tokens], dy


def both_ways(form, q, k, v, dy, bias=None):
    """y, dq, dk, dv, and dbias if there is a bias."""
    y, backward = form(q, k, v, bias)
    dq, dk, dv, dbias = backward(dy)
    return [y, dq, dk, dv] + [dbias] * (bias is not None)


def assert_the_same(q, k, v, dy, bias=None):
    scores = q[..., 0].size * k.shape[2]
    results = both_ways(attention, q, k, v, dy, bias), both_ways(attention_plain, q, k, v, dy, bias)
    for name, found, expected in zip(("y", "dq", "dk", "dv", "dbias"), *results, strict=False):
        assert found.dtype == q.dtype
        assert found.shape == expected.shape
        terms = scores / found.size if name == "dbias" else 1  # of a sum in which all may cancel
        assert np.abs(found - expected).max() <= LIMIT[q.dtype.type] * max(terms**0.5, np.abs(expected).max())


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_the_blocks_give_what_the_plain_form_gives(rng, shape, dtype):
    assert_the_same(*draw(rng, shape, dtype))


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("bias", BIASES.values(), ids=BIASES.keys())
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_with_a_bias_too(rng, shape, bias, dtype):
    batch, heads, tokens, _ = shape
    assert_the_same(*draw(rng, shape, dtype), rng.standard_normal(bias(batch, heads, tokens, tokens)).astype(dtype))


@pytest.mark.slow
@pytest.mark.parametrize("keys", [1, 5, KEEP, 700])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_with_another_number_of_keys_too(rng, shape, keys):
    arrays = draw(rng, shape, np.float64, keys=keys)
    assert_the_same(*arrays)
    assert_the_same(*arrays, rng.standard_normal((shape[1], shape[2], keys)))


def test_more_keys_than_fit_into_a_product_come_query_by_query(rng):
    arrays = draw(rng, (1, 2, 4, 2), np.float64, keys=PRODUCT + 1)
    assert cpu_attention._blocks(1, 2, 4, PRODUCT + 1)[1] == [slice(i, i + 1) for i in range(4)]
    assert_the_same(*arrays)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_mask_hides_what_it_hides(rng, shape):
    """Most rows lose some keys; the first may look at nothing, and gives and gets nothing."""
    q, k, v, dy = draw(rng, shape, np.float64)
    sees = rng.random((shape[2], shape[2])) < 0.7
    sees[0] = False
    bias = np.where(sees, rng.standard_normal(sees.shape), -np.inf)
    assert_the_same(q, k, v, dy, bias)
    y, dq, *_ = both_ways(attention, q, k, v, dy, bias)
    assert not y[:, :, 0].any()
    assert not dq[:, :, 0].any()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_mask_of_true_and_false_is_a_bias_whose_gradient_nobody_computes(rng, shape, monkeypatch):
    q, k, v, dy = draw(rng, shape, np.float64)
    sees = rng.random(shape[1:3] + shape[2:3]) < 0.7
    for form in (attention, attention_plain):
        *expected, _ = both_ways(form, q, k, v, dy, np.where(sees, 0, -np.inf))
        with monkeypatch.context() as patch:
            patch.setattr(cpu_attention, "_add_to_bias", None)
            *found, dmask = both_ways(form, q, k, v, dy, sees)
        assert dmask is None
        assert all(np.array_equal(f, e) for f, e in zip(found, expected, strict=True))


def test_a_bias_may_have_gaps_in_memory(rng):
    arrays = draw(rng, (2, 3, 7, 5), np.float64)
    assert_the_same(*arrays, rng.standard_normal((7, 14, 3)).transpose(2, 0, 1)[:, :, ::2])


def test_the_shapes_above_reach_every_way_of_cutting():
    """Several images in a block, some heads, some queries of some heads: otherwise the tests above would miss one."""
    cuts = {name: cpu_attention._blocks(*shape[:3], shape[2]) for name, shape in SHAPES.items()}
    groups, parts = cuts["several blocks of images"]
    assert groups == [(slice(0, 27), slice(None)), (slice(27, 54), slice(None))]
    assert parts == [slice(0, KEEP + 1)]
    groups, parts = cuts["an image larger than a block"]
    assert groups[:2] == [(slice(0, 1), slice(0, 4)), (slice(0, 1), slice(4, 8))]
    assert len(parts) == 1
    groups, parts = cuts["a head larger than a block"]
    assert len(groups) == 2
    assert parts == [slice(0, 150), slice(150, 300)]


def test_a_block_has_no_more_scores_than_it_should():
    for shape in SHAPES.values():
        groups, parts = cpu_attention._blocks(*shape[:3], shape[2])
        scores = np.empty((*shape[:3], shape[2]), np.int8)
        assert sum(scores[i, j, rows].size for i, j in groups for rows in parts) == scores.size
        assert max(scores[i, j, rows].size for i, j in groups for rows in parts) <= SCORES


@pytest.mark.parametrize("dtype", LIMIT)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_scores_far_beyond_what_exp_can_hold(rng, shape, dtype):
    """Scores of some thousands: without the row maxima exp would be infinite, and a row far below zero would vanish."""
    q, k, v, dy = draw(rng, shape, dtype, scale=60.0)
    found, expected = both_ways(attention, q, k, v, dy), both_ways(attention_plain, q, k, v, dy)
    for f, e in zip(found, expected, strict=True):
        assert np.isfinite(f).all()
        # with scores of thousands one rounding of a score changes its exponential by a thousand roundings
        assert np.abs(f - e).max() <= (1e-2 if dtype == np.float32 else 1e-10) * max(1.0, np.abs(e).max())


def test_one_block_with_large_scores_among_ordinary_ones(rng):
    q, k, v, dy = (a.copy() for a in draw(rng, SHAPES["a head larger than a block"], np.float64))
    q[0, 1, 200] *= 1000.0
    assert_the_same(q, k, v, dy)


def test_a_row_of_very_low_scores_beside_an_ordinary_one(rng):
    """All scores of one token near -1000: its exponentials would all be 0, and its average 0 / 0."""
    q, k, v, dy = (a.copy() for a in draw(rng, (1, 1, 4, 2), np.float64))
    k[...] = 1.0
    q[0, 0, 0] = -700.0
    y = both_ways(attention, q, k, v, dy)[0]
    np.testing.assert_allclose(y[0, 0, 0], v[0, 0].mean(axis=0), rtol=1e-12)


def test_contiguous_and_strided_inputs_give_the_same(rng):
    strided = draw(rng, (2, 3, 7, 5), np.float32)
    contiguous = [np.ascontiguousarray(a) for a in strided]
    for a, b in zip(both_ways(attention, *strided), both_ways(attention, *contiguous), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_its_memory_grows_with_the_tokens_and_not_with_their_square():
    """Beyond q, k, v, the output and the gradients: less than 2.2 times as much for twice the tokens."""
    extra = []
    for tokens in (256, 512, 1024):
        q, k, v, dy = np.random.default_rng(0).standard_normal((4, 1, 2, tokens, 4), dtype=np.float32)
        tracemalloc.start()
        results = both_ways(attention, q, k, v, dy)
        extra.append(tracemalloc.get_traced_memory()[1] - sum(a.nbytes for a in results))
        tracemalloc.stop()
    assert extra[1] < 2.2 * extra[0]
    assert extra[2] < 2.2 * extra[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_self_attention_in_one_is_the_chain_of_the_three(rng, shape, dtype):
    batch, heads, tokens, width = shape
    qkv = rng.standard_normal((batch, tokens, 3 * heads * width)).astype(dtype)
    dy = rng.standard_normal((batch, tokens, heads * width)).astype(dtype)
    (y, backward), (expected, backward_expected) = cpu_attention.self_attention(qkv, heads), self_attention_plain(qkv, heads)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(backward(dy), backward_expected(dy))


def test_the_gradients_of_q_k_and_v_are_written_where_they_belong_and_not_copied(monkeypatch):
    """Backward's peak is the one array of gradients and some blocks of scores; a copy would be another array."""
    monkeypatch.setattr(cpu_attention, "SCORES", 20_000)
    qkv = np.random.default_rng(0).standard_normal((64, 50, 192), dtype=np.float32)
    y, backward = cpu_attention.self_attention(qkv, 4)
    tracemalloc.start()
    backward(y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < qkv.nbytes + 8 * 4 * 20_000


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (0, 0, 2)])
def test_gradients_in_another_order_are_not_taken_for_the_array_that_they_came_from(rng, order):
    qkv = rng.standard_normal((2, 3, 30), dtype=np.float32)
    (q, k, v), unsplit = ops.split_heads.forward(qkv, heads=2)
    three = attention(q, k, v)[1](rng.standard_normal(q.shape, dtype=np.float32))[:3]
    mixed = [three[i] for i in order]
    expected = unsplit(*(g.copy() for g in mixed))
    np.testing.assert_array_equal(unsplit(*mixed), expected)


def test_keep_freed_memory_says_whether_it_could():
    assert cpu.keep_freed_memory() in (True, False)
