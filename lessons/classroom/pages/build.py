"""One source, lesson.py, and what is made from it: the learner's stub, the solution, the notebook, the page for GitHub.

lesson.py is in percent format: `# %% [markdown]` begins a cell of text, `# %%` a cell of code. What the learner writes stands
between `# BEGIN SOLUTION: what to write` and `# END SOLUTION`; lines after `# INSTEAD`, commented, stand in the stub in its
place, which otherwise says NotImplementedError.
"""

import json
import posixpath
import re
import textwrap
from dataclasses import dataclass

from .mathtext import plain_text


@dataclass(frozen=True)
class Cell:
    kind: str  # "markdown" or "code"
    text: str  # markdown without the "# " in front


def cells(source):
    """The cells of a lesson's source. Raises ValueError for a line of text that is no comment."""
    found = []
    for block in re.split(r"(?m)^(?=# %%)", source):
        head, _, body = block.partition("\n")
        if not head.startswith("# %%"):
            if block.strip():
                raise ValueError(f"a lesson begins with a cell, # %% or # %% [markdown]; found {head!r}")
            continue
        if "[markdown]" in head:
            lines = body.strip("\n").split("\n")
            wrong = [line for line in lines if line != "#" and not line.startswith("# ")]
            if wrong:
                raise ValueError(f"a line of text in a markdown cell begins with '# '; found {wrong[0]!r}")
            found.append(Cell("markdown", "\n".join(line[2:] for line in lines)))
        else:
            found.append(Cell("code", body.strip("\n")))
    return found


_BLOCK = re.compile(
    r"^(?P<indent> *)# BEGIN SOLUTION(?:: (?P<what>[^\n]*))?\n(?P<body>.*?)"
    r"(?:^ *# INSTEAD\n(?P<instead>.*?))?^ *# END SOLUTION\n?",
    re.MULTILINE | re.DOTALL,
)


def _replaced(code, replacement):
    """The code with each block replaced. Raises ValueError for a marker that is left, so that no stub shows a solution."""
    text = _BLOCK.sub(replacement, code + "\n").strip("\n")
    left = re.search(r"# *(BEGIN SOL|END SOL|INSTEAD).*", text + "".join(block["body"] for block in _BLOCK.finditer(code + "\n")))
    if left:
        raise ValueError(f"{left[0]!r} has no partner in its cell: # BEGIN SOLUTION: what, perhaps # INSTEAD, # END SOLUTION")
    return text


def solved(code):
    """The code with its solutions and without their markers."""
    return _replaced(code, lambda block: block["body"])


def unsolved(code):
    """The code as the learner gets it."""

    def replace(block):
        indent = block["indent"]
        what = f"{indent}# YOUR CODE: {block['what']}\n" if block["what"] else ""
        if block["instead"] is None:
            return f"{what}{indent}raise NotImplementedError\n"
        return what + re.sub(r"(?m)^( *)# ?", r"\1", block["instead"])

    return _replaced(code, replace)


def solution_lines(source):
    """Every line that stands in a solution, stripped: what no hint may show."""
    return [line.strip() for block in _BLOCK.finditer(source) for line in block["body"].split("\n") if line.strip()]


_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")


def _picture(text, name):
    """Markdown's pictures as words, for a text editor."""

    def words(found):
        return textwrap.fill(f"[picture: {posixpath.normpath(f'lessons/{name}/{found[2]}')}: {found[1]}]", 118)

    return _PICTURE.sub(words, text)


def _blocks(parts, name, code):
    """The cells as they stand in the learner's file."""
    blocks = []
    for cell in parts:
        if cell.kind == "code":
            blocks.append(f"# %%\n{code(cell.text)}\n")
        else:
            lines = plain_text(_picture(cell.text, name)).split("\n")
            blocks.append("# %% [markdown]\n" + "".join(f"# {line}".rstrip() + "\n" for line in lines))
    return blocks


def stub_blocks(source, name):
    """The cells of the file that the learner starts from, a text each."""
    return _blocks(cells(source), name, unsolved)


def stub(source, name):
    """The file that the learner starts from."""
    return "\n".join(stub_blocks(source, name))


def solution(source, name):
    """The same file, solved."""
    return "\n".join(_blocks(cells(source), name, solved))


def is_checked(code, checked):
    """Whether a cell defines one of the functions after which a check follows."""
    return any(re.search(rf"(?m)^def {function}\(", code) for function in checked)


