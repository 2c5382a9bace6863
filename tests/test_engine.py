"""The tape: recording, walking backwards, and what goes wrong with a clear message."""

import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import minivit
from minivit import Tensor, gradients, no_grad, op, ops
from minivit.engine import unbroadcast


def leaf(values):
    return Tensor(np.asarray(values, dtype=np.float64), requires_grad=True)


# Tensor


def test_a_tensor_shows_its_array_without_copying_it(rng):
    x = rng.standard_normal((2, 3)).astype(np.float32)
    tensor = Tensor(x)
    assert tensor.data is x and tensor.numpy() is x
    assert (tensor.shape, tensor.dtype, tensor.ndim, tensor.size, len(tensor)) == ((2, 3), np.float32, 2, 6, 2)
    assert tensor.grad is None and not tensor.requires_grad


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_whole_numbers_cannot_require_a_gradient(dtype):
    with pytest.raises(ValueError, match=f"{np.dtype(dtype)}.*float32"):
        Tensor(np.zeros(3, dtype), requires_grad=True)


@pytest.mark.parametrize("data", [np.array(["a"]), np.array([None]), np.array([1j])], ids=["text", "object", "complex"])
def test_what_is_no_number_makes_no_tensor(data):
    with pytest.raises(ValueError, match="dtype"):
        Tensor(data)


def test_a_single_number_has_no_length():
    with pytest.raises(TypeError, match="length"):
        len(Tensor(3.0))


def test_a_tensor_prints_its_numbers_its_dtype_and_where_it_comes_from():
    x = leaf([1.0, 2.0])
    assert "1., 2." in repr(x) and "float64" in repr(x) and "requires_grad" in repr(x)
    assert "multiply" in repr(x * 2)


@pytest.mark.parametrize(
    "function", [np.exp, np.sqrt, np.mean, np.sum, np.max, np.transpose, np.array, np.asarray, np.argmax, np.std]
)
def test_a_numpy_function_refuses_a_tensor_instead_of_losing_its_gradient(function):
    with pytest.raises(TypeError):
        function(leaf([[1.0, 2.0]]))


def test_numpys_error_says_what_to_do_instead():
    with pytest.raises(TypeError, match=r"numpy\(\).*minivit.ops"):
        np.concatenate([leaf([1.0]), leaf([2.0])])


# Operators


OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "@": lambda a, b: a @ b,
}


@pytest.mark.parametrize("symbol", OPERATORS)
def test_an_operator_with_an_array_on_either_side_is_recorded(symbol, rng):
    operator, a, b = OPERATORS[symbol], rng.uniform(1, 2, (3, 3)), rng.uniform(1, 2, (3, 3))
    for left, right in ((leaf(a), b), (a, leaf(b)), (leaf(a), leaf(b))):
        y = operator(left, right)
        assert isinstance(y, Tensor) and y.requires_grad
        np.testing.assert_array_equal(y.numpy(), operator(a, b))


@pytest.mark.parametrize("number", [2, 2.0, np.float64(2)], ids=["int", "float", "numpy"])
def test_numbers_stand_on_either_side(number):
    x = leaf([1.0, 4.0])
    for y, expected in (
        (x + number, [3, 6]),
        (number - x, [1, -2]),
        (number * x, [2, 8]),
        (number / x, [2, 0.5]),
        (x**number, [1, 16]),
    ):
        assert isinstance(y, Tensor)
        assert y.numpy().tolist() == expected
    assert (-x).numpy().tolist() == [-1, -4]


# Gradients


def test_a_tensor_used_several_times_receives_the_sum(rng):
    x = leaf(rng.standard_normal((2, 3)))
    (found,) = gradients((x * x * x + x + x).sum(), [x])
    np.testing.assert_allclose(found, 3 * x.data**2 + 2)


def test_both_arguments_may_be_the_same_tensor():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    (found,) = gradients((x @ x).sum(), [x])
    np.testing.assert_allclose(found, np.ones((2, 2)) @ x.data.T + x.data.T @ np.ones((2, 2)))


def test_a_diamond_is_walked_once_and_in_order():
    """b and c both come from a; a visit of a before both have run would lose half, a second visit would double it. Eighty
    diamonds in a row have 2^80 paths: whoever walks paths instead of nodes does not return."""
    x = leaf([1.0])
    y = x
    for _ in range(80):
        y = y * 0.5 + y * 0.5
    assert gradients(y.sum(), [x])[0].tolist() == [1.0]


def test_a_shortcut_past_a_long_branch_waits_for_it():
    x = leaf([3.0])
    a = x * 2
    long_branch = a
    for _ in range(5):
        long_branch = long_branch * 1.0
    assert gradients((a * long_branch).sum(), [x])[0].tolist() == [2 * 4 * 3.0]


def test_gradients_of_intermediate_tensors_and_of_the_loss_itself(rng):
    x = leaf([1.0, 2.0])
    y = x * x
    loss = (y * 3).sum()
    dloss, dy, dx = gradients(loss, [loss, y, x])
    assert (float(dloss), dy.tolist(), dx.tolist()) == (1, [3, 3], [6, 12])


def test_a_tensor_asked_for_twice_comes_back_twice():
    x = leaf([1.0, 2.0])
    first, second = gradients((x * x).sum(), [x, x])
    np.testing.assert_array_equal(first, second)


