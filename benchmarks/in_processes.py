"""What several processes do, for the section scale; started by mpiexec:

    mpiexec -n 2 python -m benchmarks.in_processes ping 1000
    mpiexec -n 4 python -m benchmarks.in_processes step CONFIG_AS_JSON ordered 10

ping sends a message there and back, of 8 bytes and of 4 MB, so many times; step does so many steps of training, a thread a
process, and sums their gradients in order or fast. Process 0 prints a line of JSON: the fewest seconds that it took: others' work
on the machine only adds to them. With -f hosts, ping measures the network between the first two machines of that file.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SHORT, LONG = 8, 4_000_000  # bytes


def missing():
    """Why no processes can be started, or None."""
    if not find_spec("mpi4py"):
        return 'mpi4py is not installed: pip install "minivit[mpi]"'
    return None if _mpiexec() else "there is no mpiexec beside this python or on the PATH"


def _mpiexec():
    here = str(Path(sys.executable).parent)
    return shutil.which("mpiexec", path=os.pathsep.join([here, os.environ.get("PATH", "")]))


def ask(count, task, *arguments):
    """What so many processes answer to a task."""
    words = [word if isinstance(word, str) else json.dumps(word) for word in arguments]
    command = [_mpiexec(), "-n", str(count), sys.executable, "-m", "benchmarks.in_processes", task, *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout.splitlines()[-1])


def ping(comm, repeats):
    """{"latency": seconds, "bandwidth": bytes a second} between processes 0 and 1."""
    seconds = {}
    for size in (SHORT, LONG):
        message, times = np.zeros(size, np.uint8), []
        for _ in range(repeats):
            comm.Barrier()
            began = time.perf_counter()
            if comm.Get_rank() == 0:
                comm.Send(message, 1)
                comm.Recv(message, 1)
            elif comm.Get_rank() == 1:
                comm.Recv(message, 0)
                comm.Send(message, 0)
            times.append((time.perf_counter() - began) / 2)
        seconds[size] = min(times)
    return {"latency": seconds[SHORT], "bandwidth": (LONG - SHORT) / max(seconds[LONG] - seconds[SHORT], 1e-9)}


def step(comm, config, way, repeats):
    """{"measured": the seconds of the fastest step in process 0, and the three parts of it, the mean of the processes}."""
    from minivit.training.distributed import KINDS_OF_TIME, Processes
    from minivit.training.parallel import OneProcess

    from .in_minivit import minivit

    together = comm.Get_size() > 1
    processes = Processes(comm, threads=1) if together else OneProcess(1)
    processes.ordered = way == "ordered"
    train, found = minivit(config, processes), []
    train()
    for _ in range(repeats):
        comm.Barrier()
        processes.end_epoch(0, [])  # starts the clocks of the three parts anew
        began = time.perf_counter()
        train()
        found.append({"measured": time.perf_counter() - began})
        processes.end_epoch(0, [])
        if together:
            found[-1] |= dict(zip(KINDS_OF_TIME, processes.spent[-1], strict=True))
    return min(found, key=lambda one: one["measured"])


def main(task, *arguments):
    from mpi4py import MPI

    words = [word if word in ("ordered", "fast") else json.loads(word) for word in arguments]
    answer = {"ping": ping, "step": step}[task](MPI.COMM_WORLD, *words)
    if MPI.COMM_WORLD.Get_rank() == 0:
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
