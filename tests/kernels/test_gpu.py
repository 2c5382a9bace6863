"""The same numbers on a GPU: kernels against the NumPy code of their ops, training step by step, checkpoints from one device
to the other, and how often a step talks to the device.

They run on any GPU that CuPy can use, and on the real CuPy executing on a CPU; elsewhere they are skipped, with the reason.
The table of all ops runs on every usable device in tests/ops/test_registry.py.
"""

import ctypes
import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from minivit import ViT, ViTConfig, gradients, ops, optim
from minivit.backend import gpu_status, to_device, to_host
from minivit.kernels import cuda_attention
from minivit.kernels.cuda_attention import THREADS, WIDEST
from minivit.training import loop as trainer
from minivit.training.checkpoint import load_model, save_model
from minivit.training.recipe import Recipe

from ..support.plain import as_tuple, is_float_array, noncontiguous, on, relative_error, small_vit, upstream_like
from ..support.tiny import few_digits, tiny_recipe, tiny_vit

usable, reason = gpu_status()
pytestmark = pytest.mark.skipif(not usable, reason=reason)
LIMITS = {np.float64: 1e-12, np.float32: 2e-6}
REFERENCE = ViTConfig(image_size=28, patch_size=4, channels=1, classes=10, dim=64, depth=4, heads=4, mlp_dim=256)

# Kernels: sizes around those of a block of threads or a tile, none of them a multiple
ROWS = [(2, 3, 5), (7, 33), (130, 257), (1, 1), (3, 600)]
HEADS = [(2, 3, 5, 4), (1, 2, 65, 16), (2, 1, 33, 7), (1, 1, 130, 64), (1, 1, 5, WIDEST), (1, 1, 3, WIDEST + 1), (2, 2, 2, 3)]
KEYS = [  # another number of keys than of queries
    ((2, 3, 5, 4), (2, 3, 7, 4)),
    ((1, 2, THREADS + 1, 16), (1, 2, 1, 16)),
    ((2, 1, 1, 7), (2, 1, 2 * THREADS + 1, 7)),
    ((1, 2, THREADS - 1, 64), (1, 2, 33, 64)),
    ((1, 1, 3, WIDEST), (1, 1, 65, WIDEST)),
    ((1, 1, 3, WIDEST + 1), (1, 1, 5, WIDEST + 1)),
]
KERNELS = [
    *((name, (shape,), {}) for name in ("softmax", "gelu") for shape in ROWS),
    *(("gelu", (shape,), {"approximate": True}) for shape in ROWS),
    *(("layernorm", (shape, shape[-1:], shape[-1:]), {"eps": 1e-3}) for shape in ROWS),
    *(("attention", (shape, shape, shape), {}) for shape in HEADS),
    *(("attention", (q, k, k), {}) for q, k in KEYS),
    *(("attention", (q, k, k, (*q[1:3], k[2])), {}) for q, k in KEYS),
]


def compare(name, args, options, dtype):
    """Asserts that an op gives on the GPU what it gives on the CPU in float64: output and gradients."""
    args = tuple(a.astype(dtype) if is_float_array(a) else a for a in args)
    exact = tuple(a.astype(np.float64) if is_float_array(a) else a for a in args)
    y, backward = ops.registry[name].forward(*exact, **options)
    there, backward_there = ops.registry[name].forward(*on("gpu", args), **options)
    upstream = upstream_like(np.random.default_rng(1), [np.asarray(y, dtype)])
    expected = as_tuple(backward(*(dy.astype(np.float64) for dy in upstream)))
    expected = [None if g is None else np.where(np.abs(g).max(initial=0) < 1e-12, 0, g) for g in expected]  # no rounding left
    found = as_tuple(backward_there(*on("gpu", upstream)))
    assert there.dtype == dtype
    assert relative_error(there, y) < LIMITS[dtype]
    for own, right in zip(found, expected, strict=True):
        assert (own is None and right is None) or relative_error(own, right) < LIMITS[dtype] * (1 if right.any() else 10)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("name, shapes, options", KERNELS)
def test_a_kernel_is_its_plain_form(name, shapes, options, dtype, rng):
    compare(name, [rng.standard_normal(shape) for shape in shapes], options, dtype)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("batch, classes", [(3, 5), (65, 10), (2, 300)])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_kernel_of_cross_entropy_is_its_plain_form(batch, classes, label_smoothing, dtype, rng):
    args = 3 * rng.standard_normal((batch, classes)), rng.integers(0, classes, batch)
    compare("cross_entropy", args, {"label_smoothing": label_smoothing}, dtype)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("batch, classes", [(3, 5), (65, 10), (2, 300)])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_with_soft_labels_too_the_kernel_of_cross_entropy_is_its_plain_form(batch, classes, label_smoothing, dtype, rng):
    targets = rng.dirichlet(np.ones(classes), batch)
    compare("cross_entropy", (3 * rng.standard_normal((batch, classes)), targets), {"label_smoothing": label_smoothing}, dtype)


