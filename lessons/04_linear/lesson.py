# %% [markdown]
# # 04 · Linear
#
# Of the 86.6 million numbers that ViT-B/16 learns, 99.8 % stand in layers of one kind: multiply by a matrix, add a
# bias. How does a single weight in there learn from a whole batch of images, and from every patch in them, at once?
#
# The answer is three gradients. Each is one line of NumPy, and each has a wrong version with the right shape. So we
# derive them entry by entry, and only then turn them into matrix products.
#
# ![Ten templates, one for each digit, learned by your linear layer; and the scores of one digit](expected.png)

# %%
import numpy as np

# %% [markdown]
# ## Rows that meet columns
#
# A row of $x$ holds the numbers that describe one thing: the 64 pixels of a digit, or one token of an image. Call their
# count `in`. The layer makes `out` numbers of them. Output $j$ has its own column of weights and its own bias:
#
# $$y_{rj} = \sum_{i} x_{ri} w_{ij} + b_j$$
#
# - $r$ counts the rows, $i$ the inputs, $j$ the outputs.
# - $w_{ij}$ says how strongly input $i$ speaks for output $j$. All together they are `weight`, of shape (in, out).
# - $b_j$ is what output $j$ says when every input is 0. All together: `bias`, of shape (out,).
#
# Row $r$ of $x$ meets column $j$ of the weight, and the result stands at row $r$, column $j$:
#
#                       weight  (in, out)
#                      [ .  w₀ⱼ  . ]
#                      [ .  w₁ⱼ  . ]
#                      [ .  w₂ⱼ  . ]
#     x (R, in)            |
#     [ .   .   .  ]       v
#     [ xᵣ₀ xᵣ₁ xᵣ₂] --> yᵣⱼ             y (R, out)
#     [ .   .   .  ]
#
# In NumPy this is the matrix product `@` from lesson 01. In front of the last axis there may be any axes: (B, T, in)
# is B images with T tokens each. They do not matter to the layer: it sees R = B · T rows, and treats each alike.
# **The same weight meets every row.** Keep that sentence; two of the three gradients follow from it.
#
# ## Where does a nudge go?
#
# As in lesson 02, `backward` receives $dy$, the gradient of the loss $L$ with respect to $y$. Entry $dy_{rj}$ says by
# how much $L$ grows when $y_{rj}$ grows by a little, per unit. We ask the same about every entry of the three inputs.
# The chain rule says: if a number reaches $L$ through several outputs, follow each road, multiply along it, and add
# up the roads.
#
# $$dz = \sum_{r} \sum_{j} dy_{rj} \frac{\partial y_{rj}}{\partial z}$$
#
# for any single number $z$ among the inputs. So all that is left is to see which $y_{rj}$ a number takes part in.
#
# **The bias.** Add 1 to $b_j$. Then column $j$ of $y$ grows by 1, in *every* row, and nothing else moves. So
# $\partial y_{rj} / \partial b_j = 1$, and the roads are the rows:
#
# $$db_j = \sum_{r} dy_{rj}$$
#
# **The weight.** Add 1 to $w_{ij}$. Then $y_{rj}$ grows by $x_{ri}$, as that is what the weight is multiplied with.
# Again this happens in every row, and in no other column:
#
# $$dw_{ij} = \sum_{r} x_{ri} dy_{rj}$$
#
# **The input.** Add 1 to $x_{ri}$. Then every output of its *own* row grows, output $j$ by $w_{ij}$. Other rows do
# not notice. Now the roads are the outputs:
#
# $$dx_{ri} = \sum_{j} dy_{rj} w_{ij}$$
#
# That is the whole derivation. Look at the three sums once more: what is summed over is what the number is *shared* by.
# A weight and a bias are shared by all rows, so their gradients are sums over rows. An input is shared by all outputs,
# so its gradient is a sum over outputs.
#
# ## From indices to matrix products
#
# Entry $(r, j)$ of a matrix product $a \cdot b$ is $\sum_{i} a_{ri} b_{ij}$. What is summed over stands in the middle:
# it is the last index of the first matrix and the first index of the second. Bring our sums into that form.
#
# In $dx_{ri} = \sum_{j} dy_{rj} w_{ij}$ the index $j$ is last in $dy$, which is right, but it is last in $w$ too.
# Flip the weight: $w_{ij}$ is entry $(j, i)$ of the transpose $w^\top$. In $dw_{ij} = \sum_{r} x_{ri} dy_{rj}$ the
# index $r$ is first in both. Flip $x$:
#
# $$
# \begin{aligned}
# dx &= dy \cdot w^\top \\
# dw &= x^\top \cdot dy \\
# db &= \text{the sum of the rows of } dy
# \end{aligned}
# $$
#
# (The dot is a matrix product here, `@` in NumPy.) For the second line all rows must stand under each other: $x$ as
# (R, in), and $dy$ as (R, out). `reshape(-1, n)` does this for any number of axes in front: rows of n numbers, and the
# -1 lets NumPy work out how many. Flip only then. With three axes, `.T` would turn all of them around.
#
# ## By hand
#
# Two rows, three inputs, two outputs. Cover the right side and try it.
#
#     x = [ 1  2  0 ]     weight = [ 1   0 ]     bias = [ 1  −1 ]     dy = [  1  2 ]
#         [ 3  0 −1 ]              [ 2  −1 ]                               [ −1  1 ]
#                                  [ 0   3 ]
#
#     y[0, 0] = 1·1 + 2·2 + 0·0 + 1 = 6           y = [ 6  −3 ]
#     y[1, 1] = 3·0 + 0·(−1) + (−1)·3 − 1 = −4        [ 4  −4 ]
#
#     dx[0] = 1·(1, 2, 0) + 2·(0, −1, 3)          dx = [  1   0  6 ]      row 0 of dy, times the columns of weight
#                                                      [ −1  −3  3 ]
#
#     dweight[0] = 1·(1, 2) + 3·(−1, 1)           dweight = [ −2   5 ]    input 0 is 1 in row 0, and 3 in row 1
#                                                           [  2   4 ]
#                                                           [  1  −1 ]
#
#     dbias = (1, 2) + (−1, 1)                    dbias = [ 0  3 ]
#
# Look at the $-2$ in dweight. In row 0 the loss grows with output 0, by 1 per unit; in row 1 it falls by 1. The two
# rows disagree about this weight. The sum settles it, and row 1 wins, as its input is 3 and not 1:
# $1 \cdot 1 + 3 \cdot (-1) = -2$.
#
# ## Shapes help, and do not prove
#
# Which product of $dy$ and $x$ has the shape of the weight? Only one:
#
#     x    (R, in)        xᵀ  (in, R)        xᵀ @ dy   (in, R) (R, out)  -->  (in, out)   as weight
#     dy   (R, out)       dyᵀ (out, R)       dyᵀ @ x   (out, R) (R, in)  -->  (out, in)   its transpose
#
# This is the fastest way to remember the formulas. It is no proof. If in = out, both fit, and one of them is wrong.
# In a Transformer many weights are square, so this is not far-fetched. And a shape says nothing about factors.
#
# The mistake that most people make here is such a factor: they divide by the number of rows. It is tempting, since
# losses are usually *means* over the batch, and a mean has a 1/B. But that 1/B belongs to the loss, and the loss has
# already put it into $dy$. Whoever divides again gets gradients that are B times too small, and training that crawls.
# The relative of this mistake: to sum over the batch axis only. With x of shape (B, T, in), every token of every
# image uses the bias, so the sum runs over both axes in front.


