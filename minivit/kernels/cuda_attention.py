"""Attention on a GPU in tiles (Dao et al. 2022, arXiv 2205.14135): the T x S scores never exist in memory.

Each thread owns one query. The keys and values come by in tiles of a few tokens, which all threads of a block share. The
softmax is online: beside the sum of exponentials so far stands the largest score so far, and when a larger one comes, what
was added up before is scaled down to it. Kept for backward: y, and for each query its largest score and r = 1 / sum, from
which p = exp(score - largest) r comes back; r is multiplied into dy, once a query. Backwards, one kernel gives each thread a
query and computes dq, and another gives each a key and computes dk and dv: no two threads add to one place, so the numbers
are the same every time.

A bias is read where it lies: along an axis that it is broadcast over, the distance from one entry to the next is 0. Its
gradient is one more kernel, in which a block owns a tile of dbias and walks through all tiles of the scores that are summed
into it. Where that would be few blocks with much to do, some share a tile, and what each has summed is added up at the end.
"""

import math

import numpy as np

from .cuda import compiled

THREADS = 64  # a block: so many queries, or keys
WIDEST = 128  # of a head: wider ones do not fit into a thread's registers, and take the plain form
BUSY = 512  # blocks that are enough to keep a GPU busy

_SOURCE = """
// An array (B, h, tokens, d) is a pointer and the distances from one image, head and token to the next: T tokens of q, y and
// their gradients, S of k and v and theirs. One block works on one head of one image at a time, and on THREADS tokens of it.
#define STEPS(a) const long long a##_image, const long long a##_head, const long long a##_token
#define VIEW(a) const real* a, STEPS(a)
#define OUT(a) real* a, STEPS(a)
#define TOKEN(a, t) (a + image * a##_image + head * a##_head + (t) * a##_token)
#define LOAD(a, tokens, tile, factor) \\
    for (int n = threadIdx.x; n < TILE * WIDTH; n += THREADS) { \\
        const int t = start + n / WIDTH; \\
        tile[n / WIDTH][n % WIDTH] = t < tokens ? TOKEN(a, t)[n % WIDTH] * (factor) : (real)0; \\
    }
#define LOWEST (-1 / (real)0)  // INFINITY would need a header that NVRTC does not have
#define EACH for (int n = 0; n < WIDTH; n++)
#define SIZES const int heads, const int T, const int S, const double scale
#define ONE_HEAD const int image = blockIdx.x / heads, head = blockIdx.x % heads;
#define ROW(query) (((size_t)image * heads + head) * T + (query))

#if BIAS  // beside the distances of the others: from one key to the next
#define BIAS_VIEW VIEW(bias), const long long bias_key,
#define SCORE(a, b, query, key) (dot(a, b) + TOKEN(bias, query)[(key) * bias_key])
#else
#define BIAS_VIEW
#define SCORE(a, b, query, key) dot(a, b)
#endif

__device__ real dot(const real* a, const real* b) {
    real sum = 0;
    EACH sum += a[n] * b[n];
    return sum;
}

extern "C" __global__ void attention_forward(
    VIEW(q), VIEW(k), VIEW(v), BIAS_VIEW SIZES, OUT(y), real* largest, real* r
) {
    __shared__ real keys[TILE][WIDTH], values[TILE][WIDTH];
    ONE_HEAD
    const int query = blockIdx.y * THREADS + threadIdx.x;
    const bool mine = query < T;
    real own[WIDTH], out[WIDTH], top = LOWEST, sum = 0;
    if (mine) EACH { own[n] = TOKEN(q, query)[n] * (real)scale; out[n] = 0; }
    for (int start = 0; start < S; start += TILE) {
        LOAD(k, S, keys, 1)
        LOAD(v, S, values, 1)
        __syncthreads();
        if (mine) {
            real scores[TILE], before = top;
            for (int j = 0; j < TILE; j++) {
                scores[j] = start + j < S ? SCORE(own, keys[j], query, start + j) : LOWEST;
                top = max(top, scores[j]);
            }
            const real level = top == LOWEST ? (real)0 : top;  // where all is -inf so far, exp(-inf - 0) = 0
            const real shrink = exp(before - level);
            sum *= shrink;
            EACH out[n] *= shrink;
            for (int j = 0; j < TILE; j++) {
                const real e = exp(scores[j] - level);
                sum += e;
                EACH out[n] += e * values[j][n];
            }
        }
        __syncthreads();  // the tile is overwritten only when all have used it
    }
    if (mine) {
        const bool blind = sum == 0;  // all scores are -inf: p and y are 0
        const real own_r = blind ? (real)0 : 1 / sum;
        EACH TOKEN(y, query)[n] = out[n] * own_r;
        largest[ROW(query)] = blind ? (real)0 : top;
        r[ROW(query)] = own_r;
    }
}

extern "C" __global__ void attention_dq(
    VIEW(q), VIEW(k), VIEW(v), BIAS_VIEW SIZES, VIEW(y), VIEW(dy), const real* largest, const real* r, real* delta, OUT(dq)
) {
    __shared__ real keys[TILE][WIDTH], values[TILE][WIDTH];
    ONE_HEAD
    const int query = blockIdx.y * THREADS + threadIdx.x;
    const bool mine = query < T;
    real own[WIDTH], own_dy[WIDTH], sum[WIDTH], own_largest = 0, own_delta = 0;
    if (mine) {
        EACH {
            own[n] = TOKEN(q, query)[n] * (real)scale;
            own_dy[n] = TOKEN(dy, query)[n] * r[ROW(query)];
            own_delta += own_dy[n] * TOKEN(y, query)[n];  // r rowsum(dp * p) = r rowsum(dy * y)
            sum[n] = 0;
        }
        own_largest = largest[ROW(query)];
        delta[ROW(query)] = own_delta;
    }
    for (int start = 0; start < S; start += TILE) {
        LOAD(k, S, keys, 1)
        LOAD(v, S, values, 1)
        __syncthreads();
        if (mine)
            for (int j = 0; j < TILE && start + j < S; j++) {
                const real e = exp(SCORE(own, keys[j], query, start + j) - own_largest);
                const real ds = e * (dot(own_dy, values[j]) - own_delta);
                EACH sum[n] += ds * keys[j][n];
            }
        __syncthreads();
    }
    if (mine) EACH TOKEN(dq, query)[n] = sum[n] * (real)scale;
}

extern "C" __global__ void attention_dk_dv(
    VIEW(q), VIEW(k), VIEW(v), BIAS_VIEW SIZES, VIEW(dy), const real* largest, const real* r, const real* delta, OUT(dk), OUT(dv)
) {
    __shared__ real queries[TILE][WIDTH], upstream[TILE][WIDTH];
    ONE_HEAD
    const int key = blockIdx.y * THREADS + threadIdx.x;
    const bool mine = key < S;
    real own_k[WIDTH], own_v[WIDTH], sum_k[WIDTH], sum_v[WIDTH];
    if (mine) EACH { own_k[n] = TOKEN(k, key)[n]; own_v[n] = TOKEN(v, key)[n]; sum_k[n] = sum_v[n] = 0; }
    for (int start = 0; start < T; start += TILE) {
        LOAD(q, T, queries, (real)scale)
        LOAD(dy, T, upstream, r[ROW(t)])
        __syncthreads();
        if (mine)
            for (int i = 0; i < TILE && start + i < T; i++) {
                const real e = exp(SCORE(own_k, queries[i], start + i, key) - largest[ROW(start + i)]);
                const real ds = e * (dot(own_v, upstream[i]) - delta[ROW(start + i)]);
                EACH { sum_v[n] += e * upstream[i][n]; sum_k[n] += ds * queries[i][n]; }
            }
        __syncthreads();
    }
    if (mine) EACH { TOKEN(dk, key)[n] = sum_k[n]; TOKEN(dv, key)[n] = sum_v[n]; }
}
"""

