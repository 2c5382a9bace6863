"""Lesson 12: splitting and merging heads, and the whole attention layer."""

import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Term

TITLE = "Many heads"
MINUTES = 35
NEEDS = ["11"]
GOALS = [
    "You can split tokens into heads and merge them again, and say what each axis stands for on the way.",
    "You can say what a reshape without a transposition does to heads, and why nothing complains.",
    "You can chain linear, split, attention, merge and projection forward and backward.",
    "You can count what several heads cost: as many multiplications as one.",
]
PICTURE = (
    "Left, a table of 4 rows and 18 columns, each column coloured by its head; below, what split_heads makes of "
    "it, three tables "
    "of one colour each, and what a reshape alone makes of it, three tables of mixed colours. Right, a handwritten 7 and three "
    "maps of where three heads of one token look: at the bar above, to the left, and around it."
)

# ---------------------------------------------------------------- split_heads


def split_cases(rng):
    return {
        "ordinary": (rng.standard_normal((2, 3, 12)), 2),
        "one image": (rng.standard_normal((1, 3, 18)), 3),
        "one head": (rng.standard_normal((2, 3, 12)), 1),
        "heads of one number": (rng.standard_normal((2, 3, 12)), 4),
        "as many tokens as heads": (rng.standard_normal((2, 3, 27)), 3),
        "a square": (rng.standard_normal((2, 2, 12)), 2),
    }


def split_spec(qkv, heads):
    batch, tokens, columns = qkv.shape
    d = columns // (3 * heads)
    out = [np.zeros((batch, heads, tokens, d)) for _ in range(3)]
    for which, array in enumerate(out):
        for b, h, t, c in np.ndindex(array.shape):
            array[b, h, t, c] = qkv[b, t, which * heads * d + h * d + c]
    return tuple(out)


