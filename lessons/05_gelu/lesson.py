# %% [markdown]
# # 05 · GELU
#
# Lesson 04 built a linear layer. Put a second one right behind it. How much more can the two of them do than one?
#
# Nothing more. Two linear layers in a row are one linear layer, and so are two hundred. Something between them has to
# bend, one number at a time. The Vision Transformer bends with GELU: **each number $x$ is multiplied by the probability
# that a random number from the bell curve lies below $x$.** Where does that idea come from, and what is its gradient?
#
# ![Bell curve with a shaded area, GELU beside relu, and their slopes](expected.png)
#
# You write one function here: `gelu(x)`, which returns its output and its backward.

# %%
import math

import numpy as np

from minivit.backend import erf

# %% [markdown]
# ## Why something must bend
#
# The input $x$ has shape (B, D): B rows of D numbers. The first layer has the weight $W_1$ and the bias $b_1$, the
# second one $W_2$ and $b_2$. Multiply out what the two do together:
#
# $$
# (x W_1 + b_1) W_2 + b_2 = x (W_1 W_2) + (b_1 W_2 + b_2)
# $$
#
# $W_1 W_2$ is one matrix and $b_1 W_2 + b_2$ is one row of numbers. That is one linear layer again. So between the two
# stands a function that is no straight line. It is applied to every number by itself, and it keeps the shape.
#
# ## relu, and its kink
#
# The simplest choice that works well is relu:
#
#     relu(x) = x   where x > 0
#               0   elsewhere
#
# Read it as a **gate**. Each number is multiplied by 1 (the gate is open) or by 0 (it is shut):
#
#     x         -3    -1     0     1     3
#     gate       0     0     0     1     1
#     x * gate   0     0     0     1     3
#
# The gate is a switch, and that has two prices. The slope of relu jumps from 0 to 1 at $x = 0$: there is a kink. And
# for every negative $x$ the slope is exactly 0, so no gradient passes. If an output of the linear layer in front is
# negative for all images, its column of weights gets no gradient at all, and stays as it is.
#
# Could the gate open little by little instead?
#
# ## A gate that opens by chance
#
# Here is a game. For a number $x$, draw a random number $Z$ from the **standard normal distribution**: the bell curve
# around 0, where about two draws out of three lie between -1 and 1. If $Z < x$, keep $x$. Otherwise replace it by 0.
#
# - For $x = 3$ nearly every draw lies below, so 3 is kept nearly always.
# - For $x = 0$ half of the draws do.
# - For $x = -3$ nearly no draw does, so -3 becomes 0 nearly always.
#
# What comes out **on average**? The number $x$ in the fraction of games in which $Z < x$, and 0 in the others. Write
# $\Phi(x)$ (capital phi) for the probability that $Z < x$. Then the average is
#
# $$
# y = x \cdot \Phi(x) + 0 \cdot (1 - \Phi(x)) = x \cdot \Phi(x)
# $$
#
# This is GELU, the *Gaussian error linear unit*. The game is only how to think of it. The function takes the average
# itself, so nothing in it is random: the same $x$ always gives the same $y$.
#
# Play the game, a hundred thousand times for each $x$:

# %%
if __name__ == "__main__":
    draws = np.random.default_rng(0).standard_normal(100_000)  # (100000,)
    for number in (-1.0, 0.0, 1.0, 2.0):
        kept = np.where(draws < number, number, 0.0)  # (100000,)
        print(f"x = {number:4}   kept in {np.mean(draws < number):6.1%} of the games   on average {kept.mean():7.4f}")

