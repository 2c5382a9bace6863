# %% [markdown]
# # 20 · Flash attention
#
# A photograph of 1,024 × 1,024 pixels is 64 · 64 patches of 16 pixels; with the class token, 4,097 tokens. ViT-B/16
# compares each with each, in 12 heads. That is a table of 4,097 · 4,097 · 12 numbers in every encoder block, 0.8 GB,
# kept for backward; in its 12 blocks nearly 10 GB, for one image. What comes out of the table, one vector for each token,
# needs 0.01 GB. **Can you have the averages without ever having the table?**
#
# ![Tiles on a table of scores; the running maximum and average of one row; memory as the tokens grow](expected.png)
#
# You can, and exactly: not an approximation, the same numbers up to rounding. The method is FlashAttention (arXiv
# 2205.14135). It rests on a softmax that reads its row piece by piece and never looks back (arXiv 1805.02867). You
# write that first, then the forward over tiles of the table, then a backward that makes the tiles again.

# %%
import math
import time
import tracemalloc

import numpy as np

from lessons import mine
from minivit import ViT, ViTConfig, gradients, ops
from minivit.backend import array_module, gpu_status, to_device, to_host

# %% [markdown]
# ## What is in the way
#
# Take one token that looks, so one row of the table: scores $s_1 ... s_T$ and values $v_1 ... v_T$. Attention (lesson
# 11) gives it
#
# $$
# y = \sum_{j} p_j v_j \qquad p_j = \frac{e^{s_j}}{\sum_{k} e^{s_k}}
# $$
#
# The denominator is the same for all $j$. Take it out of the sum:
#
# $$
# y = \frac{\sum_{j} e^{s_j} v_j}{\sum_{j} e^{s_j}}
# $$
#
# Two sums, and one division at the end. Sums can be added up in any pieces: take the first few scores and values, a
# **tile**, add what they bring to both sums, throw them away, take the next tile. No $p_j$ is ever needed by itself.
#
# It would be as easy as that, but for what lesson 06 found: $e^{s}$ overflows. Softmax first subtracts the row's
# largest score, and which one that is, you know only when the whole row has been seen.
#
# ## A maximum that runs along
#
# So subtract the largest score **so far**, and mend the sums when a larger one turns up. Three things are kept of a
# row:
#
# $$
# m = \max_{j\ \text{seen}} s_j \qquad \ell = \sum_{j\ \text{seen}} e^{s_j - m} \qquad a = \sum_{j\ \text{seen}} e^{s_j - m} v_j
# $$
#
# In the code they are `largest`, `total` and `mixed`. $m$ and $\ell$ are numbers, $a$ is a vector like $v$.
#
# Now a new tile comes. The largest score is then
#
# $$
# m' = \max(m, \max_{j\ \text{new}} s_j)
# $$
#
# What was added up before was measured from $m$, and has to be measured from $m'$. For every old score
#
# $$
# e^{s_j - m'} = e^{s_j - m + m - m'} = e^{s_j - m} \cdot e^{m - m'}
# $$
#
# The factor $c = e^{m - m'}$ is the same for all of them, so it can be taken out of **both** old sums:
#
# $$
# \ell' = c \ell + \sum_{j\ \text{new}} e^{s_j - m'} \qquad a' = c a + \sum_{j\ \text{new}} e^{s_j - m'} v_j
# $$
#
# That is the whole trick. Nothing was left out, so after the last tile $\ell$ and $a$ are the sums over the whole row,
# measured from its largest score, and
#
# $$
# y = \frac{a}{\ell}
# $$
#
# No exponent is above 0, since $m'$ is at least as large as all of them: nothing overflows. And one exponent is exactly
# 0, so $\ell$ is at least 1.
#
# How does it begin? With nothing seen: $m = -\infty$, $\ell = 0$, $a = 0$. The first tile then has $c = e^{-\infty} = 0$,
# and 0 times nothing is added.
#
# **By hand.** Scores ln 2, 0, ln 4, ln 2 with values 8, 4, 2, 6, in tiles of two:
#
#     first tile    m = ln 2     e: 1, 1/2     ℓ = 3/2                     a = 8 + 4/2 = 10
#     second tile   m' = ln 4    e: 1, 1/2     c = e^(ln 2 − ln 4) = 1/2
#                                              ℓ = 1/2 · 3/2 + 3/2 = 9/4   a = 1/2 · 10 + 2 + 6/2 = 10
#     y = 10 / (9/4) = 40/9
#
# All at once: the powers of e are 2, 1, 4, 2, together 9, and (2 · 8 + 1 · 4 + 4 · 2 + 2 · 6) / 9 = 40/9.
#
# ## −∞ − (−∞)
#
# A score of −∞ says "do not look here": $e^{-\infty} = 0$, weight nothing. That is how images of different sizes share
# a batch: what fills up the smaller ones must not be seen. Such a row may begin with a whole tile of −∞. Its largest
# score so far is then −∞, and
#
# $$
# s_j - m' = -\infty - (-\infty) = \text{nan}
# $$
#
# *not a number*. It never goes away again, since nan times anything, even times 0, is nan. The way out: where $m'$ is
# −∞, subtract 0 instead. Every exponent is then −∞ − 0 = −∞, every power is 0, and $\ell$ and $a$ stay 0, as they should
# when nothing has been seen. What is kept as $m'$ is still −∞.
#
# ## The mistake that most people make
#
# They bring $\ell$ down to the new maximum and forget $a$, or forget both. It is tempting because it is right so often:
# whenever the largest score of the row lies in the first tile, $c$ is 1 everywhere after. In the example $a$ would be
# 10 + 5 = 15, and y = 6.7 where 4.4 is right. A test with one tile cannot see it, nor can one with scores that fall.
#
# ## Your turn: absorb a tile
#
# Here for many rows at once, n of them, each with an $m$, an $\ell$ and an $a$ of its own. A tile has t scores a row, and
# t values that all rows share.


