# %% [markdown]
# # 10 · Class token and positions
#
# Take a photograph of a face, cut it into sixteen squares, and throw them on the table in any order. You know at once
# that something is wrong. A Transformer does not: to it, the sixteen squares are a heap. **How does it learn where each
# patch was? And who, of all these tokens, gives the answer?**
#
# ![An image and its patches shuffled; sin-cos positions; how similar each position is to the others](expected.png)
#
# Both questions have the shortest answer of the whole model: add a vector to each token that says where it is; and put
# one more token in front that has no patch of its own, and is there to answer. Equation 1 of the paper, and three
# gradients.

# %%
import numpy as np

# %% [markdown]
# ## A heap of tokens
#
# You know one way of letting tokens talk to each other, the plainest: average them. (Lesson 11 makes the average
# clever: each token decides how much of which other token it takes.) Three tokens of two numbers:
#
#     token 1   (4, 0)
#     token 2   (1, 3)          mean  (2, 2)
#     token 3   (1, 3)
#
# Exchange tokens 1 and 2: the mean is (2, 2) again. A sum does not care in which order its parts are added:
# $x_1 + x_2 = x_2 + x_1$. The cleverer averages of lesson 11 do not care either, as their weights depend on what stands
# in the two tokens, and not on where they stand. Everything else in the model works on each token by itself. So if the
# patches are shuffled, each patch gets the same treatment as before, in another place, and the answer of the whole
# model **stays the same**. A shoe and the same shoe shuffled cannot be told apart.
#
# Convolutional networks do not have this problem. A convolution looks at a pixel and the neighbours around it, and
# "left neighbour" and "right neighbour" have different weights. A Transformer has to be told.
#
# ## Positions
#
# The answer: give each place $n$ a vector $p_n$ of the tokens' width $D$, and **add** it to the token that comes from
# there. The two equal tokens above, with positions (0, 0), (1, 0) and (0, 1):
#
#     token 1   (4, 0) + (0, 0) = (4, 0)
#     token 2   (1, 3) + (1, 0) = (2, 3)
#     token 3   (1, 3) + (0, 1) = (1, 4)
#
# Now they differ, and a shuffled picture is another heap than the picture. What follows can find out, from the numbers
# in the token, both what is there and where.
#
# Is something lost by adding? A token of 768 numbers has room: patches and positions can use different directions in
# it, and training sees to that. Putting the position *beside* the token, as extra numbers, would do as well, and would
# cost width in every layer.
#
# Where do the vectors come from? The paper **learns** them: they are parameters, random numbers at first, like weights.
# There is one for each place and all images share them.
#
# How much does it matter? The same small ViT was trained on 1,437 digits, each cut into 16 patches, with four kinds of
# positions, five seeds each. (*sin-cos* comes further down in this lesson. The start is how large the random numbers are.)
#
# ![Test accuracy over training steps, for four kinds of positions](../miniatures/positions.png)
#
#     steps    none          learned, start 0.02    learned, start 0.7    sin-cos
#     120      33.9 ± 1.7    59.3 ± 4.4             91.4 ± 1.4            56.0 ± 7.6
#     360      45.9 ± 2.1    89.4 ± 1.7             96.8 ± 0.5            91.7 ± 2.7
#     840      59.7 ± 4.5    94.7 ± 0.6             97.9 ± 0.6            94.7 ± 1.5
#
# Those are per cent of the test digits; a guess is right for 10. Without positions the model does better than guessing: a
# heap of patches tells something. But it is far behind all others. Which kind it is matters less the longer one trains.
# The paper finds the same on its own scale: in its Table 8, 61.4 % without positions, 64.0 to 64.2 % with any kind.
# (`python -m lessons.miniatures positions` made it.)
#
# ## The class token
#
# The last layer of the model is a Linear that turns $D$ numbers into scores for the classes. But N tokens come out of
# the blocks. Which of them should it read? The upper left corner knows most about the upper left corner.
#
# The paper takes an idea from BERT, a language model: put one more token **in front** of the others. It has no patch.
# It starts as a vector `cls_token` of $D$ learned numbers, the same for all images. In every block it looks at the
# patches and collects what is needed for the answer, and in the end it alone is read. So N tokens become
#
# $$
# T = N + 1
# $$
#
# It gets a position too, so there are $N + 1$ of those. With $x_1, \dots, x_N$ for the embedded patches of one image
# and $c$ for the class token, this is equation 1 of the paper:
#
# $$
# y = [ c, x_1, x_2, \dots, x_N ] + p
# $$
#
#     x            (B, N, D)        the embedded patches
#     cls_token    (1, 1, D)        one token, the same for each image
#     pos_embed    (1, N+1, D)      one vector a place, the same for each image
#     y            (B, N+1, D)
#
# The ones in front are there so that everything has three axes, and the names and shapes are those of most other
# programs, so that weights can be exchanged.
#
# One can do without: average all N tokens at the end instead. The paper tried it, in its appendix D.3. It seemed to be
# much worse, until they changed the learning rate.
#
# Here is that experiment in miniature: digits, 360 steps, three seeds, five learning rates.
#
# ![Test accuracy over the learning rate: the curves of class token and mean meet at 0.002](../miniatures/pooling.png)
#
#     learning rate    class token    mean of the tokens
#     0.0005           89.4 ± 1.4     86.6 ± 3.6
#     0.001            95.1 ± 0.7     93.7 ± 0.9
#     0.002            96.0 ± 0.6     96.1 ± 0.3
#     0.004            96.8 ± 0.7     96.3 ± 0.7
#     0.008            96.2 ± 1.1     95.9 ± 0.6
#
# With the small learning rates the class token looks better. With each at its best they differ by less than the seeds do.
# Two methods are compared fairly only if both got the learning rate that suits them.
# (`python -m lessons.miniatures pooling` made it.)
#
# ## The three gradients
#
# $dy$ has shape (B, N+1, D). Write $dy_{b n}$ for the row of image $b$ and token $n$; the class token is $n = 0$.
#
# **x.** In the array x the patches are counted from 0, and the class token took place 0 of y. So patch $n$ of image
# $b$ became token $n + 1$. It was moved, and something was added. The slope is 1:
#
# $$
# dx_{b n} = dy_{b, n + 1} \qquad n = 0, \dots, N - 1
# $$
#
# That is: dy without its first token.
#
# **pos_embed.** $p_n$ is added to token $n$ of *every* image. Raise it by a little, and all B images change. Their
# effects on the loss add up, as those of a bias did in lesson 04:
#
# $$
# dp_n = \sum_{b} dy_{b n}
# $$
#
# **cls_token.** It stands in place 0 of every image, so it is the same sum, for $n = 0$ alone:
#
# $$
# dc = \sum_{b} dy_{b 0}
# $$
#
# In other words, the gradient of the class token equals the first row of the gradient of the positions. That is no
# mistake: $c$ and $p_0$ are always added to each other and to nothing else, and only their sum matters. The paper has
# both, and so has everybody since.
#
# **By hand**, with B = 2 images, N = 1 patch, D = 2:
#
#     dy, image 1    class token (1, 2)    patch (3, 4)
#     dy, image 2    class token (5, 6)    patch (7, 8)
#
#     dx             image 1 (3, 4), image 2 (7, 8)
#     dcls_token     (1, 2) + (5, 6) = (6, 8)
#     dpos_embed     (6, 8) for place 0,  (3, 4) + (7, 8) = (10, 12) for place 1
#
# **The mistake most people make** is to forget the sum over the batch: with one image the code is right. The second is
# to have N positions where N + 1 are needed, and to add them to the patches before the class token comes in front.
#
# Mind the shapes: gradients have those of what they belong to, (1, 1, D) and (1, N+1, D), with the ones in front.


