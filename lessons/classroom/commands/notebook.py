"""The command notebook."""

from pathlib import Path

from .. import writing
from ..pages import build
from ..screen import say, shown

HELP = "the lesson as a notebook for Jupyter or Colab"


def arguments(parser):
    parser.add_argument("--out", metavar="FILE", help="default: work/NAME.ipynb")


def run(lesson, out):
    """Writes the lesson as a notebook that checks with the same checker."""
    path = Path(out) if out else lesson.notebook
    if path.exists():
        raise ValueError(f"{shown(path)} is there already and may hold your work: rename it, or give another name with --out")
    writing.write(path, build.notebook(lesson.source, lesson.number, lesson.name, lesson.checked))
    say(f"Written: {shown(path)}. Open it in Jupyter, VS Code or Colab; each exercise is followed by its check.")
