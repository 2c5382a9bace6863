"""python -m lessons.miniatures [NAME ...]: runs what is missing, draws NAME.png and prints the table."""

import sys

from tqdm import tqdm

from minivit.program.parser import Parser
from minivit.training.files import replacing

from . import charts
from .runs import FOLDER, Results
from .studies import STUDIES


def study(name, folder=FOLDER, limit=None):
    """Runs the trainings of one miniature that its file does not hold yet, at most `limit`; draws the figure when all are there.
    Returns the table, or None when something is missing. Raises ValueError for an unknown name."""
    if name not in STUDIES:
        raise ValueError(f"there is no miniature {name!r}; there are {', '.join(STUDIES)}")
    chosen, results = STUDIES[name], Results(name, folder)
    missing = [job for job in chosen.jobs() if results.find(*job) is None]
    for job in tqdm(missing[:limit], desc=name, leave=False, disable=None):
        results.add(*job, chosen.run(*job))
    if limit is not None and len(missing) > limit:
        return None
    with replacing(results.path.with_suffix(".png")) as temporary:
        charts.figure(chosen, results).savefig(temporary, dpi=100)
    return charts.table(chosen, results)


def main(argv=None):
    parser = Parser(
        prog="python -m lessons.miniatures",
        description="The paper's questions, answered again in miniature. What was run before is kept in NAME.json.",
        epilog="  ".join(f"{s.name}: {s.question} ({s.paper})" for s in STUDIES.values()),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(STUDIES)}; default: all")
    arguments = parser.parse_args(argv)
    try:
        for name in arguments.names or STUDIES:
            print(f"{STUDIES[name].question if name in STUDIES else ''}\n{study(name)}\n", flush=True)
    except ValueError as error:
        print(f"lessons.miniatures: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