# %%
def embed_tokens(x, cls_token, pos_embed):
    """The class token in front of the patches, and a position added to every token.

    x (B, N, D), cls_token (1, 1, D), pos_embed (1, N+1, D). Returns y (B, N+1, D) and backward.
    backward(dy) returns (dx, dcls_token, dpos_embed), each of the shape of what it belongs to.
    """
    # BEGIN SOLUTION: y
    batch, _, width = x.shape
    first = np.broadcast_to(cls_token, (batch, 1, width))  # (B, 1, D)
    tokens = np.concatenate([first, x], axis=1)  # (B, N+1, D)
    y = tokens + pos_embed  # (B, N+1, D)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: dx, dcls_token, dpos_embed
        dx = dy[:, 1:]  # (B, N, D)
        dpos_embed = dy.sum(axis=0, keepdims=True)  # (1, N+1, D)
        dcls_token = dpos_embed[:, :1]  # (1, 1, D)
        # END SOLUTION
        return dx, dcls_token, dpos_embed

    return y, backward


# %% [markdown]
# ## Positions that nobody has to learn
#
# Before positions were learned they were computed, with sines and cosines ("Attention Is All You Need", section 3.5).
# With few images that is still a good idea: the model does not have to find out from a thousand pictures that patch 5
# lies beside patch 6.
#
# A clock shows what is behind it. The second hand tells times apart that are close together, but after a minute it is
# back where it was. The hour hand moves too slowly to show a second, but it tells morning from noon. Together they mark
# every moment. Here the hands are points on circles, $(\sin \omega s, \cos \omega s)$, for a place $s = 0, 1, 2, \dots$
# and several speeds $\omega$.
#
# A picture has two directions, so half of the $D$ numbers are for the column and half for the row. Each half has
# $F = D / 4$ speeds with a sine and a cosine each. The speeds go down from 1 to 1/10,000 in equal ratios:
#
# $$
# \omega_f = \frac{1}{10000^{f / (F - 1)}} \qquad f = 0, 1, \dots, F - 1
# $$
#
# For the patch in row $r$ and column $c$ the vector is, part after part, $F$ numbers each:
#
#     sin(c·ω)    cos(c·ω)    sin(r·ω)    cos(r·ω)
#
# **Why circles?** Multiply the vectors of two places with each other, entry by entry, and add up (the dot product). For
# one speed and two columns $c$ and $c'$, with $\cos a \cos b + \sin a \sin b = \cos(a - b)$,
#
# $$
# \sin(\omega c) \sin(\omega c') + \cos(\omega c) \cos(\omega c') = \cos(\omega (c - c'))
# $$
#
# Only the *distance* $c - c'$ is left. How similar two positions are depends on the step from one to the other, and not on
# where: this is what the right picture shows, and what learned positions have to find out by themselves. (In "Attention Is
# All You Need" sine and cosine take turns. The order of the numbers means nothing to the layers that come after; one only
# has to keep to one. Here it is part after part.)
#
# By hand, D = 8: then F = 2, the speeds are 1 and 0.0001. Row 0, column 2: sin 2 = 0.909, sin 0.0002 = 0.0002,
# cos 2 = −0.416, cos 0.0002 = 1.000; then for the row 0, 0, 1, 1. Rows of the result come in reading order, like
# patches: all columns of row 0, then those of row 1.


