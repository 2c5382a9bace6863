"""First training run: the checks, the mistakes and the quiz."""

import math

import numpy as np

from lessons import mine
from lessons.exercise import Exercise, Mistake, Question, Wrong
from minivit.data import load

TITLE = "First training run"
MINUTES = 30
NEEDS = ["02", "04", "05", "06"]
GOALS = [
    "You can train a network on your own autograd and your own ops: batches, epochs, steps downhill.",
    "You can say what the first loss must be, and what it means when it is another number.",
    "You can keep a test set apart, and measure with it.",
    "You can recognise the usual silent bugs of a training loop by the curve that they draw.",
]
PICTURE = (
    "Left, the loss at each step of a training run: it starts at ln 10 = 2.3026, marked by a dashed line, falls steeply "
    "within the first epoch, and is near 0 after 20. Middle, the accuracy on 360 test digits: about 90 % after the first "
    "epoch, about 96 % at the end. Right, twenty test digits with the network's answers, the misread ones first."
)

# ---------------------------------------------------------------- normalise


def normalise_cases(rng):
    def images(*shape):
        return rng.uniform(0, 1, shape) ** 2

    return {
        "ordinary": (images(5, 2, 3, 1), 0.2 + images(3, 2, 3, 1)),
        "one test image": (images(4, 3, 2, 1), images(1, 3, 2, 1)),
        "without the channel axis": (images(3, 2, 2), images(2, 2, 2)),
        "pixels of the size of 1000": (1000 * images(2, 3, 3, 1), 1000 * images(2, 3, 3, 1)),
    }


def normalise_spec(train_images, test_images):
    pixels = [float(pixel) for pixel in train_images.flat]
    mean = sum(pixels) / len(pixels)
    std = math.sqrt(sum((pixel - mean) ** 2 for pixel in pixels) / len(pixels))
    parts = []
    for images in (train_images, test_images):
        part = np.empty_like(images)
        for index in np.ndindex(images.shape):
            part[index] = (images[index] - mean) / std
        parts.append(part)
    return tuple(parts)


STATISTICS = "mean, std = train_images.mean(), train_images.std()"

NORMALISE_MISTAKES = [
    Mistake(
        "The mean and the standard deviation are those of training and test images together. So the test images have had a "
        "part in preparing the training data: the test set has leaked. Both numbers come from the training images alone.",
        STATISTICS,
        "both = np.concatenate([train_images, test_images])\n    mean, std = both.mean(), both.std()",
    ),
    Mistake(
        "The test images are normalised with a mean and a standard deviation of their own. Then the same ink is another "
        "number in the test than it was in training, and the result for one image depends on which others are tested with it.",
        "test = (test_images - mean) / std",
        "test = (test_images - test_images.mean()) / test_images.std()",
    ),
    Mistake(
        "The statistics come from the test images, and the training images are normalised with them: that is a leak. It "
        "should be the other way round.",
        STATISTICS,
        "mean, std = test_images.mean(), test_images.std()",
    ),
    Mistake(
        "Every pixel position has a mean and a standard deviation of its own here (axis=0). Three pixels are black in all "
        "training digits: their standard deviation is 0, and 0 / 0 is no number. One mean and one deviation serve all pixels.",
        STATISTICS,
        "mean, std = train_images.mean(axis=0), train_images.std(axis=0)",
    ),
    Mistake(
        "The images are divided by the variance, the mean squared distance from the mean. Its root is the standard deviation.",
        STATISTICS,
        "mean, std = train_images.mean(), train_images.var()",
    ),
    Mistake(
        "The mean is subtracted after the division, in the wrong units: µ belongs to the pixels as they come in. Subtract it "
        "first, then divide by σ.",
        "train = (train_images - mean) / std",
        "train = train_images / std - mean",
    ),
    Mistake(
        "The mean is subtracted, but the division by the standard deviation is missing: the numbers lie around 0, and not 1 "
        "away from it.",
        "train = (train_images - mean) / std",
        "train = train_images - mean",
    ),
    Mistake(
        "The test images come back as they were. The network learns from normalised ink, so it must be tested on normalised ink.",
        "test = (test_images - mean) / std",
        "test = test_images * 1",
    ),
    Mistake("", "train = (train_images - mean) / std", "train_images -= mean\n    train = train_images / std", step="inputs"),
]

# ---------------------------------------------------------------- initial_parameters

HIDDEN_ZERO = (
    "The hidden layer's weights are all zero. Then hidden is 0 and weight2 is 0, so the gradients of both weights are 0: no "
    "weight ever moves, and the loss stays at ln 10."
)
HIDDEN_SAME = (
    "The hidden units are all equal: every column of weight1 holds the same numbers. So they compute the same, get the same "
    "gradient, and stay equal for ever, 128 copies of one unit. Chance has to make them different."
)
HEAD_NOT_ZERO = (
    "The first loss is not ln(classes): weight2 is not zero, so the network begins with an opinion, although it has seen "
    "nothing yet."
)
NO_SCALE = (
    "weight1 has the standard deviation 1. A hidden unit adds up `inputs` products, so its numbers are √inputs times too "
    "large: the scale that keeps them at size 1 is missing."
)
SCALE_BY_N = (
    "weight1 has the standard deviation 1/inputs. It is the mean *square* of a sum that grows with the number of inputs, "
    "s²·n, so the scale that cancels it is a root."
)
SCALE_BY_OUT = (
    "weight1 has the standard deviation 1/√hidden. The sum that should keep its size runs over what comes *in* to a hidden "
    "unit, so the number of inputs decides, not the number of units."
)
NOT_CENTRED = (
    "The numbers in weight1 do not have mean 0: they lean to one side. Then the products w_i·w_j do not cancel on average, "
    "and hidden units are large and alike."
)
OWN_DICE = "weight1 is not drawn from the rng that is passed in: the same seed gives other weights, and no run can be repeated."
SAME_DICE = "weight1 is the same for every seed: it is not drawn from the rng that is passed in."
BIAS_NOT_ZERO = "The biases should start at zero: they need no chance to differ, and a random bias2 changes the first loss."


