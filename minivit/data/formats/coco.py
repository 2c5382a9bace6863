"""A data set of one's own with boxes: pictures, and in a JSON file of COCO's form what is where in them. (Lin et al. 2014, arXiv
1405.0312.)

    FOLDER/annotations.json, FOLDER/images/         a fifth of the pictures, drawn with seed 0, is for testing
    FOLDER/train/ and FOLDER/test/ (or val/, ...)   each with annotations.json and images/ of its own

What is read of the file, all lengths in pixels:

    images       [{"id", "file_name", "width", "height"}, ...]
    categories   [{"id", "name"}, ...]
    annotations  [{"image_id", "category_id", "bbox": [left, top, width, height]}, ...]; "iscrowd": 1 is for many in one box
"""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...checks import pair
from ..datasets import moments
from ..opening import decode, header, quiet, shades, span
from ..photographs import fitted
from ..scenes import NOTHING, Scenes
from . import tree
from .folder import MOST_BYTES, MOST_SIZE, common_size, in_threads

FILE, IMAGES = "annotations.json", "images"
SEEN = 0.5  # of an object's box: what the middle of a picture shows less of counts as not there


@dataclass
class Picture:
    """A file, its (width, height), and its objects, each (name of the class, [left, top, width, height])."""

    path: Path
    size: tuple
    objects: list = field(default_factory=list)


def parts(path):
    """The folders with an annotations.json: [the one to be split], [for training, for testing], or [] if this is no such data
    set."""
    path = Path(path)
    if (path / FILE).is_file():
        return [path]
    folders = {entry.name.casefold(): entry for entry in path.iterdir() if (entry / FILE).is_file()}
    train, test = (next((folders[name] for name in names if name in folders), None) for names in (tree.TRAIN, tree.TEST))
    return [part for part in (train, test) if part] if train else []


def read(path, image_size=None):
    """The Scenes in a folder. Every picture is brought to image_size as those of a folder of class folders are: the shorter side
    is resized and the middle cut out, and its boxes with it; an object of which less than half is left is left out. `notes` tell
    what was passed over. Raises ValueError, with the file, for one that is not as the heading says, or that names a picture
    outside its folder."""
    asked = None if image_size is None else pair("image_size", image_size)
    if asked and max(asked) > MOST_SIZE:
        raise ValueError(f"image_size is {asked[0]} x {asked[1]}; it must be at most {MOST_SIZE}")
    root, skipped = Path(path).resolve(), Counter()
    read_parts = [_listed(part, skipped) for part in parts(root)]
    classes = read_parts[0][0]
    for part, (names, _) in zip(parts(root), read_parts, strict=True):
        if unknown := [name for name in names if name not in classes]:
            raise ValueError(f"{part / FILE}: category {unknown[0]!r} is not among those of the part for training")
    counts = [len(pictures) for _, pictures in read_parts]
    pictures, faults = [picture for _, listed in read_parts for picture in listed], {}
    (height, width), resized, images = _images(root, pictures, asked, faults)
    there = np.array([number not in faults for number in range(len(pictures))], bool)
    rows = [_rows(one, classes, (height, width), skipped) if fine else [] for one, fine in zip(pictures, there, strict=True)]
    labels = _labels(rows)
    testing = np.arange(sum(counts)) >= counts[0]
    if len(counts) == 1:
        testing[np.random.default_rng(0).permutation(sum(counts))[: max(1, round(sum(counts) / 5))]] = True
    train, test = ((images[chosen], labels[chosen]) for chosen in (there & ~testing, there & testing))
    for name, part in (("learn from", train), ("test with", test)):
        if not len(part[0]):
            raise ValueError(f"{root}: there is no picture to {name}: {tree.shown(faults.values(), 1) or 'add some'}")
    reading = {"resized": resized, "inverted": False, "span": None}
    return Scenes(
        str(root), tuple(classes), *train, *test, *moments(train[0]), reading=reading, notes=tuple(_notes(faults, skipped))
    )


def _notes(faults, skipped):
    """What a person should know before training starts, a sentence each."""
    if faults:
        yield f"{len(faults):,} picture{'s' * (len(faults) != 1)} cannot be read: {tree.shown(faults.values(), 3)}"
    if skipped:
        yield f"objects passed over: {', '.join(f'{count:,} {why}' for why, count in skipped.most_common())}"


