"""Lesson 22: soft split, relative position bias, RoPE, LayerScale, and a fair comparison."""

import math
from functools import partial

import numpy as np

from lessons import mine
from lessons.exercise import Exercise, Mistake, Question, Term, Wrong, compared, kind

TITLE = "Better ViTs"
MINUTES = 90
NEEDS = ["09", "11", "12", "14", "16"]
GOALS = [
    "You can write a soft split, a relative position bias, RoPE and LayerScale, each with its gradient.",
    "You can say why gradients of copies and of shared table entries add up, and which line of NumPy loses them.",
    "You can derive that the product of a turned query and a turned key depends on the difference of their angles.",
    "You can compare two models fairly: one budget, the same seeds, mean and spread, and test images read once.",
]
PICTURE = (
    "Above, a handwritten digit with three patches marked that share no pixel, the same digit with three windows that overlap, "
    "and a table of 8 by 8 with the number of windows that read each pixel: 1, 2 or 4. Below, the 9 by 9 table of indices of "
    "relative positions, equal along diagonals; a map of scores of turned vectors, largest at the place marked; and the score "
    "over the distance, the same curve from two places."
)

# ---------------------------------------------------------------- soft_split


def split_cases(rng):
    def given(shape, size, stride, padding):
        return rng.standard_normal(shape), size, stride, padding

    return {
        "ordinary": given((2, 4, 5, 2), 3, 2, 1),
        "one image, no frame": given((1, 3, 4, 1), 2, 1, 0),
        "patches, which do not overlap": given((2, 4, 6, 1), 2, 2, 0),
        "pixels that no window reads": given((1, 5, 3, 2), 2, 2, 0),
        "a wide frame": given((1, 3, 3, 1), 3, 1, 2),
        "a square": given((4, 4, 4, 4), 2, 1, 0),
    }


def _windows(shape, size, stride, padding):
    """For each number of the windows where it comes from: ((b, n, place), (b, row, column, channel)), inside the image."""
    batch, height, width, channels = shape
    columns = (width + 2 * padding - size) // stride + 1
    rows = (height + 2 * padding - size) // stride + 1
    for b, i, j, u, v, c in np.ndindex(batch, rows, columns, size, size, channels):
        row, column = stride * i + u - padding, stride * j + v - padding
        if 0 <= row < height and 0 <= column < width:
            yield (b, i * columns + j, (u * size + v) * channels + c), (b, row, column, c)


