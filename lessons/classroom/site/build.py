"""Builds the site: a folder that any web server can hand out."""

import ast
import contextlib
import io
import re
import shutil
import tempfile
from pathlib import Path

from tqdm import tqdm

from ...miniatures.__main__ import ALL
from ...miniatures.runs import FOLDER as MINIATURES
from ...miniatures.runs import Results
from .. import cli, course
from ..pages import build as source
from . import front, pages, python
from .node import WEB, Tools

STATIC = ("style.css", "icon.svg", "worker.js")


def site(folder, wheels="cdn", demos=True):
    """Writes the site into `folder`, which is made anew. wheels: see python.write. demos: whether to draw the demos, which takes
    minutes. Raises ValueError where Node or a wheel is missing, or the folder holds something else."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: name an empty folder, or one that is not there")
    if folder.exists() and any(folder.iterdir()) and not _is_site(folder):
        raise ValueError(f"{folder} holds other files than a site: name an empty folder, or one that is not there")
    tools = Tools()
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=f".{folder.name}-") as beside:
        made = Path(beside) / "site"
        made.mkdir()
        _write(made, tools, wheels, demos)
        if folder.exists():
            folder.rename(Path(beside) / "old")
        made.rename(folder)


def _is_site(folder):
    """Whether all of it was made by `site`: a checkout of a site has a history, which is nowhere else."""
    return (folder / "course.zip").exists() and not (folder / ".git").exists()


def _write(folder, tools, wheels, demos):
    foreign = python.write(folder / "pyodide", tools.packages, wheels)
    python.project(folder / "course.zip")
    shutil.copy(course.FOLDER.parent / python.LARGE, folder)
    for name in STATIC:
        shutil.copy(WEB / name, folder)
    tools.bundle(folder)
    lessons = course.lessons()
    html = tools.html(_texts(lessons))
    (folder / "index.html").write_text(pages.index(lessons), encoding="utf-8")
    (folder / "train.html").write_text(pages.door(foreign, "readme" in html), encoding="utf-8")
    if "readme" in html:
        (folder / "readme.html").write_text(pages.plain("README", html["readme"]), encoding="utf-8")
    (folder / "teachers.html").write_text(pages.plain("For teachers", html["teachers"]), encoding="utf-8")
    (folder / "miniatures.html").write_text(pages.plain("The paper's questions", html["miniatures"]), encoding="utf-8")
    (folder / "miniatures").mkdir()
    for picture in MINIATURES.glob("*.png"):
        shutil.copy(picture, folder / "miniatures")
    neighbours = zip(lessons, [None, *lessons], [*lessons[1:], None], strict=False)
    for lesson, before, after in tqdm(neighbours, total=len(lessons), unit=" pages", leave=False, disable=None):
        own = folder / lesson.name
        own.mkdir()
        for picture in lesson.folder.glob("*.png"):
            shutil.copy(picture, own)
        cells = {number: html[f"{lesson.number} {number}"] for number, _ in _text_cells(lesson)}
        demo = _demo(lesson, own) if demos else None
        (own / "index.html").write_text(pages.lesson(lesson, cells, before, after, foreign, demo), encoding="utf-8")
        for name in _beside(lesson):
            title = f"{lesson.number} {lesson.title}: {'for the teacher' if name == 'teacher' else name}"
            page = pages.plain(title, html[f"{lesson.number} {name}"], "../")
            (own / f"{name}.html").write_text(page, encoding="utf-8")


def _beside(lesson):
    """The names of the texts that lie beside the lesson's own: teacher, and what else there is to read."""
    return sorted(path.stem for path in lesson.folder.glob("*.md") if path.stem != "README")


def _text_cells(lesson):
    """[(its number, Markdown)] of the cells of text; the lesson's picture with its whole text alternative."""
    words = re.sub(r"([\[\]\\])", r"\\\1", lesson.about.PICTURE)
    cells = [(i, cell.text) for i, cell in enumerate(source.cells(lesson.source)) if cell.kind == "markdown"]
    return [(i, re.sub(r"!\[[^\]]*\]\(expected\.png\)", lambda _: f"![{words}](expected.png)", text)) for i, text in cells]


def _texts(lessons):
    """{name: Markdown} of everything that is written in it."""
    texts = {"miniatures": _miniatures(), "teachers": _teachers(lessons)} | front.readme()
    for lesson in lessons:
        texts |= {f"{lesson.number} {number}": text for number, text in _text_cells(lesson)}
        texts |= {
            f"{lesson.number} {name}": _linked((lesson.folder / f"{name}.md").read_text(encoding="utf-8"))
            for name in _beside(lesson)
        }
    return texts


def _linked(text):
    """Markdown whose links to the course's texts lead to their pages."""
    text = re.sub(r"\]\(((?:\d\d_\w+/)?)README\.md\)", r"](\1index.html)", text)
    return re.sub(r"\]\(((?:\d\d_\w+/)?[a-z]+)\.md\)", r"](\1.html)", text)


def _teachers(lessons):
    """What lessons/README.md says to teachers, and a link to each lesson's page for them."""
    readme = (course.FOLDER / "README.md").read_text(encoding="utf-8")
    told = re.search(r"(?ms)^## Teaching with it\n(.*?)(?=^## )", readme)[1]
    told = _linked(told)
    told = re.sub(r"\[([^\]]+)\]\((?!\d\d_)[^)]+\)", r"\1", told)  # files of the project, which are not here
    rows = "\n".join(f"- [{x.number} {x.title}]({x.name}/teacher.html), {x.about.MINUTES} minutes" for x in lessons)
    return f"# For teachers\n\nEvery lesson has a page for whoever teaches it:\n\n{rows}\n\n## Teaching with it\n{told}"


def _miniatures():
    parts = ["# The paper's questions in miniature"]
    for name, study in ALL.items():
        results = Results(name, MINIATURES)
        whole = all(results.find(*job) is not None for job in study.jobs()) or not study.whole
        table = f"\n\n{study.table(results)}" if whole else ""
        picture = f"\n\n![{study.question}](miniatures/{name}.png)" if (MINIATURES / f"{name}.png").exists() else ""
        parts.append(f"## {study.question}\n\nIn the literature: {study.paper}{picture}{table}")
    return "\n\n".join(parts)


def _demo(lesson, folder):
    """The lesson's demo, saved into its folder as the command does it: (file, what it shows)."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        failed = cli.main(["demo", lesson.number, "--quick", "--save", str(folder / "demo")])
    if failed:
        raise ValueError(f"the demo of lesson {lesson.number} could not be drawn: {said.getvalue().strip()}")
    shows = ast.get_docstring(ast.parse((lesson.folder / "demo.py").read_text(encoding="utf-8")))
    return next(folder.glob("demo.*")).name, " ".join(shows.split())
