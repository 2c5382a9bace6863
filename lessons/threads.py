"""A GPU's threads, one after the other, in plain Python: slow, and it says what a GPU passes over in silence.

A kernel is a function that each thread of a grid runs once. Its first argument tells the thread which one it is; where it waits
for the others of its block, a bare `yield`, it is a generator function. Arrays come as Memory: numbers in a row, as in CUDA.
"""

import inspect
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["Fault", "Me", "Memory", "Traffic", "launch"]


class Fault(Exception):
    """What goes wrong on a GPU without a word. kind: bounds, index, input, value, double, empty, race or barrier."""

    def __init__(self, kind, sentence):
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True)
class Me:
    """What a thread knows of itself, beside CUDA's names."""

    thread: int  # threadIdx.x   its number in its block, from 0
    block: int  # blockIdx.x    its block's number in the grid, from 0
    threads: int  # blockDim.x    so many in a block
    blocks: int  # gridDim.x     so many in the grid
    shared: "Memory"  # __shared__    the block's own memory, seen by its threads alone


class Traffic(NamedTuple):
    """What a launch moved: numbers read from and written to the arrays, by all threads; barriers that a block came to; and how
    many numbers of shared memory the busiest thread read."""

    reads: int
    writes: int
    barriers: int
    busiest: int


class Memory:
    """An array as a thread sees it: memory[i], one number at a time, with i from 0 to len(memory) - 1."""

    def __init__(self, run, name, array, shared=False):
        self._run, self._name, self._array, self._shared = run, name, array, shared
        self._written, self._read = {}, {}  # {index: {(block, thread): after how many barriers}}, the latest of each thread

    def __len__(self):
        return len(self._array)

    def __getitem__(self, index):
        self._inside(index, "reads")
        if self._shared and index not in self._written:
            raise Fault("empty", f"{self._run.who()} reads {self._name}[{index}], where nobody of its block has written anything")
        self._note(index, self._read, "reads", [("wrote", self._written)])
        return self._array[index]

    def __setitem__(self, index, value):
        self._inside(index, "writes")
        place = f"{self._name}[{index}]"
        if not self._array.flags.writeable:
            raise Fault("input", f"{self._run.who()} writes {place}, and {self._name} is an input")
        if not np.isscalar(value) or isinstance(value, str | complex):
            raise Fault("value", f"{self._run.who()} writes {type(value).__name__} into {place}, which holds one number")
        if isinstance(value, np.float64) and self._array.dtype == np.float32:
            raise Fault("double", f"{self._run.who()} writes a float64 into {place}, which is float32")
        self._note(index, self._written, "writes", [("wrote", self._written), ("read", self._read)])
        self._array[index] = value

    def _inside(self, index, does):
        if not isinstance(index, int | np.integer):
            raise Fault("index", f"an index is one whole number: {self._run.who()} {does} {self._name}[{index}]")
        if not 0 <= index < len(self._array):
            last = f"it has {len(self._array)} numbers, 0 to {len(self._array) - 1}" if len(self._array) else "it is empty"
            raise Fault("bounds", f"{self._run.who()} {does} {self._name}[{index}], and {last}")

    def _note(self, index, mine, does, others):
        """Counts the access, and compares it with what other threads did with this number: without a barrier between, either may
        come first. Between two blocks there never is one."""
        run = self._run
        run.counts["shared" if self._shared else does] += 1
        if self._shared and does == "reads":
            run.looked[run.block, run.thread] += 1
        for did, entries in others if run.careful else ():
            for (block, thread), stage in entries.get(index, {}).items():
                if (block, thread) != (run.block, run.thread) and (block != run.block or stage == run.stage):
                    other = f"thread {thread}" if block == run.block else f"thread {thread} of block {block}"
                    between = "" if block == run.block and does + did != "writeswrote" else " too"
                    told = f"{run.who()} {does} {self._name}[{index}], which {other} {did}{between}"
                    raise Fault("race", told + (", with no barrier between" if block == run.block else ""))
        mine.setdefault(index, {})[run.block, run.thread] = run.stage


