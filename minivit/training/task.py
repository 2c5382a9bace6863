"""What is learned: the task tells the loop what a batch is made into, what the loss is, and what counts as right.

The loop knows neither images nor classes. A task of another kind has the same four methods:

    to(device)                             moves what it needs in every step, and returns itself
    batch(images, labels, rng)             (inputs, truth): what the model reads, and a tuple of arrays with an entry an image
    loss(model, inputs, truth, rng)        (a Tensor, the mean over these images; how many of them count as right); and, if the
                                           loss is a sum that people should see, its terms by name, {name: Tensor}
    score(model, images, labels, threads)  how good the model is on images as they are; higher is better

and test, for the end of a run; measure, what the score is called, and right, what counts as right in training.
"""

import numpy as np

from .. import ops
from ..backend import to_device
from ..data import augment
from ..data.datasets import normalise
from .calibration import calibration_error
from .prediction import accuracy, predict


class Classification:
    """Which of the data set's classes an image shows: cross-entropy, and the share of right answers."""

    measure, right = "accuracy", "accuracy"

    def __init__(self, dataset, recipe):
        size = dataset.train_images.shape[1:3]
        if recipe.shift >= min(size):
            raise ValueError(
                f"shift is {recipe.shift}: it can move images of {size[0]} x {size[1]} out of sight; it must be below {min(size)}"
            )
        self.dataset, self.recipe, self.classes = dataset, recipe, len(dataset.classes)
        self.mean, self.std = np.float32(dataset.mean), np.float32(dataset.std)

    def to(self, device):
        self.mean, self.std = to_device(self.mean, device), to_device(self.std, device)
        return self

    def batch(self, images, labels, rng):
        """Images augmented, normalised and mixed. The truth is (labels, targets): targets are what the loss is computed
        from, the labels themselves unless mixed."""
        recipe = self.recipe
        images = augment.augmented(images, recipe, rng)
        images, targets = normalise(images, self.mean, self.std), labels
        if recipe.mixup:
            images, targets = augment.mixup(images, labels, self.classes, recipe.mixup, rng)
        return images, (labels, targets)

    def loss(self, model, images, truth, rng):
        labels, targets = truth
        logits = model(images, rng=rng)
        loss = ops.cross_entropy(logits, targets, label_smoothing=self.recipe.label_smoothing)
        return loss, (logits.data.argmax(axis=-1) == labels).sum()

    def score(self, model, images, labels, threads=None):
        """The accuracy."""
        return accuracy(predict(model, self.dataset.normalise(images), threads=threads), labels)

    @staticmethod
    def test(model, dataset, threads=None, temperature=1.0):
        """What the model says to the test images: {"accuracy", "calibration_error", "probabilities" (N, K), "predicted" (N,)}."""
        logits = predict(model, dataset.normalise(dataset.test_images), threads=threads)
        probabilities = ops.softmax.forward(logits / np.float32(temperature))[0]
        found = {"accuracy": accuracy(logits, dataset.test_labels), "probabilities": probabilities}
        found["calibration_error"] = calibration_error(probabilities, dataset.test_labels)
        return found | {"predicted": probabilities.argmax(axis=1)}
