# %% [markdown]
# # 06 · Softmax and cross-entropy
#
# A network looks at a picture of a handwritten 5 and gives ten numbers, one **score** for each digit. Its highest score
# is for 9. How wrong is that, as one number? And for each of the ten scores: should it go up or down, and how much?
#
# ![A 5 that looks like a 9: its scores, its probabilities beside the truth, and the push on every score](expected.png)
#
# Two functions answer this. **Softmax** turns scores into probabilities. **Cross-entropy** turns probabilities and the
# truth into a loss. Written as one function, the two have one of the shortest gradients of the course, and it can be
# read aloud: *what you said, minus what is true.* You write both.

# %%
import numpy as np

# %% [markdown]
# ## From scores to probabilities
#
# Take one row of K scores $x_1, \dots, x_K$, one for each class. They can be any numbers, also negative ones.
# Probabilities are never negative and come to 1. Two steps get there: the exponential function makes every number
# positive, and dividing by the sum makes the sum 1.
#
# $$
# p_i = \frac{\exp(x_i)}{S}, \quad S = \sum_{j} \exp(x_j)
# $$
#
# By hand, with the scores 0, ln 2 and ln 5 (about 0, 0.69 and 1.61), so that the exponentials are whole numbers:
#
#     x         0       0.69    1.61
#     exp(x)    1       2       5        S = 8
#     p         0.125   0.25    0.625    in all 1
#
# ## Only differences count
#
# Add the same number $c$ to every score of the row. Each exponential is multiplied by $\exp(c)$, and so is their sum:
#
# $$
# \frac{\exp(x_i + c)}{\sum_{j} \exp(x_j + c)} = \frac{\exp(c) \cdot \exp(x_i)}{\exp(c) \cdot S} = p_i
# $$
#
# Nothing changes. Softmax sees only how far the scores lie apart: one that is larger by 1 has $\exp(1) = 2.718$ times
# the probability. (To change the distances themselves, divide all scores by a number, the **temperature**. A large one
# makes all classes nearly equal; a small one leaves nearly everything to the largest. The demo shows it.)
#
# Without the shift, softmax does not work. Here is the formula as it stands, for the scores 1000, 999 and 0:
#
#     >>> e = np.exp(np.array([1000.0, 999.0, 0.0]))
#     >>> e
#     array([inf, inf,  1.])
#     >>> e / e.sum()
#     array([nan, nan,  0.])
#
# The largest float64 is about $\exp(709.8)$, the largest float32 about $\exp(88.7)$. Beyond stands inf, and inf / inf
# is nan, *not a number*. So subtract something first. **Which number?** The largest score of the row:
#
#     x - max       0    -1    -1000
#     exp           1     0.368    0
#     p             0.731 0.269    0
#
# Two promises are kept. Every exponent is 0 or less, so no exponential is above 1: nothing overflows. And one of them
# is exactly 1, so the sum is never 0: nothing is divided by 0. The *mean* of the row breaks the first promise: the
# scores 1000 and -1000 have the mean 0. The maximum *of the whole array* breaks the second: in a row that lies a
# thousand below it, every exponential is rounded to 0, and 0 / 0 is nan.
#
# Each row has its own maximum and its own sum, so both need `keepdims=True` (lesson 01). Without it, B maxima are laid
# along the K classes: an error if B and K differ, and a wrong result without a word if they are equal.
#
# ## How the probabilities move
#
# Change one score $x_j$ a little. Every $p_i$ changes, because $x_j$ is part of the sum $S$ below all of them. How
# strongly? By school's quotient rule, the slope of a fraction is (slope of the top · bottom − top · slope of the
# bottom) / bottom². The exponential is its own slope, and only one summand of $S$ contains $x_j$: so the slope of the
# bottom is $\exp(x_j)$. For the top there are two cases. Its own score, $i = j$: the slope is $\exp(x_i)$. Another
# score, $i \ne j$: the top does not contain it, and the slope is 0.
#
# $$
# \begin{aligned}
# \frac{\partial p_i}{\partial x_i} &= \frac{\exp(x_i) \cdot S - \exp(x_i) \exp(x_i)}{S^2} = p_i - p_i \cdot p_i \\
# \frac{\partial p_i}{\partial x_j} &= \frac{0 \cdot S - \exp(x_i) \exp(x_j)}{S^2} = -p_i \cdot p_j
# \end{aligned}
# $$
#
# All these slopes together are a table of K by K numbers, the **Jacobian**. For the example above, in 64ths:
#
#               by x1   by x2   by x3
#     of p1       7      -2      -5
#     of p2      -2      12     -10
#     of p3      -5     -10      15
#
# The diagonal is positive: a higher score raises its own probability. All else is negative: it lowers the others. And
# each column comes to 0, because probabilities always come to 1: what one gains, the others lose.
#
# ## The gradient, without the table
#
# From above comes $dy_i$, the gradient of the loss with respect to each $p_i$. Score $x_j$ reaches the loss through
# **every** $p_i$. The chain rule takes all these roads and adds them up, which is column $j$ of the table times dy:
#
# $$
# \begin{aligned}
# dx_j &= \sum_{i} dy_i \cdot \frac{\partial p_i}{\partial x_j} \\
# &= dy_j \cdot p_j - \sum_{i} dy_i \cdot p_i \cdot p_j \\
# &= p_j \cdot \left( dy_j - \sum_{i} dy_i \cdot p_i \right)
# \end{aligned}
# $$
#
# In the second line the sum takes $-p_i p_j$ for all $i$, also for $i = j$, and the first summand is what the diagonal
# has in addition. The third line takes $p_j$ out. Now no table is needed: the sum is one number for the whole row, the
# mean of dy weighted by the probabilities. The gradient asks of every class: is your dy above or below that mean?
#
# By hand, with dy = (8, 0, 4). The weighted mean is 8 · 0.125 + 0 · 0.25 + 4 · 0.625 = 3.5.
#
#     p            0.125    0.25     0.625
#     dy - 3.5     4.5     -3.5      0.5
#     dx           0.5625  -0.875    0.3125      in all 0
#
# Compare with the table, column 1: (8 · 7 + 0 · (-2) + 4 · (-5)) / 64 = 36 / 64 = 0.5625.
#
# ## The mistake that most people make
#
# They take the diagonal only: dx = dy · p · (1 − p). It is tempting because GELU worked like that, entry by entry, and
# because p · (1 − p) is indeed the slope of each probability by its own score. But the entries of a row share the sum
# $S$. In the example the diagonal alone gives 0.875, 0 and 0.9375. All three are too large: what the neighbours take
# away is missing.
#
# A second trap is in the checking, as in lesson 03. With a dy of ones the weighted mean is 1, and dx is
# $p_j \cdot (1 - 1) = 0$. A backward that forgets the factor $p_j$ passes, and one that returns only zeros does, too.
#
# ## Your turn: softmax
#
# `axis` says along which axis the probabilities come to 1. It is the last one unless somebody asks for another; give it
# to every maximum and every sum.

