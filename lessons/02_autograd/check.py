"""How lesson 02 is checked."""

import itertools

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Wrong

TITLE = "Autograd from scratch"
MINUTES = 60
NEEDS = ["01"]
GOALS = [
    "You can draw the graph of a computation and find every gradient in it by hand.",
    "You can explain why one walk backwards gives all the gradients, where forwards one walk is needed for each weight.",
    "You can undo broadcasting, order the nodes of a graph, and walk it backwards, in an engine that trains any network.",
    "You can say why a gradient that arrives by two roads is summed, and why into a new array.",
]
PICTURE = (
    "Left: the graph of L = p·s with s = p + c and p = a·b. Each box shows a value and its gradient: L 30 and 1, s 5 and 6, "
    "p 6 and 11, a 2 and 33, b 3 and 22, c -1 and 6. Right: L against a nudge of each leaf, three curves, and through their "
    "common point three dashed lines with slopes 33, 22 and 6, each touching its curve."
)

# Task 1: unbroadcast


def unbroadcast_cases(rng):
    def case(before, after):
        return rng.standard_normal(before), after

    return {
        "ordinary": case((2, 5, 3), (5, 1)),
        "only axes in front": case((2, 5, 3), (3,)),
        "only an axis of size 1": case((3, 5), (3, 1)),
        "a size of 1 in the middle": case((2, 3, 5), (2, 1, 5)),
        "two sizes of 1": case((3, 2, 5), (1, 2, 1)),
        "a single number, shape ()": case((2, 3), ()),
        "nothing to undo": case((2, 3), (2, 3)),
        "batch of 1": case((1, 3), (1, 3)),
        "an extra axis": case((2, 3, 5, 4), (3, 1, 4)),
        "a square": case((3, 3), (3,)),
        "a square, one column": case((3, 3), (3, 1)),
    }


def unbroadcast_spec(gradient, shape):
    result = np.zeros(shape, dtype=gradient.dtype)
    added = gradient.ndim - len(shape)
    for place in itertools.product(*(range(n) for n in gradient.shape)):
        origin = tuple(0 if size == 1 else i for i, size in zip(place[added:], shape, strict=True))
        result[origin] += gradient[place]
    return result


