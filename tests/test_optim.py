"""Optimizers against a plain loop over the parameters, one entry of a list at a time."""

import copy
import itertools
import math
import pickle

import numpy as np
import pytest

from minivit import Tensor, gradients, ops, optim
from minivit.kernels import cpu
from minivit.nn import Linear, Module

from .support.plain import small_vit

NOT_DECAYED = ("bias", "cls_token", "pos_embed", "norm1.weight", "norm2.weight", "norm.weight")


@pytest.fixture
def model(rng):
    return small_vit(rng, depth=1, representation_size=7)


def random_gradients(model, rng):
    return [rng.standard_normal(p.shape).astype(p.dtype) for p in model.parameters()]


def decay_of(name, weight_decay):
    return 0.0 if name.endswith(NOT_DECAYED) else weight_decay


def clipped(grads, clip_norm):
    norm = math.sqrt(sum(float((g * g).sum()) for g in grads))
    return [g * (clip_norm / norm) if clip_norm and norm > clip_norm else g for g in grads], norm


def adamw_loop(weights, history, lr, betas, weight_decay, eps, clip_norm=None):
    """AdamW as in algorithm 2 of the paper, on a dictionary of arrays."""
    (b1, b2), weights = betas, {name: w.copy() for name, w in weights.items()}
    m, v = ({name: np.zeros_like(w) for name, w in weights.items()} for _ in range(2))
    for t, grads in enumerate(history, start=1):
        grads, _ = clipped(grads, clip_norm)
        for (name, w), g in zip(weights.items(), grads, strict=True):
            m[name] = b1 * m[name] + (1 - b1) * g
            v[name] = b2 * v[name] + (1 - b2) * g * g
            step = (m[name] / (1 - b1**t)) / (np.sqrt(v[name] / (1 - b2**t)) + eps)
            weights[name] = w - lr * (step + decay_of(name, weight_decay) * w)
    return weights


def sgd_loop(weights, history, lr, momentum, weight_decay, clip_norm=None):
    weights = {name: w.copy() for name, w in weights.items()}
    m = {name: np.zeros_like(w) for name, w in weights.items()}
    for grads in history:
        grads, _ = clipped(grads, clip_norm)
        for (name, w), g in zip(weights.items(), grads, strict=True):
            m[name] = momentum * m[name] + g + decay_of(name, weight_decay) * w
            weights[name] = w - lr * m[name]
    return weights


def assert_same_weights(model, expected):
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.data, expected[name], rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("clip_norm", [None, 1.0, 1e6])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_adamw_against_a_plain_loop(weight_decay, clip_norm, model, rng):
    settings = dict(lr=0.01, betas=(0.8, 0.95), weight_decay=weight_decay, eps=1e-4, clip_norm=clip_norm)
    history = [random_gradients(model, rng) for _ in range(5)]
    expected = adamw_loop(model.state_dict(), history, **settings)
    optimizer = optim.AdamW(model, **settings)
    for grads in history:
        optimizer.step(grads)
    assert_same_weights(model, expected)


@pytest.mark.parametrize("momentum, weight_decay, clip_norm", [(0.0, 0.0, None), (0.9, 0.0, None), (0.9, 0.3, 1.0)])
def test_sgd_against_a_plain_loop(momentum, weight_decay, clip_norm, model, rng):
    settings = dict(lr=0.1, momentum=momentum, weight_decay=weight_decay, clip_norm=clip_norm)
    history = [random_gradients(model, rng) for _ in range(4)]
    expected = sgd_loop(model.state_dict(), history, **settings)
    optimizer = optim.SGD(model, **settings)
    for grads in history:
        optimizer.step(grads)
    assert_same_weights(model, expected)


