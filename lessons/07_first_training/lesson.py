# %% [markdown]
# # 07 · First training run
#
# You have an engine that walks back through a graph (lesson 02), and three ops: linear, GELU, cross-entropy (04, 05,
# 06). None of them has ever seen a picture. **Can they learn to read handwriting?**
#
# Yes, and in about a second. What is missing is a loop of a dozen lines. The engine says which way each number should
# move; the loop moves them, 900 times. Many bugs live in those few lines, and most of them are silent: nothing stops,
# and the network learns badly or not at all. So this lesson is as much about noticing as about training.
#
# ![The loss falls from ln 10, the accuracy on test digits climbs, and the digits that are still misread](expected.png)

# %%
import functools
import math

import numpy as np

from lessons import mine
from minivit.data import load

# %% [markdown]
# ## The digits and the network
#
# The course holds 1,797 digits, written by hand, scanned, and reduced to 8 × 8 grey values between 0 and 1. They come
# in two parts: 1,437 to **train** on, and 360 for the **test**, which the training never sees. `load` gives them as
# arrays of shape (1437, 8, 8, 1) and (360, 8, 8, 1); the last axis is the colour channel, and there is one.
#
# The network is called an **MLP**, a multi-layer perceptron: linear layers, with something that bends between them. `B`
# is the number of images that go through together, the batch.
#
#     images        x         weight1, bias1       GELU       weight2, bias2
#     (B, 8, 8, 1)  (B, 64)  ──────────────> (B, 128) ──────────────> (B, 10)
#                   pixels                   hidden                   logits: a score for each digit
#
# The **parameters** are the numbers that training may change: $64 \cdot 128 + 128 + 128 \cdot 10 + 10 = 9{,}610$ of
# them. These two functions are given. `my_parts` takes what you wrote in the lessons that you passed, and the course's
# own otherwise.

# %%


@functools.cache
def my_parts():
    """Your Tensor, and your three ops as ops that record on it; looked up once, because training uses them so often."""
    return mine.Tensor, mine.op(mine.linear), mine.op(mine.gelu), mine.op(mine.cross_entropy)


def forward(parameters, images):
    """The logits, a Tensor (B, 10), for images (B, 8, 8, 1). parameters: [weight1, bias1, weight2, bias2], Tensors."""
    _, linear, gelu, _ = my_parts()
    weight1, bias1, weight2, bias2 = parameters
    x = images.reshape(len(images), -1)  # (B, 8, 8, 1) to (B, 64)
    hidden = gelu(linear(x, weight1, bias1))  # (B, 128)
    return linear(hidden, weight2, bias2)  # (B, 10)


def loss_of(parameters, images, labels):
    """The loss, a Tensor of one number: the mean cross-entropy over the B images. labels (B,), whole numbers."""
    _, _, _, cross_entropy = my_parts()
    return cross_entropy(forward(parameters, images), labels)


# %% [markdown]
# ## Task 1: a test that stays apart
#
# A network with 9,610 numbers could learn 1,437 answers by heart. Whether it can *read* shows only on digits that had
# no part in making it. That is what the 360 are for, and the rule is strict: **nothing that is computed from the test
# images may flow into the training.** It is broken most often where nobody thinks of learning: in the preparation of
# the data.
#
# Networks learn well from inputs with mean 0 and standard deviation 1. (The standard deviation is the root of the mean
# squared distance from the mean: how far from it the numbers typically lie.) Without negative pixels, one image can
# push the 64 weights of a hidden unit only up together, or down together. So from each pixel $x$ we take the mean
# $\mu$, and divide by the standard deviation $\sigma$:
#
# $$
# \hat{x} = \frac{x - \mu}{\sigma}
# $$
#
# $\mu$ and $\sigma$ are numbers learned from data, as much as a weight is. So they come **from the training images
# alone**, and the test images are normalised *with the same two numbers*. By hand, with three training pixels and two
# test pixels:
#
#     train   0.0  0.2  1.0     µ = 0.4,  σ = √((0.16 + 0.04 + 0.36) / 3) = 0.432     train  -0.93  -0.46   1.39
#     test    0.2  0.8                                                               test   -0.46   0.93
#
# The pixel 0.2 becomes -0.46 in both: the network must see the same ink as the same number. Two mistakes are tempting.
# One is to normalise before splitting, as it is one line less. The other is to give the test images a mean of their
# own. And if nothing is normalised at all? Then our network reads about 80 % of them after the first epoch and not
# 90 %, and at the end 95 % and not 96.5 % (three runs each): it is worse, and nothing looks broken.
#
# Use one $\mu$ and one $\sigma$ for all pixels. Three pixels hold no ink in any training digit: on its own, each of
# them would have $\sigma = 0$.