def unbroadcast_means(gradient, shape):
    gradient = gradient.mean(axis=tuple(range(gradient.ndim - len(shape))))
    return gradient.mean(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def unbroadcast_reshapes(gradient, shape):
    return gradient.reshape(-1, *shape).sum(axis=0)


STRETCHED_LINE = "result = without_front.sum(axis=stretched, keepdims=True)"

UNBROADCAST = Exercise(
    name="unbroadcast",
    cases=unbroadcast_cases,
    spec=unbroadcast_spec,
    mistakes=[
        Mistake(
            "This is a mean, and the gradient is a sum: each of the k copies is a road to the loss, and roads add. "
            "Dividing by k makes the gradient k times too small.",
            function=unbroadcast_means,
        ),
        Mistake(
            "Of the copies that broadcasting made only the first is looked at. The others were used as well: all their gradients "
            "add up.",
            function=lambda gradient, shape: gradient[(0,) * (gradient.ndim - len(shape))][tuple(slice(0, n) for n in shape)],
        ),
        Mistake(
            "The numbers were cut into pieces of the right size, and the pieces summed. That undoes axes added in front, but a "
            "stretched axis has its copies side by side, and reshaping mixes them with their neighbours.",
            function=unbroadcast_reshapes,
        ),
        Mistake(
            "Every entry holds the sum of the whole gradient. Only the axes that broadcasting added or stretched are summed; "
            "along the others each entry keeps a gradient of its own.",
            function=lambda gradient, shape: np.full(shape, gradient.sum(), dtype=gradient.dtype),
        ),
        Mistake(
            "An axis of size 1 was summed away. A column must come back as a column, or the two do not fit when they meet again.",
            STRETCHED_LINE,
            "result = without_front.sum(axis=stretched)",
        ),
        Mistake(
            "The axes in front are gone, as they should be. But broadcasting also stretched the axes of size 1, and those are "
            "still stretched.",
            STRETCHED_LINE,
            "result = without_front",
        ),
    ],
    hints={
        "": (
            "Write the two shapes under each other, lined up on the right, as NumPy does: (2, 5, 3) above (5, 1). Which axes "
            "of the upper one have no partner? Which have a partner of size 1?",
            "There are two kinds of axes to sum over. Those in front have to disappear, those of size 1 have to stay with "
            "size 1. NumPy's sum has an option that decides whether a summed axis stays.",
            "Plan: count how many axes the gradient has more than the shape, and sum over that many from the front. "
            "Now both have equally many axes. Collect the positions where the shape has a 1, and sum over them all at once "
            "so that they stay. An empty tuple of axes sums over nothing, so no special case is needed.",
        )
    },
    read={"": "Task 1: broadcasting, backwards"},
)

# Task 2: topological_order

# Each graph by its nodes, in an order in which they can be made: {name: its inputs}
SHORT = {"a": "", "b": "", "y": "ab", "L": "y"}
DIAMOND = {"a": "", "b": "", "c": "", "p": "ab", "s": "pc", "L": "ps"}
FORKS = (DIAMOND, DIAMOND | {"L": "sp"}, {"a": "", "q": "a", "r": "q", "t": "r", "u": "ta", "v": "uq", "L": "vr"})


def build(graph, namespace):
    """The graph as the learner's Tensors, by name. All leaves hold one array, and c is a constant."""
    one = np.ones(())
    mix = namespace["op"](lambda *arrays: (sum(arrays), lambda dy: (dy,) * len(arrays)))
    nodes = {}
    for name, inputs in graph.items():
        nodes[name] = mix(*(nodes[i] for i in inputs)) if inputs else namespace["Tensor"](one, requires_grad=name != "c")
    return nodes


def random_graph(rng):
    """Nine nodes, each made from one or two earlier ones; only what L is made of."""
    names = "abcdefghL"
    graph = {"a": "", "b": ""}
    for i in range(2, len(names)):
        chosen = rng.choice(i, size=int(rng.integers(1, 3)), replace=False)
        graph[names[i]] = "".join(names[j] for j in chosen)
    used = {"L"}
    for name in reversed(graph):
        used.update(graph[name] if name in used else "")
    return {name: inputs for name, inputs in graph.items() if name in used}


def order_recursive(root):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for source in node.inputs:
                visit(source)
            order.append(node)

    visit(root)
    return order


def order_breadth_first(root, turn=1):
    order = [root]
    for node in order:
        order.extend(source for source in node.inputs[::turn] if source not in order)
    return order[::-1]


def order_on_the_way_in(root, turn=1):
    order, stack = [], [root]
    while stack:
        node = stack.pop()
        if node not in order:
            order.append(node)
            stack.extend(node.inputs[::turn])
    return order[::-1]


def order_with_a_stack(root, note, turn=1):
    """With a stack, on the way out. note: when a node counts as seen: "never", "taken", "pushed" or "written"."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, inputs_are_done = stack.pop()
        if inputs_are_done:
            if note != "written" or node not in order:
                order.append(node)
            continue
        stack.append((node, True))
        for source in node.inputs[::turn]:
            if note != "pushed" or source not in seen:
                seen.add(source)
                stack.append((source, False))
    return order


WRONG_WAYS = (  # (what is said, the wrong way)
    (
        "This is the order breadth first: by the number of steps from the root, counted along the shortest road. "
        "The longest road decides: a node has to wait for every input, also for one that is near the root",
        order_breadth_first,
    ),
    (
        "Each node is noted when the walk comes to it, before its inputs, and the list then turned round. "
        "Note it on the way out, once all its inputs are in the list: turned round, the way in is no topological order",
        order_on_the_way_in,
    ),
    (
        "A node is marked as seen when it is put on the stack. It then lies there below another that needs it, and comes too "
        "late. A node is seen when it is taken from the stack",
        lambda root, turn=1: order_with_a_stack(root, "pushed", turn),
    ),
)


def way_of(topological_order, namespace):
    """What is said of the wrong way that gives the learner's order, or its reverse, for all three graphs; "" if none does."""
    roots = [build(graph, namespace)["L"] for graph in FORKS]
    found = [list(topological_order(root)) for root in roots]
    for says, way in WRONG_WAYS:
        for turn in (1, -1):
            listed = [way(root, turn) for root in roots]
            if found in (listed, [order[::-1] for order in listed]):
                return f" {says}."
    return ""


def check_order(topological_order, graph, namespace):
    """Raises Wrong unless the learner's is a topological order of the graph."""
    nodes = build(graph, namespace)
    order = topological_order(nodes["L"])
    if not isinstance(order, list | tuple):
        raise Wrong(f"A list of Tensors is wanted; this is {type(order).__name__}.")
    names = {id(node): name for name, node in nodes.items()}
    found = [names.get(id(node)) for node in order]
    drawn = ", ".join(f"{name} from {' and '.join(inputs)}" for name, inputs in graph.items() if inputs)
    where = f"In the graph {drawn}: " if drawn else "A leaf alone, L: "
    if None in found:
        raise Wrong(where + "the list holds something that is not a Tensor of this graph.")
    shown = " ".join(found) or "empty"
    if len(set(found)) < len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise Wrong(
            f"{where}{twice} is in the list {found.count(twice)} times. A node used by several others is still one node: "
            "remember which ones were seen."
        )
    missing = [name for name in graph if name not in found]
    if "L" in missing:
        raise Wrong(where + "the root itself, L, is missing from the list. It belongs at the end.")
    if missing:
        leaves = (
            ""
            if {name for name in graph if not graph[name]} != set(missing)
            else " Leaves have no inputs, and belong in the list, constants too."
        )
        raise Wrong(f"{where}{', '.join(missing)} missing from the list, which is {shown}.{leaves}")
    if len(topological_order(nodes["L"])) != len(found):
        raise Wrong(f"{where}a second call gives another list. Each call starts afresh, and leaves the graph as it is.")
    early = [(name, source) for name in found for source in graph[name] if found.index(source) > found.index(name)]
    if not early:
        return
    if found[0] == "L":
        raise Wrong(f"{where}the root stands first. The list goes the other way: inputs before what is made of them.")
    name, source = early[0]
    raise Wrong(f"{where}yours is {shown}, with {name} before its own input {source}.{way_of(topological_order, namespace)}")


def check_topological_order(topological_order, namespace, rng):
    check_order(topological_order, SHORT, namespace)
    yield "inputs come before what is made of them"
    for graph in FORKS:
        check_order(topological_order, graph, namespace)
    yield "two roads of different lengths"
    for last in ("sv", "vs"):
        check_order(topological_order, {"a": "", "b": "", "s": "aa", "v": "ab", "L": last}, namespace)
    for _ in range(10):
        check_order(topological_order, random_graph(rng), namespace)
    check_order(topological_order, {"L": ""}, namespace)
    yield "ten random graphs, and a leaf alone"

    budget = itertools.count()

    class Counted(namespace["Tensor"]):
        """Counts how often its inputs are looked at."""

        @property
        def inputs(self):
            if next(budget) > 100_000:
                raise Wrong(
                    "30 forks in a row, 61 nodes, and the inputs of nodes were looked at 100,000 times: whatever is below a "
                    "fork is walked through again for each road that leads to it. Ask whether a node was seen before you go "
                    "into its inputs, not only before you add it to the list."
                )
            return self.kept

        @inputs.setter
        def inputs(self, value):
            self.kept = value

    node = Counted(1.0, requires_grad=True)
    for _ in range(30):
        arm, fork = Counted(1.0, requires_grad=True), Counted(1.0, requires_grad=True)
        arm.inputs, fork.inputs = (node,), (arm, node)
        node = fork
    if len(topological_order(node)) != 61:
        raise Wrong(f"30 forks in a row are 61 nodes; the list has {len(topological_order(node))}.")
    yield "30 forks in a row, each node visited once"

    chain = {"n0": ""} | {f"n{i}": [f"n{i - 1}"] for i in range(1, 2000)}
    nodes = build(chain, namespace)
    try:
        order = topological_order(nodes["n1999"])
    except RecursionError:
        raise Wrong(
            "A chain of 2,000 nodes: RecursionError. A function that calls itself for each input goes as deep as the graph, and "
            "Python stops after about 1,000 calls. Keep a list of what is still to do instead."
        ) from None
    if [id(node) for node in order] != [id(node) for node in nodes.values()]:
        raise Wrong("A chain of 2,000 nodes: they are not all there, from the leaf to the root.")
    yield "a chain of 2,000 nodes"


TOPOLOGICAL_ORDER = Exercise(
    name="topological_order",
    check=check_topological_order,
    mistakes=[
        Mistake("goes as deep as the graph, and Python stops after about 1,000 calls", function=order_recursive),
        Mistake(WRONG_WAYS[0][0], function=order_breadth_first),
        Mistake(WRONG_WAYS[1][0], function=order_on_the_way_in),
        Mistake(WRONG_WAYS[2][0], function=lambda root: order_with_a_stack(root, "pushed")),
        Mistake(
            "A node used by several others is still one node: remember which ones were seen.",
            function=lambda root: order_with_a_stack(root, "never"),
        ),
        Mistake(
            "is walked through again for each road that leads to it", function=lambda root: order_with_a_stack(root, "written")
        ),
        Mistake("the root stands first. The list goes the other way", function=lambda root: order_recursive(root)[::-1]),
        Mistake(
            "Leaves have no inputs, and belong in the list",
            old="            order.append(node)\n",
            new="            order.extend([node] if node.inputs else [])\n",
        ),
        Mistake("the root itself, L, is missing from the list", old="    return order\n", new="    return order[:-1]\n"),
    ],
    hints={
        "": (
            "Take the graph of the lesson and a sheet of paper. You want to write down L. What has to be on the sheet before? "
            "And before that? When may you write down s?",
            "You meet each node twice: on the way in, when you find out what it needs, and on the way out, when all of that is "
            "in the list. Only on the way out is it written down. The stack may hold, beside each node, which of the two it is.",
            "Plan: a list for the order, a set of the nodes seen, a stack with pairs (node, whether its inputs are done), at "
            "first the root with False. Take the last pair from the stack. With True: write the node down. With False, and if it "
            "was not seen before: note it as seen, put it back with True, and on top of it each of its inputs with False.",
        )
    },
    read={"": "Task 2: an order to visit the nodes in"},
)

# Task 3: backward


class Kit:
    """Ops made with the learner's `op`, which note what their backward was given and what it gave."""

    def __init__(self, namespace):
        self.Tensor, self.op = namespace["Tensor"], namespace["op"]
        self.received, self.gave = [], []  # (name, array, copy of the array)

    def leaf(self, *values, dtype=np.float64):
        return self.Tensor(np.array(values, dtype=dtype), requires_grad=True)

    def call(self, name, function, *inputs):
        def noting(*arrays):
            y, function_backward = function(*arrays)

            def backward(dy):
                self.received.append((name, dy, np.array(dy)))
                returned = function_backward(dy)
                self.gave += [(name, gradient, np.array(gradient)) for gradient in returned if gradient is not None]
                return returned

            return y, backward

        return self.op(noting)(*inputs)

    def multiply(self, a, b, name="multiply"):
        return self.call(name, lambda a, b: (a * b, lambda dy: (dy * b, dy * a)), a, b)

    def add(self, a, b, name="add"):
        return self.call(name, lambda a, b: (a + b, lambda dy: (dy, dy)), a, b)

    def total(self, x):
        return self.call("the sum", lambda x: (x.sum(), lambda dy: (np.full(x.shape, dy, dtype=x.dtype),)), x)

    def run(self, backward, loss, again=False):
        """The learner's backward, and what can be said of its errors."""
        self.received.clear()
        try:
            returned = backward(loss)
        except RecursionError:
            raise Wrong(
                "A chain of 2,000 nodes: RecursionError. Here too a function that calls itself goes as deep as the graph: walk "
                "through the list of topological_order with a loop."
            ) from None
        except KeyError as error:
            if error.args and isinstance(error.args[0], self.Tensor):
                raise Wrong(
                    "A node's gradient was looked up before any had arrived there. Is the loss visited first, the leaves last? "
                    "Are constants, to which none is ever sent, left out? And is the first gradient of a node put there, and "
                    "only the next ones added to it?"
                ) from None
            raise
        except TypeError as error:
            if again and "NoneType" in str(error):
                raise Wrong(TAKEN_APART) from None
            if "'NoneType' object is not callable" in str(error):
                raise Wrong("The step_back of a leaf was called, and it is None: a leaf keeps what arrived, in .grad.") from None
            if "NoneType" in str(error) and any(name == "pick" for name, *_ in self.received):
                raise Wrong(
                    "An op gave None for its labels, a constant Tensor, and that None was summed or handed on. Look at "
                    "requires_grad before you do anything with a gradient."
                ) from None
            raise
        except ValueError as error:
            if "read-only" in str(error):
                raise Wrong(IN_PLACE) from None
            raise
        if returned is not None:
            raise Wrong("backward returns nothing: its results are the .grad of the leaves.")
        if again and not self.received:
            raise Wrong(TAKEN_APART)
        if not self.received:
            raise Wrong("No step_back was called: the loss has one, and so has every node that an op made.")
        for name, array, copy in self.received + self.gave:
            if not np.array_equal(array, copy):
                raise Wrong(f"{IN_PLACE} Here it was an array of {name}: {shown(copy)} became {shown(array)}.")
        self.check_start(self.received[0][1], loss.data, again)

    @staticmethod
    def check_start(start, value, again):
        """What the op that made the loss was given."""
        if not isinstance(start, np.ndarray | np.generic):
            raise Wrong(f"The walk starts from a plain {type(start).__name__}. Ops take arrays: of the loss's shape and dtype.")
        if start.dtype != value.dtype:
            raise Wrong(
                f"The loss is {value.dtype}, and the gradient it starts from is {start.dtype}. Ones are float64 unless you say "
                "otherwise, and then every gradient behind them is: twice the memory, half the speed."
            )
        if start.shape != value.shape:
            raise Wrong(f"A loss of shape {value.shape}: its gradient starts with shape {start.shape}. The two shapes are equal.")
        if not again and not np.all(start == 1):
            raise Wrong(
                f"The walk starts from {shown(start)}. It starts from the gradient of the loss with respect to itself: nudge "
                "it, and it moves by exactly as much. That factor is 1, whatever the value of the loss."
            )


TAKEN_APART = (
    "backward twice on one graph: the second walk found no way through it. The first call took the graph apart: it changed the "
    "inputs or the step_back of its nodes. A graph belongs to whoever made it, and stays as it is."
)
IN_PLACE = (
    "A gradient was written into after it had been handed on. += changes the array itself, and another node may hold the same "
    "array: the backward of a plain sum gives one dy to both inputs. Make the sum a new array."
)


SINGLE = (
    "A single number has a gradient too. Whether a gradient is there is asked with `is None`: how many axes it has, how long it "
    "is, or whether it is true, says something else."
)
TWINS = "Two Tensors may hold one and the same array, and are two nodes all the same: keep what arrives by node, not by array."


def same(a, b):
    return a is not None and np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-9, atol=1e-12)


