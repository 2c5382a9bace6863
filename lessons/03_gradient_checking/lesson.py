# %% [markdown]
# # 03 · Gradient checking
#
# You wrote a backward by hand. How do you know that it is right?
#
# "The loss goes down" is no answer. A gradient that has lost a term often still points roughly downhill, so the
# loss still falls, only slower and not as far. Nothing crashes. You would look for the reason in the data, in the learning rate,
# in the model: everywhere but in the one wrong line.
#
# There is a better answer. A gradient is a slope, and a slope can be *measured*: move an input a little, and see how
# much the output moves. In this lesson you write that measurement, and with it a checker for every backward that you
# will ever write. Then your checker is put to the test: it gets right backwards and backwards with planted bugs, and
# it has to tell which is which.
#
# ![The error of a measured slope against the step, and the checker's verdicts](expected.png)

# %%
import math

import numpy as np

# %% [markdown]
# ## A slope from two points
#
# Take $f(x) = x^3$ at $x = 2$. The true slope is $f'(x) = 3x^2 = 12$. Now forget that, and measure it with a step
# $h = 0.1$. There are two ways.
#
#     one-sided   (f(x + h) − f(x)) / h            = (9.261 − 8.000) / 0.1 = 12.61    wrong by 0.61
#     central     (f(x + h) − f(x − h)) / (2·h)    = (9.261 − 6.859) / 0.2 = 12.01    wrong by 0.01
#
# Both cost two calls of $f$, and the central difference is 61 times better. This is not luck. Let the computer repeat
# it with smaller steps:

# %%
if __name__ == "__main__":

    def f(x):
        return x**3

    print("      h   one-sided error   central error")
    for h in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
        one_sided = (f(2 + h) - f(2)) / h
        central = (f(2 + h) - f(2 - h)) / (2 * h)
        print(f"{h:7.0e} {abs(one_sided - 12):15.1e} {abs(central - 12):15.1e}")

