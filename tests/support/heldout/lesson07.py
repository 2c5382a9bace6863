"""Lesson 07, First training run: answers written from the lesson's text alone."""

RIGHT = {
    "normalise": """
def normalise(train_images, test_images):
    mean, std = float(train_images.mean()), float(train_images.std())
    train = (train_images - mean) / std
    test = (test_images - mean) / std
    return train, test
""",
    "initial_parameters": """
def initial_parameters(rng, inputs, hidden, classes):
    weight1 = rng.standard_normal((inputs, hidden)) / math.sqrt(inputs)
    bias1 = np.zeros(hidden)
    weight2 = np.zeros((hidden, classes))
    bias2 = np.zeros(classes)
    Tensor = my_parts()[0]
    arrays = (weight1, bias1, weight2, bias2)
    return [Tensor(np.asarray(array, dtype=np.float32), requires_grad=True) for array in arrays]
""",
    "train_step": """
def train_step(parameters, images, labels, lr):
    for parameter in parameters:
        parameter.grad = None
    loss = loss_of(parameters, images, labels)
    loss.backward()
    for p in parameters:
        p.data = p.data - lr * p.grad
    return float(loss.data)
""",
    "accuracy": """
def accuracy(parameters, images, labels):
    logits = forward(parameters, images).data
    share = (logits.argmax(axis=1) == labels).mean()
    return float(share)
""",
    "train": """
def train(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    losses, accuracies = [], []
    images, labels = train_data
    for _ in range(epochs):
        order = rng.permutation(len(images))
        for start in range(0, len(images), batch_size):
            batch = order[start : start + batch_size]
            losses.append(train_step(parameters, images[batch], labels[batch], lr))
        accuracies.append(accuracy(parameters, *test_data))
    return losses, accuracies
""",
}

