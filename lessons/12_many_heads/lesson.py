# %% [markdown]
# # 12 · Many heads
#
# A token in the middle of a handwritten 7 would like to know two things: is there a bar above me, and is there anything
# to my left? One head has one row of weights for it, and they add up to 1. If it looks half at the bar and half at the
# left, it gets a mixture of both and can no longer say which came from where. **How can a token ask several questions
# at once?**
#
# ![Columns of qkv sorted into heads; what reshape alone would do; where three heads look](expected.png)
#
# By doing attention several times side by side, each time on a part of the numbers. The parts are called **heads**. It
# costs no more than one large head, and in code it is a matter of axes: split, attend, merge.

# %%
import numpy as np

from lessons import mine

# %% [markdown]
# ## Where q, k and v come from
#
# In lesson 11 queries, keys and values were given. They are made from the tokens x, (B, T, D), by a Linear each. The
# three Linears read the same x, so they are done as one, with the three weights side by side:
#
#     x             (B, T, D)
#     qkv_weight    (D, 3D)       columns:  D for q,  D for k,  D for v
#     qkv_bias      (3D,)
#     qkv           (B, T, 3D)    qkv = x @ qkv_weight + qkv_bias
#
# This is equation 5 of the paper, for all heads at once. One product of a large matrix is faster than three with
# smaller ones, and the gradients of all three add up in x by themselves.
#
# ## Splitting
#
# Let $h$ be the number of heads, and $d = \frac{D}{h}$ the width of one. The D columns of q are cut into h groups of d:
# the first d belong to head 0, the next d to head 1, and so on; k and v alike. So a row of qkv, written out for
# $D = 4$ and $h = 2$, so $d = 2$:
#
#     column        0  1 | 2  3 || 4  5 | 6  7 || 8  9 |10 11
#     belongs to    q  q | q  q || k  k | k  k || v  v | v  v
#     of head       0  0 | 1  1 || 0  0 | 1  1 || 0  0 | 1  1
#
# Each head must do its attention by itself, so it needs its own (T, d) tables: we want q, k and v of shape
# (B, h, T, d). As in lesson 09, a reshape to more axes, then a transposition:
#
#     qkv                 (B, T, 3D)
#     reshape             (B, T, 3, h, d)      axes: image, token, which of q k v, head, number
#     transpose           (3, B, h, T, d)
#     q, k, v = ...       3 of (B, h, T, d)
#
# Why must the tokens change places with the heads? `@` works on the last two axes. In lesson 11 they were tokens and
# numbers, and they must be so again, or numbers of different heads would be multiplied with each other.
#
# **The mistake most people make** is to leave out the transposition and write `q.reshape(B, h, T, d)`. The shape is
# right. But reshape keeps the order in memory, token by token. For $T = 2$, with a0 for token a's number 0:
#
#     in memory                    a0 a1 a2 a3   b0 b1 b2 b3
#     wanted, head 0               token a: a0 a1     token b: b0 b1
#     reshape alone, "head 0"      token a: a0 a1     token b: a2 a3
#
# The second "token" of head 0 is the other half of the first one. No error, and training still works somewhat: mixed
# tokens are better than none.
#
# **Backward of splitting.** Numbers are only moved, so the gradient moves back (lesson 09): put dq, dk and dv together
# as (3, B, h, T, d), undo the transposition, undo the reshape. To find the order of the axes that undoes
# `transpose(2, 0, 3, 1, 4)`, ask for each old axis where it went: axis 0, the image, is now at place 1; axis 1, the
# token, at 3; axis 2 at 0; axis 3, the head, at 2; axis 4 at 4. So it is `transpose(1, 3, 0, 2, 4)`.