# %%
def absorb(largest, total, mixed, scores, values):
    """One tile more: what is kept of n rows after it, (largest, total, mixed) again, as new arrays.

    largest, total (..., n, 1), mixed (..., n, d): what is kept so far; before the first tile -inf, 0 and 0.
    scores (..., n, t), values (..., t, d): the tile. A score may be -inf, and so may all that a row has seen.
    """
    # BEGIN SOLUTION: the new largest, total and mixed
    new = np.maximum(largest, scores.max(axis=-1, keepdims=True))  # (..., n, 1)
    base = np.where(new == -math.inf, 0, new)  # (..., n, 1), what is subtracted
    shrink = np.exp(largest - base)  # (..., n, 1)
    e = np.exp(scores - base)  # (..., n, t)
    total = shrink * total + e.sum(axis=-1, keepdims=True)  # (..., n, 1)
    mixed = shrink * mixed + e @ values  # (..., n, d)
    largest = new
    # END SOLUTION
    return largest, total, mixed


# %% [markdown]
# ## Tiles of the whole table
#
# Now all tokens. Cut the queries into blocks of `tile` rows and the keys into blocks of `tile` columns: together they
# cut the table of scores into tiles. For one block of queries, begin with nothing, walk along all blocks of keys, and
# absorb the tiles:
#
#     for each block of queries:        begin with −∞, 0, 0
#         for each block of keys:       tile of scores = queries · keysᵀ / √d     (n, t)
#                                       absorb it, with the values of these keys
#         y of these queries = mixed / total
#
# (See it walk: `python -m lessons demo 20`.) At any time one tile exists, 128 × 128 numbers for each image and head,
# however many tokens there are. The last block of each direction may be smaller. There may be more keys than queries,
# or fewer, as where one thing looks at another.
#
# For backward we keep, beside $y$, one number for each query:
#
# $$
# L_i = m_i + \ln \ell_i = \ln \sum_{j} e^{s_{i j}}
# $$
#
# (The second equality: $\ell_i$ is $\sum_j e^{s_{i j}}$ divided by $e^{m_i}$, and the logarithm turns the division into a
# difference.) Why just this number? Because it makes a weight out of a score, in one step:
#
# $$
# e^{s_{i j} - L_i} = \frac{e^{s_{i j}}}{e^{L_i}} = \frac{e^{s_{i j}}}{\sum_{k} e^{s_{i k}}} = p_{i j}
# $$
#
# **By hand**, lesson 11's two tokens: q = 1, 2, k = 0, ln 3, v = 8, 4, in tiles of 1 × 1. First query, first key: s =
# 0, so m = 0, ℓ = 1, a = 8. Second key: s = ln 3, m' = ln 3, c = e^(0 − ln 3) = 1/3, ℓ = 1/3 + 1 = 4/3, a = 8/3 + 4 =
# 20/3. y = 20/3 / (4/3) = 5, and L = ln 3 + ln 4/3 = ln 4. The second query gives 4.4 and ln 10.
#
# ## Why is it faster?
#
# It has the same products to compute, and a little more beside. But a core computes far faster than memory delivers.
# For 1,024 tokens the table of one head has 4 MB. Lesson 11 walks over it for the product, the maximum, the difference,
# the power, the sum, the division, and the next product, and each time most of it travels from memory to the core and
# back. A tile has 64 KB: it lies in the core's own cache from its making to its end. On a GPU the difference is larger
# still, and that is what the *flash* is about.
#
# ## Backward: make the tiles again
#
# Lesson 11's backward needs P. We did not keep it. But we have q and k, and $L$: any tile of P can be **made again**,
# in its final form, as $e^{s_{i j} - L_i}$. No running maximum is needed this time. That costs one product more, and
# saves the table.
#
# Then, tile by tile, lesson 11:
#
# $$
# dV = P^\top dY \qquad dP = dY V^\top \qquad dS_{i j} = P_{i j} (dP_{i j} - D_i) \qquad D_i = \sum_{m} P_{i m} dP_{i m}
# $$
#
# One thing does not fit into a tile: $D_i$ is a sum over the **whole row**, and the tile has a piece of it. A first
# walk along the row, only for D? There is a shorter way. Write out $dP_{i m} = \sum_c dY_{i c} V_{m c}$, and exchange
# the two sums:
#
# $$
# \begin{aligned}
# D_i &= \sum_{m} P_{i m} \sum_{c} dY_{i c} V_{m c} \\
# &= \sum_{c} dY_{i c} \sum_{m} P_{i m} V_{m c} \\
# &= \sum_{c} dY_{i c} Y_{i c}
# \end{aligned}
# $$
#
# The inner sum of the second line is $Y_{i c}$, by Y = P V. So D is the row sum of dY times Y, number by number. Both
# are there, both have the shape (T, d), and no table is needed.
#
# What is left are sums over tiles. $dQ_i$ collects from all tiles of its row, $dK_j$ and $dV_j$ from all tiles of their
# column:
#
#     D = row sums of dY · Y                                                      (T, 1)
#     for each block of queries, for each block of keys:
#         P  = exp(tile of scores − L)                                            (n, t)
#         dV of these keys    += Pᵀ · dY of these queries                         (t, d)
#         dP = dY of these queries · Vᵀ of these keys                             (n, t)
#         dS = P · (dP − D of these queries), number by number                    (n, t)
#         dQ of these queries += dS · K of these keys / √d                        (n, d)
#         dK of these keys    += dSᵀ · Q of these queries / √d                    (t, d)
#
# **By hand**, the two tokens again, with dY = 1, 10 and the tile of both queries and the first key:
#
#     D      1 · 5 = 5, 10 · 4.4 = 44          lesson 11 had the same, as the averages of dP
#     P      e^(0 − ln 4) = 1/4                e^(0 − ln 10) = 1/10
#     dP     1 · 8 = 8                         10 · 8 = 80
#     dS     1/4 · (8 − 5) = 0.75              1/10 · (80 − 44) = 3.6
#     dV     of the first value: 1/4 · 1 + 1/10 · 10 = 1.25
#     dK     of the first key:   0.75 · 1 + 3.6 · 2 = 7.95
#
# The second key has not been looked at, and these two are finished.
#
# **Two more traps.** *The scale.* If you divided the queries by √d once, at the beginning, the product of these with dS
# has the root in it already: dK must not be divided again. dQ must, since keys were never divided. *D of the tile.* The
# row sum of P · dP is at hand in every tile, and it is the right sum over too few keys. With one tile it is even right.
#
# ## Your turn: flash attention
#
# `tiles` cuts for you; `x[..., rows, :]` is a block of rows. Call your `absorb`.

