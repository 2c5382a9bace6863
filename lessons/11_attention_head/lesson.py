# %% [markdown]
# # 11 · One attention head
#
# A patch in the middle of a shoe is a piece of dark cloth. It could be a bag, a coat, a boot. To know more it has to
# look at other patches: is there a sole below me? a lace above? **How does a token find out which of the others have
# something to tell it, and how does it take just that?**
#
# ![A digit; its attention weights as a table; where three of its tokens look; what scaling does](expected.png)
#
# The answer is called **attention**. It is an average of the other tokens, with weights that the tokens compute from
# each other. The forward is three lines. The backward is four, and every one of them follows from lessons 04 and 06.

# %%
import math

import numpy as np

from lessons import mine

# %% [markdown]
# ## From an average to attention
#
# Let tokens share what they know. The simplest way is that everyone receives the mean of all:
#
# $$
# y_i = \sum_{j} \frac{1}{T} v_j
# $$
#
# $T$ is the number of tokens, $v_j$ a vector with what token $j$ has to say, and $y_i$ what token $i$ receives. It is a
# poor way, since all tokens get the same. Better: token $i$ has **weights of its own**, $p_{i j}$, which say how much
# it takes from each $j$. They are not negative, and they add up to 1:
#
# $$
# y_i = \sum_{j} p_{i j} v_j \qquad \sum_{j} p_{i j} = 1
# $$
#
# You know what turns any numbers into such weights: softmax (lesson 06). So what is needed is a **score** $s_{i j}$: how
# much does token $j$ matter to token $i$? The weights must come from what is in the tokens, so that a piece of cloth
# can look for soles wherever they are.
#
# Think of a library. You come with a **query**: a few words on what you look for. Each book has a **key** on its spine.
# You compare your query with every key, and where they match, you take what is inside the book, its **value**. In
# attention each token is reader and book at once. It has three vectors:
#
#     q_i    its query: what token i looks for
#     k_i    its key: what can be found in token i
#     v_i    its value: what it hands over
#
# All three are made from the token by Linears (next lesson), so training decides what is looked for. The score is the
# dot product of query and key, large when the two point in the same direction:
#
# $$
# s_{i j} = \frac{1}{\sqrt{d}} \sum_{c} q_{i c} k_{j c}
# $$
#
# $d$ is the number of entries of a query and of a key. Why the root is there is the next section. As matrices, for all
# tokens at once, with $Q$, $K$ and $V$ of shape (T, d), one row a token:
#
# $$
# S = \frac{Q K^\top}{\sqrt{d}} \qquad P = \mathrm{softmax}(S) \qquad Y = P V
# $$
#
#     Q, K, V     (T, d)
#     S = Q Kᵀ/√d (T, T)      row i: what token i thinks of everyone
#     P           (T, T)      softmax along each row: every row adds up to 1
#     Y = P V     (T, d)      row i: the average of the values with the weights of row i
#
# These are equations 6 and 7 of the ViT paper (appendix A), and the whole of attention. A batch puts more axes in front:
# (B, T, d), or (B, h, T, d) with the $h$ heads of the next lesson. `@` multiplies the last two axes and repeats itself
# over all others.
#
# Note what is not there: no weights to learn, and no position. Exchange two tokens, and the rows of $Y$ are exchanged
# in the same way. That is why lesson 10 had to come first.

