"""Lesson 10: the class token, learned positions, and sin-cos positions."""

import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Term

TITLE = "Class token and positions"
MINUTES = 25
NEEDS = ["09"]
GOALS = [
    "You can say why a Transformer without positions cannot tell a picture from its shuffled patches.",
    "You can add class token and positions, and derive their gradients: sums over the batch.",
    "You can compute sin-cos positions, and say why their dot products depend on the distance only.",
]
PICTURE = (
    "Top left a boot, beside it the same boot with its 16 patches shuffled. Below, the table of sin-cos positions of a grid of "
    "6 by 6 as coloured stripes, fast ones and slow ones. Right, 36 little maps, one for each place of the grid: brightest at "
    "the place itself and bright around it."
)


def embed_cases(rng):
    def given(batch, count, dim):
        return tuple(rng.standard_normal(shape) for shape in ((batch, count, dim), (1, 1, dim), (1, count + 1, dim)))

    return {
        "ordinary": given(3, 4, 7),
        "one image": given(1, 3, 5),
        "one patch": given(3, 1, 2),
        "as many tokens as images and numbers": given(4, 3, 4),
        "a square": given(4, 4, 4),
    }


def embed_spec(x, cls_token, pos_embed):
    batch, count, dim = x.shape
    y = np.zeros((batch, count + 1, dim))
    for b, n, j in np.ndindex(y.shape):
        y[b, n, j] = (cls_token[0, 0, j] if n == 0 else x[b, n - 1, j]) + pos_embed[0, n, j]
    return y


TERMS = {
    "dx": lambda x, cls_token, pos_embed, dy: [
        Term("dy of the patches", dy[:, 1:], "each patch becomes one token, with slope 1: all tokens but the first.")
    ],
    "dcls_token": lambda x, cls_token, pos_embed, dy: [
        Term("Σ_b dy of the class token", dy[:, :1].sum(axis=0, keepdims=True), "all images share it, so theirs add up.")
    ],
    "dpos_embed": lambda x, cls_token, pos_embed, dy: [
        Term("Σ_b dy", dy.sum(axis=0, keepdims=True), "all images share the positions, so what each says adds up.")
    ],
}

TOKENS = "tokens = np.concatenate([first, x], axis=1)  # (B, N+1, D)"
Y = "y = tokens + pos_embed  # (B, N+1, D)"
DX = "dx = dy[:, 1:]  # (B, N, D)"
DPOS = "dpos_embed = dy.sum(axis=0, keepdims=True)  # (1, N+1, D)"
DCLS = "dcls_token = dpos_embed[:, :1]  # (1, 1, D)"
DCLS_ALONE = "dcls_token = dy[:, :1].sum(axis=0, keepdims=True)"
EMBED_MISTAKES = [
    Mistake(
        "The class token stands behind the patches. It belongs in front: token 0 is the one that is read in the end.",
        TOKENS,
        "tokens = np.concatenate([x, first], axis=1)",
    ),
    Mistake(
        "The class token gets no position: there are N + 1 positions, the first of them for it.",
        Y,
        "y = tokens + pos_embed * (np.arange(tokens.shape[1]) > 0)[:, None].astype(x.dtype)",
    ),
    Mistake("The positions are missing: without them the tokens are a heap.", Y, "y = tokens + 0 * pos_embed"),
    Mistake("The positions are multiplied with the tokens. They are added.", Y, "y = tokens * pos_embed"),
    Mistake("The positions are subtracted. They are added.", Y, "y = tokens - pos_embed"),
    Mistake(
        "All tokens get the same position, that of place 0. Then they say nothing about where a patch is.",
        Y,
        "y = tokens + pos_embed[:, :1]",
    ),
    Mistake(
        "The class token is all zeros: it should be the learned one, the same in every image.",
        TOKENS,
        "tokens = np.concatenate([0 * first, x], axis=1)",
    ),
    Mistake(
        "The positions are one place off: that of the class token went to the last patch.",
        Y,
        "y = tokens + np.roll(pos_embed, -1, axis=1)",
    ),
    Mistake(
        "The patches got the positions of places 0 to N − 1, and the class token none: the positions were added before the class "
        "token came in front. Patch n is token n + 1 and takes the position of place n + 1.",
        f"{TOKENS}\n    {Y}",
        "y = np.concatenate([first, x + pos_embed[:, :-1]], axis=1)",
    ),
    Mistake(
        "The patches got the positions of places 0 to N − 1. The class token has place 0, so patch n is token n + 1 and takes "
        "the position of place n + 1.",
        f"{TOKENS}\n    {Y}",
        "y = np.concatenate([first + pos_embed[:, :1], x + pos_embed[:, :-1]], axis=1)",
    ),
    Mistake(
        "The last token gets no position: there are N + 1 tokens and as many positions.",
        Y,
        "y = np.concatenate([tokens[:, :-1] + pos_embed[:, :-1], tokens[:, -1:]], axis=1)",
    ),
    Mistake("", TOKENS, "tokens = x", step="run"),
    Mistake("", TOKENS, "tokens = np.concatenate([cls_token, x], axis=1)", step="run"),
    Mistake("", Y, "y = tokens + pos_embed * np.float64(1)", step="dtype"),
    # backward
    Mistake(
        "dx is that of the tokens 0 to N − 1: the class token's gradient went to the first patch. Patch n became token n + 1.",
        DX,
        "dx = dy[:, :-1]",
    ),
    Mistake("", DX, "dx = dy", step="shape"),
    Mistake(
        "The patches share their gradient. Each has its own token, and only the token's own gradient belongs to it.",
        DX,
        "dx = np.broadcast_to(dy[:, 1:].mean(axis=1, keepdims=True), x.shape)",
    ),
    Mistake("", DPOS, "dpos_embed = dy", step="shape"),
    Mistake("", DPOS, "dpos_embed = dy.sum(axis=0)", step="shape"),
    *(
        mistake
        for sentence, whole in (
            ("comes from the first image only. All images share it: their gradients add up.", "dy[:1]"),
            (
                "is a mean over the batch. If the loss is a mean, its 1/B is in dy already; here the images add up.",
                "dy.mean(axis=0, keepdims=True)",
            ),
        )
        for mistake in (
            Mistake(f"dpos_embed {sentence}", f"{DPOS}\n        {DCLS}", f"{DCLS_ALONE}\n        dpos_embed = {whole}"),
            Mistake(f"dcls_token {sentence}", DCLS, f"dcls_token = {whole}[:, :1]"),
            Mistake(f"dcls_token, like dpos_embed, {sentence}", DPOS, f"dpos_embed = {whole}"),
        )
    ),
    Mistake(
        "Every place gets the sum over all places: positions differ from place to place, and so do their gradients.",
        DPOS,
        "dpos_embed = np.broadcast_to(dy.sum(axis=(0, 1)), pos_embed.shape)",
    ),
    Mistake(
        "dcls_token is summed over all tokens. The class token is in place 0 only, once in each image.",
        DCLS,
        "dcls_token = dy.sum(axis=(0, 1), keepdims=True)",
    ),
    Mistake(
        "dcls_token comes from the last token. The class token is the first.",
        DCLS,
        "dcls_token = dpos_embed[:, -1:]",
    ),
    Mistake("", DCLS, "dcls_token = dy[:, :1]", step="shape"),
]


