# %% [markdown]
# # 01 · Arrays and shapes
#
# Why do so many programs that learn from images run without an error, and still compute the wrong thing?
#
# ![eight pictures, one for each puzzle](expected.png)
#
# Often because two numbers stand in the wrong place of an array, and nobody asked the array about its shape. Here are
# eight puzzles. Each answer is one line of code, and each is a line that you need again later: cutting out a patch,
# averaging over a batch, making rows sum to 1, mixing tokens. Each puzzle follows the idea that solves it. When an
# answer is wrong, `python -m lessons check 01 --plot` draws yours beside the target.
#
# Some letters keep their meaning through the whole course: $B$ images in a batch, each $H$ pixels high and $W$ wide;
# $T$ tokens (rows of numbers), each $D$ numbers long.

# %%
import math

import numpy as np

# %% [markdown]
# ## 1. Cut: axes and slices
#
# An array is a block of numbers with a *shape*: how many there are along each *axis*. Axes are counted from 0, and so
# are places along an axis. Here is an array of shape (4, 6). Axis 0 goes down and counts rows; axis 1 goes across:
#
#                  axis 1 →
#                   0   1   2   3   4   5
#     axis 0  0     0   1   2   3   4   5
#       ↓     1    10  11  12  13  14  15
#             2    20  21  22  23  24  25
#             3    30  31  32  33  34  35
#
# If it is called `a`, then `a[2, 5]` is 25: row first, then column, and `a.shape` is (4, 6). (To try things out, make a
# small one from lists: `np.array([[1, 2], [3, 4]])`.) A *slice* `start:stop` takes the places from `start` up to, but
# not including, `stop`, and a lone `:` takes all of them:
#
#     a[1]         row 1, shape (6,)             10 11 12 13 14 15
#     a[:, 1]      column 1, shape (4,)          1 11 21 31
#     a[2:4, 0:2]  two rows, two columns         20 21
#                                                30 31
#
# A Vision Transformer cuts an image into square patches. Cut `a` into patches of 2 x 2. The piece above, `a[2:4, 0:2]`,
# is the one in row 1 and column 0 of the patches: before it come 1 row and 0 columns of patches, 2 pixels each.
#
# The mistake to avoid is `a[2:4][0:2]`. It is tempting, as it looks like "rows, then columns". But `a[2:4]` is again an
# array with rows along axis 0, so the second bracket cuts *rows* once more.


# %%
def one_patch(image, row, column, size):
    """The patch in that row and column of patches, both counted from 0, of an image cut into patches of size x size pixels.

    image (H, W); returns (size, size).
    """
    # BEGIN SOLUTION: two slices of image, one for each axis
    patch = image[row * size : (row + 1) * size, column * size : (column + 1) * size]
    # END SOLUTION
    return patch  # (size, size)


# %% [markdown]
# ## 2. Shrink: an axis disappears
#
# `a.sum(axis=0)` adds up *along* axis 0, downwards. The axis that you name is the one that disappears:
#
#     a             a.sum(axis=0)      a.sum(axis=1)
#     1  2  3       5  7  12           6
#     4  5  9                          18
#     (2, 3)        (3,)               (2,)
#
# `a.sum()` without an axis adds up everything: 24. With `axis=(0, 1)` both axes disappear, one after the other. `mean`,
# `max` and `min` treat axes in the same way. Negative numbers count axes from the end: here `axis=-1` is axis 1.
#
# Most people once read `axis=0` as "for each row", since axis 0 counts the rows. It is the other way round: one number
# for each *column* is left. Ask which axis is to go.
#
# A batch of images has the shape $(B, H, W)$. The average image is, at each pixel, the mean over the batch:
#
# $$\bar{x}_{hw} = \frac{1}{B} \sum_{b} x_{bhw}$$
#
# where $x_{bhw}$ is the pixel in row $h$ and column $w$ of image $b$, and the sum goes over all $b$ from 0 to $B - 1$.


# %%
def average_image(images):
    """At each pixel, the mean over the batch. images (B, H, W); returns (H, W)."""
    # BEGIN SOLUTION: the mean along the axis that is to disappear
    average = images.mean(axis=0)
    # END SOLUTION
    return average  # (H, W)


