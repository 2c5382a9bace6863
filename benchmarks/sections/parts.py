"""The parts of a step: its ops one by one, attention by itself, its matrix products."""

import functools
import statistics

import numpy as np

from minivit.backend import to_device
from minivit.training.parallel import piece_size

from .. import single_ops
from ..devices import CuPyGPU
from ..measure import Worker, ratios, side_by_side, taking_turns
from ..products import multiply_adds

MOST_WITH_BIAS = 1.15  # times the time without
LONGEST_NAME = max(map(len, single_ops.CASES))


def ops(setup):
    """each op of the reference step, and some of other models', forward and backward, 32 images; a CPU's on one thread"""
    config = setup.config(batch=32)
    found = {}
    for name in single_ops.STEP | single_ops.BEYOND:
        result = side_by_side(["minivit", "PyTorch"], config | {"task": f"op:{name}"}, 1, setup.rounds, steps=20)
        if len(result) == 2:
            middle, low, high = ratios(result)["PyTorch"]
            ours, theirs = (1000 * result[peer]["seconds"] for peer in ("minivit", "PyTorch"))
            print(
                f"  {name:{LONGEST_NAME}} {ours:7.3f} ms, PyTorch {theirs:7.3f} ms   "
                f"ratio {middle:5.2f} ({low:.2f} to {high:.2f})",
                flush=True,
            )
            found[name] = {"minivit_ms": round(ours, 4), "pytorch_ms": round(theirs, 4), "ratio": round(middle, 3)}
    return found


def attention(setup):
    """its peak memory as T doubles, and its time with a bias over that without, gradients included"""
    return {"bytes": attention_memory(setup), "bias": bias_over_none(setup)}


def attention_memory(setup):
    """{T: bytes}, the peak of attention, forward and backward, beyond q, k, v, the output and their gradients, as T doubles"""
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


def bias_over_none(setup):
    """[a row for each T and head_dim]: attention of as many images as a piece of the trainer's batch has, 4 heads, one thread."""
    rows = []
    for tokens, width in ((8, 16),) if setup.quick else ((50, 16), (197, 16), (197, 64), (1025, 16)):
        config = setup.config() | {"tokens": tokens, "dim": 4 * width, "heads": 4, "batch": piece_size(128, tokens)}
        workers = [Worker("minivit", config | {"task": f"op:attention, {what}"}, 1) for what in ("no bias", "bias")]
        without, with_bias = taking_turns(workers, setup.rounds, steps=10)
        for worker in workers:
            worker.close()
        ratio = statistics.median(b / a for a, b in zip(without, with_bias, strict=True))
        times = {"ms": 1000 * statistics.median(without), "ms_with_bias": 1000 * statistics.median(with_bias)}
        rows.append({"tokens": tokens, "head_dim": width} | {name: round(ms, 4) for name, ms in times.items()})
        rows[-1]["ratio"] = round(ratio, 3)
        print(
            f"  T {tokens:5}, head_dim {width}   {times['ms']:7.3f} ms, with a bias {times['ms_with_bias']:7.3f} ms   "
            f"ratio {ratio:.2f}, to be at most {MOST_WITH_BIAS}",
            flush=True,
        )
    return rows


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
    flops = 2 * multiply_adds(config)
    seconds = statistics.median(products)
    rate = flops / seconds / 1e9
    print(f"  the products alone take {1000 * seconds:.1f} ms, at {rate:.0f} GFLOP/s: {100 * share:.0f} % of the step's time")
    return {"share": round(share, 3), "products_ms": round(1000 * seconds, 2), "gflops": round(rate, 1)}
