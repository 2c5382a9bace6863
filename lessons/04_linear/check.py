"""Lesson 04: the linear layer."""

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Term

TITLE = "Linear"
MINUTES = 25
NEEDS = ["03"]
GOALS = [
    "You can derive the three gradients of a linear layer, entry by entry, and write them as matrix products.",
    "You can say why the gradients of weight and bias are sums over all rows, and where the 1/B of a mean belongs.",
    "You can use shapes to remember the formulas, and know what shapes cannot tell you.",
]
PICTURE = (
    "Left: the ten columns of a learned weight as 8 by 8 pictures, violet where ink speaks for the class "
    "and brown where it speaks against it; the one for 0 is a violet ring with a brown middle. Right: a "
    "handwritten 3 and its ten scores, of which that of class 3 is the largest."
)


def cases(rng):
    def given(*shape, outputs=7):
        return rng.standard_normal(shape), rng.standard_normal((shape[-1], outputs)), rng.standard_normal(outputs)

    return {
        "ordinary": given(3, 4, 5),
        "batch of 1": given(1, 3, 5),
        "one axis fewer": given(3, 5),
        "a single row, (in,)": given(5),
        "as many rows as outputs": given(4, 5, outputs=4),
        "an extra axis": given(2, 3, 2, 5, outputs=3),
        "a square": given(4, 4, 4, outputs=4),
    }


def large(rng):
    return rng.standard_normal((32, 65, 64)), rng.standard_normal((64, 128)), rng.standard_normal(128)


def spec(x, weight, bias):
    inputs, outputs = weight.shape
    y = np.zeros((*x.shape[:-1], outputs))
    for place in np.ndindex(x.shape[:-1]):
        for j in range(outputs):
            y[(*place, j)] = bias[j]
            for i in range(inputs):
                y[(*place, j)] += x[(*place, i)] * weight[i, j]
    return y


def symbols(x, weight, bias):
    inputs, outputs = weight.shape
    rows = x.size // inputs
    sizes = {"B": x.shape[0], "T": x.shape[1], "R": rows} if x.ndim == 3 else {"R": rows}
    return sizes | {"in": inputs, "out": outputs}


def _rows(array):
    return array.reshape(-1, array.shape[-1])


TERMS = {
    "dx": lambda x, weight, bias, dy: [
        Term("Σⱼ dyᵣⱼ wᵢⱼ", dy @ weight.T, "each input reaches all outputs of its own row, each through its own weight.")
    ],
    "dweight": lambda x, weight, bias, dy: [
        Term(
            "Σᵣ xᵣᵢ dyᵣⱼ",
            _rows(x).T @ _rows(dy),
            "each weight is used once in every row, and the rows add up; a mean over the batch, if the loss takes"
            " one, is in dy already.",
        )
    ],
    "dbias": lambda x, weight, bias, dy: [
        Term(
            "Σᵣ dyᵣⱼ",
            _rows(dy).sum(axis=0),
            "the bias is added once in every row, and the rows add up; a mean over the batch, if the loss takes "
            "one, is in dy already.",
        )
    ],
}

