# %% [markdown]
# # 08 · LayerNorm
#
# Multiply by 3, thirty times, and you have a number of fifteen digits. Multiply by a third, thirty times, and nothing
# is left. A deep network multiplies by a matrix again and again. **What keeps its numbers from growing or dying?**
#
# ![Rows of a digit before and after LayerNorm, and the three terms of its gradient](expected.png)
#
# The answer in a Vision Transformer is LayerNorm: before a layer reads a row of numbers, the row is brought to mean 0
# and spread 1. The forward is six lines. The backward is where people get lost, and where this lesson takes its time.

# %% [markdown]
# ## A stack that loses its scale
#
# Let us first see the trouble. Take 100 digits, each a row of 64 pixels, and send them through thirty layers, each a
# Linear (lesson 04, without its bias) and a GELU (lesson 05). The weights are random, as on the first day of training,
# with standard deviation `scale / 8`; 8 is the root of 64, the width. After each layer, measure the spread (the
# standard deviation) of all the numbers.

# %%
import numpy as np

from minivit import ops
from minivit.data import load


def spread_by_layer(scale, normalise=False, layers=30):
    """The spread of the numbers after each layer of a random stack; normalise=True puts your layernorm before each."""
    rng = np.random.default_rng(0)
    x = load("digits").train_images[:100].reshape(100, 64)  # (100, 64)
    one, zero = np.ones(64, np.float32), np.zeros(64, np.float32)
    spread = []
    for _ in range(layers):
        weight = rng.normal(0, scale / 8, (64, 64)).astype(np.float32)
        if normalise:
            x, _ = layernorm(x, one, zero)  # (100, 64)
        x, _ = ops.gelu.forward(x @ weight)  # (100, 64)
        spread.append(float(x.std()))
    return spread


if __name__ == "__main__":
    for scale in (1, 2, 3):
        spread = spread_by_layer(scale)
        print(f"scale {scale}:", "  ".join(f"layer {i} {spread[i - 1]:.2g}" for i in (1, 10, 20, 30)))

# %% [markdown]
# It prints the first three lines of this table. The last two are what `spread_by_layer(scale, normalise=True)` gives
# when your forward is done:
#
# | | layer 1 | layer 10 | layer 20 | layer 30 |
# |---|---|---|---|---|
# | scale 1 | 0.26 | 0.00065 | 0.00000069 | 0.00000000068 |
# | scale 2 | 0.56 | 6.6 | 190 | 11,000 |
# | scale 3 | 0.86 | 390 | 610,000 | 2,200,000,000 |
# | scale 1, normalised | 0.56 | 0.60 | 0.56 | 0.62 |
# | scale 3, normalised | 1.7 | 1.8 | 1.7 | 1.9 |
#
# Without normalising, each layer multiplies the spread by nearly the same factor, and thirty layers raise it to the
# power of thirty. The gradients on the way back are multiplied by the same matrices, transposed, so they die and
# explode in the same way. You could search for the one scale that keeps the balance, but training changes the weights,
# and then it is gone. LayerNorm measures the spread where it stands, and divides by it.

