"""Lesson 08, LayerNorm: answers written from the lesson's text alone."""

RIGHT = {
    "layernorm": """
def layernorm(x, weight, bias, eps=1e-6):
    rows = tuple(range(x.ndim - 1))
    mean = x.mean(axis=-1, keepdims=True)
    centred = x - mean
    variance = (centred**2).mean(axis=-1, keepdims=True)
    sigma = np.sqrt(variance + eps)
    xhat = centred / sigma
    y = weight * xhat + bias

    def backward(dy):
        dweight = (dy * xhat).sum(axis=rows)
        dbias = dy.sum(axis=rows)
        g = weight * dy
        road2 = g.mean(axis=-1, keepdims=True)
        road3 = xhat * (g * xhat).mean(axis=-1, keepdims=True)
        dx = (g - road2 - road3) / sigma
        return dx, dweight, dbias

    return y, backward
""",
}

# The same in small stages, backward as one goes through them: for mistakes that the formula's form cannot have.
STAGED = """
def layernorm(x, weight, bias, eps=1e-6):
    n = x.shape[-1]
    mu = x.sum(-1, keepdims=True) / n
    xmu = x - mu
    var = (xmu * xmu).sum(-1, keepdims=True) / n
    inv = (var + eps) ** -0.5
    xhat = xmu * inv
    out = xhat * weight + bias

    def backward(dy):
        flat = dy.reshape(-1, n)
        dbias = flat.sum(axis=0)
        dweight = (flat * xhat.reshape(-1, n)).sum(axis=0)
        dxhat = dy * weight
        dvar = (dxhat * xmu).sum(-1, keepdims=True) * -0.5 * inv**3
        dmu = -(dxhat * inv).sum(-1, keepdims=True)
        dx = dxhat * inv + dvar * 2 * xmu / n + dmu / n
        return dx, dweight, dbias

    return out, backward
"""

