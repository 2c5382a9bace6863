"""The command reset."""

from .. import course, writing
from ..pages import build
from ..screen import say, shown

HELP = "begin a lesson again; yours is kept as a backup"


def run(lesson):
    """Writes the lesson's file anew. Yours is kept beside it as a backup."""
    path = lesson.file
    writing.keep_backup(lesson)
    writing.write(path, build.stub(lesson.source, lesson.name))
    course.record(lesson, status="started", done=0, hints=0)
    say(f"{shown(path)} is as at the beginning.")
