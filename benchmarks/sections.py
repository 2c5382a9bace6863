"""What `python -m benchmarks` measures, a function a section, of a Setup (measure.py). Each prints its table and returns its
figures for the JSON."""

import functools
import math
import statistics
import subprocess
import sys
import time

import numpy as np

from minivit.backend import to_device

from .devices import GPUS, CuPyGPU
from .measure import Worker, ratios, side_by_side
from .peers import NO_EXACT_GELU, PEERS

B16 = {"image": 224, "patch": 16, "channels": 3, "classes": 1000, "dim": 768, "depth": 12, "heads": 12, "mlp_dim": 3072}


def _table(result):
    """Prints a row a peer, and returns what the JSON keeps of it."""
    kept = {}
    for peer, (middle, low, high) in ratios(result).items():
        seconds, memory = result[peer]["seconds"], result[peer]["memory"]
        print(
            f"  {peer:14} {1000 * seconds:9.2f} ms   ratio {middle:6.2f} ({low:.2f} to {high:.2f})   {memory / 1e6:8.1f} MB",
            flush=True,
        )
        kept[peer] = {
            "ms": round(1000 * seconds, 3),
            "ratio": [round(r, 3) for r in (middle, low, high)],
            "mb": round(memory / 1e6, 3),
        }
    return kept


