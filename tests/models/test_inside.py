"""What is seen inside a ViT: each figure's mathematics against slow loops, and against its known wrong forms."""

import math

import numpy as np
import pytest

from minivit.models.inside import attention_distance, attention_rollout, damaged, occlusion, patch_filters, position_similarity

BATCH, HEADS, TOKENS, BLOCKS = 2, 3, 5, 3


@pytest.fixture
def attentions():
    rng = np.random.default_rng(0)
    raw = rng.random((BLOCKS, BATCH, HEADS, TOKENS, TOKENS)) ** 3
    return list(raw / raw.sum(axis=-1, keepdims=True))


def slow_rollout(attentions):
    """Entry by entry: how much of token j's start is in token i after each block."""
    result = np.zeros((BATCH, TOKENS, TOKENS))
    for b in range(BATCH):
        inside = [[float(i == j) for j in range(TOKENS)] for i in range(TOKENS)]
        for attention in attentions:
            mixed = [
                [0.5 * sum(attention[b, h, i, k] for h in range(HEADS)) / HEADS + 0.5 * (i == k) for k in range(TOKENS)]
                for i in range(TOKENS)
            ]
            inside = [[sum(mixed[i][k] * inside[k][j] for k in range(TOKENS)) for j in range(TOKENS)] for i in range(TOKENS)]
        result[b] = inside
    return result


def wrong_forms(attentions):
    """Rollouts that others have published by mistake."""
    one = np.eye(TOKENS)

    def product(matrices):
        found = one
        for matrix in matrices:
            found = matrix @ found
        return found

    means = [a.mean(axis=1) for a in attentions]
    halves = [(m + one) / 2 for m in means]
    yield "no identity", product(means)
    yield "columns normalised", product([(m + one) / (m + one).sum(axis=-2, keepdims=True) for m in means])
    yield "the other order", product(halves[::-1])
    largest = [a.max(axis=1) + one for a in attentions]
    yield "the largest head", product([m / m.sum(axis=-1, keepdims=True) for m in largest])
    yield "the last block alone", halves[-1]
    yield "transposed", product(halves).swapaxes(-1, -2)


def test_rollout_equals_the_slow_loop_and_its_rows_add_up_to_1(attentions):
    found = attention_rollout(attentions)
    np.testing.assert_allclose(found, slow_rollout(attentions), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=-1), 1)


def test_rollout_is_none_of_its_known_wrong_forms(attentions):
    found = attention_rollout(attentions)
    names = [name for name, wrong in wrong_forms(attentions) if np.abs(wrong - found).max() < 1e-3]
    assert names == []


def test_rollout_through_class_attention_takes_a_token_that_does_not_look_as_it_was():
    """Two blocks in which three patches look at each other, two in which the class token looks at all."""
    rng = np.random.default_rng(0)
    patches, rows = rng.random((2, BATCH, HEADS, 3, 3)), rng.random((2, BATCH, HEADS, 1, 4))
    patches, rows = (a / a.sum(axis=-1, keepdims=True) for a in (patches, rows))
    whole = np.zeros((4, BATCH, HEADS, 4, 4))
    whole[:2, ..., 0, 0] = 1  # the class token is not there yet: it stays what it was
    whole[:2, ..., 1:, 1:] = patches
    whole[2:, ..., :1, :] = rows
    whole[2:, ..., 1:, 1:] = np.eye(3)
    np.testing.assert_allclose(attention_rollout([*patches, *rows]), attention_rollout(list(whole)), atol=1e-12)


def test_rollout_of_no_block_is_told():
    with pytest.raises(ValueError, match="return_attention=True"):
        attention_rollout([])


def test_of_class_attention_there_is_no_distance():
    with pytest.raises(ValueError, match="no patch does: leave the last class_blocks out"):
        attention_distance(np.full((BATCH, HEADS, 1, 7), 1 / 7), (2, 3), 4)


