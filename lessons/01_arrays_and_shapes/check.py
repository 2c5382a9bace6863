"""Arrays and shapes: eight puzzles, the mistakes that people make in them, and the quiz."""

import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question

TITLE = "Arrays and shapes"
MINUTES = 40
NEEDS = ["00"]
GOALS = [
    "You can say which shape each line of array code gives, before you run it.",
    "You can choose between reshape and transpose, between * and @, and between a sum and a sum that keeps its axis.",
    "You can pick one entry of each row with arrays of indices.",
    "You can keep float32 as it is, and leave the arrays of others alone.",
]
PICTURE = (
    "Eight small pictures, one a puzzle: a corner of a 3, the average of all the 3s, a table of differences with a diagonal"
    " of zeros, a 3 with rows of equal weight, four digits side by side, a 3 that becomes an 8 in five steps, a bar for "
    "each digit, and a table of ten by ten scores. Each is what one line of array code makes of real digits."
)


# 1. one_patch


def patch_cases(rng):
    image = rng.uniform(size=(6, 8))
    return {
        "ordinary": (image, 1, 2, 2),
        "the first patch": (image, 0, 0, 2),
        "patches of 3": (rng.uniform(size=(9, 6)), 2, 1, 3),
        "patches of 1": (image, 4, 7, 1),
        "the whole of a square image": (rng.uniform(size=(4, 4)), 0, 0, 4),
    }


def patch_spec(image, row, column, size):
    patch = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            patch[i, j] = image[row * size + i, column * size + j]
    return patch


PATCH = "image[row * size : (row + 1) * size, column * size : (column + 1) * size]"

ONE_PATCH = Exercise(
    "one_patch",
    dtype=False,
    cases=patch_cases,
    spec=patch_spec,
    mistakes=[
        Mistake(
            "Row and column have changed places: axis 0 counts the rows, so the slice for the row comes first.",
            PATCH,
            "image[column * size : (column + 1) * size, row * size : (row + 1) * size]",
        ),
        Mistake(
            "Yours starts at pixel `row` and pixel `column`. They count patches: in front of patch 2 lie 2 patches of "
            "`size` pixels.",
            PATCH,
            "image[row : row + size, column : column + size]",
        ),
        Mistake(
            "Yours is the patch one further up and one further left: patches are counted from 0, so in front of patch 1 "
            "there is one.",
            PATCH,
            "image[(row - 1) * size : row * size, (column - 1) * size : column * size]",
        ),
        Mistake(
            "Yours is the patch one further down and one further right: patch 0 begins at pixel 0.",
            PATCH,
            "image[(row + 1) * size : (row + 2) * size, (column + 1) * size : (column + 2) * size]",
        ),
        Mistake(
            "Yours is the right patch, turned over its diagonal: its rows should stay rows.",
            PATCH,
            PATCH + ".T",
        ),
        Mistake(
            "Your second pair of brackets cuts rows once more: what the first one gives has its rows along axis 0 again. Both "
            "slices belong in one pair, with a comma.",
            PATCH,
            "image[row * size : (row + 1) * size][column * size : (column + 1) * size]",
        ),
    ],
    hints={
        "": (
            "How many rows of pixels lie above a patch in row 0? In row 1? In row 2? And how many does the patch itself cover?",
            "One slice for each axis, in one pair of brackets with a comma between. A slice names the first place, and the "
            "place after the last.",
            "A patch in row r starts `size` times r pixels from the top. The place after its last pixel is where patch r + "
            "1 starts. The columns go the same way.",
        )
    },
    read={"": "1. Cut: axes and slices"},
)


# 2. average_image


def average_cases(rng):
    return {
        "ordinary": (rng.uniform(size=(4, 3, 7)),),
        "batch of 1": (rng.uniform(size=(1, 3, 5)),),
        "a cube": (rng.uniform(size=(4, 4, 4)),),
    }


def average_spec(images):
    batch, height, width = images.shape
    average = np.zeros((height, width))
    for h in range(height):
        for w in range(width):
            total = 0.0
            for b in range(batch):
                total += images[b, h, w]
            average[h, w] = total / batch
    return average


AVERAGE = "images.mean(axis=0)"

