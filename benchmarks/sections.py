"""What `python -m benchmarks` measures, a function a section. Each prints its table and returns its figures for the JSON."""

import math
import statistics
import subprocess
import sys
import time

import numpy as np

from .measure import Worker, config_of, ratios, side_by_side
from .peers import NO_EXACT_GELU, PEERS

B16 = {"image": 224, "patch": 16, "channels": 3, "classes": 1000, "dim": 768, "depth": 12, "heads": 12, "mlp_dim": 3072}


def _table(result):
    """Prints a row a peer, and returns what the JSON keeps of it."""
    kept = {}
    for peer, (middle, low, high) in ratios(result).items():
        seconds, memory = result[peer]["seconds"], result[peer]["memory"]
        print(
            f"  {peer:14} {1000 * seconds:9.1f} ms   ratio {middle:6.2f} ({low:.2f} to {high:.2f})   {memory / 1e6:7.0f} MB",
            flush=True,
        )
        kept[peer] = {
            "ms": round(1000 * seconds, 2),
            "ratio": [round(r, 3) for r in (middle, low, high)],
            "mb": round(memory / 1e6, 1),
        }
    return kept


def step(threads, rounds):
    """the reference training step: forward, backward, AdamW; both forms of GELU; memory is the peak above the imports'"""
    found = {}
    for gelu in ("tanh", "exact"):
        print(f" GELU {gelu}")
        peers = [peer for peer in PEERS if gelu == "tanh" or peer not in NO_EXACT_GELU]
        fast = side_by_side([p for p in peers if p not in NO_EXACT_GELU], config_of(gelu=gelu), threads, rounds)
        found[gelu] = _table(fast)
        slow = [p for p in peers if p in NO_EXACT_GELU]
        if slow:  # a second or more a step: fewer of them, beside minivit again, whose row above stays
            found[gelu] = _table(side_by_side(["minivit", *slow], config_of(gelu=gelu), threads, rounds=3, steps=1)) | found[gelu]
    return found


def ops(threads, rounds):
    """each op of the reference step, forward and backward, 32 images, on one thread, beside PyTorch's"""
    config = config_of(batch=32)
    names = ("patch_embed", "layernorm", "qkv", "attention", "proj", "fc1", "gelu_tanh", "gelu_exact", "fc2", "cross_entropy")
    found = {}
    for name in names:
        result = side_by_side(["minivit", "PyTorch"], config | {"task": f"op:{name}"}, 1, rounds, steps=20)
        if len(result) == 2:
            middle, low, high = ratios(result)["PyTorch"]
            ours, theirs = (1000 * result[peer]["seconds"] for peer in ("minivit", "PyTorch"))
            print(
                f"  {name:14} {ours:7.3f} ms, PyTorch {theirs:7.3f} ms   ratio {middle:5.2f} ({low:.2f} to {high:.2f})",
                flush=True,
            )
            found[name] = {"minivit_ms": round(ours, 4), "pytorch_ms": round(theirs, 4), "ratio": round(middle, 3)}
    return found


def inference(threads, rounds):
    """B/16 at 224 x 224, forward alone, at batch 1 and 8"""
    found = {}
    for batch in (1, 8):
        result = side_by_side(
            ["minivit", "PyTorch"], config_of(**B16, batch=batch, gelu="exact", task="infer"), threads, rounds, 1
        )
        print(f" batch {batch}")
        found[str(batch)] = _table(result)
        for peer, figures in found[str(batch)].items():
            figures["images_per_second"] = round(1000 * batch / figures["ms"], 2)
            print(f"  {peer:14} {figures['images_per_second']:8.2f} images/s")
    return found


