"""What a Tensor can do: the habits of NumPy and PyTorch work, or the error names the op to use."""

import numpy as np
import pytest

from minivit import Tensor, gradients, ops


@pytest.fixture
def t(rng):
    return Tensor(rng.uniform(0.5, 2, (2, 3)), requires_grad=True)


def slope(y, x):
    return gradients(y.sum() if y.shape else y, [x])[0]


# Numbers


def test_a_single_number_is_not_an_empty_list():
    with pytest.raises(TypeError, match="single number"):
        list(Tensor(1.0))


def test_going_through_a_tensor_gives_its_rows_recorded(t):
    rows = list(t)
    assert [row.shape for row in rows] == [(3,), (3,)]
    np.testing.assert_array_equal(slope(rows[1] * 2, t), [[0, 0, 0], [2, 2, 2]])


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)], ids=str)
def test_a_tensor_of_one_number_gives_it_and_formats_it(shape):
    one = Tensor(np.full(shape, 1.23456, np.float32))
    assert one.item() == pytest.approx(1.23456) and type(one.item()) is float
    assert f"{one:.3f}" == "1.235" and float(one) == one.item() and int(one) == 1


def test_of_several_numbers_none_is_the_one(t):
    for function in (Tensor.item, float, int, lambda x: f"{x:.3f}"):
        with pytest.raises(ValueError, match=r"one number .* shape \(2, 3\)"):
            function(t)
    assert f"{t}" == repr(t)


def test_detach_forgets_the_way_and_shares_the_array(t):
    y = t * 2
    assert y.detach().data is y.data and not y.detach().requires_grad and y.requires_grad


# Comparisons


