# %% [markdown]
# # 14 · The ViT
#
# Everything is on the table: patches, an embedding, a class token, positions, blocks. You wrote each piece and checked
# its gradients. **Does it make a Vision Transformer, the real one, number for number?**
#
# ![The loss on 32 digits falls from ln 10 to nearly 0; the digits, each with the model's answer](expected.png)
#
# In this lesson you put them together, in a dozen lines. You make its parameters, count those of the paper's models to
# the last one, and teach it 32 digits by heart. In the end you compare it with PyTorch.

# %%
import functools
import math
from dataclasses import dataclass

import numpy as np

from lessons import mine

# %% [markdown]
# ## From a photograph to a thousand logits
#
# The sizes of a model are eight numbers. Four of them are in the paper's Table 1: depth, width D, MLP width M, heads.
# The others are the sizes of image and patch, the channels and the classes. "B/16" is size B(ase), patches of 16.
#
#     name   depth    D      M      heads
#     Ti     12       192    768    3         (Ti and S come from a later paper, DeiT)
#     S      12       384    1536   6
#     B      12       768    3072   12
#     L      24       1024   4096   16
#     H      32       1280   5120   16
#
# Follow one photograph through B/16:
#
#     image                                     (224, 224, 3)
#     patchify: 14 · 14 patches of 16 · 16 · 3  (196, 768)
#     patch_embed                               (196, 768)
#     embed_tokens: class token, positions      (197, 768)
#     block 0                                   (197, 768)
#     ...                                       (197, 768)
#     block 11                                  (197, 768)
#     LayerNorm                                 (197, 768)
#     the class token alone                     (768,)
#     Linear, the head                          (1000,)
#
# From the embedding to the last block nothing changes its shape. That is the simplicity of it: the model has one width
# and one kind of block.
#
# What is the model told about images? That there are patches, nothing else. A convolutional network is told more: that
# neighbours belong together, and that a thing is the same thing wherever it is in the picture. The paper calls this
# *inductive bias* (section 3.1), and ViT has much less of it. It has to learn that from data; lesson 16 measures what
# it costs.

# %%


@dataclass(frozen=True)
class Sizes:
    """The eight numbers of a ViT; images are square."""

    image_size: int
    patch_size: int
    channels: int
    classes: int
    dim: int
    depth: int
    heads: int
    mlp_dim: int


BLOCK = (
    "norm1.weight",
    "norm1.bias",
    "attn.qkv.weight",
    "attn.qkv.bias",
    "attn.proj.weight",
    "attn.proj.bias",
    "norm2.weight",
    "norm2.bias",
    "mlp.fc1.weight",
    "mlp.fc1.bias",
    "mlp.fc2.weight",
    "mlp.fc2.bias",
)


