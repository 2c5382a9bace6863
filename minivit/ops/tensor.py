"""What a Tensor can do: its operators and methods, each a call of an op. What NumPy or PyTorch has taught people to expect works,
or the error names the op to use.

Comparisons give arrays of True and False, which have no gradient; a Tensor is still told from others by identity: it can be a
key of a dictionary or stand in a set.
"""

import operator

from ..arguments import remedy
from ..engine import Tensor
from .arithmetic import abs, add, clip, divide, multiply, negative, power, subtract
from .linear import matmul
from .reductions import max, mean, sum
from .shapes import getitem, reshape, transpose

OPERATORS = {"add": add, "sub": subtract, "mul": multiply, "truediv": divide, "matmul": matmul, "pow": power}
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
# What NumPy calls for `array * tensor`, by its names
RECORDED = {op.name: op for op in OPERATORS.values()}
COMPARED = "equal not_equal less less_equal greater greater_equal".split()


def _data(value):
    return value.data if isinstance(value, Tensor) else value


def _operators(name, op):
    setattr(Tensor, f"__{name}__", lambda self, other: op(self, other))
    setattr(Tensor, f"__r{name}__", lambda self, other: op(other, self))


def _comparison(compare):
    setattr(Tensor, f"__{compare.__name__}__", lambda self, other: compare(self.data, _data(other)))


class _OfTensor:
    """The methods of Tensor that are more than a call of an op; `self` is a Tensor."""

    def detach(self):
        """A Tensor of the same array that does not remember how it was computed."""
        return Tensor(self.data)

    def item(self):
        """The single number in it, as Python's."""
        if self.size != 1:
            raise ValueError(
                f"one number can be taken out of a Tensor of one; this one has shape {self.shape}: see .sum(), .numpy()"
            )
        return self.numpy().item()

    def __len__(self):
        if not self.shape:
            raise TypeError("this Tensor is a single number and has no length")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __format__(self, spec):
        return format(self.item(), spec) if spec else repr(self)

    def __bool__(self):
        raise TypeError("a Tensor is neither true nor false: compare tensor.numpy(), or float(tensor) of a single number")

    def __setitem__(self, index, value):
        raise TypeError("a Tensor is not written into, since what was computed from it would not know: use minivit.ops.where")

    def __getattr__(self, name):
        raise AttributeError(f"a Tensor has no {name!r}: {remedy(name)}")

    def __array__(self, dtype=None, copy=None):
        raise TypeError("NumPy was given a Tensor: use tensor.numpy() for its array, or a function of minivit.ops to record it")

    def __array_ufunc__(self, function, kind, *inputs, out=None, **options):
        """`array * tensor` arrives here, since NumPy's array is asked first."""
        name, plain = function.__name__, kind == "__call__" and not options and (out is None or out[0] is inputs[0])
        if plain and name in RECORDED:
            return RECORDED[name](*inputs)
        if plain and name in COMPARED:
            return function(*map(_data, inputs))
        raise TypeError(f"np.{name} was given a Tensor: {remedy(name)}")

    def __array_function__(self, function, types, args, options):
        name = function.__name__
        raise TypeError(f"np.{name} was given a Tensor: tensor.numpy() is its array; {remedy(name)}: see minivit.ops")


for name, method in vars(_OfTensor).items():
    if callable(method):
        setattr(Tensor, name, method)
for name, op in OPERATORS.items():
    _operators(name, op)
for compare in COMPARISONS:
    _comparison(compare)
Tensor.__hash__ = object.__hash__
Tensor.__float__, Tensor.__int__ = lambda self: float(self.item()), lambda self: int(self.item())
Tensor.__contains__ = lambda self, value: bool((self == value).any())
Tensor.__neg__, Tensor.__pos__ = lambda self: negative(self), lambda self: self
Tensor.__abs__ = Tensor.abs = lambda self: abs(self)
Tensor.__getitem__ = lambda self, index: getitem(self, index)
Tensor.__array_priority__ = 1000  # what CuPy's arrays look at
Tensor.T = property(lambda self: transpose(self))
Tensor.reshape = lambda self, *shape: reshape(self, shape[0] if len(shape) == 1 else shape)
Tensor.transpose = lambda self, *axes: transpose(self, axes=(axes[0] if len(axes) == 1 else axes) or None)
Tensor.clip = lambda self, min=None, max=None: clip(self, min, max)
Tensor.sum = lambda self, *axis, **options: sum(self, *axis, **options)
Tensor.mean = lambda self, *axis, **options: mean(self, *axis, **options)
Tensor.max = lambda self, *axis, **options: max(self, *axis, **options)
Tensor.min = lambda self, *axis, **options: negative(max(negative(self), *axis, **options))
