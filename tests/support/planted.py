"""Backwards with one mistake each, as people make them: gradcheck must catch every one.

Each function is an op whose forward is right (but for the few that write where they must not). Its docstring is the mistake.
"""

import math

import numpy as np

from minivit import ops

PLANTED = []  # (function, shapes of its arrays)


def planted(*shapes):
    def keep(function):
        PLANTED.append((function, shapes))
        return function

    return keep


def changed(op, change, *shapes, name, **options):
    """The library's op with `change` applied to what its backward returns."""

    def function(*arrays):
        y, backward = op.forward(*arrays, **options)
        return y, lambda *dy: change(backward(*dy), *arrays)

    function.__name__ = name
    PLANTED.append((function, shapes))


X, W, B = (4, 3, 5), (5, 7), (7,)
SQUARE = (5, 5)
QKV = ((2, 3, 4, 6),) * 3
NORM = (X, (5,), (5,))

# linear and matmul
changed(ops.linear, lambda g, *_: (g[0], g[1].T, g[2]), X, W, B, name="dweight_transposed")
changed(ops.linear, lambda g, *_: (g[0], g[1].T, g[2]), X, SQUARE, (5,), name="dweight_of_a_square_matrix_transposed")
changed(ops.linear, lambda g, *_: (g[0], g[1], g[2] / 12), X, W, B, name="dbias_averaged_over_the_batch")
changed(ops.linear, lambda g, *_: (g[0], g[1] / 4, g[2]), X, W, B, name="dweight_averaged_over_the_batch")
changed(ops.linear, lambda g, *_: (g[0], g[1]), X, W, B, name="dbias_left_out")
changed(ops.linear, lambda g, *_: (g[0], None, g[2]), X, W, B, name="dweight_is_none")
changed(ops.linear, lambda g, *_: (g[0], g[1], g[2][None]), X, W, B, name="dbias_with_one_axis_more")
changed(ops.linear, lambda g, *_: (g[1], g[0]), SQUARE, SQUARE, (5,), name="x_and_weight_swapped")
changed(ops.linear, lambda g, *_: (g[0] * 1.0001, g[1], g[2]), X, W, B, name="dx_wrong_by_one_in_ten_thousand")


@planted(X, W, B)
def dx_without_the_transpose_of_weight(x, weight, bias):
    def backward(dy):
        rows = dy.reshape(-1, 7)
        return (rows @ weight.reshape(7, 5)).reshape(x.shape), x.reshape(-1, 5).T @ rows, rows.sum(0)

    return x @ weight + bias, backward


@planted(X, W, B)
def dbias_summed_over_the_batch_but_not_the_tokens(x, weight, bias):
    def backward(dy):
        return dy @ weight.T, x.reshape(-1, 5).T @ dy.reshape(-1, 7), dy.sum(axis=0)

    return x @ weight + bias, backward


# Signs, constants, elementwise slopes
changed(ops.subtract, lambda g, *_: (g[0], -g[1]), (2, 3), (2, 3), name="sign_of_the_second_term")
changed(ops.divide, lambda g, a, b: (g[0], g[1] * b), (2, 3), (2, 3), name="one_over_b_instead_of_b_squared")
changed(ops.multiply, lambda g, *_: (g[1], g[0]), (2, 3), (2, 3), name="factors_swapped")
changed(ops.mean, lambda g, x: g * x.size, (2, 3), name="one_over_n_left_out")
changed(ops.tanh, lambda g, x: np.cosh(x) ** 2 * g, (2, 3), name="outer_derivative_left_out")
changed(ops.relu, lambda g, x: np.ones_like(x), (2, 3), name="dy_left_out")


@planted((4, 5))
def gelu_exact_forward_with_tanh_backward(x):
    return ops.gelu.forward(x)[0], ops.gelu.forward(x, approximate=True)[1]


@planted((4, 5))
def gelu_tanh_forward_with_exact_backward(x):
    return ops.gelu.forward(x, approximate=True)[0], ops.gelu.forward(x)[1]


