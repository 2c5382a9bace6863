"""Lesson 09: patchify, its inverse, and the patch embedding."""

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Term

TITLE = "Patchify and patch embedding"
MINUTES = 35
NEEDS = ["04"]
GOALS = [
    "You can cut images into patches with reshape and transpose, and say what each axis stands for on the way.",
    "You can say why the backward of an op that only moves numbers is the move undone.",
    "You can say what the patch size costs: N grows with 1/P², attention with 1/P⁴.",
    "You can explain the patch embedding as a Linear on each patch, and as a convolution with stride P.",
]
PICTURE = (
    "Top left, a boot of 28 by 28 pixels; beside it the same boot cut into 16 patches of 7 by 7 pixels with gaps between; "
    "top right, a table of 16 tokens, a row of 24 coloured numbers for each patch. Below, the 16 patches side by side in "
    "reading order, numbered 0 to 15."
)

# ---------------------------------------------------------------- patchify


def patchify_cases(rng):
    return {
        "ordinary": (rng.standard_normal((2, 4, 6, 3)), 2),
        "higher than wide": (rng.standard_normal((2, 6, 3, 2)), 3),
        "one image": (rng.standard_normal((1, 2, 6, 2)), 2),
        "patches of one pixel": (rng.standard_normal((2, 2, 3, 2)), 1),
        "one patch": (rng.standard_normal((2, 3, 3, 2)), 3),
        "a square": (rng.standard_normal((3, 4, 4, 4)), 2),
    }


