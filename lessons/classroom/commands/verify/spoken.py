"""Every sentence that the checks can say, for reading aloud: those of the checker itself, then those of each lesson."""

import ast
import re
from pathlib import Path

from ... import checker
from ...pages import build
from ...screen import say

CHECKER = Path(checker.__file__).parent
WORDS = 3  # a text of fewer is a name or a label
OF_THE_LESSON = {"TITLE", "GOALS", "PICTURE", "QUIZ", "NEEDS"}  # read on other occasions
ARGUMENTS = {"hints", "read", "old", "new", "symbols"}


def speak(lessons):
    """Prints them; returns the exit code."""
    for path in sorted(CHECKER.glob("*.py")):
        _print(f"checker/{path.name}", sentences_in(path.read_text(encoding="utf-8")))
    for lesson in lessons:
        listed = [mistake.says for exercise in lesson.exercises for mistake in exercise.mistakes]
        written = sentences_in((lesson.folder / "check.py").read_text(encoding="utf-8"))
        code = " ".join(build.solution(lesson.source, lesson.name).split())
        _print(f"{lesson.number} {lesson.title}", [*listed, *(text for text in written if text not in code)])
    return 0


def _print(title, texts):
    texts = [text for text in dict.fromkeys(texts) if text]
    if texts:
        say(f"{title}: {len(texts)}", "title")
        print("".join(f"  {text}\n" for text in texts))


def sentences_in(source):
    """The texts of more than two words in a file that are no docstring, no code and no part of a page; {…} is filled in later."""
    found = []

    def walk(node):
        if isinstance(node, ast.Assign) and OF_THE_LESSON & {getattr(name, "id", "") for name in node.targets}:
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            return
        if isinstance(node, ast.keyword) and node.arg in ARGUMENTS:
            return
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Mistake":
            for part in (*node.args[:1], *node.keywords):  # what stands behind is code
                walk(part)
            return
        if isinstance(node, ast.JoinedStr | ast.Constant):
            text = _text(node)
            if len(re.findall(r"[^\W\d_]{2,}", text)) >= WORDS and " " in text:
                found.append(" ".join(text.split()))
            return
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse(source))
    return found


def _text(node):
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(_text(part) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}" for part in node.values)