PARTS = "parts = qkv.reshape(batch, tokens, 3, heads, columns // (3 * heads))  # (B, T, 3, h, d)"
QKV = "q, k, v = parts.transpose(2, 0, 3, 1, 4)  # 3 of (B, h, T, d)"
TOGETHER = "together = np.stack([dq, dk, dv])  # (3, B, h, T, d)"
DQKV = "dqkv = together.transpose(1, 3, 0, 2, 4).reshape(qkv.shape)  # (B, T, 3D)"
RESHAPE_ONLY = (
    "The tokens did not change places with the heads: a reshape alone keeps the order in memory, so a head gets other parts of "
    "one token where it should get its own part of every token."
)
INNER = "Yours reads the columns as head 0 with its q, k and v, then head 1. They are all of q, then all of k, then all of v."
SPLIT_MISTAKES = [
    Mistake(
        RESHAPE_ONLY,
        QKV,
        "q, k, v = (qkv[..., i : i + columns // 3].reshape(batch, heads, tokens, -1) for i in range(0, columns, columns // 3))",
    ),
    Mistake(
        INNER,
        PARTS,
        "parts = qkv.reshape(batch, tokens, heads, 3, columns // (3 * heads)).swapaxes(2, 3)",
    ),
    Mistake("q and k have changed places: the columns are q, then k, then v.", QKV, "k, q, v = parts.transpose(2, 0, 3, 1, 4)"),
    Mistake("k and v have changed places: the columns are q, then k, then v.", QKV, "q, v, k = parts.transpose(2, 0, 3, 1, 4)"),
    Mistake(
        "The numbers of a head are taken every h-th column. A head's numbers stand side by side.",
        PARTS,
        "parts = qkv.reshape(batch, tokens, 3, columns // (3 * heads), heads).swapaxes(3, 4)",
    ),
    Mistake(
        "qkv was reshaped to its final five axes at once: a reshape moves no number, and in memory the axes come in another "
        "order: image, token, which of q, k, v, head, number.",
        f"{PARTS}\n    {QKV}",
        "q, k, v = qkv.reshape(3, batch, heads, tokens, columns // (3 * heads))",
    ),
    Mistake("", QKV, "q, k, v = parts.transpose(2, 0, 1, 3, 4)", step="shape"),
    Mistake("", PARTS, "parts = qkv.reshape(batch, tokens, 3, heads, columns / (3 * heads))", step="run"),
    Mistake("", QKV, "q, k, v = parts.transpose(2, 0, 3, 4, 1)", step="shape"),
    # backward
    Mistake(
        "The three gradients come back in another order: q's columns are the first, then k's, then v's.",
        TOGETHER,
        "together = np.stack([dk, dq, dv])",
    ),
    Mistake(
        "The gradient of v did not come back: all three parts of qkv were used.",
        TOGETHER,
        "together = np.stack([dq, dk, 0 * dv])",
    ),
    Mistake(
        "Only dq came back: keys and values were made from the tokens as well.",
        TOGETHER,
        "together = np.stack([dq, 0 * dk, 0 * dv])",
    ),
    Mistake(
        "The gradients are added up in every part: each of the three has columns of its own.",
        TOGETHER,
        "together = np.stack([dq + dk + dv] * 3)",
    ),
    Mistake(
        "Going back, heads and tokens did not change places again: reshape alone puts numbers to other tokens.",
        DQKV,
        "dqkv = together.transpose(1, 0, 2, 3, 4).reshape(batch, 3, tokens, -1).swapaxes(1, 2).reshape(qkv.shape)",
    ),
    Mistake(
        "Going back, q, k and v ended up inside the heads: they are the outermost part of the columns.",
        DQKV,
        "dqkv = together.transpose(1, 3, 2, 0, 4).reshape(qkv.shape)",
    ),
    Mistake(
        "Going back, the forward's transposition was done once more. It does not undo itself: ask of each old axis where it "
        "went.",
        DQKV,
        "dqkv = together.transpose(2, 0, 3, 1, 4).reshape(qkv.shape)",
    ),
    Mistake(
        "Going back, the three gradients were only reshaped: a reshape moves no number, so the transposition is not undone.",
        DQKV,
        "dqkv = together.reshape(qkv.shape)",
    ),
    Mistake(
        "Going back, the tokens stayed behind the heads. In qkv a token's numbers, of all heads, stand together.",
        DQKV,
        "dqkv = together.transpose(1, 2, 0, 3, 4).reshape(qkv.shape)",
    ),
    Mistake(
        "The gradients of q and v have changed places: q's columns are the first, v's the last.",
        TOGETHER,
        "together = np.stack([dv, dk, dq])",
    ),
    Mistake("", "        return dqkv\n", "        return dqkv, None\n", step="count"),
    Mistake("", DQKV, "dqkv = together.transpose(1, 3, 0, 2, 4)", step="shape"),
    Mistake(
        "The gradient is divided by the number of heads: nothing was averaged, the numbers were only moved.",
        DQKV,
        "dqkv = together.transpose(1, 3, 0, 2, 4).reshape(qkv.shape) / heads",
    ),
]

# ---------------------------------------------------------------- merge_heads


def merge_cases(rng):
    return {
        "ordinary": (rng.standard_normal((2, 2, 3, 5)),),
        "one image": (rng.standard_normal((1, 3, 2, 4)),),
        "one head": (rng.standard_normal((2, 1, 3, 4)),),
        "as many tokens as heads": (rng.standard_normal((2, 3, 3, 2)),),
        "a square": (rng.standard_normal((3, 3, 3, 3)),),
    }


def merge_spec(x):
    batch, heads, tokens, d = x.shape
    merged = np.zeros((batch, tokens, heads * d))
    for b, h, t, c in np.ndindex(x.shape):
        merged[b, t, h * d + c] = x[b, h, t, c]
    return merged


def _unmerge(x, dy):
    batch, heads, tokens, d = x.shape
    return dy.reshape(batch, tokens, heads, d).transpose(0, 2, 1, 3)


