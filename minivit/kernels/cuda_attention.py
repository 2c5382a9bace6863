"""Attention on a GPU in tiles (Dao et al. 2022, arXiv 2205.14135): the T x T scores never exist in memory.

Each thread owns one query. The keys and values come by in tiles of a few tokens, which all threads of a block share. The
softmax is online: beside the sum of exponentials so far stands the largest score so far, and when a larger one comes, what
was added up before is scaled down to it. Kept for backward: y, and for each query lse, the logarithm of its sum of
exponentials, from which p = exp(score - lse) comes back. Backwards, one kernel gives each thread a query and computes dq, and
another gives each a key and computes dk and dv: no two threads add to one place, so the numbers are the same every time.
"""

import math

import numpy as np

from .cuda import compiled

THREADS = 64  # a block: so many queries, or keys
WIDEST = 128  # of a head: wider ones do not fit into a thread's registers, and take the plain form

_SOURCE = """
// An array (B, h, T, d) is a pointer and the distances from one image, head and token to the next. One block works on one head
// of one image, blockIdx.x, and on THREADS tokens of it.
#define VIEW(a) const real* a, const long long a##_image, const long long a##_head, const long long a##_token
#define TOKEN(a, t) (a + (blockIdx.x / heads) * a##_image + (blockIdx.x % heads) * a##_head + (t) * a##_token)
#define LOAD(a, tile, factor) \\
    for (int n = threadIdx.x; n < TILE * WIDTH; n += THREADS) { \\
        const int t = start + n / WIDTH; \\
        tile[n / WIDTH][n % WIDTH] = t < tokens ? TOKEN(a, t)[n % WIDTH] * (factor) : (real)0; \\
    }
#define LOWEST ((real)-1e30)  // below every score; INFINITY would need a header that NVRTC does not have
#define EACH for (int n = 0; n < WIDTH; n++)

__device__ real dot(const real* a, const real* b) {
    real sum = 0;
    EACH sum += a[n] * b[n];
    return sum;
}

extern "C" __global__ void attention_forward(
    VIEW(q), VIEW(k), VIEW(v), const int heads, const int tokens, const double scale, real* y, real* lse
) {
    __shared__ real keys[TILE][WIDTH], values[TILE][WIDTH];
    const int query = blockIdx.y * THREADS + threadIdx.x;
    const bool mine = query < tokens;
    real own[WIDTH], out[WIDTH], largest = LOWEST, sum = 0;
    if (mine) EACH { own[n] = TOKEN(q, query)[n] * (real)scale; out[n] = 0; }
    for (int start = 0; start < tokens; start += TILE) {
        LOAD(k, keys, 1)
        LOAD(v, values, 1)
        __syncthreads();
        if (mine) {
            real scores[TILE], top = largest;
            for (int j = 0; j < TILE; j++) {
                scores[j] = start + j < tokens ? dot(own, keys[j]) : LOWEST;
                top = max(top, scores[j]);
            }
            const real shrink = exp(largest - top);  // at first exp(LOWEST - top) = 0
            sum *= shrink;
            EACH out[n] *= shrink;
            for (int j = 0; j < TILE; j++) {
                const real e = exp(scores[j] - top);
                sum += e;
                EACH out[n] += e * values[j][n];
            }
            largest = top;
        }
        __syncthreads();  // the tile is overwritten only when all have used it
    }
    if (mine) {
        real* to = y + (((size_t)(blockIdx.x / heads) * tokens + query) * heads + blockIdx.x % heads) * WIDTH;
        EACH to[n] = out[n] / sum;
        lse[(size_t)blockIdx.x * tokens + query] = largest + log(sum);
    }
}

// dqkv is (B, T, 3, h, d)
#define PLACE(part, t) (dqkv + ((((size_t)(blockIdx.x / heads) * tokens + (t)) * 3 + part) * heads + blockIdx.x % heads) * WIDTH)

extern "C" __global__ void attention_dq(
    VIEW(q), VIEW(k), VIEW(v), VIEW(y), VIEW(dy), const int heads, const int tokens, const double scale,
    const real* lse, real* delta, real* dqkv
) {
    __shared__ real keys[TILE][WIDTH], values[TILE][WIDTH];
    const int query = blockIdx.y * THREADS + threadIdx.x;
    const bool mine = query < tokens;
    real own[WIDTH], own_dy[WIDTH], dq[WIDTH], own_lse = 0, own_delta = 0;
    if (mine) {
        EACH {
            own[n] = TOKEN(q, query)[n] * (real)scale;
            own_dy[n] = TOKEN(dy, query)[n];
            own_delta += own_dy[n] * TOKEN(y, query)[n];  // rowsum(dp * p) = rowsum(dy * y)
            dq[n] = 0;
        }
        own_lse = lse[(size_t)blockIdx.x * tokens + query];
        delta[(size_t)blockIdx.x * tokens + query] = own_delta;
    }
    for (int start = 0; start < tokens; start += TILE) {
        LOAD(k, keys, 1)
        LOAD(v, values, 1)
        __syncthreads();
        if (mine)
            for (int j = 0; j < TILE && start + j < tokens; j++) {
                const real p = exp(dot(own, keys[j]) - own_lse);
                const real ds = p * (dot(own_dy, values[j]) - own_delta);
                EACH dq[n] += ds * keys[j][n];
            }
        __syncthreads();
    }
    if (mine) EACH PLACE(0, query)[n] = dq[n] * (real)scale;
}

extern "C" __global__ void attention_dk_dv(
    VIEW(q), VIEW(k), VIEW(v), VIEW(dy), const int heads, const int tokens, const double scale,
    const real* lse, const real* delta, real* dqkv
) {
    __shared__ real queries[TILE][WIDTH], upstream[TILE][WIDTH];
    const int key = blockIdx.y * THREADS + threadIdx.x;
    const bool mine = key < tokens;
    real own_k[WIDTH], own_v[WIDTH], dk[WIDTH], dv[WIDTH];
    if (mine) EACH { own_k[n] = TOKEN(k, key)[n]; own_v[n] = TOKEN(v, key)[n]; dk[n] = dv[n] = 0; }
    for (int start = 0; start < tokens; start += TILE) {
        LOAD(q, queries, (real)scale)
        LOAD(dy, upstream, 1)
        __syncthreads();
        if (mine)
            for (int i = 0; i < TILE && start + i < tokens; i++) {
                const size_t row = (size_t)blockIdx.x * tokens + start + i;
                const real p = exp(dot(own_k, queries[i]) - lse[row]);
                const real ds = p * (dot(own_v, upstream[i]) - delta[row]);
                EACH { dv[n] += p * upstream[i][n]; dk[n] += ds * queries[i][n]; }
            }
        __syncthreads();
    }
    if (mine) EACH { PLACE(1, key)[n] = dk[n]; PLACE(2, key)[n] = dv[n]; }
}
"""


