"""How the machinery of the course is built: pages, the checker over them, commands on top; nothing longer than can be read."""

import ast
from pathlib import Path

import pytest

ROOM = Path(__file__).parents[2] / "lessons" / "classroom"
MODULES = sorted(ROOM.rglob("*.py"))
FLOORS = ["", "device", "pages", "checker", "site", "commands"]  # from the ground up; "" is what lies at the root
ENTRANCE = ROOM / "cli.py"  # at the root, and over all
LINES, FUNCTION = 300, 60


def floor_of(path):
    parts = path.relative_to(ROOM).parts
    return FLOORS.index(parts[0] if len(parts) > 1 else "")


def imported(path):
    """The files and folders of the classroom that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = [folder / alias.name for alias in node.names]
            for found in [folder, *(name for name in names if name.is_dir() or name.with_suffix(".py").exists())]:
                if found.is_relative_to(ROOM) and found != ROOM:
                    yield found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOM)))
def test_imports_run_downwards(path):
    above = [found for found in imported(path) if floor_of(found / "any.py" if found.is_dir() else found) > floor_of(path)]
    assert not above or path == ENTRANCE


def test_an_import_that_runs_upwards_is_found():
    assert floor_of(ROOM / "commands" / "verify" / "texts.py") == 5 and floor_of(ROOM / "course.py") == 0
    assert ROOM / "commands" in set(imported(ENTRANCE))
    assert ROOM / "pages" / "build" in set(imported(ROOM / "checker" / "diagnose.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOM)))
def test_no_file_and_no_function_is_too_long_to_read(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LINES
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno - f.lineno >= FUNCTION} == {}