# %% [markdown]
# ## Why the root of d?
#
# Suppose that the entries of a query and a key are like random numbers with mean 0 and variance 1 (the average of the
# square), independent of each other. At the start of training this is about right. What is the variance of
# $z = \sum_{c} q_c k_c$?
#
# The mean of each product is 0, since $q_c$ and $k_c$ are independent: mean($q_c k_c$) = mean($q_c$) · mean($k_c$) = 0.
# So the variance of $z$ is the mean of $z^2$. Multiply out the square:
#
# $$
# z^2 = \sum_{c} \sum_{e} q_c k_c q_e k_e
# $$
#
# Where $c \ne e$, the four numbers are independent, and the mean of the product is 0. Where $c = e$, it is the mean of
# $q_c^2$ times the mean of $k_c^2$, which is 1 · 1. There are $d$ of those. So the variance is $d$, and the typical size
# of a score is $\sqrt{d}$: for $d = 64$ it is 8.
#
# Softmax makes powers of e out of scores. Two scores that differ by 8 give weights whose ratio is e⁸ = 2,981: one token
# takes everything. Here is what happens with 17 keys for each query, all random (averages over 4,000 queries):
#
#     d       largest weight, not scaled    largest weight, with 1/√d    Σ p(1 − p), not scaled    scaled
#     1       0.20                          0.20                         0.88                      0.88
#     16      0.69                          0.24                         0.43                      0.87
#     64      0.84                          0.24                         0.23                      0.87
#     256     0.92                          0.24                         0.11                      0.87
#
# The last two columns are the reason to care. $p (1 - p)$ is the slope of a softmax weight by its own score (lesson
# 06). When one weight is nearly 1, all slopes are nearly 0: the head has made up its mind before it has learned
# anything, and no gradient reaches the queries and keys to change it. Dividing by $\sqrt{d}$ gives the scores variance
# 1, whatever $d$ is. (Play with it: `python -m lessons demo 11`.)
#
# The $d$ is the width of **one head's** query. A common mistake is to take the width of the whole token.

# %% [markdown]
# ## By hand, forward
#
# Two tokens, $T = 2$, and vectors of one number, $d = 1$, so $\sqrt{d} = 1$:
#
#     q = 1, 2        k = 0, ln 3        v = 8, 4
#
#     S = q kᵀ        0     ln 3            (1 · ln 3)
#                     0     ln 9            (2 · ln 3 = ln 3² = ln 9)
#     eˢ              1     3
#                     1     9
#     P               1/4   3/4
#                     1/10  9/10
#     Y = P v         8/4  + 3 · 4/4   = 5.0
#                     8/10 + 9 · 4/10  = 4.4
#
# Both tokens prefer the second value; the second token, with the larger query, does so more strongly.
#
# ## Four gradients, one after the other
#
# $dY$ comes from above, of shape (T, d). We want $dQ$, $dK$ and $dV$. Go back through the three lines, last line first.
#
# **Y = P V.** In entries: $Y_{i c} = \sum_{j} P_{i j} V_{j c}$. The value $V_{j c}$ is used in every row $i$, with the
# factor $P_{i j}$. And the weight $P_{i j}$ is used in every column $c$ of row $i$, with the factor $V_{j c}$. What is
# used several times collects several gradients:
#
# $$
# dV_{j c} = \sum_{i} P_{i j} dY_{i c} \qquad dP_{i j} = \sum_{c} dY_{i c} V_{j c}
# $$
#
# In the first, the sum runs over the *first* index of $P$: that is a product with $P$ transposed. In the second, over
# the second index of both:
#
# $$
# dV = P^\top dY \qquad dP = dY V^\top
# $$
#
# In words: value $j$ hears from everyone who looked at it, in proportion to how much they looked. Here, too, the
# pattern is that of lesson 04: a matrix product has two gradients, and each is a product with the other factor,
# transposed.
#
# **P = softmax(S)**, along each row. That is lesson 06, with its sum over the row:
#
# $$
# dS_{i j} = P_{i j} \left( dP_{i j} - \sum_{m} P_{i m} dP_{i m} \right)
# $$
#
# The sum is the average of $dP$ in row $i$. A score goes up if its token was better than average, and down if it was
# worse. A row of $dS$ always adds up to 0: if one is to get more, the others must get less. You have it already: it is
# the backward of `mine.softmax`.
#
# **S = Q Kᵀ/√d.** In entries: $S_{i j} = \frac{1}{\sqrt{d}} \sum_{c} Q_{i c} K_{j c}$. The query $Q_{i c}$ is used for
# every $j$ with the factor $K_{j c}$, the key $K_{j c}$ for every $i$ with the factor $Q_{i c}$, and both with
# $\frac{1}{\sqrt{d}}$:
#
# $$
# dQ_{i c} = \frac{1}{\sqrt{d}} \sum_{j} dS_{i j} K_{j c} \qquad dK_{j c} = \frac{1}{\sqrt{d}} \sum_{i} dS_{i j} Q_{i c}
# $$
#
# $$
# dQ = \frac{dS K}{\sqrt{d}} \qquad dK = \frac{dS^\top Q}{\sqrt{d}}
# $$
#
# That is all. The root of $d$ was in the forward once, and so it comes back once in each of the two.
#
# **By hand**, the two tokens from above with $dY = (1, 10)$:
#
#     dV = Pᵀ dY      1/4 · 1 + 1/10 · 10 = 1.25
#                     3/4 · 1 + 9/10 · 10 = 9.75
#     dP = dY vᵀ      8     4
#                     80    40
#     row averages    1/4 · 8 + 3/4 · 4 = 5,     1/10 · 80 + 9/10 · 40 = 44
#     dS              1/4 · (8 − 5) = 0.75       3/4 · (4 − 5) = −0.75
#                     1/10 · (80 − 44) = 3.6     9/10 · (40 − 44) = −3.6
#     dQ = dS k       0.75 · 0 − 0.75 · ln 3 = −0.824
#                     3.6 · 0 − 3.6 · ln 3   = −3.955
#     dK = dSᵀ q      0.75 · 1 + 3.6 · 2     = 7.95
#                     −0.75 · 1 − 3.6 · 2    = −7.95
#
# Believe it? Move the first key from 0 to 0.01. The loss $\sum_{i} dY_i Y_i$ was 1 · 5 + 10 · 4.4 = 49. It becomes
# 49.0801, a rise of 0.0801; our dK promised 7.95 · 0.01 = 0.0795. (The rest is curvature: with a step of 0.001 the rise is
# 0.00796.)
#
# ## The mistake most people make
#
# **The wrong axis.** $S$ is square, so a softmax down the columns runs without complaint. Then each *key* shares itself
# out among the queries, and the weights of a token no longer add up to 1. The rows belong to the one who looks.
#
# **P for Pᵀ.** $P$ is square as well: $P \cdot dY$ has the right shape. But it hands the gradient to those who looked
# instead of those who were looked at. When shapes cannot help, indices can: over which letter does the sum run?
#
# **What it costs.** $S$ and $P$ have $T \cdot T$ entries for each head and image, and backward needs $P$ again, so it is
# kept. Twice as many tokens need four times the memory. (There is a way out: work through the table in tiles, never keep it,
# and compute it again in backward. That is FlashAttention, lesson 20, and what minivit's own op does too.)