def shown(gradient, digits=4):
    return "None" if gradient is None else np.array2string(np.asarray(gradient), precision=digits, separator=", ")


def expect(leaf, want, what, *known):
    """Raises Wrong unless the leaf has this gradient. known: pairs of a wrong gradient and what is to be said of it."""
    for wrong, sentence in known:
        if same(leaf.grad, wrong):
            raise Wrong(f"{what}: {sentence}")
    if leaf.grad is None:
        raise Wrong(f"{what}: its .grad is None, so nothing arrived; it should be {shown(want)}.")
    if not same(leaf.grad, want):
        pairs = ((shown(leaf.grad, digits), shown(want, digits)) for digits in (4, 8, 16))
        yours, right = next((pair for pair in pairs if pair[0] != pair[1]), ("not of the right shape or kind", shown(want)))
        raise Wrong(f"{what}: its gradient is {yours} and should be {right}.")


def _three(rng):
    return rng.uniform(1, 2, 3)


def _few_nodes(backward, namespace, rng):
    """One op with a constant, a leaf that two ops use, and one that is both inputs of an op."""
    Tensor = namespace["Tensor"]
    # one op, one constant
    kit = Kit(namespace)
    x, w = Tensor(_three(rng)), kit.leaf(*_three(rng))
    kit.run(backward, kit.total(kit.multiply(x, w)))
    if x.grad is not None:
        raise Wrong(
            "A constant was given a gradient: x has requires_grad False. Images and labels are not learned, and a gradient for "
            "each would fill the memory."
        )
    if w.grad is None:
        raise Wrong(
            "total(x * w): the walk ran, but nothing arrived in w.grad. Are the nodes visited from the loss to the leaves, that "
            "is, in reverse topological order? And what is done at a leaf, whose step_back is None?"
        )
    expect(w, x.data, "total(x * w), the leaf w")
    w = kit.leaf(*_three(rng))
    kit.run(backward, kit.total(kit.multiply(Tensor(np.zeros(3)), w)))
    expect(w, np.zeros(3), "total(0 * w), the leaf w")
    yield "one product, one constant"

    # used by two ops
    kit = Kit(namespace)
    x, u, v = (kit.leaf(*_three(rng)) for _ in range(3))
    kit.run(backward, kit.total(kit.add(kit.multiply(x, u), kit.multiply(x, v))))
    lost = "it is used by two ops, and one of the two gradients that arrive at it replaced the other. Roads add."
    expect(x, u.data + v.data, "total(x * u + x * v), the leaf x", (u.data, lost), (v.data, lost))
    yield "a leaf used by two ops: the gradients add"

    # twice in one op
    kit = Kit(namespace)
    x = kit.leaf(*_three(rng))
    kit.run(backward, kit.total(kit.multiply(x, x)))
    lost = "it is both inputs of one op, and only one of the op's two gradients was kept. The slope of x² is 2x."
    expect(x, 2 * x.data, "total(x * x), the leaf x", (x.data, lost))
    yield "x * x"