# %%


def normalise(train_images, test_images):
    """Both sets of images, normalised with the mean and the standard deviation of all training pixels together.

    train_images (N, 8, 8, 1) and test_images (M, 8, 8, 1), or any other shapes. Returns (train, test), of the same
    shapes and dtypes; the arrays that came in stay as they are.
    """
    # BEGIN SOLUTION: train and test
    mean, std = train_images.mean(), train_images.std()
    train = (train_images - mean) / std
    test = (test_images - mean) / std
    # END SOLUTION
    return train, test


# %% [markdown]
# ## Task 2: where to start, and the number 2.3026
#
# **The last layer starts at zero.** Then all ten logits of every image are 0. Softmax makes equal probabilities of
# them, $\frac{1}{10}$ each, whatever the image. The cross-entropy is minus the logarithm of the right digit's
# probability:
#
# $$
# -\ln \left( \frac{1}{10} \right) = \ln 10 = 2.3026
# $$
#
# That is the loss of somebody who knows nothing and says so. It costs one glance to see whether a run starts there. If
# it does not, something is wrong before any learning, and the number often says what. 73.68 is 32 times as much: a sum
# over the batch where the mean belongs. -2.3026 is a lost minus sign. About 9 to 15 is what weights of standard
# deviation 1 in the last layer give: the network is sure of itself, and wrong.
#
# **The hidden layer must not start at zero.** Look at what lesson 04's backward says about the two weights, if
# `weight1` is 0 as well:
#
# - hidden = GELU(0) = 0, and the gradient of `weight2` is hiddenᵀ · dlogits: **0**;
# - the gradient of hidden is dlogits · weight2ᵀ, with `weight2` = 0: **0**, and so is that of `weight1`.
#
# No weight ever moves. Only `bias2` learns: how frequent each digit is. The loss stays at 2.30. If all weights are
# equal, but not 0, it is hardly better: the 128 hidden units compute the same, get the same gradient, and remain equal
# for ever. **Chance has to make them different.** With `weight1` random, hidden is not 0, so `weight2` moves in the
# first step; from the second step on it is not 0 either, and `weight1` moves too.
#
# **How large?** A hidden unit adds up $n = 64$ products, $z = \sum_{i} x_i w_i$. Its square is the sum of
# $x_i x_j w_i w_j$ over all pairs $i, j$. Draw the weights independently, with mean 0 and standard deviation $s$, and
# take the average over the draws. For two different weights the average of $w_i w_j$ is $0 \cdot 0 = 0$; for one with
# itself, $w_i^2$, it is $s^2$. What remains is
#
# $$
# \text{average of } z^2 = s^2 \sum_{i} x_i^2 \approx s^2 n
# $$
#
# because the normalised pixels have a mean square of 1. Numbers should neither grow nor shrink on their way through the
# layers, so we want $s^2 n = 1$:
#
# $$
# s = \frac{1}{\sqrt{n}} \qquad \text{here } \frac{1}{\sqrt{64}} = 0.125
# $$
#
# The biases start at 0: they need no chance to differ. Chance comes from `rng`, a NumPy Generator:
# `rng.standard_normal((2, 3))` is a (2, 3) array of numbers with mean 0 and standard deviation 1.

# %%


