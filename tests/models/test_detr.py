"""DETR: its shapes, what flows through it and what must not, gradients, PyTorch."""

import numpy as np
import pytest

from minivit import gradients, no_grad, ops
from minivit.backend import to_device, to_host
from minivit.engine import Tensor
from minivit.models.detr import DecoderBlock, EncoderBlock, MultiheadAttention, logit, sine
from minivit.models.detr_config import DETRConfig

from ..support.detection import SIZES, tiny_detr

QUERIES = ("learned", "anchors", "two_stage")
each_start = pytest.mark.parametrize("queries", QUERIES)


@pytest.fixture
def images(rng):
    return rng.standard_normal((2, 8, 12, 1))


def some_noised(rng, groups=2, objects=3):
    return rng.integers(3, size=(2, groups, objects)), rng.uniform(0.2, 0.6, (2, groups, objects, 4))


# Shapes


@each_start
def test_each_query_answers_with_classes_no_object_and_a_box(queries, images):
    found, attention = tiny_detr(queries=queries)(images.astype(np.float32), return_attention=True)
    assert found.shape == (2, 5, 3 + 1 + 4) and found.dtype == np.float32
    boxes = found.data[..., 4:]
    assert (boxes > 0).all() and (boxes < 1).all()
    assert [weights.shape for weights in attention] == [(2, 2, 5, 24)] * 2
    np.testing.assert_allclose([weights.sum(axis=-1) for weights in attention], 1, rtol=1e-5)


@each_start
def test_the_stages_are_named_and_the_last_is_the_answer(queries, images):
    model = tiny_detr(queries=queries, dtype=np.float64)
    stages = dict(model.stages(images))
    expected = ["image", "backbone", "encoder.0", "encoder_norm"] + ["proposals"] * (queries == "two_stage")
    assert list(stages) == [*expected, *["start"] * (queries != "learned"), "decoder.0", "decoder.1"]
    assert stages["backbone"].shape == (2, 4, 6, 8) and stages["encoder.0"].shape == (2, 24, 8)
    last = np.concatenate([stages["decoder.1"].logits.data, stages["decoder.1"].boxes.data], axis=-1)
    np.testing.assert_array_equal(model(images).data, last)


@each_start
def test_parameters_are_counted(queries):
    config = DETRConfig(**SIZES, queries=queries)
    assert config.num_parameters() == tiny_detr(queries=queries).num_parameters()


def test_two_stages_begin_from_the_surest_cells(images):
    stages = dict(tiny_detr(dtype=np.float64).stages(images))
    p = ops.softmax.forward(stages["proposals"].logits.data)[0][..., :-1].max(axis=-1)
    for i in range(2):
        surest = np.argsort(-p[i])[:5]
        np.testing.assert_allclose(stages["start"].data[i], stages["proposals"].boxes.data[i, surest], rtol=1e-9)


def test_a_proposal_starts_in_its_own_cell(images):
    boxes = dict(tiny_detr().stages(images.astype(np.float32)))["proposals"].boxes.data[0]
    column, row = boxes[:, 0] * 6, boxes[:, 1] * 4
    np.testing.assert_array_equal(row.astype(int) * 6 + column.astype(int), np.arange(24))


# What must not flow


@pytest.mark.parametrize("queries", ["anchors", "two_stage"])
def test_noised_queries_are_seen_by_nobody_and_groups_not_by_each_other(queries, images, rng):
    model = tiny_detr(queries=queries, denoising=2, dtype=np.float64)
    classes, boxes = some_noised(rng)
    alone, _ = model.layers(images)
    beside, _ = model.layers(images, (classes, boxes))
    other = boxes.copy()
    other[:, 1] = 0.9 * other[:, 1]
    moved, _ = model.layers(images, (classes, other))
    assert beside[-1].boxes.shape == (2, 5 + 2 * 3, 4)
    np.testing.assert_allclose(beside[-1].logits.data[:, :5], alone[-1].logits.data, rtol=1e-9)
    np.testing.assert_allclose(moved[-1].boxes.data[:, :8], beside[-1].boxes.data[:, :8], rtol=1e-9)
    assert np.abs(moved[-1].boxes.data[:, 8:] - beside[-1].boxes.data[:, 8:]).max() > 1e-3