def sincos_cases(rng):
    return {"ordinary": (2, 3, 8), "one row": (1, 5, 12), "one column": (4, 1, 8), "a square": (4, 4, 16), "larger": (5, 7, 20)}


def sincos_spec(rows, columns, dim):
    count = dim // 4
    result = np.zeros((rows * columns, dim))
    for r in range(rows):
        for c in range(columns):
            for f in range(count):
                speed = 10000 ** (-f / (count - 1))
                numbers = math.sin(c * speed), math.cos(c * speed), math.sin(r * speed), math.cos(r * speed)
                for part, number in enumerate(numbers):
                    result[r * columns + c, part * count + f] = number
    return result


SPEEDS = "speeds = 1 / 10000 ** (np.arange(count) / (count - 1))  # (F,)"
DIVMOD = "row, column = np.divmod(np.arange(rows * columns), columns)  # (N,) each"
ANGLES = "for place in (column, row)]  # 2 of (N, F)"
CONCATENATE = "positions = np.concatenate([f(angle) for angle in angles for f in (np.sin, np.cos)], axis=1)  # (N, D)"
SINCOS_MISTAKES = [
    Mistake(
        "In yours the row comes first. The first half is for the column, the second for the row.",
        ANGLES,
        "for place in (row, column)]",
    ),
    Mistake(
        "Yours numbers the patches column by column. They come in reading order: all columns of row 0 first.",
        DIVMOD,
        "column, row = np.divmod(np.arange(rows * columns), rows)",
    ),
    Mistake(
        "Yours divides by the number of rows: a patch's number is row · columns + column.",
        DIVMOD,
        "row, column = np.divmod(np.arange(rows * columns), rows)",
    ),
    Mistake(
        "Yours has the cosines before the sines: the sines come first.",
        CONCATENATE,
        "positions = np.concatenate([f(angle) for angle in angles for f in (np.cos, np.sin)], axis=1)",
    ),
    Mistake(
        "Sines and cosines take turns here. All F sines of the column come first, then all its cosines, then the row's.",
        CONCATENATE,
        "positions = np.concatenate([np.stack([np.sin(a), np.cos(a)], axis=-1).reshape(len(a), -1) for a in angles], axis=1)",
    ),
    Mistake(
        "Sine and cosine have changed places with column and row: sin of both first, then cos of both.",
        CONCATENATE,
        "positions = np.concatenate([f(angle) for f in (np.sin, np.cos) for angle in angles], axis=1)",
    ),
    Mistake(
        "Where the cosines belong there are sines too. A sine alone cannot tell forward from backward.",
        CONCATENATE,
        "positions = np.concatenate([np.sin(angle) for angle in angles for _ in range(2)], axis=1)",
    ),
    Mistake(
        "The slowest speed is not 1/10000: with F speeds there are F − 1 steps between the first and the last.",
        SPEEDS,
        "speeds = 1 / 10000 ** (np.arange(count) / count)",
    ),
    Mistake(
        "The speeds grow to 10000 instead of falling to 1/10000.", SPEEDS, "speeds = 10000 ** (np.arange(count) / (count - 1))"
    ),
    Mistake(
        "The speeds go down in equal steps. They should go down in equal ratios: each is the same fraction of the one before.",
        SPEEDS,
        "speeds = np.linspace(1, 1 / 10000, count)",
    ),
    Mistake(
        "Yours counts the places from 1. The first row and the first column are 0.",
        DIVMOD,
        DIVMOD.replace("row, column", "row, column").split("  #")[0] + "\n    row, column = row + 1, column + 1",
    ),
    Mistake("", CONCATENATE, CONCATENATE.replace("axis=1)  # (N, D)", "axis=0)"), step="shape"),
]

