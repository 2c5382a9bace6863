"""minivit-lessons, or python -m lessons: the command line of the course."""

import importlib
import inspect
import os
import sys
import traceback

from minivit import __version__
from minivit.called import called
from minivit.program.parser import Parser

from . import course
from .commands import NAMES, home
from .screen import writable

OK, WRONG, USAGE, NOT_STARTED, COURSE_ERROR = range(5)
EPILOG = "exit codes: 0 right, 1 wrong, 2 bad usage, 3 not started, 4 an error of the course itself"


def parser():
    top = Parser(
        prog=called("lessons"),
        description="A course in which you write a Vision Transformer yourself, gradient by gradient. "
        "Without a command: where you are, and what to do next.",
        epilog=EPILOG,
    )
    top.add_argument("--version", action="version", version=f"minivit {__version__}")
    top.set_defaults(run=home.run)
    sub = top.add_subparsers(title="commands", metavar="COMMAND")
    for name in NAMES:
        command = importlib.import_module(f"{__package__}.commands.{name}")
        p = sub.add_parser(name, help=command.HELP, description=command.run.__doc__, epilog=EPILOG)
        p.set_defaults(run=command.run)
        if "lesson" in inspect.signature(command.run).parameters:
            p.add_argument("lesson", nargs="?", help="its number or name: 05, gelu; default: the one you are at")
        if hasattr(command, "arguments"):
            command.arguments(p)
    return top


def main(argv=None):
    """Runs one command; returns the exit code."""
    arguments = vars(parser().parse_args(argv))
    run = arguments.pop("run")
    try:
        if "lesson" in arguments:
            arguments["lesson"] = _lesson(arguments["lesson"])
        code = run(**arguments)
        sys.stdout.flush()
        return code or OK
    except BrokenPipeError:  # the reader has seen enough: python -m lessons list | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, OSError) as error:
        _print_error(error)
        return USAGE
    except KeyboardInterrupt:
        print()
        return 130
    except Exception:
        traceback.print_exc()
        _print_error("this is an error of the course itself and not yours: please report it")
        return COURSE_ERROR


def _lesson(text):
    """The lesson named, else the one that the learner is at."""
    if text is not None:
        return course.find(text)
    return course.current() or course.lessons()[-1]


def _print_error(error):
    program = called("lessons").removeprefix("python -m ")
    print(writable(f"{program}: {error}"), file=sys.stderr)