def test_no_gradient_goes_back_through_the_box_that_is_corrected(images):
    model = tiny_detr(dtype=np.float64)
    layers, _ = model.layers(images)
    with pytest.raises(ValueError, match="takes no part in this loss"):
        gradients(layers[-1].boxes.sum(), [model.enc_bbox_embed.fc3.weight])


def test_positions_are_added_to_q_and_k_and_not_to_v(rng):
    model = tiny_detr(dtype=np.float64)
    block, x = model.encoder[0], Tensor(rng.standard_normal((2, 24, 8)))
    for part in (block.attn.q, block.attn.k):  # nothing of what tells the tokens apart: each looks at all alike
        part.weight.data = np.zeros_like(part.weight.data)
    np.testing.assert_allclose(block(x, model.pos).data, block(x, 5 * model.pos.data).data, rtol=1e-12)


# Gradients


DIFFERENTIABLE = [("learned", ""), ("anchors", "decoder ref norm class bbox query"), ("two_stage", "decoder")]


@pytest.mark.parametrize("queries, first", DIFFERENTIABLE)
def test_the_gradient_of_every_parameter_is_the_numeric_one(queries, first, images, rng):
    """Of those that change nothing in what is held fixed: the boxes from which the decoder starts."""
    model = tiny_detr(queries=queries, dtype=np.float64, decoder_depth=1 if first else 2)
    named = [(name, p) for name, p in model.named_parameters() if name.startswith(tuple(first.split())) or not first]
    upstream = rng.standard_normal((2, 5, 8))
    found = gradients((model(images) * upstream).sum(), [p for _, p in named])

    def loss():
        with no_grad():
            return float((model(images).data * upstream).sum())

    for (name, parameter), gradient in zip(named, found, strict=True):
        direction, kept = rng.standard_normal(parameter.shape), parameter.data
        parameter.data = kept + 1e-5 * direction
        further = loss()
        parameter.data = kept - 1e-5 * direction
        numeric = (further - loss()) / 2e-5
        parameter.data = kept
        assert (gradient * direction).sum() == pytest.approx(numeric, rel=1e-5, abs=1e-7), name


# Devices, dtypes, mistakes


@each_start
def test_it_gives_the_same_on_each_device(queries, images, device, rng):
    images = images.astype(np.float32)
    model = tiny_detr(queries=queries, denoising=0 if queries == "learned" else 1)
    noised = None if queries == "learned" else some_noised(rng, groups=1)
    noised = noised and (noised[0], noised[1].astype(np.float32))
    expected, _ = model.layers(images, noised)
    found, _ = model.to(device).layers(to_device(images, device), noised and tuple(to_device(a, device) for a in noised))
    np.testing.assert_allclose(to_host(found[-1].boxes.data), expected[-1].boxes.data, rtol=1e-4, atol=1e-6)
    assert found[-1].logits.dtype == np.float32


MISTAKES = [
    (dict(patch_size=3), "must be a power of 2"),
    (dict(image_size=(8, 13)), "do not divide images of 8 x 13"),
    (dict(heads=3), "it must be a multiple of 4, for its positions, and of heads, 3"),
    (dict(num_queries=25), "24 cells to begin from"),
    (dict(queries="learned", denoising=1), "denoising starts from boxes"),
    (dict(queries="many"), "choose one of two_stage, anchors, learned"),
]


@pytest.mark.parametrize("changes, sentence", MISTAKES)
def test_sizes_that_do_not_fit_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        DETRConfig(**SIZES | changes)


def test_images_of_another_size_are_refused_with_the_remedy(images):
    with pytest.raises(ValueError, match="resize them to 8 x 12 pixels"):
        tiny_detr()(images[:, :4])


def test_sines_and_logits():
    places = np.array([[0.25, 0.75]])
    angles = 4 * np.pi * places.T / 20 ** (np.arange(2) / 2)  # (2, D/4): x, y
    np.testing.assert_allclose(sine(places, 8)[0], [f(a) for axis in angles for f in (np.sin, np.cos) for a in axis], rtol=1e-12)
    np.testing.assert_allclose(1 / (1 + np.exp(-logit(np.array([0.0, 0.3, 1.0])))), [0.001, 0.3, 0.999], rtol=1e-9)


# PyTorch


