"""Lesson 13: the MLP and the pre-norm encoder block."""

import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, check_of

TITLE = "The encoder block"
MINUTES = 35
NEEDS = ["08", "12"]
GOALS = [
    "You can write the encoder block forward and backward out of LayerNorm, attention and MLP.",
    "You can say what the road past each branch does for the gradient: dy plus what comes back through the branch.",
    "You can tell pre-norm from post-norm, and say which mistake turns one into the other.",
    "You can count a block's parameters: 4D² in attention, 8D² in the MLP.",
]
PICTURE = (
    "Left, five tables of coloured numbers: the 17 tokens of a digit after the embedding and after each of four "
    "blocks; stripes can "
    "be followed from one to the next. Right, a chart: the spread of the numbers on the road grows from block to block, beside "
    "the spread of what attention and the MLP add in each."
)

# ---------------------------------------------------------------- mlp


def mlp_cases(rng):
    def given(batch, tokens, dim, width):
        shapes = (batch, tokens, dim), (dim, width), (width,), (width, dim), (dim,)
        return tuple(rng.standard_normal(shape) for shape in shapes)

    return {
        "ordinary": given(3, 7, 4, 5),
        "one image": given(1, 3, 4, 5),
        "narrower in the middle": given(2, 2, 4, 3),
        "a square": given(4, 4, 4, 4),
    }


def _linear(x, weight, bias):
    y = np.zeros((*x.shape[:-1], len(bias)))
    for place in np.ndindex(y.shape):
        y[place] = bias[place[-1]] + sum(x[(*place[:-1], i)] * weight[i, place[-1]] for i in range(len(weight)))
    return y


def mlp_spec(x, fc1_weight, fc1_bias, fc2_weight, fc2_bias):
    hidden = _linear(x, fc1_weight, fc1_bias)
    bent = np.array([h * 0.5 * (1 + math.erf(h / math.sqrt(2))) for h in hidden.ravel()]).reshape(hidden.shape)
    return _linear(bent, fc2_weight, fc2_bias)


BENT = "bent, gelu_backward = mine.gelu(hidden)  # (B, T, M)"
MLP_Y = "y, fc2_backward = mine.linear(bent, fc2_weight, fc2_bias)  # (B, T, D)"
DBENT = "dbent, dfc2_weight, dfc2_bias = fc2_backward(dy)"
DHIDDEN = "dhidden = gelu_backward(dbent)  # (B, T, M)"
DFC1 = "dx, dfc1_weight, dfc1_bias = fc1_backward(dhidden)"
MLP_MISTAKES = [
    Mistake(
        "GELU is missing: two Linears in a row are one Linear.",
        BENT,
        "gelu_backward = mine.gelu(hidden)[1]\n    bent = hidden",
    ),
    Mistake(
        "GELU comes after the second Linear too: it stands between the two only.",
        MLP_Y,
        MLP_Y.partition("  #")[0] + "\n    y = mine.gelu(y)[0]",
    ),
    Mistake("x is added already here: the road is the block's business.", MLP_Y, MLP_Y.partition("  #")[0] + "\n    y = y + x"),
    Mistake(
        "GELU comes at the end. It stands between the two Linears.",
        MLP_Y,
        "y, fc2_backward = mine.linear(hidden, fc2_weight, fc2_bias)\n    y = mine.gelu(y)[0]",
    ),
    Mistake(
        "This is max(0, x), relu, in place of GELU.",
        MLP_Y,
        "y, fc2_backward = mine.linear(hidden * (hidden > 0), fc2_weight, fc2_bias)",
    ),
    Mistake(
        "The bias of fc1 is missing.",
        MLP_Y,
        "y, fc2_backward = mine.linear(mine.gelu(hidden - fc1_bias)[0], fc2_weight, fc2_bias)",
    ),
    Mistake("The bias of fc2 is missing.", MLP_Y, "y, fc2_backward = mine.linear(bent, fc2_weight, 0 * fc2_bias)"),
    Mistake("GELU was passed by on the way back: its slope belongs between the two Linears.", DHIDDEN, "dhidden = dbent"),
    Mistake(
        "GELU's slope was used twice on the way back.",
        DHIDDEN,
        "dhidden = gelu_backward(gelu_backward(dbent))",
    ),
    Mistake(
        "dfc2_weight is made from what came before GELU: the input of fc2 is what GELU gave.",
        DBENT,
        DBENT + "\n        dfc2_weight = mine.linear(hidden, fc2_weight, fc2_bias)[1](dy)[1]",
    ),
    Mistake(
        "dy has been added to dx: the road is the block's business.",
        DFC1,
        DFC1 + "\n        dx = dx + dy",
    ),
    Mistake(
        "dfc1_bias is divided by the number of tokens: what is shared by all collects a sum.",
        DFC1,
        DFC1 + "\n        dfc1_bias = dfc1_bias / dy.shape[1]",
    ),
    Mistake(
        "",
        "return dx, dfc1_weight, dfc1_bias, dfc2_weight, dfc2_bias",
        "return dx, dfc2_weight, dfc2_bias, dfc1_weight, dfc1_bias",
        step="order",
    ),
]