# %%
TILE = 128  # queries, and keys, of a tile: 64 KB of float32


def tiles(count, size):
    """[0:size, size:2·size, ...] as slices, up to count; the last may be shorter."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def flash_attention(q, k, v, tile=TILE):
    """Attention without the table: y = softmax(q kᵀ / √d) v, one tile of tile × tile scores at a time.

    q and y: (..., T, d); k and v: (..., S, d). Memory grows with T and S, and not with T · S.
    Returns y and backward; backward(dy) returns (dq, dk, dv).
    """
    scale = 1 / math.sqrt(q.shape[-1])
    y, level = np.empty_like(q), np.empty_like(q[..., :1])  # (..., T, d), and (..., T, 1) for L
    # BEGIN SOLUTION: y and level, block by block
    for rows in tiles(q.shape[-2], tile):
        scaled = q[..., rows, :] * scale  # (..., n, d)
        largest = np.full_like(scaled[..., :1], -math.inf)  # (..., n, 1)
        total, mixed = np.zeros_like(largest), np.zeros_like(scaled)  # (..., n, 1), (..., n, d)
        for columns in tiles(k.shape[-2], tile):
            scores = scaled @ k[..., columns, :].swapaxes(-1, -2)  # (..., n, t)
            largest, total, mixed = absorb(largest, total, mixed, scores, v[..., columns, :])
        y[..., rows, :] = mixed / total
        level[..., rows, :] = largest + np.log(total)
    # END SOLUTION

    def backward(dy):
        dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
        # BEGIN SOLUTION: dq, dk, dv, tile by tile
        row_sums = (dy * y).sum(axis=-1, keepdims=True)  # (..., T, 1)
        for rows in tiles(q.shape[-2], tile):
            scaled, dy_rows = q[..., rows, :] * scale, dy[..., rows, :]  # (..., n, d) each
            for columns in tiles(k.shape[-2], tile):
                keys, values = k[..., columns, :], v[..., columns, :]  # (..., t, d) each
                p = np.exp(scaled @ keys.swapaxes(-1, -2) - level[..., rows, :])  # (..., n, t)
                dv[..., columns, :] += p.swapaxes(-1, -2) @ dy_rows
                dp = dy_rows @ values.swapaxes(-1, -2)  # (..., n, t)
                ds = p * (dp - row_sums[..., rows, :])  # (..., n, t)
                dq[..., rows, :] += ds @ keys * scale
                dk[..., columns, :] += ds.swapaxes(-1, -2) @ scaled
        # END SOLUTION
        return dq, dk, dv

    return y, backward


# %% [markdown]
# `python -m lessons check 20` tells you how far you are, `python -m lessons hint 20` gives a nudge. The check also
# measures: for four times the tokens, neither half may need much more than four times the memory.
#
# ## Into the real ViT
#
# Your function is as good an `attention` as the library's own. `python -m lessons train --mine` now trains with it, in
# place of the one from lesson 11. Two lines put it into any model of the library:


# %%
def in_the_vit():
    """The largest difference that your attention makes to the logits and gradients of a ViT with 257 tokens."""
    config = ViTConfig(image_size=32, patch_size=2, channels=1, classes=10, dim=32, depth=2, heads=2, mlp_dim=64)
    model, rng = ViT(config, np.random.default_rng(0), dtype=np.float64), np.random.default_rng(1)
    parameters = [parameter for _, parameter in model.named_parameters()]
    for parameter in parameters:  # the head begins at 0, and would hide everything
        parameter.data = parameter.data + 0.1 * rng.standard_normal(parameter.shape)
    images, labels = rng.standard_normal((2, 32, 32, 1)), np.array([3, 8])

    def run():
        logits = model(images)
        return [logits.data, *gradients(ops.cross_entropy(logits, labels), parameters)]

    without = run()
    with ops.use(attention=flash_attention):
        own = run()
    return max(float(np.abs(a - b).max()) for a, b in zip(without, own, strict=True))


# %% [markdown]
# Yours takes q, k and v. Where a model adds a bias to the scores, as those with relative positions do, the library says
# that your attention lacks it and takes its own for that call. (For a bias that is learned, backward would also have to
# give a gradient for every score, and that is a table again.)
#
# ## The same on a GPU
#
# Below is the forward as a kernel in CUDA, the language of NVIDIA's GPUs. A GPU runs thousands of **threads** at once,
# all the same text. They come in **blocks**; here a block has 64 threads, and each thread owns **one query**. Read it
# beside your own forward:
#
# - `__shared__` memory is the cache that you manage yourself: small, fast, and seen by all threads of a block. A tile
#   of keys and values is fetched into it once, by all threads together, and then read by each of the 64.
# - `__syncthreads()` is a barrier: everybody waits until everybody is there. The first one: no one reads the tile
#   before it is complete. The second: no one overwrites it while another still reads.
# - `own`, `mixed`, `largest` and `total` are variables of a thread. They stay in its registers, from the first tile to
#   the last.
# - The heart are the three lines with `shrink`. You know them.
#
# Where a GPU is at hand, `python work/20_flash_attention.py` runs it and compares it with yours. Without one, it is
# there to read.

# %%
GPU_THREADS, GPU_TILE = 64, 32  # queries of a block, and keys of a tile

KERNEL = """
#define LOWEST (-1 / 0.0f)  // -inf