def _listed(folder, skipped):
    """(names of the classes, Pictures) of one annotations.json."""
    file, images = folder / FILE, (folder / IMAGES).resolve()
    try:
        content = json.loads(file.read_bytes())
        names = {one["id"]: str(one["name"]) for one in content["categories"]}
        pictures = {one["id"]: Picture(images / one["file_name"], (one["width"], one["height"])) for one in content["images"]}
        for picture in pictures.values():
            if not picture.path.resolve().is_relative_to(images):
                raise ValueError(f"{str(picture.path)!r} lies outside of {images}: put all pictures there")
        for one in content["annotations"]:
            box, picture, name = one["bbox"], pictures[one["image_id"]], names[one["category_id"]]
            if len(box) != 4 or not all(math.isfinite(number) for number in box):
                raise ValueError(f"bbox {box!r:.60} is not [left, top, width, height]")
            if one.get("iscrowd"):
                skipped["of many in one box"] += 1
            else:
                picture.objects.append((name, box))
        return [names[number] for number in sorted(names)], list(pictures.values())
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, OSError, RecursionError) as error:
        why = f"{error} is missing or unknown" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ValueError(f"{file} is no list of boxes in COCO's form: {why}") from None


def _images(root, pictures, asked, faults):
    """((height, width), whether that is not the files' own, images float32 (N, H, W, C), zeros where a file cannot be read)."""
    with quiet():
        headers = in_threads(header, [picture.path for picture in pictures], faults, None)
        known = [number for number in range(len(pictures)) if number not in faults]
        if not known:
            raise ValueError(f"{root}: none of its {len(pictures)} pictures can be read: {tree.shown(faults.values(), 1)}")
        for picture, seen in zip(pictures, headers, strict=True):
            if seen and tuple(picture.size) != seen[0]:
                raise ValueError(
                    f"{picture.path} is {seen[0][0]} x {seen[0][1]}, its annotations say {picture.size}: correct them"
                )
        size, resized = common_size({headers[number][0] for number in known}, asked)
        channels = 1 if 2 * sum(headers[number][1] for number in known) > len(known) else 3
        if (space := len(pictures) * math.prod(size) * channels * 4) > MOST_BYTES:
            raise ValueError(f"{root}: its pictures would take {space / 1e9:.0f} GB: make them smaller with --image-size")

        def pixels(path):
            picture, _ = decode(path, 2 * max(size))
            return fitted(shades(picture, span([picture])) if picture.mode == "F" else picture, *size, channels)

        unread, images = {}, np.zeros((len(pictures), *size, channels), np.float32)
        found = in_threads(pixels, [pictures[number].path for number in known], unread, root.name)
    faults |= {known[i]: why for i, why in unread.items()}
    for number, image in zip(known, found, strict=True):
        if image is not None:
            images[number] = np.divide(image, np.float32(255), dtype=np.float32)
    return size, resized, images


def _rows(picture, classes, shown, skipped):
    """[(class, cx, cy, w, h)] in fractions of what is shown, (height, width), of a picture; what has no size or is cut away is
    counted."""
    (width, height), (rows, columns), found = picture.size, shown, []
    middle = np.minimum((width, height), (height * columns / rows, width * rows / columns))  # what `fitted` cuts out
    away = (np.array(picture.size) - middle) / 2
    for name, box in picture.objects:
        start, size = np.array(box[:2], float) - away, np.array(box[2:], float)
        low, high = np.clip(start / middle, 0, 1), np.clip((start + size) / middle, 0, 1)
        if not (size > 0).all():
            skipped["without a size"] += 1
        elif ((high - low) * middle).prod() < SEEN * size.prod():
            skipped["cut away with the edge of a picture"] += 1
        else:
            found.append((classes.index(name), *(low + high) / 2, *(high - low)))
    return found


def _labels(rows):
    """(N, M, 5) of so many rows an image; where there is no object, NOTHING and zeros."""
    labels = np.zeros((len(rows), max(1, *map(len, rows)), 5), np.float32)
    labels[..., 0] = NOTHING
    for label, objects in zip(labels, rows, strict=True):
        label[: len(objects)] = np.array(objects).reshape(-1, 5)
    return labels