# softmax and cross-entropy
@planted((2, 3, 5))
def softmax_with_only_the_diagonal_of_its_jacobian(x):
    p, _ = ops.softmax.forward(x)
    return p, lambda dy: dy * p * (1 - p)


@planted((2, 3, 3))
def softmax_backward_over_the_wrong_axis(x):
    p, _ = ops.softmax.forward(x)
    return p, lambda dy: p * (dy - (dy * p).sum(axis=1, keepdims=True))


@planted((2, 3, 5))
def softmax_backward_with_the_mean_in_place_of_the_sum(x):
    p, _ = ops.softmax.forward(x)
    return p, lambda dy: p * (dy - (dy * p).mean(axis=-1, keepdims=True))


@planted((2, 3, 5))
def softmax_backward_without_dy_in_the_sum(x):
    p, _ = ops.softmax.forward(x)
    return p, lambda dy: p * (dy - p.sum(axis=-1, keepdims=True))


LABELS = np.array([4, 0, 2])


def cross_entropy_with(backward_of, name, smoothing=0.0):
    def function(logits):
        loss, _ = ops.cross_entropy.forward(logits, LABELS, label_smoothing=smoothing)
        return loss, lambda dy: backward_of(ops.softmax.forward(logits)[0], np.eye(5, dtype=logits.dtype)[LABELS]) * dy

    function.__name__ = name
    PLANTED.append((function, ((3, 5),)))


cross_entropy_with(lambda p, t: p - t, "cross_entropy_without_one_over_the_batch")
cross_entropy_with(lambda p, t: (p - t) / 5, "cross_entropy_over_the_classes_in_place_of_the_batch")
cross_entropy_with(lambda p, t: (t - p) / 3, "cross_entropy_with_the_wrong_sign")
cross_entropy_with(lambda p, t: p / 3, "cross_entropy_without_the_labels")
cross_entropy_with(lambda p, t: (p - t) / 3, "cross_entropy_backward_without_the_smoothing", smoothing=0.1)
cross_entropy_with(lambda p, t: p * (1 - p) * (p - t) / 3, "cross_entropy_with_a_softmax_too_many")


# LayerNorm: dx = r (g - mean(g) - xhat mean(g xhat)), g = dy weight
def layernorm_with(dx_of, name, **changes):
    def function(x, weight, bias):
        y, backward = ops.layernorm.forward(x, weight, bias)
        centred = x - x.mean(-1, keepdims=True)
        r = 1 / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-6)

        def wrong(dy):
            _, dweight, dbias = backward(dy)
            dx = dx_of(dy * weight, centred * r, r, dy)
            return dx, changes.get("dweight", lambda dy, xhat, r: dweight)(dy, centred * r, r), dbias

        return y, wrong

    function.__name__ = name
    PLANTED.append((function, NORM))


def average(x):
    return x.mean(-1, keepdims=True)


def right_dx(g, xhat, r, dy):
    return r * (g - average(g) - xhat * average(g * xhat))


layernorm_with(lambda g, xhat, r, dy: r * (-average(g) - xhat * average(g * xhat)), "layernorm_without_the_direct_road")
layernorm_with(lambda g, xhat, r, dy: r * (g - xhat * average(g * xhat)), "layernorm_without_the_road_through_the_mean")
layernorm_with(lambda g, xhat, r, dy: r * (g - average(g)), "layernorm_without_the_road_through_the_variance")
layernorm_with(lambda g, xhat, r, dy: g - average(g) - xhat * average(g * xhat), "layernorm_without_one_over_sigma")
layernorm_with(lambda g, xhat, r, dy: right_dx(dy, xhat, r, dy), "layernorm_without_gamma")
layernorm_with(lambda g, xhat, r, dy: r * (g - average(g) - xhat * average(g * xhat) * 5 / 4), "layernorm_with_ddof_one")
layernorm_with(lambda g, xhat, r, dy: r * (g - average(g) + xhat * average(g * xhat)), "layernorm_with_a_wrong_sign")
layernorm_with(right_dx, "layernorm_dweight_without_xhat", dweight=lambda dy, xhat, r: dy.sum((0, 1)))
layernorm_with(right_dx, "layernorm_dweight_averaged", dweight=lambda dy, xhat, r: (dy * xhat).mean((0, 1)))