# %%
def linear(x, weight, bias):
    """y = x · weight + bias, for every row of x.

    x        (..., in), with any axes in front
    weight   (in, out)
    bias     (out,)
    Returns y, of shape (..., out), and backward.
    """
    # BEGIN SOLUTION: y, from the three arguments
    y = x @ weight + bias  # (..., out)
    # END SOLUTION

    def backward(dy):
        """dy has the shape of y. Returns dx, dweight and dbias, each of the shape of its argument."""
        # BEGIN SOLUTION: dx, dweight and dbias
        inputs, outputs = weight.shape
        x_rows = x.reshape(-1, inputs)  # (R, in)
        dy_rows = dy.reshape(-1, outputs)  # (R, out)
        dx = dy @ weight.T  # (..., in)
        dweight = x_rows.T @ dy_rows  # (in, out)
        dbias = dy_rows.sum(axis=0)  # (out,)
        # END SOLUTION
        return dx, dweight, dbias

    return y, backward


# %% [markdown]
# Check it with `python -m lessons check 04`. It does what your checker of lesson 03 does, for three arguments, and in
# a square case too.
#
# ## What a column of weights looks like
#
# Now let it learn something. $x$ is a batch of digits, each flattened to a row of 64 pixels, and there are 10
# outputs, one score for each class. We want the score of the right class to be 1, and the others to be 0. Call those
# wishes $t$ (the target, shape (B, 10)), and measure the distance by
#
# $$
# L = \frac{1}{2 \cdot B} \sum_{r} \sum_{j} (y_{rj} - t_{rj})^2 \qquad \text{so} \qquad
# dy_{rj} = \frac{y_{rj} - t_{rj}}{B}
# $$
#
# (There is the 1/B, in $dy$, where it belongs.) The gradient points to where $L$ grows. So we take a small step the
# other way, and repeat: weight − 0.1 · dweight, bias − 0.1 · dbias. This is gradient descent. A better loss comes in
# lesson 06, and training proper in lesson 07.


