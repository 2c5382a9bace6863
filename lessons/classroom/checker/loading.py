"""A learner's file, or notebook, as text and as the names that it defines; a Problem where that cannot be."""

import builtins
import json
import linecache
import re
from pathlib import Path

from . import sentences


class Problem(Exception):
    """What keeps a whole file from being checked: lines for the learner, and the line of the file."""

    def __init__(self, lines, line=None):
        super().__init__(lines[0])
        self.lines, self.line = lines, line


def read(path):
    """The text of a learner's file. Raises Problem if it is no UTF-8."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise Problem([f"{Path(path).name} cannot be read: {error.strerror}"]) from None
    advice = "save the file as UTF-8 (in the editor: Save with Encoding, or Encoding, UTF-8)"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data:
        raise Problem([f"the file is not UTF-8 text but looks like UTF-16 or binary: {advice}"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Problem(
            [f"the file is not UTF-8 text: line {line} holds the byte 0x{data[error.start]:02x}. {advice}"], line
        ) from None
    return _cells_of(text) if Path(path).suffix == ".ipynb" else text


def _cells_of(notebook):
    """The code of a notebook, without the cells that only check it and the lines that only a notebook understands."""
    try:
        cells = [cell for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "code"]
        code = [re.sub(r"(?m)^[%!].*$", "", "".join(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Problem(["this is no notebook that can be read: save it again in Jupyter"]) from None
    return "\n\n".join(c for c in code if not c.startswith("check(") and "from lessons import check" not in c)


def compiled(path, text):
    """The code of a learner's text. Raises Problem."""
    try:
        return compile(text, str(path), "exec")
    except SyntaxError as error:
        raise Problem(sentences.of_syntax(error), error.lineno) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Problem([f"Python cannot read this file: {error}"]) from None


def load(path, text, importing=None):
    """The names that the file defines. importing: what its import statements call, in place of __import__. Raises Problem."""
    code = compiled(path, text)
    linecache.cache[str(path)] = (len(text), None, text.splitlines(keepends=True), str(path))
    namespace = {"__name__": Path(path).stem, "__file__": str(path)}
    if importing:
        namespace["__builtins__"] = {**vars(builtins), "__import__": importing}
    if Path(path).suffix == ".ipynb":
        namespace |= {"check": lambda number: None, "show": lambda picture: None}
    try:
        exec(code, namespace)
    except NotImplementedError as error:
        what = 'a line outside the functions runs code that is not written yet: put it under  if __name__ == "__main__":'
        raise Problem([what], sentences.of_error(error, namespace)[1]) from None
    except (Exception, SystemExit) as error:
        sentence, line, where = sentences.of_error(error, namespace)
        raise Problem([*where, sentence], line) from None
    return namespace
