"""One peer in a process of its own, so that neither its threads nor its memory touch another's.

    python -m benchmarks.worker PEER CONFIG_AS_JSON THREADS

Answers each line of its input with a line of JSON: "run N" does N steps and gives their seconds, "memory" the peak of the
process in bytes above what its imports took. The first line it prints says that it is ready, or why not.
"""

import json
import resource
import sys
import time

from .peers import PACKAGES, PEERS


def peak_bytes():
    """The largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(peer, config, threads):
    config = json.loads(config)
    try:
        __import__(PACKAGES.get(peer, "minivit"))
        before = peak_bytes()
        step = PEERS[peer](config, int(threads))
        step()
    except Exception as error:
        print(
            json.dumps({"failed": f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"}),
            flush=True,
        )
        return
    print(json.dumps({"ready": peer}), flush=True)
    for line in sys.stdin:
        command, _, count = line.strip().partition(" ")
        if command == "run":
            seconds = []
            for _ in range(int(count)):
                started = time.perf_counter()
                step()
                seconds.append(time.perf_counter() - started)
            print(json.dumps(seconds), flush=True)
        elif command == "memory":
            print(json.dumps(peak_bytes() - before), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
