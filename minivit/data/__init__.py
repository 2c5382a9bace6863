"""Images and labels: data sets, batches, augmentation."""

from .augment import shift
from .datasets import Dataset, load
from .loader import batches

__all__ = ["Dataset", "batches", "load", "shift"]
