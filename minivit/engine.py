"""The tape: Tensor, Op, and the walk backwards that turns a loss into gradients.

An op is a function on arrays that returns its output and its backward (see `op`). Calling it with Tensors also records a
`Node`: the backward, and where each input came from. `gradients` visits those nodes from the loss to the inputs and lets
each backward turn the gradient of its output into the gradients of its inputs. That is all of automatic differentiation.
"""

import inspect
import warnings
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from .backend import array_module, to_host

_recording = ContextVar("recording", default=True)


@contextmanager
def no_grad():
    """`with no_grad(): ...` computes without recording: less memory, and no gradient afterwards. Also a decorator."""
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


class Tensor:
    """An array that remembers how it was computed.

    data            anything that NumPy or CuPy takes as an array of numbers; arrays are not copied
    requires_grad   True for what is to be learned (float32 or float64; a ValueError for other dtypes)
    grad            after `loss.backward()`: the gradient, an array of the shape and dtype of `data`; before it: None
    """

    __slots__ = ("data", "requires_grad", "grad", "_node", "_index")
    __array_ufunc__ = None  # `array * tensor` asks the Tensor, instead of looping over its entries

    def __init__(self, data, requires_grad=False):
        data = data.data if isinstance(data, Tensor) else data
        self.data = array_module(data).asarray(data)
        if self.data.dtype.kind not in "fiub":
            raise ValueError(f"a Tensor holds numbers; got an array of dtype {self.data.dtype}")
        if requires_grad and self.data.dtype.kind != "f":
            raise ValueError(f"only floating-point numbers have gradients; got dtype {self.data.dtype}: use x.astype(np.float32)")
        self.requires_grad = requires_grad
        self.grad = None
        self._node, self._index = None, 0

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)

    def numpy(self):
        """The data as a NumPy array, copied from the GPU if it is there."""
        return to_host(self.data)

    def backward(self):
        """Adds the gradient of this number (a loss) to `.grad` of every leaf Tensor with requires_grad that it was computed
        from. The graph is consumed. Raises ValueError where `gradients` does."""
        for leaf, gradient in _leaf_gradients(self).items():
            # A copy: a backward may hand the same array to two inputs, and whoever clips .grad in place would change both.
            leaf.grad = array_module(gradient).array(gradient if leaf.grad is None else leaf.grad + gradient)

    def __len__(self):
        if not self.shape:
            raise TypeError("this Tensor is a single number and has no length")
        return self.shape[0]

    def __float__(self):
        return float(self.data)

    def __bool__(self):
        raise TypeError("a Tensor is neither true nor false: compare tensor.numpy(), or float(tensor) of a single number")

    def __array__(self, dtype=None, copy=None):
        raise TypeError("NumPy was given a Tensor: use tensor.numpy() for its array, or a function of minivit.ops to record it")

    def __repr__(self):
        recorded = f", from {self._node.op.name}" if self._node else ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({np.array2string(self.numpy(), separator=', ', threshold=20)}, {self.dtype}{recorded})"


class Node:
    """One recorded call of an op. It holds no data of its own, so that an array lives exactly as long as some backward
    mentions it.

    op         the Op that was called
    backward   from the gradients of the outputs to those of the inputs; None once it has run
    inputs     for each argument: its source, or None where no gradient is wanted
    outputs    (shape, dtype) of each output

    A source is a pair: (Node, which of its outputs), or (leaf Tensor, 0).
    """

    __slots__ = ("op", "backward", "inputs", "outputs")

    def __init__(self, op, backward, inputs, outputs):
        self.op, self.backward, self.inputs, self.outputs = op, backward, inputs, outputs


def _source(tensor):
    return (tensor, 0) if tensor._node is None else (tensor._node, tensor._index)


def _topological_order(root):
    """Every Node that `root` was computed from, each after all of its own inputs. A stack instead of recursion: a graph
    may be deeper than Python's call stack."""
    order, visited, stack = [], set(), [(root, False)]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
        elif isinstance(node, Node) and node not in visited:
            visited.add(node)
            stack.append((node, True))
            stack.extend((source[0], False) for source in node.inputs if source)
    return order


def argument_name(signature, i):
    """The name of positional argument i; those of *arrays are numbered."""
    parameters = list(signature.parameters.values())
    first = parameters[0]
    return f"{first.name}[{i}]" if first.kind is first.VAR_POSITIONAL else parameters[i].name