# %%


def softmax(x, axis=-1):
    """p = exp(x) / Σ exp(x), the sum along one axis. Returns p and backward.

    x and p have the same shape, for example (B, K) or (B, T, K), and the same dtype.
    Scores as large as 10,000 must not overflow.
    dx_j = p_j · (dy_j − Σ_i dy_i · p_i), the sum along the same axis.
    """
    # BEGIN SOLUTION: p, from x shifted so that nothing can overflow
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    p = e / e.sum(axis=axis, keepdims=True)
    # END SOLUTION

    def backward(dy):
        """dy has the shape of p. Returns dx."""
        # BEGIN SOLUTION: dx, from dy and p
        weighted_mean = (dy * p).sum(axis=axis, keepdims=True)  # axis shrinks to length 1
        dx = p * (dy - weighted_mean)
        # END SOLUTION
        return dx

    return p, backward


# %% [markdown]
# ## The loss is surprise
#
# The image is a 5, and the network gave the 5 a probability $p$. How badly did it do? Measure how **surprised** it is
# by the truth:
#
#     p                   1      0.9     0.5     0.1     0.001
#     surprise, -ln p     0      0.11    0.69    2.30    6.91
#
# Who was sure and right is not surprised at all. Who gave the truth one chance in a thousand is, very much. Why the
# logarithm? Because surprises should add: the probability that two independent things both happen is a product, and
# $\ln$ turns it into a sum. The loss of a batch is the mean surprise over its B images.
#
# ## Targets
#
# Write the truth as probabilities, too: a row $t$ with 1 at the label and 0 elsewhere. The surprise is then
#
# $$
# L = -\sum_{k} t_k \cdot \ln p_k
# $$
#
# This is the **cross-entropy** between $t$ and $p$. All but one of its summands are 0. So why the sum? Because targets
# can be softer. With a 1 at the label, the loss is never quite 0: a larger score for the label lowers it still, and
# training would push that score up for ever. **Label smoothing** takes a share $s$ off the label and deals it out
# evenly to all K classes:
#
#     label     1 - s + s / K
#     others    s / K                   in all 1
#
# With K = 10 and s = 0.1 this is 0.91 and 0.01. The gradient below will be 0 where p = t, and there the label's score
# is ahead by ln 91 = 4.5, and not by infinity. The next function makes these targets; it is given.

