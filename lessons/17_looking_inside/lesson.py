# %% [markdown]
# # 17 · Looking inside
#
# Your ViT reads 98 of 100 digits. **Which parts of a digit did it look at, and how would you know?**
#
# ![A digit, its rollout, its patches painted over, how far heads look, similar positions, filters](expected.png)
#
# In other networks one can only guess. A ViT writes down, in every block and every head, where each token looked: the
# attention weights. In this lesson you turn these tables into three pictures: what reached the class token, how far
# each head looks, and what the positions have learned. In the end you will also see what such pictures do *not*
# prove.

# %%
import numpy as np

# %% [markdown]
# ## From block to block
#
# In the last block, the class token looks at patch 5 with weight 0.6. So patch 5 of the image matters? Not so fast.
# What stands in row 5 at that point is not patch 5 any more. In each block before, token 5 has collected from all
# others; it may hold more of patch 9 than of its own. To know what comes from where, follow it through all blocks.
#
# Take one block, and ask what token $i$ after it is made of. From lesson 13:
#
# - the road past attention: $x_i$ itself;
# - attention: $\sum_j A_{i j}$ times something made of $x_j$, for each head.
#
# Now we simplify, and bravely: all heads count the same, so take the mean of their tables. What attention brings and
# what goes past it count the same, so take half of each. Value, projection and MLP do not move anything from token to
# token, so forget them. Then token $i$ after the block is the mixture
#
# $$
# \tilde{x}_i = \sum_j M_{i j} x_j \qquad M = \frac{1}{2} (\bar{A} + I)
# $$
#
# with $\bar{A}$ for the mean over heads, and $I$ for the identity matrix, 1 on the diagonal: the road past. The rows
# of $\bar{A}$ add up to 1, those of $I$ too, so those of $M$ too. Each token is a mixture with 100 % in all.
#
# The second block mixes the mixtures. If $x' = M_1 x$ and $x'' = M_2 x'$, then $x'' = M_2 M_1 x$: **the later block
# stands on the left.** Over all $L$ blocks:
#
# $$
# R = M_L \cdots M_2 M_1
# $$
#
# $R_{i j}$ says how much of token $j$, as it came in, is in token $i$ when it goes out. This is *attention rollout*
# (Abnar and Zuidema 2020, arXiv 2005.00928); the ViT paper draws it in Figure 6. Row 0 belongs to the class token,
# and that is the row to look at: the only one that the head reads.
#
# An example with two tokens, class token and one patch. In block 1 the patch looks at the class token only, and the
# class token half at each; in block 2 everybody looks at the patch:
#
#     A1 = 0.5  0.5        M1 = 0.75  0.25       A2 = 0  1       M2 = 0.5  0.5
#          1    0               0.5   0.5             0  1            0    1
#
#     R = M2 M1 = 0.5 · 0.75 + 0.5 · 0.5    0.5 · 0.25 + 0.5 · 0.5     =  0.625  0.375
#                 0.5                       0.5                            0.5    0.5
#
# Follow the patch by its two ways into the class token. In block 2 the class token takes half from the patch token; but
# that is only half patch by then, so this way brings 0.5 · 0.5 = 0.25. Its own other half has held 0.25 of the patch
# since block 1, and brings 0.5 · 0.25 = 0.125. In all 0.375. (In the other order the first row would be 0.375 0.625: it
# is easy to get wrong, and nothing complains.)
#
# The known mistakes: without $I$; the blocks in the other order; columns made to add up to 1 where rows should; and a
# look at the class token's *column*, which says who looked at it and not what it looked at.


# %%
def attention_rollout(attentions):
    """How much of each token's start is in each token's end: (L, B, h, T, T), block by block, to (B, T, T).

    Entry (b, i, j): of token j as it came in, in token i as it goes out, for image b.
    """
    # BEGIN SOLUTION: rollout, (B, T, T)
    rollout = np.eye(attentions.shape[-1], dtype=attentions.dtype)  # (T, T)
    for attention in attentions:
        mixed = (attention.mean(axis=1) + np.eye(attention.shape[-1], dtype=attention.dtype)) / 2  # (B, T, T)
        rollout = mixed @ rollout  # (B, T, T)
    # END SOLUTION
    return rollout


