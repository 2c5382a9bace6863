"""Whole steps of training, and inference, beside the peers'."""

import math

from ..devices import GPUS
from ..measure import ratios, side_by_side
from ..peers import IN_PIECES, NO_EXACT_GELU, OF_THE_STEP, OWN_LOOP, PYTORCH_NHWC

B16 = {"image": 224, "patch": 16, "channels": 3, "classes": 1000, "dim": 768, "depth": 12, "heads": 12, "mlp_dim": 3072}
HYBRID = {"stem": "conv", "dim": 48, "depth": 2, "mlp_dim": 96}  # the preset fashion-mini-conv


def _rows(result):
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


def step(setup):
    """the reference training step: forward, backward, AdamW; both forms of GELU; and the peak of memory"""
    found = {}
    for gelu in ("tanh", "exact"):
        print(f" GELU {gelu}")
        there = [peer for peer in OF_THE_STEP if setup.device == "cpu" or peer in GPUS]
        peers = [peer for peer in there if gelu == "tanh" or peer not in NO_EXACT_GELU]
        config = setup.config(gelu=gelu)
        fast = side_by_side([p for p in peers if p not in NO_EXACT_GELU], config, setup.threads, setup.rounds)
        found[gelu] = _rows(fast)
        slow = [p for p in peers if p in NO_EXACT_GELU]
        if slow:  # a second or more a step: fewer of them, beside minivit again, whose row above stays
            beside = side_by_side(["minivit", *slow], config, setup.threads, min(3, setup.rounds), steps=1)
            found[gelu] = _rows(beside) | found[gelu]
    return found


def hybrid(setup):
    """a training step of the preset fashion-mini-conv: convolutions in front of a smaller ViT"""
    peers = ["minivit", "PyTorch", PYTORCH_NHWC, "torch.compile", "JAX"]
    return _rows(side_by_side(peers, setup.config(**HYBRID, gelu="exact"), setup.threads, setup.rounds))


def small(setup):
    """training steps of batch 8: of few tokens, where a library's own time a call counts, and of more"""
    found = {}
    for image in (16, 32, 64):
        config = setup.config(image=image, batch=8)
        print(f" {config['tokens']} tokens")
        found[str(config["tokens"])] = _rows(side_by_side(["minivit", "PyTorch"], config, setup.threads, setup.rounds, steps=5))
    return found


def bare(setup):
    """the reference step in a loop of one's own, backward() and step(), or with gradients_of, beside the trainer's"""
    return _rows(side_by_side(["minivit", IN_PIECES, OWN_LOOP, "PyTorch"], setup.config(), setup.threads, setup.rounds))


def inference(setup):
    """B/16 at 224 x 224, forward alone, at batch 1 and 8"""
    found = {}
    for batch in (1, 8):
        config = setup.config(**B16, batch=batch, gelu="exact", task="infer")
        result = side_by_side(["minivit", "PyTorch"], config, setup.threads, setup.rounds, steps=1)
        print(f" batch {batch}")
        found[str(batch)] = _rows(result)
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
            result = side_by_side(["minivit", "PyTorch"], config, setup.threads, setup.few_rounds, steps=1)
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