# %% [markdown]
# ## What LayerNorm does
#
# The input x has shape (B, T, D): B pictures, each cut into T pieces called *tokens*, each token a *row* of D numbers.
# (Lesson 09 does the cutting; in the picture above, the tokens are the eight rows of pixels of a digit.) There may be
# more axes in front, or fewer. Only the last one matters: **every row is normalised by itself.**
#
#     x        (B, T, D)      input
#     mean     (B, T, 1)      one number a row
#     sigma    (B, T, 1)      one number a row
#     weight   (D,)           one number a column, the same for all rows
#     bias     (D,)           one number a column, the same for all rows
#     y        (B, T, D)      output
#
# From here on, look at one row, $x_1, x_2, \dots, x_D$. First its mean $\mu$, and its variance $v$, the average squared
# distance from the mean:
#
# $$
# \mu = \frac{1}{D} \sum_{j} x_j \qquad v = \frac{1}{D} \sum_{j} (x_j - \mu)^2
# $$
#
# The variance divides by $D$, not by $D - 1$ as in statistics books: they guess the variance of a large population from
# a small sample. We guess nothing. We want these $D$ numbers, and no others, to come out with variance 1.
#
# Take off $\mu$ first, then square. On paper the mean of $x_j^2$ minus $\mu^2$ is the same number, and it saves a step.
# In a computer it is the small difference of two large numbers where $\mu$ is large, and its digits are lost (lesson 03).
#
# Next $\sigma$, the standard deviation, with a tiny number $\varepsilon = 10^{-6}$ inside the root; then $\hat{x}$, the
# normalised row:
#
# $$
# \sigma = \sqrt{v + \varepsilon} \qquad \hat{x}_i = \frac{x_i - \mu}{\sigma}
# $$
#
# If all numbers of a row are equal, as in the black corner of a picture, then $v = 0$. Without $\varepsilon$ we would
# divide 0 by 0; with it, $\hat{x}$ is 0. For an ordinary row it changes almost nothing.
#
# Every row now has mean 0 and variance 1 (a trifle less than 1, because of $\varepsilon$). But perhaps the next layer
# would do better with more of column 3, or with column 5 shifted upwards. So each column gets a factor $\gamma_i$ and a
# shift $\beta_i$, both learned:
#
# $$
# y_i = \gamma_i \hat{x}_i + \beta_i
# $$
#
# In the code $\gamma$ is called `weight` and $\beta$ is called `bias`, as everywhere else. They start at 1 and 0.
#
# Why not average over the batch, as its older relative BatchNorm does in training? Because then the answer for your
# picture would depend on which other pictures came along. A row that looks only at itself gives the same answer alone
# and in company.
#
# **By hand.** A row of four numbers, $x = (9, 1, 15, 7)$. They add up to 32, so $\mu = 8$. The distances from it are
# $(1, -7, 7, -1)$, their squares 1, 49, 49, 1, so $v = 100 / 4 = 25$ and $\sigma = 5$ (we leave $\varepsilon$ out by
# hand). Then
#
#     x̂ = (0.2, −1.4, 1.4, −0.2)              mean 0, and (0.04 + 1.96 + 1.96 + 0.04) / 4 = 1
#     γ = (2, 1, 1, 0.5)    β = (0, 0, 1, 0)
#     y = (0.4, −1.4, 2.4, −0.1)
#
# This is enough to write the forward. The function is further down, under "Your turn".

