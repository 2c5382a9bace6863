# %% [markdown]
# # 02 · Autograd from scratch
#
# A small network has 2,410 weights. Together they make one number, the loss: how wrong the network is. You may change
# every weight a little. **Which way, and how much does each one matter?** You could move each weight alone and look,
# but that is 2,410 computations for one step of learning. This lesson needs one walk backwards, and you will write it.
#
# ![A graph of six numbers; every box shows its value and its gradient](expected.png)

# %%
import numpy as np

# %% [markdown]
# ## A nudge
#
# Take $y = x \cdot x$ at $x = 3$, so $y = 9$. Nudge $x$ a little, to 3.001: now $y = 9.006001$. A nudge of 0.001 came
# out as 0.006: about 6 times as large. That factor is the derivative, and you know it from school: $2x = 6$. Read
# $\frac{\partial y}{\partial x}$ as **what comes out, per nudge going in**. The round $\partial$ says that $y$ may
# depend on other numbers too, and that those are left alone.
#
# The last number of a network is the loss, $L$. So one factor belongs to every number $x$ on the way to it:
#
# $$\text{gradient of }x = \frac{\partial L}{\partial x}$$
#
# In code we write `dx` for it. If `x` is an array, `dx` is an array of the same shape: one factor for each entry.
#
# ## A graph
#
# Every computation is a graph. Its nodes are the values, and each is made from earlier ones by one step, an **op**.
# Our example: $p = a \cdot b$, then $s = p + c$, then $L = p \cdot s$.
#
#     a = 2 ───┐
#              ├─(·)─> p = 6 ──┬──────────────────┐
#     b = 3 ───┘               │                  ├─(·)─> L = 30
#                              ├─(+)─> s = 5 ─────┘
#     c = -1 ──────────────────┘
#
# The nodes that no op made, here a, b and c, are **leaves**: the weights and the data. Look at p. It is used
# **twice**: by L, and by s, which L uses as well. Most of this lesson is about p.
#
# ## The chain rule: factors on one road multiply, roads add
#
# **One road.** Let $y$ be made from $x$, and $L$ from $y$. Nudge $x$ by a small $h$. Then $y$ moves by about
# $\frac{\partial y}{\partial x} \cdot h$. That is the nudge which $L$ feels, and $L$ moves by
# $\frac{\partial L}{\partial y}$ times it. Divide by $h$:
#
# $$\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \cdot \frac{\partial y}{\partial x}$$
#
# **Two roads.** Nudge $p$ by $h$ in $L = p \cdot s$. Now both arms move: $p$ by $h$, and $s$ by some $k$. Multiply
# out:
#
# $$(p + h)(s + k) = p s + s h + p k + h k$$
#
# So $L$ moves by $s h$, along the first road, plus $p k$, along the second. What remains, $h k$, is a small number
# times a small number: with $h = k = 0.001$ it is 0.000001, and its share vanishes as the nudge gets smaller. In our
# graph $s = p + c$ moves exactly as far as $p$, so $k = h$, and the gradient of $p$ is $s + p = 5 + 6 = 11$.
#
# Every op with two inputs behaves like this. Move the first input, then the second: each move adds its own factor
# times its nudge. The second factor may have changed a little by the first move, but a little times a small nudge is
# again small times small. So what arrives along different roads **adds**. And an op needs to know only its own factors:
#
# | op | dy is the gradient of y | because |
# |---|---|---|
# | y = a + b | da = dy, db = dy | a nudge of a comes out unchanged |
# | y = a · b | da = dy · b, db = dy · a | a nudge of a comes out b times as large |
#
# ## By hand
#
# Start at the end. Nudge L and L moves by just as much, so its gradient is 1. Then walk back:
#
# | at | what has arrived | what it hands to its inputs |
# |---|---|---|
# | L = p · s | 1 | p gets 1 · s = 5, s gets 1 · p = 6 |
# | s = p + c | 6 | p gets 6, c gets 6 |
# | p = a · b | 5 + 6 = 11 | a gets 11 · b = 33, b gets 11 · a = 22 |
#
# Check it with a nudge: a = 2.001 gives p = 6.003, s = 5.003, L = 30.033009. That is 0.033 for 0.001: the factor 33.
#
# ## Why backwards
#
# You could walk forwards instead: nudge a and follow it to L. That gives the gradient of a, and nothing else; b and c
# need walks of their own. Forwards it is **one walk for each leaf**: 2,410 for the network above
# (64·32 + 32 + 32·10 + 10 weights). Backwards it is **one walk for each result**, and there is one result, the loss.
# All leaves share that walk: the factor 11 at p is found once, and serves both a and b. The walk costs about twice what
# the computation did: for each multiplication two, one for da and one for db.
#
# ## The engine: what is given
#
# To walk back, a value must remember how it was made. That is a `Tensor`. And `op` turns a function on arrays that
# returns *(output, backward)* into an op: it takes Tensors, and gives a Tensor that remembers.
#
# Two things are called backward, so keep them apart. An op's own backward goes **one** step, from the gradient of its
# output to those of its inputs; a Tensor keeps it as `step_back`. And `backward(loss)` is the **whole** walk, which you
# will write.
#
# Some Python that may be new: for `a + b` Python calls `a.__add__(b)`, or `b.__radd__(a)` if a does not know how to
# add. `*arguments` collects all the arguments in one tuple. A function made inside a function, like `step_back`, keeps
# the variables around it. And `@op` above `def add` means `add = op(add)`.

