# %% [markdown]
# # 19 · Fused kernels
#
# The MLP of ViT-B/16 puts 197 · 3,072 numbers of one image through GELU, in each of its 12 blocks. Your function of
# lesson 05 does it right. But it does it in some thirty steps, and each step takes all the numbers out of memory,
# does one small thing to them, and puts them back. **What if a number stayed, until everything with it is done?**
#
# ![A roofline, with GELU and LayerNorm in steps and in blocks; a sum as a tree; the errors of two variances](expected.png)
#
# You rewrite two functions that you know, so that they compute the same and move less: first in NumPy, block by
# block; then as **kernels**, the text that each of thousands of threads of a GPU runs. You need no GPU. The course
# has one in plain Python: it is slow, and it tells you what a real one passes over in silence.

# %%
import math
import time

import numpy as np

from lessons import mine
from lessons.threads import launch
from minivit.backend import array_module, erf, gpu_status, to_device, to_host

# %% [markdown]
# ## What a step costs
#
# A line such as `y = a * b` on large arrays has three parts. Numbers travel from memory to the core; the core
# multiplies; numbers travel back. In float32 each number has 4 bytes. So for each entry of $y$
#
#     read a      4 bytes
#     read b      4 bytes       and one multiplication
#     write y     4 bytes
#
# How long does each part take? Let us measure your machine: how many bytes a second memory delivers and takes back
# (copying a large array), and how many operations a second a core does where nothing has to travel. For the second
# there are two answers. NumPy's own operations, on arrays so small that they stay in the core's **cache** (a small
# memory beside the core, some 20 times as fast as the large one). And a matrix product, in which each number that has
# come is used many times.


# %%
def seconds(function, *arguments, repeats=3):
    """How long a call takes, the fastest of a few."""
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        function(*arguments)
        found.append(time.perf_counter() - started)
    return min(found)


def machine():
    """(bandwidth, cached, product) of this machine: bytes a second, and operations a second in NumPy's steps and in a product."""
    large = np.ones(8_000_000, np.float32)  # 32 MB
    bandwidth = 2 * large.nbytes / seconds(np.copyto, np.empty_like(large), large, repeats=10)
    small, out = np.ones(8192, np.float32), np.empty(8192, np.float32)  # 32 KB each

    def many():
        for _ in range(50):
            np.multiply(small, small, out=out)

    cached = 50 * small.size / seconds(many, repeats=20)
    square = np.ones((512, 512), np.float32)
    product = 2 * 512**3 / seconds(np.matmul, square, square, repeats=20)
    return bandwidth, cached, product


if __name__ == "__main__":
    told = "memory moves {:.0f} GB a second; NumPy does {:.1f} billion steps a second in the cache, {:.0f} billion in a product"
    print(told.format(*(number / 1e9 for number in machine())))

# %% [markdown]
# One machine said, while nothing else ran on it: 20 GB, 6 billion, and 150 billion. Now do the sum for `y = a * b`,
# per entry: the 12 bytes take 12 / 20 = 0.6 nanoseconds, the multiplication 1 / 6 = 0.17. The core waits, most of the
# time, for numbers to arrive. A step like this is **bound by memory**: no faster core would help.
#
# ## The roof
#
# Write that down for any function. It does $n$ operations and moves $b$ bytes. The machine does at most $R$
# operations a second and moves at most $W$ bytes a second. Both can go on at the same time, so the time $t$ is at
# least the longer of the two:
#
# $$
# t \geq \max\left( \frac{n}{R}, \frac{b}{W} \right)
# $$
#
# How many operations a second do we get? That is $n / t$. The larger $t$ is, the smaller it is, so it is at most $n$
# divided by the longer time, which is the smaller of two quotients: $n$ divided by $n / R$ is $R$, and $n$ divided by
# $b / W$ is $n W / b$.
#
# $$
# \frac{n}{t} \leq \min\left( R, \frac{n}{b} \cdot W \right)
# $$
#
# All that this says about the function is in one number, $n / b$, its **intensity**: operations for each byte moved.
# Draw operations a second over the intensity, and the right side is a slope that rises, $W$ times the intensity, and
# then a flat top, $R$. That is the **roofline** (Williams, Waterman and Patterson 2009, doi 10.1145/1498765.1498785).
# No function gets above the roof. Under the slope, there is one way up: move to the right. More operations for each
# byte.
#
# The multiplication has $\frac{1}{12} = 0.083$. At 20 GB a second, the roof is 1.7 billion operations a second there.
#
# And the whole GELU? Here is a counter: an array that notes what each operation of NumPy reads, writes and does. (An
# exp counts as one operation like a sum, though it is more work. It is the bytes that we are after.)


