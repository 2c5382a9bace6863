"""Lesson 04, Linear: answers written from the lesson's text alone."""

RIGHT = {
    "linear": """
def linear(x, weight, bias):
    y = x @ weight + bias

    def backward(dy):
        dx = dy @ weight.T
        rows, dys = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        dweight = rows.T @ dys
        dbias = dys.sum(axis=0)
        return dx, dweight, dbias

    return y, backward
""",
}

WRONG = {
    "linear": [
        ("missing term", "x @ weight + bias", "x @ weight", "y: the bias is left out"),
        ("sign", "x @ weight + bias", "x @ weight - bias", "y: the bias is subtracted"),
        ("transposed", "x @ weight + bias", "x @ weight.T + bias", "y: the weight is turned; fits only if in = out"),
        ("order", "x @ weight + bias", "(x + bias) @ weight", "y: the bias is added before the product; fits only if in = out"),
        (
            "case",
            "x @ weight + bias",
            "x.reshape(-1, len(weight)) @ weight + bias",
            "y: of more than two axes, all but the last are one",
        ),
        ("scale", "x @ weight + bias", "x @ weight / len(weight) + bias", "y: the mean over the inputs, not the sum"),
        ("transposed", "dy @ weight.T", "dy @ weight", "dx: the weight is not turned; fits only if in = out"),
        ("transposed", "dy @ weight.T", "dy @ weight.reshape(weight.shape[::-1])", "dx: the weight is refilled, not turned"),
        ("wrong array", "dy @ weight.T", "y @ weight.T", "dx: y in place of dy"),
        ("sign", "dy @ weight.T", "-dy @ weight.T", "dx: the sign, as if to go downhill"),
        ("scale", "dy @ weight.T", "dy @ weight.T / weight.shape[1]", "dx: a mean over the outputs, not the sum"),
        ("extra term", "dy @ weight.T", "(dy + bias) @ weight.T", "dx: the bias is added to dy"),
        ("shape", "dy @ weight.T", "dy.reshape(-1, dy.shape[-1]) @ weight.T", "dx: rows under each other, x had more axes"),
        (
            "axis",
            "dy @ weight.T",
            "np.zeros_like(x) + (dy @ weight.T).sum(axis=0)",
            "dx: summed over the batch, all images get the same",
        ),
        (
            "extra term",
            "dy @ weight.T",
            "dy.sum(axis=-1, keepdims=True) * weight.sum(axis=1)",
            "dx: sum times sum, so every dy meets every weight of the input",
        ),
        ("factor", "dy @ weight.T", "dy @ np.sign(weight.T)", "dx: only the signs of the weight"),
        ("index", "dy @ weight.T", "dy[..., :-1] @ weight.T[:-1]", "dx: the last output hands nothing back"),
        ("scale", "rows.T @ dys", "rows.T @ dys / len(rows)", "dweight: a mean over the rows, not the sum"),
        ("scale", "rows.T @ dys", "rows.T @ dys / x.shape[0]", "dweight: divided by the size of the batch"),
        ("scale", "rows.T @ dys", "rows.T @ dys * len(rows)", "dweight: the batch's size once too often"),
        ("transposed", "rows.T @ dys", "dys.T @ rows", "dweight: its transpose"),
        ("transposed", "rows.T @ dys", "(dys.T @ rows).reshape(weight.shape)", "dweight: the transpose, refilled into the shape"),
        ("transposed", "rows.T @ dys", "x.reshape(x.shape[-1], -1) @ dys", "dweight: x is refilled as (in, R), not turned"),
        ("wrong array", "rows.T @ dys", "rows.T @ y.reshape(dys.shape)", "dweight: y in place of dy"),
        ("wrong array", "rows.T @ dys", "dx.reshape(rows.shape).T @ dys", "dweight: dx in place of x"),
        (
            "extra term",
            "rows.T @ dys",
            "np.outer(rows.sum(axis=0), dys.sum(axis=0))",
            "dweight: sum times sum, rows meet other rows' dy",
        ),
        ("index", "rows.T @ dys", "rows[:1].T @ dys[:1]", "dweight: only the first row counts"),
        ("index", "rows.T @ dys", "rows[:-1].T @ dys[:-1]", "dweight: the last row is left out"),
        ("order", "rows.T @ dys", "rows[::-1].T @ dys", "dweight: each x meets the dy of another row"),
        ("case", "rows.T @ dys", "x.T @ dy", "dweight: with three axes .T turns all of them"),
        ("case", "rows.T @ dys", "np.swapaxes(x, -1, -2) @ dy", "dweight: with three axes, one for each image and no sum"),
        ("factor", "rows.T @ dys", "rows.T @ dys * weight", "dweight: the weight as a factor"),
        ("extra term", "rows.T @ dys", "rows.T @ dys + 0.01 * weight", "dweight: a weight decay that nobody asked for"),
        ("extra term", "rows.T @ dys", "rows.T @ dys + dys.sum(axis=0)", "dweight: the bias' gradient is added to each row"),
        ("sign and scale", "rows.T @ dys", "-(rows.T @ dys) / len(rows)", "dweight: its sign, and a mean over the rows"),
        ("scale", "dys.sum(axis=0)", "dys.mean(axis=0)", "dbias: the mean over the rows"),
        ("case", "dys.sum(axis=0)", "dy.sum(axis=0)", "dbias: with three axes only the batch is summed over"),
        ("axis", "dys.sum(axis=0)", "dys.sum(axis=1)", "dbias: summed over the outputs, one for each row"),
        ("shape", "dys.sum(axis=0)", "dys.sum(axis=0, keepdims=True)", "dbias: shape (1, out)"),
        ("axis", "dys.sum(axis=0)", "np.full_like(bias, dys.sum())", "dbias: all of dy in every entry"),
        ("index", "dys.sum(axis=0)", "dys[0]", "dbias: only the first row's"),
        ("factor", "dys.sum(axis=0)", "dys.sum(axis=0) * bias", "dbias: the bias as a factor"),
        ("wrong array", "dys.sum(axis=0)", "y.reshape(dys.shape).sum(axis=0)", "dbias: y in place of dy"),
        ("factor", "dys.sum(axis=0)", "np.ones_like(bias)", "dbias: the slope of y, without dy"),
        ("order", "dx, dweight, dbias", "dx, dbias, dweight", "dbias comes before dweight"),
        ("order", "return dx, dweight, dbias", "return dweight, dbias, dx", "dx comes last"),
        ("mutation", "        dx = dy", "        dy /= len(x)\n        dx = dy", "dy is divided by the batch, in place"),
        (
            "mutation",
            "        return dx",
            "        weight[...] = weight - 0.1 * dweight\n        return dx",
            "takes a step: writes into the weight",
        ),
        (
            "alias",
            "        dbias = dys.sum(axis=0)\n        return dx, dweight, dbias\n",
            "        total.append(dys.sum(axis=0))\n        return dx, dweight, sum(total)\n\n    total = []\n",
            "dbias: summed over the calls of backward",
        ),
        (
            "axis and scale",
            "dys.sum(axis=0)",
            "np.resize(dys.mean(axis=1), bias.shape)",
            "dbias: the mean over the outputs, resized to fit",
        ),
        ("dtype", "rows.T @ dys", "rows.T.astype(int) @ dys", "dweight: the fractions of x are cut off"),
    ],
}

