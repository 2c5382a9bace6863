# %% [markdown]
# # 21 · A pretrained ViT
#
# You have a Vision Transformer that is yours to the last gradient. Other people have trained one for weeks, on millions of
# photographs, and left the result in the open: a file with 86,567,656 numbers, 346 MB. Your ViT is the same model.
# **Will their numbers run in your code?**
#
# ![Logits of your ViT on the library's; what each slip does to them; digits read on other grids](expected.png)
#
# They will, and if everything is right, your logits are theirs to the last digits of a float64. If something is wrong,
# there is often no error at all, just another answer. In this lesson you read such a file into your own ViT, fit it to
# images of another size, and prepare a photograph as it wants to see it.
#
# You need no network for it. A small model lies beside this lesson: it has the names and the layout that the library
# `transformers` of Hugging Face gives to its ViTs, random weights, and the logits that the library computed. If yours
# are the same, they will be for the large one.

# %%
import functools
import json
import math
import sys
from pathlib import Path

import numpy as np

from lessons import mine
from lessons.own import beside

# %% [markdown]
# ## What is in the file
#
# A table of names and arrays, no code. Beside it lies `config.json`, with the sizes. This is what an encoder block of
# theirs holds, and what yours calls it (lesson 14):
#
#     vit.encoder.layer.0.                              blocks.0.
#     layernorm_before.weight            (D,)           norm1.weight          (D,)
#     attention.attention.query.weight   (D, D)
#     attention.attention.key.weight     (D, D)         attn.qkv.weight       (D, 3D)
#     attention.attention.value.weight   (D, D)
#     attention.output.dense.weight      (D, D)         attn.proj.weight      (D, D)
#     layernorm_after.weight             (D,)           norm2.weight          (D,)
#     intermediate.dense.weight          (M, D)         mlp.fc1.weight        (D, M)
#     output.dense.weight                (D, M)         mlp.fc2.weight        (M, D)
#
# Each of them has a bias too, named alike: `.bias` for `.weight`. The names are in two tables below. Look at the shapes:
# there are four differences, and you take them one by one.
#
# **1. Linears are transposed.** Your Linear (lesson 04) computes $y = x W + b$ with $W$ of shape (in, out). Theirs, which
# is PyTorch's, keeps (out, in) and computes $y = x W^\top + b$. So each matrix has to be transposed on its way in. For fc1
# a shape error would tell you. For query, key, value and proj none will: they are **square**.
#
# **2. Three make one.** Yours has q, k and v side by side in one matrix of (D, 3D): lesson 12 cuts the 3D columns of the
# product into q, k and v, in that order. For one token $x$
#
# $$
# x W = x [W_q, W_k, W_v] = [x W_q, x W_k, x W_v]
# $$
#
# since column $j$ of a product needs only column $j$ of the right matrix. So three matrices of (D, D), **each transposed
# first**, are laid side by side, along the axis of the columns. And the three biases one behind the other. Which head a
# column belongs to need not be touched: both models give the first d columns of each to head 0, the next d to head 1.
#
# **3. The patches are a convolution.** That is the next section.
#
# **4. Two numbers are in no array.** They stand in `config.json`.
#
# - `num_attention_heads`. D = 20 columns may be 4 heads of 5 or 2 heads of 10: **the arrays have the same shapes**, and
#   no error comes. (Many ViTs have heads of 64 numbers, so people write D / 64. It is right until it is wrong: H/14 has
#   1,280 / 64 = 20, and 16 heads.)
# - `layer_norm_eps`, the ε in LayerNorm's $\sqrt{\text{variance} + \epsilon}$ (lesson 08). Yours is 1e-6 unless told
#   otherwise, and this library's ViT has 1e-12. It makes the smallest difference of all, as you will see.
#
# ## A kernel is a matrix
#
# The library writes the patch embedding as a convolution with a kernel of P × P pixels and steps of P. Lesson 09 showed
# that this is a Linear on each patch: same numbers, if the weight is laid out in the same order. Theirs is
#
#     kernel    (D, C, P, P)       output, channel, row, column
#
# and yours has a row for each number of a patch, in the order in which patchify writes them, and a column for each output:
#
#     weight    (P·P·C, D)         (row, column, channel), output
#
# So entry (d, c, i, j) of the kernel has to stand in row (i · P + j) · C + c and column d. Two moves from lesson 09: bring
# the axes into the order row, column, channel, output, and join the first three.
#
# **By hand.** One output, P = 2, and two channels, red and blue. The kernel has for red 1 2 above 3 4, for blue 5 6
# above 7 8. In memory it is 1 2 3 4 5 6 7 8. A patch comes as: red and blue of the first pixel, red and blue of the
# second, ... So the column of the weight must be
#
#     1 5 2 6 3 7 4 8
#
# **The mistake that most people make** is `kernel.reshape(D, -1).T`. It has the right shape, and the column is 1 2 3 4
# 5 6 7 8: the first weight of red meets red, and the second one, red's too, meets *blue*. It is tempting since for grey
# pictures, with one channel, it is right. Libraries that keep the channels first in their images even do it like that,
# and are right.

