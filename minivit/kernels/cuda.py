"""Kernels for a GPU: what takes several launches in plain array code, in one. Each does what the NumPy code of its op does, and
a test holds the two together. A launch costs microseconds whatever its size, and a small ViT has hundreds of them in a step.

The rows of an array are its last axis. One block of threads computes one row, in float32 or float64.
"""

import functools

import numpy as np

_REAL = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}

_BLOCK_SUM = """
__device__ real block_sum(real value, real* scratch) {
    scratch[threadIdx.x] = value;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) scratch[threadIdx.x] += scratch[threadIdx.x + half];
        __syncthreads();
    }
    const real sum = scratch[0];
    __syncthreads();  // all have read it before anybody writes the scratch again
    return sum;
}

__device__ real block_max(real value, real* scratch) {
    scratch[threadIdx.x] = value;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) scratch[threadIdx.x] = max(scratch[threadIdx.x], scratch[threadIdx.x + half]);
        __syncthreads();
    }
    const real largest = scratch[0];
    __syncthreads();
    return largest;
}
"""

_ROWS = """
extern "C" __global__ void layernorm(
    const real* x, const real* weight, const real* bias, const double eps, const int width, real* y, real* xhat, real* r
) {
    __shared__ real scratch[THREADS];
    const size_t start = (size_t)blockIdx.x * width;
    real sum = 0, squares = 0;
    for (int i = threadIdx.x; i < width; i += THREADS) sum += x[start + i];
    const real mean = block_sum(sum, scratch) / width;
    for (int i = threadIdx.x; i < width; i += THREADS) squares += (x[start + i] - mean) * (x[start + i] - mean);
    const real scale = 1 / sqrt(block_sum(squares, scratch) / width + (real)eps);
    for (int i = threadIdx.x; i < width; i += THREADS) {
        const real normal = (x[start + i] - mean) * scale;
        xhat[start + i] = normal;
        y[start + i] = normal * weight[i] + bias[i];
    }
    if (threadIdx.x == 0) r[blockIdx.x] = scale;
}

extern "C" __global__ void layernorm_dx(
    const real* dy, const real* weight, const real* xhat, const real* r, const int width, real* dx
) {
    __shared__ real scratch[THREADS];
    const size_t start = (size_t)blockIdx.x * width;
    real sum = 0, sum_xhat = 0;
    for (int i = threadIdx.x; i < width; i += THREADS) {
        const real g = dy[start + i] * weight[i];
        sum += g;
        sum_xhat += g * xhat[start + i];
    }
    const real average = block_sum(sum, scratch) / width;
    const real average_xhat = block_sum(sum_xhat, scratch) / width;
    for (int i = threadIdx.x; i < width; i += THREADS)
        dx[start + i] = r[blockIdx.x] * (dy[start + i] * weight[i] - average - xhat[start + i] * average_xhat);
}

extern "C" __global__ void softmax(const real* x, const int width, real* p) {
    __shared__ real scratch[THREADS];
    const size_t start = (size_t)blockIdx.x * width;
    real largest = x[start], sum = 0;
    for (int i = threadIdx.x; i < width; i += THREADS) largest = max(largest, x[start + i]);
    largest = block_max(largest, scratch);
    for (int i = threadIdx.x; i < width; i += THREADS) sum += exp(x[start + i] - largest);
    sum = block_sum(sum, scratch);
    for (int i = threadIdx.x; i < width; i += THREADS) p[start + i] = exp(x[start + i] - largest) / sum;
}

extern "C" __global__ void softmax_dx(const real* dy, const real* p, const int width, real* dx) {
    __shared__ real scratch[THREADS];
    const size_t start = (size_t)blockIdx.x * width;
    real sum = 0;
    for (int i = threadIdx.x; i < width; i += THREADS) sum += dy[start + i] * p[start + i];
    sum = block_sum(sum, scratch);
    for (int i = threadIdx.x; i < width; i += THREADS) dx[start + i] = p[start + i] * (dy[start + i] - sum);
}

extern "C" __global__ void cross_entropy(
    const real* logits, const void* labels, const int soft, const double smoothing, const int width, real* losses, real* dlogits
) {  // labels: a long long a row; or, if soft, a row of reals
    __shared__ real scratch[THREADS];
    const size_t start = (size_t)blockIdx.x * width;
    const real off = smoothing / width, batch = gridDim.x;
    const long long label = soft ? -1 : ((const long long*)labels)[blockIdx.x];
    real largest = logits[start], sum = 0, dot = 0;
    for (int i = threadIdx.x; i < width; i += THREADS) largest = max(largest, logits[start + i]);
    largest = block_max(largest, scratch);
    for (int i = threadIdx.x; i < width; i += THREADS) sum += exp(logits[start + i] - largest);
    sum = block_sum(sum, scratch);
    for (int i = threadIdx.x; i < width; i += THREADS) {
        const real target = off + (1 - (real)smoothing) * (soft ? ((const real*)labels)[start + i] : (real)(i == label));
        dlogits[start + i] = (exp(logits[start + i] - largest) / sum - target) / batch;
        dot += target * (logits[start + i] - largest);
    }
    dot = block_sum(dot, scratch);
    if (threadIdx.x == 0)  // -sum_k t_k ln p_k, with ln p_k = logit_k - largest - ln sum
        losses[blockIdx.x] = (log(sum) - dot) / batch;
}
"""