# %%


def targets(labels, classes, label_smoothing, dtype):
    """The target distribution t of shape (B, K), for labels (B,) of whole numbers from 0 to K - 1, and K classes."""
    t = np.full((len(labels), classes), label_smoothing / classes, dtype=dtype)  # (B, K)
    t[np.arange(len(labels)), labels] += 1 - label_smoothing
    return t


# %% [markdown]
# ## The logarithm of softmax
#
# To take the logarithm of your softmax's p is a trap. For the scores 1000, 999 and 0 the third p is so small that it is
# rounded to 0, and its logarithm is -inf. Yet the right value is a plain number, about -1000. Take the logarithm on
# paper first. With the row's maximum $m$:
#
# $$
# \ln p_k = \ln \frac{\exp(x_k - m)}{\sum_{j} \exp(x_j - m)} = (x_k - m) - \ln \sum_{j} \exp(x_j - m)
# $$
#
# The exponential and the logarithm of the top cancel. The sum lies between 1 and K, so its logarithm is safe.
#
# ## Two gradients that cancel
#
# How does $\ln p_k$ change with the score $x_j$? The shift changes nothing, so we may differentiate $x_k - \ln S$.
# The slope of the first part is 1 if $k = j$, else 0. For $\ln S$ the chain rule gives $1 / S$ times the slope of $S$:
#
# $$
# \frac{\partial \ln S}{\partial x_j} = \frac{\exp(x_j)}{S} = p_j
# $$
#
# Write $[k = j]$ for "1 if k = j, else 0". Then the loss of one image has the slope
#
# $$
# \begin{aligned}
# \frac{\partial L}{\partial x_j} &= -\sum_{k} t_k \cdot \left( [k = j] - p_j \right) \\
# &= -t_j + p_j \cdot \sum_{k} t_k \\
# &= p_j - t_j
# \end{aligned}
# $$
#
# In the sum over $t_k \cdot [k = j]$ only $t_j$ is left. In the last step it matters that the targets come to 1. *What
# you said, minus what is true.*
#
# The batch's loss is the mean over B images, so each of them counts 1 / B. And `dy`, the gradient that comes from
# above, is one number here (usually 1). In all:
#
# $$
# \text{dlogits} = \frac{p - t}{B} \cdot dy
# $$
#
# **Why one function and not two?** The slope of $\ln p$ is $1 / p$. So cross-entropy alone hands down $-t_k / p_k$,
# which is -inf for a label whose $p_k$ was rounded to 0. Softmax then multiplies by that very $p_k$, and 0 · inf is
# nan. On paper the two cancel; in the computer they have no chance to, unless they cancel on paper first. Fused, it is
# stable *and* simpler.
#
# ## By hand, and a test to remember
#
# The three probabilities from above, and the label is the second class:
#
#     p        0.125    0.25     0.625
#     t        0        1        0           loss = -ln 0.25 = 1.386
#     p - t    0.125   -0.75     0.625       in all 0
#
# Gradient descent goes against it: the label's score rises, both others fall, the one that claimed more falls further.
#
# Before any training, a network knows nothing. If all K scores are equal, every $p_k$ is $1 / K$, and the loss is
# $-\ln (1 / K) = \ln K$, whatever the labels are. With ten classes: 2.3026. Remember that number. A first loss far from
# it means that something is wrong before training has begun.
#
# Three more mistakes, all common. *Softmax twice*: the function below takes scores. Given probabilities it runs, and
# even learns, slowly: they differ by at most 1, so with ten classes no p can exceed e / (e + 9) = 0.232. *No 1 / B*:
# twice the batch makes twice the gradient, and so twice the step. *t − p*: the net learns to be wrong.
#
# ## Your turn: cross-entropy

