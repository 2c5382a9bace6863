"""Images and labels: data sets, batches, augmentation."""

from .augment import shift
from .catalogue import load
from .datasets import Dataset
from .loader import batches

__all__ = ["Dataset", "batches", "load", "shift"]