_SOURCE_DBIAS = """
// The bias is (B', h', T', S'), each size 1 or that of the scores. blockIdx.x counts its tiles; for each, `folded` counts the
// tiles of scores that are summed into it, of which a block takes every gridDim.y-th.
#define TILES(tokens, tile) (((tokens) + tile - 1) / tile)
#define DIGIT(name, number, base) const int name = number % (base); number /= (base);

extern "C" __global__ void attention_dbias(
    VIEW(q), VIEW(k), VIEW(v), BIAS_VIEW SIZES, VIEW(dy), const real* largest, const real* r, const real* delta,
    const int folded, const int bias_heads, const int bias_T, const int bias_S, real* partial
) {
    __shared__ real keys[TILE][WIDTH], values[TILE][WIDTH], sums[TILE][THREADS];
    int tile = blockIdx.x;
    DIGIT(key_tile, tile, TILES(bias_S, TILE))
    DIGIT(query_tile, tile, TILES(bias_T, THREADS))
    for (int j = 0; j < TILE; j++) sums[j][threadIdx.x] = 0;
    for (int part = blockIdx.y; part < folded; part += gridDim.y) {
        int rest = part, own = tile;
        DIGIT(more_keys, rest, TILES(S, TILE) / TILES(bias_S, TILE))
        DIGIT(more_queries, rest, TILES(T, THREADS) / TILES(bias_T, THREADS))
        DIGIT(more_heads, rest, heads / bias_heads)
        DIGIT(own_head, own, bias_heads)
        const int image = own + rest, head = own_head + more_heads, start = (key_tile + more_keys) * TILE;
        const int query = (query_tile + more_queries) * THREADS + threadIdx.x;
        __syncthreads();
        LOAD(k, S, keys, 1)
        LOAD(v, S, values, 1)
        __syncthreads();
        if (query < T) {
            real own_q[WIDTH], own_dy[WIDTH], own_largest = largest[ROW(query)], own_delta = delta[ROW(query)];
            EACH { own_q[n] = TOKEN(q, query)[n] * (real)scale; own_dy[n] = TOKEN(dy, query)[n] * r[ROW(query)]; }
            for (int j = 0; j < TILE && start + j < S; j++) {
                const real e = exp(SCORE(own_q, keys[j], query, start + j) - own_largest);
                sums[j][threadIdx.x] += e * (dot(own_dy, values[j]) - own_delta);
            }
        }
    }
    __syncthreads();
    const int rows = bias_T == 1 ? 1 : THREADS, columns = bias_S == 1 ? 1 : TILE;
    for (int n = threadIdx.x; n < rows * columns; n += THREADS) {
        const int query = query_tile * THREADS + n / columns, key = key_tile * TILE + n % columns;
        real sum = 0;
        for (int i = n / columns; i < THREADS; i += rows)
            for (int j = n % columns; j < TILE; j += columns) sum += sums[j][i];
        const size_t before = (size_t)blockIdx.y * (gridDim.x / (TILES(bias_T, THREADS) * TILES(bias_S, TILE))) + tile;
        if (query < bias_T && key < bias_S) partial[(before * bias_T + query) * bias_S + key] = sum;
    }
}
"""