def test_distance_equals_the_slow_loop_on_a_grid_that_is_no_square():
    grid, patch = (2, 3), (4, 5)
    rng = np.random.default_rng(1)
    attention = rng.random((BATCH, HEADS, 7, 7))
    attention /= attention.sum(axis=-1, keepdims=True)
    wanted = np.zeros(HEADS)
    for h in range(HEADS):
        for b in range(BATCH):
            for i in range(6):
                weights = attention[b, h, 1 + i, 1:]
                apart = [math.hypot((i // 3 - j // 3) * 4, (i % 3 - j % 3) * 5) for j in range(6)]
                wanted[h] += sum(w * a for w, a in zip(weights, apart, strict=True)) / sum(weights) / (BATCH * 6)
    np.testing.assert_allclose(attention_distance(attention, grid, patch), wanted, atol=1e-12)


def test_a_head_that_looks_at_itself_has_distance_0_and_one_that_looks_everywhere_the_mean():
    own = np.eye(4)[None, None]
    assert attention_distance(own, (2, 2), 3) == pytest.approx(0)
    everywhere = np.full((1, 1, 4, 4), 0.25)
    assert attention_distance(everywhere, (2, 2), 3) == pytest.approx((0 + 3 + 3 + 3 * math.sqrt(2)) / 4)


def test_similarity_leaves_the_class_token_out_and_does_not_depend_on_length():
    pos_embed = np.random.default_rng(2).standard_normal((1, 7, 4))
    found = position_similarity(pos_embed, (2, 3))
    assert found.shape == (6, 6)
    np.testing.assert_allclose(np.diag(found), 1)
    a, b = pos_embed[0, 2], pos_embed[0, 5]
    assert found[1, 4] == pytest.approx(a @ b / math.sqrt((a @ a) * (b @ b)))
    np.testing.assert_allclose(position_similarity(pos_embed * np.arange(1, 8)[:, None], (2, 3)), found)


def test_the_first_filter_is_the_direction_of_most_of_the_weight():
    direction = np.random.default_rng(3).standard_normal(12)
    direction /= np.linalg.norm(direction)
    weight = np.outer(direction, [3, -2, 5.0]) + 0.01 * np.random.default_rng(4).standard_normal((12, 3))
    found = patch_filters(weight, 2, count=2)
    assert found.shape == (2, 2, 2, 3)
    assert abs(found[0].ravel() @ direction) == pytest.approx(1, abs=1e-3)


def test_the_largest_entry_of_a_filter_is_positive_whatever_svd_chose(monkeypatch):
    weight, svd = np.random.default_rng(5).standard_normal((12, 20)), np.linalg.svd
    found = patch_filters(weight, 2)
    assert all(one.max() == np.abs(one).max() for one in found)
    monkeypatch.setattr("numpy.linalg.svd", lambda *args, **options: [-part for part in svd(*args, **options)])
    np.testing.assert_array_equal(patch_filters(weight, 2), found)


def test_occlusion_finds_the_patch_on_which_the_answer_hangs():
    image = np.zeros((4, 6, 1))
    image[2:4, 4:6] = 1

    def probabilities(images):
        ink = images[:, 2:4, 4:6].mean(axis=(1, 2, 3))
        return np.stack([1 - ink, ink], axis=1)

    answer, sure, hidden = occlusion(probabilities, image, 2)
    assert (answer, sure) == (1, 1) and hidden.shape == (2, 3)
    assert hidden[1, 2] == 0 and hidden.sum() == 5


def test_occlusion_paints_a_patch_in_the_colour_that_is_asked_for():
    image = np.random.default_rng(5).standard_normal((4, 6, 3))
    seen = []

    def probabilities(images):
        seen.append(images)
        return np.tile([0.25, 0.75], (len(images), 1))

    occlusion(probabilities, image, 2, fill=np.array([7.0, 8.0, 9.0]))
    whole, *painted = seen[0]
    assert (whole == image).all() and len(painted) == 6
    assert (painted[4][2:4, 2:4] == [7, 8, 9]).all()
    assert (painted[4] == image).all(axis=-1).sum() == 20


@pytest.mark.parametrize("share, changed", [(0, 0), (0.5, 3), (1, 6)])
def test_hiding_takes_that_share_of_the_patches(share, changed):
    images = np.ones((2, 4, 6, 1))
    found = damaged(images, 2, share, np.random.default_rng(0), "hide")
    assert (found == 0).sum() == 2 * 4 * changed and (images == 1).all()


def test_shuffling_keeps_every_patch_and_moves_them():
    images = np.repeat(np.repeat(np.arange(6.0).reshape(1, 2, 3, 1), 2, axis=1), 2, axis=2)
    found = damaged(images, 2, 1, np.random.default_rng(0), "shuffle")
    assert sorted(found.ravel()) == sorted(images.ravel()) and (found != images).all()
    two = damaged(np.repeat(images, 50, axis=0), 2, 1 / 3, np.random.default_rng(0), "shuffle") != images
    assert (two.sum(axis=(1, 2, 3)) == 2 * 4).all(), "two patches of four pixels change places, in every image"
    with pytest.raises(ValueError, match="hide"):
        damaged(images, 2, 1, np.random.default_rng(0), "burn")
