"""What the page's worker calls, in the browser's Python. Each function takes and gives plain values.

put(files)                the learner's files, {name: text}, as the page keeps them
changed()                 {"files": {name: text} that a call has changed, "pictures": {name: bytes} that it drew}
command(words, seconds, columns)   a command of the course as it would be typed, ["check", "05"]: {"code", "text"}
run(number, cell, seconds)   one code cell of the learner's file, with the names of those in front of it: {"code", "text"}
train(what, seconds), read(ink)   see training.py, which is imported when it is wanted

A function may also be a generator: its values are handed to the page one by one while it runs, and the page can stop it.
"""

import contextlib
import io
import linecache
import logging
import os
import re
import sys
import time

import tqdm

from .. import cli, course
from ..checker import (
    checker,  # noqa: F401  read while Python starts, and not at the first check
    loading,
    sandbox,
    sentences,
    worker,
)

KEPT = re.compile(r"\d\d_\w+(\.backup-\d+)?\.py|progress(\.backup-\d+)?\.txt")  # what the page keeps of the learner's folder
DRAWN = (".png", ".gif")
_known = {}
tqdm.tqdm.monitor_interval = 0  # its monitor is a thread, of which there is only one here
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # that it looks for fonts is nobody's concern here
if sys.platform == "emscripten":
    from js import clock

    sandbox.clock = clock


def put(files):
    """Makes the learner's folder hold these files and no others. One that is the same is not written again."""
    folder = course.work()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if KEPT.fullmatch(path.name) and path.name not in files:
            path.unlink()
    for name, text in files.items():
        if _known.get(name) != text:
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    _known.clear()
    _known.update(files)


def changed():
    files, pictures = {}, {}
    for path in sorted(course.work().glob("*")):  # none where nothing was put yet
        if path.suffix in DRAWN:
            pictures[path.name] = path.read_bytes()
            path.unlink()
        elif KEPT.fullmatch(path.name):
            text = path.read_bytes().decode("utf-8", errors="replace")
            if _known.get(path.name) != text:
                files[path.name] = _known[path.name] = text
    return {"files": files, "pictures": pictures}


def command(words, seconds, columns=80):
    sandbox.SECONDS = seconds
    os.environ["COLUMNS"] = str(columns)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = cli.main(list(words))
    return {"code": code, "text": printed.getvalue()}


def run(number, cell, seconds):
    lesson, printed, began = course.find(number), io.StringIO(), time.monotonic()
    path = str(lesson.file)
    namespace = {"__name__": lesson.name, "__file__": path}
    problem = None
    with contextlib.redirect_stdout(worker.Printed(printed)):
        try:
            text = loading.read(path)
            linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
            with sandbox.interrupting(seconds):
                _run_cells(path, text, cell, namespace)
        except loading.Problem as found:
            problem = found.lines
        except SystemExit as ended:  # show() says so what is not written yet
            problem = [ended.code if isinstance(ended.code, str) else sentences.of_error(ended, namespace)[0]]
        except KeyboardInterrupt as late:
            if time.monotonic() - began < 0.9 * seconds:
                raise
            problem = worker.too_slow(seconds, worker.line_of(late, path), text)["problem"]
        except Exception as error:
            sentence, _, where = sentences.of_error(error, namespace)
            problem = [*where, sentence]
    return {"code": int(problem is not None), "text": "\n".join(filter(None, [printed.getvalue().rstrip(), *(problem or ())]))}


def _run_cells(path, text, cell, namespace):
    """The cells in front for what they define, and then this one as if it stood in the file that is run."""
    lines = text.split("\n")
    heads = [i for i, line in enumerate(lines) if line.startswith("# %%")]
    code = [(i, j) for i, j in zip(heads, [*heads[1:], len(lines)], strict=True) if "[markdown]" not in lines[i]]
    for number, (start, end) in enumerate(code[: cell + 1]):
        namespace["__name__"] = "__main__" if number == cell else namespace["__name__"]
        exec(loading.compiled(path, "\n" * start + "\n".join(lines[start:end])), namespace)


def train(what, seconds):
    from . import training

    return training.train(what, seconds)


def read(ink):
    from . import training

    return training.read(ink)
