"""Correct answers to lesson 13, written differently from the solution and from one another."""

import numpy as np

from lessons import mine
from minivit import ops


def mlp_by_products(x, fc1_weight, fc1_bias, fc2_weight, fc2_bias):
    """Matrix products written out."""
    hidden = x @ fc1_weight + fc1_bias
    bent, back_gelu = mine.gelu(hidden)

    def rows(array):
        return array.reshape(-1, array.shape[-1])

    def backward(dy):
        dhidden = back_gelu(dy @ fc2_weight.T)
        dfc2 = rows(bent).T @ rows(dy), rows(dy).sum(axis=0)
        return dhidden @ fc1_weight.T, rows(x).T @ rows(dhidden), rows(dhidden).sum(axis=0), *dfc2

    return bent @ fc2_weight + fc2_bias, backward


def mlp_in_a_list(x, fc1_weight, fc1_bias, fc2_weight, fc2_bias):
    """A list of steps, run forwards and backwards."""
    steps = [lambda a: mine.linear(a, fc1_weight, fc1_bias), mine.gelu, lambda a: mine.linear(a, fc2_weight, fc2_bias)]
    backwards, y = [], x
    for step in steps:
        y, back = step(y)
        backwards.append(back)

    def backward(dy):
        gradients = []
        for back in reversed(backwards):
            returned = back(dy)
            dy, *others = returned if isinstance(returned, tuple | list) else (returned,)
            gradients = [*others, *gradients]
        return (dy, *gradients)

    return y, backward


def mlp_with_the_library(x, fc1_weight, fc1_bias, fc2_weight, fc2_bias):
    """The library's ops."""
    hidden, back1 = ops.linear.forward(x, fc1_weight, fc1_bias)
    bent, back_gelu = ops.gelu.forward(hidden)
    y, back2 = ops.linear.forward(bent, fc2_weight, fc2_bias)

    def backward(dy):
        dbent, *second = back2(dy)
        dx, *first = back1(back_gelu(dbent))
        return [dx, *first, *second]

    return y, backward


def _branch(function, norm_weight, norm_bias):
    """A branch with its norm: (output, backward) of a function on arrays."""

    def branch(x):
        normed, back_norm = mine.layernorm(x, norm_weight, norm_bias)
        y, back = function(normed)

        def backward(dy):
            dnormed, *others = back(dy)
            dx, *dnorm = back_norm(dnormed)
            return dx, dnorm, others

        return y, backward

    return branch


def block_of_branches(x, norm1_weight, norm1_bias, *parameters):
    """Two branches that know their norm."""
    *parameters, heads = parameters
    attention, (norm2_weight, norm2_bias), mlp = parameters[:4], parameters[4:6], parameters[6:]
    first = _branch(lambda a: mine.self_attention(a, *attention, heads), norm1_weight, norm1_bias)
    second = _branch(lambda a: mlp_by_products(a, *mlp), norm2_weight, norm2_bias)
    seen, back_first = first(x)
    thought, back_second = second(x + seen)

    def backward(dy):
        from_mlp, dnorm2, dmlp = back_second(dy)
        dz = np.add(dy, from_mlp)
        from_attention, dnorm1, dattention = back_first(dz)
        return (dz + from_attention, *dnorm1, *dattention[:-1], *dnorm2, *dmlp, None)

    return x + seen + thought, backward


def block_summing_at_the_end(x, norm1_weight, norm1_bias, *parameters):
    """dx as dy plus three others."""
    *parameters, heads = parameters
    normed1, back_norm1 = mine.layernorm(x, norm1_weight, norm1_bias)
    seen, back_attention = mine.self_attention(normed1, *parameters[:4], heads)
    z = seen + x
    normed2, back_norm2 = mine.layernorm(z, *parameters[4:6])
    thought, back_mlp = mlp_in_a_list(normed2, *parameters[6:])

    def backward(dy):
        dnormed2, *dmlp = back_mlp(dy)
        by_mlp, *dnorm2 = back_norm2(dnormed2)
        dnormed1, *dattention = back_attention(by_mlp + dy)
        by_attention, *dnorm1 = back_norm1(dnormed1)
        return [dy + by_mlp + by_attention, *dnorm1, *dattention[:4], *dnorm2, *dmlp, None]

    return thought + z, backward


def block_with_the_library(x, norm1_weight, norm1_bias, *parameters):
    """The library's norms, and the two halves one after the other."""
    *parameters, heads = parameters

    def half(x, weight, bias, function):
        normed, back_norm = ops.layernorm.forward(x, weight, bias)
        out, back = function(normed)

        def backward(dy):
            dnormed, *others = back(dy)
            dx, *dnorm = back_norm(dnormed)
            return dy + dx, (*dnorm, *(g for g in others if g is not None))

        return x + out, backward

    z, back1 = half(x, norm1_weight, norm1_bias, lambda a: mine.self_attention(a, *parameters[:4], heads))
    y, back2 = half(z, *parameters[4:6], lambda a: mlp_with_the_library(a, *parameters[6:]))

    def backward(dy):
        dz, second = back2(dy)
        dx, first = back1(dz)
        return (dx, *first, *second, None)

    return y, backward


CORRECT = {
    "mlp": [mlp_by_products, mlp_in_a_list, mlp_with_the_library],
    "block": [block_of_branches, block_summing_at_the_end, block_with_the_library],
}
