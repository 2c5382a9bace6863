"""One command in several processes, started by mpiexec: process 0 is the one that people see, and what ends one ends all."""

import os
import signal
import sys
import time
from contextlib import contextmanager

from ..training.distributed import Processes
from ..training.parallel import OneProcess
from . import output

SIZES = "PMI_SIZE OMPI_COMM_WORLD_SIZE MV2_COMM_WORLD_SIZE SLURM_STEP_NUM_TASKS".split()  # set by mpiexec, mpirun, srun
RANKS = "PMI_RANK OMPI_COMM_WORLD_RANK MV2_COMM_WORLD_RANK SLURM_PROCID PMIX_RANK".split()


def started(environment=os.environ):
    """(how many processes a launcher started together, which of them this is), by the environment; (1, 0) without a launcher. How
    many is 0 where only MPI knows. A job of Slurm is one process, however many tasks it may have, until srun starts them."""
    unknown = 0 if "PMIX_RANK" in environment else 1
    size = next((int(environment[name]) for name in SIZES if environment.get(name, "").isdecimal()), unknown)
    rank = next((int(environment[name]) for name in RANKS if environment.get(name, "").isdecimal()), 0)
    return (1, 0) if size == 1 else (size, rank)


def processes():
    """The Processes that mpiexec started, of which this is one; OneProcess() if it is alone, and then nothing is imported.
    Raises ValueError if there are several and no mpi4py, or if they do not find each other."""
    size, _ = started()
    if size == 1:
        return OneProcess()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py is there, and no library of MPI
        count = f"{size or 'several'} processes were started"
        raise ValueError(f'{count}, and mpi4py cannot be used ({output.line(error)}): pip install "minivit[mpi]"') from None
    found = MPI.COMM_WORLD.Get_size()
    if found != size > 0:
        raise ValueError(
            f"{size} processes were started, and MPI finds {found}: start them with the mpiexec of the MPI that mpi4py uses, "
            "which may lie beside this python, or with srun --mpi=pmi2"
        )
    return Processes(MPI.COMM_WORLD) if found > 1 else OneProcess()


def silence():
    """From here on this process says nothing, but what it says to sys.__stderr__."""
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  it lasts as long as the process


def wait(processes):
    """Until all processes are here, asleep: MPI's own calls keep a core busy."""
    request = processes.comm.Ibarrier()
    while not request.Test():
        time.sleep(0.01)


def in_turn(processes, function):
    """function(), in process 0 first, then in the first one of each other machine, then in the rest: what one has downloaded, the
    next ones find."""
    if processes.size == 1:
        return function()
    turn = 0 if processes.rank == 0 else 1 if processes.first_here else 2
    for now in range(3):
        if now == turn:
            found = function()
        wait(processes)
    return found


@contextmanager
def patient(processes):
    """In its body Ctrl-C comes to all processes at once, when they next gather: else one would leave, and the others wait."""
    if processes.size == 1:
        yield
        return

    def note(*_):
        processes.interrupted = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def last_words(processes, code, sentence):
    """The sentence, to be printed by this process. A mistake that all of them come upon is told by process 0, whose end is
    theirs: the others wait for it a little, and then say who they are."""
    if not code or processes.rank == 0:
        return sentence
    time.sleep(min(1.5 + 0.25 * processes.rank, 4))
    sys.stderr = sys.__stderr__
    return f"{processes.called(processes.rank)}: {sentence}"


def end(processes, code):
    """Ends all processes with that exit code; of 0 each is told to go, once all are here."""
    if code:
        time.sleep(0.5)  # for mpiexec drops what it has not read of a job's last words
        output.forget(sys.stderr)  # MPI's own words
        processes.comm.Abort(code)
    wait(processes)
    return code