WRONG = {
    "normalise": [
        (
            "wrong array",
            "test_images - mean) / std",
            "test_images - test_images.mean()) / test_images.std()",
            "test: its own mean and root",
        ),
        (
            "wrong array",
            "(test_images - mean) / std",
            "(test_images - mean) / float(test_images.std())",
            "test: its own standard deviation",
        ),
        (
            "wrong array",
            "    mean, std = float(train_images.mean()), float(train_images.std())",
            "    both = np.concatenate([train_images, test_images])\n    mean, std = float(both.mean()), float(both.std())",
            "the test images flow into the mean and the standard deviation",
        ),
        ("factor", "float(train_images.std())", "float(train_images.var())", "divided by the variance, not by its root"),
        (
            "axis",
            "float(train_images.mean()), float(train_images.std())",
            "train_images.mean(axis=0), train_images.std(axis=0) + 1e-6",
            "a mean and a standard deviation for each pixel",
        ),
        ("missing term", "(test_images - mean) / std", "test_images / std", "test: the mean is not taken off"),
        ("missing term", "(train_images - mean) / std", "train_images - mean", "train: not divided by the standard deviation"),
        ("order", "(test_images - mean) / std", "test_images - mean / std", "test: divided before it is subtracted"),
        ("order", "return train, test", "return test, train", "the test images come first"),
        ("scale", "train_images.std()", "train_images.std(ddof=1)", "divided by N - 1: not the mean squared distance"),
        (
            "mutation",
            "    train = (train_images - mean) / std",
            "    train_images -= mean\n    train = train_images / std",
            "the training images are shifted in place",
        ),
        ("dtype", "float(train_images.mean())", "train_images.mean(dtype=np.float64)", "float32 images become float64"),
        (
            "wrong array",
            "float(train_images.std())",
            "float(abs(train_images - train_images.mean()).mean())",
            "mean distance, no squares",
        ),
        ("wrong array", "float(train_images.mean())", "float(np.median(train_images))", "the middle pixel in the mean's place"),
        (
            "case",
            "float(train_images.mean()), float(train_images.std())",
            "0.5, 0.5",
            "fixed numbers, whatever the images hold",
        ),
    ],
    "initial_parameters": [
        ("factor", "math.sqrt(inputs)", "inputs", "weight1: divided by the number of inputs, not by its root"),
        ("wrong array", "math.sqrt(inputs)", "math.sqrt(hidden)", "weight1: the root of the hidden units"),
        ("scale", " / math.sqrt(inputs)", "", "weight1: standard deviation 1"),
        ("scale", "/ math.sqrt(inputs)", "* math.sqrt(inputs)", "weight1: multiplied by the root"),
        ("scale", "/ math.sqrt(inputs)", "* math.sqrt(2 / inputs)", "weight1: the root of 2 too large, as for relu"),
        (
            "transposed",
            "rng.standard_normal((inputs, hidden))",
            "rng.standard_normal((hidden, inputs))",
            "weight1: shape (hidden, inputs)",
        ),
        (
            "constant",
            "rng.standard_normal((inputs, hidden))",
            "np.zeros((inputs, hidden))",
            "weight1: zeros, no weight ever moves",
        ),
        ("constant", "rng.standard_normal((inputs, hidden))", "np.ones((inputs, hidden))", "weight1: all units equal for ever"),
        (
            "index",
            "rng.standard_normal((inputs, hidden))",
            "np.tile(rng.standard_normal((inputs, 1)), hidden)",
            "weight1: all columns equal",
        ),
        (
            "scale",
            "rng.standard_normal((inputs, hidden))",
            "rng.uniform(-1, 1, (inputs, hidden))",
            "weight1: standard deviation 1/√3",
        ),
        ("constant", "rng.standard_normal((inputs, hidden))", "rng.random((inputs, hidden))", "weight1: all positive, mean 1/2"),
        ("option", "rng.standard_normal", "np.random.default_rng(0).standard_normal", "weight1: rng is ignored"),
        (
            "constant",
            "np.zeros((hidden, classes))",
            "rng.standard_normal((hidden, classes)) / math.sqrt(hidden)",
            "weight2: not 0",
        ),
        ("constant", "np.zeros((hidden, classes))", "np.full((hidden, classes), 0.01)", "weight2: 0.01, not 0"),
        ("constant", "np.zeros(hidden)", "np.ones(hidden)", "bias1: ones"),
        ("shape", "np.zeros(classes)", "np.zeros((1, classes))", "bias2: shape (1, classes)"),
        ("shape", "np.zeros(hidden)", "np.zeros(classes)", "bias1: as long as the classes"),
        (
            "order",
            "(weight1, bias1, weight2, bias2)",
            "(weight1, weight2, bias1, bias2)",
            "the weights come first, then the biases",
        ),
        ("option", "requires_grad=True", "requires_grad=False", "no gradient is wanted: nothing can learn"),
        ("dtype", "dtype=np.float32", "dtype=np.float64", "float64 parameters"),
    ],
    "train_step": [
        ("sign", "p.data - lr * p.grad", "p.data + lr * p.grad", "steps uphill"),
        ("step", "    for parameter in parameters:\n        parameter.grad = None\n", "", "old gradients are never cleared"),
        (
            "order",
            "    for parameter in parameters:\n        parameter.grad = None\n"
            "    loss = loss_of(parameters, images, labels)\n    loss.backward()\n"
            "    for p in parameters:\n        p.data = p.data - lr * p.grad\n",
            "    loss = loss_of(parameters, images, labels)\n    loss.backward()\n"
            "    for p in parameters:\n        p.data = p.data - lr * p.grad\n        p.grad = None\n",
            "clears after the step: what somebody else left is in the first one",
        ),
        ("scale", "lr * p.grad", "lr / len(images) * p.grad", "the gradient is divided by B once more"),
        ("scale", "lr * p.grad", "lr * len(images) * p.grad", "the gradient is multiplied by B"),
        ("option", "lr * p.grad", "0.1 * p.grad", "lr is ignored"),
        ("index", "for p in parameters", "for p in parameters[::2]", "only the weights move, not the biases"),
        ("index", "for p in parameters", "for p in parameters[2:]", "only the last layer moves"),
        ("index", "loss_of(parameters, images, labels)", "loss_of(parameters, images[:1], labels[:1])", "only the first image"),
        ("order", "return float(loss.data)", "return float(loss_of(parameters, images, labels).data)", "the loss after the step"),
        ("dtype", "return float(loss.data)", "return loss", "a Tensor, not a float"),
        ("wrong array", "lr * p.grad", "lr * p.data", "every parameter shrinks; the gradient is not used"),
        ("missing term", "p.data - lr * p.grad", "-lr * p.grad", "the old parameter is forgotten"),
        (
            "step",
            "        p.data = p.data - lr * p.grad",
            "        p = p.data - lr * p.grad",
            "the new array is never put into the Tensor",
        ),
        ("factor", "p.grad\n", "np.sign(p.grad)\n", "only the sign of the gradient counts"),
        ("factor", "p.grad\n", "p.grad / np.linalg.norm(p.grad)\n", "the gradient is brought to length 1"),
        ("extra term", "lr * p.grad", "lr * (p.grad + 0.01 * p.data)", "a weight decay that nobody asked for"),
        ("step", "loss.backward()", "loss.backward()\n    loss.backward()", "backward runs twice, and adds up"),
        (
            "step",
            "p.data = p.data - lr * p.grad",
            "p.data = p.data - lr * p.grad\n        p.data = p.data - lr * p.grad",
            "two steps",
        ),
        (
            "step",
            "    loss.backward()\n    for p in parameters:\n",
            "    for p in parameters:\n        p.grad = None\n        loss_of(parameters, images, labels).backward()\n",
            "each parameter's gradient is taken after the one before has moved, and the later ones add up",
        ),
        ("scale", "return float(loss.data)", "return float(loss.data) * len(images)", "the loss as a sum over the batch"),
    ],
    "accuracy": [
        ("axis", "argmax(axis=1)", "argmax(axis=0)", "the largest is looked for along the batch"),
        ("axis", "argmax(axis=1)", "argmax()", "one place in the whole table"),
        ("sign", "argmax", "argmin", "the smallest logit"),
        ("wrong array", "logits.argmax(axis=1)", "np.abs(logits).argmax(axis=1)", "the logit of the largest size"),
        ("scale", ".mean()", ".sum()", "how many, not which share"),
        ("scale", ".mean()", ".mean() * 100", "in percent"),
        ("sign", "== labels", "!= labels", "the share of wrong ones"),
        ("index", "logits.argmax(axis=1)", "logits.argmax(axis=1) + 1", "digits are counted from 1"),
        ("wrong array", "logits.argmax(axis=1)", "logits.max(axis=1).round()", "the largest logit itself, not its place"),
        (
            "order",
            "(logits.argmax(axis=1) == labels)",
            "(np.sort(logits.argmax(axis=1)) == np.sort(labels))",
            "compared when sorted",
        ),
        ("index", "logits.argmax(axis=1) == labels", "np.isin(labels, logits.argmax(axis=1))", "anywhere in the batch counts"),
        (
            "wrong array",
            "logits.argmax(axis=1) == labels",
            "logits[np.arange(len(labels)), labels] > 0",
            "a positive logit counts as right",
        ),
        ("constant", ".mean()", ".sum() / 360", "divided by 360, not by the number of images"),
        ("constant", "float(share)", "round(float(share), 1)", "rounded to tenths"),
        ("index", "logits.argmax(axis=1) == labels", "logits.argmax(axis=1)[:-1] == labels[:-1]", "the last image is left out"),
        (
            "scale",
            "(logits.argmax(axis=1) == labels).mean()",
            "np.mean([(logits.argmax(axis=1) == labels)[labels == k].mean() for k in set(labels.tolist())])",
            "the mean over the classes, not over the images",
        ),
        (
            "case",
            "logits.argmax(axis=1) == labels",
            "np.argsort(logits, axis=1)[:, -2:] == labels[:, None]",
            "the second best counts half",
        ),
    ],
    "train": [
        (
            "index",
            "range(0, len(images), batch_size)",
            "range(0, len(images) - batch_size + 1, batch_size)",
            "the rest is thrown away",
        ),
        (
            "step",
            "    for _ in range(epochs):\n        order = rng.permutation(len(images))\n",
            "    order = rng.permutation(len(images))\n    for _ in range(epochs):\n",
            "one order for all epochs",
        ),
        ("step", "rng.permutation(len(images))", "np.arange(len(images))", "always in the order of the data"),
        ("option", "rng.permutation", "np.random.permutation", "rng is ignored"),
        ("index", "labels[batch]", "labels[start : start + batch_size]", "images are shuffled, labels are not"),
        (
            "order",
            "labels[batch]",
            "labels[rng.permutation(len(labels))][start : start + batch_size]",
            "labels in an order of their own",
        ),
        ("wrong array", "*test_data", "*train_data", "measured on the training images"),
        (
            "wrong array",
            "accuracy(parameters, *test_data)",
            "accuracy(parameters, images[batch], labels[batch])",
            "on the last batch",
        ),
        (
            "step",
            "        accuracies.append(accuracy",
            "            accuracies.append(accuracy",
            "the accuracy is measured after every batch",
        ),
        (
            "step",
            "        accuracies.append(accuracy(parameters, *test_data))",
            "    accuracies.append(accuracy(parameters, *test_data))",
            "once, at the end",
        ),
        (
            "order",
            "        for start in range(0, len(images), batch_size):\n            batch = order[start : start + batch_size]\n"
            "            losses.append(train_step(parameters, images[batch], labels[batch], lr))\n"
            "        accuracies.append(accuracy(parameters, *test_data))\n",
            "        accuracies.append(accuracy(parameters, *test_data))\n"
            "        for start in range(0, len(images), batch_size):\n            batch = order[start : start + batch_size]\n"
            "            losses.append(train_step(parameters, images[batch], labels[batch], lr))\n",
            "measured before the epoch, not after it",
        ),
        ("option", "labels[batch], lr)", "labels[batch], 0.2)", "lr is ignored"),
        ("option", "    images, labels =", "    batch_size = 32\n    images, labels =", "batch_size is ignored"),
        ("option", "range(epochs)", "range(20)", "epochs is ignored"),
        ("index", "range(epochs)", "range(1, epochs)", "one epoch too few"),
        (
            "index",
            "rng.permutation(len(images))",
            "rng.integers(0, len(images), len(images))",
            "drawn with repeats: some twice, some never",
        ),
        ("index", "order[start : start + batch_size]", "order[:batch_size]", "the first batch again and again"),
        (
            "index",
            "order[start : start + batch_size]",
            "order[start : start + batch_size - 1]",
            "one image of each batch is left out",
        ),
        (
            "index",
            "order[start : start + batch_size]",
            "order[start : start + batch_size + 1]",
            "neighbouring batches share an image",
        ),
        (
            "step",
            "            losses.append(train_step(parameters, images[batch], labels[batch], lr))",
            "            loss = train_step(parameters, images[batch], labels[batch], lr)\n        losses.append(loss)",
            "one loss for each epoch",
        ),
        ("order", "return losses, accuracies", "return accuracies, losses", "the accuracies come first"),
        ("alias", "losses, accuracies = [], []", "losses = accuracies = []", "one list under two names"),
        (
            "alias",
            "batch_size, rng):\n    losses, accuracies = [], []",
            "batch_size, rng, losses=[], accuracies=[]):",
            "lists kept from call to call",
        ),
        (
            "mutation",
            "        order = rng.permutation(len(images))",
            "        order = np.arange(len(images))\n        state = rng.bit_generator.state\n        rng.shuffle(images)\n"
            "        rng.bit_generator.state = state\n        rng.shuffle(labels)",
            "the caller's images and labels are shuffled in place",
        ),
        (
            "extra term",
            "        accuracies.append",
            "        train_step(parameters, *test_data, lr)\n        accuracies.append",
            "one step on the test images in each epoch",
        ),
        (
            "case",
            "range(0, len(images), batch_size)",
            "range(0, len(images) - 1, batch_size)",
            "a last batch of one image is lost",
        ),
        (
            "index",
            "range(0, len(images), batch_size)",
            "range(batch_size, len(images), batch_size)",
            "the first batch is left out",
        ),
        (
            "step",
            "            losses.append(train_step(parameters, images[batch], labels[batch], lr))",
            "            losses.append(train_step(parameters, images[batch], labels[batch], lr))\n            break",
            "one batch for each epoch",
        ),
    ],
}

