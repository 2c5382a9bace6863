"""What `pip install .` brings: the library and the course with every file of theirs, and how commands that are advised are
written. That the package is built and works is a leg of .ci/run."""

import fnmatch
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import minivit
from lessons.classroom import course
from minivit.called import called

ROOT = Path(minivit.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DATA = PROJECT["tool"]["setuptools"]["package-data"]


def package_of(path):
    """The innermost package that a file lies in: the folder of minivit or lessons that has an __init__.py."""
    return next(folder for folder in path.parents if (folder / "__init__.py").exists())


def is_installed(path):
    """Whether a module of a package, or one of its files by pyproject's patterns."""
    package = package_of(path)
    patterns = DATA.get(".".join(package.relative_to(ROOT).parts), [])
    inside = path.relative_to(package).as_posix()
    alike = [p for p in patterns if p.count("/") == inside.count("/") and fnmatch.fnmatchcase(inside, p)]
    return bool(alike) or (path.suffix == ".py" and path.parent == package)


@pytest.mark.parametrize("folder", ["minivit", "lessons"])
def test_every_file_of_the_library_and_of_the_course_is_installed(folder):
    files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(files) > 50 and [str(path) for path in files if not is_installed(path)] == []


@pytest.mark.parametrize("name, place", PROJECT["project"]["scripts"].items())
def test_a_console_command_is_a_function_that_gives_an_exit_code(name, place, capsys):
    module, function = place.split(":")
    with pytest.raises(SystemExit) as ended:
        getattr(importlib.import_module(module), function)(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out == f"minivit {minivit.__version__}\n"


@pytest.mark.parametrize(
    "started_as, program, course",
    [
        ("/venv/bin/minivit", "minivit", "minivit-lessons"),
        (r"Scripts/minivit-lessons.EXE", "minivit", "minivit-lessons"),
        ("/clone/minivit/__main__.py", "python -m minivit", "python -m lessons"),
        ("work/minivit.py", "python -m minivit", "python -m lessons"),
        ("", "python -m minivit", "python -m lessons"),
    ],
)
def test_commands_are_advised_as_the_program_was_called(started_as, program, course, monkeypatch):
    monkeypatch.delenv("MINIVIT_CALLED", raising=False)
    monkeypatch.setattr(sys, "argv", [started_as])
    assert (called("minivit"), called("lessons")) == (program, course)


def console(name, place, *arguments, cwd):
    """A finished process of a console command, as pip's little script starts it."""
    module = place.partition(":")[0]
    code = f"import sys; sys.argv[0] = '/venv/bin/{name}'; sys.path.insert(0, {str(ROOT)!r}); from {module} import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True)


def test_what_is_printed_under_a_console_command_names_that_command_in_the_checker_s_own_process_too(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path))
    scripts = PROJECT["project"]["scripts"]
    (tmp_path / "05_gelu.py").write_text("")
    said = [
        console("minivit-lessons", scripts["minivit-lessons"], *words, cwd=tmp_path).stdout for words in ([], ["check", "05"])
    ]
    said += [console("minivit", scripts["minivit"], *words, cwd=tmp_path).stdout for words in (["data"], [])]
    begin, check, data, usage = (" ".join(text.split()) for text in said)
    assert "Begin with: minivit-lessons start 00" in begin and "If it was deleted: minivit-lessons reset 05" in check
    assert "one of them: minivit data digits" in data and usage.startswith("usage: minivit [-h]")
    assert not any("python -m" in text for text in said)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The course in site-packages, and an empty folder to work in."""
    site = tmp_path / "site-packages"
    (site / "minivit-0.1.0.dist-info").mkdir(parents=True)
    monkeypatch.setattr(course, "FOLDER", site / "lessons")
    monkeypatch.delenv("MINIVIT_WORK", raising=False)
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    return site


def test_an_installed_course_works_in_the_current_folder(site, tmp_path, monkeypatch):
    assert course.work() == tmp_path / "desk" / "work"
    course.work().mkdir()
    monkeypatch.chdir(course.work())
    assert course.work() == tmp_path / "desk" / "work" / "work", "a folder named work may be anybody's"
    (tmp_path / "desk" / "work" / "progress.txt").touch()
    assert course.work() == tmp_path / "desk" / "work", "whoever stands in their folder is not given another in it"
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "elsewhere"))
    assert course.work() == tmp_path / "elsewhere"


def test_in_a_clone_the_learner_s_folder_is_beside_the_course_from_wherever_it_is_called(site, tmp_path):
    (site / "minivit-0.1.0.dist-info").rmdir()
    assert course.work() == site / "work"


def test_an_installed_course_writes_no_helpers_that_would_find_it(site):
    from lessons.classroom import writing

    writing.write_helpers(Path("work"))
    assert not Path("work").exists()
