"""python -m lessons: the command line of the course."""

import argparse
import os
import sys
import traceback

from . import course
from .commands import start as commands

OK, WRONG, USAGE, NOT_STARTED, COURSE_ERROR = range(5)
EPILOG = "exit codes: 0 right, 1 wrong, 2 bad usage, 3 not started, 4 an error of the course itself"


class _Parser(argparse.ArgumentParser):
    """One line for a mistake, and no usage in front of it."""

    def error(self, message):
        self.exit(USAGE, f"lessons: {message}; see {self.prog} --help\n")


def parser():
    top = _Parser(
        prog="python -m lessons",
        description="A course in which you write a Vision Transformer yourself, gradient by gradient. "
        "Without a command: where you are, and what to do next.",
        epilog=EPILOG,
    )
    sub = top.add_subparsers(title="commands", metavar="COMMAND")

    def command(name, run, help, lesson="one"):
        p = sub.add_parser(name, help=help, description=run.__doc__ and run.__doc__.strip(), epilog=EPILOG)
        p.set_defaults(run=run)
        if lesson:
            p.add_argument("lesson", nargs="?", help="its number or name: 05, gelu; default: the one you are at")
        return p

    command("list", _list, "every lesson, and how far you are", lesson=None)
    command("start", _start, "write your file for a lesson, in work/")
    p = command("check", _check, "is it right? and if not, what is wrong")
    p.add_argument("--plot", action="store_true", help="draw yours, the right values and the difference")
    command("watch", _watch, "check at every save")
    command("hint", _hint, "the next of three hints for the task that is open")
    command("quiz", _quiz, "a few questions")
    p = command("demo", _demo, "a figure or animation to play with")
    p.add_argument("--save", metavar="FILE", help="write a picture (PNG) or an animation (GIF) and open no window")
    p.add_argument("--big", action="store_true", help="large letters, for a projector")
    p.add_argument("--quick", action="store_true", help="fewer frames")
    p = command("solution", _solution, "the course's own answer")
    p.add_argument("--yes", action="store_true", help="before the lesson is passed too")
    p.add_argument("--write", action="store_true", help="write it as your file, to run it; yours is kept as a backup")
    command("reset", _reset, "begin a lesson again; yours is kept as a backup")
    command("skip", _skip, "go on without a lesson")
    command("progress", _progress, "how far you are", lesson=None)
    p = command("notebook", _notebook, "the lesson as a notebook for Jupyter or Colab")
    p.add_argument("--out", metavar="FILE", help="default: work/NAME.ipynb")
    p = command("train", _train, "train the library's ViT with your own functions in it", lesson=None)
    p.add_argument("--mine", action="store_true", help="with every function of yours that passes; without it, the library's")
    p.add_argument("--epochs", type=int, metavar="N", help="default: the preset's")
    p.add_argument("--out", metavar="FOLDER", default="runs/mine", help="where the results go; default: runs/mine")
    p = command("export", _export, "your ViT as a package of its own, with NumPy alone", lesson=None)
    p.add_argument("folder", help="a folder that is not there yet, or is empty")
    p = command("grade", _grade, "check a class: one folder a student", lesson=None)
    p.add_argument("folder", help="holds one folder a student, or the files of one")
    p.add_argument("--lessons", metavar="LIST", help="such as 04,05; default: every lesson that anyone has a file of")
    p.add_argument("--csv", metavar="FILE", help="the table, one row a student")
    p.add_argument("--gradescope", metavar="FILE", help="results.json for one student, as Gradescope wants it")
    p = command("verify", _verify, "prove the course: for authors", lesson="one")
    p.add_argument("--seeds", type=int, default=20, metavar="N", help="for the correct answers; default: 20")
    p.add_argument("--write", action="store_true", help="make expected.png and the pages anew")
    command("doctor", _doctor, "is this machine ready?", lesson=None)
    top.set_defaults(commands=sorted(sub.choices))
    return top


def main(argv=None):
    """Runs one command; returns the exit code."""
    arguments = parser().parse_args(argv)
    try:
        if not hasattr(arguments, "run"):
            commands.home()
            return OK
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code or OK
    except BrokenPipeError:  # the reader has seen enough: python -m lessons list | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, OSError) as error:
        commands.print_error(error)
        return USAGE
    except KeyboardInterrupt:
        print()
        return 130
    except Exception:
        traceback.print_exc()
        commands.print_error("this is an error of the course itself and not yours: please report it")
        return COURSE_ERROR


def _lesson(arguments):
    """The lesson named, else the one that the learner is at."""
    if arguments.lesson is not None:
        return course.find(arguments.lesson)
    return course.current() or course.lessons()[-1]


def _list(arguments):
    """Every lesson, with its minutes and how far you are."""
    commands.list_lessons()


def _start(arguments):
    """Writes your file for a lesson into work/. A file that is there already stays as it is."""
    commands.start(_lesson(arguments))


def _check(arguments):
    """Checks your file and stops at the first thing that is wrong."""
    from .commands.check import check

    return check(_lesson(arguments), arguments.plot)


def _watch(arguments):
    """Checks your file at every save. Keys: h hint, l list, c check, q quit."""
    from .commands.check import watch

    return watch(_lesson(arguments))


def _hint(arguments):
    """Shows the next of three hints: a nudge, the idea, the plan."""
    commands.hint(_lesson(arguments))


def _quiz(arguments):
    """A few questions on the lesson; type the letter of the answer, q to stop."""
    commands.quiz(_lesson(arguments))


def _demo(arguments):
    """Opens the lesson's demo; the keys are written in it."""
    from .commands.demo import run

    run(_lesson(arguments), arguments.save, arguments.big, arguments.quick)


def _solution(arguments):
    """Shows the course's own answer, or writes it as your file."""
    commands.solution(_lesson(arguments), arguments.yes, arguments.write)


def _reset(arguments):
    """Writes the lesson's file anew. Yours is kept beside it as a backup."""
    commands.reset(_lesson(arguments))


def _skip(arguments):
    """Goes on without this lesson. You can come back at any time."""
    commands.skip(_lesson(arguments))


def _progress(arguments):
    """How far you are, and which parts of the Vision Transformer are yours. After lesson 16, a page to keep as well."""
    commands.show_progress()


def _notebook(arguments):
    """Writes the lesson as a notebook that checks with the same checker."""
    commands.notebook(_lesson(arguments), arguments.out)


def _train(arguments):
    """Trains the library's Vision Transformer on digits; --mine puts every function of yours that passes in its place."""
    from .commands.train import train

    return train(arguments.mine, arguments.epochs, arguments.out)


def _export(arguments):
    """Writes your Vision Transformer, from the engine to the training loop, as one package that trains without this course. What
    you have not passed is the course's own code, and it says so."""
    from .commands.export import export

    export(arguments.folder)


def _grade(arguments):
    """Checks the files of a class, each in a process of its own, in a temporary copy, with a time limit and, where the system
    offers one, a memory limit. These guard against accidents, not against malice: grade strangers' code in a container."""
    from .commands.grade import grade

    return grade(arguments.folder, arguments.lessons, arguments.csv, arguments.gradescope)


def _verify(arguments):
    """Proves that every solution passes, every listed mistake is found and named, and every picture, page and notebook is as
    it should be."""
    from .commands.verify import verify

    lessons = [course.find(arguments.lesson)] if arguments.lesson else course.lessons()
    return verify(lessons, arguments.seeds, arguments.commands, arguments.write)


def _doctor(arguments):
    """Looks at Python, NumPy, matplotlib, the terminal, the folder for your files, and the GPU, if any."""
    from .commands.doctor import doctor

    return doctor()