def initial_parameters(rng, inputs, hidden, classes):
    """[weight1, bias1, weight2, bias2], float32 Tensors with requires_grad, for an MLP of these sizes.

    weight1 (inputs, hidden)   random numbers from rng, a NumPy Generator, with mean 0 and standard deviation 1/√inputs
    weight2 (hidden, classes)  zeros, so that the first loss is ln(classes)
    bias1 (hidden,) and bias2 (classes,)   zeros
    """
    # BEGIN SOLUTION: the arrays weight1, bias1, weight2, bias2
    weight1 = rng.standard_normal((inputs, hidden)) / math.sqrt(inputs)
    bias1 = np.zeros(hidden)
    weight2 = np.zeros((hidden, classes))
    bias2 = np.zeros(classes)
    # END SOLUTION
    Tensor = my_parts()[0]
    arrays = (weight1, bias1, weight2, bias2)
    return [Tensor(np.asarray(array, dtype=np.float32), requires_grad=True) for array in arrays]


# %% [markdown]
# ## Task 3: one step downhill
#
# Let $g_k$ be the gradient of parameter number $k$. It says: move the parameter by a small amount, and the loss changes
# by $g_k$ times that. Move each by $-\eta g_k$. ($\eta$, eta, is a small positive number, the **learning rate**.) The
# changes add up, and a square is never negative, so for a small $\eta$ the loss goes down:
#
# $$
# \text{change of the loss} \approx \sum_{k} g_k \cdot (-\eta g_k) = -\eta \sum_{k} g_k^2 \le 0
# $$
#
# How small is small? Take one parameter $w$ and the loss $(w - 3)^2$, with gradient $2(w - 3)$. Start at $w = 0$:
#
#     η = 0.1    w:  0 → 0.6  → 1.08  → 1.464 → …    creeps to 3
#     η = 1.0    w:  0 → 6    → 0     → 6     → …    jumps to and fro for ever
#     η = 1.1    w:  0 → 6.6  → -1.32 → 8.184 → …    each jump is longer than the one before
#
# **A batch, not all images.** The loss that we care about is the mean over 1,437 images. The mean over $B = 32$ of
# them, chosen by chance, has a gradient that is right on average, and costs a 45th. So we take 45 rough steps for the
# price of one exact step. This is *stochastic gradient descent*, SGD; stochastic means "by chance". `cross_entropy`
# returns the **mean** over the batch, so the gradient has been divided by B already. Its size does not grow with the
# batch, and nothing is left to be divided or multiplied by B.
#
# **The mistake that most people make** is to leave the old gradients in place. `backward` *adds* to `.grad`: in lesson
# 02 we wanted that. So `.grad` has to be cleared before `backward` runs, whoever left something there. If nobody does
# it, each step walks along the sum of all gradients since the start. In the example, with $\eta = 0.1$:
#
#     step                0     1     2     3       4       5       6
#     cleared        w    0    0.6   1.08  1.464   1.771   2.017   2.214     slowly towards 3
#     never cleared  w    0    0.6   1.68  3.024   4.363   5.430   6.010     past 3, and far beyond
#
# At step 3 the gradient says "here it is, stop", but the old ones outvote it. It is tempting because nothing raises an
# error, and because at first it even looks *better*. On the digits the tenth loss is 0.25, where the right code has
# 0.93. Later it leaps into the hundreds, and at the end the network reads one digit in ten: it guesses.

# %%


def train_step(parameters, images, labels, lr):
    """One step of SGD on one batch. lr is the learning rate η.

    Changes each parameter's data to data - lr · gradient: the gradient of this batch's loss, and of nothing else.
    Returns the loss before the step, as a plain number (float), not as a Tensor.
    """
    # BEGIN SOLUTION: loss, a Tensor, and the step of all parameters
    for parameter in parameters:
        parameter.grad = None
    loss = loss_of(parameters, images, labels)
    loss.backward()
    for parameter in parameters:
        parameter.data = parameter.data - lr * parameter.grad
    # END SOLUTION
    return float(loss.data)


# %% [markdown]
# ## Task 4: how many are right?
#
# The loss is what gradients need: a smooth number. A person asks another question: how many digits are read correctly?
# The network's answer is the digit with the largest logit. The **accuracy** is the share of images where that is the
# label.
#
#     logits (B, 10), here B = 2 and only four digits       answer    label
#     [ 0.1   2.0  -1.0   0.3 ]                                1         1
#     [ 1.5   0.2   0.9   1.4 ]                                0         3        accuracy 1 of 2 = 0.5
#
# Each row is an image, and each column a digit. The question "which is the largest?" runs along a row.

