"""First training run: the checks, the mistakes and the quiz."""

import contextlib
import io
import math
from unittest import mock

import numpy as np

from lessons import mine
from lessons.exercise import Exercise, Mistake, Question, Wrong, kind
from minivit import Tensor, ops
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

NAMES = ("weight1", "bias1", "weight2", "bias2")

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
TRAIN = "train = (train_images - mean) / std"
TEST = "test = (test_images - mean) / std"
BARE = str.maketrans("", "", "()")
NORMALISE_MISTAKES = [
    Mistake(
        "µ and σ are those of training and test images together: the test has leaked into the training data. Both come from "
        "the training images alone.",
        STATISTICS,
        "both = np.concatenate([train_images, test_images])\n    mean, std = both.mean(), both.std()",
    ),
    Mistake(
        "The test images have a mean and a standard deviation of their own. Then the same ink is another number in the test "
        "than in training, and the answer for one image depends on which others are tested with it.",
        TEST,
        "test = (test_images - test_images.mean()) / test_images.std()",
    ),
    Mistake(
        "µ and σ come from the test images: that is a leak. It should be the other way round.",
        STATISTICS,
        "mean, std = test_images.mean(), test_images.std()",
    ),
    Mistake(
        "Every pixel position has a µ and a σ of its own here (axis=0). Three pixels have no ink in any training digit: their "
        "σ is 0, and 0 / 0 is no number. One µ and one σ serve all pixels.",
        STATISTICS,
        "mean, std = train_images.mean(axis=0), train_images.std(axis=0)",
    ),
    Mistake(
        "Every image has a µ and a σ of its own here, so the same ink is another number in each. One pair serves all images.",
        TRAIN,
        "each = train_images.reshape(len(train_images), -1).T\n"
        "    train = ((each - each.mean(axis=0)) / each.std(axis=0)).T.reshape(train_images.shape)",
    ),
    Mistake(
        "The images are divided by the variance, the mean squared distance from the mean. Its root is the standard deviation.",
        STATISTICS,
        "mean, std = train_images.mean(), train_images.var()",
    ),
    Mistake(
        "The mean is subtracted after the division. It belongs to the pixels as they come in: subtract first, then divide.",
        TRAIN,
        "train = train_images / std - mean",
    ),
    Mistake("Only the mean is divided by σ, and the image is not: are there brackets missing?", TRAIN, TRAIN.translate(BARE)),
    Mistake("The mean is subtracted, but the division by σ is missing.", TRAIN, "train = train_images - mean"),
    Mistake(
        "The test images come back as they were: the network would be tested on ink of another kind. Or µ and σ were taken from "
        "train after it had been normalised: by then they are 0 and 1.",
        TEST,
        "test = +test_images",
    ),
    Mistake(
        "µ comes from the training images and σ from the test's own: a leak. Both come from the training images.",
        TEST,
        "test = (test_images - mean) / test_images.std()",
    ),
    Mistake(
        "σ comes from the training images and µ from the test's own: a leak. Both come from the training images.",
        TEST,
        "test = (test_images - test_images.mean()) / std",
    ),
    Mistake(
        "σ² is divided by one less than the number of pixels (ddof=1). Here it is the plain mean of the squares.",
        STATISTICS,
        "mean, std = train_images.mean(), train_images.std(ddof=1)",
    ),
    Mistake("", TRAIN, "train_images -= mean\n    train = train_images / std", step="inputs"),
]

# ---------------------------------------------------------------- initial_parameters

HIDDEN_ZERO = "All hidden weights are zero. Then hidden and weight2 are 0, so both their gradients are: no weight ever moves."
HIDDEN_SAME = "Every column of weight1 is the same: the hidden units compute the same, learn the same, and stay equal for ever."
HEAD_NOT_ZERO = "The first loss is not ln(classes): weight2 is not zero, so the network starts with an opinion."
NO_SCALE = "weight1 has the standard deviation 1, but a hidden unit adds up `inputs` products: it is √inputs times too large."
SCALE_BY_N = "weight1 has the standard deviation 1/inputs. It is the mean *square* that grows like s²·n: the scale is a root."
SCALE_BY_OUT = "weight1 has the standard deviation 1/√hidden. What counts is how many products a unit adds up: `inputs`."
NOT_CENTRED = "The numbers in weight1 do not have mean 0: the products w_i·w_j do not cancel on average, as they should."
DICE = "weight1 is not drawn from the rng that is passed in: the same seed gives the same weights, another seed others."
BIAS_NOT_ZERO = "The biases should start at zero: they need no chance to differ, and a random bias2 changes the first loss."


