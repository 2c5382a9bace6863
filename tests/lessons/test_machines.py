"""What the page about several machines shows is what happens."""

import contextlib
import inspect
import io
import json
import re
import shlex
import statistics
import sys
from importlib.util import find_spec

import pytest

from benchmarks import __main__ as benchmark
from benchmarks import batches, sections
from lessons.classroom import course
from lessons.classroom.commands import NAMES
from minivit import ViT
from minivit.data import load
from minivit.program import run, together
from minivit.program.cli import parser
from minivit.training import distributed
from minivit.training.parallel import pieces_of
from minivit.training.presets import load_config, model_config

PAGE = (course.FOLDER / "16_train_it" / "machines.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"python -m (minivit|lessons|benchmarks[.\w]*)((?: [^\s`]+)*)")


def test_the_worked_example_prints_what_is_shown():
    code, shown = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL).groups()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue() == shown


def test_its_commands_exist(monkeypatch):
    asked = []
    monkeypatch.setitem(sections.SECTIONS, "scale", lambda setup: asked.append(setup.link))
    sections.SECTIONS["scale"].__doc__ = "scale"
    found = COMMAND.findall(PAGE)
    assert len(found) >= 8
    for module, words in found:
        assert find_spec(module)
        if module == "minivit":
            parser().parse_args(shlex.split(words))
        elif module == "lessons":
            assert shlex.split(words)[0] in NAMES
        elif module == "benchmarks":
            benchmark.main(shlex.split(words))
    assert asked == [pytest.approx((300e-6, 1e9 / 8))]


def test_presets_have_as_many_pieces_as_it_says():
    def pieces(name, batch=None):
        settings = load_config(name)
        batch = batch or settings["recipe"]["batch_size"]
        data = load({"fashion-mnist": "fashion-mini"}.get(settings["data"], settings["data"]))  # as large, and always there
        return len(pieces_of(ViT(model_config(settings["model"], data)), batch, batch))

    assert "`digits` cuts its batch of 128 small images into two" in PAGE and pieces("digits") == 2
    assert "`fashion-mini-conv` has four" in PAGE and pieces("fashion-mini-conv") == 4
    assert "each of the 16 processes has a piece" in PAGE and pieces("fashion-mnist-conv", 512) == 16
    assert f"{distributed.CHUNK:,} numbers" in PAGE


def test_its_messages_are_those_of_the_program(monkeypatch):
    monkeypatch.setattr(together, "started", lambda: (4, 0))
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ValueError) as error:
        together.processes()
    assert "`4 processes were started, and mpi4py cannot be used` ..." in PAGE
    assert str(error.value).startswith("4 processes were started, and mpi4py cannot be used")
    pieces = {
        together: [" processes were started, and MPI finds "],
        distributed: [" had other ", "weights after epoch ", "the rest"],
        run: ["training images", " processes train it together, ", ", each with ", "a batch has work for only "],
    }
    for module, sentences in pieces.items():
        source = inspect.getsource(module)
        assert [words for words in sentences if words not in source or words not in PAGE] == []
    assert all(f"**{kind}**" in PAGE for kind in distributed.KINDS_OF_TIME)


def test_its_figures_of_larger_batches_are_those_that_are_kept():
    rows = json.loads(batches.PATH.read_text(encoding="utf-8"))["rows"]
    assert "\n".join(f"    {batches.told(row)}" for row in rows) in PAGE
    alone, twice, four = (statistics.mean(row["accuracies"]) for row in rows)
    assert f"{alone - twice:.1f} points are two of 360 digits" in PAGE and round(3.6 * (alone - twice)) == 2
    assert f"its\nend, {alone - four:.1f} points lower" in PAGE


def test_every_file_that_it_links_to_is_there():
    folder = course.FOLDER / "16_train_it"
    assert [link for link in re.findall(r"\]\((?!https?:)([^)]+)\)", PAGE) if not (folder / link).exists()] == []
    for page in (folder / "teacher.md", course.FOLDER / "README.md"):
        assert "machines.md)" in page.read_text(encoding="utf-8")