_COLUMNS = """
extern "C" __global__ void layernorm_dweight_dbias(
    const real* dy, const real* xhat, const int rows, const int width, real* partial
) {
    __shared__ real scratch[2][DEPTH][32];
    const int column = blockIdx.x * 32 + threadIdx.x;
    real dweight = 0, dbias = 0;
    if (column < width)
        for (int row = blockIdx.y * DEPTH + threadIdx.y; row < rows; row += gridDim.y * DEPTH) {
            const size_t i = (size_t)row * width + column;
            dweight += dy[i] * xhat[i];
            dbias += dy[i];
        }
    scratch[0][threadIdx.y][threadIdx.x] = dweight;
    scratch[1][threadIdx.y][threadIdx.x] = dbias;
    __syncthreads();
    if (threadIdx.y < 2 && column < width) {
        real sum = 0;
        for (int i = 0; i < DEPTH; i++) sum += scratch[threadIdx.y][i][threadIdx.x];
        partial[((size_t)blockIdx.y * 2 + threadIdx.y) * width + column] = sum;
    }
}
"""
DEPTH = 8  # rows that a block of layernorm_dweight_dbias reads at once


@functools.cache
def compiled(name, source, dtype, **constants):
    """The kernel `name` of a source in which `real` is the dtype and each constant a number, compiled at its first launch."""
    import cupy

    defined = "".join(f"#define {key} {value}\n" for key, value in constants.items())
    return cupy.RawKernel(f"typedef {_REAL[dtype]} real;\n{defined}{source}", name)


def _launch_rows(name, rows, width, dtype, *arguments):
    threads = 32
    while threads < min(width, 256):
        threads *= 2
    if rows and width:
        compiled(name, _BLOCK_SUM + _ROWS, dtype, THREADS=threads)((rows,), (threads,), arguments)


