"""Lesson 09, patchify, unpatchify and patch_embed: answers written from the lesson's text alone."""

RIGHT = {
    "patchify": """
def patchify(images, patch_size):
    batch, height, width, channels = images.shape
    p = patch_size
    rows, columns = height // p, width // p
    split = images.reshape(batch, rows, p, columns, p, channels)
    moved = split.transpose(0, 1, 3, 2, 4, 5)
    patches = moved.reshape(batch, rows * columns, p * p * channels)

    def backward(dy):
        back = dy.reshape(batch, rows, columns, p, p, channels)
        dimages = back.transpose(0, 1, 3, 2, 4, 5).reshape(images.shape)
        return dimages

    return patches, backward
""",
    "unpatchify": """
def unpatchify(patches, patch_size, height, width):
    p = patch_size
    batch, count, length = patches.shape
    channels = length // (p * p)
    rows, columns = height // p, width // p
    grid = patches.reshape(batch, rows, columns, p, p, channels)
    images = grid.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height, width, channels)
    return images
""",
    "patch_embed": """
def patch_embed(images, weight, bias, patch_size):
    patches, patchify_backward = patchify(images, patch_size)
    tokens, linear_backward = mine.linear(patches, weight, bias)

    def backward(dy):
        dpatches, dweight, dbias = linear_backward(dy)
        dimages = patchify_backward(dpatches)
        return dimages, dweight, dbias, None

    return tokens, backward
""",
}

# Right answers in another form, for mistakes that RIGHT's form cannot have.
LOOP = """
def patchify(images, patch_size):
    b, h, w, c = images.shape
    p = patch_size
    places = [(row, column) for row in range(0, h, p) for column in range(0, w, p)]
    cut = [images[:, row : row + p, column : column + p, :].reshape(b, -1) for row, column in places]
    patches = np.stack(cut, axis=1)

    def backward(dy):
        dimages = np.zeros_like(images)
        for n, (row, column) in enumerate(places):
            dimages[:, row : row + p, column : column + p, :] = dy[:, n].reshape(b, p, p, c)
        return dimages

    return patches, backward
"""

BEGIN = "    def backward(dy):\n        dimages = np.zeros_like(images)\n"
KEPT = LOOP.replace(BEGIN, "    dimages = np.zeros_like(images)\n\n    def backward(dy):\n")

GLUE = """
def unpatchify(patches, patch_size, height, width):
    p, (batch, count, length) = patch_size, patches.shape
    columns = width // p
    images = np.empty((batch, height, width, length // p**2), patches.dtype)
    for n in range(count):
        r, c = divmod(n, columns)
        images[:, r * p : (r + 1) * p, c * p : (c + 1) * p] = patches[:, n].reshape(batch, p, p, -1)
    return images
"""

BY_HAND = """
def patch_embed(images, weight, bias, patch_size):
    patches, back = patchify(images, patch_size)
    tokens = patches @ weight + bias

    def backward(dy):
        dpatches = dy @ weight.T
        dweight = np.einsum("bnp,bnd->pd", patches, dy)
        dbias = dy.sum(axis=(0, 1))
        return back(dpatches), dweight, dbias, None

    return tokens, backward
"""

