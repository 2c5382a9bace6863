"""Every op of the library by name, and `use`, which puts somebody else's in its place.

minivit.ops.gelu(tensor)                    computes and records
minivit.ops.gelu.forward(array)             the bare pair (output, backward)
with minivit.ops.use(gelu=mine): ...        `mine` runs wherever the library calls gelu
minivit.ops.registry                        name to op: what the tests go through
"""

from contextlib import contextmanager

from ..engine import Op
from .arithmetic import add, divide, exp, log, multiply, negative, power, sqrt, subtract, where
from .attention import attention, attention_weights, merge_heads, split_heads
from .convolution import conv2d, max_pool2d
from .dropout import drop_path, dropout
from .gelu import gelu, relu, tanh
from .layernorm import layernorm
from .linear import linear, matmul
from .patches import embed_tokens, patchify, unpatchify
from .reductions import max, mean, sum
from .shapes import broadcast_to, concatenate, getitem, reshape, transpose
from .softmax import cross_entropy, log_softmax, softmax

registry = {name: value for name, value in list(globals().items()) if isinstance(value, Op)}

swappable = "patchify linear gelu softmax cross_entropy layernorm embed_tokens attention split_heads merge_heads".split()


@contextmanager
def use(**functions):
    """`with use(layernorm=mine): ...` runs `mine`, an Op or a function that returns (output, backward), wherever the
    library calls layernorm, in every thread of the process. An op that fuses a replaced one takes its slower, separate
    form meanwhile. A replacement that lacks an option in use is named in a warning, and the library's own runs.

    Raises ValueError for a name that cannot be replaced, or for something that is no function.
    """
    for name, function in functions.items():
        if name not in swappable:
            raise ValueError(f"{name!r} cannot be replaced; these can: {', '.join(swappable)}")
        if not callable(function):
            raise ValueError(f"{name}= takes a function that returns (output, backward); got {type(function).__name__}")
    before = {name: registry[name].replacement for name in functions}
    try:
        for name, function in functions.items():
            registry[name].replacement = function
        yield
    finally:
        for name, function in before.items():
            registry[name].replacement = function