def test_arrays_that_require_no_gradient_are_left_out():
    x, constant = leaf([1.0, 2.0]), Tensor(np.array([3.0, 4.0]))
    (x * constant).sum().backward()
    assert x.grad.tolist() == [3, 4]
    assert constant.grad is None


def test_of_several_outputs_one_may_be_used(rng):
    x = leaf(rng.standard_normal((2, 4, 18)))
    for i in range(3):
        parts = ops.split_heads(x, heads=3)
        (found,) = gradients(parts[i].sum(), [x])
        expected = np.zeros((2, 4, 3, 6))
        expected[:, :, i] = 1
        np.testing.assert_array_equal(found, expected.reshape(2, 4, 18))


def test_gradients_keep_the_shape_of_a_single_number_and_of_one_entry():
    for data in (3.0, [3.0], [[3.0]]):
        x = leaf(data)
        (x * x).backward()
        assert isinstance(x.grad, np.ndarray)
        assert (x.grad.shape, float(x.grad.sum())) == (x.shape, 6.0)


@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 5), (5,), (3, 1), (1, 1, 5), (2, 1, 1), ()], ids=str)
def test_unbroadcast_sums_what_broadcasting_repeated(shape, rng):
    gradient = rng.standard_normal((2, 3, 5))
    expected = np.zeros(shape)
    for index in np.ndindex(2, 3, 5):
        own = tuple(0 if n == 1 else i for i, n in zip(index[3 - len(shape) :], shape, strict=True))
        expected[own] += gradient[index]
    np.testing.assert_allclose(unbroadcast(gradient, shape), expected)


# .grad


def test_grad_adds_up_over_two_losses():
    x = leaf([1.0, 2.0])
    (x * 3).sum().backward()
    (x * x).sum().backward()
    assert x.grad.tolist() == [5, 7]


def test_each_grad_has_memory_of_its_own():
    """add hands the same array to both inputs; whoever clips one gradient in place must not change the other."""
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (a + b).sum().backward()
    a.grad *= 10
    assert b.grad.tolist() == [1, 1]
    a.grad[0] = 0  # and it can be written into, though sum's gradient is a read-only view


def test_adding_to_grad_makes_a_new_array():
    x = leaf([1.0])
    (x * 3).sum().backward()
    kept = x.grad
    (x * 3).sum().backward()
    assert kept.tolist() == [3]


def test_gradients_touches_no_grad():
    x = leaf([1.0])
    gradients((x * x).sum(), [x])
    assert x.grad is None


def test_only_leaves_get_a_grad():
    x = leaf([1.0])
    y = x * 2
    (y * y).sum().backward()
    assert y.grad is None and x.grad.tolist() == [8]


# Depth, memory, threads


def test_fifty_thousand_ops_in_a_row():
    x = leaf([1.0])
    y = x
    for _ in range(50_000):
        y = y + 1.0
    assert gradients(y.sum(), [x])[0].tolist() == [1.0]


@pytest.mark.slow
def test_fifty_thousand_ops_are_discarded_without_a_walk():
    """In a process of its own: too deep a chain of destructors would not raise, it would kill the interpreter."""
    program = """
import numpy as np
from minivit import Tensor
x = Tensor(np.ones(1), requires_grad=True)
y = x
for _ in range(50_000):
    y = y + 1.0
del y
print("alive")
"""
    root = Path(minivit.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.stdout.strip() == "alive", done.stderr


def test_what_an_op_kept_is_freed_as_soon_as_its_backward_has_run():
    kept, alive = [], []

    @op
    def keeps(x):
        big = np.ones(x.shape)
        kept.append(weakref.ref(big))

        def backward(dy):
            alive.append([ref() is not None for ref in kept])
            return dy * big

        return x + 0, backward

    x = leaf([1.0, 2.0])
    loss = keeps(keeps(keeps(x))).sum()
    loss.backward()
    assert alive == [[True, True, True], [True, True, False], [True, False, False]]
    assert [ref() for ref in kept] == [None] * 3


def test_without_a_gradient_nothing_is_kept():
    kept = []

    @op
    def keeps(x):
        big = np.ones(x.shape)
        kept.append(weakref.ref(big))
        return x + 0, lambda dy: dy * big

    with no_grad():
        y = keeps(leaf([1.0]))
    z = keeps(Tensor(np.ones(1)))
    assert [ref() for ref in kept] == [None, None]
    assert not y.requires_grad and not z.requires_grad


def test_threads_with_graphs_of_their_own_share_leaves(rng):
    weight = leaf(rng.standard_normal((8, 8)))
    inputs = [rng.standard_normal((4, 8)) for _ in range(4)]

    def work(x):
        y = x
        for _ in range(20):
            y = ops.tanh(y @ weight)
        return gradients((y * y).sum(), [weight])[0]

    expected, found = [work(x) for x in inputs], [[] for _ in inputs]

    def repeat(i):
        found[i] = [work(inputs[i]) for _ in range(10)]

    threads = [threading.Thread(target=repeat, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(
        len(results) == 10 and all(np.array_equal(g, e) for g in results) for results, e in zip(found, expected, strict=True)
    )


def test_a_single_number_converts_to_float_and_no_tensor_to_bool():
    assert float(Tensor(np.float32(1.5))) == 1.5
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(Tensor([1.0]))