WRONG = {
    "patchify": [
        (
            "axis",
            "split.transpose(0, 1, 3, 2, 4, 5)",
            "split.transpose(0, 3, 1, 2, 4, 5)",
            "patches: column by column instead of row by row",
        ),
        ("axis", "split.transpose(0, 1, 3, 2, 4, 5)", "split.transpose(0, 1, 3, 5, 2, 4)", "patches: the channel comes first"),
        (
            "index",
            "split = images.reshape(batch, rows, p, columns, p, channels)\n    moved = split.transpose(0, 1, 3, 2, 4, 5)",
            "split = images.reshape(batch, p, rows, p, columns, channels)\n    moved = split.transpose(0, 2, 4, 1, 3, 5)",
            "patches: every rows-th pixel, not neighbours",
        ),
        (
            "mutation",
            "split = images.reshape(batch, rows, p, columns, p, channels)",
            "images[...] = images - images.mean()\n    split = images.reshape(batch, rows, p, columns, p, channels)",
            "images are centred in place on the way",
        ),
        ("case", "height // p, width // p", "height // p, height // p", "patches: only for square images"),
        ("transposed", "back.transpose(0, 1, 3, 2, 4, 5)", "back.transpose(0, 1, 4, 2, 3, 5)", "dimages: each patch is turned"),
        ("step", "back.transpose(0, 1, 3, 2, 4, 5).reshape", "back.reshape", "dimages: the transposition is not undone"),
        ("case", "dy.reshape(batch, rows, columns,", "dy.reshape(batch, columns, rows,", "dimages: rows and columns swapped"),
        ("scale", "return dimages\n", "return dimages / (p * p)\n", "dimages: a mean over each patch's pixels"),
        ("dtype", None, LOOP.replace("np.zeros_like(images)", "np.zeros(images.shape)"), "dimages: float64"),
        ("index", None, LOOP.replace("enumerate(places)", "enumerate(places[:-1])"), "dimages: the last patch is left out"),
        ("order", None, LOOP.replace("dy[:, n]", "dy[:, -1 - n]"), "dimages: patches glued from the last to the first"),
        (
            "alias",
            None,
            KEPT,
            "dimages: one buffer for all calls of backward",
        ),
    ],
    "unpatchify": [
        (
            "case",
            "patches.reshape(batch, rows, columns,",
            "patches.reshape(batch, columns, rows,",
            "the grid's rows and columns change places",
        ),
        ("step", "grid.transpose(0, 1, 3, 2, 4, 5).reshape", "grid.reshape", "only a reshape"),
        ("transposed", "grid.transpose(0, 1, 3, 2, 4, 5)", "grid.transpose(0, 1, 4, 2, 3, 5)", "each patch is transposed"),
        ("case", "length // (p * p)", "3", "three channels, always"),
        ("scale", "length // (p * p)", "length // p", "channels: divided by P once only"),
        ("order", "(batch, height, width, channels)", "(batch, width, height, channels)", "width before height"),
        ("case", "height // p, width // p", "int(count**0.5), int(count**0.5)", "the grid is taken as square"),
        (
            "axis",
            "p, p, channels)\n    images = grid.transpose(0, 1, 3, 2, 4, 5)",
            "channels, p, p)\n    images = grid.transpose(0, 1, 4, 2, 5, 3)",
            "patches read as channel, row, column",
        ),
        ("index", None, GLUE.replace("divmod(n, columns)", "divmod(n, height // p)"), "patch n is placed by the rows' count"),
        (
            "order",
            None,
            GLUE.replace("r, c = divmod", "c, r = divmod").replace("n, columns", "n, height // p"),
            "down, then right",
        ),
        ("dtype", None, GLUE.replace(", patches.dtype)", ")"), "float32 patches become float64 images"),
        ("index", None, GLUE.replace("patches[:, n]", "patches[:, n - 1]"), "each place gets the patch before it"),
        ("mutation", "    grid =", "    patches -= patches.min()\n    grid =", "the patches' minimum is taken off in place"),
    ],
    "patch_embed": [
        ("option", "patchify(images, patch_size)", "patchify(images, 2)", "tokens: the patch size is always 2"),
        ("missing term", "mine.linear(patches, weight, bias)", "mine.linear(patches, weight, 0 * bias)", "tokens: no bias"),
        ("extra term", "return tokens, backward", "return tokens + bias, backward", "tokens: the bias comes in twice"),
        (
            "step",
            "patches, patchify_backward = patchify(images, patch_size)",
            "patches, patchify_backward = images.reshape(len(images), -1, len(weight)), lambda d: d.reshape(images.shape)",
            "tokens: the pixels are reshaped, not cut",
        ),
        ("mutation and scale", "patches, patch", "images /= 255\n    patches, patch", "images are divided by 255 in place"),
        ("order", "dpatches, dweight, dbias = linear", "dpatches, dbias, dweight = linear", "dweight and dbias change places"),
        ("order", "return dimages, dweight, dbias", "return dweight, dbias, dimages", "dimages comes last"),
        (
            "step",
            "dimages = patchify_backward(dpatches)",
            "dimages = dpatches.reshape(images.shape)",
            "dimages: patches not glued",
        ),
        (
            "order",
            "patchify_backward(dpatches)",
            "unpatchify(dpatches, patch_size, images.shape[2], images.shape[1]).reshape(images.shape)",
            "dimages: height and width change places",
        ),
        (
            "step",
            "dimages = patchify_backward(dpatches)",
            "dimages = np.zeros_like(images)",
            "dimages: zeros, pixels do not learn",
        ),
        ("shape", "dimages = patchify_backward(dpatches)", "dimages = dpatches", "dimages: still cut into patches"),
        ("scale", "return dimages, dweight, dbias", "return dimages, dweight / len(images), dbias", "dweight: mean over images"),
        ("scale", None, BY_HAND.replace("dy.sum(axis=(0, 1))", "dy.sum(axis=0).mean(axis=0)"), "dbias: mean over the patches"),
        ("axis", None, BY_HAND.replace("dy.sum(axis=(0, 1))", "dy.sum(axis=1)"), "dbias: not added up over the images"),
        (
            "wrong array",
            None,
            BY_HAND.replace('"bnp,bnd->pd", patches', '"bnp,bnd->pd", images.reshape(patches.shape)'),
            "dweight: pixels in the images' order, not the patches'",
        ),
        ("transposed", None, BY_HAND.replace("bnd->pd", "bnd->dp"), "dweight: (D, P·P·C)"),
        ("transposed", None, BY_HAND.replace("dy @ weight.T", "dy @ weight"), "dimages: the weight is not transposed"),
        ("case", None, BY_HAND.replace('np.einsum("bnp,bnd->pd", patches, dy)', "patches[0].T @ dy[0]"), "dweight: image 0 only"),
        ("factor", None, BY_HAND.replace("patches, dy)", "patches, np.ones_like(dy))"), "dweight: dy is left out"),
        ("extra term", None, BY_HAND.replace("dy @ weight.T", "(dy + bias) @ weight.T"), "dimages: the bias in the gradient"),
    ],
}

