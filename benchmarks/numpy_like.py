"""The reference ViT once more, as a function of (np, params), for peers whose arrays behave like NumPy's: HIPS autograd and
JAX run it as it stands. The ops that differ between peers are handed in. A hybrid's stem comes before it."""

import math

import numpy


def shapes(config):
    """Name to shape of every parameter, in order."""
    D, M, T, K, P, C = (config[name] for name in ("dim", "mlp_dim", "tokens", "classes", "patch", "channels"))
    found, inputs, length = {}, C, D if config["stem"] == "conv" else P * P * C
    for i in range(convolutions(config)):
        outputs = D * 2**i // P  # D/P, ..., D/2, D
        found |= {f"stem.{i}.w": (3, 3, inputs, outputs), f"stem.{i}.b": (outputs,)}
        inputs = outputs
    found |= {"embed.w": (length, D), "embed.b": (D,), "cls": (1, 1, D), "pos": (1, T, D)}
    for i in range(config["depth"]):
        found |= {f"{i}.n1.w": (D,), f"{i}.n1.b": (D,), f"{i}.qkv.w": (D, 3 * D), f"{i}.qkv.b": (3 * D,)}
        found |= {f"{i}.proj.w": (D, D), f"{i}.proj.b": (D,), f"{i}.n2.w": (D,), f"{i}.n2.b": (D,)}
        found |= {f"{i}.fc1.w": (D, M), f"{i}.fc1.b": (M,), f"{i}.fc2.w": (M, D), f"{i}.fc2.b": (D,)}
    return found | {"n.w": (D,), "n.b": (D,), "head.w": (D, K), "head.b": (K,)}


def convolutions(config):
    """How many the hybrid's stem has: one at full size, and one for each halving of the patch to one point."""
    return config["patch"].bit_length() if config["stem"] == "conv" else 0


def draw(config, seed=0):
    """Parameters as float32 arrays: weights small and random, LayerNorm at one, the rest zero."""
    rng = numpy.random.default_rng(seed)
    params = {}
    for name, shape in shapes(config).items():
        norm_weight = name.endswith(".w") and len(shape) == 1
        values = numpy.ones(shape) if norm_weight else 0.05 * rng.standard_normal(shape) if len(shape) > 1 else numpy.zeros(shape)
        params[name] = values.astype(numpy.float32)
    return params


def data(config, seed=1):
    """(patches (B, N, P*P*C), labels (B,)): cut already, since cutting costs next to nothing. Of the hybrid: (images, labels)."""
    rng = numpy.random.default_rng(seed)
    B, side, P, C = (config[name] for name in ("batch", "image", "patch", "channels"))
    shape = (B, side, side, C) if config["stem"] == "conv" else (B, config["tokens"] - 1, P * P * C)
    return rng.standard_normal(shape).astype(numpy.float32), rng.integers(0, config["classes"], config["batch"])


def logits(np, p, patches, config, gelu):
    """(B, K), for any array library `np` with a NumPy-like interface, of patches or of what a stem gave instead, (B, N, D)."""
    B, heads, D = config["batch"], config["heads"], config["dim"]
    d = D // heads

    def layernorm(x, name):
        centred = x - np.mean(x, axis=-1, keepdims=True)
        variance = np.mean(centred * centred, axis=-1, keepdims=True)
        return centred / np.sqrt(variance + 1e-6) * p[f"{name}.w"] + p[f"{name}.b"]

    def linear(x, name):
        return np.matmul(x, p[f"{name}.w"]) + p[f"{name}.b"]

    x = linear(patches, "embed")
    x = np.concatenate([np.broadcast_to(p["cls"], (B, 1, D)), x], axis=1) + p["pos"]
    T = x.shape[1]
    for i in range(config["depth"]):
        qkv = np.transpose(np.reshape(linear(layernorm(x, f"{i}.n1"), f"{i}.qkv"), (B, T, 3, heads, d)), (2, 0, 3, 1, 4))
        s = np.matmul(qkv[0], np.swapaxes(qkv[1], -1, -2)) * (1 / math.sqrt(d))
        e = np.exp(s - np.max(s, axis=-1, keepdims=True))
        y = np.matmul(e / np.sum(e, axis=-1, keepdims=True), qkv[2])
        x = x + linear(np.reshape(np.transpose(y, (0, 2, 1, 3)), (B, T, D)), f"{i}.proj")
        x = x + linear(gelu(linear(layernorm(x, f"{i}.n2"), f"{i}.fc1")), f"{i}.fc2")
    return linear(layernorm(x[:, 0], "n"), "head")


def loss(np, p, patches, labels, config, gelu):
    """The mean cross-entropy."""
    z = logits(np, p, patches, config, gelu)
    shifted = z - np.max(z, axis=-1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
    return -np.mean(log_p[numpy.arange(config["batch"]), labels])


def adamw(params, grads, state, step, lr=1e-3, b1=0.9, b2=0.999, decay=0.01, eps=1e-8):
    """AdamW in place, parameter by parameter, for peers that come without one."""
    for name, g in grads.items():
        m, v = state.setdefault(name, (numpy.zeros_like(g), numpy.zeros_like(g)))
        m *= b1
        m += (1 - b1) * g
        v *= b2
        v += (1 - b2) * g * g
        params[name] *= 1 - lr * decay
        params[name] -= lr / (1 - b1**step) * m / (numpy.sqrt(v / (1 - b2**step)) + eps)