def _view(x):
    """What the macros VIEW and OUT take."""
    size, (image, head, token, _) = x.itemsize, x.strides
    return x, image // size, head // size, token // size


def _dense_rows(x):
    """x, whose last axis lies together in memory."""
    import cupy

    return x if x.strides[-1] == x.itemsize else cupy.ascontiguousarray(x)


def _tokens_first(batch, heads, tokens, width, dtype):
    """An empty (B, h, tokens, d) that merge_heads need not copy."""
    import cupy

    return cupy.empty((batch, tokens, heads, width), dtype).transpose(0, 2, 1, 3)  # from (B, tokens, h, d)


def attention(q, k, v, bias=None):
    """(y, backward) of attention for device arrays: 1 launch, and 2 backwards; with a bias, a number of q's dtype for each score
    that it is broadcast to, 3 or 4. A mask is a bias without a gradient. y lies so that merge_heads need not copy it."""
    y, attend = _attention(q, k, v, bias)

    def backward(dy):
        dq, dk, dv = (_tokens_first(*x.shape, x.dtype) for x in (q, k, v))
        return dq, dk, dv, attend(dy, dq, dk, dv)

    return y, backward


def self_attention(qkv, heads):
    """(y, backward) of self_attention for device arrays: q, k and v are read, and their gradients written, where they lie in the
    columns of qkv."""
    import cupy

    batch, tokens, columns = qkv.shape
    shape = batch, tokens, 3, heads, columns // (3 * heads)  # (B, T, 3, h, d)
    y, attend = _attention(*qkv.reshape(shape).transpose(2, 0, 3, 1, 4))  # from 3 of (B, h, T, d)

    def backward(dy):
        dqkv = cupy.empty(shape, qkv.dtype)
        attend(dy.reshape(batch, tokens, heads, -1).transpose(0, 2, 1, 3), *dqkv.transpose(2, 0, 3, 1, 4))
        return dqkv.reshape(qkv.shape)

    return y.transpose(0, 2, 1, 3).reshape(batch, tokens, -1), backward