WRONG = {
    "layernorm": [
        ("wrong array", "(centred**2)", "(x**2)", "y: squares of x itself, not of the distances from the mean"),
        (
            "extreme",
            "(centred**2).mean(axis=-1, keepdims=True)",
            "(x * x).mean(axis=-1, keepdims=True) - mean * mean",
            "y: mean of squares less squared mean, digits lost where the mean is large",
        ),
        ("constant", "eps=1e-6", "eps=1e-5", "y: PyTorch's eps as the default"),
        ("option", "variance + eps", "variance + 1e-6", "y: eps is ignored"),
        ("order", "np.sqrt(variance + eps)", "np.sqrt(variance) + eps", "y: eps is added after the root"),
        ("missing term", "np.sqrt(variance + eps)", "np.sqrt(variance)", "y: eps left out, 0/0 in a row of equal numbers"),
        ("order", "weight * xhat + bias", "weight * (xhat + bias)", "y: the bias is added before the weight"),
        ("sign", "weight * xhat + bias", "weight * xhat - bias", "y: the bias is subtracted"),
        ("factor", "centred / sigma", "centred / np.sqrt(sigma)", "y: the root is taken twice"),
        ("axis", "x.mean(axis=-1, keepdims=True)\n    c", "x.mean(axis=-2, keepdims=True)\n    c", "y: mean over the tokens"),
        ("axis", "(centred**2).mean(axis=-1, keepdims=True)", "(centred**2).mean()", "y: one variance for all rows"),
        ("case", "x.mean(axis=-1, keepdims=True)\n    c", "x.mean(axis=2, keepdims=True)\n    c", "y: only x of three axes"),
        ("mutation", "centred = x - mean", "centred = x\n    centred -= mean", "y: the mean is taken off x in place"),
        ("dtype", "np.sqrt(variance + eps)", "np.sqrt(variance + np.float64(eps))", "y: float32 becomes float64"),
        (
            "scale and axis",
            None,
            STAGED.replace("(xmu * xmu).sum(-1, keepdims=True) / n", "(xmu * xmu).sum(0, keepdims=True) / (n - 1)"),
            "y: variance down the batch, and over n - 1",
        ),
        ("missing term", "(g - road2 - road3)", "(g - road2)", "dx: road 3 left out"),
        ("missing term", "(g - road2 - road3)", "(-road2 - road3)", "dx: road 1 left out"),
        ("sign", "(g - road2 - road3)", "(g + road2 - road3)", "dx: road 2 is added"),
        ("sign", "(g - road2 - road3)", "(road2 + road3 - g)", "dx: all signs turned round"),
        ("extra term", "(g - road2 - road3)", "(g - road2 - road3 + dy)", "dx: dy added once more"),
        ("factor", "(g - road2 - road3) / sigma", "(g - road2 - road3) / variance", "dx: 1/sigma once too often"),
        ("factor", "(g - road2 - road3) / sigma", "g / sigma - road2 - road3", "dx: 1/sigma only on road 1"),
        ("factor", "(g - road2 - road3) / sigma", "(g - road2 - road3) * sigma", "dx: times sigma instead of divided"),
        ("factor", "road3 = xhat * (g", "road3 = (g", "dx: road 3 without the xhat in front"),
        ("wrong array", "road3 = xhat * (g", "road3 = centred * (g", "dx: road 3 with the centred row for xhat"),
        ("wrong array", "(g * xhat).mean", "(g * x).mean", "dx: road 3 averages g times x"),
        ("wrong array", "(g * xhat).mean", "(g * y).mean", "dx: road 3 averages g times y"),
        ("factor", "(g * xhat).mean", "(dy * xhat).mean", "dx: the weight is left out of road 3's mean"),
        ("factor", "road2 = g.mean", "road2 = dy.mean", "dx: the weight is left out of road 2's mean"),
        ("factor", "g = weight * dy", "g = weight * dy * xhat", "dx: g carries an xhat too many"),
        ("wrong array", "g = weight * dy", "g = bias * dy", "dx: bias for weight"),
        (
            "order",
            "road3 = xhat * (g * xhat).mean(axis=-1, keepdims=True)",
            "road3 = xhat * (g.mean(axis=-1, keepdims=True) * xhat.mean(axis=-1, keepdims=True))",
            "dx: road 3 multiplies two means instead of the mean of the product",
        ),
        ("axis", "road2 = g.mean(axis=-1, keepdims=True)", "road2 = g.mean(axis=rows)", "dx: road 2 averages over the rows"),
        ("axis", "(g * xhat).mean(axis=-1, keepdims=True)", "(g * xhat).mean()", "dx: one mean of road 3 for all rows"),
        ("scale", "road2 = g.mean", "road2 = g.sum", "dx: road 2 is a sum, without 1/D"),
        ("scale", "xhat * (g * xhat)", "2 * xhat * (g * xhat)", "dx: the 2 of the square is not cancelled by the root's"),
        ("scale", None, STAGED.replace("2 * xmu / n", "2 * xmu"), "dx: no 1/D on the road through the variance"),
        ("scale", None, STAGED.replace("+ dmu / n", "+ dmu"), "dx: no 1/D on the road through the mean"),
        ("sign", None, STAGED.replace("* -0.5 *", "* 0.5 *"), "dx: the root's minus is lost on the way to the variance"),
        ("factor", None, STAGED.replace("inv**3", "inv"), "dx: the power -1/2 keeps its exponent, inv for its cube"),
        ("sign and scale", None, STAGED.replace("+ dmu / n", "- dmu"), "dx: road 2 with the other sign and without 1/D"),
        ("axis", None, STAGED.replace("* inv).sum(-1, k", "* inv).sum(0, k"), "dx: road 2 adds up over the batch"),
        ("wrong array", "(dy * xhat).sum", "(dy * y).sum", "dweight: y for xhat"),
        ("factor", "(dy * xhat).sum", "(dy * centred).sum", "dweight: 1/sigma left out"),
        ("factor", "(dy * xhat).sum", "(weight * dy * xhat).sum", "dweight: g for dy, the weight once too often"),
        ("scale", "(dy * xhat).sum(axis=rows)", "(dy * xhat).mean(axis=rows)", "dweight: mean over the rows"),
        ("axis", "dy.sum(axis=rows)", "dy.sum(axis=0)", "dbias: adds up over the images only"),
        ("factor", "dy.sum(axis=rows)", "(weight * dy).sum(axis=rows)", "dbias: g for dy"),
        ("case", "tuple(range(x.ndim - 1))", "(0, 1)", "dweight and dbias: only for x of three axes"),
        ("index", None, STAGED.replace("flat.sum(axis=0)", "flat[:-1].sum(axis=0)"), "dbias: the last row is left out"),
        ("order", "return dx, dweight, dbias", "return dx, dbias, dweight", "dweight and dbias change places"),
        ("mutation", "g = weight * dy", "dy *= weight\n        g = dy", "dy is multiplied by the weight in place"),
        (
            "alias",
            "road3 = xhat * (g",
            "road3 = xhat\n        road3 *= (g",
            "the kept xhat is spoilt: a second backward is wrong",
        ),
        ("dtype", "dy.sum(axis=rows)", "dy.sum(axis=rows, dtype=np.float64)", "dbias: float64"),
    ],
}

