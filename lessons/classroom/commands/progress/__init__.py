"""The command progress: how far the learner is, the Vision Transformer with their own parts marked, and in the end a page."""

import re

from ... import course, trained
from ...screen import ends, say, shown, styled, writable
from ..list import mark
from . import diagram

HELP = "how far you are"


def run():
    """How far you are, and which parts of the Vision Transformer are yours. After lesson 16, a page to keep as well."""
    states = course.progress()
    done = 0
    for lesson in course.lessons():
        state = states.get(lesson.number, course.State())
        total = len(lesson.tasks)
        done += state.status == "passed"
        filled = total if state.status == "passed" else min(state.done, total)
        bar = "█" * filled + "░" * (total - filled)
        ends(f"  {lesson.number}  {lesson.title:36.36} {writable(bar):12} {mark(lesson, states):8}", state.date)
    say(f"{done} of {len(course.lessons())} lessons done.", "title")
    _show_diagram()
    say(f"Your files and progress.txt are in {shown(course.work())}.")
    _write_page(states)


def _show_diagram():
    lines, own, parts = diagram.diagram()
    if lines:
        print()
        say(f"The Vision Transformer: {own} of {parts} parts are your own code.", "title")
        for line in lines:
            print(styled(f"  {line}", "ok") if re.search(r" yours\b", line) else f"  {line}".rstrip())
        print()


def _write_page(states):
    """The page of somebody who has trained their own ViT."""
    from .certificate import write_page

    lesson = next((x for x in course.lessons() if any(e.name == "train_vit" for e in x.exercises)), None)
    if lesson is None or states.get(lesson.number, course.State()).status != "passed":
        return
    if not trained.saved_file().exists():
        say(f"Train your own ViT, and there will be a page about it: python {shown(lesson.file)} digits")
        return
    page = course.work() / "my_vit.html"
    write_page(page, *trained.saved_vit())
    say(f"Your ViT, its training and your code on one page, to keep or to print: {shown(page)}")
