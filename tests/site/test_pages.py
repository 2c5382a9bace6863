"""Every page opens without an error, shows its formulas and pictures, and can be used by everybody."""

import itertools

import pytest

from lessons.classroom import course

LESSONS = [pytest.param(lesson, id=lesson.name) for lesson in course.lessons()]
PAGES = ["index.html", "train.html", "readme.html", "teachers.html", "miniatures.html"]
PAGES += [f"{lesson.name}/{page}.html" for lesson in course.lessons() for page in ("index", "teacher")]
KINDS = [
    "index.html",
    "train.html",
    "07_first_training/index.html",
    "miniatures.html",
    "teachers.html",
    "08_layernorm/index.html",
    "08_layernorm/teacher.html",
]
LOOKS = list(itertools.product(KINDS, ["light", "dark"], [360, 1280]))


def test_every_page_opens_and_every_link_and_picture_is_there(browser, address, shared):
    """One after the other in one tab, as a reader goes through them."""
    page, links = shared.context.new_page(), set()
    page.on("pageerror", lambda error: shared.wrong.append(str(error)))
    page.on("console", lambda said: said.type == "error" and shared.wrong.append(said.text))
    for place in PAGES:
        page.goto(f"{address}/{place}", wait_until="domcontentloaded")
        assert page.locator("h1").count() == 1, place
        links |= set(page.eval_on_selector_all("main a, main img", "all => all.map((e) => e.href ?? e.src)"))
        lesson = next((x for x in course.lessons() if place == f"{x.name}/index.html"), None)
        if lesson:
            page.wait_for_selector("body[data-shown]", timeout=60_000)
            assert page.locator(".cm-editor").count() == sum(line == "# %%" for line in lesson.source.splitlines())
            assert page.locator(".cell button:text-is('Check')").count() >= 1
            assert page.locator("#quiz fieldset").count() == len(lesson.about.QUIZ)
    page.close()
    for link in {link.split("#")[0] for link in links if link.startswith(address)}:
        assert shared.context.request.get(link).ok, link


@pytest.mark.parametrize("place, scheme, width", LOOKS)
def test_it_passes_axe_and_fits_its_width(browser, address, axe, place, scheme, width):
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True) as context:
        page = context.new_page()
        page.goto(f"{address}/{place}")
        page.wait_for_selector("body[data-shown]", timeout=60_000)
        page.evaluate(axe)
        found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})")
        told = [(v["id"], v["nodes"][0]["html"][:200], v["nodes"][0]["failureSummary"][:300]) for v in found["violations"]]
        assert told == [] and len(found["passes"]) > 10
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_is_reached_by_keyboard(visitor):
    page = visitor.at("05_gelu/index.html").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator(".cell:has(button:text-is('Check')) .cm-content").focus()
    page.keyboard.press("Escape")  # then Tab moves on instead of indenting
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Check"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Hint"
