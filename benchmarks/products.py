"""The matrix products of a training step with nothing around them, and how many multiply-adds they are."""

import numpy as np

from .in_minivit import FOR_LIFE


def step(config, threads):
    """Nothing but the matrix products of a training step, forward and backward, cut and spread as minivit does."""
    from minivit.training.parallel import piece_size, pieces, workers

    run = FOR_LIFE.enter_context(workers(threads))
    T, D, M, heads = (config[key] for key in ("tokens", "dim", "mlp_dim", "heads"))
    cut = pieces(config["batch"], piece_size(config["batch"], T, dim=config["dim"]))
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


def multiply_adds(config):
    """Multiply-adds of every matrix product of one training step: forward, and twice that backward."""
    B, T, D, M = config["batch"], config["tokens"], config["dim"], config["mlp_dim"]
    block = T * (4 * D * D + 2 * D * M) + 2 * T * T * D
    embed = (T - 1) * config["patch"] ** 2 * config["channels"] * D
    return 3 * B * (config["depth"] * block + embed + D * config["classes"])
