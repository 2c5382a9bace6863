"""Layers: names, states, modes, and each layer against its plain formula."""

import math
import re

import numpy as np
import pytest

from minivit import Tensor, gradcheck, gradients, no_grad, ops
from minivit.nn import MLP, Attention, Block, Dropout, LayerNorm, Linear, Module

from .support import plain


class Pair(Module):
    """Two layers in a list, one besides, a constant and a parameter of its own."""

    def __init__(self, rng):
        self.layers = [Linear(3, 4, rng, np.float64), Linear(4, 5, rng, np.float64)]
        self.norm = LayerNorm(5, np.float64)
        self.scale = Tensor(np.ones((1, 5)), requires_grad=True)
        self.constant = Tensor(np.ones(5))
        self.size = 5

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.norm(x) * self.scale


NAMES = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "norm.weight", "norm.bias", "scale"]


@pytest.fixture
def pair(rng):
    return Pair(rng)


def randomise(module, rng):
    for _, parameter in module.named_parameters():
        parameter.data[...] = rng.standard_normal(parameter.shape)
    return module


# Names and states


def test_parameters_are_named_by_their_path_and_constants_are_not_among_them(pair):
    assert sorted(name for name, _ in pair.named_parameters()) == sorted(NAMES)


def test_the_order_of_a_list_and_of_a_layer_is_kept(pair):
    names = [name for name, _ in pair.named_parameters()]
    assert [name for name in names if name != "scale"] == NAMES[:-1]
    assert names == [name for name, _ in pair.named_parameters()]


def test_parameters_come_in_the_order_of_their_names(pair):
    assert all(a is b for a, (_, b) in zip(pair.parameters(), pair.named_parameters(), strict=True))
    assert pair.num_parameters() == 3 * 4 + 4 + 4 * 5 + 5 + 5 + 5 + 5


def test_state_dict_is_a_copy(pair):
    state = pair.state_dict()
    state["scale"][...] = 7
    assert (pair.scale.data == 1).all()
    pair.scale.data[...] = 9
    assert (state["scale"] == 7).all()
    assert list(state) == [name for name, _ in pair.named_parameters()]


def test_load_state_dict_copies_in_place(pair, rng):
    state = {name: rng.standard_normal(array.shape) for name, array in pair.state_dict().items()}
    arrays = {name: parameter.data for name, parameter in pair.named_parameters()}
    pair.load_state_dict(state)
    for name, parameter in pair.named_parameters():
        assert parameter.data is arrays[name]
        np.testing.assert_array_equal(parameter.data, state[name])
    state["scale"][...] = 0
    assert (pair.scale.data != 0).all()


def test_load_state_dict_keeps_the_models_dtype(rng):
    layer = Linear(3, 4, rng, np.float32)
    layer.load_state_dict({"weight": np.ones((3, 4)), "bias": np.ones(4)})
    assert layer.weight.dtype == np.float32


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda state: state.pop("layers.1.bias"), r"layers\.1\.bias is missing"),
        (lambda state: state.update(extra=np.ones(2)), "extra"),
        (
            lambda state: state.update(scale=np.ones(5)),
            re.escape("scale") + ".*" + re.escape("(5,)") + ".*" + re.escape("(1, 5)"),
        ),
        (lambda state: state.update({"layers.0.weight": np.ones((4, 3))}), r"layers\.0\.weight.*\(4, 3\).*\(3, 4\)"),
    ],
    ids=["missing", "unknown", "an axis less", "transposed"],
)
def test_a_state_that_does_not_fit_is_named_and_changes_nothing(change, message, pair):
    before = pair.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(ValueError, match=message):
        pair.load_state_dict(state)
    for name, array in pair.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_all_that_is_wrong_with_a_state_is_told_at_once(pair):
    state = pair.state_dict() | {"extra": np.ones(2), "scale": np.ones(3)}
    del state["norm.bias"]
    with pytest.raises(ValueError, match=r"(?s)norm.bias.*extra.*scale"):
        pair.load_state_dict(state)