# %% [markdown]
# ## How far does a head look?
#
# A convolution of 3 × 3 sees one pixel around it, and only layer after layer more. Attention may look anywhere from
# the first block on. Does it? For one head, take patch $i$ and ask how far away the patches are that it looks at, on
# average:
#
# $$
# d_i = \sum_j A'_{i j} \cdot |c_i - c_j|
# $$
#
# $c_i$ is the centre of patch $i$ in pixels, $|c_i - c_j|$ the distance as the crow flies,
# $\sqrt{\Delta y^2 + \Delta x^2}$. For a grid of `columns` columns, patch $i$ is in row `i // columns` and column
# `i % columns` (lesson 09). Neighbours are $P$ pixels apart, diagonal ones $\sqrt{2} P$.
#
# The class token has no place. Leave it out twice: as the one who looks (row 0) and as what is looked at (column 0).
# Then a row of what is left adds up to less than 1, and must be divided by its sum; that is the prime at $A'$. Then
# take the mean over all patches and images: one number for each head. The paper draws it in Figure 7, right: in the
# first blocks some heads look far and others stay near, in the last ones all look far.


# %%
def attention_distance(attention, rows, columns, patch_size):
    """How far each head looks, in pixels: attention (B, h, T, T) of one block, T = 1 + rows · columns, to (h,)."""
    # BEGIN SOLUTION: distance, (h,)
    row, column = np.divmod(np.arange(rows * columns), columns)  # (N,) each
    apart = np.hypot(row[:, None] - row, column[:, None] - column) * patch_size  # (N, N), in pixels
    among = attention[:, :, 1:, 1:]  # (B, h, N, N)
    among = among / among.sum(axis=-1, keepdims=True)
    looked = (among * apart.astype(attention.dtype)).sum(axis=-1)  # (B, h, N)
    distance = looked.mean(axis=(0, 2))  # (h,)
    # END SOLUTION
    return distance


# %% [markdown]
# ## What have the positions learned?
#
# The position embeddings began as random numbers. Nobody told the model that patch 6 is beside patch 7. If it has
# found out, their vectors should point in similar directions. The *cosine* measures that, whatever their lengths:
#
# $$
# \cos(p, q) = \frac{p \cdot q}{|p| |q|}
# $$
#
# 1 is the same direction, 0 a right angle, −1 the opposite. Leave the class token's position out, divide each vector
# by its length, and all cosines are one matrix product. Row $n$ of the result, laid out as a grid, is a map: how
# similar the position of patch $n$ is to all others. The paper draws these maps in Figure 7, centre: each is
# brightest at its own place, and its row and column shine.


# %%
def position_similarity(pos_embed):
    """The cosine of every patch's position with every other's: pos_embed (1, N+1, D) to (N, N)."""
    # BEGIN SOLUTION: similarity, (N, N)
    positions = pos_embed[0, 1:]  # (N, D)
    positions = positions / np.sqrt((positions**2).sum(axis=1, keepdims=True))
    similarity = positions @ positions.T  # (N, N)
    # END SOLUTION
    return similarity


# %% [markdown]
# `python -m lessons check 17` tells you how far you are, and `python -m lessons hint 17` gives a nudge.
#
# ## What has the patch embedding learned?
#
# Each column of its weight, folded back to P × P pixels, is a template (lesson 09). There are D of them, and most are
# mixtures of a few. Those few are the *principal components*: the pictures of P × P from which all columns can be mixed
# best, the most important first. NumPy finds them (`np.linalg.svd`), and `minivit.models.inside.patch_filters` does it for
# you. The paper draws the first 28 of its ViT-L in Figure 7, left: stripes and waves, coarse ones and fine ones.
#
# ## Looking is not the same as mattering
#
# All this says where the model *looked*. Whether it *used* what it saw is another question, and for that one has to
# interfere. Paint one patch over, and see what becomes of the answer's probability. Do it for every patch and you have a
# map: *occlusion* (Zeiler and Fergus 2014, arXiv 1311.2901). Compare it with the rollout: sometimes they agree, often
# they do not. A patch may get a lot of attention and its answer survive without it, because its neighbours say the same.
#
# **Paint it over with what?** The usual choice is the mean of all training images, 0 after normalising. For a photograph
# that is a dull grey. For a digit it is a grey too, and grey on empty paper is *ink*: nothing was hidden there, something
# was added. The other choice is paper. That hides ink and leaves empty patches as they are; but an end of a stroke that
# is gone can turn a 4 into another digit, so paper speaks as well. No colour says nothing. Draw two maps, and believe what
# both of them say.
#
# A second experiment: shuffle the patches. A model without positions cannot notice (lesson 10), so its answer stays
# the same, but for rounding. How much a model with positions suffers says how much it relies on them.