DX, DWEIGHT, DBIAS = "dx = dy @ weight.T  # (..., in)", "dweight = x_rows.T @ dy_rows", "dbias = dy_rows.sum(axis=0)"
FORWARD = "y = x @ weight + bias  # (..., out)"
MISTAKES = [
    # forward
    Mistake("The bias is missing: output j starts from b_j.", old=FORWARD, new="y = x @ weight"),
    Mistake(
        "The bias is subtracted: it should be what an output says when every input is 0.",
        old=FORWARD,
        new="y = x @ weight - bias",
    ),
    Mistake(
        "The weight is reshaped where it should be used as it is: reshape moves numbers to other places.",
        old=FORWARD,
        new="y = x @ weight.reshape(weight.shape[::-1]).T + bias",
    ),
    # dx
    Mistake(
        "dx does not use dy: it is the slope of the plain sum of y. How much each output matters to the loss stands in dy.",
        old=DX,
        new="dx = np.ones_like(dy) @ weight.T",
    ),
    Mistake(
        "In dx the weight is reshaped and not transposed. The shape fits, but reshape keeps the numbers in "
        "their order, so they meet the wrong outputs.",
        old=DX,
        new="dx = dy @ weight.reshape(outputs, inputs)",
    ),
    Mistake(
        "The bias has found its way into dx: it is added to y, so a nudge of x does not meet it.",
        old=DX,
        new="dx = (dy + bias) @ weight.T",
    ),
    Mistake(
        "dx is the same in every row: the rows are averaged or summed, but each row of x has only its own row of dy.",
        old=DX,
        new="dx = np.broadcast_to(dy_rows.sum(axis=0) @ weight.T, x.shape).copy()",
    ),
    Mistake(
        "dx is that of a mean over the rows. Each row of x reaches the loss by itself; dividing is the loss's business.",
        old=DX,
        new="dx = dy @ weight.T / len(x_rows)",
    ),
    Mistake(
        "dx is divided by the size of the batch. If the loss is a mean, its 1/B is already in dy.",
        old=DX,
        new="dx = dy @ weight.T / len(x)",
    ),
    Mistake(
        "dx is computed from y where it should be from dy: y is what went forward, dy is what comes back.",
        old=DX,
        new="dx = y @ weight.T",
    ),
    # dweight
    Mistake(
        "dweight is divided by the number of rows. The loss's mean is already in dy; here the rows add up.",
        old=DWEIGHT,
        new="dweight = x_rows.T @ dy_rows / len(x_rows)",
    ),
    Mistake(
        "dweight is divided by the size of the batch. If the loss is a mean, its 1/B is already in dy.",
        old=DWEIGHT,
        new="dweight = x_rows.T @ dy_rows / len(x)",
    ),
    Mistake(
        "dweight comes from the last image alone: an assignment in a loop where the images should add up?",
        old=DWEIGHT,
        new="dweight = x[-1].reshape(-1, inputs).T @ dy[-1].reshape(-1, outputs)",
    ),
    Mistake(
        "dweight comes from the first image alone: the weight is used by every image of the batch.",
        old=DWEIGHT,
        new="dweight = x[0].reshape(-1, inputs).T @ dy[0].reshape(-1, outputs)",
    ),
    Mistake(
        "dweight multiplies the sum of x by the sum of dy. A product of sums also pairs the x of one row with"
        " the dy of another, which never met: multiply in each row first, then add.",
        old=DWEIGHT,
        new="dweight = np.outer(x_rows.sum(axis=0), dy_rows.sum(axis=0))",
    ),
    Mistake(
        "dweight is reshaped where it should be transposed: the shape fits, and the numbers stand in the wrong places.",
        old=DWEIGHT,
        new="dweight = (dy_rows.T @ x_rows).reshape(inputs, outputs)",
    ),
    Mistake(
        "x is reshaped where it should be flipped. Reshape keeps the numbers in their order, so inputs of different "
        "rows are mixed up.",
        old=DWEIGHT,
        new="dweight = x_rows.reshape(inputs, -1) @ dy_rows",
    ),
    Mistake(
        "dweight does not use dy: it only knows the inputs, and not what the loss wants.",
        old=DWEIGHT,
        new="dweight = x_rows.T @ np.ones_like(dy_rows)",
    ),
    Mistake(
        "dweight does not use x: a weight changes y by as much as its input is large.",
        old=DWEIGHT,
        new="dweight = np.ones_like(x_rows).T @ dy_rows",
    ),
    Mistake("", step="shape", old=DWEIGHT, new="dweight = dy_rows.T @ x_rows"),
    Mistake("", step="shape", old=DWEIGHT, new="dweight = x.swapaxes(-1, -2) @ dy"),
    # dbias
    Mistake(
        "dbias is the mean over the rows. The bias is added in every row, so the rows add up; the loss's mean is already in dy.",
        old=DBIAS,
        new="dbias = dy_rows.mean(axis=0)",
    ),
    Mistake(
        "dbias is divided by the size of the batch. If the loss is a mean, its 1/B is already in dy.",
        old=DBIAS,
        new="dbias = dy_rows.sum(axis=0) / len(x)",
    ),
    Mistake(
        "dbias sums only the first token of each image: every token uses the bias, so all axes in front of the last are summed.",
        old=DBIAS,
        new="dbias = dy[:, 0].sum(axis=0) if dy.ndim > 2 else dy.sum(axis=0)",
    ),
    Mistake(
        "dbias comes from one image alone: the sum runs over the tokens, but not over the batch.",
        old=DBIAS,
        new="dbias = dy[0].sum(axis=0) if dy.ndim > 2 else dy.sum(axis=0)",
    ),
    Mistake(
        "dbias counts the rows and does not use dy: it is the slope of the plain sum of y.",
        old=DBIAS,
        new="dbias = np.ones_like(dy_rows).sum(axis=0)",
    ),
    Mistake(
        "dbias is multiplied by the bias. A sum passes its gradient on as it is; only a product would bring in a factor.",
        old=DBIAS,
        new="dbias = bias * dy_rows.sum(axis=0)",
    ),
    Mistake("", step="shape", old=DBIAS, new="dbias = dy.sum(axis=0)"),
    Mistake("", step="shape", old=DBIAS, new="dbias = dy"),
    Mistake("", step="order", old="return dx, dweight, dbias\n", new="return dweight, dbias, dx\n"),
    Mistake("", step="dtype", old=DWEIGHT, new="dweight = np.zeros(weight.shape) + x_rows.T @ dy_rows"),
    Mistake("", step="inputs", old=DBIAS, new="dy_rows *= 1\n        dbias = dy_rows.sum(axis=0)"),
]