def test_soft_labels_may_have_gaps_in_memory(rng):
    logits, targets = rng.standard_normal((3, 5)), rng.dirichlet(np.ones(5), 3)
    expected = ops.cross_entropy.forward(logits, targets)[0]
    scattered = (noncontiguous(to_device(a, "gpu")) for a in (logits, targets))
    assert float(ops.cross_entropy.forward(*scattered)[0]) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("labels", [np.zeros(2, int), np.zeros(3), np.zeros((3, 5), int), np.zeros((3, 4)), np.zeros((2, 5))])
def test_labels_of_a_wrong_shape_are_refused_on_the_gpu_too(labels):
    with pytest.raises(ValueError, match="labels must be 3 whole numbers"):
        ops.cross_entropy.forward(to_device(np.zeros((3, 5)), "gpu"), to_device(labels, "gpu"))


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("shape, keys", [((2, 3, 7, 5), 4), ((3, 1, 5), 4), ((2, 3, 1, 5), 70), ((7, 130), 129), ((1, 5), 0)])
def test_the_kernel_of_pick_is_its_plain_form(shape, keys, dtype, rng):
    index = rng.integers(0, shape[-1], (max(shape[-2], 7), keys))
    compare("pick", (rng.standard_normal(shape), index), {}, dtype)


@pytest.mark.parametrize("name", ["softmax", "cross_entropy", "attention"])
def test_kernels_stay_finite_where_exponentials_do_not(name, rng):
    large = np.array([[1e4, -1e4, 0.0, 1e4]])
    args = {"softmax": (large,), "cross_entropy": (large, np.array([1]))}.get(name)
    args = args or tuple(10 * rng.standard_normal((1, 2, 40, 4)) for _ in range(3))
    compare(name, args, {}, np.float64)


def test_attention_of_views_with_gaps_is_that_of_dense_arrays(rng):
    qkv = rng.standard_normal((2, 5, 24))  # q, k and v of split_heads are views of one array
    dy = rng.standard_normal((2, 5, 8))
    results = []
    for device in ("cpu", "gpu"):
        (q, k, v), split = ops.split_heads.forward(to_device(qkv, device), heads=2)
        y, attend = ops.attention.forward(q, k, v)
        merged, merge = ops.merge_heads.forward(y)
        results.append((merged, split(*attend(merge(to_device(dy, device)))[:3])))
    for cpu, gpu in zip(*results, strict=True):
        assert relative_error(gpu, cpu) < 1e-12


# Attention with a bias


def scores_of(axes, sizes):
    """The shape of a bias that has these of the axes (B, h, T, S), and no axis in front of the first of them."""
    shape = tuple(size if axis in axes else 1 for axis, size in enumerate(sizes))
    return shape[min(axes) :] if axes else ()


KINDS = [axes for count in range(5) for axes in itertools.combinations(range(4), count)]
SCORES = [(2, 3, 5, 7), (3, 2, 1, 40), (2, 1, THREADS + 1, 33), (1, 2, 2 * THREADS + 1, 1)]


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("busy", [1, 4, 512])
@pytest.mark.parametrize("sizes", SCORES, ids=str)
def test_a_bias_of_every_shape_gets_its_gradient_however_the_kernel_shares_the_work(sizes, busy, dtype, rng, monkeypatch):
    monkeypatch.setattr(cuda_attention, "BUSY", busy)
    q, k, v = (rng.standard_normal((*sizes[:2], tokens, 6)) for tokens in (sizes[2], sizes[3], sizes[3]))
    for shape in {*(scores_of(axes, sizes) for axes in KINDS), (1, 1, *sizes[2:]), (1, 1, 1, 1)}:
        bias = rng.standard_normal(shape)
        compare("attention", (q, k, v, bias), {}, dtype)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("of", ["numbers", "numbers with gaps in memory", "True and False"])
@pytest.mark.parametrize("shape", [(2, 3, 70, 45), (3, 70, 45), (2, 1, 70, 45), (70, 45)], ids=str)
def test_a_mask_hides_keys_from_the_kernel_too_and_a_query_that_sees_nothing_gets_nothing(shape, of, dtype, rng):
    q, k, v = (rng.standard_normal((2, 3, tokens, 6)) for tokens in (70, 45, 45))
    seen = rng.random(shape) < 0.5
    seen[..., :40] &= np.arange(70)[:, None] > 3  # some see nothing in the first tile,
    seen[..., 2, :] = seen[..., 66, :] = False  # and these nothing at all
    bias = seen if of == "True and False" else np.where(seen, rng.standard_normal(shape), -np.inf)
    compare("attention", (q, k, v, noncontiguous(bias) if "gaps" in of else bias), {}, dtype)
    y, backward = ops.attention.forward(*on("gpu", (q, k, v, bias)))
    dq, _, _, dbias = backward(y + 1)
    assert all((to_host(a)[:, :, [2, 66]] == 0).all() for a in (y, dq))
    assert dbias is None if of == "True and False" else (to_host(dbias)[~seen] == 0).all()


