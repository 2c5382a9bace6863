"""The task of finding things: a class and a box for each. (Carion et al. 2020, arXiv 2005.12872, section 3.1.)

B batch, Q queries, M the most objects of an image, K classes; labels (B, M, 5) as in data/scenes.py

A query's answer has no place in an order: which object it is held to is found first (`match`), and then comes the loss
(`set_loss`), after every block of the decoder; a query that no object fell to is to say "no object".
"""

import numpy as np

from .. import ops
from ..backend import array_module, to_device, to_host
from ..data.scenes import NOTHING
from .average_precision import Found, precisions, summary
from .matching import match
from .prediction import predict

BOX, GIOU = 5, 2  # what the two terms of the boxes weigh beside that of the classes
NO_OBJECT, NO_OBJECT_IN_A_CELL = 0.5, 0.05  # what a query, or a cell, that should say so weighs beside one that has an object
SHAKE, OTHER_CLASS = 0.4, 0.2  # of noised boxes: the share of their size by which they move and grow; the share of other classes
IN_THE_WAY = "shift rotate thickness contrast mixup label_smoothing".split()


def matching_cost(logits, boxes, labels):
    """What it costs to let a query answer for an object, (B, Q, M), on arrays: logits (B, Q, K + 1), boxes (B, Q, 4).

    -p[class of the object] + 5 |box - its box| + 2 (-giou)        0 where there is no object
    """
    xp = array_module(logits)
    there, classes = _there(labels)
    p = ops.softmax.forward(logits)[0]
    p = xp.take_along_axis(p, classes[:, None], axis=2)  # (B, Q, M)
    one, other = boxes[:, :, None], labels[:, None, :, 1:]  # (B, Q, 1, 4), (B, 1, M, 4)
    cost = -p + BOX * xp.abs(one - other).sum(axis=-1) - GIOU * ops.giou.forward(one, other)[0]
    return xp.where(there[:, None], cost, 0)


def set_loss(logits, boxes, labels, which, objects, no_object=NO_OBJECT, total=None):
    """{"class", "box", "giou"}: the terms of the loss, once it is known which query answers for which object.

        class   the mean of -ln p[target] over all queries; those whose target is "no object", the last class, weigh `no_object`
        box     5 |box - true box|, summed over cx, cy, w, h and over the objects, / objects
        giou    2 (1 - giou), summed over the objects, / objects

    logits (B, Q, K + 1), boxes (B, Q, 4) Tensors; which (B, M), as of match; objects: how many there are, as these images' share
    of the batch. total: what the class term is divided by, in the place of the sum of all weights.
    """
    xp, (batch, queries, classes) = array_module(labels), logits.shape
    there, label = _there(labels)
    rows = xp.arange(batch)[:, None]
    target = xp.full((batch, queries + 1), classes - 1)
    target[rows, xp.where(there, which, queries)] = label  # those that are not there share a query more
    target = target[:, :queries]
    weights = xp.where(target == classes - 1, no_object, 1).astype(logits.dtype)
    total = no_object * (queries * batch - objects) + objects if total is None else total
    log_p = ops.log_softmax(logits)[rows, xp.arange(queries)[None], target]  # (B, Q)
    answered = boxes[rows, which]  # (B, M, 4)
    truth, there = labels[..., 1:], there.astype(logits.dtype)
    apart = ops.abs(answered - truth).sum(axis=-1)  # (B, M)
    return {
        "class": (log_p * weights).sum() * (-1 / total),
        "box": (apart * there).sum() * (BOX / objects),
        "giou": ((1 - ops.giou(answered, truth)) * there).sum() * (GIOU / objects),
    }


def _there(labels):
    """(which rows are objects, the class of each, 0 for the others), (B, M) each."""
    there = labels[..., 0] != NOTHING
    return there, array_module(labels).where(there, labels[..., 0], 0).astype(int)


def found_in(output):
    """What a model's output (N, Q, K + 5), a host array, says: Found, for each query its likeliest class that is one, with its
    probability; and (N, Q), whether the query found something: whether that class is likelier than no object."""
    p = ops.softmax.forward(output[..., :-4])[0]  # (N, Q, K + 1)
    classes = p[..., :-1].argmax(axis=-1)
    scores = np.take_along_axis(p, classes[..., None], axis=-1)[..., 0]
    return Found(scores, classes, output[..., -4:]), scores > p[..., -1]


