"""python -m lessons verify: a course that is as it should be passes, and each thing that is not is found and said."""

import re

import pytest

from lessons.classroom import cli, course

from ...support.learner import flat, go_to
from ...support.small_course import LESSONS, build_course

README = """\
# The course

`python -m lessons check 02` checks.

<!-- made by: python -m lessons verify --write -->
<!-- end -->
"""

WORDS = "A line that goes up from 0 to 1 and then half of the way down, and it says nothing at all."
PICTURE = """
# %%
if __name__ == "__main__":
    from pathlib import Path

    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1.5))
    figure.subplots().plot([0, 1, 0.5])
    figure.savefig(Path(__file__).with_suffix(".png"))
"""

DEMO = '''
"""A line."""


def demo(quick=False):
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(2, 1.5))
    figure.subplots().plot([0, 1])
    return figure
'''

CORRECT = {
    "01_double": """
import numpy as np


def adds(x):
    return x + x


def the_other_way_round(x):
    return x * 2


def by_numpy(x):
    return np.multiply(x, 2)


CORRECT = {"double": [adds, the_other_way_round, by_numpy]}
""",
    "02_centre": """
import numpy as np


def one_expression(x, weight):
    centred = x - x.mean(-1, keepdims=True)

    def backward(dy):
        g = dy * weight
        return g - g.mean(-1, keepdims=True), (dy * centred).reshape(-1, x.shape[-1]).sum(0)

    return centred * weight, backward


def with_einsum(x, weight):
    centred = x - np.average(x, axis=-1)[..., None]

    def backward(dy):
        g = dy * weight
        rows, ups = (array.reshape(-1, array.shape[-1]) for array in (centred, dy))
        return g - g.sum(-1, keepdims=True) / g.shape[-1], np.einsum("nd,nd->d", ups, rows)

    return np.einsum("...d,d->...d", centred, weight), backward


def with_a_list(x, weight):
    y, backward = one_expression(x, weight)
    return y, lambda dy: list(backward(dy))


CORRECT = {"centre": [one_expression, with_einsum, with_a_list]}
""",
    "03_word": """
def in_another_quote():
    return 'yes'


def joined():
    return "".join(["y", "es"])


def another():
    return "yea"


CORRECT = {"word": [in_another_quote, joined, another]}
""",
}

MORE_MISTAKES = """
            Mistake("The road through the mean is missing.", old="g - g.mean(-1, keepdims=True)", new="g + 0"),
            Mistake("The road through the mean leads down.", old="g - g.mean", new="g + g.mean"),
            Mistake("dx is doubled.", old="return dx, dweight", new="return 2 * dx, dweight"),
        ],
        hints="""


def complete(folder):
    """The small course with everything that a lesson needs, and an expected.png and a README.md still to be made."""
    (folder / "lessons" / "README.md").write_text(README, encoding="utf-8")
    for name, (source, check) in LESSONS.items():
        lesson = folder / "lessons" / name
        title = re.match(r".*\n# # \d\d · (\w+)\n", source)
        source = source.replace(title[0], f"{title[0]}#\n# ## {title[1]}\n", 1) + PICTURE
        check = check.replace('PICTURE = ""', f'PICTURE = "{WORDS}"')
        more = '    Question("Is it so?", ("yes", "no"), 0, "It is."),\n]'
        check = re.sub(r"QUIZ = \[(.*)\]\n\Z", rf"QUIZ = [\n    \1,\n{more}\n", check)
        if name == "02_centre":
            check = check.replace("\n        ],\n        hints=", MORE_MISTAKES, 1)
        (lesson / "lesson.py").write_text(source, encoding="utf-8")
        (lesson / "check.py").write_text(check, encoding="utf-8")
        (lesson / "teacher.md").write_text("# For the teacher\n\nBegin with `python -m lessons demo 01`.\n", encoding="utf-8")
        (lesson / "demo.py").write_text(DEMO, encoding="utf-8")
        (lesson / "correct.py").write_text(CORRECT[name], encoding="utf-8")
    return folder


@pytest.fixture
def whole(tmp_path, monkeypatch):
    """A complete course, to be changed; nothing is made from its lessons yet."""
    folder = complete(build_course(tmp_path / "course"))
    go_to(monkeypatch, folder)
    yield folder / "lessons"
    course.lessons.cache_clear()


def says(capsys, *arguments):
    """(exit code, what is printed, the lines of what failed) of verify."""
    course.lessons.cache_clear()
    capsys.readouterr()
    code = cli.main(["verify", "--seeds", "2", *arguments])
    out = capsys.readouterr().out
    return code, flat(out), re.findall(r"NO +(.*?)(?=  NO |\Z)", out.replace("\n         ", " "), re.DOTALL)


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_course_that_is_as_it_should_be_passes_and_is_counted(whole, capsys):
    code, out, failures = says(capsys, "--write")
    assert code == 0 and not failures, out
    for name in LESSONS:
        assert (whole / name / "README.md").exists() and (whole / name / "expected.png").exists()
    assert "| 01 | [Double](01_double/README.md) | 5 |" in (whole / "README.md").read_text(encoding="utf-8")
    code, out, failures = says(capsys)
    assert code == 0 and not failures, out
    for words in [
        "4 solutions",
        "3 stubs",
        "9 correct answers written another way over",
        "7 mistakes rejected",
        "7 of them named",
    ]:
        assert words in out
    for words in ["3 poisoned functions", "3 notebooks", "3 pictures", "3 demos"]:
        assert words in out


def test_the_learner_s_files_change_nothing(whole, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "01_double.py").write_text("1 / 0\n")
    assert says(capsys, "01", "--write")[0] == 0
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["01_double.py"]