UNUSUAL = {
    "linear": [
        """
def linear(x, weight, bias):
    y = np.einsum("...i,ij->...j", x, weight) + bias

    def backward(dy):
        front = tuple(range(dy.ndim - 1))
        return np.einsum("...j,ij->...i", dy, weight), np.tensordot(x, dy, (front, front)), np.sum(dy, front)

    return y, backward
""",
        """
def linear(x, weight, bias):
    x1 = np.concatenate([x, np.ones((*x.shape[:-1], 1), dtype=x.dtype)], axis=-1)
    table = np.vstack([weight, bias])

    def backward(dy):
        dtable = x1.reshape(-1, x1.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])
        return (dy @ table.T)[..., :-1], dtable[:-1], dtable[-1]

    return x1 @ table, backward
""",
        """
def linear(x, weight, bias):
    class Backward:
        def __init__(self, x, weight):
            self.x, self.weight = x, weight

        def __call__(self, dy):
            dweight, dbias = np.zeros_like(self.weight), np.zeros_like(bias)
            for place in np.ndindex(dy.shape[:-1]):
                dweight += np.outer(self.x[place], dy[place])
                dbias += dy[place]
            return [np.inner(dy, self.weight), dweight, dbias]

    return np.inner(x, weight.T) + bias, Backward(x, weight)
""",
        """
def linear(x, weight, bias):
    y = np.empty((*x.shape[:-1], len(bias)), dtype=np.result_type(x, weight, bias))
    np.matmul(x, weight, out=y)
    y += bias
    backward = lambda dy: (
        np.dot(dy, weight.T),
        (dy.reshape(-1, dy.shape[-1]).T @ x.reshape(-1, x.shape[-1])).T,
        np.ones(dy.size // len(bias), dtype=dy.dtype) @ dy.reshape(-1, len(bias)),
    )
    return y, backward
""",
    ],
}
