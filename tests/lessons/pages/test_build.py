"""What is made from a lesson's one source: stub, solution, notebook, page."""

import ast
import json
import re
import subprocess
import sys
from unittest import mock

import pytest

from lessons.classroom import course
from lessons.classroom.pages import build

from ...support.small_course import CENTRE, DOUBLE

NAMES = ["centre"]


def made(source=CENTRE):
    return build.stub(source, "02_centre")


def test_the_stub_holds_no_line_of_the_solution():
    stub = made()
    secret = [line for line in build.solution_lines(CENTRE) if line != "return y, backward"]
    assert "g = dy * weight" in secret and not any(line in stub for line in secret)
    assert "SOLUTION" not in stub and "INSTEAD" not in stub


def test_the_stub_says_where_to_write_and_what():
    assert "def centre(x, weight):\n    # YOUR CODE: the output, and backward\n    raise NotImplementedError\n" in made()


def test_what_stands_instead_is_in_the_stub():
    assert 'def helper():\n    return "mend me"\n' in made()


def test_instead_keeps_its_indentation():
    instead = "    # INSTEAD\n    # if True:\n    #     x = 2\n"
    source = f"# %%\ndef f():\n    # BEGIN SOLUTION: it\n    x = 1\n{instead}    # END SOLUTION\n"
    assert "def f():\n    # YOUR CODE: it\n    if True:\n        x = 2" in build.stub(source, "x")


def test_the_stub_runs_up_to_the_first_call():
    namespace = {}
    exec(made(), namespace)
    with pytest.raises(NotImplementedError):
        namespace["centre"](1, 2)


def test_the_text_of_the_stub_is_plain_and_its_pictures_are_words():
    stub = made()
    assert "# Each row of x minus its mean μ, times γ:\n#\n#     y = (x - μ) ⊙ γ\n" in stub
    assert "# [picture: lessons/02_centre/expected.png: A row before and after]\n" in stub
    assert "#     in code blocks $x$ stays $x$\n" in stub


def test_the_cells_of_the_stub_are_those_of_the_source():
    assert re.findall(r"(?m)^# %%.*$", made()) == re.findall(r"(?m)^# %%.*$", CENTRE)
    assert not re.search(r"(?m)[ \t]+$", made())


def test_the_solution_holds_its_lines_and_no_marker():
    solution = build.solution(CENTRE, "02_centre")
    assert all(line in solution for line in build.solution_lines(CENTRE))
    assert not re.search("SOLUTION|INSTEAD|mend me", solution)
    ast.parse(solution)


def test_stub_and_solution_are_the_same_each_time_and_end_with_one_newline():
    for text in (made(), build.solution(CENTRE, "02_centre")):
        assert text.endswith("\n") and not text.endswith("\n\n")
    assert made() == made()


# malformed sources

MALFORMED = {
    "text in front": ("hello\n# %%\nx = 1\n", "begins with a cell"),
    "a line of text that is no comment": ("# %% [markdown]\n# a\nb\n", "begins with '# '"),
    "an empty line in text": ("# %% [markdown]\n# a\n\n# b\n", "begins with '# '"),
    "an unknown formula": ("# %% [markdown]\n# $\\unheardof$\n", "unheardof"),
    "a display not closed": ("# %% [markdown]\n# $$\n# x\n", "not closed"),
}