MERGED = "merged = x.transpose(0, 2, 1, 3).reshape(batch, tokens, heads * width)  # (B, T, D)"
DX = "dx = dy.reshape(batch, tokens, heads, width).transpose(0, 2, 1, 3)  # (B, h, T, d)"
MERGE_MISTAKES = [
    Mistake(RESHAPE_ONLY, MERGED, "merged = x.reshape(batch, tokens, heads * width)"),
    Mistake(
        "The heads are dealt out like cards, one number of each in turn. A head's d numbers stay side by side.",
        MERGED,
        "merged = x.transpose(0, 2, 3, 1).reshape(batch, tokens, heads * width)",
    ),
    Mistake(
        "The heads come in the reverse order: head 0 is the first.",
        MERGED,
        "merged = x[:, ::-1].transpose(0, 2, 1, 3).reshape(batch, tokens, heads * width)",
    ),
    Mistake("", MERGED, "merged = x.sum(axis=1)", step="shape"),
    Mistake("", MERGED, "merged = x.transpose(0, 2, 1, 3)", step="shape"),
    Mistake(
        "Going back, tokens and heads did not change places: reshape alone hands the gradient to other tokens.",
        DX,
        "dx = dy.reshape(x.shape)",
    ),
    Mistake(
        "Going back, the numbers of a head are collected every h-th place; they stand side by side.",
        DX,
        "dx = dy.reshape(batch, tokens, width, heads).transpose(0, 3, 1, 2)",
    ),
    Mistake("dx is divided by the number of heads: nothing was averaged.", DX, DX.partition("  #")[0] + " / heads"),
    Mistake("", DX, "dx = dy.reshape(batch, tokens, heads, width)", step="shape"),
    Mistake("dx does not depend on dy: every gradient is the one that arrived, at another place.", DX, "dx = np.ones_like(x)"),
]

# ---------------------------------------------------------------- self_attention


def layer_cases(rng):
    def given(batch, tokens, dim, heads):
        shapes = (batch, tokens, dim), (dim, 3 * dim), (3 * dim,), (dim, dim), (dim,)
        return *(rng.standard_normal(shape) for shape in shapes), heads

    return {
        "ordinary": given(2, 3, 4, 2),
        "one image": given(1, 3, 4, 2),
        "one head": given(2, 3, 3, 1),
        "as many tokens as numbers": given(2, 4, 4, 2),
    }


def layer_spec(x, qkv_weight, qkv_bias, proj_weight, proj_bias, heads):
    batch, tokens, dim = x.shape
    d = dim // heads
    y = np.zeros(x.shape)
    for b in range(batch):
        qkv = np.array([[qkv_bias[j] + sum(x[b, t, :] * qkv_weight[:, j]) for j in range(3 * dim)] for t in range(tokens)])
        joined = np.zeros((tokens, dim))
        for h in range(heads):
            q, k, v = (qkv[:, which * dim + h * d : which * dim + (h + 1) * d] for which in range(3))
            for i in range(tokens):
                powers = [math.exp(sum(q[i] * k[j]) / math.sqrt(d)) for j in range(tokens)]
                joined[i, h * d : (h + 1) * d] = sum(p * v[j] for j, p in enumerate(powers)) / sum(powers)
        for t in range(tokens):
            y[b, t] = [proj_bias[j] + sum(joined[t] * proj_weight[:, j]) for j in range(dim)]
    return y