def growth(threads, rounds):
    """training as tokens T and width D grow: time, peak memory, and the exponents p of T^p between the last two"""
    found = {}
    runs = {
        "T": [{"image": 4 * side, "batch": 8} for side in (4, 8, 16, 32)],
        "D": [{"dim": d, "mlp_dim": 4 * d, "batch": 32} for d in (32, 64, 128, 256)],
    }
    for what, changes in runs.items():
        found[what] = []
        for change in changes:
            config = config_of(**change)
            result = side_by_side(["minivit", "PyTorch"], config, threads, rounds=max(3, rounds // 2), steps=1)
            size = config["tokens"] if what == "T" else config["dim"]
            row = {"size": size} | {
                p: {"ms": round(1000 * f["seconds"], 2), "mb": round(f["memory"] / 1e6, 1)} for p, f in result.items()
            }
            found[what].append(row)
            print(
                f"  {what} {size:5}   "
                + "   ".join(f"{p} {f['ms']:8.1f} ms {f['mb']:7.0f} MB" for p, f in row.items() if p != "size"),
                flush=True,
            )
        before, last = found[what][-2:]
        larger = math.log(last["size"] / before["size"])
        for peer in [name for name in last if name != "size"]:
            exponents = {f: math.log(last[peer][f] / before[peer][f]) / larger for f in ("ms", "mb")}
            last[peer]["exponents"] = {f: round(p, 2) for f, p in exponents.items()}
            print(f"  {peer}: at the end time ~ {what}^{exponents['ms']:.2f}, memory ~ {what}^{exponents['mb']:.2f}")
    return found


def attention_memory(threads, rounds):
    """peak memory of attention, forward and backward, beyond q, k, v, the output and their gradients, as T doubles"""
    import tracemalloc

    from minivit import ops

    found, before = {}, None
    for tokens in (256, 512, 1024):
        q, k, v, dy = np.random.default_rng(0).standard_normal((4, 1, 4, tokens, 16), dtype=np.float32)
        tracemalloc.start()
        y, backward = ops.attention.forward(q, k, v)
        gradients = backward(dy)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        extra = peak - 4 * y.nbytes  # y, dq, dk, dv
        growth = f"   {extra / before:.2f} times" if before else ""
        print(f"  T {tokens:5}   {extra / 1e6:6.2f} MB; all of q k^T would be {4 * tokens * tokens * 4 / 1e6:6.2f} MB{growth}")
        found[str(tokens)], before = extra, extra
        del gradients
    return found


def roofline(threads, rounds):
    """the step's own matrix products, run alone, over the step's time"""
    worker = Worker("minivit", config_of(), threads)
    alone = Worker("products", config_of(), threads)
    shares, products = [], []
    for _ in range(rounds):
        whole, bare = statistics.median(worker.ask("run 3")), statistics.median(alone.ask("run 3"))
        shares.append(bare / whole)
        products.append(bare)
    worker.close()
    alone.close()
    share = statistics.median(shares)
    flops = 2 * product_multiply_adds(config_of())
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


def start(threads, rounds):
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
        for _ in range(max(3, rounds // 2)):
            began = time.perf_counter()
            code = subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
            seconds.append(time.perf_counter() - began)
        if code:
            print(f"  left out: {name}: not installed")
            continue
        found[name] = round(statistics.median(seconds), 3)
        print(f"  {name:16} {found[name]:.2f} s")
    return found


def digits(threads, rounds):
    """the default training on digits: seconds until the test accuracy has reached 97 %, looked at after every epoch"""
    from minivit.configs import load_config, model_config, recipe
    from minivit.data import load
    from minivit.train import accuracy, predict, train
    from minivit.vit import ViT

    settings = load_config("digits")
    dataset = load(settings["data"])
    rules = recipe(settings["recipe"])
    model = ViT(model_config(settings["model"], dataset), np.random.default_rng(rules.seed))
    test = dataset.normalise(dataset.test_images)
    spent, reached, began = 0.0, None, time.perf_counter()
    for progress in train(model, dataset, rules, threads):
        if progress.complete:
            spent += time.perf_counter() - began
            result = accuracy(predict(model, test, threads=threads), dataset.test_labels)
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