def split_spec(x, size, stride, padding):
    rows, columns = ((length + 2 * padding - size) // stride + 1 for length in x.shape[1:3])
    windows = np.zeros((len(x), rows * columns, size * size * x.shape[3]))
    for there, here in _windows(x.shape, size, stride, padding):
        windows[there] = x[here]
    return windows


def _split_terms(x, size, stride, padding, dy):
    dx = np.zeros(x.shape)
    for there, here in _windows(x.shape, size, stride, padding):
        dx[here] += dy[there]
    return [Term("Σ dy of all copies", dx, "a pixel was copied into several windows, and what they say adds up.")]


PAD = "padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))  # (B, H+2p, W+2p, C)"
ROWS = "rows = (height + 2 * padding - size) // stride + 1"
COLUMNS = "columns = (width + 2 * padding - size) // stride + 1"
CORNERS = "corners = [(stride * i, stride * j) for i in range(rows) for j in range(columns)]"
CUT = "cut = [padded[:, i : i + size, j : j + size].reshape(batch, -1) for i, j in corners]  # H'·W' of (B, size·size·C)"
WALK = "for n, (i, j) in enumerate(corners):"
PUT = "dpadded[:, i : i + size, j : j + size] += dy[:, n].reshape(batch, size, size, channels)"
INSIDE = "dx = dpadded[:, padding : padding + height, padding : padding + width]  # (B, H, W, C)"
OVERWRITTEN = (
    "Where windows overlap, the gradient is overwritten and not added: each window wipes out what those before it had said. "
    "What was copied several times gets the sum."
)
FRAMED = (
    "The frame goes around the images of the batch and around the channels too: np.pad with one number frames every axis. Only "
    "height and width get a frame."
)
SPLIT_MISTAKES = [
    Mistake(
        "Your windows come column by column. They should stand in reading order: all of the first row first.",
        CORNERS,
        "corners = [(stride * i, stride * j) for j in range(columns) for i in range(rows)]",
    ),
    Mistake(
        "Inside each window rows and columns are swapped: the order is row, column, channel.",
        CUT,
        "cut = [padded[:, i : i + size, j : j + size].swapaxes(1, 2).reshape(batch, -1) for i, j in corners]",
    ),
    Mistake(
        "Inside each window the channels come first. The order is row, column, channel.",
        CUT,
        "cut = [np.moveaxis(padded[:, i : i + size, j : j + size], 3, 1).reshape(batch, -1) for i, j in corners]",
    ),
    Mistake(
        "The frame repeats the pixels at the border. It should be zeros.",
        PAD,
        PAD.partition("  #")[0].replace("(0, 0)))", '(0, 0)), mode="edge")'),
    ),
    Mistake(
        "The frame is on two sides only, below and on the right: it goes all around the image.",
        PAD,
        "padded = np.pad(x, ((0, 0), (0, 2 * padding), (0, 2 * padding), (0, 0)))",
    ),
    Mistake(
        "The windows stand side by side: they move by their size, and should move by stride, so that they overlap.",
        f"{ROWS}\n    {COLUMNS}\n    {CORNERS}",
        "rows, columns = (height + 2 * padding) // size, (width + 2 * padding) // size\n"
        "    corners = [(size * i, size * j) for i in range(rows) for j in range(columns)]",
    ),
    Mistake(
        "The windows begin one pixel apart: window (i, j) begins i strides further down and j strides further to the right.",
        CORNERS,
        "corners = [(i, j) for i in range(rows) for j in range(columns)]",
    ),
    Mistake(
        "Images and windows are mixed: in a list of windows the window comes first and the image second. A reshape changes no "
        "order, and the result has the image first.",
        "windows = np.stack(cut, axis=1)  # (B, H'·W', size·size·C)",
        "windows = np.array(cut).reshape(batch, len(cut), -1)",
    ),
    Mistake(
        "The last window of each row and column is missing: between n + 1 windows there are n steps.",
        f"{ROWS}\n    {COLUMNS}",
        "rows, columns = ((length + 2 * padding - size) // stride for length in (height, width))",
    ),
    Mistake(
        "The frame is missing: `padding` zeros belong on each side before windows are cut.",
        f"{PAD}\n    {ROWS}\n    {COLUMNS}",
        "padded = x\n    rows, columns = ((length - size) // stride + 1 for length in (height, width))",
    ),
    Mistake("", CUT, "cut = [padded[:, i : i + size, j : j + size] for i, j in corners]", step="shape"),
    Mistake(
        FRAMED,
        f"{PAD}\n    {ROWS}\n    {COLUMNS}\n    {CORNERS}\n    {CUT}",
        f"padded = np.pad(x, padding)\n    batch = len(padded)\n    {ROWS}\n    {COLUMNS}\n    {CORNERS}\n    {CUT}",
        step="shape",
    ),
    Mistake(FRAMED, PAD, "padded = np.pad(x, padding)", step="shape"),
    # backward
    Mistake(OVERWRITTEN, PUT, PUT.replace("+=", "=")),
    Mistake(
        "Of the copies of a pixel only the first counts. What was copied several times gets the sum.",
        WALK,
        "for n, (i, j) in reversed(list(enumerate(corners))):\n            dpadded[:, i : i + size, j : j + size] = 0.0",
    ),
    Mistake(
        "The gradient is divided by the number of copies. The copies were not averaged: each moved its own window, so they "
        "add up.",
        INSIDE,
        "count = np.zeros_like(padded)\n        for i, j in corners:\n            count[:, i : i + size, j : j + size] += 1\n "
        "       "
        "dx = (dpadded / np.maximum(count, 1))[:, padding : padding + height, padding : padding + width]",
    ),
    Mistake(
        "The frame is cut off at the wrong side: it lies all around, so the image begins `padding` rows and columns further in.",
        INSIDE,
        "dx = dpadded[:, :height, :width]",
    ),
    Mistake("", INSIDE, "dx = dpadded", step="shape"),
    Mistake(
        "Without a frame nothing is left: padding is 0 then, −0 is 0 too, and a slice that ends at 0 is empty. Say where "
        "it ends from the front.",
        INSIDE,
        "dx = dpadded[:, padding:-padding, padding:-padding]",
        step="shape",
    ),
    Mistake(
        "Inside each window the gradients come back on their side: row and column of the window are swapped.",
        PUT,
        PUT + ".swapaxes(1, 2)",
    ),
    Mistake(
        "Inside each window the channels are put back first. The order is row, column, channel.",
        PUT,
        PUT.replace("reshape(batch, size, size, channels)", "reshape(batch, channels, size, size).transpose(0, 2, 3, 1)"),
    ),
    Mistake(
        "The windows' gradients go back column by column. Window n came from the n-th corner in reading order.",
        WALK,
        "for n, (i, j) in enumerate(sorted(corners, key=lambda corner: corner[::-1])):",
    ),
    Mistake(
        "The windows' gradients go back one pixel apart: window (i, j) was read i strides further down and j strides further to "
        "the right.",
        WALK,
        WALK.replace("enumerate(corners)", "enumerate((i // stride, j // stride) for i, j in corners)"),
    ),
    Mistake(
        "Window (i, j) is looked for in row i·H' + j of dy. In reading order a row of windows has W' of them: row i·W' + j.",
        WALK,
        WALK + "\n            n = i // stride * rows + j // stride",
    ),
    Mistake("Every window gets row 0 of dy. Row n belongs to window n: does n go up?", PUT, PUT.replace("dy[:, n]", "dy[:, 0]")),
    Mistake(
        "dy is not used: this counts in how many windows a pixel is.", PUT, PUT.replace("dy[:, n]", "np.ones_like(dy[:, n])")
    ),
    Mistake(
        "The pixels are multiplied into the gradient. A pixel is copied and not multiplied: its slope is 1.",
        INSIDE,
        "dx = x * dpadded[:, padding : padding + height, padding : padding + width]",
    ),
    Mistake("", "        return dx, None, None, None\n", "        return dx, None\n", step="count"),
    Mistake("", WALK, "dy *= 1.0\n        " + WALK, step="inputs"),
]

# ---------------------------------------------------------------- relative_index


def index_cases(rng):
    return {"ordinary": (2, 5), "higher than wide": (4, 2), "one row": (1, 4), "one column": (3, 1), "a square": (3, 3)}


def index_spec(rows, columns):
    count = rows * columns
    index = np.zeros((count, count), int)
    for i, j in np.ndindex(count, count):
        down, right = i // columns - j // columns, i % columns - j % columns
        index[i, j] = (down + rows - 1) * (2 * columns - 1) + right + columns - 1
    return index, (2 * rows - 1) * (2 * columns - 1)


ROW_BY_H = (
    "Row and column of a patch come from a division by the number of rows. A row of the grid holds as many patches as there are "
    "columns: divide by that."
)
DIVMOD = "row, column = np.divmod(np.arange(rows * columns), columns)  # (N,) each\n    down"
DOWN = "down = row[:, None] - row  # (N, N), from 1 - rows to rows - 1"
RIGHT = "right = column[:, None] - column  # (N, N)"
INDEX = "index = (down + rows - 1) * (2 * columns - 1) + right + columns - 1  # (N, N)"
ENTRIES = "entries = (2 * rows - 1) * (2 * columns - 1)"
SIZE = (
    "The table has the wrong size: a step goes up to H − 1 rows up or down and W − 1 columns left or right, and staying in place "
    "counts as one. "
)
INDEX_MISTAKES = [
    Mistake(
        "The sign of the step is the other way round: it goes from j to i, the one who looks minus the one who is looked at.",
        f"{DOWN}\n    {RIGHT}",
        "down = row - row[:, None]\n    right = column - column[:, None]",
    ),
    Mistake("The sign of the rows is the other way round: row of i minus row of j.", DOWN, "down = row - row[:, None]"),
    Mistake(
        "The sign of the columns is the other way round: column of i minus column of j.",
        RIGHT,
        "right = column - column[:, None]",
    ),
    Mistake(
        "Steps are counted without their sign: above and below, left and right share an entry.",
        f"{DOWN}\n    {RIGHT}",
        "down = abs(row[:, None] - row)\n    right = abs(column[:, None] - column)",
    ),
    Mistake(
        "Negative indices: the smallest step must have index 0, so both parts of a step are made to count from 0 first.",
        INDEX,
        "index = down * (2 * columns - 1) + right",
    ),
    Mistake(
        "The rows of the step are multiplied by 2H − 1. A row of the board has 2W − 1 fields, one for each step to the side.",
        INDEX,
        "index = (down + rows - 1) * (2 * rows - 1) + right + columns - 1",
    ),
    Mistake(
        "The rows of the step are multiplied by W: different steps share an entry. There are 2W − 1 steps to the side.",
        INDEX,
        "index = (down + rows - 1) * columns + right + columns - 1",
    ),
    Mistake(
        "The rows of the step are multiplied by 2W: one too many, there are 2W − 1 steps to the side.",
        INDEX,
        "index = (down + rows - 1) * 2 * columns + right + columns - 1",
    ),
    Mistake(
        "Rows and columns have changed places: the step's rows count in whole rows of the board, its columns one by one.",
        INDEX,
        "index = (right + columns - 1) * (2 * rows - 1) + down + rows - 1",
    ),
    Mistake(ROW_BY_H, DIVMOD, DIVMOD.replace("), columns)", "), rows)")),
    Mistake(
        "Yours numbers the patches column by column. They stand in reading order.",
        DIVMOD,
        "column, row = np.divmod(np.arange(rows * columns), rows)\n    down",
    ),
    Mistake("", INDEX, INDEX.partition("  #")[0].replace("index = (", "index = 1.0 * ("), step="dtype"),
    Mistake(
        "The rows of the step do not count from 0: H − 1 is missing there, as a step may go so far up.",
        INDEX,
        "index = down * (2 * columns - 1) + right + columns - 1",
    ),
    Mistake(
        "The columns of the step do not count from 0: W − 1 is missing there, as a step may go so far to the left.",
        INDEX,
        "index = (down + rows - 1) * (2 * columns - 1) + right",
    ),
    Mistake(
        "Brackets are missing: all of the step's rows, H − 1 added, are multiplied by 2W − 1.",
        INDEX,
        "index = down + rows - 1 * (2 * columns - 1) + right + columns - 1",
    ),
    Mistake(
        "Brackets are missing: all of the step's rows, H − 1 added, are multiplied by 2W − 1.",
        INDEX,
        "index = down + (rows - 1) * (2 * columns - 1) + right + columns - 1",
    ),
    Mistake(
        "Both parts of the step are made to count from 1. A step of H − 1 up becomes 0 when H − 1 is added, and so to the side.",
        INDEX,
        "index = (down + rows) * (2 * columns - 1) + right + columns",
    ),
    Mistake(SIZE + "Yours is one too small: the largest index is not the number of entries.", ENTRIES, "entries = index.max()"),
    Mistake(SIZE + "The class token's three come in part 3, and stand behind these.", ENTRIES, f"{ENTRIES} + 3"),
    Mistake(SIZE + "Yours has one entry for each patch.", ENTRIES, "entries = rows * columns"),
    Mistake(SIZE + "Yours has one for each pair of patches.", ENTRIES, "entries = (rows * columns) ** 2"),
    Mistake(
        SIZE + "Yours is 2H times 2W: no step down is one and the same as no step up.", ENTRIES, "entries = 4 * rows * columns"
    ),
    Mistake(
        SIZE + "Yours is a sum of both directions: each step down goes with each to the side.",
        ENTRIES,
        "entries = 2 * rows - 1 + 2 * columns - 1",
    ),
    Mistake(SIZE + "Yours is right for square grids only.", ENTRIES, "entries = (2 * rows - 1) ** 2"),
    Mistake("", "    return index, entries\n", "    return index\n", step="count"),
]

# ---------------------------------------------------------------- position_bias


def bias_cases(rng):
    return {
        "ordinary": (rng.standard_normal((15, 2)), index_spec(2, 3)[0]),
        "one head": (rng.standard_normal((9, 1)), index_spec(2, 2)[0]),
        "one patch": (rng.standard_normal((1, 2)), np.zeros((1, 1), int)),
        "entries that nobody uses": (rng.standard_normal((9, 3)), rng.integers(0, 5, (4, 4))),
        "a square": (rng.standard_normal((4, 4)), rng.integers(0, 4, (4, 4))),
    }


def bias_spec(table, index):
    bias = np.zeros((table.shape[1], *index.shape))
    for h, i, j in np.ndindex(bias.shape):
        bias[h, i, j] = table[index[i, j], h]
    return bias


def _bias_terms(table, index, dy):
    dtable = np.zeros(table.shape)
    for h, i, j in np.ndindex(dy.shape):
        dtable[index[i, j], h] += dy[h, i, j]
    return [
        Term("Σ dy of all pairs with this step", dtable, "all pairs with the same step share the entry: what they say adds up.")
    ]


BIAS = "bias = table[index].transpose(2, 0, 1)  # (h, T, T)"
ADD = "np.add.at(dtable, index, dy.transpose(1, 2, 0))"
LOST = (
    "Repeated indices are lost: an entry that many pairs share gets the gradient of one pair only. Assigning, and += too, keeps "
    "the last value for each index."
)
BIAS_MISTAKES = [
    Mistake(
        "The index is used transposed: row i of the bias belongs to the one who looks.",
        BIAS,
        "bias = table[index.T].transpose(2, 0, 1)",
    ),
    Mistake(
        "The heads were brought to the front by a reshape: that mixes heads and pairs. Axes are moved by a transposition.",
        BIAS,
        "bias = table[index].reshape(table.shape[1], *index.shape)",
    ),
    Mistake(
        "All heads have the same bias: each has a column of the table to itself.",
        BIAS,
        BIAS.partition("  #")[0] + "\n    bias = np.repeat(bias[:1], len(bias), axis=0)",
    ),
    Mistake("", BIAS, "bias = table[index]", step="shape"),
    # backward
    Mistake(LOST, ADD, "dtable[index] = dy.transpose(1, 2, 0)"),
    Mistake(LOST, ADD, "dtable[index] += dy.transpose(1, 2, 0)"),
    Mistake(
        "Of the pairs that share an entry only the first counts: the entry gets the sum over all of them.",
        ADD,
        "dtable[index[::-1, ::-1]] = dy.transpose(1, 2, 0)[::-1, ::-1]",
    ),
    Mistake(
        "The table's own numbers are in its gradient: what is added to should begin with zeros.",
        ADD,
        f"dtable += table\n        {ADD}",
    ),
    Mistake(
        "The gradient is a mean over the pairs that share an entry. They add up.",
        ADD,
        ADD + "\n        dtable /= np.maximum(np.bincount(index.ravel(), minlength=len(table)), 1)[:, None]",
    ),
    Mistake(
        "dy was used transposed: pair (i, j) belongs to entry index[i, j].",
        ADD,
        "np.add.at(dtable, index, dy.transpose(2, 1, 0))",
    ),
    Mistake(
        "The heads were brought to the back by a reshape: that mixes heads and pairs. Axes are moved by a transposition.",
        ADD,
        "np.add.at(dtable, index, dy.reshape(*index.shape, -1))",
    ),
    Mistake(
        "dy is not used: this counts how many pairs share an entry.",
        ADD,
        "np.add.at(dtable, index, np.ones_like(dy.transpose(1, 2, 0)))",
    ),
    Mistake(
        "All heads get the same gradient: each has a column of the table to itself.",
        ADD,
        "np.add.at(dtable, index, np.repeat(dy.sum(axis=0)[..., None], len(dy), axis=2))",
    ),
    Mistake("", "        return dtable, None\n\n    return bias", "        return dtable\n\n    return bias", step="count"),
]

# ---------------------------------------------------------------- biased_attention


def attention_cases(rng):
    def given(batch, heads, tokens, width):
        return *(rng.standard_normal((batch, heads, tokens, width)) for _ in range(3)), rng.standard_normal(
            (heads, tokens, tokens)
        )

    return {
        "ordinary": given(2, 2, 3, 5),
        "one image": given(1, 2, 3, 4),
        "one head": given(3, 1, 2, 2),
        "a square": given(3, 3, 3, 3),
    }


def attention_spec(q, k, v, bias):
    y = np.zeros(q.shape)
    tokens, d = q.shape[-2:]
    for b, h, i in np.ndindex(q.shape[:3]):
        scores = [sum(q[b, h, i, c] * k[b, h, j, c] for c in range(d)) / math.sqrt(d) + bias[h, i, j] for j in range(tokens)]
        powers = [math.exp(s - max(scores)) for s in scores]
        for j, power in enumerate(powers):
            y[b, h, i] += power / sum(powers) * v[b, h, j]
    return y


def _dbias_terms(q, k, v, bias, dy):
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1]) + bias
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    dp = dy @ v.swapaxes(-1, -2)
    average = (p * dp).sum(axis=-1, keepdims=True)
    return [
        Term("Σ_images P·dP", (p * dp).sum(axis=0), "a bias moves its own weight in every image."),
        Term(
            "−Σ_images P·average of dP",
            -(p * average).sum(axis=0),
            "the weights of a row add up to 1, so each score acts on all.",
        ),
    ]