UNUSUAL = {
    "layernorm": [
        STAGED,
        """
def layernorm(x, weight, bias, eps=1e-6):
    shape, width = x.shape, x.shape[-1]
    y, kept = np.empty_like(x), []
    for place in np.ndindex(shape[:-1]):
        row = x[place]
        away = row - sum(row) / width
        sigma = (float(away @ away) / width + eps) ** 0.5
        kept.append((place, away / sigma, sigma))
        y[place] = weight * kept[-1][1] + bias

    def backward(dy):
        dx, dweight, dbias = np.empty_like(x), np.zeros_like(weight), np.zeros_like(bias)
        for place, hat, sigma in kept:
            dweight += dy[place] * hat
            dbias += dy[place]
            g = weight * dy[place]
            dx[place] = (g - g.mean() - hat * ((g @ hat) / width)) / sigma
        return dx, dweight, dbias

    return y, backward
""",
        """
def layernorm(x, weight, bias, eps=1e-6):
    width = x.shape[-1]
    flat = x.reshape(-1, width)
    middle = np.eye(width, dtype=x.dtype) - np.full((width, width), 1 / width, x.dtype)  # takes the mean off a row
    centred = flat @ middle
    scale = 1 / np.sqrt(np.einsum("rd,rd->r", centred, centred) / width + eps)
    hat = np.einsum("rd,r->rd", centred, scale)

    def backward(dy):
        dy = dy.reshape(-1, width)
        g = dy * weight
        inner = g - hat * (np.einsum("rd,rd->r", g, hat) / width)[:, None]
        dx = np.einsum("rd,r->rd", inner @ middle, scale).reshape(x.shape)
        return dx, np.einsum("rd,rd->d", dy, hat), np.einsum("rd->d", dy)

    return (hat * weight + bias).reshape(x.shape), backward
""",
        """
def layernorm(x, weight, bias, eps=1e-6):
    class Backward:
        def __init__(self, hat, sigma):
            self.hat, self.sigma = hat, sigma

        def __call__(self, dy):
            g = dy * weight
            along = (g * self.hat).mean(-1)[..., np.newaxis]
            dx = (g - g.mean(-1)[..., np.newaxis] - self.hat * along) / self.sigma
            d = x.shape[-1]
            return [dx, np.reshape(dy * self.hat, (-1, d)).sum(0), np.reshape(dy, (-1, d)).sum(0)]

    hat = x - np.expand_dims(np.average(x, axis=-1), -1)
    sigma = np.sqrt(np.expand_dims(np.mean(np.square(hat), axis=-1), -1) + eps)
    hat /= sigma
    return hat * weight + bias, Backward(hat, sigma)
""",
        """
def layernorm(x, weight, bias, eps=1e-6):
    sigma = np.sqrt(np.var(x, axis=-1, keepdims=True) + eps)
    hat = np.divide(x - np.mean(x, axis=-1, keepdims=True), sigma)
    y = np.add(np.multiply(hat, weight), bias)

    def without(array, direction):
        return array - direction * (array * direction).mean(axis=-1, keepdims=True)

    def backward(dy):
        rows = tuple(i for i in range(dy.ndim) if i != dy.ndim - 1)
        one = np.ones_like(hat)
        g = dy * (weight / sigma)
        first = without(g, one)
        return first - hat * (g * hat).mean(axis=-1, keepdims=True), np.sum(dy * hat, rows), np.sum(dy, rows)

    return y, backward
""",
        """
def layernorm(x, weight, bias, eps=1e-6):
    kept = {}

    def normalise():
        kept["hat"] = x - x.mean(-1, keepdims=True)
        kept["inv"] = np.reciprocal(np.sqrt((kept["hat"] ** 2).mean(-1, keepdims=True) + eps))
        kept["hat"] *= kept["inv"]
        return kept["hat"] * weight + bias

    def backward(dy):
        hat, inv = kept["hat"], kept["inv"]
        dweight, dbias = dy * hat, dy
        while dweight.ndim > 1:
            dweight, dbias = dweight.sum(axis=0), dbias.sum(axis=0)
        dx = dy * weight
        dx -= hat * np.mean(dx * hat, axis=-1, keepdims=True)
        dx -= dx.mean(axis=-1, keepdims=True)
        dx *= inv
        return dx, dweight, np.array(dbias)

    return normalise(), backward
""",
        """
def layernorm(x, weight, bias, eps=1e-6):
    first = x[..., :1]  # near the mean, so that the squares stay small
    mean = first + (x - first).mean(axis=-1, keepdims=True)
    diff = x - mean
    inv = 1 / np.sqrt((diff * diff).mean(axis=-1, keepdims=True) + eps)
    y = diff * (inv * weight) + bias
    summed = lambda a: a.reshape(-1, a.shape[-1]).sum(axis=0)
    mean_of = lambda a: a.mean(axis=-1, keepdims=True)
    roads = lambda g: inv * g - inv * mean_of(g) - inv**3 * diff * mean_of(g * diff)
    return y, lambda dy: (roads(weight * dy), summed(dy * diff * inv), summed(dy))
""",
        """
def layernorm(x, weight, bias, eps=1e-6):
    d = x.shape[-1]
    mean = x.mean(axis=-1, keepdims=True)
    sigma = np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    hat = (x - mean) / sigma

    def backward(dy):
        eye, ones = np.eye(d, dtype=x.dtype), np.ones((d, d), dtype=x.dtype)
        jacobian = (eye - ones / d - hat[..., :, None] * hat[..., None, :] / d) / sigma[..., None]
        dx = ((dy * weight)[..., None, :] @ jacobian)[..., 0, :]
        return dx, (dy * hat).reshape(-1, d).sum(0), dy.reshape(-1, d).sum(0)

    return hat * weight + bias, backward
""",
    ],
}