def _data_of(parameters):
    if not isinstance(parameters, list | tuple) or len(parameters) != 4:
        raise Wrong("initial_parameters should give a list of four Tensors: weight1, bias1, weight2, bias2.")
    for name, parameter in zip(("weight1", "bias1", "weight2", "bias2"), parameters, strict=True):
        if not hasattr(parameter, "requires_grad") or isinstance(parameter, np.ndarray):
            raise Wrong(f"{name} is no Tensor: the line after your code makes Tensors of your four arrays. Is it still there?")
        if not parameter.requires_grad:
            raise Wrong(f"{name} does not want a gradient: a parameter is a Tensor with requires_grad=True.")
    return [np.asarray(parameter.data) for parameter in parameters]


def check_initial(function, namespace, rng):
    seed = int(rng.integers(1000))
    inputs, hidden, classes = 300, 400, 10
    arrays = _data_of(function(np.random.default_rng(seed), inputs, hidden, classes))
    weight1, bias1, weight2, bias2 = arrays
    wanted = {"weight1": (inputs, hidden), "bias1": (hidden,), "weight2": (hidden, classes), "bias2": (classes,)}
    for (name, shape), array in zip(wanted.items(), arrays, strict=True):
        if array.shape != shape:
            raise Wrong(f"{name} has the shape {array.shape}, and should have {shape}: a weight is (in, out), a bias (out,).")
        if array.dtype != np.float32:
            raise Wrong(f"{name} is {array.dtype}, and should be float32: twice the memory otherwise, and slower.")
        if not np.all(np.isfinite(array)):
            raise Wrong(f"{name} holds numbers that are not finite (nan or inf).")
    yield "four Tensors, float32, of the right shapes"

    if not weight1.any():
        raise Wrong(HIDDEN_ZERO)
    if np.all(weight1 == weight1[:, :1]):
        raise Wrong(HIDDEN_SAME)
    again = _data_of(function(np.random.default_rng(seed), inputs, hidden, classes))[0]
    if not np.array_equal(again, weight1):
        raise Wrong(OWN_DICE)
    if np.array_equal(_data_of(function(np.random.default_rng(seed + 1), inputs, hidden, classes))[0], weight1):
        raise Wrong(SAME_DICE)
    std = float(weight1.std())
    if abs(float(weight1.mean())) > 0.05 * std:  # 120,000 numbers: chance alone gives 0.003
        raise Wrong(f"{NOT_CENTRED}\ntheir mean is {weight1.mean():.4f}, their standard deviation {std:.4f}")
    want = 1 / math.sqrt(inputs)
    numbers = f"with {inputs} inputs and {hidden} hidden units: yours {std:.4f}, wanted {want:.4f}"
    for other, sentence in ((1.0, NO_SCALE), (1 / inputs, SCALE_BY_N), (1 / math.sqrt(hidden), SCALE_BY_OUT)):
        if abs(std / other - 1) < 0.03:
            raise Wrong(f"{sentence}\n{numbers}")
    if abs(std / want - 1) > 0.03:
        raise Wrong(f"The standard deviation of weight1 should be 1/√inputs.\n{numbers}")
    yield "hidden weights: random, mean 0, standard deviation 1/√inputs"

    if weight2.any():
        raise Wrong(HEAD_NOT_ZERO)
    if bias1.any() or bias2.any():
        raise Wrong(BIAS_NOT_ZERO)
    images = rng.standard_normal((6, 2, 3, 1)).astype(np.float32)
    loss = namespace["loss_of"](function(np.random.default_rng(seed), 6, 5, 10), images, np.arange(6))
    if abs(float(loss.data) - math.log(10)) > 1e-5:
        raise Wrong(f"With these parameters the first loss is {float(loss.data):.4f}, not ln 10 = 2.3026.")
    yield "the first loss is ln 10 = 2.3026"


WEIGHT1 = "weight1 = rng.standard_normal((inputs, hidden)) / math.sqrt(inputs)"
INITIAL_MISTAKES = [
    Mistake(HIDDEN_ZERO, WEIGHT1, "weight1 = np.zeros((inputs, hidden))"),
    Mistake(HIDDEN_SAME, WEIGHT1, "weight1 = np.full((inputs, hidden), 1 / math.sqrt(inputs))"),
    Mistake(
        HEAD_NOT_ZERO,
        "weight2 = np.zeros((hidden, classes))",
        "weight2 = rng.standard_normal((hidden, classes)) / math.sqrt(hidden)",
    ),
    Mistake(NO_SCALE, WEIGHT1, "weight1 = rng.standard_normal((inputs, hidden))"),
    Mistake(SCALE_BY_N, WEIGHT1, "weight1 = rng.standard_normal((inputs, hidden)) / inputs"),
    Mistake(SCALE_BY_OUT, WEIGHT1, "weight1 = rng.standard_normal((inputs, hidden)) / math.sqrt(hidden)"),
    Mistake(NOT_CENTRED, WEIGHT1, "weight1 = rng.random((inputs, hidden)) / math.sqrt(inputs)"),
    Mistake(OWN_DICE, WEIGHT1, "weight1 = np.random.default_rng().standard_normal((inputs, hidden)) / math.sqrt(inputs)"),
    Mistake(SAME_DICE, WEIGHT1, "weight1 = np.random.default_rng(0).standard_normal((inputs, hidden)) / math.sqrt(inputs)"),
    Mistake(BIAS_NOT_ZERO, "bias2 = np.zeros(classes)", "bias2 = rng.standard_normal(classes)"),
]

