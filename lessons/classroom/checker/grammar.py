"""A function's source, taken apart so that each operation in it can be exchanged for another while it runs.

`Switchable` compiles a file's functions once. Every sum, product, name, number, index, call and returned tuple in them asks a
switch what to do: what stands there, or the change that is active. Thousands of versions of one function cost one compilation,
and each change knows the line and the words that it stands for. changes.py lists what may be exchanged for what.
"""

import ast
import linecache

from .switches import COMPARISONS, OPERATORS, STEPS, Slot, Switches, called, unchanged

UNTOUCHED = (ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr, ast.Starred)  # their meaning depends on where they stand


def _load(name):
    return ast.Name(name, ast.Load())


def _later(node):
    empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.Lambda(empty, node)


def _names_in(function):
    """The names that a function gives a value, its arguments first."""
    found = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    stack = list(function.body)
    while stack:
        node = stack.pop(0)
        if isinstance(
            node, ast.FunctionDef | ast.ClassDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        ):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node.id)
        stack = [*ast.iter_child_nodes(node), *stack]
    return list(dict.fromkeys(found))


class _TakenApart(ast.NodeTransformer):
    """Visits functions of a file, and puts a question to the switch `_m_` in the place of each operation in them."""

    def __init__(self, text):
        self.lines, self.slots, self.scope, self.context = text.split("\n"), [], [], ""
        self.inner = 0  # how many functions deep

    def text_of(self, node):
        """How it is written; only the first line of what is longer."""
        line = self.lines[node.lineno - 1].encode()
        return line[node.col_offset : node.end_col_offset if node.end_lineno == node.lineno else None].decode()

    def slot(self, kind, node, *operands, plain, keywords=(), context=None):
        context = self.context if context is None else context
        self.slots.append(Slot(kind, node, self.scope[-1], context, self.text_of(node), self.inner, plain=plain))
        number = ast.Constant(len(self.slots) - 1)
        return ast.copy_location(ast.Call(_load("_m_"), [number, _load("_s_"), *operands], list(keywords)), node)

    def within(self, context, node):
        self.context, before = context, self.context
        try:
            return self.visit(node)
        finally:
            self.context = before

    def visit(self, node):
        if isinstance(node, ast.expr) and any(isinstance(inner, UNTOUCHED) for inner in ast.walk(node)):
            return node
        return super().visit(node)

    def visit_FunctionDef(self, node):
        outer = self.scope[-1] if self.scope else ()
        own = _names_in(node)
        self.scope.append(tuple(dict.fromkeys((*own, *outer))))
        self.inner += 1
        body = [self.visit(statement) for statement in node.body]
        scope = ast.Tuple([_later(_load(name)) for name in self.scope[-1]], ast.Load())
        begun = [ast.Assign([ast.Name("_s_", ast.Store())], scope)]
        arguments = [*node.args.posonlyargs, *node.args.args]
        for argument, default in zip(arguments[len(arguments) - len(node.args.defaults) :], node.args.defaults, strict=True):
            if isinstance(default, ast.Constant) and type(default.value) in (int, float):
                ask = self.slot("default", default, _load(argument.arg), plain=unchanged, context=argument.arg)
                begun.append(ast.Assign([ast.Name(argument.arg, ast.Store())], ask))
        self.scope.pop()
        self.inner -= 1
        declared = [s for s in body if isinstance(s, ast.Global | ast.Nonlocal)]
        node.body = [*declared, *begun, *[s for s in body if s not in declared]]
        return node

    def visit_Lambda(self, node):
        node.body = self.visit(node.body)
        return node

    def visit_JoinedStr(self, node):
        return node

    def visit_Match(self, node):
        return node

    def visit_AnnAssign(self, node):
        node.value = node.value and self.visit(node.value)
        return node

    def visit_BinOp(self, node):
        act = OPERATORS.get(type(node.op))
        parts = {side: self.text_of(getattr(node, side)) for side in ("left", "right")}
        ends, operands = [], []
        for side in (node.left, node.right):
            operands.append(_later(self.visit(side)))
            ends.append(len(self.slots) - 1 if isinstance(side, ast.BinOp) else None)
        if act is None:
            node.left, node.right = (o.body for o in operands)
            return node
        asked = self.slot("binary", node, *operands, plain=lambda scope, a, b: act(a(), b()))
        self.slots[-1].parts, self.slots[-1].sides = parts, tuple(ends)
        return asked

    def visit_UnaryOp(self, node):
        node.operand = self.visit(node.operand)
        if isinstance(node.op, ast.USub) and not self.context:
            return self.slot("minus", node, node.operand, plain=lambda scope, a: -a)
        return node

    def visit_Constant(self, node):
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return self.slot("number", node, node, plain=unchanged)
        return node

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load) and node.id in self.scope[-1]:
            return self.slot("name", node, _later(node), plain=lambda scope, value: value())
        return node

    def visit_Compare(self, node):
        if len(node.ops) != 1 or type(node.ops[0]) not in COMPARISONS:
            return self.generic_visit(node)
        act = COMPARISONS[type(node.ops[0])]
        sides = self.visit(node.left), self.visit(node.comparators[0])
        return self.slot("compare", node, *sides, plain=lambda scope, a, b: act(a, b))

    def visit_Attribute(self, node):
        if isinstance(node.value, ast.Name) and node.value.id not in self.scope[-1]:
            return node
        node.value = self.visit(node.value)
        if node.attr == "T" and isinstance(node.ctx, ast.Load):
            return self.slot("turned", node, node.value, plain=lambda scope, a: a.T)
        return node

    def visit_Subscript(self, node):
        if not isinstance(node.ctx, ast.Load):
            node.slice = self.within("index", node.slice)
            return node
        value, index = self.visit(node.value), self.within("index", node.slice)
        return self.slot("item", node, value, self.as_value(index), plain=lambda scope, a, i: a[i])

    def as_value(self, index):
        """An index as what a call can be given: slice(...) for a:b."""
        if isinstance(index, ast.Slice):
            ends = [end or ast.Constant(None) for end in (index.lower, index.upper, index.step)]
            return ast.Call(_load("slice"), ends, [])
        if isinstance(index, ast.Tuple):
            return ast.Tuple([self.as_value(i) for i in index.elts], ast.Load())
        return index

    def visit_Call(self, node):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in ("super", "locals", "globals", "print", "isinstance"):
            return node
        moves = name in ("transpose", "swapaxes", "moveaxis", "expand_dims", "squeeze")
        context = "axis" if moves else "index" if name == "range" else self.context
        function = self.visit(node.func)
        arguments = [self.within(context, a) for a in node.args]
        for keyword in node.keywords:
            keyword.value = self.within("axis" if keyword.arg in ("axis", "axes") else self.context, keyword.value)
        return self.slot("call", node, function, *arguments, keywords=node.keywords, plain=called)

    def visit_IfExp(self, node):
        node.test = self.slot("test", node.test, self.visit(node.test), plain=unchanged)
        node.body, node.orelse = self.visit(node.body), self.visit(node.orelse)
        return node

    def visit_If(self, node):
        node = self.generic_visit(node)
        node.test = self.slot("test", node.test, node.test, plain=unchanged)
        return node

    def visit_Assign(self, node):
        several = isinstance(node.value, ast.Tuple)
        value = self.visit(node.value)
        node.targets = [self.visit(target) for target in node.targets]
        if not several:
            value = self.slot("value", node, value, plain=unchanged)
        node.value = value
        return self.statement(node)

    def visit_AugAssign(self, node):
        node.value = self.slot("value", node.value, self.visit(node.value), plain=unchanged)
        node.target = self.visit(node.target)
        return self.statement(node)

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant):
            return node
        return self.statement(self.generic_visit(node))

    def statement(self, node):
        """A statement that can be left out."""
        self.slots.append(Slot("statement", node, self.scope[-1], text=self.text_of(node), inner=self.inner))
        ask = ast.Call(ast.Attribute(_load("_m_"), "on", ast.Load()), [ast.Constant(len(self.slots) - 1)], [])
        return ast.copy_location(ast.If(ask, [node], []), node)

    def visit_Return(self, node):
        if isinstance(node.value, ast.Tuple) and not any(isinstance(e, ast.Starred) for e in node.value.elts):
            several = ast.Tuple([self.returned(element) for element in node.value.elts], ast.Load())
            node.value = self.slot("results", node.value, several, plain=unchanged)
        elif node.value is not None:
            node.value = self.returned(node.value)
        return node

    def returned(self, element):
        return self.slot("value", element, self.visit(element), plain=unchanged)

    def visit_For(self, node):
        node.iter = self.slot("loop", node.iter, self.visit(node.iter), plain=unchanged)
        return self._loop(node)

    def visit_While(self, node):
        return self._loop(node)

    def _loop(self, node):
        tick = ast.Expr(ast.Call(ast.Attribute(_load("_m_"), "tick", ast.Load()), [], []))
        node.body = [tick, *[self.visit(statement) for statement in node.body]]
        node.orelse = [self.visit(statement) for statement in node.orelse]
        return node