UNUSUAL = {
    "normalise": [
        """
def normalise(train_images, test_images):
    pixels = train_images.ravel()
    mean = sum(pixels.tolist()) / pixels.size
    spread = math.sqrt(sum((pixel - mean) ** 2 for pixel in pixels.tolist()) / pixels.size)
    return tuple((images - mean) / spread for images in (train_images, test_images))
""",
        """
def normalise(train_images, test_images):
    mean = train_images.mean()
    scale = 1 / np.sqrt(np.mean(np.square(train_images - mean)))
    return [(images * scale - mean * scale).astype(images.dtype) for images in (train_images, test_images)]
""",
        """
def normalise(train_images, test_images):
    train, test = train_images.copy(), test_images.copy()
    mean, std = train.mean(), train.std()
    for images in (train, test):
        images -= mean
        images /= std
    return train, test
""",
    ],
    "initial_parameters": [
        """
def initial_parameters(rng, inputs, hidden, classes):
    first = rng.normal(0, inputs**-0.5, size=(inputs, hidden)).astype(np.float32)
    rest = [np.zeros(shape, np.float32) for shape in ((hidden,), (hidden, classes), (classes,))]
    return [my_parts()[0](array, requires_grad=True) for array in [first, *rest]]
""",
        """
def initial_parameters(rng, inputs, hidden, classes):
    weight1 = rng.standard_normal((hidden, inputs)).T / math.sqrt(inputs)
    parameter = functools.partial(my_parts()[0], requires_grad=True)
    zeros = functools.partial(np.zeros, dtype=np.float32)
    return [parameter(weight1.astype(np.float32)), *map(parameter, map(zeros, (hidden, (hidden, classes), classes)))]
""",
        """
def initial_parameters(rng, inputs, hidden, classes):
    weight1 = np.sqrt(3 / inputs) * rng.uniform(-1, 1, (inputs, hidden))
    Tensor = my_parts()[0]
    arrays = (weight1, np.zeros(hidden), np.zeros((hidden, classes)), np.zeros(classes))
    return [Tensor(np.asarray(array, dtype=np.float32), requires_grad=True) for array in arrays]
""",
    ],
    "train_step": [
        """
def train_step(parameters, images, labels, lr):
    [setattr(parameter, "grad", None) for parameter in parameters]
    loss = loss_of(parameters, images, labels)
    before = loss.data.item()
    loss.backward()
    for k, parameter in enumerate(parameters):
        parameter.data -= np.multiply(lr, parameter.grad, dtype=parameter.data.dtype)
        parameters[k].grad = None
    return before
""",
        """
def train_step(parameters, images, labels, lr):
    earlier = [None if p.grad is None else p.grad.copy() for p in parameters]
    loss = loss_of(parameters, images, labels)
    loss.backward()
    for p, old in zip(parameters, earlier):
        gradient = p.grad if old is None else p.grad - old
        p.data, p.grad = p.data - lr * gradient, gradient
    return float(loss.data)
""",
    ],
    "accuracy": [
        """
def accuracy(parameters, images, labels):
    logits = forward(parameters, images).data
    right = 0
    for row, label in zip(logits.tolist(), labels):
        right += row.index(max(row)) == label
    return right / len(labels)
""",
        """
def accuracy(parameters, images, labels):
    parts = [forward(parameters, images[k : k + 4]).data for k in range(0, len(images), 4)]
    answers = np.argsort(-np.vstack(parts), axis=-1, kind="stable")[:, 0]
    return 1 - np.count_nonzero(answers - labels) / labels.size
""",
    ],
    "train": [
        """
def train(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    (images, labels), losses = train_data, []

    def epoch():
        for batch in np.split(order := rng.permutation(len(images)), range(batch_size, len(order), batch_size)):
            losses.append(train_step(parameters, images[batch], labels[batch], lr))
        return accuracy(parameters, *test_data)

    accuracies = [epoch() for _ in range(epochs)]
    return losses, accuracies
""",
        """
def train(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    losses, accuracies = [], []
    while len(accuracies) < epochs:
        waiting = list(range(len(train_data[0])))
        rng.shuffle(waiting)
        while waiting:
            batch, waiting = waiting[:batch_size], waiting[batch_size:]
            losses += [train_step(parameters, train_data[0][batch], train_data[1][batch], lr)]
        accuracies += [accuracy(parameters, test_data[0], test_data[1])]
    return losses, accuracies
""",
        """
def train(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    losses, accuracies = [], []
    for _ in range(epochs):
        order = np.argsort(rng.random(len(train_data[1])))
        images, labels = (array.take(order, axis=0) for array in train_data)
        for stop in range(batch_size, len(order) + batch_size, batch_size):
            window = slice(stop - batch_size, stop)
            losses.append(train_step(parameters, images[window], labels[window], lr))
        accuracies.append(accuracy(parameters, *test_data))
    return losses, accuracies
""",
    ],
}