# ---------------------------------------------------------------- train_step

SIGN = (
    "The step goes uphill: each parameter moves along its gradient. The gradient says which way the loss *grows*, so the "
    "step has the other sign."
)
NOT_CLEARED = (
    "The old gradients are still there: the second step walks along the sum of both steps' gradients. backward adds to "
    ".grad, so somebody has to clear it before each backward. The loss falls at first, even faster, and then explodes."
)
SUM_FOR_MEAN = (
    "The step is too large by the number of images in the batch. cross_entropy takes the mean over the batch; the learning "
    "rate belongs to that mean, and nothing has to be multiplied by B."
)
MEAN_TWICE = (
    "The step is too small by the number of images in the batch. cross_entropy has taken the mean already, so its gradient "
    "is divided by B; yours divides once more."
)
NOTHING = "No parameter has changed: the new numbers were computed, but they have to become the parameter's own data."
SOME = "Some parameters have not moved: every one of the four takes a step, weights and biases."
SIGN_OF_GRADIENT = (
    "Each number moves by the same distance, lr, whatever its gradient: only the sign of the gradient is used. The step is "
    "lr times the gradient, large where the loss is steep."
)
LOSS_AFTER = (
    "train_step gives the loss after the step: a second forward pass that nobody needs. The loss that backward started from "
    "is asked for."
)
LOSS_TENSOR = (
    "train_step gives a Tensor. It holds on to the whole graph of its step, with all arrays, so a list of 900 of them fills "
    "the memory. A plain number is asked for."
)
FIXED_RATE = "The learning rate that is passed in is not the one that is used."
OTHER_BATCH = "The gradient is not that of the whole batch: a part of the images does not count."


def _gelu(z):
    gate = np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in z.ravel()]).reshape(z.shape)
    return z * gate, gate + z * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def _reference(arrays, images, labels):
    """The loss of the MLP and its four gradients, in plain float64."""
    weight1, bias1, weight2, bias2 = (np.asarray(array, dtype=np.float64) for array in arrays)
    x = np.asarray(images, dtype=np.float64).reshape(len(images), -1)
    hidden, slope = _gelu(x @ weight1 + bias1)
    logits = hidden @ weight2 + bias2
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    loss = -np.log(p[rows, labels]).mean()
    dlogits = p.copy()
    dlogits[rows, labels] -= 1
    dlogits /= len(x)
    dz = (dlogits @ weight2.T) * slope
    return float(loss), [x.T @ dz, dz.sum(axis=0), hidden.T @ dlogits, dlogits.sum(axis=0)]


def _close(a, b, scale):
    return all(np.abs(x - y).max() <= max(2e-4 * s, 3e-6) for x, y, s in zip(a, b, scale, strict=True))


def _batch(rng, size):
    images = rng.standard_normal((size, 2, 3, 1)).astype(np.float32)
    labels = rng.integers(4, size=size)
    images.flags.writeable = labels.flags.writeable = False
    return images, labels


def _data_after(parameters, shapes):
    for name, parameter, shape in zip(("weight1", "bias1", "weight2", "bias2"), parameters, shapes, strict=True):
        array = parameter.data
        if not isinstance(array, np.ndarray):
            raise Wrong(
                f"After the step, {name}.data is {type(array).__name__}, and should be an array as before: is it made of Tensors?"
            )
        if array.shape != shape:
            raise Wrong(f"After the step, {name} has the shape {array.shape}, and had {shape}: a step changes no shape.")
        if array.dtype != np.float32:
            raise Wrong(
                f"After the step, {name} is {array.dtype}, and was float32: is there a NumPy number of type float64 in the step?"
            )
        if not np.all(np.isfinite(array)):
            raise Wrong(f"After one step from ordinary numbers, {name} is not finite (nan or inf).")
    return [parameter.data.astype(np.float64) for parameter in parameters]


def _tensors(namespace, arrays):
    parts = namespace.get("my_parts")
    Tensor = parts()[0] if parts else mine.Tensor
    return [Tensor(array, requires_grad=True) for array in arrays]