# Attention
changed(ops.attention, lambda g, *_: (g[1], g[0], g[2]), *QKV, name="attention_with_dq_and_dk_swapped")
changed(
    ops.attention,
    lambda g, q, *_: (g[0] * math.sqrt(6 / 18), g[1] * math.sqrt(6 / 18), g[2]),
    *QKV,
    name="attention_backward_with_the_root_of_the_width",
)
changed(ops.attention, lambda g, q, *_: (g[0] * math.sqrt(6), g[1], g[2]), *QKV, name="attention_dq_without_the_scale")


@planted(*QKV)
def attention_dv_with_p_not_transposed(q, k, v):
    y, backward = ops.attention.forward(q, k, v)
    scores = q @ k.swapaxes(-1, -2) * (1 / math.sqrt(6))
    p = ops.softmax.forward(scores)[0]
    return y, lambda dy: (*backward(dy)[:2], p @ dy)


# Shapes and indices
@planted((4, 3))
def getitem_by_assignment(x):
    index = np.array([1, 1, 0])

    def backward(dy):
        dx = np.zeros_like(x)
        dx[index] = dy
        return dx

    return x[index], backward


@planted((2, 3, 5))
def transpose_backward_by_the_same_order(x):
    return x.transpose(1, 2, 0), lambda dy: dy.transpose(1, 2, 0).reshape(x.shape)


@planted((2, 4, 18))
def split_heads_backward_by_reshape_alone(x):
    y, _ = ops.split_heads.forward(x, heads=3)
    return y, lambda *dy: np.stack(dy, axis=2).reshape(x.shape)


@planted((2, 3, 5), (1, 1, 5))
def class_token_gradient_of_one_image_only(x, token):
    y, backward = ops.embed_tokens.forward(x, token, None)
    return y, lambda dy: (backward(dy)[0], dy[:1, :1])


@planted((2, 4, 6, 3))
def patchify_backward_by_reshape_alone(x):
    return ops.patchify.forward(x, 2)[0], lambda dy: dy.reshape(x.shape)


# Writing where one must not
@planted((2, 3))
def input_changed_in_forward(x):
    x -= x.max(axis=-1, keepdims=True)
    return ops.softmax.forward(x)


@planted((2, 3))
def input_changed_in_forward_to_what_it_stays(x):
    np.maximum(x, 0, out=x)
    return x.copy(), lambda dy: dy * (x > 0)


@planted((2, 3))
def input_changed_in_backward(x):
    def backward(dy):
        dx = 2 * x * dy
        x[...] = 0
        return dx

    return x * x, backward


@planted((2, 3))
def dy_changed_in_backward(x):
    def backward(dy):
        dy *= 2 * x
        return dy

    return x * x, backward


@planted((2, 3))
def output_changed_in_backward(x):
    y = np.exp(x)

    def backward(dy):
        dx = y * dy
        y[...] = 0
        return dx

    return y, backward


# Precision
@planted((2, 3))
def float64_constant_in_forward(x):
    return x * np.sqrt(2.0), lambda dy: (dy * math.sqrt(2)).astype(x.dtype)


@planted((2, 3))
def float64_constant_in_backward(x):
    return x * math.sqrt(2), lambda dy: dy * np.sqrt(2.0)


@planted((2, 3))
def float32_gradient_always(x):
    return x * x, lambda dy: (2 * x * dy).astype(np.float32)


@planted((4, 8))
def gradient_that_cancels_in_float32(x):
    """(1 + x)^2 - 1 - x^2 is 2 x, but after adding 1000 float32 keeps few digits of it."""
    return x * x, lambda dy: dy * (((1000 + x) * (1000 + x) - 1_000_000 - x * x) / 1000)


# Not a gradient at all
@planted((2, 3))
def gradient_is_nan(x):
    return x * x, lambda dy: 2 * x * dy * np.nan


@planted((2, 3))
def gradient_is_zero(x):
    return x * x, lambda dy: np.zeros_like(x)


@planted((2, 3))
def gradient_is_a_list(x):
    return x * x, lambda dy: [2 * x * dy]
