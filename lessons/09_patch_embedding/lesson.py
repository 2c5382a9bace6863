# %% [markdown]
# # 09 · Patchify and patch embedding
#
# A sentence has twenty words. A photograph of 224 × 224 pixels has 50,176 pixels. A Transformer lets everything look at
# everything, so a table of who looks at whom has 20 · 20 = 400 entries for the sentence, and 50,176 · 50,176, two and a
# half thousand million, for the photograph. **What should be the words of a picture?**
#
# ![A shoe, cut into sixteen patches, the patches in a row, and the rows of numbers that they become](expected.png)
#
# The Vision Transformer's answer is in its title, "An Image is Worth 16x16 Words": cut the picture into squares of
# 16 × 16 pixels. Each square, a **patch**, is one word. The photograph then has 14 · 14 = 196 words, and the table
# 38,416 entries. In this lesson you write the cutting, the gluing, and the layer that turns a patch into a token.

# %%
import numpy as np

from lessons import mine

# %% [markdown]
# ## How expensive is a small patch?
#
# Call the height and width of the image $H$ and $W$, its channels $C$ (3 for colour, 1 for grey), and the side of a
# patch $P$, all in pixels. The number of patches is
#
# $$
# N = \frac{H}{P} \cdot \frac{W}{P}
# $$
#
# and one patch holds $P \cdot P \cdot C$ numbers. Halve $P$, and $N$ is four times as large. The table of who looks at
# whom has $N^2$ entries: sixteen times as many. For 224 × 224 in float32, four bytes an entry, one such table needs
#
#     P      N         N · N              bytes of one table
#     32     49        2,401              10 thousand
#     16     196       38,416             154 thousand
#      8     784       614,656            2.5 million
#      1     50,176    2,517,630,976      10 thousand million
#
# and a model of the paper's size B has 144 of these tables for each image. So the patch size is the knob that trades
# detail for time.
#
# Here is what it costs and what it brings, measured: one small ViT, 64 wide, on 4,000 pictures of clothes of 28 × 28
# pixels, 384 training steps for each patch size. After ± stands the standard deviation over three seeds.
#
# ![Test accuracy and milliseconds of a training step, for patches of 2 to 28 pixels](../miniatures/patch_size.png)
#
#     patch    tokens    one step    test accuracy
#     28       2         17 ms       80.6 ± 1.0 %
#     14       5         22 ms       80.8 ± 0.5 %
#     7        17        39 ms       82.0 ± 0.3 %
#     4        50        119 ms      79.7 ± 0.7 %
#     2        197       878 ms      not run
#
# (One of the tokens is the class token, of which lesson 10 speaks.) From patches of 4 to patches of 2 the tokens are four
# times as many, and a step takes seven times as long. With one patch of 28 there is only one patch to look at. And
# small patches are not better at once: each token says less, more is left to learn, and 384 steps are few. With far more
# images and steps they do win: in the paper's Table 5, pre-trained on 300 million images, the models B and L read all six
# data sets better with patches of 16 than with patches of 32. (With fewer images before, not always.)
# (`python -m lessons.miniatures patch_size` made the figure and the table.)

# %% [markdown]
# ## What patchify does
#
# Images come as an array of shape (B, H, W, C): B images, H rows, W columns, C channels. We want (B, N, P·P·C): for
# each image N patches, **row by row** as one reads, and each patch flattened to one row of numbers in the order row,
# column, channel. Here is one image of 4 × 4 pixels with one channel, and $P = 2$. The numbers are the pixels' places in
# memory:
#
#      0  1 |  2  3
#      4  5 |  6  7            patch 0:   0  1  4  5
#     ------+------            patch 1:   2  3  6  7
#      8  9 | 10 11            patch 2:   8  9 12 13
#     12 13 | 14 15            patch 3:  10 11 14 15
#
# NumPy can do this without a loop, in three moves. Each pixel has a row $y$ and a column $x$. Split both:
#
# $$
# y = P \cdot r + i \qquad x = P \cdot c + j
# $$
#
# $r$ and $c$ say which patch (patch row, patch column), $i$ and $j$ which pixel inside it. **Move 1, reshape**: a
# reshape never moves a number in memory. It only counts with more digits. The axis of H rows becomes two axes,
# $(r, i)$, and the axis of W columns becomes $(c, j)$:
#
#     images                      (B, H, W, C)
#     reshape                     (B, H/P, P, W/P, P, C)      axes: b, r, i, c, j, channel
#
# Check it on pixel 9: it has $y = 2$, $x = 1$, so $r = 1$, $i = 0$, $c = 0$, $j = 1$: patch row 1, patch column 0. Yes:
# 9 is in patch 2, the second number.
#
# **Move 2, transpose**: bring the two axes that say *which patch* to the front, and the two that say *where inside*
# behind them. Now numbers do change their order:
#
#     transpose                   (B, H/P, W/P, P, P, C)      axes: b, r, c, i, j, channel
#
# **Move 3, reshape**: join $(r, c)$ to one axis of N patches, and $(i, j, \text{channel})$ to one row of numbers:
#
#     reshape                     (B, N, P·P·C)
#
# ## The mistake most people make
#
# They leave out the middle move. (4, 4) reshaped to (4, 4) is itself: "patch" 0 would be 0 1 2 3, the top row of
# pixels. A reshape alone has the right shape, raises no error, and cuts the picture into stripes. Each token then still
# holds P·P·C numbers, and training still works a little, so nobody notices. Draw your patches: that is what the picture
# of this lesson is for.
#
# The second trap is a square picture. If H = W, code that mixes them up is right all the same. The check uses images
# that are wider than high.