# ---------------------------------------------------------------- block


def block_cases(rng):
    def given(batch, tokens, dim, width, heads):
        shapes = [(batch, tokens, dim), (dim,), (dim,), (dim, 3 * dim), (3 * dim,), (dim, dim), (dim,), (dim,), (dim,)]
        shapes += [(dim, width), (width,), (width, dim), (dim,)]
        x, *parameters = (rng.standard_normal(shape) for shape in shapes)
        return x, *(0.5 * array for array in parameters), heads

    return {"ordinary": given(3, 7, 4, 5, 2), "one image": given(1, 2, 3, 4, 1), "a square": given(2, 4, 4, 4, 2)}


def _layernorm(x, weight, bias):
    y = np.zeros(x.shape)
    for place in np.ndindex(x.shape[:-1]):
        row = x[place]
        mean = sum(row) / len(row)
        variance = sum((number - mean) ** 2 for number in row) / len(row)
        y[place] = [(a - mean) / math.sqrt(variance + 1e-6) * w + b for a, w, b in zip(row, weight, bias, strict=True)]
    return y


def block_spec(x, *parameters):
    *arrays, heads = parameters
    norm1, attention, norm2, mlp = arrays[:2], arrays[2:6], arrays[6:8], arrays[8:]
    layer_spec = check_of("12").layer_spec
    z = x + layer_spec(_layernorm(x, *norm1), *attention, heads)
    return z + mlp_spec(_layernorm(z, *norm2), *mlp)


