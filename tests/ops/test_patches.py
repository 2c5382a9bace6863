"""Patches and tokens: what the table of test_registry cannot say."""

import re

import numpy as np
import pytest

from minivit import ops

from ..support import plain

HEIGHT, WIDTH, CHANNELS = 4, 9, 2


@pytest.fixture
def images(rng):
    return rng.standard_normal((3, HEIGHT, WIDTH, CHANNELS))


@pytest.mark.parametrize("size", [(2, 3), (4, 1), (1, 9), (1, 1)])
def test_patchify_against_slices_of_a_non_square_image(size, images):
    np.testing.assert_array_equal(ops.patchify.forward(images, size)[0], plain.patchify(images, *size))


def test_patches_go_row_by_row_and_each_is_flattened_by_row_column_channel(images):
    """The same by index, on rectangles, so that a mistaken order cannot have the right shape."""
    p, q = 2, 3
    patches, _ = ops.patchify.forward(images, (p, q))
    for b, i, j, c in np.ndindex(images.shape):
        number = (i // p) * (WIDTH // q) + j // q
        place = ((i % p) * q + j % q) * CHANNELS + c
        assert patches[b, number, place] == images[b, i, j, c]


def test_one_number_cuts_square_patches(images):
    square = images[:, :, :8]
    np.testing.assert_array_equal(ops.patchify.forward(square, 4)[0], ops.patchify.forward(square, (4, 4))[0])


@pytest.mark.parametrize("size", [(2, 3), (4, 3), (1, 1)])
def test_unpatchify_undoes_patchify(size, images):
    patches, _ = ops.patchify.forward(images, size)
    back, _ = ops.unpatchify.forward(patches, patch_size=size, image_size=(HEIGHT, WIDTH))
    np.testing.assert_array_equal(back, images)


def test_patchify_names_the_sizes_and_proposes_others():
    with pytest.raises(ValueError, match=r"2 x 4 .* 5 x 9.* 4 x 8"):
        ops.patchify.forward(np.zeros((1, 5, 9, 1)), (2, 4))


@pytest.mark.parametrize(
    "shape, size, image", [((1, 5, 6), (2, 3), (4, 9)), ((1, 6, 7), (2, 3), (4, 9)), ((1, 6, 6), (2, 3), (5, 9))]
)
def test_unpatchify_names_what_does_not_fit(shape, size, image):
    message = f"{shape[1]} patches.* {shape[2]} .* {size[0]} x {size[1]} .* {image[0]} x {image[1]}"
    with pytest.raises(ValueError, match=message):
        ops.unpatchify.forward(np.zeros(shape), size, image)


def test_embed_tokens_puts_the_class_token_in_front_and_adds_every_position(rng):
    x, cls_token, pos_embed = rng.standard_normal((2, 3, 5)), rng.standard_normal((1, 1, 5)), rng.standard_normal((1, 4, 5))
    y, _ = ops.embed_tokens.forward(x, cls_token, pos_embed)
    for b in range(2):
        np.testing.assert_array_equal(y[b, 0], cls_token[0, 0] + pos_embed[0, 0])
        for n in range(3):
            np.testing.assert_array_equal(y[b, 1 + n], x[b, n] + pos_embed[0, 1 + n])


def test_the_gradients_of_class_token_and_positions_are_summed_over_the_batch(rng):
    x, dy = rng.standard_normal((2, 3, 5)), rng.standard_normal((2, 4, 5))
    _, backward = ops.embed_tokens.forward(x, np.zeros((1, 1, 5)), np.zeros((1, 4, 5)))
    dx, dcls_token, dpos_embed = backward(dy)
    np.testing.assert_array_equal(dx, dy[:, 1:])
    np.testing.assert_allclose(dcls_token, (dy[0] + dy[1])[None, :1])
    np.testing.assert_allclose(dpos_embed, (dy[0] + dy[1])[None])


def test_without_class_token_and_positions_tokens_pass_unchanged(rng):
    x, dy = rng.standard_normal((2, 3, 5)), rng.standard_normal((2, 3, 5))
    y, backward = ops.embed_tokens.forward(x, None, None)
    np.testing.assert_array_equal(y, x)
    dx, *others = backward(dy)
    np.testing.assert_array_equal(dx, dy)
    assert others == [None, None]


@pytest.mark.parametrize("cls, needed", [(True, "(1, 4, 5)"), (False, "(1, 3, 5)")])
def test_embed_tokens_names_the_positions_it_needs(cls, needed):
    with pytest.raises(ValueError, match=re.escape(needed) + ".*" + re.escape("(1, 7, 5)")):
        ops.embed_tokens.forward(np.zeros((2, 3, 5)), np.zeros((1, 1, 5)) if cls else None, np.zeros((1, 7, 5)))
