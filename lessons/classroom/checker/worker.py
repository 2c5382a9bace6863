"""Checks one file in a process of its own and leaves the outcome as JSON.

    python -m lessons.classroom.checker.worker NUMBER FILE OUT SECONDS

Everything that a beginner's file may do to the process that runs it, it does to this one.
"""

import ast
import contextlib
import faulthandler
import io
import json
import sys
import time
import traceback
from pathlib import Path

from .loading import Problem, load, read

MEMORY = 4 << 30  # bytes of address space
TOO_SLOW = "your code did not finish within {} seconds: a loop without end, or much too slow?"
SHOWN, TOO_MUCH = 8_000, 1_000_000  # characters of what the learner prints: shown, and no longer bearable


class PrintedTooMuch(Exception):
    """The learner's file prints without end."""

    def __str__(self):
        return "your code printed more than a million characters: is there a print in a loop?"


class Printed(io.TextIOBase):
    """What the learner prints: passed on up to a limit."""

    def __init__(self, stream):
        self.stream, self.count = stream, 0

    def write(self, text):
        shown = text[: max(0, SHOWN - self.count)]
        self.stream.write(shown)
        self.count += len(text)
        if len(shown) < len(text) and self.count - len(text) < SHOWN:
            self.stream.write("\n... (the rest of what your code printed is not shown)\n")
        if self.count > TOO_MUCH:
            raise PrintedTooMuch
        return len(text)

    def flush(self):
        self.stream.flush()


def _defined_twice(text, name):
    """A sentence if the file defines a function twice, as happens when an answer is pasted above the stub; else None."""
    lines = [node.lineno for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name]
    if len(lines) < 2:
        return None
    times = "twice" if len(lines) == 2 else f"{len(lines)} times"
    return f"{name} is defined {times}, in lines {' and '.join(map(str, lines))}: Python takes the last"


def limit_memory():
    """Where the system offers it: a huge allocation is then an error in the learner's line and not the end of the machine."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def too_slow(seconds, line=None, text=""):
    """The problem of a file that did not come to an end. line: where it was, of its text."""
    lines = [TOO_SLOW.format(f"{seconds:g}")]
    if line:
        rows = text.splitlines()
        lines.append(f"it was at line {line}:  {rows[line - 1].strip() if line <= len(rows) else ''}")
    return {"problem": lines, "line": line}


def line_of(error, path):
    """The innermost line of the learner's file on the way to an error, or None."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None


def outcome(number, path, arrays_to=None, seconds=None):
    """{"results": [...]} or {"problem": [...], "line": n} or {"course_error": traceback}.

    seconds   given where whoever calls this interrupts it after so many, as Ctrl-C does
    """
    began = time.monotonic()
    try:
        from ...own import mine
        from .. import course
        from . import checker

        lesson = course.find(number)
        lesson.exercises  # noqa: B018  an error in check.py is the course's
    except Exception:
        return {"course_error": traceback.format_exc()}
    try:
        mine.lesson_checked = lesson
        text = read(path)
        results = checker.check_lesson(lesson, load(path, text))
    except Problem as problem:
        return {"problem": problem.lines, "line": problem.line}
    except PrintedTooMuch as error:
        return {"problem": [str(error)], "line": None}
    except Exception:
        return {"course_error": traceback.format_exc()}
    except BaseException as error:
        if seconds and isinstance(error, KeyboardInterrupt) and time.monotonic() - began >= 0.9 * seconds:
            return too_slow(seconds, line_of(error, path), text)
        return {"problem": [f"your code stops Python with {type(error).__name__}: take that out"], "line": None}
    for result in results:
        twice = _defined_twice(text, result.task.split(".")[0])
        if twice and result.status != "passed":
            result.details.append(twice)
    if arrays_to:
        import numpy as np

        found = next((r.arrays for r in results if r.arrays), None)
        if found:
            np.savez(arrays_to, **found)
    return {"results": [result.as_dict() for result in results]}


def main(number, path, out, seconds, arrays_to=None):
    limit_memory()
    with open(f"{out}.where", "w", encoding="utf-8") as where:
        faulthandler.dump_traceback_later(float(seconds), file=where)
        printed = sys.stdout = Printed(sys.stdout)
        found = outcome(number, path, arrays_to)
        printed.flush()
        faulthandler.cancel_dump_traceback_later()
    Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
