"""minivit, or python -m minivit: train | evaluate | predict | explain | compare | data | info"""

import sys
import traceback

from .. import __version__
from ..called import called
from . import output, together
from .commands import COMMANDS
from .parser import Parser


def main(argv=None):
    """Runs one command; returns the exit code: 0, 2 for a mistake of the user's (a sentence says which), 130 for Ctrl-C. Of
    several processes that mpiexec started, all do the work of a command that shares it, process 0 that of the others."""
    output.prepare()
    try:
        processes = together.processes()
    except ValueError as error:
        return _ended(2, output.line(error) if together.started()[1] == 0 else None)
    if processes.rank:
        together.silence()
    try:
        code, sentence = _answer(sys.argv[1:] if argv is None else argv, processes)
    except Exception as error:
        if processes.size == 1:
            raise
        code, sentence = 1, "".join(traceback.format_exception(error))
    if processes.size == 1:
        return _ended(code, sentence)
    _ended(code, together.last_words(processes, code, sentence))
    return together.end(processes, code)


def _answer(arguments, processes):
    """(the exit code of a command, the sentence that says why it ended or None)."""
    try:
        if arguments:
            parsed = parser().parse_args(arguments)
            parsed.processes = processes
            if parsed.shared or processes.rank == 0:
                parsed.command(parsed)
        else:
            parser().print_help()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: python -m minivit info | head -1
        output.forget(sys.stdout)
        return 141, None
    except (ValueError, OSError) as error:
        return 2, output.line(error)
    except MemoryError as error:
        return 2, f"not enough memory: {output.line(error)}"
    except KeyboardInterrupt:
        return 130, "stopped"
    return 0, None


def _ended(code, sentence):
    """Says why a command ended; gives back the code."""
    if sentence:
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
