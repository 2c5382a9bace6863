"""Training in the tab: the curve grows, stop keeps what was learned, and a drawing is read."""

import re

import pytest

from lessons.classroom import course
from lessons.classroom.pages import build

from ..support.site import Visitor

LONG = 300_000  # milliseconds: of a crowded machine


class Trainer:
    """Somebody who trains in a page."""

    def __init__(self, visitor):
        self.visitor, self.page = visitor, visitor.page
        self.section = self.page.locator("#train")
        self.told = self.section.locator("p[role=status]").first
        self.answer = self.section.locator(".answer")

    def press(self, name):
        self.section.get_by_role("button", name=name, exact=True).click()

    def waits_for(self, text):
        self.told.filter(has_text=text).wait_for(timeout=LONG)
        return self.told.inner_text()

    def shares(self):
        """The accuracies on the curve, in percent, from the places of its dots."""
        dots = self.section.locator(".curve .dot").evaluate_all("all => all.map((dot) => +dot.getAttribute('cy'))")
        return [100 * (164 - y) / 152 for y in dots]

    def draws(self, *strokes):
        """Strokes with the mouse, each a list of places from 0 to 1."""
        sheet = self.section.locator(".paper canvas")
        sheet.scroll_into_view_if_needed()
        box = sheet.bounding_box()
        for stroke in strokes:
            for number, (x, y) in enumerate(stroke):
                self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
                if not number:
                    self.page.mouse.down()
            self.page.mouse.up()

    def reads(self, text):
        self.answer.filter(has_text=text).wait_for(timeout=LONG)
        return self.answer.inner_text()


SEVEN = [(0.25, 0.12), (0.75, 0.12), (0.6, 0.5), (0.4, 0.92)]


def file_of(number, change=lambda text: text):
    lesson = course.find(number)
    return f"{lesson.name}/index.html", {f"{lesson.name}.py": change(build.solution(lesson.source, lesson.name))}


@pytest.fixture(scope="module")
def front(browser, address):
    """Somebody at the front door, whose Python is started once."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        visitor = Visitor(context, address).at("train.html")
        yield Trainer(visitor)
        assert visitor.foreign() == [] and visitor.wrong == []


def test_a_vit_trains_in_the_tab_and_reads_what_is_drawn_while_it_learns(front):
    trainer = front
    trainer.press("Train")
    trainer.draws(SEVEN)
    trainer.reads("After 1 epoch it says")
    trainer.waits_for("After epoch 2 of 25")
    first, second = trainer.shares()[:2]
    assert 10 < first < second
    assert trainer.section.locator(".curve .line").first.get_attribute("points").count(",") >= 24  # a point a step
    assert re.fullmatch(r"epoch \d+ of 25, [\d,]+ images a second", trainer.section.locator(".speed").inner_text())
    trainer.press("Stop")
    told = trainer.waits_for("Stopped")
    assert re.search(r"after [23] of 25 epochs\. Draw a digit\.", told)
    assert "It looks most at row" in trainer.reads(re.compile("After [23] epochs it says"))
    assert trainer.section.locator(".shares .best").count() == 1
    trainer.press("Clear")
    trainer.reads("Nothing is drawn.")


def test_stop_counts_while_python_is_still_loading(visitor):
    trainer = Trainer(visitor.at("train.html"))
    trainer.press("Train")
    assert "loading" in visitor.page.inner_text("#python")
    trainer.press("Stop")
    assert "no epoch is complete" in trainer.waits_for("Stopped")


def test_the_learners_mlp_trains_to_its_end_and_reads_a_seven(visitor):
    place, files = file_of("07", lambda text: text.replace("first_run(epochs=20", "first_run(epochs=3"))
    trainer = Trainer(visitor.at(place))
    trainer.press("Train")
    said = trainer.section.locator(".out.wrong:not(:empty)")
    said.wait_for(timeout=LONG)
    assert said.inner_text() == "normalise is not written yet: write it and check it first."
    visitor.write(*files.values())
    trainer.draws(SEVEN)
    trainer.reads("Nothing can be read from it yet.")
    trainer.press("Train again")
    assert "Done: 9" in trainer.waits_for("Done") and len(trainer.shares()) == 3
    assert "After 3 epochs it says 7" in trainer.reads("After 3 epochs")
    assert visitor.files().items() >= files.items()


def test_a_loop_of_the_learners_that_ends_python_is_told_as_in_a_check(visitor):
    line = "        order = rng.permutation"
    place, files = file_of("07", lambda text: text.replace(line, f"        import os; os._exit(0)\n{line}", 1))
    assert "os._exit" in str(files)
    visitor.at("index.html").keeps(files)
    trainer = Trainer(visitor.at(place))
    trainer.press("Train")
    said = trainer.section.locator(".out.wrong:not(:empty)")
    said.wait_for(timeout=LONG)
    assert "ended Python" in said.inner_text() and "please report it" not in trainer.section.inner_text()


def test_the_learners_vit_trains_by_the_learners_loop(visitor):
    place, files = file_of("16")
    visitor.at("index.html").keeps(files)
    trainer = Trainer(visitor.at(place))
    trainer.press("Train")
    trainer.waits_for("After epoch 1 of 25")
    trainer.press("Stop")
    assert "epochs. Draw a digit." in trainer.waits_for("Stopped")
    trainer.draws(SEVEN)
    assert "It looks most at row" in trainer.reads(re.compile("After . epochs? it says"))


def test_training_stop_drawing_and_clear_go_by_keyboard(front):
    trainer, page = front, front.page
    trainer.section.get_by_role("button", name="Train").focus()
    page.keyboard.press("Enter")
    trainer.waits_for("Training …")
    assert page.evaluate("document.activeElement.textContent") == "Stop"
    page.keyboard.press("Enter")
    assert "no epoch is complete" in trainer.waits_for("Stopped")
    assert page.evaluate("document.activeElement.textContent") == "Train again"
    trainer.section.locator(".paper canvas").focus()
    for key in ("Space", *["ArrowDown"] * 9, "Space"):
        page.keyboard.press(key)
    trainer.reads("Not trained yet, it says")
    page.keyboard.press("Delete")
    trainer.reads("Nothing is drawn.")
