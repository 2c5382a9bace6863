# %% [markdown]
# # 23 · DETR in miniature, against ViT
#
# Your ViT says *what* a picture shows. It has one class token, and gives one answer. Here is a picture with three digits in
# it. **What is where?** How many answers should a model give, and which of them belongs to which digit?
#
# ![Greedy and cheapest matching of two queries; one axis of two boxes; GIoU over the distance](expected.png)
#
# In 2020 **DETR** (arXiv 2005.12872) asked a Transformer for all objects at once. Before, detectors looked at thousands of
# places and then threw most answers away by hand-made rules. You go from ViT to DETR by changing one thing at a time, and you
# write the four that matter: how well two boxes fit, who answers for what, looking at an image from outside, and the loss of
# a set. Then you train it, on canvases with one to three digits. Take a break in the middle.

# %%
import functools
import itertools
import sys

import numpy as np

from lessons import mine

# %% [markdown]
# ## A box is four numbers
#
# A box here is (cx, cy, w, h): the centre, the width and the height, each in fractions of the image. A canvas of 32 × 32
# pixels with a digit from column 8 to 16 and from row 4 to 14 has the box (0.375, 0.28125, 0.25, 0.3125).
#
# **The mistake that most people make** is to mix this up with another format, (x, y, w, h) with the corner first, or two
# corners. All are four numbers between 0 and 1, so nothing complains. A box that is right but half its size off to the right
# and below is the sign.
#
# How well does box $a$ fit box $b$? Overlap alone says little: a box as large as the image overlaps with everything. Divide
# the area $I$ that both cover by the area $U$ that at least one of them covers:
#
# $$
# \text{IoU} = \frac{I}{U} \qquad U = A + B - I
# $$
#
# with $A$ and $B$ the two areas, width times height. (A + B counts what both cover twice; so subtract it once.) IoU is 1 for
# equal boxes and 0 for boxes that do not touch. And $I$? Along one axis a box goes from its start to its end,
# start = c − s/2 and end = c + s/2. What both cover begins at the *larger* start and stops at the *smaller* end:
#
# $$
# i = \min(\text{end}_a, \text{end}_b) - \max(\text{start}_a, \text{start}_b) \qquad I = i_x i_y
# $$
#
# If that is negative, the boxes do not touch along this axis, and $i$ is 0. Two negative lengths, multiplied, would look like
# an area; so each is cut at 0 first.
#
# **By hand.** a = (0.4, 0.5, 0.4, 0.2), b = (0.5, 0.5, 0.4, 0.2): along x from 0.2 to 0.6 and from 0.3 to 0.7, both cover
# 0.3 to 0.6, length 0.3; along y they are equal, length 0.2. I = 0.06, U = 0.08 + 0.08 − 0.06 = 0.1, IoU = 0.6.


