"""Other ways to write it."""

import functools
import math

import numpy as np

from lessons import mine

# what stands in the lesson, for the functions below


@functools.cache
def parts():
    return mine.op(mine.linear), mine.op(mine.gelu), mine.op(mine.cross_entropy)


def forward(parameters, images):
    linear, gelu, _ = parts()
    weight1, bias1, weight2, bias2 = parameters
    return linear(gelu(linear(images.reshape(len(images), -1), weight1, bias1)), weight2, bias2)


def loss_of(parameters, images, labels):
    return parts()[2](forward(parameters, images), labels)


# normalise


def with_multiplication(train_images, test_images):
    """x · (1/σ) - µ/σ."""
    scale = 1 / train_images.std()
    shift = -train_images.mean() * scale
    return train_images * scale + shift, test_images * scale + shift


def by_the_definition(train_images, test_images):
    mean = train_images.sum() / train_images.size
    centred = train_images - mean
    std = math.sqrt((centred * centred).sum() / train_images.size)
    return centred / std, (test_images - mean) / std


def with_a_function_inside(train_images, test_images):
    pixels = train_images.reshape(-1)
    mean, std = float(np.mean(pixels)), float(np.std(pixels))

    def prepare(images):
        return (images - mean) / std

    return tuple(prepare(images) for images in (train_images, test_images))


# initial_parameters


def with_normal(rng, inputs, hidden, classes):
    weight1 = rng.normal(0.0, inputs**-0.5, size=(inputs, hidden))
    arrays = [weight1, np.zeros(hidden), np.zeros((hidden, classes)), np.zeros(classes)]
    return [mine.Tensor(array.astype(np.float32), requires_grad=True) for array in arrays]


def with_uniform(rng, inputs, hidden, classes):
    """The uniform distribution from -a to a has the standard deviation a / √3."""
    a = math.sqrt(3 / inputs)
    weight1 = rng.uniform(-a, a, (inputs, hidden)).astype(np.float32)
    zeros = [np.zeros(shape, np.float32) for shape in ((hidden,), (hidden, classes), (classes,))]
    return [mine.Tensor(array, requires_grad=True) for array in (weight1, *zeros)]


def layer_by_layer(rng, inputs, hidden, classes):
    parameters = []
    for a, b, s in ((inputs, hidden, 1 / math.sqrt(inputs)), (hidden, classes, 0.0)):
        weight = s * rng.standard_normal((a, b), dtype=np.float32)
        for array in (weight, np.zeros(b, dtype=np.float32)):
            parameters.append(mine.Tensor(array, requires_grad=True))
    return parameters


# train_step


def in_place(parameters, images, labels, lr):
    for parameter in parameters:
        parameter.grad = None
    loss = loss_of(parameters, images, labels)
    loss.backward()
    for parameter in parameters:
        parameter.data -= lr * parameter.grad
    return float(loss.data)


def clearing_on_both_sides(parameters, images, labels, lr):
    """Between the forward and the backward, and once more after the step, to keep nothing."""
    loss = loss_of(parameters, images, labels)
    for parameter in parameters:
        parameter.grad = None
    loss.backward()
    for parameter in parameters:
        parameter.data = parameter.data + (-lr) * parameter.grad
        parameter.grad = None
    return loss.data.item()


def with_fresh_tensors(parameters, images, labels, lr):
    """Takes the step on Tensors of its own, and copies the result over."""
    own = [mine.Tensor(parameter.data, requires_grad=True) for parameter in parameters]
    loss = loss_of(own, images, labels)
    loss.backward()
    for parameter, copy in zip(parameters, own, strict=True):
        parameter.data = np.subtract(copy.data, np.multiply(copy.grad, lr))
    return float(loss.data)


def zeroing(parameters, images, labels, lr):
    for p in parameters:
        p.grad = np.zeros_like(p.data)
    loss = loss_of(parameters, images, labels)
    value = loss.data
    loss.backward()
    for i in range(len(parameters)):
        parameters[i].data = (parameters[i].data - lr * parameters[i].grad).astype(parameters[i].data.dtype)
    return value


# accuracy


def by_counting(parameters, images, labels):
    logits = forward(parameters, images).data
    right = 0
    for row, label in zip(logits, labels, strict=True):
        right += int(max(range(len(row)), key=lambda k, row=row: row[k]) == label)
    return right / len(labels)


def by_sorting(parameters, images, labels):
    return float(np.mean(np.argsort(forward(parameters, images).data, axis=1)[:, -1] == labels))


def by_the_largest(parameters, images, labels):
    """Right where the label's logit is the largest of its row."""
    logits = forward(parameters, images).data
    return np.count_nonzero(logits[np.arange(len(labels)), labels] == logits.max(axis=1)) / len(images)


def image_by_image(parameters, images, labels):
    return sum(forward(parameters, images[i : i + 1]).data.argmax() == labels[i] for i in range(len(images))) / len(images)


# train: these call train_step and accuracy, as the lesson says

train_step, accuracy = in_place, by_sorting


def shuffled_copies(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    losses, accuracies = [], []
    for _ in range(epochs):
        order = rng.permutation(len(train_data[0]))
        images, labels = train_data[0][order], train_data[1][order]
        while len(images):
            losses.append(train_step(parameters, images[:batch_size], labels[:batch_size], lr))
            images, labels = images[batch_size:], labels[batch_size:]
        accuracies.append(accuracy(parameters, test_data[0], test_data[1]))
    return losses, accuracies


def shuffling_a_list(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    losses, accuracies, order = [], [], list(range(len(train_data[1])))
    for _ in range(epochs):
        rng.shuffle(order)
        batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        losses += [train_step(parameters, train_data[0][batch], train_data[1][batch], lr=lr) for batch in batches]
        accuracies += [accuracy(parameters, images=test_data[0], labels=test_data[1])]
    return losses, accuracies


def with_the_library(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    from minivit.data import batches

    losses, accuracies = [], []
    for _ in range(epochs):
        for images, labels in batches(*train_data, batch_size, rng):
            losses.append(train_step(parameters, images, labels, lr))
        accuracies.append(accuracy(parameters, *test_data))
    return losses, accuracies


def splitting_the_order(parameters, train_data, test_data, epochs, lr, batch_size, rng):
    images, labels = train_data
    ends = list(range(batch_size, len(images), batch_size))
    history = []
    for _ in range(epochs):
        order = np.argsort(rng.random(len(images)))
        steps = [train_step(parameters, images[part], labels[part], lr) for part in np.split(order, ends)]
        history.append((steps, accuracy(parameters, *test_data)))
    return [loss for steps, _ in history for loss in steps], [share for _, share in history]


CORRECT = {
    "normalise": [with_multiplication, by_the_definition, with_a_function_inside],
    "initial_parameters": [with_normal, with_uniform, layer_by_layer],
    "train_step": [in_place, clearing_on_both_sides, with_fresh_tensors, zeroing],
    "accuracy": [by_counting, by_sorting, by_the_largest, image_by_image],
    "train": [shuffled_copies, shuffling_a_list, with_the_library, splitting_the_order],
}