# %%


def accuracy(parameters, images, labels):
    """The share of the images that are read correctly, a number from 0 to 1. labels (B,), whole numbers."""
    # BEGIN SOLUTION: share
    logits = forward(parameters, images).data  # (B, 10)
    answers = logits.argmax(axis=-1)  # (B,)
    share = (answers == labels).mean()
    # END SOLUTION
    return float(share)


# %% [markdown]
# ## Task 5: epochs and batches
#
# An **epoch** visits every training image once, in batches. With $B = 32$ that is $1437 = 44 \cdot 32 + 29$: 44 full
# batches and one of 29, so 45 steps. The last one is not thrown away: its images have something to teach as well.
#
# **In which order?** A new random one in every epoch. A batch stands for all images only if chance has chosen it. Data
# often comes sorted. With the digits in order, all 0 first, then all 1, the loss of the second step is 0.00: the
# network has learned to say "0" to everything, and gets only 0s to read. After the first epoch it reads 10 to 20 % of
# the test digits; in random order, about 90 %.
#
# Images and labels must move **together**. If each gets an order of its own, an image meets the label of another one,
# and all that can be learned is that the ten digits are equally frequent. You know that loss: 2.30 again.
#
# So draw one order of the numbers 0 to N - 1 (`rng.permutation(N)`), and use it for both. With N = 5 and batches of 2:
#
#     order    3  0 | 4  1 | 2         images[[3, 0]] and labels[[3, 0]], then [4, 1], then [2]
#
# After each epoch, measure the accuracy **on the test images**. On the training images it would only tell how much the
# network remembers. But look only: not a single step on them.

# %%


