"""Lesson 19: what its text counts and claims, in the library's ViT, and its kernels on a GPU beside NumPy."""

import numpy as np
import pytest

from lessons.classroom import course
from lessons.classroom.checker import diagnose
from lessons.threads import Fault, launch
from minivit import ViT, ViTConfig, gradients, ops
from minivit.backend import gpu_status, to_device, to_host

usable, reason = gpu_status()


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What lesson 19's solution defines."""
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    return diagnose.solution_names(course.find("19"))


def test_a_vit_with_both_gives_the_same_logits_and_gradients(names, rng):
    config = ViTConfig(image_size=8, patch_size=2, channels=1, classes=3, dim=8, depth=2, heads=2, mlp_dim=16)
    model, images, labels = ViT(config, rng, dtype=np.float64), rng.standard_normal((2, 8, 8, 1)), np.array([0, 2])
    parameters = [parameter for _, parameter in model.named_parameters()]
    for parameter in parameters:  # the head begins at 0, and would hide everything
        parameter.data = parameter.data + 0.1 * rng.standard_normal(parameter.shape)

    def run():
        logits = model(images)
        return [logits.data, *gradients(ops.cross_entropy(logits, labels), parameters)]

    without = run()
    with ops.use(gelu=names["gelu_in_blocks"], layernorm=names["layernorm_in_blocks"]):
        own = run()
    assert max(np.abs(a - b).max() for a, b in zip(without, own, strict=True)) < 1e-12


def test_the_bytes_are_those_that_the_text_counts(names):
    assert names["traffic"](names["gelu_in_steps"], np.ones(1000, np.float32)) == (29, 276)
    x, y, slope = np.linspace(-3, 3, 11, dtype=np.float32), np.empty(11, np.float32), np.empty(11, np.float32)
    assert launch(names["gelu_kernel"], 2, 4, (x, y, slope))[:2] == (11, 22)


def test_the_counter_counts_reads_writes_and_sums(names, rng):
    x = rng.standard_normal((4, 5), dtype=np.float32)
    assert names["traffic"](lambda a: a * a, x) == (1, 12)
    assert names["traffic"](lambda a: np.exp(a), x) == (1, 8)
    assert names["traffic"](lambda a: a.sum(axis=-1), x) == (1, 4 + 4 / 5)


def test_one_walk_loses_its_digits_where_the_mean_is_large(names):
    two, one = names["errors"]((1, 256, 4096))
    assert max(two) < 1e-3 and one[0] < 1e-5 < 1e-2 < one[1] and one[2] > 1


def test_a_missing_barrier_is_a_race_and_gives_two_answers(names):
    """In the tree of the lesson's own numbers."""
    numbers = np.array([3, 1, 7, 0, 4, 1, 6, 3], np.float32)

    def kernel(me, x, y):
        me.shared[me.thread] = x[me.thread]
        half = 4
        while half:
            if me.thread < half:
                me.shared[me.thread] += me.shared[me.thread + half]
            half //= 2
        yield
        y[me.thread] = me.shared[0]

    with pytest.raises(Fault) as fault:
        launch(kernel, 1, 8, (numbers, np.zeros(8, np.float32)), shared=8)
    assert fault.value.kind in ("race", "empty")
    right = np.zeros(8, np.float32)

    def summed(me, x, y):
        y[me.thread] = yield from names["block_sum"](me, x[me.thread])

    launch(summed, 1, 8, (numbers, right), shared=8)
    assert right.tolist() == [25] * 8


@pytest.mark.skipif(not usable, reason=reason)
@pytest.mark.parametrize("shape", [(1,), (3, 85), (257,), (2, 131, 4099)])
def test_the_gelu_kernel_gives_what_numpy_gives(names, rng, shape):
    x = 2 * rng.standard_normal(shape, dtype=np.float32)
    found = names["gelu_on_gpu"](to_device(x, "gpu"))
    wanted = names["gelu_in_steps"](x.astype(np.float64).reshape(-1)[:5000])
    for own, right in zip(found, wanted, strict=True):
        assert own.shape == shape
        np.testing.assert_allclose(to_host(own).reshape(-1)[:5000], right, atol=2e-6)
    np.testing.assert_allclose(to_host(found[0]), names["gelu_in_blocks"](x)[0], atol=2e-6)


@pytest.mark.skipif(not usable, reason=reason)
@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 256), (7, 257), (2, 768)])
def test_the_layernorm_kernel_gives_what_numpy_gives(names, rng, shape):
    x, width = 3 + rng.standard_normal(shape, dtype=np.float32), shape[-1]
    weight, bias = (rng.standard_normal(width, dtype=np.float32) for _ in range(2))
    y, mean, r = names["layernorm_on_gpu"](*(to_device(array, "gpu") for array in (x, weight, bias)))
    exact = x.astype(np.float64)
    np.testing.assert_allclose(to_host(y), ops.layernorm.forward(exact, weight, bias)[0], atol=2e-5)
    np.testing.assert_allclose(to_host(mean), exact.mean(axis=-1, keepdims=True), atol=2e-6)
    np.testing.assert_allclose(to_host(r), 1 / np.sqrt(exact.var(axis=-1, keepdims=True) + 1e-6), rtol=1e-5)


@pytest.mark.skipif(not usable, reason=reason)
def test_a_kernel_of_nothing_gives_nothing(names):
    empty = to_device(np.zeros((0, 5), np.float32), "gpu")
    one = to_device(np.ones(5, np.float32), "gpu")
    assert names["gelu_on_gpu"](empty)[0].shape == (0, 5) and names["layernorm_on_gpu"](empty, one, one)[1].shape == (0, 1)
