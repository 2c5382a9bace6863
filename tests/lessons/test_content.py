"""What lessons import: public names of minivit and of the course, and nothing of the machinery behind them."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "lessons"
CONTENT = sorted(FOLDER.glob("[0-9][0-9]_*/*.py"))
LIBRARY = ["", ".backend", ".data", ".models", ".ops", ".optim", ".training"]
COURSE = ["", ".device", ".exercise", ".experiments", ".figures", ".own", ".threads"]
PUBLIC = {f"minivit{name}" for name in LIBRARY} | {f"lessons{name}" for name in COURSE}
OTHERS = {"numpy", "matplotlib", "PIL", "tqdm", "torch"}  # PIL comes with matplotlib; PyTorch to compare with, where there is one
# what stands beside the lessons
PAGES = {"__init__", "__main__", "device", "exercise", "experiments", "figures", "own", "threads"}
NOTEBOOKS = "checker"  # and an empty file, as long as notebooks of the last release look for it


def names_of(module):
    """What a module offers: its __all__, or what it defines without an underscore."""
    found = importlib.import_module(module)
    return set(getattr(found, "__all__", [name for name in vars(found) if not name.startswith("_")]))


def unknown_imports(tree):
    """["line 3: lessons.classroom"]: each import that is neither public, nor Python's, nor of a package that the course needs."""
    wrong = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wrong += [(node.lineno, alias.name) for alias in node.names if not _known(alias.name)]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if not _known(module):
                wrong.append((node.lineno, module))
            elif module in PUBLIC:
                offered = names_of(module)
                wrong += [(node.lineno, f"{module}.{alias.name}") for alias in node.names if alias.name not in offered]
    return [f"line {line}: {name}" for line, name in wrong]


def _known(module):
    return module in PUBLIC or module.split(".")[0] in OTHERS | sys.stdlib_module_names


@pytest.mark.parametrize("path", CONTENT, ids=lambda path: f"{path.parent.name[:2]}-{path.stem}")
def test_a_lesson_imports_public_names_only(path):
    assert unknown_imports(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line, found",
    [
        ("from lessons.classroom import course", "lessons.classroom"),
        ("from lessons import course", "lessons.course"),
        ("import lessons.classroom.cli", "lessons.classroom.cli"),
        ("from minivit.models.vit import ViT", "minivit.models.vit"),
        ("from minivit.models import config", "minivit.models.config"),
        ("from minivit.program import cli", "minivit.program"),
        ("from minivit.train import Training", "minivit.train"),
        ("from minivit import engine", "minivit.engine"),
        ("from ..own import mine", "..own"),
        ("import scipy", "scipy"),
    ],
)
def test_what_is_not_public_is_found(line, found):
    assert unknown_imports(ast.parse(f"def inside():\n    {line}")) == [f"line 2: {found}"]


def test_beside_the_lessons_stands_only_what_they_import():
    assert {path.stem for path in FOLDER.glob("*.py")} == PAGES | {NOTEBOOKS}
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {path.parent.name for path in CONTENT} | {"classroom", "miniatures"}
    nothing = ast.parse((FOLDER / f"{NOTEBOOKS}.py").read_text(encoding="utf-8"))
    assert len(nothing.body) == 1 and ast.get_docstring(nothing)
