# %% [markdown]
# # 13 · The encoder block
#
# Attention lets tokens look at each other. GELU and Linear let each token think about what it has seen. Stack twelve
# such pairs, and you have a Vision Transformer; but a naive stack of twelve does not learn. **What has to be around
# attention and MLP, so that they can be stacked as high as one likes?**
#
# ![The tokens of a digit through the blocks of a trained ViT, and how large each branch is beside the road](expected.png)
#
# Two things: a LayerNorm in front of each, and a road that leads past each. The block is six lines, and its backward
# has just one new idea, used twice.

# %%
from lessons import mine

# %% [markdown]
# ## The MLP
#
# After the tokens have looked at each other, each one is treated by itself, by a small network that you know from
# lesson 07: Linear, GELU, Linear. The width in the middle is called $M$ (`mlp_dim`), in the paper's models $4D$.
#
#     x        (B, T, D)
#     fc1      (B, T, M)      fc1_weight (D, M), fc1_bias (M,)
#     GELU     (B, T, M)
#     fc2      (B, T, D)      fc2_weight (M, D), fc2_bias (D,)
#
# Why so wide? More numbers in the middle are more templates to compare with, and more to say about each. With
# $M = 4D$ the two weights have $4D^2 + 4D^2 = 8D^2$ numbers, and attention's two weights $3D^2 + D^2 = 4D^2$: **two
# thirds of a Transformer's parameters are in its MLPs.**
#
# Backward is a chain of three: the backward of fc2, of GELU, of fc1.


# %%
def mlp(x, fc1_weight, fc1_bias, fc2_weight, fc2_bias):
    """Linear, GELU, Linear on each token: x and y (B, T, D), fc1_weight (D, M), fc2_weight (M, D). With mine.linear, mine.gelu.

    Returns y and backward; backward(dy) returns (dx, dfc1_weight, dfc1_bias, dfc2_weight, dfc2_bias).
    """
    # BEGIN SOLUTION: y, in three steps, each with its backward
    hidden, fc1_backward = mine.linear(x, fc1_weight, fc1_bias)  # (B, T, M)
    bent, gelu_backward = mine.gelu(hidden)  # (B, T, M)
    y, fc2_backward = mine.linear(bent, fc2_weight, fc2_bias)  # (B, T, D)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: the five gradients
        dbent, dfc2_weight, dfc2_bias = fc2_backward(dy)
        dhidden = gelu_backward(dbent)  # (B, T, M)
        dx, dfc1_weight, dfc1_bias = fc1_backward(dhidden)
        # END SOLUTION
        return dx, dfc1_weight, dfc1_bias, dfc2_weight, dfc2_bias

    return y, backward