AVERAGE_IMAGE = Exercise(
    "average_image",
    dtype=False,
    cases=average_cases,
    spec=average_spec,
    mistakes=[
        Mistake(
            "Yours is the sum over the batch, B times as bright as the average: the division by B is missing.",
            AVERAGE,
            "images.sum(axis=0)",
        ),
        Mistake(
            "Yours divides by the number of all pixels of the batch. A mean divides by how many numbers were added: at each"
            " pixel, B.",
            AVERAGE,
            "images.sum(axis=0) / images.size",
        ),
        Mistake(
            "Yours is the brightest of the images at each pixel, as if they were laid on top of each other: that is max, "
            "not mean.",
            AVERAGE,
            "images.max(axis=0)",
        ),
        Mistake("Yours leaves out the first image of the batch: b starts at 0.", AVERAGE, "images[1:].mean(axis=0)"),
        Mistake("Yours is the first image alone; the others have no part in it.", AVERAGE, "images[0]"),
        Mistake(
            "Yours averages over the columns of each image, and the batch is still there: the axis that you name is the one that "
            "disappears.",
            AVERAGE,
            "images.mean(axis=-1)",
        ),
        Mistake(
            "Yours is the mean brightness of each image: both axes of the picture are gone, and the batch is still there.",
            AVERAGE,
            "images.mean(axis=(1, 2))",
        ),
    ],
    hints={
        "": (
            "Which of the three axes B, H and W is there in the input and no longer in the output?",
            "mean takes the number of the axis that is to disappear. Axes are counted from 0, from the left.",
            "The batch axis is the first one. Take the mean along it; the other two stay by themselves.",
        )
    },
    read={"": "2. Shrink: an axis disappears"},
)


# 3. gap_table


def gap_cases(rng):
    return {
        "ordinary": (rng.uniform(0, 10, 5),),
        "one position": (rng.uniform(0, 10, 1),),
        "in order": (np.array([0.0, 1.0, 4.0]),),
        "negative numbers": (rng.standard_normal(2),),
    }


def gap_spec(positions):
    tokens = len(positions)
    gaps = np.zeros((tokens, tokens))
    for i in range(tokens):
        for j in range(tokens):
            gaps[i, j] = positions[j] - positions[i]
    return gaps


GAPS = "positions[None, :] - positions[:, None]"

GAP_TABLE = Exercise(
    "gap_table",
    dtype=False,
    cases=gap_cases,
    spec=gap_spec,
    mistakes=[
        Mistake(
            "Every sign is turned round: yours has in [i, j] what belongs in [j, i]. The position of the column comes "
            "first, and the position of the row is taken away from it.",
            GAPS,
            "positions[:, None] - positions[None, :]",
        ),
        Mistake(
            "Yours has lost the signs: a gap to the left is negative.", GAPS, "np.abs(positions[None, :] - positions[:, None])"
        ),
        Mistake("Yours adds the two positions; a gap is their difference.", GAPS, "positions[None, :] + positions[:, None]"),
        Mistake(
            "In yours all rows are equal: it measures each position from the first one, not from the position of its row.",
            GAPS,
            "np.tile(positions - positions[0], (len(positions), 1))",
        ),
        Mistake(
            "Yours takes each position away from itself: both have shape (T,), and meet entry by entry. (.T turns nothing where "
            "there is one axis.) For a table one of them has to become a column.",
            GAPS,
            "positions - positions",
        ),
    ],
    hints={
        "": (
            "positions minus positions has shape (T,), and every entry is 0. What would make a table out of the two?",
            "A row (1, T) and a column (T, 1) together make a table (T, T). None inside the brackets makes an axis of size 1.",
            "The entry in column j depends on position j with a plus: that is the row. It depends on position i, the row's "
            "number, with a minus: that is the column.",
        )
    },
    read={"": "3. Stretch: broadcasting"},
)


# 4. rows_sum_to_one


def rows_cases(rng):
    return {
        "ordinary": (rng.uniform(0.5, 3, (4, 4)),),  # a square: here a missing keepdims makes no error
        "more columns than rows": (rng.uniform(0.5, 3, (2, 5)),),
        "more rows than columns": (rng.uniform(0.5, 3, (5, 3)),),
        "one row": (rng.uniform(0.5, 3, (1, 3)),),
    }


def rows_spec(weights):
    rows, columns = weights.shape
    shares = np.zeros((rows, columns))
    for i in range(rows):
        total = 0.0
        for k in range(columns):
            total += weights[i, k]
        for j in range(columns):
            shares[i, j] = weights[i, j] / total
    return shares


SHARES = "weights / weights.sum(axis=1, keepdims=True)"

