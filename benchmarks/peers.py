"""The same model in minivit and in every peer: `PEERS[name](config, threads)` builds it and returns a function that does one
step. Each peer is imported only inside its own function, and runs in a process of its own (worker.py).

A config is a dictionary: image, patch, channels, dim, depth, heads, mlp_dim, classes, batch, tokens, gelu ("tanh" or
"exact"), stem ("patch": a Vision Transformer; "conv": the hybrid), task, "train" (forward, backward, AdamW) or "infer" (forward
alone), and device, "cpu" or "gpu". On a GPU a step returns as soon as all is in the device's queue.
"""

from . import numpy_like
from .in_minivit import minivit, own_loop, own_loop_in_pieces
from .in_torch import torch, torch_channels_last, torch_compile


def _tanh_gelu(np_like):
    """GELU's tanh form with the functions of a NumPy-like library; for peers that have no GELU of their own."""
    return lambda x: 0.5 * x * (1 + np_like.tanh(0.7978845608028654 * (x + 0.044715 * (x * x * x))))


def _functional(gradient_of_loss, config):
    """A training step from a function (params, patches, labels) -> gradients by name."""
    params, state = numpy_like.draw(config), {}
    patches, labels = numpy_like.data(config)
    steps = 0

    def train():
        nonlocal steps
        steps += 1
        numpy_like.adamw(params, gradient_of_loss(params, patches, labels), state, steps)

    return train


def autograd(config, threads):
    import autograd.numpy as anp
    from autograd import grad

    def loss(p, patches, labels):
        return numpy_like.loss(anp, p, patches, labels, config, _tanh_gelu(anp))

    return _functional(grad(loss), config)


def mygrad(config, threads):
    import mygrad as mg

    def gradients(params, patches, labels):
        p = {name: mg.tensor(value) for name, value in params.items()}
        numpy_like.loss(mg, p, patches, labels, config, _tanh_gelu(mg)).backward()
        return {name: tensor.grad for name, tensor in p.items()}

    return _functional(gradients, config)


def jax(config, threads):
    import jax
    import jax.numpy as jnp

    def gelu(x):
        return jax.nn.gelu(x, approximate=config["gelu"] == "tanh")

    def stem(p, x):  # (B, H, W, C) to (B, N, D)
        for i in range(numpy_like.convolutions(config)):
            axes = ("NHWC", "HWIO", "NHWC")
            x = jax.lax.conv_general_dilated(x, p[f"stem.{i}.w"], (1, 1), "SAME", dimension_numbers=axes) + p[f"stem.{i}.b"]
            x = jax.nn.relu(x)
            if i:
                x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return x.reshape(config["batch"], -1, config["dim"])

    def loss(p, x, labels):
        return numpy_like.loss(jnp, p, stem(p, x) if config["stem"] == "conv" else x, labels, config, gelu)

    gradient = jax.grad(loss)

    def adamw(p, m, v, g, step):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        p = p * (1 - 1e-5) - 1e-3 / (1 - 0.9**step) * m / (jnp.sqrt(v / (1 - 0.999**step)) + 1e-8)
        return p, m, v

    @jax.jit
    def update(p, m, v, step, patches, labels):
        g = gradient(p, patches, labels)
        new = {name: adamw(p[name], m[name], v[name], g[name], step) for name in p}
        return tuple({name: values[i] for name, values in new.items()} for i in range(3))

    patches, labels = (jnp.asarray(a) for a in numpy_like.data(config))
    params = {name: jnp.asarray(value) for name, value in numpy_like.draw(config).items()}
    zeros = {name: jnp.zeros_like(value) for name, value in params.items()}
    state, steps = (params, zeros, zeros), 0

    def train():
        nonlocal state, steps
        steps += 1
        state = update(*state, float(steps), patches, labels)
        last = state[0]["head.b"]
        return last.block_until_ready() if config["device"] == "cpu" else last

    return train


def tinygrad(config, threads):
    from tinygrad import Tensor, TinyJit
    from tinygrad.nn.optim import AdamW

    class Functions:  # of NumPy's names, over tinygrad's methods
        mean = staticmethod(lambda x, axis=None, keepdims=False: x.mean(axis=axis, keepdim=keepdims))
        sum = staticmethod(lambda x, axis=None, keepdims=False: x.sum(axis=axis, keepdim=keepdims))
        max = staticmethod(lambda x, axis=None, keepdims=False: x.max(axis=axis, keepdim=keepdims))
        sqrt, exp, log = staticmethod(Tensor.sqrt), staticmethod(Tensor.exp), staticmethod(Tensor.log)
        matmul, reshape = staticmethod(Tensor.matmul), staticmethod(Tensor.reshape)
        transpose, swapaxes = staticmethod(Tensor.permute), staticmethod(Tensor.transpose)
        broadcast_to = staticmethod(Tensor.expand)
        concatenate = staticmethod(lambda xs, axis: xs[0].cat(*xs[1:], dim=axis))

    params = {name: Tensor(value) for name, value in numpy_like.draw(config).items()}
    patches, labels = (Tensor(a) for a in numpy_like.data(config))
    optimizer = AdamW(list(params.values()), lr=1e-3)
    gelu = Tensor.gelu if config["gelu"] == "tanh" else (lambda x: 0.5 * x * (1 + (x * 0.7071067811865476).erf()))

    one_hot = labels.one_hot(config["classes"])

    @TinyJit
    def train():
        optimizer.zero_grad()
        logits = numpy_like.logits(Functions, params, patches, config, gelu)
        loss = -(logits.log_softmax() * one_hot).sum(axis=1).mean()
        loss.backward()
        optimizer.step()
        return loss.realize()

    return lambda: train().numpy()


PYTORCH_NHWC = "PyTorch, NHWC"  # how the hybrid's images lie in memory: the channels last
OWN_LOOP, IN_PIECES = "own loop", "gradients_of"  # of minivit
PEERS = {
    "minivit": minivit,
    "PyTorch": torch,
    "torch.compile": torch_compile,
    "JAX": jax,
    "tinygrad": tinygrad,
    "MyGrad": mygrad,
    "HIPS autograd": autograd,
    PYTORCH_NHWC: torch_channels_last,
    OWN_LOOP: own_loop,
    IN_PIECES: own_loop_in_pieces,
}
OF_THE_STEP = ("minivit", "PyTorch", "torch.compile", "JAX", "tinygrad", "MyGrad", "HIPS autograd")
NO_EXACT_GELU = ("MyGrad", "HIPS autograd")  # their own functions have no erf to differentiate
PACKAGES = {
    "PyTorch": "torch",
    PYTORCH_NHWC: "torch",
    "torch.compile": "torch",
    "JAX": "jax",
    "tinygrad": "tinygrad",
    "MyGrad": "mygrad",
    "HIPS autograd": "autograd",
}
