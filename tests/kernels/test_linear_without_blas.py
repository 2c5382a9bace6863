"""linear's products for a browser's NumPy, which has no BLAS, beside the plain form."""

import sys

import numpy as np
import pytest

from minivit.kernels import cpu
from minivit.ops import linear
from minivit.ops.linear import linear_plain


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("dtype, limit", [(np.float32, 1e-5), (np.float64, 1e-13)])
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 5, 4), (0, 4)])
def test_it_gives_what_the_plain_form_gives(rng, shape, dtype, limit, with_bias):
    x, weight, dy = (rng.standard_normal(s).astype(dtype) for s in (shape, (4, 6), (*shape[:-1], 6)))
    bias = rng.standard_normal(6).astype(dtype) if with_bias else None
    (y, backward), (y0, backward0) = (form(x, weight, bias) for form in (cpu.linear, linear_plain))
    for own, plain in zip((y, *backward(dy)), (y0, *backward0(dy)), strict=True):
        if plain is None:
            assert own is None
            continue
        assert own.shape == plain.shape and own.dtype == dtype
        np.testing.assert_allclose(own, plain, atol=limit)


def test_it_serves_in_a_browser_alone(rng, monkeypatch):
    served = []
    monkeypatch.setattr(cpu.np, "einsum", lambda *given: served.append(given) or np.zeros((3, 6)))
    given = rng.standard_normal((3, 4)), rng.standard_normal((4, 6)), None
    linear.forward(*given)
    assert not served
    monkeypatch.setattr(sys, "platform", "emscripten")
    linear.forward(*given)
    assert len(served) == 1
