"""Which kernel serves these arrays: the one dispatcher between an op and its fast forms.

The op says what, a kernel says how fast. An op's page holds plain array code, the formula; where it is measured to matter, a
kernel computes the same numbers faster on one device, for some shapes and dtypes. A test holds each to its plain form.
"""

import sys

import numpy as np

from ..backend import array_module
from . import cpu, cpu_attention, cpu_convolution, cuda, cuda_attention

FLOATS = (np.float32, np.float64)


def _floats(x, *others):
    return x.dtype in FLOATS and x.size > 0


def _float32(x):
    return x.dtype == np.float32


def _attention(q, k, v, bias):
    return q.dtype == k.dtype == v.dtype and _floats(q) and k.size > 0


def _narrow_attention(q, k, v, bias):
    return _attention(q, k, v, bias) and q.shape[-1] <= cuda_attention.WIDEST


def _narrow_heads(qkv, heads):
    return _floats(qkv) and qkv.shape[-1] <= 3 * heads * cuda_attention.WIDEST


def _last_axis(x, axis):
    return axis in (-1, x.ndim - 1) and _floats(x)


def _in_a_line(x, weight, bias, stride, padding):
    same = _floats(x) and x.dtype == weight.dtype and (bias is None or bias.dtype == x.dtype)
    fits = weight.size > 0 and stride == 1 and padding < len(weight)
    return same and fits and cpu_convolution.worth_it(x.shape, weight.shape, padding)


def _small_windows(x, size, stride):
    return _floats(x) and size <= 16


# {name of the plain form: (what it serves, as a function of the same arguments, the kernel)}
ON_CPU = {
    "gelu_exact": (_float32, cpu.gelu_exact),
    "gelu_tanh": (_floats, cpu.gelu_tanh),
    "layernorm_plain": (_floats, cpu.layernorm),
    "attention_plain": (_attention, cpu_attention.attention),
    "self_attention_plain": (_floats, cpu_attention.self_attention),
    "adamw_plain": (_floats, cpu.adamw),
    "conv2d_plain": (_in_a_line, cpu_convolution.conv2d),
    "pick_plain": (_floats, cpu.pick),
    "max_pool2d_plain": (_small_windows, cpu_convolution.max_pool2d),
}
if sys.platform == "emscripten":  # a browser's Python, whose NumPy comes without a matrix library
    ON_CPU["linear_plain"] = (_floats, cpu.linear_without_blas)
ON_GPU = {
    "gelu_exact": (_floats, cuda.gelu_exact),
    "gelu_tanh": (_floats, cuda.gelu_tanh),
    "layernorm_plain": (_floats, cuda.layernorm),
    "softmax_plain": (_last_axis, cuda.softmax),
    "cross_entropy_plain": (_floats, cuda.cross_entropy),
    "attention_plain": (_narrow_attention, cuda_attention.attention),
    "self_attention_plain": (_narrow_heads, cuda_attention.self_attention),
    "pick_plain": (_floats, cuda.pick),
    "adamw_plain": (_floats, cuda.adamw),
}


def run(plain, *arguments):
    """plain(*arguments), or what the kernel of its name gives, where there is one for the first argument's device that serves
    all of them."""
    kernels = ON_CPU if array_module(arguments[0]) is np else ON_GPU
    serves, kernel = kernels.get(plain.__name__, (None, plain))
    return kernel(*arguments) if serves and serves(*arguments) else plain(*arguments)
