"""Lesson 01, Arrays and shapes: answers written from the lesson's text alone."""

RIGHT = {
    "one_patch": """
def one_patch(image, row, column, size):
    top, left = row * size, column * size
    patch = image[top : top + size, left : left + size]
    return patch
""",
    "average_image": """
def average_image(images):
    average = images.mean(axis=0)
    return average
""",
    "gap_table": """
def gap_table(positions):
    gaps = positions[None, :] - positions[:, None]
    return gaps
""",
    "rows_sum_to_one": """
def rows_sum_to_one(weights):
    shares = weights / weights.sum(axis=1, keepdims=True)
    return shares
""",
    "side_by_side": """
def side_by_side(images):
    batch, height, width = images.shape
    strip = images.transpose(1, 0, 2).reshape(height, batch * width)
    return strip
""",
    "blend": """
def blend(weights, values):
    mixed = weights @ values
    return mixed
""",
    "picked": """
def picked(scores, labels):
    chosen = scores[np.arange(len(labels)), labels]
    return chosen
""",
    "scale_scores": """
def scale_scores(scores, width):
    scaled = scores / math.sqrt(width)
    return scaled
""",
}

WRONG = {
    "one_patch": [
        ("scale", "row * size, column * size", "row, column", "row and column are counted in pixels, not in patches"),
        ("order", "row * size, column * size", "column * size, row * size", "row and column are exchanged"),
        ("index", "top : top + size,", "top : top + size - 1,", "the last row of the patch is left out"),
        ("index", "row * size, column * size", "(row - 1) * size, (column - 1) * size", "patches are counted from 1"),
        ("case", "row * size, column", "row * (image.shape[0] // size), column", "right only if there are size rows of patches"),
        ("transposed", "return patch", "return patch.T", "the patch is turned"),
        ("index", "left : left + size]", "left : size]", "the stop of the columns does not move with the start"),
    ],
    "average_image": [
        ("axis", "axis=0", "axis=-1", "the mean over the columns of each image"),
        ("axis", "axis=0", "axis=(0, 1)", "the rows are averaged as well"),
        ("scale", "images.mean(axis=0)", "images.sum(axis=0) / images.shape[1]", "the sum is divided by H, not by B"),
        ("shape", "axis=0", "axis=0, keepdims=True", "the batch axis stays, with size 1"),
        ("index", "images.mean", "images[1:].mean", "the first image is left out"),
        ("wrong array", "images.mean(axis=0)", "np.median(images, axis=0)", "the middle one of the pixels, not their mean"),
        (
            "scale",
            "average = images.mean(axis=0)",
            "average = images[0]\n    for image in images[1:]:\n        average = (average + image) / 2",
            "a running half and half: the last image weighs most",
        ),
    ],
    "gap_table": [
        ("sign", "positions[None, :] - positions[:, None]", "positions[:, None] - positions[None, :]", "i minus j"),
        ("sign", "positions[None, :] - positions[:, None]", "np.abs(positions[None, :] - positions[:, None])", "sign is lost"),
        ("shape", "positions[None, :] - positions[:, None]", "positions - positions", "no axis is made: T zeros"),
        (
            "wrong array",
            "positions[None, :]",
            "np.arange(len(positions), dtype=positions.dtype)[None, :]",
            "place j in position j's stead",
        ),
        (
            "case",
            "positions[None, :] - positions[:, None]",
            "np.triu(positions[None, :] - positions[:, None])",
            "lower half is 0",
        ),
        ("mutation", "    gaps =", "    positions -= positions[0]\n    gaps =", "the positions themselves are shifted"),
    ],
    "rows_sum_to_one": [
        ("axis", "axis=1, keepdims", "axis=0, keepdims", "the columns come to 1"),
        ("axis", "axis=1, keepdims=True", "", "the whole table comes to 1"),
        ("scale", "weights.sum", "weights.mean", "rows come to their length, not to 1"),
        ("wrong array", "weights.sum", "weights.max", "divided by the largest of the row"),
        ("index", "weights.sum(axis=1, keepdims=True)", "weights[0].sum()", "every row is divided by the sum of the first"),
        (
            "transposed",
            "weights / weights.sum(axis=1, keepdims=True)",
            "weights.T / weights.sum(axis=1)",
            "turned so that the division fits, and not turned back",
        ),
        (
            "mutation",
            "shares = weights / weights.sum(axis=1, keepdims=True)",
            "shares = weights\n    for row in shares:\n        row /= row.sum()",
            "the rows are views: weights itself is divided",
        ),
    ],
    "side_by_side": [
        ("order", "(1, 0, 2)", "(1, 2, 0)", "the image changes faster than the column"),
        ("step", ".transpose(1, 0, 2)", ".transpose(0, 1, 2)", "nothing is turned before the refill"),
        ("transposed", "(1, 0, 2)", "(2, 0, 1)", "every image is turned; square ones keep the shape"),
        ("order", "images.transpose", "images[::-1].transpose", "the images stand from right to left"),
        ("order", "batch * width)", 'batch * width, order="F")', "refilled down the columns"),
        ("axis", "images.transpose(1, 0, 2).reshape(height, batch * width)", "np.concatenate(images)", "one below the other"),
    ],
    "blend": [
        ("transposed", "weights @", "weights.T @", "row and column of the weights are exchanged"),
        ("order", "weights @ values", "values @ weights", "the product of the two in the wrong order"),
        ("scale", "weights @ values", "weights @ values / len(values)", "a mean over the values, not their weighted sum"),
        ("index", "weights @ values", "weights[:, :-1] @ values[:-1]", "the last value gets no weight"),
        ("factor", "weights @", "(weights / weights.sum(axis=1, keepdims=True)) @", "the weights are made to sum to 1 first"),
        ("dtype", "weights @", "weights.astype(int) @", "fractions of the weights are cut off"),
    ],
    "picked": [
        ("order", "np.arange(len(labels)), labels", "labels, np.arange(len(labels))", "rows and columns are exchanged"),
        ("index", "labels]", "labels - 1]", "the score before the label's"),
        ("index", "labels]", "labels[0]]", "the first label serves all rows"),
        ("index", "np.arange(len(labels))", "0", "all scores come from row 0"),
        ("shape", "np.arange(len(labels)), labels", "np.arange(len(labels))[:, None], labels[:, None]", "a column, (B, 1)"),
        (
            "case",
            "scores[np.arange(len(labels)), labels]",
            "scores.ravel()[np.arange(len(labels)) * len(labels) + labels]",
            "counted through with rows of B instead of K: right only if B = K",
        ),
        ("order", "scores[np", "np.sort(scores, axis=1)[np", "the scores of a row are sorted before picking"),
    ],
    "scale_scores": [
        ("dtype", "math.sqrt", "np.sqrt", "float32 becomes float64"),
        ("scale", "math.sqrt(width)", "width", "divided by the width, not by its root"),
        ("scale", "/ math", "* math", "multiplied by the root"),
        ("wrong array", "math.sqrt(width)", "math.sqrt(len(scores))", "the root of T, not of the width"),
        ("mutation", "scores / math.sqrt(width)", "np.divide(scores, math.sqrt(width), out=scores)", "writes into scores"),
        ("case", "math.sqrt", "math.isqrt", "the root is cut to a whole number: right only for 4, 9, 16, …"),
        ("option", "math.sqrt(width)", "8.0", "always the root of 64"),
        ("dtype", "scores / math.sqrt(width)", "np.float32(scores / math.sqrt(width))", "float64 scores come back as float32"),
    ],
}