# %% [markdown]
#           h   one-sided error   central error
#       1e-01         6.1e-01         1.0e-02
#       1e-02         6.0e-02         1.0e-04
#       1e-03         6.0e-03         1.0e-06
#       1e-04         6.0e-04         1.0e-08
#       1e-05         6.0e-05         2.1e-10
#
# A step ten times smaller makes the one-sided error ten times smaller, and the central error a hundred times smaller.
# (The last central error is off this pattern: it should be 1e-10. Remember it, we come back to it.)
#
# ## Why the central error is of order h²
#
# We want to know $f$ near a point $x$: what is $f(x + t)$ for a small $t$? All that we use is that integrating both
# sides of an inequality from 0 to $t$ keeps it true (for $t \ge 0$; less area under the lower curve).
#
# Let $M$ be the largest size that the third derivative $f'''$ takes between $x - h$ and $x + h$. So, for every $t$
# between 0 and $h$,
#
# $$-M \le f'''(x + t) \le M$$
#
# Integrate once, from 0 to $t$. In the middle stands $f''(x + t) - f''(x)$:
#
# $$-M t \le f''(x + t) - f''(x) \le M t$$
#
# Integrate again. The constant $f''(x)$ becomes $t f''(x)$:
#
# $$-\frac{M t^2}{2} \le f'(x + t) - f'(x) - t f''(x) \le \frac{M t^2}{2}$$
#
# And once more, now up to $t = h$:
#
# $$-\frac{M h^3}{6} \le f(x + h) - f(x) - h f'(x) - \frac{h^2}{2} \cdot f''(x) \le \frac{M h^3}{6}$$
#
# In words: $f(x + h)$ is a parabola in $h$ plus a rest $r_1$ that is no larger than $M h^3 / 6$. That is Taylor's
# formula. The same steps for $g(t) = f(x - t)$ give a rest $r_2$ with the same bound. By the chain rule each derivative
# of $g$ brings a factor $-1$: so $f'$ changes its sign, $f''$ does not, and the size of $f'''$ stays.
#
# $$\begin{aligned}
# f(x + h) &= f(x) + h f'(x) + \frac{h^2}{2} \cdot f''(x) + r_1 \\
# f(x - h) &= f(x) - h f'(x) + \frac{h^2}{2} \cdot f''(x) + r_2
# \end{aligned}$$
#
# Subtract the second line from the first. $f(x)$ cancels, and so does the term with $h^2$. Divide by $2h$:
#
# $$\frac{f(x + h) - f(x - h)}{2 h} = f'(x) + \frac{r_1 - r_2}{2 h}$$
#
# In size, $r_1 - r_2$ is at most $2 M h^3 / 6$, so the error is at most $M h^2 / 6$. For $x^3$ we have $f''' = 6$, so
# $M = 6$ and the bound is $h^2$: exactly the column above.
#
# For the one-sided difference use the first line alone. $(f(x + h) - f(x)) / h = f'(x) + \frac{h}{2} \cdot f''(x) + \dots$:
# nothing cancels, and an error of order $h$ stays. There is a nice way to see why. A one-sided difference from $x$ to
# $x + h$ *is* a central difference, around the point $x + h/2$. It measures a good slope at the wrong place.
#
# ## Why not the smallest h that there is?
#
# If the error shrinks with $h^2$, why not take $h = 10^{-15}$? Try it with a computer that keeps 4 digits of $f$:
#
#           h   f(2 + h)   f(2 − h)   difference   slope
#       0.001      8.012      7.988        0.024      12
#      0.0001      8.001      7.999        0.002      10
#     0.00001      8.000      8.000        0           0
#
# The two values become so similar that their difference has lost every digit that we wanted. Then we divide by a tiny
# number, which makes a small damage large.
#
# A real computer does the same, later. Let $\varepsilon$ be the gap between 1 and the next number that it can store:
#
#     float64   ε = 2.2e-16   about 16 digits
#     float32   ε = 1.2e-7    about 7 digits
#
# Storing a value $f$ rounds it by up to $\varepsilon |f| / 2$. We subtract two of them, so the difference can be
# wrong by $\varepsilon |f|$, and after the division by $2h$ the slope is wrong by up to $\varepsilon |f| / (2h)$.
# (Storing $x + h$ rounds too; that has the same order.) This error *grows* when $h$ shrinks. Together:
#
# $$E(h) = \frac{M h^2}{6} + \frac{\varepsilon |f|}{2 h}$$
#
# Drawn with logarithmic axes it is a **V**: on the right the curvature of $f$, on the left the rounding. For the
# bottom take $M$ and $|f|$ about 1, and set the derivative to zero:
#
# $$E'(h) = \frac{h}{3} - \frac{\varepsilon}{2 h^2} = 0 \quad \text{so} \quad h^3 = 1.5 \varepsilon$$
#
# So the best step is near $\varepsilon^{1/3}$ (the factor $1.5^{1/3} = 1.14$ does not matter).
#
#     difference    precision   best h               error there
#     central       float64     ε^(1/3) = 6e-6       about 2e-11
#     central       float32     ε^(1/3) = 5e-3       about 2e-5
#     one-sided     float64     ε^(1/2) = 1.5e-8     about 2e-8
#
# (One-sided: the error is about $h/2 + \varepsilon / h$, smallest at $h = \sqrt{2 \varepsilon}$.) This explains the
# last line of the experiment: at $h = 10^{-5}$ the error $h^2$ is 1e-10, and rounding of values near 8 adds as much
# again.
#
# **Why float32 cannot do it.** Its best is about 2e-5, for one well-behaved number; sums over many entries are worse.
# A gradient that is wrong by a thousandth of a percent drowns in that noise. So a checker runs everything in float64,
# with $h = 10^{-5}$: a right gradient then comes out with an error near 1e-10, a wrong one with 1e-4 or far more. We
# draw the line at **1e-7**. The gap is so wide that it does not matter where exactly.
#
# ## From one slope to a gradient
#
# Our functions take an array $x$ and return an array $y$, and `backward`. What is "the slope" then? In lesson 02 the
# backward of an op received $dy$, the gradient of the loss with respect to $y$, and returned $dx$. Whatever comes after
# $y$ in a network, the function sees nothing of it but $dy$. So we may take the simplest loss that has this gradient,
#
# $$L = \sum_{i} y_i \cdot dy_i$$
#
# with $\partial L / \partial y_i = dy_i$. We choose a $dy$, keep it fixed, and measure how $L$ changes when one entry of
# $x$ moves by $h$ up and down, with all the other entries left alone. That is one entry of the gradient. Then the next.
#
# ### Task 1
#
# The mistake that most people make here is to move the entry *in the caller's array* and to forget to move it back,
# or to move it back by `+= h` and `-= h`. It is tempting, as it saves a copy. But $(x + h) - h$ is not always $x$:
# both steps round.
#
# To visit every entry, whatever the shape: `np.ndindex(2, 3)` gives the places (0, 0), (0, 1), … (1, 2), one by one,
# and `x[place]` is the entry there. With one argument, `np.ndindex(x.shape)`, it does the same.


