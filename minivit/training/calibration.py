"""Whether probabilities can be trusted: of the answers that are 80 % sure, are 80 % right?"""

import numpy as np

from ..ops import softmax

BINS = 15


def calibration_error(probabilities, labels):
    """The expected calibration error of probabilities (N, K): the answers are sorted by how sure they are into BINS bins of one
    width, and the mean over all answers is taken of |share of right ones - mean sureness| of their bin (Guo et al. 2017)."""
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    of_bin = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = np.bincount(of_bin, weights=right - sure.astype(np.float64), minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure))


def best_temperature(logits, labels):
    """The T by which softmax(logits / T) gives the labels (N,) the largest likelihood, to two places. It changes no answer, only
    how sure it is. To be found on images that were neither trained nor tested on."""
    logits, rows = np.asarray(logits, dtype=np.float64), np.arange(len(labels))

    def loss(temperature):
        return -np.log(np.maximum(softmax.forward(logits / temperature)[0][rows, labels], 1e-300)).mean()

    return float(min(np.round(np.arange(0.1, 5.005, 0.01), 2), key=loss))


def temperature_of(about):
    """The temperature in what was saved about a model; 1 where nothing was."""
    value = about.get("temperature", 1)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
        raise ValueError(f"the model's temperature is {value!r}; it must be a number above 0")
    return float(value)