@pytest.mark.parametrize("source, words", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_source_is_refused(source, words):
    with pytest.raises(ValueError, match=words):
        build.stub(source, "x")


MARKERS = {
    "no end": "# %%\ndef f():\n    # BEGIN SOLUTION\n    return 1\n",
    "no begin": "# %%\ndef f():\n    return 1\n    # END SOLUTION\n",
    "two begins": "# %%\ndef f():\n    # BEGIN SOLUTION\n    x = 1\n    # BEGIN SOLUTION\n    return 1\n    # END SOLUTION\n",
    "the end in another cell": "# %%\ndef f():\n    # BEGIN SOLUTION\n    return 1\n\n# %%\n    # END SOLUTION\n",
    "misspelt": "# %%\ndef f():\n    # BEGIN SOLUTON\n    return 1\n    # END SOLUTION\n",
    "instead outside": "# %%\ndef f():\n    # INSTEAD\n    return 1\n",
}


@pytest.mark.parametrize("source", MARKERS.values(), ids=MARKERS)
def test_markers_that_do_not_match_are_refused_before_they_show_a_solution(source):
    with pytest.raises(ValueError, match=r"SOLUTION|INSTEAD"):
        build.stub(source, "x")


# the notebook


@pytest.fixture
def book():
    return json.loads(build.notebook(CENTRE, "02", "02_centre", NAMES))


def test_the_notebook_is_the_same_bytes_each_time():
    first, again = (build.notebook(CENTRE, "02", "02_centre", NAMES) for _ in range(2))
    assert first == again and first.endswith("}\n")


def test_the_notebook_has_what_the_format_needs(book):
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert book["metadata"]["kernelspec"]["name"] == "python3" and book["metadata"]["kernelspec"]["display_name"]
    assert book["metadata"]["language_info"]["name"] == "python"
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in ids)
    for cell in book["cells"]:
        needed = {"cell_type", "id", "metadata", "source"}
        needed |= {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == needed
        assert isinstance(cell["source"], list) and all(line.endswith("\n") for line in cell["source"][:-1])


def code_of(book):
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]


def test_every_code_cell_of_the_notebook_is_python(book):
    for code in code_of(book):
        ast.parse(code)


def test_a_check_follows_each_exercise_and_nothing_else(book):
    code = code_of(book)
    assert [code[i - 1].startswith("def centre") for i, c in enumerate(code) if c == 'check("02")'] == [True]


def test_the_notebook_keeps_formulas_and_finds_its_picture(book):
    text = "".join("".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "markdown")
    assert "$$\ny = (x - \\mu) \\odot \\gamma\n$$" in text and "](../lessons/02_centre/expected.png)" in text


def test_the_notebook_shows_no_solution_unless_it_is_asked_to(book):
    solved = json.loads(build.notebook(CENTRE, "02", "02_centre", NAMES, build.solved))
    assert "g = dy * weight" not in "".join(code_of(book)) and "g = dy * weight" in "".join(code_of(solved))


def test_the_first_cell_finds_the_course_from_a_folder_in_it(book, small, monkeypatch):
    folder = small / "lessons" / "02_centre"
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", ["somewhere"])
    namespace = {}
    exec(code_of(book)[0].partition("try:")[0], namespace)
    assert namespace["sys"].path[0] == str(small.resolve())


NO_COURSE_YET = """
import os, subprocess, sys, types

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name == "lessons":
            raise ModuleNotFoundError(name)

def install(command, check):
    print("installs with:", *command[1:])
    sys.meta_path.remove(nowhere)
    sys.modules["lessons"] = types.SimpleNamespace(check="the check")

nowhere, subprocess.run = Nowhere(), install
sys.meta_path.insert(0, nowhere)
if "colab" in sys.argv:
    colab = sys.modules["google.colab"] = sys.modules["google"] = types.ModuleType("google.colab")
    chosen = [word for word in sys.argv if word.endswith(".whl")]
    colab.files = types.SimpleNamespace(upload=lambda: [open(name, "w").close() for name in chosen])
if "kaggle" in sys.argv:
    os.environ["KAGGLE_KERNEL_RUN_TYPE"] = "Interactive"
namespace = {}
exec(sys.stdin.read(), namespace)
print(namespace["check"])
"""