ROWS_SUM_TO_ONE = Exercise(
    "rows_sum_to_one",
    dtype=False,
    cases=rows_cases,
    spec=rows_spec,
    mistakes=[
        Mistake(
            "Each column is divided by the sum of the row with the same number. The sums have shape (T,), which is read as "
            "(1, T), a row: keepdims is missing, and on a square table nothing complains.",
            SHARES,
            "weights / weights.sum(axis=1)",
        ),
        Mistake(
            "In yours the columns sum to 1. The axis that you name disappears from the sum: to have one sum for each row, "
            "the columns have to go.",
            SHARES,
            "weights / weights.sum(axis=0, keepdims=True)",
        ),
        Mistake(
            "In yours the whole table sums to 1: a sum without an axis adds up every entry.",
            SHARES,
            "weights / weights.sum()",
        ),
        Mistake(
            "In yours the largest entry of each row is 1: it divides by the largest of the row, not by the sum.",
            SHARES,
            "weights / weights.max(axis=1, keepdims=True)",
        ),
        Mistake(
            "In yours each row sums to the number of its entries: it divides by the mean of the row, not by the sum.",
            SHARES,
            "weights / weights.mean(axis=1, keepdims=True)",
        ),
        Mistake(
            "Yours multiplies by the sums of the rows; to make the rows sum to 1, divide.",
            SHARES,
            "weights * weights.sum(axis=1, keepdims=True)",
        ),
    ],
    hints={
        "": (
            "How many sums are there? Which shape must they have to lie beside the table, one at each row?",
            "The sums must be a column, (T, 1). A sum along an axis gives (T,), unless you ask it to keep the axis.",
            "Sum along the axis that counts the columns, with keepdims, and divide the table by that.",
        )
    },
    read={"": "4. Keep: an axis of size 1 that matters"},
)


# 5. side_by_side


def strip_cases(rng):
    return {
        "ordinary": (rng.uniform(size=(2, 3, 5)),),
        "batch of 1": (rng.uniform(size=(1, 3, 5)),),
        "a cube": (rng.uniform(size=(3, 3, 3)),),
        "a batch larger than the images": (rng.uniform(size=(5, 3, 2)),),
    }


def strip_spec(images):
    batch, height, width = images.shape
    strip = np.zeros((height, batch * width))
    for b in range(batch):
        for h in range(height):
            for w in range(width):
                strip[h, b * width + w] = images[b, h, w]
    return strip


STRIP = "images.transpose(1, 0, 2).reshape(height, batch * width)"

SIDE_BY_SIDE = Exercise(
    "side_by_side",
    dtype=False,
    cases=strip_cases,
    spec=strip_spec,
    mistakes=[
        Mistake(
            "The numbers were refilled without being turned: a reshape alone reads all of image 0 before it comes to image "
            "1, so that rows of one image land side by side. A transpose belongs in front of it.",
            STRIP,
            "images.reshape(height, batch * width)",
        ),
        Mistake(
            "The images are interleaved: column 0 of every image, then column 1 of every image. In your order of axes the "
            "image changes fastest; in the strip the column does.",
            STRIP,
            "images.transpose(1, 2, 0).reshape(height, batch * width)",
        ),
        Mistake(
            "In your order of axes the column changes slowest. In the strip, read like a page, it changes fastest and the "
            "row slowest.",
            STRIP,
            "images.transpose(2, 0, 1).reshape(height, batch * width)",
        ),
        Mistake(
            "All three axes are turned round, as .T does: the column changes slowest and the image fastest.",
            STRIP,
            "images.T.reshape(height, batch * width)",
        ),
        Mistake(
            "The images stand in the order from the last to the first.",
            STRIP,
            "images[::-1].transpose(1, 0, 2).reshape(height, batch * width)",
        ),
        Mistake(
            "Your images stand on top of each other; they should stand side by side.",
            STRIP,
            "images.reshape(batch * height, width)",
        ),
    ],
    hints={
        "": (
            "Take the two small images of the text and read the wanted strip like a page. Which number comes third? From "
            "which image?",
            "reshape reads the last axis fastest and the first slowest. So the axes have to stand in the order of reading "
            "before it.",
            "In the strip the row changes slowest, then the image, then the column. Name the axes of the batch in this "
            "order to transpose, and reshape the result to the wanted shape.",
        )
    },
    read={"": "5. Turn or refill: transpose and reshape"},
)


# 6. blend


def blend_cases(rng):
    return {
        "ordinary": (
            rng.standard_normal((4, 4)),
            rng.standard_normal((4, 4)),
        ),  # squares: here * and the wrong order make no error
        "more values than mixtures": (rng.standard_normal((2, 3)), rng.standard_normal((3, 5))),
        "one mixture": (rng.standard_normal((1, 3)), rng.standard_normal((3, 2))),
        "one value": (rng.standard_normal((3, 1)), rng.standard_normal((1, 2))),
    }