# %% [markdown]
# It prints about 15.9 %, 50 %, 84 % and 97.7 %: estimates of $\Phi(-1)$, $\Phi(0)$, $\Phi(1)$ and $\Phi(2)$.
#
# ## The bell φ and its area Φ
#
# Now the two functions exactly. The bell has the height
#
# $$
# \varphi(z) = \frac{1}{\sqrt{2 \pi}} \cdot \exp\left(-\frac{z^2}{2}\right)
# $$
#
# ($\varphi$ is the small phi.) It is the **density** (pdf, *probability density function*): the probability that $Z$
# falls into a thin slice at $z$ is the area of that slice, its height $\varphi(z)$ times its width.
#
# $\Phi(x)$ is then the area under the bell from far left up to $x$: all the slices below $x$ together. It is called
# the **cumulative distribution function** (cdf). Far to the left it is 0, at 0 one half, far to the right 1.
#
#                 height: φ(x)            area so far: Φ(x)
#                    _
#                   / \                              ______  1
#                  /###\                           /
#                _/#####\_                        /
#         ______/#########\______         _______/           0
#                      x                         0
#
# **Why $\sqrt{2 \pi}$?** All probability together must be 1, so the height is divided by the whole area $A$ under
# $\exp(-z^2 / 2)$. There is a trick to find $A$. Turn the curve around its middle, and it becomes a hill over the
# plane, of height $\exp(-(u^2 + v^2) / 2)$ at the point $(u, v)$, whose distance from the middle is
# $\sqrt{u^2 + v^2}$. The hill's volume can be cut in two ways.
#
# - Into slices. At a fixed $v$ the slice has the area $A \cdot \exp(-v^2 / 2)$, because the height is a product. All
#   slices together give $A \cdot A = A^2$.
# - Into rings around the middle. A thin ring of radius $r$ has the length $2 \pi r$ and the height $\exp(-r^2 / 2)$.
#   The function $r \exp(-r^2 / 2)$ has the antiderivative $-\exp(-r^2 / 2)$, which rises from -1 at $r = 0$ to 0 far
#   out, by 1 in all. So the rings together give $2 \pi \cdot 1$.
#
# Both are the same volume: $A^2 = 2 \pi$, and $A = \sqrt{2 \pi} = 2.5066\dots$
#
# ## From Φ to erf
#
# No formula of powers, roots and exponentials gives $\Phi$. Computers have a function for a close relative of it, the
# **error function**: $\mathrm{erf}(u)$ is $\frac{2}{\sqrt{\pi}}$ times the area under $\exp(-s^2)$ from 0 to $u$.
# Here is how to get $\Phi$ from it, for $x > 0$:
#
# 1. Half of the bell's area lies below 0. So $\Phi(x)$ is $\frac{1}{2}$ plus the area under $\varphi$ from 0 to $x$.
# 2. Measure that area in other units: $z = \sqrt{2} \cdot s$. Then $z^2 / 2 = s^2$, every slice is $\sqrt{2}$ times as
#    wide in $z$ as it is in $s$, and $z = x$ is reached at $s = x / \sqrt{2}$.
# 3. So the area is $\frac{\sqrt{2}}{\sqrt{2 \pi}} = \frac{1}{\sqrt{\pi}}$ times the area under $\exp(-s^2)$ from 0 to
#    $x / \sqrt{2}$. By the definition of erf this is $\frac{1}{2} \cdot \mathrm{erf}(x / \sqrt{2})$.
#
# $$
# \Phi(x) = \frac{1}{2} \cdot \left( 1 + \mathrm{erf}\left( \frac{x}{\sqrt{2}} \right) \right)
# $$
#
# For negative $x$ it holds as well. The bell is symmetric, so $\Phi(-x) = 1 - \Phi(x)$; and the right side does the
# same, because $\mathrm{erf}(-u) = -\mathrm{erf}(u)$. Mind that erf runs from -1 to 1, a probability
# from 0 to 1.
#
# `erf(x)` from `minivit.backend`, imported above, takes a whole array and keeps its dtype. NumPy itself has no erf.
#
# ## The slope of Φ is φ
#
# Move $x$ to the right by a small $h$. The area grows by one thin slice at $x$, of width $h$:
#
# $$
# \Phi(x + h) - \Phi(x) \approx \varphi(x) \cdot h
# $$
#
# The slice's top is not quite flat, but the thinner the slice, the less that matters. At $x = 1$, divided by $h$:
#
#     h                              0.1        0.001      φ(1)
#     (Φ(1 + h) - Φ(1)) / h        0.22989    0.24185    0.24197
#
# In the limit, $\Phi'(x) = \varphi(x)$. The slope of the area is the height of the curve.
#
# ## The gradient of GELU
#
# $y = x \cdot \Phi(x)$ is a product of two things, and **both depend on $x$**. The product rule of school calculus:
# slope of the first times the second, plus the first times the slope of the second.
#
# $$
# \text{slope} = 1 \cdot \Phi(x) + x \cdot \Phi'(x) = \Phi(x) + x \cdot \varphi(x)
# $$
#
# As in the lessons before, `dx` is short for the gradient of the loss with respect to $x$, and `dy` for that with
# respect to $y$. Each output number depends on its own input number only. So the chain rule needs no sum: `dy`, which
# comes from above, is multiplied by the slope, entry by entry.
#
# $$
# dx = dy \odot \left( \Phi(x) + x \cdot \varphi(x) \right) = \Phi(x) \cdot dy + x \cdot \varphi(x) \cdot dy
# $$
#
# ($\odot$ means: multiply entry by entry.) The two terms say two things. $\Phi(x) \cdot dy$ is what passes through the
# gate as it stands. $x \cdot \varphi(x) \cdot dy$ comes from moving the gate itself.
#
# ## By hand
#
# For $x = 1$ and $x = -1$, with $dy = 2$ in both places:
#
#     x      Φ(x)      φ(x)      y = x Φ      slope = Φ + x φ          dx = 2 · slope
#      1     0.8413    0.2420     0.8413      0.8413 + 0.2420 =  1.0833       2.1666
#     -1     0.1587    0.2420    -0.1587      0.1587 - 0.2420 = -0.0833      -0.1666
#
# The slope at 1 is larger than 1. At -1 it is negative: coming from the far left, GELU sinks until about $x = -0.75$
# and only then rises. Its slope is 0 at that one point, not on half of the line, so what is negative can still learn.
#
# ## The mistake that most people make
#
# They write $dx = \Phi(x) \cdot dy$ and leave out the second term. It is tempting because relu allows it: there, too,
# the output is $x$ times a gate, and the gradient is `dy` times the gate. But relu's gate is flat, 0 or 1, except at
# the one point where it jumps, so its own slope adds nothing. GELU's gate rises everywhere.
#
# How large is the error? At $x = 1$ the slope would be 0.84 and not 1.08. A net still learns with that, worse. Nothing
# crashes, and no shape is wrong. That is why gradients are checked against measured slopes, as in lesson 03.
#
# A second trap is the dtype. `np.sqrt(2)` is a NumPy number of type float64, and an array of float32 multiplied by it
# becomes float64: twice the memory, and slower, without a word. `math.sqrt(2)` is a plain Python number and changes
# nothing.
#
# ## The other GELU
#
# You will meet this formula under the same name:
#
# $$
# y = \frac{x}{2} \cdot \left( 1 + \tanh\left( \sqrt{\frac{2}{\pi}} \cdot (x + 0.044715 x^3) \right) \right)
# $$
#
# It is an approximation that needs no erf. It differs from the exact GELU by at most 0.0005, and its slope from the
# exact slope by at most 0.0009. Either is fine for training. But do not mix them: the forward of one with the backward
# of the other is a wrong gradient. This lesson, and this course's ViT, take the exact one.
#
# ## Your turn
#
# Fill in both places. The checker compares the output with a slow, plain computation, and `dx` with measured slopes.