# %%


class Tensor:
    """An array that remembers how it was made.

    data           the array
    requires_grad  whether its gradient is wanted: True for weights, False for constants (images, labels)
    grad           a leaf's gradient, of the shape of data; None until backward has run
    inputs         the Tensors it was made from, in order; () for a leaf
    step_back      step_back(dy) turns its own gradient into a tuple of gradients, one for each of inputs;
                   None for a leaf
    """

    __array_ufunc__ = None  # so that `array * tensor` asks the Tensor

    def __init__(self, data, requires_grad=False):
        self.data = np.asarray(data)
        self.requires_grad = requires_grad
        self.grad, self.inputs, self.step_back = None, (), None

    def backward(self):
        """Adds the gradient of this number to `.grad` of the leaves it was computed from."""
        backward(self)

    def __add__(self, other):
        return add(self, other)

    def __mul__(self, other):
        return multiply(self, other)

    __radd__, __rmul__ = __add__, __mul__


def op(function):
    """Makes an op from a function on arrays that returns (output, backward).

    backward(dy) returns a tuple with one gradient for each argument, in their order, and None for what has no gradient, like
    labels. For one argument it may return the array by itself. The op takes Tensors and plain arrays, and gives a Tensor.
    """

    def recording(*arguments):
        arrays = [a.data if isinstance(a, Tensor) else a for a in arguments]
        array, function_backward = function(*arrays)
        output, inputs = Tensor(array), tuple(a for a in arguments if isinstance(a, Tensor))

        def step_back(dy):
            returned = function_backward(dy)
            returned = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
            gradients = tuple(g for g, a in zip(returned, arguments, strict=True) if isinstance(a, Tensor))
            for gradient, source in zip(gradients, inputs, strict=True):
                if source.requires_grad and (gradient is None or np.shape(gradient) != source.data.shape):
                    wrong = "None" if gradient is None else f"shape {np.shape(gradient)}"
                    raise ValueError(f"{function.__name__}: backward gave {wrong} for an input of shape {source.data.shape}")
            return gradients

        if any(source.requires_grad for source in inputs):  # else it is a constant, and nothing needs to be remembered
            output.requires_grad, output.inputs, output.step_back = True, inputs, step_back
        return output

    return recording


# %% [markdown]
# Three ops, to have something to compute with. `add` and `multiply` take shapes that differ, as NumPy does, and so
# need your first function.

# %%


@op
def add(a, b):
    """y = a + b.   da = dy, db = dy, summed over what broadcasting repeated."""

    def backward(dy):
        return unbroadcast(dy, np.shape(a)), unbroadcast(dy, np.shape(b))

    return a + b, backward


@op
def multiply(a, b):
    """y = a * b.   da = dy * b, db = dy * a, summed over what broadcasting repeated."""

    def backward(dy):
        return unbroadcast(dy * b, np.shape(a)), unbroadcast(dy * a, np.shape(b))

    return a * b, backward


@op
def total(x):
    """The sum of all entries, one number. Each entry comes out once: each has the gradient dy."""

    def backward(dy):
        return np.full(x.shape, dy, dtype=x.dtype)

    return x.sum(), backward


# %% [markdown]
# ## Task 1: broadcasting, backwards
#
# In `x + bias`, with x of shape (2, 3) and bias of shape (3,), NumPy uses each entry of the bias twice: once in each
# row. Used twice is two roads, and roads add. So the gradient of the bias is the **sum** of the two rows of dy:
#
#     dy of y        rows added            the same for a column, shape (2, 1), used in 3 columns
#     1  2  3                              1  2  3  ->  6        (2, 3) to (2, 1)
#     4  5  6   ->   5  7  9               4  5  6  -> 15
#     (2, 3)         (3,)
#
# Broadcasting lines shapes up **from the right**. Then it does two things, and each is undone by a sum:
#
# - it **adds** axes in front, where a shape is shorter: sum over them, and they are gone;
# - it **stretches** axes of size 1: sum over them, and a size of 1 must remain.
#
# Most people do the first and forget the second, or lose the axis: a gradient of shape (2,) for a column of shape
# (2, 1). It is tempting because NumPy does not complain: when the two next meet, they are broadcast to (2, 2), and
# the column has become a square. That is why `op` above looks at the shape of every gradient.
#
# You may like to know: `sum` takes several axes at once, as in `axis=(0, 2)`, and `axis=()` sums over none.