# %% [markdown]
# ## Backward, the easy half: weight and bias
#
# As in every lesson, $L$ is the loss, and $dy_i$ is short for $\frac{\partial L}{\partial y_i}$, the gradient that
# arrives from above, of the shape of y. In one row, $y_i = \gamma_i \hat{x}_i + \beta_i$, so $L$ changes by
# $dy_i \hat{x}_i$ for each unit of $\gamma_i$, and by $dy_i$ for each unit of $\beta_i$.
#
# But the same $\gamma_i$ serves every row of every picture. Let $R = B \cdot T$ be the number of rows, and number them
# with $r$. The changes add up, one from each row, as for the bias of Linear:
#
# $$
# \frac{\partial L}{\partial \gamma_i} = \sum_{r} dy_{ri} \hat{x}_{ri}
# \qquad \frac{\partial L}{\partial \beta_i} = \sum_{r} dy_{ri}
# $$
#
# The sums run over every axis except the last, however many there are, and both results have shape (D,).
#
# ## Three roads from x to y
#
# Now x. Back to one row; rows do not touch each other, so one row tells everything. First the step through $\gamma$: as
# $y_i = \gamma_i \hat{x}_i + \beta_i$, the gradient of $\hat{x}_i$ is $\gamma_i \cdot dy_i$. It gets a letter of its
# own: $g_i = \frac{\partial L}{\partial \hat{x}_i} = \gamma_i \cdot dy_i$.
#
# It remains to get from $\hat{x}$ to $x$. Look again at $\hat{x}_i = \frac{x_i - \mu}{\sigma}$. Three things in it can
# move when we move one number $x_k$: the $x_i$ that you see, and the $\mu$ and the $\sigma$ that were computed from the
# whole row.
#
#     x_k --+---------------------------->  x̂_k only           1. directly
#           |
#           +-->  µ  -------------------->  every x̂_i          2. through the mean
#           |
#           +-->  v  -->  σ  ------------>  every x̂_i          3. through the variance
#
# The chain rule for several roads (lesson 02): along one road, multiply the slopes; where roads meet, add. So for each
# road we ask two questions. How fast does $\hat{x}_i$ move along it, with the other two held still? And what does this
# make, weighted by $g_i$ and added over all $i$?
#
# **Road 1, directly.** Hold $\mu$ and $\sigma$ still. Then $\hat{x}_i$ moves only if it is the one with $i = k$, and
# its slope is $\frac{1}{\sigma}$. All other slopes are 0, so of the sum over $i$ one summand is left, and road 1 brings
# $\frac{g_k}{\sigma}$.
#
# **Road 2, through the mean.** $\mu = \frac{1}{D} (x_1 + \dots + x_D)$, so it moves by $\frac{1}{D}$ for each unit of
# $x_k$. With $x_i$ and $\sigma$ held still, $\hat{x}_i = \frac{x_i - \mu}{\sigma}$ moves by $-\frac{1}{\sigma}$ for
# each unit of $\mu$, and this is so for *every* $i$:
#
# $$
# \text{road 2} = \sum_{i} g_i \cdot \left( -\frac{1}{\sigma} \right) \cdot \frac{1}{D}
#     = -\frac{1}{\sigma} \cdot \frac{1}{D} \sum_{i} g_i = -\frac{\mathrm{mean}(g)}{\sigma}
# $$
#
# **Road 3, through the variance.** It has three slopes to multiply. *First, of v by* $x_k$. $v$ is an average of
# squares $(x_j - \mu)^2$. The chain rule on one square gives $2 (x_j - \mu)$ times the slope of $x_j - \mu$. That slope
# is 1 if $j = k$ and 0 if not, and in both cases less $\frac{1}{D}$, because $\mu$ moves too:
#
# $$
# \frac{\partial v}{\partial x_k} = \frac{1}{D} \left( 2 (x_k - \mu) - \frac{1}{D} \sum_{j} 2 (x_j - \mu) \right)
#     = \frac{2 (x_k - \mu)}{D}
# $$
#
# The sum has vanished because distances from the mean always add up to zero:
# $\sum_{j} (x_j - \mu) = D \mu - D \mu = 0$. So the side street that leads from $x_k$ to $\mu$ to $v$ carries nothing,
# and we may forget it.
#
# *Second, of σ by v.* The root $\sigma = \sqrt{v + \varepsilon}$ has the derivative $\frac{1}{2 \sigma}$. Multiplied,
# the 2 cancels:
#
# $$
# \frac{\partial \sigma}{\partial x_k} = \frac{1}{2 \sigma} \cdot \frac{2 (x_k - \mu)}{D}
#     = \frac{1}{D} \cdot \frac{x_k - \mu}{\sigma} = \frac{\hat{x}_k}{D}
# $$
#
# *Third, of* $\hat{x}_i$ *by σ*, with $x_i$ and $\mu$ held still. The derivative of $\frac{1}{\sigma}$ is
# $-\frac{1}{\sigma^2}$, so the slope is $-\frac{x_i - \mu}{\sigma^2} = -\frac{\hat{x}_i}{\sigma}$.
#
# Multiply the three and $g_i$, and add over all $i$. What does not depend on $i$ moves in front of the sum:
#
# $$
# \text{road 3} = \sum_{i} g_i \cdot \left( -\frac{\hat{x}_i}{\sigma} \right) \cdot \frac{\hat{x}_k}{D}
#     = -\frac{\hat{x}_k}{\sigma} \cdot \frac{1}{D} \sum_{i} g_i \hat{x}_i
#     = -\frac{\hat{x}_k \cdot \mathrm{mean}(g \cdot \hat{x})}{\sigma}
# $$
#
# **Collected.** Three roads, three terms. Written for the whole row, with $g = \gamma \cdot dy$:
#
# $$
# dx = \frac{1}{\sigma} \left( g - \mathrm{mean}(g) - \hat{x} \cdot \mathrm{mean}(g \cdot \hat{x}) \right)
# $$
#
# Both means run over the last axis, one number a row, like $\mu$ and $\sigma$. Nothing was neglected on the way, not
# even $\varepsilon$.