LOOKED = "looked, attention_backward = mine.attention(q, k, v)  # (B, h, T, d)"
MERGE = "merged, merge_backward = merge_heads(looked)  # (B, T, D)"
PROJ = "y, proj_backward = mine.linear(merged, proj_weight, proj_bias)  # (B, T, D)"
BACK_PROJ = "dmerged, dproj_weight, dproj_bias = proj_backward(dy)"
BACK_LOOKED = "dq, dk, dv = attention_backward(merge_backward(dmerged))"
BACK_SPLIT = "dqkv = split_backward(dq, dk, dv)  # (B, T, 3D)"
BACK_QKV = "dx, dqkv_weight, dqkv_bias = qkv_backward(dqkv)"
LAYER_MISTAKES = [
    Mistake(
        "The output projection is missing: the heads' answers never meet.",
        PROJ,
        "proj_backward = mine.linear(merged, proj_weight, proj_bias)[1]\n    y = merged",
    ),
    Mistake(
        "The scores are divided by the root of D. Each head has d = D/h numbers, and it is their root.",
        LOOKED,
        "looked, attention_backward = mine.attention(q / heads**0.5, k, v)",
    ),
    Mistake(
        "The heads are not split: this is one head of width D.",
        "(q, k, v), split_backward = split_heads(qkv, heads)",
        "(q, k, v), split_backward = split_heads(qkv, 1)",
    ),
    Mistake(
        "Queries and keys have changed places on the way into attention.",
        LOOKED,
        "looked, attention_backward = mine.attention(k, q, v)",
    ),
    Mistake(
        "Keys and values have changed places on the way into attention.",
        LOOKED,
        "looked, attention_backward = mine.attention(q, v, k)",
    ),
    Mistake(
        "The heads are put together by a reshape alone: tokens get parts of other tokens.",
        MERGE,
        "merged, merge_backward = merge_heads(looked)\n    merged = looked.reshape(x.shape)",
    ),
    Mistake(
        "The values went past attention: every token keeps its own value, and nobody looks at anybody.",
        MERGE,
        "merged, merge_backward = merge_heads(v)",
    ),
    Mistake(
        "x itself was added: the road past attention is the block's business (lesson 13), not this layer's.",
        PROJ,
        PROJ.partition("  #")[0] + "\n    y = y + x",
    ),
    Mistake("", PROJ, "y = mine.linear(merged, proj_weight, proj_bias)\n    proj_backward = y[1]", step="count"),
    # backward
    Mistake(
        "The projection was passed by on the way back: dy must meet its weight first.",
        BACK_LOOKED,
        "dq, dk, dv = attention_backward(merge_backward(dy))",
    ),
    Mistake(
        "The gradient of v did not come back: dx gets a part from each of q, k and v.",
        BACK_SPLIT,
        "dqkv = split_backward(dq, dk, 0 * dv)",
    ),
    Mistake(
        "Only the values' gradient came back: queries and keys were made from x too.",
        BACK_SPLIT,
        "dqkv = split_backward(0 * dq, 0 * dk, dv)",
    ),
    Mistake("dq and dk have changed places on the way back.", BACK_SPLIT, "dqkv = split_backward(dk, dq, dv)"),
    Mistake(
        "dproj_weight is made from x: the input of the projection is what the heads gave, merged.",
        BACK_PROJ,
        "dmerged, dproj_weight, dproj_bias = proj_backward(dy)\n        dproj_weight = mine.linear(x, "
        "proj_weight, proj_bias)[1](dy)[1]",
    ),
    Mistake(
        "dproj_bias is divided by the number of tokens: what is shared by all tokens collects a sum.",
        BACK_PROJ,
        "dmerged, dproj_weight, dproj_bias = proj_backward(dy)\n        dproj_bias = dproj_bias / dy.shape[1]",
    ),
    Mistake(
        "dx has dy in it as well: the way around attention is the block's business (lesson 13), not this layer's.",
        BACK_QKV,
        "dx, dqkv_weight, dqkv_bias = qkv_backward(dqkv)\n        dx = dx + dy",
    ),
    Mistake(
        "dqkv_bias is that of the first image only.",
        BACK_QKV,
        "dx, dqkv_weight, dqkv_bias = qkv_backward(dqkv)\n        dqkv_bias = dqkv[0].sum(axis=0)",
    ),
    Mistake(
        "",
        "return dx, dqkv_weight, dqkv_bias, dproj_weight, dproj_bias, None",
        "return dx, dqkv_weight, dqkv_bias, dproj_weight, dproj_bias",
        step="count",
    ),
]