EXERCISES = [
    Exercise(
        name="embed_tokens",
        cases=embed_cases,
        spec=embed_spec,
        gradients=("dx", "dcls_token", "dpos_embed"),
        terms=TERMS,
        symbols=lambda x, cls_token, pos_embed: dict(zip("BND", x.shape, strict=True)),
        large=lambda rng: tuple(rng.standard_normal(s) for s in ((64, 196, 192), (1, 1, 192), (1, 197, 192))),
        mistakes=EMBED_MISTAKES,
        hints={
            "forward": (
                "Two steps: one more token in front, then an addition.",
                "The class token is (1, 1, D), and every image needs one: it must be repeated B times before it can be put in "
                "front of x along the axis of the tokens. The addition of the positions repeats by itself.",
                "np.broadcast_to(array, shape) repeats without copying; np.concatenate takes a list and an axis. Batch is "
                "axis 0, tokens are axis 1. What comes out is one token longer than x.",
            ),
            "backward": (
                "Who uses x? One token. Who uses the class token, or a position? Every image.",
                "dx is a part of dy. The other two are sums over the batch, one for all places, one for the first place only.",
                "Keep the axis that you sum over, so that the shapes begin with 1. The class token's gradient then is the first "
                "place of that of the positions. With the dy of the lesson: (6, 8) and (10, 12).",
            ),
        },
        read={"forward": "The class token", "backward": "The three gradients"},
        library="embed_tokens",
    ),
    Exercise(
        name="sincos_positions",
        cases=sincos_cases,
        spec=sincos_spec,
        mistakes=SINCOS_MISTAKES,
        hints={
            "": (
                "For each patch you need its row, its column and a list of speeds. Everything else is sine and cosine.",
                "Row and column of patch n are n divided by the number of columns, and what is left over: np.divmod gives both. "
                "Speeds: 10000 to a power that goes from 0 to 1 in F equal steps, turned upside down.",
                "Make angles of shape (N, F): places as a column times speeds as a row. Four such blocks side by side: sin "
                "and cos of the columns' angles, sin and cos of the rows'. Check patch 2 of a 2 by 3 grid with 8 numbers: 0.909, "
                "0.0002, -0.416, 1, 0, 0, 1, 1.",
            )
        },
        read={"": "Positions that nobody has to learn"},
    ),
]

QUIZ = [
    Question(
        "A ViT without positions sees a picture, and then the same picture with two patches exchanged. Its answers?",
        ("Differ a little", "Are the same", "Differ if the patches differ", "Depend on the class token"),
        1,
        "The class token collects from a heap of tokens. The heap is the same in both cases.",
    ),
    Question(
        "B/16 reads images of 224 × 224. How many numbers are in its position embedding?",
        ("196 · 768", "197 · 768", "197", "224 · 224 · 768"),
        1,
        "One vector of 768 numbers for each of the 196 patches, and one for the class token.",
    ),
    Question(
        "Why is the gradient of pos_embed a sum over the batch?",
        (
            "Because the loss is a mean",
            "Because every image uses the same positions",
            "To give it the right shape, nothing more",
            "It is a mean and not a sum",
        ),
        1,
        "What is used B times receives B gradients, and they add up: the rule of lesson 02.",
    ),
    Question(
        "dcls_token is always equal to the first row of dpos_embed. Why?",
        (
            "By chance, at the beginning of training",
            "The class token and its position only ever appear as a sum",
            "Because both start at 0",
            "It is not: the class token has more tokens to collect from",
        ),
        1,
        "y_0 = c + p_0. Whatever moves one by a little could as well move the other.",
    ),
    Question(
        "What do sin-cos positions have that random vectors for each place do not?",
        (
            "They are longer",
            "Neighbours are alike, and how alike two places are depends on the step from one to the other only",
            "They can be learned",
            "They make attention cheaper",
        ),
        1,
        "Their dot product depends on the differences of row and column only. A model that is given random vectors has to learn "
        "what is beside what.",
    ),
]
