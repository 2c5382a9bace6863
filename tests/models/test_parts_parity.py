"""The same as PyTorch: the parts of a better ViT, written once more as one writes them there, with their gradients."""

import math

import numpy as np
import pytest

from minivit import gradients

from ..support.parts import model_with, some_images
from ..support.plain import relative_error

torch = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")
F = torch.nn.functional
EPS = 1e-6
ROWS, COLUMNS = 2, 3  # of the grid


@pytest.fixture(autouse=True)
def one_thread():
    """Several would wait for each other longer than such small arrays take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def norm(x, p, name):
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], EPS)


def linear(x, p, name):
    return x @ p[f"{name}.weight"] + p[f"{name}.bias"]


def heads_of(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)  # (B, h, T, d)


def attend(q, k, v, p, name, bias=None):
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    return linear(y.transpose(1, 2).flatten(2), p, f"{name}.proj")


def self_attention(x, p, name, config):
    q, k, v = (heads_of(part, config.heads) for part in linear(x, p, f"{name}.qkv").chunk(3, dim=-1))
    if config.qk_norm:
        q, k = norm(q, p, f"{name}.q_norm"), norm(k, p, f"{name}.k_norm")
    if config.lsa:
        q = q * math.sqrt(q.shape[-1]) / p[f"{name}.temperature"]
    bias = None
    if config.relative_pos == "relative":
        bias = relative_bias(p[f"{name}.rel_pos.relative_position_bias_table"])
    if config.relative_pos == "irpe":
        bias = contextual_bias(q, p[f"{name}.rel_pos.lookup_table_weight"])
    if config.relative_pos == "rope":
        q, k = axial(q), axial(k)
    if config.relative_pos == "rope_mixed":
        q, k = (mixed(part, p[f"{name}.rel_pos.freqs"]) for part in (q, k))
    if config.lsa:
        diagonal = torch.eye(q.shape[2], dtype=torch.bool)
        bias = torch.zeros(q.shape[2], q.shape[2], dtype=q.dtype).masked_fill(diagonal, -math.inf) + (0 if bias is None else bias)
    return attend(q, k, v, p, name, bias)


def places():
    """(row, column) of every patch."""
    grid = torch.meshgrid(torch.arange(ROWS), torch.arange(COLUMNS), indexing="ij")
    return torch.stack(grid, dim=-1).reshape(-1, 2)


def relative_bias(table):
    """BEiT's: a class token in front."""
    apart = places()[:, None] - places()[None] + torch.tensor([ROWS - 1, COLUMNS - 1])
    last = len(table)
    index = F.pad(apart[..., 0] * (2 * COLUMNS - 1) + apart[..., 1], (1, 0, 1, 0))
    index[0, :], index[:, 0], index[0, 0] = last - 3, last - 2, last - 1
    return table[index].permute(2, 0, 1)


def contextual_bias(q, table):
    """Distances up to 2 are their own bucket, 7 x 7 in all; that of the class token is the last."""
    apart = places()[:, None] - places()[None] + 3
    index = F.pad(apart[..., 0] * 7 + apart[..., 1], (1, 0, 1, 0), value=49)
    scores = q @ table / math.sqrt(q.shape[-1])  # (B, h, T, 50)
    return scores.gather(-1, index.expand(*q.shape[:2], -1, -1))


def turned(x, angles):
    """Behind the class token, pairs of numbers as complex ones: times exp(i angle)."""
    patches = torch.view_as_complex(x[:, :, 1:].unflatten(-1, (-1, 2)).contiguous())
    patches = torch.view_as_real(patches * torch.polar(torch.ones_like(angles), angles)).flatten(-2)
    return torch.cat([x[:, :, :1], patches], dim=2)


def axial(x):
    speed = 100.0 ** (-torch.arange(0, x.shape[-1], 4, dtype=x.dtype) / x.shape[-1])
    rows, columns = places().to(x.dtype).T
    return turned(x, torch.cat([torch.outer(columns, speed), torch.outer(rows, speed)], dim=1))


def mixed(x, freqs):
    rows, columns = places().to(x.dtype).T
    return turned(x, columns[:, None] * freqs[0][:, None] + rows[:, None] * freqs[1][:, None])


def class_attention(x, p, name, config):
    projected = (linear(x[:, :1], p, f"{name}.q"), linear(x, p, f"{name}.k"), linear(x, p, f"{name}.v"))
    q, k, v = (heads_of(part, config.heads) for part in projected)
    if config.qk_norm:
        q, k = norm(q, p, f"{name}.q_norm"), norm(k, p, f"{name}.k_norm")
    return attend(q, k, v, p, name)


def mlp(x, p, name, config):
    x = linear(x, p, f"{name}.fc1")
    if config.activation == "swiglu":
        gate, value = x.chunk(2, dim=-1)
        return linear(F.silu(gate) * value, p, f"{name}.fc2")
    return linear(F.gelu(x), p, f"{name}.fc2")