# %% [markdown]
# ## 3. Stretch: broadcasting
#
# Two arrays of different shapes can be added. NumPy writes the shapes one below the other, *from the right*, and
# compares the sizes. Two sizes fit if they are equal, or if one of them is 1. An axis that is missing on the left
# counts as 1. What has size 1 is repeated until it fits. This is *broadcasting*:
#
#     column   (3, 1)           column    row          column + row
#     row         (4,)            0     1 2 3 4         1  2  3  4
#     ----------------           10                    11 12 13 14
#     sum      (3, 4)            20                    21 22 23 24
#
# `None` inside the brackets makes an axis of size 1. If `x` has shape (3,), then `x[:, None]` has shape (3, 1), a
# column, and `x[None, :]` has shape (1, 3), a row.
#
# A trap that costs people days: subtract answers of shape (n,) from predictions of shape (n, 1). Nothing complains. You
# get a table of shape (n, n), every prediction minus every answer, and its mean looks like a sensible number.
#
# Now make such a table on purpose: how far is it from each position to each other one? For the positions 0, 1, 4 the
# entry in row $i$, column $j$ is position $j$ minus position $i$:
#
#      0   1   4
#     -1   0   3
#     -4  -3   0


# %%
def gap_table(positions):
    """Entry [i, j] is positions[j] - positions[i]. positions (T,); returns (T, T)."""
    # BEGIN SOLUTION: a row minus a column
    gaps = positions[None, :] - positions[:, None]
    # END SOLUTION
    return gaps  # (T, T)


# %% [markdown]
# ## 4. Keep: an axis of size 1 that matters
#
# Let every row of a table sum to 1: divide each entry by the sum of its row,
#
# $$y_{ij} = \frac{x_{ij}}{\sum_{k} x_{ik}}$$
#
# where $k$ runs over all columns. Attention does this to its weights in every layer. Take
#
#     x        row sums
#     1  3     4
#     4  1     5
#
# `x.sum(axis=1)` has shape (2,). Dividing (2, 2) by (2,) is allowed, and wrong. Shapes are compared from the right, so
# the sums lie along axis 1, one over each *column*:
#
#                   wanted             x / x.sum(axis=1)
#                   1/4  3/4           1/4  3/5
#                   4/5  1/5           4/4  1/5
#     row sums      1    1             0.85   1.2
#
# With 3 columns NumPy would have refused, (2, 3) against (2,). On a square table it is silent, and tables of attention
# are square. The cure is a sum that keeps its axis: with `keepdims=True` the axis that disappears stays, with size 1. A
# sum of shape (2, 1) is a column, and lies beside the rows where it belongs.


# %%
def rows_sum_to_one(weights):
    """Each entry over the sum of its row. weights (T, T) or (S, T), all positive; returns the same shape."""
    # BEGIN SOLUTION: the weights over the sums of their rows
    shares = weights / weights.sum(axis=1, keepdims=True)
    # END SOLUTION
    return shares  # as weights


# %% [markdown]
# ## 5. Turn or refill: transpose and reshape
#
# Both can make (3, 2) out of (2, 3). They are not the same:
#
#     a           a.T         a.reshape(3, 2)
#     1  2  3     1  4        1  2
#     4  5  6     2  5        3  4
#                 3  6        5  6
#
# `transpose` (short: `.T`) *turns* the array: entry [i, j] becomes entry [j, i]. `reshape` *refills*: it reads the
# numbers one after the other, the last axis fastest, as you read a page, and writes them in the same order into the new
# shape.
#
# With more axes, `x.transpose(2, 0, 1)` puts axis 2 first, then axis 0, then axis 1. So (5, 6, 3), an image with its
# colours last, becomes (3, 5, 6), three images of one colour each. The order of reading has changed with it.
#
# Which one do you need? Ask in which order the result is read. Here two images of 2 x 2 are to stand side by side:
#
#     images[0]   images[1]       wanted           images.reshape(2, 4)
#     1  2        5  6            1  2  5  6       1  2  3  4
#     3  4        7  8            3  4  7  8       5  6  7  8
#
# The reshape alone has the right shape and puts every number in the wrong place. That makes it the most expensive
# mistake of this lesson: no error, and a model that trains, badly. Read the wanted picture like a page: 1 2 5 6. The
# column changes fastest, then the image, and the row slowest. First transpose the axes into this order, slowest first.
# Then reshape.