@pytest.mark.parametrize("symbol", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("kind", ["number", "array on the right", "array on the left", "tensor", "NumPy's number"])
def test_a_comparison_is_an_array_of_true_and_false(symbol, kind, t, rng):
    other = np.where(rng.random((2, 3)) < 0.5, t.data, 1.0)
    if kind in ("number", "NumPy's number"):
        other = float(t.data[0, 1]) if kind == "number" else t.data[0, 1]
    compare = eval(f"lambda a, b: a {symbol} b")
    sides = (other, t) if kind == "array on the left" else (t, Tensor(other) if kind == "tensor" else other)
    found = compare(*sides)
    expected = compare(*(side.data if isinstance(side, Tensor) else side for side in sides))
    assert isinstance(found, np.ndarray) and found.dtype == bool
    np.testing.assert_array_equal(found, expected)


def test_in_looks_for_a_number(t):
    assert t.data[1, 2] in t and 7.0 not in t


def test_tensors_are_told_apart_by_identity_in_sets_and_dictionaries(t):
    twin = Tensor(t.data)
    assert len({t, twin}) == 2 and {t: 1}[t] == 1 and twin not in {t: 1}


def test_the_tape_never_compares_two_tensors(t, monkeypatch):
    def compared(self, other):
        raise AssertionError("two Tensors were compared")

    for name in ("__eq__", "__ne__"):
        monkeypatch.setattr(Tensor, name, compared)
    monkeypatch.setattr(Tensor, "__hash__", lambda self: 1)  # every two are a collision
    y = (t * t + t).sum()
    assert gradients(y, [t, t])[1].shape == (2, 3)
    (t * 2).sum().backward()
    assert t.grad is not None


# Methods and operators, each recorded

RECORDED = {
    "abs()": (lambda x: abs(x), np.abs),
    ".abs": (lambda x: x.abs(), np.abs),
    "2 ** t": (lambda x: 2**x, lambda x: 2**x),
    "t ** t": (lambda x: x**x, lambda x: x**x),
    "array ** t": (lambda x: np.full((2, 3), 3.0) ** x, lambda x: 3.0**x),
    ".T": (lambda x: x.T, lambda x: x.T),
    ".transpose()": (lambda x: x.transpose(), lambda x: x.T),
    ".transpose(tuple)": (lambda x: x.transpose((1, 0)), lambda x: x.T),
    ".clip": (lambda x: x.clip(0.7, 1.5), lambda x: x.clip(0.7, 1.5)),
    ".clip by name": (lambda x: x.clip(max=1.0), lambda x: x.clip(max=1.0)),
    ".min": (lambda x: x.min(axis=1), lambda x: x.min(axis=1)),
    ".max by place": (lambda x: x.max(0), lambda x: x.max(0)),
    "minimum": (lambda x: ops.minimum(x, 1.0), lambda x: np.minimum(x, 1.0)),
    "array -= t": (lambda x: in_place(x), lambda x: np.ones((2, 3)) - x),
    "scalar - t": (lambda x: np.float64(2) - x, lambda x: 2 - x),
    "sum of a list": (lambda x: sum([x, x]), lambda x: 2 * x),
}


def in_place(x):
    total = np.ones((2, 3))
    total -= x
    return total


@pytest.mark.parametrize("function, plain", RECORDED.values(), ids=RECORDED.keys())
def test_what_is_expected_of_an_array_is_recorded(function, plain, t):
    y = function(t)
    np.testing.assert_allclose(y.numpy(), plain(t.data), rtol=1e-15)
    step = 1e-6
    numeric = np.zeros((2, 3))
    for i in np.ndindex(2, 3):
        moved = [t.data.copy() for _ in range(2)]
        moved[0][i] += step
        moved[1][i] -= step
        numeric[i] = (plain(moved[0]).sum() - plain(moved[1]).sum()) / (2 * step)
    np.testing.assert_allclose(slope(y, t), numeric, atol=1e-8)


WRONG = {
    "np.exp": (lambda x: np.exp(x), "minivit.ops.exp"),
    "np.sum": (lambda x: np.sum(x), "minivit.ops.sum"),
    "np.mean": (lambda x: np.mean(x, axis=0), "minivit.ops.mean"),
    "np.concatenate": (lambda x: np.concatenate([x, x]), "minivit.ops.concatenate"),
    "np.stack": (lambda x: np.stack([x, x]), r"minivit.ops.concatenate\(a, b"),
    "np.linalg.norm": (lambda x: np.linalg.norm(x), r"tensor.numpy\(\)"),
    "np.add.reduce": (lambda x: np.add.reduce(x), r"minivit.ops.add"),
    "np.add with out": (lambda x: np.add(x, x, out=np.zeros((2, 3))), "np.add was given a Tensor"),
    "dim": (lambda x: x.mean(dim=0), r"mean\(x, axis=None.*what is dim elsewhere is axis here"),
    "keepdim": (lambda x: x.sum(axis=0, keepdim=True), "keepdims"),
    "view": (lambda x: x.view(6), r"no 'view': use tensor.reshape"),
    "permute": (lambda x: x.permute(1, 0), r"tensor.transpose\(axes\)"),
    "exp": (lambda x: x.exp(), r"minivit.ops.exp\(tensor\) records it"),
    "argmax": (lambda x: x.argmax(), r"tensor.numpy\(\)"),
    "astype": (lambda x: x.astype(np.float32), r"x?.data.astype"),
    "two axes of three": (lambda x: x.reshape(1, 2, 3).transpose(0, 1), "transpose takes all 3 axes"),
    "keepdims that is no truth": (lambda x: x.sum(keepdims="no"), "'no'; choose one of False, True"),
    "written into": (lambda x: x.__setitem__(0, 1.0), "minivit.ops.where"),
    "too many arguments": (lambda x: ops.exp(x, 3), r"exp\(x\): too many positional arguments"),
    "text": (lambda x: x + "a", "add takes Tensors, arrays and numbers; got str"),
    "None": (lambda x: x * None, "multiply takes Tensors, arrays and numbers; got NoneType"),
}


@pytest.mark.parametrize("function, words", WRONG.values(), ids=WRONG.keys())
def test_what_is_not_there_is_told_with_what_is(function, words, t):
    with pytest.raises((TypeError, ValueError, AttributeError), match=words):
        function(t)


@pytest.mark.parametrize("name", ["shape_", "__cuda_array_interface__", "read"])
def test_a_tensor_does_not_pretend_to_be_something_else(name, t):
    assert not hasattr(t, name)


def test_array_times_tensor_is_recorded_for_arrays_of_every_device(device, t):
    from minivit.backend import array_module, to_device

    x = Tensor(to_device(t.data, device), requires_grad=True)
    array = to_device(np.full((2, 3), 2.0), device)
    for y in (array * x, array + x, array - x, array / x, array @ x.T, array**x):
        assert isinstance(y, Tensor) and y.requires_grad and array_module(y.data) is array_module(array)
    assert isinstance(array == x, type(array))