def _check(op, i, gradient, shape, dtype):
    """A gradient has the shape and the dtype of what it is the gradient of."""
    found = (getattr(gradient, "shape", None), getattr(gradient, "dtype", None))
    if found == (shape, dtype):
        return
    argument = argument_name(op.signature, i)
    if gradient is None:
        raise ValueError(f"{op.name}: backward returned None for argument {i}, {argument}, which requires a gradient")
    raise ValueError(
        f"{op.name}: backward returned {type(gradient).__name__} of shape {found[0]} and dtype {found[1]} for argument {i}, "
        f"{argument}, which has shape {shape} and dtype {dtype}"
    )


def _run_backward(node, upstream):
    """The gradients of one node's inputs, checked; the node is freed."""
    if node.backward is None:
        raise ValueError(
            f"this graph was used before: backward() frees the arrays that {node.op.name} kept. "
            "Compute the loss again, or add two losses and call backward() once"
        )
    returned = node.backward(*upstream)
    returned = returned if isinstance(returned, tuple) else (returned,)
    inputs, node.backward, node.inputs = node.inputs, None, ()
    for argument, source in enumerate(inputs):
        if source is not None:
            gradient = returned[argument] if argument < len(returned) else None
            origin, index = source
            shape, dtype = origin.outputs[index] if isinstance(origin, Node) else (origin.shape, origin.dtype)
            _check(node.op, argument, gradient, shape, dtype)
            yield source, gradient


def _walk(loss, wanted=()):
    """Gradients of `loss` by source (see Node): of every leaf, and of the `wanted` sources too, which would otherwise be
    forgotten as soon as they have been passed on."""
    if not isinstance(loss, Tensor) or loss.size != 1:
        raise ValueError(
            f"a gradient starts from one number, a Tensor; got {getattr(loss, 'shape', type(loss).__name__)}: "
            "take .sum() or .mean() first"
        )
    if not loss.requires_grad:
        raise ValueError(
            "this loss does not depend on any Tensor with requires_grad=True, so it has no gradient; "
            "was it computed under no_grad(), or from plain arrays?"
        )
    root = _source(loss)
    found = {root: array_module(loss.data).ones_like(loss.data)}
    kept = {source: found[source] for source in wanted if source in found}
    for node in reversed(_topological_order(root[0])):
        upstream = [found.pop((node, i), None) for i in range(len(node.outputs))]
        xp = array_module(next(dy for dy in upstream if dy is not None))
        upstream = [xp.zeros(*output) if dy is None else dy for dy, output in zip(upstream, node.outputs, strict=True)]
        kept.update({(node, i): dy for i, dy in enumerate(upstream) if (node, i) in wanted})
        for source, gradient in _run_backward(node, upstream):
            found[source] = found[source] + gradient if source in found else gradient
    return found | kept


def _leaf_gradients(loss):
    return {origin: gradient for (origin, _), gradient in _walk(loss).items() if isinstance(origin, Tensor)}


def gradients(loss, tensors):
    """d loss / d tensor for each of `tensors`, as a list of arrays in their order.

    Touches no `.grad`, and consumes the graph: the arrays kept for backward are freed as the walk proceeds. Safe to call
    from several threads at once, each with a graph of its own. The arrays may share memory: read them, do not write.

    Raises ValueError if `loss` is not a single number or has no gradient, if a tensor takes no part in it, if the graph
    was used before, or if an op's backward returns a wrong shape or dtype.
    """
    sources = [_source(tensor) for tensor in tensors]
    found = _walk(loss, set(sources))
    for i, source in enumerate(sources):
        if source not in found:
            raise ValueError(f"tensors[{i}], of shape {tensors[i].shape}, takes no part in this loss, so it has no gradient")
    return [found[source] for source in sources]


def unbroadcast(gradient, shape):
    """Sums `gradient` over the axes that broadcasting added or stretched, back to `shape`: what was used k times receives
    the sum of k gradients."""
    added = gradient.ndim - len(shape)
    stretched = tuple(i + added for i, n in enumerate(shape) if n == 1 and gradient.shape[i + added] != 1)
    if added or stretched:
        gradient = gradient.sum(axis=tuple(range(added)) + stretched).reshape(shape)
    return gradient


