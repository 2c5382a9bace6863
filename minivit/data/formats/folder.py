"""A data set of one's own as a folder of class folders with image files: cats/1.png, dogs/1.jpg, ..."""

import os
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from ..datasets import from_pixels, stratified_test_mask

SUFFIXES = {".png", ".jpg", ".jpeg"}
MOST_PIXELS = 1 << 23  # of one image: reading it takes about 40 bytes a pixel
MOST_BYTES = 2 << 30  # of all images as float32


def read(path):
    """The Dataset in a folder: a folder a class, named after it, with PNG or JPEG files; other files are passed over, and so
    are hidden ones. If there are train/ and test/ with the class folders inside, that is the split; else a fifth of each
    class, drawn with seed 0, is for testing.

    The first image decides: all are brought to its size, in grey if it is grey, in colours if not. They are read as
    `minivit predict` reads pictures; so a grey one with a light edge is inverted. Raises ValueError with the path."""
    path = Path(path)
    parts = [path / "train", path / "test"] if (path / "train").is_dir() and (path / "test").is_dir() else [path]
    folders = sorted(folder.name for folder in _visible(parts[0]) if folder.is_dir())
    if len(folders) < 2:
        raise ValueError(f"{parts[0]} has {len(folders)} class folders; it needs at least two, each with image files")
    files = [_files(part, folders) for part in parts]
    if not files[0]:
        raise ValueError(f"there is no PNG or JPEG file in the class folders of {parts[0]}")
    config = _first(files[0][0][0])
    size = sum(map(len, files)) * config.image_size[0] * config.image_size[1] * config.channels * 4
    if size > MOST_BYTES:
        raise ValueError(f"{path}: its images, at the size of the first, would take {size / 1e9:.0f} GB: make them smaller")
    images = [np.stack([_image(file, config) for file, _ in part]) for part in files if part]
    labels = [np.array([label for _, label in part], np.int64) for part in files]
    if len(parts) == 1:
        test = stratified_test_mask(labels[0], max(1, round(len(labels[0]) / 5)), np.random.default_rng(0))
        images, labels = [images[0][~test], images[0][test]], [labels[0][~test], labels[0][test]]
    elif len(images) == 1:
        raise ValueError(f"there is no PNG or JPEG file in the class folders of {parts[1]}")
    # a class is called the same whatever encoding the system says its names have
    classes = [os.fsencode(name).decode("utf-8", "surrogateescape") for name in folders]
    return from_pixels(str(path.resolve()), classes, images[0], labels[0], images[1], labels[1])


def _visible(folder):
    return [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]


def _files(folder, classes):
    """[(path, label)] of the image files, class by class, by name."""
    unknown = [entry.name for entry in _visible(folder) if entry.is_dir() and entry.name not in classes]
    if unknown:
        raise ValueError(f"{folder / unknown[0]} is a class that {folder.with_name('train')} does not have")
    return [
        (file, label)
        for label, name in enumerate(classes)
        if (folder / name).is_dir()
        for file in _visible(folder / name)
        if file.suffix.lower() in SUFFIXES and file.is_file()
    ]


def _header(path):
    """(width, height) as the picture is to be seen, and whether it is grey, from the file's header alone."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the pixels are counted below
            with Image.open(path, formats=("PNG", "JPEG")) as file:  # whatever the name says, nothing else is tried
                turned = file.getexif().get(0x0112) in (5, 6, 7, 8)  # the orientations that lie on their side
                size, grey = file.size[:: -1 if turned else 1], file.mode in ("1", "L", "LA", "I", "I;16", "I;16B", "F")
    except Image.DecompressionBombError:
        raise ValueError(f"{path} has far too many pixels; make it smaller, {MOST_PIXELS:,} at most") from None
    except Exception as error:  # PIL raises a different class for each kind of damage
        what = "is empty" if path.stat().st_size == 0 else f"cannot be read as a PNG or JPEG image ({type(error).__name__})"
        raise ValueError(f"{path} {what}: replace it, or take it out of the folder") from None
    if size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"{path} has {size[0]} x {size[1]} pixels; make it smaller, {MOST_PIXELS:,} at most")
    return size, grey


def _first(path):
    (width, height), grey = _header(path)
    return SimpleNamespace(image_size=(height, width), channels=1 if grey else 3)


def _image(path, config):
    """float32 (H, W, C) from 0 to 1."""
    from ..pictures import read_image

    _header(path)
    try:
        return read_image(path, config)[0]
    except Exception as error:  # again, any class
        message = str(error) if str(path) in str(error) else f"{path} cannot be read as an image ({type(error).__name__})"
        raise ValueError(message) from None
