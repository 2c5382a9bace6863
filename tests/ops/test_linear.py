"""Matrix products: what the table of test_registry cannot say."""

import re

import numpy as np
import pytest

from minivit import Tensor, gradients, ops


def test_the_gradients_of_weight_and_bias_are_sums_over_the_batch_and_the_tokens(rng):
    x, weight, bias = rng.standard_normal((2, 3, 5)), rng.standard_normal((5, 4)), rng.standard_normal(4)
    dy = rng.standard_normal((2, 3, 4))
    _, dweight, dbias = ops.linear.forward(x, weight, bias)[1](dy)
    expected_weight, expected_bias = np.zeros((5, 4)), np.zeros(4)
    for image in range(2):
        for token in range(3):
            expected_weight += np.outer(x[image, token], dy[image, token])
            expected_bias += dy[image, token]
    np.testing.assert_allclose(dweight, expected_weight, rtol=1e-12)
    np.testing.assert_allclose(dbias, expected_bias, rtol=1e-12)


def test_linear_names_the_widths_that_do_not_fit():
    with pytest.raises(ValueError, match=re.escape("(2, 3, 5)") + ".*6.*" + re.escape("(6, 4)")):
        ops.linear.forward(np.zeros((2, 3, 5)), np.zeros((6, 4)), np.zeros(4))


@pytest.mark.parametrize("shapes", [((3,), (3, 2)), ((2, 3), (3,))])
def test_matmul_refuses_vectors_by_name(shapes):
    with pytest.raises(ValueError, match=re.escape(str(shapes[0])) + ".*" + re.escape(str(shapes[1]))):
        ops.matmul.forward(np.zeros(shapes[0]), np.zeros(shapes[1]))


def test_the_matrix_product_of_an_array_and_a_tensor_is_recorded(rng):
    a, b = rng.standard_normal((2, 3)), Tensor(rng.standard_normal((3, 5)), requires_grad=True)
    np.testing.assert_allclose(gradients((a @ b).sum(), [b])[0], a.T @ np.ones((2, 5)))
    c = rng.standard_normal((5, 4))
    np.testing.assert_allclose((b @ c).numpy(), b.numpy() @ c)
