"""The tape: Tensor, Op, and the walk backwards that turns a loss into gradients.

An op is a function on arrays that returns its output and its backward (see `op`). Calling it with Tensors also records a `Node`:
the backward, and where each input came from. `gradients` visits those nodes from the loss to the inputs and lets each backward
turn the gradient of its output into the gradients of its inputs. That is all of automatic differentiation.
"""

import inspect
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from .arguments import as_arrays, bound, check_gradient, checked_pair, chosen
from .backend import array_module, to_host
from .checks import YES_OR_NO, choice

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))  # what has a gradient
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
    """An array that remembers how it was computed. What it can do beside that (+, @, sum, ...) stands in ops/tensor.py.

    data            anything that NumPy or CuPy takes as an array of numbers; arrays are not copied
    requires_grad   True for what is to be learned (float32 or float64; a ValueError for other dtypes); False freezes it
    grad            after `loss.backward()`: the gradient, an array of the shape and dtype of `data`; before it: None
    is_parameter    whether it was ever to be learned: a frozen parameter stays one
    """

    __slots__ = ("_data", "_requires_grad", "grad", "is_parameter", "_node", "_index")

    def __init__(self, data, requires_grad=False):
        self._requires_grad = self.is_parameter = False
        self.grad, self._node, self._index = None, None, 0
        self.data = data.data if isinstance(data, Tensor) else data
        if requires_grad is not False:
            self.requires_grad = requires_grad

    @property
    def data(self):
        return self._data

    @data.setter
    def data(self, data):
        data = array_module(data).asarray(data)
        if data.dtype.kind not in "fiub":
            raise ValueError(f"a Tensor holds numbers; got an array of dtype {data.dtype}")
        self._data = _differentiable(data) if self._requires_grad else data

    @property
    def requires_grad(self):
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, requires_grad):
        requires_grad = choice("requires_grad", requires_grad, YES_OR_NO)
        if requires_grad:
            _differentiable(self._data)
            self.is_parameter = self._node is None
        self._requires_grad = requires_grad

    def _record(self, node, index):
        """Makes this the output `index` of a Node."""
        _differentiable(self._data, f"the output of {node.op.name}: ")
        self._requires_grad, self._node, self._index = True, node, index

    shape = property(lambda self: self._data.shape)
    dtype = property(lambda self: self._data.dtype)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)

    def numpy(self):
        """The data as a NumPy array, copied from the GPU if it is there."""
        return to_host(self.data)

    def backward(self):
        """Adds the gradient of this number (a loss) to `.grad` of every leaf Tensor with requires_grad that it was computed
        from. The graph is consumed. Raises ValueError where `gradients` does."""
        found, leaves = _walk(self)
        for leaf in leaves:
            gradient = found[id(leaf), 0]
            # A copy: a backward may hand the same array to two inputs, and whoever clips .grad in place would change both.
            leaf.grad = array_module(gradient).array(gradient if leaf.grad is None else leaf.grad + gradient)

    def __repr__(self):
        recorded = f", from {self._node.op.name}" if self._node else ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({np.array2string(self.numpy(), separator=', ', threshold=20)}, {self.dtype}{recorded})"


def _differentiable(array, whose=""):
    """The array, if its dtype is one that has gradients."""
    if array.dtype not in FLOATS:
        raise ValueError(f"{whose}only float32 and float64 have gradients; got dtype {array.dtype}: use x.astype(np.float32)")
    return array


class Node:
    """One recorded call of an op. It holds no data of its own, so that an array lives exactly as long as some backward
    mentions it.

    op         the Op that was called
    backward   from the gradients of the outputs to those of the inputs; None once it has run
    inputs     for each argument: its source, or None where no gradient is wanted
    outputs    (shape, dtype) of each output

    A source is a pair: (Node, which of its outputs), or (leaf Tensor, 0). It is known by the id of the first and the second.
    """

    __slots__ = ("op", "backward", "inputs", "outputs")

    def __init__(self, op, backward, inputs, outputs):
        self.op, self.backward, self.inputs, self.outputs = op, backward, inputs, outputs


def _source(tensor):
    return (tensor, 0) if tensor._node is None else (tensor._node, tensor._index)


def _key(source):
    return id(source[0]), source[1]


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
            check_gradient(node.op, argument, gradient, shape, dtype)
            yield source, gradient


def _walk(loss, wanted=()):
    """({key of a source: gradient of `loss`}, the leaves among them): of every leaf, and of the sources whose keys are `wanted`,
    which would otherwise be forgotten as soon as they have been passed on."""
    if not isinstance(loss, Tensor) or loss.size != 1:
        found = getattr(loss, "shape", type(loss).__name__)
        raise ValueError(f"a gradient starts from one number, a Tensor; got {found}: take .sum() or .mean() first")
    if not loss.requires_grad:
        raise ValueError(
            "this loss does not depend on any Tensor with requires_grad=True, so it has no gradient; "
            "was it computed under no_grad(), or from plain arrays?"
        )
    root = _source(loss)
    found = {_key(root): array_module(loss.data).ones_like(loss.data)}
    kept, leaves = dict(found) if _key(root) in wanted else {}, {id(loss): loss} if root[0] is loss else {}
    for node in reversed(_topological_order(root[0])):
        upstream = [found.pop((id(node), i), None) for i in range(len(node.outputs))]
        xp = array_module(next(dy for dy in upstream if dy is not None))
        upstream = [xp.zeros(*output) if dy is None else dy for dy, output in zip(upstream, node.outputs, strict=True)]
        kept.update({(id(node), i): dy for i, dy in enumerate(upstream) if (id(node), i) in wanted})
        for source, gradient in _run_backward(node, upstream):
            key = _key(source)
            found[key] = found[key] + gradient if key in found else gradient
            if isinstance(source[0], Tensor):
                leaves[key[0]] = source[0]
    return found | kept, leaves.values()


