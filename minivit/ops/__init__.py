"""Every op of the library by name, and `use`, which puts somebody else's in its place.

minivit.ops.gelu(tensor)                    computes and records
minivit.ops.gelu.forward(array)             the bare pair (output, backward)
with minivit.ops.use(gelu=mine): ...        `mine` runs wherever the library calls gelu
minivit.ops.registry                        name to op: what the tests go through
"""

from ..arguments import registry
from ..engine import Op
from . import tensor
from .arithmetic import abs, add, clip, divide, exp, log, maximum, minimum, multiply, negative, power, sqrt, subtract, where
from .attention import attention, attention_weights, merge_heads, self_attention, split_heads
from .boxes import giou
from .convolution import conv2d, depthwise_conv2d, max_pool2d, unfold
from .dropout import drop_path, dropout
from .gelu import gelu, relu, sigmoid, silu, tanh
from .layernorm import layernorm
from .linear import linear, matmul
from .patches import embed_tokens, patchify, unpatchify
from .positions import pick, rotate
from .reductions import max, mean, sum
from .replace import swappable, use
from .sampling import sample_bilinear
from .shapes import broadcast_to, concatenate, getitem, reshape, transpose
from .softmax import cross_entropy, log_softmax, softmax

registry.update({name: value for name, value in globals().items() if isinstance(value, Op)})
