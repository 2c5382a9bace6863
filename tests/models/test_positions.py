"""Relative positions: what attention knows of where tokens stand, and that it knows distances only."""

import math

import numpy as np
import pytest

from minivit import ViT, ops
from minivit.models.positions import bucket

from ..support.parts import config_with, model_with, some_images

PLACES = [(row, column) for row in range(2) for column in range(3)]  # of the patches, in their order
IN_FRONT = {"nothing": ("mean",), "the class token": (), "the class token and 4 registers": ("registers",)}


def in_front(config):
    return config.tokens - 6


def part_of(*parts, **changes):
    """The positions of a model's first block."""
    return model_with(*parts, **changes).blocks[0].attn.rel_pos


def queries_and_keys(config, alike=False):
    """(q, k), (B, h, T, d); alike: those of every patch."""
    q, k = np.random.default_rng(0).standard_normal((2, 2, 2, config.tokens, 4))
    if alike:
        q[:, :, -6:], k[:, :, -6:] = q[:, :, -1:], k[:, :, -1:]
    return q, k


def scores_of(part, q, k):
    """All scores that the part leads to, (B, h, T, T)."""
    q, k, bias = part(q, k)
    scores = np.asarray(getattr(q, "data", q)) @ np.asarray(getattr(k, "data", k)).swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    return scores if bias is None else scores + bias.data


@pytest.mark.parametrize("front", IN_FRONT.values(), ids=IN_FRONT)
@pytest.mark.parametrize("part", ["relative", "irpe", "rope", "rope_mixed"])
def test_the_score_of_patches_that_are_alike_depends_on_the_distance_only_and_on_all_of_it(part, front):
    config = config_with(part, *front)
    scores = scores_of(part_of(part, *front), *queries_and_keys(config, alike=True))[:, :, -6:, -6:]
    by_distance = {}
    for i, (row, column) in enumerate(PLACES):
        for j, (other_row, other_column) in enumerate(PLACES):
            by_distance.setdefault((row - other_row, column - other_column), []).append(scores[:, :, i, j])
    assert len(by_distance) == 3 * 5
    for found in by_distance.values():
        np.testing.assert_allclose(found, np.broadcast_to(found[0], np.shape(found)), atol=1e-12)
    one = np.array([found[0][0, 0] for found in by_distance.values()])
    assert len(np.unique(one.round(9))) == 3 * 5, "every distance has a score of its own, one to the left and one to the right"


@pytest.mark.parametrize("front", IN_FRONT.values(), ids=IN_FRONT)
def test_the_bias_is_read_from_the_table_by_row_and_column(front):
    config, part = config_with("relative", *front), part_of("relative", *front)
    table, first = part.relative_position_bias_table.data, in_front(config)
    assert table.shape == (3 * 5 + (3 if first else 0), 2)
    bias = part(*queries_and_keys(config))[2].data  # (h, T, T)
    for i, (row, column) in enumerate(PLACES):
        for j, (other_row, other_column) in enumerate(PLACES):
            expected = table[(row - other_row + 1) * 5 + column - other_column + 2]
            np.testing.assert_array_equal(bias[:, first + i, first + j], expected)
    for i in range(first):  # from a token in front to a patch, from a patch to it, and among themselves
        assert (bias[:, i, first:] == table[15][:, None]).all() and (bias[:, first:, i] == table[16][:, None]).all()
        assert (bias[:, i, :first] == table[17][:, None]).all()


def test_each_head_has_a_bias_of_its_own():
    bias = part_of("relative")(*queries_and_keys(config_with()))[2].data
    assert (bias[0] != bias[1]).all()


@pytest.mark.parametrize("part", ["rope", "rope_mixed"])
@pytest.mark.parametrize("front", IN_FRONT.values(), ids=IN_FRONT)
def test_what_has_no_place_is_not_turned(part, front):
    config = config_with(part, *front)
    q, k = queries_and_keys(config)
    turned, also, bias = part_of(part, *front)(q, k)
    first = in_front(config)
    assert bias is None
    np.testing.assert_array_equal(turned.data[:, :, :first], q[:, :, :first])
    np.testing.assert_array_equal(also.data[:, :, :first], k[:, :, :first])
    np.testing.assert_array_equal(turned.data[:, :, first], q[:, :, first])  # the patch at (0, 0)
    assert (turned.data[:, :, first + 1 :] != q[:, :, first + 1 :]).any(axis=-1).all()
    np.testing.assert_allclose((turned.data**2).sum(axis=-1), (q**2).sum(axis=-1))


def test_axial_angles_grow_with_the_column_in_one_half_and_with_the_row_in_the_other():
    angles = part_of("rope", dim=16).angles.data  # (T, 4): 2 speeds a direction
    expected = [[column * speed for speed in (1, 0.1)] + [row * speed for speed in (1, 0.1)] for row, column in PLACES]
    np.testing.assert_allclose(angles, [[0, 0, 0, 0], *expected])


