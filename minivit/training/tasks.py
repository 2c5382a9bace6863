"""Which task a model is for: a DETR finds things, every other kind says what an image shows."""

from ..data.scenes import Scenes
from ..models.detr_config import DETRConfig
from .detection import Detection
from .task import Classification


def task_of(model, dataset, recipe):
    """The task of this model on this data set. Raises ValueError if the data have no boxes and the model looks for things, or the
    other way round."""
    return kind_of_task(type(getattr(model, "config", None)), dataset)(dataset, recipe)


def kind_of_task(config, dataset):
    """The class of the task, for the class of a model's configuration. Raises ValueError as task_of does."""
    finds, boxes = issubclass(config, DETRConfig), isinstance(dataset, Scenes)
    if boxes and not finds:
        raise ValueError(
            f"in an image of {dataset.name} are several things, each in a box: that is for a DETR, --config detr-digits"
        )
    if finds and not boxes:
        raise ValueError(f"a DETR looks for things in boxes, and {dataset.name} has none: take canvases, --config detr-digits")
    return Detection if finds else Classification
