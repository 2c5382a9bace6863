"""What is the learner's own: `mine`, their functions from all lessons by name; their folder, work(); their trained ViT. And what
lies beside a lesson for its code to read."""

import contextlib
import re

from minivit.called import called

from .classroom.course import find, work
from .classroom.trained import digits_vit, saved_file, saved_vit, trained_vit

__all__ = ["beside", "digits_vit", "mine", "saved_file", "saved_vit", "trained_vit", "work"]


def beside(number, name):
    """The path of a file that stands in a lesson's folder."""
    return find(number).folder / name


class _Mine:
    """mine.gelu is the learner's gelu if its lesson is passed, else the course's own."""

    def __init__(self):
        self._lessons, self._names, self._used = {}, {}, {}
        self.lesson_checked = None  # by the worker: what this lesson has the learner write cannot be borrowed
        self._of_the_course = False

    def __getattr__(self, name):
        from .classroom import course

        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._lessons:
            self._lessons[name] = next((x for x in course.lessons() if re.search(rf"(?m)^(def|class) {name}\b", x.source)), None)
        lesson = self._lessons[name]
        if lesson is None:
            raise AttributeError(f"no lesson defines {name}")
        if lesson is self.lesson_checked:
            raise AttributeError(f"mine.{name} is what this lesson has you write")
        theirs = not self._of_the_course and course.state(lesson).status == "passed" and lesson.learner_file is not None
        self._used[name] = theirs
        names = self._namespace(lesson, theirs)
        if name not in names:
            raise AttributeError(
                f"{lesson.learner_file} does not define {name} any more: {called('lessons')} check {lesson.number}"
            )
        return names[name]

    @contextlib.contextmanager
    def of_the_course(self):
        """Inside, nothing is the learner's and no file of theirs is looked at: what is proved of the course hangs on nobody's
        answers, and answers that use a name in a loop are not slowed by the disk."""
        before, self._of_the_course = self._of_the_course, True
        try:
            yield
        finally:
            self._of_the_course = before

    def _namespace(self, lesson, theirs):
        """What the learner's file, or the solution, defines; loaded again when the file was saved."""
        from .classroom.checker import diagnose, loading

        if not theirs:
            return diagnose.solution_names(lesson)
        path = lesson.learner_file
        saved = path.stat().st_mtime_ns
        if self._names.get(path, (None,))[0] != saved:
            try:
                self._names[path] = saved, loading.load(path, loading.read(path))
            except loading.Problem as problem:
                raise ValueError(f"{path}: {problem.lines[0]}") from None
        return self._names[path][1]

    def __repr__(self):
        of_course = "the course's"
        return "mine: " + ", ".join(f"{name} ({'yours' if own else of_course})" for name, own in self._used.items())


mine = _Mine()