# %%
def iou(a, b):
    """Intersection over union of boxes a and b, each (..., 4), (cx, cy, w, h): (...)."""
    # BEGIN SOLUTION: the intersection, the union, their quotient
    start = np.maximum(a[..., :2] - a[..., 2:] / 2, b[..., :2] - b[..., 2:] / 2)  # (..., 2)
    end = np.minimum(a[..., :2] + a[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2)  # (..., 2)
    side = np.maximum(end - start, 0)  # (..., 2)
    both = side[..., 0] * side[..., 1]  # (...)
    union = a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - both  # (...)
    fit = both / union
    # END SOLUTION
    return fit


# %% [markdown]
# ## A fit with a slope
#
# As a loss IoU has a hole: for boxes that do not touch it is 0, and its slope too. A box that is far off would never learn in
# which direction to go. **GIoU** (arXiv 1902.09630) adds a second term. Let $C$ be the area of the smallest box around both.
# What of it is neither in $a$ nor in $b$ is C − U, and the larger it is, the worse:
#
# $$
# g = \frac{I}{U} - \frac{C - U}{C} = \frac{I}{U} + \frac{U}{C} - 1
# $$
#
# It is 1 for equal boxes, and goes to −1 as they move apart. Along an axis, $c$ goes from the *smaller* start to the *larger*
# end: it is $i$ with minimum and maximum exchanged.
#
# Now the gradient, in two steps. **First, the areas.** By the quotient rule
#
# $$
# dg = \frac{dI}{U} - \frac{I}{U^2} dU + \frac{dU}{C} - \frac{U}{C^2} dC \qquad dU = dA + dB - dI
# $$
#
# Collect what stands with each area:
#
# $$
# \frac{\partial g}{\partial I} = \frac{1}{U} + \frac{I}{U^2} - \frac{1}{C} \qquad
# \frac{\partial g}{\partial A} = \frac{1}{C} - \frac{I}{U^2} \qquad
# \frac{\partial g}{\partial C} = -\frac{U}{C^2}
# $$
#
# **Second, from areas to sides.** $I = i_x i_y$, so $\partial I / \partial i_x = i_y$: the *other* side is the slope. The same
# for $C$ and $c$. Which of the four ends and starts does $i$ hang on? On the smaller end and on the larger start; $c$ on the
# other two. So each of $a$'s two ends is *either* in $i$ or in $c$:
#
#     d end_a   = d i  where end_a < end_b      else  d c
#     d start_a = −d i where start_a > start_b  else  −d c        (minus: a start that grows makes the length shorter)
#
# For $b$ it is the other way round. Where $i$ was cut at 0 it has no slope. At last, end = c + s/2 and start = c − s/2:
#
# $$
# d\text{centre} = d\text{start} + d\text{end} \qquad d\text{size} = \frac{d\text{end} - d\text{start}}{2} +
# \frac{\partial g}{\partial A} \cdot \text{the other size}
# $$
#
# the last since A = w h.
#
# **By hand**, the two boxes above: C = 0.5 · 0.2 = 0.1 = U, so g = 0.6 + 1 − 1 = 0.6. ∂g/∂I = 10 + 6 − 10 = 6, ∂g/∂A =
# 10 − 6 = 4, ∂g/∂C = −10. Along x, a's end is the smaller one: d end = 6 · i_y = 1.2. Its start is not the larger one, so it
# bounds c: d start = −(−10 · 0.2) = 2. The centre of a gets 1.2 + 2 = 3.2: to the right, towards b.


# %%
def giou(a, b):
    """Generalised IoU of boxes a and b, each (N, 4), (cx, cy, w, h): (N,). Returns it and backward.

    backward(dy), dy (N,), returns (da, db), (N, 4) each.
    """
    # BEGIN SOLUTION: g
    a_start, a_end = a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2  # (N, 2) each
    b_start, b_end = b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2  # (N, 2) each
    i = np.maximum(np.minimum(a_end, b_end) - np.maximum(a_start, b_start), 0)  # (N, 2)
    c = np.maximum(a_end, b_end) - np.minimum(a_start, b_start)  # (N, 2)
    both, around = i[..., 0] * i[..., 1], c[..., 0] * c[..., 1]  # (N,) each
    union = a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - both  # (N,)
    g = both / union + union / around - 1  # (N,)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: da, db
        d_both = dy * (1 / union + both / union**2 - 1 / around)  # (N,)
        d_area = dy * (1 / around - both / union**2)  # (N,)
        d_around = dy * (-union / around**2)  # (N,)
        d_i = d_both[..., None] * i[..., ::-1] * (i > 0)  # (N, 2)
        d_c = d_around[..., None] * c[..., ::-1]  # (N, 2)
        inner_end, inner_start = a_end < b_end, a_start > b_start  # (N, 2) each
        da = from_sides(a, np.where(inner_start, -d_i, -d_c), np.where(inner_end, d_i, d_c), d_area)
        db = from_sides(b, np.where(inner_start, -d_c, -d_i), np.where(inner_end, d_c, d_i), d_area)
        # END SOLUTION
        return da, db

    return g, backward


def from_sides(box, dstart, dend, darea):
    """The gradient of a box (N, 4) from those of its starts and ends, (N, 2) each, and of its area, (N,)."""
    dsize = (dend - dstart) / 2 + darea[..., None] * box[..., :1:-1]  # (N, 2); the other size: (h, w)
    return np.concatenate([dstart + dend, dsize], axis=-1)  # (N, 4)


# %% [markdown]
# ## Questions instead of a class token
#
# ViT has one class token, so one answer. DETR has Q of them, here 6, and calls them **object queries**. Each answers with K
# probabilities, one for each class, **one more for "no object"**, and a box. Six answers for at most three digits: most of
# them should say "no object".
#
# Which answer is to be held to which digit? There is no order. Nobody says that query 1 has to find the leftmost digit. So the
# queries may choose, in each image anew: **each object gets the query that suits it best, and no query gets two.** How well
# query $q$ suits object $m$ says a cost, in which everything counts that the loss will ask for:
#
# $$
# \text{cost}_{q m} = -p_q[\text{class of}\ m] + 5 \sum_{k} |b_{q k} - t_{m k}| - 2\, \text{GIoU}(b_q, t_m)
# $$
#
# $p_q$ the query's probabilities, $b_q$ its box, $t_m$ the object's true box, and the sum runs over cx, cy, w, h. The signs:
# a *low* cost is good, so what should be large is subtracted. Why both |b − t| and GIoU? The first counts a slip of 2 pixels
# alike for small and large boxes, the second does not. Why p, where the loss will have ln p? ln p has no bottom: a class that is
# thought impossible would outweigh any box. (5 and 2 are the paper's weights.)


# %%
def matching_cost(p, boxes, classes, truth):
    """What it costs to let each query answer for each object: (Q, M).

    p        (Q, K + 1)   the queries' probabilities, the last is "no object"
    boxes    (Q, 4)       their boxes
    classes  (M,)         the objects' classes, whole numbers below K
    truth    (M, 4)       their boxes
    """
    # BEGIN SOLUTION: cost
    one, other = boxes[:, None], truth[None]  # (Q, 1, 4), (1, M, 4)
    apart = np.abs(one - other).sum(axis=-1)  # (Q, M)
    shape = (len(boxes), len(truth), 4)
    fit, _ = giou(np.broadcast_to(one, shape), np.broadcast_to(other, shape))  # (Q, M)
    cost = -p[:, classes] + 5 * apart - 2 * fit  # (Q, M)
    # END SOLUTION
    return cost


# %% [markdown]
# ## The nearest first is wrong
#
# Look at the picture on the left, above. Two digits, two queries. Query 1 suits both digits well; query 2 suits the left one a
# little and the right one not at all. **Greedy** matching goes through the objects one by one and takes the cheapest query that
# is free: the left digit takes query 1, and the right one has to be content with query 2, which costs 9. In the other
# assignment the costs are 0.2 and 0.1.
#
#     cost          left digit   right digit          greedy:    0.0 + 9.0 = 9.0
#     query 1         0.0          0.1                cheapest:  0.2 + 0.1 = 0.3
#     query 2         0.2          9.0
#
# And taking for each object its own best query, without asking who is taken, gives *both* digits to query 1: then one query
# is taught two truths, and the other that nothing is there.
#
# What is wanted is **the assignment whose sum of costs is least**. With Q queries and M objects there are Q (Q − 1) ...
# (Q − M + 1) of them: 6 · 5 · 4 = 120 here. That is few: try them all. (With 100 queries it is not; then there is the Hungarian
# algorithm, which the library has too.) `itertools.permutations(range(6), 3)` goes through all ordered choices of 3 out of 6.
#
# **Matching has no gradient.** It answers "which", and a little change of the costs changes nothing, until it changes the
# answer. The gradient flows through the loss of the pairs that were found.


# %%
def match(cost):
    """The query of each object in the cheapest assignment: from cost (Q, M), M <= Q, whole numbers (M,), no two alike."""
    # BEGIN SOLUTION: which
    queries, objects = cost.shape
    assignments = np.array(list(itertools.permutations(range(queries), objects)), dtype=int)  # (A, M)
    total = cost[assignments, np.arange(objects)].sum(axis=1)  # (A,)
    which = assignments[total.argmin()]  # (M,)
    # END SOLUTION
    return which


# %% [markdown]
# ## The loss of a set
#
# Now each query has a target: the class of its object, or "no object" if it has none. The loss has three terms.
#
# **Classes.** Cross-entropy, over all Q queries. Most of them should say "no object", so that answer would drown all others: a
# model that always says it would be right for four queries of six. So those queries weigh less, $w_q$ = 0.5 instead of 1, and
# the sum is divided by the sum of the weights:
#
# $$
# L_{class} = -\frac{\sum_{q} w_q \ln p_q[t_q]}{\sum_{q} w_q} \qquad
# \frac{\partial L_{class}}{\partial z_{q k}} = \frac{w_q}{\sum w} (p_{q k} - [k = t_q])
# $$
#
# The gradient is lesson 06's p − t, with a weight. $z$ are the logits.
#
# **Boxes.** Only the queries that have an object; the box of one that has none is never looked at. Divided **by the number of
# objects M**: else an image with three digits would pull three times as hard at the boxes as one with one, while its classes
# pull alike.
#
# $$
# L_{box} = \frac{5}{M} \sum_{m} \sum_{k} |b_{q(m) k} - t_{m k}| \qquad
# L_{giou} = \frac{2}{M} \sum_{m} (1 - \text{GIoU}(b_{q(m)}, t_m))
# $$
#
# q(m) is the query of object m. |x| has the slope +1 or −1, the sign of x. And 1 − GIoU has the slope **minus** that of GIoU:
# a better fit is a smaller loss. The gradient of a box goes to the query that gave it; all other rows of dboxes are zero.
#
# **By hand.** Q = 2, K = 1, logits all 0, so each p is (½, ½). One object, found by query 0: target 0 for query 0, "no object",
# class 1, for query 1. Weights 1 and 0.5. L_class = (ln 2 + 0.5 ln 2) / 1.5 = ln 2. dlogits of query 0: (½ − 1, ½) / 1.5 =
# (−0.333, 0.333); of query 1: 0.5 · (½, ½ − 1) / 1.5 = (0.167, −0.167).


# %%
def set_loss(logits, boxes, classes, truth, which, no_object=0.5):
    """The loss of a set of answers, L_class + L_box + L_giou, one number. Returns it and backward.

    logits (Q, K + 1), boxes (Q, 4)     what the queries say; the last class is "no object"
    classes (M,), truth (M, 4)          the objects, at least one
    which (M,)                          the query that answers for each
    backward(dy), dy one number, returns (dlogits, dboxes, None, None, None, None).
    """
    queries, objects = len(logits), len(truth)
    target = np.full(queries, logits.shape[1] - 1)  # (Q,): no object
    # BEGIN SOLUTION: the targets and weights of the queries, then the loss
    target[which] = classes
    weight = np.full(queries, no_object, logits.dtype)  # (Q,)
    weight[which] = 1
    share = weight / weight.sum()  # (Q,)
    shifted = logits - logits.max(axis=1, keepdims=True)  # (Q, K+1)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (Q, K+1)
    answered = boxes[which]  # (M, 4)
    fit, fit_backward = giou(answered, truth)  # (M,)
    of_class = -(share * log_p[np.arange(queries), target]).sum()
    of_box = 5 * np.abs(answered - truth).sum() / objects
    of_giou = 2 * (1 - fit).sum() / objects
    loss = of_class + of_box + of_giou
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: dlogits, dboxes
        hot = np.eye(logits.shape[1], dtype=logits.dtype)[target]  # (Q, K+1)
        dlogits = dy * share[:, None] * (np.exp(log_p) - hot)  # (Q, K+1)
        slope = -2 * dy / objects
        dfit, _ = fit_backward(np.full(objects, slope, boxes.dtype))  # (M, 4)
        dboxes = np.zeros_like(boxes)  # (Q, 4)
        dboxes[which] = dy * 5 / objects * np.sign(answered - truth) + dfit
        # END SOLUTION
        return dlogits, dboxes, None, None, None, None

    return loss, backward


# %% [markdown]
# ## Looking at the image from outside
#
# In ViT every token looks at every token, itself included: **self-attention**, one set of tokens in three roles. In DETR the
# encoder does that with the cells of the image. Then comes a **decoder**, whose tokens are the queries. They look at each
# other, so that no two answer with the same digit, and then at the image: q comes from the queries, k and v from the cells.
# That is **cross-attention**, and your attention of lesson 11 can do it as it stands. With Q queries and N cells the scores
# are a table of Q × N:
#
#     q  (B, h, Q, d)        k, v  (B, h, N, d)        scores  (B, h, Q, N)        y  (B, h, Q, d)
#
# **Where do positions go?** ViT adds them once, at the entrance, and they end up in q, k and v. DETR adds them in *every*
# block, and only where it is asked *who looks where*:
#
# $$
# q = (x + p_x) W_q \qquad k = (m + p_m) W_k \qquad v = m W_v
# $$
#
# $x$ are the queries, $p_x$ what they are asked about; $m$ (memory) the cells, $p_m$ where they are. **v gets no position**:
# what is handed over is what there is, not where it is.
#
# Backward, follow each array. $m$ is in k and in v: two roads, two summands (lesson 02). $p_m$ is in k only, and has no batch
# axis: all images share it, and what they say adds up. $x$ and $p_x$ are in the same sum, so they get the same gradient.
# The three products are `mine.linear`; here without bias, so its third gradient is not needed.


# %%
def cross_attention(x, x_pos, memory, memory_pos, q_weight, k_weight, v_weight, heads):
    """Queries x look at memory, in so many heads: x, x_pos and y (B, Q, D), memory (B, N, D), memory_pos (N, D), weights (D, D).

    Returns y, the heads side by side, and backward; backward(dy) returns (dx, dx_pos, dmemory, dmemory_pos, dq_weight, dk_weight,
    dv_weight, None).
    """
    none = np.zeros(x.shape[-1], x.dtype)  # (D,): no bias
    # BEGIN SOLUTION: y
    q, q_backward = mine.linear(x + x_pos, q_weight, none)  # (B, Q, D)
    k, k_backward = mine.linear(memory + memory_pos, k_weight, none)  # (B, N, D)
    v, v_backward = mine.linear(memory, v_weight, none)  # (B, N, D)
    looked, attention_backward = mine.attention(split(q, heads), split(k, heads), split(v, heads))  # (B, h, Q, d)
    y, merge_backward = mine.merge_heads(looked)  # (B, Q, D)
    # END SOLUTION

    def backward(dy):
        # BEGIN SOLUTION: the seven gradients
        dq, dk, dv = attention_backward(merge_backward(dy))  # (B, h, Q, d), 2 of (B, h, N, d)
        dx, dq_weight, _ = q_backward(mine.merge_heads(dq)[0])
        dplaced, dk_weight, _ = k_backward(mine.merge_heads(dk)[0])
        dgiven, dv_weight, _ = v_backward(mine.merge_heads(dv)[0])
        dx_pos = dx  # (B, Q, D)
        dmemory = dplaced + dgiven  # (B, N, D)
        dmemory_pos = dplaced.sum(axis=0)  # (N, D)
        # END SOLUTION
        return dx, dx_pos, dmemory, dmemory_pos, dq_weight, dk_weight, dv_weight, None

    return y, backward


def split(x, heads):
    """(B, T, D) to (B, heads, T, d): merge_heads backwards."""
    batch, tokens, dim = x.shape
    return x.reshape(batch, tokens, heads, dim // heads).transpose(0, 2, 1, 3)


# %% [markdown]
# ## Into the real DETR
#
# `minivit.models.detr` is the model of the paper, on a small scale: a CNN that makes 8 × 8 cells of a canvas, two blocks of
# encoder, two of decoder, six queries. Your functions take their places in it: `cross_attention` in the decoder's blocks, and
# `matching_cost`, `match` and `set_loss` in the task. Everything below is given. Read it: where does each of yours stand?
#
# One more thing is in it, without which it would take several times as long. Queries that are *learned*, as DETR's, have to find
# out what they are there for; DETR needed 500 epochs. Here a query begins from the encoder's own guess instead: each cell says
# which digit might lie on it and in which box, and the six surest cells become the queries (**two stages**, arXiv 2010.04159).

# %%
CANVAS = {"patch_size": 4, "dim": 64, "depth": 2, "decoder_depth": 2, "heads": 4, "mlp_dim": 128}


@functools.cache
def as_op(function):
    """Your function as an op that minivit's engine records."""
    import minivit

    return minivit.op(function)


def costs_of(logits, boxes, labels):
    """matching_cost for a batch: logits (B, Q, K+1), boxes (B, Q, 4), labels (B, M, 5), class -1 where there is no object."""
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    cost = np.zeros((*boxes.shape[:2], labels.shape[1]), boxes.dtype)  # (B, Q, M)
    for b, rows in enumerate(labels):
        there = rows[:, 0] >= 0
        cost[b][:, there] = matching_cost(p[b], boxes[b], rows[there, 0].astype(int), rows[there, 1:])
    return cost


def matches_of(cost):
    """match for a batch, (B, M)."""
    return np.array([match(one) for one in cost])


def loss_of(logits, boxes, labels, which, objects, no_object=0.5, total=None):
    """set_loss for a batch: all its queries, and all its objects, as one set. (The cells' guesses keep the library's loss.)"""
    from minivit import ops, training

    if total is not None:
        terms = training.set_loss(logits, boxes, labels, which, objects, no_object, total)
        return {"set": terms["class"] + terms["box"] + terms["giou"]}
    batch, queries, _ = logits.shape
    there = labels[..., 0] >= 0  # (B, M)
    rows = (np.arange(batch)[:, None] * queries + which)[there]
    flat = ops.reshape(logits, shape=(batch * queries, -1)), ops.reshape(boxes, shape=(batch * queries, 4))
    return {"set": as_op(set_loss)(*flat, labels[there][:, 0].astype(int), labels[there][:, 1:], rows, no_object)}


def own_block(block):
    """A block of the decoder that looks with your cross_attention."""

    class OwnBlock(type(block)):
        def __call__(self, x, query_pos, memory, pos, mask=None, attention=None):
            v = self.norm1(x)
            x = x + self.self_attn(v + query_pos, v + query_pos, v, mask)
            part = self.cross_attn
            weights = part.q.weight, part.k.weight, part.v.weight
            y = as_op(cross_attention)(self.norm2(x), query_pos, memory, pos, *weights, part.heads)  # (B, Q, D)
            x = x + part.proj(y)
            return x + self.mlp(self.norm3(x))

    for part in (block.cross_attn.q, block.cross_attn.k, block.cross_attn.v):
        part.bias.requires_grad = False  # yours has none
    block.__class__ = OwnBlock
    return block


def train_detr(epochs=24, queries="two_stage", seed=0, threads=None, watch=None):
    """Trains a DETR with your functions on canvases; (the model, the canvases, AP50 on the test canvases). watch(model, progress)
    is called after every epoch."""
    from tqdm import tqdm

    from minivit.data import load
    from minivit.models import DETR, DETRConfig
    from minivit.training import Detection, Recipe, Training

    data = load("canvases")
    model = DETR(DETRConfig(image_size=32, channels=1, classes=10, queries=queries, **CANVAS), seed)
    model.decoder = [own_block(block) for block in model.decoder]
    recipe = Recipe(epochs=epochs, batch_size=32, lr=3e-3, weight_decay=1e-4, warmup=0.03, clip_norm=0.1, seed=seed)
    task = Detection(data, recipe, cost=costs_of, match=matches_of, set_loss=loss_of)
    training = Training(model, data, recipe, task)
    with tqdm(total=epochs, unit=" epochs", disable=None) as bar:
        for progress in training.run(threads):
            if progress.complete:
                bar.update()
                bar.set_postfix_str(f"loss {progress.loss:.2f}, all found {100 * progress.accuracy:.0f} %")
                if watch:
                    watch(model, progress)
    return model, data, task.test(model, data, threads)["AP50"]


# %% [markdown]
# `python -m lessons check 23` tells you how far you are, and `python -m lessons hint 23` gives a nudge. Then
# `python work/23_detr.py train` trains it with your functions, in two minutes or so, tells AP50 on canvases of digits that it
# has never seen, and draws what it finds there into `work/23_detr_found.png`.
#
# **AP50**, average precision, is how detectors are compared: an answer is right if its class is, and its box lies on the
# object's with an IoU of 0.5 or more, and nobody surer has taken that object. Sort all answers by how sure they are; follow
# how many are right (precision) and how many objects are found (recall) as you go down the list; AP is the mean precision over
# all recalls. 1 is perfect. AP75 asks for an IoU of 0.75.
#
# ## How long does it learn?
#
# The boxes are learned first, the classes late: do not stop when the boxes sit. And it hangs on where a query begins. The same
# model, the same canvases, the same number of steps, four beginnings (`python -m lessons.miniatures --kept detr`):
#
# ![AP50 over the time of the training for four kinds of queries](../miniatures/detr.png)
#
#     a query begins           CPU seconds    AP50 half way          at the end             at a third of the rate    seeds
#     learned: DETR            186            36.8 (7.4 to 70.0)     76.3 (53.2 to 90.4)    43.2 (35.3 to 48.6)       3
#     anchors                  191            90.3 (88.8 to 92.8)    96.9 (95.9 to 97.4)    95.0 (94.9 to 95.1)       3
#     anchors and denoising    229            94.3 (93.2 to 95.0)    97.5 (96.2 to 98.4)    96.9 (95.4 to 98.9)       3
#     two stages               206            98.5 (98.0 to 98.8)    99.8 (99.7 to 99.9)    99.0 (98.4 to 99.6)       3
#
# Three seeds are few (lesson 22). At the end the ranges of the two rows with anchors overlap, so you cannot say which of them is
# better; the first row and the last can be told apart from all others. But denoising makes a step dearer: over the time, in the
# picture, it runs beside anchors alone. All trainings of a row compute the same, so its time is that of the one which others on
# the machine disturbed least.
#
# **Look at the last column.** The learning rate is 3e-3; there it is 1e-3. Two stages lose a point, learned queries more than
# thirty. Whoever had tried the smaller rate alone would say that learned queries hardly learn, and be wrong: half of that was
# the rate. A comparison is fair if each side had its chance (lesson 24). This one is not quite: the rate was chosen for two
# stages, on digits that were set aside, and nobody looked for the best one of the others.
#
# And slow is not bad: with 100 epochs instead of 60 learned queries find 96.6 % on the test canvases (preset `detr-learned`).
#
# *Learned* queries are DETR's own. *Anchors* begin from a box of their own, which each block corrects (DAB-DETR, arXiv
# 2201.12329). *Denoising* adds, in training only, true boxes that were shaken, to be set right: so the decoder learns to correct
# boxes before the queries know where to go (DN-DETR, arXiv 2203.01305). *Two stages* lets the encoder say where to begin.
#
# ## ViT and DETR side by side
#
# | | ViT | DETR | see it |
# |---|---|---|---|
# | what is asked | which class is it? | which things, and where? | `python -m minivit data canvases --figure` |
# | backbone | none: patches of pixels (or the hybrid's CNN) | a CNN | `python -m minivit info runs/detr-digits` |
# | a token | a patch | a cell of the CNN's picture; and a query | lesson 09, demo 09 |
# | parts | encoder only | encoder and decoder | `minivit/models/vit.py` beside `minivit/models/detr.py` |
# | who answers | the class token | Q object queries | `python -m minivit explain canvas.png --model runs/detr-digits` |
# | attention | self | self; and cross, queries at cells | the same command: where each query looks |
# | positions | learned, added once, end up in q, k, v | sines, in every block, to q and k only | lesson 10, demo 10 |
# | LayerNorm | before each part | after each part in the paper; before it here | lesson 13 |
# | loss | cross-entropy | matching, then classes + boxes + GIoU | your `set_loss` |
# | judged by | accuracy | AP | `python -m minivit evaluate --model runs/detr-digits` |
# | needs | many images | many epochs | the figure above |
#
# (`python -m minivit train --config detr-digits` leaves `runs/detr-digits`; `canvas.png` is yours: a square with some digits,
# drawn with any program, dark on light or light on dark.) DETR can do more: with a mask for each query in the
# place of a box it **segments**, says for each pixel to which thing it belongs (the paper's section 4.4). That is left out here.


# %%
def picture():
    """Greedy and cheapest matching of two queries; one axis of two boxes; GIoU over the distance."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from lessons.figures import BLUE, GREEN, ORANGE
    from minivit.data import load

    digits = load("digits").train_images[..., 0]
    figure = Figure(figsize=(11.5, 3.9), layout="constrained")
    wrong, right, sides, curve = figure.subplots(1, 4, width_ratios=(1, 1, 1.25, 1.25))
    scene = np.zeros((32, 32))
    scene[12:20, 5:13], scene[12:20, 19:27] = digits[3], digits[7]
    truth = np.array([[9 / 32, 0.5, 8 / 32, 8 / 32], [23 / 32, 0.5, 8 / 32, 8 / 32]])
    said = np.array([[14.5 / 32, 0.5, 14 / 32, 9 / 32], [7.5 / 32, 0.53, 9 / 32, 10 / 32]])
    cost = np.array([[0.0, 0.1], [0.2, 9.0]])
    for axes, which, title in ((wrong, [0, 1], "greedy: 0.0 + 9.0"), (right, match(cost), "cheapest: 0.2 + 0.1")):
        axes.imshow(scene, cmap="gray_r")
        for q, (color, style) in enumerate(((BLUE, "-"), (ORANGE, "--"))):
            cx, cy, w, h = 32 * said[q]
            axes.add_patch(Rectangle((cx - w / 2 - 0.5, cy - h / 2 - 0.5), w, h, fill=False, color=color, ls=style, lw=2))
            axes.text(cx - w / 2, cy - h / 2 - 1.5 - 3 * q, f"query {q + 1}", color=color)
        for m, q in enumerate(which):
            color = (BLUE, ORANGE)[q]
            axes.annotate(
                "", 32 * truth[m, :2] + [0, 4], (32 * said[q, 0], 30), arrowprops={"color": color, "arrowstyle": "->", "lw": 2}
            )
        axes.set(title=title, xticks=(), yticks=())
    for y, (start, end, color, name) in enumerate(((0.2, 0.6, BLUE, "a"), (0.3, 0.7, ORANGE, "b"))):
        sides.plot([start, end], [y, y], "|-", color=color, markersize=18, linewidth=3)
        sides.text(start - 0.05, y, name, color=color, va="center", fontsize=13)
    for y, (start, end, name) in ((2, (0.3, 0.6, "i: both cover")), (3, (0.2, 0.7, "c: around both"))):
        sides.plot([start, end], [y, y], "|-", color=GREEN, markersize=14, linewidth=2)
        sides.text((start + end) / 2, y - 0.15, name, ha="center", color=GREEN)
    sides.set(title="one axis of two boxes", yticks=(), xlim=(0.1, 0.8), ylim=(3.6, -0.6))
    shifts = np.linspace(0, 0.7, 141)
    a = np.tile([0.2, 0.5, 0.2, 0.2], (len(shifts), 1))
    b = a + np.stack([shifts, *3 * [0 * shifts]], axis=1)
    curve.plot(shifts, iou(a, b), color=ORANGE, linestyle="--", label="IoU")
    curve.plot(shifts, giou(a, b)[0], color=BLUE, label="GIoU")
    curve.set(title="a box of width 0.2 is moved away", xlabel="by so much", ylim=(-1, 1.05))
    curve.legend(frameon=False)
    return figure


def what_it_finds(model, data, count=8):
    """The first test canvases with the boxes of the queries that found something."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from lessons.figures import BLUE
    from minivit.training import found_in, predict

    images = data.test_images[:count]
    found, sure = found_in(predict(model, data.normalise(images)))
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    for i, axes in enumerate(figure.subplots(2, count // 2).flat):
        axes.imshow(images[i, ..., 0], cmap="gray")
        axes.set_axis_off()
        for q in np.flatnonzero(sure[i]):
            cx, cy, w, h = 32 * found.boxes[i, q]
            axes.add_patch(Rectangle((cx - w / 2 - 0.5, cy - h / 2 - 0.5), w, h, fill=False, color=BLUE, linewidth=2))
            text = f"{found.classes[i, q]}  {100 * found.scores[i, q]:.0f} %"
            ground = {"facecolor": "black", "alpha": 0.6, "pad": 1, "linewidth": 0}
            axes.text(cx - w / 2, max(cy - h / 2 - 1, 1), text, color="white", fontsize=9, bbox=ground)
    return figure


# %% [markdown]
# ## Look at it
#
# Left: the same two queries, matched greedily and matched well; an arrow goes from each query to the digit that it is held to.
# Then one axis of two boxes, with what both cover and what lies around both. Right: a box moves away from its twin. IoU is 0 as
# soon as they part, and stays there, flat: no slope, nothing to learn from. GIoU goes on falling.
#
# Watch a training: `python -m lessons demo 23`. Boxes of all queries on one canvas, epoch by epoch; then drag a digit
# over the canvas, and the boxes follow.
#
# ## Argue about it
#
# The queries look at each other before they answer. What would happen if they did not? Could the loss alone teach two queries
# that see the same digit which of them should keep silent?

# %%
if __name__ == "__main__":
    from lessons import show

    if "train" in sys.argv[1:]:
        from pathlib import Path

        model, data, ap50 = train_detr()
        print(f"AP50 on 1,000 test canvases: {100 * ap50:.1f} %   ({mine})")
        what_it_finds(model, data).savefig(Path(__file__).with_name("23_detr_found.png"))
    else:
        show(picture)