def test_mixed_angles_are_column_and_row_times_what_is_learned():
    config, part = config_with("rope_mixed"), part_of("rope_mixed")
    q, k = queries_and_keys(config)
    (fx, fy), turned = part.freqs.data, part(q, k)[0].data  # 2 of (h, d/2)
    for n, (row, column) in enumerate(PLACES):
        expected = ops.rotate(q[:, :, 1 + n : 2 + n], (column * fx + row * fy)[:, None]).data
        np.testing.assert_allclose(turned[:, :, 1 + n : 2 + n], expected, rtol=1e-12)


def test_at_the_start_mixed_directions_are_at_right_angles_and_differ_between_heads():
    fx, fy = ViT(config_with("rope_mixed", dim=16), 0, np.float64).blocks[0].attn.rel_pos.freqs.data  # (h, d/2): 2 and 2 pairs
    np.testing.assert_allclose(np.hypot(fx, fy), [[1, 10**-0.5, 1, 10**-0.5]] * 2)
    np.testing.assert_allclose(fx[:, :2] * fx[:, 2:] + fy[:, :2] * fy[:, 2:], 0, atol=1e-12)
    assert abs(fx[0, 0] - fx[1, 0]) > 0.01


def test_a_vit_with_rotary_positions_reads_larger_images_with_the_same_weights():
    small, large = (model_with("rope_mixed", "no positions", image_size=size) for size in ((8, 12), (12, 20)))
    large.load_state_dict(small.state_dict())
    assert large(np.random.default_rng(0).standard_normal((2, 12, 20, 2))).shape == (2, 5)


# Contextual


def test_buckets_are_the_near_distances_themselves_and_the_far_ones_together():
    distances = np.arange(-40, 41)
    found = bucket(distances)
    near = {0: 0, 1: 1, 2: 2, 3: 2, 4: 3, 15: 3, 40: 3}
    assert [int(found[40 + distance]) for distance in near] == list(near.values())
    np.testing.assert_array_equal(found, -found[::-1])
    assert (np.diff(found) >= 0).all()


def test_the_contextual_bias_is_the_query_times_the_vector_of_the_distance():
    config, part = config_with("irpe", "registers"), part_of("irpe", "registers")
    q, k = queries_and_keys(config)
    vectors, bias = part.lookup_table_weight.data, part(q, k)[2].data  # (d, L), (B, h, T, T)
    assert vectors.shape == (4, 50)
    for i, (row, column) in enumerate(PLACES):
        for j, (other_row, other_column) in enumerate(PLACES):
            vector = vectors[:, (row - other_row + 3) * 7 + column - other_column + 3]  # distances to 2 are their own bucket
            np.testing.assert_allclose(bias[:, :, 5 + i, 5 + j], q[:, :, 5 + i] @ vector / 2, rtol=1e-10)
    np.testing.assert_allclose(bias[:, :, 0, 9], q[:, :, 0] @ vectors[:, 49] / 2, rtol=1e-10)
    np.testing.assert_allclose(bias[:, :, 9, 0], q[:, :, 9] @ vectors[:, 49] / 2, rtol=1e-10)


# PEG


def test_peg_adds_a_convolution_of_the_picture_and_leaves_the_class_token_alone():
    peg = model_with("peg").blocks[0].peg
    x = np.random.default_rng(0).standard_normal((2, 7, 8))
    framed = np.pad(x[:, 1:].reshape(2, 2, 3, 8), ((0, 0), (1, 1), (1, 1), (0, 0)))
    weight, expected = peg.weight.data, x.copy()
    for n, (row, column) in enumerate(PLACES):
        expected[:, 1 + n] += (framed[:, row : row + 3, column : column + 3] * weight).sum(axis=(1, 2)) + peg.bias.data
    np.testing.assert_allclose(peg(x).data, expected, rtol=1e-10)


def test_peg_stands_behind_the_first_block_only():
    names = [name for name in model_with("peg").state_dict() if "peg" in name]
    assert names == ["blocks.0.peg.weight", "blocks.0.peg.bias"]


@pytest.mark.parametrize("part", ["relative", "irpe", "peg", "rope", "rope_mixed"])
def test_alone_they_tell_where_things_are(part):
    """Without any position, the same patches in another order are the same to a model."""
    images = some_images(1)
    turned = images[:, ::-1].reshape(1, 2, 4, 12, 2)[:, :, ::-1].reshape(images.shape)  # the rows of patches exchanged

    def moved(*parts):
        model = model_with(*parts)
        return float(np.abs(model(images).data - model(turned).data).max())

    assert moved("no positions") < 1e-9
    assert moved("no positions", part) > 1e-6
