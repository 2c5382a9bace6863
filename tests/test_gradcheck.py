"""gradcheck: it catches what is wrong, lets pass what is right, and says which is which."""

import re

import numpy as np
import pytest

from minivit import gradcheck, op, ops

from .support.cases import CASES, build
from .support.planted import PLANTED


def test_at_least_two_dozen_mistakes_are_planted_each_under_its_own_name():
    names = [function.__name__ for function, _ in PLANTED]
    assert len(set(names)) == len(names) >= 24


@pytest.mark.parametrize("function, shapes", [pytest.param(*p, id=p[0].__name__) for p in PLANTED])
def test_a_planted_mistake_is_caught(function, shapes, rng):
    arrays = [rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape) for shape in shapes]
    assert not gradcheck(function, *arrays)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("function, shapes", [pytest.param(*p, id=p[0].__name__) for p in PLANTED])
def test_a_planted_mistake_is_caught_at_any_seed(function, shapes, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    assert not gradcheck(function, *arrays, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ops.registry))
def test_a_right_op_is_never_flagged_over_fifty_seeds(name):
    """Another case of the op at each seed, with other data and another upstream gradient."""
    cases = [case for case in CASES if case.op == name]
    for seed in range(50):
        case = cases[seed % len(cases)]
        args, options = build(case, seed=1000 + seed)
        report = gradcheck(ops.registry[name], *args, seed=seed, **options)
        assert report, f"{case}, seed {seed}: {report}"


def square(x, shift):
    return (x + shift) * (x + shift), lambda dy: (2 * dy * (x + shift), 2 * dy * (x + shift))


def test_the_report_of_a_right_op_is_true_and_has_a_row_for_each_argument(rng):
    report = gradcheck(square, rng.standard_normal((2, 3)), rng.standard_normal((2, 3)))
    assert bool(report) is True
    assert [(row.argument, row.shape) for row in report.rows] == [("x", (2, 3)), ("shift", (2, 3))]
    assert "square: passed" in str(report)


def test_the_report_names_argument_shape_error_worst_entry_and_both_values():
    def wrong_at_one_entry(x):
        def backward(dy):
            dx = 2 * x * dy
            dx[1, 2] += 5
            return dx

        return x * x, backward

    report = gradcheck(wrong_at_one_entry, np.full((2, 3), 0.5))
    (row,) = report.rows
    assert not report
    assert (row.argument, row.shape, row.worst) == ("x", (2, 3), (1, 2))
    assert row.yours - row.numeric == pytest.approx(5, abs=1e-6)
    text = str(report)
    assert "FAILED" in text
    line = next(line for line in text.splitlines() if "[1, 2]" in line)
    for part in ("NO", "x", "(2, 3)", f"{row.error:.0e}", f"{row.yours:.6g}", f"{row.numeric:.6g}"):
        assert part in line


def test_the_right_arguments_are_marked_as_right_beside_a_wrong_one(rng):
    def wrong_shift(x, shift):
        return x + shift, lambda dy: (dy, -dy)

    text = str(gradcheck(wrong_shift, rng.standard_normal(3), rng.standard_normal(3)))
    marks = {line.split()[1]: line.split()[0] for line in text.splitlines() if line.split()[0] in ("ok", "NO")}
    assert marks == {"x": "ok", "shift": "NO"}


@pytest.mark.parametrize(
    "backward, message",
    [
        (lambda x, dy: None, "no gradient for x"),
        (lambda x, dy: (2 * x * dy).T, r"x has shape \(3, 2\).*\(2, 3\)"),
        (lambda x, dy: (2 * x * dy).astype(np.float32), "x has dtype float32.*float64"),
        (lambda x, dy: np.multiply(dy, 2 * x, out=dy), "dy was changed in place"),
        (lambda x, dy: 2 * np.multiply(x, 1, out=x) * dy + 0 * np.add(x, 1, out=x), "an input was changed in place"),
    ],
    ids=["none", "shape", "dtype", "dy", "input"],
)
def test_what_is_wrong_besides_numbers_is_said_in_words(backward, message):
    def function(x):
        return x * x, lambda dy: backward(x, dy)

    report = gradcheck(function, np.full((2, 3), 0.75))
    assert not report
    assert re.search(message, str(report)), str(report)


