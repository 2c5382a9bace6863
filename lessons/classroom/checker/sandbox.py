"""Runs the worker: a time limit, a limit on what is printed, and a sentence for every way in which it can end."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from minivit.called import in_console

from .. import course
from . import loading, worker

SECONDS = 10
KEPT = 20_000  # bytes of what the worker prints
ENDED = "your code ended Python before the check was done: is there an os._exit?"
CRASHED = "your code crashed Python itself: a recursion without end, more memory than the check allows, or os._exit?"


def check_file(lesson, path, seconds=None, arrays_to=None, work=None):
    """The outcome of checking a learner's file (see worker.outcome), with what it printed as "printed".

    arrays_to   where to leave the arrays that differ, for a picture
    work        the folder of the learner's other files, and where the file runs, if not here
    """
    seconds = seconds or SECONDS
    if sys.platform == "emscripten":  # a browser's Python, which is a process of its own already, but can start none
        return check_here(lesson, path, seconds, arrays_to)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        out = Path(folder) / "outcome.json"
        command = [
            sys.executable,
            "-P",
            "-m",
            "lessons.classroom.checker.worker",
            lesson.number,
            str(path),
            str(out),
            str(seconds),
        ]
        printed, code = run(command + ([str(arrays_to)] if arrays_to else []), seconds + 1, work)
        try:
            found = json.loads(out.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = _ended(code, Path(f"{out}.where"), path, seconds)
    return {**found, "printed": printed}


@contextlib.contextmanager
def interrupting(seconds):
    """What runs inside is interrupted after so many seconds, as by Ctrl-C, where `clock` can do that."""
    clock(seconds)
    try:
        yield
    finally:
        clock(0)


def clock(seconds):
    """Sets the alarm, 0 takes it back. A browser's worker puts its own here."""


def check_here(lesson, path, seconds, arrays_to=None):
    """As check_file, in this process."""
    lesson.exercises  # noqa: B018  read by now, and not on the learner's time
    printed = io.StringIO()
    with contextlib.redirect_stdout(worker.Printed(printed)), interrupting(seconds):
        found = worker.outcome(lesson.number, str(path), arrays_to, seconds)
    return {**found, "printed": printed.getvalue()}


def run(command, seconds, work=None):
    """(what a command printed, its exit code, None if it was stopped after so many seconds)."""
    threads = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    search = os.pathsep.join(filter(None, [str(course.FOLDER.parent), os.environ.get("PYTHONPATH")]))
    own = {"MINIVIT_WORK": str(work)} if work else {}
    environment = {
        **os.environ,
        **threads,
        **own,
        "PYTHONPATH": search,
        "MINIVIT_CALLED": "console" if in_console() else "",  # its sentences advise commands too
        "PYTHONIOENCODING": "utf-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=work
    )
    kept = []

    def read():
        size = 0
        while chunk := process.stdout.read1(65536):
            if size < KEPT:
                kept.append(chunk[: KEPT - size])
            size += len(chunk)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        with contextlib.suppress(OSError):
            process.kill()
    process.wait()
    reader.join(1)
    return b"".join(kept).decode("utf-8", errors="replace"), code


def _ended(code, where, path, seconds):
    """The problem of a worker that left no outcome."""
    if code is None:
        return worker.too_slow(seconds, _line_in(where, path), loading.read(path))
    return {"problem": [ENDED if code == 0 else CRASHED], "line": None}


def _line_in(where, path):
    """The innermost line of the learner's file in a dump of faulthandler."""
    try:
        dump = where.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(rf'File "[^"\n]*{re.escape(Path(path).name)}", line (\d+)', dump)
    return int(found[1]) if found else None