def train(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    """Trains the parameters, and returns (losses, accuracies): what train_step returned for every batch, and after each
    epoch the accuracy on the test images.

    train_data and test_data are pairs (images, labels). Each epoch visits every training image once, in a new random
    order from rng, a NumPy Generator: train_step gets batch_size of them at a time, the last time those that are left.
    `accuracy` does the measuring.
    """
    losses, accuracies = [], []
    # BEGIN SOLUTION: the loop over epochs, and in it the loop over batches
    images, labels = train_data
    for _ in range(epochs):
        order = rng.permutation(len(images))  # (N,)
        for start in range(0, len(images), batch_size):
            chosen = order[start : start + batch_size]  # (B,)
            losses.append(train_step(parameters, images[chosen], labels[chosen], lr))
        accuracies.append(accuracy(parameters, *test_data))
    # END SOLUTION
    return losses, accuracies


# %% [markdown]
# Check all five with `python -m lessons check 07`. Last of all it trains your network for 12 epochs, and wants more
# than 93 % of the test digits.
#
# ## The whole run
#
# Everything in one place. Change the numbers, and see what happens.

# %%


def first_run(epochs=20, lr=0.2, batch_size=32, hidden=128, seed=0):
    """Trains on the digits. Returns the parameters, the losses, the accuracies, and the normalised test images."""
    data = load("digits")
    train_images, test_images = normalise(data.train_images, data.test_images)
    rng = np.random.default_rng(seed)
    parameters = initial_parameters(rng, 64, hidden, 10)
    train_data, test_data = (train_images, data.train_labels), (test_images, data.test_labels)
    losses, accuracies = train(parameters, train_data, test_data, epochs, lr, batch_size, rng)
    return parameters, losses, accuracies, test_images


# %% [markdown]
# ## What the loss curve tells
#
# | what you see | where to look first |
# |---|---|
# | starts at 2.3026, falls fast, then slowly | all is well |
# | starts elsewhere | the last layer's weights are not 0; a sum for a mean (73.68); a lost minus sign |
# | starts at 2.3026 and stays there | hidden weights all zero; labels of other images; learning rate near 0 |
# | climbs from the first step on, soon nan | the sign of the step |
# | jumps up at the start and never recovers | learning rate too large: try a tenth (here 2 is too much) |
# | falls beautifully, then explodes | gradients that nobody cleared |
# | creeps: 2.24 after an epoch | learning rate too small (here 0.002) |
# | falls, but the test accuracy stays behind | test images prepared in another way; images learned by heart |
#
# What the first loss cannot tell: a wrong gradient starts at 2.3026 as well. It takes the gradient check of lesson 03
# to find it.


# %%
def picture():
    """The loss at each step, the test accuracy after each epoch, and test digits with the answers, mistakes first."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE

    parameters, losses, accuracies, test_images = first_run()
    data = load("digits")
    answers = forward(parameters, test_images).data.argmax(axis=-1)  # (360,)
    wrong = answers != data.test_labels

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    loss_axes, accuracy_axes = left.subplots(1, 2)
    steps = len(losses) // len(accuracies)  # in one epoch
    epochs = np.arange(1, len(accuracies) + 1)
    loss_axes.plot(np.arange(len(losses)) / steps, losses, color=BLUE, alpha=0.35, linewidth=0.8, label="each batch")
    means = np.reshape(losses, (len(accuracies), steps)).mean(axis=1)  # (epochs,)
    loss_axes.plot(epochs - 0.5, means, color=BLUE, linewidth=2, label="mean of an epoch")
    loss_axes.plot([0], losses[:1], "o", color=ORANGE, label="the first")
    loss_axes.axhline(math.log(10), color=GREY, linestyle="--", label="ln 10 = 2.3026")
    loss_axes.set(title=f"loss; the first is {losses[0]:.4f}", xlabel="epoch", ylim=(0, 2.6))
    loss_axes.legend(loc="center right")
    accuracy_axes.plot(epochs, 100 * np.array(accuracies), color=ORANGE, marker="o", markersize=4)
    accuracy_axes.axhline(10, color=GREY, linestyle=":")
    accuracy_axes.annotate("guessing: 10 %", (epochs[-1], 12), ha="right")
    accuracy_axes.set(title=f"test accuracy, at the end {accuracies[-1]:.1%}", xlabel="epoch", ylim=(0, 102))

    right.suptitle(f"{wrong.sum()} of {len(wrong)} test digits misread", fontsize="medium")
    shown = np.argsort(~wrong, kind="stable")[:20]  # the mistakes first
    for axes, i in zip(right.subplots(4, 5).flat, shown, strict=True):
        axes.imshow(data.test_images[i, :, :, 0], cmap="gray_r")
        colour, weight = (ORANGE, "bold") if wrong[i] else ("black", "normal")
        text = f"{data.test_labels[i]} as {answers[i]}" if wrong[i] else f"{answers[i]}"
        axes.set_title(text, fontsize="small", color=colour, weight=weight, pad=2)
        axes.axis("off")
    return figure


# %% [markdown]
# ## Look at it
#
# The picture is drawn from your own run. Left: the loss. The very first number should be 2.3026, on the dashed line.
# The thin line, batch by batch, is restless, because each batch is a small sample; judge by the thick one. Middle:
# after the first epoch about nine of ten test digits are right, at the end about 96 %. The loss still falls when the
# accuracy has long been flat. Right: the digits that were misread, "7 as 8" and so on. Would you have read them?
#
# Do not read too much into the last decimal of an accuracy. One test digit is 0.28 %, and another seed changes the
# result by about a percent: try `first_run(seed=1)`.
#
# Walk to and fro through a training run with `python -m lessons demo 07`.
#
# **What to do next.** Your MLP looks at 64 separate pixels, and is not told which of them are neighbours. A Vision
# Transformer is, and you need not wait for lesson 14 to see your ops at work in one: `python -m lessons train --mine`
# trains a whole ViT, with every op of yours that passes in place of the library's.
#
# ## Argue about it
#
# You try ten learning rates, and keep the one with the best test accuracy. No test image has been trained on. Is that
# accuracy still an honest answer to "how well will it read the next person's digits"? If not: what would you do with
# the 1,437 training digits instead?

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
