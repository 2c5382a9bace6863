"""What every op promises, tested on every case of the table."""

import numpy as np
import pytest

from minivit import Tensor, gradcheck, gradients, ops
from minivit.backend import to_host

from ..support.cases import CASES, build
from ..support.plain import as_tuple, is_float_array, noncontiguous, on, relative_error, upstream_like

every_case = pytest.mark.parametrize("case", CASES, ids=str)
DTYPES = (np.float32, np.float64)


def call(case, args, options, upstream=None, seed=1):
    """(outputs, gradients, upstream) of the bare op, all as tuples."""
    y, backward = ops.registry[case.op].forward(*args, **options)
    outputs = as_tuple(y)
    upstream = upstream or upstream_like(np.random.default_rng(seed), outputs)
    return outputs, as_tuple(backward(*upstream)), upstream


def float_places(args):
    return [i for i, a in enumerate(args) if is_float_array(a)]


def test_the_table_has_a_case_for_every_op_and_for_nothing_else():
    assert {case.op for case in CASES} == set(ops.registry)


def test_every_name_in_the_table_is_given_once():
    names = [str(case) for case in CASES]
    assert len(names) == len(set(names))


def test_every_case_says_in_pytorch_what_it_should_be():
    assert all(callable(case.reference) for case in CASES)


@every_case
def test_the_gradient_is_the_measured_slope(case, device):
    args, options = on(device, build(case))
    report = gradcheck(ops.registry[case.op], *args, **options)
    assert report, str(report)


@every_case
@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_and_gradients_keep_the_dtype(case, dtype, device):
    args, options = on(device, build(case, dtype=dtype))
    outputs, found, _ = call(case, args, options)
    assert [y.dtype for y in outputs] == [dtype] * len(outputs)
    assert {i: found[i].dtype for i in float_places(args)} == {i: dtype for i in float_places(args)}


@every_case
def test_gradients_have_the_shapes_of_the_inputs_and_stand_in_their_order(case, device):
    args, options = on(device, build(case))
    _, found, _ = call(case, args, options)
    assert [found[i].shape for i in float_places(args)] == [args[i].shape for i in float_places(args)]


@every_case
def test_what_has_no_gradient_gets_none(case, device):
    args, options = on(device, build(case))
    _, found, _ = call(case, args, options)
    arrays_without = [
        i for i, a in enumerate(args) if i < len(found) and (a is None or (hasattr(a, "strides") and a.dtype.kind != "f"))
    ]
    assert [found[i] for i in arrays_without] == [None] * len(arrays_without)


@every_case
def test_inputs_scattered_in_memory_give_the_same(case, device):
    args, options = on(device, build(case))
    outputs, found, upstream = call(case, args, options)
    scattered = tuple(noncontiguous(a) if is_float_array(a) else a for a in args)
    outputs2, found2, _ = call(case, scattered, options, tuple(noncontiguous(dy) for dy in upstream))
    assert max(relative_error(b, a) for a, b in zip(outputs, outputs2, strict=True)) < 1e-13
    assert max(relative_error(found2[i], found[i]) for i in float_places(args)) < 1e-13


@every_case
def test_nothing_that_an_op_was_given_or_gave_is_written_into(case):
    args, options = build(case)
    for a in args:
        if isinstance(a, np.ndarray):
            a.setflags(write=False)
    y, backward = ops.registry[case.op].forward(*args, **options)
    outputs = as_tuple(y)
    upstream = upstream_like(np.random.default_rng(1), outputs)
    for array in (*outputs, *upstream):
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    backward(*upstream)


@every_case
def test_backward_gives_the_same_when_called_twice(case, device):
    args, options = on(device, build(case))
    y, backward = ops.registry[case.op].forward(*args, **options)
    upstream = upstream_like(np.random.default_rng(1), as_tuple(y))
    first, second = as_tuple(backward(*upstream)), as_tuple(backward(*upstream))
    assert all(np.array_equal(to_host(first[i]), to_host(second[i])) for i in float_places(args))


@every_case
def test_a_recorded_call_equals_the_bare_pair(case, device):
    args, options = on(device, build(case))
    outputs, found, upstream = call(case, args, options)
    leaves = {i: Tensor(args[i], requires_grad=True) for i in float_places(args)}
    recorded = as_tuple(getattr(ops, case.op)(*(leaves.get(i, a) for i, a in enumerate(args)), **options))
    loss = 0.0
    for y, dy in zip(recorded, upstream, strict=True):
        loss = loss + (y * dy).sum()
    assert all(np.array_equal(y.numpy(), to_host(bare)) for y, bare in zip(recorded, outputs, strict=True))
    through_the_engine = gradients(loss, list(leaves.values()))
    assert all(np.array_equal(to_host(g), to_host(found[i])) for i, g in zip(leaves, through_the_engine, strict=True))


@pytest.mark.parametrize("name", sorted(ops.registry))
def test_every_op_explains_itself(name):
    assert ops.registry[name].__doc__.strip()


@pytest.mark.parametrize("name", ["max", "sum", "mean"])
def test_an_axis_that_is_not_there_is_an_error(name, rng):
    with pytest.raises(ValueError, match=r"axis 2|out of bounds"):
        ops.registry[name].forward(rng.standard_normal((2, 3)), axis=2)


def test_transpose_by_an_axis_that_is_not_there_is_an_error(rng):
    with pytest.raises(ValueError):
        ops.transpose.forward(rng.standard_normal((2, 3)), axes=(0, 3))