SEEN = "seen, attention_backward = mine.self_attention(normed1, qkv_weight, qkv_bias, proj_weight, proj_bias, heads)"
Z = "z = x + seen  # (B, T, D)"
NORMED1 = "normed1, norm1_backward = mine.layernorm(x, norm1_weight, norm1_bias)  # (B, T, D)"
NORMED2 = "normed2, norm2_backward = mine.layernorm(z, norm2_weight, norm2_bias)  # (B, T, D)"
THOUGHT = "thought, mlp_backward = mlp(normed2, fc1_weight, fc1_bias, fc2_weight, fc2_bias)  # (B, T, D)"
Y = "y = z + thought  # (B, T, D)"
AFTER_NORM = "\n    ".join((SEEN, Z, NORMED2, THOUGHT, Y))
POST_NORM = "This is post-norm: the norms stand on the road, after the sums. They belong in the branches, in front."
DNORMED2 = "dnormed2, *dmlp = mlp_backward(dy)"
FROM_MLP = "from_mlp, *dnorm2 = norm2_backward(dnormed2)"
DZ = "dz = dy + from_mlp  # (B, T, D)"
DATTENTION = "dnormed1, *dattention, _ = attention_backward(dz)"
FROM_ATTENTION = "from_attention, *dnorm1 = norm1_backward(dnormed1)"
DX = "dx = dz + from_attention  # (B, T, D)"
BLOCK_MISTAKES = [
    Mistake(
        "The road comes from the norm: z is x plus what attention gives, and not norm1(x) plus it.",
        Z,
        "z = normed1 + seen",
    ),
    Mistake("The second road comes from the norm: y is z plus what the MLP gives.", Y, "y = normed2 + thought"),
    Mistake("The road past attention is missing: z is not attention alone.", Z, "z = seen"),
    Mistake("The road past the MLP is missing: y is not the MLP alone.", Y, "y = thought"),
    Mistake("The road past the MLP starts at x: what attention found out is lost from it. It starts at z.", Y, "y = x + thought"),
    Mistake(
        "The second norm reads x: the MLP must see what attention has added, which is in z.",
        NORMED2,
        "normed2, norm2_backward = mine.layernorm(x, norm2_weight, norm2_bias)",
    ),
    Mistake(
        "The first norm is missing: attention reads the road without a norm.",
        SEEN,
        SEEN.replace("(normed1", "(x"),
    ),
    Mistake("The second norm is missing: the MLP reads the road without a norm.", THOUGHT, THOUGHT.replace("(normed2", "(z")),
    Mistake(
        "Both norms are missing: attention and MLP read the road as it is.",
        AFTER_NORM,
        AFTER_NORM.replace("(normed1", "(x").replace("(normed2", "(z"),
    ),
    Mistake(
        "Both roads are missing: attention and MLP are only chained.",
        AFTER_NORM,
        AFTER_NORM.replace(Z, "z = seen").replace(Y, "y = thought"),
    ),
    Mistake(
        "Both roads come from the norm. That is post-norm, with its norms one place further on: the road itself is normalised.",
        AFTER_NORM,
        AFTER_NORM.replace(Z, "z = normed1 + seen").replace(Y, "y = normed2 + thought"),
    ),
    Mistake(
        POST_NORM,
        AFTER_NORM,
        AFTER_NORM.replace("(normed1", "(x")
        .replace(Z, "z = mine.layernorm(x + seen, norm1_weight, norm1_bias)[0]")
        .replace("(normed2", "(z")
        .replace(Y, "y = mine.layernorm(z + thought, norm2_weight, norm2_bias)[0]"),
    ),
    Mistake("Attention has one head only: how many there are is in `heads`.", SEEN, SEEN.replace("heads)", "1)")),
    Mistake(
        "The two norms use each other's weight and bias.",
        f"{NORMED1}\n    {AFTER_NORM}",
        f"{NORMED1}\n    {AFTER_NORM}".replace("norm1_", "norm_").replace("norm2_", "norm1_").replace("norm_", "norm2_"),
    ),
    Mistake(
        "Both norms use the weight and bias of the first.",
        NORMED2,
        "normed2, norm2_backward = mine.layernorm(z, norm1_weight, norm1_bias)",
    ),
    Mistake(
        POST_NORM,
        Z,
        "seen, attention_backward = mine.self_attention(x, qkv_weight, qkv_bias, proj_weight, proj_bias, heads)\n"
        "    z = mine.layernorm(x + seen, norm1_weight, norm1_bias)[0]",
    ),
    # backward
    Mistake("The road past the MLP is missing on the way back: dz is dy plus what came through the branch.", DZ, "dz = from_mlp"),
    Mistake("The branch of the MLP is missing on the way back: dz is dy plus what came through it.", DZ, "dz = dy"),
    Mistake(
        "The road past attention is missing on the way back: dx is dz plus what came through the branch.",
        DX,
        "dx = from_attention",
    ),
    Mistake("The branch of attention is missing on the way back: dx is dz plus what came through it.", DX, "dx = dz"),
    Mistake(
        "The road past attention carries dy: between the two halves it is dz that comes down, road and branch together.",
        DX,
        "dx = dy + from_attention",
    ),
    Mistake(
        "Attention's backward was given dy: what arrives at z is dz, road and branch together.",
        DATTENTION,
        "dnormed1, *dattention, _ = attention_backward(dy)",
    ),
    Mistake(
        "Attention's backward was given the MLP's branch alone: what arrives at z is dz, road and branch together.",
        DATTENTION,
        "dnormed1, *dattention, _ = attention_backward(from_mlp)",
    ),
    Mistake(
        "The backwards of the two norms have changed places: norm2 was the MLP's, norm1 attention's.",
        f"{FROM_MLP}\n        {DZ}\n        {DATTENTION}\n        {FROM_ATTENTION}",
        f"from_mlp, *dnorm2 = norm1_backward(dnormed2)\n        {DZ}\n        {DATTENTION}\n"
        "        from_attention, *dnorm1 = norm2_backward(dnormed1)",
    ),
    Mistake(
        "The second norm was passed by on the way back.",
        FROM_MLP,
        FROM_MLP + "\n        from_mlp = dnormed2",
    ),
    Mistake(
        "The first norm was passed by on the way back.",
        FROM_ATTENTION,
        FROM_ATTENTION + "\n        from_attention = dnormed1",
    ),
    Mistake("dy is added twice on the way back.", DX, "dx = dz + from_attention + dy"),
    Mistake("", DZ, "dy += from_mlp\n        dz = dy", step="inputs"),
    Mistake(
        "The gradients of the two norms have changed places.",
        "return (dx, *dnorm1, *dattention, *dnorm2, *dmlp, None)",
        "return (dx, *dnorm2, *dattention, *dnorm1, *dmlp, None)",
    ),
    Mistake(
        "",
        "return (dx, *dnorm1, *dattention, *dnorm2, *dmlp, None)",
        "return (dx, *dnorm1, *dnorm2, *dattention, *dmlp, None)",
        step="order",
    ),
    Mistake(
        "",
        "return (dx, *dnorm1, *dattention, *dnorm2, *dmlp, None)",
        "return (dx, *dnorm1, *dattention, *dnorm2, *dmlp)",
        step="count",
    ),
    Mistake(
        "",
        "return (dx, *dnorm1, *dattention, *dnorm2, *dmlp, None)",
        "return (dx, *dnorm1, *dattention, None, *dnorm2, *dmlp)",
        step="order",
    ),
]