# %%


def patch_weight(kernel):
    """The kernel (D, C, P, P) of a patch convolution as the weight (P·P·C, D) of your patch_embed: a view or a copy."""
    # BEGIN SOLUTION: weight, (P·P·C, D)
    moved = kernel.transpose(2, 3, 1, 0)  # (P, P, C, D)
    weight = moved.reshape(-1, len(kernel))  # (P·P·C, D)
    # END SOLUTION
    return weight


# %% [markdown]
# ## From their names to yours
#
# The first table is for what there is once, the second for what each block has; both without `.weight` and `.bias`.
#
# Think of what is *not* transposed: a bias and the weight of a LayerNorm have one axis, and `.T` leaves such an array as
# it is. The class token (1, 1, D) and the positions (1, 1 + N, D) have the same shape in both, and stand there already. The
# kernel, the only array with four axes, goes through your `patch_weight`.
#
# A count, to see that nothing was lost. Theirs has 16 arrays in each block, yours 12: three weights become one, three
# biases become one. B/16 has 12 blocks. Around them both have 8: class token, positions, and a weight and a bias of
# patches, last norm and head. So 12 · 16 + 8 = 200 arrays go in, and 12 · 12 + 8 = 152 come out.

# %%
ONCE = {  # theirs: yours
    "vit.embeddings.patch_embeddings.projection": "patch_embed",  # kernel and bias
    "vit.layernorm": "norm",
    "classifier": "head",
}
IN_A_BLOCK = {  # after vit.encoder.layer.0. and blocks.0.
    "layernorm_before": "norm1",
    "attention.output.dense": "attn.proj",
    "layernorm_after": "norm2",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}


def to_minivit(weights, config):
    """(parameters, heads, eps): a ViT of Hugging Face's as yours.

    weights: {name: array}, as in the file. config: a dictionary, as in config.json: "num_hidden_layers", "num_attention_heads",
    "layer_norm_eps", ... parameters: {name: array} with the names and shapes of lesson 14, in any order.
    """
    parameters = {
        "cls_token": weights["vit.embeddings.cls_token"],  # (1, 1, D)
        "pos_embed": weights["vit.embeddings.position_embeddings"],  # (1, 1+N, D)
    }
    # BEGIN SOLUTION: all other parameters; heads; eps
    for theirs, own in ONCE.items():
        parameters[f"{own}.weight"] = weights[f"{theirs}.weight"].T  # the kernel's is replaced below
        parameters[f"{own}.bias"] = weights[f"{theirs}.bias"]
    kernel = weights["vit.embeddings.patch_embeddings.projection.weight"]
    parameters["patch_embed.weight"] = patch_weight(kernel)
    for i in range(config["num_hidden_layers"]):
        layer = f"vit.encoder.layer.{i}"
        for kind in ("weight", "bias"):
            for theirs, own in IN_A_BLOCK.items():
                parameters[f"blocks.{i}.{own}.{kind}"] = weights[f"{layer}.{theirs}.{kind}"].T
            three = [weights[f"{layer}.attention.attention.{part}.{kind}"].T for part in ("query", "key", "value")]
            parameters[f"blocks.{i}.attn.qkv.{kind}"] = np.concatenate(three, axis=-1)  # (D, 3D) or (3D,)
    heads = config["num_attention_heads"]
    eps = config["layer_norm_eps"]
    # END SOLUTION
    return parameters, heads, eps


# %% [markdown]
# ## Your ViT
#
# Here is the ViT that you wrote, forward only, out of your functions of lessons 04 to 13. It is lesson 14's `vit` with the
# block written out, because two numbers must be handed in: heads and ε. `python -m lessons check 21` runs the library's
# small model in it as soon as `to_minivit` is right.