# %%
def learn_templates(images, labels, steps=150, rate=0.1):
    """Gradient descent from zero on the squared error; images (B, 64). Returns weight (64, 10) and bias (10,)."""
    targets = np.eye(10, dtype=images.dtype)[labels]  # (B, 10), one 1 in each row
    weight = np.zeros((images.shape[1], 10), dtype=images.dtype)
    bias = np.zeros(10, dtype=images.dtype)
    for _ in range(steps):
        y, backward = linear(images, weight, bias)
        _, dweight, dbias = backward((y - targets) / len(images))
        weight = weight - rate * dweight
        bias = bias - rate * dbias
    return weight, bias


# %% [markdown]
# ## Look at it
#
# Each of the ten small pictures is one column of the learned weight, 64 numbers drawn as 8 by 8 pixels: brown is
# negative, violet is positive, white is zero. Ink on violet pixels speaks for this class, ink on brown pixels against
# it. Find the 0 with the hole in its middle: brown, since ink in the middle speaks strongly against a 0. Nobody drew
# these templates. They are sums over all training images, of pixel times dy.
#
# On the right is a digit that was not used for learning, with its ten scores. The largest one is the answer.
#
# ## Argue about it
#
# Why are the templates not the average images of their classes? Take the 3 and the 8: which pixels would both
# averages share, and what does it help to weight those? What would dy have to be, so that one step from zero gives
# exactly the averages (up to a factor)?


# %%
def picture():
    """The ten columns of a learned weight as pictures, and the scores of one test digit."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY
    from minivit.data import load

    digits = load("digits")
    weight, bias = learn_templates(digits.train_images.reshape(-1, 64), digits.train_labels)  # (64, 10), (10,)
    scores, _ = linear(digits.test_images.reshape(-1, 64), weight, bias)  # (360, 10)
    right = (scores.argmax(axis=1) == digits.test_labels).mean()
    chosen = int(np.flatnonzero(digits.test_labels == 3)[0])

    figure = Figure(figsize=(9, 4), layout="constrained")
    templates, example = figure.subfigures(1, 2, width_ratios=(5, 3))
    limit = float(np.abs(weight).max())
    for digit, axes in enumerate(templates.subplots(2, 5).flat):
        shown = axes.imshow(weight[:, digit].reshape(8, 8), cmap="PuOr", vmin=-limit, vmax=limit)
        axes.set(title=str(digit), xticks=[], yticks=[])
    templates.colorbar(shown, ax=templates.axes, orientation="horizontal", shrink=0.6, label="weight")
    templates.suptitle("The ten columns of weight")

    image, bars = example.subplots(2, 1, height_ratios=(2, 3))
    image.imshow(digits.test_images[chosen, :, :, 0], cmap="gray_r")
    image.set(xticks=[], yticks=[])
    largest = scores[chosen].argmax()
    bars.bar(range(10), scores[chosen], color=[BLUE if digit == largest else GREY for digit in range(10)])
    bars.axhline(0, color="black", linewidth=0.8)
    bars.set(xlabel="class", ylabel="score", xticks=range(10))
    example.suptitle(f"One test digit; {100 * right:.0f} % of all are right")
    return figure


# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