# %%


def unbroadcast(gradient, shape):
    """Sums `gradient` to `shape`, undoing broadcasting: what was used k times receives the sum of k gradients.

    gradient   an array with the shape that broadcasting made, such as (2, 5, 3)
    shape      a tuple, the shape before broadcasting: (5, 1), or (3,), or () for a single number
    Returns an array of that shape. An array that already has it comes back with the same values.
    """
    # BEGIN SOLUTION: result, the sum over every axis that broadcasting added or stretched
    added = gradient.ndim - len(shape)
    without_front = gradient.sum(axis=tuple(range(added)))  # (2, 5, 3) to (5, 3)
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    result = without_front.sum(axis=stretched, keepdims=True)  # (5, 3) to (5, 1)
    # END SOLUTION
    return result


# %% [markdown]
# ## Task 2: an order to visit the nodes in
#
# Go back to the table "By hand". We visited L, then s, then p. What if p comes right after L? It is an input of L,
# after all, and already has a gradient: 5. Then a gets 5 · 3 = 15. The 6 from s arrives at p too late, and a never
# hears of it. So the rule is: **a node hands its gradient on only after every node that uses it has handed over
# theirs.**
#
# Turn the rule round and it is easier to write: list every node *after its own inputs*. That is a **topological
# order**. Read it backwards, and every node comes after all that use it.
#
#     a  b  p  c  s  L       right: each after its own inputs (c could stand anywhere before s)
#     a  b  c  s  p  L       wrong: s stands before p, from which it is made
#
# One way to get such a list: to list a node, first list each of its inputs in the same way, then append the node
# itself; skip what was seen before. It is tempting to write this as a function that calls itself. But Python stops
# after about 1,000 nested calls with a `RecursionError`, and here a graph may have 2,000 nodes in one chain. A list
# used as a **stack** has no such limit: you append what is still to do, and `pop()` takes the last. The puzzle is how
# the stack remembers that a node's inputs are done, and the node's turn has come.

# %%


def topological_order(root):
    """A list of every Tensor that root was computed from, leaves included, and root itself: each once, each after all of
    its own inputs (`node.inputs`). Works for a chain of many thousand nodes. Tensors can be members of a set."""
    # BEGIN SOLUTION: order, without a function that calls itself
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, inputs_are_done = stack.pop()
        if inputs_are_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))  # comes back when everything above it on the stack has been dealt with
            stack.extend((source, False) for source in node.inputs)
    # END SOLUTION
    return order


# %% [markdown]
# ## Task 3: the walk back
#
# Now the table "By hand" becomes a program. Keep a dictionary from Tensor to the gradient that has arrived so far.
# Start it with the loss, whose gradient is 1. Visit the nodes, the loss first. Each gives what arrived to its
# `step_back`, and what comes out goes to its inputs.
#
# **The mistake that most people make** is `=` where a sum belongs: the second gradient to arrive replaces the first.
# It is tempting because it works as long as no value is used twice. It also hits `x * x`: one op, both inputs are x.
#
# **The next one is quieter.** You sum, but with `+=` on an array, which writes into the array itself. Look at
# `y = a + b` and `z = y + a`. The backward of a sum of equal shapes may hand *one and the same array* dy to both:
#
#     z hands dy to y and to a         gradient of y and gradient of a are one array: [1.]
#     y hands the same dy to a, b      `+=` adds 1 to the array of a, which is also that of b: [2.]
#
# a has 2, as it should; b has 2 as well, and should have 1. So sum with `first + second`, which makes a new array.
# For the same reason give each leaf an array of its own: whoever later changes one leaf's `.grad` must not change
# another's.
#
# **Twice on purpose.** If a leaf has a `.grad` from an earlier call, add to it: so the gradients of two halves of a
# batch add up. The price: a training loop must set `.grad = None` before each step. Only leaves keep a gradient. What
# arrived at the nodes between is forgotten after the call, or it would be counted again in the next.

# %%


def backward(loss):
    """Adds d loss / d leaf to `leaf.grad` of every leaf with requires_grad from which loss was computed.

    loss   a Tensor with one entry. Its own gradient is an array of ones, with its shape and dtype.
    Each node's step_back runs once, with the sum of all that arrived; that of a leaf is None. Constants (requires_grad False)
    get no .grad, whatever step_back returns for them; neither do the nodes between. Sums make new arrays, and no two leaves
    share one. The graph stays as it is: a second call adds the same gradients once more.
    """
    if loss.data.size != 1:
        raise ValueError(f"a gradient starts from one number; this Tensor has shape {loss.data.shape}")
    # BEGIN SOLUTION: the walk from the loss to the leaves
    gradients = {loss: np.ones_like(loss.data)}
    for node in reversed(topological_order(loss)):
        if not node.requires_grad:
            continue
        dy = gradients.pop(node)
        if node.step_back is None:
            node.grad = np.array(dy if node.grad is None else node.grad + dy)  # np.array copies
            continue
        for source, gradient in zip(node.inputs, node.step_back(dy), strict=True):
            if source.requires_grad:
                gradients[source] = gradients[source] + gradient if source in gradients else gradient
    # END SOLUTION