def test_an_output_of_another_dtype_is_reported():
    report = gradcheck(lambda x: (x * np.float64(2), lambda dy: 2 * dy.astype(x.dtype)), np.ones(3))
    assert not report
    assert "output has dtype float64" in str(report)


def test_an_op_that_draws_at_random_is_reported_and_a_seeded_one_is_not(rng):
    x = rng.standard_normal((4, 5))
    report = gradcheck(ops.dropout, x, 0.5, np.random.default_rng(1))
    assert not report
    assert "two calls" in str(report) and "seed" in str(report)
    assert gradcheck(ops.dropout, x, 0.5, 1)


def test_an_op_that_returns_nan_is_reported():
    with np.errstate(invalid="ignore"):
        assert not gradcheck(ops.sqrt, np.array([-1.0, 4.0]))


def test_it_takes_ops_and_bare_functions_alike(rng):
    x = rng.standard_normal((2, 3))
    assert gradcheck(square, x, x) and gradcheck(op(square), x, x)


def test_options_go_to_the_op(rng):
    seen = set()

    def spy(x, axis=-1):
        seen.add(axis)
        return ops.softmax.forward(x, axis=axis)

    assert gradcheck(spy, rng.standard_normal((2, 3)), axis=0)
    assert seen == {0}


def test_arrays_given_by_name_are_checked_too(rng):
    def wrong_bias(x, bias=None):
        return x + bias, lambda dy: (dy, 2 * dy)

    assert not gradcheck(wrong_bias, rng.standard_normal(3), bias=rng.standard_normal(3))


def test_float32_arrays_are_checked_in_float64(rng):
    report = gradcheck(ops.layernorm, *(rng.standard_normal(s).astype(np.float32) for s in ((2, 5), (5,), (5,))))
    assert report, str(report)


def test_the_given_arrays_stay_as_they_were(rng):
    x = rng.standard_normal((2, 3))
    before = x.copy()
    gradcheck(lambda x: (np.multiply(x, 2, out=x), lambda dy: 2 * dy), x)
    np.testing.assert_array_equal(x, before)


def test_several_outputs_are_checked_together(rng):
    def halves_swapped(x):
        return (x[:2].copy(), x[2:].copy()), lambda da, db: np.concatenate([db, da])

    assert gradcheck(ops.split_heads, rng.standard_normal((2, 3, 12)), heads=2)
    assert not gradcheck(halves_swapped, rng.standard_normal((4, 3)))


def test_a_single_number_may_be_an_argument(rng):
    """As an array of no axes, and as the NumPy number that x.mean() gives."""
    x = rng.standard_normal((2, 3))
    assert gradcheck(ops.multiply, x, np.array(1.5)), "an array of no axes"
    report = gradcheck(ops.multiply, x, np.float64(1.5))
    assert report, str(report)


def test_without_an_array_of_floating_point_numbers_it_is_an_error():
    with pytest.raises(ValueError, match="floating-point"):
        gradcheck(ops.sum, np.arange(3))


@pytest.mark.parametrize("returned", [np.ones(3), (np.ones(3), np.ones(3)), None], ids=["array", "no function", "None"])
def test_a_function_that_returns_no_pair_is_an_error(returned):
    with pytest.raises(ValueError, match=r"output.*backward"):
        gradcheck(lambda x: returned, np.ones(3))


def test_errors_of_the_op_come_through():
    with pytest.raises(ValueError, match=r"linear.*5"):
        gradcheck(ops.linear, np.ones((2, 3)), np.ones((5, 7)), np.ones(7))


@pytest.mark.parametrize("lay", [np.asfortranarray, lambda x: x[:, ::2]], ids=["transposed in memory", "with gaps"])
def test_how_an_array_lies_in_memory_makes_no_difference(rng, lay):
    """A flat view of a transposed array is a copy, in which nothing can be moved."""
    assert gradcheck(ops.softmax, lay(rng.standard_normal((3, 4))))


def test_in_a_notebook_the_report_is_its_table(rng):
    report = gradcheck(ops.gelu, rng.standard_normal(3))
    assert repr(report) == str(report)