UNUSUAL = {
    "patchify": [
        LOOP,
        """
def patchify(images, patch_size):
    b, h, w, c = images.shape
    place = np.arange(h * w * c).reshape(h, w, c)
    bands = np.split(place, h // patch_size, axis=0)
    order = np.array([piece.ravel() for band in bands for piece in np.split(band, w // patch_size, axis=1)])
    back = np.argsort(order, axis=None)

    def backward(dy):
        return np.take(dy.reshape(b, -1), back, axis=1).reshape(b, h, w, c)

    return images.reshape(b, -1)[:, order], backward
""",
        """
def patchify(images, patch_size):
    b, h, w, c = images.shape
    p = patch_size
    windows = np.lib.stride_tricks.sliding_window_view(images, (p, p), axis=(1, 2))[:, ::p, ::p]  # (B, r, c, C, P, P)
    patches = np.einsum("brcxij->brcijx", windows).reshape(b, -1, p * p * c)
    return patches, lambda dy: unpatchify(dy, p, h, w)
""",
        """
def patchify(images, patch_size):
    b, h, w, c = images.shape
    p = patch_size

    def backward(dy):
        tiles = dy.reshape(b, h // p, w // p, p, p * c)
        rows = [np.concatenate([tiles[:, r, q] for q in range(w // p)], axis=-1) for r in range(h // p)]
        return np.concatenate(rows, axis=1).reshape(b, h, w, c)

    y, x = np.mgrid[:h, :w]
    number = (y // p * (w // p) + x // p).ravel()
    inside = (y % p * p + x % p).ravel()
    patches = np.empty((b, number.max() + 1, p * p, c), images.dtype)
    patches[:, number, inside] = images.reshape(b, h * w, c)
    return patches.reshape(b, -1, p * p * c), backward
""",
    ],
    "unpatchify": [
        GLUE,
        """
def unpatchify(patches, patch_size, height, width):
    p = patch_size
    columns = width // p
    bands = []
    for start in range(0, patches.shape[1], columns):
        band = [patches[:, n].reshape(len(patches), p, p, -1) for n in range(start, start + columns)]
        bands.append(np.concatenate(band, axis=2))
    return np.concatenate(bands, axis=1)
""",
        """
def unpatchify(patches, patch_size, height, width):
    side = (height // patch_size, width // patch_size)
    six = patches.reshape(-1, *side, patch_size, patch_size, patches.shape[-1] // patch_size**2)
    return np.swapaxes(six, 2, 3).reshape(-1, height, width, six.shape[-1])
""",
        """
def unpatchify(patches, patch_size, height, width):
    p = patch_size
    y, x = np.ogrid[:height, :width]
    pixels = patches.reshape(*patches.shape[:2], p * p, -1)
    return pixels[:, y // p * (width // p) + x // p, y % p * p + x % p]
""",
    ],
    "patch_embed": [
        BY_HAND,
        """
def patch_embed(images, weight, bias, patch_size):
    steps = []

    def through(pair):
        steps.append(pair[1])
        return pair[0]

    tokens = through(mine.linear(through(patchify(images, patch_size)), weight, bias))

    def backward(dy):
        d, *others = steps[1](dy)
        return (steps[0](d), *others, None)

    return tokens, backward
""",
        """
def patch_embed(images, weight, bias, patch_size):
    b, h, w, c = images.shape
    p, (_, dim) = patch_size, weight.shape
    cut = images.reshape(b, h // p, p, w // p, p, c)
    kernel = weight.reshape(p, p, c, dim)
    tokens = np.einsum("bricjk,ijkd->brcd", cut, kernel, optimize=True).reshape(b, -1, dim) + bias

    def backward(dy):
        d = dy.reshape(b, h // p, w // p, dim)
        dimages = np.einsum("brcd,ijkd->bricjk", d, kernel, optimize=True).reshape(images.shape)
        dweight = np.einsum("brcd,bricjk->ijkd", d, cut, optimize=True).reshape(weight.shape)
        return dimages, dweight, d.sum((0, 1, 2)), None

    return tokens, backward
""",
        """
def patch_embed(images, weight, bias, patch_size):
    patches, back = patchify(images, patch_size)
    wide = np.concatenate([patches, np.ones_like(patches[..., :1])], axis=-1)  # a 1 beside each patch carries the bias
    both = np.vstack([weight, bias])
    tokens = wide @ both

    def backward(dy):
        dboth = np.tensordot(wide, dy, axes=((0, 1), (0, 1)))
        return back((dy @ both.T)[..., :-1]), dboth[:-1], dboth[-1], None

    return tokens, backward
""",
    ],
}