def blend_spec(weights, values):
    mixtures, rows = weights.shape
    width = values.shape[1]
    mixed = np.zeros((mixtures, width))
    for t in range(mixtures):
        for d in range(width):
            for n in range(rows):
                mixed[t, d] += weights[t, n] * values[n, d]
    return mixed


BLEND_LINE = "mixed = weights @ values"

BLEND = Exercise(
    "blend",
    dtype=False,
    cases=blend_cases,
    spec=blend_spec,
    mistakes=[
        Mistake(
            "Yours multiplies entry by entry, which is what * does: nothing is added up, so nothing is mixed. On two "
            "squares it runs without complaint.",
            BLEND_LINE,
            "mixed = weights * values",
        ),
        Mistake(
            "The two are in the wrong order: yours mixes the rows of weights, with values for the weights.",
            BLEND_LINE,
            "mixed = values @ weights",
        ),
        Mistake(
            "The weights are transposed: row t of the result takes its weights from column t.",
            BLEND_LINE,
            "mixed = weights.T @ values",
        ),
        Mistake(
            "The values are transposed: each mixture is made of columns of values, and should be made of rows.",
            BLEND_LINE,
            "mixed = weights @ values.T",
        ),
        Mistake(
            "Yours divides by the number of rows: a weighted sum is wanted, and the weights already say how much there is "
            "of each.",
            BLEND_LINE,
            "mixed = weights @ values / len(values)",
        ),
    ],
    hints={
        "": (
            "Write the two shapes one beside the other. Which size stands in both, and is gone from the result?",
            "Multiply and add up over the axis that both share: there is one operator for this, and it is not the star.",
            "The matrix product of (T, N) and (N, D) is (T, D). Which of the two arguments has to stand on the left?",
        )
    },
    read={"": "6. Mix: the matrix product"},
)


# 7. picked


def picked_cases(rng):
    scores = rng.uniform(size=(3, 5))
    scores[:, 4] += 2  # the largest score is never the one at the label
    square = rng.uniform(size=(4, 4))
    return {
        "ordinary": (scores, np.array([2, 0, 1])),
        "batch of 1": (rng.uniform(size=(1, 5)), np.array([3])),
        "the same label twice": (rng.uniform(size=(3, 4)), np.array([3, 1, 3])),
        "a square": (square, np.array([1, 3, 0, 0])),
        "more images than classes": (rng.uniform(size=(5, 2)), np.array([1, 0, 0, 1, 1])),
    }


def picked_spec(scores, labels):
    chosen = np.zeros(len(labels))
    for b in range(len(labels)):
        chosen[b] = scores[b, labels[b]]
    return chosen


PICKED = "scores[np.arange(len(labels)), labels]"

PICKED_EXERCISE = Exercise(
    "picked",
    dtype=False,
    cases=picked_cases,
    spec=picked_spec,
    mistakes=[
        Mistake(
            "Rows and columns have changed places: yours takes the row from the label and the column from the number of the"
            " image.",
            PICKED,
            "scores[labels, np.arange(len(labels))]",
        ),
        Mistake(
            "Yours takes the largest score of each row, the class that the model prefers. The label says which class is "
            "right, and that may be another one.",
            PICKED,
            "scores.max(axis=1)",
        ),
        Mistake(
            "Yours takes every score from row 0. Each image has a row of its own.",
            PICKED,
            "scores[0, labels]",
        ),
        Mistake(
            "Yours counts classes from 1, one column too far to the left: label 0 is column 0.",
            PICKED,
            "scores[np.arange(len(labels)), labels - 1]",
        ),
        Mistake(
            "Yours adds up the whole row, so the label has no say in it.",
            PICKED,
            "scores.sum(axis=1)",
        ),
        Mistake(
            "Yours pairs nothing: it takes every row, and of each row the columns of all labels. (A sum over that table does not "
            "help.) Say also which row belongs to each label.",
            PICKED,
            "scores[:, labels]",
        ),
        Mistake(
            "Yours takes whole rows: an array of whole numbers alone in the brackets picks along axis 0.",
            PICKED,
            "scores[labels]",
        ),
    ],
    hints={
        "": (
            "You know the column that you want in each row: it stands in labels. Which row belongs to the first label, "
            "which to the second?",
            "Two arrays of whole numbers in the brackets are taken in pairs: the first gives the rows, the second the columns.",
            "The row numbers are 0, 1, 2, … up to one less than the number of labels; np.arange makes them. The columns are"
            " the labels.",
        )
    },
    read={"": "7. Pick: one entry of each row"},
)


