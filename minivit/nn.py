"""Layers: a Module holds parameters and other Modules, and computes when called."""

import math

import numpy as np

from . import ops
from .backend import array_module, to_device, to_host
from .checks import YES_OR_NO, choice
from .engine import Tensor


def _held(path, value):
    """(path, Tensor or Module) of each that an attribute holds, in lists, tuples and dictionaries too."""
    if isinstance(value, Tensor | Module):
        yield path, value
    elif isinstance(value, list | tuple | dict):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _held(f"{path}.{name}", part)
    elif isinstance(value, set | frozenset) and any(isinstance(part, Tensor | Module) for part in value):
        raise ValueError(f"{path} is a set, which has no order to name its parts by: make it a list or a dictionary")


def _summary(name, module, indent=""):
    """The lines of a Module and its parts. Parts in a row that are alike are told once."""
    held = [part for key, value in vars(module).items() for part in _held(key, value)]
    own = ", ".join(f"{key} {' x '.join(map(str, part.shape))}" for key, part in held if isinstance(part, Tensor))
    frozen = "  frozen" if module.parameters() and not module.trained_parameters() else ""
    lines = [f"{indent + name:26}{type(module).__name__:11}{module.num_parameters():>13,}  {own}{frozen}".rstrip()]
    told = []  # (names, lines) of the parts
    for key, part in held:
        if isinstance(part, Module) and not (isinstance(part, Dropout) and part.rate == 0):
            below = _summary("", part, indent + "  ")
            if told and told[-1][1] == below and key.rpartition(".")[2].isdigit():
                told[-1][0].append(key)
            else:
                told.append(([key], below))
    for keys, below in told:
        name = keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1].rpartition('.')[2]}"
        lines += [f"{indent + '  ' + name:26}{below[0][26:]}", *below[1:]]
    return lines


