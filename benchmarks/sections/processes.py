"""A training over many processes: what a step would take, from a model of it, and whether that tells the truth here."""

import math
import os
import time
from dataclasses import asdict, replace

import numpy as np

from minivit import ViT, ViTConfig
from minivit.engine import gradients
from minivit.ops import cross_entropy
from minivit.optim import AdamW
from minivit.training.parallel import cores, workers

from .. import in_minivit, in_processes, scaling

SMALL = "reference"
PRESETS = ("Ti/16", "S/16", "B/16", "L/16")
NETWORKS = {  # seconds of latency and bytes a second: line rates and usual latencies, assumed and not measured
    "1 Gbit/s Ethernet": (50e-6, 1e9 / 8),
    "10 Gbit/s Ethernet": (20e-6, 10e9 / 8),
    "100 Gbit/s InfiniBand": (2e-6, 100e9 / 8),
}
BATCH = 4096  # the paper's
SOME = (1, 8, 64, 512, 1024)  # processes, of the printed tables
WIDE = {"dim": 512, "heads": 8, "mlp_dim": 2048, "depth": 2, "batch": 32}  # few images and many parameters: the sum counts
PARTS = ("predicted", "measured", "computing", "waiting", "communicating")
COUNTS = ((1, "ordered"), (2, "ordered"), (2, "fast"), (3, "ordered"), (3, "fast"), (4, "ordered"), (4, "fast"))
CHECKED = {"the reference step": {}, "a wide one": WIDE}


def scale(setup):
    """a step over 1 to 1,024 processes, from a model of its time; beside it what 1 to 4 processes here take"""
    found = {"adding": _bytes_added(setup), "jobs": {}}
    print(f"  adding: {found['adding'] / 1e9:.1f} GB/s; {'given' if setup.gflops else 'measured'} on one thread:")
    small = setup.config()
    planned = {SMALL: (in_minivit.model_of(small).config, small["batch"])}
    planned |= {name: (ViTConfig.preset(name), BATCH) for name in PRESETS[: 1 if setup.quick else None]}
    for name, (config, batch) in planned.items():
        job = job_of(config, batch, setup)
        found["jobs"][name] = asdict(job)
        print(
            f"  {name:9} {job.parameters:11,} parameters; a piece of {job.images:2} images {1000 * job.piece:8,.0f} ms, "
            f"an update {1000 * job.update:7,.1f} ms, preparing an image {1000 * job.preparing:.3f} ms",
            flush=True,
        )
    found["networks"] = {"the one given": setup.link} if setup.link else NETWORKS
    tell(found)
    found["here"] = check(setup)
    return found


def links(found):
    """{network: Link} of what was found."""
    return {name: scaling.Link(*both, found["adding"]) for name, both in found["networks"].items()}


def jobs(found):
    return {name: scaling.Job(**fields) for name, fields in found["jobs"].items()}


def tell(found):
    """Prints what the model says, network by network."""
    for network, link in links(found).items():
        head = f"  {network}: seconds of a step, processes"
        print(f"\n{head:55}" + "".join(f"{p:>9,}" for p in SOME))
        for name, job in jobs(found).items():
            for way in scaling.WAYS:
                times = "".join(f"{_short(scaling.step(job, link, p, job.batch, way)):>9}" for p in SOME)
                print(f"    {name:9} batch {job.batch:5,}, {way:27}{times}")
        print(f"    the smallest batch that pays, ordered ({100 * scaling.PAYS:.0f} % of the processes' time are not lost)")
        for name, job in jobs(found).items():
            batches = [scaling.smallest_batch(job, link, p) for p in SOME]
            print(f"    {name:51}" + "".join(f"{batch:9,}" if batch else "     none" for batch in batches), flush=True)


def _short(seconds):
    return f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.3g}"


def _seconds(function, times):
    """The fewest seconds of the processor that it took: on a busy machine the clock would count others' work."""
    found = []
    for _ in range(times):
        began = time.process_time()
        function()
        found.append(time.process_time() - began)
    return min(found)