def _who_is_who(backward, namespace, rng):
    """Single numbers, and Tensors that hold one array."""
    Tensor = namespace["Tensor"]
    kit = Kit(namespace)
    a, b = (Tensor(value, requires_grad=True) for value in (2.0, 3.0))
    kit.run(backward, kit.multiply(kit.multiply(a, b), b))
    for leaf, want, name in ((a, 9.0, "a"), (b, 12.0, "b")):
        if leaf.grad is None:
            raise Wrong(f"a·b·b of single numbers, shape (): {name}.grad is None. {SINGLE}")
        expect(leaf, np.array(want), f"a·b·b of single numbers, at a = 2, b = 3, the leaf {name}")
    kit = Kit(namespace)
    array, u, v = _three(rng), _three(rng), _three(rng)
    a, b = Tensor(array, requires_grad=True), Tensor(array, requires_grad=True)
    kit.run(backward, kit.total(kit.add(kit.multiply(a, Tensor(u)), kit.multiply(b, Tensor(v)))))
    for leaf, want, name in ((a, u, "a"), (b, v, "b")):
        expect(leaf, want, f"a and b are two leaves that hold one array, L = total(a·u + b·v), the leaf {name}", (u + v, TWINS))
    kit = Kit(namespace)
    x = kit.leaf(*_three(rng))
    kit.run(backward, kit.total(kit.call("an op that gives its input on", lambda x: (x, lambda dy: (2 * dy,)), x)))
    if not same(x.grad, np.full(3, 2.0)):
        raise Wrong(
            f"An op whose output is the very array of its input, dx = 2·dy: dx is {shown(x.grad)} and should be [2., 2., 2.]. "
            f"{TWINS}"
        )
    leaf = Tensor(np.array(3.0), requires_grad=True)
    backward(leaf)
    if not same(leaf.grad, 1.0):
        raise Wrong(
            f"A loss that is itself a leaf: its .grad is {shown(leaf.grad)} and should be 1. No op made it, so nothing has to be "
            "walked; what arrives at a leaf, here the 1 of the start, stays in its .grad all the same."
        )
    yield "single numbers, two Tensors that hold one array, a loss that is a leaf"


