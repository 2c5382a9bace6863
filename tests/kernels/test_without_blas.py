"""Linear where NumPy has no matrix library, held to the plain form."""

import numpy as np
import pytest

from minivit.kernels import cpu
from minivit.ops.linear import linear_plain


@pytest.mark.parametrize("dtype, limit", [(np.float32, 2e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("lead", [(), (5,), (2, 3), (0, 3)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_linear_by_einsum_is_linear(lead, with_bias, dtype, limit):
    rng = np.random.default_rng(0)
    x, weight, bias, dy = (rng.standard_normal(shape).astype(dtype) for shape in ((*lead, 7), (7, 4), (4,), (*lead, 4)))
    bias = bias if with_bias else None
    (y, backward), (expected, plain) = cpu.linear_without_blas(x, weight, bias), linear_plain(x, weight, bias)
    for found, right in zip((y, *backward(dy)), (expected, *plain(dy)), strict=True):
        if right is None:
            assert found is None
        else:
            assert found.shape == right.shape and found.dtype == dtype
            assert np.abs(found - right).max(initial=0) <= limit * 10
