"""The tape: no_grad, losses that have no gradient, and backwards that are wrong."""

import threading

import numpy as np
import pytest

from minivit import Tensor, gradients, no_grad, op, ops


@pytest.fixture
def x():
    return Tensor(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), requires_grad=True)


# no_grad


def test_no_grad_does_not_record(x):
    with no_grad():
        y = x * 2
    assert not y.requires_grad
    assert (x * 2).requires_grad


def test_no_grad_ends_with_an_exception_too(x):
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * 2).requires_grad


def test_no_grad_nests(x):
    with no_grad():
        with no_grad():
            pass
        assert not (x * 2).requires_grad


def test_no_grad_is_a_decorator_that_works_more_than_once(x):
    @no_grad()
    def double(tensor):
        return tensor * 2

    assert not double(x).requires_grad
    assert not double(x).requires_grad
    assert (x * 2).requires_grad


def test_no_grad_in_one_thread_leaves_the_others_alone(x):
    inside, ready, found = threading.Event(), threading.Event(), []

    def other():
        inside.wait(5)
        found.append((x * 2).requires_grad)
        ready.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        ready.wait(5)
    thread.join()
    assert found == [True]


# Losses without a gradient


def test_a_loss_of_several_numbers_is_an_error_that_names_the_shape(x):
    with pytest.raises(ValueError, match=r"\(2, 3\).*sum\(\)"):
        (x * 2).backward()


def test_a_loss_that_is_no_tensor_is_an_error(x):
    with pytest.raises(ValueError, match="float"):
        gradients(3.0, [x])


@pytest.mark.parametrize("how", ["no_grad", "arrays"])
def test_a_loss_that_needs_no_gradient_is_an_error(how, x):
    with no_grad():
        loss = x.sum()
    loss = loss if how == "no_grad" else Tensor(x.data).sum()
    with pytest.raises(ValueError, match="requires_grad=True"):
        loss.backward()


def test_a_tensor_that_takes_no_part_is_named_by_its_place_and_shape(x):
    stranger = Tensor(np.ones((5, 7)), requires_grad=True)
    with pytest.raises(ValueError, match=r"tensors\[1\].*\(5, 7\)"):
        gradients(x.sum(), [x, stranger])


def test_walking_a_graph_twice_is_an_error_that_says_so(x):
    loss = (x * x).sum()
    loss.backward()
    with pytest.raises(ValueError, match="used before"):
        loss.backward()
    assert x.grad.tolist() == (2 * x.data).tolist()


def test_a_second_loss_over_a_part_that_was_freed_is_an_error(x):
    shared = x * x
    shared.sum().backward()
    with pytest.raises(ValueError, match=r"used before.*multiply"):
        (shared * 3).sum().backward()


# Backwards that are wrong: always an error that names the op


def wrong(name, backward):
    """A recorded op y = x + 0 by that name, with this backward."""

    def function(x):
        return x + 0, backward

    function.__name__ = name
    return op(function)


@pytest.mark.parametrize(
    "backward, message",
    [
        (lambda dy: dy.T, r"twist.*argument 0.*\(3, 2\)|twist.*\(3, 2\).*argument 0"),
        (lambda dy: dy.sum(axis=0), r"twist.*\(3,\)"),
        (lambda dy: dy[None], r"twist.*\(1, 2, 3\)"),
        (lambda dy: 2.0, "twist.*float"),
        (lambda dy: [dy], "twist.*list"),
        (lambda dy: dy.astype(np.float32), "twist.*float32.*float64"),
        (lambda dy: None, "twist.*None.*argument 0"),
        (lambda dy: (), "twist.*None.*argument 0"),
    ],
    ids=["transposed", "summed", "an axis more", "a number", "a list", "float32", "None", "nothing"],
)
def test_a_wrong_gradient_is_an_error_that_names_the_op(backward, message, x):
    with pytest.raises(ValueError, match=message):
        wrong("twist", backward)(x).sum().backward()


def test_float64_creeping_into_a_float32_model_is_an_error():
    x = Tensor(np.ones(3, np.float32), requires_grad=True)
    with pytest.raises(ValueError, match=r"scale.*float64.*float32"):
        wrong("scale", lambda dy: dy * np.sqrt(2.0))(x).sum().backward()


def test_a_forgotten_batch_sum_is_not_silently_mended(rng):
    @op
    def shift(x, bias):
        return x + bias, lambda dy: (dy, dy)

    bias = Tensor(np.zeros(3), requires_grad=True)
    with pytest.raises(ValueError, match=r"shift.*\(2, 3\).*\(3,\)"):
        shift(rng.standard_normal((2, 3)), bias).sum().backward()


def test_an_elementwise_op_has_its_gradients_summed_to_the_inputs_shapes(rng):
    @op(broadcasts=True)
    def shift(x, bias):
        return x + bias, lambda dy: (dy, dy)

    bias = Tensor(np.zeros(3), requires_grad=True)
    assert gradients(shift(rng.standard_normal((2, 3)), bias).sum(), [bias])[0].tolist() == [2, 2, 2]
    assert shift.forward(np.zeros((2, 3)), np.zeros(3))[1](np.ones((2, 3)))[1].tolist() == [2, 2, 2]


def test_none_for_an_argument_that_needs_no_gradient_is_fine(x):
    @op
    def pick(x, mask):
        return x * mask, lambda dy: (dy * mask, None)

    mask = np.array([1, 0, 1])
    assert gradients(pick(x, mask).sum(), [x])[0].tolist() == [[1, 0, 1]] * 2
    assert gradients(pick(x, Tensor(mask)).sum(), [x])[0].tolist() == [[1, 0, 1]] * 2


def test_an_unused_gradient_is_not_looked_at(x):
    @op
    def half(x, y):
        return x + y, lambda dy: (dy, "nonsense")

    assert gradients(half(x, Tensor(x.data)).sum(), [x])[0].tolist() == [[1] * 3] * 2


# Calling an op


def test_a_tensor_given_by_name_is_recorded_in_its_place(rng):
    q, k, v = (rng.standard_normal((2, 3, 4, 5)) for _ in range(3))
    bias = Tensor(rng.standard_normal((4, 4)), requires_grad=True)
    by_name = gradients(ops.attention(q, k, v, bias=bias).sum(), [bias])[0]
    by_place = gradients(ops.attention(q, k, v, bias).sum(), [bias])[0]
    np.testing.assert_array_equal(by_name, by_place)


def test_all_arguments_may_be_given_by_name(rng):
    x, weight, bias = (Tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((2, 3), (3, 5), (5,)))
    y = ops.linear(bias=bias, weight=weight, x=x)
    np.testing.assert_allclose(gradients(y.sum(), [bias])[0], [2] * 5)


def test_an_op_knows_its_name_signature_and_options():
    assert ops.layernorm.name == ops.layernorm.__name__ == "layernorm"
    assert list(ops.layernorm.signature.parameters) == ["x", "weight", "bias", "eps"]
    assert ops.layernorm.options == {"eps": 1e-6}
    assert "layernorm(x, weight, bias, eps=1e-06)" in repr(ops.layernorm)
