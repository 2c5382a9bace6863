"""Peers side by side: each in a process of its own, taking turns, so that a slow minute of the machine slows them all."""

import functools
import json
import math
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass

REFERENCE = {
    "image": 28,
    "patch": 4,
    "channels": 1,
    "classes": 10,
    "dim": 64,
    "depth": 4,
    "heads": 4,
    "mlp_dim": 256,
    "batch": 128,
    "gelu": "tanh",
    "stem": "patch",
    "task": "train",
    "device": "cpu",
}
MORE_STEPS_ON_A_GPU = 10  # times as many a turn: they are short there, and the first of them start an idle device


def config_of(**changes):
    """The reference model with changes, and the number of tokens that follows."""
    config = REFERENCE | changes
    return config | {"tokens": (config["image"] // config["patch"]) ** 2 + 1}


@dataclass(frozen=True)
class Setup:
    """What every section is told. device: "cpu" or "gpu". quick: everything so small that it only shows whether it runs. link:
    (seconds of latency, bytes a second) of a network, and gflops, billions of operations a second of a process, that scale plans
    with in the place of its own."""

    threads: int
    rounds: int
    device: str = "cpu"
    quick: bool = False
    link: tuple | None = None
    gflops: float | None = None

    @property
    def few_rounds(self):
        """For what takes long: half of them, but 3; one if quick."""
        return 1 if self.quick else max(3, self.rounds // 2)

    def config(self, **changes):
        """The reference model with changes, on this device; if quick, with an eighth of the width (of more,
        if the heads do not divide it) and a quarter of the side."""
        config = config_of(**changes, device=self.device)
        if not self.quick:
            return config
        side, batch = max(1, config["image"] // config["patch"] // 4), min(2, config["batch"])
        dim = math.ceil(config["dim"] / 8 / config["heads"]) * config["heads"]
        sizes = {"image": side * config["patch"], "dim": dim, "mlp_dim": config["mlp_dim"] // 8}
        return config_of(**config | sizes | {"depth": 1, "batch": batch})


class Worker:
    """One peer's process; `failed` says why there is none."""

    def __init__(self, peer, config, threads):
        self.peer = peer
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        if peer == "JAX":
            limits["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
        if peer == "tinygrad":
            limits |= {"DEV": "CPU", "TRAINING": "1"}
        if config["device"] == "gpu":
            limits |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "CUPY_TF32": "0"}  # JAX would take most of the memory at once
        else:
            limits["JAX_PLATFORMS"] = "cpu"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", peer, json.dumps(config), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | limits,
        )
        answer = self._read()
        self.failed = answer.get("failed")

    def _read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"failed": "its process ended without a word"}

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


say_once = functools.cache(print)


def side_by_side(peers, config, threads, rounds=7, steps=3, say=say_once):
    """{peer: {"seconds": median of a step, "rounds": the median step of each round, "memory": bytes}}, the peers taking turns
    of `steps` steps (on a GPU ten times as many) for `rounds` rounds. A peer that cannot run is left out, with a line that says
    why, once."""
    workers = []
    for peer in peers:
        worker = Worker(peer, config, threads)
        if worker.failed:
            say(f"  left out: {peer}: {worker.failed}")
            worker.close()
        else:
            workers.append(worker)
    found = taking_turns(workers, rounds, steps * (MORE_STEPS_ON_A_GPU if config["device"] == "gpu" else 1))
    result = {}
    for worker, times in zip(workers, found, strict=True):
        result[worker.peer] = {"seconds": statistics.median(times), "rounds": times, "memory": worker.ask("memory")}
        worker.close()
    return result


def taking_turns(workers, rounds, steps):
    """For each worker the median seconds of its `steps` steps, round by round."""
    found = [[] for _ in workers]
    for _ in range(rounds):
        for worker, times in zip(workers, found, strict=True):
            times.append(statistics.median(worker.ask(f"run {steps}")))
    return found


def ratios(result, ours="minivit"):
    """{peer: (median, smallest, largest)} of the peer's time over ours, round by round: above 1, we are faster."""
    mine = result[ours]["rounds"]
    found = {}
    for peer, figures in result.items():
        pairs = [theirs / own for theirs, own in zip(figures["rounds"], mine, strict=True)]
        found[peer] = (statistics.median(pairs), min(pairs), max(pairs))
    return found
