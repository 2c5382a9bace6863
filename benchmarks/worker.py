"""One peer in a process of its own, so that neither its threads nor its memory touch another's.

    python -m benchmarks.worker PEER CONFIG_AS_JSON THREADS

Answers each line of its input with a line of JSON: "run N" does N steps and gives their seconds, "memory" the peak of the
process in bytes above what its imports took. The first line it prints says that it is ready, or why not.
"""

import json
import sys
import time

from . import single_ops
from .peers import PACKAGES, PEERS


def _status(field):
    """A field of Linux's /proc/self/status in bytes, or None elsewhere."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(field)), None)
    except OSError:
        return None


def memory_now():
    """Resident bytes; and the peak starts anew from here. Where the system cannot tell, the peak so far."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        pass
    return _status("VmRSS") or memory_peak()


def memory_peak():
    """The largest resident memory, in bytes; 0 on Windows."""
    if sys.platform == "win32":
        return 0
    import resource

    factor = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor


def main(peer, config, threads):
    config, answers = json.loads(config), sys.stdout
    sys.stdout = sys.stderr  # what a peer prints must not stand among the answers

    def answer(value):
        print(json.dumps(value), file=answers, flush=True)

    try:
        __import__(PACKAGES.get(peer, "minivit"))
        before = memory_now()
        if config["task"].startswith("op:"):
            make = single_ops.minivit if peer == "minivit" else single_ops.torch
            step = make(config["task"].removeprefix("op:"), config)
        else:
            step = (PEERS | {"products": single_ops.products})[peer](config, int(threads))
        step()
    except Exception as error:
        first_line = (str(error).splitlines() or [""])[0]
        return answer({"failed": f"{type(error).__name__}: {first_line[:200]}"})
    answer({"ready": peer})
    for line in sys.stdin:
        command, _, count = line.strip().partition(" ")
        if command == "run":
            seconds = []
            for _ in range(int(count)):
                started = time.perf_counter()
                step()
                seconds.append(time.perf_counter() - started)
            answer(seconds)
        elif command == "memory":
            answer(memory_peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
