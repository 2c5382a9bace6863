"""Correct answers to lesson 22, written differently from the solution and from one another."""

import math
import statistics

import numpy as np

from lessons import mine

# ---------------------------------------------------------------- soft_split


def split_by_view(x, size, stride, padding):
    """Windows as a view; backward with one slice for each place in the window."""
    frame = (padding, padding)
    padded = np.pad(x, ((0, 0), frame, frame, (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    batch, rows, columns, channels = view.shape[:4]

    def backward(dy):
        parts = dy.reshape(batch, rows, columns, size, size, channels)
        dpadded = np.zeros(padded.shape, dy.dtype)
        for u in range(size):
            for v in range(size):
                dpadded[:, u : u + stride * rows : stride, v : v + stride * columns : stride] += parts[:, :, :, u, v]
        _, height, width, _ = x.shape
        return dpadded[:, padding:, padding:][:, :height, :width], None, None, None

    return view.transpose(0, 1, 2, 4, 5, 3).reshape(batch, rows * columns, -1), backward


def split_by_index(x, size, stride, padding):
    """A table of the pixels' numbers, the frame being number 0; backward with np.add.at."""
    batch, height, width, channels = x.shape
    numbers = np.pad(np.arange(1, height * width + 1).reshape(height, width), padding)
    rows, columns = ((length - size) // stride + 1 for length in numbers.shape)
    table = [
        numbers[i * stride : i * stride + size, j * stride : j * stride + size].ravel()
        for i in range(rows)
        for j in range(columns)
    ]
    table = np.array(table)  # (N, size size)
    flat = np.concatenate([np.zeros((batch, 1, channels), x.dtype), x.reshape(batch, -1, channels)], axis=1)

    def backward(dy):
        dflat = np.zeros_like(flat)
        np.add.at(dflat, (slice(None), table), dy.reshape(batch, *table.shape, channels))
        return [dflat[:, 1:].reshape(x.shape), None, None, None]

    return flat[:, table].reshape(batch, len(table), -1), backward


def split_by_matrix(x, size, stride, padding):
    """Each number of the windows picks one pixel: a matrix of zeros and ones, whose transpose is the way back."""
    _, height, width, channels = x.shape
    rows, columns = ((length + 2 * padding - size) // stride + 1 for length in (height, width))
    picks = np.zeros((rows * columns, size * size, height * width), x.dtype)
    for n, m in np.ndindex(picks.shape[:2]):
        row, column = n // columns * stride + m // size - padding, n % columns * stride + m % size - padding
        if 0 <= row < height and 0 <= column < width:
            picks[n, m, row * width + column] = 1
    y = np.einsum("nmp,bpc->bnmc", picks, x.reshape(len(x), -1, channels))

    def backward(dy):
        dx = np.einsum("nmp,bnmc->bpc", picks, dy.reshape(y.shape))
        return dx.reshape(x.shape), None, None, None

    return y.reshape(len(x), rows * columns, -1), backward


# ---------------------------------------------------------------- relative_index


def index_by_loops(rows, columns):
    """Four loops."""
    index = np.empty((rows, columns, rows, columns), int)
    for r, c, r2, c2 in np.ndindex(index.shape):
        index[r, c, r2, c2] = (r - r2 + rows - 1) * (2 * columns - 1) + c - c2 + columns - 1
    return index.reshape(rows * columns, -1), (2 * rows - 1) * (2 * columns - 1)


def index_by_ravelling(rows, columns):
    """NumPy's own numbering of the fields of a board."""
    places = np.indices((rows, columns)).reshape(2, -1)
    down, right = places[:, :, None] - places[:, None]
    board = (2 * rows - 1, 2 * columns - 1)
    return np.ravel_multi_index((down + rows - 1, right + columns - 1), board), math.prod(board)


def index_by_outer(rows, columns):
    """Outer differences of numbers that are spread so that they cannot collide."""
    row, column = np.repeat(np.arange(rows), columns), np.tile(np.arange(columns), rows)
    wide = 2 * columns - 1
    spread = row * wide + column
    middle = ((2 * rows - 1) * wide) // 2
    return [np.subtract.outer(spread, spread) + middle, np.int64((2 * rows - 1) * wide)]


# ---------------------------------------------------------------- position_bias


def bias_by_take(table, index):
    """np.take, and a loop over the pairs."""
    y = np.moveaxis(np.take(table, index, axis=0), -1, 0)

    def backward(dy):
        dtable = np.zeros(table.shape, dy.dtype)
        for i, j in np.ndindex(index.shape):
            dtable[index[i, j]] += dy[:, i, j]
        return dtable, None

    return y, backward


def bias_by_hot_rows(table, index):
    """A matrix product with rows that hold a single 1."""
    hot = (index[..., None] == np.arange(len(table))).astype(table.dtype)  # (T, T, L)

    def backward(dy):
        return np.einsum("ijl,hij->lh", hot, dy), None

    return np.einsum("ijl,lh->hij", hot, table), backward


def bias_by_counting(table, index):
    """Head by head, with weighted counts."""

    def backward(dy):
        columns = [np.bincount(index.ravel(), weights=head.ravel(), minlength=len(table)) for head in dy]
        return np.stack(columns, axis=1).astype(table.dtype), None

    return np.stack([column[index] for column in table.T]), backward


# ---------------------------------------------------------------- biased_attention


def _attention(add, total):
    """Attention, with its own ways to add the bias and to sum over the batch."""

    def attention(q, k, v, bias):
        root = math.sqrt(q.shape[-1])
        p, back = mine.softmax(add(np.einsum("bhic,bhjc->bhij", q, k) / root, bias))

        def backward(dy):
            ds = back(np.einsum("bhic,bhjc->bhij", dy, v))
            dq, dk = np.einsum("bhij,bhjc->bhic", ds, k) / root, np.einsum("bhij,bhic->bhjc", ds, q) / root
            return dq, dk, np.einsum("bhij,bhic->bhjc", p, dy), total(ds)

        return p @ v, backward

    return attention


def attention_by_hand(q, k, v, bias):
    """Without the softmax of lesson 06."""
    scale = q.shape[-1] ** -0.5
    s = bias + scale * (q @ np.swapaxes(k, 2, 3))
    s = np.exp(s - s.max(-1, keepdims=True))
    p = s / s.sum(-1, keepdims=True)

    def backward(dy):
        dp = dy @ np.swapaxes(v, 2, 3)
        ds = p * (dp - (p * dp).sum(-1, keepdims=True))
        return scale * (ds @ k), scale * (np.swapaxes(ds, 2, 3) @ q), np.swapaxes(p, 2, 3) @ dy, np.einsum("bhij->hij", ds)

    return p @ v, backward


attention_by_sums = _attention(lambda s, bias: s + bias[None], lambda ds: np.sum(ds, axis=0))
attention_by_adding = _attention(np.add, lambda ds: np.add.reduce(ds, 0))

# ---------------------------------------------------------------- axial_angles


def angles_by_loops(rows, columns, width):
    """A list of rows."""
    speeds = [100 ** (-4 * n / width) for n in range(width // 4)]
    table = [[0.0] * (width // 2)]
    for row in range(rows):
        for column in range(columns):
            table.append([column * s for s in speeds] + [row * s for s in speeds])
    return np.array(table)


def angles_by_filling(rows, columns, width):
    """Zeros, of which the patches' part is written."""
    count = width // 4
    speeds = np.logspace(0, -2, count, endpoint=False)
    angles = np.zeros((1 + rows * columns, 2, count))
    angles[1:, 0] = np.outer(np.tile(np.arange(columns), rows), speeds)
    angles[1:, 1] = np.outer(np.repeat(np.arange(rows), columns), speeds)
    return angles.reshape(len(angles), -1)


def angles_by_meshgrid(rows, columns, width):
    """A grid of places, and a zero in front of both."""
    column, row = (np.append(0, place.ravel()) for place in np.meshgrid(np.arange(columns), np.arange(rows)))
    speeds = np.exp(-math.log(100) * np.arange(width // 4) * 4 / width)
    return np.hstack([np.multiply.outer(column, speeds), np.multiply.outer(row, speeds)])


# ---------------------------------------------------------------- rotate


def rotate_by_complex(x, angles):
    """Pairs as complex numbers, turned by a multiplication."""

    def turn(pairs, by):
        complex_ones = pairs[..., 0::2] + 1j * pairs[..., 1::2]
        turned = complex_ones * np.exp(1j * by)
        return np.stack([turned.real, turned.imag], axis=-1).reshape(pairs.shape).astype(x.dtype)

    return turn(x, angles), lambda dy: (turn(dy, -angles), None)


def rotate_by_matrix(x, angles):
    """A matrix of 2 × 2 for each pair, and its transpose on the way back."""
    cos, sin = np.cos(angles), np.sin(angles)
    matrix = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)  # (T, d/2, 2, 2)

    def backward(dy):
        return np.einsum("tnij,bhtni->bhtnj", matrix, dy.reshape(*x.shape[:3], -1, 2)).reshape(x.shape), None

    return np.einsum("tnij,bhtnj->bhtni", matrix, x.reshape(*x.shape[:3], -1, 2)).reshape(x.shape), backward


def rotate_by_swapping(x, angles):
    """x times the cosines, and x with its pairs swapped times the sines."""
    cos, sin = np.repeat(np.cos(angles), 2, axis=-1), np.repeat(np.sin(angles), 2, axis=-1)
    signs = np.tile(np.array([-1, 1], x.dtype), x.shape[-1] // 2)

    def swapped(a):
        return a.reshape(*a.shape[:3], -1, 2)[..., ::-1].reshape(a.shape)

    return x * cos + signs * swapped(x) * sin, lambda dy: (dy * cos - signs * swapped(dy) * sin, None)


# ---------------------------------------------------------------- layer_scale


def scale_by_einsum(x, gamma):
    """Letters for the axes."""

    def backward(dy):
        return np.einsum("btc,c->btc", dy, gamma), np.einsum("btc,btc->c", dy, x)

    return np.einsum("btc,c->btc", x, gamma), backward


def scale_by_rows(x, gamma):
    """All tokens as rows."""

    def backward(dy):
        rows = (dy * x).reshape(-1, len(gamma))
        return [gamma * dy, rows.sum(axis=0)]

    return gamma * x, backward


def scale_by_matrix(x, gamma):
    """A diagonal matrix."""
    matrix = np.diag(gamma)

    def backward(dy):
        return dy @ matrix, np.diagonal(x.reshape(-1, len(gamma)).T @ dy.reshape(-1, len(gamma))).copy()

    return x @ matrix, backward


# ---------------------------------------------------------------- part_parameters


def _learned(array):
    return mine.Tensor(np.asarray(array, np.float32), requires_grad=True)


def parameters_by_words(sizes, part, rng):
    """Two comprehensions."""
    side = 2 * (sizes.image_size // sizes.patch_size) - 1
    blocks = range(sizes.depth)
    if part == "relative":
        name = "blocks.{}.attn.rel_pos.relative_position_bias_table"
        return {name.format(i): _learned(rng.normal(0, 0.02, (side**2 + 3, sizes.heads))) for i in blocks}
    if part == "layer_scale":
        return {f"blocks.{i}.ls{n}.gamma": _learned(np.full(sizes.dim, 0.1)) for i in blocks for n in (1, 2)}
    return {}


def parameters_by_blocks(sizes, part, rng):
    """One draw for all blocks."""
    side = 2 * (sizes.image_size // sizes.patch_size) - 1
    tables = 0.02 * rng.standard_normal((sizes.depth, side * side + 3, sizes.heads)) if part == "relative" else ()
    found = {f"blocks.{i}.attn.rel_pos.relative_position_bias_table": _learned(table) for i, table in enumerate(tables)}
    if part == "layer_scale":
        for i in range(sizes.depth):
            found |= {f"blocks.{i}.ls1.gamma": _learned([0.1] * sizes.dim), f"blocks.{i}.ls2.gamma": _learned([0.1] * sizes.dim)}
    return found


def parameters_by_shapes(sizes, part, rng):
    """From a list of names and shapes."""
    side = 2 * (sizes.image_size // sizes.patch_size) - 1
    shapes = {
        "relative": {"attn.rel_pos.relative_position_bias_table": (side * side + 3, sizes.heads)},
        "layer_scale": {"ls1.gamma": (sizes.dim,), "ls2.gamma": (sizes.dim,)},
    }
    return {
        f"blocks.{i}.{name}": _learned(0.02 * rng.standard_normal(shape) if "table" in name else 0.1 * np.ones(shape))
        for i in range(sizes.depth)
        for name, shape in shapes.get(part, {}).items()
    }


# ---------------------------------------------------------------- compare


def compare_by_statistics(parts, seeds, budget, cost, train):
    """Python's own mean and deviation."""
    if len({*seeds}) < 3:
        raise ValueError("three seeds, please")
    found = {part: [train(part, seed, int(budget // cost(part))) for seed in seeds] for part in parts}
    return {part: (statistics.mean(numbers), statistics.stdev(numbers)) for part, numbers in found.items()}


def compare_by_numpy(parts, seeds, budget, cost, train):
    """Seeds outside, parts inside."""
    if len(np.unique(seeds)) < 3:
        raise ValueError("three seeds, please")
    found = np.array([[train(part, seed, int(budget / cost(part))) for part in parts] for seed in seeds])
    return dict(zip(parts, zip(found.mean(axis=0), found.std(axis=0, ddof=1), strict=True), strict=True))


def compare_by_sums(parts, seeds, budget, cost, train):
    """With the mean of the squares."""
    seeds = list(seeds)
    if len(set(seeds)) <= 2:
        raise ValueError(f"at least 3 seeds; got {seeds}")
    results = {}
    for part in parts:
        steps, n, found = math.floor(budget / cost(part)), len(seeds), []
        for seed in seeds:
            found.append(train(part, seed, steps))
        mean = math.fsum(found) / n
        results[part] = [mean, math.sqrt(math.fsum((x - mean) ** 2 for x in found) / (n - 1))]
    return results


CORRECT = {
    "soft_split": [split_by_view, split_by_index, split_by_matrix],
    "relative_index": [index_by_loops, index_by_ravelling, index_by_outer],
    "position_bias": [bias_by_take, bias_by_hot_rows, bias_by_counting],
    "biased_attention": [attention_by_sums, attention_by_adding, attention_by_hand],
    "axial_angles": [angles_by_loops, angles_by_filling, angles_by_meshgrid],
    "rotate": [rotate_by_complex, rotate_by_matrix, rotate_by_swapping],
    "layer_scale": [scale_by_einsum, scale_by_rows, scale_by_matrix],
    "part_parameters": [parameters_by_words, parameters_by_blocks, parameters_by_shapes],
    "compare": [compare_by_statistics, compare_by_numpy, compare_by_sums],
}