def _roads(backward, namespace, rng):
    """Two roads of different lengths, both ways round."""
    for turned in (False, True):
        kit = Kit(namespace)
        a, b, c = kit.leaf(2.0), kit.leaf(3.0), kit.leaf(-1.0)
        p = kit.multiply(a, b, "p")
        s = kit.add(p, c, "s")
        kit.run(backward, kit.total(kit.multiply(s, p, "L") if turned else kit.multiply(p, s, "L")))
        where = f"p = a·b, s = p + c, L = {'s·p' if turned else 'p·s'}, at a = 2, b = 3, c = -1"
        visits = [dy for name, _, dy in kit.received if name == "p"]
        late = "s" in itertools.takewhile(lambda name: name != "p", (name for name, *_ in kit.received))  # p came after s
        if len(visits) > 1 and not same(sum(visits), [11.0]):
            raise Wrong(
                f"{where}: the step_back of p ran {len(visits)} times, with {' and '.join(shown(dy) for dy in visits)}. A node's "
                "turn comes once in a walk: is it in your list twice, or does the walk take what was handed on before?"
            )
        if len(visits) > 1:
            raise Wrong(
                f"{where}: the step_back of p ran {len(visits)} times, with {' and '.join(shown(dy) for dy in visits)}. It runs "
                "once, with the sum: a node that hands on as soon as something arrives is visited once for each road, and the "
                "number of roads doubles at every fork."
            )
        if visits and not same(visits[0], [11.0]) and not any(same(visits[0], [part]) for part in (5.0, 6.0)):
            raise Wrong(f"{where}: p's step_back was given {shown(visits[0])}. It is given what has arrived at p, 5 + 6 = 11.")
        if visits and not same(visits[0], [11.0]) and late:
            raise Wrong(
                f"{where}: s came before p, as it should, and p still handed on {shown(visits[0])} alone. What arrives at a node "
                "along two roads adds up: here 5 + 6 = 11."
            )
        if visits and not same(visits[0], [11.0]):
            raise Wrong(
                f"{where}: p handed on {shown(visits[0])}, before s had handed its 6 to p. A node's turn comes only after all "
                "nodes that use it; then it has 5 + 6 = 11."
            )
        for leaf, want, name in ((a, [33.0], "a"), (b, [22.0], "b"), (c, [6.0], "c")):
            expect(leaf, np.array(want), f"{where}, the leaf {name}")
    yield "two roads of different lengths"


