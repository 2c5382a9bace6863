"""python -m lessons.miniatures [NAME ...]: runs what is missing, draws NAME.png and prints the table."""

import argparse
import sys

from tqdm import tqdm

from minivit.program.parser import Parser
from minivit.training.files import replacing

from .runs import FOLDER, Results
from .studies import BETTER, STUDIES

ALL = STUDIES | BETTER


def study(name, folder=FOLDER, limit=None):
    """Runs the trainings of one miniature that its file does not hold yet, at most `limit`; draws the figure when all are there.
    Returns the table, or None when something is missing; one that need not be `whole` shows what there is and what is missing.
    Raises ValueError for an unknown name."""
    if name not in ALL:
        raise ValueError(f"there is no miniature {name!r}; there are {', '.join(ALL)}")
    chosen, results = ALL[name], Results(name, folder)
    missing = [job for job in chosen.jobs() if results.find(*job) is None]
    for job in tqdm(missing[:limit], desc=name, leave=False, disable=None):
        chosen.answer(results, *job)
    if limit is not None and len(missing) > limit and chosen.whole:
        return None
    figure = chosen.figure(results)
    if figure:
        with replacing(results.path.with_suffix(".png")) as temporary:
            figure.savefig(temporary, dpi=100)
    return chosen.table(results)


def main(argv=None):
    parser = Parser(
        prog="python -m lessons.miniatures",
        description="Questions about ViTs, answered in miniature. What was run before is kept in NAME.json, run by run.",
        epilog="\n".join(f"{s.name}\n    {s.question}\n    ({s.paper})" for s in ALL.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)}; default: the first five, of which all was run"
    )
    parser.add_argument("--kept", action="store_true", help="run nothing: show what is kept")
    arguments = parser.parse_args(argv)
    try:
        for name in arguments.names or STUDIES:
            found = study(name, limit=0 if arguments.kept else None)
            print(f"{ALL[name].question}\n{found or 'not all of it was run'}\n", flush=True)
    except ValueError as error:
        print(f"lessons.miniatures: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
