"""The pages as HTML: every text is a text, and what a page may load stands in it."""

import json
import re
from types import SimpleNamespace

import pytest

from lessons.classroom import course
from lessons.classroom.pages import build
from lessons.classroom.site import build as site_build
from lessons.classroom.site import node, pages

LESSON = course.find("05")


@pytest.fixture(scope="module")
def page():
    html = {number: f"<p>cell {number}</p>" for number, _ in enumerate(build.cells(LESSON.source))}
    return pages.lesson(LESSON, html, course.find("04"), None, "")


def data_of(page):
    return json.loads(re.search(r'(?s)<script type="application/json" id="data">(.*?)</script>', page)[1])


def test_the_cells_put_together_are_the_learners_file(page):
    cells = data_of(page)["cells"]
    file = "\n".join(cell["text"] if cell["kind"] == "markdown" else f"# %%\n{cell['text']}\n" for cell in cells)
    assert file == build.stub(LESSON.source, LESSON.name)


def test_the_page_shows_no_solution(page):
    assert not [line for line in build.solution_lines(LESSON.source) if len(line) > 20 and line in page]


def test_a_page_loads_nothing_from_elsewhere_unless_told_so(page):
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', page) == []
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#x27;", "'")
    assert "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; " in policy and "connect-src 'self' blob:; " in policy
    assert "connect-src 'self' blob: https://cdn/; " in pages.page("t", "b", foreign="https://cdn/").replace("&#x27;", "'")


def test_texts_are_escaped():
    question = SimpleNamespace(text="a < b & <i>", lettered=lambda: {"a": "<b>"}, letter="a", because="</script><script>")
    about = SimpleNamespace(QUIZ=[question], GOALS=["<goal>"], MINUTES=1)
    hostile = SimpleNamespace(number="99", name="99_x", title="<x>", about=about, source='# %%\nx = "</script><b>"', checked=[])
    made = pages.lesson(hostile, {}, None, None, "") + pages.index([hostile])
    assert made.count("<script") == made.count("</script>") == 4
    assert not [tag for tag in ("<i>", "<x>", "<goal>", '"</script><b>"') if tag in made]
    assert data_of(made)["quiz"][0]["because"] == "</script><script>"


def test_without_node_one_sentence_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(node.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="node is not found: the site is built with Node 20 or later"):
        node.Tools()


def test_a_site_is_written_over_nothing_else(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="file is a file: name an empty folder"):
        site_build.site(tmp_path / "file")
    with pytest.raises(ValueError, match="holds other files than a site"):
        site_build.site(tmp_path)
    assert (tmp_path / "file").read_text() == "mine"
    checkout = tmp_path / "checkout of a site"
    (checkout / ".git").mkdir(parents=True)
    (checkout / "course.zip").touch()
    with pytest.raises(ValueError, match="holds other files than a site"):
        site_build.site(checkout)


def test_a_demo_that_cannot_be_drawn_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(site_build.cli, "main", lambda arguments: print("no room") or 2)
    with pytest.raises(ValueError, match=r"^the demo of lesson 05 could not be drawn: no room$"):
        site_build._demo(LESSON, tmp_path)


def test_the_lock_pins_every_package_by_its_hash_and_names_no_registry():
    lock = json.loads((node.WEB / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert len(packages) > 20 and all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not [name for name, package in packages.items() if "resolved" in package]
    wanted = json.loads((node.WEB / "package.json").read_text(encoding="utf-8"))
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_links_between_the_course_s_texts_lead_to_their_pages():
    text = "[a](machines.md) [b](README.md) [c](16_train_it/machines.md) [d](16_train_it/README.md) [e](https://x.org/a.md)"
    assert site_build._linked(text) == (
        "[a](machines.html) [b](index.html) [c](16_train_it/machines.html) [d](16_train_it/index.html) [e](https://x.org/a.md)"
    )
