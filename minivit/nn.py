"""Layers: a Module holds parameters and other Modules, and computes when called."""

import math

import numpy as np

from . import ops
from .backend import array_module, to_device, to_host
from .engine import Tensor


class Module:
    """Whatever holds parameters. Attributes that are Tensors with requires_grad are its parameters; attributes that are
    Modules, or lists of them, are its parts. Names are paths of attributes: `blocks.0.attn.qkv.weight`."""

    training = True

    def modules(self, prefix=""):
        """(path, Module) of this one and all below, in the order in which they were set."""
        yield prefix, self
        for name, value in vars(self).items():
            parts = {f"{prefix}{name}.": value} if isinstance(value, Module) else {}
            if isinstance(value, list):
                parts = {f"{prefix}{name}.{i}.": part for i, part in enumerate(value) if isinstance(part, Module)}
            for path, part in parts.items():
                yield from part.modules(path)

    def named_tensors(self):
        """(name, Tensor) of every Tensor, learned or constant, in the order in which they were set."""
        for path, module in self.modules():
            for name, value in vars(module).items():
                if isinstance(value, Tensor):
                    yield path + name, value

    def named_parameters(self):
        """(name, Tensor) of every parameter: the Tensors that are learned."""
        return ((name, tensor) for name, tensor in self.named_tensors() if tensor.requires_grad)

    def parameters(self):
        return [parameter for _, parameter in self.named_parameters()]

    def num_parameters(self):
        """How many numbers are learned."""
        return sum(parameter.size for parameter in self.parameters())

    def state_dict(self):
        """A copy of every parameter as a NumPy array, by name."""
        return {name: np.array(to_host(parameter.data)) for name, parameter in self.named_parameters()}

    def load_state_dict(self, state):
        """Copies `state`, arrays by name, into the parameters, in place.
        Raises ValueError, and changes nothing, if a name is missing or unknown or a shape differs."""
        own = dict(self.named_parameters())
        problems = [f"{name} is missing" for name in own if name not in state]
        problems += [f"{name} is not a parameter of this model" for name in state if name not in own]
        problems += [
            f"{name} has shape {np.shape(state[name])}, and this model's has {own[name].shape}"
            for name in own
            if name in state and np.shape(state[name]) != own[name].shape
        ]
        if problems:
            shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
            raise ValueError(f"this state is of another model: {shown}")
        for name, parameter in own.items():
            parameter.data[...] = array_module(parameter.data).asarray(state[name], dtype=parameter.dtype)

    def train(self, training=True):
        """Training mode: dropout and drop_path are on."""
        for _, module in self.modules():
            module.training = training
        return self

    def eval(self):
        """Evaluation mode: dropout and drop_path are off."""
        return self.train(False)

    @property
    def device(self):
        """Where the parameters are: "cpu" or "gpu"."""
        return "cpu" if array_module(self.parameters()[0].data) is np else "gpu"

    def to(self, device):
        """Moves every Tensor to "cpu" or "gpu". Call it before an optimizer is made, which keeps views of the parameters."""
        for _, tensor in self.named_tensors():
            tensor.data = to_device(tensor.data, device)
        return self