def check_step(function, namespace, rng):
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((6, 5), (5,), (5, 4), (4,))]
    shapes = [array.shape for array in arrays]
    parameters = _tensors(namespace, [array.copy() for array in arrays])
    earlier = None
    for number, (size, lr) in enumerate(((7, 0.3), (7, 0.07), (3, 0.2)), start=1):
        images, labels = _batch(rng, size)
        before = [np.array(parameter.data, dtype=np.float64) for parameter in parameters]
        loss, gradients = _reference(before, images, labels)
        returned = function(parameters, images, labels, lr)
        after = _data_after(parameters, shapes)
        moves = [a - b for a, b in zip(after, before, strict=True)]
        _judge_moves(moves, before, gradients, earlier, lr, size, images, labels)
        yield f"step {number}: every parameter moves by -{lr} times its gradient ({size} images)"
        if hasattr(returned, "requires_grad"):
            raise Wrong(LOSS_TENSOR)
        if not isinstance(returned, float | int | np.floating) and not (
            isinstance(returned, np.ndarray) and returned.shape == ()
        ):
            raise Wrong(f"train_step should give the loss, a plain number; it gives {type(returned).__name__}.")
        if abs(float(returned) - loss) > 1e-4 * max(1, abs(loss)):
            if abs(float(returned) - _reference(after, images, labels)[0]) < 1e-4:
                raise Wrong(LOSS_AFTER)
            raise Wrong(f"train_step should give the mean loss of the batch.\nyours {float(returned):.5f}, wanted {loss:.5f}")
        earlier = gradients if earlier is None else [a + b for a, b in zip(earlier, gradients, strict=True)]
    yield "and it gives the loss before the step, as a number"


def _judge_moves(moves, before, gradients, earlier, lr, size, images, labels):
    right = [-lr * gradient for gradient in gradients]
    scale = [np.abs(move).max() for move in right]
    if _close(moves, right, scale):
        return
    still = [not move.any() for move in moves]
    if all(still):
        raise Wrong(NOTHING)
    if any(still):
        names = [name for name, s in zip(("weight1", "bias1", "weight2", "bias2"), still, strict=True) if s]
        raise Wrong(f"{SOME}\nunchanged: {', '.join(names)}")
    if earlier is not None:
        summed = [-lr * (old + new) for old, new in zip(earlier, gradients, strict=True)]
        if _close(moves, summed, [np.abs(move).max() for move in summed]):
            raise Wrong(NOT_CLEARED)
    sentences = {-1.0: SIGN, float(size): SUM_FOR_MEAN, 1 / size: MEAN_TWICE}
    for factor, sentence in sentences.items():
        if _close(moves, [factor * move for move in right], [abs(factor) * s for s in scale]):
            raise Wrong(sentence)
    if _close(moves, [-lr * np.sign(gradient) for gradient in gradients], [lr] * 4):
        raise Wrong(SIGN_OF_GRADIENT)
    flat, flat_right = (np.concatenate([m.ravel() for m in group]) for group in (moves, right))
    factor = float(flat @ flat_right / (flat_right @ flat_right))
    if _close(moves, [factor * move for move in right], [max(abs(factor), 1e-3) * s for s in scale]):
        raise Wrong(f"{FIXED_RATE}\nthe step is {factor:.4g} times -lr · gradient")
    part = _reference(before, images[:1], labels[:1])[1]
    if size > 1 and _close(moves, [-lr * gradient for gradient in part], [lr * np.abs(g).max() for g in part]):
        raise Wrong(OTHER_BATCH)
    worst = max(range(4), key=lambda i: float(np.abs(moves[i] - right[i]).max() / scale[i]))
    name = ("weight1", "bias1", "weight2", "bias2")[worst]
    i = np.unravel_index(np.abs(moves[worst] - right[worst]).argmax(), moves[worst].shape)
    raise Wrong(
        f"{name} does not move by -lr times the gradient of this batch's loss.\n"
        f"worst entry [{', '.join(map(str, i))}]: it moved by {moves[worst][i]:.5g}, wanted {right[worst][i]:.5g}"
    )


UPDATE = "parameter.data = parameter.data - lr * parameter.grad"
STEP_MISTAKES = [
    Mistake(NOT_CLEARED, "parameter.grad = None", "pass"),
    Mistake(SIGN, UPDATE, "parameter.data = parameter.data + lr * parameter.grad"),
    Mistake(SUM_FOR_MEAN, UPDATE, "parameter.data = parameter.data - lr * len(images) * parameter.grad"),
    Mistake(MEAN_TWICE, UPDATE, "parameter.data = parameter.data - lr * parameter.grad / len(images)"),
    Mistake(NOTHING, UPDATE, "new = parameter.data - lr * parameter.grad"),
    Mistake(
        SOME, f"    for parameter in parameters:\n        {UPDATE}", f"    for parameter in parameters[::2]:\n        {UPDATE}"
    ),
    Mistake(SIGN_OF_GRADIENT, UPDATE, "parameter.data = parameter.data - lr * np.sign(parameter.grad)"),
    Mistake(FIXED_RATE, UPDATE, "parameter.data = parameter.data - 0.2 * parameter.grad"),
    Mistake(
        LOSS_AFTER,
        f"        {UPDATE}\n",
        f"        {UPDATE}\n    loss = loss_of(parameters, images, labels)\n",
    ),
    Mistake(LOSS_TENSOR, "return float(loss.data)", "return loss"),
    Mistake(
        OTHER_BATCH,
        "    loss = loss_of(parameters, images, labels)\n",
        "    loss = loss_of(parameters, images[:1], labels[:1])\n",
    ),
]

# ---------------------------------------------------------------- accuracy

