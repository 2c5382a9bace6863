"""What verify proves of a lesson's texts: pages, commands, hints, headings, and that nothing is used before it is taught."""

import ast
import re

from ... import course
from ...pages import build
from .. import NAMES

COMMAND = re.compile(r"python -m lessons ([a-z]+)")


def readme(proof, write):
    """The syllabus in lessons/README.md is that of the lessons, and the commands that it names exist."""
    path = course.FOLDER / "README.md"
    text = path.read_text(encoding="utf-8")
    found = re.search(r"(?s)(<!-- made by: [^\n]* -->\n)(.*?)(<!-- end -->)", text)
    current = build.syllabus(course.lessons()) + "\n"
    if write:
        text = text.replace(found[0], found[1] + current + found[3])
        path.write_text(text, encoding="utf-8", newline="\n")
    proof.expect(write or found[2] == current, "the syllabus in lessons/README.md is not up to date: verify --write")
    unknown = _unknown_commands(text)
    proof.expect(not unknown, f"lessons/README.md names commands that do not exist: {unknown}")


def _unknown_commands(text):
    return sorted(set(COMMAND.findall(text)) - set(NAMES))


def texts(proof):
    """The page is up to date, headings exist, commands exist, hints do not show the solution, and lessons hold what they must."""
    lesson, about = proof.lesson, proof.lesson.about
    page = lesson.folder / "README.md"
    current = build.page(lesson.source, lesson.number)
    proof.expect(
        page.exists() and page.read_text(encoding="utf-8") == current, "README.md is not made from lesson.py: verify --write"
    )
    teacher = (lesson.folder / "teacher.md").read_text(encoding="utf-8")
    unknown = _unknown_commands(lesson.source + teacher)
    proof.expect(not unknown, f"its text names commands that do not exist: {', '.join(unknown)}")
    proof.expect(
        "## Argue about it" not in lesson.source or '"Argue about it"' in teacher,
        'teacher.md does not say where "Argue about it" may lead',
    )
    missing = set(re.findall(r"(?i)\blesson (\d\d)\b", lesson.source + teacher)) - {other.number for other in course.lessons()}
    proof.expect(not missing, f"its text names lessons that do not exist: {', '.join(sorted(missing))}")
    secret = [line for line in build.solution_lines(lesson.source) if len(line) > 8]
    headings = re.findall(r"(?m)^# ##+ (.*)$", lesson.source)
    for task in lesson.tasks:
        hints = task.exercise.hints.get(task.part, ())
        proof.expect(len(hints) == 3, f"{task.title} has {len(hints)} hints, and needs 3")
        proof.expect(
            not any(line in hint for line in secret for hint in hints), f"a hint of {task.title} shows a line of the solution"
        )
        read = task.exercise.read.get(task.part)
        proof.expect(read in headings, f"{task.title} points to the heading {read!r}, which the lesson does not have")
    proof.expect(
        all(not any(line in m.says for line in secret) for e in lesson.exercises for m in e.mistakes),
        "a mistake's sentence shows the solution",
    )
    proof.expect(
        2 <= len(about.QUIZ) <= 6 and all(0 <= q.right < len(q.answers) for q in about.QUIZ), "its quiz has 2 to 6 questions"
    )
    proof.expect(all(n < lesson.number for n in about.NEEDS), "it needs a lesson that comes later")
    proof.expect(not _used_before(lesson), f"it uses before they are taught: {', '.join(_used_before(lesson))}")


def _used_before(lesson):
    """Names that the solution takes from `mine` or defines later: each must come from an earlier lesson."""
    used = {node.attr for node in ast.walk(ast.parse(build.solution(lesson.source, lesson.name)))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mine"}  # fmt: skip
    earlier = "\n".join(other.source for other in course.lessons() if other.number < lesson.number)
    return sorted(name for name in used if not re.search(rf"(?m)^(def|class) {name}\b", earlier))