# 8. scale_scores


def scale_cases(rng):
    return {
        "ordinary": (rng.standard_normal((3, 3)), 5),
        "one token": (rng.standard_normal((1, 1)), 2),
        "a width that is a square": (rng.standard_normal((2, 2)), 64),
        "as wide as long": (rng.standard_normal((5, 5)), 5),
    }


def scale_spec(scores, width):
    scaled = np.zeros(scores.shape)
    for i in range(scores.shape[0]):
        for j in range(scores.shape[1]):
            scaled[i, j] = scores[i, j] / math.sqrt(width)
    return scaled


def scaled_in_place(scores, width):
    scores /= math.sqrt(width)
    return scores


SCALED = "scores / math.sqrt(width)"

SCALE_SCORES = Exercise(
    "scale_scores",
    cases=scale_cases,
    spec=scale_spec,
    mistakes=[
        Mistake("", SCALED, "scores / np.sqrt(width)", step="dtype"),
        Mistake("", function=scaled_in_place, step="inputs"),
        Mistake("Yours divides by the width itself; its root is wanted.", SCALED, "scores / width"),
        Mistake(
            "Yours multiplies by the root; the scores should become smaller, so divide.", SCALED, "scores * math.sqrt(width)"
        ),
        Mistake(
            "Yours takes the root of the number of tokens. The scores grow with the width of a token, not with how many "
            "there are.",
            SCALED,
            "scores / math.sqrt(len(scores))",
        ),
        Mistake(
            "Yours rounds down to whole numbers: // divides and drops what comes after the point.",
            SCALED,
            "scores // math.sqrt(width)",
        ),
    ],
    hints={
        "": (
            "Which of the two given lines writes into an array that belongs to somebody else?",
            "`a / b` makes a new array, `a /= b` writes into a. And of which kind is the number that a root from NumPy gives?",
            "Divide into a new array with the name scaled. Take the root from the module math: a plain Python number leaves"
            " float32 as it is.",
        )
    },
    read={"": "8. Whose numbers, and of which kind?"},
)

EXERCISES = [
    ONE_PATCH,
    AVERAGE_IMAGE,
    GAP_TABLE,
    ROWS_SUM_TO_ONE,
    SIDE_BY_SIDE,
    BLEND,
    PICKED_EXERCISE,
    SCALE_SCORES,
]

QUIZ = [
    Question(
        "x has shape (3, 4, 5). Which shape has x.sum(axis=1)?",
        ("(4,)", "(3, 5)", "(3, 1, 5)", "(3, 4)"),
        1,
        "The axis that you name disappears: axis 1 has size 4. With keepdims=True it would stay, as (3, 1, 5).",
    ),
    Question(
        "predictions has shape (10, 1), answers has shape (10,). What is predictions - answers?",
        (
            "An error: the shapes differ.",
            "Ten differences, of shape (10, 1).",
            "A table of shape (10, 10), without any complaint.",
            "Ten differences, of shape (10,).",
        ),
        2,
        "From the right: 1 against 10 stretches, and 10 against the missing axis stretches. Every prediction meets every answer.",
    ),
    Question(
        "x has shape (6, 8). You need shape (8, 6), with the rows of x as columns. Which line does it?",
        ("x.reshape(8, 6)", "x.T", "Either: both give shape (8, 6).", "Neither."),
        1,
        "reshape reads the numbers in the old order and fills the new rows with them; nothing is turned. The right shape is no "
        "proof of the right numbers.",
    ),
    Question(
        "x is float32. Which of these is float64?",
        ("x * 0.5", "x * math.pi", "x / math.sqrt(8)", "x / np.sqrt(8)"),
        3,
        "Plain Python numbers, those of the module math too, take the kind of the array. np.sqrt(8) is a NumPy number of "
        "kind float64.",
    ),
    Question(
        "corner = image[:2, :2], and then corner += 1. What has happened to image?",
        (
            "Nothing: a slice is a copy.",
            "Its four pixels in the corner have grown by 1.",
            "All its pixels have grown by 1.",
            "Nothing: += makes a new array.",
        ),
        1,
        "A slice is a view onto the same numbers, and += writes in place. With corner = corner + 1, image would have stayed"
        " as it was.",
    ),
]