WRONG_AXIS = (
    "argmax runs over the wrong axis: it finds, for each class, the image with the largest logit. An image is a row, and its "
    "answer is the class with the largest logit in that row."
)
FLAT = (
    "argmax without an axis gives one place in the whole table, and every label is compared with that. Each image needs an "
    "answer of its own."
)
SMALLEST = "The answer is taken to be the class with the smallest logit, the one that the network holds for least likely."
ERROR_RATE = "This is the share of the images that are read wrongly, 1 minus the accuracy."
COUNT = (
    "This is the number of images that are read correctly. A share is asked for, from 0 to 1, so that test sets of any size "
    "compare."
)
PERCENT = "This is the accuracy in percent. A share is asked for, from 0 to 1."


def check_accuracy(function, namespace, rng):
    images_count = classes = 12  # a square, where the wrong axis is silent
    draws = []
    for share in (9, 7, 12):
        arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((6, 5), (5,), (5, classes), (classes,))]
        parameters = _tensors(namespace, arrays)
        images = rng.standard_normal((images_count, 2, 3, 1)).astype(np.float32)
        logits = np.asarray(namespace["forward"](parameters, images).data)
        labels = logits.argmax(axis=1)
        labels[share:] = (labels[share:] + rng.integers(1, classes, images_count - share)) % classes
        images.flags.writeable = labels.flags.writeable = False
        found = function(parameters, images, labels)
        if (
            hasattr(found, "requires_grad")
            or np.shape(found) != ()
            or not isinstance(found, float | int | np.number | np.ndarray)
        ):
            raise Wrong(f"accuracy should give one plain number; it gives {type(found).__name__} {np.shape(found) or ''}.")
        right = share / images_count
        others = {
            WRONG_AXIS: (logits.argmax(axis=0) == labels).mean(),
            FLAT: (logits.argmax() == labels).mean(),
            SMALLEST: (logits.argmin(axis=1) == labels).mean(),
            ERROR_RATE: 1 - right,
            COUNT: share,
            PERCENT: 100 * right,
        }
        draws.append((float(found), right, others))
    if any(abs(found - right) > 1e-6 for found, right, _ in draws):
        for sentence in draws[0][2]:
            if all(abs(found - others[sentence]) < 1e-6 for found, _, others in draws):
                raise Wrong(sentence)
        found, right = next((f, r) for f, r, _ in draws if abs(f - r) > 1e-6)
        raise Wrong(f"accuracy gives {found:.4g} where {round(12 * right)} of 12 images are read correctly: {right:.4g}.")
    yield "the share of correct answers, on a square table of logits too"

    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((6, 5), (5,), (5, 4), (4,))]
    parameters = _tensors(namespace, arrays)
    images = rng.standard_normal((7, 2, 3, 1)).astype(np.float32)
    labels = np.asarray(namespace["forward"](parameters, images).data).argmax(axis=1)
    labels[0] = (labels[0] + 1) % 4
    found = float(function(parameters, images, labels))
    if abs(found - 6 / 7) > 1e-6:
        raise Wrong(f"accuracy gives {found:.4g} where 6 of 7 images are read correctly, of 4 classes: {6 / 7:.4g}.")
    yield "on other sizes"


ANSWERS = "answers = logits.argmax(axis=-1)"
ACCURACY_MISTAKES = [
    Mistake(WRONG_AXIS, ANSWERS, "answers = logits.argmax(axis=0)"),
    Mistake(FLAT, ANSWERS, "answers = logits.argmax()"),
    Mistake(SMALLEST, ANSWERS, "answers = logits.argmin(axis=-1)"),
    Mistake(ERROR_RATE, "share = (answers == labels).mean()", "share = (answers != labels).mean()"),
    Mistake(COUNT, "share = (answers == labels).mean()", "share = (answers == labels).sum()"),
    Mistake(PERCENT, "share = (answers == labels).mean()", "share = 100 * (answers == labels).mean()"),
]

# ---------------------------------------------------------------- train

LEAK = (
    "Test images are trained on. Whatever the network is tested on must have had no part in training, or the accuracy tells "
    "only how much it remembers."
)
PAIRS = (
    "Images and labels do not belong together any more: they are taken in different orders, so an image is trained with the "
    "label of another one. All that can be learned from that is that the digits are equally frequent: the loss stays at ln "
    "10."
)
NO_SHUFFLE = (
    "The images come in the order in which they are stored. If they were sorted, each batch would hold one digit only: the "
    "order must be random."
)
SAME_ORDER = (
    "Every epoch visits the images in the same order: the same images share a batch each time. A new random order is needed "
    "in every epoch."
)
SAME_BATCHES = (
    "The same images share a batch in every epoch: only the order of the batches is random. A batch should be a new random "
    "sample each time."
)
LAST_BATCH = (
    "The last, incomplete batch of an epoch is dropped, so that its images are not learned from. It is smaller, and belongs "
    "to the epoch."
)
REPEATED = (
    "In one epoch some images come more than once and others not at all: are they drawn anew for each batch, or do the "
    "batches overlap? An epoch visits each image exactly once."
)
OVERLAP = "The batches overlap: images come several times in one epoch. The next batch begins where the one before ended."
TRAIN_ACCURACY = (
    "The accuracy is measured on the training images. It tells how much the network remembers; what it can read shows only "
    "on the test images."
)
EACH_EPOCH = "The accuracy is wanted once after each epoch, when all its batches are done."
TRAIN_DICE = (
    "The order is not drawn from the rng that is passed in: with the same seed, two runs visit the images in different orders."
)
TRAIN_SAME_DICE = "The order is the same for every seed: it is not drawn from the rng that is passed in."
ONE_LOSS = "The losses should hold one number for each step, what train_step gave, in order."
RATE = (
    "train_step is not given the learning rate that train was given. The loss is a mean over the batch: nothing has to be "
    "divided or multiplied by B."
)

