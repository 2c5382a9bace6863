"""Which pieces of the lessons' files a program needs: from a few names, over everything that these use, to whole modules."""

import ast
import re
import symtable
import sys
from dataclasses import dataclass, field

from minivit.called import called

from ... import course
from ...checker import loading
from ...pages import build
from ...screen import shown

ERF = "minivit.backend"  # the one module of the library of which a part comes along


@dataclass
class File:
    """One lesson's file, the learner's or the course's, and the statements of it that are needed."""

    lesson: object
    theirs: bool
    where: str  # how it is named in a sentence
    text: str
    tree: ast.Module
    asked: set = field(default_factory=set)  # names that other files use, as mine.name
    needed: set = field(default_factory=set)  # statements

    @property
    def module(self):
        return self.lesson.name[3:]


def file_of(lesson):
    """The learner's file if the lesson is passed, else the course's solution. Raises ValueError if theirs cannot be read."""
    theirs = course.state(lesson).status == "passed" and lesson.learner_file is not None
    where = shown(lesson.learner_file) if theirs else f"the course's lesson {lesson.number}"
    try:
        text = loading.read(lesson.learner_file) if theirs else build.solution(lesson.source, lesson.name)
        return File(lesson, theirs, where, text, ast.parse(text))
    except (loading.Problem, SyntaxError) as error:
        raise ValueError(f"{where} cannot be read ({error}): {called('lessons')} check {lesson.number}") from None


def collect(names):
    """[File] in the order of the lessons: what `names` need, with all that they use.

    Raises ValueError for a name that no lesson, or the learner's file no longer, defines.
    """
    files, found, open_names = {}, set(), list(names)
    while open_names:
        name = open_names.pop()
        if name in found:
            continue
        found.add(name)
        lesson = next((x for x in course.lessons() if re.search(rf"(?m)^(def|class) {name}\b|^{name} = ", x.source)), None)
        if lesson is None:
            raise ValueError(f"mine.{name} is used, and no lesson defines {name}")
        file = files[lesson.number] = files.get(lesson.number) or file_of(lesson)
        if not any(name in _defines(statement) for statement in file.tree.body):
            raise ValueError(f"{file.where} does not define {name} any more: {called('lessons')} check {lesson.number}")
        file.asked.add(name)
        open_names += _need(file, name)
    return [files[number] for number in sorted(files)]


def _need(file, name):
    """Marks the statements that define a name and whatever they use in this file; returns the names used through `mine`."""
    through_mine, names = [], [name]
    seen = set()
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        for statement in file.tree.body:
            if name in _defines(statement):
                file.needed.add(statement)
                names += _uses(statement)
                through_mine += _through_mine(file, statement)
    return through_mine


def _defines(statement):
    """The names that a statement at the top of a file gives a meaning to, or changes."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    return set()


def _uses(statement):
    """The names that a statement looks up outside of its own functions: what a function calls its own does not count."""
    table = symtable.symtable(ast.unparse(statement), "statement", "exec")
    names, tables = {s.get_name() for s in table.get_symbols() if s.is_referenced()}, list(table.get_children())
    while tables:
        table = tables.pop()
        names |= {s.get_name() for s in table.get_symbols() if s.is_global()}
        tables += table.get_children()
    return names


def _through_mine(file, statement):
    """The x of every mine.x in a statement, whatever `mine` is called here."""
    aliases = {
        alias.asname or alias.name
        for node in file.tree.body
        if isinstance(node, ast.ImportFrom) and node.module in ("lessons", "lessons.own")
        for alias in node.names
        if alias.name == "mine"
    }
    return [
        node.attr
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases
    ]


def source(file):
    """The module of a package with what is needed of a file, in the learner's own words.

    Raises ValueError for an import that a package of NumPy alone cannot have.
    """
    imports, pieces, lines = [], [], file.text.splitlines()
    for statement in file.tree.body:
        if statement not in file.needed:
            continue
        for inner in ast.walk(statement):
            if (
                isinstance(inner, ast.Import | ast.ImportFrom)
                and _written(file, inner) != ast.unparse(inner)
                and inner is not statement
            ):
                raise ValueError(f"{file.where}, line {inner.lineno}: put this import at the top of the file, and export again")
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports.append(_written(file, statement))
        else:
            pieces.append(_text(statement, lines))
    whose = "written by hand" if file.theirs else "the course's own, minivit"
    head = f'"""Lesson {file.lesson.number}, {file.lesson.title}: {whose}."""'
    by_module = sorted(imports, key=lambda line: line.split()[1])
    groups = [[line for line in by_module if _group(line) == group] for group in range(3)]
    top = "\n\n".join([head, *("\n".join(group) for group in groups if group)])
    return "\n\n\n".join([top, *pieces]) + "\n"


def _group(line):
    """Python's own imports first, then NumPy, then the package's own."""
    return 2 if line.startswith("from .") else 1 if "numpy" in line else 0


def _text(statement, lines):
    """A statement with the comments right above it, without the course's reminders."""
    first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))]) - 1
    last = statement.end_lineno
    while first and re.match(r"#(?! %%)", lines[first - 1]) and "%%" not in lines[first - 1]:
        first -= 1
    return "\n".join(line.rstrip() for line in lines[first:last] if not re.match(r" *# YOUR CODE\b", line))


def _written(file, statement):
    """An import as it stands in the package."""
    if isinstance(statement, ast.ImportFrom) and not statement.level:
        names = ", ".join(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in statement.names)
        if statement.module in ("lessons", "lessons.own") and all(alias.name == "mine" for alias in statement.names):
            return f"from . import {names}"
        if statement.module == ERF and all(alias.name == "erf" for alias in statement.names):
            return f"from .error_function import {names}"
    modules = [statement.module or ""] if isinstance(statement, ast.ImportFrom) else [alias.name for alias in statement.names]
    for module in modules:
        if module.split(".")[0] not in {*sys.stdlib_module_names, "numpy"}:
            raise ValueError(
                f"{file.where}, line {statement.lineno}: your code uses {module or 'a file beside it'}, and the exported package "
                "has NumPy and Python's own modules only: write that part yourself, or take the import out of what is exported"
            )
    return ast.unparse(statement)