# %% [markdown]
# ## Your turn
#
# `.swapaxes(-1, -2)` transposes the last two axes and leaves those in front alone, where `.T` would turn round all of
# them. `python -m lessons check 11` tells you how far you are, `python -m lessons hint 11` gives a nudge.


# %%
def attention(q, k, v):
    """Every token's average of the values, weighted by how well its query matches each key. q, k, v and y: (..., T, d).

        s = q kᵀ / √d        p = softmax of each row of s        y = p v

    Returns y and backward; backward(dy) returns (dq, dk, dv).
    """
    # BEGIN SOLUTION: y
    scale = 1 / math.sqrt(q.shape[-1])
    scores = (q @ k.swapaxes(-1, -2)) * scale  # (..., T, T)
    p, softmax_backward = mine.softmax(scores)  # (..., T, T)
    y = p @ v  # (..., T, d)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: dq, dk, dv
        dv = p.swapaxes(-1, -2) @ dy  # (..., T, d)
        dp = dy @ v.swapaxes(-1, -2)  # (..., T, T)
        ds = softmax_backward(dp)  # (..., T, T)
        dq = (ds @ k) * scale  # (..., T, d)
        dk = (ds.swapaxes(-1, -2) @ q) * scale  # (..., T, d)
        # END SOLUTION
        return dq, dk, dv

    return y, backward


# %% [markdown]
# ## Let patches of a digit look at each other
#
# With nothing learned, queries and keys can be the patches themselves: "who looks like me?" Your op gives the weights
# away if the values are the identity matrix $I$, 1 on the diagonal and 0 elsewhere: then $Y = P I = P$.