def layernorm(x, weight, bias, eps):
    """(y, backward) of the op layernorm: 1 launch, and 3 backwards."""
    import cupy

    shape, width = x.shape, x.shape[-1]
    x = cupy.ascontiguousarray(x)
    rows = x.size // width
    y, xhat, r = cupy.empty_like(x), cupy.empty_like(x), cupy.empty(rows, x.dtype)
    weight, bias = cupy.ascontiguousarray(weight), cupy.ascontiguousarray(bias)
    _launch_rows("layernorm", rows, width, x.dtype, x, weight, bias, float(eps), np.int32(width), y, xhat, r)

    def backward(dy):
        dy = cupy.ascontiguousarray(dy)
        dx, chunks = cupy.empty_like(dy), min(64, -(-rows // (8 * DEPTH)))
        _launch_rows("layernorm_dx", rows, width, dy.dtype, dy, weight, xhat, r, np.int32(width), dx)
        partial = cupy.empty((chunks, 2, width), dy.dtype)
        columns = compiled("layernorm_dweight_dbias", _COLUMNS, dy.dtype, DEPTH=DEPTH)
        columns((-(-width // 32), chunks), (32, DEPTH), (dy, xhat, np.int32(rows), np.int32(width), partial))
        dweight, dbias = partial.sum(axis=0)
        return dx, dweight, dbias

    return y.reshape(shape), backward


def softmax(x, axis):
    """(p, backward) of the op softmax along the last axis: 1 launch each."""
    import cupy

    x = cupy.ascontiguousarray(x)
    p, width = cupy.empty_like(x), x.shape[-1]
    rows = x.size // width
    _launch_rows("softmax", rows, width, x.dtype, x, np.int32(width), p)

    def backward(dy):
        dy = cupy.ascontiguousarray(dy)
        dx = cupy.empty_like(dy)
        _launch_rows("softmax_dx", rows, width, dy.dtype, dy, p, np.int32(width), dx)
        return dx

    return p, backward


def cross_entropy(logits, labels, label_smoothing):
    """(loss, backward) of the op cross_entropy: 2 launches, and 1 backwards. What the labels
    are is not checked: that would wait."""
    import cupy

    batch, classes = logits.shape
    soft = labels.dtype.kind == "f"
    if labels.shape != (logits.shape if soft else (batch,)):
        raise ValueError(
            f"labels must be {batch} whole numbers, one an image, or floating-point targets of shape {logits.shape}; "
            f"got shape {labels.shape} and dtype {labels.dtype}"
        )
    logits = cupy.ascontiguousarray(logits)
    labels = cupy.ascontiguousarray(labels.astype(logits.dtype if soft else np.int64, copy=False))
    losses, dlogits = cupy.empty(batch, logits.dtype), cupy.empty_like(logits)
    arguments = (logits, labels, np.int32(soft), float(label_smoothing), np.int32(classes), losses, dlogits)
    _launch_rows("cross_entropy", batch, classes, logits.dtype, *arguments)

    def backward(dy):
        return dlogits * dy, None

    return losses.sum(), backward


@functools.cache
def _elementwise(inputs, outputs, body, name):
    import cupy

    return cupy.ElementwiseKernel(inputs, outputs, body, name)


def gelu_tanh(x):
    """(y, slope) of GELU's tanh form: 1 launch."""
    body = """
        const T c = 0.7978845608028654, square = x * x;
        const T t = tanh(x * (c * (1 + (T)0.044715 * square)));
        const T gate = (T)0.5 * (1 + t);
        slope = gate + x * ((T)0.5 * (1 - t * t)) * (c * (1 + (T)0.134145 * square));
        y = x * gate;
    """
    return _elementwise("T x", "T y, T slope", body, "gelu_tanh")(x)


def gelu_exact(x):
    """(y, slope) of exact GELU: 1 launch."""
    body = """
        const T gate = (T)0.5 * (1 + erf(x * (T)0.7071067811865476));
        slope = gate + x * exp((T)-0.5 * x * x) * (T)0.3989422804014327;
        y = x * gate;
    """
    return _elementwise("T x", "T y, T slope", body, "gelu")(x)


def pick(x, index):
    """(y, backward) of pick: 1 launch each. Each thread owns an entry of x and looks for it in the index, of its own row or, if x
    has only one, of all: no two threads add to one place, so the numbers are the same every time."""
    import cupy

    *front, rows, length = x.shape
    entries = index + length * cupy.arange(rows)[:, None]  # (T, S), in the last two axes of x as one
    y = x.reshape(*front, rows * length).take(entries, axis=-1)  # (..., T, S)

    def backward(dy):
        body = """
            const long long entry = i % (rows * length);
            const long long start = entry / length * (picked / rows), end = start + picked / rows;  // of the row, or of all
            dx = 0;
            for (long long n = start; n < end; n++)
                if (entries[n] == entry) dx += dy[i / (rows * length) * picked + n];
        """
        parameters = "raw T dy, raw int64 entries, int64 rows, int64 length, int64 picked"
        kernel = _elementwise(parameters, "T dx", body, "pick_dx")
        dx = cupy.empty(x.shape, dy.dtype)
        return kernel(cupy.ascontiguousarray(dy), cupy.ascontiguousarray(entries), rows, length, entries.size, dx), None

    return y, backward


def adamw(g, applies, rates, values, m, v):
    """One step of AdamW in place: 1 launch. applies is a device scalar: where it is false, nothing changes.
    rates: (lr, b1, b2, eps, decay, 1 - b1^t, 1 - b2^t)."""
    _elementwise(
        "T g, raw bool applies, float64 lr, float64 b1, float64 b2, float64 eps, float64 decay, float64 c1, float64 c2",
        "T w, T m, T v",
        """
            if (applies[0]) {
                m = (T)b1 * m + (T)(1 - b1) * g;
                v = (T)b2 * v + (T)(1 - b2) * g * g;
                w = w * (T)(1 - lr * decay) - (T)(lr / c1) * (m / (sqrt(v) / (T)sqrt(c2) + (T)eps));
            }
        """,
        "adamw",
    )(g, applies, *rates, values, m, v)