# %%


def gelu(x):
    """y = x · Φ(x), entry by entry, for x of any shape. Returns y and backward.

    Φ(x) = (1 + erf(x / √2)) / 2           the probability that a standard normal number is below x
    φ(x) = exp(-x² / 2) / √(2π)            the slope of Φ

    y and dx have the shape and the dtype of x.
    """
    # BEGIN SOLUTION: gate, which is Φ(x), and then y
    gate = 0.5 * (1 + erf(x / math.sqrt(2)))
    y = x * gate
    # END SOLUTION

    def backward(dy):
        """dy has the shape of y. Returns dx: dy times the slope, entry by entry."""
        # BEGIN SOLUTION: dx, from dy, the gate and x
        density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        dx = dy * (gate + x * density)
        # END SOLUTION
        return dx

    return y, backward


# %% [markdown]
# Check it with `python -m lessons check 05`.
#
# ## Look at it
#
# The picture is drawn by your `gelu`. Left: the bell; the shaded area up to $x = 0.5$ is the gate, 69 %. Middle:
# GELU beside relu. Far from 0 they agree, and between, GELU bends where relu has a corner and even dips below 0, to
# -0.17. Right: the slopes. relu's is a step. Yours climbs smoothly, passes $\frac{1}{2}$ at $x = 0$, overshoots 1 (the
# highest value is 1.13, at $x = \sqrt{2}$), and comes back down.
#
# Compare the slopes at $x$ and at $-x$: they add up to 1. Can you see it in the formula? ($\Phi(-x) = 1 - \Phi(x)$,
# and $\varphi(-x) = \varphi(x)$.)
#
# ## Argue about it
#
# relu costs one comparison. GELU costs an erf and an exp, and it falls on part of its way, so two different inputs can
# give the same output. Why might a network learn better with it all the same? And what would you measure to find out
# whether it does, and whether that is worth its price?

# %%


def picture():
    """Three panels: the bell and the gate as its area, GELU beside relu, and the slopes of both."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE

    x = np.linspace(-4, 4, 401)  # (401,)
    y, backward = gelu(x)
    slope = backward(np.ones_like(x))  # (401,)
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    bell, function, slopes = figure.subplots(1, 3)

    at = 0.5
    height = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)  # (401,)
    share = gelu(np.array([at]))[0][0] / at
    bell.plot(x, height, color="black")
    bell.fill_between(x, height, where=x <= at, color=BLUE, alpha=0.35)
    bell.annotate(f"Φ({at})\n= {share:.2f}", (-0.4, 0.12), ha="center")
    bell.set(title="the gate is an area", xlabel="z", ylim=(0, 0.48))
    bell.annotate(f"x = {at}", (at, 0.352), xytext=(1.4, 0.41), arrowprops={"arrowstyle": "->"})

    function.plot(x, np.maximum(x, 0), color=GREY, linestyle="--", label="relu")
    function.plot(x, y, color=BLUE, linewidth=2, label="GELU")
    function.set(title="x times its gate", xlabel="x", ylim=(-0.6, 4))
    function.legend()

    slopes.step(x, x > 0, color=GREY, linestyle="--", label="of relu")
    slopes.plot(x, slope, color=ORANGE, linewidth=2, label="of GELU")
    slopes.axhline(1, color="black", linewidth=0.5)
    slopes.set(title="the slopes", xlabel="x", ylim=(-0.3, 1.3))
    slopes.legend(loc="upper left")
    for axis in (bell, function, slopes):
        axis.axhline(0, color="black", linewidth=0.5)
    return figure


# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