# %%


def cross_entropy(logits, labels, label_smoothing=0.0):
    """The mean over the batch of −Σ_k t_k · ln p_k, with p = softmax(logits). Returns the loss and backward.

    logits (B, K): the scores. labels (B,): whole numbers, the right class of each image.
    loss: one number, of the dtype of logits. Scores as large as 10,000 must give no inf and no nan.
    dlogits = (p − t) / B · dy
    """
    batch, classes = logits.shape
    t = targets(labels, classes, label_smoothing, logits.dtype)  # (B, K)
    # BEGIN SOLUTION: log_p, the logarithm of softmax, and from it the loss
    shifted = logits - logits.max(axis=1, keepdims=True)  # (B, K)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (B, K)
    loss = -(t * log_p).sum() / batch
    # END SOLUTION

    def backward(dy):
        """dy is one number. Returns dlogits, and None for labels: whole numbers have no gradient."""
        # BEGIN SOLUTION: dlogits, from log_p, t and dy
        p = np.exp(log_p)  # (B, K)
        dlogits = (p - t) * (dy / batch)
        # END SOLUTION
        return dlogits, None

    return loss, backward


# %% [markdown]
# Check them with `python -m lessons check 06`.
#
# ## Look at it
#
# The scores come from a very simple classifier: minus the squared distance of the image from the average image of each
# digit. So they are all negative, and softmax does not mind. This 5 is closest to the average 9. In the third panel the
# bars are $p$, and the outlines are the targets, with a smoothing of 0.1. The last panel shows the push that gradient
# descent gives each score, $t - p$. The 5 goes up. The 9 goes down hardest, because it claimed most. Digits that
# claimed about their target of 0.01 hardly move. All pushes together come to 0.
#
# ## Argue about it
#
# Show a digit classifier a picture of a cat. Softmax deals out a probability of 1 among ten digits all the same. Should
# a high probability then be called "confidence"? What could you change in the targets, the classes or the loss so that
# the network can say "none of these"?

# %%


def picture():
    """A 5 that looks like a 9: the image, its scores, its probabilities beside the targets, the push on every score."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE
    from minivit.data import load

    data, digits = load("digits"), np.arange(10)
    images = data.train_images.astype(np.float64)  # (n, 8, 8, 1)
    image, labels = images[749], data.train_labels[749:750]
    averages = np.stack([images[data.train_labels == k].mean(axis=0) for k in digits])  # (10, 8, 8, 1)
    logits = -((image - averages) ** 2).sum(axis=(1, 2, 3))[None]  # (1, 10)
    p, t = softmax(logits)[0], targets(labels, 10, 0.1, logits.dtype)  # both (1, 10)
    loss, backward = cross_entropy(logits, labels, 0.1)
    push = -backward(np.ones_like(loss))[0][0]  # (10,)

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    look, scores, chances, pushes = figure.subplots(1, 4, width_ratios=(0.8, 1, 1, 1))
    look.imshow(image[..., 0], cmap="gray_r")
    look.set_axis_off()
    look.set_title(f"a {labels[0]}")
    scores.barh(digits, logits[0], color=GREY)
    scores.set(title="scores x")
    chances.barh(digits, p[0], color=BLUE, label="p")
    chances.barh(digits, t[0], color="none", edgecolor="black", label="target t")
    chances.set(title=f"p, loss {loss:.2f}", xlim=(0, 1))
    chances.legend(loc="upper right")
    pushes.barh(digits, push, height=0.15, color=GREY)
    pushes.scatter(push, digits, c=np.where(push > 0, BLUE, ORANGE), s=12 + 150 * np.abs(push), marker="o")
    pushes.axvline(0, color="black", linewidth=0.8)
    pushes.set(title="push t − p", xlim=(-0.9, 0.9))
    for axis in (scores, chances, pushes):
        axis.set(yticks=digits, ylim=(9.6, -0.6))
    return figure


# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
