"""The command start."""

from minivit.called import called

from .. import course, writing
from ..pages import build
from ..screen import say, shown

HELP = "write your file for a lesson, in work/"


def run(lesson):
    """Writes your file for a lesson into work/. A file that is there already stays as it is."""
    path = lesson.file
    writing.write_helpers(path.parent)
    if lesson.learner_file == lesson.notebook:
        say(f"You do this lesson in {shown(lesson.notebook)}; no other file is written.")
    elif path.exists():
        say(f"{shown(path)} is there already; it stays as it is. ({called('lessons')} reset {lesson.number} begins again)")
    else:
        writing.write(path, build.stub(lesson.source, lesson.name))
        if course.state(lesson).status not in ("passed", "skipped"):
            course.record(lesson, status="started")
        say(f"Your file: {shown(path)}", "title")
    missing = [n for n in lesson.about.NEEDS if course.progress().get(n, course.State()).status != "passed"]
    if missing:
        numbers = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        say(f"It builds on {numbers}, which you have not finished: you can go on all the same.")
    say("It holds the lesson to read and the places to write. Open it in an editor; then")
    say(f"{called('lessons')} check {lesson.number}   is it right?", indent=2)
    say(f"{called('lessons')} watch {lesson.number}   the same, at every save", indent=2)
