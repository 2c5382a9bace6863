"""The same Vision Transformer in minivit and in every peer: `PEERS[name](config, threads)` builds it and returns a function
that does one step. Each peer is imported only inside its own function, and runs in a process of its own (worker.py).

A config is a dictionary: image, patch, channels, dim, depth, heads, mlp_dim, classes, batch, tokens, gelu ("tanh" or
"exact"), task, "train" (forward, backward, AdamW) or "infer" (forward alone), and device, "cpu" or "gpu". On a GPU a step
returns as soon as all is in the device's queue.
"""

from contextlib import ExitStack

import numpy as np

from . import numpy_like

FOR_LIFE = ExitStack()  # closed when the process ends


def minivit(config, threads):
    from minivit import ViT, ViTConfig, no_grad, ops
    from minivit.backend import to_device
    from minivit.optim import AdamW
    from minivit.training.loop import piece_size
    from minivit.training.parallel import pieces, sum_of_gradients, workers

    device, on_cpu = config["device"], config["device"] == "cpu"
    sizes = {name: config[name] for name in ("channels", "classes", "dim", "depth", "heads", "mlp_dim")}
    activation = "gelu_tanh" if config["gelu"] == "tanh" else "gelu"
    model = ViT(ViTConfig(config["image"], config["patch"], activation=activation, **sizes), np.random.default_rng(0)).to(device)
    rng = np.random.default_rng(1)
    images = rng.standard_normal((config["batch"], config["image"], config["image"], config["channels"]), dtype=np.float32)
    labels = rng.integers(0, config["classes"], config["batch"])
    images, labels = to_device(images, device), to_device(labels, device)
    run = FOR_LIFE.enter_context(workers(threads if on_cpu else 1))
    cut = pieces(config["batch"], piece_size(config["batch"], config["tokens"]) if on_cpu else config["batch"])
    if config["task"] == "infer":
        model.eval()

        def infer():
            with no_grad():
                return run(lambda piece: model(images[piece]).data, cut)

        return infer
    parameters, optimizer = model.parameters(), AdamW(model, lr=1e-3)

    def loss_of(piece):
        share = (piece.stop - piece.start) / config["batch"]
        return (ops.cross_entropy(model(images[piece]), labels[piece]) * share,)

    def train():
        gradients, _ = sum_of_gradients(run, loss_of, cut, parameters)
        optimizer.step(gradients)

    return train


def torch(config, threads, compiled=False):
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    device = "cuda" if config["device"] == "gpu" else "cpu"
    D, heads, M, P, C = config["dim"], config["heads"], config["mlp_dim"], config["patch"], config["channels"]

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(D, eps=1e-6), nn.LayerNorm(D, eps=1e-6)
            self.qkv, self.proj = nn.Linear(D, 3 * D), nn.Linear(D, D)
            self.fc1, self.fc2 = nn.Linear(D, M), nn.Linear(M, D)
            self.gelu = nn.GELU(approximate="tanh" if config["gelu"] == "tanh" else "none")

        def forward(self, x):
            B, T, _ = x.shape
            q, k, v = self.qkv(self.norm1(x)).reshape(B, T, 3, heads, D // heads).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v)
            x = x + self.proj(y.transpose(1, 2).reshape(B, T, D))
            return x + self.fc2(self.gelu(self.fc1(self.norm2(x))))

    class ViT(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch_embed = nn.Linear(P * P * C, D)
            self.cls_token = nn.Parameter(torch.zeros(1, 1, D))
            self.pos_embed = nn.Parameter(0.02 * torch.randn(1, config["tokens"], D))
            self.blocks = nn.ModuleList([Block() for _ in range(config["depth"])])
            self.norm, self.head = nn.LayerNorm(D, eps=1e-6), nn.Linear(D, config["classes"])

        def forward(self, images):
            B, H, W, _ = images.shape
            x = images.reshape(B, H // P, P, W // P, P, C).permute(0, 1, 3, 2, 4, 5).reshape(B, -1, P * P * C)
            x = torch.cat([self.cls_token.expand(B, -1, -1), self.patch_embed(x)], dim=1) + self.pos_embed
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x)[:, 0])

    model = ViT().to(device)
    run_model = torch.compile(model) if compiled else model
    images = torch.randn(config["batch"], config["image"], config["image"], C, device=device)
    labels = torch.randint(0, config["classes"], (config["batch"],), device=device)
    if config["task"] == "infer":
        model.eval()

        def infer():
            with torch.inference_mode():
                return run_model(images)

        return infer
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def train():
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(run_model(images), labels).backward()
        optimizer.step()

    return train


def torch_compile(config, threads):
    return torch(config, threads, compiled=True)


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

    def loss(p, patches, labels):
        return numpy_like.loss(jnp, p, patches, labels, config, lambda x: jax.nn.gelu(x, approximate=config["gelu"] == "tanh"))

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


PEERS = {
    "minivit": minivit,
    "PyTorch": torch,
    "torch.compile": torch_compile,
    "JAX": jax,
    "tinygrad": tinygrad,
    "MyGrad": mygrad,
    "HIPS autograd": autograd,
}
NO_EXACT_GELU = ("MyGrad", "HIPS autograd")  # their own functions have no erf to differentiate
PACKAGES = {
    "PyTorch": "torch",
    "torch.compile": "torch",
    "JAX": "jax",
    "tinygrad": "tinygrad",
    "MyGrad": "mygrad",
    "HIPS autograd": "autograd",
}
