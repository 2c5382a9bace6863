"""Without a command: where you are, and what to do next."""

from minivit.called import called

from .. import course
from ..screen import say, shown, table


def run():
    """Where you are, and what to do next: three lines."""
    lesson, states = course.current(), course.progress()
    done = sum(s.status == "passed" for s in states.values())
    if lesson is None:
        say("You have done every lesson of this course. The Vision Transformer that you wrote:", "title")
        last = [x for x in course.lessons() if x.name.endswith("_train_it")]
        table(
            [(f"python {shown(x.file)} digits", "train it, your own code all the way down") for x in last]
            + [
                (f"{called('lessons')} progress", "look at it, part by part, and at the page about it"),
                (f"{called('lessons')} export my_vit", "take it home as a package"),
                (f"{called('lessons')} train --mine", "the library's ViT with your functions in it"),
            ]
        )
        return
    say(f"minivit: write a Vision Transformer yourself, {len(course.lessons())} lessons. {done} done.", "title")
    say(f"Next: {lesson.number} {lesson.title}, {lesson.about.MINUTES} minutes. {lesson.about.GOALS[0]}")
    if lesson.learner_file:
        say(f"Write in {shown(lesson.learner_file)}, then: {called('lessons')} check {lesson.number}")
    else:
        say(f"Begin with: {called('lessons')} start {lesson.number}")