def test_nobody_computes_the_gradient_of_a_mask(rng, monkeypatch):
    launched, compiled = [], cuda_attention.compiled
    monkeypatch.setattr(cuda_attention, "compiled", lambda name, *a, **o: (launched.append(name), compiled(name, *a, **o))[1])
    compare("attention", (*rng.standard_normal((3, 2, 3, 5, 6)), rng.random((5, 5)) < 0.7), {}, np.float64)
    assert launched == ["attention_forward", "attention_dq", "attention_dk_dv"]


@pytest.mark.parametrize("dtype", LIMITS)
def test_in_the_kernel_too_a_bias_that_is_low_but_finite_all_along_a_row_leaves_its_weights_even(dtype, rng):
    q, k, v = (rng.standard_normal((1, 2, tokens, 6)) for tokens in (5, 40, 40))
    bias = np.zeros((5, 40))
    bias[3] = np.finfo(dtype).min
    dy = np.zeros((1, 2, 5, 6))
    dy[:, :, 3] = 1
    *args, dy = on("gpu", tuple(a.astype(dtype) for a in (q, k, v, bias, dy)))
    y, backward = ops.attention.forward(*args)
    assert relative_error(y[:, :, 3], v.mean(axis=2)) < LIMITS[dtype]
    assert relative_error(backward(dy)[2], np.full(v.shape, 1 / 40)) < LIMITS[dtype]


def test_the_kernel_of_attention_hides_no_nan(rng):
    q, k, v, bias = (rng.standard_normal((1, 1, 3, 3)) for _ in range(4))
    q[0, 0, 1, 0] = math.nan
    y = to_host(ops.attention.forward(*on("gpu", (q, k, v, bias)))[0])
    assert np.isnan(y[0, 0, 1]).all() and np.isfinite(y[0, 0, [0, 2]]).all()


def test_what_has_no_entries_has_no_kernel(rng):
    for sizes in [(0, 3, 5, 7), (2, 3, 0, 7), (2, 3, 5, 0)]:
        q, k, v = (rng.standard_normal((*sizes[:2], tokens, 6)) for tokens in (sizes[2], sizes[3], sizes[3]))
        compare("attention", (q, k, v, rng.standard_normal((1, *sizes[1:]))), {}, np.float64)


# Training


def steps(device, dtype, count=10):
    """(losses, weights) of a small ViT after so many AdamW steps on a device."""
    rng = np.random.default_rng(5)
    model = small_vit(rng, dtype=dtype).to(device)
    optimizer = optim.AdamW(model, lr=3e-3, weight_decay=0.1, clip_norm=0.5)
    losses = []
    for _ in range(count):
        images, labels = rng.standard_normal((6, 6, 9, 2)).astype(dtype), rng.integers(0, 5, 6)
        loss = ops.cross_entropy(model(to_device(images, device)), to_device(labels, device), label_smoothing=0.1)
        losses.append(float(loss))
        optimizer.step(gradients(loss, model.parameters()))
    return losses, model.state_dict()


def test_ten_steps_in_float64_end_in_the_weights_of_the_cpu():
    (_, cpu), (_, gpu) = (steps(device, np.float64) for device in ("cpu", "gpu"))
    assert max(np.abs(gpu[name] - cpu[name]).max() for name in cpu) < 1e-8


def test_ten_steps_in_float32_have_the_losses_of_the_cpu():
    (cpu, _), (gpu, _) = (steps(device, np.float32) for device in ("cpu", "gpu"))
    assert np.abs(np.subtract(cpu, gpu)).max() < 1e-5


@pytest.mark.parametrize("kind", [optim.SGD, optim.AdamW])
@pytest.mark.parametrize("bad", ["gradient", "unless"])
def test_on_a_gpu_too_a_step_that_must_not_be_changes_nothing(kind, bad, rng):
    model = tiny_vit().to("gpu")
    optimizer = kind(model, lr=0.1, weight_decay=0.1, clip_norm=1.0)
    optimizer.step([to_device(rng.standard_normal(p.shape).astype(np.float32), "gpu") for p in model.parameters()])
    before, moments = model.state_dict(), [to_host(m) for group in optimizer.groups for m in group.moments]
    grads = [to_device(np.ones(p.shape, np.float32), "gpu") for p in model.parameters()]
    if bad == "gradient":
        grads[1][...] = math.inf
    optimizer.step(grads, unless=to_device(np.array(3 * (bad == "unless")), "gpu"))
    after = model.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert all(
        np.array_equal(a, to_host(b)) for a, b in zip(moments, (m for g in optimizer.groups for m in g.moments), strict=True)
    )