def few_rounds(setup):
    """For what takes long: half of them, but 3; one if quick."""
    return 1 if setup.quick else max(3, setup.rounds // 2)


def step(setup):
    """the reference training step: forward, backward, AdamW; both forms of GELU; and the peak of memory"""
    found = {}
    for gelu in ("tanh", "exact"):
        print(f" GELU {gelu}")
        there = PEERS if setup.device == "cpu" else GPUS
        peers = [peer for peer in there if gelu == "tanh" or peer not in NO_EXACT_GELU]
        config = setup.config(gelu=gelu)
        fast = side_by_side([p for p in peers if p not in NO_EXACT_GELU], config, setup.threads, setup.rounds)
        found[gelu] = _table(fast)
        slow = [p for p in peers if p in NO_EXACT_GELU]
        if slow:  # a second or more a step: fewer of them, beside minivit again, whose row above stays
            beside = side_by_side(["minivit", *slow], config, setup.threads, min(3, setup.rounds), steps=1)
            found[gelu] = _table(beside) | found[gelu]
    return found


def ops(setup):
    """each op of the reference step, forward and backward, 32 images, beside PyTorch's; a CPU's on one thread"""
    config = setup.config(batch=32)
    names = ("patch_embed", "layernorm", "qkv", "attention", "proj", "fc1", "gelu_tanh", "gelu_exact", "fc2", "cross_entropy")
    found = {}
    for name in names:
        result = side_by_side(["minivit", "PyTorch"], config | {"task": f"op:{name}"}, 1, setup.rounds, steps=20)
        if len(result) == 2:
            middle, low, high = ratios(result)["PyTorch"]
            ours, theirs = (1000 * result[peer]["seconds"] for peer in ("minivit", "PyTorch"))
            print(
                f"  {name:14} {ours:7.3f} ms, PyTorch {theirs:7.3f} ms   ratio {middle:5.2f} ({low:.2f} to {high:.2f})",
                flush=True,
            )
            found[name] = {"minivit_ms": round(ours, 4), "pytorch_ms": round(theirs, 4), "ratio": round(middle, 3)}
    return found


def inference(setup):
    """B/16 at 224 x 224, forward alone, at batch 1 and 8"""
    found = {}
    for batch in (1, 8):
        config = setup.config(**B16, batch=batch, gelu="exact", task="infer")
        result = side_by_side(["minivit", "PyTorch"], config, setup.threads, setup.rounds, steps=1)
        print(f" batch {batch}")
        found[str(batch)] = _table(result)
        for peer, figures in found[str(batch)].items():
            figures["images_per_second"] = round(1000 * batch / figures["ms"], 2)
            print(f"  {peer:14} {figures['images_per_second']:8.2f} images/s")
    return found


def growth(setup):
    """training as tokens T and width D grow: time, peak memory, and the exponents p of T^p between the last two"""
    found = {}
    runs = {
        "T": [{"image": 4 * side, "batch": 8} for side in (4, 8, 16, 32)],
        "D": [{"dim": d, "mlp_dim": 4 * d, "batch": 32} for d in (32, 64, 128, 256)],
    }
    for what, changes in runs.items():
        found[what] = []
        for change in changes:
            config = setup.config(**change)
            result = side_by_side(["minivit", "PyTorch"], config, setup.threads, few_rounds(setup), steps=1)
            size = config["tokens"] if what == "T" else config["dim"]
            row = {"size": size} | {
                p: {"ms": round(1000 * f["seconds"], 3), "mb": round(f["memory"] / 1e6, 3)} for p, f in result.items()
            }
            found[what].append(row)
            print(
                f"  {what} {size:5}   "
                + "   ".join(f"{p} {f['ms']:8.2f} ms {f['mb']:8.1f} MB" for p, f in row.items() if p != "size"),
                flush=True,
            )
        before, last = found[what][-2:]
        larger = math.log(last["size"] / before["size"])
        for peer in [name for name in last if name != "size"]:
            pairs = {f: (before[peer][f], last[peer][f]) for f in ("ms", "mb")}
            exponents = {f: round(math.log(b / a) / larger, 2) for f, (a, b) in pairs.items() if a > 0 and b > 0}
            last[peer]["exponents"] = exponents
            names = {"ms": "time", "mb": "memory"}
            print(f"  {peer}: at the end " + ", ".join(f"{names[f]} ~ {what}^{p:.2f}" for f, p in exponents.items()))
    return found


def attention_memory(setup):
    """peak memory of attention, forward and backward, beyond q, k, v, the output and their gradients, as T doubles"""
    import tracemalloc

    from minivit import ops

    def both_ways(q, k, v, dy):
        y, backward = ops.attention.forward(q, k, v)
        return y, backward(dy)

    found, before = {}, None
    for tokens in (32, 64, 128) if setup.quick else (256, 512, 1024):
        drawn = np.random.default_rng(0).standard_normal((4, 1, 4, tokens, 16), dtype=np.float32)
        arrays = [to_device(x, setup.device) for x in drawn]
        if setup.device == "gpu":
            gpu = CuPyGPU()
            held = gpu.pool.used_bytes()
            peak = gpu.peak(functools.partial(both_ways, *arrays)) - held
        else:
            tracemalloc.start()
            both_ways(*arrays)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        extra = peak - 4 * arrays[0].nbytes  # y, dq, dk, dv
        growth = f"   {extra / before:.2f} times" if before else ""
        print(f"  T {tokens:5}   {extra / 1e6:6.2f} MB; all of q k^T would be {4 * tokens * tokens * 4 / 1e6:6.2f} MB{growth}")
        found[str(tokens)], before = extra, extra
    return found


def roofline(setup):
    """the step's own matrix products, run alone, over the step's time"""
    config = setup.config()
    worker = Worker("minivit", config, setup.threads)
    alone = Worker("products", config, setup.threads)
    shares, products = [], []
    for _ in range(setup.rounds):
        whole, bare = statistics.median(worker.ask("run 3")), statistics.median(alone.ask("run 3"))
        shares.append(bare / whole)
        products.append(bare)
    worker.close()
    alone.close()
    share = statistics.median(shares)
    flops = 2 * product_multiply_adds(config)
    seconds = statistics.median(products)
    rate = flops / seconds / 1e9
    print(f"  the products alone take {1000 * seconds:.1f} ms, at {rate:.0f} GFLOP/s: {100 * share:.0f} % of the step's time")
    return {"share": round(share, 3), "products_ms": round(1000 * seconds, 2), "gflops": round(rate, 1)}


def product_multiply_adds(config):
    """Multiply-adds of every matrix product of one training step: forward, and twice that backward."""
    B, T, D, M = config["batch"], config["tokens"], config["dim"], config["mlp_dim"]
    block = T * (4 * D * D + 2 * D * M) + 2 * T * T * D
    embed = (T - 1) * config["patch"] ** 2 * config["channels"] * D
    return 3 * B * (config["depth"] * block + embed + D * config["classes"])


def start(setup):
    """how long `import` takes, in a fresh process each time, and the first words of the command line"""
    found = {}
    commands = {
        "import numpy": ["-c", "import numpy"],
        "import minivit": ["-c", "import minivit"],
        "import torch": ["-c", "import torch"],
        "minivit info": ["-m", "minivit", "info"],
    }
    for name, command in commands.items():
        seconds = []
        for _ in range(few_rounds(setup)):
            began = time.perf_counter()
            code = subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
            seconds.append(time.perf_counter() - began)
        if code:
            print(f"  left out: {name}: not installed")
            continue
        found[name] = round(statistics.median(seconds), 3)
        print(f"  {name:16} {found[name]:.2f} s")
    return found


def digits(setup):
    """the default training on digits: seconds until the test accuracy has reached 97 %, looked at after every epoch"""
    from minivit.data import load
    from minivit.models.vit import ViT
    from minivit.training.loop import accuracy, predict, train
    from minivit.training.presets import load_config, model_config, recipe

    settings = load_config("digits")
    dataset = load(settings["data"])
    rules = recipe(settings["recipe"])
    model = ViT(model_config(settings["model"], dataset), np.random.default_rng(rules.seed))
    test = dataset.normalise(dataset.test_images)
    spent, reached, began = 0.0, None, time.perf_counter()
    for progress in train(model, dataset, rules, setup.threads):
        if progress.complete:
            spent += time.perf_counter() - began
            result = accuracy(predict(model, test, threads=setup.threads), dataset.test_labels)
            if reached is None and result >= 0.97:
                reached = (progress.epoch, spent)
            began = time.perf_counter()  # looking at the test images is not part of the time
    if reached:
        print(f"  97 % after epoch {reached[0]}, {reached[1]:.1f} s")
    print(f"  the whole training: {spent:.1f} s, {100 * result:.1f} %")
    return {"epochs_to_97": reached and reached[0], "seconds_to_97": reached and round(reached[1], 1), "seconds": round(spent, 1)}


SECTIONS = {
    "step": step,
    "ops": ops,
    "inference": inference,
    "growth": growth,
    "attention": attention_memory,
    "roofline": roofline,
    "digits": digits,
    "start": start,
}
ON_A_GPU = ("step", "ops", "inference", "growth", "attention")