# %%
def numeric_gradient(function, x, dy, h=1e-5):
    """The measured gradient of L = sum of y · dy with respect to every entry of x.

    function   takes x and returns y and backward, like every function of this course; backward is not used here
    x          an array of any shape; after the call it holds the same numbers as before
    dy         an array of the shape of y, kept fixed
    h          the step: entry i of the result is (L(x_i + h) − L(x_i − h)) / (2·h)
    Returns an array of the shape of x.
    """
    # BEGIN SOLUTION: gradient, an array of the shape of x, one measured slope for each entry
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        losses = []
        for step in (h, -h):
            moved = x.copy()
            moved[place] += step
            y, _ = function(moved)
            losses.append((y * dy).sum())
        gradient[place] = (losses[0] - losses[1]) / (2 * h)
    # END SOLUTION
    return gradient


# %% [markdown]
# ## Which dy?
#
# The lazy choice is $dy = 1$ everywhere, and $L = \sum y$. It is tempting: a loss that is a plain sum looks like the
# general case. It is not. Take a function that turns numbers into shares of their total:
#
# $$s = \sum_{j} x_j \qquad y_i = \frac{x_i}{s}$$
#
# What is its backward? $x_k$ reaches $L$ on two roads: directly, as the numerator of $y_k$, and through $s$, which
# stands under every $y_i$. The derivative of $1/s$ with respect to $x_k$ is $-1/s^2$, as $s$ grows by as much as
# $x_k$ does. So
#
# $$dx_k = \frac{dy_k}{s} - \sum_{i} dy_i \frac{x_i}{s^2} = \frac{1}{s} \left( dy_k - \sum_{i} dy_i y_i \right)$$
#
# By hand, with $x = (1, 3)$: $s = 4$ and $y = (0.25, 0.75)$.
#
#     dy        Σ dy·y                        dx = (dy − Σ dy·y) / s
#     (2, −1)   2·0.25 − 1·0.75 = −0.25       (2.25, −0.75) / 4 = (0.5625, −0.1875)
#     (1, 1)    1·0.25 + 1·0.75 = 1           (0, 0) / 4        = (0, 0)
#
# With ones the gradient is zero. Of course: shares always add up to 1, so $L = \sum y = 1$ whatever $x$ is. And now
# forget the factor $1/s$. With $dy = (2, -1)$ you get $(2.25, -0.75)$, clearly wrong. With ones you still get
# $(0, 0)$: the bug is invisible. Softmax (lesson 06) and LayerNorm (lesson 08) are of the same kind, and they are among
# the hardest backwards in a Transformer. So $dy$ must be **random**: then no such accident can hide a term.


# %%
def shares(x):
    """y = x / sum of x, for x of one axis. Given, with a right backward."""
    s = x.sum()
    y = x / s

    def backward(dy):
        return (dy - (dy * y).sum()) / s

    return y, backward


def exponential(x):
    """y = e^x, elementwise. Its own derivative. Given, with a right backward."""
    y = np.exp(x)

    def backward(dy):
        return dy * y

    return y, backward


def with_backward(function, formula):
    """The forward of `function`, with another backward: dx = formula(x, y, dy)."""

    def changed(x):
        y, _ = function(x)
        return y, lambda dy: formula(x, y, dy)

    return changed


# %% [markdown]
# ## One number for the verdict
#
# Now there are two arrays, what `backward` returned and what was measured, and we want one number that says how far
# apart they are.
#
#     measured   ( 0.5625  −0.1875 )
#     backward   ( 2.25    −0.75   )
#     difference ( 1.6875  −0.5625 )     error = 1.6875 / 0.5625 = 3
#
# - Take the **largest** difference, not their mean. If one entry of a million is wrong, the mean hides it.
# - Without its **sign**. If every difference is negative, the largest of them is negative too, and below any limit.
# - Divide by the **largest entry** of the measured gradient (again without sign). A difference of 1e-9 is nothing if
#   gradients are of size 1, and everything if they are of size 1e-9. Do not divide entry by entry: an entry that
#   happens to be nearly zero would divide rounding noise by nearly nothing, and raise a false alarm.
# - And compare the **shapes** first. NumPy subtracts shape (4,) from (1, 4) without complaint, by broadcasting
#   (lesson 01). A backward that returns the wrong shape is wrong, however close its numbers are.
# - A **nan** ("not a number", what 0/0 gives) is wrong too, and must not get lost. Comparing with it gives False, so
#   Python's own `max` may pass over it. NumPy's keeps it, and an error of nan is not below the limit.
#
# ### Task 2


