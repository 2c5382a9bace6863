"""The same as PyTorch: every op, and ten training steps of a whole ViT."""

import math

import numpy as np
import pytest

from minivit import gradients, ops, optim

from .support.cases import CASES, build
from .support.plain import as_tuple, is_float_array, relative_error, small_vit, upstream_like

torch = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")
F = torch.nn.functional

LIMITS = {np.float32: 1e-5, np.float64: 1e-10}
each_dtype = pytest.mark.parametrize("dtype", LIMITS)
STEPS, BATCH = 10, 6


def to_torch(value):
    """Arrays as tensors, floating-point ones as leaves; arrays in an index too; anything else as it is."""
    if isinstance(value, tuple):
        return tuple(torch.from_numpy(v) if isinstance(v, np.ndarray) else v for v in value)
    if not isinstance(value, np.ndarray):
        return value
    return torch.tensor(value, requires_grad=is_float_array(value))


@pytest.mark.parametrize("case", CASES, ids=str)
@each_dtype
def test_output_and_gradients_are_those_of_pytorch(case, dtype):
    args, options = build(case, seed=3, dtype=dtype)
    y, backward = ops.registry[case.op].forward(*args, **options)
    outputs = as_tuple(y)
    upstream = upstream_like(np.random.default_rng(4), outputs)
    found = as_tuple(backward(*upstream))

    tensors = [to_torch(a) for a in args]
    expected = as_tuple(case.reference(torch, *tensors))
    for own, theirs in zip(outputs, expected, strict=True):
        assert relative_error(own, theirs.detach().numpy()) < LIMITS[dtype]

    loss = sum((theirs * torch.from_numpy(dy)).sum() for theirs, dy in zip(expected, upstream, strict=True))
    if loss.requires_grad:
        loss.backward()
    for i, tensor in enumerate(tensors):
        if is_float_array(args[i]):
            theirs = np.zeros(args[i].shape) if tensor.grad is None else tensor.grad.numpy()
            assert relative_error(found[i], theirs) < LIMITS[dtype], f"argument {i}"


class TorchBlock(torch.nn.Module):
    def __init__(self, dim, heads, mlp_dim):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (torch.nn.LayerNorm(dim, eps=1e-6) for _ in range(2))
        self.attn = torch.nn.ModuleDict(dict(qkv=torch.nn.Linear(dim, 3 * dim), proj=torch.nn.Linear(dim, dim)))
        self.mlp = torch.nn.ModuleDict(dict(fc1=torch.nn.Linear(dim, mlp_dim), fc2=torch.nn.Linear(mlp_dim, dim)))

    def forward(self, x):
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.attn["qkv"](self.norm1(x)).chunk(3, dim=-1)
        )
        x = x + self.attn["proj"](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class TorchViT(torch.nn.Module):
    """A ViT as one writes it in PyTorch, with the state names of ours."""

    def __init__(self, c):
        super().__init__()
        self.patch_size = c.patch_size
        self.patch_embed = torch.nn.Linear(c.patch_length, c.dim)
        self.cls_token = torch.nn.Parameter(torch.zeros(1, 1, c.dim))
        self.pos_embed = torch.nn.Parameter(torch.zeros(1, c.tokens, c.dim))
        self.blocks = torch.nn.ModuleList(TorchBlock(c.dim, c.heads, c.mlp_dim) for _ in range(c.depth))
        self.norm = torch.nn.LayerNorm(c.dim, eps=1e-6)
        self.head = torch.nn.Linear(c.dim, c.classes)

    def forward(self, images):
        p, q = self.patch_size
        patches = images.unfold(1, p, p).unfold(2, q, q).permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(1, 2)
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), self.patch_embed(patches)], dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])

    def is_linear_weight(self, name):
        return isinstance(self.get_submodule(name.rpartition(".")[0]), torch.nn.Linear) and name.endswith("weight")

    def load(self, state):
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(torch.from_numpy(state[name].T if self.is_linear_weight(name) else state[name]))

    def state(self):
        """As ours: linear weights are (in, out)."""
        arrays = {name: p.detach().numpy() for name, p in self.named_parameters()}
        return {name: a.T if self.is_linear_weight(name) else a for name, a in arrays.items()}


def train_both(dtype, clip_norm=None, smoothing=0.0):
    """(our losses, theirs, our model, theirs) of ten AdamW steps from the same weights on the same batches."""
    settings = dict(lr=2e-3, betas=(0.9, 0.95), eps=1e-8)
    rng = np.random.default_rng(5)
    ours = small_vit(rng, dtype=dtype)
    theirs = TorchViT(ours.config).to(torch.from_numpy(np.zeros(0, dtype)).dtype)
    theirs.load(ours.state_dict())
    images = rng.standard_normal((STEPS, BATCH, 6, 9, 2)).astype(dtype)
    labels = rng.integers(5, size=(STEPS, BATCH))

    optimizer = optim.AdamW(ours, weight_decay=0.1, clip_norm=clip_norm, **settings)
    named = list(theirs.named_parameters())
    groups = [
        dict(params=[p for name, p in named if theirs.is_linear_weight(name)], weight_decay=0.1),
        dict(params=[p for name, p in named if not theirs.is_linear_weight(name)], weight_decay=0.0),
    ]
    torch_optimizer = torch.optim.AdamW(groups, fused=False, foreach=False, **settings)
    our_losses, their_losses = [], []
    for x, y in zip(images, labels, strict=True):
        loss = ops.cross_entropy(ours(x), y, label_smoothing=smoothing)
        our_losses.append(float(loss.data))
        optimizer.step(gradients(loss, ours.parameters()))

        torch_optimizer.zero_grad()
        torch_loss = F.cross_entropy(theirs(torch.from_numpy(x)), torch.from_numpy(y), label_smoothing=smoothing)
        torch_loss.backward()
        their_losses.append(torch_loss.item())
        if clip_norm:  # torch's own clip_grad_norm_ divides by norm + 1e-6
            norm = math.sqrt(sum(float((p.grad.double() ** 2).sum()) for _, p in named))
            assert norm > clip_norm, "nothing is clipped, so that nothing is tested"
            for _, p in named:
                p.grad *= clip_norm / norm
        torch_optimizer.step()
    return our_losses, their_losses, ours.state_dict(), theirs.state()


SETTINGS = {
    "plain": {},
    "clipped": dict(clip_norm=0.2),
    "smoothed": dict(smoothing=0.1),
    "clipped and smoothed": dict(clip_norm=0.2, smoothing=0.1),
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
class TestTenStepsOfTraining:
    def test_all_weights_are_those_of_pytorch_in_float64(self, settings):
        our_losses, their_losses, ours, theirs = train_both(np.float64, **settings)
        np.testing.assert_allclose(our_losses, their_losses, atol=1e-10)
        assert set(ours) == set(theirs)
        for name, weight in ours.items():
            np.testing.assert_allclose(weight, theirs[name], rtol=0, atol=1e-8, err_msg=name)

    def test_all_losses_are_those_of_pytorch_in_float32(self, settings):
        our_losses, their_losses, _, _ = train_both(np.float32, **settings)
        np.testing.assert_allclose(our_losses, their_losses, rtol=1e-5)
