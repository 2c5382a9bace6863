"""GELU in its two forms, and its kernels, held to the plain formulas."""

import math

import numpy as np
import pytest

from minivit import ops
from minivit.kernels import cpu
from minivit.kernels.cpu import BLOCK
from minivit.ops.gelu import gelu_exact, gelu_tanh

from ..support import plain

KERNELS = [
    pytest.param(cpu.gelu_exact, gelu_exact, np.float32, 1e-6, id="exact float32"),
    pytest.param(cpu.gelu_tanh, gelu_tanh, np.float32, 1e-6, id="tanh float32"),
    pytest.param(cpu.gelu_tanh, gelu_tanh, np.float64, 1e-14, id="tanh float64"),
]
each_kernel = pytest.mark.parametrize("kernel, plain_form, dtype, limit", KERNELS)
EXTREME = [1e4, -1e4, 100.0, -100.0, 0.0, -0.0, 1e-30, -1e-30, 1e-4, -1e-4, 5.0, -5.0, 13.0, -13.0]


def agree(kernel, plain_form, x, limit):
    for found, expected in zip(kernel(x), plain_form(x), strict=True):
        assert found.shape == x.shape
        assert found.dtype == x.dtype
        np.testing.assert_allclose(found, expected, rtol=limit, atol=limit)


@each_kernel
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5, 11), (0,), (2, 0, 3)], ids=str)
def test_a_kernel_equals_its_plain_form(kernel, plain_form, dtype, limit, shape, rng):
    agree(kernel, plain_form, np.asarray(3 * rng.standard_normal(shape)).astype(dtype), limit)


@each_kernel
@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 777])
def test_a_kernel_equals_its_plain_form_across_blocks(kernel, plain_form, dtype, limit, size, rng):
    agree(kernel, plain_form, (3 * rng.standard_normal(size)).astype(dtype), limit)


@each_kernel
def test_a_kernel_takes_arrays_scattered_in_memory(kernel, plain_form, dtype, limit, rng):
    x = (3 * rng.standard_normal((6, 10, 4))).astype(dtype)
    agree(kernel, plain_form, x.transpose(2, 0, 1)[:, ::2, ::3], limit)


@each_kernel
def test_a_kernel_does_not_write_into_its_input(kernel, plain_form, dtype, limit, rng):
    x = rng.standard_normal((3, 5)).astype(dtype)
    x.setflags(write=False)
    kernel(x)


@each_kernel
def test_a_kernel_at_extreme_values(kernel, plain_form, dtype, limit):
    x = np.array(EXTREME, dtype)
    agree(kernel, plain_form, x, limit)
    y, slope = kernel(x)
    assert np.isfinite(y).all() and np.isfinite(slope).all()
    np.testing.assert_allclose(y[[0, 1, 4, 5]], [1e4, 0, 0, 0])
    np.testing.assert_allclose(slope[[0, 1, 4, 5]], [1, 0, 0.5, 0.5])


@pytest.mark.parametrize("dtype, limit", [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_exact_gelu_against_pythons_erf(dtype, limit):
    x = np.linspace(-6, 6, 241).astype(dtype)
    expected = [float(v) * 0.5 * (1 + math.erf(float(v) / math.sqrt(2))) for v in x]
    np.testing.assert_allclose(ops.gelu.forward(x)[0], expected, rtol=limit, atol=limit)


def test_the_tanh_form_against_its_formula():
    x = np.linspace(-6, 6, 241)
    np.testing.assert_allclose(ops.gelu.forward(x, approximate=True)[0], plain.gelu_tanh(x), rtol=1e-13, atol=1e-15)


def test_the_two_forms_differ_by_what_the_documentation_says():
    x = np.linspace(-6, 6, 2401)
    difference = np.abs(ops.gelu.forward(x)[0] - ops.gelu.forward(x, approximate=True)[0]).max()
    assert 4e-4 < difference < 5e-4


@pytest.mark.parametrize("approximate", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_of_a_single_number_is_a_single_number(dtype, approximate):
    y, backward = ops.gelu.forward(np.array(0.5, dtype), approximate=approximate)
    assert np.shape(y) == np.shape(backward(np.ones((), dtype))) == ()
    assert float(y) == pytest.approx(float((plain.gelu_tanh if approximate else plain.gelu)(0.5)), rel=1e-6)


def test_gelu_is_exact_by_default(rng):
    x = rng.standard_normal((3, 5))
    np.testing.assert_array_equal(ops.gelu.forward(x)[0], ops.gelu.forward(x, approximate=False)[0])
    assert not np.array_equal(ops.gelu.forward(x)[0], ops.gelu.forward(x, approximate=True)[0])


def test_relu_passes_no_gradient_at_and_below_zero():
    _, backward = ops.relu.forward(np.array([-2.0, 0.0, 3.0]))
    assert backward(np.array([5.0, 6.0, 7.0])).tolist() == [0, 0, 7]


def test_tanh_saturates_with_a_gradient_of_zero():
    y, backward = ops.tanh.forward(np.array([1e4, -1e4]))
    assert y.tolist() == [1, -1]
    assert backward(np.ones(2)).tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_from_zero_sigmoid_and_silu_do_not_overflow(dtype):
    x = np.array([1e4, -1e4, 80.0, -80.0, 0.0], dtype)
    with np.errstate(over="raise", invalid="raise"):
        (gate, to_gate), (y, to_y) = (ops.registry[name].forward(x) for name in ("sigmoid", "silu"))
        slopes = to_gate(np.ones(5, dtype)), to_y(np.ones(5, dtype))
    assert gate.tolist() == [1, 0, 1, 0, 0.5] and y.tolist() == [1e4, 0, 80, 0, 0]
    assert slopes[0].tolist() == [0, 0, 0, 0, 0.25] and slopes[1].tolist() == [1, 0, 1, 0, 0.5]


def test_sigmoid_of_no_number_is_no_number():
    assert np.isnan(ops.sigmoid.forward(np.array([np.nan]))[0]).all()
