"""LayerNorm: what the table of test_registry cannot say."""

import numpy as np
import pytest

from minivit import ops
from minivit.kernels import cpu
from minivit.ops.layernorm import layernorm_plain

from ..support import plain
from ..support.plain import relative_error


def test_layernorm_against_numpys_mean_and_var(rng):
    x, weight, bias = 3 + 2 * rng.standard_normal((2, 3, 5)), rng.standard_normal(5), rng.standard_normal(5)
    np.testing.assert_allclose(ops.layernorm.forward(x, weight, bias)[0], plain.layernorm(x, weight, bias), rtol=1e-12)


def test_every_token_gets_mean_zero_and_variance_one(rng):
    y, _ = ops.layernorm.forward(7 + 5 * rng.standard_normal((2, 3, 64)), np.ones(64), np.zeros(64))
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-14)
    np.testing.assert_allclose(y.var(-1), 1, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_row_becomes_the_bias_with_a_finite_gradient(dtype, rng):
    x, bias = np.full((2, 4), 3.0, dtype), rng.standard_normal(4).astype(dtype)
    y, backward = ops.layernorm.forward(x, np.ones(4, dtype), bias)
    np.testing.assert_array_equal(y, np.stack([bias, bias]))
    dx, dweight, _ = backward(rng.standard_normal((2, 4)).astype(dtype))
    assert np.isfinite(dx).all()
    np.testing.assert_array_equal(dweight, np.zeros(4))


def test_a_large_offset_does_not_drown_the_variance_in_float32(rng):
    """mean(x^2) - mean(x)^2 would: its terms are 1e8, and float32 keeps 7 digits."""
    x = (1e4 + rng.standard_normal((2, 64))).astype(np.float32)
    y, _ = ops.layernorm.forward(x, np.ones(64, np.float32), np.zeros(64, np.float32))
    shift = y.mean(-1, keepdims=True)  # the rounding of the mean, which hangs on the order of the sum
    assert np.abs(shift).max() < 0.01
    np.testing.assert_allclose(y - shift, plain.layernorm(x.astype(float), 1, 0), atol=2e-5)


def test_the_gradient_of_a_row_sums_to_zero_and_is_orthogonal_to_the_row(rng):
    """Moving or stretching a whole row changes nothing, so the gradient must not point there."""
    x = rng.standard_normal((2, 3, 5))
    dx, _, _ = ops.layernorm.forward(x, rng.standard_normal(5), np.zeros(5), eps=1e-30)[1](rng.standard_normal(x.shape))
    np.testing.assert_allclose(dx.sum(-1), 0, atol=1e-13)
    np.testing.assert_allclose((dx * (x - x.mean(-1, keepdims=True))).sum(-1), 0, atol=1e-13)


@pytest.mark.parametrize("dtype, limit", [(np.float64, 1e-12), (np.float32, 2e-6)])
@pytest.mark.parametrize("shape", [(2, 3, 5), (7,), (4, 1), (2, 64)], ids=str)
def test_the_kernel_is_the_plain_form(shape, dtype, limit, rng):
    x, weight, bias = (rng.standard_normal(s).astype(dtype) for s in (shape, shape[-1:], shape[-1:]))
    dy = rng.standard_normal(shape).astype(dtype)
    (y, backward), (expected, backward_expected) = cpu.layernorm(x, weight, bias, 1e-6), layernorm_plain(x, weight, bias, 1e-6)
    for found, right in zip((y, *backward(dy)), (expected, *backward_expected(dy)), strict=True):
        assert found.dtype == dtype and relative_error(found, right) < limit