def xavier_uniform(rng, shape, dtype, parts=1):
    """Uniform in +-sqrt(6 / (in + out)), which keeps the variance of signals about the same in both directions (Glorot and
    Bengio 2010). For a kernel (size, size, in, out) both counts are times size^2; for `parts` matrices side by side, out is
    that of one of them."""
    window = math.prod(shape[:-2])
    limit = math.sqrt(6 / (window * (shape[-2] + shape[-1] // parts)))
    return Tensor(rng.uniform(-limit, limit, shape).astype(dtype), requires_grad=True)


def zeros(shape, dtype):
    return Tensor(np.zeros(shape, dtype), requires_grad=True)


class Linear(Module):
    """y = x @ weight + bias, (..., inputs) to (..., outputs)."""

    def __init__(self, inputs, outputs, rng, dtype=np.float32, parts=1):
        self.weight = xavier_uniform(rng, (inputs, outputs), dtype, parts)
        self.bias = zeros(outputs, dtype)

    def __call__(self, x):
        return ops.linear(x, self.weight, self.bias)


class LayerNorm(Module):
    """Every token to mean 0 and variance 1, then times weight, plus bias."""

    def __init__(self, dim, dtype=np.float32):
        self.weight = Tensor(np.ones(dim, dtype), requires_grad=True)
        self.bias = zeros(dim, dtype)

    def __call__(self, x):
        return ops.layernorm(x, self.weight, self.bias)


class Dropout(Module):
    """`function`, dropout or drop_path, at a rate; does nothing in evaluation mode or at rate 0."""

    def __init__(self, rate, function=ops.dropout):
        self.rate, self.function = rate, function

    def __call__(self, x, rng):
        if not self.training or self.rate == 0:
            return x
        if rng is None:
            raise ValueError(
                f"{self.function.name} at rate {self.rate} needs random numbers in training mode: "
                "call model(images, rng=np.random.default_rng(seed)), or model.eval() first"
            )
        return self.function(x, self.rate, rng)


class MLP(Module):
    """Two linear layers with GELU between them: (B, T, D) to (B, T, mlp_dim) and back, one token at a time."""

    def __init__(self, dim, mlp_dim, rng, dtype=np.float32, activation="gelu", dropout=0.0):
        self.fc1 = Linear(dim, mlp_dim, rng, dtype)
        self.fc2 = Linear(mlp_dim, dim, rng, dtype)
        self.approximate = activation == "gelu_tanh"
        self.dropout = Dropout(dropout)

    def __call__(self, x, rng=None):
        x = ops.gelu(self.fc1(x), approximate=self.approximate)  # (B, T, M)
        return self.dropout(self.fc2(self.dropout(x, rng)), rng)  # (B, T, D)


class Attention(Module):
    """Multi-head self-attention: every token looks at every token. (B, T, D) to (B, T, D). (ViT, equations 5 to 8.)"""

    def __init__(self, dim, heads, rng, dtype=np.float32, dropout=0.0):
        self.heads = heads
        self.qkv = Linear(dim, 3 * dim, rng, dtype, parts=3)
        self.proj = Linear(dim, dim, rng, dtype)
        self.dropout = Dropout(dropout)

    def __call__(self, x, rng=None, attention=None):
        """`attention` may be a list: the weights p, an array (B, heads, T, T), are appended to it."""
        q, k, v = ops.split_heads(self.qkv(x), heads=self.heads)  # 3 of (B, h, T, d)
        if attention is not None:
            attention.append(ops.attention_weights(q.data, k.data))
        x = ops.merge_heads(ops.attention(q, k, v))  # (B, T, D)
        return self.dropout(self.proj(x), rng)


class Block(Module):
    """One encoder block, normalising before each part rather than after: x + attention(norm1(x)), then x + mlp(norm2(x)).
    (ViT, equations 2 and 3.) Between the two additions x itself is never normalised, so gradients pass untouched."""

    def __init__(self, dim, heads, mlp_dim, rng, dtype=np.float32, activation="gelu", dropout=0.0, drop_path=0.0):
        self.norm1 = LayerNorm(dim, dtype)
        self.attn = Attention(dim, heads, rng, dtype, dropout)
        self.norm2 = LayerNorm(dim, dtype)
        self.mlp = MLP(dim, mlp_dim, rng, dtype, activation, dropout)
        self.drop_path = Dropout(drop_path, ops.drop_path)

    def __call__(self, x, rng=None, attention=None):
        x = x + self.drop_path(self.attn(self.norm1(x), rng, attention), rng)
        return x + self.drop_path(self.mlp(self.norm2(x), rng), rng)
