"""How fashion-mini.npz was made: python -m minivit.data.make_fashion_mini FOLDER

FOLDER has the four IDX files of Fashion-MNIST (as in Debian's package dataset-fashion-mnist: /usr/share/datasets). Of each
class, 400 of its training images and 100 of its test images, drawn once with seed 0 and left in their order.
"""

import sys
from pathlib import Path

import numpy as np

from .fetch import copies
from .formats import idx

TRAIN, TEST = 400, 100  # of each class


def draw(labels, count, rng):
    """The indices, ascending, of `count` labels of each class."""
    return np.sort(np.concatenate([rng.permutation(np.flatnonzero(labels == k))[:count] for k in range(10)]))


def main(folder):
    found = copies.find("fashion-mnist", folder)
    missing = [file.name for file, path in found.items() if path is None]
    if missing:
        raise SystemExit(f"{folder} lacks {', '.join(missing)}")
    train_images, train_labels, test_images, test_labels = (
        idx.parse(copies.read(path, file), path, axes=3 if "images" in file.name else 1) for file, path in found.items()
    )
    rng = np.random.default_rng(0)
    train, test = draw(train_labels, TRAIN, rng), draw(test_labels, TEST, rng)
    np.savez_compressed(
        Path(__file__).with_name("fashion-mini.npz"),
        train_images=train_images[train],
        train_labels=train_labels[train],
        test_images=test_images[test],
        test_labels=test_labels[test],
    )


if __name__ == "__main__":
    main(sys.argv[1])