def _attention(q, k, v, bias=None):
    """(y, a function of dy and three arrays that fills them with the gradients of q, k and v and gives that of the bias)."""
    import cupy

    q, k, v = _dense_rows(q), _dense_rows(k), _dense_rows(v)
    (batch, heads, T, width), S = q.shape, k.shape[2]
    learns = bias is not None and bias.dtype != bool
    if bias is not None and not learns:
        bias = cupy.where(bias, 0, -math.inf).astype(q.dtype)
    room = 2 * width + (THREADS if learns else 0)  # numbers for a token of a tile: two tiles, and sums for dbias
    tile = max(1, min(32, 49152 // (room * q.itemsize)))  # in the 48 KiB that a block has of shared memory
    given = (*_view(q), *_view(k), *_view(v))
    if bias is not None:
        scores = cupy.broadcast_to(bias, (batch, heads, T, S))
        given += (*_view(scores), scores.strides[3] // scores.itemsize)
    given += np.int32(heads), np.int32(T), np.int32(S), 1 / math.sqrt(width)

    def launch(name, grid, *arguments):
        source = _SOURCE if bias is None else _SOURCE + _SOURCE_DBIAS
        kernel = compiled(name, source, q.dtype, WIDTH=width, TILE=tile, THREADS=THREADS, BIAS=int(bias is not None))
        kernel(grid, (THREADS,), (*given, *arguments))

    y = _tokens_first(*q.shape, q.dtype)
    largest, r = cupy.empty((batch, heads, T), q.dtype), cupy.empty((batch, heads, T), q.dtype)
    launch("attention_forward", (batch * heads, -(-T // THREADS)), *_view(y), largest, r)

    def backward(dy, dq, dk, dv):
        dy, delta = _dense_rows(dy), cupy.empty_like(r)
        launch("attention_dq", (batch * heads, -(-T // THREADS)), *_view(y), *_view(dy), largest, r, delta, *_view(dq))
        kept = (*_view(dy), largest, r, delta)
        launch("attention_dk_dv", (batch * heads, -(-S // THREADS)), *kept, *_view(dk), *_view(dv))
        return dbias(kept) if learns else None

    def dbias(kept):
        shape = (1,) * (4 - bias.ndim) + bias.shape
        tiles = _tiles(shape, tile)
        folded = _tiles(scores.shape, tile) // tiles
        shares = min(folded, -(-BUSY // tiles))
        partial = cupy.empty((shares, *bias.shape), bias.dtype)
        launch("attention_dbias", (tiles, shares), *kept, np.int32(folded), *map(np.int32, shape[1:]), partial)
        return partial[0] if shares == 1 else partial.sum(axis=0)

    return y, backward


def _tiles(shape, tile):
    """How many tiles of THREADS queries and `tile` keys cover scores of this shape."""
    return shape[0] * shape[1] * -(-shape[2] // THREADS) * -(-shape[3] // tile)