# %%
class Counted(np.ndarray):
    """An array that counts NumPy's operations on it, and the bytes that they read and write."""

    operations = moved = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        plain = [a.view(np.ndarray) if isinstance(a, Counted) else a for a in inputs]
        if out:
            options["out"] = tuple(a.view(np.ndarray) for a in out)
        made = np.asarray(getattr(ufunc, method)(*plain, **options))
        arrays = [a for a in plain if isinstance(a, np.ndarray)]
        Counted.operations += max(made.size, *(a.size for a in arrays))
        Counted.moved += made.nbytes + sum(a.nbytes for a in arrays)
        return made.view(Counted)


def traffic(function, x, *others):
    """(operations, bytes) that function(x, *others) needs for each number of x, step by step, forward and slope."""
    Counted.operations = Counted.moved = 0
    function(x.view(Counted), *others)
    return Counted.operations / x.size, Counted.moved / x.size


def gelu_in_steps(x):
    """(y, slope) as lesson 05 has it: each line one or more walks over the whole of memory."""
    gate = 0.5 * (1 + erf(x / math.sqrt(2)))
    density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return x * gate, gate + x * density


if __name__ == "__main__":
    operations, moved = traffic(gelu_in_steps, np.ones(1000, np.float32))
    print(f"GELU and its slope: {operations:.0f} operations and {moved:.0f} bytes for each number")

# %% [markdown]
# 29 operations (19 of them make the erf) and 276 bytes. The intensity is 29 / 276 = 0.1: far down the slope. But
# what **must** be moved? $x$ has to come in, 4 bytes. $y$ has to go out, and the slope, which backward will need: 8
# bytes. That is 12. The other 264 bytes are results of steps, which nobody asked for, on their way out and in again.
# Without them the intensity is 29 / 12 = 2.4.
#
# To do several steps while the number is at hand is called to **fuse** them.
#
# ## In blocks
#
# In NumPy one call is one walk over its arrays. But who says that the array must be the large one? Take 32,768
# numbers of it, a **block**, 128 KB. Do all the steps on the block: its intermediate results never leave the cache.
# Then take the next block.
#
#     x   [ block ][ block ][ block ][ rest ]          each goes through all steps before the next one begins
#
# A block that is too small loses too: each call of NumPy costs about a microsecond, whatever it does.
#
# The second half is memory for the results. `np.exp(x)` takes a new array, and fresh memory has to be handed over by
# the system, page by page, wiped. `np.exp(x, out=z)` writes into `z`, which exists. And `z *= x` does the same. A
# slice of an array, `y[part]`, is a window into it and no copy: what is written there has arrived.
#
# So take $y$ and the slope once, as large as $x$, and use their windows as scratch paper until the results are ready.
# For one block, with the windows $a$ (of $y$) and $b$ (of the slope):
#
#     a = x / √2                     b = x · x
#     a = erf(a)                     b = −b / 2
#     a = (a + 1) / 2     the gate   b = exp(b) / √(2π)     the bell
#                                    b = b · x + a          the slope is ready
#     a = a · x           y is ready
#
# **Mind the order.** The slope needs the gate, and `a · x` overwrites it. Two results in one piece of scratch paper:
# what is in it must be read before something else is written. It is the mistake that most people make here, and it is
# tempting because on paper $y = x \cdot \Phi(x)$ comes first.
#
# **By hand**, x = 1: a = 0.7071, 0.6827, 0.8413; b = 1, −0.5, 0.2420; b = 0.2420 · 1 + 0.8413 = 1.0833; a = 0.8413.
# Lesson 05 has the same numbers.
#
# ## Your turn: GELU in blocks
#
# Forward and the slope in one pass, with `out=` or `*=`. `blocks(count, size)` cuts; the last block may be shorter.
# `erf` makes its own small arrays, of the block's size; that is fine. The check measures: beside $x$, forward may
# need two and a half times the memory of $x$, which is $y$, the slope, and some blocks.