# %% [markdown]
# ## Try it
#
# When the three are right, this is what you have made. It does not know what a network is, and it can train any:
#
#     a, b, c = (Tensor(value, requires_grad=True) for value in (2.0, 3.0, -1.0))
#     p = a * b
#     loss = p * (p + c)
#     loss.backward()
#     print(a.grad, b.grad, c.grad)            # 33.0 22.0 6.0
#
#     x = np.array([[1.0, 2.0], [3.0, 4.0]])   # a constant, (2, 2)
#     w = Tensor([[0.5], [2.0]], requires_grad=True)   # a column, (2, 1), stretched over two columns
#     total(x * w).backward()
#     print(w.grad)                            # [[3.] [7.]]: the rows of x, summed
#
# In lesson 07 it trains on handwritten digits, with a linear layer, a GELU and a loss that you have written.
#
# ## Look at it
#
# Left: the graph, with the values that went forwards and, below them, the gradients that your walk brought back. At p
# stands 11, the sum of two roads: 5 + 6. Right: what L becomes when you move one leaf alone. The dashed lines have
# your gradients as their slopes, and each must touch its curve at the middle. Farther out they part: a gradient is a
# promise about small nudges. Only for c the two are one line. Can you see why in the formula of L?
#
# ## Argue about it
#
# Walking backwards needs the values from the way forwards: `multiply` keeps a and b until its turn comes. In a deep
# network they fill the memory. You could throw half of them away and compute them again on the way back. When would you
# pay that price, and which ones would you throw away?

# %%


def picture():
    """The worked example: its graph with values and gradients, and the gradients as slopes."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE, PURPLE

    def compute(a, b, c):
        p = a * b
        s = p + c
        return p, s, p * s

    leaves = [Tensor(value, requires_grad=True) for value in (2.0, 3.0, -1.0)]
    nodes = dict(zip("abcpsL", [*leaves, *compute(*leaves)], strict=True))
    gradients = {}
    for name in "psL":  # nodes between keep no .grad: listen to what arrives there

        def listening(dy, name=name, step_back=nodes[name].step_back):
            gradients[name] = float(dy)
            return step_back(dy)

        nodes[name].step_back = listening
    nodes["L"].backward()
    gradients |= {name: float(nodes[name].grad) for name in "abc"}

    figure = Figure(figsize=(9, 4), layout="constrained")
    graph, slopes = figure.subplots(1, 2, width_ratios=[3, 2])
    graph.set(xlim=(-0.5, 3.5), ylim=(-0.6, 2.6))
    graph.axis("off")
    places = {"a": (0, 2), "b": (0, 1), "c": (0, 0), "p": (1.1, 1.5), "s": (2.1, 0.45), "L": (3.1, 1.5)}
    for name, user in ("ap", "bp", "cs", "ps", "pL", "sL"):
        arrow = {"arrowstyle": "->", "color": GREY, "shrinkA": 22, "shrinkB": 24, "linewidth": 1.5}
        graph.annotate("", places[user], places[name], arrowprops=arrow)
    formulas = {"p": "p = a·b", "s": "s = p + c", "L": "L = p·s"}
    for name, (x, y) in places.items():
        box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": GREY}
        text = f"value {nodes[name].data:g}\ngrad {gradients[name]:g}"
        graph.text(x, y, text, ha="center", va="center", bbox=box, weight="bold" if name == "p" else "normal")
        graph.text(x, y + 0.4, formulas.get(name, name), ha="center", va="center", color=BLUE)
    graph.set_title("forwards: values; backwards: gradients")

    nudge = np.linspace(-0.6, 0.6, 49)
    for i, (name, colour) in enumerate(zip("abc", (BLUE, ORANGE, PURPLE), strict=True)):
        values = [float(leaf.data) for leaf in leaves]
        values[i] = values[i] + nudge
        slopes.plot(nudge, compute(*values)[2], color=colour)
        line = 30 + gradients[name] * nudge
        slopes.plot(nudge, line, "--", color=colour, label=f"{name}: slope {gradients[name]:g}", marker="osv"[i], markevery=12)
    slopes.set(xlabel="nudge of one leaf", ylabel="L", title="each gradient is a slope")
    slopes.legend()
    return figure


# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
