"""The command export: the learner's Vision Transformer as a package of its own, which trains with NumPy alone."""

import contextlib
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import minivit.data
from minivit import backend

from ... import course
from ...screen import say, shown, table
from .pieces import collect, source

HELP = "your ViT as a package of its own, with NumPy alone"
HERE = Path(__file__).parent
WANTED = ("train_vit", "evaluate_vit", "keep", "RUNS", "vit_parameters", "count_parameters", "Sizes")
SELF_CHECK = """
import sys
sys.modules["minivit"] = sys.modules["lessons"] = None  # nothing of the course may be needed
sys.path.insert(0, {folder!r})
import train
train.main(["--epochs", "1", "--images", "64", "--out", {out!r}])
"""


def arguments(parser):
    parser.add_argument("folder", help="a folder that is not there yet, or is empty")


def run(folder):
    """Writes your Vision Transformer, from the engine to the training loop, as one package that trains without this course. What
    you have not passed is the course's own code, and it says so."""
    export(folder)


def export(folder):
    """Writes the package and says whose its parts are. Raises ValueError if the folder is not empty, or if the package would not
    run; nothing is left behind then."""
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ValueError(f"{folder} is there already: name a folder that does not exist yet, or an empty one")
    files = collect(WANTED)
    mine, rows = _whose(files)
    building = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        _write(building, files, mine, rows)
        _check(building)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            folder.rmdir()
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    say(f"Your Vision Transformer is in {shown(folder)}: {len(mine)} of {len(rows)} parts are your own code.", "title")
    table(rows)
    say("check_gradient (lesson 03) is not among them: training does not need it.")
    say("The package needs NumPy and nothing of this course. Train it:")
    say(f"cd {shown(folder)} && python train.py", indent=2)


def _whose(files):
    """(the names of the learner's parts, rows (part, whose)): the exercises that are in the package."""
    rows, mine = [], []
    for file in files:
        defined = {name for statement in file.needed if (name := getattr(statement, "name", None))}
        for exercise in file.lesson.exercises:
            if exercise.name in defined:
                rows.append((exercise.name, "yours" if file.theirs else f"the course's: lesson {file.lesson.number}"))
                mine += [exercise.name] * file.theirs
    return mine, rows


def _write(folder, files, mine, rows):
    """Everything that belongs into the package."""
    package = folder / "vit"
    package.mkdir(parents=True)
    imports = "\n".join(f"from .{file.module} import {', '.join(sorted(file.asked))}" for file in files)
    texts = {file.module: source(file) for file in files} | {
        "__init__": '"""A Vision Transformer, every gradient by hand."""\n\nfrom . import mine\n\n__all__ = ["mine"]\n',
        "mine": f'"""What this Vision Transformer is made of, each part under its name."""\n\n{imports}\n',
    }
    if any("error_function" in text for text in texts.values()):
        texts["error_function"] = _error_function()
    for name, text in texts.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8", newline="\n")
    data = Path(minivit.data.__file__).parent
    for path in (HERE / "train.py", data / "digits.npz", data / "LICENSE-digits.txt", _licence()):
        shutil.copyfile(path, folder / path.name)
    (folder / "requirements.txt").write_text("numpy\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(mine, rows), encoding="utf-8", newline="\n")


def _licence():
    """minivit's licence: in a clone beside the course, in an installation where pip keeps it."""
    beside = course.FOLDER.parent / "LICENSE"
    kept = course.FOLDER.parent.glob("minivit-*.dist-info/licenses/LICENSE")
    return next(kept, beside)


def _error_function():
    """minivit's error function as a module."""
    body = inspect.getsource(backend.host_erf).replace("def host_erf", "def erf")
    return f'"""The error function for NumPy arrays, from minivit."""\n\nimport math\n\nimport numpy as np\n\n\n{body}'


def _readme(mine, rows):
    parts = "\n".join(f"- `{name}`: {'written by hand' if name in mine else 'from minivit'}" for name, _ in rows)
    return f"""# A Vision Transformer written by hand

The model of "An Image is Worth 16x16 Words" (arXiv 2010.11929), with every gradient written out, on an autograd engine of
its own. It needs NumPy and nothing else:

```sh
pip install -r requirements.txt
python train.py
```

That trains on 1,437 handwritten digits of 8 × 8 pixels for about a minute and tests on 360 others. `vit/` holds the model, one
file for each idea; `train.py` is the program around it.

{len(mine)} of the {len(rows)} parts were written in the course of minivit:

{parts}

What is from minivit is under its MIT licence (LICENSE). The digits: LICENSE-digits.txt.
"""


def _check(folder):
    """Trains the package for a moment in a process that knows nothing of the course. Raises ValueError."""
    out = folder / "checked.npz"
    code = SELF_CHECK.format(folder=str(folder), out=str(out))
    try:
        ran = subprocess.run(
            [sys.executable, "-I", "-B", "-c", code],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=120,
        )
    except subprocess.TimeoutExpired:
        raise ValueError("the package was written and tried, and one epoch on 64 digits took more than two minutes") from None
    with contextlib.suppress(FileNotFoundError):
        out.unlink()
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
        where = [line.strip() for line in ran.stderr.splitlines() if f"{folder.name}" in line and "line" in line]
        place = where[-1].split(folder.name, 1)[1].lstrip("/\\").replace('",', ",") if where else "train.py"
        raise ValueError(f"the package was written and tried, and it does not run: {last} ({place}). Check your lessons again")
