"""The names of ImageNet's 1,000 classes, in the order of the outputs of every model that learned them (LICENSE-imagenet.txt)."""

from pathlib import Path


def names():
    """A list of 1,000 texts, no two alike: class 134 is "crane bird", class 517 "crane"."""
    return (Path(__file__).parent / "imagenet.txt").read_text(encoding="utf-8").splitlines()