def _bytes_added(setup):
    """Bytes a second that a process adds to others."""
    numbers = np.zeros(scaling.CHUNK // 4, np.float32)
    repeats = 1 if setup.quick else 50
    total, more = np.zeros((8, numbers.size), np.float32), np.ones((8, numbers.size), np.float32)

    def add():
        for into, one in zip(total, more, strict=True):
            into += one

    return total.nbytes / max(_seconds(add, repeats), 1e-9)


def job_of(config, batch, setup, repeats=2):
    """The Job of a ViTConfig on one thread, measured on a piece of it with one block; a deeper one computes as much longer as it
    has more multiply-adds, and updates as much longer as it has more parameters. A rate that is given counts for the products
    alone: updates and the preparing of images are then left out."""
    images = scaling.images_a_piece(config, batch)
    parameters, one = config.num_parameters(), replace(config, depth=1)
    if setup.gflops:
        return at_rate(scaling.Job(parameters, batch, images, 0.0), config, setup.gflops)
    rng = np.random.default_rng(0)
    pictures = rng.standard_normal((2 if setup.quick else images, *config.image_size, config.channels), dtype=np.float32)
    labels = rng.integers(0, config.classes, len(pictures))
    model = ViT(one, rng)
    optimizer, tensors = AdamW(model, lr=1e-3), model.parameters()

    def piece():
        return gradients(cross_entropy(model(pictures), labels), tensors)

    def prepare():
        (pictures[rng.permutation(len(pictures))] - np.float32(0.5)) / np.float32(0.25)

    with workers(1):
        grads = piece()
        optimizer.step(grads)
        times = [_seconds(call, repeats) for call in (piece, lambda: optimizer.step(grads), prepare)]
    computing = times[0] * images / len(pictures) * config.multiply_adds() / one.multiply_adds()
    updating = times[1] * parameters / one.num_parameters()
    return scaling.Job(parameters, batch, images, computing, updating, times[2] / len(pictures))


def at_rate(job, config, gflops):
    """The Job of a process of so many billion operations a second: two a multiply-add, and backward twice as many as forward."""
    piece = 6 * job.images * config.multiply_adds() / (1e9 * gflops)
    return replace(job, piece=piece, update=0.0, preparing=0.0)


def check(setup):
    """What the processes of this machine do beside what the model says: {"latency", "bandwidth", "cores", "load", "rows"}, or
    None without MPI."""
    reason = in_processes.missing()
    if reason:
        print(f"\n  left out: what processes here do: {reason}")
        return None
    ping = in_processes.ask(2, "ping", 2 if setup.quick else 200)
    link = scaling.Link(**ping, adding=_bytes_added(setup))
    found = ping | {"cores": cores(), "load": round(os.getloadavg()[0], 1), "rows": []}
    print(
        f"\n  between two processes here: {1e6 * link.latency:.1f} µs, {link.bandwidth / 1e9:.1f} GB/s. "
        f"{found['cores']} cores, load {found['load']}, a thread a process; milliseconds of the fastest of {setup.rounds} steps"
    )
    print(" " * 34 + "".join(f"{part:>14}" for part in PARTS))
    for name, changes in CHECKED.items():
        config = setup.config(**changes)
        alone = in_processes.ask(1, "step", config, "ordered", setup.rounds)
        job = _job_here(config, alone["measured"], link, setup)
        for p, way in COUNTS[: 2 if setup.quick else None]:
            took = in_processes.ask(p, "step", config, way, setup.rounds) if p > 1 else alone
            predicted = expected(job, link, p, config["batch"], "halving" if way == "fast" else way, cores())
            row = {"model": name, "processes": p, "sum": way, "predicted": predicted} | took
            found["rows"].append({k: round(1000 * v, 2) if isinstance(v, float) else v for k, v in row.items()})
            milliseconds = "".join(f"{found['rows'][-1].get(part, 0.0):14.1f}" for part in PARTS)
            print(f"    {name:18} {p}  {way:8}{milliseconds}", flush=True)
    return found


def _job_here(config, alone, link, setup):
    """The Job of one process whose step took so long."""
    job = job_of(in_minivit.model_of(config).config, config["batch"], setup)
    pieces = math.ceil(config["batch"] / job.images)
    return replace(job, piece=(alone - job.update) / pieces - job.bytes / link.adding, preparing=0.0)


def expected(job, link, p, batch, way, cores):
    """Seconds of a step of p processes on so many cores. Who waits for a message asks for it all the time: beyond the cores,
    everything takes turns."""
    return scaling.step(job, link, p, batch, way) * max(1, p / cores)