def _data_of(parameters):
    if len(parameters) != 4 or not all(getattr(parameter, "requires_grad", False) for parameter in parameters):
        raise Wrong("Four Tensors with requires_grad=True are wanted: the lines after your code make them. Are they still there?")
    return [np.asarray(parameter.data) for parameter in parameters]


def check_initial(function, namespace, rng):
    seed, inputs, hidden, classes = int(rng.integers(1000)), 300, 400, 10
    arrays = _data_of(function(np.random.default_rng(seed), inputs, hidden, classes))
    weight1, bias1, weight2, bias2 = arrays
    for name, shape, array in zip(NAMES, ((inputs, hidden), (hidden,), (hidden, classes), (classes,)), arrays, strict=True):
        if array.shape != shape:
            raise Wrong(f"{name} has the shape {array.shape}, and should have {shape}: a weight is (in, out), a bias (out,).")
        if array.dtype != np.float32:
            raise Wrong(f"{name} is {array.dtype}, and should be float32: twice the memory otherwise, and slower.")
    yield "four Tensors, float32, of the right shapes"

    if not weight1.any():
        raise Wrong(HIDDEN_ZERO)
    if np.all(weight1 == weight1[:, :1]):
        raise Wrong(HIDDEN_SAME)
    if np.all(weight1 == weight1[:1]):
        raise Wrong(ROWS_SAME)
    again, other = (_data_of(function(np.random.default_rng(s), inputs, hidden, classes))[0] for s in (seed, seed + 1))
    if not np.array_equal(again, weight1) or np.array_equal(other, weight1):
        raise Wrong(DICE)
    std, want = float(weight1.std()), 1 / math.sqrt(inputs)
    if abs(float(weight1.mean())) > 0.05 * std:  # 120,000 numbers: chance alone gives 0.003
        raise Wrong(f"{NOT_CENTRED}\ntheir mean is {weight1.mean():.4f}, their standard deviation {std:.4f}")
    numbers = f"with {inputs} inputs and {hidden} hidden units: yours {std:.4f}, wanted {want:.4f}"
    for its, sentence in ((1.0, NO_SCALE), (1 / inputs, SCALE_BY_N), (1 / math.sqrt(hidden), SCALE_BY_OUT)):
        if abs(std / its - 1) < 0.03:
            raise Wrong(f"{sentence}\n{numbers}")
    if not abs(std / want - 1) < 0.03:
        raise Wrong(f"The standard deviation of weight1 should be 1/√inputs.\n{numbers}")
    yield "hidden weights: random, mean 0, standard deviation 1/√inputs"

    if weight2.any():
        raise Wrong(HEAD_NOT_ZERO)
    if bias1.any() or bias2.any():
        raise Wrong(BIAS_NOT_ZERO)
    images = rng.standard_normal((6, 2, 3, 1)).astype(np.float32)
    loss = float(namespace["loss_of"](function(np.random.default_rng(seed), 6, 5, 10), images, np.arange(6)).data)
    if abs(loss - math.log(10)) > 1e-5:
        raise Wrong(f"With these parameters the first loss is {loss:.4f}, not ln 10 = 2.3026.")
    yield "the first loss is ln 10 = 2.3026"