def block(x, p, name, config):
    scale = [p.get(f"{name}.{ls}.gamma", 1.0) for ls in ("ls1", "ls2")]
    late = f"{name}.attn.q.weight" in p
    attention, rest = (class_attention, x[:, 1:]) if late else (self_attention, x[:, :0])
    seen = attention(norm(x, p, f"{name}.norm1"), p, f"{name}.attn", config)
    x = (x[:, :1] if late else x) + scale[0] * seen
    x = x + scale[1] * mlp(norm(x, p, f"{name}.norm2"), p, f"{name}.mlp", config)
    x = torch.cat([x, rest], dim=1)
    if f"{name}.peg.weight" in p:
        weight = p[f"{name}.peg.weight"].permute(2, 0, 1)[:, None]  # (D, 1, 3, 3)
        picture = x[:, 1:].transpose(1, 2).unflatten(2, (ROWS, COLUMNS))
        picture = picture + F.conv2d(picture, weight, p[f"{name}.peg.bias"], padding=1, groups=x.shape[-1])
        x = torch.cat([x[:, :1], picture.flatten(2).transpose(1, 2)], dim=1)
    return x


# Stems: images (B, C, H, W) to tokens (B, N, F)


def unfolded(picture, size, stride, padding):
    """Windows as (row, column, channel)."""
    windows = F.unfold(picture, size, padding=padding, stride=stride).transpose(1, 2)  # (B, N, C size size)
    return windows.unflatten(-1, (-1, size * size)).transpose(-1, -2).flatten(-2)


def overlap(images, p, config):
    return unfolded(images, 7, 4, 2)


def t2t(images, p, config):
    x, name = unfolded(images, 3, 2, 1), "stem.transformers.0"  # (B, 4 x 6, 18)
    q, k, v = linear(norm(x, p, f"{name}.norm1"), p, f"{name}.qkv").chunk(3, dim=-1)
    x = v + linear((q @ k.transpose(1, 2) / math.sqrt(v.shape[-1])).softmax(-1) @ v, p, f"{name}.proj")
    x = x + mlp(norm(x, p, f"{name}.norm2"), p, f"{name}.mlp", config)
    return unfolded(x.transpose(1, 2).unflatten(2, (4, 6)), 3, 2, 1)


def shifted(images, p, config):
    moves = ((0, 0), (2, 2), (2, -2), (-2, 2), (-2, -2))  # F.pad with negative numbers cuts
    copies = [F.pad(images, (x, -x, y, -y)) for y, x in moves]
    return norm(unfolded(torch.cat(copies, dim=1), 4, 4, 0), p, "stem.norm")


def progressive(images, p, config):
    x = images
    for i in range(2):
        weight = p[f"stem.convs.convs.{i}.weight"].permute(3, 2, 0, 1)
        x = F.relu(F.conv2d(x, weight, p[f"stem.convs.convs.{i}.bias"], padding=1))
    features = F.max_pool2d(x, 2)  # (B, D, 4, 6)
    point = (2 * places().to(x.dtype) + 0.5).expand(len(x), -1, -1)  # (B, N, 2)
    size, tokens = torch.tensor([4.0, 6.0], dtype=x.dtype), None
    for i in range(4):
        grid = (2 * point / (size - 1) - 1).flip(-1)[:, :, None]  # x, y from -1 to 1
        seen = F.grid_sample(features, grid, align_corners=True, padding_mode="border")[..., 0].transpose(1, 2)
        seen = seen + linear(2 * point / size - 1, p, "stem.pos")
        tokens = block(seen if tokens is None else seen + tokens, p, f"stem.blocks.{i}", model_with().config)
        if i < 3:
            point = point.detach() + linear(tokens, p, f"stem.offsets.{i}")
    return tokens


STEMS = {"overlap": overlap, "t2t": t2t, "shifted": shifted, "progressive": progressive}


def joined(x, p, name):
    """The class token in front, where it comes."""
    return torch.cat([p[f"{name}cls_token"].expand(len(x), -1, -1), x], dim=1) if f"{name}cls_token" in p else x


def vit(images, p, config):
    images = images.permute(0, 3, 1, 2)
    x = STEMS[config.stem](images, p, config) if config.stem in STEMS else unfolded(images, 4, 4, 0)
    x = joined(linear(x, p, "patch_embed"), p, "") + p["pos_embed"]
    for i in range(config.depth):
        x = block(joined(x, p, f"blocks.{i}."), p, f"blocks.{i}", config)
    return linear(norm(x, p, "norm")[:, 0], p, "head")


MODELS = [
    (),
    *((part,) for part in STEMS),
    *((part,) for part in ("relative", "irpe", "peg", "rope", "rope_mixed", "swiglu", "layer_scale", "qk_norm", "lsa")),
    ("class_blocks", "qk_norm", "layer_scale"),
    ("relative", "lsa", "swiglu"),
    ("irpe", "lsa", "qk_norm"),
    ("rope_mixed", "qk_norm", "layer_scale", "lsa"),
]


@pytest.mark.parametrize("parts", MODELS, ids=lambda parts: " and ".join(parts) or "plain")
def test_logits_and_all_gradients_are_those_of_pytorch(parts):
    model, images = model_with(*parts), some_images()
    upstream = np.random.default_rng(5).standard_normal((3, 5))
    logits = model(images)
    found = gradients((logits * upstream).sum(), model.parameters())

    p = {name: torch.from_numpy(value).requires_grad_() for name, value in model.state_dict().items()}
    theirs = vit(torch.from_numpy(images), p, model.config)
    (theirs * torch.from_numpy(upstream)).sum().backward()
    assert relative_error(logits.data, theirs.detach().numpy()) < 1e-10
    for (name, _), gradient in zip(model.named_parameters(), found, strict=True):
        expected = p[name].grad.numpy()  # zero, but for rounding, where all scores of a row grow alike
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-12 + 1e-9 * abs(expected).max(), err_msg=name)
