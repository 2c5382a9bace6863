"""Images and labels: data sets, batches, augmentation, a drawing made into a digit."""

from .augment import shift
from .catalogue import load
from .datasets import Dataset
from .loader import batches
from .strokes import as_digits

__all__ = ["Dataset", "as_digits", "batches", "load", "shift"]