ROWS_SAME = (
    "Every row of weight1 is the same: a unit then sees the sum of all pixels and nothing else. Draw each entry by itself."
)
WEIGHT1 = "weight1 = rng.standard_normal((inputs, hidden)) / math.sqrt(inputs)"
WEIGHT2 = "weight2 = np.zeros((hidden, classes))"
INITIAL_MISTAKES = [
    Mistake(HIDDEN_ZERO, WEIGHT1, "weight1 = np.zeros((inputs, hidden))"),
    Mistake(HIDDEN_SAME, WEIGHT1, "weight1 = np.full((inputs, hidden), 1 / math.sqrt(inputs))"),
    Mistake(HEAD_NOT_ZERO, WEIGHT2, "weight2 = rng.standard_normal((hidden, classes)) / math.sqrt(hidden)"),
    Mistake(NO_SCALE, WEIGHT1, "weight1 = rng.standard_normal((inputs, hidden))"),
    Mistake(SCALE_BY_N, WEIGHT1, "weight1 = rng.standard_normal((inputs, hidden)) / inputs"),
    Mistake(SCALE_BY_OUT, WEIGHT1, "weight1 = rng.standard_normal((inputs, hidden)) / math.sqrt(hidden)"),
    Mistake(NOT_CENTRED, WEIGHT1, "weight1 = rng.random((inputs, hidden)) / math.sqrt(inputs)"),
    Mistake(DICE, WEIGHT1, "weight1 = np.random.default_rng().standard_normal((inputs, hidden)) / math.sqrt(inputs)"),
    Mistake(DICE, WEIGHT1, "weight1 = np.random.default_rng(0).standard_normal((inputs, hidden)) / math.sqrt(inputs)"),
    Mistake(BIAS_NOT_ZERO, "bias2 = np.zeros(classes)", "bias2 = rng.standard_normal(classes)"),
]

# ---------------------------------------------------------------- train_step

SIGN = "The step goes uphill. The gradient says which way the loss *grows*, so the step has the other sign."
NOT_CLEARED = (
    "The old gradients are still there: the step walks along the sum of all so far. backward adds to .grad, so somebody has to "
    "clear it before. The loss falls at first, even faster, and then explodes."
)
CLEARED_LATE = (
    "The gradients are cleared after the step only. The parameters held some when it was called, as they do when somebody has "
    "walked back from a loss before, and this batch's were added to those. They have to go before backward runs."
)
SUM_FOR_MEAN = "The step is B times too long. cross_entropy takes the mean over the batch already: do not multiply by B."
MEAN_TWICE = "The step is B times too short. cross_entropy takes the mean over the batch already: do not divide by B again."
NOTHING = "No parameter has changed: the new numbers were computed, but they have to become the parameter's own data."
SOME = "Some parameters have not moved: every one of the four takes a step, weights and biases."
LENGTH = "The direction is right, the length is not. It should be the lr that is passed in, times the gradient of one backward."
LOSS_BEFORE = "train_step should give the mean loss of the batch, as it was before the step."
LOSS_TENSOR = "train_step gives a Tensor, which keeps the graph of its step; 900 of them fill the memory. Give a plain number."


def _reference(arrays, images, labels):
    """The loss of the MLP and its four gradients, by the library, in float64."""
    parameters = [Tensor(np.asarray(array, dtype=np.float64), requires_grad=True) for array in arrays]
    weight1, bias1, weight2, bias2 = parameters
    hidden = ops.gelu(ops.linear(images.reshape(len(images), -1).astype(np.float64), weight1, bias1))
    loss = ops.cross_entropy(ops.linear(hidden, weight2, bias2), labels)
    loss.backward()
    return float(loss.data), [parameter.grad for parameter in parameters]


def _close(found, wanted):
    return all(np.abs(a - b).max() <= max(2e-4 * np.abs(b).max(), 3e-6) for a, b in zip(found, wanted, strict=True))


def _network(namespace, rng, classes):
    """Random parameters of the learner's own kind of Tensor, for images of 2 x 3 pixels and 5 hidden units."""
    Learners = namespace["my_parts"]()[0] if "my_parts" in namespace else mine.Tensor
    shapes = ((6, 5), (5,), (5, classes), (classes,))
    return [Learners(rng.standard_normal(shape).astype(np.float32), requires_grad=True) for shape in shapes]


def _images(rng, size):
    images = rng.standard_normal((size, 2, 3, 1)).astype(np.float32)
    images.flags.writeable = False
    return images


def _data_after(parameters, before):
    for name, parameter, old in zip(NAMES, parameters, before, strict=True):
        array = parameter.data
        if not isinstance(array, np.ndarray) or array.shape != old.shape or array.dtype != np.float32:
            raise Wrong(
                f"After the step, {name}.data is {kind(array)}; it was an array of shape {old.shape} and dtype "
                "float32, and should stay one. (NumPy's float64 numbers, np.sqrt(2), turn float32 into float64.)"
            )
    return [parameter.data.astype(np.float64) for parameter in parameters]