class Detection:
    """Which things there are in an image, and where. The methods are those of task.py; the score is AP50.

    dataset                Scenes. Canvases of things that were set aside are the same at every look, with a seed of their own
    cost, match, set_loss  others than matching_cost, match and set_loss may be given
    """

    measure, right = "AP50", "all found"

    def __init__(self, dataset, recipe, cost=matching_cost, match=match, set_loss=set_loss):
        if wrong := [name for name in IN_THE_WAY if getattr(recipe, name)]:
            raise ValueError(f"{wrong[0]} is {getattr(recipe, wrong[0])}, which is for images without boxes: leave it at 0")
        self.dataset, self.recipe, self.cost, self.match, self.set_loss = dataset, recipe, cost, match, set_loss
        self.device = "cpu"

    def to(self, device):
        self.device = device
        return self

    def batch(self, images, labels, rng):
        """Scenes, mirrored or not, normalised. The truth is (labels (B, M, 5), how many objects an image has on average)."""
        images, labels = self.dataset.scenes(to_host(images), to_host(labels), rng)
        if self.recipe.flip:
            images, labels = _mirrored(images, labels, rng.random(len(images)) < 0.5)
        images = self.dataset.normalise(images)
        each = max(1, np.count_nonzero(labels[..., 0] != NOTHING)) / len(images)
        arrays = images, labels, np.full(len(images), each, np.float32)
        images, *truth = (to_device(array, self.device) for array in arrays)
        return images, tuple(truth)

    def loss(self, model, images, truth, rng):
        labels, each = truth
        objects = each[0] * len(images)  # these images' share of those of the batch
        queries, noised = model.config.num_queries, None
        if model.config.denoising:
            noised = _noised(labels, model.config, rng)
        layers, proposals = model.layers(images, noised)
        terms = []
        for logits, boxes in layers:
            own = logits[:, :queries], boxes[:, :queries]
            which = self.match(self.cost(own[0].data, own[1].data, labels))
            terms.append(self.set_loss(*own, labels, which, objects))
            if noised:
                terms.append(self._of_noised(logits[:, queries:], boxes[:, queries:], labels, objects, model.config))
        if proposals:
            cells = _cells(labels, model.config.grid)
            terms.append(self.set_loss(*proposals, labels, cells, objects, NO_OBJECT_IN_A_CELL, total=objects))
        parts = {name: sum(term[name] for term in terms) for name in terms[0]}
        right = _right_sets(layers[-1].logits.data[:, :queries].argmax(axis=-1), labels, model.config.classes)
        return sum(parts.values()), right, parts

    def _of_noised(self, logits, boxes, labels, objects, config):
        """Each of them has its object: group by group, in the order of the labels."""
        xp, most = array_module(labels), labels.shape[1]
        labels = xp.tile(labels, (1, config.denoising, 1))  # (B, G M, 5)
        which = xp.broadcast_to(xp.arange(config.denoising * most), labels.shape[:2])
        many = objects * config.denoising
        return self.set_loss(logits, boxes, labels, which, many, no_object=0, total=many)

    def score(self, model, images, labels, threads=None):
        """AP50, from 0 to 1. Raises ValueError if no image has an object."""
        images, labels = self.dataset.scenes(to_host(images), to_host(labels), np.random.default_rng(0))
        if not (labels[..., 0] != NOTHING).any():
            raise ValueError(
                f"there is no object in the {len(images)} images that were set aside: raise validation, or leave it at 0"
            )
        found, _ = found_in(predict(model, self.dataset.normalise(images), threads=threads))
        return float(np.nanmean(precisions(found, labels, len(self.dataset.classes), thresholds=[0.5])))

    @staticmethod
    def test(model, dataset, threads=None, temperature=1.0):
        """What the model finds in the test images: {"accuracy": AP50, and what `summary` has; "number_right", "set_right": the
        shares of the images of which the number of things is right, and which things; "found", "sure": as of found_in}."""
        output = predict(model, dataset.normalise(dataset.test_images), threads=threads)
        found, sure = found_in(output)
        result = summary(found, dataset.test_labels, len(dataset.classes))
        there = dataset.test_labels[..., 0] != NOTHING
        said = np.where(sure, found.classes, len(dataset.classes))
        sets = _right_sets(said, dataset.test_labels, len(dataset.classes)) / len(output)
        result |= {"accuracy": result["AP50"], "number_right": float((sure.sum(axis=1) == there.sum(axis=1)).mean())}
        return result | {"set_right": float(sets), "found": found, "sure": sure}


def _mirrored(images, labels, chosen):
    """Those that are chosen, left to right; their boxes too."""
    images = np.where(chosen[:, None, None, None], images[:, :, ::-1], images)
    labels, moved = labels.copy(), chosen[:, None] & (labels[..., 0] != NOTHING)
    labels[..., 1] = np.where(moved, 1 - labels[..., 1], labels[..., 1])
    return images, labels


def _cells(labels, grid):
    """The cell that holds the centre of each object, (B, M)."""
    xp, (rows, columns) = array_module(labels), grid
    column = xp.clip((labels[..., 1] * columns).astype(int), 0, columns - 1)
    return xp.clip((labels[..., 2] * rows).astype(int), 0, rows - 1) * columns + column


def _noised(labels, config, rng):
    """(classes (B, G, M), boxes (B, G, M, 4)): the objects, moved, stretched, and some taken for another class."""
    xp, shape = array_module(labels), (len(labels), config.denoising, labels.shape[1])
    _, classes = _there(labels)
    others = rng.integers(config.classes, size=shape)
    classes = xp.where(xp.asarray(rng.random(shape) < OTHER_CLASS), xp.asarray(others), classes[:, None])
    shake = xp.asarray(rng.uniform(-SHAKE, SHAKE, (*shape, 4)).astype(labels.dtype))
    centre, size = labels[:, None, :, 1:3], labels[:, None, :, 3:]
    return classes, xp.concatenate([centre + shake[..., :2] * size, size * (1 + shake[..., 2:])], axis=-1)


def _right_sets(said, labels, classes):
    """In how many images the classes that are said (B, Q), K for none, are those of the objects, each as often."""
    xp, every = array_module(labels), np.arange(classes)
    counts = [(values[..., None] == xp.asarray(every)).sum(axis=1) for values in (said, labels[..., 0])]  # 2 of (B, K)
    return (counts[0] == counts[1]).all(axis=1).sum()
