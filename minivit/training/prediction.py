"""What a trained model says to images."""

from contextlib import contextmanager

import numpy as np

from ..backend import to_device, to_host
from ..checks import whole
from ..engine import no_grad
from .parallel import lone_image, pieces_of, workers


@contextmanager
def predictor(model, batch_size=128, threads=None):
    """`with predictor(model) as logits: ...` makes logits(images) what predict(model, images) is, with one pool of threads
    for any number of calls. Within, the model is in evaluation mode; afterwards in the mode in which it was."""
    batch_size = whole("batch_size", batch_size, 1)
    was_training = model.training
    model.eval()

    def logits(images):
        if not len(images):
            return np.zeros((0, model.config.classes), np.float32)
        cut = pieces_of(model, min(batch_size, len(images)), len(images))
        with no_grad(), lone_image(model, len(images), threads):
            found = np.concatenate(run(lambda piece: to_host(model(to_device(images[piece], model.device)).data), cut))
        wrong = np.count_nonzero(~np.isfinite(found).all(axis=tuple(range(1, found.ndim))))
        if wrong:
            raise ValueError(
                f"the model's outputs are not numbers (NaN or infinite) for {wrong:,} of {len(found):,} images: its weights are "
                "damaged, or the images are; train it again, with a lower learning rate if that is where it was lost"
            )
        return found

    try:
        with workers(threads, model.device) as run:
            yield logits
    finally:
        model.train(was_training)


def predict(model, images, batch_size=128, threads=None):
    """The model's logits for normalised images (N, H, W, C), as a NumPy array (N, K), in evaluation mode.
    Raises ValueError if they are not numbers: no class could be read from them."""
    with predictor(model, batch_size, threads) as logits:
        return logits(images)


def accuracy(logits, labels):
    """The fraction of rows whose largest logit is at the label."""
    if np.ndim(logits) != 2 or np.shape(labels) != (len(logits),) or not len(logits):
        raise ValueError(
            f"accuracy takes logits (N, K) and N labels, at least one; got {np.shape(logits)} and {np.shape(labels)}"
        )
    return float((logits.argmax(axis=-1) == labels).mean())
