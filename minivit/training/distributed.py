"""One batch in pieces, over processes: on the cores of several machines, or one a GPU. The engine is MPI, through mpi4py.

    mpiexec -n 4 python -m minivit train

Every process holds the whole model and draws every batch, its order and its augmentation, for itself: that is cheap, and needs no
words. It computes the gradients of its share of the pieces; these are summed over the processes, and each makes the same update.

    ordered   process r adds the gradients of its pieces, one after the other, to the sum that it got from r - 1, and hands it on,
              in chunks, so that all work at once; the last one sends the sum to all. The additions are those of one process, in
              the same order: so are the weights, to the last bit, with any number of processes and threads
    fast      MPI's Allreduce, which adds in an order of its own: other last digits with every number of processes

Pieces are numbered in the whole batch, so that each drops what it would anywhere, and weighted by it. Arrays travel as buffers,
all else as JSON: mpi4py's calls in lower case would send pickles, which run what they are told to.

The sum waits for the end of the backward: of the reference model it takes 2 % of a step, which is all that could be hidden.
"""

import hashlib
import itertools
import json
import os
import socket
import time
from collections import Counter

import numpy as np

from ..backend import array_module, to_host
from . import gpus
from .parallel import OneProcess, cores

CHUNK = 1 << 18  # numbers that are sent at once, or a parameter if it has more
KINDS_OF_TIME = ("computing", "waiting", "communicating")