# %%
def side_by_side(images):
    """The images of a batch in one row, from left to right. images (B, H, W); returns (H, B * W)."""
    batch, height, width = images.shape
    # BEGIN SOLUTION: bring the axes into the order of reading, then refill
    strip = images.transpose(1, 0, 2).reshape(height, batch * width)
    # END SOLUTION
    return strip  # (H, B * W)


# %% [markdown]
# ## 6. Mix: the matrix product
#
# A *weighted sum* of two images: half of the one plus half of the other. If each image is written as one row of numbers,
# and the weights of each wanted mixture as one row too, then `@`, the matrix product, makes all the mixtures at once:
#
#     weights (2, 2)    values (2, 3)     weights @ values (2, 3)
#     1.0  0.0          2  4  6           2  4  6         all of the first
#     0.5  0.5          4  0  2           3  2  4         half of each
#
# In row $t$ and column $d$ stands, with the sum over all rows $n$ of the values,
#
# $$y_{td} = \sum_{n} w_{tn} v_{nd}$$
#
# So $(T, N)$ @ $(N, D)$ gives $(T, D)$. The two sizes in the middle must be equal, and disappear. This is what attention
# does with its tokens: each new token is a mixture of all the old ones.
#
# `*` is something else. It multiplies entry by entry, with broadcasting, and adds nothing up:
#
#     a         b           a * b          a @ b
#     1  2      5  6         5  12         19  22         19 = 1 · 5 + 2 · 7
#     3  4      7  8        21  32         43  50
#
# In formulas both are written side by side, which makes `*` tempting; and when both arrays are square, it runs. Note
# also that `a @ b` and `b @ a` are different: here the second has 23 in its corner, 5 · 1 + 6 · 3.


# %%
def blend(weights, values):
    """Row t is the sum of the rows of values, each times its weight in row t. weights (T, N), values (N, D); returns (T, D)."""
    # BEGIN SOLUTION: a matrix product
    mixed = weights @ values
    # END SOLUTION
    return mixed  # (T, D)


# %% [markdown]
# ## 7. Pick: one entry of each row
#
# A model gives each image a score for each class; `labels` says which class is right. To measure how good the model is,
# you need from each row the score at its label. In brackets there may also be arrays of whole numbers. NumPy then takes
# them in pairs:
#
#     scores, (3, 4)           labels        scores[[0, 1, 2], [2, 0, 3]]
#     0.1  0.2  0.9  0.3       2             0.9         row 0, column 2
#     0.8  0.0  0.1  0.1       0             0.8         row 1, column 0
#     0.2  0.3  0.1  0.7       3             0.7         row 2, column 3
#
# `np.arange(3)` is the array 0, 1, 2, so nobody writes the row numbers out. Two things look alike and are not.
# `scores[:, labels]` pairs nothing: it takes all rows, and of each the columns 2, 0, 3, a table of shape (3, 3). And
# `scores.max(axis=1)` is the score of the class that the model prefers. That is the right class only if the model is
# right.


# %%
def picked(scores, labels):
    """From each row, the score at its label. scores (B, K), labels (B,) whole numbers from 0 to K - 1; returns (B,)."""
    # BEGIN SOLUTION: index the rows and the columns in pairs
    chosen = scores[np.arange(len(labels)), labels]
    # END SOLUTION
    return chosen  # (B,)


# %% [markdown]
# ## 8. Whose numbers, and of which kind?
#
# A slice copies nothing. It is a *view*: another window onto the same numbers. And `-=`, `*=`, `/=`, `x[0] = …` write
# into the array that is there (*in place*) and make no new one:
#
#     image = np.ones((4, 4))
#     corner = image[:2, :2]        a view
#     corner *= 0                   image[0, 0] is now 0
#     corner = image[:2, :2] * 0    a new array; image stays as it is
#
# That is why a function of yours must not write into its arguments: others hold the same numbers and still need them.
# (An assignment `b = a` copies nothing either. `a.copy()` does.) The check hands you arrays that cannot be written to, so
# NumPy stops at the line.
#
# Every array also has a *dtype*, the kind of its numbers. Models compute in float32, with 7 digits, which takes half
# the memory of float64 with 16. When both meet, the result is float64. A plain Python number takes the kind of the
# array. But a number that comes out of a NumPy function is a NumPy number, float64 by default:
#
#     x = np.ones(3, dtype=np.float32)
#     (x * 2.0).dtype               float32
#     (x * math.sqrt(2.0)).dtype    float32
#     (x * np.sqrt(2.0)).dtype      float64    one such line, and the whole model is slow
#
# Attention divides each score by the root of the width $d$, a whole number, so that scores do not grow with it:
# $s / \sqrt{d}$. The lines below were meant to do that. Two things are wrong with them. Let the check tell you, one by
# one.