NEW_TENSORS = "There are new Tensors in the list. Whoever holds the old ones sees no step: change the .data of each."
FIRST_STEP = "The first step of all stops with an error: before any backward, each .grad is None."


def check_step(function, namespace, rng):
    try:
        function(_network(namespace, rng, 4), _images(rng, 3), np.arange(3), 0.1)
    except (TypeError, AttributeError) as error:
        if "NoneType" in str(error):
            raise Wrong(FIRST_STEP) from None
        raise
    parameters = _network(namespace, rng, 4)
    given = list(parameters)
    for parameter in parameters:  # somebody has walked back from a loss before
        parameter.grad = rng.standard_normal(parameter.data.shape).astype(np.float32)
    earlier = [parameter.grad.astype(np.float64) for parameter in parameters]
    for number, (size, lr) in enumerate(((7, 0.3), (7, 0.07), (3, 0.2)), start=1):
        images, labels = _images(rng, size), rng.integers(4, size=size)
        labels.flags.writeable = False
        before = [np.array(parameter.data, dtype=np.float64) for parameter in parameters]
        loss, gradients = _reference(before, images, labels)
        returned = function(parameters, images, labels, lr)
        if any(a is not b for a, b in zip(given, parameters, strict=True)):
            raise Wrong(NEW_TENSORS)
        after = _data_after(parameters, before)
        moves = [new - old for new, old in zip(after, before, strict=True)]
        if not _close(moves, [-lr * gradient for gradient in gradients]):
            late = all(parameter.grad is None or not np.any(parameter.grad) for parameter in parameters)
            raise Wrong(_why_not(moves, [-lr * g for g in gradients], earlier, lr, size, CLEARED_LATE if late else NOT_CLEARED))
        yield f"step {number}: every parameter moves by -{lr} times its gradient ({size} images)"
        if hasattr(returned, "requires_grad"):
            raise Wrong(LOSS_TENSOR)
        if not isinstance(returned, float | int | np.floating | np.ndarray) or np.shape(returned):
            raise Wrong(f"train_step should give the loss, a plain number; it gives {kind(returned)}.")
        if abs(float(returned) - loss) > 1e-4 * max(1, abs(loss)):
            raise Wrong(f"{LOSS_BEFORE}\nyours {float(returned):.5f}, wanted {loss:.5f}")
        earlier = [old + g for old, g in zip(earlier, gradients, strict=True)]
    yield "and it gives the loss before the step, as a number"


def _why_not(moves, right, earlier, lr, size, not_cleared):
    """The sentence for moves that are not the right ones."""
    still = [name for name, move in zip(NAMES, moves, strict=True) if not move.any()]
    if still:
        return NOTHING if len(still) == 4 else f"{SOME}\nunchanged: {', '.join(still)}"
    pairs = [([m], [r], [r - lr * g]) for m, r, g in zip(moves, right, earlier, strict=True)]
    if all(_close(m, r) or _close(m, summed) for m, r, summed in pairs):  # of some parameters, or of all
        names = [name for name, (m, r, _) in zip(NAMES, pairs, strict=True) if not _close(m, r)]
        return f"{not_cleared}\nnot cleared: {', '.join(names)}"
    for factor, sentence in ((-1, SIGN), (size, SUM_FOR_MEAN), (1 / size, MEAN_TWICE)):
        if _close(moves, [factor * move for move in right]):
            return sentence
    flat, flat_right = (np.concatenate([move.ravel() for move in group]) for group in (moves, right))
    factor = float(flat @ flat_right / (flat_right @ flat_right))
    if _close(moves, [factor * move for move in right]):
        return f"{LENGTH}\nyour step is {factor:.4g} times -lr · gradient"
    worst = max(range(4), key=lambda i: float(np.abs(moves[i] - right[i]).max() / np.abs(right[i]).max()))
    i = np.unravel_index(np.abs(moves[worst] - right[worst]).argmax(), moves[worst].shape)
    return (
        f"{NAMES[worst]} does not move by -lr times the gradient of this batch's loss. If your step looks right to you: have "
        "you changed something in your lessons 02 to 06 since their last check?\n"
        f"worst entry [{', '.join(map(str, i))}]: it moved by {moves[worst][i]:.5g}, wanted {right[worst][i]:.5g}"
    )


