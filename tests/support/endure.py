"""`python -m tests.support.endure FOLDER`: reads every file in it as weights, in a process that may take 500 MB more than it has,
and prints a line of JSON for each: its name, the seconds of the processor, what was said, and what was done but reading it."""

import json
import mmap  # noqa: F401
import os
import pickletools  # noqa: F401
import sys
import time
import tokenize  # noqa: F401
import unicodedata  # noqa: F401
from pathlib import Path

from minivit.data.formats.weights import read_weights

MEGABYTES = 500
HARMLESS = ("compile", "mmap.__new__", "os.listdir", "os.scandir")  # of Python's audit events


def main(folder):
    files, events = sorted(Path(folder).iterdir()), []
    sys.addaudithook(lambda name, arguments: events.append((name, str(arguments[:1]))))
    b"a".decode("cp437")  # names in zip archives
    limit(MEGABYTES)
    for file in files:
        events.clear()
        started = time.process_time()
        said = outcome(file)
        seconds, seen = time.process_time() - started, list(events)
        done = [event for event in seen if event[0] not in HARMLESS and not (event[0] == "open" and file.name in event[1])]
        print(json.dumps({"name": file.name, "seconds": seconds, "said": said, "done": done}), flush=True)


def outcome(file):
    """What read_weights says against the file; None if it reads it."""
    try:
        walk(read_weights(file)[0])
    except ValueError as error:
        return str(error)


def walk(tree):
    """Looks at every number that was read."""
    for value in tree.values():
        if isinstance(value, dict):
            walk(value)
        elif hasattr(value, "dtype"):
            value.copy()


def limit(megabytes):
    import resource

    now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + (megabytes << 20),) * 2)


if __name__ == "__main__":
    main(sys.argv[1])