def of_torch(torch, linear, module):
    """Copies a Linear into PyTorch's."""
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(linear.weight.data.T))
        module.bias.copy_(torch.from_numpy(linear.bias.data))


def attention_of_torch(torch, own, dim, heads):
    other = torch.nn.MultiheadAttention(dim, heads, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        other.in_proj_weight.copy_(torch.from_numpy(np.concatenate([part.weight.data.T for part in (own.q, own.k, own.v)])))
        other.in_proj_bias.copy_(torch.from_numpy(np.concatenate([part.bias.data for part in (own.q, own.k, own.v)])))
    of_torch(torch, own.proj, other.out_proj)
    return other


def shaken(module, rng):
    """The module with biases and norms that are not 0 and 1."""
    for parameter in module.parameters():
        parameter.data = parameter.data + 0.1 * rng.standard_normal(parameter.shape)
    return module


def test_attention_with_keys_of_another_length_is_pytorch_s(rng):
    torch = pytest.importorskip("torch")
    own = shaken(MultiheadAttention(8, 2, rng, np.float64), rng)
    arrays = [rng.standard_normal(shape) for shape in ((3, 5, 8), (3, 7, 8), (3, 7, 8))]
    ours, theirs = [Tensor(a, True) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
    weights, dy = [], rng.standard_normal((3, 5, 8))
    y = own(*ours, attention=weights)
    expected, shown = attention_of_torch(torch, own, 8, 2)(*theirs, average_attn_weights=False)
    expected.backward(torch.from_numpy(dy))
    np.testing.assert_allclose(y.data, expected.detach(), atol=1e-10)
    np.testing.assert_allclose(weights[0], shown.detach(), atol=1e-10)
    for found, other in zip(gradients((y * dy).sum(), ours), theirs, strict=True):
        np.testing.assert_allclose(found, other.grad, atol=1e-10)


def test_the_decoder_s_block_is_pytorch_s_where_there_are_no_positions(rng):
    torch = pytest.importorskip("torch")
    config = DETRConfig(**SIZES)
    own = shaken(DecoderBlock(config, rng, np.float64), rng)
    options = dict(dropout=0.0, activation="gelu", batch_first=True, norm_first=True, layer_norm_eps=1e-6, dtype=torch.float64)
    other = torch.nn.TransformerDecoderLayer(8, 2, 12, **options)
    other.self_attn, other.multihead_attn = (attention_of_torch(torch, part, 8, 2) for part in (own.self_attn, own.cross_attn))
    of_torch(torch, own.mlp.fc1, other.linear1)
    of_torch(torch, own.mlp.fc2, other.linear2)
    with torch.no_grad():
        for name in ("norm1", "norm2", "norm3"):
            getattr(other, name).weight.copy_(torch.from_numpy(getattr(own, name).weight.data))
            getattr(other, name).bias.copy_(torch.from_numpy(getattr(own, name).bias.data))
    arrays = [rng.standard_normal(shape) for shape in ((3, 5, 8), (3, 7, 8))]
    (x, memory), (tx, tm) = [Tensor(a, True) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
    dy = rng.standard_normal((3, 5, 8))
    y, expected = own(x, np.zeros((5, 8)), memory, np.zeros((7, 8))), other(tx, tm)
    expected.backward(torch.from_numpy(dy))
    np.testing.assert_allclose(y.data, expected.detach(), atol=1e-10)
    for found, theirs in zip(gradients((y * dy).sum(), [x, memory]), (tx, tm), strict=True):
        np.testing.assert_allclose(found, theirs.grad, atol=1e-10)


def test_the_encoder_s_block_with_positions_is_pytorch_s_attention(rng):
    torch = pytest.importorskip("torch")
    own = shaken(EncoderBlock(DETRConfig(**SIZES), rng, np.float64), rng)
    x, pos = rng.standard_normal((3, 7, 8)), rng.standard_normal((7, 8))
    normed = own.norm1(Tensor(x)).data
    place, value = torch.from_numpy(normed + pos), torch.from_numpy(normed)
    looked, _ = attention_of_torch(torch, own.attn, 8, 2)(place, place, value)
    middle = Tensor(x + looked.detach().numpy())
    np.testing.assert_allclose(own(Tensor(x), pos).data, middle.data + own.mlp(own.norm2(middle)).data, atol=1e-10)
