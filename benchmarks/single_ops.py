"""One op of the reference step at a time, forward and backward, in minivit and in PyTorch: a step for the worker."""

import numpy as np


def _inputs(name, config):
    """(shapes of the inputs that get gradients, shape of the output) of an op in the reference model."""
    B, T, D, M = (config[key] for key in ("batch", "tokens", "dim", "mlp_dim"))
    length = config["patch"] ** 2 * config["channels"]
    widths = {"patch_embed": (length, D), "qkv": (D, 3 * D), "proj": (D, D), "fc1": (D, M), "fc2": (M, D)}
    if name in widths:
        inputs, outputs = widths[name]
        return [(B, T, inputs), (inputs, outputs), (outputs,)], (B, T, outputs)
    if name == "layernorm":
        return [(B, T, D), (D,), (D,)], (B, T, D)
    if name == "attention":
        return [(B, T, 3 * D)], (B, T, D)
    if name == "cross_entropy":
        return [(B, config["classes"])], ()
    return [(B, T, M)], (B, T, M)


def _draw(name, config):
    rng = np.random.default_rng(0)
    shapes, output = _inputs(name, config)
    arrays = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
    return arrays, rng.standard_normal(output, dtype=np.float32), rng.integers(0, config["classes"], config["batch"])


def minivit(name, config):
    from minivit import ops
    from minivit.backend import to_device
    from minivit.kernels.cpu import keep_freed_memory

    keep_freed_memory()
    arrays, dy, labels = _draw(name, config)
    arrays = [to_device(array, config["device"]) for array in arrays]
    dy, labels = to_device(dy, config["device"]), to_device(labels, config["device"])

    def step():
        if name == "attention":  # from the fused q, k, v to the merged heads, as in the model
            (q, k, v), unsplit = ops.split_heads.forward(arrays[0], heads=config["heads"])
            y, backward = ops.attention.forward(q, k, v)
            _, unmerge = ops.merge_heads.forward(y)
            return unsplit(*backward(unmerge(dy))[:3])
        if name == "cross_entropy":
            return ops.cross_entropy.forward(arrays[0], labels)[1](np.float32(1))
        if name.startswith("gelu"):
            return ops.gelu.forward(arrays[0], approximate=name == "gelu_tanh")[1](dy)
        op = ops.layernorm if name == "layernorm" else ops.linear
        return op.forward(*arrays)[1](dy)

    return step


def torch(name, config):
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(1)
    arrays, dy, labels = _draw(name, config)
    device = "cuda" if config["device"] == "gpu" else "cpu"
    inputs = [torch.from_numpy(array).to(device).requires_grad_() for array in arrays]
    dy, labels = torch.from_numpy(np.asarray(dy)).to(device), torch.from_numpy(labels).to(device)
    heads = config["heads"]
    if len(inputs) == 3 and name != "layernorm":
        inputs[1] = inputs[1].detach().T.contiguous().requires_grad_()  # PyTorch's weight is (out, in)

    def forward():
        if name == "attention":
            B, T, columns = inputs[0].shape
            q, k, v = inputs[0].reshape(B, T, 3, heads, columns // 3 // heads).permute(2, 0, 3, 1, 4)
            return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, T, columns // 3)
        if name == "cross_entropy":
            return F.cross_entropy(inputs[0], labels)
        if name.startswith("gelu"):
            return F.gelu(inputs[0], approximate="tanh" if name == "gelu_tanh" else "none")
        if name == "layernorm":
            return F.layer_norm(inputs[0], inputs[1].shape, inputs[1], inputs[2], eps=1e-6)
        return F.linear(*inputs)

    def step():
        return torch.autograd.grad(forward(), inputs, None if name == "cross_entropy" else dy)

    return step


def products(config, threads):
    """Nothing but the matrix products of a training step, forward and backward, cut and spread as minivit does."""
    from minivit.training.loop import piece_size
    from minivit.training.parallel import pieces, workers

    from .peers import FOR_LIFE

    run = FOR_LIFE.enter_context(workers(threads))
    T, D, M, heads = (config[key] for key in ("tokens", "dim", "mlp_dim", "heads"))
    cut = pieces(config["batch"], piece_size(config["batch"], T))
    rng = np.random.default_rng(0)
    length = config["patch"] ** 2 * config["channels"]
    linears = [(T - 1, length, D, 1), (T, D, 3 * D, config["depth"]), (T, D, D, config["depth"]), (T, D, M, config["depth"])]
    linears += [(T, M, D, config["depth"]), (1, D, config["classes"], 1)]

    def draw(*shape):
        return rng.standard_normal(shape, dtype=np.float32)

    def buffers(piece):
        images = piece.stop - piece.start
        found = []  # (a, b, out) of every product
        for tokens, inputs, outputs, times in linears:
            x, w, y = draw(images * tokens, inputs), draw(inputs, outputs), draw(images * tokens, outputs)
            found += [(x, w, y), (y, w.T, np.empty_like(x)), (x.T, y, np.empty_like(w))] * times
        q, k, v, dy = draw(images, T, 4, heads, D // heads).transpose(2, 0, 3, 1, 4)
        s, out = draw(images, heads, T, T), np.empty((images, heads, T, D // heads), np.float32)
        kT, sT = k.swapaxes(-1, -2), s.swapaxes(-1, -2)
        one_block = [(q, kT, np.empty_like(s)), (s, v, out), (sT, dy, out), (dy, kT, np.empty_like(s)), (s, k, out), (sT, q, out)]
        return found + one_block * config["depth"]

    work = [buffers(piece) for piece in cut]

    def multiply(piece):
        for a, b, out in piece:
            np.matmul(a, b, out=out)

    return lambda: run(multiply, work)