def parameter_shapes(sizes):
    """{name: shape} of every parameter, in order. The names follow timm's, which says patch_embed.proj and transposes weights."""
    dim, width = sizes.dim, sizes.mlp_dim
    tokens = (sizes.image_size // sizes.patch_size) ** 2 + 1
    found = {
        "cls_token": (1, 1, dim),
        "pos_embed": (1, tokens, dim),
        "patch_embed.weight": (sizes.patch_size**2 * sizes.channels, dim),
        "patch_embed.bias": (dim,),
    }
    of_a_block = ((dim,), (dim,), (dim, 3 * dim), (3 * dim,), (dim, dim), (dim,), (dim,), (dim,), (dim, width), (width,),
                  (width, dim), (dim,))  # fmt: skip
    for i in range(sizes.depth):
        found |= {f"blocks.{i}.{name}": shape for name, shape in zip(BLOCK, of_a_block, strict=True)}
    return found | {
        "norm.weight": (dim,),
        "norm.bias": (dim,),
        "head.weight": (dim, sizes.classes),
        "head.bias": (sizes.classes,),
    }


# %% [markdown]
# ## Count them
#
# How large is a model? Write a formula, and do it without the table above: one summand for each part, in the letters
# P, C, N, D, M, K (classes) and the depth. Let us do the block of a model with $M = 4D$ together:
#
#     norm1, norm2         2 · 2D
#     qkv                  D · 3D + 3D
#     proj                 D · D + D
#     fc1, fc2             D · M + M  +  M · D + D
#     ------------------------------------------------
#     with M = 4D          12 D² + 13 D              B: 7,087,872     (your formula needs M itself)
#
# In front of the blocks there are the patch embedding, the class token and the positions; behind them, one LayerNorm
# and the head. For B/16 at 224 × 224 with 1,000 classes the sum must be **86,567,656**.
#
# Then look at the paper's Table 1: ViT-Large has "307M". Your formula gives 306,535,400 for L/32, and 304,326,632 for
# L/16. So the table's number fits L/32, while its 86M fits B/16: larger patches need more weights to be embedded than
# fewer positions save.


# %%
def count_parameters(sizes):
    """How many numbers a ViT of these sizes learns: 86,567,656 for B/16. A formula in the sizes alone."""
    # BEGIN SOLUTION: count
    dim, width = sizes.dim, sizes.mlp_dim
    patches = (sizes.image_size // sizes.patch_size) ** 2
    embedding = (sizes.patch_size**2 * sizes.channels + 1) * dim
    tokens = dim + (patches + 1) * dim
    attention = (dim + 1) * 3 * dim + (dim + 1) * dim
    mlp = (dim + 1) * width + (width + 1) * dim
    norm = 2 * dim
    count = embedding + tokens + sizes.depth * (2 * norm + attention + mlp) + norm + (dim + 1) * sizes.classes
    # END SOLUTION
    return count


# %% [markdown]
# ## The first values
#
# - Weights of Linears: random, equally likely between $-a$ and $a$ with $a = \sqrt{6 / (\text{in} + \text{out})}$
#   (Glorot and Bengio, 2010). Why this $a$: the variance of such numbers is $a^2 / 3 = 2 / (\text{in} + \text{out})$,
#   a compromise between $1 / \text{in}$, which keeps the size of what goes forward (lesson 07), and $1 / \text{out}$,
#   which keeps that of the gradients on their way back. The qkv weight is three matrices side by side: its *out* is D,
#   not 3D.
# - Biases and the class token: zeros. LayerNorms: weight 1, bias 0 (lesson 08).
# - Positions: normal random numbers with standard deviation `pos_embed_std`.
# - **The head: zeros.** Then all classes have the logit 0, and the first loss is ln 10 for ten classes (lesson 07).
#
# Use `parameter_shapes`, and look at the end of each name to see what it is.


# %%
def vit_parameters(sizes, rng, pos_embed_std=0.02):
    """{name: Tensor} for every name in parameter_shapes(sizes), in that order: float32, requires_grad. rng: a NumPy Generator."""
    parameters = {}
    for name, shape in parameter_shapes(sizes).items():
        # BEGIN SOLUTION: array, the first values of this parameter
        if name == "pos_embed":
            array = pos_embed_std * rng.standard_normal(shape)
        elif "norm" in name and name.endswith("weight"):
            array = np.ones(shape)
        elif name.endswith("weight") and name != "head.weight":
            outputs = shape[1] // 3 if "qkv" in name else shape[1]
            limit = math.sqrt(6 / (shape[0] + outputs))
            array = rng.uniform(-limit, limit, shape)
        else:
            array = np.zeros(shape)
        # END SOLUTION
        parameters[name] = mine.Tensor(array.astype(np.float32), requires_grad=True)
    return parameters


# %% [markdown]
# ## One token answers
#
# After the blocks only the class token is read. Taking one row out of each image is an op as well. Its forward is one
# index. Its backward: $y_b = x_{b, 0}$, so $x_{b, 0}$ has slope 1, and all other tokens had no influence on $y$: their
# gradient is **zero**, and not missing. The array that comes back has the shape of x.


# %%
def pick_class_token(x):
    """The first token of each image: x (B, T, D) to y (B, D). backward(dy) returns dx (B, T, D)."""
    # BEGIN SOLUTION: y
    y = x[:, 0]  # (B, D)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: dx
        dx = np.zeros_like(x)  # (B, T, D)
        dx[:, 0] = dy
        # END SOLUTION
        return dx

    return y, backward


# %% [markdown]
# ## Put together
#
# From here on your engine of lesson 02 takes over: `mine.op` turns a function with its backward into an op that
# records, and `backward()` of the loss walks back through all of them. `vit_parts()` does this once for each part, and
# is given. A whole block is one op: you wrote its backward yourself.
#
# The ops take and give Tensors: call `pick`, the op, and not `pick_class_token`, which knows arrays only.  **What
# most people forget** is the last LayerNorm (equation 4 of the paper). Inside the blocks the road is never
# normalised, and by the end its numbers are large (lesson 13). Without the norm the head reads them as they are.


# %%
@functools.cache
def vit_parts():
    """Your functions as ops that record on your engine: patch_embed, embed_tokens, block, layernorm, pick_class_token, linear."""
    return (
        mine.op(mine.patch_embed),
        mine.op(mine.embed_tokens),
        mine.op(mine.block),
        mine.op(mine.layernorm),
        mine.op(pick_class_token),
        mine.op(mine.linear),
    )


def vit(parameters, images, sizes):
    """The logits, a Tensor (B, K), for images (B, H, W, C). parameters: as from vit_parameters.

    Arguments of the ops: patch_embed(images, weight, bias, patch_size), embed_tokens(x, cls_token, pos_embed),
    block(x, twelve parameters in the order of BLOCK, heads), layernorm(x, weight, bias), pick(x), linear(x, weight, bias).
    """
    patch_embed, embed_tokens, block, layernorm, pick, linear = vit_parts()
    p = parameters
    # BEGIN SOLUTION: logits, from the patch embedding to the head
    x = patch_embed(images, p["patch_embed.weight"], p["patch_embed.bias"], sizes.patch_size)  # (B, N, D)
    x = embed_tokens(x, p["cls_token"], p["pos_embed"])  # (B, N+1, D)
    for i in range(sizes.depth):
        x = block(x, *[p[f"blocks.{i}.{name}"] for name in BLOCK], sizes.heads)  # (B, N+1, D)
    x = layernorm(x, p["norm.weight"], p["norm.bias"])  # (B, N+1, D)
    logits = linear(pick(x), p["head.weight"], p["head.bias"])  # (B, K)
    # END SOLUTION
    return logits


# %% [markdown]
# `python -m lessons check 14` tells you how far you are, and `python -m lessons hint 14` gives a nudge.
#
# ## By heart
#
# Before a long training, every practitioner does this: take 32 images, and train until they are known by heart. A model
# with thousands of parameters must be able to. If it is not, something is wrong, and you know it after three seconds
# and not after three hours. It says nothing about *new* images; that is lesson 16.
#
# `overfit` is given. Its steps are those of an optimizer that lesson 15 explains.


# %%
def overfit(sizes, images, labels, steps=80, lr=0.005, seed=0):
    """The losses of so many steps on the same few images, and the parameters."""
    parameters = vit_parameters(sizes, np.random.default_rng(seed))
    cross_entropy = mine.op(mine.cross_entropy)
    averages = {name: (np.zeros_like(p.data), np.zeros_like(p.data)) for name, p in parameters.items()}
    losses = []
    for _ in range(steps):
        for p in parameters.values():
            p.grad = None
        loss = cross_entropy(vit(parameters, images, sizes), labels)
        loss.backward()
        losses.append(float(loss.data))
        for name, p in parameters.items():
            m, v = averages[name]
            m, v = 0.8 * m + 0.2 * p.grad, 0.9 * v + 0.1 * p.grad * p.grad
            averages[name] = m, v
            p.data = p.data - lr * m / (np.sqrt(v) + 1e-8)
    return losses, parameters


DIGITS = Sizes(image_size=8, patch_size=2, channels=1, classes=10, dim=32, depth=2, heads=4, mlp_dim=64)

# %% [markdown]
# ## Number for number
#
# Is it the ViT? Build the same model from PyTorch's own modules, give it your weights, and compare: logits and all
# gradients. `python work/14_the_vit.py` does it, if PyTorch is installed. Differences of about 1e-15 are rounding.


# %%
def compare_with_pytorch():
    """(the largest difference of logits, of gradients) between your vit and PyTorch's modules with the same weights, in float64;
    None where PyTorch is not installed."""
    try:
        import torch
    except ImportError:
        return None
    rng = np.random.default_rng(0)
    parameters = vit_parameters(DIGITS, rng)
    for p in parameters.values():
        p.data = p.data.astype(np.float64) + 0.1 * rng.standard_normal(p.data.shape)
    images, labels = rng.standard_normal((5, 8, 8, 1)), np.array([3, 1, 4, 1, 5])
    loss = mine.op(mine.cross_entropy)(vit(parameters, images, DIGITS), labels)
    loss.backward()

    weights = {name: torch.tensor(p.data, requires_grad=True) for name, p in parameters.items()}
    layer = torch.nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, activation="gelu", layer_norm_eps=1e-6, batch_first=True,
                                             norm_first=True, dtype=torch.float64)  # fmt: skip
    theirs = dict(zip(BLOCK, ("norm1.weight", "norm1.bias", "self_attn.in_proj_weight", "self_attn.in_proj_bias",
                              "self_attn.out_proj.weight", "self_attn.out_proj.bias", "norm2.weight", "norm2.bias",
                              "linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"), strict=True))  # fmt: skip
    kernel = weights["patch_embed.weight"].reshape(2, 2, 1, 32).permute(3, 2, 0, 1)  # (D, C, P, P)
    pixels = torch.tensor(images).permute(0, 3, 1, 2)  # (B, C, H, W)
    x = torch.nn.functional.conv2d(pixels, kernel, weights["patch_embed.bias"], stride=2).flatten(2).transpose(1, 2)
    x = torch.cat([weights["cls_token"].expand(5, 1, 32), x], dim=1) + weights["pos_embed"]
    for i in range(DIGITS.depth):
        own = {name: weights[f"blocks.{i}.{name}"] for name in BLOCK}
        x = torch.func.functional_call(layer, {theirs[n]: w.T if w.ndim == 2 else w for n, w in own.items()}, (x,))
    x = torch.nn.functional.layer_norm(x, (32,), weights["norm.weight"], weights["norm.bias"], 1e-6)
    logits = x[:, 0] @ weights["head.weight"] + weights["head.bias"]
    torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
    yours = vit(parameters, images, DIGITS).data
    apart = max(float(np.abs(p.grad - weights[name].grad.numpy()).max()) for name, p in parameters.items())
    return float(np.abs(yours - logits.detach().numpy()).max()), apart


# %% [markdown]
# ## ViT beside DETR
#
# In the same year another paper put a Transformer on images: DETR (Carion and others, arXiv 2005.12872). It does
# *detection*: not "what is this picture?" but "which things are in it, and where?". It is worth seeing what it has that
# ViT has not.
#
# ![Left ViT: patches, encoder, class token, one label. Right DETR: CNN, encoder, decoder, many boxes](detr.png)
#
# - **A CNN in front.** DETR does not cut the image into patches. A ResNet reads it first, and gives a map of features
#   with a 32nd of the height and width; each place of the map is a token. ViT's question was whether one can do
#   without. (Its hybrid, a CNN stem with a ViT behind it, is close to DETR's first half.)
# - **A decoder.** ViT has only the encoder: self-attention and MLP. DETR has a second stack, in which each block looks
#   twice: at the other queries, and then, by *cross-attention*, at the tokens of the image. There q comes from the
#   queries, and k and v come from the image.
# - **Object queries.** ViT asks one question, so one extra token is enough: the class token. DETR asks "is there
#   something?" a hundred times: 100 learned vectors go into the decoder, and each comes out as a class and a box, or as
#   "nothing here". You can see the class token as a single query that lives inside the encoder.
# - **Positions at every layer.** ViT adds learned positions once, to the tokens at the entrance. DETR adds fixed
#   sines and cosines of the two directions (your lesson 10) in *every* attention layer of the encoder, to queries and
#   keys but not to values: where to look depends on places, what is handed over does not. In the decoder the image's
#   keys get them again, and the object queries do the same service for the hundred answers.
# - **A loss for sets.** A hundred answers have no order. DETR first gives each true object one answer, so that
#   classes and boxes fit together as well as possible. An answer with an object must then give its class and its box;
#   every other one must say "nothing here". All hundred are in the loss. ViT needs no more than cross-entropy.
#
# What ViT leaves out, it leaves out because its task is simpler, and because it wanted to know how far a plain
# Transformer goes.
#
# ## Deep or wide?
#
# For the same cost one can have few wide blocks or many narrow ones.
#
# Here are five models for digits, with depth × width² about the same, so that their blocks cost about the same number of
# multiplications: 112 wide with 1 block, 80 with 2, 64 with 3, 44 with 6, 32 with 12. 360 steps each, three seeds.
#
# ![Test accuracy over the number of blocks: it rises up to three and falls after six](../miniatures/depth_width.png)
#
#     blocks    test accuracy, %
#     1         92.6 ± 1.4
#     2         95.1 ± 0.9
#     3         96.8 ± 0.7
#     6         96.6 ± 0.6
#     12        95.3 ± 0.7
#
# One block is too few: the class token can collect, but patches cannot first find out about each other. Twelve blocks
# of 32 learn too slowly for 360 steps. (All five had the learning rate that suits three blocks. With their own, 1 and
# 12 blocks might do better: lesson 10 told you to ask that.) On its large scale the paper finds that more depth helps
# most, with less and less gained after 16 blocks (appendix D.2). (`python -m lessons.miniatures depth_width` made
# it.)


# %%
def picture():
    """Loss and accuracy while 32 digits are learned by heart, and the digits with their labels."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE
    from minivit.data import load

    data = load("digits")
    images, labels = data.normalise(data.train_images)[:32], data.train_labels[:32]
    losses, parameters = overfit(DIGITS, images, labels)
    logits = vit(parameters, images, DIGITS).data
    probabilities = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities /= probabilities.sum(axis=-1, keepdims=True)

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 4))
    axes = left.subplots()
    axes.plot(losses, color=BLUE)
    axes.plot([0], losses[:1], "o", color=ORANGE)
    axes.axhline(math.log(10), color=GREY, linestyle="--")
    axes.annotate("ln 10 = 2.3026", (len(losses), math.log(10)), ha="right", va="bottom")
    axes.set(title=f"loss on 32 digits: {losses[0]:.4f} to {losses[-1]:.4f}", xlabel="step", ylim=(0, 2.6))
    for i, axes in enumerate(right.subplots(4, 8).flat):
        axes.imshow(images[i, ..., 0], cmap="gray_r")
        answer = probabilities[i].argmax()
        right_one = answer == labels[i]
        axes.set_title(
            f"{answer}: {100 * probabilities[i].max():.0f} %", fontsize="small", color="black" if right_one else ORANGE
        )
        axes.axis("off")
    known = (probabilities.argmax(axis=-1) == labels).sum()
    right.suptitle(f"{known} of 32 known by heart: what it says, and how sure it is", fontsize="medium")
    return figure


# %% [markdown]
# ## Look at it
#
# The loss starts at 2.3026 and goes to nearly nothing. You have a Vision Transformer, with your own gradients from the
# head down to the patches. It has learned 32 digits by heart, which is not the same as learning to read.
#
# See what depth, width and patch size cost: `python -m lessons demo 14`.
#
# ## Argue about it
#
# Nowhere in the code does it say that patch 5 lies beside patch 6, or that a shifted digit is the same digit. Is that
# a strength or a weakness of the model?

# %%
if __name__ == "__main__":
    from lessons import show

    def compared():
        """The picture, and a line on what PyTorch gives."""
        difference = compare_with_pytorch()
        if difference is None:
            print("PyTorch is not installed, so there is nothing to compare with; the check has compared it with minivit's ViT")
        else:
            print(
                f"beside PyTorch's modules with the same weights: logits differ by {difference[0]:.0e}, gradients "
                f"by {difference[1]:.0e}"
            )
        return picture()

    show(compared)