UPDATE = "parameter.data = parameter.data - lr * parameter.grad"
STEP_MISTAKES = [
    Mistake(NOT_CLEARED, "parameter.grad = None", "pass"),
    Mistake(NOT_CLEARED, "        parameter.grad = None", "        parameters[0].grad = None"),
    Mistake(SIGN, UPDATE, "parameter.data = parameter.data + lr * parameter.grad"),
    Mistake(SUM_FOR_MEAN, UPDATE, "parameter.data = parameter.data - lr * len(images) * parameter.grad"),
    Mistake(MEAN_TWICE, UPDATE, "parameter.data = parameter.data - lr * parameter.grad / len(images)"),
    Mistake(
        NEW_TENSORS,
        f"    for parameter in parameters:\n        {UPDATE}",
        "    Tensor = my_parts()[0]\n    for i, parameter in enumerate(parameters):\n"
        "        parameters[i] = Tensor(parameter.data - lr * parameter.grad, requires_grad=True)",
    ),
    Mistake(
        FIRST_STEP,
        "parameter.grad = None",
        "parameter.grad[:] = 0",
    ),
    Mistake(NOTHING, UPDATE, "new = parameter.data - lr * parameter.grad"),
    Mistake(SOME, f"in parameters:\n        {UPDATE}", f"in parameters[::2]:\n        {UPDATE}"),
    Mistake(LENGTH, UPDATE, "parameter.data = parameter.data - 0.2 * parameter.grad"),
    Mistake(LENGTH, "    loss.backward()\n", "    loss.backward()\n    loss.backward()\n"),
    Mistake(LOSS_BEFORE, "return float(loss.data)", "return float(loss_of(parameters, images, labels).data)"),
    Mistake(LOSS_TENSOR, "return float(loss.data)", "return loss"),
]

# ---------------------------------------------------------------- accuracy

WRONG_AXIS = "argmax runs down the columns, and finds an image for each class. A row is an image: look along the rows."
FLAT = "argmax without an axis gives one place in the whole table. Each image needs an answer of its own."
SMALLEST = "The answer is taken to be the class with the smallest logit, the one that seems least likely."
LARGEST = "No answer ever equals its label: is it the largest logit itself that you compare, and not its place in the row?"
ERROR_RATE = "This is the share of the images that are read wrongly, 1 minus the accuracy."
COUNT = "This is the number of images that are read correctly. A share is asked for, from 0 to 1."
PERCENT = "This is the accuracy in percent. A share is asked for, from 0 to 1."


def check_accuracy(function, namespace, rng):
    _accuracies(function, namespace, rng, ((9, 12, 12), (7, 12, 12), (12, 12, 12)))  # squares, where a wrong axis is silent
    _accuracies(function, namespace, rng, ((6, 7, 4), (41, 70, 4)))
    yield "the share of correct answers, also where there are as many images as classes, and for many images"


def _accuracies(function, namespace, rng, sizes):
    """Judges the accuracies for sizes (how many are right, images, classes); a mistake is named if it explains all of them."""
    draws = []
    for right, count, classes in sizes:
        parameters, images = _network(namespace, rng, classes), _images(rng, count)
        logits = np.asarray(namespace["forward"](parameters, images).data)
        first = np.argsort(-logits.max(axis=1))  # the largest logit of all in the first row: else FLAT is always 0
        images, swap = images[first], [int(logits[first[0]].argmax()), 0]
        for parameter in parameters[2:]:  # class 0 is the answer to the first image, which is read correctly
            parameter.data[..., swap] = parameter.data[..., swap[::-1]]
        logits = np.asarray(namespace["forward"](parameters, images).data)
        ranked = logits.argsort(axis=1)  # (count, classes), the answer last
        labels = ranked[:, -1].copy()
        place = rng.integers(0, classes - 1, count - right)
        place[::2] = classes - 2  # the second best answer, for half of those that are read wrongly
        place[1:2] = 0  # and once the worst: else SMALLEST is always 0
        labels[right:] = ranked[np.arange(right, count), place]
        images.flags.writeable = labels.flags.writeable = False
        found = function(parameters, images, labels)
        if hasattr(found, "requires_grad") or not isinstance(found, float | int | np.number | np.ndarray) or np.shape(found):
            raise Wrong(f"accuracy should give one plain number; it gives {kind(found)}.")
        others = {FLAT: np.mean(logits.argmax() == labels), SMALLEST: np.mean(logits.argmin(axis=1) == labels), LARGEST: 0}
        others |= {ERROR_RATE: 1 - right / count, COUNT: right, PERCENT: 100 * right / count}
        if count == classes:
            others[WRONG_AXIS] = np.mean(logits.argmax(axis=0) == labels)
        draws.append((float(found), right / count, others))
    if any(abs(found - wanted) > 1e-6 for found, wanted, _ in draws):
        for sentence in draws[0][2]:
            if all(abs(found - others[sentence]) < 1e-6 for found, _, others in draws):
                raise Wrong(sentence)
        found, (right, count, _) = next((d[0], size) for d, size in zip(draws, sizes, strict=True) if abs(d[0] - d[1]) > 1e-6)
        raise Wrong(f"accuracy gives {found:.4g} where {right} of {count} images are read correctly: {right / count:.4g}.")