# %%
def own_vit(parameters, images, heads, eps):
    """The logits (B, K) of your ViT for images (B, H, W, C), on plain arrays."""
    p = parameters
    patch_size = math.isqrt(len(p["patch_embed.weight"]) // images.shape[-1])
    x, _ = mine.patch_embed(images, p["patch_embed.weight"], p["patch_embed.bias"], patch_size)  # (B, N, D)
    x, _ = mine.embed_tokens(x, p["cls_token"], p["pos_embed"])  # (B, 1+N, D)

    def part(name):
        return p[f"{name}.weight"], p[f"{name}.bias"]

    depth = sum(name.endswith(".norm1.weight") for name in p)
    for block in [f"blocks.{i}" for i in range(depth)]:
        normed, _ = mine.layernorm(x, *part(f"{block}.norm1"), eps)
        x = x + mine.self_attention(normed, *part(f"{block}.attn.qkv"), *part(f"{block}.attn.proj"), heads)[0]
        normed, _ = mine.layernorm(x, *part(f"{block}.norm2"), eps)
        x = x + mine.mlp(normed, *part(f"{block}.mlp.fc1"), *part(f"{block}.mlp.fc2"))[0]  # (B, 1+N, D)
    x, _ = mine.layernorm(x, *part("norm"), eps)
    return mine.linear(x[:, 0], *part("head"))[0]  # (B, K)


@functools.cache
def fixture():
    """The small model beside this lesson: "weights" and "config" as Hugging Face saves them; "images" with the library's
    "logits"; "larger_images" with "larger_logits"; a "photo" (H, W, 3) of whole numbers with "photo_logits". Floats are float64.
    """
    with np.load(beside("21", "fixture.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    arrays = {name: a.astype(np.float64) if a.dtype.kind == "f" else a for name, a in arrays.items()}
    weights = {name.removeprefix("weights/"): a for name, a in arrays.items() if name.startswith("weights/")}
    return arrays | {"weights": weights, "config": json.loads(str(arrays["config.json"]))}


def apart(logits, library):
    """The largest difference, as a part of the library's largest logit."""
    return float(np.abs(logits - library).max() / np.abs(library).max())


# %% [markdown]
# ## What a slip does
#
# To know that your tools would notice, break things on purpose. `slips` takes what `to_minivit` gave and makes one mistake
# at a time. None of them raises an error. How far the logits of the small model are then from the library's, as a part of
# the largest logit:
#
#     q, k, v not transposed             5.2e-01
#     q and k exchanged                  6.2e-01
#     proj not transposed                6.3e-01
#     channels first in a patch          6.2e-01
#     rows for columns in a patch        9.3e-01
#     blue for red                       2.4e-01
#     half as many heads                 3.0e-01
#     no position for the class token    2.0e-01
#     ε = 1e-6                           1.2e-06
#     none, in float32                   1.9e-07
#
# Eight are so large that any test finds them, if there is one. Look at the last two lines. The wrong ε moves the logits
# by about a millionth, and float32's own rounding comes near that, in twelve blocks more than in these two. So a test
# in float32 has to allow for some 1e-5, and cannot see it. In float64 rounding is at 1e-15, and a millionth is a
# thousand million times as much. **Compare two programs in float64**, even if you will run them in float32.


# %%
def slips(parameters, heads, eps):
    """{what went wrong: (parameters, heads, eps)}: one mistake at a time, each without an error."""
    weight = parameters["patch_embed.weight"]  # (P·P·C, D)
    dim = weight.shape[1]
    size = math.isqrt(len(weight) // 3)
    cut = weight.reshape(size, size, 3, dim)  # (P, P, C, D)
    qkv = parameters["blocks.0.attn.qkv.weight"]  # (D, 3D)
    q, k, v = np.split(qkv, 3, axis=1)
    token = parameters["pos_embed"] * (np.arange(parameters["pos_embed"].shape[1]) > 0)[:, None]

    def with_(name, array):
        return parameters | {name: array}, heads, eps

    return {
        "q, k, v not transposed": with_("blocks.0.attn.qkv.weight", np.concatenate([q.T, k.T, v.T], axis=1)),
        "q and k exchanged": with_("blocks.0.attn.qkv.weight", np.concatenate([k, q, v], axis=1)),
        "proj not transposed": with_("blocks.0.attn.proj.weight", parameters["blocks.0.attn.proj.weight"].T),
        "channels first in a patch": with_("patch_embed.weight", cut.transpose(2, 0, 1, 3).reshape(-1, dim)),
        "rows for columns in a patch": with_("patch_embed.weight", cut.transpose(1, 0, 2, 3).reshape(-1, dim)),
        "blue for red": with_("patch_embed.weight", cut[:, :, ::-1].reshape(-1, dim)),
        "half as many heads": (parameters, heads // 2, eps),
        "no position for the class token": with_("pos_embed", token),
        "ε = 1e-6": (parameters, heads, 1e-6),
        "none, in float32": ({name: array.astype(np.float32) for name, array in parameters.items()}, heads, eps),
    }


def differences():
    """{what went wrong: how far the logits of the small model are from the library's}, and "none" first."""
    small = fixture()
    right = to_minivit(small["weights"], small["config"])
    runs = {"none, in float64": right} | slips(*right)
    found = {}
    for name, (parameters, heads, eps) in runs.items():
        images = small["images"].astype(parameters["cls_token"].dtype)
        found[name] = apart(own_vit(parameters, images, heads, eps), small["logits"])
    return found


# %% [markdown]
# ## Another grid
#
# A model for images of 224 × 224 has 14 · 14 patches of 16 pixels, so 196 positions and the class token's. You want to use
# it on 384 × 384: 24 · 24 = 576 patches. Lesson 10 asked what to do. The paper's answer (section 3.2): the positions are a
# picture of 14 × 14 "pixels" with D channels, so **resize that picture** to 24 × 24. The class token's position is no part
# of it. It has no place in the image, and stays.
#
# To resize is to ask, for each new place, which old places lie around it. First along one axis, `old` places to `new` ones.
# All places together fill the same length, so a new one is old/new as wide as an old one. The middle of place $i$, counted
# from the edge, is at $i + \frac{1}{2}$ of its own width. In widths of the old, and again counted as the old ones are, the
# middle of new place $i$ is
#
# $$
# c_i = (i + \frac{1}{2}) \cdot \frac{\text{old}}{\text{new}} - \frac{1}{2}
# $$
#
# **By hand**, from 2 places to 4: 1/2 · 1/2 − 1/2 = −1/4, then 1/4, 3/4, 5/4. They are symmetric about 1/2, the middle
# between 0 and 1. Without the two halves they would be 0, 1/2, 1, 3/2: everything moved to one side, by a quarter.
# (Another convention makes the ends meet: $c_i$ is i · (old − 1) / (new − 1). It is called *aligned corners* and gives
# 0, 1/3, 2/3, 1. Some libraries use it, for models of their own. Nothing is wrong with it; but one must do what the
# source does.)
#
# Now the value at $c_i$. The simplest is a straight line between the two neighbours: each counts with 1 − distance. Most
# libraries take **four neighbours** instead, two on each side, and a smooth curve in place of the line (Keys, 1981). The
# weight of a neighbour at the distance $t$ is
#
# $$
# w(t) = (a + 2) t^3 - (a + 3) t^2 + 1 \qquad \text{for}\ t \le 1
# $$
# $$
# w(t) = a (t^3 - 5 t^2 + 8 t - 4) \qquad \text{for}\ 1 < t < 2
# $$
#
# and 0 beyond. It is 1 at 0, it is 0 at 1 and at 2, both pieces have the slope $a$ at 1, and at 2 the slope is 0 (try
# it): a curve without a kink that keeps old values where a new place falls on an old one. $a$ is free; Hugging Face's
# resize, which is PyTorch's, has −0.75. `keys_weight` computes it for you.
#
# **Do the four weights add up to 1?** They must, or a grid of equal positions would change. Let $c$ lie $t$ behind one
# old place and $s = 1 - t$ before the next. The inner two are at the distances $t$ and $s$, the outer two at $1 + t$
# and $1 + s$. With $t + s = 1$ one has $t^2 + s^2 = 1 - 2 t s$ and $t^3 + s^3 = 1 - 3 t s$, so the inner two have
# together
#
# $$
# (a + 2)(1 - 3 t s) - (a + 3)(1 - 2 t s) + 2 = 1 - a t s
# $$
#
# The outer piece can be written as a product, $a (u - 1)(u - 2)^2$ for the distance $u$: multiply out to see it. With
# $u = 1 + t$ that is $a t (1 - t)^2 = a t s^2$, and with $1 + s$ it is $a s t^2$. Together $a t s (s + t) = a t s$, and all
# four: 1.
#
# **At the edge** some of the four do not exist. The outermost place is repeated: place −1 is place 0 again, place `old` is
# `old` − 1 again. So two or three of the four weights may fall on the **same** old place, and **add up** there.
#
# **By hand**, from 2 to 4, new place 0, $c = -1/4$. The four neighbours are −2, −1, 0 and 1, at the distances 7/4, 3/4,
# 1/4 and 5/4. With a = −3/4 their weights are −9/256, 67/256, 225/256 and −27/256. The first three are all place 0:
# 283/256. So row 0 is 283/256, −27/256, about 1.1055, −0.1055, with the sum 1.
#
# All new places as rows: a matrix (new, old).
#
# **Three traps.** *The floor.* The neighbours are floor(c) − 1 to floor(c) + 2, and the floor of −1/4 is −1.
# `int(-0.25)` is 0: it cuts towards zero. *Negative indices.* Place −1 exists in NumPy, it is the last one. Cut the
# places to 0 ... old − 1 (`np.clip` or min and max) before you index. *One `=`.* With `=` for `+=` the last of the
# weights that fall together wins.

# %%
A = -0.75  # Keys' free number in PyTorch's bicubic resize


def keys_weight(t):
    """The weight of a neighbour at the distance t, a number or an array; the sign of t does not matter."""
    t = np.abs(t)
    inner = ((A + 2) * t - (A + 3)) * t * t + 1
    outer = A * (t - 1) * (t - 2) ** 2
    return np.where(t <= 1, inner, np.where(t < 2, outer, 0.0))


def resize_matrix(new, old):
    """(new, old), float64: row i has the weights of the old places in new place i. Call keys_weight."""
    matrix = np.zeros((new, old))
    # BEGIN SOLUTION: the weights of the four neighbours of each new place, in matrix
    for i in range(new):
        centre = (i + 0.5) * old / new - 0.5
        for place in range(math.floor(centre) - 1, math.floor(centre) + 3):
            matrix[i, min(max(place, 0), old - 1)] += keys_weight(centre - place)
    # END SOLUTION
    return matrix


# %% [markdown]
# ## Rows and columns
#
# A grid has two axes. Resize along one, then along the other: for one channel, with $G$ of shape (rows, columns),
#
# $$
# G' = R \cdot G \cdot C^\top
# $$
#
# $R$, (new rows, rows), mixes rows: row $i$ of $R G$ is $\sum_k R_{i k} G_k$. $C$, (new columns, columns), does the
# same for columns, and has to stand on the right and transposed, because a matrix on the right mixes columns. For D
# channels at once, let the axis of channels lie in front: (D, rows, columns), and `@` does it for each.
#
#     pos_embed                 (1, 1+N, D)
#     without the class token   (N, D)
#     as a grid                 (rows, columns, D)
#     channels in front         (D, rows, columns)
#     R @ grid @ Cᵀ             (D, new rows, new columns)
#     back                      (new rows, new columns, D), then (1, N', D)
#     class token in front      (1, 1+N', D)
#
# Positions come in reading order, patch n at row n // columns (lesson 09). On a square grid, whoever mixes up rows and
# columns gets the right shape. And float32 should stay float32: the matrices are float64.


# %%
def resize_positions(pos_embed, grid, new_grid):
    """Positions (1, 1+N, D) of a grid (rows, columns), N in all, for another grid: (1, 1+N', D), in the dtype of pos_embed."""
    # BEGIN SOLUTION: resized, (1, 1+N', D)
    token, patches = pos_embed[:, :1], pos_embed[0, 1:]  # (1, 1, D), (N, D)
    rows, columns = (resize_matrix(new, old) for new, old in zip(new_grid, grid, strict=True))
    channels = patches.reshape(*grid, -1).transpose(2, 0, 1)  # (D, rows, columns)
    larger = (rows @ channels @ columns.T).transpose(1, 2, 0)  # (new rows, new columns, D)
    larger = larger.reshape(1, -1, pos_embed.shape[-1]).astype(pos_embed.dtype)  # (1, N', D)
    resized = np.concatenate([token, larger], axis=1)  # (1, 1+N', D)
    # END SOLUTION
    return resized


# %% [markdown]
# ## A photograph
#
# A model answers for pictures like those that it was trained on. A photograph is 4,000 pixels wide, whole numbers from
# 0 to 255; the training saw 224 × 224, small numbers around 0. What lies between is not in the file of weights. It
# stands in a second small file, or on the model's page. The usual way, which timm and torchvision go:
#
# 1. **Resize**, so that the *short* side has a given length, say 256, and the picture keeps its form. The other side is
#    256 · long / short, rounded *down*.
# 2. **Crop** 224 × 224 out of the middle. The upper edge is at (height − 224) / 2, the left one at (width − 224) / 2;
#    Python's `round` says what a half becomes.
# 3. **Divide by 255**: numbers from 0 to 1.
# 4. **Normalise**: minus mean, over deviation, a number of its own for red, green and blue.
#
# The order is part of the recipe. Crop first, and you show the model a piece of the sky. The mean is a number from 0 to 1,
# so it comes after the division. Mean and deviation of ImageNet's photographs, which most models want, are
#
#     mean  0.485, 0.456, 0.406        std  0.229, 0.224, 0.225
#
# while Google's own ViTs have 0.5 everywhere: −1 to 1. (Hugging Face prepares for those without a crop: it squeezes any
# picture to 224 × 224. Whatever was done in training is right.)
#
# Mistakes here are the quietest of all. The model still works: a dog that is too dark, or has blue for red, is often
# still a dog. It just works less well, and nobody knows why. (OpenCV, for one, reads pictures as blue, green, red.)
#
# `resized` makes the smaller picture with Pillow, as both libraries do. It averages over all pixels that a new one
# covers; four neighbours would be too few where 4,000 become 256. Mind the order of its arguments: height, width.


# %%
def resized(picture, height, width):
    """The picture (H, W, 3) of whole numbers, uint8, at another size, by Pillow's bicubic resize: (height, width, 3), uint8."""
    from PIL import Image

    smaller = Image.fromarray(np.ascontiguousarray(picture)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(smaller)


def prepare(picture, short, size, mean, std):
    """A picture (H, W, 3), uint8, as the model wants it: (height, width, 3) with (height, width) = size, in the dtype of mean.

    short: the length of the short side before the crop, at least what the crop needs. mean, std: (3,).
    """
    # BEGIN SOLUTION: prepared
    sides = picture.shape[:2]
    new = [short * side // min(sides) for side in sides]  # the short side becomes short
    small = resized(picture, *new)
    top, left = (round((have - want) / 2) for have, want in zip(new, size, strict=True))
    cropped = small[top : top + size[0], left : left + size[1]]  # (height, width, 3)
    prepared = (cropped.astype(mean.dtype) / 255 - mean) / std
    # END SOLUTION
    return prepared


# %% [markdown]
# `python -m lessons check 21` tells you how far you are, and `python -m lessons hint 21` gives a nudge.
#
# ## All of it
#
# `python work/21_pretrained.py` runs the library's small model in your ViT, three times: on two images, on a larger one
# with resized positions, and on a photograph that you prepared. Then it draws the picture.


# %%
def three_runs():
    """{what: how far your logits are from the library's}, in float64."""
    small = fixture()
    parameters, heads, eps = to_minivit(small["weights"], small["config"])
    positions = resize_positions(parameters["pos_embed"], (3, 2), (5, 3))
    larger = parameters | {"pos_embed": positions}
    mean, std = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    photo = prepare(small["photo"], 28, (24, 16), mean, std)[None].astype(np.float64)  # (1, 24, 16, 3), rounded to float32
    return {
        "two images": apart(own_vit(parameters, small["images"], heads, eps), small["logits"]),
        "a larger image, positions resized": apart(own_vit(larger, small["larger_images"], heads, eps), small["larger_logits"]),
        "a photograph, prepared": apart(own_vit(parameters, photo, heads, eps), small["photo_logits"]),
    }


# %% [markdown]
# ## The real one
#
# The small model names nothing. If you have a network, take a real one, in two ways.
#
# **With your own functions.** Look for a ViT on a model hub, for example `google/vit-base-patch16-224` at
# huggingface.co. Put three of its files into a folder: `config.json`, `preprocessor_config.json` and
# `model.safetensors`. Then `python work/21_pretrained.py FOLDER photo.jpg` reads the weights into your ViT and prints
# the five names that it finds most likely for your photograph. The format is simple enough to be read in a dozen lines:
# eight bytes say how long a header is, the header says for each name where its numbers lie, and then come the numbers.
# No code is in it, so none can run. (Files that end in `.pth` or `.bin` may hold code. Do not open those of strangers
# with a program that runs it.)
#
# **With the library.** `python -m minivit predict photo.jpg --model FOLDER` does the same, for more kinds of files and
# models, and faster.


# %%
def read_safetensors(path):
    """{name: array} of a file of float32 numbers. Raises ValueError for one with others."""
    file = np.memmap(path, np.uint8, mode="r")
    length = int(file[:8].view("<u8")[0])
    header = json.loads(bytes(file[8 : 8 + length]))
    numbers, found = file[8 + length :], {}
    for name, about in header.items():
        if name == "__metadata__":
            continue
        if about["dtype"] != "F32":
            raise ValueError(f"{path}: {name} has numbers of the type {about['dtype']}, and this reader knows float32, F32")
        start, end = about["data_offsets"]
        found[name] = numbers[start:end].view("<f4").reshape(about["shape"])
    return found


def answers(folder, picture, count=5):
    """[(name, probability)] of a real model for a picture (H, W, 3), uint8: the likeliest first."""
    folder = Path(folder)
    config, wants = (json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("config", "preprocessor_config"))
    parameters, heads, eps = to_minivit(read_safetensors(folder / "model.safetensors"), config)
    size = config["image_size"]
    mean, std = (np.array(wants[name], np.float32) for name in ("image_mean", "image_std"))
    image = prepare(picture, size * 8 // 7, (size, size), mean, std)[None]  # 256 for 224
    probabilities = mine.softmax(own_vit(parameters, image, heads, eps))[0][0]  # (K,)
    likeliest = np.argsort(-probabilities)[:count]
    return [(config["id2label"][str(k)], float(probabilities[k])) for k in likeliest]


# %% [markdown]
# ## What it is good for
#
# Few people need the thousand classes of ImageNet. What they want of a pretrained model is what it has learned about
# pictures on its way there. So they take off the head, put a new one in its place, with zeros and as many outputs as
# *they* have classes, and train on: **fine-tuning**. It goes in stages. First the head alone: the blocks do not change, so
# what comes out of them can be computed once for each image and kept, and the head is a single Linear on it (lesson 06).
# Then perhaps the last few blocks too, with a small learning rate, so that what they know is bent and not broken. In the
# library:
#
#     python -m minivit train --data FOLDER --init FILE                  the head alone
#     python -m minivit train --data FOLDER --init FILE --unfreeze 2     and the last two blocks
#
# Where there are a few dozen images of each class, a ViT from scratch learns them by heart (lesson 14) and little more.
# How much is it worth to begin from somebody else's weights? That hangs on how few images you have, and how like the old ones
# they are. So measure it: the same images and as many steps, several seeds, once from trained weights and once from scratch.
# Here it is in miniature (`python -m lessons.miniatures --kept finetune`): a tiny ViT has learned five kinds of clothes, from
# some two thousand images, and now learns five others from 10, 25 or 100 images of each; per cent of the test images, five
# seeds.
#
# ![Accuracy over the number of images of each new class: head alone, all of it, from scratch](../miniatures/finetune.png)
#
#     images    head alone    all of it     from scratch
#     10        70.3 ± 5.6    75.2 ± 4.7    72.9 ± 2.0
#     25        74.3 ± 2.3    79.4 ± 1.5    78.1 ± 2.0
#     100       77.9 ± 1.2    82.2 ± 1.1    82.2 ± 0.5
#
# Look at both ends. With 100 images it does not matter where the model began. With few it helps a little to have learned
# something before, if *all* of the model learns on: 1.3 points with 25 images, and the error bars still touch. And the head
# alone is worse than a model from scratch. What a tiny model knows after five kinds of clothes is not enough to tell five
# others apart; what a large one knows after a thousand kinds of everything often is. That cannot be shown with what fits into
# this course: try it with your own photographs and a real file. How to plan such a comparison, and what may be concluded, is
# lesson 24.


# %%
def read_on_other_grids(sides=(4, 5, 6, 8)):
    """{how: [share of the test digits that a ViT for 8 × 8 pixels reads, for each side of the grid]}, the digits enlarged."""
    from lessons.own import trained_vit

    model, mean, std, _, data = trained_vit()
    parameters, heads = model.state_dict(), model.config.heads
    found = {"positions resized": [], "repeated in reading order": []}
    for side in sides:
        enlarge = resize_matrix(2 * side, 8).astype(np.float32)
        digits = enlarge @ data.test_images[..., 0] @ enlarge.T  # (360, 2 side, 2 side)
        images = ((digits[..., None] - mean) / std).astype(np.float32)
        positions = parameters["pos_embed"]
        repeated = np.concatenate([positions[:, :1], np.resize(positions[:, 1:], (1, side * side, positions.shape[2]))], axis=1)
        resized_ones = resize_positions(positions, (4, 4), (side, side))
        for how, used in zip(found, (resized_ones, repeated), strict=True):
            logits = own_vit(parameters | {"pos_embed": used}, images, heads, 1e-6)
            found[how].append(float((logits.argmax(axis=-1) == data.test_labels).mean()))
    return found


def picture():
    """Your logits on the library's; what each slip does to them; digits on other grids."""
    import matplotlib
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE, STYLE

    for what, difference in three_runs().items():
        print(f"{what}: your logits differ from the library's by {difference:.0e} of the largest")
    small = fixture()
    parameters, heads, eps = to_minivit(small["weights"], small["config"])
    yours = own_vit(parameters, small["images"], heads, eps)[0]
    broken = differences()
    sides = (4, 5, 6, 8)
    read = read_on_other_grids(sides)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(12, 4.4))
        logits, effects, grids = figure.subplots(1, 3, width_ratios=(3, 4, 3))
        places = np.arange(len(yours))
        logits.bar(places, small["logits"][0], color=GREY, alpha=0.5, width=0.8, label="the library's")
        logits.plot(places, yours, "o", color=ORANGE, label="yours")
        logits.axhline(0, color="black", linewidth=0.8)
        logits.set(title="logits of one image, small model", xlabel="class", xticks=places)
        logits.legend(frameon=False)
        names = list(broken)[::-1]
        colours = [BLUE if name.startswith("none") else ORANGE for name in names]
        effects.barh(names, [max(broken[name], 1e-16) for name in names], color=colours, left=1e-17)
        effects.set(xscale="log", xlim=(1e-17, 10), title="how far from the library's logits, for each slip")
        effects.set(xticks=(1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1))
        effects.tick_params(axis="y", labelsize="small")
        for (how, shares), style in zip(read.items(), ("o-", "s--"), strict=True):
            grids.plot(sides, [100 * share for share in shares], style, color=BLUE if style == "o-" else ORANGE, label=how)
        grids.set(title="trained on 4 × 4 patches: digits read, %", xlabel="patches along a side", xticks=sides, ylim=(0, 102))
        grids.legend(frameon=False, loc=(0.2, 0.4))
    return figure


# %% [markdown]
# ## Look at it
#
# Left, nine pairs: your dots on their bars. In the middle, mind the scale: each step to the right is a thousand times
# more. Which slips would you find with a test that allows differences of 1e-5, and which would survive it? Right, a ViT
# that was trained on digits of 8 × 8 pixels, so 4 × 4 patches, reads digits enlarged for 5 × 5 to 8 × 8 patches,
# without any training. With resized positions each patch finds out where it is; with the old table repeated in reading
# order it is told something wrong. Even so the resized ones lose on larger grids. What is it that resizing positions
# cannot mend?
#
# Make the slips yourself, one after the other, and see which logits go: `python -m lessons demo 21`.
#
# ## Argue about it
#
# A hospital loads pretrained weights, fine-tunes them on its own X-ray pictures, and reads 91 % of the test pictures.
# Half a year later somebody finds that the pictures had been prepared with the wrong mean and deviation, in training as
# in testing. How much of the 91 % is wrong? What would you have done to notice in the first week?

# %%
if __name__ == "__main__":
    from lessons import show

    if len(sys.argv) == 3 and Path(sys.argv[1]).is_dir():
        from PIL import Image

        photo = np.asarray(Image.open(sys.argv[2]).convert("RGB"))
        for label, probability in answers(sys.argv[1], photo):
            print(f"{100 * probability:5.1f} %  {label}")
    else:
        show(picture)
