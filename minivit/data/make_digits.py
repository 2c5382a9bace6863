"""How digits.npz was made: python -m minivit.data.make_digits digits.csv.gz

The source is the file `sklearn/datasets/data/digits.csv.gz` inside scikit-learn 1.9.1: a row an image, 64 pixels from 0 to
16 and the label. A fifth of each class becomes the test set, drawn once with seed 0.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np

from .datasets import stratified_test_mask

SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
TEST_IMAGES = 360


def main(source):
    compressed = Path(source).read_bytes()
    if hashlib.sha256(compressed).hexdigest() != SHA256:
        raise SystemExit(f"{source} is not the expected digits.csv.gz: its sha256 is not {SHA256}")
    table = np.loadtxt(gzip.decompress(compressed).decode().splitlines(), delimiter=",").astype(np.uint8)
    images, labels = table[:, :64].reshape(-1, 8, 8), table[:, 64]
    test = stratified_test_mask(labels, TEST_IMAGES, np.random.default_rng(0))
    np.savez_compressed(
        Path(__file__).with_name("digits.npz"),
        train_images=images[~test],
        train_labels=labels[~test],
        test_images=images[test],
        test_labels=labels[test],
    )


if __name__ == "__main__":
    main(sys.argv[1])
