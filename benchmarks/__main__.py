"""How fast minivit is, beside PyTorch and others: python -m benchmarks

Prints tables, and writes benchmarks/results/speed.json and speed.png. Every peer runs in a process of its own with the same
number of threads, and they take turns. A ratio is the peer's time over minivit's, round by round: above 1, minivit is faster;
in brackets the smallest and the largest of the rounds. Close other programs first.
"""

import argparse
import json
import os
import platform
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from minivit.files import replacing
from minivit.parallel import cores

from . import chart, sections

RESULTS = Path(__file__).parent / "results"


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(sections.SECTIONS)}; default: all")
    parser.add_argument("--threads", type=int, default=cores(), metavar="N", help="for every peer; default: one a core")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="how often each peer takes its turn; default: 9")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.sections if name not in sections.SECTIONS]
    if unknown:
        parser.error(f"there is no section {unknown[0]!r}; there are {', '.join(sections.SECTIONS)}")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "speed.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    versions = {name: version(name) for name in ("numpy", "torch") if find_spec(name)}
    found["machine"] = {"cores": os.cpu_count(), "threads": arguments.threads, "python": platform.python_version(), **versions}
    for name in arguments.sections or sections.SECTIONS:
        print(f"\n== {name}: {sections.SECTIONS[name].__doc__.splitlines()[0]}", flush=True)
        found[name] = sections.SECTIONS[name](arguments.threads, arguments.rounds)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n")
    chart.draw(found, RESULTS / "speed.png")
    print(f"\nwritten to {path} and {path.with_suffix('.png')}")


if __name__ == "__main__":
    main()
