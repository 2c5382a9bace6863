"""minivit as the benchmarks run it: the trainer's step, a person's own loop, and inference. What a config is: peers.py."""

from contextlib import ExitStack

import numpy as np

FOR_LIFE = ExitStack()  # closed when the process ends
SIZES = ("channels", "classes", "dim", "depth", "heads", "mlp_dim", "stem")


def model_of(config):
    from minivit import ViT, ViTConfig

    activation = "gelu_tanh" if config["gelu"] == "tanh" else "gelu"
    sizes = {name: config[name] for name in SIZES}
    return ViT(ViTConfig(config["image"], config["patch"], activation=activation, **sizes), np.random.default_rng(0))


def _model_and_batch(config):
    from minivit.backend import to_device

    rng = np.random.default_rng(1)
    images = rng.standard_normal((config["batch"], config["image"], config["image"], config["channels"]), dtype=np.float32)
    labels = rng.integers(0, config["classes"], config["batch"])
    return model_of(config).to(config["device"]), *(to_device(array, config["device"]) for array in (images, labels))


def minivit(config, threads):
    """As `minivit train` does it: the batch in pieces over the threads."""
    from minivit import ops
    from minivit.optim import AdamW
    from minivit.training.parallel import pieces_of, sum_of_gradients, workers
    from minivit.training.prediction import predictor

    model, images, labels = _model_and_batch(config)
    if config["task"] == "infer":
        logits = FOR_LIFE.enter_context(predictor(model, threads=threads))
        return lambda: logits(images)
    run = FOR_LIFE.enter_context(workers(threads, config["device"]))
    cut = pieces_of(model, config["batch"], config["batch"])
    parameters, optimizer = model.parameters(), AdamW(model, lr=1e-3)

    def loss_of(piece):
        share = (piece.stop - piece.start) / config["batch"]
        return (ops.cross_entropy(model(images[piece]), labels[piece]) * share,)

    def train():
        gradients, _ = sum_of_gradients(run, loss_of, cut, parameters)
        optimizer.step(gradients)

    return train


def own_loop(config, threads):
    """As one writes it oneself: the whole batch in one graph; the threads are those of the matrix products."""
    from minivit import ops
    from minivit.optim import AdamW

    model, images, labels = _model_and_batch(config)
    optimizer = AdamW(model, lr=1e-3)

    def train():
        loss = ops.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return train


def own_loop_in_pieces(config, threads):
    """The same, asking minivit for the gradients, which cuts the batch as the trainer does."""
    from minivit.optim import AdamW
    from minivit.training import gradients_of

    model, images, labels = _model_and_batch(config)
    optimizer = AdamW(model, lr=1e-3)

    def train():
        _, gradients = gradients_of(model, images, labels)
        optimizer.step(gradients)

    return train
