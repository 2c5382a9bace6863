"""What stood elsewhere in the last release goes on working: modules of the course, lessons that were begun, notebooks."""

import json
import subprocess
import sys

import pytest

from lessons.classroom.former import MOVED

from ..support.last_release import BEGUN, FIRST_CELL, OTHERS
from ..support.small_course import ROOT

IMPORT_ALL = """
import importlib, json, sys, warnings

found = {}
for former in json.load(sys.stdin):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        module = importlib.import_module(former)
    one = sys.modules[former] is sys.modules[module.__name__] is module and module.__spec__.name == module.__name__
    found[former] = module.__name__ if one else "another module", [f"{w.category.__name__}: {w.message}" for w in told]
print(json.dumps(found))
"""


def python(code, given="", *options, cwd=ROOT):
    """What a fresh Python prints: in this one the modules may be imported already."""
    done = subprocess.run([sys.executable, *options, "-c", code], input=given, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def test_every_former_name_is_the_module_that_stands_elsewhere_now():
    found = json.loads(python(IMPORT_ALL, json.dumps(list(MOVED))).stdout)
    assert len(MOVED) == 27
    for former, (now, told) in found.items():
        assert now == MOVED[former]
        assert told == [f"DeprecationWarning: {former} has moved: import {now}"]


def test_a_name_that_never_was_is_an_import_error():
    with pytest.raises(ModuleNotFoundError, match=r"lessons\.nowhere"):
        import lessons.nowhere  # noqa: F401


@pytest.mark.slow
@pytest.mark.parametrize("lines", [*BEGUN.values(), OTHERS], ids=[*BEGUN, "others"])
def test_what_a_file_of_the_last_release_imports_is_still_there(lines):
    python(lines)


def test_a_begun_file_is_told_where_its_import_stands_now(tmp_path):
    file = tmp_path / "begun.py"
    file.write_text("import sys\nsys.path.insert(0, sys.argv[1])\nfrom lessons.trained import trained_vit\n", encoding="utf-8")
    done = subprocess.run([sys.executable, file, ROOT], capture_output=True, text=True)
    assert done.returncode == 0 and "begun.py:3: DeprecationWarning: lessons.trained has moved: import lessons.own" in done.stderr


def test_a_notebook_of_the_last_release_finds_the_course():
    done = python(FIRST_CELL + "\nprint(check.__module__)", cwd=ROOT / "lessons" / "miniatures")
    assert done.stdout == "lessons\n"
