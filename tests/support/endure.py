"""`python -m tests.support.endure FOLDER`: reads every file in it as weights, in a process that may take 500 MB more than it has,
and prints a line of JSON for each: its name, the seconds, what was said, and what was run or opened that is not the file."""

import json
import os
import sys
import time
from pathlib import Path

MEGABYTES = 500
HARMLESS = ("compile", "mmap.__new__", "os.listdir", "os.scandir", "object.__getattr__", "time.sleep", "gc.", "code.__new__")


def main(folder):
    from minivit.data.formats.weights import read_weights

    files = sorted(Path(folder).iterdir())
    for file in files[:1] * 2:
        outcome(read_weights, file, [])  # imports what is imported late
    events = []
    sys.addaudithook(lambda name, arguments: events.append((name, arguments[:1])))
    limit(MEGABYTES)
    for file in files:
        events.clear()
        started = time.perf_counter()
        said = outcome(read_weights, file, events)
        seconds = time.perf_counter() - started
        done = [
            name for name, first in events if not (name.startswith(HARMLESS) or (name == "open" and str(first[0]) == str(file)))
        ]
        print(json.dumps({"name": file.name, "seconds": seconds, "said": said, "done": done}), flush=True)


def outcome(read, file, events):
    try:
        tree, _ = read(file)
        walk(tree)
        return None
    except ValueError as error:
        return str(error)


def walk(tree):
    """Looks at every number that was read."""
    for value in tree.values():
        if isinstance(value, dict):
            walk(value)
        elif hasattr(value, "dtype"):
            value.copy().sum() if value.dtype.kind in "biufc" else str(value)


def limit(megabytes):
    import resource

    now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + (megabytes << 20),) * 2)


if __name__ == "__main__":
    main(sys.argv[1])
