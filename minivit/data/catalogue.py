"""Every data set by its name."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..checks import pair
from .datasets import Dataset, from_pixels, moments
from .fetch import copies
from .fetch.sources import SOURCES
from .paths import at_home
from .photographs import resized
from .scenes import Scenes

HERE = Path(__file__).parent
CANVASES = {"canvases": "digits", "canvases-clothes": "fashion-mini"}  # of which single things they are made
CANVAS_SIZE = 32  # unless another is asked for


def load(name, data_dir=None, image_size=None, channels=None):
    """The Dataset of that name, or of canvases the Scenes: one of SOURCES, or the path of a folder of class folders or of an .npz
    file (see folder.py and npz.py), which may start in `data_dir`; or of a folder with boxes, the Scenes (see coco.py).

    image_size: what the pictures of a folder are brought to, see folder.read, and how large canvases are; the images of other
    data sets are resized to it if they are of another size. channels: of a model that reads colours; grey images have that many
    equal ones then.

    What does not come with minivit is looked for in data_dir, in the cache and among the system's data sets, and otherwise
    downloaded into the cache; nothing else is written. Raises ValueError if there is no such data set, a file is damaged, or
    it cannot be had; it says what to do."""
    dataset = _read(name, data_dir, image_size)
    return dataset if channels is None or isinstance(dataset, Scenes) else coloured(dataset, channels)


def _read(name, data_dir, image_size):
    path = at_home(data_dir or "") / at_home(name) if name and isinstance(name, str | Path) else None
    known = isinstance(name, str) and name in SOURCES
    if not known and path is not None and path.is_dir():
        from .formats import coco, folder

        return (coco if coco.is_one(path) else folder).read(path, image_size)
    if known and name in CANVASES:
        from .canvases import canvases

        height, width = pair("image_size", CANVAS_SIZE if image_size is None else image_size)
        if height != width:
            raise ValueError(f"canvases are square; got image_size {height} x {width}")
        return canvases(_named(CANVASES[name], data_dir), name, height)
    if known:
        dataset = _named(name, data_dir)
    elif path is not None and path.suffix == ".npz":
        from .formats import npz

        dataset = npz.read(path)
    else:
        raise ValueError(
            f"there is no data set {str(name)!r}; there is {', '.join(SOURCES)}, "
            "or give a folder of class folders, one with boxes in COCO's form, or an .npz file"
        )
    size = None if image_size is None else pair("image_size", image_size)
    return dataset if size in (None, dataset.train_images.shape[1:3]) else _resized(dataset, size)


def coloured(dataset, channels):
    """The same Dataset with its grey images in so many equal channels, as views that take no memory; other images as they are."""
    parts = dataset.train_images, dataset.test_images
    if channels == 1 or any(images.shape[3] != 1 for images in parts):
        return dataset
    train, test = (np.broadcast_to(images, (*images.shape[:3], channels)) for images in parts)  # (N, H, W, channels)
    return replace(dataset, train_images=train, test_images=test, mean=dataset.mean * channels, std=dataset.std * channels)


def _resized(dataset, size):
    from .formats.folder import MOST_BYTES

    (height, width), parts = size, (dataset.train_images, dataset.test_images)
    space = sum(4 * len(images) * height * width * images.shape[3] for images in parts)
    if space > MOST_BYTES:
        raise ValueError(
            f"the images of {dataset.name} would take {space / 1e9:,.0f} GB at {height} x {width}: ask for fewer pixels"
        )
    train, test = (resized(images, size) for images in parts)
    mean, std = moments(train)
    return replace(dataset, train_images=train, test_images=test, mean=mean, std=std)


def _named(name, data_dir):
    if name == "digits":
        return _digits()
    if name == "fashion-mini":
        return _fashion_mini()
    return _cifar(name, data_dir) if name.startswith("cifar") else _idx(name, data_dir)


def obtain(name, data_dir=None):
    """The paths of the files of a data set, in the order of its Source; those that are not on this machine are downloaded."""
    found = copies.find(name, data_dir)
    missing = [file for file, path in found.items() if path is None]
    if missing:
        from .fetch.download import download

        folder = copies.cache_folder() / name
        print(f"minivit: downloading {name} into {folder}", file=sys.stderr)
        try:
            for file in missing:
                found[file] = download(file, SOURCES[name].addresses, folder)
        except OSError as error:
            names = ", ".join(file.remote_name for file in missing if found[file] is None)
            raise ValueError(
                f"{name} is not on this machine and could not be downloaded ({error}). Put {names} into {folder}, or name the "
                "folder where they are with --data-dir; digits and fashion-mini need no network"
            ) from None
    return list(found.values())


def _digits():
    """1,797 handwritten digits of 8 x 8 pixels (Alpaydin and Kaynak 1998, CC BY 4.0), split into 1,437 and 360."""
    with np.load(HERE / "digits.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for part in ("train", "test"):
        arrays[f"{part}_images"] = (arrays[f"{part}_images"].astype(np.float32) / 16)[..., None]  # (N, 8, 8, 1)
        arrays[f"{part}_labels"] = arrays[f"{part}_labels"].astype(np.int64)
    pixels = arrays["train_images"]
    return Dataset("digits", SOURCES["digits"].classes, **arrays, mean=(float(pixels.mean()),), std=(float(pixels.std()),))


def _fashion_mini():
    """5,000 images of clothes of 28 x 28 pixels from Fashion-MNIST (Zalando 2017, MIT), 400 and 100 of each class."""
    with np.load(HERE / "fashion-mini.npz", allow_pickle=False) as file:
        return from_pixels("fashion-mini", SOURCES["fashion-mini"].classes, **{name: file[name] for name in file.files})


def _idx(name, data_dir):
    from .formats import idx

    parts = []
    for file, path in zip(SOURCES[name].files, obtain(name, data_dir), strict=True):
        parts.append(idx.parse(copies.read(path, file), path, axes=3 if "images" in file.name else 1))
    return from_pixels(name, SOURCES[name].classes, *parts)


def _cifar(name, data_dir):
    from .formats import cifar

    source = SOURCES[name]
    (path,) = obtain(name, data_dir)
    copies.verify(path, source.files[0])
    return from_pixels(name, source.classes, *cifar.read(path, name, source.train + source.test))