def first_cell(tmp_path, *words, address=""):
    """What the first cell of a notebook does on a machine without the course."""
    with mock.patch.object(build, "ADDRESS", address), mock.patch.object(build, "KAGGLE", str(tmp_path / "input")):
        code = code_of(json.loads(build.notebook(CENTRE, "02", "02_centre", NAMES)))[0]
    command = [sys.executable, "-I", "-c", NO_COURSE_YET, *words]
    done = subprocess.run(command, input=code, cwd=tmp_path, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_the_first_cell_says_what_to_do_outside_of_the_course(tmp_path):
    said = first_cell(tmp_path)
    assert said.startswith("put this notebook into a clone of minivit, or install it (in a clone: pip install .)")


def test_on_colab_the_first_cell_installs_from_the_one_address_that_is_set(tmp_path):
    address = "https://somewhere.example/minivit-1.0-py3-none-any.whl"
    assert first_cell(tmp_path, "colab", address=address) == f"installs with: -m pip install -q {address}\nthe check\n"


def test_on_colab_the_first_cell_asks_for_a_wheel_where_no_address_is_set(tmp_path):
    said = first_cell(tmp_path, "colab", "minivit-9-py3-none-any.whl")
    assert said.startswith("Choose the file minivit-") and "pip install -q minivit-9-py3-none-any.whl\nthe check\n" in said
    assert "Choose" not in first_cell(tmp_path, "colab"), "it is there already"


def test_on_colab_whoever_uploads_nothing_is_told(tmp_path):
    assert "was chosen: run this cell again" in first_cell(tmp_path, "colab")


def test_on_kaggle_the_first_cell_installs_from_the_address_or_from_what_was_added(tmp_path):
    address = "https://somewhere.example/minivit-1.0-py3-none-any.whl"
    assert first_cell(tmp_path, "kaggle", address=address) == f"installs with: -m pip install -q {address}\nthe check\n"
    assert first_cell(tmp_path, "kaggle").startswith("give this notebook the file minivit-")
    wheel = tmp_path / "input" / "course" / "minivit-9-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    wheel.touch()
    assert first_cell(tmp_path, "kaggle") == f"installs with: -m pip install -q {wheel}\nthe check\n"


def test_no_notebook_installs_by_a_name_that_may_be_anybody_s():
    assert build.ADDRESS == "" or build.ADDRESS.startswith(("https://", "git+https://"))


# the page


def test_the_page_says_how_to_begin_and_shows_the_stub_s_code():
    page = build.page(CENTRE, "02")
    assert page.startswith("# 02 · Centre\n") and "`python -m lessons start 02`" in page
    assert "```python\ndef centre(x, weight):\n    # YOUR CODE" in page and "g = dy * weight" not in page
    assert page.count("```") % 2 == 0 and page.endswith("\n") and not page.endswith("\n\n")


def test_the_page_has_formulas_in_github_s_own_fences():
    assert "number: $`2 x`$." in build.page(DOUBLE, "01")
    page = build.page(CENTRE, "02")
    assert "Each row of $`x`$ minus its mean $`\\mu`$" in page
    assert "\n```math\ny = (x - \\mu) \\odot \\gamma\n```\n" in page
    assert "    in code blocks $x$ stays $x$\n" in page and "$$" not in page


def test_a_picture_of_another_folder_is_found_from_everywhere():
    source = "# %% [markdown]\n# ![Costs](../miniatures/costs.png)\n"
    assert "# [picture: lessons/miniatures/costs.png: Costs]" in build.stub(source, "09_patches")
    assert "![Costs](../lessons/miniatures/costs.png)" in build.notebook(source, "09", "09_patches")
    assert "![Costs](../miniatures/costs.png)" in build.page(source, "09")


def test_every_picture_of_the_course_is_there():
    for lesson in course.lessons():
        for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", lesson.source):
            assert (lesson.folder / path).resolve().is_file(), f"{lesson.name}: {path}"


def test_a_check_that_runs_what_a_lesson_gives_further_down_comes_after_it():
    lesson = course.find("14")
    code = code_of(json.loads(build.notebook(lesson.source, lesson.number, lesson.name, lesson.checked)))
    last = max(i for i, text in enumerate(code) if text == 'check("14")')
    assert "def overfit(" in code[last - 1] and not any("def overfit(" in text for text in code[last:])