SCORES = "scores = (q @ k.swapaxes(-1, -2)) * scale + bias  # (B, h, T, T)"
SOFTMAX = "p, softmax_backward = mine.softmax(scores)  # (B, h, T, T)"
Y = "y = p @ v  # (B, h, T, d)"
DBIAS = "dbias = ds.sum(axis=0)  # (h, T, T)"
PLAIN = "scores = (q @ k.swapaxes(-1, -2)) * scale"
ATTENTION_MISTAKES = [
    Mistake(
        "The bias comes after the softmax: then the weights of a row do not add up to 1 any more. It belongs to the scores.",
        f"{SCORES}\n    {SOFTMAX}\n    {Y}",
        f"{PLAIN}\n    p, softmax_backward = mine.softmax(scores)\n    y = (p + bias) @ v",
    ),
    Mistake(
        "The weights of the softmax are multiplied by the bias. It is added, and to the scores.",
        f"{SCORES}\n    {SOFTMAX}\n    {Y}",
        f"{PLAIN}\n    p, softmax_backward = mine.softmax(scores)\n    y = (p * bias) @ v",
    ),
    Mistake(
        "The bias was divided by √d as well: it is added after the division.",
        SCORES,
        "scores = (q @ k.swapaxes(-1, -2) + bias) * scale",
    ),
    Mistake("The bias is subtracted. It is added.", SCORES, PLAIN + " - bias"),
    Mistake("The scores are multiplied by the bias. It is added.", SCORES, PLAIN + " * bias"),
    Mistake("The bias is missing.", SCORES, PLAIN + " + 0 * bias"),
    Mistake("The bias is added transposed: row i belongs to the one who looks.", SCORES, PLAIN + " + bias.swapaxes(-1, -2)"),
    Mistake(
        "The softmax runs down the columns. A row belongs to the token that looks.",
        SOFTMAX,
        "p, softmax_backward = mine.softmax(scores, axis=-2)",
    ),
    Mistake(
        "The softmax is missing.",
        f"{SOFTMAX}\n    {Y}",
        "_, softmax_backward = mine.softmax(scores)\n    p = scores\n    y = p @ v",
    ),
    Mistake("The bias is added twice.", SCORES, PLAIN + " + 2 * bias"),
    Mistake("The division by √d is missing.", SCORES, "scores = q @ k.swapaxes(-1, -2) + bias"),
    Mistake(
        "The scores are divided by scale. It is 1/√d already: they are multiplied by it.",
        SCORES,
        "scores = (q @ k.swapaxes(-1, -2)) / scale + bias",
    ),
    Mistake(
        "The weights are multiplied by powers of the bias after the softmax: then a row does not add up to 1 any more. The bias "
        "is added to the scores, before the softmax.",
        f"{SCORES}\n    {SOFTMAX}\n    {Y}",
        f"{PLAIN}\n    p, softmax_backward = mine.softmax(scores)\n    p = p * np.exp(bias)\n    y = p @ v",
    ),
    # backward
    Mistake("", DBIAS, "dbias = ds", step="shape"),
    Mistake(
        "dbias is a mean over the batch. All images share the bias, and what they say adds up.", DBIAS, "dbias = ds.mean(axis=0)"
    ),
    Mistake("dbias comes from the first image only. All images share it: their gradients add up.", DBIAS, "dbias = ds[0]"),
    Mistake(
        "The softmax was passed by: the bias is in the scores, so its gradient is that of the scores.",
        DBIAS,
        "dbias = (dy @ v.swapaxes(-1, -2)).sum(axis=0)",
    ),
    Mistake("dbias has the factor 1/√d: the bias was added after the division.", DBIAS, "dbias = ds.sum(axis=0) * scale"),
    Mistake(
        "The heads are summed, and the images kept. The images share a bias, and each head has its own.",
        DBIAS,
        "dbias = ds.sum(axis=1)",
    ),
    Mistake(
        "The bias is multiplied into its gradient. It is added to the scores, so its slope is 1.",
        DBIAS,
        "dbias = (ds * bias).sum(axis=0)",
    ),
    Mistake("dbias is transposed.", DBIAS, "dbias = ds.sum(axis=0).swapaxes(-1, -2)"),
    Mistake("dbias has the wrong sign: it is added, so its slope is 1.", DBIAS, "dbias = -ds.sum(axis=0)"),
    Mistake(
        "All heads get the sum over the heads: each has a bias to itself.",
        DBIAS,
        "dbias = np.repeat(ds.sum(axis=(0, 1))[None], len(bias), axis=0)",
    ),
]

# ---------------------------------------------------------------- axial_angles


def angle_cases(rng):
    return {"ordinary": (2, 3, 12), "one speed": (3, 2, 4), "one row": (1, 4, 12), "a square": (4, 4, 16)}


