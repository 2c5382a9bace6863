"""`ops.use`: what a learner writes runs inside the library."""

import inspect
import threading
import warnings

import numpy as np
import pytest

from minivit import Tensor, gradients, no_grad, op, ops, optim

from ..support.plain import small_vit

LABELS = np.array([4, 0, 2])


@pytest.fixture
def images(rng):
    return rng.standard_normal((3, 6, 9, 2))


@pytest.fixture
def model(rng):
    return small_vit(rng)


class Spy:
    """A replacement that counts its calls, notes its options, and does what the library does."""

    def __init__(self, name):
        self.name, self.calls, self.options = name, 0, []
        self.__signature__ = inspect.signature(ops.registry[name])

    def __call__(self, *arrays, **options):
        self.calls += 1
        self.options.append(options)
        return ops.registry[self.name].forward(*arrays, **options)


def loss_of(model, images):
    return ops.cross_entropy(model(images), LABELS, label_smoothing=0.1)


def nothing_is_replaced():
    return all(op.replacement is None for op in ops.registry.values())


def test_the_ops_that_can_be_replaced_are_those_of_the_design():
    names = "patchify linear gelu softmax cross_entropy layernorm embed_tokens attention split_heads merge_heads"
    assert sorted(ops.swappable) == sorted(names.split())