# %%
BLOCK, ROWS = 32_768, 64  # numbers of a block of GELU; rows of a block of LayerNorm


def blocks(count, size):
    """[0:size, size:2·size, ...] as slices, up to count; the last may be shorter."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def gelu_in_blocks(x, block=BLOCK):
    """y = x · Φ(x), exact, for x of any shape: one pass over memory, `block` numbers at a time.

    Returns y and backward. Beside them it keeps the slope, Φ(x) + x · φ(x), made in the same pass.
    """
    flat = np.ascontiguousarray(x).reshape(-1)  # (n,), all numbers in a row; a copy only if they do not lie so
    y, slope = np.empty_like(flat), np.empty_like(flat)  # (n,) each
    # BEGIN SOLUTION: y and slope, block by block, in their own memory
    for part in blocks(flat.size, block):
        some, a, b = flat[part], y[part], slope[part]
        np.multiply(some, math.sqrt(0.5), out=a)
        np.add(erf(a), 1, out=a)
        a *= 0.5
        np.multiply(some, some, out=b)
        b *= -0.5
        np.exp(b, out=b)
        b *= 1 / math.sqrt(2 * math.pi)
        b *= some
        b += a
        a *= some
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: dx, from dy and the slope
        dx = dy * slope.reshape(x.shape)
        # END SOLUTION
        return dx

    return y.reshape(x.shape), backward


# %% [markdown]
# ## Two numbers a row
#
# LayerNorm (lesson 08) in blocks of rows: $n$ rows of $D$ numbers, mean and variance of each, then $\hat{x}$, then
# $y$. What does backward need? $\hat{x}$, as large as $x$. But with $x$ at hand, which somebody holds anyway, two
# numbers for each row are enough to make it again: the mean $\mu$, and $r = 1 / \sqrt{v + \varepsilon}$.
#
# $$
# \hat{x}_i = (x_i - \mu) \cdot r
# $$
#
# Two operations more, and an array less to write and to read: under the slope that is a bargain.
#
# **A bargain to refuse.** The variance needs the mean, and so a second walk over the row. Unless you remember from
# school that with $\mathrm{E}$ for the mean over the row, since $\mu$ is the same number for all
#
# $$
# \begin{aligned}
# \mathrm{E}[(x - \mu)^2] &= \mathrm{E}[x^2 - 2 x \mu + \mu^2] \\
# &= \mathrm{E}[x^2] - 2 \mu \cdot \mu + \mu^2 \\
# &= \mathrm{E}[x^2] - \mu^2
# \end{aligned}
# $$
#
# Then one walk adds up $x$ and $x^2$, and both are there. On paper it is the same number. In a computer look at a row
# with mean 4,096 and variance 1. $\mathrm{E}[x^2]$ is near 16,777,217. A float32 has 24 binary digits, so between
# $2^{24} = 16{,}777{,}216$ and twice that, only the even numbers exist. The variance is the difference of two such
# numbers: 0, or 2, or −2, whatever the rounding gave. With −2, its root is *nan*. The differences $x - \mu$, however,
# are near 1, where float32 has seven digits. So take off the mean **first**, then square. In a block the second walk
# is over the cache, and costs nearly nothing: that is what blocks are for.
#
# **Backward** is lesson 08's formula, block by block, with $\hat{x}$ made again and $g = \gamma \cdot dy$:
#
#     x̂ = (x − µ) · r                                          (n, D)
#     dγ += sums of dy · x̂ over the rows of the block          (D,)
#     dβ += sums of dy over the rows of the block              (D,)
#     dx = (g − mean(g) − x̂ · mean(g · x̂)) · r                 (n, D)
#
# dx belongs to its rows. dγ and dβ belong to all rows, so all blocks **add** to them. Here, too, each piece of
# scratch paper must be read before it is written over: if x̂ is multiplied by its mean in place, dγ must be done.
#
# ## Your turn: LayerNorm in blocks
#
# The check allows one and a half times the memory of $x$ for each half: the result, and some blocks.


# %%
def layernorm_in_blocks(x, weight, bias, eps=1e-6, rows=ROWS):
    """Every row of x, (..., D), brought to mean 0 and variance 1, times weight plus bias, both (D,); `rows` rows at a time.

    Returns y and backward. Beside x it keeps two numbers a row, the mean and r = 1 / √(variance + eps).
    """
    width = x.shape[-1]
    flat = np.ascontiguousarray(x).reshape(-1, width)  # (R, D)
    y, mean, r = np.empty_like(flat), np.empty_like(flat[:, :1]), np.empty_like(flat[:, :1])  # (R, D), (R, 1), (R, 1)
    # BEGIN SOLUTION: y, mean and r, block by block
    for part in blocks(len(flat), rows):
        out = y[part]  # (n, D)
        mean[part] = flat[part].mean(axis=-1, keepdims=True)
        np.subtract(flat[part], mean[part], out=out)
        variance = (out * out).mean(axis=-1, keepdims=True)  # (n, 1)
        r[part] = 1 / np.sqrt(variance + eps)
        out *= r[part]
        out *= weight
        out += bias
    # END SOLUTION

    def backward(dy):
        """dy has the shape of y; returns dx (..., D), dweight (D,) and dbias (D,)."""
        upstream = np.ascontiguousarray(dy).reshape(-1, width)  # (R, D)
        dx, dweight, dbias = np.empty_like(flat), np.zeros_like(weight), np.zeros_like(bias)
        # BEGIN SOLUTION: dx, dweight and dbias, block by block
        for part in blocks(len(flat), rows):
            xhat = (flat[part] - mean[part]) * r[part]  # (n, D)
            dweight += (upstream[part] * xhat).sum(axis=0)
            dbias += upstream[part].sum(axis=0)
            g = np.multiply(upstream[part], weight, out=dx[part])  # (n, D)
            along_ones = g.mean(axis=-1, keepdims=True)  # (n, 1)
            along_xhat = (g * xhat).mean(axis=-1, keepdims=True)  # (n, 1)
            g -= along_ones
            xhat *= along_xhat
            g -= xhat
            g *= r[part]
        # END SOLUTION
        return dx.reshape(x.shape), dweight, dbias

    return y.reshape(x.shape), backward


# %% [markdown]
# `python -m lessons check 19` tells you how far you are, `python -m lessons hint 19` gives a nudge. Once they pass,
# `python -m lessons train --mine` trains with these two.
#
# ## A grid of threads
#
# A GPU fuses in another way. It runs one text, a **kernel**, in many **threads** at once. A thread has variables of
# its own, which stay in registers inside the core: whatever it does to its number between reading and writing costs
# no traffic. But who takes which number?
#
# Threads come in **blocks**, all of the same size, and the blocks form a **grid**. Each thread is told four numbers,
# and has to find its work with them. In our Python they belong to `me`, and beside them stand CUDA's names:
#
#     me.thread     threadIdx.x     which thread of its block, from 0
#     me.block      blockIdx.x      which block of the grid, from 0
#     me.threads    blockDim.x      how many threads a block has
#     me.blocks     gridDim.x       how many blocks there are
#
# In front of my block stand `me.block` others with `me.threads` threads each. So in the row of all threads, my number
# is
#
# $$
# i = \mathrm{block} \cdot \mathrm{threads} + \mathrm{thread}
# $$
#
# For 2 blocks of 4 threads and 11 numbers:
#
#     block            0           1
#     thread        0 1 2 3     0 1 2 3
#     i             0 1 2 3     4 5 6 7      first round
#     i + 8         8 9 10 –    –  – – –     second round: three numbers are left, and five threads have nothing to do
#
# There may be more numbers than threads. Then a thread goes on with the number that lies **as far ahead as there are
# threads in the whole grid**, blocks · threads = 8: everything nearer belongs to somebody. And it stops **before**
# the end. Nothing holds it back: on a real GPU a thread that reads number 11 of 11 gets what lies behind, and one
# that writes there destroys it.
#
# `lessons/threads.py` runs such a kernel for each thread, one after the other. Arrays come as `x[i]`, one number at a
# time, and all in a row, as in CUDA. It stops at an index out of range, and where two threads write the same number.
#
# ## Your turn: the GELU kernel
#
# `gelu_of` gives the two results for one number. You write which thread calls it for which numbers. `len(x)` is how
# many there are.


# %%
def gelu_of(number):
    """(y, slope) of GELU for one number."""
    gate = 0.5 * (1 + math.erf(number * math.sqrt(0.5)))
    return number * gate, gate + number * math.exp(-0.5 * number * number) / math.sqrt(2 * math.pi)


def gelu_kernel(me, x, y, slope):
    """What one thread does: y[i] and slope[i] = gelu_of(x[i]) for its numbers i; all threads together, for each exactly once."""
    # BEGIN SOLUTION: the loop over my numbers
    for i in range(me.block * me.threads + me.thread, len(x), me.blocks * me.threads):
        y[i], slope[i] = gelu_of(x[i])
    # END SOLUTION


# %% [markdown]
# Launched for 11 numbers (the last cell does it), it reads 11 and writes 22: 12 bytes for each, and not one more.
#
# ## Many threads, one sum
#
# LayerNorm needs the sum of a row, and the row is spread over the threads of a block, each with a part of the sum in
# a variable that nobody else can see. How do they bring them together?
#
# A block has **shared memory**: small, as fast as a cache, seen by all its threads and by no other block. Each thread
# writes its part into a place of its own. Then they add in pairs, all at once:
#
#     shared     3   1   7   0   4   1   6   3        8 numbers
#     half 4     7   2  13   3   .   .   .   .        thread t < 4 adds place t + 4 to its own
#     half 2    20   5   .   .   .   .   .   .        thread t < 2 adds place t + 2
#     half 1    25   .   .   .   .   .   .   .        thread 0 adds place 1
#
# A **tree**: 8 numbers in 3 rounds, 256 in 8. In each round half as many threads work, and all results end in place
# 0.
#
# Now the trap. Threads do not run in step. Thread 0 may be at the second round while thread 2 has not begun the
# first, and then 7 + 7 is added where 7 + 13 was meant. The answer is wrong, or right, as it happens: a **race**.
# What is needed is a **barrier**: a place where everybody waits until everybody is there. In CUDA that is
# `__syncthreads()`. In our Python it is a bare `yield`, and the kernel is a *generator*: at each `yield` it stops
# where it is, and it is taken up again when all threads of its block have come to theirs.
#
# Three rules:
#
# - **Between a write and another thread's read stands a barrier.** After the parts are written; after each round.
# - **Between a read and another thread's next write, too.** When all have read the sum at place 0, the next sum will
#   be written over it. A thread that is quick must not do so while a slow one still reads. So one more barrier after
#   reading.
# - **All threads of the block come to the same barrier.** A `yield` inside `if me.thread < half:` waits for threads
#   that never come. On a GPU, the program hangs there, or does something that nobody promised. Those with nothing to
#   add come to the barrier all the same.
#
# The mistake that most people make is the second rule. It is tempting because with a single sum nothing can go wrong.
#
# ## Your turn: the sum of a block
#
# The number of threads is a power of two, and shared memory has as many places. A function that yields is called with
# `total = yield from block_sum(me, value)`.


# %%
def block_sum(me, value):
    """The sum of all values that the threads of my block bring, for each of them: a tree in me.shared, with barriers."""
    # BEGIN SOLUTION: write, add in pairs, and give everybody the sum; a barrier wherever one is needed
    me.shared[me.thread] = value
    yield
    half = me.threads // 2
    while half > 0:
        if me.thread < half:
            me.shared[me.thread] += me.shared[me.thread + half]
        yield
        half //= 2
    total = me.shared[0]
    yield
    # END SOLUTION
    return total


# %% [markdown]
# ## LayerNorm as a kernel
#
# One block takes one row: block $b$ takes the $D$ numbers from $b \cdot D$ on. Its threads share the row: thread $t$
# takes the columns $t$, $t$ + threads, $t$ + 2 · threads, and so on, as long as they are below $D$. (Why not the
# first piece for thread 0, the next for thread 1? Memory delivers neighbours together. What the threads want at the
# same moment should lie side by side.)
#
#     my part of the sum       over my columns, of x
#     mean                     block_sum / D
#     my part of the squares   over my columns, of (x − mean)²
#     r                        1 / √(block_sum / D + eps)
#     y                        for my columns: (x − mean) · r · weight + bias
#
# The mean and $r$ are numbers that every thread of the block has. One of them is enough to write them down:
# `mean[me.block]` by thread 0.
#
# Does it not read $x$ three times? From memory once. A row of 768 numbers has 3 KB, and the second and third time it
# lies in the cache. What matters is that nothing is written but the result.
#
# ## Your turn: the LayerNorm kernel
#
# `len(weight)` is $D$. Start the sums at `0.0`.


# %%
def layernorm_kernel(me, x, weight, bias, eps, y, mean, r):
    """What one thread does for the row of its block. x and y: rows · D numbers; mean and r: one number a row."""
    # BEGIN SOLUTION: the mean, then r, each from a block_sum; y for my columns; mean and r written once
    width, start = len(weight), me.block * len(weight)
    total = 0.0
    for i in range(me.thread, width, me.threads):
        total += x[start + i]
    center = (yield from block_sum(me, total)) / width
    squares = 0.0
    for i in range(me.thread, width, me.threads):
        squares += (x[start + i] - center) * (x[start + i] - center)
    scale = 1 / math.sqrt((yield from block_sum(me, squares)) / width + eps)
    for i in range(me.thread, width, me.threads):
        y[start + i] = (x[start + i] - center) * scale * weight[i] + bias[i]
    if me.thread == 0:
        mean[me.block], r[me.block] = center, scale
    # END SOLUTION


# %% [markdown]
# ## The same in CUDA
#
# Read both beside yours. There is nothing new in it but the spelling. `f` behind a number says float32: `0.5` alone
# is a *double*, and a GPU for games or graphics does those 32 or 64 times slower. Where a GPU is at hand,
# `python work/19_fused_kernels.py` runs both and compares. Without one, they are there to read.

# %%
THREADS = 256

KERNELS = """
extern "C" __global__ void gelu(const float* x, const int size, float* y, float* slope) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += gridDim.x * blockDim.x) {
        const float number = x[i];
        const float gate = 0.5f * (1 + erff(number * 0.70710678f));
        y[i] = number * gate;
        slope[i] = gate + number * expf(-0.5f * number * number) * 0.39894228f;
    }
}