def gradients(loss, tensors):
    """d loss / d tensor for each of `tensors`, as a list of arrays in their order.

    Touches no `.grad`, and consumes the graph, freeing what it kept as the walk proceeds. Safe to call from several threads at
    once, each with a graph of its own. The arrays may share memory: read them, do not write.

    Raises ValueError if `loss` is no single number or has no gradient, if a tensor takes no part in it, if the graph was used
    before, or if an op's backward returns a wrong shape or dtype.
    """
    tensors = list(tensors) if not isinstance(tensors, Tensor | dict) and hasattr(tensors, "__iter__") else [None]
    if not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise ValueError("gradients takes a loss and a list of Tensors: gradients(loss, [weight]), or model.parameters()")
    keys = [_key(_source(tensor)) for tensor in tensors]
    found, _ = _walk(loss, set(keys))
    for i, (tensor, key) in enumerate(zip(tensors, keys, strict=True)):
        if key not in found:
            frozen = "" if tensor.requires_grad else "; its requires_grad is False: leave it out, or set it to True before"
            raise ValueError(f"tensors[{i}], of shape {tensor.shape}, takes no part in this loss, so it has no gradient{frozen}")
    return [found[key] for key in keys]


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

    def __init__(self, function, broadcasts=False, constants=False, keeps=(), choices=None):
        self.function, self.broadcasts, self.constants, self.keeps = function, broadcasts, constants, keeps
        self.name = self.__name__ = function.__name__
        self.__qualname__, self.__module__, self.__doc__ = function.__qualname__, function.__module__, function.__doc__
        self.signature = self.__signature__ = inspect.signature(function)
        self.names = list(self.signature.parameters)
        self.options = {p.name: p.default for p in self.signature.parameters.values() if p.default is not p.empty}
        self.replacement = None  # set by minivit.ops.use: a function like `forward`
        self.choices, self.parts, self.composition = choices or {}, (), None  # composed_of sets the last two

    def __repr__(self):
        return f"<op {self.name}{self.signature}>"

    def __reduce__(self):
        return self.__qualname__  # copies and pickles of an op are the op itself

    def composed_of(self, *parts):
        """Declares that this op fuses `parts`, and how it is computed from them, as a function on Tensors: that function
        runs instead while one of the parts, or of their parts, is replaced."""

        def declare(composition):
            self.parts, self.composition = parts, composition
            return composition

        return declare

    def is_replaced(self):
        """Whether somebody else's code stands in for this op, or for a part of it."""
        return self.replacement is not None or any(part.is_replaced() for part in self.parts)

    def forward(self, *arrays, **options):
        """(output, backward) on bare arrays. With broadcasts=True, backward sums to each input's shape."""
        arrays, options = chosen(self, arrays, options)
        y, backward = checked_pair(self.function(*arrays, **options), self.name)
        if not self.broadcasts:
            return y, backward
        shapes = [np.shape(a) for a in arrays]

        def unbroadcasting_backward(dy):
            returned = backward(dy)
            returned = returned if isinstance(returned, tuple) else (returned,)
            summed = tuple(None if g is None else unbroadcast(g, shape) for g, shape in zip(returned, shapes, strict=False))
            return summed if len(summed) > 1 else summed[0]

        return y, unbroadcasting_backward

    def __call__(self, *args, **options):
        args, options = chosen(self, args, options)
        if self.parts and self.replacement is None and self.is_replaced():
            return self.composition(*args, **options)
        if options and any(isinstance(value, Tensor) for value in options.values()):  # given by name: each gets its place
            args, options = bound(self, args, options)
        tensors = [a for a in args if isinstance(a, Tensor)]
        floats = [a._data for a in tensors if a._data.dtype.kind == "f"]
        arrays = as_arrays(self, [a._data if isinstance(a, Tensor) else a for a in args], floats)
        try:
            y, backward = (self.replacement or self.forward)(*arrays, **options)
        except TypeError:
            bound(self, args, options)  # where the arguments do not fit the signature, this says it better
            raise
        outputs = [Tensor(array) for array in (y if isinstance(y, tuple) else (y,))]
        if _recording.get() and any(a._requires_grad for a in tensors):
            inputs = [_source(a) if isinstance(a, Tensor) and a._requires_grad else None for a in args]
            node = Node(self, backward, inputs, [(t.shape, t.dtype) for t in outputs])
            for i, tensor in enumerate(outputs):
                tensor._record(node, i)
        return tuple(outputs) if isinstance(y, tuple) else outputs[0]


def op(function=None, **properties):
    """Makes a differentiable op from a function on arrays that returns its output and its backward:

        @op
        def multiply(a, b):
            def backward(dy):
                return dy * b, dy * a
            return a * b, backward

    `backward` takes the gradient of the loss with respect to the output (one for each output, if there are several) and
    returns one array for one array argument, else a tuple in the arguments' order, None for what has no gradient. It
    writes into nothing that it was given. What it mentions is what is kept in memory until it has run.

    broadcasts   True for elementwise ops: gradients are summed back to the shape of each input
    constants    True where all arguments are numbers to compute with, which then take the Tensors' dtype, as if it broadcast
    keeps        names of arguments that keep their dtype there, like the mask of `where`
    choices      {name of an option: {what may be given: what the function receives}}
    """
    return Op(function, **properties) if function else lambda f: Op(f, **properties)