ANSWERS = "answers = logits.argmax(axis=-1)"
SHARE = "share = (answers == labels).mean()"
ACCURACY_MISTAKES = [
    Mistake(WRONG_AXIS, ANSWERS, "answers = logits.argmax(axis=0)"),
    Mistake(FLAT, ANSWERS, "answers = logits.argmax()"),
    Mistake(SMALLEST, ANSWERS, "answers = logits.argmin(axis=-1)"),
    Mistake(LARGEST, ANSWERS, "answers = logits.max(axis=-1)"),
    Mistake(ERROR_RATE, SHARE, "share = (answers != labels).mean()"),
    Mistake(COUNT, SHARE, "share = (answers == labels).sum()"),
    Mistake(PERCENT, SHARE, "share = 100 * (answers == labels).mean()"),
]

# ---------------------------------------------------------------- train

LEAK = "Test images are trained on. What the network is tested on must have no part in training: it could be learned by heart."
PAIRS = (
    "Images and labels are taken in different orders, so an image is trained with the label of another one. All that can be "
    "learned from that is that the digits are equally frequent: the loss stays at ln 10."
)
NO_SHUFFLE = "The images come as they are stored: if that is sorted, a batch holds one digit only. Draw a random order."
SAME_ORDER = "The same images share a batch in every epoch. A new random order of all images is needed in each."
LAST_BATCH = "The last, smaller batch of an epoch is dropped, and its images are not learned from. It belongs to the epoch."
REPEATED = "Some images come more than once in an epoch. Each batch begins where the one before ended, in one order of all."
NO_BATCH = "What goes into train_step is no batch: B images with B labels are wanted, picked by a part of the order."
TEST_ACCURACY = "The accuracy is not that of all test images with their labels. Training images show what is remembered."
EACH_EPOCH = "The accuracy is wanted once for each epoch, after all its batches."
TRAIN_DICE = "The order is not drawn from the rng that is passed in: the same seed gives the same order, another seed another."
ONE_LOSS = "The losses should hold one number for each step, what train_step gave, in order."
ONE_ACCURACY = "The accuracies should hold one number for each epoch, what accuracy gave, in order."
RATE = "train_step is not given the learning rate that train was given. The loss is a mean: nothing depends on B."

LAST_STEP = (
    "After train the parameters are not what the last step made of them. If those with the best test accuracy are put back, "
    "then test images have had a part in making the network, and its accuracy on them says less."
)

N, M, SIZE, EPOCHS, RATE_GIVEN = 13, 4, 5, 3, 0.125


EMPTY = "A batch is empty: where N is a multiple of B, nothing is left over for one more."
CHANGED = "The images have been changed on their way to train_step: they come normalised, and go on as they are."