UNUSUAL = {
    "one_patch": [
        """
def one_patch(image, row, column, size):
    high, wide = image.shape[0] // size, image.shape[1] // size
    return image[: high * size, : wide * size].reshape(high, size, wide, size)[row, :, column]
""",
        """
def one_patch(image, row, column, size):
    places = np.arange(size)
    return image[np.ix_(row * size + places, column * size + places)]
""",
        """
def one_patch(image, row, column, size):
    window = [slice(size * place, size * (place + 1)) for place in (row, column)]
    return image[tuple(window)]
""",
    ],
    "average_image": [
        """
def average_image(images):
    return sum(images) / len(images)
""",
        """
def average_image(images):
    return np.einsum("bhw->hw", images) / images.shape[0]
""",
        """
def average_image(images):
    flat = images.reshape(len(images), -1)
    return np.array([np.average(pixel) for pixel in flat.T], dtype=images.dtype).reshape(images.shape[1:])
""",
    ],
    "gap_table": [
        """
def gap_table(positions):
    return np.subtract.outer(positions, positions).T
""",
        """
def gap_table(positions):
    return np.array([[there - here for there in positions] for here in positions])
""",
        """
def gap_table(positions):
    there, here = np.meshgrid(positions, positions)
    return there - here
""",
    ],
    "rows_sum_to_one": [
        """
def rows_sum_to_one(weights):
    return (weights.T / weights.sum(axis=1)).T
""",
        """
def rows_sum_to_one(weights):
    shares = weights.copy()
    for row in shares:
        row /= row.sum()
    return shares
""",
        """
def rows_sum_to_one(weights):
    return np.einsum("sk,s->sk", weights, 1 / np.einsum("sk->s", weights))
""",
    ],
    "side_by_side": [
        """
side_by_side = np.hstack
""",
        """
def side_by_side(images):
    return np.block([list(images)])
""",
        """
def side_by_side(images):
    batch, height, width = images.shape
    strip = np.empty((height, batch * width), dtype=images.dtype)
    for number, image in enumerate(images):
        strip[:, number * width : (number + 1) * width] = image
    return strip
""",
        """
def side_by_side(images):
    return np.moveaxis(images, 0, 1).reshape(images.shape[1], -1)
""",
    ],
    "blend": [
        """
def blend(weights, values):
    return (weights[:, :, None] * values[None]).sum(axis=1)
""",
        """
def blend(weights, values):
    mixed = np.zeros((weights.shape[0], values.shape[1]), dtype=np.result_type(weights, values))
    for n, value in enumerate(values):
        mixed += np.multiply.outer(weights[:, n], value)
    return mixed
""",
        """
def blend(weights, values):
    return (values.T @ weights.T).T
""",
    ],
    "picked": [
        """
def picked(scores, labels):
    return np.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
""",
        """
def picked(scores, labels):
    return scores[np.arange(scores.shape[1]) == labels[:, None]]
""",
        """
def picked(scores, labels):
    return np.array([row[label] for row, label in zip(scores, labels)], dtype=scores.dtype)
""",
        """
def picked(scores, labels):
    return scores[:, labels].diagonal()
""",
    ],
    "scale_scores": [
        """
def scale_scores(scores, width):
    scaled = scores.copy()
    scaled *= width**-0.5
    return scaled
""",
        """
def scale_scores(scores, width):
    return scores / np.sqrt(width, dtype=scores.dtype)
""",
        """
def scale_scores(scores, width):
    return np.array([[score / math.sqrt(width) for score in row] for row in scores], dtype=scores.dtype)
""",
    ],
}
