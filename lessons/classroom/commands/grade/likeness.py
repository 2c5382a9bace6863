"""Which files of a class are alike once names and layout are made the same. A hint for a talk, never a verdict: a lesson leaves
only so much freedom, and two right answers may be alike by themselves.

Compared is what the students wrote: the exercises, and functions of a name that the lesson's stub does not have.
"""

import ast
import itertools
import re
from difflib import SequenceMatcher

from ...checker import loading
from ...pages import build
from ...screen import say, table

LIMIT = 0.85  # as difflib measures. Right answers written another way, in the lessons' correct.py, stay below 0.65
SHORTEST, LONGEST = 40, 5_000  # words: less is alike by chance, more takes difflib minutes
SHOWN = 20  # pairs
HINT = (
    "This is a hint for a talk, and never a verdict: names, comments and layout are left out of the comparison, and short "
    "answers that are right look alike by themselves."
)


def show(students):
    """Prints the pairs of files that are alike, lesson by lesson."""
    found, unread = [], []
    for lesson in dict.fromkeys(lesson for student in students for lesson in student.outcomes):
        words = {}
        for student in students:
            if lesson in student.files:
                try:
                    words[student.name] = written(lesson, loading.read(student.files[lesson]))
                except (loading.Problem, SyntaxError, ValueError, RecursionError, MemoryError):
                    unread.append(f"{student.name}: {lesson.name}")
        own = written(lesson, build.solution(lesson.source, lesson.name))
        found += [(share, lesson, pair, own_too) for share, pair, own_too in pairs(words, own)]
    found.sort(key=lambda row: -row[0])
    print()
    say(f"Alike: {len(found)} pair{'s' * (len(found) != 1)} of files", "title")
    say(HINT)
    if found:
        table([_row(*row) for row in found[:SHOWN]])
    if len(found) > SHOWN:
        say(f"and {len(found) - SHOWN} more pairs", indent=2)
    if unread:
        say(f"not compared, as Python cannot read them: {', '.join(unread)}")


def _row(share, lesson, pair, own_too):
    note = ", and both like the course's own answer" if own_too else ""
    return lesson.number, f"{100 * share:.0f} %", " and ".join(pair) + note


def pairs(words, own):
    """[(likeness, (student, student), whether both are like the course's own answer as well)]. words: {student: words}."""
    to_own = {name: likeness(theirs, own) >= LIMIT for name, theirs in words.items()}
    compared = ((a, b, likeness(words[a], words[b])) for a, b in itertools.combinations(words, 2))
    return [(share, (a, b), to_own[a] and to_own[b]) for a, b, share in compared if share >= LIMIT]


def likeness(a, b):
    """From 0 to 1; 0 where one is too short to tell."""
    if min(len(a), len(b)) < SHORTEST:
        return 0.0
    matcher = SequenceMatcher(None, a[:LONGEST], b[:LONGEST], autojunk=False)
    bounds = (matcher.real_quick_ratio, matcher.quick_ratio)  # from above, and soon found
    return matcher.ratio() if all(bound() >= LIMIT for bound in bounds) else 0.0


def written(lesson, text):
    """The words of what somebody wrote in a lesson's file, with names and layout made the same."""
    given, functions = _functions(build.stub(lesson.source, lesson.name)), _functions(text)
    asked = [exercise.name for exercise in lesson.exercises]
    theirs = [(i, functions[name]) for i, name in enumerate(asked) if functions.get(name) not in (None, given.get(name))]
    theirs += [(len(asked), function) for name, function in functions.items() if name not in given]
    return [word for _, function in sorted(theirs) for word in re.findall(r"\w+|[^\w\s]+", function)]


def _functions(text):
    """{name: the function, made the same} of those at the top of a file."""
    tree = ast.parse(text)
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    modules = {a.asname: a.name for node in tree.body if isinstance(node, ast.Import) for a in node.names if a.asname}
    return {name: ast.unparse(_Same(modules, found).visit(node)) for name, node in found.items()}


class _Same(ast.NodeTransformer):
    """One function with its own names numbered as they appear, without docstrings and annotations."""

    def __init__(self, modules, functions):
        self.modules, self.functions, self.numbers = modules, functions, {}

    def _name(self, name):
        return self.numbers.setdefault(name, f"v{len(self.numbers)}")

    def visit_FunctionDef(self, node):
        own = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        own |= {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
        own |= {part.name for part in ast.walk(node) if isinstance(part, ast.FunctionDef)}
        self.own = getattr(self, "own", own | set(self.functions))
        node.name, node.returns, node.decorator_list = self._name(node.name), None, []
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_arg(self, node):
        return ast.arg(self._name(node.arg))

    def visit_Name(self, node):
        name = self._name(node.id) if node.id in self.own else self.modules.get(node.id, node.id)
        return ast.copy_location(ast.Name(name, node.ctx), node)

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        return node if node.value is None else ast.copy_location(ast.Assign([node.target], node.value), node)