def test_train_and_eval_reach_every_module_below(rng):
    block = Block(4, 2, 6, rng)
    assert all(module.training for _, module in block.modules())
    assert block.eval() is block
    assert not any(module.training for _, module in block.modules())
    assert block.train() is block
    assert all(module.training for _, module in block.modules())


def test_one_modules_mode_is_not_anothers(rng):
    first, second = Block(4, 2, 6, rng), Block(4, 2, 6, rng)
    first.eval()
    assert second.training and second.mlp.dropout.training


def test_to_the_cpu_keeps_everything(pair):
    before = pair.state_dict()
    assert pair.to("cpu") is pair
    assert all(np.array_equal(before[name], array) for name, array in pair.state_dict().items())


# Layers


def test_linear_starts_with_glorots_uniform_weights_and_no_bias(rng):
    layer = Linear(200, 300, rng)
    limit = math.sqrt(6 / 500)
    assert abs(float(layer.weight.data.max()) - limit) < 0.01 * limit
    assert abs(float(layer.weight.data.min()) + limit) < 0.01 * limit
    assert abs(float(layer.weight.data.mean())) < 0.01 * limit
    assert not layer.bias.data.any()
    assert layer.weight.dtype == layer.bias.dtype == np.float32


def test_the_query_key_value_projection_starts_as_three_square_matrices(rng):
    limit = math.sqrt(6 / (64 + 64))
    assert abs(float(Attention(64, 4, rng).qkv.weight.data.max()) - limit) < 0.01 * limit


def test_linear_is_x_w_plus_b(rng):
    layer, x = randomise(Linear(3, 5, rng, np.float64), rng), rng.standard_normal((2, 4, 3))
    np.testing.assert_allclose(layer(x).numpy(), x @ layer.weight.data + layer.bias.data)


@pytest.mark.parametrize("activation, form", [("gelu", plain.gelu), ("gelu_tanh", plain.gelu_tanh)])
def test_the_mlp_against_its_formula(activation, form, rng):
    mlp, x = randomise(MLP(4, 6, rng, np.float64, activation=activation), rng), rng.standard_normal((2, 3, 4))
    state = mlp.state_dict()
    hidden = form(x @ state["fc1.weight"] + state["fc1.bias"])
    np.testing.assert_allclose(mlp(x).numpy(), hidden @ state["fc2.weight"] + state["fc2.bias"], rtol=1e-11)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_against_its_formula_with_its_output_projection(heads, rng):
    layer, x = randomise(Attention(8, heads, rng, np.float64), rng), rng.standard_normal((2, 3, 8))
    weights = []
    y = layer(x, attention=weights).numpy()
    expected, expected_weights = plain.attention_layer(x, layer.state_dict(), "", heads)
    np.testing.assert_allclose(y, expected, rtol=1e-10)
    np.testing.assert_allclose(weights[0], expected_weights, rtol=1e-10)
    assert isinstance(weights[0], np.ndarray) and weights[0].shape == (2, heads, 3, 3)


def test_a_block_normalises_before_each_part_and_never_the_residual_stream(rng):
    block, x = randomise(Block(8, 2, 6, rng, np.float64), rng), 5 + 3 * rng.standard_normal((2, 3, 8))
    np.testing.assert_allclose(block(x).numpy(), plain.block(x, block.state_dict(), "", 2)[0], rtol=1e-10)


def test_a_block_whose_parts_give_zero_passes_x_untouched(rng):
    block, x = Block(8, 2, 6, rng, np.float64), rng.standard_normal((2, 3, 8))
    block.attn.proj.weight.data[...] = 0
    block.mlp.fc2.weight.data[...] = 0
    np.testing.assert_array_equal(block(Tensor(x)).numpy(), x)


