"""The command train --mine: the library's training, with every function of the learner's that passes in its place."""

import functools
import statistics
import time
from pathlib import Path

import numpy as np

from .. import course
from ..checker import loading, sandbox, sentences
from ..checker.calling import cast
from ..checker.steps import forward_and_backward
from ..screen import say, shown, table

HELP = "train the library's ViT with your own functions in it"
SLOWER = 1.5  # times the library's: from here on it is said


def arguments(parser):
    parser.add_argument("--mine", action="store_true", help="with every function of yours that passes; without it, the library's")
    parser.add_argument("--epochs", type=int, metavar="N", help="default: the preset's")
    parser.add_argument("--out", metavar="FOLDER", default="runs/mine", help="where the results go; default: runs/mine")


def run(mine, epochs, out):
    """Trains the library's Vision Transformer on digits; --mine puts every function of yours that passes in its place."""
    from minivit import ops
    from minivit.data import load
    from minivit.program.run import train_run
    from minivit.training.presets import load_config, model_config, recipe

    functions, namespaces = _passing() if mine else ({}, [])
    if mine:
        _tell(functions)
    config = load_config("digits")
    dataset = load(config["data"])
    settings = config["recipe"] | ({} if epochs is None else {"epochs": epochs})
    try:
        with ops.use(**{name: function for name, (function, _) in functions.items()}):
            train_run(dataset, model_config(config["model"], dataset), recipe(settings), Path(out))
    except Exception as error:
        theirs = next((names for names in namespaces if sentences.frames_of(error, names)), None)
        if theirs is None:
            raise
        sentence, line, _ = sentences.of_error(error, theirs)
        raise ValueError(f"{shown(theirs['__file__'])}:{line}: {sentence}") from None
    if mine:
        print()
        say(f"{len(functions)} of {len(ops.swappable)} parts of this ViT were your own code.", "title")
    return 0


def _passing():
    """({op: (function, arguments for timing)}, the namespaces they come from), each checked a moment ago."""
    from minivit import ops

    functions, namespaces = {}, []
    for lesson in course.lessons():
        exercises = [exercise for exercise in lesson.exercises if exercise.library in ops.swappable]
        if not exercises or lesson.learner_file is None:
            continue
        results = sandbox.check_file(lesson, lesson.learner_file).get("results", [])
        passed = {result["task"] for result in results if result["status"] == "passed"}
        good = [e for e in exercises if all(task.key in passed for task in lesson.tasks if task.exercise is e)]
        if good:
            names = loading.load(lesson.learner_file, loading.read(lesson.learner_file))
            namespaces.append(names)
            functions |= {e.library: (_with_tuples(names[e.name]), e.large) for e in good}
    return functions, namespaces


def _with_tuples(function):
    """The op with tuples where it gives lists: to the checker both are several results, to the library a list is one."""

    def no_list(value):
        return tuple(value) if isinstance(value, list) else value

    @functools.wraps(function)
    def op(*arguments, **options):
        y, backward = function(*arguments, **options)
        return no_list(y), lambda *dy: no_list(backward(*dy))

    return op


def _tell(functions):
    """Which parts are the learner's, and which of them are slow."""
    from minivit import ops

    taught = {e.library: lesson for lesson in reversed(course.lessons()) for e in lesson.exercises if e.library}  # first there
    rows = []
    for name in ops.swappable:
        if name not in functions:
            lesson = taught.get(name)
            rows.append((name, "the library's", f"lesson {lesson.number}: {lesson.title}" if lesson else ""))
            continue
        function, large = functions[name]
        rows.append((name, "yours", _speed(function, ops.registry[name].forward, large) if large else ""))
    say(f"The parts of this Vision Transformer: {len(functions)} of {len(ops.swappable)} are yours.", "title")
    table(rows)
    print()


def _speed(theirs, library, large):
    """How much slower than the library's, forward and backward, in the median of a few runs."""
    given = cast(large(np.random.default_rng(0)), np.float32)

    def seconds(function):
        taken = []
        for _ in range(5):
            started = time.perf_counter()
            forward_and_backward(function, given)
            taken.append(time.perf_counter() - started)
        return statistics.median(taken)

    ratio = seconds(theirs) / seconds(library)
    if ratio > SLOWER:
        return f"{ratio:.1f} times slower than the library's"
    if ratio < 1 / SLOWER:
        return f"{1 / ratio:.1f} times faster than the library's"
    return "as fast as the library's"