# %%
def split_heads(qkv, heads):
    """qkv (B, T, 3D) to q, k, v, each (B, heads, T, d), d = D/heads. Columns: q, then k, then v, each head by head.

    Returns (q, k, v) and backward; backward(dq, dk, dv) returns dqkv (B, T, 3D).
    """
    # BEGIN SOLUTION: q, k, v
    batch, tokens, columns = qkv.shape
    parts = qkv.reshape(batch, tokens, 3, heads, columns // (3 * heads))  # (B, T, 3, h, d)
    q, k, v = parts.transpose(2, 0, 3, 1, 4)  # 3 of (B, h, T, d)
    # END SOLUTION

    def backward(dq, dk, dv):
        # BEGIN SOLUTION: dqkv
        together = np.stack([dq, dk, dv])  # (3, B, h, T, d)
        dqkv = together.transpose(1, 3, 0, 2, 4).reshape(qkv.shape)  # (B, T, 3D)
        # END SOLUTION
        return dqkv

    return (q, k, v), backward


# %% [markdown]
# ## Merging
#
# Each head gives (T, d) numbers. They go back side by side into one token: head 0's d numbers, then head 1's, ...
#
#     y of the heads      (B, h, T, d)
#     transpose           (B, T, h, d)
#     reshape             (B, T, D)
#
# Again the transposition is what one forgets, and again backward is the way back.


# %%
def merge_heads(x):
    """(B, heads, T, d) to (B, T, D), D = heads · d: each token's heads side by side.

    Returns the merged array and backward; backward(dy), dy (B, T, D), returns dx of the shape of x.
    """
    # BEGIN SOLUTION: merged
    batch, heads, tokens, width = x.shape
    merged = x.transpose(0, 2, 1, 3).reshape(batch, tokens, heads * width)  # (B, T, D)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: dx
        dx = dy.reshape(batch, tokens, heads, width).transpose(0, 2, 1, 3)  # (B, h, T, d)
        # END SOLUTION
        return dx

    return merged, backward


# %% [markdown]
# ## The whole layer
#
# After merging, the first d numbers of a token come from head 0 only, the next from head 1. One more Linear, the
# **output projection**, lets them mix (equation 8 of the paper):
#
#     x (B, T, D) ──linear──> qkv (B, T, 3D) ──split──> q, k, v (B, h, T, d) ──attention──> (B, h, T, d)
#         ──merge──> (B, T, D) ──linear (proj)──> y (B, T, D)
#
# **What does it cost?** The table of scores of one head takes $T \cdot T \cdot d$ multiplications, and there are $h$ of
# them: $T^2 \cdot d \cdot h = T^2 \cdot D$, whatever $h$ is. The tables themselves do grow in number: $h \cdot T^2$
# weights. The Linears take $T \cdot D \cdot 3D$ and $T \cdot D \cdot D$. For B/16 ($T = 197$, $D = 768$) that is 465
# million for the Linears, and $2 \cdot T^2 D$ = 60 million for scores and averages, in each block.
#
# And the scale? `attention` divides by the root of the width that it sees, $d = D / h$. For B/16 that is the root of
# 64, which is 8, and not of 768. Because you split before you attend, it comes out right by itself.
#
# **Backward** is the chain from the end to the beginning: five functions forward, five backwards in reverse order. Each
# gives the gradient of what came into it, and the two Linears also those of their weights and biases. It is a list of
# errands; the only thing to take care of is which result goes where:
#
#     dy ──proj──> dmerged, dproj_weight, dproj_bias
#     dmerged ──merge──> dheads
#     dheads ──attention──> dq, dk, dv
#     dq, dk, dv ──split──> dqkv
#     dqkv ──linear──> dx, dqkv_weight, dqkv_bias
#
# x was used three times, for q, for k and for v. Where are the three gradients added up? In the last line: a product
# with the transposed (D, 3D) weight sums over all 3D columns.


# %%
def self_attention(x, qkv_weight, qkv_bias, proj_weight, proj_bias, heads):
    """Multi-head self-attention: x and y (B, T, D), qkv_weight (D, 3D), proj_weight (D, D).

    Uses mine.linear and mine.attention. Returns y and backward; backward(dy) returns
    (dx, dqkv_weight, dqkv_bias, dproj_weight, dproj_bias, None).
    """
    # BEGIN SOLUTION: y, in five steps, each with its backward
    qkv, qkv_backward = mine.linear(x, qkv_weight, qkv_bias)  # (B, T, 3D)
    (q, k, v), split_backward = split_heads(qkv, heads)  # 3 of (B, h, T, d)
    looked, attention_backward = mine.attention(q, k, v)  # (B, h, T, d)
    merged, merge_backward = merge_heads(looked)  # (B, T, D)
    y, proj_backward = mine.linear(merged, proj_weight, proj_bias)  # (B, T, D)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: the five gradients
        dmerged, dproj_weight, dproj_bias = proj_backward(dy)
        dq, dk, dv = attention_backward(merge_backward(dmerged))
        dqkv = split_backward(dq, dk, dv)  # (B, T, 3D)
        dx, dqkv_weight, dqkv_bias = qkv_backward(dqkv)
        # END SOLUTION
        return dx, dqkv_weight, dqkv_bias, dproj_weight, dproj_bias, None

    return y, backward


# %% [markdown]
# `python -m lessons check 12` tells you how far you are, and `python -m lessons hint 12` gives a nudge.


# %%
def picture():
    """Columns of qkv, coloured by head, sorted by split_heads and by a reshape alone; and where three heads of a token look."""
    from matplotlib.figure import Figure

    from lessons.figures import ORANGE
    from minivit import ops
    from minivit.data import load

    batch, tokens, heads, width = 1, 4, 3, 2
    colour = np.zeros((batch, tokens, 3 * heads * width))
    colour[...] = np.tile(np.repeat(np.arange(heads), width), 3)  # each column is painted with its head
    (right, _, _), _ = split_heads(colour, heads)  # (1, 3, 4, 2)
    wrong = colour[..., : heads * width].reshape(batch, heads, tokens, width)

    figure = Figure(figsize=(10, 5), layout="constrained")
    left, looks = figure.subfigures(1, 2, width_ratios=(3, 2))
    top, bottom = left.subfigures(2, 1, height_ratios=(3, 4))
    axes = top.subplots()
    axes.imshow(colour[0], cmap="cividis", aspect="auto")
    for column in range(3 * heads * width):
        head = int(colour[0, 0, column])
        ink = "black" if head == heads - 1 else "white"
        axes.text(column, 1.5, f"{head}", ha="center", va="center", color=ink, fontweight="bold")
    for edge in (5.5, 11.5):
        axes.axvline(edge, color=ORANGE, linewidth=3)
    axes.set(title="qkv: 4 tokens (rows), 18 columns; the number is the head", yticks=(), xticks=(2.5, 8.5, 14.5))
    axes.set_xticklabels(("q", "k", "v"))
    for row, (sorted_q, name) in enumerate(((right, "split"), (wrong, "reshape only"))):
        for head in range(heads):
            axes = bottom.add_subplot(2, heads, row * heads + head + 1)
            axes.imshow(sorted_q[0, head], cmap="cividis", vmin=0, vmax=heads - 1, aspect="auto")
            axes.set(title=f"{name}: q of head {head}", xticks=(), yticks=())
            axes.title.set_fontsize("small")

    data = load("digits")
    image = data.train_images[data.train_labels == 7][1:2]  # (1, 8, 8, 1)
    patches, _ = ops.patchify.forward(image, 1)  # (1, 64, 1)
    place = np.stack(np.divmod(np.arange(64), 8), axis=1) / 7.0  # (64, 2): row and column of each pixel
    ink = 6 * patches[0]  # (64, 1)
    here = place[35]
    scores = (
        ink[:, 0] - 20 * ((place[:, 0] - 0.1) ** 2),
        ink[:, 0] - 20 * ((place[:, 1] - here[1] + 0.3) ** 2),
        ink[:, 0] - 30 * ((place - here) ** 2).sum(axis=1),
    )
    panels = looks.subplots(2, 2)
    panels[0, 0].imshow(image[0, ..., 0], cmap="gray_r")
    panels[0, 0].set_title("a 7: one token asks")
    names = ("a bar above?", "what is to my left?", "what is around?")
    for axes, score, name in zip(panels.flat[1:], scores, names, strict=True):
        weights, _ = ops.softmax.forward(score[None])
        axes.imshow(weights.reshape(8, 8), cmap="viridis")
        axes.set_title(name)
    for axes in panels.flat:
        axes.plot(3, 4, "s", markersize=13, markerfacecolor="none", markeredgecolor=ORANGE, markeredgewidth=2)
        axes.set(xticks=(), yticks=())
    looks.suptitle("three heads, made by hand", fontsize="medium")
    return figure


# %% [markdown]
# ## Look at it
#
# Left: every column carries the number of its head. After `split_heads` each head has one colour. After a reshape alone
# each "head" is a mixture of all three, in the right shape.
#
# Right: three heads of one token, here made by hand, to show what several questions are. In a trained model nobody
# chooses the questions. Click on the patches of a trained one: `python -m lessons demo 12`.
#
# ## Argue about it
#
# B/16 has 12 heads of 64 numbers. With 768 heads of one number each it would cost as many multiplications. What would
# such a head be able to ask? And what could one head of 768 numbers not do?

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
