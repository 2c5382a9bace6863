"""Checks one file in a process of its own and leaves the outcome as JSON.

    python -m lessons.classroom.checker.worker NUMBER FILE OUT SECONDS

Everything that a beginner's file may do to the process that runs it, it does to this one.
"""

import ast
import contextlib
import faulthandler
import io
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from time import monotonic, process_time, sleep  # the functions themselves: a learner's file may rebind names of time

from .loading import Problem, load, read

MEMORY = 4 << 30  # bytes of address space
IMPORTING = 60  # seconds for each import of something large
PATIENCE = 4  # times the seconds, for a process that waits for others
TOO_SLOW = "your code did not finish within {seconds} seconds: a loop without end, or much too slow?"
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


class Clock:
    """Ends this process when the learner's seconds are over, and leaves in a file where it was. What counts is the time that this
    process gets: on a machine that is busy with other things it may last PATIENCE times as long. And nothing counts while the
    learner's file imports something: that may take long, and is none of their doing."""

    def __init__(self, seconds, where):
        self.computing, self.waiting, self.where = seconds, PATIENCE * seconds, where
        self.lock, self.since = threading.Lock(), None
        threading.Thread(target=self._beat, daemon=True).start()

    def start(self):
        with self.lock:
            self.since = process_time(), monotonic()
            self._arm()

    def stop(self):
        with self.lock:
            if not self.since:
                return
            computed, waited = self.since
            self.computing -= process_time() - computed
            self.waiting -= monotonic() - waited
            self.since = None
            faulthandler.cancel_dump_traceback_later()

    def _arm(self):
        """Has faulthandler, whom no endless loop holds up, end the process if nobody has said otherwise by then."""
        computed, waited = self.since
        computing = self.computing - (process_time() - computed)
        waiting = self.waiting - (monotonic() - waited)
        faulthandler.dump_traceback_later(max(0.05, min(computing, waiting)), exit=True, file=self.where)

    def _beat(self):
        while True:
            sleep(0.2)
            with self.lock:
                if self.since:
                    self._arm()

    def importing(self, name, *arguments, **options):
        """Python's own __import__, untimed."""
        if name in sys.modules:
            return __import__(name, *arguments, **options)
        self.stop()
        faulthandler.dump_traceback_later(IMPORTING, exit=True, file=self.where)
        try:
            return __import__(name, *arguments, **options)
        finally:
            self.start()


def too_slow(seconds, line=None, text=""):
    """The problem of a file that did not come to an end. line: where it was, of its text."""
    rows = text.splitlines()
    here = rows[line - 1].strip() if line and line <= len(rows) else ""
    lines = [TOO_SLOW.format(seconds=f"{seconds:g}")]
    if here.startswith(("import ", "from ")):
        lines = ["an import does not come to its end: take it out, if the lesson does not need it"]
    lines += [f"it was at line {line}:  {here}"] if line else []
    return {"problem": lines, "line": line}


def line_of(error, path):
    """The innermost line of the learner's file on the way to an error, or None."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None


def outcome(number, path, clock=None, arrays_to=None, seconds=None):
    """{"results": [...]} or {"problem": [...], "line": n} or {"course_error": traceback}.

    clock     that ends this process
    seconds   given where whoever calls this interrupts it after so many, as Ctrl-C does
    """
    began = monotonic()
    try:
        from ...own import mine
        from .. import course
        from . import checker, diagnose, surroundings

        lesson = course.find(number)
        lesson.exercises  # noqa: B018  an error in check.py is the course's
        names = surroundings.Names()
        if clock:
            clock.start()
    except Exception:
        return {"course_error": traceback.format_exc()}
    try:
        mine.lesson_checked = lesson
        text = read(path)
        with surroundings.settings_kept():
            namespace = load(path, text, clock and clock.importing)
        names.expect_unchanged(text)
        try:
            with surroundings.settings_kept():
                results = checker.check_lesson(lesson, namespace)
        finally:
            names.expect_unchanged(text)
    except Problem as problem:
        return {"problem": problem.lines, "line": problem.line}
    except PrintedTooMuch as error:
        return {"problem": [str(error)], "line": None}
    except Exception as error:
        told = traceback.format_exc()
        try:
            checker.check_lesson(lesson, diagnose.solution_names(lesson).copy())
        except Exception:
            return {"course_error": told}
        sentence = f"the check cannot go on with what your file gives: {type(error).__name__}: {error}"
        return {"problem": [sentence, "If you cannot find out why, please report it, with your file."], "line": None}
    except BaseException as error:
        if seconds and isinstance(error, KeyboardInterrupt) and monotonic() - began >= 0.9 * seconds:
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
    sys.path.append(str(Path(path).resolve().parent))  # last: a random.py of the learner's takes no place of Python's own
    with open(f"{out}.where", "w", encoding="utf-8") as where:
        clock = Clock(float(seconds), where)
        printed = sys.stdout = Printed(sys.stdout)
        found = outcome(number, path, clock, arrays_to)
        printed.flush()
        clock.stop()
    Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    os._exit(0)  # a thread of the learner's that never ends holds up nothing