def angle_spec(rows, columns, width):
    angles = np.zeros((1 + rows * columns, width // 2))
    for r, c, n in np.ndindex(rows, columns, width // 4):
        speed = 100 ** (-4 * n / width)
        angles[1 + r * columns + c, n] = c * speed
        angles[1 + r * columns + c, width // 4 + n] = r * speed
    return angles


SPEEDS = "speeds = 100.0 ** (-np.arange(width // 4) / (width // 4))  # (d/4,)"
PLACES = "row, column = np.divmod(np.arange(rows * columns), columns)  # (N,) each\n    patches"
PATCHES = "patches = np.concatenate([column[:, None] * speeds, row[:, None] * speeds], axis=1)  # (N, d/2)"
ALL = "angles = np.concatenate([np.zeros((1, width // 2)), patches])  # (1+N, d/2)"
TURNED = "The class token is turned too, as if it were a patch. It has no place in the image: its angles are 0"
ANGLE_MISTAKES = [
    Mistake(
        "Yours has the axes in the other order: the first half of the angles is the column's, the second the row's.",
        PATCHES,
        "patches = np.concatenate([row[:, None] * speeds, column[:, None] * speeds], axis=1)",
    ),
    Mistake(
        TURNED + ", and the first patch is in row 0, column 0.",
        f"{PLACES.removesuffix('patches')}{PATCHES}\n    {ALL}",
        "row, column = np.divmod(np.arange(rows * columns + 1), columns)\n"
        "    angles = np.concatenate([column[:, None] * speeds, row[:, None] * speeds], axis=1)",
    ),
    Mistake(
        TURNED + ". Here it has those of the middle of the image.",
        ALL,
        "angles = np.concatenate([patches.mean(axis=0, keepdims=True), patches])",
    ),
    Mistake(TURNED + ". Here it has those of the last patch.", ALL, "angles = np.concatenate([patches[-1:], patches])"),
    Mistake(TURNED + ". Here they are 1.", ALL, "angles = np.concatenate([np.ones((1, width // 2)), patches])"),
    Mistake(
        "The class token stands behind the patches. It is token 0.",
        ALL,
        "angles = np.concatenate([patches, np.zeros((1, width // 2))])",
    ),
    Mistake("The class token's row is missing: there are N + 1 tokens, and the first is not turned.", ALL, "angles = patches"),
    Mistake(
        "Yours counts the places from 1. The first row and the first column are 0.",
        PATCHES,
        PATCHES.partition("  #")[0].replace("column[:", "(column + 1)[:").replace("row[:", "(row + 1)[:"),
    ),
    Mistake(
        "The speeds fall twice as fast as they should. So they do with base 10000, which is for texts and their many places, and "
        "with d/2 in the place of d. For the few rows and columns of an image the base is 100.",
        SPEEDS,
        "speeds = 10000.0 ** (-np.arange(width // 4) / (width // 4))",
    ),
    Mistake(
        "The speeds grow. The first is 1, and each further one is slower.",
        SPEEDS,
        "speeds = 100.0 ** (np.arange(width // 4) / (width // 4))",
    ),
    Mistake(
        "The speeds fall only half as fast: with d/4 of them, n is divided by d/4.",
        SPEEDS,
        "speeds = 100.0 ** (-np.arange(width // 4) / (width // 2))",
    ),
    Mistake(
        "The speeds fall only a quarter as fast: the exponent has a 4, so with d/4 of them n is divided by d/4.",
        SPEEDS,
        "speeds = 100.0 ** (-np.arange(width // 4) / width)",
    ),
    Mistake("The base is e, and should be 100.", SPEEDS, "speeds = np.exp(-np.arange(width // 4) / (width // 4))"),
    Mistake(
        "n counts from 1: the first speed, 1, is left out.",
        SPEEDS,
        "speeds = 100.0 ** (-np.arange(1, width // 4 + 1) / (width // 4))",
    ),
    Mistake(
        "The speeds stand in the other order: the fastest comes first.",
        SPEEDS,
        "speeds = 100.0 ** (-np.arange(width // 4) / (width // 4))[::-1]",
    ),
    Mistake(
        "The row's speeds go on where the column's have ended. Both begin with 1.",
        PATCHES,
        "patches = np.concatenate([column[:, None] * speeds, row[:, None] * speeds / 100], axis=1)",
    ),
    Mistake(
        "Column and row are added up in each angle, so that different patches have the same. Half of the pairs know the column "
        "alone, half the row.",
        PATCHES,
        "patches = (column + row)[:, None] * 100.0 ** (-np.arange(width // 2) / (width // 4))",
    ),
    Mistake(
        "Each angle stands there twice. There is one for each pair of numbers, d/2 in all.",
        "    return angles\n",
        "    return np.repeat(angles, 2, axis=1)\n",
        step="shape",
    ),
    Mistake(
        "The speeds go down in equal steps. They should go down in equal ratios.",
        SPEEDS,
        "speeds = np.linspace(1, 0.01, width // 4)",
    ),
    Mistake(
        "Column and row take turns. All of the column's angles come first, then all of the row's.",
        PATCHES,
        "patches = np.stack([column[:, None] * speeds, row[:, None] * speeds], axis=2).reshape(-1, width // 2)",
    ),
    Mistake(ROW_BY_H, PLACES, PLACES.replace("), columns)", "), rows)")),
    Mistake(
        "Yours numbers the patches column by column. They stand in reading order.",
        PLACES,
        "column, row = np.divmod(np.arange(rows * columns), rows)\n    patches",
    ),
]

# ---------------------------------------------------------------- rotate


def rotate_cases(rng):
    def given(batch, heads, tokens, width):
        return rng.standard_normal((batch, heads, tokens, width)), rng.uniform(-3, 3, (tokens, width // 2))

    return {
        "ordinary": given(3, 2, 5, 4),
        "one image, one pair": given(1, 3, 2, 2),
        "six numbers": given(2, 1, 3, 6),
        "a square": given(2, 4, 4, 4),
    }


def rotate_spec(x, angles):
    y = np.zeros(x.shape)
    for b, h, t, n in np.ndindex(*x.shape[:3], x.shape[3] // 2):
        a, first, second = angles[t, n], x[b, h, t, 2 * n], x[b, h, t, 2 * n + 1]
        y[b, h, t, 2 * n] = first * math.cos(a) - second * math.sin(a)
        y[b, h, t, 2 * n + 1] = first * math.sin(a) + second * math.cos(a)
    return y


def _rotate_terms(x, angles, dy):
    cos, sin = (np.repeat(f(angles), 2, axis=-1) for f in (np.cos, np.sin))
    other = np.stack([dy[..., 1::2], -dy[..., 0::2]], axis=-1).reshape(dy.shape)
    return [
        Term("dy · cos a", dy * cos, "each number of a pair is in its own output with the slope cos a."),
        Term(
            "(dy′, −dy) · sin a",
            other * sin,
            "each number of a pair is in the other's output too, once with sin a, once with −sin a.",
        ),
    ]


COS = "cos, sin = np.cos(angles), np.sin(angles)  # (T, d/2) each"
FIRST = "first, second = x[..., 0::2], x[..., 1::2]  # (B, h, T, d/2) each"
EMPTY = "y = np.empty_like(x)  # (B, h, T, d)"
Y0 = "y[..., 0::2] = first * cos - second * sin"
Y1 = "y[..., 1::2] = first * sin + second * cos"
DFIRST = "dfirst, dsecond = dy[..., 0::2], dy[..., 1::2]  # (B, h, T, d/2) each"
DX0 = "dx[..., 0::2] = dfirst * cos + dsecond * sin"
DX1 = "dx[..., 1::2] = dsecond * cos - dfirst * sin"
DEMPTY = "dx = np.empty_like(x)  # (B, h, T, d)"
PAIRS = "The pairs are wrong: number i goes with number i + d/2 here. Pairs are neighbours: 0 and 1, 2 and 3, ..."
ROTATE_MISTAKES = [
    Mistake(
        PAIRS,
        f"{FIRST}\n    {EMPTY}\n    {Y0}\n    {Y1}",
        "first, second = np.split(x, 2, axis=-1)\n"
        "    y = np.concatenate([first * cos - second * sin, first * sin + second * cos], axis=-1)",
    ),
    Mistake(
        "The pairs are read as neighbours and written as halves: the first of each pair goes back to where it came from.",
        f"{EMPTY}\n    {Y0}\n    {Y1}",
        "y = np.concatenate([first * cos - second * sin, first * sin + second * cos], axis=-1)",
    ),
    Mistake(
        "This turns the other way round: in y the second number is taken off, in y′ the first is added.",
        f"{Y0}\n    {Y1}",
        "y[..., 0::2] = first * cos + second * sin\n    y[..., 1::2] = second * cos - first * sin",
    ),
    Mistake(
        "Both formulas have a plus: that is no turn, and the length of the pair changes.",
        Y0,
        "y[..., 0::2] = first * cos + second * sin",
    ),
    Mistake("Both formulas have a minus: that is a mirror and no turn.", Y1, "y[..., 1::2] = first * sin - second * cos"),
    Mistake(
        "Sine and cosine have changed places: the angle 0 must change nothing.", COS, "sin, cos = np.cos(angles), np.sin(angles)"
    ),
    Mistake(
        "The two of a pair have changed places: number 0 is the first, number 1 the second.",
        FIRST,
        "second, first = x[..., 0::2], x[..., 1::2]",
    ),
    Mistake(
        "The second formula uses the new first number. It needs the old one: keep it before you write.",
        Y1,
        "y[..., 1::2] = y[..., 0::2] * sin + second * cos",
    ),
    Mistake("Only the first of each pair is turned.", Y1, "y[..., 1::2] = second"),
    Mistake("Only the second of each pair is turned.", Y0, "y[..., 0::2] = first"),
    Mistake("The angles are taken as degrees.", COS, "cos, sin = np.cos(np.deg2rad(angles)), np.sin(np.deg2rad(angles))"),
    Mistake(
        "The pairs are only stretched, by cos a: the sines are missing.",
        f"{Y0}\n    {Y1}",
        "y[..., 0::2] = first * cos\n    y[..., 1::2] = second * cos",
    ),
    # backward
    Mistake(
        "Backward turns forward again: the gradient is turned back, by −a.",
        f"{DX0}\n        {DX1}",
        "dx[..., 0::2] = dfirst * cos - dsecond * sin\n        dx[..., 1::2] = dfirst * sin + dsecond * cos",
    ),
    Mistake(
        "dx is dy as it came: the pairs were turned on their way up, so their gradients are turned on the way down.",
        DX0,
        "dx[...] = dy\n        return dx, None\n        " + DX0,
    ),
    Mistake(
        "Both formulas of dx have a plus: look at the sign of each sine in the forward.",
        DX1,
        "dx[..., 1::2] = dsecond * cos + dfirst * sin",
    ),
    Mistake(
        "Both formulas of dx have a minus: look at the sign of each sine in the forward.",
        DX0,
        "dx[..., 0::2] = dfirst * cos - dsecond * sin",
    ),
    Mistake(
        "The second formula of dx has both signs turned: look at the sign of each sine and cosine in the forward.",
        DX1,
        "dx[..., 1::2] = dfirst * sin - dsecond * cos",
    ),
    Mistake("dx is made with x. What is turned back is dy.", DFIRST, "dfirst, dsecond = first, second"),
    Mistake(
        "The second formula of dx uses the new first number. It needs the old one.",
        DX1,
        "dx[..., 1::2] = dsecond * cos - dx[..., 0::2] * sin",
    ),
    Mistake(
        "The sines are missing in dx: each number of a pair is in both outputs.",
        f"{DX0}\n        {DX1}",
        "dx[..., 0::2] = dfirst * cos\n        dx[..., 1::2] = dsecond * cos",
    ),
    Mistake(
        "In dx the pairs are wrong: number i goes with number i + d/2. They are neighbours, as in the forward.",
        f"{DFIRST}\n        {DEMPTY}\n        {DX0}\n        {DX1}",
        "dfirst, dsecond = np.split(dy, 2, axis=-1)\n"
        "        dx = np.concatenate([dfirst * cos + dsecond * sin, dsecond * cos - dfirst * sin], axis=-1)",
    ),
    Mistake("", DX0, "dy[..., 0::2] = 1.0 * dfirst\n        " + DX0, step="inputs"),
]

# ---------------------------------------------------------------- layer_scale


def scale_cases(rng):
    def given(batch, tokens, dim):
        return rng.standard_normal((batch, tokens, dim)), rng.standard_normal(dim)

    return {"ordinary": given(3, 4, 7), "one image": given(1, 3, 4), "one token": given(3, 1, 2), "a square": given(4, 4, 4)}


def scale_spec(x, gamma):
    y = np.zeros(x.shape)
    for b, t, c in np.ndindex(x.shape):
        y[b, t, c] = x[b, t, c] * gamma[c]
    return y


SCALE_TERMS = {
    "dx": lambda x, gamma, dy: [Term("γ·dy", gamma * dy, "the slope of γ·x by x is γ.")],
    "dgamma": lambda x, gamma, dy: [
        Term("Σ_images,tokens x·dy", (x * dy).sum(axis=(0, 1)), "all tokens of all images share γ, and what they say adds up.")
    ],
}
SCALE_Y = "y = x * gamma  # (B, T, D)"
SCALE_DX = "dx = dy * gamma  # (B, T, D)"
DGAMMA = "dgamma = (dy * x).sum(axis=(0, 1))  # (D,)"
SCALE_MISTAKES = [
    Mistake("γ is added. Each channel is multiplied by it.", SCALE_Y, "y = x + gamma"),
    Mistake("x is added already here: the road is the block's business.", SCALE_Y, "y = x + x * gamma"),
    Mistake("x is divided by γ instead of multiplied.", SCALE_Y, "y = x / gamma"),
    Mistake("All channels are scaled alike: each has a γ of its own.", SCALE_Y, "y = x * gamma.mean(dtype=x.dtype)"),
    Mistake("γ is missing: this is a γ of 1, the plain block.", SCALE_Y, "y = x + 0 * gamma"),
    Mistake("γ is missing in dx: what went up times γ comes down times γ.", SCALE_DX, "dx = dy.copy()"),
    Mistake("dx is made with x. The slope of γ·x by x is γ.", SCALE_DX, "dx = dy * x"),
    Mistake("dy is missing in dx.", SCALE_DX, "dx = np.ones_like(dy) * gamma"),
    Mistake("dx is divided by γ. What went up times γ comes down times γ.", SCALE_DX, "dx = dy / gamma"),
    Mistake("dy has been added to dx: the road is the block's business.", SCALE_DX, "dx = dy + dy * gamma"),
    Mistake("x is missing in dγ: the slope of γ·x by γ is x.", DGAMMA, "dgamma = dy.sum(axis=(0, 1))"),
    Mistake("dy is missing in dγ.", DGAMMA, "dgamma = x.sum(axis=(0, 1))"),
    Mistake("dγ is made with y. The slope of γ·x by γ is x.", DGAMMA, "dgamma = (dy * y).sum(axis=(0, 1))"),
    Mistake(
        "dγ is a mean. All tokens of all images share γ, and what they say adds up.",
        DGAMMA,
        "dgamma = (dy * x).mean(axis=(0, 1))",
    ),
    Mistake(
        "dγ is zero: then γ is never trained, and the branch stays as quiet as it began.", DGAMMA, "dgamma = np.zeros_like(gamma)"
    ),
    Mistake("dγ is a mean over the batch: the images add up.", DGAMMA, "dgamma = (dy * x).mean(axis=0).sum(axis=0)"),
    Mistake("", DGAMMA, "dgamma = (dy * x).sum(axis=0)", step="shape"),
    Mistake("", DGAMMA, "dgamma = dy * x", step="shape"),
    Mistake(
        "The channels are summed, and images and tokens kept. γ has one number for each channel: the sums run over all else.",
        DGAMMA,
        "dgamma = (dy * x).sum(axis=-1)",
        step="shape",
    ),
    Mistake("", "        return dx, dgamma\n", "        return dgamma, dx\n", step="order"),
]

# ---------------------------------------------------------------- part_parameters

TABLE = "blocks.{}.attn.rel_pos.relative_position_bias_table"
GAMMA = "blocks.{}.ls{}.gamma"
PART = {
    "kind": "part_parameters should give a dictionary, {name: Tensor}.",
    "names": "The names are not those of the docstring, one table or two γ for each block, numbered from 0.",
    "others": 'Only "relative" and "layer_scale" have something new to learn here: for any other part the dictionary is empty.',
    "ones": "γ begins at 1: that is the plain block, and the branches begin as loud as ever. LayerScale begins at 0.1.",
    "gamma": "γ does not begin at 0.1 everywhere.",
    "trained": "These are not trained: requires_grad is missing, so no gradient arrives, and they stay what they are.",
    "patches": "The table has the wrong size: a row for each patch. It needs one for each step, (2H − 1)(2W − 1), and the class "
    "token's three.",
    "again": "The table has the wrong size: the class token's three rows are counted twice: with_class_token adds them.",
    "class": "The table has the wrong size: the class token's three rows are missing.",
    "twice": "The table has the wrong size: H and W are those of the image, in pixels. The grid counts patches.",
    "size": "The table has the wrong size: a row for each step, (2H − 1)(2W − 1), and the class token's three; a column a head.",
    "length": "γ has the wrong shape: one number for each channel, (dim,).",
    "std": "The table should begin as normal random numbers with standard deviation 0.02.",
    "same": "Every block begins with the same table: draw a new one for each.",
    "rng": "The first values are not drawn from the rng that is passed in.",
    "float": "The Tensors should be float32.",
    "gradient": "No gradient arrives when your ViT is trained with it.",
}


def check_parts(function, namespace, rng):
    sizes = mine.Sizes(10, 2, 1, 5, 8, 2, 2, 12)  # a grid of 5 × 5: 81 steps
    found = {part: function(sizes, part, np.random.default_rng(1)) for part in ("relative", "layer_scale", "rope")}
    for given in found.values():
        if not isinstance(given, dict):
            raise Wrong(f"{PART['kind']}\nyours gives {kind(given)}")
    if found["rope"]:
        raise Wrong(f"{PART['others']}\nfor 'rope' yours gives {', '.join(map(str, found['rope']))}")
    wanted = {"relative": [TABLE.format(i) for i in range(2)]}
    wanted["layer_scale"] = [GAMMA.format(i, n) for i in range(2) for n in (1, 2)]
    for part, names in wanted.items():
        if sorted(found[part]) != sorted(names):
            raise Wrong(f"{PART['names']}\nfor {part!r} yours gives {', '.join(map(str, found[part])) or 'none'}")
        for name, tensor in found[part].items():
            if not hasattr(tensor, "data") or isinstance(tensor, np.ndarray):
                raise Wrong(f"{PART['kind']}\n{name} is {kind(tensor)}")
    yield "the right names, and none for other parts"
    tables, gammas = ([found[part][name].data for name in wanted[part]] for part in ("relative", "layer_scale"))
    for table in tables:
        if table.shape != (84, 2):
            rows = table.shape[0] if table.ndim else 0
            name = {25: "patches", 28: "patches", 81: "class", 87: "again", 361: "twice", 364: "twice"}.get(rows, "size")
            raise Wrong(f"{PART[name]}\nfor a grid of 5 × 5 and 2 heads yours is {table.shape}, wanted (84, 2)")
    for gamma in gammas:
        if gamma.shape != (8,):
            raise Wrong(f"{PART['length']}\nyours is {gamma.shape}, wanted (8,)")
        if not np.allclose(gamma, 0.1):
            raise Wrong(PART["ones" if np.all(gamma == 1) else "gamma"])
    many = function(mine.Sizes(20, 2, 1, 5, 16, 1, 8, 12), "relative", np.random.default_rng(1))[TABLE.format(0)].data
    if not 0.0188 < many.std() < 0.0212 or abs(many.mean()) > 0.002:  # of 2,912 numbers: deviations of 1.3 %
        raise Wrong(f"{PART['std']}\nyours have mean {many.mean():.3g} and deviation {many.std():.3g}")
    if np.array_equal(*tables):
        raise Wrong(PART["same"])
    again, other = (function(sizes, "relative", np.random.default_rng(seed))[TABLE.format(0)].data for seed in (1, 2))
    if not np.array_equal(again, tables[0]) or np.array_equal(other, tables[0]):
        raise Wrong(PART["rng"])
    if any(array.dtype != np.float32 for array in (*tables, *gammas)):
        raise Wrong(PART["float"])
    yield "shapes and first values"
    for part in wanted:
        _learns(function, namespace, sizes, part)
    yield "gradients arrive in your own ViT"


def _learns(function, namespace, sizes, part):
    rng = np.random.default_rng(0)
    own = function(sizes, part, rng)
    parameters = mine.vit_parameters(sizes, rng) | own
    if not all(tensor.requires_grad for tensor in own.values()):
        raise Wrong(PART["trained"])
    parameters["head.weight"].data = rng.standard_normal((8, 5)).astype(np.float32)  # of zeros nothing comes back
    images = rng.standard_normal((3, 10, 10, 1)).astype(np.float32)
    logits = namespace["better_vit"](parameters, images, sizes, part)
    mine.op(mine.cross_entropy)(logits, np.array([0, 3, 1])).backward()
    lost = [name for name, tensor in own.items() if tensor.grad is None or not np.any(tensor.grad)]
    if lost:
        raise Wrong(f"{PART['gradient']}\n{lost[0]}")


STEPS_TABLE = "_, entries = with_class_token(*relative_index(grid(sizes), grid(sizes)))"
TABLE_LINE = "table = 0.02 * rng.standard_normal((entries, sizes.heads))  # (L, h)"
GAMMA_1 = 'arrays[f"blocks.{i}.ls1.gamma"] = np.full(sizes.dim, 0.1)  # (D,)'
GAMMA_2 = 'arrays[f"blocks.{i}.ls2.gamma"] = np.full(sizes.dim, 0.1)  # (D,)'
MADE = "return {name: mine.Tensor(array.astype(np.float32), requires_grad=True) for name, array in arrays.items()}"
PART_MISTAKES = [
    Mistake(PART["ones"], f"{GAMMA_1}\n            {GAMMA_2}", f"{GAMMA_1}\n            {GAMMA_2}".replace("0.1)", "1.0)")),
    Mistake(PART["ones"], GAMMA_2, GAMMA_2.replace("0.1)", "1.0)")),
    Mistake(PART["gamma"], GAMMA_1, GAMMA_1.replace("0.1)", "0.0)")),
    Mistake(PART["trained"], MADE, MADE.replace(", requires_grad=True", "")),
    Mistake(PART["trained"], MADE, MADE.replace("requires_grad=True", 'requires_grad="gamma" not in name')),
    Mistake(PART["patches"], STEPS_TABLE, "entries = grid(sizes) ** 2"),
    Mistake(PART["patches"], STEPS_TABLE, "entries = grid(sizes) ** 2 + 3"),
    Mistake(PART["class"], STEPS_TABLE, "_, entries = relative_index(grid(sizes), grid(sizes))"),
    Mistake(PART["again"], STEPS_TABLE, f"{STEPS_TABLE}\n            entries += 3"),
    Mistake(PART["twice"], STEPS_TABLE, STEPS_TABLE.replace("grid(sizes)", "sizes.image_size")),
    Mistake(PART["size"], STEPS_TABLE, "entries = (2 * grid(sizes)) ** 2 + 3"),
    Mistake(PART["size"], TABLE_LINE, "table = 0.02 * rng.standard_normal((sizes.heads, entries))"),
    Mistake(PART["length"], GAMMA_1, GAMMA_1.replace("sizes.dim", "sizes.heads")),
    Mistake(PART["names"], f"            {GAMMA_2}\n", ""),
    Mistake(
        PART["names"], "for i in range(sizes.depth):\n        if part", "for i in range(1, sizes.depth + 1):\n        if part"
    ),
    Mistake(PART["std"], TABLE_LINE, "table = rng.standard_normal((entries, sizes.heads))"),
    Mistake(PART["std"], TABLE_LINE, "table = np.zeros((entries, sizes.heads))"),
    Mistake(PART["std"], TABLE_LINE, TABLE_LINE.replace("0.02", "0.022")),
    Mistake(PART["rng"], TABLE_LINE, TABLE_LINE.replace("rng.standard", "np.random.default_rng(i).standard")),
    Mistake(
        PART["same"],
        TABLE_LINE,
        "table = 0.02 * np.random.default_rng(int(rng.bit_generator.seed_seq.entropy)).standard_normal((entries, sizes.heads))",
    ),
    Mistake(PART["float"], MADE, MADE.replace("np.float32", "np.float64")),
    Mistake(PART["others"], 'if part == "layer_scale":\n            arrays', 'if part != "relative":\n            arrays'),
]

# ---------------------------------------------------------------- compare

COMPARE = {
    "kind": "compare should give a dictionary, {part: (mean, deviation)}, with one entry for each part.",
    "one": "Only one seed is used. One training says little: it takes at least 3 seeds to see how far luck goes.",
    "some": "Not every part is trained with every seed that was given.",
    "seeds": "The parts have different seeds. Give each the same, so that they differ in nothing else.",
    "refuse": "Fewer than 3 different seeds must be refused with a ValueError: no spread can be told from them.",
    "steps": "The budgets are unequal: every part makes the same number of steps, and a part whose step costs more is given more "
    "computing. The budget is the same, and the steps are what it pays for.",
    "more": "The budgets are unequal: a part whose step costs more makes more steps. What costs more gets fewer.",
    "over": "More is spent than the budget: as many whole steps as it pays for, rounded down.",
    "split": "The budget is split among the seeds or the parts. It is that of one run.",
    "other": "The number of steps is not what the budget pays for.",
    "fraction": "The number of steps should be a whole number.",
    "again": "Some runs are made more often than once.",
    "strict": "3 different seeds are enough, and yours refuses them.",
    "call": "train takes a part, a seed and a number of steps, in this order.",
    "best": "This is the best of the seeds. Whoever takes the best of more seeds wins: take the mean.",
    "order": "Mean and deviation have changed places.",
    "percent": "These are per cent: keep accuracies as they are, from 0 to 1.",
    "n": "The deviation is divided by n. The mean comes from the same numbers: divide by n − 1.",
    "root": "The root of the deviation is missing: this is the variance.",
    "error": "This is the deviation divided by √n, that of a mean. Wanted is that of the single runs.",
    "range": "This is the distance from the lowest to the highest, or half of it. It grows with the number of seeds.",
    "less": "The mean is divided by n − 1. That belongs to the deviation: a mean of n numbers is divided by n.",
    "outside": "Only the sum is under the root. n − 1 belongs there as well.",
    "piled": "The accuracies of the parts before are in it as well: each part begins with none.",
    "rounded": "These are rounded. Round when you print, and compare the numbers as they are.",
    "mean": "The mean is not that of the accuracies over the seeds.",
    "deviation": "The deviation is not that of the accuracies over the seeds.",
}


COSTS = {"plain": 30, "wide": 70, "cheap": 11}


class _Runs:
    """Trains nothing: notes what it is asked for, and gives an accuracy that hangs on part and seed."""

    def __init__(self, seed):
        self.calls, self.seed = [], seed

    def train(self, part, seed, steps):
        if not isinstance(part, str) or not isinstance(seed, int | np.integer):
            raise Wrong(f"{COMPARE['call']}\nyours calls it with {part!r}, {seed!r}, {steps!r}")
        self.calls.append((part, seed, steps))
        return self.accuracy(part, seed)

    def accuracy(self, part, seed):
        return float(np.random.default_rng((self.seed, len(part), seed)).uniform(0.8, 0.99))


def check_compare(function, namespace, rng):
    runs, parts, seeds, budget = _Runs(int(rng.integers(1000))), list(COSTS), (4, 7, 1, 5), 1000
    results = function(parts, seeds, budget, COSTS.get, runs.train)
    if not isinstance(results, dict) or list(results) != parts:
        its = f", for {', '.join(map(str, results))}" if isinstance(results, dict) and results else ""
        raise Wrong(f"{COMPARE['kind']}\nyours gives {kind(results)}{its}; the parts are {', '.join(parts)}")
    if any(steps in seeds and seed not in seeds for _, seed, steps in runs.calls):
        raise Wrong(f"{COMPARE['call']}\nyours calls it with {', '.join(map(repr, runs.calls[0]))}; the seeds are {seeds}")
    of_part = {part: [call for call in runs.calls if call[0] == part] for part in parts}
    used = [tuple(seed for _, seed, _ in calls) for calls in of_part.values()]
    if all(len(set(numbers)) == 1 for numbers in used):
        raise Wrong(f"{COMPARE['one']}\nof the seeds {seeds} yours uses {used[0]}")
    if len(set(map(frozenset, used))) > 1:
        raise Wrong(
            f"{COMPARE['seeds']}\nyours: {', '.join(f'{part} {numbers}' for part, numbers in zip(parts, used, strict=True))}"
        )
    if set(used[0]) != set(seeds):
        raise Wrong(f"{COMPARE['some']}\nof the seeds {seeds} yours uses {used[0]}")
    if any(len(numbers) > len(seeds) for numbers in used):
        raise Wrong(COMPARE["again"])
    yield "every part with every seed, the same for all"
    _same_budget({part: {steps for _, _, steps in calls} for part, calls in of_part.items()}, budget)
    yield "the same budget for every part"
    try:
        function(parts, seeds[:3], budget, COSTS.get, runs.train)
    except ValueError:
        raise Wrong(f"{COMPARE['strict']}\nseeds {seeds[:3]}") from None
    for few in ((3,), (3, 8), (3, 3, 3), ()):
        try:
            function(parts, few, budget, COSTS.get, runs.train)
        except ValueError:
            continue
        except (NotImplementedError, Wrong):
            raise
        except Exception as error:
            raise Wrong(f"{COMPARE['refuse']}\nseeds {few}: yours raises {type(error).__name__}") from None
        raise Wrong(f"{COMPARE['refuse']}\nseeds {few}: yours refuses nothing")
    yield "fewer than 3 different seeds are refused"
    found = {part: np.array([runs.accuracy(part, seed) for seed in seeds]) for part in parts}
    for i, part in enumerate(parts):
        _right_numbers(results[part], found[part], part, np.concatenate([found[name] for name in parts[: i + 1]]))
    yield "mean and deviation"
    yield _in_miniature(function, namespace)


def _same_budget(steps, budget):
    costs, told = COSTS, f"budget {budget}, costs {COSTS}, steps { ({p: sorted(s) for p, s in steps.items()}) }"
    if any(isinstance(n, bool) or n != int(n) for numbers in steps.values() for n in numbers):
        raise Wrong(f"{COMPARE['fraction']}\n{told}")
    if all(numbers == {budget // costs[part]} for part, numbers in steps.items()):
        if not all(isinstance(n, int | np.integer) for numbers in steps.values() for n in numbers):
            raise Wrong(f"{COMPARE['fraction']}\n{told}")
        return
    one = {part: min(numbers) for part, numbers in steps.items()}
    name = "other"
    if len(set(one.values())) == 1:
        name = "steps"
    elif one["wide"] > one["plain"] > one["cheap"]:
        name = "more"
    elif all(abs(n * costs[part] - budget) < costs[part] for part, n in one.items()):  # each up, or to the nearest
        name = "over"
    elif any(all(n == budget // share // costs[part] for part, n in one.items()) for share in (3, 4)):
        name = "split"
    raise Wrong(f"{COMPARE[name]}\n{told}")


def _right_numbers(given, accuracies, part, so_far):
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise Wrong(f"{COMPARE['kind']}\nfor {part} yours gives {kind(given)}")
    mean, deviation = map(float, given)
    right = accuracies.mean(), accuracies.std(ddof=1)

    def is_(*pair):
        return np.allclose((mean, deviation), pair, rtol=1e-9, atol=0)

    if is_(*right):
        return
    spread, names, n = np.ptp(accuracies), {}, len(accuracies)
    names["order"], names["percent"] = right[::-1], (100 * right[0], 100 * right[1])
    names |= {
        "n": (right[0], accuracies.std()),
        "root": (right[0], right[1] ** 2),
        "error": (right[0], right[1] / math.sqrt(n)),
        "outside": (right[0], right[1] / math.sqrt(n - 1)),
        "piled": (so_far.mean(), so_far.std(ddof=1)),
    }
    name = next((name for name, pair in names.items() if is_(*pair)), None)
    if name is None and np.isclose(mean, right[0]):
        name = "range" if np.isclose(deviation, spread) or np.isclose(deviation, spread / 2) else "deviation"
    if name in (None, "deviation") and any(is_(round(right[0], digits), round(right[1], digits)) for digits in range(1, 7)):
        name = "rounded"
    name = name or (
        "best" if np.isclose(mean, accuracies.max()) else "less" if np.isclose(mean, right[0] * n / (n - 1)) else "mean"
    )
    pairs = {"mean": (mean, right[0]), "deviation": (deviation, right[1])}
    told = "; ".join(f"{what}: {compared(*pair)}" for what, pair in pairs.items() if not np.isclose(*pair, rtol=1e-9, atol=0))
    raise Wrong(f"{COMPARE[name]}\nfor {part}, {told}")


TINY = (8, 2, 1, 10, 16, 1, 2, 32)


def _in_miniature(function, namespace):
    """The learner's comparison for real, of a tiny ViT: a few steps with their own functions."""
    cost, train = (partial(namespace[name], numbers=TINY) for name in ("step_cost", "train_part"))
    results = function(("plain", "rope"), (0, 1, 2), 6 * cost("plain"), cost, train)
    told = ", ".join(f"{part} {100 * mean:.0f} ± {100 * deviation:.0f} %" for part, (mean, deviation) in results.items())
    return f"for real, your tiny ViT, 6 steps, 3 seeds: {told}"


REFUSAL = "if len(set(seeds)) < 3:"
STEPS = "steps = budget // cost(part)"
FOUND = "found = [train(part, seed, steps) for seed in seeds]"
MEAN = "mean = sum(found) / len(found)\n        deviation"
DEVIATION = "deviation = math.sqrt(sum((accuracy - mean) ** 2 for accuracy in found) / (len(found) - 1))"
RESULT = "results[part] = mean, deviation"
COMPARE_MISTAKES = [
    Mistake(COMPARE["one"], FOUND, "found = [train(part, seeds[0], steps) for seed in seeds]"),
    Mistake(
        COMPARE["one"],
        f"{FOUND}\n        {MEAN.removesuffix('deviation')}{DEVIATION}",
        "mean, deviation = train(part, seeds[0], steps), 0.0",
    ),
    Mistake(COMPARE["some"], FOUND, "found = [train(part, seed, steps) for seed in seeds[:3]]"),
    Mistake(COMPARE["seeds"], FOUND, "found = [train(part, seed + len(part), steps) for seed in seeds]"),
    Mistake(COMPARE["refuse"], REFUSAL, "if False:"),
    Mistake(COMPARE["refuse"], REFUSAL, "if len(seeds) < 3:"),
    Mistake(COMPARE["refuse"], REFUSAL, f"assert len(set(seeds)) >= 3\n    {REFUSAL}"),
    Mistake(COMPARE["refuse"], REFUSAL, "if len(set(seeds)) < 2:"),
    Mistake(COMPARE["steps"], STEPS, "steps = budget // cost(parts[0])"),
    Mistake(COMPARE["steps"], STEPS, "steps = budget"),
    Mistake(COMPARE["more"], STEPS, "steps = budget * cost(part)"),
    Mistake(COMPARE["over"], STEPS, "steps = -(-budget // cost(part))"),
    Mistake(COMPARE["split"], STEPS, "steps = budget // len(seeds) // cost(part)"),
    Mistake(COMPARE["split"], STEPS, "steps = budget // len(parts) // cost(part)"),
    Mistake(COMPARE["fraction"], STEPS, "steps = budget / cost(part)"),
    Mistake(COMPARE["best"], MEAN, "mean = max(found)\n        deviation"),
    Mistake(COMPARE["order"], RESULT, "results[part] = deviation, mean"),
    Mistake(COMPARE["percent"], RESULT, "results[part] = 100 * mean, 100 * deviation"),
    Mistake(COMPARE["n"], DEVIATION, "deviation = float(np.std(found))"),
    Mistake(COMPARE["root"], DEVIATION, "deviation = float(np.var(found, ddof=1))"),
    Mistake(COMPARE["error"], DEVIATION, "deviation = float(np.std(found, ddof=1)) / math.sqrt(len(found))"),
    Mistake(
        COMPARE["outside"],
        DEVIATION,
        "deviation = math.sqrt(sum((accuracy - mean) ** 2 for accuracy in found)) / (len(found) - 1)",
    ),
    Mistake(COMPARE["less"], MEAN, "mean = sum(found) / (len(found) - 1)\n        deviation"),
    Mistake(COMPARE["rounded"], RESULT, "results[part] = round(mean, 3), round(deviation, 3)"),
    Mistake(
        COMPARE["piled"],
        FOUND,
        "found = [*(found if results else []), *(train(part, seed, steps) for seed in seeds)]",
    ),
    Mistake(COMPARE["strict"], REFUSAL, "if len(set(seeds)) <= 3:"),
    Mistake(COMPARE["over"], STEPS, "steps = round(budget / cost(part))"),
    Mistake(COMPARE["range"], DEVIATION, "deviation = (max(found) - min(found)) / 2"),
    Mistake(COMPARE["mean"], MEAN, "mean = sorted(found)[1]\n        deviation"),
    Mistake(COMPARE["kind"], RESULT, "results[part] = mean"),
    Mistake(COMPARE["call"], FOUND, "found = [train(part, steps, seed) for seed in seeds]"),
    Mistake(COMPARE["call"], FOUND, "found = [train(seed, part, steps) for seed in seeds]"),
    Mistake(COMPARE["again"], FOUND, "found = [train(part, seed, steps) for seed in seeds for _ in range(2)]"),
]

EXERCISES = [
    Exercise(
        name="soft_split",
        cases=split_cases,
        spec=split_spec,
        gradients=("dx", None, None, None),
        terms={"dx": _split_terms},
        symbols=lambda x, size, stride, padding: {"B": len(x)},
        mistakes=SPLIT_MISTAKES,
        hints={
            "forward": (
                "Where does each window begin? Once you have the corners in reading order, each window is a slice.",
                "A frame with np.pad, four pairs of numbers for four axes. How many windows fit along each axis says the formula "
                "with the rounded-down division. Window (i, j) begins stride times (i, j) further on.",
                "A list of slices, each reshaped to a row for each image, and np.stack along axis 1. Check the 3 by 3 image "
                "of the "
                "lesson: 1 2 4 5, then 2 3 5 6.",
            ),
            "backward": (
                "The same walk over the windows, in the other direction: from row n of dy to the place where window n was read.",
                "Begin with zeros of the framed image's shape. Each row of dy is reshaped to a little picture and added there. "
                "What remains at the end is to cut off the frame.",
                "Adding into a slice is safe here, since the array is your own. Keep the list of corners from the forward. In "
                "the "
                "example the middle pixel gets 10.",
            ),
        },
        read={"forward": "Part 1: windows that overlap", "backward": "Overlaps add up"},
        library="unfold",
    ),
    Exercise(
        name="relative_index",
        cases=index_cases,
        spec=index_spec,
        outputs=("index", "entries"),
        whole=True,
        mistakes=INDEX_MISTAKES,
        hints={
            "": (
                "Row and column of each patch first (lesson 10), then all differences at once.",
                "A column of numbers minus a row of the same numbers is the table of all differences: [:, None] makes the "
                "column. "
                "Entry (i, j) must be that of i minus that of j.",
                "Add so much that the smallest step down, and the smallest to the side, become 0. Then a step down counts as "
                "many "
                "fields as there are steps to the side. The 2 by 2 grid begins with 4 3 1 0.",
            )
        },
        read={"": "Part 2: how far apart are two patches?"},
    ),
    Exercise(
        name="position_bias",
        cases=bias_cases,
        spec=bias_spec,
        gradients=("dtable", None),
        terms={"dtable": _bias_terms},
        symbols=lambda table, index: {"T": len(index), "h": table.shape[1]},
        mistakes=BIAS_MISTAKES,
        hints={
            "forward": (
                "An array of whole numbers in square brackets looks up all of them at once.",
                "What comes out has the axes of the index first and the heads last. One transposition brings the heads to the "
                "front.",
                "From (T, T, h) to (h, T, T): the new first axis is the old last one.",
            ),
            "backward": (
                "How often was an entry used? So many numbers of dy belong to it.",
                "Bring the heads of dy to the back again, so that it fits the index. Then add each number to its entry, also "
                "where "
                "indices repeat.",
                "np.add.at takes the array to add to, the index, and the values. In the 2 by 2 example entry 4 gets 34.",
            ),
        },
        read={"forward": "A number that is used often", "backward": "A number that is used often"},
    ),
    Exercise(
        name="biased_attention",
        cases=attention_cases,
        spec=attention_spec,
        gradients=("dq", "dk", "dv", "dbias"),
        terms={"dbias": _dbias_terms},
        symbols=lambda q, k, v, bias: {"B": q.shape[0], "T": q.shape[2], "d": q.shape[3]},
        mistakes=ATTENTION_MISTAKES,
        hints={
            "forward": (
                "Lesson 11, with one summand more. To which of the three lines does it belong?",
                "To the first: what two tokens are to each other. The softmax then turns all of it into weights.",
                "The bias has no axis for the batch: broadcasting repeats it. Divide first, then add.",
            ),
            "backward": (
                "The slope of a score by its bias is 1. Which of the arrays in backward is the gradient of the scores?",
                "All images used the same bias. Which axis of that array has to go?",
                "A sum over the first axis: from (B, h, T, T) to (h, T, T).",
            ),
        },
        read={"forward": "Where the bias belongs", "backward": "Where the bias belongs"},
    ),
    Exercise(
        name="axial_angles",
        cases=angle_cases,
        spec=angle_spec,
        mistakes=ANGLE_MISTAKES,
        hints={
            "": (
                "An angle is a place times a speed. Places of patches you have from lesson 10, speeds from the formula.",
                "A column of N places times a row of d/4 speeds is a table (N, d/4). Two of those side by side, and a row of "
                "zeros on "
                "top.",
                "With 100.0 and a minus sign in the power the speeds fall from 1. In a 2 by 3 grid with 8 numbers the last "
                "row is "
                "2, 0.2, 1, 0.1.",
            )
        },
        read={"": "Two directions, many speeds"},
    ),
    Exercise(
        name="rotate",
        cases=rotate_cases,
        spec=rotate_spec,
        gradients=("dx", None),
        terms={"dx": _rotate_terms},
        large=lambda rng: (rng.standard_normal((16, 4, 65, 32)), rng.uniform(-3, 3, (65, 16))),
        mistakes=ROTATE_MISTAKES,
        hints={
            "forward": (
                "Take the pairs apart, apply the two formulas, put them together again.",
                "A slice with a step of 2, from 0 and from 1, gives the first and the second of each pair. They have the "
                "width of "
                "the angles.",
                "An empty array of the shape of x, written with the same two slices. Both formulas read the old numbers. Check: "
                "(3, 4) with 0.6 and 0.8 gives -1.4 and 4.8.",
            ),
            "backward": (
                "In which outputs is the first of a pair, and with which slopes? In which the second?",
                "Both are in both outputs. Collect for each the two summands, with the signs from the forward.",
                "It is a turn by minus a: cosines stay, sines change their sign. (1, 1) comes back as 1.4 and -0.2.",
            ),
        },
        read={"forward": "Turning instead of adding", "backward": "The way back is a turn back"},
    ),
    Exercise(
        name="layer_scale",
        cases=scale_cases,
        spec=scale_spec,
        gradients=("dx", "dgamma"),
        terms=SCALE_TERMS,
        symbols=lambda x, gamma: dict(zip("BTD", x.shape, strict=True)),
        mistakes=SCALE_MISTAKES,
        hints={
            "forward": (
                "One product.",
                "The last axis of x is the channels, and broadcasting begins at the last axis.",
                "Nothing needs a reshape here.",
            ),
            "backward": (
                "A product has two gradients, each dy times the other factor.",
                "dx has the shape of x and needs no sum. gamma was used by every token of every image.",
                "Sum over the first two axes. In the example the result is 7 and 42.",
            ),
        },
        read={"forward": "Part 3: a branch that begins quietly", "backward": "Part 3: a branch that begins quietly"},
    ),
    Exercise(
        name="part_parameters",
        check=check_parts,
        mistakes=PART_MISTAKES,
        hints={
            "": (
                "A loop over the blocks, and in it the two words. The names stand in the docstring.",
                "How many rows the table has you know already: relative_index tells it, and with_class_token adds the class "
                "token's. "
                "Both give two things.",
                "The grid is not the image: it counts patches, and is square here. np.full makes an array of one number; rng "
                "has a "
                "method for normal numbers, of deviation 1.",
            )
        },
        read={"": "Into your own ViT"},
    ),
    Exercise(
        name="compare",
        check=check_compare,
        mistakes=COMPARE_MISTAKES,
        hints={
            "": (
                "Two loops, over the parts and over the seeds. What must be the same for all of them?",
                "First refuse what cannot be fair. For each part: how many steps does its budget pay for? Then one run for "
                "each seed, "
                "and two numbers out of all of them.",
                "A set holds nothing twice: how large is it? Whole steps come from the division that rounds down. The "
                "deviation's sum "
                "of squares is divided by one less than there are seeds. 96, 97 and 98.5 give 97.17 and 1.26.",
            )
        },
        read={"": "A fair comparison"},
    ),
]

QUIZ = [
    Question(
        "A soft split of size 3 and stride 1 with a frame of 1. How many copies of a pixel in the middle of the image are there?",
        ("1", "3", "4", "9"),
        3,
        "It is in every window that begins at most two pixels above and left of it: 3 times 3. Its gradient is a sum of nine.",
    ),
    Question(
        "A grid of 14 × 14 patches. How many entries does the table of relative positions have, for each head?",
        ("196", "38,416", "729", "784"),
        2,
        "27 steps down or up times 27 to the side. 38,416 are the pairs, which share them.",
    ),
    Question(
        "dtable[index] += dy: an entry that 50 pairs share gets",
        ("the sum of 50", "the mean of 50", "the value of one pair", "an error"),
        2,
        "NumPy reads, adds and writes all at once; of 50 writes to one place the last one stays.",
    ),
    Question(
        "With RoPE, what is turned?",
        ("q, k and v", "q and k", "the tokens, once, at the entrance", "the weights of attention"),
        1,
        "Scores should know distances. What is handed over, v, must not depend on the place.",
    ),
    Question(
        "Your neighbour reports +0.4 points, three seeds each, both with a deviation of 0.8. Does the part help?",
        ("Yes", "No", "That cannot be told from three seeds", "Only on the test images"),
        2,
        "Twice the root of (0.64 + 0.64) / 3 is 1.3. Neither a help nor its absence has been shown.",
    ),
]
