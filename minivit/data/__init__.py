"""Images and labels: data sets, batches, augmentation, a drawing made into a digit."""

from .augment import shift
from .canvases import resized
from .catalogue import load
from .datasets import Dataset
from .loader import batches
from .scenes import Scenes
from .strokes import as_digits

__all__ = ["Dataset", "Scenes", "as_digits", "batches", "load", "resized", "shift"]