__device__ float block_sum(const float value, float* shared) {
    shared[threadIdx.x] = value;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();  // outside of the if: for all of them
    }
    const float total = shared[0];
    __syncthreads();  // all have read it before anybody writes again
    return total;
}

extern "C" __global__ void layernorm(
    const float* x, const float* weight, const float* bias, const float eps, const int width, float* y, float* mean, float* r
) {
    __shared__ float shared[THREADS];
    const size_t start = (size_t)blockIdx.x * width;
    float total = 0, squares = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x) total += x[start + i];
    const float center = block_sum(total, shared) / width;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        const float away = x[start + i] - center;
        squares += away * away;
    }
    const float scale = 1 / sqrtf(block_sum(squares, shared) / width + eps);
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        const float xhat = (x[start + i] - center) * scale;
        y[start + i] = xhat * weight[i] + bias[i];
    }
    if (threadIdx.x == 0) {
        mean[blockIdx.x] = center;
        r[blockIdx.x] = scale;
    }
}
"""


def compiled(xp, name):
    """A kernel of KERNELS, for xp = cupy."""
    return xp.RawKernel(f"#define THREADS {THREADS}\n{KERNELS}", name)


def gelu_on_gpu(x):
    """(y, slope), each of the shape of x, by the kernel, for a float32 array of CuPy."""
    xp = array_module(x)
    x = xp.ascontiguousarray(x)
    y, slope = xp.empty_like(x), xp.empty_like(x)
    grid = min(1024, -(-x.size // THREADS))  # at most so many blocks: the loop in the kernel does the rest
    if x.size:
        compiled(xp, "gelu")((grid,), (THREADS,), (x, np.int32(x.size), y, slope))
    return y, slope


def layernorm_on_gpu(x, weight, bias, eps=1e-6):
    """(y (..., D), mean (..., 1), r (..., 1)) by the kernel, for float32 arrays of CuPy."""
    xp, width = array_module(x), x.shape[-1]
    x = xp.ascontiguousarray(x)
    y, mean, r = xp.empty_like(x), xp.empty_like(x[..., :1]), xp.empty_like(x[..., :1])
    arguments = (x, weight, bias, np.float32(eps), np.int32(width), y, mean, r)
    if x.size:
        compiled(xp, "layernorm")((x.size // width,), (THREADS,), arguments)
    return y, mean, r


# %% [markdown]
# ## Measure it
#
# Your two functions beside the ones in steps, on as many numbers as a batch of images brings along, and where all
# four stand under the roof of your machine. (A fused function has the operations of the steps, and moves what it
# must: 12 bytes a number for GELU, 8 for LayerNorm.)


# %%
def layernorm_in_steps(x, weight, bias):
    """y, step by step, as in lesson 08."""
    centred = x - x.mean(axis=-1, keepdims=True)
    sigma = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-6)
    return centred / sigma * weight + bias


def measured():
    """{name: (intensity, operations a second)}, printed and never compared with anything."""
    rng = np.random.default_rng(0)
    x, rows = rng.standard_normal(1_000_000, dtype=np.float32), rng.standard_normal((1500, 768), dtype=np.float32)
    one, zero, found = np.ones(768, np.float32), np.zeros(768, np.float32), {}
    for what, in_steps, in_blocks, arguments, needed in (
        ("GELU", gelu_in_steps, gelu_in_blocks, (x,), 12),
        ("LayerNorm", layernorm_in_steps, layernorm_in_blocks, (rows, one, zero), 8),
    ):
        operations, moved = traffic(in_steps, *arguments)
        size, slow, fast = arguments[0].size, seconds(in_steps, *arguments), seconds(in_blocks, *arguments)
        found[f"{what} in steps"] = operations / moved, operations * size / slow
        found[f"{what} in blocks"] = operations / needed, operations * size / fast
        print(
            f"{what:9}  {operations:.0f} operations a number, {moved:.0f} bytes in steps, {needed} in blocks: "
            f"{1e3 * slow:.1f} ms and {1e3 * fast:.1f} ms, {slow / fast:.1f} times as fast"
        )
    few = np.linspace(-3, 3, 11, dtype=np.float32)
    moved = launch(gelu_kernel, 2, 4, (few, np.empty_like(few), np.empty_like(few)))
    print(f"your GELU kernel, for 11 numbers: {moved.reads} read, {moved.writes} written")
    if gpu_status()[0]:
        on_gpu = [to_device(array, "gpu") for array in (rows, one, zero)]
        for what, made, own in (
            ("GELU", gelu_on_gpu(on_gpu[0])[0], gelu_in_blocks(rows)[0]),
            ("LayerNorm", layernorm_on_gpu(*on_gpu)[0], layernorm_in_blocks(rows, one, zero)[0]),
        ):
            print(f"on the GPU {what} differs from yours by {np.abs(to_host(made) - own).max():.0e}")
    return found


def one_walk(x, eps=1e-6):
    """x̂ of each row with the variance as E[x²] − µ²; a negative one counts as 0, or the root would be nan."""
    mean = x.mean(axis=-1, keepdims=True)
    variance = (x * x).mean(axis=-1, keepdims=True) - mean * mean
    return (x - mean) / np.sqrt(np.maximum(variance, 0) + eps)


def errors(means=(1, 4, 16, 64, 256, 1024, 4096)):
    """(of the two walks, of the one): the largest error of x̂ in float32, for rows of spread 1 around each mean."""
    rng, two, one = np.random.default_rng(0), [], []
    for center in means:
        x = (center + rng.standard_normal((20, 64))).astype(np.float32)
        right = mine.layernorm(x.astype(np.float64), np.ones(64), np.zeros(64))[0]
        two.append(np.abs(layernorm_in_blocks(x, np.ones(64, np.float32), np.zeros(64, np.float32))[0] - right).max())
        one.append(np.abs(one_walk(x) - right).max())
    return two, one


# %% [markdown]
# ## Look at it
#
# Left, your machine's roof, and the two functions before and after. In steps, both lie close to the slope: they go as
# fast as memory lets them. In blocks they have moved to the right, away from the slope, and up, until another roof
# stops them: the dashed one, what NumPy's steps do in the cache. (An exp is more work than a product, so GELU stays
# further below it.) What would still be gained lies between the dashed roof and the solid one, and only a compiled
# kernel gets there.
#
# Middle, the tree: eight numbers, three rounds. The dotted lines are barriers. Right, the same LayerNorm with the
# variance computed in two ways, in float32. Around a mean of 1 nobody sees a difference. In a long residual stream
# means do wander off.
#
# Watch it slide: `python -m lessons demo 19`.
#
# ## Argue about it
#
# A GELU that is fused with the matrix product behind it would not even write $y$ into memory. Why does nobody fuse
# the whole network into one kernel? What does a kernel run out of? And who should do the fusing: you, by hand, or a
# compiler that reads your steps?


# %%
def picture():
    """A roofline of this machine, the tree of a sum, and the errors of two ways to a variance."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    roof, tree, error = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
    bandwidth, cached, product = machine()
    intensity = np.geomspace(0.03, 300, 200)
    roof.plot(intensity, np.minimum(product, bandwidth * intensity) / 1e9, color="black", label="roof: memory, then products")
    roof.plot(intensity, np.minimum(cached, bandwidth * intensity) / 1e9, "--", color=GREY, label="NumPy's steps, in the cache")
    found = measured()
    for what, marker in (("GELU", "o"), ("LayerNorm", "s")):
        before, after = found[f"{what} in steps"], found[f"{what} in blocks"]
        (x0, y0), (x1, y1) = ((place, rate / 1e9) for place, rate in (before, after))
        roof.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "->", "color": GREY})
        roof.plot(x0, y0, marker, color=ORANGE, label=f"{what} in steps")
        roof.plot(x1, y1, marker, color=BLUE, label=f"{what} in blocks")
    roof.set(xscale="log", yscale="log", xlim=(0.03, 300), ylim=(0.1, 1000))
    roof.set(xlabel="operations for each byte", ylabel="billion operations a second", title="under the roof of this machine")
    roof.legend(frameon=False, fontsize="small", loc="upper left")

    values, half, level = [3, 1, 7, 0, 4, 1, 6, 3], 4, 0
    while True:
        for place, value in enumerate(values):
            tree.text(place, -level, value, ha="center", va="center", bbox={"boxstyle": "square", "fc": "white", "ec": BLUE})
        if not half:
            break
        for place in range(half):
            for source in (place, place + half):
                tree.plot([source, place], [-level - 0.17, -level - 0.83], color=BLUE if source == place else ORANGE)
        values = [values[place] + values[place + half] for place in range(half)]
        level, half = level + 1, half // 2
        tree.axhline(-level + 0.5, color=GREY, linestyle=":")
    tree.set(xlim=(-0.6, 7.6), ylim=(-3.5, 0.5), xticks=range(8), yticks=(-0.5, -1.5, -2.5), yticklabels=("4", "2", "1"))
    tree.set(xlabel="place in shared memory, and thread", ylabel="half", title="a sum of eight numbers in three rounds")

    means = (1, 4, 16, 64, 256, 1024, 4096)
    two, one = errors(means)
    error.plot(means, one, "s--", color=ORANGE, label="E[x²] − µ², one walk")
    error.plot(means, two, "o-", color=BLUE, label="mean off first, yours")
    error.set(xscale="log", yscale="log", xlabel="mean of the row (its spread is 1)", title="largest error of x̂ in float32")
    error.set_xticks((1, 16, 256, 4096), ("1", "16", "256", "4,096"))
    error.minorticks_off()
    error.legend(frameon=False)
    return figure


# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