@pytest.mark.parametrize("kind", [optim.AdamW, optim.SGD])
def test_without_a_gradient_only_the_decayed_weights_shrink(kind, model):
    before = model.state_dict()
    kind(model, lr=0.1, weight_decay=0.5).step([np.zeros(p.shape, p.dtype) for p in model.parameters()])
    shrunk = {name for name, p in model.named_parameters() if not np.array_equal(p.data, before[name])}
    linears = ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"]
    assert shrunk == {f"blocks.0.{n}.weight" for n in linears} | {"patch_embed.weight", "pre_logits.weight", "head.weight"}
    for name in shrunk:
        np.testing.assert_allclose(dict(model.named_parameters())[name].data, 0.95 * before[name])


def test_the_kernels_of_a_convolutional_stem_are_decayed_and_their_biases_not(rng):
    model = small_vit(rng, stem="conv", image_size=(8, 4), patch_size=4)
    decayed = {name for name, p in model.named_parameters() if optim.decays(name, p)}
    assert {"stem.convs.0.weight", "stem.convs.2.weight"} <= decayed
    assert not [name for name in decayed if name.endswith(NOT_DECAYED)]


def test_parameters_keep_their_values_and_become_views_that_stay_views(model, rng):
    before = model.state_dict()
    optimizer = optim.AdamW(model)
    buffers = [group.values for group in optimizer.groups]
    assert len(buffers) == 2
    assert sum(buffer.size for buffer in buffers) == model.num_parameters()
    for _ in range(2):
        for name, parameter in model.named_parameters():
            assert sum(np.shares_memory(parameter.data, buffer) for buffer in buffers) == 1
            assert parameter.shape == before[name].shape
        if optimizer.steps == 0:
            assert all(np.array_equal(p.data, before[name]) for name, p in model.named_parameters())
            optimizer.step(random_gradients(model, rng))
    model.load_state_dict(before)
    assert all(np.shares_memory(p.data, buffers[0]) or np.shares_memory(p.data, buffers[1]) for p in model.parameters())


def test_a_state_loaded_after_the_optimizer_was_made_is_what_it_goes_on_from(model, rng):
    optimizer, grads = optim.SGD(model, lr=0.1), random_gradients(model, rng)
    state = {name: rng.standard_normal(w.shape) for name, w in model.state_dict().items()}
    model.load_state_dict(state)
    optimizer.step(grads)
    assert_same_weights(model, sgd_loop(state, [grads], 0.1, 0.0, 0.0))


def test_step_takes_the_gradients_from_grad_or_from_a_list(rng):
    images, labels = rng.standard_normal((3, 6, 9, 2)), np.array([4, 0, 2])
    models = [small_vit(np.random.default_rng(5)) for _ in range(2)]
    loss = [ops.cross_entropy(model(images), labels) for model in models]
    first, second = (optim.AdamW(model) for model in models)
    loss[0].backward()
    first.step()
    second.step(gradients(loss[1], models[1].parameters()))
    assert all(np.array_equal(a.data, b.data) for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True))


def test_step_does_not_write_into_the_gradients_it_was_given(model, rng):
    grads = random_gradients(model, rng)
    for g in grads:
        g.setflags(write=False)
    optim.AdamW(model, weight_decay=0.1, clip_norm=0.5).step(grads)
    optim.SGD(model, lr=0.1, weight_decay=0.1, clip_norm=0.5).step(grads)


def test_gradients_may_be_tensors_too(model, rng):
    grads = random_gradients(model, rng)
    expected = sgd_loop(model.state_dict(), [grads], 0.1, 0.0, 0.0)
    optim.SGD(model, lr=0.1).step([Tensor(g) for g in grads])
    assert_same_weights(model, expected)


def test_step_returns_the_norm_before_clipping(model, rng):
    grads = random_gradients(model, rng)
    norm = math.sqrt(sum(float((g**2).sum()) for g in grads))
    assert optim.SGD(model, lr=0.1, clip_norm=1.0).step(grads) == pytest.approx(norm)
    assert optim.SGD(model, lr=0.1, clip_norm=1e9).step(grads) == pytest.approx(norm)
    assert optim.SGD(model, lr=0.1).step(grads) == pytest.approx(norm)