# From where Colab and Kaggle install minivit: the address of a wheel, or git+https://... of a repository. Whoever publishes the
# course sets it. While it is empty, a notebook asks for an uploaded wheel; never for a name of an index, which may be anybody's.
ADDRESS = ""
KAGGLE = "/kaggle/input"  # where Kaggle shows what was uploaded

_SETUP = """\
# Run this first. It finds minivit in a clone here or above, or where it is installed; on Colab and Kaggle it installs it.
import importlib
import os
import subprocess
import sys
from pathlib import Path

ADDRESS = {address!r}
KAGGLE = "KAGGLE_KERNEL_RUN_TYPE" in os.environ


def wheel():
    here = sorted(Path({kaggle!r}).rglob("minivit-*.whl") if KAGGLE else Path().glob("minivit-*.whl"))
    if KAGGLE and not here:
        sys.exit("give this notebook the file minivit-....whl: Add Input, Upload, New Dataset; then run this cell again")
    if not here:
        from google.colab import files

        print("Choose the file minivit-....whl that came with this notebook (pip wheel --no-deps . makes it in a clone):")
        files.upload()
        here = sorted(Path().glob("minivit-*.whl"))
    return str(here[-1]) if here else sys.exit("no file minivit-....whl was chosen: run this cell again")


for folder in [Path.cwd(), *Path.cwd().parents, Path("minivit")]:
    if (folder / "lessons" / "classroom").is_dir():
        sys.path.insert(0, str(folder.resolve()))
        break
try:
    from lessons import check
except ImportError:
    if not KAGGLE and "google.colab" not in sys.modules:
        sys.exit("put this notebook into a clone of minivit, or install it (in a clone: pip install .); then run this cell again")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", ADDRESS or wheel()], check=True)
    importlib.invalidate_caches()
    from lessons import check"""


def notebook(source, number, name, checked=(), code=unsolved):
    """The lesson as a Jupyter notebook, the same bytes each time; a check follows each cell that defines one of `checked`."""
    made = [_code_cell(_SETUP.format(address=ADDRESS, kaggle=KAGGLE))]
    for cell in cells(source):
        if cell.kind == "markdown":
            text = _PICTURE.sub(lambda p: f"![{p[1]}]({posixpath.normpath(f'../lessons/{name}/{p[2]}')})", cell.text)
            made.append({"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)})
            continue
        made.append(_code_cell(code(cell.text)))
        if is_checked(cell.text, checked):
            made.append(_code_cell(f'check("{number}")'))
    for i, cell in enumerate(made):
        cell["id"] = f"cell-{i:02}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": made, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}}, "nbformat": 4}
    return json.dumps(book | {"nbformat_minor": 5}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _code_cell(text):
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }


def page(source, number):
    """The lesson as a page for GitHub, where formulas and pictures are shown."""
    blocks = []
    for i, cell in enumerate(cells(source)):
        blocks.append(_for_github(cell.text) if cell.kind == "markdown" else f"```python\n{unsolved(cell.text)}\n```")
        if i == 0:
            blocks.append(
                f"*To do it yourself: `python -m lessons start {number}`. This page is made from [lesson.py](lesson.py).*"
            )
    return "\n\n".join(blocks) + "\n"


def _for_github(text):
    """Formulas in GitHub's own fences: between bare dollars it takes some _ for the beginning of italics."""
    text = re.sub(r"(?ms)^\$\$\s*(.*?)\s*\$\$$", r"```math\n\1\n```", text)
    lines = text.split("\n")
    return "\n".join(line if line.startswith("    ") else re.sub(r"(`[^`]*`)|\$([^$]+)\$", _inline, line) for line in lines)


def _inline(found):
    return found[1] or f"$`{found[2]}`$"


def syllabus(lessons):
    """The table of all lessons for lessons/README.md."""
    rows = ["| # | lesson | minutes | needs | you write | in the end you can |", "|---|---|---:|---|---|---|"]
    for lesson in lessons:
        about = lesson.about
        written = ", ".join(f"`{exercise.name}`" for exercise in lesson.exercises)
        goals = " ".join(goal.removeprefix("You can ")[:1].upper() + goal.removeprefix("You can ")[1:] for goal in about.GOALS)
        title = f"[{about.TITLE}]({lesson.name}/README.md)"
        rows.append(f"| {lesson.number} | {title} | {about.MINUTES} | {', '.join(about.NEEDS)} | {written} | {goals} |")
    return "\n".join(rows)