def patchify_spec(images, patch_size):
    p, (batch, height, width, channels) = patch_size, images.shape
    patches = np.zeros((batch, (height // p) * (width // p), p * p * channels))
    for b, y, x, k in np.ndindex(images.shape):
        number = (y // p) * (width // p) + x // p
        patches[b, number, ((y % p) * p + x % p) * channels + k] = images[b, y, x, k]
    return patches


def unpatchify_cases(rng):
    return {label: (patchify_spec(images, p), p, *images.shape[1:3]) for label, (images, p) in patchify_cases(rng).items()}


def unpatchify_spec(patches, patch_size, height, width):
    p, channels = patch_size, patches.shape[-1] // patch_size**2
    images = np.zeros((len(patches), height, width, channels))
    for b, y, x, k in np.ndindex(images.shape):
        number = (y // p) * (width // p) + x // p
        images[b, y, x, k] = patches[b, number, ((y % p) * p + x % p) * channels + k]
    return images


GRID = "grid = grid.transpose(0, 1, 3, 2, 4, 5)  # (B, H/P, W/P, P, P, C)"
SPLIT = "grid = images.reshape(batch, height // patch_size, patch_size, width // patch_size, patch_size, channels)"
JOIN = "patches = grid.reshape(batch, -1, patch_size * patch_size * channels)  # (B, N, P·P·C)"
DIMAGES = "dimages = unpatchify(dy, patch_size, height, width)  # (B, H, W, C)"
STRIPES = (
    "The transposition is missing: a reshape moves no number, so each 'patch' is a stripe of the picture. The axes that say "
    "which patch must come before those that say where inside."
)
BY_COLUMN = "The patches come column by column: the axis of patch rows must change more slowly than that of patch columns."
SLOW_DIGIT = (
    "An axis was split the wrong way round. y = P·r + i: of two axes made from one, the first changes slowly, the second fast. "
    "The patch row r, with H/P values, changes slowly; the row inside, i, with P values, fast."
)
NOT_INVERTED = (
    "The numbers come in the order of the patches, and were split as if they came in the order of the pixels: begin with the six "
    "axes that the forward had at the end of its moves."
)
INSIDE = "Inside each patch rows and columns are swapped: the pixels lie on their side. The order is row, column, channel."
CHANNELS_FIRST = "Inside a patch the channels come first. The order is row, column, channel: the three of a pixel stay together."
HEIGHT_WIDTH = (
    "Height and width are mixed up: the number of patch rows comes from H, that of patch columns from W. On a square picture "
    "nobody would notice."
)
PATCHIFY_MISTAKES = [
    Mistake(STRIPES, GRID, "grid = grid"),
    Mistake(BY_COLUMN, GRID, "grid = grid.transpose(0, 3, 1, 2, 4, 5)"),
    Mistake(INSIDE, GRID, "grid = grid.transpose(0, 1, 3, 4, 2, 5)"),
    Mistake(CHANNELS_FIRST, GRID, "grid = grid.transpose(0, 1, 3, 5, 2, 4)"),
    Mistake(
        "Which patch and where inside have changed places: pixel 0 of every patch comes first, then pixel 1 of every patch.",
        GRID,
        "grid = grid.transpose(0, 2, 4, 1, 3, 5)",
    ),
    Mistake(
        HEIGHT_WIDTH,
        SPLIT,
        "grid = images.reshape(batch, width // patch_size, patch_size, height // patch_size, patch_size, channels)",
    ),
    Mistake(
        "The picture is turned on its side before it is cut: rows of pixels are taken for columns.",
        SPLIT,
        "grid = images.swapaxes(1, 2)\n"
        "    grid = grid.reshape(batch, width // patch_size, patch_size, height // patch_size, patch_size, channels)",
    ),
    Mistake(
        SLOW_DIGIT,
        f"{SPLIT}\n    {GRID}",
        "grid = images.reshape(batch, patch_size, height // patch_size, patch_size, width // patch_size, channels)\n"
        "    grid = grid.transpose(0, 2, 4, 1, 3, 5)",
    ),
    Mistake("", JOIN, "patches = grid.reshape(-1, patch_size * patch_size * channels)", step="shape"),
    Mistake(
        "",
        SPLIT,
        "grid = images.reshape(batch, height / patch_size, patch_size, width // patch_size, patch_size, channels)",
        step="run",
    ),
    Mistake("", "return patches, backward", "return (patches, backward), backward", step="count"),
    Mistake("", JOIN, "patches = grid.reshape(batch, -1, patch_size, patch_size, channels)", step="shape"),
    Mistake("", JOIN, "patches = grid.reshape(batch, -1, patch_size * patch_size * channels) * np.float64(1)", step="dtype"),
    # backward
    Mistake(
        "dy is reshaped to a picture without being put back: each number must return to the pixel that it came from.",
        DIMAGES,
        "dimages = dy.reshape(images.shape)",
    ),
    Mistake(
        NOT_INVERTED,
        DIMAGES,
        "turned = dy.reshape(batch, height // patch_size, patch_size, width // patch_size, patch_size, channels)\n"
        "        dimages = turned.transpose(0, 1, 3, 2, 4, 5).reshape(images.shape)",
    ),
    Mistake(
        "The gradients return to another place than the pixels came from: patches go back row by row, as they came.",
        DIMAGES,
        "rows, columns = height // patch_size, width // patch_size\n"
        "        turned = dy.reshape(batch, columns, rows, -1).swapaxes(1, 2).reshape(dy.shape)\n"
        "        dimages = unpatchify(turned, patch_size, height, width)",
    ),
    Mistake(
        "Inside each patch the gradients come back on their side: row and column of the pixel are swapped.",
        DIMAGES,
        "turned = dy.reshape(*dy.shape[:2], patch_size, patch_size, channels).swapaxes(2, 3).reshape(dy.shape)\n"
        "        dimages = unpatchify(turned, patch_size, height, width)",
    ),
    Mistake(
        "The gradient is divided by the number of patches. Each pixel goes to one place only, and nothing is averaged.",
        DIMAGES,
        "dimages = unpatchify(dy, patch_size, height, width) / dy.shape[1]",
    ),
    Mistake(
        "dy is not used: every pixel gets the same gradient. What comes back differs from place to place.",
        DIMAGES,
        "dimages = np.ones_like(images)",
    ),
    Mistake(
        "The images are multiplied into the gradient. A pixel is moved and not multiplied: its slope is 1.",
        DIMAGES,
        "dimages = unpatchify(dy, patch_size, height, width) * images",
    ),
    Mistake("", DIMAGES, "dimages = dy", step="shape"),
    Mistake("", "        return dimages\n", "        return dimages, None\n", step="count"),
]

UNGRID = "grid = patches.reshape(batch, rows, columns, patch_size, patch_size, channels)"
UNPIXELS = "pixels = grid.transpose(0, 1, 3, 2, 4, 5)  # (B, H/P, P, W/P, P, C)"
UNPATCHIFY_MISTAKES = [
    Mistake(
        "The transposition is missing, so the numbers stay in the order of the patches and come out as stripes.",
        UNPIXELS,
        "pixels = grid",
    ),
    Mistake(
        "The patches are laid out column by column; they come row by row.",
        UNGRID,
        "grid = patches.reshape(batch, columns, rows, patch_size, patch_size, channels).swapaxes(1, 2)",
    ),
    Mistake(NOT_INVERTED, UNGRID, "grid = patches.reshape(batch, rows, patch_size, columns, patch_size, channels)"),
    Mistake(HEIGHT_WIDTH, UNGRID, "grid = patches.reshape(batch, columns, rows, patch_size, patch_size, channels)"),
    Mistake(INSIDE, UNPIXELS, "pixels = grid.transpose(0, 1, 4, 2, 3, 5)"),
    Mistake(
        "Each patch is read as channel, row, column. The order inside a patch is row, column, channel.",
        UNGRID,
        "grid = np.moveaxis(patches.reshape(batch, rows, columns, channels, patch_size, patch_size), 3, 5)",
    ),
    Mistake("", "height, width, channels)  # (B, H, W, C)", "width, height, channels)", step="shape"),
]

# ---------------------------------------------------------------- patch_embed


def embed_cases(rng):
    def given(batch, height, width, channels, patch_size, dim):
        length = patch_size * patch_size * channels
        return (
            rng.standard_normal((batch, height, width, channels)),
            rng.standard_normal((length, dim)),
            rng.standard_normal(dim),
            patch_size,
        )

    return {
        "ordinary": given(3, 2, 10, 1, 2, 7),
        "higher than wide": given(2, 6, 3, 2, 3, 4),
        "one image": given(1, 2, 4, 1, 2, 3),
        "patches of one pixel": given(2, 3, 2, 2, 1, 3),
        "a square": given(4, 4, 4, 1, 2, 4),
    }


def embed_spec(images, weight, bias, patch_size):
    patches = patchify_spec(images, patch_size)
    tokens = np.zeros((*patches.shape[:2], len(bias)))
    for b, n, j in np.ndindex(tokens.shape):
        tokens[b, n, j] = bias[j] + sum(patches[b, n, i] * weight[i, j] for i in range(len(weight)))
    return tokens


def _rows(array):
    return array.reshape(-1, array.shape[-1])


EMBED_TERMS = {
    "dimages": lambda images, weight, bias, patch_size, dy: [
        Term(
            "unpatchify(dy · Eᵀ)",
            unpatchify_spec(dy @ weight.T, patch_size, *images.shape[1:3]),
            "a pixel reaches all D numbers of its own token, each through its own weight, and then goes back to its place.",
        )
    ],
    "dweight": lambda images, weight, bias, patch_size, dy: [
        Term(
            "Σ patchᵀ · dy",
            _rows(patchify_spec(images, patch_size)).T @ _rows(dy),
            "the same weight serves every patch of every image, and what they say adds up.",
        )
    ],
    "dbias": lambda images, weight, bias, patch_size, dy: [
        Term("Σ dy", _rows(dy).sum(axis=0), "the bias is added to every patch of every image, and what they say adds up.")
    ],
}

TOKENS = "tokens, linear_backward = mine.linear(patches, weight, bias)  # (B, N, D)"
BACK_LINEAR = "dpatches, dweight, dbias = linear_backward(dy)"
BACK_PATCHIFY = "dimages = patchify_backward(dpatches)  # (B, H, W, C)"
EMBED_MISTAKES = [
    Mistake(
        "The image is reshaped and not cut: each token sees a stripe of the picture, not a patch.",
        "patches, patchify_backward = patchify(images, patch_size)  # (B, N, P·P·C)",
        "patches = images.reshape(len(images), -1, patch_size * patch_size * images.shape[-1])\n"
        "    patchify_backward = patchify(images, patch_size)[1]",
    ),
    Mistake(
        "",
        "patches, patchify_backward = patchify(images, patch_size)  # (B, N, P·P·C)",
        "patches, patchify_backward = patchify(images, 2)",
        step="run",
    ),
    Mistake(
        "The bias is missing: a black patch would always be a token of zeros.",
        TOKENS,
        "tokens, linear_backward = mine.linear(patches, weight, 0 * bias)",
    ),
    Mistake("", TOKENS, "tokens = mine.linear(patches, weight, bias)\n    linear_backward = tokens[1]", step="count"),
    Mistake(
        "dweight comes from the first image only: the weight serves every image of the batch.",
        BACK_LINEAR,
        "dpatches, dweight, dbias = linear_backward(dy)\n        dweight = patches[0].T @ dy[0]",
    ),
    Mistake(
        "dweight is averaged over the patches. The loss's mean is in dy already; here the patches add up.",
        BACK_LINEAR,
        "dpatches, dweight, dbias = linear_backward(dy)\n        dweight = dweight / dy.shape[1]",
    ),
    Mistake(
        "dbias is averaged over the patches. The loss's mean is in dy already; here the patches add up.",
        BACK_LINEAR,
        "dpatches, dweight, dbias = linear_backward(dy)\n        dbias = dbias / dy.shape[1]",
    ),
    Mistake(
        "dbias comes from the first patch only: the bias is added to every patch.",
        BACK_LINEAR,
        "dpatches, dweight, dbias = linear_backward(dy)\n        dbias = dy[:, 0].sum(axis=0)",
    ),
    Mistake(
        "dimages has the numbers in the order of the patches: the backward of patchify has not run on them.",
        BACK_PATCHIFY,
        "dimages = dpatches.reshape(images.shape)",
    ),
    Mistake("", BACK_PATCHIFY, "dimages = dpatches", step="shape"),
    Mistake(
        "The gradient went around the Linear: dimages must pass the weight on its way back.",
        BACK_PATCHIFY,
        "dimages = patchify_backward(np.broadcast_to(dy.mean(axis=-1, keepdims=True), patches.shape))",
    ),
]

EXERCISES = [
    Exercise(
        name="patchify",
        cases=patchify_cases,
        spec=patchify_spec,
        gradients=("dimages",),
        terms={
            "dimages": lambda images, patch_size, dy: [
                Term(
                    "dy, put back",
                    unpatchify_spec(dy, patch_size, *images.shape[1:3]),
                    "each pixel goes to one place, and its gradient is what stands in dy there.",
                )
            ]
        },
        symbols=lambda images, patch_size: {"N": images.shape[1] * images.shape[2] // patch_size**2, "B": len(images)},
        large=lambda rng: (rng.standard_normal((64, 28, 28, 3)), 4),
        mistakes=PATCHIFY_MISTAKES,
        hints={
            "forward": (
                "Every pixel has a row and a column. Write both as patch times P plus place inside: that is two axes "
                "for each of the two.",
                "A reshape to six axes, a transposition, a reshape to three. After the first, the axes are batch, patch row, "
                "row inside, patch column, column inside, channel.",
                "The transposition swaps only two neighbours: 'row inside' and 'patch column' change places. Try it on "
                "np.arange(16).reshape(1, 4, 4, 1) with P = 2: the first patch must be 0, 1, 4, 5. How many patches there are, "
                "NumPy can work out itself if you write -1 for that axis.",
            ),
            "backward": (
                "Nothing is computed in patchify: numbers move. Where does each number of dy have to go?",
                "Back to the pixel that it came from. There is a function in this lesson that does just that.",
                "unpatchify needs four things: what to glue, the patch size, and the picture's height and width. All of them "
                "are known in the forward; backward may use names from there.",
            ),
        },
        read={"forward": "What patchify does", "backward": "The way back"},
        library="patchify",
    ),
    Exercise(
        name="unpatchify",
        cases=unpatchify_cases,
        spec=unpatchify_spec,
        large=lambda rng: (rng.standard_normal((64, 49, 48)), 4, 28, 28),
        mistakes=UNPATCHIFY_MISTAKES,
        hints={
            "": (
                "Read patchify from its last line to its first, and undo each move.",
                "Undo the joining: (B, N, P·P·C) to six axes, batch, patch row, patch column, row inside, column inside, "
                "channel. Then the same transposition as in patchify, since swapping two axes twice changes nothing.",
                "There are height // patch_size patch rows, and as many patch columns as width // patch_size. The "
                "channels are the length of "
                "a patch divided by P twice. At the end, one reshape to four axes.",
            )
        },
        read={"": "The way back"},
    ),
    Exercise(
        name="patch_embed",
        cases=embed_cases,
        spec=embed_spec,
        gradients=("dimages", "dweight", "dbias", None),
        terms=EMBED_TERMS,
        symbols=lambda images, weight, bias, patch_size: {
            "N": images.shape[1] * images.shape[2] // patch_size**2,
            "B": len(images),
            "D": len(bias),
        },
        mistakes=EMBED_MISTAKES,
        hints={
            "forward": (
                "Two functions that you have, one after the other.",
                "Cut first, then the Linear on the patches. Each of the two gives you an output and a backward: keep "
                "both backwards.",
                "patchify gives (patches, one backward); mine.linear of patches, weight and bias gives (tokens, "
                "another backward). "
                "Give the two backwards different names.",
            ),
            "backward": (
                "Go through the picture of the two arrows from right to left.",
                "dy first meets the backward of the Linear, which gives three things. One of them is the gradient of "
                "the patches, "
                "and it goes on.",
                "The Linear's backward gives the gradients of its input, its weight and its bias, in this order. "
                "The first goes into "
                "the backward of patchify; the other two are results.",
            ),
        },
        read={"forward": "From patch to token", "backward": "From patch to token"},
    ),
]

QUIZ = [
    Question(
        "An image of 224 × 224 pixels, patches of 32 × 32. How many tokens?",
        ("7", "49", "196", "1,024"),
        1,
        "224 / 32 = 7 in each direction, 7 · 7 = 49. (196 is what patches of 16 give.)",
    ),
    Question(
        "You go from patches of 16 to patches of 8. How much larger is the table of who looks at whom?",
        ("2 times", "4 times", "16 times", "64 times"),
        2,
        "There are 4 times as many patches, and the table has one entry for each pair: 4 · 4 = 16.",
    ),
    Question(
        "Somebody writes patchify as images.reshape(B, N, P*P*C). What happens?",
        (
            "NumPy raises an error",
            "The shape is right, and each token is a stripe of the picture",
            "Only the channels come out wrong",
            "It works for square images",
        ),
        1,
        "A reshape keeps the numbers in memory order, which is row of pixels by row of pixels. Nothing complains.",
    ),
    Question(
        "Why does the backward of patchify contain no multiplication?",
        (
            "Pixels are no parameters",
            "Every slope is 0",
            "Every number was only moved: the slope is 1 where it went and 0 elsewhere",
            "The weights come later",
        ),
        2,
        "Moving is the identity with another address. Its backward moves in the opposite direction.",
    ),
    Question(
        "How many numbers are learned in the patch embedding of B/16 (colour, D = 768)?",
        ("768", "590,592", "196 · 768", "38,416"),
        1,
        "A weight of 16·16·3 = 768 rows and 768 columns, and 768 biases: 589,824 + 768. It does not depend on the number of "
        "patches.",
    ),
]