extern "C" __global__ void flash_forward(
    const float* q, const float* k, const float* v, const int T, const int S, const float scale, float* y, float* level
) {
    __shared__ float keys[TILE][WIDTH], values[TILE][WIDTH];
    const int row = blockIdx.x * THREADS + threadIdx.x;  // my query
    const size_t head = blockIdx.y;                      // which table: of which image, and which head
    q += head * T * WIDTH; y += head * T * WIDTH; level += head * T;
    k += head * S * WIDTH; v += head * S * WIDTH;

    float own[WIDTH], mixed[WIDTH], largest = LOWEST, total = 0;
    for (int c = 0; c < WIDTH; c++) {
        own[c] = row < T ? q[row * WIDTH + c] * scale : 0;
        mixed[c] = 0;
    }
    for (int start = 0; start < S; start += TILE) {
        for (int n = threadIdx.x; n < TILE * WIDTH; n += THREADS) {  // 64 threads fetch the tile together
            const bool inside = start + n / WIDTH < S;
            keys[n / WIDTH][n % WIDTH] = inside ? k[start * WIDTH + n] : 0;
            values[n / WIDTH][n % WIDTH] = inside ? v[start * WIDTH + n] : 0;
        }
        __syncthreads();

        float scores[TILE], next = largest;
        for (int j = 0; j < TILE; j++) {
            float score = 0;
            for (int c = 0; c < WIDTH; c++) score += own[c] * keys[j][c];
            scores[j] = start + j < S ? score : LOWEST;  // beyond the last key: not to be seen
            next = max(next, scores[j]);
        }
        const float shrink = exp(largest - next);
        total *= shrink;
        for (int c = 0; c < WIDTH; c++) mixed[c] *= shrink;
        for (int j = 0; j < TILE; j++) {
            const float e = exp(scores[j] - next);
            total += e;
            for (int c = 0; c < WIDTH; c++) mixed[c] += e * values[j][c];
        }
        largest = next;
        __syncthreads();
    }
    if (row < T) {
        for (int c = 0; c < WIDTH; c++) y[row * WIDTH + c] = mixed[c] / total;
        level[row] = largest + log(total);
    }
}
"""


def flash_on_gpu(q, k, v):
    """(y (..., T, d), level (..., T, 1)) by the kernel, for float32 arrays of CuPy: q (..., T, d), k and v (..., S, d)."""
    xp = array_module(q)
    q, k, v = (xp.ascontiguousarray(x) for x in (q, k, v))
    tokens, width = q.shape[-2:]
    y, level = xp.empty_like(q), xp.empty_like(q[..., :1])
    sizes = f"#define WIDTH {width}\n#define TILE {GPU_TILE}\n#define THREADS {GPU_THREADS}\n"
    grid = math.ceil(tokens / GPU_THREADS), math.prod(q.shape[:-2])
    numbers = np.int32(tokens), np.int32(k.shape[-2]), np.float32(1 / math.sqrt(width))
    xp.RawKernel(sizes + KERNEL, "flash_forward")(grid, (GPU_THREADS,), (q, k, v, *numbers, y, level))
    return y, level


# %% [markdown]
# ## Measure it
#
# Python's `tracemalloc` counts what NumPy asks for. Here is the peak of a forward and a backward of one head, beside
# what lesson 11's attention needs, and how long both take.


# %%
def peak(attention, q, k, v, dy):
    """The most bytes that forward and backward hold at a time, beside the arguments."""
    tracemalloc.start()
    _, backward = attention(q, k, v)
    backward(dy)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def seconds(attention, q, k, v, dy):
    """Of a forward and a backward, the fastest of three."""
    found = []
    for _ in range(3):
        started = time.perf_counter()
        attention(q, k, v)[1](dy)
        found.append(time.perf_counter() - started)
    return min(found)


def measured(counts=(256, 512, 1024, 2048)):
    """{tokens: (bytes with the table, bytes in tiles)}, printed; and the time for 1,024 tokens, only printed."""
    rng, found = np.random.default_rng(0), {}

    def given(heads, tokens):
        return [rng.standard_normal((1, heads, tokens, 32), dtype=np.float32) for _ in range(4)]

    print("tokens     with the table   in tiles")
    for tokens in counts:
        arrays = given(1, tokens)
        found[tokens] = peak(mine.attention, *arrays), peak(flash_attention, *arrays)
        print("{:6,}     {:8.1f} MB      {:6.1f} MB".format(tokens, *(size / 1e6 for size in found[tokens])))
    table, own = (seconds(attention, *given(8, 1024)) for attention in (mine.attention, flash_attention))
    print(f"1,024 tokens, 8 heads: {1e3 * table:.0f} ms with the table, {1e3 * own:.0f} ms in tiles")
    print(f"in a ViT of the library, logits and gradients differ by {in_the_vit():.0e}")
    if gpu_status()[0]:
        arrays = given(2, 1000)[:3]
        y, _ = flash_on_gpu(*(to_device(x, "gpu") for x in arrays))
        print(f"on the GPU the kernel's y differs from yours by {np.abs(to_host(y) - flash_attention(*arrays)[0]).max():.0e}")
    return found


def one_row(scores, values, tile):
    """What is kept of one row after each tile, by your absorb: [(largest, total, average so far)]."""
    kept = np.array([[-math.inf]]), np.zeros((1, 1)), np.zeros((1, values.shape[1]))
    found = []
    for columns in tiles(len(scores), tile):
        kept = absorb(*kept, scores[None, columns], values[columns])
        largest, total, mixed = kept
        found.append((largest.item(), total.item(), mixed[0] / total.item()))
    return found


def picture():
    """Tiles on a table of scores, what is kept of one row as they pass, and memory as the tokens grow."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE
    from minivit.data import load

    image = load("digits").train_images[10]  # (8, 8, 1)
    places = np.indices((8, 8)).reshape(2, 64).T  # (64, 2), row and column of each pixel
    ink = image.reshape(64).astype(np.float64) - 0.4  # (64,)
    scores = 4 * np.outer(ink, ink) - ((places[:, None] - places) ** 2).sum(axis=-1) / 4  # (64, 64), alike and near
    row, size = 43, 8
    kept = one_row(scores[row], places[:, :1].astype(np.float64), size)

    figure = Figure(figsize=(12, 4.2), layout="constrained")
    left, middle, right = figure.subfigures(1, 3, width_ratios=(1, 1.15, 1.1))
    table = left.subplots()
    table.imshow(scores, cmap="viridis")
    for place in range(size, 64, size):
        table.axhline(place - 0.5, color="white", linewidth=0.6)
        table.axvline(place - 0.5, color="white", linewidth=0.6)
    top = row // size * size - 0.5
    table.plot([-0.5, 63.5, 63.5, -0.5, -0.5], [top, top, top + size, top + size, top], color=ORANGE, linewidth=2.5)
    table.axhline(row, color=ORANGE, linestyle=":", linewidth=1.5)
    table.set(title="64 × 64 scores of a digit's pixels", xlabel="key", ylabel="query", xticks=(0, 32, 63), yticks=(0, 32, 63))

    run, mean = middle.subplots(2, 1, height_ratios=(3, 2), sharex=True)
    ends = [size * (n + 1) - 0.5 for n in range(len(kept))]
    run.plot(scores[row], ".", color=GREY, label="scores of the dotted row")
    run.step([-0.5, *ends], [kept[0][0], *(m for m, _, _ in kept)], color=BLUE, linewidth=2.5, label="largest so far")
    run.set(title="one row, eight tiles", ylim=(None, scores[row].max() + 2.5))
    run.legend(frameon=False, fontsize="small", loc="upper left", ncols=2)
    mean.plot(ends, [average[0] for _, _, average in kept], "s--", color=ORANGE)
    mean.set(ylabel="average so far", xlabel="key", xticks=(0, 32, 63), ylim=(0, 7))
    for axes in (run, mean):
        for place in ends[:-1]:
            axes.axvline(place, color="#dddddd", linewidth=0.8, zorder=0)

    memory = right.subplots()
    counts, sizes = zip(*measured().items(), strict=True)
    for which, (colour, marker, label) in enumerate(((ORANGE, "s--", "with the table"), (BLUE, "o-", "in tiles"))):
        memory.plot(counts, [pair[which] / 1e6 for pair in sizes], marker, color=colour, label=label)
    memory.set(xscale="log", yscale="log", title="peak of memory, one head", xlabel="tokens", ylabel="MB")
    memory.set_xticks(counts, [f"{count:,}" for count in counts])
    memory.set_yticks((1, 10, 50), ("1", "10", "50"))
    memory.minorticks_off()
    memory.legend(frameon=False)
    return figure


# %% [markdown]
# ## Look at it
#
# Left: scores of the 64 pixels of a digit, high for pixels that are alike and near each other. The orange block of rows
# is done tile by tile, from left to right. Middle: its fourth row. Where the blue line steps up, everything kept was
# scaled down to the new maximum, and the average moves to what has just come. (What is averaged here is the row of the
# image in which a pixel stands, 0 to 7; this query stands in row 5.) Once the largest scores are in, little moves any
# more, and at the right end it is the y of this query.
#
# Right, both axes in powers: with the table, twice the tokens need four times the memory. In tiles it is one tile,
# which is the same for all, and the vectors, which double.
#
# ## Argue about it
#
# Your backward computes all scores a second time. It does more work than lesson 11's, and takes less time. How can that
# be? And when would keeping the table be the better choice after all?

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