def _with_helpers(name, namespace, text):
    """The nodes of a function of the text and of the functions beside it that it uses; [] where the function is not there."""
    defined = {node.lineno: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    wanted, found = [name], {}
    while wanted:
        other = wanted.pop(0)
        begins = getattr(getattr(namespace.get(other), "__code__", None), "co_firstlineno", None)
        node = defined.get(begins)  # of a name that is defined twice, the one that counts
        if other not in found and node is not None and node.name == other:
            found[other] = node
            wanted += [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in namespace]
    return list(found.values())


class Switchable:
    """The function `name` of a learner's file, and those of the file that it calls, taken apart; ValueError where there is no
    source for it. given: a text whose functions are right, and stay as they are."""

    def __init__(self, name, namespace, text=None, given=""):
        function = namespace.get(name)
        code = getattr(function, "__code__", None)
        if code is None or getattr(function, "__globals__", None) is not namespace:
            raise ValueError("no function of the file")
        text = text or "".join(linecache.getlines(code.co_filename))
        found = _with_helpers(name, namespace, text)
        if not found:
            raise ValueError("no source")
        as_given = {ast.dump(node) for node in ast.parse(given).body if isinstance(node, ast.FunctionDef) and node.name != name}
        found = [node for node in found if ast.dump(node) not in as_given]
        inside = [node for function in found for node in ast.walk(function)]
        self.in_place = any(isinstance(n, ast.AugAssign) or getattr(n, "arg", "") == "out" for n in inside)
        apart = _TakenApart(text)
        nodes = [apart.visit(node) for node in found]
        self.switches, self.slots = Switches(apart.slots), apart.slots
        self.names = {**namespace, "_m_": self.switches}
        module = ast.fix_missing_locations(ast.Module(nodes, []))
        exec(compile(module, f"<changes of {name}>", "exec"), self.names)
        self.function = self.names[name]

    def note(self, run):
        """Runs the function once to see what is there; errors are part of what it does."""
        self.switches.noting = True
        try:
            return run()
        except (Exception, SystemExit):
            return None
        finally:
            self.switches.noting = False
            self.switches.enough = max(1000, STEPS * self.switches.steps)

    def with_changes(self, run, *changes):
        """run() while these changes are active."""
        self.switches.active = {place: act for change in changes for place, act in ((change.place, change.act), *change.also)}
        self.switches.steps = 0
        try:
            return run()
        finally:
            self.switches.active = {}