EXERCISES = [
    Exercise(
        name="split_heads",
        outputs=("q", "k", "v"),
        cases=split_cases,
        spec=split_spec,
        gradients=("dqkv",),
        symbols=lambda qkv, heads: {"h": heads, "T": qkv.shape[1]},
        large=lambda rng: (rng.standard_normal((32, 197, 576)), 3),
        mistakes=SPLIT_MISTAKES,
        hints={
            "forward": (
                "A column number says three things: which of q, k, v; which head; which number. That is an axis split in three.",
                "Reshape to five axes, in the order in which the columns count, slowest first. Then bring 'which "
                "of q, k, v' to the "
                "front, and let tokens and heads change places.",
                "After the reshape the axes are image, token, three, head, number. You want three, image, head, "
                "token, number. An array "
                "whose first axis has three entries can be unpacked into three names.",
            ),
            "backward": (
                "Nothing was computed; all numbers go back to their columns.",
                "np.stack puts three arrays together along a new first axis. Then undo the transposition, then the reshape.",
                "Before the reshape the axes must be image, token, three, head, number again. From three, image, "
                "head, token, number: "
                "which place does each of them have now?",
            ),
        },
        read={"forward": "Splitting", "backward": "Splitting"},
        library="split_heads",
    ),
    Exercise(
        name="merge_heads",
        cases=merge_cases,
        spec=merge_spec,
        gradients=("dx",),
        terms={
            "dx": lambda x, dy: [Term("dy, split again", _unmerge(x, dy), "every number was moved, and its gradient moves back.")]
        },
        symbols=lambda x: {"h": x.shape[1], "T": x.shape[2]},
        mistakes=MERGE_MISTAKES,
        hints={
            "forward": (
                "The heads of one token must come to stand side by side: which two axes have to change places first?",
                "(B, h, T, d) to (B, T, h, d), then join the last two.",
                "transpose takes the new order of the old axes: here two neighbours in the middle are exchanged. "
                "Then one reshape to "
                "three axes.",
            ),
            "backward": (
                "The forward, read from its end.",
                "First take the last axis apart into heads and numbers, then let tokens and heads change places.",
                "The reshape gives (B, T, h, d); the transposition is the same as in the forward, because "
                "exchanging twice changes nothing.",
            ),
        },
        read={"forward": "Merging", "backward": "Merging"},
        library="merge_heads",
    ),
    Exercise(
        name="self_attention",
        cases=layer_cases,
        spec=layer_spec,
        gradients=("dx", "dqkv_weight", "dqkv_bias", "dproj_weight", "dproj_bias", None),
        symbols=lambda x, *others: {"B": x.shape[0], "T": x.shape[1], "h": others[-1]},
        large=lambda rng: (
            *(rng.standard_normal(s) for s in ((16, 65, 64), (64, 192), (192,), (64, 64), (64,))),
            4,
        ),
        mistakes=LAYER_MISTAKES,
        hints={
            "forward": (
                "Five steps, in the order of the line with the arrows. Each gives an output and a backward.",
                "Linear with the qkv weight, split, attention, merge, Linear with the proj weight.",
                "split_heads gives its three outputs as one tuple, and its backward beside it: (q, k, v), name = "
                "... takes both apart. "
                "Give each of the five backwards a name of its own.",
            ),
            "backward": (
                "Five errands, from the last to the first; the lesson lists them.",
                "Each backward takes what the one after it gave. Two of them, the Linears', give three results.",
                "The backward of the projection takes dy; the one of merge what comes out first; attention's "
                "gives three, and the one of "
                "split takes exactly those three; the last Linear gives dx and two more.",
            ),
        },
        read={"forward": "The whole layer", "backward": "The whole layer"},
    ),
]

QUIZ = [
    Question(
        "D = 192 and h = 3. What are the scores divided by?",
        ("√192", "√64 = 8", "√3", "64"),
        1,
        "Each head has d = 192/3 = 64 numbers, and the dot product of a query and a key has 64 summands.",
    ),
    Question(
        "Twice as many heads, the same D. How many multiplications do scores and averages take?",
        ("Half as many", "The same number", "Twice as many", "Four times as many"),
        1,
        "T · T · d for each head, and d is halved as h is doubled. There are twice as many weights to store, though.",
    ),
    Question(
        "Somebody writes q.reshape(B, h, T, d) with no transposition. What is in head 0?",
        (
            "The first d numbers of every token",
            "All numbers of the first few tokens",
            "The same as with it",
            "An error",
        ),
        1,
        "reshape keeps the order in memory. The first T · d numbers are all D numbers of the first T/h tokens.",
    ),
    Question(
        "What would be missing without the output projection?",
        (
            "The scores would not be scaled",
            "The D numbers of a token would stay sorted by head: nothing mixes them here",
            "The shape would be wrong",
            "Nothing, a Linear after a Linear is one Linear",
        ),
        1,
        "Between the value's Linear and the projection stands an average with other weights for each head, so "
        "they are not one Linear.",
    ),
    Question(
        "How many parameters has self_attention for D = 768?",
        ("3 · 768", "2,362,368", "589,824", "7 million"),
        1,
        "768 · 2304 + 2304 for qkv, and 768 · 768 + 768 for proj: 4 D² + 4 D. The number of heads does not enter.",
    ),
]