# %%
def weights_of(tokens):
    """The weights (T, T) of tokens (T, d) that look for their like: q = k = tokens, and v the identity, filled up."""
    count, width = tokens.shape
    room = max(count, width)
    padded = np.zeros((count, room), tokens.dtype)
    padded[:, :width] = tokens * (room / width) ** 0.25  # so that 1/√room acts like 1/√width
    y, _ = attention(padded, padded, np.eye(count, room, dtype=tokens.dtype))  # (T, room)
    return y[:, :count]  # (T, T)


def picture():
    """A digit, the table of weights between its patches, where three patches look, and what scaling does to random scores."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, ORANGE
    from minivit import ops
    from minivit.data import load

    data = load("digits")
    image = data.train_images[data.train_labels == 3][4:5]  # (1, 8, 8, 1)
    patches, _ = ops.patchify.forward(image, 2)  # (1, 16, 4)
    tokens = 2 * (patches[0] - patches.mean()) / patches.std()  # (16, 4)
    p = weights_of(tokens)  # (16, 16)

    figure = Figure(figsize=(10.5, 5.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    top, bottom = left.subfigures(2, 1, height_ratios=(5, 4))
    digit, table = top.subplots(1, 2, width_ratios=(3, 4))
    digit.imshow(image[0, ..., 0], cmap="gray_r")
    for line in (1.5, 3.5, 5.5):
        digit.axhline(line, color=BLUE, linewidth=0.8)
        digit.axvline(line, color=BLUE, linewidth=0.8)
    digit.set(title="16 patches", xticks=(), yticks=())
    shown = table.imshow(p, cmap="viridis", vmin=0, vmax=1)
    top.colorbar(shown, ax=table, shrink=0.8)
    table.set(title="P: who looks (row) at whom (column)", xticks=(0, 5, 10, 15), yticks=(0, 5, 10, 15))
    for axes, place in zip(bottom.subplots(1, 3), (2, 5, 13), strict=True):
        axes.imshow(p[place].reshape(4, 4), cmap="viridis", vmin=0, vmax=1)
        axes.plot(place % 4, place // 4, "s", markersize=22, markerfacecolor="none", markeredgecolor=ORANGE, markeredgewidth=2.5)
        axes.set(title=f"where patch {place} looks: up to {p[place].max():.2f}", xticks=(), yticks=())
        axes.title.set_fontsize("small")

    rng = np.random.default_rng(0)
    axes = right.subplots()
    widths = 2 ** np.arange(9)
    for scaled, colour, marker in ((False, ORANGE, "s"), (True, BLUE, "o")):
        largest = []
        for d in widths:
            q, k = rng.standard_normal((400, 1, d)), rng.standard_normal((400, 17, d))
            scores = (q @ k.swapaxes(-1, -2)) / (math.sqrt(d) if scaled else 1)  # (400, 1, 17)
            weights, _ = ops.softmax.forward(scores)
            largest.append(weights.max(axis=-1).mean())
        axes.plot(widths, largest, color=colour, marker=marker, label="divided by √d" if scaled else "not divided")
    axes.axhline(1 / 17, color="#777777", linestyle=":")
    axes.annotate("all 17 equal", (1, 1 / 17), xytext=(0, 4), textcoords="offset points")
    axes.set(xscale="log", xlabel="d, the length of query and key", title="the largest of 17 weights", ylim=(0, 1))
    axes.set_xticks((1, 4, 16, 64, 256), ("1", "4", "16", "64", "256"))
    axes.legend(frameon=False)
    return figure


# %% [markdown]
# ## Look at it
#
# Each row of the table P adds up to 1. Patches without ink look at all other patches without ink, a little at each;
# a patch with ink finds those whose strokes are like its own. Nothing has been learned: it is pure resemblance. In a
# trained model the Linears for queries and keys turn resemblance into something more useful.
#
# Right: without the root, a head with 64 numbers is already decided before training begins.
#
# ## Argue about it
#
# In our example $q = k$: who looks like me? And yet patch 13 looks at patch 2 more than at itself. Why? (A dot product
# grows with the length of both vectors.) What would a query have to be, so that a token looks at *anything but* itself?

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