# %%
def sincos_positions(rows, columns, dim):
    """Fixed positions, (rows · columns, dim): for each patch, in reading order, sines and cosines of its column, then of its row.

    dim is a multiple of 4, at least 8. The F = dim/4 speeds go from 1 down to 1/10000 in equal ratios.
    """
    # BEGIN SOLUTION: positions
    count = dim // 4
    speeds = 1 / 10000 ** (np.arange(count) / (count - 1))  # (F,)
    row, column = np.divmod(np.arange(rows * columns), columns)  # (N,) each
    angles = [place[:, None] * speeds for place in (column, row)]  # 2 of (N, F)
    positions = np.concatenate([f(angle) for angle in angles for f in (np.sin, np.cos)], axis=1)  # (N, D)
    # END SOLUTION
    return positions


# %% [markdown]
# `python -m lessons check 10` tells you how far you are, and `python -m lessons hint 10` gives a nudge.


# %%
def picture():
    """A boot's patches in order and shuffled; the table of sin-cos positions; each position's similarity to all others."""
    from matplotlib.figure import Figure

    from minivit import ops
    from minivit.data import load

    data = load("fashion-mini")
    image = data.train_images[data.train_labels == 9][:1]  # (1, 28, 28, 1)
    patches, _ = ops.patchify.forward(image, 7)  # (1, 16, 49)
    order = np.random.default_rng(1).permutation(16)
    mixed, _ = ops.unpatchify.forward(patches[:, order], 7, 28)
    positions = sincos_positions(6, 6, 32)  # (36, 32)
    lengths = np.linalg.norm(positions, axis=1, keepdims=True)  # (36, 1)
    similar = (positions / lengths) @ (positions / lengths).T  # (36, 36)

    figure = Figure(figsize=(10, 5.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(5, 4))
    panels = left.subplots(2, 2)
    for axes, shown, title in ((panels[0, 0], image, "a picture"), (panels[0, 1], mixed, "for a heap of tokens, the same")):
        axes.imshow(shown[0, ..., 0], cmap="gray_r")
        axes.set(title=title, xticks=(), yticks=())
    both = panels[1, 0].get_gridspec()
    for axes in panels[1]:
        axes.remove()
    table = left.add_subplot(both[1, :])
    table.imshow(positions.T, cmap="PuOr", vmin=-1, vmax=1, aspect="auto")
    table.set(title="sin-cos positions of a 6 × 6 grid", xlabel="patch, in reading order", ylabel="number")
    for place, axes in enumerate(right.subplots(6, 6).flat):
        shown = axes.imshow(similar[place].reshape(6, 6), cmap="viridis", vmin=similar.min(), vmax=1)
        axes.set(xticks=(), yticks=())
    right.suptitle("how similar (cosine) each position is to all others", fontsize="medium")
    right.colorbar(shown, ax=right.axes, shrink=0.6, location="bottom")
    return figure


# %% [markdown]
# ## Look at it
#
# Below left: each column is the vector of one patch. The lower half of the numbers, for the row, is the same for six
# patches in a sequence; the upper half, for the column, repeats every six. Right: 36 little maps. In the map at row 2,
# column 4, the brightest square is at row 2, column 4, and the next brightest are its neighbours: they have similar
# positions. Further out it goes up and down a little, since the fast hands come round again (the map at row 0, column 0 is
# brighter at column 5 than at column 3). Figure 7 of the paper has this picture for learned positions, and you will draw it
# for yours in lesson 17.
#
# Move through the positions, and see what a model without them can and cannot tell apart: `python -m lessons demo 10`.
#
# ## Argue about it
#
# A model with learned positions is trained on 224 × 224 pixels, and you want to use it on 384 × 384. Now there are 576
# patches and 196 positions. What would you do with the positions? (The paper's answer is at the end of section 3.2.)

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