class Op:
    """A function on arrays that returns (output, backward), made differentiable; see `op`.

    op(*tensors)           computes and records; Tensors and arrays may be mixed; returns a Tensor, or a tuple of them
    op.forward(*arrays)    the bare pair, with no engine around it
    """

    def __init__(self, function, broadcasts=False):
        self.function = function
        self.broadcasts = broadcasts
        self.name = self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.signature = self.__signature__ = inspect.signature(function)
        self.options = {p.name: p.default for p in self.signature.parameters.values() if p.default is not p.empty}
        self.replacement = None  # set by minivit.ops.use
        self.parts, self.composition = (), None  # set by composed_of

    def __repr__(self):
        return f"<op {self.name}{self.signature}>"

    def composed_of(self, *parts):
        """Declares that this op fuses `parts`, and how it is computed from them, as a function on Tensors: that function
        runs instead while one of the parts is replaced."""

        def declare(composition):
            self.parts, self.composition = parts, composition
            return composition

        return declare

    def forward(self, *arrays, **options):
        """(output, backward) on bare arrays. With broadcasts=True, backward sums to each input's shape."""
        y, backward = self.function(*arrays, **options)
        if not self.broadcasts:
            return y, backward
        shapes = [np.shape(a) for a in arrays]

        def unbroadcasting_backward(dy):
            returned = backward(dy)
            returned = returned if isinstance(returned, tuple) else (returned,)
            summed = tuple(None if g is None else unbroadcast(g, shape) for g, shape in zip(returned, shapes, strict=True))
            return summed if len(summed) > 1 else summed[0]

        return y, unbroadcasting_backward

    def __call__(self, *args, **options):
        replacement = self.replacement
        if any(part.replacement for part in self.parts) and not replacement:
            return self.composition(*args, **options)
        if any(isinstance(value, Tensor) for value in options.values()):  # a Tensor given by name gets its place in the order
            bound = self.signature.bind(*args, **options)
            bound.apply_defaults()
            args, options = bound.args, bound.kwargs
        arrays = [a.data if isinstance(a, Tensor) else a for a in args]
        y, backward = self._replaced(replacement, arrays, options) if replacement else self.forward(*arrays, **options)
        outputs = [Tensor(array) for array in (y if isinstance(y, tuple) else (y,))]
        if _recording.get() and any(isinstance(a, Tensor) and a.requires_grad for a in args):
            inputs = [_source(a) if isinstance(a, Tensor) and a.requires_grad else None for a in args]
            node = Node(self, backward, inputs, [(t.shape, t.dtype) for t in outputs])
            for i, tensor in enumerate(outputs):
                tensor.requires_grad, tensor._node, tensor._index = True, node, i
        return tuple(outputs) if isinstance(y, tuple) else outputs[0]

    def _replaced(self, replacement, arrays, options):
        """The replacement's (output, backward), or this op's own where the replacement lacks an option in use."""
        bound = self.signature.bind(*arrays, **options)
        bound.apply_defaults()
        parameters = inspect.signature(replacement).parameters
        accepted = self.options if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) else parameters
        positional = [value for name, value in bound.arguments.items() if name not in self.options]
        named = {name: value for name, value in bound.arguments.items() if name in accepted and name in self.options}
        in_use = {name for name, default in self.options.items() if not _same(bound.arguments[name], default)}
        lacking = sorted(in_use - set(named))
        if lacking:
            missing = ", ".join(lacking)
            warnings.warn(f"your {self.name} lacks {missing}, which is in use here; the library's runs instead", stacklevel=4)
            return self.forward(*arrays, **options)
        function = replacement.forward if isinstance(replacement, Op) else replacement
        y, backward = checked_pair(function(*positional, **named), f"your {self.name}")
        expected = {a.dtype for a in arrays if getattr(getattr(a, "dtype", None), "kind", "") == "f"}
        for output in y if isinstance(y, tuple) else (y,):
            found = getattr(output, "dtype", type(output).__name__)
            if len(expected) == 1 and found not in expected:
                raise ValueError(
                    f"your {self.name} returned {found} for inputs of {expected.pop()}: write plain numbers with math.sqrt, "
                    "not np.sqrt, which makes everything float64"
                )
        return y, backward


def checked_pair(returned, name):
    """What an op's function returned, if it is (output, backward); a ValueError says what came instead."""
    if isinstance(returned, tuple) and len(returned) == 2 and callable(returned[1]):
        return returned
    kind = type(returned).__name__
    raise ValueError(f"{name} must return two things, its output and its backward function; it returned {kind}")


def _same(value, default):
    """Whether an option has its default value; an array never has."""
    return value is default or (np.isscalar(value) and value == default)


def op(function=None, *, broadcasts=False):
    """Makes a differentiable op from a function on arrays that returns its output and its backward:

        @op
        def multiply(a, b):
            def backward(dy):
                return dy * b, dy * a
            return a * b, backward

    `backward` takes the gradient of the loss with respect to the output (one for each output, if there are several) and
    returns one array for one array argument, else a tuple in the arguments' order, None for what has no gradient. It
    writes into nothing that it was given. What it mentions is what is kept in memory until it has run.

    With `broadcasts=True` (elementwise ops) gradients are summed back to the shape of each input.
    """
    return Op(function, broadcasts) if function else lambda f: Op(f, broadcasts)