HINTS = {
    "forward": (
        "What stands in y[r, j]? A row of x has met a column of weight.",
        "That is the matrix product of lesson 01, and it takes any number of axes in front. The bias is "
        "broadcast along the last axis.",
        "One matrix product of the first two arguments, in their order, plus the third.",
    ),
    "backward": (
        "Ask of each input in turn: if this one number grows, which entries of y move, and by how much?",
        "An entry of x moves the outputs of its own row. An entry of weight or bias moves its column of y, in"
        " all rows: these two are sums over rows.",
        "Put all rows under each other, so that x is (R, in) and dy is (R, out). Then dx is a product with "
        "the weight flipped, dweight a product with x flipped, and dbias a sum over R.",
    ),
}

EXERCISES = [
    Exercise(
        name="linear",
        library="linear",
        cases=cases,
        large=large,
        spec=spec,
        gradients=("dx", "dweight", "dbias"),
        terms=TERMS,
        symbols=symbols,
        mistakes=MISTAKES,
        hints=HINTS,
        read={"forward": "Rows that meet columns", "backward": "Where does a nudge go?"},
    )
]

QUIZ = [
    Question(
        "A batch has twice as many images, all drawn from the same data; the loss is a mean over the batch. "
        "How does dbias change, roughly?",
        (
            "It doubles, as it is a sum over twice as many rows.",
            "It stays about the same: twice as many rows, but each dy is half as large.",
            "It halves, as the mean divides by twice as much.",
            "It becomes four times as large.",
        ),
        1,
        "dbias is a plain sum of dy over the rows, and the mean in the loss has put a 1/B into each dy. The "
        "two cancel. Dividing in the layer as well would make the gradient shrink with the batch.",
    ),
    Question(
        "weight is square, 64 by 64. Somebody writes dweight = dyᵀ · x, and its shape is right. What is it?",
        ("The right gradient.", "The transpose of the right gradient.", "The right gradient times 64.", "Zero."),
        1,
        "(xᵀ dy)ᵀ = dyᵀ x. With a square weight the shape cannot tell them apart; a numeric check can.",
    ),
    Question(
        "An input pixel is 0 in every image of the batch. What can you say about its row of dweight?",
        (
            "Nothing: it depends on dy.",
            "It is zero: these weights learn nothing from this batch.",
            "It equals dbias.",
            "It is equal to the row of weight.",
        ),
        1,
        "dw_ij = Σ x_ri dy_rj, and every x_ri in the sum is 0. The corner pixels of the digits are such "
        "inputs: their weights stay where they began.",
    ),
    Question(
        "x has shape (8, 50, 192): 8 images of 50 tokens. Over how many numbers does each entry of dbias sum?",
        ("8", "50", "400", "192"),
        2,
        "Each of the 8 · 50 = 400 rows uses the bias once, so each brings one term.",
    ),
    Question(
        "Why is there no sum over rows in dx?",
        (
            "There is one, hidden in the matrix product.",
            "Each row of x is used in its own row of y only, so no other row's dy can reach it.",
            "Because dx is divided by the number of rows.",
            "Because x is not learned.",
        ),
        1,
        "The sum that is hidden in the product runs over the outputs j. Sums over rows belong to what the "
        "rows share: weight and bias.",
    ),
]