# %%
def side_by_side_maps(maps, columns):
    """Maps (N, r, c) as one table, `columns` of them in a row, with empty lines between them."""
    count, height, width = maps.shape
    table = np.full((count // columns * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for n, one in enumerate(maps):
        top, left = n // columns * (height + 1), n % columns * (width + 1)
        table[top : top + height, left : left + width] = one
    return table


def picture():
    """A digit, its rollout, two occlusions; the distances of all heads; the cosines of positions; the principal filters."""
    import matplotlib
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, ORANGE, STYLE
    from lessons.own import trained_vit
    from minivit import no_grad
    from minivit.models import inside
    from minivit.ops import softmax

    model, mean, std, whose, data = trained_vit()
    images = ((data.test_images[:64] - mean) / std).astype(np.float32)
    chosen = int(np.flatnonzero(data.test_labels[:64] == 4)[0])

    def probabilities(images):
        with no_grad():
            return softmax.forward(model(images).data)[0]

    with no_grad():
        _, attentions = model(images, return_attention=True)
    attentions = np.stack(attentions)  # (L, B, h, T, T)
    rollout = attention_rollout(attentions)[chosen, 0, 1:].reshape(4, 4)
    answer, sure, grey = inside.occlusion(probabilities, images[chosen], 2)
    _, _, paper = inside.occlusion(probabilities, images[chosen], 2, fill=-mean / std)
    similarity = position_similarity(model.pos_embed.data)  # (16, 16)
    filters = inside.patch_filters(model.patch_embed.weight.data, 2)  # (4, 2, 2, 1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 6.2))
        top, bottom = figure.subfigures(2, 1)
        digit, *maps = top.subplots(1, 4)
        distances, cosines, tiles = bottom.subplots(1, 3, width_ratios=(4, 3, 3))
        digit.imshow(data.test_images[chosen, ..., 0], cmap="gray_r")
        digit.set_title(f"it reads {answer}, {100 * sure:.0f} %")
        painted = [(values, f"{answer}, patch made {name}", (0, 1)) for values, name in ((grey, "grey"), (paper, "paper"))]
        for axes, (values, title, limits) in zip(maps, [(rollout, "rollout", (0, None)), *painted], strict=True):
            shown = axes.imshow(values, cmap="viridis", vmin=limits[0], vmax=limits[1])
            top.colorbar(shown, ax=axes, orientation="horizontal", shrink=0.9)
            axes.set_title(title)
        for block, attention in enumerate(attentions, start=1):
            distance = attention_distance(attention, 4, 4, 2)
            distances.plot([block] * len(distance), distance, "o", color=BLUE, alpha=0.7)
            distances.plot(block, distance.mean(), "_", color=ORANGE, markersize=22, markeredgewidth=2)
        distances.set(title="how far each head looks", xlabel="block", ylabel="pixels", xticks=(1, 2, 3), ylim=(0, 6))
        limit = np.abs(filters).max()
        tables = (
            (cosines, side_by_side_maps(similarity.reshape(16, 4, 4), 4), "viridis", (None, 1), "cosines of positions"),
            (tiles, side_by_side_maps(filters[..., 0], 2), "PuOr", (-limit, limit), "filters, largest first"),
        )
        for axes, table, colours, (low, high), title in tables:
            bottom.colorbar(axes.imshow(table, cmap=colours, vmin=low, vmax=high), ax=axes, shrink=0.9)
            axes.set_title(title)
        for axes in (digit, *maps, cosines, tiles):
            axes.set(xticks=(), yticks=())
            axes.spines[:].set_visible(False)
        top.suptitle(f"inside {whose}", fontsize="medium")
    return figure


# %% [markdown]
# ## Look at it
#
# Run this file: it looks into your own ViT, from `work/my_vit.npz`, if lesson 16 left it there. Is the rollout bright
# where there is ink? Where are the two occlusion maps dark, and do they agree? Look for an empty patch that is dark in the
# first and not in the second: there the grey ink spoke, and not the digit. Could you have told the patch that matters
# from the rollout?
#
# On this grid of 4 by 4 patches, a head that looks at all of them alike has a distance of 4.0 pixels (patches on the
# rim and in the middle averaged). Heads near 4 look anywhere, heads below stay nearer. And the maps of positions:
# each is brightest at itself, by definition. Do you see neighbours shine, as in the paper's figure? With 1,437 digits
# and a large random start there is little of it. The paper's models had millions of images. Last, the filters: a
# patch of 2 × 2 has four numbers, so there are four. Which one tells left from right, and which one tells ink from
# paper? (Only the contrast within a filter counts: orange and purple may as well change places.)
#
# `python -m minivit explain photo.png --model work/my_vit.npz` draws all this for your ViT and any picture, and
# `--model RUN` for any model that `python -m minivit train` has trained. And `python -m lessons demo 17` lets you hide
# and shuffle.
#
# ## Argue about it
#
# Somebody shows you the rollout of a model that reads X-ray pictures. It is bright where the tumour is. "You see, it
# knows what a tumour looks like." What else could make it bright there, and which experiment would you ask for?

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
