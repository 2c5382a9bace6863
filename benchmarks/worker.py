"""One peer in a process of its own, so that neither its threads nor its memory touch another's.

    python -m benchmarks.worker PEER CONFIG_AS_JSON THREADS

Answers each line of its input with a line of JSON: "run N" does N steps and gives their seconds, "memory" the peak in bytes:
devices.py says of what. The first line it prints says that it is ready, or why not.
"""

import json
import sys

from . import products, single_ops
from .devices import GPUS, Processor
from .peers import PACKAGES, PEERS


def main(peer, config, threads):
    config, answers = json.loads(config), sys.stdout
    sys.stdout = sys.stderr  # what a peer prints must not stand among the answers

    def answer(value):
        print(json.dumps(value), file=answers, flush=True)

    try:
        __import__(PACKAGES.get(peer, "minivit"))
        device = GPUS[peer]() if config["device"] == "gpu" else Processor()
        if config["task"].startswith("op:"):
            make = single_ops.minivit if peer == "minivit" else single_ops.torch
            step = make(config["task"].removeprefix("op:"), config)
        else:
            step = (PEERS | {"products": products.step})[peer](config, int(threads))
        for _ in range(device.warm_up):
            step()
    except Exception as error:
        first_line = (str(error).splitlines() or [""])[0]
        return answer({"failed": f"{type(error).__name__}: {first_line[:200]}"})
    answer({"ready": peer})
    for line in sys.stdin:
        command, _, count = line.strip().partition(" ")
        if command == "run":
            answer(device.seconds(step, int(count)))
        elif command == "memory":
            answer(device.peak(step))


if __name__ == "__main__":
    main(*sys.argv[1:])