N, M, SIZE, EPOCHS, RATE_GIVEN = 13, 4, 5, 3, 0.125


def _watch(function, namespace, seed):
    """What train did, as a list of events: recorders stand in for train_step and accuracy, which are checked on their own."""
    shapes = ((6, 2), (2,), (2, 100 + M), (100 + M,))  # a network that fits, for a train that does the steps itself
    events, parameters = [], _tensors(namespace, [np.zeros(shape, np.float32) for shape in shapes])

    def train_step(parameters, images, labels, lr):
        ids = np.asarray(images).reshape(len(images), -1)[:, 0].astype(int).tolist()
        events.append(("step", ids, np.asarray(labels).tolist(), float(lr), list(parameters)))
        return 2.0 + len(events) / 64

    def accuracy(parameters, images, labels):
        ids = np.asarray(images).reshape(len(images), -1)[:, 0].astype(int).tolist()
        events.append(("accuracy", ids, np.asarray(labels).tolist(), None, list(parameters)))
        return len(events) / 64

    def data(first, count):
        images = np.broadcast_to(np.arange(first, first + count, dtype=np.float32)[:, None, None, None], (count, 2, 3, 1)).copy()
        labels = np.arange(first, first + count)
        images.flags.writeable = labels.flags.writeable = False
        return images, labels

    for recorder in (train_step, accuracy):
        recorder.__qualname__ = recorder.__name__  # what Python says when the arguments do not fit
    scopes = {id(scope): scope for scope in (getattr(function, "__globals__", namespace), namespace)}.values()
    saved = [(scope, dict(scope)) for scope in scopes]
    try:
        for scope in scopes:
            scope["train_step"], scope["accuracy"] = train_step, accuracy
        rng = np.random.default_rng(seed)
        returned = function(parameters, data(0, N), data(100, M), EPOCHS, RATE_GIVEN, SIZE, rng)
    finally:
        for scope, before in saved:
            for name in ("train_step", "accuracy"):
                if name in before:
                    scope[name] = before[name]
                else:
                    scope.pop(name, None)
    return events, parameters, returned


def check_train(function, namespace, rng):
    seed = int(rng.integers(1000))
    events, parameters, returned = _watch(function, namespace, seed)
    steps = [event for event in events if event[0] == "step"]
    if not steps:
        raise Wrong("train never calls train_step: let it do the work for each batch.")
    if any(image >= 100 for _, ids, *_ in steps for image in ids):
        raise Wrong(LEAK)
    if any(ids != labels for _, ids, labels, *_ in steps):
        raise Wrong(PAIRS)
    if any(len(given) != 4 or any(a is not b for a, b in zip(given, parameters, strict=True)) for *_, given in events):
        raise Wrong("train_step and accuracy must be given the parameters that train was given: the same Tensors.")
    if any(lr != RATE_GIVEN for *_, lr, _ in steps):
        raise Wrong(RATE)
    yield "trains on training images only, each with its own label"

    epochs = _epochs(events)
    _judge_epochs(epochs)
    yield f"an epoch visits every image once: {N} images, batches of {SIZE}, {SIZE} and {N - 2 * SIZE}"

    orders = [[image for batch in epoch for image in batch] for epoch in epochs]
    if any(order == sorted(order) for order in orders):
        raise Wrong(NO_SHUFFLE)
    if any(order == orders[0] for order in orders[1:]):
        raise Wrong(SAME_ORDER)
    if all({frozenset(batch) for batch in epoch} == {frozenset(batch) for batch in epochs[0]} for epoch in epochs):
        raise Wrong(SAME_BATCHES)
    if [e[1] for e in _watch(function, namespace, seed)[0]] != [e[1] for e in events]:
        raise Wrong(TRAIN_DICE)
    if [e[1] for e in _watch(function, namespace, seed + 1)[0]] == [e[1] for e in events]:
        raise Wrong(TRAIN_SAME_DICE)
    yield "a new random order in each epoch, from the rng"

    _judge_returned(returned, events)
    yield "gives the losses of all steps, and the test accuracy after each epoch"
    yield from _train_for_real(function, namespace, seed)


def _epochs(events):
    """The batches of each epoch, as lists of image numbers: the accuracy that is measured after an epoch ends it."""
    measured = [event for event in events if event[0] == "accuracy"]
    if not measured:
        raise Wrong("train never calls accuracy: how well the network reads the test images is wanted after each epoch.")
    if any(image < 100 for _, ids, *_ in measured for image in ids):
        raise Wrong(TRAIN_ACCURACY)
    if any(ids != labels or sorted(ids) != list(range(100, 100 + M)) for _, ids, labels, *_ in measured):
        raise Wrong("The accuracy should be measured on all test images, each with its own label.")
    epochs, current = [], []
    for kind, ids, *_ in events:
        if kind == "step":
            current.append(ids)
        else:
            epochs.append(current)
            current = []
    if len(measured) != EPOCHS or current or not all(epochs):
        raise Wrong(f"{EACH_EPOCH}\nwith {EPOCHS} epochs it was measured {len(measured)} times")
    return epochs