def _watch(function, namespace, seed, count=N):
    """What train did, as a list of events: recorders stand in for train_step and accuracy, which are checked on their own.

    The recorder of train_step moves the parameters, all by 1. The losses rise and the accuracies fall, so neither the best
    nor the most modest is the last.
    """
    events, parameters = [], _network(namespace, np.random.default_rng(0), 100 + M)  # fits, if train does the steps itself
    network = tuple(parameters)

    def recorder(kind):
        def record(parameters, images, labels, lr=None):
            if kind == "train_step" and lr is None:
                raise Wrong("train_step takes four things, parameters, images, labels and lr: one is missing.")
            images, labels = np.asarray(images), np.asarray(labels)
            if labels.shape != images.shape[:1]:
                raise Wrong(f"{NO_BATCH}\nimages of shape {images.shape}, labels of shape {labels.shape}")
            if not len(images):
                raise Wrong(EMPTY)
            events.append((kind, [int(image.flat[0]) for image in images], labels.tolist(), lr, list(parameters)))
            if kind == "train_step":
                for parameter in network:
                    parameter.data = parameter.data + np.float32(1)
            return _recorded(kind, len(events))

        record.__qualname__ = kind  # what Python says when the arguments do not fit
        return record

    def data(first, count):
        images = np.zeros((count, 2, 3, 1), np.float32) + np.arange(first, first + count, dtype=np.float32)[:, None, None, None]
        labels = np.arange(first, first + count)
        images.flags.writeable = labels.flags.writeable = False
        return images, labels

    recorders = {kind: recorder(kind) for kind in ("train_step", "accuracy")}
    with mock.patch.dict(namespace, recorders), mock.patch.dict(getattr(function, "__globals__", namespace), recorders):
        rng = np.random.default_rng(seed)
        returned = function(parameters, data(0, count), data(100, M), EPOCHS, RATE_GIVEN, SIZE, rng)
    return events, parameters, returned


def _recorded(kind, number):
    """What the recorder gives for the event of that number."""
    return 2 + number / 64 if kind == "train_step" else 1 - number / 64


def check_train(function, namespace, rng):
    seed = int(rng.integers(1000))
    events, parameters, returned = _watch(function, namespace, seed)
    steps = [event for event in events if event[0] == "train_step"]
    if not steps:
        raise Wrong("train never calls train_step: let it do the work for each batch.")
    if any(image >= 100 for _, ids, *_ in steps for image in ids):
        raise Wrong(LEAK)
    if any(sorted(ids) != sorted(labels) for _, ids, labels, *_ in steps) and {i for s in steps for i in s[1]} != set(range(N)):
        raise Wrong(CHANGED)
    if any(ids != labels for _, ids, labels, *_ in steps):
        raise Wrong(PAIRS)
    if any(len(given) != 4 or any(a is not b for a, b in zip(given, parameters, strict=True)) for *_, given in events):
        raise Wrong("train_step and accuracy must be given the parameters that train was given: the same Tensors.")
    if any(lr != RATE_GIVEN for *_, lr, _ in steps):
        raise Wrong(RATE)
    yield "trains on training images only, each with its own label"

    epochs = _epochs(events)
    _watch(function, namespace, seed, count=3 * SIZE)  # no batch is empty where no image is left over
    yield f"an epoch visits every image once: {N} images, batches of {SIZE}, {SIZE} and {N - 2 * SIZE}"
    if any([image for batch in epoch for image in batch] == list(range(N)) for epoch in epochs):
        raise Wrong(NO_SHUFFLE)
    if all({frozenset(batch) for batch in epoch} == {frozenset(batch) for batch in epochs[0]} for epoch in epochs):
        raise Wrong(SAME_ORDER)
    again, other = ([event[1] for event in _watch(function, namespace, s)[0]] for s in (seed, seed + 1))
    if again != [event[1] for event in events] or other == again:
        raise Wrong(TRAIN_DICE)
    yield "a new random order in each epoch, from the rng"

    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise Wrong("train should give two lists, the losses and the accuracies.")
    for found, what, sentence in zip(returned, ("train_step", "accuracy"), (ONE_LOSS, ONE_ACCURACY), strict=True):
        wanted = [_recorded(what, i) for i, event in enumerate(events, start=1) if event[0] == what]
        if len(found) != len(wanted) or not np.allclose([float(number) for number in found], wanted):
            raise Wrong(f"{sentence}\nyours has {len(found)} numbers, wanted {len(wanted)}")
    yield "gives the losses of all steps, and the test accuracy after each epoch"
    begun = _network(namespace, np.random.default_rng(0), 100 + M)
    if any(np.abs(now.data - then.data - len(steps)).max() > 1e-3 for now, then in zip(parameters, begun, strict=True)):
        raise Wrong(LAST_STEP)
    yield "leaves the parameters as the last step made them"
    yield _train_for_real(function, namespace, seed)


