"""From scores to probabilities: softmax, its logarithm, and the cross-entropy loss of a classifier."""

from .. import kernels
from ..backend import array_module
from ..checks import check_answers, number
from ..engine import op


@op
def softmax(x, axis=-1):
    """p_i = exp(x_i) / sum_j exp(x_j) along one axis.

    dp_i / dx_j = p_i (1 if i = j else 0) - p_i p_j: raising one score raises its own probability and lowers all others.
    Summed over i with the upstream gradient:

        dx_j = sum_i dy_i dp_i/dx_j = p_j * (dy_j - sum_i dy_i p_i)
    """
    return kernels.run(softmax_plain, x, axis)


def softmax_plain(x, axis):
    """(p, backward). softmax(x) = softmax(x - c) for any number c; with the largest entry as c, exp cannot overflow."""
    e = array_module(x).exp(x - (x.max(axis=axis, keepdims=True) if x.size else 0))
    p = e / e.sum(axis=axis, keepdims=True)

    def backward(dy):
        return p * (dy - (dy * p).sum(axis=axis, keepdims=True))

    return p, backward


@op
def log_softmax(x, axis=-1):
    """y_i = x_i - ln sum_j exp(x_j), which stays exact where softmax would round to 0.

    dx_j = dy_j - p_j * sum_i dy_i,   p = softmax(x) = exp(y)
    """
    xp = array_module(x)
    if not x.size:
        return x.copy(), lambda dy: dy
    shifted = x - x.max(axis=axis, keepdims=True)
    y = shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))

    def backward(dy):
        return dy - xp.exp(y) * dy.sum(axis=axis, keepdims=True)

    return y, backward


@op(keeps=("labels",))
def cross_entropy(logits, labels, label_smoothing=0.0):
    """The mean over the batch of -sum_k t_k ln p_k, with p = softmax(logits): logits (B, K), labels (B,) of whole numbers.

    t is the target distribution: 1 - s + s/K for the label and s/K for every other class, s = label_smoothing
    (Szegedy et al. 2016, arXiv 1512.00567). Softmax and logarithm in one, the gradient becomes the plainest of all:

        d loss / d logits = (p - t) / B

    Labels may also be soft: floating-point targets (B, K), a row of probabilities an image, as mixup makes them. Then t is
    (1 - s) target + s/K. They are no weights: they get no gradient.

    Labels given as a host array are checked: a ValueError names the first that is no class, or the first row whose sum is
    not 1.
    """
    if logits.ndim != 2 or not logits.size:
        raise ValueError(f"cross_entropy takes logits (images, classes), at least one of each; got shape {logits.shape}")
    smoothing = number("label_smoothing", label_smoothing, most=1)
    labels, soft = check_answers(labels, *logits.shape)
    labels = array_module(logits).asarray(labels, logits.dtype if soft else None)
    return kernels.run(cross_entropy_plain, logits, labels, smoothing)


def cross_entropy_plain(logits, labels, label_smoothing):
    """(loss, backward); labels are on the device of the logits."""
    xp, (batch, classes), soft = array_module(logits), logits.shape, labels.dtype.kind == "f"
    rows = xp.arange(batch)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))  # (B, K)
    log_p_of_label = (labels * log_p).sum(axis=-1) if soft else log_p[rows, labels]
    loss = -(1 - label_smoothing) * log_p_of_label.mean()
    if label_smoothing:
        loss = loss - label_smoothing * log_p.mean()

    def backward(dy):
        p = xp.exp(log_p)
        p -= label_smoothing / classes
        if soft:
            p -= (1 - label_smoothing) * labels
        else:
            p[rows, labels] -= 1 - label_smoothing
        return p * (dy / batch), None

    return loss, backward
