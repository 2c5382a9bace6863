"""What the tests of several processes start: mpiexec -n 3 python -m tests.support.several TASK ..., and what each does there.

minivit ARGUMENTS           the command line, whose runs draw no figures
break RANK HOW ARGUMENTS    the same; its training fails in that process
compute, other numbers, fast, gpu    see below
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from minivit.program import cli, results, together
from minivit.training.distributed import Processes
from minivit.training.finetune import sha256_of
from minivit.training.loop import Training
from minivit.training.recipe import Recipe

from .detection import some_scenes, tiny_detr
from .tiny import ENVIRONMENT, few_digits, tiny_recipe, tiny_vit

MPIEXEC = Path(sys.executable).with_name("mpiexec")
EVERYTHING = dict(epochs=3, shift=1, ema=0.9, validation=0.25, patience=5, mixup=0.2, accumulate=8, clip_norm=0.1)
DROPS = dict(dropout=0.2, drop_path=0.2, depth=2)


def needs_mpi(test):
    """A test that starts several processes, for .ci/run."""
    reason = 'no mpiexec beside this python: pip install "minivit[mpi]"'
    return pytest.mark.slow(pytest.mark.skipif(not MPIEXEC.exists(), reason=reason)(test))


def command(*arguments):
    return [sys.executable, "-m", "tests.support.several", *map(str, arguments)]


def mpiexec(count, *arguments, **options):
    """Starts so many processes of a task; a Popen, its output as text."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [str(MPIEXEC), "-n", str(count), *command(*arguments)]
    return subprocess.Popen(started, env=ENVIRONMENT | {"OPENBLAS_NUM_THREADS": "1"}, **pipes, **options)


def ended(process, timeout=300):
    """(exit code, stdout, stderr); a job that hangs is a failure."""
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    return process.returncode, out, err


def trainings():
    """{name: a Training}, of everything that a training can be."""
    digits = few_digits()
    scenes = Recipe(epochs=2, batch_size=4, lr=1e-3, clip_norm=0.1, accumulate=4, flip=True)
    return {
        "plain": Training(tiny_vit(), digits, tiny_recipe(accumulate=4)),
        "everything": Training(tiny_vit(**DROPS), digits, tiny_recipe(**EVERYTHING)),
        "fewer pieces than processes": Training(tiny_vit(), digits, tiny_recipe()),
        "more than a chunk": Training(tiny_vit(dim=64, mlp_dim=4096), digits, tiny_recipe(epochs=1, accumulate=3)),
        "float64": Training(tiny_vit(dtype=np.float64), digits, tiny_recipe(epochs=1, accumulate=5)),
        "on features": Training(tiny_vit(), digits, tiny_recipe(unfreeze=0, validation=0.25)),
        "things in boxes": Training(tiny_detr(queries="anchors", denoising=1), some_scenes(np.random.default_rng(3)), scenes),
    }


def outcome(training, threads):
    """What people see of a training to its end, and a checksum of all that it has become."""
    seen = [(p.loss, p.accuracy, p.validation, p.parts) for p in training.run(threads)]
    test = training.task.test(training.model, few_digits(), threads)["accuracy"] if training.images.ndim == 2 else None
    return [seen, test, sha256_of(training.state_dict())]


def all_outcomes(threads):
    return {name: outcome(training, threads) for name, training in trainings().items()}


def compute(processes):
    """What comes of all trainings, as process 0 has it."""
    found = all_outcomes(processes)
    if processes.rank == 0:
        print(json.dumps(found))


def add_other_numbers(processes, culprit):
    """One of the processes has another bit in one weight, in the second epoch."""
    training = trainings()["plain"]
    step = training.optimizer.step

    def other(*arguments, **options):
        norm = step(*arguments, **options)
        if processes.rank == culprit and training.step == 4:
            training.optimizer.groups[0].values[3] += 1e-7
        return norm

    training.optimizer.step = other
    try:
        list(training.run(processes))
    except ValueError as error:
        if processes.rank == 0:
            print(error)


def reduce_fast(processes):
    """How far the sum by Allreduce is from that in order."""
    processes.ordered = False
    several, alone = trainings()["everything"], trainings()["everything"]
    list(several.run(processes))
    list(alone.run(1))
    apart = max(np.abs(a.values - b.values).max() for a, b in zip(several.optimizer.groups, alone.optimizer.groups, strict=True))
    if processes.rank == 0:
        print(json.dumps([float(apart), processes.described()]))


def compute_on_gpu(processes, by_nccl):
    """A training on the GPU that all processes share, and how far it is from that of one process. NCCL refuses to serve two
    processes on one GPU: what stands in its place sums on the host, where CuPy that executes on a CPU has its memory."""
    import cupy

    served = []
    if by_nccl:
        cupy.cuda.nccl, processes.place = nccl_of(processes, served), 0
    several, alone = (Training(tiny_vit(**DROPS).to("gpu"), few_digits(), tiny_recipe(accumulate=2)) for _ in range(2))
    processes.put(several)
    list(several.run(processes))
    alone.recipe = tiny_recipe(accumulate=2 * processes.size)  # a GPU takes a batch, or its share, at once
    list(alone.run(1))
    apart = max(float(abs(a - b).max()) for a, b in zip(several.result().values(), alone.result().values(), strict=True))
    if processes.rank == 0:
        print(json.dumps([apart, len(served), several.step]))


def nccl_of(processes, served):
    """What minivit uses of cupy.cuda.nccl."""
    from mpi4py import MPI

    class Communicator:
        def __init__(self, size, unique, rank):
            assert (size, rank) == (processes.size, processes.rank) and unique == (3, -5, 7)

        def allReduce(self, source, target, count, kind, operation, stream):
            assert source == target and (kind, operation) == ("float32", "sum") and isinstance(stream, int)
            numbers = np.ctypeslib.as_array((ctypes.c_float * count).from_address(source))
            processes.comm.Allreduce(MPI.IN_PLACE, numbers)
            served.append(count)

    def unique():
        return (3, -5, 7) if processes.rank == 0 else (0, 0, 0)

    names = dict(NCCL_FLOAT32="float32", NCCL_FLOAT64="float64", NCCL_SUM="sum")
    return SimpleNamespace(available=True, get_unique_id=unique, NcclCommunicator=Communicator, **names)


def break_one(rank, how):
    """The training fails in one process, in its second epoch, or, of other images, before its first."""
    run = Training.run
    if how == "other images":
        begin = Training.__init__

        def shifted(self, *arguments):
            begin(self, *arguments)
            if together.started()[1] == rank:
                self.images = np.roll(self.images, 1, axis=1)

        Training.__init__ = shifted

    def broken(self, threads=None):
        for progress in run(self, threads):
            if progress.epoch == 2 and threads.rank == rank:
                if how == "Ctrl-C":
                    os.kill(os.getpid(), signal.SIGINT)
                elif how in ("ValueError", "OSError", "bug"):
                    raise {"ValueError": ValueError, "OSError": OSError, "bug": TypeError}[how]("broken\nhere")
            yield progress

    Training.run = broken


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    results.draw = lambda *arguments: None
    if what == "break":
        rank, how, *arguments = arguments
        break_one(int(rank), how)
    if what in ("minivit", "break"):
        sys.exit(cli.main(arguments))
    found = together.processes()
    assert isinstance(found, Processes)
    tasks = {"compute": compute, "other numbers": add_other_numbers, "fast": reduce_fast, "gpu": compute_on_gpu}
    tasks[what](found, *map(int, arguments))