class _Run:
    """Where a launch is: which thread runs, and how many barriers its block has passed."""

    def __init__(self, careful):
        self.careful, self.block, self.thread, self.stage = careful, 0, 0, 0
        self.counts, self.looked = Counter(), Counter()

    def who(self):
        return f"thread {self.thread} of block {self.block}"


def launch(kernel, blocks, threads, arguments, shared=0, backwards=False, careful=True):
    """Runs kernel(me, *arguments) for each thread of a grid, and returns its Traffic.

    blocks, threads  so many blocks, and so many threads in each
    arguments        arrays, contiguous, which the kernel gets as Memory; a read-only one is an input. Numbers come as they are
    shared           so many numbers of shared memory for each block, of the dtype of the first array; they begin as garbage
    backwards        the last thread and block first: a GPU promises no order, so the results must be the same
    careful          stops where two threads use one number and nothing says who comes first. Without it they simply do

    Raises Fault for what a GPU would do in silence, and ValueError for an array that is not contiguous.
    """
    run, names = _Run(careful), list(inspect.signature(kernel).parameters)[1:]
    arrays = [value for value in arguments if isinstance(value, np.ndarray)]
    if not all(array.flags.c_contiguous for array in arrays):
        raise ValueError("a kernel sees arrays as numbers in a row: np.ascontiguousarray(x) lays them so")
    names += [f"argument {n}" for n in range(len(names), len(arguments))]
    seen = [
        Memory(run, name, value.reshape(-1)) if isinstance(value, np.ndarray) else value
        for name, value in zip(names, arguments, strict=False)
    ]
    order = slice(None, None, -1 if backwards else 1)
    barriers = 0
    for run.block in range(blocks)[order]:
        own = Memory(run, "shared", np.full(shared, np.nan, arrays[0].dtype if arrays else np.float32), shared=True)
        bodies = {}
        run.stage = 0
        for run.thread in range(threads)[order]:
            bodies[run.thread] = kernel(Me(run.thread, run.block, threads, blocks, own), *seen)  # no generator: it has run
        while bodies := _to_the_barrier(run, {t: body for t, body in bodies.items() if inspect.isgenerator(body)}):
            run.stage += 1
        barriers = max(barriers, run.stage)
    busiest = max(run.looked.values(), default=0)
    return Traffic(run.counts["reads"], run.counts["writes"], barriers, busiest)


def _to_the_barrier(run, bodies):
    """Runs each thread to its next barrier; those that wait there, {thread: body}: all of a block, or none."""
    waiting = {}
    for run.thread, body in bodies.items():
        try:
            if (given := next(body)) is not None:
                what = "what waits inside another function is called with yield from"
                raise Fault("barrier", f"a barrier is a bare yield, and {run.who()} yields {type(given).__name__}: {what}")
            waiting[run.thread] = _line(body)
        except StopIteration:
            pass
    ended = sorted(set(bodies) - set(waiting))
    if waiting and ended:
        told = f"a barrier of block {run.block} is reached by {_listed(sorted(waiting))}, and never by {_listed(ended)}"
        raise Fault("barrier", told)
    if len(set(waiting.values())) > 1:
        told = ", ".join(f"{_listed(sorted(t for t in waiting if waiting[t] == line))} in line {line[-1]}"
                         for line in sorted(set(waiting.values())))  # fmt: skip
        raise Fault("barrier", f"the threads of block {run.block} wait at different barriers: {told}")
    return {thread: bodies[thread] for thread in waiting}


def _line(body):
    """The lines at which a generator waits, and those inside it that it waits for."""
    lines = []
    while inspect.isgenerator(body):
        lines.append(body.gi_frame.f_lineno)
        body = body.gi_yieldfrom
    return tuple(lines)


def _listed(numbers):
    if len(numbers) == 1:
        return f"thread {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"threads {numbers[0]} to {numbers[-1]}"
    return f"threads {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
