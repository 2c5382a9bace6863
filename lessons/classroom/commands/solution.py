"""The command solution: the course's own answer, after passing, or when it is asked for twice."""

from minivit.called import called

from .. import course, writing
from ..pages import build
from ..screen import say, shown, writable

HELP = "the course's own answer"


def arguments(parser):
    parser.add_argument("--yes", action="store_true", help="before the lesson is passed too")
    parser.add_argument("--write", action="store_true", help="write it as your file, to run it; yours is kept as a backup")


def run(lesson, yes, write):
    """Shows the course's own answer, or writes it as your file."""
    if course.state(lesson).status != "passed" and not yes:
        raise ValueError(
            f"lesson {lesson.number} is not passed yet: a hint may be enough ({called('lessons')} hint {lesson.number}). "
            f"To see the answer all the same: {called('lessons')} solution {lesson.number} --yes"
        )
    if write:
        writing.keep_backup(lesson)
        writing.write_helpers(lesson.file.parent)
        writing.write(lesson.file, build.solution(lesson.source, lesson.name))
        say(f"{shown(lesson.file)} is the course's own answer now. Run it: python {shown(lesson.file)}")
        return
    for cell in build.cells(lesson.source):
        if cell.kind == "code" and "# BEGIN SOLUTION" in cell.text:
            print(writable(build.solved(cell.text)) + "\n")
