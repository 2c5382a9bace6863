"""One batch in pieces, over the processor's cores and over processes.

A batch is cut into pieces of a fixed size. Each piece is computed by one thread, with a graph of its own (NumPy lets other
threads run while it computes), and the results are put together in the order of the pieces. How many threads and processes there
are, and which took which piece, changes the time and nothing else: the numbers stay the same to the last bit.
"""

import contextvars
import functools
import math
import operator
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from .. import ops
from ..backend import to_device
from ..checks import random_numbers, whole
from ..engine import gradients
from ..kernels.cpu import keep_freed_memory

MOST_TOKENS = 1600  # of a piece: its activations should stay in a core's cache
# Numbers, tokens times width, that half or a quarter of a batch must have to be a piece of its own: the interpreter serves one
# thread at a time, and with less to compute between two calls the threads wait for it longer than the second core helps.
HALF, QUARTER = 256 * 64, 1024 * 64


def cores():
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pieces(count, size):
    """Slices of `size` that cut `count` images; the last one takes what is left."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def piece_size(batch_size, tokens, accumulate=1, dim=64):
    """How many images a piece of the batch holds on a CPU: of about MOST_TOKENS tokens or fewer, and where there is work enough
    4, 8, 12, ... of them, which occupy 2 or 4 cores evenly; a smaller batch is two pieces or one. `accumulate` asks for so many
    or more. It must not depend on the number of threads, or the rounding of the gradients would."""
    batch_size, tokens = whole("batch_size", batch_size, 1), whole("tokens", tokens, 1)
    accumulate, dim = whole("accumulate", accumulate, 1), whole("dim", dim, 1)
    count = max(accumulate, math.ceil(batch_size * tokens / MOST_TOKENS))
    numbers = batch_size * tokens * dim
    if numbers >= 4 * QUARTER:
        count = 4 * math.ceil(count / 4)
    elif numbers >= 2 * HALF:
        count = max(2, count)
    return math.ceil(batch_size / count)


def _tokens_and_width(model):
    config = getattr(model, "config", None)
    return getattr(config, "tokens", 1), getattr(config, "dim", 64)


def pieces_of(model, batch_size, count, accumulate=1, processes=1):
    """Slices of `count` images for this model, of at most `batch_size` images, that of a full batch."""
    if model.device == "gpu":  # which takes a batch at once, or its share
        return pieces(count, math.ceil(batch_size / (accumulate * processes)))
    tokens, dim = _tokens_and_width(model)
    return pieces(count, piece_size(batch_size, tokens, accumulate, dim))


@functools.cache
def _blas():
    """The matrix library, whose number of threads can be set; looked for once, since that takes longer than a small step."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def added(numbers):
    """Numbers added one after the other. Python's own sum compensates the rounding of its floats since 3.12, and not that of
    NumPy's: it would differ between one process, which has the latter, and several, which sent each other the former."""
    return functools.reduce(operator.add, numbers, 0)


class OneProcess:
    """The processes that compute together, where there is only this one, of so many threads. distributed.Processes takes its
    place where there are several; wherever `threads` are asked for, either may be given."""

    rank, size = 0, 1

    def __init__(self, threads=None):
        self.threads = cores() if threads is None else whole("threads", threads, 1)

    def share(self, items):
        """Those that this process computes."""
        return items

    def collected(self, results):
        """What the processes computed, each of its share, in the order of the items: arrays, or, by `gathered`, numbers."""
        return results

    gathered = collected

    def agreed(self, value):
        """The value that process 0 has: processors of two kinds may round it differently."""
        return value

    def sum(self, terms, parameters):
        """The sum, in their order, of lists of gradients; a process has one list for each piece of its share."""
        return [functools.reduce(operator.add, of_one) for of_one in zip(*terms, strict=True)]

    def end_epoch(self, epoch, weights):
        """Raises ValueError if a process has come to other weights than the rest."""


def processes_of(threads):
    """A number of threads, or None, as OneProcess; processes as they are."""
    return threads if isinstance(threads, OneProcess) else OneProcess(threads)


@contextmanager
def workers(threads=None, device="cpu"):
    """`with workers(2) as run: results = run(function, items)` calls function(item) for each item, on `threads` threads (by
    default one a core; a GPU takes one piece after the other), each call in a copy of the caller's context, and returns the
    results in the order of the items; run.own(function, items) those of this process's share. The matrix products run on one
    thread each meanwhile: more would fight over the same cores."""
    processes = processes_of(threads)
    alone = device != "cpu" or sys.platform == "emscripten"  # a browser's Python can start no thread
    threads = 1 if alone else processes.threads
    keep_freed_memory()
    with _blas().limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as executor:

        def own(function, items):
            calls = [(contextvars.copy_context(), item) for item in processes.share(items)]
            spread = executor.map if threads > 1 and len(calls) > 1 else map
            return list(spread(lambda call: call[0].run(function, call[1]), calls))

        def run(function, items):
            return processes.collected(own(function, items))

        run.own, run.processes = own, processes
        yield run


def lone_image(model, count, threads=None):
    """A context for a prediction. One image cannot be cut; if it is large, its matrix products may use the threads instead."""
    alone = count == 1 and math.prod(_tokens_and_width(model)) >= 2 * HALF
    return _blas().limit(limits=processes_of(threads).threads if alone else 1, user_api="blas")


def sum_of_gradients(run, loss_of, items, parameters):
    """The gradients of a sum of losses, one term a piece: loss_of(item) returns (loss, anything else), and the result is
    (sum of the gradients of each parameter, [loss in float64 and the rest, numbers or dictionaries of these, for each item])."""

    def piece(item):
        loss, *rest = loss_of(item)
        value = loss.data.astype(np.float64)
        return gradients(loss, parameters), (value, *rest)

    results = run.own(piece, items)
    rest = run.processes.gathered([rest for _, rest in results])
    return run.processes.sum([grads for grads, _ in results], parameters), rest


def gradients_of(model, images, labels, loss=ops.cross_entropy, rng=None, threads=None):
    """(loss, gradients) of one batch, for a loop of your own: computed in pieces, over the cores, as the trainer does.

        loss, gradients = gradients_of(model, images, labels)
        optimizer.step(gradients)

    The loss is one number, the mean over the batch; the gradients are arrays in the order of model.trained_parameters().

    loss     a function of logits (B, K) and labels that returns a mean over the images, as a Tensor; for options of cross_entropy
             functools.partial(ops.cross_entropy, label_smoothing=0.1)
    rng      a numpy Generator, or a seed, for a model that drops in training mode; each piece has a generator spawned from it
    threads  one a core by default; any number gives the same bits

    Raises ValueError if there are no images, or not as many labels.
    """
    images, labels = (to_device(np.asarray(a) if isinstance(a, list) else a, model.device) for a in (images, labels))
    if not len(images) or len(images) != len(labels):
        raise ValueError(f"gradients_of takes a batch of images with a label each; got {len(images)} and {len(labels)}")
    cut = pieces_of(model, len(images), len(images))
    rngs = [None] * len(cut) if rng is None else random_numbers(rng).spawn(len(cut))

    def loss_of(numbered):
        number, piece = numbered
        return (loss(model(images[piece], rng=rngs[number]), labels[piece]) * ((piece.stop - piece.start) / len(images)),)

    with workers(threads, model.device) as run:
        found, losses = sum_of_gradients(run, loss_of, list(enumerate(cut)), model.trained_parameters())
    return added(value for (value,) in losses), found
