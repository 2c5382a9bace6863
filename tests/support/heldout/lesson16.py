"""Lesson 16, Train it: answers written from the lesson's text alone."""

RIGHT = {
    "random_shift": """
def random_shift(images, pixels, rng):
    count, height, width, _ = images.shape
    framed = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))
    down = rng.integers(0, 2 * pixels + 1, count)
    across = rng.integers(0, 2 * pixels + 1, size=count)
    shifted = np.empty_like(images)
    for b in range(count):
        y, x = down[b], across[b]
        shifted[b] = framed[b, y : y + height, x : x + width]
    return shifted
""",
    "train_vit": """
def train_vit(
    parameters, sizes, images, labels, rng, epochs=70, batch_size=128, lr=4e-3, weight_decay=0.05, label_smoothing=0.1, shift=1
):
    cross_entropy = smoothed_loss(label_smoothing)
    losses = []
    mean, std = images.mean(), images.std()
    optimizer = mine.AdamW(parameters, weight_decay)
    count = len(images)
    total = epochs * math.ceil(count / batch_size)
    warmup = math.ceil(0.05 * total)
    step = 0
    for _ in range(epochs):
        order = rng.permutation(count)
        for start in range(0, count, batch_size):
            chosen = order[start : start + batch_size]
            batch = (random_shift(images[chosen], shift, rng) - mean) / std
            for parameter in parameters.values():
                parameter.grad = None
            loss = cross_entropy(mine.vit(parameters, batch, sizes), labels[chosen])
            loss.backward()
            optimizer.step(mine.warmup_cosine(step, total, lr, warmup, 1e-5))
            losses.append(float(loss.data))
            step += 1
    return losses, mean, std
""",
    "evaluate_vit": """
def evaluate_vit(parameters, sizes, images, labels, mean, std):
    right = 0
    for start in range(0, len(images), 256):
        batch = (images[start : start + 256] - mean) / std
        answers = mine.vit(parameters, batch, sizes).data.argmax(axis=-1)
        right += int((answers == labels[start : start + 256]).sum())
    return right / len(images)
""",
}
ACROSS = "across = rng.integers(0, 2 * pixels + 1, size=count)"
CLEAR = "            for parameter in parameters.values():\n                parameter.grad = None\n"
LOOP = "    for _ in range(epochs):\n        order = rng.permutation(count)\n"
COUNT = "right += int((answers == labels[start : start + 256]).sum())"
WRONG = {
    "random_shift": [
        ("index", "2 * pixels + 1, count)", "2 * pixels, count)", "down: never moved by the last number"),
        ("case", ACROSS, "across = np.full(count, rng.integers(0, 2 * pixels + 1))", "across: the same for all images"),
        ("wrong array", ACROSS, "across = down", "moved along the diagonal only"),
        ("constant", "(0, 0)))", '(0, 0)), mode="edge")', "the edge is repeated where zeros should move in"),
        ("case", "x : x + width", "x : x + height", "right only for square images"),
        ("mutation", "np.empty_like(images)", "images", "the images are written over"),
        ("alias", "down = rng.integers", "down = np.random.default_rng(0).integers", "down: not from rng, the same each time"),
        ("sign", ACROSS, "across = rng.integers(pixels, 2 * pixels + 1, size=count)", "across: only to the left"),
    ],
    "train_vit": [
        (
            "order",
            "(random_shift(images[chosen], shift, rng) - mean) / std",
            "random_shift((images[chosen] - mean) / std, shift, rng)",
            "normalised before the shift: the mean moves in, not paper",
        ),
        ("step", CLEAR, "", "gradients are never cleared and pile up"),
        ("step", LOOP, "    order = rng.permutation(count)\n    for _ in range(epochs):\n", "one order for all epochs"),
        ("wrong array", "labels[chosen]", "labels[start : start + batch_size]", "labels in the file's order"),
        ("index", "range(0, count, batch_size)", "range(0, count - batch_size + 1, batch_size)", "the last batch is dropped"),
        ("index", "order = rng.permutation(count)", "order, step = rng.permutation(count), 0", "step begins anew in each epoch"),
        ("option", "mine.AdamW(parameters, weight_decay)", "mine.AdamW(parameters)", "weight_decay is not handed on"),
        ("option", "shift, rng)", "1, rng)", "shift is ignored"),
        (
            "alias",
            "order = rng.permutation(count)",
            "order = rng.permutation(count)\n        optimizer = mine.AdamW(parameters, weight_decay)",
            "m and v forgotten in each epoch",
        ),
        ("index", "warmup = math.ceil(0.05 * total)", "warmup = int(0.05 * total) + 1", "warmup: one too many where it divides"),
        ("axis", "images.mean(), images.std()", "images.mean(axis=0), images.std(axis=0) + 1e-6", "mean, std: one a pixel"),
        ("scale", "float(loss.data)", "float(loss.data) / len(chosen)", "losses: divided by the batch a second time"),
        ("constant", "warmup, 1e-5)", "warmup)", "the rate sinks to 0 and not to 1e-5"),
        ("factor", "- mean) / std", "- mean) / std**2", "images: divided by the variance"),
    ],
    "evaluate_vit": [
        ("scale", "right / len(images)", "100 * right / len(images)", "per cent for a share"),
        ("option", "- mean) / std", "- images.mean()) / images.std()", "the test images' own mean and std"),
        ("scale", COUNT, "right += float((answers == labels[start : start + 256]).mean()) * 256", "the last batch as if full"),
        ("index", "range(0, len(images), 256)", "range(0, max(len(images) - 255, 1), 256)", "the last, short batch is left out"),
        ("axis", "argmax(axis=-1)", "argmax(axis=0)[: len(batch)]", "the best image of each class"),
        ("index", COUNT, "right += int((answers == labels[: len(answers)]).sum())", "every batch against the first labels"),
        ("factor", " - mean) / std", " - mean)", "not divided by std"),
        (
            "mutation",
            "batch = (images[start : start + 256] - mean) / std",
            "batch = images[start : start + 256]\n        batch -= mean\n        batch /= std",
            "the images are written over",
        ),
    ],
}
UNUSUAL = {
    "random_shift": [
        """
def random_shift(images, pixels, rng):
    count, height, width, _ = images.shape
    shifted = np.zeros_like(images)
    for one, image, (y, x) in zip(shifted, images, rng.integers(-pixels, pixels, (count, 2), endpoint=True)):
        one[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = image[
            max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)
        ]
    return shifted
""",
        """
def random_shift(images, pixels, rng):
    count, height, width, _ = images.shape
    framed = np.pad(images, [(0, 0), (pixels, pixels), (pixels, pixels), (0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(framed, (height, width), axis=(1, 2))
    places = rng.integers(0, 2 * pixels + 1, (2, count))
    return np.moveaxis(views[np.arange(count), places[0], places[1]], 1, -1).copy()
""",
    ],
    "train_vit": [
        """
def train_vit(
    parameters, sizes, images, labels, rng, epochs=70, batch_size=128, lr=4e-3, weight_decay=0.05, label_smoothing=0.1, shift=1
):
    objective, optimizer = smoothed_loss(label_smoothing), mine.AdamW(parameters, weight_decay)
    mean, std = float(np.mean(images, dtype=np.float64)), float(np.std(images, dtype=np.float64))
    per_epoch = -(-len(images) // batch_size)
    total = per_epoch * epochs

    def batches():
        for _ in range(epochs):
            order = np.arange(len(images))
            rng.shuffle(order)
            yield from np.split(order, range(batch_size, len(order), batch_size))

    def one(step, chosen):
        seen = (random_shift(images[chosen], shift, rng) - mean) / std
        for name in parameters:
            parameters[name].grad = None
        loss = objective(mine.vit(parameters, seen, sizes), labels[chosen])
        loss.backward()
        optimizer.step(mine.warmup_cosine(step, total, lr, -(-total // 20), 1e-5))
        return loss.data.item()

    return [one(step, chosen) for step, chosen in enumerate(batches())], mean, std
""",
    ],
    "evaluate_vit": [
        """
def evaluate_vit(parameters, sizes, images, labels, mean, std):
    def answers(part):
        return np.argmax(mine.vit(parameters, (part - mean) / std, sizes).data, axis=1)

    found = np.concatenate([answers(part) for part in np.split(images, range(256, len(images), 256))])
    return float(np.mean(found == labels))
""",
    ],
}