def test_zero_grad_forgets(model):
    for parameter in model.parameters():
        parameter.grad = np.ones(parameter.shape)
    optim.SGD(model, lr=0.1).zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("how", ["grad", "list"])
def test_a_missing_gradient_is_named_and_nothing_changes(how, model, rng):
    optimizer, before = optim.AdamW(model), model.state_dict()
    grads = random_gradients(model, rng)
    missing = [name for name, _ in model.named_parameters()].index("head.bias")
    grads[missing] = None
    for parameter, g in zip(model.parameters(), grads, strict=True):
        parameter.grad = g
    with pytest.raises(ValueError, match=r"head\.bias"):
        optimizer.step(grads if how == "list" else None)
    assert optimizer.steps == 0
    assert all(np.array_equal(p.data, before[name]) for name, p in model.named_parameters())


def test_too_few_gradients_are_an_error_that_counts(model, rng):
    count = len(model.parameters())
    with pytest.raises(ValueError, match=f"{count - 1}.*{count}"):
        optim.AdamW(model).step(random_gradients(model, rng)[1:])


def test_float32_stays_float32(rng):
    model = small_vit(rng, dtype=np.float32)
    optim.AdamW(model, clip_norm=1.0).step(random_gradients(model, rng))
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}


# The schedule


def test_the_schedule_at_its_endpoints():
    rates = [optim.warmup_cosine(step, total=20, peak=2.0, warmup=5, floor=0.1) for step in range(20)]
    assert rates[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert rates[5] == pytest.approx(2.0)
    assert rates[19] == pytest.approx(0.1)
    assert rates[12] == pytest.approx((2.0 + 0.1) / 2)
    assert all(a > b for a, b in itertools.pairwise(rates[5:]))


def test_without_warmup_the_schedule_starts_at_its_peak():
    assert optim.warmup_cosine(0, total=10, peak=3.0, warmup=0) == 3.0


def test_after_the_last_step_the_rate_stays_at_the_floor():
    assert optim.warmup_cosine(50, total=10, peak=3.0, warmup=2, floor=0.5) == pytest.approx(0.5)


@pytest.mark.parametrize("total, warmup", [(1, 0), (1, 1), (5, 5), (5, 9)])
def test_short_trainings_have_rates_too(total, warmup):
    rates = [optim.warmup_cosine(step, total, 1.0, warmup) for step in range(total)]
    assert all(0 < rate <= 1 for rate in rates)


def test_a_gradient_that_is_not_a_number_changes_nothing(model, rng):
    optimizer = optim.AdamW(model, lr=0.1, clip_norm=1.0)
    before = model.state_dict()
    grads = random_gradients(model, rng)
    grads[3] = np.full_like(grads[3], np.nan)
    assert math.isnan(optimizer.step(grads))
    assert optimizer.steps == 0
    assert all((before[name] == value).all() for name, value in model.state_dict().items())


def test_gradients_in_another_order_are_refused_by_name_and_shape(model, rng):
    grads = random_gradients(model, rng)
    with pytest.raises(ValueError, match=r"has shape \(.*\), not \(.*\): keep model.parameters\(\)'s order"):
        optim.AdamW(model, lr=0.1).step(grads[::-1])


# What may happen to the parameters between two steps: each time the optimizer goes on as a plain loop would


def moved_by_another_optimizer(model, optimizer):
    optim.AdamW(model, lr=0.1)  # takes the parameters into buffers of its own
    return model, optimizer


def bound_anew_by_hand(model, optimizer):
    for parameter in model.parameters():
        parameter.data = parameter.data.copy()
    return model, optimizer


def to_the_cpu(model, optimizer):
    return model.to("cpu"), optimizer


HAPPENINGS = {
    "deepcopy": lambda model, optimizer: copy.deepcopy((model, optimizer)),
    "pickle": lambda model, optimizer: pickle.loads(pickle.dumps((model, optimizer))),
    "another optimizer": moved_by_another_optimizer,
    "data bound anew": bound_anew_by_hand,
    "model.to": to_the_cpu,
    "nothing": lambda model, optimizer: (model, optimizer),
}


@pytest.mark.parametrize("happening", HAPPENINGS.values(), ids=HAPPENINGS.keys())
@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_an_optimizer_goes_on_whatever_happened_to_the_arrays(kind, happening, model, rng):
    history = [random_gradients(model, rng) for _ in range(4)]
    if kind == "adamw":
        settings = dict(lr=0.01, betas=(0.8, 0.95), weight_decay=0.3, eps=1e-4)
        expected, optimizer = adamw_loop(model.state_dict(), history, **settings), optim.AdamW(model, **settings)
    else:
        expected = sgd_loop(model.state_dict(), history, 0.1, 0.9, 0.3)
        optimizer = optim.SGD(model, lr=0.1, momentum=0.9, weight_decay=0.3)
    for grads in history[:2]:
        optimizer.step(grads)
    model, optimizer = happening(model, optimizer)
    for grads in history[2:]:
        optimizer.step(grads)
    assert_same_weights(model, expected)


def test_a_copy_and_its_original_are_trained_apart(model, rng):
    optimizer = optim.AdamW(model, lr=0.1)
    other, _ = copy.deepcopy((model, optimizer))
    before = other.state_dict()
    optimizer.step(random_gradients(model, rng))
    assert all(np.array_equal(before[name], value) for name, value in other.state_dict().items())
    assert not np.array_equal(before["head.weight"], model.head.weight.data)


def test_a_parameter_whose_shape_was_changed_by_hand_is_named_by_its_gradient(model, rng):
    optimizer, grads = optim.AdamW(model), random_gradients(model, rng)
    model.head.bias.data = np.zeros(7)
    with pytest.raises(ValueError, match=r"head\.bias has shape \(5,\), not \(7,\)"):
        optimizer.step(grads)


# Frozen parameters


def test_frozen_parameters_stay_as_they_are_and_the_others_move_as_without_them(model, rng):
    model.blocks[0].freeze()
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    start = model.state_dict()
    history = [[rng.standard_normal(start[name].shape) for name in trained] for _ in range(3)]
    settings = dict(lr=0.01, betas=(0.8, 0.95), weight_decay=0.3, eps=1e-4, clip_norm=1.0)
    expected = adamw_loop({name: start[name] for name in trained}, history, **settings)
    optimizer = optim.AdamW(model, **settings)
    for grads in history:
        optimizer.step(grads)
    assert_same_weights(model, start | expected)


@pytest.mark.parametrize("frozen_first", [True, False], ids=["thawed on the way", "frozen on the way"])
def test_what_is_frozen_or_thawed_on_the_way_is_from_then_on(frozen_first, model, rng):
    model.head.freeze(frozen_first)
    optimizer, lr = optim.SGD(model, lr=0.1, weight_decay=0.3), 0.1
    optimizer.step([rng.standard_normal(p.shape) for p in model.trained_parameters()])
    between = model.state_dict()
    model.head.freeze(not frozen_first)
    grads = [rng.standard_normal(p.shape) for p in model.trained_parameters()]
    optimizer.step(grads)
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert ("head.weight" in trained) == frozen_first
    expected = sgd_loop({name: between[name] for name in trained}, [grads], lr, 0.0, 0.3)
    assert_same_weights(model, between | expected)


def test_step_takes_grad_of_the_trained_parameters_only(model):
    model.patch_embed.freeze()
    for p in model.trained_parameters():
        p.grad = np.ones(p.shape)
    before = model.state_dict()
    optim.SGD(model, lr=0.1).step()
    assert np.array_equal(model.patch_embed.weight.data, before["patch_embed.weight"])
    np.testing.assert_allclose(model.head.bias.data, before["head.bias"] - 0.1)


def test_a_model_that_is_frozen_all_over_has_nothing_to_optimize(model):
    with pytest.raises(ValueError, match="frozen"):
        optim.AdamW(model.freeze())


def test_a_parameter_under_two_names_counts_once_in_the_norm(rng):
    class Tied(Module):
        def __init__(self):
            self.encode, self.decode = (Linear(3, 3, rng, np.float64) for _ in range(2))
            self.decode.weight = self.encode.weight

    model = Tied()
    assert [name for name, _ in model.named_parameters()] == ["encode.weight", "encode.bias", "decode.bias"]
    grads = [np.full(p.shape, 2.0) for p in model.parameters()]
    assert optim.SGD(model, lr=0.1).step(grads) == pytest.approx(2 * math.sqrt(9 + 3 + 3))
    assert model.decode.weight is model.encode.weight


# Layer-wise learning rates


def share_of(name, decay, depth):
    """timm's: layer 0 is what stands in front, i + 1 is block i, depth + 1 is what stands behind."""
    first, _, rest = name.partition(".")
    front = first in ("stem", "patch_embed", "cls_token", "pos_embed", "reg_token")
    layer = int(rest.split(".")[0]) + 1 if first == "blocks" else 0 if front else depth + 1
    return decay ** (depth + 1 - layer)


@pytest.mark.parametrize("parts", [{}, dict(registers=2, pool="sequence"), dict(representation_size=7)], ids=str)
def test_the_rate_falls_from_block_to_block_towards_the_images(parts, rng):
    names = [name for name, _ in small_vit(rng, depth=3, **parts).named_parameters()]
    found = optim.layer_shares(names, 0.5)
    assert found == {name: share_of(name, 0.5, 3) for name in names}
    assert found["pos_embed"] == min(found.values()) == 0.5**4 and found["blocks.2.norm1.bias"] == 0.5


@pytest.mark.parametrize("frozen", [False, True], ids=["all", "with frozen parts"])
def test_a_share_of_the_rate_is_a_smaller_rate(frozen, rng):
    model, settings = small_vit(rng, depth=2), dict(betas=(0.8, 0.95), weight_decay=0.3, eps=1e-4)
    model.blocks[0].freeze(frozen)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    start, shares = model.state_dict(), {name: share_of(name, 0.5, 2) for name in trained}
    history = [[rng.standard_normal(p.shape) for p in trained.values()] for _ in range(3)]
    expected = dict(start)
    for share in set(shares.values()):
        alone = [name for name in trained if shares[name] == share]
        own = [[g for name, g in zip(trained, grads, strict=True) if name in alone] for grads in history]
        expected |= adamw_loop({name: start[name] for name in alone}, own, lr=0.01 * share, **settings)
    optimizer = optim.AdamW(model, lr=0.01, layer_decay=0.5, **settings)
    for grads in history:
        optimizer.step(grads)
    assert len(optimizer.groups) == 2 * len(set(shares.values()))
    assert_same_weights(model, expected)


def test_sgd_takes_the_share_too(model, rng):
    start, grads = model.state_dict(), random_gradients(model, rng)
    optim.SGD(model, lr=0.1, layer_decay=0.5).step(grads)
    for (name, p), g in zip(model.named_parameters(), grads, strict=True):
        np.testing.assert_allclose(p.data, start[name] - 0.1 * share_of(name, 0.5, 1) * g, rtol=1e-12)


@pytest.mark.parametrize("happening", HAPPENINGS.values(), ids=HAPPENINGS.keys())
def test_the_shares_stay_whatever_happened_to_the_arrays(happening, model, rng):
    other, history = copy.deepcopy(model), [random_gradients(model, rng) for _ in range(4)]
    one, two = (optim.AdamW(m, lr=0.1, layer_decay=0.5) for m in (model, other))
    for i, grads in enumerate(history):
        one.step(grads)
        two.step(grads)
        other, two = happening(other, two) if i == 1 else (other, two)
    assert all(np.array_equal(a.data, b.data) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_what_is_thawed_on_the_way_keeps_its_share_and_the_others_their_moments(model, rng):
    optimizer = optim.AdamW(model, lr=0.1, layer_decay=0.5)
    optimizer.step(random_gradients(model, rng))
    before = {
        id(p): m[part].copy()
        for g in optimizer.groups
        for m in g.moments[:1]
        for p, part in zip(g.parameters, g.parts(), strict=True)
    }
    model.head.freeze()
    optimizer._see_to_it_that_nothing_moved()
    for group in optimizer.groups:
        for p, part in zip(group.parameters, group.parts(), strict=True):
            np.testing.assert_array_equal(group.moments[0][part], before[id(p)])
    assert {group.share for group in optimizer.groups} == {0.25, 0.5, 1.0}


def test_a_model_without_blocks_has_no_layers_to_go_by(rng):
    class Two(Module):
        def __init__(self):
            self.one, self.two = Linear(2, 3, rng), Linear(3, 2, rng)

    optim.AdamW(Two(), layer_decay=1)
    with pytest.raises(ValueError, match=r"layer_decay is 0\.5: it goes by the blocks of a ViT"):
        optim.AdamW(Two(), layer_decay=0.5)
    with pytest.raises(ValueError, match=r"layer_decay is 1\.5; it must be a number that is at least 0 and at most 1"):
        optim.AdamW(Two(), layer_decay=1.5)


# What an optimizer is given


@pytest.mark.parametrize(
    "given, words",
    [
        (dict(lr=-1), "lr is -1; .* not negative"),
        (dict(lr="1e-3"), "lr is '1e-3'; it must be a number"),
        (dict(lr=math.nan), "lr is nan"),
        (dict(lr=math.inf), "lr is inf"),
        (dict(lr=True), "lr is True"),
        (dict(betas=0.9), "betas is 0.9; it must be two numbers"),
        (dict(betas=(0.9, 1.0)), r"betas\[1\] is 1.0; .* below 1"),
        (dict(betas=(-0.1, 0.9)), r"betas\[0\] is -0.1"),
        (dict(eps=-1e-8), "eps is -1e-08"),
        (dict(weight_decay=-0.1), "weight_decay is -0.1"),
        (dict(clip_norm=-1), "clip_norm is -1"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_by_name(given, words, model):
    with pytest.raises(ValueError, match=words):
        optim.AdamW(model, **given)


def test_a_rate_set_later_is_looked_at_too_and_numpys_numbers_are_numbers(model):
    optimizer = optim.SGD(model, lr=np.float32(0.5), momentum=np.float64(0.9))
    assert optimizer.lr == 0.5 and type(optimizer.lr) is float
    with pytest.raises(ValueError, match="lr is -1"):
        optimizer.lr = -1
    with pytest.raises(ValueError, match="momentum is -1"):
        optim.SGD(model, lr=0.1, momentum=-1)


@pytest.mark.parametrize(
    "given", [lambda m: m.parameters(), lambda m: m.state_dict(), lambda m: None], ids=["list", "dict", "None"]
)
def test_an_optimizer_takes_the_model_itself(given, model):
    with pytest.raises(ValueError, match="takes the model itself"):
        optim.AdamW(given(model))


def test_the_kernel_of_adamw_is_its_plain_form(rng):
    rates = (0.01, 0.9, 0.99, 1e-8, 0.1, 1 - 0.9**3, 1 - 0.99**3)
    g, values, m = rng.standard_normal((3, 7))
    v = rng.random(7)
    results = []
    for step in (optim.adamw_plain, cpu.adamw):
        arrays = [a.copy() for a in (values, m, v)]
        step(g.copy(), True, rates, *arrays)
        results.append(arrays)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12)


def test_the_plain_form_of_adamw_changes_nothing_where_it_must_not(rng):
    arrays = [rng.random(7) for _ in range(3)]
    before = [a.copy() for a in arrays]
    optim.adamw_plain(rng.standard_normal(7), np.False_, (0.01, 0.9, 0.99, 1e-8, 0.1, 0.5, 0.5), *arrays)
    np.testing.assert_array_equal(arrays, before)