# %%
def check_gradient(function, x, rng):
    """How wrong is the backward of `function` at x? Near 1e-10 if it is right; the limit is 1e-7.

    function   takes x and returns y and backward
    x          an array of floating-point numbers, maybe float32; everything is computed in float64
    rng        a NumPy random generator: rng.standard_normal((2, 3)) draws an array of that shape. Draw one dy, like y
    Returns one number: the largest difference between backward's gradient and the numeric gradient, over the largest entry of
    the numeric gradient, both without sign; math.inf if backward's gradient does not have the shape of x.
    """
    # BEGIN SOLUTION: error, one number
    x = x.astype(np.float64)
    y, backward = function(x)
    dy = rng.standard_normal(y.shape)
    dx = backward(dy)
    if dx.shape != x.shape:
        return math.inf
    measured = numeric_gradient(function, x, dy)
    error = np.abs(dx - measured).max() / np.abs(measured).max()
    # END SOLUTION
    return error


# %% [markdown]
# `python -m lessons check 03` lets your checker judge pairs of functions: one right, and its twin with a planted bug.
# It counts how many bugs you caught.
#
# From now on you have two checkers. Yours, and the library's `minivit.gradcheck`, which does the same for several
# arguments at once and prints a table. The course checks every backward that you write in this way.
#
# ## Look at it
#
# Left: the error of a measured slope of $e^x$ against the step $h$, drawn with your `numeric_gradient`. Find the
# right arm of each V: going one decade to the left, the central curves fall by two decades and the one-sided curve
# falls by one. Find the left arm, where rounding takes over: it rises by one decade for each decade, and it is
# ragged, as rounding is nearly random. Then find the bottoms. They should lie near the steps in the table above. The
# whole float32 curve stays above 1e-7: no step would save it.
#
# Right: your `check_gradient` on right backwards (filled) and wrong ones (open). Between the two groups lie many
# decades with nothing in them. A good test looks like this: it does not depend on where you draw the line.
#
# ## Argue about it
#
# Let $f(x) = |x|$, and check its gradient at $x = 10^{-6}$ with $h = 10^{-5}$. A right backward says 1. What does the
# central difference say, and why? Who is wrong: the backward, the checker, or the question? What would you do about
# it in a network that is full of such kinks?


# %%
def picture():
    """Left: error against step, by dtype and kind of difference. Right: the checker's verdicts."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREEN, GREY, ORANGE

    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal(12), rng.standard_normal(12)
    truth = dy * np.exp(x)

    def in_float32(x):
        return exponential(x.astype(np.float32))

    def error_of(function, step, shift=0.0):
        found = numeric_gradient(function, x + shift, dy, step)
        return max(float(np.abs(found - truth).max() / np.abs(truth).max()), 1e-16)

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(5, 4))
    steps = 10.0 ** np.arange(-13, 0.01, 0.25)
    curves = (
        ("central, float32", [error_of(in_float32, h) for h in steps], GREEN, ":"),
        # From x to x + h is the same as central around x + h/2.
        ("one-sided, float64", [error_of(exponential, h / 2, h / 2) for h in steps], ORANGE, "--"),
        ("central, float64", [error_of(exponential, h) for h in steps], BLUE, "-"),
    )
    for label, errors, colour, style in curves:
        left.loglog(steps, errors, style, color=colour, linewidth=2, label=label)
    left.axhline(1e-7, color=GREY, linewidth=1)
    left.text(1e-13, 1.3e-7, "limit 1e-7", color=GREY, va="bottom")
    left.set(xlabel="step h", ylabel="error of the slope", ylim=(1e-15, 1e2), title="The V-curve")
    left.legend(loc="lower left", framealpha=0.9)

    positive = rng.uniform(1, 3, 6)
    judged = (
        ("exponential: right", exponential, positive, True),
        ("dy ignored", with_backward(exponential, lambda x, y, dy: y), positive, False),
        ("0.01 % too large", with_backward(exponential, lambda x, y, dy: 1.0001 * dy * y), positive, False),
        ("shares: right", shares, positive, True),
        ("1/s forgotten", with_backward(shares, lambda x, y, dy: dy - (dy * y).sum()), positive, False),
        ("first term only", with_backward(shares, lambda x, y, dy: dy / x.sum()), positive, False),
        ("sign of the second", with_backward(shares, lambda x, y, dy: (dy + (dy * y).sum()) / x.sum()), positive, False),
    )
    for row, (label, function, at, is_right) in enumerate(judged):
        error = max(float(check_gradient(function, at, np.random.default_rng(1))), 1e-13)
        colour = BLUE if is_right else ORANGE
        right.semilogx(
            error, row, "o", color=colour, markersize=9, markerfacecolor=colour if is_right else "white", markeredgewidth=2
        )
    right.set_yticks(range(len(judged)), [label for label, *_ in judged])
    right.invert_yaxis()
    right.axvline(1e-7, color=GREY, linewidth=1)
    right.set(xlabel="error that check_gradient returns", xlim=(1e-13, 1e2), title="The verdict")
    return figure


# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