def _arrays(backward, namespace, rng):
    """What arrives is never written into, and each leaf gets an array of its own."""
    kit = Kit(namespace)
    a, b = kit.leaf(1.0, 2.0), kit.leaf(3.0, 4.0)
    kit.run(backward, kit.total(kit.add(kit.add(a, b, "y = a + b"), a, "z = y + a")))
    expect(a, np.array([2.0, 2.0]), "y = a + b, z = y + a, the leaf a")
    expect(b, np.array([1.0, 1.0]), "y = a + b, z = y + a, the leaf b")
    yield "sums make new arrays"
    kit = Kit(namespace)
    a, b = kit.leaf(1.0, 2.0), kit.leaf(3.0, 4.0)
    kit.run(backward, kit.total(kit.add(a, b)))
    for leaf, name in ((a, "a"), (b, "b")):
        expect(leaf, np.array([1.0, 1.0]), f"total(a + b), the leaf {name}")
    if np.shares_memory(a.grad, b.grad):
        raise Wrong(
            "total(a + b): a.grad and b.grad are one and the same array, the dy that the sum handed to both. Whoever scales one "
            "later scales the other too: each leaf needs a copy of its own."
        )
    yield "each leaf has an array of its own"


def _labels(backward, namespace, rng):
    """None for a constant Tensor."""
    Tensor = namespace["Tensor"]
    kit = Kit(namespace)
    x, labels = kit.leaf(1.0, 2.0), Tensor(np.array([1, 0]))

    def pick(x, labels):
        return x[labels] * 3, lambda dy: (3 * dy[np.argsort(labels)], None)

    kit.run(backward, kit.total(kit.call("pick", pick, kit.call("pick", pick, x, labels), labels)))
    expect(x, np.array([9.0, 9.0]), "an op that returns None for its labels, the leaf x")
    yield "None for labels does no harm"


def _later_calls(backward, namespace, rng):
    """A second loss, and a second walk over one graph."""
    Tensor = namespace["Tensor"]
    kit = Kit(namespace)
    x, w = Tensor(_three(rng)), kit.leaf(*_three(rng))
    kit.run(backward, kit.total(kit.multiply(x, w)))
    first = w.grad
    kit.run(backward, kit.total(kit.multiply(Tensor(5 * x.data), w)))
    lost = "the .grad of the second call replaced that of the first. They add up, so that a batch can be taken in pieces."
    expect(w, 6 * x.data, "Two losses, one after the other, the leaf w", (5 * x.data, lost))
    if not same(first, x.data):
        raise Wrong(
            "Two losses: the second was added into the .grad of the first call, which others may hold. Sums make new arrays."
        )
    yield "a second loss adds to .grad"
    kit = Kit(namespace)
    a, b = kit.leaf(2.0), kit.leaf(3.0)
    y = kit.multiply(a, b)
    loss = kit.total(kit.multiply(y, y))
    kit.run(backward, loss)
    expect(a, np.array([36.0]), "y = a·b, L = y·y, the leaf a")
    kit.run(backward, loss, again=True)
    if same(a.grad, [36.0]):
        raise Wrong(
            "backward twice on one graph: a.grad stays [36.] and should become [72.]. The second walk brought nothing: does the "
            "first leave a mark on the nodes, or take the graph apart? It stays as it is, and calls add up in .grad."
        )
    if not same(a.grad, [72.0]):
        raise Wrong(
            f"backward twice on one graph: a.grad was [36.] and should become [72.], but is {shown(a.grad)}. "
            "Something from the first call was left in the nodes between and counted again. What arrives belongs to one call."
        )
    if y.grad is not None or loss.grad is not None:
        raise Wrong("A node that is no leaf was given a .grad. Only leaves keep one: the others would fill the memory.")
    yield "nothing is left in the nodes between"