def _epochs(events):
    """The batches of each epoch, as lists of image numbers: the accuracy that is measured after an epoch ends it."""
    epochs, current = [], []
    for what, ids, labels, *_ in events:
        if what == "train_step":
            current.append(ids)
            continue
        if ids != labels or sorted(ids) != list(range(100, 100 + M)):
            raise Wrong(TEST_ACCURACY)
        epochs.append(current)
        current = []
    if len(epochs) != EPOCHS or current or not all(epochs):
        raise Wrong(
            f"{EACH_EPOCH}\nwith {EPOCHS} epochs you measure it {len(epochs)} times, and then train on {len(current)} batches"
        )
    for epoch in epochs:
        visited, sizes = [image for batch in epoch for image in batch], [len(batch) for batch in epoch]
        shown = f"\n{N} images in batches of {SIZE}: your batches have the sizes {', '.join(map(str, sizes[:8]))}"
        if len(visited) > len(set(visited)):
            raise Wrong(REPEATED + shown)
        if len(visited) == N - N % SIZE:
            raise Wrong(LAST_BATCH + shown)
        if len(visited) < N:
            raise Wrong(f"An epoch visits every image, and yours leaves out {N - len(visited)} of {N}.{shown}")
        if sorted(sizes) != [N % SIZE] + [SIZE] * (N // SIZE):
            raise Wrong(f"The batches have the wrong sizes.{shown}; wanted {SIZE}, {SIZE}, {N % SIZE}")
    return epochs


def _train_for_real(function, namespace, seed):
    """All five together, on the digits; the sentence to show. What is printed in so many steps is not."""
    data, rng = load("digits"), np.random.default_rng(seed)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            train_images, test_images = namespace["normalise"](data.train_images, data.test_images)
            parameters = namespace["initial_parameters"](rng, 64, 128, 10)
            train_data, test_data = (train_images, data.train_labels), (test_images, data.test_labels)
            losses, accuracies = function(parameters, train_data, test_data, 12, 0.2, 32, rng)
    except NotImplementedError:
        return "the training on the digits waits for your other functions"
    found = f"first loss {losses[0]:.4f}, and {accuracies[-1]:.1%} of the test digits read after 12 epochs"
    if abs(losses[0] - math.log(10)) > 1e-3 or not accuracies[-1] > 0.93:
        raise Wrong(
            "This function is right, but the training on the digits does not start at ln 10 = 2.3026 or does not get above "
            f"93 %: mend the tasks before this one first.\n{found}"
        )
    return f"trained on the digits: {found}"


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
    Mistake(NO_SHUFFLE, ORDER, "order = np.arange(len(images))"),
    Mistake(SAME_ORDER, ORDER, "order = np.random.default_rng(0).permutation(len(images))"),
    Mistake(SAME_ORDER, ORDER, "order = order if losses else rng.permutation(len(images))"),
    Mistake(LAST_BATCH, RANGE, "for start in range(0, len(images) - batch_size + 1, batch_size):"),
    Mistake(REPEATED, RANGE, "for start in range(0, len(images)):"),
    Mistake(REPEATED, CHOSEN, "chosen = rng.integers(len(images), size=min(batch_size, len(images) - start))"),
    Mistake(NO_BATCH, CHOSEN, "chosen = order[start]"),
    Mistake(TEST_ACCURACY, MEASURE, "        accuracies.append(accuracy(parameters, images, labels))"),
    Mistake(EACH_EPOCH, MEASURE, "    accuracies.append(accuracy(parameters, *test_data))"),
    Mistake(EACH_EPOCH, MEASURE, "            accuracies.append(accuracy(parameters, *test_data))"),
    Mistake(TRAIN_DICE, ORDER, "order = np.random.default_rng().permutation(len(images))"),
    Mistake(RATE, STEP, "losses.append(train_step(parameters, images[chosen], labels[chosen], lr / len(chosen)))"),
    Mistake(CHANGED, STEP, STEP.replace("images[chosen]", "images[chosen] - 1")),
    Mistake(EMPTY, RANGE, RANGE.replace("len(images)", "len(images) + 1")),
    Mistake(ONE_LOSS, STEP, f"{STEP.removeprefix('losses.append(')[:-1]}\n        losses.append(0.0)"),
]

EXERCISES = [
    Exercise(
        "normalise",
        cases=normalise_cases,
        spec=normalise_spec,
        outputs=("train", "test"),
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