# %% [markdown]
# ## A road past everything
#
# Let $f$ be attention or MLP, with its LayerNorm. A block does not compute $f(x)$. It computes
#
# $$
# y = x + f(x)
# $$
#
# so $f$ does not have to produce the new tokens, only **what is to be changed** in them. If $f$ gives 0, the tokens
# pass unharmed. Through all blocks runs one road, from the patch embedding to the last layer, on which the tokens
# travel; every attention and every MLP reads from it and adds something to it. It is often called the *residual
# stream*.
#
# The block, with $\mathrm{LN}$ for LayerNorm, $\mathrm{MSA}$ for the attention layer of lesson 12, and $z$ for what is
# on the road between the two (equations 2 and 3 of the paper):
#
# $$
# z = x + \mathrm{MSA}(\mathrm{LN}(x)) \qquad y = z + \mathrm{MLP}(\mathrm{LN}(z))
# $$
#
#     x ──+──> LN ──> attention ──+──> z ──+──> LN ──> MLP ──+──> y
#         |                       |        |                 |
#         +───────────────────────+        +─────────────────+
#            the road                         the road
#
# **Where the norm stands.** LN is inside the branch, before attention or MLP. The road itself is never normalised.
# This is *pre-norm*. The first Transformer put the norm on the road, $\mathrm{LN}(x + f(x))$, *post-norm*. Then on
# its way back every gradient has to pass two norms in each block, and training needs more care. Lesson 08's demo
# shows the difference. The price: nothing brings the road back to scale. So after the last block stands one more
# LayerNorm (lesson 14).
#
# ## One new idea for backward
#
# What is the gradient of $y = x + f(x)$? There are two ways from $x$ to $y$, the road and the branch. Where ways meet,
# gradients add (lesson 02). On the road the slope is 1:
#
# $$
# dx = dy + \text{what the backward of } f \text{ makes of } dy
# $$
#
# In a network without roads a gradient is multiplied by something in each layer, and after twelve it may be nothing or
# far too much. Here, whatever the branches do, the whole of $dy$ comes down the road to the very first layer. **That
# sum is why deep Transformers learn.**
#
# **By hand.** One token of two numbers, two branches that are simple Linears without norm: $f(x) = x A$, $g(z) = z C$,
#
#     x = (1, 2)     A = [ 1  0 ]     C = [ 0  1 ]       dy = (1, 1)
#                        [ 2  1 ]         [ 1  0 ]
#
#     z = x + xA = (1, 2) + (5, 2) = (6, 4)
#     y = z + zC = (6, 4) + (4, 6) = (10, 10)
#
#     dz = dy + dy Cᵀ = (1, 1) + (1, 1) = (2, 2)
#     dx = dz + dz Aᵀ = (2, 2) + (2, 6) = (4, 8)
#
# Believe it? Raise $x_2$ from 2 to 2.1. Then $xA = (5.2, 2.1)$, $z = (6.2, 4.2)$ and $y = (10.4, 10.4)$: the sum of $y$
# rises from 20 to 20.8. Our $dx_2$ promised $8 \cdot 0.1 = 0.8$.
#
# Note that the second line of the backward uses $dz$, the *whole* of it, road and branch, and not $dy$.
#
# ## The mistakes most people make
#
# - **The residual from the norm**: after `h = norm(x)` they write `h + attention(h)`. It looks tidier. But then the
#   road leads through the norm, and it is no road any more. In both halves, it is post-norm again, with each norm one
#   place further on.
# - **A lost way**: going back, `dz` gets only the branch, or only the road. Either runs, and training goes on, worse.
# - **Changing dy in place**: `dy += ...`. The array still belongs to whoever handed it over, and another branch may
#   be about to read it. The checker hands you arrays that cannot be written to.
# - **The second norm on x** instead of z: then the MLP does not see what attention has just found out.
#
# `first, *others = backward(dy)` puts the first result into `first` and the rest into the list `others`. The attention of
# lesson 12 gives None as its last, for heads; leave it out with `first, *others, _ = ...`. GELU's backward gives one array
# by itself: there is nothing to take apart.


# %%
def block(
    x,
    norm1_weight,
    norm1_bias,
    qkv_weight,
    qkv_bias,
    proj_weight,
    proj_bias,
    norm2_weight,
    norm2_bias,
    fc1_weight,
    fc1_bias,
    fc2_weight,
    fc2_bias,
    heads,
):
    """One encoder block: z = x + attention(norm1(x)), y = z + mlp(norm2(z)). x, z and y: (B, T, D).

    Uses mine.layernorm, mine.self_attention and mlp. Returns y and backward; backward(dy) returns one gradient for each of
    the first thirteen arguments, in their order, and None for heads.
    """
    # BEGIN SOLUTION: z and y, and the backward of each step
    normed1, norm1_backward = mine.layernorm(x, norm1_weight, norm1_bias)  # (B, T, D)
    seen, attention_backward = mine.self_attention(normed1, qkv_weight, qkv_bias, proj_weight, proj_bias, heads)
    z = x + seen  # (B, T, D)
    normed2, norm2_backward = mine.layernorm(z, norm2_weight, norm2_bias)  # (B, T, D)
    thought, mlp_backward = mlp(normed2, fc1_weight, fc1_bias, fc2_weight, fc2_bias)  # (B, T, D)
    y = z + thought  # (B, T, D)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: dx, and the lists dnorm1, dattention, dnorm2, dmlp (2, 4, 2 and 4 gradients)
        dnormed2, *dmlp = mlp_backward(dy)
        from_mlp, *dnorm2 = norm2_backward(dnormed2)
        dz = dy + from_mlp  # (B, T, D)
        dnormed1, *dattention, _ = attention_backward(dz)
        from_attention, *dnorm1 = norm1_backward(dnormed1)
        dx = dz + from_attention  # (B, T, D)
        # END SOLUTION
        return (dx, *dnorm1, *dattention, *dnorm2, *dmlp, None)

    return y, backward