def _kinds_and_depth(backward, namespace, rng):
    """The dtype and the shape of a loss, and a deep graph."""
    # dtype and shape of a loss
    kit = Kit(namespace)
    x = kit.leaf(1.0, 2.0, dtype=np.float32)
    kit.run(backward, kit.total(kit.multiply(x, x)))
    if x.grad.dtype != np.float32:
        raise Wrong(f"The leaf and the loss are float32, and the .grad of the leaf is {x.grad.dtype}.")
    x = kit.Tensor([[2.0]], requires_grad=True)
    kit.run(backward, kit.multiply(x, x))
    expect(x, np.array([[4.0]]), "L = x·x of shape (1, 1), the leaf x")
    yield "float32 stays float32, and a loss of shape (1, 1)"

    # deep
    kit = Kit(namespace)
    x = y = kit.leaf(1.0)
    for _ in range(2000):
        y = kit.call("step", lambda y: (y + 1, lambda dy: (dy,)), y)
    kit.run(backward, y)
    expect(x, np.array([1.0]), "a chain of 2,000 nodes, its leaf")
    yield "a chain of 2,000 nodes"


def check_backward(backward, namespace, rng):
    for part in (_few_nodes, _who_is_who, _roads, _arrays, _labels, _later_calls, _kinds_and_depth):
        yield from part(backward, namespace, rng)


def backward_each_road(loss):
    """Hands on whatever arrives, at once: right numbers, one visit for each road."""
    waiting = [(loss, np.ones_like(loss.data))]
    while waiting:
        node, dy = waiting.pop()
        if not node.requires_grad:
            continue
        if node.step_back is None:
            node.grad = np.array(dy if node.grad is None else node.grad + dy)
        else:
            waiting.extend(zip(node.inputs, node.step_back(dy), strict=True))


def backward_by_array(loss):
    """Keeps what arrives by the array that a node holds, and not by the node."""
    gradients = {id(loss.data): np.ones_like(loss.data)}
    for node in reversed(order_recursive(loss)):
        if node.requires_grad:
            dy = gradients[id(node.data)]
            if node.step_back is None:
                node.grad = np.array(dy if node.grad is None else node.grad + dy)
                continue
            for source, gradient in zip(node.inputs, node.step_back(dy), strict=True):
                if source.requires_grad:
                    before = gradients.get(id(source.data))
                    gradients[id(source.data)] = gradient if before is None else before + gradient


WALK_LINE = "for node in reversed(topological_order(loss)):"
SUM_LINE = "gradients[source] = gradients[source] + gradient if source in gradients else gradient"
START_LINE = "gradients = {loss: np.ones_like(loss.data)}"
LEAF_LINE = "node.grad = np.array(dy if node.grad is None else node.grad + dy)"
LOOP_LINE = "for source, gradient in zip(node.inputs, node.step_back(dy), strict=True):"
POP_LINE = "dy = gradients.pop(node)\n        if node.step_back is None:"