# %%
def scale_scores(scores, width):
    """The scores over the root of width, a plain whole number. scores (T, T) stay as they are; returns (T, T), same dtype."""
    # BEGIN SOLUTION: mend this, in two ways
    scaled = scores / math.sqrt(width)
    # INSTEAD
    # scores /= np.sqrt(width)
    # scaled = scores
    # END SOLUTION
    return scaled  # (T, T)


# %%
def panels():
    """Eight pictures, one a puzzle: (title, function that gives an array to draw)."""
    from minivit.data import load

    data = load("digits")
    digits, labels = data.train_images[..., 0], data.train_labels  # (1437, 8, 8)
    first = np.array([np.flatnonzero(labels == digit)[0] for digit in range(10)])  # the first 0, the first 1, …
    averages = np.array([digits[labels == digit].mean(axis=0) for digit in range(10)])  # (10, 8, 8)
    alike = digits[first].reshape(10, 64) @ averages.reshape(10, 64).T  # (10, 10), each digit against each average
    ends = digits[first[[3, 8]]].reshape(2, 64)
    mixture = np.stack([np.linspace(1, 0, 5), np.linspace(0, 1, 5)], axis=1).astype(np.float32)  # (5, 2)
    return [
        ("1. one_patch\nof a 3, bottom right", lambda: one_patch(digits[first[3]], 1, 1, 4)),
        ("2. average_image\nof all the 3s", lambda: average_image(digits[labels == 3])),
        ("3. gap_table\nof 0, 1, … 7", lambda: gap_table(np.arange(8.0))),
        ("4. rows_sum_to_one\nof a 3", lambda: rows_sum_to_one(digits[first[3]])),
        ("5. side_by_side\nfour digits", lambda: side_by_side(digits[first[:4]])),
        ("6. blend\nfrom a 3 to an 8", lambda: np.hstack(blend(mixture, ends).reshape(5, 8, 8))),  # (8, 40)
        ("7. picked\ndigit against its average", lambda: picked(alike, np.arange(10))),
        ("8. scale_scores\nall against all, over 8", lambda: scale_scores(alike.copy(), 64)),
    ]


# %%
def picture():
    """What your eight functions make of real digits; puzzles that are open stay empty."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE

    figure = Figure(figsize=(11, 5), layout="constrained")
    for axes, (title, make) in zip(figure.subplots(2, 4).flat, panels(), strict=True):
        axes.set_title(title)
        try:
            values = make()
        except NotImplementedError:
            axes.text(0.5, 0.5, "not yet", ha="center", transform=axes.transAxes)
            axes.set(xticks=[], yticks=[])
            continue
        if values.ndim == 1:
            axes.bar(np.arange(len(values)), values, color=BLUE)
            axes.set(xlabel="digit", xticks=range(len(values)))
        else:
            drawn = axes.imshow(values, cmap="PuOr" if values.min() < 0 else "cividis")
            axes.set(xticks=[], yticks=[], anchor="N")
            if values.shape[1] <= 10:  # beside a strip there is no room
                figure.colorbar(drawn, ax=axes, fraction=0.046, anchor=(0, 1))
    return figure


# %% [markdown]
# ## Look at it
#
# In picture 4 the rows of the 3 have become equally heavy: a row with few bright pixels is now brighter in them. In
# picture 3 the diagonal is 0, and the two sides are each other's negatives. In 6, the 3 becomes an 8 from left to
# right, in equal steps; the third picture is half of each. And the bars of 7 are the diagonal of the table in 8, before
# it was divided by 8.
#
# `python -m lessons demo 01` shows eight lines at work, cell by cell: the arrow keys go from one to the next.
#
# ## Argue about it
#
# NumPy could refuse to broadcast unless you ask for it. Which of the mistakes in this lesson would that have prevented,
# and what would you lose?

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
