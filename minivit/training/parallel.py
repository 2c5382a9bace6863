"""One batch in pieces, over the processor's cores.

A batch is cut into pieces of a fixed size. Each piece is computed by one thread, with a graph of its own (NumPy lets other
threads run while it computes), and the results are put together in the order of the pieces. How many threads there are, and
which thread took which piece, changes the time and nothing else: the numbers stay the same to the last bit.
"""

import contextvars
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from ..checks import whole
from ..engine import gradients
from ..kernels.cpu import keep_freed_memory


def cores():
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pieces(count, size):
    """Slices of `size` that cut `count` images; the last one takes what is left."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


@contextmanager
def workers(threads=None):
    """`with workers(2) as run: results = run(function, items)` calls function(item) for each item, on `threads` threads (by
    default one a core), each call in a copy of the caller's context, and returns the results in the order of the items.
    The matrix products run on one thread each meanwhile: more would fight over the same cores."""
    from threadpoolctl import threadpool_limits

    threads = cores() if threads is None else whole("threads", threads, 1)
    keep_freed_memory()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as executor:

        def run(function, items):
            calls = [(contextvars.copy_context(), item) for item in items]
            spread = executor.map if threads > 1 and len(items) > 1 else map
            return list(spread(lambda call: call[0].run(function, call[1]), calls))

        yield run


def sum_of_gradients(run, loss_of, items, parameters):
    """The gradients of a sum of losses, one term a piece: loss_of(item) returns (loss, anything else), and the result is
    (sum of the gradients of each parameter, [loss in float64, on its device, and the rest, for each item])."""

    def piece(item):
        loss, *rest = loss_of(item)
        value = loss.data.astype(np.float64)
        return gradients(loss, parameters), (value, *rest)

    results = run(piece, items)
    first, *others = (grads for grads, _ in results)
    total = list(first)
    for grads in others:
        total = [a + b for a, b in zip(total, grads, strict=True)]
    return total, [rest for _, rest in results]