# what is wrong with lesson 01: (the file, what stands there, what stands there now, words of the sentence)
FOUND = {
    "a mistake that is not named": (
        "check.py",
        'new="x * x"',
        'new="np.float64(2) * x"',
        "only 0 % of its mistakes are named",
        "not named by its sentence: lesson 01, double: 'That is the square.', but dtype",
    ),
    "a mistake that is none": (
        "check.py",
        'new="x * x"',
        'new="x + x"',
        "the mistake 'That is the square.' of double is not rejected",
    ),
    "a hint that shows the solution": (
        "check.py",
        "Plan of double.",
        "Write: return 2 * x",
        "a hint of double shows a line of the solution",
    ),
    "a sentence that shows the solution": (
        "check.py",
        "That is the square.",
        "Say return 2 * x here.",
        "sentence shows the solution",
    ),
    "two hints": ("check.py", '"Nudge of double.", ', "", "double has 2 hints, and needs 3"),
    "a heading that is not there": ("check.py", 'read={"": "Double"}', 'read={"": "Treble"}', "points to the heading 'Treble'"),
    "a correct answer that is rejected": (
        "correct.py",
        "return x + x",
        "return x + x + 1",
        "adds, a correct double, is rejected: ",
    ),
    "two correct answers": ("correct.py", ", by_numpy]", "]", "double has 2 correct answers written another way, and needs 3"),
    "a wrong solution": ("lesson.py", "    return 2 * x\n", "    return 2 * x + 1\n", "the solution of double is wrong: "),
    "a stale page": (
        "lesson.py",
        "Twice the number",
        "Two times the number",
        "README.md is not made from lesson.py: verify --write",
    ),
    "a stale syllabus": (
        "check.py",
        "You can double a number.",
        "You can add.",
        "the syllabus in lessons/README.md is not up to date",
    ),
    "a picture without words": ("check.py", WORDS, "A line.", "PICTURE, the text alternative, is too short"),
    "another picture": ("lesson.py", "[0, 1, 0.5]", "[0, 1, -5], linewidth=30", "expected.png is not what the solution draws"),
    "no picture": ("lesson.py", ".savefig(", ".savefig if True else (", "expected.png or the drawn picture is missing"),
    "a demo that stops": ("demo.py", "    return figure", "    return 1 / 0", "its demo stops: ZeroDivisionError"),
    "an unknown command": ("teacher.md", "demo 01", "show 01", "its text names commands that do not exist: show"),
    "a lesson that does not exist": ("teacher.md", "demo 01", "demo 01 (lesson 21)", "names lessons that do not exist: 21"),
    "a question left without an answer": (
        "lesson.py",
        "import numpy as np\n",
        "# %% [markdown]\n# ## Argue about it\n\n# %%\nimport numpy as np\n",
        'teacher.md does not say where "Argue about it" may lead',
    ),
    "a quiz of one question": (
        "check.py",
        ', 1, "Two and two make four."',
        ', 2, "Two and two make four."',
        "its quiz has 2 to 6",
    ),
    "a lesson that comes later": ("check.py", '"Double", 5, []', '"Double", 5, ["02"]', "it needs a lesson that comes later"),
    "a notebook that stops": (
        "lesson.py",
        "    figure.savefig",
        "    print(missing)\n    figure.savefig",
        "its notebook stops: NameError",
    ),
    "a name of a later lesson": (
        "lesson.py",
        "import numpy as np\n",
        "import numpy as np\n\nfrom lessons import mine\n\nlater = mine.centre\n",
        "it uses before they are taught: centre",
    ),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A complete course with everything that is made from its lessons."""
    folder = complete(build_course(tmp_path_factory.mktemp("verified") / "course"))
    with pytest.MonkeyPatch.context() as patch:
        go_to(patch, folder)
        assert cli.main(["verify", "--seeds", "1", "--write"]) == 0
    course.lessons.cache_clear()
    return folder


@pytest.fixture
def lesson(made, monkeypatch):
    """The folder of its lesson 01, as before when the test is done."""
    go_to(monkeypatch, made)
    folder = made / "lessons" / "01_double"
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    yield folder
    for path, data in before.items():
        path.write_bytes(data)
    course.lessons.cache_clear()


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUND)
def test_what_is_wrong_is_found_and_said(lesson, capsys, name):
    file, old, new, *words = FOUND[name]
    change(lesson / file, old, new)
    code, out, _ = says(capsys, "01")
    assert code == 1
    for word in words:
        assert word in out


def test_a_page_that_was_changed_by_hand_is_found(lesson, capsys):
    change(lesson / "README.md", "Twice the number", "Twice")
    code, out, failures = says(capsys, "01")
    assert code == 1 and len(failures) == 1 and "lesson 01: README.md is not made from lesson.py" in out


def test_an_unknown_command_in_the_readme_of_the_course_is_found(lesson, capsys):
    readme = lesson.parent / "README.md"
    before = readme.read_text(encoding="utf-8")
    try:
        change(readme, "lessons check 02", "lessons chekc 02")
        code, out, _ = says(capsys, "01")
    finally:
        readme.write_text(before, encoding="utf-8")
    assert code == 1 and "lessons/README.md names commands that do not exist: ['chekc']" in out


def test_verify_write_mends_a_stale_page_and_a_stale_picture(lesson, capsys):
    change(lesson / "lesson.py", "Twice the number", "Two times the number")
    change(lesson / "lesson.py", "[0, 1, 0.5]", "[0, 1, -5], linewidth=30")
    assert says(capsys, "01")[0] == 1
    assert says(capsys, "01", "--write")[0] == 0 and says(capsys, "01")[0] == 0