# %% [markdown]
# ## Check it by hand
#
# The row from above, with $dy = (2, -2, 1, 2)$. Then $g = \gamma \cdot dy = (4, -2, 1, 1)$, and
# $\mathrm{mean}(g) = 4 / 4 = 1$. For the third road, $g \cdot \hat{x} = (0.8, 2.8, 1.4, -0.2)$, which adds up to
# 4.8, and the mean is 1.2. With $\sigma = 5$:
#
#     road 1    g / 5                  0.800   −0.400    0.200    0.200
#     road 2    −1 / 5                −0.200   −0.200   −0.200   −0.200
#     road 3    −x̂ · 1.2 / 5          −0.048    0.336   −0.336    0.048
#                                    --------------------------------
#     dx                               0.552   −0.264   −0.336    0.048
#
# Believe it? Move the third number from 15 to 15.01 and compute the loss $L = \sum_{i} dy_i y_i$ again. It goes from
# 5.800000 to 5.796642, a fall of 0.003358. Our dx promised $-0.336 \cdot 0.01$, a fall of 0.003360. Road 1 alone would
# have promised a *rise* of 0.002: not even the sign is right.
#
# ## What the formula means
#
# Add up that dx: 0.552 − 0.264 − 0.336 + 0.048 = 0. Now multiply it by x̂, entry by entry, and add up:
# 0.1104 + 0.3696 − 0.4704 − 0.0096 = 0 again. This is no accident.
#
# Add 10 to every number of a row: $\mu$ grows by 10, and y stays as it was. A move of x along $(1, 1, \dots, 1)$ cannot
# change the loss, so the gradient can have no part in that direction. Now stretch the row away from its mean: $x - \mu$
# and $\sigma$ grow by the same factor, and y stays as it was (nearly: $\varepsilon$ does not stretch along). A move
# along $\hat{x}$ cannot change the loss either.
#
# That is what the two subtractions do. The part of a vector $a$ that lies along a direction $u$ is
# $u \cdot \frac{\sum_{i} a_i u_i}{\sum_{i} u_i u_i}$. For $u = (1, \dots, 1)$ the lower sum is $D$, and the part is
# $\mathrm{mean}(a)$, the same number everywhere. For $u = \hat{x}$ the lower sum is $D$ again, because $\hat{x}$
# has variance 1 (nearly), and the part is $\hat{x} \cdot \mathrm{mean}(a \cdot \hat{x})$. **dx is γ·dy/σ, with
# its part along the ones and its part along x̂ taken away.**

# %% [markdown]
# ## The mistake most people make
#
# They stop after road 1. In the forward, `mean` and `sigma` look like two plain numbers, and y looks like a Linear: x
# times something, plus something. But they were computed from x, and whatever was computed from x is a road. And
# training may not tell you. Four layers, each with a LayerNorm before it, were trained on the digits for five epochs,
# with four seeds. Right: 96 to 98 % of the test digits read. Only road 1: still 94 to 95 %. Only road 2 forgotten: 96
# to 97 %. The loss falls in all of them, as a gradient that is roughly right leads down too.
#
# A second trap hides the first. If you test with dy all ones and γ all ones, then g is all ones, and the right dx is
# *zero*: roads 1 and 2 cancel, and road 3 is empty because x̂ adds up to 0. A backward with no third road passes that
# test, and so does one that returns nothing but zeros. Lesson 03 said to check with a random dy; here you see why.
#
# And mind the axes. The means in backward run over D, because the roads run inside the row. The sums for weight and
# bias run over everything else, because the rows share those two. Mix them up, and the shapes may still fit.
#
# ## Your turn
#
# `python -m lessons check 08` tells you how far you are, and `python -m lessons hint 08` gives a nudge. A mean over the
# last axis that still fits onto x needs `keepdims=True`: (B, T, D) becomes (B, T, 1) and not (B, T).


# %%
def layernorm(x, weight, bias, eps=1e-6):
    """Every row of x, (..., D), brought to mean 0 and variance 1, then times weight plus bias, both (D,).

        µ = mean of the row      v = mean of (x − µ)²      σ = √(v + eps)
        x̂ = (x − µ) / σ          y = x̂ · weight + bias

    Returns y, of the shape of x, and backward.
    """
    # BEGIN SOLUTION: y, from the mean and the standard deviation of each row
    mean = x.mean(axis=-1, keepdims=True)  # (..., 1)
    centred = x - mean  # (..., D)
    variance = (centred * centred).mean(axis=-1, keepdims=True)  # (..., 1)
    sigma = np.sqrt(variance + eps)  # (..., 1)
    xhat = centred / sigma  # (..., D)
    y = xhat * weight + bias  # (..., D)
    # END SOLUTION

    def backward(dy):
        """dy has the shape of y; returns dx (..., D), dweight (D,) and dbias (D,)."""
        # BEGIN SOLUTION: dweight and dbias, where all the rows add up
        shared = tuple(range(dy.ndim - 1))  # every axis but the last
        dweight = (dy * xhat).sum(axis=shared)  # (D,)
        dbias = dy.sum(axis=shared)  # (D,)
        # END SOLUTION

        # BEGIN SOLUTION: dx, the three roads together
        g = dy * weight  # (..., D), the gradient of xhat
        along_ones = g.mean(axis=-1, keepdims=True)  # (..., 1)
        along_xhat = (g * xhat).mean(axis=-1, keepdims=True)  # (..., 1)
        dx = (g - along_ones - xhat * along_xhat) / sigma  # (..., D)
        # END SOLUTION
        return dx, dweight, dbias

    return y, backward