@pytest.mark.parametrize(
    "name, calls",
    [
        ("patchify", 1),
        ("embed_tokens", 1),
        ("linear", 1 + 2 * 4 + 1),
        ("layernorm", 2 * 2 + 1),
        ("gelu", 2),
        ("split_heads", 2),
        ("attention", 2),
        ("softmax", 2),
        ("merge_heads", 2),
        ("cross_entropy", 1),
    ],
)
def test_a_replacement_runs_wherever_a_vit_calls_the_op_and_not_afterwards(name, calls, model, images):
    spy = Spy(name)
    with ops.use(**{name: spy}):
        inside = loss_of(model, images)
    assert spy.calls == calls
    outside = loss_of(model, images)
    assert spy.calls == calls
    assert nothing_is_replaced()
    for a, b in zip(gradients(inside, model.parameters()), gradients(outside, model.parameters()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-14)


def test_what_the_replacement_computes_is_what_the_model_sees(rng):
    def doubled(x, weight, bias):
        def backward(dy):
            return 7 * dy @ weight.T, None, None

        return 2 * (x @ weight), backward

    x, weight = Tensor(rng.standard_normal((2, 3)), requires_grad=True), rng.standard_normal((3, 5))
    with ops.use(linear=doubled):
        y = ops.linear(x, weight, None)
    np.testing.assert_array_equal(y.numpy(), 2 * (x.numpy() @ weight))
    np.testing.assert_allclose(gradients(y.sum(), [x])[0], 7 * np.ones((2, 5)) @ weight.T)


def test_an_op_can_be_the_replacement(rng):
    @op
    def mine(x, axis=-1):
        y, backward = ops.softmax.forward(x, axis=axis)
        return 3 * y, lambda dy: backward(3 * dy)

    x = rng.standard_normal((2, 3))
    with ops.use(softmax=mine):
        found = ops.softmax(x, axis=0).numpy()
    np.testing.assert_allclose(found.sum(axis=0), 3)


def test_an_exception_inside_restores_the_library():
    with pytest.raises(KeyError), ops.use(gelu=Spy("gelu"), linear=Spy("linear")):
        raise KeyError
    assert nothing_is_replaced()


def test_uses_nest_and_restore_the_one_before(rng):
    outer, inner, x = Spy("gelu"), Spy("gelu"), rng.standard_normal(3)
    with ops.use(gelu=outer):
        with ops.use(gelu=inner):
            ops.gelu(x)
        ops.gelu(x)
    assert (outer.calls, inner.calls) == (1, 1)


def test_a_replacement_runs_in_every_thread(model, images):
    spy = Spy("gelu")
    with ops.use(gelu=spy):
        threads = [threading.Thread(target=model, args=(images,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert spy.calls == 3 * 2


def test_replacing_softmax_makes_attention_run_it(rng):
    def uniform(x, axis=-1):
        return np.full(x.shape, 1 / x.shape[axis]), lambda dy: 0 * dy

    q, k, v = (rng.standard_normal((2, 3, 4, 5)) for _ in range(3))
    with ops.use(softmax=uniform):
        y = ops.attention(q, k, v)
    np.testing.assert_allclose(y.numpy(), np.broadcast_to(v.mean(axis=2, keepdims=True), v.shape))


def test_replacing_attention_wins_over_its_parts(rng):
    attention, softmax = Spy("attention"), Spy("softmax")
    q, k, v = (rng.standard_normal((2, 3, 4, 5)) for _ in range(3))
    with ops.use(attention=attention, softmax=softmax):
        ops.attention(q, k, v)
    assert (attention.calls, softmax.calls) == (1, 0)


def without_options(x):
    raise AssertionError("this must not run")


def test_a_replacement_without_an_option_in_use_warns_and_does_not_run(rng):
    x = rng.standard_normal((2, 3))
    with ops.use(gelu=without_options), pytest.warns(UserWarning, match=r"gelu.*approximate"):
        found = ops.gelu(x, approximate=True)
    np.testing.assert_array_equal(found.numpy(), ops.gelu(x, approximate=True).numpy())


def test_a_replacement_that_takes_any_option_lacks_none(rng):
    seen = []

    def mine(x, **options):
        seen.append(options)
        return ops.gelu.forward(x, **options)

    with ops.use(gelu=mine):
        ops.gelu(rng.standard_normal(3), approximate=True)
    assert seen == [{"approximate": True}]


@pytest.mark.parametrize("smoothing", [{}, {"label_smoothing": 0.0}, {"label_smoothing": float("0")}], ids=str)
def test_a_replacement_without_an_option_that_has_its_default_runs_quietly(smoothing, rng):
    calls = []

    def mine(logits, labels):
        calls.append(labels)
        return ops.cross_entropy.forward(logits, labels)

    with ops.use(cross_entropy=mine), warnings.catch_warnings():
        warnings.simplefilter("error")
        ops.cross_entropy(rng.standard_normal((3, 5)), LABELS, **smoothing)
    assert len(calls) == 1


def test_an_option_given_by_position_reaches_the_replacement(rng):
    spy = Spy("gelu")
    with ops.use(gelu=spy):
        ops.gelu(rng.standard_normal(3), True)
    assert spy.options == [{"approximate": True}]


def test_another_default_in_the_replacement_does_not_count(rng):
    seen = []

    def mine(x, weight, bias, eps=0.5):
        seen.append(eps)
        return ops.layernorm.forward(x, weight, bias, eps)

    with ops.use(layernorm=mine):
        ops.layernorm(rng.standard_normal((2, 3)), np.ones(3), np.zeros(3))
    assert seen == [1e-6]


def test_the_replacements_own_names_for_its_arguments_do_not_matter(rng):
    def mine(picture, side):
        return ops.patchify.forward(picture, side)

    with ops.use(patchify=mine):
        y = ops.patchify(rng.standard_normal((1, 4, 6, 2)), patch_size=(2, 3))
    assert y.shape == (1, 4, 12)


@pytest.mark.parametrize("name", ["gleu", "add", "Tensor"])
def test_a_name_that_cannot_be_replaced_is_an_error_that_lists_the_others(name):
    with pytest.raises(ValueError, match=f"{name}.*layernorm"), ops.use(**{name: np.tanh}):
        pass


def test_something_that_is_no_function_is_an_error_and_replaces_nothing():
    with pytest.raises(ValueError, match=r"linear.*int"), ops.use(gelu=Spy("gelu"), linear=3):
        pass
    assert nothing_is_replaced()


NO_PAIRS = {"array": np.zeros(3), "one": (np.zeros(3),), "no function": (np.zeros(3), np.zeros(3)), "None": None}


@pytest.mark.parametrize("returned", NO_PAIRS.values(), ids=NO_PAIRS.keys())
def test_a_replacement_that_returns_no_pair_is_a_clear_error(returned):
    with ops.use(gelu=lambda x: returned), pytest.raises(ValueError, match=r"gelu.*output.*backward"):
        ops.gelu(np.zeros(3))


def test_a_wrong_gradient_of_a_replacement_is_an_error_that_names_the_op(rng):
    def transposed(x, weight, bias):
        return x @ weight, lambda dy: (dy @ weight.T, dy.T @ x, None)

    x, weight = rng.standard_normal((2, 3)), Tensor(rng.standard_normal((3, 5)), requires_grad=True)
    with ops.use(linear=transposed), pytest.raises(ValueError, match=r"linear.*\(5, 3\).*\(3, 5\)"):
        gradients(ops.linear(x, weight, None).sum(), [weight])


def test_a_replacement_runs_without_recording_too(model, images):
    spy = Spy("layernorm")
    with ops.use(layernorm=spy), no_grad():
        model(images)
    assert spy.calls == 5


def test_a_replacement_that_leaves_float32_is_told_why(rng):
    def mine(x, approximate=False):
        y, backward = ops.gelu.forward(x)
        return y * np.sqrt(np.float64(1.0)), backward

    with ops.use(gelu=mine), pytest.raises(ValueError, match=r"your gelu returned float64 for inputs of float32: .* math.sqrt"):
        ops.gelu(rng.standard_normal((2, 3), dtype=np.float32))


# Parts of parts


def fused_ops():
    return [op for op in ops.registry.values() if op.parts]


def parts_of(op):
    return {op.name} | {name for part in op.parts for name in parts_of(part)}


@pytest.mark.parametrize("name", sorted(ops.swappable))
def test_each_op_that_is_replaced_runs_in_a_real_step_whatever_fuses_it(name, model, images):
    """Loss, gradients and update; every op that fuses others is in place, also one that fuses an op that fuses this one."""
    spy = Spy(name)
    optimizer = optim.AdamW(model, lr=1e-3)
    with ops.use(**{name: spy}):
        optimizer.step(gradients(loss_of(model, images), model.parameters()))
    assert spy.calls >= 1


def test_self_attention_knows_its_parts_and_theirs():
    names = {op.name: parts_of(op) for op in fused_ops()}
    assert names["self_attention"] == {"self_attention", "split_heads", "attention", "merge_heads", "softmax"}


@pytest.mark.parametrize("fused", fused_ops(), ids=lambda op: op.name)
def test_a_fused_op_is_what_its_parts_give(fused, rng):
    shapes = {"attention": [(2, 3, 4, 5)] * 3, "self_attention": [(2, 4, 12)]}[fused.name]
    options = {"self_attention": dict(heads=2)}.get(fused.name, {})
    leaves = [Tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]
    results = []
    for call in (fused, fused.composition):
        y = call(*leaves, **options)
        results.append([y.numpy(), *gradients((y * y).sum(), leaves)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_a_part_of_a_part_that_is_replaced_changes_what_the_whole_gives(rng):
    def uniform(x, axis=-1):
        return np.full(x.shape, 1 / x.shape[axis]), lambda dy: 0 * dy

    qkv = rng.standard_normal((2, 4, 12))
    with ops.use(softmax=uniform):
        y = ops.self_attention(qkv, heads=2)
    np.testing.assert_allclose(y.numpy(), np.broadcast_to(qkv[:, :, 8:].mean(axis=1, keepdims=True), y.shape))