BACKWARD = Exercise(
    name="backward",
    check=check_backward,
    mistakes=[
        Mistake(
            "one of the two gradients that arrive at it replaced the other. Roads add", SUM_LINE, "gradients[source] = gradient"
        ),
        Mistake(
            "it is both inputs of one op, and only one of the op's two gradients was kept",
            LOOP_LINE,
            "for source, gradient in dict(zip(node.inputs, node.step_back(dy))).items():",
        ),
        Mistake(
            "A node's gradient was looked up before any had arrived there. Is the loss visited first",
            WALK_LINE,
            "for node in topological_order(loss):",
        ),
        Mistake(
            "It runs once, with the sum: a node that hands on as soon as something arrives is visited once for each road",
            function=backward_each_road,
        ),
        Mistake(
            "A node's turn comes only after all nodes that use it",
            WALK_LINE,
            "order = [loss]\n    for node in order:\n        order.extend(i for i in node.inputs if i not in order)\n"
            "    for node in order:",
        ),
        Mistake(
            "A gradient was written into after it had been handed on",
            SUM_LINE,
            "gradients[source] = gradients[source].__iadd__(gradient) if source in gradients else gradient",
        ),
        Mistake(
            "a.grad and b.grad are one and the same array", LEAF_LINE, "node.grad = dy if node.grad is None else node.grad + dy"
        ),
        Mistake(
            "the second was added into the .grad of the first call",
            LEAF_LINE,
            "node.grad = np.array(dy) if node.grad is None else node.grad.__iadd__(dy)",
        ),
        Mistake("the .grad of the second call replaced that of the first", LEAF_LINE, "node.grad = np.array(dy)"),
        Mistake(
            "Something from the first call was left in the nodes between and counted again",
            POP_LINE,
            "dy = gradients.pop(node)\n        node.grad = dy = dy if node.grad is None else node.grad + dy\n"
            "        if node.step_back is None:\n            node.grad = np.array(dy)\n            continue\n        if False:",
        ),
        Mistake(
            "A node that is no leaf was given a .grad",
            POP_LINE,
            "dy = gradients.pop(node)\n        if node.step_back is not None:\n            node.grad = dy\n"
            "        if node.step_back is None:",
        ),
        Mistake(
            "p handed on [5.], before s had handed its 6 to p",
            POP_LINE,
            "left_out = node is not loss and len(node.inputs) == 2 and node.inputs[0].inputs and not node.inputs[1].inputs\n"
            f"        if left_out or node not in gradients:\n            continue\n        {POP_LINE}",
        ),
        Mistake(
            SINGLE,
            POP_LINE,
            "dy = gradients.pop(node)\n        if node.step_back is None and not dy.ndim:\n            continue\n"
            "        if node.step_back is None:",
        ),
        Mistake(
            "A loss that is itself a leaf: its .grad is None and should be 1",
            START_LINE,
            "if not loss.inputs:\n        return\n    " + START_LINE,
        ),
        Mistake(TWINS, function=backward_by_array),
        Mistake("That factor is 1, whatever the value of the loss", START_LINE, "gradients = {loss: loss.data}"),
        Mistake("Ops take arrays: of the loss's shape and dtype", START_LINE, "gradients = {loss: 1.0}"),
        Mistake("Ones are float64 unless you say otherwise", START_LINE, "gradients = {loss: np.ones(loss.data.shape)}"),
        Mistake("The two shapes are equal.", START_LINE, "gradients = {loss: np.ones((), loss.data.dtype)}"),
        Mistake(
            "The step_back of a leaf was called, and it is None",
            old="        if node.step_back is None:\n",
            new="        if False:\n",
        ),
        Mistake(
            "An op gave None for its labels, a constant Tensor, and that None was summed or handed on",
            old="            if source.requires_grad:\n",
            new="            if True:\n",
        ),
        Mistake(
            "A constant was given a gradient: x has requires_grad False",
            old="            if source.requires_grad:\n",
            new="            if not source.requires_grad:\n                source.grad = gradient\n            else:\n",
        ),
    ],
    hints={
        "": (
            "Do the table of the lesson again by hand, and say aloud what you look up and what you write down at each row. What "
            "do you have to remember while you are at s?",
            "A dictionary from node to what has arrived is all you need to remember. There are two kinds of nodes to treat "
            "differently: leaves, where a gradient stays, and the others, which hand it on. And there are nodes that want none.",
            "Plan: the dictionary holds the loss with ones like its data. Go through the topological order from its end. Skip "
            "what wants no gradient; take out what has arrived. At a leaf: a new array, its old .grad plus this, or a copy if "
            "there was none. Otherwise: call step_back with it, go through the inputs and results side by side, and for each "
            "input that wants a gradient add the result to what it has in the dictionary, or put it there if it has nothing yet.",
        )
    },
    read={"": "Task 3: the walk back"},
)

EXERCISES = [UNBROADCAST, TOPOLOGICAL_ORDER, BACKWARD]

QUIZ = [
    Question(
        "y = x + x + x. How large is the gradient of x when that of y is 1?",
        ("1, because a sum hands dy on unchanged", "3", "1/3, the share of each"),
        1,
        "Each of the three uses hands 1 to x, and what arrives along different roads adds. Nudge x by h and y moves by 3h.",
    ),
    Question(
        "A bias of shape (5,) is added to activations of shape (32, 5). What does its gradient look like?",
        (
            "shape (32, 5), the same as dy",
            "shape (5,), the mean of dy over the 32 rows",
            "shape (5,), the sum of dy over the 32 rows",
        ),
        2,
        "The bias has 5 entries, so its gradient has 5. Each is used in 32 rows, which are 32 roads to the loss, and roads add. "
        "If the loss is a mean, its 1/32 is already in dy.",
    ),
    Question(
        "L = p·s and s = p + c. Why must s be visited before p on the way back?",
        (
            "because s is nearer to L than p",
            "because s still has a gradient to hand to p, and p may hand on only the whole sum",
            "it need not be: the order makes no difference to a sum",
        ),
        1,
        "p is as near to L as s is. But what p hands to a and b is a multiple of its gradient, and that is not complete until "
        "both L and s have contributed. The order of the summands makes no difference; handing on too early does.",
    ),
    Question(
        "You train without ever setting .grad to None. What happens?",
        (
            "nothing: backward starts from zero each time",
            "an error, because the gradients of two graphs are mixed",
            "each step uses the sum of all the gradients so far",
        ),
        2,
        "backward adds to .grad on purpose, so that a batch can be taken in pieces. Nobody but the training loop knows where one "
        "step ends and the next begins, so it does the clearing.",
    ),
]