# %%
def patchify(images, patch_size):
    """Cuts images (B, H, W, C) into patches (B, N, P·P·C), N = (H/P)(W/P), P = patch_size.

    Patches come row by row, and each is flattened in the order row, column, channel. H and W are multiples of P.
    Returns patches and backward; backward(dy), dy (B, N, P·P·C), gives the gradient of the images, (B, H, W, C).
    """
    # BEGIN SOLUTION: patches, in three moves
    batch, height, width, channels = images.shape
    grid = images.reshape(batch, height // patch_size, patch_size, width // patch_size, patch_size, channels)
    grid = grid.transpose(0, 1, 3, 2, 4, 5)  # (B, H/P, W/P, P, P, C)
    patches = grid.reshape(batch, -1, patch_size * patch_size * channels)  # (B, N, P·P·C)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: dimages; unpatchify, below, may help
        dimages = unpatchify(dy, patch_size, height, width)  # (B, H, W, C)
        # END SOLUTION
        return dimages

    return patches, backward


# %% [markdown]
# ## The way back
#
# `unpatchify` glues the patches together again. It is `patchify` read from the end: undo move 3, undo move 2, undo
# move 1. The transposition that swaps two neighbouring axes is its own inverse, so even the order of the axes is the
# same:
#
#     patches                     (B, N, P·P·C)
#     reshape                     (B, H/P, W/P, P, P, C)      axes: b, r, c, i, j, channel
#     transpose                   (B, H/P, P, W/P, P, C)      axes: b, r, i, c, j, channel
#     reshape                     (B, H, W, C)
#
# It cannot know the shape of the picture from N alone: 6 patches may lie as 2 × 3 or as 3 × 2. So height and width are
# arguments. The number of channels it can find out: the length of a patch over $P \cdot P$.
#
# **And the gradient?** In the forward, each pixel goes to exactly one place and is not changed. Call that place
# $\pi(k)$ for pixel $k$: $\text{patches}_{\pi(k)} = \text{images}_k$. Then for the loss $L$
#
# $$
# \frac{\partial L}{\partial \text{images}_k} = \frac{\partial L}{\partial \text{patches}_{\pi(k)}} \cdot 1
# $$
#
# The gradient of pixel $k$ is the number that stands in $dy$ at the place where the pixel went. To fetch all of them
# is to undo the moves. **The backward of patchify is unpatchify, applied to dy.** This holds for every op that only
# moves numbers: you will use it again in lesson 12.


# %%
def unpatchify(patches, patch_size, height, width):
    """Glues patches (B, N, P·P·C) together to images (B, H, W, C): patchify undone."""
    # BEGIN SOLUTION: images, the three moves from the end
    batch, _, length = patches.shape
    rows, columns, channels = height // patch_size, width // patch_size, length // (patch_size * patch_size)
    grid = patches.reshape(batch, rows, columns, patch_size, patch_size, channels)
    pixels = grid.transpose(0, 1, 3, 2, 4, 5)  # (B, H/P, P, W/P, P, C)
    images = pixels.reshape(batch, height, width, channels)  # (B, H, W, C)
    # END SOLUTION
    return images


# %% [markdown]
# ## From patch to token
#
# A patch of 16 × 16 colour pixels is a row of 16 · 16 · 3 = 768 numbers. The model works with tokens of width $D$.
# What turns one into the other is the layer that you know from lesson 04: **a Linear**, the same for every patch.
#
#     patches     (B, N, P·P·C)
#     weight      (P·P·C, D)
#     bias        (D,)
#     tokens      (B, N, D)       tokens = patches @ weight + bias
#
# In the model B/16, $D$ is 768 too. That is a coincidence: S/16 takes the same 768 numbers to 384, and L/16 to 1,024.
#
# Each of the $D$ columns of the weight can be folded back to a little picture of P × P pixels. The token's entry for
# that column says how much the patch looks like it: the templates of lesson 04, for patches. (In lesson 17 you will
# look at those that your own model has learned.)
#
# **The same thing under another name.** Many programs write the patch embedding as a convolution with a kernel of
# P × P and steps of P pixels. A convolution slides a window of $P \times P$ over the picture, multiplies the pixels in
# it with weights $w_{i j k}$ (row, column, channel), and adds up. With steps of $P$ the windows do not overlap. Window
# $(r, c)$ covers the pixels of patch $(r, c)$, and gives $\sum_{i, j, k} x_{Pr + i, Pc + j, k} w_{i j k}$, plus the
# bias. That is one row of patches times one column of the weight, in the order row, column, channel. Same numbers,
# same gradients.
#
# Equation 1 of the paper calls the weight $E$, and a patch $x_p$: the tokens are $x_p^1 E, x_p^2 E, \dots, x_p^N E$.
#
# **Backward.** You have both halves already. `patch_embed` is two functions one after the other, so going back is
# their two backwards, the last one first:
#
#     forward     images ──patchify──> patches ──linear──> tokens
#     backward    dimages <──────────  dpatches <────────  dy           and dweight, dbias on the way
#
# Call your own Linear as `mine.linear(patches, weight, bias)`: like every function of yours, it returns its output and
# its backward, and that backward gives three gradients.


# %%
def patch_embed(images, weight, bias, patch_size):
    """Images (B, H, W, C) to tokens (B, N, D): cut into patches, and a Linear on each. weight (P·P·C, D), bias (D,).

    backward(dy), dy (B, N, D), returns (dimages, dweight, dbias, None); None is for patch_size, which has no gradient.
    """
    # BEGIN SOLUTION: tokens, and the backward of each of the two steps
    patches, patchify_backward = patchify(images, patch_size)  # (B, N, P·P·C)
    tokens, linear_backward = mine.linear(patches, weight, bias)  # (B, N, D)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: dimages, dweight, dbias
        dpatches, dweight, dbias = linear_backward(dy)
        dimages = patchify_backward(dpatches)  # (B, H, W, C)
        # END SOLUTION
        return dimages, dweight, dbias, None

    return tokens, backward


# %% [markdown]
# `python -m lessons check 09` tells you how far you are, and `python -m lessons hint 09` gives a nudge.
#
# Who needs `dimages`? Nobody, as long as you train: pixels are no parameters. But the gradient check needs it, and a
# hybrid model, which has a convolutional network in front, sends it further back.


# %%
def picture():
    """A shoe; the shoe cut into 16 patches; the patches in a row; and tokens, with an untrained embedding."""
    from matplotlib.figure import Figure

    from minivit.data import load

    data = load("fashion-mini")
    image = data.train_images[data.train_labels == 9][0]  # (28, 28, 1), an ankle boot
    size = 7
    patches, _ = patchify(image[None], size)  # (1, 16, 49)
    rng = np.random.default_rng(0)
    weight = (rng.standard_normal((size * size, 24)) / size).astype(np.float32)
    tokens, _ = patch_embed(image[None], weight, np.zeros(24, np.float32), size)  # (1, 16, 24)

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(3, 2))
    whole, cut, table = top.subplots(1, 3, width_ratios=(1, 1.15, 1.6))
    whole.imshow(image[..., 0], cmap="gray_r")
    whole.set_title("the image: 28 × 28 pixels")
    gap = 1
    canvas = np.full((4 * (size + gap) - gap, 4 * (size + gap) - gap), np.nan)
    for n, patch in enumerate(patches[0]):
        r, c = divmod(n, 4)
        canvas[r * (size + gap) :, c * (size + gap) :][:size, :size] = patch.reshape(size, size)
    cut.imshow(canvas, cmap="gray_r")
    cut.set_title("16 patches of 7 × 7")
    limit = np.abs(tokens).max()
    table.imshow(tokens[0], cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
    table.set(title="16 tokens of 24 numbers (random weight)", ylabel="token", yticks=(0, 5, 10, 15), xticks=())
    for axes in (whole, cut):
        axes.axis("off")
    for n, axes in enumerate(bottom.subplots(1, 16)):
        axes.imshow(patches[0, n].reshape(size, size), cmap="gray_r", vmin=0, vmax=1)
        axes.set(title=f"{n}", xticks=(), yticks=())
    bottom.suptitle("the words of this picture, in reading order", fontsize="medium")
    return figure


# %% [markdown]
# ## Look at it
#
# The lower row is what the Transformer will read: sixteen words, left to right. Some are empty. In the upper right,
# each word has become a row of 24 numbers; the empty patches are rows of zeros, because the bias is zero and nothing
# times a weight is nothing.
#
# Cover the upper half with your hand. Could you tell from the sixteen patches in a row that this is a boot? The model
# gets no more than that, and not even the order, as the next lesson shows.
#
# Play with the size of the patches, and shuffle them: `python -m lessons demo 09`.
#
# ## Argue about it
#
# Cut lines run through the middle of things: of this boot's sole, patches 12 to 15 hold the lowest two rows of pixels, and
# patches 8 to 11 the rest. Would overlapping patches be better? What would they cost?

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