class Processes(OneProcess):
    """The processes of an MPI communicator. Every method is called by all of them, at the same place.

    rank, size   which one this is, of how many; process 0 is the one that people see
    threads      of this process: by default its cores, shared with the processes beside it that may use the same ones
    ordered      whether gradients are summed in their order; else by Allreduce
    machines     {name: how many of the processes run there}
    spent        a row an epoch: seconds of computing, waiting for others and communicating, the mean over the processes
    """

    def __init__(self, comm, threads=None):
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.ordered, self.at_once, self.spent, self.interrupted = True, None, [], False
        self._restart_clock()
        from mpi4py import MPI

        first = np.array(self.rank)  # of the processes on this machine
        comm.Split_type(MPI.COMM_TYPE_SHARED).Bcast(first, 0)
        usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores()
        places = self.gathered([[socket.gethostname(), int(first), usable]])
        self.hosts = [host for host, *_ in places]
        self.machines, self.first_here = Counter(self.hosts), first == self.rank
        self.place = sum(place[1] == first for place in places[: self.rank])  # among those of this machine
        super().__init__(threads or max(1, cores() // places.count(places[self.rank])))

    def share(self, items):
        """Those that this process computes, some in a row; process 0 never has none, others may."""
        start, end = (-(-len(items) * rank // self.size) for rank in (self.rank, self.rank + 1))
        return items[start:end]

    def gathered(self, rows):
        """The rows of all processes, those of process 0 first; a row is what JSON has, its numbers may be arrays of none. Raises
        KeyboardInterrupt in every process if one of them was interrupted."""
        text = np.frombuffer(json.dumps(rows, default=lambda number: to_host(number).item()).encode(), np.uint8)
        heads = np.empty((self.size, 2), np.int64)
        self._timed("waiting", self.comm.Allgather, np.array([len(text), self.interrupted], np.int64), heads)
        if heads[:, 1].any():
            self.interrupted = False
            raise KeyboardInterrupt
        padded, texts = np.zeros(heads[:, 0].max(), np.uint8), np.empty((self.size, heads[:, 0].max()), np.uint8)
        padded[: len(text)] = text
        self._timed("communicating", self.comm.Allgather, padded, texts)
        return [row for line, (length, _) in zip(texts, heads, strict=True) for row in json.loads(line[:length].tobytes())]

    def collected(self, arrays):
        """The arrays of all processes, those of process 0 first, on the host."""
        heads = self.gathered([[self.rank, array.shape, array.dtype.str] for array in arrays])
        own = iter(arrays)
        found = [np.ascontiguousarray(next(own)) if r == self.rank else np.empty(shape, dtype) for r, shape, dtype in heads]
        for array, (root, *_) in zip(found, heads, strict=True):
            self._timed("communicating", self.comm.Bcast, array, root)
        return found

    def agreed(self, value):
        return self.gathered([value if self.rank == 0 else None])[0]

    def put(self, holder):
        """Gives a model or a Training, alike in every process, the state that it has in process 0."""
        state = holder.state_dict()
        for name in state:
            self.comm.Bcast(state[name], 0)
        holder.load_state_dict(state)
        self._restart_clock()

    def sum(self, terms, parameters):
        """The sum, as views of one array, in the order of the parameters, on their device."""
        xp, dtype = array_module(parameters[0].data), parameters[0].dtype
        in_order = self.ordered and xp is np
        ends = list(itertools.accumulate(p.size for p in parameters))
        flat = (xp.empty if in_order else xp.zeros)(ends[-1], dtype)
        views = [flat[end - p.size : end].reshape(p.shape) for p, end in zip(parameters, ends, strict=True)]
        if in_order:
            self._in_order(flat, ends, views, terms)
            return views
        for grads in terms:
            for view, gradient in zip(views, grads, strict=True):
                view += gradient
        if self.at_once is None:
            self.at_once = self.sum_on_host if xp is np else gpus.sum_for(self)
        self._timed("communicating", self.at_once, flat)
        return views

    def sum_on_host(self, flat):
        """The sum of such arrays, one a process, in place."""
        from mpi4py import MPI

        self.comm.Allreduce(MPI.IN_PLACE, flat)

    def _in_order(self, flat, ends, views, terms):
        """Makes `views`, the parts of flat that end at `ends`, the sums of those of all terms, chunk by chunk."""
        start = begin = 0
        for stop, end in enumerate(ends, 1):
            if end - begin < CHUNK and end < ends[-1]:
                continue
            if self.rank:
                self._timed("communicating", self.comm.Recv, flat[begin:end], self.rank - 1)
            for number, grads in enumerate(terms):
                for view, gradient in zip(views[start:stop], grads[start:stop], strict=True):
                    if self.rank or number:
                        view += gradient
                    else:
                        view[...] = gradient  # 0 + -0 would be 0
            if self.rank < self.size - 1:
                self._timed("communicating", self.comm.Send, flat[begin:end], self.rank + 1)
            start, begin = stop, end
        self._timed("communicating", self.comm.Bcast, flat, self.size - 1)

    def end_epoch(self, epoch, weights):
        """Notes where the time went, too."""
        computing = time.perf_counter() - self._since - sum(self._clock.values())
        self.spent.append(np.mean(self.gathered([[computing, *self._clock.values()]]), axis=0).tolist())
        self.compare(f"weights after epoch {epoch}", weights)
        self._restart_clock()

    def compare(self, what, arrays):
        """Raises ValueError, in all processes, if some have other arrays than the rest, and names them."""
        found = hashlib.sha256()
        for array in arrays:
            found.update(np.ascontiguousarray(to_host(array)))
        checksums = self.gathered([found.hexdigest()])
        usual, times = Counter(checksums).most_common(1)[0]
        others = [self.called(rank) for rank, checksum in enumerate(checksums) if checksum != usual]
        if others:
            than = "the rest" if times > 1 else f"{self.called(0)}, and nobody can tell which are right"
            raise ValueError(
                f"{' and '.join(others)} had other {what} than {than}: give all machines the same data and the same versions of "
                "Python's packages, or leave that one out"
            )

    def _restart_clock(self):
        self._since, self._clock = time.perf_counter(), {"waiting": 0.0, "communicating": 0.0}

    def _timed(self, kind, call, *arguments):
        started = time.perf_counter()
        call(*arguments)
        self._clock[kind] += time.perf_counter() - started

    def called(self, rank):
        return f"process {rank} on {self.hosts[rank]}"

    def described(self):
        """What results.json says about the processes."""
        spent = dict(zip(KINDS_OF_TIME, np.mean(self.spent, axis=0).tolist(), strict=True)) if self.spent else {}
        told = {"processes": self.size, "machines": dict(self.machines), "sum": "fast" if self.at_once else "ordered"}
        return told | ({"seconds_an_epoch": spent} if spent else {})