def _judge_epochs(epochs):
    for epoch in epochs:
        visited = [image for batch in epoch for image in batch]
        sizes = [len(batch) for batch in epoch]
        missing = set(range(N)) - set(visited)
        found = ", ".join(map(str, sizes[:8])) + (", …" if len(sizes) > 8 else "")
        shown = f"{N} images in batches of {SIZE}: yours have the sizes {found}"
        if len(visited) > len(set(visited)):
            raise Wrong(f"{REPEATED if missing else OVERLAP}\n{shown}")
        if missing and len(visited) == N - N % SIZE:
            raise Wrong(f"{LAST_BATCH}\n{shown}")
        if missing:
            raise Wrong(f"An epoch visits every image, and yours leaves out {len(missing)} of {N}.\n{shown}")
        if sorted(sizes) != [N % SIZE] + [SIZE] * (N // SIZE):
            raise Wrong(f"The batches have the wrong sizes.\n{shown}; wanted {SIZE}, {SIZE}, {N % SIZE}")


def _judge_returned(returned, events):
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise Wrong("train should give two lists, the losses and the accuracies.")
    wanted = {
        kind: [base + i / 64 for i, event in enumerate(events, start=1) if event[0] == kind]
        for kind, base in (("step", 2.0), ("accuracy", 0.0))
    }
    for found, kind, sentence in (
        (returned[0], "step", ONE_LOSS),
        (returned[1], "accuracy", "The accuracies should hold one number for each epoch, what accuracy gave, in order."),
    ):
        found = [float(number) for number in found]
        if len(found) != len(wanted[kind]) or not np.allclose(found, wanted[kind]):
            raise Wrong(f"{sentence}\nyours has {len(found)} numbers, wanted {len(wanted[kind])}")


def _train_for_real(function, namespace, seed):
    """All five together, on the digits."""
    data = load("digits")
    rng = np.random.default_rng(seed)
    try:
        train_images, test_images = namespace["normalise"](data.train_images, data.test_images)
        parameters = namespace["initial_parameters"](rng, 64, 128, 10)
        train_data, test_data = (train_images, data.train_labels), (test_images, data.test_labels)
        losses, accuracies = function(parameters, train_data, test_data, 12, 0.2, 32, rng)
    except NotImplementedError:
        yield "the training on the digits waits for your other functions"
        return
    if abs(losses[0] - math.log(10)) > 1e-3:
        raise Wrong(
            f"On the digits the first loss is {losses[0]:.4f}, not ln 10 = 2.3026: is there a NO in a task before this one?"
        )
    if not accuracies[-1] > 0.93:
        raise Wrong(
            f"After 12 epochs on the digits {accuracies[-1]:.1%} of the test images are read correctly, and more than 93 % "
            "should be: is there a NO in a task before this one?"
        )
    yield f"trained on the digits: first loss {losses[0]:.4f}, and {accuracies[-1]:.1%} of the test digits read after 12 epochs"


ORDER = "order = rng.permutation(len(images))"
STEP = "losses.append(train_step(parameters, images[chosen], labels[chosen], lr))"
RANGE = "for start in range(0, len(images), batch_size):"
CHOSEN = "chosen = order[start : start + batch_size]"
MEASURE = "        accuracies.append(accuracy(parameters, *test_data))"
TRAIN_MISTAKES = [
    Mistake(
        LEAK,
        "images, labels = train_data",
        "images, labels = (np.concatenate([a, b]) for a, b in zip(train_data, test_data, strict=True))",
    ),
    Mistake(PAIRS, STEP, "losses.append(train_step(parameters, images[chosen], labels[start : start + batch_size], lr))"),
    Mistake(
        PAIRS,
        STEP,
        "losses.append(train_step(parameters, images[chosen], labels[rng.permutation(len(labels))[: len(chosen)]], lr))",
    ),
    Mistake(NO_SHUFFLE, ORDER, "order = np.arange(len(images))"),
    Mistake(SAME_ORDER, ORDER, "order = np.random.default_rng(0).permutation(len(images))"),
    Mistake(SAME_ORDER, ORDER, "order = order if losses else rng.permutation(len(images))"),
    Mistake(LAST_BATCH, RANGE, "for start in range(0, len(images) - batch_size + 1, batch_size):"),
    Mistake(OVERLAP, RANGE, "for start in range(0, len(images)):"),
    Mistake(REPEATED, RANGE, "for start in range(len(images) // batch_size):"),
    Mistake(REPEATED, CHOSEN, "chosen = rng.integers(len(images), size=min(batch_size, len(images) - start))"),
    Mistake(TRAIN_ACCURACY, MEASURE, "        accuracies.append(accuracy(parameters, images, labels))"),
    Mistake(EACH_EPOCH, MEASURE, "    accuracies.append(accuracy(parameters, *test_data))"),
    Mistake(EACH_EPOCH, MEASURE, "            accuracies.append(accuracy(parameters, *test_data))"),
    Mistake(TRAIN_DICE, ORDER, "order = np.random.default_rng().permutation(len(images))"),
    Mistake(RATE, STEP, "losses.append(train_step(parameters, images[chosen], labels[chosen], lr / len(chosen)))"),
    Mistake(
        ONE_LOSS,
        STEP,
        "loss = train_step(parameters, images[chosen], labels[chosen], lr)\n        losses.append(loss)",
    ),
]

EXERCISES = [
    Exercise(
        "normalise",
        cases=normalise_cases,
        spec=normalise_spec,
        mistakes=NORMALISE_MISTAKES,
        hints={
            "": (
                "Which images may decide what µ and σ are? And to which images are they applied?",
                "You need two plain numbers, computed once. NumPy arrays have a method for the mean and one for the standard "
                "deviation; without an axis they take all entries together.",
                "First the two numbers, from the training images. Then, for each of the two sets: subtract the first number, "
                "and divide by the second. Make new arrays; do not write into the ones that came in.",
            )
        },
        read={"": "Task 1: a test that stays apart"},
    ),
    Exercise(
        "initial_parameters",
        check=check_initial,
        mistakes=INITIAL_MISTAKES,
        hints={
            "": (
                "Three of the four arrays are the same everywhere. Which one needs chance, and why that one?",
                "A Generator has a method that draws numbers with mean 0 and standard deviation 1, for a shape that you pass "
                "as a tuple. Multiplying them by s gives them the standard deviation s.",
                "weight1: draw an array of its shape from rng, and divide it by the root of the number of inputs. The other "
                "three: zeros, of the shapes that the docstring lists. The line after your code makes float32 Tensors of "
                "them.",
            )
        },
        read={"": "Task 2: where to start, and the number 2.3026"},
    ),
    Exercise(
        "train_step",
        check=check_step,
        mistakes=STEP_MISTAKES,
        hints={
            "": (
                "Three things happen in every step: compute the loss, walk back, move the parameters. And one thing has to "
                "be undone first.",
                "Lesson 02's backward adds to .grad. What should .grad be when it starts? Then the formula: new = old minus "
                "η times gradient, for each of the four.",
                "A loop over the parameters that forgets their old gradients. Then loss_of gives the loss, a Tensor, and its "
                "method walks back. Then a second loop over the parameters, which gives each one's data a new value.",
            )
        },
        read={"": "Task 3: one step downhill"},
    ),
    Exercise(
        "accuracy",
        check=check_accuracy,
        mistakes=ACCURACY_MISTAKES,
        hints={
            "": (
                "The logits are a table with a row for each image. What does the network answer for one row?",
                "forward gives a Tensor, and its data is the array. argmax gives the place of the largest entry, along the "
                "axis that you name.",
                "Take the array of logits, find the place of the largest in each row, compare with the labels: that is an "
                "array of True and False. Its mean is the share of True.",
            )
        },
        read={"": "Task 4: how many are right?"},
    ),
    Exercise(
        "train",
        check=check_train,
        mistakes=TRAIN_MISTAKES,
        hints={
            "": (
                "Two loops, one inside the other. What happens once in an epoch, and what once in a batch?",
                "rng.permutation(n) gives the numbers 0 to n - 1 in a random order. A slice of it, used as an index, picks "
                "the images of one batch, and the same slice picks their labels.",
                "For each epoch: a new order; then a loop over where the batches start, 0, batch_size, twice batch_size, …, "
                "as long as that is smaller than the number of images; in it one slice of the order, and one call of "
                "train_step, whose result is kept. After that loop, but inside the outer one, measure the accuracy on the "
                "test pair, and keep it. A slice that runs past the end is simply shorter.",
            )
        },
        read={"": "Task 5: epochs and batches"},
    ),
]

QUIZ = [
    Question(
        "A classifier for 100 kinds of flowers prints 4.605 as its first loss. The last layer starts at zero. What do you think?",
        (
            "All is well so far: ln 100 is 4.605.",
            "Something is wrong: it should be 2.3026.",
            "Something is wrong: a network with zeros in the last layer has the loss 0.",
        ),
        0,
        "Equal logits give each of K classes the probability 1/K, and minus the logarithm of that is ln K. 2.3026 is ln 10.",
    ),
    Question(
        "The loss falls faster than ever before, and after fifty steps it explodes. What do you look at first?",
        (
            "Whether the test images were normalised.",
            "Whether the gradients are cleared before each step.",
            "Whether the hidden weights started at zero.",
        ),
        1,
        "Summed gradients act like ever larger steps in the direction of the past: good at first, and then there is no "
        "stopping. Hidden weights of zero keep the loss at ln 10, and test images do not touch the training loss.",
    ),
    Question(
        "You take batches of 128 for batches of 32. cross_entropy takes the mean over the batch. What becomes of the "
        "gradient of a weight?",
        (
            "It is about four times as large.",
            "It is about a quarter as large.",
            "It is about as large as before, and less noisy.",
        ),
        2,
        "A mean of 128 estimates the same number as a mean of 32, with less chance in it. With a sum it would be four times "
        "as large, and every change of the batch size would need another learning rate.",
    ),
    Question(
        "Someone normalises all 1,797 digits first, and then splits them into training and test. Does it matter?",
        (
            "No: no label was looked at.",
            "Yes: µ and σ were computed from test images too, so the test is no longer apart.",
            "Yes: the split must be done by chance, and after normalising that is not possible any more.",
        ),
        1,
        "A leak needs no labels. Here it is small; with other preparations (choosing pixels, filling gaps) it can be large, "
        "and you cannot see from the result which it was. Split first.",
    ),
    Question(
        "Why may the last layer start at zero, and the hidden layer not?",
        (
            "The last layer has fewer weights.",
            "If both are zero, hidden is zero and passes no gradient on; with random hidden weights, hidden differs from "
            "unit to unit, so the last layer's weights get different gradients.",
            "GELU is not defined at zero.",
        ),
        1,
        "The gradient of weight2 is made of hidden, and the gradient of hidden is made of weight2. One of the two must not "
        "be zero, and units that start out equal stay equal.",
    ),
]