class Module:
    """Whatever holds parameters. Attributes that are Tensors with requires_grad are its parameters, attributes that are Modules
    its parts; lists, tuples and dictionaries of them too. Names are paths of attributes: `blocks.0.attn.qkv.weight`.

    A parameter that is frozen (requires_grad = False) stays one: counted, saved and loaded, not trained. A Tensor that never
    required a gradient, like a table of fixed positions, is none. What has two names counts once, under the first.
    """

    training = True

    def modules(self, prefix="", seen=None):
        """(path, Module) of this one and all below, in the order in which they were set."""
        seen = set() if seen is None else seen
        seen.add(id(self))
        yield prefix, self
        for name, value in vars(self).items():
            for path, part in _held(prefix + name, value):
                if isinstance(part, Module) and id(part) not in seen:
                    yield from part.modules(f"{path}.", seen)

    def named_tensors(self):
        """(name, Tensor) of every Tensor, parameter or constant, in the order in which they were set."""
        seen = set()
        for path, module in self.modules():
            for name, value in vars(module).items():
                for full, tensor in _held(path + name, value):
                    if isinstance(tensor, Tensor) and id(tensor) not in seen:
                        seen.add(id(tensor))
                        yield full, tensor

    def named_parameters(self):
        """(name, Tensor) of every parameter, frozen or not."""
        return ((name, tensor) for name, tensor in self.named_tensors() if tensor.is_parameter)

    def parameters(self):
        return [parameter for _, parameter in self.named_parameters()]

    def trained_parameters(self):
        """The parameters that are not frozen: what has a gradient, and what an optimizer moves."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def freeze(self, frozen=True):
        """Keeps every parameter of this module, and of its parts, as it is; freeze(False) lets them learn again."""
        for parameter in self.parameters():
            parameter.requires_grad = not frozen
        return self

    def num_parameters(self):
        """How many numbers the parameters hold."""
        return sum(parameter.size for parameter in self.parameters())

    def __repr__(self):
        """A line a part: its name, kind, the shapes of its own Tensors, and how many numbers it holds."""
        return "\n".join(_summary("", self)).lstrip()

    def state_dict(self):
        """A copy of every parameter as a NumPy array, by name."""
        return {name: np.array(to_host(parameter.data)) for name, parameter in self.named_parameters()}

    def load_state_dict(self, state):
        """Copies `state`, a dictionary of arrays by name, into the parameters, in place.
        Raises ValueError, and changes nothing, if a name is missing or unknown, a shape differs, or something is no array of
        numbers."""
        if not hasattr(state, "keys"):
            raise ValueError(f"load_state_dict takes a dictionary of arrays by name; got {type(state).__name__}")
        own = dict(self.named_parameters())
        state = {name: value.data if isinstance(value, Tensor) else value for name, value in state.items()}
        problems = [f"{name} is missing" for name in own if name not in state]
        problems += [f"{name} is not a parameter of this model" for name in state if name not in own]
        problems += [
            f"{name} has shape {np.shape(state[name])}, and this model's has {own[name].shape}"
            for name in own
            if name in state and np.shape(state[name]) != own[name].shape
        ]
        problems += [f"{name} is no array of real numbers" for name in own if name in state and np.iscomplexobj(state[name])]
        if problems:
            shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
            raise ValueError(f"this state is of another model: {shown}")
        arrays = [array_module(parameter.data).asarray(state[name], parameter.dtype) for name, parameter in own.items()]
        for parameter, array in zip(own.values(), arrays, strict=True):
            parameter.data[...] = array

    def train(self, training=True):
        """Training mode: dropout and drop_path are on."""
        training = choice("training", training, YES_OR_NO)
        for _, module in self.modules():
            module.training = training
        return self

    def eval(self):
        """Evaluation mode: dropout and drop_path are off."""
        return self.train(False)

    @property
    def device(self):
        """Where the parameters are: "cpu" or "gpu"."""
        return "gpu" if any(array_module(parameter.data) is not np for parameter in self.parameters()) else "cpu"

    def to(self, device):
        """Moves every Tensor to "cpu" or "gpu". An optimizer that was made before follows at its next step."""
        for _, tensor in self.named_tensors():
            tensor.data = to_device(tensor.data, device)
        return self


def xavier_uniform(rng, shape, dtype, parts=1):
    """Uniform in +-sqrt(6 / (in + out)), which keeps the variance of signals about the same in both directions (Glorot and
    Bengio 2010). For a kernel (size, size, in, out) both counts are times size^2; for `parts` matrices side by side, out is
    that of one of them."""
    window = math.prod(shape[:-2])
    limit = math.sqrt(6 / (window * (shape[-2] + shape[-1] // parts)))
    return Tensor(rng.uniform(-limit, limit, shape).astype(dtype, copy=False), requires_grad=True)


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

    def __init__(self, dim, dtype=np.float32, eps=1e-6):
        self.eps = eps
        self.weight = Tensor(np.ones(dim, dtype), requires_grad=True)
        self.bias = zeros(dim, dtype)

    def __call__(self, x):
        return ops.layernorm(x, self.weight, self.bias, eps=self.eps)


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


def quick_gelu(x):
    """y = x sigmoid(1.702 x), which comes near to GELU (Hendrycks and Gimpel 2016, section 2), and is silu of another scale.
    CLIP was trained with it."""
    return ops.silu(x * 1.702) * (1 / 1.702)


class MLP(Module):
    """Two linear layers with GELU between them: (B, T, D) to (B, T, mlp_dim) and back, one token at a time."""

    def __init__(self, dim, mlp_dim, rng, dtype=np.float32, activation="gelu", dropout=0.0):
        self.fc1 = Linear(dim, mlp_dim, rng, dtype)
        self.fc2 = Linear(mlp_dim, dim, rng, dtype)
        self.activation = activation
        self.dropout = Dropout(dropout)

    def __call__(self, x, rng=None):
        x = self.fc1(x)  # (B, T, M)
        x = quick_gelu(x) if self.activation == "quick_gelu" else ops.gelu(x, approximate=self.activation == "gelu_tanh")
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
        qkv = self.qkv(x)  # (B, T, 3D)
        if attention is not None:
            (q, k, _), _ = ops.split_heads.forward(qkv.data, self.heads)  # 3 of (B, h, T, d)
            attention.append(ops.attention_weights(q, k))
        return self.dropout(self.proj(ops.self_attention(qkv, heads=self.heads)), rng)  # (B, T, D)


class Block(Module):
    """One encoder block, normalising before each part rather than after: x + attention(norm1(x)), then x + mlp(norm2(x)).
    (ViT, equations 2 and 3.) Between the two additions x itself is never normalised, so gradients pass untouched."""

    def __init__(self, dim, heads, mlp_dim, rng, dtype=np.float32, activation="gelu", dropout=0.0, drop_path=0.0, eps=1e-6):
        self.norm1 = LayerNorm(dim, dtype, eps)
        self.attn = Attention(dim, heads, rng, dtype, dropout)
        self.norm2 = LayerNorm(dim, dtype, eps)
        self.mlp = MLP(dim, mlp_dim, rng, dtype, activation, dropout)
        self.drop_path = Dropout(drop_path, ops.drop_path)

    def __call__(self, x, rng=None, attention=None):
        x = x + self.drop_path(self.attn(self.norm1(x), rng, attention), rng)
        return x + self.drop_path(self.mlp(self.norm2(x), rng), rng)
