"""How fast minivit is, beside PyTorch and others: python -m benchmarks

Prints tables, and writes benchmarks/results/speed.json, where each processor keeps its own figures, and speed.png, of this one;
on a GPU speed-gpu.json and speed-gpu.png. Every peer runs in a process of its own with the same number of threads, and they
take turns. A ratio is the peer's time over minivit's, round by round: above 1, minivit is faster; in brackets the smallest and
the largest of the rounds. Close other programs first. The section scale draws scale.png; of a network or a speed of your own it
prints what its model says, and writes nothing:

    python -m benchmarks scale --latency 20 --bandwidth 10 --gflops 20000
"""

import argparse
import json
from pathlib import Path

from minivit.backend import gpu_status
from minivit.training.files import replacing
from minivit.training.parallel import cores

from . import TAKEN_OFF, chart, machine, scaling_chart, sections, tables
from .devices import CuPyGPU
from .measure import Setup

RESULTS = Path(__file__).parent / "results"


def main(argv=None):
    parser = _parser()
    arguments = parser.parse_args(argv)
    path = RESULTS / ("speed.json" if arguments.device == "cpu" else "speed-gpu.json")
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if arguments.table:
        print(tables.markdown(results))
        return
    setup = _setup(parser, arguments)
    measured = arguments.sections or _sections_of(setup.device)
    this = machine.about(setup.threads)
    if setup.device == "gpu":
        usable, reason = gpu_status()
        if not usable:
            parser.exit(2, reason + "\n")
        print(reason)
        this |= CuPyGPU().about()
    print(machine.full_name(this))
    for name, value in TAKEN_OFF.items():
        print(f"{name}={value} was set, and is taken off: every library chooses its kernels itself")
    found = results[machine.name_of(this)] = results.get(machine.name_of(this), {}) | {"machine": this}
    written = not (setup.quick or setup.link or setup.gflops)
    for name in measured:
        print(f"\n== {name}: {sections.SECTIONS[name].__doc__.splitlines()[0]}", flush=True)
        found[name] = sections.SECTIONS[name](setup)
        if not written:
            continue
        RESULTS.mkdir(exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if written:
        if set(measured) - {"scale"}:
            chart.draw(found, path.with_suffix(".png"))
        if "scale" in measured:
            scaling_chart.draw(found["scale"], RESULTS / "scale.png")
        print(f"\nwritten to {path}, and the charts beside it; README's tables: python -m benchmarks --table")


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(sections.SECTIONS)}; default: all")
    parser.add_argument("--threads", type=int, default=cores(), metavar="N", help="for every peer; default: one a core")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="how often each peer takes its turn; default: 9")
    parser.add_argument(
        "--device", choices=("cpu", "gpu"), default="cpu", help=f"gpu: {', '.join(sections.ON_A_GPU)}; default: cpu"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes (digits: all), one round, nothing written: does it run?")
    parser.add_argument("--table", action="store_true", help="measure nothing: print README's tables of what was measured")
    parser.add_argument("--latency", type=float, metavar="µs", help="scale: microseconds of a message on your network")
    parser.add_argument("--bandwidth", type=float, metavar="Gbit/s", help="scale: what your network carries")
    parser.add_argument("--gflops", type=float, metavar="X", help="scale: billions of operations a second of each process")
    return parser


def _sections_of(device):
    return sections.SECTIONS if device == "cpu" else sections.ON_A_GPU


def _setup(parser, arguments):
    """The Setup that was asked for; what makes no sense ends the program with a sentence."""
    asked = [value for name in ("latency", "bandwidth", "gflops") if (value := getattr(arguments, name)) is not None]
    if asked and (arguments.sections != ["scale"] or min(asked) <= 0):
        parser.error("--latency, --bandwidth and --gflops are numbers above 0, for the section scale alone")
    if (arguments.latency is None) != (arguments.bandwidth is None):
        parser.error("a network has a --latency and a --bandwidth: give both")
    unknown = [name for name in arguments.sections if name not in sections.SECTIONS]
    if unknown:
        parser.error(f"there is no section {unknown[0]!r}; there are {', '.join(sections.SECTIONS)}")
    there = _sections_of(arguments.device)
    elsewhere = [name for name in arguments.sections if name not in there]
    if elsewhere:
        parser.error(f"{elsewhere[0]} is measured on the CPU; on a GPU there are {', '.join(there)}")
    link = arguments.latency and (1e-6 * arguments.latency, 1e9 / 8 * arguments.bandwidth)
    rounds = 1 if arguments.quick else arguments.rounds
    return Setup(arguments.threads, rounds, arguments.device, arguments.quick, link, arguments.gflops)


if __name__ == "__main__":
    main()