def test_calling_a_layer_twice_gives_the_gradients_of_both_calls(rng):
    """Activations kept on self would be those of the second call only."""
    block = randomise(Block(8, 2, 6, rng, np.float64), rng)
    a, b = rng.standard_normal((2, 3, 8)), rng.standard_normal((2, 3, 8))
    parameters = block.parameters()
    both = gradients((block(a) * 2).sum() + (block(b) * 3).sum(), parameters)
    apart = [gradients((block(x) * n).sum(), parameters) for x, n in ((a, 2), (b, 3))]
    for total, first, second in zip(both, *apart, strict=True):
        np.testing.assert_allclose(total, first + second, rtol=1e-9, atol=1e-11)


def test_a_layer_applied_to_its_own_output_has_the_right_gradient(rng):
    layer, x = Linear(3, 3, rng, np.float64), rng.standard_normal((2, 3))

    def twice(x, weight, bias):
        inputs = [Tensor(a, requires_grad=True) for a in (x, weight, bias)]
        layer.weight, layer.bias = inputs[1:]
        y = layer(ops.tanh(layer(inputs[0])))
        return y.numpy(), lambda dy: tuple(gradients((y * dy).sum(), inputs))

    report = gradcheck(twice, x, layer.weight.data.copy(), rng.standard_normal(3))
    assert not [row for row in report.rows if row.error > 1e-7], str(report)


# Dropout


@pytest.mark.parametrize("function", [ops.dropout, ops.drop_path], ids=lambda op: op.name)
def test_dropout_needs_random_numbers_in_training_mode_only(function, rng):
    layer, x = Dropout(0.5, function), rng.standard_normal((4, 3, 5))
    with pytest.raises(ValueError, match=f"{function.name}.*0.5.*rng"):
        layer(x, None)
    assert not np.array_equal(layer(x, np.random.default_rng(0)).numpy(), x)
    assert layer.eval()(x, None) is x


def test_at_rate_zero_no_random_number_is_drawn(rng):
    x, generator = np.ones((2, 3)), np.random.default_rng(0)
    assert Dropout(0.0)(x, generator) is x
    assert generator.random() == np.random.default_rng(0).random()


def test_layers_work_without_recording(rng):
    with no_grad():
        assert not Block(4, 2, 6, rng)(np.ones((1, 2, 4), np.float32)).requires_grad


def test_weights_that_are_no_real_numbers_are_refused_and_change_nothing(rng):
    layer = Linear(2, 3, rng)
    before = layer.state_dict()
    with pytest.raises(ValueError, match="weight is no array of real numbers"):
        layer.load_state_dict({name: value * 1j for name, value in before.items()})
    assert all(np.array_equal(before[name], value) for name, value in layer.state_dict().items())


# What print shows


def test_a_model_prints_its_parts_with_shapes_and_counts(rng):
    lines = repr(Block(4, 2, 6, rng, dropout=0.5)).splitlines()
    assert lines[0].split() == ["Block", "154"]
    assert [line.split()[0] for line in lines[1:]] == "norm1 attn qkv proj dropout norm2 mlp fc1 fc2 dropout".split()
    assert "weight 4 x 12, bias 12" in lines[3] and lines[3].startswith("    qkv")


def test_parts_in_a_row_that_are_alike_are_told_once(rng):
    class Stack(Module):
        def __init__(self):
            self.layers = [Linear(2, 3, rng), Linear(2, 3, rng), Linear(2, 3, rng), Linear(3, 2, rng)]
            self.scale = Tensor(np.ones(7), requires_grad=True)

    lines = repr(Stack()).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "Stack 42 scale 7",
        "layers.0 to 2 Linear 9 weight 2 x 3, bias 3",
        "layers.3 Linear 8 weight 3 x 2, bias 2",
    ]


def test_what_is_frozen_is_told(rng):
    block = Block(4, 2, 6, rng)
    block.mlp.freeze()
    assert [line.split()[0] for line in repr(block).splitlines() if line.endswith("frozen")] == ["mlp", "fc1", "fc2"]