NAMES = (
    "norm1_weight norm1_bias qkv_weight qkv_bias proj_weight proj_bias "
    "norm2_weight norm2_bias fc1_weight fc1_bias fc2_weight fc2_bias"
)
EXERCISES = [
    Exercise(
        name="mlp",
        cases=mlp_cases,
        spec=mlp_spec,
        gradients=("dx", "dfc1_weight", "dfc1_bias", "dfc2_weight", "dfc2_bias"),
        symbols=lambda x, fc1_weight, *others: {"B": x.shape[0], "T": x.shape[1], "M": fc1_weight.shape[1]},
        mistakes=MLP_MISTAKES,
        hints={
            "forward": (
                "Three steps that you have all written: lesson 04, lesson 05, lesson 04.",
                "Each of mine.linear and mine.gelu gives an output and a backward. Keep the three backwards under three names.",
                "The output of one step is the input of the next: x, hidden, bent, y.",
            ),
            "backward": (
                "The same three steps, from the last to the first.",
                "The backward of a Linear gives three gradients: of its input, its weight and its bias. That of GELU gives one.",
                "dy goes into the backward of the second Linear; the first of its results into GELU's; what "
                "comes out into that of the "
                "first Linear, whose first result is dx.",
            ),
        },
        read={"forward": "The MLP", "backward": "The MLP"},
    ),
    Exercise(
        name="block",
        cases=block_cases,
        spec=block_spec,
        gradients=("dx", *(f"d{name}" for name in NAMES.split()), None),
        symbols=lambda x, *others: {"B": x.shape[0], "T": x.shape[1]},
        mistakes=BLOCK_MISTAKES,
        hints={
            "forward": (
                "Follow the drawing with the two roads from left to right.",
                "Norm, attention, add to x; norm, mlp, add to what you have by then.",
                "Six lines: normed, seen, z; normed again, thought, y. The second norm reads z, and the second "
                "sum adds to z. Keep four "
                "backwards.",
            ),
            "backward": (
                "Start at y. Two ways lead down from there: the road and the MLP's branch. Where do they meet?",
                "dz is dy plus what came through mlp and its norm. Then the same once more: dx is dz plus what "
                "came through attention "
                "and its norm.",
                "Each branch in reverse: first the backward of mlp (or attention), then the one of its norm. "
                "Their first result goes on, "
                "the others are gradients of parameters: first, *others = ... takes them apart. attention's last "
                "result is the None for heads.",
            ),
        },
        read={"forward": "A road past everything", "backward": "One new idea for backward"},
    ),
]

QUIZ = [
    Question(
        "Attention gives zeros, and the MLP too. What does the block give?",
        ("Zeros", "x", "LN(x)", "nan"),
        1,
        "The road carries x past both: y = x + 0 + 0.",
    ),
    Question(
        "What arrives at the first block of twelve, when all branches give back a gradient of zero?",
        ("Nothing", "The whole dy", "dy / 12", "It depends on the norms"),
        1,
        "The road has slope 1 in every block. That is what it is for.",
    ),
    Question(
        "h = norm1(x); z = h + attention(h). What is wrong?",
        (
            "Nothing, it saves a line",
            "The norm is applied twice",
            "The road now leads through the norm: it should start at x",
            "attention must read x",
        ),
        2,
        "The branch is right; the road must carry x as it is.",
    ),
    Question(
        "Where are most parameters of a block with M = 4D?",
        ("In attention", "In the MLP", "In the norms", "Half and half"),
        1,
        "8D² against 4D². The norms have 4D together.",
    ),
]
