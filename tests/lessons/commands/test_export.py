"""python -m lessons export: the learner's ViT as a package that needs NumPy only."""

import subprocess
import sys

import pytest

from lessons.classroom import course
from minivit.training.checkpoint import load_model

from ...support.learner import flat

GELU = "work/05_gelu.py"


def runs(folder, code):
    """What Python prints that knows nothing but the folder."""
    code = f"import sys; sys.modules['minivit'] = sys.modules['lessons'] = None; sys.path.insert(0, {str(folder)!r}); {code}"
    ran = subprocess.run([sys.executable, "-I", "-B", "-c", code], capture_output=True, text=True, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.slow
def test_of_somebody_who_has_passed_nothing_it_is_the_course_s_and_trains(mine, tmp_path):
    code, out = mine.says("export", "my vit")
    assert code == 0 and "0 of 28 parts are your own code" in out and "cd my vit && python train.py" in out
    out = runs(tmp_path / "my vit", "import train; train.main(['--epochs', '2', '--images', '200'])")
    assert "102,666 parameters, 200 digits, 2 epochs" in out and "test accuracy" in out
    model, about = load_model(tmp_path / "my vit" / "weights.npz")
    assert model.config.dim == 64 and about["data"] == "digits" and len(about["losses"]) == 4


def test_what_is_passed_comes_along_in_the_learner_s_own_words(mine, tmp_path):
    mine.passes(
        "gelu",
        changes={
            "import math\n": "import math\nimport itertools\n",
            "def gelu(x):\n": "# my own comment\nHALF = 0.5\n\n\ndef bell(x):\n    return next(itertools.repeat(x * x))\n\n\n"
            "# above gelu\ndef gelu(x):\n",
            "np.exp(-0.5 * x * x)": "np.exp(-HALF * bell(x))",
        },
    )
    code, out = mine.says("export", "out")
    assert code == 0 and "1 of 28 parts are your own code" in out
    text = (tmp_path / "out" / "vit" / "gelu.py").read_text(encoding="utf-8")
    assert "# my own comment\nHALF = 0.5" in text and "# above gelu\ndef gelu(x):" in text
    assert "return next(itertools.repeat(x * x))" in text and "import itertools" in text
    assert "picture" not in text and "YOUR CODE" not in text
    assert "- `gelu`: written by hand" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_with_every_lesson_passed_everything_is_the_learner_s(mine, tmp_path):
    mine.passes(*(lesson.number for lesson in course.lessons()))
    code, out = mine.says("export", "out")
    assert code == 0 and "28 of 28 parts are your own code" in out and "the course's" not in out


def test_a_part_can_be_imported_by_itself(mine, tmp_path):
    mine.says("export", "out")
    assert runs(tmp_path / "out", "from vit.attention_head import attention; print(attention.__name__)") == "attention\n"


def test_two_helpers_of_the_same_name_stay_apart(mine, tmp_path):
    helper = "def helper():\n    return 'of {0}'\n\n\ndef {0}({1}, note=helper):\n"
    mine.passes("linear", changes={"def linear(x, weight, bias):\n": helper.format("linear", "x, weight, bias")})
    mine.passes("gelu", changes={"def gelu(x):\n": helper.format("gelu", "x")})
    assert mine.says("export", "out")[0] == 0
    code = "from vit import mine; print(*(f.__defaults__[-1]() for f in (mine.linear, mine.gelu)), sep=', ')"
    assert runs(tmp_path / "out", code) == "of linear, of gelu\n"


@pytest.mark.parametrize(
    "line, sentence",
    [
        ("from minivit.data import load", "your code uses minivit.data"),
        ("from minivit.ops import gelu as load", "your code uses minivit.ops"),
        ("import matplotlib.pyplot as load", "your code uses matplotlib.pyplot"),
    ],
)
def test_what_cannot_come_along_is_named_with_its_line(mine, tmp_path, line, sentence):
    path = mine.passes(
        "gelu", changes={"import math\n": f"import math\n{line}\n", "def gelu(x):\n": "def gelu(x, unused=load):\n"}
    )
    at = 1 + path.read_text(encoding="utf-8").splitlines().index(line)
    code, out = mine.says("export", "out")
    assert code == 2 and f"{GELU}, line {at}: {sentence}" in flat(out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["work"]


def test_an_import_inside_a_function_that_would_be_changed_is_named(mine):
    mine.passes(
        "linear", changes={"def linear(x, weight, bias):\n": "def linear(x, weight, bias):\n    from lessons import mine\n"}
    )
    code, out = mine.says("export", "out")
    assert code == 2 and "put this import at the top of the file" in flat(out)


def test_what_does_not_run_is_told_and_not_left_behind(mine, tmp_path):
    mine.passes("gelu", changes={"def gelu(x):\n": "def gelu(x):\n    nothing_of_this_name\n"})
    code, out = mine.says("export", "out")
    assert code == 2 and "it does not run: NameError: name 'nothing_of_this_name' is not defined" in flat(out)
    assert "vit/gelu.py" in flat(out).replace("\\", "/")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["work"]


def test_a_function_that_is_gone_is_named(mine):
    mine.passes("gelu", changes={"def gelu(x):": "def gelou(x):"})
    code, out = mine.says("export", "out")
    assert code == 2 and f"{GELU} does not define gelu any more: python -m lessons check 05" in flat(out)


def test_nothing_that_is_there_is_touched(mine, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        code, out = mine.says("export", name)
        assert code == 2 and f"{name} is there already" in flat(out)
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["letter.txt"] and (tmp_path / "file").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert mine.says("export", "empty")[0] == 0