# %% [markdown]
# ## Look at it
#
# On the left, a zero as eight tokens of eight pixels, and below it what your function made of it. The numbers beside
# each row are its mean and its spread: all different before, 0 and 1 after. A row with little ink now speaks as loudly
# as one with much. What is left is the pattern.
#
# On the right, one row on its way back. The first three strips are the three roads: the second is the same everywhere,
# the third is x̂ made smaller and turned upside down. In the last strip the bars are their sum, and the dots are the dx
# of *your* backward. Do the dots sit at the ends of the bars?


# %%
def picture():
    """Rows before and after, and the three terms of dx in one of them."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE, PURPLE

    def along(direction, vector):  # the part of a vector that lies along a direction
        return direction * (vector @ direction) / (direction @ direction)

    one, zero, chosen = np.ones(8), np.zeros(8), 3
    x = load("digits").train_images[0, :, :, 0].astype(float)  # (8, 8): 8 tokens of width 8
    after, _ = layernorm(x, one, zero)  # (8, 8)
    weight = np.array([1.2, 0.8, 1.0, 1.5, 0.7, 1.1, 0.9, 1.3])
    dy = np.array([[0.7, -0.2, 1.3, 0.5, -0.4, 1.0, 0.9, 0.6]])  # (1, 8)
    _, backward = layernorm(x[[chosen]], weight, zero)
    dx = backward(dy)[0][0]  # (8,)
    direct = dy[0] * weight / x[chosen].std()
    roads = (
        ("directly: γ·dy/σ", direct, BLUE),
        ("+ through the mean", -along(one, direct), ORANGE),
        ("+ through the variance", -along(after[chosen], direct), PURPLE),
    )

    figure = Figure(figsize=(9, 4.6), layout="constrained")
    grid = figure.add_gridspec(4, 2, width_ratios=(1, 1.9))
    pictures = (("x: eight tokens", x, "cividis", (0, 1)), ("x̂: after LayerNorm", after, "PuOr", (-2.5, 2.5)))
    for i, (title, rows, colours, limits) in enumerate(pictures):
        axes = figure.add_subplot(grid[2 * i : 2 * i + 2, 0])
        axes.imshow(rows, cmap=colours, clim=limits)
        axes.set_title(title, loc="left")
        labels = [f"{abs(row.mean().round(2)):.2f}, {row.std():.2f}" for row in rows]
        axes.set(xticks=[], yticks=range(8), yticklabels=labels)
        axes.tick_params(labelright=True, right=True, labelleft=False, left=False, labelsize="small")
        axes.axhspan(chosen - 0.5, chosen + 0.5, fill=False, edgecolor="black" if i else "white", linewidth=2.5)

    limit = 1.15 * max(abs(term).max() for _, term, _ in roads)
    strips = (*roads, ("= the sum, and your dx", sum(term for _, term, _ in roads), GREY))
    for i, (title, term, colour) in enumerate(strips):
        axes = figure.add_subplot(grid[i, 1])
        axes.bar(range(8), term, color=colour)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set(xticks=[], ylim=(-limit, limit))
        axes.set_title(title, loc="left")
    axes.plot(range(8), dx, "o", color="black", markersize=5)
    axes.set_xlabel("the eight entries of the framed row")
    return figure


# %% [markdown]
# ## Argue about it
#
# LayerNorm gives (almost) the same y for a row and for ten times that row. A patch in bright light and the same patch
# in shadow come out alike. Is this a loss or a gift? Think of a task where it helps and of one where it hurts, and of
# how a network with LayerNorm could still learn how bright a patch was.

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