def progress(device, **changes):
    model = tiny_vit().to(device)
    return [(p.step, p.loss, p.accuracy) for p in trainer.train(model, few_digits(), tiny_recipe(**changes), threads=1)]


@pytest.mark.parametrize("changes", [{}, {"shift": 1, "label_smoothing": 0.1, "batch_size": 7}])
def test_a_training_run_tells_the_same_on_both_devices(changes):
    for cpu, gpu in zip(progress("cpu", **changes), progress("gpu", **changes), strict=True):
        assert cpu[0] == gpu[0] and abs(cpu[1] - gpu[1]) < 1e-5 and abs(cpu[2] - gpu[2]) < 0.03


def test_a_loss_that_is_no_number_is_told_with_its_first_step():
    with pytest.raises(ValueError, match="stopped being a number at step 1 "), np.errstate(all="ignore"):
        model = tiny_vit().to("gpu")
        model.head.bias.data[...] = math.nan
        list(trainer.train(model, few_digits(), tiny_recipe()))


@pytest.mark.parametrize("first, second", [("cpu", "gpu"), ("gpu", "cpu")])
def test_a_checkpoint_of_one_device_goes_on_on_the_other(first, second, tmp_path, rng):
    model = tiny_vit(seed=3).to(first)
    save_model(tmp_path / "model.npz", model, {"data": "digits"})
    again, _ = load_model(tmp_path / "model.npz")
    images = rng.random((2, 8, 8, 1), dtype=np.float32)
    own, other = (to_host(m.to(d)(to_device(images, d)).data) for m, d in ((model, first), (again, second)))
    assert np.abs(own - other).max() < 1e-5


def test_predictions_come_back_to_the_host(rng):
    images = rng.random((5, 8, 8, 1), dtype=np.float32)
    cpu, gpu = (trainer.predict(tiny_vit().to(device), images, batch_size=2) for device in ("cpu", "gpu"))
    assert isinstance(gpu, np.ndarray) and np.abs(cpu - gpu).max() < 1e-5


# What a training step costs


@pytest.fixture
def counters():
    """Copies, launches and synchronisations so far, as the CPU's stand-in for a GPU counts them."""
    try:
        counted = (ctypes.c_longlong * 8).in_dll(ctypes.CDLL("libamdhip64.so.7"), "cpuhip_counters")
    except (OSError, ValueError):
        pytest.skip("only the CPU's stand-in for a GPU counts launches and copies")
    names = ("to the device", "to the host", "on the device", "launches", "waits")
    return lambda: dict(zip(names, counted, strict=False))


def cost_of_a_step(monkeypatch, counters, shift):
    """What one step in the middle of an epoch of the reference model counts; the matrix products are not among the launches."""
    rng, seen = np.random.default_rng(0), []
    images = rng.random((24, 28, 28, 1), dtype=np.float32)
    data = few_digits(24, 4)
    data = type(data)("random", data.classes, images, data.train_labels, images[:4], data.test_labels, (0.5,), (0.3,))
    original = trainer.warmup_cosine
    monkeypatch.setattr(trainer, "warmup_cosine", lambda *args: (seen.append(counters()), original(*args))[1])
    model = ViT(REFERENCE, rng).to("gpu")
    for _ in trainer.train(model, data, Recipe(epochs=2, batch_size=4, lr=1e-3, shift=shift)):
        pass
    before, after = seen[8:10]  # of the second epoch, whose kernels are compiled
    return {name: after[name] - before[name] for name in before}


def test_a_training_step_waits_for_nothing_and_only_its_indices_travel(monkeypatch, counters):
    cost = cost_of_a_step(monkeypatch, counters, shift=0)
    assert (cost["to the device"], cost["to the host"], cost["waits"]) == (1, 0, 0)


def test_with_augmentation_the_places_travel_too_and_nothing_else(monkeypatch, counters):
    cost = cost_of_a_step(monkeypatch, counters, shift=2)
    assert (cost["to the device"], cost["to the host"], cost["waits"]) == (2, 0, 0)


def test_a_training_step_is_few_launches(monkeypatch, counters):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    launches = cost_of_a_step(monkeypatch, counters, shift=0)["launches"]
    products = 3 * (4 * REFERENCE.depth + 2) + (4 * REFERENCE.depth + 2) + 2  # y, dx, dweight and dbias of each linear; the norm
    assert launches + products <= 250, launches
    assert f"is {launches} launches and {products} matrix products" in " ".join(readme.split())