# %% [markdown]
# `python -m lessons check 13` tells you how far you are, and `python -m lessons hint 13` gives a nudge.


# %%
def picture():
    """The tokens of a digit on the road through a trained ViT, and the size of road and branches at each block."""
    import numpy as np
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREEN, ORANGE
    from lessons.own import digits_vit
    from minivit import ops

    model, data = digits_vit(12, depth=4, dim=32, mlp_dim=64)
    weights = model.state_dict()
    stages = dict(model.stages(data.normalise(data.test_images[:100])))
    x = stages["embed_tokens"].data  # (100, 17, 32)
    road, attention_sizes, mlp_sizes, shown = [float(x.std())], [], [], [x[0]]
    names = ("norm1.weight", "norm1.bias", "attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight", "attn.proj.bias")
    more = ("norm2.weight", "norm2.bias", "mlp.fc1.weight", "mlp.fc1.bias", "mlp.fc2.weight", "mlp.fc2.bias")
    for i in range(4):
        parts = [weights[f"blocks.{i}.{name}"] for name in (*names, *more)]
        normed, _ = ops.layernorm.forward(x, *parts[:2])
        seen, _ = mine.self_attention(normed, *parts[2:6], 4)
        y, _ = block(x, *parts, 4)
        attention_sizes.append(float(seen.std()))
        mlp_sizes.append(float((y - x - seen).std()))
        x = y
        road.append(float(x.std()))
        shown.append(x[0])

    figure = Figure(figsize=(10.5, 4.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    limit = np.abs(shown[-1]).max()
    for i, (axes, tokens) in enumerate(zip(left.subplots(1, 5), shown, strict=True)):
        axes.imshow(tokens, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
        axes.set(title="embedded" if i == 0 else f"after block {i}", xticks=(), yticks=())
        axes.title.set_fontsize("small")
        if i == 0:
            axes.set_ylabel("17 tokens, the class token on top")
    left.suptitle("one digit's tokens on the road (a row is a token)", fontsize="medium")
    axes = right.subplots()
    axes.plot(range(5), road, color=BLUE, marker="o", label="on the road")
    axes.plot(np.arange(1, 5) - 0.1, attention_sizes, color=ORANGE, marker="s", linestyle="--", label="added by attention")
    axes.plot(np.arange(1, 5) + 0.1, mlp_sizes, color=GREEN, marker="^", linestyle="-.", label="added by the MLP")
    axes.set(title="spread of the numbers", xlabel="block", ylim=(0, None), xticks=range(5))
    axes.legend(frameon=False)
    return figure


# %% [markdown]
# ## Look at it
#
# From left to right: the same 17 tokens, one block further each time. They change step by step: from one table to the
# next you can follow many stripes, from the first to the last only a few. That is the road. Right: what attention and
# MLP add is not small beside what is there. And the road grows, as nothing on it brings it back to scale: that is why
# the model has one more LayerNorm at the end.
#
# Walk through the blocks yourself: `python -m lessons demo 13`.
#
# ## Argue about it
#
# At the start of training, would it be a good idea to set `proj_weight` and `fc2_weight` to zero? What would the block
# compute, and which gradients would be zero in the first step?

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
