"""minivit, or python -m minivit: train | evaluate | predict | explain | compare | data | info"""

import sys

from .. import __version__
from ..called import called
from . import output
from .commands import COMMANDS
from .parser import Parser


def main(argv=None):
    """Runs one command; returns the exit code: 0, 2 for a mistake of the user's (a sentence says which), 130 for Ctrl-C."""
    output.prepare()
    try:
        arguments = sys.argv[1:] if argv is None else argv
        if arguments:
            parsed = parser().parse_args(arguments)
            parsed.command(parsed)
        else:
            parser().print_help()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: python -m minivit info | head -1
        output.forget(sys.stdout)
        return 141
    except (ValueError, OSError) as error:
        return _ended(2, output.line(error))
    except MemoryError as error:
        return _ended(2, f"not enough memory: {output.line(error)}")
    except KeyboardInterrupt:
        return _ended(130, "stopped")
    return 0


def _ended(code, sentence):
    """Says why a command ended; gives back the code."""
    with output.unbreakable():
        print(f"minivit: {sentence}", file=sys.stderr)
    return code


def parser():
    """The parser of the whole command line."""
    program = called("minivit")
    top = Parser(
        prog=program,
        description="A Vision Transformer written by hand: train it, test it, try it on a picture, look inside.",
        epilog=f"Start with: {program} train. Each command explains itself: {program} train --help",
    )
    top.add_argument("--version", action="version", version=f"minivit {__version__}")
    commands = top.add_commands(title="commands")
    for command in COMMANDS:
        command.add(commands)
    return top