def _view(x):
    """What the macro VIEW takes."""
    return (x, *(np.int64(stride // x.itemsize) for stride in x.strides[:3]))


def _dense_rows(x):
    """x, whose last axis lies together in memory."""
    import cupy

    return x if x.strides[-1] == x.itemsize else cupy.ascontiguousarray(x)


def attention(q, k, v, bias=None):
    """(y, backward) of attention for device arrays (B, h, T, d): 1 launch, and 2 backwards; bias must be None. y lies so that
    merge_heads need not copy it."""
    y, attend = _attention(q, k, v)

    def backward(dy):
        dq, dk, dv = attend(dy).transpose(2, 0, 3, 1, 4)  # 3 of (B, h, T, d)
        return dq, dk, dv, None

    return y, backward


def self_attention(qkv, heads):
    """(y, backward) of self_attention for device arrays: q, k and v are read, and their gradients written, where they lie in the
    columns of qkv."""
    batch, tokens, _ = qkv.shape
    y, attend = _attention(*qkv.reshape(batch, tokens, 3, heads, -1).transpose(2, 0, 3, 1, 4))

    def backward(dy):
        return attend(dy.reshape(batch, tokens, heads, -1).transpose(0, 2, 1, 3)).reshape(qkv.shape)

    return y.transpose(0, 2, 1, 3).reshape(batch, tokens, -1), backward


def _attention(q, k, v):
    """(y, a function from dy to the gradients of q, k and v in one array (B, T, 3, h, d))."""
    import cupy

    q, k, v = _dense_rows(q), _dense_rows(k), _dense_rows(v)
    batch, heads, tokens, width = q.shape
    tile = max(1, min(32, 24576 // (width * q.itemsize)))  # two tiles in the 48 KiB that a block has of shared memory

    def launch(name, *arguments):
        kernel = compiled(name, _SOURCE, q.dtype, WIDTH=width, TILE=tile, THREADS=THREADS)
        kernel((batch * heads, -(-tokens // THREADS)), (THREADS,), arguments)

    sizes = (np.int32(heads), np.int32(tokens), 1 / math.sqrt(width))
    y = cupy.empty((batch, tokens, heads, width), q.dtype)
    lse = cupy.empty((batch, heads, tokens), q.dtype)
    launch("attention_forward", *_view(q), *_view(k), *_view(v), *sizes, y, lse)
    y = y.transpose(0, 2, 1, 3)  # (B, h, T, d)

    def backward(dy):
        dy = _dense_rows(dy)
        delta = cupy.empty_like(lse)
        dqkv = cupy.empty((batch, tokens, 3, heads, width), dy.dtype)
        qkv = (*_view(q), *_view(k), *_view(v))
        launch("attention_dq", *qkv, *_view(y), *_view(dy), *sizes, lse, delta, dqkv)
        launch("attention_dk_dv", *qkv, *_view(dy), *sizes, lse, delta, dqkv)
        return dqkv

    return y, backward
